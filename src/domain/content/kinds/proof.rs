//! What proves or describes: case studies, datasheets, videos.

use super::super::{
    finding::{Findings, codes},
    keys::{Found, Keys},
};

/// Longest line about a result or a property, in characters.
const LINE_CHARS_MAX: usize = 200;
/// Most results of a case study, and properties of a datasheet.
const ROWS_MAX: usize = 40;

/// What was reached, in a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Such as `11 minutes`.
    pub figure: String,
    /// What it counts.
    pub meaning: String,
}

/// Somebody's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quote {
    /// What they said.
    pub text: String,
    /// Who.
    pub name: String,
    /// What they do.
    pub title: String,
}

/// How a customer fared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseStudy {
    /// Who; a description where they stay unnamed.
    pub customer: String,
    /// Their industry, in words.
    pub industry: String,
    /// What was reached, most telling first.
    pub results: Vec<CaseResult>,
    /// What they say.
    pub quote: Option<Quote>,
}

impl CaseStudy {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            customer: keys.need("customer", f).and_then(|v| v.line(f)).unwrap_or_default(),
            industry: keys.need("industry", f).and_then(|v| v.line(f)).unwrap_or_default(),
            results: rows(keys.need("results", f), f, |keys, f| CaseResult {
                figure: need_line(keys, "figure", f),
                meaning: need_line(keys, "meaning", f),
            }),
            quote: keys.get("quote").and_then(|v| quote(v, f)),
        }
    }
}

fn quote(found: Found, f: &mut Findings<'_>) -> Option<Quote> {
    let mut keys = found.map(f)?;
    let text = keys.need("text", f).and_then(|v| v.line_of(600, f)).unwrap_or_default();
    let quote =
        Quote { text, name: need_line(&mut keys, "name", f), title: need_line(&mut keys, "title", f) };
    keys.finish(f);
    Some(quote)
}

/// A property of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specification {
    /// What is told.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A product in one or two pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Datasheet {
    /// The product.
    pub product: String,
    /// The version that it describes.
    pub version: Option<String>,
    /// Its properties.
    pub specifications: Vec<Specification>,
}

impl Datasheet {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            product: keys.need("product", f).and_then(|v| v.line(f)).unwrap_or_default(),
            version: keys.get("version").and_then(|v| v.line(f)),
            specifications: rows(keys.need("specifications", f), f, |keys, f| Specification {
                name: need_line(keys, "name", f),
                value: need_line(keys, "value", f),
            }),
        }
    }
}

/// A video; its transcript is the body, its poster the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Video {
    /// Where it is watched, https.
    pub url: String,
    /// How long it is.
    pub duration_seconds: u32,
    /// The language that is spoken or shown in captions, when other than the file's.
    pub captions: Option<String>,
}

impl Video {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            url: keys.need("url", f).and_then(|v| v.https(f)).unwrap_or_default(),
            duration_seconds: keys
                .need("duration_seconds", f)
                .and_then(|v| v.count(1, f))
                .unwrap_or_default(),
            captions: keys.get("captions").and_then(|v| v.line(f)),
        }
    }
}

fn need_line(keys: &mut Keys, key: &'static str, f: &mut Findings<'_>) -> String {
    keys.need(key, f).and_then(|v| v.line_of(LINE_CHARS_MAX, f)).unwrap_or_default()
}

/// A list of maps, each read by `read`.
fn rows<T>(
    found: Option<Found>,
    f: &mut Findings<'_>,
    read: impl Fn(&mut Keys, &mut Findings<'_>) -> T,
) -> Vec<T> {
    let Some(found) = found else { return Vec::new() };
    let (key, place) = (found.key().to_owned(), found.place());
    let items = found.list(f);
    if items.is_empty() || items.len() > ROWS_MAX {
        let message = format!("`{key}` has {} entries", items.len());
        f.add(codes::BAD_VALUE, place, message, format!("write 1 to {ROWS_MAX}"));
    }
    let mut rows = Vec::new();
    for item in items {
        let Some(mut keys) = item.map(f) else { continue };
        rows.push(read(&mut keys, f));
        keys.finish(f);
    }
    rows
}
