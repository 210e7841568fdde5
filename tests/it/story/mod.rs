//! Stories: the demo vendor's content, a real database, a real SMTP conversation, a clock moved by hand.

mod bounces;
mod faults;
mod hand_off;
mod issue;
mod rig;

pub use rig::Rig;
