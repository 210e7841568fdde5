//! An issue in the outbox whose readers are at domains of our choice, and workers that hand it to relays of our choice.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use partnercast::{
    channel::smtp::{Dialer, Relay, RelayTls, Timeouts},
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            Clock, EmailAddress,
            clock::{DAY_MS, ManualClock, SystemClock, UtcMs},
            id::DeliveryId,
            random::SeededRandom,
            token::Keys,
        },
        social::{linkedin::Version, spend::Terms},
    },
    render::{
        Templates,
        email::{EmailRendition, MessageHeaders, WireTemplate},
        slots::SlotTable,
    },
    store::{
        Db,
        outbox::{self, NewDelivery},
    },
    work::{
        Context,
        context::{Bounces, Settings},
        deliver::Deliverer,
    },
};
use tokio::{sync::watch, task::JoinHandle};

use crate::harness::{
    START_MS,
    chaos::Sink,
    databases::{execute, in_tx, number, rows, values},
    outbox::{DOMAIN, Scene, rendition_id},
};

/// Longer than anything takes that works.
pub const AMPLE: Duration = Duration::from_secs(60);
/// For a stage at which nothing will come.
pub const SHORT: Duration = Duration::from_millis(300);

/// A calendar that tests move by hand beside the machine's own time, which goes on.
pub struct HandMoved(ManualClock);

impl Clock for HandMoved {
    fn now_ms(&self) -> UtcMs {
        self.0.now_ms()
    }

    fn machine_ms(&self) -> UtcMs {
        SystemClock.machine_ms()
    }

    fn awake_ms(&self) -> i64 {
        SystemClock.awake_ms()
    }
}

/// One try as the ledger has it: outcome, stage, code, relay.
pub type Try = (String, Option<String>, Option<i64>, Option<String>);

pub struct Post {
    pub ctx: Arc<Context>,
    pub scene: Scene,
    name: String,
    clock: Arc<HandMoved>,
}

/// A worker that runs until it is stopped.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

impl Post {
    /// A released issue of `name`, due now, to so many readers at each domain.
    pub async fn new(db: &Db, name: &str, readers: &[(&str, usize)]) -> Self {
        Self::with(db, name, readers, |_| {}).await
    }

    /// The same with other settings.
    pub async fn with(
        db: &Db,
        name: &str,
        readers: &[(&str, usize)],
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            public_url: "http://partnercast.test".to_owned(),
            console_open: true,
            demo: false,
            mailbox: None,
            trusted_proxies: Vec::new(),
            window: 32,
            on_uncertain: OnUncertain::Resend,
            classes: Classes::default(),
            warm_up: Vec::new(),
            bounces: Bounces::default(),
            linkedin: Version::default(),
            x: Terms::default(),
        };
        change(&mut settings);
        let clock = Arc::new(HandMoved(ManualClock::new(START_MS)));
        let ctx = Context::new(
            db.clone(),
            clock.clone(),
            Arc::new(SeededRandom::new(name.len() as u64)),
            Keys::new(&[vec![7; 32]]).unwrap(),
            Arc::new(Templates::load(None).unwrap()),
            settings,
        );
        let scene = Scene::released(db, name, readers.iter().map(|(_, count)| count).sum()).await;
        address(db, &scene, name, readers).await;
        // However late: what becomes of late mail is told in `late`.
        execute(db, "UPDATE delivery SET hour_ms = $1", values![START_MS + 1_000 * DAY_MS]).await;
        Self { ctx: Arc::new(ctx), scene, name: name.to_owned(), clock }
    }

    /// Moves the calendar.
    pub fn advance(&self, by_ms: i64) {
        self.clock.0.advance(by_ms);
        self.ctx.wake.deliver.notify_one();
    }

    /// A worker over these relays.
    pub fn worker(&self, relays: Vec<Relay>) -> Deliverer {
        let dialers = relays.into_iter().map(|relay| Dialer::new(relay).unwrap()).collect();
        Deliverer::new(self.ctx.clone(), dialers)
    }

    /// The same, at work.
    pub fn run(&self, relays: Vec<Relay>) -> Running {
        let (stop, stopped) = watch::channel(false);
        Running { stop, task: tokio::spawn(self.worker(relays).run(stopped)) }
    }

    /// Waits until so many to `domain` (to all: empty) are accepted. The calendar goes on meanwhile: a domain that a slow
    /// machine took for stalled is left alone for a second of it.
    pub async fn wait_for_accepted(&self, domain: &str, count: i64) {
        let waiting = async {
            while self.accepted(domain).await < count {
                // Results were recorded; or somebody else heard of it.
                if tokio::time::timeout(SHORT, self.ctx.wake.publish.notified()).await.is_err() {
                    self.advance(1_000);
                }
            }
        };
        if tokio::time::timeout(3 * AMPLE, waiting).await.is_err() {
            panic!("waited in vain for {count} to {domain}: {:?}", self.states(domain).await);
        }
        assert_eq!(self.accepted(domain).await, count);
    }

    /// Drains `worker` again and again, `step_ms` later each time, until all is final or 200 rounds are over.
    pub async fn drain_until_done(&self, worker: &mut Deliverer, step_ms: i64) {
        for _ in 0..200 {
            worker.drain().await.unwrap();
            if self.waiting().await == 0 {
                return;
            }
            self.advance(step_ms);
        }
        panic!("still not done: {:?}", self.states("").await);
    }

    /// Puts a mail that somebody waits for into the outbox; `number` tells it from others.
    pub async fn enqueue_urgent(&self, number: usize) {
        let mail = NewDelivery {
            id: DeliveryId::new(self.ctx.now_ms(), &self.scene.random),
            source: format!("sign-in:{number}"),
            lane: outbox::LANE_URGENT,
            lead_id: None,
            contact_id: None,
            partner_slug: "northlight".to_owned(),
            recipient_name: "Rep".to_owned(),
            email: "rep@one.example".to_owned(),
            rendition_id: rendition_id(&self.name),
            scope: String::new(),
            domain: DOMAIN.to_owned(),
            because: "asked for it".to_owned(),
            due_ms: self.ctx.now_ms(),
            expires_ms: self.ctx.now_ms() + DAY_MS,
        };
        let now_ms = self.ctx.now_ms();
        assert!(in_tx!(self.ctx.db, tx => outbox::enqueue(tx, now_ms, &mail)));
    }

    /// How many deliveries are not final yet.
    pub async fn waiting(&self) -> i64 {
        number(
            &self.ctx.db,
            "SELECT COUNT(*) FROM delivery WHERE issue_id = $1 AND live",
            values![&self.scene.issue],
        )
        .await
    }

    /// How many deliveries to `domain` (to all: empty) stand where.
    pub async fn states(&self, domain: &str) -> BTreeMap<String, i64> {
        let found: Vec<(String, i64)> = rows(
            &self.ctx.db,
            "SELECT state, COUNT(*) FROM delivery WHERE issue_id = $1 AND ($2 = '' OR site = $2) GROUP BY state",
            values![&self.scene.issue, domain],
        )
        .await;
        found.into_iter().collect()
    }

    /// How many to `domain` (to all: empty) were accepted.
    pub async fn accepted(&self, domain: &str) -> i64 {
        self.states(domain).await.get("accepted").copied().unwrap_or(0)
    }

    /// All tries for `domain` (for all: empty).
    pub async fn tries(&self, domain: &str) -> Vec<Try> {
        rows(
            &self.ctx.db,
            "SELECT a.outcome, a.stage, a.code, a.relay FROM attempt a JOIN delivery d ON d.id = a.delivery_id
             WHERE d.issue_id = $1 AND ($2 = '' OR d.site = $2) ORDER BY a.no, a.delivery_id",
            values![&self.scene.issue, domain],
        )
        .await
    }

    /// Nobody is lost: each is final or has its time; what is called accepted has arrived, once unless the ledger lists
    /// a possible repeat; and every try has its evidence.
    pub async fn assert_nothing_lost(&self, sinks: &[&Sink]) {
        let mut arrived: HashMap<String, usize> = HashMap::new();
        for id in sinks.iter().flat_map(|sink| message_ids(sink)) {
            *arrived.entry(id).or_default() += 1;
        }
        type Stored = (String, String, bool, i64, i64, i64, i64);
        let stored: Vec<Stored> = rows(
            &self.ctx.db,
            "SELECT d.message_id, d.state, d.live, d.attempt,
                 (SELECT COUNT(*) FROM attempt a WHERE a.delivery_id = d.id),
                 (SELECT COUNT(*) FROM attempt a WHERE a.delivery_id = d.id AND a.outcome = 'accepted'),
                 (SELECT COUNT(*) FROM attempt a WHERE a.delivery_id = d.id AND a.outcome = 'uncertain')
             FROM delivery d WHERE d.issue_id = $1",
            values![&self.scene.issue],
        )
        .await;
        assert_eq!(stored.len(), self.scene.deliveries.len());
        for (message_id, state, live, attempt, tries, accepted, uncertain) in stored {
            assert_ne!(state, "sending", "{message_id}: nobody sends it");
            assert_eq!(live, state == "ready", "{message_id}");
            assert_eq!(attempt, tries, "{message_id}: every try has its evidence");
            assert_eq!(accepted, i64::from(state == "accepted"), "{message_id}");
            let copies = i64::try_from(arrived.remove(&message_id).unwrap_or(0)).unwrap();
            assert!(copies >= accepted, "{message_id} is called accepted and did not arrive");
            assert!(copies <= accepted + uncertain, "{message_id} arrived {copies} times, unlisted");
        }
        assert!(arrived.is_empty(), "nobody asked for {arrived:?}");
    }
}

/// A relay that `sink` plays, with time enough for everything.
pub fn relay(sink: &Sink, name: &str) -> Relay {
    let mut relay = Relay::new("127.0.0.1", sink.addr.port(), RelayTls::None);
    name.clone_into(&mut relay.name);
    relay.timeouts = Timeouts {
        connect: AMPLE,
        greeting: AMPLE,
        hello: AMPLE,
        mail: AMPLE,
        recipient: AMPLE,
        data: AMPLE,
        block: AMPLE,
        final_dot: AMPLE,
        quit: SHORT,
        idle: AMPLE,
    };
    relay
}

/// The Message-IDs of all that arrived at `sink`.
pub fn message_ids(sink: &Sink) -> Vec<String> {
    let bodies = sink.bodies.lock().unwrap();
    let of = |body: &String| {
        let line = body.lines().find(|line| line.starts_with("Message-ID:"))?;
        Some(line.split(['<', '>']).nth(1)?.to_owned())
    };
    bodies.iter().filter_map(of).collect()
}

/// Gives the readers their addresses, and the issue's rendition a message that can be sent.
async fn address(db: &Db, scene: &Scene, name: &str, readers: &[(&str, usize)]) {
    let rendition = EmailRendition {
        subject: "Restores, not backups".to_owned(),
        html: "<p>Restores, not backups.</p>".to_owned(),
        text: "Restores, not backups.\n".to_owned(),
        slots: SlotTable::default(),
    };
    let headers = MessageHeaders {
        from_name: "Vendor".to_owned(),
        from_email: EmailAddress::parse("news@vendor.example").unwrap(),
        reply_to: None,
        list_id: None,
        feedback_id: None,
        one_click_path: None,
        auto_generated: false,
        extra: Vec::new(),
    };
    let wire = WireTemplate::build(&rendition, &headers).unwrap().to_text();
    let mut tx = db.begin().await.unwrap();
    tx.run("UPDATE rendition SET wire = $2 WHERE id = $1", values![rendition_id(name), &wire]).await.unwrap();
    let domains = readers.iter().flat_map(|(domain, count)| std::iter::repeat_n(domain, *count));
    for (at, (id, domain)) in scene.deliveries.iter().zip(domains).enumerate() {
        let email = format!("reader{at:04}@{domain}");
        let statement = "UPDATE delivery SET email = $2, recipient_key = $2, site = $3 WHERE id = $1";
        tx.run(statement, values![id, &email, *domain]).await.unwrap();
    }
    tx.commit().await.unwrap();
}
