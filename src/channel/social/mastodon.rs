//! Servers of the Mastodon API: Mastodon and what speaks like it. They promise less than the documentation says: an
//! `Idempotency-Key` is kept for an hour (Mastodon), or not looked at (snac, GoToSocial), so that after an unknown result the
//! account's latest posts are read and looked through for the post's own link.

use serde_json::{Value, json};

use super::{Posted, Request, Wire, deciding, form_of};
use crate::{
    channel::egress::{Answered, Egress},
    domain::{
        kernel::clock::UtcMs,
        social::{
            Content, Failure, Limits, Trouble,
            answer::{self, Kind},
            invitation::{self, Invitation, Visit},
        },
    },
};

/// Posts of one page, the most that servers give.
const PAGE: usize = 40;
/// Pages that are looked through at most.
const PAGES_MAX: usize = 5;
/// Most bytes of a page of posts.
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most bytes of what an instance says of itself.
const INSTANCE_BYTES_MAX: usize = 512 * 1024;
/// How often it is asked whether a picture is ready, a second apart.
const READY_TRIES: usize = 5;
/// Longest name and secret of an application, in letters; each goes into a link.
const APPLICATION_LETTERS_MAX: usize = 500;
/// Longest token, in letters; some servers make whole documents of them.
const TOKEN_LETTERS_MAX: usize = 4_000;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id at its server.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its page; empty where the server says none.
    pub url: String,
}

/// An application that a server knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Application {
    /// Its name there.
    pub client_id: String,
    /// What proves that it is it.
    pub client_secret: String,
}

/// What a code gives.
#[derive(Clone)]
pub struct Granted {
    /// The token.
    pub token: String,
    /// For how many seconds it is good, where the server says that it ends.
    pub lifetime_s: Option<i64>,
}

/// A client of one server with one token.
#[derive(Clone, Copy)]
pub struct Mastodon<'e> {
    wire: Wire<'e>,
    token: &'e str,
}

impl<'e> Mastodon<'e> {
    /// For `server`, `https://host`. `wall_ms` is now by the wall clock.
    pub fn new(egress: &'e Egress, server: &'e str, token: &'e str, wall_ms: UtcMs) -> Self {
        Self { wire: Wire { egress, server, wall_ms }, token }
    }

    /// Whose token it is (`verify_credentials`).
    ///
    /// # Errors
    /// `Denied` for a token that opens nothing.
    pub async fn verify(&self) -> Result<Account, Failure> {
        let asked = self.get("/api/v1/accounts/verify_credentials", INSTANCE_BYTES_MAX).await;
        let json = asked.map_err(|mut failure| {
            // There is nothing here that could be wrong but the token; snac 2.75 says 422.
            if matches!(failure.status, Some(400 | 401 | 403 | 422)) {
                failure.trouble = Trouble::Denied;
            }
            failure
        })?;
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        // Some servers add their own name to those of their own.
        let name = text("acct").split('@').next().unwrap_or_default().to_owned();
        let account = Account { id: text("id"), name, url: text("url") };
        let is_id = !account.id.is_empty()
            && account.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_id {
            let busy = Trouble::Busy { asked_ms: None, is_limit: false };
            return Err(Failure::new(
                busy,
                "it answers without an account: is it a server of the Mastodon API?",
            ));
        }
        Ok(account)
    }

    /// Makes us known as `name`, so that people may let us into their accounts (`/api/v1/apps`); they come back to
    /// `redirect_uri`.
    ///
    /// # Errors
    /// What kept us from it.
    pub async fn register(&self, name: &str, redirect_uri: &str) -> Result<Application, Failure> {
        let fields = [("client_name", name), ("redirect_uris", redirect_uri), ("scopes", invitation::SCOPES)];
        let json = self.form("/api/v1/apps", &fields).await?;
        let [client_id, client_secret] =
            ["client_id", "client_secret"].map(|key| word(&json, key, APPLICATION_LETTERS_MAX));
        match (client_id, client_secret) {
            (Some(client_id), Some(client_secret)) => Ok(Application { client_id, client_secret }),
            _ => {
                let why = "it makes no application known: is it a server of the Mastodon API?";
                Err(Failure::new(Trouble::Refused, why))
            }
        }
    }

    /// The token for the code with which somebody came back (`/oauth/token`).
    ///
    /// # Errors
    /// `Denied` for a code that was used or is too old, and where we may not post.
    pub async fn exchange(&self, visit: &Visit, code: &str, redirect_uri: &str) -> Result<Granted, Failure> {
        let invitation = &visit.invitation;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &invitation.client_id),
            ("client_secret", &invitation.client_secret),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &visit.verifier),
            ("scope", invitation::SCOPES),
        ];
        let json = self.form("/oauth/token", &fields).await?;
        let scope = json["scope"].as_str().unwrap_or_default();
        if !scope.is_empty() && !scope.split(' ').any(|word| matches!(word, "write" | "write:statuses")) {
            return Err(Failure::new(Trouble::Denied, "it does not let us post"));
        }
        let denied = || Failure::new(Trouble::Denied, "it answers without a token");
        let token = word(&json, "access_token", TOKEN_LETTERS_MAX).ok_or_else(denied)?;
        Ok(Granted { token, lifetime_s: json["expires_in"].as_i64().filter(|seconds| *seconds > 0) })
    }

    /// Gives a token back (`/oauth/revoke`, RFC 7009).
    ///
    /// # Errors
    /// What kept us from it.
    pub async fn revoke(&self, invitation: &Invitation, token: &str) -> Result<(), Failure> {
        let fields = [
            ("client_id", invitation.client_id.as_str()),
            ("client_secret", &invitation.client_secret),
            ("token", token),
        ];
        let answered = self.send_form("/oauth/revoke", &fields).await?;
        // What it says besides is nothing (RFC 7009 section 2.2).
        if (200..300).contains(&answered.status) {
            return Ok(());
        }
        self.json(&answered, Kind::Read).map(|_| ())
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Value, Failure> {
        self.json(&self.send_form(path, fields).await?, Kind::Read)
    }

    async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answered, Failure> {
        let body = form_of(fields);
        let request = Request {
            method: "POST",
            path,
            content_type: "application/x-www-form-urlencoded",
            body: body.as_bytes(),
            ..Request::default()
        };
        self.wire.ask(&request).await
    }

    /// What the server says that posts may be, by its second or its first description of itself; Mastodon's own where it has
    /// neither.
    ///
    /// # Errors
    /// What kept us from knowing.
    pub async fn limits(&self) -> Result<Limits, Failure> {
        for path in ["/api/v2/instance", "/api/v1/instance"] {
            let request = Request { path, body_bytes_max: INSTANCE_BYTES_MAX, ..Request::default() };
            let answered = self.wire.ask(&request).await?;
            match self.json(&answered, Kind::Read) {
                Ok(json) if json["configuration"]["statuses"].is_object() => {
                    return Ok(Limits::of_instance(&json));
                }
                Err(failure) if answered.status == 429 || answered.status >= 500 => return Err(failure),
                // It has no such page, or says nothing there.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Limits::MASTODON)
    }

    /// Uploads a picture with what stands for it, and returns its id once it may be posted.
    ///
    /// # Errors
    /// What kept it.
    pub async fn upload(&self, png: &[u8], alt: &str) -> Result<String, Failure> {
        let (content_type, body) = multipart(png, alt);
        let bearer = self.bearer();
        let mut answered = Answered::default();
        for path in ["/api/v2/media", "/api/v1/media"] {
            let request = Request {
                method: "POST",
                path,
                authorization: &bearer,
                content_type: &content_type,
                body: &body,
                ..Request::default()
            };
            answered = self.wire.ask(&request).await?;
            if !matches!(answered.status, 404 | 405) {
                break;
            }
        }
        let json = self.json(&answered, Kind::Read)?;
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        // Servers have letters of their own in it; only one that goes into an address must be plain.
        let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_ready = !matches!(answered.status, 202 | 206);
        if id.is_empty() || (!is_ready && !is_plain) {
            return Err(Failure::new(Trouble::Refused, "it takes no pictures"));
        }
        let path = format!("/api/v1/media/{id}");
        for _ in 0..READY_TRIES {
            if answered.status != 202 && answered.status != 206 {
                return Ok(id);
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            answered =
                self.wire.ask(&Request { path: &path, authorization: &bearer, ..Request::default() }).await?;
            self.json(&answered, Kind::Read)?;
        }
        Err(Failure::new(Trouble::Refused, "the picture is not ready in time"))
    }

    /// Posts. `key` is the same for every try of a post.
    ///
    /// # Errors
    /// What kept it.
    pub async fn post(&self, content: &Content, media: Option<&str>, key: &str) -> Result<Posted, Failure> {
        let mut body = json!({"status": content.with_link()});
        // Servers know languages, and not all of them regions.
        if let Some(language) = content.locale.split('-').next().filter(|language| !language.is_empty()) {
            body["language"] = Value::from(language);
        }
        if let Some(media) = media {
            body["media_ids"] = json!([media]);
        }
        let body = body.to_string();
        let request = Request {
            method: "POST",
            path: "/api/v1/statuses",
            authorization: &self.bearer(),
            content_type: "application/json",
            body: body.as_bytes(),
            headers: &[("idempotency-key", key)],
            body_bytes_max: INSTANCE_BYTES_MAX,
            kind: Kind::Write,
        };
        let answered = self.wire.ask(&request).await?;
        let posted = posted(&self.json(&answered, Kind::Write)?, false);
        posted.ok_or_else(|| Failure::new(Trouble::Uncertain, "it answers without the post's id"))
    }

    /// The post with `link` among those of `account` that were made since `since_ms`, if it is there.
    ///
    /// # Errors
    /// What kept us from knowing; `Busy` also where there are more posts than are looked through.
    pub async fn find(&self, account: &str, link: &str, since_ms: UtcMs) -> Result<Option<Posted>, Failure> {
        let mut before = String::new();
        for _ in 0..PAGES_MAX {
            let path =
                format!("/api/v1/accounts/{account}/statuses?limit={PAGE}&exclude_reblogs=true{before}");
            let page = self.get(&path, PAGE_BYTES_MAX).await?;
            let page = page.as_array().ok_or_else(|| unknown("it answers with no list of posts"))?;
            if let Some(found) = page.iter().find(|status| holds(status, link)) {
                return posted(found, true).map(Some).ok_or_else(|| unknown("the post has no id there"));
            }
            let Some(last) = page.last() else { return Ok(None) };
            if created_ms(last).is_some_and(|at_ms| at_ms < since_ms) {
                return Ok(None);
            }
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let next = last["id"].as_str().filter(|id| !id.is_empty() && id.bytes().all(is_plain));
            match next.map(|id| format!("&max_id={id}")) {
                Some(next) if next != before => before = next,
                // Who gives a short page again has no others.
                Some(_) if page.len() < PAGE => return Ok(None),
                _ => return Err(unknown("it does not show the posts before these")),
            }
        }
        Err(unknown("there are too many posts to find this one among them"))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    async fn get(&self, path: &str, body_bytes_max: usize) -> Result<Value, Failure> {
        let request = Request { path, authorization: &self.bearer(), body_bytes_max, ..Request::default() };
        self.json(&self.wire.ask(&request).await?, Kind::Read)
    }

    fn json(&self, answered: &Answered, kind: Kind) -> Result<Value, Failure> {
        answer::mastodon(&deciding(answered), kind, self.wire.wall_ms)
    }
}

/// A word of an answer that is handed back as it is; none for what is no such word.
fn word(json: &Value, key: &str, letters_max: usize) -> Option<String> {
    let word = json[key].as_str().unwrap_or_default();
    let is_word = (1..=letters_max).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| word.to_owned())
}

fn posted(status: &Value, was_there: bool) -> Option<Posted> {
    let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
    let (id, uri, url) = (text("id"), text("uri"), text("url"));
    let url = if url.is_empty() { uri } else { url };
    // It becomes a link on a page of ours.
    let is_link = url.starts_with("https://") || url.starts_with("http://");
    (!id.is_empty()).then(|| Posted {
        uri: id,
        cid: String::new(),
        url: if is_link { url } else { String::new() },
        was_there,
    })
}

/// Nobody knows yet whether a post is there.
fn unknown(why: &str) -> Failure {
    Failure::new(Trouble::Busy { asked_ms: None, is_limit: false }, why)
}

/// Whether a status has the link: in its HTML, in its card, or in its source, which snac gives.
fn holds(status: &Value, link: &str) -> bool {
    let content = status["content"].as_str().unwrap_or_default().replace("&amp;", "&");
    content.contains(link)
        || status["card"]["url"].as_str() == Some(link)
        || status["text"].as_str().is_some_and(|text| text.contains(link))
}

fn created_ms(status: &Value) -> Option<UtcMs> {
    let created = chrono::DateTime::parse_from_rfc3339(status["created_at"].as_str()?).ok()?;
    Some(created.timestamp_millis())
}

/// A form with a picture (RFC 7578): its type and its bytes.
fn multipart(png: &[u8], alt: &str) -> (String, Vec<u8>) {
    // No picture of ours holds it: PNG's chunks are packed, and what people type has no line that begins with it.
    const BOUNDARY: &str = "partnercast-7d9f2c5b81e34a06";
    let alt: String = alt.chars().filter(|c| !c.is_control()).collect();
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n{alt}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"image.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(png);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_as_servers_write_it() {
        let link = "https://cast.example/t/abc/p/blog/x?lang=de&post=3kabc";
        let html =
            format!("<p>Words <a href=\"{}\"><span>https://</span></a></p>", link.replace('&', "&amp;"));
        for there in [
            json!({"content": html}),
            json!({"content": "", "card": {"url": link}}),
            json!({"text": format!("x {link}")}),
        ] {
            assert!(holds(&there, link), "{there}");
        }
        for other in [
            json!({}),
            json!({"content": "https://cast.example/t/abc/p/blog/x?lang=de"}),
            json!({"card": null}),
        ] {
            assert!(!holds(&other, link), "{other}");
        }
    }

    #[test]
    fn what_a_server_answers_becomes_no_link_that_runs() {
        assert_eq!(posted(&json!({"uri": "x"}), false), None);
        let bent = posted(&json!({"id": "1", "url": "javascript:alert(1)"}), false).unwrap();
        assert_eq!((bent.uri.as_str(), bent.url.as_str()), ("1", ""));
    }

    #[test]
    fn a_form_keeps_what_is_typed_in_its_part() {
        let (_, body) = multipart(b"PNG", "a\r\n--b\r\nü");
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("\r\n\r\na--bü\r\n--") && text.ends_with("--\r\n"), "{text}");
    }
}
