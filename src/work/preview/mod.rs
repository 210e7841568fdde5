//! Content as its author sees it while writing: a folder, read again at every save, with errors or without, shown
//! through the eyes of any partner and reader. Nothing here is stored for longer than the preview runs.

mod images;
mod renditions;
mod send;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use self::images::Images;
use super::{context::Context, folder, sync};
use crate::{
    channel::smtp::Relay,
    domain::{
        content::Finding,
        kernel::{Error, Result},
        partner::Partner,
    },
    store::{Db, contents, partners},
};

pub use renditions::{Channel, Eyes, Mail, Rendition, channels, theirs};

/// Shortest rest between two looks at the folder: short against the 200 ms in which a save should show.
const REST_MIN: Duration = Duration::from_millis(50);
/// A folder that did not change for so long is read.
const SETTLE: Duration = Duration::from_millis(15);
/// A folder that never stops changing is read all the same after so many looks.
const SETTLE_LOOKS_MAX: u32 = 20;
/// A look costs at most this part of the time: large folders are looked at less often.
const REST_FACTOR: u32 = 4;

/// What is shown now.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// One more for every change.
    pub version: u64,
    /// Everything found, by file and place.
    pub findings: Arc<Vec<Finding>>,
    /// The partners, by slug.
    pub partners: Arc<Vec<Partner>>,
    /// Why the folder cannot be read; what was read before is shown then.
    pub fault: Option<String>,
    /// How long reading took, in milliseconds.
    pub took_ms: u64,
}

/// A folder that is being written in.
pub struct Preview {
    /// The surroundings of the renderers, with a database of the preview's own.
    pub ctx: Arc<Context>,
    dir: PathBuf,
    /// Relays for "send me this"; none without a configuration.
    relays: Vec<Relay>,
    images: Arc<Mutex<Images>>,
    shown: watch::Sender<Shown>,
}

impl Preview {
    /// For the folder `dir`; [`Preview::load`] reads it. `ctx` is of the preview alone.
    pub fn new(ctx: Arc<Context>, dir: PathBuf, relays: Vec<Relay>) -> Self {
        Self { ctx, dir, relays, images: Arc::default(), shown: watch::Sender::default() }
    }

    /// What is shown now.
    pub fn shown(&self) -> Shown {
        self.shown.borrow().clone()
    }

    /// What is shown once it is not `version` any more, or after `at_most`.
    pub async fn after(&self, version: u64, at_most: Duration) -> Shown {
        let mut shown = self.shown.subscribe();
        let changed = shown.wait_for(|shown| shown.version != version);
        let _ = tokio::time::timeout(at_most, changed).await;
        self.shown()
    }

    /// Whether "send me this" has a relay.
    pub fn can_send(&self) -> bool {
        !self.relays.is_empty()
    }

    /// Takes the partners of an installation, for a folder without a roster, with their logos.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn adopt_partners(&self, installation: &Db) -> Result<()> {
        let found = partners::all_partners(installation).await?;
        let mut logos = Vec::new();
        let brands = found.iter().map(|partner| &partner.brand);
        for hash in brands.flat_map(|brand| [brand.logo.as_ref(), brand.logo_dark.as_ref()]).flatten() {
            if let Some(file) = contents::file(installation, hash).await? {
                logos.push(contents::NewFile {
                    path: String::new(),
                    hash: hash.clone(),
                    body: contents::NewBody::Binary { media_type: "image/png", base64: file.base64 },
                });
            }
        }
        self.store(logos, &found).await?;
        self.shown.send_modify(|shown| shown.partners = Arc::new(found));
        Ok(())
    }

    /// Reads the folder and shows what it holds, also with errors.
    ///
    /// # Errors
    /// The folder or a file cannot be read; what was shown stays.
    pub async fn load(&self) -> Result<()> {
        let began = Instant::now();
        let (files, mut read) = sync::read_folder(&self.ctx, &self.dir).await?;
        let images = self.images.clone();
        let decoding = tokio::task::spawn_blocking(move || {
            let (media, new, faults) = images.lock().unwrap_or_else(PoisonError::into_inner).of(&files);
            (files, media, new, faults)
        });
        let decoded = decoding.await.map_err(|error| Error::internal("reading images").because(error))?;
        let (files, media, new, faults) = decoded;
        read.findings.extend(faults);
        read.findings.sort();
        // A roster with faults is told among the findings; the partners known so far stay.
        let roster = sync::roster_of(&files, &media).ok().flatten().map(|roster| roster.partners);
        let known = self.shown().partners;
        let partners = roster.filter(|partners| *partners != *known);
        if !new.is_empty() || partners.is_some() {
            let stored = self.store(new, partners.as_deref().unwrap_or_default()).await;
            if let Err(error) = stored {
                // What is not stored must not pass for known.
                *self.images.lock().unwrap_or_else(PoisonError::into_inner) = Images::default();
                return Err(error);
            }
        }
        self.ctx.set_contents(read.library, media);
        self.shown.send_modify(|shown| {
            shown.version += 1;
            shown.findings = Arc::new(read.findings);
            shown.fault = None;
            shown.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            if let Some(partners) = partners {
                shown.partners = Arc::new(partners);
            }
        });
        Ok(())
    }

    async fn store(&self, files: Vec<contents::NewFile>, partners: &[Partner]) -> Result<()> {
        let ctx = &self.ctx;
        let mut tx = ctx.db.begin().await?;
        contents::store_files(&mut tx, ctx.now_ms(), files).await?;
        partners::import(&mut tx, ctx.now_ms(), &*ctx.random, partners, &[]).await?;
        tx.commit().await
    }

    /// A text that changes when a file in the folder does; ask for it before [`Preview::load`], so that no save falls
    /// between the two.
    pub async fn seen(&self) -> Option<String> {
        folder::fingerprint(&self.dir).await.ok()
    }

    /// The folder's fingerprint once it has stopped changing: an editor may empty a file before it writes it.
    async fn settled(&self, mut seen: Option<String>) -> Option<String> {
        for _ in 0..SETTLE_LOOKS_MAX {
            tokio::time::sleep(SETTLE).await;
            let again = self.seen().await;
            if again == seen {
                break;
            }
            seen = again;
        }
        seen
    }

    /// Reads the folder again whenever a file in it changes from what it was at `last_seen`, until `shutdown`.
    pub async fn watch(&self, mut last_seen: Option<String>, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow() {
            let began = Instant::now();
            let now_seen = self.seen().await;
            let looking = began.elapsed();
            if now_seen != last_seen {
                last_seen = self.settled(now_seen).await;
                if let Err(error) = self.load().await {
                    self.shown.send_modify(|shown| {
                        shown.version += 1;
                        shown.fault = Some(error.public().to_owned());
                    });
                }
            }
            let rest = (looking * REST_FACTOR).max(REST_MIN);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = shutdown.changed() => break,
            }
        }
    }
}
