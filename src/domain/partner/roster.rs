//! Rosters: partners and contacts from CSV.
