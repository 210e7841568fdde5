//! A server on loopback with the shapes of X's API v2, from its published documentation and from answers that others have recorded. It
//! keeps a bill, as X does: what is asked for is charged, what is refused is not.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use partnercast::domain::social::spend::{Prices, Usd};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::networks::{Does, say};

/// The account's number.
pub const USER: &str = "2244994945";
/// To which application the tokens were given.
pub const CLIENT: &str = "M1M5R3BMVy13QmpScXkzTUt5OE46MTpjaQ";

#[derive(Default)]
pub struct Inner {
    /// Whose account it is.
    pub user: String,
    /// Posts as they were sent.
    pub posts: Vec<Value>,
    pub next: VecDeque<Does>,
    /// Which tokens are good: `a1` and `r1` are the first.
    pub generation: usize,
    /// Whether the access token is over.
    pub is_over: bool,
    /// Whether nobody renews any more.
    pub is_revoked: bool,
    pub renewals: usize,
    /// Whether posts are shown to whoever looks.
    pub shows: bool,
    /// Whether the token may upload.
    pub takes_pictures: bool,
    pub alts: Vec<String>,
    /// What was charged, in millionths.
    pub bill: i64,
}

#[derive(Clone)]
pub struct X {
    pub inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
}

type Shared = State<Arc<Mutex<Inner>>>;

impl X {
    pub async fn new() -> Self {
        let inner = Inner {
            user: USER.to_owned(),
            generation: 1,
            shows: true,
            takes_pictures: true,
            ..Inner::default()
        };
        let inner = Arc::new(Mutex::new(inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/2/users/me", get(me))
            .route("/2/oauth2/token", post(token))
            .route("/2/media/upload", post(upload))
            .route("/2/media/metadata", post(describe))
            .route("/2/tweets", post(new_post))
            .route("/2/users/{id}/tweets", get(latest))
            .with_state(inner.clone());
        let router = router.layer(axum::extract::DefaultBodyLimit::max(8 * 1024 * 1024));
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
        self.inner.lock().unwrap().posts.clone()
    }

    /// What was charged.
    pub fn bill(&self) -> Usd {
        Usd::micros(self.inner.lock().unwrap().bill)
    }
}

impl Inner {
    fn charge(&mut self, price: Usd) {
        self.bill += price.as_micros();
    }
}

/// The answer to whoever has no good token.
fn stranger(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let header = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    let is_good = header == format!("Bearer a{}", inner.generation) && !inner.is_over;
    let body =
        json!({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"});
    (!is_good).then(|| say(401, body))
}

async fn me(State(inner): Shared, headers: HeaderMap) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers) {
        return answer;
    }
    inner.charge(Prices::default().read_user);
    say(200, json!({"data": {"id": inner.user, "name": "Northlight MSP", "username": "northlight"}}))
}

async fn token(State(inner): Shared, Form(asked): Form<HashMap<String, String>>) -> Response {
    let mut inner = inner.lock().unwrap();
    assert_eq!(asked["grant_type"], "refresh_token");
    let is_good = asked["refresh_token"] == format!("r{}", inner.generation);
    if asked.get("client_id").map(String::as_str) != Some(CLIENT) || !is_good || inner.is_revoked {
        let said = "Value passed for the token was invalid.";
        return say(400, json!({"error": "invalid_request", "error_description": said}));
    }
    inner.generation += 1;
    inner.renewals += 1;
    inner.is_over = false;
    let (access, refresh) = (format!("a{}", inner.generation), format!("r{}", inner.generation));
    let scope = "tweet.read tweet.write users.read media.write offline.access";
    say(
        200,
        json!({"token_type": "bearer", "expires_in": 7200, "access_token": access, "scope": scope, "refresh_token": refresh}),
    )
}

async fn upload(State(inner): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers) {
        return answer;
    }
    if !inner.takes_pictures {
        return say(
            403,
            json!({"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden"}),
        );
    }
    assert_eq!(
        (&asked["media_category"], &asked["media_type"]),
        (&json!("tweet_image"), &json!("image/png"))
    );
    assert!(STANDARD.decode(asked["media"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"));
    let id = "1146654567674912769";
    say(
        200,
        json!({"data": {"id": id, "media_key": format!("3_{id}"), "expires_after_secs": 86400, "size": 1}}),
    )
}

async fn describe(State(inner): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers) {
        return answer;
    }
    inner.charge(Prices::default().alt_text);
    inner.alts.push(asked["metadata"]["alt_text"]["text"].as_str().unwrap().to_owned());
    say(
        200,
        json!({"data": {"id": asked["id"], "associated_metadata": {"alt_text": asked["metadata"]["alt_text"]}}}),
    )
}

async fn new_post(State(inner): Shared, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers) {
        return answer;
    }
    let price = Prices::default().post_with_link;
    if inner.posts.iter().any(|post| post["text"] == asked["text"]) {
        let said = "You are not allowed to create a Tweet with duplicate content.";
        return say(403, json!({"detail": said, "type": "about:blank", "title": "Forbidden", "status": 403}));
    }
    let id = (1_445_880_548_472_328_192 + inner.posts.len()).to_string();
    match inner.next.pop_front() {
        None => {
            let text = asked["text"].clone();
            inner.posts.push(asked);
            inner.charge(price);
            say(201, json!({"data": {"id": id, "text": text, "edit_history_tweet_ids": [id]}}))
        }
        Some(Does::Loses) => {
            inner.posts.push(asked);
            inner.charge(price);
            say(503, json!({"title": "Service Unavailable", "status": 503}))
        }
        Some(Does::Says(status, body)) => (StatusCode::from_u16(status).unwrap(), Html(body)).into_response(),
        Some(Does::Limits(until)) => {
            let body = json!({"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429});
            let mut answer = say(429, body);
            answer.headers_mut().insert("x-rate-limit-limit", "100".parse().unwrap());
            answer.headers_mut().insert("x-rate-limit-remaining", "0".parse().unwrap());
            answer.headers_mut().insert("x-rate-limit-reset", until.parse().unwrap());
            answer
        }
    }
}

async fn latest(
    State(inner): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers) {
        return answer;
    }
    assert_eq!((id.as_str(), asked["tweet.fields"].as_str()), (inner.user.as_str(), "entities"));
    assert!(
        (5..=100).contains(&asked["max_results"].parse::<i64>().unwrap())
            && asked["start_time"].ends_with('Z')
    );
    if !inner.shows {
        return say(200, json!({"meta": {"result_count": 0}}));
    }
    // X puts an address of its own in the place of each, and tells beside it what that stands for.
    let shown = |(at, post): (usize, &Value)| {
        let (words, link) = post["text"].as_str().unwrap().rsplit_once('\n').unwrap();
        let id = (1_445_880_548_472_328_192 + at).to_string();
        json!({"id": id, "text": format!("{words}\nhttps://t.co/a{at}"), "edit_history_tweet_ids": [id],
            "entities": {"urls": [{"start": 0, "end": 23, "url": format!("https://t.co/a{at}"), "expanded_url": link}]}})
    };
    let all: Vec<Value> = inner.posts.iter().enumerate().map(shown).rev().collect();
    let count = all.len();
    inner.charge(Prices::default().read_post.times(i64::try_from(count).unwrap()));
    say(200, json!({"data": all, "meta": {"result_count": count}}))
}
