//! What people, and machines, do with what we sent.
//!
//! Every event is kept; [`verdict`] says which of them a person did, by the rules of [`scanners`]. Scores and leads count
//! those alone. When the rules change, what is kept is judged anew.

pub mod event;
mod placement;
pub mod proof;
pub mod scanners;
mod utm;
pub mod verdict;

pub use event::{EventKind, stay_words};
pub use placement::Placement;
pub use scanners::Machines;
pub use utm::Utm;
pub use verdict::{Around, Evidence, Followed, Reason, Verdict, is_prefetch, judge};
