//! One process a SQLite file.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::domain::kernel::{Error, Result};

/// Keeps a second process from working on the same SQLite file; the operating system lets go when we end.
pub struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// The number of the process that works on `database`, if one does. Takes no lock itself.
    pub fn holder(database: &Path) -> Option<String> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let mut file = File::open(PathBuf::from(name)).ok()?;
        // Shared, and given back at once by closing the file.
        if file.try_lock_shared().is_ok() {
            return None;
        }
        let mut holder = String::new();
        file.read_to_string(&mut holder).ok()?;
        Some(holder.trim().to_owned())
    }

    /// Takes the lock that belongs to `database`: a file beside it with our process's number.
    ///
    /// # Errors
    /// `Conflict` when another process holds it, `Unavailable` when the file cannot be written.
    pub fn take(database: &Path) -> Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(
                |error| Error::unavailable(format!("{} cannot be written: {error}", path.display())),
            )?;
        if file.try_lock().is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Error::conflict(format!(
                "another partnercast (process {}) already works on {}. One process at a time may use a SQLite file: \
                 stop that one first, or move to PostgreSQL to run several",
                holder.trim(),
                database.display()
            )));
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written
            .map_err(|error| Error::unavailable(format!("{} cannot be written: {error}", path.display())))?;
        Ok(Self { _file: file })
    }
}
