//! Renditions and their tracked links.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// One message as one group of readers gets it.
#[derive(Debug, Clone)]
pub struct NewRendition {
    /// `rnd_` and 16 hex digits.
    pub id: String,
    /// The issue it belongs to; none for single mails.
    pub issue_id: Option<String>,
    /// Which of two subjects it has, `a` or `b`; empty where there is one.
    pub arm: &'static str,
    /// Whose brand it wears.
    pub partner_slug: String,
    /// The readers' roles.
    pub roles: String,
    /// The language it is in.
    pub locale: String,
    /// The subject, for lists.
    pub subject: String,
    /// The sender's address, also the envelope's.
    pub sender: String,
    /// Subject, HTML and text with slots, as JSON (`render::email::EmailRendition`), for "view in browser".
    pub body: String,
    /// The whole MIME message, encoded, with slot markers.
    pub wire: String,
    /// Tracked links, by number.
    pub links: Vec<NewLink>,
    /// The files that went into it.
    pub assets: Vec<NewPart>,
    /// The key messages that it tells, with the forms in which it does, the last met last: `read watch`.
    pub messages: Vec<(String, String)>,
}

/// A file that went into a rendition, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPart {
    /// Path under the content folder.
    pub path: String,
    /// Its hash, as in the history.
    pub hash: String,
    /// What of it.
    pub part: Part,
}

/// What of a file went into a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The issue's own text.
    Text,
    /// Title and summary on a card.
    Card,
    /// The newsletter's standing text.
    Standing,
}

impl Part {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Card => "card",
            Self::Standing => "standing",
        }
    }
}

/// A tracked link of a rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Where it leads.
    pub target: String,
    /// Its words, for reports.
    pub label: String,
    /// The asset it leads to, if it is one of ours.
    pub asset: Option<String>,
}

/// Stores renditions with their links and parts; those that are there already stay.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn insert(tx: &mut Tx, now_ms: UtcMs, renditions: Vec<NewRendition>) -> Result<()> {
    let (mut links, mut parts, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = Vec::with_capacity(renditions.len());
    for rendition in renditions {
        for (no, link) in (0_i64..).zip(rendition.links) {
            links.push(args![&rendition.id, no, link.target, link.label, link.asset]);
        }
        for part in rendition.assets {
            parts.push(args![&rendition.id, part.path, part.hash, part.part.as_str()]);
        }
        for (key_message, forms) in rendition.messages {
            messages.push(args![&rendition.id, key_message, forms]);
        }
        rows.push(args![
            rendition.id,
            rendition.issue_id,
            rendition.arm,
            rendition.partner_slug,
            rendition.roles,
            rendition.locale,
            rendition.subject,
            rendition.sender,
            rendition.body,
            rendition.wire,
            now_ms,
        ]);
    }
    tx.bulk(
        "INSERT INTO rendition (id, issue_id, arm, partner_slug, roles, locale, subject, sender, body, wire, created_ms)",
        rows,
        "ON CONFLICT (id) DO NOTHING",
    )
    .await?;
    tx.bulk(
        "INSERT INTO link (rendition_id, no, target, label, asset)",
        links,
        "ON CONFLICT (rendition_id, no) DO NOTHING",
    )
    .await?;
    tx.bulk(
        "INSERT INTO rendition_asset (rendition_id, path, hash, part)",
        parts,
        "ON CONFLICT (rendition_id, path) DO NOTHING",
    )
    .await?;
    tx.bulk(
        "INSERT INTO rendition_message (rendition_id, key_message, forms)",
        messages,
        "ON CONFLICT (rendition_id, key_message) DO NOTHING",
    )
    .await
    .map(|_| ())
}

/// What a worker needs of a rendition.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Wire {
    /// The encoded message with slot markers.
    pub wire: String,
    /// The envelope's sender.
    pub sender: String,
}

/// The encoded message of a rendition.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn wire(db: &Db, id: &str) -> Result<Option<Wire>> {
    db.opt("SELECT wire, sender FROM rendition WHERE id = $1", args![id]).await
}

/// Paths of the files that an issue's texts are made of, in their order, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn paths_of_issue(db: &Db, issue_id: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT a.path FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
             WHERE r.issue_id = $1 ORDER BY a.path LIMIT 1000",
            args![issue_id],
        )
        .await?;
    Ok(rows.into_iter().map(|(path,)| path).collect())
}

/// What "view in browser" and the console need of a rendition.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct View {
    /// The key.
    pub id: String,
    /// The issue it belongs to; none for single mails.
    pub issue_id: Option<String>,
    /// Whose brand it wears.
    pub partner_slug: String,
    /// The readers' roles.
    pub roles: String,
    /// The language it is in.
    pub locale: String,
    /// The subject.
    pub subject: String,
    /// Subject, HTML and text with slots, as JSON.
    pub body: String,
}

/// One rendition to look at.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn view(db: &Db, id: &str) -> Result<Option<View>> {
    db.opt(
        "SELECT id, issue_id, partner_slug, roles, locale, subject, body FROM rendition WHERE id = $1",
        args![id],
    )
    .await
}

/// A tracked link as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Link {
    /// Its number in the rendition.
    pub no: i64,
    /// Where it leads.
    pub target: String,
    /// Its words.
    pub label: String,
    /// The asset it leads to.
    pub asset: Option<String>,
}

/// The links of a rendition, by number.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn links(db: &Db, rendition_id: &str) -> Result<Vec<Link>> {
    db.all(
        "SELECT no, target, label, asset FROM link WHERE rendition_id = $1 ORDER BY no LIMIT 1000",
        args![rendition_id],
    )
    .await
}
