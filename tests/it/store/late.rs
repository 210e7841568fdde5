//! Mail that may not leave yet although it was started: late, or of a stage that waits.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::clock::{HOUR_MS, MINUTE_MS},
        partner::Region,
        program::stage::{Before, Stage},
    },
    store::{
        Db,
        dead_letters::{Filter, any_held, page, replay},
        deliveries::held,
        issues::{has_late, resumed},
        late::{PutOff, begun, hold, kept_back, last_vain, moved, put_off, readers, told, untold},
        outbox::{Terms, release},
        queue::{Claimed, Settled},
        running::{Running, running},
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{DOMAIN, LIFETIME_MS, Scene, result, row, settle, start, word},
};

/// A released issue with a pilot and two first readers.
async fn staged(db: &Db) -> Scene {
    let scene = Scene::released(db, "fold-forward", 3).await;
    execute(db, "UPDATE issue SET stage_wait_ms = $1", values![MINUTE_MS]).await;
    for (delivery, stage) in scene.deliveries.iter().zip(["pilot", "first", "first"]) {
        execute(db, "UPDATE delivery SET stage = $2 WHERE id = $1", values![delivery, stage]).await;
    }
    scene
}

both_dbs! {
    /// A start that is undone leaves no trace but when it leaves, and why.
    async fn put_off_undoes_a_start(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let (issue, until_ms) = (scene.issue.as_str(), START_MS + 90 * HOUR_MS);
        let started = start(&db, scene.node(), START_MS, issue, 1).await.remove(0);
        let it = |token| PutOff { id: &started.id, token, due_ms: until_ms, hour_ms: Some(until_ms), expires_ms: until_ms + 9, because: "Night" };
        assert_eq!(in_tx!(db, tx => put_off(tx, &[it(started.token + 1)])), 0, "another start");
        assert_eq!(in_tx!(db, tx => put_off(tx, &[it(started.token)])), 1);
        let waits = row(&db, &started.id).await;
        assert_eq!((waits.state.as_str(), waits.attempt, waits.due_ms, waits.detail.as_deref()), ("ready", 0, until_ms, Some("Night")));
        let again = start(&db, scene.node(), until_ms, issue, 9).await;
        let again: Vec<_> = again.iter().map(|it| (&it.id, it.attempt, it.hour_ms)).collect();
        assert_eq!(again, [(&started.id, 1, Some(until_ms))], "it has not expired, as the other has");
    }

    /// What waits for a person is among the dead letters, nothing takes it, and whoever is told is told once.
    async fn hold_keeps_messages_for_a_person(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let (issue, now_ms) = (scene.issue.as_str(), START_MS + HOUR_MS);
        let started = start(&db, scene.node(), now_ms, issue, 2).await;
        let both: Vec<_> = started.iter().map(|it| (it.id.as_str(), it.token, "shall it still go?")).collect();
        assert_eq!(in_tx!(db, tx => hold(tx, &both, now_ms)), 2);
        let kept = row(&db, &started[0].id).await;
        assert_eq!((kept.state.as_str(), kept.attempt, kept.detail.as_deref()), ("expired", 0, Some("shall it still go?")));
        assert_eq!(held(&db, issue).await.unwrap(), 2);
        let of = |delivery: &str| Filter { delivery: Some(delivery.to_owned()), ..Filter::default() };
        let free = scene.deliveries.iter().find(|id| started.iter().all(|it| it.id != **id)).unwrap();
        assert!(any_held(&db, &of(&started[0].id)).await.unwrap() && !any_held(&db, &of(free)).await.unwrap());
        let letters = page(&db, &Filter::default(), None).await.unwrap();
        assert_eq!((letters.len(), letters[0].held_ms, letters[0].why().as_str()), (2, Some(now_ms), "shall it still go?"));
        assert_eq!(start(&db, scene.node(), now_ms, issue, 9).await.len(), 1);
        assert!(untold(&db, 0, now_ms - 1).await.unwrap().is_empty(), "it is looked whether there is more");
        let found = untold(&db, 0, now_ms).await.unwrap().remove(0);
        assert_eq!((found.issue_id.as_str(), found.people, found.first_ms, found.last_ms, found.held_ms), (issue, 2, START_MS, START_MS, now_ms));
        assert!(in_tx!(db, tx => told(tx, issue, now_ms)) && !in_tx!(db, tx => told(tx, issue, now_ms)));
        assert!(untold(&db, 0, now_ms).await.unwrap().is_empty());
        assert_eq!(in_tx!(db, tx => replay(tx, &of(&started[0].id), &word(now_ms + 3, LIFETIME_MS), 9)), 1);
        let again = start(&db, scene.node(), now_ms + 3, issue, 9).await;
        assert_eq!((again[0].hour_ms, held(&db, issue).await.unwrap()), (Some(now_ms + 3), 1), "a person said go");
    }

    /// Whoever had it go on, or approved it, after its hour has said that it may leave late.
    async fn resumed_before_its_release_it_may_be_late(db: Db) {
        let scene = Scene::approved(&db, "fold-forward", 1).await;
        let now_ms = START_MS + 9 * HOUR_MS;
        in_tx!(db, tx => resumed(tx, &scene.issue, now_ms));
        in_tx!(db, tx => release(tx, &scene.issue, "", Terms { now_ms: now_ms + 5, lifetime_ms: LIFETIME_MS, domain: DOMAIN }));
        assert!(has_late(&db, &scene.issue, now_ms).await.unwrap() && !has_late(&db, &scene.issue, START_MS).await.unwrap());
        assert_eq!(start(&db, scene.node(), now_ms + 5, &scene.issue, 9).await[0].hour_ms, Some(now_ms));
        let late = Scene::approved(&db, "other", 1).await;
        execute(&db, "UPDATE issue SET approved_ms = $1", values![now_ms - 7]).await;
        in_tx!(db, tx => release(tx, &late.issue, "", Terms { now_ms, lifetime_ms: LIFETIME_MS, domain: DOMAIN }));
        assert_eq!(start(&db, late.node(), now_ms, &late.issue, 9).await[0].hour_ms, Some(now_ms - 7));
    }

    /// Each reader with the clock and the calendar by which they were promised something.
    async fn readers_are_found_with_their_clocks(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let found = in_tx!(db, tx => readers(tx, scene.deliveries[..1].iter()));
        let found: Vec<_> = found.iter().map(|it| (&it.id, it.reader_zone.as_str(), it.partner_slug.as_str(), it.region(), it.was_heard)).collect();
        assert_eq!(found, [(&scene.deliveries[0], "Europe/Copenhagen", "northlight", Some(Region::Emea), false)]);
    }

    /// When an issue last moved stands beside it among those that run.
    async fn moved_is_known_of_what_runs(db: Db) {
        let (one, other) = (Scene::released(&db, "fold-forward", 1).await, Scene::released(&db, "other", 1).await);
        in_tx!(db, tx => moved(tx, &one.issue, START_MS + 7, START_MS));
        let found = running(&db).await.unwrap();
        let of = |scene: &Scene| found.iter().find(|it| it.id == scene.issue).unwrap();
        assert_eq!((of(&one).moved_ms, of(&one).going_ms, of(&other).moved_ms), (Some(START_MS + 7), Some(START_MS + 7), None));
        for (now_ms, since_ms, going_ms) in [(9, 5, 7), (20, 10, 20)] {
            in_tx!(db, tx => moved(tx, &one.issue, START_MS + now_ms, START_MS + since_ms));
            let found = running(&db).await.unwrap().into_iter().find(|it| it.id == one.issue).unwrap();
            assert_eq!(found.going_ms, Some(START_MS + going_ms), "it goes on, or goes again");
        }
    }

    /// That a limit keeps an issue back goes on for as long as it moved before, or nothing was due; it ends no outage.
    async fn kept_back_goes_on_and_begins_nothing(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let keep = async |now_ms| in_tx!(db, tx => kept_back(tx, &scene.issue, now_ms, now_ms - HOUR_MS));
        assert!(keep(START_MS + MINUTE_MS).await, "it is due since a minute");
        assert!(keep(START_MS + HOUR_MS).await, "and was kept back since");
        assert_eq!(running(&db).await.unwrap()[0].moved_ms, Some(START_MS + HOUR_MS));
        assert!(!keep(START_MS + 3 * HOUR_MS).await, "two hours without a word");
    }

    /// Mail that expires, of which the other side has never heard, waits for a person; what it put off does not, nor what it may have.
    async fn what_expires_unheard_is_held(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        let started = start(&db, scene.node(), START_MS, &scene.issue, 4).await;
        let end = |nr: usize, outcome, state| Settled { counts: false, outcome, ..result(&started[nr], state, Some(START_MS)) };
        let (ready, expired) = (DeliveryState::Ready, DeliveryState::Expired);
        let first = [end(0, "host", ready), end(1, "throttle", ready), end(2, "host", expired), end(3, "throttle", expired)];
        settle(&db, scene.node(), &first).await;
        let again = start(&db, scene.node(), START_MS, &scene.issue, 4).await;
        assert_eq!(again.len(), 2);
        let end = |it| Settled { counts: false, outcome: "host", ..result(it, expired, None) };
        settle(&db, scene.node(), &again.iter().map(end).collect::<Vec<_>>()).await;
        let letters = page(&db, &Filter::default(), None).await.unwrap();
        let mut held: Vec<_> = letters.iter().filter(|it| it.held_ms.is_some()).map(|it| it.id.as_str()).collect();
        held.sort_unstable();
        let mut unheard = [started[0].id.as_str(), &started[2].id];
        unheard.sort_unstable();
        assert_eq!((letters.len(), held), (4, unheard.to_vec()));
    }

    /// A try that failed for a reason of ours is no beginning; one that was refused for good is.
    async fn begun_goes_by_what_really_left(db: Db) {
        let scene = staged(&db).await;
        let runs = Running { id: scene.issue.clone(), newsletter: "fold-forward".to_owned(), on_time_ms: 15 * MINUTE_MS, stage_wait_ms: Some(MINUTE_MS), moved_ms: None, going_ms: None, resumed_ms: None };
        assert_eq!(running(&db).await.unwrap(), [runs]);
        let before = |stage, began_ms, untried, waits_until_ms| Before { stage, hour_ms: START_MS, began_ms, vain_ms: None, untried, waits_until_ms, put_off_ms: None };
        let first = before(Stage::First, None, 2, Some(START_MS));
        let is = async |first, pilot| assert_eq!(begun(&db, &scene.issue).await.unwrap(), [first, pilot]);
        is(first, before(Stage::Pilot, None, 1, Some(START_MS))).await;
        let pilot = start(&db, scene.node(), START_MS, &scene.issue, 1).await.remove(0);
        assert_eq!(pilot.stage.as_deref(), Some("pilot"));
        is(first, before(Stage::Pilot, None, 1, Some(START_MS))).await;
        let end = |it: &Claimed, outcome, at_ms: i64| Settled { counts: false, outcome, ended_ms: START_MS + at_ms, ..result(it, DeliveryState::Ready, Some(START_MS + at_ms + 9)) };
        settle(&db, scene.node(), &[end(&pilot, "host", 0)]).await;
        is(first, before(Stage::Pilot, None, 1, Some(START_MS + 9))).await;
        execute(&db, "UPDATE delivery SET due_ms = $1 WHERE stage = 'first'", values![START_MS + HOUR_MS]).await;
        let first = before(Stage::First, None, 2, Some(START_MS + HOUR_MS));
        assert_eq!(last_vain(&db, &scene.issue).await.unwrap(), None);
        let again = start(&db, scene.node(), START_MS + 9, &scene.issue, 1).await;
        settle(&db, scene.node(), &[end(&again[0], "policy", 10)]).await;
        is(first, Before { vain_ms: Some(START_MS + 10), ..before(Stage::Pilot, None, 0, Some(START_MS + 19)) }).await;
        assert_eq!(last_vain(&db, &scene.issue).await.unwrap().as_deref(), Some("2.0.0 Ok"));
        let again = start(&db, scene.node(), START_MS + 19, &scene.issue, 1).await;
        settle(&db, scene.node(), &[end(&again[0], "greylist", 20)]).await;
        let begun = |began_ms, until_ms| Before { vain_ms: Some(START_MS + 10), ..before(Stage::Pilot, Some(began_ms), 0, until_ms) };
        is(first, begun(START_MS + 20, Some(START_MS + 29))).await;
        let last = start(&db, scene.node(), START_MS + 29, &scene.issue, 1).await;
        settle(&db, scene.node(), &[Settled { ended_ms: START_MS + 4_000, ..result(&last[0], DeliveryState::Failed, None) }]).await;
        is(first, begun(START_MS + 20, None)).await;
    }
}
