//! Credit for what leads bring: given when an amount is said, and reported by partner, kit, asset, newsletter or channel with the
//! deals behind each sum.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    context::Context,
    ladder::{self, known_as},
};
use crate::{
    domain::{
        content::rules::AttributionRule,
        engagement::{EventKind, Placement},
        kernel::{
            Result,
            clock::{DAY_MS, UtcMs},
        },
        lead::{
            Amount,
            attribution::{self, Touch},
            ladder::period,
        },
    },
    store::{
        Tx,
        credits::{self, By, Deal, Filter, Line, Sum},
        partners,
    },
};

/// Deals on a page.
pub const PAGE: i64 = 100;
/// Deals of an export at most.
const EXPORT_MAX: usize = 100_000;
/// Deals read at a time for one.
const EXPORT_PAGE: i64 = 2_000;
/// Kits that are counted apart at most.
const KITS_MAX: usize = 100;
/// Amounts that one look gives credit to.
const BARE_MAX: i64 = 100;
/// What says when to look for them.
const WHAT: &str = "amounts without credit";
/// How long a look that found none rests.
const REST_MS: i64 = DAY_MS;

/// Credits an amount that was said in this transaction, or before there was credit.
///
/// # Errors
/// Those of the store.
pub(super) async fn credit(
    ctx: &Context,
    tx: &mut Tx,
    (lead_id, amount_no): (&str, i64),
    minor_units: i64,
    said_ms: UtcMs,
) -> Result<()> {
    let rule = ctx.library().rules.attribution;
    let from_ms = said_ms - i64::from(rule.window_days) * DAY_MS;
    let acts = credits::acts(tx, lead_id, from_ms, said_ms).await?;
    let touches = acts.into_iter().filter_map(|act| {
        Some(Touch {
            kind: EventKind::parse(&act.kind)?,
            event_id: act.id,
            at_ms: act.at_ms,
            partner_slug: act.partner_slug,
            asset: act.asset,
            scope: act.scope,
            channel: act.channel,
        })
    });
    let credited = attribution::credit(&rule, minor_units, said_ms, touches.collect());
    credits::add(tx, &lines(&rule, (lead_id, amount_no), minor_units, said_ms, credited)).await
}

fn lines(
    rule: &AttributionRule,
    (lead_id, amount_no): (&str, i64),
    minor_units: i64,
    said_ms: UtcMs,
    credited: Vec<attribution::Credit>,
) -> Vec<Line> {
    let nothing = Line {
        lead_id: lead_id.to_owned(),
        amount_no,
        no: 1,
        event_id: None,
        at_ms: said_ms,
        kind: String::new(),
        partner_slug: String::new(),
        asset: String::new(),
        scope: String::new(),
        channel: String::new(),
        is_primary: true,
        minor_units,
        rule: rule.name(),
    };
    if credited.is_empty() {
        return vec![nothing];
    }
    let line = |(no, it): (i64, attribution::Credit)| Line {
        no,
        event_id: Some(it.touch.event_id),
        at_ms: it.touch.at_ms,
        kind: it.touch.kind.as_str().to_owned(),
        partner_slug: it.touch.partner_slug,
        asset: it.touch.asset,
        scope: it.touch.scope,
        channel: it.touch.channel,
        is_primary: it.is_primary,
        minor_units: it.minor_units,
        ..nothing.clone()
    };
    (1..).zip(credited).map(line).collect()
}

/// Credits amounts that have none. Returns how many.
///
/// # Errors
/// Those of the store.
pub(super) async fn credit_the_bare(ctx: &Context) -> Result<usize> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(WHAT, now_ms) {
        return Ok(0);
    }
    let bare = credits::bare(&ctx.db, BARE_MAX).await?;
    for amount in &bare {
        let mut tx = ctx.db.begin().await?;
        if !credits::has(&mut tx, &amount.lead_id, amount.no).await? {
            let which = (amount.lead_id.as_str(), amount.no);
            credit(ctx, &mut tx, which, amount.minor_units, amount.at_ms).await?;
        }
        tx.commit().await?;
    }
    if bare.is_empty() {
        ctx.looks.rest_long(WHAT.to_owned(), now_ms, now_ms + REST_MS);
    }
    Ok(bare.len())
}

/// What deals are credited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Partners that touches happened at.
    Partner,
    /// Kits.
    Kit,
    /// Assets.
    Asset,
    /// Newsletters and sequences.
    Newsletter,
    /// Where the link stood that led to a touch: a mail of ours, or a place where partners spread links.
    Channel,
}

impl Group {
    /// All.
    pub const ALL: [Self; 5] = [Self::Partner, Self::Kit, Self::Asset, Self::Newsletter, Self::Channel];

    /// The word in addresses and arguments.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Kit => "kit",
            Self::Asset => "asset",
            Self::Newsletter => "newsletter",
            Self::Channel => "channel",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == word)
    }
}

/// The channel that is a mail of ours; the others are `Placement`'s words.
pub const MAIL: &str = "mail";

/// What is asked; days as typed, empty for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Deals that are still open, in place of those that were won.
    pub open: bool,
    /// First day on which an amount was said, `2027-02-09`.
    pub from: String,
    /// Last day.
    pub to: String,
}

/// A group's deals in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The group's slug or reference; empty for what nothing led to.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Deals that it sourced, and their sum.
    pub sourced: Part,
    /// Deals that it influenced and did not source.
    pub influenced: Part,
    /// Deals that it only holds; of partners alone.
    pub attached: Part,
    /// Its share of all amounts, as `12500.50`.
    pub share: String,
    /// The same in the currency's smallest unit.
    pub share_units: i64,
}

/// Some deals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// How many.
    pub deals: i64,
    /// Their sum, as `12500.50`; empty for none.
    pub sum: String,
    /// The same in the currency's smallest unit.
    pub units: i64,
}

/// Deals by `group` and currency, by name.
///
/// # Errors
/// `Invalid` for a period; those of the store.
pub async fn report(ctx: &Context, asked: &Asked, group: Group) -> Result<Vec<Row>> {
    let filter = filter(asked)?;
    let sums = match group {
        Group::Kit => by_kit(ctx, &filter).await?,
        _ => credits::sums(&ctx.db, &filter, by(group)).await?,
    };
    let mut rows = BTreeMap::new();
    for sum in sums {
        let key = (sum.name.clone(), sum.currency.clone());
        rows.insert(key, row(sum)?);
    }
    if group == Group::Partner {
        for (name, currency, deals, units) in credits::attached(&ctx.db, &filter).await? {
            let attached = part(deals, units, &currency)?;
            let none = || Row {
                name: name.clone(),
                currency: currency.clone(),
                sourced: Part::default(),
                influenced: Part::default(),
                attached: Part::default(),
                share: String::new(),
                share_units: 0,
            };
            rows.entry((name.clone(), currency.clone())).or_insert_with(none).attached = attached;
        }
    }
    Ok(rows.into_values().collect())
}

/// A deal may have touches of several kits, and several touches of one, so that a kit's sums are its own.
async fn by_kit(ctx: &Context, filter: &Filter) -> Result<Vec<Sum>> {
    let mut all = Vec::new();
    for (slug, assets) in ladder::kits(&ctx.library()).into_iter().take(KITS_MAX) {
        let of_kit = Filter { assets: Some(assets), ..filter.clone() };
        let sums = credits::sums(&ctx.db, &of_kit, By::Together).await?;
        all.extend(sums.into_iter().map(|sum| Sum { name: slug.clone(), ..sum }));
    }
    Ok(all)
}

fn by(group: Group) -> By {
    match group {
        Group::Partner => By::Partner,
        Group::Asset => By::Asset,
        Group::Newsletter => By::Newsletter,
        Group::Channel => By::Channel,
        Group::Kit => By::Together,
    }
}

fn row(sum: Sum) -> Result<Row> {
    Ok(Row {
        sourced: part(sum.sourced, sum.sourced_units, &sum.currency)?,
        influenced: part(sum.influenced, sum.influenced_units, &sum.currency)?,
        attached: Part::default(),
        share: Amount::stored(sum.share_units, &sum.currency)?.number(),
        share_units: sum.share_units,
        name: sum.name,
        currency: sum.currency,
    })
}

fn part(deals: i64, units: i64, currency: &str) -> Result<Part> {
    let sum = if deals > 0 { Amount::stored(units, currency)?.number() } else { String::new() };
    Ok(Part { deals, sum, units })
}

fn filter(asked: &Asked) -> Result<Filter> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (from_ms, before_ms) = period(some(&asked.from).as_deref(), some(&asked.to).as_deref())?;
    Ok(Filter { from_ms, before_ms, won: !asked.open, assets: None })
}

/// The deals that a group has a part in, at most `limit` behind `after`; all deals without a group. The group's empty name asks
/// for what nothing led to.
///
/// # Errors
/// `NotFound` for a kit or partner that nobody knows, `Invalid` for a period; those of the store.
pub async fn deals(
    ctx: &Context,
    asked: &Asked,
    of: Option<(Group, &str)>,
    after: (UtcMs, &str),
    limit: i64,
) -> Result<Vec<Deal>> {
    let mut filter = filter(asked)?;
    let of = match of {
        None => (By::Partner, None),
        Some((Group::Kit, slug)) => {
            let mut kits = ladder::kits(&ctx.library());
            known_as("kit", slug, &kits.keys().cloned().collect::<Vec<_>>())?;
            filter.assets = kits.remove(slug);
            (By::Together, None)
        }
        Some((group, name)) => {
            if group == Group::Partner && !name.is_empty() {
                let known = partners::all_partners(&ctx.db).await?;
                let known: Vec<String> = known.iter().map(|it| it.slug.to_string()).collect();
                known_as("partner", name, &known)?;
            }
            if group == Group::Channel && !name.is_empty() {
                let known = Placement::ALL.into_iter().map(Placement::as_str).chain([MAIL]);
                known_as("channel", name, &known.map(str::to_owned).collect::<Vec<_>>())?;
            }
            (by(group), Some(name))
        }
    };
    credits::deals(&ctx.db, &filter, of, after, limit).await
}

/// Columns of an export.
pub const COLUMNS: [&str; 13] = [
    "lead",
    "name",
    "company",
    "holds_it",
    "stage",
    "amount",
    "currency",
    "said_by",
    "said_utc",
    "close_date",
    "part",
    "share",
    "touches",
];

/// All deals that a group has a part in as cells.
///
/// # Errors
/// As [`deals`].
pub async fn export(ctx: &Context, asked: &Asked, of: Option<(Group, &str)>) -> Result<Vec<[String; 13]>> {
    let (mut cells, mut after) = (Vec::new(), (i64::MIN, String::new()));
    while cells.len() < EXPORT_MAX {
        let page = deals(ctx, asked, of, (after.0, &after.1), EXPORT_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.at_ms, last.lead_id.clone());
        for deal in page {
            cells.push(cells_of(deal)?);
        }
    }
    cells.truncate(EXPORT_MAX);
    Ok(cells)
}

fn cells_of(deal: Deal) -> Result<[String; 13]> {
    let amount = Amount::stored(deal.minor_units, &deal.currency)?.number();
    let share = Amount::stored(deal.share_units, &deal.currency)?.number();
    let part = if deal.is_primary { "sourced" } else { "influenced" };
    Ok([
        deal.lead_id,
        deal.name,
        deal.company,
        deal.partner_slug,
        deal.stage,
        amount,
        deal.currency,
        deal.actor,
        crate::domain::kernel::clock::utc(deal.at_ms).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        deal.close_date.unwrap_or_default(),
        part.to_owned(),
        share,
        deal.touches.to_string(),
    ])
}

/// The audit trail of a lead's amounts: what each is credited to, newest first.
///
/// # Errors
/// Those of the store.
pub async fn trail(ctx: &Context, lead_id: &str) -> Result<Vec<Line>> {
    credits::of_lead(&ctx.db, lead_id).await
}
