//! Layer web, being merged.
use std::sync::Arc;
/// Router.
pub fn router(_ctx: Arc<crate::work::Context>) -> axum::Router {
    axum::Router::new()
}
