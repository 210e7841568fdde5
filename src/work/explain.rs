//! The whole chain for one person and one issue: chosen or not and why, what they got, every try, what came of it.
//!
//! Reads alone, so that it works beside whoever serves. Sentences are made here once, for terminal, page and JSON.

mod decision;

use serde::Serialize;

use self::decision::Considered;
use super::{
    journeys::{self, JourneyTold},
    messages::{self, MessageTold},
};
use crate::{
    domain::{
        delivery::{
            DeliveryState,
            outlook::{Standing, WAITS_FOR_A_PERSON, class_means, why_it_ended},
        },
        engagement::EventKind,
        kernel::{
            Result,
            clock::{MINUTE_MS, UtcMs},
        },
        program::Control,
    },
    store::{
        Db,
        attempts::{self, Attempt},
        audience,
        contacts::Known,
        deliveries::{self, Told},
        digests,
        events::{self, Event},
        issues::{self, Issue},
        nodes::{self, RelayFault},
        renditions, suppressions,
    },
};

/// Everything known about one person and one issue. Times are UTC milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The issue.
    pub issue: IssueTold,
    /// What was asked for.
    pub asked: String,
    /// The person, where one is known.
    pub person: Option<PersonTold>,
    /// Chosen or not.
    pub decision: DecisionTold,
    /// What they get.
    pub rendition: Option<RenditionTold>,
    /// Each message made for them; usually one.
    pub deliveries: Vec<DeliveryTold>,
    /// What came of it, oldest first.
    pub events: Vec<EventTold>,
    /// What this address does not want.
    pub suppressions: Vec<SuppressionTold>,
    /// Key messages that they were told, over all mails.
    pub messages: Vec<MessageTold>,
    /// The sequences that they are or were inside.
    pub sequences: Vec<JourneyTold>,
}

/// The issue.
#[derive(Debug, Clone, Serialize)]
pub struct IssueTold {
    /// The key.
    pub id: String,
    /// The newsletter's slug.
    pub newsletter: String,
    /// The promised date.
    pub date: String,
    /// Its subject as authored.
    pub title: String,
    /// Where it stands.
    pub state: String,
    /// `running`, `paused` or `cancelled`.
    pub control: String,
    /// Why it is paused, where the worker did it.
    pub paused_because: Option<String>,
    /// When content and audience were fixed.
    pub frozen_ms: UtcMs,
    /// When the outbox was filled.
    pub released_ms: Option<UtcMs>,
}

/// The person.
#[derive(Debug, Clone, Serialize)]
pub struct PersonTold {
    /// The key.
    pub id: String,
    /// Name.
    pub name: String,
    /// Address as it is now.
    pub email: String,
    /// Partner's slug.
    pub partner: String,
    /// Partner's name.
    pub partner_name: String,
    /// Roles, separated by semicolons.
    pub roles: String,
    /// Language.
    pub locale: String,
    /// IANA zone.
    pub zone: String,
    /// Whether the roster still lists them.
    pub active: bool,
}

/// Chosen or not.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionTold {
    /// `in`, `out`, or `not-considered`.
    pub verdict: &'static str,
    /// Why, in a sentence.
    pub because: String,
    /// IANA zone their promise is kept in.
    pub zone: Option<String>,
    /// Local date and time promised, `YYYY-MM-DDTHH:MM`.
    pub promised_local: Option<String>,
    /// The instant promised.
    pub promised_ms: Option<UtcMs>,
    /// What a clock change did to it.
    pub note: Option<String>,
    /// What stands between the decision and a delivery, where there is none yet.
    pub next: Option<String>,
}

/// What they get.
#[derive(Debug, Clone, Serialize)]
pub struct RenditionTold {
    /// The key.
    pub id: String,
    /// Its subject.
    pub subject: String,
    /// The roles it was made for.
    pub roles: String,
    /// The language it is in.
    pub locale: String,
    /// Whose brand it wears.
    pub partner: String,
}

/// One message and all that happened to it.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryTold {
    /// The key.
    pub id: String,
    /// 1, and one more whenever a person has a new message made.
    pub generation: i64,
    /// Where it went.
    pub email: String,
    /// Without angle brackets; the same for every try.
    pub message_id: String,
    /// Where it stands.
    pub state: String,
    /// Promised for.
    pub promised_ms: UtcMs,
    /// Accepted at.
    pub accepted_ms: Option<UtcMs>,
    /// How long after its promise it was accepted; less than nothing for before it.
    pub late_ms: Option<i64>,
    /// After which it is worthless.
    pub expires_ms: UtcMs,
    /// Since when it waits for a person because its time passed before anything could hand it over.
    pub held_ms: Option<UtcMs>,
    /// Whether it may have reached the relay more than once.
    pub may_be_repeated: bool,
    /// What happens next.
    pub next: String,
    /// When, where a time is known.
    pub next_ms: Option<UtcMs>,
    /// Every try, in order.
    pub attempts: Vec<AttemptTold>,
}

/// One try.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptTold {
    /// Its number.
    pub no: i64,
    /// Which process made it.
    pub node: String,
    /// When it ended.
    pub ended_ms: UtcMs,
    /// How far it came.
    pub stage: Option<String>,
    /// The reply's code.
    pub code: Option<i64>,
    /// The reply as it came, or what happened.
    pub reply: String,
    /// Its class.
    pub class: String,
    /// What the class means.
    pub means: &'static str,
    /// Whether the relay may have accepted it without our knowing.
    pub may_have_arrived: bool,
}

/// Something they did, or a machine did.
#[derive(Debug, Clone, Serialize)]
pub struct EventTold {
    /// When.
    pub at_ms: UtcMs,
    /// Its kind's word.
    pub kind: String,
    /// What, for people.
    pub what: String,
    /// Whether we take it for a person.
    pub human: bool,
    /// Why.
    pub verdict: String,
}

/// Something this address does not want.
#[derive(Debug, Clone, Serialize)]
pub struct SuppressionTold {
    /// A newsletter's slug, or `all`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: UtcMs,
}

/// Tells the chain for `person`, or for the address `asked` where nobody of that name is known.
///
/// # Errors
/// Those of the store.
pub async fn explain(
    db: &Db,
    now_ms: UtcMs,
    issue: &Issue,
    asked: &str,
    person: Option<Known>,
) -> Result<Explanation> {
    let (contact_id, address) = match &person {
        Some(known) => (known.id.clone(), known.email_key.clone()),
        None => (String::new(), asked.trim().to_lowercase()),
    };
    let decided = audience::decided(db, &issue.id, &contact_id).await?;
    let told = deliveries::to_person(db, &issue.id, &contact_id, &address).await?;
    let relay_faults = nodes::relay_faults(db).await?;
    // What rides in another issue's mail leaves as that one does.
    let host = match decided.as_ref().and_then(|decided| decided.host_issue_id.as_deref()) {
        Some(host) => issues::issue(db, host).await?,
        None => None,
    };
    let leaves = host.as_ref().unwrap_or(issue);
    let members = digests::members(db, &leaves.id).await?;
    // What rides in another's mail has a promise of its own.
    let promised_ms = decided.as_ref().filter(|_| host.is_some()).and_then(|decided| decided.due_ms);
    let paused = leaves.control == Control::Paused.as_str();
    let because = leaves.paused_because.as_ref().map(|why| format!("it was paused because {why}"));
    let holding = Holding { paused, because, relay_faults: &relay_faults };
    let mut made = Vec::new();
    let mut done = Vec::new();
    for told in told {
        done.extend(events::of_delivery(db, &told.id).await?);
        let told = delivery(db, told, &holding, now_ms).await?;
        made.push(match promised_ms {
            Some(promised_ms) => told.promised_for(promised_ms),
            None => told,
        });
    }
    done.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
    let rendition = match decided.as_ref().and_then(|decided| decided.rendition_id.as_deref()) {
        Some(id) => renditions::view(db, id).await?.map(|view| RenditionTold {
            id: view.id,
            subject: view.subject,
            roles: view.roles,
            locale: view.locale,
            partner: view.partner_slug,
        }),
        None => None,
    };
    let behind = ahead_of(db, leaves, now_ms).await?;
    let stopped = suppressions::of(db, now_ms, &address).await?;
    let messages = messages::of_person(db, &contact_id).await?;
    let sequences =
        journeys::of_person(db, now_ms, person.as_ref().map(|known| known.id.as_str()), &address).await?;
    Ok(Explanation {
        decision: decision::told(
            &Considered { issue, leaves, behind: behind.as_ref(), members: &members },
            decided,
            person.as_ref(),
            asked,
            !made.is_empty(),
        ),
        issue: IssueTold {
            id: issue.id.clone(),
            newsletter: issue.newsletter.clone(),
            date: issue.nominal_date.clone(),
            title: issue.title.clone(),
            state: issue.state.clone(),
            control: issue.control.clone(),
            paused_because: issue.paused_because.clone(),
            frozen_ms: issue.frozen_ms,
            released_ms: issue.released_ms,
        },
        asked: asked.to_owned(),
        messages,
        person: person.map(person_told),
        rendition,
        deliveries: made,
        events: done.into_iter().map(event_told).collect(),
        suppressions: stopped
            .into_iter()
            .map(|entry| SuppressionTold {
                scope: entry.scope,
                reason: entry.reason,
                since_ms: entry.created_ms,
            })
            .collect(),
        sequences,
    })
}

/// The issue that an approved one must let go first, if there is one.
async fn ahead_of(db: &Db, issue: &Issue, now_ms: UtcMs) -> Result<Option<Issue>> {
    match issue.state.as_str() {
        "approved" => issues::under_way_before(db, &issue.id, now_ms).await,
        _ => Ok(None),
    }
}

/// Somebody as they are told of.
pub(super) fn person_told(known: Known) -> PersonTold {
    PersonTold {
        id: known.id,
        name: known.name,
        email: known.email,
        partner: known.partner_slug,
        partner_name: known.partner_name,
        roles: known.roles,
        locale: known.locale,
        zone: known.zone,
        active: known.active,
    }
}

impl DeliveryTold {
    /// How far from its promise it was accepted, in milliseconds, and on which side of it: `before` or `after`.
    pub fn against_promise(&self) -> Option<(i64, &'static str)> {
        self.late_ms.map(|ms| (ms.abs(), if ms < 0 { "before" } else { "after" }))
    }

    /// The same for a promise of its own.
    fn promised_for(self, promised_ms: UtcMs) -> Self {
        let late_ms = self.accepted_ms.map(|at_ms| at_ms - promised_ms);
        Self { promised_ms, late_ms, ..self }
    }
}

/// What may hold messages up.
pub(super) struct Holding<'a> {
    /// Whether what they are a part of is paused.
    pub(super) paused: bool,
    /// Why.
    pub(super) because: Option<String>,
    /// Relays that cannot be talked to.
    pub(super) relay_faults: &'a [RelayFault],
}

/// One message with every try, and what holds it up.
pub(super) async fn delivery(
    db: &Db,
    delivery: Told,
    holding: &Holding<'_>,
    now_ms: UtcMs,
) -> Result<DeliveryTold> {
    let tries = attempts::of_delivery(db, &delivery.id).await?;
    let mut told = delivery_told(holding.paused, delivery, tries, now_ms);
    // Of what is not due yet, a relay's trouble says nothing; unless that is what the last try ended with.
    let is_due = told.next_ms.is_none_or(|next_ms| next_ms <= now_ms)
        || told.attempts.last().is_some_and(|attempt| attempt.class == "host");
    if told.state == DeliveryState::Ready.as_str() && is_due {
        told.next = [told.next].into_iter().chain(holding_up(holding, now_ms)).collect::<Vec<_>>().join("; ");
    }
    Ok(told)
}

fn delivery_told(paused: bool, delivery: Told, tries: Vec<Attempt>, now_ms: UtcMs) -> DeliveryTold {
    let state = DeliveryState::parse(&delivery.state);
    let outlook = state.map(|state| {
        let standing = Standing { state, attempts: delivery.attempt, due_ms: delivery.due_ms, paused };
        standing.outlook(now_ms)
    });
    let last = tries.last().map(|attempt| attempt.outcome.clone());
    // What was put off or is kept for a person has its own word, which no try left: until when it waits and why, or why a person is
    // asked.
    let is_of_try = |word: &&str| tries.last().is_some_and(|last| last.reply == **word);
    let word = delivery.detail.as_deref().filter(|word| !paused && !is_of_try(word));
    let is_put_off = delivery.due_ms > now_ms;
    let next = match (state, outlook) {
        (Some(DeliveryState::Ready), Some(_)) if word.is_some() && is_put_off => {
            word.unwrap_or_default().to_owned()
        }
        (Some(DeliveryState::Expired), Some(outlook)) if word.is_some() && delivery.held_ms.is_some() => {
            format!("{}: {}", outlook.says, word.unwrap_or_default())
        }
        (Some(state), Some(outlook)) if WAITS_FOR_A_PERSON.contains(&state) => {
            format!("{}: {}", outlook.says, why_it_ended(state, last.as_deref()))
        }
        (_, Some(outlook)) => outlook.says.to_owned(),
        (..) => "this version does not know that state".to_owned(),
    };
    let uncertain = |attempt: &Attempt| attempt.outcome == "uncertain";
    DeliveryTold {
        may_be_repeated: tries.iter().rev().skip(1).any(uncertain),
        next,
        next_ms: outlook.and_then(|outlook| outlook.at_ms),
        late_ms: delivery.accepted_ms.map(|at_ms| at_ms - delivery.promised_ms),
        attempts: tries
            .into_iter()
            .map(|attempt| AttemptTold {
                means: class_means(&attempt.outcome),
                may_have_arrived: uncertain(&attempt),
                no: attempt.no,
                node: attempt.node_id,
                ended_ms: attempt.ended_ms,
                stage: attempt.stage,
                code: attempt.code,
                reply: attempt.reply,
                class: attempt.outcome,
            })
            .collect(),
        id: delivery.id,
        generation: delivery.generation,
        email: delivery.email,
        message_id: delivery.message_id,
        state: delivery.state,
        promised_ms: delivery.promised_ms,
        accepted_ms: delivery.accepted_ms,
        expires_ms: delivery.expires_ms,
        held_ms: delivery.held_ms,
    }
}

/// What holds up a message that waits: why it was paused, relays that cannot be talked to.
fn holding_up(holding: &Holding<'_>, now_ms: UtcMs) -> Vec<String> {
    if holding.paused {
        return holding.because.clone().into_iter().collect();
    }
    let minutes = |since_ms: UtcMs| (now_ms - since_ms).max(0) / MINUTE_MS;
    holding
        .relay_faults
        .iter()
        .map(|fault| {
            format!(
                "the relay {} cannot be talked to for {} min: {}",
                fault.relay,
                minutes(fault.since_ms),
                fault.detail
            )
        })
        .collect()
}

fn event_told(event: Event) -> EventTold {
    let done =
        EventKind::parse(&event.kind).map_or_else(|| event.kind.clone(), |kind| kind.phrase().to_owned());
    EventTold {
        at_ms: event.at_ms,
        what: event.asset.map_or_else(|| done.clone(), |asset| format!("{done}: {asset}")),
        kind: event.kind,
        human: event.human,
        verdict: event.verdict,
    }
}
