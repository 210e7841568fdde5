//! What loops share that look again and again at what is due: how long they rest, and that they say a fault once.

use std::time::Duration;

use super::context::Context;
use crate::domain::kernel::{Result, clock::MINUTE_MS};

/// How long a loop rests: until the calendar is a minute on, which in a rehearsal is soon, and a second at most.
pub(super) fn rest(ctx: &Context) -> Duration {
    let minute = ctx.clock.until(ctx.now_ms() + MINUTE_MS);
    minute.clamp(Duration::from_millis(20), Duration::from_secs(1))
}

/// The fault that was said last.
#[derive(Debug, Default)]
pub(super) struct Said(String);

impl Said {
    /// Says that `what` waits, and why; not again as long as it is for the same reason.
    pub(super) fn once(&mut self, done: Result<()>, what: &str) {
        let Err(error) = done else { return self.0.clear() };
        let detail = error.detail();
        if detail != self.0 {
            tracing::error!(error = detail, "{what} wait");
        }
        self.0 = detail;
    }
}
