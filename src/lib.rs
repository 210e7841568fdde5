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

/// Much of what is done here takes many small pieces on one thread and gives them back on another (rows of the database,
/// finished messages, requests), which the C library's allocator does behind locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
