//! A real receiver of webhooks on loopback, and surroundings whose client may go there.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use partnercast::{
    channel::egress::{Egress, Guard},
    domain::{
        kernel::{Network, random::SeededRandom, token::Keys},
        social::spend::Terms,
        webhook::{EventKind, Secret, sign::Message},
    },
    store::webhooks::Endpoint,
    work::{
        Context,
        context::Settings,
        sync,
        webhooks::{self, Order, Proof},
    },
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

use super::{Rig, rig::KEY};

/// What a receiver got.
#[derive(Debug, Clone)]
pub struct Got {
    pub id: String,
    pub timestamp: String,
    pub signatures: Vec<String>,
    pub body: String,
}

impl Got {
    pub fn kind(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        // What chat rooms are sent has none.
        body["type"].as_str().unwrap_or_default().to_owned()
    }

    /// What keeps it from being what the schema of its type says; only the keywords that our schemas use are known.
    pub fn faults(&self) -> Vec<String> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let schema = EventKind::parse(&self.kind()).expect("a type of the catalogue").schema();
        let mut faults = Vec::new();
        check("", &serde_json::from_str(schema).unwrap(), &body, &mut faults);
        faults
    }

    /// Whether one of the signatures is this secret's.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let message = Message { id: &self.id, timestamp: &self.timestamp, body: &self.body };
        self.signatures.contains(&Secret::parse(secret).unwrap().sign(&message).unwrap())
    }
}

fn check(place: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let is_good = match keyword.as_str() {
            "type" => {
                let of = |word: &str| match word {
                    "string" => value.is_string(),
                    "null" => value.is_null(),
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "integer" => value.is_i64(),
                    other => panic!("a type that is not known here: {other}"),
                };
                rule.as_str()
                    .map_or_else(|| rule.as_array().unwrap().iter().any(|it| of(it.as_str().unwrap())), of)
            }
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => {
                rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "properties" => {
                let known = rule.as_object().unwrap();
                for (key, inner) in value.as_object().unwrap() {
                    match known.get(key) {
                        Some(schema) => check(&format!("{place}/{key}"), schema, inner, faults),
                        None => faults.push(format!("{place}/{key} is in no schema")),
                    }
                }
                true
            }
            "items" => {
                value
                    .as_array()
                    .unwrap()
                    .iter()
                    .for_each(|it| check(&format!("{place}/*"), rule, it, faults));
                true
            }
            "pattern" => value.as_str().is_none_or(|text| {
                // All of ours are a prefix and 32 hexadecimal digits, or words.
                let prefix =
                    rule.as_str().unwrap().strip_prefix('^').and_then(|it| it.strip_suffix("[0-9a-f]{32}$"));
                prefix.is_none_or(|prefix| text.strip_prefix(prefix).is_some_and(|it| it.len() == 32))
            }),
            _ => true,
        };
        if !is_good {
            faults.push(format!("{place}: {value} breaks {keyword} {rule}"));
        }
    }
}

type Script = Box<dyn Fn(&Got) -> Answer + Send + Sync>;

/// What a receiver does.
pub enum Answer {
    /// Answers with this status, header and body.
    Say(u16, Option<(&'static str, &'static str)>, String),
    /// Says nothing until the gate opens.
    Hang,
}

struct Inner {
    got: Mutex<Vec<Got>>,
    script: Mutex<Script>,
    came: Notify,
    gate: watch::Receiver<bool>,
}

/// A real receiver on loopback.
pub struct Receiver {
    inner: Arc<Inner>,
    address: SocketAddr,
    _open: watch::Sender<bool>,
}

impl Receiver {
    pub async fn new() -> Self {
        let (open, gate) = watch::channel(false);
        let inner = Arc::new(Inner {
            got: Mutex::default(),
            script: Mutex::new(Box::new(well)),
            came: Notify::new(),
            gate,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/in", post(take)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, address, _open: open }
    }

    pub fn does(&self, script: impl Fn(&Got) -> Answer + Send + Sync + 'static) {
        *self.inner.script.lock().unwrap() = Box::new(script);
    }

    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    /// What came, without verifications.
    pub fn got(&self) -> Vec<Got> {
        let all = self.inner.got.lock().unwrap();
        all.iter().filter(|got| got.kind() != "endpoint.verification").cloned().collect()
    }

    /// Waits until so many came.
    pub async fn has(&self, count: usize) {
        loop {
            let came = self.inner.came.notified();
            if self.got().len() >= count {
                return;
            }
            came.await;
        }
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let got = Got {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature").split(' ').map(str::to_owned).collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    inner.got.lock().unwrap().push(got.clone());
    inner.came.notify_waiters();
    let answer = inner.script.lock().unwrap()(&got);
    match answer {
        Answer::Say(status, header, body) => {
            let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
            if let Some((name, value)) = header {
                answer.headers_mut().insert(name, value.parse().unwrap());
            }
            answer
        }
        Answer::Hang => {
            let _ = inner.gate.clone().wait_for(|open| *open).await;
            StatusCode::OK.into_response()
        }
    }
}

pub fn say(status: u16) -> Answer {
    Answer::Say(status, None, "noted".to_owned())
}

/// Repeats challenges and takes everything else.
pub fn well(got: &Got) -> Answer {
    let body: Value = serde_json::from_str(&got.body).unwrap();
    match body["data"]["challenge"].as_str() {
        Some(challenge) => Answer::Say(200, None, challenge.to_owned()),
        None => say(202),
    }
}

/// The rig's surroundings, with a client that may go to loopback.
pub async fn open(rig: &Rig) -> Arc<Context> {
    open_with(rig, &[KEY.to_vec()]).await
}

/// The same with other keys.
pub async fn open_with(rig: &Rig, keys: &[Vec<u8>]) -> Arc<Context> {
    with(rig, keys, Egress::new(Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true), None)).await
}

/// The same with one that may not.
pub async fn closed(rig: &Rig) -> Arc<Context> {
    with(rig, &[KEY.to_vec()], Egress::default()).await
}

/// One that may, on other terms of X's; each with a seed of its own, as another process.
pub async fn open_on(rig: &Rig, x: Terms, seed: u64) -> Arc<Context> {
    let egress = Egress::new(Guard::new(vec![Network::parse("127.0.0.1").unwrap()], true), None);
    let settings = Settings { x, ..rig.ctx.settings.clone() };
    made(rig, &[KEY.to_vec()], egress, (settings, seed)).await
}

async fn with(rig: &Rig, keys: &[Vec<u8>], egress: Egress) -> Arc<Context> {
    made(rig, keys, egress, (rig.ctx.settings.clone(), 11)).await
}

async fn made(
    rig: &Rig,
    keys: &[Vec<u8>],
    egress: Egress,
    (settings, seed): (Settings, u64),
) -> Arc<Context> {
    let ctx = Context::new(
        rig.ctx.db.clone(),
        rig.clock.clone(),
        Arc::new(SeededRandom::new(seed)),
        Keys::new(keys).unwrap(),
        rig.ctx.templates.clone(),
        settings,
    );
    let ctx = Arc::new(ctx.with_egress(egress));
    sync::load(&ctx).await.unwrap();
    ctx
}

pub fn order(url: &str) -> Order {
    Order {
        name: "CRM".to_owned(),
        url: url.to_owned(),
        contact_name: "Ada Byron".to_owned(),
        contact_email: "ada@crm.example".to_owned(),
        concurrency: 4,
        ..Order::default()
    }
}

/// An endpoint at `receiver` that works, with its secrets.
pub async fn working(ctx: &Context, receiver: &Receiver, order: Order) -> (Endpoint, Vec<String>) {
    let added = webhooks::add(ctx, "ana", &order).await.unwrap();
    webhooks::verify(ctx, "ana", &added.0.id, Proof::Challenge).await.unwrap();
    assert!(receiver.got().is_empty());
    added
}
