//! What is fixed is fixed from what its authors have saved by then, however long ago the folder was looked at.

use std::{fs, path::Path};

use partnercast::{
    domain::kernel::{Kind, clock::MINUTE_MS},
    work::{approve, follow, publish},
};

use super::{
    Rig,
    release::{DUE_MS, MARCUS, note, with_letter_in},
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

/// Puts `after` where `before` stands in a file.
fn edit(dir: &Path, file: &str, before: &str, after: &str) {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(before));
    fs::write(path, text.replace(before, after)).unwrap();
}

/// How many texts of the issue have `words` in them.
async fn texts_with(rig: &Rig, words: &str) -> i64 {
    let issue = note(rig).await;
    let sql = "SELECT COUNT(*) FROM rendition WHERE issue_id = $1 AND body LIKE $2";
    number(&rig.ctx.db, sql, values![&issue.id, format!("%{words}%")]).await
}

const ISSUE: &str = "newsletters/note/2027-01-12.md";

both_dbs! {
    /// An author saves, and in the same moment it freezes, or somebody returns it to draft: the new text is frozen. What has
    /// errors is not taken, and says so to whoever wants the issue frozen anew.
    async fn what_was_saved_a_moment_ago_is_what_is_frozen(db: Db) {
        let dir = tempfile::tempdir().unwrap();
        let rig = with_letter_in(&dir, db, "approval: required\n", "").await;
        follow::begin(&rig.ctx, Some(dir.path()), false).await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        edit(dir.path(), ISSUE, "Hello.", "Good morning.");
        publish::tick(&rig.ctx).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        assert_eq!((texts_with(&rig, "Hello.").await, texts_with(&rig, "Good morning.").await > 0), (0, true));

        edit(dir.path(), ISSUE, "Good morning.", "Good afternoon.");
        let first = note(&rig).await;
        approve::return_to_draft(&rig.ctx, &first.id, MARCUS).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        let second = note(&rig).await;
        assert!(second.id != first.id && texts_with(&rig, "Good afternoon.").await > 0);

        edit(dir.path(), ISSUE, "subject: Note A", "subjekt: Note A");
        let refused = approve::return_to_draft(&rig.ctx, &second.id, MARCUS).await.unwrap_err();
        assert!(refused.kind() == Kind::Conflict && refused.public().contains("the content folder has errors"), "{refused}");
        assert_eq!(note(&rig).await.id, second.id, "it stays as it is");
        edit(dir.path(), ISSUE, "subjekt: Note A", "subject: Note B");
        approve::return_to_draft(&rig.ctx, &second.id, MARCUS).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        assert!(texts_with(&rig, "Note B").await > 0);
    }
}
