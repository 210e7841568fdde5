//! How accounts and posts stand, as words.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    )*};
}

words! {
    /// What is done with what is new.
    Mode {
        /// Posted by itself.
        Auto "auto",
        /// Posted once somebody has approved it.
        Approve "approve",
        /// Mailed, for a person to post.
        ShareKit "share_kit",
    }

    /// How an account stands.
    AccountState {
        /// It is posted in.
        Active "active",
        /// Its server does not let us in any more.
        NeedsReconnect "needs_reconnect",
        /// Taken away.
        Disconnected "disconnected",
    }

    /// How a post stands.
    PostState {
        /// Somebody has to approve it.
        WaitingApproval "waiting_approval",
        /// It is posted as soon as may be.
        Due "due",
        /// It is on its way.
        Sending "sending",
        /// The network has it, under an id that is kept.
        Posted "posted",
        /// The network has it not; the kit was mailed.
        Failed "failed",
        /// A person posts it.
        Kit "kit",
        /// It is not to be posted any more.
        Withdrawn "withdrawn",
    }
}

impl Mode {
    /// How a post begins in this mode.
    pub fn begins_as(self) -> PostState {
        match self {
            Self::Auto => PostState::Due,
            Self::Approve => PostState::WaitingApproval,
            Self::ShareKit => PostState::Kit,
        }
    }
}

impl PostState {
    /// Whether nothing more happens to it by itself.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Posted | Self::Failed | Self::Kit | Self::Withdrawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for mode in Mode::ALL {
            assert_eq!(Mode::parse(mode.as_str()), Some(*mode));
            assert_eq!(mode.begins_as().has_ended(), *mode == Mode::ShareKit);
        }
        for state in PostState::ALL {
            assert_eq!(PostState::parse(state.as_str()), Some(*state));
        }
        for state in AccountState::ALL {
            assert_eq!(AccountState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(Mode::parse("AUTO"), None);
    }
}
