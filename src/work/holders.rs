//! "Who has version 3?": the people to whom it went, what they did with it, and the leads who took a file of it.

use serde::Serialize;

use super::revisions::{no_such, reference_of, versions};
use crate::{
    domain::kernel::{Error, Locale, Result, clock::UtcMs},
    store::{
        Db,
        holders::{self, Holder, HoldingIssue, ISSUES_MAX, PAGE, Taker},
        revisions::{self, Number},
    },
};

/// Most people of one answer.
pub const PEOPLE_MAX: usize = 10_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Path of the file.
    pub path: &'a str,
    /// Which number; any if nothing.
    pub no: Option<i64>,
    /// At which partner; at all if nothing.
    pub partner: Option<&'a str>,
    /// Where the last answer ended.
    pub after: Option<Place>,
    /// People at most, up to [`PEOPLE_MAX`].
    pub limit: usize,
}

/// Where an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The issue.
    pub issue: String,
    /// The last person's address.
    pub key: String,
    /// Their delivery.
    pub delivery: String,
}

/// Somebody who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// `fold-forward/2027-01-12`
    pub issue: String,
    /// The issue's id.
    pub issue_id: String,
    /// The numbers of that text: several where it came back.
    pub numbers: Vec<i64>,
    /// Who, and what they did.
    #[serde(flatten)]
    pub holder: Holder,
    /// The number that the asset's page showed when they followed the link.
    pub clicked_no: Option<i64>,
}

/// A lead who took a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Took {
    /// The number it was made of.
    pub no: Option<i64>,
    /// Who and when.
    #[serde(flatten)]
    pub taker: Taker,
}

/// Who has it.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// Path of the file.
    pub path: String,
    /// The numbers asked for: one text may have several.
    pub numbers: Vec<i64>,
    /// Issue by issue, the latest first, then by address.
    pub people: Vec<Held>,
    /// Where it goes on, where there may be more.
    pub more: Option<Place>,
    /// Leads who took a file of it, oldest first; with the first answer alone.
    pub takers: Vec<Took>,
    /// Issues that were frozen before revisions were noted: nothing is known of them.
    pub issues_unrecorded: i64,
    /// Whether there are more issues than were looked at.
    pub issues_cut: bool,
}

/// Answers. Reads page by page, so memory is that of the answer.
///
/// # Errors
/// `NotFound` for a number that is not there; those of the store.
pub async fn who(db: &Db, question: &Question<'_>) -> Result<Answer> {
    let path = question.path;
    let numbers = revisions::numbers(db, path).await?;
    let latest = numbers.first().ok_or_else(|| Error::not_found(format!("`{path}`")))?.no;
    let hash = match question.no {
        None => None,
        // Numbers beyond the thousand latest are looked up by themselves.
        Some(no) => {
            Some(revisions::numbered(db, path, no).await?.ok_or_else(|| no_such(path, no, latest))?.hash)
        }
    };
    let asked: Vec<i64> = match (&hash, question.no) {
        (Some(hash), Some(no)) => {
            Some(no).into_iter().chain(of_text(&numbers, hash).filter(|it| *it != no)).collect()
        }
        _ => Vec::new(),
    };
    let issues = holders::issues(db, path, hash.as_deref()).await?;
    let issues_cut = issues.len() >= usize::try_from(ISSUES_MAX).unwrap_or(usize::MAX);
    let (people, more) = people(db, question, &issues, &numbers, hash.as_deref()).await?;
    let takers =
        if question.after.is_none() { takers(db, question, &numbers, &asked).await? } else { Vec::new() };
    Ok(Answer {
        path: path.to_owned(),
        numbers: asked,
        people,
        more,
        takers,
        issues_unrecorded: holders::unrecorded(db).await?,
        issues_cut,
    })
}

async fn people(
    db: &Db,
    question: &Question<'_>,
    issues: &[HoldingIssue],
    numbers: &[Number],
    hash: Option<&str>,
) -> Result<(Vec<Held>, Option<Place>)> {
    let limit = question.limit.clamp(1, PEOPLE_MAX);
    let asset = reference_of(question.path).unwrap_or(question.path);
    let mut people: Vec<Held> = Vec::new();
    let after = question.after.as_ref();
    let first = after.and_then(|after| issues.iter().position(|issue| issue.id == after.issue)).unwrap_or(0);
    for issue in &issues[first..] {
        let begin = after.filter(|after| after.issue == issue.id);
        let mut at = begin.map_or_else(Default::default, |it| (it.key.clone(), it.delivery.clone()));
        loop {
            let what = (question.path, hash, asset);
            let page = holders::page(db, &issue.id, what, question.partner, (&at.0, &at.1)).await?;
            let full = page.len() == PAGE;
            for holder in page {
                if people.len() == limit {
                    return Ok((people, Some(Place { issue: issue.id.clone(), key: at.0, delivery: at.1 })));
                }
                at = (holder.recipient_key.clone(), holder.delivery_id.clone());
                people.push(Held {
                    issue: format!("{}/{}", issue.newsletter, issue.nominal_date),
                    issue_id: issue.id.clone(),
                    numbers: of_text(numbers, &holder.hash).collect(),
                    clicked_no: holder.clicked_ms.and_then(|ms| shown_at(numbers, ms)),
                    holder,
                });
            }
            if !full {
                break;
            }
        }
    }
    Ok((people, None))
}

/// Files are made of the head of their moment, in the lead's language where there is a translation.
async fn takers(db: &Db, question: &Question<'_>, numbers: &[Number], asked: &[i64]) -> Result<Vec<Took>> {
    let Some(asset) = reference_of(question.path) else { return Ok(Vec::new()) };
    let versions = versions(db, asset).await?;
    let (mut took, mut after) = (Vec::new(), (UtcMs::MIN, String::new()));
    loop {
        let page = holders::takers(db, asset, question.partner, (after.0, &after.1)).await?;
        let Some(last) = page.last() else { return Ok(took) };
        after = (last.at_ms, last.id.clone());
        for taker in page {
            let no = shown_at(numbers, taker.at_ms);
            let is_theirs = version_for(asset, &versions, &taker.locale) == question.path;
            if is_theirs && (asked.is_empty() || no.is_some_and(|no| asked.contains(&no))) {
                took.push(Took { no, taker });
            }
            if took.len() >= PEOPLE_MAX {
                return Ok(took);
            }
        }
    }
}

/// The path of the version that a reader of `locale` is given.
fn version_for(asset: &str, versions: &[String], locale: &str) -> String {
    let original = format!("{asset}.md");
    let Ok(locale) = Locale::parse(locale) else { return original };
    let paths = locale.fallbacks().into_iter().map(|tag| format!("{asset}.{tag}.md"));
    paths.into_iter().find(|path| versions.contains(path)).unwrap_or(original)
}

/// The numbers of a text, the latest first.
fn of_text<'n>(numbers: &'n [Number], hash: &'n str) -> impl Iterator<Item = i64> + use<'n> {
    numbers.iter().filter(move |number| number.hash == hash).map(|number| number.no)
}

/// The number that was the head at `ms`; `numbers` begin with the latest.
fn shown_at(numbers: &[Number], ms: UtcMs) -> Option<i64> {
    numbers.iter().find(|number| number.since_ms <= ms).map(|number| number.no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_moment_and_the_version_of_a_language() {
        let number = |no, since_ms| Number { hash: format!("h{}", no % 2), no, since_ms };
        let numbers = [number(3, 30), number(2, 20), number(1, 10)];
        assert_eq!([5, 10, 29, 99].map(|ms| shown_at(&numbers, ms)), [None, Some(1), Some(2), Some(3)]);
        assert_eq!(of_text(&numbers, "h1").collect::<Vec<_>>(), [3, 1]);
        let versions = ["blog/a.de.md".to_owned(), "blog/a.md".to_owned()];
        assert_eq!(version_for("blog/a", &versions, "de-AT"), "blog/a.de.md");
        assert_eq!(version_for("blog/a", &versions, "fr"), "blog/a.md");
    }
}
