use super::*;

fn failed(status: &str, diagnostic: &str) -> Bounce {
    Bounce {
        status: (!status.is_empty()).then(|| status.to_owned()),
        diagnostic: diagnostic.to_owned(),
        ..Bounce::default()
    }
}

const STOP: Consequence = Consequence::StopAddress(SuppressionReason::BadAddress);

#[test]
fn bounces_of_well_known_servers_fall_into_their_classes() {
    let rows = [
        // Postfix, Gmail, Exchange Online, qmail, Exim, Sendmail
        ("5.1.1", "550 5.1.1 <x@y.example>: Recipient address rejected: User unknown", "bad-address", STOP),
        ("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist.", "bad-address", STOP),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "bad-address", STOP),
        ("5.0.0", "550 sorry, no mailbox here by that name. (#5.1.1)", "bad-address", STOP),
        ("5.0.0", "550 Unknown user", "bad-address", STOP),
        ("5.0.0", "550 mailbox unavailable (in reply to RCPT TO command)", "bad-address", STOP),
        ("", "553 5.3.0 <x@y.example>... User unknown", "bad-address", STOP),
        ("5.2.1", "550 5.2.1 The email account is disabled", "bad-address", STOP),
        // Domains
        ("5.1.2", "550 5.1.2 Host unknown", "bad-domain", Consequence::RestDomain),
        (
            "5.1.10",
            "556 5.1.10 Domain y.example does not accept mail (nullMX)",
            "bad-domain",
            Consequence::RestDomain,
        ),
        // Full, however it is said
        ("5.2.2", "554 5.2.2 mailbox full", "mailbox-full", Consequence::CountFull),
        (
            "4.2.2",
            "452-4.2.2 The recipient's inbox is out of storage space.",
            "mailbox-full",
            Consequence::CountFull,
        ),
        ("5.0.0", "552 Mailbox is full / over quota", "mailbox-full", Consequence::CountFull),
        // Nobody's address is at fault
        (
            "5.7.1",
            "554 5.7.1 Service unavailable; Client host blocked using zen",
            "policy",
            Consequence::Nothing(""),
        ),
        ("5.0.0", "550 message refused as spam", "policy", Consequence::Nothing("")),
        ("5.7.26", "550-5.7.26 unauthenticated mail is not accepted", "our-setup", Consequence::Nothing("")),
        ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", "content", Consequence::Nothing("")),
        (
            "4.4.1",
            "connect to mx.y.example[192.0.2.1]:25: Connection timed out",
            "soft",
            Consequence::Nothing(""),
        ),
        ("5.4.4", "Host or domain name not found. Name service error", "policy", Consequence::Nothing("")),
    ];
    for (status, diagnostic, class, consequence) in rows {
        let report = Report::Bounce(failed(status, diagnostic));
        assert_eq!(report.class(), class, "{status} {diagnostic}");
        let seen = report.consequence("x@y.example");
        match (seen, consequence) {
            (Consequence::Nothing(why), Consequence::Nothing(_)) => assert!(!why.is_empty()),
            _ => assert_eq!(seen, consequence, "{status} {diagnostic}"),
        }
    }
}

#[test]
fn only_failed_counts() {
    for action in [Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded] {
        assert_eq!(Action::parse(&action.as_str().to_uppercase()), Some(action));
        let report = Report::Bounce(Bounce { action, ..failed("5.1.1", "550 5.1.1 no such user") });
        assert!(matches!(report.consequence("x@y.example"), Consequence::Nothing(_)), "{action:?}");
        assert_eq!(report.class(), action.as_str());
    }
    assert_eq!(Action::parse("exploded"), None);
}

#[test]
fn a_domain_rests_only_if_it_is_the_readers_own() {
    let bounce = |end: &str| {
        Report::Bounce(Bounce {
            final_recipient: Some(end.to_owned()),
            ..failed("5.1.2", "550 5.1.2 Host unknown")
        })
    };
    assert_eq!(bounce("Other@Y.example").consequence("x@y.example"), Consequence::RestDomain);
    assert!(matches!(bounce("x@elsewhere.example").consequence("x@y.example"), Consequence::Nothing(_)));
    assert!(
        Bounce { final_recipient: Some("z@y.example".into()), ..Bounce::default() }
            .is_forwarded("x@y.example")
    );
    assert!(
        !Bounce { final_recipient: Some("X@y.example".into()), ..Bounce::default() }
            .is_forwarded("x+a@y.example")
    );
}

#[test]
fn wanted_mail_is_never_stopped_by_feedback() {
    let of = |word: &str| Report::Complaint { feedback_type: word.to_owned() }.consequence("x@y.example");
    assert_eq!((of("abuse"), of("fraud")), (Consequence::Complaint, Consequence::Complaint));
    for word in ["not-spam", "auth-failure", "virus", "other", "", "anything"] {
        assert!(matches!(of(word), Consequence::Nothing(_)), "{word}");
    }
}

#[test]
fn machines_are_known_by_their_headers_and_people_are_not_taken_for_them() {
    let judged = |pairs: &[(&str, &str)], subject: &str| {
        let field =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        auto_reply(&field, subject)
    };
    assert_eq!(judged(&[("auto-submitted", "auto-replied")], ""), Some("Auto-Submitted"));
    assert_eq!(judged(&[("auto-submitted", "No")], "Re: hello"), None);
    assert_eq!(judged(&[("precedence", "Auto_Reply")], ""), Some("Precedence"));
    assert_eq!(judged(&[("x-autoreply", "yes")], ""), Some("X-Autoreply"));
    assert_eq!(judged(&[("x-auto-response-suppress", "All")], ""), Some("X-Auto-Response-Suppress"));
    assert_eq!(judged(&[], "Out of Office: back on Monday"), Some("the subject"));
    assert_eq!(judged(&[], "Automatische Antwort: Urlaub"), Some("the subject"));
    assert_eq!(judged(&[], "Re: our out of office policy"), None);
}

#[test]
fn statuses_and_codes_are_found_in_any_words() {
    assert!(is_status("5.1.10") && !is_status("5.1") && !is_status("192.0.2.1") && !is_status("5.1.1234"));
    assert_eq!(smtp_reply("said: 550-5.1.1 gone"), (Some(550), Some("5.1.1".to_owned())));
    assert_eq!(smtp_reply("x".repeat(100_000).as_str()), (None, None));
    assert_eq!(smtp_reply(""), (None, None));
}
