//! Mail headers, encoded; whatever is not fit for one is refused here.

use lettre::{
    Address,
    message::{
        Mailbox, Mailboxes,
        header::{self, HeaderName, HeaderValue},
    },
};

use crate::{
    domain::kernel::{EmailAddress, Error, Result, bidi, text::is_unsafe},
    render::slots::{Piece, Slot, SlotTable, pieces},
};

use super::wire::marker;

/// Headers that are the same for every recipient of a variant (RFC 5322, RFC 2369, RFC 2919, RFC 8058).
#[derive(Debug, Clone)]
pub struct MessageHeaders {
    /// Display name of the sender.
    pub from_name: String,
    /// Address of the sender, on the domain that DKIM signs for.
    pub from_email: EmailAddress,
    /// Where replies go.
    pub reply_to: Option<EmailAddress>,
    /// `List-Id` without the angle brackets: `fold-forward.partners.brackenfold.example`.
    pub list_id: Option<String>,
    /// `Feedback-ID`, up to four fields joined by colons, the sender's name last.
    pub feedback_id: Option<String>,
    /// One-click unsubscription (RFC 8058): the path between `base_url` and the preferences token, such as `/u/`.
    /// Sets `List-Unsubscribe-Post` too. A recipient's own address for unsubscribing by mail joins it when filled.
    pub one_click_path: Option<String>,
    /// Sets `Auto-Submitted: auto-generated` (RFC 3834): for notices, not for newsletters.
    pub auto_generated: bool,
    /// Further headers, name and text, fixed for the variant.
    pub extra: Vec<(String, String)>,
}

/// Refuses what must not reach a header. Isolates and marks of direction may: our own texts put them around values, and
/// what people type has lost them.
pub(super) fn checked(what: &str, value: &str) -> Result<()> {
    let plain = |byte: u8| (32..127).contains(&byte);
    if value.bytes().all(plain) {
        return Ok(());
    }
    match value.chars().find(|c| is_unsafe(*c) && !bidi::is_own_mark(*c)) {
        None => Ok(()),
        Some(bad) => Err(Error::invalid(format!(
            "{what} holds the control character U+{:04X}; remove it",
            u32::from(bad)
        ))),
    }
}

/// A value inside a structured header: visible ASCII that cannot close what it stands in.
pub(super) fn header_safe<'a>(what: &str, value: &'a str) -> Result<&'a [u8]> {
    if value.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,\"\\;".contains(&byte)) {
        Ok(value.as_bytes())
    } else {
        Err(Error::invalid(format!("{what} holds a character that a mail header cannot carry")))
    }
}

/// `Name: mailbox` with its line end, encoded by lettre (RFC 5322 section 3.4, RFC 2047). An address that is not ASCII
/// stands there as it is (RFC 6532 section 3.2).
pub(super) fn mailbox_line<H: header::Header + From<Mailboxes>>(name: &str, email: &str) -> Result<String> {
    checked("a name", name)?;
    let name = name.trim();
    if name.contains("=?") || !email.is_ascii() {
        // Lettre leaves ASCII as it is, and readers would decode what the name only seems to be; it refuses other
        // addresses.
        let address = EmailAddress::parse(email)?;
        let name = if name.is_empty() { String::new() } else { encoded_words(name) + "\r\n " };
        return Ok(format!("{}: {name}<{address}>\r\n", H::name()));
    }
    let address: Address =
        email.parse().map_err(|_| Error::invalid(format!("`{email}` is not an address we can send to")))?;
    let mut line = header::Headers::new();
    let mailbox = Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address);
    line.set(H::from(Mailboxes::from(mailbox)));
    Ok(line.to_string())
}

/// `Name: text` with its line end, encoded by lettre (RFC 5322 section 3.6.5, RFC 2047).
pub(super) fn text_line(name: &str, text: &str) -> Result<String> {
    checked(name, text)?;
    let header = HeaderName::new_from_ascii(name.to_owned())
        .map_err(|_| Error::invalid(format!("`{name}` is not a header name")))?;
    if text.contains("=?") {
        return Ok(format!("{header}: {}\r\n", encoded_words(text)));
    }
    let mut line = header::Headers::new();
    line.insert_raw(HeaderValue::new(header, text.to_owned()));
    Ok(line.to_string())
}

/// `text` as encoded words (RFC 2047 section 2), each of at most 75 columns, one a line.
fn encoded_words(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut words: Vec<String> = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let encoded: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?b?{}?=", STANDARD.encode(word))).collect();
    encoded.join("\r\n ")
}

/// A text for a structured header, its slots marked as standing there.
fn header_text(text: &str) -> Result<String> {
    let mut checked = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Slot(number) => checked.push_str(&marker(&format!("u{number}"))),
            Piece::Text(text) => {
                header_safe("a header's address", text)?;
                checked.push_str(text);
            }
        }
    }
    Ok(checked)
}

/// What ends the headers that are ours to write; those of the body follow.
pub(super) const LAST_HEADER: &str = "MIME-Version: 1.0\r\n";

pub(super) fn fixed_headers(headers: &MessageHeaders, slots: &mut SlotTable) -> Result<String> {
    let mut lines = String::new();
    if let Some(reply_to) = &headers.reply_to {
        lines.push_str(&mailbox_line::<header::ReplyTo>("", reply_to.as_str())?);
    }
    if let Some(path) = &headers.one_click_path {
        let url = format!("{}{path}{}", slots.marker(Slot::BaseUrl), slots.marker(Slot::PreferencesToken));
        let mail = marker("stop");
        lines.push_str(&format!("List-Unsubscribe: <{}>{mail}\r\n", header_text(&url)?));
        lines.push_str("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    }
    if let Some(list_id) = &headers.list_id {
        header_safe("List-Id", list_id)?;
        lines.push_str(&format!("List-Id: <{list_id}>\r\n"));
    }
    if let Some(feedback_id) = &headers.feedback_id {
        lines.push_str(&text_line("Feedback-ID", feedback_id)?);
    }
    if headers.auto_generated {
        lines.push_str("Auto-Submitted: auto-generated\r\n");
    }
    for (name, text) in &headers.extra {
        lines.push_str(&text_line(name, text)?);
    }
    lines.push_str(LAST_HEADER);
    Ok(lines)
}
