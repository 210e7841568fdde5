//! `partnercast new` and `partnercast guide`: a file to begin with, and what may be written in it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
};

use super::say;
use crate::domain::{
    content::{AssetKind, finding::did_you_mean, guide},
    kernel::{Error, Result, Slug},
};

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub struct NewArguments {
    /// What it is: blog, whitepaper, webinar, kit, ...
    kind: String,
    /// Its file's name without ending; for an issue the newsletter's and the date: fold-forward/2027-02-09.
    name: String,
    /// The content folder.
    #[arg(long, default_value = "content")]
    dir: PathBuf,
}

/// Arguments of `guide`.
#[derive(Debug, clap::Args)]
pub struct GuideArguments {
    /// One kind; all of them without.
    kind: Option<String>,
}

/// Writes the example of a kind under a new name.
///
/// # Errors
/// No such kind, a name that is none, or a file that is there already.
pub fn new(arguments: &NewArguments) -> Result<()> {
    let kind = kind(&arguments.kind)?;
    let parts: Vec<&str> = arguments.name.split('/').collect();
    for part in &parts {
        Slug::parse(part)?;
    }
    if parts.len() != if kind == AssetKind::Issue { 2 } else { 1 } {
        let form = if kind == AssetKind::Issue { "newsletter/2027-02-09" } else { "a-name" };
        return Err(Error::invalid(format!("`{}` is no name for it; write {form}", arguments.name)));
    }
    let path = arguments.dir.join(kind.folder()).join(format!("{}.md", arguments.name));
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::conflict(format!("{} exists already; nothing was written", path.display()))
        }
        _ => Error::unavailable(format!("{} cannot be written: {error}", path.display())),
    };
    if !arguments.dir.is_dir() {
        return Err(Error::not_found(format!("the content folder {}", arguments.dir.display())));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(guide::example(kind).as_bytes()).map_err(failed)?;
    say(&format!("wrote {}; `partnercast guide {}` tells its keys", path.display(), kind.as_str()));
    Ok(())
}

/// Prints the keys of one kind or of all, in Markdown.
///
/// # Errors
/// No such kind.
pub fn guide(arguments: &GuideArguments) -> Result<()> {
    let kinds = match &arguments.kind {
        Some(word) => vec![kind(word)?],
        None => AssetKind::WORDS.iter().map(|(_, kind)| *kind).collect(),
    };
    let pages: Vec<String> = kinds.into_iter().map(guide::reference).collect();
    say(pages.join("\n").trim_end());
    Ok(())
}

fn kind(word: &str) -> Result<AssetKind> {
    AssetKind::parse(word).ok_or_else(|| {
        let fix = did_you_mean(word, AssetKind::WORDS.iter().map(|(word, _)| *word));
        Error::invalid(format!("`{word}` is no kind of content; {fix}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_stands_where_it_belongs_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let new_file = |kind: &str, name: &str| {
            new(&NewArguments { kind: kind.to_owned(), name: name.to_owned(), dir: dir.path().to_owned() })
        };
        new_file("case-study", "wexley").unwrap();
        let path = dir.path().join("case-studies/wexley.md");
        assert_eq!(fs::read_to_string(&path).unwrap(), guide::example(AssetKind::CaseStudy));
        assert!(new_file("case-study", "wexley").unwrap_err().public().contains("exists already"));
        new_file("issue", "restore-notes/2027-02-09").unwrap();
        assert!(new_file("issue", "2027-02-09").unwrap_err().public().contains("newsletter/2027-02-09"));
        assert!(new_file("blog", "../x").is_err());
        assert!(new_file("blgo", "x").unwrap_err().public().contains("did you mean `blog`?"));
    }
}
