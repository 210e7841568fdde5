//! The client against a scripted relay on real sockets: every stage, every way to fail.

#[path = "../../../../tests/it/harness/chaos.rs"]
mod chaos;
mod tls;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use self::chaos::{Act, Sink, Step};
use super::{Connection, Dialer, Mail, Relay, RelayTls, Timeouts};
use crate::domain::delivery::{Outcome, Stage, Trouble};

const SHORT: Duration = Duration::from_millis(150);
const AMPLE: Duration = Duration::from_secs(20);

fn mail(to: &str) -> Mail {
    Mail {
        envelope_from: "news@vendor.example".into(),
        envelope_to: to.into(),
        bytes: b"Subject: hello\r\n\r\nHello\r\n".to_vec(),
    }
}

fn mails(count: usize) -> Vec<Mail> {
    (0..count).map(|n| mail(&format!("p{n}@partner.example"))).collect()
}

fn relay(sink: &Sink) -> Relay {
    let mut relay = Relay::new("127.0.0.1", sink.addr.port(), RelayTls::None);
    relay.timeouts = waits(AMPLE);
    relay
}

fn waits(wait: Duration) -> Timeouts {
    Timeouts {
        connect: wait,
        greeting: wait,
        hello: wait,
        mail: wait,
        recipient: wait,
        data: wait,
        block: wait,
        final_dot: wait,
        quit: wait,
        idle: wait,
    }
}

fn say(text: &str) -> Option<Act> {
    Some(Act::Say(text.to_owned()))
}

async fn one(sink: &Sink) -> Outcome {
    Connection::open(&relay(sink)).await.unwrap().send(&mail("p@partner.example")).await
}

#[track_caller]
fn assert_refused(outcome: &Outcome, at: Stage, why: Trouble) {
    match outcome {
        Outcome::Refused { stage, trouble, .. } => assert_eq!((*stage, *trouble), (at, why), "{outcome:?}"),
        _ => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn silence_at_each_stage_ends_in_time_with_the_right_class() {
    // Only the stage in question has a short wait, so that a slow machine does not blame another one.
    type Set = fn(&mut Timeouts);
    let stages: [(&str, Stage, Set); 5] = [
        ("GREETING", Stage::Greeting, |waits| waits.greeting = SHORT),
        ("EHLO", Stage::Hello, |waits| waits.hello = SHORT),
        ("MAIL", Stage::Mail, |waits| waits.mail = SHORT),
        ("RCPT", Stage::Recipient, |waits| waits.recipient = SHORT),
        ("DATA", Stage::Data, |waits| waits.data = SHORT),
    ];
    for (verb, stage, shorten) in stages {
        let sink = Sink::start(move |step: &Step| (step.verb == verb).then_some(Act::Silent)).await;
        let mut relay = relay(&sink);
        shorten(&mut relay.timeouts);
        let outcome = match Connection::open(&relay).await {
            Ok(mut connection) => {
                let outcome = connection.send(&mail("p@partner.example")).await;
                assert!(!connection.is_usable());
                outcome
            }
            Err(outcome) => outcome,
        };
        assert_refused(&outcome, stage, Trouble::Host);
    }
    let sink = Sink::start(|step: &Step| (step.verb == "DOT").then_some(Act::Silent)).await;
    let mut relay = relay(&sink);
    relay.timeouts.final_dot = SHORT;
    let mut connection = Connection::open(&relay).await.unwrap();
    assert!(matches!(connection.send(&mail("p@partner.example")).await, Outcome::Uncertain { .. }));
}

#[tokio::test]
async fn a_relay_that_stops_reading_is_left_after_one_block_wait() {
    let sink = Sink::start(|step: &Step| match step.verb.as_str() {
        "EHLO" => say("250-sink\r\n250 PIPELINING"),
        "BODY" => Some(Act::Silent),
        _ => None,
    })
    .await;
    let mut relay = relay(&sink);
    relay.timeouts.block = SHORT;
    let outcome = Connection::open(&relay).await.unwrap().send(&big_mail()).await;
    assert_refused(&outcome, Stage::FinalDot, Trouble::Host);
}

/// More than any socket buffer holds.
fn big_mail() -> Mail {
    let bytes = "0123456789 a line of a big message\r\n".repeat(1_000_000).into_bytes();
    Mail { bytes, ..mail("p@partner.example") }
}

#[tokio::test]
async fn a_greeting_of_421_or_554_is_the_hosts_trouble() {
    for greeting in ["421 4.3.2 busy", "554 go away", "hello"] {
        let sink =
            Sink::start(move |step: &Step| (step.verb == "GREETING").then(|| say(greeting)).flatten()).await;
        let outcome = Connection::open(&relay(&sink)).await.err().unwrap();
        assert_refused(&outcome, Stage::Greeting, Trouble::Host);
    }
}

#[tokio::test]
async fn after_a_refused_recipient_the_same_connection_carries_the_next() {
    for (reply, trouble) in
        [("450 4.7.1 greylisted", Trouble::Greylist), ("550 5.1.1 unknown", Trouble::BadAddress)]
    {
        // A relay may let DATA in although it refused the only recipient, or refuse that as well.
        for (pipelining, lets_in) in [(true, true), (true, false), (false, false)] {
            let resets = AtomicUsize::new(0);
            let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
                "RSET" => {
                    resets.fetch_add(1, Ordering::SeqCst);
                    None
                }
                "EHLO" if !pipelining => say("250 sink"),
                "RCPT" if step.domain == "bad.example" => say(reply),
                "DATA" if resets.load(Ordering::SeqCst) == 0 && !lets_in => say("503 5.5.1 no recipients"),
                _ => None,
            })
            .await;
            let mut connection = Connection::open(&relay(&sink)).await.unwrap();
            assert_eq!(connection.capabilities().pipelining, pipelining);
            assert_refused(&connection.send(&mail("p@bad.example")).await, Stage::Recipient, trouble);
            assert!(connection.is_usable());
            let outcome = connection.send(&mail("p@partner.example")).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
            connection.close().await;
            let bodies = sink.bodies.lock().unwrap().clone();
            let whole = "Subject: hello\r\n\r\nHello\r\n.\r\n";
            let expected = if lets_in { vec![".\r\n", whole] } else { vec![whole] };
            assert_eq!(bodies, expected, "a lone dot where DATA was let in");
            assert_eq!((sink.count("RSET"), sink.count("EHLO"), sink.count("QUIT")), (1, 1, 1));
        }
    }
}

#[tokio::test]
async fn refusals_at_each_stage_are_followed_by_rset_and_the_next_mail() {
    let cases = [
        ("MAIL", "550 5.1.8 bad sender", Stage::Mail, Trouble::OurSetup),
        ("MAIL", "451 4.3.0 later", Stage::Mail, Trouble::Soft),
        ("DATA", "554 5.7.1 no", Stage::Data, Trouble::Policy),
        ("DOT", "554 5.7.1 spam", Stage::FinalDot, Trouble::Policy),
        ("DOT", "552 5.3.4 too big", Stage::FinalDot, Trouble::Content),
        ("DOT", "450 4.2.1 too fast", Stage::FinalDot, Trouble::Throttle),
    ];
    for (verb, reply, stage, trouble) in cases {
        let resets = AtomicUsize::new(0);
        let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
            "RSET" => {
                resets.fetch_add(1, Ordering::SeqCst);
                None
            }
            _ if resets.load(Ordering::SeqCst) > 0 => None,
            at if at == verb => say(reply),
            // After a refused MAIL the rest of the pipeline is refused as well.
            "RCPT" | "DATA" if verb == "MAIL" => say("503 5.5.1 no"),
            _ => None,
        })
        .await;
        let mut connection = Connection::open(&relay(&sink)).await.unwrap();
        assert_refused(&connection.send(&mail("a@partner.example")).await, stage, trouble);
        assert_eq!(sink.count("RSET"), 1, "{verb} {reply}");
        let outcome = connection.send(&mail("b@partner.example")).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{verb} {reply}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_421_at_any_stage_ends_the_connection() {
    for (verb, stage) in
        [("MAIL", Stage::Mail), ("RCPT", Stage::Recipient), ("DATA", Stage::Data), ("DOT", Stage::FinalDot)]
    {
        let sink =
            Sink::start(move |step: &Step| (step.verb == verb).then(|| say("421 4.3.2 leaving")).flatten())
                .await;
        let mut connection = Connection::open(&relay(&sink)).await.unwrap();
        assert_refused(&connection.send(&mail("p@partner.example")).await, stage, Trouble::Host);
        assert!(!connection.is_usable());
    }
}

#[tokio::test]
async fn a_break_is_the_hosts_trouble_before_the_dot_and_uncertain_after_it() {
    let sink = Sink::start(|step: &Step| (step.verb == "DATA").then_some(Act::Drop)).await;
    assert_refused(&one(&sink).await, Stage::Data, Trouble::Host);
    let sink = Sink::start(|step: &Step| (step.verb == "DOT").then_some(Act::Drop)).await;
    assert!(matches!(one(&sink).await, Outcome::Uncertain { .. }));
    let sink = Sink::start(|step: &Step| (step.verb == "DOT").then(|| say("what?")).flatten()).await;
    assert!(matches!(one(&sink).await, Outcome::Uncertain { .. }), "an answer without sense");
}

#[tokio::test]
async fn a_relay_that_hangs_up_in_the_middle_of_a_big_message_took_nothing() {
    let sink = Sink::start(|step: &Step| match step.verb.as_str() {
        "EHLO" => say("250-sink\r\n250 PIPELINING"),
        "BODY" => Some(Act::Drop),
        _ => None,
    })
    .await;
    let outcome = Connection::open(&relay(&sink)).await.unwrap().send(&big_mail()).await;
    assert_refused(&outcome, Stage::FinalDot, Trouble::Host);
}

#[tokio::test]
async fn ten_megabytes_of_reply_are_not_read() {
    for (verb, stage) in [("GREETING", Stage::Greeting), ("EHLO", Stage::Hello), ("RCPT", Stage::Recipient)] {
        let sink = Sink::start(move |step: &Step| (step.verb == verb).then_some(Act::Flood)).await;
        let outcome = match Connection::open(&relay(&sink)).await {
            Ok(mut connection) => connection.send(&mail("p@partner.example")).await,
            Err(outcome) => outcome,
        };
        assert_refused(&outcome, stage, Trouble::Host);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_a_byte_leaves() {
    let sink = Sink::start(|_: &Step| None).await;
    let mut connection = Connection::open(&relay(&sink)).await.unwrap();
    for evil in
        ["a@b.example>\r\nRCPT TO:<c@d.example", "a@b.example\nDATA", "<a@b.example>", "a b@c.example", ""]
    {
        assert_refused(&connection.send(&mail(evil)).await, Stage::Recipient, Trouble::BadAddress);
        let mut from = mail("p@partner.example");
        from.envelope_from = format!("{evil}\r\n");
        assert_refused(&connection.send(&from).await, Stage::Mail, Trouble::OurSetup);
    }
    assert_refused(
        &connection.send(&mail("jürgen@partner.example")).await,
        Stage::Recipient,
        Trouble::Content,
    );
    for smuggled in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n\0.\r\n"] {
        let mut bad = mail("p@partner.example");
        bad.bytes = format!("Subject: x\r\n\r\nHello{smuggled}MAIL FROM:<evil@x.example>\r\n").into_bytes();
        assert_refused(&connection.send(&bad).await, Stage::FinalDot, Trouble::Content);
    }
    let mut big = mail("p@partner.example");
    big.bytes = vec![b'x'; 1_000_001];
    assert_refused(&connection.send(&big).await, Stage::Mail, Trouble::Content);
    assert_eq!(sink.heard(), ["EHLO [127.0.0.1]"], "nothing of it reached the wire");
    assert!(matches!(connection.send(&mail("p@partner.example")).await, Outcome::Accepted { .. }));
}

#[tokio::test]
async fn parameters_are_given_only_where_offered() {
    let sink = Sink::start(|step: &Step| {
        (step.verb == "EHLO")
            .then(|| say("250-sink\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 SIZE 5000"))
            .flatten()
    })
    .await;
    let mut utf8 = mail("jürgen@partner.example");
    utf8.bytes = "Subject: x\r\n\r\nGrüße\r\n".into();
    utf8.envelope_from = String::new();
    let mut connection = Connection::open(&relay(&sink)).await.unwrap();
    assert!(matches!(connection.send(&utf8).await, Outcome::Accepted { .. }));
    assert_eq!(sink.heard()[1], format!("MAIL FROM:<> SIZE={} BODY=8BITMIME SMTPUTF8", utf8.bytes.len()));
    let sink = Sink::start(|step: &Step| (step.verb == "EHLO").then(|| say("250 sink")).flatten()).await;
    let mut connection = Connection::open(&relay(&sink)).await.unwrap();
    assert!(matches!(connection.send(&mail("p@partner.example")).await, Outcome::Accepted { .. }));
    assert_eq!(sink.heard()[1], "MAIL FROM:<news@vendor.example>");
}

/// Hands mails over one after another, on one connection as long as it can be used; a message that met a connection
/// which had died unseen is tried again on a new one. Also says how many connections there were.
async fn send_in_turn(dialer: &Dialer, mails: &[Mail]) -> (Vec<&'static str>, usize) {
    let (mut outcomes, mut opened, mut kept) = (Vec::new(), 0, None::<Connection>);
    for mail in mails {
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => {
                    opened += 1;
                    dialer.open().await.unwrap()
                }
            };
            let outcome = connection.send(mail).await;
            if connection.had_died_unseen(&outcome) {
                continue;
            }
            outcomes.push(outcome.as_str());
            kept = Some(connection).filter(Connection::is_usable);
            break;
        }
    }
    if let Some(connection) = kept {
        connection.close().await;
    }
    (outcomes, opened)
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_died_unseen_costs_nothing() {
    // Connection 0 is dead at its third MAIL, or was closed politely after the second message.
    for closes_politely in [false, true] {
        let sink = Sink::start(move |step: &Step| match step.verb.as_str() {
            _ if step.connection > 0 => None,
            "DOT" if closes_politely && step.message == 1 => Some(Act::LastWord("250 2.0.0 ok".to_owned())),
            "MAIL" if step.message == 2 => Some(Act::Drop),
            _ => None,
        })
        .await;
        let dialer = Dialer::new(relay(&sink)).unwrap();
        let (words, opened) = send_in_turn(&dialer, &mails(4)).await;
        assert_eq!((words, opened), (vec!["accepted"; 4], 2));
        assert_eq!((sink.count("EHLO"), sink.count("QUIT")), (2, 1));
        assert_eq!(sink.bodies.lock().unwrap().len(), 4, "each once");
    }
}

#[tokio::test]
async fn only_a_break_at_mail_on_a_used_connection_counts_as_died_unseen() {
    let drops_at = |verb: &'static str, message: usize| {
        Sink::start(move |step: &Step| (step.verb == verb && step.message == message).then_some(Act::Drop))
    };
    for (verb, message, expected) in
        [("MAIL", 0, false), ("MAIL", 1, true), ("RCPT", 1, false), ("DATA", 1, false), ("DOT", 1, false)]
    {
        let sink = drops_at(verb, message).await;
        let mut connection = Connection::open(&relay(&sink)).await.unwrap();
        for _ in 0..message {
            assert_eq!(connection.send(&mail("p@partner.example")).await.as_str(), "accepted");
        }
        let outcome = connection.send(&mail("p@partner.example")).await;
        assert_eq!(connection.had_died_unseen(&outcome), expected, "{verb} {message}: {outcome:?}");
        assert!(!connection.is_usable());
    }
    let sink = Sink::start(|step: &Step| {
        (step.verb == "MAIL" && step.message == 1).then(|| say("421 4.3.2 leaving")).flatten()
    })
    .await;
    let mut connection = Connection::open(&relay(&sink)).await.unwrap();
    connection.send(&mail("p@partner.example")).await;
    let outcome = connection.send(&mail("p@partner.example")).await;
    assert!(!connection.is_usable());
    assert_refused(&outcome, Stage::Mail, Trouble::Host);
}

#[tokio::test]
async fn a_broken_connection_is_replaced_and_only_its_message_is_uncertain() {
    let sink = Sink::start(|step: &Step| {
        (step.verb == "DOT" && step.connection == 0 && step.message == 1).then_some(Act::Drop)
    })
    .await;
    let (words, opened) = send_in_turn(&Dialer::new(relay(&sink)).unwrap(), &mails(5)).await;
    assert_eq!(words, ["accepted", "uncertain", "accepted", "accepted", "accepted"]);
    assert_eq!(opened, 2);
}

#[tokio::test]
async fn a_host_that_nobody_reaches_is_the_hosts_trouble() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dialer = Dialer::new(Relay::new("127.0.0.1", gone.port(), RelayTls::None)).unwrap();
    assert_eq!(dialer.relay().name, "127.0.0.1");
    assert_refused(&dialer.open().await.err().unwrap(), Stage::Connect, Trouble::Host);
}
