//! Leads that programs send: who may, what is told of faults, what is sent twice, how often.

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::{
    api::LEADS,
    site_tests::{Answer, Site, site},
};
use crate::{
    domain::kernel::random::OsRandom,
    store::{api_keys as stored, leads},
    work::api_keys,
};

const EVA: &str =
    r#"{"email": "eva@harbor.example", "name": "Eva Lind", "company": "Harbor AG", "partner": "northlight"}"#;

async fn key(site: &Site, partner: Option<&str>) -> (String, String) {
    let now_ms = site.ctx.now_ms();
    let made =
        api_keys::create(&site.ctx.db, (now_ms, &OsRandom), "test", ("Website", partner), 365).await.unwrap();
    (made.0.id, made.1)
}

async fn send(site: &Site, secret: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {secret}");
    let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    headers.extend(more);
    site.ask(Method::POST, LEADS, &headers, body).await
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

#[tokio::test]
async fn a_key_that_ended_is_told_so() {
    let site = site(|_| ()).await;
    let then_ms = site.ctx.now_ms() - 2 * crate::domain::kernel::clock::DAY_MS;
    let make = async |days| {
        let made =
            api_keys::create(&site.ctx.db, (then_ms, &OsRandom), "test", ("Website", None), days).await;
        made.unwrap()
    };
    let (key, secret) = make(1).await;
    let refused = send(&site, &secret, &[], EVA).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.body);
    assert_eq!(json(&refused)["title"].as_str(), Some("The key has expired"));
    assert!(json(&refused)["detail"].as_str().unwrap().contains(&key.id), "{}", refused.body);
    assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    assert!(stored::list(&site.ctx.db).await.unwrap()[0].used_ms.is_none());
    let (_, good) = make(3).await;
    assert_eq!(send(&site, &good, &[], EVA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_may_is_told_apart() {
    let site = site(|_| ()).await;
    let (id, secret) = key(&site, None).await;
    for wrong in ["", "x", "pck_AAAA"] {
        let refused = send(&site, wrong, &[], EVA).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert!(refused.header("www-authenticate").starts_with("Bearer "));
    }
    let taken = send(&site, &secret, &[], EVA).await;
    assert_eq!((taken.status, json(&taken)["new"].as_i64()), (StatusCode::OK, Some(1)), "{}", taken.body);
    let used = stored::list(&site.ctx.db).await.unwrap();
    assert!(used[0].used_ms.is_some() && used[0].partner_slug.is_none());

    let (_, bound) = key(&site, Some("thornbury")).await;
    let others = send(&site, &bound, &[], EVA).await;
    assert_eq!((others.status, json(&others)["status"].as_i64()), (StatusCode::FORBIDDEN, Some(403)));
    let theirs = send(&site, &bound, &[], &EVA.replace(r#", "partner": "northlight""#, "")).await;
    assert_eq!(theirs.status, StatusCode::OK, "{}", theirs.body);
    let lead = leads::by_address(&site.ctx.db, "eva@harbor.example", "thornbury").await.unwrap();
    assert!(lead.is_some(), "the partner that the key is bound to is meant");

    let nowhere = site.get("/api/nothing").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(nowhere.header("content-type"), "application/problem+json", "programs read no pages");
    assert_eq!(site.get(LEADS).await.status, StatusCode::METHOD_NOT_ALLOWED);
    api_keys::revoke(&site.ctx.db, (site.ctx.now_ms(), &OsRandom), "test", &id).await.unwrap();
    assert_eq!(send(&site, &secret, &[], EVA).await.status, StatusCode::UNAUTHORIZED, "revoked");
    let again = api_keys::revoke(&site.ctx.db, (site.ctx.now_ms(), &OsRandom), "test", &id).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn all_faults_are_told_with_their_place_and_nothing_is_taken() {
    let site = site(|_| ()).await;
    let (_, secret) = key(&site, None).await;
    let body = format!(r#"[{EVA}, {{"email": "x", "name": "A", "company": 5, "colour": "red"}}]"#);
    let refused = send(&site, &secret, &[], &body).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = json(&refused);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().filter_map(|it| it["pointer"].as_str()).collect();
    for pointer in ["/1/email", "/1/company", "/1/colour"] {
        assert!(pointers.contains(&pointer), "{pointer}: {problem}");
    }
    assert!(leads::recent(&site.ctx.db, None).await.unwrap().is_empty(), "all or nothing");
    let bearer = format!("Bearer {secret}");
    let form = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
    assert_eq!(site.ask(Method::POST, LEADS, &form, EVA).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = format!("[{}]", " ".repeat(256 * 1024));
    let refused = send(&site, &secret, &[], &long).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(json(&refused)["detail"].as_str().unwrap().contains("256 KiB"), "{}", refused.body);
    assert_eq!(send(&site, &secret, &[], "{").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_same_request_is_answered_the_same_and_taken_once() {
    let site = site(|_| ()).await;
    let (_, secret) = key(&site, None).await;
    let once = [("idempotency-key", "a-1")];
    let first = send(&site, &secret, &once, EVA).await;
    let again = send(&site, &secret, &once, EVA).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body), "the same answer");
    assert_eq!(json(&first)["new"], 1);
    let other = send(&site, &secret, &once, &EVA.replace("Eva", "Eve")).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(other.body.contains("was sent with something else before"), "{}", other.body);
    let fresh = send(&site, &secret, &[("idempotency-key", "a-2")], EVA).await;
    assert_eq!((json(&fresh)["new"].as_i64(), json(&fresh)["unchanged"].as_i64()), (Some(0), Some(1)));
    let bad = send(&site, &secret, &[("idempotency-key", "has space")], EVA).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_key_may_not_be_used_without_end() {
    let site = site(|_| ()).await;
    let (_, secret) = key(&site, None).await;
    let mut statuses = Vec::new();
    for _ in 0..125 {
        statuses.push(send(&site, &secret, &[], "{").await.status);
    }
    assert_eq!(statuses[100], StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(statuses.last(), Some(&StatusCode::TOO_MANY_REQUESTS));
    let refused = send(&site, &secret, &[], EVA).await;
    assert!(!refused.header("retry-after").is_empty(), "{}", refused.body);
}
