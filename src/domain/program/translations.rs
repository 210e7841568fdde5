//! Which languages partners read, and what they get where there is no translation.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
};

use crate::domain::{
    content::{
        Asset, Finding, Library, Reader,
        finding::{Findings, Place, codes, suggestion},
        keys::Reference,
        kinds::{Detail, Step},
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

/// Findings on translations that copy keys of the programme and say something else there: the original's count. What they leave
/// out says nothing.
pub fn copies(library: &Library) -> Vec<Finding> {
    let translations = library.assets.iter().filter(|asset| asset.locale.is_some());
    let pairs = translations.filter_map(|asset| {
        let original = library.versions(&asset.reference).iter().find(|other| other.locale.is_none())?;
        Some((original, asset))
    });
    let mut all = Vec::new();
    for (original, asset) in pairs {
        let mut f = Findings::new(&asset.path, "");
        for key in differing(original, asset) {
            let prefix = format!("{key}:");
            let Some(line) = asset.source.lines().position(|line| line.starts_with(&prefix)) else {
                continue;
            };
            let place = Place { line: u32::try_from(line + 1).unwrap_or(1), column: 1 };
            let message = format!("`{key}` is another than in {}, and that one counts", original.path);
            f.add(codes::COPIED_KEY, place, message, "write the same here, or change it there");
        }
        all.extend(f.finish());
    }
    all
}

/// Keys that mean the same in every language, and differ.
fn differing(original: &Asset, copy: &Asset) -> Vec<&'static str> {
    let mut differ: Vec<(&'static str, bool)> = match (&original.detail, &copy.detail) {
        (Detail::Newsletter(a), Detail::Newsletter(b)) => vec![
            ("cadence", a.cadence != b.cadence),
            ("zone", a.zone != b.zone),
            ("audience", a.audience != b.audience),
            ("sender", named(a.sender.as_ref()) != named(b.sender.as_ref())),
            ("freeze_minutes", a.freeze_minutes != b.freeze_minutes),
            ("on_time_minutes", a.on_time_minutes != b.on_time_minutes),
            ("catch_up", a.catch_up != b.catch_up),
            ("catch_up_hours", a.catch_up_hours != b.catch_up_hours),
            ("send_window", a.send_window != b.send_window),
            ("when_blocked", a.when_blocked != b.when_blocked),
            ("digest_hours", a.digest_hours != b.digest_hours),
            ("staged", a.staged != b.staged),
            ("approval", a.approval != b.approval),
            ("second_approval_above", a.second_approval_above != b.second_approval_above),
            ("escalate_to", a.escalate_to != b.escalate_to),
        ],
        (Detail::Issue(a), Detail::Issue(b)) => vec![
            ("newsletter", named(a.newsletter.as_ref()) != named(b.newsletter.as_ref())),
            ("date", a.date != b.date),
        ],
        (Detail::Sequence(a), Detail::Sequence(b)) => {
            vec![
                ("steps", !a.steps.iter().map(course).eq(b.steps.iter().map(course))),
                ("audience", a.audience != b.audience),
                ("then", named(a.then.as_ref()) != named(b.then.as_ref())),
                ("consent", named(a.consent.as_ref()) != named(b.consent.as_ref())),
                ("sender", named(a.sender.as_ref()) != named(b.sender.as_ref())),
            ]
        }
        _ => Vec::new(),
    };
    // Of mails; what a card tells is asked of the version that is shown.
    if matches!(copy.detail, Detail::Newsletter(_) | Detail::Issue(_) | Detail::Message(_)) {
        let (a, b) = (&original.front, &copy.front);
        differ.extend([("key_message", a.key_message != b.key_message), ("form", a.form != b.form)]);
    }
    differ.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

/// What a step does, wherever it stands in its file.
fn course(step: &Step) -> impl PartialEq + '_ {
    let condition =
        step.condition.as_ref().map(|asks| (discriminant(asks), named(asks.step().or(asks.asset()))));
    (step.id.as_str(), step.after_days, step.at, condition)
}

fn named(reference: Option<&Reference>) -> Option<&str> {
    reference.map(Reference::as_str)
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
    fn a_translation_that_copies_another_programme_is_told_of() {
        let letter = |keys: &str| format!("---\nkind: newsletter\ntitle: N\n{keys}why: x\n---\nText.\n");
        let told = |copy: &str| {
            let original = letter(
                "cadence: second Tuesday at 09:00\nzone: partner\napproval: required\n\
                 digest_hours: 2\nkey_message: restores\nform: read\n",
            );
            let files = [("newsletters/n.md", original), ("newsletters/n.de.md", letter(copy))];
            let file =
                |(path, text): (&str, String)| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
            let found = copies(&Library::build(files.map(file)).0);
            found
                .iter()
                .map(|found| format!("{} {}:{}", found.code, found.file, found.line))
                .collect::<Vec<_>>()
        };
        let none = [] as [String; 0];
        assert_eq!(told(""), none, "what is left out says nothing");
        assert_eq!(told("cadence: second Tuesday at 09:00\nzone: partner\n"), none);
        let differs = "cadence: first Tuesday at 09:00\nzone: partner\napproval: automatic\n";
        assert_eq!(told(differs), ["C555 newsletters/n.de.md:4", "C555 newsletters/n.de.md:6"]);
        let same = "digest_hours: 2\nkey_message: restores\nform: read\n";
        assert_eq!(told(same), none);
        let differs = "digest_hours: 3\nkey_message: backups\nform: watch\n";
        let lines = [4, 5, 6].map(|line| format!("C555 newsletters/n.de.md:{line}"));
        assert_eq!(told(differs), lines, "what is told, in which form, and what shares a mail");
        let sequence = |after: &str| {
            format!(
                "---\nkind: sequence\ntitle: S\nfor: partners\nsteps:\n- id: hello\n  after: {after}\n---\n"
            )
        };
        let files = [("sequences/s.md", sequence("1 day")), ("sequences/s.de.md", sequence("2 days"))];
        let file =
            |(path, text): (&str, String)| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
        let found = copies(&Library::build(files.map(file)).0);
        assert_eq!((found.len(), found[0].line), (1, 5), "{found:?}");
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
