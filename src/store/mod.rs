//! The gate to the database (`db`) and the SQL, a file a noun. SQL stands nowhere else.
//!
//! Reads take `&Db`, writes take `&mut Tx`; only `work/` opens a `Tx`.

pub mod approvals;
pub mod attempts;
pub mod audience;
pub mod audit;
mod bulk;
pub mod conflicts;
pub mod contacts;
pub mod contents;
pub mod credits;
pub mod db;
pub mod dead_letters;
pub mod deliveries;
pub mod digests;
pub mod erased;
pub mod events;
pub mod freezing;
pub mod holders;
pub mod inspect;
pub mod issues;
pub mod journeys;
pub mod judgements;
pub mod ladder;
pub mod lead_clocks;
pub mod leads;
pub mod let_down;
pub mod lock;
pub mod nodes;
pub mod offers;
pub mod outbox;
pub mod partners;
pub mod pasts;
pub mod pauses;
pub mod person;
pub mod progress;
pub mod promises;
pub mod queue;
pub mod quotas;
pub mod read_only;
pub mod recalls;
pub mod renditions;
pub mod reports;
pub mod retention;
pub mod revisions;
pub mod scrub;
pub mod sequences;
pub mod sessions;
pub mod set_back;
pub mod sql;
pub mod suppressions;
pub mod takeover;
pub mod touches;
pub mod transfer;

pub use db::{Db, Tx};
