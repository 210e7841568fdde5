//! Through the nights in which clocks change, with two nodes racing: one issue, one copy each, at the promised instant.

use std::{collections::BTreeMap, fs, sync::Arc};

use chrono::Offset as _;
use partnercast::{
    domain::{
        kernel::{
            EmailAddress, Locale, Slug,
            clock::{DAY_MS, MINUTE_MS, ManualClock, UtcMs},
            random::SeededRandom,
        },
        partner::{Contact, Roles},
    },
    store::{Db, issues, partners},
    work::{kept, publish, sync},
};

use super::{Rig, rig::copied};
use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, rows, values},
};

/// The readers' zones.
const ZONES: [&str; 5] =
    ["America/New_York", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Australia/Adelaide"];

/// A night: whose clocks change, what is promised, and the instant it is then, worked out by hand.
const NIGHTS: [(&str, &str, &str, &str); 10] = [
    ("America/New_York", "2027-03-14", "02:30", "2027-03-14T07:00:00Z"),
    ("America/New_York", "2027-11-07", "01:30", "2027-11-07T05:30:00Z"),
    ("Europe/Berlin", "2027-03-28", "02:30", "2027-03-28T01:00:00Z"),
    ("Europe/Berlin", "2027-10-31", "02:30", "2027-10-31T00:30:00Z"),
    // Its last changes but one; since 2019 its clocks stand still.
    ("America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-17", "23:30", "2018-02-18T01:30:00Z"),
    ("Australia/Lord_Howe", "2027-10-03", "02:15", "2027-10-02T15:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-04", "01:45", "2027-04-03T14:45:00Z"),
    ("Australia/Adelaide", "2027-10-03", "02:30", "2027-10-02T16:30:00Z"),
    ("Australia/Adelaide", "2027-04-04", "02:30", "2027-04-03T16:00:00Z"),
];

fn ms(instant: &str) -> UtcMs {
    chrono::DateTime::parse_from_rfc3339(instant).unwrap().timestamp_millis()
}

/// How far the clocks of `zone` are ahead of UTC at an instant.
fn offset_ms(zone: &str, at_ms: UtcMs) -> i64 {
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let at = chrono::DateTime::from_timestamp_millis(at_ms).unwrap().with_timezone(&zone);
    i64::from(at.offset().fix().local_minus_utc()) * 1_000
}

/// Two readers in each zone, and nobody else.
async fn people(rig: &Rig) {
    execute(&rig.ctx.db, "UPDATE contact SET active = FALSE", vec![]).await;
    let contacts: Vec<Contact> = ZONES
        .iter()
        .flat_map(|zone| (0..2).map(move |no| (zone, no)))
        .map(|(zone, no)| Contact {
            partner: Slug::parse("northlight").unwrap(),
            name: format!("Reader {no}"),
            email: EmailAddress::parse(&format!(
                "r{no}@{}.example",
                zone.to_lowercase().replace(['/', '_'], "-")
            ))
            .unwrap(),
            roles: Roles::parse("sales").unwrap(),
            locale: Some(Locale::parse("en").unwrap()),
            zone: Some(zone.parse().unwrap()),
            lead_contact: false,
        })
        .collect();
    let random = SeededRandom::new(11);
    in_tx!(rig.ctx.db, tx => partners::import(tx, rig.clock_ms(), &random, &[], &contacts));
}

/// The demo's content with a daily newsletter at `time` and its issue of `date`.
async fn write(rig: &Rig, slug: &str, date: &str, time: &str) {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let folder = dir.path().join("newsletters");
    fs::create_dir(folder.join(slug)).unwrap();
    let letter = format!(
        "---\nkind: newsletter\ntitle: Nightly\ncadence: daily at {time}\nzone: contact\nsender: newsletter\n\
         freeze_minutes: 30\non_time_minutes: 15\napproval: automatic\nwhy: \"You are a contact.\"\n---\nEvery night.\n"
    );
    fs::write(folder.join(format!("{slug}.md")), letter).unwrap();
    let issue = format!(
        "---\nkind: issue\ntitle: Night\nnewsletter: {slug}\ndate: {date}\nsubject: Night {slug}\npreheader: p\ntheme: t\n---\n\
         The clocks change tonight.\n"
    );
    fs::write(folder.join(format!("{slug}/{date}.md")), issue).unwrap();
    let synced = sync::sync(&rig.ctx, dir.path(), false).await.unwrap();
    assert!(synced.changed > 0, "{:?}", synced.findings);
}

both_dbs! {
    /// Each of the ten nights.
    async fn one_copy_each_at_the_promised_instant(db: Db) {
        let rig = Rig::new(db).await;
        people(&rig).await;
        for (no, (changes, date, time, instant)) in NIGHTS.into_iter().enumerate() {
            let slug = format!("night-{no}");
            let label = format!("{changes} on {date} at {time}");
            rig.clock.set(ms(instant) - 40 * 60 * MINUTE_MS);
            write(&rig, &slug, date, time).await;
            // The other node's clock is a little ahead; it never was told of the content but by the database.
            let clock = Arc::new(ManualClock::new(rig.clock_ms()));
            let other = rig.another(clock.clone(), 99);
            sync::load(&other).await.unwrap();
            let mut at: Vec<UtcMs> = Vec::new();
            let nominal = chrono::NaiveDateTime::parse_from_str(&format!("{date} {time}"), "%Y-%m-%d %H:%M").unwrap();
            let about_ms = nominal.and_utc().timestamp_millis();
            // Every hour around the world, from ten minutes before to twenty after each zone's instant, by the clock before the
            // change as by that after it, and on both sides of the instant of whose clocks change.
            at.extend((-16..16).map(|step| about_ms + step * 60 * MINUTE_MS));
            for zone in ZONES {
                let mut about: Vec<UtcMs> = [-DAY_MS, DAY_MS].map(|days| about_ms - offset_ms(zone, about_ms + days)).to_vec();
                about.dedup();
                let steps = |about_ms: UtcMs| (-1..=2).map(move |step| about_ms + step * 10 * MINUTE_MS);
                at.extend(about.into_iter().flat_map(steps));
            }
            at.extend([ms(instant) - 1, ms(instant), ms(instant) + 1]);
            at.sort_unstable();
            at.dedup();
            let mut first_seen: BTreeMap<String, UtcMs> = BTreeMap::new();
            for now_ms in at {
                rig.clock.set(now_ms);
                clock.set(now_ms);
                let both = tokio::join!(publish::tick(&rig.ctx), publish::tick(&other));
                both.0.unwrap();
                both.1.unwrap();
                let (mut one, mut two) = (rig.deliverer(), rig.deliverer());
                let sent = match rig.ctx.db {
                    Db::Postgres(_) => {
                        let sent = tokio::join!(one.drain(), two.drain());
                        sent.0.unwrap() + sent.1.unwrap()
                    }
                    // A file has one process that sends.
                    Db::Sqlite { .. } => one.drain().await.unwrap(),
                };
                if sent == 0 {
                    continue;
                }
                let accepted = "SELECT email, state FROM delivery WHERE scope = $1 AND accepted_ms IS NOT NULL";
                for (email, _) in rows::<(String, String)>(&rig.ctx.db, accepted, values![&slug]).await {
                    first_seen.entry(email).or_insert(now_ms);
                }
            }
            let of_night = issues::named(&rig.ctx.db, None, Some(&slug), Some(date)).await.unwrap();
            assert_eq!((of_night.len(), of_night[0].state.as_str()), (1, "done"), "{label}");
            let due: Vec<(String, i64)> = rows(
                &rig.ctx.db,
                "SELECT reader_zone, due_ms FROM promise WHERE newsletter = $1 AND issue_id IS NOT NULL ORDER BY 1",
                values![&slug],
            )
            .await;
            assert_eq!(due.len(), 5, "{label}: each zone once: {due:?}");
            let of_zone = due.iter().find(|(zone, _)| zone == changes).unwrap();
            assert_eq!(of_zone.1, ms(instant), "{label}");
            assert_eq!(first_seen.len(), 10, "{label}: everybody");
            for (email, seen_ms) in &first_seen {
                let (_, due_ms) = due.iter().find(|(zone, _)| email.ends_with(&format!("@{}.example", zone.to_lowercase().replace(['/', '_'], "-")))).unwrap();
                assert!((*due_ms..due_ms + 10 * MINUTE_MS).contains(seen_ms), "{label}: {email} at {seen_ms}, due {due_ms}");
            }
            let at_the_instant = first_seen.values().filter(|seen_ms| **seen_ms == ms(instant)).count();
            assert!(at_the_instant >= 2, "{label}: not a millisecond later, and none before");
            let told = kept::occurrence(&rig.ctx, &slug, date).await.unwrap().unwrap();
            assert_eq!((told.verdict, told.eligible, told.on_time), (Some("kept"), 10, 10), "{label}");
            let mails = rig.mailbox.list(10_000).await.unwrap();
            assert_eq!(mails.iter().filter(|mail| mail.subject == format!("Night {slug}")).count(), 10, "{label}: one copy each");
        }
    }
}
