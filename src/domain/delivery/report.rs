//! What comes back by mail, and what follows from it: bounces (RFC 3464), complaints (RFC 5965), auto-replies (RFC 3834).

use super::{Outcome, Reply, Stage, Trouble};
use crate::domain::{
    kernel::{
        clock::DAY_MS,
        text::{base_key, domain_key},
    },
    program::audience::SuppressionReason,
};

/// How long a domain that takes no mail is left alone before one of its addresses is tried again.
pub const DOMAIN_REST_MS: i64 = 7 * DAY_MS;
/// Readers whose mail must come back before a domain rests: each can forge a report on themself, none on others.
pub const DOMAIN_WITNESSES: usize = 2;
/// How long an address is left alone whose mailbox stayed full.
pub const FULL_REST_MS: i64 = 90 * DAY_MS;
/// On so many issues in a row a mailbox must be full before its reader counts as gone.
pub const FULL_ISSUES: usize = 3;

/// Why most messages are no report.
pub const NO_REPORT: &str = "it is no report of a standard form";
/// The class of a message in which a reader wrote back; its kind is `other`.
pub const REPLY: &str = "reply";

/// What a message that came back says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A mail system tells what became of a message.
    Bounce(Bounce),
    /// A reader, or their provider, judged a message (ARF).
    Complaint {
        /// `abuse`, `fraud`, `not-spam` and so on (RFC 5965 section 7.3), lower case.
        feedback_type: String,
    },
    /// A machine answered: out of office, a receipt, a list manager.
    AutoReply {
        /// What gave it away.
        why: &'static str,
    },
    /// Somebody wrote to the address that unsubscribes.
    Unsubscribe,
    /// The reader wrote back, to an address that only their mail program knows.
    Reply,
    /// Nothing we know; a person may read it.
    Other {
        /// Why it is not known.
        why: &'static str,
    },
}

/// The first failed recipient of a delivery status notification, or else its first recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounce {
    /// What was done with the message.
    pub action: Action,
    /// `5.1.1` (RFC 3463), where given.
    pub status: Option<String>,
    /// What the receiving server said, in its words.
    pub diagnostic: String,
    /// The address it is about.
    pub final_recipient: Option<String>,
    /// Who reports.
    pub reporting_mta: Option<String>,
}

/// What was done with a message (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// It will not be delivered.
    #[default]
    Failed,
    /// Not yet; it will be tried again.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// Passed on to a system that sends no reports.
    Relayed,
    /// Passed on to several addresses.
    Expanded,
}

/// What a complaint stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComplaintScope {
    /// The newsletter complained about.
    Newsletter,
    /// Everything.
    #[default]
    All,
}

/// What follows from a report that is rightly signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing but the record.
    Nothing(&'static str),
    /// The address gets nothing more.
    StopAddress(SuppressionReason),
    /// The address rests for [`DOMAIN_REST_MS`], and the whole domain too once [`DOMAIN_WITNESSES`] of its addresses
    /// say so; the next time the address is stopped.
    RestDomain,
    /// Counts towards [`FULL_ISSUES`].
    CountFull,
    /// As an unsubscribe, for [`ComplaintScope`].
    Complaint,
    /// The newsletter is stopped.
    Unsubscribe,
    /// Somebody should read it and answer.
    Reply,
}

impl Report {
    /// The word in the database and on pages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bounce(_) => "bounce",
            Self::Complaint { .. } => "complaint",
            Self::AutoReply { .. } => "auto-reply",
            Self::Unsubscribe => "unsubscribe",
            Self::Reply | Self::Other { .. } => "other",
        }
    }

    /// The class within its kind: a bounce's trouble (or what else was done), a complaint's type, why it is none.
    pub fn class(&self) -> &str {
        match self {
            Self::Bounce(bounce) if bounce.action == Action::Failed => bounce.fault().as_str(),
            Self::Bounce(bounce) => bounce.action.as_str(),
            Self::Complaint { feedback_type } => feedback_type,
            Self::AutoReply { why } | Self::Other { why } => why,
            Self::Unsubscribe => "by mail",
            Self::Reply => REPLY,
        }
    }

    /// What was done: a bounce's [`Action`], a complaint's type, else nothing.
    pub fn action(&self) -> &str {
        match self {
            Self::Bounce(bounce) => bounce.action.as_str(),
            Self::Complaint { feedback_type } => feedback_type,
            Self::AutoReply { .. } | Self::Unsubscribe | Self::Reply | Self::Other { .. } => "",
        }
    }

    /// What follows, for mail to the address `recipient`.
    pub fn consequence(&self, recipient: &str) -> Consequence {
        match self {
            Self::Bounce(bounce) => bounce.consequence(recipient),
            Self::Complaint { feedback_type } => match feedback_type.as_str() {
                "abuse" | "fraud" | "opt-out" | "opt-out-list" => Consequence::Complaint,
                "not-spam" => Consequence::Nothing("the reader says that it was wanted"),
                _ => Consequence::Nothing("this type of feedback is no complaint of a reader"),
            },
            Self::AutoReply { .. } => {
                Consequence::Nothing("a machine answered, which says nothing of the address")
            }
            Self::Unsubscribe => Consequence::Unsubscribe,
            Self::Reply => Consequence::Reply,
            Self::Other { .. } => Consequence::Nothing("it is no report that we can read"),
        }
    }
}

impl Action {
    /// Reads the field, in any case; unknown words are none of RFC 3464's.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Failed, Self::Delayed, Self::Delivered, Self::Relayed, Self::Expanded]
            .into_iter()
            .find(|action| action.as_str().eq_ignore_ascii_case(word.trim()))
    }

    /// The word of RFC 3464.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }
}

/// Why a message came back: the classes of SMTP replies, and two finer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The domain takes no mail.
    BadDomain,
    /// The mailbox is full.
    MailboxFull,
    /// As a reply at the door would have been.
    Trouble(Trouble),
}

impl Fault {
    /// The word in the database and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadDomain => "bad-domain",
            Self::MailboxFull => "mailbox-full",
            Self::Trouble(trouble) => trouble.as_str(),
        }
    }
}

/// Words that servers without enhanced status codes use for an address that does not exist.
const UNKNOWN_USER: [&str; 8] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no mailbox here by that name",
    "recipientnotfound",
    "recipient not found",
    "mailbox not found",
    "invalid recipient",
];
/// Words for a full mailbox.
const FULL: [&str; 5] = ["mailbox full", "mailbox is full", "over quota", "quota exceeded", "quotaexceeded"];

impl Bounce {
    /// Why it came back: the one place where bounces and refusals at the door meet the same classes.
    pub fn fault(&self) -> Fault {
        let reply = self.reply();
        let detail =
            reply.enhanced.as_deref().and_then(|status| status.split_once('.')).map_or("", |(_, d)| d);
        let text = self.diagnostic.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let unknown_user = says(&UNKNOWN_USER);
        if detail == "2.2" || (says(&FULL) && !detail.starts_with("7.")) {
            return Fault::MailboxFull;
        }
        // x.1.10 is "null MX" to RFC 7505 and "recipient not found" to Exchange; the second must never stop a domain.
        if detail == "1.2" || (detail == "1.10" && !unknown_user) {
            return Fault::BadDomain;
        }
        if unknown_user && reply.code >= 500 && !detail.starts_with("7.") {
            return Fault::Trouble(Trouble::BadAddress);
        }
        let at_the_door = text.contains("in reply to rcpt to");
        let stage = if at_the_door { Stage::Recipient } else { Stage::FinalDot };
        match Outcome::refused(stage, reply) {
            Outcome::Refused { trouble, .. } => Fault::Trouble(trouble),
            Outcome::Accepted { .. } | Outcome::Uncertain { .. } => Fault::Trouble(Trouble::Protocol),
        }
    }

    /// The reply that the reporting system got, made up from the status where it says none.
    fn reply(&self) -> Reply {
        let (code, inner) = smtp_reply(&self.diagnostic);
        let given = self.status.clone().filter(|status| !status.ends_with(".0.0"));
        let enhanced = given.or(inner).or_else(|| self.status.clone());
        let code =
            code.unwrap_or_else(|| match enhanced.as_deref().and_then(|status| status.chars().next()) {
                Some('4') => 450,
                _ => 550,
            });
        Reply { code, enhanced, text: self.diagnostic.clone() }
    }

    fn consequence(&self, recipient: &str) -> Consequence {
        match self.action {
            Action::Failed => {}
            Action::Delayed => return Consequence::Nothing("it is late, not lost"),
            Action::Delivered => return Consequence::Nothing("the mailbox has it"),
            Action::Relayed | Action::Expanded => return Consequence::Nothing("it was passed on"),
        }
        match self.fault() {
            // Forwarded mail may fail at a domain that is not the reader's.
            Fault::BadDomain
                if self
                    .final_recipient
                    .as_deref()
                    .is_some_and(|end| domain_key(end) != domain_key(recipient)) =>
            {
                Consequence::Nothing("it failed at another domain, where the address forwards to")
            }
            Fault::BadDomain => Consequence::RestDomain,
            Fault::MailboxFull => Consequence::CountFull,
            Fault::Trouble(Trouble::BadAddress) => Consequence::StopAddress(SuppressionReason::BadAddress),
            Fault::Trouble(Trouble::Policy) => {
                Consequence::Nothing("blocked by policy, which is not the reader's fault")
            }
            Fault::Trouble(Trouble::OurSetup) => Consequence::Nothing("our own set-up was refused"),
            Fault::Trouble(Trouble::Content) => {
                Consequence::Nothing("this message was refused, not the address")
            }
            Fault::Trouble(Trouble::Protocol) => {
                Consequence::Nothing("the servers did not understand each other")
            }
            Fault::Trouble(Trouble::Host | Trouble::Soft | Trouble::Greylist | Trouble::Throttle) => {
                Consequence::Nothing("their server could not take it in time")
            }
        }
    }

    /// Whether it is about another address than `recipient`, as with forwarding.
    pub fn is_forwarded(&self, recipient: &str) -> bool {
        self.final_recipient.as_deref().is_some_and(|end| base_key(end) != base_key(recipient))
    }
}

/// Code and enhanced status in a server's words, such as `550-5.1.1 The email account`.
fn smtp_reply(text: &str) -> (Option<u16>, Option<String>) {
    let mut words =
        text.split(|c: char| c.is_whitespace() || c == '-' || c == ':').filter(|word| !word.is_empty());
    let code_of = |word: &str| (word.len() == 3).then(|| word.parse().ok()).flatten();
    let code =
        words.by_ref().take(40).find_map(|word| code_of(word).filter(|code| (400..600).contains(code)));
    let enhanced = text
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .take(200)
        .find(|word| is_status(word))
        .map(str::to_owned);
    (code, enhanced)
}

/// Whether it is an enhanced status code of a failure (RFC 3463 section 2).
pub fn is_status(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], ["2" | "4" | "5", subject, detail] if digits(subject) && digits(detail))
}

/// Whether a machine wrote this, by the value of a header field (lower-case name); what gave it away.
pub fn auto_reply(field: &dyn Fn(&str) -> Option<String>, subject: &str) -> Option<&'static str> {
    let value = |name: &str| field(name).map(|value| value.trim().to_lowercase());
    // RFC 3834 section 5; `no` is a person.
    if value("auto-submitted").is_some_and(|value| !value.is_empty() && !value.starts_with("no")) {
        return Some("Auto-Submitted");
    }
    if value("x-auto-response-suppress").is_some() && value("auto-submitted").is_none() {
        return Some("X-Auto-Response-Suppress");
    }
    if value("precedence")
        .is_some_and(|value| ["auto_reply", "auto-reply", "bulk", "junk", "list"].contains(&value.as_str()))
    {
        return Some("Precedence");
    }
    for name in ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from", "x-mail-autoreply"] {
        if value(name).is_some() {
            return Some("X-Autoreply");
        }
    }
    let subject = subject.trim().to_lowercase();
    let begins = [
        "out of office",
        "out of the office",
        "automatic reply",
        "auto reply",
        "auto:",
        "autoreply",
        "auto-reply",
        "automatische antwort",
        "abwesenheit",
        "réponse automatique",
        "respuesta automática",
    ];
    begins.iter().any(|word| subject.starts_with(word)).then_some("the subject")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
