//! Forms: somebody gives their name, and says what we may do with it. One transaction makes or updates the lead,
//! keeps the consent in its words, scores, and hands off when the rule is met.

mod again;
mod came;
mod fields;
mod proof;

use super::{
    cobrand::{CoBrand, no_content},
    context::Context,
    handoff::{
        self, HandOff, Offering,
        conflict::{self, Meeting},
    },
    intake,
    notices::{self, Notice, Words},
    recall::{self, Leads},
    scoring,
    tokens::AccessToken,
    track::{self, Visitor},
    webhooks,
};
use crate::{
    domain::{
        content::{
            asset::Asset,
            form::{CountsAs, LeadForm},
        },
        engagement::{EventKind, Reason},
        kernel::{Error, Kind, Locale, Result, clock::UtcMs, id::LeadId},
        lead::{LeadOrigin, LeadStage, clock::Heat},
        partner::{Partner, contact::first_name},
    },
    store::{
        Tx,
        answers::{self, Answer},
        conflicts, events,
        leads::{self, Lead, NewConsent},
        partners, person, recalls,
    },
};

pub use super::cobrand::TALK_TO_US;
use again::repeats;
use came::{came_by, origin};
pub use fields::{COMPANY_SIZES, FieldFault, JOB_ROLES, Submission, Wrong};
use fields::{Clean, check};
pub use proof::{Given, challenge};

/// Times that a form is taken up again because somebody changed the lead meanwhile, most often the same press of a button.
const TAKES_MAX: usize = 4;
/// Begins the step that holds what a person wrote, in their words.
pub const WROTE: &str = "wrote: ";

/// Which form it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormKind {
    /// Before a whitepaper.
    Whitepaper,
    /// Registration for a webinar.
    Webinar,
    /// "Talk to us".
    TalkToUs,
}

impl From<CountsAs> for FormKind {
    fn from(counts_as: CountsAs) -> Self {
        match counts_as {
            CountsAs::Whitepaper => Self::Whitepaper,
            CountsAs::Webinar => Self::Webinar,
            CountsAs::TalkToUs => Self::TalkToUs,
        }
    }
}

impl FormKind {
    /// The consent text shown with it.
    pub fn consent_id(self) -> &'static str {
        match self {
            Self::Whitepaper => "whitepaper",
            Self::Webinar => "webinar",
            Self::TalkToUs => "talk-to-us",
        }
    }

    fn event(self) -> EventKind {
        match self {
            Self::Whitepaper => EventKind::WhitepaperForm,
            Self::Webinar => EventKind::WebinarRegistered,
            Self::TalkToUs => EventKind::TalkToUs,
        }
    }

    fn origin(self) -> LeadOrigin {
        match self {
            Self::Whitepaper => LeadOrigin::PartnerContent,
            Self::Webinar => LeadOrigin::Webinar,
            Self::TalkToUs => LeadOrigin::HandRaise,
        }
    }
}

/// Why a form was not taken.
#[derive(Debug)]
pub enum Refused {
    /// Faults for the person to mend, all at once; nothing was changed.
    Faults(Vec<FieldFault>),
    /// It came as only mail scanners fill in forms; a person can send it again. Nothing was changed.
    Rushed,
    /// The form asks for a proof of work, and there is none that holds. Nothing was changed.
    Unproven,
    /// Anything else.
    Error(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A form that was taken.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// Opens what the form unlocked.
    pub access_token: String,
    /// What to call the person.
    pub first_name: String,
    /// Whether a sales rep has been asked to call.
    pub qualified: bool,
}

/// Takes a form. A person who presses the button twice fills it once: the second time finds the lead of the first.
///
/// # Errors
/// [`Refused::Faults`] with every fault; [`Refused::Rushed`]; [`Refused::Unproven`]; `NotFound` for a partner or asset that is not there.
pub async fn submit(ctx: &Context, form: Submission, visitor: &Visitor) -> Result<Submitted, Refused> {
    for _ in 1..TAKES_MAX {
        match take(ctx, &form, visitor).await {
            Err(Refused::Error(error)) if error.kind() == Kind::Conflict => {}
            taken => return taken,
        }
    }
    take(ctx, &form, visitor).await
}

async fn take(ctx: &Context, form: &Submission, visitor: &Visitor) -> Result<Submitted, Refused> {
    let library = ctx.library();
    let declared = match &form.form {
        Some(name) => Some(library.form(name).ok_or_else(|| Error::not_found("this form"))?),
        None => None,
    };
    let clean = check(form, declared).map_err(Refused::Faults)?;
    if let Some(mail) = form.via
        && track::is_rushed(ctx, mail, visitor).await?
    {
        return Err(Refused::Rushed);
    }
    let came_by = came_by(ctx, form).await?;
    let media = ctx.media();
    let partner = partners::partner(&ctx.db, &form.partner).await?;
    let partner = partner.ok_or_else(|| Error::not_found("this partner"))?;
    let asset = library.find(&form.asset, &form.locale).ok_or_else(|| Error::not_found("this page"))?;
    let brand = CoBrand::new(&library, &media, &partner, &form.locale, "")?;
    let consent_id = declared.map_or(form.kind.consent_id(), |declared| declared.consent.0.as_str());
    let consent = wording(&brand, &library.rules, form, consent_id)?;
    let title = brand.text(&asset.front.title)?;
    let mut event = track::blank(ctx, form.kind.event(), visitor);
    // A person filled this in and agreed to the text: whatever their program calls itself, nobody who asks to be
    // called is dropped. Machines that fill every field are caught by the honeypot.
    event.judged(&Reason::Form.into());
    event.partner_slug = partner.slug.to_string();
    event.asset = Some(asset.reference.clone());
    event.delivery_id = came_by.as_ref().map(|sent| sent.id.clone());
    event.channel = form.placement.map(|it| it.as_str().to_owned()).unwrap_or_default();
    let origin = origin(&library, form, &title, came_by);

    let known = leads::by_address(&ctx.db, clean.email.as_str(), partner.slug.as_str()).await?;
    let used = proof::check(ctx, declared, form, known.is_some()).await?;
    let known_as = known.as_ref().map(|lead| (lead.updated_ms, lead.stage.clone()));
    let mut lead = updated(ctx, known, &clean, form, &partner, &asset.reference, origin);
    event.lead_id = Some(lead.id.clone());
    let (is_again, is_said) = repeats(ctx, &lead, &event, &clean).await?;
    let standing = scoring::assess(ctx, &lead, (!is_again).then_some(&event)).await?;
    standing.apply(&mut lead);
    let came_through = match library.find(&lead.asset, &form.locale) {
        Some(first) => brand.text(&first.front.title)?,
        None => title.clone(),
    };
    let stage = LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry);
    let heat = if form.kind == FormKind::TalkToUs { Heat::Hot } else { Heat::Standard };
    let may_ask = stage.may_be_offered();
    let asks = (may_ask && standing.qualified_because.is_some()).then_some(heat);
    let meeting = conflict::weigh(ctx, &lead, asks.is_some()).await?;
    let hand_off = match &standing.qualified_because {
        Some(because) if may_ask && meeting.goes() => {
            let offering = Offering::new(&lead, &partner, &came_through, because, heat);
            Some(handoff::prepare(ctx, &offering).await?)
        }
        _ => None,
    };
    let receipt = receipt(ctx, form, &lead, &partner, asset, &title)?;
    let is_asking = form.kind == FormKind::TalkToUs && hand_off.is_none() && known_as.is_some() && !is_said;
    let again = again::asked(ctx, &lead.id, &event.id, is_asking).await?;
    let elsewhere = match asks {
        Some(_) if hand_off.is_none() && !is_said => {
            conflict::tell_who_goes_on(ctx, &meeting, &event.id).await?
        }
        _ => None,
    };
    let qualified = hand_off.is_some();
    let what = step_text(form, &title, &standing);
    let mut tx = ctx.db.begin().await?;
    proof::use_up(&mut tx, used, ctx.now_ms()).await?;
    let event = (!is_again).then_some(event);
    let news = News { known_as, what, clean: &clean, declared, event, consent };
    let case_id = store(ctx, &mut tx, &mut lead, news, (asks, meeting), hand_off).await?;
    for mail in receipt.into_iter().chain(elsewhere) {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    if let Some(again) = again {
        again.store(ctx, &mut tx).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    conflict::settle_now(ctx, case_id).await;
    let lead_id = LeadId::parse(&lead.id)?;
    Ok(Submitted {
        access_token: AccessToken::new(lead_id, &form.asset).sign(&ctx.keys),
        first_name: first_name(&clean.profile.name).to_owned(),
        qualified,
    })
}

/// What a form brings, beside the lead itself.
struct News<'a> {
    /// How the lead was read, where it was known.
    known_as: Option<(UtcMs, String)>,
    what: String,
    clean: &'a Clean,
    declared: Option<&'a LeadForm>,
    /// None where they did it a moment ago.
    event: Option<events::Event>,
    consent: NewConsent,
}

/// Stores everything that one form changes. Returns a conflict to be settled behind it.
async fn store(
    ctx: &Context,
    tx: &mut Tx,
    lead: &mut Lead,
    news: News<'_>,
    (asks, meeting): (Option<Heat>, Meeting),
    hand_off: Option<HandOff>,
) -> Result<Option<String>> {
    let now_ms = ctx.now_ms();
    let News { known_as, what, clean, declared, event, consent } = news;
    // Before any lead is held: whoever answers, decides or takes back holds this first, too.
    conflicts::take_turns(tx).await?;
    match known_as {
        Some((known_ms, stage)) => leads::update(tx, lead, known_ms, &stage).await?,
        None => {
            leads::add(tx, lead).await?;
            leads::add_step(tx, &lead.id, now_ms, &lead.name, &lead.stage, &lead.origin).await?;
            webhooks::lead_created(tx, &*ctx.random, lead).await?;
        }
    }
    leads::add_step(tx, &lead.id, now_ms, &lead.name, &lead.stage, &what).await?;
    if let Some(message) = &clean.message {
        let words = format!("{WROTE}{message}");
        leads::add_step(tx, &lead.id, now_ms, &lead.name, &lead.stage, &words).await?;
    }
    for (name, label, value) in &clean.answers {
        let answer = Answer {
            at_ms: now_ms,
            form: declared.map(|form| form.slug.clone()).unwrap_or_default(),
            version: declared.map_or(0, |form| i64::from(form.version)),
            name: name.clone(),
            label: label.clone(),
            value: value.clone(),
        };
        answers::add(tx, &lead.id, &answer).await?;
    }
    leads::add_consent(tx, &lead.id, now_ms, &consent).await?;
    events::insert(tx, event.into_iter().collect()).await?;
    let case_id = conflict::meet(ctx, tx, lead, asks, meeting).await?;
    if let Some(hand_off) = hand_off {
        hand_off.store(ctx, tx, lead).await?;
    }
    Ok(case_id)
}

fn step_text(form: &Submission, title: &str, standing: &scoring::Standing) -> String {
    let text = match form.kind {
        FormKind::Whitepaper => format!("asked for the whitepaper “{title}”"),
        FormKind::Webinar => format!("registered for “{title}”"),
        FormKind::TalkToUs => "asked to talk".to_owned(),
    };
    format!("{text}. {}", standing.because)
}

/// The consent as the person read it.
fn wording(
    brand: &CoBrand<'_>,
    rules: &crate::domain::content::rules::Rules,
    form: &Submission,
    id: &str,
) -> Result<NewConsent> {
    let text = rules.consent(id).ok_or_else(no_content)?;
    let (locale, template) = text.text_in(&form.locale).ok_or_else(no_content)?;
    Ok(NewConsent {
        text_id: id.to_owned(),
        text_version: i64::from(text.version),
        purpose: text.purpose.clone(),
        wording: brand.text(template)?,
        granted: form.consent,
        locale: locale.to_string(),
    })
}

fn updated(
    ctx: &Context,
    known: Option<Lead>,
    clean: &Clean,
    form: &Submission,
    partner: &Partner,
    asset: &str,
    origin: String,
) -> Lead {
    let now_ms = ctx.now_ms();
    let mut lead = known.unwrap_or_else(|| Lead {
        id: LeadId::new(now_ms, &*ctx.random).to_string(),
        partner_slug: partner.slug.to_string(),
        email: clean.email.to_string(),
        email_key: clean.email.key(),
        name: String::new(),
        company: String::new(),
        phone: None,
        job_role: None,
        company_size: None,
        locale: form.locale.to_string(),
        stage: LeadStage::Inquiry.as_str().to_owned(),
        score: 0,
        fit: "D".to_owned(),
        because: String::new(),
        asset: asset.to_owned(),
        origin,
        owner_name: None,
        owner_email: None,
        created_ms: now_ms,
        updated_ms: now_ms,
        recycled_ms: None,
        reopen_ms: None,
        closed_reason: String::new(),
        asked_again_ms: None,
    });
    intake::add_to(&mut lead, &clean.profile);
    lead.updated_ms = now_ms;
    lead
}

/// The mail that what was asked for can be found again with; none for a hand-raise, where a person will call.
fn receipt(
    ctx: &Context,
    form: &Submission,
    lead: &Lead,
    partner: &Partner,
    asset: &Asset,
    title: &str,
) -> Result<Option<notices::Ready>> {
    if form.kind == FormKind::TalkToUs {
        return Ok(None);
    }
    let strings = ctx.templates.strings(&form.locale);
    let token = AccessToken::new(LeadId::parse(&lead.id)?, &form.asset).sign(&ctx.keys);
    let values = [("title", title), ("partner", partner.name.as_str()), ("name", first_name(&lead.name))];
    let notice = Notice {
        source: format!("receipt:{}:{}", lead.id, asset.reference),
        lead_id: lead.id.clone(),
        to_name: lead.name.clone(),
        to_email: lead.email.clone(),
        partner,
        locale: &form.locale,
        sender: "newsletter",
        words: Words {
            subject: strings.fill("receipt_subject", &values),
            heading: title.to_owned(),
            paragraphs: vec![strings.fill("receipt_text", &values)],
            facts: Vec::new(),
            button: (strings.get("receipt_button").to_owned(), format!("/r/{token}")),
            why: strings.fill("receipt_why", &values),
        },
        stop: Some(strings.get("unsubscribe").to_owned()),
        tracks: true,
    };
    notices::compose(ctx, &notice).map(Some)
}

/// What a form unlocked.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Who.
    pub lead: Lead,
    /// The asset's reference.
    pub asset: String,
    /// What to call them.
    pub first_name: String,
}

/// What an access token opens.
#[derive(Debug, Clone)]
pub enum Opening {
    /// What they asked for, or what replaced it.
    Open(Opened),
    /// It was taken back, and nothing replaced it.
    Withdrawn(Lead),
    /// Whoever asked for it was erased: the link is nobody's any more, and what is done with it is not theirs.
    Erased(Lead),
}

/// What an access token opens.
///
/// # Errors
/// `NotFound` if we did not sign it, or what it opened is gone without having been recalled.
pub async fn opened(ctx: &Context, token: &str) -> Result<Opening> {
    let access = AccessToken::verify(&ctx.keys, token)?;
    let lead = leads::lead(&ctx.db, &access.lead.to_string()).await?;
    let lead = lead.ok_or_else(|| Error::not_found("this page"))?;
    if person::is_erased(&lead.email) {
        return Ok(Opening::Erased(lead));
    }
    let library = ctx.library();
    let known = library.assets.iter().map(|asset| &asset.reference).find(|it| access.is_for(it)).cloned();
    let known = match known {
        Some(known) => Some(known),
        // It may have been removed and recalled: then it leads elsewhere.
        None => recalls::references(&ctx.db).await?.into_iter().find(|it| access.is_for(it)),
    };
    let known = known.ok_or_else(|| Error::not_found("this page"))?;
    let asset = match recall::leads(&ctx.db, &library, &known).await? {
        Some(Leads::To(other)) => other,
        Some(Leads::Nowhere) => return Ok(Opening::Withdrawn(lead)),
        Some(Leads::Itself) | None => known,
    };
    Ok(Opening::Open(Opened { first_name: first_name(&lead.name).to_owned(), lead, asset }))
}

/// A hand-raise by somebody we know already: only their message, telephone and consent are asked for.
///
/// # Errors
/// As [`submit`].
pub async fn raise_hand(
    ctx: &Context,
    opened: &Opened,
    message: String,
    phone: String,
    consent: bool,
    visitor: &Visitor,
) -> Result<Submitted, Refused> {
    let lead = &opened.lead;
    let form = Submission {
        partner: lead.partner_slug.clone(),
        asset: TALK_TO_US.to_owned(),
        kind: FormKind::TalkToUs,
        form: None,
        answers: Vec::new(),
        name: lead.name.clone(),
        email: lead.email.clone(),
        company: lead.company.clone(),
        job_role: lead.job_role.clone().unwrap_or_default(),
        company_size: lead.company_size.clone().unwrap_or_default(),
        phone,
        message,
        consent,
        website: String::new(),
        via: None,
        placement: None,
        proof: (String::new(), String::new()),
        locale: Locale::parse(&lead.locale).unwrap_or_else(|_| Locale::en()),
    };
    submit(ctx, form, visitor).await
}
