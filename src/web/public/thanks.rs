//! After a form: the paper to read and to keep, and a way to talk that asks for nothing twice.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    response::Response,
};
use serde::Serialize;

use super::{
    Head, Setting, Wanted,
    form::{self, Filled, Refusal, Sent},
    withdrawn,
};
use crate::{
    domain::{
        content::AssetKind,
        engagement::EventKind,
        kernel::{Locale, Result, id::LeadId},
    },
    render::html::headings,
    web::{
        error::Problem,
        headers::private,
        respond::{self, Answer},
        throttle::Throttle,
        view::form::{Amiss, Field, Form},
        visitor::Asking,
    },
    work::{
        Context, documents,
        forms::{self, FormKind, Opened, Opening, TALK_TO_US},
        track::{self, OnPage, Recording, Visitor},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `Thank you, Ana.`
    pub thanks: String,
    /// Title of what was unlocked.
    pub title: String,
    /// Where the PDF is.
    pub pdf: Option<String>,
    /// The second-level headings.
    pub contents: Vec<Part>,
    /// HTML.
    pub body: String,
    /// Whether they asked to talk already.
    pub asked: bool,
    /// The form to ask.
    pub form: Option<Form>,
}

/// A line of the contents.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Where it leads.
    pub anchor: String,
    /// What it says.
    pub text: String,
}

/// `GET /r/{access}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(access): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let opened = match opened(&ctx, &access).await? {
        Ok(opened) => opened,
        Err(gone) => return Ok(*gone),
    };
    let seen = record(&ctx, &opened, (EventKind::PageView, None), &wanted, &visitor);
    let stay = seen.stay_token(&ctx);
    let page = show(&ctx, (&access, &wanted), &opened, (&Filled::default(), None), stay).await;
    seen.settled(&ctx).await;
    page
}

/// What the token opens, or the page that says that it was withdrawn.
async fn opened(ctx: &Context, access: &str) -> Result<Result<Opened, Box<Response>>, Problem> {
    match forms::opened(ctx, access).await? {
        Opening::Open(opened) => Ok(Ok(opened)),
        Opening::Withdrawn(lead) | Opening::Erased(lead) => {
            let setting = Setting::of(ctx, &lead.partner_slug, Some(&lead.locale)).await?;
            withdrawn::gone(ctx, &setting).map(|page| Err(Box::new(private(page))))
        }
    }
}

async fn show(
    ctx: &Context,
    (access, wanted): (&str, &Wanted),
    opened: &Opened,
    (filled, amiss): (&Filled, Option<Amiss>),
    stay: Option<String>,
) -> Answer {
    let setting = Setting::of(ctx, &opened.lead.partner_slug, Some(&opened.lead.locale)).await?;
    let setting = Setting { stay, ..setting };
    let asked = opened.asset == TALK_TO_US;
    let asset = setting.asset(if asked { "pages/thanks" } else { &opened.asset })?;
    let language = setting.language(ctx, asset);
    let strings = ctx.templates.strings(&language);
    let nodes = asset.text_for(&setting.reader());
    let paper = asset.kind() == AssetKind::Whitepaper;
    let view = View {
        thanks: strings.fill("thanks", &[("name", &opened.first_name)]),
        title: setting.voice()?.text(&asset.front.title)?,
        pdf: (paper && documents::has_pdf_for(asset, &setting.partner))
            .then(|| format!("/r/{access}/document.pdf{}", wanted.query())),
        contents: if paper {
            contents(&setting.voice()?.nodes(&nodes).unwrap_or_default())
        } else {
            Vec::new()
        },
        body: setting.html(&nodes)?,
        asked,
        form: if asked {
            None
        } else {
            Some(ask(ctx, &setting, (access, wanted), &language, filled)?.with(amiss, &strings))
        },
    };
    let head = Head::new(&view.title, "", &language);
    Ok(private(setting.page(ctx, "public/thanks", head, &view)?))
}

fn contents(nodes: &[crate::domain::content::Node]) -> Vec<Part> {
    headings(nodes).into_iter().map(|(anchor, text)| Part { anchor, text }).collect()
}

/// We know them already, so the form asks only what it is about.
fn ask(
    ctx: &Context,
    setting: &Setting,
    (access, wanted): (&str, &Wanted),
    language: &Locale,
    filled: &Filled,
) -> Result<Form> {
    let strings = ctx.templates.strings(language);
    Ok(Form {
        title: strings.get("form_talk").to_owned(),
        text: Some(strings.fill("form_ask_text", &[("partner", &setting.partner.name)])),
        action: format!("/r/{access}{}#form", wanted.query()),
        button: strings.get("form_talk_send").to_owned(),
        fields: vec![
            Field::new("message", "textarea", strings.get("field_message"), &filled.message),
            Field::new("phone", "tel", strings.get("field_phone"), &filled.phone)
                .optional(strings.get("optional"))
                .autocomplete("tel"),
        ],
        consent: form::consent(setting, FormKind::TalkToUs.consent_id(), language)?,
        consented: filled.consent == "yes",
        consent_fault: None,
        faults: Vec::new(),
        notice: None,
        proof: None,
    })
}

/// `POST /r/{access}`: they want to talk.
pub async fn talk(
    State(ctx): State<Arc<Context>>,
    Path(access): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(filled): Body<Filled>,
) -> Answer {
    let opened = match opened(&ctx, &access).await? {
        Ok(opened) => opened,
        Err(gone) => return Ok(*gone),
    };
    let sent = match throttle.form(&ctx, &visitor, &opened.lead.email) {
        Ok(()) => {
            let (message, phone) = (filled.message.clone(), filled.phone.clone());
            let agreed = filled.consent == "yes";
            form::outcome(forms::raise_hand(&ctx, &opened, message, phone, agreed, &visitor).await)?
        }
        Err(wait) => Sent::Refused(Amiss::Wait(wait)),
    };
    match sent {
        Sent::Accepted(to) => Ok(respond::see_other(&to)),
        Sent::Refused(amiss) => {
            let refused = Refusal::of(&amiss);
            Ok(refused.on(show(&ctx, (&access, &wanted), &opened, (&filled, Some(amiss)), None).await?))
        }
    }
}

/// `GET /r/{access}/document.pdf`
pub async fn document(
    State(ctx): State<Arc<Context>>,
    Path(access): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let opened = match opened(&ctx, &access).await? {
        Ok(opened) => opened,
        Err(gone) => return Ok(*gone),
    };
    let locale = Locale::parse(&opened.lead.locale).unwrap_or_else(|_| Locale::en());
    let made = documents::for_customers(&ctx, &opened.lead.partner_slug, &opened.asset, &locale).await?;
    record(&ctx, &opened, (EventKind::Download, Some(&made.revision)), &wanted, &visitor).settled(&ctx).await;
    let name = documents::file_name(&opened.asset, &opened.lead.partner_slug);
    Ok(respond::attachment("application/pdf", &name, made.pdf.to_vec()))
}

fn record(
    ctx: &Context,
    opened: &Opened,
    (kind, revision): (EventKind, Option<&str>),
    wanted: &Wanted,
    visitor: &Visitor,
) -> Recording {
    let lead = LeadId::parse(&opened.lead.id).ok();
    let partner = opened.lead.partner_slug.as_str();
    let what = OnPage { kind, partner, asset: &opened.asset, revision, via: wanted.delivery(ctx), lead };
    track::on_page(ctx, &what, visitor)
}

#[cfg(test)]
impl View {
    /// The paper, unlocked.
    pub fn sample() -> Self {
        Self {
            thanks: "Thank you, Ana.".into(),
            title: "Proof of Recovery: what boards should ask".into(),
            pdf: Some("/r/x/document.pdf".into()),
            contents: vec![Part {
                anchor: "the-argument-in-brief".into(),
                text: "The argument in brief".into(),
            }],
            body: super::asset::View::sample(None).body,
            asked: false,
            form: Some(Form::sample(false)),
        }
    }
}
