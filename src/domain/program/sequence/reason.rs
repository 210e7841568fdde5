//! Why people leave a sequence before its end.

/// Why somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaveReason {
    /// They unsubscribed from it, or from everything.
    Unsubscribed,
    /// Their address must not be written to.
    Suppressed,
    /// They are no active contact of a partner any more.
    Inactive,
    /// Somebody at the partner works the lead: the vendor's nurture stops.
    InHand,
    /// The lead is closed.
    Closed,
    /// The lead has not agreed to such mail, or took it back.
    NoConsent,
    /// A rule of the sequence.
    Rule,
    /// The sequence is gone from the content.
    Gone,
    /// A person of the vendor took them out.
    TakenOut,
}

impl LeaveReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unsubscribed,
        Self::Suppressed,
        Self::Inactive,
        Self::InHand,
        Self::Closed,
        Self::NoConsent,
        Self::Rule,
        Self::Gone,
        Self::TakenOut,
    ];

    /// The word in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
            Self::Inactive => "inactive",
            Self::InHand => "in-hand",
            Self::Closed => "closed",
            Self::NoConsent => "no-consent",
            Self::Rule => "rule",
            Self::Gone => "gone",
            Self::TakenOut => "taken-out",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// How it reads in lists.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "must not be written to",
            Self::Inactive => "left the partner",
            Self::InHand => "a partner works the lead",
            Self::Closed => "the lead is closed",
            Self::NoConsent => "no consent any more",
            Self::Rule => "an exit rule of the sequence",
            Self::Gone => "the sequence was removed",
            Self::TakenOut => "taken out by a person",
        }
    }
}
