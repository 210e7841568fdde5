//! `partnercast messages`

use super::{ConfigArgument, looking, say};
use crate::{
    domain::kernel::{Error, Result},
    work::{
        Context,
        messages::{self, Coverage},
    },
};

/// Arguments of `messages`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only people of this partner.
    #[arg(long, value_name = "SLUG")]
    partner: Option<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// Prints whom each key message was told. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such partner.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, None).await?;
    let covered = covered(&ctx, arguments.partner.as_deref()).await;
    ctx.db.close().await;
    let covered = covered?;
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&covered).map_err(|error| Error::internal("JSON").because(error))?;
        say(&text);
    } else if covered.is_empty() {
        say("no asset names a key message; `partnercast guide messages` tells how to begin");
    } else {
        covered.iter().flat_map(lines).for_each(|line| say(&line));
    }
    Ok(())
}

async fn covered(ctx: &Context, partner: Option<&str>) -> Result<Vec<Coverage>> {
    if let Some(slug) = partner {
        looking::known_partner(ctx, slug).await?;
    }
    messages::coverage(ctx, partner).await
}

fn lines(message: &Coverage) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: “{}”, in {} assets; at most {} touches",
            message.slug, message.title, message.assets, message.touches_max
        ),
        format!("  {:<12} {:>7} {:>7} {:>7} {:>7} {:>7}", "role", "people", "told", "read", "watch", "do"),
    ];
    lines.extend(message.roles.iter().map(|role| {
        format!(
            "  {:<12} {:>7} {:>7} {:>7} {:>7} {:>7}",
            role.role, role.people, role.told, role.read, role.watch, role.done
        )
    }));
    let times = message.times.iter().enumerate().filter(|(_, people)| **people > 0);
    let times: Vec<String> = times
        .map(|(at, people)| format!("{} {}: {people}", at + 1, if at == 0 { "time" } else { "times" }))
        .collect();
    let times = if times.is_empty() {
        "nobody was told it yet".to_owned()
    } else {
        format!("told {}", times.join(", "))
    };
    lines.push(format!("  {times}; leads: {}", message.leads));
    lines
}
