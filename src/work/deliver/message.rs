//! One recipient's message: the rendition's slots filled, ready for the wire.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    channel::smtp::Mail,
    domain::{
        delivery::{Outcome, Stage, Trouble, return_path},
        kernel::{Error, Kind, Result, id::DeliveryId, token::Purpose},
        partner::contact::first_name,
    },
    render::{
        SlotValues,
        email::{Recipient, WireTemplate},
    },
    store::{queue::Claimed, renditions},
    work::{cache::Cache, context::Context, tokens::MailToken},
};

/// Encoded renditions kept in memory.
const WIRES_MAX: usize = 256;

/// An encoded rendition and its envelope sender.
struct Wire {
    template: WireTemplate,
    sender: String,
}

/// Writes messages from their renditions.
pub(super) struct Writer {
    ctx: Arc<Context>,
    wires: Cache<Wire>,
}

impl Writer {
    pub(super) fn new(ctx: Arc<Context>) -> Self {
        Self { ctx, wires: Cache::new(WIRES_MAX) }
    }

    /// Writes the recipient's message. A fault here is ours and costs this message only.
    pub(super) async fn write(&mut self, claimed: &Claimed) -> Result<Mail, Outcome> {
        let ours = |detail: String| Outcome::Refused {
            stage: Stage::Connect,
            trouble: Trouble::Protocol,
            reply: None,
            detail,
        };
        if claimed.expires_ms < self.ctx.now_ms() {
            return Err(ours("its time passed before it could leave".to_owned()));
        }
        let wire = match self.wires.get(&claimed.rendition_id) {
            Some(wire) => wire,
            None => self.load_wire(&claimed.rendition_id).await.map_err(|error| match error.kind() {
                // Nothing is wrong with the message: the database did not answer.
                Kind::Unavailable => Outcome::host(Stage::Connect, error.detail()),
                _ => ours(error.detail()),
            })?,
        };
        let token = DeliveryId::parse(&claimed.id)
            .and_then(|id| MailToken::new(id, &claimed.rendition_id))
            .map_err(|error| ours(error.detail()))?;
        let keys = &self.ctx.keys;
        let domain = self.ctx.settings.bounces.domain.as_deref();
        let stop = domain.map(|domain| return_path::unsubscribe_address(keys, token.delivery, domain));
        let recipient = Recipient {
            to_name: &claimed.recipient_name,
            to_email: &claimed.email,
            message_id: &claimed.message_id,
            date_ms: claimed.promised_ms,
            unsubscribe_mail: stop.as_deref(),
            values: SlotValues {
                first_name: first_name(&claimed.recipient_name),
                full_name: &claimed.recipient_name,
                base_url: &self.ctx.settings.public_url,
                click_token: &token.sign(keys, Purpose::Click),
                preferences_token: &token.sign(keys, Purpose::Preferences),
            },
        };
        let mut bytes = Vec::new();
        // A panic while writing one message must not stop the others.
        let filled = catch_unwind(AssertUnwindSafe(|| wire.template.fill(&recipient, &mut bytes)));
        match filled {
            Ok(Ok(())) => {
                // Without a domain of their own, bounces reach the sender's mailbox, where people read them.
                let envelope_from = domain.map_or_else(
                    || wire.sender.clone(),
                    |domain| return_path::return_path(keys, token.delivery, domain),
                );
                Ok(Mail { envelope_from, envelope_to: claimed.email.clone(), bytes })
            }
            Ok(Err(error)) => Err(ours(error.detail())),
            Err(_) => Err(ours("the message could not be written".to_owned())),
        }
    }

    async fn load_wire(&self, rendition_id: &str) -> Result<Arc<Wire>> {
        let stored = renditions::wire(&self.ctx.db, rendition_id).await?;
        let stored = stored.ok_or_else(|| Error::not_found(format!("rendition {rendition_id}")))?;
        let wire = Wire { template: WireTemplate::from_text(&stored.wire)?, sender: stored.sender };
        Ok(self.wires.put(rendition_id, wire))
    }
}
