//! A rule that was changed is a rule for those, too, who did enough before.

use partnercast::{
    domain::kernel::clock::MINUTE_MS,
    store::{leads, offers},
    work::{
        forms::{self, FormKind},
        handoff, sync,
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
    rig,
};
use crate::harness::both_dbs;

both_dbs! {
    /// Who asked for a paper is not qualified; once the rule asks for less, they are, and are offered once.
    async fn a_lowered_threshold_is_looked_at_for_everybody(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, "whitepapers/proof-of-recovery"), &person()).await.unwrap();
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        // Two looks long after what was done: nothing new is found.
        for _ in 0..2 {
            rig.clock.advance(3 * 24 * 60 * MINUTE_MS);
            handoff::tick(&rig.ctx).await.unwrap();
        }
        assert_eq!(leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap().stage, lead.stage);
        let folder = tempfile::tempdir().unwrap();
        rig::copied(folder.path());
        let path = folder.path().join("rules/scoring.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let lowered = text.replace("mql_score = 50", "mql_score = 5").replace("mql_fit = \"B\"", "mql_fit = \"D\"");
        assert!(text.contains("mql_score = 50") && text.contains("mql_fit = \"B\""), "{text}");
        std::fs::write(&path, lowered).unwrap();
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        for _ in 0..2 {
            rig.clock.advance(MINUTE_MS);
            handoff::tick(&rig.ctx).await.unwrap();
        }
        let now = leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap();
        assert_eq!(now.stage, "offered", "{}", now.because);
        assert_eq!(offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().len(), 1);
    }
}
