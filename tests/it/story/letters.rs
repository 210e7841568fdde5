//! Newsletters and issues that stories write into a copy of the demo's content.

use std::{fs, path::Path};

use partnercast::{domain::content::Severity, work::sync};

use super::Rig;

/// An issue that is written: its date, further keys of its front matter (each with its line's end), and its text.
pub type NewIssue<'i> = (&'i str, &'i str, &'i str);

/// Writes the newsletter `slug` into the folder `content`: with its cadence and further keys among `keys`, each with its line's
/// end; released without anybody's word.
pub fn write(content: &Path, slug: &str, keys: &str, issues: &[NewIssue<'_>]) {
    let folder = content.join("newsletters");
    fs::create_dir_all(folder.join(slug)).unwrap();
    let letter = format!(
        "---\nkind: newsletter\ntitle: {slug}\n{keys}sender: newsletter\napproval: automatic\nwhy: \"You are a contact.\"\n\
         ---\nOften.\n"
    );
    fs::write(folder.join(format!("{slug}.md")), letter).unwrap();
    for (date, keys, text) in issues {
        let issue = format!(
            "---\nkind: issue\ntitle: {slug}\nnewsletter: {slug}\ndate: {date}\nsubject: {slug}\npreheader: p\ntheme: t\n\
             {keys}---\n{text}\n"
        );
        fs::write(folder.join(format!("{slug}/{date}.md")), issue).unwrap();
    }
}

/// Takes the content in `dir` over; it has no errors.
pub async fn synced(rig: &Rig, dir: &Path) {
    let synced = sync::sync(&rig.ctx, dir, true).await.unwrap();
    let errors: Vec<_> = synced.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
