//! A CSV file of leads, row by row, so that a large one takes no more memory than its bytes.

use super::{COLUMNS, Fault, Row, at, column_meant, quoted};
use crate::domain::kernel::sheet::{Line, Slip, Table};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most rows in a file.
pub const ROWS_MAX: u64 = 200_000;
/// Columns that every file has.
const NEEDED: [&str; 3] = ["email", "name", "company"];

/// A file whose header was read.
#[derive(Debug)]
pub struct Sheet<'b> {
    table: Table<'b>,
    /// Which of [`COLUMNS`] each field of a row is; nothing for one that nobody knows.
    columns: Vec<Option<usize>>,
    /// What is wrong with the header.
    faults: Vec<Fault>,
}

impl<'b> Sheet<'b> {
    /// Reads the header: columns by name, in any order. What is wrong with it comes before the rows, which are read all the
    /// same: whoever mends a file wants to know everything at once.
    ///
    /// # Errors
    /// What keeps the whole file from being read.
    pub fn open(bytes: &'b [u8]) -> Result<Self, Fault> {
        let table = Table::open(bytes, FILE_BYTES_MAX, &all()).map_err(|slip| fault(slip, ""))?;
        let (mut columns, mut faults) = (Vec::new(), Vec::new());
        for name in &table.header {
            let mut fault = |message: &str, fix: String| {
                let value = quoted(name);
                faults.push(Fault { row: table.header_line, value, ..Fault::whole(message, fix) });
            };
            let known = at(name);
            match known {
                Some(_) if columns.contains(&known) => {
                    fault("the column is there twice", "keep one of them".to_owned());
                }
                Some(_) => {}
                None => fault("there is no such column", column_meant(name)),
            }
            columns.push(known);
        }
        let mut sheet = Self { table, columns, faults };
        let lacking: Vec<&str> = NEEDED.into_iter().filter(|name| sheet.lacks(name)).collect();
        if !lacking.is_empty() {
            let message = format!("the header lacks {}", lacking.join(", "));
            let fault = Fault::whole(message, format!("the columns are {}", all()));
            sheet.faults.push(Fault { row: sheet.table.header_line, ..fault });
        }
        Ok(sheet)
    }

    /// Whether the file has no such column, which is told once and not for every row.
    pub fn lacks(&self, column: &str) -> bool {
        at(column).is_some_and(|at| !self.columns.contains(&Some(at)))
    }

    /// What is wrong with the header, then every row, or what keeps it from being read; it ends with a fault where there are more
    /// than [`ROWS_MAX`].
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, Fault>> + Send {
        let most = usize::try_from(ROWS_MAX).unwrap_or(usize::MAX);
        let rows = self.table.lines().enumerate().take(most + 1).map(move |(before, line)| {
            if before == most {
                let message = format!("there are more than {ROWS_MAX} rows");
                return Err(Fault::whole(message, "split it into several imports"));
            }
            line.and_then(|line| self.row(&line)).map_err(|slip| {
                let column = slip.field.and_then(|field| self.columns[field]).map_or("", |at| COLUMNS[at].0);
                fault(slip, column)
            })
        });
        self.faults.iter().cloned().map(Err).chain(rows)
    }

    fn row(&self, line: &Line) -> Result<Row, Slip> {
        let mut row = Row::empty(line.no);
        for (column, text) in self.columns.iter().zip(self.table.fields(line)?) {
            if let Some(at) = column {
                text.trim_matches(' ').clone_into(&mut row.values[*at]);
            }
        }
        Ok(row)
    }
}

/// A slip as a fault of its row.
pub(in crate::domain::lead) fn fault(slip: Slip, column: &str) -> Fault {
    Fault { row: slip.no, column: column.to_owned(), ..Fault::whole(slip.message, slip.fix) }
}

fn all() -> String {
    COLUMNS.map(|(name, _)| name).join(",")
}
