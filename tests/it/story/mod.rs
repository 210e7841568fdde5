//! Stories: the demo vendor's content, a real database, a real SMTP conversation, a clock moved by hand.

mod delivery_faults;
mod delivery_relays;
mod faults;
mod hand_off;
mod issue;
mod post;
mod rig;

pub use rig::Rig;
