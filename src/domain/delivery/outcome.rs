//! What became of one try to hand a message over.

use std::{fmt, sync::LazyLock};

use super::Classes;

/// How far an SMTP conversation had come (RFC 5321 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Resolving and connecting.
    Connect,
    /// Waiting for the 220 greeting.
    Greeting,
    /// EHLO, STARTTLS, TLS handshake and AUTH.
    Hello,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    #[serde(rename = "rcpt")]
    Recipient,
    /// DATA, before the 354.
    Data,
    /// Sending the message, or waiting for the reply after the final dot.
    FinalDot,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Hello => "hello",
            Self::Mail => "mail",
            Self::Recipient => "rcpt",
            Self::Data => "data",
            Self::FinalDot => "final-dot",
        })
    }
}

/// A reply of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// SMTP reply code (RFC 5321 section 4.2) or HTTP status.
    pub code: u16,
    /// Enhanced status such as `5.1.1` (RFC 3463), where given.
    pub enhanced: Option<String>,
    /// The text, lines joined by a space, at most 1,000 characters.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Why a try did not succeed; decides what happens next (`backoff`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The host could not be reached or turned us away before a message was at stake; uses up no attempt.
    Host,
    /// "I do not know you yet, come back": most let the second try in.
    Greylist,
    /// Refused for now: a full mailbox or another 4xx.
    Soft,
    /// "Too fast".
    Throttle,
    /// The recipient's address does not exist.
    BadAddress,
    /// Our own set-up is refused: credentials, sender, DKIM, DMARC. Never the recipient's fault.
    OurSetup,
    /// Refused by policy or block list.
    Policy,
    /// Refused for size or form of this message.
    Content,
    /// A reply that makes no sense here: probably our bug.
    Protocol,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Host,
        Self::Greylist,
        Self::Soft,
        Self::Throttle,
        Self::BadAddress,
        Self::OurSetup,
        Self::Policy,
        Self::Content,
        Self::Protocol,
    ];

    /// Whether it lies with us or the way there: of the message itself the other side has heard nothing.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Host | Self::OurSetup)
    }

    /// Whether it is about what is sent, or who sends it: others would be refused as well.
    pub fn is_for_all(self) -> bool {
        matches!(self, Self::OurSetup | Self::Policy | Self::Content | Self::Protocol)
    }

    /// The word used in the ledger and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Greylist => "greylist",
            Self::Soft => "soft",
            Self::Throttle => "throttle",
            Self::BadAddress => "bad-address",
            Self::OurSetup => "our-setup",
            Self::Policy => "policy",
            Self::Content => "content",
            Self::Protocol => "protocol",
        }
    }
}

/// The result of one try. There is no bare error: every try ends in one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop took responsibility. We say accepted, never delivered.
    Accepted {
        /// Its reply.
        reply: Reply,
    },
    /// Not accepted, and surely so.
    Refused {
        /// How far it came.
        stage: Stage,
        /// The class of trouble.
        trouble: Trouble,
        /// The reply, where there was one.
        reply: Option<Reply>,
        /// What happened, for people.
        detail: String,
    },
    /// The connection broke after the final dot: it may have been accepted (RFC 1047).
    Uncertain {
        /// What happened, for people.
        detail: String,
    },
}

impl Outcome {
    /// Whether the other side was reached and a new connection refused: nothing was said about the message.
    pub fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                stage: Stage::Greeting | Stage::Hello,
                trouble: Trouble::Host | Trouble::Throttle,
                ..
            }
        )
    }

    /// A refusal with the class that our own rules give it, whoever it was for; [`Classes::judge`] knows more.
    pub fn refused(stage: Stage, reply: Reply) -> Self {
        static BUILT_IN: LazyLock<Classes> = LazyLock::new(Classes::default);
        let trouble = BUILT_IN.classify(stage, &reply, "", 1);
        Self::Refused { stage, trouble, detail: reply.to_string(), reply: Some(reply) }
    }

    /// The host could not be talked to before a message was at stake.
    pub fn host(stage: Stage, detail: impl Into<String>) -> Self {
        Self::Refused { stage, trouble: Trouble::Host, reply: None, detail: detail.into() }
    }

    /// The word used in the ledger and on pages.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { trouble, .. } => trouble.as_str(),
            Self::Uncertain { .. } => "uncertain",
        }
    }
}
