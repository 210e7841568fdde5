//! `partnercast check --matrix`: every asset for every partner and role.

use std::{
    io::{self, Write},
    path::Path,
};

use serde_json::json;

use super::{EXIT_ERRORS, EXIT_UNREADABLE, Format, code_of, human, read, sarif};
use crate::{
    domain::kernel::{Clock as _, clock::SystemClock},
    render::Templates,
    work::{
        matrix::{self, Cell, Matrix},
        sync::{self, Read},
    },
};

/// Checks as [`super::run`], renders everything for everybody, and writes both.
///
/// # Errors
/// `out` or `err` cannot be written.
pub(super) fn run(dir: &Path, format: Format, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let Some(files) = read(dir, err)? else { return Ok(EXIT_UNREADABLE) };
    let Read { library, partners, mut findings } = sync::read(&files, SystemClock.now_ms());
    if partners.is_empty() {
        writeln!(err, "there is nobody to render for: add roster/partners.csv and roster/contacts.csv")?;
        return Ok(EXIT_UNREADABLE);
    }
    let media = sync::paths_of_images(&files);
    let made =
        Templates::load(None).and_then(|templates| matrix::matrix(&templates, &library, &media, &partners));
    let mut matrix = match made {
        Ok(matrix) => matrix,
        Err(error) => {
            human(&findings, &files, library.assets.len(), out)?;
            writeln!(err, "{}", error.detail())?;
            return Ok(EXIT_ERRORS);
        }
    };
    findings.append(&mut matrix.findings);
    findings.sort();
    match format {
        Format::Human => {
            table(&matrix, out)?;
            human(&findings, &files, library.assets.len(), out)?;
        }
        Format::Json => {
            let whole = json!({ "findings": findings, "matrix": matrix });
            writeln!(out, "{}", serde_json::to_string_pretty(&whole)?)?;
        }
        Format::Sarif => writeln!(out, "{}", serde_json::to_string_pretty(&sarif(&findings, dir))?)?,
    }
    out.flush()?;
    Ok(code_of(&findings))
}

/// A line an asset, a column a partner.
fn table(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    let width = matrix.rows.iter().map(|row| row.reference.chars().count()).max().unwrap_or(0);
    for (number, partner) in (1..).zip(&matrix.partners) {
        writeln!(out, "{number:>4}  {partner}")?;
    }
    let numbers: String = (1..=matrix.partners.len()).map(|number| format!("{number:>3}")).collect();
    writeln!(out, "\n{:width$} {numbers}", "")?;
    for row in &matrix.rows {
        let cells: String = row.cells.iter().map(|cell| format!("{:>3}", sign(*cell))).collect();
        writeln!(out, "{:width$} {cells}", row.reference)?;
    }
    writeln!(
        out,
        "\nA number is how many variants are rendered, for roles or networks; `-` not for them, `?` they lack the text \
         of a zone, `X` cannot be rendered.\n"
    )
}

fn sign(cell: Cell) -> String {
    match cell {
        Cell::NotTheirs => "-".to_owned(),
        Cell::Lacking => "?".to_owned(),
        Cell::Rendered(variants) => variants.to_string(),
        Cell::Faulty => "X".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::EXIT_CLEAN, *};

    #[test]
    fn the_table_shows_every_asset_and_partner() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
        assert_eq!(run(&dir, Format::Human, &mut out, &mut err).unwrap(), EXIT_CLEAN);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("   1  northlight\n") && text.contains("\nsocial/restore-question "), "{text}");
        assert!(text.contains(", 0 errors, "), "{text}");
        let mut out = Vec::new();
        run(&dir, Format::Json, &mut out, &mut err).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(whole["matrix"]["partners"].as_array().unwrap().len(), 12);
    }

    #[test]
    fn without_a_roster_there_is_nobody_to_render_for() {
        let dir = tempfile::tempdir().unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(run(dir.path(), Format::Human, &mut out, &mut err).unwrap(), EXIT_UNREADABLE);
        assert!(String::from_utf8(err).unwrap().contains("roster/partners.csv"));
    }
}
