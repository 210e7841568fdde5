//! Partners' own sites where something goes wrong: with one of them, with us, or while an article is taken back.

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::site_posts,
    work::{
        Context, recall,
        sites::{self as work, Connect},
    },
};
use serde_json::json;

use super::{
    Rig, receiver,
    sites::{ARTICLE, FakeSite, LATER, Mood, connected, order, post, state},
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

async fn take_back(rig: &Rig, ctx: &Context) {
    let order = recall::Order { reference: ARTICLE, to: Some(LATER), because: "a wrong number" };
    recall::recall(&ctx.db, &ctx.library(), (rig.clock_ms(), &*ctx.random), "Rosa", &order).await.unwrap();
}

async fn bring_back(rig: &Rig, ctx: &Context) {
    recall::lift(&ctx.db, (rig.clock_ms(), &*ctx.random), "Rosa", ARTICLE).await.unwrap();
}

both_dbs! {
    /// A partner that cannot be read stops no other partner's site, and holds none of its own posts on their way.
    async fn what_cannot_be_read_of_one_partner_stops_no_other(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        let broken = FakeSite::new().await;
        let other = work::connect(&ctx, "ana", &Connect { partner: "ipe".into(), ..order(&broken) }).await.unwrap();
        execute(&ctx.db, "UPDATE partner SET zone = 'Nowhere/Land' WHERE slug = 'ipe'", values![]).await;
        assert_eq!(work::tick(&ctx).await.unwrap(), 1);
        assert_eq!((fake.posts().len(), state(&ctx, &site, ARTICLE).await.as_str()), (1, "placed"));
        assert_eq!(broken.posts().len(), 0);
        execute(&ctx.db, "UPDATE partner SET zone = 'America/Sao_Paulo' WHERE slug = 'ipe'", values![]).await;
        rig.clock.advance(MINUTE_MS);
        assert_eq!((work::tick(&ctx).await.unwrap(), state(&ctx, &other, ARTICLE).await.as_str()), (1, "placed"));
    }

    /// What is our own fault uses up no try however long it lasts, the partner hears nothing of it, and whoever looks after the
    /// partner does, once.
    async fn our_own_faults_are_not_the_sites(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        let ours = receiver::closed(&rig).await;
        for _ in 0..20 {
            work::tick(&ours).await.unwrap();
            rig.clock.advance(6 * MINUTE_MS);
        }
        let waits = post(&ctx, &site, ARTICLE).await.unwrap();
        assert_eq!((waits.state.as_str(), waits.tries), ("waiting", 0));
        assert!(waits.because.starts_with("by no fault of the site:") && waits.told_ms > 0, "{waits:?}");
        assert_eq!(fake.posts().len(), 0);
        let told: Vec<(String,)> =
            rows(&ctx.db, "SELECT source FROM delivery WHERE source LIKE 'site:%'", values![]).await;
        let [(source,)] = &told[..] else { panic!("one mail, and not to the partner: {told:?}") };
        assert!(!source.ends_with("web@northlight.example") && source.contains(":withheld:"), "{source}");
        assert!(work::tick(&ctx).await.unwrap() > 0);
        assert_eq!(state(&ctx, &site, ARTICLE).await, "placed");
    }

    /// What the partner had hidden is hidden again when a recall is lifted, also where the answer to taking it back was lost.
    async fn a_lifted_recall_brings_a_post_back_as_it_was_seen(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        // The day of what links lead to is there.
        rig.clock.advance(3 * DAY_MS);
        work::tick(&ctx).await.unwrap();
        fake.inner.lock().unwrap().posts.get_mut(&10).unwrap()["status"] = json!("private");
        take_back(&rig, &ctx).await;
        fake.is(Mood::SaysNothing);
        work::tick(&ctx).await.unwrap();
        assert_eq!((fake.posts()[0]["status"].as_str(), state(&ctx, &site, ARTICLE).await.as_str()), (Some("draft"), "waiting"));
        fake.is(Mood::Well);
        fake.written();
        rig.clock.advance(HOUR_MS);
        work::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &site, ARTICLE).await, "withdrawn");
        assert_eq!(fake.written(), Vec::<String>::new(), "it was done already");
        bring_back(&rig, &ctx).await;
        work::tick(&ctx).await.unwrap();
        let back = fake.posts()[0].clone();
        assert_eq!((back["status"].as_str(), state(&ctx, &site, ARTICLE).await.as_str()), (Some("private"), "placed"));
        assert_eq!(post(&ctx, &site, ARTICLE).await.unwrap().was_status, "", "asked for once");
    }

    /// A recall leaves a site at most a quarter of an hour after the site is back, on its first day, and after an hour somebody is told.
    async fn a_recall_does_not_wait_long_for_a_site(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        // The day of what links lead to is there.
        rig.clock.advance(3 * DAY_MS);
        work::tick(&ctx).await.unwrap();
        fake.is(Mood::Broken);
        take_back(&rig, &ctx).await;
        let mut tried_ms = Vec::new();
        for _ in 0..(5 * 60) {
            if work::tick(&ctx).await.unwrap() > 0 {
                tried_ms.push(rig.clock_ms());
            }
            rig.clock.advance(MINUTE_MS);
        }
        assert_eq!(state(&ctx, &site, ARTICLE).await, "waiting");
        let longest = tried_ms.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= 16 * MINUTE_MS, "{longest}");
        let late = "SELECT COUNT(*) FROM delivery WHERE source LIKE 'site:%:late:%'";
        assert_eq!(number(&ctx.db, late, values![]).await, 2, "the contact and whoever looks after the partner, once");
        rig.clock.advance(3 * DAY_MS);
        work::tick(&ctx).await.unwrap();
        assert_eq!(state(&ctx, &site, ARTICLE).await, "failed", "then a person has to");
        fake.is(Mood::Well);
        work::retry(&ctx, "ana", &site.id, None).await.unwrap();
        work::tick(&ctx).await.unwrap();
        assert_eq!((state(&ctx, &site, ARTICLE).await.as_str(), fake.posts()[0]["status"].as_str()), ("withdrawn", Some("draft")));
    }

    /// The id of a post that was found is kept though the try came to nothing.
    async fn what_was_found_is_known_from_then_on(db: Db) {
        let rig = Rig::new(db).await;
        let (ctx, fake, site) = connected(&rig).await;
        fake.is(Mood::SaysNothing);
        work::tick(&ctx).await.unwrap();
        fake.inner.lock().unwrap().posts.get_mut(&10).unwrap()["title"] = json!("As a plugin has it");
        fake.is(Mood::Broken);
        rig.clock.advance(MINUTE_MS);
        work::tick(&ctx).await.unwrap();
        let waits = &site_posts::of_site(&ctx.db, &site.id).await.unwrap()[0];
        assert_eq!((waits.state.as_str(), waits.remote_id), ("waiting", Some(10)));
    }
}
