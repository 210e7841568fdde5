//! What the folder's roster says that content goes by: who the partners are, and what is wrong with their brands. The roster as a
//! whole is `partner/roster`'s.

use std::collections::BTreeSet;

use super::{
    asset::Zone,
    finding::{Findings, Place, codes, did_you_mean},
    lite,
};
use crate::domain::{
    kernel::sheet::Table,
    partner::{BrandProfile, roster::FILE_BYTES_MAX},
};

/// The partners' slugs in their table.
pub(super) fn slugs(text: &str) -> BTreeSet<String> {
    let Ok(table) = Table::open(text.as_bytes(), FILE_BYTES_MAX, "slug") else { return BTreeSet::new() };
    let at = table.header.iter().position(|name| name == "slug").unwrap_or_default();
    let lines = table.lines().filter_map(Result::ok);
    let cells =
        lines.filter_map(|line| Some(String::from_utf8_lossy(line.fields.get(at)?).trim().to_owned()));
    cells.filter(|cell| !cell.is_empty()).collect()
}

/// Reads a brand only to say what is wrong with it.
pub(super) fn brand(text: &str, findings: &mut Findings<'_>) {
    let brand = match toml::from_str::<BrandProfile>(text) {
        Ok(brand) => brand,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let fix = "`partnercast guide brand` tells the keys";
            let (what, fix) = error.message().split_once("; ").unwrap_or((error.message(), fix));
            findings.add_at(codes::BAD_VALUE, at, what, fix);
            return;
        }
    };
    let all = brand.zones_by_locale.values().chain(brand.zones_by_asset.values());
    for (zone, words) in [&brand.zones].into_iter().chain(all).flatten() {
        zone_text(zone, words, text, findings);
    }
}

/// What is wrong with a partner's text for a zone.
fn zone_text(zone: &str, words: &str, file: &str, findings: &mut Findings<'_>) {
    let starts = |line: &str| {
        line.trim_start().strip_prefix(zone).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let line = file.lines().position(starts).unwrap_or(0);
    let place = Place { line: u32::try_from(line + 1).unwrap_or(u32::MAX), column: 1 };
    if !Zone::WORDS.iter().any(|(_, known)| known.key() == zone) {
        let fix = did_you_mean(zone, Zone::WORDS.iter().map(|(_, known)| known.key()));
        findings.add(codes::ZONE_TEXT, place, format!("`{zone}` is no zone"), fix);
    }
    for fault in lite::faults(words) {
        findings.add(codes::ZONE_TEXT, place, format!("`{zone}`: {fault}"), "say it without, or shorten it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_are_read_from_any_spreadsheet() {
        for text in ["slug,name\nipe,Ipe\n\ndune,Dune\n", "name;slug\r\n\"Ipe; SA\";ipe\r\nDune;dune\r\n"] {
            assert_eq!(slugs(text).into_iter().collect::<Vec<_>>(), ["dune", "ipe"]);
        }
        assert!(slugs("").is_empty());
    }
}
