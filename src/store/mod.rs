//! The gate to the database (`db`) and the SQL, a file a noun. SQL stands nowhere else.
//!
//! Reads take `&Db`, writes take `&mut Tx`; only `work/` opens a `Tx`.

pub mod audit;
pub mod contents;
pub mod db;
pub mod deliveries;
pub mod events;
pub mod issues;
pub mod leads;
pub mod lock;
pub mod nodes;
pub mod partners;
pub mod queue;
pub mod renditions;
pub mod reports;
pub mod sessions;
pub mod sql;
pub mod suppressions;

pub use db::{Db, Tx};
