//! Everything that is held of one person, wherever it stands: for handing it out, and for taking it away.
//!
//! Tables and columns are read from the database itself, so that a new migration needs no change here. The texts of such
//! statements are made of those names alone.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{
    Db, Tx,
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
const ROWS_MAX: usize = 10_000;
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

    /// What must not be found any more, longest first.
    pub fn spellings(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.addresses.iter().chain(&self.names).chain(&self.phones).cloned().collect();
        all.push(self.base_key.clone());
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all.dedup();
        all
    }
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

/// Others' addresses of which `spelling` is a part, as they are spelled: `ana@a.example` is a part of `diana@a.example`. At
/// most 100.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn longer(db: &Db, spelling: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = db
        .all(
            "SELECT email FROM contact WHERE LOWER(email) LIKE LOWER($1) ESCAPE '!' AND LOWER(email) <> LOWER($2)
             UNION SELECT email FROM lead WHERE LOWER(email) LIKE LOWER($1) ESCAPE '!' AND LOWER(email) <> LOWER($2)
             UNION SELECT email FROM delivery WHERE LOWER(email) LIKE LOWER($1) ESCAPE '!' AND LOWER(email) <> LOWER($2)
             LIMIT 100",
            args![format!("%{}%", like_plain(spelling)), spelling],
        )
        .await?;
    let mut all: Vec<String> = rows.into_iter().flat_map(|(email,)| [email.to_lowercase(), email]).collect();
    all.sort();
    all.dedup();
    Ok(all)
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

/// The rows of `table` that may be about somebody: one JSON object a row, at most 10,000, and whether it surely is, being of
/// their messages. The others hold one of `texts`, perhaps as a part of something longer.
///
/// # Errors
/// `Internal` if the table cannot be read.
pub async fn rows(db: &Db, table: &Table, known: &Known, texts: &[String]) -> Result<Vec<(String, bool)>> {
    let mut conditions: Vec<String> =
        (1..=texts.len()).map(|at| format!("{} LIKE LOWER(${at}) ESCAPE '!'", table.text())).collect();
    let key = texts.len() + 1;
    let theirs = format!("(SELECT d.id FROM delivery d WHERE d.base_key = ${key})");
    let surely = match table.name.as_str() {
        "rendition" => format!(
            "id IN (SELECT d.rendition_id FROM delivery d WHERE d.base_key = ${key} AND d.issue_id IS NULL)"
        ),
        "enrolment_step" => format!("delivery_id IN {theirs}"),
        _ if table.has("delivery_id") => format!("delivery_id IN {theirs}"),
        _ => format!("${key} = ''"),
    };
    conditions.push(surely.clone());
    let pairs: Vec<String> = table.columns.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let object = match db {
        Db::Sqlite { .. } => format!("json_object({})", pairs.join(", ")),
        Db::Postgres(_) => format!("CAST(json_build_object({}) AS TEXT)", pairs.join(", ")),
    };
    let text = format!(
        "SELECT {object}, CASE WHEN {surely} THEN 1 ELSE 0 END = 1 FROM \"{}\" WHERE {} LIMIT {ROWS_MAX}",
        table.name,
        conditions.join(" OR ")
    );
    let binds = texts.iter().map(|text| format!("%{}%", like_plain(text))).chain([known.base_key.clone()]);
    let found = match db {
        Db::Sqlite { read, .. } => fetch!(read, text, binds),
        Db::Postgres(pool) => fetch!(pool, text, binds),
    };
    found.map_err(failed(&table.name))
}

/// Empties a contact; the row stays, so that what was sent stays countable.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_contact(tx: &mut Tx, id: &str, now_ms: UtcMs) -> Result<u64> {
    tx.run(
        "UPDATE contact SET name = '(erased)', email = LOWER(id) || '@erased.invalid',
             email_key = LOWER(id) || '@erased.invalid', base_key = LOWER(id) || '@erased.invalid', locale = NULL,
             zone = NULL, lead_contact = FALSE, active = FALSE, left_ms = $2, updated_ms = $2
         WHERE id = $1",
        args![id, now_ms],
    )
    .await
}

/// Empties a lead, its steps and what was done; when it reached which stage, by which asset, stays countable.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_lead(tx: &mut Tx, id: &str, stage: &str, now_ms: UtcMs) -> Result<()> {
    tx.run(
        "UPDATE lead SET name = '(erased)', company = '', email = LOWER(id) || '@erased.invalid',
             email_key = LOWER(id) || '@erased.invalid', person_key = LOWER(id) || '@erased.invalid', account = '', phone = NULL, job_role = NULL, company_size = NULL, origin = '',
             because = 'erased at the person''s request', stage = $2, updated_ms = $3,
             reopen_ms = NULL, asked_again_ms = NULL,
             owner_name = CASE WHEN $2 IN ('sql', 'deal_registered', 'won', 'lost') THEN owner_name END,
             owner_email = CASE WHEN $2 IN ('sql', 'deal_registered', 'won', 'lost') THEN owner_email END
         WHERE id = $1",
        args![id, stage, now_ms],
    )
    .await?;
    // Whoever else acted on it stays named: those it was offered to, and those the audit log knows.
    tx.run(
        "UPDATE lead_step SET what = '(erased)',
             actor = CASE WHEN actor = 'partnercast' OR actor IN (SELECT rep_name FROM offer WHERE lead_id = $1)
                               OR actor IN (SELECT a.actor FROM audit a WHERE a.subject = $1)
                          THEN actor ELSE '(erased)' END
         WHERE lead_id = $1",
        args![id],
    )
    .await
    .map(|_| ())
}

/// Takes agent and network off what somebody did.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_events(tx: &mut Tx, contact: Option<&str>, lead: Option<&str>) -> Result<u64> {
    tx.run(
        "UPDATE engagement_event SET agent = '', network = '', method = '', reduced = TRUE
         WHERE contact_id = $1 OR lead_id = $2",
        args![contact, lead],
    )
    .await
}

/// Empties the messages to somebody, and those about a lead, with what came back for them; what waits does not leave.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn blank_mail(tx: &mut Tx, base_key: &str, leads: &[String]) -> Result<u64> {
    tx.run(
        "UPDATE mail_report SET base_key = '', final_recipient = '', subject = '', diagnostic = '', excerpt = ''
         WHERE base_key = $1 OR delivery_id IN (SELECT d.id FROM delivery d WHERE d.base_key = $1)",
        args![base_key],
    )
    .await?;
    let mut changed = 0;
    for lead in leads.iter().map(String::as_str).chain([""]) {
        tx.run(
            "UPDATE rendition SET subject = '(erased)', body = '', wire = '' WHERE issue_id IS NULL AND id IN (
                 SELECT d.rendition_id FROM delivery d
                 WHERE d.issue_id IS NULL AND d.lane = 0 AND (d.base_key = $1 OR d.lead_id = $2))",
            args![base_key, lead],
        )
        .await?;
        tx.run(
            "UPDATE delivery SET state = 'cancelled', live = FALSE, token = token + 1, detail = NULL
             WHERE state = 'ready' AND live AND (base_key = $1 OR lead_id = $2)",
            args![base_key, lead],
        )
        .await?;
    }
    changed += tx
        .run(
            "UPDATE delivery SET recipient_key = LOWER(id) || '@erased.invalid', recipient_name = '(erased)',
                 email = LOWER(id) || '@erased.invalid', base_key = LOWER(id) || '@erased.invalid',
                 site = 'erased.invalid', because = '(erased)', detail = NULL
             WHERE base_key = $1",
            args![base_key],
        )
        .await?;
    Ok(changed)
}

/// Forgets entries of the do-not-send list, and open desks, of somebody.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn forget_keys(tx: &mut Tx, base_key: &str) -> Result<()> {
    tx.run("DELETE FROM suppression WHERE email_key = $1", args![base_key]).await?;
    tx.run("DELETE FROM session WHERE subject = $1", args![base_key]).await.map(|_| ())
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
