//! Webhooks: endpoints with what they want and sign with, messages with their tries, and the turns in which they are sent.

pub mod documents;
pub mod endpoints;
pub mod housekeeping;
pub mod messages;
pub mod secrets;
pub mod turns;
pub mod visible;
pub mod withheld;

pub use endpoints::Endpoint;

/// Events `v` that say that something must be erased or taken away: they never end by themselves.
macro_rules! must_arrive {
    () => {
        "v.kind IN ('lead.erased', 'asset.recalled', 'asset.withdrawn')"
    };
}
use must_arrive;
