//! CSV both ways: what came of leads in, leads out.

use std::collections::HashMap;

use super::{Done, Refused, apply, known};
use crate::{
    domain::{
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
        },
        lead::{
            Amount,
            intake::Fault,
            update::{self, EXPORTED, Row, rows},
        },
    },
    render::table,
    store::lead_updates::{self, Exported},
    work::{Context, handoff::By},
};

/// Leads of one part of an export.
const PART_ROWS: i64 = 500;

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Everything was done, or would be; and how many rows said what is known.
    All(Vec<Done>, usize),
    /// Nothing was: every fault, in the order of the rows.
    Faults(Vec<Fault>),
}

/// Takes a file of updates: all of its rows, or with one fault none. A rehearsal does everything and takes it back.
///
/// # Errors
/// Those of the store.
pub async fn import(ctx: &Context, actor: &str, bytes: &[u8], is_rehearsal: bool) -> Result<Told> {
    let (all, mut faults, lacking) = rows(bytes);
    let now_ms = ctx.now_ms();
    let (mut updates, mut unchanged) = (Vec::with_capacity(all.len()), 0);
    let mut rows_of: HashMap<&str, usize> = HashMap::new();
    all.iter().for_each(|row| *rows_of.entry(row.get("lead_id")).or_default() += 1);
    for row in &all {
        // What a row says may be news after the row before it.
        if rows_of.get(row.get("lead_id")) == Some(&1) && is_known(ctx, row).await? {
            unchanged += 1;
            continue;
        }
        match update::check(row, now_ms) {
            Ok(update) => updates.push(update),
            Err(found) => {
                faults.extend(found.into_iter().filter(|fault| !lacking.contains(&fault.column.as_str())));
            }
        }
    }
    let known = known(ctx, &updates).await?;
    let mut tx = ctx.db.begin().await?;
    // Also where rows have faults: what those that have none would meet is told in the same go.
    let applied = apply(ctx, &mut tx, &known, By::Program(actor, None), &updates).await?;
    let done = match applied {
        Ok(done) => done,
        Err(Refused { faults: found, .. }) => {
            faults.extend(found);
            Vec::new()
        }
    };
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.row);
        return Ok(Told::Faults(faults));
    }
    if !is_rehearsal {
        tx.commit().await?;
    }
    Ok(Told::All(done, unchanged))
}

/// Whether a row says of its lead what an export of it says, or less: then nothing came of it since, whatever its stage.
async fn is_known(ctx: &Context, row: &Row) -> Result<bool> {
    if !row.get("note").is_empty() || !row.get("again_on").is_empty() {
        return Ok(false);
    }
    let Some(lead) = lead_updates::exported_one(&ctx.db, row.get("lead_id")).await? else { return Ok(false) };
    let cells = cells(&lead)?;
    let known = |field: &str| EXPORTED.iter().zip(&cells).find(|(name, _)| **name == field).map(|(_, it)| it);
    let is_same = |field: &str| known(field).is_some_and(|known| known == row.get(field));
    let less = ["value", "currency", "close_date", "reason"];
    Ok(is_same("stage") && less.iter().all(|field| row.get(field).is_empty() || is_same(field)))
}

/// Leads as CSV, part by part into `write`, that changed since `since_ms`; of one partner, or of all. Returns how many.
///
/// # Errors
/// What `write` says; those of the store.
pub async fn export(
    ctx: &Context,
    partner: Option<&str>,
    since_ms: UtcMs,
    write: &mut (dyn FnMut(&str) -> Result<()> + Send),
) -> Result<u64> {
    write(&table::csv([EXPORTED])?)?;
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let part = lead_updates::exported(&ctx.db, partner, since_ms, &after, PART_ROWS).await?;
        let Some(last) = part.last() else { return Ok(count) };
        after.clone_from(&last.id);
        count += part.len() as u64;
        for lead in &part {
            let cells = cells(lead)?;
            write(&table::csv([cells.each_ref().map(String::as_str)])?)?;
        }
    }
}

fn cells(lead: &Exported) -> Result<[String; EXPORTED.len()]> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |at_ms: UtcMs| utc(at_ms).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let value = match (lead.minor_units, &lead.currency) {
        (Some(units), Some(code)) => Amount::stored(units, code)
            .map_err(|error| Error::internal(format!("lead {}", lead.id)).because(error))?
            .number(),
        _ => String::new(),
    };
    Ok([
        lead.id.clone(),
        lead.partner_slug.clone(),
        lead.stage.clone(),
        time(lead.created_ms),
        time(lead.updated_ms),
        lead.email.clone(),
        lead.name.clone(),
        lead.company.clone(),
        text(&lead.phone),
        text(&lead.job_role),
        text(&lead.company_size),
        lead.locale.clone(),
        lead.asset.clone(),
        lead.origin.clone(),
        lead.score.to_string(),
        lead.fit.clone(),
        text(&lead.owner_name),
        lead.closed_reason.clone(),
        value,
        text(&lead.currency),
        text(&lead.close_date),
    ])
}
