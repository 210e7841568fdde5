//! What waits for a person: listed, counted, sent again.

use partnercast::{
    domain::{delivery::DeliveryState, kernel::clock::MINUTE_MS},
    store::{
        Db,
        dead_letters::{Filter, PAGE, count, issues, of_issues, page, replay},
        issues::{control, finish as issues_finish},
        outbox, promises,
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number},
    outbox::{LIFETIME_MS, Scene, result, row, settle, start, word},
};

/// A released issue whose messages all ended in `states`, in turn.
async fn ended(db: &Db, newsletter: &str, states: &[DeliveryState], readers: usize) -> Scene {
    let scene = Scene::released(db, newsletter, readers).await;
    let node = scene.node();
    let window = start(db, node, START_MS, &scene.issue, 10_000).await;
    let results: Vec<_> = window
        .iter()
        .zip(states.iter().cycle())
        .map(|(claimed, state)| result(claimed, *state, None))
        .collect();
    settle(db, node, &results).await;
    scene
}

fn by(issue: Option<&str>, state: Option<&str>, class: Option<&str>) -> Filter {
    Filter {
        issue: issue.map(str::to_owned),
        state: state.map(str::to_owned),
        class: class.map(str::to_owned),
        ..Filter::default()
    }
}

both_dbs! {
    /// Only what waits for a person is listed, newest first, with its last reply; each filter narrows it.
    async fn page_lists_what_waits(db: Db) {
        use DeliveryState::{Accepted, Dead, Expired, Failed, Uncertain};
        let scene = ended(&db, "fold-forward", &[Failed, Accepted, Uncertain, Expired, Dead], 5).await;
        let all = page(&db, &Filter::default(), None).await.unwrap();
        assert_eq!(all.len(), 4);
        assert!(all.is_sorted_by(|a, b| a.id > b.id), "newest first");
        assert!(all.iter().all(|letter| letter.state != "accepted" && letter.issue_id.as_deref() == Some(scene.issue.as_str())));
        let first = &all[0];
        assert_eq!((first.newsletter.as_deref(), first.nominal_date.as_deref(), first.cancelled), (Some("fold-forward"), Some("2027-01-12"), false));
        assert_eq!((first.class.as_deref(), first.reply.as_deref(), first.ended_ms, first.attempt), (Some("soft"), Some("2.0.0 Ok"), Some(START_MS + 1_000), 1));
        for (filter, fits) in [
            (by(Some(&scene.issue), None, None), 4),
            (by(Some("iss_other"), None, None), 0),
            (by(None, Some("failed"), None), 1),
            (by(None, Some("failed"), Some("soft")), 1),
            (by(None, None, Some("policy")), 0),
            (Filter { single: true, ..Filter::default() }, 0),
            (Filter { delivery: Some(first.id.clone()), ..Filter::default() }, 1),
        ] {
            assert_eq!(page(&db, &filter, None).await.unwrap().len(), fits, "{filter:?}");
            assert_eq!(count(&db, &filter).await.unwrap(), (fits as i64, fits as i64), "{filter:?}");
        }
        let counted = of_issues(&db, &[&scene.issue, "iss_other"]).await.unwrap();
        assert_eq!(counted.into_iter().collect::<Vec<_>>(), [(scene.issue.clone(), 4)]);
        assert_eq!(issues(&db).await.unwrap(), [(scene.issue, "fold-forward".to_owned(), "2027-01-12".to_owned())]);
    }

    /// What is sent again of an issue that was over is counted again, too.
    async fn replay_reopens_what_was_promised(db: Db) {
        let scene = ended(&db, "fold-forward", &[DeliveryState::Failed], 2).await;
        let over = START_MS + 16 * MINUTE_MS;
        in_tx!(db, tx => issues_finish(tx, over));
        let counts = promises::count(&db, &scene.issue, over).await.unwrap();
        in_tx!(db, tx => promises::record(tx, &counts, over));
        assert!(promises::uncounted(&db, over + 9, over + 9).await.unwrap().is_empty(), "closed");
        assert_eq!(in_tx!(db, tx => replay(tx, &Filter::default(), &word(over, LIFETIME_MS), 10)), 2);
        assert_eq!(promises::uncounted(&db, over + 9, over + 9).await.unwrap(), [scene.issue]);
    }

    /// Pages follow each other by key, without a line twice or missing.
    async fn page_goes_on_by_key(db: Db) {
        ended(&db, "fold-forward", &[DeliveryState::Failed], 2 * PAGE + 7).await;
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let lines = page(&db, &Filter::default(), before.as_deref()).await.unwrap();
            let Some(last) = lines.last() else { break };
            assert!(lines.len() <= PAGE);
            before = Some(last.id.clone());
            seen.extend(lines.into_iter().map(|line| line.id));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 2 * PAGE + 7);
    }

    /// Sent again are the oldest that fit, as the same messages; what was accepted, cancelled or is on its way is not.
    async fn replay_puts_back_the_same_messages(db: Db) {
        use DeliveryState::{Accepted, Failed};
        let scene = ended(&db, "fold-forward", &[Failed, Failed, Accepted], 6).await;
        let other = ended(&db, "other", &[Failed], 2).await;
        assert!(in_tx!(db, tx => control(tx, &other.issue, "cancelled")));
        assert_eq!(count(&db, &Filter::default()).await.unwrap(), (6, 4), "two are of a cancelled issue");
        let later = START_MS + 5_000;
        assert_eq!(in_tx!(db, tx => replay(tx, &Filter::default(), &word(later, LIFETIME_MS), 3)), 3);
        assert_eq!(in_tx!(db, tx => replay(tx, &Filter::default(), &word(later, LIFETIME_MS), 100)), 1, "the rest");
        assert_eq!(in_tx!(db, tx => replay(tx, &Filter::default(), &word(later, LIFETIME_MS), 100)), 0);
        let again = start(&db, scene.node(), later, &scene.issue, 100).await;
        assert_eq!(again.len(), 4);
        assert!(again.iter().all(|claimed| claimed.expires_ms == later + LIFETIME_MS && claimed.message_id.starts_with(&claimed.id)));
        let back = row(&db, &again[0].id).await;
        assert_eq!((back.attempt, back.crashes, back.detail.as_deref()), (2, 0, Some("a person had it sent again")));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE state = 'accepted'", vec![]).await, 2);
        let failed = page(&db, &Filter::default(), None).await.unwrap();
        assert!(failed.len() == 2 && failed.iter().all(|letter| letter.cancelled));
        assert!(!in_tx!(db, tx => outbox::send_again(tx, &failed[0].id, &word(later, LIFETIME_MS))), "nor one by one");
    }
}
