//! A lead's standing: its events and facts, put to the rules.

use std::collections::HashMap;

use super::{cobrand::no_content, context::Context};
use crate::{
    domain::{
        engagement::EventKind,
        kernel::Result,
        lead::{
            LeadStage, Qualification,
            fit::{self, FitFacts, FitResult},
            is_business_domain,
            score::{self, Score, ScoredEvent},
        },
    },
    store::{
        events::{self, Event},
        leads::{self, Lead},
    },
};

/// Where a lead stands, with every reason.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Engagement, line by line.
    pub score: Score,
    /// Fit, line by line.
    pub fit: FitResult,
    /// Why it is qualified, if it is.
    pub qualified_because: Option<String>,
    /// Why it is, or is not.
    pub because: String,
}

impl Standing {
    /// Writes the result into the lead's row. Why somebody was asked to take it stays while they have it.
    pub fn apply(&self, lead: &mut Lead) {
        lead.score = i64::from(self.score.points);
        self.fit.grade.as_str().clone_into(&mut lead.fit);
        let stage = LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry);
        if stage.may_be_offered() {
            lead.because.clone_from(&self.because);
        }
    }
}

/// Puts the lead's events, and `newest`, to the rules.
///
/// # Errors
/// No rules yet, or those of the store.
pub async fn assess(ctx: &Context, lead: &Lead, newest: Option<&Event>) -> Result<Standing> {
    let mut seen = events::of_lead(&ctx.db, &lead.id).await?;
    seen.extend(newest.cloned());
    judge(ctx, lead, &seen.iter().collect::<Vec<_>>())
}

/// The leads that changed last, of one partner or of all, each with its standing: as [`assess`] finds it, for many.
///
/// # Errors
/// As [`assess`].
pub async fn recent(ctx: &Context, partner: Option<&str>) -> Result<Vec<(Lead, Standing)>> {
    let all = leads::recent(&ctx.db, partner).await?;
    let seen = events::of_recent_leads(&ctx.db, partner).await?;
    let mut by_lead: HashMap<&str, Vec<&Event>> = HashMap::new();
    for event in &seen {
        by_lead.entry(event.lead_id.as_deref().unwrap_or_default()).or_default().push(event);
    }
    all.into_iter()
        .map(|lead| {
            let standing = judge(ctx, &lead, by_lead.get(lead.id.as_str()).map_or(&[], Vec::as_slice))?;
            Ok((lead, standing))
        })
        .collect()
}

/// The one place that says what a lead's events are worth.
pub(super) fn judge(ctx: &Context, lead: &Lead, seen: &[&Event]) -> Result<Standing> {
    let library = ctx.library();
    let rule = library.rules.scoring.as_ref().ok_or_else(no_content)?;
    // Whoever went back to nurture earns the gate anew.
    let counts = |event: &&&Event| lead.recycled_ms.is_none_or(|since_ms| event.at_ms > since_ms);
    let scored: Vec<ScoredEvent> = seen
        .iter()
        .filter(counts)
        .filter_map(|event| {
            let kind = EventKind::parse(&event.kind)?;
            let title = event.asset.as_deref().and_then(|reference| {
                library
                    .find(reference, &crate::domain::kernel::Locale::en())
                    .map(|asset| asset.front.title.as_str())
            });
            Some(ScoredEvent {
                kind,
                at_ms: event.at_ms,
                human: event.human,
                stayed_ms: event.stayed_ms,
                label: title.or(event.asset.as_deref()).unwrap_or_default().to_owned(),
            })
        })
        .collect();
    let score = score::engagement(rule, &scored, ctx.now_ms());
    let domain = lead.email_key.rsplit('@').next().unwrap_or_default();
    let facts = FitFacts {
        email_domain_is_business: is_business_domain(domain),
        company_size: lead.company_size.clone(),
        job_role: lead.job_role.clone(),
        // They came through this partner's own page, which is how a partner says whom it serves.
        country_served: true,
    };
    let fit = fit::fit(&rule.fit, &facts);
    let (qualified_because, because) = match score::qualifies(rule, &score, &fit, &scored) {
        Qualification::Yes { because } => (Some(because.clone()), because),
        Qualification::No { because } => (None, because),
    };
    Ok(Standing { score, fit, qualified_because, because })
}
