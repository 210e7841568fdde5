//! `partnercast preview`: what is being written, as readers will see it.

use std::path::PathBuf;

use super::{asked_to_stop, demo::open_browser, say, start_log};
use crate::{
    app::{PreviewApp, listen},
    config::Config,
    domain::kernel::Result,
};

/// Arguments of `preview`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The content folder.
    #[arg(default_value = "content")]
    dir: PathBuf,
    /// The configuration of an installation: its relay for "send me this", and its partners where the folder has no
    /// roster. Nothing is written there.
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// Port of the page on this machine; 0 takes a free one.
    #[arg(long, default_value_t = 8010)]
    port: u16,
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
}

/// Serves the preview until stopped.
///
/// # Errors
/// The folder cannot be read, the port is taken, the configuration has faults.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    start_log(&config.as_ref().map(|config| config.log.clone()).unwrap_or_default())?;
    let listener = listen(&format!("127.0.0.1:{}", arguments.port)).await?;
    let app = PreviewApp::start(listener, arguments.dir.clone(), config.as_ref()).await?;
    say(&format!("{} as its readers will see it: {}", arguments.dir.display(), app.url));
    say("Save a file, and the page follows. Ctrl-C stops.");
    if !arguments.no_browser {
        open_browser(&app.url);
    }
    let asked = asked_to_stop().await;
    app.stop().await;
    asked
}
