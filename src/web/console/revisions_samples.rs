//! What the page of a file's history is rendered with in tests.

use super::*;

const AT_MS: i64 = 1_799_744_700_000;

fn told(no: i64) -> Told {
    Told {
        no,
        since_ms: AT_MS + no * 90_000_000,
        hash: "0".repeat(64),
        is_head: no == 3,
        commit_id: (no > 1).then(|| "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678".to_owned()),
        commit_subject: (no > 1).then(|| "Say what the pilot costs, and for how many servers".to_owned()),
        commit_authored_ms: Some(AT_MS),
        same_as: (no == 3).then_some(1),
        lines_added: Some(2),
        lines_removed: Some(1),
        removed_ms: (no == 2).then_some(AT_MS),
        people: Some(33 * (no % 2)),
    }
}

fn person(did: &str) -> Person {
    Person {
        name: "Dana Whitlock".into(),
        email: "dana.whitlock@northlight.example".into(),
        partner: "northlight".into(),
        what: "card in fold-forward/2027-01-12".into(),
        href: "#".into(),
        at: Moment::short(AT_MS, chrono_tz::Europe::Oslo),
        did: did.into(),
    }
}

impl View {
    /// A whitepaper that was corrected twice, recalled or not.
    pub fn sample(recalled: bool) -> Self {
        let zone = chrono_tz::Europe::Oslo;
        let path = "whitepapers/first-24-hours.md";
        Self {
            title: "First 24 hours".into(),
            path: path.into(),
            asset: Some("#".into()),
            notice: Some(Notice { tone: "bad", text: "say why: colleagues will ask".into() }),
            recall: recalled.then(|| RecallView {
                reference: "whitepapers/first-24-hours".into(),
                effect: "links lead to the present text; revision 3 mended it".into(),
                because: "the pilot's price was last year's".into(),
                actor: "operator".into(),
                at: Moment::full(AT_MS, zone),
                unmended: vec!["whitepapers/first-24-hours.de.md".into()],
                posted: vec![
                    PostedView { label: "northlight.example at bluesky, of northlight".into(), href: "#".into() },
                    PostedView { label: "@ipe at mastodon, of ipe".into(), href: String::new() },
                ],
            }),
            lines: [3, 2, 1].into_iter().map(|no| line(path, &told(no), zone)).collect(),
            older: Some("#".into()),
            siblings: vec![Choice { value: "#".into(), label: "whitepapers/first-24-hours.de.md".into() }],
            compare: Some(Compare { action: "#".into(), numbers: vec![3, 2, 1], from: 2, to: 3 }),
            form: (!recalled).then(|| RecallForm {
                reference: "whitepapers/first-24-hours".into(),
                effect: "Links to it lead to its present text already; a recall says to colleagues that earlier ones are wrong.",
                because: String::new(),
                to: String::new(),
                targets: vec!["whitepapers/proof-of-recovery".into()],
            }),
            who: Some(WhoView {
                title: "Who has revision 1".into(),
                people: vec![
                    person("followed the link Tue 12 Jan, 10:12, which showed revision 1"),
                    person("nothing that we know of"),
                ],
                takers: vec![person("took the file")],
                more: Some("#".into()),
                unknown: Some("2 files were taken before it was noted of which text.".into()),
            }),
            unknown: Some("2 issues were frozen before revisions were noted.".into()),
        }
    }
}
