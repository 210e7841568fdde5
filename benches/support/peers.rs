//! Real peers on free loopback ports: Postfix's smtp-sink and smtp-source, a durable PostgreSQL.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::usage::cpu_s;

/// Longest wait for a peer to listen.
const START_MAX: Duration = Duration::from_secs(20);

/// A peer that is stopped when dropped.
pub struct Peer {
    child: Child,
    /// Where it listens on loopback.
    pub port: u16,
}

impl Peer {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A program of Postfix; Debian keeps them where a user's path does not look.
fn program(name: &str) -> String {
    let in_sbin = format!("/usr/sbin/{name}");
    if Path::new(&in_sbin).exists() { in_sbin } else { name.to_owned() }
}

/// Postfix's smtp-sink: takes everything, keeps nothing.
pub fn smtp_sink() -> Peer {
    let port = free_port();
    let child = Command::new(program("smtp-sink"))
        .args(["-u", "nobody", &format!("127.0.0.1:{port}"), "1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("smtp-sink starts; install the package `postfix`");
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < START_MAX, "smtp-sink does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Peer { child, port }
}

/// Messages a second of Postfix's smtp-source with kept connections.
pub fn smtp_source(port: u16, sessions: u32, messages: u32, bytes: usize) -> f64 {
    let began = Instant::now();
    let done = Command::new(program("smtp-source"))
        .args(["-d", "-s", &sessions.to_string(), "-m", &messages.to_string(), "-l", &bytes.to_string()])
        .args(["-f", "bench@example.com", "-t", "reader@example.com", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::null())
        .status()
        .expect("smtp-source runs; install the package `postfix`");
    assert!(done.success(), "smtp-source failed");
    f64::from(messages) / began.elapsed().as_secs_f64()
}

/// A private PostgreSQL that makes every commit durable, by the script the tests use.
pub struct Postgres {
    shell: Child,
    /// `postgres://…`
    pub url: String,
    /// The server's process.
    pub pid: u32,
}

impl Postgres {
    /// Starts it.
    pub fn start(folder: &Path) -> Self {
        use std::io::{BufRead as _, BufReader};
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/postgres.sh");
        let text = format!(
            "source {script} && postgres_start && echo \"$TEST_POSTGRES_URL\" && head -1 \"$POSTGRES_FOLDER/data/postmaster.pid\" && read -r _; postgres_stop"
        );
        let mut shell = Command::new("bash")
            .args(["-c", &text])
            .env("POSTGRES_DURABLE", "1")
            .env("TMPDIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let mut lines = BufReader::new(shell.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().and_then(Result::ok).expect("PostgreSQL starts; install `postgresql`");
        let url = line();
        let pid = line().trim().parse().expect("a process number");
        Self { shell, url, pid }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// CPU seconds of `pid` and its living children, one level deep: a PostgreSQL server and its backends.
pub fn family_cpu_s(pid: u32) -> f64 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    cpu_s(pid) + children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(cpu_s).sum::<f64>()
}
