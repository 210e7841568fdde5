//! What comes back, and what it changes: signed reports on the reader they name, everything else on nobody.

use partnercast::{
    domain::{
        delivery::return_path::{return_path, unsubscribe_address},
        kernel::{
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
            id::DeliveryId,
        },
    },
    store::{
        Db,
        audience::{self, Considered},
        deliveries, events, issues, leads,
        reports::{self, Which},
        suppressions::{self, ALL},
    },
    work::{
        bounce::{Incoming, Taken, rehearse, take, take_refusals},
        forms::{self, FormKind},
        preferences,
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
    lead_work::LUIS,
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, values},
};

const BRONTE: &str = "bronte.hale@wattlebird.example";
const DOMAIN: &str = "bounces.brackenfold.example";

/// A bounce in the form of RFC 3464.
fn dsn(to: &str, recipient: &str, action: &str, status: &str, said: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: <{to}>\r\nSubject: Undelivered Mail\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b1\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\n\
         Status: {status}\r\nDiagnostic-Code: smtp; {said}\r\n\r\n--b1--\r\n"
    )
}

fn gone(to: &str) -> String {
    dsn(to, BRONTE, "failed", "5.1.1", "550 5.1.1 no such user")
}

fn complaint(feedback_type: &str, fields: &str, returned: &str) -> String {
    format!(
        "From: <fbl@provider.example>\r\nTo: <fbl@brackenfold.example>\r\nSubject: FW\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {feedback_type}\r\nVersion: 1\r\n{fields}\r\n\
         --b1\r\nContent-Type: message/rfc822\r\n\r\n{returned}Subject: x\r\n\r\n--b1--\r\n"
    )
}

/// Takes a report, after a rehearsal that says the same.
async fn taken(rig: &Rig, raw: &str) -> Taken {
    let incoming = Incoming { source: "file", envelope_to: None, raw: raw.as_bytes() };
    let before = entries(&rig.ctx.db).await;
    let planned = rehearse(&rig.ctx, &incoming).await.unwrap();
    assert_eq!(entries(&rig.ctx.db).await, before, "a rehearsal changes nothing");
    let done = take(&rig.ctx, &incoming).await.unwrap();
    let what = |taken: &Taken| (taken.report.changed, taken.report.effect.clone(), taken.is_repeat);
    assert_eq!(what(&planned), what(&done));
    done
}

/// The delivery to `address`, the latest if there are several.
async fn delivery(rig: &Rig, address: &str) -> DeliveryId {
    let mut found = None;
    for issue in issues::recent(&rig.ctx.db).await.unwrap().into_iter().rev() {
        let lines = deliveries::of_issue(&rig.ctx.db, &issue.id, 0).await.unwrap();
        found = lines.into_iter().find(|line| line.email == address).map(|line| line.id).or(found);
    }
    DeliveryId::parse(&found.unwrap_or_else(|| panic!("nothing to {address}"))).unwrap()
}

/// The return path of the mail to `address`, as the catcher saw it.
async fn path_of(rig: &Rig, address: &str) -> String {
    let mail = rig.mail_to(address).await;
    let path = mail.headers.iter().find(|(name, _)| name == "Return-Path").unwrap().1.clone();
    path.trim_matches(['<', '>']).to_owned()
}

async fn entries(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) FROM suppression", values![]).await
}

/// Releases the issue of 9 February, or of 9 March, and tells who was considered.
async fn next_issue(rig: &Rig, days: i64) -> Vec<Considered> {
    rig.release_by(EVE_MS + days * DAY_MS).await;
    rig.drain().await;
    let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0);
    audience::page(&rig.ctx.db, &issue.id, 0).await.unwrap()
}

both_dbs! {
    /// Whoever got a mail and writes back to where mail systems report is heard, once a message; machines that answer, and whoever
    /// else writes there, are not.
    async fn a_reply_that_was_lost_is_a_persons(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let to = return_path(&rig.ctx.keys, delivery(&rig, BRONTE).await, DOMAIN);
        let letter = |from: &str, more: &str| {
            format!("From: Bronte Hale <{from}>\r\nTo: <{to}>\r\nSubject: Re: Restores\r\n{more}\r\nCall me on Monday.\r\n")
        };
        let heard = async || number(&rig.ctx.db, "SELECT COUNT(*) FROM engagement_event WHERE kind = 'reply' AND human AND reason = 'wrote'", vec![]).await;
        for (from, more) in [(BRONTE, "Auto-Submitted: auto-replied\r\n"), (BRONTE, "Return-Path: <>\r\n"), ("someone@else.example", "")] {
            assert!(!taken(&rig, &letter(from, more)).await.report.changed, "{from} {more}");
        }
        assert_eq!(heard().await, 0);
        let done = taken(&rig, &letter("Bronte.Hale@wattlebird.example", "Auto-Submitted: no\r\n")).await;
        assert_eq!((done.report.kind.as_str(), done.report.class.as_str(), done.report.changed), ("other", "reply", true));
        assert!(taken(&rig, &letter("Bronte.Hale@wattlebird.example", "Auto-Submitted: no\r\n")).await.is_repeat);
        assert_eq!(heard().await, 1);
        assert!(entries(&rig.ctx.db).await == 0, "she still gets mail");
    }

    /// What becomes of a mail to whoever has a lead is no deed of the lead's; a one-click stop of the lead's own mail is, whichever program
    /// carried it.
    async fn a_mail_about_a_lead_is_no_deed_of_theirs(db: Db) {
        let rig = Rig::new(db).await;
        let paper = ada(FormKind::Whitepaper, "whitepapers/proof-of-recovery");
        forms::submit(&rig.ctx, paper, &person()).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        rig.drain().await;
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let theirs = async || events::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
        let before = theirs().await.len();
        let path = path_of(&rig, LUIS).await;
        let bounced = dsn(&path, LUIS, "failed", "5.1.1", "550 5.1.1 no such user");
        assert!(taken(&rig, &bounced).await.report.changed, "his mailbox is gone");
        let letter = format!("From: <{LUIS}>\r\nTo: <{path}>\r\nSubject: Re: A lead\r\n\r\nI call them.\r\n");
        assert!(taken(&rig, &letter).await.report.changed);
        assert_eq!(theirs().await.len(), before);
        let token = rig.one_click_of("ada.okafor@harborclinic.example").await;
        preferences::unsubscribe(&rig.ctx, &token, &Default::default()).await.unwrap();
        let stopped = theirs().await.into_iter().find(|event| event.kind == "unsubscribe").expect("a deed of theirs");
        assert_eq!((stopped.human, stopped.reason.as_str()), (true, "wish"));
    }

    /// The mail carries a signed return path; its bounce stops the address; the next issue leaves it out and says why.
    async fn an_address_that_bounced_is_out_of_the_next_issue(db: Db) {
        let rig = Rig::new(db).await;
        let issue_id = rig.send_january().await;
        let path = path_of(&rig, BRONTE).await;
        assert_eq!(path, return_path(&rig.ctx.keys, delivery(&rig, BRONTE).await, DOMAIN));
        let mail = rig.mail_to(BRONTE).await;
        let ways = mail.list_unsubscribe.unwrap();
        assert!(ways.contains("/one-click/") && ways.contains(&format!("@{DOMAIN}?subject=unsubscribe>")), "{ways}");

        let done = taken(&rig, &gone(&path)).await;
        assert!(done.report.changed && !done.is_repeat, "{:?}", done.report);
        assert_eq!(done.report.class, "bad-address");
        let entry = suppressions::of(&rig.ctx.db, rig.clock_ms(), BRONTE).await.unwrap().remove(0);
        assert_eq!((entry.scope.as_str(), entry.source.as_str(), entry.expires_ms), (ALL, "bounce", None));
        assert!(entry.detail.contains("no such user"));

        // The relay did accept it, and that stays true; what came back stands beside it.
        let lines = deliveries::of_issue(&rig.ctx.db, &issue_id, 0).await.unwrap();
        assert_eq!(lines.iter().find(|line| line.email == BRONTE).unwrap().state, "accepted");
        let returned = reports::of_issue(&rig.ctx.db, &issue_id, 0).await.unwrap();
        assert_eq!((returned.len(), returned[0].class.as_str()), (1, "bad-address"));
        let machine = "SELECT COUNT(*) FROM engagement_event WHERE kind = 'bounce' AND NOT human";
        assert_eq!(number(&rig.ctx.db, machine, values![]).await, 1);

        let considered = next_issue(&rig, 29).await;
        let out: Vec<_> = considered.iter().filter(|person| !person.included).collect();
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].name, "Bronte Hale");
        assert_eq!(out[0].because, "The receiving server says that this address does not exist");
        rig.assert_nothing_left().await;
    }

    /// Unsigned, wrongly signed, about another mail, too old: recorded each, and nothing changes.
    async fn forged_reports_change_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let path = path_of(&rig, BRONTE).await;
        let (local, domain) = path.split_once('@').unwrap();
        let flipped = if local.ends_with('a') { 'e' } else { 'a' };
        let bent = format!("{}{flipped}@{domain}", &local[..local.len() - 1]);
        let dana = delivery(&rig, "dana.whitlock@northlight.example").await;
        let message_id = format!("{dana}.g1@partners.brackenfold.example");
        let returning = |headers: &str| {
            gone("postmaster@brackenfold.example")
                .replace("--b1--", &format!("--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n{headers}\r\n--b1--"))
        };
        let forged = [
            gone("postmaster@brackenfold.example"),
            gone(&bent),
            gone(&format!("b+{}@{domain}", "a".repeat(52))),
            returning(&format!("Message-ID: <{message_id}>\r\n")),
            // Bronte's signature, Dana's mail.
            returning(&format!("Message-ID: <{message_id}>\r\nReturn-Path: <{path}>\r\n")),
            complaint("abuse", "", &format!("Message-ID: <{message_id}>\r\n")),
            gone(&unsubscribe_address(&rig.ctx.keys, dana, DOMAIN)),
        ];
        for (at, raw) in forged.iter().enumerate() {
            let done = taken(&rig, raw).await;
            assert!(!done.report.changed && done.report.delivery_id.is_none(), "{at}: {:?}", done.report);
            assert!(done.report.effect.starts_with("put aside: "), "{}", done.report.effect);
        }
        assert_eq!(entries(&rig.ctx.db).await, 0);
        let aside = reports::recent(&rig.ctx.db, Which::Unmatched).await.unwrap();
        assert_eq!(aside.len(), forged.len(), "each is there to be looked at");
        rig.clock.set(EVE_MS + 62 * DAY_MS);
        let late = taken(&rig, &gone(&path)).await;
        assert!(!late.report.changed && late.report.effect.contains("sixty days"), "{}", late.report.effect);
        assert_eq!(entries(&rig.ctx.db).await, 0);
    }

    /// The same report again, as it was or with other words, does nothing; also not after a person lifted the entry.
    async fn a_replayed_report_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let path = path_of(&rig, BRONTE).await;
        assert!(taken(&rig, &gone(&path)).await.report.changed);
        assert!(taken(&rig, &gone(&path)).await.is_repeat);
        let other = gone(&path.to_uppercase()).replace("Sorry.", "Sorry again.");
        let again = taken(&rig, &other).await;
        assert!(!again.is_repeat && !again.report.changed, "{:?}", again.report);
        let mut tx = rig.ctx.db.begin().await.unwrap();
        assert!(suppressions::lift(&mut tx, BRONTE, ALL).await.unwrap().is_some());
        tx.commit().await.unwrap();
        let third = taken(&rig, &other.replace("again", "for the third time")).await;
        assert!(!third.report.changed && third.report.effect.contains("before"), "{}", third.report.effect);
        assert_eq!(entries(&rig.ctx.db).await, 0);
        assert_eq!(reports::recent(&rig.ctx.db, Which::All).await.unwrap().len(), 3);
        let events = "SELECT COUNT(*) FROM engagement_event WHERE kind = 'bounce'";
        assert_eq!(number(&rig.ctx.db, events, values![]).await, 1);
    }

    /// Auto-replies, receipts and delays change nothing, and nothing is ever written back: a loop ends with its first
    /// message.
    async fn machines_answers_end_here(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let path = path_of(&rig, BRONTE).await;
        let before = number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery", values![]).await;
        for at in 0..5 {
            let away = format!("From: <{BRONTE}>\r\nTo: <{path}>\r\nSubject: Out of office {at}\r\nAuto-Submitted: auto-replied\r\n\r\nAway.\r\n");
            let done = taken(&rig, &away).await;
            assert_eq!((done.report.kind.as_str(), done.report.changed), ("auto-reply", false));
            assert!(done.report.delivery_id.is_some());
        }
        let late = taken(&rig, &dsn(&path, BRONTE, "delayed", "4.4.1", "connection timed out")).await;
        assert_eq!((late.report.class.as_str(), late.report.changed), ("delayed", false));
        let blocked = taken(&rig, &dsn(&path, BRONTE, "failed", "5.7.1", "554 5.7.1 blocked using a list")).await;
        assert_eq!((blocked.report.class.as_str(), blocked.report.changed), ("policy", false));
        let odd = taken(&rig, &format!("To: <{path}>\r\nSubject: failure notice\r\n\r\nHi. This is qmail.\r\n")).await;
        assert_eq!((odd.report.kind.as_str(), odd.report.changed), ("other", false));
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery", values![]).await, before);
        assert_eq!(rig.drain().await, 0);
        assert_eq!(rig.mailbox.count().await.unwrap(), 33);
        assert_eq!(entries(&rig.ctx.db).await, 0);
    }

    /// A complaint is an unsubscribe, proven by the envelope or by the key that it returns; "not spam" is none.
    async fn who_complains_gets_no_more(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let path = path_of(&rig, BRONTE).await;
        let fields = format!("Original-Mail-From: <{path}>\r\n");
        assert!(!taken(&rig, &complaint("not-spam", &fields, "")).await.report.changed);
        assert_eq!(entries(&rig.ctx.db).await, 0);
        assert!(taken(&rig, &complaint("abuse", &fields, "")).await.report.changed);
        let entry = suppressions::of(&rig.ctx.db, rig.clock_ms(), BRONTE).await.unwrap().remove(0);
        assert_eq!((entry.scope.as_str(), entry.source.as_str()), (ALL, "complaint"));

        let dana = rig.mail_to("dana.whitlock@northlight.example").await;
        let ways = format!("List-Unsubscribe: {}\r\n", dana.list_unsubscribe.unwrap());
        let by_key = taken(&rig, &complaint("abuse", "", &ways)).await;
        assert!(by_key.report.changed, "{:?}", by_key.report);
        assert_eq!(by_key.report.base_key, "dana.whitlock@northlight.example");
        let considered = next_issue(&rig, 29).await;
        let out: Vec<_> = considered.iter().filter(|person| !person.included).collect();
        assert_eq!(out.len(), 2);
        assert!(out.iter().all(|person| person.because.contains("reported our mail as unwanted")));
    }

    /// Mail to the address in `List-Unsubscribe` unsubscribes from that newsletter, once, whatever it says.
    async fn a_mail_unsubscribes_too(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let ways = rig.mail_to(BRONTE).await.list_unsubscribe.unwrap();
        let address = ways.split("<mailto:").nth(1).unwrap().split('?').next().unwrap().to_owned();
        let token = ways.split("/one-click/").nth(1).unwrap().split('>').next().unwrap().to_owned();
        let mail = format!("From: <{BRONTE}>\r\nTo: <{address}>\r\nSubject: unsubscribe\r\n\r\n");
        let done = taken(&rig, &mail).await;
        assert_eq!((done.report.kind.as_str(), done.report.changed), ("unsubscribe", true));
        assert!(!preferences::state(&rig.ctx, &token).await.unwrap().newsletters[0].subscribed);
        let again = taken(&rig, &mail.replace("unsubscribe\r\n\r\n", "please\r\n\r\n")).await;
        assert!(!again.report.changed && !again.is_repeat);
        preferences::choose(&rig.ctx, &token, &["fold-forward".to_owned()], false, &Default::default()).await.unwrap();
        assert_eq!(entries(&rig.ctx.db).await, 0);
    }

    /// A mailbox that is full on three issues in a row rests for a while; twice is a holiday.
    async fn a_mailbox_full_on_three_issues_rests(db: Db) {
        let rig = Rig::new(db).await;
        let full = |path: &str| dsn(path, BRONTE, "failed", "5.2.2", "552 5.2.2 mailbox full");
        rig.send_january().await;
        for (issue, days) in [(1, 0), (2, 29), (3, 57)] {
            if days > 0 {
                next_issue(&rig, days).await;
            }
            let path = return_path(&rig.ctx.keys, delivery(&rig, BRONTE).await, DOMAIN);
            let done = taken(&rig, &full(&path)).await;
            assert_eq!(done.report.class, "mailbox-full");
            assert_eq!(done.report.changed, issue == 3, "{issue}: {}", done.report.effect);
        }
        let entry = suppressions::of(&rig.ctx.db, rig.clock_ms(), BRONTE).await.unwrap().remove(0);
        assert_eq!((entry.reason.as_str(), entry.expires_ms), ("mailbox-full", Some(rig.clock_ms() + 90 * DAY_MS)));
    }

    /// One reader can only ever stop themselves: a domain rests when two of its addresses say that it takes no mail.
    async fn a_domain_rests_on_the_word_of_two(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let unknown = |path: &str, whom: &str| dsn(path, whom, "failed", "5.1.2", "550 5.1.2 Host unknown");
        let (dana, mei) = ("dana.whitlock@northlight.example", "mei.tran@northlight.example");
        let first = taken(&rig, &unknown(&path_of(&rig, dana).await, dana)).await;
        assert!(first.report.changed && first.report.effect.contains("7 days"), "{}", first.report.effect);
        assert!(suppressions::of(&rig.ctx.db, rig.clock_ms(), mei).await.unwrap().is_empty());
        let second = taken(&rig, &unknown(&path_of(&rig, mei).await, mei)).await;
        assert!(second.report.effect.starts_with("@northlight.example "), "{}", second.report.effect);
        let luis = suppressions::of(&rig.ctx.db, rig.clock_ms(), "luis.ortega@northlight.example").await.unwrap();
        assert_eq!(luis[0].email_key, "@northlight.example");
        assert_eq!(luis[0].expires_ms, Some(rig.clock_ms() + 7 * DAY_MS));
        rig.clock.set(rig.clock_ms() + 7 * DAY_MS + HOUR_MS);
        assert!(suppressions::of(&rig.ctx.db, rig.clock_ms(), mei).await.unwrap().is_empty(), "a week later it is tried");
    }

    /// A refusal at the door is the same word, only sooner.
    async fn an_address_refused_at_the_door_is_stopped_too(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let bronte = delivery(&rig, BRONTE).await.to_string();
        execute(&rig.ctx.db, "UPDATE delivery SET state = 'failed', accepted_ms = NULL WHERE id = $1", values![&bronte]).await;
        execute(
            &rig.ctx.db,
            "UPDATE attempt SET outcome = 'bad-address', reply = '550 sorry' WHERE delivery_id = $1",
            values![&bronte],
        )
        .await;
        assert_eq!(take_refusals(&rig.ctx).await.unwrap(), 1);
        assert_eq!(take_refusals(&rig.ctx).await.unwrap(), 0);
        let entry = suppressions::of(&rig.ctx.db, rig.clock_ms(), BRONTE).await.unwrap().remove(0);
        assert_eq!((entry.reason.as_str(), entry.source.as_str()), ("bad-address", "bounce"));
        let late = taken(&rig, &gone(&path_of(&rig, BRONTE).await)).await;
        assert!(!late.report.changed, "{}", late.report.effect);
    }
}
