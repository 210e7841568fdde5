//! Newsletters, issues, cadence, audience.
