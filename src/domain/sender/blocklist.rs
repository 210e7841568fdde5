//! Blocklists in DNS (RFC 5782): what to ask one, and what its answer means.

use std::net::{IpAddr, Ipv4Addr};

/// An address that each list must hold, so that it can be seen to work (RFC 5782 section 5).
pub const ALWAYS_LISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// An address that no list may hold; one that does holds everything.
pub const NEVER_LISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

/// What a list says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// It does not hold it.
    Absent,
    /// It holds it; the codes it answers with.
    Listed(Vec<String>),
    /// It does not serve us: it answers with a code for that, or with what is no code at all.
    Refused(Vec<String>),
}

impl Listing {
    /// Reads the addresses that a list answers with.
    pub fn read(answers: &[String]) -> Self {
        if answers.is_empty() {
            return Self::Absent;
        }
        let codes: Vec<Option<[u8; 4]>> =
            answers.iter().map(|text| text.parse::<Ipv4Addr>().ok().map(|ip| ip.octets())).collect();
        // 127.255.255.x is how lists say that a resolver may not ask, or asks too often; an address outside 127/8 comes
        // from a domain that was given up and now belongs to somebody else.
        let serves =
            codes.iter().all(|code| code.is_some_and(|ip| ip[0] == 127 && ip[..3] != [127, 255, 255]));
        if serves { Self::Listed(answers.to_vec()) } else { Self::Refused(answers.to_vec()) }
    }
}

/// The name to ask for at `zone` (RFC 5782 sections 2.1 and 2.4).
pub fn question(ip: IpAddr, zone: &str) -> String {
    let labels: Vec<String> = match ip {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => ip
            .octets()
            .iter()
            .rev()
            .flat_map(|byte| [byte & 15, byte >> 4])
            .map(|half| format!("{half:x}"))
            .collect(),
    };
    format!("{}.{}", labels.join("."), zone.trim_matches('.'))
}

/// Whether the address is one that the world sees: no list knows another.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(question(ip("192.0.2.99"), "bl.example."), "99.2.0.192.bl.example");
        assert_eq!(
            question(ip("2001:db8:1:2:3:4:567:89ab"), "bl.example"),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
            "the example of RFC 5782 section 2.4"
        );
    }

    #[test]
    fn an_answer_is_a_listing_or_a_refusal_or_none() {
        let read = |answers: &[&str]| {
            Listing::read(&answers.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(&[]), Listing::Absent);
        assert!(matches!(read(&["127.0.0.2", "127.0.0.10"]), Listing::Listed(codes) if codes.len() == 2));
        for refused in [&["127.255.255.254"][..], &["203.0.113.9"], &["127.0.0.2", "203.0.113.9"], &["x"]] {
            assert!(matches!(read(refused), Listing::Refused(_)), "{refused:?}");
        }
    }

    #[test]
    fn only_public_addresses_are_worth_asking_for() {
        for private in
            ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(!is_public(ip(private)), "{private}");
        }
        assert!(
            is_public(ip("198.51.100.25")) && is_public(ip("2001:db8::1")) && is_public(ip("100.128.0.1"))
        );
    }
}
