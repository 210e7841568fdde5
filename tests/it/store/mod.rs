//! The conformance suite of the store: every public function, on both databases.

mod audit;
mod contents;
mod deliveries;
mod deliveries_crash;
mod events;
mod gate;
mod issues;
mod leads;
mod model;
mod nodes;
mod partners;
mod renditions;
mod sessions;
mod suppressions;
