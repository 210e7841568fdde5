//! What people do with endpoints: add one, have it rest and go on, change its secrets, try it, have things sent again, take it away.

use sha2::{Digest as _, Sha256};

use super::{CONCURRENCY_MAX, ENDPOINTS_MAX, PER_SECOND_MAX, new_id, secret};
use crate::{
    channel::egress::Target,
    domain::{
        content::finding::did_you_mean,
        crm,
        kernel::{
            EmailAddress, Error, Result,
            clock::{HOUR_MS, UtcMs},
            id::{EndpointId, WebhookId},
            text::single_line,
        },
        webhook::{Chat, Event, EventKind, Filters, Scope, Secret, filter::matching, shown::without_query},
    },
    store::{
        audit, partners,
        webhooks::{
            Endpoint, endpoints,
            messages::{self, NewEvent, Range},
            secrets,
        },
    },
    work::Context,
};

/// Longest time for which an old secret signs beside the new one, in hours.
const GRACE_HOURS_MAX: i64 = 7 * 24;

/// An endpoint as somebody asks for it.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The partner's slug; the vendor's own without.
    pub partner: Option<String>,
    /// What people call it.
    pub name: String,
    /// Where.
    pub url: String,
    /// Who is told when it fails.
    pub contact_name: String,
    /// Their address.
    pub contact_email: String,
    /// What it wants, such as `lead.*`; everything without.
    pub events: Vec<String>,
    /// Whether each message waits for the one before it.
    pub ordered: bool,
    /// Messages a second at most; 0 for as many as it takes.
    pub per_second: i64,
    /// Messages on their way at once at most.
    pub concurrency: i64,
    /// Whether it is signed with a pair of keys (`v1a`) beside the shared secret (`v1`).
    pub pair: bool,
    /// The field map that renders its messages, or the chat system whose room it is; `standard` or nothing for messages as they
    /// are.
    pub format: String,
    /// What goes with its messages as `Authorization: Bearer`, or nothing.
    pub bearer: String,
}

/// What an endpoint with a field map is told of, once for each step.
const MAPPED: [EventKind; 4] = [
    EventKind::LeadCreated,
    EventKind::LeadStageChanged,
    EventKind::LeadValueCorrected,
    EventKind::LeadErased,
];
/// Messages a second to a room that says nothing about it: more is refused by most chat systems.
const ROOM_PER_SECOND: i64 = 1;
/// Longest token, in characters.
const BEARER_CHARS_MAX: usize = 4_000;

/// Adds an endpoint, which gets nothing before it was verified. Returns it with what its receiver verifies with; a shared secret
/// can be shown again by [`secrets_for_receiver`] alone.
///
/// # Errors
/// `Invalid` with every fault; `Conflict` for an address that the owner has already, or one endpoint too many.
pub async fn add(ctx: &Context, actor: &str, order: &Order) -> Result<(Endpoint, Vec<String>)> {
    let (endpoint, filters) = checked(ctx, actor, order).await?;
    let now_ms = ctx.now_ms();
    let mut new = vec![Secret::new_shared(&*ctx.random)];
    if order.pair {
        new.push(Secret::new_pair(&*ctx.random));
    }
    let mut tx = ctx.db.begin().await?;
    if endpoints::count(&mut tx, &endpoint.partner_slug).await? >= ENDPOINTS_MAX {
        return Err(Error::conflict(format!(
            "there are {ENDPOINTS_MAX} endpoints already; remove one that is not needed any more"
        )));
    }
    let entries: Vec<&str> = filters.entries().collect();
    if !endpoints::add(&mut tx, &endpoint, &entries).await? {
        return Err(Error::conflict(format!("there is an endpoint at {} already", endpoint.url)));
    }
    for secret in &new {
        secret::keep(ctx, &mut tx, &endpoint.id, secret, now_ms).await?;
    }
    let is_room = Chat::parse(&endpoint.format).is_some();
    let kept_secret = if is_room { &order.url } else { &order.bearer };
    if !kept_secret.is_empty() {
        let sealed = secret::seal_bearer(ctx, &endpoint.id, kept_secret)?;
        endpoints::keep_bearer(&mut tx, &endpoint.id, &sealed).await?;
    }
    let whose = order.partner.as_deref().unwrap_or("the vendor");
    let shown = without_query(&endpoint.url);
    let detail = format!("{} of {whose}, {shown}, {}, wants {filters}", endpoint.name, endpoint.format);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "add-webhook", &endpoint.id, &detail).await?;
    tx.commit().await?;
    let shown = new.iter().map(Secret::for_receiver).collect::<Result<_>>()?;
    Ok((endpoint, shown))
}

async fn checked(ctx: &Context, actor: &str, order: &Order) -> Result<(Endpoint, Filters)> {
    let mut faults = Vec::new();
    let mut keep = |fault: &Error| faults.push(fault.public().to_owned());
    let room = Chat::parse(&order.format);
    let target = ctx.egress.target(&order.url).map_err(|error| keep(&error)).ok();
    let filters = filters(order).map_err(|error| keep(&error)).ok();
    let format = format(ctx, order).map_err(|error| keep(&error)).unwrap_or_default();
    let name = single_line("the name", &order.name).map_err(|error| keep(&error)).unwrap_or_default();
    let contact = single_line("the contact's name", &order.contact_name).map_err(|error| keep(&error));
    let email = EmailAddress::parse(&order.contact_email).map_err(|error| keep(&error)).ok();
    if name.is_empty() {
        faults.push("an endpoint needs a name, such as what listens there".to_owned());
    }
    if !(0..=PER_SECOND_MAX).contains(&order.per_second) {
        faults.push(format!("messages a second are 1 to {PER_SECOND_MAX}, or 0 for no limit"));
    }
    if !(1..=CONCURRENCY_MAX).contains(&order.concurrency) {
        faults.push(format!("messages at once are 1 to {CONCURRENCY_MAX}"));
    }
    if let Some(slug) = &order.partner {
        let slugs = partners::slugs(&ctx.db).await?;
        if !slugs.contains(slug) {
            let meant = did_you_mean(slug, slugs.iter().map(String::as_str));
            faults.push(format!("partner {slug} was not found; {meant}"));
        }
    }
    let (Some(target), Some(filters), Some(email), true) = (target, filters, email, faults.is_empty()) else {
        return Err(Error::invalid(faults.join("; ")));
    };
    let now_ms = ctx.now_ms();
    let endpoint = Endpoint {
        id: EndpointId::new(now_ms, &*ctx.random).to_string(),
        partner_slug: order.partner.clone().unwrap_or_default(),
        name,
        url: room.map_or_else(|| target.to_string(), |_| room_shown(&target)),
        contact_name: contact.unwrap_or_default(),
        contact_email: email.to_string(),
        state: "pending".to_owned(),
        because: "its owner has not been verified yet".to_owned(),
        state_ms: now_ms,
        ordered: order.ordered,
        per_second: if room.is_some() { order.per_second.max(ROOM_PER_SECOND) } else { order.per_second },
        concurrency: order.concurrency,
        created_ms: now_ms,
        created_by: actor.to_owned(),
        format,
        ..Endpoint::default()
    };
    Ok((endpoint, filters))
}

/// The address of a chat room as others may read it: its host, and by what it is told from other rooms there.
fn room_shown(target: &Target) -> String {
    let digest = Sha256::digest(target.to_string());
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let scheme = if target.is_tls() { "https" } else { "http" };
    format!("{scheme}://{}/…{short}", target.authority())
}

/// What an endpoint wants; with a field map every step once, whatever is chosen of it.
fn filters(order: &Order) -> Result<Filters> {
    let chosen = Filters::parse(order.events.iter().map(String::as_str))?;
    if crm::is_standard(&order.format) || Chat::parse(&order.format).is_some() {
        return Ok(chosen);
    }
    let wanted = MAPPED.iter().copied().filter(|kind| chosen.wants(*kind)).map(EventKind::as_str);
    let wanted: Vec<&str> = wanted.collect();
    if wanted.is_empty() {
        let known = MAPPED.map(EventKind::as_str).join(", ");
        return Err(Error::invalid(format!(
            "an endpoint with a field map is told of {known}; choose among these, or nothing"
        )));
    }
    Filters::parse(wanted)
}

/// The format of an endpoint, with a token that can stand in a header.
fn format(ctx: &Context, order: &Order) -> Result<String> {
    if order.bearer.len() > BEARER_CHARS_MAX || !order.bearer.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(format!(
            "a bearer token has {BEARER_CHARS_MAX} visible ASCII characters at most"
        )));
    }
    let library = ctx.library();
    let known = std::iter::once(crm::STANDARD)
        .chain(Chat::ALL.iter().map(|chat| chat.as_str()))
        .chain(library.field_maps.keys().map(String::as_str));
    match order.format.as_str() {
        name if crm::is_standard(name) => Ok(crm::STANDARD.to_owned()),
        name if Chat::parse(name).is_some() && !order.bearer.is_empty() => {
            Err(Error::invalid("the address of a chat room is its secret; it takes no bearer token"))
        }
        name if Chat::parse(name).is_some() => Ok(name.to_owned()),
        name if crm::map_of(&library, name).is_some() => Ok(name.to_owned()),
        name if library.field_maps.contains_key(name) => {
            Err(Error::invalid(format!("crm/{name}.toml has faults; `partnercast check` names them")))
        }
        name => {
            let meant = did_you_mean(name, known.collect::<Vec<_>>());
            Err(Error::invalid(format!("there is no format `{name}`; {meant}")))
        }
    }
}

/// Puts another token in the place of an endpoint's; an empty one takes it away. It goes with the next message.
///
/// # Errors
/// `NotFound`; `Invalid` for what cannot stand in a header.
pub async fn bearer(ctx: &Context, actor: &str, id: &str, token: &str) -> Result<()> {
    let endpoint = load(ctx, id).await?;
    if Chat::parse(&endpoint.format).is_some() {
        return Err(Error::conflict(
            "a chat room takes no token; for another address, add it and remove this one",
        ));
    }
    format(ctx, &Order { bearer: token.to_owned(), ..Order::default() })?;
    let sealed = if token.is_empty() { String::new() } else { secret::seal_bearer(ctx, id, token)? };
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    endpoints::keep_bearer(&mut tx, &endpoint.id, &sealed).await?;
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "set-webhook-bearer", id, "").await?;
    tx.commit().await
}

/// The endpoint with this id.
pub(super) async fn load(ctx: &Context, id: &str) -> Result<Endpoint> {
    endpoints::endpoint(&ctx.db, id)
        .await?
        .ok_or_else(|| Error::not_found_but(format!("webhook {id}"), "`partnercast webhook list` shows all"))
}

/// Moves an endpoint to another state, and writes that down.
pub(super) async fn move_to(
    ctx: &Context,
    actor: &str,
    endpoint: &Endpoint,
    to: &str,
    because: &str,
    action: &str,
) -> Result<()> {
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !endpoints::move_to(&mut tx, &endpoint.id, (&endpoint.state, to), because, now_ms).await? {
        return Err(Error::conflict("somebody else has changed this endpoint meanwhile; look at it again"));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, action, &endpoint.id, because).await?;
    tx.commit().await
}

/// Has an endpoint rest: what happens meanwhile waits for it.
///
/// # Errors
/// `NotFound`; `Conflict` for one that is not active.
pub async fn pause(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let endpoint = load(ctx, id).await?;
    if endpoint.state != "active" {
        return Err(Error::conflict(format!(
            "the endpoint is {}, and only an active one can be paused",
            endpoint.state
        )));
    }
    move_to(ctx, actor, &endpoint, "paused", &format!("{actor} paused it"), "pause-webhook").await
}

/// Has a paused endpoint go on, and one that fails be tried at once.
///
/// # Errors
/// `NotFound`; `Conflict` for one that must be verified first.
pub async fn resume(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let endpoint = load(ctx, id).await?;
    if !matches!(endpoint.state.as_str(), "paused" | "active") {
        return Err(Error::conflict(format!(
            "the endpoint is {} ({}): verify it, then it goes on with what waits",
            endpoint.state, endpoint.because
        )));
    }
    move_to(ctx, actor, &endpoint, "active", &format!("{actor} had it go on"), "resume-webhook").await
}

/// Takes an endpoint away, with its messages and secrets.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn remove(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let endpoint = load(ctx, id).await?;
    let because = format!("{} at {}", endpoint.name, without_query(&endpoint.url));
    move_to(ctx, actor, &endpoint, "removed", &because, "remove-webhook").await
}

/// Makes new secrets of the sorts that an endpoint has. The old ones sign beside them for `grace_hours`. Returns what the receiver
/// verifies with from now on.
///
/// # Errors
/// `NotFound`; `Invalid` for a time beyond a week.
pub async fn rotate(ctx: &Context, actor: &str, id: &str, grace_hours: i64) -> Result<Vec<String>> {
    if !(0..=GRACE_HOURS_MAX).contains(&grace_hours) {
        return Err(Error::invalid(format!("old secrets go on for 0 to {GRACE_HOURS_MAX} hours")));
    }
    let endpoint = load(ctx, id).await?;
    let present = secret::in_use(ctx, id).await?;
    let now_ms = ctx.now_ms();
    let mut new = vec![Secret::new_shared(&*ctx.random)];
    if present.iter().any(|(_, secret)| matches!(secret, Secret::Pair(_))) {
        new.push(Secret::new_pair(&*ctx.random));
    }
    let numbers: Vec<i64> = present.iter().map(|(row, _)| row.no).collect();
    let mut tx = ctx.db.begin().await?;
    secrets::retire(&mut tx, &endpoint.id, &numbers, now_ms + grace_hours * HOUR_MS).await?;
    for secret in &new {
        secret::keep(ctx, &mut tx, &endpoint.id, secret, now_ms).await?;
    }
    let detail = format!("the old ones sign for {grace_hours} h more");
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "rotate-webhook", id, &detail).await?;
    tx.commit().await?;
    new.iter().map(Secret::for_receiver).collect()
}

/// What the receiver verifies with now, the newest first. That somebody looked is written down.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn secrets_for_receiver(ctx: &Context, actor: &str, id: &str) -> Result<Vec<String>> {
    load(ctx, id).await?;
    let present = secret::in_use(ctx, id).await?;
    let mut tx = ctx.db.begin().await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, actor, "show-webhook-secret", id, "").await?;
    tx.commit().await?;
    present.iter().map(|(_, secret)| secret.for_receiver()).collect()
}

/// Has a test event sent to an endpoint, as any other. Returns its id.
///
/// # Errors
/// `NotFound`; `Conflict` for one that is not active.
pub async fn test(ctx: &Context, actor: &str, id: &str) -> Result<String> {
    let endpoint = load(ctx, id).await?;
    if endpoint.state != "active" {
        return Err(Error::conflict(format!("the endpoint is {} ({})", endpoint.state, endpoint.because)));
    }
    let now_ms = ctx.now_ms();
    let data = [("message", "A test of partnercast; nothing happened.".into())];
    let event = Event::new(EventKind::EndpointTest, Scope::Vendor, now_ms, data);
    let (event_id, payload, entries) = (new_id(&event, &*ctx.random), event.payload()?, matching(event.kind));
    let new = NewEvent {
        id: &event_id,
        kind: event.kind.as_str(),
        entries: &entries,
        at_ms: now_ms,
        subject: "",
        payload: &payload,
    };
    let mut tx = ctx.db.begin().await?;
    messages::tell_one(&mut tx, &new, id, now_ms).await?;
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "test-webhook", id, &event_id).await?;
    tx.commit().await?;
    Ok(event_id)
}

/// What is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Replay {
    /// What happened from this time on.
    pub from_ms: UtcMs,
    /// What happened before this time.
    pub until_ms: UtcMs,
    /// Only what failed, and not what was delivered too.
    pub only_failed: bool,
}

/// Has events of a time sent again, each under its old id, so that a receiver who has it knows it. Returns how many.
///
/// # Errors
/// `NotFound`; `Invalid` for a time that ends before it begins; those of the store, then a part is on its way.
pub async fn replay(ctx: &Context, actor: &str, id: &str, replay: Replay) -> Result<u64> {
    if replay.until_ms <= replay.from_ms {
        return Err(Error::invalid("the time ends before it begins"));
    }
    load(ctx, id).await?;
    let now_ms = ctx.now_ms();
    let until = WebhookId::since(replay.until_ms).to_string();
    let first = WebhookId::since(replay.from_ms).to_string();
    let (mut from, mut count) = (first.clone(), 0);
    loop {
        let range = Range { from: &from, until: &until, only_failed: replay.only_failed };
        let mut tx = ctx.db.begin().await?;
        let part = messages::replay(&mut tx, id, range, now_ms).await?;
        count += part.len() as u64;
        let last = part.into_iter().max();
        if last.is_none() {
            let what = if replay.only_failed { "failed" } else { "all" };
            let detail = format!("{count} ({what}) of {first} to {until}");
            audit::record(&mut tx, now_ms, &*ctx.random, actor, "replay-webhook", id, &detail).await?;
        }
        tx.commit().await?;
        match last {
            // On from there: what is delivered meanwhile must not be taken once more.
            Some(last) => from = format!("{last}~"),
            None => return Ok(count),
        }
    }
}
