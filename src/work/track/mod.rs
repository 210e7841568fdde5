//! Clicks, page views and downloads: judged, batched, durable.
//!
//! A click's target comes from the stored links. The reader is sent on as soon as the click is durable: in the database,
//! or, where that does not take it within [`PATIENCE`], in the spool (`spool`).

mod recent;
mod recorder;
mod spool;
mod stay;
mod trap;

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{context::Context, link_book, tokens::MailToken};
use crate::{
    domain::{
        engagement::{Around, EventKind, Evidence, Followed, Machines, Placement, Reason, Verdict, judge},
        kernel::{
            Error, Result,
            clock::{DAY_MS, HOUR_MS, UtcMs},
            id::{DeliveryId, EventId, LeadId},
            token::Purpose,
        },
    },
    store::{
        deliveries,
        events::{self, Event},
        renditions,
    },
};

pub use recorder::{Tracker, run, write_batch};
pub use spool::{Spool, replay};
pub use stay::{STAY_OPEN_MS, stay};
pub use trap::trapped;

/// Longest time that the database is given before an event goes into the spool.
const PATIENCE: Duration = Duration::from_millis(250);
/// Nobody fills in a form sooner after its page was shown.
const READ_MS: i64 = 1_000;
/// Longest user agent kept, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// Who asks, as far as a request tells.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// HTTP method.
    pub method: String,
    /// User agent.
    pub agent: String,
    /// Network, truncated to /24 or /48.
    pub network: String,
    /// Whether a browser says that it only prefetches.
    pub prefetch: bool,
}

/// An event that was taken and may not be on disk yet.
#[must_use = "what is acknowledged must be durable"]
pub struct Recording {
    event: Event,
    written: Option<oneshot::Receiver<()>>,
}

impl Recording {
    /// A token with which the page may tell how long it was in view.
    pub fn stay_token(&self, ctx: &Context) -> Option<String> {
        let id = EventId::parse(&self.event.id).ok()?;
        Some(ctx.keys.sign(Purpose::Stay, &id.to_bytes()))
    }

    /// A token by which whoever follows the hidden link of the page is known to have looked at it.
    pub fn trap_token(&self, ctx: &Context) -> Option<String> {
        let id = EventId::parse(&self.event.id).ok()?;
        Some(ctx.keys.sign(Purpose::Trap, &id.to_bytes()))
    }

    /// Waits until the event is on disk: in the database, or in the spool. Where neither takes it, the person is served all
    /// the same, the log says so, and the event is in memory alone.
    pub async fn settled(self, ctx: &Context) {
        if let Some(written) = self.written
            && let Ok(Ok(())) = tokio::time::timeout(PATIENCE, written).await
        {
            return;
        }
        ctx.tracker.set_aside(&self.event).await;
    }
}

/// Follows a tracked link: records the click and returns where it leads. Our own pages are told which delivery led
/// there (`via`), so that what happens on them can be credited. The hidden link leads to [`link_book::HIDDEN`].
///
/// # Errors
/// `NotFound` for a token we did not sign or a link that the rendition does not have.
pub async fn click(ctx: &Context, token: &str, link_no: i64, visitor: &Visitor) -> Result<String> {
    let mail = MailToken::verify(&ctx.keys, Purpose::Click, token)?;
    let rendition_id = mail.rendition_id();
    let links = match ctx.tracker.links.get(&rendition_id) {
        Some(links) => links,
        None => {
            let links = renditions::links(&ctx.db, &rendition_id).await?;
            ctx.tracker.links.put(&rendition_id, links)
        }
    };
    let link = links
        .iter()
        .find(|link| link.no == link_no)
        .ok_or_else(|| Error::not_found("the target of this link"))?;
    let mut event = blank(ctx, EventKind::Click, visitor);
    event.delivery_id = Some(mail.delivery.to_string());
    event.link_no = Some(link_no);
    event.asset.clone_from(&link.asset);
    event.honeypot = link.target == link_book::HIDDEN;
    ctx.tracker.take_up(event).settled(ctx).await;
    // Our own pages are stored as paths, so that moving to another address breaks no link already sent. They get a token
    // that names the mail, and opens nothing; others' addresses stay as they are.
    if !link.target.starts_with("/p/") {
        return Ok(link.target.clone());
    }
    let joint = if link.target.contains('?') { '&' } else { '?' };
    Ok(format!("{}{joint}via={}", link.target, mail.sign(&ctx.keys, Purpose::Via)))
}

/// The delivery that a `via` parameter names, if we signed it.
pub fn via(ctx: &Context, token: &str) -> Option<DeliveryId> {
    MailToken::verify(&ctx.keys, Purpose::Via, token).ok().map(|mail| mail.delivery)
}

/// What happened on one of our pages.
#[derive(Debug, Clone)]
pub struct OnPage<'a> {
    /// What it was.
    pub kind: EventKind,
    /// Whose page.
    pub partner: &'a str,
    /// Which asset.
    pub asset: &'a str,
    /// The revision that the file was made of, by hash; of downloads alone.
    pub revision: Option<&'a str>,
    /// The delivery that led here.
    pub via: Option<DeliveryId>,
    /// The lead, where we know them.
    pub lead: Option<LeadId>,
}

/// How long behind a click what is done on its page is still theirs who clicked.
const THEIRS_MS: i64 = HOUR_MS;

/// Takes up that somebody goes to the recording of the webinar `asset`; a lead is credited with it whose own click led to its
/// page within the hour before.
///
/// # Errors
/// Those of the store.
pub async fn replay_of(
    ctx: &Context,
    partner: &str,
    asset: &str,
    via: Option<DeliveryId>,
    visitor: &Visitor,
) -> Result<Recording> {
    let lead = match via {
        Some(delivery) => {
            stay::clicker(ctx, &delivery.to_string(), Some(asset), ctx.now_ms(), THEIRS_MS).await?
        }
        None => None,
    };
    let lead = lead.and_then(|lead| LeadId::parse(&lead).ok());
    let what = OnPage { kind: EventKind::WebinarReplay, partner, asset, revision: None, via, lead };
    Ok(on_page(ctx, &what, visitor))
}

/// Takes up a page view or a download; the answer waits for [`Recording::settled`].
pub fn on_page(ctx: &Context, what: &OnPage<'_>, visitor: &Visitor) -> Recording {
    placed(ctx, what, None, visitor)
}

/// The same, with where the link stood that led there, where that was no mail of ours.
pub fn placed(
    ctx: &Context,
    what: &OnPage<'_>,
    placement: Option<Placement>,
    visitor: &Visitor,
) -> Recording {
    let mut event = blank(ctx, what.kind, visitor);
    event.channel = placement.map(|it| it.as_str().to_owned()).unwrap_or_default();
    event.partner_slug = what.partner.to_owned();
    // A list is of no asset.
    event.asset = (!what.asset.is_empty()).then(|| what.asset.to_owned());
    event.revision = what.revision.map(str::to_owned);
    event.delivery_id = what.via.map(|id| id.to_string());
    event.lead_id = what.lead.map(|id| id.to_string());
    ctx.tracker.take_up(event)
}

/// Takes up that a program asked for the feed `feed` of `partner`: one event for each day, feed and program, whatever it calls
/// itself, so that asking every few minutes fills no table.
pub fn feed_read(ctx: &Context, partner: &str, feed: &str, visitor: &Visitor) -> Recording {
    let mut event = blank(ctx, EventKind::FeedRead, visitor);
    event.id = once_a_day(event.at_ms, &["feed", partner, feed, &event.agent]);
    event.partner_slug = partner.to_owned();
    event.channel = Placement::Feed.as_str().to_owned();
    ctx.tracker.take_up(event)
}

/// By what somebody is known who says that they shared something.
#[derive(Debug, Clone, Copy)]
pub enum SharedBy<'a> {
    /// By the message that they got.
    Mail(DeliveryId),
    /// By the post that was theirs to share (`spo_…`).
    Post(&'a str),
}

/// Takes up that somebody says that they shared `asset` on `network`: one event for each day, however often they press.
pub fn shared(
    ctx: &Context,
    (partner, asset): (&str, &str),
    network: Placement,
    by: SharedBy<'_>,
    visitor: &Visitor,
) -> Recording {
    let mut event = blank(ctx, EventKind::Share, visitor);
    let via = match by {
        SharedBy::Mail(via) => via.to_string(),
        SharedBy::Post(post) => post.to_owned(),
    };
    event.id = once_a_day(event.at_ms, &["share", &via, asset, network.as_str()]);
    event.partner_slug = partner.to_owned();
    event.asset = Some(asset.to_owned());
    event.channel = network.as_str().to_owned();
    event.delivery_id = matches!(by, SharedBy::Mail(_)).then_some(via);
    ctx.tracker.take_up(event)
}

/// The key of an event that a day in UTC has once.
fn once_a_day(at_ms: UtcMs, parts: &[&str]) -> String {
    let day_ms = at_ms - at_ms.rem_euclid(DAY_MS);
    let mut key = EventId::since(day_ms).to_bytes();
    key[6..].copy_from_slice(&Sha256::digest(parts.join("\n"))[..10]);
    EventId::from_bytes(key).to_string()
}

/// An event of now by `visitor`, not yet judged.
pub(super) fn blank(ctx: &Context, kind: EventKind, visitor: &Visitor) -> Event {
    let at_ms = ctx.now_ms();
    let agent = &visitor.agent;
    let end = agent.char_indices().nth(AGENT_CHARS_MAX).map_or(agent.len(), |(at, _)| at);
    Event {
        id: EventId::new(at_ms, &*ctx.random).to_string(),
        kind: kind.as_str().to_owned(),
        at_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: None,
        partner_slug: String::new(),
        asset: None,
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        link_no: None,
        method: visitor.method.clone(),
        agent: agent[..end].to_owned(),
        network: visitor.network.clone(),
        prefetch: visitor.prefetch,
        honeypot: false,
        human: true,
        reason: Reason::Person.as_str().to_owned(),
        verdict: String::new(),
    }
}

/// Judges an event by its request, when and to whom its message went (`origin`: accepted at, whether it is a test copy), and
/// what else was done with that.
pub(super) fn verdict(
    event: &Event,
    origin: Option<(Option<UtcMs>, bool)>,
    around: Around,
    machines: &Machines,
) -> Verdict {
    let evidence = Evidence {
        method: &event.method,
        agent: &event.agent,
        network: &event.network,
        prefetch: event.prefetch,
        honeypot: event.honeypot,
        since_accepted_ms: origin.and_then(|(accepted_ms, _)| accepted_ms).map(|at_ms| event.at_ms - at_ms),
        is_test: origin.is_some_and(|(_, is_test)| is_test),
        is_polled: event.kind == EventKind::FeedRead.as_str(),
        around,
    };
    judge(&evidence, machines)
}

/// Whether a form that came by way of a message is filled in as only machines do: beside a burst or the hidden link, sooner
/// than the message could be read, or sooner than the page could be. Mail scanners do fill in forms.
///
/// # Errors
/// Those of the store.
pub(super) async fn is_rushed(ctx: &Context, delivery: DeliveryId, visitor: &Visitor) -> Result<bool> {
    let Some(sent) = deliveries::sent(&ctx.db, delivery).await? else { return Ok(false) };
    let (machines, now_ms) = (ctx.machines(), ctx.now_ms());
    let seen = events::of_delivery(&ctx.db, &sent.id).await?;
    let pages = [EventKind::PageView, EventKind::EmbedView].map(EventKind::as_str);
    let is_page = |event: &&Event| pages.contains(&event.kind.as_str());
    if seen.iter().rfind(is_page).is_some_and(|page| now_ms - page.at_ms < READ_MS) {
        return Ok(true);
    }
    let followed = seen.iter().filter_map(|event| {
        Some(Followed { at_ms: event.at_ms, link_no: event.link_no?, honeypot: event.honeypot })
    });
    let around = Around::of(now_ms, &followed.collect::<Vec<_>>(), &machines);
    let event = blank(ctx, EventKind::PageView, visitor);
    let reason = verdict(&event, Some((sent.accepted_ms, false)), around, &machines).reason;
    Ok(matches!(reason, Reason::NearHoneypot | Reason::Burst | Reason::TooSoon))
}
