//! Reading the content folder from disk, within limits, without following symbolic links.

use std::path::{Path, PathBuf};

use super::tokens::sha256_hex;
use crate::domain::{
    content::library::{FILES_MAX, SourceFile},
    kernel::{Error, Result},
};

/// Largest file read; larger ones become a finding by their size alone.
const BYTES_MAX: u64 = 2 << 20;
/// Deepest folder looked into.
const DEPTH_MAX: usize = 8;

/// All files of `dir`, by path; hidden ones are left out.
///
/// # Errors
/// `Invalid` when the folder is not there or cannot be read.
pub async fn read(dir: &Path) -> Result<Vec<SourceFile>> {
    let dir = dir.to_owned();
    blocking(move || {
        let mut files = Vec::new();
        for (path, full, size) in list(&dir)? {
            let bytes = if size > BYTES_MAX {
                // The content layer says that it is too large; it need not see all of it for that.
                vec![b' '; usize::try_from(BYTES_MAX).unwrap_or(usize::MAX)]
            } else {
                std::fs::read(&full).map_err(|error| unreadable(&full, &error))?
            };
            files.push(SourceFile { path, bytes });
        }
        Ok(files)
    })
    .await
}

/// A text that changes when any file of `dir` does, by name, size or time of change.
///
/// # Errors
/// As [`read`].
pub async fn fingerprint(dir: &Path) -> Result<String> {
    let dir = dir.to_owned();
    blocking(move || {
        let mut lines = Vec::new();
        for (path, full, size) in list(&dir)? {
            let changed = full.metadata().and_then(|meta| meta.modified());
            lines.push(format!("{path} {size} {changed:?}"));
        }
        Ok(sha256_hex(lines.join("\n").as_bytes()))
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("reading a folder").because(error))?
}

fn list(dir: &Path) -> Result<Vec<(String, PathBuf, u64)>> {
    let mut found = Vec::new();
    walk(dir, "", 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, PathBuf, u64)>) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let entry = entry.map_err(|error| unreadable(dir, &error))?;
        let full = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let meta = entry.metadata().map_err(|error| unreadable(&full, &error))?;
        if name.starts_with('.') || meta.is_symlink() {
            continue;
        }
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if meta.is_dir() && depth < DEPTH_MAX {
            walk(&full, &path, depth + 1, found)?;
        } else if meta.is_file() {
            if found.len() >= FILES_MAX {
                return Err(Error::invalid(format!(
                    "{} holds more than {FILES_MAX} files; split the folder",
                    dir.display()
                )));
            }
            found.push((path, full, meta.len()));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::invalid(format!("{} cannot be read: {error}", path.display()))
}
