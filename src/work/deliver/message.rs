//! One recipient's message: the rendition's slots filled, signed, ready for the wire.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::available_parallelism,
};

use tokio::task::JoinSet;

use crate::{
    channel::smtp::Mail,
    domain::{
        delivery::{Outcome, Stage, Trouble},
        kernel::{Error, Kind, Result, clock::UtcMs, id::DeliveryId, token::Purpose},
        partner::contact::first_name,
    },
    render::{
        SlotValues,
        email::{Recipient, WireTemplate, dkim::Signer},
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

    /// Writes and signs the messages of a window. A fault costs its own message only.
    pub(super) async fn write_all<'a>(
        &mut self,
        window: Vec<&'a Claimed>,
    ) -> Vec<(&'a Claimed, Result<Mail, Outcome>)> {
        let mut written = Vec::with_capacity(window.len());
        for claimed in &window {
            written.push(self.write(claimed).await);
        }
        window.into_iter().zip(self.sign_all(written).await).collect()
    }

    /// Signs over all cores: an RSA signature takes more than half a millisecond, longer than everything else that
    /// is done for a message.
    async fn sign_all(&self, mut written: Vec<Result<Mail, Outcome>>) -> Vec<Result<Mail, Outcome>> {
        if self.ctx.signer.is_empty() {
            return written;
        }
        let now_ms = self.ctx.now_ms();
        let mut unsigned = Vec::new();
        for (at, slot) in written.iter_mut().enumerate() {
            // Should a thread be lost, its messages are not sent unsigned.
            let taken = slot.is_ok().then(|| std::mem::replace(slot, Err(not_signed("the thread was lost"))));
            if let Some(Ok(mail)) = taken {
                unsigned.push((at, mail));
            }
        }
        let share = unsigned.len().div_ceil(available_parallelism().map_or(1, usize::from)).max(1);
        let mut signing = JoinSet::new();
        while !unsigned.is_empty() {
            let chunk = unsigned.split_off(unsigned.len().saturating_sub(share));
            let signer = self.ctx.signer.clone();
            signing.spawn_blocking(move || -> Vec<_> {
                chunk.into_iter().map(|(at, mail)| (at, signed(&signer, mail, now_ms))).collect()
            });
        }
        while let Some(done) = signing.join_next().await {
            for (at, result) in done.unwrap_or_default() {
                written[at] = result;
            }
        }
        written
    }

    /// Writes the recipient's message. A fault here is ours and costs this message only.
    async fn write(&mut self, claimed: &Claimed) -> Result<Mail, Outcome> {
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
        let recipient = Recipient {
            to_name: &claimed.recipient_name,
            to_email: &claimed.email,
            message_id: &claimed.message_id,
            date_ms: claimed.promised_ms,
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
                Ok(Mail { envelope_from: wire.sender.clone(), envelope_to: claimed.email.clone(), bytes })
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

/// The message with its signatures before it.
fn signed(signer: &Signer, mut mail: Mail, now_ms: UtcMs) -> Result<Mail, Outcome> {
    match catch_unwind(AssertUnwindSafe(|| signer.sign(&mail.bytes, now_ms))) {
        Ok(Ok(mut lines)) => {
            lines.append(&mut mail.bytes);
            mail.bytes = lines;
            Ok(mail)
        }
        Ok(Err(error)) => Err(not_signed(&error.detail())),
        Err(_) => Err(not_signed("signing broke off")),
    }
}

fn not_signed(why: &str) -> Outcome {
    ours(format!("the message could not be signed: {why}"))
}

/// A fault of ours: nothing was tried.
fn ours(detail: String) -> Outcome {
    Outcome::Refused { stage: Stage::Connect, trouble: Trouble::Protocol, reply: None, detail }
}
