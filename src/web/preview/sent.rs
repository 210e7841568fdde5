//! "Send me this".

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
};
use serde::Serialize;

use super::{Asked, eyes};
use crate::{
    domain::kernel::{EmailAddress, Error},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
    },
    work::{Context, preview::Preview},
};

/// What became of it.
#[derive(Debug, Serialize)]
pub struct View {
    /// To whom.
    pub to: String,
    /// The relay's reply.
    pub reply: String,
    /// Back to what was shown.
    pub back: String,
}

/// `POST /send/{reference}`
pub async fn send(
    State(ctx): State<Arc<Context>>,
    Extension(preview): Extension<Arc<Preview>>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
    Body(form): Body<Asked>,
) -> Answer {
    let to = EmailAddress::parse(form.to.trim())?;
    let library = ctx.library();
    let asset = library.versions(&reference).first();
    let asset = asset.ok_or_else(|| Error::not_found(&reference))?;
    let eyes = eyes(&preview, asset, asked.panes()[0]).await?;
    let reply = preview.send(&reference, &eyes, &to).await?;
    let back = format!("/assets/{reference}{}", asked.query());
    let view = View { to: to.to_string(), reply, back };
    respond::page(&ctx, "preview/sent", &Frame::new(&ctx, Area::Preview, "Sent", "/"), &view)
}

#[cfg(test)]
impl View {
    /// Taken by the relay.
    pub fn sample() -> Self {
        Self { to: "me@brackenfold.example".into(), reply: "250 2.0.0 ok".into(), back: "/".into() }
    }
}
