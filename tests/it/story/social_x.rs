//! Posts at X, whose interface charges for each: never without a budget, never beyond it, once, and what its refusals lead to.

use std::sync::Arc;

use partnercast::{
    domain::{
        content::kinds::Network,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
        social::{
            Content,
            spend::{Prices, Terms, Usd},
        },
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

use super::{
    Rig,
    console::get,
    networks::Does,
    receiver::{open, open_on},
    social::{FOURTH_MS, KARA},
    x_server::{CLIENT, X},
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

fn usd(text: &str) -> Usd {
    Usd::parse(text).unwrap()
}

fn terms(budget: &str) -> Terms {
    Terms { budget: Some(usd(budget)), prices: Prices::default() }
}

fn order(server: &X) -> Order {
    Order {
        partner: "northlight".to_owned(),
        network: "x".to_owned(),
        server: server.url(),
        secret: "a1 r1".to_owned(),
        client: CLIENT.to_owned(),
        mode: "auto".to_owned(),
        ..Order::default()
    }
}

/// On the day before the post.
async fn at_x(db: partnercast::store::Db, budget: &str) -> (Rig, Arc<Context>, X) {
    let rig = Rig::new(db).await;
    let ctx = open_on(&rig, terms(budget), 11).await;
    rig.clock.set(FOURTH_MS - DAY_MS);
    (rig, ctx, X::new().await)
}

/// The post of 4 February.
async fn ransomware(ctx: &Context, account: &str) -> Post {
    let all = posts::list(&ctx.db, account, None, None, 9).await.unwrap();
    all.into_iter().find(|it| it.asset == "social/ransomware-hour-one").unwrap()
}

async fn verdicts(ctx: &Context, post: &str) -> Vec<String> {
    posts::attempts(&ctx.db, post).await.unwrap().into_iter().map(|it| it.verdict).collect()
}

async fn spent(ctx: &Context) -> Usd {
    social::spending(ctx).await.unwrap().unwrap().spent
}

/// Mails with these words in their subject, once everything is sent.
async fn mails(rig: &Rig, to: &str, subject: &str) -> usize {
    rig.drain().await;
    let all = rig.mailbox.list(100).await.unwrap();
    all.iter().filter(|it| it.to.contains(to) && it.subject.contains(subject)).count()
}

both_dbs! {
    /// Without a budget nothing is connected, and what to set is said; with one the tokens are tried, renewed and sealed; a post leaves
    /// once, with its picture; and what is counted as spent is what X charges.
    async fn nothing_is_posted_without_a_budget_and_all_is_counted(db: Db) {
        let mut rig = Rig::new(db).await;
        let server = X::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let without = open(&rig).await;
        let refused = social::connect(&without, "ana", &order(&server)).await.unwrap_err();
        assert!(refused.public().contains("x_budget_usd_monthly = 20.00"), "{refused}");
        rig.ctx = open_on(&rig, terms("20.00"), 11).await;
        let ctx = rig.ctx.clone();
        for (secret, client, account, why) in [
            ("a1", CLIENT, "", "refresh token is needed too"),
            ("a1 r1", "", "", "client id"),
            ("a9 r1", CLIENT, "", "live for two hours"),
            ("a1 r1", CLIENT, "@other", "are those of @northlight"),
            ("a1 r9", CLIENT, "", "does not renew"),
        ] {
            let wrong = Order { secret: secret.to_owned(), client: client.to_owned(), identifier: account.to_owned(), ..order(&server) };
            let refused = social::connect(&ctx, "ana", &wrong).await.unwrap_err();
            assert!(refused.public().contains(why), "{secret}: {refused}");
        }
        let elsewhere = Order { server: "https://api.evil.example".to_owned(), ..order(&server) };
        assert!(social::connect(&ctx, "ana", &elsewhere).await.unwrap_err().public().contains("is not X's"));
        let connected = social::connect(&ctx, "ana", &order(&server)).await.unwrap();
        assert_eq!(connected.handle, "@northlight");
        let open_text = "SELECT COUNT(*) FROM social_account WHERE secret LIKE '%refresh%' OR secret LIKE '%\"%'";
        assert_eq!(number(&ctx.db, open_text, Vec::new()).await, 0, "tokens are sealed");
        let said = social::test(&ctx, "ana", &connected.id).await.unwrap();
        assert!(said.contains("@northlight (2244994945)"), "{said}");
        rig.clock.set(FOURTH_MS);
        for _ in 0..3 {
            social::tick(&ctx).await.unwrap();
        }
        let there = server.posts();
        assert_eq!(there.len(), 1, "{there:?}");
        let post = ransomware(&ctx, &connected.id).await;
        assert_eq!((post.state.as_str(), post.remote_uri.as_str()), ("posted", "1445880548472328192"), "{post:?}");
        assert_eq!(post.remote_url, "https://x.com/i/web/status/1445880548472328192");
        let content: Content = serde_json::from_str(&post.content).unwrap();
        assert_eq!(there[0]["text"], format!("{}\n{}", content.text, content.link).as_str());
        assert_eq!(there[0]["media"]["media_ids"][0], "1146654567674912769");
        assert_eq!(server.inner.lock().unwrap().alts, [content.alt]);
        assert_eq!(server.inner.lock().unwrap().renewals, 2, "when it was connected, and as those were over");
        assert_eq!((spent(&ctx).await, server.bill()), (usd("0.245"), usd("0.245")), "four times whose it is, a post, its picture's words");
        let noted = "SELECT COUNT(*) FROM audit WHERE action = 'spend-at-x' AND subject = $1";
        assert_eq!(number(&ctx.db, noted, values![&connected.id]).await, 3, "each expense is in the audit");
        let (_, page) = get(&rig, "/console/social").await;
        assert!(page.contains("Spent at X in February 2027") && page.contains("$0.245 of $20.00 spent"), "{page}");
        assert!(page.contains("98 more posts with a link") && page.contains("1 × a post with a link: $0.20"), "{page}");
    }

    /// An answer that is lost counts as spent, and the post is found by its link. Where X shows nothing it refuses the words, which are
    /// nobody else's: nobody is asked to share them again.
    async fn a_lost_answer_makes_no_second_post(db: Db) {
        let (rig, ctx, _) = at_x(db, "20.00").await;
        for (shows, state, tries) in [(true, "posted", ["uncertain", "found"]), (false, "withdrawn", ["uncertain", "duplicate"])] {
            let server = X::new().await;
            rig.clock.set(FOURTH_MS - DAY_MS);
            let before = social::spending(&ctx).await.unwrap().unwrap().spent;
            let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
            rig.clock.set(FOURTH_MS);
            server.inner.lock().unwrap().shows = shows;
            server.does(Does::Loses);
            social::tick(&ctx).await.unwrap();
            let post = ransomware(&ctx, &account).await;
            assert!(post.uncertain && post.state == "due", "{post:?}");
            assert_eq!(spent(&ctx).await.less(before), usd("0.215"), "what nobody knows is spent");
            rig.clock.advance(2 * MINUTE_MS);
            social::tick(&ctx).await.unwrap();
            let post = ransomware(&ctx, &account).await;
            assert_eq!((post.state.as_str(), server.posts().len()), (state, 1), "{}", post.because);
            assert_eq!(verdicts(&ctx, &post.id).await, tries);
            assert_eq!(post.remote_uri.is_empty(), !shows);
            assert_eq!(spent(&ctx).await.less(before), server.bill(), "what was refused, and what was not read, is given back");
            social::disconnect(&ctx, "ana", &account).await.unwrap();
        }
    }

    /// Where the budget does not pay for looking, a post that may be there waits, and nobody is asked to share it; it is looked for when
    /// there is another budget.
    async fn what_may_be_there_waits_for_a_look(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        rig.clock.set(FOURTH_MS);
        server.does(Does::Loses);
        social::tick(&ctx).await.unwrap();
        let poor = open_on(&rig, terms("0.22"), 12).await;
        for _ in 0..4 {
            rig.clock.advance(DAY_MS);
            social::tick(&poor).await.unwrap();
        }
        let waits = ransomware(&ctx, &account).await;
        assert_eq!((waits.state.as_str(), waits.tries), ("due", 1), "{}", waits.because);
        assert_eq!(verdicts(&ctx, &waits.id).await[..2], ["uncertain", "not looked for"]);
        assert!(waits.due_ms >= rig.clock_ms() + HOUR_MS, "{waits:?}");
        rig.clock.advance(2 * HOUR_MS);
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert_eq!((post.state.as_str(), server.posts().len()), ("posted", 1), "{}", post.because);
        rig.drain().await;
        let all = rig.mailbox.list(100).await.unwrap();
        assert!(all.iter().all(|it| !it.subject.contains("could not be sent") || !it.to.contains(KARA)), "{all:?}");
    }

    /// What did not arrive goes again, and was paid for twice as far as anybody knows.
    async fn what_did_not_arrive_goes_again(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        rig.clock.set(FOURTH_MS);
        server.inner.lock().unwrap().takes_pictures = false;
        server.does(Does::Says(503, "<h1>Over capacity</h1>"));
        social::tick(&ctx).await.unwrap();
        rig.clock.advance(2 * MINUTE_MS);
        social::tick(&ctx).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert_eq!((post.state.as_str(), server.posts().len()), ("posted", 1), "{}", post.because);
        assert_eq!(verdicts(&ctx, &post.id).await, ["uncertain", "posted"]);
        let tries = posts::attempts(&ctx.db, &post.id).await.unwrap();
        assert!(tries[1].detail.contains("left out the picture"), "a token that may upload nothing posts all the same: {tries:?}");
        assert_eq!(spent(&ctx).await, usd("0.41"));
    }

    /// Two nodes, two posts, and a budget for one: one leaves, the other goes to a person with the reason, and it is told once.
    async fn two_nodes_spend_no_more_than_the_budget(db: Db) {
        let (rig, ctx, server) = at_x(db, "0.225").await;
        let (other, another) = (open_on(&rig, terms("0.225"), 12).await, X::new().await);
        another.inner.lock().unwrap().user = "783214".to_owned();
        let mut ids = Vec::new();
        for server in [&server, &another] {
            ids.push(social::connect(&ctx, "ana", &order(server)).await.unwrap().id);
        }
        rig.clock.set(FOURTH_MS);
        let (one, two) = tokio::join!(social::tick(&ctx), social::tick(&other));
        one.unwrap();
        two.unwrap();
        social::tick(&ctx).await.unwrap();
        assert_eq!(server.posts().len() + another.posts().len(), 1);
        let mut states = [ransomware(&ctx, &ids[0]).await, ransomware(&ctx, &ids[1]).await];
        states.sort_by(|one, two| one.state.cmp(&two.state));
        assert_eq!((states[0].state.as_str(), states[1].state.as_str()), ("failed", "posted"));
        let because = &states[0].because;
        assert!(because.contains("of $0.225 is spent in 2027-02") && because.contains("costs $0.20"), "{because}");
        assert_eq!(spent(&ctx).await, usd("0.225"));
        assert_eq!(mails(&rig, KARA, "please share it yourself").await, 1);
        assert_eq!(mails(&rig, "", "The budget for X in February 2027 is used up").await, 1);
        // A month later there is another budget.
        social::disconnect(&ctx, "ana", &states[1].account_id).await.unwrap();
        rig.clock.set(FOURTH_MS + 30 * DAY_MS);
        assert_eq!(spent(&ctx).await, Usd::default());
        social::retry(&ctx, "ana", &states[0].id).await.unwrap();
        social::tick(&ctx).await.unwrap();
        assert_eq!(posts::post(&ctx.db, &states[0].id).await.unwrap().unwrap().state, "posted");
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// At 80 percent there is a notice, and another when the budget pays for nothing more; each once.
    async fn a_budget_that_runs_out_is_told_twice(db: Db) {
        let rig = Rig::new(db).await;
        let prices = Prices { read_user: usd("0.60"), ..Prices::default() };
        let ctx = open_on(&rig, Terms { budget: Some(usd("1.006")), prices }, 11).await;
        let server = X::new().await;
        rig.clock.set(FOURTH_MS - DAY_MS);
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        assert_eq!(mails(&rig, "", "budget for X").await, 0);
        rig.clock.set(FOURTH_MS);
        social::tick(&ctx).await.unwrap();
        assert_eq!(server.posts().len(), 1);
        assert_eq!(mails(&rig, "", "80 percent of the budget for X in February 2027").await, 1);
        for _ in 0..2 {
            let refused = social::test(&ctx, "ana", &account).await.unwrap_err();
            assert!(refused.public().contains("asking whose a token is costs $0.60"), "{refused}");
        }
        assert_eq!(accounts::account(&ctx.db, &account).await.unwrap().unwrap().state, "active", "nobody refused it");
        assert_eq!(mails(&rig, "", "is used up").await, 0, "it pays for another post");
        let lower = open_on(&rig, Terms { budget: Some(usd("1.00")), prices }, 12).await;
        for _ in 0..2 {
            social::test(&lower, "ana", &account).await.unwrap_err();
        }
        assert_eq!(mails(&rig, "", "is used up").await, 1);
        assert_eq!(mails(&rig, "", "budget for X").await, 2);
    }

    /// Tokens that may be used once are used once, by whichever of two nodes; and where nobody renews them any more the account has to
    /// be connected again, while posts wait.
    async fn tokens_are_renewed_once(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let other = open_on(&rig, terms("20.00"), 12).await;
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        server.inner.lock().unwrap().is_over = true;
        let (one, two) = tokio::join!(social::test(&ctx, "ana", &account), social::test(&other, "ben", &account));
        assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
        for failed in [one, two].into_iter().filter_map(Result::err) {
            assert!(failed.public().contains("renews its tokens just now"), "{failed}");
        }
        assert_eq!(server.inner.lock().unwrap().renewals, 2);
        social::test(&other, "ben", &account).await.unwrap();
        // Two hours later they are over by themselves, and renewed before anything is asked.
        rig.clock.set(FOURTH_MS);
        server.inner.lock().unwrap().is_over = true;
        social::tick(&ctx).await.unwrap();
        assert_eq!((server.posts().len(), server.inner.lock().unwrap().renewals), (1, 3));
        rig.clock.advance(3 * HOUR_MS);
        server.inner.lock().unwrap().is_revoked = true;
        let refused = social::test(&ctx, "ana", &account).await.unwrap_err();
        assert!(refused.public().contains("Value passed for the token was invalid"), "{refused}");
        let lost = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert_eq!(lost.state, "needs_reconnect");
        assert_eq!(mails(&rig, KARA, "has to be connected again").await, 1);
        let renew = server.inner.lock().unwrap().generation;
        server.inner.lock().unwrap().is_revoked = false;
        let again = Order { secret: format!("a{renew} r{renew}"), mode: String::new(), ..order(&server) };
        server.inner.lock().unwrap().is_over = false;
        let again = social::connect(&ctx, "ana", &again).await.unwrap();
        assert!(again.is_known && again.id == account);
    }

    /// A limit is waited for as long as X says; credit that is used up stops the account with a notice and costs nothing, and goes on
    /// once somebody has paid.
    async fn limits_are_waited_for_and_credit_is_told(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        rig.clock.set(FOURTH_MS);
        server.inner.lock().unwrap().takes_pictures = false;
        let reset_ms = FOURTH_MS + 14 * MINUTE_MS;
        server.does(Does::Limits((reset_ms / 1_000).to_string()));
        social::tick(&ctx).await.unwrap();
        let now = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert_eq!(now.rest_ms, reset_ms);
        assert_eq!(spent(&ctx).await, usd("0.01"), "what was refused is given back");
        rig.clock.set(reset_ms);
        server.does(Does::Says(402, r#"{"account_id":1,"title":"CreditsDepleted","detail":"Your enrolled account [1] does not have any credits to fulfill this request.","type":"https://api.twitter.com/2/problems/credits"}"#));
        social::tick(&ctx).await.unwrap();
        let stopped = accounts::account(&ctx.db, &account).await.unwrap().unwrap();
        assert!(stopped.state == "needs_reconnect" && stopped.because.contains("any credits"), "{stopped:?}");
        let post = ransomware(&ctx, &account).await;
        assert_eq!((post.state.as_str(), post.tries), ("due", 0));
        assert_eq!(mails(&rig, KARA, "the credit there is used up").await, 1);
        assert_eq!(spent(&ctx).await, usd("0.01"));
        social::test(&ctx, "ana", &account).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        social::tick(&ctx).await.unwrap();
        assert_eq!(ransomware(&ctx, &account).await.state, "posted");
        assert_eq!(spent(&ctx).await, server.bill());
    }

    /// `doctor` tells of the budget, asks the server and each account; without a budget it asks nobody.
    async fn doctor_looks_at_x(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let channel = Channel::Social(Network::X);
        let without = open(&rig).await;
        let none = channels::check(&without, channel, None).await.unwrap();
        let lines: Vec<_> = none.iter().map(|it| (it.check, it.status)).collect();
        assert_eq!(lines, [("x-budget", Status::Unknown), ("account", Status::Unknown)], "{none:?}");
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        let found = channels::check(&ctx, channel, None).await.unwrap();
        let lines: Vec<_> = found.iter().map(|it| (it.check, it.status)).collect();
        assert_eq!(lines, [("x-budget", Status::Pass), ("server", Status::Pass), ("account", Status::Pass)], "{found:?}");
        assert!(found[0].found.contains("$0.01 of $20.00 spent") && found[2].found.contains("@northlight"), "{found:?}");
        server.inner.lock().unwrap().is_over = true;
        server.inner.lock().unwrap().is_revoked = true;
        let found = channels::check(&ctx, channel, None).await.unwrap();
        assert_eq!(found[2].status, Status::Fail, "{found:?}");
        assert!(found[2].fix.as_deref().unwrap().contains("social connect northlight x --client-id"), "{found:?}");
        // A budget that was taken away: posts of its accounts go to people, and that is told.
        let found = channels::check(&without, channel, Some("serve works on it")).await.unwrap();
        assert_eq!(found[0].status, Status::Warn, "{found:?}");
        social::disconnect(&ctx, "ana", &account).await.unwrap();
    }

    /// Where the budget is taken away from an account that posts, its posts go to a person.
    async fn without_its_budget_a_person_posts(db: Db) {
        let (rig, ctx, server) = at_x(db, "20.00").await;
        let account = social::connect(&ctx, "ana", &order(&server)).await.unwrap().id;
        let without = open(&rig).await;
        rig.clock.set(FOURTH_MS);
        social::tick(&without).await.unwrap();
        let post = ransomware(&ctx, &account).await;
        assert!(post.state == "failed" && post.because.contains("x_budget_usd_monthly"), "{post:?}");
        assert!(server.posts().is_empty());
        assert_eq!(mails(&rig, KARA, "please share it yourself").await, 1);
        assert!(social::set_mode(&without, "ana", &account, "auto").await.unwrap_err().public().contains("x_budget_usd_monthly"));
        social::set_mode(&without, "ana", &account, "share_kit").await.unwrap();
    }
}
