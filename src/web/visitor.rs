//! Who asks, as far as a request tells and as little as we keep.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use crate::{
    domain::{engagement::is_prefetch, kernel::Network},
    work::{Context, track::Visitor},
};

/// Proxies one behind the other at most.
const PROXIES_MAX: usize = 10;

/// The visitor of a request. A header that claims another address is believed when a proxy of ours wrote it.
pub struct Asking(pub Visitor);

impl FromRequestParts<Arc<Context>> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, ctx: &Arc<Context>) -> Result<Self, Infallible> {
        let text =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self(Visitor {
            method: parts.method.as_str().to_owned(),
            agent: text(header::USER_AGENT.as_str()).to_owned(),
            network: client(parts, &ctx.settings.trusted_proxies)
                .map(|address| Network::kept_of(address).to_string())
                .unwrap_or_default(),
            prefetch: ["sec-purpose", "purpose", "x-moz", "x-purpose"]
                .iter()
                .any(|name| is_prefetch(text(name))),
        }))
    }
}

/// The address at the other end of the connection, where the server knows it.
pub fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// The address the request began at: each proxy of ours appends to `X-Forwarded-For` whom it was asked by, so the last
/// entry that is none of them is what somebody we trust saw. What stands before it anybody may have written.
fn client(parts: &Parts, proxies: &[Network]) -> Option<IpAddr> {
    let is_ours = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut address = peer(parts)?;
    let lines: Vec<&str> =
        parts.headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(PROXIES_MAX) {
        if !is_ours(address) {
            break;
        }
        let Some(before) = parsed(entry.trim()) else { break };
        address = before;
    }
    Some(address)
}

/// An address as proxies write it: bare, with a port, or an IPv6 one in brackets.
fn parsed(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').map_or(entry, |rest| rest.split(']').next().unwrap_or_default());
    let address = bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|with| with.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Whether the request names this machine itself as its host, so that no foreign page can reach it by a name it
/// controls (DNS rebinding).
pub fn is_loopback_host(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_proxies_of_ours_say_who_asks() {
        let asked = |peer: &str, proxies: &[&str], lines: &[&'static str]| {
            let (mut parts, ()) = axum::http::Request::new(()).into_parts();
            parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 9)));
            for line in lines {
                parts.headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            let proxies: Vec<Network> = proxies.iter().map(|proxy| Network::parse(proxy).unwrap()).collect();
            client(&parts, &proxies).unwrap().to_string()
        };
        let ours = ["127.0.0.1", "10.0.0.0/8"];
        assert_eq!(asked("203.0.113.7", &[], &["198.51.100.1"]), "203.0.113.7", "nobody is believed");
        assert_eq!(
            asked("203.0.113.7", &ours, &["198.51.100.1"]),
            "203.0.113.7",
            "they are no proxy of ours"
        );
        assert_eq!(asked("127.0.0.1", &[], &["198.51.100.1"]), "127.0.0.1");
        assert_eq!(asked("127.0.0.1", &ours, &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            asked("127.0.0.1", &ours, &["6.6.6.6, 198.51.100.1"]),
            "198.51.100.1",
            "spoofed before it"
        );
        assert_eq!(asked("127.0.0.1", &ours, &["6.6.6.6", "198.51.100.1, 10.1.1.1"]), "198.51.100.1");
        assert_eq!(asked("127.0.0.1", &ours, &["198.51.100.1, nonsense"]), "127.0.0.1");
        assert_eq!(asked("127.0.0.1", &ours, &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(asked("127.0.0.1", &ours, &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(asked("127.0.0.1", &ours, &[]), "127.0.0.1");
    }

    #[test]
    fn loopback_is_named_in_these_ways_only() {
        let of = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            is_loopback_host(&headers)
        };
        for good in ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "[::1]"] {
            assert!(of(good), "{good}");
        }
        for bad in ["127.0.0.1.evil.example", "evil.example", "", "[::ffff:8.8.8.8]", "192.168.0.1"] {
            assert!(!of(bad), "{bad}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("xdesk=1; desk=two; other=3"));
        assert_eq!(cookie(&headers, "desk").as_deref(), Some("two"));
        assert_eq!(cookie(&headers, "esk"), None);
    }
}
