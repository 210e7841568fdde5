//! Who is asked to claim a lead, and what they said, on its page.

use chrono_tz::Tz;

use super::lead_offers::OfferLine;
use crate::{
    domain::kernel::Result,
    store::calls::{self, Call},
    web::view::{chart::Badge, when::Moment},
    work::{Context, names::Names},
};

/// A line a call, in order.
///
/// # Errors
/// Those of the store.
pub(super) async fn lines(ctx: &Context, lead_id: &str, names: &Names, zone: Tz) -> Result<Vec<OfferLine>> {
    let all = calls::of_lead(&ctx.db, lead_id).await?;
    Ok(all.into_iter().map(|call| line(call, names, zone)).collect())
}

fn line(call: Call, names: &Names, zone: Tz) -> OfferLine {
    let badge = match call.answer.as_deref() {
        Some("claimed") => Badge::new("good", "claimed"),
        Some("declined") => Badge::new("bad", "declined"),
        Some("lapsed") => Badge::new("bad", "did not answer"),
        Some("taken") => Badge::new("", "another was first"),
        Some(_) => Badge::new("", "taken back"),
        None => Badge::new("warn", "may claim it"),
    };
    let (called, due) = (Moment::full(call.called_ms, zone).text, Moment::full(call.due_ms, zone).text);
    OfferLine {
        rep: call.rep_name,
        badge,
        text: format!("{called}. Asked for {} to claim it until {due}", names.of(&call.partner_slug)),
    }
}
