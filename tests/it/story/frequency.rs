//! A budget for each person over all newsletters: who had enough gets no more, and is told why.

use std::fs;

use partnercast::{
    domain::{
        content::Severity,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
    },
    store::{audience, issues, journeys, sequences as stored},
    work::{
        forms::{self, FormKind},
        kept, plan, publish, sequences, sync,
    },
};

use super::{
    Rig,
    console::get,
    hand_off::{ada, person},
    rig::{EVE_MS, copied},
};
use crate::harness::both_dbs;

/// A rig whose content has these newsletters, each with slug, cadence, audience and the dates of its issues, and these
/// limits.
async fn with_letters(
    db: partnercast::store::Db,
    limits: &str,
    letters: &[(&str, &str, &str, &[&str])],
) -> Rig {
    let rig = Rig::new(db).await;
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    fs::write(dir.path().join("rules/frequency.toml"), format!("version = 1\n{limits}")).unwrap();
    let folder = dir.path().join("newsletters");
    for (slug, cadence, audience, dates) in letters {
        fs::create_dir_all(folder.join(slug)).unwrap();
        let letter = format!(
            "---\nkind: newsletter\ntitle: {slug}\ncadence: {cadence}\nzone: vendor\n{audience}sender: newsletter\n\
             freeze_minutes: 60\napproval: automatic\nwhy: \"You are a contact.\"\n---\nOften.\n"
        );
        fs::write(folder.join(format!("{slug}.md")), letter).unwrap();
        for date in *dates {
            let issue = format!(
                "---\nkind: issue\ntitle: {slug}\nnewsletter: {slug}\ndate: {date}\nsubject: {slug}\npreheader: p\n\
                 theme: t\n---\nHello.\n"
            );
            fs::write(folder.join(format!("{slug}/{date}.md")), issue).unwrap();
        }
    }
    let synced = sync::sync(&rig.ctx, dir.path(), false).await.unwrap();
    let errors: Vec<_> = synced.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(synced.changed > 0, "{errors:?}");
    rig
}

/// How many got an issue, and why somebody did not.
async fn of_issue(rig: &Rig, newsletter: &str, date: &str) -> (i64, Option<String>) {
    let issue = issues::named(&rig.ctx.db, None, Some(newsletter), Some(date)).await.unwrap().remove(0);
    let people = audience::listed(&rig.ctx.db, &issue.id, "").await.unwrap();
    let out = people.into_iter().find(|person| !person.included && person.reason == "frequency");
    (audience::included_count(&rig.ctx.db, &issue.id).await.unwrap(), out.map(|person| person.because))
}

const NIA: &str = "nia.new@northlight.example";

fn ms(text: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// A rig whose content has these rules, and Nia, who is new at Northlight on 11 January and lives in Berlin.
async fn with_nia(db: partnercast::store::Db, rules: &str) -> Rig {
    let rig = Rig::new(db).await;
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    fs::write(dir.path().join("rules/frequency.toml"), format!("version = 1\n{rules}")).unwrap();
    let path = dir.path().join("roster/contacts.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}northlight,Nia New,{NIA},sales,,Europe/Berlin,no\n")).unwrap();
    rig.clock.set(ms("2027-01-11T21:05:00+01:00"));
    let synced = sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
    let errors: Vec<_> = synced.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    rig.clock.advance(2 * MINUTE_MS);
    sequences::tick(&rig.ctx).await.unwrap();
    rig
}

/// Moves the clock to `at`, and does what is due of newsletters, then of sequences.
async fn at(rig: &Rig, at: &str) {
    rig.clock.set(ms(at));
    publish::tick(&rig.ctx).await.unwrap();
    sequences::tick(&rig.ctx).await.unwrap();
    rig.drain().await;
}

/// Where Nia is in the welcome.
async fn of_nia(rig: &Rig) -> stored::Enrolment {
    let inside = journeys::inside(&rig.ctx.db, "welcome", 10).await.unwrap();
    stored::enrolment(&rig.ctx.db, &inside[0].id).await.unwrap().unwrap()
}

both_dbs! {
    /// A message of a sequence counts when an issue's audience is decided, and the reason names it.
    async fn messages_of_sequences_count_for_issues(db: Db) {
        let rig = with_nia(db, "[[limit]]\nmessages = 1\ndays = 20\n").await;
        at(&rig, "2027-01-12T08:30:00+01:00").await;
        at(&rig, "2027-01-12T09:00:00+01:00").await;
        at(&rig, "2027-02-01T09:00:00+01:00").await;
        assert_eq!(rig.mail_to(NIA).await.subject, "Welcome: one sentence to begin with", "put off by Fold Forward");
        at(&rig, "2027-02-09T08:30:00+01:00").await;
        at(&rig, "2027-02-09T09:00:00+01:00").await;
        let (_, because) = of_issue(&rig, "fold-forward", "2027-02-09").await;
        assert_eq!(
            because.as_deref(),
            Some("1 message in 20 days is the most, and there would be 2: Welcome to Brackenfold of 2027-02-01")
        );
        assert_eq!(of_nia(&rig).await.due_ms, ms("2027-02-21T09:00:00+01:00"), "its own messages count as well");
    }

    /// A sequence that comes first is left room for: by newsletters, and by what else is no promise yet.
    async fn issues_leave_room_for_sequences_that_come_first(db: Db) {
        let rig = with_nia(db, "priority = [\"welcome\"]\n[[limit]]\nmessages = 1\ndays = 3\n").await;
        at(&rig, "2027-01-12T08:30:00+01:00").await;
        at(&rig, "2027-01-12T09:00:00+01:00").await;
        let (got, because) = of_issue(&rig, "fold-forward", "2027-01-12").await;
        assert_eq!(
            (got, because.as_deref()),
            (33, Some("1 message in 3 days is the most, and there would be 2: Welcome to Brackenfold of 2027-01-12"))
        );
        assert_eq!(rig.mail_to(NIA).await.subject, "Welcome: one sentence to begin with");
    }

    /// Where what comes first leaves no room for a month, the step is left out and says so.
    async fn a_step_without_room_for_a_month_is_left_out(db: Db) {
        let rig = with_nia(db, "priority = [\"fold-forward\"]\n[[limit]]\nmessages = 1\ndays = 20\n").await;
        at(&rig, "2027-01-12T08:30:00+01:00").await;
        at(&rig, "2027-01-12T09:00:00+01:00").await;
        let nia = of_nia(&rig).await;
        let steps = stored::steps(&rig.ctx.db, &nia.id).await.unwrap();
        assert_eq!((steps[0].step.as_str(), steps[0].outcome.as_str()), ("hello", "skipped"));
        assert_eq!(
            steps[0].because,
            "1 message in 20 days is the most, and there would be 2: Fold Forward of 2027-01-12; within 30 days there is \
             no room"
        );
        assert_eq!(nia.waiting.as_deref(), Some("one-restore"));
    }

    /// A lead has a budget, too.
    async fn a_lead_waits_as_well(db: Db) {
        let rig = with_nia(db, "[[limit]]\nmessages = 1\ndays = 10\n").await;
        rig.clock.set(ms("2027-01-13T10:00:00-06:00"));
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, "whitepapers/proof-of-recovery"), &person()).await.unwrap();
        sequences::tick(&rig.ctx).await.unwrap();
        at(&rig, "2027-01-15T09:00:00-06:00").await;
        at(&rig, "2027-01-20T09:00:00-06:00").await;
        let ada = journeys::inside(&rig.ctx.db, "after-the-paper", 10).await.unwrap().remove(0);
        assert_eq!((ada.waiting.as_deref(), ada.due_ms), (Some("see-it"), ms("2027-01-25T09:00:00-06:00")));
        assert!(ada.detail.ends_with("there would be 2: After the paper of 2027-01-15"), "{}", ada.detail);
        at(&rig, "2027-01-25T09:00:00-06:00").await;
        let ada = journeys::inside(&rig.ctx.db, "after-the-paper", 10).await.unwrap().remove(0);
        assert_eq!(ada.waiting.as_deref(), Some("one-test"));
    }

    /// A step for which there is no room waits for the first hour of its own at which there is, with the reason; where there
    /// is none for long it is left out.
    async fn a_step_waits_until_there_is_room(db: Db) {
        let rig = with_nia(db, "[[limit]]\nmessages = 1\ndays = 3\n").await;
        at(&rig, "2027-01-12T08:30:00+01:00").await;
        at(&rig, "2027-01-12T09:00:00+01:00").await;
        let nia = of_nia(&rig).await;
        assert_eq!((nia.waiting.as_deref(), nia.due_ms), (Some("hello"), ms("2027-01-15T09:00:00+01:00")));
        assert_eq!(
            nia.detail,
            "put off, for 1 message in 3 days is the most, and there would be 2: Fold Forward of 2027-01-12"
        );
        at(&rig, "2027-01-15T08:59:00+01:00").await;
        assert_eq!(of_nia(&rig).await.waiting.as_deref(), Some("hello"));
        at(&rig, "2027-01-15T09:00:00+01:00").await;
        assert_eq!(rig.mail_to(NIA).await.subject, "Welcome: one sentence to begin with");
        let nia = of_nia(&rig).await;
        assert_eq!((nia.waiting.as_deref(), nia.detail.as_str()), (Some("one-restore"), ""));
    }
    /// The third within seven days stays away from whoever had two, and the reason names them; the week after it comes.
    async fn who_had_enough_gets_no_more(db: Db) {
        let daily = ["2027-01-13", "2027-01-14", "2027-01-15", "2027-01-21"];
        let rig = with_letters(db, "[[limit]]\nmessages = 3\ndays = 7\n", &[("note", "daily at 09:00", "", &daily)]).await;
        rig.pass(EVE_MS + 4 * DAY_MS, 2 * HOUR_MS).await;
        // Fold Forward on the 12th, then two notes.
        assert_eq!(of_issue(&rig, "note", "2027-01-14").await, (33, None));
        let (got, because) = of_issue(&rig, "note", "2027-01-15").await;
        assert_eq!(got, 0);
        assert_eq!(because.as_deref(), Some(
            "3 messages in 7 days are the most, and there would be 4: Fold Forward of 2027-01-12, note of 2027-01-13, \
             note of 2027-01-14"
        ));
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-15").await.unwrap().expect("the ledger has the date");
        assert_eq!((told.eligible, told.verdict, told.uncounted), (0, Some("skipped"), 0));
        assert_eq!(told.held_back, 33 - told.skipped, "whom the limit kept out stands beside the figure");
        // In Dubai it is a day of the weekend, which a rule of the calendar skips.
        assert!(told.skipped > 0 && told.skipped < 33, "{told:?}");
        assert_eq!(told.because, Some(format!("nobody was left to send it to (frequency {})", 33 - told.skipped)));
        rig.pass(EVE_MS + 10 * DAY_MS, 2 * HOUR_MS).await;
        assert_eq!(of_issue(&rig, "note", "2027-01-21").await, (33, None));
    }

    /// A date for which nothing is written is promised to those alone who may still get something, in the plan and the ledger.
    async fn an_unwritten_date_is_for_who_has_room(db: Db) {
        let letters: [(&str, &str, &str, &[&str]); 2] = [
            ("first", "weekly on Thursday at 09:00", "audience:\n  tiers: [platinum]\n", &["2027-01-21"]),
            ("other", "weekly on Friday at 09:00", "", &[]),
        ];
        let rig = with_letters(db, "priority = [\"first\"]\n[[limit]]\nmessages = 1\ndays = 3\n", &letters).await;
        rig.pass(EVE_MS + 10 * DAY_MS, 2 * HOUR_MS).await;
        let (first, _) = of_issue(&rig, "first", "2027-01-21").await;
        let planned = plan::ahead(&rig.ctx, Some("other"), 2).await.unwrap();
        let readers: Vec<_> = planned.iter().map(|it| (it.date.as_str(), i64::try_from(it.readers).unwrap())).collect();
        assert!(first > 0);
        // The second lies behind another first, the 28th, which is not written yet and leaves no room either.
        assert_eq!(readers, [("2027-01-22", 33 - first), ("2027-01-29", 33 - first)]);
        rig.pass(EVE_MS + 11 * DAY_MS, 2 * HOUR_MS).await;
        let told = kept::occurrence(&rig.ctx, "other", "2027-01-22").await.unwrap().unwrap();
        assert_eq!(told.eligible, 33 - first);
    }

    /// What comes first keeps its place: the others leave room for what it promises, as far as somebody is among its readers.
    async fn others_leave_room_for_what_comes_first(db: Db) {
        let limits = "priority = [\"first\", \"fold-forward\"]\n[[limit]]\nmessages = 1\ndays = 3\n";
        let letters: [(&str, &str, &str, &[&str]); 2] = [
            ("first", "weekly on Thursday at 09:00", "audience:\n  tiers: [platinum]\n", &["2027-01-21"]),
            ("other", "weekly on Wednesday at 09:00", "", &["2027-01-20"]),
        ];
        let rig = with_letters(db, limits, &letters).await;
        rig.pass(EVE_MS + 8 * DAY_MS, 2 * HOUR_MS).await;
        let planned = plan::ahead(&rig.ctx, Some("other"), 1).await.unwrap();
        let left_out = &planned[0].left_out[0];
        assert!(left_out.because.ends_with("there would be 2: first of 2027-01-21"), "{left_out:?}");
        rig.pass(EVE_MS + 10 * DAY_MS + 12 * HOUR_MS, 2 * HOUR_MS).await;
        let ((other, _), (first, _)) = (of_issue(&rig, "other", "2027-01-20").await, of_issue(&rig, "first", "2027-01-21").await);
        assert!(first > 0 && Ok(left_out.people) == usize::try_from(first), "platinum readers got the first one");
        assert_eq!(other + first, 33, "and everybody else the other one: each person one of the two");
        let told = kept::occurrence(&rig.ctx, "other", "2027-01-20").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.eligible, told.held_back), (Some("kept"), other, first));
        let record = kept::newsletter(&rig.ctx, "other", None).await.unwrap();
        // The week before, Fold Forward left room for nobody.
        assert_eq!((record.held_back(), record.within.as_deref()), (33 + first, Some("within 15 minutes")));
        let (_, page) = get(&rig, "/console/promises").await;
        assert!(page.contains(&format!("{} held back by limits", 33 + first)), "{page}");
    }

    /// Mail that was never written takes no room once it is too late to write it; until then it keeps the place that it has.
    /// An issue that reaches nobody for that is told of.
    async fn what_never_came_takes_no_room(db: Db) {
        let letters: [(&str, &str, &str, &[&str]); 3] = [
            ("first", "weekly on Thursday at 09:00", "", &["2027-01-14"]),
            ("early", "weekly on Wednesday at 10:30", "", &["2027-01-20"]),
            ("late", "weekly on Thursday at 09:30", "", &["2027-01-21"]),
        ];
        let rig = with_letters(db, "priority = [\"first\"]\n[[limit]]\nmessages = 1\ndays = 1\n", &letters).await;
        rig.pass(EVE_MS + 8 * DAY_MS + 9 * HOUR_MS, 2 * HOUR_MS).await;
        rig.pass(EVE_MS + 9 * DAY_MS + 16 * HOUR_MS, 30 * MINUTE_MS).await;
        // On Wednesday at half past nine something may still be written for Thursday.
        let (got, because) = of_issue(&rig, "early", "2027-01-20").await;
        let why = "1 message in 1 day is the most, and there would be 2: first of 2027-01-21";
        assert_eq!((got, because.as_deref()), (0, Some(why)));
        // On Thursday at half past eight its issue should have been fixed half an hour ago.
        assert_eq!(of_issue(&rig, "late", "2027-01-21").await, (33, None));
        let told = kept::occurrence(&rig.ctx, "first", "2027-01-21").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.eligible), (Some("missed"), 33));
        let silenced = kept::silenced(&rig.ctx.db, rig.clock_ms(), 7).await.unwrap();
        let silenced: Vec<_> = silenced.iter().map(|it| (it.newsletter.as_str(), it.people, it.because.as_deref())).collect();
        assert_eq!(silenced, [("early", 33, Some(why))]);
        let (_, page) = get(&rig, "/console").await;
        assert!(page.contains("early of 2027-01-20 reaches nobody") && page.contains(why), "{page}");
        assert!(!page.contains("late of 2027-01-21 reaches nobody"), "{page}");
    }

    /// A newsletter that comes first and is never written keeps its place until its first date has passed without an issue, and no
    /// longer; what is written for it keeps one again.
    async fn who_never_writes_keeps_nobody_waiting(db: Db) {
        let daily = "every day at 09:00";
        let letters: [(&str, &str, &str, &[&str]); 3] = [
            ("first", daily, "", &["2027-01-21"]),
            ("other", "weekly on Friday at 11:00", "", &["2027-01-15"]),
            ("third", "weekly on Wednesday at 11:00", "", &["2027-01-20"]),
        ];
        let rig = with_letters(db, "priority = [\"first\"]\n[[limit]]\nmessages = 1\ndays = 2\n", &letters).await;
        rig.pass(EVE_MS + 4 * DAY_MS, HOUR_MS).await;
        assert_eq!(of_issue(&rig, "other", "2027-01-15").await, (33, None), "nothing was ever written for the days around it");
        rig.pass(EVE_MS + 9 * DAY_MS + 16 * HOUR_MS, HOUR_MS).await;
        let why = "1 message in 2 days is the most, and there would be 2: first of 2027-01-21";
        assert_eq!(of_issue(&rig, "third", "2027-01-20").await, (0, Some(why.to_owned())), "that day is written");
        assert_eq!(of_issue(&rig, "first", "2027-01-21").await.0, 33);
    }

    /// A date for which nothing was written and nobody had room stands in the ledger, with both.
    async fn a_date_that_limits_keep_from_everybody_is_told(db: Db) {
        let letters: [(&str, &str, &str, &[&str]); 2] = [
            ("first", "weekly on Wednesday at 09:00", "", &["2027-01-20"]),
            ("other", "weekly on Thursday at 09:00", "", &[]),
        ];
        let rig = with_letters(db, "[[limit]]\nmessages = 1\ndays = 3\n", &letters).await;
        rig.pass(EVE_MS + 9 * DAY_MS + 14 * HOUR_MS, 2 * HOUR_MS).await;
        let told = kept::occurrence(&rig.ctx, "other", "2027-01-21").await.unwrap().expect("the ledger has the date");
        assert_eq!((told.eligible, told.held_back, told.verdict), (0, 33, Some("skipped")));
        assert_eq!(told.because.as_deref(), Some("nothing was written for this date"));
        let record = kept::newsletter(&rig.ctx, "other", None).await.unwrap();
        // The week before it was Fold Forward that left room for nobody.
        assert_eq!((record.skipped_by(), record.kept_percent), ((0, 2), None));
        let (_, page) = get(&rig, "/console/promises").await;
        assert!(page.contains("2 kept from everybody by limits, not counted") && page.contains("held back"), "{page}");
        let (_, page) = get(&rig, "/console/promises/other/2027-01-21").await;
        assert!(page.contains("nothing was written for this date") && page.contains("Held back by a limit"), "{page}");
    }
}
