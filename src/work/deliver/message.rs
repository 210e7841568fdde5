//! One recipient's message: the rendition's slots filled, signed, ready for the wire.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    channel::smtp::Mail,
    domain::{
        delivery::return_path,
        kernel::{Error, Kind, Result, clock::UtcMs, id::DeliveryId, token::Purpose},
        partner::contact::first_name,
    },
    render::{
        SlotValues,
        email::{Recipient, WireTemplate, dkim::Signer, on_the_wire},
    },
    store::{
        queue::{self, Claimed},
        renditions,
    },
    work::{cache::Cache, context::Context, tokens::MailToken},
};

/// Encoded renditions kept in memory.
const WIRES_MAX: usize = 256;

/// An encoded rendition and its envelope sender.
struct Wire {
    template: WireTemplate,
    sender: String,
}

/// The message of one delivery, byte by byte as it leaves or has left.
///
/// # Errors
/// `NotFound` without such a delivery, and whatever keeps its message from being written.
pub async fn message(ctx: &Arc<Context>, delivery_id: &str) -> Result<Vec<u8>> {
    let claimed = queue::peek(&ctx.db, delivery_id).await?;
    let claimed = claimed.ok_or_else(|| Error::not_found(format!("delivery {delivery_id}")))?;
    match Writer::new(ctx.clone()).write(&claimed).await {
        Ok(mail) => Ok(mail.bytes),
        Err(Unwritten::ByUs(detail)) => Err(Error::internal(detail)),
        Err(Unwritten::ByDatabase) => {
            Err(Error::unavailable("the database does not answer; try again later"))
        }
    }
}

/// Writes messages from their renditions.
pub(super) struct Writer {
    ctx: Arc<Context>,
    wires: Cache<Wire>,
}

/// Why a message could not be written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// A fault of ours that costs this message only; says which.
    ByUs(String),
    /// The database did not answer: nothing is wrong with the message.
    ByDatabase,
}

impl Writer {
    pub(super) fn new(ctx: Arc<Context>) -> Self {
        Self { ctx, wires: Cache::new(WIRES_MAX) }
    }

    /// Writes the recipient's message.
    pub(super) async fn write(&self, claimed: &Claimed) -> Result<Mail, Unwritten> {
        let ours = |error: &Error| Unwritten::ByUs(error.detail());
        let wire = match self.wires.get(&claimed.rendition_id) {
            Some(wire) => wire,
            None => self.load_wire(&claimed.rendition_id).await.map_err(|error| match error.kind() {
                Kind::Unavailable => Unwritten::ByDatabase,
                _ => ours(&error),
            })?,
        };
        let token = DeliveryId::parse(&claimed.id)
            .and_then(|id| MailToken::new(id, &claimed.rendition_id))
            .map_err(|error| ours(&error))?;
        let keys = &self.ctx.keys;
        let domain = self.ctx.settings.bounces.domain.as_deref();
        let stop = domain.map(|domain| return_path::unsubscribe_address(keys, token.delivery, domain));
        let to_email = on_the_wire(&claimed.email);
        let recipient = Recipient {
            to_name: &claimed.recipient_name,
            to_email: &to_email,
            message_id: &claimed.message_id,
            date_ms: claimed.date_ms(),
            unsubscribe_mail: stop.as_deref(),
            values: SlotValues {
                first_name: first_name(&claimed.recipient_name),
                full_name: &claimed.recipient_name,
                base_url: &self.ctx.settings.public_url,
                click_token: &token.sign(keys, Purpose::Click),
                via_token: &token.sign(keys, Purpose::Via),
                preferences_token: &token.sign(keys, Purpose::Preferences),
            },
        };
        let mut bytes = Vec::new();
        let now_ms = self.ctx.now_ms();
        // A panic while writing one message must not stop the others. An RSA signature takes more than half a
        // millisecond; the connections' tasks spread it over all cores.
        let written = catch_unwind(AssertUnwindSafe(|| {
            wire.template.fill(&recipient, &mut bytes)?;
            sign(&self.ctx.signer, &mut bytes, now_ms)
        }));
        match written {
            Ok(Ok(())) => {
                // Without a domain of their own, bounces reach the sender's mailbox, where people read them.
                let envelope_from = domain.map_or_else(
                    || wire.sender.clone(),
                    |domain| return_path::return_path(keys, token.delivery, domain),
                );
                Ok(Mail { envelope_from, envelope_to: to_email.into_owned(), bytes })
            }
            Ok(Err(error)) => Err(ours(&error)),
            Err(_) => Err(Unwritten::ByUs("the message could not be written".to_owned())),
        }
    }

    async fn load_wire(&self, rendition_id: &str) -> Result<Arc<Wire>> {
        let stored = renditions::wire(&self.ctx.db, rendition_id).await?;
        let stored = stored.ok_or_else(|| Error::not_found(format!("rendition {rendition_id}")))?;
        let wire = Wire { template: WireTemplate::from_text(&stored.wire)?, sender: stored.sender };
        Ok(self.wires.put(rendition_id, wire))
    }
}

/// Puts the signatures before the message.
fn sign(signer: &Signer, message: &mut Vec<u8>, now_ms: UtcMs) -> Result<()> {
    if signer.is_empty() {
        return Ok(());
    }
    let mut signed = signer.sign(message, now_ms)?;
    signed.append(message);
    *message = signed;
    Ok(())
}
