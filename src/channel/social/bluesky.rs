//! Bluesky: the part of the AT Protocol that a personal data server answers by itself (`com.atproto.server`, `identity` and
//! `repo`; an app view is not asked). The record's key is ours, and it is put with `swapRecord: null`, which is "only where there
//! is none" (lexicon `com.atproto.repo.putRecord`): so a try that is repeated never makes a second post.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Posted, Request, Wire, deciding};
use crate::{
    channel::egress::{Answered, Egress},
    domain::{
        kernel::clock::UtcMs,
        social::{
            Content, Failure, Trouble,
            answer::{self, Kind},
            facet::{Facet, facets},
        },
    },
};

/// Where posts are.
const COLLECTION: &str = "app.bsky.feed.post";
/// Largest picture of a card, in bytes (lexicon `app.bsky.embed.external`).
pub const THUMB_BYTES_MAX: usize = 1_000_000;
/// Most bytes of a session's or a record's answer: identity documents may be long.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A session, kept so that not every post signs in: servers let that happen 30 times in five minutes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose: `did:plc:…`, which stays when the handle moves.
    pub did: String,
    /// The handle as of now.
    pub handle: String,
    access: String,
    refresh: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, redacted)", self.did)
    }
}

/// A client of one server.
#[derive(Clone, Copy)]
pub struct Bluesky<'e>(Wire<'e>);

impl<'e> Bluesky<'e> {
    /// For `server`, `https://host`. `wall_ms` is now by the wall clock.
    pub fn new(egress: &'e Egress, server: &'e str, wall_ms: UtcMs) -> Self {
        Self(Wire { egress, server, wall_ms })
    }

    /// Whether a server of Bluesky answers here (`describeServer`).
    ///
    /// # Errors
    /// What kept us from knowing, or what else answers.
    pub async fn answers(&self) -> Result<(), Failure> {
        let request = Request { path: "/xrpc/com.atproto.server.describeServer", ..Request::default() };
        let answered = self.0.ask(&request).await?;
        self.json(&answered, Kind::Read).map(|_| ())
    }

    /// Signs in by handle, DID or address, and app password (`createSession`).
    ///
    /// # Errors
    /// `Denied` for a password that is not, or no longer, theirs.
    pub async fn sign_in(&self, identifier: &str, password: &str) -> Result<Session, Failure> {
        let body = json!({"identifier": identifier, "password": password}).to_string();
        let answered = self.call("com.atproto.server.createSession", "", body.as_bytes()).await?;
        let json = self.json(&answered, Kind::Read);
        session(&json.map_err(|mut failure| {
            // A name that nobody has is said in other words than a wrong password, and is one to us.
            if failure.trouble == Trouble::Refused || failure.trouble == Trouble::SessionOver {
                failure.trouble = Trouble::Denied;
            }
            failure
        })?)
    }

    /// The next session (`refreshSession`); the one before opens nothing more soon.
    ///
    /// # Errors
    /// `SessionOver` or `Denied` where one has to sign in again.
    pub async fn refresh(&self, of: &Session) -> Result<Session, Failure> {
        let answered = self.call("com.atproto.server.refreshSession", &of.refresh, &[]).await?;
        session(&self.json(&answered, Kind::Read)?)
    }

    /// Uploads a picture (`uploadBlob`) and returns its blob for a record. Nobody sees it before a record has it.
    ///
    /// # Errors
    /// What kept it.
    pub async fn upload(&self, by: &Session, png: &[u8]) -> Result<Value, Failure> {
        let request = Request {
            method: "POST",
            path: "/xrpc/com.atproto.repo.uploadBlob",
            authorization: &format!("Bearer {}", by.access),
            content_type: "image/png",
            body: png,
            ..Request::default()
        };
        let answered = self.0.ask(&request).await?;
        Ok(self.json(&answered, Kind::Read)?["blob"].take())
    }

    /// Puts a post under our key, where there is none. What stands there already and says the same is ours, of a try before.
    ///
    /// # Errors
    /// What kept it; `Refused` where another record has the key.
    pub async fn put(&self, by: &Session, key: &str, record: &Value) -> Result<Posted, Failure> {
        let body = json!({
            "repo": by.did,
            "collection": COLLECTION,
            "rkey": key,
            "swapRecord": null,
            "record": record,
        })
        .to_string();
        let request = Request {
            method: "POST",
            path: "/xrpc/com.atproto.repo.putRecord",
            authorization: &format!("Bearer {}", by.access),
            content_type: "application/json",
            body: body.as_bytes(),
            body_bytes_max: ANSWER_BYTES_MAX,
            kind: Kind::Write,
            ..Request::default()
        };
        let answered = self.0.ask(&request).await?;
        if error_of(&answered) == "InvalidSwap" {
            let found = self.record(&by.did, key).await?;
            return match found {
                Some(found) if says_the_same(&found["value"], record) => {
                    Ok(posted(&by.did, key, &found, true))
                }
                Some(_) => Err(Failure::new(Trouble::Refused, "another record has the key of this post")),
                // It was there a moment ago: somebody took it away.
                None => Err(Failure::new(Trouble::Refused, "the post was taken away at the network")),
            };
        }
        let json = self.json(&answered, Kind::Write)?;
        if json["uri"].as_str().is_none_or(str::is_empty) {
            return Err(Failure::new(Trouble::Uncertain, "it answers without the post's address"));
        }
        Ok(posted(&by.did, key, &json, false))
    }

    /// The post under a key of ours, if there is one.
    ///
    /// # Errors
    /// What kept us from knowing.
    pub async fn find(&self, did: &str, key: &str) -> Result<Option<Posted>, Failure> {
        Ok(self.record(did, key).await?.map(|found| posted(did, key, &found, true)))
    }

    /// The record under a key, if there is one (`getRecord`).
    ///
    /// # Errors
    /// What kept us from knowing.
    pub async fn record(&self, did: &str, key: &str) -> Result<Option<Value>, Failure> {
        let path = format!("/xrpc/com.atproto.repo.getRecord?repo={did}&collection={COLLECTION}&rkey={key}");
        let request = Request { path: &path, body_bytes_max: ANSWER_BYTES_MAX, ..Request::default() };
        let answered = self.0.ask(&request).await?;
        let is_none = answered.status == 400
            && (error_of(&answered) == "RecordNotFound" || answered.body.contains("Could not locate record"));
        if is_none {
            return Ok(None);
        }
        self.json(&answered, Kind::Read).map(Some)
    }

    async fn call(&self, name: &str, token: &str, body: &[u8]) -> Result<Answered, Failure> {
        let (path, bearer) = (format!("/xrpc/{name}"), format!("Bearer {token}"));
        let request = Request {
            method: "POST",
            path: &path,
            authorization: if token.is_empty() { "" } else { &bearer },
            content_type: if body.is_empty() { "" } else { "application/json" },
            body,
            body_bytes_max: ANSWER_BYTES_MAX,
            ..Request::default()
        };
        self.0.ask(&request).await
    }

    fn json(&self, answered: &Answered, kind: Kind) -> Result<Value, Failure> {
        answer::bluesky(&deciding(answered), kind, self.0.wall_ms)
    }
}

fn error_of(answered: &Answered) -> String {
    let json = serde_json::from_str::<Value>(&answered.body).unwrap_or_default();
    json["error"].as_str().unwrap_or_default().to_owned()
}

fn session(json: &Value) -> Result<Session, Failure> {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let session = Session {
        did: text("did"),
        handle: text("handle"),
        access: text("accessJwt"),
        refresh: text("refreshJwt"),
    };
    // It goes into addresses of requests.
    let is_did = session.did.starts_with("did:")
        && session.did.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.-_%".contains(&byte));
    if !is_did || session.access.is_empty() || session.refresh.is_empty() {
        let busy = Trouble::Busy { asked_ms: None, is_limit: false };
        return Err(Failure::new(busy, "it answers without a session: is it a server of Bluesky?"));
    }
    Ok(session)
}

fn posted(did: &str, key: &str, answer: &Value, was_there: bool) -> Posted {
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    Posted {
        uri: text("uri"),
        cid: text("cid"),
        url: format!("https://bsky.app/profile/{did}/post/{key}"),
        was_there,
    }
}

/// Whether a record is the post that we want: when it was made does not matter.
fn says_the_same(there: &Value, ours: &Value) -> bool {
    there["text"] == ours["text"] && there["embed"]["external"]["uri"] == ours["embed"]["external"]["uri"]
}

/// A post as a record: words with facets, and the link as a card. `thumb` is the card's picture, `created` RFC 3339.
pub fn record(content: &Content, thumb: Option<Value>, created: &str) -> Value {
    let facets: Vec<Value> = facets(&content.text)
        .into_iter()
        .map(|(range, facet)| {
            let feature = match facet {
                Facet::Link(uri) => json!({"$type": "app.bsky.richtext.facet#link", "uri": uri}),
                Facet::Tag(tag) => json!({"$type": "app.bsky.richtext.facet#tag", "tag": tag}),
            };
            json!({"index": {"byteStart": range.start, "byteEnd": range.end}, "features": [feature]})
        })
        .collect();
    let mut card = json!({"uri": content.link, "title": content.title, "description": content.summary});
    if let Some(thumb) = thumb {
        card["thumb"] = thumb;
    }
    let mut record = json!({
        "$type": COLLECTION,
        "text": content.text,
        "createdAt": created,
        "langs": [content.locale],
        "embed": {"$type": "app.bsky.embed.external", "external": card},
    });
    if !facets.is_empty() {
        record["facets"] = Value::from(facets);
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            text: "Größe: https://a.example/x #Test".to_owned(),
            link: "https://cast.example/t/1".to_owned(),
            title: "A title".to_owned(),
            summary: "What for".to_owned(),
            locale: "de-AT".to_owned(),
            ..Content::default()
        }
    }

    #[test]
    fn a_record_has_its_link_as_a_card_and_facets_by_bytes() {
        let record = record(&content(), Some(json!({"$type": "blob"})), "2027-01-12T08:00:00Z");
        assert_eq!(record["embed"]["external"]["uri"], "https://cast.example/t/1");
        assert_eq!(record["embed"]["external"]["thumb"]["$type"], "blob");
        assert_eq!(record["facets"][0]["index"], json!({"byteStart": 9, "byteEnd": 28}));
        assert_eq!(record["facets"][1]["features"][0]["tag"], "Test");
        let plain = super::record(&Content { text: "plain".to_owned(), ..content() }, None, "");
        assert!(plain.get("facets").is_none() && plain["embed"]["external"].get("thumb").is_none());
        assert!(says_the_same(&plain, &plain) && !says_the_same(&plain, &record));
    }

    #[test]
    fn a_session_is_whole_or_none() {
        let whole = json!({"did": "did:plc:abc", "handle": "a.test", "accessJwt": "a", "refreshJwt": "b"});
        let read = session(&whole).unwrap();
        assert_eq!(format!("{read:?}"), "Session(did:plc:abc, redacted)");
        for (key, value) in [("did", "did:plc:a&b=c"), ("did", "plc"), ("accessJwt", ""), ("refreshJwt", "")]
        {
            let mut bent = whole.clone();
            bent[key] = Value::from(value);
            assert!(session(&bent).is_err(), "{key}");
        }
    }
}
