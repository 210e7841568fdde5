//! One question to a time server (SNTP, RFC 4330).

use std::time::Duration;

use tokio::{
    net::UdpSocket,
    time::{Instant, timeout},
};

use crate::domain::kernel::clock::UtcMs;

/// Longest wait for the answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// From 1900, where NTP begins, to 1970, in seconds.
const EPOCH_S: i64 = 2_208_988_800;
/// Seconds until NTP's counter begins again.
const ERA_S: i64 = 1 << 32;
const PACKET_BYTES: usize = 48;

/// By how much the clock that reads `now_ms` is behind that of `server` (`host` or `host:port`), in milliseconds.
///
/// # Errors
/// Why it cannot be told, for the operator.
pub async fn behind_ms(server: &str, now_ms: UtcMs) -> Result<i64, String> {
    let name = server.trim_start_matches('[');
    let has_port = server.contains("]:") || (name.matches(':').count() == 1);
    let place = if has_port { server.to_owned() } else { format!("{server}:123") };
    let began = Instant::now();
    let answer = timeout(ANSWER_MAX, exchange(&place, now_ms)).await;
    let answer = answer.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    read(&answer, now_ms, took_ms)
}

async fn exchange(place: &str, now_ms: UtcMs) -> std::io::Result<Vec<u8>> {
    let mut failed = std::io::Error::other("the name has no address");
    for address in tokio::net::lookup_host(place).await? {
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).await?;
        // Only who is asked may answer.
        if let Err(error) = socket.connect(address).await {
            failed = error;
            continue;
        }
        let mut question = [0; PACKET_BYTES];
        question[0] = 0x23; // version 4, client
        question[40..].copy_from_slice(&stamp(now_ms));
        socket.send(&question).await?;
        let mut answer = vec![0; 128];
        let length = socket.recv(&mut answer).await?;
        answer.truncate(length);
        return Ok(answer);
    }
    Err(failed)
}

fn read(answer: &[u8], now_ms: UtcMs, took_ms: i64) -> Result<i64, String> {
    let field = |at: usize| answer.get(at..at + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let (Some(asked), Some(received), Some(sent)) = (field(24), field(32), field(40)) else {
        return Err("what answers there is no time server".to_owned());
    };
    let (leap, mode, stratum) = (answer[0] >> 6, answer[0] & 7, answer[1]);
    if mode != 4 || asked != stamp(now_ms) {
        return Err("what answers there is no time server".to_owned());
    }
    // Stratum 0 is a refusal (section 8), leap 3 a clock that was never set.
    if stratum == 0 || stratum > 15 || leap == 3 {
        return Err("it does not know the time itself, or refuses to tell".to_owned());
    }
    let (received_ms, sent_ms) = (unix_ms(received, now_ms), unix_ms(sent, now_ms));
    Ok(((received_ms - now_ms) + (sent_ms - (now_ms + took_ms))) / 2)
}

/// A time stamp of NTP: seconds since 1900, and 32 bits of a fraction.
fn stamp(at_ms: UtcMs) -> [u8; 8] {
    let seconds = (at_ms.div_euclid(1_000) + EPOCH_S).rem_euclid(ERA_S);
    let fraction = (at_ms.rem_euclid(1_000) << 32) / 1_000;
    (((seconds << 32) | fraction).cast_unsigned()).to_be_bytes()
}

/// The time that `stamp` means near `near_ms`.
fn unix_ms(stamp: [u8; 8], near_ms: UtcMs) -> UtcMs {
    let bits = u64::from_be_bytes(stamp);
    let seconds = i64::try_from(bits >> 32).unwrap_or(0) - EPOCH_S;
    let fraction_ms = i64::try_from(((bits & 0xffff_ffff) * 1_000) >> 32).unwrap_or(0);
    let eras = (near_ms.div_euclid(1_000) - seconds + ERA_S / 2).div_euclid(ERA_S);
    (seconds + eras * ERA_S) * 1_000 + fraction_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_799_744_400_250;

    /// What a server answers whose clock reads `at_ms`.
    fn answer(first: u8, stratum: u8, asked_ms: i64, at_ms: i64) -> Vec<u8> {
        let mut bytes = vec![0; PACKET_BYTES];
        (bytes[0], bytes[1]) = (first, stratum);
        bytes[24..32].copy_from_slice(&stamp(asked_ms));
        bytes[32..40].copy_from_slice(&stamp(at_ms));
        bytes[40..].copy_from_slice(&stamp(at_ms));
        bytes
    }

    #[test]
    fn stamps_read_back_in_any_era() {
        // The counter begins again on 7 February 2036.
        for at_ms in [0, NOW_MS, 2_085_978_495_000, 2_085_978_497_500, 4_000_000_000_000] {
            let back = unix_ms(stamp(at_ms), at_ms + 86_400_000);
            assert!((back - at_ms).abs() <= 1, "{at_ms} {back}");
        }
    }

    #[test]
    fn a_difference_is_told_and_what_is_no_answer_is_not_believed() {
        let behind = read(&answer(0x24, 2, NOW_MS, NOW_MS + 90_010), NOW_MS, 20).unwrap();
        assert!((behind - 90_000).abs() <= 1, "{behind}");
        for (bytes, why) in [
            (answer(0x24, 2, NOW_MS - 1_000, NOW_MS), "no time server"),
            (answer(0x23, 2, NOW_MS, NOW_MS), "no time server"),
            (answer(0x24, 0, NOW_MS, NOW_MS), "refuses"),
            (answer(0xe4, 2, NOW_MS, NOW_MS), "does not know"),
            (vec![0x24; 20], "no time server"),
        ] {
            let said = read(&bytes, NOW_MS, 20).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[tokio::test]
    async fn a_server_is_asked_over_udp() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let place = server.local_addr().unwrap().to_string();
        let answering = tokio::spawn(async move {
            let mut question = [0; 128];
            let (length, asker) = server.recv_from(&mut question).await.unwrap();
            assert_eq!(length, PACKET_BYTES);
            let mut bytes = answer(0x24, 1, 0, NOW_MS - 60_000);
            bytes[24..32].copy_from_slice(&question[40..48]);
            server.send_to(&bytes, asker).await.unwrap();
        });
        let behind = behind_ms(&place, NOW_MS).await.unwrap();
        assert!(
            (-61_600..=-60_000).contains(&behind),
            "{behind}: it is fast by a minute, and the answer took less than 3 s"
        );
        answering.await.unwrap();
    }
}
