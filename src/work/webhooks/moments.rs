//! The moments that are told, each in the words of its schema.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{emit, emit_all};
use crate::{
    domain::{
        content::{AssetKind, Library},
        kernel::{Random, Result, clock::UtcMs},
        lead::{LeadOrigin, LeadStage},
        webhook::{Event, EventKind, Scope, filter::matching},
    },
    store::{
        Tx, assignments,
        issues::Issue,
        leads::Lead,
        recalls::Recall,
        revisions::Advanced,
        webhooks::{messages, visible},
    },
    work::revisions::reference_of,
};

/// The special event of a stage, if it has one.
fn kind_of(stage: LeadStage) -> Option<EventKind> {
    Some(match stage {
        LeadStage::Offered => EventKind::LeadOffered,
        LeadStage::Sal => EventKind::LeadAccepted,
        LeadStage::Rejected => EventKind::LeadRejected,
        LeadStage::Expired => EventKind::LeadExpired,
        LeadStage::Contacted => EventKind::LeadContacted,
        LeadStage::Sql => EventKind::LeadQualified,
        LeadStage::DealRegistered => EventKind::LeadRegistered,
        LeadStage::Won => EventKind::LeadWon,
        LeadStage::Lost => EventKind::LeadLost,
        LeadStage::Disqualified => EventKind::LeadDisqualified,
        LeadStage::Recycled => EventKind::LeadRecycled,
        LeadStage::Inquiry | LeadStage::Nurturing | LeadStage::Mql => return None,
    })
}

fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { Value::from(value) }
}

/// How a lead began, as a word: the text of it may name people.
fn origin(lead: &Lead) -> Value {
    LeadOrigin::of_text(&lead.origin).map_or(Value::Null, |origin| Value::from(origin.as_str()))
}

/// That something of `kind` happened to a lead where it stands.
fn of_lead(kind: EventKind, lead: &Lead, at_ms: UtcMs) -> Event {
    let data = [
        ("lead_id", Value::from(lead.id.as_str())),
        ("partner", text(&lead.partner_slug)),
        ("stage", Value::from(lead.stage.as_str())),
        ("origin", origin(lead)),
        ("asset", text(&lead.asset)),
    ];
    Event::new(kind, Scope::of(&lead.partner_slug), at_ms, data)
}

fn created(lead: &Lead) -> Event {
    of_lead(EventKind::LeadCreated, lead, lead.updated_ms)
}

/// Somebody became a lead.
pub async fn lead_created(tx: &mut Tx, random: &dyn Random, lead: &Lead) -> Result<()> {
    emit(tx, random, &created(lead)).await.map(drop)
}

/// Leads of a file or a request, of which there may be many and mostly nobody is told.
pub async fn leads_created<'l>(
    tx: &mut Tx,
    random: &dyn Random,
    leads: impl Iterator<Item = &'l Lead>,
) -> Result<()> {
    if !messages::is_wanted(tx, &matching(EventKind::LeadCreated)).await? {
        return Ok(());
    }
    let events: Vec<Event> = leads.map(created).collect();
    emit_all(tx, random, &events).await.map(drop)
}

/// The person of a lead was erased: whoever has a copy must know, also partners who had it, or were offered it, before.
pub async fn lead_erased(tx: &mut Tx, random: &dyn Random, lead: &Lead, now_ms: UtcMs) -> Result<()> {
    let of = |slug: &str, scope: Scope| {
        let data = [("lead_id", Value::from(lead.id.as_str())), ("partner", text(slug))];
        Event::new(EventKind::LeadErased, scope, now_ms, data)
    };
    let mut events = vec![of(&lead.partner_slug, Scope::of(&lead.partner_slug))];
    let former = assignments::ever_with(tx, &lead.id).await?;
    let former = former.iter().filter(|slug| !slug.is_empty() && **slug != lead.partner_slug);
    // Whose it is now is no word for those who had it.
    events.extend(former.map(|slug| of(slug, Scope::PartnerOnly(slug.clone()))));
    emit_all(tx, random, &events).await?;
    messages::forget_answers(tx, &lead.id).await.map(drop)
}

/// A lead went from one stage to another.
pub async fn lead_moved(
    tx: &mut Tx,
    random: &dyn Random,
    lead: &Lead,
    from: LeadStage,
    to: LeadStage,
) -> Result<()> {
    for kind in kind_of(to).into_iter().chain([EventKind::LeadStageChanged]) {
        let data = [
            ("lead_id", Value::from(lead.id.as_str())),
            ("partner", text(&lead.partner_slug)),
            ("stage", Value::from(to.as_str())),
            ("previous_stage", Value::from(from.as_str())),
            ("reason", text(&lead.closed_reason)),
            ("origin", origin(lead)),
            ("asset", text(&lead.asset)),
        ];
        let event = Event::new(kind, Scope::of(&lead.partner_slug), lead.updated_ms, data);
        emit(tx, random, &event).await?;
    }
    Ok(())
}

/// The value or the day of a deal was corrected.
pub async fn lead_value_corrected(tx: &mut Tx, random: &dyn Random, lead: &Lead, at_ms: UtcMs) -> Result<()> {
    emit(tx, random, &of_lead(EventKind::LeadValueCorrected, lead, at_ms)).await.map(drop)
}

fn of_recall(kind: EventKind, recall: &Recall, scope: Scope, at_ms: UtcMs) -> Event {
    // The reason is for colleagues.
    let data = [
        ("asset", Value::from(recall.reference.as_str())),
        ("recall_id", Value::from(recall.id.as_str())),
        ("replaced_by", recall.target.as_deref().map_or(Value::Null, Value::from)),
    ];
    Event::new(kind, scope, at_ms, data)
}

/// An asset was taken back: told to the vendor, and to each partner that could see it at any time.
pub async fn recalled(tx: &mut Tx, random: &dyn Random, recall: &Recall) -> Result<()> {
    let at_ms = recall.recalled_ms;
    let events = to_whom_had_it(tx, &recall.reference, |scope| {
        of_recall(EventKind::AssetRecalled, recall, scope, at_ms)
    });
    let events = events.await?;
    emit_wanted(tx, random, EventKind::AssetRecalled, &events).await
}

/// A recall was lifted: told to the same.
pub async fn recall_lifted(tx: &mut Tx, random: &dyn Random, recall: &Recall, now_ms: UtcMs) -> Result<()> {
    let events = to_whom_had_it(tx, &recall.reference, |scope| {
        of_recall(EventKind::AssetRestored, recall, scope, now_ms)
    });
    let events = events.await?;
    emit_wanted(tx, random, EventKind::AssetRestored, &events).await
}

/// What the vendor, and each partner that could see an asset at any time, is told of it.
async fn to_whom_had_it(
    tx: &mut Tx,
    asset: &str,
    event: impl Fn(Scope) -> Event + Send,
) -> Result<Vec<Event>> {
    let partners = visible::partners(tx, asset).await?;
    Ok(std::iter::once(Scope::Vendor)
        .chain(partners.into_iter().map(Scope::PartnerOnly))
        .map(event)
        .collect())
}

async fn emit_wanted(tx: &mut Tx, random: &dyn Random, kind: EventKind, events: &[Event]) -> Result<()> {
    if messages::is_wanted(tx, &matching(kind)).await? {
        emit_all(tx, random, events).await?;
    }
    Ok(())
}

/// An issue was released: told to the vendor once, and to each partner with readers whom it is promised to.
pub async fn issue_released(tx: &mut Tx, random: &dyn Random, issue: &Issue, now_ms: UtcMs) -> Result<()> {
    let of = |scope: Scope| {
        let data = [
            ("issue_id", Value::from(issue.id.as_str())),
            ("newsletter", Value::from(issue.newsletter.as_str())),
            ("date", Value::from(issue.nominal_date.as_str())),
            ("title", Value::from(issue.title.as_str())),
        ];
        Event::new(EventKind::IssueReleased, scope, now_ms, data)
    };
    emit(tx, random, &of(Scope::Vendor)).await?;
    let entries = matching(EventKind::IssueReleased);
    for slug in messages::partners_promised(tx, &entries, &issue.id).await? {
        emit(tx, random, &of(Scope::PartnerOnly(slug))).await?;
    }
    Ok(())
}

/// Files of the content folder that are new, have a new text, or are gone, as this very transaction made them. Mail is told when
/// it is released, and what concerns an asset is told once, whatever number of its translations changed. The vendor is told at
/// once; partners when they can see it (`visible`), and that it is gone if they could.
pub async fn assets_changed(
    tx: &mut Tx,
    random: &dyn Random,
    library: &Library,
    advanced: &Advanced,
    now_ms: UtcMs,
) -> Result<()> {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for reference in assets_of(advanced.changed.iter().chain(&advanced.gone)) {
        match published(library, reference, Scope::Vendor, now_ms) {
            Some(event) => new.push(event),
            None => {
                let told = to_whom_had_it(tx, reference, |scope| {
                    let asset = ("asset", Value::from(reference));
                    Event::new(EventKind::AssetWithdrawn, scope, now_ms, [asset])
                });
                gone.extend(told.await?);
                visible::forget(tx, reference).await?;
            }
        }
    }
    emit_wanted(tx, random, EventKind::AssetPublished, &new).await?;
    emit_wanted(tx, random, EventKind::AssetWithdrawn, &gone).await
}

/// That an asset can be seen, or says something else; nothing of one that is not in the folder.
pub(super) fn published(library: &Library, reference: &str, scope: Scope, now_ms: UtcMs) -> Option<Event> {
    let versions = library.versions(reference);
    let first = versions.first()?;
    let original = library.vendor.as_ref().map_or("en", |vendor| vendor.default_locale.as_str());
    let languages: Vec<&str> = versions
        .iter()
        .map(|version| version.locale.as_ref().map_or(original, |locale| locale.as_str()))
        .collect();
    let publish = first.front.publish.map_or(Value::Null, |day| Value::from(day.to_string()));
    let data = [
        ("asset", Value::from(reference)),
        ("kind", Value::from(first.kind().as_str())),
        ("languages", Value::from(languages)),
        ("publish", publish),
    ];
    Some(Event::new(EventKind::AssetPublished, scope, now_ms, data))
}

/// The assets to which files belong, each once, without mail.
fn assets_of<'p>(paths: impl Iterator<Item = &'p String>) -> BTreeSet<&'p str> {
    paths
        .filter_map(|path| reference_of(path))
        .filter(|reference| asset_kind(reference).is_some_and(|kind| !kind.is_mail()))
        .collect()
}

/// What an asset is, by the folder of its reference.
fn asset_kind(reference: &str) -> Option<AssetKind> {
    let folder = reference.split('/').next()?;
    AssetKind::WORDS.iter().map(|(_, kind)| *kind).find(|kind| kind.folder() == folder)
}
