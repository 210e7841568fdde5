//! Ways out: each takes something finished and hands it to the next hop, and says truthfully what became of it
//! ([`Outcome`](crate::domain::delivery::Outcome)). Knows `domain`; knows nothing of rendering, storage or pages,
//! and decides nothing about trying again (that is `domain/delivery/backoff`).
//!
//! - [`smtp`]: mail to the relay.
//! - [`egress`]: the one HTTP client for addresses that others name.
//! - [`social`]: partners' own accounts at social networks, over `egress`.
//! - [`mailbox`]: the ways back in, for bounces and complaints.
//! - [`catcher`]: the receiving end for demonstrations and rehearsals; nothing it takes ever leaves the machine.

pub mod catcher;
pub mod certificate;
mod conversation;
pub mod dns;
pub mod egress;
pub mod mailbox;
pub mod ntp;
pub mod probe;
pub mod smtp;
pub mod social;
#[cfg(test)]
mod tests;
mod trust;
