//! Tables as CSV (RFC 4180) that a spreadsheet opens without running anything.

use crate::domain::kernel::{Error, Result};

/// Rows as CSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection).
///
/// # Errors
/// `Internal` if the rows have different numbers of cells.
pub fn csv<'r, const N: usize>(rows: impl IntoIterator<Item = [&'r str; N]>) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let cells = row.map(safe);
        writer.write_record(&cells).map_err(|error| Error::internal("CSV").because(error))?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal("CSV").because(error))?;
    String::from_utf8(bytes).map_err(|error| Error::internal("CSV").because(error))
}

fn safe(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let text =
            csv([["name", "because"], ["=1+1", "a \"quoted\", and\nbroken line"], ["+49", "ok"]]).unwrap();
        assert_eq!(text, "name,because\n'=1+1,\"a \"\"quoted\"\", and\nbroken line\"\n'+49,ok\n");
    }
}
