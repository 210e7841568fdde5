//! `[doctor]`: what `partnercast doctor` cannot find out by itself.

use std::net::IpAddr;

use serde::Deserialize;

/// `[doctor]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Doctor {
    /// The addresses from which the relays send to the world, which may be others than those they take mail at.
    pub relay_addresses: Vec<IpAddr>,
    /// DNS zones of the blocklists that `--blocklists` asks.
    pub blocklists: Vec<String>,
    /// An NTP server to compare this machine's clock with: `host` or `host:port`.
    pub time_server: Option<String>,
}

impl Doctor {
    /// Adds every fault of the section.
    pub(super) fn find_faults(&self, faults: &mut Vec<String>) {
        let is_name = |zone: &str| {
            zone.contains('.')
                && zone.split('.').all(|label| {
                    !label.is_empty()
                        && label
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                })
        };
        faults.extend(self.blocklists.iter().filter(|zone| !is_name(zone)).map(|zone| {
            format!("doctor.blocklists: `{zone}` is no DNS zone; write one such as \"bl.example.org\"")
        }));
    }
}
