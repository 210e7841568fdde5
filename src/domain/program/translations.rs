//! Which languages partners read, and what they get where there is no translation.

use std::collections::BTreeMap;

use crate::domain::{
    content::{Asset, Library, Reader},
    kernel::Locale,
    partner::Partner,
};

/// An asset that some partners read in another language than their own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The asset.
    pub reference: String,
    /// The language that is wanted, without region.
    pub language: String,
    /// What is shown instead.
    pub shown: String,
    /// Slugs of the partners who read it so.
    pub partners: Vec<String>,
}

/// Every gap, by asset and language. A translation for another region of the same language is none.
pub fn gaps(library: &Library, partners: &[Partner]) -> Vec<Gap> {
    let Some(vendor) = &library.vendor else { return Vec::new() };
    let default = &vendor.default_locale;
    let mut gaps: BTreeMap<(&str, String, String), Vec<String>> = BTreeMap::new();
    for asset in library.assets.iter().filter(|asset| asset.locale.is_none()) {
        for partner in partners {
            if !asset.concerns(&Reader::insider(partner, &partner.locale)) {
                continue;
            }
            let Some(shown) = library.find(&asset.reference, &partner.locale) else { continue };
            let shown = language(shown, default);
            if shown.language() != partner.locale.language() {
                let key = (asset.reference.as_str(), partner.locale.language().to_owned(), shown.to_string());
                gaps.entry(key).or_default().push(partner.slug.to_string());
            }
        }
    }
    gaps.into_iter()
        .map(|((reference, language, shown), partners)| Gap {
            reference: reference.to_owned(),
            language,
            shown,
            partners,
        })
        .collect()
}

fn language<'a>(asset: &'a Asset, default: &'a Locale) -> &'a Locale {
    asset.locale.as_ref().unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{
        SourceFile,
        tests::{BLOG, VENDOR, northlight},
    };

    #[test]
    fn a_gap_is_told_with_who_reads_what_instead() {
        let mut files = Vec::new();
        for (path, text) in [
            ("vendor.toml", VENDOR.to_owned()),
            ("blog/a.md", format!("{BLOG}x")),
            ("blog/a.de.md", format!("{BLOG}x")),
            ("blog/b.md", format!("{BLOG}x")),
            ("blog/c.md", format!("{}x", BLOG.replace("author", "for: region emea\nauthor"))),
        ] {
            files.push(SourceFile { path: path.to_owned(), bytes: text.into_bytes() });
        }
        let library = Library::build(files).0;
        let mut rhine = northlight();
        rhine.locale = Locale::parse("de-AT").unwrap();
        let found = gaps(&library, &[northlight(), rhine]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].reference.as_str(), found[0].language.as_str()), ("blog/b", "de"));
        assert_eq!(
            (found[0].shown.as_str(), found[0].partners.as_slice()),
            ("en", ["northlight".to_owned()].as_slice())
        );
    }
}
