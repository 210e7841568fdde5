//! Turns that are held for too long. Whether that is so, each process sees by its own clock: clocks are never compared.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    domain::kernel::{Result, clock::MINUTE_MS},
    store::webhooks::turns,
    work::Context,
};

/// How long a turn may be seen held: longer than it begins messages, plus the longest exchange, plus recording them.
const HELD_MS: i64 = MINUTE_MS;
/// While we did not look for this long, the others may have been unable to give anything back.
const STALE_MS: i64 = MINUTE_MS / 2;

/// The turns that were seen held, each with its token, and since when.
#[derive(Debug, Default)]
pub struct Holds(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    turns: HashMap<String, (i64, i64)>,
    looked_ms: Option<i64>,
}

impl Holds {
    /// Notes what is held at `awake_ms`, and returns what has been for too long.
    pub(in crate::work) fn look(&self, held: Vec<(String, i64)>, awake_ms: i64) -> Vec<(String, i64)> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked_ms.replace(awake_ms).is_none_or(|looked_ms| awake_ms - looked_ms > STALE_MS) {
            seen.turns.clear();
        }
        seen.turns.retain(|id, (token, _)| held.iter().any(|it| it.0 == *id && it.1 == *token));
        let is_late = |(id, token): &(String, i64)| {
            let (_, since_ms) = *seen.turns.entry(id.clone()).or_insert((*token, awake_ms));
            awake_ms - since_ms >= HELD_MS
        };
        held.into_iter().filter(is_late).collect()
    }
}

/// Frees turns whose process is gone or stands still.
///
/// # Errors
/// Those of the store.
pub(super) async fn free_late(ctx: &Context) -> Result<()> {
    let late = ctx.holds.look(turns::held(&ctx.db).await?, ctx.clock.awake_ms());
    if late.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    for (id, token) in late {
        if turns::free(&mut tx, &id, token).await? {
            tracing::warn!(endpoint = id, "a turn of webhooks was held for too long and is taken over");
        }
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_late_when_the_same_one_is_seen_held_for_a_minute() {
        let holds = Holds::default();
        let look = |id: &str, token: i64, second: i64| {
            holds.look(vec![(id.to_owned(), token)], second * 1_000).len()
        };
        assert_eq!(look("a", 1, 0) + look("a", 1, 29) + look("a", 2, 58), 0, "another turn is another");
        assert_eq!(look("a", 2, 87) + look("a", 2, 116), 0);
        assert_eq!(look("a", 2, 118), 1);
        assert_eq!(look("a", 2, 178), 0, "for a minute nobody could look, nor give back");
        assert_eq!(look("b", 2, 200) + look("a", 2, 229) + look("a", 2, 258) + look("a", 2, 287), 0);
        assert_eq!(look("a", 2, 289), 1);
    }
}
