//! The promise ledger.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::{Kind, clock::MINUTE_MS},
        program::PromiseVerdict,
    },
    store::{
        issues,
        let_down::{left_out, let_down, silenced},
        outbox,
        promises::{
            Asked, Count, NewPromise, Readers, by_zone, clocks, close_hopeless, count, entered, has_arrived,
            has_hopeless, hours, insert, issues_between, last_failed, newsletters, of_issue, record,
            remove_unwritten, uncounted, unwritten_ahead, withdraw, without_issue,
        },
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{Scene, promise_of, result, settle, start, word},
};

/// The end of a scene's window.
const DEADLINE_MS: i64 = START_MS + 15 * MINUTE_MS;

/// A promise of another partner in another zone, without an issue.
fn unwritten(no: i64, skipped: bool) -> NewPromise {
    NewPromise {
        id: format!("prm_{no}"),
        reader_zone: "Europe/Oslo".to_owned(),
        partner_slug: format!("p{no}"),
        nominal_local: "2027-02-09T10:00".to_owned(),
        skipped,
        because: Some("nothing was written for this date".to_owned()),
        ..promise_of("fold-forward", 10)
    }
}

both_dbs! {
    /// What an issue promises stands once; what nobody keeps gives way to what is there, and to the issue when it comes.
    async fn a_promise_stands_once(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let again = NewPromise { id: "prm_again".to_owned(), ..promise_of("fold-forward", 1) };
        let mut tx = db.begin().await.unwrap();
        let error = insert(&mut tx, Some("iss_other"), std::slice::from_ref(&again)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
        drop(tx);
        in_tx!(db, tx => insert(tx, None, &[again]));
        let of = "SELECT COUNT(*) FROM promise WHERE issue_id = $1";
        assert_eq!(number(&db, of, values![&scene.issue]).await, 1, "it still belongs to its issue");
        in_tx!(db, tx => insert(tx, None, &[unwritten(1, false), unwritten(2, true)]));
        let failed = async |because| last_failed(&db, "fold-forward", because).await.unwrap();
        assert!(failed("nothing was written for this date").await, "of the two the later one");
        let none = without_issue(&db, "fold-forward", "2027-02-09").await.unwrap().unwrap();
        assert_eq!((none.nominal_local.as_str(), none.because.as_deref()), ("2027-02-09T10:00", Some("nothing was written for this date")));
        assert_eq!(without_issue(&db, "fold-forward", "2027-01-12").await.unwrap(), None, "it has one");
        assert_eq!(without_issue(&db, "fold-forward", "2027-02-0").await.unwrap(), None, "that is no date");
        assert!(!failed("it was not frozen in time").await && !last_failed(&db, "other", "").await.unwrap());
        let known = |since: &'static str| { let db = db.clone(); async move { entered(&db, "fold-forward", since).await.unwrap() } };
        assert_eq!(known("2027-01-01").await, ["2027-01-12T10:00", "2027-02-09T10:00"]);
        assert_eq!(known("2027-01-13").await, ["2027-02-09T10:00"]);
        assert_eq!(in_tx!(db, tx => remove_unwritten(tx, "fold-forward", "2027-02-09T10:00")), 2);
        assert_eq!(in_tx!(db, tx => remove_unwritten(tx, "fold-forward", "2027-01-12T10:00")), 0);
        let between = async |from_ms, until_ms| issues_between(&db, (from_ms, until_ms), 0).await.unwrap().len();
        assert_eq!((between(START_MS, START_MS + 1).await, between(0, START_MS).await), (1, 0));
        let alive = async |alive_ms| issues_between(&db, (0, START_MS + 1), alive_ms).await.unwrap().len();
        assert_eq!((alive(START_MS - 1).await, alive(START_MS).await), (1, 0), "never released, and its time has passed");
        execute(&db, "UPDATE issue SET released_ms = 1", vec![]).await;
        assert_eq!(alive(START_MS).await, 1);
        execute(&db, "UPDATE issue SET control = 'cancelled'", vec![]).await;
        assert_eq!(between(START_MS, START_MS + 1).await, 0);
    }

    /// What limits keep from everybody is told with the reason; what reaches somebody, or is only skipped, is not.
    async fn an_issue_that_reaches_nobody_is_told(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 2).await;
        let told = async |since_ms| silenced(&db, since_ms).await.unwrap();
        assert!(told(0).await.is_empty());
        execute(&db, "UPDATE promise SET eligible = 1, held_back = 1 WHERE issue_id = $1", values![&scene.issue]).await;
        assert!(told(0).await.is_empty(), "one gets it");
        execute(&db, "UPDATE promise SET eligible = 0, held_back = 2 WHERE issue_id = $1", values![&scene.issue]).await;
        assert_eq!(told(0).await[0].because, None, "they were told its message often enough");
        execute(&db, "UPDATE audience_decision SET included = FALSE, reason = 'frequency', because = 'Enough'", vec![]).await;
        let all = told(START_MS - 1).await;
        assert_eq!((all.len(), all[0].people, all[0].newsletter.as_str()), (1, 2, "fold-forward"));
        assert_eq!((all[0].nominal_date.as_str(), all[0].because.as_deref()), ("2027-01-12", Some("Enough")));
        assert!(told(START_MS).await.is_empty(), "long ago");
    }

    /// What was accepted after the window is accepted and not on time; the ledger holds what was counted when the window
    /// was over, and is closed when the issue has ended.
    async fn counting_knows_late_from_on_time(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let node = scene.node();
        let window = start(&db, node, START_MS, &scene.issue, 10).await;
        let mut results: Vec<_> = window.iter().map(|c| result(c, DeliveryState::Accepted, None)).collect();
        let readers = |partner, zone| Readers { newsletter: "fold-forward", partner, zone };
        let arrived = async |readers| has_arrived(&db, &scene.issue, readers).await.unwrap();
        assert!(!arrived(readers(None, None)).await, "nothing was accepted");
        results[0].accepted_ms = Some(DEADLINE_MS);
        results[1].accepted_ms = Some(DEADLINE_MS + 1);
        settle(&db, node, &results[..2]).await;
        let promise = of_issue(&db, &scene.issue).await.unwrap().remove(0);
        assert_eq!((promise.recipients, promise.accepted, promise.on_time), (3, 2, 1));
        assert!(arrived(readers(None, None)).await && arrived(readers(Some("northlight"), Some("Europe/Copenhagen"))).await);
        assert!(!arrived(readers(Some("wattlebird"), None)).await && !arrived(readers(None, Some("Europe/Oslo"))).await);
        assert_eq!((promise.nominal_local.as_str(), promise.zone.as_str()), ("2027-01-12T10:00", "Europe/Copenhagen"));
        assert_eq!(promise.due_ms, START_MS);
        assert!(uncounted(&db, DEADLINE_MS, DEADLINE_MS).await.unwrap().is_empty(), "the window is open");
        assert!(count(&db, &scene.issue, DEADLINE_MS).await.unwrap().is_empty());
        let over = DEADLINE_MS + 2;
        assert_eq!(uncounted(&db, over, over).await.unwrap(), [scene.issue.as_str()]);
        let counts = count(&db, &scene.issue, over).await.unwrap();
        let verdict = async || { let told = hours(&db, Asked::default(), 1).await.unwrap().remove(0); (told.is_being_counted(over), told.verdict(over)) };
        assert_eq!(verdict().await, (true, None), "over, and not yet counted");
        let counted = Count { id: "prm_fold-forward".to_owned(), suppressed: 0, on_time: 1, accepted: 2 };
        assert_eq!(counts, [counted]);
        assert_eq!(in_tx!(db, tx => record(tx, &counts, over)), 1);
        assert!(uncounted(&db, over, over).await.unwrap().is_empty(), "just counted");
        assert_eq!(verdict().await, (false, Some(PromiseVerdict::Partial)));
        assert_eq!(uncounted(&db, over + 1, over + 1).await.unwrap().len(), 1, "and again while it is on its way");
        let told = hours(&db, Asked { newsletter: Some("fold-forward"), partner: Some("northlight"), date: Some("2027-01-12"), since_ms: 0 }, 12).await.unwrap().remove(0);
        assert_eq!(told.hour().judge(told.share(), over), Some(PromiseVerdict::Partial));
        assert_eq!((told.eligible, told.on_time, told.accepted, told.deadline_ms), (3, 1, 2, DEADLINE_MS));
        let down = let_down(&db, "fold-forward", "2027-01-12T10:00").await.unwrap();
        assert_eq!((down.len(), down[0].partner_slug.as_str(), down[0].on_time), (1, "northlight", 1));

        settle(&db, node, &[result(&window[2], DeliveryState::Suppressed, None)]).await;
        in_tx!(db, tx => issues::finish(tx, over));
        let suppressed = async || count(&db, &scene.issue, over).await.unwrap()[0].suppressed;
        assert_eq!(suppressed().await, 0, "nothing says since when");
        execute(&db, "INSERT INTO suppression (email_key, scope, reason, created_ms) VALUES ($1, 'all', 'unsubscribed', $2)", values![window[2].email.to_lowercase(), DEADLINE_MS + 1]).await;
        assert_eq!(suppressed().await, 0, "who left only after the deadline had been let down");
        execute(&db, "UPDATE suppression SET created_ms = $1", values![DEADLINE_MS]).await;
        assert_eq!(suppressed().await, 1);
        let counts = count(&db, &scene.issue, over).await.unwrap();
        in_tx!(db, tx => record(tx, &counts, over));
        assert!(uncounted(&db, over + 9, over + 9).await.unwrap().is_empty(), "closed");
        let told = hours(&db, Asked::default(), 12).await.unwrap().remove(0);
        assert_eq!((told.eligible, told.suppressed), (2, 1), "who wants no mail any more is no reader we let down");
        assert_eq!(told.hour().judge(told.share(), over), Some(PromiseVerdict::Late));

        execute(&db, "UPDATE delivery SET state = 'failed', accepted_ms = NULL WHERE id = $1", values![&window[1].id]).await;
        assert!(in_tx!(db, tx => outbox::send_again(tx, &window[1].id, &word(over, MINUTE_MS))));
        assert_eq!(uncounted(&db, over + 9, over + 9).await.unwrap().len(), 1, "it goes on, and so does the count");
    }

    /// What a newsletter promises for later, without an issue, can be taken back; nothing else of it can.
    async fn what_is_ahead_is_taken_back(db: Db) {
        Scene::frozen(&db, "fold-forward", 1).await;
        in_tx!(db, tx => insert(tx, None, &[unwritten(1, false), unwritten(2, true)]));
        assert_eq!(unwritten_ahead(&db, START_MS - 1).await.unwrap(), ["fold-forward"]);
        assert!(unwritten_ahead(&db, START_MS).await.unwrap().is_empty(), "its hour has come");
        assert_eq!(newsletters(&db, START_MS - 1).await.unwrap(), ["fold-forward"]);
        assert!(newsletters(&db, START_MS).await.unwrap().is_empty());
        assert_eq!(in_tx!(db, tx => withdraw(tx, "other", START_MS - 1)), 0);
        assert_eq!(in_tx!(db, tx => withdraw(tx, "fold-forward", START_MS)), 0);
        assert_eq!(in_tx!(db, tx => withdraw(tx, "fold-forward", START_MS - 1)), 2, "that of the issue stays");
        assert_eq!(entered(&db, "fold-forward", "2027-01-01").await.unwrap(), ["2027-01-12T10:00"]);
    }

    /// Of whom a limit kept out the ledger knows how many, and of an hour of theirs alone there is nothing to count.
    async fn who_was_held_back_stands_beside(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        let theirs = NewPromise { eligible: 0, held_back: 4, because: None, ..unwritten(1, false) };
        let theirs = NewPromise { nominal_local: "2027-01-12T10:00".to_owned(), ..theirs };
        in_tx!(db, tx => insert(tx, Some(&scene.issue), &[theirs]));
        let told = hours(&db, Asked::default(), 9).await.unwrap().remove(0);
        assert_eq!((told.eligible, told.held_back, told.uncounted), (1, 4, 1));
        assert_eq!((told.on_time_ms, told.uncounted_ms), (15 * MINUTE_MS, Some(DEADLINE_MS)));
        let open = "SELECT COUNT(*) FROM promise WHERE NOT closed";
        assert_eq!(number(&db, open, values![]).await, 1);
        let of_them = hours(&db, Asked { partner: Some("p1"), ..Asked::default() }, 9).await.unwrap().remove(0);
        assert_eq!((of_them.verdict(DEADLINE_MS + 1), of_them.held_back), (Some(PromiseVerdict::Skipped), 4));
    }

    /// What no issue keeps is missed when its time is over, and what a rule skipped is no miss.
    async fn what_nobody_keeps_is_closed(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 1).await;
        in_tx!(db, tx => insert(tx, None, &[unwritten(1, false), unwritten(2, true)]));
        assert!(!has_hopeless(&db, DEADLINE_MS).await.unwrap());
        assert_eq!(in_tx!(db, tx => close_hopeless(tx, DEADLINE_MS)), 0);
        assert!(has_hopeless(&db, DEADLINE_MS + 1).await.unwrap());
        assert_eq!(in_tx!(db, tx => close_hopeless(tx, DEADLINE_MS + 1)), 2);
        assert!(!has_hopeless(&db, DEADLINE_MS + 1).await.unwrap());
        let verdict = |partner: &'static str| { let db = db.clone(); async move {
            let told = hours(&db, Asked { partner: Some(partner), since_ms: START_MS - 1, ..Asked::default() }, 1).await.unwrap().remove(0);
            (told.hour().judge(told.share(), DEADLINE_MS + 1), told.because.is_some())
        } };
        assert_eq!(verdict("p1").await, (Some(PromiseVerdict::Missed), true));
        assert_eq!(verdict("p2").await, (Some(PromiseVerdict::Skipped), true));
        let all = hours(&db, Asked { newsletter: Some("fold-forward"), ..Asked::default() }, 12).await.unwrap();
        for (newsletter, partner, date, count) in [
            (None, None, None, 2),
            (Some("fold-forward"), None, Some("2027-02-09"), 1),
            (Some("fold-forward"), None, Some("2027-02-10"), 0),
            (Some("fold-forward"), Some("northlight"), None, 1),
            (Some("other"), None, None, 0),
            (None, Some("p1"), Some("2027-02-09"), 1),
        ] {
            let asked = Asked { newsletter, partner, date, since_ms: 0 };
            assert_eq!(hours(&db, asked, 12).await.unwrap().len(), count, "{asked:?}");
            assert_eq!(hours(&db, Asked { since_ms: START_MS, ..asked }, 12).await.unwrap().len(), 0, "{asked:?}");
        }
        let told: Vec<_> = all.iter().map(|it| (it.nominal_local.as_str(), it.eligible, it.skipped)).collect();
        assert_eq!(told, [("2027-02-09T10:00", 10, 10), ("2027-01-12T10:00", 1, 0)]);
        // What one node entered in the moment in which another stored the issue.
        let stray = NewPromise { id: "prm_stray".to_owned(), partner_slug: "p9".to_owned(), ..promise_of("fold-forward", 3) };
        in_tx!(db, tx => insert(tx, None, &[stray]));
        assert!(has_hopeless(&db, START_MS).await.unwrap());
        in_tx!(db, tx => close_hopeless(tx, START_MS));
        assert!(!has_hopeless(&db, START_MS).await.unwrap());
        assert!(hours(&db, Asked { partner: Some("p9"), ..Asked::default() }, 9).await.unwrap().is_empty());
        let left = left_out(&db, &scene.issue).await.unwrap();
        assert!(left.is_empty());
        execute(&db, "UPDATE audience_decision SET included = FALSE, reason = 'role'", vec![]).await;
        assert_eq!(left_out(&db, &scene.issue).await.unwrap(), [("role".to_owned(), 1)]);
    }

    /// A lead's clock is a promise of its partner's, wherever it runs.
    async fn clocks_are_promises_too(db: Db) {
        assert!(clocks(&db, None, 0, 9).await.unwrap().is_empty());
        Scene::frozen(&db, "fold-forward", 1).await;
        execute(&db, "INSERT INTO lead (id, partner_slug, email, email_key, name, company, locale, stage, score, fit, because,
             asset, origin, created_ms, updated_ms)
             VALUES ('led_1', 'northlight', 'a@b.example', 'a@b.example', 'A', 'B', 'en', 'offered', 1, 'A', '', '', '', 1, 1)", vec![]).await;
        for (kind, due_ms) in [("accept", 100), ("next_step", 300)] {
            execute(&db, "UPDATE sla_clock SET stopped_ms = 90, stopped_because = 'overdue'", vec![]).await;
            execute(&db, "INSERT INTO sla_clock (lead_id, kind, started_ms, due_ms, owner) VALUES ('led_1', $1, 0, $2, 'Dana')",
                values![kind, due_ms]).await;
        }
        let told = clocks(&db, Some("northlight"), 0, 9).await.unwrap();
        assert_eq!(told.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["next_step", "accept"]);
        assert_eq!((told[1].stopped_ms, told[1].stopped_because.as_str()), (Some(90), "overdue"));
        assert!(clocks(&db, Some("thornbury"), 0, 9).await.unwrap().is_empty());
        assert_eq!(clocks(&db, None, 100, 9).await.unwrap().len(), 1);
    }

    /// The ledger by zone of the readers, of whomever is asked for and of no other time; what is skipped for some and not
    /// for others in a zone is not skipped whole.
    async fn by_zone_tells_readers_apart(db: Db) {
        Scene::frozen(&db, "fold-forward", 2).await;
        let (one, other) = (unwritten(1, true), NewPromise { note: Some("moved".to_owned()), ..unwritten(2, false) });
        in_tx!(db, tx => insert(tx, None, &[one, other]));
        let of = |partner, zone| Readers { newsletter: "fold-forward", partner, zone };
        let ask = |readers, from, until| { let db = db.clone(); async move { by_zone(&db, readers, from, until).await.unwrap() } };
        let all = ask(of(None, None), "2027-01-01T00:00", "2027-12-31T00:00").await;
        let told: Vec<_> = all.iter().map(|row| (row.hours.nominal_local.as_str(), row.reader_zone.as_str(), row.hours.eligible, row.skipped_whole)).collect();
        assert_eq!(told, [("2027-01-12T10:00", "Europe/Copenhagen", 2, false), ("2027-02-09T10:00", "Europe/Oslo", 10, false)]);
        assert_eq!((all[1].hours.skipped, all[1].note.as_deref(), all[1].counted_ms), (10, Some("moved"), None));
        assert_eq!((all[0].hours.due_ms, all[0].hours.deadline_ms), (START_MS, DEADLINE_MS));
        assert_eq!((all[0].first_due_ms, all[0].zone.as_str()), (START_MS, "Europe/Copenhagen"));
        let [row] = &ask(of(Some("p1"), None), "2027-02-09T10:00", "2027-02-09T10:00").await[..] else { panic!("one") };
        assert!(row.skipped_whole && row.hours.eligible == 0);
        assert!(ask(of(Some("p1"), Some("UTC")), "2027-01-01T00:00", "2027-12-31T00:00").await.is_empty());
        assert!(ask(of(None, None), "2027-02-09T10:01", "2027-12-31T00:00").await.is_empty());
    }
}
