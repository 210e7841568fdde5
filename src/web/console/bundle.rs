//! What a partner gets to use, as an archive or as a PDF alone.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::{
    domain::kernel::{Error, Locale},
    store::partners,
    web::respond::{self, Answer},
    work::{Context, bundle, documents, recall::Replaced},
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

/// `GET /console/documents/{partner}/{folder}/{slug}`: a whitepaper, datasheet or kit as PDF, whatever stands before it
/// on the partner's page.
pub async fn document(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let reference = format!("{folder}/{slug}");
    Replaced::load(&ctx.db).await?.refuse(&reference)?;
    let locale = match wanted.lang.as_deref() {
        Some(lang) => Locale::parse(lang)?,
        None => {
            let found = partners::partner(&ctx.db, &partner).await?;
            found.ok_or_else(|| Error::not_found("this partner"))?.locale
        }
    };
    let pdf = documents::pdf(&ctx, &partner, &reference, &locale).await?.pdf;
    let name = documents::file_name(&reference, &partner);
    Ok(respond::attachment("application/pdf", &name, pdf.to_vec()))
}
