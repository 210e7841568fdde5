//! What the benchmarks share: peers, measuring, reporting.
#![expect(dead_code, reason = "each bench uses its own part")]

pub mod peers;
pub mod usage;
