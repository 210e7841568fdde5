//! How an issue comes to leave: approved by whom, tried on whom first, with which subject.

use std::fs;

use axum::http::Method;
use partnercast::{
    domain::{
        content::{Severity, vendor::Duty},
        kernel::{
            EmailAddress, Kind, Slug,
            clock::{HOUR_MS, MINUTE_MS, UtcMs},
            random::SeededRandom,
        },
        partner::{Contact, Roles},
    },
    store::{audience, deliveries, events, issues, partners},
    work::{
        approve::{self, Approved},
        kept, plan, preferences, publish, sync, test_send,
    },
};

use super::{
    Rig,
    console::{ask, get},
    hand_off::{follow, person},
    rig::{EVE_MS, copied},
};
use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, number, rows, values},
};

pub(super) const MARCUS: &str = "marcus.adeyemi@brackenfold.example";
const INGRID: &str = "ingrid.solheim@brackenfold.example";
/// 2027-01-12 08:00 UTC: 09:00 in Oslo.
pub(super) const DUE_MS: UtcMs = EVE_MS + 12 * HOUR_MS;

/// A rig whose content has a newsletter for 12 January at 09:00 in Oslo with these keys, to everybody, and its issue.
pub(super) async fn with_letter(db: partnercast::store::Db, keys: &str, issue_keys: &str) -> Rig {
    with_letter_in(&tempfile::tempdir().unwrap(), db, keys, issue_keys).await
}

/// The same, with the content in the folder `dir`.
pub(super) async fn with_letter_in(
    dir: &tempfile::TempDir,
    db: partnercast::store::Db,
    keys: &str,
    issue_keys: &str,
) -> Rig {
    written(dir, db, ("vendor", keys), issue_keys).await
}

/// The same by the clocks of `zone`.
pub(super) async fn with_letter_by(
    db: partnercast::store::Db,
    zone: &str,
    keys: &str,
    issue_keys: &str,
) -> Rig {
    written(&tempfile::tempdir().unwrap(), db, (zone, keys), issue_keys).await
}

async fn written(
    dir: &tempfile::TempDir,
    db: partnercast::store::Db,
    (zone, keys): (&str, &str),
    issue_keys: &str,
) -> Rig {
    let rig = Rig::new(db).await;
    copied(dir.path());
    let folder = dir.path().join("newsletters");
    fs::create_dir(folder.join("note")).unwrap();
    let letter = format!(
        "---\nkind: newsletter\ntitle: Note\ncadence: second Tuesday at 09:00\nzone: {zone}\nsender: newsletter\n\
         freeze_minutes: 60\n{keys}why: \"You are a contact.\"\n---\nEvery month.\n"
    );
    fs::write(folder.join("note.md"), letter).unwrap();
    let issue = format!(
        "---\nkind: issue\ntitle: Note\nnewsletter: note\ndate: 2027-01-12\nsubject: Note A\n{issue_keys}preheader: p\n\
         theme: t\n---\nHello. [Read it](asset:blog/restores-not-backups)\n"
    );
    fs::write(folder.join("note/2027-01-12.md"), issue).unwrap();
    let synced = sync::sync(&rig.ctx, dir.path(), false).await.unwrap();
    let errors: Vec<_> = synced.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(synced.changed > 0, "{errors:?}");
    rig
}

pub(super) async fn note(rig: &Rig) -> issues::Issue {
    issues::named(&rig.ctx.db, None, Some("note"), None).await.unwrap().remove(0)
}

/// Subjects of the mails to somebody, the oldest first.
pub async fn mails_to(rig: &Rig, address: &str) -> Vec<String> {
    let mut mails = rig.mailbox.list(10_000).await.unwrap();
    mails.reverse();
    mails.into_iter().filter(|mail| mail.to.contains(address)).map(|mail| mail.subject).collect()
}

both_dbs! {
    /// Above so many readers two different people must approve the same; who may not is refused; the hash binds both.
    async fn a_second_person_approves_many_readers(db: Db) {
        let rig = with_letter(db, "approval: required\nsecond_approval_above: 20\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        assert_eq!((issue.state.as_str(), issue.approvals_needed), ("frozen", 2));
        let says = async |who: &str, hash: &str| approve::approve(&rig.ctx, &issue.id, hash, who).await;
        let error = says("priya.raman@brackenfold.example", &issue.content_hash).await.unwrap_err();
        assert!(error.kind() == Kind::Denied && error.public().contains("may not approve"), "{error}");
        assert_eq!(says("someone@gone.example", &issue.content_hash).await.unwrap_err().kind(), Kind::Denied);
        assert_eq!(says(MARCUS, "0000").await.unwrap_err().kind(), Kind::Conflict, "a stale hash");
        assert_eq!(says(MARCUS, &issue.content_hash).await.unwrap(), Approved::Missing(1));
        let again = says(MARCUS, &issue.content_hash).await.unwrap_err();
        assert!(again.public().contains("somebody else must"), "{again}");
        assert_eq!(note(&rig).await.state, "frozen");
        assert_eq!(says(INGRID, &issue.content_hash).await.unwrap(), Approved::Whole);
        let approved = note(&rig).await;
        assert_eq!(approved.approved_by.as_deref(), Some(&*format!("{MARCUS} and {INGRID}")));
        for who in [MARCUS, "operator"] {
            let again = says(who, &issue.content_hash).await.unwrap_err();
            assert!(again.public().contains(&format!("approved already, by {MARCUS} and {INGRID}")), "{again}");
        }
        rig.pass(DUE_MS + 17 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap().verdict, Some("kept"));
    }

    /// The operator is one person, by whichever door they come.
    async fn the_operator_approves_once(db: Db) {
        let rig = with_letter(db, "approval: required\nsecond_approval_above: 20\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        let says = async |who: &str| approve::approve(&rig.ctx, &issue.id, &issue.content_hash, who).await;
        assert_eq!(says("operator").await.unwrap(), Approved::Missing(1));
        let again = says("operator (command line)").await.unwrap_err();
        assert!(again.public().contains("somebody else must"), "{again}");
        assert_eq!(says(INGRID).await.unwrap(), Approved::Whole);
    }

    /// Whoever may approve is told, reminded, and told that it is late, each once; with them whom the newsletter names.
    async fn approvers_are_urged(db: Db) {
        let rig = with_letter(db, "approval: required\nescalate_to: priya.raman@brackenfold.example\n", "").await;
        let library = rig.ctx.library();
        let may: Vec<&str> = library.vendor.iter().flat_map(|vendor| &vendor.staff)
            .filter(|member| member.may.contains(&Duty::Approve)).map(|member| member.email.as_str()).collect();
        assert_eq!(may, [INGRID, MARCUS]);
        rig.pass(DUE_MS - 59 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, MARCUS).await, ["Note of 2027-01-12 waits for your approval"]);
        rig.pass(DUE_MS - 20 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, MARCUS).await.len(), 2);
        assert!(mails_to(&rig, "priya.raman").await.is_empty());
        rig.pass(DUE_MS + 20 * MINUTE_MS, MINUTE_MS).await;
        let told = mails_to(&rig, INGRID).await;
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[2], "Note of 2027-01-12 is late: nobody approved it");
        assert_eq!(mails_to(&rig, "priya.raman").await, told[2..]);
        let issue = note(&rig).await;
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 22 * MINUTE_MS, MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.eligible, told.accepted), (Some("late"), 33, 33), "late is shown as late");
    }

    /// With one of two approvals the others are asked for one more; who has said yes is asked no more, escalated to or not; and
    /// mail about an issue comes from its newsletter's sender.
    async fn one_more_approval_is_asked_for(db: Db) {
        let keys = format!("approval: required\nsecond_approval_above: 20\nescalate_to: {MARCUS}\n");
        let rig = with_letter(db, &keys, "").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, MINUTE_MS).await;
        let issue = note(&rig).await;
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 2 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, MARCUS).await.len(), 1, "asked once, before they said yes");
        let told = mails_to(&rig, INGRID).await;
        assert_eq!(told[1..], ["Note of 2027-01-12 waits for 1 more approval", "Note of 2027-01-12 is late: it waits for 1 more approval"]);
        let from: Vec<(String,)> = rows(&rig.ctx.db, "SELECT DISTINCT r.sender FROM delivery d JOIN rendition r ON r.id = d.rendition_id WHERE d.source LIKE 'approval:%'", vec![]).await;
        let library = rig.ctx.library();
        let own = library.vendor.as_ref().unwrap().senders["newsletter"].email.as_str();
        assert_eq!(from, [(own.to_owned(),)]);
    }

    /// An issue that would leave by itself and was held is nobody's fault: they are asked whether it shall go.
    async fn an_automatic_issue_whose_time_passed_is_asked_about(db: Db) {
        let rig = with_letter(db, "approval: automatic\ncatch_up_hours: 1\n", "").await;
        rig.clock.set(DUE_MS + 3 * HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        assert_eq!((issue.state.as_str(), issue.held_because.is_some()), ("frozen", true));
        rig.pass(DUE_MS + 3 * HOUR_MS + 2 * MINUTE_MS, MINUTE_MS).await;
        let told = mails_to(&rig, INGRID).await;
        let told: Vec<&String> = told.iter().filter(|subject| subject.contains("Note")).collect();
        assert_eq!(told, ["The time of Note of 2027-01-12 has passed: shall it still go?"]);
        let (_, overview) = get(&rig, "/console").await;
        assert!(overview.contains("note of 2027-01-12 is missed") && overview.contains("It waits for approval: its time passed, and"), "{overview}");
    }

    /// What was returned to draft leads to what was frozen in its place, and says so; who may not approve may not undo either.
    async fn links_outlive_a_return_to_draft(db: Db) {
        let rig = with_letter(db, "approval: required\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let old = note(&rig).await.id;
        const PRIYA: &str = "priya.raman@brackenfold.example";
        assert_eq!(approve::return_to_draft(&rig.ctx, &old, PRIYA).await.unwrap_err().kind(), Kind::Denied);
        assert_eq!(approve::cancel(&rig.ctx, &old, PRIYA).await.unwrap_err().kind(), Kind::Denied);
        approve::pause(&rig.ctx, &old, PRIYA).await.unwrap();
        approve::resume(&rig.ctx, &old, PRIYA).await.unwrap();
        execute(&rig.ctx.db, "UPDATE issue SET control = 'paused', paused_because = 'a card was recalled'", vec![]).await;
        assert_eq!(approve::resume(&rig.ctx, &old, PRIYA).await.unwrap_err().kind(), Kind::Denied);
        approve::resume(&rig.ctx, &old, INGRID).await.unwrap();
        approve::return_to_draft(&rig.ctx, &old, INGRID).await.unwrap();
        let path = format!("/console/issues/{old}");
        let (status, page) = get(&rig, &path).await;
        assert!(status == 200 && page.contains("returned to draft") && page.contains("/console/audience/note/2027-01-12"), "{page}");
        publish::tick(&rig.ctx).await.unwrap();
        let now = note(&rig).await.id;
        let (status, to, _) = ask(&rig, Method::GET, &path, "").await;
        assert_eq!((status, to.as_str()), (303, &*format!("/console/issues/{now}?instead=yes")));
        let (_, page) = get(&rig, &to).await;
        assert!(page.contains("frozen in its place") && page.contains("May approve") && page.contains("Marcus Adeyemi"), "{page}");
        assert!(!page.contains("0 of 33 accepted") && page.contains("Waits for approval"));
        assert_eq!(get(&rig, "/console/issues/iss_none").await.0, 404);
    }

    /// What somebody who may approve has stopped only such a one has go on, what another did anybody.
    async fn an_approvers_stop_holds(db: Db) {
        let rig = with_letter(db, "approval: automatic\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let id = note(&rig).await.id;
        const PRIYA: &str = "priya.raman@brackenfold.example";
        approve::pause(&rig.ctx, &id, INGRID).await.unwrap();
        let refused = approve::resume(&rig.ctx, &id, PRIYA).await.unwrap_err();
        assert!(refused.kind() == Kind::Denied && refused.public().contains("somebody who may approve has stopped"), "{refused}");
        approve::resume(&rig.ctx, &id, MARCUS).await.unwrap();
        approve::pause(&rig.ctx, &id, PRIYA).await.unwrap();
        approve::resume(&rig.ctx, &id, PRIYA).await.unwrap();
        assert_eq!(note(&rig).await.control, "running");
    }

    /// Who looks at an issue whose file was edited since reads that what was fixed is what leaves, and how to send the other; a
    /// reader elsewhere reads by whose clock it comes.
    async fn an_edit_after_the_freeze_is_told(db: Db) {
        let dir = tempfile::tempdir().unwrap();
        let rig = with_letter_in(&dir, db, "approval: required\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let path = format!("/console/issues/{}", note(&rig).await.id);
        assert!(!get(&rig, &path).await.1.contains("Its file has changed"));
        let file = dir.path().join("newsletters/note/2027-01-12.md");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("Note A", "Note B")).unwrap();
        assert!(sync::sync(&rig.ctx, dir.path(), false).await.unwrap().changed > 0);
        let page = get(&rig, &path).await.1;
        assert!(page.contains("Its file has changed since it was fixed") && page.contains("return it to draft"), "{page}");
        approve::return_to_draft(&rig.ctx, &note(&rig).await.id, INGRID).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        let now = note(&rig).await;
        assert!(!get(&rig, &format!("/console/issues/{}", now.id)).await.1.contains("Its file has changed"));
        approve::approve(&rig.ctx, &now.id, &now.content_hash, INGRID).await.unwrap();
        rig.pass(DUE_MS + 2 * MINUTE_MS, MINUTE_MS).await;
        let token = rig.one_click_of("bronte.hale@wattlebird.example").await;
        let chosen = preferences::state(&rig.ctx, &token).await.unwrap().newsletters;
        let zone = |slug: &str| chosen.iter().find(|it| it.slug == slug).unwrap().zone.map(|zone| zone.name());
        assert_eq!((zone("note"), zone("fold-forward")), (Some("Europe/Oslo"), None));
    }

    /// The pilot gets it when it is approved, a share at the hour, the rest some minutes later and still in time; what is
    /// stopped in between reaches nobody else.
    async fn few_get_it_before_many(db: Db) {
        let staged = "approval: automatic\nstaged: {pilot: [fjellvakt, dana.whitlock@northlight.example], share: 30, wait_minutes: 10}\n";
        let rig = with_letter(db, staged, "").await;
        rig.pass(DUE_MS - 58 * MINUTE_MS, MINUTE_MS).await;
        let issue = note(&rig).await;
        let stages = async || {
            let counts = audience::stages(&rig.ctx.db, &issue.id).await.unwrap();
            counts.into_iter().map(|count| (count.stage, count.people, count.accepted)).collect::<Vec<_>>()
        };
        let [first, pilot, rest]: [(String, i64, i64); 3] = stages().await.try_into().unwrap();
        assert_eq!((pilot.1, pilot.2), (3, 3), "two at Fjellvakt and Dana, before the hour");
        let date = rig.mail_to("dana.whitlock@northlight.example").await.headers;
        let date = date.into_iter().find(|(name, _)| name == "Date").unwrap().1;
        let dated_ms = chrono::DateTime::parse_from_rfc2822(&date).unwrap().timestamp_millis();
        assert!(dated_ms <= rig.clock_ms(), "no mail is dated later than it leaves: {date}");
        assert!(first.1 > 0 && first.1 < rest.1 && first.2 == 0 && rest.2 == 0, "{first:?} {rest:?}");
        rig.pass(DUE_MS + MINUTE_MS, MINUTE_MS).await;
        let counts = stages().await;
        assert_eq!((counts[0].2, counts[2].2), (first.1, 0), "the share, and nobody of the rest");
        approve::pause(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 12 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(stages().await[2].2, 0, "stopped");
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 13 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(stages().await[2].2, rest.1);
        rig.pass(DUE_MS + 16 * MINUTE_MS, MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.on_time), (Some("kept"), 33));
    }

    /// A mistake found in time: back to draft, mended, fixed anew with another hash, and what was approved before is void.
    async fn an_issue_returns_to_draft(db: Db) {
        let rig = with_letter(db, "approval: required\nsecond_approval_above: 5\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let first = note(&rig).await;
        approve::approve(&rig.ctx, &first.id, &first.content_hash, MARCUS).await.unwrap();
        execute(&rig.ctx.db, "UPDATE partner SET name = 'Northlight Mended' WHERE slug = 'northlight'", vec![]).await;
        approve::return_to_draft(&rig.ctx, &first.id, MARCUS).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        let again = note(&rig).await;
        assert!(again.id != first.id && again.content_hash != first.content_hash && again.state == "frozen");
        let stale = approve::approve(&rig.ctx, &again.id, &first.content_hash, INGRID).await.unwrap_err();
        assert_eq!(stale.kind(), Kind::Conflict);
        assert_eq!(approve::approve(&rig.ctx, &again.id, &again.content_hash, INGRID).await.unwrap(), Approved::Missing(1));
        approve::approve(&rig.ctx, &again.id, &again.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 17 * MINUTE_MS, MINUTE_MS).await;
        let error = approve::return_to_draft(&rig.ctx, &again.id, MARCUS).await.unwrap_err();
        assert!(error.public().contains("the issue is done and cannot become draft"), "{error}");
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.eligible), (Some("kept"), 33), "each once");
        let stray = "SELECT COUNT(*) FROM audience_decision WHERE issue_id = $1";
        assert_eq!(number(&rig.ctx.db, stray, values![&first.id]).await, 0);
    }

    /// What is approved, and released even, is taken back as long as nothing of it was started; also what a recall stopped
    /// while its outbox was being filled.
    async fn what_has_not_left_is_taken_back(db: Db) {
        let rig = with_letter(db.clone(), "approval: automatic\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let first = note(&rig).await;
        assert_eq!(first.state, "sending");
        approve::return_to_draft(&rig.ctx, &first.id, MARCUS).await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE scope = 'note'", vec![]).await, 0);

        publish::tick(&rig.ctx).await.unwrap();
        let second = note(&rig).await;
        assert!(second.id != first.id && second.state == "sending", "{second:?}");
        // As if filling had been broken off by a recall.
        execute(&db, "DELETE FROM delivery WHERE scope = 'note' AND id <> (SELECT MIN(id) FROM delivery WHERE scope = 'note')", vec![]).await;
        execute(&db, "UPDATE issue SET state = 'frozen' WHERE id = $1", values![&second.id]).await;
        approve::return_to_draft(&rig.ctx, &second.id, MARCUS).await.unwrap();

        publish::tick(&rig.ctx).await.unwrap();
        let third = note(&rig).await;
        rig.clock.set(DUE_MS + MINUTE_MS);
        rig.drain().await;
        let error = approve::return_to_draft(&rig.ctx, &third.id, MARCUS).await.unwrap_err();
        assert!(error.public().contains("were started already"), "{error}");
        rig.pass(DUE_MS + 17 * MINUTE_MS, MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.eligible), (Some("kept"), 33), "each once");
    }

    /// Two subjects want many readers; with too few the issue is refused, in the plan already.
    async fn two_subjects_want_enough_readers(db: Db) {
        let rig = with_letter(db, "approval: automatic\n", "subject_b: Note B\n").await;
        let planned = plan::ahead(&rig.ctx, Some("note"), 1).await.unwrap();
        assert!(planned[0].faults[0].contains("two subjects want 500 readers of each"), "{:?}", planned[0].faults);
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        let error = publish::tick(&rig.ctx).await.unwrap_err();
        assert!(error.detail().contains("leave out `subject_b`"), "{}", error.detail());
        assert_eq!(error.detail().matches("newsletters/note/2027-01-12.md").count(), 1, "the file is named once");
        let people: Vec<Contact> = (0..1_100).map(|no| Contact {
            partner: Slug::parse("northlight").unwrap(),
            name: format!("Reader {no}"),
            email: EmailAddress::parse(&format!("reader{no}@northlight.example")).unwrap(),
            roles: Roles::parse("sales").unwrap(),
            locale: None,
            zone: None,
            lead_contact: false,
        }).collect();
        let random = SeededRandom::new(3);
        in_tx!(rig.ctx.db, tx => partners::import(tx, rig.clock_ms(), &random, &[], &people));
        // A minute later it is looked at again.
        rig.pass(DUE_MS + 5 * MINUTE_MS, MINUTE_MS).await;
        let issue = note(&rig).await;
        let found = events::of_subjects(&rig.ctx.db, &issue.id).await.unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found.iter().map(|it| it.readers).sum::<i64>(), 1_133);
        assert!(found.iter().all(|it| it.readers > 500), "{found:?}");
        assert_eq!((found[0].subject.as_str(), found[1].subject.as_str()), ("Note A", "Note B"));
        let of_b: Vec<(String,)> = rows(&rig.ctx.db,
            "SELECT d.id FROM delivery d JOIN rendition r ON r.id = d.rendition_id WHERE d.issue_id = $1 AND r.arm = 'b' ORDER BY d.id LIMIT 3",
            values![&issue.id]).await;
        for (no, (id,)) in of_b.iter().enumerate() {
            execute(&rig.ctx.db, "INSERT INTO engagement_event (id, kind, at_ms, delivery_id, partner_slug, method, agent, network, human, verdict)
                 VALUES ($1, 'click', 1, $2, 'northlight', 'GET', '', '', $3, '')", values![format!("evt_{no}"), id, no > 0]).await;
        }
        let found = events::of_subjects(&rig.ctx.db, &issue.id).await.unwrap();
        assert_eq!((found[0].people, found[1].people), (0, 2), "people alone");
    }

    /// A test of a frozen text goes to somebody at the vendor as its readers will get it, and to nobody else.
    async fn a_test_goes_to_the_vendors_people_alone(db: Db) {
        let rig = with_letter(db, "approval: required\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        let text: (String,) = rows(&rig.ctx.db, "SELECT id FROM rendition WHERE issue_id = $1 AND locale LIKE 'en%' ORDER BY id LIMIT 1", values![&issue.id]).await.remove(0);
        let order = |to| test_send::Order { issue_id: &issue.id, rendition_id: &text.0, to };
        let error = test_send::send(&rig.ctx, order("eve@elsewhere.example"), MARCUS).await.unwrap_err();
        assert!(error.kind() == Kind::Invalid && error.public().contains("of nobody in vendor.toml"), "{error}");
        let stray = test_send::Order { issue_id: "iss_none", ..order(MARCUS) };
        assert_eq!(test_send::send(&rig.ctx, stray, MARCUS).await.unwrap_err().kind(), Kind::NotFound);
        test_send::send(&rig.ctx, order("Priya.Raman@brackenfold.example"), MARCUS).await.unwrap();
        rig.drain().await;
        assert_eq!(mails_to(&rig, "priya.raman").await, ["[Test] Note A"]);
        let mail = rig.mail_to("priya.raman@brackenfold.example").await;
        let says = "This is a test. It shows the mail as ";
        assert!(mail.text.as_ref().unwrap().starts_with(says), "{mail:?}");
        assert!(mail.html.as_ref().unwrap().contains(says));
        let texts = "SELECT COUNT(*) FROM rendition WHERE issue_id = $1 AND subject LIKE '[Test]%'";
        assert_eq!(number(&rig.ctx.db, texts, values![&issue.id]).await, 0, "it is no text of the issue");
        assert_eq!(note(&rig).await.state, "frozen");
        assert!(deliveries::counts(&rig.ctx.db, &issue.id).await.unwrap().is_empty(), "no reader has it");
        // Trying its links is no reader's doing, and its unsubscribe link stops nothing.
        rig.clock.advance(HOUR_MS);
        let (_, target) = follow(&rig, "priya.raman@brackenfold.example", "blog/restores-not-backups").await;
        assert!(target.contains("blog/"), "{target}");
        let human = "SELECT COUNT(*) FROM engagement_event WHERE kind = 'click' AND human";
        assert_eq!(number(&rig.ctx.db, human, values![]).await, 0);
        let token = rig.one_click_of("priya.raman@brackenfold.example").await;
        preferences::unsubscribe(&rig.ctx, &token, &person()).await.unwrap();
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM suppression", values![]).await, 0);
    }
}
