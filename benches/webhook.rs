//! Signed webhooks to receivers on this machine, every message a row before it leaves and after it was answered:
//!
//!     cargo bench --bench webhook -- [--small] [--db sqlite|postgres|both] [--endpoints N] [--events N]
//!
//! Fifty endpoints get each event. The receiver, another process on the same machine, reads requests and answers 200. The
//! reference, in the same run and to the same receiver, signs and sends the same bytes over as many connections that stay open,
//! and keeps nothing. Then the same again beside one endpoint that never answers and one that takes a second: what the others
//! get of their rate is `healthy_ratio`. CPU is that of this process, and of the database's own; memory is its peak. The last
//! line is one JSON object a database.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

mod support;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use partnercast::{
    channel::egress::{Egress, Guard},
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            Network,
            clock::{ManualClock, UtcMs},
            random::OsRandom,
            token::Keys,
        },
        social::{linkedin::Version, spend::Terms},
        webhook::{
            Event, EventKind, Scope, Secret,
            sign::{self, Message},
        },
    },
    render::Templates,
    store::{Db, sql::Arg},
    work::{
        Context,
        context::{Bounces, Settings},
        webhooks::{self, CONCURRENCY_MAX, Order, Proof},
    },
};
use serde_json::{Value, json};
use support::{
    peers::{Postgres, family_cpu_s},
    usage::{Meter, peak_mb},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// 2027-01-01 12:00 UTC.
const NOW_MS: UtcMs = 1_798_804_800_000;
/// Tells this program that it is the receiver.
const RECEIVER: &str = "BENCH_WEBHOOK_RECEIVER";
/// How long the slow one takes.
const SLOW: Duration = Duration::from_secs(1);
/// Longest wait for everything to be delivered.
const DONE_MAX: Duration = Duration::from_secs(240);

fn main() {
    if std::env::var_os(RECEIVER).is_some() {
        return receiver();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str, otherwise: usize| {
        value(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number")))
    };
    let small = arguments.iter().any(|argument| argument == "--small");
    let (endpoints, events) =
        (number("--endpoints", 50), number("--events", if small { 200 } else { 2_000 }));
    let databases: &[&str] = match value("--db").as_deref() {
        None | Some("both") => &["sqlite", "postgres"],
        Some("sqlite") => &["sqlite"],
        Some("postgres") => &["postgres"],
        Some(other) => panic!("--db takes sqlite, postgres or both, not {other}"),
    };
    let receiver = Receiver::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for database in databases {
        let folder = tempfile::Builder::new().prefix("partnercast-bench.").tempdir().expect("a folder");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("our own folder");
        let postgres = (*database == "postgres").then(|| Postgres::start(folder.path()));
        let url = postgres.as_ref().map_or_else(
            || format!("sqlite:{}/bench.sqlite", folder.path().display()),
            |postgres| postgres.url.clone(),
        );
        let bench = Bench { database, endpoints, events, address: receiver.address };
        runtime.block_on(bench.run(&url, postgres.as_ref().map(|postgres| postgres.pid)));
    }
}

struct Bench<'a> {
    database: &'a str,
    endpoints: usize,
    events: usize,
    address: SocketAddr,
}

impl Bench<'_> {
    async fn run(&self, url: &str, server: Option<u32>) {
        let ctx = self.filled(url).await;
        let reference_s = self.bare().await;
        let meter = Meter::start();
        let before_s = server.map_or(0.0, family_cpu_s);
        let alone_s = self.deliver(&ctx).await;
        let (_, cpu_s) = meter.read();
        let server_cpu_s = server.map_or(0.0, family_cpu_s) - before_s;
        for (partner, path) in [("dead", "/dead"), ("slow", "/slow")] {
            self.endpoint(&ctx, partner, path).await;
        }
        let beside_s = self.deliver(&ctx).await;
        let messages = (self.endpoints * self.events) as f64;
        let (per_s, reference_per_s) = (messages / alone_s, messages / reference_s);
        let round = |number: f64| (number * 100.0).round() / 100.0;
        let per_100k = 100_000.0 / messages;
        println!(
            "{}: {messages} signed webhooks to {} endpoints, {per_s:.0}/s; a bare client loop {reference_per_s:.0}/s; beside a \
             dead and a slow endpoint {:.0}/s; CPU {:.1} s and the database's {:.1} s per 100,000; {:.0} MB",
            self.database,
            self.endpoints,
            messages / beside_s,
            cpu_s * per_100k,
            server_cpu_s * per_100k,
            peak_mb()
        );
        println!(
            "{}",
            json!({
                "bench": "webhook", "db": self.database, "endpoints": self.endpoints, "messages": messages,
                "per_s": per_s.round(), "reference": "bare client loop", "reference_per_s": reference_per_s.round(),
                "ratio": round(per_s / reference_per_s), "healthy_ratio": round(alone_s / beside_s),
                "cpu_s_per_100k": round(cpu_s * per_100k), "database_cpu_s_per_100k": round(server_cpu_s * per_100k),
                "peak_mb": peak_mb().round(),
            })
        );
        ctx.db.close().await;
    }

    /// Tells the events and waits until every healthy endpoint has taken them all; returns how long that took, from the first
    /// that left.
    async fn deliver(&self, ctx: &Arc<Context>) -> f64 {
        for first in (0..self.events).step_by(200) {
            let mut tx = ctx.db.begin().await.expect("a transaction");
            for at in first..(first + 200).min(self.events) {
                let event = event(at);
                webhooks::emit(&mut tx, &*ctx.random, &event).await.expect("it is told");
            }
            tx.commit().await.expect("a commit");
        }
        let began = Instant::now();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(webhooks::run(ctx.clone(), stopped));
        let waiting = "SELECT COUNT(*) FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
            WHERE m.ended_ms IS NULL AND e.name = 'healthy'";
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (left,): (i64,) = ctx.db.opt(waiting, Vec::new()).await.expect("a count").expect("a row");
            if left == 0 {
                break;
            }
            assert!(began.elapsed() < DONE_MAX, "{left} are left");
        }
        let took_s = began.elapsed().as_secs_f64();
        let _ = stop.send(true);
        running.await.expect("it ends");
        let failed = "SELECT COUNT(*) FROM webhook_message m JOIN webhook_endpoint e ON e.id = m.endpoint_id
            WHERE (m.state <> 'delivered' OR m.attempts <> 1) AND e.name = 'healthy'";
        let (failed,): (i64,) = ctx.db.opt(failed, Vec::new()).await.expect("a count").expect("a row");
        assert_eq!(failed, 0, "each was delivered at its first try");
        took_s
    }

    /// Signs and sends as much to the same receiver and keeps nothing; returns how long that took.
    async fn bare(&self) -> f64 {
        let secret = Arc::new([Secret::new_shared(&OsRandom)]);
        let began = Instant::now();
        let connections = self.endpoints * usize::try_from(CONCURRENCY_MAX).expect("a count");
        let each = (self.endpoints * self.events).div_ceil(connections);
        let tasks: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(bare_connection(self.address, secret.clone(), each)))
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
        began.elapsed().as_secs_f64()
    }

    async fn filled(&self, url: &str) -> Arc<Context> {
        let settings = Settings {
            public_url: "https://partners.example.com".to_owned(),
            console_open: false,
            demo: false,
            mailbox: None,
            trusted_proxies: Vec::new(),
            window: 128,
            on_uncertain: OnUncertain::Resend,
            classes: Classes::default(),
            warm_up: Vec::new(),
            bounces: Bounces::default(),
            linkedin: Version::default(),
            x: Terms::default(),
        };
        let guard = Guard::new(vec![Network::parse("127.0.0.1").expect("a network")], true);
        let ctx = Context::new(
            Db::open(url).await.expect("the database opens"),
            Arc::new(ManualClock::new(NOW_MS)),
            Arc::new(OsRandom),
            Keys::new(&[vec![7; 32]]).expect("a key"),
            Arc::new(Templates::load(None).expect("the templates")),
            settings,
        )
        .with_egress(Egress::new(guard, None));
        let ctx = Arc::new(ctx);
        for at in 0..self.endpoints {
            self.endpoint(&ctx, &format!("partner-{at}"), "/in").await;
        }
        ctx
    }

    /// A partner with an endpoint at `path`.
    async fn endpoint(&self, ctx: &Context, partner: &str, path: &str) {
        let mut row: Vec<Arg> = vec![partner.into(), "Partner".into()];
        row.extend(
            ["msp", "gold", "emea", "Oslo", "Europe/Oslo", "en", "", "m@vendor.example", "", "{}"]
                .map(Arg::from),
        );
        row.push(NOW_MS.into());
        let before =
            "INSERT INTO partner (slug, name, partner_type, tier, region, city, zone, locale, verticals,
             channel_manager_email, website, brand, updated_ms)";
        let mut tx = ctx.db.begin().await.expect("a transaction");
        tx.bulk(before, vec![row], "").await.expect("a partner");
        tx.commit().await.expect("a commit");
        let order = Order {
            partner: Some(partner.to_owned()),
            name: if path == "/in" { "healthy" } else { "sick" }.to_owned(),
            url: format!("http://{}/in", self.address),
            contact_name: "Ada".to_owned(),
            contact_email: "ada@partner.example".to_owned(),
            concurrency: CONCURRENCY_MAX,
            ..Order::default()
        };
        let (endpoint, _) = webhooks::add(ctx, "bench", &order).await.expect("an endpoint");
        webhooks::verify(ctx, "bench", &endpoint.id, Proof::Vouched).await.expect("it is verified");
        if path != "/in" {
            // It was well when it was verified.
            let url = format!("http://{}{path}", self.address);
            let mut tx = ctx.db.begin().await.expect("a transaction");
            let sql = "UPDATE webhook_endpoint SET url = $2 WHERE id = $1";
            tx.run(sql, vec![endpoint.id.into(), url.into()]).await.expect("it is sick");
            tx.commit().await.expect("a commit");
        }
    }
}

fn event(at: usize) -> Event {
    let data = [
        ("asset", Value::from(format!("whitepapers/paper-{at}"))),
        ("kind", Value::from("whitepaper")),
        ("languages", json!(["en"])),
        ("publish", Value::Null),
    ];
    Event::new(EventKind::AssetPublished, Scope::Everybody, NOW_MS, data)
}

async fn bare_connection(address: SocketAddr, secret: Arc<[Secret; 1]>, messages: usize) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let body = event(0).payload().expect("a payload");
    for at in 0..messages {
        let (id, timestamp) = (format!("whm_{at:026}"), "1798804800");
        let message = Message { id: &id, timestamp, body: &body };
        let signature = sign::signature(&*secret, &message).expect("a signature");
        let request = format!(
            "POST /in HTTP/1.1\r\nhost: {address}\r\nuser-agent: bare\r\ncontent-type: application/json\r\n\
             accept-encoding: identity\r\nwebhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\n\
             webhook-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = [0; 256];
        let read = stream.read(&mut answer).await.expect("an answer");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "it is taken");
    }
}

/// The receiver's process.
struct Receiver {
    child: Child,
    address: SocketAddr,
}

impl Receiver {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .env(RECEIVER, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the receiver starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its address");
        Self { child, address: line.trim().parse().expect("an address") }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes everything on one core, and prints where.
fn receiver() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(stream));
        }
    });
}

async fn serve(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut read = Vec::with_capacity(4_096);
    loop {
        let Some((head, length)) = request(&read) else {
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        if read.starts_with(b"POST /dead") {
            std::future::pending::<()>().await;
        }
        if read.starts_with(b"POST /slow") {
            tokio::time::sleep(SLOW).await;
        }
        read.drain(..head + length);
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

/// The bytes of a whole request's head and body, if there is one.
fn request(read: &[u8]) -> Option<(usize, usize)> {
    let head = memchr::memmem::find(read, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).ok()?.to_ascii_lowercase();
    let (_, length) = text.split_once("content-length: ")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    (read.len() >= head + length).then_some((head, length))
}
