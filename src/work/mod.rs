//! Use cases and loops: the only layer that opens a transaction.

pub mod approve;
pub mod bounce;
pub mod bundle;
pub mod cache;
pub mod cobrand;
pub mod compose;
pub mod context;
pub mod deliver;
pub mod desk;
pub mod doctor;
pub mod documents;
pub mod explain;
pub mod figures;
pub mod folder;
pub mod forms;
mod freeze;
pub mod fresh;
pub mod handoff;
pub mod import;
pub mod lead_card;
pub mod link_book;
pub mod lookup;
pub mod metrics;
pub mod migrate;
pub mod notices;
pub mod preferences;
pub mod publish;
pub mod replay;
pub mod scoring;
pub mod set_back;
pub mod signin;
pub mod suppress;
pub mod sync;
pub mod tokens;
pub mod track;

pub use context::Context;
