//! One message to one recipient over one channel: its states, what became of a try, and when to try again.

pub mod backoff;
pub mod breaker;
pub mod classes;
pub mod outcome;
pub mod outlook;
pub mod pace;
pub mod quota;
pub mod report;
pub mod return_path;
pub mod slots;
pub mod state;

pub use breaker::Breaker;
pub use classes::Classes;
pub use outcome::{Outcome, Reply, Stage, Trouble};
pub use quota::{Quota, WarmUp};
pub use slots::Slots;
pub use state::DeliveryState;
