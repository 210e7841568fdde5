//! `[egress]`

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::kernel::{Network, Result};

/// `[egress]`: where requests to addresses that others name may go, such as webhooks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Internal networks and addresses that may be gone to although they are internal.
    pub allow: Vec<String>,
    /// Whether plain HTTP will do there.
    pub http: bool,
    /// Certificates of a private authority that signed those of systems there.
    pub ca_file: Option<PathBuf>,
}

impl Egress {
    /// The networks in `allow`.
    ///
    /// # Errors
    /// The first that is none.
    pub fn networks(&self) -> Result<Vec<Network>> {
        self.allow.iter().map(|network| Network::parse(network)).collect()
    }

    /// Adds what does not go together.
    pub(super) fn find_faults(&self, faults: &mut Vec<String>) {
        for network in &self.allow {
            if let Err(error) = Network::parse(network) {
                faults.push(format!("egress.allow: {}", error.public()));
            }
        }
        if self.http && self.allow.is_empty() {
            faults.push(
                "egress.http is for networks in egress.allow alone; name them, or leave it out".to_owned(),
            );
        }
    }
}
