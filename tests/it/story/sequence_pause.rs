//! Messages of a sequence that are refused for a fault of ours: it rests, nobody is lost. And what its mail counts for.

use std::sync::Arc;

use chrono::NaiveDate;
use partnercast::{
    channel::smtp::Dialer,
    domain::{
        delivery::WarmUp,
        kernel::{
            Kind,
            clock::{DAY_MS, HOUR_MS, UtcMs},
            id::EnrolmentId,
        },
    },
    store::{Db, outbox::LANE_RESTING, pauses, progress::lanes},
    work::{Context, deliver::Deliverer, journeys, lookup, sequences, sync},
};

use super::{
    Rig,
    console::get,
    post::relay,
    rig::{KEY, copied},
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{number, values},
    manners::say,
};

const PEOPLE: usize = 60;

fn ms(text: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// A rig with people who are new at Northlight and get the first message of the welcome on 2 February at nine.
async fn with_people(db: Db) -> Rig {
    let rig = Rig::new(db).await;
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
    let path = dir.path().join("roster/contacts.csv");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for no in 0..PEOPLE {
        text.push_str(&format!("northlight,New {no},new{no}@northlight.example,sales,,Europe/Berlin,no\n"));
    }
    std::fs::write(&path, text).unwrap();
    sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
    rig.clock.set(ms("2027-02-01T12:02:00+01:00"));
    sequences::tick(&rig.ctx).await.unwrap();
    rig.clock.set(ms("2027-02-02T09:00:00+01:00"));
    sequences::tick(&rig.ctx).await.unwrap();
    assert_eq!(count(&rig, "ready").await, PEOPLE as i64);
    rig
}

async fn count(rig: &Rig, state: &str) -> i64 {
    number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE state = $1", values![state]).await
}

fn worker(ctx: &Arc<Context>, sink: &Sink) -> Deliverer {
    Deliverer::new(ctx.clone(), vec![Dialer::new(relay(sink, "relay")).unwrap()])
}

/// What is told of somebody's only journey.
async fn explained(rig: &Rig, person: &str) -> journeys::JourneyTold {
    let known = lookup::contact(&rig.ctx.db, person).await.unwrap();
    let mut told = journeys::person(&rig.ctx.db, rig.clock_ms(), person, known).await.unwrap();
    assert_eq!(told.sequences.len(), 1);
    told.sequences.remove(0)
}

both_dbs! {
    /// After some twenty refusals the sequence rests and says why; whatever waits keeps, however long it takes, and all get
    /// it once a person says so.
    async fn a_fault_of_ours_has_a_sequence_rest(db: Db) {
        let rig = with_people(db).await;
        let sink = Sink::start(|step: &Step| {
            (step.verb == "DOT").then(|| say("550 5.7.26 this mail is not authenticated")).flatten()
        })
        .await;
        let mut one = worker(&rig.ctx, &sink);
        one.drain().await.unwrap();
        let view = sequences::overview(&rig.ctx, "welcome").await.unwrap();
        let why = view.rests().unwrap();
        assert!(why.starts_with("paused because 20 messages in a row were refused") && why.contains("5.7.26"), "{why}");
        let tries = number(&rig.ctx.db, "SELECT COUNT(*) FROM attempt", values![]).await;
        assert!((20..=20 + 16).contains(&tries), "{tries} of {PEOPLE} were tried");
        assert_eq!(count(&rig, "ready").await, PEOPLE as i64);
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM audit WHERE action = 'pause'", values![]).await, 1);
        assert!(sequences::pause(&rig.ctx, "welcome", "rosa").await.is_err(), "it rests already");
        let told = explained(&rig, "new0@northlight.example").await;
        assert_eq!((told.state.as_str(), told.steps[0].step.as_str(), told.steps[0].outcome.as_str()), ("inside", "hello", "sent"));
        let message = told.steps[0].delivery.as_ref().unwrap();
        assert!(message.state == "ready" && message.next.contains("was paused because 20 messages"), "{}", message.next);
        let next = told.next.unwrap();
        assert_eq!((next.step.as_str(), next.due_ms), ("one-restore", ms("2027-02-08T09:00:00+01:00")));
        assert!(next.detail.unwrap().contains("partnercast sequences welcome --resume"));
        rig.clock.advance(10 * DAY_MS);
        sequences::tick(&rig.ctx).await.unwrap();
        assert_eq!(one.drain().await.unwrap(), 0, "nothing starts, and nobody takes a step");
        assert_eq!(count(&rig, "ready").await, PEOPLE as i64, "and nothing expires");
        let priya = "priya.raman@brackenfold.example";
        let error = sequences::resume(&rig.ctx, "welcome", priya).await.unwrap_err();
        assert!(error.kind() == Kind::Denied && error.public().contains("may not resume a sequence"), "{error}");
        let (_, page) = get(&rig, "/console/sequences/welcome").await;
        assert!(page.contains("/console/sequences/welcome/resume"), "the operator may");
        assert!(page.contains("what was refused is tried again"), "{page}");
        let (_, page) = get(&rig, &format!("/console/sequences/welcome?who={}", told.id)).await;
        assert!(page.contains("due ") && page.contains(">next</span>"), "the path says what comes next: {page}");
        assert_eq!(lanes(&rig.ctx.db, rig.clock_ms()).await.unwrap().iter().map(|it| it.lane).collect::<Vec<_>>(), [LANE_RESTING], "out of the way");
        sequences::resume(&rig.ctx, "welcome", "rosa").await.unwrap();
        assert_eq!(pauses::all(&rig.ctx.db).await.unwrap(), []);
        let friendly = Sink::start(|_: &Step| None).await;
        let mut one = worker(&rig.ctx, &friendly);
        while count(&rig, "ready").await > 0 {
            one.drain().await.unwrap();
            rig.clock.advance(HOUR_MS / 2);
        }
        assert_eq!(count(&rig, "accepted").await, PEOPLE as i64);
        assert!(sequences::resume(&rig.ctx, "welcome", "rosa").await.is_err(), "it does not rest");
        let told = explained(&rig, "new0@northlight.example").await;
        let message = told.steps[0].delivery.as_ref().unwrap();
        assert_eq!((message.state.as_str(), message.attempts.last().unwrap().class.as_str()), ("accepted", "accepted"));
        let id = EnrolmentId::parse(&told.id).unwrap();
        assert!(sequences::take_out(&rig.ctx, id, "rosa").await.unwrap());
        let told = explained(&rig, "new0@northlight.example").await;
        assert_eq!(told.left.as_deref(), Some("taken out by a person: rosa took them out"));
    }

    /// What a person paused anybody may resume, also once it is gone from the content and nobody entered it.
    async fn what_a_person_paused_goes_on_when_it_is_gone(db: Db) {
        let rig = Rig::new(db).await;
        sequences::pause(&rig.ctx, "welcome", "rosa").await.unwrap();
        let (_, page) = get(&rig, "/console/sequences/welcome").await;
        assert!(page.contains("paused by rosa") && page.contains("with the step that they wait for"), "{page}");
        assert!(!page.contains("refused") && !page.contains("doctor"), "nothing was refused: {page}");
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        for file in ["welcome.md", "welcome.de.md"] {
            std::fs::remove_file(dir.path().join("sequences").join(file)).unwrap();
        }
        std::fs::remove_dir_all(dir.path().join("sequences/welcome")).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        assert!(rig.ctx.library().sequence("welcome").is_none());
        let refused = sequences::resume(&rig.ctx, "welcome", "priya.raman@brackenfold.example").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Denied, "rosa may approve, and stopped it");
        sequences::resume(&rig.ctx, "welcome", "rosa").await.unwrap();
        assert_eq!(pauses::all(&rig.ctx.db).await.unwrap(), []);
        assert_eq!(sequences::resume(&rig.ctx, "welcome", "rosa").await.unwrap_err().kind(), Kind::NotFound);
    }

    /// A domain that is warmed up sends so many a day, whatever they are messages of.
    async fn a_warm_up_counts_messages_of_sequences(db: Db) {
        let rig = with_people(db).await;
        let mut settings = rig.ctx.settings.clone();
        let start = NaiveDate::from_ymd_opt(2027, 2, 2).unwrap();
        settings.warm_up = vec![
            WarmUp { domain: "another.example".to_owned(), start, daily: vec![1] },
            WarmUp { domain: "partners.brackenfold.example".to_owned(), start, daily: vec![5, 8] },
        ];
        let ctx = Arc::new(Context::new(
            rig.ctx.db.clone(),
            rig.clock.clone(),
            rig.ctx.random.clone(),
            partnercast::domain::kernel::token::Keys::new(&[KEY.to_vec()]).unwrap(),
            rig.ctx.templates.clone(),
            settings,
        ));
        sync::load(&ctx).await.unwrap();
        let sink = Sink::start(|_: &Step| None).await;
        for expected in [5, 13, PEOPLE] {
            for _ in 0..2 {
                worker(&ctx, &sink).drain().await.unwrap();
            }
            assert_eq!(count(&rig, "accepted").await, expected as i64);
            rig.clock.advance(DAY_MS);
        }
    }
}
