//! What an edited sequence means for those inside: everybody is put where the new text says, without a step twice.

use super::{PART_ROWS, PARTS_MAX, Tour};
use crate::{
    domain::{
        kernel::{
            Result,
            clock::{MINUTE_MS, UtcMs},
        },
        program::sequence::{next_step, order, step_due_ms},
    },
    store::sequences::{self, Enrolment, Move},
};

/// By how much the clocks of nodes may differ.
const CLOCKS_APART_MS: i64 = 5 * MINUTE_MS;

impl Tour<'_> {
    /// Puts those who were last decided about by another revision where this one says, and those who count from a future
    /// that did not come. Looked at when the revision is new to this node, and every minute.
    pub(super) async fn follow_edit(&mut self) -> Result<()> {
        let (slug, hash) = (self.asset.slug(), self.asset.revision.as_str());
        let (now_ms, look) = (self.ctx.now_ms(), format!("{} {hash}", self.asset.path));
        if self.ctx.looks.rests(&look, now_ms) {
            return Ok(());
        }
        let mut moved = 0;
        for _ in 0..PARTS_MAX {
            let page =
                sequences::outdated(&self.ctx.db, slug, hash, now_ms + CLOCKS_APART_MS, PART_ROWS).await?;
            if page.is_empty() {
                break;
            }
            let mut placed = Vec::with_capacity(page.len());
            for of in page {
                let place = self.place(&of, now_ms).await?;
                placed.push((of, place));
            }
            let mut tx = self.ctx.db.begin().await?;
            let mut changed = 0;
            for (of, place) in &placed {
                let waiting = of.waiting.as_deref().unwrap_or_default();
                let (waiting, due_ms, detail) = match place {
                    Some((waiting, due_ms)) => (waiting.as_str(), *due_ms, ""),
                    // Their turn is now: they finish, and may go on elsewhere.
                    None => (waiting, now_ms, "nothing follows since the sequence was edited"),
                };
                let (from_ms, plan_hash) = (of.from_ms.min(now_ms), hash);
                let next = Move { of, waiting, due_ms, from_ms, plan_hash, detail };
                changed += u64::from(sequences::go_on(&mut tx, &next).await?);
            }
            tx.commit().await?;
            moved += changed;
            if changed == 0 {
                // Others are at it.
                break;
            }
        }
        self.ctx.looks.rest(look, now_ms, UtcMs::MAX);
        if moved > 0 {
            tracing::info!(sequence = slug, people = moved, "people inside follow the edited sequence");
        }
        Ok(())
    }

    /// What comes next for somebody, and when; nothing at the end.
    async fn place(&mut self, of: &Enrolment, now_ms: UtcMs) -> Result<Option<(String, UtcMs)>> {
        let done = sequences::steps(&self.ctx.db, &of.id).await?;
        let done: Vec<&str> = done.iter().map(|done| done.step.as_str()).collect();
        let Some(at) = next_step(&order(self.sequence), &done, of.waiting.as_deref()) else {
            return Ok(None);
        };
        let step = &self.sequence.steps[at];
        // Whoever is not there any more leaves when it is due.
        let due_ms = match self.person(of).await? {
            Some(person) => step_due_ms(step, of.from_ms.min(now_ms), person.zone()),
            None => now_ms,
        };
        Ok(Some((step.id.to_string(), due_ms)))
    }
}
