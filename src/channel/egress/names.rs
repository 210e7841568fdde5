//! Addresses of names, and whose fault it is when there are none: a name server that says nothing at all is ours, one that cannot
//! tell a single name is that name's owner's.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::Unanswered;

/// Questions at once, of the 512 threads that a process has for what blocks: each holds one, which a slow name server keeps after
/// we have given up, and others need threads too.
const QUESTIONS_MAX: usize = 64;
/// Peers that are remembered.
const KNOWN_MAX: usize = 64;

/// The addresses of a name, or why nobody knows.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Somebody who knows addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`.
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a>;
}

/// The machine's resolver, with its file of hosts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Resolve for Machine {
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.to_owned(), 0)).await?;
            Ok(found.map(|place| place.ip()).collect())
        })
    }
}

/// Asks for addresses, a few at once, and not for ever.
pub(super) struct Names {
    resolver: Arc<dyn Resolve>,
    places: Arc<Semaphore>,
    /// For how long a place, and then an answer, is waited for.
    time: Duration,
    known: Lately,
}

impl Names {
    pub(super) fn new(resolver: Arc<dyn Resolve>, time: Duration) -> Self {
        Self { resolver, places: Arc::new(Semaphore::new(QUESTIONS_MAX)), time, known: Lately::default() }
    }

    pub(super) fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    pub(super) fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self::new(resolver, self.time)
    }

    /// The addresses of `name`.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        let began = Instant::now();
        let fault = match self.ask(name).await {
            Ok(found) => return Ok(found),
            Err(fault) => fault,
        };
        Err(match fault {
            Fault::Crowded => {
                Unanswered::ours("too many names are being looked up; the name servers are slow")
            }
            Fault::Silent => {
                let why =
                    format!("the name {name} has no address: no answer within {} s", self.time.as_secs_f32());
                self.judged(name, began, why).await
            }
            Fault::Said(error) if is_vague(&error) => {
                self.judged(name, began, format!("the name {name} has no address: {error}")).await
            }
            Fault::Said(error) => Unanswered::of(&error, format!("the name {name} has no address: {error}")),
        })
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, Fault> {
        let place = timeout(self.time, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Fault::Crowded) };
        let (resolver, asked) = (self.resolver.clone(), name.to_owned());
        // In a task of its own: the place is free when the thread is, and not when nobody waits for it any more.
        let question = tokio::spawn(async move {
            let found = resolver.addresses(&asked).await;
            drop(place);
            found
        });
        match timeout(self.time, question).await {
            Err(_) => Err(Fault::Silent),
            Ok(Err(error)) => Err(Fault::Said(io::Error::other(error))),
            Ok(Ok(Err(error))) => Err(Fault::Said(error)),
            Ok(Ok(Ok(found))) => {
                self.known.note(name);
                Ok(found)
            }
        }
    }

    /// Whose fault it is that nothing was said of `name`: its owner's where another name has an address at the same time.
    async fn judged(&self, name: &str, began: Instant, why: String) -> Unanswered {
        let answers = match self.known.other(name) {
            Some((_, at)) if at >= began => true,
            Some((other, _)) => self.ask(&other).await.is_ok(),
            None => false,
        };
        if answers { Unanswered::theirs(why) } else { Unanswered::ours(why) }
    }
}

/// Why there is no address.
enum Fault {
    /// Nobody was asked: too many questions are open.
    Crowded,
    /// Nobody said anything in time.
    Silent,
    /// What was said.
    Said(io::Error),
}

/// Whether a name server that cannot be reached looks the same as one that can tell nothing of this name: `getaddrinfo` tells both
/// (`EAI_AGAIN`, `EAI_FAIL`) in these words alone.
fn is_vague(error: &io::Error) -> bool {
    error.to_string().contains("failure in name resolution")
}

/// Peers that did well, the last one at the end.
#[derive(Debug, Default)]
pub(super) struct Lately(Mutex<VecDeque<(String, Instant)>>);

impl Lately {
    /// Notes that `peer` did well now.
    pub(super) fn note(&self, peer: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| other != peer);
        if known.len() >= KNOWN_MAX {
            known.pop_front();
        }
        known.push_back((peer.to_owned(), Instant::now()));
    }

    /// Who but `peer` did well last, and when.
    pub(super) fn other(&self, peer: &str) -> Option<(String, Instant)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().rev().find(|(other, _)| other != peer).cloned()
    }
}
