//! Pure rules: no I/O, no async, no clock and no randomness of their own.
//!
//! Every module depends on the ones listed before it at most:
//! `kernel`, `sender`, `partner`, `content`, `program`, `delivery`, `engagement`, `lead`, `webhook`, `social`, `crm`, `site`.

pub mod content;
pub mod crm;
pub mod delivery;
pub mod engagement;
pub mod kernel;
pub mod lead;
pub mod partner;
pub mod program;
pub mod sender;
pub mod site;
pub mod social;
pub mod webhook;
