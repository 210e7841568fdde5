//! Key messages: nobody is told one more often than it is told, and nobody meets one in the same form twice in a row.

use std::fs;

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    store::{audience, issues, touches},
    work::{
        plan,
        touches::{Parts, note},
    },
};

use super::{
    Rig, letters,
    letters::NewIssue,
    rig::{EVE_MS, copied},
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number, rows, values},
};

const BLOG: &str = "blog/restores-not-backups";
const VIDEO: &str = "videos/restore-in-eleven-minutes";

/// The demo's content with these caps, without limits, the calendar, and the demo's own January issue.
fn folder(messages: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    for rules in ["calendar.toml", "norway.ics", "frequency.toml"] {
        fs::remove_file(dir.path().join("rules").join(rules)).unwrap();
    }
    let rules = dir.path().join("rules/messages.toml");
    let text = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("{text}{messages}")).unwrap();
    let january = dir.path().join("newsletters/fold-forward/2027-01-12");
    for ending in ["md", "de.md", "es.md", "ja.md", "ar.md"] {
        fs::remove_file(january.with_extension(ending)).unwrap();
    }
    dir
}

/// A rig with a daily note on these days from the 13th on, and these caps.
async fn with_note(db: partnercast::store::Db, messages: &str, notes: &[NewIssue<'_>]) -> Rig {
    let rig = Rig::new(db).await;
    let dir = folder(messages);
    letters::write(dir.path(), "note", "cadence: daily at 09:00\nzone: vendor\nfreeze_minutes: 60\n", notes);
    letters::synced(&rig, dir.path()).await;
    rig
}

async fn note_of(rig: &Rig, date: &str) -> issues::Issue {
    issue_of(rig, "note", date).await
}

async fn issue_of(rig: &Rig, slug: &str, date: &str) -> issues::Issue {
    issues::named(&rig.ctx.db, None, Some(slug), Some(date)).await.unwrap().remove(0)
}

/// How many got a note, and the reason and its word of somebody who did not.
async fn of_note(rig: &Rig, date: &str) -> (i64, Option<(String, String)>) {
    of_issue(rig, "note", date).await
}

async fn of_issue(rig: &Rig, slug: &str, date: &str) -> (i64, Option<(String, String)>) {
    let issue = issue_of(rig, slug, date).await;
    let people = audience::listed(&rig.ctx.db, &issue.id, "").await.unwrap();
    let out = people.into_iter().find(|person| !person.included);
    let count = audience::included_count(&rig.ctx.db, &issue.id).await.unwrap();
    (count, out.map(|person| (person.reason, person.because)))
}

/// The files of which a note has cards, for anybody.
async fn cards_of(rig: &Rig, date: &str) -> Vec<String> {
    let issue = note_of(rig, date).await;
    let sql = "SELECT DISTINCT a.path FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
               WHERE a.part = 'card' AND r.issue_id = $1 ORDER BY a.path";
    let cards: Vec<(String,)> = rows(&rig.ctx.db, sql, values![&issue.id]).await;
    cards.into_iter().map(|(path,)| path).collect()
}

both_dbs! {
    /// The third mail about it does not go to whoever had two, with the reason; a mail about something else does.
    async fn a_message_stops_at_its_own_cap(db: Db) {
        let about = "key_message: few\n";
        let notes: [NewIssue<'_>; 4] = [
            ("2027-01-13", about, "Hello."),
            ("2027-01-14", about, "Hello again."),
            ("2027-01-15", about, "Hello once more."),
            ("2027-01-16", "", "Something else."),
        ];
        let rig = with_note(db, "[[message]]\nslug = \"few\"\ntitle = \"Few words do\"\ntouches_max = 2\n", &notes).await;
        rig.pass(EVE_MS + 5 * DAY_MS, 60 * MINUTE_MS).await;
        assert_eq!((of_note(&rig, "2027-01-13").await, of_note(&rig, "2027-01-14").await), ((33, None), (33, None)));
        let because = "Has been told “Few words do” 2 times, which is as often as one is";
        assert_eq!(of_note(&rig, "2027-01-15").await, (0, Some(("touches".to_owned(), because.to_owned()))));
        assert_eq!(of_note(&rig, "2027-01-16").await, (33, None));
        let covered = touches::coverage(&rig.ctx.db, Some("northlight")).await.unwrap();
        assert!(covered.iter().all(|row| (&*row.key_message, row.times, row.has_watch) == ("few", 2, false)), "{covered:?}");
        let people = touches::people_by_roles(&rig.ctx.db, Some("northlight")).await.unwrap();
        let all = |counts: &mut dyn Iterator<Item = i64>| counts.sum::<i64>();
        assert_eq!(all(&mut covered.iter().map(|row| row.people)), all(&mut people.iter().map(|(_, count)| *count)));
    }

    /// A card in the form met last is left out, and another one takes its turn; what has nothing else in it stays away.
    async fn forms_take_turns(db: Db) {
        let [blog, video] = [BLOG, VIDEO].map(|card| format!("features: [{card}]\n"));
        let both = format!("features: [{BLOG}, {VIDEO}]\n");
        let notes: [NewIssue<'_>; 4] = [
            ("2027-01-13", &blog, "Read it."),
            ("2027-01-14", &both, "There is a film, too."),
            ("2027-01-15", &video, "::: sales\nFor you.\n:::"),
            ("2027-01-16", &both, "All of it."),
        ];
        let rig = with_note(db, "", &notes).await;
        rig.pass(EVE_MS + 40 * HOUR_MS, HOUR_MS).await;
        let next = plan::ahead(&rig.ctx, Some("note"), 1).await.unwrap().remove(0);
        assert_eq!(next.date.to_string(), "2027-01-14");
        for variant in &next.variants {
            // It was never for developers.
            let left_out: &[&str] = if variant.roles == "development" { &[] } else { &[BLOG] };
            assert_eq!(variant.without, left_out, "it is said before: {variant:?}");
        }
        rig.pass(EVE_MS + 5 * DAY_MS, HOUR_MS).await;
        let [blog, video] = [BLOG, VIDEO].map(|card| format!("{card}.md"));
        assert!(cards_of(&rig, "2027-01-13").await.contains(&blog));
        // The film is for sales, technical and executive readers; of the others some read last and get neither.
        assert_eq!(cards_of(&rig, "2027-01-14").await, [video.as_str()]);
        assert_eq!(cards_of(&rig, "2027-01-15").await, [] as [&str; 0], "they watched it last");
        let (got, out) = of_note(&rig, "2027-01-15").await;
        assert!(got > 0 && out.is_some(), "sales readers have words of their own");
        let people = audience::listed(&rig.ctx.db, &note_of(&rig, "2027-01-15").await.id, "").await.unwrap();
        let told: Vec<_> = people.iter().filter(|person| person.reason == "touches").collect();
        let because = "Met “A backup is not a recovery until somebody has restored it” the time before in this form, too (watch)";
        assert!(!told.is_empty() && told.iter().all(|person| person.because == because), "{told:?}");
        assert!(cards_of(&rig, "2027-01-16").await.iter().any(|card| card.starts_with("blog/")), "reading again");
    }

    /// A mail that tells it in two forms leaves neither for the next one.
    async fn all_forms_of_the_last_mail_count(db: Db) {
        let both = format!("features: [{BLOG}, {VIDEO}]\n");
        let blog = format!("features: [{BLOG}]\n");
        let notes: [NewIssue<'_>; 2] = [("2027-01-13", &both, "Read it, or watch it."), ("2027-01-14", &blog, "Read it again.")];
        let rig = with_note(db, "", &notes).await;
        rig.pass(EVE_MS + 3 * DAY_MS, 60 * MINUTE_MS).await;
        let first = cards_of(&rig, "2027-01-13").await;
        assert!([BLOG, VIDEO].iter().all(|card| first.contains(&format!("{card}.md"))), "{first:?}");
        assert_eq!(cards_of(&rig, "2027-01-14").await, [] as [&str; 0], "they read it in the mail before");
        assert_eq!(of_note(&rig, "2027-01-14").await, (33, None), "its own words are for everybody");
    }

    /// What is fixed and not sent yet counts as told; what is cancelled counts no more.
    async fn what_is_on_its_way_counts(db: Db) {
        let about = "key_message: once\n";
        let notes: [NewIssue<'_>; 3] = [
            ("2027-01-13", about, "Hello."),
            ("2027-01-14", about, "Hello again."),
            ("2027-01-15", about, "And again."),
        ];
        let rig = with_note(db, "[[message]]\nslug = \"once\"\ntitle = \"Once\"\ntouches_max = 1\n", &notes).await;
        rig.clock.set(EVE_MS + 2 * DAY_MS - 6 * 60 * MINUTE_MS);
        partnercast::work::publish::tick(&rig.ctx).await.unwrap();
        let first = note_of(&rig, "2027-01-13").await;
        let pending = touches::pending_issues(&rig.ctx.db, rig.clock_ms()).await.unwrap();
        assert_eq!(pending, [first.id.as_str()], "nothing of it has left");
        rig.clock.set(EVE_MS + 3 * DAY_MS - 6 * 60 * MINUTE_MS);
        partnercast::work::publish::tick(&rig.ctx).await.unwrap();
        let (got, out) = of_note(&rig, "2027-01-14").await;
        assert_eq!((got, out.map(|(reason, _)| reason)), (0, Some("touches".to_owned())));
        assert!(in_tx!(&rig.ctx.db, tx => issues::control(tx, &first.id, "cancelled")));
        rig.pass(EVE_MS + 4 * DAY_MS, 60 * MINUTE_MS).await;
        assert_eq!(of_note(&rig, "2027-01-15").await.0, 33, "nobody was told");
    }

    /// What is fixed together counts as if it came one after the other: what one mail tells no other one does; in one mail a
    /// message is told once, and a card is there once.
    async fn what_is_fixed_together_counts_as_well(db: Db) {
        let rig = Rig::new(db).await;
        let dir = folder("[[message]]\nslug = \"once\"\ntitle = \"Once\"\ntouches_max = 1\n");
        let card = format!("key_message: once\nfeatures: [{BLOG}]\n");
        for (slug, at, keys) in [("alpha", "09:00", &*card), ("beta", "11:00", &*card), ("gamma", "12:00", "key_message: once\n")] {
            let cadence = format!("cadence: daily at {at}\nzone: vendor\nfreeze_minutes: 60\ndigest_hours: 2\n");
            letters::write(dir.path(), slug, &cadence, &[("2027-01-12", keys, &format!("Words of {slug}."))]);
        }
        letters::synced(&rig, dir.path()).await;
        rig.pass(EVE_MS + DAY_MS, 30 * MINUTE_MS).await;
        // Beta rides in alpha's mails; gamma is too late for those, and beta has none of its own.
        let date = "2027-01-12";
        assert_eq!((of_issue(&rig, "alpha", date).await, of_issue(&rig, "beta", date).await), ((33, None), (33, None)));
        let because = "Has been told “Once” once, which is as often as one is";
        assert_eq!(of_issue(&rig, "gamma", date).await, (0, Some(("touches".to_owned(), because.to_owned()))));
        let text = rig.mail_to("dev.patel@thornbury.example").await.text.unwrap();
        assert!(text.contains("Words of alpha.") && text.contains("Words of beta."), "{text}");
        assert_eq!(text.matches("A backup report").count(), 1, "{text}");
    }

    /// What was told is noted in parts, so many at a look; the next one goes on where the last one ended.
    async fn a_look_notes_so_much_and_no_more(db: Db) {
        let rig = with_note(db, "", &[("2027-01-13", "key_message: restores-not-backups\n", "Hello.")]).await;
        rig.pass(EVE_MS + DAY_MS + 11 * 60 * MINUTE_MS, 60 * MINUTE_MS).await;
        rig.clock.set(EVE_MS + DAY_MS + 13 * 60 * MINUTE_MS);
        rig.drain().await;
        let mut tx = rig.ctx.db.begin().await.unwrap();
        issues::finish(&mut tx, rig.clock_ms()).await.unwrap();
        tx.commit().await.unwrap();
        let noted = async || number(&rig.ctx.db, "SELECT COUNT(*) FROM touch", values![]).await;
        for expected in [0, 10, 20, 30, 33] {
            assert_eq!(noted().await, expected);
            note(&rig.ctx, Parts { rows: 5, count: 2 }).await.unwrap();
        }
        assert_eq!(touches::ended_issues(&rig.ctx.db).await.unwrap().len(), 0);
    }
}
