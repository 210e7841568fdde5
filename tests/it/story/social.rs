//! Partners' own accounts at social networks: what becomes visible is posted once, and what cannot be posted goes to a person.

use std::sync::Arc;

use axum::http::Method;
use partnercast::{
    domain::{
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        social::{Content, schedule},
    },
    store::{
        Db,
        social::{Post, accounts, posts},
    },
    work::{
        Context, recall,
        social::{self, Order, PostLink},
        track,
    },
};
use serde_json::json;

use super::{
    Rig,
    console::{ask, get},
    networks::{Does, Networks},
    receiver::open,
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

pub const KARA: &str = "kara.boyd@northlight.example";
pub const TOM: &str = "tom.beckett@brackenfold.example";
/// Two hours into 4 February where Northlight is: `social/ransomware-hour-one` has its day, which all networks take.
pub const FOURTH_MS: i64 = EVE_MS + 23 * DAY_MS + 12 * HOUR_MS;

pub fn order(networks: &Networks, network: &str, mode: &str) -> Order {
    Order {
        partner: "northlight".to_owned(),
        network: network.to_owned(),
        server: networks.url(),
        identifier: "northlight.test".to_owned(),
        secret: "s3cret".to_owned(),
        mode: mode.to_owned(),
        ..Order::default()
    }
}

/// An account of Northlight's, connected the day before [`FOURTH_MS`], which it is now; with its network and its key.
pub async fn on_its_day(db: Db, network: &str, mode: &str) -> (Rig, Arc<Context>, Networks, String) {
    let rig = Rig::new(db).await;
    let ctx = open(&rig).await;
    let networks = Networks::new().await;
    rig.clock.set(FOURTH_MS - DAY_MS);
    let account = connected(&ctx, &order(&networks, network, mode)).await;
    rig.clock.set(FOURTH_MS);
    (rig, ctx, networks, account)
}

pub async fn connected(ctx: &Context, order: &Order) -> String {
    social::connect(ctx, "ana", order).await.unwrap().id
}

pub async fn only(ctx: &Context, account: &str) -> Post {
    let mut all = posts::list(&ctx.db, account, None, None, 10).await.unwrap();
    assert_eq!(all.len(), 1, "one post: {all:?}");
    all.remove(0)
}

pub async fn verdicts(ctx: &Context, post: &str) -> Vec<String> {
    posts::attempts(&ctx.db, post).await.unwrap().into_iter().map(|it| it.verdict).collect()
}

async fn state(ctx: &Context, account: &str) -> String {
    accounts::account(&ctx.db, account).await.unwrap().unwrap().state
}

both_dbs! {
    /// Who does not let us in is not stored; what was visible before stays where it is; what becomes visible is posted once.
    async fn what_becomes_visible_is_posted_once(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let wrong = Order { secret: "guessed".to_owned(), ..order(&networks, "bluesky", "auto") };
        let refused = social::connect(&ctx, "ana", &wrong).await.unwrap_err();
        assert!(refused.public().contains("Invalid identifier or password"), "{refused}");
        let odd = Order { partner: "nortlight".to_owned(), network: "x".to_owned(), mode: "always".to_owned(), expires: "soon".to_owned(), ..order(&networks, "", "") };
        let faults = social::connect(&ctx, "ana", &odd).await.unwrap_err();
        for part in ["nortlight", "always", "soon", "at X a person posts"] {
            assert!(faults.public().contains(part), "{part}: {faults}");
        }
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty());
        let account = connected(&ctx, &order(&networks, "bluesky", "auto")).await;
        let sealed = number(&ctx.db, "SELECT COUNT(*) FROM social_account WHERE secret LIKE '%s3cret%' OR session LIKE '%a1%'", Vec::new()).await;
        assert_eq!(sealed, 0, "passwords and sessions are sealed");
        social::tick(&ctx).await.unwrap();
        assert!(networks.posts().is_empty(), "social/backup-green-tick had its day before");
        rig.clock.set(FOURTH_MS);
        for _ in 0..3 {
            social::tick(&ctx).await.unwrap();
        }
        let there = networks.posts();
        assert_eq!(there.len(), 1, "{there:?}");
        let text = there[0]["text"].as_str().unwrap();
        assert!(text.contains("Northlight MSP") && !text.contains("{{"), "{text}");
        let card = &there[0]["embed"]["external"];
        assert!(card["uri"].as_str().unwrap().contains("?post=3") && card["thumb"]["$type"] == "blob", "{card}");
        assert_eq!(there[0]["langs"], json!(["en"]));
        let all = posts::list(&ctx.db, &account, None, None, 9).await.unwrap();
        let of = |asset: &str| all.iter().find(|it| it.asset == asset).unwrap();
        // Three weeks in which nobody looked are no reason to post old news.
        let late = of("social/webinar-live-restore");
        assert!(late.state == "failed" && late.because.contains("more than a week ago"), "{late:?}");
        let post = of("social/ransomware-hour-one");
        assert_eq!((post.state.as_str(), all.len()), ("posted", 2));
        assert!(post.remote_uri.starts_with("at://did:plc:northlight/app.bsky.feed.post/3"), "{}", post.remote_uri);
        let audit = "SELECT COUNT(*) FROM audit WHERE action = $1 AND subject = $2";
        assert_eq!(number(&ctx.db, audit, values!["send-social-post", &post.id]).await, 1);
        assert_eq!(networks.inner.lock().unwrap().sign_ins, 2, "the session is kept");
        // The link is the partner's own, and leads to the page.
        let content: Content = serde_json::from_str(&post.content).unwrap();
        let (status, to, _) = ask(&rig, Method::GET, content.link.strip_prefix("http://partnercast.test").unwrap(), "").await;
        assert!(status == 302 && to.contains("/p/northlight/blog/ransomware-first-hour"), "{status} {to}");
        rig.drain().await;
        assert_eq!(rig.mailbox.list(10).await.unwrap().len(), 1, "of the late one, and nobody needs to do anything else");
    }

    /// An answer that is lost, at either network: the post is found, and not made again. A session that is over is renewed.
    async fn a_lost_answer_makes_no_second_post(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        for network in ["bluesky", "mastodon"] {
            rig.clock.set(FOURTH_MS - DAY_MS);
            let networks = Networks::new().await;
            let account = connected(&ctx, &order(&networks, network, "auto")).await;
            rig.clock.set(FOURTH_MS);
            networks.does(Does::Loses);
            networks.does(Does::Says(200, "<h1>Welcome</h1>"));
            networks.inner.lock().unwrap().access += usize::from(network == "bluesky");
            social::tick(&ctx).await.unwrap();
            let open_post = posts::list(&ctx.db, &account, Some("due"), None, 9).await.unwrap().remove(0);
            assert!(open_post.uncertain && open_post.tries == 1);
            assert_eq!(networks.posts().iter().filter(|it| it.to_string().contains("ransomware-first-hour")).count(), 1);
            rig.clock.advance(2 * MINUTE_MS);
            social::tick(&ctx).await.unwrap();
            let post = posts::post(&ctx.db, &open_post.id).await.unwrap().unwrap();
            assert_eq!((post.state.as_str(), post.uncertain), ("posted", true), "{network}: {}", post.because);
            assert_eq!(verdicts(&ctx, &post.id).await, ["uncertain", "found"]);
            assert!(!post.remote_uri.is_empty() && post.remote_url.starts_with("https://"));
            let made = networks.posts().iter().filter(|it| it.to_string().contains("ransomware-first-hour")).count();
            assert_eq!(made, 1, "{network}");
            social::disconnect(&ctx, "ana", &account).await.unwrap();
            networks.inner.lock().unwrap().next.clear();
        }
    }

    /// Nobody finds what is not there: then it goes again, under the same key; a Mastodon server is told of the picture.
    async fn what_did_not_arrive_goes_again(db: Db) {
        let (rig, ctx, networks, account) = on_its_day(db, "mastodon", "auto").await;
        networks.does(Does::Says(502, "<h1>Bad gateway</h1>"));
        networks.does(Does::Limits("2027-02-04T18:00:00.000Z".to_owned()));
        social::tick(&ctx).await.unwrap();
        rig.clock.advance(2 * MINUTE_MS);
        social::tick(&ctx).await.unwrap();
        assert!(networks.posts().is_empty());
        let now = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert_eq!(now.rest_ms, 1_801_764_000_000, "until its server says");
        rig.clock.set(now.rest_ms - 1_000);
        social::tick(&ctx).await.unwrap();
        assert!(networks.posts().is_empty());
        rig.clock.set(now.rest_ms);
        social::tick(&ctx).await.unwrap();
        let post = only(&ctx, &account).await;
        assert_eq!(verdicts(&ctx, &post.id).await, ["uncertain", "limited", "posted"]);
        assert_eq!(networks.inner.lock().unwrap().lookups, 2, "looked for before each repetition");
        let there = networks.posts();
        assert_eq!((there.len(), &there[0]["media_ids"]), (1, &json!(["m1"])));
        assert!(there[0]["status"].as_str().unwrap().contains("&post=3") || there[0]["status"].as_str().unwrap().contains("?post=3"));
        assert_eq!(networks.inner.lock().unwrap().posts[0].0, post.id, "the key of every try");
    }

    /// Whoever takes their password back is told, and so is who looks after them; after a day a person has the post by mail; connected
    /// again, the account goes on.
    async fn a_password_taken_back_stops_nothing_silently(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let account = connected(&ctx, &order(&networks, "mastodon", "auto")).await;
        networks.inner.lock().unwrap().password = "another".to_owned();
        rig.clock.set(FOURTH_MS);
        social::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &account).await, "needs_reconnect");
        rig.drain().await;
        let told = rig.mail_to(TOM).await;
        assert!(told.subject.contains("has to be connected again"), "{}", told.subject);
        assert!(told.html.unwrap().contains(&format!("/console/social/{account}")));
        assert!(!rig.mail_to(KARA).await.html.unwrap().contains("/console/"), "a partner has no way there");
        let (_, page) = get(&rig, "/console/partners/northlight").await;
        assert!(page.contains("connect again"), "its page says it");
        rig.clock.advance(schedule::RECONNECT_MS);
        social::tick(&ctx).await.unwrap();
        let post = only(&ctx, &account).await;
        assert_eq!((post.state.as_str(), post.tries), ("failed", 0));
        rig.drain().await;
        let kit = rig.mail_to(KARA).await;
        assert!(kit.subject.contains("please share it yourself"), "{}", kit.subject);
        let content: Content = serde_json::from_str(&post.content).unwrap();
        assert!(kit.text.unwrap().replace(['\n', ' '], "").contains(&content.link), "with its link");
        assert!(social::retry(&ctx, "ana", &post.id).await.is_err(), "its account does not work");
        let again = Order { secret: "another".to_owned(), ..order(&networks, "mastodon", "") };
        let connected = social::connect(&ctx, "ana", &again).await.unwrap();
        assert!(connected.is_known && connected.id == account);
        let known = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert_eq!(known.mode, "auto", "another token changes nothing else");
        social::retry(&ctx, "ana", &post.id).await.unwrap();
        social::tick(&ctx).await.unwrap();
        assert_eq!(only(&ctx, &account).await.state, "posted");
        rig.assert_nothing_left().await;
    }

    /// What is approved is what was seen, by a link that only a button makes act; what changes is asked for again, and what is recalled
    /// is not posted.
    async fn approval_is_of_what_was_seen(db: Db) {
        let (rig, ctx, networks, account) = on_its_day(db, "bluesky", "approve").await;
        social::tick(&ctx).await.unwrap();
        assert!(networks.posts().is_empty());
        let post = only(&ctx, &account).await;
        rig.drain().await;
        let mail = rig.mail_to(KARA).await;
        let link = PostLink::new(&post.id).unwrap().path(&ctx.keys);
        assert!(mail.html.unwrap().contains(&link), "the mail leads to it");
        let (status, page) = get(&rig, &link).await;
        assert!(status == 200 && page.contains("Ten past seven") && page.contains(&post.hash), "{page}");
        assert_eq!(only(&ctx, &account).await.state, "waiting_approval", "looking changes nothing");
        let (_, page) = get(&rig, &format!("/console/social/{account}?post={}", post.id)).await;
        assert!(page.contains("Ten past seven") && page.contains(&link));
        let (_, _, page) = ask(&rig, Method::POST, &format!("{link}/approve"), &format!("hash={}", "0".repeat(64))).await;
        assert!(page.contains("has changed since you looked"), "{page}");
        assert_eq!(get(&rig, "/post/AAAA").await.0, 404);
        let (status, _, _) = ask(&rig, Method::POST, &format!("{link}/approve"), &format!("hash={}", post.hash)).await;
        assert_eq!(status, 303);
        let order = recall::Order {
            reference: "social/ransomware-hour-one",
            to: Some("social/backup-green-tick"),
            because: "a wrong hour",
        };
        let when = (ctx.now_ms(), &*ctx.random);
        recall::recall(&ctx.db, &ctx.library(), when, "ana", &order).await.unwrap();
        social::tick(&ctx).await.unwrap();
        assert!(networks.posts().is_empty(), "recalled before it left");
        assert_eq!(only(&ctx, &account).await.state, "withdrawn");
        assert!(social::approve(&ctx, "ana", &post.id, &post.hash).await.is_err());
    }

    /// What nobody approves in time is told, with what to do instead, and not dropped.
    async fn what_nobody_approves_goes_to_a_person(db: Db) {
        let (rig, ctx, networks, account) = on_its_day(db, "bluesky", "").await;
        social::tick(&ctx).await.unwrap();
        assert_eq!(only(&ctx, &account).await.state, "waiting_approval", "a new account posts nothing by itself");
        rig.clock.set(FOURTH_MS + schedule::APPROVAL_MS);
        social::tick(&ctx).await.unwrap();
        // Others had their day meanwhile.
        let all = posts::list(&ctx.db, &account, None, None, 9).await.unwrap();
        let post = all.into_iter().find(|it| it.asset == "social/ransomware-hour-one").unwrap();
        assert!(post.state == "failed" && post.because.contains("nobody approved it"), "{post:?}");
        rig.drain().await;
        let mails = rig.mailbox.list(20).await.unwrap();
        let is_kit = |subject: &str| subject.contains("please share it yourself");
        assert!(mails.iter().any(|it| it.to.contains(KARA) && is_kit(&it.subject)), "{mails:?}");
        let (_, page) = get(&rig, &PostLink::new(&post.id).unwrap().path(&ctx.keys)).await;
        assert!(page.contains("data-copy=\"words\"") && page.contains("bsky.app/intent/compose"), "{page}");
        assert!(networks.posts().is_empty());
    }

    /// Who shared by hand what was theirs to share says so once; it counts as shared, and is not posted a second time.
    async fn what_was_shared_by_hand_is_noted_and_not_sent(db: Db) {
        let (rig, ctx, networks, account) = on_its_day(db, "bluesky", "share_kit").await;
        social::tick(&ctx).await.unwrap();
        let post = only(&ctx, &account).await;
        let path = PostLink::new(&post.id).unwrap().path(&ctx.keys);
        assert!(get(&rig, &path).await.1.contains("I shared it"));
        for _ in 0..2 {
            let (status, _, _) = ask(&rig, Method::POST, &format!("{path}/shared"), "").await;
            assert_eq!(status, 303);
        }
        while track::write_batch(&rig.ctx).await.unwrap() > 0 {}
        let shares = "SELECT COUNT(*) FROM engagement_event WHERE kind = 'share' AND partner_slug = $1 AND asset = $2 AND channel = $3";
        assert_eq!(number(&ctx.db, shares, values!["northlight", post.asset.as_str(), "bluesky"]).await, 1);
        let page = get(&rig, &path).await.1;
        assert!(page.contains("It is noted that you shared it") && !page.contains("I shared it"), "{page}");
        let of_account = get(&rig, &format!("/console/social/{account}?post={}", post.id)).await.1;
        assert!(of_account.contains("shared by hand") && !of_account.contains("/retry"), "{of_account}");
        let again = social::retry(&ctx, "ana", &post.id).await.unwrap_err();
        assert!(again.public().contains("it would stand there twice"), "{again}");
        assert!(networks.posts().is_empty());
    }

    /// What the account posts, or what waits for a yes, is nobody's to share by hand.
    async fn what_is_to_be_posted_is_nobodys_to_share(db: Db) {
        let (rig, ctx, _networks, account) = on_its_day(db, "bluesky", "approve").await;
        social::tick(&ctx).await.unwrap();
        let post = only(&ctx, &account).await;
        let path = PostLink::new(&post.id).unwrap().path(&ctx.keys);
        assert!(!get(&rig, &path).await.1.contains("I shared it"));
        let (status, _, page) = ask(&rig, Method::POST, &format!("{path}/shared"), "").await;
        assert!(status == 200 && page.contains("not yours to share"), "the page says why: {status} {page}");
        assert_eq!(only(&ctx, &account).await.shared_ms, None);
    }

    /// Where a person posts, they get the kit, each once; and who has a token that ends is warned 14, 7 and 1 days before.
    async fn a_person_gets_the_kit_and_warnings(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let by_hand = Order { secret: String::new(), ..order(&networks, "x", "share_kit") };
        let account = connected(&ctx, &by_hand).await;
        assert!(social::set_mode(&ctx, "ana", &account, "auto").await.is_err(), "nobody gave us a token");
        let expires = Order { expires: "2027-02-20".to_owned(), ..order(&networks, "mastodon", "share_kit") };
        let with_token = connected(&ctx, &expires).await;
        let mails = async |subject: &str| {
            rig.drain().await;
            let all = rig.mailbox.list(100).await.unwrap();
            all.iter().filter(|it| it.to.contains(KARA) && it.subject.contains(subject)).count()
        };
        rig.clock.set(FOURTH_MS);
        for _ in 0..2 {
            social::tick(&ctx).await.unwrap();
        }
        let post = only(&ctx, &account).await;
        assert_eq!(post.state, "kit");
        assert_eq!(mails("A post for X to share").await, 1);
        let (_, page) = get(&rig, &PostLink::new(&post.id).unwrap().path(&ctx.keys)).await;
        assert!(page.contains("https://twitter.com/intent/tweet?text="), "{page}");
        for day in 3..17 {
            rig.clock.set(FOURTH_MS + day * DAY_MS);
            social::tick(&ctx).await.unwrap();
            rig.drain().await;
        }
        assert_eq!(mails("ends within").await, 3);
        social::disconnect(&ctx, "ana", &with_token).await.unwrap();
        assert_eq!(accounts::list(&ctx.db, Some("northlight")).await.unwrap().len(), 1);
    }
}
