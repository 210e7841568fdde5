use chrono::NaiveTime;
use chrono_tz::{Europe::Berlin, Tz};
use proptest::prelude::*;

use super::*;
use crate::domain::content::keys::Reference;

struct Did(&'static [&'static str]);

impl Deeds for Did {
    fn reached(&self, step: &str) -> bool {
        self.0.contains(&format!("had {step}").as_str())
    }

    fn clicked(&self, step: &str) -> bool {
        self.0.contains(&step)
    }

    fn took(&self, asset: &str) -> bool {
        self.0.contains(&asset)
    }

    fn asked_to_talk(&self) -> bool {
        self.0.contains(&"talk")
    }
}

fn reference(target: &str) -> Reference {
    Reference { target: target.to_owned(), place: crate::domain::content::finding::Place::START }
}

fn ms(text: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

fn at(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

#[test]
fn delays_are_days_of_the_reader_s_calendar_whatever_their_clocks_do() {
    let entered = ms("2027-03-26T15:00:00+01:00");
    // The clocks go forward on the 28th: three days later at nine is an hour less.
    assert_eq!(due_ms(entered, 3, at(9, 0), Berlin), ms("2027-03-29T09:00:00+02:00"));
    assert_eq!(
        due_ms(entered, 2, at(2, 30), Berlin),
        ms("2027-03-28T03:00:00+02:00"),
        "a time that is skipped"
    );
    assert_eq!(due_ms(entered, 0, at(16, 0), Berlin), ms("2027-03-26T16:00:00+01:00"));
    assert_eq!(due_ms(entered, 0, at(9, 0), Berlin), ms("2027-03-27T09:00:00+01:00"), "today it is over");
    let back = ms("2027-10-30T20:00:00+02:00");
    assert_eq!(due_ms(back, 1, at(2, 30), Berlin), ms("2027-10-31T02:30:00+02:00"), "the first of two");
    let late = ms("2027-10-31T02:45:00+02:00");
    assert_eq!(due_ms(late, 0, at(2, 30), Berlin), ms("2027-11-01T02:30:00+01:00"));
}

#[test]
fn conditions_and_exits_say_why() {
    let clicked = Condition::Clicked(reference("hello"));
    assert_eq!(unmet(&clicked, &Did(&["hello"])), None);
    assert_eq!(unmet(&clicked, &Did(&[])).unwrap(), "they followed no link in the message of `hello`");
    assert_eq!(unmet(&Condition::NotClicked(reference("hello")), &Did(&[])), None);
    assert!(unmet(&Condition::NotClicked(reference("hello")), &Did(&["hello"])).is_some());
    assert!(unmet(&Condition::Took(reference("blog/b")), &Did(&[])).is_some());
    assert!(unmet(&Condition::NotTook(reference("blog/b")), &Did(&["blog/b"])).is_some());
    let exit = vec![ExitRule::AskedToTalk, ExitRule::When(Condition::Took(reference("blog/b")))];
    let sequence = Sequence { exit, ..Sequence::default() };
    assert_eq!(ends(&sequence, &Did(&[])), None);
    assert_eq!(ends(&sequence, &Did(&["talk"])).unwrap(), "they asked to talk");
    assert_eq!(ends(&sequence, &Did(&["blog/b"])).unwrap(), "they have taken blog/b");
    let exit = vec![ExitRule::When(Condition::NotClicked(reference("nudge")))];
    let sequence = Sequence { exit, ..Sequence::default() };
    assert_eq!(ends(&sequence, &Did(&[])), None, "they never had the nudge");
    assert_eq!(
        ends(&sequence, &Did(&["had nudge"])).unwrap(),
        "they followed no link in the message of `nudge`"
    );
    assert_eq!(ends(&sequence, &Did(&["had nudge", "nudge"])), None);
}

#[test]
fn what_comes_next_goes_by_names() {
    let next = |order: &[&str], done: &[&str], waiting: Option<&str>| {
        next_step(order, done, waiting).map(|at| order[at].to_owned()).unwrap_or_default()
    };
    assert_eq!(next(&["a", "b"], &[], None), "a");
    assert_eq!(next(&["a", "b"], &["a"], Some("b")), "b");
    assert_eq!(next(&["a", "x", "b"], &["a"], Some("b")), "x", "it is behind what they had");
    assert_eq!(next(&["x", "a", "b"], &["a"], Some("b")), "b", "it is before what they had");
    assert_eq!(next(&["a", "c"], &["a"], Some("b")), "c", "what they waited for is gone");
    assert_eq!(next(&["b", "a", "c"], &["a", "b"], None), "c", "nothing comes twice");
    assert_eq!(next(&["x", "b", "c"], &["a"], Some("b")), "b", "all that they had is gone");
    assert_eq!(
        next(&["a", "z", "b"], &["a", "x"], Some("b")),
        "b",
        "`z` stands where `x` was, which they had"
    );
    assert_eq!(next(&["x", "c"], &["a"], Some("b")), "x");
    assert_eq!(next(&["a"], &["a"], None), "");
    assert_eq!(next(&[], &["a"], Some("b")), "");
}

#[test]
fn an_edit_says_what_it_does() {
    let group = |done: &[&str], waiting: &str, people| Inside {
        done: done.iter().map(|id| (*id).to_owned()).collect(),
        waiting: Some(waiting.to_owned()),
        people,
    };
    let inside = [
        group(&[], "a", 6),
        group(&["a"], "x", 4),
        group(&["a", "x"], "y", 1),
        group(&["a", "x", "y"], "w", 1),
    ];
    let effects = effect(&["a", "x", "y", "w"], &["a", "z", "y"], &inside);
    assert_eq!(
        sentences(&inside, &effects),
        [
            "12 people are inside",
            "6 people wait for `a` as before",
            "1 person waits for `y` as before",
            "1 person who waited for `w`, which is gone, finishes, since nothing follows",
            "4 people who waited for `x`, which is gone, go on with `z`",
            "2 people are past the new step `z` and do not get it",
        ][..]
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
}

/// Names of steps, each once.
fn orders() -> impl Strategy<Value = Vec<String>> {
    let names: Vec<String> = ('a'..='j').map(String::from).collect();
    prop::sample::subsequence(names, 0..=10).prop_shuffle()
}

proptest! {
    /// A sequence is edited while somebody goes through it: nothing comes twice, it ends, and nothing comes early.
    #[test]
    fn whatever_is_edited_nothing_comes_twice_or_early(
        plans in prop::collection::vec(orders(), 1..6),
        delays in prop::collection::vec((0_u16..400, 0_u32..24, 0_u32..60), 10),
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        entered in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let zone: Tz = zone;
        let (mut done, mut waiting, mut from_ms): (Vec<String>, Option<String>, UtcMs) = (Vec::new(), None, entered);
        let mut moves = 0;
        for (no, order) in plans.iter().enumerate() {
            // The last plan is gone through to its end; of the others two steps at most.
            let most = if no + 1 == plans.len() { usize::MAX } else { 2 };
            let mut last_at = None;
            for _ in 0..most {
                let had: Vec<&str> = done.iter().map(String::as_str).collect();
                let Some(at) = next_step(order, &had, waiting.as_deref()) else { break };
                prop_assert!(!done.contains(&order[at]), "{} twice", order[at]);
                prop_assert!(last_at.is_none_or(|last| at > last), "the order is kept");
                let (days, hour, minute) = delays[at];
                let due = due_ms(from_ms, days, NaiveTime::from_hms_opt(hour, minute, 0).unwrap(), zone);
                prop_assert!(due >= from_ms, "never before now");
                let day = |at_ms| utc(at_ms).with_timezone(&zone).date_naive();
                prop_assert!((day(due) - day(from_ms)).num_days() >= i64::from(days).saturating_sub(1));
                (from_ms, last_at) = (due, Some(at));
                done.push(order[at].clone());
                let had: Vec<&str> = done.iter().map(String::as_str).collect();
                waiting = next_step(order, &had, None).map(|at| order[at].clone());
                moves += 1;
                prop_assert!(moves <= 10 * plans.len(), "it ends");
            }
        }
    }

    /// The same time of day, unless the clocks skip it.
    #[test]
    fn steps_come_at_their_local_time(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        from in 1_700_000_000_000_i64..1_900_000_000_000,
        days in 0_u16..=366,
        hour in 0_u32..24,
    ) {
        let zone: Tz = zone;
        let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let due = utc(due_ms(from, days, time, zone)).with_timezone(&zone);
        let nominal = due.date_naive().and_time(time);
        prop_assert!(due.time() == time || resolve(nominal, zone).note.is_some()
            || resolve(nominal - TimeDelta::days(1), zone).note.is_some(), "{due}");
    }
}
