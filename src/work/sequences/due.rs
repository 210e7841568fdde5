//! What is due: somebody leaves, waits on, is passed over, or gets the next message.

use std::collections::HashSet;

use super::{PART_ROWS, PARTS_MAX, Tour, end_of, people::Person};
use crate::{
    domain::{
        content::{
            Reader,
            kinds::{EntryStage, Step},
        },
        kernel::{
            Error, Result,
            clock::{DAY_MS, HOUR_MS, UtcMs},
            id::DeliveryId,
        },
        program::{
            audience::AudienceRule,
            sequence::{self, LeaveReason, due_ms, next_step, step_due_ms},
            subject_test::Arm,
            touch::Withheld,
        },
    },
    store::{
        Tx, leads,
        outbox::{self, LANE_SEQUENCE, NewDelivery},
        renditions::{self, NewRendition},
        sequences::{self, Done, End, Enrolment, Move, NewEnrolment},
    },
    work::{
        budget::{Budget, Traveller},
        compose::{self, Mailing, Readers},
        people::People,
        publish,
        touches::{Left, Telling, ToldBeside},
    },
};

/// How long a message is worth sending.
const LIFETIME_MS: i64 = 3 * DAY_MS;
/// What is later than this waits for its next hour: nobody wants news at night because a machine stood still.
const LATE_MS: i64 = 4 * HOUR_MS;
/// When a message that could not be rendered is tried again.
const TRY_AGAIN_MS: i64 = HOUR_MS;
/// How long a message is put off for somebody who has had enough.
const PUT_OFF_MAX_MS: i64 = 30 * DAY_MS;
/// Rendered messages kept at once.
const VARIANTS_MAX: usize = 64;

/// What becomes of somebody now.
enum Turn {
    /// They leave.
    Leave(LeaveReason, String),
    /// They wait for this step until then; with a word on what stands in the way, which may be a fault of ours.
    Wait { step: String, due_ms: UtcMs, detail: String, is_fault: bool },
    /// Nothing is left for them; where they go on, and a word on that.
    Finish(Option<Box<NewEnrolment>>, String),
    /// They have had a step now.
    Had(Box<Had>),
}

/// A step that somebody has had now.
struct Had {
    done: Done,
    /// The message and what it is made of; none where the step is left out.
    mail: Option<(NewDelivery, NewRendition)>,
    /// For the lead's own ledger.
    told: Option<String>,
    /// The step that comes next, and when.
    next: Option<(String, UtcMs)>,
    /// Where they go on, having finished; and a word on that.
    then: Option<NewEnrolment>,
    then_detail: String,
}

impl<'a> Tour<'a> {
    /// Goes on with everybody who is due, part by part.
    pub(super) async fn send_due(&mut self) -> Result<()> {
        let (mut faults, mut budget) = (Vec::new(), None);
        for _ in 0..PARTS_MAX {
            let now_ms = self.ctx.now_ms();
            let page = sequences::due(&self.ctx.db, self.asset.slug(), now_ms, PART_ROWS).await?;
            if page.is_empty() {
                break;
            }
            if budget.is_none() {
                let leaves = (now_ms, now_ms + PUT_OFF_MAX_MS);
                let own = Budget::of_sequence(self.ctx, self.library, self.asset.slug(), leaves).await?;
                budget = Some(own);
            }
            let mut turns = Vec::with_capacity(page.len());
            for of in page {
                let turn = self.turn(&of, now_ms, budget.as_ref().and_then(Option::as_ref)).await?;
                if let Turn::Wait { detail, is_fault: true, .. } = &turn
                    && !faults.contains(detail)
                {
                    faults.push(detail.clone());
                }
                turns.push((of, turn));
            }
            let (changed, sent) = self.take_turns(turns, now_ms).await?;
            if sent > 0 {
                tracing::info!(
                    sequence = self.asset.slug(),
                    messages = sent,
                    "messages of a sequence are due"
                );
                self.ctx.wake.deliver.notify_one();
            }
            if changed == 0 {
                // Others are at it.
                break;
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("\n"))) }
    }

    async fn turn(&mut self, of: &Enrolment, now_ms: UtcMs, budget: Option<&Budget<'_>>) -> Result<Turn> {
        let Some(person) = self.person(of).await? else {
            let why = "they are no active contact of a partner any more".to_owned();
            return Ok(Turn::Leave(LeaveReason::Inactive, why));
        };
        if let Some((reason, why)) = self.must_leave(&person).await? {
            return Ok(Turn::Leave(reason, why));
        }
        let deeds = self.deeds(of).await?;
        if let Some(why) = sequence::ends(self.sequence, &deeds) {
            return Ok(Turn::Leave(LeaveReason::Rule, why));
        }
        let done = sequences::steps(&self.ctx.db, &of.id).await?;
        let mut had: Vec<&str> = done.iter().map(|done| done.step.as_str()).collect();
        let order = sequence::order(self.sequence);
        let Some(at) = next_step(&order, &had, of.waiting.as_deref()) else {
            let (then, detail) = self.then(&person);
            return Ok(Turn::Finish(then.map(Box::new), detail));
        };
        let step = &self.sequence.steps[at];
        let due_ms = step_due_ms(step, of.from_ms, person.zone());
        if due_ms > now_ms {
            // They live in another zone than before.
            let (step, detail) = (step.id.to_string(), String::new());
            return Ok(Turn::Wait { step, due_ms, detail, is_fault: false });
        }
        let unmet = step.condition.as_ref().and_then(|condition| sequence::unmet(condition, &deeds));
        let left = self.left(&person, step).await?;
        let mut skipped = unmet.or(left.all);
        // What was put off is promised for when it was put off to.
        let promised_ms = of.due_ms.max(due_ms);
        if let (None, Some(budget)) = (&skipped, budget)
            && let Some((why, again_ms)) = self.no_room(budget, &person, step, (promised_ms, now_ms)).await?
        {
            if again_ms - due_ms <= PUT_OFF_MAX_MS {
                let (step, detail) = (step.id.to_string(), format!("put off, for {why}"));
                return Ok(Turn::Wait { step, due_ms: again_ms, detail, is_fault: false });
            }
            skipped = Some(format!("{why}; within {} days there is no room", PUT_OFF_MAX_MS / DAY_MS));
        }
        let next_hour_ms = sequence::due_ms(now_ms, 0, step.at, person.zone());
        if skipped.is_none() && now_ms - promised_ms > LATE_MS && next_hour_ms > now_ms {
            let (step, detail) =
                (step.id.to_string(), "its hour had passed while nothing could send it".to_owned());
            return Ok(Turn::Wait { step, due_ms: next_hour_ms, detail, is_fault: false });
        }
        let mail = match &skipped {
            Some(_) => None,
            None => match self.mail(of, &person, step, promised_ms, left.withheld) {
                Ok(mail) => Some(mail),
                Err(error) => {
                    // It waits for a better text, and holds up nobody else.
                    let (step, due_ms) = (step.id.to_string(), now_ms + TRY_AGAIN_MS);
                    return Ok(Turn::Wait { step, due_ms, detail: error.detail(), is_fault: true });
                }
            },
        };
        had.push(step.id.as_str());
        let next = next_step(&order, &had, None).map(|at| &self.sequence.steps[at]);
        let next = next.map(|next| (next.id.to_string(), step_due_ms(next, now_ms, person.zone())));
        let title = self.asset.front.title.as_str();
        let told = mail.as_ref().filter(|_| person.lead().is_some());
        let told =
            told.map(|(_, rendition)| format!("was sent “{}” of the sequence {title}", rendition.subject));
        let (then, then_detail) = if next.is_none() { self.then(&person) } else { (None, String::new()) };
        let done = Done {
            step: step.id.to_string(),
            at_ms: now_ms,
            outcome: if skipped.is_some() { "skipped" } else { "sent" }.to_owned(),
            because: skipped.unwrap_or_else(|| of.because.clone()),
            delivery_id: mail.as_ref().map(|(delivery, _)| delivery.id.to_string()),
        };
        Ok(Turn::Had(Box::new(Had { done, mail, told, next, then, then_detail })))
    }

    /// The letter that `step` sends.
    fn mailing(&self, step: &Step) -> Result<Mailing<'a>> {
        let reference = format!("{}/{}", self.asset.reference, step.id);
        let message = self.library.versions(&reference).first();
        let asset = message.ok_or_else(|| Error::not_found(format!("the message {reference}")))?;
        Ok(Mailing { library: self.library, media: self.media, series: self.asset, asset })
    }

    /// What of the message of `step` is not told to somebody any more.
    async fn left(&mut self, person: &Person, step: &Step) -> Result<Left> {
        let id = step.id.to_string();
        if !self.tellings.contains_key(&id) {
            let telling = match self.mailing(step) {
                Ok(mailing) => Telling::load(self.ctx, mailing).await?,
                Err(_) => None,
            };
            self.tellings.insert(id.clone(), telling);
        }
        let Some(Some(telling)) = self.tellings.get(&id) else { return Ok(Left::default()) };
        let key = person.key();
        telling.turn_to(&People::between(self.ctx, &key, &key)).await?;
        let reader = Reader { roles: person.roles(), partner: &person.partner, locale: &person.locale() };
        Ok(telling.left(&key, &reader, &ToldBeside::default()))
    }

    /// Why somebody has had enough for a step that is promised for one instant and would leave at the other, and when it may.
    async fn no_room(
        &self,
        budget: &Budget<'_>,
        person: &Person,
        step: &Step,
        (promised_ms, now_ms): (UtcMs, UtcMs),
    ) -> Result<Option<(String, UtcMs)>> {
        let key = person.key();
        let who =
            Traveller { key: &key, contact: person.contact(), partner: &person.partner, zone: person.zone() };
        // What is late counts from when it leaves.
        let at_ms = if now_ms - promised_ms > HOUR_MS { now_ms } else { promised_ms };
        let hour = |from_ms| due_ms(from_ms, 0, step.at, who.zone);
        let full = budget.full(self.ctx, &who, at_ms, hour).await?;
        Ok(full.map(|(spent, again_ms)| (spent.because(), again_ms)))
    }

    /// The message of `step` for somebody, rendered once for all who get the same.
    fn mail(
        &mut self,
        of: &Enrolment,
        person: &Person,
        step: &Step,
        due_ms: UtcMs,
        withheld: Withheld,
    ) -> Result<(NewDelivery, NewRendition)> {
        let (slug, locale) = (self.asset.slug(), person.locale());
        let mailing = self.mailing(step)?;
        let (partner, roles) = (&person.partner, person.roles());
        let readers = Readers { partner, roles, locale: &locale, arm: Arm::A, withheld };
        let partner = person.partner.slug.to_string();
        let step_id = step.id.to_string();
        let key = [step_id, partner.clone(), readers.roles_text(), locale.to_string(), withheld.to_string()];
        if self.variants.len() >= VARIANTS_MAX && !self.variants.contains_key(&key) {
            self.variants.clear();
        }
        let rendition = match self.variants.get(&key) {
            Some(known) => known.clone(),
            None => {
                let kept_apart = format!("sequence:{slug}:{}", step.id);
                let made = compose::variant_of(&self.ctx.templates, &mailing, readers, &kept_apart)?;
                self.variants.insert(key, made.clone());
                made
            }
        };
        let now_ms = self.ctx.now_ms();
        let delivery = NewDelivery {
            id: DeliveryId::new(now_ms, &*self.ctx.random),
            source: format!("sequence:{slug}:{}:{}", step.id, of.id),
            lane: LANE_SEQUENCE,
            lead_id: of.lead_id.clone(),
            contact_id: of.contact_id.clone(),
            partner_slug: partner,
            recipient_name: person.name().to_owned(),
            email: person.email().to_owned(),
            rendition_id: rendition.id.clone(),
            scope: slug.to_owned(),
            domain: publish::sender_domain(self.ctx),
            because: of.because.clone(),
            due_ms,
            expires_ms: now_ms + LIFETIME_MS,
        };
        Ok((delivery, rendition))
    }

    /// Where somebody who has finished goes on, and a word on it.
    fn then(&mut self, person: &Person) -> (Option<NewEnrolment>, String) {
        let Some(next) = &self.sequence.then else { return (None, String::new()) };
        let Some((asset, sequence)) = self.library.sequence(next.as_str()) else {
            return (None, format!("{} is not there", next.as_str()));
        };
        let because = match person.admitted(&AudienceRule::from(&sequence.audience).into()) {
            Ok(because) => format!("{because}; finished {}", self.asset.front.title.as_str()),
            Err(because) => return (None, format!("not let into {}: {because}", asset.front.title.as_str())),
        };
        let onward = Tour {
            ctx: self.ctx,
            library: self.library,
            media: self.media,
            asset,
            sequence,
            partners: self.partners,
            variants: std::collections::HashMap::new(),
            tellings: std::collections::HashMap::new(),
        };
        (
            onward.new_enrolment(person, because),
            format!("{} follows, unless they had it before", asset.front.title.as_str()),
        )
    }

    /// Everybody's turn, in one transaction. Returns how many were moved, and how many messages were made.
    async fn take_turns(&self, turns: Vec<(Enrolment, Turn)>, now_ms: UtcMs) -> Result<(u64, u64)> {
        let (mut changed, mut sent) = (0, 0);
        let mut stored = HashSet::new();
        let mut tx = self.ctx.db.begin().await?;
        for (of, turn) in turns {
            let (was_changed, was_sent) = self.take_turn(&mut tx, &of, turn, now_ms, &mut stored).await?;
            changed += u64::from(was_changed);
            sent += u64::from(was_sent);
        }
        tx.commit().await?;
        Ok((changed, sent))
    }

    async fn take_turn(
        &self,
        tx: &mut Tx,
        of: &Enrolment,
        turn: Turn,
        now_ms: UtcMs,
        stored: &mut HashSet<String>,
    ) -> Result<(bool, bool)> {
        let plan_hash = self.asset.revision.as_str();
        let had = match turn {
            Turn::Leave(reason, why) => {
                return Ok((sequences::end(tx, of, &end_of(reason, &why, now_ms)).await?, false));
            }
            Turn::Finish(then, then_detail) => {
                let details =
                    [of.detail.as_str(), then_detail.as_str()].into_iter().filter(|it| !it.is_empty());
                let detail = details.collect::<Vec<_>>().join("; ");
                let how = End { state: "finished", reason: "", detail: &detail, now_ms };
                let ended = sequences::end(tx, of, &how).await?;
                if let Some(then) = then.filter(|_| ended) {
                    sequences::enter(tx, vec![*then]).await?;
                }
                return Ok((ended, false));
            }
            Turn::Wait { step, due_ms, detail, .. } => {
                let next =
                    Move { of, waiting: &step, due_ms, from_ms: of.from_ms, plan_hash, detail: &detail };
                return Ok((sequences::go_on(tx, &next).await?, false));
            }
            Turn::Had(had) => had,
        };
        // The lead's row first: whoever offers it holds that one, too, before what it is inside.
        if let Some(lead) = &of.lead_id {
            let stage = sequences::hold_lead(tx, lead).await?;
            if stage.is_none_or(|stage| EntryStage::parse(&stage).is_none()) {
                // It was offered just now, and leaves at the next look.
                return Ok((false, false));
            }
        }
        let moved = match &had.next {
            Some((waiting, due_ms)) => {
                let next = Move { of, waiting, due_ms: *due_ms, from_ms: now_ms, plan_hash, detail: "" };
                sequences::go_on(tx, &next).await?
            }
            None => {
                let how = End { state: "finished", reason: "", detail: &had.then_detail, now_ms };
                sequences::end(tx, of, &how).await?
            }
        };
        if !moved || !sequences::add_step(tx, &of.id, &had.done).await? {
            return Ok((moved, false));
        }
        if let Some(then) = had.then {
            sequences::enter(tx, vec![then]).await?;
        }
        if let (Some(lead), Some(told)) = (&of.lead_id, &had.told) {
            let stage = sequences::hold_lead(tx, lead).await?.unwrap_or_default();
            leads::add_step(tx, lead, now_ms, "partnercast", &stage, told).await?;
        }
        let Some((delivery, rendition)) = had.mail else { return Ok((true, false)) };
        if stored.insert(rendition.id.clone()) {
            renditions::insert(tx, now_ms, vec![rendition]).await?;
        }
        Ok((true, outbox::enqueue(tx, now_ms, &delivery).await?))
    }
}
