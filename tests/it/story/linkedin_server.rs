//! A server on loopback with the shapes of LinkedIn's API, from its published documentation and from answers that others have
//! recorded. Like LinkedIn it reads little text: at a sign that is not escaped the words end, and the answer is good all the same.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post, put},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    networks::{Does, say},
    social::FOURTH_MS,
};

/// The page that the token's member looks after.
pub const PAGE: &str = "urn:li:organization:5515715";
/// One of which the member only sees the figures.
pub const OTHER_PAGE: &str = "urn:li:organization:77";

#[derive(Default)]
pub struct Inner {
    /// Posts as they were sent, with the words as they are read.
    pub posts: Vec<(String, Value)>,
    pub next: VecDeque<Does>,
    pub token: String,
    /// The only version that is served, where not all are.
    pub version: Option<&'static str>,
    pub uploads: Vec<usize>,
    /// What is told of a picture.
    pub picture: &'static str,
    /// Whether the token may read a page's posts.
    pub reads: bool,
}

#[derive(Clone)]
pub struct Linkedin {
    pub inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
}

type Shared = State<(Arc<Mutex<Inner>>, SocketAddr)>;

impl Linkedin {
    pub async fn new() -> Self {
        let inner = Inner { token: "s3cret".to_owned(), picture: "AVAILABLE", ..Inner::default() };
        let inner = Arc::new(Mutex::new(inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v2/userinfo", get(member))
            .route("/rest/organizationAcls", get(roles))
            .route("/rest/organizations/{id}", get(page))
            .route("/rest/images", post(begin_upload))
            .route("/dms-uploads/{id}", put(bytes))
            .route("/rest/images/{urn}", get(image))
            .route("/rest/posts", post(new_post).get(latest))
            .with_state((inner.clone(), address));
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

/// The address of a post that was made then.
pub fn urn(at_ms: i64, no: usize) -> String {
    format!("urn:li:share:{}", (at_ms << 22) + i64::try_from(no).unwrap())
}

/// The answer to whoever has no good token, or speaks what is served no more.
fn stranger(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    if header("authorization") != format!("Bearer {}", inner.token) {
        let body = json!({"status": 401, "serviceErrorCode": 65602, "code": "EXPIRED_ACCESS_TOKEN", "message": "The token used in the request has expired"});
        return Some(say(401, body));
    }
    None
}

fn unversioned(inner: &Inner, headers: &HeaderMap) -> Option<Response> {
    assert_eq!(headers["x-restli-protocol-version"], "2.0.0");
    let asked = headers["linkedin-version"].to_str().unwrap().to_owned();
    inner.version.filter(|served| *served != asked).map(|_| {
        let message = format!("Requested version {asked} is not active");
        say(426, json!({"status": 426, "code": "NONEXISTENT_VERSION", "message": message}))
    })
}

async fn member(State((inner, _)): Shared, headers: HeaderMap) -> Response {
    let told = || {
        say(200, json!({"sub": "8_Sx-2", "name": "Kara Boyd", "locale": {"country": "US", "language": "en"}}))
    };
    stranger(&inner.lock().unwrap(), &headers).unwrap_or_else(told)
}

async fn roles(State((inner, _)): Shared, headers: HeaderMap) -> Response {
    let inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers).or_else(|| unversioned(&inner, &headers)) {
        return answer;
    }
    let role = |page: &str, role: &str| json!({"role": role, "organization": page, "roleAssignee": "urn:li:person:8_Sx-2", "state": "APPROVED"});
    say(
        200,
        json!({"elements": [role(OTHER_PAGE, "ANALYST"), role(PAGE, "ADMINISTRATOR")], "paging": {"start": 0, "count": 100}}),
    )
}

async fn page(State((inner, _)): Shared, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let named = || say(200, json!({"id": id.parse::<u64>().unwrap(), "localizedName": "Northlight MSP"}));
    stranger(&inner.lock().unwrap(), &headers).unwrap_or_else(named)
}

#[derive(serde::Deserialize)]
struct Action {
    action: String,
}

async fn begin_upload(
    State((inner, address)): Shared,
    headers: HeaderMap,
    Query(asked): Query<Action>,
    Json(body): Json<Value>,
) -> Response {
    let inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers).or_else(|| unversioned(&inner, &headers)) {
        return answer;
    }
    assert_eq!(asked.action, "initializeUpload");
    assert!(body["initializeUploadRequest"]["owner"].as_str().unwrap().starts_with("urn:li:"), "{body}");
    let value = json!({"uploadUrlExpiresAt": 1_800_000_000_000_i64, "uploadUrl": format!("http://{address}/dms-uploads/1"), "image": "urn:li:image:C4E10AQ"});
    say(200, json!({"value": value}))
}

async fn bytes(State((inner, _)): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    assert!(stranger(&inner, &headers).is_none() && body.starts_with(b"\x89PNG"));
    inner.uploads.push(body.len());
    StatusCode::CREATED.into_response()
}

async fn image(State((inner, _)): Shared, headers: HeaderMap, Path(urn): Path<String>) -> Response {
    let inner = inner.lock().unwrap();
    let told = || say(200, json!({"id": urn, "status": inner.picture}));
    stranger(&inner, &headers).unwrap_or_else(told)
}

/// Little text as LinkedIn reads it: tags are templates, and the words end at a sign that means something and is not escaped.
fn read(little: &str) -> String {
    let (mut words, mut rest) = (String::new(), little.chars());
    while let Some(c) = rest.next() {
        match c {
            '\\' => words.extend(rest.next()),
            '{' => {
                let Some(tag) = rest.as_str().strip_prefix("hashtag|\\#|") else { break };
                words.push('#');
                rest = tag.chars();
            }
            '}' => {}
            '|' | '@' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '*' | '_' | '~' => break,
            c => words.push(c),
        }
    }
    words
}

#[derive(serde::Deserialize)]
struct Latest {
    q: String,
    author: String,
}

async fn latest(State((inner, _)): Shared, headers: HeaderMap, Query(asked): Query<Latest>) -> Response {
    let inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers).or_else(|| unversioned(&inner, &headers)) {
        return answer;
    }
    if !inner.reads {
        return say(
            403,
            json!({"status": 403, "code": "ACCESS_DENIED", "message": "Not enough permissions to access: posts.FINDER-author"}),
        );
    }
    assert_eq!(asked.q, "author");
    let of = inner.posts.iter().rev().filter(|(_, post)| post["author"] == asked.author.as_str());
    let all = of.map(|(urn, post)| {
        let mut post = post.clone();
        post["id"] = Value::from(urn.as_str());
        post
    });
    say(200, json!({"elements": all.collect::<Vec<_>>()}))
}

async fn new_post(State((inner, _)): Shared, headers: HeaderMap, Json(mut asked): Json<Value>) -> Response {
    let mut inner = inner.lock().unwrap();
    if let Some(answer) = stranger(&inner, &headers).or_else(|| unversioned(&inner, &headers)) {
        return answer;
    }
    for (key, value) in [("visibility", "PUBLIC"), ("lifecycleState", "PUBLISHED")] {
        assert_eq!(asked[key], value, "{asked}");
    }
    asked["commentary"] = Value::from(read(asked["commentary"].as_str().unwrap()));
    let same = |post: &&(String, Value)| {
        post.1["author"] == asked["author"] && post.1["commentary"] == asked["commentary"]
    };
    if let Some((urn, _)) = inner.posts.iter().find(same) {
        let message = format!(
            "com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}"
        );
        let inputs =
            json!([{"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}]);
        let body = json!({"errorDetailType": "com.linkedin.common.error.BadRequest", "message": message, "errorDetails": {"inputErrors": inputs}, "status": 422});
        return say(422, body);
    }
    let urn = urn(FOURTH_MS, inner.posts.len());
    match inner.next.pop_front() {
        None => {
            inner.posts.push((urn.clone(), asked));
            (StatusCode::CREATED, [("x-restli-id", urn)]).into_response()
        }
        Some(Does::Loses) => {
            inner.posts.push((urn, asked));
            say(504, json!({"status": 504, "message": "Gateway timeout"}))
        }
        Some(Does::Says(status, body)) => (StatusCode::from_u16(status).unwrap(), Html(body)).into_response(),
        Some(Does::Limits(_)) => say(
            429,
            json!({"status": 429, "code": "TOO_MANY_REQUESTS", "message": "Resource level throttle DAY limit is reached"}),
        ),
    }
}
