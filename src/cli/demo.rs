//! `partnercast demo`: the whole story in a folder of its own.

mod narration;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rust_embed::RustEmbed;

use super::{asked_to_stop, init, say, start_log};
use crate::{
    app::{App, listen},
    config::Config,
    domain::kernel::{Error, Result},
    store::lock::ProcessLock,
};

/// The first line of a demo's configuration: how we know that a folder is ours to delete.
const MARK: &str = "# Written by `partnercast demo`.";

/// The demo vendor's content, as in the project's `content/`.
#[derive(RustEmbed)]
#[folder = "content/"]
struct DemoContent;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the demo keeps its data.
    #[arg(long, default_value = "partnercast-demo")]
    dir: PathBuf,
    /// Port of the web pages on this machine; 0 takes a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Begin again: delete what the last demo left.
    #[arg(long)]
    fresh: bool,
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
}

/// Prepares the folder, runs everything, tells where to look, stops at Ctrl-C.
///
/// # Errors
/// The folder or the port is taken; says by what and how to go on.
pub async fn main(arguments: Arguments) -> Result<()> {
    let file = arguments.dir.join("partnercast.toml");
    // A taken port must leave no trace in the folder.
    let address = format!("127.0.0.1:{}", arguments.port);
    drop(listen(&address).await?);
    if arguments.fresh {
        delete(&arguments.dir, &file)?;
    }
    if !file.exists() {
        prepare(&arguments.dir, &file, arguments.port)?;
    }
    let mut config = Config::load(&file)?;
    config.server.listen = address;
    start_log(&config.log)?;
    let mut app = App::start(&config).await?;
    welcome(&app, &arguments.dir);
    if !arguments.no_browser {
        open_browser(&app.ctx.url("/"));
    }
    let ctx = app.ctx.clone();
    let ended = tokio::select! {
        asked = asked_to_stop() => asked,
        error = app.failed() => Err(error),
        // The story goes on after the last line is told: this never ends the demo.
        never = async { narration::narrate(&ctx).await; std::future::pending().await } => never,
    };
    say("stopping …");
    app.stop().await?;
    ended
}

fn delete(dir: &Path, file: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    let ours = fs::read_to_string(file).is_ok_and(|text| text.starts_with(MARK));
    if !ours {
        return Err(Error::conflict(format!(
            "{} was not made by `partnercast demo`, so --fresh does not delete it; choose another --dir",
            dir.display()
        )));
    }
    // Deleting the files under a running demo would leave it with neither the old data nor the new.
    drop(ProcessLock::take(&dir.join("partnercast.sqlite"))?);
    fs::remove_dir_all(dir)
        .map_err(|error| Error::unavailable(format!("{} cannot be deleted: {error}", dir.display())))
}

fn prepare(dir: &Path, file: &Path, port: u16) -> Result<()> {
    let cannot = |error: std::io::Error| {
        Error::unavailable(format!("the demo's folder {} cannot be written: {error}", dir.display()))
    };
    let taken = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(Error::conflict(format!(
            "{} holds other files; choose another --dir for the demo",
            dir.display()
        )));
    }
    let content = dir.join("content");
    for name in DemoContent::iter() {
        let path = content.join(&*name);
        if let (Some(parent), Some(embedded)) = (path.parent(), DemoContent::get(&name)) {
            fs::create_dir_all(parent).map_err(cannot)?;
            fs::write(&path, embedded.data).map_err(cannot)?;
        }
    }
    init::write_keys(&dir.join(init::KEYS_FILE))?;
    // Last: a folder with this file is complete.
    fs::write(file, configuration(port)).map_err(cannot)
}

/// The rehearsal begins shortly before the issue is frozen and runs fast until the last one has it.
fn configuration(port: u16) -> String {
    format!(
        r#"{MARK}
# `partnercast serve --config` with this file goes on where the demo was.

[server]
listen = "127.0.0.1:{port}"

[database]
url = "sqlite:partnercast.sqlite"

[content]
dir = "content"
import_roster = true

[mail]
relay = "catcher"
mailbox = "mailbox"
return_path_domain = "bounces.partners.brackenfold.example"

[secrets]
token_keys_file = "{keys}"

[console]
open = true

[log]
filter = "warn"

[rehearsal]
start = "2027-01-11T20:15:00Z"
until = "2027-01-12T17:30:00Z"
speed = 1800
story = true
"#,
        keys = init::KEYS_FILE
    )
}

fn welcome(app: &App, dir: &Path) {
    let url = |path: &str| app.ctx.url(path);
    say("");
    say("  partnercast demo: a vendor, 12 partners, 33 readers, one issue that leaves at 09:00 everywhere");
    say("");
    say(&format!("  the story   {}", url("/")));
    say(&format!("  the inbox   {}", url("/inbox")));
    say(&format!("  the console {}", url("/console")));
    say(&format!("  data        {} (delete it, or use --fresh, to begin again)", dir.display()));
    say("");
    say("  No mail leaves this machine. Ctrl-C stops; starting again goes on where it was.");
    say("");
}

/// Opens the browser where there is one; where not, the address stands in the terminal.
pub(super) fn open_browser(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let _ = Command::new(opener)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demo_folder_is_deleted_and_only_an_empty_one_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("partnercast.toml");
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        assert!(delete(dir.path(), &file).unwrap_err().public().contains("does not delete"));
        assert!(prepare(dir.path(), &file, 0).unwrap_err().public().contains("other files"));
        assert!(dir.path().join("thesis.txt").exists());
    }

    #[test]
    fn the_written_configuration_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let demo = dir.path().join("demo");
        prepare(&demo, &demo.join("partnercast.toml"), 0).unwrap();
        let config = Config::load(&demo.join("partnercast.toml")).unwrap();
        config.token_keys().unwrap();
        assert!(demo.join("content/vendor.toml").exists());
    }
}
