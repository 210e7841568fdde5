//! `partnercast revisions`, `diff` and `who`: what a file said when, and who has it. They only read, so they work beside
//! a running `serve` on both databases.

use std::io::IsTerminal as _;

use serde::Serialize;

use super::{ConfigArgument, load, say, start_log};
use crate::{
    config::Config,
    domain::{
        kernel::{
            Error, Locale, Result,
            clock::{UtcMs, utc},
        },
        partner::AudienceRole,
    },
    render::diff::{Change, Hunk, Line},
    store::{Db, partners, revisions::PAGE},
    work::{
        holders::{self, Answer, Held, PEOPLE_MAX, Question},
        names::Names,
        revisions::{self, Compared, Count, Eyes, History, Told, commit_words},
    },
};

/// Arguments of `revisions`.
#[derive(Debug, clap::Args)]
pub struct RevisionsArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The asset, such as whitepapers/first-24-hours, or a path under the content folder, such as vendor.toml.
    file: String,
    /// The translation into this language.
    #[arg(long)]
    locale: Option<String>,
    /// Only numbers below this one; a list has a hundred.
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// One JSON object; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The asset, or a path under the content folder, as for `revisions`.
    file: String,
    /// The earlier number; the one before the later if left out.
    from: Option<i64>,
    /// The later number; the latest if left out.
    to: Option<i64>,
    /// In this partner's voice; without it everything is shown, and merge fields by name.
    #[arg(long)]
    partner: Option<String>,
    /// The translation into this language.
    #[arg(long)]
    locale: Option<String>,
    /// Only what this role reads: sales, technical, marketing, development or executive.
    #[arg(long, requires = "partner")]
    role: Option<String>,
    /// The file as it was written, not what a reader gets of it.
    #[arg(long)]
    source: bool,
    /// Unchanged lines (paragraphs) around each change.
    #[arg(long, default_value_t = 2)]
    context: u16,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Arguments of `who`.
#[derive(Debug, clap::Args)]
pub struct WhoArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The asset, or a path under the content folder, as for `revisions`.
    file: String,
    /// The number; whoever has any if left out.
    number: Option<i64>,
    /// The translation into this language.
    #[arg(long)]
    locale: Option<String>,
    /// Only people at this partner.
    #[arg(long)]
    partner: Option<String>,
    /// People at most; up to 10000 at a time.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// Go on after this delivery, with which the last list ended.
    #[arg(long, value_name = "DELIVERY")]
    after: Option<String>,
    /// One JSON object; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

fn locale_of(text: Option<&str>) -> Result<Option<Locale>> {
    text.map(Locale::parse).transpose()
}

async fn open(argument: &ConfigArgument) -> Result<Db> {
    let config: Config = load(argument)?;
    start_log(&config.log)?;
    Db::open_read_only(&config.database.url).await
}

/// `2027-01-11 20:00 UTC`
fn at(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%d %H:%M UTC").to_string()
}

fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::internal("JSON").because(error))?;
    say(&text);
    Ok(())
}

/// Lists the revisions of a file.
///
/// # Errors
/// The database cannot be read, or holds no such file.
pub async fn list(arguments: RevisionsArguments) -> Result<()> {
    let db = open(&arguments.config).await?;
    let path =
        revisions::path_of(&db, &arguments.file, locale_of(arguments.locale.as_deref())?.as_ref()).await?;
    let history =
        revisions::history(&db, &path, arguments.before.unwrap_or(i64::MAX), PAGE, Count::People).await?;
    db.close().await;
    if arguments.json {
        return json(&history);
    }
    history_lines(&history).iter().for_each(|line| say(line));
    Ok(())
}

fn history_lines(history: &History) -> Vec<String> {
    let mut lines = vec![history.path.clone()];
    if let Some(recall) = &history.recall {
        let to = recall.target.as_ref().map(|to| format!("; its links lead to {to}")).unwrap_or_default();
        lines.push(format!("recalled   {}, because {}{to}", at(recall.recalled_ms), recall.because));
    }
    for told in &history.revisions {
        lines.push(told_line(told));
        if let Some(ms) = told.removed_ms {
            lines.push(format!("           removed {}", at(ms)));
        }
    }
    if history.revisions.is_empty() {
        lines.push("           no older revisions".to_owned());
    }
    if let Some(no) = history.older_than {
        lines.push(format!("           older ones: --before {no}"));
    }
    if !history.siblings.is_empty() {
        lines.push(format!("also       {}", history.siblings.join(", ")));
    }
    lines.extend(unrecorded(history.issues_unrecorded));
    lines
}

/// `3 (now)   2027-01-11 20:00 UTC  +2 -1 lines  33 people  synced at a1b2c3d4e5 Say what it costs`
fn told_line(told: &Told) -> String {
    let name = if told.is_head { format!("{} (now)", told.no) } else { told.no.to_string() };
    let size = match (told.lines_added, told.lines_removed) {
        (Some(added), Some(removed)) => format!("+{added} -{removed} lines"),
        _ => "image".to_owned(),
    };
    let same = told.same_as.map(|no| format!("  same text as {no}")).unwrap_or_default();
    let commit = commit_words(told.commit_id.as_deref(), told.commit_subject.as_deref());
    let commit = commit.map(|words| format!("  synced at {words}")).unwrap_or_default();
    let people = counted(told.people.unwrap_or(0));
    format!("{name:<10} {}  {size:<14} {people:<10}{same}{commit}", at(told.since_ms)).trim_end().to_owned()
}

fn counted(people: i64) -> String {
    format!("{people} {}", if people == 1 { "person" } else { "people" })
}

/// What cannot be known.
fn unrecorded(issues: i64) -> Option<String> {
    (issues > 0).then(|| {
        format!("note       {issues} issues were frozen before revisions were noted: who got what with them is not known")
    })
}

/// Compares two revisions.
///
/// # Errors
/// As [`list`]; a number, partner or role that is not there.
pub async fn diff(arguments: DiffArguments) -> Result<()> {
    let db = open(&arguments.config).await?;
    let locale = locale_of(arguments.locale.as_deref())?;
    let path = revisions::path_of(&db, &arguments.file, locale.as_ref()).await?;
    let partner = match &arguments.partner {
        Some(slug) => Some(
            partners::partner(&db, slug)
                .await?
                .ok_or_else(|| Error::not_found(format!("the partner `{slug}`")))?,
        ),
        None => None,
    };
    let role = arguments.role.as_deref().map(|role| {
        AudienceRole::parse(role).ok_or_else(|| {
            let words = AudienceRole::ALL.map(AudienceRole::as_str).join(", ");
            Error::invalid(format!("there is no role `{role}`; there are {words}"))
        })
    });
    let eyes = Eyes { partner, locale, role: role.transpose()?, source: arguments.source };
    let numbers = (arguments.from, arguments.to);
    let compared = revisions::compare(&db, &path, numbers, eyes, usize::from(arguments.context)).await?;
    db.close().await;
    if arguments.json {
        return json(&compared);
    }
    let colour = std::io::stdout().is_terminal();
    diff_lines(&compared, colour).iter().for_each(|line| say(line));
    Ok(())
}

fn diff_lines(compared: &Compared, colour: bool) -> Vec<String> {
    let head = |mark: &str, it: &crate::store::revisions::Revision| {
        let commit = commit_words(it.commit_id.as_deref(), it.commit_subject.as_deref());
        let commit = commit.map(|words| format!("  synced at {words}")).unwrap_or_default();
        format!("{mark} {} revision {}  {}{commit}", it.path, it.no, at(it.since_ms))
    };
    let mut lines = vec![head("---", &compared.before), head("+++", &compared.after)];
    if compared.diff.hunks.is_empty() {
        lines.push(
            match (compared.files_differ, compared.source) {
                (false, _) => "the same text",
                (true, true) => "the same lines",
                (true, false) => "what a reader gets is the same; the files differ: --source shows where",
            }
            .to_owned(),
        );
    }
    lines.extend(compared.diff.hunks.iter().flat_map(|hunk| hunk_lines(hunk, colour)));
    lines
}

fn hunk_lines(hunk: &Hunk, colour: bool) -> Vec<String> {
    let head = format!("@@ from line {} to line {} @@", hunk.before_line, hunk.after_line);
    let head = if colour { format!("\u{1b}[36m{head}\u{1b}[0m") } else { head };
    std::iter::once(head).chain(hunk.lines.iter().map(|line| text_line(line, colour))).collect()
}

/// With colour, the very words are reversed; without it, a line says by its sign what became of it.
fn text_line(line: &Line, colour: bool) -> String {
    let (sign, code) = match line.change {
        Change::Same => (' ', ""),
        Change::Removed => ('-', "31"),
        Change::Added => ('+', "32"),
    };
    // Unsafe characters do not get this far in assets; a file as written may hold them.
    let shown = |text: &str| -> String {
        text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
    };
    if !colour || code.is_empty() {
        let text: String = line.pieces.iter().map(|piece| shown(&piece.text)).collect();
        return format!("{sign}{text}").trim_end().to_owned();
    }
    let pieces: String = line
        .pieces
        .iter()
        .map(|piece| match piece.changed {
            true => format!("\u{1b}[7m{}\u{1b}[27m", shown(&piece.text)),
            false => shown(&piece.text),
        })
        .collect();
    format!("\u{1b}[{code}m{sign}{pieces}\u{1b}[0m")
}

/// Says who has a revision.
///
/// # Errors
/// As [`list`]; a number that is not there.
pub async fn who(arguments: WhoArguments) -> Result<()> {
    if !(1..=PEOPLE_MAX).contains(&arguments.limit) {
        return Err(Error::invalid(format!("--limit goes from 1 to {PEOPLE_MAX}")));
    }
    let db = open(&arguments.config).await?;
    let path =
        revisions::path_of(&db, &arguments.file, locale_of(arguments.locale.as_deref())?.as_ref()).await?;
    let question = Question {
        path: &path,
        no: arguments.number,
        partner: arguments.partner.as_deref(),
        after: arguments.after.as_deref(),
        limit: arguments.limit,
    };
    let answer = holders::who(&db, &question).await?;
    let names = Names::load(&db).await?;
    db.close().await;
    if arguments.json {
        return json(&answer);
    }
    who_lines(&answer, &names).iter().for_each(|line| say(line));
    Ok(())
}

fn numbers(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn who_lines(answer: &Answer, names: &Names) -> Vec<String> {
    let what = match answer.numbers.as_slice() {
        [] => answer.path.clone(),
        [no] => format!("{}, revision {no}", answer.path),
        [no, same @ ..] => format!("{}, revision {no} (the same text as {})", answer.path, numbers(same)),
    };
    let mut lines = vec![what];
    lines.extend(answer.people.iter().map(|held| held_line(held, names)));
    for took in &answer.takers {
        let no = match took.numbers.as_slice() {
            [] => String::new(),
            some => format!(" of revision {}", numbers(some)),
        };
        let taker = &took.taker;
        lines.push(format!(
            "file{no}  {}  {} <{}>, lead of {}",
            at(taker.at_ms),
            taker.name,
            taker.email,
            names.of(&taker.partner_slug)
        ));
    }
    if answer.people.is_empty() && answer.takers.is_empty() {
        lines.push(
            "nobody: no issue with it was accepted for anybody, and nobody took a file of it".to_owned(),
        );
    } else {
        let more = if answer.takers_cut { " and more" } else { "" };
        lines.push(format!("{} messages, {} files{more}", answer.people.len(), answer.takers.len()));
    }
    if let Some(last) = &answer.more {
        lines.push(format!("note       there are more: --after {last} goes on, --limit shows more at once"));
    }
    if answer.issues_cut {
        lines.push("note       only the latest 500 issues with it were looked at".to_owned());
    }
    lines.extend(unrecorded(answer.issues_unrecorded));
    if answer.files_unrecorded > 0 {
        let files = answer.files_unrecorded;
        lines.push(format!(
            "note       {files} files were taken before it was noted of which text they were made"
        ));
    }
    lines
}

/// `fold-forward/2027-01-12  text of 1  2027-01-12 08:00 UTC  Ana Ruiz <ana@x.example>, Northlight MSP  followed the link …`
fn held_line(held: &Held, names: &Names) -> String {
    let holder = &held.holder;
    let part = match holder.part.as_str() {
        "card" => "card of",
        "standing" => "standing text of",
        _ => "text of",
    };
    let clicked = holder.clicked_ms.map(|ms| {
        let shown = held.clicked_no.map(|no| format!(", which showed {no}")).unwrap_or_default();
        format!("  followed the link {}{shown}", at(ms))
    });
    let took = holder.downloaded_ms.map(|ms| format!("  took a file {}", at(ms)));
    format!(
        "{}  {part} {}  {}  {} <{}>, {}{}{}",
        held.issue,
        numbers(&held.numbers),
        at(holder.accepted_ms),
        holder.name,
        holder.email,
        names.of(&holder.partner_slug),
        clicked.unwrap_or_default(),
        took.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::diff;

    #[test]
    fn colour_is_never_the_only_sign() {
        let found = diff::diff("It costs 200.\nx\n", "It costs 250.\nx\n", 1);
        let plain: Vec<String> = found.hunks.iter().flat_map(|hunk| hunk_lines(hunk, false)).collect();
        assert_eq!(plain, ["@@ from line 1 to line 1 @@", "-It costs 200.", "+It costs 250.", " x"]);
        let coloured: Vec<String> = found.hunks.iter().flat_map(|hunk| hunk_lines(hunk, true)).collect();
        assert_eq!(coloured[1], "\u{1b}[31m-It costs \u{1b}[7m200.\u{1b}[27m\u{1b}[0m");
    }
}
