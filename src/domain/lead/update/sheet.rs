//! A CSV file of what came of leads (RFC 4180, with CRLF or LF, with or without a byte order mark).

use super::{EXPORTED, FIELDS, Row, at, field_meant};
use crate::domain::lead::intake::{Fault, line, quoted};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most rows of a file: all are written in one transaction.
pub const ROWS_MAX: usize = 10_000;

/// The rows of a file, with every fault of its shape.
pub fn rows(bytes: &[u8]) -> (Vec<Row>, Vec<Fault>) {
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are taken", bytes.len());
        return (Vec::new(), vec![Fault::whole(message, "split it into several imports")]);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
    let mut records = reader.into_byte_records();
    let Some(Ok(head)) = records.next() else {
        let fix = format!("begin it with {}", FIELDS.map(|(name, _)| name).join(","));
        return (Vec::new(), vec![Fault::whole("the file is empty", fix)]);
    };
    let (columns, mut faults) = header(&head);
    if !faults.is_empty() {
        return (Vec::new(), faults);
    }
    let mut all = Vec::new();
    for record in records {
        if all.len() == ROWS_MAX {
            faults.push(Fault::whole(
                format!("there are more than {ROWS_MAX} rows"),
                "split it into several imports",
            ));
            break;
        }
        match row(bytes, record, &columns) {
            Ok(row) => all.push(row),
            Err(fault) => faults.push(fault),
        }
    }
    (all, faults)
}

/// Which field each column is, in the order of the file; nothing for one that is left alone.
fn header(head: &csv::ByteRecord) -> (Vec<Option<usize>>, Vec<Fault>) {
    let (mut columns, mut faults) = (Vec::new(), Vec::new());
    for name in head.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()) {
        let mut fault = |message: &str, fix: String| {
            faults.push(Fault { row: 1, value: quoted(&name), ..Fault::whole(message, fix) });
        };
        match at(&name) {
            Some(at) if columns.contains(&Some(at)) => {
                fault("the column is there twice", "keep one of them".to_owned());
            }
            Some(at) => columns.push(Some(at)),
            None if EXPORTED.contains(&name.as_str()) => columns.push(None),
            None => fault("there is no such column", field_meant(&name)),
        }
    }
    for needed in ["lead_id", "stage"] {
        if at(needed).is_some_and(|at| !columns.contains(&Some(at))) {
            faults.push(Fault {
                row: 1,
                ..Fault::whole(format!("the header lacks {needed}"), format!("add `{needed}`"))
            });
        }
    }
    (columns, faults)
}

fn row(bytes: &[u8], record: csv::Result<csv::ByteRecord>, columns: &[Option<usize>]) -> Result<Row, Fault> {
    let fault = |row: u64, message: String, fix: &str| Fault { row, ..Fault::whole(message, fix) };
    let record = record.map_err(|error| {
        let line_no = error.position().map_or(0, |at| line(bytes, at));
        fault(line_no, "the row cannot be read".to_owned(), "check its quotes")
    })?;
    let no = record.position().map_or(0, |at| line(bytes, at));
    if record.len() != columns.len() {
        let message = format!("it has {} fields, the header has {}", record.len(), columns.len());
        return Err(fault(no, message, "add or remove commas; put a text that holds a comma in quotes"));
    }
    let mut row = Row { no, ..Row::default() };
    for (at, field) in columns.iter().zip(&record) {
        let Some(at) = at else { continue };
        let text = std::str::from_utf8(field).map_err(|_| Fault {
            column: FIELDS[*at].0.to_owned(),
            ..fault(no, "it is not UTF-8".to_owned(), "save the file as UTF-8")
        })?;
        text.trim().clone_into(&mut row.values[*at]);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_any_order_and_every_slip_of_shape_is_told() {
        let (all, faults) = rows(b"\xef\xbb\xbfstage,email,lead_id\r\nwon,'=1, led_1 \r\nlost,,led_2\r\n");
        assert!(faults.is_empty());
        assert_eq!(
            (all.len(), all[0].get("lead_id"), all[1].get("stage"), all[1].no),
            (2, "led_1", "lost", 3)
        );
        let (_, faults) = rows(b"stag,lead_id,lead_id\n");
        let told: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(told, ["there is no such column", "the column is there twice", "the header lacks stage"]);
        assert_eq!(faults[0].fix, "did you mean `stage`?");
        let (all, faults) = rows(b"lead_id,stage\na\nb,won\n\xff,won\n");
        assert_eq!((all.len(), faults.iter().map(|fault| fault.row).collect::<Vec<_>>()), (1, vec![2, 4]));
        assert!(rows(b"").1[0].message.contains("empty"));
        assert!(rows(&vec![b'x'; FILE_BYTES_MAX + 1]).1[0].message.contains("bytes"));
        let many = format!("lead_id,stage\n{}", "a,b\n".repeat(ROWS_MAX + 1));
        assert_eq!((rows(many.as_bytes()).0.len(), rows(many.as_bytes()).1.len()), (ROWS_MAX, 1));
    }
}
