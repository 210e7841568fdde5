use super::{super::sites::STALLED_MS, *};
use crate::{
    domain::delivery::Reply,
    store::outbox::{LANE_ISSUE, LANE_URGENT},
};

const START: Now = Now { calendar_ms: 0, machine_ms: 0 };
const WINDOW: usize = 128;
const MINUTE_MS: i64 = 60_000;

fn at(ms: i64) -> Now {
    Now { calendar_ms: ms, machine_ms: ms }
}

fn message(number: usize, site: &str) -> Claimed {
    Claimed {
        id: format!("dlv_{number}"),
        token: 1,
        attempt: 1,
        tries: 0,
        issue_id: Some("iss_1".to_owned()),
        lane: LANE_ISSUE,
        scope: "letter".to_owned(),
        site: site.to_owned(),
        message_id: format!("dlv_{number}.g1@vendor.example"),
        due_ms: 0,
        promised_ms: 0,
        hour_ms: None,
        created_ms: 0,
        email: format!("p{number}@{site}"),
        recipient_name: String::new(),
        rendition_id: "rnd_1".to_owned(),
        expires_ms: i64::MAX,
        stage: None,
        state: "sending".to_owned(),
    }
}

fn urgent(number: usize) -> Claimed {
    Claimed { issue_id: None, lane: LANE_URGENT, ..message(number, "partner.example") }
}

fn relay(name: &str, weight: u32, connections_max: usize) -> RelayTerms {
    RelayTerms { name: Arc::from(name), weight, connections_max, is_limited: false }
}

fn accepted() -> Outcome {
    Outcome::Accepted { reply: Reply { code: 250, enhanced: None, text: String::new() } }
}

fn refused(stage: Stage, trouble: Trouble) -> Outcome {
    Outcome::Refused { stage, trouble, reply: None, detail: "no".to_owned() }
}

/// Everything that can leave now over `relay` leaves and is accepted; returns the ids in order.
fn all_through(desk: &mut Dispatch, relay: usize, now: Now) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(job) = desk.next(relay, (false, true), now) {
        ids.push(job.claimed.id.clone());
        desk.done(relay, job, accepted(), now);
    }
    ids
}

#[test]
fn urgent_mail_goes_first_and_has_a_place_of_its_own() {
    let mut desk = Dispatch::new(&[relay("a", 1, 2)], WINDOW);
    desk.add((0..10).map(|n| message(n, "one.example")).collect(), START);
    let held: Vec<Job> = std::iter::from_fn(|| desk.next(0, (false, true), START)).collect();
    assert_eq!(held.len(), 2, "all slots are used by the issue");
    desk.add(vec![urgent(99)], START);
    let first = desk.next(0, (true, true), START).expect("the connection kept for urgent mail");
    assert_eq!(first.claimed.id, "dlv_99");
    assert!(desk.next(0, (true, true), START).is_none(), "and for nothing else");
}

#[test]
fn a_silent_site_keeps_two_connections_and_the_others_go_on() {
    let mut desk = Dispatch::new(&[relay("a", 1, 8)], WINDOW);
    desk.add((0..50).map(|n| message(n, "silent.example")).collect(), START);
    desk.add((50..150).map(|n| message(n, "fine.example")).collect(), START);
    let (mut stuck, mut done) = (Vec::new(), 0);
    while let Some(job) = desk.next(0, (false, true), START) {
        if job.site.as_ref() == "silent.example" {
            stuck.push(job);
        } else {
            done += 1;
            desk.done(0, job, accepted(), START);
        }
    }
    assert_eq!((stuck.len(), done), (2, 100));
    assert!(desk.stuck_sites(START).is_empty(), "slow is not yet stalled");
    let later = at(STALLED_MS + 1);
    assert_eq!(desk.stuck_sites(later), ["silent.example"]);
    assert_eq!(desk.take_stuck(later, false).len(), 48, "they wait in the queue, not in the window");
    let mut held: Vec<_> = stuck.iter().map(|job| job.claimed.start()).collect();
    let mut in_hand = desk.in_hand();
    held.sort();
    in_hand.sort();
    assert_eq!(in_hand, held, "what is on its way stays in hand");
}

#[test]
fn a_relay_that_is_down_hands_over_to_the_other_within_the_same_try() {
    let mut desk = Dispatch::new(&[relay("down", 1, 2), relay("up", 1, 2)], WINDOW);
    desk.add((0..4).map(|n| message(n, &format!("{n}.example"))).collect(), START);
    for _ in 0..2 {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Connect, Trouble::Host), START);
    }
    assert!(desk.next(0, (false, true), START).is_none(), "left alone after two failures");
    assert_eq!(all_through(&mut desk, 1, START).len(), 4);
    let finished = desk.take_finished();
    assert!(finished.iter().all(|f| f.outcome == accepted() && f.relay.as_deref() == Some("up")));
    assert!(desk.next(0, (false, true), at(MINUTE_MS)).is_none() && desk.open() == 0);
}

#[test]
fn what_may_have_left_is_never_given_to_another_relay() {
    let mut desk = Dispatch::new(&[relay("a", 1, 2), relay("b", 1, 2)], WINDOW);
    desk.add(vec![message(1, "one.example"), message(2, "two.example")], START);
    let outcomes =
        [Outcome::Uncertain { detail: String::new() }, refused(Stage::Recipient, Trouble::BadAddress)];
    for outcome in outcomes {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, outcome, START);
    }
    assert_eq!((desk.open(), desk.finished()), (0, 2));
}

#[test]
fn when_every_relay_is_down_everything_goes_back_to_the_queue() {
    let mut desk = Dispatch::new(&[relay("a", 1, 4)], WINDOW);
    desk.add((0..20).map(|n| message(n, "one.example")).collect(), START);
    for _ in 0..RELAY_BROKEN_MAX {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Greeting, Trouble::Host), START);
    }
    assert_eq!((desk.finished(), desk.room(START)), (2, 0));
    assert_eq!(desk.closed_until_ms(START), Some(MINUTE_MS));
    assert_eq!(desk.take_stuck(START, false).len(), 18);
    // After the rest one message finds out how things stand, not a whole window.
    let after = at(MINUTE_MS);
    assert_eq!(desk.room(after), OPEN_A_SLOT);
    desk.add((0..16).map(|n| message(n, "one.example")).collect(), after);
    let probe = desk.next(0, (false, true), after).unwrap();
    assert!(desk.next(0, (false, true), after).is_none());
    desk.done(0, probe, accepted(), after);
    assert_eq!(all_through(&mut desk, 0, after).len(), 15);
}

#[test]
fn shares_follow_the_weights_while_both_have_room() {
    let mut desk = Dispatch::new(&[relay("big", 3, 4), relay("small", 1, 4)], WINDOW);
    desk.add((0..800).map(|n| message(n, &format!("{}.example", n % 40))).collect(), START);
    let mut sent = [0, 0];
    let mut idle = 0;
    while idle < 2 {
        idle = 0;
        for (at, count) in sent.iter_mut().enumerate() {
            match desk.next(at, (false, true), START) {
                Some(job) => {
                    *count += 1;
                    desk.done(at, job, accepted(), START);
                }
                None => idle += 1,
            }
        }
    }
    assert_eq!(sent[0] + sent[1], 800);
    assert!((580..=620).contains(&sent[0]), "{sent:?}");
}

#[test]
fn a_standby_works_only_when_no_other_can() {
    let mut desk = Dispatch::new(&[relay("main", 1, 2), relay("standby", 0, 2)], WINDOW);
    desk.add((0..6).map(|n| message(n, &format!("{n}.example"))).collect(), START);
    assert!(desk.next(1, (false, true), START).is_none());
    for _ in 0..RELAY_BROKEN_MAX {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Hello, Trouble::OurSetup), START);
    }
    assert_eq!(all_through(&mut desk, 1, START).len(), 6);
}

#[test]
fn a_limited_relay_sends_what_it_is_permitted() {
    let mut desk = Dispatch::new(&[RelayTerms { is_limited: true, ..relay("a", 1, 4) }], WINDOW);
    desk.add((0..10).map(|n| message(n, "one.example")).collect(), START);
    assert!(desk.next(0, (false, true), START).is_none());
    desk.permit("a", 5, 0, MINUTE_MS);
    assert_eq!(desk.permits("a"), (5, 0));
    assert_eq!(all_through(&mut desk, 0, START).len(), 5);
    assert_eq!(desk.take_stuck(START, false).len(), 5);
}

#[test]
fn what_is_reserved_of_a_limit_is_for_urgent_mail() {
    let mut desk = Dispatch::new(&[RelayTerms { is_limited: true, ..relay("a", 1, 4) }], WINDOW);
    desk.permit("a", 1, 2, MINUTE_MS);
    desk.add((0..3).map(|n| message(n, "one.example")).chain((3..7).map(urgent)).collect(), START);
    assert_eq!(all_through(&mut desk, 0, START), ["dlv_3", "dlv_4", "dlv_5"], "common permits first");
    assert_eq!(desk.permits("a"), (0, 0));
    desk.permit("a", 0, 1, MINUTE_MS);
    assert!(desk.room(START) > 0 && !desk.may_start_issues(START));
    let back: Vec<_> = desk.take_stuck(START, false).into_iter().map(|(claimed, _)| claimed.id).collect();
    assert_eq!(back, ["dlv_0", "dlv_1", "dlv_2"], "issues wait in the queue, not in the window");
    assert_eq!(all_through(&mut desk, 0, START), ["dlv_6"]);
    desk.permit("a", 2, 0, MINUTE_MS);
    assert!(desk.may_start_issues(START));
    assert_eq!(desk.revoke("a"), 2);
}

#[test]
fn a_site_that_says_too_fast_rests_and_the_relay_goes_on() {
    let mut desk = Dispatch::new(&[relay("a", 1, 4)], WINDOW);
    desk.add((0..4).map(|n| message(n, "fast.example")).collect(), START);
    let job = desk.next(0, (false, true), START).unwrap();
    desk.done(0, job, refused(Stage::Recipient, Trouble::Throttle), START);
    assert!(desk.next(0, (false, true), START).is_none());
    desk.add(vec![message(9, "other.example")], START);
    assert_eq!(all_through(&mut desk, 0, START), ["dlv_9"]);
    assert_eq!(desk.stuck_sites(START), ["fast.example"]);
    assert_eq!(all_through(&mut desk, 0, at(slots::THROTTLED_MS)).len(), 3);
}

#[test]
fn silent_sites_that_hold_every_slot_do_not_stop_the_others() {
    let mut desk = Dispatch::new(&[relay("a", 1, 8)], WINDOW);
    desk.add((0..4).map(|n| message(n, &format!("silent-{}.example", n % 2))).collect(), START);
    let held: Vec<Job> = std::iter::from_fn(|| desk.next(0, (false, true), START)).collect();
    assert_eq!(held.len(), 2, "both slots are used by those who say nothing");
    desk.add((10..60).map(|n| message(n, "fine.example")).collect(), START);
    assert!(desk.next(0, (false, true), START).is_none());
    let through = all_through(&mut desk, 0, at(2 * STALLED_MS));
    assert!((10..60).all(|n| through.contains(&format!("dlv_{n}"))), "{through:?}");
}

#[test]
fn slow_messages_never_use_more_than_every_connection() {
    let mut desk = Dispatch::new(&[relay("a", 1, 3)], WINDOW);
    desk.add((0..40).map(|n| message(n, &format!("silent-{n}.example"))).collect(), START);
    let mut flying = Vec::new();
    for second in 0..20 {
        flying.extend(std::iter::from_fn(|| desk.next(0, (false, true), at(second * 2 * STALLED_MS))));
    }
    assert_eq!(flying.len(), 3);
}

#[test]
fn what_one_relay_was_asked_about_in_vain_goes_to_the_other_whatever_its_share() {
    for weight in [0, 1] {
        let mut desk = Dispatch::new(&[relay("first", 1, 40), relay("second", weight, 40)], WINDOW);
        // The second gets ahead of its share as far as it may.
        desk.add((0..60).map(|n| message(n, "fine.example")).collect(), START);
        all_through(&mut desk, 1, START);
        desk.take_stuck(START, true);
        desk.add(vec![message(99, "odd.example")], START);
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Recipient, Trouble::Host), START);
        assert!(desk.next(0, (false, true), START).is_none(), "not the same one again");
        let again = desk.next(1, (false, true), START).expect("the other one, at once");
        desk.done(1, again, accepted(), START);
        assert_eq!((desk.open(), desk.take_finished().last().unwrap().relay.as_deref()), (0, Some("second")));
    }
}

#[test]
fn a_message_that_no_relay_can_be_asked_about_any_more_goes_back() {
    let mut desk = Dispatch::new(&[relay("a", 1, 2), relay("b", 1, 2)], WINDOW);
    desk.add(vec![message(1, "one.example"), urgent(2)], START);
    for _ in 0..2 {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Recipient, Trouble::Host), START);
    }
    assert_eq!((desk.open(), desk.finished()), (2, 0), "they wait for the other relay");
    assert!(desk.take_stuck(START, false).is_empty());
    desk.add((10..12).map(|n| message(n, "two.example")).collect(), START);
    // The other one goes down meanwhile.
    desk.relays[1].slots.failed(0, 1);
    let back: Vec<String> =
        desk.take_stuck(START, false).into_iter().map(|(claimed, _)| claimed.id).collect();
    assert_eq!(back, ["dlv_1", "dlv_2"]);
    assert_eq!(all_through(&mut desk, 0, START).len(), 2, "the others stay");
    assert_eq!(desk.open(), 0);
}

#[test]
fn a_message_that_waits_for_another_relay_does_not_hold_up_its_site() {
    let mut desk = Dispatch::new(&[relay("a", 1, 2), relay("b", 1, 2)], WINDOW);
    desk.add((0..3).map(|n| message(n, "one.example")).collect(), START);
    let job = desk.next(0, (false, true), START).unwrap();
    desk.done(0, job, refused(Stage::Recipient, Trouble::Host), START);
    let next = desk.next(0, (false, true), START).map(|job| job.claimed.id);
    assert_eq!(next.as_deref(), Some("dlv_1"), "the one behind it");
}

#[test]
fn a_standby_takes_no_urgent_mail_while_another_can() {
    let mut desk = Dispatch::new(&[relay("main", 1, 2), relay("standby", 0, 2)], WINDOW);
    desk.add(vec![urgent(1)], START);
    assert!(desk.next(1, (true, true), START).is_none());
    let job = desk.next(0, (true, true), START).unwrap();
    desk.done(0, job, refused(Stage::Connect, Trouble::Host), START);
    assert_eq!(desk.next(1, (true, true), START).map(|job| job.claimed.id).as_deref(), Some("dlv_1"));
}

#[test]
fn a_relay_that_was_away_does_not_get_everything_when_it_is_back() {
    let mut desk = Dispatch::new(&[relay("away", 1, 4), relay("here", 1, 4)], WINDOW);
    desk.add((0..500).map(|n| message(n, &format!("{}.example", n % 50))).collect(), START);
    for _ in 0..RELAY_BROKEN_MAX {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, refused(Stage::Connect, Trouble::Host), START);
    }
    for _ in 0..300 {
        let job = desk.next(1, (false, true), START).unwrap();
        desk.done(1, job, accepted(), START);
    }
    let back = at(MINUTE_MS);
    let mut sent = [0, 0];
    for turn in 0..100 {
        if let Some(job) = desk.next(turn % 2, (false, true), back) {
            sent[turn % 2] += 1;
            desk.done(turn % 2, job, accepted(), back);
        }
    }
    assert!(sent[1] >= 40, "{sent:?}");
}

#[test]
fn permits_end_with_their_minute() {
    let mut desk = Dispatch::new(&[RelayTerms { is_limited: true, ..relay("a", 1, 4) }], WINDOW);
    desk.add((0..10).map(|n| message(n, "one.example")).collect(), START);
    desk.permit("a", 5, 0, MINUTE_MS);
    assert!(desk.next(0, (false, true), at(MINUTE_MS - 1)).is_some());
    assert!(desk.next(0, (false, true), at(MINUTE_MS)).is_none(), "they counted in the minute that is over");
    assert_eq!((desk.revoke("a"), desk.revoke("a"), desk.revoke("b")), (4, 0, 0));
    desk.permit("a", 1, 0, 2 * MINUTE_MS);
    assert_eq!(all_through(&mut desk, 0, at(MINUTE_MS)).len(), 1);
}

#[test]
fn what_goes_back_for_a_stuck_site_is_put_off() {
    let mut desk = Dispatch::new(&[relay("a", 1, 8)], WINDOW);
    desk.add(
        (0..9).map(|n| message(n, ["fast.example", "silent.example", "fine.example"][n / 3])).collect(),
        START,
    );
    let mut silent = Vec::new();
    while let Some(job) = desk.next(0, (false, true), START) {
        match job.site.as_ref() {
            "fast.example" => {
                desk.done(0, job, refused(Stage::Recipient, Trouble::Throttle), START);
            }
            "silent.example" => silent.push(job),
            _ => {
                desk.done(0, job, accepted(), START);
            }
        }
    }
    assert_eq!(silent.len(), 2);
    let now = at(STALLED_MS + 1);
    let mut back: Vec<(String, i64)> =
        desk.take_stuck(now, false).into_iter().map(|(claimed, since_ms)| (claimed.site, since_ms)).collect();
    back.sort();
    back.dedup();
    let expected = [("fast.example", slots::THROTTLED_MS), ("silent.example", 2 * STALLED_MS + 1)];
    assert_eq!(back, expected.map(|(site, since_ms)| (site.to_owned(), since_ms)));
    desk.add(vec![message(10, "fine.example")], now);
    assert_eq!(desk.take_stuck(now, true)[0].1, UtcMs::MIN, "nothing is wrong with the others");
}

#[test]
fn a_site_that_one_relay_cannot_reach_is_no_trouble_of_the_site() {
    let mut desk = Dispatch::new(&[relay("first", 1, 4), relay("second", 0, 4)], WINDOW);
    desk.add((0..10).map(|n| message(n, "odd.example")).collect(), START);
    for _ in 0..4 {
        let Some(job) = desk.next(0, (false, true), START) else { break };
        desk.done(0, job, refused(Stage::Recipient, Trouble::Host), START);
    }
    assert!(desk.stuck_sites(START).is_empty());
    for _ in 0..SITE_BROKEN_MAX {
        let job = desk.next(1, (false, true), START).unwrap();
        desk.done(1, job, refused(Stage::Recipient, Trouble::Host), START);
    }
    assert_eq!(desk.stuck_sites(START), ["odd.example"], "no relay reaches it");
}

#[path = "full_relay_tests.rs"]
mod full_relay;
