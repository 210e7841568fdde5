//! Mail: from trees to a rendition with slots, and from there to the wire.

mod address;
pub mod dkim;
mod headers;
mod newsletter;
mod notice;
mod quoted;
mod text;
mod wire;

use std::collections::HashMap;

use mrml::prelude::render::RenderOptions;
use serde::{Deserialize, Serialize};

use crate::domain::{
    content::tree::Target,
    kernel::{Error, Locale, Result},
};

use super::slots::{SlotTable, SlotValues, escape_html};

pub use address::on_the_wire;
pub use headers::MessageHeaders;
pub use newsletter::{CardImage, EmailInput, FeatureCard, FooterLinks, GuestIssue, newsletter};
pub use notice::{Fact, NoticeInput, notice};
pub use wire::{Recipient, WireTemplate};

/// Gives the address for a link's target, may hold slots; empty leaves the text without a link.
pub type LinkMap<'a> = dyn FnMut(&Target) -> String + 'a;
/// Gives the https address for an image's path under the content folder; nothing shows the alternative text.
pub type ImageMap<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// From this size on, in bytes of HTML, a large mailbox provider shows the mail cut off.
pub const HTML_BYTES_WARN: usize = 100_000;
/// Largest HTML part, in bytes.
const HTML_BYTES_MAX: usize = 1_000_000;

/// One variant of a mail, the same for all its recipients but for the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailRendition {
    /// Subject, may hold slots.
    pub subject: String,
    /// The HTML part, may hold slots.
    pub html: String,
    /// The plain-text part, may hold slots.
    pub text: String,
    /// What the slots stand for.
    pub slots: SlotTable,
}

impl EmailRendition {
    /// What to tell the author when the mail is so long that it would be shown cut off.
    pub fn size_warning(&self) -> Option<String> {
        (self.html.len() > HTML_BYTES_WARN).then(|| {
            format!(
                "the mail has {} bytes of HTML; from {HTML_BYTES_WARN} on it is shown cut off, so shorten it",
                self.html.len()
            )
        })
    }

    /// The same as a test, which its subject begins with and one line says before everything else. `mark` and `line` are plain
    /// text in the language of `locale`.
    #[must_use]
    pub fn as_test(&self, mark: &str, line: &str, locale: &Locale) -> Self {
        let dir = Direction::of(locale).dir;
        let said = format!(
            "<div dir=\"{dir}\" style=\"padding:8px 16px;background-color:#fff4d6;color:#3d2e00;font-family:sans-serif;\
             font-size:14px;line-height:20px;text-align:center;\">{}</div>",
            escape_html(line)
        );
        let body = self.html.find("<body").and_then(|at| Some(at + self.html[at..].find('>')? + 1));
        let (before, after) = self.html.split_at(body.unwrap_or_default());
        Self {
            subject: format!("{mark} {}", self.subject),
            html: format!("{before}{said}{after}"),
            text: format!("{line}\n\n{}", self.text),
            slots: self.slots.clone(),
        }
    }

    /// Subject, HTML and text as one reader sees them: for previews and for "view in browser".
    pub fn filled(&self, values: &SlotValues<'_>) -> (String, String, String) {
        (
            self.slots.fill(&self.subject, values, str::to_owned),
            self.slots.fill(&self.html, values, escape_html),
            self.slots.fill(&self.text, values, str::to_owned),
        )
    }
}

/// Which way the language runs, and the sides that follow from it: mail clients do not know `start` and `end`.
#[derive(Debug, Serialize)]
struct Direction {
    dir: &'static str,
    start: &'static str,
    end: &'static str,
}

impl Direction {
    fn of(locale: &Locale) -> Self {
        if locale.is_rtl() {
            Self { dir: "rtl", start: "right", end: "left" }
        } else {
            Self { dir: "ltr", start: "left", end: "right" }
        }
    }
}

/// MJML to HTML, and the parts into one rendition.
fn finish(subject: String, mjml: &str, text: String, slots: SlotTable) -> Result<EmailRendition> {
    let html = html_of(mjml)?;
    if html.len() > HTML_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the mail has {} bytes of HTML, at most {HTML_BYTES_MAX} are sent; shorten it",
            html.len()
        )));
    }
    Ok(EmailRendition { subject, html, text, slots })
}

/// Renders MJML. The crate writes attributes as Rust source text, so `\\`, emoji joiners and our markers would come
/// out as `\\u{…}`: such characters go through as references. Authors' text is escaped before, so no reference
/// of theirs is taken for one of these.
fn html_of(mjml: &str) -> Result<String> {
    let mut source = String::with_capacity(mjml.len() + 1_024);
    for c in mjml.chars() {
        let is_kept = matches!(c, '\n' | '\t' | '\r' | '"' | '\'') || c.escape_debug().eq([c]);
        if is_kept {
            source.push(c);
        } else {
            source.push_str(&format!("&#x{:X};", u32::from(c)));
        }
    }
    let parsed = mrml::parse(source).map_err(|error| Error::internal(format!("MJML template: {error}")))?;
    // No fonts: a mail must not fetch anything but the images it shows.
    let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
    let html = parsed.element.render(&options);
    let html = html.map_err(|error| Error::internal(format!("MJML rendering: {error}")))?;
    Ok(html.replace("&#xE000;", "\u{e000}").replace("&#xE001;", "\u{e001}"))
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
