//! What somebody may do with a lead, by its stage and by who they are.

use serde::Serialize;

use crate::{
    domain::{
        kernel::clock::utc,
        lead::{DisqualifyReason, LeadStage, RejectReason},
    },
    store::{leads::Amount, offers::Offer},
    web::view::Choice,
    work::{
        desk::Rep,
        handoff::{is_to_decide, waits_for_answer},
        lead_card::Card,
    },
};

/// What may be done; each is where its form leads.
#[derive(Debug, Default, Serialize)]
pub struct Actions {
    /// Take the offer.
    pub accept: Option<String>,
    /// Let it pass.
    pub reject: Option<String>,
    /// Ask for more time.
    pub more_time: Option<String>,
    /// Record the first contact, or that somebody who asked again was answered.
    pub contacted: Option<String>,
    /// What is asked of that.
    pub contacted_question: &'static str,
    /// Hand it on to the next, where the channel manager is asked to decide.
    pub hand_on: Option<String>,
    /// Correct name, company or telephone.
    pub correct_data: Option<String>,
    /// Name, company and telephone as they are.
    pub data: [String; 3],
    /// Say that the value of a deal is, or was, another.
    pub correct: Option<String>,
    /// What was said of it last, or what was typed where something else is kept.
    pub corrected: Option<Said>,
    /// Whether that is shown at once.
    pub is_corrected: bool,
    /// What is asked of its day.
    pub correct_day: &'static str,
    /// Say that sales confirms it.
    pub sql: Option<String>,
    /// Say that the deal is registered.
    pub deal: Option<String>,
    /// Say that it was won.
    pub won: Option<String>,
    /// Say that it was lost.
    pub lost: Option<String>,
    /// Close it after contact, or send it back to nurture.
    pub close: Option<String>,
    /// Write something down.
    pub note: Option<String>,
    /// Where it is given to somebody else, on a page of its own.
    pub give: Option<String>,
    /// Why one may reject.
    pub reject_reasons: Vec<Choice>,
    /// Why one may close.
    pub close_reasons: Vec<Choice>,
    /// What was said of its value last.
    pub amount: Option<Said>,
    /// The same for a deal that was won: it was closed today, unless another day is named.
    pub won_amount: Option<Said>,
    /// The note that was typed, where it could not be taken.
    pub typed: String,
    /// The earliest day that can be named.
    pub tomorrow: String,
}

/// What was said of a lead's value.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// The sum, as it is typed.
    pub value: String,
    /// The currency's code.
    pub currency: String,
    /// The day.
    pub close_date: String,
}

impl Said {
    /// The form of what was stored.
    pub fn of(amount: &Amount) -> Option<Self> {
        let stored = crate::domain::lead::Amount::stored(amount.minor_units, &amount.currency).ok()?;
        Some(Self {
            value: stored.number(),
            currency: amount.currency.clone(),
            close_date: amount.close_date.clone().unwrap_or_default(),
        })
    }
}

/// What `rep` may do with the lead of `card`; `token` is that of the offer's link, where the page has one.
pub fn of(card: &Card, rep: &Rep, token: Option<&str>, now_ms: i64) -> Actions {
    let Some(stage) = LeadStage::parse(&card.lead.stage) else { return Actions::default() };
    let live = card.offers.iter().find(|offer| offer.is_live());
    let is_theirs = live.is_some_and(|offer| rep.is_at(&offer.rep_email));
    let manages = rep.looks_after(&card.partner);
    let works = live.is_some_and(Offer::holds) && (is_theirs || manages);
    let at = |what: &str| format!("/desk/leads/{}/{what}", card.lead.id);
    let when = |yes: bool, what: &str| yes.then(|| at(what));
    let may_answer = stage == LeadStage::Offered && is_theirs;
    let answer = |what: &str| token.filter(|_| may_answer).map(|token| format!("/o/{token}/{what}"));
    let runs = card.clocks.iter().find(|clock| clock.stopped_ms.is_none());
    let has_time = runs.is_some_and(|clock| clock.first_due_ms.is_none() && clock.due_ms > now_ms);
    let zone = if is_theirs { rep.zone } else { card.partner.zone };
    let today = utc(now_ms).with_timezone(&zone).date_naive();
    let may_decide = live.is_some_and(|offer| offer.answer.is_none() && is_to_decide(offer));
    let asks_again = live.is_some_and(Offer::holds) && waits_for_answer(&card.lead);
    let is_owners = card.lead.owner_email.as_deref().is_some_and(|owner| rep.is_at(owner));
    let said = card.amounts.first().and_then(Said::of);
    let is_won_next = matches!(stage, LeadStage::Sql | LeadStage::DealRegistered);
    Actions {
        accept: answer("accept"),
        reject: answer("reject"),
        more_time: when(is_theirs && has_time, "more-time"),
        contacted: when(works && (stage == LeadStage::Sal || asks_again), "contacted"),
        contacted_question: if asks_again {
            "They asked again. What came out of it?"
        } else {
            "What came out of the first contact?"
        },
        hand_on: when(manages && may_decide, "hand-on"),
        correct_data: when((works || manages) && !stage.is_terminal(), "correct-data"),
        data: [
            card.lead.name.clone(),
            card.lead.company.clone(),
            card.lead.phone.clone().unwrap_or_default(),
        ],
        correct: when(
            (stage == LeadStage::Won && (is_owners || manages)) || (works && is_won_next),
            "correct",
        ),
        corrected: said.clone(),
        is_corrected: false,
        correct_day: if stage == LeadStage::Won { "When was it closed?" } else { "When may it be closed?" },
        sql: when(works && stage == LeadStage::Contacted, "sql"),
        deal: when(works && stage == LeadStage::Sql, "deal"),
        won: when(works && is_won_next, "won"),
        lost: when(works && is_won_next, "lost"),
        close: when(works && matches!(stage, LeadStage::Sal | LeadStage::Contacted), "close"),
        note: when(works, "note"),
        give: when(manages && (live.is_some() || !stage.is_terminal()), "give"),
        reject_reasons: RejectReason::ALL.iter().map(|it| Choice::new(it.as_str(), it.label())).collect(),
        close_reasons: DisqualifyReason::ALL.iter().map(|it| Choice::new(it.as_str(), it.label())).collect(),
        won_amount: said.clone().map(|said| Said { close_date: today.to_string(), ..said }),
        amount: said,
        typed: String::new(),
        tomorrow: (today + chrono::Days::new(1)).to_string(),
    }
}

#[cfg(test)]
impl Actions {
    /// All there are, as no lead has them at once.
    pub fn sample() -> Self {
        let here = || Some("#".to_owned());
        let choices =
            |words: &[(&str, &str)]| words.iter().map(|(value, label)| Choice::new(value, label)).collect();
        Self {
            accept: here(),
            reject: here(),
            more_time: here(),
            contacted: here(),
            contacted_question: "What came out of the first contact?",
            correct: here(),
            corrected: None,
            is_corrected: false,
            correct_day: "When was it closed?",
            hand_on: here(),
            correct_data: here(),
            data: ["Ana Ruiz".into(), "Harbor Clinic Group".into(), "+1 612 555 0199".into()],
            sql: here(),
            deal: here(),
            won: here(),
            lost: here(),
            close: here(),
            note: here(),
            give: here(),
            reject_reasons: choices(&[("misrouted", "Not ours")]),
            close_reasons: choices(&[("timing", "Not now"), ("no_fit", "Not a fit")]),
            amount: Some(Said {
                value: "12500.00".into(),
                currency: "USD".into(),
                close_date: "2027-03-31".into(),
            }),
            won_amount: None,
            typed: String::new(),
            tomorrow: "2027-01-13".into(),
        }
    }
}
