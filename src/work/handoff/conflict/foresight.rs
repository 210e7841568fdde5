//! What the rule would say of leads that are not stored yet, one after the other as they would be handed over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Stand, Verdict, parties, rule, subject, weighed, won_since_ms};
use crate::{
    domain::{
        kernel::Result,
        lead::{
            LeadStage,
            conflict::{Party, Ruling, to_offer},
        },
    },
    store::{
        conflicts::{self, Case},
        intakes,
        leads::Lead,
    },
    work::context::Context,
};

/// What would become of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::work) enum Foreseen {
    /// It would be offered; with a sentence where another partner is concerned.
    Goes(Option<String>),
    /// It would wait, and why.
    Waits(String),
}

/// A person, or company, as they would be known by then.
#[derive(Default)]
struct Seen {
    parties: Vec<Party>,
    case: Option<Case>,
}

/// Everybody who was looked at so far.
#[derive(Default)]
pub(in crate::work) struct Foresight(HashMap<(&'static str, String), Seen>);

impl Foresight {
    /// Finds out at once who of these is known at all, so that nobody is asked about one by one of whom nothing is stored.
    ///
    /// # Errors
    /// Those of the store, and of content without a routing rule.
    pub(in crate::work) async fn look_up<'l>(
        &mut self,
        ctx: &Context,
        leads: impl Iterator<Item = &'l Lead>,
    ) -> Result<()> {
        let rule = rule(ctx)?;
        let mut asked: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for lead in leads {
            let (scope, subject) = subject(&rule, &lead.email);
            asked.entry(scope).or_default().insert(subject);
        }
        // Nothing is written in it: that many can be asked about in one statement is what it is for.
        let mut tx = ctx.db.begin().await?;
        for (scope, subjects) in asked {
            let subjects: Vec<String> = subjects.into_iter().collect();
            let known = intakes::known_among(&mut tx, scope, &subjects).await?;
            let known: BTreeSet<String> = known.into_iter().collect();
            let unknown = subjects.into_iter().filter(|subject| !known.contains(subject));
            self.0.extend(unknown.map(|subject| ((scope, subject), Seen::default())));
        }
        Ok(())
    }

    /// The person, or company, that a lead is of: what is said of others of the same touches it.
    ///
    /// # Errors
    /// Those of content without a routing rule.
    pub(in crate::work) fn whose(ctx: &Context, lead: &Lead) -> Result<(&'static str, String)> {
        Ok(subject(&rule(ctx)?, &lead.email))
    }

    /// Knows leads that would be stored before any is handed over: of partners, in nobody's hand.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::work) async fn learn(&mut self, ctx: &Context, lead: &Lead) -> Result<()> {
        if lead.partner_slug.is_empty() {
            return Ok(());
        }
        let now_ms = ctx.now_ms();
        let seen = self.seen(ctx, lead).await?;
        if !seen.parties.iter().any(|party| party.lead_id == lead.id) {
            seen.parties.push(Party {
                lead_id: lead.id.clone(),
                partner: lead.partner_slug.clone(),
                stage: LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry),
                created_ms: lead.created_ms,
                last_ms: now_ms,
                since_ms: None,
                asks: false,
                callable: true,
                has_people: true,
            });
        }
        Ok(())
    }

    async fn seen(&mut self, ctx: &Context, lead: &Lead) -> Result<&mut Seen> {
        let rule = rule(ctx)?;
        let (scope, subject) = subject(&rule, &lead.email);
        let key = (scope, subject);
        if !self.0.contains_key(&key) {
            let rows = conflicts::known(&ctx.db, scope, &key.1, won_since_ms(&rule, ctx.now_ms())).await?;
            let case = conflicts::live(&ctx.db, scope, &key.1).await?;
            self.0.insert(key.clone(), Seen { parties: parties(&rows)?, case });
        }
        Ok(self.0.entry(key).or_default())
    }

    /// The partners that know the person, or company, of a lead, and are in its way or it in theirs.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::work) async fn partners(&mut self, ctx: &Context, lead: &Lead) -> Result<Vec<String>> {
        let seen = self.seen(ctx, lead).await?;
        let others = seen.parties.iter().filter(|party| party.lead_id != lead.id && party.contends());
        Ok(others.map(|party| party.partner.clone()).collect())
    }

    /// What would become of a lead of a partner's that is to be handed over; `takes` that it is, so that those behind it find it so.
    ///
    /// # Errors
    /// Those of the store, and of content without a routing rule.
    pub(in crate::work) async fn weigh(
        &mut self,
        ctx: &Context,
        lead: &Lead,
        takes: bool,
    ) -> Result<Foreseen> {
        let (rule, now_ms) = (rule(ctx)?, ctx.now_ms());
        let seen = self.seen(ctx, lead).await?;
        let weighed = weighed(&rule, lead, true, now_ms, seen.parties.clone(), seen.case.clone())?;
        let own = lead.partner_slug.as_str();
        let with = |parties: &[Party]| -> String {
            let mut with: Vec<&str> = parties
                .iter()
                .filter(|it| it.partner != own && it.contends())
                .map(|it| it.partner.as_str())
                .collect();
            with.sort_unstable();
            with.dedup();
            with.join(", ")
        };
        let others = with(&weighed.parties);
        let (said, winner) = match (&weighed.verdict, weighed.stand) {
            (Verdict::Nothing, _) => (Foreseen::Goes(None), None),
            (Verdict::Joins(case), Stand::Waits) => (
                Foreseen::Waits(match &case.winner {
                    Some(winner) => format!("waits: {winner} goes on with them"),
                    None => format!("waits: who goes on is being decided, {others} or {own}"),
                }),
                case.winner.clone(),
            ),
            (Verdict::Joins(case), _) => (Foreseen::Goes(None), case.winner.clone()),
            (Verdict::Opens(Ruling::Goes { because, .. }), Stand::Goes) => (
                Foreseen::Goes(Some(format!("known through {others} too, who waits: {because}"))),
                Some(own.to_owned()),
            ),
            (Verdict::Opens(Ruling::Goes { partner, because }), _) if partner == own => (
                Foreseen::Goes(Some(format!("taken back from {others}, who has it: {because}"))),
                Some(own.to_owned()),
            ),
            (Verdict::Opens(Ruling::Goes { partner, because }), _) => {
                (Foreseen::Waits(format!("waits, and {partner} goes on: {because}")), Some(partner.clone()))
            }
            (Verdict::Opens(Ruling::Ask { because }), _) => (
                Foreseen::Waits(format!(
                    "waits, and a channel manager decides, {others} or {own}: {because}"
                )),
                None,
            ),
            (Verdict::Opens(Ruling::Nothing), _) => (Foreseen::Goes(None), None),
        };
        if takes {
            seen.take(
                weighed.parties,
                &weighed.verdict,
                (lead, winner.as_deref()),
                now_ms,
                matches!(said, Foreseen::Goes(_)),
            );
        }
        Ok(said)
    }
}

impl Seen {
    /// What is known then: who has it in hand, and the case.
    fn take(
        &mut self,
        parties: Vec<Party>,
        verdict: &Verdict,
        (lead, winner): (&Lead, Option<&str>),
        now_ms: i64,
        goes: bool,
    ) {
        self.parties = parties;
        let offered =
            winner.and_then(|winner| to_offer(&self.parties, winner)).map(|party| party.lead_id.clone());
        for party in &mut self.parties {
            if winner.is_some_and(|winner| winner != party.partner) {
                party.since_ms = None;
            }
            if (goes && party.lead_id == lead.id) || offered.as_ref() == Some(&party.lead_id) {
                party.since_ms = Some(now_ms);
                party.stage = LeadStage::Offered;
                party.asks = false;
            }
        }
        if let Verdict::Opens(ruling) = verdict {
            let winner = match ruling {
                Ruling::Goes { partner, .. } => Some(partner.clone()),
                Ruling::Ask { .. } | Ruling::Nothing => None,
            };
            self.case = Some(Case {
                id: String::new(),
                scope: String::new(),
                subject: String::new(),
                state: if winner.is_some() { "decided" } else { "open" }.to_owned(),
                version: 1,
                opened_ms: now_ms,
                changed_ms: now_ms,
                settled: winner.is_some(),
                winner,
                asked_ms: now_ms,
                told_percent: 0,
            });
        }
    }
}
