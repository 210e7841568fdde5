//! What a lead was said to be worth, and what each amount is credited to: the trail that an auditor follows.

use chrono_tz::Tz;
use serde::Serialize;

use super::asset_title;
use crate::{
    domain::{
        engagement::{EventKind, Placement},
        kernel::Result,
        lead::{Amount, LeadStage},
    },
    store::{credits::Line, leads},
    web::view::{chart::Bar, when::Moment, words},
    work::{Context, names::Names},
};

/// An amount with its credit.
#[derive(Debug, Serialize)]
pub struct AmountLine {
    /// `EUR 24,000`
    pub amount: String,
    /// Who said so, at which stage, and when it is, or was, closed.
    pub said: String,
    /// When.
    pub at: Moment,
    /// Whether a later one counts in its place.
    pub is_past: bool,
    /// Version and words of the rule.
    pub rule: String,
    /// What it is credited to, by when it happened.
    pub touches: Vec<TouchLine>,
}

/// A touch with its part.
#[derive(Debug, Serialize)]
pub struct TouchLine {
    /// What was done with what, where it led from, at whose partner.
    pub what: String,
    /// When.
    pub at: Moment,
    /// Whether it sourced the amount.
    pub is_primary: bool,
    /// Its part.
    pub share: String,
    /// The same, drawn.
    pub bar: Bar,
}

/// The amounts of a lead, newest first, with the lines of their credit.
///
/// # Errors
/// A stored currency that nobody knows.
pub fn of(
    ctx: &Context,
    amounts: &[leads::Amount],
    trail: &[Line],
    names: &Names,
    zone: Tz,
) -> Result<Vec<AmountLine>> {
    // Amounts are numbered from 1, and of very many the newest are here.
    let newest = trail.iter().map(|line| line.amount_no).max().unwrap_or(0);
    let newest = newest.max(i64::try_from(amounts.len()).unwrap_or(0));
    (0..newest)
        .map(|past| newest - past)
        .zip(amounts)
        .map(|(no, amount)| {
            let lines: Vec<&Line> = trail.iter().filter(|line| line.amount_no == no).collect();
            let touches = lines.iter().map(|line| touch(ctx, amount, line, names, zone));
            let stage = LeadStage::parse(&amount.stage).map_or("", LeadStage::label).to_lowercase();
            let close = amount.close_date.as_deref().map(|on| format!(", closing {on}")).unwrap_or_default();
            Ok(AmountLine {
                amount: Amount::stored(amount.minor_units, &amount.currency)?.to_string(),
                said: format!("{stage}, said by {}{close}", amount.actor),
                at: Moment::full(amount.at_ms, zone),
                is_past: no < newest,
                rule: lines.first().map(|line| words(&line.rule)).unwrap_or_default(),
                touches: touches.collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn touch(ctx: &Context, amount: &leads::Amount, line: &Line, names: &Names, zone: Tz) -> Result<TouchLine> {
    let share = Amount::stored(line.minor_units, &amount.currency)?.to_string();
    let what = match EventKind::parse(&line.kind) {
        None => "nothing that we know of led here".to_owned(),
        Some(kind) => {
            let title = asset_title(ctx, &line.asset).unwrap_or_else(|| line.asset.clone());
            let with = if title.is_empty() { String::new() } else { format!(": {title}") };
            let by = if line.scope.is_empty() { String::new() } else { format!(", by {}", line.scope) };
            let out_of = Placement::parse(&line.channel).map(|it| format!(", out of {}", it.label()));
            let out_of = out_of.unwrap_or_default();
            format!("{}{with}{by}{out_of}, at {}", kind.phrase(), names.of(&line.partner_slug))
        }
    };
    Ok(TouchLine {
        what,
        at: Moment::full(line.at_ms, zone),
        is_primary: line.is_primary,
        bar: Bar::single("brand", share.clone(), line.minor_units, amount.minor_units),
        share,
    })
}

#[cfg(test)]
impl AmountLine {
    /// Won, credited to two touches.
    pub fn sample() -> Self {
        let at = || Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo);
        let touch = |what: &str, is_primary: bool| TouchLine {
            what: what.into(),
            at: at(),
            is_primary,
            share: "EUR 12,000".into(),
            bar: Bar::single("brand", "EUR 12,000".into(), 1, 2),
        };
        Self {
            amount: "EUR 24,000".into(),
            said: "won, said by Luis Ortega, closing 2027-01-12".into(),
            at: at(),
            is_past: false,
            rule: "v0 first touch position".into(),
            touches: vec![
                touch("asked for a whitepaper: Proof of recovery, by fold-forward, at Northlight MSP", true),
                touch("read a page: Four hours, out of LinkedIn, at Northlight MSP", false),
            ],
        }
    }
}
