//! Calendars to subscribe to: as a file for calendar programs, as a page, and as JSON; and the date of one webinar.
//!
//! The token is the key: whoever has it may look, and can do nothing else.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Head, Setting, Wanted,
    asset::admit,
    calendar_words::{Item, items},
    preferences::Calendar as Addresses,
    withdrawn,
};
use crate::{
    domain::{
        kernel::{
            Error, Locale,
            clock::{MINUTE_MS, UtcMs},
        },
        partner::Partner,
    },
    render::{
        Strings,
        calendar::{self, About, Entry},
    },
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        headers,
        respond::{self, Answer, Kept},
        view::{authored, chart::Badge, when::Moment},
    },
    work::{
        Context,
        calendars::{self, Calendar, Opened},
        kept::Lately,
    },
};

/// How long people take to look at a newsletter.
pub const NEWSLETTER_MS: i64 = 15 * MINUTE_MS;
/// Dates that are shown of those ahead; the file has all of them.
const AHEAD_MAX: usize = 24;
/// Dates that are shown of those that are over.
const BEHIND_MAX: usize = 6;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its name.
    pub title: String,
    /// In which zone the times are.
    pub zone: String,
    /// Where calendar programs subscribe, as their own kind of link.
    pub webcal: String,
    /// The same for any program.
    pub https: String,
    /// Its newsletters.
    pub newsletters: Vec<Series>,
    /// What is ahead, the next first.
    pub ahead: Vec<Line>,
    /// How many more are.
    pub later: Option<String>,
    /// What is over, the latest first.
    pub behind: Vec<Line>,
}

/// A newsletter of the calendar.
#[derive(Debug, Serialize)]
pub struct Series {
    /// Its title.
    pub title: String,
    /// When it comes.
    pub cadence: String,
    /// How it kept its last promises.
    pub kept: Option<String>,
    /// The calendar of it alone, where this one holds more.
    pub href: Option<String>,
}

/// An entry.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The month, above the first of its lines.
    pub month: Option<String>,
    /// When it begins.
    pub at: Moment,
    /// When the last readers get it, where that is at another time.
    pub until: Option<Moment>,
    /// What it is.
    pub title: String,
    /// What it is about.
    pub text: Option<String>,
    /// How it stands, or went.
    pub badge: Option<Badge>,
    /// What a rule or a clock change did to it, in English.
    pub notes: Vec<String>,
    /// Its page.
    pub href: Option<String>,
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    name: &'d str,
    zone: &'d str,
    entries: &'d [Item],
}

/// What templates are given that are no partner's.
#[derive(Serialize)]
struct Plain<'a> {
    frame: &'a Frame,
    t: &'a Strings,
    page: &'a View,
}

/// `GET /calendars/{token}`, with `.ics` and `.json` after it.
pub async fn show(
    State(ctx): State<Arc<Context>>,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let (token, ending) = name.split_once('.').unwrap_or((&name, ""));
    if !["", "ics", "json"].contains(&ending) {
        return Err(Problem::no_page());
    }
    let opened = calendars::open(&ctx, token).await?;
    let calendar = match opened {
        Opened::Calendar(calendar) => calendar,
        Opened::Gone(partner) => return gone(&ctx, partner.as_deref(), ending).await,
    };
    // The vendor's own people read English, with the hours of the day from 0 to 24, as in the console.
    let locale = if calendar.partner.is_some() { calendar.locale.clone() } else { Locale::parse("en-GB")? };
    let strings = ctx.templates.strings(&locale);
    let title = title(&ctx, &calendar, &strings);
    let items = items(&ctx, &calendar, &strings);
    let kept = Kept { changed_ms: calendars::changed_ms(&calendar), seconds: 3_600 };
    let shown = match ending {
        "ics" => {
            let about = About {
                name: title,
                zone: calendar.zone.name().to_owned(),
                colour: calendar.partner.as_ref().map(|partner| partner.brand.primary.to_string()),
            };
            let entries: Vec<Entry> = items.iter().map(Item::entry).collect();
            let file = calendar::feed(&about, &entries).into_bytes();
            respond::revalidated(&ctx, &asked, respond::CALENDAR, file, kept)
        }
        "json" => {
            let document = Document { name: &title, zone: calendar.zone.name(), entries: &items };
            let bytes = serde_json::to_vec(&document)
                .map_err(|error| Error::internal("a calendar as JSON").because(error))?;
            respond::revalidated(&ctx, &asked, "application/json", bytes, kept)
        }
        _ => page(&ctx, &calendar, title, &strings, token, items).await?,
    };
    Ok(headers::unlisted(shown))
}

/// `GET /p/{partner}/{folder}/{slug}/calendar.ics`: a webinar's date, for whom its page is.
pub async fn session(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    asked: HeaderMap,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    let entry = match calendars::cancelled(&ctx, &setting.partner, &setting.locale, &reference).await? {
        Some(entry) => entry,
        None => {
            if let Some(instead) = withdrawn::instead(&ctx, &setting, &reference, &wanted).await? {
                return Ok(instead);
            }
            admit(&ctx, &setting, &reference, &wanted).await?;
            calendars::session(&ctx, &setting.partner, &setting.locale, &reference).await?
        }
    };
    let kept = Kept { changed_ms: entry.changed.timestamp_millis(), seconds: 300 };
    let file = calendar::calendar(&entry).into_bytes();
    Ok(respond::revalidated(&ctx, &asked, respond::CALENDAR, file, kept))
}

/// "This is no longer available", in the partner's look where there still is one.
async fn gone(ctx: &Context, partner: Option<&Partner>, ending: &str) -> Answer {
    let Some(partner) = partner.filter(|_| ending.is_empty()) else {
        return Err(Problem::gone("this calendar is no longer kept; take it out of your calendar program"));
    };
    let setting = Setting::of(ctx, partner.slug.as_str(), None).await?;
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let view = withdrawn::View {
        title: strings.get("withdrawn_title").to_owned(),
        text: strings.get("calendar_gone").to_owned(),
    };
    let page = setting.page(ctx, "public/withdrawn", Head::new(&view.title, "", &language), &view)?;
    Ok((StatusCode::GONE, headers::unlisted(page)).into_response())
}

fn title(ctx: &Context, calendar: &Calendar, strings: &Strings) -> String {
    let name = match &calendar.partner {
        Some(partner) => partner.name.clone(),
        None => frame::vendor(ctx).0,
    };
    match calendar.newsletters.first().filter(|_| calendar.is_one) {
        Some(series) => format!("{} · {name}", authored(&series.title)),
        None => strings.fill("calendar_of", &[("partner", &name)]),
    }
}

async fn page(
    ctx: &Context,
    calendar: &Calendar,
    title: String,
    strings: &Strings,
    token: &str,
    items: Vec<Item>,
) -> Answer {
    let view = view(ctx, calendar, title, strings, token, items);
    let Some(partner) = &calendar.partner else {
        let frame = Frame::new(ctx, Area::Public, &view.title, "").of_vendor();
        return respond::html(
            &ctx.templates,
            "public/calendar_vendor",
            &Plain { frame: &frame, t: strings, page: &view },
        );
    };
    let setting = Setting::of(ctx, partner.slug.as_str(), None).await?;
    let language = ctx.templates.language(&setting.locale);
    setting.page(ctx, "public/calendar", Head::new(&view.title, "", &language), &view)
}

fn view(
    ctx: &Context,
    calendar: &Calendar,
    title: String,
    strings: &Strings,
    token: &str,
    items: Vec<Item>,
) -> View {
    let Addresses { webcal, https, .. } = Addresses::of(ctx, &format!("/calendars/{token}"));
    let newsletters = calendar.newsletters.iter().map(|series| Series {
        title: authored(&series.title),
        cadence: series
            .cadence
            .as_ref()
            .map(|cadence| strings.cadence_in(cadence, series.zone))
            .unwrap_or_default(),
        kept: kept_words(strings, series.kept),
        href: calendar.partner.as_ref().filter(|_| !calendar.is_one).map(|partner| {
            calendars::path(ctx, Some(&series.slug), Some((partner.slug.as_str(), calendar.zone)))
        }),
    });
    let zone = calendar.zone.name().replace('_', " ");
    let (behind, ahead): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.ends_ms <= ctx.now_ms());
    let later = u64::try_from(ahead.len().saturating_sub(AHEAD_MAX)).unwrap_or_default();
    let lines = |items: Vec<Item>| {
        let mut lines: Vec<Line> = items.into_iter().map(|item| item.line(strings, calendar.zone)).collect();
        let mut last = None;
        for line in &mut lines {
            line.month = line.month.take().filter(|month| last.as_ref() != Some(month));
            last = line.month.clone().or(last);
        }
        lines
    };
    View {
        title,
        zone: strings.fill("calendar_zone", &[("zone", &zone)]),
        webcal,
        https,
        newsletters: newsletters.collect(),
        ahead: lines(ahead.into_iter().take(AHEAD_MAX).collect()),
        later: (later > 0).then(|| strings.fill("calendar_later", &[("count", &strings.number(later))])),
        behind: lines(behind.into_iter().rev().take(BEHIND_MAX).collect()),
    }
}

/// `On time lately (within 15 min): 11 of 12`, and how many mails a limit kept back; nothing before the first is over.
pub fn kept_words(strings: &Strings, lately: Lately) -> Option<String> {
    let number = |count: u64| strings.number(count);
    let mut said = Vec::new();
    if lately.over > 0 {
        let (kept, total) = (number(lately.kept.into()), number(lately.over.into()));
        let minutes = number(lately.minutes);
        let values = [("kept", kept.as_str()), ("total", total.as_str()), ("minutes", minutes.as_str())];
        said.push(strings.fill("kept_lately", &values));
    }
    if lately.held_back > 0 {
        said.push(strings.fill("held_back_lately", &[("count", &number(lately.held_back))]));
    }
    (!said.is_empty()).then(|| said.join(" · "))
}

/// When a date of a newsletter ends that the last readers get at `last_due_ms`.
pub fn ends_ms(last_due_ms: UtcMs) -> UtcMs {
    last_due_ms + NEWSLETTER_MS
}

#[cfg(test)]
impl View {
    /// Two newsletters and a webinar.
    pub fn sample() -> Self {
        let at = |ms| Moment::full(ms, chrono_tz::America::Chicago);
        let line = |ms, title: &str, text: Option<&str>, badge, notes: &[&str]| Line {
            month: text.map(|_| "February 2027".into()),
            at: at(ms),
            until: None,
            title: title.into(),
            text: text.map(Into::into),
            badge,
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            href: None,
        };
        let moved = "Year-end freeze: moved from Mon 2027-12-20 09:00 to Mon 2028-01-03 09:00";
        Self {
            title: "Newsletters and webinars · Northlight MSP".into(),
            zone: "Times are those of America/Chicago.".into(),
            webcal: "webcal://cast.example/calendars/abc.ics".into(),
            https: "https://cast.example/calendars/abc.ics".into(),
            newsletters: vec![Series {
                title: "Fold Forward".into(),
                cadence: "on the second Tuesday of the month at 09:00".into(),
                kept: Some(
                    "On time lately (within 15 min): 11 of 12 · Held back by a limit on messages: 3".into(),
                ),
                href: Some("/calendars/def".into()),
            }],
            ahead: vec![
                line(1_802_185_200_000, "Fold Forward", Some("The first 24 hours"), None, &[]),
                line(
                    1_804_604_400_000,
                    "Fold Forward",
                    None,
                    Some(Badge::new("", "Does not appear")),
                    &[moved],
                ),
            ],
            later: Some("Later dates, in the calendar itself: 36".into()),
            behind: vec![line(
                1_799_766_000_000,
                "Fold Forward",
                Some("Restores, not backups"),
                Some(Badge::new("good", "Came on time")),
                &[],
            )],
        }
    }
}
