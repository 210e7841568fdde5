//! What WordPress's REST API answers means (developer.wordpress.org, REST API handbook): a post with its id, or an error as
//! `{"code", "message", "data": {"status"}}`. Whatever else stands before a site answers HTML.

use serde_json::Value;

use super::hash_of;
use crate::domain::{kernel::clock::UtcMs, webhook::schedule::asked_ms};

/// Letters of an answer that are shown.
const SHOWN_LETTERS: usize = 160;

/// What a site answered, as far as it decides something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// `Location`.
    pub location: Option<&'a str>,
    /// The body.
    pub body: &'a str,
}

/// A post as the site knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remote {
    /// Its id there.
    pub id: i64,
    /// Its address there.
    pub url: String,
    /// `draft`, `publish`, `trash` and the like; empty where that was not told.
    pub status: String,
    /// The hash of what it says; empty where that was not told.
    pub hash: String,
}

impl Remote {
    /// Whether somebody threw it away there.
    pub fn is_in_bin(&self) -> bool {
        self.status == "trash"
    }
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stands there.
    Placed(Remote),
    /// There is no such post there any more.
    Gone,
    /// Our name or password is good for nothing there, or the site is not what it was: nothing more is asked of it.
    Refused(String),
    /// The site does not take this post, now or later.
    Never(String),
    /// It is tried again; it may have been done.
    Again {
        /// How long the site asked for, in milliseconds.
        asked_ms: Option<i64>,
        /// Why.
        why: String,
    },
    /// It is tried again: our own fault kept us from asking the site for anything.
    Withheld(String),
}

/// What the answer to a request to make or change a post means. `wall_ms` is now by the wall clock.
pub fn verdict(answer: &Answer<'_>, wall_ms: UtcMs) -> Verdict {
    let json: Option<Value> = serde_json::from_str(answer.body.trim()).ok();
    match answer.status {
        200..=299 => match json.as_ref().and_then(remote) {
            Some(remote) if remote.is_in_bin() => Verdict::Gone,
            Some(remote) => Verdict::Placed(remote),
            // Only an id says that it is there.
            None => {
                Verdict::Again { asked_ms: None, why: format!("no post in the answer: {}", said(answer)) }
            }
        },
        _ => refusal(answer, json.as_ref(), wall_ms),
    }
}

/// The posts that a lookup by slug found, the oldest first; else what the answer means.
///
/// # Errors
/// What follows where it is no list.
pub fn found(answer: &Answer<'_>, wall_ms: UtcMs) -> Result<Vec<Remote>, Verdict> {
    let json: Option<Value> = serde_json::from_str(answer.body.trim()).ok();
    match (answer.status, json.as_ref().and_then(Value::as_array)) {
        (200..=299, Some(list)) => {
            let mut posts: Vec<Remote> = list.iter().filter_map(remote).collect();
            posts.sort_by_key(|post| post.id);
            Ok(posts)
        }
        (200..=299, None) => {
            Err(Verdict::Again { asked_ms: None, why: format!("no list in the answer: {}", said(answer)) })
        }
        // Drafts may be looked for by whoever may write; to others that is no value of `status`.
        (400, _) if json.as_ref().is_some_and(|json| json["code"] == "rest_invalid_param") => {
            let why = format!("it answers 400: {}", said(answer));
            Err(Verdict::Refused(format!("it refuses the name or the password ({why})")))
        }
        _ => Err(refusal(answer, json.as_ref(), wall_ms)),
    }
}

/// Whether the account that answered may do what `publishes` needs; the answer is that of `users/me` with `context=edit`.
///
/// # Errors
/// In words, what is wrong and how to mend it.
pub fn account(answer: &Answer<'_>, publishes: bool) -> Result<(), String> {
    let json: Option<Value> = serde_json::from_str(answer.body.trim()).ok();
    match answer.status {
        200..=299 => {}
        _ => return Err(words(&refusal(answer, json.as_ref(), 0))),
    }
    let json = json.filter(|json| json["id"].is_i64()).ok_or_else(|| {
        format!("it answers with no account, and perhaps is no WordPress: {}", said(answer))
    })?;
    let may = |what: &str| json["capabilities"][what].as_bool() == Some(true);
    if !may("edit_posts") {
        return Err("the account may not write posts; make it an author or an editor".to_owned());
    }
    if publishes && !may("publish_posts") {
        return Err(
            "the account may not publish; make it an author or an editor, or choose drafts".to_owned()
        );
    }
    Ok(())
}

/// Why, of a verdict that is no success.
pub fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Placed(_) => "it stands there".to_owned(),
        Verdict::Gone => "the post is gone there".to_owned(),
        Verdict::Refused(why) | Verdict::Never(why) | Verdict::Again { why, .. } | Verdict::Withheld(why) => {
            why.clone()
        }
    }
}

fn refusal(answer: &Answer<'_>, json: Option<&Value>, wall_ms: UtcMs) -> Verdict {
    let code = json.and_then(|json| json["code"].as_str());
    let why = format!("it answers {}: {}", answer.status, said(answer));
    let again = |asked_ms| Verdict::Again { asked_ms, why: why.clone() };
    match (answer.status, code) {
        // Signed in, and not allowed to change this one: somebody else published it, or it was given to another author.
        (403, Some("rest_cannot_edit" | "rest_cannot_publish" | "rest_forbidden_context")) => {
            Verdict::Never(format!("the account may not change this post there ({why})"))
        }
        // With an error of the REST API it is the account; a page comes from something that stands before the site.
        (401, _) | (403, Some(_)) => Verdict::Refused(format!("it refuses the name or the password ({why})")),
        (404, Some("rest_post_invalid_id")) | (410, _) => Verdict::Gone,
        (404, _) => Verdict::Refused(format!("there is no REST API of WordPress ({why})")),
        (300..=399, _) => {
            let to = answer.location.unwrap_or("elsewhere");
            Verdict::Refused(format!("it leads to {}; connect that address instead", short(to)))
        }
        (408 | 425 | 429 | 403, _) | (500..=599, _) => {
            again(answer.retry_after.and_then(|value| asked_ms(value, wall_ms)))
        }
        _ => Verdict::Never(why),
    }
}

fn remote(json: &Value) -> Option<Remote> {
    let id = json["id"].as_i64().filter(|id| *id > 0)?;
    // An address that is no https or http one is no link.
    let url = json["link"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let status = json["status"].as_str().unwrap_or_default().to_owned();
    let words = (json["title"]["raw"].as_str(), json["content"]["raw"].as_str());
    let hash = if let (Some(title), Some(html)) = words { hash_of(title, html) } else { String::new() };
    Some(Remote { id, url: url.map(str::to_owned).unwrap_or_default(), status, hash })
}

/// What stands in an answer, for people: the error's own words, or the beginning.
fn said(answer: &Answer<'_>) -> String {
    let json: Option<Value> = serde_json::from_str(answer.body.trim()).ok();
    let message = json.as_ref().and_then(|json| json["message"].as_str());
    match message {
        Some(message) => short(message),
        None if answer.body.trim_start().starts_with('<') => "a page, not JSON".to_owned(),
        None => short(answer.body),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Verdict {
        verdict(&Answer { status, body, ..Answer::default() }, 0)
    }

    #[test]
    fn only_an_id_says_that_it_is_there() {
        let binned = of(200, r#"{"id": 7, "status": "trash"}"#);
        assert_eq!(binned, Verdict::Gone, "what somebody threw away does not stand there");
        let theirs = of(403, r#"{"code": "rest_cannot_edit", "message": "Sorry", "data": {"status": 403}}"#);
        assert!(matches!(theirs, Verdict::Never(_)), "one post, and not the site: {theirs:?}");
        let there = of(201, r#"{"id": 7, "link": "https://a.example/?p=7", "slug": "pc-1"}"#);
        assert_eq!(
            there,
            Verdict::Placed(Remote { id: 7, url: "https://a.example/?p=7".into(), ..Remote::default() })
        );
        let bent = of(200, r#"{"id": 7, "link": "javascript:alert(1)"}"#);
        assert_eq!(bent, Verdict::Placed(Remote { id: 7, ..Remote::default() }));
        let told = of(200, r#"{"id": 7, "title": {"raw": "a"}, "content": {"raw": "b"}}"#);
        assert_eq!(told, Verdict::Placed(Remote { id: 7, hash: hash_of("a", "b"), ..Remote::default() }));
        for none in ["<!doctype html><title>Log in</title>", "", "{}", r#"{"id": 0}"#, r#"{"id": "7"}"#, "[]"]
        {
            assert!(matches!(of(200, none), Verdict::Again { .. }), "{none}");
        }
    }

    #[test]
    fn every_status_has_a_meaning() {
        let denied = r#"{"code": "rest_cannot_create", "message": "Sorry", "data": {"status": 401}}"#;
        assert!(matches!(of(401, denied), Verdict::Refused(why) if why.contains("Sorry")));
        assert!(matches!(of(401, "<html>"), Verdict::Refused(_)));
        assert!(matches!(of(403, denied), Verdict::Refused(_)));
        assert!(matches!(of(403, "<html>firewall"), Verdict::Again { .. }), "a firewall is not the account");
        assert!(
            matches!(of(404, r#"{"code": "rest_no_route"}"#), Verdict::Refused(why) if why.contains("REST"))
        );
        assert!(matches!(of(404, "<html>"), Verdict::Refused(_)));
        assert_eq!(of(404, r#"{"code": "rest_post_invalid_id"}"#), Verdict::Gone);
        assert_eq!(of(410, ""), Verdict::Gone);
        let moved = Answer { status: 301, location: Some("https://b.example/"), ..Answer::default() };
        assert!(matches!(verdict(&moved, 0), Verdict::Refused(why) if why.contains("https://b.example/")));
        assert!(matches!(of(400, r#"{"code": "rest_invalid_param", "message": "no"}"#), Verdict::Never(_)));
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(of(status, "<html>"), Verdict::Again { .. }), "{status}");
        }
        let busy = Answer { status: 429, retry_after: Some("120"), ..Answer::default() };
        assert!(matches!(verdict(&busy, 0), Verdict::Again { asked_ms: Some(120_000), .. }));
    }

    #[test]
    fn a_lookup_is_a_list_and_an_account_may_write() {
        let answer = |body| Answer { status: 200, body, ..Answer::default() };
        assert_eq!(found(&answer("[]"), 0), Ok(Vec::new()));
        let two = found(&answer(r#"[{"id": 9}, {"id": 4}]"#), 0).unwrap();
        assert_eq!(two.iter().map(|it| it.id).collect::<Vec<_>>(), [4, 9]);
        assert!(matches!(found(&answer("<html>"), 0), Err(Verdict::Again { .. })));
        let stranger = r#"{"code": "rest_invalid_param", "message": "Invalid parameter(s): status"}"#;
        let stranger = Answer { status: 400, body: stranger, ..Answer::default() };
        assert!(matches!(found(&stranger, 0), Err(Verdict::Refused(_))), "drafts are not for strangers");
        let author = r#"{"id": 2, "capabilities": {"edit_posts": true, "publish_posts": true}}"#;
        assert_eq!(account(&answer(author), true), Ok(()));
        let contributor = r#"{"id": 2, "capabilities": {"edit_posts": true}}"#;
        assert_eq!(account(&answer(contributor), false), Ok(()));
        assert!(account(&answer(contributor), true).unwrap_err().contains("drafts"));
        assert!(account(&answer("<html>"), false).unwrap_err().contains("no WordPress"));
        assert!(
            account(&Answer { status: 401, ..Answer::default() }, false).unwrap_err().contains("password")
        );
    }
}
