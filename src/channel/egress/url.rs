//! An address that somebody named, taken apart strictly: whatever can be read in two ways is refused, so that what is checked is
//! what is connected to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::domain::kernel::{Error, Result};

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// Longest name (RFC 1035 section 2.3.4), without the dot at its end.
const NAME_BYTES_MAX: usize = 253;

/// Whom to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name in its ASCII form, lower case, without a dot at its end.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// `https://host[:port]/path?query`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    host: Host,
    port: u16,
    path: String,
}

impl Target {
    /// Takes `url` apart.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong and how to mend it.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("`{}`: {why}", short(url)));
        if url.len() > URL_BYTES_MAX {
            return Err(wrong("an address has 2,000 bytes at most"));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(wrong("an address holds no space, control character or backslash"));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("write https://host/path"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("write https://host/path")),
        };
        let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err(wrong("leave out user and password: requests are signed instead"));
        }
        if path.contains('#') {
            return Err(wrong("leave out what begins with #, which is never sent"));
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("write letters beyond ASCII in the path as %XX"));
        }
        let (host, port) = Self::place(authority).ok_or_else(|| wrong("host and port cannot be read"))?;
        let host = if let Some(inner) = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
            let ip: Ipv6Addr = inner.parse().map_err(|_| wrong("what stands in [ ] is no IPv6 address"))?;
            Host::Address(ip.into())
        } else {
            name(host).map_err(&wrong)?
        };
        let port = match port {
            Some(port) => {
                port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("the port is no port"))?
            }
            None if tls => 443,
            None => 80,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host, port, path })
    }

    /// `host` (with brackets) and `port` of an authority.
    fn place(authority: &str) -> Option<(&str, Option<&str>)> {
        let end = if authority.starts_with('[') {
            authority.find(']')? + 1
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, rest) = authority.split_at(end);
        match rest.strip_prefix(':') {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(port))),
            None if rest.is_empty() => Some((host, None)),
            _ => None,
        }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whom to connect to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, beginning with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port as the header `Host` has them.
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(IpAddr::V4(ip)) => ip.to_string(),
            Host::Address(IpAddr::V6(ip)) => format!("[{ip}]"),
        };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }
}

/// A name in ASCII (UTS 46), or the IPv4 address that it is. Browsers and resolvers read `127.1`, `0x7f.1` and `2130706433` as
/// addresses too (WHATWG URL, section 3.5); a name whose last part is a number is an address in its usual form or nothing.
fn name(host: &str) -> Result<Host, &'static str> {
    const NO_NAME: &str = "the host is no name";
    let ascii = idna::domain_to_ascii(host).map_err(|_| NO_NAME)?;
    let ascii = ascii.strip_suffix('.').unwrap_or(&ascii).to_ascii_lowercase();
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if ascii.len() > NAME_BYTES_MAX || !ascii.split('.').all(fits) {
        return Err(NO_NAME);
    }
    let last = ascii.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if !is_number {
        return Ok(Host::Name(ascii));
    }
    let ip: Ipv4Addr = ascii.parse().map_err(|_| "write an IPv4 address as four decimal numbers")?;
    Ok(Host::Address(ip.into()))
}

/// The beginning of what somebody typed, for an error.
fn short(url: &str) -> String {
    let clean = url.chars().filter(|c| !c.is_control());
    let short: String = clean.take(100).collect();
    if short.len() < url.len() { format!("{short}…") } else { short }
}
