//! `partnercast ladder`

use super::{ConfigArgument, looking, say};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::ladder::{CREDIT, Rung},
    },
    render::table,
    work::{
        Context,
        ladder::{self, Asked, Group, Line, Step},
        names::Names,
    },
};

/// Arguments of `ladder`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Of this partner alone.
    #[arg(long, default_value = "", hide_default_value = true)]
    partner: String,
    /// Of the assets in this kit alone.
    #[arg(long, default_value = "", hide_default_value = true)]
    kit: String,
    /// Of this asset alone, such as `whitepapers/proof-of-recovery`.
    #[arg(long, default_value = "", hide_default_value = true)]
    asset: String,
    /// Of this newsletter or sequence alone.
    #[arg(long, default_value = "", hide_default_value = true)]
    newsletter: String,
    /// First day, such as 2027-02-09, in UTC.
    #[arg(long, default_value = "", hide_default_value = true)]
    from: String,
    /// Last day.
    #[arg(long, default_value = "", hide_default_value = true)]
    to: String,
    /// A ladder for each `partner`, `kit`, `asset` or `newsletter`.
    #[arg(long, value_parser = ["partner", "kit", "asset", "newsletter"], conflicts_with = "rows")]
    by: Option<String>,
    /// The rows behind one number: won, sql, accepted, qualified, engaged, used or delivered.
    #[arg(long, value_parser = Rung::ALL.map(Rung::as_str), requires = "csv")]
    rows: Option<String>,
    /// JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV, safe to open in a spreadsheet.
    #[arg(long)]
    csv: bool,
}

/// Prints the outcome ladder, read from the top. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such partner, kit, asset, newsletter or day.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, None).await?;
    let told = tell(&ctx, &arguments).await;
    ctx.db.close().await;
    say(told?.trim_end());
    Ok(())
}

async fn tell(ctx: &Context, arguments: &Arguments) -> Result<String> {
    let asked = Asked {
        partner: arguments.partner.clone(),
        kit: arguments.kit.clone(),
        asset: arguments.asset.clone(),
        newsletter: arguments.newsletter.clone(),
        from: arguments.from.clone(),
        to: arguments.to.clone(),
    };
    if let Some(rung) = arguments.rows.as_deref().and_then(Rung::parse) {
        let rows = ladder::export(ctx, &asked, rung).await?;
        let cells = rows.iter().map(|row| row.each_ref().map(String::as_str));
        return table::csv(std::iter::once(ladder::COLUMNS).chain(cells));
    }
    if let Some(group) = arguments.by.as_deref().and_then(Group::parse) {
        let lines = ladder::by(ctx, &asked, group).await?;
        return grouped(ctx, group, lines, arguments).await;
    }
    let steps = ladder::ladder(ctx, &asked).await?;
    if arguments.json {
        return json(&serde_json::json!({ "rungs": steps, "credit": CREDIT }));
    }
    if arguments.csv {
        let cells: Vec<[String; 3]> =
            steps.iter().map(|step| [step.rung.to_owned(), step.count.to_string(), share(step)]).collect();
        let cells = cells.iter().map(|row| row.each_ref().map(String::as_str));
        return table::csv(std::iter::once(["rung", "count", "of_below_percent"]).chain(cells));
    }
    Ok(printed(&steps))
}

async fn grouped(ctx: &Context, group: Group, mut lines: Vec<Line>, arguments: &Arguments) -> Result<String> {
    if arguments.json {
        let rungs = Rung::ALL.map(Rung::as_str);
        return json(&serde_json::json!({ "by": group.as_str(), "rungs": rungs, "lines": lines }));
    }
    if group == Group::Partner && !arguments.csv {
        let names = Names::load(&ctx.db).await?;
        lines.iter_mut().for_each(|line| line.name = names.of(&line.name).to_owned());
    }
    let mut rows = vec![head(group)];
    rows.extend(lines.iter().map(cells));
    if arguments.csv {
        return table::csv(rows.iter().map(|row| row.each_ref().map(String::as_str)));
    }
    if lines.is_empty() {
        return Ok("nothing on any rung".to_owned());
    }
    let wide = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
    let line = |row: &[String; 8]| {
        let numbers: Vec<String> = row[1..].iter().map(|cell| format!("{cell:>9}")).collect();
        format!("{:<wide$}  {}", row[0], numbers.join("  "))
    };
    Ok(rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn head(group: Group) -> [String; 8] {
    let mut head: [String; 8] = Default::default();
    group.as_str().clone_into(&mut head[0]);
    for (cell, rung) in head[1..].iter_mut().zip(Rung::ALL) {
        rung.as_str().clone_into(cell);
    }
    head
}

fn cells(line: &Line) -> [String; 8] {
    let mut row: [String; 8] = Default::default();
    row[0] = if line.name.is_empty() { "(none)".to_owned() } else { line.name.clone() };
    for (cell, count) in row[1..].iter_mut().zip(&line.counts) {
        *cell = count.to_string();
    }
    row
}

fn share(step: &Step) -> String {
    step.of_below_percent.map(|share| share.to_string()).unwrap_or_default()
}

fn printed(steps: &[Step]) -> String {
    let mut lines: Vec<String> = steps
        .iter()
        .map(|step| {
            let share = match step.of_below_percent {
                Some(share) => format!("{share:>6} % of the rung below"),
                None => String::new(),
            };
            format!("{:<10}{:>10}  {share}", step.rung, step.count).trim_end().to_owned()
        })
        .collect();
    lines.push(String::new());
    lines.extend(steps.iter().map(|step| format!("{}: {}", step.rung, step.means)));
    lines.push(CREDIT.to_owned());
    lines.join("\n")
}

fn json(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::internal("JSON").because(error))
}
