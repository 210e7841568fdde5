//! Making co-branded PDFs, measured against the bare typst crate in the same run:
//!
//!     cargo bench --bench pdf -- [--small] [--documents N] [--out FOLDER]
//!
//! The document is the demo's longest paper in the brands of all its partners, from the content folder through a
//! synced SQLite store. `ours` sets one after the other, each with a title of its own, so that none comes from a
//! cache. The reference, `bare`, is the same text, with the same typefaces, written out as Typst source and given to
//! the typst crate alone: no data, no cover, no contents, no brand. Each part runs in a
//! process of its own, so that memory is that of the part alone. `--out` also writes one document of each kind and
//! brand there, to look at. The last line is one JSON object.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]
#![expect(clippy::disallowed_methods, reason = "its parts are told by the environment what to measure")]

#[path = "support/bare.rs"]
mod bare;
mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use partnercast::{
    domain::{
        content::Asset,
        delivery::{Classes, backoff::OnUncertain},
        kernel::{Locale, clock::ManualClock, random::OsRandom, token::Keys},
        social::{linkedin::Version, spend::Terms},
    },
    render::{
        Templates,
        document::{self, DocumentHooks},
    },
    store::{Db, partners},
    work::{
        Context,
        context::{Bounces, Settings},
        documents, sync,
    },
};
use support::usage::{Meter, peak_mb, resident_mb};

/// 2027-01-11 20:00 UTC.
const NOW_MS: i64 = 1_799_697_600_000;
/// The demo's longest paper.
const PAPER: &str = "whitepapers/building-a-recovery-practice";
/// Documents made before anything is measured.
const WARM_UP: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match std::env::var("PARTNERCAST_BENCH_PART").unwrap_or_default().as_str() {
        "" => {
            let default = if has("--small") { 120 } else { 1_000 };
            let documents = value("--documents")
                .map_or(default, |text| text.parse().expect("--documents takes a number"));
            whole(documents);
            if let Some(folder) = value("--out") {
                runtime.block_on(write_all(Path::new(&folder)));
            }
        }
        "ours" => runtime.block_on(ours(count())),
        "bare" => runtime.block_on(reference(count())),
        other => panic!("unknown part {other}"),
    }
}

fn count() -> usize {
    let count = std::env::var("BENCH_DOCUMENTS").expect("BENCH_DOCUMENTS is set by the bench");
    count.parse().expect("BENCH_DOCUMENTS is a number")
}

/// Runs both parts and prints what they say.
fn whole(documents: usize) {
    let run = |part: &str, documents: usize| -> serde_json::Value {
        let mut command = Command::new(std::env::current_exe().expect("ourselves"));
        command.env("PARTNERCAST_BENCH_PART", part).env("BENCH_DOCUMENTS", documents.to_string());
        let output = command.stderr(std::process::Stdio::inherit()).output().expect("a part runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{part} failed: {text}");
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a line of JSON")
    };
    println!("{documents} documents of {PAPER}, one after the other");
    let bare = run("bare", documents.min(200));
    println!("  bare typst: {bare}");
    let ours = run("ours", documents);
    println!("  ours: {ours}");
    let ms = |part: &serde_json::Value| part["ms"].as_f64().unwrap_or(f64::NAN);
    println!(
        "{}",
        serde_json::json!({
            "bench": "pdf", "documents": documents, "ms": ours["ms"], "p99_ms": ours["p99_ms"],
            "cpu_ms": ours["cpu_ms"], "first_ms": ours["first_ms"], "pages": ours["pages"], "bytes": ours["bytes"],
            "reference": "bare typst", "reference_ms": bare["ms"], "reference_pages": bare["pages"],
            "ratio": (ms(&bare) / ms(&ours) * 1_000.0).round() / 1_000.0,
            "after_100_mb": ours["after_100_mb"], "after_all_mb": ours["after_all_mb"], "peak_mb": ours["peak_mb"],
        })
    );
}

/// The demo's content, synced into a database in `folder`.
async fn context(folder: &Path) -> Context {
    let settings = Settings {
        public_url: "https://partners.example.com".to_owned(),
        console_open: false,
        demo: false,
        mailbox: None,
        trusted_proxies: Vec::new(),
        window: 16,
        on_uncertain: OnUncertain::Resend,
        classes: Classes::default(),
        warm_up: Vec::new(),
        bounces: Bounces::default(),
        linkedin: Version::default(),
        x: Terms::default(),
    };
    let ctx = Context::new(
        Db::open(&format!("sqlite:{}/bench.sqlite", folder.display())).await.expect("the database opens"),
        Arc::new(ManualClock::new(NOW_MS)),
        Arc::new(OsRandom),
        Keys::new(&[vec![7; 32]]).expect("a key"),
        Arc::new(Templates::load(None).expect("the templates")),
        settings,
    );
    let content = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("content");
    sync::sync(&ctx, &content, true).await.expect("the content is stored");
    ctx
}

fn paper(ctx: &Context, locale: &Locale) -> Asset {
    ctx.library().find(PAPER, locale).expect("the paper is there").clone()
}

/// The paper again and again, in each partner's brand in turn.
async fn ours(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(folder.path()).await;
    let paper = paper(&ctx, &Locale::en());
    let mut inputs = Vec::new();
    for partner in partners::all_partners(&ctx.db).await.expect("partners") {
        inputs.push(documents::input_of(&ctx, &partner, &paper, &Locale::en()).await.expect("an input"));
    }
    let mut make = |number: usize| {
        let at = number % inputs.len();
        let input = &mut inputs[at];
        input.summary = format!("Number {number} of its kind.");
        let mut hooks = DocumentHooks {
            link: &mut |_| "https://partners.example.com/p/x".to_owned(),
            image: &mut |_| None,
        };
        document::render_pdf(&ctx.templates, input, &mut hooks).expect("a document")
    };
    let began = Instant::now();
    let mut pdf = make(0);
    let first_ms = began.elapsed().as_secs_f64() * 1_000.0;
    (1..WARM_UP).for_each(|number| drop(make(number)));
    let meter = Meter::start();
    let (mut times_ms, mut after_100_mb) = (Vec::new(), 0.0);
    for number in 0..count {
        let began = Instant::now();
        pdf = make(WARM_UP + number);
        times_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        if number == 99 {
            after_100_mb = resident_mb();
        }
    }
    report(
        &times_ms,
        &meter,
        &pdf,
        &[("first_ms", first_ms.round()), ("after_100_mb", after_100_mb.round())],
    );
}

/// The same text through the bare crate.
async fn reference(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(folder.path()).await;
    let paper = paper(&ctx, &Locale::en());
    let partner = partners::partner(&ctx.db, "northlight").await.expect("a store").expect("a partner");
    let input = documents::input_of(&ctx, &partner, &paper, &Locale::en()).await.expect("an input");
    let bare = bare::Bare::new();
    (0..WARM_UP).for_each(|number| drop(bare.pdf(&bare::source(&format!("Warm {number}"), &input.body))));
    let meter = Meter::start();
    let (mut times_ms, mut pdf) = (Vec::new(), Vec::new());
    for number in 0..count {
        let source = bare::source(&format!("Number {number} of its kind."), &input.body);
        let began = Instant::now();
        pdf = bare.pdf(&source);
        times_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    report(&times_ms, &meter, &pdf, &[]);
}

fn report(times_ms: &[f64], meter: &Meter, pdf: &[u8], more: &[(&str, f64)]) {
    let (_, cpu_s) = meter.read();
    let mut sorted = times_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| (sorted[(sorted.len() - 1) * share / 100] * 10.0).round() / 10.0;
    let mut said = serde_json::json!({
        "ms": at(50), "p99_ms": at(99), "cpu_ms": (cpu_s * 10_000.0 / times_ms.len() as f64).round() / 10.0,
        "pages": pages(pdf), "bytes": pdf.len(), "after_all_mb": resident_mb().round(), "peak_mb": peak_mb().round(),
    });
    more.iter().for_each(|(name, value)| said[*name] = (*value).into());
    println!("{said}");
}

/// Pages of a PDF as Typst writes it: its page objects are not compressed.
fn pages(pdf: &[u8]) -> usize {
    let needle = b"/Type/Page";
    let is_page = |window: &[u8]| window.starts_with(needle) && !window[needle.len()].is_ascii_alphabetic();
    pdf.windows(needle.len() + 1).filter(|window| is_page(window)).count()
}

/// A document of each kind in each language and some brands.
async fn write_all(out: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let ctx = context(folder.path()).await;
    std::fs::create_dir_all(out).expect("a folder");
    for (partner, reference) in [
        ("northlight", PAPER),
        ("northlight", "whitepapers/proof-of-recovery"),
        ("rheinbogen", "whitepapers/first-24-hours"),
        ("dune-gate", "whitepapers/first-24-hours"),
        ("northlight", "datasheets/fold-proof"),
        ("hoshikawa", "datasheets/fold-proof"),
        ("northlight", "kits/proof-of-recovery"),
        ("rheinbogen", "kits/proof-of-recovery"),
    ] {
        let locale = partners::partner(&ctx.db, partner).await.expect("a store").expect("a partner").locale;
        let pdf = documents::pdf(&ctx, partner, reference, &locale).await.expect("a document");
        let kind = reference.split('/').next().unwrap_or_default();
        let path = out.join(format!("{kind}-{}", documents::file_name(reference, partner)));
        std::fs::write(&path, pdf.pdf.as_slice()).expect("a file");
        println!("  {} has {} pages and {} bytes", path.display(), pages(&pdf.pdf), pdf.pdf.len());
    }
}
