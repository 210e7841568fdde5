//! Planning the dates ahead of a large roster, as `partnercast plan` does:
//!
//!     cargo bench --bench plan -- [--small] [--contacts N] [--db sqlite|postgres|both]
//!
//! The contacts are spread over 40 partners in 40 zones, five roles and two languages. Measured are the next date, which is
//! written (everybody is decided on, every variant is rendered), and the next twelve, of which three are. The reference, in
//! the same run, only reads the same contacts page by page. The best of three runs of each counts. Memory is that of
//! planning: the least and the most this process held between the runs. The last line is one JSON object a database.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

mod support;

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Instant};

use partnercast::{
    domain::{
        delivery::{Classes, backoff::OnUncertain},
        kernel::{
            EmailAddress, Locale, Slug,
            clock::{ManualClock, UtcMs},
            random::OsRandom,
            token::Keys,
        },
        partner::{BrandProfile, Contact, Partner, PartnerType, Region, Roles, Tier},
        social::{linkedin::Version, spend::Terms},
    },
    render::Templates,
    store::{Db, partners},
    work::{
        Context,
        context::{Bounces, Settings},
        plan, sync,
    },
};
use serde_json::json;
use support::{
    peers::Postgres,
    usage::{Meter, peak_mb, resident_mb},
};

/// 2027-01-01 12:00 UTC: the January issue is eleven days ahead.
const NOW_MS: UtcMs = 1_798_804_800_000;
/// Contacts imported in one transaction.
const IMPORT_ROWS: usize = 10_000;
/// Runs of each part, of which the best counts.
const RUNS: usize = 3;
/// Where the partners are.
const ZONES: [&str; 40] = [
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Phoenix",
    "America/Chicago",
    "America/Mexico_City",
    "America/New_York",
    "America/Bogota",
    "America/Halifax",
    "America/Santiago",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Argentina/Buenos_Aires",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Berlin",
    "Europe/Oslo",
    "Africa/Lagos",
    "Africa/Cairo",
    "Europe/Helsinki",
    "Africa/Nairobi",
    "Europe/Istanbul",
    "Asia/Riyadh",
    "Asia/Tehran",
    "Asia/Dubai",
    "Asia/Kabul",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Chatham",
];
const ROLES: [&str; 5] = ["sales", "technical", "marketing", "development", "executive"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let small = arguments.iter().any(|argument| argument == "--small");
    let contacts: usize = value("--contacts").map_or(if small { 20_000 } else { 100_000 }, |text| {
        text.parse().expect("--contacts takes a number")
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
        runtime.block_on(one_database(database, &url, contacts));
    }
}

async fn one_database(database: &str, url: &str, contacts: usize) {
    let ctx = filled(url, contacts).await;
    let before_mb = resident_mb();
    let (mut reading_s, mut next_s, mut twelve_s) = (f64::MAX, f64::MAX, f64::MAX);
    let (mut readers, mut variants, mut dates) = (0, 0, 0);
    for _ in 0..RUNS {
        let began = Instant::now();
        let (mut after, mut seen) = (String::new(), 0);
        loop {
            let page = partners::contacts(&ctx.db, &after).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = last.id.to_string();
            seen += page.len();
        }
        reading_s = reading_s.min(began.elapsed().as_secs_f64());
        assert_eq!(seen, contacts);
    }
    let meter = Meter::start();
    for _ in 0..RUNS {
        let began = Instant::now();
        let planned = plan::ahead(&ctx, Some("fold-forward"), 1).await.expect("a plan");
        next_s = next_s.min(began.elapsed().as_secs_f64());
        (readers, variants) = (planned[0].readers, planned[0].variants.len());
        assert!(planned[0].faults.is_empty(), "{:?}", planned[0].faults);
    }
    let (_, cpu_s) = meter.read();
    for _ in 0..RUNS {
        let began = Instant::now();
        dates = plan::ahead(&ctx, Some("fold-forward"), 12).await.expect("a plan").len();
        twelve_s = twelve_s.min(began.elapsed().as_secs_f64());
    }
    let round = |s: f64| (s * 1_000.0).round() / 1_000.0;
    println!(
        "{database}: {contacts} contacts in {} zones: next date {next_s:.3} s ({readers} readers, {variants} variants), {dates} dates \
         {twelve_s:.3} s; reading alone {reading_s:.3} s; memory {before_mb:.0} to {:.0} MB",
        ZONES.len(),
        peak_mb()
    );
    println!(
        "{}",
        json!({
            "bench": "plan", "db": database, "contacts": contacts, "zones": ZONES.len(), "variants": variants,
            "s": round(next_s), "twelve_dates_s": round(twelve_s),
            "per_s": (contacts as f64 / next_s).round(),
            "reference": "reading the contacts alone", "ratio": round(reading_s / next_s),
            "cpu_s_per_run": round(cpu_s / RUNS as f64),
            "before_mb": before_mb.round(), "peak_mb": peak_mb().round(),
        })
    );
    ctx.db.close().await;
}

/// A context over a database with the demo's content and so many contacts.
async fn filled(url: &str, contacts: usize) -> Arc<Context> {
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
    let all: Vec<Partner> = ZONES.iter().enumerate().map(|(at, zone)| partner(at, zone)).collect();
    let mut tx = ctx.db.begin().await.expect("a transaction");
    partners::import(&mut tx, NOW_MS, &OsRandom, &all, &[]).await.expect("partners");
    tx.commit().await.expect("a commit");
    for first in (0..contacts).step_by(IMPORT_ROWS) {
        let people: Vec<Contact> = (first..(first + IMPORT_ROWS).min(contacts))
            .map(|at| contact(&all[at % all.len()], at))
            .collect();
        let mut tx = ctx.db.begin().await.expect("a transaction");
        partners::import(&mut tx, NOW_MS, &OsRandom, &[], &people).await.expect("people");
        tx.commit().await.expect("a commit");
    }
    Arc::new(ctx)
}

fn partner(at: usize, zone: &str) -> Partner {
    let word = |at: usize, words: usize| at % words;
    Partner {
        slug: Slug::parse(&format!("partner-{at}")).expect("a slug"),
        name: format!("Partner {at}"),
        partner_type: PartnerType::WORDS[word(at, PartnerType::WORDS.len())].1,
        tier: Tier::WORDS[word(at, Tier::WORDS.len())].1,
        region: Region::WORDS[word(at, Region::WORDS.len())].1,
        city: "Somewhere".to_owned(),
        zone: zone.parse().expect("a zone"),
        locale: Locale::parse(if at.is_multiple_of(4) { "de" } else { "en" }).expect("a locale"),
        verticals: Vec::new(),
        solutions: Vec::new(),
        countries: Vec::new(),
        leads_max: None,
        parent: None,
        channel_manager_email: "tom.beckett@brackenfold.example".to_owned(),
        website: "https://partner.example".to_owned(),
        brand: brand(),
    }
}

fn brand() -> BrandProfile {
    let text = "{\"primary\":\"#1a2f6b\",\"accent\":\"#0f766e\",\"value_proposition\":\"We restore.\",\"proof\":\"412 restores.\"}";
    serde_json::from_str(text).expect("a brand")
}

fn contact(partner: &Partner, at: usize) -> Contact {
    Contact {
        partner: partner.slug.clone(),
        name: format!("Reader {at}"),
        email: EmailAddress::parse(&format!("reader{at}@{}.example", partner.slug)).expect("an address"),
        roles: Roles::parse(ROLES[at / ZONES.len() % ROLES.len()]).expect("a role"),
        locale: None,
        zone: None,
        lead_contact: false,
    }
}
