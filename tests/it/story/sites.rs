//! Partners' own sites: posts are made once, corrected and withdrawn, and what a site answers decides. The site here answers in
//! the shapes of WordPress's REST API and fails as it is told to; a real WordPress is tests/sites.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use partnercast::{
    domain::{
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        site::slug_of,
    },
    store::{
        site_posts::{self, Post},
        sites::{self, Site},
    },
    work::{
        Context, recall,
        sites::{self as work, Connect},
        sync,
    },
};
use serde_json::{Value, json};

use super::{Rig, copied, receiver::open};
use crate::harness::{
    both_dbs,
    databases::{number, rows, values},
};

pub(super) const ARTICLE: &str = "blog/restores-not-backups";
pub(super) const LATER: &str = "blog/what-your-auditor-will-ask";

/// What the site does with the next requests that make or change a post.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Makes the post and answers with a page.
    SaysNothing,
    /// Makes nothing, and says so with a page.
    Broken,
    /// Makes nothing and asks for time.
    Busy,
    /// Does not know the password any more.
    Locked,
}

pub(super) struct Inner {
    pub posts: BTreeMap<i64, Value>,
    /// What it was asked, and with what.
    asked: Vec<(String, bool)>,
    mood: Mood,
}

pub(super) struct FakeSite {
    pub inner: Arc<Mutex<Inner>>,
    pub address: SocketAddr,
}

impl FakeSite {
    pub async fn new() -> Self {
        let inner =
            Arc::new(Mutex::new(Inner { posts: BTreeMap::new(), asked: Vec::new(), mood: Mood::Well }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/index.php", get(answer).post(answer)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, address }
    }

    pub fn is(&self, mood: Mood) {
        self.inner.lock().unwrap().mood = mood;
    }

    pub fn posts(&self) -> Vec<Value> {
        self.inner.lock().unwrap().posts.values().cloned().collect()
    }

    /// What was made or changed there since it was last asked anything of the kind.
    pub fn written(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.inner.lock().unwrap().asked);
        asked.into_iter().filter(|(_, writes)| *writes).map(|(route, _)| route).collect()
    }

    /// How often it was asked since it was last asked this.
    pub fn asked(&self) -> usize {
        std::mem::take(&mut self.inner.lock().unwrap().asked).len()
    }
}

fn wrong(status: u16, code: &str) -> Response {
    let body = json!({ "code": code, "message": "Sorry", "data": { "status": status } });
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inner = inner.lock().unwrap();
    let route = query["rest_route"].clone();
    let sent: Option<Value> = serde_json::from_slice(&body).ok();
    inner.asked.push((route.clone(), sent.is_some()));
    let right = format!("Basic {}", BASE64_STANDARD.encode("ada:abcd efgh"));
    let is_right = headers["authorization"] == right.as_str() && inner.mood != Mood::Locked;
    if route == "/wp/v2/users/me" {
        let may = json!({ "edit_posts": true, "publish_posts": false });
        return if is_right {
            Json(json!({ "id": 1, "capabilities": may })).into_response()
        } else {
            wrong(401, "rest_not_logged_in")
        };
    }
    if !is_right {
        return if sent.is_some() {
            wrong(401, "rest_cannot_create")
        } else {
            wrong(400, "rest_invalid_param")
        };
    }
    let Some(sent) = sent else {
        if let Some(id) = route.strip_prefix("/wp/v2/posts/").map(|id| id.parse::<i64>().unwrap()) {
            let Some(mut post) = inner.posts.get(&id).cloned() else {
                return wrong(404, "rest_post_invalid_id");
            };
            if query.get("context").is_some_and(|context| context == "edit") {
                for words in ["title", "content"] {
                    post[words] = json!({ "raw": post[words] });
                }
            }
            return Json(post).into_response();
        }
        let is_meant = |post: &&Value| query["slug"].split(',').any(|slug| post["slug"] == slug);
        return Json(inner.posts.values().filter(is_meant).collect::<Vec<_>>()).into_response();
    };
    if inner.mood == Mood::Broken {
        return (StatusCode::BAD_GATEWAY, "<html>").into_response();
    }
    if inner.mood == Mood::Busy {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "600")], "<html>").into_response();
    }
    let id = match route.strip_prefix("/wp/v2/posts/").map(|id| id.parse::<i64>().unwrap()) {
        Some(id) if !inner.posts.contains_key(&id) => return wrong(404, "rest_post_invalid_id"),
        Some(id) => id,
        None => inner.posts.keys().next_back().map_or(10, |last| last + 1),
    };
    let mut post = inner
        .posts
        .get(&id)
        .cloned()
        .unwrap_or_else(|| json!({ "id": id, "link": format!("https://a.example/?p={id}") }));
    for (key, value) in sent.as_object().unwrap() {
        post[key] = value.clone();
    }
    inner.posts.insert(id, post.clone());
    if inner.mood == Mood::SaysNothing {
        return (StatusCode::OK, "<!doctype html><title>Cached</title>").into_response();
    }
    (StatusCode::CREATED, Json(post)).into_response()
}

pub(super) fn order(site: &FakeSite) -> Connect {
    Connect {
        partner: "northlight".to_owned(),
        url: format!("http://{}/", site.address),
        username: "ada".to_owned(),
        password: "abcd efgh".to_owned(),
        mode: "draft".to_owned(),
        since: "2027-01-01".to_owned(),
        contact_email: "web@northlight.example".to_owned(),
    }
}

/// A site that is connected, on a day when one article is published.
pub(super) async fn connected(rig: &Rig) -> (Arc<Context>, FakeSite, Site) {
    let ctx = open(rig).await;
    let fake = FakeSite::new().await;
    let site = work::connect(&ctx, "ana", &order(&fake)).await.unwrap();
    fake.asked();
    (ctx, fake, site)
}

pub(super) async fn post(ctx: &Context, site: &Site, asset: &str) -> Option<Post> {
    site_posts::of_site(&ctx.db, &site.id).await.unwrap().into_iter().find(|post| post.asset == asset)
}

pub(super) async fn state(ctx: &Context, site: &Site, asset: &str) -> String {
    post(ctx, site, asset).await.map(|post| post.state).unwrap_or_default()
}

both_dbs! {
    /// What the partner's page shows is posted on its day, once, with tracked links; corrected in its place; a draft without its
    /// words while it is recalled; and somebody else's day is not waited for.
    async fn an_article_is_posted_once_corrected_and_withdrawn(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        assert_eq!(work::tick(&ctx).await.unwrap(), 1);
        let [made] = &fake.posts()[..] else { panic!("{:?}", fake.posts()) };
        assert_eq!((made["status"].as_str(), made["slug"].as_str()), (Some("draft"), Some(slug_of("northlight", ARTICLE).as_str())));
        let html = made["content"].as_str().unwrap();
        assert!(html.contains("http://partnercast.test/t/") && html.contains("Northlight MSP"), "{html}");
        let known = post(&ctx, &site, ARTICLE).await.unwrap();
        assert_eq!((known.state.as_str(), known.remote_id), ("placed", Some(10)));
        fake.asked();
        rig.clock.advance(HOUR_MS);
        assert_eq!((work::tick(&ctx).await.unwrap(), fake.asked()), (0, 0), "what stands there is left alone");

        rig.clock.advance(3 * DAY_MS);
        work::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &site, LATER).await, "placed", "on its day");
        assert_eq!(fake.posts().len(), 2);

        let folder = copied();
        let file = folder.path().join(format!("{ARTICLE}.md"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n\nOne more word.\n")).unwrap();
        sync::sync(&ctx, folder.path(), true).await.unwrap();
        assert_eq!(work::tick(&ctx).await.unwrap(), 1);
        let corrected = fake.posts();
        assert!(corrected.len() == 2 && corrected[0]["content"].as_str().unwrap().contains("One more word."));

        let order = recall::Order { reference: ARTICLE, to: Some(LATER), because: "a wrong number" };
        recall::recall(&ctx.db, &ctx.library(), (rig.clock_ms(), &*ctx.random), "Rosa", &order).await.unwrap();
        fake.inner.lock().unwrap().posts.get_mut(&10).unwrap()["status"] = json!("publish");
        assert_eq!(work::tick(&ctx).await.unwrap(), 1, "at once, and not within the minute");
        let gone = fake.posts()[0].clone();
        assert_eq!((gone["status"].as_str(), state(&ctx, &site, ARTICLE).await.as_str()), (Some("draft"), "withdrawn"));
        assert!(!gone["content"].as_str().unwrap().contains("One more word."), "{gone}");
        recall::lift(&ctx.db, (rig.clock_ms(), &*ctx.random), "Rosa", ARTICLE).await.unwrap();
        work::tick(&ctx).await.unwrap();
        let back = fake.posts()[0].clone();
        assert!(back["content"].as_str().unwrap().contains("One more word.") && back["status"] == "publish", "as it was: {back}");
        assert_eq!(fake.posts().len(), 2);
        let told: Vec<(String,)> = rows(&ctx.db, "SELECT detail FROM audit WHERE action = $1 ORDER BY id", values!["post-to-site"]).await;
        assert_eq!(told[0].0, format!("make {ARTICLE}: post 10"));
        assert!(told.iter().any(|(line,)| line == &format!("withdraw {ARTICLE}: post 10")), "{told:?}");
    }

    /// Who does not say that it is done may have done it: it is looked for before it is made, also by a process that knows nothing.
    async fn an_unknown_result_is_looked_for_first(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        fake.is(Mood::SaysNothing);
        work::tick(&ctx).await.unwrap();
        let waits = post(&ctx, &site, ARTICLE).await.unwrap();
        assert_eq!((waits.state.as_str(), waits.remote_id), ("waiting", None), "a page is no id");
        assert!(waits.because.contains("a page, not JSON") && waits.due_ms >= rig.clock_ms() + 30_000, "{waits:?}");
        fake.is(Mood::Well);
        fake.asked();
        assert_eq!((work::tick(&ctx).await.unwrap(), fake.asked()), (0, 0), "it may still be at work");
        rig.clock.advance(MINUTE_MS);
        assert_eq!(work::tick(&ctx).await.unwrap(), 1);
        assert_eq!((fake.posts().len(), state(&ctx, &site, ARTICLE).await.as_str()), (1, "placed"));
        assert_eq!(fake.written(), Vec::<String>::new(), "it says already what it should");
        // Our database was lost: the site is connected anew, and finds what it made.
        work::disconnect(&ctx, "ana", &site.id).await.unwrap();
        let again = work::connect(&ctx, "ana", &order(&fake)).await.unwrap();
        work::tick(&ctx).await.unwrap();
        assert_eq!((fake.posts().len(), post(&ctx, &again, ARTICLE).await.unwrap().remote_id), (1, Some(10)));
    }

    /// A site that is busy rests; one that refuses us is asked nothing more, and somebody hears of it; what was taken away there
    /// is not made again by itself.
    async fn what_a_site_answers_decides(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        fake.is(Mood::Busy);
        work::tick(&ctx).await.unwrap();
        fake.is(Mood::Well);
        fake.asked();
        rig.clock.advance(9 * MINUTE_MS);
        assert_eq!((work::tick(&ctx).await.unwrap(), fake.asked()), (0, 0), "it asked for ten minutes");
        rig.clock.advance(2 * MINUTE_MS);
        work::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &site, ARTICLE).await, "placed");

        rig.clock.advance(3 * DAY_MS);
        fake.is(Mood::Locked);
        work::tick(&ctx).await.unwrap();
        let refused = sites::site(&ctx.db, &site.id).await.unwrap().unwrap();
        assert_eq!(refused.state, "refused");
        assert!(refused.because.contains("refuses the name or the password"), "{}", refused.because);
        assert_eq!(number(&ctx.db, "SELECT COUNT(*) FROM delivery WHERE source LIKE 'site:%'", values![]).await, 2);
        assert_eq!(state(&ctx, &site, LATER).await, "waiting", "nothing is lost");
        fake.asked();
        rig.clock.advance(DAY_MS);
        assert_eq!((work::tick(&ctx).await.unwrap(), fake.asked()), (0, 0));
        let error = work::retry(&ctx, "ana", &site.id, None).await.unwrap_err();
        assert!(error.public().contains("connect it anew"), "{error}");
        fake.is(Mood::Well);
        let same = work::connect(&ctx, "ana", &order(&fake)).await.unwrap();
        assert_eq!(same.id, site.id);
        work::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &site, LATER).await, "placed");

        fake.inner.lock().unwrap().posts.remove(&10);
        let folder = copied();
        let file = folder.path().join(format!("{ARTICLE}.md"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n\nOne more word.\n")).unwrap();
        sync::sync(&ctx, folder.path(), true).await.unwrap();
        work::tick(&ctx).await.unwrap();
        assert_eq!((state(&ctx, &site, ARTICLE).await.as_str(), fake.posts().len()), ("gone", 1));
        work::retry(&ctx, "ana", &site.id, Some(ARTICLE)).await.unwrap();
        work::tick(&ctx).await.unwrap();
        assert_eq!((state(&ctx, &site, ARTICLE).await.as_str(), fake.posts().len()), ("placed", 2));
    }

    /// Bad input changes nothing and says all that is wrong; a password that is refused is not kept; drafts need no more than
    /// the right to write.
    async fn a_site_is_connected_once_its_account_was_seen_to_post(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let fake = FakeSite::new().await;
        let bad = Connect { partner: "northlihgt".into(), url: "ftp://a".into(), mode: "private".into(), since: "soon".into(), ..Connect::default() };
        let error = work::connect(&ctx, "ana", &bad).await.unwrap_err();
        for part in ["https://", "northlight", "private", "application password", "user"] {
            assert!(error.public().contains(part), "{part}: {}", error.public());
        }
        let wrong = Connect { password: "no".into(), ..order(&fake) };
        let error = work::connect(&ctx, "ana", &wrong).await.unwrap_err();
        assert!(error.public().contains("refuses the name or the password"), "{error}");
        let public = Connect { mode: "publish".into(), ..order(&fake) };
        assert!(work::connect(&ctx, "ana", &public).await.unwrap_err().public().contains("drafts"));
        assert_eq!(sites::list(&ctx.db, None).await.unwrap(), []);
        assert_eq!(number(&ctx.db, "SELECT COUNT(*) FROM audit WHERE action = 'try-site'", values![]).await, 2);
        let inner = Connect { url: "https://10.0.0.1/".into(), ..order(&fake) };
        assert!(work::connect(&ctx, "ana", &inner).await.unwrap_err().public().contains("not allowed"));
        let site = work::connect(&ctx, "ana", &order(&fake)).await.unwrap();
        let sealed = sites::sealed(&ctx.db, &site.id).await.unwrap().unwrap();
        assert!(!sealed.contains("abcd"), "sealed at rest");
        assert!(!format!("{:?}", order(&fake)).contains("abcd"), "and in no log");
    }
}
