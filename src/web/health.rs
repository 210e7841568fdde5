//! Whether this process is alive, and whether it should be sent requests.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::work::Context;

/// Turned off when the process is asked to stop, so that load balancers send nobody any more.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on `/readyz` says no.
    pub fn stopping(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `GET /healthz`: the database answers.
pub async fn alive(State(ctx): State<Arc<Context>>) -> Response {
    let database = ctx.db.ping().await.is_ok();
    answer(database, &json!({"database": database}))
}

/// `GET /readyz`: the database answers, content is loaded, and nobody asked us to stop.
pub async fn ready(State(ctx): State<Arc<Context>>, Extension(readiness): Extension<Readiness>) -> Response {
    let database = ctx.db.ping().await.is_ok();
    let content = ctx.library().vendor.is_some();
    let stopping = readiness.0.load(Ordering::Relaxed);
    answer(
        database && content && !stopping,
        &json!({"database": database, "content": content, "stopping": stopping}),
    )
}

fn answer(well: bool, detail: &serde_json::Value) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ok": well, "checks": detail}))).into_response()
}
