//! Webhooks and people: no name leaves in a message, and whoever had a lead hears that its person was erased.

use partnercast::{
    domain::{
        content::rules::Assigning,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, utc},
        partner::Tier,
    },
    store::{assignments, intakes::HOUSE, leads},
    work::{
        forms::{self, FormKind, Submission},
        handoff, person as people, recall, sync, track,
        webhooks::{self, Order},
    },
};
use serde_json::Value;

use super::{
    Rig,
    hand_off::{PAPER, ada, follow, person},
    intake::{import, lead_at},
    receiver::{Answer, Receiver, open, order, well, working},
    revisions::copied,
};
use crate::harness::{both_dbs, databases::number};

fn wants(receiver: &Receiver, partner: Option<&str>, events: &str) -> Order {
    Order {
        partner: partner.map(str::to_owned),
        events: vec![events.to_owned()],
        ordered: true,
        ..order(&receiver.url())
    }
}

both_dbs! {
    /// How a lead came is a word: a form that a mail led to, and a file whose source says a name, tell neither; and everything
    /// that is told is as its schema says.
    async fn no_name_leaves_by_the_way_in_which_a_lead_came(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        working(&ctx, &receiver, wants(&receiver, None, "*")).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (_, target) = follow(&rig, "luis.ortega@northlight.example", PAPER).await;
        let via = track::via(&rig.ctx, target.split("via=").nth(1).unwrap());
        forms::submit(&rig.ctx, Submission { via, ..ada(FormKind::Whitepaper, PAPER) }, &person()).await.unwrap();
        let row = "eva@harbor.example,Eva Lind,Harbor AG,,it,50-249,DE,health,northlight,,Card of Petra Holm,talk-to-us,2027-01-10,,\n";
        import(&rig, row, false).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        let ours = lead_at(&rig, "ada.okafor@harborclinic.example", "northlight").await.unwrap();
        assert!(ours.origin.contains("Luis Ortega"), "the story needs a name: {}", ours.origin);
        webhooks::tick(&ctx).await.unwrap();
        let mut origins = Vec::new();
        for got in receiver.got() {
            assert!(got.faults().is_empty(), "{:?}", got.faults());
            for name in ["Luis", "Ortega", "Petra", "Holm", "Ada", "Eva", "harbor"] {
                assert!(!got.body.contains(name), "{name}: {}", got.body);
            }
            let body: Value = serde_json::from_str(&got.body).unwrap();
            if got.kind() == "lead.created" {
                origins.push(body["data"]["origin"].as_str().unwrap_or_default().to_owned());
            }
        }
        assert_eq!(origins, ["partner_content", "vendor"]);
        rig.drain().await;
    }

    /// Erased: who has the lead hears it, who had it before too, and nobody else; answers that repeat the name go.
    async fn former_partners_hear_of_an_erasure(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let mut library = (*rig.ctx.library()).clone();
        library.rules.routing.as_mut().unwrap().partners_of_leads =
            Some(Assigning { tiers: vec![Tier::Platinum, Tier::Gold], ..Assigning::default() });
        let media = (*rig.ctx.media()).clone();
        rig.ctx.set_contents(library, media);
        let row = "eva@harbor.example,Eva Lind,Harbor AG,,it,50-249,,health,,,Fair,vendor-form,2027-01-10,Please call,\n";
        import(&rig, row, false).await.unwrap();
        let id = lead_at(&rig, "eva@harbor.example", HOUSE).await.unwrap().id;
        let mut given = Vec::new();
        for _ in 0..80 {
            handoff::tick(&rig.ctx).await.unwrap();
            given = assignments::of_lead(&ctx.db, &id).await.unwrap();
            if given.len() == 2 {
                break;
            }
            rig.clock.advance(30 * MINUTE_MS);
        }
        let (first, second) = (given[0].partner_slug.clone(), given[1].partner_slug.clone());
        let (vendors, former, present, other) =
            (Receiver::new().await, Receiver::new().await, Receiver::new().await, Receiver::new().await);
        let third = ["northlight", "dune-gate", "thornbury"].into_iter().find(|it| ![&first, &second].contains(&&(*it).to_owned()));
        for (receiver, partner) in [(&vendors, None), (&former, Some(first.as_str())), (&present, Some(second.as_str())), (&other, third)] {
            receiver.does(|got| match well(got) {
                Answer::Say(202, header, _) => Answer::Say(202, header, "thanks for Eva Lind".to_owned()),
                challenge => challenge,
            });
            working(&ctx, receiver, wants(receiver, partner, "lead.*")).await;
        }
        rig.clock.advance(MINUTE_MS);
        let lead = leads::lead(&ctx.db, &id).await.unwrap().unwrap();
        assert_eq!(lead.partner_slug, second);
        people::erase(&ctx, "eva@harbor.example", "tests").await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        for (receiver, slug) in [(&vendors, &second), (&former, &first), (&present, &second)] {
            let last = receiver.got().pop().expect("a message");
            assert_eq!(last.kind(), "lead.erased");
            let body: Value = serde_json::from_str(&last.body).unwrap();
            assert_eq!((body["data"]["lead_id"].as_str(), body["data"]["partner"].as_str()), (Some(id.as_str()), Some(slug.as_str())));
            assert_eq!(receiver.got().iter().filter(|got| got.kind() == "lead.erased").count(), 1);
            assert!(last.faults().is_empty(), "{:?}", last.faults());
        }
        assert!(other.got().is_empty());
        rig.drain().await;
    }

    /// What endpoints answered is forgotten with the person whom it was about.
    async fn answers_that_repeat_a_name_go_with_the_person(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let receiver = Receiver::new().await;
        working(&ctx, &receiver, wants(&receiver, None, "lead.created")).await;
        receiver.does(|_| Answer::Say(200, None, "we know Ms Okafor".to_owned()));
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
        webhooks::tick(&ctx).await.unwrap();
        let repeated = "SELECT COUNT(*) FROM webhook_attempt WHERE body LIKE '%Okafor%'";
        assert_eq!(number(&ctx.db, repeated, Vec::new()).await, 1);
        people::erase(&ctx, "ada.okafor@harborclinic.example", "tests").await.unwrap();
        assert_eq!(number(&ctx.db, repeated, Vec::new()).await, 0);
        rig.drain().await;
    }

    /// What is recalled or goes is told to the vendor and to each partner that could see it, also where it is not for everybody; what
    /// nobody could see yet to the vendor alone.
    async fn recalls_reach_who_could_see_it(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let folder = copied();
        let paper = std::fs::read_to_string(folder.path().join("whitepapers/proof-of-recovery.md")).unwrap();
        let later = paper.replace("publish: 2027-01-05", "publish: 2031-01-01");
        let paper = paper.replace("publish: 2027-01-05", "publish: 2026-12-01");
        let front = |line: &str| paper.replacen("---\n", &format!("---\n{line}\n"), 1);
        for (slug, text) in [("open", paper.clone()), ("gold", front("for: tier gold+")), ("later", later)] {
            std::fs::write(folder.path().join(format!("whitepapers/{slug}.md")), text).unwrap();
        }
        let synced = sync::sync(&ctx, folder.path(), false).await.unwrap();
        assert_eq!(synced.changed, 3, "{synced:?}");
        let (vendors, partners) = (Receiver::new().await, Receiver::new().await);
        working(&ctx, &vendors, wants(&vendors, None, "asset.*")).await;
        working(&ctx, &partners, wants(&partners, Some("northlight"), "asset.*")).await;
        for slug in ["open", "gold", "later"] {
            let reference = format!("whitepapers/{slug}");
            let target = recall::Order { reference: &reference, to: Some("whitepapers/proof-of-recovery"), because: "wrong figures" };
            let now = (rig.clock_ms(), &*ctx.random);
            recall::recall(&ctx.db, &ctx.library(), now, "ana", &target).await.unwrap();
            recall::lift(&ctx.db, now, "ana", &reference).await.unwrap();
            std::fs::remove_file(folder.path().join(format!("{reference}.md"))).unwrap();
        }
        rig.clock.advance(1_000);
        let synced = sync::sync(&ctx, folder.path(), false).await.unwrap();
        assert_eq!((synced.gone, synced.changed), (3, 0), "{synced:?}");
        webhooks::tick(&ctx).await.unwrap();
        assert_eq!(vendors.got().len(), 9, "recalled, restored and withdrawn, three times");
        let told = partners.got();
        for slug in ["open", "gold"] {
            let of: Vec<String> =
                told.iter().filter(|got| got.body.contains(&format!("\"whitepapers/{slug}\""))).map(|got| got.kind()).collect();
            assert_eq!(of, ["asset.recalled", "asset.restored", "asset.withdrawn"], "{slug}");
        }
        assert!(told.len() == 6 && told.iter().all(|got| got.faults().is_empty()), "{told:?}");
        rig.drain().await;
    }

    /// Content with a day ahead is told to the vendor when it comes into the folder, and to a partner on its day, once; what was there
    /// before is no news, and a corrected text is.
    async fn a_partner_is_told_on_the_day(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let (vendors, partners) = (Receiver::new().await, Receiver::new().await);
        working(&ctx, &vendors, wants(&vendors, None, "asset.published")).await;
        working(&ctx, &partners, wants(&partners, Some("northlight"), "asset.*")).await;
        webhooks::tick(&ctx).await.unwrap();
        let folder = copied();
        let paper = std::fs::read_to_string(folder.path().join("whitepapers/proof-of-recovery.md")).unwrap();
        let tomorrow = utc(rig.clock_ms() + DAY_MS).format("%Y-%m-%d").to_string();
        let paper = paper.replace("publish: 2027-01-05", &format!("publish: {tomorrow}"));
        let path = folder.path().join("whitepapers/ahead.md");
        std::fs::write(&path, &paper).unwrap();
        sync::sync(&ctx, folder.path(), false).await.unwrap();
        for _ in 0..2 {
            webhooks::tick(&ctx).await.unwrap();
        }
        assert_eq!((vendors.got().len(), partners.got().len()), (1, 0));
        rig.clock.advance(2 * DAY_MS);
        for _ in 0..3 {
            webhooks::tick(&ctx).await.unwrap();
        }
        let told: Vec<String> = partners.got().iter().map(|got| got.body.clone()).filter(|it| it.contains("whitepapers/ahead")).collect();
        assert_eq!(told.len(), 1, "on its day, once: {told:?}");
        std::fs::write(&path, paper + "\nOne more sentence.\n").unwrap();
        sync::sync(&ctx, folder.path(), false).await.unwrap();
        for _ in 0..2 {
            webhooks::tick(&ctx).await.unwrap();
        }
        let told = partners.got().into_iter().filter(|got| got.body.contains("whitepapers/ahead")).collect::<Vec<_>>();
        assert!(told.len() == 2 && told.iter().all(|got| got.kind() == "asset.published" && got.faults().is_empty()), "{told:?}");
        assert_eq!(vendors.got().len(), 2);
        rig.drain().await;
    }
}
