//! The spool: events on disk that the database did not take in time.
//!
//! A folder of files, an event a line of JSON. An event counts when its line is synced; many are synced at once. Each
//! process writes a file of its own and holds its lock, so that another one takes over only what is left behind. Taking
//! an event over twice stores it once, for it keeps its id.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

use super::recorder::write;
use crate::{
    domain::kernel::{Error, Result},
    store::events::{self, Event},
    work::context::Context,
};

/// Most bytes in the folder; an hour of 200 events a second.
const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Events taken over in one transaction.
const BATCH_MAX: usize = 500;
/// Ends the names of its files.
const SUFFIX: &str = ".events";

/// A folder of events.
pub struct Spool {
    folder: PathBuf,
    name: String,
    number: AtomicU64,
    has_any: AtomicBool,
    waiting: Mutex<Vec<Waiting>>,
    open: Arc<tokio::sync::Mutex<Open>>,
}

/// The file that is written to.
#[derive(Default)]
struct Open {
    file: Option<File>,
    bytes: u64,
}

struct Waiting {
    line: String,
    done: oneshot::Sender<std::result::Result<(), String>>,
}

impl Spool {
    /// The spool in `folder`, which is made; `name` is this process's own.
    ///
    /// # Errors
    /// `Unavailable` if the folder cannot be made or written.
    pub fn open(folder: &Path, name: &str) -> Result<Self> {
        let cannot = |error: std::io::Error| {
            let folder = folder.display();
            Error::unavailable(format!("the folder {folder} for events cannot be used: {error}"))
                .because(error)
        };
        fs::create_dir_all(folder).map_err(cannot)?;
        let has_any = fs::read_dir(folder).map_err(cannot)?.next().is_some();
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            number: AtomicU64::new(0),
            has_any: AtomicBool::new(has_any),
            waiting: Mutex::default(),
            open: Arc::default(),
        })
    }

    /// Whether there may be events in it.
    pub(super) fn has_any(&self) -> bool {
        self.has_any.load(Ordering::Relaxed)
    }

    /// Puts `event` on disk; what others put there at the same time is synced with it.
    ///
    /// # Errors
    /// Why it is not there.
    pub(super) async fn append(&self, event: &Event) -> std::result::Result<(), String> {
        let mut line = serde_json::to_string(event).map_err(|error| error.to_string())?;
        line.push('\n');
        let (done, mut durable) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { line, done });
        // Whoever holds the file writes for all who wait for it.
        let mut open = self.open.clone().lock_owned().await;
        if let Ok(written) = durable.try_recv() {
            return written;
        }
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let path = self.folder.join(format!("{}-{}{SUFFIX}", self.name, self.number.load(Ordering::Relaxed)));
        self.has_any.store(true, Ordering::Relaxed);
        let writing = tokio::task::spawn_blocking(move || {
            let written = open.write(&path, &batch);
            for waiting in batch {
                // Whoever was not waited for any more is on disk all the same.
                let _ = waiting.done.send(written.clone());
            }
            written.is_ok()
        });
        if !writing.await.map_err(|error| error.to_string())? {
            // A later line must not be glued to what was half written.
            self.number.fetch_add(1, Ordering::Relaxed);
        }
        durable.await.map_err(|_| "the writer is gone".to_owned())?
    }

    /// Ends the file that is written to, so that it can be taken over.
    async fn turn(&self) {
        let mut open = self.open.lock().await;
        if open.file.take().is_some() {
            open.bytes = 0;
            self.number.fetch_add(1, Ordering::Relaxed);
        }
        self.has_any.store(false, Ordering::Relaxed);
    }
}

impl Open {
    fn write(&mut self, path: &Path, batch: &[Waiting]) -> std::result::Result<(), String> {
        let bytes: usize = batch.iter().map(|waiting| waiting.line.len()).sum();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        if self.file.is_none() {
            let others = path.parent().map_or(0, bytes_in);
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(wrong)?;
            file.try_lock().map_err(|error| format!("{}: {error}", path.display()))?;
            if let Some(folder) = path.parent() {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong)?;
            }
            (self.file, self.bytes) = (Some(file), others);
        }
        if self.bytes.saturating_add(bytes) > BYTES_MAX {
            return Err(format!("the folder for events holds {BYTES_MAX} bytes already"));
        }
        let Some(file) = &mut self.file else { return Err("no file".to_owned()) };
        let lines: String = batch.iter().map(|waiting| waiting.line.as_str()).collect();
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data());
        self.bytes += bytes;
        if written.is_err() {
            self.file = None;
        }
        written.map_err(wrong)
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
}

/// Takes over what is in the spool and returns how many events were new. What is taken up meanwhile is written between its batches.
///
/// # Errors
/// Those of the store; what was not taken over stays where it is.
pub async fn replay(ctx: &Context) -> Result<usize> {
    let Some(spool) = &ctx.tracker.spool else { return Ok(0) };
    spool.turn().await;
    let mut taken = 0;
    for path in left_behind(&spool.folder) {
        let replayed = replay_file(ctx, &path).await;
        if replayed.is_err() {
            spool.has_any.store(true, Ordering::Relaxed);
        }
        taken += replayed?;
    }
    if taken > 0 {
        tracing::info!(events = taken, "what the database had not taken in time is stored");
    }
    Ok(taken)
}

fn left_behind(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.to_str().is_some_and(|path| path.ends_with(SUFFIX))).collect();
    files.sort();
    files
}

async fn replay_file(ctx: &Context, path: &Path) -> Result<usize> {
    let file = match File::open(path).map(|file| (file.try_lock(), file)) {
        Ok((Ok(()), file)) => file,
        // Another process writes to it, or has taken it over.
        Ok((Err(TryLockError::WouldBlock), _)) => return Ok(0),
        Ok((Err(TryLockError::Error(error)), _)) | Err(error) => {
            tracing::error!(%error, path = %path.display(), "events on disk cannot be read");
            return Ok(0);
        }
    };
    let mut lines = Lines::of(file);
    let mut taken = 0;
    loop {
        let reading = tokio::task::spawn_blocking(move || {
            let batch = lines.next_batch();
            (lines, batch)
        });
        let (back, batch) =
            reading.await.map_err(|error| Error::internal("reading events").because(error))?;
        lines = back;
        if batch.is_empty() {
            break;
        }
        taken += take_over(ctx, batch).await?;
    }
    let done = if lines.faults > 0 {
        tracing::error!(lines = lines.faults, path = %path.display(), "lines that are no events; the file is kept beside");
        fs::rename(path, path.with_extension("unreadable"))
    } else {
        fs::remove_file(path)
    };
    if let Err(error) = done {
        tracing::error!(%error, path = %path.display(), "taken over, and cannot be put away");
    }
    Ok(taken)
}

async fn take_over(ctx: &Context, mut batch: Vec<Event>) -> Result<usize> {
    let _alone = ctx.tracker.writing.write().await;
    let mut tx = ctx.db.begin().await?;
    let known = events::known(&mut tx, batch.iter().map(|event| event.id.clone()).collect()).await?;
    drop(tx);
    batch.retain(|event| !known.iter().any(|(id,)| *id == event.id));
    if !batch.is_empty() {
        write(ctx, &mut batch).await?;
    }
    Ok(batch.len())
}

struct Lines {
    reader: BufReader<File>,
    /// Whole lines that are no events, and faults of the disk.
    faults: usize,
}

impl Lines {
    fn of(file: File) -> Self {
        Self { reader: BufReader::new(file), faults: 0 }
    }

    fn next_batch(&mut self) -> Vec<Event> {
        let (mut batch, mut line) = (Vec::new(), Vec::new());
        while batch.len() < BATCH_MAX {
            line.clear();
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => break,
                // The end of a file may be torn: nobody was told that it is kept.
                Ok(_) if line.last() != Some(&b'\n') => break,
                Ok(_) => match serde_json::from_slice(&line) {
                    Ok(event) => batch.push(event),
                    Err(_) => self.faults += 1,
                },
                Err(error) => {
                    tracing::error!(%error, "events on disk end early");
                    self.faults += 1;
                    break;
                }
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize) -> Event {
        serde_json::from_value(serde_json::json!({
            "id": format!("evt_{number}"), "kind": "click", "at_ms": 1, "delivery_id": null, "contact_id": null,
            "lead_id": null, "partner_slug": "", "asset": null, "revision": null, "link_no": 1, "method": "GET",
            "agent": "", "network": "", "prefetch": false, "honeypot": false, "human": true, "reason": "", "verdict": ""
        }))
        .unwrap()
    }

    fn read(path: &Path) -> (Vec<Event>, usize) {
        let mut lines = Lines::of(File::open(path).unwrap());
        (lines.next_batch(), lines.faults)
    }

    #[tokio::test]
    async fn what_is_appended_is_on_disk_and_a_torn_end_costs_nothing_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), "a").unwrap();
        assert!(!spool.has_any());
        let events: Vec<Event> = (0..50).map(event).collect();
        let appended = futures_util::future::join_all(events.iter().map(|event| spool.append(event))).await;
        assert!(appended.iter().all(Result::is_ok), "{appended:?}");
        let path = left_behind(folder.path()).remove(0);
        let (mut found, faults) = read(&path);
        found.sort_by_key(|event| event.id[4..].parse::<usize>().unwrap());
        assert_eq!((found, faults), (events, 0));
        assert!(File::open(&path).unwrap().try_lock().is_err(), "others leave it alone");
        spool.turn().await;
        assert!(File::open(&path).unwrap().try_lock().is_ok(), "now it can be taken over");
        let mut text = fs::read(&path).unwrap();
        text.truncate(text.len() - 10);
        fs::write(&path, text).unwrap();
        let (found, faults) = read(&path);
        assert_eq!((found.len(), faults), (49, 0));
        spool.append(&event(99)).await.unwrap();
        assert_eq!(left_behind(folder.path()).len(), 2, "a new file");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), "a").unwrap();
        drop(folder);
        assert!(spool.append(&event(1)).await.unwrap_err().contains("a-0.events"));
    }
}
