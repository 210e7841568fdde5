//! The doors for browsers: partners' public pages, the sales desk, the console, and the demo's story and inbox.
//!
//! Doors read through `&ctx.db` and call use cases in `work/`; they open no transaction and write no SQL. Every
//! answer to a GET changes nothing but the record that somebody looked.

mod api;
mod console;
mod csrf;
mod demo;
mod desk;
mod error;
mod frame;
mod headers;
mod health;
mod hooks;
mod incoming;
pub mod metrics;
mod preview;
mod public;
mod respond;
mod router;
mod server;
mod statics;
mod throttle;
mod view;
mod visitor;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod desk_tests;
#[cfg(test)]
mod hooks_tests;
#[cfg(test)]
mod language_tests;
#[cfg(test)]
mod router_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod signin_tests;
#[cfg(test)]
mod site_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod throttle_tests;

pub use health::Readiness;
pub use router::{preview_router, router, router_with};
pub use server::{Limits, serve};
