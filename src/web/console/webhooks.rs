//! Where other systems are told what happens: the list, and the form that adds one.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};

use super::{signin::Actor, suppressions::Notice};
use crate::{
    domain::{
        crm,
        kernel::{Kind, Result, clock::utc},
        webhook::Chat,
    },
    store::{
        partners,
        webhooks::{Endpoint, endpoints},
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{Choice, chart::Badge, counted, when::Moment},
    },
    work::{
        Context,
        webhooks::{self, CONCURRENCY, Order},
    },
};

/// Where it is.
pub(super) const PATH: &str = "/console/webhooks";

/// The page.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `2 endpoints`
    pub text: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// What the receiver of the one that was just added verifies with, and its page.
    pub added: Option<Added>,
    /// The endpoints.
    pub lines: Vec<Line>,
    /// Whose it may be.
    pub owners: Vec<Choice>,
    /// How its messages may be written.
    pub formats: Vec<Choice>,
    /// What was typed.
    pub typed: Typed,
}

/// One that was just added.
#[derive(Debug, Serialize)]
pub struct Added {
    /// Its page.
    pub href: String,
    /// What people call it.
    pub name: String,
    /// `whsec_…`, and `whpk_…` if it has a pair; nothing of a chat room.
    pub secrets: Vec<String>,
}

/// An endpoint in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// What people call it.
    pub name: String,
    /// Whose.
    pub owner: String,
    /// Where.
    pub url: String,
    /// How it stands.
    pub state: Badge,
    /// Why, or since when it fails.
    pub because: String,
    /// Since when it stands so.
    pub since: Moment,
}

/// The form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    url: String,
    partner: String,
    contact_name: String,
    contact_email: String,
    events: String,
    format: String,
    per_second: String,
    ordered: String,
    pair: String,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
}

/// `GET /console/webhooks`
pub async fn list(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let notice = (asked.done == "removed")
        .then(|| Notice { tone: "good", text: "Removed, with its secrets and messages.".to_owned() });
    show(&ctx, Typed::default(), notice, None).await
}

async fn show(ctx: &Context, typed: Typed, notice: Option<Notice>, added: Option<Added>) -> Answer {
    let (vendor, zone) = frame::vendor(ctx);
    let all = partners::all_partners(&ctx.db).await?;
    let owner = |slug: &str| match all.iter().find(|partner| partner.slug.as_str() == slug) {
        Some(partner) => partner.name.clone(),
        None if slug.is_empty() => vendor.clone(),
        None => slug.to_owned(),
    };
    let endpoints = endpoints::list(&ctx.db, None).await?;
    let lines: Vec<Line> = endpoints
        .iter()
        .map(|endpoint| Line {
            href: format!("{PATH}/{}", endpoint.id),
            name: endpoint.name.clone(),
            owner: owner(&endpoint.partner_slug),
            url: endpoint.url.clone(),
            state: badge(endpoint),
            because: because(endpoint),
            since: Moment::short(endpoint.state_ms, zone),
        })
        .collect();
    let owners = std::iter::once(Choice::new("", &vendor))
        .chain(all.iter().map(|partner| Choice::new(partner.slug.as_str(), &partner.name)));
    let view = ListView {
        text: counted(lines.len(), "endpoint", "endpoints"),
        notice,
        added,
        lines,
        owners: owners.collect(),
        formats: formats(ctx),
        typed,
    };
    respond::page(ctx, "console/webhooks", &Frame::new(ctx, Area::Console, "Webhooks", PATH), &view)
}

/// How messages may be written: as they are, for a chat room, or by a field map that has no faults.
fn formats(ctx: &Context) -> Vec<Choice> {
    let library = ctx.library();
    let maps = library.field_maps.keys().filter(|name| crm::map_of(&library, name).is_some());
    let standard = Choice::new(crm::STANDARD, "as they are: JSON, ids and words");
    let chats = Chat::ALL.map(|chat| Choice::new(chat.as_str(), &format!("for a room of {}", chat.name())));
    let maps = maps.map(|name| Choice::new(name, &format!("as records, by crm/{name}.toml")));
    std::iter::once(standard).chain(chats).chain(maps).collect()
}

/// How an endpoint stands, in a word.
pub(super) fn badge(endpoint: &Endpoint) -> Badge {
    match (endpoint.state.as_str(), endpoint.failing_since_ms) {
        ("active", _) if endpoint.withheld_since_ms.is_some() => Badge::new("warn", "held back"),
        ("active", None) => Badge::new("good", "active"),
        ("active", Some(_)) => Badge::new("warn", "fails"),
        ("pending", _) => Badge::new("warn", "not verified"),
        ("disabled", _) => Badge::new("bad", "disabled"),
        (state, _) => Badge::new("", state),
    }
}

/// Why it stands so; nothing for one that works.
pub(super) fn because(endpoint: &Endpoint) -> String {
    let since = |ms| utc(ms).format("%-d %b, %H:%M UTC");
    match (endpoint.state.as_str(), endpoint.withheld_since_ms, endpoint.failing_since_ms) {
        ("active", Some(since_ms), _) => {
            format!("messages wait for a fault of ours since {}", since(since_ms))
        }
        ("active", None, None) => String::new(),
        ("active", None, Some(since_ms)) => {
            let failures = usize::try_from(endpoint.failures).unwrap_or_default();
            let since = since(since_ms);
            format!("{} in a row since {since}", counted(failures, "failure", "failures"))
        }
        _ => endpoint.because.clone(),
    }
}

/// `POST /console/webhooks`
pub async fn add(State(ctx): State<Arc<Context>>, Actor(actor): Actor, Body(typed): Body<Typed>) -> Answer {
    match try_add(&ctx, &actor, &typed).await {
        Ok(added) => {
            let text = if added.secrets.is_empty() {
                "Added. Verify it now: the room is greeted, and nothing is sent before."
            } else {
                "Added. Give the receiver what is below, then verify the endpoint: nothing is sent before."
            };
            let notice = Notice { tone: "good", text: text.to_owned() };
            show(&ctx, Typed::default(), Some(notice), Some(added)).await
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, typed, Some(notice), None).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn try_add(ctx: &Context, actor: &str, typed: &Typed) -> Result<Added> {
    let order = Order {
        partner: Some(typed.partner.clone()).filter(|slug| !slug.is_empty()),
        name: typed.name.clone(),
        url: typed.url.trim().to_owned(),
        contact_name: typed.contact_name.clone(),
        contact_email: typed.contact_email.clone(),
        events: typed.events.split([' ', ',']).map(str::to_owned).collect(),
        ordered: typed.ordered == "yes",
        // What is no number is none that is allowed.
        per_second: if typed.per_second.trim().is_empty() {
            0
        } else {
            typed.per_second.trim().parse().unwrap_or(-1)
        },
        concurrency: CONCURRENCY,
        pair: typed.pair == "yes",
        format: typed.format.clone(),
        ..Order::default()
    };
    let (endpoint, mut secrets) = webhooks::add(ctx, actor, &order).await?;
    if Chat::parse(&endpoint.format).is_some() {
        // A room verifies nothing.
        secrets.clear();
    }
    Ok(Added { href: format!("{PATH}/{}", endpoint.id), name: endpoint.name, secrets })
}

#[cfg(test)]
impl ListView {
    /// One that was just added and one that fails, or nothing.
    pub fn sample(some: bool) -> Self {
        let line = |name: &str, state: Badge, because: &str| Line {
            href: "#".into(),
            name: name.into(),
            owner: "Northlight MSP".into(),
            url: "https://crm.northlight.example/hooks/partnercast?of=<b>".into(),
            state,
            because: because.into(),
            since: Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo),
        };
        let lines = vec![
            line("CRM", Badge::new("warn", "fails"), "6 failures in a row since 12 Jan, 08:00 UTC"),
            line("Team channel", Badge::new("good", "active"), ""),
        ];
        Self {
            text: if some { "2 endpoints" } else { "0 endpoints" }.into(),
            notice: some.then(|| Notice { tone: "good", text: "Added.".into() }),
            added: some.then(|| Added {
                href: "#".into(),
                name: "CRM".into(),
                secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
            }),
            lines: if some { lines } else { Vec::new() },
            formats: vec![
                Choice::new("standard", "as they are: JSON, ids and words"),
                Choice::new("slack", "for a room of Slack"),
            ],
            owners: vec![Choice::new("", "Brackenfold"), Choice::new("northlight", "Northlight MSP")],
            typed: Typed { name: "CRM".into(), ..Typed::default() },
        }
    }
}
