//! The outcome ladder as somebody asks for it: by partner, kit, asset, newsletter and period, with the rows behind each number.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;
use crate::{
    domain::{
        content::{Library, finding::did_you_mean, kinds::Detail},
        kernel::{Error, Result, clock::UtcMs},
        lead::ladder::{self, Rung},
    },
    store::{
        ladder::{self as rows, After, By, Counts, Filter, Row},
        partners,
    },
};

/// Rows on a page.
pub const PAGE: i64 = 100;
/// Rows of an export at most.
pub const EXPORT_MAX: usize = 100_000;
/// Rows read at a time for an export.
const EXPORT_PAGE: i64 = 5_000;
/// Kits that are counted apart at most.
const KITS_MAX: usize = 100;

/// What is asked; all words as typed, empty for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// A partner's slug.
    pub partner: String,
    /// A kit's slug.
    pub kit: String,
    /// An asset's reference.
    pub asset: String,
    /// A newsletter's or sequence's slug.
    pub newsletter: String,
    /// First day, `2027-02-09`.
    pub from: String,
    /// Last day.
    pub to: String,
}

/// What a ladder is counted apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// A ladder a partner.
    Partner,
    /// A ladder a kit.
    Kit,
    /// A ladder an asset.
    Asset,
    /// A ladder a newsletter or sequence.
    Newsletter,
}

impl Group {
    /// All.
    pub const ALL: [Self; 4] = [Self::Partner, Self::Kit, Self::Asset, Self::Newsletter];

    /// The word in addresses and arguments.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Kit => "kit",
            Self::Asset => "asset",
            Self::Newsletter => "newsletter",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == word)
    }
}

/// A rung with its number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `ladder::Rung`'s word.
    pub rung: &'static str,
    /// How many.
    pub count: i64,
    /// In percent of the rung below; none where that counts something else, or nothing.
    pub of_below_percent: Option<f64>,
    /// What it counts.
    pub means: &'static str,
}

/// One group's numbers, from the top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The group's slug or reference; empty for what has none.
    pub name: String,
    /// By rung, from the top.
    pub counts: Vec<i64>,
}

/// The whole ladder, from the top.
///
/// # Errors
/// `NotFound` for a partner, kit, asset or newsletter that nobody knows, `Invalid` for a period; those of the store.
pub async fn ladder(ctx: &Context, asked: &Asked) -> Result<Vec<Step>> {
    let filter = filter(ctx, asked).await?;
    let counts = counted(ctx, &filter, By::Nothing).await?;
    let one = |counts: &Counts| counts.iter().map(|(_, count)| count).sum::<i64>();
    let numbers: Vec<i64> = counts.iter().map(one).collect();
    Ok(Rung::ALL
        .into_iter()
        .zip(&numbers)
        .enumerate()
        .map(|(at, (rung, count))| Step {
            rung: rung.as_str(),
            count: *count,
            of_below_percent: numbers.get(at + 1).and_then(|below| ladder::share(rung, *count, *below)),
            means: rung.means(),
        })
        .collect())
}

/// A ladder for each group that has anything on any rung, by name; at most 1,000.
///
/// # Errors
/// As [`ladder`].
pub async fn by(ctx: &Context, asked: &Asked, group: Group) -> Result<Vec<Line>> {
    let filter = filter(ctx, asked).await?;
    let by = match group {
        Group::Kit => return by_kit(ctx, asked, &filter).await,
        Group::Partner => By::Partner,
        Group::Asset => By::Asset,
        Group::Newsletter => By::Newsletter,
    };
    let mut lines: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (at, counts) in counted(ctx, &filter, by).await?.into_iter().enumerate() {
        for (name, count) in counts {
            lines.entry(name).or_insert_with(|| vec![0; Rung::ALL.len()])[at] = count;
        }
    }
    Ok(lines.into_iter().take(rows::GROUPS_MAX).map(|(name, counts)| Line { name, counts }).collect())
}

/// A person may have used several assets of a kit, so that a kit's numbers are no sums.
async fn by_kit(ctx: &Context, asked: &Asked, filter: &Filter) -> Result<Vec<Line>> {
    let library = ctx.library();
    let mut lines = Vec::new();
    for (slug, mut assets) in kits(&library).into_iter().take(KITS_MAX) {
        if !asked.kit.is_empty() && asked.kit != slug {
            continue;
        }
        assets.retain(|asset| asked.asset.is_empty() || asked.asset == *asset);
        let of_kit = Filter { assets: Some(assets), ..filter.clone() };
        let counts: Vec<i64> = counted(ctx, &of_kit, By::Nothing)
            .await?
            .iter()
            .map(|counts| counts.iter().map(|(_, count)| count).sum())
            .collect();
        if counts.iter().any(|count| *count > 0) {
            lines.push(Line { name: slug, counts });
        }
    }
    Ok(lines)
}

/// All rungs, from the top, side by side.
async fn counted(ctx: &Context, filter: &Filter, by: By) -> Result<Vec<Counts>> {
    let reached = async |rung: Rung| match rung.stage() {
        Some(stage) => rows::reached(&ctx.db, filter, stage.as_str(), by).await,
        None => Ok(Vec::new()),
    };
    let leads = async {
        let mut all = Vec::new();
        for rung in [Rung::Won, Rung::Sql, Rung::Accepted, Rung::Qualified] {
            all.push(reached(rung).await?);
        }
        Ok::<_, Error>(all)
    };
    let (leads, engaged, used, delivered) = tokio::join!(
        leads,
        rows::engaged(&ctx.db, filter, by),
        rows::used(&ctx.db, filter, by),
        rows::delivered(&ctx.db, filter, by)
    );
    let mut all = leads?;
    all.extend([engaged?, used?, delivered?]);
    Ok(all)
}

/// The rows behind a number, at most `limit` behind `after`.
///
/// # Errors
/// As [`ladder`].
pub async fn page(ctx: &Context, asked: &Asked, rung: Rung, after: &After, limit: i64) -> Result<Vec<Row>> {
    let filter = filter(ctx, asked).await?;
    rows_of(ctx, &filter, rung, after, limit).await
}

async fn rows_of(ctx: &Context, filter: &Filter, rung: Rung, after: &After, limit: i64) -> Result<Vec<Row>> {
    match (rung, rung.stage()) {
        (_, Some(stage)) => rows::reached_rows(&ctx.db, filter, stage.as_str(), after, limit).await,
        (Rung::Engaged, _) => rows::engaged_rows(&ctx.db, filter, after, limit).await,
        (Rung::Used, _) => rows::used_rows(&ctx.db, filter, after, limit).await,
        (_, None) => rows::delivered_rows(&ctx.db, filter, after, limit).await,
    }
}

/// Where the page behind this row begins.
pub fn behind(row: &Row) -> After {
    After { at_ms: row.at_ms, key: row.key.clone(), asset: row.asset.clone() }
}

/// Columns of an export.
pub const COLUMNS: [&str; 9] =
    ["what", "key", "name", "email", "partner", "asset", "newsletter", "times", "first_or_only_utc"];

/// All rows behind a number as cells, at most [`EXPORT_MAX`].
///
/// # Errors
/// As [`ladder`].
pub async fn export(ctx: &Context, asked: &Asked, rung: Rung) -> Result<Vec<[String; 9]>> {
    let filter = filter(ctx, asked).await?;
    let (mut cells, mut after) = (Vec::new(), After::default());
    loop {
        let page = rows_of(ctx, &filter, rung, &after, EXPORT_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = behind(last);
        let full = page.len() == usize::try_from(EXPORT_PAGE).unwrap_or(usize::MAX);
        cells.extend(page.into_iter().map(|row| cells_of(rung, row)));
        if !full || cells.len() >= EXPORT_MAX {
            break;
        }
    }
    cells.truncate(EXPORT_MAX);
    Ok(cells)
}

fn cells_of(rung: Rung, row: Row) -> [String; 9] {
    [
        rung.as_str().to_owned(),
        row.key,
        row.name,
        row.email,
        row.partner_slug,
        row.asset,
        row.scope,
        row.times.to_string(),
        instant(row.at_ms),
    ]
}

fn instant(ms: UtcMs) -> String {
    crate::domain::kernel::clock::utc(ms).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Kits by slug, with the assets in each.
pub fn kits(library: &Library) -> BTreeMap<String, Vec<String>> {
    let mut kits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for asset in &library.assets {
        if let Detail::Kit(kit) = &asset.detail {
            let of = kits.entry(asset.slug().to_owned()).or_default();
            of.extend(kit.tactics.iter().map(|tactic| tactic.asset.as_str().to_owned()));
        }
    }
    for assets in kits.values_mut() {
        assets.sort();
        assets.dedup();
    }
    kits
}

/// Newsletters' and sequences' slugs.
pub fn series(library: &Library) -> Vec<String> {
    let newsletters = library.newsletters().map(|(asset, _)| asset.slug().to_owned());
    let mut all: Vec<String> =
        newsletters.chain(library.sequences().map(|(asset, _)| asset.slug().to_owned())).collect();
    all.sort();
    all.dedup();
    all
}

/// Checks the words; what is unknown would count nothing, which reads as if nothing had happened.
async fn filter(ctx: &Context, asked: &Asked) -> Result<Filter> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let library = ctx.library();
    let (from_ms, before_ms) = ladder::period(some(&asked.from).as_deref(), some(&asked.to).as_deref())?;
    if !asked.partner.is_empty() {
        let known = partners::all_partners(&ctx.db).await?;
        known_as("partner", &asked.partner, &known.iter().map(|it| it.slug.to_string()).collect::<Vec<_>>())?;
    }
    if !asked.newsletter.is_empty() {
        known_as("newsletter or sequence", &asked.newsletter, &series(&library))?;
    }
    if !asked.asset.is_empty() {
        let known: Vec<String> = library.assets.iter().map(|asset| asset.reference.clone()).collect();
        known_as("asset", &asked.asset, &known)?;
    }
    let assets = match (asked.kit.as_str(), asked.asset.as_str()) {
        ("", "") => None,
        ("", asset) => Some(vec![asset.to_owned()]),
        (kit, asset) => {
            let kits = kits(&library);
            known_as("kit", kit, &kits.keys().cloned().collect::<Vec<_>>())?;
            let mut assets = kits.get(kit).cloned().unwrap_or_default();
            assets.retain(|one| asset.is_empty() || one == asset);
            Some(assets)
        }
    };
    let (partner, scope) = (some(&asked.partner), some(&asked.newsletter));
    Ok(Filter { from_ms, before_ms, partner, scope, assets })
}

/// # Errors
/// `NotFound` with the word that may be meant.
pub(super) fn known_as(what: &str, word: &str, known: &[String]) -> Result<()> {
    if known.iter().any(|one| one == word) {
        return Ok(());
    }
    Err(Error::not_found_but(format!("{what} {word}"), did_you_mean(word, known.iter().map(String::as_str))))
}
