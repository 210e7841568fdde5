//! To whom a lead was offered, and who was asked to decide about it, on its page.

use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    store::offers::Offer,
    web::view::{chart::Badge, when::Moment},
    work::handoff::is_to_decide,
};

/// An offer.
#[derive(Debug, Serialize)]
pub struct OfferLine {
    /// To whom.
    pub rep: String,
    /// How it went.
    pub badge: Badge,
    /// Why them, and when.
    pub text: String,
}

/// The line of an offer, or of a question to the channel manager, which is none.
pub(super) fn line(offer: Offer, zone: Tz) -> OfferLine {
    let badge = match (offer.answer.as_deref(), is_to_decide(&offer)) {
        (Some("accepted"), false) => Badge::new("good", "accepted"),
        (Some("accepted"), true) => Badge::new("good", "took it"),
        (Some("rejected"), false) => Badge::new("bad", "turned down"),
        (Some("rejected"), true) => Badge::new("bad", "closed it"),
        (Some("recalled"), false) => Badge::new("", "taken back"),
        (Some("recalled"), true) => Badge::new("", "passed it on"),
        (_, true) => Badge::new("warn", "is to decide"),
        _ if offer.viewed_ms.is_some() => Badge::new("warn", "opened"),
        _ => Badge::new("", "offered"),
    };
    let reason = offer.answer_reason.map(|reason| format!(". {reason}")).unwrap_or_default();
    let given =
        offer.given_because.filter(|it| !it.is_empty()).map(|it| format!(": {it}")).unwrap_or_default();
    OfferLine {
        rep: offer.rep_name,
        badge,
        text: format!("{}. {}{given}{reason}", Moment::full(offer.offered_ms, zone).text, offer.because),
    }
}
