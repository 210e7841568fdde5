//! A server on loopback with the shapes of a Bluesky PDS and of a Mastodon server, for what no real peer does when it is asked to:
//! limits, lost answers, pages in place of JSON. The real peers are under tests/social.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

/// What a server does with the next post in place of answering well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// Takes it, and answers as if something had broken.
    Loses,
    /// Answers with this status and this body, and takes nothing.
    Says(u16, &'static str),
    /// Has had enough until this time, in seconds since 1970 or as RFC 3339.
    Limits(String),
}

#[derive(Default)]
pub struct Inner {
    /// Records and statuses, as they were sent, with the key of each.
    pub posts: Vec<(String, Value)>,
    pub next: VecDeque<Does>,
    pub password: String,
    /// The access token that is good now.
    pub access: usize,
    pub refresh: usize,
    pub sign_ins: usize,
    pub uploads: usize,
    /// Whether pictures find no place just now.
    pub takes_no_pictures: bool,
    pub lookups: usize,
    /// Where whoever lets an application in is sent back to; its secret is `hush`.
    pub redirect_uri: String,
    /// The code that is good once, and the challenge (RFC 7636) with which it was asked for.
    pub code: Option<(String, String)>,
    /// The token that a code gives, where it is not the good one.
    pub gives: Option<String>,
    /// Tokens that were given back.
    pub revoked: Vec<String>,
}

#[derive(Clone)]
pub struct Networks {
    pub inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
}

impl Networks {
    pub async fn new() -> Self {
        let inner = Arc::new(Mutex::new(Inner { password: "s3cret".to_owned(), ..Inner::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/xrpc/com.atproto.server.createSession", post(sign_in))
            .route("/xrpc/com.atproto.server.refreshSession", post(refresh))
            .route("/xrpc/com.atproto.repo.uploadBlob", post(upload))
            .route("/xrpc/com.atproto.repo.putRecord", post(put))
            .route("/xrpc/com.atproto.repo.getRecord", get(record))
            .route("/api/v1/apps", post(register))
            .route("/oauth/token", post(exchange))
            .route("/oauth/revoke", post(revoke))
            .route("/api/v1/accounts/verify_credentials", get(verify))
            .route("/api/v1/instance", get(instance))
            .route("/api/v1/media", post(upload_media))
            .route("/api/v1/statuses", post(status))
            .route("/api/v1/accounts/7/statuses", get(statuses))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn does(&self, does: Does) {
        self.inner.lock().unwrap().next.push_back(does);
    }

    /// What is posted.
    pub fn posts(&self) -> Vec<Value> {
        self.inner.lock().unwrap().posts.iter().map(|(_, value)| value.clone()).collect()
    }
}

type Shared = State<Arc<Mutex<Inner>>>;

/// An answer with this status, in JSON.
pub fn say(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

fn bearer(headers: &HeaderMap) -> &str {
    headers.get("authorization").map_or("", |value| value.to_str().unwrap()).trim_start_matches("Bearer ")
}

fn session(inner: &mut Inner) -> Response {
    inner.access += 1;
    inner.refresh += 1;
    say(
        200,
        json!({"did": "did:plc:northlight", "handle": "northlight.test", "accessJwt": format!("a{}", inner.access),
            "refreshJwt": format!("r{}", inner.refresh)}),
    )
}

async fn sign_in(State(inner): Shared, Json(asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    inner.sign_ins += 1;
    if asked["password"] != inner.password.as_str() {
        return say(
            401,
            json!({"error": "AuthenticationRequired", "message": "Invalid identifier or password"}),
        );
    }
    session(&mut inner)
}

async fn refresh(State(inner): Shared, headers: HeaderMap) -> Response {
    let mut inner = inner.lock().unwrap();
    if bearer(&headers) != format!("r{}", inner.refresh) {
        return say(400, json!({"error": "ExpiredToken", "message": "Token has been revoked"}));
    }
    session(&mut inner)
}

fn over(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let is_good = bearer(headers) == format!("a{}", inner.access);
    (!is_good).then(|| say(400, json!({"error": "ExpiredToken", "message": "Token has expired"})))
}

async fn upload(State(inner): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(over) = over(&inner, &headers) {
        return over;
    }
    if inner.takes_no_pictures {
        return say(503, json!({"error": "NotEnoughResources"}));
    }
    assert!(body.starts_with(b"\x89PNG") && headers["content-type"] == "image/png");
    inner.uploads += 1;
    say(
        200,
        json!({"blob": {"$type": "blob", "ref": {"$link": "bafy"}, "mimeType": "image/png", "size": body.len()}}),
    )
}

/// What the script has for this post, where that is no good answer; a lost one is stored by `store`.
fn instead(inner: &mut Inner, store: impl FnOnce(&mut Inner)) -> Option<Response> {
    match inner.next.pop_front()? {
        Does::Loses => {
            store(inner);
            Some(say(500, json!({"error": "InternalServerError"})))
        }
        Does::Says(status, body) => Some((StatusCode::from_u16(status).unwrap(), Html(body)).into_response()),
        Does::Limits(until) => {
            let mut answer = say(429, json!({"error": "RateLimitExceeded"}));
            answer.headers_mut().insert("ratelimit-reset", until.parse().unwrap());
            Some(answer)
        }
    }
}

async fn put(State(inner): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(over) = over(&inner, &headers) {
        return over;
    }
    assert!(asked["swapRecord"].is_null() && asked.get("swapRecord").is_some(), "only where there is none");
    let key = asked["rkey"].as_str().unwrap().to_owned();
    if inner.posts.iter().any(|(other, _)| *other == key) {
        return say(400, json!({"error": "InvalidSwap", "message": "Record was at bafy"}));
    }
    let new = (key.clone(), asked["record"].clone());
    let stored = new.clone();
    if let Some(answer) = instead(&mut inner, |inner| inner.posts.push(stored)) {
        return answer;
    }
    inner.posts.push(new);
    say(200, json!({"uri": format!("at://did:plc:northlight/app.bsky.feed.post/{key}"), "cid": "bafy"}))
}

#[derive(serde::Deserialize)]
struct Key {
    rkey: String,
}

async fn record(State(inner): Shared, Query(asked): Query<Key>) -> Response {
    let inner = inner.lock().unwrap();
    match inner.posts.iter().find(|(key, _)| *key == asked.rkey) {
        Some((key, value)) => say(
            200,
            json!({"uri": format!("at://did:plc:northlight/app.bsky.feed.post/{key}"), "cid": "bafy", "value": value}),
        ),
        None => say(400, json!({"error": "RecordNotFound", "message": "Could not locate record"})),
    }
}

fn stranger(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    (bearer(headers) != inner.password)
        .then(|| (StatusCode::UNAUTHORIZED, Html("<h1>401</h1>")).into_response())
}

async fn verify(State(inner): Shared, headers: HeaderMap) -> Response {
    stranger(&inner.lock().unwrap(), &headers).unwrap_or_else(|| {
        say(200, json!({"id": "7", "acct": "northlight", "url": "https://m.example/@northlight"}))
    })
}

async fn register(State(inner): Shared, Form(asked): Form<HashMap<String, String>>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = instead(&mut inner, |_| {}) {
        return answer;
    }
    assert!(
        asked["client_name"] == "Brackenfold (partnercast)" && asked["scopes"].contains("write:statuses")
    );
    inner.redirect_uri.clone_from(&asked["redirect_uris"]);
    say(200, json!({"id": "1", "client_id": "app", "client_secret": "hush"}))
}

async fn exchange(State(inner): Shared, Form(asked): Form<HashMap<String, String>>) -> Response {
    let mut inner = inner.lock().unwrap();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked["code_verifier"].as_bytes()));
    let is_good = asked["grant_type"] == "authorization_code"
        && asked["client_secret"] == "hush"
        && asked["redirect_uri"] == inner.redirect_uri
        && inner.code.take_if(|code| *code == (asked["code"].clone(), challenge)).is_some();
    if is_good {
        let token = inner.gives.as_ref().unwrap_or(&inner.password);
        return say(200, json!({"access_token": token, "token_type": "Bearer"}));
    }
    say(400, json!({"error": "invalid_grant", "error_description": "The code is used, or too old"}))
}

async fn revoke(State(inner): Shared, Form(asked): Form<HashMap<String, String>>) -> Response {
    assert!(asked["client_id"] == "app" && asked["client_secret"] == "hush");
    inner.lock().unwrap().revoked.push(asked["token"].clone());
    say(200, json!({}))
}

async fn instance() -> Response {
    say(
        200,
        json!({"configuration": {"statuses": {"max_characters": 400, "characters_reserved_per_url": 23}}}),
    )
}

async fn upload_media(State(inner): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(stranger) = stranger(&inner, &headers) {
        return stranger;
    }
    if inner.takes_no_pictures {
        return (StatusCode::NOT_FOUND, Html("<h1>404</h1>")).into_response();
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(
        text.contains("name=\"description\"") && text.contains("name=\"file\""),
        "a form with alt text and picture"
    );
    inner.uploads += 1;
    say(200, json!({"id": "m1"}))
}

async fn status(State(inner): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(stranger) = stranger(&inner, &headers) {
        return stranger;
    }
    let new = (headers["idempotency-key"].to_str().unwrap().to_owned(), asked);
    let stored = new.clone();
    if let Some(answer) = instead(&mut inner, |inner| inner.posts.push(stored)) {
        return answer;
    }
    inner.posts.push(new);
    let id = inner.posts.len();
    say(200, json!({"id": id.to_string(), "url": format!("https://m.example/@northlight/{id}")}))
}

async fn statuses(State(inner): Shared, headers: HeaderMap) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(stranger) = stranger(&inner, &headers) {
        return stranger;
    }
    inner.lookups += 1;
    let all = inner.posts.iter().enumerate().rev().map(|(at, (_, value))| {
        let text = value["status"].as_str().unwrap().replace('&', "&amp;");
        let id = (at + 1).to_string();
        let url = format!("https://m.example/@northlight/{id}");
        json!({"id": id, "url": url, "content": format!("<p>{text}</p>"), "created_at": "2027-02-05T12:00:00.000Z"})
    });
    say(200, Value::from(all.collect::<Vec<_>>()))
}
