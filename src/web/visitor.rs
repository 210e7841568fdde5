//! Who asks, as far as a request tells and as little as we keep.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use crate::work::track::Visitor;

/// The visitor of a request. A header that claims another address is not believed.
pub struct Asking(pub Visitor);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let purpose = format!("{} {}", text("sec-purpose"), text("purpose"));
        Ok(Self(Visitor {
            method: parts.method.as_str().to_owned(),
            agent: text(header::USER_AGENT.as_str()).to_owned(),
            network: peer(parts).map(network).unwrap_or_default(),
            prefetch: purpose.contains("prefetch") || purpose.contains("preview"),
        }))
    }
}

/// The address at the other end of the connection, where the server knows it.
pub fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// The network of an address: /24 or /48, enough to see a scanner and too little to see a person.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
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
    fn addresses_are_cut_to_their_network() {
        assert_eq!(network("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2::9".parse().unwrap()), "2001:db8:1::/48");
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
