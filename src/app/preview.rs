//! The author's preview as a process: a database of its own that ends with it, a folder that is watched, its pages.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{dkim, ended, relays_of, url_at};
use crate::{
    config::Config,
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{Error, Random as _, Result, clock::SystemClock, random::OsRandom, token::Keys},
        social::{linkedin::Version, spend::Terms},
    },
    render::{Templates, email::dkim::Signer},
    store::Db,
    web::{self, Limits},
    work::{
        Context,
        context::{Bounces, Settings},
        preview::Preview,
    },
};

/// Connections that browsers may hold: one person looks.
const CONNECTIONS_MAX: usize = 100;

/// A running preview.
pub struct PreviewApp {
    /// Where its pages are.
    pub url: String,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    db: Db,
    /// Deleted when dropped.
    _scratch: tempfile::TempDir,
}

impl PreviewApp {
    /// Reads `dir` and serves it on `listener`. Of `config` the relays and keys are used, and the partners of its
    /// database where the folder has none.
    ///
    /// # Errors
    /// The folder, the scratch folder or the database cannot be read.
    pub async fn start(listener: TcpListener, dir: PathBuf, config: Option<&Config>) -> Result<Self> {
        let address = listener.local_addr().map_err(|error| Error::internal("listening").because(error))?;
        let url = url_at(address);
        let scratch = tempfile::tempdir().map_err(|error| {
            Error::unavailable(format!("there is no room for a scratch database: {error}"))
        })?;
        let db = Db::open(&format!("sqlite:{}", scratch.path().join("preview.sqlite").display())).await?;
        let templates = Templates::load(config.and_then(|config| config.server.templates_dir.as_deref()))?;
        let (signer, relays) = match config {
            Some(config) => (dkim::signer(config)?, relays_of(config)?),
            None => (Signer::default(), Vec::new()),
        };
        let mut secret = [0; 32];
        OsRandom.fill(&mut secret);
        let ctx = Context::new(
            db.clone(),
            Arc::new(SystemClock),
            Arc::new(OsRandom),
            Keys::new(&[secret.to_vec()])?,
            Arc::new(templates),
            settings(&url),
        );
        let preview = Arc::new(Preview::new(Arc::new(ctx.with_signer(signer)), dir, relays));
        let seen = preview.seen().await;
        preview.load().await?;
        if let Some(config) = config.filter(|_| preview.shown().partners.is_empty()) {
            // Its pages say what to add where there are no partners.
            if let Err(error) = adopt(&preview, &config.database.url).await {
                tracing::warn!(error = error.detail(), "the installation's partners cannot be used");
            }
        }
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let limits = Limits { connections: CONNECTIONS_MAX, ..Limits::default() };
        tasks.spawn(web::serve(listener, web::preview_router(preview.clone()), limits, stopped.clone()));
        tasks.spawn(async move { preview.watch(seen, stopped).await });
        Ok(Self { url, stop, tasks, db, _scratch: scratch })
    }

    /// Stops; what was asked for is still answered.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        ended(&mut self.tasks).await;
        self.db.close().await;
    }
}

async fn adopt(preview: &Preview, url: &str) -> Result<()> {
    let installation = Db::open_read_only(url).await?;
    preview.adopt_partners(&installation).await?;
    installation.close().await;
    Ok(())
}

/// Nothing is delivered and nobody signs in: only the address matters.
fn settings(url: &str) -> Settings {
    Settings {
        public_url: url.to_owned(),
        console_open: false,
        demo: false,
        mailbox: None,
        trusted_proxies: Vec::new(),
        window: 1,
        on_uncertain: OnUncertain::Hold,
        classes: Classes::default(),
        warm_up: Vec::new(),
        bounces: Bounces::default(),
        linkedin: Version::default(),
        x: Terms::default(),
    }
}
