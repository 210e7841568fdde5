//! Replaying the past of all leads under a changed scoring rule. Reads in pages, changes nothing.

use std::collections::HashMap;

use super::{cobrand::no_content, context::Context};
use crate::domain::{
    content::{Finding, Library, SourceFile, finding::Severity, rules::Scoring},
    engagement::EventKind,
    kernel::{Error, Result, clock::UtcMs},
    lead::{
        FitFacts, ScoredEvent, is_business_domain,
        what_if::{self, Change, History, Replayed, Totals},
    },
};
use crate::store::pasts::{self, Act, Past};

/// Leads read at a time: with what they did, they fit one answer.
const PAGE: i64 = 100;
/// Acts of one lead that are looked at, the oldest first; as many as its page shows.
const ACTS_MAX: usize = 1_000;
/// Where the rule would lie in a content folder.
const PLACE: &str = "rules/scoring.toml";

/// Reads a rule's file, and refuses one that qualifies nobody. Warnings come back with it.
///
/// # Errors
/// `Invalid` with all faults, a line each: `name:line:column error C010 …`.
pub fn rule(name: &str, bytes: Vec<u8>) -> Result<(Scoring, Vec<String>)> {
    let (library, findings) = Library::build([SourceFile { path: PLACE.to_owned(), bytes }]);
    let ours = findings.into_iter().filter(|finding| finding.file == PLACE);
    let (faults, warnings): (Vec<Finding>, Vec<Finding>) =
        ours.partition(|finding| finding.severity == Severity::Error);
    let said = |finding: Finding| Finding { file: name.to_owned(), ..finding }.to_string();
    if !faults.is_empty() {
        return Err(Error::invalid(faults.into_iter().map(said).collect::<Vec<_>>().join("\n")));
    }
    let scoring = library.rules.scoring.ok_or_else(|| Error::invalid(format!("{name} holds no rule")))?;
    if let Some(why) = what_if::qualifies_nobody(&scoring) {
        return Err(Error::invalid(format!("{name}: {why}")));
    }
    Ok((scoring, warnings.into_iter().map(said).collect()))
}

/// One lead, before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Who it is.
    pub lead: Past,
    /// When it qualifies by the present rule, if it does.
    pub was_ms: Option<UtcMs>,
    /// What would be.
    pub replayed: Replayed,
}

/// Replays all leads under the present rule and under `rule`, and gives `tell` each whose standing the second changes, in the
/// order of their keys: what else held a lead back, or brought it forward, is the same under both. With `since_ms` those alone
/// count that qualify from then on by either.
///
/// # Errors
/// Those of the store, and of `tell`.
pub async fn replay(
    ctx: &Context,
    rule: &Scoring,
    since_ms: Option<UtcMs>,
    mut tell: impl FnMut(Told) -> Result<()>,
) -> Result<Totals> {
    let library = ctx.library();
    let present = library.rules.scoring.as_ref().ok_or_else(no_content)?;
    let mut totals = Totals::default();
    let mut after = String::new();
    loop {
        let page = pasts::page(&ctx.db, &after, PAGE).await?;
        let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(totals) };
        let acts = pasts::acts(&ctx.db, &first.id, &last.id).await?;
        after.clone_from(&last.id);
        let mut by_lead: HashMap<String, Vec<ScoredEvent>> = HashMap::new();
        for act in acts {
            let of = by_lead.entry(act.lead_id.clone()).or_default();
            if of.len() < ACTS_MAX {
                of.extend(scored(act));
            }
        }
        for lead in page {
            let mut history = history(&lead, by_lead.remove(&lead.id).unwrap_or_default());
            history.qualified_ms = what_if::replay(present, &history, ctx.now_ms()).would_ms;
            let replayed = what_if::replay(rule, &history, ctx.now_ms());
            let latest = history.qualified_ms.max(replayed.would_ms);
            if since_ms.is_some_and(|since| latest.is_none_or(|at| at < since)) {
                continue;
            }
            totals.add(&history, &replayed);
            if !matches!(replayed.change, Change::Kept | Change::Out) {
                tell(Told { lead, was_ms: history.qualified_ms, replayed })?;
            }
        }
    }
}

fn scored(act: Act) -> Option<ScoredEvent> {
    let kind = EventKind::parse(&act.kind)?;
    Some(ScoredEvent {
        kind,
        at_ms: act.at_ms,
        human: act.human,
        stayed_ms: act.stayed_ms,
        label: act.asset.unwrap_or_default(),
    })
}

fn history(lead: &Past, events: Vec<ScoredEvent>) -> History {
    let domain = lead.email_key.rsplit('@').next().unwrap_or_default();
    History {
        facts: FitFacts {
            email_domain_is_business: is_business_domain(domain),
            company_size: lead.company_size.clone(),
            job_role: lead.job_role.clone(),
            // As when they are scored: they came through this partner's own page.
            country_served: true,
        },
        events,
        qualified_ms: None,
        accepted: match (lead.accepted_ms, lead.rejected_ms) {
            (Some(_), _) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        },
    }
}
