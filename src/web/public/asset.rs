//! An asset in a partner's look: a whitepaper's first part and its form, an article, a webinar with its date.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Serialize;

use super::{
    Head, Setting, Wanted,
    card::Card,
    form::{self, Filled, Which},
    home,
    kind_part::{self, KindPart},
    share, withdrawn,
};
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail, Reader, kinds::Gate},
        engagement::EventKind,
        kernel::{Locale, Result},
    },
    store::deliveries,
    web::{error::Problem, respond::Answer, view::form::Form, visitor::Asking},
    work::{
        Context, documents,
        feeds::free_part,
        recall::Replaced,
        share::is_shared,
        track::{self, OnPage, Recording, Visitor},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `Whitepaper`
    pub kind: String,
    /// Who wrote it, or when it was published.
    pub meta: Option<String>,
    /// Title.
    pub title: String,
    /// Summary.
    pub summary: String,
    /// The business result.
    pub outcome: Option<String>,
    /// What its kind has of its own.
    pub part: KindPart,
    /// HTML.
    pub body: String,
    /// Where the PDF is, if it stands behind no form.
    pub pdf: Option<String>,
    /// Whether the text goes on behind a form.
    pub cut: bool,
    /// The form.
    pub form: Option<Form>,
    /// Where the partner's own people share it.
    pub share: Option<String>,
    /// The other languages.
    pub languages: Vec<Language>,
}

/// Another language of the asset.
#[derive(Debug, Serialize)]
pub struct Language {
    /// Its tag.
    pub tag: String,
    /// What people call it.
    pub label: String,
    /// The page.
    pub href: String,
}

/// `GET /p/{partner}/{folder}/{slug}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let mut setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    if let Some(instead) = withdrawn::instead(&ctx, &setting, &reference, &wanted).await? {
        return Ok(instead);
    }
    admit(&ctx, &setting, &reference, &wanted).await?;
    let kind = setting.asset(&reference)?.kind();
    if kind == AssetKind::Kit {
        setting.replaced = Replaced::load(&ctx.db).await?;
    }
    setting.share = is_shared(kind) && share::may_share(&ctx, &setting, &wanted).await?;
    let seen = record(&ctx, &setting, (&reference, None), (EventKind::PageView, &wanted), &visitor);
    setting.stay = seen.stay_token(&ctx);
    setting.trap = seen.trap_token(&ctx);
    let page = show(&ctx, &setting, &reference, &wanted, None).await;
    seen.settled(&ctx).await;
    page
}

/// Whether this visitor may see the asset.
///
/// # Errors
/// There is no such page for them.
pub async fn admit(
    ctx: &Context,
    setting: &Setting,
    reference: &str,
    wanted: &Wanted,
) -> Result<(), Problem> {
    let asset = setting.asset(reference)?;
    let kind = asset.kind();
    if !home::is_public(kind) || !home::is_published(setting, asset, ctx.now_ms()) {
        // Kits, playbooks and posts are for partners; their mails and their own feed lead here with a token.
        let for_partners =
            matches!(kind, AssetKind::Kit | AssetKind::Playbook | AssetKind::Social) || home::is_public(kind);
        if for_partners && wanted.placed(ctx, &setting.partner).is_some_and(|placed| placed.is_inside) {
            return Ok(());
        }
        let sent = match wanted.delivery(ctx) {
            Some(id) if for_partners => deliveries::sent(&ctx.db, id).await?,
            _ => None,
        };
        if sent.is_none_or(|sent| sent.partner_slug != setting.partner.slug.as_str()) {
            return Err(Problem::no_page());
        }
    }
    Ok(())
}

/// That they looked at it, or took it with them.
pub fn record(
    ctx: &Context,
    setting: &Setting,
    (asset, revision): (&str, Option<&str>),
    (kind, wanted): (EventKind, &Wanted),
    visitor: &Visitor,
) -> Recording {
    let partner = setting.partner.slug.as_str();
    let what = OnPage { kind, partner, asset, revision, via: wanted.delivery(ctx), lead: None };
    track::placed(ctx, &what, wanted.placement(ctx, &setting.partner), visitor)
}

/// The page with `form` as it came back, or a blank one.
///
/// # Errors
/// `NotFound`, or a merge field without value.
pub async fn show(
    ctx: &Context,
    setting: &Setting,
    reference: &str,
    wanted: &Wanted,
    form: Option<Form>,
) -> Answer {
    let asset = setting.asset(reference)?;
    let language = setting.language(ctx, asset);
    let strings = ctx.templates.strings_for(&language, &setting.locale);
    let voice = setting.voice()?;
    let nodes = if home::is_public(asset.kind()) {
        asset.text_for(&setting.reader())
    } else {
        asset.text_for(&Reader::insider(&setting.partner, &setting.locale))
    };
    let which = Which::of(&setting.library, asset, ctx.now_ms());
    let gated = matches!(&asset.detail, Detail::Whitepaper(paper) if paper.gate == Gate::Form);
    let free = if gated { free_part(&nodes) } else { nodes.len() };
    let form = match (form, which) {
        (Some(form), _) => Some(form),
        (None, Some(which)) => {
            Some(form::asset_form(ctx, setting, which, wanted, &language, &Filled::default()).await?)
        }
        (None, None) => None,
    };
    let title = voice.text(&asset.front.title)?;
    let summary =
        asset.front.summary.as_ref().map(|summary| voice.text(summary)).transpose()?.unwrap_or_default();
    let view = View {
        kind: strings.get(&format!("kind_{}", asset.kind().as_str())).to_owned(),
        meta: kind_part::meta(asset, &strings),
        outcome: asset.front.outcome.clone(),
        part: KindPart::of(asset, setting, &strings, wanted, ctx.now_ms()),
        body: setting.html(&nodes[..free])?,
        pdf: documents::is_open(asset, &setting.partner)
            .then(|| format!("/p/{}/{reference}/document.pdf{}", setting.partner.slug, wanted.query())),
        cut: free < nodes.len(),
        form,
        share: setting
            .share
            .then(|| format!("/p/{}/{reference}/share{}", setting.partner.slug, wanted.query())),
        languages: languages(ctx, setting, asset, &language),
        title,
        summary,
    };
    let card = Card::of(ctx, setting, asset, (&view.title, &view.summary), &language)?;
    let head = Head { card: Some(&card), ..Head::new(&view.title, &view.summary, &language) };
    setting.page(ctx, "public/asset", head, &view)
}

fn languages(ctx: &Context, setting: &Setting, asset: &Asset, shown: &Locale) -> Vec<Language> {
    setting
        .library
        .versions(&asset.reference)
        .iter()
        .map(|version| setting.language(ctx, version))
        .filter(|locale| locale != shown)
        .map(|locale| Language {
            label: ctx.templates.strings(&locale).get("language").to_owned(),
            href: format!("/p/{}/{}?lang={locale}", setting.partner.slug, asset.reference),
            tag: locale.to_string(),
        })
        .collect()
}

#[cfg(test)]
impl View {
    /// The January whitepaper, with or without a form that came back with faults.
    pub fn sample(form: Option<Form>) -> Self {
        Self {
            kind: "Whitepaper".into(),
            meta: Some("By Priya Raman, Ingrid Solheim".into()),
            title: "Proof of Recovery: what boards should ask".into(),
            summary: "Six questions that let a board tell a finished backup from a proven recovery, with a one-page report to ask for and a plan for ninety days.".into(),
            outcome: Some("A board that knows, with dates and times, which systems can be recovered and which cannot yet".into()),
            part: KindPart::sample(),
            body: "<p>Every month, many boards receive a report that says backups are in order. The report is usually true. It is also an answer to a question that nobody on the board would ask. Directors do not need to know whether copies were made.</p><p>This paper gives board members six questions to put to management, a way to judge the answers, and a one-page report to ask for. It needs no technical knowledge. It was written by Brackenfold and is brought to you by Northlight MSP.</p><h2>The argument in brief</h2><ol><li>A backup is a task. A recovery is a result. Only the second one has value to customers, patients, pupils or shareholders.</li><li>A recovery that has never been tried is an assumption.</li></ol><p>Nothing here demands a new product. It asks for evidence about what you already have.</p>".into(),
            pdf: Some("/p/northlight/datasheets/fold-proof/document.pdf".into()),
            cut: true,
            form,
            share: Some("#".into()),
            languages: vec![Language { tag: "de".into(), label: "Deutsch".into(), href: "?lang=de".into() }],
        }
    }
}
