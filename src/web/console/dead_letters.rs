//! Messages that ended without being accepted and wait for a person: why, and the button that sends them again.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Query, State},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{delivery_tone, signin::Actor};
use crate::{
    domain::{
        delivery::{
            DeliveryState,
            outlook::{CLASSES, WAITS_FOR_A_PERSON},
        },
        kernel::Result,
    },
    store::dead_letters::{self, DeadLetter, Filter, PAGE},
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, counted, for_a_person, form::Choice, when::Moment},
    },
    work::{Context, approve, replay},
};

/// Where the list is.
pub const PATH: &str = "/console/dead-letters";
/// The choice of mails that belong to no issue.
const SINGLE: &str = "single";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// How many fit.
    pub says: String,
    /// What was just done.
    pub done: Option<String>,
    /// What can be chosen.
    pub choices: Vec<Chosen>,
    /// All that fit, at once.
    pub all: Option<All>,
    /// This page's lines.
    pub lines: Vec<Line>,
    /// Whether anything was chosen.
    pub filtered: bool,
    /// The first page, on later ones.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// A select of the filter.
#[derive(Debug, Serialize)]
pub struct Chosen {
    /// Its name.
    pub name: &'static str,
    /// What stands over it.
    pub label: &'static str,
    /// What is chosen.
    pub value: String,
    /// The first is "all".
    pub options: Vec<Choice>,
}

/// Sending again all that fit.
#[derive(Debug, Serialize)]
pub struct All {
    /// How many, as the person sees them.
    pub count: i64,
    /// `12 messages`
    pub says: String,
    /// The filter.
    pub hidden: Vec<Choice>,
}

/// A message.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The delivery.
    pub id: String,
    /// To whom.
    pub name: String,
    /// Where to.
    pub email: String,
    /// Whose partner.
    pub partner: String,
    /// The whole chain, for mail of an issue.
    pub href: Option<String>,
    /// Newsletter and date, or what made it.
    pub of: String,
    /// The issue's page.
    pub of_href: Option<String>,
    /// How it stands.
    pub badge: Badge,
    /// The class of the last try.
    pub class: String,
    /// Why, in words.
    pub why: String,
    /// The reply as it came.
    pub reply: String,
    /// When the last try ended.
    pub ended: Option<Moment>,
    /// How often it was tried.
    pub tries: i64,
    /// Whether a person may have it sent again.
    pub may_leave: bool,
}

/// What is chosen, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    issue: String,
    state: String,
    class: String,
    before: String,
    /// How many were just sent again.
    again: Option<u32>,
}

/// What is to be sent again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Again {
    issue: String,
    state: String,
    class: String,
    delivery: String,
    /// How many the person saw.
    count: i64,
}

fn filter(issue: &str, state: &str, class: &str, delivery: &str) -> Filter {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Filter {
        issue: some(issue).filter(|issue| issue != SINGLE),
        single: issue == SINGLE,
        state: some(state),
        class: some(class),
        delivery: some(delivery),
    }
}

/// `GET /console/dead-letters`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let filter = filter(&wanted.issue, &wanted.state, &wanted.class, "");
    replay::check(&filter)?;
    let may_approve = approve::may_approve(&ctx, &actor);
    let before = (!wanted.before.is_empty()).then_some(wanted.before.as_str());
    let letters = dead_letters::page(&ctx.db, &filter, before).await?;
    let (all, may_leave) = dead_letters::count(&ctx.db, &filter).await?;
    let (_, zone) = frame::vendor(&ctx);
    // Late mail is for those who may approve, alone or among others.
    let is_theirs = may_approve || !dead_letters::any_held(&ctx.db, &filter).await?;
    let at_once = if is_theirs { may_leave.min(replay::REPLAY_MAX) } else { 0 };
    let next =
        (letters.len() == PAGE).then(|| letters.last().map(|last| address(&wanted, &last.id))).flatten();
    let view = View {
        says: if is_theirs {
            says(all)
        } else {
            format!("{} Late mail is among them: who may approve issues can have all sent again.", says(all))
        },
        done: wanted.again.map(|count| {
            format!(
                "{} in the queue again, with the old Message-ID each.",
                counted(count as usize, "message is", "messages are")
            )
        }),
        choices: choices(&ctx, &wanted).await?,
        all: (at_once > 0).then(|| All {
            count: at_once,
            says: match at_once {
                1 => "the one message".to_owned(),
                many if many < may_leave => format!("the oldest {many} of {may_leave} messages"),
                many => format!("all {many} messages"),
            },
            hidden: [("issue", &wanted.issue), ("state", &wanted.state), ("class", &wanted.class)]
                .map(|(name, value)| Choice { value: value.clone(), label: name.to_owned() })
                .into(),
        }),
        lines: letters.into_iter().map(|letter| line(letter, zone, may_approve)).collect(),
        filtered: filter != Filter::default(),
        first: before.map(|_| address(&wanted, "")),
        next,
    };
    let frame = Frame::new(&ctx, Area::Console, "Dead letters", PATH);
    respond::page(&ctx, "console/dead_letters", &frame, &view)
}

/// `POST /console/dead-letters/again`
pub async fn again(State(ctx): State<Arc<Context>>, Actor(actor): Actor, Body(again): Body<Again>) -> Answer {
    let filter = filter(&again.issue, &again.state, &again.class, &again.delivery);
    let count = replay::replay(&ctx, &filter, again.count, &actor).await?;
    ctx.figures.forget();
    // One message is sent again from a filtered list, which is shown again.
    let wanted = Wanted { issue: again.issue, state: again.state, class: again.class, ..Wanted::default() };
    let path = address(&wanted, "");
    let sign = if path.contains('?') { '&' } else { '?' };
    Ok(respond::see_other(&format!("{path}{sign}again={count}")))
}

fn says(all: i64) -> String {
    match all {
        0 => "No message waits for a person.".to_owned(),
        many if many >= dead_letters::COUNT_MAX => format!("More than {many} messages wait for a person."),
        many => format!("{}: nothing more happens to them by itself.", for_a_person(many)),
    }
}

/// The list with the same filter, beginning after `before`. Only words that were checked come here.
fn address(wanted: &Wanted, before: &str) -> String {
    let pairs = [
        ("issue", wanted.issue.as_str()),
        ("state", wanted.state.as_str()),
        ("class", wanted.class.as_str()),
        ("before", before),
    ];
    let safe = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let query: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty() && safe(value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if query.is_empty() { PATH.to_owned() } else { format!("{PATH}?{}", query.join("&")) }
}

async fn choices(ctx: &Context, wanted: &Wanted) -> Result<Vec<Chosen>> {
    let option = |value: &str, label: String| Choice { value: value.to_owned(), label };
    let mut issues = vec![option("", "all".to_owned())];
    for (id, newsletter, date) in dead_letters::issues(&ctx.db).await? {
        issues.push(option(&id, format!("{newsletter}, {date}")));
    }
    issues.push(option(SINGLE, "single mails".to_owned()));
    let words = |words: Vec<&str>| {
        let all = std::iter::once(option("", "all".to_owned()));
        all.chain(words.into_iter().map(|word| option(word, word.replace('-', " ")))).collect()
    };
    Ok(vec![
        Chosen { name: "issue", label: "Of", value: wanted.issue.clone(), options: issues },
        Chosen {
            name: "state",
            label: "State",
            value: wanted.state.clone(),
            options: words(WAITS_FOR_A_PERSON.iter().map(|state| state.as_str()).collect()),
        },
        Chosen {
            name: "class",
            label: "Class of the last try",
            value: wanted.class.clone(),
            options: words(CLASSES.iter().copied().filter(|class| *class != "accepted").collect()),
        },
    ])
}

fn line(letter: DeadLetter, zone: Tz, may_approve: bool) -> Line {
    let state = DeliveryState::parse(&letter.state);
    let of = match (&letter.newsletter, &letter.nominal_date) {
        (Some(newsletter), Some(date)) => format!("{newsletter}, {date}"),
        _ => {
            format!("single mail: {}", letter.source.split(':').next().unwrap_or_default().replace('-', " "))
        }
    };
    let is_theirs = approve::may_send_again(may_approve, letter.held_ms);
    let why = match letter.cancelled {
        true => "its issue was cancelled, so it does not leave any more".to_owned(),
        false if is_theirs => letter.why(),
        false => format!("{}; somebody who may approve issues can have it sent", letter.why()),
    };
    Line {
        href: letter
            .issue_id
            .as_ref()
            .zip(letter.contact_id)
            .map(|(issue, contact)| format!("/console/issues/{issue}/people/{contact}")),
        of_href: letter.issue_id.map(|issue| format!("/console/issues/{issue}")),
        why,
        badge: Badge::new(state.map_or("", delivery_tone), letter.state),
        class: letter.class.unwrap_or_default().replace('-', " "),
        id: letter.id,
        name: letter.recipient_name,
        email: letter.email,
        partner: letter.partner_slug,
        of,
        reply: letter.reply.unwrap_or_default(),
        ended: letter.ended_ms.map(|ms| Moment::short(ms, zone)),
        tries: letter.attempt,
        may_leave: !letter.cancelled && is_theirs,
    }
}

#[cfg(test)]
impl View {
    /// Two lines of two issues; or none.
    pub fn sample(empty: bool) -> Self {
        let line = |name: &str, tone, state: &str, class: &str, why: &str, reply: &str, may_leave| Line {
            id: "dlv_1".into(),
            name: name.into(),
            email: format!("{}@northlight.example", name.to_lowercase().replace(' ', ".")),
            partner: "northlight".into(),
            href: Some("#".into()),
            of: "fold-forward, 2027-01-12".into(),
            of_href: Some("#".into()),
            badge: Badge::new(tone, state),
            class: class.into(),
            why: why.into(),
            reply: reply.into(),
            ended: Some(Moment::short(1_799_744_400_000, chrono_tz::Europe::Oslo)),
            tries: 2,
            may_leave,
        };
        let choice = |value: &str, label: &str| Choice { value: value.into(), label: label.into() };
        let lines = vec![
            line(
                "Luis Ortega",
                "bad",
                "failed",
                "bad address",
                "there is no such address",
                "550 5.1.1 <luis.ortega@northlight.example>: Recipient address rejected: User unknown in virtual table",
                true,
            ),
            line(
                "Mei Tran",
                "warn",
                "uncertain",
                "uncertain",
                "it may have arrived",
                "connection lost",
                false,
            ),
        ];
        Self {
            says: says(if empty { 0 } else { 2 }),
            done: (!empty).then(|| "1 message is in the queue again, with the old Message-ID each.".into()),
            choices: vec![Chosen {
                name: "state",
                label: "State",
                value: "failed".into(),
                options: vec![choice("", "all"), choice("failed", "failed")],
            }],
            all: (!empty).then(|| All {
                count: 2,
                says: "all 2 messages".into(),
                hidden: vec![choice("failed", "state")],
            }),
            lines: if empty { Vec::new() } else { lines },
            filtered: !empty,
            first: None,
            next: (!empty).then(|| "#".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_only_what_is_chosen_and_harmless() {
        let wanted = Wanted { issue: "iss_1".into(), class: "bad-address".into(), ..Wanted::default() };
        assert_eq!(
            address(&wanted, "dlv_9"),
            "/console/dead-letters?issue=iss_1&class=bad-address&before=dlv_9"
        );
        let odd = Wanted { issue: "x&y=\r\nSet-Cookie: a".into(), ..Wanted::default() };
        assert_eq!(address(&odd, ""), "/console/dead-letters");
        assert!(filter(SINGLE, "", "", "").single && filter(SINGLE, "", "", "").issue.is_none());
    }

    #[test]
    fn late_mail_is_for_those_who_may_approve() {
        let letter = |held_ms| DeadLetter {
            id: "dlv_1".into(),
            issue_id: None,
            newsletter: None,
            nominal_date: None,
            cancelled: false,
            source: "sign-in:1".into(),
            contact_id: None,
            recipient_name: "Rep".into(),
            email: "rep@one.example".into(),
            partner_slug: "one".into(),
            state: "expired".into(),
            class: None,
            stage: None,
            reply: None,
            ended_ms: None,
            attempt: 0,
            held_ms,
            detail: Some("shall it still go?".into()),
            message_id: String::new(),
        };
        let seen = |held_ms, may_approve| {
            let line = line(letter(held_ms), Tz::UTC, may_approve);
            (line.may_leave, line.why)
        };
        let why = "shall it still go?";
        assert_eq!(seen(Some(1), true), (true, why.to_owned()));
        assert_eq!(
            seen(Some(1), false),
            (false, format!("{why}; somebody who may approve issues can have it sent"))
        );
        assert!(seen(None, false).0);
    }
}
