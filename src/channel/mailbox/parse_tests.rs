use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::domain::delivery::report::{Consequence, Fault};

const POSTFIX: &str = include_str!("samples/postfix.eml");
const EXCHANGE: &str = include_str!("samples/exchange.eml");
const GMAIL: &str = include_str!("samples/gmail.eml");
const QMAIL: &str = include_str!("samples/qmail.eml");
const EXIM_DELAYED: &str = include_str!("samples/delayed.eml");
const ARF_ABUSE: &str = include_str!("samples/arf-abuse.eml");
const ARF_NOT_SPAM: &str = include_str!("samples/arf-not-spam.eml");
const OUT_OF_OFFICE: &str = include_str!("samples/out-of-office.eml");
const RECEIPT: &str = include_str!("samples/receipt.eml");

fn bounce_of(text: &str) -> Bounce {
    match parse(text.as_bytes(), None).report {
        Report::Bounce(bounce) => bounce,
        other => panic!("{other:?}"),
    }
}

#[test]
fn postfix_says_who_and_why_and_returns_the_headers() {
    let parsed = parse(POSTFIX.as_bytes(), None);
    let bounce = bounce_of(POSTFIX);
    assert_eq!((bounce.action, bounce.status.as_deref()), (Action::Failed, Some("5.1.1")));
    assert_eq!(bounce.final_recipient.as_deref(), Some("gone@northlight.example"));
    assert_eq!(bounce.reporting_mta.as_deref(), Some("mx.relay.example"));
    assert!(bounce.diagnostic.contains("User unknown"), "{}", bounce.diagnostic);
    assert_eq!(parsed.returned.message_id.as_deref(), Some("dlv_0.g1@partners.vendor.example"));
    assert_eq!(parsed.returned.return_path.as_deref(), Some("b+token@bounces.vendor.example"));
    assert_eq!(parsed.recipients[0], "b+token@bounces.vendor.example");
    assert_eq!(parsed.returned.unsubscribe.len(), 2);
}

#[test]
fn other_servers_bounces_are_read_too() {
    let gmail = bounce_of(GMAIL);
    assert_eq!(gmail.status.as_deref(), Some("5.1.1"));
    assert_eq!(Report::Bounce(gmail).class(), "bad-address");
    let exchange = bounce_of(EXCHANGE);
    assert_eq!(exchange.status.as_deref(), Some("5.1.10"));
    assert_eq!(exchange.fault().as_str(), "bad-address", "not a domain");
    let delayed = bounce_of(EXIM_DELAYED);
    assert_eq!(delayed.action, Action::Delayed);
    assert!(matches!(Report::Bounce(delayed).consequence("x@y.example"), Consequence::Nothing(_)));
}

#[test]
fn a_bounce_of_no_standard_form_is_for_a_person_and_not_lost() {
    let parsed = parse(QMAIL.as_bytes(), Some("b+x@bounces.vendor.example"));
    assert_eq!(parsed.report, Report::Other { why: "it is no report of a standard form" });
    assert!(parsed.excerpt.contains("no mailbox here by that name"));
    assert_eq!(parsed.recipients[0], "b+x@bounces.vendor.example");
}

#[test]
fn complaints_say_their_type_and_the_mail() {
    let abuse = parse(ARF_ABUSE.as_bytes(), None);
    assert_eq!(abuse.report, Report::Complaint { feedback_type: "abuse".to_owned() });
    assert_eq!(abuse.returned.return_path.as_deref(), Some("b+token@bounces.vendor.example"));
    assert_eq!(abuse.returned.message_id.as_deref(), Some("dlv_0.g1@partners.vendor.example"));
    let wanted = parse(ARF_NOT_SPAM.as_bytes(), None);
    assert_eq!(wanted.report, Report::Complaint { feedback_type: "not-spam".to_owned() });
}

#[test]
fn machines_answers_are_told_from_reports() {
    assert_eq!(parse(OUT_OF_OFFICE.as_bytes(), None).report, Report::AutoReply { why: "Auto-Submitted" });
    assert_eq!(parse(RECEIPT.as_bytes(), None).report, Report::AutoReply { why: "a read receipt" });
    // A bounce is auto-submitted as well, and a bounce all the same.
    assert!(POSTFIX.contains("Auto-Submitted: auto-replied"));
}

#[test]
fn reports_survive_crlf_base64_and_being_cut_off() {
    let crlf = POSTFIX.replace('\n', "\r\n");
    assert_eq!(bounce_of(&crlf), bounce_of(POSTFIX));
    let (head, rest) = POSTFIX.split_once("Content-Type: message/delivery-status\n\n").unwrap();
    let (status, tail) = rest.split_once("\n--").unwrap();
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = format!(
        "{head}Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n{}\n--{tail}",
        STANDARD.encode(status)
    );
    assert_eq!(bounce_of(&encoded), bounce_of(POSTFIX));
    let cut = &POSTFIX[..POSTFIX.find("Content-Description: Undelivered").unwrap()];
    assert_eq!(bounce_of(cut).status.as_deref(), Some("5.1.1"), "the end is missing");
}

#[test]
fn a_failure_is_found_behind_successes_and_odd_groups_are_skipped() {
    let status = "Reporting-MTA: dns; a\n\n\n \nFinal-Recipient: rfc822; ok@y.example\nAction: delivered\nStatus: 2.0.0\n\n\
                  Final-Recipient: rfc822; odd@y.example\nAction: exploded\nStatus: 5.0.0\n\n\
                  Final-Recipient: rfc822; bad@y.example\nAction: Failed (bad)\nStatus: 5.1.1 (unknown)\n";
    let found = bounce(status.as_bytes()).unwrap();
    assert_eq!(found.final_recipient.as_deref(), Some("bad@y.example"));
    assert_eq!((found.action, found.status.as_deref()), (Action::Failed, Some("5.1.1")));
    assert_eq!(bounce(b"Reporting-MTA: dns; a\n"), None);
    assert_eq!(
        bounce(b"Final-Recipient: rfc822; a@b.example\nStatus: 4.4.1\n"),
        None,
        "no action, no failure"
    );
    assert_eq!(bounce(b"Status: 5.2.2\n").unwrap().fault(), Fault::MailboxFull);
}

/// A multipart inside a multipart, `levels` deep, with a status at the bottom.
fn nested(levels: usize) -> String {
    let mut text = String::from("From: <>\nTo: b+x@y.example\nSubject: deep\n");
    for level in 0..levels {
        text.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    text.push_str(
        "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\n",
    );
    text
}

#[test]
fn a_thousand_levels_are_bounded_classed_and_shown() {
    for levels in [1_000, 20_000] {
        let started = Instant::now();
        let parsed = parse(nested(levels).as_bytes(), None);
        assert_eq!(parsed.report, Report::Other { why: "it is nested deeper than a report is" });
        assert_eq!(parsed.subject, "deep");
        assert!(parsed.excerpt.starts_with("From:"));
        assert!(started.elapsed().as_secs() < 10, "{levels} levels took {:?}", started.elapsed());
    }
    assert!(
        matches!(parse(nested(3).as_bytes(), None).report, Report::Bounce(_)),
        "a gateway may wrap a report"
    );
    // Messages inside messages are not opened at all, so a million would be as cheap.
    let inner = "Content-Type: message/rfc822\n\n".repeat(30_000);
    let returned = POSTFIX.replace("Content-Type: text/rfc822-headers\n\n", &format!("{inner}\n"));
    assert!(matches!(parse(returned.as_bytes(), None).report, Report::Bounce(_)));
    assert!(matches!(parse(inner.as_bytes(), None).report, Report::Other { .. }));
}

#[test]
fn big_and_many_parted_messages_are_cut() {
    let ten_megabytes = format!("{POSTFIX}\n{}", "x".repeat(10 * 1024 * 1024));
    assert_eq!(parse(ten_megabytes.as_bytes(), None).report, parse(POSTFIX.as_bytes(), None).report);
    let one_line = format!("Subject: {}\n\nbody", "y".repeat(10 * 1024 * 1024));
    let parsed = parse(one_line.as_bytes(), None);
    assert!(parsed.subject.len() <= 200 && parsed.excerpt.len() <= EXCERPT_BYTES_MAX);
    let parts = "--b\nContent-Type: text/plain\n\nx\n".repeat(10_000);
    let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n");
    assert_eq!(
        parse(many.as_bytes(), None).report,
        Report::Other { why: "it has more parts than a report has" }
    );
    let fields = "X: y\n".repeat(100_000);
    assert!(matches!(parse(fields.as_bytes(), None).report, Report::Other { .. }));
}

#[test]
fn the_excerpt_holds_no_keys_and_no_control_characters() {
    let text = parse(POSTFIX.replace("token", &"k".repeat(52)).as_bytes(), None).excerpt;
    assert!(text.contains("b+…@bounces.vendor.example"), "{text}");
    assert!(!text.contains(&"k".repeat(45)));
    let text = parse(b"Subject: a\n\n\x1b[31mred\x07\xff\n", None).excerpt;
    assert!(text.contains("[31mred") && !text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let parsed = parse(&bytes, None);
        prop_assert!(parsed.excerpt.len() <= EXCERPT_BYTES_MAX);
    }

    #[test]
    fn nor_does_any_damage_to_a_report(
        which in 0..6_usize,
        at in any::<prop::sample::Index>(),
        length in 0..200_usize,
        put in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let report = [POSTFIX, EXCHANGE, GMAIL, EXIM_DELAYED, ARF_ABUSE, OUT_OF_OFFICE][which].as_bytes();
        let from = at.index(report.len());
        let to = (from + length).min(report.len());
        let damaged = [&report[..from], &put, &report[to..]].concat();
        let parsed = parse(&damaged, None);
        let _ = parsed.report.consequence("x@y.example");
        prop_assert!(parsed.recipients.len() <= RECIPIENTS_MAX + 1);
    }
}
