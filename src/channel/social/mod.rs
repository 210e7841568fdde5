//! Social networks, each spoken to as its own servers want it. What an answer means is `domain/social/answer`'s; nothing here
//! decides about trying again.

pub mod bluesky;
pub mod linkedin;
pub mod mastodon;
pub mod x;

use super::egress::{Answered, Ask, BODY_BYTES_MAX, Egress};
use crate::domain::{
    content::merge::percent_encoded,
    kernel::clock::UtcMs,
    social::{
        Failure, Trouble,
        answer::{Answer, Kind},
    },
};

/// What a network has by now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Posted {
    /// Its id there: an `at://` address, a status's or post's number, or a URN of LinkedIn's.
    pub uri: String,
    /// The hash of what is there, where the network has such.
    pub cid: String,
    /// Where people read it.
    pub url: String,
    /// Whether it was there before this try.
    pub was_there: bool,
}

/// One server, and when it is asked.
#[derive(Clone, Copy)]
struct Wire<'e> {
    egress: &'e Egress,
    /// `https://host`, without a slash at its end.
    server: &'e str,
    /// Now by the wall clock, with which servers' limits are compared.
    wall_ms: UtcMs,
}

/// A request to a server.
struct Request<'r> {
    method: &'static str,
    path: &'r str,
    /// `Bearer …`, or nothing.
    authorization: &'r str,
    /// The body's type, with one.
    content_type: &'r str,
    body: &'r [u8],
    headers: &'r [(&'static str, &'r str)],
    body_bytes_max: usize,
    kind: Kind,
}

/// A body of `application/x-www-form-urlencoded`.
fn form_of(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(key, value)| format!("{key}={}", percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            method: "GET",
            path: "/",
            authorization: "",
            content_type: "",
            body: &[],
            headers: &[],
            body_bytes_max: BODY_BYTES_MAX,
            kind: Kind::Read,
        }
    }
}

impl Wire<'_> {
    /// Asks once.
    async fn ask(&self, request: &Request<'_>) -> Result<Answered, Failure> {
        let url = format!("{}{}", self.server, request.path);
        let target = self.egress.target(&url);
        let target = target.map_err(|error| Failure::new(Trouble::Withheld, error.public()))?;
        let mut headers = request.headers.to_vec();
        headers.push(("accept", "application/json"));
        if !request.content_type.is_empty() {
            headers.push(("content-type", request.content_type));
        }
        if !request.authorization.is_empty() {
            headers.push(("authorization", request.authorization));
        }
        let ask = Ask {
            method: request.method,
            to: &target,
            headers: &headers,
            body: request.body,
            body_bytes_max: request.body_bytes_max,
        };
        self.egress.send(&ask).await.map_err(|why| {
            let trouble = match request.kind {
                _ if why.is_ours => Trouble::Withheld,
                Kind::Write if !why.is_unsent => Trouble::Uncertain,
                Kind::Read | Kind::Write => Trouble::Busy { asked_ms: None, is_limit: false },
            };
            Failure::new(trouble, why.why)
        })
    }
}

/// What decides of an answer; the names of headers differ between networks.
fn deciding(answered: &Answered) -> Answer<'_> {
    Answer {
        status: answered.status,
        reset: answered.header("ratelimit-reset").or_else(|| answered.header("x-ratelimit-reset")),
        retry_after: answered.header("retry-after"),
        body: &answered.body,
    }
}
