//! Digests that come apart: what nobody approved, or what is paused, holds up nothing else, and nobody gets anything twice.

use std::fs;

use axum::http::Method;
use partnercast::{
    domain::kernel::clock::{HOUR_MS, MINUTE_MS},
    store::{Db, contacts, digests, issues},
    work::{
        approve::{self, Approved},
        explain, publish, sync,
    },
};
use tempfile::TempDir;

use super::{
    Rig,
    console::{ask, get},
    digest::{
        ALPHA_ALONE, BETA_ALONE, BOTH, DUE_MS, MARCUS, STEP_MS, beside, deliveries, issue, letter, mails_to,
        synced, verdict, with_two,
    },
};
use crate::harness::{
    both_dbs,
    databases::{in_tx, number, values},
};

/// When the window of Beta's own hour is over.
const OVER_MS: i64 = DUE_MS + 2 * HOUR_MS + 17 * MINUTE_MS;

/// The same as [`with_two`], with room in everybody's budget for the two as mails of their own, beside the demo's newsletter.
async fn with_room(db: Db, alpha: &str, beta: &str) -> (Rig, TempDir) {
    let (rig, dir) = with_two(db, alpha, beta).await;
    let limits = "version = 1\npriority = [\"fold-forward\"]\n[[limit]]\nmessages = 3\ndays = 7\n";
    fs::write(dir.path().join("rules/frequency.toml"), limits).unwrap();
    synced(&rig, dir.path()).await;
    (rig, dir)
}

/// Why somebody gets an issue, in a sentence.
async fn because(rig: &Rig, slug: &str, address: &str) -> String {
    let person = contacts::named(&rig.ctx.db, address).await.unwrap().pop();
    let issue = issue(rig, slug).await;
    explain::explain(&rig.ctx.db, rig.clock_ms(), &issue, address, person).await.unwrap().decision.because
}

/// Nothing is left behind of a digest that came apart.
async fn nothing_strays(rig: &Rig) {
    for stray in [
        "SELECT COUNT(*) FROM audience_decision WHERE issue_id NOT IN (SELECT id FROM issue)",
        "SELECT COUNT(*) FROM delivery WHERE issue_id IS NOT NULL AND issue_id NOT IN (SELECT id FROM issue)",
        "SELECT COUNT(*) FROM issue_guest",
        "SELECT COUNT(*) FROM issue WHERE digest_id IS NOT NULL",
    ] {
        assert_eq!(number(&rig.ctx.db, stray, values![]).await, 0, "{stray}");
    }
}

both_dbs! {
    /// The host leaves at its hour without a guest that nobody approved; that comes by itself at its own hour, once it is.
    async fn a_guest_that_nobody_approved_holds_up_no_host(db: Db) {
        let (rig, _dir) = with_room(db, "approval: automatic\n", "approval: required\n").await;
        rig.pass(DUE_MS - 2 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!((alpha.state.as_str(), beta.state.as_str()), ("approved", "frozen"));
        assert_eq!(beside(&rig, "alpha").await, [(true, "beta".to_owned(), 9)]);
        let (_, page) = get(&rig, &format!("/console/issues/{}", alpha.id)).await;
        assert!(page.contains("Leaves with, where both are approved in time"), "{page}");
        rig.pass(DUE_MS + MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"], "in time, though nobody approved Beta");
        assert!(!rig.mail_to(BOTH).await.text.unwrap().contains("beta"));
        assert_eq!(mails_to(&rig, ALPHA_ALONE).await, ["Subject of alpha"]);
        let (alpha2, beta2) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert!(alpha.id != alpha2.id && beta.id != beta2.id && beta2.state == "frozen");
        assert!(beside(&rig, "alpha").await.is_empty() && beside(&rig, "beta").await.is_empty());
        let says = "comes without beta of 2027-01-12, which was not approved by then";
        assert!(because(&rig, "alpha", BOTH).await.contains(says));
        assert!(get(&rig, &format!("/console/issues/{}", alpha2.id)).await.1.contains(&format!("It {says}")));
        let says = "comes by itself: it was not approved by the hour of alpha of 2027-01-12, with which it was to share mails";
        assert!(because(&rig, "beta", BOTH).await.contains(says));
        assert!(get(&rig, &format!("/console/issues/{}", beta2.id)).await.1.contains(&format!("It {says}")));
        let says = "beta of 2027-01-12 went back to draft: it was not approved by the hour of alpha of 2027-01-12";
        let (path, body) = (format!("/console/issues/{}/approve", beta.id), format!("content_hash={}", beta.content_hash));
        let (status, _, page) = ask(&rig, Method::POST, &path, &body).await;
        assert!(status == 409 && page.contains(says), "{status} {page}");
        let asked = rig.mail_to(MARCUS).await;
        assert!(asked.subject.contains("beta") && asked.text.unwrap().contains("11:00"), "its own hour counts now");
        assert_eq!(approve::approve(&rig.ctx, &beta2.id, &beta2.content_hash, MARCUS).await.unwrap(), Approved::Whole);
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha", "Subject of beta"]);
        assert_eq!(mails_to(&rig, BETA_ALONE).await, ["Subject of beta"]);
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 17, 17, 17));
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        assert_eq!((deliveries(&rig, "alpha").await, deliveries(&rig, "beta").await), (17, 15));
        nothing_strays(&rig).await;
    }

    /// A person's approval of the host holds as long as its own letter is what they saw; of another text it does not. Neither
    /// does it come back when somebody returns it to draft.
    async fn an_approval_outlives_the_guest_of_an_unchanged_letter(db: Db) {
        let (rig, _dir) = with_two(db, "approval: required\n", "approval: required\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let alpha = issue(&rig, "alpha").await;
        approve::approve(&rig.ctx, &alpha.id, &alpha.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS / 10).await;
        let again = issue(&rig, "alpha").await;
        assert!(again.id != alpha.id && again.content_hash != alpha.content_hash);
        assert_eq!((again.state.as_str(), again.approved_by.as_deref()), ("done", Some(MARCUS)));
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 17, 17, 17));
        assert_eq!((issue(&rig, "beta").await.state.as_str(), verdict(&rig, "beta").await.3), ("frozen", 0), "nobody said yes");
        let told = because(&rig, "beta", BOTH).await;
        assert!(told.starts_with("2 messages in 7 days are the most"), "as a mail of its own it is one more: {told}");
    }

    /// Somebody edited the host after it was approved: what is fixed anew is another letter, and waits for another word.
    async fn another_letter_wants_another_approval(db: Db) {
        let (rig, dir) = with_room(db, "approval: required\n", "approval: required\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let alpha = issue(&rig, "alpha").await;
        approve::approve(&rig.ctx, &alpha.id, &alpha.content_hash, MARCUS).await.unwrap();
        letter(dir.path(), "alpha", "09:00", "sales, executive", "digest_hours: 2\napproval: required\n", "Other words.");
        synced(&rig, dir.path()).await;
        rig.pass(DUE_MS + MINUTE_MS, STEP_MS / 10).await;
        let again = issue(&rig, "alpha").await;
        assert!(again.id != alpha.id && again.state == "frozen" && again.approved_by.is_none());
        assert!(mails_to(&rig, BOTH).await.is_empty());
        approve::approve(&rig.ctx, &again.id, &again.content_hash, MARCUS).await.unwrap();
        rig.pass(DUE_MS + 5 * MINUTE_MS, STEP_MS / 10).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"], "late by as much as that took");
        assert!(rig.mail_to(BOTH).await.text.unwrap().contains("Other words."));
    }

    /// A guest that is paused, even after all was released, is in no mail of its host, and stays paused until somebody has it
    /// go on.
    async fn a_paused_guest_stays_behind(db: Db) {
        let (rig, _dir) = with_room(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        assert_eq!((alpha.state.as_str(), beta.state.as_str()), ("sending", "sending"));
        approve::pause(&rig.ctx, &beta.id, MARCUS).await.unwrap();
        rig.pass(DUE_MS - 2 * MINUTE_MS, STEP_MS).await;
        assert_eq!(issue(&rig, "alpha").await.id, alpha.id, "until its hour it may still be resumed");
        rig.pass(DUE_MS + MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        assert!(!rig.mail_to(BOTH).await.text.unwrap().contains("beta"));
        let beta2 = issue(&rig, "beta").await;
        assert!(beta2.id != beta.id && beta2.control == "paused", "{}", beta2.control);
        let says = "comes by itself: it was paused at the hour of alpha of 2027-01-12, with which it was to share mails";
        assert!(because(&rig, "beta", BOTH).await.contains(says));
        assert_eq!(deliveries(&rig, "alpha").await, 17);
        rig.pass(DUE_MS + 2 * HOUR_MS - STEP_MS, STEP_MS).await;
        approve::resume(&rig.ctx, &beta2.id, MARCUS).await.unwrap();
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha", "Subject of beta"]);
        assert_eq!(verdict(&rig, "alpha").await, (Some("kept"), 17, 17, 17));
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        nothing_strays(&rig).await;
    }

    /// Who was told that the guest paused itself is not told again when it comes by itself, and once more when it happens again.
    async fn a_pause_that_outlives_its_digest_is_told_once(db: Db) {
        let (rig, _dir) = with_room(db, "approval: automatic\n", "approval: automatic\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let beta = issue(&rig, "beta").await;
        assert!(in_tx!(&rig.ctx.db, tx => issues::pause_because(tx, &beta.id, "the relay refused it")));
        let told = async || {
            let mails = rig.mailbox.list(10_000).await.unwrap();
            mails.iter().filter(|mail| mail.to.contains(MARCUS) && mail.subject.contains("paused itself")).count()
        };
        rig.pass(DUE_MS - 10 * MINUTE_MS, STEP_MS).await;
        assert_eq!(told().await, 1);
        rig.pass(DUE_MS + 30 * MINUTE_MS, MINUTE_MS).await;
        let beta2 = issue(&rig, "beta").await;
        assert!(beta2.id != beta.id && beta2.paused_because.is_some(), "{beta2:?}");
        assert_eq!(told().await, 1, "they know");
        approve::resume(&rig.ctx, &beta2.id, MARCUS).await.unwrap();
        assert!(in_tx!(&rig.ctx.db, tx => issues::pause_because(tx, &beta2.id, "the relay refused it")));
        rig.pass(DUE_MS + 32 * MINUTE_MS, MINUTE_MS).await;
        assert_eq!(told().await, 2);
    }

    /// It is the same the other way round: an approved guest waits for its host until its own hour, and no longer.
    async fn a_guest_does_not_wait_for_its_host_either(db: Db) {
        let (rig, _dir) = with_room(db, "approval: required\n", "approval: automatic\n").await;
        rig.pass(DUE_MS + 2 * HOUR_MS - 5 * MINUTE_MS, STEP_MS).await;
        assert_eq!((issue(&rig, "alpha").await.state.as_str(), issue(&rig, "beta").await.state.as_str()), ("frozen", "approved"));
        rig.pass(DUE_MS + 2 * HOUR_MS + MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of beta"]);
        let alpha = issue(&rig, "alpha").await;
        assert_eq!(alpha.state, "frozen");
        approve::approve(&rig.ctx, &alpha.id, &alpha.content_hash, MARCUS).await.unwrap();
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of beta", "Subject of alpha"], "late, and once");
        assert_eq!(verdict(&rig, "beta").await, (Some("kept"), 15, 15, 15));
        assert_eq!((verdict(&rig, "alpha").await.0, verdict(&rig, "alpha").await.3), (Some("late"), 17));
        nothing_strays(&rig).await;
    }

    /// Two nodes that look at once: it comes apart once, and each reader has each letter once.
    async fn two_nodes_take_it_apart_once(db: Db) {
        let (rig, dir) = with_room(db, "approval: automatic\n", "approval: required\n").await;
        rig.pass(DUE_MS - 2 * MINUTE_MS, STEP_MS).await;
        let other = rig.another(rig.clock.clone(), 99);
        sync::sync(&other, dir.path(), true).await.unwrap();
        rig.clock.set(DUE_MS);
        let (one, two) = tokio::join!(publish::tick(&rig.ctx), publish::tick(&other));
        one.and(two).unwrap();
        rig.pass(DUE_MS + MINUTE_MS, MINUTE_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"]);
        let apart = "SELECT COUNT(*) FROM audit WHERE action = 'return-to-draft'";
        assert_eq!(number(&rig.ctx.db, apart, values![]).await, 2, "each of the two went back once");
        assert!(digests::held_up(&rig.ctx.db, rig.clock_ms()).await.unwrap().is_empty());
        let beta = issue(&rig, "beta").await;
        approve::approve(&rig.ctx, &beta.id, &beta.content_hash, MARCUS).await.unwrap();
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha", "Subject of beta"]);
        assert_eq!((verdict(&rig, "alpha").await.2, verdict(&rig, "beta").await.2), (17, 15));
        nothing_strays(&rig).await;
    }

    /// A host whose file is gone could not be fixed anew: it waits, as it was frozen, rather than being lost.
    async fn what_could_not_be_fixed_anew_waits(db: Db) {
        let (rig, dir) = with_room(db, "approval: automatic\n", "approval: required\n").await;
        rig.pass(DUE_MS - 50 * MINUTE_MS, STEP_MS).await;
        let (alpha, beta) = (issue(&rig, "alpha").await, issue(&rig, "beta").await);
        fs::remove_file(dir.path().join("newsletters/alpha/2027-01-12.md")).unwrap();
        sync::sync(&rig.ctx, dir.path(), false).await.unwrap();
        rig.pass(DUE_MS + 5 * MINUTE_MS, STEP_MS / 10).await;
        assert_eq!(issue(&rig, "alpha").await.id, alpha.id);
        assert!(mails_to(&rig, BOTH).await.is_empty());
        approve::approve(&rig.ctx, &beta.id, &beta.content_hash, MARCUS).await.unwrap();
        rig.pass(OVER_MS, STEP_MS).await;
        assert_eq!(mails_to(&rig, BOTH).await, ["Subject of alpha"], "with Beta in it");
        assert_eq!(verdict(&rig, "beta").await.0, Some("kept"));
    }
}
