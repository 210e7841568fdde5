//! A partner's people connect their account by signing in at its server: nobody hands over a token.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request, header},
};
use partnercast::{
    domain::{
        kernel::clock::DAY_MS,
        social::invitation::{Answer, LIFETIME_MS, VISIT_MS},
    },
    store::social::accounts,
    web,
    work::{
        Context,
        social::{self, INVITATIONS_MAX, Invite, Order},
    },
};
use tower::ServiceExt as _;

use super::{
    Rig,
    networks::{Does, Networks},
    receiver::open,
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

fn invite(networks: &Networks, mode: &str) -> Invite {
    Invite { partner: "northlight".to_owned(), server: networks.url(), mode: mode.to_owned() }
}

/// Somebody's browser, with its one cookie. It sends what browsers send that do not know `Sec-Fetch-Site`, as over plain http.
struct Browser {
    ctx: Arc<Context>,
    cookie: String,
}

/// What it got.
struct Page {
    status: u16,
    policy: String,
    body: String,
}

impl Browser {
    fn new(ctx: &Arc<Context>) -> Self {
        Self { ctx: ctx.clone(), cookie: String::new() }
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str) -> Page {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, &self.cookie)
            .extension(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000))));
        if !body.is_empty() {
            request = request.header(header::ORIGIN, "http://127.0.0.1");
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (head, body) = web::router(self.ctx.clone()).oneshot(request).await.unwrap().into_parts();
        if let Some(set) = head.headers.get(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Lax"), "{set}");
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        let text = |name| head.headers.get(name).map_or("", |it| it.to_str().unwrap()).to_owned();
        let bytes = to_bytes(body, 1 << 22).await.unwrap();
        Page {
            status: head.status.as_u16(),
            policy: text(header::REFERRER_POLICY),
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.ask(Method::GET, path, "").await
    }
}

/// Which invitation's address it is to which people come back.
fn id(back: &str) -> &str {
    back.rsplit('/').next().unwrap()
}

/// The path of an address of ours.
fn path(link: &str) -> &str {
    link.strip_prefix("http://partnercast.test").unwrap()
}

/// What the parameter `name` of the sign-in on a page is.
fn parameter(page: &str, name: &str) -> String {
    let at = page.find("/oauth/authorize?").unwrap();
    let address = page[at..].split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let found =
        address.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    found.unwrap_or_else(|| panic!("no {name} in {address}"))
}

/// Goes to the server by the link and says yes there; returns where the server sends the browser, and our own word.
async fn says_yes(browser: &mut Browser, networks: &Networks, link: &str) -> (String, String) {
    let page = browser.get(path(link)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let (state, challenge) = (parameter(&page.body, "state"), parameter(&page.body, "code_challenge"));
    let mut inner = networks.inner.lock().unwrap();
    inner.code = Some(("c0de".to_owned(), challenge));
    (path(&inner.redirect_uri).to_owned(), state)
}

both_dbs! {
    /// The link leads to the server's sign-in; who comes back presses one button, and the account is connected with a token that
    /// nobody saw. The link is good for one account.
    async fn who_signs_in_at_their_server_is_connected(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let link = social::invite(&ctx, "ana", &invite(&networks, "auto")).await.unwrap();
        let mut browser = Browser::new(&ctx);
        let page = browser.get(path(&link)).await;
        for part in ["Northlight MSP", "by themselves", "What Brackenfold writes"] {
            assert!(page.body.contains(part), "{part}: {}", page.body);
        }
        assert!(!link.contains("hush") && !page.body.contains("hush") && !browser.cookie.contains("hush"));
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        assert_eq!(state, parameter(&page.body, "state"), "who looks twice goes on");
        assert!(!link.contains(&state) && back.starts_with("/connect/back/"), "{back}");
        let issuer = networks.url().replace(':', "%3A").replace('/', "%2F");
        let last = browser.get(&format!("{back}?code=c0de&state={state}&iss={issuer}%2F")).await;
        for part in ["Connect the account", "Northlight MSP", "What Brackenfold writes", "by themselves", "name=\"iss\""] {
            assert!(last.body.contains(part), "{part}: {}", last.body);
        }
        assert_eq!((last.status, last.policy.as_str()), (200, "same-origin"), "with another its form would come from nowhere");
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty(), "looking changes nothing");
        let done = browser.ask(Method::POST, &back, &format!("code=c0de&state={state}&iss={issuer}")).await;
        let host = networks.url().replace("http://", "");
        assert!(done.status == 200 && done.body.contains("Your account is connected"), "{}", done.body);
        assert!(done.body.contains(&format!("@northlight@{host}")), "{}", done.body);
        assert!(browser.cookie.ends_with('='), "{}", browser.cookie);
        let account = accounts::list(&ctx.db, None).await.unwrap().remove(0);
        assert_eq!((account.handle.as_str(), account.mode.as_str()), (format!("@northlight@{host}").as_str(), "auto"));
        assert_eq!((account.partner_slug.as_str(), account.connected_by.as_str()), ("northlight", "the partner’s own people (link of ana)"));
        social::test(&ctx, "ana", &account.id).await.unwrap();
        let audited = "SELECT COUNT(*) FROM audit WHERE action = $1 AND subject = $2";
        assert_eq!(number(&ctx.db, audited, values!["invite-to-connect", "northlight"]).await, 1);
        let again = browser.get(path(&link)).await;
        assert!(again.status == 409 && again.body.contains("has connected an account already"), "{}", again.body);
        assert!(networks.inner.lock().unwrap().revoked.is_empty());
    }

    /// An answer connects nothing but in the browser that asked for it, at the address that was made for it, with its own word and
    /// from its own server; who comes after half an hour begins again.
    async fn an_answer_to_another_visit_connects_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let other = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let others_back = path(&networks.inner.lock().unwrap().redirect_uri).to_owned();
        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let mut browser = Browser::new(&ctx);
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let (mut stranger, mut others) = (Browser::new(&ctx), Browser::new(&ctx));
        others.get(path(&other)).await;
        let mut forger = Browser::new(&ctx);
        forger.cookie = format!("partnercast-connect={}", link.rsplit('/').next().unwrap());
        let good = format!("code=c0de&state={state}");
        for (who, browser, at, sent) in [
            ("no cookie", &mut stranger, &back, good.clone()),
            ("another's cookie", &mut others, &back, good.clone()),
            ("the link as a cookie", &mut forger, &back, good.clone()),
        ] {
            assert_eq!(browser.get(&format!("{at}?{sent}")).await.status, 422, "{who}");
            let page = browser.ask(Method::POST, at, &sent).await;
            assert!(page.status == 422 && page.body.contains("began in another browser"), "{who}: {}", page.body);
        }
        for (at, sent) in [
            (&others_back, good.clone()),
            (&back, "code=c0de&state=".to_owned()),
            (&back, format!("code=c0de&state={state}a")),
                    ] {
            assert_eq!(browser.get(&format!("{at}?{sent}")).await.status, 422, "{at} {sent}");
            assert_eq!(browser.ask(Method::POST, at, &sent).await.status, 422, "{at} {sent}");
        }
        let evil = browser.ask(Method::POST, &back, &format!("{good}&iss=https%3A%2F%2Fevil.example")).await;
        assert!(evil.status == 422 && evil.body.contains("another server answers"), "{}", evil.body);
        rig.clock.advance(VISIT_MS);
        assert_eq!(browser.ask(Method::POST, &back, &good).await.status, 422, "too late");
        assert!(networks.inner.lock().unwrap().code.is_some(), "nobody asked the server");
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        assert_eq!(browser.ask(Method::POST, &back, &format!("code=c0de&state={state}")).await.status, 200);
        assert_eq!(accounts::list(&ctx.db, None).await.unwrap().len(), 1);
    }

    /// A link changes nothing about how an account posts that is connected already; a token that could not be kept is given back.
    async fn a_known_account_stays_as_it_is_set(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let order = Order {
            partner: "northlight".to_owned(),
            network: "mastodon".to_owned(),
            server: networks.url(),
            secret: "s3cret".to_owned(),
            mode: "approve".to_owned(),
            ..Order::default()
        };
        let known = social::connect(&ctx, "ana", &order).await.unwrap();
        let link = social::invite(&ctx, "ana", &invite(&networks, "auto")).await.unwrap();
        let mut browser = Browser::new(&ctx);
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        networks.inner.lock().unwrap().gives = Some("of-nobody".to_owned());
        let page = browser.ask(Method::POST, &back, &format!("code=c0de&state={state}")).await;
        assert!(page.status == 200 && page.body.contains("does not let us in"), "{}", page.body);
        assert_eq!(networks.inner.lock().unwrap().revoked, ["of-nobody"]);
        networks.inner.lock().unwrap().gives = None;
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let sent = format!("code=c0de&state={state}");
        assert_eq!(browser.ask(Method::POST, &back, &sent).await.status, 200, "what did not connect did not use it up");
        let account = accounts::list(&ctx.db, None).await.unwrap().remove(0);
        assert_eq!((account.id, account.mode.as_str()), (known.id, "approve"));
    }

    /// Of two who follow one link with accounts of their own the second connects nothing, and its token is given back; where both
    /// have the same token of the same account, it stays good.
    async fn of_two_who_follow_one_link_one_is_connected(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let (mut first, mut second) = (Browser::new(&ctx), Browser::new(&ctx));
        let (back, state) = says_yes(&mut second, &networks, &link).await;
        let code = networks.inner.lock().unwrap().code.take();
        let kept = second.cookie.split_once('=').unwrap().1;
        let slow = social::came_back(&ctx, kept, Answer { id: id(&back), state: &state, issuer: None });
        let slow = slow.await.unwrap();
        let (back, state) = says_yes(&mut first, &networks, &link).await;
        assert_eq!(first.ask(Method::POST, &back, &format!("code=c0de&state={state}")).await.status, 200);
        networks.inner.lock().unwrap().code = code.clone();
        let used = social::accept(&ctx, &slow, "c0de").await.unwrap_err();
        assert!(used.public().contains("has connected an account already"), "{used}");
        assert!(networks.inner.lock().unwrap().revoked.is_empty(), "the first one lives by it");
        networks.inner.lock().unwrap().code = code;
        networks.inner.lock().unwrap().gives = Some("of-another".to_owned());
        social::accept(&ctx, &slow, "c0de").await.unwrap_err();
        assert_eq!(networks.inner.lock().unwrap().revoked, ["of-another"]);
        assert_eq!(accounts::list(&ctx.db, None).await.unwrap().len(), 1);
    }

    /// What was withdrawn connects nothing, nor does it for who is on the way; its token is given back. What has connected an
    /// account cannot be withdrawn. One partner has so many open ones and no more.
    async fn an_invitation_that_is_withdrawn_connects_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let mut browser = Browser::new(&ctx);
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let kept = browser.cookie.split_once('=').unwrap().1;
        let on_the_way = social::came_back(&ctx, kept, Answer { id: id(&back), state: &state, issuer: None });
        let on_the_way = on_the_way.await.unwrap();
        let listed = browser.get("/console/social").await;
        assert!(listed.body.contains("Links that may still be followed"), "{}", listed.body);
        let withdraw = format!("/console/social/invitations/{}/withdraw", id(&back));
        assert_eq!(browser.ask(Method::POST, &withdraw, "a=b").await.status, 303);
        for page in [
            browser.get(path(&link)).await,
            browser.ask(Method::POST, &back, &format!("code=c0de&state={state}")).await,
        ] {
            assert!(page.status == 409 && page.body.contains("was withdrawn: ask whoever sent it"), "{}", page.body);
        }
        let refused = social::accept(&ctx, &on_the_way, "c0de").await.unwrap_err();
        assert!(refused.public().contains("was withdrawn"), "{refused}");
        assert_eq!(networks.inner.lock().unwrap().revoked.len(), 1, "nobody needs its token");
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty());
        let twice = browser.ask(Method::POST, &withdraw, "a=b").await;
        assert!(twice.body.contains("has ended already"), "{}", twice.body);
        assert_eq!(browser.ask(Method::POST, "/console/social/invitations/soi_0/withdraw", "a=b").await.status, 404);
        let audited = "SELECT COUNT(*) FROM audit WHERE action = $1 AND subject = $2";
        assert_eq!(number(&ctx.db, audited, values!["withdraw-invitation", "northlight"]).await, 1);

        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        assert_eq!(browser.ask(Method::POST, &back, &format!("code=c0de&state={state}")).await.status, 200);
        let used = social::withdraw(&ctx, "ana", id(&back)).await.unwrap_err();
        assert!(used.public().contains("has ended already"), "{used}");

        for _ in 0..INVITATIONS_MAX {
            social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        }
        let many = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap_err();
        assert!(many.public().contains("withdraw one first"), "{many}");
        rig.clock.advance(LIFETIME_MS);
        assert!(social::open_invitations(&ctx, Some("northlight")).await.unwrap().is_empty());
        social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
    }

    /// Who says no, comes too late, or bends the link connects nothing and is told what to do; so is whoever invites to a server
    /// that is none.
    async fn what_goes_wrong_is_said_and_connects_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let odd = Invite { partner: "nortlight".to_owned(), server: String::new(), mode: "share_kit".to_owned() };
        let faults = social::invite(&ctx, "ana", &odd).await.unwrap_err();
        for part in ["nortlight", "on which server", "share_kit nobody has to sign in"] {
            assert!(faults.public().contains(part), "{part}: {faults}");
        }
        for (says, why) in [
            (Does::Says(200, "<h1>Welcome</h1>"), "does not answer as it should"),
            (Does::Says(200, "{}"), "is it a server of the Mastodon API?"),
            (Does::Says(422, r#"{"error": "Redirect URI must be an absolute URI."}"#), "must be an absolute URI"),
        ] {
            networks.does(says);
            let refused = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap_err();
            assert!(refused.public().contains(why), "{why}: {}", refused.public());
        }
        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let mut browser = Browser::new(&ctx);
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let page = browser
            .get(&format!("{back}?error=access_denied&error_description=The+owner+%3Cb%3Esaid+no&state={state}"))
            .await;
        for part in ["Nothing was connected", "&lt;b&gt;said no", "/oauth/authorize", "has approved each"] {
            assert!(page.body.contains(part), "{part}: {}", page.body);
        }
        assert_ne!(parameter(&page.body, "state"), state, "its words were used");
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let page = browser.ask(Method::POST, &back, &format!("code=&state={state}")).await;
        assert!(page.status == 200 && page.body.contains("without a code"), "{}", page.body);
        let (back, state) = says_yes(&mut browser, &networks, &link).await;
        let page = browser.ask(Method::POST, &back, &format!("code=old&state={state}")).await;
        assert!(page.body.contains("The code is used, or too old") && page.body.contains("ask for a new link"), "{}", page.body);
        let token = path(&link).strip_prefix("/connect/").unwrap();
        let bent = format!("{}{}", &token[..token.len() - 2], if token.ends_with("AA") { "BB" } else { "AA" });
        for wrong in [format!("/connect/{bent}"), format!("/connect/{}", "a".repeat(5_000))] {
            assert_eq!(browser.get(&wrong).await.status, 404, "{wrong}");
        }
        rig.clock.advance(LIFETIME_MS - 1);
        assert_eq!(browser.get(path(&link)).await.status, 200);
        rig.clock.advance(DAY_MS);
        let over = browser.get(path(&link)).await;
        assert!(over.status == 409 && over.body.contains("This link has ended"), "{} {}", over.status, over.body);
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty());
    }
}
