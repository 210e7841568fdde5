//! A message such as newsletters are, for the self-test of signing and for `--send-test`.

use super::{Finding, Group, Subject};
use crate::{
    channel::smtp::{Mail, send_once},
    domain::{
        content::vendor::Sender,
        delivery::{
            Outcome,
            return_path::{return_path, unsubscribe_address},
        },
        kernel::{
            EmailAddress, Error, Random, Result,
            id::DeliveryId,
            token::{Keys, Purpose},
        },
    },
    render::{
        SlotValues,
        email::{EmailRendition, MessageHeaders, Recipient, WireTemplate, on_the_wire},
        slots::SlotTable,
    },
};

/// The signed message, from `sender` to `to`.
///
/// # Errors
/// An address or a name that a header cannot carry, or signing.
pub(super) fn message(subject: &Subject, sender: &Sender, to: &str) -> Result<Vec<u8>> {
    finished(subject, sender, to, DeliveryId::from_bytes([0; 16]))
}

/// For a delivery that there is not, with everything that a mail of an issue carries.
fn finished(subject: &Subject, sender: &Sender, to: &str, id: DeliveryId) -> Result<Vec<u8>> {
    let domain = sender.email.domain();
    let stop = addressed(subject).map(|(keys, path)| unsubscribe_address(keys, id, path));
    let text = "This is a test by `partnercast doctor`.\n\nLook at its source: Authentication-Results should say pass for \
                SPF, DKIM and DMARC.\n";
    let rendition = EmailRendition {
        subject: "Test of partnercast".to_owned(),
        html: format!(
            "<!doctype html><html><body><p>{}</p></body></html>",
            text.trim_end().replace("\n\n", "</p><p>")
        ),
        text: text.to_owned(),
        slots: SlotTable::default(),
    };
    let headers = MessageHeaders {
        from_name: sender.name.clone(),
        from_email: sender.email.clone(),
        reply_to: Some(sender.reply_to.clone()),
        list_id: Some(format!("doctor.{domain}")),
        feedback_id: Some("doctor:test:partnercast".to_owned()),
        one_click_path: Some("/one-click/".to_owned()),
        auto_generated: false,
        extra: Vec::new(),
    };
    let token = subject.keys.as_ref().map(|keys| keys.sign(Purpose::Doctor, &subject.now_ms.to_be_bytes()));
    let recipient = Recipient {
        to_name: "",
        to_email: to,
        unsubscribe_mail: stop.as_deref(),
        message_id: &format!("doctor.{id}@{domain}"),
        date_ms: subject.now_ms,
        values: SlotValues {
            first_name: "",
            full_name: "",
            base_url: &subject.base_url(),
            click_token: "doctor",
            via_token: "doctor",
            preferences_token: token.as_deref().unwrap_or("doctor"),
        },
    };
    let mut bytes = Vec::new();
    WireTemplate::build(&rendition, &headers)?.fill(&recipient, &mut bytes)?;
    let mut signed = subject.signer.sign(&bytes, subject.now_ms)?;
    signed.append(&mut bytes);
    Ok(signed)
}

/// What signs addresses, and for which domain, where mail has signed return paths.
fn addressed(subject: &Subject) -> Option<(&Keys, &str)> {
    Some((subject.keys.as_ref().ok()?, subject.return_path_domain.as_deref()?))
}

/// Hands one test message to each relay, from the first sender. It is no row of the outbox: a person asked for it and
/// is told at once what became of it.
///
/// # Errors
/// There is no sender, or the message cannot be written.
pub async fn send(subject: &Subject, to: &EmailAddress, random: &dyn Random) -> Result<Vec<Finding>> {
    if subject.is_catcher() {
        return Ok(vec![Finding::new(Group::Relay, "send-test", to.as_str()).unknown(
            "the relay is the catcher, so a test would reach nobody",
            "set mail.relay to your relay",
        )]);
    }
    let senders = subject.senders();
    let named = senders.iter().find(|(name, _)| *name == "newsletter").or_else(|| senders.first());
    let (_, sender) = named.ok_or_else(|| {
        Error::invalid("there is no [sender.*] to send a test from; set content.dir to the content folder")
    })?;
    let mut findings = Vec::new();
    for relay in &subject.relays {
        let id = DeliveryId::new(subject.now_ms, random);
        let bytes = finished(subject, sender, &on_the_wire(to.as_str()), id)?;
        // As an issue's, so that receivers say of it what they will say of those.
        let envelope_from = addressed(subject)
            .map_or_else(|| sender.email.to_string(), |(keys, domain)| return_path(keys, id, domain));
        let mail = Mail { envelope_from, envelope_to: on_the_wire(to.as_str()).into_owned(), bytes };
        let finding = Finding::new(Group::Relay, "send-test", format!("{to} through {}", relay.place()));
        let outcome = send_once(relay, &mail).await;
        findings.push(match outcome {
            Outcome::Accepted { reply } => finding.pass(format!("accepted: {reply}")),
            Outcome::Refused { detail, reply, .. } => finding.fail(
                reply.map_or(detail, |reply| format!("refused: {reply}")),
                "see what the relay says; nothing was sent",
            ),
            Outcome::Uncertain { detail } => finding.fail(
                format!("nobody knows whether it arrived: {detail}"),
                "look into the mailbox before trying again",
            ),
        });
    }
    Ok(findings)
}
