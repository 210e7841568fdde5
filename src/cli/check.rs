//! `partnercast check`: reads a content folder and says what to mend.

mod matrix;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use crate::{
    domain::{
        content::{
            SourceFile,
            finding::{Code, Finding, Severity, codes},
        },
        kernel::{Clock as _, clock::SystemClock},
        program::translations::{self, Gap},
    },
    render::slots::escape_url_part,
    work::{
        folder,
        sync::{self, Read},
    },
};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The content folder.
    #[arg(default_value = "content")]
    dir: PathBuf,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// List what partners read in another language than their own, instead of findings.
    #[arg(long)]
    translations: bool,
    /// Also put every asset together for every partner of the roster, render each issue for every role, and show what
    /// each gets.
    #[arg(long, conflicts_with = "translations")]
    matrix: bool,
}

/// Checks, prints, and gives the exit code.
pub fn main(arguments: &Arguments) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    // Nobody reads the answer if it cannot be written; the code still tells.
    if arguments.translations && matches!(arguments.format, Format::Sarif) {
        let _ = writeln!(err, "--translations has no findings, and so no SARIF; take --format json");
        return ExitCode::from(EXIT_UNREADABLE);
    }
    let answer = match arguments {
        Arguments { translations: true, .. } => translations,
        Arguments { matrix: true, .. } => matrix::run,
        _ => run,
    };
    answer(&arguments.dir, arguments.format, &mut out, &mut err).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Nothing but warnings at most.
pub const EXIT_CLEAN: u8 = 0;
/// At least one error.
pub const EXIT_ERRORS: u8 = 1;
/// The folder cannot be read.
pub const EXIT_UNREADABLE: u8 = 2;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line each, and a summary.
    Human,
    /// A JSON array of findings; with `--matrix` an object of `findings` and `matrix`.
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
    let Some(files) = read(dir, err)? else { return Ok(EXIT_UNREADABLE) };
    let Read { library, findings, .. } = sync::read(&files, SystemClock.now_ms());
    match format {
        Format::Human => human(&findings, &files, library.assets.len(), out)?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?,
        Format::Sarif => writeln!(out, "{}", serde_json::to_string_pretty(&sarif(&findings, dir))?)?,
    }
    out.flush()?;
    Ok(code_of(&findings))
}

fn code_of(findings: &[Finding]) -> u8 {
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    if failed { EXIT_ERRORS } else { EXIT_CLEAN }
}

fn read(dir: &Path, err: &mut dyn Write) -> io::Result<Option<Vec<SourceFile>>> {
    match folder::read_now(dir) {
        Ok(files) => Ok(Some(files)),
        Err(error) => writeln!(err, "{}", error.detail()).map(|()| None),
    }
}

/// Writes what partners read in another language than their own, to `out`; nothing of it is an error.
fn translations(dir: &Path, format: Format, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let Some(files) = read(dir, err)? else { return Ok(EXIT_UNREADABLE) };
    let Read { library, partners, .. } = sync::read(&files, SystemClock.now_ms());
    let gaps = translations::gaps(&library, &partners);
    if format != Format::Human {
        writeln!(out, "{}", serde_json::to_string_pretty(&gaps)?)?;
        return Ok(EXIT_CLEAN);
    }
    let mut by_language: BTreeMap<&str, usize> = BTreeMap::new();
    for Gap { reference, language, shown, partners } in &gaps {
        *by_language.entry(language).or_default() += 1;
        writeln!(out, "{reference}: {} read {shown} instead of {language}", partners.join(", "))?;
    }
    for (language, count) in by_language {
        writeln!(out, "{count} not translated into {language}")?;
    }
    Ok(EXIT_CLEAN)
}

/// Longest excerpt of a source line, in characters.
const EXCERPT_CHARS_MAX: usize = 100;

/// The line a finding is about, and a mark under the place; nothing where a file as a whole is meant.
fn excerpt(finding: &Finding, files: &HashMap<&str, &[u8]>) -> Option<String> {
    if (finding.line, finding.column) == (1, 1) {
        return None;
    }
    let text = String::from_utf8_lossy(files.get(finding.file.as_str())?);
    let line = text.lines().nth(usize::try_from(finding.line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(finding.column).ok()?.saturating_sub(1);
    // A long line is shown from shortly before the place.
    let from = column.saturating_sub(EXCERPT_CHARS_MAX / 2);
    let shown: String = line
        .chars()
        .skip(from)
        .take(EXCERPT_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let number = finding.line.to_string();
    let blanks = " ".repeat(number.len());
    let before = " ".repeat(column - from);
    Some(format!("  {number} | {}\n  {blanks} | {before}^", shown.trim_end()))
}

fn human(findings: &[Finding], files: &[SourceFile], assets: usize, out: &mut dyn Write) -> io::Result<()> {
    let files = files.iter().map(|file| (file.path.as_str(), file.bytes.as_slice())).collect();
    for finding in findings {
        writeln!(out, "{finding}")?;
        if let Some(excerpt) = excerpt(finding, &files) {
            writeln!(out, "{excerpt}")?;
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    writeln!(out, "{}, {}, {}", count(assets, "asset"), count(errors, "error"), count(warnings, "warning"))
}

/// SARIF 2.1.0 (OASIS): one run, a rule per code that occurs, a result per finding.
/// Files as seen from where `check` runs, which code hosts take for the top of the repository; of a folder named by its whole
/// path, below that folder.
fn sarif(findings: &[Finding], dir: &Path) -> Value {
    let below = if dir.is_relative() { dir } else { Path::new("") };
    let base = if dir.is_relative() { "%SRCROOT%" } else { "CONTENT" };
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
                    "artifactLocation": { "uri": uri(&below.join(&finding.file)), "uriBaseId": base },
                    "region": { "startLine": finding.line, "startColumn": finding.column },
                }}],
            })
        })
        .collect();
    let bases = match dir.is_relative() {
        true => json!({}),
        false => json!({ "CONTENT": { "uri": format!("file://{}/", uri(dir).trim_end_matches('/')) } }),
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "partnercast check", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": bases,
            "results": results,
        }],
    })
}

/// A path as a relative reference (RFC 3986 section 4.2), without `./`.
fn uri(path: &Path) -> String {
    let parts = path.components().filter(|part| !matches!(part, std::path::Component::CurDir));
    let parts: Vec<String> = parts.map(|part| escape_url_part(&part.as_os_str().to_string_lossy())).collect();
    parts.join("/").replace("%2F/", "/")
}

#[cfg(test)]
mod tests {
    use std::fs;

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
                "pages/a.md:4:1 error C103 there is no key `sumary` here (fix: did you mean `summary`?)\n  4 | sumary: S\n    | ^\n"
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
        let place = |dir: &str| {
            let found = Finding {
                code: "C100",
                severity: Severity::Error,
                file: "blog/a b.md".into(),
                line: 1,
                column: 1,
                message: String::new(),
                fix: String::new(),
            };
            let run = super::sarif(&[found], Path::new(dir))["runs"][0].clone();
            let at = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
            (at["uri"].as_str().unwrap().to_owned(), run["originalUriBaseIds"]["CONTENT"]["uri"].clone())
        };
        assert_eq!(place("./content"), ("content/blog/a%20b.md".to_owned(), Value::Null));
        assert_eq!(place("."), ("blog/a%20b.md".to_owned(), Value::Null));
        assert_eq!(place("/x/content"), ("blog/a%20b.md".to_owned(), "file:///x/content/".into()));
    }

    #[test]
    fn what_is_not_translated_is_counted_by_language() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
        assert_eq!(translations(&dir, Format::Human, &mut out, &mut err).unwrap(), EXIT_CLEAN);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("blog/pricing-proof-not-storage: dune-gate read en instead of ar\n"), "{text}");
        assert!(!text.contains("blog/restores-not-backups: rheinbogen"), "it is there in German: {text}");
        assert!(text.contains(" not translated into ja\n"), "{text}");
        out = Vec::new();
        translations(&dir, Format::Json, &mut out, &mut err).unwrap();
        let gaps: Vec<Value> = serde_json::from_slice(&out).unwrap();
        assert!(gaps.iter().any(|gap| gap["language"] == "ja" && gap["partners"][0] == "hoshikawa"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pages")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("pages/a.md")).unwrap();
        assert!(folder::read_now(dir.path()).unwrap().is_empty());
    }
}
