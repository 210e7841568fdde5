//! `partnercast new` and `partnercast guide`: a file to begin with, and what may be written in it.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use super::say;
use crate::{
    domain::{
        content::{
            AssetKind,
            finding::did_you_mean,
            form, guide,
            rules::{
                guide::{
                    attribution_reference, calendar_reference, engagement_reference, frequency_reference,
                    messages_reference, routing_reference,
                },
                guide_leads::{consent_reference, scoring_reference},
            },
        },
        crm::guide::reference as crm_reference,
        engagement::EventKind,
        kernel::{Clock as _, Error, Result, Slug, clock::SystemClock},
        lead::intake,
        program::Cadence,
        webhook::guide::reference as webhooks_reference,
    },
    work::{
        folder,
        sync::{self, Read},
    },
};

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub struct NewArguments {
    /// What it is: blog, whitepaper, webinar, kit, ...
    kind: String,
    /// Its file's name without ending; for an issue the newsletter's and the date, fold-forward/2027-02-09; for a
    /// message the sequence's and the step's, welcome/hello.
    name: String,
    /// The content folder.
    #[arg(long, default_value = "content")]
    dir: PathBuf,
}

/// Arguments of `guide`.
#[derive(Debug, clap::Args)]
pub struct GuideArguments {
    /// One kind of content, `brand`, `crm`, `webhooks`, or a file of rules: attribution, calendar, consent, engagement, frequency, messages,
    /// routing or scoring; all of them without.
    kind: Option<String>,
}

/// Writes the example of a kind under a new name, and says what is to be filled in.
///
/// # Errors
/// No such kind, a name that is none, a date that the newsletter does not promise, or a file that is there already.
pub fn new(arguments: &NewArguments) -> Result<()> {
    let kind = kind(&arguments.kind)?;
    let dir = &arguments.dir;
    let text = match (kind, arguments.name.split_once('/')) {
        (AssetKind::Issue, Some((newsletter, date))) => issue(&read(dir)?, newsletter, date)?,
        (AssetKind::Issue, None) => {
            return Err(Error::invalid(format!(
                "`{}` names no issue; write newsletter/2027-02-09",
                arguments.name
            )));
        }
        (AssetKind::Message, Some((sequence, step))) => {
            Slug::parse(sequence)?;
            Slug::parse(step)?;
            guide::message_example()
        }
        (AssetKind::Message, None) => {
            return Err(Error::invalid(format!(
                "`{}` names no message; write sequence/step",
                arguments.name
            )));
        }
        _ => {
            Slug::parse(&arguments.name)?;
            guide::example(kind).to_owned()
        }
    };
    let relative = format!("{}/{}.md", kind.folder(), arguments.name);
    let path = dir.join(&relative);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::conflict(format!("{} exists already; nothing was written", path.display()))
        }
        _ => Error::unavailable(format!("{} cannot be written: {error}", path.display())),
    };
    // Also says so where there is no such folder, before one is made.
    folder::read_now(dir)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    say(&format!("wrote {}; `partnercast guide {}` tells its keys", path.display(), kind.as_str()));
    let findings = read(dir)?.findings;
    for finding in findings.iter().filter(|finding| finding.file == relative) {
        say(&format!("to do: {finding}"));
    }
    Ok(())
}

fn read(dir: &Path) -> Result<Read> {
    Ok(sync::read(&folder::read_now(dir)?, SystemClock.now_ms()))
}

/// An issue of a newsletter that is there, on a day that it promises.
fn issue(content: &Read, newsletter: &str, date: &str) -> Result<String> {
    let mut all = content.library.newsletters();
    let Some((asset, found)) = all.find(|(asset, _)| asset.slug() == newsletter) else {
        let known: Vec<&str> = content.library.newsletters().map(|(asset, _)| asset.slug()).collect();
        let fix = if known.is_empty() { "begin one".to_owned() } else { did_you_mean(newsletter, known) };
        return Err(Error::invalid(format!("there is no newsletter `{newsletter}`; {fix}")));
    };
    let day = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| date.len() == 10);
    let day = day.ok_or_else(|| Error::invalid(format!("`{date}` is no date; write it like 2027-02-09")))?;
    let next = Cadence::parse(&found.cadence)?.next_day(day);
    if let Some(next) = next.filter(|next| *next != day) {
        return Err(Error::invalid(format!(
            "{day} is no day that `{newsletter}` promises ({}); the next one is {next}",
            found.cadence
        )));
    }
    Ok(guide::issue_example(newsletter, asset.front.title.as_str(), day))
}

/// Makes a page of the guide.
type Page = fn() -> String;

/// What `guide` knows besides kinds of content: a partner's brand, each file of rules, and webhooks.
const OTHERS: [(&str, Page); 13] = [
    ("brand", guide::brand_reference),
    ("attribution", attribution_reference),
    ("calendar", calendar_reference),
    ("consent", consent_reference),
    ("crm", crm_reference),
    ("engagement", engagement_reference),
    ("forms", form::reference),
    ("frequency", frequency_reference),
    ("leads", intake::reference),
    ("messages", messages_reference),
    ("routing", routing_reference),
    ("scoring", scoring),
    ("webhooks", webhooks_reference),
];

fn scoring() -> String {
    scoring_reference(|event| EventKind::from(event).phrase())
}

/// Prints the keys of one kind or of all, in Markdown.
///
/// # Errors
/// No such kind.
pub fn guide(arguments: &GuideArguments) -> Result<()> {
    let pages: Vec<String> = match arguments.kind.as_deref() {
        Some(word) => match OTHERS.iter().find(|(name, _)| *name == word) {
            Some((_, page)) => vec![page()],
            None => vec![guide::reference(kind_or(word, &OTHERS.map(|(name, _)| name))?)],
        },
        None => {
            let kinds = AssetKind::WORDS.iter().map(|(_, kind)| guide::reference(*kind));
            kinds.chain(OTHERS.iter().map(|(_, page)| page())).collect()
        }
    };
    say(pages.join("\n").trim_end());
    Ok(())
}

fn kind(word: &str) -> Result<AssetKind> {
    kind_or(word, &[])
}

/// The kind called `word`; the refusal names `others` too, which the caller knows besides.
fn kind_or(word: &str, others: &[&str]) -> Result<AssetKind> {
    AssetKind::parse(word).ok_or_else(|| {
        let words = AssetKind::WORDS.iter().map(|(word, _)| *word).chain(others.iter().copied());
        let fix = did_you_mean(word, words);
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
        let refused = |kind: &str, name: &str| new_file(kind, name).unwrap_err().public().to_owned();
        new_file("case-study", "wexley").unwrap();
        let path = dir.path().join("case-studies/wexley.md");
        assert_eq!(fs::read_to_string(&path).unwrap(), guide::example(AssetKind::CaseStudy));
        assert!(refused("case-study", "wexley").contains("exists already"));
        assert!(new_file("blog", "../x").is_err());
        new_file("sequence", "welcome").unwrap();
        assert!(refused("message", "hello").contains("sequence/step"));
        new_file("message", "welcome/hello").unwrap();
        assert!(dir.path().join("sequences/welcome/hello.md").exists());
        assert!(refused("blgo", "x").contains("did you mean `blog`?"));
        assert!(!refused("brand", "x").contains("`brand`?"), "a brand is no content");
        let told = |kind: &str| guide(&GuideArguments { kind: Some(kind.to_owned()) });
        told("brand").unwrap();
        told("calendar").unwrap();
        assert!(told("brnad").unwrap_err().public().contains("did you mean `brand`?"));
        let nowhere = dir.path().join("nowhere");
        let nowhere = NewArguments { kind: "blog".to_owned(), name: "x".to_owned(), dir: nowhere };
        assert!(new(&nowhere).unwrap_err().public().contains("does not exist"));
    }

    #[test]
    fn a_new_issue_is_right_from_the_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
        let images = ["images/brackenfold.png", "images/brackenfold-dark.png"];
        for path in images.into_iter().chain(["vendor.toml", "newsletters/fold-forward.md"]) {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::copy(content.join(path), dir.path().join(path)).unwrap();
        }
        let new_issue = |name: &str| {
            new(&NewArguments { kind: "issue".to_owned(), name: name.to_owned(), dir: dir.path().to_owned() })
        };
        let refused = |name: &str| new_issue(name).unwrap_err().public().to_owned();
        assert!(refused("fold-forward").contains("newsletter/2027-02-09"));
        assert!(refused("fold-foward/2027-02-09").contains("did you mean `fold-forward`?"));
        assert!(refused("fold-forward/9-2-2027").contains("is no date"));
        assert!(refused("fold-forward/2027-02-10").contains("the next one is 2027-03-09"));
        new_issue("fold-forward/2027-02-09").unwrap();
        let found = read(dir.path()).unwrap().findings;
        let errors: Vec<String> = found
            .iter()
            .filter(|finding| finding.severity == crate::domain::content::Severity::Error)
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "a running `serve` goes on taking content");
    }
}
