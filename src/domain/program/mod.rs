//! Newsletters, issues, cadence, audience.
//!
//! When an issue is promised ([`cadence`]), who gets it and why ([`audience`]), and where it stands ([`issue`]).

pub mod audience;
pub mod cadence;
pub mod calendar;
pub mod freshness;
pub mod issue;
pub mod lint;
pub mod reach;
pub mod reference;
pub mod translations;

pub use audience::{AudienceRule, Candidate, Decision, ExclusionReason, Subscription, SuppressionReason};
pub use cadence::Cadence;
pub use issue::{AcceptedShare, Control, IssueState, OnTime, PromiseVerdict};
