//! Just enough MIME for reports (RFC 2045, 2046), bounded on every side: what a stranger sends is taken apart level by
//! level without recursion, and what lies deeper than a report ever does is not looked at.

use std::borrow::Cow;

use mail_parser::{MessageParser, MimeHeaders, decoders};

/// Fields of one header that are read.
const FIELDS_MAX: usize = 500;
/// Longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Multiparts inside each other that are opened: a report has one, a gateway may wrap it once or twice.
pub(super) const DEPTH_MAX: usize = 8;
/// Parts that are looked at.
pub(super) const PARTS_MAX: usize = 64;

/// Header fields, or the fields of a status report, which look the same (RFC 5322 section 2.2, RFC 3464 section 2.1).
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a block of fields; lines that are none are skipped.
    pub(super) fn read(block: &[u8]) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines(block) {
            let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            if folded {
                if let Some((_, value)) = fields.last_mut().filter(|(_, value)| value.len() < VALUE_BYTES_MAX)
                {
                    value.push(' ');
                    value.push_str(&text_of(line));
                }
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = &line[..colon];
            let is_name =
                !name.is_empty() && name.len() <= 128 && name.iter().all(|byte| byte.is_ascii_graphic());
            if is_name {
                if fields.len() == FIELDS_MAX {
                    break;
                }
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                fields.push((name, text_of(&line[colon + 1..])));
            }
        }
        Self(fields)
    }

    /// The first field of this lower-case name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All fields of this lower-case name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A line's text on one line: no control characters, no invalid UTF-8, not endless.
fn text_of(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(VALUE_BYTES_MAX)];
    let text = String::from_utf8_lossy(bytes);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines without their ends, whatever the ends are.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A message or a part of one.
pub(super) struct Entity<'a> {
    /// Its header.
    pub(super) fields: Fields,
    /// The same, as it came.
    pub(super) header: &'a [u8],
    /// `type/subtype`, lower case; `text/plain` where it does not say.
    pub(super) content_type: String,
    boundary: Option<Vec<u8>>,
    body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// Takes header and body apart.
    pub(super) fn read(raw: &'a [u8]) -> Self {
        let (header, body) = split(raw);
        let parsed = MessageParser::default().parse_headers(header);
        let content_type = parsed.as_ref().and_then(|message| message.content_type());
        let name = content_type.map(|kind| {
            format!("{}/{}", kind.c_type, kind.c_subtype.as_deref().unwrap_or_default()).to_ascii_lowercase()
        });
        let boundary = content_type
            .and_then(|kind| kind.attribute("boundary"))
            .filter(|boundary| !boundary.is_empty() && boundary.len() <= 200)
            .map(|boundary| boundary.as_bytes().to_vec());
        Self {
            fields: Fields::read(header),
            header,
            content_type: name.unwrap_or_else(|| "text/plain".to_owned()),
            boundary,
            body,
        }
    }

    /// The subject, decoded (RFC 2047).
    pub(super) fn subject(&self) -> String {
        let parsed = MessageParser::default().parse_headers(self.header);
        let subject = parsed.as_ref().and_then(|message| message.subject()).unwrap_or_default();
        text_of(subject.as_bytes())
    }

    /// The body without its transfer encoding.
    pub(super) fn decoded(&self) -> Cow<'a, [u8]> {
        let encoding = self.fields.get("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        let decoded = match encoding.as_str() {
            "base64" => decoders::base64::base64_decode(self.body),
            "quoted-printable" => decoders::quoted_printable::quoted_printable_decode(self.body),
            _ => None,
        };
        decoded.map_or(Cow::Borrowed(self.body), Cow::Owned)
    }

    /// The parts of a multipart, at most [`PARTS_MAX`]; whether there were more.
    fn parts(&self) -> (Vec<&'a [u8]>, bool) {
        let Some(boundary) = self.boundary.as_deref().filter(|_| self.content_type.starts_with("multipart/"))
        else {
            return (Vec::new(), false);
        };
        let mut parts = Vec::new();
        let mut begun: Option<usize> = None;
        let mut at = 0;
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            let (start, end) = (at, at + line.len());
            at = end;
            let Some(rest) = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary)) else {
                continue;
            };
            let is_last = rest.starts_with(b"--");
            let rest = if is_last { &rest[2..] } else { rest };
            // Another boundary may begin with this one.
            if !rest.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if let Some(from) = begun.take() {
                parts.push(trimmed(&self.body[from..start]));
            }
            if is_last {
                return (parts, false);
            }
            if parts.len() == PARTS_MAX {
                return (parts, true);
            }
            begun = Some(end);
        }
        // Cut off before its end: what is there may still say enough.
        parts.extend(begun.map(|from| &self.body[from..]));
        (parts, false)
    }
}

/// The end of line before a boundary belongs to the boundary (RFC 2046 section 5.1.1).
fn trimmed(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Header and body; the empty line belongs to neither.
fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return (&raw[..at], &raw[at + line.len()..]);
        }
        at += line.len();
    }
    (raw, &[])
}

/// Everything in a message that is no multipart, in its order; messages inside are not opened.
pub(super) struct Leaves<'a> {
    /// The parts.
    pub(super) leaves: Vec<Entity<'a>>,
    /// What was not looked at, if anything.
    pub(super) cut: Option<&'static str>,
}

/// Opens the multiparts of a message.
pub(super) fn leaves(root: Entity<'_>) -> Leaves<'_> {
    let mut found = Leaves { leaves: Vec::new(), cut: None };
    let mut waiting = vec![(root, 0)];
    let mut seen = 0;
    while let Some((entity, depth)) = waiting.pop() {
        seen += 1;
        let (parts, more) = entity.parts();
        if more || seen > PARTS_MAX {
            found.cut = Some("it has more parts than a report has");
        }
        if seen > PARTS_MAX {
            break;
        }
        if parts.is_empty() {
            found.leaves.push(entity);
        } else if depth == DEPTH_MAX {
            found.cut = Some("it is nested deeper than a report is");
        } else {
            waiting.extend(parts.into_iter().rev().map(|part| (Entity::read(part), depth + 1)));
        }
    }
    found
}
