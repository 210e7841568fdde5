//! What a file said when, and who has it: through syncs, a real issue, a real git repository.

use std::{fs, path::Path, process::Command};

use axum::http::Method;
use partnercast::{
    domain::kernel::{
        Kind,
        clock::{DAY_MS, HOUR_MS},
        id::DeliveryId,
        token::Purpose,
    },
    render::diff::Change,
    store::{deliveries, partners, renditions},
    work::{
        holders::{self, Answer, Question},
        revisions::{self, Count, Eyes, Told},
        sync,
        tokens::MailToken,
        track,
    },
};

use super::{
    Rig,
    console::{ask, get},
    rig::{self, EVE_MS},
    steering::Program,
};
use crate::harness::{
    both_dbs,
    databases::{block_on, number, sqlite_at},
    environment,
};

/// An article that the January issue has a card of.
pub(super) const ARTICLE: &str = "blog/restores-not-backups";
const FILE: &str = "blog/restores-not-backups.md";

/// A copy of the demo's content that may be changed.
pub fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    rig::copied(folder.path());
    folder
}

/// Changes a file of the folder and has it synced.
pub(super) async fn change(rig: &Rig, folder: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let path = folder.join(file);
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    synced(rig, folder).await;
}

/// Has the folder synced as it is, an hour later.
pub(super) async fn synced(rig: &Rig, folder: &Path) {
    rig.clock.advance(HOUR_MS);
    let done = sync::sync(&rig.ctx, folder, false).await.unwrap();
    assert!(done.changed + done.gone > 0, "{:?}", done.findings);
}

async fn told(rig: &Rig, path: &str) -> Vec<Told> {
    revisions::history(&rig.ctx.db, path, i64::MAX, 100, Count::People).await.unwrap().revisions
}

async fn who(rig: &Rig, no: Option<i64>, limit: usize) -> Answer {
    let question = Question { path: FILE, no, partner: None, after: None, limit };
    holders::who(&rig.ctx.db, &question).await.unwrap()
}

/// Whether `git` did it.
fn git(folder: &Path, arguments: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args([
        "-c",
        "user.name=Ana",
        "-c",
        "user.email=ana@x.example",
        "-c",
        "commit.gpgsign=false",
    ]);
    git.args(arguments)
        .env("GIT_AUTHOR_DATE", "1799697000 +0100")
        .output()
        .is_ok_and(|done| done.status.success())
}

both_dbs! {
    /// Each change is a number; an earlier text that comes back keeps its hash and gets a new one; so does a file that left.
    async fn a_file_has_a_history_through_syncs(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        let dir = folder.path();
        let original = fs::read_to_string(dir.join(FILE)).unwrap();
        change(&rig, dir, FILE, |text| format!("{text}\nOne sentence more.\n")).await;
        change(&rig, dir, FILE, |_| original.clone()).await;
        fs::write(dir.join("blog/short-note.md"), note("One.")).unwrap();
        synced(&rig, dir).await;
        fs::remove_file(dir.join("blog/short-note.md")).unwrap();
        synced(&rig, dir).await;
        let gone = told(&rig, "blog/short-note.md").await;
        assert!(!gone[0].is_head && gone[0].removed_ms == Some(rig.clock_ms()), "{gone:?}");
        fs::write(dir.join("blog/short-note.md"), note("One.")).unwrap();
        synced(&rig, dir).await;

        let article = told(&rig, FILE).await;
        let (nos, sizes): (Vec<i64>, Vec<_>) = article.iter().map(|it| (it.no, (it.lines_added, it.lines_removed))).unzip();
        assert_eq!((nos, article[0].same_as, article[0].is_head), (vec![3, 2, 1], Some(1), true));
        assert_eq!(sizes[..2], [(Some(0), Some(2)), (Some(2), Some(0))]);
        assert_eq!((article[2].since_ms, article[1].since_ms), (EVE_MS, EVE_MS + HOUR_MS));
        let note = told(&rig, "blog/short-note.md").await;
        assert_eq!(note.iter().map(|it| (it.no, it.same_as, it.is_head)).collect::<Vec<_>>(), [(2, Some(1), true), (1, None, false)]);
        assert_eq!(told(&rig, "vendor.toml").await.len(), 1, "what did not change has one");
        assert!(told(&rig, "roster/brands/northlight/logo.png").await.iter().all(|it| it.lines_added.is_none()));

        let missing = revisions::path_of(&rig.ctx.db, "blog/restores-not-backup", None).await.unwrap_err();
        assert!(missing.kind() == Kind::NotFound && missing.public().contains("did you mean `blog/restores-not-backups`"), "{missing}");
        let kept = "SELECT COUNT(*) FROM content_revision WHERE path = 'blog/restores-not-backups.md'";
        assert_eq!(number(&rig.ctx.db, kept, vec![]).await, 2, "two texts, three numbers");
    }

    /// The commit of the folder is noted, with subject and date where git can be asked; outside a work tree there is none.
    async fn the_commit_of_the_folder_is_noted(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        let dir = folder.path();
        change(&rig, dir, FILE, |text| format!("{text}\nBefore git.\n")).await;
        assert_eq!(told(&rig, FILE).await[0].commit_id, None);
        let begun = git(dir, &["init", "-q"]).then_some(());
        if environment::needed("git", begun).is_none() {
            return;
        }
        assert!(git(dir, &["add", "-A"]) && git(dir, &["commit", "-q", "-m", "Say what it costs\n\nAnd more."]));
        change(&rig, dir, FILE, |text| format!("{text}\nWith git.\n")).await;
        let first = told(&rig, FILE).await.remove(0);
        assert_eq!(first.commit_subject.as_deref(), Some("Say what it costs"));
        assert_eq!(first.commit_authored_ms, Some(1_799_697_000_000));
        let id = first.commit_id.unwrap();
        let audited = "SELECT COUNT(*) FROM audit WHERE action = 'sync' AND detail LIKE '%, at commit ' || $1";
        assert_eq!(number(&rig.ctx.db, audited, crate::harness::databases::values![&id[..10]]).await, 1);
        assert!(git(dir, &["commit", "-q", "-a", "-m", "Next"]) && git(dir, &["pack-refs", "--all"]));
        change(&rig, dir, FILE, |text| format!("{text}\nPacked.\n")).await;
        let second = told(&rig, FILE).await.remove(0);
        assert_eq!(second.commit_subject.as_deref(), Some("Next"));
        assert_ne!(second.commit_id, Some(id));
    }

    /// What the calendar rules say is stored with the content, calendars included, for processes without the folder.
    async fn calendars_are_stored_and_read_again(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        let one = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20270602\nSUMMARY:Moving day\nEND:VEVENT\nEND:VCALENDAR\n";
        change(&rig, folder.path(), "rules/norway.ics", |_| one.to_owned()).await;
        let rules = rig.ctx.library().rules.calendar.clone();
        let holidays = rules.blackouts.iter().find(|blackout| blackout.calendar.is_some()).unwrap();
        assert_eq!(holidays.days.iter().map(|days| days.title.as_deref()).collect::<Vec<_>>(), [Some("Moving day")]);
        let other = rig.another(rig.clock.clone(), 7);
        let loaded = sync::load(&other).await.unwrap();
        assert_eq!((&other.library().rules.calendar, loaded.changed), (&rules, 0));
        let held = told(&rig, "rules/norway.ics").await;
        assert_eq!(held.len(), 2, "it has a history like any text");
    }

    /// Two texts are compared as a reader gets them: by word, in a partner's voice, for a role.
    async fn two_revisions_are_compared_as_they_are_read(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        let dir = folder.path();
        fs::write(dir.join("blog/short-note.md"), note("{{ partner.name }} asks for 200 euros.")).unwrap();
        synced(&rig, dir).await;
        change(&rig, dir, "blog/short-note.md", |text| text.replace("200", "250").replace("topics: [recovery]", "topics: [backup]")).await;
        let path = "blog/short-note.md";
        let all = revisions::compare(&rig.ctx.db, path, (None, None), Eyes::default(), 1).await.unwrap();
        let changed: Vec<(Change, String)> = all.diff.hunks.iter().flat_map(|hunk| &hunk.lines)
            .filter(|line| line.change != Change::Same)
            .map(|line| (line.change, line.pieces.iter().map(|piece| piece.text.as_str()).collect()))
            .collect();
        let text = |price: i64| format!("{{{{ partner.name }}}} asks for {price} euros.");
        assert_eq!(changed, [(Change::Removed, text(200)), (Change::Added, text(250))]);
        assert!(all.diff.hunks[0].lines.iter().flat_map(|line| &line.pieces).any(|piece| piece.changed && piece.text == "250"));
        let partner = partners::partner(&rig.ctx.db, "northlight").await.unwrap();
        let eyes = Eyes { partner, ..Eyes::default() };
        let theirs = revisions::compare(&rig.ctx.db, path, (Some(1), Some(2)), eyes, 1).await.unwrap();
        let said = serde_json::to_string(&theirs).unwrap();
        assert!(said.contains("Northlight MSP asks for ") && !said.contains("{{"), "{said}");
        let source = Eyes { source: true, ..Eyes::default() };
        let source = revisions::compare(&rig.ctx.db, path, (None, None), source, 0).await.unwrap();
        assert_eq!((source.diff.added, source.diff.removed), (2, 2), "the file's keys too");
        let none = revisions::compare(&rig.ctx.db, path, (Some(1), Some(7)), Eyes::default(), 1).await.unwrap_err();
        assert!(none.public().contains("numbers go from 1 to 2"), "{none}");
        let one = revisions::compare(&rig.ctx.db, FILE, (None, None), Eyes::default(), 1).await.unwrap_err();
        assert!(one.kind() == Kind::Conflict, "{one}");
    }

    /// Whoever was sent the issue has the text that its card was made of, and not what came after; clicks are told with what
    /// they saw.
    async fn who_has_which_is_known_from_the_issue(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        rig.send_january().await;
        let has_one = who(&rig, Some(1), 1_000).await;
        assert!(has_one.people.len() > 5 && has_one.more.is_none() && has_one.issues_unrecorded == 0);
        assert!(has_one.people.iter().all(|held| held.numbers == [1] && held.holder.part == "card"));
        assert_eq!(has_one.people[0].issue, "fold-forward/2027-01-12");

        change(&rig, folder.path(), FILE, |text| format!("{text}\nA correction.\n")).await;
        assert!(who(&rig, Some(2), 1_000).await.people.is_empty(), "nobody was sent the new one");
        let held = &has_one.people[0];
        let links = renditions::links(&rig.ctx.db, &delivery(&rig, &held.holder.delivery_id).await).await.unwrap();
        let link = links.iter().find(|link| link.asset.as_deref() == Some(ARTICLE)).unwrap();
        let mail = MailToken::new(DeliveryId::parse(&held.holder.delivery_id).unwrap(), &delivery(&rig, &held.holder.delivery_id).await).unwrap();
        let visitor = track::Visitor { method: "GET".to_owned(), agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/149.0".to_owned(), ..track::Visitor::default() };
        track::click(&rig.ctx, &mail.sign(&rig.ctx.keys, Purpose::Click), link.no, &visitor).await.unwrap();
        track::write_batch(&rig.ctx).await.unwrap();
        let again = who(&rig, Some(1), 1_000).await;
        let clicked: Vec<_> = again.people.iter().filter(|it| it.holder.clicked_ms.is_some()).collect();
        assert_eq!((clicked.len(), clicked[0].clicked_no), (1, Some(2)), "they have 1, and saw 2");
        assert_eq!(clicked[0].holder.delivery_id, held.holder.delivery_id);

        let counted = told(&rig, FILE).await;
        let people = i64::try_from(has_one.people.len()).unwrap();
        assert_eq!((counted[0].people, counted[1].people), (Some(0), Some(people)));
        let mut pages = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let question = Question { path: FILE, no: Some(1), partner: None, after: after.as_deref(), limit: 4 };
            let page = holders::who(&rig.ctx.db, &question).await.unwrap();
            pages.extend(page.people.into_iter().map(|held| held.holder.delivery_id));
            after = page.more;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, again.people.iter().map(|it| it.holder.delivery_id.clone()).collect::<Vec<_>>());
        let issue = Question { path: "newsletters/fold-forward/2027-01-12.md", no: None, partner: Some("northlight"), after: None, limit: 100 };
        let theirs = holders::who(&rig.ctx.db, &issue).await.unwrap();
        for (partner, after) in [(Some("nobody"), None), (None, Some("dlv_none"))] {
            let unknown = Question { path: FILE, no: Some(1), partner, after, limit: 4 };
            assert_eq!(holders::who(&rig.ctx.db, &unknown).await.unwrap_err().kind(), Kind::NotFound);
        }
        assert!(!theirs.people.is_empty() && theirs.people.iter().all(|it| it.holder.part == "text" && it.holder.partner_slug == "northlight"));
        rig.assert_nothing_left().await;
    }
}

both_dbs! {
    /// A file is known by the text it was made of: in the lead's language, as it was at that moment.
    async fn who_took_a_file_of_which_text(db: Db) {
        const PAPER: &str = "whitepapers/first-24-hours";
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + 90 * DAY_MS);
        let folder = copied();
        let form = "name=Ana+Ruiz&email=ana%40clinic.example&company=Harbor&consent=yes";
        let mut taken = Vec::new();
        for way in ["/p/northlight/whitepapers/first-24-hours", "/p/rheinbogen/whitepapers/first-24-hours?lang=de"] {
            let (status, to, page) = ask(&rig, Method::POST, way, form).await;
            assert_eq!(status, 303, "{page}");
            let (status, file) = get(&rig, &format!("{to}/document.pdf")).await;
            assert!(status == 200 && file.starts_with("%PDF"), "{status}");
            taken.push(to);
        }
        track::write_batch(&rig.ctx).await.unwrap();
        change(&rig, folder.path(), &format!("{PAPER}.md"), |text| format!("{text}
A correction.
")).await;
        assert_eq!(get(&rig, &format!("{}/document.pdf", taken[0])).await.0, 200);
        track::write_batch(&rig.ctx).await.unwrap();
        let takers = async |path: String, no| {
            let question = Question { path: &path, no, partner: None, after: None, limit: 10 };
            let answer = holders::who(&rig.ctx.db, &question).await.unwrap();
            assert!(!answer.takers_cut);
            answer.takers.into_iter().map(|took| (took.taker.partner_slug, took.numbers)).collect::<Vec<_>>()
        };
        let (northlight, rheinbogen) = ("northlight".to_owned(), "rheinbogen".to_owned());
        assert_eq!(takers(format!("{PAPER}.md"), Some(1)).await, [(northlight.clone(), vec![1])]);
        assert_eq!(takers(format!("{PAPER}.md"), None).await, [(northlight.clone(), vec![1]), (northlight, vec![2])]);
        assert_eq!(takers(format!("{PAPER}.de.md"), None).await, [(rheinbogen, vec![1])]);
        rig.drain().await;
    }
}

/// The rendition of a delivery.
async fn delivery(rig: &Rig, id: &str) -> String {
    deliveries::told(&rig.ctx.db, id).await.unwrap().unwrap().rendition_id
}

/// A short article.
pub(super) fn note(text: &str) -> String {
    format!(
        "---\nkind: blog\ntitle: A short note\nsummary: In one sentence.\nroles: [sales, technical]\ntopics: [recovery]\n\
         publish: 2027-01-01\nauthor: Priya Raman\n---\n{text}\n\nThe end.\n"
    )
}

#[test]
fn the_command_line_reads_beside_a_running_process() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.sqlite");
        let program = Program::on(&format!("sqlite:{}", file.display()));
        let rig = Rig::new(sqlite_at(&file).await).await;
        let folder = copied();
        rig.clock.set(EVE_MS + DAY_MS);
        rig.send_january().await;
        change(&rig, folder.path(), FILE, |text| format!("{text}\nA correction.\n")).await;

        let list = program.does(&format!("revisions {ARTICLE}"));
        assert!(
            list.contains("2 (now)")
                && list.contains("+2 -0 lines")
                && list.contains("blog/restores-not-backups.de.md"),
            "{list}"
        );
        let list = program.does("revisions blog/restores-not-backups --locale de --json");
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!(
            (&list["path"], &list["revisions"][0]["no"]),
            (&"blog/restores-not-backups.de.md".into(), &1.into())
        );
        assert!(program.refuses("revisions blog/none").contains("write a reference such as"));
        let says = program.refuses(&format!("revisions {ARTICLE} --locale nb"));
        assert!(
            says.contains("in nb was not found") && says.contains("blog/restores-not-backups.de.md"),
            "{says}"
        );

        let diff = program.does(&format!("diff {ARTICLE} 1 2 --partner northlight --role sales"));
        assert!(diff.contains("+A correction.") && !diff.contains('\u{1b}'), "{diff}");
        let diff: serde_json::Value =
            serde_json::from_str(&program.does(&format!("diff {ARTICLE} --json"))).unwrap();
        assert_eq!((&diff["diff"]["added"], &diff["before"]["no"]), (&2.into(), &1.into()));
        assert!(
            program
                .refuses(&format!("diff {ARTICLE} --partner nobody"))
                .contains("partner `nobody` was not found")
        );

        let who = program.does(&format!("who {ARTICLE} 1"));
        assert!(
            who.contains("card of 1") && who.contains("northlight") && who.contains("messages, 0 files"),
            "{who}"
        );
        assert!(program.does(&format!("who {ARTICLE} 2")).contains("nobody"));
        let who: serde_json::Value = serde_json::from_str(
            &program.does(&format!("who {ARTICLE} --json --limit 3 --partner northlight")),
        )
        .unwrap();
        assert_eq!(who["people"].as_array().unwrap().len(), 3);
        let last = who["more"].as_str().unwrap();
        let rest = program.does(&format!("who {ARTICLE} --limit 3 --partner northlight --after {last}"));
        assert!(!rest.contains(who["people"][0]["email"].as_str().unwrap()), "{rest}");
        assert!(program.does(&format!("who {ARTICLE} --limit 3")).contains("--after dlv_"));
        assert!(program.refuses(&format!("who {ARTICLE} --limit 0")).contains("--limit goes from 1"));
        let says = program.refuses(&format!("recall {ARTICLE} --because wrong"));
        assert!(says.contains(&format!("/console/revisions/{ARTICLE}")), "{says}");
        assert!(program.does("recall").contains("nothing was recalled"));
        rig.ctx.db.close().await;
        drop(rig);
        let says = program.does(&format!("recall {ARTICLE} --because wrong"));
        assert!(says.contains("its present text, revision 2") && says.contains("people have"), "{says}");
        assert!(program.does("recall").contains("wrong  by operator (command line)"));
        assert!(program.refuses(&format!("recall {ARTICLE} --because again")).contains("recalled already"));
        assert!(program.does(&format!("recall {ARTICLE} --lift")).contains("no longer recalled"));
        assert!(program.refuses(&format!("recall {ARTICLE} --lift")).contains("was not found"));
    });
}
