//! A webinar's recording: on the way to it, that somebody went there is noted.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
};

use super::{Setting, Wanted, asset::admit, withdrawn};
use crate::{
    domain::content::Detail,
    web::{
        error::Problem,
        respond::{self, Answer},
        visitor::Asking,
    },
    work::{Context, track},
};

/// `GET /p/{partner}/{folder}/{slug}/recording`: to where the content says that it is, once the webinar has begun. The address
/// holds no target.
pub async fn watch(
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
    let via = wanted.delivery(&ctx);
    admit(&ctx, &setting, &reference, &wanted).await?;
    let Detail::Webinar(webinar) = &setting.asset(&reference)?.detail else { return Err(Problem::no_page()) };
    let has_begun = webinar.begins().is_some_and(|begins| begins.timestamp_millis() <= ctx.now_ms());
    let Some(target) = webinar.recording.as_ref().filter(|_| has_begun) else {
        return Err(Problem::no_page());
    };
    let went = track::replay_of(&ctx, setting.partner.slug.as_str(), &reference, via, &visitor).await?;
    went.settled(&ctx).await;
    Ok(respond::redirect(StatusCode::FOUND, target))
}
