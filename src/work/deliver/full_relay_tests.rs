use super::*;

fn full() -> Outcome {
    refused(Stage::Greeting, Trouble::Host)
}

#[test]
fn a_relay_that_takes_no_more_connections_keeps_those_it_has() {
    let mut desk = Dispatch::new(&[relay("relay", 1, 8)], WINDOW);
    desk.add((0..9).map(|number| message(number, "partner.example")).collect(), START);
    let next = |desk: &mut Dispatch| desk.next(0, (false, true), START).unwrap();
    let (first, second) = (next(&mut desk), next(&mut desk));
    desk.relay(0).connected += 1;
    desk.relay(0).connected += 1;
    desk.done(0, first, accepted(), START);
    let third = next(&mut desk);
    let id = third.claimed.id.clone();
    assert!(desk.done(0, third, full(), START), "another carries it");
    assert!(!desk.wants_another(0, START) && desk.relays(START)[0].slots == 2, "two are open");
    assert!(desk.may_start_issues(START), "it does not rest");
    desk.done(0, second, accepted(), START);
    desk.relay(0).idle += 1;
    desk.relay(0).connected -= 1;
    assert!(!desk.wants_another(0, START), "one that is open is free");
    desk.relay(0).idle -= 1;
    assert!(desk.wants_another(0, START), "one was closed, so one may be opened");
    desk.relay(0).connected += 1;
    let again = next(&mut desk);
    assert_eq!(again.claimed.id, id, "first of all");
    desk.done(0, again, accepted(), START);
    let finished = desk.take_finished();
    assert!(finished.iter().all(|it| matches!(it.outcome, Outcome::Accepted { .. })) && finished.len() == 3);
    assert!(!desk.wants_another(0, at(9_999)) && desk.wants_another(0, at(10_000)));
}

#[test]
fn a_relay_without_connections_that_refuses_one_fails() {
    let mut desk = Dispatch::new(&[relay("relay", 1, 8)], WINDOW);
    desk.add((0..3).map(|number| message(number, "partner.example")).collect(), START);
    for _ in 0..2 {
        let job = desk.next(0, (false, true), START).unwrap();
        desk.done(0, job, full(), START);
    }
    assert!(desk.wants_another(0, START) && !desk.may_start_issues(START), "it rests");
    assert_eq!(desk.take_finished().len(), 2);
}

#[test]
fn a_relay_that_takes_none_is_not_asked_without_end() {
    let mut desk = Dispatch::new(&[relay("relay", 1, 8)], WINDOW);
    desk.add((0..8).map(|number| message(number, "partner.example")).collect(), START);
    let mut dials = 0;
    let mut flying: VecDeque<Job> = VecDeque::new();
    loop {
        while let Some(job) = desk.next(0, (false, false), START) {
            dials += 1;
            assert!(dials < 9, "it is asked again and again");
            flying.push_back(job);
        }
        let Some(job) = flying.pop_front() else { break };
        desk.done(0, job, full(), START);
    }
    assert!(!desk.may_start_issues(START), "it rests");
}

#[test]
fn another_relay_carries_what_a_full_one_refused_a_connection_for() {
    let mut desk = Dispatch::new(&[relay("main", 1, 8), relay("standby", 0, 8)], WINDOW);
    desk.add(vec![message(0, "partner.example"), message(1, "partner.example"), urgent(2)], START);
    desk.relay(0).connected += 1;
    let first = desk.next(0, (false, true), START).expect("urgent mail goes first");
    let second = desk.next(0, (false, true), START).unwrap();
    assert!(desk.done(0, second, full(), START));
    assert!(
        desk.next(0, (false, true), START).is_some_and(|job| job.claimed.id == "dlv_1"),
        "of the others it takes its own"
    );
    let over = desk.next(1, (false, true), START).expect("the stand-by, at once");
    assert_eq!(over.claimed.id, "dlv_0");
    desk.add(vec![urgent(3)], START);
    assert!(desk.next(1, (true, true), START).is_none(), "what it did not refuse waits for the first");
    let late = at(STALLED_MS + 1);
    assert!(desk.next(1, (true, true), late).is_some(), "but not for one whose connections come to no end");
    drop(first);
}

#[test]
fn a_full_relay_holds_up_no_other_and_costs_no_permit() {
    let limited = RelayTerms { is_limited: true, ..relay("full", 1, 8) };
    let mut desk = Dispatch::new(&[limited, relay("other", 1, 8)], WINDOW);
    desk.permit("full", 9, 0, MINUTE_MS);
    desk.add((0..60).map(|number| message(number, &format!("p{number}.example"))).collect(), START);
    desk.relay(0).connected += 1;
    let _busy = desk.next(0, (false, true), START).unwrap();
    let refused = desk.next(0, (false, true), START).unwrap();
    desk.done(0, refused, full(), START);
    assert_eq!(desk.permits("full"), (8, 0), "of the one that is on its way alone");
    for number in 0..59 {
        let job = desk
            .next(1, (false, true), START)
            .unwrap_or_else(|| panic!("{number}: it waits for the full one"));
        desk.done(1, job, accepted(), START);
    }
}

#[test]
fn a_permit_comes_back_as_the_kind_it_was() {
    let limited = RelayTerms { is_limited: true, ..relay("full", 1, 8) };
    let mut desk = Dispatch::new(&[limited], WINDOW);
    desk.permit("full", 1, 2, MINUTE_MS);
    desk.add(vec![urgent(0), urgent(1)], START);
    desk.relay(0).connected += 1;
    let common = desk.next(0, (false, true), START).unwrap();
    let reserved = desk.next(0, (true, true), START).unwrap();
    assert_eq!(desk.permits("full"), (0, 1));
    desk.done(0, reserved, full(), START);
    assert_eq!(desk.permits("full"), (0, 2), "no issue may use it");
    desk.not_tried(0, common);
    assert_eq!(desk.permits("full"), (1, 2));
}
