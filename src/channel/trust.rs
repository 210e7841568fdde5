//! Whom we trust over TLS: the machine's certificates, a private one if named, and no way to skip the check.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use tokio_rustls::TlsConnector;

use crate::domain::kernel::{Error, Result};

/// A connector that trusts the machine's certificates and those in `ca_file`. Reads from disk: make it once, keep it.
///
/// # Errors
/// The CA file cannot be read or holds no certificate, or there is nothing to trust at all.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    // A machine may hold certificates that we cannot read; those that we can are enough.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let unusable = |why: String| Error::invalid(format!("the CA file {}: {why}", path.display()));
        let certs = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|error| unusable(format!("cannot be read: {error}")))?;
        if certs.is_empty() {
            return Err(unusable("holds no certificate; give a PEM file".to_owned()));
        }
        for cert in certs {
            roots.add(cert).map_err(|error| unusable(format!("holds a bad certificate: {error}")))?;
        }
    }
    if roots.is_empty() {
        return Err(Error::invalid(
            "no certificate authority is trusted on this machine; install ca-certificates or name a CA file",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("TLS versions").because(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
