//! What was true when it was written and may not be any more: sources and licences that end.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::content::{
    Detail, Finding, Library, Severity,
    evidence::LICENCES,
    finding::{Findings, codes},
};

/// Makes warnings of what an issue that has had its day names and nobody finds any more: it was sent, nobody should have to
/// rewrite it, and links in it say what became of the asset.
pub fn forgive_the_past(library: &Library, findings: &mut [Finding], today: NaiveDate) {
    let past: BTreeSet<&str> = library
        .assets
        .iter()
        .filter(|asset| matches!(&asset.detail, Detail::Issue(issue) if issue.date < today))
        .map(|asset| asset.path.as_str())
        .collect();
    let forgiven = findings.iter_mut().filter(|finding| {
        finding.code == codes::DANGLING_REFERENCE.id && past.contains(finding.file.as_str())
    });
    for finding in forgiven {
        finding.severity = Severity::Warning;
        finding.fix = "leave it: the issue has had its day; `partnercast recall` says what its links lead to"
            .to_owned();
    }
}

/// Findings as of `today`, a day of the vendor's calendar.
pub fn findings(library: &Library, today: NaiveDate) -> Vec<Finding> {
    let mut all = Vec::new();
    for asset in &library.assets {
        let mut f = Findings::new(&asset.path, "");
        for one in &asset.front.evidence {
            let Some(until) = one.until.filter(|until| *until < today) else { continue };
            let message = format!("the source of “{}” was good until {until}", one.claim);
            let fix = "find a newer one, and correct what it says; or set `until` anew if it still holds";
            f.add(codes::SOURCE_EXPIRED, one.place, message, fix);
        }
        all.extend(f.finish());
    }
    let mut f = Findings::new(LICENCES, "");
    for (path, licence) in library.licences.iter().flatten() {
        if let Some(until) = licence.until.filter(|until| *until < today) {
            let message = format!("`{path}` might be used until {until} ({})", licence.licence);
            f.add(codes::LICENCE_ENDED, licence.place, message, "replace the image, or renew its licence");
        }
    }
    all.extend(f.finish());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{
        SourceFile,
        tests::{BLOG, VENDOR},
    };

    #[test]
    fn an_issue_that_was_sent_need_not_be_rewritten() {
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let newsletter = "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\nzone: partner\nsender: newsletter\n\
            approval: automatic\nwhy: W\n---\nText.\n";
        let issue = "---\nkind: issue\ntitle: I\nnewsletter: n\ndate: 2027-01-12\nsubject: S\npreheader: P\ntheme: T\nfeatures: [blog/gone]\n\
            ---\n[x](asset:blog/gone)\n";
        let files = [
            file("vendor.toml", VENDOR),
            file("newsletters/n.md", newsletter),
            file("newsletters/n/2027-01-12.md", issue),
            file("blog/b.md", &format!("{BLOG}[x](asset:blog/gone)\n")),
        ];
        let dangling = |day: u32| {
            let (library, mut findings) = Library::build(&files);
            forgive_the_past(&library, &mut findings, NaiveDate::from_ymd_opt(2027, 1, day).unwrap());
            let dangling = findings.into_iter().filter(|finding| finding.code == "C501");
            dangling.map(|finding| (finding.file, finding.severity)).collect::<Vec<_>>()
        };
        let issue = |severity| ("newsletters/n/2027-01-12.md".to_owned(), severity);
        let article = ("blog/b.md".to_owned(), Severity::Error);
        assert_eq!(dangling(13), [article.clone(), issue(Severity::Warning), issue(Severity::Warning)]);
        assert_eq!(dangling(12), [article, issue(Severity::Error), issue(Severity::Error)]);
    }
}
