//! From a mail to an accepted lead, as the ladder tells it.

use partnercast::{
    domain::{
        kernel::{Kind, clock::HOUR_MS, id::OfferId},
        lead::ladder::Rung,
    },
    store::{ladder::After, leads},
    work::{
        forms::{self, FormKind, Submission},
        handoff,
        ladder::{self, Asked, Group},
        track,
    },
};

use super::{
    Rig,
    hand_off::{ada, follow, person},
};
use crate::harness::both_dbs;

const PAPER: &str = "whitepapers/proof-of-recovery";

async fn counts(rig: &Rig, asked: &Asked) -> Vec<i64> {
    ladder::ladder(&rig.ctx, asked).await.unwrap().iter().map(|step| step.count).collect()
}

both_dbs! {
    /// A reader's link brings a customer, who asks for a paper and to talk; somebody takes the lead. Each number is the rows
    /// behind it, and the partner, the paper, its kit and the newsletter are credited, nobody else.
    async fn a_mail_becomes_an_accepted_lead(db: Db) {
        let rig = Rig::new(db).await;
        assert_eq!(counts(&rig, &Asked::default()).await, [0; 7], "nothing yet");
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (_, target) = follow(&rig, "luis.ortega@northlight.example", PAPER).await;
        let via = track::via(&rig.ctx, target.split("via=").nth(1).unwrap());
        let asked_for = Submission { via, ..ada(FormKind::Whitepaper, PAPER) };
        forms::submit(&rig.ctx, asked_for, &person()).await.unwrap();
        rig.clock.advance(HOUR_MS);
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let offer = partnercast::store::offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
        handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        rig.drain().await;

        let all = counts(&rig, &Asked::default()).await;
        assert_eq!(all[..4], [0, 0, 1, 1], "accepted, not yet sales qualified");
        assert!(all[4] >= 1 && all[5] >= 1 && all[6] > 10, "{all:?}");
        for (rung, count) in Rung::ALL.into_iter().zip(&all) {
            let rows = ladder::export(&rig.ctx, &Asked::default(), rung).await.unwrap();
            assert_eq!(rows.len() as i64, *count, "{}", rung.as_str());
            let page = ladder::page(&rig.ctx, &Asked::default(), rung, &After::default(), 3).await.unwrap();
            assert_eq!(page.len() as i64, (*count).min(3));
        }
        let of = |partner: &str, kit: &str, newsletter: &str| Asked {
            partner: partner.into(), kit: kit.into(), newsletter: newsletter.into(), ..Asked::default()
        };
        assert_eq!(counts(&rig, &of("northlight", "proof-of-recovery", "fold-forward")).await[2..4], [1, 1]);
        assert_eq!(counts(&rig, &of("dune-gate", "", "")).await[..4], [0; 4], "another partner's");
        let before = Asked { to: "2027-01-11".into(), ..Asked::default() };
        assert_eq!(counts(&rig, &before).await, [0; 7], "it was later");
        for group in Group::ALL {
            let lines = ladder::by(&rig.ctx, &Asked::default(), group).await.unwrap();
            assert!(lines.iter().any(|line| line.counts[2] == 1), "{}: {lines:?}", group.as_str());
        }
        let wrong = ladder::ladder(&rig.ctx, &of("northligt", "", "")).await.unwrap_err();
        assert!(wrong.kind() == Kind::NotFound && wrong.public().contains("`northlight`"), "{wrong}");
        let wrong = ladder::ladder(&rig.ctx, &Asked { from: "yesterday".into(), ..Asked::default() }).await;
        assert_eq!(wrong.unwrap_err().kind(), Kind::Invalid);
    }
}
