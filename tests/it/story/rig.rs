//! Everything but the browser, in one process: use cases, delivery over SMTP on loopback, the catcher's mailbox.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use partnercast::{
    channel::{
        catcher::{Catcher, Mailbox, ParsedMail},
        smtp::{Dialer, Relay, RelayTls},
    },
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            clock::{DAY_MS, HOUR_MS, ManualClock, UtcMs},
            random::SeededRandom,
            token::Keys,
        },
        social::{linkedin::Version, spend::Terms},
    },
    render::Templates,
    store::{Db, deliveries},
    work::{
        Context,
        context::{Bounces, Settings},
        deliver::Deliverer,
        publish, sync,
    },
};
use tokio::sync::watch;

use crate::harness::databases::{execute, values};

/// 2027-01-11 20:00 UTC: half an hour before the January issue is frozen.
pub const EVE_MS: UtcMs = 1_799_697_600_000;

/// Signs the links of a rig.
pub const KEY: [u8; 32] = [7; 32];

/// The rig. Dropping it stops the catcher.
pub struct Rig {
    pub ctx: Arc<Context>,
    pub clock: Arc<ManualClock>,
    pub mailbox: Mailbox,
    address: SocketAddr,
    _stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

impl Rig {
    /// The demo vendor's content and roster, on the eve of the January issue.
    pub async fn new(db: Db) -> Self {
        let (rig, changed) = Self::over(db).await;
        assert!(changed > 0, "the content is new to this database");
        rig
    }

    /// The same over a database that may hold it all already; and how many files were new to it.
    pub async fn over(db: Db) -> (Self, usize) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::new(EVE_MS));
        let mail = dir.path().join("mailbox");
        let catcher = Catcher::bind(([127, 0, 0, 1], 0).into(), mail.clone(), clock.clone()).await.unwrap();
        let address = catcher.local_addr();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(catcher.run(stopped));
        let settings = Settings {
            public_url: "http://partnercast.test".to_owned(),
            console_open: true,
            demo: true,
            mailbox: Some(mail.clone()),
            trusted_proxies: Vec::new(),
            window: 8,
            on_uncertain: OnUncertain::Resend,
            classes: Classes::default(),
            warm_up: Vec::new(),
            bounces: Bounces { domain: Some("bounces.brackenfold.example".to_owned()), ..Bounces::default() },
            linkedin: Version::default(),
            x: Terms::default(),
        };
        let ctx = Arc::new(Context::new(
            db,
            clock.clone(),
            Arc::new(SeededRandom::new(7)),
            Keys::new(&[KEY.to_vec()]).unwrap(),
            Arc::new(Templates::load(None).unwrap()),
            settings,
        ));
        let synced = sync::sync(&ctx, &content(), true).await.unwrap();
        let rig = Self { ctx, clock, mailbox: Mailbox::new(mail), address, _stop: stop, _dir: dir };
        (rig, synced.changed)
    }

    /// A worker on a connection of its own to the catcher.
    pub fn deliverer(&self) -> Deliverer {
        self.deliverer_to(self.address)
    }

    /// A worker whose relay listens at `address`.
    pub fn deliverer_to(&self, address: SocketAddr) -> Deliverer {
        let relay = Relay::new(address.ip().to_string(), address.port(), RelayTls::None);
        Deliverer::new(self.ctx.clone(), vec![Dialer::new(relay).unwrap()])
    }

    /// Where the catcher listens.
    pub fn relay(&self) -> SocketAddr {
        self.address
    }

    /// Lets go of the database, so that a process may work on it; what is caught stays.
    pub async fn leave_database(self) -> Caught {
        let Self { ctx, mailbox, address, _stop, _dir, clock: _ } = self;
        ctx.db.close().await;
        Caught { mailbox, relay: address, _stop, _dir }
    }

    /// Another process on the same database, as it were: surroundings of their own, with their own clock.
    pub fn another(&self, clock: Arc<ManualClock>, seed: u64) -> Arc<Context> {
        Arc::new(Context::new(
            self.ctx.db.clone(),
            clock,
            Arc::new(SeededRandom::new(seed)),
            Keys::new(&[KEY.to_vec()]).unwrap(),
            self.ctx.templates.clone(),
            self.ctx.settings.clone(),
        ))
    }

    /// Sends what is due and returns how many were started.
    pub async fn drain(&self) -> usize {
        self.deliverer().drain().await.unwrap()
    }

    /// Lets time pass in steps of `step_ms` until `until_ms`, as running processes would: what is due is published and sent.
    /// Faults in content stand in the way of nothing else.
    pub async fn pass(&self, until_ms: UtcMs, step_ms: i64) {
        while self.clock_ms() < until_ms {
            self.clock.set((self.clock_ms() + step_ms).min(until_ms));
            _ = publish::tick(&self.ctx).await;
            self.drain().await;
        }
    }

    /// Freezes and releases the January issue and lets every zone's time come.
    pub async fn send_january(&self) -> String {
        self.release_by(EVE_MS + DAY_MS).await;
        self.drain().await;
        let issue = partnercast::store::issues::recent(&self.ctx.db).await.unwrap().remove(0);
        issue.id
    }

    /// Freezes and releases an issue in time, on the eve of `until_ms`, a day on which every zone's time has come; nothing of it
    /// is sent before, and a person says then that all may go.
    pub async fn release_by(&self, until_ms: UtcMs) {
        self.clock.set(until_ms - DAY_MS + HOUR_MS);
        publish::tick(&self.ctx).await.unwrap();
        self.may_be_late(until_ms).await;
        self.clock.set(until_ms);
        publish::tick(&self.ctx).await.unwrap();
    }

    /// A person says at `now_ms` of all that waits that it may leave late.
    pub async fn may_be_late(&self, now_ms: UtcMs) {
        execute(&self.ctx.db, "UPDATE delivery SET hour_ms = $1", values![now_ms]).await;
    }

    /// The token of the one-click stop in the newest mail to `address` (RFC 8058).
    pub async fn one_click_of(&self, address: &str) -> String {
        let ways = self.mail_to(address).await.list_unsubscribe.expect("a way to stop it");
        let (_, rest) = ways.split_once("/one-click/").expect("one click");
        rest.split('>').next().unwrap_or_default().to_owned()
    }

    /// The newest mail to `address`.
    pub async fn mail_to(&self, address: &str) -> ParsedMail {
        let envelopes = self.mailbox.list(10_000).await.unwrap();
        let found = envelopes.iter().find(|envelope| envelope.to.contains(address));
        let found = found.unwrap_or_else(|| panic!("no mail to {address} among {}", envelopes.len()));
        self.mailbox.read(&found.id).await.unwrap()
    }

    /// What the clock reads.
    pub fn clock_ms(&self) -> UtcMs {
        self.ctx.now_ms()
    }

    /// Fails unless every delivery has reached a final state.
    pub async fn assert_nothing_left(&self) {
        assert_eq!(deliveries::unfinished(&self.ctx.db).await.unwrap(), 0, "deliveries are left behind");
    }
}

/// What is left of a rig without its database. Dropping it stops the catcher.
pub struct Caught {
    pub mailbox: Mailbox,
    /// Where the catcher listens.
    pub relay: SocketAddr,
    _stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

/// The project's own content folder.
pub fn content() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("content")
}

/// Copies the project's content to `to`, to write in.
pub fn copied(to: &std::path::Path) {
    let mut folders = vec![content()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let copy = to.join(path.strip_prefix(content()).unwrap());
            if path.is_dir() {
                folders.push(path);
            } else {
                std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
                std::fs::copy(path, copy).unwrap();
            }
        }
    }
}
