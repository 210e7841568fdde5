//! Reading a folder again.

use super::{
    Library, Memo, Severity, SourceFile,
    tests::{BLOG, VENDOR, file, one, with},
};

/// Whatever changed, came and went since, the same comes out as from reading everything anew.
#[test]
fn a_memo_makes_no_difference() {
    let article = |text: &str| file("blog/a.md", format!("{BLOG}{text}"));
    let other = |path: &str, text: &str| file(path, format!("{BLOG}{text}"));
    let folders: [Vec<SourceFile>; 6] = [
        vec![article("One."), other("blog/b.md", "[a](asset:blog/a)")],
        vec![article("Two."), other("blog/b.md", "[a](asset:blog/a)")],
        // What it links to is gone: the finding stands in a file that did not change.
        vec![other("blog/b.md", "[a](asset:blog/a)")],
        vec![other("blog/a.de.md", "Eins."), other("blog/b.md", "[a](asset:blog/a)"), article("One.")],
        // The same bytes under another name are another asset.
        vec![other("blog/c.md", "[a](asset:blog/a)"), article("<b>")],
        vec![article("One."), other("blog/b.md", "[a](asset:blog/a)")],
    ];
    let mut memo = Memo::default();
    for (step, files) in folders.iter().enumerate() {
        for _ in 0..2 {
            assert_eq!(Library::build_again(files, &mut memo), Library::build(files), "step {step}");
        }
    }
}

/// What did not change is not parsed again.
#[test]
fn what_did_not_change_is_the_same_asset() {
    let mut files = vec![file("blog/a.md", format!("{BLOG}One.")), file("blog/b.md", format!("{BLOG}Two."))];
    let mut memo = Memo::default();
    let (before, _) = Library::build_again(&files, &mut memo);
    files[0] = file("blog/a.md", format!("{BLOG}Three."));
    let (after, _) = Library::build_again(&files, &mut memo);
    let same = |at: usize| std::sync::Arc::ptr_eq(&before.assets[at], &after.assets[at]);
    assert_eq!([same(0), same(1)], [false, true]);
}

#[test]
fn the_demo_content_has_no_errors() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    if !root.exists() {
        return;
    }
    let files = crate::work::folder::read_now(&root).unwrap();
    let (_, findings) = Library::build(files);
    let errors: Vec<String> =
        findings.iter().filter(|f| f.severity == Severity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn a_zone_that_is_none_is_answered_with_the_nearest() {
    for (written, meant) in [
        ("Oslo", "Europe/Oslo"),
        ("europe/oslo", "Europe/Oslo"),
        ("Europe/Olso", "Europe/Oslo"),
        ("new york", "America/New_York"),
    ] {
        let finding = one(&with("vendor.toml", VENDOR.replace("Europe/Oslo", written)), "C106", 7, 8);
        assert_eq!(finding.fix, format!("did you mean `{meant}`?"));
    }
    let letter = "---\nkind: newsletter\nzone: sender\n---\nX.\n";
    let found = with("newsletters/x.md", letter);
    let zone = found.iter().find(|finding| finding.line == 3).unwrap();
    assert!(zone.fix.contains("`contact`, `partner`, `vendor` or an IANA"), "{}", zone.fix);
}
