//! Sending an issue, measured against the same sink in the same run:
//!
//!     cargo bench --bench send -- [--small] [--recipients N] [--db sqlite|postgres|both]
//!         [--window N] [--connections N] [--long] [--dkim]
//!
//! Each part runs in a process of its own, so that CPU and memory are those of that part alone: `load` fills the
//! database through import, freeze and release; `send` is the delivery worker on it; `bare` is our SMTP client in a
//! loop with no database and no rendering; `smtp-source` is Postfix's. The reference is the faster of the last two.
//! The last line is one JSON object a database.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]
#![expect(clippy::disallowed_methods, reason = "its parts are told by the environment what to measure")]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use partnercast::{
    channel::smtp::{Connection, Dialer, Mail, Relay, RelayTls},
    domain::{
        delivery::{Classes, Outcome, backoff::OnUncertain},
        kernel::{
            EmailAddress, Slug,
            clock::{HOUR_MS, ManualClock, UtcMs},
            random::OsRandom,
            token::Keys,
        },
        partner::{BrandProfile, Contact, Partner, PartnerType, Region, Roles, Tier},
        social::{linkedin::Version, spend::Terms},
    },
    render::{
        Templates,
        email::dkim::{DkimKey, Signer, SigningKey},
    },
    store::{Db, deliveries, issues, partners},
    work::{
        Context,
        context::{Bounces, Settings},
        deliver::{self, Deliverer},
        publish, sync,
    },
};
use support::{
    peers::{Peer, Postgres, family_cpu_s, smtp_sink, smtp_source},
    usage::{Meter, cpu_s, peak_mb},
};

/// 2027-01-11 20:00 UTC, the eve of the issue.
const EVE_MS: UtcMs = 1_799_697_600_000;
/// Half an hour after it is due.
const LEAVES_MS: UtcMs = EVE_MS + 25 * HOUR_MS / 2;
/// Contacts imported in one transaction.
const IMPORT_ROWS: usize = 10_000;
/// Connections the references are tried with.
const REFERENCE_SESSIONS: [u32; 2] = [4, 16];

struct Options {
    recipients: usize,
    databases: Vec<String>,
    connections: usize,
    window: usize,
    is_long: bool,
    is_signed: bool,
}

impl Options {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1).cloned()
        };
        let number = |name: &str, default: usize| {
            value(name)
                .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number")))
        };
        let small = arguments.iter().any(|argument| argument == "--small");
        let databases = match value("--db").as_deref() {
            None | Some("both") => vec!["sqlite".to_owned(), "postgres".to_owned()],
            Some(one @ ("sqlite" | "postgres")) => vec![one.to_owned()],
            Some(other) => panic!("--db takes sqlite, postgres or both, not {other}"),
        };
        Self {
            recipients: number("--recipients", if small { 10_000 } else { 100_000 }),
            databases,
            connections: number("--connections", 8),
            window: number("--window", 128),
            is_long: arguments.iter().any(|argument| argument == "--long"),
            is_signed: arguments.iter().any(|argument| argument == "--dkim"),
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let part = std::env::var("PARTNERCAST_BENCH_PART").unwrap_or_default();
    match part.as_str() {
        "" => whole(&Options::read()),
        "load" => runtime.block_on(load()),
        "send" => runtime.block_on(send()),
        "bare" => runtime.block_on(bare()),
        other => panic!("unknown part {other}"),
    }
}

/// Runs all parts and prints the table.
fn whole(options: &Options) {
    let folder = tempfile::Builder::new().prefix("partnercast-bench.").tempdir().expect("a folder");
    open_to_all(folder.path());
    let sink = smtp_sink();
    write_templates(&folder.path().join("templates"), options.is_long);
    println!(
        "{} recipients, {} connections, window {}",
        options.recipients, options.connections, options.window
    );
    for database in &options.databases {
        one_database(options, database, folder.path(), &sink);
    }
}

/// PostgreSQL runs as another user.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("our own folder");
}

fn one_database(options: &Options, database: &str, folder: &Path, sink: &Peer) {
    let postgres = (database == "postgres").then(|| Postgres::start(folder));
    let url = postgres
        .as_ref()
        .map_or_else(|| format!("sqlite:{}/bench.sqlite", folder.display()), |postgres| postgres.url.clone());
    let env = |part: &str| {
        let mut command = Command::new(std::env::current_exe().expect("ourselves"));
        command
            .env("PARTNERCAST_BENCH_PART", part)
            .env("BENCH_URL", &url)
            .env("BENCH_FOLDER", folder)
            .env("BENCH_SINK_PORT", sink.port.to_string())
            .env("BENCH_RECIPIENTS", options.recipients.to_string())
            .env("BENCH_CONNECTIONS", options.connections.to_string())
            .env("BENCH_WINDOW", options.window.to_string())
            .env("BENCH_SIGNED", options.is_signed.to_string());
        command
    };
    let run = |command: &mut Command| -> serde_json::Value {
        let output = command.stderr(std::process::Stdio::inherit()).output().expect("a part runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "a part failed: {text}");
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a line of JSON")
    };
    let loaded = run(&mut env("load"));
    println!("  {database}: loaded {loaded}");
    let bytes = usize::try_from(loaded["message_bytes"].as_u64().unwrap_or(9_000)).unwrap_or(9_000);
    let messages = u32::try_from(options.recipients.min(50_000)).unwrap_or(50_000);
    let mut reference = (String::new(), 0.0_f64);
    for sessions in REFERENCE_SESSIONS {
        let per_s = smtp_source(sink.port, sessions, messages, bytes);
        println!("  {database}: smtp-source -d, {sessions} sessions: {per_s:.0} msg/s");
        if per_s > reference.1 {
            reference = (format!("smtp-source {sessions}"), per_s);
        }
        let mut command = env("bare");
        command.env("BENCH_SESSIONS", sessions.to_string()).env("BENCH_MESSAGES", messages.to_string());
        let bare = run(&mut command);
        let per_s = bare["per_s"].as_f64().unwrap_or(0.0);
        println!("  {database}: bare client, {sessions} connections: {per_s:.0} msg/s, {bare}");
        if per_s > reference.1 {
            reference = (format!("bare client {sessions}"), per_s);
        }
    }
    let (sink_cpu_s, server_cpu_s) =
        (cpu_s(sink.pid()), postgres.as_ref().map_or(0.0, |postgres| family_cpu_s(postgres.pid)));
    let sent = run(&mut env("send"));
    let per_100k = 100_000.0 / options.recipients as f64;
    let sink_cpu_s = (cpu_s(sink.pid()) - sink_cpu_s) * per_100k;
    let server_cpu_s =
        postgres.as_ref().map_or(0.0, |postgres| family_cpu_s(postgres.pid) - server_cpu_s) * per_100k;
    let per_s = sent["per_s"].as_f64().unwrap_or(0.0);
    println!(
        "  {database}: {per_s:.0} msg/s; CPU-seconds per 100,000: ours {:.1}, database server {server_cpu_s:.1}, sink {sink_cpu_s:.1}; peak {:.0} MB",
        sent["cpu_s_per_100k"].as_f64().unwrap_or(0.0),
        sent["peak_mb"].as_f64().unwrap_or(0.0),
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "send", "db": database, "recipients": options.recipients, "per_s": per_s.round(),
            "reference": reference.0, "reference_per_s": reference.1.round(),
            "ratio": (per_s / reference.1 * 1_000.0).round() / 1_000.0,
            "cpu_s_per_100k": sent["cpu_s_per_100k"], "database_cpu_s_per_100k": server_cpu_s,
            "peak_mb": sent["peak_mb"], "rows_written": sent["rows_written"], "message_bytes": bytes,
            "step_p50_ms": sent["step_p50_ms"], "step_p99_ms": sent["step_p99_ms"], "dkim": options.is_signed,
        })
    );
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by the bench"))
}

fn count(name: &str) -> usize {
    setting(name).parse().unwrap_or_else(|_| panic!("{name} is a number"))
}

fn sink_relay() -> Relay {
    let port = setting("BENCH_SINK_PORT").parse().expect("a port");
    let mut relay = Relay::new("127.0.0.1", port, RelayTls::None);
    relay.connections_max = count("BENCH_CONNECTIONS");
    relay
}

async fn context(now_ms: UtcMs) -> (Arc<Context>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now_ms));
    let templates = PathBuf::from(setting("BENCH_FOLDER")).join("templates");
    let db = Db::open(&setting("BENCH_URL")).await.expect("the database opens");
    let settings = Settings {
        public_url: "https://partners.example.com".to_owned(),
        console_open: false,
        demo: false,
        mailbox: None,
        trusted_proxies: Vec::new(),
        window: count("BENCH_WINDOW"),
        on_uncertain: OnUncertain::Resend,
        classes: Classes::default(),
        warm_up: Vec::new(),
        bounces: Bounces::default(),
        linkedin: Version::default(),
        x: Terms::default(),
    };
    let mut ctx = Context::new(
        db,
        clock.clone(),
        Arc::new(OsRandom),
        Keys::new(&[vec![7; 32]]).expect("a key"),
        Arc::new(Templates::load(Some(&templates)).expect("the templates")),
        settings,
    );
    if setting("BENCH_SIGNED") == "true" {
        let pem = include_bytes!("../tests/keys/rsa-2048.pem");
        let key = SigningKey::from_pem(pem).expect("a key");
        let key = DkimKey::new("partners.brackenfold.example", "bench", None, key).expect("names");
        ctx = ctx.with_signer(Signer::new(vec![key]).expect("a signer"));
    }
    (Arc::new(ctx), clock)
}

/// Imports the readers, freezes and releases the issue, and says what a message looks like.
async fn load() {
    let began = Instant::now();
    let (ctx, clock) = context(EVE_MS).await;
    let content = write_content(&PathBuf::from(setting("BENCH_FOLDER")));
    let synced = sync::sync(&ctx, &content, false).await.expect("the content is stored");
    assert!(synced.changed > 0, "{:?}", synced.findings);
    let partner = partner();
    let recipients = count("BENCH_RECIPIENTS");
    let mut tx = ctx.db.begin().await.expect("a transaction");
    partners::import(&mut tx, EVE_MS, &OsRandom, std::slice::from_ref(&partner), &[])
        .await
        .expect("a partner");
    tx.commit().await.expect("a commit");
    for first in (0..recipients).step_by(IMPORT_ROWS) {
        let people: Vec<Contact> =
            (first..(first + IMPORT_ROWS).min(recipients)).map(|at| contact(&partner, at)).collect();
        let mut tx = ctx.db.begin().await.expect("a transaction");
        partners::import(&mut tx, EVE_MS, &OsRandom, &[], &people).await.expect("people");
        tx.commit().await.expect("a commit");
    }
    let imported_s = began.elapsed().as_secs_f64();
    clock.set(LEAVES_MS);
    publish::tick(&ctx).await.expect("freeze and release");
    let issue = issues::recent(&ctx.db).await.expect("issues").remove(0);
    let counts = deliveries::counts(&ctx.db, &issue.id).await.expect("counts");
    let line = deliveries::of_issue(&ctx.db, &issue.id, 0).await.expect("lines").remove(0);
    let sample = deliver::message(&ctx, &line.id).await.expect("a message");
    std::fs::write(PathBuf::from(setting("BENCH_FOLDER")).join("sample.eml"), &sample).expect("the sample");
    ctx.db.close().await;
    println!(
        "{}",
        serde_json::json!({
            "counts": counts.iter().map(|(state, count)| format!("{state} {count}")).collect::<Vec<_>>(),
            "imported_s": imported_s, "seconds": began.elapsed().as_secs_f64(), "peak_mb": peak_mb().round(),
            "message_bytes": sample.len(),
        })
    );
}

/// The delivery worker on what `load` left.
async fn send() {
    let (ctx, _) = context(LEAVES_MS).await;
    let dialer = Dialer::new(sink_relay()).expect("a relay");
    let mut deliverer = Deliverer::new(ctx.clone(), vec![dialer]);
    let written_before = rows_written(&ctx.db).await;
    let meter = Meter::start();
    let sent = deliverer.drain().await.expect("the queue is sent");
    let (wall_s, cpu_s) = meter.read();
    let issue = issues::recent(&ctx.db).await.expect("issues").remove(0);
    let counts = deliveries::counts(&ctx.db, &issue.id).await.expect("counts");
    assert_eq!(counts.len(), 1, "all in one state: {counts:?}");
    let written = rows_written(&ctx.db).await - written_before;
    println!(
        "{}",
        serde_json::json!({
            "per_s": sent as f64 / wall_s, "wall_s": wall_s, "cpu_s_per_100k": cpu_s * 100_000.0 / sent as f64,
            "peak_mb": peak_mb().round(), "rows_written": written, "sent": sent, "steps": deliverer.steps().count(),
            "step_p50_ms": deliverer.steps().percentile_ms(50), "step_p99_ms": deliverer.steps().percentile_ms(99),
        })
    );
}

/// Rows inserted, updated and deleted so far, as the database itself counts them.
async fn rows_written(db: &Db) -> i64 {
    const POSTGRES: &str =
        "SELECT CAST(COALESCE(SUM(n_tup_ins + n_tup_upd + n_tup_del), 0) AS BIGINT) FROM pg_stat_user_tables";
    match db {
        // The one writer's connection counts its own.
        Db::Sqlite { write, .. } => {
            sqlx::query_scalar("SELECT total_changes()").fetch_one(write).await.expect("SQLite counts")
        }
        Db::Postgres(pool) => {
            let mut last = -1;
            loop {
                let count = sqlx::query_scalar(POSTGRES).fetch_one(pool).await.expect("PostgreSQL counts");
                if count == last {
                    return count;
                }
                last = count;
                // Its processes tell their counts when they have been idle for a while, at most ten seconds.
                tokio::time::sleep(Duration::from_secs(11)).await;
            }
        }
    }
}

/// Our SMTP client alone: the same bytes over and over.
async fn bare() {
    let bytes = std::fs::read(PathBuf::from(setting("BENCH_FOLDER")).join("sample.eml")).expect("the sample");
    let (sessions, messages) = (count("BENCH_SESSIONS"), count("BENCH_MESSAGES"));
    let meter = Meter::start();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..sessions {
        let mail = Mail {
            envelope_from: "bench@example.com".to_owned(),
            envelope_to: "reader@example.com".to_owned(),
            bytes: bytes.clone(),
        };
        let relay = sink_relay();
        running.spawn(async move {
            let mut connection = Connection::open(&relay).await.expect("the sink answers");
            for _ in 0..messages / sessions {
                let outcome = connection.send(&mail).await;
                assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("a connection works");
    }
    let (wall_s, cpu_s) = meter.read();
    let sent = (messages / sessions * sessions) as f64;
    println!("{}", serde_json::json!({ "per_s": sent / wall_s, "cpu_s_per_100k": cpu_s * 100_000.0 / sent }));
}

fn partner() -> Partner {
    let brand: BrandProfile =
        serde_json::from_str(r##"{"primary": "#123456", "accent": "#0a7d4b", "phone": "+1 555 0100"}"##)
            .expect("a brand");
    Partner {
        slug: Slug::parse("northlight").expect("a slug"),
        name: "Northlight MSP".to_owned(),
        partner_type: PartnerType::Msp,
        tier: Tier::Gold,
        region: Region::Americas,
        city: "Minneapolis".to_owned(),
        zone: chrono_tz::Tz::UTC,
        locale: partnercast::domain::kernel::Locale::en(),
        verticals: Vec::new(),
        solutions: Vec::new(),
        countries: Vec::new(),
        leads_max: None,
        parent: None,
        channel_manager_email: "tom.beckett@brackenfold.example".to_owned(),
        website: "https://northlight.example".to_owned(),
        brand,
    }
}

fn contact(partner: &Partner, at: usize) -> Contact {
    Contact {
        partner: partner.slug.clone(),
        name: format!("Reader{at} Number"),
        email: EmailAddress::parse(&format!("reader{at}@site{}.example.com", at % 50)).expect("an address"),
        roles: Roles::parse("sales").expect("a role"),
        locale: None,
        zone: None,
        lead_contact: false,
    }
}

/// The built-in design makes 27 kB of this issue, most of it layout; the short one makes what is compared elsewhere.
fn write_templates(folder: &Path, is_long: bool) {
    std::fs::create_dir_all(folder.join("email")).expect("a folder");
    if !is_long {
        let short = include_str!("support/short.mjml.html");
        std::fs::write(folder.join("email/newsletter.mjml.html"), short).expect("a template");
    }
}

/// A folder with the demo's vendor and one short newsletter with ten tracked links.
fn write_content(folder: &Path) -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let content = folder.join("content");
    for part in ["images", "rules", "newsletters/bench"] {
        std::fs::create_dir_all(content.join(part)).expect("a folder");
    }
    // Rules that name the demo's newsletters and messages mean nothing here.
    let ours_alone = ["frequency.toml", "messages.toml"];
    for part in ["images", "rules"] {
        let files = std::fs::read_dir(ours.join(part)).expect("our content").flatten();
        for file in files.filter(|file| !ours_alone.iter().any(|name| file.file_name() == *name)) {
            std::fs::copy(file.path(), content.join(part).join(file.file_name())).expect("a copy");
        }
    }
    std::fs::copy(ours.join("vendor.toml"), content.join("vendor.toml")).expect("a copy");
    std::fs::write(
        content.join("newsletters/bench.md"),
        "---\nkind: newsletter\ntitle: Bench\ncadence: second Tuesday at 09:00\nzone: vendor\naudience:\n  roles: \
         [sales]\nsender: newsletter\nfreeze_minutes: 120\non_time_minutes: 15\napproval: automatic\nwhy: \"You get \
         this because you are a contact at {{ partner.name }}.\"\n---\nOnce a month.\n",
    )
    .expect("a newsletter");
    let links: String = (1..=8)
        .map(|at| format!("- [What number {at} means for your restores](https://example.com/{at})\n"))
        .collect();
    std::fs::write(
        content.join("newsletters/bench/2027-01-12.md"),
        format!(
            "---\nkind: issue\ntitle: Bench\nnewsletter: bench\ndate: 2027-01-12\nsubject: 'Restores for {{{{ \
             contact.first_name | default: \"you\" }}}}'\npreheader: Ten links\ntheme: Restores\n---\nHello {{{{ \
             contact.first_name | default: \"there\" }}}},\n\nEverything in January makes one point.\n\n{links}\nBest \
             wishes, {{{{ contact.name | default: \"reader\" }}}}.\n"
        ),
    )
    .expect("an issue");
    content
}
