//! Issues that share mails: released, or taken back, together.

use partnercast::store::{
    Db, Tx, approvals, deliveries,
    digests::{
        NewRide, Ridden, Waiting, dissolve, held_up, hold, insert, is_started, members, of_issue, parts,
        ridden, unstarted_beside, waiting_in,
    },
    freezing, issues, outbox,
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{DOMAIN, LIFETIME_MS, Scene, word},
};

/// Two frozen issues to the same three people, of whom the first two get the second one in the first one's mail.
async fn two(db: &Db) -> (Scene, Scene) {
    let (host, guest) = (Scene::frozen(db, "alpha", 3).await, Scene::frozen(db, "beta", 3).await);
    for at in 0..2 {
        execute(
            db,
            "UPDATE audience_decision SET host_issue_id = $1, delivery_id = $2 WHERE issue_id = $3 AND contact_id = $4",
            values![&host.issue, &host.deliveries[at], &guest.issue, &guest.contacts[at]],
        )
        .await;
    }
    let ride = NewRide { host_id: host.issue.clone(), guest_id: guest.issue.clone(), people: 2 };
    let part = vec![host.issue.clone(), guest.issue.clone()];
    in_tx!(db, tx => insert(tx, &[part], &[ride]));
    (host, guest)
}

/// How many deliveries a release made; none for what may not be released.
async fn release(tx: &mut Tx, issue: &str) -> partnercast::domain::kernel::Result<Option<u64>> {
    outbox::release(
        tx,
        issue,
        "",
        outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN },
    )
    .await
}

both_dbs! {
    /// Nothing of it is released before all is approved and nothing is paused; then riders have no delivery of their own,
    /// and the guest is done when its host is.
    async fn what_shares_mails_is_released_together(db: Db) {
        let (host, guest) = two(&db).await;
        assert_eq!(in_tx!(db, tx => hold(tx, &guest.issue)), Some(host.issue.clone()));
        assert_eq!(in_tx!(db, tx => hold(tx, "iss_none")), None);
        let told = |all: Vec<partnercast::store::digests::Beside>| all.into_iter().map(|it| (it.carried, it.newsletter, it.people)).collect::<Vec<_>>();
        assert_eq!(told(of_issue(&db, &host.issue).await.unwrap()), [(true, "beta".to_owned(), 2)]);
        assert_eq!(told(of_issue(&db, &guest.issue).await.unwrap()), [(false, "alpha".to_owned(), 2)]);
        in_tx!(db, tx => approvals::approve(tx, &host.issue, "Ida", START_MS));
        assert_eq!(in_tx!(db, tx => release(tx, &host.issue)), None, "the guest waits for approval");
        for issue in [&host.issue, &guest.issue] {
            let all = members(&db, issue).await.unwrap();
            let seen: Vec<_> = all.iter().map(|it| (it.newsletter.as_str(), it.state.as_str())).collect();
            assert_eq!(seen, [("alpha", "approved"), ("beta", "frozen")]);
        }
        in_tx!(db, tx => approvals::approve(tx, &guest.issue, "Ida", START_MS));
        assert_eq!(in_tx!(db, tx => unstarted_beside(tx, &host.issue, &host.issue)), Some(vec![guest.issue.clone()]));
        in_tx!(db, tx => issues::control(tx, &guest.issue, "paused"));
        assert_eq!(in_tx!(db, tx => release(tx, &host.issue)), None, "the guest is paused");
        in_tx!(db, tx => issues::control(tx, &guest.issue, "running"));
        assert_eq!(in_tx!(db, tx => release(tx, &host.issue)), Some(3));
        assert_eq!(in_tx!(db, tx => unstarted_beside(tx, &host.issue, &guest.issue)), Some(vec![host.issue.clone()]));
        assert_eq!(in_tx!(db, tx => release(tx, &guest.issue)), Some(1), "one has it as a mail of its own");
        execute(&db, "UPDATE delivery SET state = 'accepted', live = FALSE, accepted_ms = $2 WHERE issue_id = $1", values![&guest.issue, START_MS]).await;
        in_tx!(db, tx => issues::finish(tx, START_MS));
        let state = async |issue: &str| issues::issue(&db, issue).await.unwrap().unwrap().state;
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("sending".to_owned(), "sending".to_owned()));
        execute(&db, "UPDATE delivery SET state = 'failed', live = FALSE WHERE issue_id = $1", values![&host.issue]).await;
        in_tx!(db, tx => issues::finish(tx, START_MS));
        in_tx!(db, tx => issues::finish(tx, START_MS));
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("done".to_owned(), "done".to_owned()));
        assert!(in_tx!(db, tx => outbox::send_again(tx, &host.deliveries[0], &word(START_MS, LIFETIME_MS))));
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("sending".to_owned(), "sending".to_owned()), "it waits again");
        execute(&db, "UPDATE delivery SET live = FALSE, state = 'failed'", vec![]).await;
        assert_eq!(deliveries::unfinished(&db).await.unwrap(), 0);
    }

    /// What is taken back goes whole: rows, links and promises; one that stays is by itself.
    async fn a_digest_is_dissolved(db: Db) {
        let (host, guest) = two(&db).await;
        in_tx!(db, tx => dissolve(tx, &host.issue));
        assert_eq!(in_tx!(db, tx => hold(tx, &guest.issue)), None);
        assert!(of_issue(&db, &guest.issue).await.unwrap().is_empty());
        for issue in [&host.issue, &guest.issue] {
            assert!(in_tx!(db, tx => freezing::thaw(tx, issue, START_MS - 1)));
            assert!(issues::issue(&db, issue).await.unwrap().is_none());
            assert_eq!(number(&db, "SELECT COUNT(*) FROM promise WHERE issue_id = $1", values![issue]).await, 0);
        }
    }

    /// What is approved and due is held up by what waits; nothing that was started, or waits itself, is.
    async fn what_waits_holds_up_what_is_due(db: Db) {
        let (host, guest) = two(&db).await;
        let held = async |due_ms| held_up(&db, due_ms).await.unwrap();
        assert!(held(START_MS).await.is_empty(), "both wait");
        in_tx!(db, tx => approvals::approve(tx, &host.issue, "Ida", START_MS));
        assert!(held(START_MS - 1).await.is_empty(), "its hour has not come");
        assert_eq!(held(START_MS).await, std::slice::from_ref(&host.issue));
        let of = in_tx!(db, tx => parts(tx, &host.issue, START_MS));
        let seen: Vec<_> = of.iter().map(|part| (part.newsletter.as_str(), part.waits, part.is_due, part.is_paused)).collect();
        assert_eq!(seen, [("alpha", false, true, false), ("beta", true, true, false)]);
        in_tx!(db, tx => approvals::approve(tx, &guest.issue, "Ida", START_MS));
        assert!(held(START_MS).await.is_empty(), "both are approved");
        in_tx!(db, tx => release(tx, &host.issue));
        in_tx!(db, tx => issues::pause_because(tx, &guest.issue, "a card was recalled"));
        assert_eq!(held(START_MS).await, std::slice::from_ref(&host.issue), "paused, and nothing has left");
        let of = in_tx!(db, tx => parts(tx, &host.issue, START_MS - 1));
        assert_eq!((of[1].is_paused, of[1].is_due, of[1].paused_because.as_deref()), (true, false, Some("a card was recalled")));
        execute(&db, "UPDATE delivery SET attempt = 1 WHERE id = $1", values![&host.deliveries[0]]).await;
        assert!(held(START_MS).await.is_empty(), "what has left is no more to be taken back");
        execute(&db, "UPDATE delivery SET live = FALSE, state = 'failed'", vec![]).await;
    }

    /// Of which something was started nothing is taken back; what rides in its mails is known, and where these stand.
    async fn what_is_started_stays_together(db: Db) {
        let (host, guest) = two(&db).await;
        let unstarted = async || in_tx!(db, tx => unstarted_beside(tx, &host.issue, &guest.issue));
        let waiting = |people| [Waiting { newsletter: "beta".to_owned(), nominal_date: "2027-01-12".to_owned(), people }];
        assert_eq!(waiting_in(&db, &host.issue).await.unwrap(), waiting(2), "nothing is in the outbox");
        for issue in [&host.issue, &guest.issue] {
            in_tx!(db, tx => approvals::approve(tx, issue, "Ida", START_MS));
        }
        in_tx!(db, tx => release(tx, &host.issue));
        assert!(unstarted().await.is_some() && !is_started(&db, &guest.issue).await.unwrap());
        execute(&db, "UPDATE delivery SET attempt = 1, state = 'accepted', live = FALSE WHERE id = $1", values![&host.deliveries[0]]).await;
        assert!(unstarted().await.is_none() && is_started(&db, &guest.issue).await.unwrap());
        assert!(!is_started(&db, "iss_none").await.unwrap());
        assert_eq!(waiting_in(&db, &host.issue).await.unwrap(), waiting(1), "the other one has left");
        assert!(waiting_in(&db, &guest.issue).await.unwrap().is_empty());
        in_tx!(db, tx => issues::control(tx, &host.issue, "cancelled"));
        assert!(unstarted().await.is_none());
        let stands = |state: &str| Ridden { host_id: host.issue.clone(), newsletter: "alpha".to_owned(), nominal_date: "2027-01-12".to_owned(), state: state.to_owned(), mails: 1 };
        assert_eq!(ridden(&db, &guest.issue).await.unwrap(), [stands("accepted"), stands("cancelled")]);
        assert!(ridden(&db, &host.issue).await.unwrap().is_empty());
    }
}
