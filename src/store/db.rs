//! The gate: one SQL text on SQLite and PostgreSQL, over sqlx's own drivers.
//!
//! What belongs here is what every statement needs: binding, reading rows, errors, slow-statement warnings.
//! What does not: any statement.

use std::{
    path::Path,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    migrate::Migrator,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use super::{
    bulk::{chunks, columns},
    lock::ProcessLock,
    sql::{Arg, Sql},
};
use crate::domain::kernel::{Error, Result};

/// Statements slower than this are logged.
const SLOW: Duration = Duration::from_millis(500);
/// How long to wait for a connection before saying that the database is overloaded.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// While an outbox is new, PostgreSQL has no statistics of it and believes that few rows wait: it would then collect all
/// of them and sort them for each window, instead of walking along the index. Measured with 100,000 recipients: 1,900
/// messages a second instead of 10,800. What we write inside transactions needs no bitmap anywhere.
const BEGIN_POSTGRES: &str = "BEGIN; SET LOCAL enable_bitmapscan = off";

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!();

/// A row that both drivers can read; derive it with `#[derive(sqlx::FromRow)]`.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// The database. Cheap to clone.
#[derive(Clone)]
pub enum Db {
    /// One file, one process: a writer and several readers.
    Sqlite {
        /// One connection: writes queue fairly instead of fighting for the lock.
        write: SqlitePool,
        /// Read-only: a stray write fails loudly.
        read: SqlitePool,
        /// Held as long as the process works on the file; none where it only looks (`read_only.rs`).
        lock: Option<Arc<ProcessLock>>,
    },
    /// A server that several nodes share.
    Postgres(PgPool),
}

/// An open transaction; dropped without [`Tx::commit`] it changes nothing.
pub enum Tx {
    /// On the one writer.
    Sqlite(Transaction<'static, Sqlite>),
    /// On a pooled connection.
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database that `url` names (`sqlite:path/to/file` or `postgres://…`) and brings its tables up to date.
    ///
    /// # Errors
    /// An unknown scheme, a file that another process works on or that is no database, a server that cannot be
    /// reached; each says what to do.
    pub async fn open(url: &str) -> Result<Self> {
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(Path::new(path.trim_start_matches("//"))).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::open_postgres(url).await?
        } else {
            return Err(Error::invalid(
                "the database URL must begin with `sqlite:` (a file) or `postgres:` (a server)",
            ));
        };
        let migrated = match &db {
            Self::Sqlite { write, .. } => MIGRATIONS.run(write).await,
            Self::Postgres(pool) => MIGRATIONS.run(pool).await,
        };
        migrated.map_err(|error| {
            Error::unavailable(
                "the tables could not be brought up to date; was the database made by a newer partnercast?",
            )
            .because(error)
        })?;
        db.leave_room().await?;
        Ok(db)
    }

    /// Room in each page for the next version of every row, so that PostgreSQL need not touch the indexes when deliveries
    /// are marked as being sent: those of a window lie together and all want it at once. SQLite writes rows in place.
    async fn leave_room(&self) -> Result<()> {
        let Self::Postgres(pool) = self else { return Ok(()) };
        const SET: &str =
            "SELECT 1 FROM pg_class WHERE oid = 'delivery'::regclass AND 'fillfactor=50' = ANY(reloptions)";
        const ALTER: &str = "ALTER TABLE delivery SET (fillfactor = 50)";
        if sqlx::query(SET).fetch_optional(pool).await.map_err(failed(SET))?.is_none() {
            sqlx::query(ALTER).execute(pool).await.map_err(failed(ALTER))?;
        }
        Ok(())
    }

    async fn open_sqlite(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::unavailable(format!("the folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        let lock = Some(Arc::new(ProcessLock::take(path)?));
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: a committed unsubscribe or `sending` mark survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            // A bulk statement keeps what it would undo; in memory instead of in a file for each.
            .pragma("temp_store", "memory")
            // 16 MB: a window's rows are looked at twice, and the upper pages of the indexes by every window.
            .pragma("cache_size", "-16000")
            .foreign_keys(true)
            .optimize_on_close(true, None)
            // So that the driver's thread does not wait while the rows of a window, or of a plan's page, are read.
            .row_buffer_size(4_096)
            // Bulk statements come in ten sizes each.
            .statement_cache_capacity(256);
        let cannot_open = |error| {
            Error::unavailable(format!(
                "the database file {} cannot be opened; is it a partnercast database, and may this user write it?",
                path.display()
            ))
            .because(error)
        };
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            // A full disk makes SQLite roll back by itself; the driver then counts a transaction that is not there,
            // and no other could ever begin on this connection.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone().create_if_missing(true))
            .await
            .map_err(cannot_open)?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true))
            .await
            .map_err(cannot_open)?;
        Ok(Self::Sqlite { write, read, lock })
    }

    async fn open_postgres(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| Error::invalid("the PostgreSQL URL cannot be read").because(error))?
            .application_name("partnercast");
        let pool = PgPoolOptions::new()
            .max_connections(12)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(|error| {
                Error::unavailable(format!(
                    "PostgreSQL at {}:{} does not let us in; check host, database, user and password",
                    options.get_host(),
                    options.get_port()
                ))
                .because(error)
            })?;
        Ok(Self::Postgres(pool))
    }

    /// `sqlite` or `postgres`.
    pub fn dialect(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Whether other processes may work on the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            // IMMEDIATE: a transaction that reads first and writes later would fail at once when another wrote between.
            Self::Sqlite { write, .. } => {
                Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await.map_err(failed("BEGIN"))?)
            }
            Self::Postgres(pool) => {
                Tx::Postgres(pool.begin_with(BEGIN_POSTGRES).await.map_err(failed("BEGIN"))?)
            }
        })
    }

    /// All rows. Page by key and limit to at most 1,000 rows in the statement.
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn all<T: Row>(&self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Vec<T>> {
        let sql = sql.into();
        let started = Instant::now();
        let rows = match self {
            Self::Sqlite { read, .. } => {
                sqlx::query_as_with(sql.sqlite, sqlite_args(args)).fetch_all(read).await
            }
            Self::Postgres(pool) => {
                sqlx::query_as_with(sql.postgres, postgres_args(args)).fetch_all(pool).await
            }
        };
        warn_if_slow(sql.postgres, started);
        rows.map_err(failed(sql.postgres))
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn opt<T: Row>(&self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Option<T>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    pub async fn ping(&self) -> Result<()> {
        self.all::<(i64,)>("SELECT CAST(1 AS BIGINT)", Vec::new()).await.map(|_| ())
    }

    /// Closes all connections; open transactions are waited for.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// All rows, read or written (`RETURNING`) inside the transaction.
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn all<T: Row>(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Vec<T>> {
        let sql = sql.into();
        let started = Instant::now();
        let rows = match self {
            Self::Sqlite(tx) => sqlx::query_as_with(sql.sqlite, sqlite_args(args)).fetch_all(&mut **tx).await,
            Self::Postgres(tx) => {
                sqlx::query_as_with(sql.postgres, postgres_args(args)).fetch_all(&mut **tx).await
            }
        };
        warn_if_slow(sql.postgres, started);
        rows.map_err(failed(sql.postgres))
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn opt<T: Row>(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<Option<T>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// `Conflict` for a broken uniqueness rule, `Invalid` for another broken rule, `Unavailable` when the database
    /// does not answer, else `Internal`.
    pub async fn run(&mut self, sql: impl Into<Sql>, args: Vec<Arg>) -> Result<u64> {
        let sql = sql.into();
        let started = Instant::now();
        let changed = match self {
            Self::Sqlite(tx) => sqlx::query_with(sql.sqlite, sqlite_args(args))
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
            Self::Postgres(tx) => sqlx::query_with(sql.postgres, postgres_args(args))
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
        };
        warn_if_slow(sql.postgres, started);
        changed.map_err(failed(sql.postgres))
    }

    /// Runs `before <rows> after` with one group of arguments a row, in as few statements as the databases allow, and
    /// returns how many rows changed. All rows must have the same arguments by number and type.
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn bulk(
        &mut self,
        before: &'static str,
        rows: Vec<Vec<Arg>>,
        after: &'static str,
    ) -> Result<u64> {
        let started = Instant::now();
        let mut changed = 0;
        match self {
            Self::Sqlite(tx) => {
                for chunk in chunks(before, rows, after) {
                    let done = sqlx::query_with(chunk.sql, sqlite_args(chunk.args)).execute(&mut **tx).await;
                    changed += done.map_err(failed(before))?.rows_affected();
                }
            }
            Self::Postgres(tx) if !rows.is_empty() => {
                let (sql, arguments) = columns(before, rows, after);
                let done = sqlx::query_with(sql, arguments).execute(&mut **tx).await;
                changed += done.map_err(failed(before))?.rows_affected();
            }
            Self::Postgres(_) => {}
        }
        warn_if_slow(before, started);
        Ok(changed)
    }

    /// As [`Tx::bulk`], for statements that return rows (`after` ends in `RETURNING …`).
    ///
    /// # Errors
    /// See [`Tx::run`].
    pub async fn bulk_all<T: Row>(
        &mut self,
        before: &'static str,
        rows: Vec<Vec<Arg>>,
        after: &'static str,
    ) -> Result<Vec<T>> {
        let started = Instant::now();
        let mut all = Vec::new();
        match self {
            Self::Sqlite(tx) => {
                for chunk in chunks(before, rows, after) {
                    let found =
                        sqlx::query_as_with(chunk.sql, sqlite_args(chunk.args)).fetch_all(&mut **tx).await;
                    all.extend(found.map_err(failed(before))?);
                }
            }
            Self::Postgres(tx) if !rows.is_empty() => {
                let (sql, arguments) = columns(before, rows, after);
                let found = sqlx::query_as_with(sql, arguments).fetch_all(&mut **tx).await;
                all = found.map_err(failed(before))?;
            }
            Self::Postgres(_) => {}
        }
        warn_if_slow(before, started);
        Ok(all)
    }

    /// Makes everything since `begin` durable.
    ///
    /// # Errors
    /// `Unavailable` when the database does not confirm; then it is not known whether it was done.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(failed("COMMIT"))
    }
}

macro_rules! bind_all {
    ($arguments:expr, $args:expr) => {{
        use sqlx::Arguments as _;
        let mut arguments = $arguments;
        for arg in $args {
            match arg {
                Arg::Text(value) => arguments.add(value),
                Arg::Int(value) => arguments.add(value),
                Arg::Bool(value) => arguments.add(value),
            }
            .expect("text, integers and booleans can always be encoded");
        }
        arguments
    }};
}

fn sqlite_args(args: Vec<Arg>) -> SqliteArguments {
    bind_all!(SqliteArguments::default(), args)
}

fn postgres_args(args: Vec<Arg>) -> PgArguments {
    bind_all!(PgArguments::default(), args)
}

fn warn_if_slow(sql: &str, started: Instant) {
    let took = started.elapsed();
    if took > SLOW {
        tracing::warn!(sql = first_words(sql), took_ms = took.as_millis(), "slow statement");
    }
}

/// Turns a driver's error into ours; the statement goes to the log, not to the person.
fn failed(sql: &'static str) -> impl Fn(sqlx::Error) -> Error {
    move |error| {
        let kind = error.as_database_error().map(sqlx::error::DatabaseError::kind);
        let ours = match (&error, kind) {
            (_, Some(sqlx::error::ErrorKind::UniqueViolation)) => {
                Error::conflict("this exists already, or was done already")
            }
            (
                _,
                Some(sqlx::error::ErrorKind::ForeignKeyViolation | sqlx::error::ErrorKind::CheckViolation),
            ) => Error::invalid("this refers to something that does not exist or is not allowed"),
            (
                sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::WorkerCrashed,
                _,
            ) => Error::unavailable("the database does not answer; trying again later may help"),
            _ if collides(&error) => {
                Error::conflict("somebody else changed the same at this very moment; do it again")
            }
            _ if passes(&error) => {
                Error::unavailable("the database cannot work at the moment; trying again later may help")
            }
            _ => Error::internal(format!("statement `{}`", first_words(sql))),
        };
        tracing::debug!(sql = first_words(sql), %error, "statement failed");
        ours.because(error)
    }
}

/// Whether PostgreSQL ended one of two transactions that waited for each other, or could not be put in order (SQLSTATE 40P01 and
/// 40001, appendix A of its documentation): done again, it goes through.
fn collides(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "40P01" || code == "40001")
}

/// Whether the database refused for a reason outside the statement: busy, a full disk, shutting down.
fn passes(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(sqlx::error::DatabaseError::code) else {
        return false;
    };
    if code.len() == 5 {
        // SQLSTATE: connection, resources, operator intervention, system (PostgreSQL documentation, appendix A).
        ["08", "53", "57", "58"].contains(&&code[..2])
    } else {
        // SQLite's extended codes keep the primary code in the low byte: BUSY, NOMEM, IOERR, FULL, CANTOPEN
        // (sqlite.org/rescode.html).
        code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 7 | 10 | 13 | 14))
    }
}

fn first_words(sql: &str) -> String {
    let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(120).collect()
}
