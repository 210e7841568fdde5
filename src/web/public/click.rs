//! Tracked links, and mails in the browser.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse},
};

use super::{Setting, withdrawn};
use crate::{
    domain::{
        kernel::{Error, Result, token::Purpose},
        partner::contact::first_name,
    },
    render::{SlotValues, email::EmailRendition},
    store::{deliveries, renditions},
    web::{
        headers::sandboxed,
        respond::{self, Answer},
        visitor::Asking,
    },
    work::{Context, link_book::HIDDEN, tokens::MailToken, track},
};

/// `GET /c/{token}/{no}`: to the stored target at once, without body or cookie. The address holds no target.
pub async fn follow(
    State(ctx): State<Arc<Context>>,
    Path((token, no)): Path<(String, i64)>,
    Asking(visitor): Asking,
) -> Answer {
    let target = track::click(&ctx, &token, no, &visitor).await?;
    if target == HIDDEN {
        return nothing(&ctx, &token).await;
    }
    Ok(respond::redirect(StatusCode::FOUND, &target))
}

/// The hidden link leads to a page of the partner's that says nothing, so that whoever follows it learns nothing.
async fn nothing(ctx: &Context, token: &str) -> Answer {
    let mail = MailToken::verify(&ctx.keys, Purpose::Click, token)?;
    let gone = || Error::not_found("this page");
    let sent = deliveries::sent(&ctx.db, mail.delivery).await?.ok_or_else(gone)?;
    let setting = Setting::of(ctx, &sent.partner_slug, None).await?;
    withdrawn::nothing(ctx, &setting)
}

/// `GET /v/{token}`: the mail as its reader got it, sandboxed.
pub async fn in_browser(State(ctx): State<Arc<Context>>, Path(token): Path<String>) -> Answer {
    let mail = MailToken::verify(&ctx.keys, Purpose::Click, &token)?;
    let gone = || Error::not_found("this mail");
    let sent = deliveries::sent(&ctx.db, mail.delivery).await?.ok_or_else(gone)?;
    let preferences = mail.sign(&ctx.keys, Purpose::Preferences);
    let html = filled(&ctx, &sent.rendition_id, &sent.recipient_name, &token, &preferences).await?;
    Ok(sandboxed(Html(html).into_response()))
}

/// The HTML of a rendition with its slots filled.
///
/// # Errors
/// `NotFound`.
pub async fn filled(
    ctx: &Context,
    rendition_id: &str,
    full_name: &str,
    click_token: &str,
    preferences_token: &str,
) -> Result<String> {
    let view = renditions::view(&ctx.db, rendition_id).await?;
    // Nothing is left of a mail to somebody who was erased.
    let view = view.filter(|view| !view.body.is_empty()).ok_or_else(|| Error::not_found("this mail"))?;
    let rendition: EmailRendition = serde_json::from_str(&view.body)
        .map_err(|error| Error::internal("a stored rendition").because(error))?;
    let values = SlotValues {
        first_name: first_name(full_name),
        full_name,
        base_url: &ctx.settings.public_url,
        click_token,
        preferences_token,
        // Single mails, which alone have it, are not shown in the browser.
        via_token: "",
    };
    let (_, html, _) = rendition.filled(&values);
    Ok(html)
}
