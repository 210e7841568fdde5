//! The conformance suite of the store: every public function, on both databases.

mod audit;
mod contents;
mod events;
mod gate;
mod issues;
mod leads;
mod model;
mod nodes;
mod partners;
mod queue;
mod queue_crash;
mod renditions;
mod reports;
mod sessions;
mod suppressions;
