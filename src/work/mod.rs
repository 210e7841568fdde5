//! Use cases and loops: the only layer that opens a transaction.

pub mod approve;
pub mod cache;
pub mod context;
pub mod deliver;
pub mod preferences;
pub mod signin;
pub mod tokens;
pub mod track;

pub use context::Context;
