//! `/console/leads/{id}/give`: somebody at the vendor gives a lead that no partner brought to a partner of their choice.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};

use super::signin::Actor;
use crate::{
    domain::{kernel::Result, partner::Partner},
    store::leads::Lead,
    web::respond::{self, Answer},
    work::{
        Context,
        handoff::{self, Order},
    },
};

/// To whom a lead may be given.
#[derive(Debug, Serialize)]
pub struct View {
    /// Where it is sent.
    pub action: String,
    /// When the lead had changed last.
    pub known_ms: i64,
    /// Those who may have it, best first.
    pub partners: Vec<Choice>,
    /// Those who may not, with why.
    pub others: Vec<Choice>,
    /// Why nobody may have it now.
    pub nobody: Option<String>,
}

/// A partner.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What speaks for it, or why it may not have the lead.
    pub why: String,
}

/// The partners for a lead; nothing for one that is a partner's.
///
/// # Errors
/// Those of the store.
pub async fn view(ctx: &Context, lead: &Lead) -> Result<Option<View>> {
    let Some(choices) = handoff::choices(ctx, lead).await? else { return Ok(None) };
    let (mut partners, mut others) = (Vec::new(), Vec::new());
    for it in choices.all {
        match it.why_not {
            None => partners.push(Choice { slug: it.slug, name: it.name, why: it.merits }),
            Some(why) => others.push(Choice { slug: it.slug, name: it.name, why }),
        }
    }
    let action = format!("/console/leads/{}/give", lead.id);
    Ok(Some(View { action, known_ms: lead.updated_ms, partners, others, nobody: choices.nobody }))
}

/// Who can do something about a lead that a partner has; `is_nobodys` of one that none has.
pub(super) fn levers(ctx: &Context, partner: &Partner, is_nobodys: bool) -> Option<String> {
    let address = &partner.channel_manager_email;
    let library = ctx.library();
    let manager = library.vendor.as_ref().and_then(|vendor| vendor.manager_at(address));
    let manager = manager.map_or(address.as_str(), |manager| &manager.name);
    (!is_nobodys).then(|| {
        format!(
            "Who has it works it on their desk; {manager}, who looks after {}, can give it to somebody else there.",
            partner.name
        )
    })
}

/// What was chosen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    partner: String,
    because: String,
    known_ms: i64,
}

/// `POST /console/leads/{id}/give`
pub async fn give(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Path(id): Path<String>,
    Body(chosen): Body<Chosen>,
) -> Answer {
    let Chosen { partner, because, known_ms } = chosen;
    let order = Order { lead_id: &id, to: &partner, because: &because, known_ms: Some(known_ms) };
    handoff::give_partner(&ctx, &actor, &order).await?;
    ctx.figures.forget();
    Ok(respond::see_other(&format!("/console/leads/{id}")))
}

#[cfg(test)]
impl View {
    /// Two who may have it, and one who may not.
    pub fn sample() -> Self {
        let choice = |slug: &str, name: &str, why: &str| Choice {
            slug: slug.into(),
            name: name.into(),
            why: why.into(),
        };
        Self {
            action: "#".into(),
            known_ms: 1_799_766_000_000,
            partners: vec![
                choice("northlight", "Northlight MSP", "serves health, platinum partner, 3 in hand"),
                choice("thornbury", "Thornbury Cloud", "gold partner, 0 in hand"),
            ],
            others: vec![choice("cascade-point", "Cascade Point", "does not serve DE")],
            nobody: None,
        }
    }
}
