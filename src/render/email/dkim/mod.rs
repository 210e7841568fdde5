//! DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed over the headers that receivers judge us by, `From` and
//! `Subject` listed once more than they stand so that no second one can be added (RFC 6376 section 8.15).
//!
//! Not here: reading key files, the DNS records, and which thread signs.

mod canonical;
mod key;
#[cfg(test)]
mod tests;
mod verify;

use base64::{Engine, engine::general_purpose::STANDARD};

pub use key::SigningKey;
pub use verify::{Verified, verify};

use crate::domain::{
    kernel::{Error, Result, clock::UtcMs},
    sender::dkim::KeyType,
};

/// Headers that are signed where they stand (RFC 6376 section 5.4.1, RFC 8058 section 4).
const SIGNED: [&str; 15] = [
    "From",
    "Subject",
    "To",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "CFBL-Address",
];
/// How many of [`SIGNED`], from its beginning, are listed once more than they stand.
const OVERSIGNED: usize = 2;
/// Base64 characters a line of `b=`.
const LINE_CHARS: usize = 72;
/// Longest domain or selector (RFC 1035 section 2.3.4), in bytes.
const NAME_BYTES_MAX: usize = 253;

/// A key with where receivers find its public half and when it begins to sign.
#[derive(Debug)]
pub struct DkimKey {
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`
    pub selector: String,
    /// From when on it signs; always when absent.
    pub from_ms: Option<UtcMs>,
    /// The key.
    pub key: SigningKey,
}

impl DkimKey {
    /// Puts the parts together.
    ///
    /// # Errors
    /// As [`DkimKey::check_names`].
    pub fn new(domain: &str, selector: &str, from_ms: Option<UtcMs>, key: SigningKey) -> Result<Self> {
        Self::check_names(domain, selector)?;
        Ok(Self { domain: domain.to_ascii_lowercase(), selector: selector.to_owned(), from_ms, key })
    }

    /// Whether a key may stand under these names.
    ///
    /// # Errors
    /// Every fault of `domain` and `selector` in one text.
    pub fn check_names(domain: &str, selector: &str) -> Result<()> {
        let is_name = |text: &str| {
            text.len() <= NAME_BYTES_MAX
                && text.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        };
        let mut faults = Vec::new();
        if !is_name(domain) || !domain.contains('.') {
            faults.push(format!("`{domain}` is no domain; write one such as partners.example.com"));
        }
        if !is_name(selector) {
            faults.push(format!("`{selector}` is no selector; write one such as 2027a"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("; "))) }
    }

    /// Where the public half stands in DNS (RFC 6376 section 3.6.2.1).
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// One `DKIM-Signature` header with its line end.
    fn sign(&self, parts: &Parts<'_>, now_s: i64) -> Result<Vec<u8>> {
        let mut line = format!(
            "DKIM-Signature: v=1; a={}-sha256; c=relaxed/relaxed; d={};\r\n s={}; t={now_s};\r\n h={};\r\n bh={};\r\n b=",
            self.key.key_type().as_str(),
            self.domain,
            self.selector,
            folded_list(&parts.names),
            parts.body_hash,
        );
        let value = line.split_once(':').map_or("", |(_, value)| value);
        let mut data = parts.headers.clone();
        canonical::header(b"DKIM-Signature", value.as_bytes(), &mut data);
        let signature = STANDARD.encode(self.key.sign(&data)?);
        for (at, chunk) in signature.as_bytes().chunks(LINE_CHARS).enumerate() {
            line.push_str(if at == 0 { "" } else { "\r\n " });
            line.extend(chunk.iter().copied().map(char::from));
        }
        line.push_str("\r\n");
        Ok(line.into_bytes())
    }
}

/// All keys of an installation, several per domain while one takes over from another.
#[derive(Debug, Default)]
pub struct Signer {
    keys: Vec<DkimKey>,
}

impl Signer {
    /// Puts the keys together.
    ///
    /// # Errors
    /// Every pair of keys of which nobody could say which one signs.
    pub fn new(keys: Vec<DkimKey>) -> Result<Self> {
        let mut faults = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            for other in &keys[..at] {
                if other.domain != key.domain {
                    continue;
                }
                if other.selector.eq_ignore_ascii_case(&key.selector) {
                    faults.push(format!(
                        "the selector {} stands twice; a DNS name holds one key",
                        key.record_name()
                    ));
                } else if other.key.key_type() == key.key.key_type() && other.from_ms == key.from_ms {
                    faults.push(format!(
                        "{} and {} begin at the same time; give the newer one `from = \"2027-03-01T00:00:00Z\"`",
                        other.record_name(),
                        key.record_name()
                    ));
                }
            }
        }
        if faults.is_empty() { Ok(Self { keys }) } else { Err(Error::invalid(faults.join("; "))) }
    }

    /// Every key, also those that do not sign yet or no more.
    pub fn keys(&self) -> &[DkimKey] {
        &self.keys
    }

    /// Whether nothing is ever signed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that sign for a `From` on `domain` at `now_ms`, RSA first: those of `domain` itself or else of the
    /// nearest domain above it, of each kind the one that began last.
    pub fn active(&self, domain: &str, now_ms: UtcMs) -> Vec<&DkimKey> {
        let domain = domain.to_ascii_lowercase();
        let mut zone = Some(domain.as_str());
        while let Some(name) = zone {
            let began = |kind: KeyType| {
                self.keys
                    .iter()
                    .filter(|key| key.domain == name && key.key.key_type() == kind)
                    .filter(|key| key.from_ms.is_none_or(|from_ms| from_ms <= now_ms))
                    .max_by_key(|key| key.from_ms)
            };
            let found: Vec<&DkimKey> =
                [KeyType::Rsa, KeyType::Ed25519].into_iter().filter_map(began).collect();
            if !found.is_empty() {
                return found;
            }
            zone = name.split_once('.').map(|(_, above)| above);
        }
        Vec::new()
    }

    /// The `DKIM-Signature` headers to put before `message`, one for each active key of its `From` domain; empty
    /// when there is none. `message` has CRLF line ends.
    ///
    /// # Errors
    /// `Internal` for a message without a `From`, or when signing fails.
    pub fn sign(&self, message: &[u8], now_ms: UtcMs) -> Result<Vec<u8>> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let (fields, body) = canonical::split(message);
        let from = fields.iter().find(|field| field.name.eq_ignore_ascii_case(b"From"));
        let domain = from.and_then(|field| from_domain(field.value));
        let domain = domain.ok_or_else(|| Error::internal("a message without From cannot be signed"))?;
        let keys = self.active(&domain, now_ms);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let parts = Parts::new(&fields, body);
        let mut lines = Vec::new();
        for key in keys {
            lines.extend(key.sign(&parts, now_ms.div_euclid(1_000))?);
        }
        Ok(lines)
    }
}

/// What is the same for all signatures of a message.
struct Parts<'a> {
    /// `h=`
    names: Vec<&'a str>,
    /// The signed headers in canonical form.
    headers: Vec<u8>,
    /// `bh=`
    body_hash: String,
}

impl Parts<'_> {
    fn new(fields: &[canonical::Field<'_>], body: &[u8]) -> Self {
        let mut names = Vec::with_capacity(SIGNED.len() + OVERSIGNED);
        let mut headers = Vec::with_capacity(2_048);
        for (at, &name) in SIGNED.iter().enumerate() {
            // Several of one name are taken from the last to the first (RFC 6376 section 5.4.2).
            for field in fields.iter().rev().filter(|f| f.name.eq_ignore_ascii_case(name.as_bytes())) {
                names.push(name);
                canonical::header(field.name, field.value, &mut headers);
                headers.extend_from_slice(b"\r\n");
            }
            if at < OVERSIGNED {
                names.push(name);
            }
        }
        Self { names, headers, body_hash: body_hash(body) }
    }
}

/// SHA-256 of the canonical body, base64.
fn body_hash(body: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, &canonical::body(body)))
}

/// `h=` over lines of a readable length.
fn folded_list(names: &[&str]) -> String {
    let mut list = String::new();
    let mut column = 3;
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            list.push(':');
            column += 1;
        }
        if column + name.len() > LINE_CHARS {
            list.push_str("\r\n  ");
            column = 2;
        }
        list.push_str(name);
        column += name.len();
    }
    list
}

/// The domain of a `From` that holds one mailbox, which ends with its address.
fn from_domain(value: &[u8]) -> Option<String> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let (_, domain) = value.rsplit_once('@')?;
    let domain = domain.trim_end_matches('>').trim();
    (!domain.is_empty()).then(|| domain.to_ascii_lowercase())
}
