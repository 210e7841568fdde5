//! Whether a cadence was kept: what was sent, what was late, what was never written.

use std::{fs, path::Path, time::Duration};

use partnercast::{
    domain::{
        kernel::{
            Locale,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
        },
        program::PromiseVerdict,
    },
    store::{
        Db, audience, issues, let_down,
        promises::{self, Asked, Hours},
    },
    work::{approve, explain, kept, lookup, metrics, publish, sync, unkept},
};

use super::{
    Rig,
    console::get,
    processes::until,
    rig::{EVE_MS, copied},
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

/// In which the console's figures are counted anew, however busy the machine is.
const MOMENT: Duration = Duration::from_secs(20);
/// 2027-04-13 00:00 UTC, a second Tuesday for which the demo content has no issue.
const APRIL_MS: UtcMs = EVE_MS + 91 * DAY_MS + 4 * HOUR_MS;

/// How each date of `newsletter` went, as the ledger has it, latest first: date, verdict, eligible, accepted, and why.
async fn ledger(rig: &Rig, newsletter: &str) -> Vec<(String, Option<PromiseVerdict>, i64, i64, String)> {
    let all = promises::hours(&rig.ctx.db, Asked { newsletter: Some(newsletter), ..Asked::default() }, 40)
        .await
        .unwrap();
    let told = |it: Hours| {
        let verdict = it.verdict(rig.clock_ms());
        (it.nominal_local[..10].to_owned(), verdict, it.eligible, it.accepted, it.because.unwrap_or_default())
    };
    all.into_iter().map(told).collect()
}

/// A daily newsletter at 09:00 in Oslo beside the demo's, with issues for `dates`.
fn daily(content: &Path, catch_up: &str, dates: &[&str]) {
    let folder = content.join("newsletters/daily-note");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        content.join("newsletters/daily-note.md"),
        format!(
            "---\nkind: newsletter\ntitle: Daily Note\ncadence: daily at 09:00\nzone: vendor\naudience:\n  \
             tiers: [platinum]\nsender: newsletter\nfreeze_minutes: 60\napproval: automatic\n\
             catch_up: {catch_up}\nwhy: \"You are a contact.\"\n---\nEvery day.\n"
        ),
    )
    .unwrap();
    for date in dates {
        fs::write(
            folder.join(format!("{date}.md")),
            format!(
                "---\nkind: issue\ntitle: \"Note of {date}\"\nnewsletter: daily-note\ndate: {date}\n\
                 subject: \"Note of {date}\"\npreheader: \"p\"\ntheme: \"t\"\n---\nHello.\n"
            ),
        )
        .unwrap();
    }
}

/// A rig whose content has such a newsletter, stored on the eve.
async fn with_daily(db: Db, catch_up: &str, dates: &[&str]) -> (Rig, tempfile::TempDir) {
    let rig = Rig::new(db).await;
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    daily(dir.path(), catch_up, dates);
    // These stories are of what is sent late, not of how much is.
    fs::remove_file(dir.path().join("rules/frequency.toml")).unwrap();
    sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
    (rig, dir)
}

/// The dates of the daily newsletter that were frozen, first to last, with what each waits for.
async fn frozen(rig: &Rig) -> Vec<(String, bool)> {
    let mut found = issues::named(&rig.ctx.db, None, Some("daily-note"), None).await.unwrap();
    found.reverse();
    found.into_iter().map(|issue| (issue.nominal_date, issue.held_because.is_some())).collect()
}

/// What readers are told of a date that was broken.
async fn note(rig: &Rig, newsletter: &str, date: &str) -> String {
    let occurrence = kept::occurrence(&rig.ctx, newsletter, date).await.unwrap().unwrap();
    kept::note(&rig.ctx, newsletter, &occurrence, &Locale::en()).unwrap()
}

both_dbs! {
    /// An issue that reached everybody at their hour is a promise kept, to each partner.
    async fn an_issue_on_time_is_kept(db: Db) {
        let rig = Rig::new(db).await;
        rig.pass(EVE_MS + 32 * HOUR_MS, 10 * MINUTE_MS).await;
        let told = ledger(&rig, "fold-forward").await;
        assert_eq!(told, [("2027-01-12".to_owned(), Some(PromiseVerdict::Kept), 33, 33, String::new())]);
        let of_partner = promises::hours(&rig.ctx.db, Asked { partner: Some("northlight"), ..Asked::default() }, 12).await.unwrap();
        assert_eq!((of_partner.len(), of_partner[0].eligible, of_partner[0].on_time), (1, 4, 4));
        let down = let_down::let_down(&rig.ctx.db, "fold-forward", "2027-01-12T09:00").await.unwrap();
        assert!(down.is_empty(), "{down:?}");
    }

    /// What a person has sent again when all was over is counted again: a promise kept in part becomes a late one.
    async fn what_is_sent_again_is_counted_again(db: Db) {
        let rig = Rig::new(db).await;
        rig.pass(EVE_MS + 32 * HOUR_MS, 10 * MINUTE_MS).await;
        let lost = "SELECT MIN(id) FROM delivery WHERE issue_id IS NOT NULL";
        let (lost,) = rows::<(String,)>(&rig.ctx.db, lost, vec![]).await.remove(0);
        execute(&rig.ctx.db, "UPDATE delivery SET state = 'failed', accepted_ms = NULL WHERE id = $1", values![&lost]).await;
        execute(&rig.ctx.db, "UPDATE promise SET accepted = accepted - 1, on_time = on_time - 1 WHERE id = (SELECT a.promise_id FROM audience_decision a WHERE a.delivery_id = $1)", values![&lost]).await;
        let verdict = async || ledger(&rig, "fold-forward").await.remove(0);
        assert_eq!(verdict().await.1, Some(PromiseVerdict::Partial));
        let (_, overview) = get(&rig, "/console").await;
        assert!(overview.contains("fold-forward of 2027-01-12 is partial"), "{overview}");
        assert!(overview.contains("32 of 33 readers had it in time, 32 by now; 1 message waits for a person"), "{overview}");
        approve::send_again(&rig.ctx, &lost, "Ida").await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        rig.pass(rig.clock_ms() + HOUR_MS, 10 * MINUTE_MS).await;
        let (_, verdict, eligible, accepted, _) = verdict().await;
        assert_eq!((verdict, eligible, accepted), (Some(PromiseVerdict::Late), 33, 33));
        let open = "SELECT COUNT(*) FROM promise WHERE issue_id IS NOT NULL AND NOT closed";
        assert_eq!(number(&rig.ctx.db, open, vec![]).await, 0, "and closed again");
    }

    /// A date for which nothing was written is a promise broken, and stands as such; when the issue comes before the last
    /// hour is over it is late for some and no longer missed.
    async fn a_date_without_an_issue_is_missed(db: Db) {
        let rig = Rig::new(db).await;
        rig.pass(APRIL_MS - DAY_MS, 7 * DAY_MS).await;
        let april = |told: &[(String, Option<PromiseVerdict>, i64, i64, String)]| {
            told.iter().find(|row| row.0 == "2027-04-13").cloned()
        };
        assert_eq!(april(&ledger(&rig, "fold-forward").await), None, "not yet");
        rig.pass(APRIL_MS, 10 * MINUTE_MS).await;
        let row = april(&ledger(&rig, "fold-forward").await).unwrap();
        assert_eq!((row.1, row.2), (None, 33), "promised to all, and open: {row:?}");
        assert!(row.4.contains("nothing was written"), "{row:?}");
        let unsent = lookup::issue(&rig.ctx.db, "fold-forward/2027-04-13").await.unwrap_err();
        assert!(unsent.public().contains("was promised for 2027-04-13T09:00, and nobody was chosen: nothing was written"), "{}", unsent.public());
        rig.pass(APRIL_MS + 20 * HOUR_MS, 30 * MINUTE_MS).await;
        let row = april(&ledger(&rig, "fold-forward").await).unwrap();
        assert_eq!((row.1, row.2, row.3), (Some(PromiseVerdict::Missed), 33, 0));
        assert_eq!(promises::entered(&rig.ctx.db, "fold-forward", "2027-04-01").await.unwrap().len(), 1, "once");
    }

    /// Written in the middle of the night, it is late where the hour had passed and in time elsewhere.
    async fn an_issue_written_late_is_late(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        rig.pass(APRIL_MS - DAY_MS, 7 * DAY_MS).await;
        rig.pass(APRIL_MS + 3 * HOUR_MS, 10 * MINUTE_MS).await;
        let folder = dir.path().join("newsletters/fold-forward");
        let text = fs::read_to_string(folder.join("2027-03-09.md")).unwrap();
        fs::write(folder.join("2027-04-13.md"), text.replace("date: 2027-03-09", "date: 2027-04-13")).unwrap();
        let synced = sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        assert_eq!(synced.changed, 1, "{:?}", synced.findings);
        rig.pass(APRIL_MS + 24 * HOUR_MS, 10 * MINUTE_MS).await;
        let row = ledger(&rig, "fold-forward").await.remove(0);
        assert_eq!((row.0.as_str(), row.1), ("2027-04-13", Some(PromiseVerdict::Late)), "{row:?}");
        assert_eq!(row.2, row.3);
        assert!(note(&rig, "fold-forward", "2027-04-13").await.contains("It came late to some of you."));
        let of = |partner: &'static str| { let db = rig.ctx.db.clone(); async move {
            promises::hours(&db, Asked { partner: Some(partner), since_ms: APRIL_MS - DAY_MS, ..Asked::default() }, 1).await.unwrap().remove(0)
        } };
        let (adelaide, brazil) = (of("wattlebird").await, of("ipe").await);
        assert!(adelaide.on_time < adelaide.eligible, "{adelaide:?}");
        assert_eq!(brazil.on_time, brazil.eligible);
    }

    /// What cannot be fixed keeps its promise open until its hour, and then says why it was missed.
    async fn what_cannot_be_fixed_is_missed_and_says_why(db: Db) {
        let (rig, dir) = with_daily(db, "latest", &["2027-01-12"]).await;
        let path = dir.path().join("newsletters/daily-note/2027-01-12.md");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("Hello.", "{{ partner.proof }}")).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        let bare = "{\"primary\":\"#000000\",\"accent\":\"#000000\"}";
        execute(&rig.ctx.db, "UPDATE partner SET brand = $1", values![bare]).await;
        rig.pass(EVE_MS + 13 * HOUR_MS, 10 * MINUTE_MS).await;
        let row = ledger(&rig, "daily-note").await.remove(0);
        assert_eq!(row.1, Some(PromiseVerdict::Missed), "{row:?}");
        assert!(row.2 > 0 && row.4.starts_with("it could not be frozen: for "), "{row:?}");
    }

    /// After an outage of days: the latest by default, all if the newsletter says so, none if it says that.
    async fn an_outage_is_caught_up_as_the_newsletter_says(db: Db) {
        let dates = ["2027-01-12", "2027-01-13", "2027-01-14"];
        // 10:30 in Oslo on the 14th: two days and an hour and a half late.
        let back = EVE_MS + 61 * HOUR_MS + 30 * MINUTE_MS;
        let (rig, _dir) = with_daily(db, "latest", &dates).await;
        let missed = async || {
            let text = metrics::scrape(&rig.ctx).await.unwrap();
            text.lines().find(|line| line.starts_with("partnercast_missed_occurrences_total ")).unwrap().to_owned()
        };
        rig.pass(back, 3 * DAY_MS).await;
        let of = |date: &str, held| (date.to_owned(), held);
        assert_eq!(frozen(&rig).await, [of("2027-01-14", false)]);
        let once = missed().await;
        rig.pass(back + HOUR_MS, 10 * MINUTE_MS).await;
        assert_eq!(missed().await, once, "counted once, however often they are looked at");
        let told = ledger(&rig, "daily-note").await;
        let verdicts: Vec<_> = told.iter().map(|row| (row.0.as_str(), row.1)).collect();
        let missed = Some(PromiseVerdict::Missed);
        assert_eq!(verdicts, [("2027-01-14", Some(PromiseVerdict::Late)), ("2027-01-13", missed), ("2027-01-12", missed)]);
        assert!(note(&rig, "daily-note", "2027-01-14").await.contains("It came late to all of you."));
        for of_old in &told[1..] {
            assert!(of_old.4.contains("only the latest is sent: 2027-01-14"), "{told:?}");
        }
    }

    /// What is due and may still be in time is said as it stands, and called neither kept nor broken; then it is counted.
    async fn until_its_time_is_over_nothing_is_claimed(db: Db) {
        let (rig, _dir) = with_daily(db, "latest", &["2027-01-12"]).await;
        // Ten past nine in Oslo.
        rig.pass(EVE_MS + 12 * HOUR_MS + 10 * MINUTE_MS, 5 * MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "daily-note", "2027-01-12").await.unwrap().unwrap();
        assert!(told.eligible > 0 && told.uncounted == told.eligible && told.verdict.is_none(), "{told:?}");
        let readers = told.eligible;
        let (_, page) = get(&rig, "/console").await;
        assert!(page.contains(&format!("{readers} of {readers} so far")) && !page.contains("went to nobody"), "{page}");
        let (_, page) = get(&rig, "/console/promises/daily-note/2027-01-12").await;
        assert!(page.contains("not counted yet") && !page.contains("not accepted"), "{page}");
        rig.pass(EVE_MS + 13 * HOUR_MS, 5 * MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "daily-note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.uncounted, told.on_time, told.verdict), (0, readers, Some("kept")));
        // The overview's figures are a moment old at most.
        until("the figures of a date that is over", MOMENT, async || {
            let (_, page) = get(&rig, "/console").await;
            page.contains(&format!("{readers} of {readers}</"))
        })
        .await;
    }

    /// A date on which nothing went counts in the overview's figure, whatever becomes of its newsletter; what it promised for
    /// later is taken back with it.
    async fn a_newsletter_that_leaves_takes_no_broken_promise_with_it(db: Db) {
        let (rig, dir) = with_daily(db, "latest", &["2027-01-12"]).await;
        // Half an hour before the third of its dates.
        rig.pass(EVE_MS + 59 * HOUR_MS + 30 * MINUTE_MS, 10 * MINUTE_MS).await;
        let verdicts = async || {
            let told = ledger(&rig, "daily-note").await;
            told.into_iter().map(|row| (row.0, row.1)).collect::<Vec<_>>()
        };
        let of = |date: &str, verdict| (date.to_owned(), verdict);
        let (missed, kept) = (of("2027-01-13", Some(PromiseVerdict::Missed)), of("2027-01-12", Some(PromiseVerdict::Kept)));
        assert_eq!(verdicts().await, [of("2027-01-14", None), missed.clone(), kept.clone()]);
        let readers = ledger(&rig, "daily-note").await[1].2;
        // Fold Forward, which reached 33, and of two daily notes one.
        let figure = format!("<b>{} of {}</b>", 33 + readers, 33 + 2 * readers);
        let (_, page) = get(&rig, "/console").await;
        assert!(page.contains(&figure) && page.contains("daily-note of 2027-01-14 is promised"), "{figure}: {page}");
        fs::remove_dir_all(dir.path().join("newsletters/daily-note")).unwrap();
        fs::remove_file(dir.path().join("newsletters/daily-note.md")).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        rig.pass(rig.clock_ms() + 5 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(verdicts().await, [missed, kept], "what was due stays, what was ahead is promised no more");
        until("the overview without what is promised no more", MOMENT, async || {
            let (_, page) = get(&rig, "/console").await;
            page.contains(&figure) && !page.contains("daily-note of 2027-01-14")
        })
        .await;
        let (_, page) = get(&rig, "/console/promises").await;
        assert!(page.contains("1 of 2 kept") && page.contains("No longer in the content"), "{page}");
    }

    /// A newsletter promises what it promises since its cadence, zone and audience are what they are: another change of its
    /// file while nothing ran hides no date that was missed, and a new cadence makes none.
    async fn a_change_of_words_hides_no_missed_date(db: Db) {
        let (rig, dir) = with_daily(db, "latest", &[]).await;
        let path = dir.path().join("newsletters/daily-note.md");
        let change = async |from: &str, to: &str| {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from));
            fs::write(&path, text.replace(from, to)).unwrap();
            assert_eq!(sync::sync(&rig.ctx, dir.path(), true).await.unwrap().changed, 1);
            publish::tick(&rig.ctx).await.unwrap();
            ledger(&rig, "daily-note").await.into_iter().map(|row| row.0).collect::<Vec<_>>()
        };
        // 03:00 in Oslo on the 13th.
        rig.clock.set(EVE_MS + 30 * HOUR_MS);
        assert_eq!(change("Every day.", "Every single day.").await, ["2027-01-12"]);
        // The same on the 15th, when those of the 13th and 14th have passed.
        rig.clock.set(EVE_MS + 78 * HOUR_MS);
        assert_eq!(change("daily at 09:00", "daily at 10:00").await, ["2027-01-12"]);
    }

    /// When an issue is fixed goes by its own readers, not by those of other partners.
    async fn other_partners_hours_are_not_its_own(db: Db) {
        let (rig, dir) = with_daily(db, "latest", &["2027-01-13"]).await;
        let path = dir.path().join("newsletters/daily-note.md");
        fs::write(&path, fs::read_to_string(&path).unwrap().replace("zone: vendor", "zone: contact")).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        // Platinum partners are in London and Chicago; in Adelaide it is half a day earlier.
        let london_ms = EVE_MS + 37 * HOUR_MS;
        for (now_ms, expected) in [(london_ms - 62 * MINUTE_MS, 0), (london_ms - 60 * MINUTE_MS, 1)] {
            rig.clock.set(now_ms);
            publish::tick(&rig.ctx).await.unwrap();
            assert_eq!(frozen(&rig).await.len(), expected);
        }
    }

    /// What is wrong with an issue is not looked for every second, but said as long as it is.
    async fn a_fault_rests_and_is_said(db: Db) {
        let (rig, dir) = with_daily(db, "latest", &["2027-01-12"]).await;
        let path = dir.path().join("newsletters/daily-note/2027-01-12.md");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("Hello.", "{{ partner.proof }}")).unwrap();
        sync::sync(&rig.ctx, dir.path(), true).await.unwrap();
        let brands: Vec<(String, String)> = rows(&rig.ctx.db, "SELECT slug, brand FROM partner", vec![]).await;
        execute(&rig.ctx.db, "UPDATE partner SET brand = $1", values!["{\"primary\":\"#000000\",\"accent\":\"#000000\"}"]).await;
        let start_ms = EVE_MS + 11 * HOUR_MS + 10 * MINUTE_MS;
        rig.clock.set(start_ms);
        assert!(publish::tick(&rig.ctx).await.is_err());
        for (slug, brand) in &brands {
            execute(&rig.ctx.db, "UPDATE partner SET brand = $2 WHERE slug = $1", values![slug, brand]).await;
        }
        rig.clock.set(start_ms + MINUTE_MS / 2);
        assert!(publish::tick(&rig.ctx).await.is_err(), "it was not looked at again");
        assert_eq!(rig.ctx.publishing_faults().len(), 1);
        rig.clock.set(start_ms + MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        assert!(rig.ctx.publishing_faults().is_empty());
        assert_eq!(frozen(&rig).await.len(), 1);
    }

    /// All of them, the old ones not without asking.
    async fn all_are_caught_up_in_their_order(db: Db) {
        let (rig, _dir) = with_daily(db, "all", &["2027-01-12", "2027-01-13", "2027-01-14"]).await;
        let back = EVE_MS + 61 * HOUR_MS + 30 * MINUTE_MS;
        rig.pass(back, 3 * DAY_MS).await;
        let of = |date: &str, held| (date.to_owned(), held);
        assert_eq!(frozen(&rig).await, [of("2027-01-12", true), of("2027-01-13", true), of("2027-01-14", false)]);
    }

    /// None of them, and neither today's whose hour has passed.
    async fn none_is_caught_up(db: Db) {
        let (rig, _dir) = with_daily(db, "none", &["2027-01-13", "2027-01-14", "2027-01-15"]).await;
        rig.pass(EVE_MS + 61 * HOUR_MS + 30 * MINUTE_MS, 3 * DAY_MS).await;
        assert_eq!(frozen(&rig).await, []);
        rig.pass(EVE_MS + 85 * HOUR_MS, 10 * MINUTE_MS).await;
        assert_eq!(frozen(&rig).await, [("2027-01-15".to_owned(), false)]);
        let told = ledger(&rig, "daily-note").await;
        let verdicts: Vec<_> = told.iter().map(|row| (row.0.as_str(), row.1)).collect();
        let missed = Some(PromiseVerdict::Missed);
        assert_eq!(verdicts[0], ("2027-01-15", Some(PromiseVerdict::Kept)));
        assert_eq!(verdicts[1..], [("2027-01-14", missed), ("2027-01-13", missed), ("2027-01-12", missed)]);
        assert!(told[1].4.contains("does not catch up"), "{told:?}");
        assert!(told[3].4.contains("nothing was written"), "{told:?}");
    }

    /// A date whose issue a person cancelled says who and when, and what became of its messages.
    async fn a_cancelled_issue_says_why_nothing_came(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        let why = async || {
            let told = kept::occurrence(&rig.ctx, "fold-forward", "2027-01-12").await.unwrap().unwrap();
            unkept::reason(&rig.ctx, &told).await.unwrap()
        };
        assert_eq!(why().await, None, "it is on its way");
        approve::cancel(&rig.ctx, &issue.id, "Ida").await.unwrap();
        rig.clock.set(EVE_MS + 2 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        assert_eq!(
            why().await.as_deref(),
            Some("It was cancelled by Ida, 2027-01-11 21:00 UTC. Of its messages 33 were cancelled.")
        );
        let (_, page) = get(&rig, "/console/promises/fold-forward/2027-01-12").await;
        assert!(page.contains("It was cancelled by Ida"), "{page}");
    }

    /// Tomorrow's issue waits for what of today's was never tried.
    async fn issues_of_a_newsletter_leave_one_behind_the_other(db: Db) {
        let (rig, _dir) = with_daily(db, "latest", &["2027-01-12", "2027-01-13"]).await;
        // Nothing is sent meanwhile, as behind a relay that hangs.
        for ms in [EVE_MS + 12 * HOUR_MS + 30 * MINUTE_MS, EVE_MS + 36 * HOUR_MS + 30 * MINUTE_MS] {
            rig.clock.set(ms);
            publish::tick(&rig.ctx).await.unwrap();
        }
        let states = || async {
            let mut found = issues::named(&rig.ctx.db, None, Some("daily-note"), None).await.unwrap();
            found.reverse();
            found.into_iter().map(|issue| issue.state).collect::<Vec<_>>()
        };
        assert_eq!(states().await, ["sending", "approved"]);
        let second = issues::named(&rig.ctx.db, None, Some("daily-note"), Some("2027-01-13")).await.unwrap().remove(0);
        let reader = audience::listed(&rig.ctx.db, &second.id, "").await.unwrap().into_iter().find(|it| it.included).unwrap();
        let known = lookup::contact(&rig.ctx.db, &reader.email).await.unwrap();
        let told = explain::explain(&rig.ctx.db, rig.clock_ms(), &second, &reader.email, known).await.unwrap();
        let next = told.decision.next.unwrap();
        assert!(next.ends_with("waits until all of daily-note of 2027-01-12 was tried"), "{next}");
        let waits = kept::occurrence(&rig.ctx, "daily-note", "2027-01-13").await.unwrap().unwrap();
        let why = unkept::reason(&rig.ctx, &waits).await.unwrap().unwrap();
        assert!(why.starts_with("It waits for the issue of 2027-01-12"), "{why}");
        rig.drain().await;
        publish::tick(&rig.ctx).await.unwrap();
        assert_eq!(states().await, ["done", "sending"]);
        rig.pass(EVE_MS + 40 * HOUR_MS, HOUR_MS).await;
    }
}
