//! When to look again at what was not due, so that waiting for it costs nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::kernel::{
    Error, Result,
    clock::{MINUTE_MS, UtcMs},
};

/// How long nothing is looked for again that is not due yet: people and content change meanwhile.
const LOOK_AGAIN_MS: i64 = MINUTE_MS;

/// What rests, and until when.
#[derive(Debug, Default)]
pub struct Looks {
    rests: Mutex<HashMap<String, Rest>>,
    /// By path: since when a newsletter has promised what the text with this hash says.
    promised_since: Mutex<HashMap<String, (String, UtcMs)>>,
}

#[derive(Debug)]
struct Rest {
    looked_ms: UtcMs,
    again_ms: UtcMs,
    fault: Option<String>,
}

impl Looks {
    /// Whether `what` may rest at `now_ms`. A clock that was set back rests for nothing.
    pub(super) fn rests(&self, what: &str, now_ms: UtcMs) -> bool {
        self.lock().get(what).is_some_and(|rest| (rest.looked_ms..rest.again_ms).contains(&now_ms))
    }

    /// Says again what was found wrong when `what` was looked at last.
    ///
    /// # Errors
    /// That fault.
    pub(super) fn say_again(&self, what: &str) -> Result<()> {
        let fault = self.lock().get(what).and_then(|rest| rest.fault.clone());
        fault.map_or(Ok(()), |fault| Err(Error::invalid(fault)))
    }

    /// Lets nothing rest, after something was changed by hand.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// Lets `what` rest until `again_ms`, a minute at most.
    pub(super) fn rest(&self, what: String, now_ms: UtcMs, again_ms: UtcMs) {
        self.rest_long(what, now_ms, again_ms.min(now_ms + LOOK_AGAIN_MS));
    }

    /// Lets `what` rest until `again_ms`, however far away.
    pub(super) fn rest_long(&self, what: String, now_ms: UtcMs, again_ms: UtcMs) {
        self.keep(what, Rest { looked_ms: now_ms, again_ms, fault: None });
    }

    /// Lets `what` rest for a minute, for what is wrong with it will hardly be mended before.
    pub(super) fn rest_faulty(&self, what: String, now_ms: UtcMs, fault: String) {
        self.keep(what, Rest { looked_ms: now_ms, again_ms: now_ms + LOOK_AGAIN_MS, fault: Some(fault) });
    }

    /// Since when the newsletter at `path` has promised what its text with this `hash` says, if it was looked up.
    pub(super) fn promised_since_ms(&self, path: &str, hash: &str) -> Option<UtcMs> {
        let since = self.promised_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get(path).filter(|(known, _)| known == hash).map(|(_, since_ms)| *since_ms)
    }

    /// Keeps what was looked up.
    pub(super) fn note_promised_since(&self, path: &str, hash: &str, since_ms: UtcMs) {
        let mut since = self.promised_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.insert(path.to_owned(), (hash.to_owned(), since_ms));
    }

    fn keep(&self, what: String, rest: Rest) {
        let mut rests = self.lock();
        rests.retain(|_, other| other.again_ms > rest.looked_ms);
        rests.insert(what, rest);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Rest>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_looked_at_again_within_a_minute() {
        let looks = Looks::default();
        looks.rest("a".to_owned(), 1_000, UtcMs::MAX);
        looks.rest_faulty("b".to_owned(), 1_000, "no day of the cadence".to_owned());
        looks.rest_long("c".to_owned(), 1_000, 9_000_000);
        let rests = |now_ms| ["a", "b", "c"].map(|what| looks.rests(what, now_ms));
        assert_eq!(rests(1_000), [true; 3]);
        assert_eq!(rests(999), [false; 3], "a clock that was set back");
        assert_eq!(rests(1_000 + LOOK_AGAIN_MS), [false, false, true]);
        assert!(looks.say_again("a").is_ok());
        assert_eq!(looks.say_again("b").unwrap_err().public(), "no day of the cadence");
        looks.forget();
        assert!(!looks.rests("c", 1_000) && looks.say_again("b").is_ok());
    }
}
