//! `partnercast attribution`

use super::{ConfigArgument, looking, say};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::attribution::CREDIT,
    },
    render::table,
    work::{
        Context,
        attribution::{self, Asked, Group, Part, Row},
        names::Names,
    },
};

/// Arguments of `attribution`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// By `partner`, `kit`, `asset`, `newsletter` or `channel`: a mail of ours, or where a partner spread the link.
    #[arg(long, value_parser = ["partner", "kit", "asset", "newsletter", "channel"], default_value = "partner")]
    by: String,
    /// Deals that are still open, in place of those that were won.
    #[arg(long)]
    open: bool,
    /// First day on which an amount was said, such as 2027-02-09, in UTC.
    #[arg(long, default_value = "", hide_default_value = true)]
    from: String,
    /// Last day.
    #[arg(long, default_value = "", hide_default_value = true)]
    to: String,
    /// The deals that this one has a part in, such as `northlight`; empty text asks for those that nothing led to.
    #[arg(long, requires = "csv", conflicts_with = "deals")]
    of: Option<String>,
    /// All deals.
    #[arg(long, requires = "csv")]
    deals: bool,
    /// JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV, safe to open in a spreadsheet.
    #[arg(long)]
    csv: bool,
}

/// Columns of the report.
const HEAD: [&str; 9] = [
    "name",
    "currency",
    "sourced",
    "sourced_sum",
    "influenced",
    "influenced_sum",
    "attached",
    "attached_sum",
    "share",
];

/// Prints what deals are credited to. Only reads, so it works beside a running `serve` on both databases.
///
/// # Errors
/// The database cannot be read, or there is no such partner, kit or day.
pub async fn main(arguments: Arguments) -> Result<()> {
    let ctx = looking::context(&arguments.config, None).await?;
    let told = tell(&ctx, &arguments).await;
    ctx.db.close().await;
    say(told?.trim_end());
    Ok(())
}

async fn tell(ctx: &Context, arguments: &Arguments) -> Result<String> {
    let asked = Asked { open: arguments.open, from: arguments.from.clone(), to: arguments.to.clone() };
    let group = Group::parse(&arguments.by).ok_or_else(|| Error::invalid("no such group"))?;
    if arguments.deals || arguments.of.is_some() {
        let of = arguments.of.as_deref().map(|name| (group, name));
        let rows = attribution::export(ctx, &asked, of).await?;
        let cells = rows.iter().map(|row| row.each_ref().map(String::as_str));
        return table::csv(std::iter::once(attribution::COLUMNS).chain(cells));
    }
    let rows = attribution::report(ctx, &asked, group).await?;
    if arguments.json {
        let all =
            serde_json::json!({ "by": group.as_str(), "open": asked.open, "rows": rows, "credit": CREDIT });
        return serde_json::to_string_pretty(&all).map_err(|error| Error::internal("JSON").because(error));
    }
    if arguments.csv {
        let cells: Vec<[String; 9]> = rows.iter().map(cells).collect();
        let cells = cells.iter().map(|row| row.each_ref().map(String::as_str));
        return table::csv(std::iter::once(HEAD).chain(cells));
    }
    let names = if group == Group::Partner { Names::load(&ctx.db).await? } else { Names::default() };
    Ok(printed(&rows, &asked, &names))
}

fn cells(row: &Row) -> [String; 9] {
    let part = |part: &Part| [part.deals.to_string(), part.sum.clone()];
    let ([sourced, sourced_sum], [influenced, influenced_sum], [attached, attached_sum]) =
        (part(&row.sourced), part(&row.influenced), part(&row.attached));
    let (name, currency, share) = (row.name.clone(), row.currency.clone(), row.share.clone());
    [name, currency, sourced, sourced_sum, influenced, influenced_sum, attached, attached_sum, share]
}

fn printed(rows: &[Row], asked: &Asked, names: &Names) -> String {
    if rows.is_empty() {
        let which = if asked.open { "open" } else { "won" };
        return format!("no {which} deal with an amount in this time");
    }
    let wide = rows.iter().map(|row| names.of(&row.name).chars().count()).max().unwrap_or(0).max(9);
    let part = |word: &str, part: &Part| match part.deals {
        0 => String::new(),
        deals => format!("   {word} {deals} ({})", part.sum),
    };
    let line = |row: &Row| {
        let name = if row.name.is_empty() { "(nothing)" } else { names.of(&row.name) };
        format!(
            "{name:<wide$}  {} {:>15}{}{}{}",
            row.currency,
            if row.share.is_empty() { "–" } else { &row.share },
            part("sourced", &row.sourced),
            part("influenced", &row.influenced),
            part("attached", &row.attached)
        )
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.push(String::new());
    lines.push(CREDIT.to_owned());
    lines.join("\n")
}
