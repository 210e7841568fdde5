//! Files of rows that are taken as a whole or not at all: read within bounds, every fault told.

use std::{
    io::{BufWriter, Write as _},
    path::Path,
};

use super::say;
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::intake::Fault,
    },
    render::table,
};

/// Faults that are printed one by one.
const FAULTS_SHOWN: u64 = 50;

/// The bytes of a file that has `most` at most.
///
/// # Errors
/// `Invalid`, saying what is wrong.
pub(super) fn read(path: &Path, name: &str, most: usize) -> Result<Vec<u8>> {
    let cannot = |error| Error::invalid(format!("{name} cannot be read ({error})"));
    let long = std::fs::metadata(path).map_err(cannot)?.len();
    if usize::try_from(long).map_or(true, |long| long > most) {
        return Err(Error::invalid(format!(
            "{name} has {long} bytes; at most {most} are taken: split it into several imports"
        )));
    }
    std::fs::read(path).map_err(cannot)
}

/// Tells faults as they are found: none is kept.
pub(super) struct Faults {
    json: bool,
    told: u64,
    table: Option<(String, BufWriter<std::fs::File>)>,
    failed: Option<Error>,
}

impl Faults {
    /// Tells them as JSON or in words, and into a file if one is named.
    ///
    /// # Errors
    /// `Invalid` for a file that cannot be written.
    pub(super) fn new(json: bool, file: Option<&Path>) -> Result<Self> {
        let mut faults = Self { json, told: 0, table: None, failed: None };
        if let Some(path) = file {
            let name = path.display().to_string();
            let file = std::fs::File::create(path)
                .map_err(|error| Error::invalid(format!("{name} cannot be written ({error})")))?;
            faults.table = Some((name, BufWriter::new(file)));
            faults.write(["row", "column", "value", "fault", "how to mend it"]);
        }
        Ok(faults)
    }

    fn write(&mut self, cells: [&str; 5]) {
        let Some((name, file)) = &mut self.table else { return };
        let done = table::csv([cells]).and_then(|line| {
            file.write_all(line.as_bytes())
                .map_err(|error| Error::invalid(format!("{name} cannot be written ({error})")))
        });
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// Tells one.
    pub(super) fn tell(&mut self, fault: &Fault) {
        self.told += 1;
        if self.json {
            say(&serde_json::json!({ "fault": fault }).to_string());
        } else if self.told <= FAULTS_SHOWN {
            say(&fault.to_string());
        }
        let row = if fault.row == 0 { String::new() } else { fault.row.to_string() };
        self.write([&row, &fault.column, &fault.value, &fault.message, &fault.fix]);
    }

    /// Ends the telling.
    ///
    /// # Errors
    /// A file that could not be written.
    pub(super) fn finish(&mut self) -> Result<()> {
        if let Some((name, file)) = &mut self.table
            && let Err(error) = file.flush()
        {
            return Err(Error::invalid(format!("{name} cannot be written ({error})")));
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// The refusal of the file `name`.
    ///
    /// # Errors
    /// Always: `Invalid`, with how many there are.
    pub(super) fn refusal(mut self, name: &str) -> Result<()> {
        self.finish()?;
        if !self.json && self.told > FAULTS_SHOWN {
            say(&format!("and {} more (--json or --faults has all)", self.told - FAULTS_SHOWN));
        }
        let faults = if self.told == 1 { "1 fault".to_owned() } else { format!("{} faults", self.told) };
        Err(Error::invalid(format!("{name} has {faults}; nothing was taken")))
    }
}
