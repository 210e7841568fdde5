//! A budget for each person over all newsletters: who had enough gets no more, and is told why.

use std::fs;

use partnercast::{
    domain::{
        content::Severity,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
    store::{audience, issues},
    work::{kept, plan, sync},
};

use super::{
    Rig,
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

both_dbs! {
    /// The third within seven days stays away from whoever had two, and the reason names them; the week after it comes.
    async fn who_had_enough_gets_no_more(db: Db) {
        let daily = ["2027-01-13", "2027-01-14", "2027-01-15", "2027-01-21"];
        let rig = with_letters(db, "[[limit]]\nmessages = 3\ndays = 7\n", &[("note", "daily at 09:00", "", &daily)]).await;
        rig.pass(EVE_MS + 4 * DAY_MS, 30 * MINUTE_MS).await;
        // Fold Forward on the 12th, then two notes.
        assert_eq!(of_issue(&rig, "note", "2027-01-14").await, (33, None));
        let (got, because) = of_issue(&rig, "note", "2027-01-15").await;
        assert_eq!(got, 0);
        assert_eq!(because.as_deref(), Some(
            "3 messages in 7 days are the most, and there would be 4: Fold Forward of 2027-01-12, note of 2027-01-13, \
             note of 2027-01-14"
        ));
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-15").await.unwrap().expect("the ledger has the date");
        assert_eq!((told.eligible, told.verdict), (0, Some("skipped")));
        // In Dubai it is a day of the weekend, which a rule of the calendar skips.
        assert!(told.skipped > 0 && told.skipped < 33, "{told:?}");
        assert_eq!(told.because, Some(format!("nobody was left to send it to (frequency {})", 33 - told.skipped)));
        rig.pass(EVE_MS + 10 * DAY_MS, 30 * MINUTE_MS).await;
        assert_eq!(of_issue(&rig, "note", "2027-01-21").await, (33, None));
    }

    /// A date for which nothing is written is promised to those alone who may still get something, in the plan and the ledger.
    async fn an_unwritten_date_is_for_who_has_room(db: Db) {
        let letters: [(&str, &str, &str, &[&str]); 2] = [
            ("first", "weekly on Thursday at 09:00", "audience:\n  tiers: [platinum]\n", &["2027-01-21"]),
            ("other", "weekly on Friday at 09:00", "", &[]),
        ];
        let rig = with_letters(db, "priority = [\"first\"]\n[[limit]]\nmessages = 1\ndays = 3\n", &letters).await;
        rig.pass(EVE_MS + 10 * DAY_MS, HOUR_MS).await;
        let (first, _) = of_issue(&rig, "first", "2027-01-21").await;
        let planned = plan::ahead(&rig.ctx, Some("other"), 2).await.unwrap();
        let readers: Vec<_> = planned.iter().map(|it| (it.date.as_str(), i64::try_from(it.readers).unwrap())).collect();
        assert!(first > 0);
        // The second lies behind another first, the 28th, which is not written yet and leaves no room either.
        assert_eq!(readers, [("2027-01-22", 33 - first), ("2027-01-29", 33 - first)]);
        rig.pass(EVE_MS + 11 * DAY_MS, HOUR_MS).await;
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
        rig.pass(EVE_MS + 8 * DAY_MS, 30 * MINUTE_MS).await;
        let planned = plan::ahead(&rig.ctx, Some("other"), 1).await.unwrap();
        let left_out = &planned[0].left_out[0];
        assert!(left_out.because.ends_with("there would be 2: first of 2027-01-21"), "{left_out:?}");
        rig.pass(EVE_MS + 10 * DAY_MS + 12 * HOUR_MS, 30 * MINUTE_MS).await;
        let ((other, _), (first, _)) = (of_issue(&rig, "other", "2027-01-20").await, of_issue(&rig, "first", "2027-01-21").await);
        assert!(first > 0 && Ok(left_out.people) == usize::try_from(first), "platinum readers got the first one");
        assert_eq!(other + first, 33, "and everybody else the other one: each person one of the two");
    }
}
