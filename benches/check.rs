//! Checking a folder of many files, as `partnercast check` does:
//!
//!     cargo bench --bench check -- [--small] [--files N] [--partners N]
//!
//! The files are the demo's articles, posts and papers under new names. The reference, in the same run, only reads the
//! same files from disk, parses their front matter with the YAML crate and walks the Markdown crate's events: what any
//! checker has to do. The best of five runs of each counts. The last line is one JSON object.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

#[path = "support/usage.rs"]
mod usage;

use std::{fs, path::Path, time::Instant};

use partnercast::{
    domain::content::Memo,
    work::{folder, sync},
};
use serde_json::json;
use usage::{Meter, peak_mb, resident_mb};

/// Runs of each part, of which the best counts.
const RUNS: usize = 5;
/// The demo's files that are copied under new names.
const MODELS: [&str; 6] = [
    "blog/restores-not-backups.md",
    "blog/the-cost-of-downtime-honestly.md",
    "blog/ransomware-first-hour.md",
    "social/restore-question.md",
    "whitepapers/first-24-hours.md",
    "webinars/tabletop-exercise.md",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_small = arguments.iter().any(|argument| argument == "--small");
    let files = number(&arguments, "--files", if is_small { 2_000 } else { 10_000 });
    let dir = tempfile::Builder::new().prefix("partnercast-bench.").tempdir().expect("a folder");
    let bytes = write(dir.path(), files);
    println!("{files} files, {:.1} MB", bytes as f64 / 1e6);

    let meter = Meter::start();
    let (mut check_s, mut findings, mut assets) = (f64::MAX, 0, 0);
    for _ in 0..RUNS {
        let began = Instant::now();
        let read = sync::read(&folder::read_now(dir.path()).expect("the folder is read"));
        check_s = check_s.min(began.elapsed().as_secs_f64());
        (findings, assets) = (read.findings.len(), read.library.assets.len());
    }
    let (_, cpu_s) = meter.read();
    println!("check: {check_s:.3} s, {assets} assets, {findings} findings");

    // As the preview and `serve` do after a save: one file is new, all the rest is as it was.
    let mut files_now = folder::read_now(dir.path()).expect("the folder is read");
    let mut memo = Memo::default();
    sync::read_again(&files_now, &mut memo);
    let changed = files_now.iter().position(|file| file.path.starts_with("blog/")).expect("an article");
    let mut again_s = f64::MAX;
    for _ in 0..RUNS {
        files_now[changed].bytes.extend_from_slice(b"\nOne more sentence.\n");
        let began = Instant::now();
        let read = sync::read_again(&files_now, &mut memo);
        again_s = again_s.min(began.elapsed().as_secs_f64());
        assert_eq!(read.library.assets.len(), assets, "nothing is lost");
    }
    println!("after one file changed: {again_s:.3} s");

    let (mut reading_s, mut reference_s) = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let began = Instant::now();
        let all = folder::read_now(dir.path()).expect("the folder is read");
        reading_s = reading_s.min(began.elapsed().as_secs_f64());
        let events: usize = all.iter().map(|file| parsed(&String::from_utf8_lossy(&file.bytes))).sum();
        reference_s = reference_s.min(began.elapsed().as_secs_f64());
        assert!(events > files, "something was parsed");
    }
    println!("reference: {reference_s:.3} s, of which reading from disk {reading_s:.3} s");
    let line = json!({
        "bench": "check",
        "files": files,
        "per_s": (files as f64 / check_s).round(),
        "after_one_change_s": (again_s * 1_000.0).round() / 1_000.0,
        "s": (check_s * 1_000.0).round() / 1_000.0,
        "reference": "read, YAML and Markdown events alone",
        "ratio": (reference_s / check_s * 100.0).round() / 100.0,
        "cpu_s_per_run": (cpu_s / RUNS as f64 * 100.0).round() / 100.0,
        "peak_mb": peak_mb().round(),
        "resident_mb": resident_mb().round(),
    });
    println!("{line}");
}

fn number(arguments: &[String], name: &str, default: usize) -> usize {
    let at = arguments.iter().position(|argument| argument == name);
    let value = at.and_then(|at| arguments.get(at + 1));
    value.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number")))
}

/// Writes the demo's content and copies of its files until there are `files`; returns their bytes.
fn write(dir: &Path, files: usize) -> usize {
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let (mut count, mut bytes) = (0, 0);
    let mut put = |path: String, text: Vec<u8>| {
        let file = dir.join(path);
        fs::create_dir_all(file.parent().expect("a file lies in a folder")).expect("our own folder");
        bytes += text.len();
        fs::write(file, text).expect("our own file");
        count += 1;
        count
    };
    for file in folder::read_now(&content).expect("the demo's content") {
        put(file.path, file.bytes);
    }
    for number in 0.. {
        let model = MODELS[number % MODELS.len()];
        let text = fs::read(content.join(model)).expect("the demo's content");
        if put(model.replace(".md", &format!("-{number}.md")), text) >= files {
            break;
        }
    }
    bytes
}

/// How many Markdown events a file has, once its front matter is parsed.
fn parsed(text: &str) -> usize {
    let Some((front, body)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return 0;
    };
    let front: Result<serde_json::Value, _> = serde_saphyr::from_str(front);
    assert!(front.is_ok(), "the front matter is YAML");
    pulldown_cmark::Parser::new_ext(body, pulldown_cmark::Options::ENABLE_TABLES).count()
}
