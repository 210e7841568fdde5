//! The evidence card of a lead, as its rep sees it.

use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    domain::{lead::RejectReason, partner::contact::first_name},
    render::{
        html::{self, Hooks, Profile},
        slots::{SlotTable, escape_url_part},
    },
    store::{self, leads::Offer},
    web::view::{
        Fact,
        chart::Badge,
        clock::Running,
        lead::{self, ConsentLine, Evidence, Points},
    },
    work::{Context, cobrand::page_path, forms::WROTE, lead_card::Card},
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
    /// The clocks, the running one first.
    pub clocks: Vec<Running>,
    /// Whether it can be accepted or rejected.
    pub can_answer: bool,
    /// Where accepting leads.
    pub accept: String,
    /// Where rejecting leads.
    pub reject: String,
    /// Why one may reject.
    pub reasons: Vec<Reason>,
    /// Where "contacted" leads, once it is theirs.
    pub contacted: Option<String>,
    /// Three things to do.
    pub next_steps: Vec<String>,
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
    pub words: Vec<String>,
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

/// A reason to reject.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// What is sent.
    pub value: &'static str,
    /// What is shown.
    pub label: &'static str,
    /// What it means.
    pub hint: &'static str,
}

/// What they may say.
#[derive(Debug, Serialize)]
pub struct Objection {
    /// Theirs.
    pub objection: String,
    /// Ours.
    pub answer: String,
}

pub fn view(ctx: &Context, token: &str, offer: &Offer, card: Card, done: Option<&str>) -> CardView {
    let (zone, now_ms, library) = (card.partner.zone, ctx.now_ms(), ctx.library());
    let (heat, heat_tone) = lead::heat(&offer.temperature);
    let title = |reference: &str| {
        library.find(reference, &card.partner.locale).map(|asset| asset.front.title.as_str().to_owned())
    };
    let mut clocks: Vec<Running> = card.clocks.iter().map(|clock| Running::of(clock, zone, now_ms)).collect();
    clocks.sort_by_key(|clock| !clock.running);
    let mine = offer.answer.as_deref() == Some("accepted");
    let waits_for_contact =
        card.clocks.iter().any(|clock| clock.kind == "first_contact" && clock.stopped_ms.is_none());
    CardView {
        heat,
        heat_tone,
        stage: lead::stage(&card.lead.stage),
        first_name: first_name(&card.lead.name).to_owned(),
        why: offer.because.clone(),
        passed: turned_down(offer, &card.offers),
        notice: notice(offer, done),
        clocks,
        can_answer: offer.answered_ms.is_none(),
        accept: format!("/o/{token}/accept"),
        reject: format!("/o/{token}/reject"),
        reasons: RejectReason::ALL
            .iter()
            .map(|reason| Reason { value: reason.as_str(), label: reason.label(), hint: "" })
            .collect(),
        contacted: (mine && waits_for_contact).then(|| format!("/desk/leads/{}/contacted", card.lead.id)),
        next_steps: card.next_steps,
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
            .filter_map(|step| step.what.strip_prefix(WROTE))
            .map(str::to_owned)
            .collect(),
        consents: consents(&card.consents, zone),
        facts: facts(&card.lead),
        score: i64::from(card.standing.score.points),
        fit: card.standing.fit.grade.as_str().to_owned(),
        qualification: card.standing.because,
        score_lines: lead::score_lines(&card.standing.score.lines),
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

fn notice(offer: &Offer, done: Option<&str>) -> Option<Badge> {
    match (offer.answer.as_deref(), done) {
        (Some("accepted"), Some("accepted")) => {
            Some(Badge::new("good", "It is yours. The clock for the first contact runs."))
        }
        (Some("accepted"), Some("contacted")) => {
            Some(Badge::new("good", "Recorded. The clock for the next step runs."))
        }
        (Some("rejected"), _) => {
            let reason =
                offer.answer_reason.as_deref().and_then(RejectReason::parse).map_or("", RejectReason::label);
            Some(Badge::new("warn", format!("You turned it down. {reason}").trim().to_owned()))
        }
        _ => None,
    }
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
    let more = [("Role", &lead.job_role), ("Company size", &lead.company_size)];
    facts.extend(
        more.into_iter().filter_map(|(label, value)| value.as_deref().map(|value| Fact::new(label, value))),
    );
    facts.extend([Fact::new("Language", &lead.locale), Fact::new("Came by", &lead.origin)]);
    facts
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

#[cfg(test)]
impl CardView {
    /// Ana Ruiz of Harbor Clinic Group.
    pub fn sample() -> Self {
        use crate::domain::lead::score::ScoreLine;
        use crate::web::view::when::Moment;
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
            clocks: vec![Running::sample()],
            can_answer: true,
            accept: "#".into(),
            reject: "#".into(),
            reasons: RejectReason::ALL.iter().map(|reason| Reason { value: reason.as_str(), label: reason.label(), hint: "" }).collect(),
            contacted: None,
            next_steps: vec![
                "Accept the lead within one business hour and call within four, even if only to agree on a better time.".into(),
                "Ask what made them write today, listen for a date, and rule out first that they are in an incident right now.".into(),
                "End with one agreed step in the calendar within five business days.".into(),
            ],
            mailto: mailto("ana.ruiz@harbor.example", "Your message", "Hello Ana,\nthank you."),
            mail_subject: "Your message to Northlight MSP: a time to talk".into(),
            mail_body: "Hello Ana,\n\nthank you for writing to us. I have just tried to reach you and will try once more today.\n\nKind regards\nLuis Ortega\nNorthlight MSP".into(),
            objections: vec![Objection { objection: "I only wanted a price.".into(), answer: "You shall have one. For tested recovery it depends on two numbers.".into() }],
            talk_track: "<p>This person has asked for you.</p>".into(),
            facts: vec![
                Fact::new("Name", "Ana Ruiz"),
                Fact::new("Email", "ana.ruiz@harbor.example").leading("mailto:ana.ruiz@harbor.example".into()),
                Fact::new("Phone", "+1 612 555 0199").leading("tel:+16125550199".into()),
                Fact::new("Role", "it"),
                Fact::new("Company size", "250-999"),
            ],
            score: 82,
            fit: "A".into(),
            qualification: "Asked to talk, which qualifies at once.".into(),
            score_lines: lead::score_lines(&[
                line("asked to talk", 50, 50.0),
                line("asked for a whitepaper: Proof of Recovery", 20, 19.6),
                line("followed a link", 5, 4.9),
                line("read a page", 1, 1.0),
            ]),
            fit_lines: vec!["business email +2".into(), "250-999 people +3".into(), "IT +3".into()],
            words: vec!["Our last restore failed. Please call after 14:00.".into()],
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
