//! Layer `work`.
