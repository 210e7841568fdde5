//! The do-not-send list, and what came back by mail.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::signin::Actor;
use crate::{
    domain::{
        kernel::{Error, Kind, Result},
        program::audience::SuppressionReason,
    },
    store::{
        reports::{self, MailReport, Which},
        suppressions::{self, ALL, Filter, Suppression},
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{Fact, authored, chart::Badge, counted, when::Moment},
    },
    work::{
        Context,
        suppress::{self, Order},
    },
};

/// Where it is.
const PATH: &str = "/console/suppressions";
/// Entries of one page, as the store gives them.
const PAGE: i64 = 200;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `3 entries`
    pub text: String,
    /// What is missing in the configuration.
    pub warning: Option<&'static str>,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// What was searched for.
    pub search: String,
    /// Reasons to filter by.
    pub reasons: Vec<Choice>,
    /// Scopes to choose from.
    pub scopes: Vec<Choice>,
    /// What was typed into the form for a new entry.
    pub typed: Typed,
    /// The entries.
    pub entries: Vec<Entry>,
    /// The next page.
    pub more: Option<String>,
    /// Which reports are shown.
    pub shown: Vec<Choice>,
    /// What came back.
    pub reports: Vec<Report>,
}

/// A word from us.
#[derive(Debug, Serialize)]
pub struct Notice {
    /// `good` or `bad`.
    pub tone: &'static str,
    /// The words.
    pub text: String,
}

/// One of several.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// Its value, or address.
    pub value: String,
    /// Its text.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// The form for a new entry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    address: String,
    scope: String,
    because: String,
    days: String,
}

/// An entry.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The address, or `@domain`.
    pub address: String,
    /// A newsletter's slug, or `all`.
    pub scope: String,
    /// The reason in a word.
    pub badge: Badge,
    /// The reason in a sentence.
    pub sentence: String,
    /// What was said.
    pub detail: String,
    /// Since when.
    pub since: Moment,
    /// Until when.
    pub until: Option<Moment>,
    /// Whether only the reader can take it back.
    pub own_word: bool,
}

/// A message that came back, in the list.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its page.
    pub href: String,
    /// When.
    pub at: Moment,
    /// What it is.
    pub badge: Badge,
    /// Whom it is about.
    pub about: String,
    /// What was said.
    pub said: String,
    /// What followed.
    pub effect: String,
}

/// One message that came back.
#[derive(Debug, Serialize)]
pub struct ReportView {
    /// Its subject.
    pub title: String,
    /// What it is.
    pub badge: Badge,
    /// What followed.
    pub effect: String,
    /// What is known.
    pub facts: Vec<Fact>,
    /// How it begins.
    pub excerpt: String,
}

/// What stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    reason: String,
    from: i64,
    reports: String,
    done: String,
}

/// `GET /console/suppressions`
pub async fn page(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    // Words of ours alone: an address must not put words into our mouth.
    let done = match asked.done.as_str() {
        "added" => Some("Added. What waits for it is not sent any more."),
        "same" => Some("It was there already; nothing changed."),
        "lifted" => Some("Lifted. They get what the next issue has for them."),
        _ => None,
    };
    let notice = done.map(|text| Notice { tone: "good", text: text.to_owned() });
    show(&ctx, &asked, Typed { scope: ALL.to_owned(), ..Typed::default() }, notice).await
}

async fn show(ctx: &Context, asked: &Asked, typed: Typed, notice: Option<Notice>) -> Answer {
    let (_, zone) = frame::vendor(ctx);
    let now_ms = ctx.now_ms();
    let filter = Filter { search: asked.q.clone(), reason: asked.reason.clone() };
    let from = asked.from.clamp(0, 1_000_000);
    let count = suppressions::count(&ctx.db, now_ms, &filter).await?;
    let entries = suppressions::list(&ctx.db, now_ms, &filter, from).await?;
    let which = match asked.reports.as_str() {
        "effective" => Which::Effective,
        "unmatched" => Which::Unmatched,
        _ => Which::All,
    };
    let came_back = reports::recent(&ctx.db, which).await?;
    let chosen_reports =
        |word: &str| if word.is_empty() { which == Which::All } else { asked.reports == word };
    let view = View {
        text: counted(usize::try_from(count).unwrap_or(0), "entry", "entries"),
        warning: ctx.settings.bounces.domain.is_none().then_some(
            "Bounces cannot be matched: mail.return_path_domain is not set, so what comes back goes to the sender’s \
             own mailbox. Set it, and name a source in [bounces].",
        ),
        notice,
        search: asked.q.chars().take(100).collect(),
        reasons: reasons(&asked.reason),
        scopes: scopes(ctx, &typed.scope),
        typed,
        more: (from + PAGE < count).then(|| {
            let query = [("q", &asked.q), ("reason", &asked.reason)];
            let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
            format!("{PATH}?{}&from={}", query.join("&"), from + PAGE)
        }),
        entries: entries.into_iter().map(|entry| line(entry, zone)).collect(),
        shown: [("", "Everything"), ("effective", "What changed something"), ("unmatched", "Put aside")]
            .into_iter()
            .map(|(word, label)| Choice {
                value: format!("{PATH}?reports={word}#came-back"),
                label: label.to_owned(),
                chosen: chosen_reports(word),
            })
            .collect(),
        reports: came_back.into_iter().map(|report| report_line(report, zone)).collect(),
    };
    respond::page(ctx, "console/suppressions", &Frame::new(ctx, Area::Console, "Do not send", PATH), &view)
}

fn reasons(chosen: &str) -> Vec<Choice> {
    let any = Choice { value: String::new(), label: "any reason".to_owned(), chosen: chosen.is_empty() };
    let one = |reason: SuppressionReason| Choice {
        value: reason.as_str().to_owned(),
        label: reason.as_str().replace('-', " "),
        chosen: chosen == reason.as_str(),
    };
    std::iter::once(any).chain(SuppressionReason::ALL.into_iter().map(one)).collect()
}

fn scopes(ctx: &Context, chosen: &str) -> Vec<Choice> {
    let library = ctx.library();
    let one = |value: &str, label: String| Choice { value: value.to_owned(), label, chosen: chosen == value };
    let newsletters = library.newsletters();
    std::iter::once(one(ALL, "everything".to_owned()))
        .chain(newsletters.map(|(asset, _)| one(asset.slug(), authored(asset.front.title.as_str()))))
        .chain(library.sequences().map(|(asset, _)| one(asset.slug(), authored(asset.front.title.as_str()))))
        .collect()
}

fn escaped(text: &str) -> String {
    crate::render::slots::escape_url_part(text)
}

fn line(entry: Suppression, zone: Tz) -> Entry {
    let reason = SuppressionReason::parse(&entry.reason);
    let tone = match entry.source.as_str() {
        "bounce" => "warn",
        "complaint" => "bad",
        _ => "",
    };
    Entry {
        own_word: suppress::is_readers_own(&entry),
        badge: Badge::new(tone, entry.reason.replace('-', " ")),
        sentence: match reason {
            Some(SuppressionReason::Unsubscribed) if entry.scope != ALL => {
                "this person unsubscribed from it".to_owned()
            }
            Some(reason) => reason.sentence().to_owned(),
            None => String::new(),
        },
        since: Moment::short(entry.created_ms, zone),
        until: entry.expires_ms.map(|ms| Moment::short(ms, zone)),
        address: entry.email_key,
        scope: entry.scope,
        detail: entry.detail,
    }
}

fn report_badge(report: &MailReport) -> Badge {
    let tone = match (report.kind.as_str(), report.changed) {
        ("complaint", true) => "bad",
        (_, true) => "warn",
        (_, false) => "",
    };
    Badge::new(tone, report.kind.clone())
}

fn report_line(report: MailReport, zone: Tz) -> Report {
    let class = class_words(&report);
    Report {
        href: format!("{PATH}/reports/{}", report.id),
        at: Moment::short(report.at_ms, zone),
        badge: report_badge(&report),
        about: if report.base_key.is_empty() { "–".to_owned() } else { report.base_key },
        said: if report.diagnostic.is_empty() { class } else { format!("{class}: {}", report.diagnostic) },
        effect: report.effect,
    }
}

/// A bounce's class as words; the others are words, or names of fields, already.
fn class_words(report: &MailReport) -> String {
    if report.kind == "bounce" { report.class.replace('-', " ") } else { report.class.clone() }
}

/// `GET /console/suppressions/reports/{id}`
pub async fn report(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Answer {
    let report = reports::report(&ctx.db, &id).await?.ok_or_else(|| Error::not_found("this report"))?;
    let (_, zone) = frame::vendor(&ctx);
    let view = report_view(report, zone);
    respond::page(&ctx, "console/report", &Frame::new(&ctx, Area::Console, &view.title, PATH), &view)
}

fn report_view(report: MailReport, zone: Tz) -> ReportView {
    let pairs = [
        ("Came", Moment::full(report.at_ms, zone).text),
        ("By", report.source.clone()),
        ("Class", class_words(&report)),
        ("Done with it", report.action.clone()),
        ("Reader", report.base_key.clone()),
        ("Failed at", report.final_recipient.clone()),
        ("Status", report.status.clone()),
        ("The server said", report.diagnostic.clone()),
        ("Delivery", report.delivery_id.clone().unwrap_or_default()),
    ];
    ReportView {
        badge: report_badge(&report),
        title: if report.subject.is_empty() {
            "A message without subject".to_owned()
        } else {
            report.subject
        },
        effect: report.effect,
        facts: pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| Fact::new(label, value))
            .collect(),
        excerpt: report.excerpt,
    }
}

/// `POST /console/suppressions/add`
pub async fn add(State(ctx): State<Arc<Context>>, Actor(actor): Actor, Body(typed): Body<Typed>) -> Answer {
    let added = try_add(&ctx, &actor, &typed).await;
    match added {
        Ok(added) => Ok(respond::see_other(&format!("{PATH}?done={}", if added { "added" } else { "same" }))),
        Err(error) if error.kind() == Kind::Invalid => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, &Asked::default(), typed, Some(notice)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn try_add(ctx: &Context, actor: &str, typed: &Typed) -> Result<bool> {
    let days = match typed.days.trim() {
        "" => None,
        days => Some(days.parse().map_err(|_| Error::invalid(format!("`{days}` is no number of days")))?),
    };
    let order = Order { address: &typed.address, scope: &typed.scope, detail: &typed.because, days };
    suppress::add(&ctx.db, ctx.now_ms(), &*ctx.random, actor, &order).await
}

/// Which entry to lift.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lifted {
    address: String,
    scope: String,
    they_asked: String,
}

/// `POST /console/suppressions/lift`
pub async fn lift(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Body(lifted): Body<Lifted>,
) -> Answer {
    let asked = lifted.they_asked == "yes";
    let Lifted { address, scope, .. } = &lifted;
    let done = suppress::lift(&ctx.db, ctx.now_ms(), &*ctx.random, &actor, address, scope, asked).await;
    match done {
        Ok(_) => Ok(respond::see_other(&format!("{PATH}?done=lifted"))),
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound | Kind::Invalid) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, &Asked::default(), Typed { scope: ALL.to_owned(), ..Typed::default() }, Some(notice))
                .await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[path = "suppressions_samples.rs"]
mod samples;
