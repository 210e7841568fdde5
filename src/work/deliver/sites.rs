//! What the dispatcher knows of each site: its slots, and what waits for it.

use std::collections::VecDeque;

use super::dispatch::{Job, Now};
use crate::domain::{delivery::Slots, kernel::clock::UtcMs};

/// A site whose slots are all used and that answered nothing for this long (machine time) is stalled.
pub(super) const STALLED_MS: i64 = 1_000;

/// The recipients of one domain.
pub(super) struct Site {
    pub(super) slots: Slots,
    /// What waits for a connection, first the one that is next.
    pub(super) waiting: VecDeque<Job>,
    /// Machine time of its last answer, or of its first message.
    pub(super) answered_ms: UtcMs,
}

impl Site {
    /// Until when nothing goes to it, if that is so: it rests, or is stalled.
    pub(super) fn stuck_until_ms(&self, now: Now) -> Option<UtcMs> {
        let is_full = self.slots.in_use() > 0 && !self.slots.has_room(now.calendar_ms, 0);
        let is_stalled = is_full && now.machine_ms - self.answered_ms > STALLED_MS;
        self.slots
            .rests_until_ms(now.calendar_ms)
            .or_else(|| is_stalled.then_some(now.calendar_ms + STALLED_MS))
    }
}
