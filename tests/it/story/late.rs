//! Mail that nothing could send at its hour: it waits for its reader's hours, or a person is asked about it.

use partnercast::{
    channel::smtp::{Dialer, Relay, RelayTls},
    domain::kernel::clock::{HOUR_MS, MINUTE_MS, UtcMs},
    store::{
        contacts,
        dead_letters::{self, Filter},
        deliveries, issues,
    },
    work::{approve, deliver::Deliverer, explain, kept, publish, replay, unkept},
};

use super::{
    Rig,
    console::get,
    release::{DUE_MS, MARCUS, mails_to, note, with_letter, with_letter_by},
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{execute, number, rows, values},
};

/// 2027-01-12 21:30 UTC: 22:30 in Oslo, 15:30 in Chicago.
const NIGHT_MS: UtcMs = EVE_MS + 25 * HOUR_MS + HOUR_MS / 2;
const WINDOW: &str = "send_window: {days: [mon, tue, wed, thu, fri], start: \"08:00\", end: \"18:00\"}\n";

/// Stored mails of the note by state.
async fn count(rig: &Rig, state: &str) -> i64 {
    number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE scope = 'note' AND state = $1", values![state])
        .await
}

/// Late mails of the note that wait, by the time at which they leave, in order.
async fn waiting(rig: &Rig) -> Vec<(UtcMs, i64)> {
    let text =
        "SELECT due_ms, COUNT(*) FROM delivery WHERE scope = 'note' AND state = 'ready' AND promised_ms < $1
         GROUP BY due_ms ORDER BY due_ms";
    rows(&rig.ctx.db, text, values![NIGHT_MS]).await
}

/// Subjects of the mails that ask about late ones of the note.
async fn asked(rig: &Rig) -> Vec<String> {
    mails_to(rig, MARCUS).await.into_iter().filter(|subject| subject.contains("The time of Note")).collect()
}

fn of(issue: &issues::Issue) -> Filter {
    Filter { issue: Some(issue.id.clone()), ..Filter::default() }
}

async fn tick(rig: &Rig, now_ms: UtcMs) {
    rig.clock.set(now_ms);
    publish::tick(&rig.ctx).await.unwrap();
    rig.drain().await;
}

/// Freezes the note before its first hour anywhere; then nothing runs until `until_ms`.
async fn away(rig: &Rig, until_ms: UtcMs) -> issues::Issue {
    rig.clock.set(EVE_MS + HOUR_MS + 40 * MINUTE_MS);
    publish::tick(&rig.ctx).await.unwrap();
    let issue = note(rig).await;
    assert_eq!(issue.state, "sending");
    tick(rig, until_ms).await;
    issue
}

both_dbs! {
    /// A frozen issue and an outage of fourteen hours: who is more than six hours late is asked about, the others get it, and
    /// what a person has sent again is not asked about a second time.
    async fn what_was_frozen_and_not_sent_in_time_is_asked_about(db: Db) {
        for_each_zone(db, "latest").await;
    }

    async fn the_same_where_all_is_caught_up(db: Db) {
        for_each_zone(db, "all").await;
    }

    /// A newsletter that does not catch up asks as soon as its time allowed is over. Only who may approve says that it still goes.
    async fn what_does_not_catch_up_is_asked_about(db: Db) {
        let rig = with_letter(db, "approval: automatic\ncatch_up: none\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        tick(&rig, DUE_MS + 16 * MINUTE_MS).await;
        assert_eq!((count(&rig, "expired").await, count(&rig, "accepted").await), (33, 0));
        let refused = replay::replay(&rig.ctx, &of(&issue), 33, "nobody@brackenfold.example").await.unwrap_err();
        assert!(refused.public().contains("may not have late mail sent"), "{}", refused.public());
        assert_eq!(replay::replay(&rig.ctx, &of(&issue), 33, MARCUS).await.unwrap(), 33);
        tick(&rig, DUE_MS + 17 * MINUTE_MS).await;
        assert_eq!(count(&rig, "accepted").await, 33);
        rig.pass(DUE_MS + 35 * MINUTE_MS, MINUTE_MS).await;
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        assert_eq!((told.verdict, told.accepted), (Some("late"), 33), "late is shown as late");
    }

    /// An issue of which something leaves all the time is slow, not stopped: nobody is asked about the rest of it. Once it has stopped
    /// they are.
    async fn what_is_under_way_is_not_asked_about(db: Db) {
        let rig = with_letter(db, "approval: automatic\ncatch_up: none\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let slow = "UPDATE delivery SET due_ms = due_ms + $1 WHERE scope = 'note' AND id > (
                        SELECT id FROM delivery WHERE scope = 'note' ORDER BY id LIMIT 1 OFFSET $2)";
        for already in [9, 19, 29] {
            execute(&rig.ctx.db, slow, values![12 * MINUTE_MS, already]).await;
        }
        for (minutes, accepted) in [(0, 10), (12, 20), (24, 30)] {
            tick(&rig, DUE_MS + minutes * MINUTE_MS).await;
            assert_eq!((count(&rig, "accepted").await, count(&rig, "expired").await), (accepted, 0));
        }
        tick(&rig, DUE_MS + 40 * MINUTE_MS).await;
        assert_eq!((count(&rig, "accepted").await, count(&rig, "expired").await), (30, 3), "nothing moved for 16 minutes");
    }

    /// A relay with an hourly limit sends for hours: that is no outage either.
    async fn what_a_limit_keeps_back_is_not_asked_about(db: Db) {
        let rig = with_letter(db, "approval: automatic\ncatch_up: none\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let mut relay = Relay::new(rig.relay().ip().to_string(), rig.relay().port(), RelayTls::None);
        relay.per_hour_max = Some(10);
        let mut worker = Deliverer::new(rig.ctx.clone(), vec![Dialer::new(relay).unwrap()]);
        rig.clock.set(DUE_MS);
        for _ in 0..60 {
            worker.drain().await.unwrap();
            rig.clock.advance(10 * MINUTE_MS);
        }
        assert_eq!((count(&rig, "accepted").await, count(&rig, "expired").await), (33, 0));
    }

    /// What waits for a stage is asked about like the stage: few may not be asked about and the many sent.
    async fn stages_are_asked_about_whole(db: Db) {
        let keys = "approval: automatic\nstaged: {pilot: [], share: 30, wait_minutes: 5}\n";
        let rig = with_letter_by(db, "contact", keys, "").await;
        let back_ms = EVE_MS + 15 * HOUR_MS + 10 * MINUTE_MS;
        away(&rig, back_ms).await;
        rig.pass(back_ms + HOUR_MS, 5 * MINUTE_MS).await;
        let late = "SELECT COUNT(*) FROM delivery WHERE scope = 'note' AND promised_ms < $1";
        let late = number(&rig.ctx.db, late, values![back_ms - 6 * HOUR_MS]).await;
        assert!(late > 2 && count(&rig, "expired").await == late, "{late} {}", count(&rig, "expired").await);
    }

    /// That an issue needs no approval is nobody's word that it may be late.
    async fn what_was_frozen_in_an_outage_is_asked_about_where_it_is_late(db: Db) {
        let rig = with_letter_by(db, "contact", "approval: automatic\n", "").await;
        let back_ms = EVE_MS + 10 * HOUR_MS;
        tick(&rig, back_ms).await;
        assert_eq!(note(&rig).await.state, "sending");
        let late = "SELECT COUNT(*) FROM delivery WHERE scope = 'note' AND promised_ms < $1";
        let late = number(&rig.ctx.db, late, values![back_ms - 6 * HOUR_MS]).await;
        assert!(late > 0 && count(&rig, "expired").await == late, "{late} {}", count(&rig, "expired").await);
    }

    /// Whoever pauses and resumes without being allowed to approve does not say that it may be late: they are refused once it is.
    async fn who_may_not_approve_lets_nothing_be_late(db: Db) {
        let rig = with_letter(db, "approval: automatic\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let (issue, nobody) = (note(&rig).await, "nobody@brackenfold.example");
        for _ in 0..2 {
            approve::pause(&rig.ctx, &issue.id, nobody).await.unwrap();
            approve::resume(&rig.ctx, &issue.id, nobody).await.unwrap();
        }
        approve::pause(&rig.ctx, &issue.id, nobody).await.unwrap();
        rig.clock.set(DUE_MS + 9 * HOUR_MS);
        let refused = approve::resume(&rig.ctx, &issue.id, nobody).await.unwrap_err();
        assert!(refused.public().contains("may not resume an issue of which something is late"), "{}", refused.public());
        // What they resumed in time is late for another reason then.
        execute(&rig.ctx.db, "UPDATE issue SET control = 'running' WHERE id = $1", values![&issue.id]).await;
        tick(&rig, DUE_MS + 9 * HOUR_MS).await;
        assert_eq!((count(&rig, "expired").await, count(&rig, "accepted").await), (33, 0));
        let held = deliveries::of_issue(&rig.ctx.db, &issue.id, 0).await.unwrap().remove(0).id;
        let refused = approve::send_again(&rig.ctx, &held, nobody).await.unwrap_err();
        assert!(refused.public().contains("may not have late mail sent"), "{}", refused.public());
        approve::send_again(&rig.ctx, &held, MARCUS).await.unwrap();
        tick(&rig, DUE_MS + 9 * HOUR_MS).await;
        assert_eq!(count(&rig, "accepted").await, 1);
    }

    /// What a day-long outage left worthless is asked about, too.
    async fn what_expired_untried_is_asked_about(db: Db) {
        let rig = with_letter(db, "approval: automatic\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        tick(&rig, DUE_MS + 30 * HOUR_MS).await;
        assert_eq!(count(&rig, "expired").await, 33);
        tick(&rig, DUE_MS + 30 * HOUR_MS + MINUTE_MS).await;
        assert_eq!(asked(&rig).await, ["The time of Note of 2027-01-12 has passed for 33 readers: shall it still go?"]);
        tick(&rig, DUE_MS + 30 * HOUR_MS + 5 * MINUTE_MS).await;
        assert_eq!(asked(&rig).await.len(), 1, "once");
        let told = kept::occurrence(&rig.ctx, "note", "2027-01-12").await.unwrap().unwrap();
        let why = unkept::reason(&rig.ctx, &told).await.unwrap().unwrap();
        assert!(why.contains("33 of these could not be handed over before their time passed"), "{why}");
    }

    /// Whoever approves it late, or has it go on after a pause, has said that it may go.
    async fn a_persons_word_is_enough(db: Db) {
        let rig = with_letter(db, "approval: required\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        rig.clock.set(DUE_MS + 8 * HOUR_MS);
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, MARCUS).await.unwrap();
        publish::tick(&rig.ctx).await.unwrap();
        approve::pause(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        rig.clock.set(DUE_MS + 17 * HOUR_MS);
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        tick(&rig, DUE_MS + 17 * HOUR_MS + 1).await;
        assert_eq!((count(&rig, "expired").await, count(&rig, "accepted").await), (0, 33));
    }

    /// A pause over the hours, and nobody approved it: who resumes it says that it may go, too.
    async fn who_resumes_is_not_asked(db: Db) {
        let rig = with_letter(db, "approval: automatic\n", "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        approve::pause(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        rig.clock.set(DUE_MS + 9 * HOUR_MS);
        approve::resume(&rig.ctx, &issue.id, MARCUS).await.unwrap();
        tick(&rig, DUE_MS + 9 * HOUR_MS).await;
        assert_eq!((count(&rig, "expired").await, count(&rig, "accepted").await), (0, 33));
    }

    /// What is late leaves in its reader's hours, not in the night; everybody is told why it waits.
    async fn late_mail_leaves_in_its_readers_hours(db: Db) {
        let keys = format!("approval: automatic\ncatch_up_hours: 24\n{WINDOW}");
        let rig = with_letter(db, &keys, "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        tick(&rig, NIGHT_MS).await;
        let (gone, left) = (count(&rig, "accepted").await, waiting(&rig).await);
        assert!(gone > 0 && gone + count(&rig, "ready").await == 33, "{gone} {left:?}");
        // 08:00 in Oslo.
        let morning_ms = EVE_MS + 35 * HOUR_MS;
        assert!(left.iter().any(|(due_ms, _)| *due_ms == morning_ms), "{left:?}");
        assert!(left.iter().all(|(due_ms, _)| *due_ms > NIGHT_MS + HOUR_MS), "{left:?}");
        waits_and_says_why(&rig, "22:30 to Wed 2027-01-13 08:00").await;
        rig.pass(NIGHT_MS + 20 * HOUR_MS, 30 * MINUTE_MS).await;
        assert_eq!(count(&rig, "accepted").await, 33);
        let oslo = "SELECT COUNT(*) FROM delivery WHERE partner_slug = 'fjellvakt' AND scope = 'note' AND accepted_ms >= $1";
        assert_eq!(number(&rig.ctx.db, oslo, values![morning_ms]).await, 2);
    }

    /// The same where a person approved it in the night, and what nothing could hand over when they have it sent again. What was tried
    /// leaves at once.
    async fn what_is_approved_or_sent_again_in_the_night_waits(db: Db) {
        let rig = with_letter(db, &format!("approval: required\n{WINDOW}"), "").await;
        rig.clock.set(DUE_MS - 50 * MINUTE_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let issue = note(&rig).await;
        rig.clock.set(NIGHT_MS);
        approve::approve(&rig.ctx, &issue.id, &issue.content_hash, MARCUS).await.unwrap();
        tick(&rig, NIGHT_MS).await;
        let waits = waiting(&rig).await;
        assert!(!waits.is_empty() && count(&rig, "expired").await == 0, "{waits:?}");
        let held = "UPDATE delivery SET state = 'expired', live = FALSE, held_ms = $1 WHERE scope = 'note' AND state = 'ready'";
        execute(&rig.ctx.db, held, values![NIGHT_MS]).await;
        let (one,): (String,) = rows(&rig.ctx.db, "SELECT MIN(id) FROM delivery WHERE partner_slug = 'fjellvakt' AND state = 'expired'", vec![]).await.remove(0);
        execute(&rig.ctx.db, "UPDATE delivery SET state = 'failed', attempt = 1, tries = 1, held_ms = NULL WHERE id = $1", values![&one]).await;
        let all = dead_letters::count(&rig.ctx.db, &of(&issue)).await.unwrap().0;
        assert_eq!(replay::replay(&rig.ctx, &of(&issue), all, MARCUS).await.unwrap() as i64, all);
        let gone = count(&rig, "accepted").await;
        tick(&rig, NIGHT_MS + MINUTE_MS).await;
        assert_eq!(count(&rig, "accepted").await, gone + 1, "the one that was tried before");
        let still = waiting(&rig).await;
        assert_eq!(still.iter().map(|(_, people)| people).sum::<i64>(), all - 1);
        assert!(still.iter().all(|(due_ms, _)| waits.iter().any(|(was_ms, _)| was_ms == due_ms)), "{still:?} {waits:?}");
    }
}

async fn for_each_zone(db: partnercast::store::Db, catch_up: &str) {
    let rig =
        with_letter_by(db, "contact", &format!("approval: automatic\ncatch_up: {catch_up}\n"), "").await;
    // 2027-01-12 11:10 UTC.
    let back_ms = EVE_MS + 15 * HOUR_MS + 10 * MINUTE_MS;
    let issue = away(&rig, back_ms).await;
    let held = "SELECT COUNT(*) FROM delivery WHERE scope = 'note' AND promised_ms < $1";
    let held = number(&rig.ctx.db, held, values![back_ms - 6 * HOUR_MS]).await;
    assert!(held > 0 && count(&rig, "expired").await == held, "{held}");
    let (gone, waits) = (count(&rig, "accepted").await, count(&rig, "ready").await);
    assert!(gone > 0 && waits > 0 && held + gone + waits == 33, "{held} {gone} {waits}");
    tick(&rig, back_ms + MINUTE_MS).await;
    let told = asked(&rig).await;
    let asks = format!("The time of Note of 2027-01-12 has passed for {held} readers: shall it still go?");
    assert_eq!(told, [asks], "{told:?}");
    let (_, page) = get(&rig, &format!("/console/dead-letters?issue={}", issue.id)).await;
    assert!(page.contains("nothing could hand it over: shall it still go?"), "{page}");
    rig.pass(back_ms + 7 * HOUR_MS, 20 * MINUTE_MS).await;
    assert_eq!(count(&rig, "accepted").await, gone + waits, "the others in time");
    assert_eq!(replay::replay(&rig.ctx, &of(&issue), held, MARCUS).await.unwrap() as i64, held);
    tick(&rig, back_ms + 7 * HOUR_MS + MINUTE_MS).await;
    assert_eq!(count(&rig, "accepted").await, 33, "a person said go");
}

/// Looks at what people are told of a mail to Fjellvakt.
async fn waits_and_says_why(rig: &Rig, why: &str) {
    let issue = note(rig).await;
    let lines = deliveries::of_issue(&rig.ctx.db, &issue.id, 0).await.unwrap();
    let line = lines.iter().find(|line| line.partner_slug == "fjellvakt" && line.state == "ready").unwrap();
    let known = contacts::named(&rig.ctx.db, &line.email).await.unwrap().pop();
    let told = explain::explain(&rig.ctx.db, rig.clock_ms(), &issue, &line.email, known).await.unwrap();
    let next = &told.deliveries[0].next;
    assert!(next.contains("next allowed time") && next.contains(why), "{next}");
    let (_, page) = get(rig, &format!("/console/issues/{}", issue.id)).await;
    assert!(page.contains(why), "{page}");
}
