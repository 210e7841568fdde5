//! What the page of an asset shows of its kind: a webinar's date, a case study's figures, a datasheet's table.

use serde::Serialize;

use super::{Setting, Wanted};
use crate::{
    domain::{
        content::{
            Asset, Detail,
            kinds::{Objection, Tactic, Webinar},
        },
        kernel::clock::UtcMs,
    },
    render::Strings,
    web::view::when::Moment,
};

/// What its kind has of its own.
#[derive(Debug, Default, Serialize)]
pub struct KindPart {
    /// When a webinar takes place.
    pub event: Option<Event>,
    /// Where something is watched or signed up for.
    pub action: Option<Action>,
    /// A video's poster.
    pub poster: Option<Poster>,
    /// What was reached.
    pub figures: Vec<Row>,
    /// What somebody says.
    pub quote: Option<Said>,
    /// Properties.
    pub properties: Vec<Row>,
    /// Lists of a kit or a playbook.
    pub lists: Vec<List>,
}

/// A link that invites to do something.
#[derive(Debug, Serialize)]
pub struct Action {
    /// Its text.
    pub label: String,
    /// Where it leads: https, or a page of ours.
    pub href: String,
}

/// An image in place of a video.
#[derive(Debug, Serialize)]
pub struct Poster {
    /// Its address.
    pub src: String,
    /// What stands for it.
    pub alt: String,
}

/// A name or figure, and what belongs to it.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The one.
    pub name: String,
    /// The other.
    pub value: String,
}

/// Somebody's words.
#[derive(Debug, Serialize)]
pub struct Said {
    /// What.
    pub text: String,
    /// Who, and what they do.
    pub by: String,
}

/// A webinar's time.
#[derive(Debug, Serialize)]
pub struct Event {
    /// When, in the partner's zone.
    pub at: Moment,
    /// `45 minutes`
    pub length: String,
    /// Who speaks.
    pub people: String,
    /// Its date for calendar programs, while it is ahead.
    pub calendar: Option<String>,
}

/// A list with a title.
#[derive(Debug, Serialize)]
pub struct List {
    /// Over it.
    pub title: String,
    /// Its lines.
    pub items: Vec<Item>,
}

/// A line of a list.
#[derive(Debug, Serialize)]
pub struct Item {
    /// What it says.
    pub text: String,
    /// What more there is to say.
    pub detail: String,
    /// Where it leads.
    pub href: Option<String>,
}

impl KindPart {
    /// That of an asset on a partner's page.
    pub fn of(asset: &Asset, setting: &Setting, strings: &Strings, wanted: &Wanted, now_ms: UtcMs) -> Self {
        let mut part = Self { lists: lists(asset, setting, wanted), ..Self::default() };
        let row = |name: &str, value: &str| Row { name: name.to_owned(), value: value.to_owned() };
        match &asset.detail {
            Detail::Webinar(webinar) => {
                let begins = webinar.begins();
                let is_ahead = begins.is_some_and(|begins| begins.timestamp_millis() > now_ms);
                let path = format!("/p/{}/{}", setting.partner.slug, asset.reference);
                let calendar = is_ahead.then(|| format!("{path}/calendar.ics{}", wanted.query()));
                part.event = Some(Event { calendar, ..event(webinar, setting, strings) });
                // Who goes to the recording passes by us.
                let recording = webinar.recording.as_ref();
                let recording = recording.map(|_| format!("{path}/recording{}", wanted.query()));
                let (key, href) =
                    if is_ahead { ("register", webinar.registration.clone()) } else { ("watch", recording) };
                part.action = href.map(|href| action(strings.get(key), &href));
            }
            Detail::Video(video) => {
                part.action = Some(action(strings.get("watch_video"), &video.url));
                let picture = asset.front.image.as_ref();
                let voice = setting.voice().ok();
                part.poster = picture.zip(voice).and_then(|(picture, voice)| {
                    Some(Poster { src: voice.image(&picture.path)?, alt: picture.alt.clone() })
                });
            }
            Detail::CaseStudy(study) => {
                part.figures =
                    study.results.iter().map(|result| row(&result.figure, &result.meaning)).collect();
                part.quote = study.quote.as_ref().map(|quote| Said {
                    text: quote.text.clone(),
                    by: format!("{}, {}", quote.name, quote.title),
                });
            }
            Detail::Datasheet(sheet) => {
                part.properties = sheet.specifications.iter().map(|one| row(&one.name, &one.value)).collect();
            }
            _ => {}
        }
        part
    }
}

fn action(label: &str, href: &str) -> Action {
    Action { label: label.to_owned(), href: href.to_owned() }
}

pub fn meta(asset: &Asset, strings: &Strings) -> Option<String> {
    let published = asset.front.publish.map(|day| strings.date(day));
    match &asset.detail {
        Detail::Whitepaper(paper) => {
            Some(strings.fill("by_authors", &[("authors", &strings.list(&paper.authors))]))
        }
        Detail::Blog(blog) => Some(match published {
            Some(day) => format!("{}, {day}", strings.fill("by_authors", &[("authors", &blog.author)])),
            None => strings.fill("by_authors", &[("authors", &blog.author)]),
        }),
        Detail::CaseStudy(study) => Some(format!("{}, {}", study.customer, study.industry)),
        Detail::Datasheet(sheet) => Some(match &sheet.version {
            Some(version) => format!("{} {version}", sheet.product),
            None => sheet.product.clone(),
        }),
        Detail::Video(video) => Some(length(video.duration_seconds)),
        Detail::Kit(kit) => Some(format!("{} – {}", strings.date(kit.start), strings.date(kit.end))),
        _ => None,
    }
}

/// `4:05`
fn length(seconds: u32) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// In the time of the partner, which is their customers' too; nobody should have to convert.
fn event(webinar: &Webinar, setting: &Setting, strings: &Strings) -> Event {
    let start = webinar.begins();
    let at = start.map(|start| {
        let words = strings.date_time(&start.with_timezone(&setting.partner.zone));
        Moment::worded(start.timestamp_millis(), words)
    });
    let people: Vec<String> =
        webinar.speakers.iter().map(|speaker| format!("{}, {}", speaker.name, speaker.title)).collect();
    Event {
        at: at.unwrap_or_else(|| Moment { iso: String::new(), text: webinar.start.to_string() }),
        length: strings.count("minutes", ("minutes", webinar.duration_minutes.into()), &[]),
        people: people.join(" · "),
        calendar: None,
    }
}

/// What a kit or a playbook holds beside its text. They are in the language of the programme.
fn lists(asset: &Asset, setting: &Setting, wanted: &Wanted) -> Vec<List> {
    let line = |text: &str| Item { text: text.to_owned(), detail: String::new(), href: None };
    match &asset.detail {
        Detail::Kit(kit) => {
            let tactic = |tactic: &Tactic| {
                let reference = setting.replaced.present(tactic.asset.as_str());
                let title =
                    setting.library.find(reference, &setting.locale).map(|asset| asset.front.title.as_str());
                Item {
                    text: title.unwrap_or(reference).to_owned(),
                    detail: format!("Day {}: {}", tactic.day, tactic.use_line),
                    href: Some(format!("/p/{}/{reference}{}", setting.partner.slug, wanted.query())),
                }
            };
            vec![
                List { title: "What is in it".to_owned(), items: kit.tactics.iter().map(tactic).collect() },
                List {
                    title: "Checklist".to_owned(),
                    items: kit.checklist.iter().map(|text| line(text)).collect(),
                },
            ]
        }
        Detail::Playbook(playbook) => {
            let objection = |objection: &Objection| Item {
                text: objection.objection.clone(),
                detail: objection.answer.clone(),
                href: None,
            };
            vec![
                List {
                    title: "Next steps".to_owned(),
                    items: playbook.next_steps.iter().map(|text| line(text)).collect(),
                },
                List {
                    title: "If they say …".to_owned(),
                    items: playbook.objections.iter().map(objection).collect(),
                },
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
impl KindPart {
    /// A checklist, and one of everything else.
    pub fn sample() -> Self {
        let row = |name: &str, value: &str| Row { name: name.into(), value: value.into() };
        let item =
            Item { text: "Choose five customers".into(), detail: "Day 0".into(), href: Some("#".into()) };
        Self {
            event: None,
            action: Some(action("Watch the video", "https://video.example/1")),
            poster: Some(Poster { src: "/static/icon.svg".into(), alt: "A clock at eleven minutes".into() }),
            figures: vec![row("11 min", "from outage to the first patient record"), row("0", "records lost")],
            quote: Some(Said { text: "We stopped hoping.".into(), by: "Ana Ruiz, head of IT".into() }),
            properties: vec![row("Restore tests", "hourly to yearly"), row("Networks", "isolated, no agent")],
            lists: vec![List { title: "Checklist".into(), items: vec![item] }],
        }
    }
}
