//! A machine's clock that changes, jumps and stands still under a real process: each promise is kept once, nothing leaves
//! early, nobody is lost, and a clock that went back repeats nothing (reliability test R7).

use partnercast::domain::kernel::{
    Random as _,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    random::SeededRandom,
};

use super::{
    clock_scene::{
        Disturbed, LORD_HOWE_GAP, LORD_HOWE_OVERLAP, NEW_YORK_GAP, NEW_YORK_OVERLAP, Night, Scene,
    },
    processes::{WINDOW, with_sqlite},
};
use crate::harness::{databases::with_empty_postgres, environment};

/// All four changes, in order of time.
static YEAR: [Night; 4] = [NEW_YORK_GAP, LORD_HOWE_OVERLAP, LORD_HOWE_GAP, NEW_YORK_OVERLAP];
/// New York's two.
static NEW_YORK: [Night; 2] = [NEW_YORK_GAP, NEW_YORK_OVERLAP];
static GAP: [Night; 1] = [NEW_YORK_GAP];
static OVERLAP: [Night; 1] = [NEW_YORK_OVERLAP];

/// A scene in which the issue of its first night is released and nobody has it yet.
async fn released(url: String, nights: &'static [Night]) -> Option<Scene> {
    let scene = Scene::start(url, nights, nights[0].first_ms() - 2 * HOUR_MS).await?;
    release(&scene, &nights[0]).await;
    Some(scene)
}

async fn release(scene: &Scene, night: &Night) {
    scene.jump(night.first_ms() - 25 * MINUTE_MS).await;
    scene.issue_is(night, "sending").await;
}

/// Lets the clock run over every hour that is promised in `night` from the zone `from` on, or with little time over that
/// of the change alone; those before it are late then.
async fn run_over(scene: &Scene, night: &Night, from: usize) {
    for (zone, _) in &night.zones[from..] {
        if environment::soak() || *zone == night.changes {
            scene.cross(night, zone).await;
        }
    }
}

/// The clock runs over each change and over what it repeats.
async fn changes(url: String) {
    let Some(scene) = Scene::start(url, &YEAR, YEAR[0].first_ms() - 2 * HOUR_MS).await else { return };
    for night in &YEAR {
        release(&scene, night).await;
        run_over(&scene, night, 0).await;
        scene.jump(night.last_ms() + 65 * MINUTE_MS).await;
        scene.issue_is(night, "done").await;
    }
    scene.assert_kept(Disturbed::default()).await;
}

#[test]
fn the_clocks_change_on_sqlite() {
    with_sqlite(changes);
}

#[test]
fn the_clocks_change_on_postgres() {
    with_empty_postgres(changes);
}

/// The clock jumps an hour over the promised instant and back before it, and back again after it.
async fn an_hour(url: String) {
    let Some(scene) = released(url, &GAP).await else { return };
    let night = &GAP[0];
    let due_ms = night.due_ms("America/New_York");
    scene.jump(due_ms - 30 * MINUTE_MS).await;
    scene.jump(due_ms + 30 * MINUTE_MS).await;
    scene.zones_are(3, "accepted").await;
    scene.jump(due_ms - 30 * MINUTE_MS).await;
    scene.jump(due_ms - 600).await;
    scene.cross(night, "America/Chicago").await;
    scene.zones_are(4, "accepted").await;
    scene.jump(night.last_ms() - HOUR_MS).await;
    scene.jump(night.last_ms() - 600).await;
    scene.jump(night.last_ms() + 2 * HOUR_MS).await;
    scene.assert_kept(Disturbed::default()).await;
}

#[test]
fn a_clock_that_jumps_an_hour_on_sqlite() {
    with_sqlite(an_hour);
}

#[test]
fn a_clock_that_jumps_an_hour_on_postgres() {
    with_empty_postgres(an_hour);
}

/// Two days forward and back: before the freeze the issue is held for a person, afterwards what waits expires and waits
/// again.
async fn two_days(url: String) {
    let [spring, autumn] = &NEW_YORK;
    let Some(mut scene) = Scene::start(url, &NEW_YORK, spring.first_ms() - 2 * HOUR_MS).await else { return };
    scene.jump(spring.first_ms() + 2 * DAY_MS).await;
    scene.issue_is(spring, "frozen").await;
    scene.jump(spring.first_ms() - HOUR_MS).await;
    scene.jump(spring.first_ms() - 20 * MINUTE_MS).await;
    scene.issue_is(spring, "frozen").await;
    scene.release_by_hand(spring).await;
    scene.issue_is(spring, "sending").await;
    run_over(&scene, spring, 0).await;
    scene.jump(spring.last_ms() + 10 * MINUTE_MS).await;
    scene.issue_is(spring, "done").await;

    release(&scene, autumn).await;
    scene.cross(autumn, autumn.zones[0].0).await;
    scene.zones_are(5, "accepted").await;
    scene.jump(autumn.first_ms() + 2 * DAY_MS).await;
    scene.zones_are(3, "expired").await;
    scene.jump(autumn.first_ms() + HOUR_MS).await;
    scene.zones_are(3, "ready").await;
    run_over(&scene, autumn, 1).await;
    scene.jump(autumn.last_ms() + 10 * MINUTE_MS).await;
    scene.assert_kept(Disturbed::default()).await;
}

#[test]
fn a_clock_that_jumps_two_days_on_sqlite() {
    with_sqlite(two_days);
}

#[test]
fn a_clock_that_jumps_two_days_on_postgres() {
    with_empty_postgres(two_days);
}

/// The process stands still over the promised instant while the clock goes on.
async fn stands_still(url: String) {
    let Some(scene) = released(url, &OVERLAP).await else { return };
    let night = &OVERLAP[0];
    for zone in ["America/New_York", "America/Chicago"] {
        scene.jump(night.due_ms(zone) - 10 * MINUTE_MS).await;
        scene.serve().signal("-STOP");
        scene.clock.set(night.due_ms(zone) + 20 * MINUTE_MS);
        scene.serve().signal("-CONT");
        scene.all_have_it(night, zone).await;
    }
    scene.assert_kept(Disturbed::default()).await;
}

#[test]
fn a_process_that_stands_still_while_the_clock_goes_on_on_sqlite() {
    with_sqlite(stands_still);
}

#[test]
fn a_process_that_stands_still_while_the_clock_goes_on_on_postgres() {
    with_empty_postgres(stands_still);
}

/// What the relay refused while the clock was ahead is tried again when it would have been, not hours later.
async fn refused_ahead(url: String) {
    let Some(scene) = released(url, &GAP).await else { return };
    let night = &GAP[0];
    scene.door.shut(true);
    scene.jump(night.first_ms() + 3 * HOUR_MS).await;
    scene.is_refused().await;
    scene.door.shut(false);
    scene.jump(night.first_ms() + MINUTE_MS).await;
    scene.jump(night.first_ms() + 10 * MINUTE_MS).await;
    scene.all_have_it(night, night.zones[0].0).await;
    run_over(&scene, night, 1).await;
    scene.jump(night.last_ms() + 10 * MINUTE_MS).await;
    scene.assert_kept(Disturbed { was_refused: true, in_flight: 0 }).await;
}

#[test]
fn a_relay_that_refused_a_clock_that_was_ahead_on_sqlite() {
    with_sqlite(refused_ahead);
}

#[test]
fn a_relay_that_refused_a_clock_that_was_ahead_on_postgres() {
    with_empty_postgres(refused_ahead);
}

/// A clock gone mad: anywhere within days of the promises, again and again.
async fn anywhere(url: String) {
    let Some(scene) = released(url, &OVERLAP).await else { return };
    let night = &OVERLAP[0];
    let random = SeededRandom::new(20_271_107);
    let (from_ms, span_ms) = (night.first_ms() - 2 * DAY_MS, 4 * DAY_MS + 16 * HOUR_MS);
    let times = if environment::soak() { 60 } else { 6 };
    for _ in 0..times {
        let to_ms = from_ms + i64::try_from(random.next_u64() % span_ms.unsigned_abs()).unwrap();
        if (to_ms - scene.clock.now_ms()).abs() > 10 * MINUTE_MS {
            scene.jump(to_ms).await;
        }
    }
    scene.jump(night.first_ms() - 3 * DAY_MS).await;
    for (zone, _) in night.zones {
        scene.jump(night.due_ms(zone) + MINUTE_MS).await;
        scene.all_have_it(night, zone).await;
    }
    scene.assert_kept(Disturbed { was_refused: false, in_flight: times * WINDOW }).await;
}

#[test]
fn a_clock_gone_mad_on_sqlite() {
    with_sqlite(anywhere);
}

#[test]
fn a_clock_gone_mad_on_postgres() {
    with_empty_postgres(anywhere);
}
