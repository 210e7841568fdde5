//! Signing in to the console, through the door.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use tower::ServiceExt as _;

use super::site_tests::{EVE_MS, Site, site};
use crate::{
    domain::kernel::EmailAddress,
    store::{audit, issues},
    work::signin,
};

#[tokio::test]
async fn the_console_opens_to_this_machine_or_to_those_signed_in() {
    let open = site(|_| ()).await;
    assert_eq!(open.get("/console").await.status, StatusCode::OK);
    let mut request =
        Request::builder().uri("/console").header("host", "evil.example").body(Body::empty()).unwrap();
    request.extensions_mut().clear();
    let rebound = open.router.clone().oneshot(request).await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);

    let closed = site(|settings| {
        settings.console_open = false;
        settings.demo = false;
    })
    .await;
    assert_eq!(closed.get("/console/live.json").await.status, StatusCode::UNAUTHORIZED);
    let refused = closed.post("/console/issues/iss_1/approve", "").await;
    assert!(refused.status == StatusCode::UNAUTHORIZED && refused.body.contains("href=\"/console/sign-in\""));
    for path in ["/console", "/console/content", "/console/leads?stage=sal"] {
        let to = closed.get(path).await.header("location").to_owned();
        let query = path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        assert_eq!(to, format!("/console/sign-in?to={query}"));
        let asks = closed.get(&to).await.body;
        assert!(
            asks.contains(&format!("name=\"to\" value=\"{}\"", path.replace('/', "&#x2F;")))
                || asks.contains(path),
            "{asks}"
        );
    }
    assert_eq!(closed.get("/inbox").await.status, StatusCode::NOT_FOUND, "no inbox outside the demo");
    assert_eq!(closed.get("/").await.header("location"), "/console");
    let link = signin::console_path(&closed.ctx.keys, &*closed.ctx.random, closed.ctx.clock.wall_ms(), None);
    assert_eq!(closed.get(&link).await.status, StatusCode::OK, "a scanner's GET uses nothing up");
    let entered = closed.post(&link, "").await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    let cookie = entered.header("set-cookie").to_owned();
    for part in ["__Host-console=", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let inside = closed.ask(Method::GET, "/console", &[("cookie", cookie)], "").await;
    assert_eq!(inside.status, StatusCode::OK);
    let again = closed.post(&link, "").await;
    assert!(again.status == StatusCode::NOT_FOUND && again.body.contains("was used, or has expired"), "once");
    assert!(
        closed.get(&link).await.body.contains("was used, or has expired"),
        "before the button is pressed"
    );
    let of_nobody = |to: &str| {
        let member = EmailAddress::parse("nobody@brackenfold.example").unwrap();
        let ctx = &closed.ctx;
        format!("{}{to}", signin::console_path(&ctx.keys, &*ctx.random, ctx.clock.wall_ms(), Some(&member)))
    };
    assert!(closed.get(&of_nobody("")).await.body.contains("of nobody on the staff"));
    for (to, leads) in
        [("/console/leads?stage=sal", "/console/leads?stage=sal"), ("//evil.example", "/console")]
    {
        let link =
            signin::console_path(&closed.ctx.keys, &*closed.ctx.random, closed.ctx.clock.wall_ms(), None);
        let link = format!("{link}?to={}", to.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D"));
        let page = closed.get(&link).await.body;
        assert_eq!(page.contains("?to="), leads == to, "{page}");
        let entered = closed.post(&link, "").await;
        assert_eq!(entered.header("location"), leads);
    }
    let inside = closed.ask(Method::GET, "/console", &[("cookie", cookie)], "").await;
    assert!(inside.body.contains("action=\"/console/sign-out\"") && inside.body.contains(">operator<"));
}

/// The cookie of somebody of the staff who signed in with a link of theirs.
async fn signed_in(site: &Site, address: &str) -> String {
    let member = EmailAddress::parse(address).unwrap();
    let (ctx, now_ms) = (&site.ctx, site.ctx.clock.wall_ms());
    let link = signin::console_path(&ctx.keys, &*ctx.random, now_ms, Some(&member));
    let entered = site.post(&link, "").await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.body);
    entered.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_signs_in_to_an_open_console_acts_as_themselves() {
    let open = site(|_| ()).await;
    let issue = issues::recent(&open.ctx.db).await.unwrap().remove(0);
    let path = |action: &str| format!("/console/issues/{}/{action}", issue.id);
    let priya = signed_in(&open, "Priya.Raman@brackenfold.example").await;
    let as_priya = [("cookie", priya.as_str()), ("sec-fetch-site", "same-origin")];
    let page = open.ask(Method::GET, "/console", &as_priya, "").await;
    assert!(page.body.contains("action=\"/console/sign-out\"") && page.body.contains(">Priya Raman<"));
    let refused = open.ask(Method::POST, &path("cancel"), &as_priya, "content_hash=").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains("priya.raman@brackenfold.example may not cancel an issue"),
        "the address as it is stored: {}",
        refused.body
    );
    let erased = open.ask(Method::POST, "/console/leads/led_1/erase", &as_priya, "sure=yes").await;
    assert_eq!(erased.status, StatusCode::FORBIDDEN, "what cannot be undone is the operator's");
    let paused = open.ask(Method::POST, &path("pause"), &as_priya, "content_hash=").await;
    assert_eq!(paused.status, StatusCode::SEE_OTHER, "{}", paused.body);
    let last = audit::last(&open.ctx.db, "pause", &issue.id, EVE_MS).await.unwrap();
    assert_eq!(last.unwrap().0, "priya.raman@brackenfold.example");
    // Who is not signed in acts as before, also with a cookie that is of nobody.
    let stale = [("cookie", "__Host-console=gone"), ("sec-fetch-site", "same-origin")];
    let cancelled = open.ask(Method::POST, &path("cancel"), &stale, "content_hash=").await;
    assert_eq!(cancelled.status, StatusCode::SEE_OTHER, "{}", cancelled.body);
    let last = audit::last(&open.ctx.db, "cancel", &issue.id, EVE_MS).await.unwrap();
    assert_eq!(last.unwrap().0, "console (open)");
    let page = open.get("/console").await;
    assert!(!page.body.contains("action=\"/console/sign-out\""), "nobody to sign out");
}
