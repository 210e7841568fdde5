//! Connections that are kept, relays that share the mail or stand in for each other, and limits that are kept.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use chrono::NaiveDate;
use partnercast::{
    channel::smtp::Relay,
    domain::{
        delivery::WarmUp,
        kernel::clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
    store::{issues, nodes},
    work::explain,
};

use super::{
    post::{AMPLE, Post, SHORT, message_ids, relay},
    processes::until,
};
use crate::harness::{
    both_dbs,
    chaos::{Act, Sink, Step},
    databases::{execute, values},
    manners::{Manner::DropsAt, by_domain, say},
};

/// A relay of one connection.
fn narrow(sink: &Sink) -> Relay {
    let mut relay = relay(sink, "narrow");
    relay.connections_max = 1;
    relay
}

/// A relay with another name and another share.
fn share(sink: &Sink, name: &str, weight: u32) -> Relay {
    let mut relay = relay(sink, name);
    relay.weight = weight;
    relay
}

async fn friendly() -> Sink {
    Sink::start(|_: &Step| None).await
}

/// Out of order while the switch is off.
async fn switchable() -> (Sink, Arc<AtomicBool>) {
    let is_on = Arc::new(AtomicBool::new(false));
    let switch = is_on.clone();
    let sink = Sink::start(move |step: &Step| {
        (step.verb == "GREETING" && !switch.load(Ordering::SeqCst))
            .then(|| say("421 4.3.2 not now"))
            .flatten()
    })
    .await;
    (sink, is_on)
}

/// What the first reader is told comes next.
async fn next(post: &Post) -> String {
    let issue = issues::issue(&post.ctx.db, &post.scene.issue).await.unwrap().unwrap();
    let now_ms = post.ctx.now_ms();
    let told = explain::explain(&post.ctx.db, now_ms, &issue, "reader0000@one.example", None).await.unwrap();
    told.deliveries[0].next.clone()
}

/// Makes the promises of a scene last: these stories take days.
async fn lasting(post: &Post) {
    execute(&post.ctx.db, "UPDATE delivery SET expires_ms = expires_ms + $1", values![30 * DAY_MS]).await;
}

both_dbs! {
    /// One connection carries everything, also what comes later, and is closed with a word at the end.
    async fn a_connection_is_kept_and_closed_politely(db: Db) {
        let post = Post::new(&db, "kept", &[("one.example", 20), ("two.example", 20)]).await;
        execute(&db, "UPDATE delivery SET due_ms = due_ms + $1 WHERE site = 'two.example'", values![HOUR_MS]).await;
        let sink = friendly().await;
        let running = post.run(vec![narrow(&sink)]);
        post.wait_for_accepted("", 20).await;
        post.advance(HOUR_MS);
        post.wait_for_accepted("", 40).await;
        running.stop().await;
        assert_eq!((sink.count("EHLO"), sink.count("QUIT")), (1, 1));
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// A kept connection that was closed unseen costs a new one and nothing else: no try, no wait.
    async fn a_connection_that_died_unseen_costs_nobody_anything(db: Db) {
        for polite in [false, true] {
            let post = Post::new(&db, &format!("died-{polite}"), &[("one.example", 9)]).await;
            let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
                _ if step.connection > 0 => None,
                "DOT" if polite && step.message == 1 => Some(Act::LastWord("250 2.0.0 ok".to_owned())),
                "MAIL" if step.message == 2 => Some(Act::Drop),
                _ => None,
            })
            .await;
            let mut worker = post.worker(vec![narrow(&sink)]);
            worker.drain().await.unwrap();
            assert_eq!((post.accepted("").await, post.tries("").await.len()), (9, 9));
            assert_eq!((sink.count("EHLO"), message_ids(&sink).len()), (2, 9));
        }
    }

    /// A connection that breaks after a dot leaves that one message uncertain; the others go over a new one.
    async fn a_broken_connection_costs_one_message_its_certainty(db: Db) {
        let post = Post::new(&db, "broken", &[("one.example", 9)]).await;
        let sink = Sink::start(|step: &Step| {
            (step.verb == "DOT" && step.connection == 0 && step.message == 1).then_some(Act::Drop)
        })
        .await;
        let mut worker = post.worker(vec![narrow(&sink)]);
        worker.drain().await.unwrap();
        let expected = BTreeMap::from([("accepted".to_owned(), 8), ("ready".to_owned(), 1)]);
        assert_eq!((post.states("").await, sink.count("EHLO")), (expected, 2));
        post.drain_until_done(&mut worker, HOUR_MS).await;
        assert_eq!((post.accepted("").await, message_ids(&sink).len()), (9, 10), "one may have arrived twice");
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// A connection that has nothing to carry is closed, and opened anew when there is something.
    async fn an_idle_connection_is_closed(db: Db) {
        let post = Post::new(&db, "idle", &[("one.example", 3), ("two.example", 3)]).await;
        execute(&db, "UPDATE delivery SET due_ms = due_ms + $1 WHERE site = 'two.example'", values![HOUR_MS]).await;
        let sink = friendly().await;
        let mut relay = narrow(&sink);
        relay.timeouts.idle = SHORT;
        let running = post.run(vec![relay]);
        until("it is closed", AMPLE, || async { sink.count("QUIT") > 0 }).await;
        assert_eq!(sink.count("EHLO"), 1);
        post.advance(HOUR_MS);
        post.wait_for_accepted("", 6).await;
        running.stop().await;
        assert_eq!((sink.count("EHLO"), post.tries("").await.len()), (2, 6));
    }

    /// A relay that admits two connections gets everything over these, at once, and nobody a try against them.
    async fn a_relay_that_admits_two_connections_gets_everything(db: Db) {
        let post = Post::new(&db, "two", &[("one.example", 50), ("two.example", 50)]).await;
        let refused = Arc::new(AtomicUsize::new(0));
        let count = refused.clone();
        let sink = Sink::start(move |step: &Step| {
            let is_one_too_many = step.verb == "GREETING" && step.connection >= 2;
            count.fetch_add(usize::from(is_one_too_many), Ordering::SeqCst);
            is_one_too_many.then(|| say("421 4.7.0 too many connections")).flatten()
        })
        .await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        worker.drain().await.unwrap();
        assert_eq!((post.accepted("").await, post.tries("").await.len()), (100, 100));
        assert_eq!(sink.count("EHLO"), 2);
        assert!(refused.load(Ordering::SeqCst) < 8, "it is asked for a third now and then, not for each message");
        assert!(worker.relays()[0].rests_until_ms.is_none());
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// A relay that is down is named, with its word, to whoever asks why mail waits; until it answers.
    async fn a_relay_that_is_down_is_told_with_what_waits(db: Db) {
        let post = Post::new(&db, "told", &[("one.example", 3), ("two.example", 3)]).await;
        let (sink, is_on) = switchable().await;
        let running = post.run(vec![relay(&sink, "down")]);
        until("the fault is noted", AMPLE, || async { !nodes::relay_faults(&db).await.unwrap().is_empty() }).await;
        // Between two tries; during one it is said that it is being handed over.
        let why = "the relay down cannot be talked to for 0 min: 421 4.3.2 not now";
        until("the relay is named", AMPLE, || async { next(&post).await.contains(why) }).await;
        is_on.store(true, Ordering::SeqCst);
        post.advance(HOUR_MS);
        post.wait_for_accepted("", 6).await;
        until("it answered", AMPLE, || async { nodes::relay_faults(&db).await.unwrap().is_empty() }).await;
        assert!(next(&post).await.starts_with("nothing more"));
        running.stop().await;
    }

    /// When one of two relays is down the other takes its mail within the same try; once it is back both work.
    async fn the_other_relay_takes_over(db: Db) {
        let readers: Vec<String> = (0..20).map(|at| format!("site-{at}.example")).collect();
        let readers: Vec<(&str, usize)> = readers.iter().map(|domain| (domain.as_str(), 10)).collect();
        let post = Post::new(&db, "over", &readers).await;
        execute(&db, "UPDATE delivery SET due_ms = due_ms + $1 WHERE site LIKE '%-1_.example'", values![HOUR_MS]).await;
        let ((first, is_on), second) = (switchable().await, friendly().await);
        let mut worker = post.worker(vec![share(&first, "first", 1), share(&second, "second", 1)]);
        worker.drain().await.unwrap();
        let tries = post.tries("").await;
        assert_eq!((post.accepted("").await, tries.len()), (100, 100), "a try each");
        assert!(tries.iter().all(|seen| seen.3.as_deref() == Some("second")));
        assert!(first.heard().is_empty());
        is_on.store(true, Ordering::SeqCst);
        post.advance(HOUR_MS);
        worker.drain().await.unwrap();
        assert_eq!((post.accepted("").await, post.waiting().await), (200, 0));
        let (one, two) = (message_ids(&first).len(), message_ids(&second).len() - 100);
        assert!(one >= 25 && two >= 25, "{one} and {two}: nobody has to catch up");
        post.assert_nothing_lost(&[&first, &second]).await;
    }

    /// A message that the first relay may have taken is not given to the second within the same try.
    async fn what_may_have_left_stays_with_its_relay(db: Db) {
        let post = Post::new(&db, "stays", &[("odd.example", 4), ("fine.example", 20)]).await;
        let drops = || Sink::start(by_domain(vec![("odd.example", DropsAt("DOT"))]));
        let (first, second) = (drops().await, drops().await);
        let mut worker = post.worker(vec![share(&first, "first", 1), share(&second, "second", 1)]);
        worker.drain().await.unwrap();
        let ids = [message_ids(&first), message_ids(&second)].concat();
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "no message was sent twice");
        assert_eq!(post.accepted("fine.example").await, 20);
        post.assert_nothing_lost(&[&first, &second]).await;
    }

    /// A domain that one relay cannot reach is asked for at the other, and the standby too serves for that.
    async fn a_domain_that_one_relay_cannot_reach_goes_over_the_other(db: Db) {
        for weight in [0, 1] {
            let readers = [("odd.example", 6), ("fine.example", 20)];
            let post = Post::new(&db, &format!("reach-{weight}"), &readers).await;
            let first = Sink::start(by_domain(vec![("odd.example", DropsAt("RCPT"))])).await;
            let second = friendly().await;
            let mut worker = post.worker(vec![share(&first, "first", 1), share(&second, "second", weight)]);
            post.drain_until_done(&mut worker, 10 * MINUTE_MS).await;
            assert_eq!(post.accepted("").await, 26);
            assert!(message_ids(&second).len() >= 6);
            post.assert_nothing_lost(&[&first, &second]).await;
        }
    }

    /// A relay of weight 0 hears nothing while another can be talked to, takes everything when none can, and is left
    /// alone again afterwards.
    async fn a_standby_stands_by(db: Db) {
        let post = Post::new(&db, "standby", &[("one.example", 10), ("two.example", 10), ("three.example", 10)]).await;
        for (site, hours) in [("two.example", 1), ("three.example", 2)] {
            execute(&db, "UPDATE delivery SET due_ms = due_ms + $2 WHERE site = $1", values![site, hours * HOUR_MS]).await;
        }
        let ((main, is_on), standby) = (switchable().await, friendly().await);
        is_on.store(true, Ordering::SeqCst);
        // A connection each time, so that a relay that is down is found out.
        let mut first = share(&main, "main", 1);
        first.timeouts.idle = std::time::Duration::ZERO;
        let relays = vec![first, share(&standby, "standby", 0)];
        post.worker(relays.clone()).drain().await.unwrap();
        assert_eq!(post.accepted("").await, 10);
        assert!(standby.heard().is_empty());
        is_on.store(false, Ordering::SeqCst);
        post.advance(HOUR_MS);
        let mut worker = post.worker(relays);
        worker.drain().await.unwrap();
        assert_eq!((post.accepted("").await, message_ids(&standby).len()), (20, 10));
        is_on.store(true, Ordering::SeqCst);
        post.advance(HOUR_MS);
        worker.drain().await.unwrap();
        assert_eq!((post.accepted("").await, message_ids(&standby).len()), (30, 10));
        post.assert_nothing_lost(&[&main, &standby]).await;
    }

    /// Shares follow the weights, roughly, while no relay has its hands full: speed comes before accuracy.
    async fn weights_are_roughly_kept(db: Db) {
        let readers: Vec<String> = (0..40).map(|at| format!("site-{at}.example")).collect();
        let readers: Vec<(&str, usize)> = readers.iter().map(|domain| (domain.as_str(), 15)).collect();
        // Fewer messages on their way than either relay has connections, however busy the machine is.
        let post = Post::with(&db, "weights", &readers, |settings| settings.window = 8).await;
        let (big, small) = (friendly().await, friendly().await);
        let mut worker = post.worker(vec![share(&big, "big", 3), share(&small, "small", 1)]);
        worker.drain().await.unwrap();
        let (big, small) = (message_ids(&big).len(), message_ids(&small).len());
        assert_eq!(big + small, 600);
        assert!((420..=480).contains(&big), "{big} and {small} instead of 450 and 150");
    }

    /// No more than its limit through a relay in any hour, whether the worker was busy, idle or not alone; the limit is
    /// used up.
    async fn an_hourly_limit_is_kept(db: Db) {
        let post = Post::new(&db, "hourly", &[("one.example", 20), ("two.example", 60)]).await;
        lasting(&post).await;
        // Nothing to send for three hours and a bit more.
        execute(&db, "UPDATE delivery SET due_ms = due_ms + $1", values![3 * HOUR_MS + 50 * MINUTE_MS]).await;
        let sink = friendly().await;
        let mut limited = relay(&sink, "limited");
        limited.per_hour_max = Some(10);
        let (mut worker, mut other) = (post.worker(vec![limited.clone()]), post.worker(vec![limited]));
        let mut sent = Vec::new();
        for minute in 0_usize..8 * 60 {
            // Two nodes take turns; one alone has it for a while.
            if minute % 2 == 0 || minute > 360 {
                worker.drain().await.unwrap();
            } else {
                other.drain().await.unwrap();
            }
            sent.push(message_ids(&sink).len());
            post.advance(MINUTE_MS);
        }
        for (minute, after) in sent.iter().enumerate() {
            let before = if minute < 60 { 0 } else { sent[minute - 60] };
            assert!(after - before <= 10, "{} in the hour before minute {minute}", after - before);
        }
        assert_eq!(sent[3 * 60 + 49], 0);
        // One of the ten is kept for mail that somebody waits for.
        assert_eq!(sent[3 * 60 + 50], 9, "an idle node holds nothing back");
        assert!(sent[8 * 60 - 1] >= 36, "{} in four hours: the limit is used", sent[8 * 60 - 1]);
        post.assert_nothing_lost(&[&sink]).await;
    }

    /// What one relay may not take any more goes over the other.
    async fn a_limited_relay_leaves_the_rest_to_the_other(db: Db) {
        let post = Post::new(&db, "both", &[("one.example", 30), ("two.example", 30)]).await;
        let (first, second) = (friendly().await, friendly().await);
        let mut limited = share(&first, "limited", 5);
        limited.per_hour_max = Some(7);
        let mut worker = post.worker(vec![limited, share(&second, "open", 1)]);
        worker.drain().await.unwrap();
        assert_eq!(post.accepted("").await, 60);
        assert_eq!(message_ids(&first).len(), 6, "the limit is used and kept, but for what urgent mail may need");
        assert_eq!(message_ids(&second).len(), 54);
    }

    /// A sign-in does not wait for an hour that an issue has used up; the limit holds all the same.
    async fn urgent_mail_has_a_share_of_the_hour(db: Db) {
        let post = Post::new(&db, "reserve", &[("one.example", 60)]).await;
        let sink = friendly().await;
        let mut limited = relay(&sink, "limited");
        limited.per_hour_max = Some(40);
        let mut worker = post.worker(vec![limited]);
        worker.drain().await.unwrap();
        assert_eq!(message_ids(&sink).len(), 38, "a twentieth is kept");
        for (number, expected) in [(1, 39), (2, 40), (3, 40)] {
            post.enqueue_urgent(number).await;
            worker.drain().await.unwrap();
            assert_eq!(message_ids(&sink).len(), expected);
        }
        post.advance(61 * MINUTE_MS);
        worker.drain().await.unwrap();
        assert_eq!(post.waiting().await, 0, "the next hour takes the rest");
        assert_eq!(message_ids(&sink).len(), 63);
    }

    /// A domain that is warmed up sends so many a day, over all nodes; another domain's plan does not concern it.
    async fn a_warm_up_is_kept_day_by_day(db: Db) {
        let plan = |domain: &str, daily: &[u64]| WarmUp {
            domain: domain.to_owned(),
            start: NaiveDate::from_ymd_opt(2027, 1, 12).unwrap(),
            daily: daily.to_vec(),
        };
        let post = Post::with(&db, "warm", &[("one.example", 20), ("two.example", 20)], |settings| {
            settings.warm_up = vec![plan("another.example", &[1]), plan("vendor.example", &[5, 8])];
        })
        .await;
        lasting(&post).await;
        // That it takes days is no outage, of which a person would be asked.
        execute(&db, "UPDATE delivery SET hour_ms = NULL", vec![]).await;
        let sink = friendly().await;
        let mut worker = post.worker(vec![relay(&sink, "relay")]);
        // It begins at nine in the morning.
        for (hours, expected) in [(15, 5), (24, 13), (24, 40)] {
            for _ in 0..6 * hours {
                worker.drain().await.unwrap();
                post.advance(10 * MINUTE_MS);
            }
            assert_eq!(message_ids(&sink).len(), expected);
        }
        assert_eq!(post.waiting().await, 0);
        post.assert_nothing_lost(&[&sink]).await;
    }
}
