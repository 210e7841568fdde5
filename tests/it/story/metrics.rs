//! What meters are told, read strictly.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::clock::{DAY_MS, HOUR_MS},
    },
    store::Db,
    web,
    work::publish,
};
use tower::ServiceExt as _;

use super::{
    Rig,
    exposition::{Family, read},
    processes::with_sqlite,
    rig::EVE_MS,
};
use crate::harness::{
    both_dbs,
    databases::{fail_commits, mend_commits, with_empty_postgres},
};

type Families = std::collections::BTreeMap<String, Family>;

async fn scraped(rig: &Rig) -> Families {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = web::metrics::router(rig.ctx.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    read(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// The value of a sample by its name and labels.
fn value(families: &Families, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = families.values().flat_map(|family| &family.samples);
    let fits = |sample: &&super::exposition::Sample| {
        sample.name == format!("partnercast_{name}")
            && sample.labels.len() == labels.len()
            && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
    };
    samples.into_iter().find(fits).map(|sample| sample.value)
}

async fn ask(rig: &Rig, path: &str) {
    let peer = axum::extract::ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
    let request = Request::get(path).header("host", "127.0.0.1").extension(peer).body(Body::empty()).unwrap();
    web::router(rig.ctx.clone()).oneshot(request).await.unwrap();
}

/// What a transaction recorded that was not committed is counted once: when it is.
async fn only_what_is_committed_is_counted(url: String) {
    let rig = Rig::new(Db::open(&url).await.unwrap()).await;
    rig.release_by(EVE_MS + DAY_MS).await;
    fail_commits(&url).await;
    let mut worker = rig.deliverer();
    worker.drain().await.unwrap_err();
    let accepted = |families: &Families| {
        let labels = [("state", "accepted"), ("class", "accepted")];
        let of = |name: &str, labels: &[(&str, &str)]| value(families, name, labels);
        (
            of("deliveries_total", &labels),
            of("delivery_late_seconds_count", &[]),
            of("deliveries_fenced_total", &[]),
        )
    };
    assert!(rig.mailbox.count().await.unwrap() > 0, "some have left");
    assert_eq!(accepted(&scraped(&rig).await), (None, Some(0.0), Some(0.0)));
    worker.drain().await.unwrap_err();
    mend_commits(&url).await;
    worker.drain().await.unwrap();
    assert_eq!(accepted(&scraped(&rig).await), (Some(33.0), Some(33.0), Some(0.0)));
    assert_eq!(rig.mailbox.count().await.unwrap(), 33, "each once");
    rig.ctx.db.close().await;
}

#[test]
fn only_what_is_committed_is_counted_on_sqlite() {
    with_sqlite(only_what_is_committed_is_counted);
}

#[test]
fn only_what_is_committed_is_counted_on_postgres() {
    with_empty_postgres(only_what_is_committed_is_counted);
}

both_dbs! {
    /// Everything that is counted comes out in the form, under bounded labels, with the values that went in.
    async fn everything_counted_comes_out(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.set(EVE_MS + HOUR_MS / 2);
        publish::tick(&rig.ctx).await.unwrap();
        for path in ["/healthz", "/console", "/p/northlight", "/c/forged/0", "/no/such@address.example"] {
            ask(&rig, path).await;
        }
        let metrics = &rig.ctx.metrics;
        metrics.step(Duration::from_millis(30), 9, 8);
        metrics.settled(DeliveryState::Accepted, "accepted");
        metrics.settled(DeliveryState::Ready, "soft");
        metrics.settled(DeliveryState::Failed, "dana@northlight.example");
        metrics.accepted(90_000);
        metrics.accepted(-5);
        metrics.fenced(2);
        metrics.taken_over(3);
        metrics.relay("one.example", false, 3);
        let families = scraped(&rig).await;
        let of = |name: &str, labels: &[(&str, &str)]| value(&families, name, labels);
        assert_eq!(of("deliveries_started_total", &[]), Some(9.0));
        assert_eq!(of("deliveries_total", &[("state", "accepted"), ("class", "accepted")]), Some(1.0));
        assert_eq!(of("deliveries_total", &[("state", "failed"), ("class", "other")]), Some(1.0), "labels are ours");
        assert_eq!(of("deliveries_in_flight", &[]), Some(8.0));
        assert_eq!(of("delivery_late_seconds_count", &[]), Some(2.0));
        assert_eq!(of("delivery_step_seconds_sum", &[]), Some(0.03));
        assert_eq!((of("deliveries_fenced_total", &[]), of("deliveries_taken_over_total", &[])), (Some(2.0), Some(3.0)));
        assert_eq!(of("relay_up", &[("relay", "one.example")]), Some(0.0));
        assert_eq!(of("relay_slots", &[("relay", "one.example")]), Some(3.0));
        assert_eq!(of("queue_depth", &[("lane", "issue"), ("due", "later")]), Some(33.0));
        assert_eq!(of("queue_depth", &[("lane", "urgent"), ("due", "now")]), Some(0.0));
        assert_eq!(of("queue_oldest_age_seconds", &[("lane", "issue")]), Some(0.0), "nothing is due");
        assert_eq!(of("schedule_lag_seconds", &[]), Some(0.0));
        assert_eq!(of("promise_kept_ratio", &[]), None, "nothing was due yet");
        assert_eq!(of("missed_occurrences_total", &[]), Some(0.0));
        assert_eq!(of("http_requests_total", &[("route", "health"), ("status", "200")]), Some(1.0));
        assert_eq!(of("http_requests_total", &[("route", "click"), ("status", "404")]), Some(1.0));
        assert_eq!(of("http_requests_total", &[("route", "other"), ("status", "404")]), Some(1.0));
        assert_eq!(of("http_request_seconds_count", &[("route", "console")]), Some(1.0));
        assert_eq!(of("database_up", &[]), Some(1.0));
        // Which of them is idle at this moment is the pool's affair.
        let connections = ["idle", "busy"].map(|state| of("database_connections", &[("state", state)]).unwrap());
        assert!(connections[0] + connections[1] >= 1.0, "{connections:?}");
        assert!(of("build_info", &[("version", env!("CARGO_PKG_VERSION")), ("database", rig.ctx.db.dialect())]).is_some());
        assert_eq!(families["process_start_time_seconds"].samples[0].value, EVE_MS as f64 / 1_000.0);
        for sample in families.values().flat_map(|family| &family.samples) {
            for word in sample.labels.values() {
                assert!(!word.contains('@') && !word.contains("northlight"), "{sample:?}");
            }
        }
    }

    /// Kept promises are a share, missed ones are counted, and a database that is gone is a figure, not a failure.
    async fn promises_and_a_lost_database_are_figures(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let kept = scraped(&rig).await;
        let ratio = value(&kept, "promise_kept_ratio", &[]).unwrap();
        assert!((0.0..1.0).contains(&ratio), "all were sent at once, a day later: {ratio}");
        rig.clock.set(EVE_MS + 33 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let zones = partnercast::store::partners::zones(&rig.ctx.db).await.unwrap().len();
        rig.ctx.db.close().await;
        let lost = scraped(&rig).await;
        assert_eq!(value(&lost, "missed_occurrences_total", &[]), Some(zones as f64));
        // What was asked a moment ago may still be shown; the connections are counted anew.
        assert_eq!(value(&lost, "database_connections", &[("state", "idle")]), Some(0.0));
    }
}
