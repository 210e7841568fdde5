//! Everything that is held of one person, wherever it stands: for handing it out, and for taking it away.
//!
//! Tables and columns are read from the database itself, so that a new migration needs no change here. The texts of such
//! statements are made of those names alone.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{
    Db,
    sql::{Sql, args, like_plain},
};
use crate::domain::kernel::{Error, Result, clock::UtcMs, text::base_key};

/// What stands where somebody's data stood.
pub const MARK: &str = "(erased)";
/// The domain of addresses that stand where somebody's stood; nobody can own it (RFC 2606).
pub const NOWHERE: &str = "erased.invalid";

/// Whether an address stands where somebody's stood.
pub fn is_erased(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(_, domain)| domain == NOWHERE)
}
/// Rows of one table that are handed out.
pub const ROWS_MAX: usize = 10_000;
/// Tables that hold content, or nothing about people.
const OTHERS: [&str; 18] = [
    "_sqlx_migrations",
    "clock_change",
    "clock_seen",
    "content_head",
    "content_history",
    "content_removal",
    "content_revision",
    "erased_address",
    "freezing",
    "issue_guest",
    "node",
    "partner",
    "quota_use",
    "rendition_asset",
    "rendition_message",
    "stored_file",
    "used_token",
    // Ids and words, signed as they are.
    "webhook_event",
];

/// Under which keys somebody is known, and how their data is spelled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The address without its tag, lower case.
    pub base_key: String,
    /// As a partner's contact.
    pub contacts: Vec<String>,
    /// As a lead, one a partner.
    pub leads: Vec<String>,
    /// Addresses as they are spelled, longest first.
    pub addresses: Vec<String>,
    /// Names that nobody else has.
    pub names: Vec<String>,
    /// Telephone numbers.
    pub phones: Vec<String>,
}

impl Known {
    /// Whether nothing is held.
    pub fn is_nobody(&self) -> bool {
        self.contacts.is_empty() && self.leads.is_empty() && self.addresses.is_empty()
    }

    /// Their addresses as they are spelled, longest first: nobody else's, wherever they stand.
    pub fn own(&self) -> Vec<String> {
        let mut all: Vec<String> = self.addresses.iter().chain([&self.base_key]).cloned().collect();
        sort(&mut all);
        all
    }

    /// Names and telephone numbers, longest first: words that stand elsewhere for others, and for other things.
    pub fn words(&self) -> Vec<String> {
        let mut all: Vec<String> = self.names.iter().chain(&self.phones).cloned().collect();
        sort(&mut all);
        all
    }
}

fn sort(texts: &mut Vec<String>) {
    texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    texts.dedup();
}

/// Who is at `address`, whatever its tag.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn known(db: &Db, address: &str) -> Result<Known> {
    let key = base_key(address);
    let (local, domain) = key.split_once('@').unwrap_or((key.as_str(), ""));
    let tagged = format!("{}+%@{}", like_plain(local), like_plain(domain));
    let contacts: Vec<(String, String, String)> = db
        .all("SELECT id, name, email FROM contact WHERE base_key = $1 ORDER BY id LIMIT 100", args![&key])
        .await?;
    let leads: Vec<(String, String, String, Option<String>)> = db
        .all(
            "SELECT id, name, email, phone FROM lead WHERE email_key = $1 OR email_key LIKE $2 ESCAPE '!'
             ORDER BY id LIMIT 1000",
            args![&key, &tagged],
        )
        .await?;
    let mail: Vec<(String, String)> = db
        .all(
            "SELECT DISTINCT email, recipient_name FROM delivery WHERE base_key = $1 ORDER BY email LIMIT 1000",
            args![&key],
        )
        .await?;
    let hooks: Vec<(String,)> = db
        .all(
            "SELECT DISTINCT contact_email FROM webhook_endpoint
             WHERE LOWER(contact_email) = $1 OR LOWER(contact_email) LIKE $2 ESCAPE '!' ORDER BY contact_email LIMIT 100",
            args![&key, tagged],
        )
        .await?;
    let stopped: Vec<(String,)> =
        db.all("SELECT email_key FROM suppression WHERE email_key = $1 LIMIT 1", args![&key]).await?;
    let mut known = Known { base_key: key, ..Known::default() };
    let mut names = Vec::new();
    for (id, name, email) in contacts {
        known.contacts.push(id);
        names.push(name);
        known.addresses.extend([email.to_lowercase(), email]);
    }
    for (id, name, email, phone) in leads {
        known.leads.push(id);
        names.push(name);
        known.addresses.extend([email.to_lowercase(), email]);
        known.phones.extend(phone);
    }
    for (email, name) in mail {
        names.push(name);
        known.addresses.extend([email.to_lowercase(), email]);
    }
    for (email,) in hooks {
        known.addresses.extend([email.to_lowercase(), email]);
    }
    known.addresses.extend(stopped.into_iter().map(|(email,)| email));
    names.sort();
    names.dedup();
    for name in names {
        // A short or shared name would take others' data away.
        if name.chars().count() >= 5 && !is_shared(db, &name, &known).await? {
            known.names.push(name);
        }
    }
    for list in [&mut known.addresses, &mut known.phones] {
        list.retain(|text| text.len() >= 5);
        list.sort();
        list.dedup();
    }
    Ok(known)
}

async fn is_shared(db: &Db, name: &str, known: &Known) -> Result<bool> {
    let others: Vec<(String,)> = db
        .all(
            "SELECT id FROM contact WHERE LOWER(name) LIKE LOWER($1) ESCAPE '!'
             UNION ALL SELECT id FROM lead WHERE LOWER(name) LIKE LOWER($1) ESCAPE '!' LIMIT 2000",
            args![format!("%{}%", like_plain(name))],
        )
        .await?;
    Ok(others.iter().any(|(id,)| !known.contacts.contains(id) && !known.leads.contains(id)))
}

/// A table with its columns of text, and all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    pub(super) texts: Vec<String>,
}

impl Table {
    /// A row's texts as one, in lower case.
    pub(super) fn text(&self) -> String {
        let parts: Vec<String> =
            self.texts.iter().map(|column| format!("COALESCE(\"{column}\", '')")).collect();
        format!("LOWER({})", parts.join(" || '\n' || "))
    }

    /// Whether it has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known == column)
    }
}

/// The tables in which somebody may be mentioned.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn tables(db: &Db) -> Result<Vec<Table>> {
    let sql = Sql {
        sqlite: "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY m.name, c.cid",
        postgres:
            "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), UPPER(CAST(c.data_type AS TEXT))
                   FROM information_schema.columns c WHERE c.table_schema = current_schema()
                   ORDER BY c.table_name COLLATE \"C\", c.ordinal_position",
    };
    let rows: Vec<(String, String, String)> = db.all(sql, Vec::new()).await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, column, kind) in rows {
        if OTHERS.contains(&table.as_str()) {
            continue;
        }
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new(), texts: Vec::new() });
        }
        if let Some(last) = tables.last_mut() {
            if kind == "TEXT" {
                last.texts.push(column.clone());
            }
            last.columns.push(column);
        }
    }
    tables.retain(|table| !table.texts.is_empty());
    Ok(tables)
}

macro_rules! fetch {
    ($on:expr, $text:expr, $binds:expr) => {{
        let mut query = sqlx::query_as::<_, (String, bool)>(AssertSqlSafe($text).into_sql_str());
        for bind in $binds {
            query = query.bind(bind);
        }
        query.fetch_all($on).await
    }};
}

/// What went wrong with a table.
pub(super) fn failed(table: &str) -> impl Fn(sqlx::Error) -> Error {
    let table = table.to_owned();
    move |error| Error::internal(format!("table {table}")).because(error)
}

/// The condition by which a row of `table` belongs to somebody, whose keys are bound from `$first` on: rows of their lead, of
/// them as a contact, of what an audit says of their lead.
pub(super) fn by_key(table: &Table, known: &Known, first: usize) -> (String, Vec<String>) {
    let mut keys: Vec<String> = Vec::new();
    let mut conditions = vec!["1 = 0".to_owned()];
    let mut of = |column: &str, ids: &[String]| {
        if table.has(column) && !ids.is_empty() {
            let places: Vec<String> =
                (0..ids.len()).map(|at| format!("${}", first + keys.len() + at)).collect();
            keys.extend(ids.iter().cloned());
            conditions.push(format!("\"{column}\" IN ({})", places.join(", ")));
        }
    };
    of("lead_id", &known.leads);
    of("contact_id", &known.contacts);
    match table.name.as_str() {
        "lead" => of("id", &known.leads),
        "contact" => of("id", &known.contacts),
        "audit" => of("subject", &known.leads),
        _ => {}
    }
    (format!("({})", conditions.join(" OR ")), keys)
}

/// The rows of `table` that may be about somebody: one JSON object a row, at most one more than [`ROWS_MAX`], and whether it
/// belongs to them by its key. The others hold one of `texts`, perhaps as a part of something longer.
///
/// # Errors
/// `Internal` if the table cannot be read.
pub async fn rows(db: &Db, table: &Table, known: &Known, texts: &[String]) -> Result<Vec<(String, bool)>> {
    let mut conditions: Vec<String> =
        (1..=texts.len()).map(|at| format!("{} LIKE LOWER(${at}) ESCAPE '!'", table.text())).collect();
    let key = texts.len() + 1;
    let theirs = format!("(SELECT d.id FROM delivery d WHERE d.base_key = ${key})");
    let mail = match table.name.as_str() {
        "rendition" => format!(
            "id IN (SELECT d.rendition_id FROM delivery d WHERE d.base_key = ${key} AND d.issue_id IS NULL)"
        ),
        "enrolment_step" => format!("delivery_id IN {theirs}"),
        _ if table.has("delivery_id") => format!("delivery_id IN {theirs}"),
        _ => format!("${key} = ''"),
    };
    let (keyed, keys) = by_key(table, known, key + 1);
    let surely = format!("({mail} OR {keyed})");
    conditions.push(surely.clone());
    let pairs: Vec<String> = table.columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let object = match db {
        Db::Sqlite { .. } => format!("json_object({})", pairs.join(", ")),
        Db::Postgres(_) => format!("CAST(json_build_object({}) AS TEXT)", pairs.join(", ")),
    };
    let text = format!(
        "SELECT {object}, CASE WHEN {surely} THEN 1 ELSE 0 END = 1 FROM \"{}\" WHERE {} LIMIT {}",
        table.name,
        conditions.join(" OR "),
        ROWS_MAX + 1
    );
    let binds = texts
        .iter()
        .map(|text| format!("%{}%", like_plain(text)))
        .chain([known.base_key.clone()])
        .chain(keys);
    let found = match db {
        Db::Sqlite { read, .. } => fetch!(read, text, binds),
        Db::Postgres(pool) => fetch!(pool, text, binds),
    };
    found.map_err(failed(&table.name))
}

/// A rendition that was fixed for an issue, and holds an address.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Fixed {
    /// Its key.
    pub rendition_id: String,
    /// The issue: its newsletter and the day that it is for.
    pub issue: String,
    /// What it says.
    pub text: String,
    /// Messages of it that have not left.
    pub waiting: i64,
}

/// The renditions of issues in which `address` stands, perhaps as a part of a longer one; at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn fixed(db: &Db, address: &str) -> Result<Vec<Fixed>> {
    db.all(
        "SELECT r.id AS rendition_id, i.newsletter || ' ' || i.nominal_date AS issue,
             r.subject || ' ' || r.body || ' ' || r.wire AS text,
             (SELECT COUNT(*) FROM delivery d WHERE d.rendition_id = r.id AND d.live
                  AND d.state IN ('ready', 'leased')) AS waiting
         FROM rendition r JOIN issue i ON i.id = r.issue_id
         WHERE LOWER(r.subject || ' ' || r.body || ' ' || r.wire) LIKE LOWER($1) ESCAPE '!'
         ORDER BY r.id LIMIT 1000",
        args![format!("%{}%", like_plain(address))],
    )
    .await
}

/// What a person agreed to, through which partner, and by what.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Agreed {
    /// The lead by which it was given.
    pub lead_id: String,
    /// The partner that it names.
    pub partner_slug: String,
    /// How they came.
    pub origin: String,
    /// When.
    pub at_ms: UtcMs,
    /// What for.
    pub purpose: String,
    /// Which text.
    pub text_id: String,
    /// Its version.
    pub text_version: i64,
    /// The words the person saw.
    pub wording: String,
    /// Yes or no.
    pub granted: bool,
    /// The language of these words; empty where it was not noted.
    pub locale: String,
}

/// The consents of the person with this lower-cased address at all partners, newest first, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn consents(db: &Db, email_key: &str) -> Result<Vec<Agreed>> {
    db.all(
        "SELECT c.lead_id, l.partner_slug, l.origin, c.at_ms, c.purpose, c.text_id, c.text_version, c.wording, c.granted,
             c.locale
         FROM consent c JOIN lead l ON l.id = c.lead_id WHERE l.email_key = $1
         ORDER BY c.at_ms DESC, c.lead_id, c.text_id LIMIT 1000",
        args![email_key],
    )
    .await
}

impl Db {
    /// Writes the database anew, so that what was deleted is in no file of it any more. A SQLite file takes as long as copying
    /// it; PostgreSQL cleans beside, and its own backups and logs are its keeper's.
    ///
    /// # Errors
    /// `Unavailable` when somebody else is in the way for too long.
    pub async fn scour(&self) -> Result<()> {
        let in_the_way = |error: sqlx::Error| {
            Error::unavailable("the database cannot be written anew now; do it again later").because(error)
        };
        match self {
            Self::Sqlite { write, .. } => {
                for sql in ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
                    sqlx::query(sql).execute(write).await.map_err(in_the_way)?;
                }
            }
            Self::Postgres(pool) => {
                sqlx::query("VACUUM").execute(pool).await.map_err(in_the_way)?;
            }
        }
        Ok(())
    }
}
