//! `/metrics` on a listener of its own, and counting requests on the main one.
//!
//! A listener of its own cannot be published by mistake with a proxy's rule for everything else, and needs no sign-in:
//! who may reach its address is decided where addresses are.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::work::{Context, metrics};

/// The router of `server.metrics_listen`.
pub fn router(ctx: Arc<Context>) -> Router {
    Router::new().route("/metrics", get(page)).with_state(ctx)
}

async fn page(State(ctx): State<Arc<Context>>) -> Response {
    match metrics::scrape(&ctx).await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(error = error.detail(), "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts every answer by class of route and status.
pub async fn count(State(ctx): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let route = class(request.uri().path());
    let began = Instant::now();
    let response = next.run(request).await;
    ctx.metrics.request(route, status(response.status()), began.elapsed());
    response
}

/// What an address is for. Few words, because each is a series; never a part of the address itself.
fn class(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "c" => "click",
        "v" => "in_browser",
        "u" | "one-click" => "preferences",
        "p" => "partner_page",
        "r" => "thanks",
        "o" | "desk" => "desk",
        "console" => "console",
        "static" | "media" => "file",
        "healthz" | "readyz" => "health",
        "" | "inbox" | "story.json" => "demo",
        _ => "other",
    }
}

/// The status as a word that lives for ever; those we never answer with are counted by their class.
fn status(status: StatusCode) -> &'static str {
    const KNOWN: [(u16, &str); 19] = [
        (200, "200"),
        (204, "204"),
        (206, "206"),
        (302, "302"),
        (303, "303"),
        (304, "304"),
        (307, "307"),
        (400, "400"),
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (405, "405"),
        (408, "408"),
        (409, "409"),
        (413, "413"),
        (415, "415"),
        (422, "422"),
        (500, "500"),
        (503, "503"),
    ];
    let number = status.as_u16();
    let known = KNOWN.iter().find(|(known, _)| *known == number).map(|(_, word)| *word);
    known.unwrap_or(match number / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_ours_whatever_is_asked() {
        assert_eq!(class("/p/northlight/whitepapers/x"), "partner_page");
        assert_eq!(class("/c/TOKEN/3"), "click");
        assert_eq!(class("/console/issues/iss_1"), "console");
        for odd in ["/secret@address.example", "//x", "/%00", "*"] {
            assert!(["other", "demo"].contains(&class(odd)), "{odd}");
        }
        assert_eq!(status(StatusCode::SEE_OTHER), "303");
        assert_eq!(status(StatusCode::IM_A_TEAPOT), "4xx");
    }
}
