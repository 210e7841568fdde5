//! A CSV file of what came of leads.

use super::{EXPORTED, FIELDS, Row, at, field_meant};
use crate::domain::{
    kernel::sheet::{Line, Slip, Table},
    lead::intake::{Fault, quoted, slipped},
};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most rows of a file: all are written in one transaction.
pub const ROWS_MAX: usize = 10_000;
/// Columns that every file has.
const NEEDED: [&str; 2] = ["lead_id", "stage"];

/// The rows of a file, with every fault of its shape. A column that the file should have and lacks is told once: it is empty in
/// all rows, and named in the third part.
pub fn rows(bytes: &[u8]) -> (Vec<Row>, Vec<Fault>, Vec<&'static str>) {
    let table = match Table::open(bytes, FILE_BYTES_MAX, &FIELDS.map(|(name, _)| name).join(",")) {
        Ok(table) => table,
        Err(slip) => return (Vec::new(), vec![slipped(slip, "")], Vec::new()),
    };
    let (columns, mut faults) = header(&table);
    let lacking: Vec<&str> = NEEDED.into_iter().filter(|needed| !columns.contains(&at(needed))).collect();
    for needed in &lacking {
        let fault = Fault::whole(format!("the header lacks {needed}"), format!("add `{needed}`"));
        faults.push(Fault { row: table.header_line, ..fault });
    }
    let mut all = Vec::new();
    for line in table.lines() {
        if all.len() == ROWS_MAX {
            faults.push(Fault::whole(
                format!("there are more than {ROWS_MAX} rows"),
                "split it into several imports",
            ));
            break;
        }
        match line.and_then(|line| row(&table, &line, &columns)) {
            Ok(row) => all.push(row),
            Err(slip) => {
                let column = slip.field.and_then(|field| columns[field]).map_or("", |at| FIELDS[at].0);
                faults.push(slipped(slip, column));
            }
        }
    }
    (all, faults, lacking)
}

/// Which field each column is, in the order of the file; nothing for one that is left alone or that nobody knows.
fn header(table: &Table<'_>) -> (Vec<Option<usize>>, Vec<Fault>) {
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
            None if !EXPORTED.contains(&name.as_str()) => fault("there is no such column", field_meant(name)),
            _ => {}
        }
        columns.push(known);
    }
    (columns, faults)
}

fn row(table: &Table<'_>, line: &Line, columns: &[Option<usize>]) -> Result<Row, Slip> {
    let mut row = Row { no: line.no, ..Row::default() };
    for (at, text) in columns.iter().zip(table.fields(line)?) {
        if let Some(at) = at {
            text.trim().clone_into(&mut row.values[*at]);
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_any_order_and_every_slip_of_shape_is_told() {
        let (all, faults, _) = rows(b"\xef\xbb\xbfstage,email,lead_id\r\nwon,'=1, led_1 \r\nlost,,led_2\r\n");
        assert!(faults.is_empty());
        assert_eq!(
            (all.len(), all[0].get("lead_id"), all[1].get("stage"), all[1].no),
            (2, "led_1", "lost", 3)
        );
        let (all, faults, lacking) = rows(b"stag,lead_id,lead_id\nwon,led_1,led_1\nlost\n");
        let told: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "there is no such column",
                "the column is there twice",
                "the header lacks stage",
                "it has 1 fields, the header has 3"
            ]
        );
        assert_eq!((all.len(), lacking), (1, vec!["stage"]), "the rows are read all the same");
        assert_eq!(faults[0].fix, "did you mean `stage`?");
        let (all, faults, _) = rows(b"lead_id;stage;note\na\nb;won;\"x, y\"\n");
        assert_eq!(
            (faults.len(), all.len(), all[0].get("note")),
            (1, 1, "x, y"),
            "as Europe's spreadsheets save it"
        );
        let (all, faults, _) = rows(b"lead_id,stage\na\nb,won\n\xff,won\n");
        assert_eq!((all.len(), faults.iter().map(|fault| fault.row).collect::<Vec<_>>()), (1, vec![2, 4]));
        assert!(rows(b"").1[0].message.contains("empty"));
        assert!(rows(&vec![b'x'; FILE_BYTES_MAX + 1]).1[0].message.contains("bytes"));
        let many = format!("lead_id,stage\n{}", "a,b\n".repeat(ROWS_MAX + 1));
        assert_eq!((rows(many.as_bytes()).0.len(), rows(many.as_bytes()).1.len()), (ROWS_MAX, 1));
    }
}
