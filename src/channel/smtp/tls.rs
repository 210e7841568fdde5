//! Trust for TLS to the relay.

use tokio_rustls::TlsConnector;

use super::{super::trust, Relay, RelayTls};
use crate::domain::kernel::Result;

/// The connector for `relay`; `None` where it uses no TLS. Reads certificates from disk: make it once, keep it.
///
/// # Errors
/// The CA file cannot be read or holds no certificate, or there is nothing to trust at all.
pub(super) fn connector(relay: &Relay) -> Result<Option<TlsConnector>> {
    if relay.tls == RelayTls::None {
        return Ok(None);
    }
    trust::connector(relay.ca_file.as_deref()).map(Some)
}
