//! Which languages partners read, and what they get where there is no translation.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    content::{
        Asset, Finding, Library, Reader,
        finding::{Findings, Place, codes, suggestion},
    },
    kernel::Locale,
    partner::{Contact, Partner},
};

/// The table that says who reads what.
const PARTNERS: &str = "roster/partners.csv";
/// Most partners listed in one finding.
const LISTED_MAX: usize = 3;

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

/// Findings on languages that do not meet: a translation that nobody of the roster reads, often a slip in a file's name, and
/// partners in whose language nothing is written at all. Nothing without a roster.
pub fn findings(library: &Library, partners: &[Partner], contacts: &[Contact]) -> Vec<Finding> {
    let Some(vendor) = &library.vendor else { return Vec::new() };
    if partners.is_empty() {
        return Vec::new();
    }
    let default = vendor.default_locale.language();
    let own = contacts.iter().filter_map(|contact| contact.locale.as_ref());
    let read: BTreeSet<&str> =
        partners.iter().map(|partner| &partner.locale).chain(own).map(Locale::language).collect();
    let translated = || library.assets.iter().filter_map(|asset| Some((asset, asset.locale.as_ref()?)));
    let mut all = Vec::new();
    for (asset, locale) in translated().filter(|(_, locale)| !read.contains(locale.language())) {
        let fix = match suggestion(locale.language(), read.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? else remove it, or give its readers that locale"),
            None => "remove it, or give its readers that locale in roster/partners.csv".to_owned(),
        };
        let mut f = Findings::new(&asset.path, "");
        let message = format!("nobody on the roster reads `{locale}`");
        f.add(codes::UNREAD_LANGUAGE, Place::START, message, fix);
        all.extend(f.finish());
    }
    let written: BTreeSet<&str> =
        translated().map(|(_, locale)| locale.language()).chain([default]).collect();
    let mut unwritten: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for partner in partners.iter().filter(|partner| !written.contains(partner.locale.language())) {
        unwritten.entry(partner.locale.language()).or_default().push(partner.slug.as_str());
    }
    let mut f = Findings::new(PARTNERS, "");
    for (language, slugs) in unwritten {
        let shown = slugs.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = if slugs.len() > LISTED_MAX { ", ..." } else { "" };
        let message = format!(
            "nothing is written in `{language}`, the language of {shown}{more}; what they get is in `{default}`"
        );
        let fix =
            format!("begin with pages/talk-to-us.{language}.md, or set a locale that there is content in");
        f.add(codes::UNWRITTEN_LANGUAGE, Place::START, message, fix);
    }
    all.extend(f.finish());
    all
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
    fn languages_that_do_not_meet_are_told_with_a_fix() {
        let files = [
            ("vendor.toml", VENDOR.to_owned()),
            ("blog/a.md", format!("{BLOG}x")),
            ("blog/a.tlh.md", format!("{BLOG}x")),
            ("blog/a.ded.md", format!("{BLOG}x")),
        ];
        let files = files.map(|(path, text)| SourceFile { path: path.to_owned(), bytes: text.into_bytes() });
        let library = Library::build(files).0;
        let (mut french, mut german) = (northlight(), northlight());
        french.locale = Locale::parse("fr-FR").unwrap();
        german.locale = Locale::parse("de-DE").unwrap();
        let found = findings(&library, &[northlight(), french, german], &[]);
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:#?}");
        assert!(
            said[0].starts_with("blog/a.ded.md:1:1 warning C517") && said[0].contains("did you mean `de`?")
        );
        assert!(said[1].starts_with("blog/a.tlh.md:1:1 warning C517") && said[1].contains("remove it"));
        assert!(said[2].contains("C518 nothing is written in `de`"), "{said:#?}");
        assert!(said[3].contains("in `fr`") && said[3].contains("pages/talk-to-us.fr.md"), "{said:#?}");
        assert_eq!(findings(&library, &[], &[]).len(), 0, "without a roster nobody is known");
    }

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
