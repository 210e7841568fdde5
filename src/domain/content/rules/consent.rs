//! consent.toml: what people agree to, word for word.

use std::collections::BTreeMap;

use super::super::{
    field::Scope,
    finding::{Findings, codes},
    keys::{Found, Keys},
    merge::Template,
};
use crate::domain::kernel::{Locale, Slug};

/// A text of consent.toml: what a person agrees to, word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentText {
    /// Which: `whitepaper`, `talk-to-us`.
    pub id: Slug,
    /// Raised with every change; a text that was shown is never edited.
    pub version: u32,
    /// What is agreed to: `follow_up`.
    pub purpose: String,
    /// The text, by locale; merge fields of partner and vendor allowed.
    pub texts: BTreeMap<Locale, Template>,
}

impl ConsentText {
    /// The text in the reader's language, with its locale; else English, else the first.
    pub fn text_in(&self, locale: &Locale) -> Option<(&Locale, &Template)> {
        let fallbacks = locale.fallbacks();
        let of = |tag: &str| self.texts.iter().find(|(key, _)| key.as_str() == tag);
        fallbacks.into_iter().find_map(of).or_else(|| of("en")).or_else(|| self.texts.iter().next())
    }
}

/// Longest consent text, in characters.
const CONSENT_CHARS_MAX: usize = 2_000;

/// Reads the keys of consent.toml.
pub(in super::super) fn texts(mut keys: Keys, f: &mut Findings<'_>) -> Vec<ConsentText> {
    let found = keys.need("text", f).map(|v| v.list(f)).unwrap_or_default();
    let mut texts: Vec<ConsentText> = Vec::new();
    for found in found {
        let place = found.place();
        let Some(text) = consent_text(found, f) else { continue };
        if texts.iter().any(|other| other.id == text.id && other.version == text.version) {
            let message = format!("`{}` version {} stands twice", text.id, text.version);
            f.add(codes::DUPLICATE_KEY, place, message, "raise `version`");
        }
        texts.push(text);
    }
    keys.finish(f);
    texts
}

fn consent_text(found: Found, f: &mut Findings<'_>) -> Option<ConsentText> {
    let mut keys = found.map(f)?;
    let id = keys.need("id", f).and_then(|v| v.slug(f));
    let version = keys.need("version", f).and_then(|v| v.count(1, f));
    let purpose = keys.need("purpose", f).and_then(|v| v.line(f));
    let place = keys.place();
    let mut texts = BTreeMap::new();
    for (name, found) in keys.rest() {
        let Ok(locale) = Locale::parse(&name) else {
            let fix = "use `id`, `version`, `purpose`, or a locale such as `de`";
            f.add(codes::UNKNOWN_KEY, found.place(), format!("there is no key `{name}` here"), fix);
            continue;
        };
        if let Some(template) = found.template(CONSENT_CHARS_MAX, Scope::Common, f) {
            texts.insert(locale, template);
        }
    }
    if !texts.keys().any(|locale| locale.as_str() == "en") {
        let fix = "add `en`, the language of last resort";
        f.add(codes::MISSING_KEY, place, "a consent text without `en`", fix);
    }
    Some(ConsentText { id: id?, version: version?, purpose: purpose?, texts })
}
