//! Where a link stands that no mail of ours carries.

use std::fmt;

/// What a link stands in that a partner spreads: their feed, their own mailer, their site, their networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Placement {
    /// A feed of theirs.
    Feed,
    /// A mail from their own mailing system.
    OwnMailer,
    /// What stands in a page of their site: a form, an article, a list.
    Embed,
    /// A post on LinkedIn.
    Linkedin,
    /// A post on X.
    X,
    /// A post on Facebook.
    Facebook,
    /// A post on Mastodon.
    Mastodon,
    /// A post on Bluesky.
    Bluesky,
}

impl Placement {
    /// All, each at the place of its code.
    pub const ALL: [Self; 8] = [
        Self::Feed,
        Self::OwnMailer,
        Self::Embed,
        Self::Linkedin,
        Self::X,
        Self::Facebook,
        Self::Mastodon,
        Self::Bluesky,
    ];

    /// Networks on which people share.
    pub const NETWORKS: [Self; 5] = [Self::Linkedin, Self::X, Self::Facebook, Self::Mastodon, Self::Bluesky];

    /// The word in the database, in addresses and in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::OwnMailer => "own_mailer",
            Self::Embed => "embed",
            Self::Linkedin => "linkedin",
            Self::X => "x",
            Self::Facebook => "facebook",
            Self::Mastodon => "mastodon",
            Self::Bluesky => "bluesky",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// The byte that stands for it in signed links; the same for ever.
    pub fn code(self) -> u8 {
        match self {
            Self::Feed => 0,
            Self::OwnMailer => 1,
            Self::Embed => 2,
            Self::Linkedin => 3,
            Self::X => 4,
            Self::Facebook => 5,
            Self::Mastodon => 6,
            Self::Bluesky => 7,
        }
    }

    /// Reads the byte.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.code() == code)
    }

    /// Whether people share there.
    pub fn is_network(self) -> bool {
        Self::NETWORKS.contains(&self)
    }

    /// `utm_medium`, as analytics programs group it.
    pub fn medium(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::OwnMailer => "email",
            Self::Embed => "referral",
            _ => "social",
        }
    }

    /// What people call it: `LinkedIn`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::OwnMailer => "own mailer",
            Self::Embed => "own site",
            Self::Linkedin => "LinkedIn",
            Self::X => "X",
            Self::Facebook => "Facebook",
            Self::Mastodon => "Mastodon",
            Self::Bluesky => "Bluesky",
        }
    }

    /// How somebody came through it, for a lead's card: `by the partner’s feed`.
    pub fn came_by(self) -> String {
        match self {
            Self::Feed => "by a link in the partner’s feed".to_owned(),
            Self::OwnMailer => "by a link in a mail of the partner’s own system".to_owned(),
            Self::Embed => "by what stands in the partner’s own site".to_owned(),
            network => format!("by a post of the partner on {}", network.label()),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_read_back() {
        for (place, it) in (0..).zip(Placement::ALL) {
            assert_eq!((Placement::parse(it.as_str()), Placement::of_code(it.code())), (Some(it), Some(it)));
            assert_eq!(it.code(), place);
            assert_eq!(it.is_network(), it.medium() == "social");
        }
        assert_eq!((Placement::of_code(8), Placement::parse("mail")), (None, None));
    }
}
