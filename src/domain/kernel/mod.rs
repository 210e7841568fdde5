//! What every other module may use: errors, the clock, randomness, typed ids, checked text, signed tokens.

pub mod clock;
pub mod error;
pub mod id;
pub mod random;
pub mod text;
pub mod token;

pub use clock::Clock;
pub use error::{Error, Kind, Result};
pub use random::Random;
pub use text::{EmailAddress, Locale, Slug};
