//! What CRMs tell over the wire: who may, what is told of faults, and that no browser's page is asked for.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::site_tests::{Answer, Site, site};
use crate::{
    domain::{
        kernel::{clock::MINUTE_MS, random::OsRandom},
        webhook::{Secret, sign::Message},
    },
    store::webhooks::{Endpoint, endpoints},
    work::{
        api_keys,
        webhooks::{self, Order},
    },
};

const LEAD: &str = "led_0190a5f4c0de7abc8def0123456789ab";

/// An endpoint that works, with its secret.
async fn endpoint(site: &Site) -> (Endpoint, String) {
    let order = Order {
        name: "CRM".to_owned(),
        url: "https://crm.example/in".to_owned(),
        contact_email: "ada@crm.example".to_owned(),
        concurrency: 1,
        ..Order::default()
    };
    let (endpoint, mut secrets) = webhooks::add(&site.ctx, "ana", &order).await.unwrap();
    let mut tx = site.ctx.db.begin().await.unwrap();
    let now_ms = site.ctx.now_ms();
    assert!(endpoints::move_to(&mut tx, &endpoint.id, ("pending", "active"), "", now_ms).await.unwrap());
    tx.commit().await.unwrap();
    (endpoint, secrets.remove(0))
}

async fn sends(site: &Site, path: &str, secret: &str, body: &str) -> Answer {
    let timestamp = (site.ctx.clock.wall_ms() / 1_000).to_string();
    let message = Message { id: "m-1", timestamp: &timestamp, body };
    let signature = Secret::parse(secret).unwrap().sign(&message).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", "m-1"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    site.ask(Method::POST, path, &headers, body).await
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

#[tokio::test]
async fn a_signature_opens_the_door_and_every_refusal_is_a_problem() {
    let site = site(|_| ()).await;
    let (endpoint, secret) = endpoint(&site).await;
    let path = format!("/api/hooks/{}", endpoint.id);
    let body =
        json!({ "type": "lead.update", "data": { "lead_id": LEAD, "stage": "contacted" } }).to_string();
    let unsigned = site.ask(Method::POST, &path, &[("content-type", "application/json")], &body).await;
    assert_eq!(
        (unsigned.status, json_of(&unsigned)["status"].as_i64()),
        (StatusCode::UNAUTHORIZED, Some(401))
    );
    assert_eq!(unsigned.header("content-type"), "application/problem+json");
    let forged = sends(&site, &path, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &body).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED);
    let unknown = sends(&site, &path, &secret, &body).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.body);
    assert_eq!(json_of(&unknown)["errors"][0]["pointer"], "/data/lead_id");
    let wrong = json!({ "type": "lead.update", "data": { "lead_id": LEAD, "stage": "won", "value": -5 } })
        .to_string();
    let wrong = sends(&site, &path, &secret, &wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pointers: Vec<Value> =
        json_of(&wrong)["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/data/currency", "/data/value"]);
    assert_eq!(sends(&site, &path, &secret, "{").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let long = sends(&site, &path, &secret, &" ".repeat(65 * 1024)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(site.get(&path).await.status, StatusCode::METHOD_NOT_ALLOWED);
    // Where the clock has gone on, what was signed before is old.
    let timestamp = (site.ctx.clock.wall_ms() / 1_000).to_string();
    site.clock.advance(6 * MINUTE_MS);
    let message = Message { id: "m-2", timestamp: &timestamp, body: &body };
    let signature = Secret::parse(&secret).unwrap().sign(&message).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", "m-2"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let old = site.ask(Method::POST, &path, &headers, &body).await;
    assert!(old.status == StatusCode::UNAUTHORIZED && old.body.contains("five minutes"), "{}", old.body);
}

#[tokio::test]
async fn a_key_patches_a_lead_and_every_refusal_is_a_problem() {
    let site = site(|_| ()).await;
    let path = format!("/api/leads/{LEAD}");
    let nobody = site.ask(Method::PATCH, &path, &[("content-type", "application/json")], "{}").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let (_, secret) =
        api_keys::create(&site.ctx.db, (site.ctx.now_ms(), &OsRandom), "test", ("Pipeline", None), 365)
            .await
            .unwrap();
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let unknown = site.ask(Method::PATCH, &path, &headers, r#"{"stage": "contacted"}"#).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(json_of(&unknown)["errors"][0]["pointer"], "/lead_id");
    let wrong = site.ask(Method::PATCH, &path, &headers, r#"{"stage": "sql"}"#).await;
    assert_eq!(
        (wrong.status, json_of(&wrong)["errors"].as_array().unwrap().len()),
        (StatusCode::UNPROCESSABLE_ENTITY, 3)
    );
    let other =
        site.ask(Method::PATCH, &path, &headers, r#"{"lead_id": "led_1", "stage": "contacted"}"#).await;
    assert!(
        other.status == StatusCode::UNPROCESSABLE_ENTITY && other.body.contains("another lead"),
        "{}",
        other.body
    );
}
