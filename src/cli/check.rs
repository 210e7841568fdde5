//! `partnercast check`: reads a content folder and says what to mend.

use std::{
    ffi::OsStr,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::domain::{
    content::{
        Library, SourceFile,
        finding::{Code, Finding, Severity, codes},
        library::{FILE_BYTES_MAX, FILES_MAX},
    },
    kernel::{Error, Result},
};

/// Nothing but warnings at most.
pub const EXIT_CLEAN: u8 = 0;
/// At least one error.
pub const EXIT_ERRORS: u8 = 1;
/// The folder cannot be read.
pub const EXIT_UNREADABLE: u8 = 2;

/// Deepest folder below the content folder; the format needs three.
const DEPTH_MAX: usize = 8;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line each, and a summary.
    Human,
    /// A JSON array.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

/// Reads and checks `dir` and writes the findings to `out`. Returns the exit code: [`EXIT_CLEAN`],
/// [`EXIT_ERRORS`], or [`EXIT_UNREADABLE`] after saying on `err` why.
///
/// # Errors
/// `out` or `err` cannot be written.
pub fn run(dir: &Path, format: Format, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let files = match read_folder(dir) {
        Ok(files) => files,
        Err(error) => {
            writeln!(err, "{}", error.detail())?;
            return Ok(EXIT_UNREADABLE);
        }
    };
    let (library, findings) = Library::build(files);
    match format {
        Format::Human => human(&findings, library.assets.len(), out)?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?,
        Format::Sarif => writeln!(out, "{}", serde_json::to_string_pretty(&sarif(&findings))?)?,
    }
    out.flush()?;
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if failed { EXIT_ERRORS } else { EXIT_CLEAN })
}

/// Every file under `dir`, sorted. Follows no links, and skips hidden files.
///
/// # Errors
/// The folder or a file cannot be read, a name is not UTF-8, or there are too many files.
pub fn read_folder(dir: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Error::invalid(format!(
                    "the name of {} is not UTF-8; rename it",
                    path.display()
                )));
            };
            if name.starts_with('.') {
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
                if files.len() >= FILES_MAX {
                    let folder = dir.display();
                    return Err(Error::invalid(format!(
                        "{folder} holds more than {FILES_MAX} files; split it"
                    )));
                }
                files.push(SourceFile { bytes: read_file(&path)?, path: relative });
            }
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The file's bytes, and one more than is allowed when it is larger, so that the check can say so.
fn read_file(path: &PathBuf) -> Result<Vec<u8>> {
    use io::Read as _;
    let file = fs::File::open(path).map_err(|error| unreadable(path, error))?;
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "does not exist; name the content folder",
        io::ErrorKind::PermissionDenied => "may not be read; change its permissions",
        io::ErrorKind::NotADirectory => "is not a folder; name the content folder",
        _ => "cannot be read",
    };
    let name = path.file_name().unwrap_or(OsStr::new("."));
    Error::unavailable(format!("{} {why}", name.to_string_lossy())).because(error)
}

fn human(findings: &[Finding], assets: usize, out: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    writeln!(out, "{}, {}, {}", count(assets, "asset"), count(errors, "error"), count(warnings, "warning"))
}

/// SARIF 2.1.0 (OASIS): one run, a rule per code that occurs, a result per finding.
fn sarif(findings: &[Finding]) -> Value {
    let occurs = |code: &&Code| findings.iter().any(|finding| finding.code == code.id);
    let rules: Vec<Value> = codes::CODES
        .iter()
        .filter(occurs)
        .map(|code| {
            json!({
                "id": code.id,
                "shortDescription": { "text": code.meaning },
                "defaultConfiguration": { "level": code.severity.as_str() },
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.code,
                "level": finding.severity.as_str(),
                "message": { "text": format!("{} (fix: {})", finding.message, finding.fix) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": finding.file, "uriBaseId": "CONTENT" },
                    "region": { "startLine": finding.line, "startColumn": finding.column },
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "partnercast check", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(dir: &Path, format: Format) -> (u8, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(dir, format, &mut out, &mut err).unwrap();
        out.extend(err);
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_missing_folder_is_2_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (code, text) = checked(&dir.path().join("nowhere"), Format::Human);
        assert_eq!(code, EXIT_UNREADABLE);
        assert!(text.contains("nowhere does not exist"), "{text}");
    }

    #[test]
    fn errors_are_1_in_every_format() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pages")).unwrap();
        fs::write(dir.path().join("pages/a.md"), "---\nkind: page\ntitle: A\nsumary: S\n---\nText\n")
            .unwrap();
        let (code, text) = checked(dir.path(), Format::Human);
        assert_eq!(code, EXIT_ERRORS);
        assert!(
            text.contains(
                "pages/a.md:4:1 error C103 there is no key `sumary` here (fix: did you mean `summary`?)"
            ),
            "{text}"
        );
        assert!(text.ends_with("1 asset, 3 errors, 0 warnings\n"), "{text}");
        let (_, text) = checked(dir.path(), Format::Json);
        let list: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(list[1]["line"], 4);
        let (_, text) = checked(dir.path(), Format::Sarif);
        let sarif: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pages")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("pages/a.md")).unwrap();
        assert!(read_folder(dir.path()).unwrap().is_empty());
    }
}
