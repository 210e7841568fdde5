//! The faults that people and attackers put into content, each given to the program as a folder: what is wrong is named,
//! in the file where it is, in a few seconds, with little memory. `check` is the real one, in a process of its own.

use std::{
    fmt::Write as _,
    fs,
    io::Cursor,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use image::{GrayImage, ImageFormat};
use serde_json::Value;

use crate::story::rig::copied;

/// Longest time, beside all other tests, and most memory (address space, kB).
const TIME_MAX: Duration = Duration::from_secs(30);
const MEMORY_KB_MAX: u32 = 1_000_000;

const FRONT: &str =
    "---\nkind: blog\ntitle: B\nsummary: S\nroles: [sales]\npublish: 2027-01-06\nauthor: Priya\n";
const ARTICLE: &str = "blog/bad.md";
const LOGO: &str = "roster/brands/northlight/logo.png";
const DRAWN: &str = "roster/brands/dune-gate/logo.svg";

/// The demo's content with `files` besides or instead; exit code and findings as `file code message`.
fn checked(files: &[(&str, &[u8])]) -> (i32, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    for (path, bytes) in files {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), bytes).unwrap();
    }
    let began = Instant::now();
    let (code, answer) = check(dir.path());
    assert!(began.elapsed() < TIME_MAX, "{}: {:?}", files[0].0, began.elapsed());
    let findings: Vec<Value> =
        serde_json::from_slice(&answer).expect("it answers before it is out of memory");
    let line = |f: &Value| {
        format!(
            "{} {} {}",
            f["file"].as_str().unwrap(),
            f["code"].as_str().unwrap(),
            f["message"].as_str().unwrap()
        )
    };
    (code, findings.iter().map(line).collect())
}

fn check(dir: &Path) -> (i32, Vec<u8>) {
    let within = format!("ulimit -v {MEMORY_KB_MAX}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &within, env!("CARGO_BIN_EXE_partnercast"), "check", "--format", "json"]).arg(dir);
    let done = command.output().unwrap();
    (done.status.code().expect("no signal ended it"), done.stdout)
}

/// Fails unless the file is refused with `code` and these words.
#[track_caller]
fn refused(path: &str, bytes: impl AsRef<[u8]>, code: &str, words: &str) {
    let (exit, findings) = checked(&[(path, bytes.as_ref())]);
    let of_file: Vec<&String> = findings.iter().filter(|line| line.starts_with(path)).collect();
    let named =
        of_file.iter().any(|line| line.starts_with(&format!("{path} {code} ")) && line.contains(words));
    assert!(exit == 1 && named, "{path}: exit {exit}, {of_file:?}");
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    // CRC-32 as in PNG's annex D.
    let crc = name.iter().chain(data).fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    });
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], name, data, &(!crc).to_be_bytes()].concat()
}

/// A PNG of this side with other chunks between its head and its pixels.
fn png(side: u32, between: &[u8], pixels: &[u8]) -> Vec<u8> {
    let head = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    let (first, last) = (chunk(b"IHDR", &head), chunk(b"IEND", &[]));
    [b"\x89PNG\r\n\x1a\n", &first[..], between, &chunk(b"IDAT", pixels), &last].concat()
}

/// 25 MB of zeros in some 130 kB: the pixels of a black image, which PNG packs as it packs texts and profiles.
fn packed() -> Vec<u8> {
    let mut bytes = Vec::new();
    GrayImage::new(5_000, 5_000).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    let (mut rest, mut packed) = (&bytes[8..], Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let length = usize::try_from(u32::from_be_bytes(head[..4].try_into().unwrap())).unwrap();
        if &head[4..] == b"IDAT" {
            packed.extend_from_slice(&tail[..length]);
        }
        rest = &tail[length + 4..];
    }
    assert!((10_000..240_000).contains(&packed.len()), "{} bytes", packed.len());
    packed
}

#[test]
fn yaml_that_grows_when_read_is_refused() {
    let mut bomb = format!("{FRONT}topics: &a0 [x, x, x, x, x, x, x, x, x]\n");
    (1..30).for_each(|n| {
        let before = format!("*a{}, ", n - 1).repeat(9);
        writeln!(bomb, "t{n}: &a{n} [{before}]").unwrap();
    });
    refused(ARTICLE, format!("{bomb}---\nText.\n"), "C102", "");
    let deep = format!("{FRONT}topics: {}{}\n---\nText.\n", "[".repeat(7_000), "]".repeat(7_000));
    refused(ARTICLE, deep, "C102", "");
}

#[test]
fn long_lines_and_large_files_are_refused() {
    let ten_mb = "x".repeat(10 * 1024 * 1024);
    refused(ARTICLE, format!("{FRONT}topics: {ten_mb}\n---\nText.\n"), "C510", "more than");
    refused(ARTICLE, format!("{FRONT}---\n{ten_mb}\n"), "C510", "more than");
    refused(ARTICLE, format!("{FRONT}topics: {}\n---\nText.\n", &ten_mb[..900_000]), "C102", "longer than");
    refused("vendor.toml", format!("name = \"{ten_mb}\"\n"), "C510", "more than");
    let bare = "[".repeat(1_000_000);
    refused("rules/scoring.toml", bare, "C102", "");
    // Long as it is, a file of this size may be one line.
    let (_, findings) = checked(&[(ARTICLE, format!("{FRONT}---\n{}\n", "**a ".repeat(200_000)).as_bytes())]);
    assert!(findings.len() < 200, "{}", findings.len());
}

#[test]
fn drawings_that_run_reach_out_or_are_packed_are_refused() {
    let svg = |inner: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{inner}<rect width=\"9\" height=\"9\"/></svg>"
        )
    };
    refused(DRAWN, svg("<script>alert(1)</script>"), "C204", "<script>");
    refused(
        DRAWN,
        svg("<image href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>"),
        "C204",
        "<image>, links",
    );
    refused(DRAWN, svg("<rect fill=\"url(file:///etc/passwd#a)\" onload=\"x()\"/>"), "C204", "onload=");
    let entities: String = (1..20).map(|n| format!("<!ENTITY e{n} \"&e{};&e{};\">", n - 1, n - 1)).collect();
    refused(
        DRAWN,
        format!("<!DOCTYPE svg [<!ENTITY e0 \"a\">{entities}]>{}", svg("<title>&e19;</title>")),
        "C204",
        "",
    );
    // SVGZ: gzip's head, and what would become 25 MB.
    refused(DRAWN, [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &packed()[2..]].concat(), "C204", "not UTF-8");
}

#[test]
fn images_that_grow_when_read_are_refused_and_never_unpacked() {
    let packed = packed();
    let pixel = packed.as_slice();
    for path in [LOGO, "images/bad.png"] {
        refused(path, png(30_000, &[], pixel), "C204", "2048 x 2048");
        refused(path, b"GIF89a", "C204", "no PNG");
        refused(path, png(2_048, &[], &pixel[..300]), "C204", "no PNG");
    }
    // A profile or a text beside the pixels may be anything; it is thrown away unread, or refused.
    let mut real = Vec::new();
    GrayImage::new(8, 8).write_to(&mut Cursor::new(&mut real), ImageFormat::Png).unwrap();
    for (name, head) in [(b"iCCP", &b"x\0\0"[..]), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\x01\0\0\0")] {
        let bomb = [&real[..33], &chunk(name, &[head, pixel].concat()), &real[33..]].concat();
        let (code, findings) = checked(&[(LOGO, &bomb)]);
        let of_file: Vec<&String> = findings.iter().filter(|line| line.starts_with(LOGO)).collect();
        assert!(code == 0 && of_file.is_empty() || of_file[0].contains("C204"), "{code} {of_file:?}");
    }
}

#[test]
fn names_words_and_languages_that_do_not_fit_are_named() {
    // Authors have no templates: a loop is a field that does not exist, or text.
    let endless =
        format!("{FRONT}---\n{{% for i in range(end=999999999) %}}x{{% endfor %}} {{{{ range(end=9) }}}}\n");
    refused(ARTICLE, endless, "C404", "");
    refused(ARTICLE, format!("{FRONT}---\n[x](javascript:alert(1))\n"), "C202", "");
    let brand = "primary = \"#1f4d3a\"\naccent = \"#a8501a\"\n";
    let long = format!("{brand}[zones]\nvalue_proposition = \"{}\"\n", "Too long. ".repeat(500));
    let (code, findings) = checked(&[("roster/brands/northlight/brand.toml", long.as_bytes())]);
    let named = |line: &&String| line.contains("brand.toml") || line.contains("roster/");
    assert!(code == 1 && findings.iter().any(|line| named(&line)), "{findings:?}");
    let dup = format!("{FRONT}---\nText.\n");
    let (code, findings) =
        checked(&[("blog/twice.md", dup.as_bytes()), ("blog/twice.en.md", dup.as_bytes())]);
    assert!(code == 1 && findings.iter().any(|line| line.contains(" C503 ")), "{findings:?}");
    let nobody = format!("{FRONT}---\nDaHjaj jIHvaD.\n");
    let (code, findings) =
        checked(&[("blog/bad.md", nobody.as_bytes()), ("blog/bad.tlh.md", nobody.as_bytes())]);
    assert!(
        code == 0 && findings.iter().any(|line| line.starts_with("blog/bad.tlh.md C517 ")),
        "{findings:?}"
    );
}

#[test]
fn calendars_that_nest_grow_or_lie_are_refused() {
    let path = "rules/norway.ics";
    refused(path, "BEGIN:VCALENDAR\n".repeat(30_000), "C531", "nested too deep");
    refused(path, "BEGIN:VEVENT\n".repeat(30_000), "C531", "no iCalendar file");
    refused(path, "x".repeat(1024 * 1024), "C510", "more than");
    refused(path, [0xff, 0xfe, 0x00], "C100", "UTF-8");
    let event = |lines: &str| format!("BEGIN:VEVENT\nSUMMARY:Day\n{lines}\nEND:VEVENT\n");
    let whole = |events: &str| format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
    let every_day = event("DTSTART:19700101\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU");
    refused(path, whole(&every_day.repeat(900)), "C531", "more than");
    refused(path, whole(&event("DTSTART:20270517").repeat(5_000)), "C531", "more than 2000 events");
    refused(path, whole(&event("DTSTART:20270517T090000Z")), "C531", "no all-day event");
    // One long line, folded or not, is no event that counts.
    let long = format!("DTSTART{}:20270517", ";X=\"y\"".repeat(60_000));
    refused(path, whole(&event(&long)), "C532", "DTSTART cannot be read");
    refused(path, format!("BEGIN:VCALENDAR{}", "\n x".repeat(170_000)), "C531", "");
    let rules = "rules/calendar.toml";
    let week = "version = 1\n[[quiet]]\nname = \"Q\"\nfrom = \"Mon 00:00\"\nto = \"Sun 23:59\"\n";
    refused(rules, week, "C534", "no hour of the week");
    let many: String = (0..9_000).fold(String::from("version = 1\n"), |mut text, at| {
        let _ = write!(text, "[[blackout]]\nname = \"B{at}\"\ndate = 2027-05-17\nevery_year = true\n");
        text
    });
    refused(rules, many, "C106", "there are 9000 of [[blackout]]");
    let far =
        "version = 1\n[[blackout]]\nname = \"B\"\nfrom = 0001-01-01\nto = 9999-12-31\nevery_year = true\n";
    refused(rules, far, "C106", "days long");
}
