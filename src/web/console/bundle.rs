//! What a partner gets to use, as an archive.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::header,
    response::IntoResponse,
};
use serde::Deserialize;

use crate::{
    domain::kernel::{Error, Locale},
    store::partners,
    web::{headers::private, respond::Answer},
    work::{Context, bundle},
};

/// In which language.
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
    let found =
        partners::partner(&ctx.db, &partner).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let locale = wanted.lang.and_then(|lang| Locale::parse(&lang).ok()).unwrap_or(found.locale);
    let bundle = bundle::bundle(&ctx, &partner, &format!("{folder}/{slug}"), &locale).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", bundle.name)),
    ];
    Ok(private((headers, bundle.bytes).into_response()))
}
