//! A newsletter around the world, promised for nights in which clocks change, and a real `partnercast serve` whose clock
//! the test sets.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use chrono::NaiveDateTime;
use partnercast::{
    channel::catcher::{Catcher, Mailbox},
    domain::kernel::clock::{SystemClock, UtcMs},
    store::Db,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    content,
    processes::{Serve, until},
};
use crate::harness::{
    databases::{number, rows, values},
    environment,
    fake_clock::FakeClock,
};

/// Longest wait for one thing.
pub const AT_MOST: Duration = Duration::from_secs(60);
/// What the log says at each jump of the clock.
const JUMP: &str = "the machine's clock";

/// A promise on the night of a clock change, and the instant at which each zone's clocks first show it or more: worked
/// out by hand, UTC.
pub struct Night {
    /// Of the newsletter.
    pub slug: &'static str,
    /// Whose clocks change.
    pub changes: &'static str,
    pub date: &'static str,
    pub time: &'static str,
    /// In order of time.
    pub zones: &'static [(&'static str, &'static str)],
}

/// New York's clocks skip 02:00 to 03:00.
pub const NEW_YORK_GAP: Night = Night {
    slug: "new-york-gap",
    changes: "America/New_York",
    date: "2027-03-14",
    time: "02:30",
    zones: &[
        ("Australia/Lord_Howe", "2027-03-13 15:30"),
        ("Europe/Berlin", "2027-03-14 01:30"),
        ("America/New_York", "2027-03-14 07:00"),
        ("America/Chicago", "2027-03-14 08:00"),
    ],
};
/// Lord Howe's clocks show 01:30 to 02:00 twice.
pub const LORD_HOWE_OVERLAP: Night = Night {
    slug: "lord-howe-overlap",
    changes: "Australia/Lord_Howe",
    date: "2027-04-04",
    time: "01:45",
    zones: &[
        ("Australia/Lord_Howe", "2027-04-03 14:45"),
        ("Europe/Berlin", "2027-04-03 23:45"),
        ("America/New_York", "2027-04-04 05:45"),
        ("America/Chicago", "2027-04-04 06:45"),
    ],
};
/// Lord Howe's clocks skip 02:00 to 02:30.
pub const LORD_HOWE_GAP: Night = Night {
    slug: "lord-howe-gap",
    changes: "Australia/Lord_Howe",
    date: "2027-10-03",
    time: "02:15",
    zones: &[
        ("Australia/Lord_Howe", "2027-10-02 15:30"),
        ("Europe/Berlin", "2027-10-03 00:15"),
        ("America/New_York", "2027-10-03 06:15"),
        ("America/Chicago", "2027-10-03 07:15"),
    ],
};
/// New York's clocks show 01:00 to 02:00 twice.
pub const NEW_YORK_OVERLAP: Night = Night {
    slug: "new-york-overlap",
    changes: "America/New_York",
    date: "2027-11-07",
    time: "01:30",
    zones: &[
        ("Australia/Lord_Howe", "2027-11-06 14:30"),
        ("Europe/Berlin", "2027-11-07 00:30"),
        ("America/New_York", "2027-11-07 05:30"),
        ("America/Chicago", "2027-11-07 06:30"),
    ],
};

impl Night {
    /// When the readers in `zone` are owed it.
    pub fn due_ms(&self, zone: &str) -> UtcMs {
        let (_, at) = self.zones.iter().find(|(name, _)| *name == zone).unwrap();
        let at = NaiveDateTime::parse_from_str(at, "%Y-%m-%d %H:%M").unwrap();
        at.and_utc().timestamp_millis()
    }

    /// When its first readers are owed it.
    pub fn first_ms(&self) -> UtcMs {
        self.due_ms(self.zones[0].0)
    }

    /// When its last readers are owed it.
    pub fn last_ms(&self) -> UtcMs {
        self.due_ms(self.zones[self.zones.len() - 1].0)
    }
}

/// What happened besides, and may be seen in the ledger.
#[derive(Default)]
pub struct Disturbed {
    /// The relay refused.
    pub was_refused: bool,
    /// How many may have left in time and been recorded after the clock was set back.
    pub in_flight: usize,
}

/// The process, its clock, and what it has sent.
pub struct Scene {
    pub clock: FakeClock,
    url: String,
    nights: &'static [Night],
    readers: usize,
    mailbox: Mailbox,
    pub door: Door,
    serve: Option<Serve>,
    starts: usize,
    folder: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

impl Scene {
    /// A process on the new database at `url` that has just started, at `now_ms`. None where there is no false clock.
    pub async fn start(url: String, nights: &'static [Night], now_ms: UtcMs) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock::new(folder.path(), now_ms)?;
        let readers = if environment::soak() { 40 } else { 4 };
        write_content(&folder.path().join("content"), nights, readers);
        let mail = folder.path().join("mailbox");
        let true_clock = std::sync::Arc::new(SystemClock);
        let catcher = Catcher::bind(([127, 0, 0, 1], 0).into(), mail.clone(), true_clock).await.unwrap();
        let door = Door::before(catcher.local_addr()).await;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(catcher.run(stopped));
        let mailbox = Mailbox::new(mail);
        let (serve, starts) = (None, 0);
        let mut scene =
            Self { clock, url, nights, readers, mailbox, door, serve, starts, folder, _stop: stop };
        scene.start_serve().await;
        Some(scene)
    }

    async fn start_serve(&mut self) {
        self.starts += 1;
        let content = self.folder.path().join("content");
        let more = format!("[content]\ndir = \"{}\"\nimport_roster = true\n", content.display());
        let name = format!("serve-{}", self.starts);
        let rule = |command: &mut Command| self.clock.rule(command);
        let serve = Serve::start_with(self.folder.path(), &name, &self.url, self.door.address, &more, rule);
        until("it runs", AT_MOST, || async { serve.log().contains("partnercast runs") }).await;
        assert!(serve.log().contains("content in step"), "{}", serve.log());
        self.serve = Some(serve);
    }

    pub fn serve(&self) -> &Serve {
        self.serve.as_ref().unwrap()
    }

    /// Jumps of the clock that the process has seen.
    pub fn jumps(&self) -> usize {
        self.serve().log().matches(JUMP).count()
    }

    /// Sets the clock to `to_ms`, more than five minutes from what it shows, and waits until the process has seen it.
    pub async fn jump(&self, to_ms: UtcMs) {
        let before = self.jumps();
        self.clock.set(to_ms);
        until("the jump is logged", AT_MOST, || async { self.jumps() > before }).await;
        assert_eq!(self.jumps(), before + 1, "once");
    }

    /// Lets the clock run over the moment at which the readers in `zone` are owed their mail: there is none before, and
    /// all have it after.
    pub async fn cross(&self, night: &Night, zone: &str) {
        let due_ms = night.due_ms(zone);
        self.jump(due_ms - if environment::soak() { 10_000 } else { 600 }).await;
        let seen = self.mails().await;
        if self.clock.now_ms() < due_ms {
            assert!(!seen.contains_key(&Self::place(night, zone)), "{zone} before its time: {seen:?}");
        }
        self.all_have_it(night, zone).await;
    }

    /// Waits until all readers in `zone` have their mail.
    pub async fn all_have_it(&self, night: &Night, zone: &str) {
        let place = Self::place(night, zone);
        until(&format!("{zone} gets its mail"), AT_MOST, || async {
            self.mails().await.get(&place).is_some_and(|count| *count >= self.readers)
        })
        .await;
    }

    /// Waits until the mails to the readers of so many zones are in `state`.
    pub async fn zones_are(&self, zones: usize, state: &str) {
        let db = Db::open_read_only(&self.url).await.unwrap();
        let expected = (zones * self.readers) as i64;
        until(&format!("{expected} mails are {state}"), AT_MOST, || async {
            let sql = "SELECT COUNT(*) FROM delivery WHERE state = $1";
            number(&db, sql, values![state]).await == expected
        })
        .await;
        db.close().await;
    }

    /// Waits until the relay was asked in vain.
    pub async fn is_refused(&self) {
        let db = Db::open_read_only(&self.url).await.unwrap();
        until("a try is recorded", AT_MOST, || async {
            number(&db, "SELECT COUNT(*) FROM attempt WHERE outcome <> 'accepted'", vec![]).await > 0
        })
        .await;
        db.close().await;
    }

    /// Waits until the issue of `night` is in `state`.
    pub async fn issue_is(&self, night: &Night, state: &str) {
        let db = Db::open_read_only(&self.url).await.unwrap();
        let sql = "SELECT COUNT(*) FROM issue WHERE newsletter = $1 AND state = $2";
        until(&format!("{} is {state}", night.slug), AT_MOST, || async {
            number(&db, sql, values![night.slug, state]).await == 1
        })
        .await;
        db.close().await;
    }

    /// How many mails came, by newsletter and zone.
    pub async fn mails(&self) -> BTreeMap<(String, String), usize> {
        let mut mails = BTreeMap::new();
        for envelope in self.mailbox.list(10_000).await.unwrap() {
            let domain = envelope.to.rsplit_once('@').unwrap().1;
            let zone = domain.strip_suffix(".example").unwrap().to_owned();
            *mails.entry((envelope.subject, zone)).or_default() += 1;
        }
        mails
    }

    fn place(night: &Night, zone: &str) -> (String, String) {
        (night.slug.to_owned(), domain_of(zone))
    }

    /// What a person does with an issue that was held: stop `serve`, where the database is its alone, and say yes.
    pub async fn release_by_hand(&mut self, night: &Night) {
        let serve = self.serve.take().unwrap();
        let config = serve.config();
        serve.signal("-TERM");
        serve.assert_ends_in_order();
        let mut command = Command::new(env!("CARGO_BIN_EXE_partnercast"));
        command.args(["release", "--yes", night.slug, "--config"]).arg(config);
        self.clock.rule(&mut command);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self.start_serve().await;
    }

    /// Every reader of every night has exactly one mail, none left before its time as the clock showed it then, and each
    /// promise stands once, for the right instant. Ends the process.
    pub async fn assert_kept(mut self, disturbed: Disturbed) {
        let zones: usize = self.nights.iter().map(|night| night.zones.len()).sum();
        self.zones_are(zones, "accepted").await;
        let owed = zones * self.readers;
        let serve = self.serve.take().unwrap();
        serve.signal("-TERM");
        serve.assert_ends_in_order();
        let db = Db::open_read_only(&self.url).await.unwrap();
        let mut promises: Vec<(String, String, String, i64)> = rows(
            &db,
            "SELECT DISTINCT newsletter, nominal_local, zone, due_ms FROM promise WHERE issue_id IS NOT NULL",
            vec![],
        )
        .await;
        promises.sort();
        let mut expected: Vec<_> = self.nights.iter().flat_map(promises_of).collect();
        expected.sort();
        assert_eq!(promises, expected, "each key once, at its instant");
        let mails = self.mails().await;
        let each: Vec<_> = mails.values().collect();
        assert_eq!(each, vec![&self.readers; each.len()], "{mails:?}");
        assert_eq!(each.len(), expected.len(), "each zone of each night: {mails:?}");
        let accepted = "SELECT COUNT(*) FROM delivery WHERE accepted_ms < promised_ms";
        let tried =
            "SELECT COUNT(*) FROM attempt JOIN delivery ON id = delivery_id WHERE ended_ms < promised_ms";
        for early in [accepted, tried] {
            let count = number(&db, early, vec![]).await;
            assert!(count <= disturbed.in_flight as i64, "{count} before their time: {early}");
        }
        let all = "SELECT COUNT(*) FROM delivery";
        assert_eq!(number(&db, all, vec![]).await, owed as i64, "nobody has two");
        let tries = number(&db, "SELECT COUNT(*) FROM attempt", vec![]).await;
        assert_eq!(tries != owed as i64, disturbed.was_refused, "{tries} tries for {owed} mails");
        db.close().await;
    }
}

/// A relay that can be shut: then it takes nothing, and breaks off what is open.
pub struct Door {
    address: SocketAddr,
    shut: watch::Sender<bool>,
}

impl Door {
    async fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shut, is_shut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                let mut is_shut = is_shut.clone();
                tokio::spawn(async move {
                    if *is_shut.borrow_and_update() {
                        return;
                    }
                    let mut inside = TcpStream::connect(relay).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut visitor, &mut inside) => {}
                        _ = is_shut.changed() => {}
                    }
                });
            }
        });
        Self { address, shut }
    }

    /// Shuts it, or opens it again.
    pub fn shut(&self, shut: bool) {
        self.shut.send_replace(shut);
    }
}

fn promises_of(night: &Night) -> Vec<(String, String, String, i64)> {
    let nominal = format!("{}T{}", night.date, night.time);
    let promise = |zone: &str| (night.slug.to_owned(), nominal.clone(), zone.to_owned(), night.due_ms(zone));
    night.zones.iter().map(|(zone, _)| promise(zone)).collect()
}

/// A domain for the readers of a zone: `america-new-york`, without the ending.
fn domain_of(zone: &str) -> String {
    zone.to_lowercase().replace(['/', '_'], "-")
}

/// The demo's vendor, a partner with `readers` people in each zone, and a newsletter a night.
fn write_content(folder: &Path, nights: &[Night], readers: usize) {
    for part in ["images", "rules", "newsletters", "roster/brands/clocks"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for part in ["images", "rules"] {
        for file in fs::read_dir(content().join(part)).unwrap().flatten() {
            // The demo's partners and newsletters are not here, and their rules are no part of this.
            if ["calendar.toml", "frequency.toml", "norway.ics"].iter().any(|name| file.file_name() == *name)
            {
                continue;
            }
            fs::copy(file.path(), folder.join(part).join(file.file_name())).unwrap();
        }
    }
    // Nobody is asked for approval: only readers' mail is counted.
    let vendor = fs::read_to_string(content().join("vendor.toml")).unwrap();
    fs::write(folder.join("vendor.toml"), vendor.replace("may = [\"approve\"]\n", "")).unwrap();
    let partners = fs::read_to_string(content().join("roster/partners.csv")).unwrap();
    let header = partners.lines().next().unwrap();
    let partner = "clocks,Clocks,msp,gold,emea,Oslo,Europe/Berlin,en,,,claire.vasseur@brackenfold.example,https://clocks.example,";
    fs::write(folder.join("roster/partners.csv"), format!("{header}\n{partner}\n")).unwrap();
    let brand = "primary = \"#123456\"\naccent = \"#0a7d4b\"\n";
    fs::write(folder.join("roster/brands/clocks/brand.toml"), brand).unwrap();
    let mut contacts = "partner,name,email,roles,locale,zone,lead_contact\n".to_owned();
    for (zone, _) in nights[0].zones {
        for reader in 0..readers {
            let lead = if contacts.lines().count() == 1 { "yes" } else { "no" };
            let domain = domain_of(zone);
            writeln!(contacts, "clocks,Reader {reader},r{reader}@{domain}.example,sales,,{zone},{lead}")
                .unwrap();
        }
    }
    fs::write(folder.join("roster/contacts.csv"), contacts).unwrap();
    nights.iter().for_each(|night| write_newsletter(&folder.join("newsletters"), night));
}

fn write_newsletter(folder: &Path, night: &Night) {
    let (slug, date, time) = (night.slug, night.date, night.time);
    let issue: PathBuf = folder.join(slug);
    fs::create_dir(&issue).unwrap();
    fs::write(
        folder.join(format!("{slug}.md")),
        format!(
            "---\nkind: newsletter\ntitle: {slug}\ncadence: daily at {time}\nzone: contact\naudience:\n  roles: [sales]\n\
             sender: newsletter\nfreeze_minutes: 30\non_time_minutes: 15\ncatch_up_hours: 20\napproval: automatic\nwhy: \"You are a contact \
             at {{{{ partner.name }}}}.\"\n---\nEvery night.\n"
        ),
    )
    .unwrap();
    fs::write(
        issue.join(format!("{date}.md")),
        format!(
            "---\nkind: issue\ntitle: {slug}\nnewsletter: {slug}\ndate: {date}\nsubject: {slug}\npreheader: Clocks\n\
             theme: Clocks\n---\nThe clocks change tonight.\n\n::: sales\nCall in the morning.\n:::\n"
        ),
    )
    .unwrap();
}
