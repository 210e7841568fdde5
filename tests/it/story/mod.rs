//! Stories: the demo vendor's content, a real database, a real SMTP conversation, a clock moved by hand.

mod bounces;
mod brands;
mod bundles;
mod clock_faults;
mod clock_scene;
mod console;
mod delivery_database;
mod delivery_faults;
mod delivery_relays;
mod explain;
mod exposition;
mod faults;
mod hand_off;
mod hello;
mod issue;
mod languages;
mod metrics;
mod migrate;
mod plan;
mod post;
mod preview;
mod process_faults;
mod processes;
mod promises;
mod recall;
mod revisions;
pub mod rig;
mod scale_out;
mod sequences;
mod serving;
mod set_back;
mod signed;
mod steering;

pub use revisions::copied;
pub use rig::{Rig, content};
