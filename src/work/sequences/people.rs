//! Somebody in a sequence: a partner's person, or a lead.

use chrono_tz::Tz;

use super::{Tour, enter::stage_label};
use crate::{
    domain::{
        content::{
            AssetKind,
            kinds::{Condition, EntryStage, ExitRule, People},
        },
        engagement::EventKind,
        kernel::{Locale, Result},
        lead::LeadStage,
        partner::{Contact, Partner, Roles},
        program::{
            SuppressionReason,
            audience::{self, Candidate, Decision, SpokenRule, Subscription},
            sequence::{Deeds, LeaveReason},
        },
    },
    store::{
        consents, journeys,
        leads::{self, Lead},
        partners::{self, StoredContact},
        sequences::{self, Enrolment},
        suppressions::{self, ALL},
    },
};

/// Who it is.
pub(super) enum Who {
    Contact(Box<StoredContact>),
    Lead(Box<Lead>),
}

/// Somebody, and their partner.
pub(super) struct Person {
    pub(super) who: Who,
    pub(super) partner: Partner,
}

impl Person {
    pub(super) fn name(&self) -> &str {
        match &self.who {
            Who::Contact(stored) => &stored.contact.name,
            Who::Lead(lead) => &lead.name,
        }
    }

    pub(super) fn email(&self) -> &str {
        match &self.who {
            Who::Contact(stored) => stored.contact.email.as_str(),
            Who::Lead(lead) => &lead.email,
        }
    }

    /// Their own zone, or their partner's; of a lead no other is known.
    pub(super) fn zone(&self) -> Tz {
        match &self.who {
            Who::Contact(stored) => stored.contact.zone.unwrap_or(self.partner.zone),
            Who::Lead(_) => self.partner.zone,
        }
    }

    pub(super) fn locale(&self) -> Locale {
        let own = match &self.who {
            Who::Contact(stored) => stored.contact.locale.clone(),
            Who::Lead(lead) => Locale::parse(&lead.locale).ok(),
        };
        own.unwrap_or_else(|| self.partner.locale.clone())
    }

    pub(super) fn roles(&self) -> Option<Roles> {
        match &self.who {
            Who::Contact(stored) => Some(stored.contact.roles),
            Who::Lead(_) => None,
        }
    }

    /// The contact's or lead's key.
    pub(super) fn key(&self) -> String {
        match &self.who {
            Who::Contact(stored) => stored.key.clone(),
            Who::Lead(lead) => lead.id.clone(),
        }
    }

    pub(super) fn contact_id(&self) -> Option<String> {
        match &self.who {
            Who::Contact(stored) => Some(stored.key.clone()),
            Who::Lead(_) => None,
        }
    }

    pub(super) fn contact(&self) -> Option<&Contact> {
        match &self.who {
            Who::Contact(stored) => Some(&stored.contact),
            Who::Lead(_) => None,
        }
    }

    pub(super) fn lead(&self) -> Option<&Lead> {
        match &self.who {
            Who::Contact(_) => None,
            Who::Lead(lead) => Some(lead),
        }
    }

    /// Why they may be in a sequence of this audience; why not otherwise.
    pub(super) fn admitted(&self, rule: &SpokenRule) -> Result<String, String> {
        match &self.who {
            Who::Contact(stored) => {
                let candidate = Candidate {
                    contact: &stored.contact,
                    partner: &self.partner,
                    subscribed: Subscription::Default,
                    suppressed: None,
                };
                match audience::decide(rule, &candidate, None, &|_| true) {
                    Decision::In { because } => Ok(because.to_string()),
                    Decision::Out { because, .. } => Err(because.to_string()),
                }
            }
            Who::Lead(_) if rule.rule().admits(&self.partner) => {
                Ok(format!("They gave their name on a page of {}", self.partner.name))
            }
            Who::Lead(_) => Err(format!("Not for leads of {}", self.partner.name)),
        }
    }
}

impl Tour<'_> {
    /// Whoever an enrolment is about; none for a person who is no active contact, or whose partner is gone.
    pub(super) async fn person(&mut self, of: &Enrolment) -> Result<Option<Person>> {
        let (who, slug) = match (&of.contact_id, &of.lead_id) {
            (Some(id), _) => match partners::contact(&self.ctx.db, id).await? {
                Some(stored) => {
                    let slug = stored.contact.partner.to_string();
                    (Who::Contact(Box::new(stored)), slug)
                }
                None => return Ok(None),
            },
            (None, Some(id)) => match leads::lead(&self.ctx.db, id).await? {
                Some(lead) => {
                    let slug = lead.partner_slug.clone();
                    (Who::Lead(Box::new(lead)), slug)
                }
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        Ok(self.partner(&slug).await?.map(|partner| Person { who, partner }))
    }

    /// Why somebody gets no more, whatever the sequence says.
    pub(super) async fn must_leave(&self, person: &Person) -> Result<Option<(LeaveReason, String)>> {
        let ctx = self.ctx;
        let stopped = suppressions::of(&ctx.db, ctx.now_ms(), person.email()).await?;
        let entry = stopped.iter().find(|entry| entry.scope == ALL || entry.scope == self.asset.slug());
        if let Some(entry) = entry {
            let is_own = entry.source == "unsubscribe";
            let reason = if is_own { LeaveReason::Unsubscribed } else { LeaveReason::Suppressed };
            let known = SuppressionReason::parse(&entry.reason).filter(|_| !is_own);
            return Ok(Some((
                reason,
                known.map_or("they unsubscribed", SuppressionReason::sentence).to_owned(),
            )));
        }
        let Some(lead) = person.lead() else { return Ok(None) };
        if EntryStage::parse(&lead.stage).is_none() {
            let stage = LeadStage::parse(&lead.stage);
            let is_closed =
                stage.is_some_and(|stage| stage.is_terminal() || stage == LeadStage::Disqualified);
            let reason = if is_closed { LeaveReason::Closed } else { LeaveReason::InHand };
            let label = stage_label(&lead.stage).to_lowercase();
            return Ok(Some((reason, format!("the lead is \"{label}\" now"))));
        }
        let purpose = self.sequence.purpose();
        if !consents::has(&ctx.db, &lead.id, purpose).await? {
            let why = format!("they have not agreed to `{purpose}`, or took it back");
            return Ok(Some((LeaveReason::NoConsent, why)));
        }
        Ok(None)
    }

    /// What somebody did, as far as this sequence asks.
    pub(super) async fn deeds(&self, of: &Enrolment) -> Result<Did> {
        let asks =
            !self.sequence.exit.is_empty() || self.sequence.steps.iter().any(|step| step.condition.is_some());
        if !asks {
            return Ok(Did::default());
        }
        let (clicked, taken) =
            (sequences::clicked(&self.ctx.db, &of.id).await?, sequences::taken(&self.ctx.db, of).await?);
        let by_silence = |rule: &ExitRule| matches!(rule, ExitRule::When(Condition::NotClicked(_)));
        let reached = if self.sequence.exit.iter().any(by_silence) {
            journeys::reached(&self.ctx.db, &of.id).await?
        } else {
            Vec::new()
        };
        let talk = EventKind::TalkToUs.as_str();
        // Who asked before they entered has had their answer.
        let asked_to_talk = taken.iter().any(|deed| deed.kind == talk && deed.at_ms >= of.entered_ms);
        let opened = EventKind::PageView.as_str();
        let took = taken.into_iter().filter(|deed| deed.kind != talk);
        let took = took.filter_map(|deed| Some((deed.kind, deed.asset?)));
        let took = took.filter(|(kind, asset)| kind != opened || self.is_taken_by_opening(asset));
        let took = took.map(|(_, asset)| asset).collect();
        Ok(Did { reached, clicked, took, asked_to_talk })
    }

    /// Whether opening an asset's page is all that one can do with it: there is no file and no form.
    fn is_taken_by_opening(&self, asset: &str) -> bool {
        let kind = self.library.versions(asset).first().map(|asset| asset.kind());
        matches!(kind, Some(AssetKind::Blog | AssetKind::Video | AssetKind::CaseStudy | AssetKind::Page))
    }

    /// Whether this sequence is for leads.
    pub(super) fn is_for_leads(&self) -> bool {
        self.sequence.who == Some(People::Leads)
    }
}

/// What somebody did.
#[derive(Debug, Default)]
pub(super) struct Did {
    reached: Vec<String>,
    clicked: Vec<String>,
    took: Vec<String>,
    asked_to_talk: bool,
}

impl Deeds for Did {
    fn reached(&self, step: &str) -> bool {
        self.reached.iter().any(|reached| reached == step)
    }

    fn clicked(&self, step: &str) -> bool {
        self.clicked.iter().any(|clicked| clicked == step)
    }

    fn took(&self, asset: &str) -> bool {
        self.took.iter().any(|took| took == asset)
    }

    fn asked_to_talk(&self) -> bool {
        self.asked_to_talk
    }
}
