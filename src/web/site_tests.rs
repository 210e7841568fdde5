//! The whole web layer in one process, for tests: content, an issue that has left, requests without a network.

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use tower::ServiceExt as _;

use super::{health::Readiness, router::router_with};
use crate::{
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            clock::{DAY_MS, ManualClock},
            id::DeliveryId,
            random::SeededRandom,
            token::Keys,
        },
        social::{linkedin::Version, spend::Terms},
    },
    render::Templates,
    store::{Db, issues, partners, renditions},
    work::{
        Context,
        context::{Bounces, Settings},
        publish, sync,
        tokens::MailToken,
    },
};

/// 2027-01-11 21:00 UTC: an hour before the January issue is frozen.
pub const EVE_MS: i64 = 1_799_701_200_000;

/// A site.
pub struct Site {
    pub ctx: Arc<Context>,
    pub clock: Arc<ManualClock>,
    pub router: Router,
    pub readiness: Readiness,
    _dir: tempfile::TempDir,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The demo's site on the day of the January issue, with settings changed.
pub async fn site(change: impl FnOnce(&mut Settings)) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite:{}", dir.path().join("test.sqlite").display())).await.unwrap();
    let mut settings = Settings {
        public_url: "https://cast.example".to_owned(),
        console_open: true,
        demo: true,
        mailbox: Some(dir.path().join("mailbox")),
        trusted_proxies: Vec::new(),
        window: 8,
        on_uncertain: OnUncertain::Resend,
        classes: Classes::default(),
        warm_up: Vec::new(),
        bounces: Bounces::default(),
        linkedin: Version::default(),
        x: Terms::default(),
    };
    change(&mut settings);
    let clock = Arc::new(ManualClock::new(EVE_MS));
    let ctx = Arc::new(Context::new(
        db,
        clock.clone(),
        Arc::new(SeededRandom::new(7)),
        Keys::new(&[vec![7; 32]]).unwrap(),
        Arc::new(Templates::load(None).unwrap()),
        settings,
    ));
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    sync::sync(&ctx, &content, true).await.unwrap();
    clock.advance(DAY_MS);
    publish::tick(&ctx).await.unwrap();
    let readiness = Readiness::default();
    Site { router: router_with(ctx.clone(), readiness.clone()), ctx, clock, readiness, _dir: dir }
}

impl Site {
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let peer = axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
        let mut request =
            Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000").extension(peer);
        let says = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !body.is_empty() && !says {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 22).await.unwrap();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(Method::POST, path, &[("sec-fetch-site", "same-origin")], body).await
    }

    /// Somebody's delivery of the January issue, with the number of a link that leads to the whitepaper.
    pub async fn mail(&self) -> (MailToken, i64) {
        let issue = issues::recent(&self.ctx.db).await.unwrap().remove(0);
        let lines = crate::store::deliveries::of_issue(&self.ctx.db, &issue.id, 0).await.unwrap();
        let line = lines.first().unwrap();
        let links = renditions::links(&self.ctx.db, &line.rendition_id).await.unwrap();
        let paper = links.iter().find(|link| link.target.contains("/whitepapers/")).unwrap();
        (MailToken::new(DeliveryId::parse(&line.id).unwrap(), &line.rendition_id).unwrap(), paper.no)
    }

    /// Everybody at a partner leaves.
    pub async fn let_go(&self, partner: &str) {
        let partner = partners::partner(&self.ctx.db, partner).await.unwrap().unwrap();
        let mut tx = self.ctx.db.begin().await.unwrap();
        partners::import(&mut tx, EVE_MS + DAY_MS, &*self.ctx.random, &[partner], &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}
