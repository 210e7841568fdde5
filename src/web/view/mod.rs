//! What several pages show: times, drawings, running clocks, forms. Plain data for templates.

pub mod chart;
pub mod clock;
pub mod form;
pub mod lead;
pub mod when;
pub mod world;

use serde::Serialize;

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

/// `3 readers`, `1 reader`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A word of the database for people: `deal_registered` becomes `deal registered`.
pub fn words(word: &str) -> String {
    word.replace(['_', '-'], " ")
}
