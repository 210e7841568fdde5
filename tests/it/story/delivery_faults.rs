//! Recipients' sides that misbehave, and our own that fails: the right class and state, the others go on, nobody is
//! lost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use partnercast::{
    channel::smtp::{Relay, Timeouts},
    domain::{
        delivery::backoff::OnUncertain,
        kernel::clock::{HOUR_MS, MINUTE_MS},
    },
    store::{Db, issues, suppressions},
    work::{approve, explain},
};
use sqlx::SqlitePool;
use tokio::sync::{Notify, watch};

use super::post::{Post, SHORT, message_ids, relay};
use crate::harness::{
    both_dbs,
    chaos::{Act, Sink, Step},
    databases::{number, on_sqlite, rows, values},
    manners::{
        Manner::{self, AcceptsAndCloses, Drips, DropsAt, Floods, Greylists, Refuses, SilentAt, SilentUntil},
        behind, by_domain, say,
    },
};

/// How readers at a domain are treated, and what must come of it at the first try.
struct Case {
    manner: Manner,
    /// Only the stage in question has a short wait, so that a slow machine does not blame another one.
    shorten: fn(&mut Timeouts),
    outcome: &'static str,
    stage: Option<&'static str>,
    code: Option<i64>,
    state: &'static str,
    /// Whether the try counts.
    counts: bool,
}

fn case(
    manner: Manner,
    outcome: &'static str,
    stage: Option<&'static str>,
    code: Option<i64>,
    state: &'static str,
) -> Case {
    let counts = !matches!(outcome, "host" | "throttle");
    Case { manner, shorten: |_| {}, outcome, stage, code, state, counts }
}

fn cases() -> Vec<Case> {
    let short = |manner, shorten, outcome, stage| Case {
        shorten,
        ..case(manner, outcome, Some(stage), None, "ready")
    };
    let refused = |verb, reply: &'static str, outcome, state| {
        let stage = if verb == "RCPT" { "rcpt" } else { "final-dot" };
        case(Refuses(verb, reply), outcome, Some(stage), reply[..3].parse().ok(), state)
    };
    vec![
        short(SilentAt("RCPT"), |waits| waits.recipient = SHORT, "host", "rcpt"),
        short(SilentAt("DATA"), |waits| waits.data = SHORT, "host", "data"),
        short(SilentAt("DOT"), |waits| waits.final_dot = SHORT, "uncertain", "final-dot"),
        short(Drips, |waits| waits.recipient = SHORT, "host", "rcpt"),
        case(Floods, "host", Some("rcpt"), None, "ready"),
        case(DropsAt("RCPT"), "host", Some("rcpt"), None, "ready"),
        case(DropsAt("DATA"), "host", Some("data"), None, "ready"),
        case(DropsAt("BODY"), "uncertain", Some("final-dot"), None, "ready"),
        case(DropsAt("DOT"), "uncertain", Some("final-dot"), None, "ready"),
        case(AcceptsAndCloses, "accepted", None, Some(250), "accepted"),
        case(Greylists, "greylist", Some("rcpt"), Some(450), "ready"),
        refused("RCPT", "421 4.3.2 not now", "host", "ready"),
        refused("RCPT", "450 4.2.1 too fast", "throttle", "ready"),
        refused("RCPT", "452 4.2.2 mailbox full", "soft", "ready"),
        refused("RCPT", "550 5.1.1 no such user", "bad-address", "failed"),
        refused("RCPT", "552 5.2.2 mailbox full", "soft", "ready"),
        refused("DOT", "552 5.3.4 too big", "content", "failed"),
        refused("DOT", "554 5.7.1 blocked", "policy", "ready"),
    ]
}

/// One case on its own: the readers in question and 20 others.
async fn check(db: &Db, number: usize, case: Case) {
    let about = format!("{:?}", case.manner);
    let post = Post::new(db, &format!("case-{number}"), &[("odd.example", 3), ("fine.example", 20)]).await;
    let sink = Sink::start(by_domain(vec![("odd.example", case.manner)])).await;
    let mut relay = relay(&sink, "odd");
    (case.shorten)(&mut relay.timeouts);
    let mut worker = post.worker(vec![relay]);
    worker.drain().await.unwrap();
    let tries = post.tries("odd.example").await;
    assert!(!tries.is_empty(), "{about}");
    let expected =
        (case.outcome.to_owned(), case.stage.map(str::to_owned), case.code, Some("odd".to_owned()));
    assert!(tries.iter().all(|seen| *seen == expected), "{about}: {tries:?}");
    // A site that cannot be talked to is left alone, so not each of them need have been tried.
    let tried: Vec<(String, i64)> = rows(
        db,
        "SELECT state, tries FROM delivery WHERE issue_id = $1 AND site = 'odd.example' AND attempt > 0",
        values![&post.scene.issue],
    )
    .await;
    let expected = (case.state.to_owned(), i64::from(case.counts));
    assert!(tried.iter().all(|seen| *seen == expected), "{about}: {tried:?}");
    for _ in 0..20 {
        if post.accepted("fine.example").await == 20 {
            break;
        }
        // A slow machine may have taken one of them for silent.
        post.advance(10 * MINUTE_MS);
        worker.drain().await.unwrap();
    }
    assert_eq!(post.accepted("fine.example").await, 20, "{about}: the others go on");
    post.assert_nothing_lost(&[&sink]).await;
    // Once they are treated as they should be, all that waited is accepted.
    let friendly = Sink::start(|_: &Step| None).await;
    let mut worker = post.worker(vec![super::post::relay(&friendly, "friendly")]);
    post.drain_until_done(&mut worker, HOUR_MS).await;
    let expected = if case.state == "failed" { "failed" } else { "accepted" };
    assert_eq!(post.states("odd.example").await, BTreeMap::from([(expected.to_owned(), 3)]), "{about}");
    post.assert_nothing_lost(&[&sink, &friendly]).await;
}

both_dbs! {
    /// Each way in which a recipient's side can fail has its class and its state, and stops nobody else.
    async fn each_misbehaviour_has_its_class_and_stops_nobody(db: Db) {
        for (number, case) in cases().into_iter().enumerate() {
            check(&db, number, case).await;
        }
    }

    /// A relay that fails before any message is at stake costs nobody a try: it is left alone, then asked again.
    async fn a_relay_in_trouble_costs_nobody_a_try(db: Db) {
        type Row = (&'static str, fn() -> Option<Act>, fn(&mut Timeouts), &'static str, &'static str);
        let cases: [Row; 7] = [
            ("GREETING", || Some(Act::Silent), |waits| waits.greeting = SHORT, "host", "greeting"),
            ("EHLO", || Some(Act::Silent), |waits| waits.hello = SHORT, "host", "hello"),
            ("MAIL", || Some(Act::Silent), |waits| waits.mail = SHORT, "host", "mail"),
            ("GREETING", || say("421 4.3.2 too busy"), |_| {}, "host", "greeting"),
            ("GREETING", || Some(Act::Flood), |_| {}, "host", "greeting"),
            ("GREETING", || Some(Act::Drop), |_| {}, "host", "greeting"),
            ("MAIL", || Some(Act::Drop), |_| {}, "host", "mail"),
        ];
        for (number, (verb, act, shorten, outcome, stage)) in cases.into_iter().enumerate() {
            let readers: Vec<String> = (0..20).map(|at| format!("site-{at}.example")).collect();
            let readers: Vec<(&str, usize)> = readers.iter().map(|domain| (domain.as_str(), 5)).collect();
            let post = Post::new(&db, &format!("trouble-{number}"), &readers).await;
            let sink = Sink::start(move |step: &Step| (step.verb == verb).then(act).flatten()).await;
            let mut odd = relay(&sink, "odd");
            shorten(&mut odd.timeouts);
            let mut worker = post.worker(vec![odd]);
            worker.drain().await.unwrap();
            assert_eq!(post.states("").await, BTreeMap::from([("ready".to_owned(), 100)]), "{verb}");
            let tries = post.tries("").await;
            assert!((1..=8).contains(&tries.len()), "{verb}: a hundred messages did not try one by one: {tries:?}");
            assert!(tries.iter().all(|seen| seen.0 == outcome && seen.1.as_deref() == Some(stage)), "{verb}: {tries:?}");
            assert_eq!(worker.drain().await.unwrap(), 0, "{verb}: it is left alone");
            assert_eq!(post.tries("").await.len(), tries.len());
            let counted = "SELECT CAST(SUM(tries) AS BIGINT) FROM delivery WHERE issue_id = $1";
            assert_eq!(number_of(&db, counted, &post).await, 0, "{verb}");
            let friendly = Sink::start(|_: &Step| None).await;
            post.advance(HOUR_MS);
            let mut worker = post.worker(vec![relay(&friendly, "friendly")]);
            post.drain_until_done(&mut worker, 10 * MINUTE_MS).await;
            assert_eq!(post.accepted("").await, 100, "{verb}");
            post.assert_nothing_lost(&[&sink, &friendly]).await;
        }
    }

    /// While thirty readers' side says nothing for minutes, three hundred others get their mail.
    async fn a_silent_domain_stops_nobody_else(db: Db) {
        let (open, gate) = watch::channel(false);
        let sink = Sink::start(by_domain(vec![("silent.example", SilentUntil(gate))])).await;
        let mut readers = vec![("silent.example", 30)];
        let others: Vec<String> = (0..30).map(|at| format!("site-{at}.example")).collect();
        readers.extend(others.iter().map(|domain| (domain.as_str(), 10)));
        let post = Post::new(&db, "silent", &readers).await;
        let running = post.run(vec![relay(&sink, "relay")]);
        post.wait_for_accepted("", 300).await;
        assert!(post.tries("silent.example").await.is_empty(), "they still wait");
        assert_eq!(post.accepted("silent.example").await, 0);
        open.send(true).unwrap();
        post.advance(HOUR_MS);
        post.wait_for_accepted("", 330).await;
        running.stop().await;
        assert_eq!(message_ids(&sink).len(), 330, "each once");
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// More silent domains than a start can leave out, each with more readers than it gets slots.
    async fn many_silent_domains_stop_nobody_else(db: Db) {
        let (open, gate) = watch::channel(false);
        let names: Vec<&'static str> =
            vec!["a.silent", "b.silent", "c.silent", "d.silent", "e.silent", "f.silent", "g.silent", "h.silent", "i.silent", "j.silent"];
        let silent = names.iter().map(|domain| (*domain, SilentUntil(gate.clone()))).collect();
        let sink = Sink::start(by_domain(silent)).await;
        let mut readers: Vec<(&str, usize)> = names.iter().map(|domain| (*domain, 8)).collect();
        readers.push(("fine.example", 100));
        let post = Post::new(&db, "many", &readers).await;
        let mut wide = relay(&sink, "relay");
        wide.connections_max = 40;
        let running = post.run(vec![wide]);
        post.wait_for_accepted("fine.example", 100).await;
        assert_eq!(post.accepted("").await, 100);
        open.send(true).unwrap();
        post.advance(HOUR_MS);
        post.wait_for_accepted("", 180).await;
        running.stop().await;
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// Mail that a greylist turns away is accepted at the second try, not before its time.
    async fn greylisted_mail_is_accepted_at_the_second_try(db: Db) {
        let post = Post::new(&db, "grey", &[("grey.example", 12), ("fine.example", 5)]).await;
        let sink = Sink::start(by_domain(vec![("grey.example", Greylists)])).await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        worker.drain().await.unwrap();
        assert_eq!(post.states("grey.example").await, BTreeMap::from([("ready".to_owned(), 12)]));
        assert_eq!(post.accepted("fine.example").await, 5);
        post.advance(3 * MINUTE_MS);
        assert_eq!(worker.drain().await.unwrap(), 0, "five minutes, a fifth less at least");
        post.advance(4 * MINUTE_MS);
        assert_eq!(worker.drain().await.unwrap(), 12);
        let words: Vec<String> = post.tries("grey.example").await.into_iter().map(|seen| seen.0).collect();
        assert_eq!(words, [vec!["greylist"; 12], vec!["accepted"; 12]].concat());
        assert_eq!(post.waiting().await, 0);
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// A fault of ours stops the issue after some twenty messages, says why, and condemns no reader; once it is mended
    /// and a person says so, everybody gets it.
    async fn the_breaker_pauses_the_issue_and_condemns_nobody(db: Db) {
        let post = Post::new(&db, "ours", &[("one.example", 100), ("two.example", 100)]).await;
        let sink = Sink::start(|step: &Step| {
            (step.verb == "DOT").then(|| say("550 5.7.26 this mail is not authenticated")).flatten()
        })
        .await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        worker.drain().await.unwrap();
        let issue = issues::issue(&db, &post.scene.issue).await.unwrap().unwrap();
        assert_eq!(issue.control, "paused");
        let why = issue.paused_because.clone().unwrap();
        assert!(why.contains("5.7.26") && why.contains("not authenticated"), "{why}");
        let told = explain::explain(&db, post.ctx.now_ms(), &issue, "reader0000@one.example", None).await.unwrap();
        assert!(told.deliveries[0].next.contains(&why), "{}", told.deliveries[0].next);
        let tries = post.tries("").await;
        assert!((20..=20 + 2 * 32).contains(&tries.len()), "{} of 200 were tried", tries.len());
        assert!(tries.iter().all(|seen| seen.0 == "our-setup"));
        assert_eq!(post.states("").await, BTreeMap::from([("ready".to_owned(), 200)]));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM suppression", vec![]).await, 0);
        assert!(suppressions::of(&db, post.ctx.now_ms(), "reader0000@one.example").await.unwrap().is_empty());
        let entries = "SELECT COUNT(*) FROM audit WHERE action = 'pause'";
        assert_eq!(number(&db, entries, vec![]).await, 1);
        post.advance(HOUR_MS);
        assert_eq!(worker.drain().await.unwrap(), 0, "paused means paused");
        let friendly = Sink::start(|_: &Step| None).await;
        approve::resume(&post.ctx, &post.scene.issue, "marcus").await.unwrap();
        let mut worker = post.worker(vec![relay(&friendly, "mended")]);
        post.drain_until_done(&mut worker, HOUR_MS).await;
        assert_eq!(post.accepted("").await, 200);
        assert_eq!(message_ids(&friendly).len(), 200, "each once");
    }

    /// Readers' own faults, however many, pause nothing.
    async fn readers_faults_pause_nothing(db: Db) {
        let post = Post::new(&db, "theirs", &[("gone.example", 60), ("fine.example", 10)]).await;
        let gone = Refuses("RCPT", "550 5.1.1 no such user");
        let sink = Sink::start(by_domain(vec![("gone.example", gone)])).await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        worker.drain().await.unwrap();
        let issue = issues::issue(&db, &post.scene.issue).await.unwrap().unwrap();
        assert_eq!((issue.control.as_str(), issue.paused_because), ("running", None));
        let expected = BTreeMap::from([("accepted".to_owned(), 10), ("failed".to_owned(), 60)]);
        assert_eq!(post.states("").await, expected);
    }

    /// With `hold`, what may have arrived waits for a person and is not sent again by itself.
    async fn what_may_have_arrived_is_held_when_asked_to(db: Db) {
        let readers = [("odd.example", 1), ("fine.example", 5)];
        let post = Post::with(&db, "hold", &readers, |settings| settings.on_uncertain = OnUncertain::Hold).await;
        let sink = Sink::start(by_domain(vec![("odd.example", DropsAt("DOT"))])).await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        post.drain_until_done(&mut worker, HOUR_MS).await;
        assert_eq!(post.states("odd.example").await, BTreeMap::from([("uncertain".to_owned(), 1)]));
        assert_eq!(post.accepted("fine.example").await, 5);
        assert_eq!(message_ids(&sink).len(), 6, "it had arrived");
    }
}

async fn number_of(db: &Db, statement: &'static str, post: &Post) -> i64 {
    number(db, statement, values![&post.scene.issue]).await
}

/// Leaves the database as many pages as it has, and none of them free.
async fn fill_the_disk(write: &SqlitePool) {
    sqlx::raw_sql("CREATE TABLE filling (page BLOB); PRAGMA max_page_count = 1")
        .execute(write)
        .await
        .unwrap();
    while sqlx::raw_sql("INSERT INTO filling VALUES (zeroblob(3000))").execute(write).await.is_ok() {}
}

/// The disk is full in the middle of an issue: no more leaves than a window, and when there is room again the rest
/// follows by itself, each once.
#[test]
fn a_full_disk_stops_sending_and_loses_nobody() {
    on_sqlite(|db| async move {
        let Db::Sqlite { write, .. } = &db else { panic!("this is SQLite") };
        let post = Post::new(&db, "full", &[("one.example", 200), ("two.example", 200)]).await;
        let (half_way, arrived) = (Arc::new(Notify::new()), AtomicUsize::new(0));
        let (told, (room_is_gone, gate)) = (half_way.clone(), watch::channel(false));
        let sink = Sink::start(move |step: &Step| {
            match arrived.fetch_add(usize::from(step.verb == "DOT"), Ordering::SeqCst) {
                0..=40 => None,
                // Nothing more is taken until the disk is full.
                _ => {
                    told.notify_one();
                    (step.verb == "RCPT").then(|| behind(gate.clone()))
                }
            }
        })
        .await;
        let relays: Vec<Relay> = vec![relay(&sink, "relay")];
        let mut worker = post.worker(relays);
        let draining = tokio::spawn(async move {
            let outcome = worker.drain().await;
            (worker, outcome)
        });
        half_way.notified().await;
        fill_the_disk(write).await;
        room_is_gone.send(true).unwrap();
        let (mut worker, outcome) = draining.await.unwrap();
        assert!(outcome.is_err(), "it says so");
        for _ in 0..5 {
            assert!(worker.drain().await.is_err(), "and goes on saying so");
        }
        let sent = i64::try_from(message_ids(&sink).len()).unwrap();
        let recorded = post.accepted("").await;
        assert!(sent < 400 && sent - recorded <= 32, "{sent} left, {recorded} are recorded");
        sqlx::raw_sql("PRAGMA max_page_count = 1000000").execute(write).await.unwrap();
        post.drain_until_done(&mut worker, MINUTE_MS).await;
        assert_eq!(post.accepted("").await, 400);
        assert_eq!(message_ids(&sink).len(), 400, "each once");
        post.assert_nothing_lost(&[&sink]).await;
    });
}
