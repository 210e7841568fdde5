//! Everybody considered for a date, before and after its issue is fixed; also as a file.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::promises::reason_words;
use crate::{
    domain::kernel::Result,
    render::table,
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond,
        view::{
            authored,
            chart::{Badge, Bar},
            counted,
        },
    },
    work::{
        Context,
        roll::{self, Entry, Heading, PAGES_MAX, Totals},
    },
};

/// People shown on the page; the file has all.
const SHOWN_MAX: usize = 500;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The newsletter's title.
    pub title: String,
    /// The date, and whether it is fixed.
    pub text: String,
    /// In, and out by reason.
    pub bar: Bar,
    /// What changed.
    pub since: Option<String>,
    /// Which are listed.
    pub choices: Vec<Choice>,
    /// The people.
    pub people: Vec<Line>,
    /// How many more there are.
    pub more: Option<String>,
    /// Where the file is.
    pub file: String,
    /// The issue, once it is fixed.
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
    /// When it is due.
    pub due: String,
}

/// Which people to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    show: String,
}

impl Wanted {
    fn has(&self, entry: &Entry) -> bool {
        match self.show.as_str() {
            "" => true,
            "in" => entry.verdict == "in",
            "out" => entry.verdict == "out",
            "new" | "left" => entry.change == self.show,
            reason => entry.reason == reason,
        }
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
    let mut pages = called(ctx.clone(), heading.clone());
    while let Some(page) = pages.recv().await {
        for entry in page? {
            totals.add(&entry);
            if wanted.has(&entry) {
                fitting += 1;
                if people.len() < SHOWN_MAX {
                    people.push(line(entry));
                }
            }
        }
    }
    let view = view(heading, &totals, people, fitting, &wanted);
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

fn view(heading: Heading, totals: &Totals, people: Vec<Line>, fitting: usize, wanted: &Wanted) -> View {
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
    let shown = people.len();
    View {
        title: format!("Audience of {}", authored(&heading.title)),
        text: format!(
            "{}, {}",
            heading.date,
            if heading.issue_id.is_some() { "as it was fixed" } else { "as it would be fixed now" }
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
                href: if show.is_empty() { base.clone() } else { format!("{base}?show={show}") },
                label,
            })
            .collect(),
        people,
        more: (fitting > shown).then(|| format!("{shown} of {fitting} are shown; the file has all.")),
        file: format!("{base}.csv"),
        issue: heading.issue_id.map(|id| format!("/console/issues/{id}")),
    }
}

fn line(entry: Entry) -> Line {
    let is_in = entry.verdict == "in";
    Line {
        badge: if is_in { Badge::new("good", "in") } else { Badge::new("bad", "out") },
        name: entry.name,
        email: entry.email,
        partner: entry.partner,
        roles: entry.roles.replace(';', ", "),
        change: match entry.change {
            "new" => "new",
            "left" => "no longer",
            _ => "",
        },
        because: entry.because,
        due: entry.due.unwrap_or_default().replace('T', " ").trim_end_matches(":00Z").to_owned(),
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
            because: "Sales readers of all partners; you are: sales".into(),
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
        view(heading, &totals, entries.into_iter().map(line).collect(), 600, &Wanted::default())
    }
}
