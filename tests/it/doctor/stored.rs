//! The database and the queue in it, on both databases.

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS},
    store::{Db, issues},
    work::doctor::{Finding, Group, Status, look_at},
};

use super::{subject, worst, zone::zone};
use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::Scene,
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
            ("queue-dead", "1 messages were being sent in three crashes"),
            ("queue-uncertain", "1 messages may have arrived"),
            ("queue-refusals", "3 of 100 tries"),
        ] {
            let (status, said) = worst(&findings, check);
            assert!(status == Status::Warn && said.contains(words), "{check}: {said}");
        }
        assert_eq!(worst(&findings, "queue-paused").0, Status::Pass);
        in_tx!(db, tx => issues::control(tx, &scene.issue, "paused"));
        let findings = found(&db, START_MS + HOUR_MS).await;
        assert_eq!(worst(&findings, "queue-paused").0, Status::Warn);
        assert_eq!(worst(&findings, "queue-waiting").0, Status::Pass, "what is paused waits for a person");
        assert_eq!(worst(&found(&db, START_MS + 3 * DAY_MS).await, "queue-refusals").0, Status::Pass, "long ago");
    }
}
