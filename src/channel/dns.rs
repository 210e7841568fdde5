//! Asking for DNS records. Nothing here knows what a record means.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, RecordType},
};

use crate::domain::kernel::{Error, Result};

/// Longest wait for one answer of one server.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Questions in a row without any answer after which the resolver is not asked any more.
const SILENT_MAX: u32 = 2;

/// Which records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers, as `preference name`.
    Mx,
    /// Texts, the strings of each joined.
    Txt,
}

/// What a question leads to: the records, none where the name or the kind does not exist; or why nobody knows.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, String>> + Send + 'a>>;

/// Somebody who knows DNS records.
pub trait Dns: Send + Sync {
    /// Asks for the records of `kind` at `name`. Names in the answer are in lower case and end without a dot.
    fn ask<'a>(&'a self, name: &'a str, kind: Kind) -> Answer<'a>;
}

/// The machine's resolver, or a named one.
pub struct Resolver {
    inner: TokioResolver,
    silent: AtomicU32,
}

impl Resolver {
    /// Asks `server`, or whom the machine asks.
    ///
    /// # Errors
    /// The machine's resolver configuration cannot be read.
    pub fn new(server: Option<SocketAddr>) -> Result<Self> {
        let unreadable = |error| {
            Error::unavailable("the machine's resolver cannot be found out; name one under [dns]")
                .because(error)
        };
        let mut builder = match server {
            Some(address) => {
                let mut name_server = NameServerConfig::udp_and_tcp(address.ip());
                name_server.connections.iter_mut().for_each(|connection| connection.port = address.port());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().map_err(unreadable)?,
        };
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = 1;
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self { inner: builder.build().map_err(unreadable)?, silent: AtomicU32::new(0) })
    }

    async fn look_up(&self, name: &str, kind: Kind) -> Result<Vec<String>, String> {
        if self.silent.load(Ordering::Relaxed) >= SILENT_MAX {
            return Err("the resolver does not answer".to_owned());
        }
        let record_type = match kind {
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
            Kind::Mx => RecordType::MX,
            Kind::Txt => RecordType::TXT,
        };
        // The dot keeps the machine's search list out.
        let found = self.inner.lookup(format!("{}.", name.trim_end_matches('.')), record_type).await;
        match found {
            Ok(found) => {
                self.silent.store(0, Ordering::Relaxed);
                Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect())
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => {
                self.silent.store(0, Ordering::Relaxed);
                Ok(Vec::new())
            }
            Err(error) => {
                // An answer that says no is an answer; a broken name must not keep the others from being asked.
                if !matches!(error, NetError::Dns(_)) {
                    self.silent.fetch_add(1, Ordering::Relaxed);
                }
                Err(error.to_string())
            }
        }
    }
}

impl Dns for Resolver {
    fn ask<'a>(&'a self, name: &'a str, kind: Kind) -> Answer<'a> {
        Box::pin(self.look_up(name, kind))
    }
}

fn text(data: &RData) -> Option<String> {
    let name = |name: &str| {
        let trimmed = name.trim_end_matches('.');
        if trimmed.is_empty() { ".".to_owned() } else { trimmed.to_lowercase() }
    };
    match data {
        RData::A(address) => Some(address.0.to_string()),
        RData::AAAA(address) => Some(address.0.to_string()),
        RData::MX(mx) => Some(format!("{} {}", mx.preference, name(&mx.exchange.to_string()))),
        RData::TXT(txt) => {
            let bytes: Vec<u8> = txt.txt_data.iter().flat_map(|string| string.iter().copied()).collect();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        // A CNAME on the way.
        _ => None,
    }
}
