//! Which relay, how to reach it, and how long to wait for it.

use std::{fmt, path::PathBuf, time::Duration};

use crate::domain::{
    kernel::{Error, Result},
    sender::hello::HelloName,
};

/// Connections to one relay at most, unless the operator says otherwise.
const CONNECTIONS_DEFAULT: usize = 4;
/// More connections than this help nobody and look like an attack to the relay.
pub const CONNECTIONS_MAX: usize = 64;
/// Longest domain name (RFC 1035 section 2.3.4), in bytes.
const HOST_BYTES_MAX: usize = 253;

/// How the connection is protected. There is no "if offered": what is asked for is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    /// Plain text: for a relay on this machine or a trusted wire. Never with credentials.
    None,
    /// Plain text first, then TLS before anything else is said (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314 section 3.3).
    Implicit,
}

/// How long to wait at each stage (RFC 5321 section 4.5.3.2). Each is the limit for a whole reply or block, so
/// a relay that sends a byte a second gains nothing by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup and TCP.
    pub connect: Duration,
    /// The 220.
    pub greeting: Duration,
    /// Each of EHLO, STARTTLS, the TLS handshake and AUTH; also RSET.
    pub hello: Duration,
    /// MAIL.
    pub mail: Duration,
    /// RCPT.
    pub recipient: Duration,
    /// The 354 after DATA.
    pub data: Duration,
    /// Each block of the message to be taken.
    pub block: Duration,
    /// The reply after the final dot. Long for good reason: giving up early makes repeats (RFC 1047).
    pub final_dot: Duration,
    /// The farewell; nothing depends on it.
    pub quit: Duration,
    /// How long an open connection is kept without a message: relays close idle ones, and finding that out costs a
    /// round trip.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// RFC 5321's figures; connecting and the greeting are shorter, for a relay is a known host that is near.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(10),
            greeting: seconds(60),
            hello: seconds(60),
            mail: seconds(5 * 60),
            recipient: seconds(5 * 60),
            data: seconds(2 * 60),
            block: seconds(3 * 60),
            final_dot: seconds(10 * 60),
            quit: seconds(2),
            idle: seconds(30),
        }
    }
}

/// A relay: the next hop that takes responsibility for our mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay {
    /// What it is called in lists and logs; the host unless the operator says otherwise.
    pub name: String,
    /// Its share of the messages among several; 0 only when no other can be talked to.
    pub weight: u32,
    /// Messages that it takes in any 60 minutes at most, if there is a limit.
    pub per_hour_max: Option<u64>,
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection of the connection.
    pub tls: RelayTls,
    /// User for AUTH; set together with `password` or not at all.
    pub username: Option<String>,
    /// Password for AUTH; never shown by `Debug`.
    pub password: Option<String>,
    /// What we call ourselves in EHLO; the address we connect from when absent.
    pub hello_name: Option<HelloName>,
    /// Connections open at once at most, 1 to [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// Waits per stage.
    pub timeouts: Timeouts,
    /// A PEM file of certificates to trust besides the machine's own, for a private relay.
    pub ca_file: Option<PathBuf>,
}

impl Relay {
    /// A relay without credentials, on `host` and `port`.
    pub fn new(host: impl Into<String>, port: u16, tls: RelayTls) -> Self {
        let host = host.into();
        Self {
            name: host.clone(),
            weight: 1,
            per_hour_max: None,
            host,
            port,
            tls,
            username: None,
            password: None,
            hello_name: None,
            connections_max: CONNECTIONS_DEFAULT,
            timeouts: Timeouts::default(),
            ca_file: None,
        }
    }

    /// Reads `smtp://host:port` (plain), `smtp+starttls://user:pass@host` or `smtps://user:pass@host`. User and
    /// password are percent-decoded. Ports when absent: 25, 587, 465.
    ///
    /// # Errors
    /// Every fault found, in one text; it never repeats the password.
    pub fn parse(url: &str) -> Result<Self> {
        const FORMS: &str =
            "write smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465";
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(Error::invalid(format!("the relay is not a URL; {FORMS}")));
        };
        let mut faults = Vec::new();
        let (tls, port_default) = match scheme {
            "smtp" => (RelayTls::None, 25),
            "smtp+starttls" => (RelayTls::StartTls, 587),
            "smtps" => (RelayTls::Implicit, 465),
            _ => {
                faults.push(format!("the scheme is not one we know; {FORMS}"));
                (RelayTls::Implicit, 465)
            }
        };
        // The last @ divides, so that a password with an unescaped one still works.
        let (userinfo, place) = match rest.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = split_place(place, port_default, &mut faults);
        let mut relay = Self::new(host, port, tls);
        if let Some(userinfo) = userinfo {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            relay.username = percent_decoded("user", user, &mut faults);
            relay.password = percent_decoded("password", password, &mut faults);
        }
        relay.find_faults(&mut faults);
        if faults.is_empty() { Ok(relay) } else { Err(all(&faults)) }
    }

    /// Checks the whole.
    ///
    /// # Errors
    /// Every fault found, in one text.
    pub fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        self.find_faults(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(all(&faults)) }
    }

    fn find_faults(&self, faults: &mut Vec<String>) {
        let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        if self.host.is_empty() || self.host.len() > HOST_BYTES_MAX || !word(&self.host) {
            faults.push("the host is not a name or address; write one such as mail.example.com".to_owned());
        }
        if self.port == 0 {
            faults.push("the port is 0; SMTP relays listen on 25, 465 or 587".to_owned());
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections_max) {
            faults.push(format!("connections must be 1 to {CONNECTIONS_MAX}, not {}", self.connections_max));
        }
        match (&self.username, &self.password) {
            (None, None) => {}
            (Some(user), Some(password)) => {
                if user.is_empty() || password.is_empty() {
                    faults.push("user and password belong together; give both or neither".to_owned());
                }
                if user.contains('\0') || password.contains('\0') {
                    faults.push("user or password holds a NUL character; remove it".to_owned());
                }
                if self.tls == RelayTls::None {
                    faults.push(
                        "a password would cross the wire as plain text; use smtps:// or smtp+starttls://, or leave \
                         user and password out"
                            .to_owned(),
                    );
                }
            }
            _ => faults.push("user and password belong together; give both or neither".to_owned()),
        }
    }

    /// `host:port`, for messages.
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("place", &self.place())
            .field("tls", &self.tls)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "(hidden)"))
            .field("hello_name", &self.hello_name)
            .field("connections_max", &self.connections_max)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

fn all(faults: &[String]) -> Error {
    Error::invalid(format!("the relay cannot be used: {}", faults.join("; also: ")))
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(in crate::channel) fn split_place(
    place: &str,
    port_default: u16,
    faults: &mut Vec<String>,
) -> (String, u16) {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("?"))),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port.map(str::parse::<u16>) {
        None => port_default,
        Some(Ok(port)) => port,
        Some(Err(_)) => {
            faults.push("the port is not a number from 1 to 65535".to_owned());
            port_default
        }
    };
    (host.to_owned(), port)
}

/// RFC 3986 section 2.1.
pub(in crate::channel) fn percent_decoded(
    what: &str,
    text: &str,
    faults: &mut Vec<String>,
) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let hex = tail.get(..2).filter(|h| h.iter().all(u8::is_ascii_hexdigit));
        match hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                faults
                    .push(format!("the {what} holds a % that is not followed by two hex digits; write %25"));
                return None;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| faults.push(format!("the {what} is not UTF-8"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_their_ports_and_escapes() {
        let relay = Relay::parse("smtp+starttls://me%40x.com:p%3Aw%2f@mail.example.com").unwrap();
        assert_eq!((relay.tls, relay.port), (RelayTls::StartTls, 587));
        assert_eq!(relay.username.as_deref(), Some("me@x.com"));
        assert_eq!(relay.password.as_deref(), Some("p:w/"));
        let relay = Relay::parse("smtps://[::1]:4650/").unwrap();
        assert_eq!((relay.host.as_str(), relay.port, relay.place().as_str()), ("::1", 4650, "[::1]:4650"));
        assert_eq!(Relay::parse("smtp://127.0.0.1").unwrap().port, 25);
    }

    #[test]
    fn a_password_is_never_plain_nor_shown() {
        for host in ["mail.example.com", "127.0.0.1", "localhost"] {
            let error = Relay::parse(&format!("smtp://me:hunter2@{host}")).unwrap_err();
            assert!(error.public().contains("plain text"), "{error}");
            assert!(!error.public().contains("hunter2"));
        }
        let relay = Relay::parse("smtps://me:hunter2@mail.example.com").unwrap();
        assert!(!format!("{relay:?}").contains("hunter2"));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = Relay::parse("imap://me:a%zz@bad host:99999").unwrap_err();
        for part in ["scheme", "port", "%25", "host is not"] {
            assert!(error.public().contains(part), "{part}: {error}");
        }
        for bad in ["", "mail.example.com", "smtp://", "smtps://me@h", "smtps://h:0", "smtp://h/path"] {
            assert!(Relay::parse(bad).is_err(), "{bad}");
        }
    }
}
