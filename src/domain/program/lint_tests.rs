//! Findings of the calendar and of what is never merged.

use super::*;
use crate::domain::content::{SourceFile, tests::VENDOR};

const YEAR: &str = "[[blackout]]\nname = \"Pause\"\nfrom = 2027-01-01\nto = 2027-12-31\n";

/// Code, line and message of each finding as of 1 January 2027, with these keys of the newsletter.
fn found(keys: &str, rules: &str) -> Vec<String> {
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
    let (library, _) = Library::build([
        file("vendor.toml", VENDOR.to_owned()),
        file("newsletters/n.md", format!("---\nkind: newsletter\ntitle: N\n{keys}---\nText.\n")),
        file("rules/calendar.toml", format!("version = 1\n{rules}")),
    ]);
    let partners = [crate::domain::content::tests::northlight()];
    let now_ms = "2027-01-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
    let findings = calendar(&library, &partners, now_ms);
    findings.iter().map(|f| format!("{} {}: {}", f.code, f.line, f.message)).collect()
}

const MONTHLY: &str = "zone: partner\ncadence: second Tuesday at 09:00\n";

#[test]
fn a_blackout_that_swallows_a_year_is_told_with_the_next_real_date() {
    let says = |who: &str, next: &str| {
        [format!(
            "C535 5: for {who}, nothing leaves on any of the 12 dates from 2027-01-12 to 2027-12-14; the next issue \
             that leaves is that of {next}. What stops the first of them: Pause until 2027-12-31: Tue 2027-01-12 \
             09:00 is skipped, as the next allowed time is Sat 2028-01-01 09:00, and 31 days are the most"
        )]
    };
    let none = [] as [String; 0];
    assert_eq!(
        found(MONTHLY, YEAR),
        says("everybody", "Tuesday, 2027-12-14, which is moved to Saturday, 2028-01-01"),
        "December's is moved"
    );
    assert_eq!(found(MONTHLY, &YEAR.replace("2027-12-31", "2027-12-13")), none, "December's leaves");
    let skipping = format!("{MONTHLY}when_blocked: skip\n");
    assert!(found(&skipping, YEAR)[0].contains("the next issue that leaves is that of Tuesday, 2028-01-11."));
    // It is named by its own date, which is not the day on which it leaves.
    let until_december = YEAR.replace("2027-01-01", "2027-02-01").replace("2027-12-31", "2028-01-31");
    assert!(
        found(MONTHLY, &until_december)[0].contains(
            "12 dates from 2027-02-09 to 2028-01-11; the next issue that leaves is that of Tuesday, 2028-01-11, which is \
             moved to Tuesday, 2028-02-01."
        ),
        "{:?}",
        found(MONTHLY, &until_december)
    );
    let later = YEAR.replace("2027", "2028");
    assert!(
        found(MONTHLY, &later)[0]
            .contains("nothing leaves on any of the 12 dates from 2028-01-11 to 2028-12-12"),
        "it begins within two years"
    );
    assert_eq!(found(MONTHLY, &YEAR.replace("2027", "2030")), none, "there is time");
    let yearly = "zone: partner\ncadence: 0 9 1 6 *\n";
    assert_eq!(found(yearly, &YEAR.replace("2027-12-31", "2027-06-02")), none, "it is moved by two days");
    assert!(found(yearly, YEAR)[0].contains(
        "on the one promised date, 2027-06-01; the next issue that leaves is that of Thursday, 2028-06-01."
    ));
    let long = YEAR;
    let apac = format!("{long}regions = [\"apac\"]\n");
    assert!(found(MONTHLY, &apac)[0].starts_with("C535 5: for readers in apac, nothing"));
    assert_eq!(found(&format!("{MONTHLY}audience:\n  regions: [emea]\n"), &apac), none);
    let partner = format!("{long}partners = [\"northlight\"]\n");
    assert!(found(MONTHLY, &partner)[0].starts_with("C535 5: for readers at northlight, nothing"));
    let stranger = format!("{long}partners = [\"stranger\"]\n");
    assert_eq!(found(MONTHLY, &stranger), none);
    assert_eq!(
        found(MONTHLY, &format!("{long}regions = [\"americas\"]\npartners = [\"northlight\"]\n")).len(),
        1
    );
}

#[test]
fn quiet_windows_may_swallow_all_too() {
    let friday = "[[quiet]]\nname = \"Weekend\"\nfrom = \"Fri 15:00\"\nto = \"Mon 08:00\"\n";
    let weekly = "zone: partner\ncadence: weekly on Friday at 16:00\n";
    assert_eq!(found(weekly, friday), [] as [String; 0], "it moves to Monday");
    let oslo = "zone: Europe/Oslo\ncadence: weekly on Friday at 16:00\nwhen_blocked: skip\n";
    assert_eq!(found(oslo, friday), [] as [String; 0], "it is Friday morning in America");
    assert!(found(oslo, YEAR)[0].starts_with("C535 5: for everybody, nothing leaves"));
    let skipped = found(&format!("{weekly}when_blocked: skip\n"), friday);
    assert!(
        skipped[0].starts_with(
            "C558 5: for everybody, nothing leaves on any of the 12 dates from 2027-01-01 to 2027-03-19; none of the \
             750 dates ahead leaves. What stops the first of them: Weekend until Mon 08:00: Fri 2027-01-01 16:00 is \
             skipped"
        ),
        "there is no real date to name, so it is refused: {skipped:?}"
    );
    let emea = friday.replace("to =", "regions = [\"emea\"]\nto =");
    let some = found(&format!("{weekly}when_blocked: skip\n"), &emea);
    assert!(some[0].starts_with("C535 5: for readers in emea"), "others get it: {some:?}");
}

#[test]
fn quiet_windows_that_skip_most_dates_are_told_of() {
    let quiet = "[[quiet]]\nname = \"Week\"\nfrom = \"Mon 00:00\"\nto = \"Sun 00:00\"\n";
    let daily = "zone: partner\ncadence: daily at 09:00\n";
    assert_eq!(
        found(daily, quiet),
        [
            "C559 5: for everybody, 20 of the next 28 dates are skipped. What stops the first of them: Week until Sun 00:00: Fri \
          2027-01-01 09:00 is skipped, as the next one is promised before Sun 2027-01-03 00:00"
        ],
        "Saturday's is moved to Sunday, before Sunday's own"
    );
    let skipping = format!("{daily}when_blocked: skip\n");
    assert!(found(&skipping, quiet)[0].contains("24 of the next 28 dates are skipped"));
    let emea = quiet.replace("to =", "regions = [\"emea\"]\nto =");
    assert!(found(&skipping, &emea)[0].starts_with("C559 5: for readers in emea, 24 of the next 28"));
    let weekend = quiet.replace("Mon 00:00", "Sat 00:00").replace("Sun 00:00", "Mon 00:00");
    assert_eq!(found(&skipping, &weekend), [] as [String; 0], "most leave");
    let window = format!("{daily}send_window: {{days: [sun], start: \"08:00\", end: \"18:00\"}}\n");
    assert!(
        found(&window, "")[0].contains("20 of the next 28 dates are skipped"),
        "{:?}",
        found(&window, "")
    );
    // Also where a blackout swallows the rest for a while.
    let days = YEAR.replace("2027-01-01", "2027-06-01").replace("2027-12-31", "2027-06-10");
    let (both, starts) = (found(&window, &days), ["C535", "C559"]);
    assert!(
        both.iter().zip(starts).all(|(found, code)| found.starts_with(code)) && both.len() == 2,
        "{both:?}"
    );
    assert_eq!(found(daily, YEAR).len(), 1, "a blackout is told of by another finding");
}

#[test]
fn how_a_cadence_is_mended_fits_what_is_wrong_with_it() {
    let fix = |cadence: &str| meant(Cadence::parse(cadence).unwrap_err().public());
    assert_eq!(fix("quarterly, fifth Monday"), "write `quarterly, last Monday at 09:00`");
    assert_eq!(fix("Tuesday at 09:00"), "write `weekly on Tuesday at 09:00` or `second Tuesday at 09:00`");
    assert_eq!(
        fix("every Tuesday at 09:00 Europe/Berlin"),
        "write `weekly on Tuesday at 09:00`, and `zone: Europe/Berlin` beside it"
    );
    assert_eq!(fix("0 9 * * 2"), "write `weekly on Tuesday at 09:00` or `0 9 * * Tue`");
    assert_eq!(fix("whenever"), "write it in one of the forms that `partnercast guide newsletter` lists");
}

#[test]
fn a_window_that_never_holds_the_promised_hour_is_told_of() {
    let keys = |zone: &str, start: &str| {
        format!(
            "zone: {zone}\ncadence: second Tuesday at 09:00\nsend_window: {{days: [mon, tue], start: \"{start}\", end: \"18:00\"}}\n"
        )
    };
    assert_eq!(
        found(&keys("partner", "10:00"), ""),
        [
            "C536 6: none of the next 12 times of `second Tuesday at 09:00` is inside of the send window, such as Tue 2027-01-12 09:00"
        ]
    );
    assert_eq!(found(&keys("partner", "09:00"), ""), [] as [String; 0]);
    assert_eq!(found(&keys("Europe/Oslo", "10:00"), ""), [] as [String; 0], "it is another hour elsewhere");
}

#[test]
fn a_pilot_that_leaves_too_shortly_before_the_hour_is_told_of() {
    let found = |pilot: &str, freeze: u32| {
        let letter = format!(
            "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\nfreeze_minutes: {freeze}\n\
             staged: {{pilot: [{pilot}], share: 10, wait_minutes: 10}}\n---\nText.\n"
        );
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
        let (library, _) =
            Library::build([file("vendor.toml", VENDOR.to_owned()), file("newsletters/a.md", letter)]);
        newsletters(&library).into_iter().filter(|finding| finding.code == "C563").count()
    };
    assert_eq!([found("a", 10), found("a", 11), found("", 10)], [1, 0, 0]);
}

#[test]
fn what_is_never_merged_is_told_of() {
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
    let letter = |keys: &str| {
        format!("---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\n{keys}---\nText.\n")
    };
    let said = |a: &str, b: &str, issue: &str| {
        let issue = format!(
            "---\nkind: issue\ntitle: I\nnewsletter: a\ndate: 2027-01-12\nsubject: s\n{issue}---\nText.\n"
        );
        let (library, _) = Library::build([
            file("vendor.toml", VENDOR.to_owned()),
            file("newsletters/a.md", letter(a)),
            file("newsletters/b.md", letter(b)),
            file("newsletters/a/2027-01-12.md", issue),
        ]);
        let found = newsletters(&library).into_iter().filter(|finding| finding.code == "C537");
        found.map(|finding| format!("{} {}", finding.file, finding.message)).collect::<Vec<_>>()
    };
    let may = "digest_hours: 2\n";
    assert_eq!(said(may, may, ""), [] as [String; 0]);
    assert_eq!(said(may, "", ""), ["newsletters/a.md no other newsletter allows digests"]);
    assert_eq!(
        said(may, may, "subject_b: other\n"),
        ["newsletters/a/2027-01-12.md `a` allows digests, and with two subjects this one is in none"]
    );
    let staged = format!("{may}staged: {{share: 10, wait_minutes: 5}}\n");
    assert_eq!(
        said(&staged, may, ""),
        [
            "newsletters/a.md issues with stages are in no digest",
            "newsletters/b.md no other newsletter allows digests"
        ]
    );
}
