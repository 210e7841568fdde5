//! The database and the queue in it, on both databases.

use std::time::Duration;

use partnercast::{
    domain::kernel::{
        Clock as _,
        clock::{DAY_MS, HOUR_MS, SystemClock},
    },
    store::{
        Db, issues,
        reports::{self, MailReport},
    },
    work::doctor::{Finding, Group, Status, look_at},
};

use tokio::time::Instant;

use super::{subject, worst, zone::zone};
use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{Scene, bounce, key},
};

async fn found(db: &Db, now_ms: i64) -> Vec<Finding> {
    let mut there = subject(zone(&[]));
    there.db = Ok(db.clone());
    there.now_ms = now_ms;
    look_at(&there, Group::Database).await
}

both_dbs! {
    /// An empty database has nothing to complain about but the clock of a test, which is not the machine's.
    async fn a_fresh_database_passes(db: Db) {
        let findings = found(&db, START_MS).await;
        for finding in findings.iter().filter(|finding| finding.check != "database-clock") {
            // tests/run starts its PostgreSQL without synchronous_commit, which is exactly what must be told.
            let expected =
                if finding.found == "synchronous_commit = on" || finding.check != "database-durability" { Status::Pass } else { Status::Fail };
            assert_eq!(finding.status, expected, "{finding:?}");
        }
        assert_eq!(db.is_shared(), findings.iter().any(|finding| finding.check == "database-clock"));
    }

    /// Clocks are compared now, not when the looking began: silent servers may have cost half a minute since.
    async fn a_slow_look_is_no_slow_clock(db: Db) {
        let mut there = subject(zone(&[]));
        there.db = Ok(db.clone());
        there.now_ms = SystemClock.now_ms() - 30_000;
        there.since = Instant::now() - Duration::from_secs(30);
        let findings = look_at(&there, Group::Database).await;
        assert!(findings.iter().all(|finding| finding.check != "database-clock" || finding.status == Status::Pass), "{findings:?}");
    }

    /// Whatever is stuck in the queue is told, each with what to do.
    async fn a_stuck_queue_is_told(db: Db) {
        let scene = Scene::released(&db, "weekly", 4).await;
        execute(&db, "UPDATE delivery SET state = 'dead' WHERE id = $1", values![&scene.deliveries[0]]).await;
        execute(&db, "UPDATE delivery SET state = 'uncertain' WHERE id = $1", values![&scene.deliveries[1]]).await;
        for (no, outcome) in (1..).zip([vec!["accepted"; 97], vec!["bad-address"; 3]].concat()) {
            execute(
                &db,
                "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, reply) VALUES ($1, $2, 'n', $3, $4, '')",
                values![&scene.deliveries[0], i64::from(no), START_MS, outcome],
            )
            .await;
        }
        let findings = found(&db, START_MS + HOUR_MS).await;
        for (check, words) in [
            ("queue-waiting", "waits since 60 min"),
            ("queue-dead", "1 message was being sent in three crashes"),
            ("queue-uncertain", "1 message may have arrived"),
            ("queue-bounces", "3 of 100 messages of the last 24 h met an address that does not exist (3 refused, 0 came back)"),
        ] {
            let (status, said) = worst(&findings, check);
            assert!(status == Status::Warn && said.contains(words), "{check}: {said}");
        }
        assert_eq!(worst(&findings, "queue-paused").0, Status::Pass);
        in_tx!(db, tx => issues::control(tx, &scene.issue, "paused"));
        let findings = found(&db, START_MS + HOUR_MS).await;
        let (status, said) = worst(&findings, "queue-paused");
        assert!(status == Status::Warn && said.contains("paused, by a person"), "{said}");
        in_tx!(db, tx => issues::control(tx, &scene.issue, "running"));
        in_tx!(db, tx => issues::pause_because(tx, &scene.issue, "20 messages in a row were refused"));
        let (_, said) = worst(&found(&db, START_MS + HOUR_MS).await, "queue-paused");
        for words in ["weekly/", "paused: 20 messages in a row were refused", "partnercast resume weekly/"] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(worst(&findings, "queue-waiting").0, Status::Pass, "what is paused waits for a person");
        let (status, said) = worst(&found(&db, START_MS + 3 * DAY_MS).await, "queue-bounces");
        assert!(status == Status::Warn && said.contains("of the last 30 days"), "a day has too few: {said}");
        assert_eq!(worst(&found(&db, START_MS + 31 * DAY_MS).await, "queue-bounces").0, Status::Pass, "long ago");
    }

    /// An issue whose hour is over and that nobody approved is told, one that has time is named.
    async fn an_issue_that_waits_for_approval_is_told(db: Db) {
        assert!(worst(&found(&db, START_MS).await, "approvals").1.contains("no issue waits for approval"));
        let scene = Scene::frozen(&db, "weekly", 2).await;
        execute(&db, "UPDATE issue SET state = 'frozen' WHERE id = $1", values![&scene.issue]).await;
        execute(&db, "UPDATE promise SET due_ms = $1 WHERE issue_id = $2", values![START_MS + HOUR_MS, &scene.issue]).await;
        let (status, said) = worst(&found(&db, START_MS).await, "approvals");
        assert!(status == Status::Pass && said.contains("1 issue waits for approval, the first of them weekly/"), "{said}");
        let (status, said) = worst(&found(&db, START_MS + HOUR_MS).await, "approvals");
        assert!(status == Status::Warn && said.contains("waits for approval since its hour"), "{said}");
    }

    /// An issue that limits keep from everybody is told, with the reason.
    async fn an_issue_that_reaches_nobody_is_told(db: Db) {
        let scene = Scene::frozen(&db, "weekly", 2).await;
        assert_eq!(worst(&found(&db, START_MS).await, "limits").0, Status::Pass);
        execute(&db, "UPDATE promise SET eligible = 0, held_back = 2 WHERE issue_id = $1", values![&scene.issue]).await;
        execute(&db, "UPDATE audience_decision SET included = FALSE, reason = 'frequency', because = 'Enough'", vec![]).await;
        let (status, said) = worst(&found(&db, START_MS).await, "limits");
        assert!(status == Status::Warn && said.contains("none of its 2 readers, such as: Enough"), "{said}");
    }

    /// Bounces and complaints are judged by the limits at which providers act, and few messages are not judged.
    async fn the_last_day_is_judged_by_the_providers_limits(db: Db) {
        use Status::{Fail, Pass, Warn};
        let scene = Scene::released(&db, "weekly", 200).await;
        let (mut rounds, mut bounces, mut complaints) = (0_i64, 0, 0);
        // So many times 200 messages were accepted by then, so many came back and were complained about.
        for (to_rounds, to_bounces, to_complaints, expected) in [
            (0, 1, 1, (Pass, Pass)),
            (1, 1, 1, (Pass, Pass)),
            (5, 20, 2, (Warn, Warn)),
            (10, 20, 2, (Pass, Warn)),
            (11, 20, 2, (Pass, Pass)),
            (11, 110, 7, (Fail, Fail)),
        ] {
            for no in rounds + 1..=to_rounds {
                execute(
                    &db,
                    "INSERT INTO attempt (delivery_id, no, node_id, ended_ms, outcome, reply)
                     SELECT id, $1, 'n', $2, 'accepted', '' FROM delivery",
                    values![no, START_MS],
                )
                .await;
            }
            let of = |no: i64, at: usize, class: &str| bounce(no, Some(&scene.deliveries[at]), &key(at), class);
            let came = (bounces..to_bounces).map(|at| of(at as i64, at, "bad-address"));
            let called = (complaints..to_complaints)
                .map(|at| MailReport { kind: "complaint".to_owned(), ..of(1_000 + at as i64, at, "abuse") });
            for report in came.chain(called) {
                in_tx!(db, tx => reports::insert(tx, &report));
            }
            (rounds, bounces, complaints) = (to_rounds, to_bounces, to_complaints);
            let findings = found(&db, START_MS + HOUR_MS).await;
            let (back, words) = worst(&findings, "queue-bounces");
            let (unwanted, more) = worst(&findings, "queue-complaints");
            assert_eq!((back, unwanted), expected, "{words}\n{more}");
        }
    }
}
