//! `[[mail.dkim]]`: one key that signs.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// One key. Of several for a domain, each kind's newest whose time has come signs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// Signs for senders on this domain and those below it.
    pub domain: String,
    /// The public half stands at `<selector>._domainkey.<domain>`.
    pub selector: String,
    /// The private half, PEM: RSA of 2048 to 4096 bits, or Ed25519.
    pub key_file: PathBuf,
    /// From when on it signs; always when absent.
    #[serde(default)]
    pub from: Option<DateTime<Utc>>,
}
