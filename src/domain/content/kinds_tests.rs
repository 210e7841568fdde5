//! Findings on what single kinds say, through one folder that is right but for one fault.

use super::{
    Finding,
    finding::Severity,
    tests::{ids, one, with},
};

#[test]
fn kits_name_what_exists_and_fits() {
    let kit = "---\nkind: kit\ntitle: K\nsummary: S\nroles: [sales]\ntheme: T\nstart: 2027-01-12\nend: 2027-01-11\n\
        tactics:\n  - asset: blog/b\n    use: Post it.\n    day: 0\n    form: read\nchecklist: [One]\nplaybook: blog/b\n---\nText\n";
    let findings = with("kits/k.md", kit);
    assert_eq!(ids(&findings), ["C106", "C511"]);
    assert_eq!((findings[1].line, findings[1].column), (15, 11));
}

const WEBINAR: &str = "---\nkind: webinar\ntitle: W\nsummary: S\nroles: [sales]\npublish: 2027-01-06\n\
    start: 2027-01-21T16:00\nzone: Europe/Oslo\nduration_minutes: 45\nspeakers:\n  - {name: Ida, title: Engineer}\n---\nText.\n";

fn webinar(from: &str, to: &str) -> Vec<Finding> {
    with("webinars/w.md", WEBINAR.replace(from, to))
}

#[test]
fn a_session_begins_at_a_time_that_there_is() {
    let starting = |start: &str| webinar("2027-01-21T16:00", start);
    assert_eq!(starting("2027-03-28T01:59"), []);
    assert_eq!(starting("2027-03-28T03:00"), []);
    let skipped = one(&starting("2027-03-28T02:30"), "C106", 7, 8);
    assert_eq!(skipped.message, "`start`: the clocks of Europe/Oslo skip 2027-03-28T02:30");
    assert!(skipped.fix.contains("write `2027-03-28T03:00`, the next time"), "{skipped}");
    let twice = one(&starting("2027-10-31T02:30"), "C560", 7, 8);
    assert_eq!(twice.severity, Severity::Warning);
    assert!(twice.message.ends_with("twice, and the first time is meant, at UTC+02:00"), "{twice}");
    assert!(
        twice.fix.contains("the second, at UTC+01:00, is `start: 2027-10-31T01:30` with `zone: UTC`"),
        "{twice}"
    );
}

#[test]
fn a_session_is_a_day_at_most_and_seen_before_it_is_over() {
    assert_eq!(webinar("duration_minutes: 45", "duration_minutes: 1440"), []);
    assert_eq!(ids(&webinar("duration_minutes: 45", "duration_minutes: 1441")), ["C106"]);
    assert_eq!(webinar("publish: 2027-01-06", "publish: 2027-01-21"), []);
    let late = one(&webinar("publish: 2027-01-06", "publish: 2027-01-22"), "C562", 6, 1);
    assert!(late.message.contains("the session is on 2027-01-21"), "{late}");
    assert_eq!(
        webinar("publish: 2027-01-06", "recording: https://v.example/1\npublish: 2027-01-22"),
        [],
        "there is something to see"
    );
    assert_eq!(ids(&webinar("2027-01-21T16:00", "soon")), ["C109"], "what cannot be read is told once");
}

#[test]
fn a_date_that_cannot_be_read_is_told_once() {
    let issue = "---\nkind: issue\ntitle: I\nnewsletter: n\ndate: 12.1.2027\nsubject: S\npreheader: P\ntheme: T\n---\n\
        Hello.\n::: sales\nSell.\n:::\n";
    one(&with("newsletters/n/2027-01-12.md", issue), "C109", 5, 7);
    let without = issue.replace("date: 12.1.2027\n", "");
    assert_eq!(ids(&with("newsletters/n/2027-01-12.md", without)), ["C104"]);
}
