//! A CSV file of leads (RFC 4180, with CRLF or LF, with or without a byte order mark), row by row, so that a large one
//! takes no more memory than its bytes.

use std::str;

use super::{COLUMNS, Fault, Row, at, column_meant, quoted};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most rows in a file.
pub const ROWS_MAX: u64 = 200_000;
/// Columns that every file has.
const NEEDED: [&str; 3] = ["email", "name", "company"];

/// A file whose header is understood.
#[derive(Debug)]
pub struct Sheet<'b> {
    bytes: &'b [u8],
    /// Which of [`COLUMNS`] each field of a row is.
    columns: Vec<usize>,
}

impl<'b> Sheet<'b> {
    /// Reads the header: columns by name, in any order.
    ///
    /// # Errors
    /// Every fault of the header, or the one of the whole file.
    pub fn open(bytes: &'b [u8]) -> Result<Self, Vec<Fault>> {
        if bytes.len() > FILE_BYTES_MAX {
            let message = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are taken", bytes.len());
            return Err(vec![Fault::whole(message, "split it into several imports")]);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let header = match reader(bytes).byte_records().next() {
            Some(Ok(record)) => record,
            _ => return Err(vec![Fault::whole("the file is empty", format!("begin it with {}", all()))]),
        };
        let mut columns = Vec::new();
        let mut faults = Vec::new();
        for name in header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()) {
            let fault = |message: &str, fix: String| Fault {
                row: 1,
                column: String::new(),
                value: quoted(&name),
                message: message.to_owned(),
                fix,
            };
            match at(&name) {
                Some(at) if columns.contains(&at) => {
                    faults.push(fault("the column is there twice", "keep one of them".to_owned()));
                }
                Some(at) => columns.push(at),
                None => faults.push(fault("there is no such column", column_meant(&name))),
            }
        }
        let missing = NEEDED.into_iter().filter(|name| at(name).is_some_and(|at| !columns.contains(&at)));
        let missing: Vec<&str> = missing.collect();
        if !missing.is_empty() {
            let message = format!("the header lacks {}", missing.join(", "));
            faults.push(Fault { row: 1, ..Fault::whole(message, format!("the columns are {}", all())) });
        }
        if faults.is_empty() { Ok(Self { bytes, columns }) } else { Err(faults) }
    }

    /// Every row, or what keeps it from being read; it ends with a fault where there are more than [`ROWS_MAX`].
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, Fault>> + Send + '_ {
        let mut records = reader(self.bytes).into_byte_records();
        records.next();
        let mut count = 0;
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let record = records.next()?;
            count += 1;
            if count > ROWS_MAX {
                is_over = true;
                let message = format!("there are more than {ROWS_MAX} rows");
                return Some(Err(Fault::whole(message, "split it into several imports")));
            }
            Some(self.row(record))
        })
    }

    fn row(&self, record: csv::Result<csv::ByteRecord>) -> Result<Row, Fault> {
        let fault = |line: u64, message: String, fix: &str| Fault { row: line, ..Fault::whole(message, fix) };
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, |at| line(self.bytes, at));
            fault(line, "the row cannot be read".to_owned(), "check its quotes")
        })?;
        let line = record.position().map_or(0, |at| line(self.bytes, at));
        if record.len() != self.columns.len() {
            let message = format!("it has {} fields, the header has {}", record.len(), self.columns.len());
            return Err(fault(
                line,
                message,
                "add or remove commas; put a text that holds a comma in quotes",
            ));
        }
        let mut row = Row::empty(line);
        for (column, field) in self.columns.iter().zip(&record) {
            let text = str::from_utf8(field).map_err(|_| Fault {
                column: COLUMNS[*column].0.to_owned(),
                ..fault(line, "it is not UTF-8".to_owned(), "save the file as UTF-8")
            })?;
            text.trim_matches(' ').clone_into(&mut row.values[*column]);
        }
        Ok(row)
    }
}

/// The line of `bytes` on which a row begins: the reader stands before the end of the line before, or before empty ones.
pub(in crate::domain::lead) fn line(bytes: &[u8], at: &csv::Position) -> u64 {
    let rest = usize::try_from(at.byte()).ok().and_then(|byte| bytes.get(byte..)).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + ends.filter(|byte| **byte == b'\n').map(|_| 1).sum::<u64>()
}

fn all() -> String {
    COLUMNS.map(|(name, _)| name).join(",")
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes)
}
