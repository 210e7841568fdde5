//! A document that stands behind no form: a datasheet, a paper with an open gate.

use std::sync::Arc;

use axum::extract::{Path, Query, State};

use super::{
    Setting, Wanted,
    asset::{admit, record},
    withdrawn,
};
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
    if let Some(instead) = withdrawn::instead(&ctx, &setting, &reference, &wanted).await? {
        return Ok(instead);
    }
    let asset = setting.asset(&reference)?;
    if !documents::is_open(asset, &setting.partner) {
        return Err(Problem::no_page());
    }
    // Languages that there are, and no others: each is made and kept by itself.
    let own = &setting.partner.locale;
    let locale = if setting.locale == *own { own.clone() } else { setting.language(&ctx, asset) };
    admit(&ctx, &setting, &reference, &wanted).await?;
    let made = documents::for_customers(&ctx, &partner, &reference, &locale).await?;
    record(&ctx, &setting, (&reference, Some(&made.revision)), (EventKind::Download, &wanted), &visitor)
        .settled(&ctx)
        .await;
    let name = documents::file_name(&reference, &partner);
    Ok(respond::attachment("application/pdf", &name, made.pdf.to_vec()))
}
