//! Leads: stages, score, routing, clocks.
//!
//! Where a lead may go next ([`stage`]), what its events are worth ([`score`]), how well the person matches
//! ([`fit`]), what a row of a file may hold ([`intake`]), what may be told of one by programs ([`update`]), which partner is given what none brought ([`assign`]), who there
//! gets it ([`mod@route`]), which partner goes on where two know the person ([`conflict`]), how the clocks run ([`clock`], in
//! [`business_time`]), what came of it all ([`ladder`]), and what is credited with the money ([`attribution`]).

pub mod amount;
pub mod assign;
pub mod attendance;
pub mod attribution;
pub mod business_time;
pub mod clock;
pub mod conflict;
pub mod fit;
mod freemail;
pub mod intake;
pub mod ladder;
pub mod record;
pub mod route;
pub mod score;
pub mod stage;
pub mod update;
pub mod what_if;

pub use amount::Amount;
pub use business_time::WorkingHours;
pub use clock::{Heat, SlaClock, SlaKind, StopReason};
pub use fit::{FitFacts, FitResult};
pub use freemail::{account_of, is_business_domain};
pub use route::{Receiver, Route, route};
pub use score::{Qualification, Score, ScoredEvent};
pub use stage::{DisqualifyReason, LeadOrigin, LeadStage, OfferPurpose, RejectReason};
