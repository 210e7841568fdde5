//! Several processes on one database: they share the work, one that dies is taken over, and one that stood still and
//! wakes up changes nothing (reliability: nothing lost, repeats within a window, the same Message-ID).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use partnercast::{
    channel::smtp::{Dialer, Relay, RelayTls},
    domain::{
        delivery::DeliveryState,
        kernel::clock::{DAY_MS, ManualClock},
    },
    store::{Db, deliveries, issues, nodes},
    work::deliver::Deliverer,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    Rig,
    processes::{Serve, accepted, assert_promise, crowd, ids_in, until},
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{number, rows, with_empty_postgres},
    environment,
};

/// Messages of a real-process test.
const MESSAGES: i64 = 1_000;

/// A relay that keeps back its last word until it is told to say it.
struct Reticent {
    address: std::net::SocketAddr,
    taken: Arc<Mutex<Vec<String>>>,
    speak: watch::Sender<bool>,
}

impl Reticent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (speak, may_speak) = watch::channel(false);
        let noted = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, noted.clone(), may_speak.clone()));
            }
        });
        Self { address, taken, speak }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

async fn converse(
    stream: TcpStream,
    taken: Arc<Mutex<Vec<String>>>,
    mut may_speak: watch::Receiver<bool>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 reticent\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let reply: &[u8] = match line.trim_end().to_uppercase() {
            word if word.starts_with("DATA") => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mut id = String::new();
                loop {
                    let mut line = Vec::new();
                    stream.read_until(b'\n', &mut line).await.ok()?;
                    if line == b".\r\n" {
                        break;
                    }
                    let text = String::from_utf8_lossy(&line).into_owned();
                    if let Some(rest) = text.strip_prefix("Message-ID: <") {
                        id = rest.trim_end().trim_end_matches('>').to_owned();
                    }
                }
                taken.lock().unwrap().push(id);
                may_speak.wait_for(|may| *may).await.ok()?;
                b"250 2.0.0 taken\r\n"
            }
            word if word.starts_with("QUIT") => return None,
            _ => b"250 2.0.0 ok\r\n",
        };
        stream.write_all(reply).await.ok()?;
    }
}

both_dbs! {
    /// A node that stood still past its lease, with a window open, is taken over; what it says afterwards is refused.
    async fn a_node_that_wakes_up_late_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.release_by(EVE_MS + DAY_MS).await;
        let issue = issues::recent(&rig.ctx.db).await.unwrap().remove(0).id;
        let relay = Reticent::start().await;
        let (stop_a, a_stopped) = watch::channel(false);
        let slow = Relay::new(relay.address.ip().to_string(), relay.address.port(), RelayTls::None);
        // Its clock stands still with it: it believes that its lease is fresh.
        let a = tokio::spawn(Deliverer::new(rig.another(Arc::new(ManualClock::new(EVE_MS + DAY_MS)), 21), vec![Dialer::new(slow).unwrap()]).run(a_stopped));
        let sending = || async { number(&rig.ctx.db, "SELECT COUNT(*) FROM delivery WHERE state = 'sending'", vec![]).await > 0 };
        until("a window opens", Duration::from_secs(20), sending).await;
        until("the relay has a message", Duration::from_secs(20), || async { !relay.taken().is_empty() }).await;

        // Another node has seen its count stand still for a minute (`work/deliver/node.rs` tests how), and forgets it.
        let mut tx = rig.ctx.db.begin().await.unwrap();
        for pulse in nodes::pulses(&rig.ctx.db).await.unwrap() {
            nodes::forget(&mut tx, &pulse).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (stop_b, b_stopped) = watch::channel(false);
        let fast = Relay::new(rig.relay().ip().to_string(), rig.relay().port(), RelayTls::None);
        let b = tokio::spawn(Deliverer::new(rig.another(Arc::new(ManualClock::new(EVE_MS + DAY_MS + 61_000)), 22), vec![Dialer::new(fast).unwrap()]).run(b_stopped));
        let accepted = || async {
            deliveries::counts(&rig.ctx.db, &issue).await.unwrap() == [(DeliveryState::Accepted, 33)]
        };
        until("the other has sent everything", Duration::from_secs(60), accepted).await;
        let told = "SELECT id, state, token, COALESCE(detail, ''), COALESCE(accepted_ms, 0) FROM delivery ORDER BY id";
        type Told = (String, String, i64, String, i64);
        let before: Vec<Told> = rows(&rig.ctx.db, told, vec![]).await;
        let tries = number(&rig.ctx.db, "SELECT COUNT(*) FROM attempt", vec![]).await;

        // Now the first wakes up, hears that its messages were accepted, and wants to record it.
        relay.speak.send(true).unwrap();
        stop_a.send(true).unwrap();
        a.await.unwrap();
        assert_eq!(rows::<Told>(&rig.ctx.db, told, vec![]).await, before, "nothing changed");
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM attempt", vec![]).await, tries, "no try was added");
        stop_b.send(true).unwrap();
        b.await.unwrap();

        let seen = ids_in(&rig.mailbox).await;
        assert_eq!(seen.len(), 33, "nobody is lost");
        assert!(seen.values().all(|count| *count == 1), "the one that took over sent each once");
        let repeated: Vec<String> = relay.taken().into_iter().filter(|id| seen.contains_key(id)).collect();
        assert_eq!(repeated.len(), relay.taken().len(), "a repeat has the same Message-ID");
        assert!(repeated.len() <= rig.ctx.settings.window, "{} repeats", repeated.len());
        let listed = number(&rig.ctx.db, "SELECT COUNT(*) FROM attempt WHERE outcome = 'uncertain'", vec![]).await;
        assert!(listed >= repeated.len() as i64, "{listed} listed, {} repeated", repeated.len());
    }
}

#[test]
fn two_processes_share_the_work() {
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        crowd(&rig, MESSAGES).await;
        let folder = tempfile::tempdir().unwrap();
        let both = ["a", "b"].map(|name| Serve::start(folder.path(), name, &url, rig.relay()));
        until("all is sent", Duration::from_secs(180), || async { accepted(&rig.ctx.db).await == MESSAGES })
            .await;
        both.iter().for_each(|serve| serve.signal("-TERM"));
        both.into_iter().for_each(Serve::assert_ends_in_order);
        let nodes: Vec<(String, i64)> =
            rows(&rig.ctx.db, "SELECT node_id, COUNT(*) FROM attempt GROUP BY node_id", vec![]).await;
        assert!(nodes.len() == 2 && nodes.iter().all(|(_, count)| *count > 0), "{nodes:?}");
        assert_promise(&rig.mailbox, &rig.ctx.db, MESSAGES, 0).await;
        assert_eq!(number(&rig.ctx.db, "SELECT COUNT(*) FROM node", vec![]).await, 0, "both have left");
        rig.ctx.db.close().await;
    });
}

/// With real processes and a real minute: one is killed, one stands still for longer than its lease and wakes up.
#[test]
fn a_killed_process_is_taken_over_and_one_that_stood_still_changes_nothing() {
    if !environment::has_time() {
        return;
    }
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        crowd(&rig, MESSAGES).await;
        let folder = tempfile::tempdir().unwrap();
        let (killed, stopped) = (
            Serve::start(folder.path(), "killed", &url, rig.relay()),
            Serve::start(folder.path(), "stopped", &url, rig.relay()),
        );
        let each = "SELECT COUNT(*) FROM (SELECT node_id FROM attempt GROUP BY node_id HAVING COUNT(*) > 40) AS busy";
        until("both are at work", Duration::from_secs(60), || async {
            number(&rig.ctx.db, each, vec![]).await == 2
        })
        .await;
        stopped.signal("-STOP");
        killed.kill();
        let done = accepted(&rig.ctx.db).await;
        assert!(done < MESSAGES, "there is something left to take over: {done}");
        let _heir = Serve::start(folder.path(), "heir", &url, rig.relay());
        until("the heir has sent everything", Duration::from_secs(180), || async {
            accepted(&rig.ctx.db).await == MESSAGES
        })
        .await;
        let told = "SELECT id, state, token, COALESCE(accepted_ms, 0) FROM delivery ORDER BY id";
        let before: Vec<(String, String, i64, i64)> = rows(&rig.ctx.db, told, vec![]).await;
        stopped.signal("-CONT");
        let back = "SELECT COUNT(*) FROM node";
        until("the one that stood still is back", Duration::from_secs(60), || async {
            number(&rig.ctx.db, back, vec![]).await == 2
        })
        .await;
        stopped.signal("-TERM");
        stopped.assert_ends_in_order();
        assert_eq!(
            rows::<(String, String, i64, i64)>(&rig.ctx.db, told, vec![]).await,
            before,
            "it changed nothing"
        );
        assert_promise(&rig.mailbox, &rig.ctx.db, MESSAGES, 2).await;
        rig.ctx.db.close().await;
    });
}
