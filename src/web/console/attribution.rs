//! What deals are credited to: sums by partner, kit, asset, newsletter or channel, drawn and printed, and the deals behind each.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::{asset_title, dead_letters::Chosen};
use crate::{
    domain::{
        content::merge::percent_encoded,
        engagement::Placement,
        kernel::Result,
        lead::{Amount, attribution::CREDIT},
    },
    render::table,
    store::credits::Deal,
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            chart::{Badge, Bar},
            counted,
            form::Choice,
            lead,
            when::Moment,
        },
    },
    work::{
        Context,
        attribution::{self, Asked, Group, MAIL, Part, Row},
        names::Names,
    },
};

/// Where it is.
pub const PATH: &str = "/console/attribution";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What can be chosen.
    pub choices: Vec<Chosen>,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// What the groups are.
    pub by: &'static str,
    /// `won` or `open`.
    pub deals: &'static str,
    /// By currency.
    pub tables: Vec<Table>,
    /// Whether the column of partners that only hold a deal is shown.
    pub has_attached: bool,
    /// How deals are credited.
    pub credit: &'static str,
    /// All deals.
    pub all: String,
}

/// The groups of one currency: amounts of two are never added up.
#[derive(Debug, Serialize)]
pub struct Table {
    /// ISO 4217.
    pub currency: String,
    /// What all shares add up to, where they are no more than the deals.
    pub total: Option<String>,
    /// The largest share first.
    pub lines: Vec<Line>,
}

/// A group's deals.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its deals.
    pub href: String,
    /// Its share.
    pub share: String,
    /// The same, drawn.
    pub bar: Bar,
    /// What it sourced.
    pub sourced: Cell,
    /// What it influenced.
    pub influenced: Cell,
    /// What it holds without a touch.
    pub attached: Cell,
}

/// Some deals.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// How many.
    pub deals: i64,
    /// Their sum.
    pub sum: String,
}

/// What is chosen, in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    by: String,
    deals: String,
    from: String,
    to: String,
    of: Option<String>,
    at: Option<i64>,
    key: String,
}

impl Wanted {
    fn asked(&self) -> Asked {
        Asked { open: self.deals == "open", from: self.from.trim().to_owned(), to: self.to.trim().to_owned() }
    }

    fn group(&self) -> Group {
        Group::parse(&self.by).unwrap_or(Group::Partner)
    }

    fn of(&self) -> Option<(Group, &str)> {
        self.of.as_deref().map(|name| (self.group(), name))
    }

    /// The same as a query, with `more`.
    fn query(&self, more: &[(&str, &str)]) -> String {
        let said = [("by", self.by.as_str()), ("deals", &self.deals), ("from", &self.from), ("to", &self.to)];
        let said: Vec<String> = said
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .chain(more)
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
    }
}

/// `GET /console/attribution`
pub async fn page(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let (asked, group) = (wanted.asked(), wanted.group());
    let rows = attribution::report(&ctx, &asked, group).await?;
    let names = Names::load(&ctx.db).await?;
    let view = View {
        choices: choices(group, asked.open),
        by: group.as_str(),
        deals: if asked.open { "open" } else { "won" },
        tables: tables(
            &rows,
            group,
            |name| named(&ctx, group, name, &names),
            |name| format!("{PATH}/deals{}", wanted.query(&[("of", name)])),
        )?,
        has_attached: group == Group::Partner,
        credit: CREDIT,
        all: format!("{PATH}/deals{}", wanted.query(&[])),
        from: asked.from,
        to: asked.to,
    };
    let frame = Frame::new(&ctx, Area::Console, "Deals and their credit", super::ladder::PATH);
    respond::page(&ctx, "console/attribution", &frame, &view)
}

fn named(ctx: &Context, group: Group, name: &str, names: &Names) -> String {
    match group {
        Group::Channel if name.is_empty() => {
            "no link that we know of: the page itself, or told by others".to_owned()
        }
        Group::Channel if name == MAIL => "a mail of ours".to_owned(),
        Group::Channel => {
            Placement::parse(name).map_or_else(|| name.to_owned(), |place| place.label().to_owned())
        }
        _ if name.is_empty() => "nothing that we know of".to_owned(),
        Group::Asset => asset_title(ctx, name).unwrap_or_else(|| name.to_owned()),
        Group::Partner => names.of(name).to_owned(),
        _ => name.to_owned(),
    }
}

fn tables(
    rows: &[Row],
    group: Group,
    named: impl Fn(&str) -> String,
    href: impl Fn(&str) -> String,
) -> Result<Vec<Table>> {
    let mut currencies: Vec<String> = rows.iter().map(|row| row.currency.clone()).collect();
    currencies.sort();
    currencies.dedup();
    let mut tables = Vec::new();
    for currency in currencies {
        let mut of: Vec<&Row> = rows.iter().filter(|row| row.currency == currency).collect();
        of.sort_by_key(|row| (std::cmp::Reverse(row.share_units), row.name.clone()));
        let sum: i64 = of.iter().map(|row| row.share_units).fold(0, i64::saturating_add);
        let most = of.iter().map(|row| row.share_units).max().unwrap_or(0);
        let grouped = |units: i64| match units {
            0 => Ok(String::new()),
            _ => Amount::stored(units, &currency).map(|amount| amount.to_string()),
        };
        let cell = |part: &Part| Ok(Cell { deals: part.deals, sum: grouped(part.units)? });
        let line = |row: &&Row| {
            Ok(Line {
                name: named(&row.name),
                href: href(&row.name),
                share: grouped(row.share_units)?,
                bar: Bar::single("brand", format!("{currency} {}", row.share), row.share_units, most),
                sourced: cell(&row.sourced)?,
                influenced: cell(&row.influenced)?,
                attached: cell(&row.attached)?,
            })
        };
        let lines = of.iter().map(line).collect::<Result<_>>()?;
        // An asset may be in several kits.
        let total = (group != Group::Kit && sum > 0).then(|| Amount::stored(sum, &currency)).transpose()?;
        tables.push(Table { total: total.map(|sum| sum.to_string()), currency, lines });
    }
    Ok(tables)
}

fn choices(group: Group, open: bool) -> Vec<Chosen> {
    let choice = |value: &str, label: String| Choice { value: value.to_owned(), label };
    vec![
        Chosen {
            name: "by",
            label: "Credited to",
            value: group.as_str().to_owned(),
            options: Group::ALL
                .map(|group| choice(group.as_str(), format!("each {}", group.as_str())))
                .into(),
        },
        Chosen {
            name: "deals",
            label: "Deals",
            value: if open { "open" } else { "" }.to_owned(),
            options: vec![choice("", "won".to_owned()), choice("open", "still open".to_owned())],
        },
    ]
}

/// The deals behind a sum.
#[derive(Debug, Serialize)]
pub struct DealsView {
    /// Whose.
    pub title: String,
    /// How many are shown.
    pub text: String,
    /// Back to the sums.
    pub back: String,
    /// The same as a file.
    pub csv: String,
    /// This page's deals.
    pub deals: Vec<DealLine>,
    /// The first page, on later ones.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// A deal.
#[derive(Debug, Serialize)]
pub struct DealLine {
    /// The lead, with what its amounts are credited to.
    pub href: String,
    /// Person and company.
    pub name: String,
    /// The partner that holds it.
    pub partner: String,
    /// Where it stands.
    pub stage: Badge,
    /// The whole amount.
    pub amount: String,
    /// Who said so, and when it is, or was, closed.
    pub said: String,
    /// When it was said.
    pub at: Moment,
    /// `sourced` or `influenced`; nothing where no group is asked for.
    pub part: Option<Badge>,
    /// The group's share.
    pub share: String,
    /// `3 touches`
    pub touches: String,
}

/// `GET /console/attribution/deals`, and the same with `.csv`.
pub async fn deals(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let (asked, of) = (wanted.asked(), wanted.of());
    let after = (wanted.at.unwrap_or(i64::MIN), wanted.key.as_str());
    let found = attribution::deals(&ctx, &asked, of, after, attribution::PAGE).await?;
    let is_full = found.len() == usize::try_from(attribution::PAGE).unwrap_or(usize::MAX);
    let named_of = wanted.of.as_deref().map(|name| vec![("of", name)]).unwrap_or_default();
    let here = |more: &[(&str, &str)]| {
        let more: Vec<(&str, &str)> = named_of.iter().chain(more).copied().collect();
        wanted.query(&more)
    };
    let next = found.last().filter(|_| is_full).map(|last| {
        let at = last.at_ms.to_string();
        format!("{PATH}/deals{}", here(&[("at", &at), ("key", &last.lead_id)]))
    });
    let (_, zone) = frame::vendor(&ctx);
    let names = Names::load(&ctx.db).await?;
    let title = match of {
        Some((group, name)) => format!("Deals with a part of {}", named(&ctx, group, name, &names)),
        None => "All deals".to_owned(),
    };
    let view = DealsView {
        text: format!(
            "{}, {}, by when the amount was said.",
            counted(found.len(), "deal on this page", "deals on this page"),
            if asked.open { "still open" } else { "won" }
        ),
        back: format!("{PATH}{}", wanted.query(&[])),
        csv: format!("{PATH}/deals.csv{}", here(&[])),
        deals: found
            .into_iter()
            .map(|deal| deal_line(deal, of.is_some(), &names, zone))
            .collect::<Result<_>>()?,
        first: wanted.at.map(|_| format!("{PATH}/deals{}", here(&[]))),
        next,
        title,
    };
    let frame = Frame::new(&ctx, Area::Console, view.title.clone(), super::ladder::PATH);
    respond::page(&ctx, "console/attribution_deals", &frame, &view)
}

fn deal_line(deal: Deal, is_of_group: bool, names: &Names, zone: chrono_tz::Tz) -> Result<DealLine> {
    let amount = Amount::stored(deal.minor_units, &deal.currency)?;
    let share = Amount::stored(deal.share_units, &deal.currency)?;
    let close = deal.close_date.map(|on| format!(", closing {on}")).unwrap_or_default();
    let part = if deal.is_primary { Badge::new("good", "sourced") } else { Badge::new("", "influenced") };
    Ok(DealLine {
        href: format!("/console/leads/{}#amounts", deal.lead_id),
        name: if deal.name.is_empty() {
            "not known any more".to_owned()
        } else {
            format!("{}, {}", deal.name, deal.company)
        },
        partner: names.of(&deal.partner_slug).to_owned(),
        stage: lead::stage(&deal.stage),
        amount: amount.to_string(),
        said: format!("said by {}{close}", deal.actor),
        at: Moment::full(deal.at_ms, zone),
        part: is_of_group.then_some(part),
        share: share.to_string(),
        touches: counted(usize::try_from(deal.touches).unwrap_or(0), "touch", "touches"),
    })
}

/// `GET /console/attribution/deals.csv`
pub async fn csv(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let rows = attribution::export(&ctx, &wanted.asked(), wanted.of()).await?;
    let cells = rows.iter().map(|row| row.each_ref().map(String::as_str));
    let text = table::csv(std::iter::once(attribution::COLUMNS).chain(cells))?;
    Ok(respond::attachment("text/csv; charset=utf-8", "deals.csv", text.into_bytes()))
}

#[cfg(test)]
impl View {
    /// Two partners in euros; or nothing yet.
    pub fn sample(empty: bool) -> Self {
        let part = |deals: i64, sum: &str, units: i64| Part { deals, sum: sum.into(), units };
        let row = |name: &str, share: &str, share_units: i64| Row {
            name: name.into(),
            currency: "EUR".into(),
            sourced: part(2, "36000", 3_600_000),
            influenced: part(1, "8000", 800_000),
            attached: Part::default(),
            share: share.into(),
            share_units,
        };
        let rows = if empty {
            Vec::new()
        } else {
            vec![row("northlight", "38500", 3_850_000), row("", "5500", 550_000)]
        };
        let named =
            |name: &str| if name.is_empty() { "nothing that we know of".into() } else { name.to_owned() };
        Self {
            choices: choices(Group::Partner, false),
            from: String::new(),
            to: String::new(),
            by: "partner",
            deals: "won",
            tables: tables(&rows, Group::Partner, named, |_| "#".into()).unwrap(),
            has_attached: true,
            credit: CREDIT,
            all: "#".into(),
        }
    }
}

#[cfg(test)]
impl DealsView {
    /// One; or none.
    pub fn sample(empty: bool) -> Self {
        let deal = Deal {
            lead_id: "led_1".into(),
            name: "Ana Ruiz".into(),
            company: "Harbor Clinic Group".into(),
            partner_slug: "northlight".into(),
            stage: "won".into(),
            minor_units: 2_400_000,
            currency: "EUR".into(),
            actor: "Luis Ortega".into(),
            at_ms: 1_799_766_000_000,
            close_date: Some("2027-01-12".into()),
            is_primary: true,
            share_units: 960_000,
            touches: 2,
        };
        let deals = if empty { Vec::new() } else { vec![deal] };
        Self {
            title: "Deals with a part of Northlight MSP".into(),
            text: "1 deal on this page, won, by when the amount was said.".into(),
            back: PATH.into(),
            csv: "#".into(),
            deals: deals
                .into_iter()
                .map(|deal| deal_line(deal, true, &Names::default(), chrono_tz::Europe::Oslo).unwrap())
                .collect(),
            first: (!empty).then(|| "#".into()),
            next: (!empty).then(|| "#".into()),
        }
    }
}
