//! "Send me this": what is shown, as a mail to an address that somebody typed. It is no row of the outbox: a person
//! asked for it and is told at once what became of it.

use std::time::Duration;

use crate::{
    channel::smtp::{Mail as Message, send_once},
    domain::{
        delivery::Outcome,
        kernel::{EmailAddress, Error, Result, id::DeliveryId},
    },
    render::{
        SlotValues,
        email::{EmailRendition, MessageHeaders, Recipient, WireTemplate, on_the_wire},
        slots::SlotTable,
    },
};

use super::{super::compose::Mailing, Channel, Eyes, Mail, Preview, Rendition};

/// Longest wait for the relay; shorter than a request may take.
const PATIENCE: Duration = Duration::from_secs(12);

impl Preview {
    /// Hands the mail of `reference` for `to` to the first relay, and returns its reply.
    ///
    /// # Errors
    /// There is no relay or no sender; the content cannot be rendered; the relay's refusal.
    pub async fn send(&self, reference: &str, eyes: &Eyes, to: &EmailAddress) -> Result<String> {
        let relay = self.relays.first().ok_or_else(|| {
            Error::conflict(
                "there is no relay to send with: start it with --config and a file that names one in [mail]",
            )
        })?;
        let Rendition::Mail(mail) = self.rendition(reference, &Channel::Mail, eyes).await? else {
            return Err(Error::invalid(format!("{reference} is no mail")));
        };
        let (envelope_from, bytes) = self.message(reference, &mail, to)?;
        let mail = Message { envelope_from, envelope_to: on_the_wire(to.as_str()).into_owned(), bytes };
        let outcome = tokio::time::timeout(PATIENCE, send_once(relay, &mail)).await.unwrap_or_else(|_| {
            Outcome::Uncertain {
                detail: format!("{} has not answered within {} s", relay.place(), PATIENCE.as_secs()),
            }
        });
        match outcome {
            Outcome::Accepted { reply } => Ok(reply.to_string()),
            Outcome::Refused { detail, .. } => {
                Err(Error::unavailable(format!("{} did not take it: {detail}", relay.place())))
            }
            Outcome::Uncertain { detail } => {
                Err(Error::unavailable(format!("nobody knows whether it arrived: {detail}")))
            }
        }
    }

    /// The envelope's sender and the finished message.
    fn message(&self, reference: &str, mail: &Mail, to: &EmailAddress) -> Result<(String, Vec<u8>)> {
        let (ctx, library) = (&self.ctx, self.ctx.library());
        let vendor = library.vendor.as_ref().ok_or_else(crate::work::cobrand::no_content)?;
        let media = ctx.media();
        let original = library.versions(reference).first();
        let mailing = original.and_then(|asset| Mailing::of(&library, &media, asset));
        let series = mailing.and_then(|mailing| mailing.series.detail.series());
        let named = series.and_then(|series| vendor.senders.get(series.sender?.as_str()));
        let sender = named.or_else(|| vendor.senders.values().next()).ok_or_else(|| {
            Error::invalid("vendor.toml names no sender; add a [sender.newsletter] with name and email")
        })?;
        let rendition = EmailRendition {
            subject: format!("[Preview] {}", mail.subject),
            html: mail.html.clone(),
            text: mail.text.clone(),
            slots: SlotTable::default(),
        };
        let headers = MessageHeaders {
            from_name: sender.name.clone(),
            from_email: sender.email.clone(),
            reply_to: Some(sender.reply_to.clone()),
            list_id: None,
            feedback_id: None,
            one_click_path: None,
            auto_generated: true,
            extra: Vec::new(),
        };
        let now_ms = ctx.now_ms();
        let id = DeliveryId::new(now_ms, &*ctx.random);
        let recipient = Recipient {
            to_name: "",
            to_email: &on_the_wire(to.as_str()),
            unsubscribe_mail: None,
            message_id: &format!("preview.{id}@{}", sender.email.domain()),
            date_ms: now_ms,
            values: SlotValues {
                first_name: "",
                full_name: "",
                base_url: "",
                click_token: "",
                via_token: "",
                preferences_token: "",
            },
        };
        let mut bytes = Vec::new();
        WireTemplate::build(&rendition, &headers)?.fill(&recipient, &mut bytes)?;
        let mut signed = ctx.signer.sign(&bytes, now_ms)?;
        signed.append(&mut bytes);
        Ok((sender.email.to_string(), signed))
    }
}
