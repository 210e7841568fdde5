//! The console: what is promised, what is on its way, and how it went; for marketers and channel managers.

pub mod alarms;
pub mod attribution;
pub mod audience;
pub mod bundle;
pub mod calendar;
pub mod conflicts;
pub mod content;
pub mod dead_letters;
pub mod diff;
pub mod embeds;
pub mod issue;
pub mod ladder;
pub mod ladder_rows;
pub mod lead_amounts;
mod lead_calls;
pub mod lead_give;
pub mod lead_offers;
pub mod leads;
pub mod levers;
pub mod messages;
pub mod overview;
pub mod partners;
pub mod person;
pub mod progress;
pub mod promises;
pub mod revisions;
pub mod sequences;
pub mod signin;
pub mod sites;
pub mod social;
pub mod social_account;
pub mod suppressions;
pub mod trial;
pub mod webhook;
pub mod webhooks;

use std::sync::Arc;

use axum::response::Response;

use super::{
    respond,
    view::{
        authored,
        chart::{Badge, Bar},
        world::World,
    },
};
use crate::{
    domain::{content::kinds::IssueZone, delivery::DeliveryState, kernel::Result},
    store::issues,
    work::Context,
};

/// `GET /` where there is no story: to the console.
pub async fn home() -> Response {
    respond::see_other("/console")
}

/// How an issue stands, in a word.
pub fn issue_badge(issue: &issues::Issue) -> Badge {
    match (issue.control.as_str(), issue.state.as_str()) {
        ("cancelled", _) | (_, "cancelled") => Badge::new("bad", "cancelled"),
        ("paused", _) => Badge::new("warn", "paused"),
        (_, "done") => Badge::new("good", "done"),
        (_, "sending") => Badge::new("brand", "on its way"),
        (_, "frozen") => Badge::new("warn", "waits for approval"),
        (_, state) => Badge::new("", state),
    }
}

/// How a delivery stands, in a word.
pub fn delivery_tone(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Accepted => "good",
        DeliveryState::Sending => "brand",
        DeliveryState::Uncertain | DeliveryState::Suppressed => "warn",
        DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Dead => "bad",
        DeliveryState::Ready | DeliveryState::Cancelled => "",
    }
}

/// The deliveries of an issue by state.
///
/// # Errors
/// Those of the store.
pub async fn delivery_bar(ctx: &Context, issue_id: &str) -> Result<Bar> {
    Ok(state_bar(&ctx.figures.counts(ctx, issue_id).await?))
}

/// Deliveries by state; those that were accepted are named also where there is none.
pub fn state_bar(counts: &[(DeliveryState, i64)]) -> Bar {
    let of = |state: DeliveryState| {
        counts.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count)
    };
    let parts: Vec<(&'static str, &'static str, i64)> = DeliveryState::ALL
        .into_iter()
        .map(|state| (delivery_tone(state), state.as_str(), of(state)))
        .filter(|(_, word, count)| *count > 0 || *word == "accepted")
        .collect();
    let (accepted, others): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(_, word, _)| *word == "accepted");
    Bar::of(&[accepted, others].concat())
}

/// The promises of an issue around the world.
///
/// # Errors
/// Those of the store.
pub async fn world(ctx: &Context, issue: &issues::Issue) -> Result<World> {
    let promises = ctx.figures.promises(ctx, issue).await?;
    // By the vendor's clock, or one that is named, a place is that clock's, and not where somebody reads.
    let cities = match issue_zone(ctx, &issue.newsletter) {
        Some(IssueZone::Vendor | IssueZone::Named(_)) => Arc::default(),
        Some(IssueZone::Contact | IssueZone::Partner) | None => ctx.figures.cities(ctx).await?,
    };
    let (_, zone) = super::frame::vendor(ctx);
    let whose = whose_time(ctx, &issue.newsletter);
    Ok(World::of(&authored(&issue.title), &promises, &cities, zone, &whose, ctx.now_ms()))
}

/// Whose clock a newsletter's cadence goes by, as it stands behind an hour.
pub fn whose_time(ctx: &Context, newsletter: &str) -> String {
    let zone = match issue_zone(ctx, newsletter) {
        Some(IssueZone::Contact) => return "each reader’s own time".to_owned(),
        Some(IssueZone::Partner) => return "each partner’s own time".to_owned(),
        Some(IssueZone::Vendor) => super::frame::vendor(ctx).1,
        Some(IssueZone::Named(zone)) => zone,
        // It is gone from the content.
        None => return "local time".to_owned(),
    };
    format!("in {}", zone.name().replace('_', " "))
}

/// Whose clock it is; none for a newsletter that is gone from the content.
fn issue_zone(ctx: &Context, newsletter: &str) -> Option<IssueZone> {
    let library = ctx.library();
    library.newsletters().find(|(asset, _)| asset.slug() == newsletter).map(|(_, letter)| letter.zone)
}

/// The title of an asset for people, as authored.
pub fn asset_title(ctx: &Context, reference: &str) -> Option<String> {
    let library = ctx.library();
    library.versions(reference).first().map(|asset| authored(asset.front.title.as_str()))
}
