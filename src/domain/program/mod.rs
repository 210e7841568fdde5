//! Newsletters, issues, sequences, cadence, audience.
//!
//! When an issue is promised ([`cadence`]), who gets it and why ([`audience`]), where it stands ([`issue`]) and whether
//! it came in time ([`promise`]). What a sequence sends next, and when ([`sequence`]).

pub mod audience;
pub mod because;
pub mod cadence;
pub mod calendar;
pub mod digest;
pub mod frequency;
pub mod freshness;
pub mod issue;
pub mod late;
pub mod lint;
pub mod misread;
pub mod promise;
pub mod reach;
pub mod reference;
pub mod repeats;
pub mod sequence;
pub mod stage;
pub mod subject_test;
pub mod touch;
pub mod translations;
pub mod trials;

pub use audience::{AudienceRule, Candidate, Decision, ExclusionReason, Subscription, SuppressionReason};
pub use because::Because;
pub use cadence::Cadence;
pub use issue::{Control, IssueState};
pub use promise::{AcceptedShare, KeptRate, OnTime, PromiseVerdict};
