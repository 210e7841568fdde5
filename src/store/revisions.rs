//! The history of content: which text of a file was the head when. Append-only.

use serde::Serialize;

use super::{
    Db, Tx,
    sql::{args, like_plain},
};
use crate::domain::{
    content::Commit,
    kernel::{Result, clock::UtcMs},
};

/// Numbers read in one page.
pub const PAGE: usize = 100;
/// Removals and translations named at most.
const FEW: i64 = 1_000;

/// One number of a file's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Revision {
    /// Path under the content folder.
    pub path: String,
    /// From 1, without gaps.
    pub no: i64,
    /// SHA-256 of path and text, or of an image's bytes, hex. An earlier text that came back has its hash again.
    pub hash: String,
    /// Whether it is text.
    pub is_text: bool,
    /// When it became the head.
    pub since_ms: UtcMs,
    /// The content folder's commit then, where there was one.
    pub commit_id: Option<String>,
    /// The commit's subject, where it could be read.
    pub commit_subject: Option<String>,
    /// When the commit was written, likewise.
    pub commit_authored_ms: Option<UtcMs>,
}

/// A number, shortly.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Number {
    /// As [`Revision::hash`].
    pub hash: String,
    /// The number.
    pub no: i64,
    /// When it became the head.
    pub since_ms: UtcMs,
}

/// A path that left the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Removal {
    /// The number that was its head.
    pub no: i64,
    /// When.
    pub at_ms: UtcMs,
    /// The content folder's commit then.
    pub commit_id: Option<String>,
}

/// A file that is the head of its path from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHead {
    /// Path under the content folder.
    pub path: String,
    /// As [`Revision::hash`].
    pub hash: String,
    /// Whether it is text.
    pub is_text: bool,
}

/// What a transaction really changed, and not another process before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advanced {
    /// Paths that have a new number.
    pub changed: Vec<String>,
    /// Paths that are gone.
    pub gone: Vec<String>,
}

/// Gives `heads` their next numbers, and notes that `gone` are gone, in the transaction that replaces the heads and after
/// it did: it waits there for another process that stores the same files, and then sees what that one numbered. A head
/// that is the latest number already gets none. Returns what got one, and what went, by this call.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn advance(
    tx: &mut Tx,
    now_ms: UtcMs,
    commit: Option<&Commit>,
    heads: &[NewHead],
    gone: &[String],
) -> Result<Advanced> {
    let id = commit.map(|commit| commit.id.clone());
    let subject = commit.and_then(|commit| commit.subject.clone());
    let authored_ms = commit.and_then(|commit| commit.authored_ms);
    let rows = heads.iter().map(|head| {
        args![&head.path, &head.hash, head.is_text, now_ms, id.clone(), subject.clone(), authored_ms]
    });
    let changed: Vec<(String,)> = tx
        .bulk_all(
            "WITH n (path, hash, is_text, since_ms, commit_id, commit_subject, commit_authored_ms) AS (",
            rows.collect(),
            ") INSERT INTO content_history
               (path, no, hash, is_text, since_ms, commit_id, commit_subject, commit_authored_ms)
           SELECT n.path, COALESCE((SELECT MAX(h.no) FROM content_history h WHERE h.path = n.path), 0) + 1,
               n.hash, n.is_text, n.since_ms, n.commit_id, n.commit_subject, n.commit_authored_ms
           FROM n WHERE NOT EXISTS (
               SELECT 1 FROM content_history l WHERE l.path = n.path AND l.hash = n.hash
                 AND l.no = (SELECT MAX(h.no) FROM content_history h WHERE h.path = n.path)
                 AND NOT EXISTS (SELECT 1 FROM content_removal x WHERE x.path = l.path AND x.no = l.no))
           RETURNING path",
        )
        .await?;
    let rows = gone.iter().map(|path| args![path, now_ms, id.clone()]);
    let gone: Vec<(String,)> = tx.bulk_all(
        "WITH n (path, at_ms, commit_id) AS (",
        rows.collect(),
        ") INSERT INTO content_removal (path, no, at_ms, commit_id)
           SELECT n.path, (SELECT MAX(h.no) FROM content_history h WHERE h.path = n.path), n.at_ms, n.commit_id
           FROM n WHERE EXISTS (SELECT 1 FROM content_history h WHERE h.path = n.path)
           ON CONFLICT (path, no) DO NOTHING
           RETURNING path",
    )
    .await?;
    let paths = |rows: Vec<(String,)>| rows.into_iter().map(|(path,)| path).collect();
    Ok(Advanced { changed: paths(changed), gone: paths(gone) })
}

/// The numbers of `path` below `before`, the latest first, at most [`PAGE`].
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_path(db: &Db, path: &str, before: i64) -> Result<Vec<Revision>> {
    db.all(
        "SELECT path, no, hash, is_text, since_ms, commit_id, commit_subject, commit_authored_ms
         FROM content_history WHERE path = $1 AND no < $2 ORDER BY no DESC LIMIT $3",
        args![path, before, PAGE as i64],
    )
    .await
}

/// One number of `path`.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn numbered(db: &Db, path: &str, no: i64) -> Result<Option<Revision>> {
    db.opt(
        "SELECT path, no, hash, is_text, since_ms, commit_id, commit_subject, commit_authored_ms
         FROM content_history WHERE path = $1 AND no = $2",
        args![path, no],
    )
    .await
}

/// The numbers that `path` has had, the latest first, at most 1,000. A text that came back has several.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn numbers(db: &Db, path: &str) -> Result<Vec<Number>> {
    db.all(
        "SELECT hash, no, since_ms FROM content_history WHERE path = $1 ORDER BY no DESC LIMIT $2",
        args![path, FEW],
    )
    .await
}

/// When `path` left the folder, the latest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn removals(db: &Db, path: &str) -> Result<Vec<Removal>> {
    db.all(
        "SELECT no, at_ms, commit_id FROM content_removal WHERE path = $1 ORDER BY no DESC LIMIT $2",
        args![path, FEW],
    )
    .await
}

/// The text of a revision, by its hash; nothing for images.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn text(db: &Db, hash: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        db.opt("SELECT source FROM content_revision WHERE hash = $1", args![hash]).await?;
    Ok(row.map(|(source,)| source))
}

/// Paths of the history after `after` that begin with `prefix`, by path, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn paths(db: &Db, prefix: &str, after: &str) -> Result<Vec<String>> {
    let plain = like_plain(prefix);
    let rows: Vec<(String,)> = db
        .all(
            "SELECT path FROM content_history WHERE no = 1 AND path LIKE $1 ESCAPE '!' AND path > $2
             ORDER BY path LIMIT $3",
            args![format!("{plain}%"), after, FEW],
        )
        .await?;
    Ok(rows.into_iter().map(|(path,)| path).collect())
}

/// Since when `path` has the text that it has, if it is there.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn head_since_ms(db: &Db, path: &str) -> Result<Option<UtcMs>> {
    let row: Option<(Option<i64>,)> = db
        .opt(
            "SELECT MAX(y.since_ms) FROM content_history y JOIN content_head h ON h.path = y.path AND h.hash = y.hash
             WHERE y.path = $1",
            args![path],
        )
        .await?;
    Ok(row.and_then(|(since_ms,)| since_ms))
}

/// A text whose file is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Removed {
    /// Path under the content folder.
    pub path: String,
    /// What it said last.
    pub source: String,
    /// When it left the folder.
    pub at_ms: UtcMs,
}

/// Texts that begin with `prefix`, are in no folder below it, and left at `since_ms` or later, the last path first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn removed(db: &Db, prefix: &str, since_ms: UtcMs) -> Result<Vec<Removed>> {
    let plain = like_plain(prefix);
    db.all(
        "SELECT x.path, r.source, x.at_ms FROM content_removal x
         JOIN content_history y ON y.path = x.path AND y.no = x.no
         JOIN content_revision r ON r.hash = y.hash
         WHERE x.at_ms >= $2 AND x.path LIKE $1 ESCAPE '!' AND x.path NOT LIKE $4 ESCAPE '!'
           AND NOT EXISTS (SELECT 1 FROM content_head h WHERE h.path = x.path)
           AND x.no = (SELECT MAX(l.no) FROM content_history l WHERE l.path = x.path)
         ORDER BY x.path DESC LIMIT $3",
        args![format!("{plain}%"), since_ms, FEW, format!("{plain}%/%")],
    )
    .await
}

/// Since when each path that begins with `prefix` was first known, of those that were not at `since_ms`; at most 1,000, the
/// latest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn first_known(db: &Db, prefix: &str, since_ms: UtcMs) -> Result<Vec<(String, UtcMs)>> {
    db.all(
        "SELECT path, MIN(since_ms) FROM content_history WHERE path LIKE $1 ESCAPE '!'
         GROUP BY path HAVING MIN(since_ms) > $2 ORDER BY MIN(since_ms) DESC, path LIMIT 1000",
        args![format!("{}%", like_plain(prefix)), since_ms],
    )
    .await
}

/// When each path that begins with `prefix` was last given a text or taken away, the last path first, at most 1,000. Grows
/// with every change, whichever it is, and never shrinks.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn last_changes(db: &Db, prefix: &str) -> Result<Vec<(String, UtcMs)>> {
    let plain = like_plain(prefix);
    db.all(
        "SELECT path, MAX(at_ms) AS at_ms FROM (
             SELECT path, since_ms AS at_ms FROM content_history WHERE path LIKE $1 ESCAPE '!'
             UNION ALL
             SELECT path, at_ms FROM content_removal WHERE path LIKE $1 ESCAPE '!') c
         GROUP BY path ORDER BY path DESC LIMIT $2",
        args![format!("{plain}%"), FEW],
    )
    .await
}
