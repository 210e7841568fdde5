//! What follows when somebody sets the machine's clock, or the machine slept.
//!
//! Forward, nothing has to: every loop looks at the clock itself within a second. Back, what the clock decided while it
//! was ahead is decided again. Nothing that has left is repeated: an issue goes by its date, a message by its row.

use super::context::Context;
use crate::{
    domain::kernel::{
        Result,
        clock::{Clock, DAY_MS, JUMP_MS, JumpWatch, MINUTE_MS, UtcMs},
    },
    store::set_back::{self, Change},
};

/// Deliveries that are looked at in one transaction.
const PART_ROWS: i64 = 5_000;
/// How often what the clock shows is noted, for the next process.
const NOTE_MS: i64 = MINUTE_MS;
/// At the start a clock that is further back than this is taken for one that has not been set yet.
const START_BACK_MS_MAX: i64 = 31 * DAY_MS;

/// Watches the clock of one process.
#[derive(Debug)]
pub struct ClockGuard {
    watch: JumpWatch,
    /// What the clock showed when the watch began.
    began_ms: UtcMs,
    /// By how much the clock was set back without that having been noted yet.
    back_ms: i64,
    /// The last change that was noted, by us or another node.
    followed: String,
    /// Whether something of it may still have to be taken back.
    is_open: bool,
    /// Whether it was asked what an earlier process left.
    has_begun: bool,
    /// When what the clock shows was noted last, awake.
    noted_ms: Option<i64>,
}

impl ClockGuard {
    /// Watches `clock` from now on: what happens before the first look is seen at it.
    pub fn new(clock: &dyn Clock) -> Self {
        let watch = JumpWatch::new(clock);
        Self {
            began_ms: watch.wall_ms(),
            watch,
            back_ms: 0,
            followed: String::new(),
            is_open: false,
            has_begun: false,
            noted_ms: None,
        }
    }

    /// Says when the clock jumped, and after a jump back takes back what it had decided; at the first look also when it
    /// was set back while no process ran.
    ///
    /// # Errors
    /// Those of the store; it is tried again at the next look.
    pub async fn look(&mut self, ctx: &Context) -> Result<()> {
        if let Some(by_ms) = self.watch.look(&*ctx.clock) {
            tell(by_ms);
            self.back_ms += by_ms.min(0).abs();
            ctx.wake.heart.notify_one();
        }
        if !self.has_begun {
            self.begin(ctx).await?;
        }
        if self.back_ms > 0 {
            self.take_back(ctx, self.back_ms).await?;
        } else if self.is_open {
            self.go_on(ctx).await?;
        }
        self.note(ctx).await
    }

    /// Goes on with what an earlier process did not finish, and compares what the clock showed at our
    /// beginning with what it showed to that.
    async fn begin(&mut self, ctx: &Context) -> Result<()> {
        self.is_open = set_back::is_open(&ctx.db).await?;
        if let Some(seen_ms) = set_back::last_seen_ms(&ctx.db).await? {
            let by_ms = seen_ms - self.began_ms;
            if by_ms > JUMP_MS && by_ms <= START_BACK_MS_MAX {
                tell(-by_ms);
                self.back_ms += by_ms;
            }
        }
        self.has_begun = true;
        Ok(())
    }

    /// Takes back what was decided by a clock that was set back by `by_ms`, unless another node does. Returns how many
    /// deliveries it concerned.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn take_back(&mut self, ctx: &Context, by_ms: i64) -> Result<u64> {
        let now_ms = ctx.now_ms();
        // What was begun is finished first: only the last change is kept.
        let before = if self.is_open { self.go_on(ctx).await? } else { 0 };
        let id = format!("{:016x}", ctx.random.next_u64());
        let mut tx = ctx.db.begin().await?;
        let followed = set_back::begin(&mut tx, Change { id: &id, now_ms, by_ms }, &self.followed).await?;
        set_back::quotas(&mut tx, now_ms).await?;
        set_back::issues(&mut tx, now_ms).await?;
        tx.commit().await?;
        self.followed = followed;
        (self.back_ms, self.is_open) = (0, true);
        Ok(before + self.go_on(ctx).await?)
    }

    /// Undoes what is open, part by part so that nobody else waits long for the database. Returns how many deliveries it
    /// concerned.
    async fn go_on(&mut self, ctx: &Context) -> Result<u64> {
        let mut concerned = 0;
        loop {
            let mut tx = ctx.db.begin().await?;
            let part = set_back::part(&mut tx, ctx.now_ms(), PART_ROWS).await?;
            tx.commit().await?;
            let Some(deliveries) = part else { break };
            concerned += deliveries;
        }
        self.is_open = false;
        if concerned > 0 {
            let deliveries = concerned;
            tracing::info!(
                deliveries,
                "what was put off or had expired by a clock that was ahead waits again"
            );
        }
        ctx.wake.deliver.notify_one();
        Ok(concerned)
    }

    async fn note(&mut self, ctx: &Context) -> Result<()> {
        let awake_ms = ctx.clock.awake_ms();
        if self.noted_ms.is_some_and(|noted_ms| awake_ms - noted_ms < NOTE_MS) {
            return Ok(());
        }
        let mut tx = ctx.db.begin().await?;
        set_back::see(&mut tx, ctx.clock.wall_ms()).await?;
        tx.commit().await?;
        self.noted_ms = Some(awake_ms);
        Ok(())
    }
}

fn tell(by_ms: i64) {
    let minutes = by_ms.abs() / MINUTE_MS;
    if by_ms < 0 {
        tracing::warn!(minutes, "the machine's clock was set back; what has left is not repeated");
    } else {
        tracing::warn!(
            minutes,
            "the machine's clock went forward in one step: it was set, or the machine slept; what is late now leaves \
             late, or waits for a person"
        );
    }
}
