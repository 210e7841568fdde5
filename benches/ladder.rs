//! The outcome ladder over many events, as its page and `partnercast ladder` ask for it:
//!
//!     cargo bench --bench ladder -- [--small] [--events N] [--db sqlite|postgres|both]
//!
//! A third of the events are machines'; the others were done by 80,000 people, partners' and customers, of 40 partners, with
//! 60 assets, out of messages of six newsletters, over a year. There is a message for every four events. Measured are the
//! whole ladder, one partner's month, and the ladders apart by partner, asset and newsletter. The best of three runs counts,
//! the reader's cache of the operating system is warm. The reference, in the same run, counts the events and nothing else.
//! The last line is one JSON object a database.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

mod support;

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Instant};

use partnercast::{
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            clock::{DAY_MS, ManualClock, UtcMs},
            random::OsRandom,
            token::Keys,
        },
        social::{linkedin::Version, spend::Terms},
    },
    render::Templates,
    store::{
        Db,
        events::{self, Event},
        sql::Arg,
    },
    work::{
        Context,
        context::{Bounces, Settings},
        ladder::{self, Asked, Group},
        sync,
    },
};
use serde_json::json;
use support::{peers::Postgres, usage::peak_mb};

/// 2027-01-01 12:00 UTC.
const NOW_MS: UtcMs = 1_798_804_800_000;
const YEAR_MS: i64 = 365 * DAY_MS;
/// Rows of one transaction.
const ROWS: usize = 10_000;
/// Runs of each part, of which the best counts.
const RUNS: usize = 3;
const PARTNERS: usize = 40;
const ASSETS: usize = 60;
const PEOPLE: usize = 80_000;
const LETTERS: [&str; 6] = ["fold-forward", "letter-2", "letter-3", "letter-4", "letter-5", "letter-6"];
const BRAND: &str = "{\"primary\":\"#1a2f6b\",\"accent\":\"#0f766e\",\"value_proposition\":\"We restore.\",\"proof\":\"412 restores.\"}";
const KINDS: [&str; 6] = ["click", "page_view", "click", "page_view", "download", "click"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let small = arguments.iter().any(|argument| argument == "--small");
    let events: usize = value("--events").map_or(if small { 100_000 } else { 1_000_000 }, |text| {
        text.parse().expect("--events takes a number")
    });
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
        runtime.block_on(one_database(database, &url, events));
    }
}

async fn one_database(database: &str, url: &str, events: usize) {
    let ctx = filled(url, events).await;
    let mut counting_s = f64::MAX;
    for _ in 0..RUNS {
        let began = Instant::now();
        let sql = "SELECT COUNT(*) FROM engagement_event";
        let counted: Vec<(i64,)> = ctx.db.all(sql, Vec::new()).await.expect("a count");
        counting_s = counting_s.min(began.elapsed().as_secs_f64());
        assert_eq!(usize::try_from(counted[0].0).ok(), Some(events));
    }
    let month = Asked {
        partner: "partner-7".to_owned(),
        from: "2026-06-01".to_owned(),
        to: "2026-06-30".to_owned(),
        ..Asked::default()
    };
    let (mut whole_s, mut month_s, mut apart_s) = (f64::MAX, f64::MAX, [f64::MAX; 3]);
    let mut rungs = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        rungs = ladder::ladder(&ctx, &Asked::default()).await.expect("a ladder");
        whole_s = whole_s.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        let one = ladder::ladder(&ctx, &month).await.expect("a ladder");
        month_s = month_s.min(began.elapsed().as_secs_f64());
        assert!(one[4].count > 0 && one[4].count < rungs[4].count);
        for (at, group) in [Group::Partner, Group::Asset, Group::Newsletter].into_iter().enumerate() {
            let began = Instant::now();
            let lines = ladder::by(&ctx, &Asked::default(), group).await.expect("ladders");
            apart_s[at] = apart_s[at].min(began.elapsed().as_secs_f64());
            assert!(lines.len() >= LETTERS.len());
        }
    }
    let (people, messages) = (rungs[4].count, rungs[6].count);
    let round = |s: f64| (s * 1_000.0).round() / 1_000.0;
    println!(
        "{database}: {events} events of {people} people, {messages} messages: whole ladder {whole_s:.3} s, one partner's month \
         {month_s:.3} s, by partner {:.3} s, by asset {:.3} s, by newsletter {:.3} s; counting alone {counting_s:.3} s",
        apart_s[0], apart_s[1], apart_s[2]
    );
    println!(
        "{}",
        json!({
            "bench": "ladder", "db": database, "events": events, "people": people, "messages": messages,
            "s": round(whole_s), "month_s": round(month_s), "by_partner_s": round(apart_s[0]),
            "by_asset_s": round(apart_s[1]), "by_newsletter_s": round(apart_s[2]),
            "reference": "counting the events alone", "ratio": round(counting_s / whole_s), "peak_mb": peak_mb().round(),
        })
    );
    ctx.db.close().await;
}

/// A context over a database with the demo's content, and a year of events.
async fn filled(url: &str, events: usize) -> Arc<Context> {
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
    let ctx = Context::new(
        Db::open(url).await.expect("the database opens"),
        Arc::new(ManualClock::new(NOW_MS)),
        Arc::new(OsRandom),
        Keys::new(&[vec![7; 32]]).expect("a key"),
        Arc::new(Templates::load(None).expect("the templates")),
        settings,
    );
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let synced = sync::sync(&ctx, &content, false).await.expect("the content is stored");
    assert!(synced.changed > 0, "{:?}", synced.findings);
    partners(&ctx.db).await;
    messages(&ctx.db, events / 4).await;
    leads(&ctx.db).await;
    for first in (0..events).step_by(ROWS) {
        let some: Vec<Event> = (first..(first + ROWS).min(events)).map(|at| event(at, events)).collect();
        let mut tx = ctx.db.begin().await.expect("a transaction");
        events::insert(&mut tx, some).await.expect("events");
        tx.commit().await.expect("a commit");
    }
    if ctx.db.dialect() == "postgres" {
        // What its own cleaning does beside, within minutes.
        analyse(url).await;
    }
    Arc::new(ctx)
}

async fn analyse(url: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.expect("a connection");
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await.expect("it is cleaned");
}

/// The same number for the same place, well mixed.
fn mixed(at: usize) -> usize {
    at.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11
}

/// The person of an act: the first three quarters of each partner's are its own, the rest customers.
fn event(at: usize, events: usize) -> Event {
    let draw = mixed(at);
    let person = draw % PEOPLE;
    let is_lead = person / PARTNERS % 4 == 3;
    let messages = (events / 4).max(1);
    Event {
        id: format!("evt_{at:026}"),
        kind: KINDS[draw / PEOPLE % KINDS.len()].to_owned(),
        at_ms: NOW_MS - YEAR_MS
            + i64::try_from(at).unwrap_or(0) * YEAR_MS / i64::try_from(events).unwrap_or(1),
        delivery_id: Some(format!("dlv_{:026}", mixed(at + 1) % messages)),
        contact_id: (!is_lead).then(|| format!("con_{person:026}")),
        lead_id: is_lead.then(|| format!("led_{person:026}")),
        partner_slug: format!("partner-{}", person % PARTNERS),
        asset: Some(format!("whitepapers/paper-{}", draw / 7 % ASSETS)),
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        link_no: Some(3),
        method: "GET".to_owned(),
        agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)".to_owned(),
        network: "198.51.100.0/24".to_owned(),
        prefetch: false,
        honeypot: false,
        human: !mixed(at + 2).is_multiple_of(3),
        reason: "person".to_owned(),
        verdict: "nothing speaks against a person".to_owned(),
    }
}

async fn run(db: &Db, before: &'static str, rows: Vec<Vec<Arg>>) {
    let mut tx = db.begin().await.expect("a transaction");
    tx.bulk(before, rows, "").await.expect("rows");
    tx.commit().await.expect("a commit");
}

async fn partners(db: &Db) {
    let rows = (0..PARTNERS).map(|at| {
        let mut row: Vec<Arg> = vec![format!("partner-{at}").into(), format!("Partner {at}").into()];
        row.extend(
            ["msp", "gold", "emea", "Oslo", "Europe/Oslo", "en", "", "m@vendor.example", "", BRAND]
                .map(Arg::from),
        );
        row.push(NOW_MS.into());
        row
    });
    let before = "INSERT INTO partner (slug, name, partner_type, tier, region, city, zone, locale, verticals,
         channel_manager_email, website, brand, updated_ms)";
    run(db, before, rows.collect()).await;
}

/// So many accepted messages, of one rendition a newsletter.
async fn messages(db: &Db, messages: usize) {
    let renditions = LETTERS.iter().map(|letter| {
        vec![
            format!("rnd_{letter}").into(),
            "partner-0".into(),
            "sales".into(),
            "en".into(),
            "Hello".into(),
            "news@vendor.example".into(),
            "{}".into(),
            "x".into(),
            NOW_MS.into(),
        ]
    });
    let before =
        "INSERT INTO rendition (id, partner_slug, roles, locale, subject, sender, body, wire, created_ms)";
    run(db, before, renditions.collect()).await;
    let links = LETTERS.iter().flat_map(|letter| {
        (0..8_i64).map(move |no| {
            vec![
                format!("rnd_{letter}").into(),
                no.into(),
                "/p/x".into(),
                "Read".into(),
                format!("whitepapers/paper-{}", usize::try_from(no).unwrap_or(0) * 3 + letter.len()).into(),
            ]
        })
    });
    run(db, "INSERT INTO link (rendition_id, no, target, label, asset)", links.collect()).await;
    for first in (0..messages).step_by(ROWS) {
        let rows = (first..(first + ROWS).min(messages)).map(|at| {
            let letter = LETTERS[at % LETTERS.len()];
            let at_ms = NOW_MS - YEAR_MS
                + i64::try_from(at).unwrap_or(0) * YEAR_MS / i64::try_from(messages).unwrap_or(1);
            let key = format!("reader{at}@partner.example");
            let mut row: Vec<Arg> =
                vec![format!("dlv_{at:026}").into(), format!("iss_{}", at / 5_000).into()];
            row.push(format!("partner-{}", at % PARTNERS).into());
            row.extend([key.as_str(), "Reader", key.as_str(), "email"].map(Arg::from));
            row.extend([1_i64, 10].map(Arg::from));
            row.extend(
                [letter, format!("rnd_{letter}").as_str(), "m@vendor.example", "reads it", "accepted"]
                    .map(Arg::from),
            );
            row.extend([at_ms, at_ms, at_ms, at_ms, at_ms].map(Arg::from));
            row.push(false.into());
            row
        });
        let before = "INSERT INTO delivery (id, source, partner_slug, recipient_key, recipient_name, email, channel, generation,
             lane, scope, rendition_id, message_id, because, state, due_ms, promised_ms, expires_ms, accepted_ms, created_ms,
             live)";
        run(db, before, rows.collect()).await;
    }
}

/// The customers, of whom one in four qualified, and one in sixteen bought.
async fn leads(db: &Db) {
    let people: Vec<usize> = (0..PEOPLE).filter(|person| person / PARTNERS % 4 == 3).collect();
    for some in people.chunks(ROWS) {
        let rows = some.iter().map(|person| {
            let key = format!("customer{person}@customer.example");
            let mut row: Vec<Arg> =
                vec![format!("led_{person:026}").into(), format!("partner-{}", person % PARTNERS).into()];
            row.extend([key.as_str(), key.as_str(), "Customer", "Company", "en", "inquiry"].map(Arg::from));
            row.push(20_i64.into());
            row.extend(["B", "asked"].map(Arg::from));
            row.push(format!("whitepapers/paper-{}", person % ASSETS).into());
            row.push("form".into());
            row.extend([NOW_MS - YEAR_MS, NOW_MS].map(Arg::from));
            row
        });
        let before = "INSERT INTO lead (id, partner_slug, email, email_key, name, company, locale, stage, score, fit, because, asset,
             origin, created_ms, updated_ms)";
        run(db, before, rows.collect()).await;
        let steps = some.iter().flat_map(|person| {
            let reached = match person / PARTNERS / 4 % 16 {
                0 => &["mql", "sal", "sql", "won"][..],
                1..=3 => &["mql"][..],
                _ => &[][..],
            };
            reached.iter().zip(1_i64..).map(move |(stage, no)| {
                let at_ms = NOW_MS - YEAR_MS / 2 + no * DAY_MS;
                let lead = format!("led_{person:026}");
                vec![lead.into(), no.into(), at_ms.into(), "x".into(), (*stage).into(), "went on".into()]
            })
        });
        run(db, "INSERT INTO lead_step (lead_id, no, at_ms, actor, stage, what)", steps.collect()).await;
    }
}
