//! Promises: how often each cadence was kept, and what came of each date.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::whose_time;
use crate::{
    domain::{
        kernel::{Error, Locale},
        program::{ExclusionReason, PromiseVerdict},
    },
    store::let_down,
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Fact, authored,
            chart::{Badge, Bar, Tone},
            counted,
            when::Moment,
            world::nominal,
        },
    },
    work::{
        Context, calendars,
        kept::{self, Clocks, Occurrence, Record},
        unkept,
    },
};

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// One card a newsletter.
    pub newsletters: Vec<Card>,
    /// How lead clocks are kept.
    pub clocks: Bar,
    /// The same in a sentence.
    pub clocks_say: String,
}

/// A newsletter.
#[derive(Debug, Serialize)]
pub struct Card {
    /// Its title.
    pub title: String,
    /// Its cadence in words.
    pub cadence: String,
    /// `11 of 12 kept`.
    pub rate: String,
    /// What stands beside it.
    pub beside: String,
    /// The first first.
    pub marks: Vec<Mark>,
    /// Its calendar, to subscribe to.
    pub calendar: Option<String>,
}

/// A date and how it went.
#[derive(Debug, Serialize)]
pub struct Mark {
    /// More about it.
    pub href: String,
    /// `12 Jan 2027`.
    pub date: String,
    /// How it went.
    pub badge: Badge,
    /// Those it was promised to, drawn; none where it is not over.
    pub bar: Option<Bar>,
    /// `98 %` of them had it in time.
    pub share: Option<String>,
}

/// One date of a newsletter.
#[derive(Debug, Serialize)]
pub struct View {
    /// The newsletter's title.
    pub title: String,
    /// When it was promised.
    pub promised: String,
    /// How it went.
    pub badge: Badge,
    /// Why nothing was sent, or why it was skipped.
    pub because: Option<String>,
    /// Where its issue is.
    pub issue: Option<String>,
    /// Those it was promised to.
    pub bar: Bar,
    /// Counts.
    pub facts: Vec<Fact>,
    /// When it is counted whole, where it is not yet.
    pub counted_at: Option<Moment>,
    /// To whom it was not kept.
    pub let_down: Vec<LetDown>,
    /// Who was never promised anything, by reason.
    pub left_out: Vec<Fact>,
    /// What stands there where that is nobody.
    pub nobody_left_out: &'static str,
    /// What to say in the next issue.
    pub note: Option<Note>,
}

/// A partner to whom it was not kept.
#[derive(Debug, Serialize)]
pub struct LetDown {
    /// Its page.
    pub href: String,
    /// Its slug.
    pub partner: String,
    /// When it was due there.
    pub due: Moment,
    /// `2 of 3`.
    pub on_time: String,
    /// `3 of 3`.
    pub accepted: String,
}

/// What to say in the next issue.
#[derive(Debug, Serialize)]
pub struct Note {
    /// The text.
    pub text: String,
    /// Its language.
    pub lang: String,
    /// Which way it runs.
    pub dir: &'static str,
    /// The others it can be had in.
    pub languages: Vec<String>,
}

/// `GET /console/promises`
pub async fn list(State(ctx): State<Arc<Context>>) -> Answer {
    let records = kept::newsletters(&ctx, None).await?;
    let clocks = kept::clocks(&ctx, None).await?;
    let view = ListView {
        newsletters: records.into_iter().map(|record| with_calendar(&ctx, record)).collect(),
        clocks: clocks_bar(&clocks),
        clocks_say: match clocks.kept_percent {
            Some(percent) => format!("{percent} % of the clocks that are over were stopped in time"),
            None => "No clock has run out or been stopped yet.".to_owned(),
        },
    };
    let frame = Frame::new(&ctx, Area::Console, "Promises", "/console/promises");
    respond::page(&ctx, "console/promises", &frame, &view)
}

/// Which language the note is in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    locale: Option<String>,
}

/// `GET /console/promises/{newsletter}/{date}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path((newsletter, date)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let occurrence = kept::occurrence(&ctx, &newsletter, &date).await?;
    let occurrence = occurrence.ok_or_else(|| Error::not_found("this promise"))?;
    let record = kept::newsletter(&ctx, &newsletter, None).await?;
    let (_, zone) = frame::vendor(&ctx);
    let let_down = let_down::let_down(&ctx.db, &newsletter, &occurrence.nominal_local).await?;
    let left_out = kept::left_out(&ctx, &occurrence).await?;
    let title = authored(&record.title);
    let locale = wanted.locale.as_deref().and_then(|tag| Locale::parse(tag).ok()).unwrap_or_else(Locale::en);
    let view = View {
        promised: nominal(&occurrence.nominal_local, &whose_time(&ctx, &newsletter)),
        badge: badge_of(&occurrence),
        because: unkept::reason(&ctx, &occurrence).await?,
        nobody_left_out: if occurrence.issue_id.is_some() {
            "Nobody was left out."
        } else {
            "No issue was frozen, so nobody was decided about."
        },
        issue: occurrence.issue_id.as_ref().map(|id| format!("/console/issues/{id}")),
        bar: bar(&occurrence),
        facts: facts(&occurrence),
        counted_at: (occurrence.uncounted > 0).then(|| Moment::full(occurrence.over_ms, zone)),
        let_down: let_down.into_iter().map(|line| let_down_line(line, zone)).collect(),
        left_out: left_out
            .into_iter()
            .map(|(reason, people)| Fact::new(reason_words(&reason), people.to_string()))
            .collect(),
        note: note(&ctx, &title, &occurrence, &locale),
        title,
    };
    let frame = Frame::new(&ctx, Area::Console, &view.title, "/console/promises");
    respond::page(&ctx, "console/promise", &frame, &view)
}

fn with_calendar(ctx: &Context, record: Record) -> Card {
    let calendar = calendars::path(ctx, Some(&record.newsletter), None);
    Card { calendar: Some(calendar), ..card(record) }
}

/// A newsletter with its last dates.
pub fn card(record: Record) -> Card {
    let over = record.kept + record.broken;
    let mut beside = Vec::new();
    if let Some(percent) = record.kept_percent {
        beside.push(format!("{percent} %"));
    }
    beside.extend(record.within.as_ref().map(|within| format!("on time is {within}")));
    let (by_rule, by_limits) = record.skipped_by();
    if by_rule > 0 {
        beside.push(format!("{by_rule} skipped by rule, not counted"));
    }
    if by_limits > 0 {
        beside.push(format!("{by_limits} kept from everybody by limits, not counted"));
    }
    if record.held_back() > 0 {
        beside.push(format!("{} held back by limits", record.held_back()));
    }
    let slug = record.newsletter;
    let mut marks: Vec<Mark> = record
        .occurrences
        .iter()
        .map(|occurrence| Mark {
            href: format!("/console/promises/{slug}/{}", occurrence.date()),
            date: short_date(occurrence.date()),
            badge: badge_of(occurrence),
            bar: is_counted(occurrence).then(|| bar(occurrence)),
            share: is_counted(occurrence)
                .then(|| format!("{} %", occurrence.on_time * 100 / occurrence.counted().max(1))),
        })
        .collect();
    marks.reverse();
    Card {
        title: authored(&record.title),
        cadence: match record.cadence {
            Some(cadence) => cadence,
            None if record.is_in_content => String::new(),
            None => "No longer in the content; what it promised stays promised.".to_owned(),
        },
        rate: if over == 0 {
            "Nothing is over yet".to_owned()
        } else {
            format!("{} of {over} kept", record.kept)
        },
        beside: beside.join(" · "),
        marks,
        calendar: None,
    }
}

/// Whether there is a share of it to draw.
fn is_counted(occurrence: &Occurrence) -> bool {
    occurrence.eligible > 0 && !matches!(occurrence.verdict(), None | Some(PromiseVerdict::Skipped))
}

fn short_date(date: &str) -> String {
    chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d")
        .map_or_else(|_| date.to_owned(), |day| day.format("%-d %b %Y").to_string())
}

/// How a promise went, in a word.
pub fn badge(verdict: Option<PromiseVerdict>) -> Badge {
    let tone: Tone = match verdict {
        Some(PromiseVerdict::Kept) => "good",
        Some(PromiseVerdict::Late | PromiseVerdict::Partial) => "warn",
        Some(PromiseVerdict::Missed) => "bad",
        Some(PromiseVerdict::Skipped) => "",
        None => "brand",
    };
    Badge::new(tone, verdict.map_or("open", PromiseVerdict::as_str))
}

fn badge_of(occurrence: &Occurrence) -> Badge {
    match occurrence.verdict() {
        _ if occurrence.is_being_counted => Badge::new("", "being counted"),
        Some(PromiseVerdict::Skipped) if occurrence.is_held_back() => Badge::new("warn", "held back"),
        verdict => badge(verdict),
    }
}

fn bar(occurrence: &Occurrence) -> Bar {
    let late = occurrence.accepted - occurrence.on_time;
    let missing = occurrence.counted() - occurrence.accepted;
    let mut parts: Vec<(Tone, &'static str, i64)> = Vec::new();
    if occurrence.counted() > 0 || occurrence.uncounted == 0 {
        // Of an hour that no issue kept, nothing was offered to any server.
        let not_there = if occurrence.issue_id.is_some() { "not accepted" } else { "not sent" };
        parts.extend([
            ("good", "on time", occurrence.on_time),
            ("warn", "late", late),
            ("bad", not_there, missing),
        ]);
    }
    if occurrence.uncounted > 0 {
        parts.push(("", "not counted yet", occurrence.uncounted));
    }
    Bar::of(&parts)
}

/// Of a partner's or everybody's clocks.
pub fn clocks_bar(clocks: &Clocks) -> Bar {
    Bar::of(&[
        ("good", "stopped in time", clocks.kept.into()),
        ("warn", "late or run out", clocks.broken.into()),
        ("brand", "running", clocks.open.into()),
    ])
}

fn facts(occurrence: &Occurrence) -> Vec<Fact> {
    let people = |count: i64| counted(usize::try_from(count).unwrap_or_default(), "person", "people");
    let mut facts = vec![Fact::new("Promised to", people(occurrence.eligible))];
    if occurrence.suppressed > 0 {
        facts.push(Fact::new(
            "Not written to any more: unsubscribed or undeliverable",
            people(occurrence.suppressed),
        ));
    }
    if occurrence.skipped > 0 {
        facts.push(Fact::new("Skipped by a rule of the calendar", people(occurrence.skipped)));
    }
    if occurrence.held_back > 0 {
        facts.push(Fact::new("Held back by a limit on messages", people(occurrence.held_back)));
    }
    facts.push(Fact::new("On time is", format!("{} min", occurrence.on_time_minutes)));
    facts
}

fn let_down_line(line: let_down::LetDown, zone: Tz) -> LetDown {
    LetDown {
        href: format!("/console/partners/{}", line.partner_slug),
        due: Moment::full(line.due_ms, line.reader_zone.parse().unwrap_or(zone)),
        on_time: format!("{} of {}", line.on_time, line.eligible),
        accepted: format!("{} of {}", line.accepted, line.eligible),
        partner: line.partner_slug,
    }
}

/// Why somebody is left out, in a few words.
pub fn reason_words(reason: &str) -> &'static str {
    match ExclusionReason::parse(reason) {
        Some(ExclusionReason::Suppressed) => "On the do-not-send list",
        Some(ExclusionReason::Unsubscribed) => "Unsubscribed",
        Some(ExclusionReason::Paused) => "Paused it",
        Some(ExclusionReason::Tier) => "Not for their partner’s tier",
        Some(ExclusionReason::Type) => "Not for their type of partner",
        Some(ExclusionReason::Region) => "Not for their region",
        Some(ExclusionReason::Role) => "Not for their role",
        Some(ExclusionReason::NoContent) => "Nothing in it for them",
        Some(ExclusionReason::Frequency) => "Frequency limit reached",
        Some(ExclusionReason::Touches) => "Has been told its message",
        Some(ExclusionReason::Calendar) => "Skipped by the calendar",
        Some(ExclusionReason::Missed) => "Their hour had passed",
        None => "Not recorded",
    }
}

fn note(ctx: &Context, title: &str, occurrence: &Occurrence, locale: &Locale) -> Option<Note> {
    let text = kept::note(ctx, title, occurrence, locale)?;
    Some(Note {
        text,
        lang: locale.to_string(),
        dir: locale.direction(),
        languages: ctx.templates.languages(),
    })
}

#[cfg(test)]
impl ListView {
    /// Two newsletters.
    pub fn sample() -> Self {
        let mark = |date: &str, verdict| Mark {
            href: "#".into(),
            date: date.into(),
            badge: badge(verdict),
            bar: verdict.map(|_| {
                Bar::of(&[("good", "on time", 30), ("warn", "late", 3), ("bad", "not accepted", 0)])
            }),
            share: verdict.map(|_| "90 %".into()),
        };
        Self {
            newsletters: vec![
                Card {
                    title: "Fold Forward".into(),
                    cadence: "the second Tuesday of each month at 09:00".into(),
                    rate: "2 of 3 kept".into(),
                    beside: "66 % · on time is within 15 minutes · 1 skipped by rule, not counted · 4 held back by limits".into(),
                    marks: vec![
                        mark("10 Nov 2026", Some(PromiseVerdict::Kept)),
                        mark("8 Dec 2026", Some(PromiseVerdict::Late)),
                        mark("22 Dec 2026", Some(PromiseVerdict::Skipped)),
                        mark("12 Jan 2027", Some(PromiseVerdict::Kept)),
                        mark("9 Feb 2027", None),
                    ],
                    calendar: Some("/calendars/abc".into()),
                },
                Card {
                    title: "Quarterly brief".into(),
                    cadence: "the first Monday of each quarter at 09:00".into(),
                    rate: "Nothing is over yet".into(),
                    beside: String::new(),
                    marks: Vec::new(),
                    calendar: None,
                },
            ],
            clocks: clocks_bar(&Clocks { kept_percent: Some(66), kept: 4, broken: 2, open: 1 }),
            clocks_say: "66 % of the clocks that are over were stopped in time".into(),
        }
    }
}

#[cfg(test)]
impl View {
    /// A late one.
    pub fn sample() -> Self {
        Self {
            title: "Fold Forward".into(),
            promised: "Tue 12 Jan 2027, 09:00 each reader’s own time".into(),
            badge: badge(Some(PromiseVerdict::Late)),
            because: Some("it was not frozen in time".into()),
            issue: Some("#".into()),
            bar: Bar::of(&[("good", "on time", 30), ("warn", "late", 3), ("bad", "not accepted", 0)]),
            facts: vec![Fact::new("Promised to", "33 people"), Fact::new("On time is", "15 min")],
            counted_at: Some(Moment::full(1_799_706_600_000, chrono_tz::Australia::Adelaide)),
            let_down: vec![LetDown {
                href: "#".into(),
                partner: "wattlebird".into(),
                due: Moment::full(1_799_706_600_000, chrono_tz::Australia::Adelaide),
                on_time: "0 of 3".into(),
                accepted: "3 of 3".into(),
            }],
            left_out: vec![Fact::new(reason_words("role"), "4")],
            nobody_left_out: "Nobody was left out.",
            note: Some(Note {
                text: "We promised **Fold Forward** for 12 January 2027, 09:00. It came late to some of you."
                    .into(),
                lang: "en".into(),
                dir: "ltr",
                languages: vec!["de".into(), "en".into()],
            }),
        }
    }
}
