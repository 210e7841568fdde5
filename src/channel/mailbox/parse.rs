//! A message that came back, read: what it says ([`Report`]), and what could prove that it is about a mail of ours.
//!
//! Nothing here fails: what cannot be read is `Other`, for a person. Nothing here is believed either; `work/bounce`
//! checks the signatures.

use super::mime::{Entity, Fields, Leaves, leaves, lines};
use crate::domain::delivery::{
    report::{self, Action, Bounce, Report},
    return_path,
};

/// Largest message that is read, in bytes; reports begin with what matters, so the rest is cut off.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Longest excerpt, in bytes.
const EXCERPT_BYTES_MAX: usize = 8 * 1024;
/// Addresses of one message that are looked at.
const RECIPIENTS_MAX: usize = 32;
/// Recipients of one report that are looked at; our messages have one.
const GROUPS_MAX: usize = 100;
/// Longest diagnostic that is kept, in characters.
const DIAGNOSTIC_CHARS_MAX: usize = 1_000;
/// From so many characters without a space on, a word is a key or data: nobody reads it, and it might open something.
const SECRET_CHARS_MIN: usize = 45;

/// Fields in which mail servers say whom they delivered to, the surest first.
const DELIVERED_TO: [&str; 6] =
    ["x-original-to", "delivered-to", "x-delivered-to", "envelope-to", "x-envelope-to", "to"];

/// A message that came back, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub report: Report,
    /// Whom it came to, as the message says.
    pub recipients: Vec<String>,
    /// The mail that it returns, as far as it does.
    pub returned: ReturnedMail,
    /// Its subject.
    pub subject: String,
    /// Who wrote it, where it says so and its envelope has a sender: what machines answer has none (RFC 3834 section 3.3).
    pub writer: Option<String>,
    /// How it begins, fit to be shown: text without control characters and without keys.
    pub excerpt: String,
}

/// What a report gives back of the mail that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReturnedMail {
    /// Its Message-ID, without angle brackets.
    pub message_id: Option<String>,
    /// Its envelope sender: `Return-Path` (RFC 5321 section 4.4) or `Original-Mail-From` (RFC 5965 section 3.2).
    pub return_path: Option<String>,
    /// The addresses in its `List-Unsubscribe`.
    pub unsubscribe: Vec<String>,
}

/// Reads a message. `envelope_to` is whom it was handed over for, where that is known.
pub fn parse(raw: &[u8], envelope_to: Option<&str>) -> Parsed {
    let raw = &raw[..raw.len().min(MESSAGE_BYTES_MAX)];
    let root = Entity::read(raw);
    let subject: String = root.subject().chars().take(200).collect();
    let mut recipients: Vec<String> = envelope_to.map(str::to_owned).into_iter().collect();
    let named = DELIVERED_TO.iter().flat_map(|name| root.fields.all(name)).flat_map(addresses);
    recipients.extend(named.filter(|address| return_path::looks_like_ours(address)).take(RECIPIENTS_MAX));
    let field = |name: &str| root.fields.get(name).map(str::to_owned);
    let auto_reply = report::auto_reply(&field, &subject);
    let is_null = root.fields.get("return-path").is_some_and(|path| bare(path).is_none());
    let writer = root.fields.get("from").filter(|_| !is_null).and_then(|from| addresses(from).next());
    let opened = leaves(root);
    let (report, returned) = read_parts(&opened, auto_reply);
    Parsed { report, recipients, returned, subject, writer, excerpt: excerpt(raw) }
}

fn read_parts(opened: &Leaves<'_>, auto_reply: Option<&'static str>) -> (Report, ReturnedMail) {
    let of_type =
        |names: &[&str]| opened.leaves.iter().find(|part| names.contains(&part.content_type.as_str()));
    let returned =
        of_type(&["message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"]);
    let mut returned = returned.map(|part| returned_mail(&part.decoded())).unwrap_or_default();
    let status = of_type(&["message/delivery-status", "message/global-delivery-status"]);
    if let Some(bounce) = status.and_then(|part| bounce(&part.decoded())) {
        return (Report::Bounce(bounce), returned);
    }
    if let Some(part) = of_type(&["message/feedback-report"]) {
        let fields = Fields::read(&part.decoded());
        returned.return_path =
            returned.return_path.or_else(|| fields.get("original-mail-from").and_then(bare));
        let feedback_type: String =
            fields.get("feedback-type").unwrap_or_default().chars().take(40).collect();
        return (Report::Complaint { feedback_type: feedback_type.to_ascii_lowercase() }, returned);
    }
    if of_type(&["message/disposition-notification", "message/global-disposition-notification"]).is_some() {
        return (Report::AutoReply { why: "a read receipt" }, returned);
    }
    let report = match (auto_reply, opened.cut) {
        (Some(why), _) => Report::AutoReply { why },
        (None, Some(why)) => Report::Other { why },
        (None, None) => Report::Other { why: report::NO_REPORT },
    };
    (report, returned)
}

/// The fields of a delivery status (RFC 3464 section 2): the first failed recipient, or else the first one.
fn bounce(status: &[u8]) -> Option<Bounce> {
    let groups: Vec<Fields> = groups(status).iter().map(|group| Fields::read(group)).collect();
    let reporter = groups.iter().find_map(|group| group.get("reporting-mta")).map(typed);
    let about = |group: &Fields| {
        let status = group
            .get("status")
            .and_then(|value| {
                value.split(|c: char| c.is_whitespace() || c == '(').find(|word| report::is_status(word))
            })
            .map(str::to_owned);
        let action = match group.get("action") {
            Some(word) => Action::parse(word.split(['(', ' ', ';']).next().unwrap_or_default())?,
            None if status.as_deref().is_some_and(|status| status.starts_with('5')) => Action::Failed,
            None => return None,
        };
        Some(Bounce {
            action,
            status,
            diagnostic: group.get("diagnostic-code").map(typed).unwrap_or_default(),
            final_recipient: group
                .get("final-recipient")
                .or_else(|| group.get("original-recipient"))
                .map(typed),
            reporting_mta: reporter.clone(),
        })
    };
    let mut all: Vec<Bounce> = groups.iter().filter_map(about).collect();
    let at = all.iter().position(|bounce| bounce.action == Action::Failed).unwrap_or(0);
    (at < all.len()).then(|| all.swap_remove(at))
}

/// Groups of fields between empty lines.
fn groups(status: &[u8]) -> Vec<Vec<u8>> {
    let mut groups = vec![Vec::new()];
    for line in lines(status) {
        if line.trim_ascii().is_empty() {
            if groups.last().is_some_and(|group| !group.is_empty()) {
                groups.push(Vec::new());
            }
            if groups.len() > GROUPS_MAX {
                break;
            }
        } else if let Some(group) = groups.last_mut() {
            group.extend_from_slice(line);
            group.push(b'\n');
        }
    }
    groups
}

/// The value of a field of the form `rfc822; value` (RFC 3464 section 2.1.2).
fn typed(value: &str) -> String {
    let text = value.split_once(';').map_or(value, |(_, text)| text).trim();
    text.chars().take(DIAGNOSTIC_CHARS_MAX).collect()
}

fn returned_mail(message: &[u8]) -> ReturnedMail {
    let fields = Entity::read(message).fields;
    ReturnedMail {
        message_id: fields.get("message-id").and_then(bare),
        return_path: fields.get("return-path").and_then(bare),
        unsubscribe: fields
            .get("list-unsubscribe")
            .map(|value| value.split(',').take(8).filter_map(bare).collect())
            .unwrap_or_default(),
    }
}

/// A value without its angle brackets, if anything is left.
fn bare(value: &str) -> Option<String> {
    let inner = value.trim().trim_start_matches('<').trim_end_matches('>');
    (!inner.is_empty()).then(|| inner.to_owned())
}

/// The addresses in a field, without regard to names and comments; only a signature makes one of them matter.
fn addresses(value: &str) -> impl Iterator<Item = String> {
    let is_end = |c: char| c.is_whitespace() || "<>,;()\"".contains(c);
    value.split(is_end).filter(|word| word.contains('@')).map(str::to_owned)
}

/// The beginning of a message as a person may see it: keys in it, which open the reader's pages, are left out.
fn excerpt(raw: &[u8]) -> String {
    let mut text = String::new();
    for line in lines(raw) {
        let line = String::from_utf8_lossy(&line[..line.len().min(EXCERPT_BYTES_MAX)]);
        let mut run = String::new();
        for c in line.chars().chain(std::iter::once('\n')) {
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                run.push(c);
                continue;
            }
            text.push_str(if run.len() >= SECRET_CHARS_MIN { "…" } else { &run });
            run.clear();
            text.push(if c.is_control() && c != '\n' { ' ' } else { c });
        }
        if text.len() > EXCERPT_BYTES_MAX {
            let mut end = EXCERPT_BYTES_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            break;
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
