//! What paused itself tells whoever may have it go on, once each time.

use std::sync::Arc;

use partnercast::{
    channel::smtp::Dialer,
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::{
        issues,
        pauses::{self, Pause},
    },
    work::{Context, approve, deliver::Deliverer, publish, sync},
};

use super::{
    Rig,
    digest::in_one_line,
    post::relay,
    rig::{EVE_MS, copied},
};
use crate::harness::{
    both_dbs,
    chaos::{Sink, Step},
    databases::{in_tx, number, values},
    manners::say,
};

const MARCUS: &str = "marcus.adeyemi@brackenfold.example";

/// Subjects of the mails that say so, to whomever, the newest first.
async fn told(rig: &Rig) -> Vec<String> {
    rig.clock.advance(MINUTE_MS);
    publish::tick(&rig.ctx).await.unwrap();
    rig.drain().await;
    let mails = rig.mailbox.list(10_000).await.unwrap();
    mails.into_iter().map(|mail| mail.subject).filter(|subject| subject.contains("paused itself")).collect()
}

/// How many of the vendor's people may approve.
async fn approvers(rig: &Rig) -> usize {
    let library = rig.ctx.library();
    let staff = &library.vendor.as_ref().unwrap().staff;
    staff.iter().filter(|member| format!("{:?}", member.may).contains("Approve")).count()
}

fn worker(ctx: &Arc<Context>, sink: &Sink) -> Deliverer {
    Deliverer::new(ctx.clone(), vec![Dialer::new(relay(sink, "relay")).unwrap()])
}

both_dbs! {
    /// The breaker stops an issue: its approvers read why, what waits, and where to look, once over several nodes; and once
    /// more when it happens again.
    async fn an_issue_that_paused_itself_says_so_once(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        let other = rig.another(rig.clock.clone(), 99);
        sync::sync(&other, dir.path(), true).await.unwrap();
        rig.release_by(EVE_MS + DAY_MS).await;
        let sink = Sink::start(|step: &Step| {
            (step.verb == "DOT").then(|| say("550 5.7.26 this mail is not authenticated")).flatten()
        })
        .await;
        worker(&rig.ctx, &sink).drain().await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!(issue.control, "paused");
        rig.clock.advance(MINUTE_MS);
        publish::tick(&other).await.unwrap();
        let all = approvers(&rig).await;
        assert_eq!(told(&rig).await.len(), all, "each once, whichever node looks");
        let mail = rig.mail_to(MARCUS).await;
        assert!(mail.subject.contains("2027-01-12 paused itself"), "{}", mail.subject);
        let text = in_one_line(&mail.text.unwrap());
        for words in ["20 messages in a row were refused", "5.7.26", "0 of 33", "the relay refused our set-up", &format!("/console/issues/{}", issue.id)] {
            assert!(text.contains(words), "no `{words}` in {text}");
        }
        rig.clock.advance(2 * HOUR_MS);
        assert_eq!(told(&rig).await.len(), all, "and no more");
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        assert!(in_tx!(&rig.ctx.db, tx => issues::pause_because(tx, &issue.id, "20 messages in a row were refused")));
        assert_eq!(told(&rig).await.len(), 2 * all, "it happened again");
        approve::cancel(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        assert_eq!(told(&rig).await.len(), 2 * all);
    }

    /// What a person paused tells nobody: they know.
    async fn what_a_person_paused_tells_nobody(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS);
        rig.pass(EVE_MS + HOUR_MS, 10 * MINUTE_MS).await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        approve::pause(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        let pause = Pause { sequence: "welcome".to_owned(), because: String::new(), actor: MARCUS.to_owned(), since_ms: rig.clock_ms() };
        assert!(in_tx!(&rig.ctx.db, tx => pauses::pause(tx, &pause)));
        assert!(told(&rig).await.is_empty());
        approve::cancel(&rig.ctx, &issue.id, MARCUS).await.unwrap();
    }

    /// Content that names no sender keeps nobody from other work; they are told once it names one.
    async fn without_a_sender_they_are_told_later(db: Db) {
        let rig = Rig::new(db).await;
        let (whole, media) = ((*rig.ctx.library()).clone(), (*rig.ctx.media()).clone());
        let mut library = whole.clone();
        library.vendor.as_mut().unwrap().senders.clear();
        rig.ctx.set_contents(library, media.clone());
        let pause = Pause { sequence: "welcome".to_owned(), because: "no".to_owned(), actor: "partnercast".to_owned(), since_ms: rig.clock_ms() };
        assert!(in_tx!(&rig.ctx.db, tx => pauses::pause(tx, &pause)));
        assert!(told(&rig).await.is_empty(), "and the look goes on");
        rig.ctx.set_contents(whole, media);
        assert_eq!(told(&rig).await.len(), approvers(&rig).await);
    }

    /// A sequence that paused itself does the same.
    async fn a_sequence_that_paused_itself_says_so_once(db: Db) {
        let rig = Rig::new(db).await;
        let because = "20 messages in a row were refused for a reason that lies with us: 550 5.7.26 no";
        let pause = Pause { sequence: "welcome".to_owned(), because: because.to_owned(), actor: "partnercast".to_owned(), since_ms: rig.clock_ms() };
        assert!(in_tx!(&rig.ctx.db, tx => pauses::pause(tx, &pause)));
        let all = approvers(&rig).await;
        assert_eq!(told(&rig).await.len(), all);
        let text = in_one_line(&rig.mail_to(MARCUS).await.text.unwrap());
        assert!(text.contains(because) && text.contains("/console/sequences/welcome"), "{text}");
        assert_eq!(told(&rig).await.len(), all, "once");
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE live", values![]).await, 0);
    }
}
