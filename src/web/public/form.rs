//! The forms of partners' pages: for a whitepaper, and to ask for a conversation.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};

use super::{Head, Setting, Wanted, asset, withdrawn};
use crate::{
    domain::{
        content::{
            Asset, Detail, Library,
            form::{FieldKind, FormField, LeadForm, word_in},
            kinds::Gate,
        },
        engagement::EventKind,
        kernel::{Error, Locale, Result, Slug, clock::UtcMs},
    },
    render::Strings,
    web::{
        error::Problem,
        respond::{self, Answer},
        statics,
        throttle::{Throttle, Wait},
        view::form::{Amiss, Field, Form, Work},
        visitor::Asking,
    },
    work::{
        Context,
        forms::{self, COMPANY_SIZES, FormKind, JOB_ROLES, Refused, Submission, Submitted, TALK_TO_US},
        track::{self, OnPage, Visitor},
    },
};

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
    /// The challenge of a proof of work.
    pub proof_token: String,
    /// The number that was found for it.
    pub proof_number: String,
    /// What was filled into fields that a form has of its own, by their names.
    #[serde(flatten)]
    pub answers: BTreeMap<String, String>,
}

/// Which form: of which page, what it counts as, and its own words and fields.
#[derive(Clone, Copy)]
pub struct Which<'a> {
    /// The asset that it is about.
    pub asset: &'a str,
    /// What it asks.
    pub form: &'a LeadForm,
}

impl<'a> Which<'a> {
    /// The form of an asset: the one that it chooses, or that of its kind; of a gated whitepaper, and of a webinar that has not
    /// begun, and of others that choose one.
    pub fn of(library: &'a Library, asset: &'a Asset, now_ms: UtcMs) -> Option<Self> {
        let chosen = library.lead_form(asset).map(Slug::as_str);
        let name = match &asset.detail {
            Detail::Whitepaper(paper) if paper.gate == Gate::Form => chosen.or(Some("whitepaper")),
            Detail::Webinar(webinar) => {
                let start = webinar.begins().filter(|_| webinar.registration.is_none());
                let ahead = start.is_some_and(|start| start.timestamp_millis() > now_ms);
                ahead.then_some(chosen.unwrap_or("webinar"))
            }
            _ => chosen,
        };
        Some(Self { asset: &asset.reference, form: library.form(name?)? })
    }

    /// The form to ask for a call.
    fn talk(library: &'a Library, asset: &'a Asset) -> Result<Self> {
        let name = library.lead_form(asset).map_or(TALK_TO_US_FORM, Slug::as_str);
        let form = library.form(name).ok_or_else(|| Error::internal(format!("there is no form `{name}`")))?;
        Ok(Self { asset: TALK_TO_US, form })
    }
}

/// The name of the form to ask for a call.
const TALK_TO_US_FORM: &str = "talk-to-us";

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
    let mut setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let what = OnPage {
        kind: EventKind::PageView,
        partner: setting.partner.slug.as_str(),
        asset: TALK_TO_US,
        revision: None,
        via: wanted.delivery(&ctx),
        lead: None,
    };
    let seen = track::placed(&ctx, &what, wanted.placement(&ctx, &setting.partner), &visitor);
    setting.trap = seen.trap_token(&ctx);
    let form = talk_form(&ctx, &setting, &wanted, &Filled::default()).await?;
    let page = show_talk(&ctx, &setting, form);
    seen.settled(&ctx).await;
    page
}

fn show_talk(ctx: &Context, setting: &Setting, form: Form) -> Answer {
    let (asset, voice) = (setting.asset(TALK_TO_US)?, setting.voice()?);
    let language = setting.language(ctx, asset);
    let summary =
        asset.front.summary.as_ref().map(|summary| voice.text(summary)).transpose()?.unwrap_or_default();
    let view = TalkView {
        title: voice.text(&asset.front.title)?,
        body: setting.html(&asset.text_for(&setting.reader()))?,
        summary,
        form,
    };
    let head = Head::new(&view.title, &view.summary, &language);
    setting.page(ctx, "public/talk", head, &view)
}

/// `POST /p/{partner}/talk-to-us`
pub async fn talk_sent(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(filled): Body<Filled>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let asset = setting.asset(TALK_TO_US)?;
    let language = setting.language(&ctx, asset);
    let which = Which::talk(&setting.library, asset)?;
    let what = submission(&ctx, &setting, which, &filled, &wanted, &language);
    match send(&ctx, &throttle, what, &visitor).await? {
        Sent::Accepted(to) => Ok(respond::see_other(&to)),
        Sent::Refused(amiss) => {
            let refused = Refusal::of(&amiss);
            let form = talk_form(&ctx, &setting, &wanted, &filled)
                .await?
                .with(Some(amiss), &ctx.templates.strings(&language));
            Ok(refused.on(show_talk(&ctx, &setting, form)?))
        }
    }
}

/// `POST /p/{partner}/{folder}/{slug}`: the form of a whitepaper or a webinar.
pub async fn asset_sent(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(filled): Body<Filled>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    if let Some(instead) = withdrawn::instead(&ctx, &setting, &reference, &wanted).await? {
        return Ok(instead);
    }
    let asset = setting.asset(&reference)?;
    let language = setting.language(&ctx, asset);
    let published = super::home::is_published(&setting, asset, ctx.now_ms());
    let which = Which::of(&setting.library, asset, ctx.now_ms()).filter(|_| published);
    let which = which.ok_or_else(Problem::no_page)?;
    let what = submission(&ctx, &setting, which, &filled, &wanted, &language);
    match send(&ctx, &throttle, what, &visitor).await? {
        Sent::Accepted(to) => Ok(respond::see_other(&to)),
        Sent::Refused(amiss) => {
            let refused = Refusal::of(&amiss);
            let form = asset_form(&ctx, &setting, which, &wanted, &language, &filled)
                .await?
                .with(Some(amiss), &ctx.templates.strings(&language));
            Ok(refused.on(asset::show(&ctx, &setting, &reference, &wanted, Some(form)).await?))
        }
    }
}

/// The page again, marked as not accepted.
pub struct Refusal {
    wait: Option<Wait>,
}

impl Refusal {
    /// What a form's fate means for the answer.
    pub fn of(amiss: &Amiss) -> Self {
        match amiss {
            Amiss::Faults(_) | Amiss::Rushed | Amiss::Unproven => Self { wait: None },
            Amiss::Wait(wait) => Self { wait: Some(*wait) },
        }
    }

    /// RFC 9110 section 15.5.21, RFC 6585 section 4.
    pub fn on(self, mut page: Response) -> Response {
        *page.status_mut() = match self.wait {
            None => StatusCode::UNPROCESSABLE_ENTITY,
            Some(wait) => {
                page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
                StatusCode::TOO_MANY_REQUESTS
            }
        };
        page
    }
}

/// What became of a form.
pub enum Sent {
    /// Where to go on.
    Accepted(String),
    /// Why it was not taken.
    Refused(Amiss),
}

/// Hands a form to the use case, unless there were too many.
///
/// # Errors
/// Everything but faults of the person who typed.
pub(super) async fn send(
    ctx: &Context,
    throttle: &Throttle,
    what: Submission,
    visitor: &Visitor,
) -> Result<Sent, Problem> {
    if let Err(wait) = throttle.form(ctx, visitor, &what.email) {
        return Ok(Sent::Refused(Amiss::Wait(wait)));
    }
    outcome(forms::submit(ctx, what, visitor).await)
}

/// Where to go on, or what to mend.
///
/// # Errors
/// Everything but faults of the person who typed.
pub fn outcome(result: Result<Submitted, Refused>) -> Result<Sent, Problem> {
    match result {
        Ok(submitted) => Ok(Sent::Accepted(format!("/r/{}", submitted.access_token))),
        Err(Refused::Faults(faults)) => Ok(Sent::Refused(Amiss::Faults(faults))),
        Err(Refused::Rushed) => Ok(Sent::Refused(Amiss::Rushed)),
        Err(Refused::Unproven) => Ok(Sent::Refused(Amiss::Unproven)),
        Err(Refused::Error(error)) => Err(error.into()),
    }
}

pub(super) fn submission(
    ctx: &Context,
    setting: &Setting,
    which: Which<'_>,
    filled: &Filled,
    wanted: &Wanted,
    language: &Locale,
) -> Submission {
    let filled = filled.clone();
    Submission {
        partner: setting.partner.slug.to_string(),
        asset: which.asset.to_owned(),
        kind: FormKind::from(which.form.counts_as),
        form: Some(which.form.slug.clone()),
        answers: filled.answers.into_iter().collect(),
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
        placement: wanted.placement(ctx, &setting.partner),
        proof: (filled.proof_token, filled.proof_number),
        locale: language.clone(),
    }
}

/// The form of an asset with what was typed.
///
/// # Errors
/// The consent's text is missing.
pub async fn asset_form(
    ctx: &Context,
    setting: &Setting,
    which: Which<'_>,
    wanted: &Wanted,
    language: &Locale,
    filled: &Filled,
) -> Result<Form> {
    let mut form = blank(ctx, setting, which.form, language, filled).await?;
    form.action = format!("/p/{}/{}{}#form", setting.partner.slug, which.asset, wanted.query());
    Ok(form)
}

async fn talk_form(ctx: &Context, setting: &Setting, wanted: &Wanted, filled: &Filled) -> Result<Form> {
    let asset = setting.asset(TALK_TO_US)?;
    let language = setting.language(ctx, asset);
    let which = Which::talk(&setting.library, asset)?;
    let mut form = blank(ctx, setting, which.form, &language, filled).await?;
    form.action = format!("/p/{}/talk-to-us{}#form", setting.partner.slug, wanted.query());
    Ok(form)
}

/// A form with what was typed.
pub(super) async fn blank(
    ctx: &Context,
    setting: &Setting,
    lead_form: &LeadForm,
    language: &Locale,
    filled: &Filled,
) -> Result<Form> {
    let strings = ctx.templates.strings(language);
    let (title, text, button) = match FormKind::from(lead_form.counts_as) {
        FormKind::Whitepaper => ("form_paper", Some("form_paper_text"), "form_paper_send"),
        FormKind::Webinar => ("form_webinar", Some("form_webinar_text"), "register"),
        FormKind::TalkToUs => ("form_talk", None, "form_talk_send"),
    };
    Ok(Form {
        title: word_in(&lead_form.title, language).unwrap_or_else(|| strings.get(title)).to_owned(),
        // Words of one's own have no usual ones beside them.
        text: word_in(&lead_form.text, language)
            .or_else(|| text.filter(|_| lead_form.title.is_empty()).map(|text| strings.get(text)))
            .map(str::to_owned),
        action: String::new(),
        button: word_in(&lead_form.button, language).unwrap_or_else(|| strings.get(button)).to_owned(),
        fields: lead_form.fields.iter().map(|of| field(&strings, of, filled, language)).collect(),
        consent: consent(setting, lead_form.consent.0.as_str(), language)?,
        consented: filled.consent == "yes",
        consent_fault: None,
        faults: Vec::new(),
        notice: None,
        proof: forms::challenge(ctx, setting.partner.slug.as_str(), lead_form, &filled.proof_token)
            .await?
            .map(|given| Work { token: given.token, bits: given.bits, js: statics::address("proof.js") }),
    })
}

/// A field with what was typed into it.
fn field(strings: &Strings, of: &FormField, filled: &Filled, language: &Locale) -> Field {
    let t = |key: &'static str| strings.get(key);
    let nothing = String::new();
    let (usual, value, autocomplete) = match of.name.as_str() {
        "name" => ("field_name", &filled.name, "name"),
        "email" => ("field_email", &filled.email, "email"),
        "company" => ("field_company", &filled.company, "organization"),
        "phone" => ("field_phone", &filled.phone, "tel"),
        "job_role" => ("field_job_role", &filled.job_role, ""),
        "company_size" => ("field_company_size", &filled.company_size, ""),
        "message" => ("field_message", &filled.message, ""),
        _ => ("", &nothing, ""),
    };
    let value = if usual.is_empty() { filled.answers.get(&of.name).unwrap_or(&nothing) } else { value };
    let label = word_in(&of.label, language);
    let label = label.unwrap_or_else(|| if usual.is_empty() { of.name.as_str() } else { strings.get(usual) });
    let mut field = Field::new(&of.name, of.kind.as_str(), label, value).autocomplete(autocomplete);
    field.chars_max = of.chars_max;
    // A message invites by itself; of the other fields people are told which they may leave out.
    if of.required {
        field = field.required();
    } else if of.kind != FieldKind::Textarea && of.kind != FieldKind::Checkbox {
        field = field.optional(t("optional"));
    }
    let choose = [("", t("choose_one"))];
    match (of.kind, of.name.as_str()) {
        (FieldKind::Select, "job_role") => {
            let jobs = JOB_ROLES.iter().map(|job| (*job, job_label(strings, job)));
            field.choices(choose.into_iter().chain(jobs))
        }
        (FieldKind::Select, "company_size") => {
            field.choices(choose.into_iter().chain(COMPANY_SIZES.iter().map(|size| (*size, *size))))
        }
        (FieldKind::Select, _) => {
            let own = of.options.iter().map(|option| {
                (option.value.as_str(), word_in(&option.label, language).unwrap_or(&option.value))
            });
            field.choices(choose.into_iter().chain(own))
        }
        _ => field,
    }
}

fn job_label<'a>(strings: &'a Strings, job: &str) -> &'a str {
    strings.get(match job {
        "executive" => "job_executive",
        "it" => "job_it",
        "operations" => "job_operations",
        _ => "job_other",
    })
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
            notice: None,
            proof: None,
        };
        let fault = |field: &str, message: &str| crate::web::view::form::Fault {
            field: field.into(),
            message: message.into(),
        };
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
