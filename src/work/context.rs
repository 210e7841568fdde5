//! What every use case is given: the database, the clock, the keys, the content as it stands.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use tokio::sync::Notify;

use super::{
    cobrand::Media,
    documents::Documents,
    feeds,
    figures::Figures,
    follow::Followed,
    looks::Looks,
    metrics::Metrics,
    sequences::Cursors,
    touches::Noting,
    track::{Spool, Tracker},
};
use crate::{
    channel::egress::Egress,
    domain::{
        content::{Finding, Library, Memo},
        delivery::{Classes, WarmUp, backoff::OnUncertain, report::ComplaintScope},
        engagement::Machines,
        kernel::{Clock, Network, Random, clock::UtcMs, token::Keys},
        social::{linkedin::Version, spend::Terms},
    },
    render::{Templates, email::dkim::Signer},
    store::Db,
};

/// What the configuration decides about what comes back.
#[derive(Debug, Clone, Default)]
pub struct Bounces {
    /// The domain of signed return paths; without one, nothing that comes back can be told from a forgery.
    pub domain: Option<String>,
    /// What a complaint stops.
    pub complaint_scope: ComplaintScope,
    /// SHA-256, in hex, of the secret that opens `POST /in/mail`; without one it is shut.
    pub http_secret_hash: Option<String>,
}

/// What the configuration decides for use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address people reach us at, without a slash at the end.
    pub public_url: String,
    /// Lets everybody into the console who reaches us over loopback, also without signing in.
    pub console_open: bool,
    /// Shows the story page and the inbox.
    pub demo: bool,
    /// The built-in catcher's mail, where it is the relay.
    pub mailbox: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Messages that may be repeated after a crash at most.
    pub window: usize,
    /// What to do with a message that may have arrived.
    pub on_uncertain: OnUncertain,
    /// What a relay's refusals mean.
    pub classes: Classes,
    /// Sending domains that are not yet known.
    pub warm_up: Vec<WarmUp>,
    /// What comes back.
    pub bounces: Bounces,
    /// Which version of LinkedIn's API is spoken.
    pub linkedin: Version,
    /// What may be spent at X, and what things cost there.
    pub x: Terms,
}

/// Wakes loops that would otherwise look again in a moment.
#[derive(Debug, Default)]
pub struct Wake {
    /// Something is due for delivery.
    pub deliver: Notify,
    /// An issue may be ready for its next step.
    pub publish: Notify,
    /// The clock jumped: the last heartbeat may seem older than it is.
    pub heart: Notify,
}

/// The surroundings of every use case. Shared by all loops and doors of a process.
pub struct Context {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Keys of signed links.
    pub keys: Keys,
    /// Keys that sign mail; none where the relay signs.
    pub signer: Arc<Signer>,
    /// Sends to addresses that others name.
    pub egress: Egress,
    /// Templates and the interface's texts.
    pub templates: Arc<Templates>,
    /// What the configuration decides.
    pub settings: Settings,
    /// Takes up clicks and page views.
    pub tracker: Tracker,
    /// Makes PDFs.
    pub documents: Documents,
    /// Wakes loops.
    pub wake: Wake,
    /// Feeds that were made last.
    pub feeds: feeds::Kept,
    /// What pages count, shared by all who look.
    pub figures: Figures,
    /// What meters count.
    pub metrics: Metrics,
    /// When publishing looks again at what was not due.
    pub looks: Looks,
    /// How far touches were noted.
    pub noting: Noting,
    /// How far each sequence has looked for people who may enter.
    pub cursors: Cursors,
    /// Until when people in nurture were looked at.
    pub qualified: super::handoff::Looked,
    /// Turns of webhooks that were seen held.
    pub holds: super::webhooks::Holds,
    /// Turns of posting that were seen held.
    pub posting: super::webhooks::Holds,
    /// What accounts at social networks are known to have posts of.
    pub posts_known: super::social::Known,
    /// What was seen of partners' own sites.
    pub sites: super::sites::Seen,
    /// Which content is followed.
    pub followed: Followed,
    contents: RwLock<Contents>,
    publishing_faults: RwLock<Vec<String>>,
    refused_findings: RwLock<Vec<Finding>>,
    parsed: Arc<Mutex<Memo>>,
}

/// The content as last synced.
#[derive(Clone, Default)]
struct Contents {
    library: Arc<Library>,
    media: Arc<Media>,
    machines: Arc<Machines>,
}

impl Context {
    /// Brings the parts together; the library is empty until the first sync.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        keys: Keys,
        templates: Arc<Templates>,
        settings: Settings,
    ) -> Self {
        let metrics = Metrics::new(db.dialect(), clock.machine_ms());
        let tracker = Tracker::new(db.is_shared());
        Self {
            db,
            clock,
            random,
            keys,
            signer: Arc::default(),
            egress: Egress::default(),
            templates,
            settings,
            tracker,
            documents: Documents::default(),
            wake: Wake::default(),
            feeds: feeds::Kept::default(),
            figures: Figures::default(),
            metrics,
            looks: Looks::default(),
            noting: Noting::default(),
            cursors: Cursors::default(),
            qualified: super::handoff::Looked::default(),
            holds: super::webhooks::Holds::default(),
            posting: super::webhooks::Holds::default(),
            posts_known: super::social::Known::default(),
            sites: super::sites::Seen::default(),
            followed: Followed::default(),
            contents: RwLock::default(),
            publishing_faults: RwLock::default(),
            refused_findings: RwLock::default(),
            parsed: Arc::default(),
        }
    }

    /// The same with keys that sign mail.
    #[must_use]
    pub fn with_signer(mut self, signer: Signer) -> Self {
        self.signer = Arc::new(signer);
        self
    }

    /// The same with a client that goes where the configuration lets it.
    #[must_use]
    pub fn with_egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    /// The same with a place for events that the database does not take in time.
    #[must_use]
    pub fn with_spool(mut self, spool: Spool) -> Self {
        self.tracker = self.tracker.with(spool);
        self
    }

    /// The calendar's time.
    pub fn now_ms(&self) -> UtcMs {
        self.clock.now_ms()
    }

    /// The content as last synced.
    pub fn library(&self) -> Arc<Library> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).library.clone()
    }

    /// Content hashes of images and logos, as last synced.
    pub fn media(&self) -> Arc<Media> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).media.clone()
    }

    /// What machines are known by, as the content last synced has it.
    pub fn machines(&self) -> Arc<Machines> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner).machines.clone()
    }

    /// Makes this the present content, which everything is looked at anew for.
    pub fn set_contents(&self, library: Library, media: Media) {
        let machines = Arc::new(Machines::new(&library.rules.engagement));
        let contents = Contents { library: Arc::new(library), media: Arc::new(media), machines };
        *self.contents.write().unwrap_or_else(PoisonError::into_inner) = contents;
        self.looks.forget();
    }

    /// What keeps issues from being frozen, for the console.
    pub fn publishing_faults(&self) -> Vec<String> {
        self.publishing_faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what keeps issues from being frozen.
    pub fn set_publishing_faults(&self, faults: &[String]) {
        *self.publishing_faults.write().unwrap_or_else(PoisonError::into_inner) = faults.to_vec();
    }

    /// The errors for which the content folder was not taken at the last look; the content before it is in use.
    pub fn refused_findings(&self) -> Vec<Finding> {
        self.refused_findings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the errors for which the content folder is not taken.
    pub fn set_refused_findings(&self, findings: Vec<Finding>) {
        *self.refused_findings.write().unwrap_or_else(PoisonError::into_inner) = findings;
    }

    /// What was made of the content folder's files when they were last read.
    pub fn parsed(&self) -> Arc<Mutex<Memo>> {
        self.parsed.clone()
    }

    /// An absolute address of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.public_url)
    }
}
