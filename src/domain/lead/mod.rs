//! Leads: stages, score, routing, clocks.
