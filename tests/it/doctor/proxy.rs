//! The public address behind proxies that get it wrong.

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::get,
};
use partnercast::work::doctor::{Finding, Group, Status, look_at};

use super::{of, subject, worst, zone::zone};

async fn found(router: Router) -> Vec<Finding> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut there = subject(zone(&[]));
    there.public_url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let findings = look_at(&there, Group::PublicAddress).await;
    server.abort();
    findings
}

fn healthy() -> Router {
    Router::new().route("/healthz", get(|| async { "ok" }))
}

#[tokio::test]
async fn one_click_must_come_through_as_it_was_sent() {
    let page = || async { "a page" };
    let path = "/one-click/{token}";
    let redirected = healthy().route(path, get(page).post(|| async { Redirect::to("/login") }));
    let cookie = healthy().route(path, get(page).post(|| async { ([("set-cookie", "a=b")], "done") }));
    let denied = healthy().route(path, get(page).post(|| async { StatusCode::FORBIDDEN.into_response() }));
    let foreign = healthy();
    for (router, words) in [
        (redirected, "redirected to /login"),
        (cookie, "gets a cookie"),
        (denied, "answered with 403"),
        (foreign, "same secrets.token_keys_file"),
    ] {
        let (status, said) = worst(&found(router).await, "one-click");
        assert!(status == Status::Fail && said.contains(words), "{words}: {said}");
    }
    let always = healthy().route(path, get(|| async { "done" }).post(|| async { "done" }));
    let findings = found(always).await;
    assert_eq!(worst(&findings, "one-click").0, Status::Pass);
    assert_eq!(worst(&findings, "one-click-get").0, Status::Fail, "a GET must not be a POST");
    let right = healthy().route(path, get(page).post(|| async { "done" }));
    let findings = found(right).await;
    assert!(findings.iter().all(|finding| finding.status == Status::Pass || finding.check == "public-url"));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told() {
    let down = Router::new().route("/healthz", get(|| async { StatusCode::BAD_GATEWAY }));
    assert!(worst(&found(down).await, "public-url").1.contains("answers 502"));
    let mut there = subject(zone(&[]));
    for (url, words) in
        [("", "not set"), ("ftp://x", "no web address"), ("http://127.0.0.1:1", "nothing answers")]
    {
        there.public_url = url.to_owned();
        let findings = look_at(&there, Group::PublicAddress).await;
        let finding = of(&findings, "public-url")[0];
        assert!(finding.status == Status::Fail && finding.found.contains(words), "{url}: {finding:?}");
    }
}
