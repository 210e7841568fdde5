//! Checks of what is tried on some first, pilots and two subjects, against the roster.

use std::collections::HashMap;

use super::{
    audience::{AudienceRule, Candidate, Decision, SpokenRule, Subscription, decide},
    lint::finding,
    subject_test::READERS_MIN,
};
use crate::domain::{
    content::{
        Asset, Finding, Library,
        finding::{codes, suggestion},
        kinds::Newsletter,
    },
    partner::{Contact, Partner},
};

/// Findings on pilot readers that are nobody, and on two subjects for too few readers. Nothing without a roster.
pub fn findings(library: &Library, partners: &[Partner], contacts: &[Contact]) -> Vec<Finding> {
    if partners.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        all.extend(pilots(asset, newsletter, partners, contacts));
        let issues = library.issues_of(asset.slug());
        let with_two: Vec<&Asset> =
            issues.iter().filter(|(_, issue)| issue.subject_b.is_some()).map(|(plan, _)| *plan).collect();
        if with_two.is_empty() {
            continue;
        }
        let readers = readers(newsletter, partners, contacts);
        if readers >= 2 * READERS_MIN {
            continue;
        }
        let message = format!(
            "two subjects want {READERS_MIN} readers of each to be told apart, and the roster has {readers} for `{}`",
            asset.slug()
        );
        for plan in with_two {
            all.extend(finding(plan, codes::FEW_READERS, "subject_b", &message, "leave out `subject_b`"));
        }
    }
    all
}

fn pilots(
    asset: &Asset,
    newsletter: &Newsletter,
    partners: &[Partner],
    contacts: &[Contact],
) -> Vec<Finding> {
    let Some(staged) = &newsletter.staged else { return Vec::new() };
    let slugs = || partners.iter().map(|partner| partner.slug.as_str());
    let addresses = || contacts.iter().map(|contact| contact.email.as_str());
    let mut all = Vec::new();
    for named in &staged.pilot {
        let is_known = slugs().any(|slug| slug == named)
            || addresses().any(|address| address.eq_ignore_ascii_case(named));
        if is_known {
            continue;
        }
        let (what, meant) = if named.contains('@') {
            ("contact", suggestion(named, addresses()))
        } else {
            ("partner", suggestion(named, slugs()))
        };
        let message = format!("the roster has no {what} `{named}`, so nobody there gets the pilot");
        let fix = meant.map_or_else(
            || "name a partner’s slug or a contact’s address".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        all.extend(finding(asset, codes::UNKNOWN_PILOT, "staged", &message, &fix));
    }
    all
}

/// How many of the roster a newsletter is for, by its rule.
fn readers(newsletter: &Newsletter, partners: &[Partner], contacts: &[Contact]) -> usize {
    let rule: SpokenRule = AudienceRule::from(&newsletter.audience).into();
    let by_slug: HashMap<&str, &Partner> =
        partners.iter().map(|partner| (partner.slug.as_str(), partner)).collect();
    let gets_it = |contact: &&Contact| {
        by_slug.get(contact.partner.as_str()).is_some_and(|partner| {
            let subscribed = Subscription::Default;
            let candidate = Candidate { contact, partner, subscribed, suppressed: None };
            matches!(decide(&rule, &candidate, None, &|_| true), Decision::In { .. })
        })
    };
    contacts.iter().filter(gets_it).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        content::{SourceFile, tests::northlight},
        kernel::EmailAddress,
        partner::Roles,
    };

    fn contact(address: &str) -> Contact {
        Contact {
            partner: northlight().slug,
            name: "Mei Tran".into(),
            email: EmailAddress::parse(address).unwrap(),
            roles: Roles::ALL,
            locale: None,
            zone: None,
            lead_contact: false,
        }
    }

    #[test]
    fn pilots_and_subjects_are_looked_up_in_the_roster() {
        let letter = "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\nstaged:\n  pilot: [northlght, \
                      northlight, MEI@n.example, mai@n.example]\n  share: 10\n  wait_minutes: 5\n---\nText.\n";
        let issue = "---\nkind: issue\nnewsletter: n\ndate: 2027-01-12\nsubject: A\nsubject_b: B\n---\nX.\n";
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let files = [file("newsletters/n.md", letter), file("newsletters/n/2027-01-12.md", issue)];
        let (library, _) = Library::build(files);
        let contacts = [contact("mei@n.example")];
        let found = findings(&library, &[northlight()], &contacts);
        let said: Vec<String> =
            found.iter().map(|found| format!("{} {} {}", found.code, found.line, found.fix)).collect();
        assert_eq!(
            said,
            [
                "C556 5 did you mean `northlight`?",
                "C556 5 did you mean `mei@n.example`?",
                "C557 6 leave out `subject_b`"
            ]
        );
        let many: Vec<Contact> = (0..1_000).map(|at| contact(&format!("r{at}@n.example"))).collect();
        assert!(!findings(&library, &[northlight()], &many).iter().any(|found| found.code == "C557"));
        assert_eq!(findings(&library, &[], &[]), [], "without a roster nobody is known");
    }
}
