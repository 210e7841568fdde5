//! A machine's clock that a test sets under a running process, by Debian's libfaketime.
//!
//! Only the wall clock is false: waits of the process pass in real time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicI64, Ordering},
};

use partnercast::domain::kernel::clock::{Clock as _, SystemClock, UtcMs};

use super::environment;

/// The wall clock of processes that are started under it. It runs; setting it takes effect at once.
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    ahead_ms: AtomicI64,
}

impl FakeClock {
    /// A clock that shows `now_ms`; its file is made in `folder`. None where the library is missing, which fails where
    /// nothing may be skipped.
    pub fn new(folder: &Path, now_ms: UtcMs) -> Option<Self> {
        let library = environment::needed("libfaketime", library())?;
        let clock = Self { library, file: folder.join("clock"), ahead_ms: AtomicI64::new(0) };
        clock.set(now_ms);
        Some(clock)
    }

    /// Sets it to `now_ms`.
    pub fn set(&self, now_ms: UtcMs) {
        let ahead_ms = now_ms - SystemClock.now_ms();
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
        // Replaced as a whole: a process reads it whenever it asks for the time.
        let draft = self.file.with_extension("draft");
        let sign = if ahead_ms < 0 { '-' } else { '+' };
        let ahead_ms = ahead_ms.unsigned_abs();
        fs::write(&draft, format!("{sign}{}.{:03}\n", ahead_ms / 1_000, ahead_ms % 1_000)).unwrap();
        fs::rename(&draft, &self.file).unwrap();
    }

    /// What it shows.
    pub fn now_ms(&self) -> UtcMs {
        SystemClock.now_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    /// Puts a process that is about to start under it.
    pub fn rule(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            // Files keep their real times.
            .env("NO_FAKE_STAT", "1");
    }
}

/// Where Debian and its kin keep the library, the one for programs with threads.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    let mut places = folders.chain(["/usr/lib/faketime".into(), "/usr/lib64/faketime".into()]);
    places.find_map(|folder: PathBuf| Some(folder.join("libfaketimeMT.so.1")).filter(|file| file.exists()))
}
