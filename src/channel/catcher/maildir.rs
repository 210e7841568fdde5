//! Storing in a Maildir: written to `tmp`, synced, renamed into `new`. A name says the order of arrival and the time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// What our file names end with.
const SUFFIX: &str = "partnercast";

/// A folder of messages that we write to.
pub(super) struct Maildir {
    root: PathBuf,
    /// Number of the next message: names sort by it, whatever the clock does.
    next: AtomicU64,
}

impl Maildir {
    /// Makes the folders where absent and finds the number to go on with. Blocking.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(super) fn open(root: PathBuf) -> Result<Self> {
        let unusable = |error: io::Error| {
            Error::unavailable(format!("the Maildir {} cannot be used", root.display())).because(error)
        };
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(root.join(folder)).map_err(unusable)?;
        }
        let mut last = 0;
        for folder in ["tmp", "new", "cur"] {
            for entry in fs::read_dir(root.join(folder)).map_err(unusable)? {
                let name = entry.map_err(unusable)?.file_name();
                last = last.max(name.to_str().and_then(split_name).map_or(0, |(number, _)| number));
            }
        }
        Ok(Self { root, next: AtomicU64::new(last + 1) })
    }

    /// Stores `parts`, one after the other, as one message, and returns its id. It is on the disk when this returns.
    /// Blocking.
    ///
    /// # Errors
    /// The disk's; nothing is left in `new` then.
    pub(super) fn store(&self, received_ms: UtcMs, parts: &[&[u8]]) -> io::Result<String> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = format!("{number:012}.T{received_ms:014}.{SUFFIX}");
            let tmp = self.root.join("tmp").join(&name);
            let mut file = match OpenOptions::new().write(true).create_new(true).open(&tmp) {
                // Another process writes here too; its numbers and ours stay apart by trying the next.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            let new = self.root.join("new").join(&name);
            // Whoever made the file in `tmp` owns the name, so nobody can take it between this look and the rename.
            let stored = match new.try_exists() {
                Ok(true) => Ok(false),
                Ok(false) => {
                    write_synced(&mut file, parts).and_then(|()| self.publish(&tmp, &new)).map(|()| true)
                }
                Err(error) => Err(error),
            };
            if !matches!(stored, Ok(true)) {
                let _ = fs::remove_file(&tmp);
            }
            if stored? {
                return Ok(name);
            }
        }
    }

    fn publish(&self, tmp: &Path, new: &Path) -> io::Result<()> {
        fs::rename(tmp, new)?;
        // The name itself must be on the disk before anybody is told that the message is; elsewhere than on Unix a
        // folder cannot be synced, and need not be.
        let synced = if cfg!(unix) {
            File::open(self.root.join("new")).and_then(|folder| folder.sync_all())
        } else {
            Ok(())
        };
        if synced.is_err() {
            let _ = fs::remove_file(new);
        }
        synced
    }
}

fn write_synced(file: &mut File, parts: &[&[u8]]) -> io::Result<()> {
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Number and time of arrival in a file name of ours.
pub(super) fn split_name(name: &str) -> Option<(u64, UtcMs)> {
    let mut parts = name.split('.');
    let number = parts.next()?.parse().ok()?;
    let received_ms = parts.next()?.strip_prefix('T')?.parse().ok()?;
    Some((number, received_ms))
}
