//! The evidence card of a lead, as its rep sees it.

use chrono_tz::Tz;
use serde::Serialize;

use super::actions::{self, Actions};
use crate::{
    domain::{
        engagement::EventKind,
        kernel::{
            Error,
            clock::{DAY_MS, UtcMs},
        },
        partner::contact::first_name,
    },
    render::{
        html::{self, Hooks, Profile},
        slots::{SlotTable, escape_url_part},
    },
    store::{self, events::Event, offers::Offer},
    web::view::{
        Fact,
        chart::Badge,
        clock::Running,
        conflict,
        lead::{self, ConsentLine, Evidence, Points},
        when::Moment,
        words,
    },
    work::{Context, cobrand::page_path, desk::Rep, forms::WROTE, handoff::code, lead_card::Card},
};

/// The card.
#[derive(Debug, Serialize)]
pub struct CardView {
    /// `Asked to talk`
    pub heat: &'static str,
    /// Its tone.
    pub heat_tone: &'static str,
    /// Where the lead stands.
    pub stage: Badge,
    /// Full name.
    pub name: String,
    /// First name.
    pub first_name: String,
    /// Company.
    pub company: String,
    /// Why this rep, why now.
    pub why: String,
    /// Who turned it down before it came to the channel manager.
    pub passed: Vec<Passed>,
    /// What was just done, or how it was answered.
    pub notice: Option<Badge>,
    /// That another partner knows the person, too.
    pub conflict: Option<conflict::Note>,
    /// That they wrote back to a mail of late.
    pub wrote_back: Option<String>,
    /// The clock that runs.
    pub clock: Option<Running>,
    /// Those that were stopped, the latest first.
    pub past: Vec<Running>,
    /// What may be done.
    pub actions: Actions,
    /// What it was said to be worth, newest first.
    pub amounts: Vec<Worth>,
    /// What happened so far, newest first.
    pub steps: Vec<Step>,
    /// What to do next.
    pub next_steps: Vec<String>,
    /// Whether the mail is for before anybody has reached them.
    pub is_first_mail: bool,
    /// A mail, opened in the mail program.
    pub mailto: String,
    /// Its subject.
    pub mail_subject: String,
    /// Its text.
    pub mail_body: String,
    /// What they may say, and an answer.
    pub objections: Vec<Objection>,
    /// HTML.
    pub talk_track: String,
    /// How to reach them, at the top: telephone, where it is known, and address.
    pub reach: Vec<Fact>,
    /// Name, telephone, address.
    pub facts: Vec<Fact>,
    /// Points.
    pub score: i64,
    /// Grade.
    pub fit: String,
    /// Why it qualified.
    pub qualification: String,
    /// What gave points.
    pub score_lines: Vec<Points>,
    /// What speaks for the fit.
    pub fit_lines: Vec<String>,
    /// What they did.
    pub events: Vec<Evidence>,
    /// What they wrote, newest first.
    pub words: Vec<Said>,
    /// What they agreed to and what they took back.
    pub consents: Vec<ConsentLine>,
}

/// Each text once, as the person last said.
fn consents(all: &[store::leads::Consent], zone: Tz) -> Vec<ConsentLine> {
    let mut said: Vec<(&str, i64)> = Vec::new();
    let mut lines = Vec::new();
    for consent in all {
        let text = (consent.text_id.as_str(), consent.text_version);
        if !said.contains(&text) {
            said.push(text);
            lines.push(ConsentLine::of(consent, zone));
        }
    }
    lines
}

/// Somebody who turned the lead down.
#[derive(Debug, Serialize)]
pub struct Passed {
    /// Their name.
    pub who: String,
    /// The reason they gave.
    pub why: String,
}

/// Who turned down a lead that is offered to a channel manager for that reason, first come first; nobody for other
/// offers, for colleagues need not justify themselves to one another.
pub fn turned_down(offer: &Offer, all: &[Offer]) -> Vec<Passed> {
    let before = all.iter().rev().filter(|one| {
        offer.contact_id.is_none() && one.contact_id.is_some() && one.answer.as_deref() == Some("rejected")
    });
    before
        .map(|one| Passed { who: one.rep_name.clone(), why: one.answer_reason.clone().unwrap_or_default() })
        .collect()
}

/// What somebody said that it is worth.
#[derive(Debug, Serialize)]
pub struct Worth {
    /// `USD 12,500`
    pub amount: String,
    /// `Sales qualified, by Luis Ortega, to be closed on 2027-03-31`
    pub text: String,
    /// When they said so.
    pub at: Moment,
}

impl Worth {
    fn of(amount: &store::leads::Amount, zone: Tz) -> Option<Self> {
        let sum = crate::domain::lead::Amount::stored(amount.minor_units, &amount.currency).ok()?;
        let on = amount.close_date.as_ref().map_or(String::new(), |on| format!(", close date {on}"));
        let stage = lead::stage(&amount.stage).text;
        let text = format!("{stage}, by {}{on}", amount.actor);
        Some(Self { amount: sum.to_string(), text, at: Moment::full(amount.at_ms, zone) })
    }
}

/// What the person wrote.
#[derive(Debug, Serialize)]
pub struct Said {
    /// Their words.
    pub text: String,
    /// When.
    pub at: Moment,
}

/// Something that happened to the lead.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Who, and what.
    pub text: String,
    /// When.
    pub at: Moment,
}

/// What they may say.
#[derive(Debug, Serialize)]
pub struct Objection {
    /// Theirs.
    pub objection: String,
    /// Ours.
    pub answer: String,
}

/// The card as `rep` sees it; `token` is that of the offer's link, where the page has one.
pub fn view(ctx: &Context, card: Card, rep: &Rep, token: Option<&str>, done: Option<&str>) -> CardView {
    let (zone, now_ms, library) = (rep.zone, ctx.now_ms(), ctx.library());
    // Whoever looks after the partner sees how it stands with who has it, or had it last.
    let offer = card.offers.iter().find(|offer| offer.is_live()).or(card.offers.first());
    let (heat, heat_tone) = lead::heat(offer.map_or("standard", |offer| offer.temperature.as_str()));
    let title = |reference: &str| {
        library.find(reference, &card.partner.locale).map(|asset| asset.front.title.as_str().to_owned())
    };
    let clocks = card.clocks.iter().rev().map(|clock| Running::of(clock, zone, now_ms));
    let (running, past): (Vec<_>, Vec<_>) = clocks.partition(|clock| clock.running);
    let steps = card.steps.iter().rev().filter(|step| !step.what.starts_with(WROTE)).map(|step| Step {
        text: format!("{}: {}", step.actor, step.what),
        at: Moment::full(step.at_ms, zone),
    });
    CardView {
        actions: actions::of(&card, rep, token, now_ms),
        amounts: card.amounts.iter().filter_map(|amount| Worth::of(amount, zone)).collect(),
        steps: steps.collect(),
        heat,
        heat_tone,
        stage: lead::standing(&card.lead),
        first_name: first_name(&card.lead.name).to_owned(),
        why: offer.map_or_else(|| card.lead.because.clone(), why),
        passed: offer.map(|offer| turned_down(offer, &card.offers)).unwrap_or_default(),
        notice: notice(&card.lead.stage, done),
        wrote_back: wrote_back(&card.events, &card.lead.name, ctx.now_ms()),
        conflict: card.conflict.as_ref().map(|(case, party)| {
            conflict::note(case, party, rep.looks_after(&card.partner).then_some("/desk/conflicts/"))
        }),
        clock: running.into_iter().next(),
        past,
        next_steps: card.next_steps,
        is_first_mail: card.is_first_mail,
        mailto: mailto(&card.lead.email, &card.mail_subject, &card.mail_body),
        mail_subject: card.mail_subject,
        mail_body: card.mail_body,
        objections: card
            .objections
            .into_iter()
            .map(|(objection, answer)| Objection { objection, answer })
            .collect(),
        talk_track: html::fragment(
            &card.talk_track,
            Profile::Page,
            &mut Hooks {
                link: &mut |target| match target {
                    crate::domain::content::Target::Asset(reference) => {
                        page_path(card.partner.slug.as_str(), reference)
                    }
                    crate::domain::content::Target::Url(url) => url.clone(),
                    crate::domain::content::Target::Template(_) => String::new(),
                },
                image: &mut |_| None,
                slots: &mut SlotTable::default(),
            },
        ),
        words: card
            .steps
            .iter()
            .rev()
            .filter_map(|step| {
                let text = step.what.strip_prefix(WROTE)?.to_owned();
                Some(Said { text, at: Moment::full(step.at_ms, zone) })
            })
            .collect(),
        consents: consents(&card.consents, zone),
        reach: facts(&card.lead).into_iter().filter(|fact| fact.href.is_some()).rev().collect(),
        facts: facts(&card.lead).into_iter().chain(lead::answered(&ctx.library(), &card.answers)).collect(),
        score: i64::from(card.standing.score.points),
        fit: card.standing.fit.grade.as_str().to_owned(),
        qualification: card.standing.because,
        score_lines: lead::score_lines(&card.standing.score.lines, zone),
        fit_lines: lead::fit_lines(&card.standing.fit),
        events: card
            .events
            .iter()
            .map(|event| lead::evidence(event, event.asset.as_deref().and_then(title), zone))
            .collect(),
        name: card.lead.name,
        company: card.lead.company,
    }
}

/// Why they have it; what a channel manager wrote who gave it to them may be about the person, and stands here alone.
fn why(offer: &Offer) -> String {
    match offer.given_because.as_deref() {
        Some(because) if !because.is_empty() => format!("{}: {because}", offer.because),
        _ => offer.because.clone(),
    }
}

/// Why nothing was recorded of a lead that changed since the page was read: what is kept, by whom and since when.
pub fn overtaken(card: &Card, zone: Tz, error: &Error) -> String {
    let mut told = format!("Nothing was recorded: {}.", error.public());
    // The step by which it came to where it stands.
    let of_stage = card.steps.iter().rev().take_while(|step| step.stage == card.lead.stage);
    if let Some(step) = of_stage.last() {
        let at = Moment::full(step.at_ms, zone).text;
        told.push_str(&format!(" {} on {at}: {}.", step.actor, step.what.trim_end_matches('.')));
    }
    if let Some(kept) = card.amounts.first()
        && let Some(worth) = Worth::of(kept, zone)
    {
        told.push_str(&format!(" {} is kept: {}, on {}.", worth.amount, worth.text, worth.at.text));
    }
    told
}

/// What was just done, as long as the lead still stands where that led.
fn notice(stage: &str, done: Option<&str>) -> Option<Badge> {
    let (tone, text) = match (stage, done?) {
        ("sal", "accepted") => ("good", "It is yours. The clock for the first contact runs."),
        (_, "accepted") => ("good", "It is yours: you have accepted it before."),
        ("won" | "lost", "contacted") => {
            ("good", "Recorded. The lead is closed as before, and no clock runs.")
        }
        ("sql" | "deal_registered" | "won", "correct") => {
            ("good", "Corrected. What was said before stays below, and the last word counts.")
        }
        ("sql" | "deal_registered", "contacted") => ("good", "Recorded. The clock for the next step runs."),
        ("contacted", "contacted") => ("good", "Recorded. The clock for the next step runs."),
        ("sql", "sql") => ("good", "Recorded. The vendor sees what you expect, and by when."),
        ("deal_registered", "deal") => ("good", "The deal is registered."),
        ("won", "won") => ("good", "Recorded as won. Thank you for telling."),
        ("lost", "lost") => ("warn", "Recorded as lost, with the reason."),
        ("recycled", "close") => {
            ("warn", "Back to nurture, with the reason. Nobody here is asked to do anything now.")
        }
        ("disqualified", "close") => ("warn", "Closed, with the reason."),
        (_, "note") => ("good", "Noted."),
        (_, "hand-on") => {
            ("good", "Handed on: whoever comes next was told, and until they answer it waits for them.")
        }
        (_, "correct-data") => ("good", "Corrected."),
        (_, "more-time") => ("good", "You have as much time again."),
        ("offered", "give") => (
            "good",
            "Done. Both were told. Until they have answered you can give it to somebody else, or back.",
        ),
        (_, "give") => ("good", "Done. Both were told. It is theirs, and their clock runs."),
        _ => return None,
    };
    Some(Badge::new(tone, text))
}

fn facts(lead: &store::leads::Lead) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Name", &lead.name),
        Fact::new("Company", &lead.company),
        Fact::new("Email", &lead.email)
            .leading(format!("mailto:{}", escape_url_part(&lead.email).replace("%40", "@"))),
    ];
    if let Some(phone) = lead.phone.as_deref().filter(|phone| !phone.is_empty()) {
        let digits: String = phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        facts.push(Fact::new("Phone", phone).leading(format!("tel:{digits}")));
    }
    if let Some(role) = lead.job_role.as_deref() {
        // A word of the form's.
        let role = if role == "it" { "IT".to_owned() } else { words(role) };
        facts.push(Fact::new("What they do", role));
    }
    facts.extend(lead.company_size.as_deref().map(|size| Fact::new("People at the company", size)));
    facts.extend([
        Fact::new("Writes in", language(&lead.locale)),
        Fact::new("Came by", &lead.origin),
        Fact::new("In mails", code(&lead.id)),
    ]);
    facts
}

/// A language's name; the tag itself of one that the interface does not speak.
fn language(tag: &str) -> &str {
    match tag.split(['-', '_']).next().unwrap_or_default() {
        "ar" => "Arabic",
        "de" => "German",
        "en" => "English",
        "es" => "Spanish",
        "fr" => "French",
        "ja" => "Japanese",
        "nb" | "no" => "Norwegian",
        "pt" => "Portuguese",
        _ => tag,
    }
}

/// RFC 6068.
fn mailto(to: &str, subject: &str, body: &str) -> String {
    let body = body.replace("\r\n", "\n").replace('\n', "\r\n");
    format!(
        "mailto:{}?subject={}&body={}",
        escape_url_part(to).replace("%40", "@"),
        escape_url_part(subject),
        escape_url_part(&body)
    )
}

/// How long an answer to a mail is news.
const NEWS_MS: i64 = 7 * DAY_MS;

/// That somebody wrote back, while that is news.
fn wrote_back(events: &[Event], name: &str, now_ms: UtcMs) -> Option<String> {
    let is_news = |event: &&Event| event.kind == EventKind::Reply.as_str() && now_ms - event.at_ms < NEWS_MS;
    events.iter().rev().find(is_news).map(|_| {
        format!(
            "{} wrote back to a mail. The text is with what came back by mail; call or answer now.",
            first_name(name)
        )
    })
}

#[cfg(test)]
impl CardView {
    /// Ana Ruiz of Harbor Clinic Group.
    pub fn sample() -> Self {
        use crate::domain::lead::score::ScoreLine;
        let line = |label: &str, raw, after_decay| ScoreLine {
            label: label.into(),
            at_ms: 0,
            raw,
            after_decay,
            note: None,
        };
        let did = |text: &str, minutes: i64, machine: Option<&str>| Evidence {
            text: text.into(),
            badge: machine.map(|why| Badge::new("", format!("machine: {why}"))),
            at: Moment::full(1_799_766_000_000 - minutes * 60_000, chrono_tz::America::Chicago),
        };
        Self {
            heat: "Asked to talk",
            heat_tone: "warn",
            stage: lead::stage("offered"),
            name: "Ana Ruiz".into(),
            first_name: "Ana".into(),
            company: "Harbor Clinic Group".into(),
            why: "She read Proof of Recovery and asked Northlight MSP for a conversation.".into(),
            passed: vec![Passed { who: "Luis Ortega".into(), why: "Nobody here can take it in time: on leave".into() }],
            notice: None,
            conflict: Some(conflict::Note::sample()),
            wrote_back: Some("Ana wrote back to a mail: call now.".into()),
            clock: Some(Running::sample()),
            past: Vec::new(),
            actions: Actions::sample(),
            amounts: vec![Worth {
                amount: "USD 12,500".into(),
                text: "Sales qualified, by Luis Ortega, close date 2027-03-31".into(),
                at: Moment::full(1_799_766_000_000, chrono_tz::America::Chicago),
            }],
            steps: vec![Step {
                text: "partnercast: Offered to Luis Ortega. Luis Ortega receives the leads of Northlight MSP".into(),
                at: Moment::full(1_799_766_000_000, chrono_tz::America::Chicago),
            }],
            next_steps: vec![
                "Accept the lead within one business hour and call within four, even if only to agree on a better time.".into(),
                "Ask what made them write today, listen for a date, and rule out first that they are in an incident right now.".into(),
                "End with one agreed step in the calendar within five business days.".into(),
            ],
            is_first_mail: true,
            mailto: mailto("ana.ruiz@harbor.example", "Your message", "Hello Ana,\nthank you."),
            mail_subject: "Your message to Northlight MSP: a time to talk".into(),
            mail_body: "Hello Ana,\n\nthank you for writing to us. I have just tried to reach you and will try once more today.\n\nKind regards\nLuis Ortega\nNorthlight MSP".into(),
            objections: vec![Objection { objection: "I only wanted a price.".into(), answer: "You shall have one. For tested recovery it depends on two numbers.".into() }],
            talk_track: "<p>This person has asked for you.</p>".into(),
            reach: vec![Fact::new("Phone", "+1 612 555 0199").leading("tel:+16125550199".into())],
            facts: vec![
                Fact::new("Name", "Ana Ruiz"),
                Fact::new("Email", "ana.ruiz@harbor.example").leading("mailto:ana.ruiz@harbor.example".into()),
                Fact::new("Phone", "+1 612 555 0199").leading("tel:+16125550199".into()),
                Fact::new("What they do", "IT"),
                Fact::new("People at the company", "250-999"),
            ],
            score: 82,
            fit: "A".into(),
            qualification: "Asked to talk, which qualifies at once.".into(),
            score_lines: lead::score_lines(&[
                line("asked to talk", 50, 50.0),
                line("asked for a whitepaper: Proof of Recovery", 20, 19.6),
                line("followed a link", 5, 4.9),
                line("read a page", 1, 1.0),
            ], chrono_tz::America::Chicago),
            fit_lines: vec!["business email +2".into(), "250-999 people +3".into(), "IT +3".into()],
            words: vec![Said {
                text: "Our last restore failed. Please call after 14:00.".into(),
                at: Moment::full(1_799_766_000_000, chrono_tz::America::Chicago),
            }],
            consents: vec![
                ConsentLine::sample("I ask Northlight MSP to contact me about my request.", "talk-to-us", true),
                ConsentLine::sample("Northlight MSP and Brackenfold may contact me by email or phone.", "whitepaper", false),
            ],
            events: vec![
                did("followed a link: Proof of Recovery", 63, Some("it came 2 s after the mail was accepted")),
                did("asked for a whitepaper: Proof of Recovery", 12, None),
                did("asked to talk: Talk to us", 2, None),
            ],
        }
    }
}
