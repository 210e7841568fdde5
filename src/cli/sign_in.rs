//! `partnercast sign-in`

use super::{ConfigArgument, address_of, load, say};
use crate::{
    config::Config,
    domain::{
        content::{Library, SourceFile},
        kernel::{Clock, EmailAddress, Error, Result, clock::SystemClock, random::OsRandom},
    },
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

/// Refuses an address that is of nobody on the staff, as far as the content folder is here to tell: its link would sign
/// nobody in.
fn known(config: &Config, member: &EmailAddress) -> Result<()> {
    let Some(dir) = &config.content.dir else { return Ok(()) };
    let Ok(bytes) = std::fs::read(dir.join("vendor.toml")) else { return Ok(()) };
    let (library, _) = Library::build([SourceFile { path: "vendor.toml".to_owned(), bytes }]);
    let Some(vendor) = &library.vendor else { return Ok(()) };
    if vendor.member(member.as_str()).is_some() {
        return Ok(());
    }
    let staff: Vec<&str> = vendor.staff.iter().map(|member| member.email.as_str()).collect();
    let there = if staff.is_empty() {
        "vendor.toml has no [[staff]]".to_owned()
    } else {
        format!("there is {}", staff.join(", "))
    };
    Err(Error::not_found_but(format!("{member} among the staff"), there))
}

/// Prints the link. Works beside a running `serve`: nothing is written before the link is used.
///
/// # Errors
/// The configuration or its keys cannot be read; the address is of nobody on the staff; nobody knows the port.
pub fn main(arguments: &Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    let member = arguments.member.as_deref().map(EmailAddress::parse).transpose()?;
    if let Some(member) = &member {
        known(&config, member)?;
    }
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
