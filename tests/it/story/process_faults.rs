//! Real processes that are killed or stopped in the middle of an issue, and a database that is cut off under them:
//! nobody is lost, and what may repeat is within the promise and listed (reliability tests R1 to R3).

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use partnercast::{domain::delivery::DeliveryState, store::Db};

use super::{
    Rig,
    processes::{Serve, accepted, assert_promise, crowd, ids_in, until, with_sqlite},
    rig::Caught,
};
use crate::harness::{
    databases::{block_on, execute, fail_commits, mend_commits, number, rows, with_empty_postgres},
    environment,
};

/// Longest wait for some more mail, or for all of it.
const AT_MOST: Duration = Duration::from_secs(300);

/// How much is sent and how often it is disturbed.
#[derive(Debug, Clone, Copy)]
struct Extent {
    readers: i64,
    faults: usize,
    /// Messages that arrive between two faults, at least.
    between: usize,
}

impl Extent {
    fn of(short: Self, soak: Self) -> Self {
        if environment::soak() { soak } else { short }
    }
}

/// An issue to many, which nobody sends yet, and the catcher.
async fn waiting(url: &str, readers: i64) -> Caught {
    let rig = Rig::new(Db::open(url).await.unwrap()).await;
    crowd(&rig, readers).await;
    rig.leave_database().await
}

/// Waits until `more` messages have come since there were `before`. Not by asking the database: it is what fails.
async fn arrive(caught: &Caught, before: usize, more: usize) {
    until("messages go on arriving", AT_MOST, || async {
        caught.mailbox.count().await.unwrap() >= before + more
    })
    .await;
}

/// Waits until each message is recorded as accepted, beside the process that sends them.
async fn all_accepted(db: &Db, readers: i64) {
    until("all is accepted", AT_MOST, || async { accepted(db).await == readers }).await;
}

/// Fails unless the file of a SQLite database is whole.
async fn assert_whole(db: &Db) {
    if !db.is_shared() {
        let found: Vec<(String,)> = rows(db, "PRAGMA integrity_check", vec![]).await;
        assert_eq!(found, [("ok".to_owned(),)]);
    }
}

/// Another node forgets one that has been silent for a minute; where there is time it is waited for.
async fn forget_the_dead(url: &str) {
    if url.starts_with("postgres") && !environment::soak() {
        let db = Db::open(url).await.unwrap();
        execute(&db, "DELETE FROM node", vec![]).await;
        db.close().await;
    }
}

async fn killed_again_and_again(url: String) {
    let began = Instant::now();
    let extent = Extent::of(
        Extent { readers: 400, faults: 3, between: 40 },
        Extent { readers: 5_000, faults: 16, between: 200 },
    );
    let caught = waiting(&url, extent.readers).await;
    let folder = tempfile::tempdir().unwrap();
    for kill in 0..extent.faults {
        let before = caught.mailbox.count().await.unwrap();
        let serve = Serve::start(folder.path(), &format!("killed-{kill}"), &url, caught.relay);
        // Not always at the same place of a window.
        arrive(&caught, before, extent.between + 7 * kill).await;
        serve.kill();
        let db = Db::open_read_only(&url).await.unwrap();
        assert!(accepted(&db).await < extent.readers, "there is something left to send");
        assert_whole(&db).await;
        db.close().await;
        forget_the_dead(&url).await;
    }
    let last = Serve::start(folder.path(), "last", &url, caught.relay);
    let db = Db::open_read_only(&url).await.unwrap();
    all_accepted(&db, extent.readers).await;
    last.signal("-TERM");
    last.assert_ends_in_order();
    let repeats = assert_promise(&caught.mailbox, &db, extent.readers, extent.faults).await;
    assert_whole(&db).await;
    report("killed", &db, extent, repeats, began).await;
    db.close().await;
}

/// Says how it went; shown with `--nocapture`.
#[expect(clippy::print_stdout, reason = "figures for whoever runs it by hand")]
async fn report(what: &str, db: &Db, extent: Extent, repeats: usize, began: Instant) {
    let listed = number(db, "SELECT COUNT(*) FROM attempt WHERE outcome = 'uncertain'", vec![]).await;
    println!(
        "{what} {} times on {} while sending {}: {repeats} repeats, {listed} listed, {:.1} s",
        extent.faults,
        db.dialect(),
        extent.readers,
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn killed_again_and_again_it_loses_nobody_on_sqlite() {
    with_sqlite(killed_again_and_again);
}

#[test]
fn killed_again_and_again_it_loses_nobody_on_postgres() {
    with_empty_postgres(killed_again_and_again);
}

async fn asked_to_stop_in_the_middle(url: String) {
    let began = Instant::now();
    let extent = Extent::of(
        Extent { readers: 300, faults: 1, between: 60 },
        Extent { readers: 5_000, faults: 1, between: 1_000 },
    );
    let caught = waiting(&url, extent.readers).await;
    let folder = tempfile::tempdir().unwrap();
    let first = Serve::start(folder.path(), "first", &url, caught.relay);
    arrive(&caught, 0, extent.between).await;
    let asked = Instant::now();
    first.signal("-TERM");
    first.assert_ends_in_order();
    // `server.grace_s` as it comes.
    assert!(asked.elapsed() < Duration::from_secs(30), "it took {:?} to stop", asked.elapsed());

    let db = Db::open_read_only(&url).await.unwrap();
    let sent = ids_in(&caught.mailbox).await;
    assert!((sent.len() as i64) < extent.readers, "it was stopped in the middle");
    assert!(sent.values().all(|count| *count == 1), "nothing came twice");
    let states: Vec<(String, i64)> =
        rows(&db, "SELECT state, COUNT(*) FROM delivery GROUP BY state ORDER BY state", vec![]).await;
    let done = sent.len() as i64;
    let expected = [(DeliveryState::Accepted, done), (DeliveryState::Ready, extent.readers - done)];
    assert_eq!(
        states,
        expected.map(|(state, count)| (state.as_str().to_owned(), count)),
        "what came is recorded, and the rest waits"
    );
    db.close().await;

    let second = Serve::start(folder.path(), "second", &url, caught.relay);
    let db = Db::open_read_only(&url).await.unwrap();
    all_accepted(&db, extent.readers).await;
    second.signal("-TERM");
    second.assert_ends_in_order();
    let repeats = assert_promise(&caught.mailbox, &db, extent.readers, 0).await;
    assert_whole(&db).await;
    report("stopped", &db, extent, repeats, began).await;
    db.close().await;
}

#[test]
fn asked_to_stop_in_the_middle_it_leaves_the_rest_to_the_next_on_sqlite() {
    with_sqlite(asked_to_stop_in_the_middle);
}

#[test]
fn asked_to_stop_in_the_middle_it_leaves_the_rest_to_the_next_on_postgres() {
    with_empty_postgres(asked_to_stop_in_the_middle);
}

/// The database fails just when the last results are to be recorded: they are recorded as soon as it is back.
async fn asked_to_stop_while_the_database_fails(url: String) {
    let readers = 300;
    let caught = waiting(&url, readers).await;
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), "serve", &url, caught.relay);
    arrive(&caught, 0, 60).await;
    fail_commits(&url).await;
    serve.signal("-TERM");
    let tries = || async { serve.log().matches("the last results are not recorded yet").count() >= 2 };
    until("it tries again", AT_MOST, tries).await;
    mend_commits(&url).await;
    serve.assert_ends_in_order();
    let db = Db::open_read_only(&url).await.unwrap();
    let done = caught.mailbox.count().await.unwrap() as i64;
    assert!(done < readers, "it was stopped in the middle");
    assert_eq!(accepted(&db).await, done, "what has left is recorded");
    let rest = "SELECT COUNT(*) FROM delivery WHERE state = 'ready' AND node_id IS NULL AND attempt = 0";
    assert_eq!(number(&db, rest, vec![]).await, readers - done, "and the rest waits, untried");
    assert_eq!(number(&db, "SELECT COUNT(*) FROM attempt WHERE outcome <> 'accepted'", vec![]).await, 0);
    assert_eq!(number(&db, "SELECT COUNT(*) FROM node", vec![]).await, 0, "it has left");
    db.close().await;
}

#[test]
fn asked_to_stop_while_the_database_fails_on_sqlite() {
    with_sqlite(asked_to_stop_while_the_database_fails);
}

#[test]
fn asked_to_stop_while_the_database_fails_on_postgres() {
    with_empty_postgres(asked_to_stop_while_the_database_fails);
}

/// A PostgreSQL server of the test's own, which writes to the disk as a real one does; removed when dropped.
struct Server {
    url: String,
    folder: PathBuf,
    bin: String,
}

impl Server {
    /// None where there is none on this machine.
    fn start() -> Option<Self> {
        let started = "POSTGRES_DURABLE=1; postgres_bin >/dev/null || exit 0
            postgres_start && printf '%s\\n' \"$TEST_POSTGRES_URL\" \"$POSTGRES_FOLDER\" \"$POSTGRES_BIN\"";
        let told = shell(started, Path::new(""), "");
        let mut lines = told.lines().map(str::to_owned);
        Some(Self { url: lines.next()?, folder: lines.next()?.into(), bin: lines.next()? })
    }

    fn restart(&self) {
        shell("postgres_restart", &self.folder, &self.bin);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        shell("postgres_stop; true", &self.folder, &self.bin);
    }
}

/// Runs `script` with the functions of `tests/peers/postgres.sh`, and returns what it prints.
fn shell(script: &str, folder: &Path, bin: &str) -> String {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/postgres.sh");
    let done = Command::new("bash")
        .args(["-c", &format!("source \"$1\"; POSTGRES_FOLDER=$2 POSTGRES_BIN=$3\n{script}"), "bash"])
        .args([&peers, folder, Path::new(bin)])
        .output()
        .unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_database_server_that_crashes_loses_nobody() {
    if environment::postgres_url().is_none() {
        return;
    }
    let Some(server) = environment::needed("a PostgreSQL server's programs", Server::start()) else { return };
    let began = Instant::now();
    let extent = Extent::of(
        Extent { readers: 400, faults: 3, between: 40 },
        Extent { readers: 5_000, faults: 20, between: 150 },
    );
    block_on(async {
        let caught = waiting(&server.url, extent.readers).await;
        let folder = tempfile::tempdir().unwrap();
        let mut serve = Serve::start(folder.path(), "serve", &server.url, caught.relay);
        for restart in 0..extent.faults {
            let before = caught.mailbox.count().await.unwrap();
            arrive(&caught, before, extent.between + 7 * restart).await;
            server.restart();
            serve.assert_runs();
        }
        sends_the_rest(serve, &server.url, &caught, extent, "server crashed", began).await;
    });
}

/// The process still runs, sends what is left, and the promise is kept.
async fn sends_the_rest(
    mut serve: Serve,
    url: &str,
    caught: &Caught,
    extent: Extent,
    what: &str,
    began: Instant,
) {
    let db = Db::open_read_only(url).await.unwrap();
    assert!(accepted(&db).await < extent.readers, "there was something left to send");
    all_accepted(&db, extent.readers).await;
    serve.assert_runs();
    serve.signal("-TERM");
    serve.assert_ends_in_order();
    let repeats = assert_promise(&caught.mailbox, &db, extent.readers, extent.faults).await;
    report(what, &db, extent, repeats, began).await;
    db.close().await;
}

/// Connections end at any moment, in the middle of a commit too, so that whether it was done is not known.
#[test]
fn connections_that_are_cut_lose_nobody() {
    with_empty_postgres(|url| async move {
        let began = Instant::now();
        let extent = Extent::of(
            Extent { readers: 500, faults: 10, between: 20 },
            Extent { readers: 5_000, faults: 100, between: 20 },
        );
        let caught = waiting(&url, extent.readers).await;
        let folder = tempfile::tempdir().unwrap();
        let mut serve = Serve::start(folder.path(), "serve", &url, caught.relay);
        let surgeon = Db::look(&url).await.unwrap();
        for cut in 0..extent.faults {
            let before = caught.mailbox.count().await.unwrap();
            arrive(&caught, before, extent.between + 7 * cut % 16).await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'partnercast' AND datname = current_database() AND pid <> pg_backend_pid()";
            let done: Vec<(bool,)> = rows(&surgeon, cut, vec![]).await;
            assert!(!done.is_empty(), "there were connections to cut");
            serve.assert_runs();
        }
        surgeon.close().await;
        sends_the_rest(serve, &url, &caught, extent, "cut off", began).await;
    });
}
