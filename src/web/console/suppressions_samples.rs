//! What the page of the do-not-send list is rendered with in tests.

use super::*;

fn moment() -> Moment {
    Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo)
}

fn choice(value: &str, label: &str, chosen: bool) -> Choice {
    Choice { value: value.into(), label: label.into(), chosen }
}

fn entry(address: &str, tone: &'static str, reason: SuppressionReason, own_word: bool) -> Entry {
    Entry {
        address: address.into(),
        scope: ALL.into(),
        badge: Badge::new(tone, reason.as_str().replace('-', " ")),
        sentence: reason.sentence().into(),
        detail: "550 5.1.1 <omar@dunegate.example>: Recipient address rejected: User unknown".into(),
        since: moment(),
        until: (reason == SuppressionReason::BadDomain).then(moment),
        own_word,
    }
}

impl View {
    /// A bounce, a domain, a complaint.
    pub fn sample() -> Self {
        Self {
            text: "3 entries".into(),
            warning: Some("Bounces cannot be matched: mail.return_path_domain is not set."),
            notice: Some(Notice { tone: "bad", text: "`a b` is not an email address: it has no @".into() }),
            search: "dune".into(),
            reasons: reasons("bad-address"),
            scopes: vec![choice(ALL, "everything", true), choice("fold-forward", "Fold Forward", false)],
            typed: Typed { address: "a b".into(), ..Typed::default() },
            entries: vec![
                entry("omar@dunegate.example", "warn", SuppressionReason::BadAddress, false),
                entry("@sahyadri.example", "warn", SuppressionReason::BadDomain, false),
                entry("kara.boyd@northlight.example", "bad", SuppressionReason::Complaint, true),
            ],
            more: Some("#".into()),
            shown: vec![choice("#", "Everything", true), choice("#", "Put aside", false)],
            reports: vec![
                Report {
                    href: "#".into(),
                    at: moment(),
                    badge: Badge::new("warn", "bounce"),
                    about: "omar@dunegate.example".into(),
                    said: "bad address: 550 5.1.1 User unknown".into(),
                    effect: "omar@dunegate.example gets nothing more: the receiving server says that this address does not exist".into(),
                },
                Report {
                    href: "#".into(),
                    at: moment(),
                    badge: Badge::new("", "bounce"),
                    about: "–".into(),
                    said: "bad address: 550 5.1.1 User unknown".into(),
                    effect: "put aside: its signature does not fit: it may be forged".into(),
                },
            ],
        }
    }
}

impl ReportView {
    /// A bounce with its beginning.
    pub fn sample() -> Self {
        Self {
            title: "Undelivered Mail Returned to Sender".into(),
            badge: Badge::new("warn", "bounce"),
            effect: "omar@dunegate.example gets nothing more".into(),
            facts: vec![Fact::new("Class", "bad address"), Fact::new("Status", "5.1.1")],
            excerpt: "From: MAILER-DAEMON@mx.example\nSubject: <b>Undelivered</b>\n\nThe mail system".into(),
        }
    }
}
