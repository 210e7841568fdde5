//! The content folder into the store: revisions by hash, all or nothing.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::PoisonError,
};

use super::{
    cobrand::Media, context::Context, documents, drawn_logos, faint_logos, folder, git, images,
    tokens::sha256_hex, webhooks,
};
use crate::{
    domain::{
        content::{
            asset::revision,
            finding::{Finding, Findings, Place, Severity, codes},
            library::{Library, Memo, SourceFile},
        },
        crm,
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        partner::{
            Partner, logo,
            roster::{Roster, RosterFiles, RowFault},
        },
        program::{freshness, lint, misread, reach, repeats, translations, trials},
    },
    store::{
        Db, audit,
        contents::{self, NewBody, NewFile},
        partners,
        revisions::{self, NewHead},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// What a sync found.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    /// Findings, errors first by place; errors mean that nothing was stored.
    pub findings: Vec<Finding>,
    /// Files that are new or different.
    pub changed: usize,
    /// Files that are gone.
    pub gone: usize,
}

/// What a content folder holds, read and checked.
#[derive(Debug)]
pub struct Read {
    /// Its content.
    pub library: Library,
    /// The partners of its roster; none where it has none, or one with faults.
    pub partners: Vec<Partner>,
    /// Everything found, by file and place.
    pub findings: Vec<Finding>,
}

/// Reads and checks files as of `now_ms`, as `check` and the sync do.
pub fn read(files: &[SourceFile], now_ms: UtcMs) -> Read {
    let mut read = read_texts(files, &mut Memo::default(), now_ms);
    read.findings.extend(images::findings(files));
    read.findings.sort();
    read
}

/// The same without decoding images, for who has decoded them, or has only their names; only assets whose files changed
/// since `memo` was filled are parsed.
pub fn read_texts(files: &[SourceFile], memo: &mut Memo, now_ms: UtcMs) -> Read {
    let (Roster { partners, contacts }, roster) = match parse_roster(files) {
        Ok(roster) => (roster.unwrap_or_default(), Vec::new()),
        Err(faults) => (Roster::default(), faults),
    };
    let (library, mut findings) = Library::build_again(files, memo);
    for fault in roster {
        let file = format!("roster/{}", fault.file);
        let mut found = Findings::new(&file, "");
        let place = Place { line: u32::try_from(fault.line.max(1)).unwrap_or(u32::MAX), column: 1 };
        let what = if fault.column.is_empty() {
            fault.message
        } else {
            format!("{}: {}", fault.column, fault.message)
        };
        found.add(codes::BAD_VALUE, place, what, fault.fix);
        // A brand's file is read by both.
        let is_told = |known: &Finding| known.file == file && known.line == place.line;
        if !findings.iter().any(is_told) {
            findings.extend(found.finish());
        }
    }
    findings.extend(drawn_logos::findings(files));
    findings.extend(faint_logos::findings(files, library.vendor.as_ref()));
    findings.extend(lint::newsletters(&library));
    findings.extend(misread::findings(&library));
    findings.extend(repeats::repeated_forms(&library));
    findings.extend(lint::calendar(&library, &partners, now_ms));
    findings.extend(reach::findings(&library, &partners));
    findings.extend(translations::findings(&library, &partners, &contacts));
    findings.extend(translations::copies(&library));
    findings.extend(trials::findings(&library, &partners, &contacts));
    findings.extend(documents::findings(&library));
    findings.extend(crm::findings(&library));
    let zone = library.vendor_zone();
    let today = utc(now_ms).with_timezone(&zone).date_naive();
    findings.extend(freshness::findings(&library, today));
    freshness::forgive_the_past(&library, &mut findings, today);
    findings.sort();
    Read { library, partners, findings }
}

/// The files of `dir`, and what their texts hold, off the threads that serve; files that are as they were when `ctx` last
/// read them are not parsed again.
///
/// # Errors
/// The folder or a file cannot be read.
pub(super) async fn read_folder(ctx: &Context, dir: &Path) -> Result<(Vec<SourceFile>, Read)> {
    parsed(ctx, folder::read(dir).await?).await
}

/// What the texts of `files` hold, off the threads that serve.
async fn parsed(ctx: &Context, files: Vec<SourceFile>) -> Result<(Vec<SourceFile>, Read)> {
    let (memo, now_ms) = (ctx.parsed(), ctx.now_ms());
    let reading = tokio::task::spawn_blocking(move || {
        let read = read_texts(&files, &mut memo.lock().unwrap_or_else(PoisonError::into_inner), now_ms);
        (files, read)
    });
    reading.await.map_err(|error| Error::internal("reading content").because(error))
}

/// What is found in the content as stored.
///
/// # Errors
/// Those of the store.
pub async fn stored_findings(ctx: &Context) -> Result<Vec<Finding>> {
    let (files, _) = stored_files(&ctx.db).await?;
    Ok(parsed(ctx, files).await?.1.findings)
}

/// Stores what `dir` holds, unless it has errors, and makes it the present content. With `import_roster`, its
/// `roster/` is imported too.
///
/// # Errors
/// The folder or the store cannot be read; `Invalid` for a roster with faults. Findings in content are no errors of
/// this kind.
pub async fn sync(ctx: &Context, dir: &Path, import_roster: bool) -> Result<Synced> {
    let (files, Read { library, mut findings, .. }) = read_folder(ctx, dir).await?;
    let encoding = tokio::task::spawn_blocking(move || (images::encoded(&files), files));
    let (encoded, files) =
        encoding.await.map_err(|error| Error::internal("reading images").because(error))?;
    let (mut encoded, faults) = encoded;
    findings.extend(faults);
    findings.sort();
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Ok(Synced { findings, ..Synced::default() });
    }
    let known: HashMap<String, String> =
        contents::heads(&ctx.db).await?.into_iter().map(|head| (head.path, head.hash)).collect();
    let (mut media, mut new, mut present) = (Media::new(), Vec::new(), Vec::new());
    for file in &files {
        let stored = if is_image(&file.path) { encoded.remove(&file.path) } else { to_store(file)? };
        let Some(stored) = stored else { continue };
        present.push(stored.path.clone());
        if matches!(stored.body, NewBody::Binary { .. }) {
            media.insert(stored.path.clone(), stored.hash.clone());
        }
        if known.get(&stored.path) != Some(&stored.hash) {
            new.push(stored);
        }
    }
    present.sort();
    let gone: Vec<String> = known.into_keys().filter(|path| present.binary_search(path).is_err()).collect();
    let roster = if import_roster { roster_of(&files, &media)? } else { None };
    let synced = Synced { findings, changed: new.len(), gone: gone.len() };
    let now_ms = ctx.now_ms();
    let commit = if synced.changed + synced.gone > 0 { git::commit_of(dir).await } else { None };
    let heads: Vec<NewHead> = new.iter().map(head_of).collect();
    let mut tx = ctx.db.begin().await?;
    contents::replace(&mut tx, now_ms, new, &gone).await?;
    let advanced = revisions::advance(&mut tx, now_ms, commit.as_ref(), &heads, &gone).await?;
    webhooks::assets_changed(&mut tx, &*ctx.random, &library, &advanced, now_ms).await?;
    if let Some(roster) = roster {
        let people = super::person::without_erased(&mut tx, roster.contacts).await?;
        partners::import(&mut tx, now_ms, &*ctx.random, &roster.partners, &people).await?;
    }
    if synced.changed + synced.gone > 0 {
        let at = commit.map(|commit| format!(", at commit {}", commit.short())).unwrap_or_default();
        let detail = format!("{} changed, {} gone{at}", synced.changed, synced.gone);
        audit::record(&mut tx, now_ms, &*ctx.random, "partnercast", "sync", "content", &detail).await?;
    }
    tx.commit().await?;
    ctx.set_contents(library, media);
    Ok(synced)
}

fn head_of(file: &NewFile) -> NewHead {
    NewHead {
        path: file.path.clone(),
        hash: file.hash.clone(),
        is_text: matches!(file.body, NewBody::Text(_)),
    }
}

/// The texts of the content as last stored.
///
/// # Errors
/// Those of the store.
pub async fn stored_texts(db: &Db) -> Result<Vec<SourceFile>> {
    let texts = contents::head_texts(db).await?;
    Ok(texts
        .into_iter()
        .map(|text| SourceFile { path: text.path, bytes: text.source.into_bytes() })
        .collect())
}

/// Shows what `dir` holds to this process alone: nothing is stored, so images have no address yet.
///
/// # Errors
/// The folder cannot be read; `Invalid` with every error in it.
pub async fn show(ctx: &Context, dir: &Path) -> Result<()> {
    let (files, Read { library, mut findings, .. }) = read_folder(ctx, dir).await?;
    let looking = tokio::task::spawn_blocking(move || (images::findings(&files), files));
    let (faults, files) = looking.await.map_err(|error| Error::internal("reading images").because(error))?;
    findings.extend(faults);
    findings.sort();
    let errors: Vec<String> =
        findings.iter().filter(|f| f.severity == Severity::Error).map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(Error::invalid(errors.join("\n")));
    }
    ctx.set_contents(library, paths_of_images(&files));
    Ok(())
}

/// The content as stored: texts, and images by name alone, since they were decoded when they were stored.
///
/// # Errors
/// Those of the store.
pub async fn stored_files(db: &Db) -> Result<(Vec<SourceFile>, Media)> {
    let mut files = stored_texts(db).await?;
    let mut media = Media::new();
    for head in contents::heads(db).await? {
        if is_image(&head.path) {
            files.push(SourceFile { path: head.path.clone(), bytes: Vec::new() });
            media.insert(head.path, head.hash);
        }
    }
    Ok((files, media))
}

/// Takes the content from the store: for nodes without a content folder.
///
/// # Errors
/// Those of the store.
pub async fn load(ctx: &Context) -> Result<Synced> {
    let (files, media) = stored_files(&ctx.db).await?;
    let (_, Read { library, findings, .. }) = parsed(ctx, files).await?;
    ctx.set_contents(library, media);
    Ok(Synced { findings, ..Synced::default() })
}

/// The images of `files` by path, for rendering without a store: their paths stand for their bytes.
pub fn paths_of_images(files: &[SourceFile]) -> Media {
    let images = files.iter().map(|file| &file.path).filter(|path| is_image(path));
    images.map(|path| (path.clone(), sha256_hex(path.as_bytes()))).collect()
}

pub(super) fn is_image(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "png")
}

/// What of a file is stored: texts as they are, images decoded and encoded again, so that what we serve is an image
/// and nothing else. Files of other kinds are not stored.
pub(super) fn to_store(file: &SourceFile) -> Result<Option<NewFile>> {
    let path = file.path.clone();
    if is_image(&path) {
        let png = logo::sanitise(&file.bytes)
            .map_err(|error| Error::invalid(format!("{path}: {}", error.public())).because(error))?;
        return Ok(Some(image(&path, &png)));
    }
    let is_text = Path::new(&path)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| matches!(extension, "md" | "toml" | "csv" | "ics"));
    if !is_text {
        return Ok(None);
    }
    let Ok(text) = String::from_utf8(file.bytes.clone()) else {
        return Err(Error::invalid(format!("{path} is not UTF-8 text; save it as UTF-8")));
    };
    let hash = revision(&path, text.as_bytes());
    Ok(Some(NewFile { path, hash, body: NewBody::Text(text) }))
}

/// An image that we encoded, as it is stored.
pub(super) fn image(path: &str, png: &[u8]) -> NewFile {
    let body = NewBody::Binary { media_type: "image/png", base64: STANDARD.encode(png) };
    NewFile { path: path.to_owned(), hash: sha256_hex(png), body }
}

/// The roster of a content folder, with each partner's logo; nothing where the folder has none.
///
/// # Errors
/// `Invalid` with every fault.
pub fn roster_of(files: &[SourceFile], media: &Media) -> Result<Option<Roster>> {
    checked_roster_of(files, media).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Error::invalid(lines.join("\n"))
    })
}

/// As [`roster_of`], with the faults one by one.
///
/// # Errors
/// Every fault.
pub(super) fn checked_roster_of(
    files: &[SourceFile],
    media: &Media,
) -> Result<Option<Roster>, Vec<RowFault>> {
    let Some(mut roster) = parse_roster(files)? else { return Ok(None) };
    for partner in &mut roster.partners {
        let file = |name: &str| media.get(&format!("roster/brands/{}/{name}", partner.slug)).cloned();
        let (logo, logo_dark) = (file("logo.png"), file("logo-dark.png"));
        // It stands in for the other one, which is there for light grounds.
        partner.brand.logo_dark = logo_dark.filter(|_| logo.is_some());
        partner.brand.logo = logo;
    }
    Ok(Some(roster))
}

/// The roster without logos, or every fault in it; nothing where there is none.
fn parse_roster(files: &[SourceFile]) -> Result<Option<Roster>, Vec<RowFault>> {
    let find = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.bytes.as_slice());
    let (Some(partners), Some(contacts)) = (find("roster/partners.csv"), find("roster/contacts.csv")) else {
        return Ok(None);
    };
    let brands: BTreeMap<String, String> = files
        .iter()
        .filter_map(|file| {
            let slug = file.path.strip_prefix("roster/brands/")?.strip_suffix("/brand.toml")?;
            Some((slug.to_owned(), String::from_utf8_lossy(&file.bytes).into_owned()))
        })
        .collect();
    Roster::parse(RosterFiles { partners, contacts, brands: &brands }).map(Some)
}
