//! What became of one try to hand a message over.

use std::fmt;

/// How far an SMTP conversation had come (RFC 5321 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The host could not be reached or turned us away before a message was at stake; uses up no attempt.
    Host,
    /// "Come back soon": a greylist or another 4xx.
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
    /// The word used in the ledger and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
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
    /// Classifies a reply by stage, code and enhanced status (table in ARCHITECTURE.md, "Error classes").
    pub fn refused(stage: Stage, reply: Reply) -> Self {
        let trouble = classify(stage, &reply);
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

fn classify(stage: Stage, reply: &Reply) -> Trouble {
    let status = reply.enhanced.as_deref().unwrap_or("");
    let detail = status.split_once('.').map_or("", |(_, rest)| rest);
    let text = reply.text.to_lowercase();
    if stage <= Stage::Greeting && reply.code >= 400 {
        return Trouble::Host;
    }
    match reply.code {
        421 | 450 | 451 | 452
            if matches!(detail, "2.1" | "4.5" | "5.3" | "7.0" | "7.28" | "3.1") || text.contains("rate") =>
        {
            Trouble::Throttle
        }
        421 => Trouble::Host,
        400..=499 => Trouble::Soft,
        530 | 534 | 535 => Trouble::OurSetup,
        500..=504 => Trouble::Protocol,
        _ if matches!(
            detail,
            "7.8" | "7.25" | "7.26" | "7.27" | "7.29" | "7.30" | "7.32" | "7.515" | "1.7" | "1.8" | "7.60"
        ) =>
        {
            Trouble::OurSetup
        }
        _ if matches!(detail, "1.1" | "1.2" | "1.3" | "1.6" | "1.10" | "2.1") => Trouble::BadAddress,
        _ if detail == "2.2" => Trouble::Soft,
        552 => Trouble::Content,
        _ if detail.starts_with("6.") || matches!(detail, "3.4" | "2.3") => Trouble::Content,
        _ if detail.starts_with("5.") => Trouble::Protocol,
        550 | 551 | 553 if stage == Stage::Recipient && (status.is_empty() || detail == "0.0") => {
            Trouble::BadAddress
        }
        _ => Trouble::Policy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_fall_into_their_classes() {
        let class = |stage, code, enhanced: &str, text: &str| {
            let enhanced = (!enhanced.is_empty()).then(|| enhanced.to_owned());
            classify(stage, &Reply { code, enhanced, text: text.to_owned() })
        };
        assert_eq!(class(Stage::Recipient, 550, "5.1.1", "no such user"), Trouble::BadAddress);
        assert_eq!(class(Stage::Recipient, 550, "", "unknown"), Trouble::BadAddress);
        assert_eq!(class(Stage::Recipient, 450, "4.7.1", "greylisted"), Trouble::Soft);
        assert_eq!(class(Stage::Recipient, 451, "4.7.28", ""), Trouble::Throttle);
        assert_eq!(class(Stage::Hello, 535, "5.7.8", "bad password"), Trouble::OurSetup);
        assert_eq!(class(Stage::FinalDot, 550, "5.7.26", "unauthenticated"), Trouble::OurSetup);
        assert_eq!(class(Stage::FinalDot, 554, "5.7.1", "blocked"), Trouble::Policy);
        assert_eq!(class(Stage::FinalDot, 552, "5.3.4", "too big"), Trouble::Content);
        assert_eq!(class(Stage::Greeting, 554, "", "go away"), Trouble::Host);
        assert_eq!(class(Stage::Mail, 503, "5.5.1", "bad sequence"), Trouble::Protocol);
    }
}
