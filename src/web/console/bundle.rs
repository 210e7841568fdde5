//! What a partner gets to use, as an archive.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::{
    domain::kernel::Locale,
    web::respond::{self, Answer},
    work::{Context, bundle},
};

/// In which language; the partner's own without.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    lang: Option<String>,
}

/// `GET /console/bundles/{partner}/{folder}/{slug}`: the archive of an asset or a kit in a partner's brand.
pub async fn download(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let locale = wanted.lang.as_deref().map(Locale::parse).transpose()?;
    let bundle = bundle::bundle(&ctx, &partner, &format!("{folder}/{slug}"), locale.as_ref()).await?;
    Ok(respond::attachment("application/zip", &bundle.name, bundle.bytes))
}
