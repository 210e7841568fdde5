//! `partnercast serve`

use super::{ConfigArgument, asked_to_stop, load, say, start_log};
use crate::{
    app::{App, url_at},
    domain::kernel::Result,
};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Where to look, for the person who started it.
fn welcome(public_url: &str, here: &str) -> String {
    let at = if public_url == here { String::new() } else { format!(", here at {here}/") };
    format!("partnercast serves {public_url}/{at}; the console is {public_url}/console, Ctrl-C stops")
}

/// Runs until Ctrl-C or SIGTERM.
///
/// # Errors
/// What cannot be started, or did not end in time.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let mut app = App::start(&config).await?;
    say(&welcome(&app.ctx.settings.public_url, &url_at(app.address)));
    tokio::select! {
        asked = asked_to_stop() => {
            asked?;
            app.stop().await
        }
        error = app.failed() => {
            tracing::error!(error = error.detail(), "stopping because a part of the program failed");
            let _ = app.stop().await;
            Err(error)
        }
    }
}
