//! One process a SQLite file, and where its pages are.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::Db;
use crate::domain::kernel::{Error, Result};

/// How often a lock is tried before it is said to be another process's, and the rest between two tries.
const LOOKS: u32 = 25;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

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
    /// Who works on `database`, if a process does. Asks by a shared lock, for a moment: there is no other way to ask.
    pub fn holder(database: &Path) -> Option<Holder> {
        let mut file = File::open(beside(database)).ok()?;
        // Given back at once by closing the file. Others who ask are not in the way, and `take` waits for them.
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
        // Somebody who only asks is gone in a moment.
        let mut looks = 0;
        while file.try_lock().is_err() {
            looks += 1;
            if looks < LOOKS {
                std::thread::sleep(LOOK_AGAIN);
                continue;
            }
            let process = Holder::read(&mut file).map(|holder| holder.process).unwrap_or_default();
            return Err(in_use(database, &process));
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
    ProcessLock::holder(sqlite_file(url)?)?.url
}

/// What to say to whoever wants to work on the database at `url`, if another process may not be joined there.
pub fn refusal(url: &str) -> Option<Error> {
    let file = sqlite_file(url)?;
    ProcessLock::holder(file).map(|holder| in_use(file, &holder.process))
}

fn sqlite_file(url: &str) -> Option<&Path> {
    url.strip_prefix("sqlite:").map(|path| Path::new(path.trim_start_matches("//")))
}

fn in_use(database: &Path, process: &str) -> Error {
    Error::conflict(format!(
        "another partnercast (process {process}) already works on {}. One process at a time may use a SQLite file: \
         stop that one first, or move to PostgreSQL to run several",
        database.display()
    ))
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[test]
    fn who_only_asks_keeps_nobody_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("test.sqlite");
        assert_eq!(ProcessLock::holder(&database), None);
        drop(ProcessLock::take(&database).unwrap());
        let (begin, is_over) = (Barrier::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begin.wait();
                while !is_over.load(Ordering::Relaxed) {
                    ProcessLock::holder(&database);
                }
            });
            begin.wait();
            let taken: Vec<bool> = (0..50).map(|_| ProcessLock::take(&database).is_ok()).collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(taken.iter().all(|taken| *taken), "{taken:?}");
        });
        let held = ProcessLock::take(&database).unwrap();
        let holder = ProcessLock::holder(&database).unwrap();
        assert_eq!(holder, Holder { process: std::process::id().to_string(), url: None });
        assert!(ProcessLock::take(&database).is_err(), "one at a time");
        drop(held);
    }
}
