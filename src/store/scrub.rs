//! Taking a person's address, name and telephone number out of the texts of whichever table.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{
    Tx,
    person::{Known, MARK, Table, by_key, failed},
    sql::like_plain,
};
use crate::domain::kernel::{Error, Result, mention};

/// Columns in which a name or number may stand among other words; no word of the schema does.
const WRITTEN: [&str; 15] = [
    "actor",
    "answer_reason",
    "because",
    "detail",
    "diagnostic",
    "ended_because",
    "excerpt",
    "given_because",
    "name",
    "origin",
    "phone",
    "recipient_name",
    "reply",
    "subject",
    "what",
];

/// Columns that hold one address and nothing else: another's is another's, whatever it looks like.
const ADDRESSES: [&str; 9] = [
    "base_key",
    "contact_email",
    "email",
    "email_key",
    "owner_email",
    "person_key",
    "recipient_key",
    "rep_email",
    "rep_key",
];

/// Puts [`MARK`] in place of somebody's addresses in the texts of `table`, and of their names and telephone numbers in what
/// people wrote in rows that are theirs; how many rows were changed. What was fixed for an issue stays as it was approved.
///
/// # Errors
/// `Internal` if the table cannot be read or written.
pub async fn scrub(tx: &mut Tx, table: &Table, known: &Known) -> Result<u64> {
    let (own, words) = (known.own(), known.words());
    let mut changed = 0;
    for (id, is_theirs, row) in found(tx, table, known, (&own, &words)).await? {
        let row: BTreeMap<String, Option<String>> =
            serde_json::from_str(&row).map_err(|error| Error::internal("JSON").because(error))?;
        let mut set = Vec::new();
        for (column, cell) in row {
            let Some(cell) = cell else { continue };
            let left = taken_out(&table.name, &column, &cell, (&own, if is_theirs { &words } else { &[] }));
            if left != cell {
                set.push((column, left));
            }
        }
        if !set.is_empty() {
            changed += put(tx, table, &id, set).await?;
        }
    }
    Ok(changed)
}

/// A cell without somebody's addresses, and without the `words` that are theirs here.
fn taken_out(table: &str, column: &str, cell: &str, (own, words): (&[String], &[String])) -> String {
    if ADDRESSES.contains(&column) {
        let is_theirs = own.iter().any(|address| cell.eq_ignore_ascii_case(address));
        return if is_theirs { MARK.to_owned() } else { cell.to_owned() };
    }
    let mut left = cell.to_owned();
    for address in own {
        left = mention::without(&left, address, MARK).unwrap_or(left);
    }
    // The subject of an audit is a key.
    if WRITTEN.contains(&column) && !(table == "audit" && column == "subject") {
        for word in words {
            left = left.replace(word.as_str(), MARK);
        }
    }
    left
}

macro_rules! fetch {
    ($tx:expr, $text:expr, $binds:expr) => {{
        let mut query = sqlx::query_as::<_, (String, bool, String)>(AssertSqlSafe($text).into_sql_str());
        for bind in $binds {
            query = query.bind(bind);
        }
        query.fetch_all(&mut **$tx).await
    }};
}

/// The rows in which one of these texts stands, perhaps as a part of something longer: where the database keeps each, whether it
/// is theirs by its key, and its texts as JSON. Nobody else changes them until the transaction ends.
async fn found(
    tx: &mut Tx,
    table: &Table,
    known: &Known,
    (own, words): (&[String], &[String]),
) -> Result<Vec<(String, bool, String)>> {
    let like = |texts: &[String], first: usize| {
        let any: Vec<String> = (first..first + texts.len())
            .map(|at| format!("{} LIKE LOWER(${at}) ESCAPE '!'", table.text()))
            .collect();
        if any.is_empty() { "1 = 0".to_owned() } else { any.join(" OR ") }
    };
    let (theirs, keys) = by_key(table, known, own.len() + words.len() + 1);
    let fixed = match table.name.as_str() {
        "rendition" => " AND issue_id IS NULL",
        "link" => " AND rendition_id IN (SELECT r.id FROM rendition r WHERE r.issue_id IS NULL)",
        _ => "",
    };
    let pairs: Vec<String> = table.texts.iter().map(|column| format!("'{column}', \"{column}\"")).collect();
    let (place, object, locked) = match tx {
        Tx::Sqlite(_) => ("CAST(rowid AS TEXT)", format!("json_object({})", pairs.join(", ")), ""),
        Tx::Postgres(_) => (
            "CAST(ctid AS TEXT)",
            format!("CAST(json_build_object({}) AS TEXT)", pairs.join(", ")),
            " FOR UPDATE",
        ),
    };
    let text = format!(
        "SELECT {place}, CASE WHEN {theirs} THEN 1 ELSE 0 END = 1, {object} FROM \"{}\"
         WHERE (({}) OR ({theirs} AND ({}))){fixed}{locked}",
        table.name,
        like(own, 1),
        like(words, own.len() + 1),
    );
    let binds = own.iter().chain(words).map(|text| format!("%{}%", like_plain(text))).chain(keys);
    let rows = match tx {
        Tx::Sqlite(tx) => fetch!(tx, text, binds),
        Tx::Postgres(tx) => fetch!(tx, text, binds),
    };
    rows.map_err(failed(&table.name))
}

/// Writes cells of one row.
async fn put(tx: &mut Tx, table: &Table, id: &str, cells: Vec<(String, String)>) -> Result<u64> {
    let set: Vec<String> =
        cells.iter().enumerate().map(|(at, (column, _))| format!("\"{column}\" = ${}", at + 2)).collect();
    let place = match tx {
        Tx::Sqlite(_) => "rowid = CAST($1 AS INTEGER)",
        Tx::Postgres(_) => "ctid = CAST($1 AS tid)",
    };
    let text = format!("UPDATE \"{}\" SET {} WHERE {place}", table.name, set.join(", "));
    let binds = std::iter::once(id.to_owned()).chain(cells.into_iter().map(|(_, cell)| cell));
    let sql = AssertSqlSafe(text).into_sql_str();
    let done = match tx {
        Tx::Sqlite(tx) => {
            let query = binds.fold(sqlx::query(sql), sqlx::query::Query::bind);
            query.execute(&mut **tx).await.map(|done| done.rows_affected())
        }
        Tx::Postgres(tx) => {
            let query = binds.fold(sqlx::query(sql), sqlx::query::Query::bind);
            query.execute(&mut **tx).await.map(|done| done.rows_affected())
        }
    };
    done.map_err(failed(&table.name))
}
