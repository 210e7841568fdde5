//! Real `partnercast serve` processes on one database, a crowd for them to write to, and what they promise.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use partnercast::{
    channel::catcher::Mailbox,
    domain::kernel::clock::{Clock as _, DAY_MS, SystemClock},
    store::{Db, issues},
};

use super::{
    Rig,
    rig::{EVE_MS, KEY},
};
use crate::harness::databases::{block_on, execute, number, rows, values};

/// Messages that one crash may repeat.
pub const WINDOW: usize = 16;

/// Runs `test` with the address of a SQLite file that is not there yet.
pub fn with_sqlite<F: Future<Output = ()>>(test: impl FnOnce(String) -> F) {
    let folder = tempfile::tempdir().unwrap();
    block_on(test(format!("sqlite:{}", folder.path().join("test.sqlite").display())));
}

/// Asks until it is so; fails with `what` when it takes too long.
pub async fn until<F: Future<Output = bool>>(what: &str, at_most: Duration, mut so: impl FnMut() -> F) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < at_most, "{what}: not within {at_most:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A real `partnercast serve`; killed when dropped.
pub struct Serve {
    child: Child,
    folder: PathBuf,
}

impl Serve {
    /// Starts one that works on the database at `url` and hands over to `relay` on one connection. What it writes goes
    /// into the new folder `name` below `folder`.
    pub fn start(folder: &Path, name: &str, url: &str, relay: SocketAddr) -> Self {
        Self::start_with(folder, name, url, relay, "", |_| ())
    }

    /// The same with `more` configuration, prepared before it starts.
    pub fn start_with(
        folder: &Path,
        name: &str,
        url: &str,
        relay: SocketAddr,
        more: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.join("keys"), key).unwrap();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{url}\"\n[mail]\nrelay = \"smtp://{relay}\"\n\
             window = {WINDOW}\nconnections = 1\n[secrets]\ntoken_keys_file = \"keys\"\n{more}"
        );
        fs::write(folder.join("partnercast.toml"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_partnercast"));
        command.arg("serve").arg("--config").arg(folder.join("partnercast.toml"));
        prepare(&mut command);
        let said = fs::File::create(folder.join("said")).unwrap();
        let child = command.stdout(said).stderr(log).spawn().unwrap();
        Self { child, folder }
    }

    /// Its configuration, for commands beside or after it.
    pub fn config(&self) -> PathBuf {
        self.folder.join("partnercast.toml")
    }

    /// What it has said to whoever started it.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Sends it a signal such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success(), "kill {signal}");
    }

    /// Fails unless it still runs.
    pub fn assert_runs(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it still runs");
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(mut self) {
        self.assert_runs();
        self.signal("-KILL");
        self.wait();
    }

    /// Its end. The relay it may still talk to lives in our own runtime, whose threads must not stand still meanwhile.
    fn wait(&mut self) -> ExitStatus {
        tokio::task::block_in_place(|| self.child.wait()).unwrap()
    }

    /// Waits until it has ended, and fails unless it ended in order.
    pub fn assert_ends_in_order(mut self) {
        let status = self.wait();
        assert!(status.success(), "it ends in order: {status}");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        // One that is stopped dies of KILL too.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!("{}: {ended:?} when the test failed; it had said:\n{log}", self.folder.display());
        }
    }
}

/// The January issue to `readers` people and nobody else, due now by the machine's clock.
pub async fn crowd(rig: &Rig, readers: i64) {
    rig.release_by(EVE_MS + DAY_MS).await;
    let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
    let first = "SELECT id FROM delivery WHERE issue_id = $1 ORDER BY id LIMIT 1";
    let model = rows::<(String,)>(&rig.ctx.db, first, values![&issue]).await.remove(0).0;
    let now_ms = SystemClock.now_ms();
    let more = "INSERT INTO delivery (id, source, issue_id, partner_slug, recipient_key, recipient_name, email, channel,
             generation, lane, scope, rendition_id, message_id, because, state, due_ms, promised_ms, expires_ms, created_ms)
         SELECT $2, issue_id, issue_id, partner_slug, $3, 'Reader', $3, 'email', 1, lane, scope, rendition_id, $4,
             because, 'ready', $5, $5, $6, $5
         FROM delivery WHERE id = $1";
    let mut tx = rig.ctx.db.begin().await.unwrap();
    for number in 0..readers {
        let id = format!("dlv_{number:032x}");
        let (email, message_id) = (format!("r{number}@crowd.example"), format!("{id}.g1@crowd.example"));
        tx.run(more, values![&model, &id, &email, &message_id, now_ms, now_ms + DAY_MS]).await.unwrap();
    }
    tx.commit().await.unwrap();
    execute(&rig.ctx.db, "DELETE FROM delivery WHERE recipient_key NOT LIKE '%@crowd.example'", vec![]).await;
}

/// How many messages are recorded as accepted.
pub async fn accepted(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) FROM delivery WHERE state = 'accepted'", vec![]).await
}

/// How often each Message-ID lies in a mailbox.
pub async fn ids_in(mailbox: &Mailbox) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for envelope in mailbox.list(100_000).await.unwrap() {
        let mail = mailbox.read(&envelope.id).await.unwrap();
        *ids.entry(mail.message_id.unwrap_or_default()).or_default() += 1;
    }
    ids
}

/// Nobody of `readers` is lost, what came twice is within the promise and listed, message by message. Returns how many
/// came twice.
pub async fn assert_promise(mailbox: &Mailbox, db: &Db, readers: i64, crashes: usize) -> usize {
    let ids = ids_in(mailbox).await;
    let owed: Vec<(String,)> = rows(db, "SELECT message_id FROM delivery", vec![]).await;
    let lost: Vec<_> = owed.iter().filter(|(id,)| !ids.contains_key(id)).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
    assert_eq!(
        ids.len() as i64,
        readers,
        "each message once under its own Message-ID: none lost, none renamed"
    );
    assert_eq!(accepted(db).await, readers, "and each is recorded as accepted");
    let repeats: usize = ids.values().map(|count| count - 1).sum();
    assert!(repeats <= crashes * WINDOW, "{repeats} repeats after {crashes} crashes");
    let uncertain = "SELECT message_id, COUNT(*) FROM attempt JOIN delivery ON id = delivery_id
         WHERE outcome = 'uncertain' GROUP BY message_id";
    let listed: BTreeMap<String, i64> = rows(db, uncertain, vec![]).await.into_iter().collect();
    for (id, count) in &ids {
        let listed = listed.get(id).copied().unwrap_or_default();
        assert!(
            *count as i64 - 1 <= listed,
            "{id} came {count} times, and {listed} possible repeats are listed"
        );
    }
    let all_listed: i64 = listed.values().sum();
    assert!(all_listed <= (crashes * WINDOW) as i64, "{all_listed} possible repeats after {crashes} crashes");
    let twice = "SELECT COUNT(*) FROM (SELECT delivery_id FROM attempt WHERE outcome = 'accepted' GROUP BY delivery_id
         HAVING COUNT(*) > 1) AS twice";
    assert_eq!(number(db, twice, vec![]).await, 0, "accepted is recorded once");
    repeats
}
