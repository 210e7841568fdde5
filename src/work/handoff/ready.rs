//! What is read of a lead and its deal before something is recorded of it.

use chrono::NaiveDate;

use super::{
    super::context::Context,
    lead_and_partner,
    outcome::{Closing, Outcome},
    zone_of,
};
use crate::{
    domain::{
        kernel::{Error, Result},
        lead::{Amount, LeadStage},
        partner::Partner,
    },
    store::{
        leads::{self, Lead},
        offers::{self, Offer},
    },
};

/// What is read of a lead before the transaction in which something is recorded, which would wait for a second connection.
pub(in crate::work) struct Ready {
    pub(super) known: Lead,
    pub(super) partner: Partner,
    pub(super) live: Option<Offer>,
    pub(super) zone: chrono_tz::Tz,
    /// The day that was named last for the deal.
    pub(super) close_date: Option<NaiveDate>,
    /// What it was said to be worth last.
    pub(super) worth: Option<Amount>,
}

impl Ready {
    /// Whether the deal stands where `outcome` says already, and is only worth something else, or on another day: its new value.
    pub(in crate::work) fn corrected(&self, outcome: Outcome) -> Option<Closing> {
        let closing = match (LeadStage::parse(&self.known.stage)?, outcome) {
            (LeadStage::Sql, Outcome::Sql(closing)) | (LeadStage::Won, Outcome::Won(closing)) => closing,
            (LeadStage::DealRegistered, Outcome::DealRegistered(closing)) => closing?,
            _ => return None,
        };
        let is_another_day = closing.on.is_some() && closing.on != self.close_date;
        (Some(closing.amount) != self.worth || is_another_day).then_some(closing)
    }

    /// Whether `outcome` goes on in another currency than the deal was valued in.
    pub(in crate::work) fn is_in_another_currency(&self, outcome: Outcome) -> bool {
        let closing = match outcome {
            Outcome::DealRegistered(closing) => closing,
            Outcome::Won(closing) => Some(closing),
            _ => None,
        };
        same_currency(self.worth, closing).is_err()
    }
}

/// Reads what it takes to record something of a lead.
///
/// # Errors
/// `NotFound`, and those of the store.
pub(in crate::work) async fn ready(ctx: &Context, lead_id: &str) -> Result<Ready> {
    let (known, partner) = lead_and_partner(ctx, lead_id).await?;
    let live = offers::of_lead(&ctx.db, lead_id).await?.into_iter().find(Offer::holds);
    let zone = match &live {
        Some(offer) => zone_of(ctx, offer, &partner).await?,
        None => partner.zone,
    };
    let amounts = leads::amounts(&ctx.db, lead_id).await?;
    let worth = amounts.first().map(|it| Amount::stored(it.minor_units, &it.currency)).transpose()?;
    let close_date = close_date(&amounts);
    Ok(Ready { known, partner, live, zone, close_date, worth })
}

/// The day that was named last for a deal; `amounts` are the newest first.
pub(super) fn close_date(amounts: &[leads::Amount]) -> Option<NaiveDate> {
    amounts.iter().find_map(|it| it.close_date.as_ref()).and_then(|on| on.parse().ok())
}

/// Whether a deal goes on in the currency in which it was valued before: two can neither be compared nor added up, so that another one
/// is rather a slip.
pub(super) fn same_currency(worth: Option<Amount>, closing: Option<Closing>) -> Result<()> {
    match (worth, closing) {
        (Some(worth), Some(Closing { amount, .. })) if worth.currency != amount.currency => {
            Err(Error::invalid(format!(
                "this deal is valued in {} ({worth}), and this is {amount}: write the value in {}, or first correct what it is worth, \
                 with a reason",
                worth.currency.code(),
                worth.currency.code()
            )))
        }
        _ => Ok(()),
    }
}
