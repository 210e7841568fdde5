//! People between two keys, and what was looked up about them: once for all who decide about them at the same time.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use tokio::sync::Mutex;

use super::context::Context;
use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{
        audience,
        touches::{self, Touch},
    },
};

/// The people of a page of contacts: those behind one key, up to another.
pub(super) struct People<'p> {
    ctx: &'p Context,
    after: &'p str,
    through: &'p str,
    due: Memo<String, (String, UtcMs)>,
    told: Memo<Vec<String>, Touch>,
    pending: Memo<String, Touch>,
    waiting: Memo<(), Touch>,
}

/// What was asked, and the answers.
struct Memo<K, V>(Mutex<HashMap<K, Arc<Vec<V>>>>);

impl<K: Eq + Hash, V> Memo<K, V> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    async fn get(&self, key: K, ask: impl Future<Output = Result<Vec<V>>>) -> Result<Arc<Vec<V>>> {
        let mut known = self.0.lock().await;
        if let Some(found) = known.get(&key) {
            return Ok(found.clone());
        }
        let found = Arc::new(ask.await?);
        known.insert(key, found.clone());
        Ok(found)
    }
}

impl<'p> People<'p> {
    /// Those behind `after`, up to `through`; what they were told is also known of the one whose key is `after`.
    pub(super) fn between(ctx: &'p Context, after: &'p str, through: &'p str) -> Self {
        Self {
            ctx,
            after,
            through,
            due: Memo::new(),
            told: Memo::new(),
            pending: Memo::new(),
            waiting: Memo::new(),
        }
    }

    /// The two keys.
    pub(super) fn keys(&self) -> (&'p str, &'p str) {
        (self.after, self.through)
    }

    /// Who gets a mail of a fixed issue, and when.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn due(&self, issue_id: &str) -> Result<Arc<Vec<(String, UtcMs)>>> {
        let ask = audience::due_between(&self.ctx.db, issue_id, self.after, self.through);
        self.due.get(issue_id.to_owned(), ask).await
    }

    /// What they were told of `messages`, as far as it is noted.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn told(&self, messages: &[&str]) -> Result<Arc<Vec<Touch>>> {
        let key = messages.iter().map(|message| (*message).to_owned()).collect();
        self.told.get(key, touches::between(&self.ctx.db, messages, self.after, self.through)).await
    }

    /// What an issue tells them whose touches are not noted yet.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn pending(&self, issue_id: &str) -> Result<Arc<Vec<Touch>>> {
        let ask = touches::pending_between(&self.ctx.db, issue_id, self.after, self.through);
        self.pending.get(issue_id.to_owned(), ask).await
    }

    /// What waits to be sent to them of sequences.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn waiting(&self) -> Result<Arc<Vec<Touch>>> {
        self.waiting.get((), touches::waiting_between(&self.ctx.db, self.after, self.through)).await
    }
}
