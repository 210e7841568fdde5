//! Two revisions compared, line by line, with the words that changed.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};

use super::{content::Select, revisions::address};
use crate::{
    domain::{
        kernel::{Error, Result},
        partner::AudienceRole,
    },
    render::diff::{Change, Hunk},
    store::{
        partners,
        revisions::{Revision, numbers},
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{counted, form::Choice, when::Moment},
    },
    work::{
        Context,
        revisions::{self, Compared, Eyes, commit_words},
    },
};

/// Unchanged lines around each change.
const CONTEXT: usize = 2;
/// Numbers to choose from.
const NUMBERS: usize = 100;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The file.
    pub path: String,
    /// Its history.
    pub back: String,
    /// Which is compared with which.
    pub title: String,
    /// `2 lines added, 1 removed`
    pub text: String,
    /// The earlier one.
    pub before: Side,
    /// The later one.
    pub after: Side,
    /// What can be chosen.
    pub choices: Vec<Select>,
    /// Stretches with changes.
    pub hunks: Vec<HunkView>,
    /// What to say where there are none.
    pub none: Option<&'static str>,
}

/// One of the two.
#[derive(Debug, Serialize)]
pub struct Side {
    /// Its number.
    pub no: i64,
    /// Since when.
    pub since: Moment,
    /// The commit at that sync.
    pub commit: Option<String>,
}

/// Lines that follow each other.
#[derive(Debug, Serialize)]
pub struct HunkView {
    /// `From line 12`
    pub title: String,
    /// Its lines.
    pub lines: Vec<LineView>,
}

/// A line.
#[derive(Debug, Serialize)]
pub struct LineView {
    /// `same`, `removed` or `added`.
    pub change: &'static str,
    /// The same for people; empty for an unchanged line.
    pub label: &'static str,
    /// Its text.
    pub pieces: Vec<PieceView>,
}

/// A piece of a line.
#[derive(Debug, Serialize)]
pub struct PieceView {
    /// Its text.
    pub text: String,
    /// Whether it makes the difference.
    pub changed: bool,
}

/// What stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    from: String,
    to: String,
    partner: String,
    role: String,
    show: String,
}

/// `GET /console/diff/{file}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let path = revisions::path_of(&ctx.db, &file, None).await?;
    let all = partners::all_partners(&ctx.db).await?;
    let partner = match asked.partner.as_str() {
        "" => None,
        slug => Some(
            all.iter()
                .find(|it| it.slug.as_str() == slug)
                .ok_or_else(|| Error::not_found("this partner"))?
                .clone(),
        ),
    };
    let eyes =
        Eyes { partner, locale: None, role: AudienceRole::parse(&asked.role), source: asked.show == "file" };
    let asked_numbers = (number(&asked.from)?, number(&asked.to)?);
    let compared = revisions::compare(&ctx.db, &path, asked_numbers, eyes, CONTEXT).await?;
    let option = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
    let numbers: Vec<Choice> = numbers(&ctx.db, &path)
        .await?
        .iter()
        .take(NUMBERS)
        .map(|it| option(&it.no.to_string(), &format!("revision {}", it.no)))
        .collect();
    let partners = all.iter().map(|partner| option(partner.slug.as_str(), &partner.name));
    let roles = AudienceRole::ALL.iter().map(|role| option(role.as_str(), role.as_str()));
    let select = |name, label, value: &str, options: Vec<Choice>| Select {
        name,
        label,
        value: value.to_owned(),
        options,
    };
    let mut choices = vec![
        select("from", "From", &compared.before.no.to_string(), numbers.clone()),
        select("to", "To", &compared.after.no.to_string(), numbers),
        select(
            "show",
            "Show",
            if compared.source { "file" } else { "" },
            vec![option("", "what a reader gets"), option("file", "the file as written")],
        ),
    ];
    if !compared.source {
        let everybody = std::iter::once(option("", "no partner: fields by name"));
        choices.push(select(
            "partner",
            "In the voice of",
            &asked.partner,
            everybody.chain(partners).collect(),
        ));
    }
    if !compared.source && !asked.partner.is_empty() {
        let anyone = std::iter::once(option("", "everyone"));
        choices.push(select("role", "Reader", &asked.role, anyone.chain(roles).collect()));
    }
    let (_, zone) = frame::vendor(&ctx);
    let view = view(compared, choices, zone);
    let frame = Frame::new(&ctx, Area::Console, &view.title, "/console/content");
    respond::page(&ctx, "console/diff", &frame, &view)
}

fn number(text: &str) -> Result<Option<i64>> {
    match text {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| Error::invalid(format!("`{text}` is no number of a revision")))
        }
    }
}

fn view(compared: Compared, choices: Vec<Select>, zone: chrono_tz::Tz) -> View {
    let side = |it: &Revision| Side {
        no: it.no,
        since: Moment::full(it.since_ms, zone),
        commit: commit_words(it.commit_id.as_deref(), it.commit_subject.as_deref()),
    };
    let diff = compared.diff;
    let none = diff.hunks.is_empty().then_some(match (compared.files_differ, compared.source) {
        (false, _) => "Both revisions have the same text.",
        (true, true) => "The lines are the same.",
        (true, false) => {
            "What a reader gets is the same. The files differ: choose “the file as written” to see where."
        }
    });
    View {
        back: address(&compared.path),
        title: format!("Revision {} to {}", compared.before.no, compared.after.no),
        text: format!("{} added, {} removed", counted(diff.added, "line", "lines"), diff.removed),
        before: side(&compared.before),
        after: side(&compared.after),
        choices,
        hunks: diff.hunks.into_iter().map(hunk).collect(),
        none,
        path: compared.path,
    }
}

fn hunk(hunk: Hunk) -> HunkView {
    let line = |line: crate::render::diff::Line| {
        let (change, label) = match line.change {
            Change::Same => ("same", ""),
            Change::Removed => ("removed", "removed"),
            Change::Added => ("added", "added"),
        };
        let pieces = line.pieces.into_iter();
        LineView {
            change,
            label,
            pieces: pieces.map(|it| PieceView { text: it.text, changed: it.changed }).collect(),
        }
    };
    HunkView {
        title: format!("From line {}", hunk.after_line),
        lines: hunk.lines.into_iter().map(line).collect(),
    }
}

#[cfg(test)]
impl View {
    /// A price that changed.
    pub fn sample() -> Self {
        let revision = |no: i64| Revision {
            path: "whitepapers/first-24-hours.md".into(),
            no,
            hash: String::new(),
            is_text: true,
            since_ms: 1_799_744_700_000 + no,
            commit_id: Some("a1b2c3d4e5f60718293a4b5c6d7e8f9012345678".into()),
            commit_subject: Some("Say what the pilot costs".into()),
            commit_authored_ms: None,
        };
        let before = "First 24 hours\n\nThe pilot costs 200 euros a month for up to ten servers, and ends by itself.\n\nNo risk.\n";
        let compared = Compared {
            path: "whitepapers/first-24-hours.md".into(),
            before: revision(2),
            after: revision(3),
            source: false,
            files_differ: true,
            diff: crate::render::diff::diff(
                before,
                &before.replace("200 euros", "250 euros").replace("No risk.\n", ""),
                2,
            ),
        };
        let choices = vec![Select {
            name: "from",
            label: "From",
            value: "2".into(),
            options: vec![Choice { value: "2".into(), label: "revision 2".into() }],
        }];
        view(compared, choices, chrono_tz::Europe::Oslo)
    }
}
