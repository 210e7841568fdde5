use chrono::Weekday;

use super::*;
use crate::domain::{
    content::{
        Finding,
        library::{Library, SourceFile},
    },
    partner::Region,
};

const SCORING: &str = r#"version = 3
half_life_days = 30
mql_score = 50
mql_fit = "B"
instant = ["talk_to_us"]
[points]
click = 5
whitepaper_form = 20
webinar_attended = 25
talk_to_us = 50
unsubscribe = -50
[caps]
click = 20
[fit]
business_email = 2
company_size = { "10-49" = 2, "50-249" = 3 }
job_role = { it = 3, other = 0 }
country_served = 2
"#;

const ROUTING: &str = r#"version = 1
[business_hours]
days = ["mon", "tue", "wed", "thu", "fri"]
start = "09:00"
end = "17:00"
[clock.hot]
accept_minutes = 60
first_contact_minutes = 240
next_step_minutes = 2400
[clock.standard]
accept_minutes = 480
first_contact_minutes = 480
next_step_minutes = 2400
"#;

fn read(path: &str, text: &str) -> (Rules, Vec<Finding>) {
    let file = SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let (library, findings) = Library::build(vec![file]);
    (library.rules, findings.into_iter().filter(|finding| finding.file == path).collect())
}

/// A scoring rule, for tests of what rules do.
pub(in crate::domain) fn scoring() -> Scoring {
    read("rules/scoring.toml", SCORING).0.scoring.unwrap()
}

/// A routing rule, for tests of what rules do.
pub(in crate::domain) fn routing() -> Routing {
    read("rules/routing.toml", ROUTING).0.routing.unwrap()
}

/// Code, line, and the two texts of each finding once each `(from, to)` has been replaced in the file.
fn faults(path: &str, text: &str, changes: &[(&str, &str)]) -> Vec<(&'static str, u32, String)> {
    let changed = changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let (_, findings) = read(path, &changed);
    findings.into_iter().map(|f| (f.code, f.line, format!("{}; {}", f.message, f.fix))).collect()
}

#[track_caller]
fn one(path: &str, text: &str, (from, to): (&str, &str), code: &str, line: u32, says: &str) {
    let found = faults(path, text, &[(from, to)]);
    assert_eq!(found.len(), 1, "{to}: {found:?}");
    assert_eq!((found[0].0, found[0].1), (code, line), "{to}: {found:?}");
    assert!(found[0].2.contains(says), "{to}: {found:?}");
}

#[test]
fn whole_rules_are_read() {
    assert_eq!(faults("rules/scoring.toml", SCORING, &[]), []);
    assert_eq!(faults("rules/routing.toml", ROUTING, &[]), []);
    let rule = scoring();
    assert_eq!((rule.version, rule.half_life_days, rule.mql_score, rule.mql_fit), (3, 30, 50, FitGrade::B));
    assert_eq!(rule.points[&ScoreEvent::Unsubscribe], -50);
    assert_eq!((rule.instant, rule.fit.company_size["50-249"]), (vec![ScoreEvent::TalkToUs], 3));
    assert_eq!((routing().hot.accept_minutes, routing().standard.next_step_minutes), (60, 2_400));
    assert_eq!(routing().business_hours.days.len(), 5);
}

#[test]
fn each_fault_of_a_scoring_rule_has_its_line_and_fix() {
    let one = |from, to, code, line, says| {
        one("rules/scoring.toml", SCORING, (from, to), code, line, says);
    };
    one("= 30", "= 0", "C106", 2, "`half_life_days` is 0; write a whole number from 1 to 3650");
    one("= 30", "= 3651", "C106", 2, "from 1 to 3650");
    // Beyond 32 bits, where a number that does not fit was once dropped without a word.
    one("= 30", "= 9000000000", "C106", 2, "`half_life_days` is 9000000000");
    one("= 30", "= 7.5", "C105", 2, "a whole number");
    one("mql_score = 50", "mql_score = 50\nread_seconds = 0", "C106", 4, "from 1 to 1800");
    one("mql_score = 50", "mql_score = 10001", "C106", 3, "`mql_score`");
    one("mql_fit = \"B\"", "mql_fit = \"E\"", "C106", 4, "`A`, `B`, `C`, `D`");
    one("\"talk_to_us\"]", "\"talk_to_me\"]", "C106", 5, "did you mean `talk_to_us`?");
    one("click = 5", "clik = 5", "C103", 7, "there is no key `points.clik` here; did you mean `click`?");
    one("whitepaper_form = 20", "resubscribe = 20", "C103", 8, "points.resubscribe");
    one("unsubscribe = -50", "unsubscribe = -10001", "C106", 11, "from -10000 to 10000");
    one("click = 20", "click = -1", "C106", 13, "`caps.click` is -1; write a whole number from 0 to 10000");
    one("click = 20", "clicks = 20", "C103", 13, "caps.clicks");
    one("business_email = 2", "business_email = 99999", "C106", 15, "`fit.business_email`");
    one("\"10-49\" = 2", "\"10-49\" = 99999", "C106", 16, "`fit.company_size.10-49`");
    one("it = 3", "it = 99999", "C106", 17, "`fit.job_role.it`");
    one("country_served = 2", "country_served = -99999", "C106", 18, "`fit.country_served`");
    one("version = 3", "version = 3\ncolour = 1", "C103", 2, "colour");
}

#[test]
fn each_fault_of_a_routing_rule_has_its_line_and_fix() {
    let one = |from, to, code, line, says| {
        one("rules/routing.toml", ROUTING, (from, to), code, line, says);
    };
    one("\"mon\"", "\"moon\"", "C106", 3, "did you mean `mon`?");
    one("\"09:00\"", "\"9am\"", "C109", 4, "write it like 09:00");
    one("\"17:00\"", "\"08:00\"", "C106", 2, "an hour or more after `start`");
    one("\"17:00\"", "\"09:59\"", "C106", 2, "an hour or more after `start`");
    one("\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"", "", "C106", 2, "at least one day");
    one("= 60", "= 0", "C106", 7, "`clock.hot.accept_minutes` is 0; write a whole number from 1 to 43200");
    one("= 240\n", "= 43201\n", "C106", 8, "`clock.hot.first_contact_minutes` is 43201");
    assert_eq!(faults("rules/routing.toml", ROUTING, &[("\"17:00\"", "\"10:00\"")]), [], "an hour will do");
    assert_eq!(faults("rules/routing.toml", ROUTING, &[("= 240\n", "= 43200\n")]), []);
}

#[test]
fn routing_may_say_more_of_hours_people_and_whom_to_tell() {
    let more = "[[business_hours_of]]\npartners = [\"dune-gate\"]\ndays = [\"sun\"]\nstart = \"08:00\"\nend = \"12:00\"\n\
                [[business_hours_of]]\nregions = [\"apac\"]\ndays = [\"sat\"]\nstart = \"08:00\"\nend = \"12:00\"\n\
                [people]\norder = \"round_robin\"\nleads_max = 3\n[escalation]\nsponsor = \"ida@vendor.example\"\n";
    let text = format!("{ROUTING}{more}");
    assert_eq!(faults("rules/routing.toml", &text, &[]), []);
    let rule = read("rules/routing.toml", &text).0.routing.unwrap();
    let days = |partner, region| rule.hours_for(partner, region).days.clone();
    assert_eq!(days("dune-gate", Region::Apac), [Weekday::Sun], "the first that fits");
    assert_eq!(days("hoshikawa", Region::Apac), [Weekday::Sat]);
    assert_eq!(days("northlight", Region::Americas).len(), 5);
    assert_eq!((rule.people.order, rule.people.leads_max), (routing::Order::RoundRobin, Some(3)));
    assert_eq!(rule.sponsor.unwrap().0.as_str(), "ida@vendor.example");
    let one =
        |from: &str, to, code, line, says| one("rules/routing.toml", &text, (from, to), code, line, says);
    assert_eq!(rule.conflict, routing::Conflict::default(), "nothing said is the usual");
    one("partners = [\"dune-gate\"]\n", "", "C104", 14, "does not say whose hours these are");
    one("\"round_robin\"", "\"shark\"", "C106", 25, "use one of `pinned`, `round_robin`");
    one("leads_max = 3", "leads_max = 0", "C106", 26, "write a whole number from 1 to 10000");
    one("\"ida@vendor.example\"", "\"ida\"", "C106", 28, "ida");
}

#[test]
fn routing_may_say_who_goes_on() {
    let text = format!("{ROUTING}[conflict]\nrule = \"ask\"\nscope = \"account\"\nwon_days = 0\n");
    let rule = read("rules/routing.toml", &text).0.routing.unwrap().conflict;
    assert_eq!((rule.rule, rule.scope), (routing::ConflictRule::Ask, routing::ConflictScope::Account));
    assert_eq!(rule.won_days, 0);
    let one =
        |from: &str, to, code, line, says| one("rules/routing.toml", &text, (from, to), code, line, says);
    one("\"ask\"", "\"first_in_hands\"", "C106", 15, "did you mean `first_in_hand`?");
    one("\"account\"", "\"company\"", "C106", 16, "use one of `person`, `account`");
    one("won_days = 0", "won_days = 4000", "C106", 17, "write a whole number from 0 to 3650");
    one("won_days", "won_day", "C103", 17, "did you mean `won_days`?");
    assert_eq!((rule.ask_hours, rule.ask_then), (16, routing::ConflictRule::FirstInHand), "the usual");
    one("won_days = 0", "ask_hours = 721", "C106", 17, "write a whole number from 1 to 720");
    one(
        "won_days = 0",
        "ask_then = \"ask\"",
        "C106",
        17,
        "use one of `first_in_hand`, `first_touch`, `last_touch`",
    );
    let late = text.replace("won_days = 0", "ask_hours = 4\nask_then = \"last_touch\"");
    let rule = read("rules/routing.toml", &late).0.routing.unwrap().conflict;
    assert_eq!((rule.ask_hours, rule.ask_then), (4, routing::ConflictRule::LastTouch));
}

#[test]
fn all_faults_are_named_at_once() {
    let found = |path, text, changes: &[_]| -> Vec<_> {
        faults(path, text, changes).into_iter().map(|(code, line, _)| (code, line)).collect()
    };
    let changes = [("= 30", "= 0"), ("click = 5", "clik = 5"), ("it = 3", "it = 99999"), ("\"B\"", "\"E\"")];
    let expected = [("C106", 2), ("C106", 4), ("C103", 7), ("C106", 17)];
    assert_eq!(found("rules/scoring.toml", SCORING, &changes), expected);
    let changes = [
        ("days =", "dais ="),
        ("\"09:00\"", "\"9am\""),
        ("= 480", "= 4800000"),
        ("clock.hot", "clock.warm"),
        ("= 2400", "= 0"),
    ];
    let expected = [
        ("C104", 2), // `days`
        ("C103", 3),
        ("C109", 4),
        ("C104", 6), // `clock.hot`
        ("C103", 6), // `clock.warm`
        ("C106", 11),
        ("C106", 12),
        ("C106", 13),
    ];
    assert_eq!(found("rules/routing.toml", ROUTING, &changes), expected);
}
