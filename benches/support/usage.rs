//! What a process used, read from `/proc` (Linux).

use std::{fs, time::Instant};

/// Clock ticks a second in `/proc/<pid>/stat`; fixed at 100 for programs on every Linux we know.
const TICKS_PER_S: f64 = 100.0;

/// CPU seconds, user and system, that process `pid` has used.
pub fn cpu_s(pid: u32) -> f64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    // The name in brackets may hold blanks; what follows it is numbered from field 3.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_PER_S
}

/// Most memory this process ever held, in MB.
pub fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Measures from now on.
pub struct Meter {
    began: Instant,
    cpu_s: f64,
}

impl Meter {
    /// Starts.
    pub fn start() -> Self {
        Self { began: Instant::now(), cpu_s: cpu_s(std::process::id()) }
    }

    /// Wall seconds and CPU seconds of this process since the start.
    pub fn read(&self) -> (f64, f64) {
        (self.began.elapsed().as_secs_f64(), cpu_s(std::process::id()) - self.cpu_s)
    }
}
