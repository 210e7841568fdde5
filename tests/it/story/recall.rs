//! Taking an asset back: where tracked links lead, what the console says, and how it is undone.

use std::{fs, path::Path};

use axum::http::Method;
use partnercast::{
    domain::kernel::{
        Kind,
        clock::{DAY_MS, MINUTE_MS},
        id::{DeliveryId, LeadId},
        token::Purpose,
    },
    store::{Db, approvals, deliveries, issues, leads, recalls, renditions},
    work::{
        bundle, plan, publish,
        recall::{self, Leads, Order},
        revisions::Count,
        sync,
        tokens::{AccessToken, MailToken},
    },
};

use super::{
    Rig,
    console::{ask, get},
    revisions::{change, copied, note, synced},
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

const NOTE: &str = "blog/short-note";
const NEXT: &str = "blog/next-note";
const ISSUE: &str = "newsletters/fold-forward/2027-01-12.md";

/// The same before its time.
async fn ready(db: Db) -> (Rig, tempfile::TempDir) {
    let rig = Rig::new(db).await;
    let folder = copied();
    for name in [NOTE, NEXT] {
        fs::write(folder.path().join(format!("{name}.md")), note(name)).unwrap();
    }
    let path = folder.path().join(ISSUE);
    let issue =
        fs::read_to_string(&path).unwrap().replace("features:\n", &format!("features:\n  - {NOTE}\n"));
    fs::write(path, issue).unwrap();
    sync::sync(&rig.ctx, folder.path(), false).await.unwrap();
    (rig, folder)
}

/// A rig over a folder with two notes, of which the January issue has a card of the first; it was sent.
async fn sent(db: Db) -> (Rig, tempfile::TempDir) {
    let (rig, folder) = ready(db).await;
    rig.release_by(EVE_MS + DAY_MS).await;
    rig.drain().await;
    (rig, folder)
}

/// Takes the note out of the folder on the day after; the issue's file, which was sent, stays as it is.
async fn remove(rig: &Rig, folder: &Path) {
    rig.clock.advance(DAY_MS);
    fs::remove_file(folder.join(format!("{NOTE}.md"))).unwrap();
    synced(rig, folder).await;
}

/// The tracked link to the note in somebody's mail at northlight.
async fn tracked(rig: &Rig) -> String {
    let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
    for line in deliveries::of_issue(&rig.ctx.db, &issue.id, 0).await.unwrap() {
        let links = renditions::links(&rig.ctx.db, &line.rendition_id).await.unwrap();
        let link = links.iter().find(|link| link.asset.as_deref() == Some(NOTE));
        if let (Some(link), "northlight") = (link, line.partner_slug.as_str()) {
            let mail = MailToken::new(DeliveryId::parse(&line.id).unwrap(), &line.rendition_id).unwrap();
            return format!("/c/{}/{}", mail.sign(&rig.ctx.keys, Purpose::Click), link.no);
        }
    }
    panic!("nobody at northlight has the note");
}

/// Follows a tracked link to its end: the addresses on the way, the status, and the page.
async fn followed(rig: &Rig, link: &str) -> (Vec<String>, u16, String) {
    let (mut way, mut at) = (Vec::new(), link.to_owned());
    loop {
        let (status, to, body) = ask(rig, Method::GET, &at, "").await;
        if to.is_empty() {
            return (way, status, body);
        }
        assert_eq!(status, 302);
        way.push(to.clone());
        at = to;
        assert!(way.len() < 10, "{way:?}");
    }
}

/// A lead who asked to talk.
async fn asked(rig: &Rig) -> LeadId {
    let form = "name=Ana+Ruiz&email=ana%40clinic.example&company=Harbor&consent=yes";
    ask(rig, Method::POST, "/p/northlight/talk-to-us", form).await;
    LeadId::parse(&leads::recent(&rig.ctx.db, None).await.unwrap().remove(0).id).unwrap()
}

async fn order(
    rig: &Rig,
    reference: &str,
    to: Option<&str>,
) -> Result<recalls::Recall, partnercast::domain::kernel::Error> {
    let order = Order { reference, to, because: "the price is wrong" };
    let now = (rig.clock_ms(), &*rig.ctx.random);
    recall::recall(&rig.ctx.db, &rig.ctx.library(), now, "ana", &order).await
}

both_dbs! {
    /// A corrected asset shows its new text to whoever follows an old link; the recall says so and counts who has the old.
    async fn links_of_a_corrected_asset_lead_to_its_new_text(db: Db) {
        let (rig, folder) = sent(db).await;
        let link = tracked(&rig).await;
        let early = order(&rig, NOTE, None).await.unwrap_err();
        assert!(early.kind() == Kind::Conflict && early.public().contains("no newer text"), "{early}");
        change(&rig, folder.path(), "blog/short-note.md", |text| text.replace("The end.", "The corrected end.")).await;
        let (way, status, page) = followed(&rig, &link).await;
        assert!(status == 200 && way.len() == 1 && page.contains("The corrected end."), "{way:?} {page}");

        let done = order(&rig, NOTE, None).await.unwrap();
        assert_eq!((done.good_no, done.target.as_deref()), (Some(2), None));
        let (way, status, page) = followed(&rig, &link).await;
        assert!(status == 200 && way.len() == 1 && page.contains("The corrected end."), "{way:?}");
        change(&rig, folder.path(), "blog/short-note.md", |text| text.replace("corrected end.", "corrected end, better put.")).await;
        let found = recall::corrections(&rig.ctx.db, None, Count::People).await.unwrap();
        let have = "SELECT COUNT(DISTINCT d.recipient_key) FROM delivery d JOIN rendition_asset a ON a.rendition_id = d.rendition_id WHERE a.path = 'blog/short-note.md'";
        assert_eq!(found[0].people, Some(number(&rig.ctx.db, have, vec![]).await), "what came after the right text is right too");
        assert!(found[0].people > Some(0));
        assert!(recall::unmended(&rig.ctx.db, &done).await.unwrap().is_empty(), "it has no translation");
        let again = order(&rig, NOTE, None).await.unwrap_err();
        assert!(again.kind() == Kind::Conflict && again.public().contains("recalled already"), "{again}");
        let audited: Vec<(String, String)> = rows(&rig.ctx.db, "SELECT actor, detail FROM audit WHERE action = 'recall' AND subject = $1", values![NOTE]).await;
        assert_eq!(audited, [("ana".to_owned(), "the price is wrong".to_owned())]);
    }

    /// A removed asset's links are a bare 404 until somebody recalls it; then they say that it was withdrawn and whom to
    /// ask, or lead elsewhere with the mail's token kept; and lifting undoes it.
    async fn links_of_a_removed_asset_say_so_or_lead_elsewhere(db: Db) {
        let (rig, folder) = sent(db).await;
        let link = tracked(&rig).await;
        remove(&rig, folder.path()).await;
        assert_eq!(followed(&rig, &link).await.1, 404);
        let (status, history) = get(&rig, "/console/revisions/blog/short-note").await;
        assert!(status == 200 && history.contains("removed") && history.contains("not in the folder any more"), "{history}");

        order(&rig, NOTE, None).await.unwrap();
        let (_, status, page) = followed(&rig, &link).await;
        assert_eq!(status, 410);
        assert!(page.contains("no longer available") && page.contains("Brackenfold has withdrawn it"), "{page}");
        assert!(page.contains("Northlight MSP") && page.contains("mailto:") && !page.contains("the price is wrong"), "{page}");
        let (status, german) = get(&rig, "/p/rheinbogen/blog/short-note").await;
        assert!(status == 410 && german.contains("zurückgezogen"), "{german}");

        let now = (rig.clock_ms(), &*rig.ctx.random);
        recall::lift(&rig.ctx.db, now, "bo", NOTE).await.unwrap();
        assert_eq!(followed(&rig, &link).await.1, 404, "as before");
        assert_eq!(recall::lift(&rig.ctx.db, now, "bo", NOTE).await.unwrap_err().kind(), Kind::NotFound);

        let lead = asked(&rig).await;
        let access = AccessToken::new(lead, NOTE).sign(&rig.ctx.keys);
        assert_eq!(get(&rig, &format!("/r/{access}")).await.0, 404, "gone, and nobody said why");
        order(&rig, NOTE, None).await.unwrap();
        for way in ["", "/document.pdf"] {
            let (status, page) = get(&rig, &format!("/r/{access}{way}")).await;
            assert!(status == 410 && page.contains("Brackenfold has withdrawn it"), "{page}");
        }
        recall::lift(&rig.ctx.db, now, "bo", NOTE).await.unwrap();

        order(&rig, NOTE, Some(NEXT)).await.unwrap();
        let (way, status, page) = followed(&rig, &link).await;
        assert!(status == 200 && page.contains(NEXT), "{page}");
        assert!(way.len() == 2 && way[1].starts_with("/p/northlight/blog/next-note?via="), "{way:?}");
        let (status, page) = get(&rig, &format!("/r/{access}")).await;
        assert!(status == 200 && page.contains(NEXT), "a lead's own link too: {page}");
        let (_, to, _) = ask(&rig, Method::GET, "/p/rheinbogen/blog/short-note?lang=es", "").await;
        assert_eq!(to, "/p/rheinbogen/blog/next-note?lang=es");
        let lines = "SELECT COUNT(*) FROM audit WHERE action IN ('recall', 'lift-recall') AND subject = $1";
        assert_eq!(number(&rig.ctx.db, lines, values![NOTE]).await, 5);
        assert_eq!(recalls::list(&rig.ctx.db, Some(NOTE)).await.unwrap().len(), 3, "lifted ones stay");
    }

    /// What another asset replaces is offered to nobody: not at home, not as a bundle; and mail with a card of it waits for a
    /// person.
    async fn a_replaced_asset_is_offered_no_more(db: Db) {
        let (rig, _folder) = ready(db).await;
        assert!(get(&rig, "/p/northlight").await.1.contains("/blog/short-note"));
        let bundle = "/console/bundles/northlight/blog/short-note";
        assert_eq!(get(&rig, bundle).await.0, 200);
        order(&rig, NOTE, Some(NEXT)).await.unwrap();
        let (_, home) = get(&rig, "/p/northlight").await;
        assert!(!home.contains("/blog/short-note") && home.contains("/blog/next-note"), "{home}");
        let (status, refused) = get(&rig, bundle).await;
        assert!(status == 409 && refused.contains("leads to blog/next-note"), "{refused}");
        let (_, page) = get(&rig, "/console/content/blog/short-note").await;
        assert!(page.contains("<b>Recalled</b>") && !page.contains(bundle), "{page}");
        assert!(get(&rig, "/console/content/blog/next-note").await.1.contains("/blog/next-note\" download"));

        let ahead = plan::ahead(&rig.ctx, None, 1).await.unwrap().remove(0);
        let why = "it features blog/short-note, which is recalled (the price is wrong) and leads to blog/next-note";
        assert_eq!(ahead.held_because, [why]);
        rig.clock.set(EVE_MS + DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!((issue.state.as_str(), issue.held_because.as_deref()), ("frozen", Some(why)));
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE issue_id IS NOT NULL", vec![]).await, 0);
    }

    /// A recall that comes while an issue is being frozen is not missed: it is frozen anew, and waits.
    async fn a_recall_during_a_freeze_is_seen(db: Db) {
        let (rig, _folder) = ready(db.clone()).await;
        rig.clock.set(EVE_MS + 40 * MINUTE_MS);
        let now_ms = rig.clock_ms();
        let mut recalling = db.begin().await.unwrap();
        recalls::take_turns(&mut recalling).await.unwrap();
        let freezing = { let ctx = rig.ctx.clone(); tokio::spawn(async move { publish::tick(&ctx).await }) };
        // Until it has begun; on SQLite it waits for us there.
        for _ in 0..40 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if number(&db, "SELECT COUNT(*) FROM freezing", vec![]).await > 0 { break; }
        }
        let recalled = recalls::Recall {
            id: "rcl_1".to_owned(), reference: NOTE.to_owned(), target: Some(NEXT.to_owned()), because: "wrong".to_owned(),
            good_no: None, actor: "ana".to_owned(), recalled_ms: now_ms, lifted_ms: None, lifted_by: None,
        };
        assert!(recalls::insert(&mut recalling, &recalled).await.unwrap());
        assert_eq!(approvals::hold(&mut recalling, NOTE, "wrong").await.unwrap(), 0, "there is no issue yet");
        recalling.commit().await.unwrap();
        let error = freezing.await.unwrap().unwrap_err();
        assert!(error.detail().contains("a recall changed while the issue was frozen"), "{}", error.detail());
        assert!(issues::recent(&db).await.unwrap().is_empty());
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&db).await.unwrap().remove(0);
        assert_eq!(issue.state, "frozen");
        assert!(issue.held_because.unwrap().contains("is recalled (wrong)"));
    }

    /// What was approved and waits for its time is stopped until a person has looked; a kit is packed with what stands in the place of a tactic.
    async fn a_recall_holds_what_was_approved_before(db: Db) {
        let (rig, _folder) = ready(db).await;
        rig.clock.set(EVE_MS + 40 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!((issue.control.as_str(), issue.done_ms), ("running", None), "it was released, and its time has not come");
        order(&rig, NOTE, Some(NEXT)).await.unwrap();
        let held = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
        assert_eq!(held.control, "paused");
        assert!(held.paused_because.unwrap().contains("it features blog/short-note, which is recalled"));
        rig.clock.set(EVE_MS + DAY_MS);
        rig.drain().await;
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE state = 'accepted'", vec![]).await, 0);

        let kit = "kits/proof-of-recovery";
        let packed = |at: &'static str| { let rig = &rig; async move { bundle::bundle(&rig.ctx, at, kit, None).await.unwrap().bytes } };
        let names = |bytes: Vec<u8>| -> Vec<String> {
            let archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
            archive.file_names().map(|name| name.unwrap().into_owned()).collect()
        };
        let has = |names: &[String], folder: &str| names.iter().any(|name| name.starts_with(folder));
        let before = names(packed("northlight").await);
        assert!(has(&before, "blog/restores-not-backups/") && !has(&before, "blog/next-note/"));
        order(&rig, "blog/restores-not-backups", Some(NEXT)).await.unwrap();
        let after = names(packed("northlight").await);
        assert!(!has(&after, "blog/restores-not-backups/") && has(&after, "blog/next-note/"), "{after:?}");
    }

    /// A recall may lead to what was recalled since, but never in a circle or a long way; faults are told at once.
    async fn recalls_make_chains_and_no_circles(db: Db) {
        let (rig, folder) = sent(db).await;
        order(&rig, NOTE, Some(NEXT)).await.unwrap();
        order(&rig, NEXT, Some("blog/restores-not-backups")).await.unwrap();
        let leads = |reference: &'static str| { let rig = &rig; async move { recall::leads(&rig.ctx.db, &rig.ctx.library(), reference).await.unwrap() } };
        assert_eq!(leads(NOTE).await, Some(Leads::To("blog/restores-not-backups".to_owned())));
        assert_eq!(leads("blog/restores-not-backups").await, None);
        let circle = order(&rig, "blog/restores-not-backups", Some(NOTE)).await.unwrap_err();
        assert!(circle.kind() == Kind::Conflict && circle.public().contains("in a circle"), "{circle}");
        assert!(recalls::in_force(&rig.ctx.db, "blog/restores-not-backups").await.unwrap().is_none(), "nothing changed");
        // Only two people at the same moment could make one.
        execute(&rig.ctx.db, "UPDATE recall SET target = $1 WHERE reference = $2", values![NOTE, NEXT]).await;
        assert_eq!(leads(NOTE).await, Some(Leads::Nowhere));
        assert_eq!(get(&rig, "/p/northlight/blog/short-note").await.0, 410);
        execute(&rig.ctx.db, "DELETE FROM recall", vec![]).await;

        for step in 0..9 {
            let (id, from, to) = (format!("rcl_{step}"), format!("blog/s{step}"), format!("blog/s{}", step + 1));
            let chain = "INSERT INTO recall (id, reference, target, because, actor, recalled_ms) VALUES ($1, $2, $3, 'x', 'ana', 1)";
            execute(&rig.ctx.db, chain, values![id, from, to]).await;
        }
        fs::write(folder.path().join("blog/s0.md"), note("First of many.")).unwrap();
        synced(&rig, folder.path()).await;
        let long = order(&rig, NOTE, Some("blog/s0")).await.unwrap_err();
        assert!(long.public().contains("a long way"), "{long}");
        for (reference, to, says) in [
            (NOTE, Some(NOTE), "lead to itself"),
            (NOTE, Some("blog/none"), "is not in the content folder now"),
            (NOTE, Some("playbooks/proof-of-recovery"), "may not see"),
            ("newsletters/fold-forward/2027-01-12", None, "cannot be taken back"),
            ("pages/talk-to-us", None, "stands behind every button"),
            ("blog/never", None, "was not found"),
        ] {
            let error = order(&rig, reference, to).await.unwrap_err();
            assert!(error.public().contains(says), "{error}");
        }
        let silent = Order { reference: NOTE, to: None, because: " " };
        let now = (rig.clock_ms(), &*rig.ctx.random);
        let silent = recall::recall(&rig.ctx.db, &rig.ctx.library(), now, "ana", &silent).await.unwrap_err();
        assert!(silent.public().contains("say why"), "{silent}");
    }

    /// In the console: revisions beside the asset, who has them, what differs; a recall wants a POST and a word of assent.
    async fn the_console_shows_and_recalls(db: Db) {
        let (rig, folder) = sent(db).await;
        change(&rig, folder.path(), "blog/short-note.md", |text| text.replace("The end.", "The `<b>` end.")).await;
        let (_, asset) = get(&rig, "/console/content/blog/short-note").await;
        assert!(asset.contains("/console/revisions/blog/short-note.md") && asset.contains("/console/diff/blog/short-note.md?from=1&amp;to=2"), "{asset}");
        let (_, history) = get(&rig, "/console/revisions/blog/short-note?who=1").await;
        assert!(history.contains("Who has revision 1") && history.contains("card in fold-forward/2027-01-12"), "{history}");
        let (status, diff) = get(&rig, "/console/diff/blog/short-note?from=1&to=2&partner=northlight&role=sales").await;
        assert!(status == 200 && diff.contains("<del>") && diff.contains("<ins>") && diff.contains(">removed<"), "{diff}");
        let lines = diff.split("<ol class=\"diff\">").nth(1).unwrap().split("</ol>").next().unwrap();
        assert!(lines.contains("&lt;b&gt;") && !lines.contains("<b>"), "nothing of the text is a tag: {lines}");
        assert_eq!(get(&rig, "/console/diff/blog/short-note?from=1&to=9").await.0, 404);
        assert_eq!(get(&rig, "/console/diff/blog/short-note?from=x").await.0, 422);

        let body = "reference=blog%2Fshort-note&because=the+price&to=";
        let (status, _, page) = ask(&rig, Method::POST, "/console/recalls", body).await;
        assert!(status == 200 && page.contains("confirm that you want it") && page.contains("value=\"the price\""), "{page}");
        assert!(recalls::list(&rig.ctx.db, None).await.unwrap().is_empty());
        assert_eq!(ask(&rig, Method::GET, "/console/recalls", "").await.0, 405, "looking changes nothing");
        let (status, to, _) = ask(&rig, Method::POST, "/console/recalls", &format!("{body}&sure=yes")).await;
        assert_eq!((status, to.as_str()), (303, "/console/revisions/blog/short-note?done=recalled"));
        let (_, history) = get(&rig, &to).await;
        assert!(history.contains("Recalled. It stands among") && history.contains("Lift the recall") && history.contains("revision 2 mended it"), "{history}");
        let (_, list) = get(&rig, "/console/content").await;
        assert!(list.contains("Corrections") && list.contains("the price"), "{list}");
        let (status, to, _) = ask(&rig, Method::POST, "/console/recalls/lift", "reference=blog%2Fshort-note").await;
        assert!(status == 303 && to.ends_with("done=lifted"), "{to}");
        assert!(get(&rig, "/console/content").await.1.contains("lifted"));
        rig.assert_nothing_left().await;
    }
}
