//! `partnercast sequences`

use std::path::PathBuf;

use super::{
    ConfigArgument, load, looking, say, start_log,
    steer::{ACTOR, levers},
};
use crate::{
    domain::{
        content::Severity,
        kernel::{Error, Result, clock::utc},
        program::sequence::LeaveReason,
    },
    store::journeys::Traveller,
    work::{
        Context, folder,
        names::Names,
        sequences::{self, Overview},
        sync,
    },
};

/// Arguments of `sequences`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// A sequence's slug, with its people; all of them if left out.
    sequence: Option<String>,
    /// A content folder that was edited: say what it would do to those inside, and change nothing.
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
    /// Have it rest: nobody takes a step, nothing of it is sent, nothing is lost.
    #[arg(long, requires = "sequence", conflicts_with_all = ["content", "json"])]
    pause: bool,
    /// Have it go on.
    #[arg(long, requires = "sequence", conflicts_with_all = ["content", "json", "pause"])]
    resume: bool,
    /// JSON; times are UTC milliseconds.
    #[arg(long)]
    json: bool,
}

/// Prints where people are in sequences, or what an edit would do to them; then it only reads, so it works beside a running
/// `serve` on both databases. Or has one rest or go on.
///
/// # Errors
/// The database or the folder cannot be read, there is no such sequence, or it is in that state already.
pub async fn main(arguments: Arguments) -> Result<()> {
    if let Some(slug) = arguments.sequence.as_deref().filter(|_| arguments.pause || arguments.resume) {
        return steer(&arguments, slug).await;
    }
    let ctx = looking::context(&arguments.config, None).await?;
    let said = tell(&ctx, &arguments).await;
    ctx.db.close().await;
    said?.iter().for_each(|line| say(line));
    Ok(())
}

async fn steer(arguments: &Arguments, slug: &str) -> Result<()> {
    let config = load(&arguments.config)?;
    start_log(&config.log)?;
    let ctx = levers(&config, &format!("/console/sequences/{slug}")).await?;
    sync::load(&ctx).await?;
    let done = if arguments.pause {
        sequences::pause(&ctx, slug, ACTOR)
            .await
            .map(|()| format!("{slug} is paused; what is being handed over is finished, nothing new starts"))
    } else {
        sequences::resume(&ctx, slug, ACTOR).await.map(|()| format!("{slug} goes on while `serve` runs"))
    };
    ctx.db.close().await;
    say(&done?);
    Ok(())
}

async fn tell(ctx: &Context, arguments: &Arguments) -> Result<Vec<String>> {
    let slug = arguments.sequence.as_deref();
    if let Some(dir) = &arguments.content {
        let edited = sync::read(&folder::read_now(dir)?, ctx.now_ms());
        let errors: Vec<String> = edited
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        if !errors.is_empty() {
            return Err(Error::invalid(errors.join("\n")));
        }
        let effects = sequences::effects(ctx, &edited.library, slug).await?;
        if arguments.json {
            return json(&effects);
        }
        if effects.is_empty() {
            return Ok(vec!["nobody is inside".to_owned()]);
        }
        let lines = effects.iter().map(|one| format!("{}: {}", one.sequence, one.sentences.join("; ")));
        return Ok(lines.collect());
    }
    let Some(slug) = slug else {
        let all = sequences::overviews(ctx).await?;
        if arguments.json {
            return json(&all);
        }
        if all.is_empty() {
            return Ok(vec![
                "there is no sequence; `partnercast new sequence welcome` begins one".to_owned(),
            ]);
        }
        return Ok(all.iter().flat_map(overview_lines).collect());
    };
    let one = sequences::overview(ctx, slug).await?;
    let people = sequences::travellers(ctx, slug).await?;
    if arguments.json {
        return json(&serde_json::json!({ "sequence": one, "inside": people.inside, "ended": people.ended }));
    }
    let mut lines = overview_lines(&one);
    let names = Names::load(&ctx.db).await?;
    let zone = ctx.library().vendor_zone();
    let person = |who: &Traveller, what: &str, at_ms: i64| {
        let detail = if who.detail.is_empty() { String::new() } else { format!("  {}", who.detail) };
        let at = utc(at_ms).with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z");
        format!("  {} <{}> at {}: {what}, {at}{detail}", who.name, who.email, names.of(&who.partner_slug))
    };
    lines.extend(people.inside.iter().map(|who| {
        let next = format!("waits for {}", who.waiting.as_deref().unwrap_or("nothing"));
        person(who, &next, who.due_ms)
    }));
    lines.extend(people.ended.iter().map(|who| {
        let how = LeaveReason::parse(&who.reason).map_or("finished", LeaveReason::label);
        person(who, how, who.ended_ms.unwrap_or(who.due_ms))
    }));
    Ok(lines)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<String>> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::internal("JSON").because(error))?;
    Ok(vec![text])
}

fn overview_lines(one: &Overview) -> Vec<String> {
    let whom = one.who.map_or("gone from the content".to_owned(), |who| format!("for {who}"));
    let exits: Vec<String> = one.exits.iter().map(|exit| format!("{} {}", exit.people, exit.label)).collect();
    let left =
        if exits.is_empty() { "nobody left".to_owned() } else { format!("left: {}", exits.join(", ")) };
    let mut lines =
        vec![format!("{}: {} inside, {} finished, {left}  ({whom})", one.slug, one.inside, one.finished)];
    lines.extend(one.paused.iter().zip(one.rests()).map(|(pause, why)| {
        let then = if pause.is_by_hand() {
            "has everybody go on with the step that they wait for; nothing was refused, and nothing was lost"
        } else {
            "has it go on once that is mended: what was refused is tried again, and nothing was lost"
        };
        format!("  {why}; `partnercast sequences {} --resume` {then}", one.slug)
    }));
    lines.extend(one.steps.iter().map(|step| {
        let when = if step.is_gone { "gone" } else { &step.when };
        let condition = step.condition.as_ref().map(|what| format!(", {what}")).unwrap_or_default();
        format!(
            "  {:<20} {} waiting, {} sent, {} left out  ({when}{condition})",
            step.id, step.waiting, step.sent, step.skipped
        )
    }));
    if let Some(then) = &one.then {
        lines.push(format!("  then {then}"));
    }
    lines
}
