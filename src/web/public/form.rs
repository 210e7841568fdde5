//! The forms of partners' pages: for a whitepaper, and to ask for a conversation.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{Head, Setting, Wanted, asset};
use crate::{
    domain::{
        content::Detail,
        engagement::EventKind,
        kernel::{Error, Locale, Result},
    },
    render::Strings,
    web::{
        error::Problem,
        respond::{self, Answer},
        view::form::{Fault, Field, Form},
        visitor::Asking,
    },
    work::{
        Context,
        forms::{self, FormKind, Refused, Submission},
        track::{self, OnPage, Visitor},
    },
};

/// The asset that stands for the hand-raise page.
pub const TALK: &str = "pages/talk-to-us";
/// Sizes of companies, as `rules/scoring.toml` names them.
const SIZES: [&str; 5] = ["1-9", "10-49", "50-249", "250-999", "1000+"];
/// Job roles, as `rules/scoring.toml` names them, with the key of their label.
const JOBS: [(&str, &str); 4] =
    [("executive", "job_executive"), ("it", "job_it"), ("operations", "job_operations"), ("other", "job_other")];

/// What was typed. Everything may be missing; the use case says what is wrong.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Filled {
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Company.
    pub company: String,
    /// Job role.
    pub job_role: String,
    /// Company size.
    pub company_size: String,
    /// Telephone.
    pub phone: String,
    /// What it is about.
    pub message: String,
    /// `yes` when ticked.
    pub consent: String,
    /// The trap: people do not see it.
    pub website: String,
}

/// The hand-raise page.
#[derive(Debug, Serialize)]
pub struct TalkView {
    /// Title.
    pub title: String,
    /// Summary.
    pub summary: String,
    /// HTML.
    pub body: String,
    /// The form.
    pub form: Form,
}

/// `GET /p/{partner}/talk-to-us`
pub async fn talk(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let what = OnPage {
        kind: EventKind::PageView,
        partner: setting.partner.slug.as_str(),
        asset: TALK,
        via: wanted.delivery(&ctx),
        lead: None,
    };
    track::on_page(&ctx, &what, &visitor);
    let form = talk_form(&ctx, &setting, &wanted, &Filled::default())?;
    show_talk(&ctx, &setting, form)
}

fn show_talk(ctx: &Context, setting: &Setting, form: Form) -> Answer {
    let (asset, voice) = (setting.asset(TALK)?, setting.voice()?);
    let language = setting.language(ctx, asset);
    let summary = asset.front.summary.as_ref().map(|summary| voice.text(summary)).transpose()?.unwrap_or_default();
    let view = TalkView {
        title: voice.text(&asset.front.title)?,
        body: setting.html(&asset.body.for_everyone())?,
        summary,
        form,
    };
    let head = Head { title: &view.title, description: &view.summary, language: &language };
    setting.page(ctx, "public/talk", head, &view)
}

/// `POST /p/{partner}/talk-to-us`
pub async fn talk_sent(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Body(filled): Body<Filled>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let language = setting.language(&ctx, setting.asset(TALK)?);
    let what = submission(&ctx, &setting, (TALK, FormKind::TalkToUs), &filled, &wanted, &language);
    match send(&ctx, what, &visitor).await? {
        Sent::Accepted(to) => Ok(respond::see_other(&to)),
        Sent::Faulty(faults) => {
            let form = talk_form(&ctx, &setting, &wanted, &filled)?.with_faults(faults);
            Ok(unprocessable(show_talk(&ctx, &setting, form)?))
        }
    }
}

/// `POST /p/{partner}/{folder}/{slug}`: the form of a whitepaper.
pub async fn whitepaper_sent(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Body(filled): Body<Filled>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    let asset = setting.asset(&reference)?;
    let language = setting.language(&ctx, asset);
    if !matches!(asset.detail, Detail::Whitepaper(_)) || !super::home::is_published(&setting, asset, ctx.now_ms()) {
        return Err(Problem::no_page());
    }
    let what = submission(&ctx, &setting, (&reference, FormKind::Whitepaper), &filled, &wanted, &language);
    match send(&ctx, what, &visitor).await? {
        Sent::Accepted(to) => Ok(respond::see_other(&to)),
        Sent::Faulty(faults) => {
            let mut form = blank(&ctx, &setting, "whitepaper", &language, &filled)?;
            form.action = format!("/p/{}/{reference}{}#form", setting.partner.slug, wanted.query());
            let form = form.with_faults(faults);
            Ok(unprocessable(asset::show(&ctx, &setting, &reference, &wanted, Some(form))?))
        }
    }
}

/// The page again, marked as not accepted (RFC 9110 section 15.5.21).
pub fn unprocessable(mut page: axum::response::Response) -> axum::response::Response {
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    page
}

/// What became of a form.
pub enum Sent {
    /// Where to go on.
    Accepted(String),
    /// What is wrong with it.
    Faulty(Vec<Fault>),
}

/// Hands a form to the use case.
///
/// # Errors
/// Everything but faults of the person who typed.
pub async fn send(ctx: &Context, what: Submission, visitor: &Visitor) -> Result<Sent, Problem> {
    match forms::submit(ctx, what, visitor).await {
        Ok(submitted) => Ok(Sent::Accepted(format!("/r/{}", submitted.access_token))),
        Err(Refused::Faults(faults)) => Ok(Sent::Faulty(
            faults
                .into_iter()
                .map(|fault| Fault { field: fault.field.to_owned(), message: fault.message })
                .collect(),
        )),
        Err(Refused::Error(error)) => Err(error.into()),
    }
}

fn submission(
    ctx: &Context,
    setting: &Setting,
    (asset, kind): (&str, FormKind),
    filled: &Filled,
    wanted: &Wanted,
    language: &Locale,
) -> Submission {
    let filled = filled.clone();
    Submission {
        partner: setting.partner.slug.to_string(),
        asset: asset.to_owned(),
        kind,
        name: filled.name,
        email: filled.email,
        company: filled.company,
        job_role: filled.job_role,
        company_size: filled.company_size,
        phone: filled.phone,
        message: filled.message,
        consent: filled.consent == "yes",
        website: filled.website,
        via: wanted.delivery(ctx),
        locale: language.to_string(),
    }
}

/// The blank form of a whitepaper.
///
/// # Errors
/// The consent's text is missing.
pub fn whitepaper_form(
    ctx: &Context,
    setting: &Setting,
    reference: &str,
    wanted: &Wanted,
    language: &Locale,
) -> Result<Form> {
    let mut form = blank(ctx, setting, "whitepaper", language, &Filled::default())?;
    form.action = format!("/p/{}/{reference}{}#form", setting.partner.slug, wanted.query());
    Ok(form)
}

fn talk_form(ctx: &Context, setting: &Setting, wanted: &Wanted, filled: &Filled) -> Result<Form> {
    let language = setting.language(ctx, setting.asset(TALK)?);
    let mut form = blank(ctx, setting, "talk-to-us", &language, filled)?;
    form.action = format!("/p/{}/talk-to-us{}#form", setting.partner.slug, wanted.query());
    Ok(form)
}

/// The form `id` (as in `rules/consent.toml`) with what was typed.
fn blank(ctx: &Context, setting: &Setting, id: &str, language: &Locale, filled: &Filled) -> Result<Form> {
    let strings = ctx.templates.strings(language);
    let talk = id == "talk-to-us";
    let (title, button) = if talk { ("form_talk", "form_talk_send") } else { ("form_paper", "form_paper_send") };
    Ok(Form {
        title: strings.get(title).to_owned(),
        text: (!talk).then(|| strings.get("form_paper_text").to_owned()),
        action: String::new(),
        button: strings.get(button).to_owned(),
        fields: fields(strings, filled, talk),
        consent: consent(setting, id, language)?,
        consented: filled.consent == "yes",
        consent_fault: None,
        faults: Vec::new(),
    })
}

fn fields(strings: &Strings, filled: &Filled, talk: bool) -> Vec<Field> {
    let t = |key: &'static str| strings.get(key);
    let optional = t("optional");
    let mut fields = vec![
        Field::new("name", "text", t("field_name"), &filled.name).required().autocomplete("name"),
        Field::new("email", "email", t("field_email"), &filled.email).required().autocomplete("email"),
        Field::new("company", "text", t("field_company"), &filled.company).required().autocomplete("organization"),
    ];
    let choose = [("", t("choose_one"))];
    if talk {
        fields.push(Field::new("phone", "tel", t("field_phone"), &filled.phone).optional(optional).autocomplete("tel"));
        fields.push(Field::new("message", "textarea", t("field_message"), &filled.message));
    } else {
        let jobs = JOBS.iter().map(|(value, key)| (*value, t(key)));
        let sizes = SIZES.iter().map(|size| (*size, *size));
        fields.push(
            Field::new("job_role", "select", t("field_job_role"), &filled.job_role)
                .optional(optional)
                .choices(choose.into_iter().chain(jobs)),
        );
        fields.push(
            Field::new("company_size", "select", t("field_company_size"), &filled.company_size)
                .optional(optional)
                .choices(choose.into_iter().chain(sizes)),
        );
    }
    fields
}

/// The words a person agrees to, with the names filled in.
pub fn consent(setting: &Setting, id: &str, language: &Locale) -> Result<String> {
    let missing = || Error::internal(format!("rules/consent.toml has no text `{id}`"));
    let text = setting.library.rules.consent(id).ok_or_else(missing)?;
    let (_, template) = text.text_in(language).ok_or_else(missing)?;
    setting.voice()?.text(template)
}

#[cfg(test)]
impl Form {
    /// A whitepaper's form; with faults, as it comes back.
    pub fn sample(faulty: bool) -> Self {
        let text = |name, kind, label: &str, value: &str| Field::new(name, kind, label, value);
        let form = Self {
            title: "Read the whole paper".into(),
            text: Some("Fill this in and read on at once. The PDF is yours to keep.".into()),
            action: "#".into(),
            button: "Read the whitepaper".into(),
            fields: vec![
                text("name", "text", "Your name", if faulty { "Ana Ruiz" } else { "" }).required(),
                text("email", "email", "Work email", if faulty { "ana@" } else { "" }).required(),
                text("company", "text", "Company", "").required(),
                text("job_role", "select", "Your role", "it").optional("optional").choices([
                    ("", "Choose one"),
                    ("executive", "Management"),
                    ("it", "IT"),
                ]),
            ],
            consent: "Northlight MSP and Brackenfold may contact me by email or phone about this paper and related services. I can withdraw this at any time through the link in each email.".into(),
            consented: false,
            consent_fault: None,
            faults: Vec::new(),
        };
        let fault = |field: &str, message: &str| Fault { field: field.into(), message: message.into() };
        if faulty {
            form.with_faults(vec![
                fault("email", "“ana@” is not an email address; write it like ana@example.org"),
                fault("company", "Enter your company’s name"),
                fault("consent", "Tick the box if you agree; without it nothing is stored"),
            ])
        } else {
            form
        }
    }
}

#[cfg(test)]
impl TalkView {
    /// Northlight's.
    pub fn sample() -> Self {
        Self {
            title: "Talk to us".into(),
            summary: "Tell us which system worries you, and a person at our company will answer within the working day.".into(),
            body: "<p>Tell us in a sentence or two what you would like to talk about.</p><p><strong>What happens next.</strong> A person at Northlight MSP reads your message and replies within one working day.</p>".into(),
            form: Form::sample(false),
        }
    }
}
