//! Figures and their sources, images and their licences, posts that promote, texts that are too long.

use chrono::NaiveDate;

use super::{
    Library, Node, Reader, SourceFile,
    evidence::LICENCES,
    tests::{BLOG, VENDOR, file, northlight},
};
use crate::domain::{kernel::Locale, program::freshness};

fn found(files: &[SourceFile]) -> Vec<String> {
    let mut files = files.to_vec();
    files.extend([file("vendor.toml", VENDOR), file("images/logo.png", "png")]);
    let (library, mut findings) = Library::build(&files);
    findings.extend(freshness::findings(&library, NaiveDate::from_ymd_opt(2027, 3, 1).unwrap()));
    findings.iter().map(ToString::to_string).collect()
}

fn one(files: &[SourceFile], says: &str) {
    let found = found(files);
    assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
}

/// The article with more front matter.
fn article(keys: &str, text: &str) -> SourceFile {
    file("blog/b.md", format!("{}{keys}---\n{text}\n", BLOG.trim_end_matches("---\n")))
}

const EVIDENCE: &str = "evidence:\n  - claim: Restores fail\n    source: https://report.example/2026/\n";

#[test]
fn a_share_wants_a_source() {
    one(
        &[article("", "Most fail.\n\nOf all tests **38 %** fail.")],
        "blog/b.md:11:16 warning C524 `38 %` has no source",
    );
    for sound in [
        "[38 %](https://report.example) fail.",
        "| a | b |\n|---|---|\n| 38 % | x |",
        "`38 %`",
        "38 tests fail.",
    ] {
        assert_eq!(found(&[article("", sound)]), Vec::<String>::new(), "{sound}");
    }
    assert_eq!(found(&[article(EVIDENCE, "Of all tests 38 % fail.")]), Vec::<String>::new());
    let claims = EVIDENCE.replace("Restores fail", "38 % fail");
    assert_eq!(found(&[article(&claims, "Of all tests 38 % fail.")]), Vec::<String>::new());
    let both = found(&[article(&claims, "Of all 38 % fail, 12 % twice.\n\nAnd 3 % thrice, 12 % not.")]);
    assert!(both.len() == 2 && both[0].contains("`12 %`") && both[1].contains("`3 %`"), "{both:?}");
    one(&[article("evidence:\n  - claim: Restores fail\n", "Text.")], "C104");
    one(&[article("evidence:\n  - claim: x\n    source: http://report.example\n", "Text.")], "https");
    one(
        &[article("evidence:\n  - claim: x\n    source: a study\n    untill: 2027-01-01\n", "Text.")],
        "did you mean `until`?",
    );
}

#[test]
fn a_source_is_shown_below_and_ends() {
    let (library, _) = Library::build([article(EVIDENCE, "Text."), file("vendor.toml", VENDOR)]);
    let northlight = northlight();
    let nodes = library.assets[0].text_for(&Reader::public(&northlight, &Locale::en()));
    assert!(matches!(&nodes[1..], [Node::Rule, Node::List { items, .. }] if items.len() == 1), "{nodes:?}");
    one(
        &[article(&format!("{EVIDENCE}    until: 2027-02-28\n"), "Text.")],
        "C525 the source of “Restores fail” was good until 2027-02-28",
    );
    assert_eq!(
        found(&[article(&format!("{EVIDENCE}    until: 2027-03-01\n"), "Text.")]),
        Vec::<String>::new()
    );
}

#[test]
fn an_image_wants_a_licence() {
    let shown = || article("", "![A logo](images/logo.png)");
    let licences = |text: &str| file(LICENCES, text);
    one(
        &[shown()],
        "images/licences.toml:1:1 warning C523 nothing says that images may be used, such as `images/logo.png`",
    );
    one(
        &[shown(), licences("")],
        "blog/b.md:9:11 warning C523 nothing says that `images/logo.png` may be used",
    );
    let sound = "[\"logo.png\"]\nlicence = \"own work\"\nauthor = \"Ada\"\nuntil = 2027-03-01\n";
    assert_eq!(found(&[shown(), licences(sound)]), Vec::<String>::new());
    one(
        &[shown(), licences(&sound.replace("03-01", "02-01"))],
        "C529 `images/logo.png` might be used until 2027-02-01 (own work)",
    );
    one(
        &[shown(), licences(&format!("{sound}[\"gone.png\"]\nlicence = \"CC BY 4.0\"\n"))],
        "C502 there is no image `images/gone.png`",
    );
    let faults = found(&[licences("[\"logo.png\"]\nlicense = \"x\"\n")]);
    assert!(
        faults.len() == 2 && faults.iter().any(|fault| fault.contains("did you mean `licence`?")),
        "{faults:?}"
    );
}

#[test]
fn one_post_in_five_may_promote() {
    let post = |no: usize, purpose: &str| {
        let text = format!(
            "---\nkind: social\ntitle: P\nsummary: S\npublish: 2027-01-{no:02}\nnetworks: [linkedin]\nlink: blog/b\n{purpose}---\nText.\n"
        );
        file(&format!("social/p{no}.md"), text)
    };
    let posts = |promoting: usize, all: usize| -> Vec<SourceFile> {
        let purpose = |no| if no <= promoting { "purpose: promote\n" } else { "" };
        (1..=all).map(|no| post(no, purpose(no))).chain([article("", "Text.")]).collect()
    };
    assert_eq!(found(&posts(1, 5)), Vec::<String>::new());
    one(&posts(2, 9), "social/p2.md:8:1 warning C526 2 of 9 posts promote");
    one(&posts(1, 1), "C526");
}

#[test]
fn a_text_may_be_too_long() {
    one(&[article("", &"word ".repeat(220 * 13))], "C527 it takes one reader about 13 minutes");
    assert_eq!(found(&[article("", &"word ".repeat(220 * 12))]), Vec::<String>::new());
    let parts = format!("::: sales\n{0}\n:::\n::: technical\n{0}\n:::\n", "word ".repeat(220 * 8));
    assert_eq!(found(&[article("", &parts)]), Vec::<String>::new(), "nobody reads both");
    let japanese = "復旧".repeat(250 * 13);
    one(&[article("", &japanese)], "13 minutes");
}
