//! A seeded model test of the queue: random sequences of what workers, people and crashes do, each step compared
//! with a model in memory that is too small to be wrong. A failure prints its seed; run that seed alone with
//! `one_seed` below.
//!
//! Invariants (numbered as in ARCHITECTURE.md): I1 at most one acceptance a delivery; I2 a stale token changes
//! nothing; I3 nothing starts after an unsubscribe; I4 nothing starts while paused; I5 every row is final or has a
//! due time, and the queue can be drained from every state.

use std::collections::{BTreeMap, BTreeSet};

use partnercast::{
    domain::{
        delivery::DeliveryState::{
            self, Accepted, Cancelled, Dead, Failed, Leased, Ready, Sending, Suppressed, Uncertain,
        },
        kernel::{Random as _, clock::MINUTE_MS, id::NodeId},
    },
    store::{
        Db, deliveries, issues, nodes,
        queue::{self, Claimed, Settled},
        suppressions,
    },
};

use crate::harness::{
    START_MS, SeededRandom,
    databases::{execute, in_tx, on_postgres, on_sqlite, rows, values},
    outbox::{DOMAIN, LIFETIME_MS, Scene, claim, key, result, settle, start},
};

const STEPS: usize = 60;
const READERS: usize = 4;
/// A node whose last beat is older than this is taken for dead.
const BEAT_AGE_MS: i64 = 60_000;

/// What the model knows of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    state: DeliveryState,
    due_ms: i64,
    attempt: i64,
    tries: i64,
    crashes: i64,
    token: i64,
    node: Option<String>,
    tried: Vec<(i64, String)>,
}

/// What the model knows of one issue.
struct Issue {
    scene: Scene,
    released: bool,
    control: &'static str,
}

/// A process: what it holds in memory may be stale.
struct Worker {
    node: NodeId,
    claimed: Vec<Claimed>,
    window: Vec<Claimed>,
}

struct Model {
    db: Db,
    random: SeededRandom,
    now_ms: i64,
    machine_ms: i64,
    hold: bool,
    issues: Vec<Issue>,
    suppressed: BTreeSet<usize>,
    beats: BTreeMap<String, i64>,
    rows: BTreeMap<String, Row>,
    workers: Vec<Worker>,
}

impl Model {
    async fn new(db: Db, seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        let mut issues = Vec::new();
        for at in 0..2 {
            let scene = Scene::approved(&db, &format!("seed-{seed}-{at}"), READERS).await;
            issues.push(Issue { scene, released: false, control: "running" });
        }
        let workers = (0..3)
            .map(|_| Worker { node: NodeId::new(START_MS, &random), claimed: Vec::new(), window: Vec::new() })
            .collect();
        Self {
            db,
            now_ms: START_MS,
            machine_ms: 1_000_000,
            hold: seed.is_multiple_of(4),
            issues,
            suppressed: BTreeSet::new(),
            beats: BTreeMap::new(),
            rows: BTreeMap::new(),
            workers,
            random,
        }
    }

    fn pick(&self, below: usize) -> usize {
        usize::try_from(self.random.next_u64() % below as u64).unwrap()
    }

    /// The issue and the reader of a delivery.
    fn place(&self, id: &str) -> (usize, usize) {
        self.issues
            .iter()
            .enumerate()
            .find_map(|(issue, known)| {
                known
                    .scene
                    .deliveries
                    .iter()
                    .position(|delivery| delivery == id)
                    .map(|reader| (issue, reader))
            })
            .unwrap()
    }

    async fn step(&mut self) -> String {
        let worker = self.pick(self.workers.len());
        let issue = self.pick(self.issues.len());
        match self.pick(16) {
            0 => self.release(issue).await,
            1..=3 => self.claim(worker).await,
            4..=6 => self.start(worker).await,
            7 | 8 => self.settle(worker).await,
            9 => self.crash(worker),
            10 => self.reap(worker).await,
            11 => self.steer(issue).await,
            12 => self.suppress().await,
            13 => self.beat(worker).await,
            14 => self.hand_back(worker).await,
            _ => self.wait(),
        }
    }

    async fn release(&mut self, issue: usize) -> String {
        let known = &mut self.issues[issue];
        let expected = !known.released && known.control != "cancelled";
        let filled =
            in_tx!(self.db, tx => queue::release(tx, &known.scene.issue, self.now_ms, LIFETIME_MS, DOMAIN));
        assert_eq!(filled, if expected { READERS as u64 } else { 0 });
        if expected {
            known.released = true;
            for id in &known.scene.deliveries {
                let row = Row {
                    state: Ready,
                    due_ms: START_MS,
                    attempt: 0,
                    tries: 0,
                    crashes: 0,
                    token: 0,
                    node: None,
                    tried: Vec::new(),
                };
                self.rows.insert(id.clone(), row);
            }
        }
        format!("release issue {issue}: {filled}")
    }

    async fn claim(&mut self, worker: usize) -> String {
        let limit = 1 + self.pick(5);
        let mut due: Vec<(i64, String)> = self
            .rows
            .iter()
            .filter(|(id, row)| {
                row.state == Ready
                    && row.due_ms <= self.now_ms
                    && self.issues[self.place(id).0].control != "paused"
            })
            .map(|(id, row)| (row.due_ms, id.clone()))
            .collect();
        due.sort();
        due.truncate(limit);
        let node = self.workers[worker].node;
        let claimed = claim(&self.db, node, self.now_ms, i64::try_from(limit).unwrap()).await;
        let expected: BTreeSet<_> = due.into_iter().map(|(_, id)| id).collect();
        let got: BTreeSet<_> = claimed.iter().map(|claimed| claimed.id.clone()).collect();
        assert_eq!(got, expected);
        for claimed in &claimed {
            let row = self.rows.get_mut(&claimed.id).unwrap();
            (row.state, row.token, row.node) = (Leased, row.token + 1, Some(node.to_string()));
            assert_eq!((claimed.token, claimed.attempt, claimed.tries), (row.token, row.attempt, row.tries));
        }
        self.workers[worker].claimed.extend(claimed);
        format!("worker {worker} claims {}", got.len())
    }

    async fn start(&mut self, worker: usize) -> String {
        let count = self.pick(self.workers[worker].claimed.len() + 1);
        let window: Vec<Claimed> = self.workers[worker].claimed.drain(..count).collect();
        let started = start(&self.db, &window).await;
        let mut expected = BTreeSet::new();
        for claimed in &window {
            let (issue, reader) = self.place(&claimed.id);
            let control = self.issues[issue].control;
            let suppressed = self.suppressed.contains(&reader);
            let row = self.rows.get_mut(&claimed.id).unwrap();
            if row.token != claimed.token || row.state != Leased {
                continue; // I2
            }
            if !suppressed && control == "running" {
                (row.state, row.attempt) = (Sending, row.attempt + 1);
                expected.insert(claimed.id.clone());
            } else {
                // I3, I4
                row.state = match control {
                    _ if suppressed => Suppressed,
                    "cancelled" => Cancelled,
                    _ => Ready,
                };
                row.node = None;
            }
        }
        assert_eq!(started.into_iter().collect::<BTreeSet<_>>(), expected);
        // Like the program, a worker holds what it started until it settles, and drops the rest.
        self.workers[worker].window.extend(window.into_iter().filter(|c| expected.contains(&c.id)));
        format!("worker {worker} starts {} of {count}", expected.len())
    }

    async fn settle(&mut self, worker: usize) -> String {
        let window = std::mem::take(&mut self.workers[worker].window);
        let results: Vec<Settled> = window
            .iter()
            .map(|claimed| match self.pick(4) {
                0 | 1 => result(claimed, Accepted, None),
                2 => result(claimed, Failed, None),
                _ => {
                    let wait = MINUTE_MS * i64::try_from(self.pick(10)).unwrap();
                    Settled { counts: self.pick(2) == 0, ..result(claimed, Ready, Some(self.now_ms + wait)) }
                }
            })
            .collect();
        let changed = settle(&self.db, self.workers[worker].node, &results).await;
        let mut expected = 0;
        for settled in &results {
            let row = self.rows.get_mut(&settled.id).unwrap();
            if row.token == settled.token && row.state == Sending {
                expected += 1;
                row.state = settled.state;
                row.due_ms = settled.due_ms.unwrap_or(row.due_ms);
                row.tries += i64::from(settled.counts);
                row.node = None;
                row.tried.push((settled.attempt, settled.outcome.to_owned()));
            }
        }
        assert_eq!(changed, expected);
        format!("worker {worker} settles {expected} of {}", results.len())
    }

    /// Half of them die and come back empty under another id; the others freeze, and wake up with what they hold.
    fn crash(&mut self, worker: usize) -> String {
        if self.pick(2) == 0 {
            let node = NodeId::new(self.now_ms, &self.random);
            self.workers[worker] = Worker { node, claimed: Vec::new(), window: Vec::new() };
            return format!("worker {worker} dies");
        }
        self.machine_ms += 2 * BEAT_AGE_MS;
        format!("everybody sleeps; worker {worker} first")
    }

    async fn reap(&mut self, worker: usize) -> String {
        let (node, since_ms) = (self.workers[worker].node, self.machine_ms - BEAT_AGE_MS);
        let reaped = in_tx!(self.db, tx => queue::reap(tx, node, since_ms, self.now_ms, self.hold, false));
        let me = node.to_string();
        let (mut all, mut uncertain) = (0, 0);
        for row in self.rows.values_mut() {
            let Some(holder) = row.node.clone() else { continue };
            let alive = self.beats.get(&holder).is_some_and(|beat| *beat >= since_ms);
            if holder == me || alive {
                continue;
            }
            all += 1;
            if row.state == Sending {
                uncertain += 1;
                row.tried.push((row.attempt, "uncertain".to_owned()));
                row.crashes += 1;
                row.state = match row.crashes {
                    3.. => Dead,
                    _ if self.hold => Uncertain,
                    _ => Ready,
                };
            } else {
                row.state = Ready;
            }
            (row.token, row.node) = (row.token + 1, None);
        }
        self.beats.retain(|node, beat| *beat >= since_ms || *node == me);
        assert_eq!((reaped.all, reaped.uncertain), (all, uncertain));
        format!("worker {worker} reaps {all}, {uncertain} uncertain")
    }

    async fn steer(&mut self, issue: usize) -> String {
        let wanted = ["paused", "running", "running", "cancelled"][self.pick(4)];
        let known = &mut self.issues[issue];
        let expected = known.control != "cancelled" && known.control != wanted;
        let changed = in_tx!(self.db, tx => issues::control(tx, &known.scene.issue, wanted));
        assert_eq!(changed, expected);
        if expected {
            known.control = wanted;
            if wanted == "cancelled" {
                for id in &known.scene.deliveries {
                    if let Some(row) = self.rows.get_mut(id).filter(|row| row.state == Ready) {
                        row.state = Cancelled;
                    }
                }
            }
        }
        format!("issue {issue} is asked to be {wanted}")
    }

    async fn suppress(&mut self) -> String {
        let reader = self.pick(READERS);
        if self.pick(2) == 0 {
            in_tx!(self.db, tx => suppressions::add(tx, self.now_ms, &key(reader), suppressions::ALL, "asked to"));
            self.suppressed.insert(reader);
            format!("reader {reader} unsubscribes")
        } else {
            in_tx!(self.db, tx => suppressions::remove(tx, &key(reader), suppressions::ALL));
            self.suppressed.remove(&reader);
            format!("reader {reader} subscribes")
        }
    }

    async fn beat(&mut self, worker: usize) -> String {
        let node = self.workers[worker].node;
        in_tx!(self.db, tx => nodes::beat(tx, node, self.machine_ms));
        self.beats.insert(node.to_string(), self.machine_ms);
        format!("worker {worker} beats")
    }

    async fn hand_back(&mut self, worker: usize) -> String {
        let node = self.workers[worker].node;
        let changed = in_tx!(self.db, tx => queue::hand_back(tx, node));
        let mut expected = 0;
        for row in self.rows.values_mut() {
            if row.state == Leased && row.node.as_deref() == Some(&node.to_string()) {
                expected += 1;
                (row.state, row.token, row.node) = (Ready, row.token + 1, None);
            }
        }
        assert_eq!(changed, expected);
        format!("worker {worker} hands back {expected}")
    }

    fn wait(&mut self) -> String {
        self.now_ms += MINUTE_MS * i64::try_from(self.pick(8)).unwrap();
        self.machine_ms += 10_000 * i64::try_from(self.pick(4)).unwrap();
        "time passes".to_owned()
    }

    /// The database says what the model says, and the invariants hold.
    async fn check(&self) {
        type Stored = (String, String, i64, i64, i64, i64, i64, Option<String>);
        let mut seen = BTreeMap::new();
        for issue in &self.issues {
            let stored: Vec<Stored> = rows(
                &self.db,
                "SELECT id, state, due_ms, attempt, tries, crashes, token, node_id FROM delivery WHERE issue_id = $1",
                values![&issue.scene.issue],
            )
            .await;
            for (id, state, due_ms, attempt, tries, crashes, token, node) in stored {
                let state = DeliveryState::parse(&state).unwrap();
                seen.insert(
                    id,
                    Row { state, due_ms, attempt, tries, crashes, token, node, tried: Vec::new() },
                );
            }
            let tried: Vec<(String, i64, String)> = rows(
                &self.db,
                "SELECT a.delivery_id, a.no, a.outcome FROM attempt a JOIN delivery d ON d.id = a.delivery_id
                 WHERE d.issue_id = $1 ORDER BY a.delivery_id, a.no",
                values![&issue.scene.issue],
            )
            .await;
            for (id, no, outcome) in tried {
                seen.get_mut(&id).unwrap().tried.push((no, outcome));
            }
        }
        assert_eq!(seen, self.rows);
        for (id, row) in &seen {
            let accepted = row.tried.iter().filter(|(_, outcome)| outcome == "accepted").count();
            assert_eq!(accepted, usize::from(row.state == Accepted), "I1, {id}");
            assert_eq!(row.node.is_some(), matches!(row.state, Leased | Sending), "I5, {id}");
            // I6: every start has its evidence, but for the one that is under way.
            let open = i64::from(row.state == Sending);
            assert_eq!(i64::try_from(row.tried.len()).unwrap() + open, row.attempt, "I6, {id}");
        }
    }

    /// From wherever it stands, the queue runs empty once people and processes leave it alone.
    async fn drain(&mut self) {
        execute(&self.db, "DELETE FROM suppression", vec![]).await;
        self.suppressed.clear();
        for issue in &mut self.issues {
            in_tx!(self.db, tx => issues::control(tx, &issue.scene.issue, "running"));
            issue.control = if issue.control == "cancelled" { "cancelled" } else { "running" };
        }
        self.now_ms += 60 * MINUTE_MS;
        self.machine_ms += 10 * BEAT_AGE_MS;
        self.workers = vec![Worker {
            node: NodeId::new(self.now_ms, &self.random),
            claimed: Vec::new(),
            window: Vec::new(),
        }];
        self.reap(0).await;
        let node = self.workers[0].node;
        loop {
            let window = claim(&self.db, node, self.now_ms, 100).await;
            if window.is_empty() {
                break;
            }
            let started = start(&self.db, &window).await;
            let ours = window.iter().filter(|claimed| started.contains(&claimed.id));
            settle(&self.db, node, &ours.map(|c| result(c, Accepted, None)).collect::<Vec<_>>()).await;
        }
        assert_eq!(deliveries::unfinished(&self.db).await.unwrap(), 0, "I5: the queue runs empty");
        in_tx!(self.db, tx => issues::finish(tx, self.now_ms));
        for issue in &self.issues {
            let stored = issues::issue(&self.db, &issue.scene.issue).await.unwrap().unwrap();
            let expected = match (issue.control, issue.released) {
                ("cancelled", _) => "cancelled",
                (_, true) => "done",
                (_, false) => "approved",
            };
            assert_eq!(stored.state, expected);
        }
    }
}

async fn run_seed(db: Db, seed: u64) {
    let (said, log) = std::sync::mpsc::channel();
    let running = tokio::spawn(async move {
        let mut model = Model::new(db, seed).await;
        for _ in 0..STEPS {
            let step = model.step().await;
            said.send(step).unwrap();
            model.check().await;
        }
        model.drain().await;
    });
    if let Err(error) = running.await {
        let steps: Vec<String> = log.try_iter().collect();
        eprintln!("seed {seed} failed after these steps:\n  {}", steps.join("\n  "));
        std::panic::resume_unwind(error.into_panic());
    }
}

#[test]
fn two_hundred_seeds_on_sqlite() {
    on_sqlite(|db| async move {
        let Db::Sqlite { write, .. } = &db else { panic!("this is SQLite") };
        // What a power cut would do is not the question here.
        sqlx::raw_sql("PRAGMA synchronous = OFF").execute(write).await.unwrap();
        for seed in 0..200 {
            run_seed(db.clone(), seed).await;
        }
    });
}

#[test]
fn twenty_seeds_on_postgres() {
    on_postgres("model", |db| async move {
        for seed in 0..20 {
            run_seed(db.clone(), seed).await;
        }
    });
}

/// To look into a seed that failed: put its number here.
#[test]
fn one_seed() {
    on_sqlite(|db| run_seed(db, 0));
}
