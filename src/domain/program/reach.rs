//! Whom content reaches: selections that nobody meets, and people in an audience for whom an issue holds nothing.
//! Looks at every partner of the roster with every role and language.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::AudienceRule;
use crate::domain::{
    content::{
        Asset, Detail, Finding, Library, Reader, Selection,
        finding::{Findings, Place, codes, listed},
        kinds::Issue,
    },
    kernel::Locale,
    partner::{AudienceRole, Partner, Roles},
};

/// Findings on content that reaches nobody of `partners`, who exist, or misses some.
pub fn findings(library: &Library, partners: &[Partner]) -> Vec<Finding> {
    if partners.is_empty() {
        return Vec::new();
    }
    let locales: BTreeSet<&Locale> =
        library.assets.iter().filter_map(|asset| asset.locale.as_ref()).collect();
    let mut reach = Reach { partners, locales: locales.into_iter().collect(), met: HashMap::new() };
    let mut all = Vec::new();
    for asset in &library.assets {
        all.extend(reach.unserved(asset));
        all.extend(unfilled(asset, partners));
        if let Detail::Issue(issue) = &asset.detail {
            all.extend(missed(library, asset, issue, partners));
        }
    }
    all
}

/// Partners who have no text for a zone that the asset wants of them.
fn unfilled(asset: &Asset, partners: &[Partner]) -> Vec<Finding> {
    let mut without: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for partner in partners {
        let reader = Reader::insider(partner, &partner.locale);
        if asset.front.selection.concerns(&reader) {
            for zone in asset.body.missing_zones(&asset.reference, &reader) {
                without.entry(zone.as_str()).or_default().push(partner.slug.as_str());
            }
        }
    }
    let mut f = Findings::new(&asset.path, "");
    for (zone, slugs) in without {
        let message = format!("{zone} is wanted of {}, who cannot have this asset yet", listed(&slugs));
        let fix =
            "add the text to their brand profiles, or write `fallback` or `optional` in place of `required`";
        f.add(codes::ZONE_MISSING, Place::START, message, fix);
    }
    f.finish()
}

struct Reach<'r> {
    partners: &'r [Partner],
    locales: Vec<&'r Locale>,
    /// What is known of selections, by their text.
    met: HashMap<String, bool>,
}

impl Reach<'_> {
    fn unserved(&mut self, asset: &Asset) -> Vec<Finding> {
        let mut f = Findings::new(&asset.path, asset.source.as_str());
        if !self.is_met(&asset.front.selection) {
            let line = asset.source.lines().position(|line| line.starts_with("for:")).unwrap_or(0);
            unserved(&asset.front.selection, u32::try_from(line + 1).unwrap_or(1), &mut f);
        }
        for section in &asset.body.sections {
            if !self.is_met(&section.selection) {
                unserved(&section.selection, section.line.saturating_sub(1).max(1), &mut f);
            }
        }
        f.finish()
    }

    fn is_met(&mut self, selection: &Selection) -> bool {
        if selection.is_for_everyone() {
            return true;
        }
        let (partners, locales) = (self.partners, &self.locales);
        *self.met.entry(selection.to_string()).or_insert_with(|| {
            partners.iter().any(|partner| {
                let readers = locales.iter().copied().chain([&partner.locale]);
                readers
                    .flat_map(|locale| one_of_each(partner, locale))
                    .any(|reader| selection.concerns(&reader))
            })
        })
    }
}

/// A reader of each role at `partner`.
fn one_of_each<'r>(partner: &'r Partner, locale: &'r Locale) -> impl Iterator<Item = Reader<'r>> {
    AudienceRole::ALL.into_iter().map(move |role| Reader {
        roles: Some([role].into_iter().collect()),
        partner,
        locale,
    })
}

fn unserved(selection: &Selection, line: u32, f: &mut Findings<'_>) {
    // Words that could not be read are told about by themselves.
    if selection.conditions.iter().any(|condition| condition.test.is_empty()) {
        return;
    }
    let message = format!("nobody at any partner is `{selection}`");
    f.add(codes::UNSERVED, Place { line, column: 1 }, message, "check its words, or remove it");
}

/// Roles at partners in the audience who would find no block and no card of theirs.
fn missed(library: &Library, asset: &Asset, issue: &Issue, partners: &[Partner]) -> Vec<Finding> {
    let newsletter = issue.newsletter.as_ref().map(|slug| format!("newsletters/{}", slug.as_str()));
    let versions = newsletter.map(|reference| library.versions(&reference)).unwrap_or_default();
    let Some(Detail::Newsletter(newsletter)) = versions.first().map(|asset| &asset.detail) else {
        return Vec::new();
    };
    let rule = AudienceRule::from(&newsletter.audience);
    let wanted = if rule.roles.is_empty() { Roles::ALL } else { rule.roles };
    let mut without: BTreeMap<AudienceRole, Vec<&str>> = BTreeMap::new();
    let (covered, mut concerned) = (asset.body.roles_covered(), 0);
    for partner in partners.iter().filter(|partner| rule.admits(partner)) {
        // Each file is looked at with the partners who read it.
        if library.find(&asset.reference, &partner.locale).is_none_or(|found| found.path != asset.path) {
            continue;
        }
        concerned += 1;
        for reader in one_of_each(partner, &partner.locale) {
            let Some(role) = reader.roles.and_then(|roles| roles.iter().next()) else { continue };
            // A role with no block at all is told of without looking at partners.
            if wanted.contains(role)
                && covered.contains(role)
                && !holds_anything(library, asset, issue, &reader)
            {
                without.entry(role).or_default().push(partner.slug.as_str());
            }
        }
    }
    let mut f = Findings::new(&asset.path, "");
    for (role, slugs) in without {
        let whom = if slugs.len() == concerned { "any partner".to_owned() } else { listed(&slugs) };
        let message = format!("the issue has neither block nor card for {role} readers at {whom}");
        let fix =
            format!("add a block that they meet, such as `::: {role}`, or take them out of the audience");
        f.add(codes::ROLE_WITHOUT_CONTENT, Place::START, message, fix);
    }
    f.finish()
}

/// Whether there is more for this reader than what everyone reads.
fn holds_anything(library: &Library, asset: &Asset, issue: &Issue, reader: &Reader<'_>) -> bool {
    let own = |selection: &Selection| !selection.is_for_everyone() && selection.concerns(reader);
    asset.body.sections.iter().any(|section| own(&section.selection))
        || issue.features.iter().any(|feature| {
            let found = library.find(feature.as_str(), reader.locale);
            found.is_some_and(|card| card.concerns(reader))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{
        SourceFile,
        tests::{VENDOR, northlight},
    };

    fn found(issue: &str, partners: &[Partner]) -> Vec<Finding> {
        let newsletter = "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\nzone: partner\naudience:\n  roles: \
            [sales]\nsender: newsletter\napproval: automatic\nwhy: W\n---\nText.\n";
        let issue = format!(
            "---\nkind: issue\ntitle: I\nnewsletter: n\ndate: 2027-01-12\nsubject: S\npreheader: P\ntheme: T\n---\n{issue}"
        );
        let files = [
            ("vendor.toml", VENDOR),
            ("newsletters/n.md", newsletter),
            ("newsletters/n/2027-01-12.md", &issue),
        ];
        let files =
            files.map(|(path, text)| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() });
        findings(&Library::build(files).0, partners)
    }

    #[test]
    fn a_block_that_nobody_meets_is_found() {
        let all = found("Hello.\n::: sales and vertical heath\nA\n:::\n::: sales\nB\n:::\n", &[northlight()]);
        assert_eq!(all.iter().map(|f| (f.code, f.line)).collect::<Vec<_>>(), [("C307", 11)]);
        assert_eq!(all[0].message, "nobody at any partner is `sales and vertical heath`");
    }

    #[test]
    fn partners_without_a_wanted_text_are_found() {
        let issue =
            "Hello.\n::: zone partner.local_example, required and tier gold+\nA\n:::\n::: sales\nB\n:::\n";
        let mut told = northlight();
        told.brand.zones.insert("local_example".to_owned(), "A clinic in Minneapolis.".to_owned());
        assert_eq!(found(issue, &[told.clone()]), []);
        let all = found(issue, &[told, northlight()]);
        assert_eq!(all.iter().map(|f| f.code).collect::<Vec<_>>(), ["C312"]);
        assert_eq!(
            all[0].message,
            "partner.local_example is wanted of northlight, who cannot have this asset yet"
        );
    }

    #[test]
    fn people_for_whom_an_issue_holds_nothing_are_found() {
        let mut gold = northlight();
        (gold.tier, gold.slug) =
            (crate::domain::partner::Tier::Gold, crate::domain::kernel::Slug::parse("gold").unwrap());
        let all = found("Hello.\n::: sales and tier platinum\nA\n:::\n", &[northlight(), gold.clone()]);
        assert_eq!(all.iter().map(|f| f.code).collect::<Vec<_>>(), ["C507"]);
        assert_eq!(all[0].message, "the issue has neither block nor card for sales readers at gold");
        assert_eq!(found("Hello.\n::: sales and tier gold+\nA\n:::\n", &[northlight(), gold]), []);
    }
}
