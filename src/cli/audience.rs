//! `partnercast audience`

use std::{
    io::{BufWriter, Write as _},
    path::PathBuf,
};

use tokio::sync::mpsc;

use super::{ConfigArgument, looking, say};
use crate::{
    domain::kernel::{Error, Result},
    render::table,
    work::{
        Context,
        roll::{self, Entry, Heading, PAGES_MAX, Totals},
    },
};

/// How many people are written at once.
const WRITTEN_AT_ONCE: usize = 1_000;

/// Arguments of `audience`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The date: `newsletter/2027-02-09`, written or not, frozen or not.
    issue: String,
    /// Decide with this content folder instead of the content as last synced.
    #[arg(long)]
    content: Option<PathBuf>,
    /// Only those whose change against the issue before is `new` or `left`.
    #[arg(long)]
    changes: bool,
    /// CSV, safe to open in a spreadsheet.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// One JSON object a line; times are RFC 3339.
    #[arg(long)]
    json: bool,
    /// Write to this file instead of the terminal.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// Lists everybody considered for a date, by partner and name, with the reason in or out. Only reads, so it works beside a running `serve` on both
/// databases.
///
/// # Errors
/// The database or the folder cannot be read, there is no such newsletter or date, or the file cannot be written.
pub async fn main(arguments: Arguments) -> Result<()> {
    let Some((newsletter, date)) = arguments.issue.split_once('/') else {
        let text = format!("`{}` names no date: write newsletter/2027-02-09", arguments.issue);
        return Err(Error::invalid(text));
    };
    let ctx = looking::context(&arguments.config, arguments.content.as_deref()).await?;
    let heading = roll::heading(&ctx, newsletter, date).await?;
    let totals = list(&ctx, &heading, &arguments).await;
    ctx.db.close().await;
    let totals = totals?;
    if !(arguments.json || arguments.csv) || arguments.output.is_some() {
        say(&summary(&heading, &totals));
    }
    Ok(())
}

async fn list(ctx: &Context, heading: &Heading, arguments: &Arguments) -> Result<Totals> {
    let (pages, mut coming) = mpsc::channel(PAGES_MAX);
    let out: Box<dyn std::io::Write + Send> = match &arguments.output {
        Some(path) => Box::new(std::fs::File::create(path).map_err(|error| {
            Error::invalid(format!("{} cannot be written", path.display())).because(error)
        })?),
        None => Box::new(std::io::stdout()),
    };
    let mut out = BufWriter::new(out);
    let calling = async {
        let called = roll::call(ctx, heading, &pages).await;
        drop(pages);
        called
    };
    let writing = async {
        let mut totals = Totals::default();
        let mut chosen = Vec::new();
        while let Some(page) = coming.recv().await {
            let page = page?;
            page.iter().for_each(|entry| totals.add(entry));
            chosen.extend(
                page.into_iter().filter(|entry| !arguments.changes || matches!(entry.change, "new" | "left")),
            );
        }
        // They come in the order of their keys, which tells people nothing.
        chosen.sort_by_cached_key(by_partner_and_name);
        if arguments.csv {
            write(&mut out, &table::csv([Entry::COLUMNS])?)?;
        }
        for page in chosen.chunks(WRITTEN_AT_ONCE) {
            write(&mut out, &text(page, arguments)?)?;
        }
        out.flush().map_err(|error| Error::unavailable("the list cannot be written").because(error))?;
        Ok(totals)
    };
    let (called, totals) = tokio::join!(calling, writing);
    called?;
    totals
}

fn write(out: &mut impl std::io::Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes())
        .map_err(|error| Error::unavailable("the list cannot be written").because(error))
}

/// Partner by partner, people by name; the same each time.
fn by_partner_and_name(entry: &Entry) -> (String, String, String) {
    (entry.partner.clone(), entry.name.to_lowercase(), entry.email.to_lowercase())
}

fn text(entries: &[Entry], arguments: &Arguments) -> Result<String> {
    if arguments.csv {
        return table::csv(entries.iter().map(|entry| entry.cells()));
    }
    let mut text = String::new();
    for entry in entries {
        if arguments.json {
            text += &serde_json::to_string(entry).map_err(|error| Error::internal("JSON").because(error))?;
        } else {
            text += &line(entry);
        }
        text.push('\n');
    }
    Ok(text)
}

fn line(entry: &Entry) -> String {
    let due = entry.due.as_ref().map(|due| format!("  {due}")).unwrap_or_default();
    let change = if entry.change.is_empty() { String::new() } else { format!("  [{}]", entry.change) };
    format!(
        "{:<3}  {}  {} <{}>  {}{due}{change}  {}",
        entry.verdict,
        entry.partner,
        entry.name,
        entry.email,
        entry.roles.replace(';', " and "),
        entry.because
    )
}

fn summary(heading: &Heading, totals: &Totals) -> String {
    let out: Vec<String> =
        totals.left_out.iter().map(|(reason, people)| format!("{people} {reason}")).collect();
    let out = if out.is_empty() {
        "nobody is left out".to_owned()
    } else {
        format!("left out: {}", out.join(", "))
    };
    let since = heading
        .since
        .as_ref()
        .map(|date| format!("; since {date}: {} new, {} no longer among them", totals.joined, totals.left));
    let state = if heading.issue_id.is_some() { "as it was frozen" } else { "as it would be frozen now" };
    let readers = if totals.readers == 1 { "reader" } else { "readers" };
    let riding = match totals.riding {
        0 => String::new(),
        riding => format!(" ({riding} of them in the mail of another newsletter)"),
    };
    format!(
        "{}/{}, {state}: {} {readers}{riding}, {out}{}",
        heading.newsletter,
        heading.date,
        totals.readers,
        since.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_stand_by_partner_and_name() {
        let entry = |partner: &str, name: &str| Entry {
            partner: partner.to_owned(),
            name: name.to_owned(),
            email: format!("{name}@{partner}.example"),
            roles: String::new(),
            verdict: "in",
            reason: String::new(),
            because: String::new(),
            zone: String::new(),
            due: None,
            change: "",
            rides: false,
        };
        let mut all = [entry("b", "Ada"), entry("a", "Zoe"), entry("a", "bo")];
        all.sort_by_cached_key(by_partner_and_name);
        assert_eq!(all.map(|it| it.email), ["bo@a.example", "Zoe@a.example", "Ada@b.example"]);
    }
}
