//! The moments that are told, each in the words of its schema.

use std::collections::BTreeSet;

use serde_json::Value;

use super::emit;
use crate::{
    domain::{
        content::{AssetKind, Library},
        kernel::{Random, Result, clock::UtcMs},
        lead::LeadStage,
        webhook::{Event, EventKind, Scope, filter::matching},
    },
    store::{Tx, issues::Issue, leads::Lead, recalls::Recall, webhooks::messages},
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

/// Somebody became a lead.
pub async fn lead_created(tx: &mut Tx, random: &dyn Random, lead: &Lead) -> Result<()> {
    let data = [
        ("lead_id", Value::from(lead.id.as_str())),
        ("partner", text(&lead.partner_slug)),
        ("stage", Value::from(lead.stage.as_str())),
        ("origin", Value::from(lead.origin.as_str())),
        ("asset", text(&lead.asset)),
    ];
    let event = Event::new(EventKind::LeadCreated, Scope::of(&lead.partner_slug), lead.updated_ms, data);
    emit(tx, random, &event).await.map(drop)
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
    for lead in leads {
        lead_created(tx, random, lead).await?;
    }
    Ok(())
}

/// The person of a lead was erased: whoever has a copy must know.
pub async fn lead_erased(tx: &mut Tx, random: &dyn Random, lead: &Lead, now_ms: UtcMs) -> Result<()> {
    let data = [("lead_id", Value::from(lead.id.as_str())), ("partner", text(&lead.partner_slug))];
    let event = Event::new(EventKind::LeadErased, Scope::of(&lead.partner_slug), now_ms, data);
    emit(tx, random, &event).await.map(drop)
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
            ("origin", Value::from(lead.origin.as_str())),
            ("asset", text(&lead.asset)),
        ];
        let event = Event::new(kind, Scope::of(&lead.partner_slug), lead.updated_ms, data);
        emit(tx, random, &event).await?;
    }
    Ok(())
}

fn of_recall(kind: EventKind, recall: &Recall, at_ms: UtcMs) -> Event {
    // The reason is for colleagues.
    let data = [
        ("asset", Value::from(recall.reference.as_str())),
        ("recall_id", Value::from(recall.id.as_str())),
        ("replaced_by", recall.target.as_deref().map_or(Value::Null, Value::from)),
    ];
    Event::new(kind, Scope::Everybody, at_ms, data)
}

/// An asset was taken back.
pub async fn recalled(tx: &mut Tx, random: &dyn Random, recall: &Recall) -> Result<()> {
    emit(tx, random, &of_recall(EventKind::AssetRecalled, recall, recall.recalled_ms)).await.map(drop)
}

/// A recall was lifted.
pub async fn recall_lifted(tx: &mut Tx, random: &dyn Random, recall: &Recall, now_ms: UtcMs) -> Result<()> {
    emit(tx, random, &of_recall(EventKind::AssetRestored, recall, now_ms)).await.map(drop)
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

/// Files of the content folder that are new, have a new text, or are gone. Mail is told when it is released, and what concerns an
/// asset is told once, whatever number of its translations changed.
pub async fn assets_changed<'p>(
    tx: &mut Tx,
    random: &dyn Random,
    library: &Library,
    changed: impl Iterator<Item = &'p str>,
    gone: &'p [String],
    now_ms: UtcMs,
) -> Result<()> {
    let is_wanted = messages::is_wanted(tx, &matching(EventKind::AssetPublished)).await?
        || messages::is_wanted(tx, &matching(EventKind::AssetWithdrawn)).await?;
    if !is_wanted {
        return Ok(());
    }
    let gone = gone.iter().map(String::as_str);
    let references: BTreeSet<&str> = changed.chain(gone).filter_map(reference_of).collect();
    for reference in references {
        let Some(kind) = asset_kind(reference).filter(|kind| !kind.is_mail()) else { continue };
        let asset = ("asset", Value::from(reference));
        let versions = library.versions(reference);
        let event = match versions.first() {
            None => Event::new(EventKind::AssetWithdrawn, Scope::Everybody, now_ms, [asset]),
            Some(first) => {
                let original = library.vendor.as_ref().map_or("en", |vendor| vendor.default_locale.as_str());
                let languages: Vec<&str> = versions
                    .iter()
                    .map(|version| version.locale.as_ref().map_or(original, |locale| locale.as_str()))
                    .collect();
                let publish = first.front.publish.map_or(Value::Null, |day| Value::from(day.to_string()));
                let data = [
                    asset,
                    ("kind", Value::from(kind.as_str())),
                    ("languages", Value::from(languages)),
                    ("publish", publish),
                ];
                // Which partner's readers it is for is decided reader by reader; its endpoints would learn of it too early.
                let is_for_all = versions.iter().all(|version| version.front.selection.conditions.is_empty());
                let scope = if is_for_all { Scope::Everybody } else { Scope::Vendor };
                Event::new(EventKind::AssetPublished, scope, now_ms, data)
            }
        };
        emit(tx, random, &event).await?;
    }
    Ok(())
}

/// What an asset is, by the folder of its reference.
fn asset_kind(reference: &str) -> Option<AssetKind> {
    let folder = reference.split('/').next()?;
    AssetKind::WORDS.iter().map(|(_, kind)| *kind).find(|kind| kind.folder() == folder)
}
