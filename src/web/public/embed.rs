//! `/p/{partner}/forms/{slug}/embed`: a form for a frame in the partner's own site. No cookies; only pages of the domain of the
//! partner's website in the roster may show it.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    response::Response,
};
use serde::Serialize;

use super::{
    Head, Setting, Wanted,
    form::{self, Filled, Refusal, Sent, Which},
    home,
};
use crate::{
    domain::{
        engagement::{EventKind, Placement},
        kernel::{Error, Locale, Result, token::Purpose},
    },
    web::{
        error::Problem, headers, respond::Answer, statics, throttle::Throttle, view::form::Form,
        visitor::Asking,
    },
    work::{
        Context, embeds,
        forms::TALK_TO_US,
        placed::Placed,
        publish,
        track::{self, OnPage},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The form, until it was sent.
    pub form: Option<Form>,
    /// What is said once it was.
    pub sent: Option<SentView>,
    /// The same form on a page of its own.
    pub alone: String,
    /// The script that tells how high it is.
    pub js: String,
}

/// After the form.
#[derive(Debug, Serialize)]
pub struct SentView {
    /// That it arrived.
    pub text: String,
    /// What it opened.
    pub href: String,
    /// What leads there.
    pub label: String,
}

/// The form, and the asset that it is about.
fn which<'a>(ctx: &Context, setting: &'a Setting, slug: &str) -> Result<Which<'a>, Problem> {
    let form = setting.library.form(slug).ok_or_else(|| Error::not_found("this form"))?;
    let asset = match &form.unlocks {
        Some(unlocks) => {
            let asset = setting.asset(unlocks.as_str())?;
            if !home::is_published(setting, asset, ctx.now_ms()) {
                return Err(Problem::no_page());
            }
            unlocks.as_str()
        }
        None => TALK_TO_US,
    };
    Ok(Which { asset, form })
}

/// The language of the page: what is wanted, where there are words in it.
fn language(ctx: &Context, setting: &Setting) -> Locale {
    let asset = setting.asset(TALK_TO_US).ok();
    asset.map_or_else(|| publish::default_locale(ctx), |asset| setting.language(ctx, asset))
}

/// `GET /p/{partner}/forms/{slug}/embed`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path((partner, slug)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let which = which(&ctx, &setting, &slug)?;
    let what = OnPage {
        kind: EventKind::EmbedView,
        partner: setting.partner.slug.as_str(),
        asset: which.asset,
        revision: None,
        via: wanted.delivery(&ctx),
        lead: None,
    };
    let seen = track::placed(&ctx, &what, Some(Placement::Embed), &visitor);
    let wanted = signed(&ctx, &setting, which, wanted);
    let language = language(&ctx, &setting);
    let form = blank(&ctx, &setting, which, &wanted, (&language, &Filled::default())).await?;
    let page = show(&ctx, &setting, which, &language, (Some(form), None)).await;
    seen.settled(&ctx).await;
    page
}

/// `POST /p/{partner}/forms/{slug}/embed`
pub async fn sent(
    State(ctx): State<Arc<Context>>,
    Path((partner, slug)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(filled): Body<Filled>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let which = which(&ctx, &setting, &slug)?;
    let language = language(&ctx, &setting);
    let strings = ctx.templates.strings(&language);
    let mut what = form::submission(&ctx, &setting, which, &filled, &wanted, &language);
    // Whatever led to the partner's site, it was the form in it that was filled in.
    what.placement = Some(Placement::Embed);
    match form::send(&ctx, &throttle, what, &visitor).await? {
        Sent::Accepted(href) => {
            let partner = [("partner", setting.partner.name.as_str())];
            let sent = SentView {
                text: strings.fill("embed_sent", &partner),
                label: strings.fill("embed_open", &partner),
                href,
            };
            show(&ctx, &setting, which, &language, (None, Some(sent))).await
        }
        Sent::Refused(amiss) => {
            let refused = Refusal::of(&amiss);
            let form = blank(&ctx, &setting, which, &wanted, (&language, &filled))
                .await?
                .with(Some(amiss), &strings);
            Ok(refused.on(show(&ctx, &setting, which, &language, (Some(form), None)).await?))
        }
    }
}

/// The address of the form says, signed, that it stands in the partner's site; what a mail or another link said stays.
fn signed(ctx: &Context, setting: &Setting, which: Which<'_>, wanted: Wanted) -> Wanted {
    if wanted.delivery(ctx).is_some() || wanted.placed(ctx, &setting.partner).is_some() {
        return wanted;
    }
    let placed = Placed::new(setting.partner.slug.as_str(), which.asset, Placement::Embed, false);
    Wanted { via: Some(placed.sign(&ctx.keys, Purpose::Via)), ..wanted }
}

async fn blank(
    ctx: &Context,
    setting: &Setting,
    which: Which<'_>,
    wanted: &Wanted,
    (language, filled): (&Locale, &Filled),
) -> Result<Form> {
    let mut form = form::blank(ctx, setting, which.form, language, filled).await?;
    form.action = path(setting, which, wanted);
    Ok(form)
}

fn path(setting: &Setting, which: Which<'_>, wanted: &Wanted) -> String {
    format!("/p/{}/forms/{}/embed{}", setting.partner.slug, which.form.slug, wanted.query())
}

async fn show(
    ctx: &Context,
    setting: &Setting,
    which: Which<'_>,
    language: &Locale,
    (form, sent): (Option<Form>, Option<SentView>),
) -> Result<Response, Problem> {
    let alone = path(setting, which, &Wanted { lang: Some(language.to_string()), via: None });
    let title = form.as_ref().map_or_else(|| setting.partner.name.clone(), |form| form.title.clone());
    let view = View { form, sent, alone, js: statics::address("frame.js") };
    let page = setting.page(ctx, "public/embed", Head::new(&title, "", language), &view)?;
    Ok(headers::unlisted(headers::private(headers::embedded(
        page,
        &embeds::ancestors(ctx, &setting.partner).await?,
    ))))
}

#[cfg(test)]
impl View {
    /// Before or after.
    pub fn sample(sent: bool) -> Self {
        let view = SentView {
            text: "Your answer is with Northlight MSP.".into(),
            href: "#".into(),
            label: "Open it on the page of Northlight MSP".into(),
        };
        Self {
            form: (!sent).then(|| Form::sample(true)),
            sent: sent.then_some(view),
            alone: "#".into(),
            js: "/static/frame.js".into(),
        }
    }
}
