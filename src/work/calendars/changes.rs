//! Since when a date is what it is: the latest change of any file that decides it. Nothing is remembered for this; what
//! was ever stored or taken away stays in the history, so the time never goes back.

use crate::{
    domain::{
        content::rules::calendar::CALENDAR,
        kernel::{Result, clock::UtcMs},
    },
    store::{Db, revisions},
};

/// The files that say where the vendor and partners are, and what kind of partners they are.
const PLACES: [&str; 2] = ["vendor.toml", "roster/partners.csv"];
/// The file that says where people are.
const PEOPLE: &str = "roster/contacts.csv";

/// The latest change of what decides about every newsletter: the calendar's rules with their calendars, and who is where;
/// for `several` zones at once also the people, who say which zones there are.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_rules(db: &Db, several: bool) -> Result<UtcMs> {
    let mut files = revisions::last_changes(db, "rules/").await?;
    files.retain(|(path, _)| path == CALENDAR || path.ends_with(".ics"));
    for path in PLACES.into_iter().chain(several.then_some(PEOPLE)) {
        files.extend(revisions::last_changes(db, path).await?);
    }
    Ok(latest(&files))
}

/// The latest change of an asset, in any language.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_asset(db: &Db, reference: &str) -> Result<UtcMs> {
    Ok(latest(&revisions::last_changes(db, &format!("{reference}.")).await?))
}

/// The latest changes of a newsletter and its issues.
pub(super) struct Changes {
    rules_ms: UtcMs,
    newsletter_ms: UtcMs,
    issues: Vec<(String, UtcMs)>,
    folder: String,
}

impl Changes {
    /// Those of the newsletter with this reference, beside those of the rules.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(db: &Db, rules_ms: UtcMs, reference: &str) -> Result<Self> {
        let folder = format!("{reference}/");
        Ok(Self {
            rules_ms,
            newsletter_ms: of_asset(db, reference).await?,
            issues: revisions::last_changes(db, &folder).await?,
            folder,
        })
    }

    /// The latest change of what decides the date `YYYY-MM-DD`, whether or not an issue is there.
    pub(super) fn of_date(&self, date: &str) -> UtcMs {
        let file = format!("{}{date}.", self.folder);
        let issue = self.issues.iter().filter(|(path, _)| path.starts_with(&file));
        issue.map(|(_, ms)| *ms).fold(self.rules_ms.max(self.newsletter_ms), UtcMs::max)
    }
}

fn latest(files: &[(String, UtcMs)]) -> UtcMs {
    files.iter().map(|(_, ms)| *ms).max().unwrap_or_default()
}
