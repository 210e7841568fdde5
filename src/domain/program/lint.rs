//! Checks of content that need the rules of the programme: cadences that can be read, issues on promised days.

use crate::domain::{
    content::{
        asset::Asset,
        finding::{Finding, Findings, Place, codes},
        library::Library,
    },
    program::cadence::Cadence,
};

/// Findings on newsletters and their issues.
pub fn newsletters(library: &Library) -> Vec<Finding> {
    let mut all = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        let cadence = match Cadence::parse(&newsletter.cadence) {
            Ok(cadence) => cadence,
            Err(error) => {
                let fix = "its forms are in `partnercast guide newsletter`";
                all.extend(finding(asset, "cadence", error.public(), fix));
                continue;
            }
        };
        for (plan, issue) in library.issues_of(asset.slug()) {
            let Some(next) = cadence.next_day(issue.date) else { continue };
            if next != issue.date {
                let message = format!(
                    "{} is no day that `{}` promises ({})",
                    issue.date,
                    asset.slug(),
                    cadence.describe()
                );
                all.extend(finding(plan, "date", &message, &format!("the next one is {next}")));
            }
        }
    }
    all
}

/// An error at the line of `key` in the front matter.
fn finding(asset: &Asset, key: &str, message: &str, fix: &str) -> Vec<Finding> {
    let prefix = format!("{key}:");
    let line = asset.source.lines().position(|line| line.starts_with(&prefix)).unwrap_or(0);
    let mut findings = Findings::new(&asset.path, "");
    let place = Place { line: u32::try_from(line + 1).unwrap_or(1), column: 1 };
    findings.add(codes::BAD_VALUE, place, message, fix);
    findings.finish()
}
