//! `partnercast promises`

use super::{ConfigArgument, looking, say};
use crate::{
    domain::{
        content::finding::did_you_mean,
        kernel::{Error, Locale, Result},
    },
    work::{
        Context,
        kept::{self, Occurrence, Record},
        unkept,
    },
};

/// Arguments of `promises`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A newsletter's slug; all of them if left out.
    newsletter: Option<String>,
    /// As kept to this partner's readers.
    #[arg(long, conflicts_with = "note")]
    partner: Option<String>,
    /// Print a note for readers about the latest promise that was broken, to write the reason into.
    #[arg(long, requires = "newsletter")]
    note: bool,
    /// The note is about this date instead.
    #[arg(long, requires = "note")]
    date: Option<String>,
    /// The note's language.
    #[arg(long, requires = "note", default_value = "en")]
    locale: String,
    /// JSON; times are UTC milliseconds.
    #[arg(long, conflicts_with = "note")]
    json: bool,
}

/// Prints how promises were kept. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such newsletter or promise.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, None).await?;
    let said = tell(&ctx, &arguments).await;
    ctx.db.close().await;
    said?.iter().for_each(|line| say(line));
    Ok(())
}

async fn tell(ctx: &Context, arguments: &Arguments) -> Result<Vec<String>> {
    let partner = arguments.partner.as_deref();
    if let Some(slug) = partner {
        looking::known_partner(ctx, slug).await?;
    }
    let records = match &arguments.newsletter {
        Some(slug) => {
            let record = kept::newsletter(ctx, slug, partner).await?;
            if record.cadence.is_none() && record.occurrences.is_empty() {
                let known: Vec<String> =
                    ctx.library().newsletters().map(|(asset, _)| asset.slug().to_owned()).collect();
                let hint = format!("there is {}", known.join(", "));
                return Err(Error::not_found_but(format!("newsletter {slug}"), hint));
            }
            vec![record]
        }
        None => kept::newsletters(ctx, partner).await?,
    };
    if arguments.note {
        return note(ctx, arguments, &records).await;
    }
    let clocks = kept::clocks(ctx, partner).await?;
    if arguments.json {
        let all = serde_json::json!({ "newsletters": records, "lead_clocks": clocks });
        let text =
            serde_json::to_string_pretty(&all).map_err(|error| Error::internal("JSON").because(error))?;
        return Ok(vec![text]);
    }
    let mut lines = Vec::new();
    for record in &records {
        lines.push(head(record));
        for occurrence in &record.occurrences {
            lines.push(line(occurrence, unkept::reason(ctx, occurrence).await?));
        }
    }
    lines.push(match clocks.kept_percent {
        Some(percent) => format!(
            "lead clocks: {} of {} stopped in time ({percent} %), {} running; last 90 days",
            clocks.kept,
            clocks.kept + clocks.broken,
            clocks.open
        ),
        None => format!("lead clocks: none is over, {} running; last 90 days", clocks.open),
    });
    Ok(lines)
}

async fn note(ctx: &Context, arguments: &Arguments, records: &[Record]) -> Result<Vec<String>> {
    let locale = Locale::parse(&arguments.locale)?;
    let languages = ctx.templates.languages();
    if !languages.iter().any(|language| language == locale.language()) {
        return Err(Error::invalid(format!(
            "the note is not written in `{locale}`; {}",
            did_you_mean(locale.language(), languages.iter().map(String::as_str))
        )));
    }
    let Some(record) = records.first() else { return Ok(Vec::new()) };
    let occurrence = kept::to_own_up_to(ctx, &record.newsletter, arguments.date.as_deref()).await?;
    let Some(occurrence) = occurrence else {
        return match &arguments.date {
            Some(date) => Err(Error::not_found(format!("a promise of {} for {date}", record.newsletter))),
            None if record.kept == 0 => Ok(vec![format!("{}: nothing is over yet", record.newsletter)]),
            None => Ok(vec![format!(
                "{}: every promise was kept, there is nothing to own up to",
                record.newsletter
            )]),
        };
    };
    let text = kept::note(ctx, &record.title, &occurrence, &locale).ok_or_else(|| {
        Error::conflict(format!(
            "{}/{} is {}; there is nothing to own up to",
            record.newsletter,
            occurrence.date(),
            occurrence.verdict.unwrap_or("not over yet")
        ))
    })?;
    Ok(vec![text.trim_end().to_owned()])
}

fn head(record: &Record) -> String {
    let over = record.kept + record.broken;
    let mut rate = match record.kept_percent {
        Some(percent) => format!("{} of {over} kept ({percent} %)", record.kept),
        None => "nothing is over yet".to_owned(),
    };
    if let Some(within) = &record.within {
        rate.push_str(&format!(", on time is {within}"));
    }
    let (by_rule, by_limits) = record.skipped_by();
    if by_rule > 0 {
        rate.push_str(&format!(", {by_rule} skipped by rule and not counted"));
    }
    if by_limits > 0 {
        rate.push_str(&format!(", {by_limits} kept from everybody by a limit and not counted"));
    }
    let cadence = record.cadence.as_deref().unwrap_or("no longer in the content");
    format!("{}: {rate}  ({cadence})", record.newsletter)
}

fn line(occurrence: &Occurrence, because: Option<String>) -> String {
    let mut counts = match (occurrence.counted(), occurrence.uncounted) {
        _ if occurrence.is_held_back() => "nobody had room for it".to_owned(),
        (0, uncounted) if uncounted > 0 => {
            format!("{uncounted} promised, counted when their {} min are over", occurrence.on_time_minutes)
        }
        (counted, 0) => {
            format!("{} of {counted} on time, {} by now", occurrence.on_time, occurrence.accepted)
        }
        (counted, uncounted) => format!(
            "{} of {counted} on time, {} by now, {uncounted} not counted yet",
            occurrence.on_time, occurrence.accepted
        ),
    };
    if occurrence.suppressed > 0 {
        counts.push_str(&format!(", {} stopped since", occurrence.suppressed));
    }
    if occurrence.skipped > 0 {
        counts.push_str(&format!(", {} skipped by rule", occurrence.skipped));
    }
    if occurrence.held_back > 0 {
        counts.push_str(&format!(", {} held back by a limit", occurrence.held_back));
    }
    let because = because.map(|why| format!("  {why}")).unwrap_or_default();
    format!(
        "  {}  {:<13}  {counts}{because}",
        occurrence.nominal_local.replace('T', " "),
        occurrence.verdict.unwrap_or(if occurrence.is_being_counted { "being counted" } else { "open" })
    )
}
