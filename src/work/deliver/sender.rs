//! The connections: each takes the next message from the desk, writes it, hands it over, says what became of it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    dispatch::{Dispatch, Job, Now},
    message::{Unwritten, Writer},
    node::Life,
    relays::RelayTerms,
};
use crate::{
    channel::smtp::{Connection, Dialer},
    domain::delivery::{Outcome, Stage, Trouble},
    work::context::Context,
};

/// How often a connection without work looks whether a rest is over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What wakes the connections of a relay: there may be work.
#[derive(Default)]
struct Bell {
    open: Notify,
    closed: Notify,
    /// Of the one that is kept for urgent mail.
    urgent: Notify,
}

/// What the connections of a process share.
pub(super) struct Desk {
    ctx: Arc<Context>,
    life: Arc<Life>,
    writer: Writer,
    dispatch: Mutex<Dispatch>,
    /// One for each relay.
    bells: Vec<Bell>,
    /// There may be work for the loop.
    pub(super) progress: Notify,
    stopping: AtomicBool,
}

impl Desk {
    pub(super) fn new(ctx: Arc<Context>, life: Arc<Life>, relays: &[RelayTerms]) -> Self {
        Self {
            writer: Writer::new(ctx.clone()),
            dispatch: Mutex::new(Dispatch::new(relays, ctx.settings.window)),
            ctx,
            life,
            bells: relays.iter().map(|_| Bell::default()).collect(),
            progress: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// The bookkeeping; never held over an await.
    pub(super) fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Now {
        Now { calendar_ms: self.ctx.now_ms(), machine_ms: self.ctx.clock.machine_ms() }
    }

    /// Wakes the connections.
    pub(super) fn has_work(&self) {
        for bell in &self.bells {
            bell.open.notify_waiters();
            bell.closed.notify_waiters();
            bell.urgent.notify_waiters();
        }
    }

    /// Wakes one connection of each relay: one that is open, and one that is opened if no other is free.
    fn has_more_work(&self) {
        for bell in &self.bells {
            bell.open.notify_one();
            bell.closed.notify_one();
            bell.urgent.notify_one();
        }
    }

    /// From now on no message is begun; connections without one are closed.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.has_work();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The next message for a connection of `relay`, which is open already or has to be opened for it; `None` when we stop.
    async fn next(&self, relay: usize, urgent_only: bool, is_open: bool) -> Option<Job> {
        let idle = (is_open && !urgent_only).then(|| Idle::new(self, relay));
        loop {
            let bell = &self.bells[relay];
            let woken = match (urgent_only, is_open) {
                (true, _) => bell.urgent.notified(),
                (false, true) => bell.open.notified(),
                (false, false) => bell.closed.notified(),
            };
            tokio::pin!(woken);
            // Before looking, so that what comes between looking and waiting is not missed.
            woken.as_mut().enable();
            if self.is_stopping() {
                return None;
            }
            let now = self.now();
            // What we hold may have been taken over while we were frozen: then it is not ours to send.
            let is_ours = self.life.is_fresh(now.machine_ms);
            let job = is_ours.then(|| self.dispatch().next(relay, (urgent_only, is_open), now)).flatten();
            if let Some(job) = job {
                // Those that are closed left it to this one, which is free no more.
                drop(idle);
                if self.dispatch().wants_another(relay, now) {
                    bell.closed.notify_one();
                }
                return Some(job);
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, woken).await;
        }
    }

    fn done(&self, relay: usize, job: Job, outcome: Outcome) {
        let now = self.now();
        let mut dispatch = self.dispatch();
        let others = dispatch.done(relay, job, outcome, now);
        let finished = dispatch.finished();
        let tell = finished == 1 || finished >= dispatch.batch(now) || dispatch.open() == 0;
        drop(dispatch);
        if others {
            self.has_more_work();
        }
        if tell {
            self.progress.notify_one();
        }
    }

    fn not_tried(&self, relay: usize, job: Job) {
        self.dispatch().not_tried(relay, job);
        self.progress.notify_one();
    }
}

/// An open connection that waits for something to carry, counted as long as it does.
struct Idle<'a> {
    desk: &'a Desk,
    relay: usize,
}

impl<'a> Idle<'a> {
    fn new(desk: &'a Desk, relay: usize) -> Self {
        desk.dispatch().relay(relay).idle += 1;
        Self { desk, relay }
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.desk.dispatch().relay(self.relay).idle -= 1;
    }
}

/// A connection, counted as long as it is open.
struct Open<'a> {
    connection: Connection,
    _count: Count<'a>,
}

struct Count<'a> {
    desk: &'a Desk,
    relay: usize,
}

impl<'a> Open<'a> {
    async fn new(desk: &'a Desk, relay: usize, dialer: &Dialer) -> Result<Self, Outcome> {
        let connection = dialer.open().await?;
        desk.dispatch().relay(relay).connected += 1;
        Ok(Self { connection, _count: Count { desk, relay } })
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.desk.dispatch().relay(self.relay).connected -= 1;
    }
}

/// A message in the hands of a connection. Whatever ends the connection's task, the message is accounted for.
struct InHand<'a> {
    desk: &'a Desk,
    relay: usize,
    job: Option<Job>,
    /// Whether anything of it may have left.
    begun: AtomicBool,
}

impl InHand<'_> {
    fn done(mut self, outcome: Outcome) {
        if let Some(job) = self.job.take() {
            self.desk.done(self.relay, job, outcome);
        }
    }

    fn not_tried(mut self) {
        if let Some(job) = self.job.take() {
            self.desk.not_tried(self.relay, job);
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        // One that makes its task fail is not put back: it would be started again at once, for ever.
        if *self.begun.get_mut() || std::thread::panicking() {
            let detail = "sending was broken off on our side".to_owned();
            self.desk.done(self.relay, job, Outcome::Uncertain { detail });
        } else {
            self.desk.not_tried(self.relay, job);
        }
    }
}

/// One connection of `relay`, opened when there is something to send, until the desk stops.
pub(super) async fn send_until_stopped(
    desk: Arc<Desk>,
    relay: usize,
    dialer: Arc<Dialer>,
    urgent_only: bool,
) {
    let idle = dialer.relay().timeouts.idle;
    let mut connection: Option<Open<'_>> = None;
    loop {
        let next = tokio::time::timeout(idle, desk.next(relay, urgent_only, connection.is_some())).await;
        let job = match next {
            Ok(Some(job)) => job,
            Ok(None) => break,
            Err(_) => {
                if let Some(open) = connection.take() {
                    open.connection.close().await;
                }
                continue;
            }
        };
        let try_no = u32::try_from(job.claimed.tries + 1).unwrap_or(u32::MAX);
        let in_hand = InHand { desk: &desk, relay, job: Some(job), begun: AtomicBool::new(false) };
        let Some(job) = &in_hand.job else { continue };
        let outcome = match desk.writer.write(&job.claimed).await {
            Ok(mail) => hand_over((&desk, relay), &dialer, &mut connection, &mail, &in_hand.begun).await,
            Err(Unwritten::ByUs(detail)) => {
                Outcome::Refused { stage: Stage::Connect, trouble: Trouble::Protocol, reply: None, detail }
            }
            // Nothing is wrong with the message: the database did not answer.
            Err(Unwritten::ByDatabase) => {
                in_hand.not_tried();
                continue;
            }
        };
        let outcome = desk.ctx.settings.classes.judge(outcome, &job.claimed.site, try_no);
        in_hand.done(outcome);
    }
    if let Some(open) = connection {
        open.connection.close().await;
    }
}

/// Hands `mail` over on the kept connection or a new one, and keeps it if it can be used again.
async fn hand_over<'a>(
    (desk, relay): (&'a Desk, usize),
    dialer: &Dialer,
    kept: &mut Option<Open<'a>>,
    mail: &crate::channel::smtp::Mail,
    begun: &AtomicBool,
) -> Outcome {
    let mut open = match kept.take() {
        Some(open) => open,
        None => match Open::new(desk, relay, dialer).await {
            Ok(open) => open,
            Err(outcome) => return outcome,
        },
    };
    let mut outcome = open.connection.send_noting(mail, begun).await;
    if open.connection.had_died_unseen(&outcome) {
        // It counts no more before another one is asked for.
        drop(open);
        open = match Open::new(desk, relay, dialer).await {
            Ok(open) => open,
            Err(outcome) => return outcome,
        };
        outcome = open.connection.send_noting(mail, begun).await;
    }
    if open.connection.is_usable() {
        *kept = Some(open);
    }
    outcome
}
