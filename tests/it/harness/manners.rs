//! Relays that treat the recipients of each domain in a manner of its own.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use tokio::{io::AsyncWriteExt, sync::watch};

use super::chaos::{Act, Step};

/// How the recipients of one domain fare.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Nothing is answered to this verb, and nothing more.
    SilentAt(&'static str),
    /// Nothing is answered to RCPT until the gate opens.
    SilentUntil(watch::Receiver<bool>),
    /// The answer to RCPT comes byte by byte and never ends.
    Drips,
    /// Refused at the first try: come back later.
    Greylists,
    /// This verb is answered with this reply.
    Refuses(&'static str, &'static str),
    /// The connection is closed instead of an answer to this verb.
    DropsAt(&'static str),
    /// The message is taken, and then the connection is closed.
    AcceptsAndCloses,
    /// The answer to RCPT is one endless line.
    Floods,
}

/// Everybody at other domains is treated in a friendly way.
pub fn by_domain(
    manners: Vec<(&'static str, Manner)>,
) -> impl Fn(&Step) -> Option<Act> + Send + Sync + 'static {
    let known = Mutex::new(HashSet::new());
    move |step| {
        let (_, manner) = manners.iter().find(|(domain, _)| *domain == step.domain)?;
        match (manner, step.verb.as_str()) {
            (Manner::SilentAt(verb), at) if at == *verb => Some(Act::Silent),
            (Manner::SilentUntil(gate), "RCPT") => Some(behind(gate.clone())),
            (Manner::Drips, "RCPT") => Some(drip()),
            (Manner::Greylists, "RCPT") if known.lock().unwrap().insert(step.line.clone()) => {
                say("450 4.7.1 greylisted, come back in five minutes")
            }
            (Manner::Refuses(verb, reply), at) if at == *verb => say(reply),
            (Manner::Refuses("RCPT", _), "DATA") => say("503 5.5.1 there is no recipient"),
            (Manner::DropsAt(verb), at) if at == *verb => Some(Act::Drop),
            (Manner::AcceptsAndCloses, "DOT") => {
                Some(Act::LastWord("250 2.0.0 taken, and goodbye".to_owned()))
            }
            (Manner::Floods, "RCPT") => Some(Act::Flood),
            _ => None,
        }
    }
}

/// Answers with `text`.
pub fn say(text: &str) -> Option<Act> {
    Some(Act::Say(text.to_owned()))
}

/// Says yes to RCPT once the gate is open.
pub fn behind(gate: watch::Receiver<bool>) -> Act {
    Act::take(move |mut wire| {
        let mut gate = gate.clone();
        async move {
            gate.wait_for(|is_open| *is_open).await.ok()?;
            wire.write_all(b"250 2.1.5 ok\r\n").await.ok()?;
            Some(wire)
        }
    })
}

/// Bytes come more often than any wait is long, and a whole reply never does.
fn drip() -> Act {
    Act::take(|mut wire| async move {
        loop {
            wire.write_all(b"2").await.ok()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}
