//! Many rows in one statement, as each database likes it best.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, postgres::PgArguments};

use super::sql::Arg;

/// Rows of one statement on SQLite; with 24 columns this stays under its limit of 32,766 bound values.
const BULK_ROWS_MAX: usize = 500;

/// A part of a bulk statement that fits SQLite's limits.
pub(super) struct Chunk {
    pub(super) sql: sqlx::SqlStr,
    pub(super) args: Vec<Arg>,
    /// Only full chunks recur often enough to be worth a place in the statement cache.
    pub(super) keep: bool,
}

/// For SQLite: `before VALUES (…), (…) after`.
pub(super) fn chunks(before: &'static str, rows: Vec<Vec<Arg>>, after: &'static str) -> Vec<Chunk> {
    let mut rows = rows.into_iter().peekable();
    let mut chunks = Vec::new();
    while let Some(columns) = rows.peek().map(Vec::len) {
        let chunk: Vec<Vec<Arg>> = rows.by_ref().take(BULK_ROWS_MAX).collect();
        let text = bulk_text(before, chunk.len(), columns, after);
        chunks.push(Chunk {
            // The text is made of our own constants and of `$n`; values are bound.
            sql: AssertSqlSafe(text).into_sql_str(),
            keep: chunk.len() == BULK_ROWS_MAX,
            args: chunk.into_iter().flatten().collect(),
        });
    }
    chunks
}

fn bulk_text(before: &str, rows: usize, columns: usize, after: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(before.len() + rows * columns * 6 + after.len());
    text.push_str(before);
    text.push_str(" VALUES ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}${}", row * columns + column + 1);
        }
        text.push(')');
    }
    text.push(' ');
    text.push_str(after);
    text
}

/// For PostgreSQL: `before SELECT * FROM unnest($1, $2) after`, an array a column. One text whatever the number of
/// rows, so that the server parses and plans it once.
pub(super) fn columns(before: &str, rows: Vec<Vec<Arg>>, after: &str) -> (sqlx::SqlStr, PgArguments) {
    use sqlx::Arguments as _;
    let mut columns: Vec<Column> = rows.first().into_iter().flatten().map(Column::like).collect();
    for (column, arg) in rows.into_iter().flat_map(|row| row.into_iter().enumerate()) {
        columns[column].push(arg);
    }
    let arrays: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("${}::{}[]", at + 1, column.type_name()))
        .collect();
    let text = format!("{before} SELECT * FROM unnest({}) {after}", arrays.join(", "));
    let mut arguments = PgArguments::default();
    for column in columns {
        match column {
            Column::Text(values) => arguments.add(values),
            Column::Int(values) => arguments.add(values),
            Column::Bool(values) => arguments.add(values),
        }
        .expect("arrays of text, integers and booleans can always be encoded");
    }
    // The text is made of our own constants and of `$n`; values are bound.
    (AssertSqlSafe(text).into_sql_str(), arguments)
}

/// The values of one column, as one argument.
enum Column {
    Text(Vec<Option<String>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
}

impl Column {
    fn like(arg: &Arg) -> Self {
        match arg {
            Arg::Text(_) => Self::Text(Vec::new()),
            Arg::Int(_) => Self::Int(Vec::new()),
            Arg::Bool(_) => Self::Bool(Vec::new()),
        }
    }

    fn push(&mut self, arg: Arg) {
        match (self, arg) {
            (Self::Text(values), Arg::Text(value)) => values.push(value),
            (Self::Int(values), Arg::Int(value)) => values.push(value),
            (Self::Bool(values), Arg::Bool(value)) => values.push(value),
            _ => unreachable!("a column holds one type: the callers build all rows by the same expression"),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Int(_) => "bigint",
            Self::Bool(_) => "boolean",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_statements_number_their_values_through() {
        assert_eq!(
            bulk_text("INSERT INTO t (a, b)", 2, 2, "ON CONFLICT DO NOTHING"),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"
        );
    }
}
