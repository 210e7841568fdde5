//! Renditions and their links.

use partnercast::{
    domain::kernel::Kind,
    store::renditions::{insert, links, paths_of_issue, view, wire},
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number, rows},
    outbox::rendition_of,
};

both_dbs! {
    /// Everything comes back as it was put in, slot markers and line ends included.
    async fn insert_and_read_back(db: Db) {
        let new = rendition_of("rnd_1", None);
        in_tx!(db, tx => insert(tx, START_MS, vec![new.clone(), rendition_of("rnd_2", None)]));
        let sendable = wire(&db, "rnd_1").await.unwrap().unwrap();
        assert_eq!((sendable.wire, sendable.sender), (new.wire.clone(), new.sender.clone()));
        let seen = view(&db, "rnd_1").await.unwrap().unwrap();
        assert_eq!((seen.subject, seen.body, seen.roles), (new.subject, new.body, new.roles));
        assert_eq!((seen.id.as_str(), seen.partner_slug.as_str(), seen.locale.as_str()), ("rnd_1", "northlight", "en"));
        let stored = links(&db, "rnd_1").await.unwrap();
        for (no, (stored, new)) in (0..).zip(stored.iter().zip(&new.links)) {
            assert_eq!((stored.no, &stored.target, &stored.label, &stored.asset), (no, &new.target, &new.label, &new.asset));
        }
        assert_eq!(stored.len(), 2);
        let parts: Vec<(String, String, String)> =
            rows(&db, "SELECT path, hash, part FROM rendition_asset WHERE rendition_id = 'rnd_1' ORDER BY path", vec![]).await;
        let parts: Vec<_> = parts.iter().map(|(path, hash, part)| (path.as_str(), hash.as_str(), part.as_str())).collect();
        assert_eq!(parts, [("blog/a.md", "a1", "card"), ("newsletters/n/i.md", "h1", "text")]);
        assert!(paths_of_issue(&db, "iss_none").await.unwrap().is_empty());
        assert!(wire(&db, "rnd_9").await.unwrap().is_none() && view(&db, "rnd_9").await.unwrap().is_none());
    }

    /// What was approved does not change: the second insert of an id is ignored, its links too.
    async fn insert_again_changes_nothing(db: Db) {
        in_tx!(db, tx => insert(tx, START_MS, vec![rendition_of("rnd_1", None)]));
        let mut other = rendition_of("rnd_1", None);
        other.subject = "another".to_owned();
        other.links[0].target = "https://evil.example/".to_owned();
        other.assets[0].hash = "h2".to_owned();
        in_tx!(db, tx => insert(tx, START_MS, vec![other]));
        assert_ne!(view(&db, "rnd_1").await.unwrap().unwrap().subject, "another");
        assert_eq!(links(&db, "rnd_1").await.unwrap()[0].target, "/read/first-24-hours?a=1&b=2");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM link", vec![]).await, 2);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM rendition_asset WHERE hash = 'h1'", vec![]).await, 1);
    }

    /// A rendition of an issue that is not there is refused.
    async fn insert_wants_the_issue(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let refused = match insert(&mut tx, START_MS, vec![rendition_of("rnd_1", Some("iss_none"))]).await {
            Err(error) => error,
            Ok(()) => tx.commit().await.unwrap_err(),
        };
        assert_eq!(refused.kind(), Kind::Invalid, "{}", refused.detail());
    }
}
