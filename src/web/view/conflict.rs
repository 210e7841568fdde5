//! A conflict of two partners: the case for whoever may see both, and what each partner is told, which names nobody.

use chrono_tz::Tz;
use serde::Serialize;

use super::{Choice, authored, chart::Badge, lead, when::Moment};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs},
        lead::LeadStage,
    },
    store::{
        conflicts::{self, Case, Party, Step},
        leads,
    },
    work::{
        Context,
        handoff::conflict::{Looked, until},
        names::Names,
    },
};

/// What a lead's card says of a conflict.
#[derive(Debug, Serialize)]
pub struct Note {
    /// `warn` or `good`.
    pub tone: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// What it means.
    pub text: &'static str,
    /// The case, for who may see it.
    pub href: Option<String>,
}

/// What a lead's card says; `cases` begins the address of the case, for who may see it.
pub fn note(case: &Case, party: &Party, cases: Option<&str>) -> Note {
    let goes_on = case.winner.as_deref() == Some(party.partner_slug.as_str());
    let (tone, title, text) = match (case.state.as_str(), party.held, goes_on) {
        ("open", true, _) => (
            "warn",
            "It waits: who goes on is being decided",
            "The person is known through another of our partners too. Until it is decided nobody is offered this lead and nobody \
             else calls.",
        ),
        ("open", false, _) => (
            "warn",
            "Known through another partner too",
            "It is being decided who goes on. Go on as you are meanwhile: nobody else is asked to call.",
        ),
        (_, _, true) => (
            "good",
            "You are the one point of contact",
            "The person is known through another of our partners too. You go on; nobody else calls them.",
        ),
        _ => (
            "warn",
            "It waits: another partner goes on",
            "The person is in touch with another of our partners already, who goes on, so that nobody is called twice. Should \
             that end, this lead is looked at again.",
        ),
    };
    Note { tone, title, text, href: cases.map(|cases| format!("{cases}{}", case.id)) }
}

/// The same in one line, for who has the lead.
pub fn short(state: &str) -> &'static str {
    if state == "open" {
        "Known through another partner too; it is being decided who goes on. Go on meanwhile."
    } else {
        "Known through another partner too. You go on as the one point of contact."
    }
}

/// The same in one line, of a lead that waits.
pub fn held(state: &str) -> &'static str {
    if state == "open" {
        "It is being decided which of the two partners goes on. Nobody is asked to call until then."
    } else {
        "The other partner goes on, and sends no mail in your name. Should that end, the lead is looked at again."
    }
}

/// How a case stands, in a word.
pub fn badge(state: &str) -> Badge {
    match state {
        "open" => Badge::new("warn", "waits for a decision"),
        "decided" => Badge::new("good", "decided"),
        _ => Badge::new("", "over"),
    }
}

/// A case.
#[derive(Debug, Serialize)]
pub struct CaseView {
    /// Whom it is about.
    pub title: String,
    /// How it stands.
    pub state: Badge,
    /// The same in a sentence.
    pub text: String,
    /// The leads, side by side.
    pub sides: Vec<Side>,
    /// How to decide it, while it waits.
    pub decide: Option<Form>,
    /// How to take it up again, once it is decided.
    pub again: Option<Form>,
    /// What happened, newest first.
    pub steps: Vec<Line>,
}

/// A lead of a case.
#[derive(Debug, Serialize)]
pub struct Side {
    /// The partner.
    pub partner: String,
    /// The person.
    pub name: String,
    /// Its page, for who may see it.
    pub href: Option<String>,
    /// Where it stands.
    pub stage: Badge,
    /// Whether it waits, goes on, or neither.
    pub part: Option<Badge>,
    /// Points and grade, who has it, when it was what.
    pub facts: Vec<super::Fact>,
}

/// What is sent to decide, or to take up again.
#[derive(Debug, Serialize)]
pub struct Form {
    /// Where to.
    pub action: String,
    /// What was looked at.
    pub version: i64,
    /// Who may go on.
    pub choices: Vec<Choice>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub struct Line {
    /// When.
    pub at: Moment,
    /// Who, and what.
    pub text: String,
    /// Why.
    pub because: String,
    /// What the leads looked like.
    pub looked: Vec<String>,
}

/// A case for whoever may see both sides; `cases` and `leads` begin the addresses of cases and leads.
///
/// # Errors
/// `NotFound` for no case; those of the store.
pub async fn of_case(
    ctx: &Context,
    id: &str,
    zone: Tz,
    (cases, leads_at): (&str, Option<&str>),
) -> Result<CaseView> {
    let case = conflicts::case(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this conflict"))?;
    let parties = conflicts::parties(&ctx.db, id).await?;
    let steps = conflicts::steps(&ctx.db, id).await?;
    let names = Names::load(&ctx.db).await?;
    let name = |slug: &str| names.of(slug).to_owned();
    let mut sides = Vec::new();
    let mut choices: Vec<Choice> = Vec::new();
    let mut people = Vec::new();
    for party in &parties {
        let Some(lead) = leads::lead(&ctx.db, &party.lead_id).await? else { continue };
        if !people.contains(&lead.name) {
            people.push(lead.name.clone());
        }
        if !choices.iter().any(|choice| choice.value == party.partner_slug) {
            choices.push(Choice::new(&party.partner_slug, &name(&party.partner_slug)));
        }
        sides.push(side(ctx, &case, party, &lead, name(&party.partner_slug), leads_at, zone));
    }
    let form = |action: String, choices| Form { action, version: case.version, choices };
    let winner = case.winner.as_deref().map(&name);
    let time = until(ctx, &case).map(|(due_ms, last_ms)| {
        let at = |ms| Moment::full(ms, zone).text;
        format!(
            " The time to decide ends on {}. If nobody has by {}, the rule for that does.",
            at(due_ms),
            at(last_ms)
        )
    });
    Ok(CaseView {
        title: if case.scope == "account" { case.subject.clone() } else { people.join(", ") },
        state: badge(&case.state),
        text: text(&case, winner.as_deref()) + time.as_deref().unwrap_or_default(),
        sides,
        decide: (case.state == "open").then(|| form(format!("{cases}{id}"), choices)),
        again: (case.state == "decided").then(|| form(format!("{cases}{id}/again"), Vec::new())),
        steps: steps.into_iter().rev().map(|step| line(step, zone, &name)).collect(),
    })
}

fn text(case: &Case, winner: Option<&str>) -> String {
    let whom = if case.scope == "account" { "This company" } else { "This person" };
    match (case.state.as_str(), winner) {
        ("open", _) => format!(
            "{whom} is known through two partners. Until you decide nobody is offered the second lead, and nobody is called twice. \
             Neither partner learns who the other one is."
        ),
        ("decided", Some(winner)) => {
            format!("{winner} goes on. The others wait, and get no mail in their name meanwhile.")
        }
        _ => "It is over: nobody waits any more.".to_owned(),
    }
}

fn side(
    ctx: &Context,
    case: &Case,
    party: &Party,
    lead: &leads::Lead,
    partner: String,
    leads_at: Option<&str>,
    zone: Tz,
) -> Side {
    let library = ctx.library();
    let asset = library.versions(&lead.asset).first().map(|asset| authored(asset.front.title.as_str()));
    let when = |ms: UtcMs| Moment::full(ms, zone).text;
    let owner = lead.owner_name.clone().unwrap_or_else(|| "nobody".to_owned());
    let is_with_somebody = lead.owner_name.is_some() || lead.stage == LeadStage::Offered.as_str();
    let wants = match party.asks.as_str() {
        "" if is_with_somebody => "what whoever has the lead agrees with them",
        "hot" => "a call, which they asked for",
        "" => "nothing yet but to read",
        _ => "a call, by the score",
    };
    let part = if case.state == "over" {
        None
    } else if party.held {
        Some(Badge::new("warn", "waits"))
    } else if case.winner.as_deref() == Some(party.partner_slug.as_str()) {
        Some(Badge::new("good", "goes on"))
    } else {
        LeadStage::parse(&lead.stage)
            .filter(|stage| stage.holds_nurture())
            .map(|_| Badge::new("brand", "in hand"))
    };
    Side {
        partner,
        name: format!("{}, {}", lead.name, lead.company),
        href: leads_at.map(|at| format!("{at}{}", lead.id)),
        stage: lead::stage(&lead.stage),
        part,
        facts: vec![
            super::Fact::new("Owner", owner),
            super::Fact::new("Score, fit", format!("{} / {}", lead.score, lead.fit)),
            super::Fact::new("Came by", asset.unwrap_or_else(|| lead.asset.clone())),
            super::Fact::new("Known since", when(lead.created_ms)),
            super::Fact::new("Last change", when(lead.updated_ms)),
            super::Fact::new("Is to get", wants),
        ],
    }
}

fn line(step: Step, zone: Tz, name: &impl Fn(&str) -> String) -> Line {
    let looked: Vec<Looked> = serde_json::from_str(&step.looked).unwrap_or_default();
    let slugs: Vec<String> = looked.iter().map(|one| one.partner.clone()).collect();
    let of = |one: Looked| {
        let stage = lead::stage(&one.stage).text.to_lowercase();
        let owner = one.owner.map_or(String::new(), |owner| format!(", with {owner}"));
        let asks = if one.asks { ", to be called" } else { "" };
        let last = Moment::full(one.last_ms, zone).text;
        format!(
            "{}: {stage}{owner}{asks}; {} points, fit {}; last seen {last}",
            name(&one.partner),
            one.score,
            one.fit
        )
    };
    // Partners are written down by their slug, which never changes.
    let word = |word: &str| match slugs.iter().find(|slug| word.trim_end_matches('.') == slug.as_str()) {
        Some(slug) => word.replace(slug.as_str(), &name(slug)),
        None => word.to_owned(),
    };
    let text = step.what.split(' ').map(word).collect::<Vec<_>>().join(" ");
    Line {
        at: Moment::full(step.at_ms, zone),
        text: format!("{}: {text}", step.actor),
        because: step.because,
        looked: looked.into_iter().map(of).collect(),
    }
}

#[cfg(test)]
impl Note {
    /// It goes on.
    pub fn sample() -> Self {
        Self {
            tone: "good",
            title: "You are the one point of contact",
            text: "The person is known through another of our partners too. You go on; nobody else calls them.",
            href: Some("#".into()),
        }
    }
}

#[cfg(test)]
impl CaseView {
    /// Ana, known through two.
    pub fn sample(open: bool) -> Self {
        let side = |partner: &str, stage: &str, part| Side {
            partner: partner.into(),
            name: "Ana Ruiz, Harbor Clinic Group".into(),
            href: Some("#".into()),
            stage: lead::stage(stage),
            part: Some(part),
            facts: vec![super::Fact::new("Owner", "Luis Ortega"), super::Fact::new("Score, fit", "82 / A")],
        };
        let form = |choices| Form { action: "#".into(), version: 1, choices };
        Self {
            title: "Ana Ruiz".into(),
            state: badge(if open { "open" } else { "decided" }),
            text: "This person is known through two partners.".into(),
            sides: vec![
                side("Northlight MSP", "sal", Badge::new("brand", "in hand")),
                side("Thornbury Cloud", "inquiry", Badge::new("warn", "waits")),
            ],
            decide: open.then(|| {
                form(vec![
                    Choice::new("northlight", "Northlight MSP"),
                    Choice::new("thornbury", "Thornbury Cloud"),
                ])
            }),
            again: (!open).then(|| form(Vec::new())),
            steps: vec![Line {
                at: Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo),
                text: "rule: Known through two partners. A channel manager decides who goes on.".into(),
                because: "the rule is to ask".into(),
                looked: vec!["Northlight MSP: accepted, with Luis Ortega; 82 points, fit A".into()],
            }],
        }
    }
}
