//! `partnercast serve`

use super::{ConfigArgument, asked_to_stop, load, start_log};
use crate::{app::App, domain::kernel::Result};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

/// Runs until Ctrl-C or SIGTERM.
///
/// # Errors
/// What cannot be started, or did not end in time.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let mut app = App::start(&config).await?;
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
