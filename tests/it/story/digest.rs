//! Digests: newsletters that are due together come to whoever gets both as one mail, and every promise is kept by it.

use std::{fs, path::Path};

use axum::http::Method;
use partnercast::{
    channel::catcher::ParsedMail,
    domain::{
        content::Severity,
        kernel::{
            Kind,
            clock::{HOUR_MS, MINUTE_MS, UtcMs},
        },
    },
    store::{approvals, contacts, deliveries, digests, issues},
    work::{
        approve::{self, Approved},
        explain, kept, plan, publish, sync,
    },
};

use super::{
    Rig,
    console::{ask, get},
    letters,
    rig::{EVE_MS, copied},
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

/// 2027-01-12 08:00 UTC: 09:00 in Oslo, when Alpha is due; Beta is two hours later.
pub const DUE_MS: UtcMs = EVE_MS + 12 * HOUR_MS;
/// How the clock is moved: less than the window in which mail is in time.
pub const STEP_MS: i64 = 10 * MINUTE_MS;
pub const MARCUS: &str = "marcus.adeyemi@brackenfold.example";
/// Sales, who get both; an executive, who gets Alpha alone; a technician, who gets Beta alone.
pub const BOTH: &str = "dev.patel@thornbury.example";
pub const ALPHA_ALONE: &str = "alison.grey@thornbury.example";
pub const BETA_ALONE: &str = "rhys.morgan@thornbury.example";

/// A newsletter and its issue of 12 January, with these keys and this text.
pub fn letter(dir: &Path, slug: &str, at: &str, roles: &str, keys: &str, text: &str) {
    let folder = dir.join("newsletters");
    fs::create_dir_all(folder.join(slug)).unwrap();
    let letter = format!(
        "---\nkind: newsletter\ntitle: {slug}\ncadence: second Tuesday at {at}\nzone: vendor\naudience:\n  roles: [{roles}]\n\
         sender: newsletter\nfreeze_minutes: 60\n{keys}why: \"You get {slug} at {{{{ partner.name }}}}.\"\n---\nEvery month.\n"
    );
    fs::write(folder.join(format!("{slug}.md")), letter).unwrap();
    let issue = format!(
        "---\nkind: issue\ntitle: {slug}\nnewsletter: {slug}\ndate: 2027-01-12\nsubject: Subject of {slug}\npreheader: p\n\
         theme: Theme of {slug}\n---\n{text}\n"
    );
    fs::write(folder.join(format!("{slug}/2027-01-12.md")), issue).unwrap();
}

/// A rig with Alpha, for sales and executives, and Beta, for sales and technicians; both may be merged.
pub async fn with_two(db: partnercast::store::Db, alpha: &str, beta: &str) -> (Rig, tempfile::TempDir) {
    let rig = Rig::new(db).await;
    let dir = tempfile::tempdir().unwrap();
    copied(dir.path());
    let limits = "version = 1\npriority = [\"fold-forward\"]\n[[limit]]\nmessages = 2\ndays = 7\n";
    fs::write(dir.path().join("rules/frequency.toml"), limits).unwrap();
    let keys = |keys: &str| format!("digest_hours: 2\n{keys}");
    letter(dir.path(), "alpha", "09:00", "sales, executive", &keys(alpha), "Words of alpha.");
    let text = "Words of beta. [Read it](asset:blog/restores-not-backups)";
    letter(dir.path(), "beta", "11:00", "sales, technical", &keys(beta), text);
    synced(&rig, dir.path()).await;
    (rig, dir)
}

pub async fn synced(rig: &Rig, dir: &Path) {
    let synced = sync::sync(&rig.ctx, dir, false).await.unwrap();
    let errors: Vec<_> = synced.findings.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(synced.changed > 0, "{errors:?}");
}

pub async fn issue(rig: &Rig, slug: &str) -> issues::Issue {
    issues::named(&rig.ctx.db, None, Some(slug), Some("2027-01-12")).await.unwrap().remove(0)
}

/// The newsletters that an issue carries and rides in, each with how many people.
pub async fn beside(rig: &Rig, slug: &str) -> Vec<(bool, String, i64)> {
    let all = digests::of_issue(&rig.ctx.db, &issue(rig, slug).await.id).await.unwrap();
    all.into_iter().map(|it| (it.carried, it.newsletter, it.people)).collect()
}

pub async fn deliveries(rig: &Rig, slug: &str) -> i64 {
    let counts = deliveries::counts(&rig.ctx.db, &issue(rig, slug).await.id).await.unwrap();
    counts.into_iter().map(|(_, count)| count).sum()
}

/// Subjects of mails to somebody but those of the demo's own newsletter, the oldest first.
pub async fn mails_to(rig: &Rig, address: &str) -> Vec<String> {
    let mut mails = rig.mailbox.list(10_000).await.unwrap();
    mails.reverse();
    let to_them = mails.into_iter().filter(|mail| mail.to.contains(address)).map(|mail| mail.subject);
    to_them.filter(|subject| subject.starts_with("Subject of")).collect()
}

/// A text without its lines' ends.
pub fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The `Date` of a mail.
fn dated_ms(mail: &ParsedMail) -> UtcMs {
    let date = mail.headers.iter().find(|(name, _)| name == "Date").unwrap();
    chrono::DateTime::parse_from_rfc2822(&date.1).unwrap().timestamp_millis()
}

pub async fn verdict(rig: &Rig, slug: &str) -> (Option<&'static str>, i64, i64, i64) {
    let told = kept::occurrence(&rig.ctx, slug, "2027-01-12").await.unwrap().unwrap();
    (told.verdict, told.eligible, told.on_time, told.accepted)
}

both_dbs! {
    /// A guest is to be approved until the shared mail leaves, not until its own hour: approvers are told so, and what comes of it
    /// else; whoever asks why an approved host does not leave is told what it waits for. What is approved after its hour leaves
    /// late, in one mail if both are.
    async fn a_guest_is_approved_by_the_hour_of_the_shared_mail(db: Db) {
        let (rig, _dir) = with_two(db, "approval: required\n", "approval: required\n").await;
        rig.clock.set(DUE_MS - HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let waiting = approvals::waiting(&rig.ctx.db).await.unwrap();
        let due = |slug: &str| waiting.iter().find(|it| it.newsletter == slug).unwrap().first_due_ms;
        assert_eq!((due("alpha"), due("beta")), (DUE_MS, DUE_MS), "Beta's own hour is two hours later");
        rig.drain().await;
        let asked = in_one_line(&rig.mail_to(MARCUS).await.text.unwrap());
        assert!(asked.contains("9:00") && asked.contains("if both are approved by the first one"), "{asked}");
        rig.clock.set(DUE_MS + MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let late = rig.mail_to(MARCUS).await;
        assert!(late.subject.contains("late"), "at the hour of the shared mail: {}", late.subject);
        let beta = issue(&rig, "beta").await;
        let approved = approve::approve(&rig.ctx, &beta.id, &beta.content_hash, MARCUS).await.unwrap();
        assert!(matches!(approved, Approved::Whole), "{approved:?}");
        publish::tick(&rig.ctx).await.unwrap();
        let alpha = issue(&rig, "alpha").await;
        let member = digests::members(&rig.ctx.db, &alpha.id).await.unwrap();
        let states: Vec<_> = member.iter().map(|it| (it.newsletter.as_str(), it.state.as_str())).collect();
        assert_eq!(states, [("alpha", "frozen"), ("beta", "approved")], "Beta's own hour has not come");
        let person = contacts::named(&rig.ctx.db, BETA_ALONE).await.unwrap().pop();
        let approved = issue(&rig, "beta").await;
        let told = explain::explain(&rig.ctx.db, rig.clock_ms(), &approved, BETA_ALONE, person).await.unwrap();
        let next = told.decision.next.unwrap();
        assert!(next.contains("waits until its hour for alpha of 2027-01-12"), "{next}");
        approve::approve(&rig.ctx, &alpha.id, &alpha.content_hash, MARCUS).await.unwrap();
        rig.clock.advance(3 * HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let person = contacts::named(&rig.ctx.db, BOTH).await.unwrap().pop();
        let told = explain::explain(&rig.ctx.db, rig.clock_ms(), &beta, BOTH, person).await.unwrap();
        let released_ms = issue(&rig, "alpha").await.released_ms.unwrap();
        assert!(released_ms > DUE_MS);
        assert_eq!(dated_ms(&rig.mail_to(BOTH).await), released_ms, "RFC 5322 3.6.1: not before it could leave");
        let late = told.deliveries[0].late_ms.unwrap();
        assert!((HOUR_MS..HOUR_MS + 2 * MINUTE_MS).contains(&late), "counted from Beta's own hour: {late}");
    }

    /// Whoever gets both has them as one mail at the first one's hour, who gets one has it at its own; both promises are
    /// kept, and for the budget it is one message.
    async fn two_newsletters_come_as_one_mail(db: Db) {
        let (rig, _dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        let planned = plan::ahead(&rig.ctx, None, 1).await.unwrap();
        let of = |slug: &str| planned.iter().find(|it| it.newsletter == slug).unwrap();
        assert_eq!(of("alpha").carries.iter().map(|it| (it.newsletter.as_str(), it.people)).collect::<Vec<_>>(), [("beta", 9)]);
        assert_eq!(of("beta").rides_in.iter().map(|it| (it.newsletter.as_str(), it.people)).collect::<Vec<_>>(), [("alpha", 9)]);
        assert_eq!((of("alpha").readers, of("beta").readers), (17, 15));
        assert_eq!(of("beta").freezes_ms, Some(DUE_MS - HOUR_MS), "with the first of them");
        rig.pass(DUE_MS - 59 * MINUTE_MS, STEP_MS).await;
        assert_eq!(beside(&rig, "alpha").await, [(true, "beta".to_owned(), 9)]);
        assert_eq!(beside(&rig, "beta").await, [(false, "alpha".to_owned(), 9)]);
        assert_eq!((deliveries(&rig, "alpha").await, deliveries(&rig, "beta").await), (17, 6), "no second one for riders");
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        assert_eq!(mails_to(&rig, ALPHA_ALONE).await, ["Subject of alpha"]);
        assert!(mails_to(&rig, BETA_ALONE).await.is_empty(), "its hour has not come");
        assert_eq!(issue(&rig, "beta").await.state, "sending");
        let both = rig.mail_to(BOTH).await;
        let (html, text) = (both.html.unwrap(), both.text.unwrap());
        for words in ["Words of alpha", "Theme of beta", "Words of beta", "You get beta at Thornbury", "You get alpha at Thornbury", "Also in this mail"] {
            assert!(html.contains(words), "no `{words}` in HTML");
        }
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no `{words}` in {text}"));
        assert!(at("Words of alpha") < at("beta | 12 January 2027") && at("beta | ") < at("Words of beta"), "{text}");
        assert!(at("Words of beta") < at("You get beta at") && at("You get beta at") < at("You get alpha at"), "{text}");
        let alone = rig.mail_to(ALPHA_ALONE).await;
        assert!(!alone.html.unwrap().contains("beta") && !alone.text.unwrap().contains("beta"));
        let (_, page) = get(&rig, &format!("/console/issues/{}", issue(&rig, "beta").await.id)).await;
        let host = format!("In the mails of <a href=\"/console/issues/{}\">alpha of 2027-01-12</a>", issue(&rig, "alpha").await.id);
        assert!(page.contains(&host) && page.contains("9 of 9 accepted") && page.contains("0 of 6"), "{page}");
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await.len(), 1, "in ONE mail");
        assert_eq!(mails_to(&rig, BETA_ALONE).await, ["Subject of beta"]);
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 17, 17, 17));
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        assert_eq!(issue(&rig, "beta").await.state, "done");
        let because: (String,) = rows(&rig.ctx.db,
            "SELECT because FROM audience_decision a JOIN contact c ON c.id = a.contact_id WHERE a.issue_id = $1 AND c.email = $2",
            values![&issue(&rig, "beta").await.id, BOTH]).await.remove(0);
        assert!(because.0.ends_with("; rides in alpha of 2027-01-12"), "{}", because.0);
        let held = "SELECT COUNT(*) FROM rendition_asset a JOIN rendition r ON r.id = a.rendition_id
                    WHERE a.path = 'newsletters/beta/2027-01-12.md' AND r.issue_id = $1";
        assert!(number(&rig.ctx.db, held, values![&issue(&rig, "alpha").await.id]).await > 0, "`who` finds it");
    }

    /// Where all readers of an issue get it in another's mails, its page shows those, and no figures of mails it has none of.
    async fn what_rides_whole_shows_whose_mails_it_rides_in(db: Db) {
        let (rig, dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        letter(dir.path(), "beta", "11:00", "sales", "digest_hours: 2\napproval: automatic\n", "Words of beta.");
        synced(&rig, dir.path()).await;
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!(deliveries(&rig, "beta").await, 0);
        let (_, page) = get(&rig, &format!("/console/issues/{}", beta.id)).await;
        let host = format!("/console/issues/{}\">alpha of 2027-01-12</a>", alpha.id);
        assert!(page.contains(&host) && page.contains("9 of 9 accepted"), "{page}");
        assert!(!page.contains("0 of 0") && !page.contains("0 accepted") && !page.contains("Nothing has left yet"), "{page}");
    }

    /// What needs an approval holds up what carries it; either one's return takes the other along; approval is bound to the
    /// text that is merged.
    async fn a_digest_is_approved_and_returned_as_a_whole(db: Db) {
        let (rig, dir) = with_two(db, "approval: automatic\n", "approval: required\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!((alpha.state.as_str(), beta.state.as_str()), ("approved", "frozen"));
        let text = "Words of beta, mended.";
        letter(dir.path(), "beta", "11:00", "sales, technical", "digest_hours: 2\napproval: required\n", text);
        synced(&rig, dir.path()).await;
        approve::return_to_draft(&rig.ctx, &alpha.id, MARCUS).await.unwrap();
        let stale_page = |id: &str, hash: &str| {
            let (path, body) = (format!("/console/issues/{id}/approve"), format!("content_hash={hash}"));
            let rig = &rig;
            async move { ask(rig, Method::POST, &path, &body).await }
        };
        for (one, says) in [
            (&alpha, "marcus.adeyemi@brackenfold.example took alpha of 2027-01-12 back to draft."),
            (&beta, "beta of 2027-01-12 went back to draft: it shared mails with alpha of 2027-01-12, which was returned by marcus"),
        ] {
            let (status, page) = get(&rig, &format!("/console/issues/{}", one.id)).await;
            assert!(status == 200 && page.contains(says), "{status} {page}");
            let (status, _, page) = stale_page(&one.id, &one.content_hash).await;
            assert!(status == 409 && page.contains(says) && page.contains("frozen anew within a minute"), "{status} {page}");
        }
        rig.pass(DUE_MS - 40 * MINUTE_MS, STEP_MS).await;
        let now = issue(&rig, "beta").await.id;
        assert_eq!(ask(&rig, Method::GET, &format!("/console/issues/{}", beta.id), "").await.1, format!("/console/issues/{now}?instead=yes"));
        let (status, _, page) = stale_page(&beta.id, &beta.content_hash).await;
        assert!(status == 409 && page.contains(&format!("href=\"/console/issues/{now}\"")), "{status} {page}");
        let changed = "/console/diff/newsletters/beta/2027-01-12.md?from=1&amp;to=2";
        assert!(page.contains(changed), "it says what changed: {page}");
        assert!(!page.contains("alpha/2027-01-12.md"), "and what did not is not named: {page}");
        let (alpha2, beta2) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert!(alpha.id != alpha2.id && beta.id != beta2.id, "both were fixed anew");
        assert!(alpha.content_hash != alpha2.content_hash && beta.content_hash != beta2.content_hash);
        approve::return_to_draft(&rig.ctx, &beta2.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS - 30 * MINUTE_MS, STEP_MS).await;
        let (alpha3, beta3) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert!(alpha2.id != alpha3.id && beta2.id != beta3.id);
        assert_eq!((alpha3.state.as_str(), beta3.state.as_str()), ("approved", "frozen"));
        let stale = approve::approve(&rig.ctx, &beta3.id, &beta.content_hash, MARCUS).await.unwrap_err();
        assert_eq!(stale.kind(), Kind::Conflict);
        assert_eq!(approve::approve(&rig.ctx, &beta3.id, &beta3.content_hash, MARCUS).await.unwrap(), Approved::Whole);
        rig.pass(DUE_MS - 20 * MINUTE_MS, STEP_MS).await;
        assert_eq!((issue(&rig, "alpha").await.state.as_str(), issue(&rig, "beta").await.state.as_str()), ("sending", "sending"));
        // Released, and nothing of it started: it may still be taken back, as a whole.
        approve::return_to_draft(&rig.ctx, &alpha3.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS - 10 * MINUTE_MS, STEP_MS).await;
        let (alpha4, beta4) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert!(alpha3.id != alpha4.id && beta3.id != beta4.id);
        approve::approve(&rig.ctx, &beta4.id, &beta4.content_hash, MARCUS).await.unwrap();
        let (status, _, page) = stale_page(&beta4.id, &beta4.content_hash).await;
        assert!(status == 409 && page.contains("approved already, by marcus.adeyemi") && page.contains(&beta4.id), "{status} {page}");
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS).await;
        let error = approve::return_to_draft(&rig.ctx, &beta4.id, MARCUS).await.unwrap_err();
        assert!(error.kind() == Kind::Conflict && error.public().contains("were started already"), "{error}");
        assert!(rig.mail_to(BOTH).await.text.unwrap().contains("Words of beta, mended."));
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!((verdict(&rig, "alpha").await.0, verdict(&rig, "beta").await.0), (Some("kept"), Some("kept")));
        let stray = "SELECT COUNT(*) FROM audience_decision WHERE issue_id NOT IN (SELECT id FROM issue)";
        assert_eq!(number(&rig.ctx.db, stray, values![]).await, 0);
        let links = "SELECT COUNT(*) FROM issue_guest";
        assert_eq!(number(&rig.ctx.db, links, values![]).await, 1);
    }

    /// One of them cancelled before they are released: the other one is fixed anew without it, and comes by itself.
    async fn what_is_cancelled_in_time_takes_nothing_along(db: Db) {
        let (rig, _dir) = with_two(db, "approval: required\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!((alpha.state.as_str(), beta.state.as_str()), ("frozen", "approved"), "it waits for its host");
        approve::pause(&rig.ctx, &beta.id, MARCUS).await.unwrap();
        approve::approve(&rig.ctx, &alpha.id, &alpha.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS - 45 * MINUTE_MS, STEP_MS).await;
        assert_eq!(issue(&rig, "alpha").await.state, "approved", "what rides in it is paused");
        approve::cancel(&rig.ctx, &beta.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS - 40 * MINUTE_MS, STEP_MS).await;
        let again = issue(&rig, "alpha").await;
        assert!(again.id != alpha.id && again.state == "frozen", "approval of the other text is void");
        assert!(beside(&rig, "alpha").await.is_empty());
        approve::approve(&rig.ctx, &again.id, &again.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 17, 17, 17));
        assert_eq!(verdict(&rig, "beta").await, (Some("missed"), 15, 0, 0));
    }

    /// The host cancelled before: its guest comes by itself at its own hour.
    async fn a_guest_without_its_host_comes_alone(db: Db) {
        let (rig, _dir) = with_two(db, "approval: required\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        approve::cancel(&rig.ctx, &issue(&rig, "alpha").await.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of beta"]);
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        assert_eq!(issue(&rig, "alpha").await.state, "cancelled");
    }

    /// Cancelled while nothing has left, however long it was released: its guest comes by itself, and nobody loses it.
    async fn a_guest_outlives_its_host_until_that_leaves(db: Db) {
        let (rig, _dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!((alpha.state.as_str(), beta.state.as_str()), ("sending", "sending"));
        let says = "beta of 2027-01-12 goes back to draft, and is fixed anew without it; approvals of it are void.";
        assert_eq!(approve::cancelling(&rig.ctx.db, &alpha).await.unwrap(), says);
        approve::cancel(&rig.ctx, &alpha.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of beta"]);
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        assert_eq!(verdict(&rig, "alpha").await, (Some("missed"), 17, 0, 0));
        assert_eq!(deliveries(&rig, "alpha").await, 17, "the evidence stays");
    }

    /// A guest cancelled while nothing has left is in no mail.
    async fn a_cancelled_guest_is_in_no_mail(db: Db) {
        let (rig, _dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        approve::cancel(&rig.ctx, &issue(&rig, "beta").await.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        assert!(!rig.mail_to(BOTH).await.text.unwrap().contains("beta"));
        assert_eq!((verdict(&rig, "alpha").await.0, verdict(&rig, "beta").await.0), (Some("kept"), Some("missed")));
    }

    /// Once something has left nothing is returned. Who loses what is said before, and what is counted is true: the promises
    /// of what rode in a mail that did not leave are not kept, and the page of the promise says why.
    async fn what_did_not_leave_is_not_counted(db: Db) {
        let (rig, _dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        execute(&rig.ctx.db, "UPDATE delivery SET attempt = 1 WHERE issue_id = $1 AND email = $2", values![&alpha.id, ALPHA_ALONE]).await;
        let says = "9 readers of beta of 2027-01-12 lose it, since it comes in mails of this one.";
        assert_eq!(approve::cancelling(&rig.ctx.db, &alpha).await.unwrap(), says);
        let says = "What comes in the mail of alpha of 2027-01-12 leaves with that.";
        assert_eq!(approve::cancelling(&rig.ctx.db, &beta).await.unwrap(), says);
        assert!(get(&rig, &format!("/console/issues/{}", alpha.id)).await.1.contains("9 readers of beta"));
        approve::cancel(&rig.ctx, &alpha.id, MARCUS).await.unwrap();
        let error = approve::return_to_draft(&rig.ctx, &beta.id, MARCUS).await.unwrap_err();
        assert!(error.kind() == Kind::Conflict && error.public().contains("were started already"), "{error}");
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert!(mails_to(&rig, BOTH).await.is_empty());
        assert_eq!(verdict(&rig, "beta").await, (Some("partial"), 15, 6, 6));
        assert_eq!(issue(&rig, "beta").await.state, "done");
        let (_, page) = get(&rig, "/console/promises/beta/2027-01-12").await;
        assert!(page.contains("Of the mails of alpha of 2027-01-12 in which it came 9 were cancelled."), "{page}");
    }

    /// Who unsubscribes from the host between fixing and sending gets nothing; of the guest that is no kept promise. Who
    /// wants no mail at all is in nobody's count.
    async fn who_unsubscribes_from_the_host_is_counted_truly(db: Db) {
        let (rig, _dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        for (key, scope) in [(BOTH, "alpha"), ("jens.krueger@rheinbogen.example", "all")] {
            execute(&rig.ctx.db,
                "INSERT INTO suppression (email_key, scope, reason, source, created_ms) VALUES ($1, $2, 'unsubscribed', 'unsubscribe', $3)",
                values![key, scope, rig.clock_ms()]).await;
        }
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert!(mails_to(&rig, BOTH).await.is_empty());
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 15, 15, 15));
        assert_eq!(verdict(&rig, "beta").await, (Some("partial"), 14, 13, 13));
    }

    /// Two nodes that fix at once: each issue is there once, and both in one digest.
    async fn two_nodes_fix_it_once(db: Db) {
        let (rig, dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.clock.set(DUE_MS - 59 * MINUTE_MS);
        let other = rig.another(rig.clock.clone(), 99);
        sync::sync(&other, dir.path(), true).await.unwrap();
        let (one, two) = tokio::join!(publish::tick(&rig.ctx), publish::tick(&other));
        one.and(two).unwrap();
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(beside(&rig, "alpha").await, [(true, "beta".to_owned(), 9)]);
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        assert_eq!((verdict(&rig, "alpha").await.2, verdict(&rig, "beta").await.2), (17, 15));
    }

    /// A guest with a fault keeps nobody from the host's mail, and comes by itself when it is mended.
    async fn a_faulty_guest_holds_up_nobody(db: Db) {
        let (rig, dir) = with_two(db, "approval: automatic\n", "approval: automatic\n").await;
        let faulty = "Words of beta. Call {{ partner.phone }}.";
        letter(dir.path(), "beta", "11:00", "sales, technical", "digest_hours: 2\napproval: automatic\n", faulty);
        synced(&rig, dir.path()).await;
        let bare = "{\"primary\":\"#000000\",\"accent\":\"#000000\"}";
        execute(&rig.ctx.db, "UPDATE partner SET brand = $1 WHERE slug = 'thornbury'", values![bare]).await;
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS).await;
        assert!(beside(&rig, "alpha").await.is_empty());
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        letter(dir.path(), "beta", "11:00", "sales, technical", "digest_hours: 2\napproval: automatic\n", "Mended.");
        synced(&rig, dir.path()).await;
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BETA_ALONE).await, ["Subject of beta"]);
    }

    /// Two that are too much in one mail come alone, also where the one that would ride is fixed first.
    async fn what_is_too_much_together_comes_alone(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        fs::remove_file(dir.path().join("rules/frequency.toml")).unwrap();
        // A mail may have a megabyte, as HTML and as text together.
        let long = format!("{}\n\n", "Much and more. ".repeat(33)).repeat(600);
        for (slug, at, minutes) in [("alpha", "09:00", 60), ("beta", "11:00", 300)] {
            let keys = format!(
                "cadence: second Tuesday at {at}\nzone: vendor\naudience:\n  roles: [executive]\nfreeze_minutes: {minutes}\ndigest_hours: 2\n"
            );
            letters::write(dir.path(), slug, &keys, &[("2027-01-12", "", &long)]);
        }
        letters::synced(&rig, dir.path()).await;
        rig.clock.set(DUE_MS - 2 * HOUR_MS);
        publish::tick(&rig.ctx).await.unwrap();
        assert!(issues::exists(&rig.ctx.db, "beta", "2027-01-12").await.unwrap(), "its hour to be fixed has come");
        assert!(!issues::exists(&rig.ctx.db, "alpha", "2027-01-12").await.unwrap());
        rig.pass(DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS, 20 * MINUTE_MS).await;
        assert_eq!((verdict(&rig, "alpha").await.0, verdict(&rig, "beta").await.0), (Some("kept"), Some("kept")));
        assert!(beside(&rig, "alpha").await.is_empty());
    }
}
