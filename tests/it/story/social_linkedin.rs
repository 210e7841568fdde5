//! Posts at LinkedIn: as a page, once, in words that are not cut, and what its refusals lead to.

use partnercast::{
    domain::{
        content::kinds::Network,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        social::Content,
    },
    store::social::{Post, accounts, posts},
    work::{
        Context,
        doctor::{
            Status,
            channels::{self, Channel},
        },
        social::{self, Order},
    },
};
use serde_json::json;

use super::{
    Rig,
    linkedin_server::{Linkedin, OTHER_PAGE, PAGE, urn},
    networks::Does,
    receiver::open,
    social::{FOURTH_MS, KARA},
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

fn order(server: &Linkedin, account: &str) -> Order {
    Order {
        partner: "northlight".to_owned(),
        network: "linkedin".to_owned(),
        server: server.url(),
        identifier: account.to_owned(),
        secret: "s3cret".to_owned(),
        mode: "auto".to_owned(),
        ..Order::default()
    }
}

/// The post of 4 February.
async fn ransomware(ctx: &Context, account: &str) -> Post {
    let all = posts::list(&ctx.db, account, None, None, 9).await.unwrap();
    all.into_iter().find(|it| it.asset == "social/ransomware-hour-one").unwrap()
}

async fn verdicts(ctx: &Context, post: &str) -> Vec<String> {
    posts::attempts(&ctx.db, post).await.unwrap().into_iter().map(|it| it.verdict).collect()
}

both_dbs! {
    /// Only who may post for a page connects it; a member's token says whose it is; a post is an article whose words are whole.
    async fn a_page_posts_once_and_in_whole_words(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let server = Linkedin::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        for (account, why) in [
            ("northlight", "urn:li:organization:123"),
            (OTHER_PAGE, "may not post for"),
            ("urn:li:organization:9", "has no role"),
            ("urn:li:person:other", "is that of urn:li:person:8_Sx-2"),
        ] {
            let refused = social::connect(&ctx, "ana", &order(&server, account)).await.unwrap_err();
            assert!(refused.public().contains(why), "{account}: {refused}");
        }
        let member = social::connect(&ctx, "ana", &order(&server, "")).await.unwrap();
        assert_eq!(member.handle, "Kara Boyd");
        social::disconnect(&ctx, "ana", &member.id).await.unwrap();
        let connected = social::connect(&ctx, "ana", &order(&server, PAGE)).await.unwrap();
        assert_eq!(connected.handle, "Northlight MSP");
        let account = accounts::account(&ctx.db, &connected.id).await.unwrap().unwrap();
        assert_eq!(account.expires_ms, Some(FOURTH_MS - DAY_MS + 60 * DAY_MS), "no token of LinkedIn's lives longer");
        let said = social::test(&ctx, "ana", &connected.id).await.unwrap();
        assert!(said.contains("Northlight MSP") && said.contains("202607"), "{said}");
        rig.clock.set(FOURTH_MS);
        for _ in 0..3 {
            social::tick(&ctx).await.unwrap();
        }
        let there = server.posts();
        assert_eq!(there.len(), 1, "{there:?}");
        let post = ransomware(&ctx, &connected.id).await;
        assert_eq!((post.state.as_str(), post.remote_uri.clone()), ("posted", urn(FOURTH_MS, 0)));
        assert!(post.remote_url.contains("/feed/update/urn:li:share:"), "{}", post.remote_url);
        let content: Content = serde_json::from_str(&post.content).unwrap();
        assert_eq!(there[0]["commentary"], content.text.as_str(), "not a letter is cut");
        assert_eq!(there[0]["author"], PAGE);
        let article = &there[0]["content"]["article"];
        assert_eq!(article["source"], content.link.as_str());
        assert_eq!(article["thumbnail"], "urn:li:image:C4E10AQ");
        assert_eq!(server.inner.lock().unwrap().uploads.len(), 1);
    }

    /// An answer that is lost: the same words are refused with the address of those that are there, and that is the post.
    async fn a_duplicate_after_a_lost_answer_is_the_post(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let server = Linkedin::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let account = social::connect(&ctx, "ana", &order(&server, PAGE)).await.unwrap().id;
        rig.clock.set(FOURTH_MS);
        server.does(Does::Loses);
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert!(post.uncertain && post.remote_uri.is_empty(), "{post:?}");
        rig.clock.advance(2 * MINUTE_MS);
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert_eq!(post.state, "posted", "{}", post.because);
        assert_eq!(verdicts(&ctx, &post.id).await, ["uncertain", "found"]);
        assert_eq!(post.remote_uri, urn(FOURTH_MS, 0));
        assert_eq!(server.posts().len(), 1);
    }

    /// Where a page's posts may be read, the post is found by its link; and words that somebody posted long before are not ours.
    async fn a_post_is_looked_for_and_an_old_one_is_not_it(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        for (reads, state) in [(true, "posted"), (false, "withdrawn")] {
            let server = Linkedin::new().await;
            rig.clock.set(FOURTH_MS - DAY_MS);
            let account = social::connect(&ctx, "ana", &order(&server, PAGE)).await.unwrap().id;
            rig.clock.set(FOURTH_MS);
            server.does(Does::Loses);
            social::tick(&ctx).await.unwrap();
            server.inner.lock().unwrap().reads = reads;
            if !reads {
                server.inner.lock().unwrap().posts[0].0 = urn(FOURTH_MS - 3 * DAY_MS, 0);
            }
            rig.clock.advance(2 * MINUTE_MS);
            social::tick(&ctx).await.unwrap();
            let post = ransomware(&ctx, &account).await;
            assert_eq!(post.state, state, "{}", post.because);
            assert_eq!(server.posts().len(), 1);
            social::disconnect(&ctx, "ana", &account).await.unwrap();
        }
    }

    /// A version that is not served is our own to mend and uses up nothing; a day's limit is waited for; a picture that cannot be
    /// read is left out; words that are there already are left to whoever posted them; and a token that is over is told.
    async fn what_linkedin_refuses_is_told_and_waited_for(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let server = Linkedin::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let account = social::connect(&ctx, "ana", &order(&server, PAGE)).await.unwrap().id;
        rig.clock.set(FOURTH_MS);
        server.inner.lock().unwrap().version = Some("202701");
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert_eq!((post.state.as_str(), post.tries), ("due", 0));
        assert!(post.because.contains("social.linkedin_version"), "{}", post.because);
        server.inner.lock().unwrap().version = None;
        server.inner.lock().unwrap().picture = "PROCESSING_FAILED";
        server.does(Does::Limits(String::new()));
        rig.clock.advance(HOUR_MS);
        social::tick(&ctx).await.unwrap();
        let now = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert_eq!(now.rest_ms % DAY_MS, 5 * MINUTE_MS, "until midnight UTC is surely over");
        rig.clock.set(now.rest_ms);
        server.inner.lock().unwrap().token = "another".to_owned();
        social::tick(&ctx).await.unwrap();
        let lost = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert!(lost.state == "needs_reconnect" && lost.because.contains("has expired"), "{lost:?}");
        let again = Order { secret: "another".to_owned(), ..order(&server, PAGE) };
        assert!(social::connect(&ctx, "ana", &again).await.unwrap().is_known);
        let words: Content = serde_json::from_str(&post.content).unwrap();
        let by_hand = json!({"author": PAGE, "commentary": words.text});
        server.inner.lock().unwrap().posts.push(("urn:li:share:1".to_owned(), by_hand));
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert_eq!(post.state, "withdrawn", "{post:?}");
        assert!(post.because.contains("already: https://www.linkedin.com/feed/update/urn:li:share:1/"), "{}", post.because);
        rig.drain().await;
        let mails = rig.mailbox.list(20).await.unwrap();
        assert!(mails.iter().all(|it| !it.subject.contains("please share it")), "it would be there twice: {mails:?}");
        assert!(mails.iter().any(|it| it.to.contains(KARA) && it.subject.contains("connected again")), "{mails:?}");
        let tries = posts::attempts(&ctx.db, &post.id).await.unwrap();
        assert!(tries.iter().any(|it| it.detail.contains("left out the picture")), "{tries:?}");
        rig.assert_nothing_left().await;
    }

    /// `doctor` asks the server, and with each account's token whether it lets us in; where nothing can be noted it does not.
    async fn doctor_looks_at_a_channel(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let channel = Channel::Social(Network::Linkedin);
        let server = Linkedin::new().await;
        rig.clock.set(FOURTH_MS);
        let account = social::connect(&ctx, "ana", &order(&server, PAGE)).await.unwrap().id;
        let found = channels::check(&ctx, channel, None).await.unwrap();
        let lines: Vec<_> = found.iter().map(|it| (it.check, it.status)).collect();
        assert_eq!(lines, [("linkedin-version", Status::Pass), ("server", Status::Pass), ("account", Status::Pass)], "{found:?}");
        assert!(found[2].found.contains("Northlight MSP"), "{found:?}");
        let noted = "SELECT COUNT(*) FROM audit WHERE action = 'test-social-account' AND subject = $1";
        assert_eq!(number(&ctx.db, noted, values![&account]).await, 1, "each use of a token is noted");
        let found = channels::check(&ctx, channel, Some("serve works on it")).await.unwrap();
        assert_eq!(found[2].status, Status::Unknown);
        let fix = found[2].fix.as_deref().unwrap();
        assert!(fix.contains("serve works on it") && fix.contains(&format!("/console/social/{account}")), "{fix}");
        server.inner.lock().unwrap().token = "another".to_owned();
        rig.clock.set(FOURTH_MS + 150 * DAY_MS);
        let found = channels::check(&ctx, channel, None).await.unwrap();
        assert_eq!((found[0].status, found[2].status), (Status::Warn, Status::Fail), "{found:?}");
        let fix = found[2].fix.as_deref().unwrap();
        assert!(fix.contains(&format!("partnercast social connect northlight linkedin --account {PAGE} --server")), "{fix}");
        let found = channels::check(&ctx, channel, Some("serve works on it")).await.unwrap();
        assert_eq!(found[2].status, Status::Fail, "what is known stays known");
        let none = channels::check(&ctx, Channel::Webhook, None).await.unwrap();
        assert_eq!(none[0].status, Status::Unknown);
    }
}
