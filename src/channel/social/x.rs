//! X's API v2, for the account whose tokens we have. Written from its published documentation and from answers that others have
//! recorded, and tried against a server of those shapes (`tests/it/story/x_server.rs`): X itself costs money and cannot be reached
//! from where this is built. What it charges for is said by `domain/social/spend`, and reserved by whoever calls.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{Posted, Request, Wire, form_of};
use crate::{
    channel::egress::{Answered, Egress},
    domain::{
        content::merge::percent_encoded,
        kernel::clock::{UtcMs, utc},
        social::{
            Failure, Trouble,
            answer::{self, Answer, Kind},
            x::{Tokens, is_id},
        },
    },
};

/// What answers whose token it is.
const ME_PATH: &str = "/2/users/me";
/// Where tokens are renewed.
const TOKEN_PATH: &str = "/2/oauth2/token";
/// Posts that are read to look for one of ours: each costs.
pub const LATEST: i64 = 20;
/// Most bytes of a list of posts.
const POSTS_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a picture (`tweet_image`).
pub const PICTURE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Longest that stands for a picture, in characters.
const ALT_CHARS_MAX: usize = 1_000;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: String,
    /// As people know it, without `@`.
    pub name: String,
}

/// What was found among an account's latest posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The post, if it is there.
    pub found: Option<Posted>,
    /// How many posts were read, each of which costs.
    pub read: i64,
}

/// A client with one access token.
#[derive(Clone, Copy)]
pub struct X<'e> {
    wire: Wire<'e>,
    access: &'e str,
}

impl<'e> X<'e> {
    /// For `server`, `https://host`. `wall_ms` is now by the wall clock.
    pub fn new(egress: &'e Egress, server: &'e str, access: &'e str, wall_ms: UtcMs) -> Self {
        Self { wire: Wire { egress, server, wall_ms }, access }
    }

    /// Whether X answers here: to whoever has no token it says so.
    ///
    /// # Errors
    /// What kept us from knowing, or what else answers.
    pub async fn answers(&self) -> Result<(), Failure> {
        match self.me().await {
            Ok(_) | Err(Failure { trouble: Trouble::SessionOver, .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Whose token it is (`GET /2/users/me`, scopes `tweet.read` and `users.read`).
    ///
    /// # Errors
    /// `SessionOver` for an access token that opens nothing.
    pub async fn me(&self) -> Result<Account, Failure> {
        let json = self.get(ME_PATH, super::BODY_BYTES_MAX).await?;
        let text = |key: &str| json["data"][key].as_str().unwrap_or_default().to_owned();
        let account = Account { id: text("id"), name: text("username") };
        if !is_id(&account.id) {
            return Err(unknown("it answers without an account: is it X?"));
        }
        Ok(account)
    }

    /// New tokens for the refresh token, which opens nothing after that (`grant_type=refresh_token`).
    ///
    /// # Errors
    /// `Denied` where X does not take the refresh token any more.
    pub async fn renewed(&self, tokens: &Tokens) -> Result<Tokens, Failure> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)];
        let is_confidential = !tokens.client_secret.is_empty();
        if !is_confidential {
            form.push(("client_id", &tokens.client_id));
        }
        let body = form_of(&form);
        // Both are written as a part of a form first (RFC 6749 section 2.3.1).
        let basic =
            format!("{}:{}", percent_encoded(&tokens.client_id), percent_encoded(&tokens.client_secret));
        let basic = if is_confidential { format!("Basic {}", STANDARD.encode(basic)) } else { String::new() };
        let request = Request {
            method: "POST",
            path: TOKEN_PATH,
            authorization: &basic,
            content_type: "application/x-www-form-urlencoded",
            body: body.as_bytes(),
            ..Request::default()
        };
        let answered = self.wire.ask(&request).await?;
        let json = answer::x_tokens(&deciding(&answered), self.wire.wall_ms)?;
        tokens.renewed(&json, self.wire.wall_ms).ok_or_else(|| unknown("it answers without new tokens"))
    }

    /// Uploads a picture (`POST /2/media/upload` in one piece, scope `media.write`) and returns its number.
    ///
    /// # Errors
    /// What kept it; `Refused` where it has to be left out.
    pub async fn upload(&self, png: &[u8]) -> Result<String, Failure> {
        let body = json!({"media": STANDARD.encode(png), "media_category": "tweet_image", "media_type": "image/png"});
        let json = self.post_json("/2/media/upload", &body, Kind::Read).await.map_err(left_out)?;
        let id = json["data"]["id"].as_str().unwrap_or_default();
        if !is_id(id) {
            return Err(Failure::new(Trouble::Refused, "it takes no pictures"));
        }
        Ok(id.to_owned())
    }

    /// Says what stands for a picture (`POST /2/media/metadata`).
    ///
    /// # Errors
    /// What kept it; `Refused` where it has to be left out.
    pub async fn describe(&self, media: &str, alt: &str) -> Result<(), Failure> {
        let alt: String = alt.chars().take(ALT_CHARS_MAX).collect();
        let body = json!({"id": media, "metadata": {"alt_text": {"text": alt}}});
        self.post_json("/2/media/metadata", &body, Kind::Read).await.map(drop).map_err(left_out)
    }

    /// Posts (`POST /2/tweets`, scope `tweet.write`).
    ///
    /// # Errors
    /// What kept it; `Duplicate` where the account has the same words.
    pub async fn post(&self, text: &str, media: Option<&str>) -> Result<Posted, Failure> {
        let mut body = json!({"text": text});
        if let Some(media) = media {
            body["media"] = json!({"media_ids": [media]});
        }
        let json = self.post_json("/2/tweets", &body, Kind::Write).await?;
        let id = json["data"]["id"].as_str().filter(|id| is_id(id));
        id.map(|id| posted(id, false))
            .ok_or_else(|| Failure::new(Trouble::Uncertain, "it answers without the post's id"))
    }

    /// The post with `link` among the latest that the account made since `since_ms` (`GET /2/users/:id/tweets`). X writes an address of
    /// its own into a post, and tells beside it which one that stands for.
    ///
    /// # Errors
    /// What kept us from knowing.
    pub async fn find(&self, user: &str, link: &str, since_ms: UtcMs) -> Result<Looked, Failure> {
        let since = utc(since_ms).to_rfc3339_opts(SecondsFormat::Secs, true);
        let path = format!(
            "/2/users/{user}/tweets?max_results={LATEST}&exclude=retweets&start_time={since}&tweet.fields=entities"
        );
        let json = self.get(&path, POSTS_BYTES_MAX).await?;
        let all = json["data"].as_array().map_or(&[][..], Vec::as_slice);
        if all.is_empty() && json["meta"]["result_count"].as_i64() != Some(0) {
            // Such an answer says nothing about whether the post is there.
            return Err(Failure::new(Trouble::Uncertain, "it answers without the account's posts"));
        }
        let ours = all.iter().find(|post| holds(post, link));
        let id = ours.and_then(|post| post["id"].as_str()).filter(|id| is_id(id));
        let read = i64::try_from(all.len()).unwrap_or(LATEST);
        Ok(Looked { found: id.map(|id| posted(id, true)), read })
    }

    async fn post_json(&self, path: &str, body: &Value, kind: Kind) -> Result<Value, Failure> {
        let body = body.to_string();
        let request = Request {
            method: "POST",
            path,
            authorization: &format!("Bearer {}", self.access),
            content_type: "application/json",
            body: body.as_bytes(),
            kind,
            ..Request::default()
        };
        let answered = self.wire.ask(&request).await?;
        answer::x(&deciding(&answered), kind, self.wire.wall_ms)
    }

    async fn get(&self, path: &str, body_bytes_max: usize) -> Result<Value, Failure> {
        let bearer = format!("Bearer {}", self.access);
        let authorization = if self.access.is_empty() { "" } else { &bearer };
        let request = Request { path, authorization, body_bytes_max, ..Request::default() };
        let answered = self.wire.ask(&request).await?;
        answer::x(&deciding(&answered), Kind::Read, self.wire.wall_ms)
    }
}

/// What decides of an answer. Limits of a day have headers of their own beside those of a quarter of an hour.
fn deciding(answered: &Answered) -> Answer<'_> {
    let is_used_up = |whose: &&str| {
        answered.header(&format!("x-{whose}-limit-24hour-remaining")).is_some_and(|left| left.trim() == "0")
    };
    let of_day = ["app", "user"].into_iter().find(|whose| is_used_up(whose));
    let of_day = of_day.and_then(|whose| answered.header(&format!("x-{whose}-limit-24hour-reset")));
    Answer {
        status: answered.status,
        reset: of_day.or_else(|| answered.header("x-rate-limit-reset")),
        retry_after: answered.header("retry-after"),
        body: &answered.body,
    }
}

/// A picture is worth no post: what is refused of it is left out, also where the token may upload none. Only a token that opens
/// nothing, and credit that is used up, are more.
fn left_out(failure: Failure) -> Failure {
    match (failure.trouble, failure.status) {
        (Trouble::Denied | Trouble::Refused | Trouble::Duplicate, _)
        | (Trouble::Busy { is_limit: false, .. }, Some(400..=499)) => {
            Failure { trouble: Trouble::Refused, ..failure }
        }
        _ => failure,
    }
}

fn holds(post: &Value, link: &str) -> bool {
    let urls = post["entities"]["urls"].as_array();
    let is_it =
        |url: &Value| ["expanded_url", "unwound_url"].iter().any(|key| url[*key].as_str() == Some(link));
    urls.into_iter().flatten().any(is_it)
}

fn posted(id: &str, was_there: bool) -> Posted {
    Posted {
        uri: id.to_owned(),
        cid: String::new(),
        url: format!("https://x.com/i/web/status/{id}"),
        was_there,
    }
}

fn unknown(why: &str) -> Failure {
    Failure::new(Trouble::Busy { asked_ms: None, is_limit: false }, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_what_tokens_have() {
        assert_eq!(form_of(&[("a", "x:y+/="), ("b", "M1-_.")]), "a=x%3Ay%2B%2F%3D&b=M1-_.");
    }

    #[test]
    fn a_limit_of_a_day_is_longer_than_one_of_minutes() {
        let answered = |headers: &[(&str, &str)]| Answered {
            status: 429,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: String::new(),
        };
        let minutes =
            answered(&[("x-rate-limit-reset", "1800000900"), ("x-app-limit-24hour-remaining", "12")]);
        assert_eq!(deciding(&minutes).reset, Some("1800000900"));
        let day = answered(&[
            ("x-rate-limit-reset", "1800000900"),
            ("x-app-limit-24hour-remaining", "0"),
            ("x-app-limit-24hour-reset", "1800080000"),
        ]);
        assert_eq!(deciding(&day).reset, Some("1800080000"));
    }

    #[test]
    fn a_post_is_known_by_the_address_that_stands_behind_its_own() {
        let link = "https://cast.example/t/1?post=3k";
        let post = json!({"id": "1", "text": "Hello https://t.co/a", "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": link}]}});
        assert!(holds(&post, link) && !holds(&post, "https://cast.example/t/1?post=3"));
        assert!(!holds(&json!({"id": "1", "text": link}), link));
    }

    #[test]
    fn pictures_cost_no_post_and_no_account() {
        let of = |trouble, status| left_out(Failure { trouble, status, why: String::new() }).trouble;
        assert_eq!(of(Trouble::Denied, Some(403)), Trouble::Refused);
        assert_eq!(of(Trouble::Busy { asked_ms: None, is_limit: false }, Some(404)), Trouble::Refused);
        assert_eq!(of(Trouble::SessionOver, Some(401)), Trouble::SessionOver);
        assert_eq!(of(Trouble::OutOfCredit, Some(402)), Trouble::OutOfCredit);
        let limit = Trouble::Busy { asked_ms: Some(1), is_limit: true };
        assert_eq!(of(limit, Some(429)), limit);
    }
}
