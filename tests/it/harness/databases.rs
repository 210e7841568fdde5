//! Fresh databases: a copy of a migrated template for each test, dropped at its end, also when it fails.

use std::{
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    path::Path,
    sync::{
        Once, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use partnercast::{
    domain::kernel::Result,
    store::{
        Db,
        db::Row,
        sql::{Arg, Sql},
    },
};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

use super::environment;

/// Arguments of a statement in a test.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(partnercast::store::sql::Arg::from($value)),*] };
}
pub(crate) use values;

/// Runs a future to its end on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(future)
}

/// Runs `test` on a fresh SQLite file.
pub fn on_sqlite<F: Future<Output = ()> + Send + 'static>(test: fn(Db) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    block_on(async move {
        let db = sqlite_at(&path).await;
        // Its own task, so that the database is closed also when the test panics.
        let outcome = tokio::spawn(test(db.clone())).await;
        db.close().await;
        drop(folder);
        resume(outcome);
    });
}

/// Runs `test` on a fresh PostgreSQL database; says so and does nothing where there is no server, except in CI.
pub fn on_postgres<F: Future<Output = ()> + Send + 'static>(name: &str, test: fn(Db) -> F) {
    let Some(server) = environment::postgres_url() else {
        say_once("note: TEST_POSTGRES_URL is not set, so the PostgreSQL half of the suite is skipped\n");
        return;
    };
    let template = postgres_template(&server);
    block_on(async move {
        let database = unique_name();
        administer(&server, &format!("CREATE DATABASE {database} TEMPLATE {template}")).await;
        let db = Db::open(&with_database(&server, &database)).await.unwrap_or_else(|error| {
            panic!("{name}: the fresh database does not open: {}", error.detail());
        });
        let outcome = tokio::spawn(test(db.clone())).await;
        db.close().await;
        administer(&server, &format!("DROP DATABASE {database} WITH (FORCE)")).await;
        resume(outcome);
    });
}

/// Runs `test` with the address of a new PostgreSQL database without any table; says so and does nothing where there is
/// no server, except in CI.
pub fn with_empty_postgres<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce(String) -> F + Send + 'static,
) {
    let Some(server) = environment::postgres_url() else {
        return;
    };
    block_on(async move {
        let database = unique_name();
        administer(
            &server,
            &format!("CREATE DATABASE {database} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"),
        )
        .await;
        let outcome = tokio::spawn(test(with_database(&server, &database))).await;
        administer(&server, &format!("DROP DATABASE {database} WITH (FORCE)")).await;
        resume(outcome);
    });
}

fn resume(outcome: Result<(), tokio::task::JoinError>) {
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Opens a new SQLite file at `path`, with the tables made.
pub async fn sqlite_at(path: &Path) -> Db {
    std::fs::write(path, sqlite_template()).unwrap();
    Db::open(&format!("sqlite:{}", path.display())).await.unwrap()
}

/// The bytes of a migrated, empty SQLite file; made once a run.
fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        apart(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("template.sqlite");
            block_on(async {
                Db::open(&format!("sqlite:{}", path.display())).await.unwrap().close().await;
            });
            std::fs::read(&path).unwrap()
        })
    })
}

/// The name of a migrated, empty database; made once a server and schema, and left there for the next run.
fn postgres_template(server: &str) -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let server = server.to_owned();
        apart(move || {
            let mut hasher = DefaultHasher::new();
            for file in migrations() {
                std::fs::read(file).unwrap().hash(&mut hasher);
            }
            let name = format!("partnercast_template_{:016x}", hasher.finish());
            block_on(make_postgres_template(&server, &name));
            name
        })
    })
}

/// The migration files, in order.
pub fn migrations() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn make_postgres_template(server: &str, name: &str) {
    let mut admin = PgConnection::connect(server).await.expect("TEST_POSTGRES_URL can be reached");
    // Two runs may start at once; the lock goes with the connection.
    sqlx::query("SELECT pg_advisory_lock(7226)").execute(&mut admin).await.unwrap();
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    if !there {
        let draft = unique_name();
        // The C collation sorts as SQLite does.
        administer(
            server,
            &format!(
                "CREATE DATABASE {draft} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
            ),
        )
        .await;
        Db::open(&with_database(server, &draft)).await.unwrap().close().await;
        // Renamed when complete: a run that was cut off leaves no half-made template behind.
        administer(server, &format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    admin.close().await.unwrap();
}

fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("partnercast_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// `server` with another database's name: `postgres://user@host:port/other?options`.
fn with_database(server: &str, database: &str) -> String {
    let (address, options) = server.split_once('?').map_or((server, None), |(a, o)| (a, Some(o)));
    let (scheme, rest) = address.split_once("://").expect("TEST_POSTGRES_URL is a URL");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{scheme}://{host}/{database}{options}")
}

async fn administer(server: &str, statement: &str) {
    let mut admin = PgConnection::connect(server).await.expect("TEST_POSTGRES_URL can be reached");
    // Made of our own names and numbers.
    sqlx::raw_sql(AssertSqlSafe(statement).into_sql_str()).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

/// On a thread of its own, because a runtime cannot be started inside another.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().unwrap()
}

/// Past the test runner's capture, which would hide it.
fn say_once(note: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let _ = std::io::stderr().write_all(note.as_bytes());
    });
}

/// Runs one statement in a transaction of its own; for setting scenes, such as damage, that no store function makes.
pub async fn execute(db: &Db, sql: &'static str, args: Vec<Arg>) -> u64 {
    let mut tx = db.begin().await.unwrap();
    let changed = tx.run(sql, args).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

/// All rows of a statement.
pub async fn rows<T: Row>(db: &Db, sql: impl Into<Sql>, args: Vec<Arg>) -> Vec<T> {
    db.all(sql, args).await.unwrap()
}

/// The single number a statement gives.
pub async fn number(db: &Db, sql: &'static str, args: Vec<Arg>) -> i64 {
    rows::<(i64,)>(db, sql, args).await[0].0
}

/// `in_tx!(db, tx => expression)`: the awaited, unwrapped value of `expression`, committed.
macro_rules! in_tx {
    ($db:expr, $tx:ident => $work:expr) => {{
        let mut opened = $db.begin().await.unwrap();
        let $tx = &mut opened;
        let value = $work.await.unwrap();
        opened.commit().await.unwrap();
        value
    }};
}
pub(crate) use in_tx;

const FAULT_SQLITE: &str = "CREATE TABLE nowhere (no BIGINT PRIMARY KEY);
     CREATE TABLE fault (no BIGINT REFERENCES nowhere (no) DEFERRABLE INITIALLY DEFERRED);
     CREATE TRIGGER fault AFTER INSERT ON attempt BEGIN INSERT INTO fault VALUES (1); END;";
const FAULT_POSTGRES: &str = "CREATE TABLE nowhere (no BIGINT PRIMARY KEY);
     CREATE TABLE fault (no BIGINT REFERENCES nowhere (no) DEFERRABLE INITIALLY DEFERRED);
     CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO fault VALUES (1); RETURN NULL; END $$;
     CREATE TRIGGER fault AFTER INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION fault();";

/// From now on transactions that record a try fail at their very end, when all of them has been done; also those of a
/// process that works on the database at `url`.
pub async fn fail_commits(url: &str) {
    run_beside(url, FAULT_SQLITE, FAULT_POSTGRES).await;
}

/// From now on they do not.
pub async fn mend_commits(url: &str) {
    const MEND: &str = "INSERT INTO nowhere VALUES (1)";
    run_beside(url, MEND, MEND).await;
}

/// Runs statements on a connection of their own.
async fn run_beside(url: &str, sqlite: &'static str, postgres: &'static str) {
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sqlite).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        None => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(postgres).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}
