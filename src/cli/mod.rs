//! Layer `cli`.
pub mod check;
