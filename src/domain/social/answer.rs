//! What servers of social networks answer, and what follows from it. Pure: the answer and the clock come as arguments.

use serde_json::Value;

use crate::domain::{
    kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
    webhook::schedule::asked_ms,
};

/// How long after midnight a limit of a day is surely over.
const AFTER_MIDNIGHT_MS: i64 = 5 * MINUTE_MS;

/// What followed instead of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was asked, by a fault of our own.
    Withheld,
    /// It may have arrived or not.
    Uncertain,
    /// The server cannot now; with how long it asks for, in milliseconds.
    Busy {
        /// As the server says, if it does.
        asked_ms: Option<i64>,
        /// Whether the account may do nothing more until then.
        is_limit: bool,
    },
    /// The session is over; the next one opens.
    SessionOver,
    /// The account does not let us in any more.
    Denied,
    /// The server takes this one not, however often it is sent.
    Refused,
    /// The account has these words already, under an id that nobody tells, or from somebody else's hand (LinkedIn: `DUPLICATE_POST`).
    Duplicate,
    /// Our own budget does not pay for it; nothing was asked.
    Unaffordable,
    /// Whoever pays the network has no credit there, or has reached a limit of their own.
    OutOfCredit,
    /// Its asset was recalled, and no try before has arrived as far as that can be seen; nothing was sent.
    Recalled,
    /// A try before may have arrived, and our own budget does not pay for looking; nothing was asked.
    Unlooked,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What follows.
    pub trouble: Trouble,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// Why, for people.
    pub why: String,
}

impl Trouble {
    /// The word in the ledger of tries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withheld => "withheld",
            Self::Uncertain => "uncertain",
            Self::Busy { is_limit: false, .. } => "busy",
            Self::Busy { is_limit: true, .. } => "limited",
            Self::SessionOver => "session over",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Duplicate => "duplicate",
            Self::Unaffordable => "unaffordable",
            Self::OutOfCredit => "out of credit",
            Self::Recalled => "recalled",
            Self::Unlooked => "not looked for",
        }
    }
}

impl Failure {
    /// One without an answer.
    pub fn new(trouble: Trouble, why: impl Into<String>) -> Self {
        Self { trouble, status: None, why: why.into() }
    }
}

/// An answer, as far as it decides something.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// `RateLimit-Reset` (seconds since 1970) or `X-RateLimit-Reset` (a time, RFC 3339).
    pub reset: Option<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The body, as far as it was read.
    pub body: &'a str,
}

/// Whether a request only reads, or may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asking again costs nothing.
    Read,
    /// What was written may be there.
    Write,
}

/// The JSON of a good answer.
///
/// # Errors
/// What else it means.
pub fn bluesky(answer: &Answer<'_>, kind: Kind, wall_ms: UtcMs) -> Result<Value, Failure> {
    let json = serde_json::from_str::<Value>(answer.body).ok();
    let word = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or_default();
    let trouble = match (answer.status, word) {
        (200..=299, _) => return read(answer, json, kind),
        (400 | 401, "ExpiredToken" | "InvalidToken") => Trouble::SessionOver,
        // What a server says to whoever was let in once and is not any more.
        (
            _,
            "AuthenticationRequired"
            | "AccountTakedown"
            | "AccountDeactivated"
            | "AuthFactorTokenRequired"
            | "AuthMissing",
        ) => Trouble::Denied,
        (401, _) => Trouble::Denied,
        // A page comes from something that stands before the server.
        (403, _) if json.is_some() => Trouble::Denied,
        (400 | 413 | 422, _) if json.is_some() => Trouble::Refused,
        (status, _) => common(status, answer, kind, wall_ms),
    };
    Err(failed(answer, trouble, said(json.as_ref(), &["message", "error"])))
}

/// The JSON of a good answer.
///
/// # Errors
/// What else it means. A bad token may be answered as HTML (snac 2.75 does).
pub fn mastodon(answer: &Answer<'_>, kind: Kind, wall_ms: UtcMs) -> Result<Value, Failure> {
    let json = serde_json::from_str::<Value>(answer.body).ok();
    let trouble = match answer.status {
        200..=299 => return read(answer, json, kind),
        401 => Trouble::Denied,
        // A page comes from something that stands before the server.
        403 if json.is_some() => Trouble::Denied,
        400 | 413 | 422 if json.is_some() => Trouble::Refused,
        status => common(status, answer, kind, wall_ms),
    };
    Err(failed(answer, trouble, said(json.as_ref(), &["error_description", "error"])))
}

/// The JSON of a good answer; an empty one, as a new post has it, is `null`.
///
/// # Errors
/// What else it means. Limits of a day end at midnight UTC and say no time; others are over soon.
pub fn linkedin(answer: &Answer<'_>, kind: Kind, wall_ms: UtcMs) -> Result<Value, Failure> {
    let json = serde_json::from_str::<Value>(answer.body).ok();
    let trouble = match answer.status {
        201 | 204 if answer.body.trim().is_empty() => return Ok(Value::Null),
        200..=299 => return read(answer, json, kind),
        401 => Trouble::Denied,
        // A page comes from something that stands before the server.
        403 if json.is_some() => Trouble::Denied,
        // The version that we speak is not served, to whomever: nothing was done, and only whoever configures us can mend it.
        426 => Trouble::Busy { asked_ms: Some(HOUR_MS), is_limit: true },
        400 | 404 | 409 | 413 | 422 if json.is_some() => Trouble::Refused,
        429 if answer.body.contains("DAY") => {
            let midnight_ms = DAY_MS - wall_ms.rem_euclid(DAY_MS);
            // Their clock and ours differ.
            Trouble::Busy { asked_ms: Some(midnight_ms + AFTER_MIDNIGHT_MS), is_limit: true }
        }
        status => common(status, answer, kind, wall_ms),
    };
    let mut said = said(json.as_ref(), &["message", "error_description", "error"]);
    let inputs = json.as_ref().and_then(|json| json["errorDetails"]["inputErrors"].as_array());
    for input in inputs.into_iter().flatten().filter_map(|input| input["description"].as_str()) {
        if !said.contains(input) {
            said = format!("{said}; {input}");
        }
    }
    if answer.status == 426 {
        said = format!("{said}; set social.linkedin_version to a month that LinkedIn serves");
    }
    Err(failed(answer, trouble, said.trim_start_matches("; ").to_owned()))
}

/// The JSON of a good answer. Errors are problems (RFC 9457: `type`, `title`, `detail`), or `errors` with codes as before.
///
/// # Errors
/// What else it means. `401` is an access token that is over: it lives for two hours.
pub fn x(answer: &Answer<'_>, kind: Kind, wall_ms: UtcMs) -> Result<Value, Failure> {
    let json = serde_json::from_str::<Value>(answer.body).ok();
    let text = |key: &str| json.as_ref().and_then(|json| json[key].as_str()).unwrap_or_default();
    let old = json.as_ref().map_or(&Value::Null, |json| &json["errors"][0]);
    let mut said = said(json.as_ref(), &["detail", "error_description"]);
    for other in [old["detail"].as_str(), old["message"].as_str(), Some(text("title"))] {
        if said.is_empty() {
            said = other.unwrap_or_default().to_owned();
        }
    }
    let code = old["code"].as_i64();
    let problem = text("type");
    let is_money = problem.ends_with("/credits") || problem.ends_with("/usage-capped");
    let trouble = match answer.status {
        200..=299 => return read(answer, json, kind),
        401 => Trouble::SessionOver,
        402 => Trouble::OutOfCredit,
        403 | 429 if is_money => Trouble::OutOfCredit,
        403 if code == Some(187) || said.contains("duplicate") => Trouble::Duplicate,
        // Too long, or too much like a machine's.
        403 if matches!(code, Some(186 | 226)) || said.contains("too long") => Trouble::Refused,
        // A page comes from something that stands before the server.
        403 if json.is_some() => Trouble::Denied,
        400 | 413 | 422 if json.is_some() => Trouble::Refused,
        status => common(status, answer, kind, wall_ms),
    };
    Err(failed(answer, trouble, said))
}

/// The JSON of a good answer of X's to whoever asks for new tokens (RFC 6749 section 5.2).
///
/// # Errors
/// What else it means: a refusal is one of the tokens.
pub fn x_tokens(answer: &Answer<'_>, wall_ms: UtcMs) -> Result<Value, Failure> {
    let json = serde_json::from_str::<Value>(answer.body).ok();
    let trouble = match answer.status {
        200..=299 => return read(answer, json, Kind::Read),
        400 | 401 | 403 if json.is_some() => Trouble::Denied,
        status => common(status, answer, Kind::Read, wall_ms),
    };
    Err(failed(answer, trouble, said(json.as_ref(), &["error_description", "detail", "error", "title"])))
}

fn read(answer: &Answer<'_>, json: Option<Value>, kind: Kind) -> Result<Value, Failure> {
    // A page of somebody's who stands before the server says nothing about what the server did.
    let trouble = match kind {
        Kind::Read => Trouble::Busy { asked_ms: None, is_limit: false },
        Kind::Write => Trouble::Uncertain,
    };
    json.ok_or_else(|| failed(answer, trouble, "it answers something that is no JSON".to_owned()))
}

fn common(status: u16, answer: &Answer<'_>, kind: Kind, wall_ms: UtcMs) -> Trouble {
    match status {
        429 => Trouble::Busy { asked_ms: until_reset(answer, wall_ms), is_limit: true },
        // Which part of it was done, the server does not say.
        500..=599 if kind == Kind::Write => Trouble::Uncertain,
        _ => Trouble::Busy { asked_ms: until_reset(answer, wall_ms), is_limit: false },
    }
}

/// How long a limit lasts, in milliseconds.
fn until_reset(answer: &Answer<'_>, wall_ms: UtcMs) -> Option<i64> {
    let reset_ms = answer.reset.and_then(|reset| {
        let seconds = reset.trim().parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
        let time = || chrono::DateTime::parse_from_rfc3339(reset.trim()).ok();
        seconds.or_else(|| time().map(|time| time.timestamp_millis()))
    });
    let reset = reset_ms.map(|at_ms| at_ms.saturating_sub(wall_ms).max(0));
    reset.or_else(|| answer.retry_after.and_then(|value| asked_ms(value, wall_ms)))
}

fn said(json: Option<&Value>, keys: &[&str]) -> String {
    let text = json.and_then(|json| keys.iter().find_map(|key| json[*key].as_str()));
    text.unwrap_or_default().to_owned()
}

fn failed(answer: &Answer<'_>, trouble: Trouble, said: String) -> Failure {
    let why = if said.is_empty() { format!("it answers {}", answer.status) } else { said };
    Failure { trouble, status: Some(answer.status), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer { status, reset: None, retry_after: None, body }
    }

    fn of_bluesky(status: u16, body: &str, kind: Kind) -> Trouble {
        bluesky(&answer(status, body), kind, NOW_MS).unwrap_err().trouble
    }

    fn of_mastodon(status: u16, body: &str, kind: Kind) -> Trouble {
        mastodon(&answer(status, body), kind, NOW_MS).unwrap_err().trouble
    }

    #[test]
    fn bluesky_says_by_words_what_follows() {
        let error = |word: &str| format!(r#"{{"error":"{word}","message":"because"}}"#);
        assert_eq!(of_bluesky(400, &error("ExpiredToken"), Kind::Write), Trouble::SessionOver);
        assert_eq!(of_bluesky(401, &error("AuthenticationRequired"), Kind::Write), Trouble::Denied);
        assert_eq!(of_bluesky(400, &error("InvalidRequest"), Kind::Write), Trouble::Refused);
        assert_eq!(of_bluesky(500, &error("InternalServerError"), Kind::Write), Trouble::Uncertain);
        assert_eq!(
            of_bluesky(502, "<h1>Bad gateway</h1>", Kind::Read),
            Trouble::Busy { asked_ms: None, is_limit: false }
        );
        assert_eq!(of_bluesky(200, "<h1>Hello</h1>", Kind::Write), Trouble::Uncertain);
        assert_eq!(bluesky(&answer(200, "{\"uri\":1}"), Kind::Write, NOW_MS).unwrap()["uri"], 1);
        let why = bluesky(&answer(400, &error("InvalidRequest")), Kind::Write, NOW_MS).unwrap_err();
        assert_eq!((why.why.as_str(), why.status), ("because", Some(400)));
    }

    #[test]
    fn mastodon_servers_may_answer_with_pages() {
        assert_eq!(of_mastodon(401, "<html>", Kind::Read), Trouble::Denied);
        assert_eq!(
            of_mastodon(403, r#"{"error":"This action is outside the authorized scopes"}"#, Kind::Write),
            Trouble::Denied
        );
        assert_eq!(of_mastodon(422, r#"{"error":"Validation failed"}"#, Kind::Write), Trouble::Refused);
        assert_eq!(of_mastodon(503, "", Kind::Write), Trouble::Uncertain);
        assert_eq!(
            of_mastodon(404, "<html>", Kind::Write),
            Trouble::Busy { asked_ms: None, is_limit: false }
        );
        assert_eq!(of_mastodon(301, "", Kind::Write), Trouble::Busy { asked_ms: None, is_limit: false });
    }

    #[test]
    fn linkedin_says_by_status_what_follows() {
        let of = |status, body, kind| linkedin(&answer(status, body), kind, NOW_MS);
        let trouble = |status, body| of(status, body, Kind::Write).unwrap_err().trouble;
        assert_eq!(of(201, "", Kind::Write).unwrap(), Value::Null);
        assert_eq!(trouble(200, ""), Trouble::Uncertain, "a post is answered with 201");
        assert_eq!(trouble(401, r#"{"status":401,"code":"EXPIRED_ACCESS_TOKEN"}"#), Trouble::Denied);
        assert_eq!(trouble(403, r#"{"status":403,"code":"ACCESS_DENIED"}"#), Trouble::Denied);
        assert_eq!(trouble(403, "<html>no bots</html>"), Trouble::Busy { asked_ms: None, is_limit: false });
        assert_eq!(trouble(503, ""), Trouble::Uncertain);
        let old = of(
            426,
            r#"{"code":"NONEXISTENT_VERSION","message":"Requested version is not active"}"#,
            Kind::Write,
        );
        let old = old.unwrap_err();
        assert_eq!(old.trouble, Trouble::Busy { asked_ms: Some(HOUR_MS), is_limit: true });
        assert!(old.why.contains("not active") && old.why.contains("social.linkedin_version"), "{}", old.why);
        let refused = of(
            422,
            r#"{"message":"bad","errorDetails":{"inputErrors":[{"description":"commentary is too long"}]}}"#,
            Kind::Write,
        );
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.trouble, refused.why.as_str()),
            (Trouble::Refused, "bad; commentary is too long")
        );
        // 08:00 UTC, so sixteen hours until midnight.
        assert_eq!(
            trouble(429, r#"{"message":"Resource level throttle DAY limit"}"#),
            Trouble::Busy { asked_ms: Some(DAY_MS - NOW_MS % DAY_MS + 5 * MINUTE_MS), is_limit: true }
        );
        assert_eq!(
            trouble(429, r#"{"message":"slow down"}"#),
            Trouble::Busy { asked_ms: None, is_limit: true }
        );
        assert_eq!(trouble(404, r#"{"message":"no such resource"}"#), Trouble::Refused);
    }

    #[test]
    fn x_says_by_status_and_words_what_follows() {
        let of = |status, body: &str| x(&answer(status, body), Kind::Write, NOW_MS).unwrap_err();
        let trouble = |status, body: &str| of(status, body).trouble;
        let good = r#"{"data":{"id":"1445880548472328192","text":"Hello"}}"#;
        assert_eq!(x(&answer(201, good), Kind::Write, NOW_MS).unwrap()["data"]["id"], "1445880548472328192");
        assert_eq!(trouble(201, ""), Trouble::Uncertain);
        assert_eq!(
            trouble(
                401,
                r#"{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}"#
            ),
            Trouble::SessionOver
        );
        let credits = r#"{"account_id":1,"title":"CreditsDepleted","detail":"Your enrolled account [1] does not have any credits to fulfill this request.","type":"https://api.twitter.com/2/problems/credits"}"#;
        assert_eq!(trouble(402, credits), Trouble::OutOfCredit);
        assert!(of(402, credits).why.contains("does not have any credits"));
        let cap = r#"{"title":"SpendCapReached","detail":"Your enrolled account has reached its billing cycle spend cap.","reset_date":"2026-05-13","type":"https://api.twitter.com/2/problems/credits"}"#;
        assert_eq!(trouble(403, cap), Trouble::OutOfCredit);
        let again = r#"{"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank","title":"Forbidden","status":403}"#;
        assert_eq!(trouble(403, again), Trouble::Duplicate);
        assert_eq!(
            trouble(403, r#"{"errors":[{"code":187,"message":"Status is a duplicate."}]}"#),
            Trouble::Duplicate
        );
        assert_eq!(
            trouble(403, r#"{"errors":[{"code":186,"message":"Tweet needs to be a bit shorter."}]}"#),
            Trouble::Refused
        );
        assert_eq!(
            trouble(
                403,
                r#"{"title":"Forbidden","detail":"You are not permitted to perform this action.","status":403}"#
            ),
            Trouble::Denied
        );
        assert_eq!(trouble(403, "<html>no bots</html>"), Trouble::Busy { asked_ms: None, is_limit: false });
        assert_eq!(
            trouble(
                400,
                r#"{"errors":[{"message":"Your media IDs are invalid."}],"title":"Invalid Request"}"#
            ),
            Trouble::Refused
        );
        assert_eq!(
            of(400, r#"{"errors":[{"message":"Your media IDs are invalid."}]}"#).why,
            "Your media IDs are invalid."
        );
        assert_eq!(
            trouble(429, r#"{"title":"Too Many Requests"}"#),
            Trouble::Busy { asked_ms: None, is_limit: true }
        );
        assert_eq!(trouble(503, ""), Trouble::Uncertain);
    }

    #[test]
    fn tokens_that_x_refuses_are_refused() {
        let of = |status, body: &str| x_tokens(&answer(status, body), NOW_MS).unwrap_err();
        let spent = of(
            400,
            r#"{"error":"invalid_request","error_description":"Value passed for the token was invalid."}"#,
        );
        assert_eq!(
            (spent.trouble, spent.why.as_str()),
            (Trouble::Denied, "Value passed for the token was invalid.")
        );
        assert_eq!(of(401, r#"{"error":"unauthorized_client"}"#).trouble, Trouble::Denied);
        assert_eq!(of(503, "{}").trouble, Trouble::Busy { asked_ms: None, is_limit: false });
        assert_eq!(of(400, "<html>").trouble, Trouble::Busy { asked_ms: None, is_limit: false });
    }

    #[test]
    fn a_limit_says_when_it_ends() {
        let limit = |reset, retry_after| {
            let answer = Answer { status: 429, reset, retry_after, body: "{}" };
            mastodon(&answer, Kind::Write, NOW_MS).unwrap_err().trouble
        };
        let busy = |asked_ms| Trouble::Busy { asked_ms, is_limit: true };
        assert_eq!(limit(Some("1800000060"), None), busy(Some(60_000)));
        assert_eq!(limit(Some("2027-01-15T08:05:00.000Z"), None), busy(Some(300_000)));
        assert_eq!(limit(Some("1700000000"), None), busy(Some(0)), "that is over");
        assert_eq!(limit(None, Some("30")), busy(Some(30_000)));
        assert_eq!(limit(Some("soon"), None), busy(None));
    }

    #[test]
    fn no_status_is_without_a_meaning() {
        for status in 100..=999 {
            for body in ["", "{}", "<html>"] {
                for kind in [Kind::Read, Kind::Write] {
                    let good = (200..=299).contains(&status) && body == "{}";
                    assert_eq!(bluesky(&answer(status, body), kind, NOW_MS).is_ok(), good);
                    assert_eq!(mastodon(&answer(status, body), kind, NOW_MS).is_ok(), good);
                    assert_eq!(x(&answer(status, body), kind, NOW_MS).is_ok(), good);
                    let good = good || (matches!(status, 201 | 204) && body.is_empty());
                    assert_eq!(linkedin(&answer(status, body), kind, NOW_MS).is_ok(), good);
                }
            }
        }
    }
}
