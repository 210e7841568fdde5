//! `partnercast what-if`

use std::path::PathBuf;

use super::{ConfigArgument, looking, say};
use crate::{
    domain::{
        content::library::bytes_max,
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        lead::{
            ladder,
            what_if::{Acceptance, Change, Totals},
        },
    },
    work::{
        Context,
        names::Names,
        what_if::{self, Told},
    },
};

/// Arguments of `what-if`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The changed rule, written as `rules/scoring.toml` is.
    rules: PathBuf,
    /// Only leads that qualify, or would, on this day (UTC) or later: 2027-02-09.
    #[arg(long)]
    since: Option<String>,
    /// One JSON object a lead, and one with the totals at the end; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Says what a changed rule would have done to all leads so far. Changes nothing, and works beside a running `serve` on both
/// databases.
///
/// # Errors
/// The rule cannot be read or qualifies nobody (all faults, with their lines), no such day, or the database cannot be read.
pub async fn main(arguments: Arguments) -> Result<()> {
    let name = arguments.rules.display().to_string();
    let cannot = |error| Error::invalid(format!("{name} cannot be read ({error})"));
    let most = bytes_max("rules/scoring.toml");
    let long = std::fs::metadata(&arguments.rules).map_err(cannot)?.len();
    if usize::try_from(long).is_ok_and(|long| long > most) {
        return Err(Error::invalid(format!("{name} has more than {most} bytes")));
    }
    let (rule, warnings) = what_if::rule(&name, std::fs::read(&arguments.rules).map_err(cannot)?)?;
    let since_ms = match &arguments.since {
        Some(day) => Some(ladder::period(Some(day), None)?.0),
        None => None,
    };
    let ctx = looking::context(&arguments.config, None).await?;
    let told = tell(&ctx, &rule, since_ms, arguments.json).await;
    ctx.db.close().await;
    let totals = told?;
    if arguments.json {
        return print(&json_totals(&totals, rule.version));
    }
    warnings.iter().for_each(|warning| say(warning));
    summary(&totals).iter().for_each(|line| say(line));
    Ok(())
}

async fn tell(
    ctx: &Context,
    rule: &crate::domain::content::rules::Scoring,
    since_ms: Option<UtcMs>,
    json: bool,
) -> Result<Totals> {
    let names = Names::load(&ctx.db).await?;
    what_if::replay(ctx, rule, since_ms, |told| {
        if json {
            return print(&json_lead(&told));
        }
        say(&line(&told, &names));
        Ok(())
    })
    .await
}

fn print(value: &serde_json::Value) -> Result<()> {
    say(&serde_json::to_string(value).map_err(|error| Error::internal("JSON").because(error))?);
    Ok(())
}

fn day(ms: UtcMs) -> String {
    utc(ms).format("%Y-%m-%d %H:%M").to_string()
}

fn line(told: &Told, names: &Names) -> String {
    let Told { lead, was_ms, replayed } = told;
    let was = was_ms.map_or("does not qualify".to_owned(), |ms| format!("qualifies {}", day(ms)));
    let would = replayed.would_ms.map_or("would not".to_owned(), |ms| format!("would {}", day(ms)));
    format!(
        "{}  {}, {} ({}): {was}, {would}. {}",
        lead.id,
        lead.name,
        lead.company,
        names.of(&lead.partner_slug),
        replayed.because
    )
}

fn json_lead(told: &Told) -> serde_json::Value {
    let Told { lead, was_ms, replayed } = told;
    serde_json::json!({
        "lead": lead.id, "name": lead.name, "company": lead.company, "partner": lead.partner_slug,
        "change": replayed.change.as_str(), "qualified_ms": lead.qualified_ms, "was_ms": was_ms, "would_ms": replayed.would_ms,
        "because": replayed.because,
    })
}

fn of(totals: &Totals, change: Change) -> u32 {
    totals.changes.get(&change).copied().unwrap_or(0)
}

fn rate(word: &str, of: Acceptance) -> String {
    match of.percent() {
        Some(percent) => format!(
            "{word} {}: {} accepted, {} turned down, {percent} % of those answered",
            of.qualified, of.accepted, of.rejected
        ),
        None => format!("{word} {}: none of them was answered", of.qualified),
    }
}

fn summary(totals: &Totals) -> Vec<String> {
    vec![
        format!(
            "{} more would qualify, {} would not, {} at another time, {} as it was, {} still not",
            of(totals, Change::Gained),
            of(totals, Change::Lost),
            of(totals, Change::Moved),
            of(totals, Change::Kept),
            of(totals, Change::Out)
        ),
        rate("qualify now", totals.was),
        rate("would qualify", totals.would),
        "Leads are judged after each act of a person, with the profile they have now, by the present rule and by this one; what \
         else kept a lead from being offered is not looked at, and nobody can know how those that were never offered would have \
         been answered."
            .to_owned(),
    ]
}

fn json_totals(totals: &Totals, version: u32) -> serde_json::Value {
    let rate = |of: Acceptance| {
        serde_json::json!({
            "qualified": of.qualified, "accepted": of.accepted, "rejected": of.rejected, "accepted_percent": of.percent(),
        })
    };
    let changes: serde_json::Map<String, serde_json::Value> =
        totals.changes.iter().map(|(change, count)| (change.as_str().to_owned(), (*count).into())).collect();
    serde_json::json!({ "rule_version": version, "changes": changes, "was": rate(totals.was), "would": rate(totals.would) })
}
