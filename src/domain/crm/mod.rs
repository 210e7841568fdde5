//! CRMs: which of our fields goes to which of theirs (`crm/<name>.toml` of the content folder), the request that brings a lead
//! there, what their answer means, and what comes back in their words.

mod answer;
pub mod guide;
mod map;
mod render;
mod said;
mod source;
#[cfg(test)]
mod tests;

pub use answer::refusal;
pub use map::{Body, Crm, FieldMap, findings, map_of};
pub use render::{Request, document, erasure, upsert};
pub use said::{in_their_words, update};
pub use source::{Facts, Source};

/// The format of messages that no map renders.
pub const STANDARD: &str = "standard";

/// Whether messages of this format are sent as they are.
pub fn is_standard(format: &str) -> bool {
    matches!(format, "" | STANDARD)
}
