//! The whole chain for one person, as `partnercast explain` and the console tell it.

use partnercast::{
    domain::kernel::{
        Kind,
        clock::{DAY_MS, HOUR_MS},
    },
    store::{Db, issues, outbox, queue, suppressions, takeover},
    work::{
        explain::{self, Explanation},
        journeys, lookup, publish, tokens, track,
    },
};

use super::{Rig, rig::EVE_MS};
use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, values},
    outbox::word,
};

async fn told(rig: &Rig, issue: &str, person: &str) -> Explanation {
    let issue = lookup::issue(&rig.ctx.db, issue).await.unwrap();
    let known = lookup::contact(&rig.ctx.db, person).await.unwrap();
    explain::explain(&rig.ctx.db, rig.clock_ms(), &issue, person, known).await.unwrap()
}

async fn somebody(db: &Db, at: usize) -> (String, String) {
    let rows: Vec<(String, String)> =
        db.all("SELECT id, email FROM contact WHERE active ORDER BY email_key", vec![]).await.unwrap();
    rows[at].clone()
}

both_dbs! {
    /// From the decision over the try to what people and machines did, for one who got it.
    async fn the_chain_of_a_reader_is_complete(db: Db) {
        let rig = Rig::new(db).await;
        let (contact, email) = somebody(&rig.ctx.db, 0).await;
        rig.clock.set(EVE_MS + HOUR_MS / 2);
        publish::tick(&rig.ctx).await.unwrap();
        let before = told(&rig, "fold-forward", &email).await;
        assert_eq!((before.decision.verdict, before.deliveries[0].state.as_str()), ("in", "ready"));
        assert_eq!(before.deliveries[0].next, "it leaves at its time");
        assert_eq!(before.deliveries[0].next_ms, before.decision.promised_ms);
        assert!(before.deliveries[0].attempts.is_empty() && before.events.is_empty());

        let issue = rig.send_january().await;
        let delivery = before.deliveries[0].id.clone();
        let rendition = before.rendition.as_ref().unwrap().id.clone();
        let id = partnercast::domain::kernel::id::DeliveryId::parse(&delivery).unwrap();
        let token = tokens::MailToken::new(id, &rendition).unwrap();
        let token = token.sign(&rig.ctx.keys, partnercast::domain::kernel::token::Purpose::Click);
        let visitor = track::Visitor { method: "HEAD".into(), agent: "curl/8".into(), ..Default::default() };
        let (clicked, _) = tokio::join!(track::click(&rig.ctx, &token, 0, &visitor), async {
            while track::write_batch(&rig.ctx).await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        });
        clicked.unwrap();
        for (named, person) in [(issue.as_str(), email.as_str()), ("fold-forward/2027-01-12", contact.as_str()), ("2027-01-12", email.as_str())] {
            let after = told(&rig, named, person).await;
            let made = &after.deliveries[0];
            assert_eq!((made.state.as_str(), made.message_id.as_str()), ("accepted", before.deliveries[0].message_id.as_str()));
            let tried = &made.attempts[0];
            assert_eq!((tried.no, tried.class.as_str(), tried.code, tried.may_have_arrived), (1, "accepted", Some(250), false));
            assert!(tried.node.starts_with("nod_") && !tried.reply.is_empty());
            assert!(!made.may_be_repeated && made.accepted_ms.is_some() && made.next.starts_with("nothing more"));
            assert_eq!(after.events.len(), 1);
            assert!(!after.events[0].human && !after.events[0].verdict.is_empty());
            assert_eq!(after.person.as_ref().unwrap().email, email);
        }
        // A clock that was set meanwhile may have it accepted before its time, which is not "0 s after".
        for (by, says) in [(-42_000, "before"), (0, "after"), (1_000, "after")] {
            execute(&rig.ctx.db, "UPDATE delivery SET accepted_ms = promised_ms + $2 WHERE id = $1", values![&delivery, by]).await;
            let made = &told(&rig, "fold-forward", &email).await.deliveries[0];
            assert_eq!(made.against_promise(), Some((i64::abs(by), says)));
        }
    }

    /// A message that a crashed process had open is told as one that may be there twice, with the same Message-ID.
    async fn a_possible_repeat_is_told(db: Db) {
        let rig = Rig::new(db).await;
        rig.release_by(EVE_MS + DAY_MS).await;
        let random = partnercast::domain::kernel::random::SeededRandom::new(99);
        let (dead, me) = (partnercast::domain::kernel::id::NodeId::new(1, &random), partnercast::domain::kernel::id::NodeId::new(2, &random));
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        let claimed = in_tx!(rig.ctx.db, tx => queue::start_issue(tx, dead, rig.clock_ms(), &issue, queue::Part::default(), 1)).leaving;
        in_tx!(rig.ctx.db, tx => takeover::reap(tx, me, rig.clock_ms(), true));
        let held = told(&rig, "fold-forward", &claimed[0].email).await;
        assert!(held.deliveries[0].next.starts_with("nothing by itself") && !held.deliveries[0].may_be_repeated);
        assert!(held.deliveries[0].attempts[0].may_have_arrived);
        in_tx!(rig.ctx.db, tx => outbox::send_again(tx, &claimed[0].id, &word(rig.clock_ms(), DAY_MS)));
        rig.drain().await;
        let after = told(&rig, "fold-forward", &claimed[0].email).await;
        assert!(after.deliveries[0].may_be_repeated);
        assert_eq!(after.deliveries[0].attempts.len(), 2);
        assert_eq!(after.deliveries[0].message_id, held.deliveries[0].message_id);
    }

    /// Left out, never considered, gone, moved to another address, unknown: each is a sentence.
    async fn whoever_got_nothing_is_told_why(db: Db) {
        let rig = Rig::new(db).await;
        let (_, out) = somebody(&rig.ctx.db, 0).await;
        let (moved_id, moved) = somebody(&rig.ctx.db, 1).await;
        in_tx!(rig.ctx.db, tx => suppressions::add(tx, rig.clock_ms(), &out.to_lowercase(), "all", "asked for it by phone"));
        execute(&rig.ctx.db, "UPDATE contact SET active = FALSE WHERE email_key = $1", values![somebody(&rig.ctx.db, 2).await.1.to_lowercase()]).await;
        let gone: Vec<(String,)> = rig.ctx.db.all("SELECT email FROM contact WHERE NOT active", vec![]).await.unwrap();
        rig.send_january().await;
        let left_out = told(&rig, "fold-forward", &out).await;
        assert_eq!((left_out.decision.verdict, left_out.deliveries.len()), ("out", 0));
        assert_eq!(left_out.suppressions[0].reason, "asked for it by phone");
        let inactive = told(&rig, "fold-forward", &gone[0].0).await;
        assert_eq!(inactive.decision.verdict, "not-considered");
        assert!(inactive.decision.because.contains("not in the roster"), "{}", inactive.decision.because);
        execute(&rig.ctx.db, "UPDATE contact SET email = 'new@x.example', email_key = 'new@x.example' WHERE id = $1", values![&moved_id]).await;
        let now = told(&rig, "fold-forward", "new@x.example").await;
        assert_eq!(now.deliveries[0].email, moved, "it went to the address of that day");
        let old = told(&rig, "fold-forward", &moved).await;
        assert!(old.person.is_none() && old.deliveries.len() == 1 && old.decision.because.contains("another now"));
        let unknown = told(&rig, "fold-forward", "nobody@nowhere.example").await;
        assert!(unknown.person.is_none() && unknown.decision.because.contains("nobody"));
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        execute(&rig.ctx.db, "DELETE FROM attempt", vec![]).await;
        execute(&rig.ctx.db, "DELETE FROM delivery WHERE contact_id = $1", values![&moved_id]).await;
        execute(&rig.ctx.db, "DELETE FROM audience_decision WHERE contact_id = $1", values![&moved_id]).await;
        execute(&rig.ctx.db, "UPDATE contact SET updated_ms = $1 WHERE id = $2", values![issue.frozen_ms + 1, &moved_id]).await;
        let late = told(&rig, "fold-forward", "new@x.example").await;
        assert!(late.decision.because.contains("the next issue does"), "{}", late.decision.because);
    }

    /// Of somebody alone: who is nobody is told apart from somebody who is in no sequence.
    async fn nobody_is_told_apart_from_somebody_without_a_sequence(db: Db) {
        let rig = Rig::new(db).await;
        let told = |asked: &'static str| {
            let rig = &rig;
            async move {
                let person = lookup::contact(&rig.ctx.db, asked).await.unwrap();
                journeys::person(&rig.ctx.db, rig.clock_ms(), asked, person).await.unwrap()
            }
        };
        assert!(told("xyz").await.is_nobody() && told("nobody@x.example").await.is_nobody());
        let known = told("dana.whitlock@northlight.example").await;
        assert!(!known.is_nobody() && known.person.is_some() && known.sequences.is_empty());
    }

    /// What is not clear is explained with what there is, and changes nothing.
    async fn what_is_not_clear_is_explained(db: Db) {
        let rig = Rig::new(db).await;
        let none = lookup::issue(&rig.ctx.db, "fold-forward").await.unwrap_err();
        assert!(none.kind() == Kind::NotFound && none.public().contains("no issue was frozen yet"), "{none}");
        rig.send_january().await;
        let other = lookup::issue(&rig.ctx.db, "fold-backward").await.unwrap_err();
        assert!(other.public().contains("there is fold-forward/2027-01-12"), "{other}");
        execute(&rig.ctx.db, "INSERT INTO issue (id, newsletter, nominal_date, title, plan_hash, content_hash, state, control, held_because, on_time_ms, frozen_ms, approved_by, approved_ms, released_ms, done_ms) SELECT 'iss_other', 'second', nominal_date, title, plan_hash, content_hash, state, control, held_because, on_time_ms, frozen_ms, approved_by, approved_ms, released_ms, done_ms FROM issue", vec![]).await;
        let two = lookup::issue(&rig.ctx.db, "2027-01-12").await.unwrap_err();
        assert!(two.kind() == Kind::Conflict && two.public().contains("second/2027-01-12"), "{two}");
        let several = lookup::contact(&rig.ctx.db, "northlight").await.unwrap_err();
        assert!(several.kind() == Kind::Conflict && several.public().contains('<'), "{several}");
        let (_, email) = somebody(&rig.ctx.db, 0).await;
        let part = email.split('@').next().unwrap();
        assert_eq!(lookup::contact(&rig.ctx.db, part).await.unwrap().unwrap().email, email);
        assert!(lookup::contact(&rig.ctx.db, "zzz").await.unwrap().is_none());
        assert!(lookup::contact(&rig.ctx.db, " ").await.is_err());
    }
}
