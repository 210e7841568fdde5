//! Layer `cli`.
