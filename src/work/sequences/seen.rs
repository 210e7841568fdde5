//! Sequences as people see them: how many are at which step, who left and why, what an edit would do.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::{
    domain::{
        content::{
            Library,
            kinds::{Condition, People, Sequence},
        },
        kernel::{Error, Result},
        program::sequence::{self, Effect, Inside, LeaveReason, order},
    },
    store::{
        Db,
        journeys::{self, Count, Traveller},
        pauses::{self, Pause},
    },
    work::Context,
};

/// People of a list, at most.
const PEOPLE_MAX: i64 = 200;
/// People looked at in one go for what an edit would do.
const PAGE_ROWS: i64 = 1_000;

/// A step, and how many people are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// Its name.
    pub id: String,
    /// `after 3 days at 09:00`
    pub when: String,
    /// `if they followed a link in hello`; nothing for everybody.
    pub condition: Option<String>,
    /// How many wait for it.
    pub waiting: i64,
    /// How many were sent it.
    pub sent: i64,
    /// How many were passed over.
    pub skipped: i64,
    /// Whether it is gone from the content.
    pub is_gone: bool,
}

/// How many left in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exit {
    /// `LeaveReason`'s word.
    pub reason: String,
    /// The same in words.
    pub label: String,
    /// How many.
    pub people: i64,
}

/// A sequence, and where its people are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Its slug.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// `contacts` or `leads`; nothing for one that is gone.
    pub who: Option<&'static str>,
    /// Its steps in order, then those that are gone and somebody had.
    pub steps: Vec<StepView>,
    /// Why and since when it rests, if it does.
    pub paused: Option<Pause>,
    /// How many are inside.
    pub inside: i64,
    /// How many went through to the end.
    pub finished: i64,
    /// How many left, by reason, most first.
    pub exits: Vec<Exit>,
    /// What who finishes enters.
    pub then: Option<String>,
}

/// Every sequence: those of the content, and those that people went through.
///
/// # Errors
/// Those of the store.
pub async fn overviews(ctx: &Context) -> Result<Vec<Overview>> {
    let library = ctx.library();
    let counts = journeys::counts(&ctx.db, None).await?;
    let mut slugs: Vec<&str> = library.sequences().map(|(asset, _)| asset.slug()).collect();
    slugs.extend(counts.iter().map(|count| count.sequence.as_str()));
    slugs.sort_unstable();
    slugs.dedup();
    let mut all = Vec::with_capacity(slugs.len());
    for slug in slugs {
        let own: Vec<&Count> = counts.iter().filter(|count| count.sequence == slug).collect();
        all.push(of(&ctx.db, &library, slug, &own).await?);
    }
    Ok(all)
}

/// The sequence `slug`.
///
/// # Errors
/// `NotFound` with those that there are; those of the store.
pub async fn overview(ctx: &Context, slug: &str) -> Result<Overview> {
    let library = ctx.library();
    let counts = journeys::counts(&ctx.db, Some(slug)).await?;
    if library.sequence(slug).is_none() && counts.is_empty() {
        let known: Vec<&str> = library.sequences().map(|(asset, _)| asset.slug()).collect();
        let hint = if known.is_empty() {
            "there is none yet".to_owned()
        } else {
            format!("there is {}", known.join(", "))
        };
        return Err(Error::not_found_but(format!("the sequence {slug}"), hint));
    }
    of(&ctx.db, &library, slug, &counts.iter().collect::<Vec<_>>()).await
}

async fn of(db: &Db, library: &Library, slug: &str, counts: &[&Count]) -> Result<Overview> {
    let found = library.sequence(slug);
    let in_state =
        |state: &str| counts.iter().filter(|count| count.state == state).map(|count| count.people).sum();
    let mut had: HashMap<(String, String), i64> = HashMap::new();
    if !counts.is_empty() {
        had.extend(journeys::had(db, slug).await?.into_iter().map(|(step, outcome, n)| ((step, outcome), n)));
    }
    let waiting = |id: &str| {
        let here = counts.iter().filter(|count| count.waiting.as_deref() == Some(id));
        here.map(|count| count.people).sum::<i64>()
    };
    let numbers = |id: &str| {
        let of = |outcome: &str| had.get(&(id.to_owned(), outcome.to_owned())).copied().unwrap_or_default();
        (waiting(id), of("sent"), of("skipped"))
    };
    let mut steps: Vec<StepView> = Vec::new();
    for step in found.iter().flat_map(|(_, sequence)| &sequence.steps) {
        let (waiting, sent, skipped) = numbers(step.id.as_str());
        let days =
            if step.after_days == 1 { "1 day".to_owned() } else { format!("{} days", step.after_days) };
        steps.push(StepView {
            id: step.id.to_string(),
            when: format!("after {days} at {}", step.at.format("%H:%M")),
            condition: step.condition.as_ref().map(condition),
            waiting,
            sent,
            skipped,
            is_gone: false,
        });
    }
    let mut gone: Vec<String> = had.keys().map(|(step, _)| step.clone()).collect();
    gone.extend(counts.iter().filter_map(|count| count.waiting.clone()));
    gone.sort();
    gone.dedup();
    gone.retain(|id| !steps.iter().any(|step| step.id == *id));
    for id in gone {
        let (waiting, sent, skipped) = numbers(&id);
        steps.push(StepView {
            id,
            when: String::new(),
            condition: None,
            waiting,
            sent,
            skipped,
            is_gone: true,
        });
    }
    Ok(Overview {
        slug: slug.to_owned(),
        title: found.map_or(slug, |(asset, _)| asset.front.title.as_str()).to_owned(),
        who: found.and_then(|(_, sequence)| sequence.who).map(People::as_str),
        steps,
        paused: pauses::of(db, slug).await?,
        inside: in_state("inside"),
        finished: in_state("finished"),
        exits: exits(counts),
        then: found.and_then(|(_, sequence)| sequence.then.as_ref()).map(|then| then.as_str().to_owned()),
    })
}

fn exits(counts: &[&Count]) -> Vec<Exit> {
    let mut by_reason: BTreeMap<&str, i64> = BTreeMap::new();
    for count in counts.iter().filter(|count| count.state == "left") {
        *by_reason.entry(&count.reason).or_default() += count.people;
    }
    let mut exits: Vec<Exit> = by_reason
        .into_iter()
        .map(|(reason, people)| Exit {
            reason: reason.to_owned(),
            label: reason_label(reason).to_owned(),
            people,
        })
        .collect();
    exits.sort_by_key(|exit| -exit.people);
    exits
}

/// How a reason reads; a word that is none stays.
fn reason_label(word: &str) -> &str {
    match LeaveReason::parse(word) {
        Some(reason) => reason.label(),
        None => word,
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Clicked(step) => format!("if they followed a link in {}", step.as_str()),
        Condition::NotClicked(step) => format!("if they followed no link in {}", step.as_str()),
        Condition::Took(asset) => format!("if they took {}", asset.as_str()),
        Condition::NotTook(asset) => format!("if they have not taken {}", asset.as_str()),
    }
}

/// Who is in a sequence, and who was.
#[derive(Debug, Clone)]
pub struct Travellers {
    /// Inside, the next due first, at most 200.
    pub inside: Vec<Traveller>,
    /// Finished or gone, the latest first, at most 200.
    pub ended: Vec<Traveller>,
}

impl Overview {
    /// Why it rests, in a sentence; nothing for one that goes on.
    pub fn rests(&self) -> Option<String> {
        self.paused.as_ref().map(|pause| match pause.because.as_str() {
            "" => format!("paused by {}", pause.actor),
            because => format!("paused because {because}"),
        })
    }
}

/// The people of the sequence `slug`.
///
/// # Errors
/// Those of the store.
pub async fn travellers(ctx: &Context, slug: &str) -> Result<Travellers> {
    Ok(Travellers {
        inside: journeys::inside(&ctx.db, slug, PEOPLE_MAX).await?,
        ended: journeys::ended(&ctx.db, slug, PEOPLE_MAX).await?,
    })
}

/// What an edited sequence would do to those inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Its slug.
    pub sequence: String,
    /// In words, how many are inside first.
    pub sentences: Vec<String>,
    /// Whether anybody's way changes.
    pub changes: bool,
}

/// What `edited` would do to those who are inside the sequences of the content in use, each that somebody is inside.
///
/// # Errors
/// Those of the store.
pub async fn effects(ctx: &Context, edited: &Library, slug: Option<&str>) -> Result<Vec<Effects>> {
    let library = ctx.library();
    let mut all = Vec::new();
    for sequence in journeys::busy(&ctx.db).await? {
        if slug.is_some_and(|slug| slug != sequence) {
            continue;
        }
        let inside = inside(&ctx.db, &sequence).await?;
        let of = |library: &Library| -> Option<Vec<String>> {
            let (_, found): (_, &Sequence) = library.sequence(&sequence)?;
            Some(order(found).into_iter().map(str::to_owned).collect())
        };
        let before = of(&library).unwrap_or_default();
        let (sentences, changes) = match of(edited) {
            Some(after) => {
                let effects = sequence::effect(&before, &after, &inside);
                let changes = effects.keys().any(|effect| !matches!(effect, Effect::Same { .. }));
                (sequence::sentences(&inside, &effects), changes)
            }
            None => {
                let mut sentences = sequence::sentences(&inside, &BTreeMap::new());
                sentences.push("the sequence is gone; they leave it".to_owned());
                (sentences, true)
            }
        };
        all.push(Effects { sequence, sentences, changes });
    }
    Ok(all)
}

/// Where everybody inside a sequence is, those at the same place together.
async fn inside(db: &Db, sequence: &str) -> Result<Vec<Inside>> {
    let mut groups: BTreeMap<(Vec<String>, Option<String>), u64> = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = journeys::places(db, sequence, &after, PAGE_ROWS).await?;
        let Some((last, _)) = page.last().cloned() else { break };
        let mut had: HashMap<String, Vec<String>> = HashMap::new();
        for (id, step) in journeys::had_by(db, sequence, &after, &last).await? {
            had.entry(id).or_default().push(step);
        }
        for (id, waiting) in page {
            *groups.entry((had.remove(&id).unwrap_or_default(), waiting)).or_default() += 1;
        }
        after = last;
    }
    Ok(groups.into_iter().map(|((done, waiting), people)| Inside { done, waiting, people }).collect())
}
