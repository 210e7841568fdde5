//! People as others name them: by id, by address, or by a part of name or address. Imports are `partners.rs`.

use super::{Db, sql::args};
use crate::domain::kernel::{Result, clock::UtcMs};

/// Most people returned for one name.
pub const MATCHES_MAX: usize = 11;

/// A person and their partner, active or not.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Known {
    /// The key.
    pub id: String,
    /// Name.
    pub name: String,
    /// Address as written.
    pub email: String,
    /// Address in lower case.
    pub email_key: String,
    /// Partner's slug.
    pub partner_slug: String,
    /// Partner's name.
    pub partner_name: String,
    /// Roles, separated by semicolons.
    pub roles: String,
    /// Own language, else the partner's.
    pub locale: String,
    /// Own zone, else the partner's.
    pub zone: String,
    /// Whether the roster still lists them.
    pub active: bool,
    /// When the roster last changed them.
    pub updated_ms: UtcMs,
}

/// People with exactly this id or address; at most one of each.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn named(db: &Db, id_or_address: &str) -> Result<Vec<Known>> {
    db.all(
        "SELECT c.id, c.name, c.email, c.email_key, c.partner_slug, p.name AS partner_name, c.roles,
             COALESCE(c.locale, p.locale) AS locale, COALESCE(c.zone, p.zone) AS zone, c.active, c.updated_ms
         FROM contact c JOIN partner p ON p.slug = c.partner_slug
         WHERE c.id = $1 OR c.email_key = $2 ORDER BY c.id LIMIT 2",
        args![id_or_address, id_or_address.to_lowercase()],
    )
    .await
}

/// People whose name or address holds `part` (upper and lower case alike for ASCII), at most [`MATCHES_MAX`], by address.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn matching(db: &Db, part: &str) -> Result<Vec<Known>> {
    let escaped = part.to_lowercase().replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    db.all(
        r"SELECT c.id, c.name, c.email, c.email_key, c.partner_slug, p.name AS partner_name, c.roles,
             COALESCE(c.locale, p.locale) AS locale, COALESCE(c.zone, p.zone) AS zone, c.active, c.updated_ms
         FROM contact c JOIN partner p ON p.slug = c.partner_slug
         WHERE c.email_key LIKE $1 ESCAPE '\' OR LOWER(c.name) LIKE $1 ESCAPE '\'
         ORDER BY c.email_key LIMIT 11",
        args![format!("%{escaped}%")],
    )
    .await
}
