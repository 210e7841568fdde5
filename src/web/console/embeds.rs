//! What a partner pastes into its own site.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use crate::{
    domain::kernel::Error,
    store::partners,
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
    },
    work::{
        Context,
        embeds::{self, Kit},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its name.
    pub partner: String,
    /// Its page in the console.
    pub back: String,
    /// What it pastes.
    pub kit: Kit,
}

/// `GET /console/partners/{slug}/embed`
pub async fn page(State(ctx): State<Arc<Context>>, Path(slug): Path<String>) -> Answer {
    let partner = partners::partner(&ctx.db, &slug).await?.ok_or_else(|| Error::not_found("this partner"))?;
    let kit = embeds::kit(&ctx, &partner, None).await?;
    let view = View { back: format!("/console/partners/{slug}"), kit, partner: partner.name };
    let title = format!("{} on its own site", view.partner);
    let frame = Frame::new(&ctx, Area::Console, title, "/console/partners");
    respond::page(&ctx, "console/embeds", &frame, &view)
}

#[cfg(test)]
impl View {
    /// Northlight, with a site or without.
    pub fn sample(is_empty: bool) -> Self {
        let place = |label: &str, what: &str| embeds::Snippet {
            label: label.into(),
            html: format!(
                "<div data-partnercast=\"{what}\" style=\"min-height:640px\"><a href=\"#\">{label}</a></div>"
            ),
        };
        let script = |path: &str| format!("<script async src=\"https://cast.example{path}\"></script>");
        Self {
            partner: "Northlight MSP".into(),
            back: "/console/partners/northlight".into(),
            kit: Kit {
                sites: if is_empty { Vec::new() } else { vec!["https://northlight.example".into()] },
                fixed: script("/embed/v1.0123456789ab.js"),
                floating: script(embeds::FLOATING),
                places: vec![
                    place("The newest of what its page shows", "northlight"),
                    place("Article: Restores, not backups", "northlight/blog/restores-not-backups"),
                ],
                policy: vec![
                    "script-src https://cast.example".into(),
                    "frame-src https://cast.example".into(),
                ],
                page: "<!doctype html>\n<title>To read and to watch</title>".into(),
            },
        }
    }
}
