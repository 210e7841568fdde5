//! SPF records (RFC 7208): reading one, and the networks that a whole tree of them allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Terms of a record that cost a lookup, over all records of a check (RFC 7208 section 4.6.4).
pub const LOOKUPS_MAX: usize = 10;
/// Lookups without an answer (section 4.6.4).
pub const VOID_LOOKUPS_MAX: usize = 2;

/// What a match means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `+`
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

/// What a term matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// `all`
    All,
    /// `include:domain`
    Include(String),
    /// `a`, of another domain where given; prefix lengths.
    A(Option<String>, u8, u8),
    /// `mx`, likewise.
    Mx(Option<String>, u8, u8),
    /// `ptr`, which nobody should use (section 5.5).
    Ptr,
    /// `ip4` or `ip6`
    Network(IpAddr, u8),
    /// `exists:domain`
    Exists(String),
}

impl Mechanism {
    /// Whether it costs a lookup.
    pub fn is_lookup(&self) -> bool {
        !matches!(self, Self::All | Self::Network(..))
    }
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfRecord {
    /// The terms in their order.
    pub terms: Vec<(Verdict, Mechanism)>,
    /// `redirect=`
    pub redirect: Option<String>,
}

impl SpfRecord {
    /// Whether a TXT record is one at all.
    pub fn is_one(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        lower == "v=spf1" || lower.starts_with("v=spf1 ")
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The first term that receivers cannot read; they then take the whole record for an error.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !Self::is_one(text) {
            return Err("it does not begin with v=spf1".to_owned());
        }
        let mut record = Self { terms: Vec::new(), redirect: None };
        for word in text.split_ascii_whitespace().skip(1) {
            let unreadable = || format!("`{word}` is no SPF term");
            if let Some((name, value)) = word.split_once('=') {
                if name.is_empty() || name.contains([':', '/']) {
                    return Err(unreadable());
                }
                if name.eq_ignore_ascii_case("redirect") {
                    record.redirect = Some(value.to_ascii_lowercase());
                }
                continue;
            }
            let (verdict, rest) = match word.as_bytes()[0] {
                b'+' => (Verdict::Pass, &word[1..]),
                b'-' => (Verdict::Fail, &word[1..]),
                b'~' => (Verdict::SoftFail, &word[1..]),
                b'?' => (Verdict::Neutral, &word[1..]),
                _ => (Verdict::Pass, word),
            };
            record.terms.push((verdict, mechanism(&rest.to_ascii_lowercase()).ok_or_else(unreadable)?));
        }
        Ok(record)
    }
}

fn mechanism(text: &str) -> Option<Mechanism> {
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let value = rest.strip_prefix(':');
    match name {
        "all" if rest.is_empty() => Some(Mechanism::All),
        "include" => Some(Mechanism::Include(value.filter(|domain| !domain.is_empty())?.to_owned())),
        "exists" => Some(Mechanism::Exists(value.filter(|domain| !domain.is_empty())?.to_owned())),
        "ptr" => Some(Mechanism::Ptr),
        "a" | "mx" => {
            let (domain, v4, v6) = domain_and_prefixes(rest)?;
            Some(if name == "a" { Mechanism::A(domain, v4, v6) } else { Mechanism::Mx(domain, v4, v6) })
        }
        "ip4" => {
            let (ip, prefix) = network::<Ipv4Addr>(value?, 32)?;
            Some(Mechanism::Network(ip.into(), prefix))
        }
        "ip6" => {
            let (ip, prefix) = network::<Ipv6Addr>(value?, 128)?;
            Some(Mechanism::Network(ip.into(), prefix))
        }
        _ => None,
    }
}

fn network<A: std::str::FromStr>(text: &str, longest: u8) -> Option<(A, u8)> {
    let (ip, prefix) = text.split_once('/').unwrap_or((text, ""));
    let prefix = if prefix.is_empty() { longest } else { prefix.parse().ok().filter(|n| *n <= longest)? };
    Some((ip.parse().ok()?, prefix))
}

/// `[:domain][/24][//64]`
fn domain_and_prefixes(rest: &str) -> Option<(Option<String>, u8, u8)> {
    let (place, v6) = match rest.split_once("//") {
        Some((place, v6)) => (place, v6.parse().ok().filter(|n| *n <= 128)?),
        None => (rest, 128),
    };
    let (place, v4) = match place.split_once('/') {
        Some((place, v4)) => (place, v4.parse().ok().filter(|n| *n <= 32)?),
        None => (place, 32),
    };
    let domain = match place.strip_prefix(':') {
        Some("") => return None,
        Some(domain) => Some(domain.to_owned()),
        None if place.is_empty() => None,
        None => return None,
    };
    Some((domain, v4, v6))
}

/// The record to publish instead of `text`: it lets the addresses `add` in too, and neither everybody nor `ptr`.
pub fn mended(text: &str, add: &[IpAddr]) -> String {
    let (mut words, mut all, mut redirect): (Vec<String>, Option<&str>, Option<&str>) =
        (Vec::new(), None, None);
    for word in text.split_ascii_whitespace() {
        let lower = word.to_ascii_lowercase();
        let name = lower.trim_start_matches(['+', '-', '~', '?']);
        if name == "all" {
            all = all.or(Some(if lower.starts_with(['-', '~']) { word } else { "~all" }));
        } else if lower.starts_with("redirect=") {
            redirect = Some(word);
        } else if name != "ptr" && !name.starts_with("ptr:") {
            words.push(word.to_owned());
        }
    }
    words.extend(add.iter().map(|ip| format!("ip{}:{ip}", if ip.is_ipv4() { 4 } else { 6 })));
    // A redirect counts only where nothing matches everybody (RFC 7208 section 6.1).
    words.push(all.or(redirect).unwrap_or("~all").to_owned());
    words.join(" ")
}

/// Whether `ip` lies in the network `base/prefix`.
pub fn contains(base: IpAddr, prefix: u8, ip: IpAddr) -> bool {
    match (base, ip) {
        (IpAddr::V4(base), IpAddr::V4(ip)) => {
            let shift = 32_u32.saturating_sub(u32::from(prefix));
            u32::from(base).checked_shr(shift).unwrap_or(0) == u32::from(ip).checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(base), IpAddr::V6(ip)) => {
            let shift = 128_u32.saturating_sub(u32::from(prefix));
            u128::from(base).checked_shr(shift).unwrap_or(0) == u128::from(ip).checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_every_form() {
        let record =
            SpfRecord::parse("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx:mail.x.example/24//64 include:_spf.x.example exists:%{i}.x ?ptr exp=e.x ~all redirect=y.example")
                .unwrap();
        assert_eq!(record.terms.len(), 8);
        assert_eq!(record.terms[0].1, Mechanism::Network("192.0.2.0".parse().unwrap(), 24));
        assert_eq!(record.terms[3].1, Mechanism::Mx(Some("mail.x.example".into()), 24, 64));
        assert_eq!(record.terms[7], (Verdict::SoftFail, Mechanism::All));
        assert_eq!(record.redirect.as_deref(), Some("y.example"));
        assert_eq!(record.terms.iter().filter(|(_, m)| m.is_lookup()).count(), 5);
        assert!(
            SpfRecord::is_one("V=SPF1")
                && !SpfRecord::is_one("v=spf10 all")
                && !SpfRecord::is_one("spf2.0/pra")
        );
    }

    #[test]
    fn what_receivers_cannot_read_is_named() {
        for word in ["ipv4:1.2.3.4", "ip4:1.2.3", "ip4:1.2.3.4/33", "include:", "a/99", "al", "mx:", "-all."]
        {
            let said = SpfRecord::parse(&format!("v=spf1 {word} -all")).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn a_record_is_mended_and_keeps_the_rest() {
        let ips = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        for (text, add, mended_text) in [
            ("v=spf1 a -all", &ips[..1], "v=spf1 a ip4:192.0.2.1 -all"),
            ("v=spf1 ptr include:x.example +all", &[], "v=spf1 include:x.example ~all"),
            ("v=spf1 mx ?ptr:x.example", &ips[1..], "v=spf1 mx ip6:2001:db8::1 ~all"),
            ("v=spf1 redirect=x.example", &ips[..1], "v=spf1 ip4:192.0.2.1 redirect=x.example"),
        ] {
            assert_eq!(mended(text, add), mended_text);
            assert!(SpfRecord::parse(mended_text).is_ok());
        }
    }

    #[test]
    fn networks_hold_what_lies_in_them() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(
            contains(ip("192.0.2.0"), 24, ip("192.0.2.255"))
                && !contains(ip("192.0.2.0"), 24, ip("192.0.3.0"))
        );
        assert!(contains(ip("0.0.0.0"), 0, ip("9.9.9.9")) && !contains(ip("0.0.0.0"), 0, ip("::1")));
        assert!(
            contains(ip("2001:db8::"), 32, ip("2001:db8:ffff::1"))
                && !contains(ip("2001:db8::"), 128, ip("2001:db8::1"))
        );
    }
}
