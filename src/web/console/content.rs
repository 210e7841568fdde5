//! Content: what `check` finds, the assets by kind, and how each looks to a partner and a role.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse},
};
use serde::{Deserialize, Serialize};

use super::revisions::{self, RecallView};
use crate::{
    domain::{
        content::{Asset, AssetKind, Finding, Library, Reader, Severity},
        kernel::{Error, Result},
        partner::{AudienceRole, Partner, Roles},
    },
    store::{partners, renditions},
    web::{
        frame::{self, Area, Frame},
        headers::sandboxed,
        public::{Setting, click},
        respond::{self, Answer},
        view::{chart::Badge, counted, form::Choice, when::Moment, with_code},
    },
    work::{
        self, Context, documents,
        recall::{self, Correction},
        revisions::Count,
        sync,
    },
};

/// Findings shown at most.
const FINDINGS_MAX: usize = 500;
/// Revisions shown beside an asset.
const LATEST: usize = 5;

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `41 assets`
    pub text: String,
    /// `2 warnings`
    pub badge: Badge,
    /// By file.
    pub findings: Vec<FindingLine>,
    /// What was recalled.
    pub corrections: Vec<CorrectionLine>,
    /// By kind.
    pub groups: Vec<Group>,
}

/// A recall.
#[derive(Debug, Serialize)]
pub struct CorrectionLine {
    /// The asset's history.
    pub href: String,
    /// The asset.
    pub reference: String,
    /// Where its links lead, or that it was lifted.
    pub effect: String,
    /// Why.
    pub because: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Moment,
}

/// A finding.
#[derive(Debug, Serialize)]
pub struct FindingLine {
    /// `blog/x.md:4:1`
    pub place: String,
    /// Its code.
    pub badge: Badge,
    /// What is wrong, HTML.
    pub message: String,
    /// What to do, HTML.
    pub fix: String,
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
    /// Its preview.
    pub href: String,
    /// Its title.
    pub title: String,
    /// Its reference.
    pub reference: String,
    /// Who reads it.
    pub roles: String,
    /// Its languages.
    pub locales: String,
    /// Its date.
    pub date: String,
}

/// A preview of an asset or of a mail.
#[derive(Debug, Serialize)]
pub struct PreviewView {
    /// Where it came from.
    pub back: String,
    /// The same in words.
    pub back_label: &'static str,
    /// Title.
    pub title: String,
    /// What is shown.
    pub text: String,
    /// What can be chosen.
    pub choices: Vec<Select>,
    /// Address of the sandboxed mail.
    pub frame: Option<String>,
    /// Where its archive is.
    pub bundle: Option<String>,
    /// The recall in force.
    pub recall: Option<RecallView>,
    /// Where its PDF is.
    pub pdf: Option<String>,
    /// HTML of the asset.
    pub body: Option<String>,
    /// Its latest revisions.
    pub revisions: Vec<revisions::Line>,
    /// All of them.
    pub history: Option<String>,
}

/// A choice among several.
#[derive(Debug, Serialize)]
pub struct Select {
    /// Its name.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What is chosen.
    pub value: String,
    /// What can be.
    pub options: Vec<Choice>,
}

/// The folders in the order people look for them.
pub(in crate::web) const KINDS: [(AssetKind, &str); 14] = [
    (AssetKind::Newsletter, "Newsletters"),
    (AssetKind::Issue, "Issues"),
    (AssetKind::Sequence, "Sequences"),
    (AssetKind::Message, "Messages of sequences"),
    (AssetKind::Whitepaper, "Whitepapers"),
    (AssetKind::Blog, "Articles"),
    (AssetKind::Webinar, "Webinars"),
    (AssetKind::CaseStudy, "Case studies"),
    (AssetKind::Datasheet, "Datasheets"),
    (AssetKind::Video, "Videos"),
    (AssetKind::Kit, "Campaign kits"),
    (AssetKind::Playbook, "Playbooks"),
    (AssetKind::Social, "Social posts"),
    (AssetKind::Page, "Pages"),
];

/// `GET /console/content`
pub async fn list(State(ctx): State<Arc<Context>>) -> Answer {
    let library = ctx.library();
    let mut found = findings(&ctx).await?;
    let refused = ctx.refused_findings();
    let is_refused = !refused.is_empty();
    // What stands in the way of the next sync comes first.
    found.splice(0..0, refused.iter().take(FINDINGS_MAX).map(finding));
    found.extend(ctx.publishing_faults().into_iter().map(|fault| FindingLine {
        place: "newsletters".to_owned(),
        badge: Badge::new("bad", "not frozen"),
        message: with_code(&fault),
        fix: "mend it before the promise is due".to_owned(),
    }));
    let view = ListView {
        text: format!(
            "{}, as last synced.{}",
            counted(library.assets.iter().filter(|asset| asset.locale.is_none()).count(), "asset", "assets"),
            if is_refused {
                " The folder has errors now, so it is not taken until they are mended."
            } else {
                ""
            }
        ),
        badge: if is_refused {
            Badge::new("bad", "the folder has errors")
        } else if found.is_empty() {
            Badge::new("good", "nothing to mend")
        } else {
            Badge::new("warn", counted(found.len(), "finding", "findings"))
        },
        findings: found,
        corrections: corrections(&ctx).await?,
        groups: KINDS
            .iter()
            .map(|(kind, title)| group(&library, *kind, title))
            .filter(|group| !group.assets.is_empty())
            .collect(),
    };
    respond::page(
        &ctx,
        "console/content",
        &Frame::new(&ctx, Area::Console, "Content", "/console/content"),
        &view,
    )
}

/// What was recalled, the latest first.
async fn corrections(ctx: &Context) -> Result<Vec<CorrectionLine>> {
    let (_, zone) = frame::vendor(ctx);
    let library = ctx.library();
    let line = |correction: Correction| {
        let recall = correction.recall;
        let is_there = !library.versions(&recall.reference).is_empty();
        let lifted = recall.lifted_ms.map(|ms| format!("lifted {}", Moment::short(ms, zone).text));
        CorrectionLine {
            href: revisions::address(&recall.reference),
            effect: lifted.unwrap_or_else(|| revisions::effect(&recall, is_there)),
            at: Moment::short(recall.recalled_ms, zone),
            reference: recall.reference,
            because: recall.because,
            actor: recall.actor,
        }
    };
    Ok(recall::corrections(&ctx.db, None, Count::Nobody).await?.into_iter().map(line).collect())
}

/// What `check` says about the content as stored. Images are known to be good: they were decoded when stored.
async fn findings(ctx: &Context) -> Result<Vec<FindingLine>> {
    let found = sync::stored_findings(ctx).await?;
    Ok(found.iter().take(FINDINGS_MAX).map(finding).collect())
}

/// A finding as pages show it.
pub(in crate::web) fn finding(finding: &Finding) -> FindingLine {
    let tone = if finding.severity == Severity::Error { "bad" } else { "warn" };
    FindingLine {
        place: format!("{}:{}:{}", finding.file, finding.line, finding.column),
        badge: Badge::new(tone, format!("{} {}", finding.severity.as_str(), finding.code)),
        message: with_code(&finding.message),
        fix: with_code(&finding.fix),
    }
}

fn group(library: &Library, kind: AssetKind, title: &'static str) -> Group {
    let line = |asset: &Asset| {
        let locales: Vec<String> = library
            .versions(&asset.reference)
            .iter()
            .map(|version| version.locale.as_ref().map_or("original".to_owned(), ToString::to_string))
            .collect();
        Line {
            href: format!("/console/content/{}", asset.reference),
            title: asset.front.title.as_str().to_owned(),
            reference: asset.reference.clone(),
            roles: roles_text(asset.front.roles),
            locales: locales.join(", "),
            date: asset.front.publish.map(|day| day.to_string()).unwrap_or_default(),
        }
    };
    Group { title, assets: library.by_kind(kind).map(line).collect() }
}

fn roles_text(roles: Roles) -> String {
    if roles.is_empty() { "everyone".to_owned() } else { roles.to_string().replace(';', ", ") }
}

/// Whose eyes to look through.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Eyes {
    partner: Option<String>,
    role: Option<String>,
    lang: Option<String>,
}

/// `GET /console/content/{folder}/{slug}`
pub async fn preview(
    State(ctx): State<Arc<Context>>,
    Path((folder, slug)): Path<(String, String)>,
    Query(eyes): Query<Eyes>,
) -> Answer {
    let reference = format!("{folder}/{slug}");
    let all = partners::all_partners(&ctx.db).await?;
    // Without a wish, somebody who has it.
    let library = ctx.library();
    let has_it = |partner: &&Partner| {
        let found = library.find(&reference, &partner.locale);
        found.is_some_and(|asset| asset.concerns(&Reader::insider(partner, &partner.locale)))
    };
    let first = all.iter().find(has_it).or_else(|| all.first());
    let first = first.ok_or_else(|| Error::conflict("there is no partner to look through"))?;
    let wanted = eyes.partner.as_deref().filter(|slug| !slug.is_empty());
    let partner = wanted.unwrap_or(first.slug.as_str()).to_owned();
    let setting = Setting::of(&ctx, &partner, eyes.lang.as_deref().filter(|lang| !lang.is_empty())).await?;
    let asset =
        setting.library.find(&reference, &setting.locale).ok_or_else(|| Error::not_found("this asset"))?;
    let theirs = asset.concerns(&Reader::insider(&setting.partner, &setting.locale));
    let role = eyes.role.as_deref().and_then(AudienceRole::parse);
    let nodes = match role {
        Some(role) => {
            asset.text_for(&Reader { roles: Some([role].into_iter().collect()), ..setting.reader() })
        }
        None => asset.text_for(&setting.reader()),
    };
    let history = work::revisions::history(&ctx.db, &asset.path, i64::MAX, LATEST, Count::Nobody).await?;
    let (_, zone) = frame::vendor(&ctx);
    let option = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
    let roles = AudienceRole::ALL.iter().map(|role| option(role.as_str(), role.as_str()));
    // What another asset replaces is given to nobody any more.
    let is_offered = theirs && history.recall.as_ref().is_none_or(|recall| recall.target.is_none());
    let view = PreviewView {
        back: "/console/content".to_owned(),
        back_label: "Content",
        title: setting.voice()?.text(&asset.front.title)?,
        text: if theirs {
            format!("{reference}, in the voice of {}", setting.partner.name)
        } else {
            format!(
                "{reference}; {} does not have it, or lacks a text for one of its zones",
                setting.partner.name
            )
        },
        choices: vec![
            Select {
                name: "partner",
                label: "Partner",
                value: partner,
                options: all.iter().map(|partner| option(partner.slug.as_str(), &partner.name)).collect(),
            },
            Select {
                name: "role",
                label: "Reader",
                value: role.map(|role| role.as_str().to_owned()).unwrap_or_default(),
                options: std::iter::once(option("", "everyone")).chain(roles).collect(),
            },
        ],
        frame: None,
        recall: revisions::recall_view(&ctx, history.recall.as_ref(), true, zone).await?,
        bundle: Some(format!("/console/bundles/{}/{reference}", setting.partner.slug))
            .filter(|_| is_offered && !asset.kind().is_mail()),
        pdf: (is_offered && documents::has_pdf_for(asset, &setting.partner)).then(|| {
            format!("/console/documents/{}/{reference}?lang={}", setting.partner.slug, setting.locale)
        }),
        body: Some(setting.html(&nodes)?),
        revisions: history.revisions.iter().map(|told| revisions::line(&asset.path, told, zone)).collect(),
        history: Some(revisions::address(&asset.path)),
    };
    respond::page(
        &ctx,
        "console/preview",
        &Frame::new(&ctx, Area::Console, &view.title, "/console/content"),
        &view,
    )
}

/// `GET /console/renditions/{id}`
pub async fn rendition(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Answer {
    let rendition = renditions::view(&ctx.db, &id).await?.ok_or_else(|| Error::not_found("this variant"))?;
    let view = PreviewView {
        back: "/console".to_owned(),
        back_label: "Overview",
        text: format!(
            "{}, {}, {}",
            rendition.partner_slug,
            rendition.roles.replace(';', ", "),
            rendition.locale
        ),
        title: rendition.subject,
        choices: Vec::new(),
        frame: Some(format!("/console/renditions/{id}/html")),
        bundle: None,
        recall: None,
        pdf: None,
        body: None,
        revisions: Vec::new(),
        history: None,
    };
    respond::page(&ctx, "console/preview", &Frame::new(&ctx, Area::Console, &view.title, "/console"), &view)
}

/// `GET /console/renditions/{id}/html`: for a frame. Its links carry nobody's token and lead nowhere, so that looking
/// is never counted.
pub async fn rendition_html(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Answer {
    let html = click::filled(&ctx, &id, "", "preview", "preview").await?;
    Ok(sandboxed(Html(html).into_response()))
}

#[cfg(test)]
impl ListView {
    /// One finding, one kind.
    pub fn sample() -> Self {
        Self {
            text: "41 assets, as last synced.".into(),
            badge: Badge::new("warn", "1 finding"),
            findings: vec![FindingLine {
                place: "roster/brands/dune-gate/brand.toml:1:1".into(),
                badge: Badge::new("warn", "warning C509"),
                message: "Dune Gate Distribution has no logo".into(),
                fix: "add roster/brands/dune-gate/logo.png, or leave it: the name is set in type".into(),
            }],
            corrections: vec![CorrectionLine {
                href: "#".into(),
                reference: "whitepapers/first-24-hours".into(),
                effect: "links lead to the present text; revision 3 mended it".into(),
                because: "the pilot's price was last year's".into(),
                actor: "operator".into(),
                at: Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo),
            }],
            groups: vec![Group {
                title: "Whitepapers",
                assets: vec![Line {
                    href: "#".into(),
                    title: "Proof of Recovery: what boards should ask".into(),
                    reference: "whitepapers/proof-of-recovery".into(),
                    roles: "sales, marketing, executive".into(),
                    locales: "original, de".into(),
                    date: "2027-01-05".into(),
                }],
            }],
        }
    }
}

#[cfg(test)]
impl PreviewView {
    /// An article in Northlight's voice.
    pub fn sample() -> Self {
        Self {
            back: "/console/content".into(),
            back_label: "Content",
            title: "Restores, not backups".into(),
            text: "blog/restores-not-backups, in the voice of Northlight MSP".into(),
            choices: vec![Select {
                name: "role",
                label: "Reader",
                value: "sales".into(),
                options: vec![Choice { value: "sales".into(), label: "sales".into() }],
            }],
            frame: Some("/mail.html".into()),
            bundle: Some("#".into()),
            recall: None,
            pdf: Some("#".into()),
            body: Some("<p>Everyone reads this.</p>".into()),
            revisions: revisions::View::sample(false).lines,
            history: Some("#".into()),
        }
    }
}
