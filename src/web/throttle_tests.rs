//! How often forms and sign-ins are taken, through the door.

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, StatusCode},
};
use tower::ServiceExt as _;

use super::site_tests::{Site, site};
use crate::{
    domain::kernel::{
        Network,
        clock::{DAY_MS, MINUTE_MS},
    },
    work::{context::Settings, signin},
};

const PAPER: &str = "/p/rheinbogen/whitepapers/first-24-hours";

/// A form with faults, which is asked as often as one without.
fn form(at: usize) -> String {
    format!("name=J%C3%B6rg+{at}&email=joerg{at}%40werk.example&company=Werk+%26+Co")
}

/// A site on a day on which the German paper is out.
async fn published(change: impl FnOnce(&mut Settings)) -> Site {
    let site = site(change).await;
    site.clock.advance(90 * DAY_MS);
    site
}

impl Site {
    /// Sends a form from `peer`, which claims to ask for `forwarded`.
    async fn form_from(&self, peer: [u8; 4], forwarded: &str, body: String) -> (StatusCode, String, String) {
        let mut request = Request::post(PAPER)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(ConnectInfo(std::net::SocketAddr::from((peer, 50_000))));
        if !forwarded.is_empty() {
            request = request.header("x-forwarded-for", forwarded);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let retry =
            answer.headers().get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
        (status, retry, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn too_many_forms_of_a_network_wait_and_lose_nothing() {
    let site = published(|_| ()).await;
    for at in 0..10u8 {
        // Neighbours in one network, whatever they claim.
        let claim = format!("198.51.100.{at}");
        let (status, ..) = site.form_from([203, 0, 113, at], &claim, form(at.into())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (status, retry, page) = site.form_from([203, 0, 113, 99], "192.0.2.1", form(99)).await;
    assert_eq!((status, retry.as_str()), (StatusCode::TOO_MANY_REQUESTS, "6"));
    assert!(page.contains("in 1 Minute noch einmal") && page.contains("lang=\"de"), "in the page's language");
    assert!(
        page.contains("value=\"Jörg 99\"") && page.contains("value=\"Werk &amp; Co\""),
        "what was typed is there"
    );
    let (elsewhere, ..) = site.form_from([203, 0, 114, 1], "", form(1)).await;
    assert_eq!(elsewhere, StatusCode::UNPROCESSABLE_ENTITY, "another network is another");
    let asset = "/p/northlight/whitepapers/proof-of-recovery";
    for _ in 0..10 {
        site.post(asset, "name=A").await;
    }
    assert_eq!(site.post(asset, "name=A").await.status, StatusCode::TOO_MANY_REQUESTS, "all forms count");
    assert_eq!(site.get(asset).await.status, StatusCode::OK, "reading does not");
    site.clock.advance(6_000);
    let (status, ..) = site.form_from([203, 0, 113, 99], "", form(99)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "taken again");
}

#[tokio::test]
async fn behind_a_proxy_of_ours_visitors_are_told_apart() {
    let site =
        published(|settings| settings.trusted_proxies = vec![Network::parse("10.0.0.0/8").unwrap()]).await;
    for at in 0..20 {
        let claim = format!("6.6.6.6, 198.51.{at}.1");
        let (status, ..) = site.form_from([10, 0, 0, 1], &claim, form(at)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{at}");
    }
    for at in 0..10 {
        site.form_from([10, 0, 0, 1], &format!("{at}.6.6.6, 198.51.100.7"), form(100 + at)).await;
    }
    let (status, ..) = site.form_from([10, 0, 0, 1], "9.9.9.9, 198.51.100.7", form(200)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "what the visitor wrote has no effect");
}

#[tokio::test]
async fn one_address_is_not_mailed_over_and_over() {
    let site = published(|_| ()).await;
    let mut statuses = Vec::new();
    for at in 0..11u8 {
        site.clock.advance(MINUTE_MS / 10);
        let shouting = if at % 2 == 0 { "EVA%40werk.example" } else { "eva%40werk.example" };
        let (status, ..) = site.form_from([203, 0, at, 1], "", format!("email={shouting}")).await;
        statuses.push(status);
    }
    assert_eq!(statuses.pop(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(statuses.iter().all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY), "{statuses:?}");
}

#[tokio::test]
async fn signing_in_is_slow_for_those_who_guess() {
    let site = site(|settings| settings.console_open = false).await;
    for _ in 0..20 {
        let answer = site.post("/console/sign-in/forged", "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let answer = site.post("/console/sign-in/forged", "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "180");
    let json = site
        .ask(
            Method::POST,
            "/console/sign-in/forged",
            &[("accept", "application/json"), ("sec-fetch-site", "none")],
            "",
        )
        .await;
    assert_eq!((json.status, json.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "180"));
    site.clock.advance(3 * MINUTE_MS);
    let link = signin::console_path(&site.ctx.keys, &*site.ctx.random, site.ctx.clock.wall_ms(), None);
    assert_eq!(site.post(&link, "").await.status, StatusCode::SEE_OTHER, "later it works again");
}
