//! How often one network, or one address, may send forms and sign in. Kept in memory, a process each: it keeps floods
//! out, and is no book-keeping.

use std::sync::{Mutex, PoisonError};

use crate::{
    domain::kernel::{
        clock::{HOUR_MS, MINUTE_MS},
        rate::{Limiter, Rate},
    },
    work::{Context, track::Visitor},
};

/// Networks and addresses remembered, of each sort; a few megabytes when full.
const KEYS_MAX: usize = 10_000;
/// Forms from a network: an office may fill in a few at once.
const FORMS_NETWORK: &[Rate] = &[Rate { count: 10, per_ms: MINUTE_MS }, Rate { count: 60, per_ms: HOUR_MS }];
/// Forms with one address: each may be answered by mail, also to somebody who did not ask.
const FORMS_ADDRESS: &[Rate] = &[Rate { count: 10, per_ms: HOUR_MS }];
/// Sign-ins from a network.
const SIGN_INS_NETWORK: &[Rate] = &[Rate { count: 20, per_ms: HOUR_MS }];
/// Sign-ins with one address.
const SIGN_INS_ADDRESS: &[Rate] = &[Rate { count: 5, per_ms: HOUR_MS }];

/// Pages of a network that tell how long they were in view: an office reads many.
const STAYS_NETWORK: &[Rate] =
    &[Rate { count: 120, per_ms: MINUTE_MS }, Rate { count: 2_000, per_ms: HOUR_MS }];
/// Requests with one key.
const API_KEY: &[Rate] = &[Rate { count: 120, per_ms: MINUTE_MS }];
/// Requests without a good key, from a network.
const API_STRANGERS: &[Rate] = &[Rate { count: 30, per_ms: MINUTE_MS }];

/// How long somebody is to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    ms: i64,
}

impl Wait {
    /// Whole seconds, for `Retry-After` (RFC 9110 section 10.2.3).
    pub fn seconds(self) -> i64 {
        (self.ms + 999) / 1_000
    }

    /// Whole minutes, for people.
    pub fn minutes(self) -> u64 {
        u64::try_from((self.ms + MINUTE_MS - 1) / MINUTE_MS).unwrap_or_default()
    }
}

/// What was done lately.
pub struct Throttle {
    forms: Counted,
    sign_ins: Counted,
    stays: Counted,
    api: Counted,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            forms: Counted::new(FORMS_NETWORK, FORMS_ADDRESS),
            sign_ins: Counted::new(SIGN_INS_NETWORK, SIGN_INS_ADDRESS),
            stays: Counted::new(STAYS_NETWORK, &[]),
            api: Counted::new(API_STRANGERS, API_KEY),
        }
    }
}

impl Throttle {
    /// Whether this visitor may send a form with `address` now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn form(&self, ctx: &Context, visitor: &Visitor, address: &str) -> Result<(), Wait> {
        self.forms.ask(ctx, &visitor.network, address)
    }

    /// Whether a page of this visitor's may tell how long it was in view.
    ///
    /// # Errors
    /// How long to wait.
    pub fn stay(&self, ctx: &Context, visitor: &Visitor) -> Result<(), Wait> {
        self.stays.ask(ctx, &visitor.network, "")
    }

    /// Whether a request with this key is taken now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn api_key(&self, ctx: &Context, id: &str) -> Result<(), Wait> {
        lock(&self.api.addresses).ask(id, ctx.clock.machine_ms()).map_err(|ms| Wait { ms })
    }

    /// Whether this visitor may try another key now.
    ///
    /// # Errors
    /// How long to wait.
    pub fn api_stranger(&self, ctx: &Context, visitor: &Visitor) -> Result<(), Wait> {
        lock(&self.api.networks).ask(&visitor.network, ctx.clock.machine_ms()).map_err(|ms| Wait { ms })
    }

    /// Whether this visitor may sign in now; as whom, where that is known already.
    ///
    /// # Errors
    /// How long to wait.
    pub fn sign_in(&self, ctx: &Context, visitor: &Visitor, address: &str) -> Result<(), Wait> {
        self.sign_ins.ask(ctx, &visitor.network, address)
    }
}

/// By network and by address, or by network and by key.
struct Counted {
    networks: Mutex<Limiter>,
    addresses: Mutex<Limiter>,
}

impl Counted {
    fn new(networks: &'static [Rate], addresses: &'static [Rate]) -> Self {
        Self {
            networks: Mutex::new(Limiter::new(networks, KEYS_MAX)),
            addresses: Mutex::new(Limiter::new(addresses, KEYS_MAX)),
        }
    }

    /// The network first: who floods learns nothing about addresses. An empty address is none.
    fn ask(&self, ctx: &Context, network: &str, address: &str) -> Result<(), Wait> {
        // The machine's own time: a rehearsal's calendar may run fast.
        let now_ms = ctx.clock.machine_ms();
        let mut asked = lock(&self.networks).ask(network, now_ms);
        let address = address.trim().to_lowercase();
        if asked.is_ok() && !address.is_empty() {
            asked = lock(&self.addresses).ask(&address, now_ms);
        }
        asked.map_err(|ms| Wait { ms })
    }
}

fn lock(limiter: &Mutex<Limiter>) -> std::sync::MutexGuard<'_, Limiter> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner)
}
