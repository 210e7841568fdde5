//! The keys that sign, read from the files that the configuration names.

use std::{io::Read, path::Path};

use crate::{
    config::{Config, Dkim},
    domain::kernel::{Error, Result},
    render::email::dkim::{DkimKey, Signer, SigningKey},
};

/// Largest key file, in bytes; a key of 4096 bits has 3,272.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Reads every key, and says on the log which files others may read.
///
/// # Errors
/// `Invalid` with the faults of all entries.
pub fn signer(config: &Config) -> Result<Signer> {
    let (mut keys, mut faults) = (Vec::new(), Vec::new());
    for entry in &config.mail.dkim {
        if let Some(warning) = open_to_others(&entry.key_file) {
            tracing::warn!("{warning}");
        }
        match key(entry) {
            Ok(key) => keys.push(key),
            Err(error) => faults.push(error.public().to_owned()),
        }
    }
    match Signer::new(keys) {
        Ok(signer) if faults.is_empty() => Ok(signer),
        Ok(_) => Err(Error::invalid(faults.join("; "))),
        Err(error) => {
            faults.push(error.public().to_owned());
            Err(Error::invalid(faults.join("; ")))
        }
    }
}

/// The keys that can sign although others cannot, and what is wrong with those: for `doctor`.
pub fn what_can_sign(config: &Config, error: &Error) -> (Signer, Vec<String>) {
    let (mut keys, mut faults) = (Vec::new(), Vec::new());
    for entry in &config.mail.dkim {
        match key(entry) {
            Ok(key) => keys.push(key),
            Err(error) => faults.push(error.public().to_owned()),
        }
    }
    Signer::new(keys)
        .map_or_else(|_| (Signer::default(), vec![error.public().to_owned()]), |signer| (signer, faults))
}

/// One key.
///
/// # Errors
/// Every fault of the entry and its file, with their names.
pub fn key(entry: &Dkim) -> Result<DkimKey> {
    let named = |why: String| format!("[[mail.dkim]] {} {}: {why}", entry.domain, entry.selector);
    let in_file = |error: &Error| named(format!("{}: {}", entry.key_file.display(), error.public()));
    let signing = read(&entry.key_file).and_then(|pem| SigningKey::from_pem(&pem)).map_err(|e| in_file(&e));
    let names =
        DkimKey::check_names(&entry.domain, &entry.selector).map_err(|e| named(e.public().to_owned()));
    match (names, signing) {
        (Ok(()), Ok(key)) => {
            let from_ms = entry.from.map(|from| from.timestamp_millis());
            DkimKey::new(&entry.domain, &entry.selector, from_ms, key)
        }
        (Err(first), Err(second)) => Err(Error::invalid(format!("{first}; {second}"))),
        (Err(why), _) | (_, Err(why)) => Err(Error::invalid(why)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| Error::invalid(format!("the key cannot be read ({error})")))?;
    if bytes.len() as u64 > KEY_FILE_BYTES_MAX {
        return Err(Error::invalid("the file is too large for a key"));
    }
    Ok(bytes)
}

/// What to say when everybody on the machine may read or write `path`.
pub fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| {
        format!(
            "every user of this machine may open {} (mode {mode:o}); run `chmod 600 {}`",
            path.display(),
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(dkim: &str) -> Config {
        let text = format!(
            "[database]\nurl = \"sqlite:data.sqlite\"\n[secrets]\ntoken_keys_file = \"keys\"\n[mail]\n\
             relay = \"catcher\"\n{dkim}"
        );
        Config::parse(&text, &[], &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys")).unwrap()
    }

    fn entry(domain: &str, selector: &str, file: &str) -> String {
        format!("[[mail.dkim]]\ndomain = \"{domain}\"\nselector = \"{selector}\"\nkey_file = \"{file}\"\n")
    }

    #[test]
    fn keys_of_both_kinds_and_a_rotation_are_read() {
        let text = entry("vendor.example", "a", "rsa-2048.pem")
            + &entry("vendor.example", "b", "ed25519.pem")
            + &entry("vendor.example", "c", "rsa-2048-next.pem")
            + "from = \"2027-03-01T00:00:00+01:00\"\n";
        let signer = signer(&config(&text)).unwrap();
        assert_eq!(signer.keys().len(), 3);
        let before = signer.active("vendor.example", 1_772_319_599_999 + 31_536_000_000);
        assert_eq!(before.iter().map(|key| key.selector.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let after = signer.active("vendor.example", 1_772_319_600_000 + 31_536_000_000);
        assert_eq!(after.iter().map(|key| key.selector.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    }

    #[test]
    fn the_faults_of_all_entries_come_at_once() {
        let text = entry("vendor.example", "a", "nowhere.pem")
            + &entry("vendor", "b c", "rsa-1024.pem")
            + &entry("vendor.example", "c", "README.md")
            + &entry("vendor.example", "d", "rsa-2048.pem")
            + &entry("vendor.example", "d", "ed25519.pem");
        let error = signer(&config(&text)).unwrap_err();
        for part in [
            "nowhere.pem",
            "`vendor` is no domain",
            "`b c` is no selector",
            "shorter than 2048",
            "README.md",
            "twice",
        ] {
            assert!(error.public().contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_key_that_everybody_may_read_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        std::fs::write(&path, "x").unwrap();
        for (mode, open) in [(0o644, true), (0o640, false), (0o600, false), (0o602, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(&path).is_some(), open, "{mode:o}");
        }
    }
}
