//! What an endpoint with a field map is sent: made of the event and of the lead when it is first sent, and kept, so that every
//! other try and every replay sends the same bytes; replaced when the person is erased.

use chrono::DateTime;
use serde_json::Value;

use crate::{
    domain::{
        crm::{self, Body, Facts, FieldMap},
        kernel::{Error, Result, clock::UtcMs},
        lead::{Amount, LeadStage},
        webhook::{EventKind, event::PAYLOAD_BYTES_MAX},
    },
    store::{
        Tx, intakes,
        leads::{self, Lead},
        partners, person,
        webhooks::documents::{self, Document},
    },
    work::Context,
};

/// How often a document is made anew because the lead changed meanwhile.
const TIMES: usize = 3;

/// For whom a document is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct To<'a> {
    /// The endpoint.
    pub id: &'a str,
    /// Whose it is; empty for the vendor's own.
    pub partner: &'a str,
    /// Its field map.
    pub format: &'a str,
}

/// Why there is nothing to send.
pub(super) enum Unsent {
    /// There never will be.
    Never(String),
    /// A fault of ours, which somebody can mend.
    Later(String),
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Self {
        Self::Later(error.public().to_owned())
    }
}

/// What an event says of a lead.
struct Said {
    kind: String,
    lead_id: String,
    stage: Option<LeadStage>,
    reason: String,
    at_ms: UtcMs,
}

impl Said {
    /// Nothing for an event that is about no lead.
    fn read(payload: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(payload).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let at = DateTime::parse_from_rfc3339(message["timestamp"].as_str()?).ok()?;
        Some(Self {
            kind: text(&message["type"])?,
            lead_id: text(&message["data"]["lead_id"])?,
            stage: message["data"]["stage"].as_str().and_then(LeadStage::parse),
            reason: text(&message["data"]["reason"]).unwrap_or_default(),
            at_ms: at.timestamp_millis(),
        })
    }
}

/// The body of a message to an endpoint with a field map.
pub(super) async fn body(ctx: &Context, to: To<'_>, event_id: &str, payload: &str) -> Result<String, Unsent> {
    if let Some(body) = documents::body(&ctx.db, to.id, event_id).await? {
        return Ok(body);
    }
    let map = crm::map_of(&ctx.library(), to.format).ok_or_else(|| {
        Unsent::Later(format!("the field map crm/{}.toml is not there, or has faults", to.format))
    })?;
    let Some(said) = Said::read(payload) else {
        return match map.body {
            Body::Envelope => Ok(payload.to_owned()),
            Body::Request => {
                Err(Unsent::Never("it is about no lead, and a CRM takes nothing else".to_owned()))
            }
        };
    };
    for _ in 0..TIMES {
        let lead = leads::lead(&ctx.db, &said.lead_id).await?;
        let lead = lead.ok_or_else(|| Unsent::Never("the lead is no longer there".to_owned()))?;
        let body = render(ctx, to, &map, &said, &lead, payload).await?;
        if body.len() > PAYLOAD_BYTES_MAX {
            return Err(Unsent::Later(format!(
                "the document has {} bytes; at most {PAYLOAD_BYTES_MAX} are sent",
                body.len()
            )));
        }
        let document = Document {
            event_id: event_id.to_owned(),
            endpoint_id: to.id.to_owned(),
            lead_id: lead.id.clone(),
            format: to.format.to_owned(),
            body,
        };
        let mut tx = ctx.db.begin().await?;
        if documents::keep(&mut tx, &document, lead.updated_ms).await? {
            tx.commit().await?;
            return Ok(document.body);
        }
    }
    Err(Unsent::Later("the lead changes all the time".to_owned()))
}

async fn render(
    ctx: &Context,
    to: To<'_>,
    map: &FieldMap,
    said: &Said,
    lead: &Lead,
    payload: &str,
) -> Result<String, Unsent> {
    let is_vendors = to.partner.is_empty();
    let not_theirs = || Unsent::Never("the partner has not accepted this lead".to_owned());
    if said.kind == EventKind::LeadErased.as_str() || person::is_erased(&lead.email) {
        if !is_vendors && !documents::knows(&ctx.db, to.id, &lead.id).await? {
            return Err(not_theirs());
        }
        return Ok(crm::document(map, &lead.id, payload, &crm::erasure(map, &lead.id))?);
    }
    let stage = said.stage.ok_or_else(|| Unsent::Never("the event names no stage".to_owned()))?;
    let is_accepted = stage.is_owned() || stage.is_terminal();
    let personal = is_vendors || (lead.partner_slug == to.partner && is_accepted);
    // Of a lead that they had, the partner is told how it went on, and not who it is.
    if !personal && !documents::knows(&ctx.db, to.id, &lead.id).await? {
        return Err(not_theirs());
    }
    let facts = facts(ctx, said, lead, stage).await?;
    Ok(crm::document(map, &lead.id, payload, &crm::upsert(map, &facts, personal)?)?)
}

async fn facts(ctx: &Context, said: &Said, lead: &Lead, stage: LeadStage) -> Result<Facts> {
    let partner = partners::partner(&ctx.db, &lead.partner_slug).await?;
    let intake = intakes::of_lead(&ctx.db, &lead.id).await?;
    let (country, vertical) = intake.map(|intake| (intake.country, intake.vertical)).unwrap_or_default();
    // What was said later belongs to a later event.
    let amount =
        leads::amounts(&ctx.db, &lead.id).await?.into_iter().find(|amount| amount.at_ms <= said.at_ms);
    let consents = leads::consents(&ctx.db, &lead.id).await?;
    let given = consents.iter().find(|consent| consent.granted);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Ok(Facts {
        lead_id: lead.id.clone(),
        partner: lead.partner_slug.clone(),
        partner_name: partner.map(|partner| partner.name).unwrap_or_default(),
        stage,
        created_ms: lead.created_ms,
        changed_ms: said.at_ms,
        email: lead.email.clone(),
        name: lead.name.clone(),
        company: lead.company.clone(),
        phone: text(&lead.phone),
        job_role: text(&lead.job_role),
        company_size: text(&lead.company_size),
        country,
        vertical,
        locale: lead.locale.clone(),
        asset: lead.asset.clone(),
        origin: lead.origin.clone(),
        score: lead.score,
        fit: lead.fit.clone(),
        owner_name: text(&lead.owner_name),
        owner_email: text(&lead.owner_email),
        reason: said.reason.clone(),
        amount: amount.as_ref().map(|it| Amount::stored(it.minor_units, &it.currency)).transpose()?,
        close_date: amount.and_then(|it| it.close_date).unwrap_or_default(),
        agrees: crate::work::handoff::agrees(ctx, &lead.id).await?,
        consent_ms: given.map(|consent| consent.at_ms),
        consent_text: given.map(|it| format!("{} v{}", it.text_id, it.text_version)).unwrap_or_default(),
    })
}

/// Puts the request that erases a lead's person in a CRM in place of everything that was made of the lead, and takes away what
/// endpoints answered to that. In the transaction in which the lead itself was emptied.
///
/// # Errors
/// Those of the store.
pub async fn forget(ctx: &Context, tx: &mut Tx, lead_id: &str) -> Result<()> {
    let library = ctx.library();
    for format in documents::formats(tx, lead_id).await? {
        let body = match crm::map_of(&library, &format) {
            Some(map) => crm::document(&map, lead_id, "{}", &crm::erasure(&map, lead_id))?,
            None => "{}".to_owned(),
        };
        documents::replace(tx, lead_id, &format, &body).await?;
    }
    Ok(())
}
