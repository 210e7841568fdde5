//! The console's lists and levers, through the router.

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request},
};
use partnercast::{
    domain::{content::Severity, kernel::clock::DAY_MS},
    store::{Db, deliveries, issues},
    web,
    work::{publish, sync},
};
use tower::ServiceExt as _;

use super::{Rig, copied, rig::EVE_MS};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

/// Asks the site; returns status, where it leads, and the body.
pub(super) async fn ask(rig: &Rig, method: Method, path: &str, body: &str) -> (u16, String, String) {
    ask_with(rig, method, path, body, "").await
}

/// The same from a browser that keeps this cookie.
pub(super) async fn ask_with(
    rig: &Rig,
    method: Method,
    path: &str,
    body: &str,
    cookie: &str,
) -> (u16, String, String) {
    let peer = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .header("sec-fetch-site", "same-origin")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/149.0")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .extension(peer)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = web::router(rig.ctx.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let to = response.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
    let bytes = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, to, String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) async fn get_with(rig: &Rig, path: &str, cookie: &str) -> (u16, String) {
    let (status, _, body) = ask_with(rig, Method::GET, path, "", cookie).await;
    (status, body)
}

pub(super) async fn get(rig: &Rig, path: &str) -> (u16, String) {
    let (status, _, body) = ask(rig, Method::GET, path, "").await;
    (status, body)
}

/// An issue that was sent, of which `failed` messages failed; returns its id.
async fn with_failed(rig: &Rig, failed: i64) -> String {
    let issue = rig.send_january().await;
    let some =
        "UPDATE attempt SET outcome = 'policy', reply = '554 5.7.1 <blocked> & gone' WHERE delivery_id IN
        (SELECT id FROM delivery ORDER BY id LIMIT $1)";
    execute(&rig.ctx.db, some, values![failed]).await;
    let same = "UPDATE delivery SET state = 'failed', accepted_ms = NULL WHERE id IN
        (SELECT id FROM delivery ORDER BY id LIMIT $1)";
    execute(&rig.ctx.db, same, values![failed]).await;
    issue
}

async fn failed(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) FROM delivery WHERE state = 'failed'", vec![]).await
}

both_dbs! {
    /// A content folder with errors is told where everybody looks first, and on the page of content with its findings.
    async fn errors_in_the_content_folder_are_told_at_once(db: Db) {
        let rig = Rig::new(db).await;
        assert!(!get(&rig, "/console").await.1.contains("The content folder has"));
        let folder = copied();
        std::fs::write(folder.path().join("blog/wrong.md"), "no front matter").unwrap();
        let synced = sync::sync(&rig.ctx, folder.path(), false).await.unwrap();
        rig.ctx.set_refused_findings(synced.findings.into_iter().filter(|it| it.severity == Severity::Error).collect());
        let (status, overview) = get(&rig, "/console").await;
        assert!(status == 200 && overview.contains("The content folder has 1 error") && overview.contains("/console/content"), "{overview}");
        let (_, content) = get(&rig, "/console/content").await;
        assert!(content.contains("blog/wrong.md:1:1") && content.contains("the folder has errors"), "{content}");
        rig.ctx.set_refused_findings(Vec::new());
        assert!(!get(&rig, "/console").await.1.contains("The content folder has"));
    }

    /// What failed is listed with its reason, escaped; it goes out again as many as the person saw, or not at all.
    async fn dead_letters_go_out_again_as_seen(db: Db) {
        let rig = Rig::new(db).await;
        let (status, empty) = get(&rig, "/console/dead-letters").await;
        assert!(status == 200 && empty.contains("Nothing waits for a person"));
        let issue = with_failed(&rig, 5).await;
        let (_, list) = get(&rig, "/console/dead-letters").await;
        assert!(list.contains("554 5.7.1 &lt;blocked&gt; &amp; gone") && list.contains("refused by a policy"), "{list}");
        assert!(list.contains("Send all 5 messages again"));
        let (_, none) = get(&rig, "/console/dead-letters?class=soft").await;
        assert!(none.contains("None fits") && !none.contains("554"));
        assert_eq!(get(&rig, "/console/dead-letters?state=happy").await.0, 422);
        assert_eq!(failed(&rig.ctx.db).await, 5, "looking changes nothing");

        let all = format!("issue={issue}&state=failed&class=&count=");
        let again = "/console/dead-letters/again";
        let (status, _, why) = ask(&rig, Method::POST, again, &format!("{all}4")).await;
        assert!(status == 409 && why.contains("nothing was done"), "{why}");
        assert_eq!(failed(&rig.ctx.db).await, 5, "nothing was done");
        let one: Vec<(String,)> = rows(&rig.ctx.db, "SELECT id FROM delivery WHERE state = 'failed' ORDER BY id", vec![]).await;
        let (status, to, _) = ask(&rig, Method::POST, again, &format!("delivery={}&count=1", one[0].0)).await;
        assert_eq!((status, to.as_str()), (303, "/console/dead-letters?again=1"));
        let (status, _, _) = ask(&rig, Method::POST, again, &format!("delivery={}&count=1", one[0].0)).await;
        assert_eq!(status, 409, "it is on its way");
        let (status, to, _) = ask(&rig, Method::POST, again, &format!("{all}4")).await;
        assert!(status == 303 && to.ends_with("state=failed&again=4"), "{to}");
        assert!(get(&rig, &to).await.1.contains("4 messages are in the queue again"));
        rig.drain().await;
        rig.assert_nothing_left().await;
        assert_eq!(rig.mailbox.count().await.unwrap(), 33 + 5);
        let audited: Vec<(String, String)> = rows(&rig.ctx.db, "SELECT subject, detail FROM audit WHERE action = 'send-again' ORDER BY at_ms, id", vec![]).await;
        assert_eq!(audited.len(), 2);
        assert!(audited.contains(&(issue, "4 messages; state failed, class any".to_owned())), "{audited:?}");
    }

    /// The page of an issue says how far it is, and its live part follows; every line leads to the whole chain.
    async fn an_issue_says_how_far_it_is(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + DAY_MS / 8);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        rig.drain().await;
        let (_, page) = get(&rig, &format!("/console/issues/{issue}")).await;
        assert!(page.contains("<dt>Sent</dt><dd>2 of 33</dd>") && page.contains("<dt>Due later</dt><dd>31</dd>"), "{page}");
        assert!(page.contains("By site") && page.contains("northlight.example"));
        rig.may_be_late(EVE_MS + DAY_MS).await;
        rig.clock.set(EVE_MS + DAY_MS);
        rig.drain().await;
        rig.ctx.figures.forget();
        let (_, live) = get(&rig, &format!("/console/issues/{issue}/live.json")).await;
        assert!(live.contains("<dt>Sent</dt><dd>33 of 33</dd>"), "{live}");
        assert_eq!(get(&rig, "/console/live.json").await.0, 200);
        let line = deliveries::of_issue(&rig.ctx.db, &issue, 0).await.unwrap().remove(0);
        let href = format!("/console/issues/{issue}/people/{}", line.contact_id.unwrap());
        assert!(page.contains(&href));
        let (status, chain) = get(&rig, &href).await;
        assert!(status == 200 && chain.contains(&line.id) && chain.contains("nothing more: the next mail server"), "{chain}");
        let (status, nobody) = get(&rig, &format!("/console/issues/{issue}/people/con_none")).await;
        assert!(status == 200 && nobody.contains("did not consider them"), "a sentence, not an error");
        assert_eq!(get(&rig, "/console/issues/iss_none/people/con_none").await.0, 404);
    }
}
