//! Synced content: immutable revisions, small files, and what the folder holds now.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Files read in one page.
const PAGE: usize = 1_000;

/// A text file at its present revision.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HeadText {
    /// Path under the content folder.
    pub path: String,
    /// The file's text.
    pub source: String,
}

/// Path, hash and first storing of a file at its present revision.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Head {
    /// Path under the content folder.
    pub path: String,
    /// SHA-256 of the bytes, hex.
    pub hash: String,
    /// When this path was first stored.
    pub stored_ms: UtcMs,
}

/// A stored binary file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredFile {
    /// Such as `image/png`.
    pub media_type: String,
    /// The bytes, base64.
    pub base64: String,
}

/// Everything the folder holds now, by path; at most `PAGE` a call.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn heads(db: &Db) -> Result<Vec<Head>> {
    let mut heads: Vec<Head> = Vec::new();
    loop {
        let after = heads.last().map(|head| head.path.clone()).unwrap_or_default();
        let page: Vec<Head> = db
            .all(
                "SELECT path, hash, stored_ms FROM content_head WHERE path > $1 ORDER BY path LIMIT $2",
                args![after, PAGE as i64],
            )
            .await?;
        let last = page.len() < PAGE;
        heads.extend(page);
        if last {
            return Ok(heads);
        }
    }
}

/// All text files at their present revision, by path.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn head_texts(db: &Db) -> Result<Vec<HeadText>> {
    let mut texts: Vec<HeadText> = Vec::new();
    loop {
        let after = texts.last().map(|text| text.path.clone()).unwrap_or_default();
        let page: Vec<HeadText> = db
            .all(
                "SELECT h.path, r.source FROM content_head h JOIN content_revision r ON r.hash = h.hash
                 WHERE h.is_text AND h.path > $1 ORDER BY h.path LIMIT $2",
                args![after, PAGE as i64],
            )
            .await?;
        let last = page.len() < PAGE;
        texts.extend(page);
        if last {
            return Ok(texts);
        }
    }
}

/// When `path` was first stored, if it is there.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn first_stored_ms(db: &Db, path: &str) -> Result<Option<UtcMs>> {
    let row: Option<(i64,)> =
        db.opt("SELECT stored_ms FROM content_head WHERE path = $1", args![path]).await?;
    Ok(row.map(|(ms,)| ms))
}

/// A stored file by content hash.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn file(db: &Db, hash: &str) -> Result<Option<StoredFile>> {
    db.opt("SELECT media_type, base64 FROM stored_file WHERE hash = $1", args![hash]).await
}

/// The hash of the file at `path` now.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn hash_of(db: &Db, path: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db.opt("SELECT hash FROM content_head WHERE path = $1", args![path]).await?;
    Ok(row.map(|(hash,)| hash))
}

/// A file to store.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Path under the content folder.
    pub path: String,
    /// SHA-256 of the bytes, hex.
    pub hash: String,
    /// Text, or base64 with its media type.
    pub body: NewBody,
}

/// The two kinds of file.
#[derive(Debug, Clone)]
pub enum NewBody {
    /// UTF-8 text.
    Text(String),
    /// A small binary file.
    Binary {
        /// Such as `image/png`.
        media_type: &'static str,
        /// The bytes, base64.
        base64: String,
    },
}

/// Stores small binary files without giving them a place in the content folder.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn store_files(tx: &mut Tx, now_ms: UtcMs, files: Vec<NewFile>) -> Result<()> {
    let rows = files.into_iter().filter_map(|file| match file.body {
        NewBody::Binary { media_type, base64 } => Some(args![file.hash, media_type, base64, now_ms]),
        NewBody::Text(_) => None,
    });
    tx.bulk(
        "INSERT INTO stored_file (hash, media_type, base64, stored_ms)",
        rows.collect(),
        "ON CONFLICT (hash) DO NOTHING",
    )
    .await
    .map(|_| ())
}

/// Stores `files` and makes them the present ones; `gone` are paths no longer there. Revisions stay.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn replace(tx: &mut Tx, now_ms: UtcMs, files: Vec<NewFile>, gone: &[String]) -> Result<()> {
    let (mut revisions, mut binaries, mut heads) = (Vec::new(), Vec::new(), Vec::new());
    for NewFile { path, hash, body } in files {
        heads.push(args![&path, &hash, matches!(body, NewBody::Text(_)), now_ms]);
        match body {
            NewBody::Text(source) => revisions.push(args![hash, path, source, now_ms]),
            NewBody::Binary { media_type, base64 } => {
                binaries.push(args![hash, media_type, base64, now_ms]);
            }
        }
    }
    tx.bulk(
        "INSERT INTO content_revision (hash, path, source, stored_ms)",
        revisions,
        "ON CONFLICT (hash) DO NOTHING",
    )
    .await?;
    tx.bulk(
        "INSERT INTO stored_file (hash, media_type, base64, stored_ms)",
        binaries,
        "ON CONFLICT (hash) DO NOTHING",
    )
    .await?;
    tx.bulk(
        "INSERT INTO content_head (path, hash, is_text, stored_ms)",
        heads,
        "ON CONFLICT (path) DO UPDATE SET hash = excluded.hash, is_text = excluded.is_text",
    )
    .await?;
    for path in gone {
        tx.run("DELETE FROM content_head WHERE path = $1", args![path]).await?;
    }
    Ok(())
}
