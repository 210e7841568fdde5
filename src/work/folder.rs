//! Reading the content folder from disk, within limits, without following links.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{drawn_logos, tokens::sha256_hex};
use crate::domain::{
    content::library::{FILES_MAX, SourceFile, bytes_max},
    kernel::{Error, Result},
};

/// Deepest folder below the content folder; the format needs three.
const DEPTH_MAX: usize = 8;

/// Every file under `dir`, by path; hidden ones are left out.
///
/// # Errors
/// The folder or a file cannot be read, a name is not UTF-8, or there are too many files.
pub async fn read(dir: &Path) -> Result<Vec<SourceFile>> {
    let dir = dir.to_owned();
    blocking(move || read_now(&dir)).await
}

/// As [`read`], on this thread.
///
/// # Errors
/// As [`read`].
pub fn read_now(dir: &Path) -> Result<Vec<SourceFile>> {
    read_under(dir, "")
}

/// Every file of a roster's folder, by its path in a content folder, so that both are read by the same code.
///
/// # Errors
/// As [`read`].
pub async fn read_roster(dir: &Path) -> Result<Vec<SourceFile>> {
    let dir = dir.to_owned();
    blocking(move || read_under(&dir, "roster/")).await
}

fn read_under(dir: &Path, prefix: &str) -> Result<Vec<SourceFile>> {
    let files = list(dir)?.into_iter().map(|(path, full)| {
        let path = format!("{prefix}{path}");
        Ok(SourceFile { bytes: read_file(&full, bytes_max(&path))?, path })
    });
    let mut files: Vec<SourceFile> = files.collect::<Result<_>>()?;
    drawn_logos::add(&mut files);
    Ok(files)
}

/// A text that changes when any file of `dir` does, by name, size or time of change.
///
/// # Errors
/// As [`read`].
pub async fn fingerprint(dir: &Path) -> Result<String> {
    let dir = dir.to_owned();
    blocking(move || {
        let mut lines = Vec::new();
        for (path, full) in list(&dir)? {
            let meta = full.metadata().map_err(|error| unreadable(&full, error))?;
            lines.push(format!("{path} {} {:?}", meta.len(), meta.modified().ok()));
        }
        Ok(sha256_hex(lines.join("\n").as_bytes()))
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("reading a folder").because(error))?
}

/// Paths under `dir` with `/`, and on disk, sorted.
fn list(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut folders = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Error::invalid(format!(
                    "the name of {} is not UTF-8; rename it",
                    path.display()
                )));
            };
            // Hidden ones, and what editors leave beside a file.
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            // The entry's own type: a link is neither a file nor a folder, and is not followed.
            let kind = entry.file_type().map_err(|error| unreadable(&path, error))?;
            let relative = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            if kind.is_dir() {
                if depth >= DEPTH_MAX {
                    return Err(Error::invalid(format!(
                        "{} is nested deeper than {DEPTH_MAX}",
                        path.display()
                    )));
                }
                folders.push((path, relative, depth + 1));
            } else if kind.is_file() {
                if found.len() >= FILES_MAX {
                    let folder = dir.display();
                    return Err(Error::invalid(format!(
                        "{folder} holds more than {FILES_MAX} files; split it"
                    )));
                }
                found.push((relative, path));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The file's bytes, and one more than `bytes_max` when it is larger, so that the check can say so.
fn read_file(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    use io::Read as _;
    let file = fs::File::open(path).map_err(|error| unreadable(path, error))?;
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "does not exist; name a folder that does",
        io::ErrorKind::PermissionDenied => "may not be read; change its permissions",
        io::ErrorKind::NotADirectory => "is not a folder; name a folder",
        _ => "cannot be read",
    };
    let name = if path.as_os_str().is_empty() { OsStr::new(".") } else { path.as_os_str() };
    Error::unavailable(format!("{} {why}", name.to_string_lossy())).because(error)
}
