//! Calendars that people subscribe to: what they hold, and that an entry stays itself whatever becomes of it.

use std::{fs, path::Path};

use axum::http::Method;
use icalendar::{Calendar, Component as _};
use partnercast::{
    domain::{
        content::Severity,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
    store::issues,
    work::{approve, calendars, publish, recall, sync},
};

use super::{
    Rig,
    console::{ask, get},
    rig::{EVE_MS, copied},
};
use crate::harness::both_dbs;

/// What a calendar program keeps of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    uid: String,
    sequence: u32,
    start: String,
    status: String,
    title: String,
    text: String,
}

/// The content folder, to write in.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        Self(dir)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.path().join(path)).unwrap();
    }

    async fn sync(&self, rig: &Rig) {
        rig.clock.set(rig.clock_ms() + MINUTE_MS);
        let synced = sync::sync(&rig.ctx, Path::new(self.0.path()), true).await.unwrap();
        let errors: Vec<_> =
            synced.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

fn path_of(rig: &Rig, newsletter: Option<&str>, partner: Option<(&str, &str)>) -> String {
    let partner = partner.map(|(slug, zone)| (slug, zone.parse().unwrap()));
    calendars::path(&rig.ctx, newsletter, partner)
}

/// The entries of a file, in its order.
fn entries(file: &str) -> Vec<Kept> {
    let calendar: Calendar = file.parse().unwrap();
    let of = |event: &icalendar::Event, key: &str| event.property_value(key).unwrap_or_default().to_owned();
    let events = calendar.events().map(|event| Kept {
        uid: event.get_uid().unwrap().to_owned(),
        sequence: event.get_sequence().unwrap(),
        start: of(event, "DTSTART"),
        status: of(event, "STATUS"),
        title: event.get_summary().unwrap().to_owned(),
        text: event.get_description().unwrap_or_default().to_owned(),
    });
    events.collect()
}

async fn feed(rig: &Rig, path: &str) -> Vec<Kept> {
    let (status, body) = get(rig, &format!("{path}.ics")).await;
    assert_eq!(status, 200, "{body}");
    entries(&body)
}

/// The entry with this nominal date, which there is once.
fn of_date(entries: &[Kept], date: &str) -> Kept {
    let found: Vec<&Kept> = entries.iter().filter(|entry| entry.uid.contains(&format!("/{date}T"))).collect();
    assert_eq!(found.len(), 1, "{date}: {entries:#?}");
    found[0].clone()
}

const CHICAGO: (&str, &str) = ("northlight", "America/Chicago");

both_dbs! {
    /// A rule moves a date, another skips it, and all rules go: it is one entry all the while, its number only grows, and
    /// no other date is touched.
    async fn a_moved_date_keeps_its_entry(db: Db) {
        let rig = Rig::new(db).await;
        let folder = Folder::new();
        let path = path_of(&rig, Some("fold-forward"), Some(CHICAGO));
        let before = feed(&rig, &path).await;
        let february = of_date(&before, "20270209");
        assert_eq!((february.start.as_str(), february.status.as_str()), ("20270209T150000Z", "CONFIRMED"));
        assert_eq!(february.uid, "newsletters/fold-forward/20270209T0900/America/Chicago@northlight");
        assert!(february.title.starts_with("Fold Forward: The first 24 hours"), "{}", february.title);
        let rule = "version = 1\n[[blackout]]\nname = \"Fair\"\nfrom = 2027-02-09\nto = ";
        folder.write("rules/calendar.toml", &format!("{rule}2027-02-10\n"));
        folder.sync(&rig).await;
        let moved = of_date(&feed(&rig, &path).await, "20270209");
        assert_eq!((moved.uid.as_str(), moved.start.as_str()), (february.uid.as_str(), "20270211T150000Z"));
        assert!(moved.sequence > february.sequence && moved.text.contains("moved from Tue 2027-02-09"), "{moved:?}");
        let (_, json) = get(&rig, "/console/calendar.json?month=2027-02&partner=northlight").await;
        assert!(json.contains("\"text\":\"moved\"") && json.contains("\"iso\":\"2027-02-11\""), "{json}");
        folder.write("rules/calendar.toml", &format!("{rule}2027-03-25\n"));
        folder.sync(&rig).await;
        let skipped = feed(&rig, &path).await;
        let february_off = of_date(&skipped, "20270209");
        assert_eq!((february_off.uid.as_str(), february_off.status.as_str()), (february.uid.as_str(), "CANCELLED"));
        assert!(february_off.sequence > moved.sequence && february_off.text.contains("Does not appear"), "{february_off:?}");
        folder.remove("rules/calendar.toml");
        folder.sync(&rig).await;
        let back = of_date(&feed(&rig, &path).await, "20270209");
        assert_eq!((back.start.as_str(), back.status.as_str()), ("20270209T150000Z", "CONFIRMED"));
        assert!(back.sequence > february_off.sequence, "what was taken away counts, too");
        let of_other = |all: &[Kept]| all.iter().map(|entry| (entry.uid.clone(), entry.start.clone())).collect::<Vec<_>>();
        assert_eq!(of_other(&before), of_other(&feed(&rig, &path).await), "all dates are as they were");
    }

    /// A person cancels the issue: its entry stays and says so.
    async fn a_cancelled_issue_stays_and_says_so(db: Db) {
        let rig = Rig::new(db).await;
        let path = path_of(&rig, Some("fold-forward"), Some(CHICAGO));
        rig.clock.set(EVE_MS + HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        let before = of_date(&feed(&rig, &path).await, "20270112");
        assert_eq!((before.start.as_str(), before.status.as_str()), ("20270112T150000Z", "CONFIRMED"));
        rig.clock.set(EVE_MS + 2 * HOUR_MS);
        approve::cancel(&rig.ctx, &issue.id, "somebody").await.unwrap();
        let after = of_date(&feed(&rig, &path).await, "20270112");
        assert_eq!((&after.uid, &after.start, after.status.as_str()), (&before.uid, &before.start, "CANCELLED"));
        assert!(after.sequence > before.sequence && after.text.contains("Cancelled"), "{before:?} {after:?}");
        let (_, json) = get(&rig, "/console/calendar.json?month=2027-01&newsletter=fold-forward").await;
        assert!(json.contains("\"text\":\"cancelled\""), "{json}");
    }

    /// Where an issue arrived before somebody cancelled it, it did arrive.
    async fn who_has_it_reads_nothing_of_its_end(db: Db) {
        let rig = Rig::new(db).await;
        // Adelaide's morning has passed, and Chicago's is ahead.
        rig.pass(EVE_MS + 6 * HOUR_MS, 10 * MINUTE_MS).await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        let adelaide = path_of(&rig, Some("fold-forward"), Some(("wattlebird", "Australia/Adelaide")));
        let before = of_date(&feed(&rig, &adelaide).await, "20270112");
        rig.clock.advance(MINUTE_MS);
        approve::cancel(&rig.ctx, &issue.id, "somebody").await.unwrap();
        let vendors = of_date(&feed(&rig, &path_of(&rig, Some("fold-forward"), None)).await, "20270112");
        assert!(vendors.status == "CONFIRMED" && vendors.text.contains("cancelled after some had it"), "{vendors:?}");
        let after = of_date(&feed(&rig, &adelaide).await, "20270112");
        assert_eq!((after.sequence, &after.text), (before.sequence, &before.text), "nothing of it is new to them");
        for (readers, status) in [(("wattlebird", "Australia/Adelaide"), "CONFIRMED"), (CHICAGO, "CANCELLED")] {
            let january = of_date(&feed(&rig, &path_of(&rig, Some("fold-forward"), Some(readers))).await, "20270112");
            assert_eq!(january.status, status, "{readers:?} {january:?}");
        }
    }

    /// It says so from the moment in which it arrived, also before that is counted.
    async fn who_has_it_need_not_wait_for_the_count(db: Db) {
        let rig = Rig::new(db).await;
        // 09:03 in Adelaide: the window is open, and nothing is counted.
        rig.pass(EVE_MS + 150 * MINUTE_MS + 3 * MINUTE_MS, 3 * MINUTE_MS).await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        approve::cancel(&rig.ctx, &issue.id, "somebody").await.unwrap();
        let adelaide = path_of(&rig, Some("fold-forward"), Some(("wattlebird", "Australia/Adelaide")));
        let january = of_date(&feed(&rig, &adelaide).await, "20270112");
        assert_eq!(january.status, "CONFIRMED", "{january:?}");
        let page = get(&rig, &adelaide).await.1;
        assert!(!page.to_lowercase().contains("cancelled"), "{page}");
        let chicago = of_date(&feed(&rig, &path_of(&rig, Some("fold-forward"), Some(CHICAGO))).await, "20270112");
        assert_eq!(chicago.status, "CANCELLED", "{chicago:?}");
        rig.pass(EVE_MS + 4 * HOUR_MS, 10 * MINUTE_MS).await;
        let counted = of_date(&feed(&rig, &adelaide).await, "20270112");
        assert!(counted.status == "CONFIRMED" && counted.sequence >= january.sequence, "{january:?} {counted:?}");
    }

    /// What was sent says how it went, to those who look on later, and is forgotten after two months.
    async fn what_is_over_says_how_it_went(db: Db) {
        let rig = Rig::new(db).await;
        let path = path_of(&rig, Some("fold-forward"), Some(CHICAGO));
        rig.send_january().await;
        rig.clock.set(EVE_MS + 2 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let january = of_date(&feed(&rig, &path).await, "20270112");
        assert!(january.text.contains("Came late") && january.status == "CONFIRMED", "{january:?}");
        let (status, page) = get(&rig, &path).await;
        assert_eq!(status, 200);
        assert!(page.contains("On time lately (within 15 min): 0 of 1") && page.contains("Came late"), "{page}");
        rig.clock.set(EVE_MS + 70 * DAY_MS);
        assert!(!feed(&rig, &path).await.iter().any(|entry| entry.uid.contains("/20270112T")));
    }

    /// An hour that the clocks leave out: the entry is at the hour after, named by the hour that was promised.
    async fn a_clock_change_is_said(db: Db) {
        let rig = Rig::new(db).await;
        let folder = Folder::new();
        let newsletter = "---\nkind: newsletter\ntitle: Night Note\ncadence: daily at 02:30\nzone: contact\n\
            sender: newsletter\napproval: automatic\nwhy: \"You are a contact.\"\n---\nEvery night.\n";
        folder.write("newsletters/night-note.md", newsletter);
        folder.sync(&rig).await;
        let path = path_of(&rig, Some("night-note"), Some(CHICAGO));
        let all = feed(&rig, &path).await;
        assert_eq!(all.iter().filter(|entry| entry.start.as_str() > "20270112").count(), 60, "sixty ahead, and no more");
        rig.clock.set(EVE_MS + 50 * DAY_MS);
        let spring = of_date(&feed(&rig, &path).await, "20270314");
        assert_eq!(spring.uid, "newsletters/night-note/20270314T0230/America/Chicago@northlight");
        assert_eq!(spring.start, "20270314T080000Z", "{spring:?}");
        assert!(spring.text.contains("Other than usual:"), "{spring:?}");
        folder.remove("newsletters/night-note.md");
        folder.sync(&rig).await;
        // It stays for as long as what is over does, with all that was ahead taken back.
        let everything = path_of(&rig, None, Some(CHICAGO));
        for path in [&path, &everything] {
            let gone = of_date(&feed(&rig, path).await, "20270314");
            assert_eq!((&gone.uid, &gone.start, gone.status.as_str()), (&spring.uid, &spring.start, "CANCELLED"));
            assert!(gone.sequence > spring.sequence, "{spring:?} {gone:?}");
        }
        folder.write("newsletters/night-note.md", newsletter);
        folder.sync(&rig).await;
        let again = of_date(&feed(&rig, &path).await, "20270314");
        assert_eq!(again.status, "CONFIRMED", "it comes back, and is itself again");
        folder.remove("newsletters/night-note.md");
        folder.sync(&rig).await;
        rig.clock.set(rig.clock_ms() + 61 * DAY_MS);
        for (ending, status) in [("", 410), (".ics", 410), (".json", 410)] {
            let (found, body) = get(&rig, &format!("{path}{ending}")).await;
            assert_eq!(found, status, "{ending}");
            assert!(body.contains("no longer"), "{body}");
        }
        let rest = feed(&rig, &everything).await;
        assert!(!rest.is_empty() && !rest.iter().any(|entry| entry.uid.contains("night-note")));
    }

    /// A calendar that is for nobody any more, for a partner that is unknown, or not signed by us.
    async fn what_was_never_there_or_is_gone(db: Db) {
        let rig = Rig::new(db).await;
        for (newsletter, partner, status) in [
            (None, Some(("nobody", "UTC")), 410),
            (Some("nothing"), None, 410),
            (Some("nothing"), Some(CHICAGO), 410),
            (Some("fold-forward"), None, 200),
            (None, Some(("dune-gate", "Asia/Dubai")), 200),
        ] {
            let path = path_of(&rig, newsletter, partner);
            for ending in ["", ".ics", ".json"] {
                assert_eq!(get(&rig, &format!("{path}{ending}")).await.0, status, "{newsletter:?} {partner:?} {ending}");
            }
            assert_eq!(get(&rig, &format!("{path}.pdf")).await.0, 404);
            assert_eq!(get(&rig, &format!("{}A", path)).await.0, 404);
            assert_eq!(ask(&rig, Method::POST, &path, "").await.0, 405, "it cannot be written to");
        }
        let (_, arabic) = get(&rig, &path_of(&rig, None, Some(("dune-gate", "Asia/Dubai")))).await;
        assert!(arabic.contains("dir=\"rtl\"") && arabic.contains("webcal://partnercast.test/calendars/"), "{arabic}");
    }

    /// The vendor's own calendar has one entry a date, over all zones; a partner's has its webinars, too.
    async fn the_vendor_sees_all_zones_in_one_entry(db: Db) {
        let rig = Rig::new(db).await;
        let all = feed(&rig, &path_of(&rig, Some("fold-forward"), None)).await;
        let february = of_date(&all, "20270209");
        assert_eq!(february.start, "20270208T223000Z", "where it is nine first");
        for zone in ["Australia/Adelaide: Tue 9 Feb 2027, 09:00", "America/Vancouver: Tue 9 Feb 2027, 09:00"] {
            assert!(february.text.contains(zone), "{}", february.text);
        }
        let theirs = feed(&rig, &path_of(&rig, None, Some(CHICAGO))).await;
        let webinar = theirs.iter().find(|entry| entry.uid == "webinars/live-restore-in-20-minutes@northlight").unwrap();
        let (status, alone) = get(&rig, "/p/northlight/webinars/live-restore-in-20-minutes/calendar.ics").await;
        assert_eq!((status, &entries(&alone)[0]), (200, webinar), "the same entry by itself");
        let (_, page) = get(&rig, "/p/northlight/webinars/live-restore-in-20-minutes").await;
        assert!(page.contains("/p/northlight/webinars/live-restore-in-20-minutes/calendar.ics"), "{page}");
        assert_eq!(get(&rig, "/p/northlight/blog/restores-not-backups/calendar.ics").await.0, 404);
        assert_eq!(get(&rig, "/p/northlight/webinars/none/calendar.ics").await.0, 404);
    }

    /// The month page refuses what is no month, newsletter or partner, and shows what is asked for.
    async fn a_month_shows_what_is_asked_for(db: Db) {
        let rig = Rig::new(db).await;
        let (status, all) = get(&rig, "/console/calendar").await;
        assert_eq!(status, 200);
        for title in ["January 2027", "Fold Forward", "Live restore in 20 minutes", "?month=2026-12", "?month=2027-02"] {
            assert!(all.contains(title), "{title}: {all}");
        }
        let (_, one) = get(&rig, "/console/calendar?month=2027-01&newsletter=fold-forward&partner=northlight").await;
        assert!(one.contains("Fold Forward") && !one.contains("Blog published"), "{one}");
        assert!(one.contains("?month=2027-02&amp;newsletter=fold-forward&amp;partner=northlight"), "{one}");
        let (_, none) = get(&rig, "/console/calendar?month=2028-11&newsletter=&partner=").await;
        assert!(none.contains("November 2028") && none.contains("Fold Forward"), "{none}");
        for (query, status) in [("month=2031-01", 422), ("month=x", 422), ("newsletter=none", 404), ("partner=none", 404)] {
            assert_eq!(get(&rig, &format!("/console/calendar?{query}")).await.0, status, "{query}");
            assert_eq!(get(&rig, &format!("/console/calendar.json?{query}")).await.0, status, "{query}");
        }
    }

    /// A webinar that is taken away or replaced stays in calendars, cancelled; one that nobody could know of is gone.
    async fn a_webinar_that_is_taken_away_is_cancelled(db: Db) {
        let rig = Rig::new(db).await;
        let folder = Folder::new();
        let reference = "webinars/live-restore-in-20-minutes";
        let text = fs::read_to_string(folder.0.path().join(format!("{reference}.md"))).unwrap();
        folder.write("webinars/extra.md", &text);
        folder.write("webinars/later.md", &text.replace("publish: 2027-01-0", "publish: 2027-02-0"));
        folder.sync(&rig).await;
        let all = async || feed(&rig, &path_of(&rig, None, Some(CHICAGO))).await;
        let of = |all: &[Kept], name: &str| all.iter().find(|kept| kept.uid == format!("webinars/{name}@northlight")).cloned();
        let alone = "/p/northlight/webinars/extra/calendar.ics";
        let before = of(&all().await, "extra").unwrap();
        assert_eq!((before.status.as_str(), of(&all().await, "later")), ("CONFIRMED", None));
        folder.remove("webinars/extra.md");
        folder.remove("webinars/later.md");
        folder.sync(&rig).await;
        let gone = of(&all().await, "extra").unwrap();
        assert_eq!((gone.status.as_str(), &gone.start, &gone.title), ("CANCELLED", &before.start, &before.title));
        assert!(gone.sequence > before.sequence && of(&all().await, "later").is_none());
        assert_eq!(entries(&get(&rig, alone).await.1), std::slice::from_ref(&gone));
        // It comes back, and is itself again.
        folder.write("webinars/extra.md", &text);
        folder.sync(&rig).await;
        let again = of(&all().await, "extra").unwrap();
        assert!(again.status == "CONFIRMED" && again.sequence > gone.sequence);
        rig.clock.set(rig.clock_ms() + MINUTE_MS);
        let order = recall::Order { reference: "webinars/extra", to: Some(reference), because: "held as one" };
        let by = (rig.clock_ms(), &*rig.ctx.random);
        recall::recall(&rig.ctx.db, &rig.ctx.library(), by, "rosa", &order).await.unwrap();
        let replaced = of(&all().await, "extra").unwrap();
        assert!(replaced.status == "CANCELLED" && replaced.sequence > again.sequence);
    }

    /// A webinar that is held at another hour is the same entry at a higher number; so is the one in its bundle.
    async fn a_webinar_keeps_its_entry(db: Db) {
        let rig = Rig::new(db).await;
        let folder = Folder::new();
        let reference = "webinars/live-restore-in-20-minutes";
        let alone = format!("/p/northlight/{reference}/calendar.ics");
        let before = entries(&get(&rig, &alone).await.1).remove(0);
        let text = fs::read_to_string(folder.0.path().join(format!("{reference}.md"))).unwrap();
        folder.write(&format!("{reference}.md"), &text.replace("start: 2027-01-21", "start: 2027-01-22"));
        folder.sync(&rig).await;
        let after = entries(&get(&rig, &alone).await.1).remove(0);
        assert_eq!(after.uid, before.uid);
        assert!(after.sequence > before.sequence && after.start.starts_with("20270122"), "{before:?} {after:?}");
        let all = feed(&rig, &path_of(&rig, None, Some(CHICAGO))).await;
        assert!(all.contains(&after), "{all:#?}");
        let one = get(&rig, &path_of(&rig, None, Some(CHICAGO))).await.1;
        let own = path_of(&rig, Some("fold-forward"), Some(CHICAGO));
        assert!(one.contains(&format!("href=\"{own}\"")), "each newsletter's own calendar is linked: {one}");
    }
}
