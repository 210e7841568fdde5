//! What a client of SMTP calls itself in EHLO (RFC 5321 sections 2.3.5, 4.1.1.1 and 4.1.3).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::domain::kernel::{Error, Result};

/// Longest domain, RFC 1035 section 2.3.4 without the root's dot.
const DOMAIN_BYTES_MAX: usize = 253;

/// A domain name, or an address in brackets where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloName(String);

impl HelloName {
    /// Checks what an operator wrote.
    ///
    /// # Errors
    /// Neither a domain name nor an address literal.
    pub fn parse(text: &str) -> Result<Self> {
        if is_domain(text) || is_literal(text) {
            return Ok(Self(text.to_owned()));
        }
        let how = match text.parse() {
            Ok(ip) => format!("an address is written `{}`", Self::literal(ip)),
            Err(_) => "letters, digits and hyphens between dots, beyond ASCII as A-labels".to_owned(),
        };
        Err(Error::invalid(format!("`{text}` is no domain name such as `news.example.com`: {how}")))
    }

    /// The host of a web address, if it is a name that others can look up.
    pub fn of_url(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let place = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = place.rsplit('@').next().unwrap_or(place);
        let host = host.split_once(':').map_or(host, |(host, _)| host).to_lowercase();
        // A name without a dot means something in one network only.
        (host.contains('.') && is_domain(&host)).then_some(Self(host))
    }

    /// An address as a name, for a machine that has none.
    pub fn literal(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(format!("[{ip}]")),
            IpAddr::V6(ip) => Self(format!("[IPv6:{ip}]")),
        }
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // No top-level domain is a number: that is an address without brackets.
    let is_number =
        text.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= DOMAIN_BYTES_MAX && text.split('.').all(is_label) && !is_number
}

fn is_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    match inner.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address.parse::<Ipv6Addr>().is_ok(),
        _ => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_are_taken_and_nothing_that_could_break_the_line() {
        let long = ["abcdefghi"; 30].join(".");
        for good in
            ["news.example.com", "mail", "xn--bcher-kva.example", "[198.51.100.25]", "[IPv6:2001:db8::1]"]
        {
            assert_eq!(HelloName::parse(good).unwrap().to_string(), good);
        }
        let bad = [
            "",
            "a b",
            "a\r\nMAIL",
            "a..b",
            "-a.example",
            "a.example.",
            "bücher.example",
            "under_score.example",
            "[198.51.100]",
            "[IPv6:198.51.100.25]",
            "[]",
            "[",
            &long,
        ];
        for bad in bad {
            assert!(HelloName::parse(bad).is_err(), "{bad:?}");
        }
        for (bare, right) in [("198.51.100.25", "[198.51.100.25]"), ("2001:db8::1", "[IPv6:2001:db8::1]")] {
            assert!(HelloName::parse(bare).unwrap_err().public().contains(right), "{bare}");
        }
    }

    #[test]
    fn the_host_of_a_web_address_is_a_name_where_it_can_be_looked_up() {
        let of = |url| HelloName::of_url(url).map(|name| name.to_string());
        assert_eq!(of("https://News.Example.com:8443/a@b"), Some("news.example.com".to_owned()));
        assert_eq!(of("https://news.example.com"), Some("news.example.com".to_owned()));
        for none in
            ["", "http://localhost:8000", "http://127.0.0.1", "http://[::1]:80/", "https://bücher.example"]
        {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(HelloName::literal("::ffff:127.0.0.1".parse().unwrap()).to_string(), "[127.0.0.1]");
        assert_eq!(HelloName::literal("::1".parse().unwrap()).to_string(), "[IPv6:::1]");
    }
}
