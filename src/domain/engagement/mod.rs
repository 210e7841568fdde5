//! What people, and machines, do with what we sent.
//!
//! Every event is kept; [`verdict`] says which of them a person did. Scores and leads count those alone.

pub mod event;
mod scanners;
pub mod verdict;

pub use event::EventKind;
pub use verdict::{Evidence, Verdict, judge};
