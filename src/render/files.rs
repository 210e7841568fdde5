//! The files of `templates/`: embedded in the binary, each replaceable by one of the same name on disk.

use std::{borrow::Cow, collections::BTreeMap, fs, path::Path};

use rust_embed::RustEmbed;

use crate::domain::kernel::{Error, Result};

/// Largest file taken from disk, in bytes.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// How deep folders may be nested.
const DEPTH_MAX: usize = 8;

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Embedded;

/// All files by their path under `templates/`, with `/` between folders.
pub(super) type Files = BTreeMap<String, Cow<'static, [u8]>>;

/// The embedded files, and over them those of `folder`.
///
/// # Errors
/// The folder cannot be read, or holds a file larger than 2 MB.
pub(super) fn load(folder: Option<&Path>) -> Result<Files> {
    let mut files: Files = Embedded::iter()
        .filter_map(|name| Embedded::get(&name).map(|file| (name.into_owned(), file.data)))
        .collect();
    if let Some(folder) = folder {
        read_folder(folder, "", 0, &mut files)?;
    }
    Ok(files)
}

fn read_folder(folder: &Path, prefix: &str, depth: usize, files: &mut Files) -> Result<()> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Error::invalid(format!("the templates at {} cannot be read: {error}", path.display()))
    };
    if depth > DEPTH_MAX {
        return Err(Error::invalid(format!(
            "{} is nested deeper than {DEPTH_MAX} folders",
            folder.display()
        )));
    }
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        let path = entry.path();
        let Ok(file_name) = entry.file_name().into_string() else {
            return Err(Error::invalid(format!("the file name of {} is not UTF-8", path.display())));
        };
        if file_name.starts_with('.') {
            continue;
        }
        let name = if prefix.is_empty() { file_name } else { format!("{prefix}/{file_name}") };
        let meta = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        if meta.is_dir() {
            read_folder(&path, &name, depth + 1, files)?;
        } else if meta.len() > FILE_BYTES_MAX {
            return Err(Error::invalid(format!("{} is larger than 2 MB", path.display())));
        } else {
            let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            files.insert(name, Cow::Owned(bytes));
        }
    }
    Ok(())
}

/// The text of one file.
///
/// # Errors
/// The file is not UTF-8.
pub(super) fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        Error::invalid(format!("templates/{name} is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// The fonts that come with the binary.
#[cfg(feature = "pdf")]
pub(super) fn fonts() -> Vec<Cow<'static, [u8]>> {
    let mut names: Vec<_> = Embedded::iter().filter(|name| name.starts_with("document/fonts/")).collect();
    names.sort();
    names
        .iter()
        .filter(|name| name.ends_with(".otf") || name.ends_with(".ttf"))
        .filter_map(|name| Embedded::get(name).map(|file| file.data))
        .collect()
}
