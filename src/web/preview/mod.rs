//! The author's pages: everything in a content folder as it stands at this moment, through anybody's eyes, with what
//! `check` finds beside it. They show the folder of whoever started `partnercast preview`, on this machine alone.

pub(super) mod asset;
pub(super) mod frame;
pub(super) mod list;
pub(super) mod reference;
pub(super) mod sent;
mod tried;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Query, Request},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::tried::Tried;
use super::{
    console::content::{FindingLine, finding},
    error::Problem,
    view::{chart::Badge, counted},
    visitor::is_loopback_host,
};
use crate::{
    domain::{
        content::{Asset, Finding, Severity},
        kernel::{Error, Locale, Result},
        partner::AudienceRole,
    },
    render::slots::escape_url_part,
    work::preview::{Channel, Eyes, Preview, Shown, channels},
};

/// Longest wait for a change; shorter than a request may take.
const WAIT: Duration = Duration::from_secs(10);
/// Findings shown on one page.
const FINDINGS_MAX: usize = 200;

/// What the addresses of these pages say: whose eyes, on which channel, how shown; what ends in 2 is the second pane's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    partner: String,
    role: String,
    lang: String,
    channel: String,
    partner2: String,
    role2: String,
    lang2: String,
    channel2: String,
    beside: String,
    dark: String,
    width: String,
    to: String,
    seen: u64,
}

/// One of the two panes.
#[derive(Debug, Clone, Copy)]
struct Pane<'a> {
    partner: &'a str,
    role: &'a str,
    lang: &'a str,
    channel: &'a str,
}

impl Asked {
    fn panes(&self) -> Vec<Pane<'_>> {
        let first =
            Pane { partner: &self.partner, role: &self.role, lang: &self.lang, channel: &self.channel };
        let second =
            Pane { partner: &self.partner2, role: &self.role2, lang: &self.lang2, channel: &self.channel2 };
        if self.beside.is_empty() { vec![first] } else { vec![first, second] }
    }

    /// The query that asks for the same again.
    fn query(&self) -> String {
        let pairs = [
            ("partner", &self.partner),
            ("role", &self.role),
            ("lang", &self.lang),
            ("channel", &self.channel),
            ("partner2", &self.partner2),
            ("role2", &self.role2),
            ("lang2", &self.lang2),
            ("channel2", &self.channel2),
            ("beside", &self.beside),
            ("dark", &self.dark),
            ("width", &self.width),
        ];
        let mut query = String::new();
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(
                query,
                "{}{name}={}",
                if query.is_empty() { "?" } else { "&" },
                escape_url_part(value)
            );
        }
        query
    }
}

/// Whose eyes a pane looks through: without a wish a partner who has the asset, in their own language.
async fn eyes(preview: &Preview, asset: &Asset, pane: Pane<'_>) -> Result<Eyes> {
    let partner = if pane.partner.is_empty() {
        let shown = preview.shown();
        let has_it = shown.partners.iter().find(|partner| {
            asset.concerns(&crate::domain::content::Reader::insider(partner, &partner.locale))
        });
        has_it.or_else(|| shown.partners.first()).cloned().ok_or_else(|| {
            Error::conflict(
                "there is no partner to look through; add roster/partners.csv and roster/contacts.csv to the folder, \
                 or start it with --config and a file whose database has partners",
            )
        })?
    } else {
        preview.partner(pane.partner).await?
    };
    let locale = if pane.lang.is_empty() { partner.locale.clone() } else { Locale::parse(pane.lang)? };
    Ok(Eyes { role: AudienceRole::parse(pane.role), partner, locale })
}

/// The channel that a pane asks for, or the asset's usual one.
fn channel(asset: &Asset, pane: Pane<'_>) -> Result<Channel> {
    let mut all = channels(asset);
    let wanted = all.iter().position(|channel| channel.as_str() == pane.channel).unwrap_or(0);
    if all.is_empty() {
        return Err(Error::invalid("a newsletter is seen in its issues; open one of them"));
    }
    Ok(all.swap_remove(wanted))
}

/// What was found, and how the last reading went.
#[derive(Debug, Serialize)]
pub struct Found {
    /// In how many words.
    pub badge: Badge,
    /// What concerns the asset shown, or everything.
    pub findings: Vec<FindingLine>,
    /// How many findings are elsewhere.
    pub elsewhere: Option<String>,
    /// Which partners get the asset shown, and which do not.
    pub reach: Option<String>,
    /// Why the folder cannot be read.
    pub fault: Option<String>,
    /// `read in 23 ms`
    pub took: String,
}

impl Found {
    /// What concerns the files at `paths`, and what came of trying the asset for every partner; everything where there are
    /// no paths.
    fn of(shown: &Shown, paths: &[String], tried: Option<&Tried>) -> Self {
        let here = |found: &&Finding| paths.is_empty() || paths.contains(&found.file);
        let more = tried.map_or(&[][..], |tried| tried.findings.as_slice());
        let listed: Vec<&Finding> = shown.findings.iter().filter(here).chain(more).collect();
        let errors = listed.iter().filter(|found| found.severity == Severity::Error).count();
        let elsewhere = shown.findings.len() + more.len() - listed.len();
        let badge = match (errors, listed.len()) {
            (0, 0) => Badge::new("good", "nothing to mend"),
            (0, warnings) => Badge::new("warn", counted(warnings, "warning", "warnings")),
            (errors, all) => {
                let warnings = all - errors;
                let more = if warnings == 0 {
                    String::new()
                } else {
                    format!(", {}", counted(warnings, "warning", "warnings"))
                };
                Badge::new("bad", format!("{}{more}", counted(errors, "error", "errors")))
            }
        };
        Self {
            badge,
            findings: listed.into_iter().take(FINDINGS_MAX).map(finding).collect(),
            elsewhere: (elsewhere > 0)
                .then(|| format!("{} in other files", counted(elsewhere, "finding", "findings"))),
            reach: tried.map(|tried| tried.reach.clone()),
            fault: shown.fault.clone(),
            took: format!("read in {} ms", shown.took_ms),
        }
    }
}

/// Refuses whoever names another host than this machine: a page elsewhere must not read drafts by a name that it points
/// here.
pub async fn on_this_machine_alone(request: Request, next: Next) -> Response {
    if is_loopback_host(request.headers()) {
        return next.run(request).await;
    }
    let why = "the preview opens on this machine alone, under the name 127.0.0.1 or localhost";
    Problem::from(Error::denied(why)).into_response()
}

/// `GET /changes`: waits for the folder to change, then says which version is shown. The page then asks for its parts.
pub async fn changes(
    Extension(preview): Extension<Arc<Preview>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let shown = preview.after(asked.seen, WAIT).await;
    let body = Json(json!({ "version": shown.version, "took_ms": shown.took_ms }));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

#[cfg(test)]
impl Found {
    /// An error here, two findings elsewhere.
    pub fn sample() -> Self {
        Self {
            badge: Badge::new("bad", "1 error"),
            findings: vec![FindingLine {
                place: "blog/restores-not-backups.md:14:3".into(),
                badge: Badge::new("bad", "error C401"),
                message: "there is no field `partner.nmae`".into(),
                fix: "did you mean `partner.name`?".into(),
            }],
            elsewhere: Some("2 findings in other files".into()),
            reach: Some("11 of 12 partners get it. Lacking a text for one of its zones: dune-gate.".into()),
            fault: Some("content/blog cannot be read".into()),
            took: "read in 23 ms".into(),
        }
    }
}
