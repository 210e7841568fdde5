//! Many rows in one statement, as each database likes it best.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, postgres::PgArguments};

use super::sql::Arg;

/// Rows of one statement on SQLite; with 24 columns this stays under its limit of 32,766 bound values.
const BULK_ROWS_MAX: usize = 512;

/// A part of a bulk statement that fits SQLite's limits.
pub(super) struct Chunk {
    pub(super) sql: sqlx::SqlStr,
    pub(super) args: Vec<Arg>,
}

/// For SQLite: `before VALUES (…), (…) after`, in pieces of 512, 256, 128 .. 1 rows, so that a handful of texts serve
/// every number of rows and each is prepared once.
pub(super) fn chunks(before: &'static str, mut rows: Vec<Vec<Arg>>, after: &'static str) -> Vec<Chunk> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut chunks = Vec::new();
    while !rows.is_empty() {
        let size = BULK_ROWS_MAX.min(1 << rows.len().ilog2());
        let rest = rows.split_off(size);
        let text = bulk_text(before, size, columns, after);
        // The text is made of our own constants and of `?`; values are bound.
        let sql = AssertSqlSafe(text).into_sql_str();
        chunks.push(Chunk { sql, args: std::mem::replace(&mut rows, rest).into_iter().flatten().collect() });
    }
    chunks
}

/// `?` rather than `$1`, which SQLite takes for a name and looks for among all others, each time.
fn bulk_text(before: &str, rows: usize, columns: usize, after: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("{before} VALUES {} {after}", vec![row.as_str(); rows].join(", "))
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
    fn bulk_statements_come_in_few_sizes() {
        assert_eq!(
            bulk_text("INSERT INTO t (a, b)", 2, 2, "ON CONFLICT DO NOTHING"),
            "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING"
        );
        let rows: Vec<Vec<Arg>> = (0..1_101).map(|row| vec![Arg::Int(Some(row))]).collect();
        let chunks = chunks("INSERT INTO t (a)", rows.clone(), "");
        let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.args.len()).collect();
        assert_eq!(sizes, [512, 512, 64, 8, 4, 1]);
        assert_eq!(chunks.into_iter().flat_map(|chunk| chunk.args).collect::<Vec<_>>(), rows.concat());
    }
}
