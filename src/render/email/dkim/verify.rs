//! Checking signatures as a receiver does (RFC 6376 section 6.1), for the self-test of `doctor` and for tests. Keys
//! are looked up by the caller.

use super::{body_hash, canonical, key::is_signed_by};
use crate::domain::sender::dkim::{DkimRecord, decoded, tag, tags};

/// One signature of a message, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// `d=`
    pub domain: String,
    /// `s=`
    pub selector: String,
    /// Names in `h=`, in lower case and with repeats.
    pub signed: Vec<String>,
    /// Why it does not hold.
    pub result: Result<(), String>,
}

/// Checks every signature of `message`; `key_of` is given selector and domain.
pub fn verify(message: &[u8], key_of: impl Fn(&str, &str) -> Option<DkimRecord>) -> Vec<Verified> {
    let (fields, body) = canonical::split(message);
    let ours = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(b"DKIM-Signature"));
    ours.map(|field| check(field, &fields, body, &key_of)).collect()
}

fn check(
    signature: &canonical::Field<'_>,
    fields: &[canonical::Field<'_>],
    body: &[u8],
    key_of: &impl Fn(&str, &str) -> Option<DkimRecord>,
) -> Verified {
    let text = String::from_utf8_lossy(signature.value).into_owned();
    let list = match tags(&text) {
        Ok(list) => list,
        Err(why) => {
            let (domain, selector) = Default::default();
            return Verified { domain, selector, signed: Vec::new(), result: Err(why) };
        }
    };
    let value = |name: &str| tag(&list, name).unwrap_or_default().to_owned();
    let (domain, selector) = (value("d"), value("s"));
    let signed: Vec<String> = value("h")
        .split(':')
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let result = holds(signature, &list, &signed, fields, body, || key_of(&selector, &domain));
    Verified { domain, selector, signed, result }
}

fn holds(
    signature: &canonical::Field<'_>,
    list: &[(String, String)],
    signed: &[String],
    fields: &[canonical::Field<'_>],
    body: &[u8],
    key: impl Fn() -> Option<DkimRecord>,
) -> Result<(), String> {
    if tag(list, "c") != Some("relaxed/relaxed") {
        return Err("c= is not relaxed/relaxed".to_owned());
    }
    if !signed.iter().any(|name| name == "from") {
        return Err("From is not signed".to_owned());
    }
    let bytes =
        |name: &str| tag(list, name).and_then(decoded).ok_or_else(|| format!("{name}= is not base64"));
    if bytes("bh")? != decoded(&body_hash(body)).unwrap_or_default() {
        return Err("the body was changed".to_owned());
    }
    let mut data = Vec::new();
    let mut left: Vec<&canonical::Field<'_>> = fields.iter().collect();
    for name in signed {
        // Names listed more often than they stand add nothing; that is what oversigning lives on.
        if let Some(at) = left.iter().rposition(|field| field.name.eq_ignore_ascii_case(name.as_bytes())) {
            let field = left.remove(at);
            canonical::header(field.name, field.value, &mut data);
            data.extend_from_slice(b"\r\n");
        }
    }
    canonical::header(b"DKIM-Signature", &without_signature(signature.value), &mut data);
    let record = key().ok_or("there is no key record")?;
    let algorithm = format!("{}-sha256", record.key_type.as_str());
    if tag(list, "a") != Some(algorithm.as_str()) {
        return Err(format!("a= is not {algorithm}, which the key is for"));
    }
    if is_signed_by(&record, &data, &bytes("b")?) {
        Ok(())
    } else {
        Err("a signed header was changed".to_owned())
    }
}

/// The value with an empty `b=` (RFC 6376 section 3.5).
fn without_signature(value: &[u8]) -> Vec<u8> {
    let parts = value.split(|byte| *byte == b';').map(|part| {
        let equals = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        if part[..equals].trim_ascii() == b"b" { &part[..(equals + 1).min(part.len())] } else { part }
    });
    parts.collect::<Vec<_>>().join(&b';')
}
