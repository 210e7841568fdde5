//! What another system is told, and how: the events and their shapes, signatures (Standard Webhooks 1.0.0), when to try again,
//! what an answer means, and when an endpoint is left alone or given up.

pub mod answer;
pub mod breaker;
pub mod chat;
pub mod event;
pub mod filter;
pub mod guide;
pub mod rate;
pub mod schedule;
pub mod shown;
pub mod sign;

pub use answer::Verdict;
pub use breaker::Health;
pub use chat::Chat;
pub use event::{Event, EventKind, Scope};
pub use filter::Filters;
pub use rate::Rate;
pub use sign::Secret;
