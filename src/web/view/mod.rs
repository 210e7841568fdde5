//! What several pages show: times, drawings, running clocks, forms. Plain data for templates.

pub mod chart;
pub mod clock;
pub mod conflict;
pub mod form;
pub mod lead;
pub mod when;
pub mod world;

use serde::Serialize;

pub use crate::domain::content::merge::authored;
use crate::render::slots::escape_html;

/// A line `label: value`.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// What it says.
    pub value: String,
    /// Where it leads.
    pub href: Option<String>,
}

impl Fact {
    /// A line without a link.
    pub fn new(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), value: value.into(), href: None }
    }

    /// The same with a link.
    #[must_use]
    pub fn leading(mut self, href: String) -> Self {
        self.href = Some(href);
        self
    }
}

/// Something to choose.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
}

impl Choice {
    /// A choice.
    pub fn new(value: &str, label: &str) -> Self {
        Self { value: value.to_owned(), label: label.to_owned() }
    }
}

/// `3 readers`, `1 reader`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `1 message waits for a person`
pub fn for_a_person(messages: i64) -> String {
    let messages = usize::try_from(messages).unwrap_or_default();
    counted(messages, "message waits for a person", "messages wait for a person")
}

/// A word of the database for people: `deal_registered` becomes `deal registered`.
pub fn words(word: &str) -> String {
    word.replace(['_', '-'], " ")
}

/// Words as HTML, what stands between backquotes as code.
pub fn with_code(text: &str) -> String {
    let parts = text.split('`').map(escape_html).enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_an_authored_text_are_not_shown_as_code() {
        assert_eq!(authored("what {{ partner.name }} can do {{ x | default: \"y\" }}"), "what … can do …");
        assert_eq!(authored("plain {{ open"), "plain …");
    }
}
