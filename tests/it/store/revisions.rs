//! The history of content.

use partnercast::{
    domain::{content::Commit, kernel::Result},
    store::{
        Db, Tx,
        contents::{NewBody, NewFile, replace},
        revisions::{
            Advanced, NewHead, advance, head_since_ms, last_changes, numbered, numbers, of_path, paths,
            removals, removed, text,
        },
    },
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
};

const A: &str = "blog/a.md";

fn head(path: &str, hash: &str) -> NewHead {
    NewHead { path: path.to_owned(), hash: hash.to_owned(), is_text: true }
}

async fn nos(db: &Db, path: &str) -> Vec<(i64, String, i64)> {
    let page = of_path(db, path, i64::MAX).await.unwrap();
    page.into_iter().map(|it| (it.no, it.hash, it.since_ms - START_MS)).collect()
}

/// As the sync does it: the heads first.
async fn store(tx: &mut Tx, hash: &str) -> Result<()> {
    let body = NewBody::Text(hash.to_owned());
    let file = NewFile { path: A.to_owned(), hash: hash.to_owned(), body };
    replace(tx, START_MS, vec![file], &[]).await?;
    advance(tx, START_MS, None, &[head(A, hash)], &[]).await.map(drop)
}

both_dbs! {
    /// Numbers follow each other for each path; going back and coming back take a new one, standing still takes none.
    async fn advance_numbers_each_path(db: Db) {
        let commit = Commit::of_id(&"a".repeat(40)).unwrap().with_object("author A <a@x> 7 +0\n\nSay it");
        let first = in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1"), head("blog/b.md", "b1")], &[]));
        assert_eq!(first.changed.len(), 2);
        let again = in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1"), head("blog/b.md", "b1")], &[]));
        assert_eq!(again, Advanced::default(), "another process came first");
        in_tx!(db, tx => advance(tx, START_MS + 1, Some(&commit), &[head(A, "h2")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 2, None, &[head(A, "h2")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 3, None, &[head(A, "h1")], &[]));
        let owned = |no, hash: &str, ms| (no, hash.to_owned(), ms);
        assert_eq!(nos(&db, A).await, [owned(3, "h1", 3), owned(2, "h2", 1), owned(1, "h1", 0)]);
        assert_eq!(nos(&db, "blog/b.md").await, [owned(1, "b1", 0)]);
        let second = numbered(&db, A, 2).await.unwrap().unwrap();
        assert_eq!(second.commit_id, Some("a".repeat(40)));
        assert_eq!((second.commit_subject.as_deref(), second.commit_authored_ms), (Some("Say it"), Some(7_000)));
        assert_eq!(numbered(&db, A, 1).await.unwrap().unwrap().commit_id, None);
        assert!(numbered(&db, A, 4).await.unwrap().is_none() && numbered(&db, "none.md", 1).await.unwrap().is_none());

        let gone = in_tx!(db, tx => advance(tx, START_MS + 4, Some(&commit), &[], &[A.to_owned(), "none.md".to_owned()]));
        assert_eq!(gone.gone, [A]);
        assert!(in_tx!(db, tx => advance(tx, START_MS + 5, None, &[], &[A.to_owned()])).gone.is_empty());
        let gone = removals(&db, A).await.unwrap();
        assert_eq!((gone.len(), gone[0].no, gone[0].at_ms), (1, 3, START_MS + 4), "once");
        assert!(gone[0].commit_id.is_some() && removals(&db, "none.md").await.unwrap().is_empty());
        in_tx!(db, tx => advance(tx, START_MS + 6, None, &[head(A, "h1")], &[]));
        assert_eq!(nos(&db, A).await[0], owned(4, "h1", 6), "it came back with the text that it left with");
        let all = numbers(&db, A).await.unwrap();
        assert_eq!(all.iter().filter(|it| it.hash == "h1").map(|it| it.no).collect::<Vec<_>>(), [4, 3, 1]);
    }

    /// What a text said when its file was taken away; nothing once there is one again.
    async fn removed_texts_are_found(db: Db) {
        let source = "INSERT INTO content_revision (hash, path, source, stored_ms) VALUES ($1, $2, $3, $4)";
        execute(&db, source, values!["h1", A, "The text.", START_MS]).await;
        in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 4, None, &[], &[A.to_owned()]));
        let found = removed(&db, "blog/", START_MS).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].source.as_str(), found[0].at_ms), (A, "The text.", START_MS + 4));
        assert_eq!(removed(&db, "blog/", START_MS + 5).await.unwrap().len(), 0, "long ago");
        assert_eq!(removed(&db, "webinars/", START_MS).await.unwrap().len(), 0);
        in_tx!(db, tx => advance(tx, START_MS + 6, None, &[head(A, "h1")], &[]));
        assert_eq!(removed(&db, "blog/", START_MS).await.unwrap().len(), 0, "it is a later number");
    }

    /// A text's age is that of its last change, also when it went back to an older one.
    async fn head_since_ms_is_when_it_changed(db: Db) {
        assert_eq!(head_since_ms(&db, A).await.unwrap(), None);
        in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 1, None, &[head(A, "h2")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 2, None, &[head(A, "h1")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 3, None, &[head(A, "h1")], &[]));
        let at = "INSERT INTO content_head (path, hash, is_text, stored_ms) VALUES ($1, 'h1', TRUE, 0)";
        execute(&db, at, values![A]).await;
        assert_eq!(head_since_ms(&db, A).await.unwrap(), Some(START_MS + 2));
    }

    /// A long history is read in pages, and many files in one go.
    async fn of_path_goes_beyond_a_page(db: Db) {
        let many: Vec<NewHead> = (0..1_200).map(|at| head(&format!("blog/{at:04}.md"), "x")).collect();
        in_tx!(db, tx => advance(tx, START_MS, None, &many, &[]));
        for no in 0..105 {
            in_tx!(db, tx => advance(tx, START_MS + no, None, &[head(A, &format!("h{no}"))], &[]));
        }
        let first = of_path(&db, A, i64::MAX).await.unwrap();
        let second = of_path(&db, A, first.last().unwrap().no).await.unwrap();
        assert_eq!((first.len(), first[0].no, second.len(), second[0].no), (100, 105, 5, 5));
        let some = paths(&db, "blog/0", "").await.unwrap();
        assert_eq!((some.len(), some[0].as_str()), (1_000, "blog/0000.md"));
        assert!(paths(&db, "blog/0", some.last().unwrap()).await.unwrap().is_empty());
        assert_eq!(paths(&db, "blog/1", "blog/1198.md").await.unwrap(), ["blog/1199.md"]);
        assert!(paths(&db, "blog/%", "").await.unwrap().is_empty(), "a prefix, not a pattern");
    }

    /// Of two processes that store the same in the same moment, one numbers it.
    async fn advance_waits_for_another_process(db: Db) {
        in_tx!(db, tx => store(tx, "h1"));
        for hash in ["h2", "h3", "h4"] {
            let both = [0, 1].map(|_| {
                let db = db.clone();
                tokio::spawn(async move { in_tx!(db, tx => store(tx, hash)) })
            });
            for one in both {
                one.await.unwrap();
            }
        }
        let told: Vec<(i64, String)> = nos(&db, A).await.into_iter().map(|(no, hash, _)| (no, hash)).collect();
        assert_eq!(told, [(4, "h4"), (3, "h3"), (2, "h2"), (1, "h1")].map(|(no, hash)| (no, hash.to_owned())));
    }

    /// What an installation holds when its tables are brought up to date is number 1, since when its text was stored.
    async fn what_is_there_already_is_number_1(db: Db) {
        in_tx!(db, tx => store(tx, "h1"));
        execute(&db, "UPDATE content_revision SET stored_ms = $1", values![START_MS - 7]).await;
        let picture = NewBody::Binary { media_type: "image/png", base64: "iVBORw0KGgo=".to_owned() };
        let picture = NewFile { path: "images/a.png".to_owned(), hash: "p1".to_owned(), body: picture };
        in_tx!(db, tx => replace(tx, START_MS + 2, vec![picture], &[]));
        execute(&db, "DELETE FROM content_history", vec![]).await;
        let migration = include_str!("../../../migrations/0011_revisions.sql");
        let begin = migration.find("INSERT INTO content_history").unwrap();
        let end = begin + migration[begin..].find(';').unwrap();
        execute(&db, &migration[begin..end], vec![]).await;
        assert_eq!(nos(&db, A).await, [(1, "h1".to_owned(), -7)]);
        assert_eq!(nos(&db, "images/a.png").await, [(1, "p1".to_owned(), 2)]);
        in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1")], &[]));
        assert_eq!(nos(&db, A).await.len(), 1, "the next sync finds nothing new");
    }

    /// Texts are found by hash, for ever.
    async fn text_by_hash(db: Db) {
        let add = "INSERT INTO content_revision (hash, path, source, stored_ms) VALUES ($1, $2, $3, $4)";
        execute(&db, add, values!["h1", A, "one\n", START_MS]).await;
        assert_eq!(text(&db, "h1").await.unwrap().as_deref(), Some("one\n"));
        assert_eq!(text(&db, "h2").await.unwrap(), None);
    }

    /// The time of the last change of a path grows with every one: a new text, one that comes back, and its removal.
    async fn last_changes_never_go_back(db: Db) {
        let (other, odd) = ("blog/a_b.md", "blog/aXb.md");
        in_tx!(db, tx => advance(tx, START_MS, None, &[head(A, "h1"), head(other, "o"), head(odd, "o")], &[]));
        let of = |prefix: &'static str| { let db = db.clone(); async move { last_changes(&db, prefix).await.unwrap() } };
        let at = |path: &str, ms| (path.to_owned(), START_MS + ms);
        assert_eq!(of("blog/a_").await, [at(other, 0)], "an underscore is an underscore");
        in_tx!(db, tx => advance(tx, START_MS + 5, None, &[head(A, "h2")], &[]));
        in_tx!(db, tx => advance(tx, START_MS + 9, None, &[], &[A.to_owned()]));
        assert_eq!(of(A).await, [at(A, 9)], "it is gone");
        in_tx!(db, tx => advance(tx, START_MS + 11, None, &[head(A, "h1")], &[]));
        let mut all = of("blog/").await;
        all.sort();
        assert_eq!(all, [at(A, 11), at(odd, 0), at(other, 0)]);
        assert!(of("none").await.is_empty());
    }
}
