//! Revisions as people ask for them: the history of a file, what differs between two of its texts as a reader sees them.

use serde::Serialize;

use super::cobrand::{CoBrand, Media};
use crate::{
    domain::{
        content::{
            Asset, FieldUse, Library, Node, Part, Reader, SourceFile, Target, Template, Value, commit,
            finding::suggestion, merge::merge, text,
        },
        kernel::{Error, Locale, Result, clock::UtcMs},
        partner::{AudienceRole, Partner},
    },
    render::diff::{self, Diff},
    store::{
        Db, contents, holders,
        recalls::{self, Recall},
        revisions::{self, Removal, Revision},
    },
};

/// The file that names the vendor.
const VENDOR: &str = "vendor.toml";

/// The path of the file that `text` names: its path, or an asset's reference, with `locale` for its translation.
///
/// # Errors
/// `NotFound` with the likely one, where it was never in the folder.
pub async fn path_of(db: &Db, text: &str, locale: Option<&Locale>) -> Result<String> {
    let text = text.trim().trim_start_matches('/');
    let mut tried = Vec::new();
    match locale {
        Some(locale) => tried.push(format!("{}.{locale}.md", text.trim_end_matches(".md"))),
        None => tried.extend([text.to_owned(), format!("{text}.md")]),
    }
    for path in &tried {
        if revisions::numbered(db, path, 1).await?.is_some() {
            return Ok(path.clone());
        }
    }
    if let Some(locale) = locale {
        let there = versions(db, text.trim_end_matches(".md")).await?;
        if !there.is_empty() {
            let hint = format!("it is there as {}", there.join(", "));
            return Err(Error::not_found_but(format!("`{text}` in {locale}"), hint));
        }
    }
    let known = known_paths(db, "").await?;
    let names = known.iter().map(|path| path.strip_suffix(".md").unwrap_or(path));
    Err(match (known.is_empty(), suggestion(text, names)) {
        (true, _) => Error::not_found_but(
            format!("`{text}`"),
            "nothing was synced yet: `partnercast serve` does it when it starts",
        ),
        (_, Some(meant)) => Error::not_found_but(format!("`{text}`"), format!("did you mean `{meant}`?")),
        _ => Error::not_found_but(
            format!("`{text}`"),
            "write a reference such as whitepapers/first-24-hours, or a path under the content folder",
        ),
    })
}

/// Every path that was ever in the folder and begins with `prefix`.
async fn known_paths(db: &Db, prefix: &str) -> Result<Vec<String>> {
    let mut known: Vec<String> = Vec::new();
    loop {
        let page = revisions::paths(db, prefix, known.last().map_or("", String::as_str)).await?;
        if page.is_empty() {
            return Ok(known);
        }
        known.extend(page);
    }
}

/// The asset that a path is a version of: without locale and `.md`; nothing for files that are no assets.
pub fn reference_of(path: &str) -> Option<&str> {
    let stem = path.strip_suffix(".md")?;
    let name = stem.rsplit('/').next()?;
    let locale = name.find('.').map_or(0, |dot| name.len() - dot);
    Some(&stem[..stem.len() - locale])
}

/// The paths of an asset that were ever in the folder: its original and its translations.
///
/// # Errors
/// Those of the store.
pub async fn versions(db: &Db, reference: &str) -> Result<Vec<String>> {
    let known = known_paths(db, reference).await?;
    Ok(known.into_iter().filter(|path| reference_of(path) == Some(reference)).collect())
}

/// A number of a file's history, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The number, from 1.
    pub no: i64,
    /// When it became the head, UTC milliseconds.
    pub since_ms: UtcMs,
    /// The hash of path and text.
    pub hash: String,
    /// Whether the folder holds it now.
    pub is_head: bool,
    /// The folder's commit at that sync. Whether the file equals it is not known.
    pub commit_id: Option<String>,
    /// The commit's subject.
    pub commit_subject: Option<String>,
    /// When the commit was written.
    pub commit_authored_ms: Option<UtcMs>,
    /// An earlier number with the same text.
    pub same_as: Option<i64>,
    /// Lines of the file that came with it; nothing for images.
    pub lines_added: Option<usize>,
    /// Lines that went.
    pub lines_removed: Option<usize>,
    /// When the file left the folder, while this was its head.
    pub removed_ms: Option<UtcMs>,
    /// How many people have this text: the next mail server accepted an issue that holds it. None where nobody counted.
    pub people: Option<i64>,
}

/// The history of a file.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// Path under the content folder.
    pub path: String,
    /// Other versions of the asset: its original and translations.
    pub siblings: Vec<String>,
    /// The latest first, at most a hundred.
    pub revisions: Vec<Told>,
    /// The number before which older ones follow.
    pub older_than: Option<i64>,
    /// The recall in force.
    pub recall: Option<Recall>,
    /// Issues frozen before revisions were noted: who got what with them is not known.
    pub issues_unrecorded: i64,
}

/// Whether a history counts who has what, which looks at every message of the issues that hold the file: seconds with a
/// million readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// How many people have each text.
    People,
    /// For a look in passing.
    Nobody,
}

/// The history of `path`, the numbers below `before`, at most `limit` and [`revisions::PAGE`] of them.
///
/// # Errors
/// Those of the store.
pub async fn history(db: &Db, path: &str, before: i64, limit: usize, count: Count) -> Result<History> {
    let mut page = revisions::of_path(db, path, before).await?;
    page.truncate(limit);
    let numbers = revisions::numbers(db, path).await?;
    let removals = revisions::removals(db, path).await?;
    let head = contents::hash_of(db, path).await?;
    let people = match count {
        Count::People => Some(holders::counts(db, path).await?),
        Count::Nobody => None,
    };
    let latest = numbers.first().map(|number| number.no);
    let mut told = Vec::with_capacity(page.len());
    for revision in &page {
        let earlier = numbers.iter().filter(|it| it.hash == revision.hash && it.no < revision.no);
        let size = size_of(db, revision).await?;
        told.push(Told {
            no: revision.no,
            since_ms: revision.since_ms,
            is_head: latest == Some(revision.no) && head.is_some(),
            commit_id: revision.commit_id.clone(),
            commit_subject: revision.commit_subject.clone(),
            commit_authored_ms: revision.commit_authored_ms,
            same_as: earlier.map(|it| it.no).min(),
            lines_added: size.map(|(added, _)| added),
            lines_removed: size.map(|(_, removed)| removed),
            removed_ms: removal_of(&removals, revision.no),
            people: people.as_ref().map(|people| {
                people.iter().find(|(hash, _)| *hash == revision.hash).map_or(0, |(_, count)| *count)
            }),
            hash: revision.hash.clone(),
        });
    }
    let reference = reference_of(path);
    let siblings = match reference {
        Some(reference) => versions(db, reference).await?.into_iter().filter(|other| other != path).collect(),
        None => Vec::new(),
    };
    let recall = match reference {
        Some(reference) => recalls::in_force(db, reference).await?,
        None => None,
    };
    let older_than = page.last().map(|last| last.no).filter(|no| *no > 1);
    Ok(History {
        path: path.to_owned(),
        siblings,
        revisions: told,
        older_than,
        recall,
        issues_unrecorded: holders::unrecorded(db).await?,
    })
}

fn removal_of(removals: &[Removal], no: i64) -> Option<UtcMs> {
    removals.iter().find(|removal| removal.no == no).map(|removal| removal.at_ms)
}

/// Lines that came and went with a revision, in the file as it was written.
async fn size_of(db: &Db, revision: &Revision) -> Result<Option<(usize, usize)>> {
    let Some(after) = revisions::text(db, &revision.hash).await? else { return Ok(None) };
    let before = match revisions::numbered(db, &revision.path, revision.no - 1).await? {
        Some(before) => revisions::text(db, &before.hash).await?.unwrap_or_default(),
        None => String::new(),
    };
    blocking(move || diff::size(&before, &after)).await.map(Some)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("comparing").because(error))
}

/// With whose eyes two texts are compared.
#[derive(Debug, Clone, Default)]
pub struct Eyes {
    /// In whose voice; without one everything is shown, and merge fields by name.
    pub partner: Option<Partner>,
    /// In which language a partner's own words are; theirs if nothing.
    pub locale: Option<Locale>,
    /// What one role reads; nothing: whatever some colleague does.
    pub role: Option<AudienceRole>,
    /// The file as written, instead of what a reader sees.
    pub source: bool,
}

/// Two revisions side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Path under the content folder.
    pub path: String,
    /// The earlier one.
    pub before: Revision,
    /// The later one.
    pub after: Revision,
    /// Whether the file as written is compared, not what a reader sees.
    pub source: bool,
    /// Whether the files as written differ.
    pub files_differ: bool,
    /// The difference.
    pub diff: Diff,
}

/// Compares two numbers of `path`: those given, or the latest two.
///
/// # Errors
/// `NotFound` for a number that is not there, `Invalid` for an image; those of the store.
pub async fn compare(
    db: &Db,
    path: &str,
    (before, after): (Option<i64>, Option<i64>),
    eyes: Eyes,
    context: usize,
) -> Result<Compared> {
    let latest = revisions::of_path(db, path, i64::MAX).await?.into_iter().next();
    let latest = latest.ok_or_else(|| Error::not_found(format!("`{path}`")))?;
    let after_no = after.unwrap_or(latest.no);
    let before_no = before.unwrap_or(after_no - 1);
    if before.is_none() && latest.no == 1 {
        return Err(Error::conflict(format!("{path} has one revision: there is nothing to compare it with")));
    }
    let (before, was) = loaded(db, path, before_no, latest.no).await?;
    let (after, is) = loaded(db, path, after_no, latest.no).await?;
    let vendor = match contents::hash_of(db, VENDOR).await? {
        Some(hash) => revisions::text(db, &hash).await?.unwrap_or_default(),
        None => String::new(),
    };
    let (file, wanted) = (path.to_owned(), path.to_owned());
    blocking(move || {
        let read = |text: &str| if eyes.source { None } else { rendered(&file, text, &vendor, &eyes) };
        let (diff, source) = match (read(&was), read(&is)) {
            (Some(was), Some(is)) => (diff::diff(&was, &is, context), false),
            _ => (diff::diff(&was, &is, context), true),
        };
        Compared { path: wanted, files_differ: was != is, before, after, source, diff }
    })
    .await
}

async fn loaded(db: &Db, path: &str, no: i64, latest: i64) -> Result<(Revision, String)> {
    let revision = revisions::numbered(db, path, no).await?.ok_or_else(|| no_such(path, no, latest))?;
    let text = revisions::text(db, &revision.hash).await?;
    let text =
        text.ok_or_else(|| Error::invalid(format!("{path} is an image: only texts can be compared")))?;
    Ok((revision, text))
}

/// There is no such number.
pub(super) fn no_such(path: &str, no: i64, latest: i64) -> Error {
    Error::not_found_but(format!("revision {no} of {path}"), format!("its numbers go from 1 to {latest}"))
}

/// What a reader gets of a file, as plain text: a paragraph a line. Nothing for files that are no assets.
fn rendered(path: &str, file: &str, vendor: &str, eyes: &Eyes) -> Option<String> {
    let source =
        |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let (library, _) = Library::build(vec![source(path, file), source(VENDOR, vendor)]);
    let asset = library.assets.first()?;
    let media = Media::new();
    let voice = eyes.partner.as_ref().and_then(|partner| {
        let locale = eyes.locale.as_ref().or(asset.locale.as_ref()).unwrap_or(&partner.locale);
        CoBrand::new(&library, &media, partner, locale, "").ok()
    });
    let mut lines = front(asset, voice.as_ref());
    match &voice {
        Some(voice) => {
            let insider = Reader::insider(voice.partner, voice.locale);
            let roles = eyes.role.map(|role| [role].into_iter().collect()).or(insider.roles);
            let nodes = asset.text_for(&Reader { roles, ..insider });
            lines.push(String::new());
            lines.extend(body(&nodes, Some(voice)));
        }
        None => {
            for section in &asset.body.sections {
                lines.push(String::new());
                if let Some(zone) = &section.zone {
                    lines.push(format!("[zone {}, {}]", zone.zone.as_str(), section.selection));
                } else if !section.selection.is_for_everyone() {
                    lines.push(format!("[for {}]", section.selection));
                }
                lines.extend(body(&section.nodes, None));
            }
        }
    }
    Some(lines.join("\n") + "\n")
}

/// What stands before the text.
fn front(asset: &Asset, voice: Option<&CoBrand<'_>>) -> Vec<String> {
    let line = |template: &Template| said(template, voice);
    let mut lines = vec![line(&asset.front.title)];
    lines.extend(asset.front.summary.as_ref().map(line));
    if let Some(letter) = asset.detail.letter() {
        lines.push(format!("Subject: {}", line(letter.subject)));
        lines.push(format!("Preheader: {}", line(letter.preheader)));
        lines.extend(letter.features.iter().map(|feature| format!("Card: {}", feature.as_str())));
    }
    lines
}

/// A line with its fields filled; by name where there is no voice, or no value.
fn said(template: &Template, voice: Option<&CoBrand<'_>>) -> String {
    let by_name = || {
        let parts = template.parts().iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(used) => name(used),
        });
        parts.collect()
    };
    let merged = voice.map(|voice| template.merge_text(&|field| voice.value_or_name(field)));
    merged.and_then(Result::ok).unwrap_or_else(by_name)
}

fn body(nodes: &[Node], voice: Option<&CoBrand<'_>>) -> Vec<String> {
    let merged = voice.map(|voice| {
        merge(nodes, &|field| voice.value_or_name(field)).or_else(|_| {
            // A field without value and default: shown by name, as without a voice.
            merge(nodes, &|field| match voice.value_or_name(field) {
                Value::Empty => Value::Recipient,
                value => value,
            })
        })
    });
    let merged = merged.and_then(Result::ok);
    let url = |target: &Target| match (target, voice) {
        (Target::Asset(reference), Some(voice)) => Some(voice.path(reference)),
        (Target::Asset(reference), None) => Some(reference.clone()),
        (Target::Url(url), _) => Some(url.clone()),
        (Target::Template(parts), _) => Some(
            parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Field(used) => name(used),
                })
                .collect(),
        ),
    };
    text::unwrapped(merged.as_deref().unwrap_or(nodes), &text::Plain { url: &url, field: &name })
}

/// `{{ partner.name }}`
fn name(used: &FieldUse) -> String {
    format!("{{{{ {} }}}}", used.field.as_str())
}

/// `a1b2c3d4e5  Say what it costs`, for lists.
pub fn commit_words(id: Option<&str>, subject: Option<&str>) -> Option<String> {
    let id = commit::short(id?);
    Some(subject.map_or_else(|| id.to_owned(), |subject| format!("{id} {subject}")))
}

#[cfg(test)]
#[path = "revisions_tests.rs"]
mod tests;
