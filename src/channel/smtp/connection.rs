//! One connection and the order of commands on it: envelope, message, outcome.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Duration;
use tokio_rustls::TlsConnector;

use super::{
    Capabilities, Mail, Relay, Timeouts, body, hello, tls,
    wire::{Fault, Wire},
};
use crate::domain::{
    delivery::{Outcome, Reply, Stage, Trouble},
    kernel::clock::UtcMs,
};

/// How long we listen for a last word after a write failed: the relay may have said why before it closed.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Most memory that a connection keeps for the next message, in bytes.
const OUT_BYTES_KEPT: usize = 1024 * 1024;

/// A connection that is ready for mail. Sends one message at a time and says truthfully what became of it.
pub struct Connection {
    wire: Wire,
    offers: Capabilities,
    timeouts: Timeouts,
    usable: bool,
    sends: u64,
    /// Kept between messages, so that a message costs no allocation of its size.
    out: Vec<u8>,
}

impl Connection {
    /// Connects, greets, secures and signs in. Reads the trusted certificates from disk; [`super::Dialer`]
    /// does so once.
    ///
    /// # Errors
    /// A [`Trouble::Host`] or [`Trouble::OurSetup`]: no message was at stake.
    pub async fn open(relay: &Relay) -> Result<Self, Outcome> {
        let tls = tls::connector(relay).map_err(|error| Outcome::Refused {
            stage: Stage::Connect,
            trouble: Trouble::OurSetup,
            reply: None,
            detail: error.detail(),
        })?;
        Self::open_with(relay, tls.as_ref()).await
    }

    pub(super) async fn open_with(relay: &Relay, tls: Option<&TlsConnector>) -> Result<Self, Outcome> {
        let (wire, offers) = hello::open(relay, tls).await?;
        Ok(Self { wire, offers, timeouts: relay.timeouts, usable: true, sends: 0, out: Vec::new() })
    }

    /// What the relay offered after any TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.offers
    }

    /// When the relay's certificate ends; none without TLS.
    pub fn certificate_ends_ms(&self) -> Option<UtcMs> {
        self.wire.certificate_ends_ms()
    }

    /// Whether another message may be tried on it.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Whether `outcome` only shows that the relay had closed the connection since the last message: nothing was at
    /// stake, so trying again on a new one is safe.
    pub fn had_died_unseen(&self, outcome: &Outcome) -> bool {
        self.sends > 1
            && !self.usable
            && matches!(outcome, Outcome::Refused { stage: Stage::Mail, trouble: Trouble::Host, .. })
    }

    /// Says QUIT and closes, without waiting long (RFC 5321 section 4.1.1.10).
    pub async fn close(mut self) {
        let wait = self.timeouts.quit;
        if self.usable
            && self.wire.write(b"QUIT\r\n", wait).await.is_ok()
            && self.wire.flush(wait).await.is_ok()
        {
            let _ = self.wire.read_reply(wait).await;
        }
        self.wire.shut(wait).await;
    }

    /// Hands `mail` over. Whatever happens before the final dot is a refusal, for the relay cannot have taken the
    /// message; a connection that breaks after it is [`Outcome::Uncertain`].
    pub async fn send(&mut self, mail: &Mail) -> Outcome {
        self.send_noting(mail, &AtomicBool::new(false)).await
    }

    /// The same; `begun` turns true before the first byte of the message leaves. As long as it is false, a sending that
    /// is broken off on our side has surely not handed over anything.
    pub async fn send_noting(&mut self, mail: &Mail, begun: &AtomicBool) -> Outcome {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let outcome = match self.prepare(mail, &mut out) {
            Ok(envelope) => {
                self.sends += 1;
                self.transact(&envelope, &out, begun).await
            }
            Err(outcome) => outcome,
        };
        out.shrink_to(OUT_BYTES_KEPT);
        self.out = out;
        outcome
    }

    /// Checks everything that can be known before a byte is sent.
    fn prepare(&self, mail: &Mail, out: &mut Vec<u8>) -> Result<Envelope, Outcome> {
        let refuse =
            |stage, trouble, detail: String| Err(Outcome::Refused { stage, trouble, reply: None, detail });
        // The empty return path of notices is an address too (RFC 5321 section 4.5.5).
        if !mail.envelope_from.is_empty()
            && let Err(why) = body::check_path(&mail.envelope_from)
        {
            return refuse(Stage::Mail, Trouble::OurSetup, format!("the return path cannot be used: {why}"));
        }
        if let Err(why) = body::check_path(&mail.envelope_to) {
            return refuse(Stage::Recipient, Trouble::BadAddress, why);
        }
        let utf8 = !mail.envelope_from.is_ascii() || !mail.envelope_to.is_ascii();
        if utf8 && !self.offers.smtputf8 {
            // The relay's limit, not the reader's fault: nothing may be stopped for it.
            let why = "the address is not ASCII and the relay does not offer SMTPUTF8 (RFC 6531)".to_owned();
            return if mail.envelope_to.is_ascii() {
                refuse(Stage::Mail, Trouble::OurSetup, why)
            } else {
                refuse(Stage::Recipient, Trouble::Content, why)
            };
        }
        let eight_bit = !mail.bytes.is_ascii();
        if eight_bit && !self.offers.eight_bit {
            let why = "the message holds 8-bit bytes and the relay does not offer 8BITMIME (RFC 6152)";
            return refuse(Stage::Mail, Trouble::Content, why.to_owned());
        }
        let size = mail.bytes.len() as u64;
        if let Some(max) = self.offers.size_bytes_max.filter(|max| *max > 0 && size > *max) {
            let why =
                format!("the message has {size} bytes and the relay takes {max} at most (SIZE, RFC 1870)");
            return refuse(Stage::Mail, Trouble::Content, why);
        }
        if let Err(why) = body::append_stuffed(&mail.bytes, out) {
            return refuse(Stage::FinalDot, Trouble::Content, why);
        }
        let mut mail_from = format!("MAIL FROM:<{}>", mail.envelope_from);
        if self.offers.size_bytes_max.is_some() {
            mail_from.push_str(&format!(" SIZE={size}"));
        }
        if eight_bit {
            mail_from.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            mail_from.push_str(" SMTPUTF8");
        }
        mail_from.push_str("\r\n");
        Ok(Envelope { mail_from, rcpt_to: format!("RCPT TO:<{}>\r\n", mail.envelope_to) })
    }

    async fn transact(&mut self, envelope: &Envelope, message: &[u8], begun: &AtomicBool) -> Outcome {
        let answers = if self.offers.pipelining {
            self.begin_pipelined(envelope).await
        } else {
            self.begin_stepwise(envelope).await
        };
        match answers {
            Ok(()) => {
                begun.store(true, Ordering::Relaxed);
                self.deliver(message).await
            }
            Err(outcome) => outcome,
        }
    }

    /// MAIL, RCPT and DATA in one write, then all three replies (RFC 2920).
    async fn begin_pipelined(&mut self, envelope: &Envelope) -> Result<(), Outcome> {
        let commands = format!("{}{}DATA\r\n", envelope.mail_from, envelope.rcpt_to);
        self.write(Stage::Mail, &commands, self.timeouts.mail).await?;
        let mail = self.reply(Stage::Mail, self.timeouts.mail).await?;
        let rcpt = self
            .reply(Stage::Recipient, self.timeouts.recipient)
            .await
            .map_err(|lost| instead(&mail, lost))?;
        let data = match self.reply(Stage::Data, self.timeouts.data).await {
            Ok(data) => data,
            Err(lost) if positive(&mail) => return Err(instead_at(Stage::Recipient, &rcpt, lost)),
            Err(lost) => return Err(instead(&mail, lost)),
        };
        let refusal = if !positive(&mail) {
            refused(Stage::Mail, mail.clone())
        } else if !positive(&rcpt) {
            refused(Stage::Recipient, rcpt.clone())
        } else if data.code != 354 {
            refused(Stage::Data, data.clone())
        } else {
            return Ok(());
        };
        if data.code != 354 {
            self.reset().await;
        } else if positive(&rcpt) {
            // A recipient without a sender: a dot could send somebody an empty mail.
            self.usable = false;
        } else {
            self.lone_dot().await;
        }
        Err(refusal)
    }

    /// One by one, for a relay that wants each answer read first.
    async fn begin_stepwise(&mut self, envelope: &Envelope) -> Result<(), Outcome> {
        let steps = [
            (Stage::Mail, envelope.mail_from.as_str(), self.timeouts.mail),
            (Stage::Recipient, envelope.rcpt_to.as_str(), self.timeouts.recipient),
            (Stage::Data, "DATA\r\n", self.timeouts.data),
        ];
        for (stage, command, wait) in steps {
            self.write(stage, command, wait).await?;
            let reply = self.reply(stage, wait).await?;
            let fine = if stage == Stage::Data { reply.code == 354 } else { positive(&reply) };
            if !fine {
                self.reset().await;
                return Err(refused(stage, reply));
            }
        }
        Ok(())
    }

    /// The message and its final dot, and the answer that counts.
    async fn deliver(&mut self, message: &[u8]) -> Outcome {
        if let Err(fault) = self.wire.write(message, self.timeouts.block).await {
            // The dot did not leave, so the relay cannot have accepted. It may have told us why.
            self.usable = false;
            return match self.wire.read_reply(LAST_WORD.min(self.timeouts.block)).await {
                Ok(reply) if reply.code >= 400 => refused(Stage::FinalDot, reply),
                _ => Outcome::host(Stage::FinalDot, format!("before the end of the message: {fault}")),
            };
        }
        let answer = match self.wire.flush(self.timeouts.block).await {
            Ok(()) => self.wire.read_reply(self.timeouts.final_dot).await,
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(reply) if positive(&reply) => Outcome::Accepted { reply },
            Ok(reply) if reply.code >= 400 => {
                self.usable &= reply.code != 421;
                self.reset().await;
                refused(Stage::FinalDot, reply)
            }
            Ok(reply) => self.uncertain(&format!("the answer to the message makes no sense: {reply}")),
            Err(fault) => self.uncertain(&fault.to_string()),
        }
    }

    fn uncertain(&mut self, why: &str) -> Outcome {
        self.usable = false;
        Outcome::Uncertain { detail: format!("after the whole message was sent: {why}") }
    }

    /// Clears the transaction; without it the next MAIL is answered 503 by some relays.
    async fn reset(&mut self) {
        if !self.usable {
            return;
        }
        self.usable = match self.write(Stage::Mail, "RSET\r\n", self.timeouts.hello).await {
            Ok(()) => {
                matches!(self.reply(Stage::Mail, self.timeouts.hello).await, Ok(reply) if positive(&reply))
            }
            Err(_) => false,
        };
    }

    /// Ends a DATA that was let in although no recipient was (RFC 2920 section 3.1): a dot alone, whatever comes
    /// of it, then RSET.
    async fn lone_dot(&mut self) {
        if self.write(Stage::FinalDot, ".\r\n", self.timeouts.block).await.is_ok()
            && self.reply(Stage::FinalDot, self.timeouts.data).await.is_ok()
        {
            self.reset().await;
        }
    }

    async fn write(&mut self, stage: Stage, text: &str, wait: Duration) -> Result<(), Outcome> {
        let written = match self.wire.write(text.as_bytes(), wait).await {
            Ok(()) => self.wire.flush(wait).await,
            Err(fault) => Err(fault),
        };
        written.map_err(|fault| self.lost(stage, &fault))
    }

    /// The next reply. A 421 at any time means that the relay is leaving (RFC 5321 section 3.8).
    async fn reply(&mut self, stage: Stage, wait: Duration) -> Result<Reply, Outcome> {
        match self.wire.read_reply(wait).await {
            Ok(reply) if reply.code == 421 => {
                self.usable = false;
                Err(refused(stage, reply))
            }
            Ok(reply) => Ok(reply),
            Err(fault) => Err(self.lost(stage, &fault)),
        }
    }

    fn lost(&mut self, stage: Stage, fault: &Fault) -> Outcome {
        self.usable = false;
        Outcome::host(stage, format!("at {stage}: {fault}"))
    }
}

struct Envelope {
    mail_from: String,
    rcpt_to: String,
}

fn positive(reply: &Reply) -> bool {
    (200..300).contains(&reply.code)
}

/// The outcome of a reply that is not the one hoped for; one that makes no sense at this stage is a protocol matter.
fn refused(stage: Stage, reply: Reply) -> Outcome {
    if reply.code >= 400 {
        return Outcome::refused(stage, reply);
    }
    Outcome::Refused {
        stage,
        trouble: Trouble::Protocol,
        detail: format!("unexpected: {reply}"),
        reply: Some(reply),
    }
}

/// The relay refused MAIL and then the connection broke: the refusal is what happened to the message.
fn instead(mail: &Reply, lost: Outcome) -> Outcome {
    instead_at(Stage::Mail, mail, lost)
}

fn instead_at(stage: Stage, reply: &Reply, lost: Outcome) -> Outcome {
    if positive(reply) { lost } else { refused(stage, reply.clone()) }
}
