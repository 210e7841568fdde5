//! Layer `channel`.
