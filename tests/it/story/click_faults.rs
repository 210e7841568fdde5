//! A real process that is killed while people click, and while its database takes nothing: what it answered is kept, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use partnercast::{
    domain::kernel::{
        id::DeliveryId,
        token::{Keys, Purpose},
    },
    store::Db,
    work::tokens::MailToken,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Rig,
    processes::{Serve, until, with_sqlite},
    rig::KEY,
};
use crate::harness::databases::{rows, with_empty_postgres};

/// Longest wait for anything.
const AT_MOST: Duration = Duration::from_secs(60);
/// People who click at once.
const PEOPLE: usize = 12;

/// Keeps anybody else from writing until it is dropped.
enum Hold {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Hold {
    async fn take(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let options = SqliteConnectOptions::new().filename(path).busy_timeout(AT_MOST);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Self::Sqlite(connection)
            }
            None => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let lock = "BEGIN; LOCK TABLE engagement_event IN EXCLUSIVE MODE";
                sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
                Self::Postgres(connection)
            }
        }
    }

    async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

/// People who click, each with a name of their own, and whom they were told that it was taken.
struct Crowd {
    stop: Arc<AtomicBool>,
    answered: Arc<Mutex<BTreeSet<String>>>,
    people: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    fn come(address: &str, paths: &[String], number: &Arc<AtomicUsize>) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
        let person = |_| {
            let (address, paths, number) = (address.to_owned(), paths.to_vec(), number.clone());
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = number.fetch_add(1, Ordering::Relaxed);
                    let name = format!("Mozilla/5.0 Firefox/140.0 click-{number}");
                    if click(&address, &paths[number % paths.len()], &name).await {
                        answered.lock().unwrap().insert(name);
                    }
                }
            })
        };
        let people = (0..PEOPLE).map(person).collect();
        Self { stop, answered, people }
    }

    fn answered(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    async fn leave(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.await.unwrap();
        }
        Arc::into_inner(self.answered).unwrap().into_inner().unwrap()
    }
}

/// Whether a click was answered by a redirect.
async fn click(address: &str, path: &str, agent: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: t.example\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(AT_MOST, asked).await.expect("an answer, or a broken connection");
    answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 302"))
}

async fn address(serve: &Serve) -> String {
    let found = || {
        let log = serve.log();
        let (_, rest) = log.split_once("partnercast runs address=")?;
        Some(rest.split_whitespace().next()?.to_owned())
    };
    until("it serves", AT_MOST, || async { found().is_some() }).await;
    found().unwrap()
}

async fn recorded(db: &Db) -> BTreeMap<String, i64> {
    let all: Vec<(String, i64)> =
        rows(db, "SELECT agent, COUNT(*) FROM engagement_event WHERE kind = 'click' GROUP BY agent", vec![])
            .await;
    all.into_iter().collect()
}

async fn killed_while_people_click(url: String) {
    let rig = Rig::new(Db::open(&url).await.unwrap()).await;
    rig.send_january().await;
    let sent: Vec<(String, String)> =
        rows(&rig.ctx.db, "SELECT id, rendition_id FROM delivery WHERE state = 'accepted'", vec![]).await;
    let keys = Keys::new(&[KEY.to_vec()]).unwrap();
    let path = |(id, rendition): &(String, String)| {
        let token =
            MailToken::new(DeliveryId::parse(id).unwrap(), rendition).unwrap().sign(&keys, Purpose::Click);
        format!("/c/{token}/0")
    };
    let paths: Vec<String> = sent.iter().map(path).collect();
    let caught = rig.leave_database().await;
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let serve = |name: &str| {
        Serve::start_with(folder.path(), name, &url, caught.relay, "", |command| {
            command.env("PARTNERCAST_DATABASE__SPOOL_DIR", &spool);
        })
    };
    let number = Arc::new(AtomicUsize::new(0));
    let mut answered = BTreeSet::new();
    for round in 0..3 {
        let process = serve(&format!("round-{round}"));
        let address = address(&process).await;
        let crowd = Crowd::come(&address, &paths, &number);
        until("people are served", AT_MOST, || async { crowd.answered() > 50 }).await;
        // The first is killed in the middle of its work; the others while the database takes nothing.
        let hold = if round > 0 { Some(Hold::take(&url).await) } else { None };
        let before = crowd.answered();
        until("people are served all the same", AT_MOST, || async { crowd.answered() > before + 40 }).await;
        process.kill();
        answered.append(&mut crowd.leave().await);
        if let Some(hold) = hold {
            assert!(std::fs::read_dir(&spool).unwrap().next().is_some(), "what waits is on disk");
            hold.release().await;
        }
    }
    let last = serve("last");
    let db = Db::open_read_only(&url).await.unwrap();
    until("nothing is lost", AT_MOST, || async {
        let known = recorded(&db).await;
        answered.iter().all(|name| known.contains_key(name))
    })
    .await;
    until("the spool is empty", AT_MOST, || async { std::fs::read_dir(&spool).unwrap().next().is_none() })
        .await;
    let twice: Vec<_> = recorded(&db).await.into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    last.signal("-TERM");
    last.assert_ends_in_order();
    db.close().await;
}

#[test]
fn what_was_answered_is_kept_on_sqlite() {
    with_sqlite(killed_while_people_click);
}

#[test]
fn what_was_answered_is_kept_on_postgres() {
    with_empty_postgres(killed_while_people_click);
}
