//! People go through sequences: at their own hours, by their own doings, and out when they should.

use std::{path::Path, sync::Arc};

use partnercast::{
    domain::kernel::{
        clock::{DAY_MS, HOUR_MS, MINUTE_MS, ManualClock, UtcMs},
        id::EnrolmentId,
    },
    store::{
        Db, events, journeys, leads,
        sequences::{self as stored, Enrolment},
        touches,
    },
    work::{
        Context,
        forms::{self, FormKind},
        preferences::{self, Because},
        sequences, sync,
    },
};

use super::{
    Rig,
    hand_off::{ada, follow, person},
    rig::copied,
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number, values},
};

const ADA: &str = "ada.okafor@harborclinic.example";
pub(super) const NIA: &str = "nia.new@northlight.example";
const PAPER: &str = "whitepapers/proof-of-recovery";

pub(super) fn ms(text: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// Adds a sales contact of Northlight's who lives in Berlin to the roster in `dir`, and syncs.
pub(super) async fn hire(rig: &Rig, dir: &Path, email: &str) {
    let path = dir.join("roster/contacts.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}northlight,Nia New,{email},sales,,Europe/Berlin,no\n")).unwrap();
    synced(rig, dir).await;
}

async fn synced(rig: &Rig, dir: &Path) {
    let synced = sync::sync(&rig.ctx, dir, true).await.unwrap();
    assert_eq!(
        synced
            .findings
            .iter()
            .filter(|found| found.severity == partnercast::domain::content::Severity::Error)
            .count(),
        0
    );
}

/// Moves the clock to `at_ms`, lets sequences go on, and sends; how many messages left.
pub(super) async fn at(rig: &Rig, at_ms: UtcMs) -> usize {
    rig.clock.set(at_ms);
    sequences::tick(&rig.ctx).await.unwrap();
    rig.drain().await
}

pub(super) async fn journey(db: &Db, sequence: &str) -> Enrolment {
    let mut all = journeys::inside(db, sequence, 10).await.unwrap();
    all.extend(journeys::ended(db, sequence, 10).await.unwrap());
    assert_eq!(all.len(), 1, "{all:?}");
    stored::enrolment(db, &all[0].id).await.unwrap().unwrap()
}

/// Steps with what became of them.
pub(super) async fn had(db: &Db, of: &Enrolment) -> Vec<String> {
    let steps = stored::steps(db, &of.id).await.unwrap();
    steps.iter().map(|done| format!("{} {}", done.step, done.outcome)).collect()
}

/// Ada asks for the paper, and enters the sequence that follows it.
async fn ada_enters(rig: &Rig) -> forms::Opened {
    rig.clock.set(ms("2027-01-13T10:00:00-06:00"));
    let submitted = forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
    let forms::Opening::Open(opened) = forms::opened(&rig.ctx, &submitted.access_token).await.unwrap() else {
        panic!("nothing was recalled")
    };
    sequences::tick(&rig.ctx).await.unwrap();
    assert_eq!(rig.drain().await, 1, "the receipt");
    assert_eq!(journey(&rig.ctx.db, "after-the-paper").await.waiting.as_deref(), Some("one-question"));
    opened
}

both_dbs! {
    /// Who was there before gets no welcome; who is new gets it at nine of their own clock, on both sides of a clock change,
    /// in order and once.
    async fn a_welcome_comes_at_local_hours_through_a_clock_change(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        assert_eq!(at(&rig, ms("2027-03-26T14:00:00+01:00")).await, 0);
        assert!(journeys::counts(&rig.ctx.db, None).await.unwrap().is_empty(), "nobody is new");
        rig.clock.set(ms("2027-03-26T15:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        assert_eq!(at(&rig, ms("2027-03-26T15:02:00+01:00")).await, 0);
        assert_eq!(at(&rig, ms("2027-03-27T08:59:00+01:00")).await, 0);
        assert_eq!(at(&rig, ms("2027-03-27T09:00:00+01:00")).await, 1);
        assert_eq!(at(&rig, ms("2027-03-27T09:01:00+01:00")).await, 0);
        let mail = rig.mail_to(NIA).await;
        assert_eq!(mail.subject, "Welcome: one sentence to begin with");
        let text = mail.text.unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("Hello Nia") && text.contains("three questions") && !text.contains("The kit"), "{text}");
        assert!(mail.list_unsubscribe.unwrap().contains("/one-click/"));
        assert_eq!(at(&rig, ms("2027-04-02T08:59:00+02:00")).await, 0, "summer time has come");
        assert_eq!(at(&rig, ms("2027-04-02T09:00:00+02:00")).await, 1);
        assert_eq!(at(&rig, ms("2027-04-09T09:00:00+02:00")).await, 1);
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.state.as_str(), nia.reason.as_str()), ("finished", ""));
        assert_eq!(had(&rig.ctx.db, &nia).await, ["hello sent", "one-restore sent", "under-your-name sent"]);
        assert!(nia.because.contains("they are: sales, Northlight MSP"), "{}", nia.because);
        assert_eq!(at(&rig, ms("2027-06-09T09:00:00+02:00")).await, 0);
        // An import of the same roster is no new beginning.
        synced(&rig, dir.path()).await;
        assert_eq!(at(&rig, ms("2027-06-19T09:00:00+02:00")).await, 0);
        rig.assert_nothing_left().await;
    }

    /// A lead gets what follows their paper at their partner's hour; what a person clicked makes a step unneeded, and it
    /// says so.
    async fn what_they_did_decides_what_comes_next(db: Db) {
        let rig = Rig::new(db).await;
        ada_enters(&rig).await;
        assert_eq!(at(&rig, ms("2027-01-15T08:59:00-06:00")).await, 0);
        assert_eq!(at(&rig, ms("2027-01-15T09:00:00-06:00")).await, 1);
        let mail = rig.mail_to(ADA).await;
        assert_eq!(mail.subject, "One question to put to your own team");
        rig.clock.advance(HOUR_MS);
        follow(&rig, ADA, "blog/restores-not-backups").await;
        assert_eq!(at(&rig, ms("2027-01-20T09:00:00-06:00")).await, 0, "they need no film");
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        let steps = stored::steps(&rig.ctx.db, &way.id).await.unwrap();
        assert_eq!((steps[1].step.as_str(), steps[1].outcome.as_str()), ("see-it", "skipped"));
        assert_eq!(steps[1].because, "they followed a link in the message of `one-question`");
        assert_eq!((way.waiting.as_deref(), way.due_ms), (Some("one-test"), ms("2027-01-27T09:00:00-06:00")));
        assert_eq!(at(&rig, ms("2027-01-27T09:00:00-06:00")).await, 1);
        assert_eq!(journey(&rig.ctx.db, "after-the-paper").await.state, "finished");
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let ledger = leads::steps(&rig.ctx.db, &lead.id).await.unwrap();
        let told = ledger.iter().filter(|step| step.what.contains("of the sequence After the paper")).count();
        assert_eq!(told, 2, "{ledger:?}");
        let clicks = number(&rig.ctx.db, "SELECT COUNT(*) FROM engagement_event WHERE kind = 'click' AND lead_id = $1", values![&lead.id]).await;
        assert!(clicks > 0, "they count for the lead");
    }

    /// A film has no file: opening its page is taking it; opening a paper's page is not.
    async fn a_film_is_taken_by_opening_it(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        let path = dir.path().join("sequences/after-the-paper.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let asks = |asset: &str| text.replace("{not_clicked: one-question}", &format!("{{took: {asset}}}"));
        std::fs::write(&path, asks("videos/restore-in-eleven-minutes")).unwrap();
        synced(&rig, dir.path()).await;
        ada_enters(&rig).await;
        at(&rig, ms("2027-01-15T09:00:00-06:00")).await;
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let opened = |id: &str, asset: &str| events::Event {
            id: id.to_owned(),
            kind: "page_view".to_owned(),
            at_ms: rig.clock_ms(),
            delivery_id: None,
            contact_id: None,
            lead_id: Some(lead.id.clone()),
            partner_slug: lead.partner_slug.clone(),
            asset: Some(asset.to_owned()),
            revision: None,
            channel: String::new(),
            stayed_ms: None,
            link_no: None,
            method: "GET".to_owned(),
            agent: String::new(),
            network: String::new(),
            prefetch: false,
            honeypot: false,
            human: true,
            reason: String::new(),
            verdict: String::new(),
        };
        in_tx!(rig.ctx.db, tx => events::insert(tx, vec![opened("evt_1", "videos/restore-in-eleven-minutes"), opened("evt_2", PAPER)]));
        assert_eq!(at(&rig, ms("2027-01-20T09:00:00-06:00")).await, 1, "they opened the film");
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        assert_eq!(had(&rig.ctx.db, &way).await, ["one-question sent", "see-it sent"]);
    }

    /// A step whose message they were told often enough is left out, with the reason; what else comes lacks its cards.
    async fn a_message_that_was_told_enough_is_left_out(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        for message in ["hello", "one-restore"] {
            let path = dir.path().join(format!("sequences/welcome/{message}.md"));
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace("\nfeatures:", "\nkey_message: restores-not-backups\nfeatures:")).unwrap();
        }
        let rules = dir.path().join("rules/messages.toml");
        let text = std::fs::read_to_string(&rules).unwrap();
        std::fs::write(&rules, text.replace("touches_max = 7", "touches_max = 1")).unwrap();
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 1);
        let nia = journey(&rig.ctx.db, "welcome").await;
        let told = touches::of_person(&rig.ctx.db, nia.contact_id.as_deref().unwrap()).await.unwrap();
        assert_eq!(told.iter().map(|touch| (touch.key_message.as_str(), touch.forms.as_str())).collect::<Vec<_>>(), [("restores-not-backups", "read")]);
        assert_eq!(at(&rig, ms("2027-02-08T09:00:00+01:00")).await, 0);
        let steps = stored::steps(&rig.ctx.db, &nia.id).await.unwrap();
        assert_eq!((steps[1].outcome.as_str(), steps[1].because.as_str()), ("skipped", "has been told “A backup is not a recovery until somebody has restored it” once, which is as often as one is"));
        assert_eq!(at(&rig, ms("2027-02-15T09:00:00+01:00")).await, 1);
        let mail = rig.mail_to(NIA).await.text.unwrap();
        assert!(mail.contains("Nobody has to ask us") && !mail.contains("Kit: proof of recovery"), "{mail}");
    }

    /// Somebody at the partner works the lead: the vendor's mail stops at once.
    async fn a_lead_that_is_offered_gets_no_more(db: Db) {
        let rig = Rig::new(db).await;
        let opened = ada_enters(&rig).await;
        assert_eq!(at(&rig, ms("2027-01-15T09:00:00-06:00")).await, 1);
        let raised = forms::raise_hand(&rig.ctx, &opened, String::new(), String::new(), true, &person()).await.unwrap();
        assert!(raised.qualified);
        rig.drain().await;
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        assert_eq!((way.state.as_str(), way.reason.as_str(), way.waiting), ("left", "in-hand", None));
        assert_eq!(at(&rig, ms("2027-01-20T09:00:00-06:00")).await, 0);
        let view = sequences::overview(&rig.ctx, "after-the-paper").await.unwrap();
        assert_eq!((view.inside, view.exits[0].label.as_str()), (0, "a partner works the lead"));
    }

    /// A lead who stops one sequence has not taken back what they agreed to.
    async fn stopping_one_sequence_leaves_the_consent(db: Db) {
        let rig = Rig::new(db).await;
        ada_enters(&rig).await;
        at(&rig, ms("2027-01-15T09:00:00-06:00")).await;
        let token = rig.one_click_of(ADA).await;
        let page = preferences::state(&rig.ctx, &token).await.unwrap();
        let listed: Vec<&str> = page.newsletters.iter().map(|one| one.slug.as_str()).collect();
        assert_eq!((listed, page.because), (vec!["after-the-paper"], Because::Customer), "no letter for partners' people");
        let (_, html) = crate::story::console::get(&rig, &format!("/u/{token}")).await;
        assert!(html.contains("your consent is taken back") && !html.contains("new inquiry"), "{html}");
        preferences::unsubscribe(&rig.ctx, &token, &person()).await.unwrap();
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        assert_eq!((way.state.as_str(), way.reason.as_str()), ("left", "unsubscribed"));
        assert!(partnercast::store::consents::has(&rig.ctx.db, way.lead_id.as_deref().unwrap(), "follow_up").await.unwrap());
        preferences::choose(&rig.ctx, &token, &[], true, &person()).await.unwrap();
        assert!(!partnercast::store::consents::has(&rig.ctx.db, way.lead_id.as_deref().unwrap(), "follow_up").await.unwrap());
    }

    /// What waits in the queue when a partner takes the lead over does not leave any more.
    async fn what_waits_is_taken_back_when_they_leave(db: Db) {
        let rig = Rig::new(db).await;
        let opened = ada_enters(&rig).await;
        rig.drain().await;
        rig.clock.set(ms("2027-01-15T09:00:00-06:00"));
        sequences::tick(&rig.ctx).await.unwrap();
        let state = "SELECT COUNT(*) FROM delivery WHERE lane = 5 AND state = $1";
        assert_eq!(number(&rig.ctx.db, state, values!["ready"]).await, 1);
        forms::raise_hand(&rig.ctx, &opened, String::new(), String::new(), true, &person()).await.unwrap();
        rig.drain().await;
        assert_eq!(number(&rig.ctx.db, state, values!["cancelled"]).await, 1);
        let subjects: Vec<String> = rig.mailbox.list(100).await.unwrap().into_iter().map(|mail| mail.subject).collect();
        assert!(!subjects.contains(&"One question to put to your own team".to_owned()), "{subjects:?}");
    }

    /// Who finishes because an edit took the rest away goes on where the sequence leads, too.
    async fn an_edit_that_ends_it_leads_on(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 1);
        let path = dir.path().join("sequences/welcome.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = text.split_once("  - id: one-restore").unwrap();
        let (_, rest) = rest.split_once("exit:").unwrap();
        std::fs::write(&path, format!("{head}then: onward\nexit:{rest}")).unwrap();
        std::fs::remove_file(dir.path().join("sequences/welcome.de.md")).unwrap();
        let onward = text.replace("Welcome to Brackenfold", "Onward");
        std::fs::write(dir.path().join("sequences/onward.md"), onward).unwrap();
        std::fs::rename(dir.path().join("sequences/welcome"), dir.path().join("sequences/onward")).unwrap();
        std::fs::create_dir(dir.path().join("sequences/welcome")).unwrap();
        let hello = "sequences/onward/hello.md";
        std::fs::copy(dir.path().join(hello), dir.path().join("sequences/welcome/hello.md")).unwrap();
        synced(&rig, dir.path()).await;
        at(&rig, ms("2027-02-02T10:00:00+01:00")).await;
        let (before, after) = (journey(&rig.ctx.db, "welcome").await, journey(&rig.ctx.db, "onward").await);
        assert_eq!((before.state.as_str(), after.state.as_str()), ("finished", "inside"));
        assert_eq!(before.detail, "nothing follows since the sequence was edited; Onward follows, unless they had it before");
    }

    /// A step whose hour passed while nothing ran waits for its next hour, and leaves then with that hour's date.
    async fn a_late_step_waits_for_its_next_hour(db: Db) {
        let rig = Rig::new(db).await;
        ada_enters(&rig).await;
        assert_eq!(at(&rig, ms("2027-01-17T03:00:00-06:00")).await, 0, "two days late, at night");
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        assert_eq!((way.due_ms, way.detail.as_str()), (ms("2027-01-17T09:00:00-06:00"), "its hour had passed while nothing could send it"));
        assert_eq!(at(&rig, ms("2027-01-17T09:00:00-06:00")).await, 1);
        let promised = number(&rig.ctx.db, "SELECT promised_ms FROM delivery WHERE lane = 5", vec![]).await;
        assert_eq!(promised, ms("2027-01-17T09:00:00-06:00"));
    }

    /// One click ends it, the page lists it, and nothing else is stopped.
    async fn an_unsubscribe_ends_it(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 1);
        let token = rig.one_click_of(NIA).await;
        let page = preferences::state(&rig.ctx, &token).await.unwrap();
        let listed: Vec<(&str, bool)> = page.newsletters.iter().map(|one| (one.slug.as_str(), one.subscribed)).collect();
        assert_eq!(listed, [("fold-forward", true), ("welcome", true)]);
        assert_eq!(page.this_newsletter.as_deref(), Some("welcome"));
        preferences::unsubscribe(&rig.ctx, &token, &person()).await.unwrap();
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.state.as_str(), nia.reason.as_str()), ("left", "unsubscribed"));
        let page = preferences::state(&rig.ctx, &token).await.unwrap();
        assert!(page.newsletters.iter().any(|one| one.slug == "fold-forward" && one.subscribed));
        assert!(page.newsletters.iter().any(|one| one.slug == "welcome" && !one.subscribed));
        assert_eq!(at(&rig, ms("2027-02-08T09:00:00+01:00")).await, 0);
    }

    /// Whoever must not be written to when it is due leaves with the reason; so does who has left the partner.
    async fn what_became_of_them_is_looked_at_when_it_is_due(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        let before = std::fs::read_to_string(dir.path().join("roster/contacts.csv")).unwrap();
        hire(&rig, dir.path(), NIA).await;
        hire(&rig, dir.path(), "other.new@northlight.example").await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        let order = partnercast::work::suppress::Order { address: NIA, scope: "all", detail: "asked by telephone", days: None };
        partnercast::work::suppress::add(&rig.ctx.db, rig.clock_ms(), &*rig.ctx.random, "rosa", &order).await.unwrap();
        std::fs::write(dir.path().join("roster/contacts.csv"), before).unwrap();
        synced(&rig, dir.path()).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 0);
        let mut reasons: Vec<String> =
            journeys::ended(&rig.ctx.db, "welcome", 10).await.unwrap().into_iter().map(|who| who.reason).collect();
        reasons.sort();
        assert_eq!(reasons, ["inactive", "inactive"], "who left the partner is no reader, whatever else");
        // They come back, and do not begin anew.
        rig.clock.advance(DAY_MS);
        hire(&rig, dir.path(), NIA).await;
        assert_eq!(at(&rig, ms("2027-02-05T09:00:00+01:00")).await, 0);
    }

    /// Those inside follow an edit, which says beforehand what it does; a sequence that is taken away ends for all.
    async fn an_edit_is_followed_by_those_inside(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 1);
        let folder = dir.path().join("sequences");
        let text = std::fs::read_to_string(folder.join("welcome.md")).unwrap();
        let step = "  - id: one-restore\n    after: 6 days\n    at: \"09:00\"\n";
        assert!(text.contains(step));
        let early = "steps:\n  - id: early\n    after: 0 days\n";
        let text = text.replace(step, "  - id: short\n    after: 2 days\n    at: \"10:00\"\n").replace("steps:\n", early);
        std::fs::write(folder.join("welcome.md"), &text).unwrap();
        std::fs::rename(folder.join("welcome/one-restore.md"), folder.join("welcome/short.md")).unwrap();
        std::fs::rename(folder.join("welcome/one-restore.de.md"), folder.join("welcome/short.de.md")).unwrap();
        std::fs::copy(folder.join("welcome/short.md"), folder.join("welcome/early.md")).unwrap();
        let (files, now_ms) = (partnercast::work::folder::read_now(dir.path()).unwrap(), rig.clock_ms());
        let edited = sync::read(&files, now_ms);
        let told = sequences::effects(&rig.ctx, &edited.library, None).await.unwrap();
        assert_eq!(told[0].sentences, [
            "1 person is inside",
            "1 person who waited for `one-restore`, which is gone, goes on with `short`",
            "1 person is past the new step `early` and does not get it",
        ]);
        assert!(told[0].changes);
        synced(&rig, dir.path()).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:05:00+01:00")).await, 0);
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.waiting.as_deref(), nia.due_ms), (Some("short"), ms("2027-02-04T10:00:00+01:00")));
        assert_eq!(at(&rig, ms("2027-02-04T10:00:00+01:00")).await, 1);
        assert_eq!(had(&rig.ctx.db, &nia).await, ["hello sent", "short sent"]);
        for name in ["welcome.md", "welcome.de.md", "welcome"] {
            let path = folder.join(name);
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        synced(&rig, dir.path()).await;
        assert_eq!(at(&rig, ms("2027-02-11T09:00:00+01:00")).await, 0);
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.state.as_str(), nia.reason.as_str()), ("left", "gone"));
    }

    /// What a wrong clock decided in a future that did not come is decided again when it is set back.
    async fn a_clock_that_is_set_back_keeps_nobody_waiting_for_years(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2030-02-01T12:00:00+01:00")).await, 0, "late, so it waits for its hour");
        assert_eq!(at(&rig, ms("2030-02-02T09:00:00+01:00")).await, 1);
        at(&rig, ms("2027-02-02T12:00:00+01:00")).await;
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.waiting.as_deref(), nia.due_ms), (Some("one-restore"), ms("2027-02-08T09:00:00+01:00")));
        assert_eq!(at(&rig, ms("2027-02-08T09:00:00+01:00")).await, 1);
        assert_eq!(had(&rig.ctx.db, &nia).await, ["hello sent", "one-restore sent"]);
    }

    /// Two nodes at once make one message; one whose content is a moment behind makes none.
    async fn nodes_that_race_make_one_message(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        for no in 0..20 {
            let path = dir.path().join("roster/contacts.csv");
            let text = std::fs::read_to_string(&path).unwrap();
            let line = format!("northlight,New {no},new{no}@northlight.example,sales,,Europe/Berlin,no\n");
            std::fs::write(&path, text + &line).unwrap();
        }
        synced(&rig, dir.path()).await;
        let clock = Arc::new(ManualClock::new(rig.clock_ms() + 2 * MINUTE_MS));
        let others: Vec<Arc<Context>> = (0..3).map(|no| rig.another(clock.clone(), 20 + no)).collect();
        for ctx in &others {
            sync::load(ctx).await.unwrap();
        }
        let [one, two, behind] = [&others[0], &others[1], &others[2]];
        let tick = async |ctx: &Context| { _ = sequences::tick(ctx).await };
        tokio::join!(tick(one), tick(two));
        assert_eq!(number(&one.db, "SELECT COUNT(*) FROM enrolment", values![]).await, 20);
        let welcome = dir.path().join("sequences/welcome.md");
        let text = std::fs::read_to_string(&welcome).unwrap();
        std::fs::write(&welcome, text.replace("after: 6 days", "after: 5 days")).unwrap();
        synced(&rig, dir.path()).await;
        sync::load(one).await.unwrap();
        sync::load(two).await.unwrap();
        clock.set(ms("2027-02-02T09:00:00+01:00"));
        sequences::tick(behind).await.unwrap();
        assert_eq!(number(&one.db, "SELECT COUNT(*) FROM delivery", values![]).await, 0, "it leaves it to the others");
        tokio::join!(tick(one), tick(two));
        tick(one).await;
        assert_eq!(number(&one.db, "SELECT COUNT(*) FROM delivery", values![]).await, 20);
        assert_eq!(number(&one.db, "SELECT COUNT(*) FROM enrolment_step", values![]).await, 20);
        let renditions = "SELECT COUNT(*) FROM rendition";
        assert_eq!(number(&one.db, renditions, values![]).await, 1, "all get the same");
    }

    /// A person takes somebody out, once.
    async fn somebody_is_taken_out(db: Db) {
        let rig = Rig::new(db).await;
        ada_enters(&rig).await;
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        let id = EnrolmentId::parse(&way.id).unwrap();
        assert!(sequences::take_out(&rig.ctx, id, "rosa").await.unwrap());
        assert!(!sequences::take_out(&rig.ctx, id, "rosa").await.unwrap());
        let way = journey(&rig.ctx.db, "after-the-paper").await;
        assert_eq!((way.reason.as_str(), way.detail.as_str()), ("taken-out", "rosa took them out"));
        assert_eq!(at(&rig, ms("2027-01-15T09:00:00-06:00")).await, 0);
        let told = number(&rig.ctx.db, "SELECT COUNT(*) FROM audit WHERE action = 'take-out'", values![]).await;
        assert_eq!(told, 1);
    }
}
