//! `partnercast sign-in`

use super::{ConfigArgument, address_of, load, say};
use crate::{
    domain::kernel::{Clock, EmailAddress, Error, Result, clock::SystemClock, random::OsRandom},
    work::signin,
};

/// Arguments of `sign-in`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Signs in as the member of staff with this address (vendor.toml) instead of as the operator.
    #[arg(long = "as", value_name = "ADDRESS")]
    member: Option<String>,
}

/// Prints the link. Works beside a running `serve`: nothing is written before the link is used.
///
/// # Errors
/// The configuration or its keys cannot be read; nobody knows the port.
pub fn main(arguments: &Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    let member = arguments.member.as_deref().map(EmailAddress::parse).transpose()?;
    let path = signin::console_path(&config.token_keys()?, &OsRandom, SystemClock.wall_ms(), member.as_ref());
    let base = address_of(&config).ok_or_else(|| {
        Error::unavailable(format!(
            "server.listen is {}, which takes any free port, and nothing tells which: start `partnercast serve` first, or \
             set server.public_url",
            config.server.listen
        ))
    })?;
    say(&format!("{base}{path}"));
    Ok(())
}
