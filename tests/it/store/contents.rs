//! Synced content.

use partnercast::store::contents::{
    NewBody, NewFile, file, first_stored_ms, hash_of, head_texts, heads, replace, store_files,
};

use crate::harness::{
    START_MS, both_dbs,
    databases::{in_tx, number},
};

fn text(path: &str, hash: &str, source: &str) -> NewFile {
    NewFile { path: path.to_owned(), hash: hash.to_owned(), body: NewBody::Text(source.to_owned()) }
}

fn picture(path: &str, hash: &str) -> NewFile {
    let body = NewBody::Binary { media_type: "image/png", base64: "iVBORw0KGgo=".to_owned() };
    NewFile { path: path.to_owned(), hash: hash.to_owned(), body }
}

both_dbs! {
    /// The head moves on, the revisions stay, the time of the first storing is kept.
    async fn replace_keeps_revisions_and_the_first_time(db: Db) {
        let files = vec![text("blog/a.md", "h1", "one\n"), picture("images/a.png", "p1")];
        in_tx!(db, tx => replace(tx, START_MS, files, &[]));
        in_tx!(db, tx => replace(tx, START_MS + 9, vec![text("blog/a.md", "h2", "two\n")], &[]));
        let texts = head_texts(&db).await.unwrap();
        assert_eq!(texts.len(), 1, "pictures are no texts");
        assert_eq!((texts[0].path.as_str(), texts[0].source.as_str()), ("blog/a.md", "two\n"));
        assert_eq!(hash_of(&db, "blog/a.md").await.unwrap().as_deref(), Some("h2"));
        assert_eq!(first_stored_ms(&db, "blog/a.md").await.unwrap(), Some(START_MS));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM content_revision", vec![]).await, 2);
        let stored = file(&db, "p1").await.unwrap().unwrap();
        assert_eq!((stored.media_type.as_str(), stored.base64.as_str()), ("image/png", "iVBORw0KGgo="));
        let all: Vec<_> = heads(&db).await.unwrap().into_iter().map(|h| (h.path, h.hash, h.stored_ms)).collect();
        let expected = [("blog/a.md", "h2"), ("images/a.png", "p1")];
        assert_eq!(all, expected.map(|(path, hash)| (path.to_owned(), hash.to_owned(), START_MS)));
    }

    /// A file that is gone leaves the head and nothing else; coming back to an old text is no new revision.
    async fn replace_forgets_paths_and_never_texts(db: Db) {
        in_tx!(db, tx => replace(tx, START_MS, vec![text("a.md", "h1", "one"), text("b.md", "h1", "one")], &[]));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM content_revision", vec![]).await, 1, "one text, two places");
        in_tx!(db, tx => replace(tx, START_MS, vec![], &["a.md".to_owned(), "none.md".to_owned()]));
        assert_eq!(hash_of(&db, "a.md").await.unwrap(), None);
        assert_eq!(first_stored_ms(&db, "a.md").await.unwrap(), None);
        in_tx!(db, tx => replace(tx, START_MS + 1, vec![text("a.md", "h1", "one")], &[]));
        assert_eq!(number(&db, "SELECT COUNT(*) FROM content_revision", vec![]).await, 1);
        assert_eq!(head_texts(&db).await.unwrap().len(), 2);
        assert!(file(&db, "h1").await.unwrap().is_none(), "a text is no stored file");
    }

    /// Pages of 1,000 join without gap or overlap.
    async fn heads_and_texts_go_beyond_a_page(db: Db) {
        let files = (0..2_000).map(|at| text(&format!("blog/{at:05}.md"), &format!("h{at}"), "x")).collect();
        in_tx!(db, tx => replace(tx, START_MS, files, &[]));
        let paths: Vec<String> = heads(&db).await.unwrap().into_iter().map(|head| head.path).collect();
        assert_eq!(paths.len(), 2_000);
        assert!(paths.is_sorted());
        assert_eq!(head_texts(&db).await.unwrap().len(), 2_000);
    }

    /// Files may be stored without a place in the folder; texts among them are not, and twice is once.
    async fn store_files_gives_them_no_path(db: Db) {
        for _ in 0..2 {
            in_tx!(db, tx => store_files(tx, START_MS, vec![picture("logo.png", "p9"), text("a.md", "h9", "x")]));
        }
        assert_eq!(file(&db, "p9").await.unwrap().unwrap().media_type, "image/png");
        assert!(file(&db, "h9").await.unwrap().is_none());
        assert!(heads(&db).await.unwrap().is_empty());
    }
}
