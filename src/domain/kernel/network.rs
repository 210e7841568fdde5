//! Networks of addresses, such as `10.0.0.0/8`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Error, Result};

/// A network, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or `127.0.0.1`.
    ///
    /// # Errors
    /// Says what it should look like.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!(
                "`{text}` is no network; write an address, or one with its length such as 10.0.0.0/8"
            ))
        };
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = width(address);
        let bits = match bits {
            Some(bits) => bits.trim().parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?,
            None => most,
        };
        Ok(Self { address, bits })
    }

    /// Whether all of `other` belongs to it.
    pub fn covers(&self, other: &Self) -> bool {
        other.bits >= self.bits && self.contains(other.address)
    }

    /// What is kept of an address: its network of /24 or /48, enough to see a scanner and too little to see a person.
    pub fn kept_of(address: IpAddr) -> Self {
        let (bits, cut) = match address {
            IpAddr::V4(v4) => (24, IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8)))),
            IpAddr::V6(v6) => (48, IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80)))),
        };
        Self { address: cut, bits }
    }

    /// Whether it is no narrower than what is kept of an address.
    pub fn is_whole_within_kept(&self) -> bool {
        self.bits <= if self.address.is_ipv4() { 24 } else { 48 }
    }

    /// Whether `address` belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        width(address) == width(self.address) && prefix(address, self.bits) == prefix(self.address, self.bits)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first `bits` of an address.
fn prefix(address: IpAddr, bits: u32) -> u128 {
    let (whole, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    whole.checked_shr(width - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_only() {
        let holds = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::/0", "2001:db8::1") && holds("::1", "::1"));
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "proxy.example", "10.0.0.0/"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_of_an_address_is_found_in_wider_networks_alone() {
        let kept = |address: &str| Network::kept_of(address.parse().unwrap());
        assert_eq!(kept("203.0.113.77").to_string(), "203.0.113.0/24");
        assert_eq!(kept("2001:db8:1:2::9").to_string(), "2001:db8:1::/48");
        let covers = |wide: &str, address: &str| Network::parse(wide).unwrap().covers(&kept(address));
        assert!(covers("203.0.112.0/20", "203.0.113.77") && covers("203.0.113.0/24", "203.0.113.77"));
        assert!(!covers("203.0.113.77/32", "203.0.113.77") && !covers("::/0", "203.0.113.77"));
        assert!(covers("2001:db8::/32", "2001:db8:1::9"));
        assert!(!Network::parse("10.0.0.0/25").unwrap().is_whole_within_kept());
    }
}
