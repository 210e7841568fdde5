//! Everything in the folder, and everything that `check` finds.

use std::{collections::HashMap, sync::Arc};

use axum::{Extension, extract::State};
use serde::Serialize;

use super::{Found, Preview};
use crate::{
    domain::content::{Asset, Severity},
    web::{
        console::content::KINDS,
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, counted},
    },
    work::Context,
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Which state of the folder is shown.
    pub version: u64,
    /// Findings.
    pub found: Found,
    /// By kind.
    pub groups: Vec<Group>,
}

/// Assets of a kind.
#[derive(Debug, Serialize)]
pub struct Group {
    /// `Whitepapers`
    pub title: &'static str,
    /// By reference.
    pub assets: Vec<Line>,
}

/// An asset.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Where it is shown; none for a newsletter, which is seen in its issues.
    pub href: Option<String>,
    /// Its title.
    pub title: String,
    /// Its reference.
    pub reference: String,
    /// Its languages beside the original's.
    pub locales: String,
    /// What is to be mended in it.
    pub badge: Option<Badge>,
}

/// `GET /`
pub async fn page(State(ctx): State<Arc<Context>>, Extension(preview): Extension<Arc<Preview>>) -> Answer {
    let (shown, library) = (preview.shown(), ctx.library());
    let mut by_file: HashMap<&str, (usize, usize)> = HashMap::new();
    for found in shown.findings.iter() {
        let (errors, all) = by_file.entry(found.file.as_str()).or_default();
        *errors += usize::from(found.severity == Severity::Error);
        *all += 1;
    }
    let line = |asset: &Asset| {
        let versions = library.versions(&asset.reference);
        let counts = versions.iter().filter_map(|version| by_file.get(version.path.as_str()));
        let (errors, all) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let locales: Vec<String> =
            versions.iter().filter_map(|version| Some(version.locale.as_ref()?.to_string())).collect();
        Line {
            href: (!crate::work::preview::channels(asset).is_empty())
                .then(|| format!("/assets/{}", asset.reference)),
            title: asset.front.title.as_str().to_owned(),
            reference: asset.reference.clone(),
            locales: locales.join(", "),
            badge: (all > 0).then(|| {
                let tone = if errors > 0 { "bad" } else { "warn" };
                Badge::new(tone, counted(all, "finding", "findings"))
            }),
        }
    };
    let groups = KINDS
        .iter()
        .map(|(kind, title)| Group { title, assets: library.by_kind(*kind).map(line).collect() })
        .filter(|group| !group.assets.is_empty())
        .collect();
    let view = View { version: shown.version, found: Found::of(&shown, &[], None), groups };
    respond::page(&ctx, "preview/list", &Frame::new(&ctx, Area::Preview, "Preview", "/"), &view)
}

#[cfg(test)]
impl View {
    /// One kind, with something to mend.
    pub fn sample() -> Self {
        Self {
            version: 3,
            found: Found::sample(),
            groups: vec![Group {
                title: "Articles",
                assets: vec![Line {
                    href: Some("/assets/blog/restores-not-backups".into()),
                    title: "Restores, not backups".into(),
                    reference: "blog/restores-not-backups".into(),
                    locales: "de, es".into(),
                    badge: Some(Badge::new("bad", "1 finding")),
                }],
            }],
        }
    }
}
