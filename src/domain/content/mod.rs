//! Content: asset kinds, front matter, Markdown, merge fields, findings, the library.
//!
//! Files go in, a [`Library`] and [`Finding`]s come out ([`Library::build`]). Nothing here fails, reads a disk or
//! renders: HTML, mail and PDF are made of the [`tree`] in `render/`.

pub mod asset;
pub mod body;
mod builder;
mod check;
pub mod commit;
mod document;
pub mod evidence;
pub mod field;
pub mod finding;
pub mod form;
mod front_matter;
pub mod guide;
mod image;
pub mod keys;
pub mod kinds;
pub mod library;
mod link;
pub mod lite;
mod markdown;
pub mod merge;
mod roster_files;
pub mod rules;
mod safe;
pub mod selection;
pub mod style;
pub mod text;
pub mod tree;
pub mod vendor;
pub mod zone;

pub use asset::{Asset, AssetKind, Common, Form, Picture, Zone};
pub use body::{Body, Section};
pub use commit::Commit;
pub use field::{Field, FieldUse, Scope};
pub use finding::{Finding, Severity};
pub use keys::Reference;
pub use kinds::Detail;
pub use library::{Library, Memo, SourceFile};
pub use merge::{Missing, Part, Template, Value, merge};
pub use rules::Rules;
pub use selection::{Reader, Selection};
pub use tree::{Alignment, Inline, Node, Target};
pub use vendor::Vendor;
pub use zone::{ZoneBlock, ZonePolicy};

#[cfg(test)]
mod evidence_tests;
#[cfg(test)]
mod kinds_tests;
#[cfg(test)]
mod library_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod sequence_tests;
#[cfg(test)]
pub(crate) mod tests;
