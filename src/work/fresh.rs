//! Answers that many ask for at once and that may be a moment old.
//!
//! One asker at a time puts the question to the database; meanwhile the others are given the last answer. An answer
//! that took long to find is kept longer, so that looking on never takes more than a tenth of the database's time.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::domain::kernel::Result;

/// How old an answer may be at least before it is asked for again.
pub const MOMENT: Duration = Duration::from_secs(1);
/// An answer that took `t` to find is kept `TIMES * t`.
const TIMES: u32 = 10;
/// How old an answer may be at most.
const LONGEST: Duration = Duration::from_secs(60);
/// Questions remembered at most; then all are forgotten, which costs asking them again.
const KEYS_MAX: usize = 256;

/// The last answers by question.
pub struct Fresh<T> {
    entries: Mutex<HashMap<String, Arc<Entry<T>>>>,
}

struct Entry<T> {
    answer: Mutex<Option<(Arc<T>, Instant)>>,
    asking: tokio::sync::Mutex<()>,
}

impl<T> Entry<T> {
    /// The last answer, and whether it is still fresh.
    fn last(&self) -> Option<(Arc<T>, bool)> {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().map(|(value, until)| (value.clone(), Instant::now() < *until))
    }
}

impl<T> Fresh<T> {
    /// The answer to `key`: a fresh one, or what `ask` finds, which then is fresh for `moment` at least.
    ///
    /// # Errors
    /// Those of `ask`; then the next one asks again.
    pub async fn get<F>(&self, key: &str, moment: Duration, ask: impl FnOnce() -> F) -> Result<Arc<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let entry = self.entry(key);
        let last = entry.last();
        if let Some((value, true)) = last {
            return Ok(value);
        }
        let _asking = match (entry.asking.try_lock(), last) {
            (Ok(turn), _) => turn,
            // Somebody asks already: better a moment old than waiting in line.
            (Err(_), Some((value, _))) => return Ok(value),
            (Err(_), None) => entry.asking.lock().await,
        };
        if let Some((value, true)) = entry.last() {
            return Ok(value);
        }
        let began = Instant::now();
        let value = Arc::new(ask().await?);
        let keep = (began.elapsed() * TIMES).clamp(moment, LONGEST.max(moment));
        *entry.answer.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((value.clone(), Instant::now() + keep));
        Ok(value)
    }

    /// Forgets all answers: something was changed by hand, and whoever did it wants to see it.
    pub fn forget(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn entry(&self, key: &str) -> Arc<Entry<T>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(key) {
            return entry.clone();
        }
        if entries.len() >= KEYS_MAX {
            entries.clear();
        }
        let entry = Arc::new(Entry { answer: Mutex::new(None), asking: tokio::sync::Mutex::new(()) });
        entries.insert(key.to_owned(), entry.clone());
        entry
    }
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::domain::kernel::Error;

    #[tokio::test]
    async fn many_who_look_ask_once() {
        let (fresh, asked) = (Arc::new(Fresh::<u32>::default()), Arc::new(AtomicU32::new(0)));
        let looking = (0..50).map(|_| {
            let (fresh, asked) = (fresh.clone(), asked.clone());
            tokio::spawn(async move {
                let ask = || async move { Ok(asked.fetch_add(1, Ordering::SeqCst)) };
                *fresh.get("a", Duration::from_secs(600), ask).await.unwrap()
            })
        });
        for look in looking.collect::<Vec<_>>() {
            assert_eq!(look.await.unwrap(), 0);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let other = fresh.get("b", MOMENT, || async { Ok(7) }).await.unwrap();
        assert_eq!(*other, 7, "another question is another question");
        fresh.forget();
        let again = fresh.get("a", MOMENT, || async { Ok(9) }).await.unwrap();
        assert_eq!(*again, 9);
    }

    #[tokio::test]
    async fn an_answer_grows_old_and_a_failure_is_not_kept() {
        let fresh = Fresh::<u32>::default();
        let failed = fresh.get("a", MOMENT, || async { Err(Error::unavailable("no")) }).await;
        assert!(failed.is_err());
        assert_eq!(*fresh.get("a", Duration::ZERO, || async { Ok(1) }).await.unwrap(), 1);
        let mut value = 1;
        while value == 1 {
            tokio::task::yield_now().await;
            value = *fresh.get("a", Duration::ZERO, || async { Ok(2) }).await.unwrap();
        }
        assert_eq!(value, 2, "after ten times what it took it is asked for again");
    }

    #[tokio::test]
    async fn who_comes_while_somebody_asks_is_given_the_last_answer() {
        let fresh = Arc::new(Fresh::<u32>::default());
        assert_eq!(*fresh.get("a", Duration::ZERO, || async { Ok(1) }).await.unwrap(), 1);
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel::<()>();
        let slow = {
            let fresh = fresh.clone();
            tokio::spawn(async move {
                let (mut began, mut wait) = (Some(began), Some(wait));
                loop {
                    let (began, wait) = (&mut began, &mut wait);
                    let ask = || async move {
                        if let (Some(began), Some(wait)) = (began.take(), wait.take()) {
                            let _ = began.send(());
                            let _ = wait.await;
                        }
                        Ok(2)
                    };
                    if *fresh.get("a", Duration::ZERO, ask).await.unwrap() == 2 {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        };
        begun.await.unwrap();
        let meanwhile = fresh.get("a", Duration::ZERO, || async { panic!("two ask at once") }).await.unwrap();
        assert_eq!(*meanwhile, 1);
        go.send(()).unwrap();
        slow.await.unwrap();
    }
}
