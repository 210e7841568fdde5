//! Requests one behind another to the same address, over connections that stay open between them.

use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::{body::Bytes, client::conn::http1::SendRequest};
use tokio::task::JoinSet;

use super::{Answered, Ask, Deadline, Egress, Post, Target, Unanswered, exchange};

/// A line to one address. As many connections as there are requests at once; they end with the line, which is to live for
/// seconds: an address is looked up and checked when a connection is opened, and not again.
pub struct Line<'e> {
    egress: &'e Egress,
    to: Target,
    idle: Mutex<Vec<Open>>,
}

/// A connection that is driven by a task, which ends with it.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl<'e> Line<'e> {
    pub(super) fn new(egress: &'e Egress, to: Target) -> Self {
        Self { egress, to, idle: Mutex::default() }
    }

    /// Where it leads.
    pub fn target(&self) -> &Target {
        &self.to
    }

    /// Sends one request and reads the answer, as [`Egress::post`] does.
    ///
    /// A server ends a connection that rests when it likes, also at the moment in which we write to it; nobody can tell then
    /// whether it read the request. It goes once more, over a new connection: so lines are for requests that may arrive twice.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn post(&self, headers: &[(&'static str, &str)], body: &str) -> Result<Answered, Unanswered> {
        let mut until = self.egress.deadline();
        let post = Post { to: &self.to, headers, body };
        let headers = post.headers_of_json();
        let ask = post.ask(&headers);
        if let Some(open) = self.rested() {
            let (answer, ended) = self.exchange(open, &ask, until).await;
            if answer.is_ok() || !ended {
                return answer;
            }
        }
        let open = self.open(&mut until).await?;
        self.exchange(open, &ask, until).await.0
    }

    fn rested(&self) -> Option<Open> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn open(&self, until: &mut Deadline) -> Result<Open, Unanswered> {
        let (sender, connection) = self.egress.open(&self.to, until).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Open { sender, _driver: driver })
    }

    /// What came of a request, and whether the connection had ended. One that has not rests afterwards.
    async fn exchange(
        &self,
        mut open: Open,
        ask: &Ask<'_>,
        until: Deadline,
    ) -> (Result<Answered, Unanswered>, bool) {
        let done = exchange(&mut open.sender, ask, false, until).await;
        let ended = open.sender.is_closed();
        let answer = done.map(|(answered, is_whole)| {
            if is_whole && !ended {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(open);
            }
            answered
        });
        (answer, ended)
    }
}
