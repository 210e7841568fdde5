//! What a whitepaper has of its own.

use serde::Serialize;

use crate::render::Strings;

/// A paper of several pages with a cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whitepaper {
    /// A line under the title on the cover.
    pub cover_line: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// The name of the partner who helped.
    pub co_author: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Data<'a> {
    cover_line: Option<&'a str>,
    by_authors: Option<String>,
    written_with: Option<String>,
    contents: &'a str,
}

impl Whitepaper {
    pub(super) fn data<'a>(&'a self, strings: &'a Strings) -> Data<'a> {
        let authors = self.authors.join(", ");
        Data {
            cover_line: self.cover_line.as_deref(),
            by_authors: (!authors.is_empty()).then(|| strings.fill("by_authors", &[("authors", &authors)])),
            written_with: self
                .co_author
                .as_ref()
                .map(|name| strings.fill("written_with", &[("partner", name)])),
            contents: strings.get("contents"),
        }
    }

    /// Everybody who wrote it, for the document's properties.
    pub(super) fn all_authors(&self) -> Vec<&str> {
        self.authors.iter().chain(&self.co_author).map(String::as_str).collect()
    }
}
