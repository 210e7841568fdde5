//! Issues that share mails: released, or taken back, together.

use partnercast::store::{
    Db, Tx, approvals, deliveries,
    digests::{NewRide, beside, dissolve, hold, insert, of_issue, unreleased_beside},
    freezing, issues, outbox,
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::{DOMAIN, LIFETIME_MS, Scene},
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
        in_tx!(db, tx => approvals::approve(tx, &guest.issue, "Ida", START_MS));
        assert_eq!(in_tx!(db, tx => beside(tx, &host.issue, &host.issue)), [guest.issue.as_str()]);
        in_tx!(db, tx => issues::control(tx, &guest.issue, "paused"));
        assert_eq!(in_tx!(db, tx => release(tx, &host.issue)), None, "the guest is paused");
        in_tx!(db, tx => issues::control(tx, &guest.issue, "running"));
        assert_eq!(in_tx!(db, tx => release(tx, &host.issue)), Some(3));
        assert_eq!(in_tx!(db, tx => unreleased_beside(tx, &host.issue, &guest.issue)), None, "too late");
        assert_eq!(in_tx!(db, tx => release(tx, &guest.issue)), Some(1), "one has it as a mail of its own");
        execute(&db, "UPDATE delivery SET state = 'accepted', live = FALSE, accepted_ms = $2 WHERE issue_id = $1", values![&guest.issue, START_MS]).await;
        in_tx!(db, tx => issues::finish(tx, START_MS));
        let state = async |issue: &str| issues::issue(&db, issue).await.unwrap().unwrap().state;
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("sending".to_owned(), "sending".to_owned()));
        execute(&db, "UPDATE delivery SET state = 'failed', live = FALSE WHERE issue_id = $1", values![&host.issue]).await;
        in_tx!(db, tx => issues::finish(tx, START_MS));
        in_tx!(db, tx => issues::finish(tx, START_MS));
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("done".to_owned(), "done".to_owned()));
        assert!(in_tx!(db, tx => outbox::send_again(tx, &host.deliveries[0], START_MS, LIFETIME_MS)));
        assert_eq!((state(&host.issue).await, state(&guest.issue).await), ("sending".to_owned(), "sending".to_owned()), "it waits again");
        execute(&db, "UPDATE delivery SET live = FALSE, state = 'failed'", vec![]).await;
        assert_eq!(deliveries::unfinished(&db).await.unwrap(), 0);
    }

    /// What is taken back goes whole: rows, links and promises; one that stays is by itself.
    async fn a_digest_is_dissolved(db: Db) {
        let (host, guest) = two(&db).await;
        let others = in_tx!(db, tx => unreleased_beside(tx, &host.issue, &guest.issue));
        assert_eq!(others, Some(vec![host.issue.clone()]));
        in_tx!(db, tx => dissolve(tx, &host.issue, std::slice::from_ref(&host.issue), START_MS - 1));
        assert!(issues::issue(&db, &host.issue).await.unwrap().is_none());
        assert_eq!(freezing::abandoned(&db, 0).await.unwrap(), Some(host.issue.clone()), "its audience is taken away later");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM promise WHERE issue_id = $1", values![&host.issue]).await, 0);
        assert_eq!(in_tx!(db, tx => hold(tx, &guest.issue)), None);
        assert!(of_issue(&db, &guest.issue).await.unwrap().is_empty());
        assert!(in_tx!(db, tx => freezing::thaw(tx, &guest.issue, START_MS - 1)));
    }
}
