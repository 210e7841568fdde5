//! What meters count, in the OpenMetrics text form that Prometheus scrapes (openmetrics.io, version 1.0.0).
//!
//! Each figure has one typed function, called where it happens. What the database knows better than this process
//! (queue, promises) is read when somebody scrapes, at most once in a few seconds. Labels are words of ours: no
//! partner, no person, no address.
//!
//! The delivery worker calls [`Metrics::step`] after each of its transactions, [`Metrics::settled`] for every result it
//! records, [`Metrics::fenced`] and [`Metrics::taken_over`] where rows changed hands.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use super::{
    context::Context,
    fresh::{Fresh, MOMENT},
};
use crate::{
    domain::{
        delivery::{DeliveryState, outlook::CLASSES},
        kernel::{Error, Result, clock::UtcMs},
    },
    store::{
        outbox::{LANE_ISSUE, LANE_RESTING, LANE_SEQUENCE, LANE_URGENT},
        progress::{self, Lane},
    },
};

/// Issues whose promises make the kept-ratio.
const KEPT_ISSUES: usize = 12;
/// The form of what [`scrape`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Real = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Makes histograms with our buckets, in seconds.
#[derive(Clone, Copy)]
struct Seconds(&'static [f64]);

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// From a statement to a tarpit.
const STEP_S: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From a cached page to the time limit.
const REQUEST_S: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// From on the dot to a day late.
const LATE_S: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 6.0 * 3600.0, 24.0 * 3600.0];

/// The meters of one process.
pub struct Metrics {
    registry: Registry,
    started: Counter,
    deliveries: Family<Labels<2>, Counter>,
    in_flight: Gauge,
    late: Histogram,
    step: Histogram,
    fenced: Counter,
    taken_over: Counter,
    relay_up: Family<Vec<(&'static str, String)>, Gauge>,
    relay_slots: Family<Vec<(&'static str, String)>, Gauge>,
    queue: Family<Labels<2>, Gauge>,
    oldest: Family<Labels<1>, Real>,
    schedule_lag: Real,
    kept: Family<Labels<0>, Real>,
    missed: Counter,
    faults: Gauge,
    events: Family<Labels<2>, Counter>,
    events_waiting: Gauge,
    requests: Family<Labels<2>, Counter>,
    request: Family<Labels<1>, Histogram, Seconds>,
    pool: Family<Labels<1>, Gauge>,
    database_up: Gauge,
    asked: Fresh<Asked>,
}

/// What the database was asked for a scrape.
struct Asked {
    lanes: Vec<Lane>,
    first_unreleased_ms: Option<UtcMs>,
    kept: Option<f64>,
}

impl Metrics {
    /// All at zero, for a process on the database `dialect` that started at `machine_ms`.
    pub fn new(dialect: &'static str, machine_ms: UtcMs) -> Self {
        let metrics = Self {
            registry: Registry::default(),
            started: Counter::default(),
            deliveries: Family::default(),
            in_flight: Gauge::default(),
            late: Seconds(LATE_S).new_metric(),
            step: Seconds(STEP_S).new_metric(),
            fenced: Counter::default(),
            taken_over: Counter::default(),
            relay_up: Family::default(),
            relay_slots: Family::default(),
            queue: Family::default(),
            oldest: Family::default(),
            schedule_lag: Real::default(),
            kept: Family::default(),
            missed: Counter::default(),
            faults: Gauge::default(),
            events: Family::default(),
            events_waiting: Gauge::default(),
            requests: Family::default(),
            request: Family::new_with_constructor(Seconds(REQUEST_S)),
            pool: Family::default(),
            database_up: Gauge::default(),
            asked: Fresh::default(),
        };
        metrics.register(dialect, machine_ms)
    }

    fn register(mut self, dialect: &'static str, machine_ms: UtcMs) -> Self {
        let start = Real::default();
        start.set(seconds(machine_ms));
        let mut registry = Registry::default();
        registry.register_with_unit(
            "process_start_time",
            "When this process started, since 1970",
            Unit::Seconds,
            start,
        );
        let ours = registry.sub_registry_with_prefix("partnercast");
        let build = Family::<Labels<2>, Gauge>::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION")), ("database", dialect)]).set(1);
        ours.register("build_info", "Version of the program, and the database it works on", build);
        self.register_delivery(ours);
        ours.register_with_unit(
            "schedule_lag",
            "For how long the first promised hour of an issue that is frozen and not released has passed",
            Unit::Seconds,
            self.schedule_lag.clone(),
        );
        ours.register(
            "promise_kept_ratio",
            "Share of mails due in the last 12 issues that were accepted within the time allowed; absent before any is due",
            self.kept.clone(),
        );
        ours.register(
            "missed_occurrences",
            "Promised hours that had passed when their issue came to be frozen, so that a person was asked instead",
            self.missed.clone(),
        );
        ours.register("publishing_faults", "What keeps issues from being frozen", self.faults.clone());
        ours.register(
            "events",
            "Clicks, page views and downloads stored, by kind and by whom",
            self.events.clone(),
        );
        ours.register("events_waiting", "Events not yet stored", self.events_waiting.clone());
        ours.register(
            "http_requests",
            "Requests answered, by class of route and status",
            self.requests.clone(),
        );
        ours.register_with_unit(
            "http_request",
            "Time to answer, by class of route",
            Unit::Seconds,
            self.request.clone(),
        );
        ours.register(
            "database_connections",
            "Connections to the database, by what they do",
            self.pool.clone(),
        );
        ours.register("database_up", "Whether the database answered this scrape", self.database_up.clone());
        self.registry = registry;
        self
    }

    fn register_delivery(&self, ours: &mut Registry) {
        ours.register("deliveries_started", "Deliveries marked as being sent", self.started.clone());
        ours.register(
            "deliveries",
            "Tries recorded, by the state the delivery went to and the class of the try",
            self.deliveries.clone(),
        );
        ours.register(
            "deliveries_in_flight",
            "Messages started and not finished: what a crash would leave uncertain",
            self.in_flight.clone(),
        );
        ours.register_with_unit(
            "delivery_late",
            "Time from the promised hour until the next mail server accepted",
            Unit::Seconds,
            self.late.clone(),
        );
        ours.register_with_unit(
            "delivery_step",
            "Duration of a transaction that records what is finished and starts what comes next",
            Unit::Seconds,
            self.step.clone(),
        );
        ours.register(
            "deliveries_fenced",
            "Results that were not recorded because another node had taken over",
            self.fenced.clone(),
        );
        ours.register(
            "deliveries_taken_over",
            "Deliveries taken over from a process that is gone",
            self.taken_over.clone(),
        );
        ours.register(
            "relay_up",
            "1 while the relay can be talked to, 0 while it is left alone",
            self.relay_up.clone(),
        );
        ours.register(
            "relay_slots",
            "Messages that may be on their way to the relay at once",
            self.relay_slots.clone(),
        );
        ours.register(
            "queue_depth",
            "Deliveries that wait, by lane and whether they are due",
            self.queue.clone(),
        );
        ours.register_with_unit(
            "queue_oldest_age",
            "For how long the oldest due delivery of a lane has waited",
            Unit::Seconds,
            self.oldest.clone(),
        );
    }

    /// The result of a try was recorded: the delivery is `state` now; `class` is the outcome's word.
    pub fn settled(&self, state: DeliveryState, class: &str) {
        let class = CLASSES.into_iter().find(|known| *known == class).unwrap_or("other");
        self.deliveries.get_or_create(&[("state", state.as_str()), ("class", class)]).inc();
    }

    /// A message was accepted this long after its promise; negative is on time.
    pub fn accepted(&self, late_ms: i64) {
        self.late.observe(seconds(late_ms.max(0)));
    }

    /// A transaction of the worker took `took`, started `started` messages and left `open` not finished.
    pub fn step(&self, took: Duration, started: usize, open: usize) {
        self.step.observe(took.as_secs_f64());
        self.started.inc_by(started as u64);
        self.in_flight.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// `count` results came too late to be recorded.
    pub fn fenced(&self, count: u64) {
        self.fenced.inc_by(count);
    }

    /// `count` deliveries were taken over.
    pub fn taken_over(&self, count: u64) {
        self.taken_over.inc_by(count);
    }

    /// How the relay called `name` stands; the operator names at most 16.
    pub fn relay(&self, name: &str, is_up: bool, slots: usize) {
        let label = vec![("relay", name.to_owned())];
        self.relay_up.get_or_create(&label).set(is_up.into());
        self.relay_slots.get_or_create(&label).set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    /// `zones` promised hours of an issue had passed when it came to be frozen.
    pub fn missed_occurrences(&self, zones: usize) {
        self.missed.inc_by(zones as u64);
    }

    /// An event was stored. `kind` is the event kind's word.
    pub fn event(&self, kind: &'static str, human: bool) {
        let by = if human { "person" } else { "machine" };
        self.events.get_or_create(&[("kind", kind), ("by", by)]).inc();
    }

    /// A request was answered; `route` is a class of addresses, `status` the answer's number.
    pub fn request(&self, route: &'static str, status: &'static str, took: Duration) {
        self.requests.get_or_create(&[("route", route), ("status", status)]).inc();
        self.request.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }

    fn take(&self, asked: &Asked, now_ms: UtcMs) {
        let lanes = [
            (LANE_URGENT, "urgent"),
            (LANE_SEQUENCE, "sequence"),
            (LANE_RESTING, "resting"),
            (LANE_ISSUE, "issue"),
        ];
        for (lane, word) in lanes {
            let waits = asked.lanes.iter().find(|waits| waits.lane == lane);
            let (due, later) = waits.map_or((0, 0), |waits| (waits.due, waits.later));
            self.queue.get_or_create(&[("lane", word), ("due", "now")]).set(due);
            self.queue.get_or_create(&[("lane", word), ("due", "later")]).set(later);
            let age_ms = waits.map_or(0, |waits| (now_ms - waits.oldest_due_ms).max(0));
            self.oldest.get_or_create(&[("lane", word)]).set(seconds(age_ms));
        }
        let lag_ms = asked.first_unreleased_ms.map_or(0, |due_ms| (now_ms - due_ms).max(0));
        self.schedule_lag.set(seconds(lag_ms));
        match asked.kept {
            Some(ratio) => _ = self.kept.get_or_create(&[]).set(ratio),
            None => self.kept.clear(),
        }
    }
}

/// Times fit easily.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// Everything counted, in the form of [`CONTENT_TYPE`]. A database that does not answer is a figure too.
///
/// # Errors
/// The text cannot be written, which is our fault.
pub async fn scrape(ctx: &Context) -> Result<String> {
    let metrics = &ctx.metrics;
    let asked: Result<Arc<Asked>> = metrics.asked.get("", 5 * MOMENT, || ask(ctx)).await;
    metrics.database_up.set(asked.is_ok().into());
    match asked {
        Ok(asked) => metrics.take(&asked, ctx.now_ms()),
        Err(error) => tracing::warn!(error = error.detail(), "the database does not answer a scrape"),
    }
    let (open, idle) = ctx.db.connections();
    for (state, count) in [("idle", idle), ("busy", open - idle)] {
        metrics.pool.get_or_create(&[("state", state)]).set(count);
    }
    metrics.faults.set(i64::try_from(ctx.publishing_faults().len()).unwrap_or(i64::MAX));
    metrics.events_waiting.set(i64::try_from(ctx.tracker.backlog()).unwrap_or(i64::MAX));
    let mut text = String::new();
    encode(&mut text, &metrics.registry)
        .map_err(|error| Error::internal("writing metrics").because(error))?;
    Ok(text)
}

async fn ask(ctx: &Context) -> Result<Asked> {
    ctx.db.ping().await?;
    let now_ms = ctx.now_ms();
    let lanes = progress::lanes(&ctx.db, now_ms).await?;
    let first_unreleased_ms = progress::first_unreleased_ms(&ctx.db).await?;
    let (mut on_time, mut due) = (0, 0);
    for issue in crate::store::issues::recent(&ctx.db).await?.iter().take(KEPT_ISSUES) {
        for promise in ctx.figures.promises(ctx, issue).await?.iter() {
            // What is not due yet is neither kept nor broken.
            if promise.due_ms + issue.on_time_ms <= now_ms {
                on_time += promise.on_time;
                due += promise.recipients;
            }
        }
    }
    let kept = (due > 0).then(|| on_time as f64 / due as f64);
    Ok(Asked { lanes, first_unreleased_ms, kept })
}
