//! A month: which newsletters leave when, which webinars take place, what is published.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    response::IntoResponse,
};
use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{issue_badge, promises};
use crate::{
    domain::kernel::clock::{UtcMs, utc},
    web::{
        frame::{Area, Frame},
        headers,
        public::calendar_words::console_path,
        respond::{self, Answer},
        view::{
            authored,
            chart::Badge,
            when::{iso, time_of_day},
            words,
        },
    },
    work::{
        Context,
        calendars::{
            self, State as Standing,
            month::{Asked, Closed, MONTHS_MAX, Month, OnDay, Published, Webinar},
        },
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `January 2027`
    pub title: String,
    /// In which zone the times are.
    pub zone: String,
    /// The month before, if one may look at it.
    pub before: Option<Step>,
    /// The month after, likewise.
    pub after: Option<Step>,
    /// This month, where another is shown.
    pub this: Option<Step>,
    /// `2027-01`
    pub month: String,
    /// Newsletters to choose from.
    pub newsletters: Vec<Choice>,
    /// Partners to choose from.
    pub partners: Vec<Choice>,
    /// Whether anything is chosen.
    pub is_filtered: bool,
    /// Weeks from Monday to Sunday.
    pub weeks: Vec<Vec<Option<Day>>>,
    /// Whether nothing is in it.
    pub is_empty: bool,
    /// Whether days of it are over on which something is: on a narrow screen they stand behind a link.
    pub has_past: bool,
    /// Where the same is as JSON.
    pub json: String,
}

/// Another month.
#[derive(Debug, Serialize)]
pub struct Step {
    /// `February 2027`
    pub label: String,
    /// Its address.
    pub href: String,
}

/// Something to choose.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// Its slug.
    pub value: String,
    /// Its name.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// A day.
#[derive(Debug, Serialize)]
pub struct Day {
    /// `2027-01-12`
    pub iso: String,
    /// `12`
    pub number: u32,
    /// `Tue 12 Jan`
    pub label: String,
    /// Whether it is today.
    pub is_today: bool,
    /// Whether it is over, in the month that today is in.
    pub is_past: bool,
    /// Why no newsletter leaves on it: `Year-end freeze (emea)`.
    pub closed: Vec<String>,
    /// Whether that holds for all who are shown, and not for some of them.
    pub is_closed: bool,
    /// What is on it.
    pub lines: Vec<Line>,
}

/// Something on a day.
#[derive(Debug, Serialize)]
pub struct Line {
    /// `newsletter`, `webinar` or `content`.
    pub kind: &'static str,
    /// The same for people.
    pub label: String,
    /// What it is.
    pub title: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Where more is said.
    pub href: String,
    /// `09:00 CET`, or the first and the last hour, in the vendor's zone.
    pub time: Option<String>,
    /// When it begins, RFC 3339 in UTC.
    pub starts: Option<String>,
    /// How it stands.
    pub badges: Vec<Badge>,
    /// What clock changes and the calendar's rules did to it.
    pub notes: Vec<String>,
}

/// What the address may say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    month: Option<String>,
    newsletter: Option<String>,
    partner: Option<String>,
}

/// What programs read.
#[derive(Serialize)]
struct Document {
    month: String,
    zone: String,
    days: Vec<Day>,
}

impl Wanted {
    /// What is asked for; an empty choice is none.
    fn asked(&self) -> Asked<'_> {
        let some = |text: &'_ Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        Asked {
            month: self.month.as_deref().filter(|_| some(&self.month)),
            newsletter: self.newsletter.as_deref().filter(|_| some(&self.newsletter)),
            partner: self.partner.as_deref().filter(|_| some(&self.partner)),
        }
    }

    /// The query that asks for the same of another month. Slugs need no escapes, and what is no slug was refused.
    fn query(&self, month: &str) -> String {
        let asked = self.asked();
        let mut query = format!("?month={month}");
        for (key, value) in [("newsletter", asked.newsletter), ("partner", asked.partner)] {
            query.extend(value.map(|value| format!("&{key}={value}")));
        }
        query
    }
}

/// `GET /console/calendar`
pub async fn page(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let month = calendars::month::month(&ctx, wanted.asked()).await?;
    let view = view(&month, &wanted);
    let frame = Frame::new(&ctx, Area::Console, format!("{}, calendar", view.title), "/console/promises");
    respond::page(&ctx, "console/calendar", &frame, &view)
}

/// `GET /console/calendar.json`
pub async fn document(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let month = calendars::month::month(&ctx, wanted.asked()).await?;
    let mut days = days(&month);
    days.retain(|day| !day.lines.is_empty());
    let document =
        Document { month: month.first.format("%Y-%m").to_string(), zone: month.zone.name().to_owned(), days };
    Ok(headers::private(Json(document).into_response()))
}

fn view(month: &Month, wanted: &Wanted) -> View {
    let asked = wanted.asked();
    let choices = |all: &[(String, String)], chosen: Option<&str>| -> Vec<Choice> {
        let choice = |(slug, label): &(String, String)| Choice {
            chosen: chosen == Some(slug),
            value: slug.clone(),
            label: authored(label),
        };
        all.iter().map(choice).collect()
    };
    let this_month = month.today.with_day(1).unwrap_or(month.today);
    let days = days(month);
    let key = month.first.format("%Y-%m").to_string();
    View {
        title: name(month.first),
        zone: month.zone.name().replace('_', " "),
        before: month
            .first
            .checked_sub_months(Months::new(1))
            .and_then(|first| step(first, this_month, wanted)),
        after: month
            .first
            .checked_add_months(Months::new(1))
            .and_then(|first| step(first, this_month, wanted)),
        this: (month.first != this_month).then(|| step(this_month, this_month, wanted)).flatten(),
        newsletters: choices(&month.newsletters, asked.newsletter),
        partners: choices(&month.partners, asked.partner),
        is_filtered: asked.newsletter.is_some() || asked.partner.is_some(),
        is_empty: days.iter().all(|day| day.lines.is_empty()),
        has_past: days.iter().any(|day| day.is_past && !(day.lines.is_empty() && day.closed.is_empty())),
        weeks: weeks(days),
        json: format!("/console/calendar.json{}", wanted.query(&key)),
        month: key,
    }
}

/// `January 2027`
fn name(first: NaiveDate) -> String {
    first.format("%B %Y").to_string()
}

fn step(first: NaiveDate, this: NaiveDate, wanted: &Wanted) -> Option<Step> {
    let away = (first.year() - this.year()) * 12 + first.month0().cast_signed() - this.month0().cast_signed();
    (away.abs() <= MONTHS_MAX).then(|| Step {
        label: name(first),
        href: format!("/console/calendar{}", wanted.query(&first.format("%Y-%m").to_string())),
    })
}

/// The days of the month with what is on them.
fn days(month: &Month) -> Vec<Day> {
    let next = month.first.checked_add_months(Months::new(1)).unwrap_or(month.first);
    let all = month.first.iter_days().take_while(|day| *day < next);
    all.map(|day| {
        let mut lines: Vec<Line> =
            month.dates.iter().filter(|on_day| on_day.day == day).map(|one| of_date(one, month)).collect();
        let webinars = month.webinars.iter().filter(|webinar| webinar.start.date_naive() == day);
        lines.extend(webinars.map(of_webinar));
        lines.extend(month.published.iter().filter(|piece| piece.day == day).map(of_content));
        let closed: Vec<&Closed> =
            month.closed.iter().filter(|it| (it.first..=it.last).contains(&day)).collect();
        Day {
            iso: day.to_string(),
            number: day.day(),
            label: day.format("%a %-d %b").to_string(),
            is_today: day == month.today,
            is_past: month.first <= month.today && day < month.today && month.today < next,
            is_closed: closed.iter().any(|it| month.is_of_partner || it.whose.is_empty()),
            closed: closed.into_iter().map(why_closed).collect(),
            lines,
        }
    })
    .collect()
}

fn why_closed(closed: &Closed) -> String {
    if closed.whose.is_empty() {
        closed.name.clone()
    } else {
        format!("{} ({})", closed.name, closed.whose.join(", "))
    }
}

/// Weeks from Monday to Sunday, with nothing where days are another month's.
fn weeks(days: Vec<Day>) -> Vec<Vec<Option<Day>>> {
    let first: Option<NaiveDate> = days.first().and_then(|day| day.iso.parse().ok());
    let blank = first.map_or(0, |day| day.weekday().num_days_from_monday());
    let mut all: Vec<Option<Day>> = (0..blank).map(|_| None).chain(days.into_iter().map(Some)).collect();
    let mut weeks = Vec::new();
    while !all.is_empty() {
        let rest = all.split_off(all.len().min(7));
        all.resize_with(7, || None);
        weeks.push(std::mem::replace(&mut all, rest));
    }
    weeks
}

fn of_date(OnDay { day, title, date }: &OnDay, month: &Month) -> Line {
    // Readers' day begins and ends elsewhere than the vendor's, so that an hour of it may be of another one here.
    let clock = |ms: UtcMs| {
        let (time, there) = (time_of_day(ms, month.zone), day_here(ms, month));
        if there == *day { time } else { format!("{}, {time}", there.format("%a %-d %b")) }
    };
    let (first, last) = (clock(date.first_due_ms), clock(date.last_due_ms));
    let time = match (date.state.is_off(), first == last) {
        (true, _) => None,
        (false, true) => Some(first),
        (false, false) => Some(format!("{first} to {last}")),
    };
    let mut badges = vec![standing(date)];
    let is_moved = date.is_moved && !date.state.is_off();
    badges.extend(is_moved.then(|| Badge::new("warn", "moved")));
    let written = date.written.as_ref().map(|reference| format!("/console/content/{reference}"));
    let href = match written {
        Some(href) if date.issue.is_none() && date.verdict.is_none() => href,
        _ if date.issue.is_some() || date.verdict.is_some() => console_path(date),
        _ => "/console/promises".to_owned(),
    };
    Line {
        kind: "newsletter",
        label: "Newsletter".to_owned(),
        title: authored(title),
        subject: date.subject.as_deref().map(authored),
        href,
        time,
        starts: Some(iso(date.first_due_ms)),
        badges,
        notes: date.notes.clone(),
    }
}

fn day_here(ms: UtcMs, month: &Month) -> NaiveDate {
    utc(ms).with_timezone(&month.zone).date_naive()
}

fn standing(date: &calendars::Date) -> Badge {
    match (date.state, date.verdict, &date.issue) {
        (Standing::Cancelled, ..) => Badge::new("bad", "cancelled"),
        (Standing::Skipped, ..) => Badge::new("", "skipped"),
        (_, Some(verdict), _) => promises::badge(Some(verdict)),
        (_, None, Some(issue)) => issue_badge(issue),
        (Standing::Written, ..) => Badge::new("brand", "written"),
        _ => Badge::new("warn", "nothing written"),
    }
}

fn of_webinar(webinar: &Webinar) -> Line {
    let (start, end) = (webinar.start.format("%H:%M"), webinar.end.format("%H:%M %Z"));
    Line {
        kind: "webinar",
        label: "Webinar".to_owned(),
        title: authored(&webinar.title),
        subject: None,
        href: format!("/console/content/{}", webinar.reference),
        time: Some(format!("{start} to {end}")),
        starts: Some(iso(webinar.start.timestamp_millis())),
        badges: recalled(webinar.is_recalled),
        notes: Vec::new(),
    }
}

fn of_content(piece: &Published) -> Line {
    Line {
        kind: "content",
        label: format!("{} published", capital(&words(piece.kind.as_str()))),
        title: authored(&piece.title),
        subject: None,
        href: format!("/console/content/{}", piece.reference),
        time: None,
        starts: None,
        badges: recalled(piece.is_recalled),
        notes: Vec::new(),
    }
}

fn recalled(is_recalled: bool) -> Vec<Badge> {
    is_recalled.then(|| Badge::new("bad", "recalled")).into_iter().collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
impl View {
    /// January, or a month with nothing in it.
    pub fn sample(is_empty: bool) -> Self {
        let first = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
        let line =
            |kind, title: &str, subject: Option<&str>, time: Option<&str>, badge: Option<Badge>| Line {
                kind,
                label: capital(kind),
                title: title.into(),
                subject: subject.map(Into::into),
                href: "#".into(),
                time: time.map(Into::into),
                starts: time.map(|_| "2027-01-12T08:00:00Z".into()),
                badges: badge.into_iter().collect(),
                notes: Vec::new(),
            };
        let on_day = |number: u64| match number {
            4 if !is_empty => {
                vec![line("content", "Proof of Recovery: what boards should ask", None, None, None)]
            }
            11 if !is_empty => vec![line(
                "newsletter",
                "Fold Forward",
                Some("Restores, not backups: your part in January"),
                Some("Mon 11 Jan, 23:30 CET to 18:00 CET"),
                Some(Badge::new("brand", "written")),
            )],
            20 if !is_empty => {
                vec![line("webinar", "Live restore in 20 minutes", None, Some("16:00 to 16:45 CET"), None)]
            }
            _ => Vec::new(),
        };
        let days = (0..31).map(|number| {
            let day = first.checked_add_days(chrono::Days::new(number)).unwrap();
            Day {
                iso: day.to_string(),
                number: day.day(),
                label: day.format("%a %-d %b").to_string(),
                is_today: number == 11,
                is_past: number < 11,
                closed: if number < 3 { vec!["Year-end freeze (emea)".into()] } else { Vec::new() },
                is_closed: number < 2,
                lines: on_day(number),
            }
        });
        let choice =
            |value: &str, label: &str| Choice { value: value.into(), label: label.into(), chosen: false };
        Self {
            title: "January 2027".into(),
            zone: "Europe/Oslo".into(),
            before: Some(Step { label: "December 2026".into(), href: "?month=2026-12".into() }),
            after: Some(Step { label: "February 2027".into(), href: "?month=2027-02".into() }),
            this: None,
            month: "2027-01".into(),
            newsletters: vec![choice("fold-forward", "Fold Forward")],
            partners: vec![choice("northlight", "Northlight MSP")],
            is_filtered: is_empty,
            weeks: weeks(days.collect()),
            is_empty,
            has_past: !is_empty,
            json: "/console/calendar.json?month=2027-01".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_hold_seven_days() {
        let weeks = View::sample(false).weeks;
        assert_eq!(weeks.len(), 5);
        assert!(weeks.iter().all(|week| week.len() == 7));
        assert!(weeks[0][3].is_none(), "1 January 2027 is a Friday");
        assert_eq!(weeks[0][4].as_ref().unwrap().number, 1);
        assert_eq!(weeks[4][6].as_ref().unwrap().number, 31);
    }

    #[test]
    fn another_month_is_asked_for_as_this_one_was() {
        let wanted =
            Wanted { newsletter: Some("a".into()), partner: Some(String::new()), ..Wanted::default() };
        assert_eq!(wanted.query("2027-02"), "?month=2027-02&newsletter=a");
        let month = NaiveDate::from_ymd_opt(2029, 2, 1).unwrap();
        let this = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap();
        assert!(step(month, this, &wanted).is_none(), "further away than one may look");
    }
}
