//! A Maildir as a source: `new` is read, and what is recorded moves to `cur`, marked as seen.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    Letter, MESSAGE_BYTES_MAX,
    look::{Fault, Looked, Step},
};
use crate::domain::kernel::{Error, Result};

/// Names of one look at the folder.
const NAMES_MAX: usize = 100_000;

/// A Maildir that is being emptied.
pub struct MaildirSession {
    root: PathBuf,
}

impl MaildirSession {
    pub(super) async fn open(root: PathBuf) -> Result<Self> {
        let session = Self { root };
        let new = session.root.join("new");
        blocking(move || {
            if new.is_dir() {
                return Ok(());
            }
            Err(Error::unavailable(format!(
                "{} is not there; bounces.maildir must name a Maildir that the mail server delivers to",
                new.display()
            )))
        })
        .await?;
        Ok(session)
    }

    pub(super) async fn batch(&mut self, skip: &HashSet<String>, limit: usize) -> Result<Vec<Letter>> {
        let (root, skip) = (self.root.clone(), skip.clone());
        blocking(move || batch(&root, &skip, limit)).await
    }

    pub(super) async fn done(&mut self, ids: &[String]) -> Result<()> {
        let (root, ids) = (self.root.clone(), ids.to_vec());
        blocking(move || {
            let cur = root.join("cur");
            fs::create_dir_all(&cur).map_err(|error| unusable(&cur, error))?;
            for id in &ids {
                let from = root.join("new").join(id);
                match fs::rename(&from, cur.join(format!("{id}:2,S"))) {
                    Ok(()) => {}
                    // Somebody else put it away.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(unusable(&from, error)),
                }
            }
            Ok(())
        })
        .await
    }
}

fn batch(root: &Path, skip: &HashSet<String>, limit: usize) -> Result<Vec<Letter>> {
    let new = root.join("new");
    let mut names = Vec::new();
    for entry in fs::read_dir(&new).map_err(|error| unusable(&new, error))?.take(NAMES_MAX) {
        let entry = entry.map_err(|error| unusable(&new, error))?;
        let name = entry.file_name();
        names.extend(
            name.to_str().filter(|name| !name.starts_with('.') && !skip.contains(*name)).map(str::to_owned),
        );
    }
    // Names begin with the time of delivery.
    names.sort_unstable();
    names.truncate(limit);
    let mut letters = Vec::with_capacity(names.len());
    for id in names {
        let path = new.join(&id);
        match read(&path) {
            Ok(Some(raw)) => letters.push(Letter { id, envelope_to: None, raw }),
            // A folder, or gone since.
            Ok(None) => {}
            Err(error) => return Err(unusable(&path, error)),
        }
    }
    Ok(letters)
}

/// Looks whether messages in `root` could be read and moved by this user, without moving one.
pub(super) async fn look(root: PathBuf) -> std::result::Result<Looked, Fault> {
    let looked = tokio::task::spawn_blocking(move || look_now(&root)).await;
    looked.unwrap_or_else(|error| Err(Fault { step: Step::Folder, why: error.to_string() }))
}

fn look_now(root: &Path) -> std::result::Result<Looked, Fault> {
    let fault = |step, path: &Path, error: &io::Error| {
        Err(Fault { step, why: format!("{}: {error}", path.display()) })
    };
    let (new, cur) = (root.join("new"), root.join("cur"));
    let entries = match fs::read_dir(&new) {
        Ok(entries) => entries,
        Err(error) => return fault(Step::Folder, &new, &error),
    };
    let names = entries.take(NAMES_MAX).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    if let Some(first) = names.first()
        && let Err(error) = File::open(new.join(first))
    {
        return fault(Step::Folder, &new.join(first), &error);
    }
    // Moving writes in both; `cur` may still have to be made.
    let there = cur.exists();
    for folder in [new.as_path(), if there { &cur } else { root }] {
        if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            return fault(Step::PutAway, folder, &error.into());
        }
    }
    let device = |path: &Path| fs::metadata(path).ok().map(|data| data.dev());
    if there && device(&new) != device(&cur) {
        let why = format!("{} and {} lie on different disks", new.display(), cur.display());
        return Err(Fault { step: Step::PutAway, why });
    }
    Ok(Looked { waiting: names.len(), certificate_ends_ms: None, will_make: None })
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut raw = Vec::new();
    file.take(MESSAGE_BYTES_MAX as u64).read_to_end(&mut raw)?;
    Ok(Some(raw))
}

fn unusable(path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!(
        "{} cannot be used ({error}); may this user read and write it?",
        path.display()
    ))
    .because(error)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("the Maildir").because(error))?
}
