//! Files in one ZIP archive, the same bytes for the same files.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write as _},
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::domain::kernel::{Error, Result};

/// Most bytes of all files of one archive.
pub const BYTES_MAX: usize = 100 * 1024 * 1024;

/// The archive of `files`, by path, in order. Every file bears the first day of 1980, which ZIP counts from: whoever
/// compares two archives sees what changed and not when they were made.
///
/// # Errors
/// `Invalid` beyond [`BYTES_MAX`].
pub fn zip(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    if files.values().map(Vec::len).sum::<usize>() > BYTES_MAX {
        return Err(Error::invalid(format!(
            "the files are larger than {BYTES_MAX} bytes; take fewer at once"
        )));
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("making an archive: {error}"));
    for (path, bytes) in files {
        archive.start_file(path.as_str(), options).map_err(|error| failed(&error))?;
        archive.write_all(bytes).map_err(|error| failed(&error))?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| failed(&error))
}
