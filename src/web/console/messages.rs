//! Key messages: whom each was told, by role and form.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use crate::{
    store::partners,
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{
            chart::{Bar, Tone},
            counted,
        },
    },
    work::{
        Context,
        messages::{Coverage, RoleCoverage},
    },
};

/// Where the page is.
const NAV: &str = "/console/messages";
/// What a share says by its colour, from how many percent on.
const MOST: i64 = 75;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// In the order of the rules.
    pub messages: Vec<Message>,
    /// Partners to choose from: slug and name.
    pub partners: Vec<Choice>,
}

/// A partner to choose.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whether the page is about its people.
    pub is_chosen: bool,
}

/// A key message.
#[derive(Debug, Serialize)]
pub struct Message {
    /// What assets name.
    pub slug: String,
    /// What it says.
    pub title: String,
    /// `in 12 assets, told at most 7 times`.
    pub text: String,
    /// By role.
    pub roles: Vec<Role>,
    /// How many people were told it how often; nothing while nobody was.
    pub times: Vec<Times>,
    /// How many contacts and leads, in a sentence.
    pub said: String,
}

/// The people of a role.
#[derive(Debug, Serialize)]
pub struct Role {
    /// Its word.
    pub name: &'static str,
    /// `12 people`.
    pub people: String,
    /// Told at all, to read, to watch, to do.
    pub shares: Vec<Share>,
}

/// How many of the people of a role.
#[derive(Debug, Serialize)]
pub struct Share {
    /// The column.
    pub label: &'static str,
    /// `8 of 12`.
    pub text: String,
    /// The same, drawn.
    pub bar: Bar,
}

/// People who were told it so often.
#[derive(Debug, Serialize)]
pub struct Times {
    /// `3 times`.
    pub label: String,
    /// How many people.
    pub people: i64,
    /// The same, drawn.
    pub bar: Bar,
}

/// Of whom.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// A partner's slug; empty for all.
    #[serde(default)]
    partner: String,
}

/// `GET /console/messages`
pub async fn page(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let partner = Some(asked.partner.as_str()).filter(|slug| !slug.is_empty());
    let covered = ctx.figures.coverage(&ctx, partner).await?;
    let partners = partners::all_partners(&ctx.db).await?.into_iter().map(|one| Choice {
        is_chosen: partner == Some(one.slug.as_str()),
        slug: one.slug.to_string(),
        name: one.name,
    });
    let view = View { messages: covered.iter().map(message).collect(), partners: partners.collect() };
    let frame = Frame::new(&ctx, Area::Console, "Key messages", NAV);
    respond::page(&ctx, "console/messages", &frame, &view)
}

fn message(of: &Coverage) -> Message {
    let most = of.times.iter().copied().max().unwrap_or_default();
    let times = of.times.iter().zip(1_i64..).map(|(people, times)| {
        let label = many(times, "time", "times");
        let says = format!("{} told {label}", many(*people, "person", "people"));
        Times { bar: Bar::single("brand", says, *people, most), label, people: *people }
    });
    Message {
        slug: of.slug.clone(),
        title: of.title.clone(),
        text: format!(
            "In {}; told to one person at most {}",
            counted(of.assets, "asset", "assets"),
            many(of.touches_max.into(), "time", "times")
        ),
        roles: of.roles.iter().map(role).collect(),
        times: if most > 0 { times.collect() } else { Vec::new() },
        said: said(of),
    }
}

fn said(of: &Coverage) -> String {
    if of.told() + of.leads == 0 {
        return "Nobody was told it yet.".to_owned();
    }
    let enough = match of.had_enough() {
        0 => "none of them as often as one is".to_owned(),
        enough => format!("{enough} of them as often as one is"),
    };
    let leads =
        if of.leads > 0 { format!("; {} too", many(of.leads, "lead", "leads")) } else { String::new() };
    format!("{} it, {enough}{leads}.", many(of.told(), "contact was told", "contacts were told"))
}

fn role(of: &RoleCoverage) -> Role {
    let shares = [("Told", of.told), ("Read", of.read), ("Watch", of.watch), ("Do", of.done)];
    let shares = shares.into_iter().map(|(label, count)| {
        let text = format!("{count} of {}", of.people);
        Share { label, bar: Bar::single(tone(count, of.people), text.clone(), count, of.people), text }
    });
    Role { name: of.role, people: many(of.people, "person", "people"), shares: shares.collect() }
}

fn many(count: i64, one: &str, many: &str) -> String {
    counted(usize::try_from(count).unwrap_or_default(), one, many)
}

/// Well covered, partly, or not at all.
fn tone(count: i64, people: i64) -> Tone {
    match count {
        0 => "",
        _ if count * 100 >= people * MOST => "good",
        _ => "brand",
    }
}

#[cfg(test)]
impl View {
    /// One for the templates' own test.
    pub fn sample() -> Self {
        let role_of =
            |name, told| RoleCoverage { role: name, people: 12, told, read: told, watch: told / 2, done: 0 };
        let one = Coverage {
            slug: "restores-not-backups".to_owned(),
            title: "A backup is not a recovery until somebody has restored it".to_owned(),
            touches_max: 3,
            assets: 12,
            roles: vec![role_of("sales", 12), role_of("executive", 0)],
            times: vec![4, 6, 2],
            leads: 1,
        };
        let choice = Choice { slug: "northlight".to_owned(), name: "Northlight".to_owned(), is_chosen: true };
        Self { messages: vec![message(&one)], partners: vec![choice] }
    }
}
