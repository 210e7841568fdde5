//! The machine's clock against a time server that is right, or says another time.

use partnercast::work::doctor::{Group, Status, look_at};
use tokio::net::UdpSocket;

use super::{subject, worst, zone::zone};

/// A time server whose clock is `ahead_s` before that of whoever asks.
async fn server(ahead_s: i64) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let place = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut question = [0; 128];
        while let Ok((_, asker)) = socket.recv_from(&mut question).await {
            let seconds = u32::from_be_bytes(question[40..44].try_into().unwrap());
            let told = seconds.checked_add_signed(i32::try_from(ahead_s).unwrap()).unwrap().to_be_bytes();
            let mut answer = [0; 48];
            (answer[0], answer[1]) = (0x24, 2);
            answer[24..32].copy_from_slice(&question[40..48]);
            for at in [32, 40] {
                answer[at..at + 4].copy_from_slice(&told);
                answer[at + 4..at + 8].copy_from_slice(&question[44..48]);
            }
            socket.send_to(&answer, asker).await.unwrap();
        }
    });
    place
}

#[tokio::test]
async fn the_clock_is_compared_where_a_time_server_is_named() {
    let mut there = subject(zone(&[]));
    let (status, said) = worst(&look_at(&there, Group::Machine).await, "clock");
    assert!(status == Status::Unknown && said.contains("time_server = "), "nobody was asked: {said}");
    for (ahead_s, expected, words) in [
        (0, Status::Pass, "within 2 s of 127.0.0.1"),
        (-30, Status::Warn, "s before 127.0.0.1"),
        (30, Status::Warn, "s behind 127.0.0.1"),
        (3_600, Status::Fail, "timedatectl"),
    ] {
        there.time_server = Some(server(ahead_s).await);
        let (status, said) = worst(&look_at(&there, Group::Machine).await, "clock");
        assert!(status == expected && said.contains(words), "{ahead_s}: {said}");
    }
    there.time_server = Some("127.0.0.1:1".to_owned());
    assert_eq!(worst(&look_at(&there, Group::Machine).await, "clock").0, Status::Unknown);
}
