//! `partnercast sign-in`

use super::{ConfigArgument, load, say};
use crate::{
    domain::kernel::{Clock, Result, clock::SystemClock, random::OsRandom},
    work::signin,
};

/// Arguments of `sign-in`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Prints the link. Works beside a running `serve`: nothing is written before the link is used.
///
/// # Errors
/// The configuration or its keys cannot be read.
pub fn main(arguments: &Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    let path = signin::console_path(&config.token_keys()?, &OsRandom, SystemClock.now_ms());
    let base = match config.server.public_url.trim_end_matches('/') {
        "" => format!("http://{}", config.server.listen),
        url => url.to_owned(),
    };
    say(&format!("{base}{path}"));
    Ok(())
}
