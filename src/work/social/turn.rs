//! One account's turn: its oldest due post is sent, and what became of it is recorded in the transaction that gives the turn back.

use std::time::Duration;

use super::{
    ACTOR, notice,
    send::{self, Done},
};
use crate::{
    channel::social::Posted,
    domain::{
        kernel::{Result, clock::UtcMs},
        social::{
            Failure, PostState, Trouble,
            schedule::{self, Next, TRIES_MAX},
        },
    },
    store::{
        audit,
        social::{
            Account, Post, accounts, posts,
            turns::{self, Started, Tried, Turn},
        },
    },
    work::{Context, notices::Ready},
};

/// Letters of a fault that are kept.
const KEPT_LETTERS: usize = 1_000;
/// How often recording is tried while the database does not answer; after that the turn is taken over, and the post looked for.
const RECORD_TRIES: u32 = 5;

/// Sends an account's oldest due post and gives the turn back.
///
/// # Errors
/// Those of the store; what was on its way is looked for when the turn is taken over.
pub(super) async fn work(ctx: &Context, turn: &Turn) -> Result<()> {
    let mut tx = ctx.db.begin().await?;
    let started = turns::start(&mut tx, turn, ctx.now_ms()).await?;
    if started.is_none() {
        turns::give_back(&mut tx, turn, 0, false, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    let Some(started) = started else { return Ok(()) };
    let (at_ms, awake_ms) = (ctx.now_ms(), ctx.clock.awake_ms());
    let done = if started.tries > TRIES_MAX {
        // What ends processes must not do so for ever.
        let failure = Failure::new(Trouble::Refused, "no try is left");
        Done { result: Err(failure), steps: Vec::new(), is_recalled: false }
    } else {
        send::send(ctx, turn, &started).await
    };
    let took_ms = ctx.clock.awake_ms() - awake_ms;
    let result = Sent::new(ctx, &started, done, (at_ms, took_ms));
    let mut tries = 0;
    loop {
        let recorded = result.record(ctx, turn).await;
        tries += 1;
        match recorded {
            Err(error) if tries < RECORD_TRIES => {
                tracing::warn!(account = turn.id, error = error.detail(), "recording a post is tried again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            recorded => return recorded,
        }
    }
}

/// A try that ended.
struct Sent {
    tried: Tried,
    rest_ms: UtcMs,
    /// Why the account has to be connected again, or paid for, if it has.
    lost: Option<(Trouble, String)>,
    /// Whether the account was let in.
    worked: bool,
}

impl Sent {
    fn new(ctx: &Context, started: &Started, done: Done, (at_ms, took_ms): (UtcMs, i64)) -> Self {
        let now_ms = ctx.now_ms();
        let tried = Tried {
            id: started.id.clone(),
            attempt: started.attempts,
            at_ms,
            took_ms,
            counts: true,
            ..Tried::default()
        };
        match done.result {
            Ok(posted) => Self::posted(tried, posted, &done.steps, now_ms),
            Err(failure) => {
                let jitter = u32::try_from(ctx.random.next_u64() >> 32).unwrap_or_default();
                let mut next = schedule::next(failure.trouble, started.tries, now_ms, jitter);
                if done.is_recalled && next.state == PostState::Failed {
                    // Nobody is asked to share by hand what was recalled.
                    next.state = PostState::Withdrawn;
                }
                Self::failed(tried, &failure, &next, &done.steps, (now_ms, started.uncertain))
            }
        }
    }

    fn posted(tried: Tried, posted: Posted, steps: &[String], now_ms: UtcMs) -> Self {
        let tried = Tried {
            verdict: if posted.was_there { "found" } else { "posted" },
            detail: detail(steps, ""),
            state: PostState::Posted.as_str(),
            ended_ms: Some(now_ms),
            remote: (posted.uri, posted.cid, posted.url),
            ..tried
        };
        Self { tried, rest_ms: 0, lost: None, worked: true }
    }

    fn failed(
        tried: Tried,
        failure: &Failure,
        next: &Next,
        steps: &[String],
        (now_ms, was_uncertain): (UtcMs, bool),
    ) -> Self {
        let is_uncertain = failure.trouble == Trouble::Uncertain;
        let mut because = kept(&failure.why);
        if next.state == PostState::Failed && (is_uncertain || was_uncertain) {
            because.push_str("; a try of which nobody knows may have arrived, so look there first");
        }
        let tried = Tried {
            verdict: failure.trouble.as_str(),
            status: failure.status.map(i64::from),
            detail: detail(steps, &failure.why),
            state: next.state.as_str(),
            because: because.clone(),
            due_ms: next.due_ms,
            ended_ms: next.state.has_ended().then_some(now_ms),
            counts: next.counts,
            uncertain: is_uncertain,
            is_there: failure.trouble == Trouble::Duplicate,
            ..tried
        };
        let worked = failure.trouble == Trouble::Refused && failure.status.is_some();
        let lost = next.is_lost.then_some((failure.trouble, because));
        Self { tried, rest_ms: next.rest_ms.unwrap_or_default(), lost, worked }
    }

    /// Records it, gives the turn back, and tells whom it concerns, all in one transaction.
    async fn record(&self, ctx: &Context, turn: &Turn) -> Result<()> {
        let now_ms = ctx.now_ms();
        let mails = self.mails(ctx, turn, now_ms).await?;
        let mut tx = ctx.db.begin().await?;
        let moved = turns::settle(&mut tx, turn, &self.tried).await?;
        let detail = format!("{}: {}", self.tried.verdict, self.tried.remote.0);
        let detail = detail.trim_end_matches([':', ' ']);
        audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "send-social-post", &self.tried.id, detail)
            .await?;
        let unused = [Trouble::Withheld, Trouble::Unaffordable, Trouble::Unlooked];
        if unused.iter().all(|trouble| trouble.as_str() != self.tried.verdict) {
            let detail = format!("{} of {}", self.tried.verdict, self.tried.id);
            audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "use-social-secret", &turn.id, &detail)
                .await?;
        }
        turns::give_back(&mut tx, turn, self.rest_ms, self.worked, now_ms).await?;
        posts::withdraw_of_disconnected(&mut tx, &turn.id, now_ms).await?;
        let is_told = match &self.lost {
            // What was taken for lost may have been connected again meanwhile; then the post goes with the new secret.
            Some((_, because)) if moved => {
                let is_lost = accounts::lose(&mut tx, &turn.id, turn.state_ms, because, now_ms).await?;
                if is_lost {
                    let action = "lose-social-account";
                    audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, action, &turn.id, because).await?;
                }
                is_lost
            }
            _ => moved,
        };
        if is_told {
            notice::enqueue(&mut tx, mails, now_ms).await?;
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
        Ok(())
    }

    async fn mails(&self, ctx: &Context, turn: &Turn, now_ms: UtcMs) -> Result<Vec<Ready>> {
        let is_failed = self.tried.state == PostState::Failed.as_str();
        if self.lost.is_none() && !is_failed {
            return Ok(Vec::new());
        }
        let Some(account) = accounts::account(&ctx.db, &turn.id).await? else { return Ok(Vec::new()) };
        if let Some((trouble, because)) = &self.lost {
            return notice::lost(ctx, &account, (*trouble, because), now_ms).await;
        }
        self.kit(ctx, &account).await
    }

    async fn kit(&self, ctx: &Context, account: &Account) -> Result<Vec<Ready>> {
        let Some(post) = posts::post(&ctx.db, &self.tried.id).await? else { return Ok(Vec::new()) };
        let failed = Post { state: self.tried.state.to_owned(), because: self.tried.because.clone(), ..post };
        notice::of_post(ctx, account, &failed).await
    }
}

fn detail(steps: &[String], why: &str) -> String {
    let all: Vec<&str> = steps.iter().map(String::as_str).chain([why]).filter(|it| !it.is_empty()).collect();
    kept(&all.join("; "))
}

/// The beginning of what somebody else wrote, as it can be stored and shown: PostgreSQL takes no NUL.
pub(super) fn kept(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).take(KEPT_LETTERS).collect()
}
