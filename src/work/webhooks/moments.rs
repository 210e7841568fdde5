//! The moments that are told, each in the words of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    emit, emit_all,
    scope::{scope_of, stored_scope},
};
use crate::{
    domain::{
        content::{AssetKind, Library},
        kernel::{Random, Result, clock::UtcMs},
        lead::{LeadOrigin, LeadStage},
        webhook::{Event, EventKind, Scope, filter::matching},
    },
    store::{
        Db, Tx, assignments, issues::Issue, leads::Lead, recalls::Recall, revisions::Advanced,
        webhooks::messages,
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

fn created(lead: &Lead) -> Event {
    let data = [
        ("lead_id", Value::from(lead.id.as_str())),
        ("partner", text(&lead.partner_slug)),
        ("stage", Value::from(lead.stage.as_str())),
        ("origin", origin(lead)),
        ("asset", text(&lead.asset)),
    ];
    Event::new(EventKind::LeadCreated, Scope::of(&lead.partner_slug), lead.updated_ms, data)
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
    let data = [
        ("lead_id", Value::from(lead.id.as_str())),
        ("partner", text(&lead.partner_slug)),
        ("stage", Value::from(lead.stage.as_str())),
        ("origin", origin(lead)),
        ("asset", text(&lead.asset)),
    ];
    let event = Event::new(EventKind::LeadValueCorrected, Scope::of(&lead.partner_slug), at_ms, data);
    emit(tx, random, &event).await.map(drop)
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

/// An asset was taken back.
pub async fn recalled(tx: &mut Tx, random: &dyn Random, recall: &Recall, scope: Scope) -> Result<()> {
    emit(tx, random, &of_recall(EventKind::AssetRecalled, recall, scope, recall.recalled_ms)).await.map(drop)
}

/// A recall was lifted.
pub async fn recall_lifted(
    tx: &mut Tx,
    random: &dyn Random,
    recall: &Recall,
    scope: Scope,
    now_ms: UtcMs,
) -> Result<()> {
    emit(tx, random, &of_recall(EventKind::AssetRestored, recall, scope, now_ms)).await.map(drop)
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
/// it is released, and what concerns an asset is told once, whatever number of its translations changed. `scopes` has whose
/// endpoints hear that an asset is gone.
pub async fn assets_changed(
    tx: &mut Tx,
    random: &dyn Random,
    library: &Library,
    advanced: &Advanced,
    scopes: &BTreeMap<String, Scope>,
    now_ms: UtcMs,
) -> Result<()> {
    let is_wanted = messages::is_wanted(tx, &matching(EventKind::AssetPublished)).await?
        || messages::is_wanted(tx, &matching(EventKind::AssetWithdrawn)).await?;
    if !is_wanted {
        return Ok(());
    }
    let mut events = Vec::new();
    for (reference, kind) in assets_of(advanced.changed.iter().chain(&advanced.gone)) {
        let asset = ("asset", Value::from(reference));
        let versions = library.versions(reference);
        let Some(first) = versions.first() else {
            let scope = scopes.get(reference).cloned().unwrap_or(Scope::Vendor);
            events.push(Event::new(EventKind::AssetWithdrawn, scope, now_ms, [asset]));
            continue;
        };
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
        events.push(Event::new(EventKind::AssetPublished, scope_of(versions, now_ms), now_ms, data));
    }
    emit_all(tx, random, &events).await.map(drop)
}

/// Whose endpoints may hear that these files are gone, by the assets that they belong to.
///
/// # Errors
/// Those of the store.
pub async fn scopes_of(db: &Db, gone: &[String], now_ms: UtcMs) -> Result<BTreeMap<String, Scope>> {
    let mut scopes = BTreeMap::new();
    for (reference, _) in assets_of(gone.iter()) {
        scopes.insert(reference.to_owned(), stored_scope(db, reference, now_ms).await?);
    }
    Ok(scopes)
}

/// The assets to which files belong, each once, without mail.
fn assets_of<'p>(paths: impl Iterator<Item = &'p String>) -> BTreeMap<&'p str, AssetKind> {
    paths
        .filter_map(|path| reference_of(path))
        .filter_map(|reference| Some((reference, asset_kind(reference).filter(|kind| !kind.is_mail())?)))
        .collect()
}

/// What an asset is, by the folder of its reference.
fn asset_kind(reference: &str) -> Option<AssetKind> {
    let folder = reference.split('/').next()?;
    AssetKind::WORDS.iter().map(|(_, kind)| *kind).find(|kind| kind.folder() == folder)
}
