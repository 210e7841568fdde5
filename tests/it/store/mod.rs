//! The conformance suite of the store: every public function, on both databases.

mod attempts;
mod audit;
mod contacts;
mod contents;
mod dead_letters;
mod events;
mod freezing;
mod gate;
mod inspect;
mod issues;
mod leads;
mod model;
mod nodes;
mod partners;
mod progress;
mod queue;
mod queue_crash;
mod queue_start;
mod quotas;
mod read_only;
mod renditions;
mod reports;
mod sessions;
mod set_back;
mod suppressions;
mod transfer;
