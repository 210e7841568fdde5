//! Partners' accounts where something goes wrong: what is recalled while nobody knows whether it arrived, or after it did, pictures that
//! find no place, and one account in two places.

use partnercast::{
    domain::kernel::clock::{DAY_MS, MINUTE_MS},
    store::social::{accounts, posts},
    work::{
        Context, recall,
        social::{self, Order},
    },
};

use super::{
    Rig,
    console::get,
    networks::{Does, Networks},
    receiver::open,
    social::{FOURTH_MS, KARA, TOM, connected, on_its_day, only, order, verdicts},
};
use crate::harness::both_dbs;

const ASSET: &str = "social/ransomware-hour-one";

async fn take_back(ctx: &Context) {
    let order =
        recall::Order { reference: ASSET, to: Some("social/backup-green-tick"), because: "a wrong hour" };
    let when = (ctx.now_ms(), &*ctx.random);
    recall::recall(&ctx.db, &ctx.library(), when, "ana", &order).await.unwrap();
}

both_dbs! {
    /// What may have arrived of a recalled asset is looked for and not posted again; nobody can have it sent, and nobody is asked to
    /// share it, but people are told to look.
    async fn what_was_recalled_is_looked_for_only(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        for network in ["bluesky", "mastodon"] {
            rig.clock.set(FOURTH_MS - DAY_MS);
            let networks = Networks::new().await;
            let account = connected(&ctx, &order(&networks, network, "auto")).await;
            rig.clock.set(FOURTH_MS);
            networks.does(Does::Says(502, "<h1>Bad gateway</h1>"));
            social::tick(&ctx).await.unwrap();
            let post = only(&ctx, &account).await;
            assert!(post.uncertain && post.state == "due", "{post:?}");
            take_back(&ctx).await;
            let refused = social::retry(&ctx, "ana", &post.id).await.unwrap_err();
            assert!(refused.public().contains("was recalled"), "{refused}");
            rig.clock.advance(2 * MINUTE_MS);
            social::tick(&ctx).await.unwrap();
            assert!(networks.posts().is_empty(), "{network}");
            let post = only(&ctx, &account).await;
            assert_eq!(post.state, "withdrawn", "{network}: {}", post.because);
            assert_eq!(verdicts(&ctx, &post.id).await, ["uncertain", "recalled"]);
            social::tick(&ctx).await.unwrap();
            rig.drain().await;
            let told = rig.mail_to(KARA).await;
            assert!(told.subject.contains("please take posts of it away"), "{}", told.subject);
            let text = told.text.unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains("its address is not known here"), "{text}");
            recall::lift(&ctx.db, (ctx.now_ms(), &*ctx.random), "ana", ASSET).await.unwrap();
            social::disconnect(&ctx, "ana", &account).await.unwrap();
        }
        assert!(rig.mailbox.list(50).await.unwrap().iter().all(|it| !it.subject.contains("please share")));
    }

    /// What stands at a network when its asset is recalled is told with its address, once, to the partner and to who looks after it, and
    /// on the page of the asset.
    async fn what_stands_there_after_a_recall_is_told(db: Db) {
        let (rig, ctx, networks, account) = on_its_day(db, "mastodon", "auto").await;
        // It arrived, and nobody knows when it is recalled.
        networks.does(Does::Loses);
        social::tick(&ctx).await.unwrap();
        take_back(&ctx).await;
        rig.clock.advance(2 * MINUTE_MS);
        for _ in 0..3 {
            social::tick(&ctx).await.unwrap();
        }
        let post = only(&ctx, &account).await;
        assert_eq!((post.state.as_str(), networks.posts().len()), ("posted", 1), "{}", post.because);
        rig.drain().await;
        for to in [KARA, TOM] {
            let told = rig.mail_to(to).await;
            assert_eq!(told.subject, format!("{ASSET} was recalled: please take posts of it away"));
            let text = told.text.unwrap();
            assert!(text.contains(&post.remote_url) && text.contains("a wrong hour"), "{text}");
        }
        assert_eq!(rig.mailbox.list(50).await.unwrap().len(), 2, "each once");
        let (_, page) = get(&rig, &format!("/console/revisions/{ASSET}")).await;
        assert!(page.contains("Posts of it stand at networks still") && page.contains(&post.remote_url), "{page}");
        rig.assert_nothing_left().await;
    }

    /// A picture that finds no place is tried twice; then the words go without it.
    async fn a_picture_keeps_no_post(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        for network in ["bluesky", "mastodon"] {
            rig.clock.set(FOURTH_MS - DAY_MS);
            let networks = Networks::new().await;
            let account = connected(&ctx, &order(&networks, network, "auto")).await;
            networks.inner.lock().unwrap().takes_no_pictures = true;
            rig.clock.set(FOURTH_MS);
            for tries in 1..=3 {
                assert!(networks.posts().is_empty(), "{network} {tries}");
                social::tick(&ctx).await.unwrap();
                rig.clock.advance(10 * MINUTE_MS);
            }
            let post = only(&ctx, &account).await;
            assert_eq!((post.state.as_str(), networks.posts().len()), ("posted", 1), "{network}: {}", post.because);
            let tried = posts::attempts(&ctx.db, &post.id).await.unwrap();
            assert!(tried[2].detail.contains("left out the picture"), "{tried:?}");
            social::disconnect(&ctx, "ana", &account).await.unwrap();
        }
    }

    /// An account that is connected is not connected again for another partner, or by another name of its server: what is posted
    /// would be there twice. Taken away in the one place it may be connected in the other.
    async fn one_account_is_connected_in_one_place(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        for network in ["bluesky", "mastodon"] {
            let (here, alias) = (Networks::new().await, Networks::new().await);
            let account = connected(&ctx, &order(&here, network, "auto")).await;
            let by_name = order(&alias, network, "auto");
            let by_partner = Order { partner: "ipe".to_owned(), ..order(&here, network, "auto") };
            for second in [&by_name, &by_partner] {
                let refused = social::connect(&ctx, "ana", second).await.unwrap_err();
                let names = refused.public().contains(&here.url()) && refused.public().contains("of partner northlight");
                assert!(names && refused.public().contains("connected already"), "{network}: {refused}");
            }
            assert_eq!(accounts::list(&ctx.db, None).await.unwrap().len(), 1);
            assert!(social::connect(&ctx, "ana", &order(&here, network, "")).await.unwrap().is_known, "the same one goes on");
            social::disconnect(&ctx, "ana", &account).await.unwrap();
            let moved = connected(&ctx, &by_partner).await;
            social::disconnect(&ctx, "ana", &moved).await.unwrap();
        }
    }
}
