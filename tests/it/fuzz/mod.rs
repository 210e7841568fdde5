//! Any byte string as a content file yields findings, never a panic, and soon: real content, changed, taken all the way
//! an author's file goes: `check`, mails, pages, texts, posts, calendars and documents for real partners.
//!
//! An input is its number and nothing else. The short form tries the first few; `TEST_FUZZ_S=600` goes on for so many
//! seconds, from a number that it says, or from `TEST_FUZZ_FROM`.

mod bad_input;
mod mutate;

use std::{
    any::Any,
    fs,
    io::Write as _,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{body::Body, extract::ConnectInfo, http::Request};
use futures_util::FutureExt as _;
use partnercast::{
    cli::check,
    domain::{
        content::{Asset, Finding, SourceFile},
        kernel::{Locale, Random as _, random::OsRandom},
        partner::{AudienceRole, Partner, logo, svg},
    },
    render::Templates,
    web,
    work::{
        documents, folder, matrix,
        preview::{Channel, Eyes, Preview, Rendition, channels},
        sync::{self, Read},
    },
};
use tower::ServiceExt as _;

use self::mutate::Dice;
use crate::{
    harness::{
        START_MS,
        databases::{block_on, sqlite_at},
        environment,
    },
    story::rig::Rig,
};

/// Inputs of the short form.
const SHORT: u64 = 40;
/// Most work of a processor for one step of an input, in a build for debugging; and the longest wait, beside others.
const WORK_MAX: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Most memory of the whole process in the long form.
const RESIDENT_KB_MAX: u64 = 1_500_000;
/// Faults after which there are enough.
const FAULTS_MAX: usize = 12;

/// The part of the demo's content that is changed: something of every kind, and of three languages.
const FOLDERS: [&str; 9] = [
    "rules/",
    "images/",
    "webinars/live",
    "videos/",
    "datasheets/",
    "case-studies/",
    "playbooks/",
    "kits/",
    "pages/t",
];
const FILES: [&str; 6] = [
    "vendor.toml",
    "newsletters/fold-forward",
    "newsletters/fold-forward/2027-01-12",
    "blog/restores-not-backups",
    "whitepapers/proof-of-recovery",
    "social/restore-question",
];
const PARTNERS: [&str; 3] = ["northlight", "dune-gate", "hoshikawa"];
const LANGUAGES: [&str; 4] = ["en", "ar", "ja", "de-DE"];
/// What no author's word may become in HTML.
const HARM: [&str; 6] = ["<script>alert", "<img src=x", "=\"javascript:", "=\"data:", "<mj-", "\u{e000}"];

/// The files that are changed. Partners' logos lie there as SVG too, for a partner who has none.
fn corpus() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = folder::read_now(&root.join("content")).unwrap();
    files.retain(|file| {
        let stem = file.path.trim_end_matches(".md").trim_end_matches(".ar").trim_end_matches(".ja");
        let is_brand = PARTNERS.iter().any(|slug| file.path.starts_with(&format!("roster/brands/{slug}/")));
        FILES.contains(&stem) || is_brand || FOLDERS.iter().any(|folder| file.path.starts_with(folder))
    });
    for table in ["partners", "contacts"] {
        let path = format!("roster/{table}.csv");
        let whole = fs::read_to_string(root.join("content").join(&path)).unwrap();
        let theirs = |line: &&str| PARTNERS.iter().any(|slug| line.contains(slug));
        let lines: Vec<&str> = whole.lines().take(1).chain(whole.lines().skip(1).filter(theirs)).collect();
        files.push(SourceFile { path, bytes: format!("{}\n", lines.join("\n")).into_bytes() });
    }
    let logo = files.iter().find(|file| file.path.ends_with("northlight/logo.svg")).unwrap().bytes.clone();
    files.push(SourceFile { path: "roster/brands/dune-gate/logo.svg".to_owned(), bytes: logo });
    for entry in fs::read_dir(root.join("src/domain/content/examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let folder = match name {
            "issue.md" => "newsletters/example/2027-05-11.md".to_owned(),
            "newsletter.md" => "newsletters/example.md".to_owned(),
            "blog.md" | "social.md" => format!("{}/example.md", name.trim_end_matches(".md")),
            "case-study.md" => "case-studies/example.md".to_owned(),
            _ => format!("{}s/example.md", name.trim_end_matches(".md")),
        };
        files.push(SourceFile { path: folder, bytes: fs::read(&path).unwrap() });
    }
    files
}

/// Everything that an input is tried in.
struct Bench {
    corpus: Vec<SourceFile>,
    templates: Templates,
    rig: Rig,
    preview: Arc<Preview>,
    partners: Vec<Partner>,
    /// The corpus on disk, for `check`.
    dir: tempfile::TempDir,
    sets_documents: bool,
}

/// What one step found, with the step's name.
type Outcome = Result<(), String>;

impl Bench {
    async fn new(dir: tempfile::TempDir, is_long: bool) -> Self {
        let rig = Rig::over(sqlite_at(&dir.path().join("fuzz.sqlite")).await).await.0;
        let corpus = corpus();
        let content = tempfile::tempdir().unwrap();
        for file in &corpus {
            write(content.path(), file);
        }
        let partners = sync::read(&corpus, START_MS).partners;
        assert_eq!(partners.len(), PARTNERS.len());
        let preview = Arc::new(Preview::new(rig.ctx.clone(), content.path().to_owned(), Vec::new()));
        let templates = Templates::load(None).unwrap();
        Self { corpus, templates, rig, preview, partners, dir: content, sets_documents: is_long }
    }

    /// Tries the input with this number.
    async fn input(&self, number: u64) -> Outcome {
        let dice = Dice::new(number);
        let mut files = self.corpus.clone();
        let at = mutate::one_file(&dice, &mut files);
        let tried = self.files(&dice, &files, at).await;
        tried.map_err(|fault| {
            let kept = std::env::temp_dir().join(format!("partnercast-fuzz-{number}"));
            let _ = fs::write(&kept, &files[at].bytes);
            format!("input {number}, {}, kept as {}: {fault}", files[at].path, kept.display())
        })
    }

    async fn files(&self, dice: &Dice, files: &[SourceFile], at: usize) -> Outcome {
        let changed = &files[at];
        self.step("image", || {
            let _ = (logo::sanitise(&changed.bytes), svg::drawn(&changed.bytes));
            Ok(())
        })?;
        let mut read = None;
        self.step("read", || {
            read = Some(sync::read(files, START_MS));
            Ok(())
        })?;
        let Read { library, partners, findings } = read.expect("it was read");
        sane(&findings, files)?;
        let media = sync::paths_of_images(files);
        let partners = if partners.is_empty() { self.partners.clone() } else { partners };
        if dice.once_in(4) {
            self.check_on_disk(dice, files, at)?;
        }
        if dice.once_in(10) && library.vendor.is_some() {
            self.step("matrix", || {
                let made = matrix::matrix(&self.templates, &library, &media, &partners);
                made.map(|_| ()).map_err(|error| error.detail())
            })?;
        }
        let mut shown: Vec<Arc<Asset>> =
            library.assets.iter().filter(|asset| asset.path == changed.path).cloned().collect();
        if shown.is_empty() && !library.assets.is_empty() {
            shown = (0..2).map(|_| dice.one(&library.assets).clone()).collect();
        }
        self.rig.ctx.set_contents(library, media);
        for asset in shown {
            self.shown(dice, &asset, dice.one(&partners)).await?;
        }
        Ok(())
    }

    /// `check` as the command line runs it, in every form of its answer.
    fn check_on_disk(&self, dice: &Dice, files: &[SourceFile], at: usize) -> Outcome {
        let changed = &files[at];
        let is_plain = changed.path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if !is_plain || changed.path.contains('\0') {
            return Ok(());
        }
        write(self.dir.path(), changed);
        let format = *dice.one(&[check::Format::Human, check::Format::Json, check::Format::Sarif]);
        let mut out = Vec::new();
        let outcome = self.step("check", || {
            let code =
                check::run(self.dir.path(), format, &mut out, &mut Vec::new()).map_err(|e| e.to_string())?;
            let text = std::str::from_utf8(&out).map_err(|error| error.to_string())?;
            if code > check::EXIT_ERRORS || text.is_empty() {
                return Err(format!("exit code {code} after {text}"));
            }
            Ok(())
        });
        let _ = fs::remove_file(self.dir.path().join(&changed.path));
        if let Some(old) = self.corpus.iter().find(|file| file.path == changed.path) {
            write(self.dir.path(), old);
        }
        outcome
    }

    /// On every channel, through somebody's eyes. Why it cannot be shown is an answer too.
    async fn shown(&self, dice: &Dice, asset: &Asset, partner: &Partner) -> Outcome {
        let role = [None, Some(*dice.one(AudienceRole::ALL.as_slice()))][dice.below(2)];
        let locale = if dice.once_in(3) { asset.locale.clone() } else { None };
        let locale = locale
            .or_else(|| Locale::parse(LANGUAGES[dice.below(LANGUAGES.len())]).ok())
            .expect("a language");
        let eyes = Eyes { partner: partner.clone(), role, locale };
        for channel in channels(asset) {
            match channel {
                Channel::Page => self.page(asset, partner).await?,
                Channel::Document => self.document(asset, &eyes).await?,
                _ => {
                    let rendition = self.preview.rendition(&asset.reference, &channel, &eyes);
                    let made = self.awaited(channel.as_str(), rendition).await?;
                    if let Ok(Rendition::Mail(mail)) = made {
                        harmless(&mail.html)?;
                        if mail.subject.contains(['\r', '\n', '\u{e000}']) {
                            return Err(format!("the subject {:?}", mail.subject));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn page(&self, asset: &Asset, partner: &Partner) -> Outcome {
        let path: String = asset
            .reference
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() || b"-/._".contains(&b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02x}")
                }
            })
            .collect();
        let uri = format!("/frames/{path}?channel=page&partner={}", partner.slug);
        let request = Request::builder()
            .uri(uri)
            .header("host", "127.0.0.1")
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        let Ok(request) = request.body(Body::empty()) else { return Ok(()) };
        let asking = web::preview_router(self.preview.clone()).oneshot(request);
        let answer = self.awaited("page", asking).await?.map_err(|error| error.to_string())?;
        if answer.status().is_server_error() {
            return Err(format!("the page is answered with {}", answer.status()));
        }
        let body =
            axum::body::to_bytes(answer.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
        harmless(&String::from_utf8_lossy(&body))
    }

    /// What a document is made of; in the long form also the document.
    async fn document(&self, asset: &Asset, eyes: &Eyes) -> Outcome {
        let input = documents::input_of(&self.rig.ctx, &eyes.partner, asset, &eyes.locale);
        let Ok(input) = self.awaited("document's input", input).await? else { return Ok(()) };
        let mut hooks = partnercast::render::document::DocumentHooks {
            link: &mut |_| String::new(),
            image: &mut |_| None,
        };
        let mut prepared = None;
        self.step("document's data", || {
            prepared = partnercast::render::document::prepare(&self.templates, &input, &mut hooks).ok();
            Ok(())
        })?;
        if let Some(prepared) = prepared.filter(|_| self.sets_documents) {
            let made = std::panic::catch_unwind(AssertUnwindSafe(|| prepared.pdf(&self.templates)));
            let _ = made.map_err(|panic| format!("document: {}", words(&*panic)))?;
        }
        Ok(())
    }

    /// Runs a step: without a panic, in time.
    fn step(&self, name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
        let began = (Instant::now(), worked());
        let done = std::panic::catch_unwind(AssertUnwindSafe(work));
        in_time(name, began)?;
        done.map_err(|panic| format!("{name}: {}", words(&*panic)))?
            .map_err(|fault| format!("{name}: {fault}"))
    }

    async fn awaited<T>(&self, name: &str, work: impl Future<Output = T>) -> Result<T, String> {
        let began = (Instant::now(), worked());
        let done = AssertUnwindSafe(work).catch_unwind().await;
        in_time(name, began)?;
        done.map_err(|panic| format!("{name}: {}", words(&*panic)))
    }
}

fn in_time(name: &str, (began, before): (Instant, Duration)) -> Outcome {
    let (took, work) = (began.elapsed(), worked().saturating_sub(before));
    if work > WORK_MAX || took > WAIT_MAX {
        Err(format!("{name} took {work:?} of work in {took:?}"))
    } else {
        Ok(())
    }
}

/// How long this thread has had a processor; nothing where the system does not say.
fn worked() -> Duration {
    let said = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(said.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn write(dir: &Path, file: &SourceFile) {
    let path = dir.join(&file.path);
    let written =
        path.parent().map(fs::create_dir_all).transpose().and_then(|_| fs::write(&path, &file.bytes));
    // A path that stands for a folder already is no input for the disk.
    let _ = written;
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panic: {}", said.unwrap_or_default())
}

/// Every finding names a place that is there.
fn sane(findings: &[Finding], files: &[SourceFile]) -> Outcome {
    for finding in findings {
        let file = files.iter().find(|file| file.path == finding.file);
        let lines = file.map_or(u32::MAX, |file| {
            u32::try_from(String::from_utf8_lossy(&file.bytes).lines().count()).unwrap() + 1
        });
        if finding.line < 1 || finding.column < 1 || finding.line > lines || finding.message.is_empty() {
            return Err(format!("a finding without a place: {finding:?}"));
        }
    }
    Ok(())
}

fn harmless(html: &str) -> Outcome {
    let lower = html.to_lowercase();
    match HARM.iter().find(|harm| lower.contains(**harm)) {
        Some(harm) => Err(format!("{harm:?} stands in the HTML")),
        None => Ok(()),
    }
}

/// Memory that the process holds, in kB; nothing where the system does not say.
fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn any_content_is_read_and_shown_without_panic() {
    let seconds = environment::fuzz_seconds();
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let bench = Bench::new(dir, seconds.is_some()).await;
        let (first, end) = match seconds {
            Some(_) => (environment::fuzz_from().unwrap_or_else(|| OsRandom.next_u64() >> 1), u64::MAX),
            None => (0, SHORT),
        };
        let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(u64::from(u16::MAX)));
        let mut faults = Vec::new();
        let mut number = first;
        while number < end && Instant::now() < until && faults.len() < FAULTS_MAX {
            faults.extend(bench.input(number).await.err());
            number += 1;
        }
        let tried = number - first;
        writeln!(std::io::stderr(), "{tried} inputs from {first} on, {} MB", resident_kb() / 1_024).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(seconds.is_none() || resident_kb() < RESIDENT_KB_MAX, "{} kB", resident_kb());
    });
}

#[test]
fn a_partner_named_like_markup_is_text_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let bench = Bench::new(dir, false).await;
        let mut files = bench.corpus.clone();
        let table = files.iter_mut().find(|file| file.path == "roster/partners.csv").unwrap();
        let named = String::from_utf8(table.bytes.clone()).unwrap();
        table.bytes =
            named.replace("Northlight MSP", "[x](javascript:1) <script>alert(1)</script>").into_bytes();
        let Read { library, partners, .. } = sync::read(&files, START_MS);
        let partner = partners
            .iter()
            .find(|partner| partner.name.contains("<script>"))
            .expect("a name may be anything");
        bench.rig.ctx.set_contents(library.clone(), sync::paths_of_images(&files));
        let mut shown = 0;
        for asset in &library.assets {
            bench.shown(&Dice::new(shown), asset, partner).await.unwrap();
            shown += 1;
        }
        assert!(shown > 20, "{shown} assets");
    });
}
