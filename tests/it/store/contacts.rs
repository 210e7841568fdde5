//! People as others name them.

use partnercast::store::contacts::{MATCHES_MAX, matching, named};

use crate::harness::{
    both_dbs,
    databases::execute,
    outbox::{Scene, address, key},
};

both_dbs! {
    /// An id or an address, in whatever case, names one person, also one who is no longer active.
    async fn named_wants_id_or_address(db: Db) {
        let scene = Scene::frozen(&db, "fold-forward", 2).await;
        execute(&db, "UPDATE contact SET active = FALSE", vec![]).await;
        for name in [scene.contacts[1].clone(), address(1), address(1).to_uppercase()] {
            let found = named(&db, &name).await.unwrap();
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!((found[0].id.as_str(), found[0].email_key.clone()), (scene.contacts[1].as_str(), key(1)));
            assert_eq!((found[0].zone.as_str(), found[0].locale.as_str()), ("Europe/Copenhagen", "da-DK"));
            assert!(!found[0].active);
        }
        assert!(named(&db, "reader").await.unwrap().is_empty(), "a part names nobody here");
    }

    /// A part of name or address finds those who have it; signs that mean something to LIKE mean themselves.
    async fn matching_finds_parts_and_stops_at_some(db: Db) {
        Scene::frozen(&db, "fold-forward", 12).await;
        assert_eq!(matching(&db, "READER0000").await.unwrap().len(), 10);
        assert_eq!(matching(&db, "00011@").await.unwrap()[0].email_key, key(11));
        assert_eq!(matching(&db, "o'brien").await.unwrap().len(), MATCHES_MAX);
        for part in ["%", "_", "\\", "reader%", "nobody"] {
            assert!(matching(&db, part).await.unwrap().is_empty(), "{part}");
        }
    }
}
