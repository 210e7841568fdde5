//! Who enters a sequence.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    Tour,
    people::{Person, Who},
};
use crate::{
    domain::{
        content::merge::authored,
        kernel::{Locale, Result, clock::UtcMs, id::EnrolmentId},
        lead::LeadStage,
        program::{audience::AudienceRule, sequence::step_due_ms},
    },
    store::{
        leads::{self, Lead},
        nurture, partners,
        sequences::{self, NewEnrolment},
    },
    work::webhooks,
};

/// People looked at in one go.
const PAGE_ROWS: i64 = 500;
/// Pages of one look; the next one goes on behind them.
const PAGES_MAX: usize = 20;

/// How far each sequence has looked for people who may enter: who may not is not looked at again before the others.
#[derive(Debug, Default)]
pub struct Cursors(Mutex<HashMap<String, (UtcMs, String)>>);

impl Cursors {
    fn of(&self, sequence: &str) -> (UtcMs, String) {
        let cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.get(sequence).cloned().unwrap_or_default()
    }

    fn put(&self, sequence: &str, at: Option<(UtcMs, String)>) {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match at {
            Some(at) => drop(cursors.insert(sequence.to_owned(), at)),
            None => drop(cursors.remove(sequence)),
        }
    }
}

/// How a stage reads on pages; a word that is none stays.
pub(super) fn stage_label(word: &str) -> &str {
    match LeadStage::parse(word) {
        Some(stage) => stage.label(),
        None => word,
    }
}

impl Tour<'_> {
    /// Lets in who may enter: contacts who are new since `stored_ms`, or leads in one of the sequence's stages.
    pub(super) async fn let_in(&mut self, stored_ms: UtcMs) -> Result<()> {
        let mut at = self.ctx.cursors.of(self.asset.slug());
        for _ in 0..PAGES_MAX {
            let (page, next) = if self.is_for_leads() {
                self.leads(&at.1).await?
            } else {
                self.contacts(stored_ms, &at).await?
            };
            self.enrol(page).await?;
            self.ctx.cursors.put(self.asset.slug(), next.clone());
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(())
    }

    /// The next new contacts whom the sequence is for, and where to go on; nowhere at the end.
    async fn contacts(
        &mut self,
        stored_ms: UtcMs,
        after: &(UtcMs, String),
    ) -> Result<(Vec<NewEnrolment>, Option<(UtcMs, String)>)> {
        let (db, slug) = (&self.ctx.db, self.asset.slug());
        let page = partners::new_contacts(db, slug, stored_ms, (after.0, &after.1), PAGE_ROWS).await?;
        let is_last = page.len() < usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
        let next = page.last().map(|new| (new.active_since_ms, new.stored.key.clone()));
        let rule = AudienceRule::from(&self.sequence.audience).into();
        let mut entering = Vec::new();
        for new in page {
            let Some(partner) = self.partner(new.stored.contact.partner.as_str()).await? else { continue };
            let person = Person { who: Who::Contact(Box::new(new.stored)), partner };
            if let Ok(because) = person.admitted(&rule) {
                entering.extend(self.new_enrolment(&person, because));
            }
        }
        Ok((entering, next.filter(|_| !is_last)))
    }

    async fn leads(&mut self, after: &str) -> Result<(Vec<NewEnrolment>, Option<(UtcMs, String)>)> {
        let (db, slug) = (&self.ctx.db, self.asset.slug());
        let mut stages = [""; 3];
        for (place, stage) in stages.iter_mut().zip(&self.sequence.stages) {
            *place = stage.as_str();
        }
        let purpose = self.sequence.purpose();
        let page = sequences::leads_outside(db, slug, stages, purpose, after, PAGE_ROWS).await?;
        let is_last = page.len() < usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
        let next = page.last().map(|lead| (0, lead.id.clone()));
        let rule = AudienceRule::from(&self.sequence.audience).into();
        let mut entering = Vec::new();
        for lead in page {
            if !self.came_through(&lead) {
                continue;
            }
            let Some(partner) = self.partner(&lead.partner_slug).await? else { continue };
            let stage = stage_label(&lead.stage).to_lowercase();
            let person = Person { who: Who::Lead(Box::new(lead)), partner };
            if let Ok(because) = person.admitted(&rule) {
                entering.extend(self.new_enrolment(&person, format!("{because}; the lead is \"{stage}\"")));
            }
        }
        Ok((entering, next.filter(|_| !is_last)))
    }

    /// Whether what brought a lead is of the kinds and topics that the sequence is for.
    fn came_through(&self, lead: &Lead) -> bool {
        let wanted = &self.sequence.came_through;
        if wanted.kinds.is_empty() && wanted.topics.is_empty() {
            return true;
        }
        let Some(asset) = self.library.find(&lead.asset, &Locale::en()) else { return false };
        (wanted.kinds.is_empty() || wanted.kinds.contains(&asset.kind()))
            && (wanted.topics.is_empty()
                || wanted.topics.iter().any(|topic| asset.front.topics.contains(topic)))
    }

    /// The row of somebody who enters now; none for a sequence without steps.
    pub(super) fn new_enrolment(&self, person: &Person, because: String) -> Option<NewEnrolment> {
        let first = self.sequence.steps.first()?;
        let now_ms = self.ctx.now_ms();
        Some(NewEnrolment {
            id: EnrolmentId::new(now_ms, &*self.ctx.random).to_string(),
            sequence: self.asset.slug().to_owned(),
            contact_id: person.contact_id(),
            lead_id: person.lead().map(|lead| lead.id.clone()),
            partner_slug: person.partner.slug.to_string(),
            because,
            entered_ms: now_ms,
            waiting: first.id.to_string(),
            due_ms: step_due_ms(first, now_ms, person.zone()),
            plan_hash: self.asset.revision.clone(),
        })
    }

    async fn enrol(&self, people: Vec<NewEnrolment>) -> Result<()> {
        if people.is_empty() {
            return Ok(());
        }
        let nurtured: Vec<String> = people.iter().filter_map(|entering| entering.lead_id.clone()).collect();
        let what = format!("gets {}", authored(self.asset.front.title.as_str()));
        let mut tx = self.ctx.db.begin().await?;
        let entered = sequences::enter(&mut tx, people).await?;
        for lead_id in &nurtured {
            let from = nurture::nurture(&mut tx, lead_id, self.ctx.now_ms(), &what).await?;
            let Some(from) = from.as_deref().and_then(LeadStage::parse) else { continue };
            if let Some(lead) = leads::lead_in(&mut tx, lead_id).await? {
                webhooks::lead_moved(&mut tx, &*self.ctx.random, &lead, from, LeadStage::Nurturing).await?;
            }
        }
        tx.commit().await?;
        if entered > 0 {
            tracing::info!(sequence = self.asset.slug(), people = entered, "people entered a sequence");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::kinds::EntryStage;

    #[test]
    fn the_stages_in_which_leads_enter_are_those_in_which_nobody_works_them() {
        for (word, _) in EntryStage::WORDS {
            let stage = LeadStage::parse(word).unwrap();
            assert!(!stage.holds_nurture() && !stage.is_terminal(), "{stage}");
        }
    }
}
