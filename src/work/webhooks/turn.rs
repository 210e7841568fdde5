//! One endpoint's turn: its due messages are sent, as many at once, a second and in which order as it wants, and what became of
//! them is recorded in the transaction that starts the next ones.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::watch;

use super::{
    documents::{self, To, Unsent},
    notice, secret,
};
use crate::{
    channel::egress::{Answered, Line, Post, Unanswered},
    domain::{
        crm::{self, Body, Crm},
        kernel::{Error, Result, clock::UtcMs},
        webhook::{
            Chat, Health, Rate, Secret, Verdict,
            answer::{self, Answer, DELIVERY_HEADER},
            chat::Said,
            schedule,
            sign::{self, Message},
        },
    },
    store::webhooks::turns::{self, Standing, Started, Tried, Turn},
    work::Context,
};

/// How long a turn begins messages: then the next endpoint has its turn.
const TURN_MS: i64 = 15_000;
/// Letters of an answer's body, and of a fault, that are kept.
const KEPT_LETTERS: usize = 1_000;
/// How often recording is tried while the database does not answer; after that the turn is taken over, and messages go again.
const RECORD_TRIES: u32 = 5;

/// Sends an endpoint's due messages and gives the turn back.
///
/// # Errors
/// Those of the store; what was on its way goes again when the turn is taken over.
pub(super) async fn work(ctx: &Context, turn: &Turn, shutdown: &watch::Receiver<bool>) -> Result<()> {
    let sender = Sender::new(ctx, turn).await;
    let began_ms = ctx.clock.machine_ms();
    let rate = Rate { per_second: turn.per_second, paid_us: turn.paid_us };
    let mut flow = Flow { health: health_of(turn), rate, gone: false, head_waits: false };
    let mut on_way = FuturesUnordered::new();
    let mut results: Vec<Tried> = Vec::new();
    loop {
        let may_begin = !*shutdown.borrow() && ctx.clock.machine_ms() - began_ms < TURN_MS;
        let room = if may_begin { flow.room(turn, on_way.len(), ctx.now_ms()) } else { 0 };
        if room > 0 || !results.is_empty() {
            let recorded = std::mem::take(&mut results);
            let step = step(ctx, turn, &recorded, (room, flow.rate));
            tokio::pin!(step);
            // What is on its way goes on meanwhile: its time runs, whatever the database does.
            let stepped = loop {
                tokio::select! {
                    biased;
                    stepped = &mut step => break stepped,
                    Some(sent) = on_way.next(), if !on_way.is_empty() => results.push(flow.note(ctx, turn, sent)),
                }
            };
            match stepped {
                Ok((started, rate)) => {
                    flow.rate = rate;
                    // Not on the way: a document is kept in a transaction, which must not wait while another one begins.
                    for message in started {
                        let body = sender.body(&message).await;
                        on_way.push(sender.send(message, body));
                    }
                }
                Err(error) => {
                    if on_way.is_empty() && recorded.is_empty() && results.is_empty() {
                        // Nothing is left behind that somebody would have to take over.
                        give_back(ctx, turn, flow.health, false).await?;
                    }
                    return Err(error);
                }
            }
        }
        if !results.is_empty() {
            continue;
        }
        let Some(first) = on_way.next().await else { break };
        results.push(flow.note(ctx, turn, first));
        while let Some(Some(more)) = on_way.next().now_or_never() {
            results.push(flow.note(ctx, turn, more));
        }
    }
    give_back(ctx, turn, flow.health, flow.gone).await
}

fn health_of(turn: &Turn) -> Health {
    Health {
        failures: u32::try_from(turn.failures).unwrap_or(u32::MAX),
        failing_since_ms: turn.failing_since_ms,
        failed_ms: turn.failed_ms,
        rest_ms: turn.rest_ms,
        throttled_ms: turn.throttled_ms,
    }
}

/// Records results and starts the next messages, in one transaction; tried again while the database does not answer. Returns
/// what was started, and what is used of the rate.
async fn step(
    ctx: &Context,
    turn: &Turn,
    results: &[Tried],
    (room, rate): (usize, Rate),
) -> Result<(Vec<Started>, Rate)> {
    let mut tries = 0;
    loop {
        let done = try_step(ctx, turn, results, (room, rate)).await;
        tries += 1;
        match done {
            Err(error) if tries < RECORD_TRIES => {
                tracing::warn!(
                    endpoint = turn.id,
                    error = error.detail(),
                    "a step of webhooks is tried again"
                );
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            done => return done,
        }
    }
}

async fn try_step(
    ctx: &Context,
    turn: &Turn,
    results: &[Tried],
    (room, mut rate): (usize, Rate),
) -> Result<(Vec<Started>, Rate)> {
    let mut tx = ctx.db.begin().await?;
    if !results.is_empty() {
        turns::settle(&mut tx, turn, results).await?;
    }
    let mut started = Vec::new();
    if room > 0 {
        let (now_ms, limit) = (ctx.now_ms(), i64::try_from(room).unwrap_or(i64::MAX));
        started = turns::start(&mut tx, turn, now_ms, limit).await?;
        if turn.per_second > 0 && !started.is_empty() {
            rate.pay(started.len(), now_ms);
            turns::pay(&mut tx, turn, rate.paid_us).await?;
        }
    }
    tx.commit().await?;
    Ok((started, rate))
}

/// Gives the turn back with how the endpoint fares, and takes the step that follows from it.
async fn give_back(ctx: &Context, turn: &Turn, health: Health, gone: bool) -> Result<()> {
    let standing = Standing {
        failures: i64::from(health.failures),
        failing_since_ms: health.failing_since_ms,
        failed_ms: health.failed_ms,
        rest_ms: health.rest_ms,
        throttled_ms: health.throttled_ms,
    };
    let step = notice::step(ctx, &turn.id, &health, gone).await?;
    let mut tx = ctx.db.begin().await?;
    let is_ours = turns::give_back(&mut tx, turn, standing, ctx.now_ms()).await?;
    if let (true, Some(step)) = (is_ours, &step) {
        step.take(ctx, &mut tx, &turn.id).await?;
    }
    tx.commit().await?;
    if step.is_some() {
        ctx.wake.deliver.notify_one();
    }
    Ok(())
}

/// What is known of a turn while it lasts.
struct Flow {
    health: Health,
    rate: Rate,
    gone: bool,
    /// Whether the oldest message of an ordered endpoint waits for its next try, and with it all others.
    head_waits: bool,
}

impl Flow {
    /// How many messages may be started now.
    fn room(&self, turn: &Turn, on_way: usize, now_ms: UtcMs) -> usize {
        if self.gone || self.head_waits || self.health.quiet_until_ms() > now_ms {
            return 0;
        }
        let most = if turn.ordered { 1 } else { usize::try_from(turn.concurrency).unwrap_or(1) };
        self.rate.room(self.health.room(most).saturating_sub(on_way), now_ms)
    }

    /// Takes note of a try, and says what follows for the message.
    fn note(&mut self, ctx: &Context, turn: &Turn, sent: Sent) -> Tried {
        let now_ms = ctx.now_ms();
        let jitter = || u32::try_from(ctx.random.next_u64() >> 32).unwrap_or_default();
        let (state, because, due_ms) = match sent.verdict {
            Verdict::Delivered => {
                self.health.succeed();
                ("delivered", "", None)
            }
            Verdict::Aborted if sent.status.is_none() => ("failed", "there is nothing to send", None),
            Verdict::Aborted => {
                // Whoever turns a message down has read it.
                self.health.succeed();
                ("failed", "the receiver wants it not again", None)
            }
            Verdict::Gone => {
                self.health.fail(sent.at_ms, now_ms, jitter());
                self.gone = true;
                ("waiting", "", Some(now_ms))
            }
            Verdict::Withheld { all: true } => {
                self.health.spare(now_ms);
                ("waiting", "", Some(now_ms))
            }
            Verdict::Withheld { all: false } => {
                let attempts = u32::try_from(sent.message.attempts).unwrap_or(u32::MAX);
                ("waiting", "", Some(now_ms + schedule::withheld_ms(attempts, jitter())))
            }
            Verdict::Again { asked_ms, throttled } => {
                if throttled {
                    self.health.throttle(asked_ms, now_ms);
                } else {
                    self.health.fail(sent.at_ms, now_ms, jitter());
                }
                let tries = u32::try_from(sent.message.tries).unwrap_or(u32::MAX);
                let daily = || sent.message.must_arrive.then(|| schedule::daily_ms(jitter()));
                match schedule::wait_ms(tries, asked_ms, jitter()).or_else(daily) {
                    Some(wait_ms) => ("waiting", "", Some(now_ms + wait_ms)),
                    None => ("failed", "no try is left", None),
                }
            }
        };
        self.head_waits |= turn.ordered && state == "waiting";
        Tried {
            event_id: sent.message.event_id,
            attempt: sent.message.attempts,
            at_ms: sent.at_ms,
            took_ms: sent.took_ms,
            verdict: sent.verdict.as_str(),
            status: sent.status,
            detail: sent.detail,
            body: sent.body,
            state,
            because,
            due_ms,
            ended_ms: (state != "waiting").then_some(now_ms),
            counts: !matches!(sent.verdict, Verdict::Withheld { .. }),
        }
    }
}

/// A try that ended.
struct Sent {
    message: Started,
    at_ms: UtcMs,
    took_ms: i64,
    verdict: Verdict,
    status: Option<i64>,
    detail: String,
    body: String,
}

/// An endpoint that is sent to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    /// Its key.
    pub id: &'a str,
    /// Where; of a chat room only what may be shown.
    pub url: &'a str,
    /// What its messages are made of.
    pub format: &'a str,
    /// Whose it is; empty for the vendor's own.
    pub partner: &'a str,
}

/// What it takes to send to one endpoint.
pub(super) struct Sender<'c> {
    ctx: &'c Context,
    line: Result<Line<'c>, Unanswered>,
    secrets: Vec<Secret>,
    authorization: Option<String>,
    /// The chat system, and whether the room is the vendor's; none for what is no room.
    room: Option<(Chat, bool)>,
    /// For whom messages are rendered; nobody where they are sent as they are.
    map: Option<(&'c Turn, Option<Crm>)>,
}

impl<'c> Sender<'c> {
    async fn new(ctx: &'c Context, turn: &'c Turn) -> Self {
        let of = Of { id: &turn.id, url: &turn.url, format: &turn.format, partner: &turn.partner_slug };
        let mut sender = Self::to(ctx, of).await;
        if sender.room.is_none() && !crm::is_standard(&turn.format) {
            let map = crm::map_of(&ctx.library(), &turn.format);
            sender.map = Some((turn, map.filter(|map| map.body == Body::Request).map(|map| map.crm)));
        }
        sender
    }

    /// For an endpoint. What keeps us from signing is a fault of ours, which each message that is begun tells.
    pub(super) async fn to(ctx: &'c Context, of: Of<'_>) -> Self {
        let room = Chat::parse(of.format).map(|chat| (chat, of.partner.is_empty()));
        let (secrets, sealed) = match opened(ctx, of.id).await {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(endpoint = of.id, error = error.detail(), "webhooks cannot be signed");
                let why = format!("its secrets cannot be opened: {}", error.public());
                let line = Err(Unanswered::ours(why));
                return Self { ctx, line, secrets: Vec::new(), authorization: None, room, map: None };
            }
        };
        let (url, authorization) = match (room, sealed) {
            (Some(_), address) => (address.unwrap_or_default(), None),
            (None, token) => (of.url.to_owned(), token.map(|token| format!("Bearer {token}"))),
        };
        // It was well when it was added: what has changed is our configuration.
        let target = ctx.egress.target(&url).map_err(|error| Unanswered::ours(error.public()));
        let line = target.map(|target| ctx.egress.line(target));
        Self { ctx, line, secrets, authorization, room, map: None }
    }

    /// A payload as the endpoint takes it, where that takes no record of a CRM.
    pub(super) fn worded(&self, payload: &str) -> Result<String> {
        let Some((chat, is_vendors)) = self.room else { return Ok(payload.to_owned()) };
        let said = Said::of(payload, &self.ctx.settings.public_url, is_vendors);
        Ok(chat.body(&said.ok_or_else(|| Error::internal("a payload that says nothing"))?))
    }

    /// Signs and sends a payload once.
    pub(super) async fn post(&self, id: &str, payload: &str) -> Result<Answered, Unanswered> {
        let line = self.line.as_ref().map_err(Clone::clone)?;
        // The receiver compares it with its own clock, which goes by the wall.
        let timestamp = (self.ctx.clock.wall_ms() / 1_000).to_string();
        let message = Message { id, timestamp: &timestamp, body: payload };
        let signature =
            sign::signature(&self.secrets, &message).map_err(|error| Unanswered::ours(error.detail()))?;
        let mut headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        headers.extend(self.authorization.as_deref().map(|value| ("authorization", value)));
        match self.room {
            // Nobody in a room tells a message from its repetition, so it has a connection of its own.
            Some(_) => {
                self.ctx.egress.post(&Post { to: line.target(), headers: &headers, body: payload }).await
            }
            None => line.post(&headers, payload).await,
        }
    }

    /// What is sent of a message.
    async fn body(&self, message: &Started) -> Result<String, Unsent> {
        let Some((turn, _)) = self.map else { return Ok(self.worded(&message.payload)?) };
        let to = To { id: &turn.id, partner: &turn.partner_slug, format: &turn.format };
        documents::body(self.ctx, to, &message.event_id, &message.payload).await
    }

    async fn send(&self, message: Started, body: Result<String, Unsent>) -> Sent {
        let clock = &self.ctx.clock;
        let (at_ms, awake_ms) = (self.ctx.now_ms(), clock.awake_ms());
        let body = match body {
            Ok(body) => body,
            Err(unsent) => return nothing_sent(message, at_ms, unsent),
        };
        let answered = self.post(&message.event_id, &body).await;
        let took_ms = clock.awake_ms() - awake_ms;
        match answered {
            Ok(answered) => {
                let answer = Answer {
                    status: answered.status,
                    retry_after: answered.header("retry-after"),
                    delivery: answered.header(DELIVERY_HEADER),
                };
                let mut verdict = answer::verdict(&answer, clock.wall_ms());
                let (status, said) = (Some(i64::from(answered.status)), kept(&answered.body));
                let crm = self.map.and_then(|(_, crm)| crm).filter(|_| verdict == Verdict::Delivered);
                let refusal = crm.and_then(|crm| crm::refusal(crm, &body, answered.status, &answered.body));
                if refusal.is_some() {
                    verdict = answer::SILENCE;
                }
                Sent {
                    message,
                    at_ms,
                    took_ms,
                    verdict,
                    status,
                    detail: refusal.unwrap_or_default(),
                    body: said,
                }
            }
            Err(why) => Sent {
                message,
                at_ms,
                took_ms,
                verdict: if why.is_ours { Verdict::Withheld { all: true } } else { answer::SILENCE },
                status: None,
                detail: kept(&why.why),
                body: String::new(),
            },
        }
    }
}

/// What signs and what goes with the messages of an endpoint.
async fn opened(ctx: &Context, id: &str) -> Result<(Vec<Secret>, Option<String>)> {
    let secrets = secret::in_use(ctx, id).await?.into_iter().map(|(_, secret)| secret).collect();
    Ok((secrets, secret::bearer(ctx, id).await?))
}

/// A try that ended before anything was sent.
fn nothing_sent(message: Started, at_ms: UtcMs, unsent: Unsent) -> Sent {
    let (verdict, why) = match unsent {
        Unsent::Never(why) => (Verdict::Aborted, why),
        Unsent::Later(why) => (Verdict::Withheld { all: false }, why),
    };
    Sent { message, at_ms, took_ms: 0, verdict, status: None, detail: kept(&why), body: String::new() }
}

/// The beginning of what somebody else wrote, as it can be stored and shown: PostgreSQL takes no NUL.
pub(super) fn kept(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(KEPT_LETTERS).collect()
}
