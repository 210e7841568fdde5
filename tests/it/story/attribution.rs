//! What a deal is credited to, from the first page to the signature.

use partnercast::{
    domain::{
        engagement::Placement,
        kernel::{
            Kind,
            clock::{DAY_MS, HOUR_MS},
            id::OfferId,
        },
        lead::Amount,
    },
    store::{leads, offers},
    work::{
        attribution::{self, Asked, Group, Part},
        desk,
        forms::{self, FormKind, Submission},
        handoff::{self, By, Closing, Outcome},
        retention,
    },
};

use super::{
    Rig,
    console::get,
    hand_off::{ada, person},
};
use crate::harness::{both_dbs, databases::execute};

const PAPER: &str = "whitepapers/proof-of-recovery";

/// Whoever owns Northlight's lead takes it and reaches the person.
async fn worked(rig: &Rig) -> (String, desk::Rep) {
    let lead = leads::recent(&rig.ctx.db, Some("northlight")).await.unwrap().remove(0);
    let offer = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
    handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
    rig.clock.advance(HOUR_MS);
    let rep = desk::rep(&rig.ctx, &offer.rep_email).await.unwrap().unwrap();
    handoff::contacted(&rig.ctx, &lead.id, By::Rep(&rep), "").await.unwrap();
    rig.clock.advance(HOUR_MS);
    (lead.id, rep)
}

fn euros(number: &str) -> Closing {
    Closing { amount: Amount::parse(number, "EUR").unwrap(), on: None }
}

fn part(deals: i64, sum: &str) -> Part {
    let units = if sum.is_empty() { 0 } else { Amount::parse(sum, "EUR").unwrap().minor_units };
    Part { deals, sum: sum.to_owned(), units }
}

both_dbs! {
    /// Ada reads through one partner and buys through another: the first sourced the deal, the second influenced it, and its
    /// amount is parted between them to the cent. What was credited stays, whatever she does afterwards.
    async fn a_deal_is_sourced_once_and_parted_among_all(db: Db) {
        let rig = Rig::new(db).await;
        assert!(attribution::report(&rig.ctx, &Asked::default(), Group::Partner).await.unwrap().is_empty());
        let elsewhere = Submission {
            partner: "thornbury".into(),
            placement: Some(Placement::Linkedin),
            ..ada(FormKind::Whitepaper, PAPER)
        };
        forms::submit(&rig.ctx, elsewhere, &person()).await.unwrap();
        rig.clock.advance(3 * DAY_MS);
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        let (id, rep) = worked(&rig).await;
        let by = By::Rep(&rep);
        handoff::record(&rig.ctx, &id, by, Outcome::Sql(Closing { on: "2027-03-31".parse().ok(), ..euros("12000") }), "").await.unwrap();
        let open = Asked { open: true, ..Asked::default() };
        let rows = attribution::report(&rig.ctx, &open, Group::Partner).await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.share.as_str())).collect();
        assert_eq!(told, [("northlight", "6000.00"), ("thornbury", "6000.00")]);

        rig.clock.advance(DAY_MS);
        handoff::record(&rig.ctx, &id, by, Outcome::Won(euros("11500.51")), "").await.unwrap();
        let rows = attribution::report(&rig.ctx, &Asked::default(), Group::Partner).await.unwrap();
        assert_eq!((&rows[0].sourced, &rows[0].influenced), (&part(0, ""), &part(1, "11500.51")), "northlight");
        assert_eq!((&rows[1].sourced, &rows[1].influenced), (&part(1, "11500.51"), &part(0, "")), "thornbury");
        assert_eq!((rows[0].share.as_str(), rows[1].share.as_str()), ("5750.25", "5750.26"));
        assert!(attribution::report(&rig.ctx, &open, Group::Partner).await.unwrap().is_empty());
        for (group, name, count) in [(Group::Asset, PAPER, 1), (Group::Kit, "proof-of-recovery", 1), (Group::Newsletter, "", 1)] {
            let rows = attribution::report(&rig.ctx, &Asked::default(), group).await.unwrap();
            let row = rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{group:?}: {rows:?}"));
            assert_eq!(row.sourced.deals, count, "{group:?}");
            let deals = attribution::export(&rig.ctx, &Asked::default(), Some((group, name))).await.unwrap();
            assert_eq!(deals.len(), 1, "{group:?}");
        }
        // By where the link stood: a post of Thornbury's sourced it, Northlight's own page influenced it.
        let rows = attribution::report(&rig.ctx, &Asked::default(), Group::Channel).await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.share.as_str(), row.sourced.deals)).collect();
        assert_eq!(told, [("", "5750.25", 0), ("linkedin", "5750.26", 1)]);
        let deals = attribution::export(&rig.ctx, &Asked::default(), Some((Group::Channel, "linkedin"))).await.unwrap();
        assert_eq!((deals.len(), deals[0][10].as_str(), deals[0][11].as_str()), (1, "sourced", "5750.26"));
        let wrong = attribution::deals(&rig.ctx, &open, Some((Group::Channel, "linkedn")), (0, ""), 9).await.unwrap_err();
        assert!(wrong.kind() == Kind::NotFound && wrong.public().contains("`linkedin`"), "{wrong}");
        let (_, page) = get(&rig, "/console/attribution?by=channel").await;
        assert!(page.contains("LinkedIn") && page.contains("no link that we know of"), "{page}");
        // People read names; a slug is for addresses. A lead's page has one zone, and says which.
        for path in ["attribution", "attribution/deals", "ladder?by=partner", "ladder/won"] {
            let (_, page) = get(&rig, &format!("/console/{path}")).await;
            assert!(page.contains("Northlight MSP"), "{path}: {page}");
            assert!(!page.contains(">northlight<") && !page.contains(">northlight "), "{path}: {page}");
        }
        let (_, page) = get(&rig, &format!("/console/leads/{id}")).await;
        assert!(page.contains("All times are those of Europe/Oslo"), "{page}");
        assert!(page.contains(" CET") && !page.contains(" CST"), "{page}");
        for told in ["out of LinkedIn, at Thornbury", "Tom Beckett, who looks after Northlight MSP", "first touch"] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let wrong = attribution::deals(&rig.ctx, &open, Some((Group::Partner, "northligt")), (0, ""), 9).await.unwrap_err();
        assert!(wrong.kind() == Kind::NotFound && wrong.public().contains("`northlight`"), "{wrong}");

        let trail = attribution::trail(&rig.ctx, &id).await.unwrap();
        let told: Vec<_> = trail.iter().map(|it| (it.amount_no, it.no, it.partner_slug.as_str(), it.minor_units)).collect();
        assert_eq!(told, [
            (2, 1, "thornbury", 575_026), (2, 2, "northlight", 575_025),
            (1, 1, "thornbury", 600_000), (1, 2, "northlight", 600_000),
        ]);
        rig.clock.advance(DAY_MS);
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(attribution::trail(&rig.ctx, &id).await.unwrap(), trail, "what was said is credited for good");

        // Amounts of before there was credit get theirs, by what was known when they were said.
        execute(&rig.ctx.db, "DELETE FROM credit", vec![]).await;
        rig.clock.advance(2 * DAY_MS);
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(attribution::trail(&rig.ctx, &id).await.unwrap(), trail);

        // Years later events are reduced, and in the end none is left: what was won, and by which way, stays as it was.
        let channels = async || attribution::report(&rig.ctx, &Asked::default(), Group::Channel).await.unwrap();
        let before = channels().await;
        rig.clock.advance(3 * 365 * DAY_MS);
        let (_keep, shutdown) = tokio::sync::watch::channel(false);
        assert!(retention::tick(&rig.ctx, 13, &shutdown).await.unwrap().reduced > 0);
        assert_eq!(channels().await, before);
        execute(&rig.ctx.db, "DELETE FROM engagement_event", vec![]).await;
        assert_eq!(channels().await, before);
        assert_eq!(attribution::trail(&rig.ctx, &id).await.unwrap(), trail);
    }
}
