//! The finished message, as it goes over the wire: encoded once per variant, filled per recipient by position.
//!
//! [`WireTemplate::build`] does everything that is the same for all recipients: headers, boundary,
//! quoted-printable. [`WireTemplate::fill`] copies the literal stretches and encodes the few values between them.
//! Values are checked and encoded for the place they stand in and never scanned for markers, so no name can
//! become a header, a tag or a slot.

use std::borrow::Cow;

use lettre::message::{
    Body, MultiPart, SinglePart,
    header::{self, ContentTransferEncoding, ContentType},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::kernel::{Error, Result, clock};

use super::{
    EmailRendition, MessageHeaders,
    headers::{LAST_HEADER, checked, fixed_headers, header_safe, mailbox_line, text_line},
    quoted,
};
use crate::render::slots::{CLOSE, OPEN, Piece, SlotTable, SlotValues, escape_html, pieces};

/// Largest finished template, in bytes; a mail this long would be cut off or refused anyway.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One recipient of a variant.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Name for the `To` header, may be empty.
    pub to_name: &'a str,
    /// Address, as [`super::on_the_wire`] gives it.
    pub to_email: &'a str,
    /// `Message-ID` without the angle brackets, the same for every try of this delivery.
    pub message_id: &'a str,
    /// The `Date` header: when the message was released, in milliseconds of UTC.
    pub date_ms: i64,
    /// The address that unsubscribes this reader by mail, where there is one (RFC 2369 section 3.2).
    pub unsubscribe_mail: Option<&'a str>,
    /// What stands in the slots.
    pub values: SlotValues<'a>,
}

/// A variant's message with holes. See the module.
#[derive(Debug, Clone)]
pub struct WireTemplate {
    head: Head,
    /// The message with markers, as stored.
    text: String,
    parts: Vec<Part>,
    literal_bytes: usize,
}

/// What filling needs to know beside the message.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    /// Subject with slots, if it has any; otherwise it is part of the message already.
    subject: Option<String>,
    slots: SlotTable,
}

#[derive(Debug, Clone)]
enum Part {
    Literal { bytes: Vec<u8>, shape: quoted::Literal },
    Hole(Hole),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hole {
    To,
    Subject,
    Date,
    MessageId,
    /// The second way in `List-Unsubscribe`.
    UnsubscribeMail,
    /// A slot inside a structured header: ASCII that cannot end it.
    Header(usize),
    Text(usize),
    Html(usize),
}

impl WireTemplate {
    /// Encodes everything that does not depend on the recipient.
    ///
    /// # Errors
    /// A header that holds control characters, an address that is not ASCII, or a message over 1 MB.
    pub fn build(rendition: &EmailRendition, headers: &MessageHeaders) -> Result<Self> {
        let subject_has_slots = rendition.subject.contains(OPEN);
        let mut message = String::new();
        message.push_str(&mailbox_line::<header::From>(&headers.from_name, headers.from_email.as_str())?);
        message.push_str(&marker("to"));
        if subject_has_slots {
            message.push_str(&marker("subject"));
        } else {
            message.push_str(&text_line("Subject", &rendition.subject)?);
        }
        message.push_str(&marker("date"));
        message.push_str(&marker("id"));
        let mut slots = rendition.slots.clone();
        message.push_str(&fixed_headers(headers, &mut slots)?);
        message.push_str(&body(rendition)?);
        fits(&message)?;
        let subject = subject_has_slots.then(|| rendition.subject.clone());
        Self::cut(Head { subject, slots }, message)
    }

    /// The same headers with another subject and another body: what is sent of it to try it. The slots of `rendition` are
    /// those of this one.
    ///
    /// # Errors
    /// A template that [`WireTemplate::build`] did not make, or a message over 1 MB.
    pub fn with(&self, rendition: &EmailRendition) -> Result<Self> {
        let (to, subject, date) = (marker("to"), marker("subject"), marker("date"));
        let parts = self.text.split_once(&to).and_then(|(from, rest)| {
            let (_, rest) = rest.split_once(&date)?;
            let (headers, _) = rest.split_once(LAST_HEADER)?;
            Some((from, headers))
        });
        let (from, headers) = parts.ok_or_else(|| damaged("no header where it should be"))?;
        let body = body(rendition)?;
        let message = format!("{from}{to}{subject}{date}{headers}{LAST_HEADER}{body}");
        fits(&message)?;
        let head = Head { subject: Some(rendition.subject.clone()), slots: self.head.slots.clone() };
        Self::cut(head, message)
    }

    /// The form to store: one text.
    pub fn to_text(&self) -> String {
        let head = serde_json::to_string(&self.head).expect("texts and numbers always serialise");
        format!("{head}\n{}", self.text)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Not a text that [`WireTemplate::to_text`] wrote.
    pub fn from_text(stored: &str) -> Result<Self> {
        let (head, message) = stored.split_once('\n').ok_or_else(|| damaged("no head line"))?;
        let head = serde_json::from_str(head).map_err(|error| damaged(&error.to_string()))?;
        Self::cut(head, message.to_owned())
    }

    fn cut(head: Head, text: String) -> Result<Self> {
        let mut parts = Vec::new();
        let mut literal_bytes = 0;
        for piece in pieces(&text) {
            parts.push(match piece {
                Piece::Text(text) => {
                    literal_bytes += text.len();
                    Part::Literal {
                        bytes: text.as_bytes().to_vec(),
                        shape: quoted::Literal::measure(text.as_bytes()),
                    }
                }
                Piece::Slot(label) => Part::Hole(hole(label, &head)?),
            });
        }
        Ok(Self { head, text, parts, literal_bytes })
    }

    /// Writes the finished message for `recipient` into `out`, which is emptied first; every line ends in CRLF.
    ///
    /// # Errors
    /// A name or token with characters that must not reach a header, or an address that is not ASCII. `out` is
    /// empty then.
    pub fn fill(&self, recipient: &Recipient<'_>, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        out.reserve(self.literal_bytes + 4_096);
        let filled = self.write(recipient, out);
        if filled.is_err() {
            out.clear();
        }
        filled
    }

    fn write(&self, recipient: &Recipient<'_>, out: &mut Vec<u8>) -> Result<()> {
        let values = self.values(recipient)?;
        // The column of the encoded body after a slot, where the next literal has to mind the line's length.
        let mut column = None;
        for part in &self.parts {
            match part {
                Part::Literal { bytes, shape } => {
                    if let Some(at) = column.take() {
                        quoted::append(bytes, *shape, at, out);
                    } else {
                        out.extend_from_slice(bytes);
                    }
                }
                Part::Hole(Hole::Text(number)) => {
                    let at = column.unwrap_or_else(|| column_of(out));
                    column = Some(quoted::encode(values[*number].text.as_bytes(), at, out));
                }
                Part::Hole(Hole::Html(number)) => {
                    let at = column.unwrap_or_else(|| column_of(out));
                    column = Some(quoted::encode(values[*number].html.as_bytes(), at, out));
                }
                Part::Hole(Hole::Header(number)) => {
                    out.extend_from_slice(header_safe("a token", values[*number].text)?);
                }
                Part::Hole(hole) => self.write_header(*hole, recipient, out)?,
            }
        }
        Ok(())
    }

    /// The slots' values by number, checked and escaped once, since most stand in many places.
    fn values<'a>(&'a self, recipient: &Recipient<'a>) -> Result<Vec<SlotText<'a>>> {
        let value = |slot| {
            let text = recipient.values.of(slot);
            checked("a recipient's value", text)?;
            let is_plain = !text.contains(['&', '<', '>', '"', '\'']);
            let html = if is_plain { Cow::Borrowed(text) } else { Cow::Owned(escape_html(text)) };
            Ok(SlotText { text, html })
        };
        self.head.slots.iter().map(value).collect()
    }

    fn write_header(&self, hole: Hole, recipient: &Recipient<'_>, out: &mut Vec<u8>) -> Result<()> {
        match hole {
            Hole::To => out.extend_from_slice(
                mailbox_line::<header::To>(recipient.to_name, recipient.to_email)?.as_bytes(),
            ),
            Hole::Subject => {
                let subject = self.head.subject.as_deref().unwrap_or_default();
                let subject = self.head.slots.fill(subject, &recipient.values, str::to_owned);
                out.extend_from_slice(text_line("Subject", &subject)?.as_bytes());
            }
            Hole::Date => {
                out.extend_from_slice(b"Date: ");
                out.extend_from_slice(clock::utc(recipient.date_ms).to_rfc2822().as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Hole::MessageId => {
                out.extend_from_slice(b"Message-ID: <");
                out.extend_from_slice(header_safe("Message-ID", recipient.message_id)?);
                out.extend_from_slice(b">\r\n");
            }
            Hole::UnsubscribeMail => {
                if let Some(address) = recipient.unsubscribe_mail {
                    out.extend_from_slice(b",\r\n <mailto:");
                    out.extend_from_slice(header_safe("the address for unsubscribing", address)?);
                    out.extend_from_slice(b"?subject=unsubscribe>");
                }
            }
            Hole::Header(_) | Hole::Text(_) | Hole::Html(_) => {}
        }
        Ok(())
    }
}

fn fits(message: &str) -> Result<()> {
    if message.len() <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let bytes = message.len();
    Err(Error::invalid(format!(
        "the finished mail has {bytes} bytes, at most {MESSAGE_BYTES_MAX} are sent; shorten the text"
    )))
}

/// A slot's value, as it stands in text and in HTML.
struct SlotText<'a> {
    text: &'a str,
    html: Cow<'a, str>,
}

/// Bytes since the last line break.
fn column_of(out: &[u8]) -> usize {
    out.iter().rev().take_while(|byte| **byte != b'\n').count()
}

fn damaged(why: &str) -> Error {
    Error::internal(format!("stored message template: {why}"))
}

pub(super) fn marker(label: &str) -> String {
    format!("{OPEN}{label}{CLOSE}")
}

fn hole(label: &str, head: &Head) -> Result<Hole> {
    let number = |digits: &str| -> Result<usize> {
        let number = digits.parse().map_err(|_| damaged("a marker that is no number"))?;
        head.slots.get(number).map(|_| number).ok_or_else(|| damaged("a marker without a slot"))
    };
    Ok(match label {
        "to" => Hole::To,
        "subject" => Hole::Subject,
        "date" => Hole::Date,
        "id" => Hole::MessageId,
        "stop" => Hole::UnsubscribeMail,
        _ => match label.split_at_checked(1) {
            Some(("u", digits)) => Hole::Header(number(digits)?),
            Some(("t", digits)) => Hole::Text(number(digits)?),
            Some(("h", digits)) => Hole::Html(number(digits)?),
            _ => return Err(damaged("an unknown marker")),
        },
    })
}

/// The two parts as multipart/alternative, its boundary made from their content. `=_` cannot occur in
/// quoted-printable, so no value can end a part.
fn body(rendition: &EmailRendition) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(&rendition.html);
    hash.update(&rendition.text);
    let digest: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let part = |content_type, context, text: &str| {
        SinglePart::builder().header(content_type).body(Body::dangerous_pre_encoded(
            encoded_part(context, text),
            ContentTransferEncoding::QuotedPrintable,
        ))
    };
    let parts = MultiPart::alternative()
        .boundary(format!("=_{digest}"))
        .singlepart(part(ContentType::TEXT_PLAIN, 't', &rendition.text))
        .singlepart(part(ContentType::TEXT_HTML, 'h', &rendition.html));
    String::from_utf8(parts.formatted()).map_err(|error| Error::internal("mail part").because(error))
}

/// One part in quoted-printable; markers stay, labelled with what their values must be escaped for.
fn encoded_part(context: char, text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 8);
    for piece in pieces(text) {
        match piece {
            Piece::Slot(number) => {
                encoded.extend_from_slice(marker(&format!("{context}{number}")).as_bytes());
            }
            Piece::Text(text) => {
                quoted::encode(text.as_bytes(), 0, &mut encoded);
            }
        }
    }
    encoded
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
