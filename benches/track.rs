//! Clicks, each with a durable row, as readers' browsers make them:
//!
//!     cargo bench --bench track -- [--small] [--db sqlite|postgres|both] [--connections N] [--seconds N]
//!
//! This process serves; another one, on the same machine, clicks over connections that stay open: each sends its next request
//! when the last one is answered. The reference, in the same run and with the same client, is axum with one handler that
//! redirects and records nothing. Then page views without HTTP: as many tasks as connections, each taking up its next when
//! the last one is durable. What is in the database afterwards is counted, and must be what was answered. CPU is that of
//! this process, and of the database's own; memory is its peak. The last line is one JSON object a database.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]
#![expect(clippy::disallowed_methods, reason = "its client is told by the environment what to do")]

mod support;

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, http::header, response::IntoResponse as _, routing::get};
use partnercast::{
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        engagement::EventKind,
        kernel::{
            EmailAddress, Slug,
            clock::{HOUR_MS, ManualClock, UtcMs},
            id::DeliveryId,
            random::OsRandom,
            token::{Keys, Purpose},
        },
        partner::{BrandProfile, Contact, Partner, PartnerType, Region, Roles, Tier},
        social::{linkedin::Version, spend::Terms},
    },
    render::Templates,
    store::{Db, events::Clicks, issues, partners},
    web,
    work::{
        Context,
        context::{Bounces, Settings},
        publish, sync,
        tokens::MailToken,
        track::{self, OnPage, Spool, Visitor},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use support::{
    peers::{Postgres, family_cpu_s},
    usage::{Meter, peak_mb},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// 2027-01-11 20:00 UTC, the eve of the issue.
const EVE_MS: UtcMs = 1_799_697_600_000;
/// After it has left everywhere.
const LATER_MS: UtcMs = EVE_MS + 30 * HOUR_MS;
/// What the client is told by.
const CLIENT: &str = "BENCH_TRACK_CLIENT";
/// What a browser calls itself.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// What the client is to do.
#[derive(Serialize, Deserialize)]
struct Order {
    address: SocketAddr,
    connections: usize,
    seconds: f64,
    /// A file with a path a line.
    paths: String,
}

/// What came of it.
#[derive(Serialize, Deserialize)]
struct Report {
    answered: usize,
    seconds: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Report {
    fn of(mut took: Vec<Duration>, seconds: f64) -> Self {
        took.sort_unstable();
        let at = |percent: usize| {
            let place = took.len() * percent / 100;
            took.get(place.min(took.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        Self { answered: took.len(), seconds, p50_ms: at(50), p99_ms: at(99) }
    }

    fn per_s(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

fn main() {
    if let Ok(order) = std::env::var(CLIENT) {
        return client(&serde_json::from_str(&order).expect("an order"));
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
    let (seconds, readers) = if small { (3, 2_000) } else { (15, 20_000) };
    let (seconds, connections) = (number("--seconds", seconds), number("--connections", 128));
    let databases: &[&str] = match value("--db").as_deref() {
        None | Some("both") => &["sqlite", "postgres"],
        Some("sqlite") => &["sqlite"],
        Some("postgres") => &["postgres"],
        Some(other) => panic!("--db takes sqlite, postgres or both, not {other}"),
    };
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
        let bench = Bench { database, folder: folder.path(), seconds: seconds as f64, connections, readers };
        runtime.block_on(bench.run(&url, postgres.as_ref().map(|postgres| postgres.pid)));
    }
}

struct Bench<'a> {
    database: &'a str,
    folder: &'a Path,
    seconds: f64,
    connections: usize,
    readers: usize,
}

impl Bench<'_> {
    async fn run(&self, url: &str, server: Option<u32>) {
        let (ctx, clock) = filled(url, self.folder, self.readers).await;
        let paths = self.folder.join("paths");
        let all = addresses(&ctx).await;
        std::fs::write(&paths, all.join("\n")).expect("a file");
        let (stop, stopped) = watch::channel(false);
        let ticking = tokio::spawn(async move {
            let began = Instant::now();
            loop {
                let passed = i64::try_from(began.elapsed().as_millis()).expect("a short run");
                clock.set(LATER_MS + passed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let writing = tokio::spawn(track::run(ctx.clone(), stopped.clone()));

        let bare = Router::new().route("/c/{token}/{no}", get(bare_redirect));
        let reference = self.clicks(bare, &paths, &stopped).await;
        let meter = Meter::start();
        let before_s = server.map_or(0.0, family_cpu_s);
        let clicks = self.clicks(web::router(ctx.clone()), &paths, &stopped).await;
        let (_, cpu_s) = meter.read();
        let server_cpu_s = server.map_or(0.0, family_cpu_s) - before_s;
        let rows = counted(&ctx).await;
        assert!(rows >= clicks.answered, "{rows} rows of {} answered", clicks.answered);
        assert!(rows <= clicks.answered + self.connections, "{rows} rows of {}", clicks.answered);
        let views = self.views(&ctx).await;
        assert_eq!(counted(&ctx).await, rows + views.answered, "each once");
        let _ = stop.send(true);
        writing.await.expect("it ends");
        ticking.abort();
        let spooled = std::fs::read_dir(self.folder.join("spool")).expect("the spool").count();
        assert_eq!(spooled, 0, "nothing is left on disk beside the database");
        self.tell(&reference, &clicks, &views, (cpu_s, server_cpu_s));
        ctx.db.close().await;
    }

    fn tell(&self, reference: &Report, clicks: &Report, views: &Report, (cpu_s, server_cpu_s): (f64, f64)) {
        let round = |number: f64| (number * 100.0).round() / 100.0;
        let per_100k = 100_000.0 / clicks.answered as f64;
        println!(
            "{}: {:.0} redirects/s (p50 {:.1} ms, p99 {:.1} ms) over {} connections, {:.0} page views/s (p99 {:.1} ms); a bare \
             redirect {:.0}/s (p99 {:.1} ms); CPU {:.1} s and the database's {:.1} s per 100,000; {:.0} MB",
            self.database,
            clicks.per_s(),
            clicks.p50_ms,
            clicks.p99_ms,
            self.connections,
            views.per_s(),
            views.p99_ms,
            reference.per_s(),
            reference.p99_ms,
            cpu_s * per_100k,
            server_cpu_s * per_100k,
            peak_mb()
        );
        println!(
            "{}",
            json!({
                "bench": "track", "db": self.database, "connections": self.connections, "seconds": self.seconds,
                "per_s": clicks.per_s().round(), "p50_ms": round(clicks.p50_ms), "p99_ms": round(clicks.p99_ms),
                "views_per_s": views.per_s().round(), "views_p99_ms": round(views.p99_ms),
                "reference": "bare axum redirect", "reference_per_s": reference.per_s().round(),
                "reference_p99_ms": round(reference.p99_ms), "ratio": round(clicks.per_s() / reference.per_s()),
                "cpu_s_per_100k": round(cpu_s * per_100k), "database_cpu_s_per_100k": round(server_cpu_s * per_100k),
                "peak_mb": peak_mb().round(),
            })
        );
    }

    /// The client's report on `router`.
    async fn clicks(&self, router: Router, paths: &Path, stopped: &watch::Receiver<bool>) -> Report {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(web::serve(listener, router, web::Limits::default(), stopped.clone()));
        let order = Order {
            address,
            connections: self.connections,
            seconds: self.seconds,
            paths: paths.display().to_string(),
        };
        let text = serde_json::to_string(&order).expect("JSON");
        let clicking = tokio::task::spawn_blocking(move || {
            let program = std::env::current_exe().expect("this program");
            let done = Command::new(program).env(CLIENT, text).stderr(Stdio::inherit()).output();
            done.expect("the client runs")
        });
        let done = clicking.await.expect("the client ends");
        assert!(done.status.success(), "{}", done.status);
        serving.abort();
        serde_json::from_slice(&done.stdout).expect("a report")
    }

    /// Page views, each taken up when the last one is durable.
    async fn views(&self, ctx: &Arc<Context>) -> Report {
        let began = Instant::now();
        let until = began + Duration::from_secs_f64(self.seconds);
        let task = |_| {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                let visitor = Visitor {
                    method: "GET".to_owned(),
                    agent: AGENT.to_owned(),
                    network: "203.0.113.0/24".to_owned(),
                    prefetch: false,
                };
                let mut took = Vec::new();
                while Instant::now() < until {
                    let asked = Instant::now();
                    let what = OnPage {
                        kind: EventKind::PageView,
                        partner: "northgate",
                        asset: "blog/first-24-hours",
                        revision: None,
                        via: None,
                        lead: None,
                    };
                    track::on_page(&ctx, &what, &visitor).settled(&ctx).await;
                    took.push(asked.elapsed());
                }
                took
            })
        };
        let tasks: Vec<_> = (0..self.connections).map(task).collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("it ends"));
        }
        Report::of(took, began.elapsed().as_secs_f64())
    }
}

async fn bare_redirect() -> axum::response::Response {
    (axum::http::StatusCode::FOUND, [(header::LOCATION, "/p/northgate/blog/first-24-hours")]).into_response()
}

async fn counted(ctx: &Context) -> usize {
    let sql = "SELECT COUNT(*) AS human, CAST(0 AS BIGINT) AS machine, CAST(0 AS BIGINT) AS people FROM engagement_event";
    let all: Clicks = ctx.db.opt(sql, Vec::new()).await.expect("a count").expect("a row");
    usize::try_from(all.human).expect("a count")
}

/// The paths of all links of all mails, mixed.
async fn addresses(ctx: &Context) -> Vec<String> {
    let sql =
        "SELECT d.id, d.rendition_id, l.no FROM delivery d JOIN link l ON l.rendition_id = d.rendition_id
        WHERE l.target LIKE '/p/%' AND d.state = 'accepted' ORDER BY l.no, d.id";
    let all: Vec<(String, String, i64)> = ctx.db.all(sql, Vec::new()).await.expect("deliveries");
    let path = |(id, rendition, no): &(String, String, i64)| {
        let delivery = DeliveryId::parse(id).expect("an id");
        let token = MailToken::new(delivery, rendition).expect("a token").sign(&ctx.keys, Purpose::Click);
        format!("/c/{token}/{no}")
    };
    all.iter().map(path).collect()
}

/// A database with an issue that was accepted for so many readers.
async fn filled(url: &str, folder: &Path, readers: usize) -> (Arc<Context>, Arc<ManualClock>) {
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
    let clock = Arc::new(ManualClock::new(EVE_MS));
    let ctx = Context::new(
        Db::open(url).await.expect("the database opens"),
        clock.clone(),
        Arc::new(OsRandom),
        Keys::new(&[vec![7; 32]]).expect("a key"),
        Arc::new(Templates::load(None).expect("the templates")),
        settings,
    );
    let ctx = ctx.with_spool(Spool::open(&folder.join("spool"), "bench").expect("a spool"));
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let synced = sync::sync(&ctx, &content, false).await.expect("the content is stored");
    assert!(synced.changed > 0, "{:?}", synced.findings);
    let partner = partner();
    let people: Vec<Contact> = (0..10).map(|at| contact(&partner, at)).collect();
    let mut tx = ctx.db.begin().await.expect("a transaction");
    partners::import(&mut tx, EVE_MS, &OsRandom, &[partner], &people).await.expect("people");
    tx.commit().await.expect("a commit");
    clock.set(LATER_MS);
    publish::tick(&ctx).await.expect("freeze and release");
    assert_eq!(issues::recent(&ctx.db).await.expect("issues").len(), 1);
    let model = "SELECT d.id, r.issue_id, r.id FROM delivery d, rendition r
        WHERE r.issue_id IS NOT NULL ORDER BY r.id, d.id LIMIT 1";
    let model: Vec<(String, String, String)> = ctx.db.all(model, Vec::new()).await.expect("a delivery");
    let (model, issue, rendition) = &model[0];
    let copy = "INSERT INTO delivery (id, source, issue_id, partner_slug, recipient_key, recipient_name, email, channel,
             generation, lane, scope, rendition_id, message_id, because, state, live, due_ms, promised_ms, expires_ms, created_ms,
             accepted_ms)
         SELECT $2, $3, $3, 'northgate', $2, 'Reader', $2, 'email', 1, lane, 'fold-forward', $4, $2, because,
             'accepted', FALSE, due_ms, promised_ms, expires_ms, created_ms, due_ms - 3600000
         FROM delivery WHERE id = $1";
    let mut tx = ctx.db.begin().await.expect("a transaction");
    for _ in 0..readers {
        let id = DeliveryId::new(LATER_MS, &OsRandom).to_string();
        let args = vec![model.into(), id.into(), issue.into(), rendition.into()];
        tx.run(copy, args).await.expect("a copy");
    }
    tx.commit().await.expect("a commit");
    (Arc::new(ctx), clock)
}

fn partner() -> Partner {
    let brand = "{\"primary\":\"#1a2f6b\",\"accent\":\"#0f766e\",\"value_proposition\":\"We restore.\",\"proof\":\"412 restores.\"}";
    let brand: BrandProfile = serde_json::from_str(brand).expect("a brand");
    Partner {
        slug: Slug::parse("northgate").expect("a slug"),
        name: "Northgate".to_owned(),
        partner_type: PartnerType::WORDS[0].1,
        tier: Tier::WORDS[0].1,
        region: Region::WORDS[0].1,
        city: "Somewhere".to_owned(),
        zone: "Europe/Oslo".parse().expect("a zone"),
        locale: partnercast::domain::kernel::Locale::en(),
        verticals: Vec::new(),
        solutions: Vec::new(),
        countries: Vec::new(),
        leads_max: None,
        parent: None,
        channel_manager_email: "tom.beckett@brackenfold.example".to_owned(),
        website: "https://partner.example".to_owned(),
        brand,
    }
}

fn contact(partner: &Partner, at: usize) -> Contact {
    Contact {
        partner: partner.slug.clone(),
        name: format!("Reader {at}"),
        email: EmailAddress::parse(&format!("reader{at}@northgate.example")).expect("an address"),
        roles: Roles::parse(["sales", "technical", "executive"][at % 3]).expect("a role"),
        locale: None,
        zone: None,
        lead_contact: false,
    }
}

/// Clicks on one core until the time is over, and prints a [`Report`].
fn client(order: &Order) {
    let text = std::fs::read_to_string(&order.paths).expect("paths");
    let requests: Vec<String> = text
        .lines()
        .map(|path| {
            format!("GET {path} HTTP/1.1\r\nHost: partners.example.com\r\nUser-Agent: {AGENT}\r\n\r\n")
        })
        .collect();
    let requests = Arc::new(requests);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(async {
        let began = Instant::now();
        let until = began + Duration::from_secs_f64(order.seconds);
        let tasks: Vec<_> = (0..order.connections)
            .map(|number| {
                let first = number * requests.len() / order.connections;
                tokio::spawn(connection(order.address, requests.clone(), first, until))
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("it ends"));
        }
        Report::of(took, began.elapsed().as_secs_f64())
    });
    println!("{}", serde_json::to_string(&report).expect("JSON"));
}

async fn connection(
    address: SocketAddr,
    requests: Arc<Vec<String>>,
    first: usize,
    until: Instant,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut took, mut buffer) = (Vec::new(), vec![0; 4_096]);
    for request in requests.iter().cycle().skip(first) {
        if Instant::now() >= until {
            break;
        }
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut read = 0;
        // Redirects have no body.
        while !buffer[..read].ends_with(b"\r\n\r\n") {
            let more = stream.read(&mut buffer[read..]).await.expect("an answer");
            assert!(more > 0, "the connection stays open");
            read += more;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 302"), "{}", String::from_utf8_lossy(&buffer[..read]));
        took.push(asked.elapsed());
    }
    took
}
