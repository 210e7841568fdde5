//! partnercast: partner communication and content syndication.
//!
//! Layers, arrows one way: `web, cli -> work -> render, channel, store -> domain`. See `ARCHITECTURE.md`.

pub mod app;
pub mod channel;
pub mod cli;
pub mod config;
pub mod domain;
pub mod render;
pub mod store;
pub mod web;
pub mod work;
