//! Taking a person's address, name and telephone number out of the texts of whichever table.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::{
    Tx,
    person::{Known, MARK, Table, failed},
    sql::like_plain,
};
use crate::domain::kernel::Result;

/// Where a spelling is taken away.
#[derive(Debug, Clone, Copy)]
pub enum Where<'k> {
    /// Wherever it stands: an address is nobody else's.
    Anywhere,
    /// In what people wrote, in rows that belong to this person by their key: names and telephone numbers are words that
    /// stand elsewhere for others, and for other things.
    Theirs(&'k Known),
}

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

/// Puts [`MARK`] in place of `spelling` in the texts of `table`, but for where it is a part of one of `longer`; how many rows
/// were looked at.
///
/// # Errors
/// `Internal` if the table cannot be written.
pub async fn scrub(
    tx: &mut Tx,
    table: &Table,
    spelling: &str,
    longer: &[String],
    place: Where<'_>,
) -> Result<u64> {
    let first_key = 4 + 2 * longer.len();
    let mut keys: Vec<String> = Vec::new();
    let (texts, theirs) = match place {
        Where::Anywhere => (table.texts.clone(), String::new()),
        Where::Theirs(known) => {
            let mut conditions = Vec::new();
            let mut of = |column: &str, ids: &[String]| {
                if table.has(column) && !ids.is_empty() {
                    let places: Vec<String> =
                        (0..ids.len()).map(|at| format!("${}", first_key + keys.len() + at)).collect();
                    keys.extend(ids.iter().cloned());
                    conditions.push(format!("\"{column}\" IN ({})", places.join(", ")));
                }
            };
            of("lead_id", &known.leads);
            of("contact_id", &known.contacts);
            if table.name == "audit" {
                of("subject", &known.leads);
            }
            let written = |column: &&String| {
                WRITTEN.contains(&column.as_str()) && !(table.name == "audit" && *column == "subject")
            };
            let texts: Vec<String> = table.texts.iter().filter(written).cloned().collect();
            if conditions.is_empty() || texts.is_empty() {
                return Ok(0);
            }
            (texts, format!(" AND ({})", conditions.join(" OR ")))
        }
    };
    // Letters of private use stand for others' longer addresses meanwhile.
    let stand_in = |at: usize| format!("\u{e0f0}{at}\u{e0f1}");
    let replaced = |column: &String| {
        let mut text = format!("\"{column}\"");
        for at in 0..longer.len() {
            text = format!("REPLACE({text}, ${}, ${})", 4 + 2 * at, 5 + 2 * at);
        }
        text = format!("REPLACE({text}, $1, $2)");
        for at in 0..longer.len() {
            text = format!("REPLACE({text}, ${}, ${})", 5 + 2 * at, 4 + 2 * at);
        }
        format!("\"{column}\" = {text}")
    };
    let set: Vec<String> = texts.iter().map(replaced).collect();
    let text = format!(
        "UPDATE \"{}\" SET {} WHERE {} LIKE LOWER($3) ESCAPE '!'{theirs}",
        table.name,
        set.join(", "),
        table.text()
    );
    let mut binds = vec![spelling.to_owned(), MARK.to_owned(), format!("%{}%", like_plain(spelling))];
    for (at, other) in longer.iter().enumerate() {
        binds.extend([other.clone(), stand_in(at)]);
    }
    binds.extend(keys);
    let sql = AssertSqlSafe(text).into_sql_str();
    let done = match tx {
        Tx::Sqlite(tx) => {
            let query = binds.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
            query.execute(&mut **tx).await.map(|done| done.rows_affected())
        }
        Tx::Postgres(tx) => {
            let query = binds.into_iter().fold(sqlx::query(sql), sqlx::query::Query::bind);
            query.execute(&mut **tx).await.map(|done| done.rows_affected())
        }
    };
    done.map_err(failed(&table.name))
}
