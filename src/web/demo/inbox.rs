//! Caught mail: the list, and one mail as its reader, its mail program and its server see it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::{Path, Query, State},
    response::{Html, IntoResponse},
};
use serde::{Deserialize, Serialize};

use super::{
    Mail,
    people::{Known, People},
};
use crate::{
    channel::catcher::ParsedMail,
    domain::kernel::Error,
    web::{
        frame::{self, Area, Frame},
        headers::sandboxed,
        respond::{self, Answer},
        view::when::Moment,
    },
    work::Context,
};

/// Mails listed.
const LISTED_MAX: usize = 200;
/// Mails looked through.
const READ_MAX: usize = 2_000;

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// How many there are.
    pub total: usize,
    /// Whose mail can be shown.
    pub people: Vec<Person>,
    /// The newest first.
    pub mails: Vec<Line>,
    /// Whether there are more.
    pub more: bool,
}

/// Somebody who got mail.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Their address.
    pub address: String,
    /// Who that is, where we know.
    pub who: Option<Known>,
    /// How many.
    pub count: usize,
    /// Whether theirs is shown.
    pub current: bool,
}

/// A mail in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The mail.
    pub href: String,
    /// To whom.
    pub to: String,
    /// Who that is, where we know.
    pub who: Option<Known>,
    /// Subject.
    pub subject: String,
    /// First words.
    pub snippet: String,
    /// When it arrived.
    pub at: Moment,
}

/// A mail.
#[derive(Debug, Serialize)]
pub struct MailView {
    /// Back to the list.
    pub back: String,
    /// Subject.
    pub subject: String,
    /// To whom.
    pub to: String,
    /// Who that is, where we know.
    pub who: Option<Known>,
    /// From whom.
    pub from: String,
    /// Its `Date`.
    pub at: Moment,
    /// The parts.
    pub tabs: Vec<Tab>,
    /// Address of the HTML part.
    pub html: Option<String>,
    /// How tall it will be, in steps of the style sheet.
    pub tall: usize,
    /// The text part, or the source.
    pub text: Option<String>,
    /// Headers that matter, with the reason.
    pub headers: Option<Vec<Header>>,
    /// `9.1 kB`
    pub size: String,
    /// Its Message-ID.
    pub message_id: String,
}

/// A part to look at.
#[derive(Debug, Serialize)]
pub struct Tab {
    /// Its name.
    pub label: &'static str,
    /// Its address.
    pub href: String,
    /// Whether it is shown.
    pub current: bool,
}

/// A header field.
#[derive(Debug, Serialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What it is for.
    pub why: &'static str,
}

/// Whose mail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Whose {
    to: String,
}

/// `GET /inbox`
pub async fn list(
    State(ctx): State<Arc<Context>>,
    Extension(Mail(mail)): Extension<Mail>,
    Query(whose): Query<Whose>,
) -> Answer {
    let total = mail.count().await?;
    let all = mail.list(READ_MAX).await?;
    let (_, zone) = frame::vendor(&ctx);
    let people = People::load(&ctx).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for envelope in &all {
        *counts.entry(envelope.to.clone()).or_default() += 1;
    }
    let mails: Vec<Line> = all
        .into_iter()
        .filter(|envelope| whose.to.is_empty() || envelope.to.eq_ignore_ascii_case(&whose.to))
        .take(LISTED_MAX)
        .map(|envelope| Line {
            href: format!("/inbox/{}", envelope.id),
            who: people.at(&envelope.to),
            to: envelope.to,
            subject: envelope.subject,
            snippet: envelope.snippet,
            at: Moment::short(envelope.date_ms.unwrap_or(envelope.received_ms), zone),
        })
        .collect();
    let view = ListView {
        total,
        people: counts
            .into_iter()
            .map(|(address, count)| Person {
                current: address.eq_ignore_ascii_case(&whose.to),
                who: people.at(&address),
                address,
                count,
            })
            .collect(),
        more: whose.to.is_empty() && mails.len() < total,
        mails,
    };
    respond::page(&ctx, "inbox/list", &Frame::new(&ctx, Area::Demo, "Caught mail", "/inbox"), &view)
}

/// Which part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    part: String,
}

/// `GET /inbox/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Extension(Mail(mail)): Extension<Mail>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let parsed = mail.read(&id).await?;
    let source = if wanted.part == "source" {
        Some(String::from_utf8_lossy(&mail.raw(&id).await?).into_owned())
    } else {
        None
    };
    let envelope = mail.list(READ_MAX).await?.into_iter().find(|envelope| envelope.id == id);
    let at_ms = envelope.map_or(0, |envelope| envelope.date_ms.unwrap_or(envelope.received_ms));
    let mut view = view(&id, parsed, &wanted.part, source, Moment::full(at_ms, frame::vendor(&ctx).1));
    view.who = People::load(&ctx).await?.at(&view.to);
    respond::page(&ctx, "inbox/mail", &Frame::new(&ctx, Area::Demo, &view.subject, "/inbox"), &view)
}

fn view(id: &str, parsed: ParsedMail, part: &str, source: Option<String>, at: Moment) -> MailView {
    let tabs = [("", "As it looks"), ("text", "Plain text"), ("headers", "Headers"), ("source", "Source")];
    let known = tabs.iter().any(|(key, _)| *key == part);
    let tab = |(key, label): (&str, &'static str)| Tab {
        label,
        href: if key.is_empty() { format!("/inbox/{id}") } else { format!("/inbox/{id}?part={key}") },
        current: key == part || (!known && key.is_empty()),
    };
    MailView {
        tall: tall(parsed.text.as_deref().unwrap_or_default()),
        back: format!("/inbox?to={}", parsed.to),
        tabs: tabs.into_iter().map(tab).collect(),
        html: (!matches!(part, "text" | "headers" | "source") && parsed.html.is_some())
            .then(|| format!("/inbox/{id}/html")),
        text: match part {
            "text" => parsed.text,
            "source" => source,
            _ if parsed.html.is_none() => parsed.text,
            _ => None,
        },
        headers: (part == "headers").then(|| {
            parsed.headers.into_iter().map(|(name, value)| Header { why: why(&name), name, value }).collect()
        }),
        size: kilobytes(parsed.raw_size),
        message_id: parsed.message_id.unwrap_or_default(),
        subject: parsed.subject,
        to: parsed.to,
        who: None,
        from: parsed.from,
        at,
    }
}

/// Letters of a mail that fill a step of the style sheet's frame, and the steps it has.
const STEP_CHARS: usize = 390;
const STEPS: std::ops::RangeInclusive<usize> = 3..=16;

/// How many steps a mail fills. Its frame is sandboxed and runs no script, so it cannot tell; the text can, for both
/// parts say the same, but for the addresses.
fn tall(text: &str) -> usize {
    let words = text.split_whitespace().filter(|word| !word.contains("://"));
    let chars: usize = words.map(|word| word.chars().count() + 1).sum();
    chars.div_ceil(STEP_CHARS).clamp(*STEPS.start(), *STEPS.end())
}

/// `9.1 kB`
fn kilobytes(bytes: u64) -> String {
    format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100)
}

/// What a header is for.
fn why(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "list-unsubscribe" | "list-unsubscribe-post" => "one-click unsubscribing (RFC 8058)",
        "list-id" => "names the newsletter (RFC 2919)",
        "message-id" => "stays the same when a message is repeated after a crash",
        "feedback-id" => "lets mailbox providers report complaints by issue",
        "reply-to" => "a person reads the answers",
        "dkim-signature" => "proves the sender (RFC 6376)",
        "delivered-to" => "added by the catcher: whom it was handed over for",
        _ => "",
    }
}

/// `GET /inbox/{id}/html`: the mail's own HTML, which came from outside: sandboxed.
pub async fn html(Extension(Mail(mail)): Extension<Mail>, Path(id): Path<String>) -> Answer {
    let html = mail.read(&id).await?.html.ok_or_else(|| Error::not_found("the HTML part of this mail"))?;
    Ok(sandboxed(Html(in_new_tabs(&html)).into_response()))
}

/// Links open beside the frame, not in it.
fn in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    match html.find("<head>") {
        Some(at) => {
            let (before, after) = html.split_at(at + "<head>".len());
            format!("{before}{BASE}{after}")
        }
        None => format!("{BASE}{html}"),
    }
}

#[cfg(test)]
impl ListView {
    /// Three mails.
    pub fn sample() -> Self {
        let line = |to: &str, subject: &str, snippet: &str| Line {
            href: "#".into(),
            to: to.into(),
            who: to.starts_with("luis").then(Known::sample),
            subject: subject.into(),
            snippet: snippet.into(),
            at: Moment::short(1_799_766_000_000, chrono_tz::Europe::Oslo),
        };
        Self {
            total: 36,
            people: vec![Person {
                address: "luis.ortega@northlight.example".into(),
                who: Some(Known::sample()),
                count: 2,
                current: false,
            }],
            mails: vec![
                line(
                    "luis.ortega@northlight.example",
                    "A lead for you: accept within 60 minutes",
                    "Luis, somebody wants to hear from Northlight MSP.",
                ),
                line(
                    "mei.tran@northlight.example",
                    "Restores, not backups: your part in January",
                    "Hello Mei, A green tick says that a backup job ended. It does not say that people can work again.",
                ),
                line(
                    "luis.ortega@northlight.example",
                    "Restores, not backups: your part in January",
                    "Hello Luis, A green tick says that a backup job ended. It does not say that people can work again.",
                ),
            ],
            more: true,
        }
    }
}

#[cfg(test)]
impl MailView {
    /// A part of a mail.
    pub fn sample(part: &str) -> Self {
        let parsed = ParsedMail {
            headers: vec![
                ("List-Unsubscribe".into(), "<https://cast.example/one-click/x>".into()),
                ("Message-ID".into(), "<x.g1@partners.brackenfold.example>".into()),
            ],
            html: Some("<p>".into()),
            text: Some("Hello Luis,\n\nA green tick says that a backup job ended.".into()),
            to: "luis.ortega@northlight.example".into(),
            from: "Brackenfold Partner News <news@partners.brackenfold.example>".into(),
            subject: "Restores, not backups: your part in January".into(),
            message_id: Some("x.g1@partners.brackenfold.example".into()),
            list_unsubscribe: None,
            raw_size: 9_140,
        };
        let mut view =
            view("mail", parsed, part, None, Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo));
        view.html = view.html.map(|_| "/mail.html".into());
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_mail_open_in_a_new_tab() {
        assert_eq!(in_new_tabs("<html><head><x>"), "<html><head><base target=\"_blank\"><x>");
        assert_eq!(kilobytes(9_140), "9.1 kB");
    }

    #[test]
    fn a_frame_is_as_tall_as_its_mail() {
        assert_eq!(tall("Hello"), 3);
        assert_eq!(tall(&"word ".repeat(700)), 9);
        let addresses = format!("{} https://x.example/{}", "word ".repeat(700), "x".repeat(4_000));
        assert_eq!(tall(&addresses), 9, "addresses do not show");
        assert_eq!(tall(&"word ".repeat(9_000)), 16);
    }
}
