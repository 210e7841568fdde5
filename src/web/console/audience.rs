//! Everybody considered for a date, before and after its issue is frozen; also as a file.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::promises::reason_words;
use crate::{
    domain::{content::merge::percent_encoded, kernel::Result},
    render::table,
    store::partners,
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond,
        view::{
            authored,
            chart::{Badge, Bar},
            counted,
            when::Moment,
        },
    },
    work::{
        Context,
        roll::{self, Entry, Heading, PAGES_MAX, Totals},
    },
};

/// People shown on one page.
const PAGE: usize = 100;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The newsletter's title.
    pub title: String,
    /// The date, and whether it is frozen.
    pub text: String,
    /// In, and out by reason.
    pub bar: Bar,
    /// What changed.
    pub since: Option<String>,
    /// Which are listed.
    pub choices: Vec<Choice>,
    /// Partners to choose from.
    pub partners: Vec<PartnerChoice>,
    /// What is looked for in names and addresses.
    pub q: String,
    /// Which list the search is in.
    pub show: String,
    /// Where a search is sent.
    pub base: String,
    /// The people.
    pub people: Vec<Line>,
    /// `101 to 200 of 512`
    pub range: String,
    /// Where those before them are.
    pub before: Option<String>,
    /// Where those after them are.
    pub after: Option<String>,
    /// Where the file is.
    pub file: String,
    /// The issue, once it is frozen.
    pub issue: Option<String>,
}

/// Which people to list.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// What they are.
    pub label: String,
    /// Where that list is.
    pub href: String,
    /// Whether it is this one.
    pub current: bool,
}

/// A partner to choose.
#[derive(Debug, Serialize)]
pub struct PartnerChoice {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// Somebody.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Partner.
    pub partner: String,
    /// Roles.
    pub roles: String,
    /// In or out.
    pub badge: Badge,
    /// Against the issue before.
    pub change: &'static str,
    /// Why.
    pub because: String,
    /// When it is due, by their own clock.
    pub due: Option<Moment>,
    /// Their zone.
    pub zone: String,
}

/// Which people to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    show: String,
    partner: String,
    q: String,
    page: String,
}

impl Wanted {
    fn has(&self, entry: &Entry) -> bool {
        let is_listed = match self.show.as_str() {
            "" => true,
            "in" => entry.verdict == "in",
            "out" => entry.verdict == "out",
            "new" | "left" => entry.change == self.show,
            reason => entry.reason == reason,
        };
        let sought = self.q.trim().to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&sought);
        is_listed
            && (self.partner.is_empty() || self.partner == entry.partner)
            && (sought.is_empty() || holds(&entry.name) || holds(&entry.email))
    }

    /// The page's number, from 0.
    fn number(&self) -> usize {
        self.page.parse::<usize>().unwrap_or(1).saturating_sub(1)
    }

    /// The query that asks for the list `show`, or for another page of this one.
    fn query(&self, show: &str, page: usize) -> String {
        let number = if page == 0 { String::new() } else { (page + 1).to_string() };
        let pairs = [("show", show), ("partner", &self.partner), ("q", self.q.trim()), ("page", &number)];
        let said: Vec<String> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={}", percent_encoded(value)))
            .collect();
        if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
    }
}

/// `GET /console/audience/{newsletter}/{date}`, and the same with `.csv`.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path((newsletter, date)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    if let Some(date) = date.strip_suffix(".csv") {
        return Ok(file(ctx, &newsletter, date).await?);
    }
    let heading = roll::heading(&ctx, &newsletter, &date).await?;
    let (mut totals, mut people, mut fitting) = (Totals::default(), Vec::new(), 0);
    let from = wanted.number().saturating_mul(PAGE);
    let mut pages = called(ctx.clone(), heading.clone());
    while let Some(page) = pages.recv().await {
        for entry in page? {
            totals.add(&entry);
            if wanted.has(&entry) {
                if (from..from.saturating_add(PAGE)).contains(&fitting) {
                    people.push(entry);
                }
                fitting += 1;
            }
        }
    }
    let partners = partners::all_partners(&ctx.db).await?.into_iter();
    let names: BTreeMap<String, String> =
        partners.map(|partner| (partner.slug.to_string(), partner.name)).collect();
    let view = view(heading, &totals, &names, (people, fitting), &wanted);
    let frame = Frame::new(&ctx, Area::Console, &view.title, "/console/promises");
    respond::page(&ctx, "console/audience", &frame, &view)
}

/// The pages of a roll that is called beside.
fn called(ctx: Arc<Context>, heading: Heading) -> mpsc::Receiver<Result<Vec<Entry>>> {
    let (pages, coming) = mpsc::channel(PAGES_MAX);
    tokio::spawn(async move {
        if let Err(error) = roll::call(&ctx, &heading, &pages).await {
            // Whoever listened may have gone.
            let _ = pages.send(Err(error)).await;
        }
    });
    coming
}

/// The whole roll as CSV, sent as it is found. A fault breaks the file off, so that half of one is not taken for all.
async fn file(ctx: Arc<Context>, newsletter: &str, date: &str) -> Result<Response> {
    let heading = roll::heading(&ctx, newsletter, date).await?;
    let first = table::csv([Entry::COLUMNS])?;
    let coming = called(ctx, heading);
    let state = (Some(first), coming);
    let chunks = futures_util::stream::unfold(state, |(first, mut coming)| async move {
        let chunk = match first {
            Some(first) => Ok(first),
            None => coming.recv().await?.and_then(|page| table::csv(page.iter().map(Entry::cells))),
        };
        let chunk = chunk.map(Bytes::from).map_err(|error| std::io::Error::other(error.detail()));
        Some((chunk, (None, coming)))
    });
    let name = format!("attachment; filename=\"audience-{newsletter}-{date}.csv\"");
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn view(
    heading: Heading,
    totals: &Totals,
    names: &BTreeMap<String, String>,
    (people, fitting): (Vec<Entry>, usize),
    wanted: &Wanted,
) -> View {
    let base = format!("/console/audience/{}/{}", heading.newsletter, heading.date);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut parts = vec![("good", "in", count(totals.readers))];
    let mut choices = vec![("", "Everybody".to_owned()), ("in", format!("In ({})", totals.readers))];
    for (reason, people) in &totals.left_out {
        parts.push(("", reason_words(reason), count(*people)));
        choices.push((reason, format!("{} ({people})", reason_words(reason))));
    }
    if heading.since.is_some() {
        choices.push(("new", format!("New ({})", totals.joined)));
        choices.push(("left", format!("No longer among them ({})", totals.left)));
    }
    let (number, shown) = (wanted.number(), people.len());
    let page = |number: usize| format!("{base}{}", wanted.query(&wanted.show, number));
    let range = match shown {
        0 => String::new(),
        _ if fitting == shown => counted(shown, "person", "people"),
        _ => format!("{} to {} of {fitting}", number * PAGE + 1, number * PAGE + shown),
    };
    View {
        title: format!("Audience of {}", authored(&heading.title)),
        text: format!(
            "{}, {}",
            heading.date,
            if heading.issue_id.is_some() { "as it was frozen" } else { "as it would be frozen now" }
        ),
        bar: Bar::of(&parts),
        since: heading.since.as_ref().map(|date| {
            format!(
                "Since {date}: {} new, {} no longer among them.",
                counted(totals.joined, "person", "people"),
                counted(totals.left, "person", "people")
            )
        }),
        choices: choices
            .into_iter()
            .map(|(show, label)| Choice {
                current: show == wanted.show,
                href: format!("{base}{}", wanted.query(show, 0)),
                label,
            })
            .collect(),
        partners: names
            .iter()
            .map(|(slug, name)| PartnerChoice {
                chosen: *slug == wanted.partner,
                slug: slug.clone(),
                name: name.clone(),
            })
            .collect(),
        q: wanted.q.trim().to_owned(),
        show: wanted.show.clone(),
        range,
        before: (number > 0 && shown > 0).then(|| page(number - 1)),
        after: (number.saturating_add(1).saturating_mul(PAGE) < fitting).then(|| page(number + 1)),
        people: people.into_iter().map(|entry| line(entry, names)).collect(),
        file: format!("{base}.csv"),
        issue: heading.issue_id.map(|id| format!("/console/issues/{id}")),
        base,
    }
}

fn line(entry: Entry, names: &BTreeMap<String, String>) -> Line {
    let is_in = entry.verdict == "in";
    Line {
        badge: if is_in { Badge::new("good", "in") } else { Badge::new("bad", "out") },
        name: entry.name,
        email: entry.email,
        partner: names.get(&entry.partner).cloned().unwrap_or(entry.partner),
        roles: entry.roles.replace(';', ", "),
        change: match entry.change {
            "new" => "new",
            "left" => "no longer",
            _ => "",
        },
        because: entry.because,
        due: entry.due.and_then(|due| {
            let at = chrono::DateTime::parse_from_rfc3339(&due).ok()?;
            Some(Moment::full(at.timestamp_millis(), entry.zone.parse().unwrap_or(Tz::UTC)))
        }),
        zone: entry.zone.replace('_', " "),
    }
}

#[cfg(test)]
impl View {
    /// Two people.
    pub fn sample() -> Self {
        let entry = |name: &str, verdict, reason: &str, change| Entry {
            partner: "northlight".into(),
            name: name.into(),
            email: "x@northlight.example".into(),
            roles: "sales;executive".into(),
            verdict,
            reason: reason.into(),
            because: "Sales readers of all partners; they are: sales".into(),
            zone: "America/Chicago".into(),
            due: (verdict == "in").then(|| "2027-02-09T15:00:00Z".into()),
            change,
            rides: false,
        };
        let entries = [entry("Dana Whitlock", "in", "", "new"), entry("Mei Tran", "out", "role", "left")];
        let mut totals = Totals::default();
        entries.iter().for_each(|entry| totals.add(entry));
        let heading = Heading {
            newsletter: "fold-forward".into(),
            title: "Fold Forward".into(),
            date: "2027-02-09".into(),
            issue_id: None,
            since: Some("2027-01-12".into()),
        };
        let names = [("northlight".to_owned(), "Northlight MSP".to_owned())].into();
        view(heading, &totals, &names, (entries.into(), 600), &Wanted::default())
    }
}
