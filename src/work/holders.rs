//! "Who has version 3?": the people to whom it went, what they did with it, and the leads who took a file of it.

use serde::Serialize;

use super::revisions::{no_such, reference_of};
use crate::{
    domain::kernel::{Error, Result, clock::UtcMs},
    store::{
        Db,
        holders::{self, Holder, HoldingIssue, ISSUES_MAX, PAGE, Taker},
        partners,
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
    /// The delivery with which the last answer ended.
    pub after: Option<&'a str>,
    /// People at most, up to [`PEOPLE_MAX`].
    pub limit: usize,
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
    /// The numbers of the text it was made of.
    pub numbers: Vec<i64>,
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
    /// The last delivery of `people`, where there may be more: where the next answer goes on.
    pub more: Option<String>,
    /// Leads who took a file of it, oldest first; with the first answer alone, and at most [`PEOPLE_MAX`].
    pub takers: Vec<Took>,
    /// Whether there are more of those.
    pub takers_cut: bool,
    /// Issues that were frozen before revisions were noted: nothing is known of them.
    pub issues_unrecorded: i64,
    /// Files that people took before it was noted what they were made of.
    pub files_unrecorded: i64,
    /// Whether there are more issues than were looked at.
    pub issues_cut: bool,
}

/// Answers. Reads page by page, so memory is that of the answer.
///
/// # Errors
/// `NotFound` for a number, partner or delivery that is not there; those of the store.
pub async fn who(db: &Db, question: &Question<'_>) -> Result<Answer> {
    let path = question.path;
    if let Some(partner) = question.partner {
        partners::partner(db, partner)
            .await?
            .ok_or_else(|| Error::not_found(format!("partner `{partner}`")))?;
    }
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
    let mut takers = match question.after {
        None => takers(db, question, &numbers, hash.as_deref()).await?,
        Some(_) => Vec::new(),
    };
    let takers_cut = takers.len() > PEOPLE_MAX;
    takers.truncate(PEOPLE_MAX);
    Ok(Answer {
        path: path.to_owned(),
        numbers: asked,
        people,
        more,
        takers,
        takers_cut,
        issues_unrecorded: holders::unrecorded(db).await?,
        files_unrecorded: match reference_of(path) {
            Some(asset) => holders::files_unrecorded(db, asset).await?,
            None => 0,
        },
        issues_cut,
    })
}

async fn people(
    db: &Db,
    question: &Question<'_>,
    issues: &[HoldingIssue],
    numbers: &[Number],
    hash: Option<&str>,
) -> Result<(Vec<Held>, Option<String>)> {
    let limit = question.limit.clamp(1, PEOPLE_MAX);
    let asset = reference_of(question.path).unwrap_or(question.path);
    let mut people: Vec<Held> = Vec::new();
    let (first, mut at) = match question.after {
        None => (0, (String::new(), String::new())),
        Some(delivery) => {
            let place = holders::place(db, delivery).await?;
            let at = place.and_then(|(id, key)| Some((issues.iter().position(|issue| issue.id == id)?, key)));
            let (first, key) = at.ok_or_else(|| no_such_place(delivery))?;
            (first, (key, delivery.to_owned()))
        }
    };
    for issue in &issues[first..] {
        loop {
            let what = (question.path, hash, asset);
            let page = holders::page(db, &issue.id, what, question.partner, (&at.0, &at.1)).await?;
            let full = page.len() == PAGE;
            for holder in page {
                if people.len() == limit {
                    let last = people.last().map(|held| held.holder.delivery_id.clone());
                    return Ok((people, last));
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
        at = (String::new(), String::new());
    }
    Ok((people, None))
}

fn no_such_place(delivery: &str) -> Error {
    Error::not_found_but(format!("delivery `{delivery}`"), "take the one with which the last answer ended")
}

/// One more than an answer holds.
async fn takers(
    db: &Db,
    question: &Question<'_>,
    numbers: &[Number],
    hash: Option<&str>,
) -> Result<Vec<Took>> {
    let (mut took, mut after): (Vec<Took>, _) = (Vec::new(), (UtcMs::MIN, String::new()));
    while took.len() <= PEOPLE_MAX {
        let page = holders::takers(db, (question.path, hash), question.partner, (after.0, &after.1)).await?;
        let Some(last) = page.last() else { break };
        after = (last.at_ms, last.id.clone());
        took.extend(
            page.into_iter().map(|taker| Took { numbers: of_text(numbers, &taker.hash).collect(), taker }),
        );
    }
    Ok(took)
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
    fn the_head_of_a_moment_and_the_numbers_of_a_text() {
        let number = |no, since_ms| Number { hash: format!("h{}", no % 2), no, since_ms };
        let numbers = [number(3, 30), number(2, 20), number(1, 10)];
        assert_eq!([5, 10, 29, 99].map(|ms| shown_at(&numbers, ms)), [None, Some(1), Some(2), Some(3)]);
        assert_eq!(of_text(&numbers, "h1").collect::<Vec<_>>(), [3, 1]);
    }
}
