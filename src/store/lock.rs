//! One process a SQLite file, and where its pages are.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::Db;
use crate::domain::kernel::{Error, Result};

/// Keeps a second process from working on the same SQLite file; the operating system lets go when we end.
pub struct ProcessLock {
    file: File,
    path: PathBuf,
}

/// A process that works on a SQLite file, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: String,
    /// The address of its pages, once it serves any.
    pub url: Option<String>,
}

impl Holder {
    fn read(file: &mut File) -> std::io::Result<Self> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        Ok(Self { process: lines.next().unwrap_or_default(), url: lines.next() })
    }
}

impl ProcessLock {
    /// Who works on `database`, if a process does. Takes no lock itself.
    pub fn holder(database: &Path) -> Option<Holder> {
        let mut file = File::open(beside(database)).ok()?;
        // Shared, and given back at once by closing the file.
        if file.try_lock_shared().is_ok() {
            return None;
        }
        Holder::read(&mut file).ok()
    }

    /// Takes the lock that belongs to `database`: a file beside it with our process's number.
    ///
    /// # Errors
    /// `Conflict` when another process holds it, `Unavailable` when the file cannot be written.
    pub fn take(database: &Path) -> Result<Self> {
        let path = beside(database);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(unwritable(&path))?;
        if file.try_lock().is_err() {
            let process = Holder::read(&mut file).map(|holder| holder.process).unwrap_or_default();
            return Err(Error::conflict(format!(
                "another partnercast (process {process}) already works on {}. One process at a time may use a SQLite file: \
                 stop that one first, or move to PostgreSQL to run several",
                database.display()
            )));
        }
        let lock = Self { file, path };
        lock.write(&std::process::id().to_string())?;
        Ok(lock)
    }

    /// Notes where our pages are.
    fn note(&self, url: &str) -> Result<()> {
        self.write(&format!("{}\n{url}\n", std::process::id()))
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut file = &self.file;
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(unwritable(&self.path))
    }
}

impl Db {
    /// Tells commands on this machine, such as `partnercast sign-in`, where our pages are: the port may be any free one.
    /// Processes on PostgreSQL are many and have no such place.
    ///
    /// # Errors
    /// `Unavailable` when the file beside the database cannot be written.
    pub fn note_address(&self, url: &str) -> Result<()> {
        match self {
            Self::Sqlite { lock: Some(lock), .. } => lock.note(url),
            _ => Ok(()),
        }
    }
}

/// The address of the pages of the process that works on the database at `url`, if one does and has told.
pub fn address_noted(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:")?;
    ProcessLock::holder(Path::new(path.trim_start_matches("//")))?.url
}

/// The lock's file.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn unwritable(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::unavailable(format!("{} cannot be written: {error}", path.display()))
}
