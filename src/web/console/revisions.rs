//! The history of a file: its revisions, who has which, and taking it back.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{asset_title, signin::Actor, suppressions::Notice};
use crate::{
    domain::kernel::{Kind, Result},
    store::{recalls::Recall, revisions::PAGE, social::recalled},
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, counted, form::Choice, when::Moment},
    },
    work::{
        Context,
        holders::{self, Held, Question, Took},
        recall::{self, Order},
        revisions::{self, Count, History, Told, commit_words, reference_of},
    },
};

/// People of one page.
const PEOPLE: usize = 200;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Title of the asset, or the path.
    pub title: String,
    /// Path under the content folder.
    pub path: String,
    /// Where the asset is looked at, while it is there.
    pub asset: Option<String>,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// The recall in force.
    pub recall: Option<RecallView>,
    /// The revisions, the latest first.
    pub lines: Vec<Line>,
    /// Older ones.
    pub older: Option<String>,
    /// The original and other translations.
    pub siblings: Vec<Choice>,
    /// For comparing two.
    pub compare: Option<Compare>,
    /// For taking it back.
    pub form: Option<RecallForm>,
    /// Who has what was asked about.
    pub who: Option<WhoView>,
    /// What is not known.
    pub unknown: Option<String>,
}

/// A recall.
#[derive(Debug, Serialize)]
pub struct RecallView {
    /// The asset.
    pub reference: String,
    /// Where its links lead.
    pub effect: String,
    /// Why.
    pub because: String,
    /// Who.
    pub actor: String,
    /// Since when.
    pub at: Moment,
    /// Translations that may still say what was wrong.
    pub unmended: Vec<String>,
    /// Posts of it that stand at networks still.
    pub posted: Vec<PostedView>,
}

/// A post of what was recalled.
#[derive(Debug, Serialize)]
pub struct PostedView {
    /// `@northlight at mastodon, of northlight`
    pub label: String,
    /// Where it is; empty where nobody knows.
    pub href: String,
}

/// A revision.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its number.
    pub no: i64,
    /// `now`, or when it was removed.
    pub badge: Option<Badge>,
    /// Since when.
    pub since: Moment,
    /// `a1b2c3d4e5 Say what it costs`
    pub commit: Option<String>,
    /// `+2 −1 lines`
    pub size: String,
    /// An earlier number with the same text.
    pub same_as: Option<i64>,
    /// `33 people`
    pub people: String,
    /// The list of them.
    pub who: Option<String>,
    /// What changed with it.
    pub diff: Option<String>,
}

/// The form for comparing.
#[derive(Debug, Serialize)]
pub struct Compare {
    /// Its address.
    pub action: String,
    /// Numbers to choose from.
    pub numbers: Vec<i64>,
    /// The earlier one chosen.
    pub from: i64,
    /// The later one chosen.
    pub to: i64,
}

/// The form for taking it back.
#[derive(Debug, Serialize)]
pub struct RecallForm {
    /// The asset.
    pub reference: String,
    /// What follows without a target.
    pub effect: &'static str,
    /// What was typed.
    pub because: String,
    /// What was typed.
    pub to: String,
    /// Assets to choose from.
    pub targets: Vec<String>,
}

/// Who has a revision.
#[derive(Debug, Serialize)]
pub struct WhoView {
    /// `Who has revision 3`
    pub title: String,
    /// To whom an issue with it went.
    pub people: Vec<Person>,
    /// Leads who took a file of it.
    pub takers: Vec<Person>,
    /// The next ones.
    pub more: Option<String>,
    /// What is not known.
    pub unknown: Option<String>,
}

/// Somebody who has it.
#[derive(Debug, Serialize)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Their partner.
    pub partner: String,
    /// `card in fold-forward/2027-01-12`
    pub what: String,
    /// Its page.
    pub href: String,
    /// Since when.
    pub at: Moment,
    /// What they did with it.
    pub did: String,
}

/// What stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: Option<i64>,
    who: Option<i64>,
    after: Option<String>,
    done: String,
}

/// What a person typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    reference: String,
    because: String,
    to: String,
    sure: String,
}

/// `GET /console/revisions/{file}`: a reference, or a path under the content folder.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done = match asked.done.as_str() {
        "recalled" => Some("Recalled. It stands among the corrections until it is lifted."),
        "lifted" => Some("Lifted. Its links lead where they led before."),
        _ => None,
    };
    let notice = done.map(|text| Notice { tone: "good", text: text.to_owned() });
    show(&ctx, &file, &asked, &Typed::default(), notice).await
}

async fn show(ctx: &Context, file: &str, asked: &Asked, typed: &Typed, notice: Option<Notice>) -> Answer {
    let (_, zone) = frame::vendor(ctx);
    let path = revisions::path_of(&ctx.db, file, None).await?;
    let history =
        revisions::history(&ctx.db, &path, asked.before.unwrap_or(i64::MAX), PAGE, Count::People).await?;
    let who = match asked.who {
        Some(no) => Some(who(ctx, &path, no, asked, zone).await?),
        None => None,
    };
    let library = ctx.library();
    let reference = reference_of(&path).filter(|it| !it.starts_with("newsletters/"));
    let is_there = reference_of(&path).is_some_and(|reference| !library.versions(reference).is_empty());
    let title = reference_of(&path).and_then(|reference| asset_title(ctx, reference));
    let form = reference.filter(|_| history.recall.is_none()).map(|reference| RecallForm {
        reference: reference.to_owned(),
        effect: if is_there {
            "Links to it lead to its present text already; a recall says to colleagues that earlier ones are wrong."
        } else {
            "It is not in the folder any more: links to it will say that it was withdrawn, and whom to ask."
        },
        because: typed.because.clone(),
        to: typed.to.clone(),
        targets: library
            .assets
            .iter()
            .filter(|asset| asset.locale.is_none() && asset.kind().is_for_customers() && asset.reference != reference)
            .map(|asset| asset.reference.clone())
            .collect(),
    });
    let view = View {
        title: title.unwrap_or_else(|| path.clone()),
        asset: reference_of(&path).filter(|_| is_there).map(|it| format!("/console/content/{it}")),
        notice,
        recall: recall_view(ctx, history.recall.as_ref(), is_there, zone).await?,
        older: history.older_than.map(|no| format!("{}?before={no}", address(&path))),
        siblings: history
            .siblings
            .iter()
            .map(|path| Choice { value: address(path), label: path.clone() })
            .collect(),
        compare: compare(&path, &history),
        form,
        who,
        unknown: (history.issues_unrecorded > 0).then(|| {
            let issues = usize::try_from(history.issues_unrecorded).unwrap_or(usize::MAX);
            format!(
                "{} frozen before revisions were noted: who got what with them is not known.",
                counted(issues, "issue was", "issues were")
            )
        }),
        lines: history.revisions.iter().map(|told| line(&path, told, zone)).collect(),
        path,
    };
    let frame = Frame::new(ctx, Area::Console, &view.title, "/console/content");
    respond::page(ctx, "console/revisions", &frame, &view)
}

/// The page of a file's history.
pub(super) fn address(path: &str) -> String {
    format!("/console/revisions/{path}")
}

fn compare(path: &str, history: &History) -> Option<Compare> {
    let numbers: Vec<i64> = history.revisions.iter().map(|told| told.no).collect();
    let is_text = history.revisions.iter().all(|told| told.lines_added.is_some());
    let (to, from) = (*numbers.first()?, *numbers.get(1)?);
    is_text.then(|| Compare { action: format!("/console/diff/{path}"), numbers, from, to })
}

/// A revision for a list.
pub(super) fn line(path: &str, told: &Told, zone: Tz) -> Line {
    let removed = told.removed_ms.map(|ms| format!("removed {}", Moment::short(ms, zone).text));
    let badge = match removed {
        Some(words) if !told.is_head => Some(Badge::new("warn", words)),
        _ => told.is_head.then(|| Badge::new("good", "now")),
    };
    Line {
        no: told.no,
        badge,
        since: Moment::full(told.since_ms, zone),
        commit: commit_words(told.commit_id.as_deref(), told.commit_subject.as_deref()),
        size: match (told.lines_added, told.lines_removed) {
            (Some(added), Some(removed)) => format!("+{added} \u{2212}{removed} lines"),
            _ => "image".to_owned(),
        },
        same_as: told.same_as,
        people: match told.people {
            Some(people) => counted(usize::try_from(people).unwrap_or(0), "person", "people"),
            None => "see who".to_owned(),
        },
        who: told
            .people
            .is_none_or(|people| people > 0)
            .then(|| format!("{}?who={}#who", address(path), told.no)),
        diff: (told.no > 1 && told.lines_added.is_some())
            .then(|| format!("/console/diff/{path}?from={}&to={}", told.no - 1, told.no)),
    }
}

/// Where the links of a recalled asset lead.
pub(super) fn effect(recall: &Recall, is_there: bool) -> String {
    match (&recall.target, recall.good_no) {
        (Some(target), _) => format!("links lead to {target}"),
        (None, Some(no)) if is_there => format!("links lead to the present text; revision {no} mended it"),
        (None, _) if is_there => "links lead to the present text".to_owned(),
        (None, _) => "links say that it was withdrawn".to_owned(),
    }
}

/// The recall in force, for the page of its asset.
pub(super) async fn recall_view(
    ctx: &Context,
    recall: Option<&Recall>,
    is_there: bool,
    zone: Tz,
) -> Result<Option<RecallView>> {
    let Some(recall) = recall else { return Ok(None) };
    let posted = recalled::of_asset(&ctx.db, &recall.reference).await?.into_iter().map(|post| PostedView {
        label: format!("{} at {}, of {}", post.handle, post.network, post.partner_slug),
        href: post.remote_url,
    });
    Ok(Some(RecallView {
        posted: posted.collect(),
        unmended: recall::unmended(&ctx.db, recall).await?,
        reference: recall.reference.clone(),
        effect: effect(recall, is_there),
        because: recall.because.clone(),
        actor: recall.actor.clone(),
        at: Moment::full(recall.recalled_ms, zone),
    }))
}

async fn who(ctx: &Context, path: &str, no: i64, asked: &Asked, zone: Tz) -> Result<WhoView> {
    let question =
        Question { path, no: Some(no), partner: None, after: asked.after.as_deref(), limit: PEOPLE };
    let answer = holders::who(&ctx.db, &question).await?;
    let part = crate::render::slots::escape_url_part;
    Ok(WhoView {
        title: format!("Who has revision {no}"),
        more: answer.more.map(|last| format!("{}?who={no}&after={}#who", address(path), part(&last))),
        people: answer.people.into_iter().map(|held| person(held, zone)).collect(),
        takers: answer.takers.into_iter().map(|took| taker(took, zone)).collect(),
        unknown: (answer.files_unrecorded > 0).then(|| {
            let files = usize::try_from(answer.files_unrecorded).unwrap_or(usize::MAX);
            format!("{} taken before it was noted of which text.", counted(files, "file was", "files were"))
        }),
    })
}

fn person(held: Held, zone: Tz) -> Person {
    let holder = held.holder;
    let what = match holder.part.as_str() {
        "card" => "card in",
        "standing" => "standing text of",
        _ => "text of",
    };
    let clicked = holder.clicked_ms.map(|ms| {
        let shown = held.clicked_no.map(|no| format!(", which showed revision {no}")).unwrap_or_default();
        format!("followed the link {}{shown}", Moment::short(ms, zone).text)
    });
    let took = holder.downloaded_ms.map(|ms| format!("took a file {}", Moment::short(ms, zone).text));
    let did: Vec<String> = [clicked, took].into_iter().flatten().collect();
    Person {
        name: holder.name,
        email: holder.email,
        partner: holder.partner_slug,
        what: format!("{what} {}", held.issue),
        href: format!("/console/issues/{}", held.issue_id),
        at: Moment::short(holder.accepted_ms, zone),
        did: if did.is_empty() { "nothing that we know of".to_owned() } else { did.join("; ") },
    }
}

fn taker(took: Took, zone: Tz) -> Person {
    let taker = took.taker;
    Person {
        name: taker.name,
        email: taker.email,
        partner: taker.partner_slug,
        what: "file".to_owned(),
        href: format!("/console/leads/{}", taker.lead_id),
        at: Moment::short(taker.at_ms, zone),
        did: "took the file".to_owned(),
    }
}

/// `POST /console/recalls`
pub async fn recall(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Body(typed): Body<Typed>,
) -> Answer {
    let to = typed.to.trim();
    let order = Order {
        reference: &typed.reference,
        to: Some(to).filter(|to| !to.is_empty()),
        because: &typed.because,
    };
    let library = ctx.library();
    let done = if typed.sure == "yes" {
        recall::recall(&ctx.db, &library, (ctx.now_ms(), &*ctx.random), &actor, &order).await
    } else {
        Err(crate::domain::kernel::Error::invalid("nothing was done: confirm that you want it"))
    };
    after(&ctx, &typed, done, "recalled").await
}

/// `POST /console/recalls/lift`
pub async fn lift(State(ctx): State<Arc<Context>>, Actor(actor): Actor, Body(typed): Body<Typed>) -> Answer {
    let done = recall::lift(&ctx.db, (ctx.now_ms(), &*ctx.random), &actor, &typed.reference).await;
    after(&ctx, &typed, done, "lifted").await
}

/// Back to the history, with what was done or what was wrong.
async fn after(ctx: &Context, typed: &Typed, done: Result<Recall>, word: &str) -> Answer {
    match done {
        Ok(recall) => Ok(respond::see_other(&format!("{}?done={word}", address(&recall.reference)))),
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound | Kind::Invalid) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(ctx, &typed.reference, &Asked::default(), typed, Some(notice)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[path = "revisions_samples.rs"]
mod samples;
