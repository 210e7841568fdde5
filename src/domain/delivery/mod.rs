//! One message to one recipient over one channel: its states, what became of a try, and when to try again.

pub mod backoff;
pub mod outcome;
pub mod report;
pub mod return_path;
pub mod state;

pub use outcome::{Outcome, Reply, Stage, Trouble};
pub use state::DeliveryState;
