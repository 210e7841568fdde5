//! The DKIM key record (RFC 6376 section 3.6.1, RFC 8463) and the tag lists that it and signatures are written in.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Longest string of a TXT record (RFC 1035 section 3.3), in bytes.
const TXT_STRING_BYTES_MAX: usize = 255;

/// `name=value` pairs divided by semicolons, whitespace around names and values dropped (RFC 6376 section 3.2).
///
/// # Errors
/// A part without `=`, or a name that stands twice: then nothing of the list may be believed.
pub fn tags(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) =
            part.split_once('=').ok_or_else(|| format!("`{}` is no tag=value pair", shortened(part)))?;
        let name = name.trim();
        if found.iter().any(|(other, _)| other == name) {
            return Err(format!("the tag {name}= stands twice"));
        }
        found.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(found)
}

/// The value of `name`.
pub fn tag<'a>(tags: &'a [(String, String)], name: &str) -> Option<&'a str> {
    tags.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// Base64 with whitespace anywhere (RFC 6376 section 2.10).
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let joined: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).ok()
}

/// What kind of key a record publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA, for `rsa-sha256`.
    Rsa,
    /// Ed25519, for `ed25519-sha256` (RFC 8463).
    Ed25519,
}

impl KeyType {
    /// The value of `k=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A DKIM key record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimRecord {
    /// `k=`
    pub key_type: KeyType,
    /// `p=`, decoded; empty when the key was withdrawn.
    pub key: Vec<u8>,
    /// `t=y`: receivers treat a failing signature as none, and some a valid one too.
    pub testing: bool,
    /// `h=` lists hashes without `sha256`, so that our signatures fail.
    pub refuses_sha256: bool,
    /// `s=` lists services without `email`.
    pub refuses_email: bool,
}

impl DkimRecord {
    /// Reads a record's joined strings.
    ///
    /// # Errors
    /// Why receivers cannot use it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tags = tags(text)?;
        if let Some(version) = tag(&tags, "v")
            && version != "DKIM1"
        {
            return Err(format!("v={} is not DKIM1", shortened(version)));
        }
        let key_type = match tag(&tags, "k").unwrap_or("rsa") {
            "rsa" => KeyType::Rsa,
            "ed25519" => KeyType::Ed25519,
            other => return Err(format!("k={} is neither rsa nor ed25519", shortened(other))),
        };
        let key = tag(&tags, "p").ok_or("it has no p= with the public key")?;
        let key = decoded(key).ok_or("its p= is not base64; was it cut off when it was entered?")?;
        let lists = |name: &str, wanted: &[&str]| {
            tag(&tags, name).is_some_and(|list| !list.split(':').any(|item| wanted.contains(&item.trim())))
        };
        let flags = tag(&tags, "t").unwrap_or_default();
        Ok(Self {
            key_type,
            key,
            testing: flags.split(':').any(|flag| flag.trim() == "y"),
            refuses_sha256: lists("h", &["sha256"]),
            refuses_email: lists("s", &["*", "email"]),
        })
    }
}

/// `text` as the strings of a TXT record, each in quotes and of at most 255 bytes: how zone files and most forms of
/// DNS providers take a long record.
pub fn txt_strings(text: &str) -> String {
    let quoted: Vec<String> = text
        .as_bytes()
        .chunks(TXT_STRING_BYTES_MAX)
        .map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk)))
        .collect();
    quoted.join(" ")
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_with_its_flags() {
        let record = DkimRecord::parse(
            "v=DKIM1; k=ed25519; t=y:s; p= 11qYAYKxCrfVS/7TyWQHOg7h\r\n cvPapiMlrwIaaPcHURo=;",
        )
        .unwrap();
        assert_eq!((record.key_type, record.key.len(), record.testing), (KeyType::Ed25519, 32, true));
        assert!(!record.refuses_email && !record.refuses_sha256);
        let record = DkimRecord::parse("p=;h=sha1;s=tlsrpt").unwrap();
        assert!(record.key.is_empty() && record.refuses_sha256 && record.refuses_email && !record.testing);
    }

    #[test]
    fn what_receivers_cannot_use_is_named() {
        for (text, why) in [
            ("v=DKIM2; p=AA==", "not DKIM1"),
            ("v=DKIM1; k=rsa", "no p="),
            ("v=DKIM1; p=MIIB*", "not base64"),
            ("v=DKIM1; k=dsa; p=AA==", "neither"),
            ("v=DKIM1; p=AA==; p=BB==", "twice"),
            ("hello", "no tag=value"),
        ] {
            let said = DkimRecord::parse(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn long_records_are_split_into_strings_of_255_bytes() {
        let text = "x".repeat(400);
        let strings = txt_strings(&text);
        let parts: Vec<&str> = strings.split(' ').collect();
        assert_eq!(parts.iter().map(|part| part.len() - 2).collect::<Vec<_>>(), [255, 145]);
        assert_eq!(strings.replace(['"', ' '], ""), text);
    }
}
