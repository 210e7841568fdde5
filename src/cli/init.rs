//! `partnercast init`: a configuration to start from.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use super::say;
use crate::domain::kernel::{Error, Random, Result, random::OsRandom};

/// The commented example; it is also the reference of all keys.
pub const EXAMPLE: &str = include_str!("partnercast.example.toml");
/// The file with the keys that sign links.
pub const KEYS_FILE: &str = "token.keys";

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to write the files.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Writes `partnercast.toml` and `token.keys`; existing files are never touched.
///
/// # Errors
/// One of the files is there already, or cannot be written.
pub fn main(arguments: &Arguments) -> Result<()> {
    std::fs::create_dir_all(&arguments.dir).map_err(|error| {
        Error::unavailable(format!("{} cannot be made: {error}", arguments.dir.display()))
    })?;
    let (config, keys) = (arguments.dir.join("partnercast.toml"), arguments.dir.join(KEYS_FILE));
    if let Some(there) = [&config, &keys].into_iter().find(|path| path.exists()) {
        return Err(Error::conflict(format!("{} exists already; nothing was written", there.display())));
    }
    write_new(&config, EXAMPLE, 0o644)?;
    write_keys(&keys)?;
    say(&format!("wrote {} and {}", config.display(), keys.display()));
    say("next: set mail.relay and content.dir, then run `partnercast serve`");
    Ok(())
}

/// Writes a fresh key that signs links, readable by this user alone.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn write_keys(path: &Path) -> Result<()> {
    let mut secret = [0; 32];
    OsRandom.fill(&mut secret);
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "# Keys that sign the links in mail: 64 hex digits a line, the first signs, all are accepted.\n\
         # Put a new one first to rotate; keep old ones as long as links in old mail shall work.\n{hex}\n"
    );
    write_new(path, &text, 0o600)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Error::unavailable(format!("{} cannot be written: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_example_is_a_configuration() {
        let config = Config::parse(EXAMPLE, &[], Path::new("/srv")).unwrap();
        assert_eq!(config.secrets.token_keys_file, Path::new("/srv").join(KEYS_FILE));
    }

    #[test]
    fn existing_files_are_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        let arguments = Arguments { dir: dir.path().to_owned() };
        main(&arguments).unwrap();
        let keys = std::fs::read_to_string(dir.path().join(KEYS_FILE)).unwrap();
        assert!(main(&arguments).unwrap_err().public().contains("exists already"));
        assert_eq!(std::fs::read_to_string(dir.path().join(KEYS_FILE)).unwrap(), keys);
        Config::load(&dir.path().join("partnercast.toml")).unwrap().token_keys().unwrap();
    }
}
