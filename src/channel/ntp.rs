//! One question to a time server (SNTP, RFC 5905 section 14), by the `rsntp` crate.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use rsntp::{AsyncSntpClient, Config};
use tokio::{net::lookup_host, time::timeout};

/// Longest wait for a name, and again for the answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Where time servers listen.
const PORT: u16 = 123;

/// By how much this machine's clock is behind that of `server` (`host` or `host:port`), in milliseconds.
///
/// # Errors
/// Why it cannot be told, for the operator.
pub async fn behind_ms(server: &str) -> Result<i64, String> {
    let has_port = server.contains("]:") || (!server.starts_with('[') && server.matches(':').count() == 1);
    let place = if has_port { server.to_owned() } else { format!("{server}:{PORT}") };
    let found =
        timeout(ANSWER_MAX, lookup_host(place)).await.map_err(|_| "its name is not answered".to_owned())?;
    let address = found.map_err(|error| error.to_string())?.next();
    let address = address.ok_or_else(|| "the name has no address".to_owned())?;
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let client = AsyncSntpClient::with_config(Config::default().bind_address(local).timeout(ANSWER_MAX));
    let answer = client.synchronize(address.to_string()).await.map_err(|error| error.to_string())?;
    #[expect(clippy::cast_possible_truncation, reason = "136 years at most, by the width of a time stamp")]
    let behind_ms = (answer.clock_offset().as_secs_f64() * 1_000.0).round() as i64;
    Ok(behind_ms)
}
