//! What every other module may use: errors, the clock, randomness, rates, typed ids, checked text, tables from CSV,
//! networks, signed tokens, sealed secrets.

pub mod bidi;
pub mod clock;
pub mod error;
pub mod id;
pub mod mention;
pub mod network;
pub mod random;
pub mod rate;
pub mod seal;
pub mod sheet;
pub mod text;
pub mod token;

pub use clock::Clock;
pub use error::{Error, Kind, Result};
pub use network::Network;
pub use random::Random;
pub use text::{EmailAddress, Locale, Slug};
