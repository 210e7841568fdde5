//! From content to what people receive: pages, mails, documents.
//!
//! Everything here is a pure function of its input and of the files in `templates/`; sending and storing are
//! the business of `channel/` and `store/`.

pub mod archive;
pub mod brand;
pub mod calendar;
pub mod diff;
pub mod document;
pub mod email;
pub mod feed;
mod files;
mod formats;
pub mod html;
pub mod markdown;
pub mod slots;
pub mod social;
pub mod strings;
pub mod table;
pub mod templates;
mod typeface;

pub use brand::{Button, PartnerBrand, VendorBrand};
pub use slots::{Slot, SlotTable, SlotValues};
pub use strings::Strings;
pub use templates::Templates;
