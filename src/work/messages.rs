//! Key messages: whom each was told, how often and in which forms; what is not covered yet.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::context::Context;
use crate::{
    domain::{
        content::Form,
        kernel::{Error, Result, clock::UtcMs},
        partner::{AudienceRole, Roles},
    },
    store::{
        Db, partners,
        touches::{self, Covered, TouchOf},
    },
};

/// A key message, and whom it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// What assets name in `key_message`.
    pub slug: String,
    /// What it says.
    pub title: String,
    /// How often it is told to one person at most.
    pub touches_max: u32,
    /// Assets that tell it.
    pub assets: usize,
    /// By role, in their usual order. Who has two roles counts in both.
    pub roles: Vec<RoleCoverage>,
    /// People by how often they were told it: once, twice and so on, up to as often as one is.
    pub times: Vec<i64>,
    /// Leads who were told it.
    pub leads: i64,
}

/// The people of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleCoverage {
    /// The role's word.
    pub role: &'static str,
    /// Active contacts who have it.
    pub people: i64,
    /// Those who were told the message.
    pub told: i64,
    /// Told in a form to be read.
    pub read: i64,
    /// To be watched.
    pub watch: i64,
    /// To be done.
    #[serde(rename = "do")]
    pub done: i64,
}

impl Coverage {
    /// Contacts who were told it at least once.
    pub fn told(&self) -> i64 {
        self.times.iter().sum::<i64>()
    }

    /// Those who were told it as often as one is.
    pub fn had_enough(&self) -> i64 {
        self.times.last().copied().unwrap_or_default()
    }
}

/// Whom each key message was told, in the order of the rules; of one partner's people if named.
///
/// # Errors
/// `NotFound` for a partner who is not there; those of the store.
pub async fn coverage(ctx: &Context, partner: Option<&str>) -> Result<Vec<Coverage>> {
    if let Some(slug) = partner
        && partners::partner(&ctx.db, slug).await?.is_none()
    {
        return Err(Error::not_found(format!("the partner {slug}")));
    }
    let people = touches::people_by_roles(&ctx.db, partner).await?;
    let people: Vec<(Roles, i64)> = people
        .into_iter()
        .map(|(roles, count)| (Roles::parse(&roles).unwrap_or(Roles::NONE), count))
        .collect();
    let covered = touches::coverage(&ctx.db, partner).await?;
    let library = ctx.library();
    let rules = &library.rules.messages;
    let mut assets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for asset in &library.assets {
        if let Some(message) = &asset.front.key_message {
            assets.entry(message.as_str()).or_default().insert(&asset.reference);
        }
    }
    let named = rules.messages.iter().map(|message| message.slug.as_str());
    let others = assets.keys().copied().chain(covered.iter().map(|row| row.key_message.as_str()));
    let mut slugs: Vec<&str> = named.collect();
    let others: BTreeSet<&str> = others.filter(|slug| !slugs.contains(slug)).collect();
    slugs.extend(others);
    Ok(slugs
        .into_iter()
        .map(|slug| {
            let rows: Vec<&Covered> = covered.iter().filter(|row| row.key_message == slug).collect();
            let touches_max = rules.touches_max(slug);
            Coverage {
                slug: slug.to_owned(),
                title: rules.title(slug).to_owned(),
                touches_max,
                assets: assets.get(slug).map_or(0, BTreeSet::len),
                roles: AudienceRole::ALL.into_iter().map(|role| of_role(role, &people, &rows)).collect(),
                times: times(&rows, touches_max),
                leads: rows.iter().filter(|row| row.is_lead).map(|row| row.people).sum(),
            }
        })
        .collect())
}

/// A key message that somebody was told. Times are UTC milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageTold {
    /// The message.
    pub message: String,
    /// In how many mails.
    pub times: usize,
    /// In which forms the last one told it, the last met last.
    pub last_forms: String,
    /// When.
    pub last_ms: UtcMs,
    /// The subject of that mail.
    pub last_subject: String,
}

impl MessageTold {
    /// `read, watch`, in the order in which people speak of them.
    pub fn forms_in_order(&self) -> String {
        let met = |word: &&str| self.last_forms.split(' ').any(|form| form == *word);
        Form::WORDS.iter().map(|(word, _)| *word).filter(met).collect::<Vec<_>>().join(", ")
    }
}

/// What a contact or lead was told, by message.
///
/// # Errors
/// Those of the store.
pub async fn of_person(db: &Db, person: &str) -> Result<Vec<MessageTold>> {
    let mut told: BTreeMap<String, MessageTold> = BTreeMap::new();
    for touch in touches::of_person(db, person).await? {
        let times = told.get(&touch.key_message).map_or(0, |told| told.times) + 1;
        let TouchOf {
            key_message: message, at_ms: last_ms, forms: last_forms, subject: last_subject, ..
        } = touch;
        let latest = MessageTold { message: message.clone(), times, last_forms, last_ms, last_subject };
        told.insert(message, latest);
    }
    Ok(told.into_values().collect())
}

fn of_role(role: AudienceRole, people: &[(Roles, i64)], rows: &[&Covered]) -> RoleCoverage {
    let rows: Vec<&&Covered> = rows
        .iter()
        .filter(|row| !row.is_lead && Roles::parse(&row.roles).is_ok_and(|roles| roles.contains(role)))
        .collect();
    let told = |has: &dyn Fn(&Covered) -> bool| {
        rows.iter().filter(|row| has(row)).map(|row| row.people).sum::<i64>()
    };
    RoleCoverage {
        role: role.as_str(),
        people: people.iter().filter(|(roles, _)| roles.contains(role)).map(|(_, count)| count).sum(),
        told: told(&|_| true),
        read: told(&|row| row.has_read),
        watch: told(&|row| row.has_watch),
        done: told(&|row| row.has_do),
    }
}

/// How many contacts were told once, twice and so on; whoever had more than is told now, by an earlier rule, had enough too.
fn times(rows: &[&Covered], touches_max: u32) -> Vec<i64> {
    let mut times = vec![0; touches_max as usize];
    for row in rows.iter().filter(|row| !row.is_lead) {
        let at = usize::try_from(row.times).unwrap_or(usize::MAX).clamp(1, times.len());
        times[at - 1] += row.people;
    }
    times
}
