//! Brand profiles: `brands/<slug>/brand.toml`.

use std::collections::BTreeMap;

use super::{RowFault, words};
use crate::domain::{
    kernel::{EmailAddress, text::is_unsafe},
    partner::brand::{BrandProfile, CALL_TO_ACTION_CHARS_MAX, VALUE_PROPOSITION_CHARS_MAX},
};

/// Largest brand.toml, in bytes.
const BRAND_BYTES_MAX: usize = 64 * 1024;
/// Longest of the other texts, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Most translations of the value proposition.
const TRANSLATIONS_MAX: usize = 50;

/// Path of a partner's brand file within the roster.
pub(super) fn file(slug: &str) -> String {
    format!("brands/{slug}/brand.toml")
}

/// Reads every brand; one with faults is `None`, so that its partner is not called brandless.
pub(super) fn parse(
    texts: &BTreeMap<String, String>,
) -> (BTreeMap<String, Option<BrandProfile>>, Vec<RowFault>) {
    let mut faults = Vec::new();
    let brands = texts.iter().map(|(slug, text)| (slug.clone(), brand(slug, text, &mut faults))).collect();
    (brands, faults)
}

fn brand(slug: &str, text: &str, faults: &mut Vec<RowFault>) -> Option<BrandProfile> {
    let mut found = Vec::new();
    let mut add = |line: u64, column: &str, message: String, fix: &str| {
        found.push(RowFault {
            file: file(slug),
            line,
            column: column.to_owned(),
            message,
            fix: fix.to_owned(),
        });
    };
    if text.len() > BRAND_BYTES_MAX {
        add(0, "", format!("it has more than {BRAND_BYTES_MAX} bytes"), "shorten it");
        faults.append(&mut found);
        return None;
    }
    let parsed = toml::from_str::<BrandProfile>(text.strip_prefix('\u{feff}').unwrap_or(text));
    let brand = match parsed {
        Ok(brand) => brand,
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let line = u64::try_from(before.matches('\n').count() + 1).unwrap_or(0);
            let said = error.message().replace('\n', " ");
            let (what, fix) = said
                .split_once("; ")
                .unwrap_or((&said, "`partnercast guide brand` tells the keys of brand.toml"));
            add(line, "", what.to_owned(), fix);
            faults.append(&mut found);
            return None;
        }
    };
    let line_of = |key: &str| {
        let starts = |line: &str| {
            line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        text.lines().position(starts).and_then(|at| u64::try_from(at + 1).ok()).unwrap_or(0)
    };
    let mut check = |key: &str, value: Option<&String>, chars_max: usize| {
        let Some(value) = value else { return };
        if let Some(bad) = value.chars().find(|c| is_unsafe(*c)) {
            let message = format!("it holds the control character U+{:04X}", u32::from(bad));
            add(line_of(key), key, message, "remove it; the text is one line");
        }
        let chars = value.chars().count();
        if chars > chars_max {
            add(line_of(key), key, format!("it has {chars} characters; {chars_max} fit"), "shorten it");
        }
        if value.trim().is_empty() {
            add(line_of(key), key, "it is empty".to_owned(), "write a text, or leave the key out");
        }
    };
    check("value_proposition", brand.value_proposition.as_ref(), VALUE_PROPOSITION_CHARS_MAX);
    check("proof", brand.proof.as_ref(), TEXT_CHARS_MAX);
    check("call_to_action", brand.call_to_action.as_ref(), CALL_TO_ACTION_CHARS_MAX);
    check("phone", brand.phone.as_ref(), 40);
    check("contact_name", brand.contact_name.as_ref(), TEXT_CHARS_MAX);
    check("logo_alt", brand.logo_alt.as_ref(), TEXT_CHARS_MAX);
    for (_, texts, chars_max) in brand.translations() {
        texts.iter().for_each(|(tag, text)| check(tag, Some(text), chars_max));
    }
    for (key, texts, _) in brand.translations() {
        for tag in texts.keys() {
            if let Err(wrong) = words::locale(tag) {
                add(line_of(tag), key, wrong.message, &wrong.fix);
            }
        }
        if texts.len() > TRANSLATIONS_MAX {
            let message = format!("there are more than {TRANSLATIONS_MAX} translations");
            add(0, key, message, "keep the languages your customers read");
        }
    }
    if let Some(Err(error)) = brand.contact_email.as_deref().map(EmailAddress::parse) {
        add(line_of("contact_email"), "contact_email", error.public().to_owned(), "correct it");
    }
    let by_hand = [("logo", &brand.logo, "logo.png"), ("logo_dark", &brand.logo_dark, "logo-dark.png")];
    for (key, _, file) in by_hand.into_iter().filter(|(_, value, _)| value.is_some()) {
        let fix = format!("remove the key and put {file} beside the file");
        add(line_of(key), key, "it is not written by hand".to_owned(), &fix);
    }
    let good = found.is_empty();
    faults.append(&mut found);
    good.then_some(brand)
}
