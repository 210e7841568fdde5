//! What the benchmarks share: peers, measuring, reporting.

pub mod peers;
pub mod usage;
