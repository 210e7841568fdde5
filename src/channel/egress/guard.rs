//! Where requests may go. Addresses of our own and of internal networks are refused in every spelling; the operator may allow
//! some, for systems on the same premises.

use std::{net::IpAddr, sync::LazyLock};

use super::{Host, Target};
use crate::domain::kernel::Network;

/// What is never the address of somebody else's public system: the special-purpose registries of IANA (RFC 6890 and what was
/// added since), translated and tunnelled forms in which IPv4 addresses hide, and clouds' metadata services.
const DENIED: [(&str, &str); 38] = [
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's metadata service"),
    ("169.254.0.0/16", "link-local, with clouds' metadata services"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.168.0.0/16", "a private network"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved, and broadcast"),
    ("::/96", "unspecified, loopback, and IPv4-compatible addresses"),
    ("::ffff:0:0/96", "IPv4-mapped addresses"),
    ("::ffff:0:0:0/96", "IPv4-translated addresses"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "the discard prefix"),
    ("2001::/23", "protocol assignments, Teredo and ORCHID"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local addresses"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
    ("::/3", "not given out"),
    ("4000::/2", "not given out"),
    ("8000::/1", "not given out"),
];

static NETWORKS: LazyLock<Vec<(Network, &str)>> = LazyLock::new(|| {
    let parsed = DENIED.iter().map(|(network, why)| {
        (Network::parse(network).expect("the table above holds networks, which a test reads"), *why)
    });
    parsed.collect()
});

/// Decides where requests may go.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Vec<Network>,
    http: bool,
}

impl Guard {
    /// Internal networks that may be gone to although they are internal; with `http`, also without TLS there, and nowhere else.
    pub fn new(allowed: Vec<Network>, http: bool) -> Self {
        Self { allowed, http }
    }

    /// Whether `target` may be gone to, as far as it shows without asking for a name.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn admits(&self, target: &Target) -> Result<(), String> {
        if !target.is_tls() && !self.http {
            return Err("write https://: what is told may not be read on the way".to_owned());
        }
        match target.host() {
            Host::Address(ip) => self.admits_address(*ip, target.is_tls()),
            Host::Name(_) => Ok(()),
        }
    }

    /// Whether a connection to `ip` may be opened.
    ///
    /// # Errors
    /// Why not.
    pub fn admits_address(&self, ip: IpAddr, tls: bool) -> Result<(), String> {
        // An operator who names an address means it in its usual form; a mapped one is the same machine.
        if self.allowed.iter().any(|network| network.contains(ip.to_canonical())) {
            return Ok(());
        }
        if !tls {
            return Err("write https://: without TLS only networks in egress.allow are gone to".to_owned());
        }
        match NETWORKS.iter().find(|(network, _)| network.contains(ip)) {
            Some((_, why)) => Err(format!(
                "the address is not allowed ({why}); for a system on these premises the operator names its network in egress.allow"
            )),
            None => Ok(()),
        }
    }
}
