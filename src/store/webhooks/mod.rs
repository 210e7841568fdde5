//! Webhooks: endpoints with what they want and sign with, messages with their tries, and the turns in which they are sent.

pub mod documents;
pub mod endpoints;
pub mod housekeeping;
pub mod messages;
pub mod secrets;
pub mod turns;

pub use endpoints::Endpoint;
