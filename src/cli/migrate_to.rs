//! `partnercast migrate-to`

use std::path::Path;

use super::{ConfigArgument, load, say, start_log};
use crate::{
    domain::kernel::{Error, Result},
    store::{Db, lock::ProcessLock, transfer},
    work::migrate,
};

/// Arguments of `migrate-to`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The new, empty database: postgres://user:password@host:5432/partnercast.
    url: String,
}

/// Copies the SQLite installation that the configuration names into an empty PostgreSQL database. The SQLite file is
/// only read and stays as it is; a fault leaves the new database empty.
///
/// # Errors
/// `serve` runs, the target is not empty or cannot be reached, a value that PostgreSQL does not store.
pub async fn main(arguments: Arguments) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let Some(path) = config.database.url.strip_prefix("sqlite:") else {
        return Err(Error::invalid(
            "database.url names no SQLite file, so there is nothing to move; this command goes from SQLite to PostgreSQL",
        ));
    };
    if !(arguments.url.starts_with("postgres://") || arguments.url.starts_with("postgresql://")) {
        return Err(Error::invalid("the new database must be named postgres://user:password@host:5432/name"));
    }
    if !Path::new(path).is_file() {
        return Err(Error::invalid(format!(
            "there is no database {path}; `partnercast serve` makes it when it starts"
        )));
    }
    // Nobody may write while it is copied.
    let _lock = ProcessLock::take(Path::new(path))?;
    let source = Db::open_read_only(&config.database.url).await?;
    let looking = Db::look(&arguments.url).await?;
    let before = migrate::check_target(&looking).await?;
    for caution in transfer::cautions(&looking).await? {
        say(&format!("caution: {caution}"));
    }
    looking.close().await;
    let target = Db::open(&arguments.url).await?;
    let mut tell = |table: &str, rows: u64| say(&format!("{table:<22} {rows:>12} rows so far"));
    let moved = migrate::migrate(&source, &target, &before, &mut tell).await?;
    target.close().await;
    source.close().await;
    say(&format!("{:<22} {:>12}   {}", "table", "rows", "sum, the same on both sides"));
    for table in &moved {
        say(&format!("{:<22} {:>12}   {:032x}", table.table, table.sum.rows, table.sum.digest));
    }
    let rows: u64 = moved.iter().map(|table| table.sum.rows).sum();
    say(&format!("copied: {} tables, {rows} rows; {path} was only read", moved.len()));
    say(&next(&arguments.config.config, &arguments.url));
    Ok(())
}

/// Which line to change, and what else is worth knowing.
fn next(config: &Path, url: &str) -> String {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let mut section = "";
    let line = text.lines().enumerate().find(|(_, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        section.starts_with("[database]") && line.split('=').next().is_some_and(|key| key.trim() == "url")
    });
    let place = match line {
        Some((at, line)) => format!("{}:{}: instead of `{}` write", config.display(), at + 1, line.trim()),
        None => format!("in {}, section [database], write", config.display()),
    };
    format!(
        "next: {place}\n    url = \"{}\"\n(or set PARTNERCAST_DATABASE__URL, which goes before the file), then start \
         `partnercast serve`. Keep {} and the keys as they are; keep the SQLite file until you are sure.",
        without_password(url),
        config.display()
    )
}

/// The address as it may be shown: a terminal's history is no place for a password.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((login, place)) => match login.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:PASSWORD@{place}"),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_change_is_named_and_no_password_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("partnercast.toml");
        std::fs::write(&file, "[server]\nurl = \"no\"\n[database]\n# where\nurl = \"sqlite:a.sqlite\"\n")
            .unwrap();
        let says = next(&file, "postgres://cast:s3:cr@t@db.example:5432/cast?sslmode=require");
        assert!(says.contains("partnercast.toml:5: instead of `url = \"sqlite:a.sqlite\"`"), "{says}");
        assert!(
            says.contains("url = \"postgres://cast:PASSWORD@db.example:5432/cast?sslmode=require\""),
            "{says}"
        );
        assert!(next(Path::new("nowhere.toml"), "postgres://db/cast").contains("section [database], write"));
    }
}
