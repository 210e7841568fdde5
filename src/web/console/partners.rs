//! Partners: who they are, how they look, who works there.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use super::{
    leads::{self, Line as LeadLine},
    promises::{self, Card},
    social,
};
use crate::{
    domain::{
        engagement::{EventKind, Placement},
        kernel::{Error, Result, clock::DAY_MS},
        partner::{Partner, PartnerType, Region, Tier, Typeface},
    },
    store::{events, partners},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{Fact, chart::Bar, counted, when::time_of_day},
    },
    work::{Context, calendars, feeds, kept},
};

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `12 partners`
    pub text: String,
    /// By slug.
    pub partners: Vec<Line>,
}

/// A partner in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: &'static str,
    /// Its level.
    pub tier: &'static str,
    /// Where it is.
    pub city: String,
    /// What clocks say there.
    pub time: String,
    /// Its language.
    pub locale: String,
    /// Its colours.
    pub primary: String,
    /// Its colours.
    pub accent: String,
    /// What is missing.
    pub warning: Option<&'static str>,
}

/// One partner.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Type, level, place.
    pub text: String,
    /// Its page for customers.
    pub home: String,
    /// The calendar of all that it gets, to subscribe to.
    pub calendar: String,
    /// What it pastes into its own site.
    pub embed: String,
    /// Its feeds, to subscribe to.
    pub feeds: Vec<Feed>,
    /// Its accounts at social networks.
    pub accounts: Vec<social::Line>,
    /// Where another one is connected.
    pub connect: String,
    /// What came of what it spreads, in the last 90 days.
    pub spread: Vec<Spread>,
    /// Who works there.
    pub contacts: Vec<Contact>,
    /// Its leads.
    pub leads: Vec<LeadLine>,
    /// Address of its logo.
    pub logo: Option<String>,
    /// Address of the one for dark grounds.
    pub logo_dark: Option<String>,
    /// What a screen reader says for it.
    pub logo_alt: String,
    /// Brand and more.
    pub facts: Vec<Fact>,
    /// How promises to its readers were kept.
    pub promises: Vec<Card>,
    /// How its reps keep lead clocks.
    pub clocks: Bar,
}

/// What was done by way of one place.
#[derive(Debug, Serialize)]
pub struct Spread {
    /// `LinkedIn`
    pub place: &'static str,
    /// `followed a link`
    pub what: &'static str,
    /// By people.
    pub people: i64,
    /// By machines.
    pub machines: i64,
}

/// An address of a feed.
#[derive(Debug, Serialize)]
pub struct Feed {
    /// For whom.
    pub label: &'static str,
    /// Atom.
    pub atom: String,
    /// JSON Feed.
    pub json: String,
}

/// A person there.
#[derive(Debug, Serialize)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: String,
    /// Address.
    pub email: String,
    /// Language.
    pub locale: String,
    /// Whether leads are offered to them.
    pub lead_contact: bool,
}

/// `GET /console/partners`
pub async fn list(State(ctx): State<Arc<Context>>) -> Answer {
    let all = partners::all_partners(&ctx.db).await?;
    let now_ms = ctx.now_ms();
    let line = |partner: Partner| Line {
        href: format!("/console/partners/{}", partner.slug),
        kind: type_label(partner.partner_type),
        tier: tier_label(partner.tier),
        time: time_of_day(now_ms, partner.zone),
        locale: partner.locale.to_string(),
        primary: partner.brand.primary.to_string(),
        accent: partner.brand.accent.to_string(),
        warning: partner.brand.logo.is_none().then_some("no logo"),
        name: partner.name,
        city: partner.city,
    };
    let view = ListView {
        text: counted(all.len(), "partner", "partners"),
        partners: all.into_iter().map(line).collect(),
    };
    respond::page(
        &ctx,
        "console/partners",
        &Frame::new(&ctx, Area::Console, "Partners", "/console/partners"),
        &view,
    )
}

/// `GET /console/partners/{slug}`
pub async fn page(State(ctx): State<Arc<Context>>, Path(slug): Path<String>) -> Answer {
    let partner = partners::partner(&ctx.db, &slug).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let contacts = partners::contacts_of(&ctx.db, &slug).await?;
    let promised = kept::newsletters(&ctx, Some(&slug)).await?;
    let view = View {
        text: format!(
            "{}, {} tier, {}, {}",
            type_label(partner.partner_type),
            tier_label(partner.tier),
            partner.city,
            region_label(partner.region)
        ),
        home: format!("/p/{slug}"),
        calendar: calendars::path(&ctx, None, Some((&slug, partner.zone))),
        embed: format!("/console/partners/{slug}/embed"),
        feeds: feed_addresses(&ctx, &slug),
        spread: spread(&ctx, &slug).await?,
        accounts: social::of_partner(&ctx, &slug).await?,
        connect: format!("{}?partner={slug}", social::PATH),
        contacts: contacts
            .into_iter()
            .map(|stored| Contact {
                name: stored.contact.name,
                roles: stored.contact.roles.to_string().replace(';', ", "),
                email: stored.contact.email.to_string(),
                locale: stored.contact.locale.unwrap_or_else(|| partner.locale.clone()).to_string(),
                lead_contact: stored.contact.lead_contact,
            })
            .collect(),
        leads: leads::of_partner(&ctx, &slug).await?,
        logo: partner.brand.logo.as_ref().map(|hash| format!("/media/{hash}.png")),
        logo_dark: partner.brand.logo_dark.as_ref().map(|hash| format!("/media/{hash}.png")),
        logo_alt: partner.brand.logo_alt.clone().unwrap_or_else(|| partner.name.clone()),
        facts: facts(&partner, ctx.now_ms()),
        promises: promised.into_iter().map(promises::card).collect(),
        clocks: promises::clocks_bar(&kept::clocks(&ctx, Some(&slug)).await?),
        name: partner.name,
    };
    respond::page(
        &ctx,
        "console/partner",
        &Frame::new(&ctx, Area::Console, &view.name, "/console/partners"),
        &view,
    )
}

/// How far back it is told what came of what a partner spreads.
const SPREAD_MS: i64 = 90 * DAY_MS;

async fn spread(ctx: &Context, partner: &str) -> Result<Vec<Spread>> {
    let told = events::by_channel(&ctx.db, partner, ctx.now_ms() - SPREAD_MS).await?;
    let line = |it: events::OfChannel| {
        let (place, kind) = (Placement::parse(&it.channel)?, EventKind::parse(&it.kind)?);
        Some(Spread { place: place.label(), what: kind.phrase(), people: it.human, machines: it.machine })
    };
    Ok(told.into_iter().filter_map(line).collect())
}

/// Whole addresses: they go into a program that reads feeds.
fn feed_addresses(ctx: &Context, partner: &str) -> Vec<Feed> {
    let base = &ctx.settings.public_url;
    let feed = |label, path: String| Feed {
        label,
        atom: format!("{base}{path}.atom"),
        json: format!("{base}{path}.json"),
    };
    vec![
        feed("For anybody: what its page shows", feeds::public_path(partner)),
        feed(
            "For its own people: kits, playbooks and posts too. Whoever has the address may read it",
            feeds::inside_path(ctx, partner),
        ),
    ]
}

fn facts(partner: &Partner, now_ms: i64) -> Vec<Fact> {
    let brand = &partner.brand;
    let some = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let mut facts = vec![
        Fact::new(
            "Time there",
            format!("{}, {}", time_of_day(now_ms, partner.zone), partner.zone.name().replace('_', " ")),
        ),
        Fact::new("Website", &partner.website),
        Fact::new("Channel manager", &partner.channel_manager_email),
        Fact::new("Industries", partner.verticals.join(", ")),
        Fact::new("Solutions", partner.solutions.join(", ")),
        Fact::new("Promise", some(&brand.value_proposition)),
        Fact::new("Proof", some(&brand.proof)),
        Fact::new("Button", some(&brand.call_to_action)),
        Fact::new("Colours", format!("{} and {}", brand.primary, brand.accent)),
        Fact::new("Typeface", brand.typeface.map_or("none of its own", Typeface::family)),
    ];
    if let Some(parent) = &partner.parent {
        facts.push(Fact::new("Belongs to", parent.as_str()));
    }
    facts
}

fn type_label(partner_type: PartnerType) -> &'static str {
    match partner_type {
        PartnerType::Msp => "Managed service provider",
        PartnerType::Reseller => "Reseller",
        PartnerType::Si => "Systems integrator",
        PartnerType::Hoster => "Hoster",
        PartnerType::Consultant => "Consultant",
        PartnerType::Distributor => "Distributor",
    }
}

fn tier_label(tier: Tier) -> &'static str {
    match tier {
        Tier::Registered => "registered",
        Tier::Silver => "silver",
        Tier::Gold => "gold",
        Tier::Platinum => "platinum",
    }
}

fn region_label(region: Region) -> &'static str {
    match region {
        Region::Americas => "Americas",
        Region::Emea => "Europe, Middle East, Africa",
        Region::Apac => "Asia and Pacific",
    }
}

#[cfg(test)]
impl ListView {
    /// Two partners.
    pub fn sample() -> Self {
        let line = |name: &str, city: &str, primary: &str, warning| Line {
            href: "#".into(),
            name: name.into(),
            kind: "Managed service provider",
            tier: "gold",
            city: city.into(),
            time: "09:04 CST".into(),
            locale: "en-US".into(),
            primary: primary.into(),
            accent: "#0f766e".into(),
            warning,
        };
        Self {
            text: "2 partners".into(),
            partners: vec![
                line("Northlight MSP", "Minneapolis", "#1a2f6b", None),
                line("Dune Gate Distribution", "Dubai", "#8a5a12", Some("no logo")),
            ],
        }
    }
}

#[cfg(test)]
impl View {
    /// Northlight.
    pub fn sample() -> Self {
        Self {
            name: "Northlight MSP".into(),
            text: "Managed service provider, platinum tier, Minneapolis, Americas".into(),
            home: "/p/northlight".into(),
            calendar: "/calendars/abc".into(),
            accounts: social::Line::samples(),
            connect: "/console/social?partner=northlight".into(),
            embed: "/console/partners/northlight/embed".into(),
            spread: vec![Spread { place: "LinkedIn", what: "followed a link", people: 12, machines: 4 }],
            feeds: vec![Feed {
                label: "For anybody: what its page shows",
                atom: "https://cast.example/p/northlight/feed.atom".into(),
                json: "https://cast.example/p/northlight/feed.json".into(),
            }],
            contacts: vec![Contact {
                name: "Luis Ortega".into(),
                roles: "sales".into(),
                email: "luis.ortega@northlight.example".into(),
                locale: "en-US".into(),
                lead_contact: true,
            }],
            leads: vec![LeadLine::sample()],
            logo: Some("/media/northlight.png".into()),
            logo_dark: Some("/media/northlight-dark.png".into()),
            logo_alt: "Northlight MSP".into(),
            facts: vec![Fact::new("Website", "https://northlight.example")],
            promises: promises::ListView::sample().newsletters,
            clocks: promises::ListView::sample().clocks,
        }
    }
}
