//! A document that stands behind no form: a datasheet, a paper with an open gate.

use std::sync::Arc;

use axum::extract::{Path, Query, State};

use super::{Setting, Wanted, asset};
use crate::{
    domain::engagement::EventKind,
    web::{
        error::Problem,
        respond::{self, Answer},
        visitor::Asking,
    },
    work::{Context, documents},
};

/// `GET /p/{partner}/{folder}/{slug}/document.pdf`: for whom the page is, and no one else.
pub async fn download(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    if !documents::is_open(setting.asset(&reference)?) {
        return Err(Problem::no_page());
    }
    let via = wanted.delivery(&ctx);
    asset::admit(&ctx, &setting, &reference, via).await?;
    let pdf = documents::for_customers(&ctx, &partner, &reference, &setting.locale).await?;
    asset::record(&ctx, &setting, &reference, (EventKind::Download, via), &visitor);
    let name = documents::file_name(&reference, &partner);
    Ok(respond::attachment("application/pdf", &name, pdf.to_vec()))
}
