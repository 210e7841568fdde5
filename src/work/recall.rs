//! Taking an asset back: where its links lead from then on, why, and who has what was wrong.
//!
//! Pages are made of the present library, so links to an asset that was corrected lead to the corrected one by themselves.
//! A recall says so to colleagues; with a target it leads the links elsewhere; and links to an asset that was removed say
//! that it was withdrawn.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    bundle,
    cobrand::TALK_TO_US,
    revisions::{Count, reference_of, versions},
    webhooks,
};
use crate::{
    domain::{
        content::{AssetKind, Library},
        kernel::{
            Error, Random, Result,
            clock::{HOUR_MS, UtcMs, utc},
            id::RecallId,
            text::single_line,
        },
    },
    store::{
        Db, Tx, approvals, audit, contents, holders,
        recalls::{self, Recall},
        revisions,
    },
};

/// Recalls that a link may follow, one after the other.
const CHAIN_MAX: usize = 8;

/// What a person asks for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The asset.
    pub reference: &'a str,
    /// The asset that its links lead to instead.
    pub to: Option<&'a str>,
    /// Why, for colleagues.
    pub because: &'a str,
}

/// Where the links to a recalled asset lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To its own page, which shows its present text.
    Itself,
    /// To this asset.
    To(String),
    /// Nowhere: it was withdrawn.
    Nowhere,
}

/// Takes an asset back.
///
/// # Errors
/// `Invalid` with every fault of the order; `Conflict` for one that is recalled already, has no newer text, or whose
/// links would go in a circle; then nothing changed.
pub async fn recall(
    db: &Db,
    library: &Library,
    (now_ms, random): (UtcMs, &dyn Random),
    actor: &str,
    order: &Order<'_>,
) -> Result<Recall> {
    let reference = order.reference.trim().trim_end_matches(".md");
    let because = checked(library, reference, order, now_ms)?;
    let files = versions(db, reference).await?;
    if files.is_empty() {
        return Err(Error::not_found_but(
            format!("`{reference}`"),
            "name an asset that is or was in the content folder, such as whitepapers/first-24-hours",
        ));
    }
    let good_no = if order.to.is_none() { good_no(db, library, reference, &files).await? } else { None };
    let recall = Recall {
        id: RecallId::new(now_ms, random).to_string(),
        reference: reference.to_owned(),
        target: order.to.map(str::to_owned),
        because,
        good_no,
        actor: actor.to_owned(),
        recalled_ms: now_ms,
        lifted_ms: None,
        lifted_by: None,
    };
    let mut tx = db.begin().await?;
    recalls::take_turns(&mut tx).await?;
    if let Some(target) = order.to {
        no_circle(&mut tx, reference, target).await?;
    }
    if !recalls::insert(&mut tx, &recall).await? {
        return Err(Error::conflict(format!(
            "{reference} is recalled already; lift that first (`partnercast recall {reference} --lift`)"
        )));
    }
    let to = order.to.map(|target| format!("; links lead to {target}")).unwrap_or_default();
    let detail = format!("{}{to}", recall.because);
    audit::record(&mut tx, now_ms, random, actor, "recall", reference, &detail).await?;
    webhooks::recalled(&mut tx, random, &recall).await?;
    if recall.target.is_some() {
        // What was approved before may still be waiting for its time.
        approvals::hold(&mut tx, reference, &objection(&recall)).await?;
    }
    tx.commit().await?;
    Ok(recall)
}

/// The reason as one line, if nothing is wrong with the order by itself.
fn checked(library: &Library, reference: &str, order: &Order<'_>, now_ms: UtcMs) -> Result<String> {
    let mut faults = Vec::new();
    let because = single_line("the reason", order.because)
        .map_err(|error| faults.push(error.public().to_owned()))
        .unwrap_or_default();
    if because.trim().is_empty() && faults.is_empty() {
        faults.push("say why: colleagues will ask".to_owned());
    }
    match kind_of(reference) {
        Some(AssetKind::Newsletter | AssetKind::Sequence) => faults.push(
            "mail that has left cannot be taken back: `partnercast cancel` ends an issue that is on its way, and what it \
             leads to can be recalled"
                .to_owned(),
        ),
        _ if reference == TALK_TO_US => faults.push(format!("{TALK_TO_US} stands behind every button and stays")),
        _ => {}
    }
    if let Some(target) = order.to {
        let present = library.versions(target).first();
        let is_public = |kind: Option<AssetKind>| kind.is_some_and(AssetKind::is_for_customers);
        match present {
            _ if target == reference => faults.push(format!("{target} would lead to itself")),
            None => faults.push(format!("`{target}` is not in the content folder now; name an asset that is")),
            Some(asset)
                if asset.kind().is_mail()
                    || (asset.kind().is_for_customers() && !bundle::has_page(asset)) =>
            {
                faults.push(format!("{target} has no page of its own"));
            }
            Some(asset) if is_public(kind_of(reference)) && !is_public(Some(asset.kind())) => faults.push(format!(
                "customers who follow a link to {reference} may not see {target}, which is for partners' own people"
            )),
            Some(asset) => {
                // By the first place on earth where that day begins.
                let today = utc(now_ms + 14 * HOUR_MS).date_naive();
                if let Some(day) = asset.front.publish.filter(|day| *day > today) {
                    faults.push(format!("{target} is published on {day}; until then its page is not there"));
                }
            }
        }
    }
    if faults.is_empty() { Ok(because) } else { Err(Error::invalid(faults.join("; "))) }
}

/// What an asset is, by the folder of its reference.
fn kind_of(reference: &str) -> Option<AssetKind> {
    let folder = reference.split('/').next()?;
    AssetKind::WORDS.iter().map(|(_, kind)| *kind).find(|kind| kind.folder() == folder)
}

/// The number that replaced what was wrong, of an asset that is still there.
async fn good_no(db: &Db, library: &Library, reference: &str, files: &[String]) -> Result<Option<i64>> {
    if library.versions(reference).is_empty() {
        return Ok(None);
    }
    let mut latest = Vec::new();
    for path in files {
        let number = revisions::of_path(db, path, i64::MAX).await?.into_iter().next();
        latest.extend(number.map(|revision| (path.as_str(), revision.no)));
    }
    if latest.iter().all(|(_, no)| *no == 1) {
        return Err(Error::conflict(format!(
            "there is no newer text of {reference}: have the corrected file synced first, take the file away to withdraw \
             it, or name another asset for its links to lead to"
        )));
    }
    let original = format!("{reference}.md");
    Ok(latest.iter().find(|(path, _)| *path == original).or(latest.first()).map(|(_, no)| *no))
}

/// Says whether a way from `target` leads back to `reference`, or is too long.
async fn no_circle(tx: &mut Tx, reference: &str, target: &str) -> Result<()> {
    let mut way = vec![reference.to_owned(), target.to_owned()];
    while let Some(next) = recalls::in_force_in(tx, &way[way.len() - 1]).await?.and_then(|it| it.target) {
        way.push(next.clone());
        let told = way.join(" -> ");
        if next == reference {
            return Err(Error::conflict(format!(
                "its links would go in a circle: {told}; lift one of these first"
            )));
        }
        if way.len() > CHAIN_MAX {
            return Err(Error::conflict(format!(
                "its links would go a long way: {told}; name the last of these"
            )));
        }
    }
    Ok(())
}

/// Takes the recall of an asset back: its links lead where they led before.
///
/// # Errors
/// `NotFound` where none is in force.
pub async fn lift(
    db: &Db,
    (now_ms, random): (UtcMs, &dyn Random),
    actor: &str,
    reference: &str,
) -> Result<Recall> {
    let reference = reference.trim().trim_end_matches(".md");
    let mut tx = db.begin().await?;
    recalls::take_turns(&mut tx).await?;
    let lifted = recalls::lift(&mut tx, now_ms, actor, reference).await?;
    let lifted = lifted.ok_or_else(|| Error::not_found(format!("a recall in force of `{reference}`")))?;
    audit::record(&mut tx, now_ms, random, actor, "lift-recall", reference, &lifted.because).await?;
    webhooks::recall_lifted(&mut tx, random, &lifted, now_ms).await?;
    tx.commit().await?;
    Ok(lifted)
}

/// Where links to `reference` lead if it is recalled; nothing if it is not. A way in a circle, which only two people at
/// the same moment can make, leads nowhere.
///
/// # Errors
/// Those of the store.
pub async fn leads(db: &Db, library: &Library, reference: &str) -> Result<Option<Leads>> {
    let mut at = reference.to_owned();
    for step in 0..=CHAIN_MAX {
        let is_there = || !library.versions(&at).is_empty();
        match recalls::in_force(db, &at).await? {
            Some(Recall { target: Some(target), .. }) => at = target,
            None if step == 0 => return Ok(None),
            _ if !is_there() => return Ok(Some(Leads::Nowhere)),
            _ if step == 0 => return Ok(Some(Leads::Itself)),
            _ => return Ok(Some(Leads::To(at))),
        }
    }
    Ok(Some(Leads::Nowhere))
}

/// Assets that another one replaces, which nobody is offered any more.
#[derive(Debug, Clone, Default)]
pub struct Replaced {
    by_reference: BTreeMap<String, Recall>,
}

impl Replaced {
    /// As of now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(db: &Db) -> Result<Self> {
        let all = recalls::with_target(db).await?;
        let by_reference = all.into_iter().map(|recall| (recall.reference.clone(), recall)).collect();
        Ok(Self { by_reference })
    }

    /// Whether another one replaces it.
    pub fn contains(&self, reference: &str) -> bool {
        self.by_reference.contains_key(reference)
    }

    /// Since when another one replaces it.
    pub fn since_ms(&self, reference: &str) -> Option<UtcMs> {
        self.by_reference.get(reference).map(|recall| recall.recalled_ms)
    }

    /// What stands in its place; itself where nothing replaces it.
    pub fn present<'r>(&'r self, reference: &'r str) -> &'r str {
        let mut at = reference;
        for _ in 0..CHAIN_MAX {
            match self.by_reference.get(at).and_then(|recall| recall.target.as_deref()) {
                Some(target) => at = target,
                None => break,
            }
        }
        at
    }

    /// Refuses what is made of a replaced asset.
    ///
    /// # Errors
    /// `Conflict` that names the one that replaces it.
    pub fn refuse(&self, reference: &str) -> Result<()> {
        match self.by_reference.get(reference) {
            None => Ok(()),
            Some(recall) => Err(Error::conflict(format!("{}; take that one", told(recall)))),
        }
    }

    /// Why what has cards of `featured` assets should not leave by itself: one sentence for each that is replaced.
    pub fn objections<'f>(&self, featured: impl IntoIterator<Item = &'f str>) -> Vec<String> {
        let recalled: BTreeSet<&str> =
            featured.into_iter().filter(|reference| self.contains(reference)).collect();
        recalled.into_iter().map(|reference| objection(&self.by_reference[reference])).collect()
    }
}

/// Why an issue with a card of the asset waits.
fn objection(recall: &Recall) -> String {
    format!("it features {}", told(recall))
}

/// `blog/a, which is recalled (the price is wrong) and leads to blog/b`
fn told(recall: &Recall) -> String {
    let target = recall.target.as_deref().unwrap_or_default();
    format!("{}, which is recalled ({}) and leads to {target}", recall.reference, recall.because)
}

/// A recall as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Correction {
    /// The recall.
    #[serde(flatten)]
    pub recall: Recall,
    /// People to whom an issue went with a text of it that was wrong; nothing where nobody counted, or it was lifted.
    pub people: Option<i64>,
}

/// What was recalled, the latest first; as `count` says with how many people have what is no longer right.
///
/// # Errors
/// Those of the store.
pub async fn corrections(db: &Db, reference: Option<&str>, count: Count) -> Result<Vec<Correction>> {
    let mut corrections = Vec::new();
    for recall in recalls::list(db, reference).await? {
        let people = match count {
            // Of one that was lifted nothing is wrong any more.
            Count::People if recall.lifted_ms.is_none() => Some(outdated(db, &recall).await?),
            _ => None,
        };
        corrections.push(Correction { recall, people });
    }
    Ok(corrections)
}

/// People who have a wrong text of the recalled asset. Right is what was the head of its path when it was recalled, and
/// what came later; of an asset that leads elsewhere or is gone no text is.
///
/// # Errors
/// Those of the store.
pub async fn outdated(db: &Db, recall: &Recall) -> Result<i64> {
    holders::of_wrong_texts(db, &recall.reference, recall.good_no.map(|_| recall.recalled_ms)).await
}

/// Translations that have had no new text since the original's right one came: they may still say what was wrong.
///
/// # Errors
/// Those of the store.
pub async fn unmended(db: &Db, recall: &Recall) -> Result<Vec<String>> {
    let original = format!("{}.md", recall.reference);
    let Some(no) = recall.good_no else { return Ok(Vec::new()) };
    let Some(good) = revisions::numbered(db, &original, no).await? else { return Ok(Vec::new()) };
    let mut unmended = Vec::new();
    for path in versions(db, &recall.reference).await? {
        let head = revisions::of_path(db, &path, i64::MAX).await?.into_iter().next();
        let is_there = contents::hash_of(db, &path).await?.is_some();
        if path != original && is_there && head.is_some_and(|head| head.since_ms < good.since_ms) {
            unmended.push(path);
        }
    }
    Ok(unmended)
}

/// The reference of the asset that `path` is a version of.
///
/// # Errors
/// `Invalid` for files that are no assets.
pub fn asset_of(path: &str) -> Result<&str> {
    reference_of(path).ok_or_else(|| Error::invalid(format!("{path} is no asset: nobody is led to it")))
}
