//! Opening a database only to look, beside the process that works on it; and looking at the connections.
//!
//! Nothing is migrated and nothing locked: what was made by another version of the program is refused instead.

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::db::{ACQUIRE_TIMEOUT, Db, MIGRATIONS};
use crate::domain::kernel::{Error, Result};

impl Db {
    /// Opens the database that `url` names for reading alone, also while another process works on it. Whoever tries to
    /// write through it is refused by the database.
    ///
    /// # Errors
    /// There is no such database, it cannot be read, or its tables are not those of this version; each says what to do.
    pub async fn open_read_only(url: &str) -> Result<Self> {
        let db = Self::connect_read_only(url).await?;
        db.check_version().await?;
        Ok(db)
    }

    /// The same, whatever tables there are.
    ///
    /// # Errors
    /// There is no such database, or it cannot be read.
    pub async fn connect_read_only(url: &str) -> Result<Self> {
        match url.strip_prefix("sqlite:") {
            Some(path) => sqlite(Path::new(path.trim_start_matches("//"))).await,
            None => postgres(url).await,
        }
    }

    /// The migrations that made the tables: number and checksum in hex, in order.
    ///
    /// # Errors
    /// `Invalid` where there are no tables of ours.
    pub async fn migrations(&self) -> Result<Vec<(i64, String)>> {
        let rows: Vec<(i64, Vec<u8>)> = self
            .all("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version", Vec::new())
            .await
            .map_err(|error| {
                Error::invalid(
                    "this database holds no partnercast tables yet; `partnercast serve` makes them when it starts",
                )
                .because(error)
            })?;
        Ok(rows.into_iter().map(|(version, checksum)| (version, hex(&checksum))).collect())
    }

    /// Open connections, and those of them that do nothing.
    pub fn connections(&self) -> (i64, i64) {
        let of = |size: u32, idle: usize| (i64::from(size), i64::try_from(idle).unwrap_or(0));
        match self {
            Self::Postgres(pool) => of(pool.size(), pool.num_idle()),
            Self::Sqlite { write, read, .. } => {
                let (writers, readers) =
                    (of(write.size(), write.num_idle()), of(read.size(), read.num_idle()));
                (writers.0 + readers.0, writers.1 + readers.1)
            }
        }
    }

    /// Says whether the tables are those that this version of the program makes.
    ///
    /// # Errors
    /// `Conflict` where they are not.
    pub async fn check_version(&self) -> Result<()> {
        let ours: Vec<(i64, String)> =
            MIGRATIONS.iter().map(|migration| (migration.version, hex(&migration.checksum))).collect();
        let theirs = self.migrations().await?;
        if theirs == ours {
            return Ok(());
        }
        let last = |list: &[(i64, String)]| list.last().map_or(0, |(version, _)| *version);
        Err(Error::conflict(format!(
            "the tables of this database are of version {}, this program's of version {}; use the partnercast that \
             serves it, or start `partnercast serve` once to bring older tables up to date",
            last(&theirs),
            last(&ours)
        )))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn sqlite(path: &Path) -> Result<Db> {
    if !path.is_file() {
        return Err(Error::invalid(format!(
            "there is no database {}; `partnercast serve` makes it when it starts, and database.url says where",
            path.display()
        )));
    }
    let options =
        SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5));
    let open = || SqlitePoolOptions::new().max_connections(2).acquire_timeout(ACQUIRE_TIMEOUT);
    let cannot = |error| {
        Error::unavailable(format!(
            "the database file {} cannot be read; may this user read it and its folder?",
            path.display()
        ))
        .because(error)
    };
    let read = open().connect_with(options.clone()).await.map_err(cannot)?;
    // The writer of a database that is only looked at may not write either.
    let write = open().connect_lazy_with(options);
    Ok(Db::Sqlite { write, read, lock: None })
}

async fn postgres(url: &str) -> Result<Db> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::invalid("the database URL cannot be read").because(error))?
        .application_name("partnercast (reading)")
        .options([("default_transaction_read_only", "on")]);
    let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_with(options.clone()).await.map_err(|error| {
        Error::unavailable(format!(
            "PostgreSQL at {}:{} does not let us in; check host, database, user and password",
            options.get_host(),
            options.get_port()
        ))
        .because(error)
    })?;
    Ok(Db::Postgres(pool))
}
