//! Copying a whole SQLite installation into PostgreSQL: the tables as they are, whatever they hold.
//!
//! Tables, columns and their order are read from the source itself, so that a new migration needs no change here. The
//! texts of statements are made of those names alone; that the source's tables are ours is checked before.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use sqlx::{
    AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr, SqlitePool, postgres::PgRow, sqlite::SqliteRow,
};

use super::{Db, Tx, sql::args};
use crate::domain::kernel::{Error, Result};

/// Rows in memory at a time.
const BATCH: i64 = 200;
/// The table in which migrations are kept.
const LEDGER: &str = "_sqlx_migrations";

/// How a column is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Bool,
    Real,
}

/// A table of the source.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    columns: Vec<(String, Kind)>,
    refers_to: Vec<String>,
}

/// What a table holds: how many rows, and a sum over all of them that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Sum of the rows' SHA-256, cut to 128 bits, modulo 2^128.
    pub digest: u128,
}

impl Sum {
    fn add(&mut self, row: &str) {
        let hash = Sha256::digest(row.as_bytes());
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        self.digest = self.digest.wrapping_add(u128::from_be_bytes(first));
        self.rows += 1;
    }
}

/// What there is at the target before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// No table at all.
    Fresh,
    /// Tables of ours.
    Ours,
    /// Tables of somebody else, by name; at most ten.
    Foreign(Vec<String>),
}

/// Looks at the tables of a PostgreSQL database.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn target(db: &Db) -> Result<Target> {
    let names: Vec<(String,)> = db
        .all(
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()
             ORDER BY (tablename <> '_sqlx_migrations'), tablename LIMIT 10",
            Vec::new(),
        )
        .await?;
    let names: Vec<String> = names.into_iter().map(|(name,)| name).collect();
    Ok(match names.first().map(String::as_str) {
        None => Target::Fresh,
        Some(LEDGER) => Target::Ours,
        Some(_) => Target::Foreign(names),
    })
}

/// Settings of a PostgreSQL server under which what was committed can be lost, each in a sentence without its end.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn cautions(db: &Db) -> Result<Vec<String>> {
    let off: Vec<(String,)> = db
        .all(
            "SELECT CAST(name AS TEXT) FROM pg_settings
             WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'off' ORDER BY name",
            Vec::new(),
        )
        .await?;
    Ok(off
        .into_iter()
        .map(|(name,)| {
            format!("{name} is off at that server: a crash there may lose what was committed; turn it on")
        })
        .collect())
}

/// The tables of a SQLite database, those that others refer to first.
///
/// # Errors
/// A column of a kind that we do not use, or those of [`Db::all`].
pub async fn tables(source: &Db) -> Result<Vec<Table>> {
    let names: Vec<(String,)> = source
        .all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'
               AND name <> '_sqlx_migrations' ORDER BY name",
            Vec::new(),
        )
        .await?;
    let mut tables = Vec::new();
    for (name,) in names {
        let columns: Vec<(String, String)> =
            source.all("SELECT name, type FROM pragma_table_info($1) ORDER BY cid", args![&name]).await?;
        let columns = columns
            .into_iter()
            .map(|(column, declared)| {
                let kind = match declared.as_str() {
                    "TEXT" => Kind::Text,
                    "BIGINT" => Kind::Int,
                    "BOOLEAN" => Kind::Bool,
                    "DOUBLE PRECISION" => Kind::Real,
                    other => {
                        return Err(Error::internal(format!(
                            "column {name}.{column} is of the kind {other}"
                        )));
                    }
                };
                Ok((column, kind))
            })
            .collect::<Result<Vec<_>>>()?;
        let refers_to: Vec<(String,)> =
            source.all("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1)", args![&name]).await?;
        let refers_to = refers_to.into_iter().map(|(other,)| other).filter(|other| *other != name).collect();
        tables.push(Table { name, columns, refers_to });
    }
    in_order(tables)
}

/// Puts each table behind those it refers to.
fn in_order(mut waiting: Vec<Table>) -> Result<Vec<Table>> {
    let mut ordered: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let is_there = |name: &String| ordered.iter().any(|table| table.name == *name);
        let (ready, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|table| table.refers_to.iter().all(is_there));
        if ready.is_empty() {
            let names: Vec<_> = later.into_iter().map(|table| table.name).collect();
            return Err(Error::internal(format!("the tables {} refer to each other", names.join(", "))));
        }
        ordered.extend(ready);
        waiting = later;
    }
    Ok(ordered)
}

impl Table {
    fn list(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        quoted.join(", ")
    }

    /// A statement made of names of our own tables.
    fn statement(text: String) -> SqlStr {
        AssertSqlSafe(text).into_sql_str()
    }

    /// A row as a line of COPY's text format (PostgreSQL documentation, COPY, "Text Format"); also what is summed.
    fn line<'r, R: Cells<'r>>(&self, row: &'r R, first: usize) -> Result<String> {
        let mut line = String::new();
        for (at, (column, kind)) in self.columns.iter().enumerate() {
            if at > 0 {
                line.push('\t');
            }
            let unreadable = |error: sqlx::Error| {
                Error::internal(format!("table {}, column {column}", self.name)).because(error)
            };
            match row.cell(first + at, *kind).map_err(unreadable)? {
                None => line.push_str("\\N"),
                Some(value) => escape(&mut line, &value).map_err(|()| {
                    Error::invalid(format!(
                        "table {}, column {column} holds a NUL character, which PostgreSQL does not store; mend that \
                         row in the SQLite file first",
                        self.name
                    ))
                })?,
            }
        }
        line.push('\n');
        Ok(line)
    }
}

fn escape(line: &mut String, value: &str) -> Result<(), ()> {
    for letter in value.chars() {
        match letter {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\0' => return Err(()),
            letter => line.push(letter),
        }
    }
    Ok(())
}

/// A row of either database, as text.
trait Cells<'r> {
    fn cell(&'r self, at: usize, kind: Kind) -> Result<Option<String>, sqlx::Error>;
}

macro_rules! cells {
    ($row:ty) => {
        impl<'r> Cells<'r> for $row {
            fn cell(&'r self, at: usize, kind: Kind) -> Result<Option<String>, sqlx::Error> {
                Ok(match kind {
                    Kind::Text => self.try_get_unchecked::<Option<String>, _>(at)?,
                    Kind::Int => self.try_get_unchecked::<Option<i64>, _>(at)?.map(|value| value.to_string()),
                    Kind::Bool => self
                        .try_get_unchecked::<Option<bool>, _>(at)?
                        .map(|value| if value { "t" } else { "f" }.to_owned()),
                    Kind::Real => {
                        self.try_get_unchecked::<Option<f64>, _>(at)?.map(|value| value.to_string())
                    }
                })
            }
        }
    };
}
cells!(SqliteRow);
cells!(PgRow);

/// Copies one table in batches and returns what was read. `progress` is told how many rows are done.
///
/// # Errors
/// `Invalid` for a value that PostgreSQL does not store; `Internal` when `source` is not SQLite or `tx` not PostgreSQL.
pub async fn copy(
    source: &Db,
    tx: &mut Tx,
    table: &Table,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Sum> {
    let (Db::Sqlite { read, .. }, Tx::Postgres(tx)) = (source, tx) else {
        return Err(Error::internal("copying goes from SQLite to PostgreSQL"));
    };
    let lost = |error| Error::unavailable(format!("table {} could not be copied", table.name)).because(error);
    let into = format!("COPY \"{}\" ({}) FROM STDIN", table.name, table.list());
    let mut sink = tx.copy_in_raw(&into).await.map_err(lost)?;
    let (mut sum, mut after) = (Sum::default(), i64::MIN);
    loop {
        let rows = batch(read, table, after).await.map_err(lost)?;
        let Some(last) = rows.last() else { break };
        after = last.try_get(0).map_err(lost)?;
        let mut text = String::new();
        for row in &rows {
            let line = table.line(row, 1)?;
            sum.add(&line);
            // Writing to a String cannot fail.
            let _ = write!(text, "{line}");
        }
        sink.send(text.into_bytes()).await.map_err(lost)?;
        progress(sum.rows);
    }
    sink.finish().await.map_err(lost)?;
    Ok(sum)
}

async fn batch(read: &SqlitePool, table: &Table, after: i64) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let text = format!(
        "SELECT rowid, {} FROM \"{}\" WHERE rowid > $1 ORDER BY rowid LIMIT {BATCH}",
        table.list(),
        table.name
    );
    sqlx::query(Table::statement(text)).bind(after).fetch_all(read).await
}

/// Reads a table of the target back and returns what it holds.
///
/// # Errors
/// Those of [`Tx::run`]; `Internal` when `tx` is not PostgreSQL.
pub async fn sum(tx: &mut Tx, table: &Table) -> Result<Sum> {
    let Tx::Postgres(tx) = tx else {
        return Err(Error::internal("what was copied is in PostgreSQL"));
    };
    let lost =
        |error| Error::unavailable(format!("table {} could not be read back", table.name)).because(error);
    // A cursor of the table's own name: the driver remembers the columns of a statement by its text.
    let cursor = format!("\"copied_{}\"", table.name);
    let declare =
        format!("DECLARE {cursor} NO SCROLL CURSOR FOR SELECT {} FROM \"{}\"", table.list(), table.name);
    sqlx::query(Table::statement(declare)).execute(&mut **tx).await.map_err(lost)?;
    let mut sum = Sum::default();
    loop {
        let fetch = Table::statement(format!("FETCH {BATCH} FROM {cursor}"));
        let rows = sqlx::query(fetch).fetch_all(&mut **tx).await.map_err(lost)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            sum.add(&table.line(row, 0)?);
        }
    }
    let close = Table::statement(format!("CLOSE {cursor}"));
    sqlx::query(close).execute(&mut **tx).await.map_err(lost)?;
    Ok(sum)
}

/// Empties a table that holds what migrations put there.
///
/// # Errors
/// Those of [`Tx::run`]; `Internal` when `tx` is not PostgreSQL.
pub async fn clear(tx: &mut Tx, table: &Table) -> Result<()> {
    let Tx::Postgres(tx) = tx else {
        return Err(Error::internal("only a PostgreSQL target is emptied"));
    };
    let delete = Table::statement(format!("DELETE FROM \"{}\"", table.name));
    let done = sqlx::query(delete).execute(&mut **tx).await;
    done.map(|_| ()).map_err(|error| {
        Error::unavailable(format!("table {} could not be emptied", table.name)).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, refers_to: &[&str]) -> Table {
        let refers_to = refers_to.iter().map(|other| (*other).to_owned()).collect();
        Table { name: name.to_owned(), columns: Vec::new(), refers_to }
    }

    #[test]
    fn who_is_referred_to_comes_first() {
        let tables = vec![table("a", &["b", "c"]), table("b", &["c"]), table("c", &[]), table("d", &[])];
        let names: Vec<_> = in_order(tables).unwrap().into_iter().map(|table| table.name).collect();
        assert_eq!(names, ["c", "d", "b", "a"]);
        let round = in_order(vec![table("a", &["b"]), table("b", &["a"])]).unwrap_err();
        assert!(round.detail().contains("a, b"), "{}", round.detail());
    }

    #[test]
    fn a_line_keeps_every_character_apart() {
        let mut line = String::new();
        escape(&mut line, "a\tb\\N\nc\r\u{e000}").unwrap();
        assert_eq!(line, "a\\tb\\\\N\\nc\\r\u{e000}");
        assert!(escape(&mut line, "\0").is_err());
        let (mut one, mut two) = (Sum::default(), Sum::default());
        ["x\n", "y\n"].iter().for_each(|row| one.add(row));
        ["y\n", "x\n"].iter().for_each(|row| two.add(row));
        assert_eq!(one, two, "in whatever order");
        two.add("x\n");
        assert_ne!(one, two);
    }
}
