//! Posts for social networks, and how long each network lets them be.

use unicode_segmentation::UnicodeSegmentation as _;

use super::weight::x_length;

use super::super::{
    asset::words,
    body::Body,
    field::Scope,
    finding::{At, Findings, Place, codes},
    keys::{Found, Keys, Reference},
    merge::{Part, Template},
    text::{Plain, plain_text},
};

words! {
    /// A social network.
    Network {
        /// LinkedIn.
        Linkedin "linkedin",
        /// X.
        X "x",
        /// Bluesky.
        Bluesky "bluesky",
        /// Mastodon.
        Mastodon "mastodon",
    }
}

impl Network {
    /// Longest post, as [`Network::length`] counts.
    pub fn length_max(self) -> usize {
        match self {
            Self::Linkedin => 3_000,
            Self::X => 280,
            Self::Bluesky => 300,
            Self::Mastodon => 500,
        }
    }

    /// The same in bytes of UTF-8, where a network limits those too.
    pub fn bytes_max(self) -> Option<usize> {
        (self == Self::Bluesky).then_some(3_000)
    }

    /// What the link behind the text takes, with the line ends before it. Two networks show it as a card instead.
    pub fn link_length(self) -> usize {
        match self {
            Self::Linkedin | Self::Bluesky => 0,
            Self::X => 24,
            Self::Mastodon => 25,
        }
    }

    /// How long the network says that `text` is, which holds no link.
    ///
    /// X weighs letters, emoji and addresses (twitter-text configuration v3, [`x_length`]);
    /// Bluesky counts what people see as one character (grapheme clusters, lexicon `app.bsky.feed.post`); the others
    /// count code points.
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::X => x_length(text),
            Self::Bluesky => text.graphemes(true).count(),
            Self::Linkedin | Self::Mastodon => text.chars().count(),
        }
    }
}

/// What a post is for, as authors write it: whether it promotes.
const PURPOSES: &[(&str, bool)] = &[("help", false), ("promote", true)];

/// A post for social networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Social {
    /// Whether it promotes; else it helps.
    pub is_promotional: bool,
    /// Where it may be posted.
    pub networks: Vec<Network>,
    /// What it leads to.
    pub link: Option<Reference>,
    /// Texts for single networks, in place of the body.
    pub texts: Vec<(Network, Template)>,
}

impl Social {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let networks = keys.need("networks", f).map(|v| v.choices(Network::WORDS, f)).unwrap_or_default();
        Self {
            link: keys.need("link", f).and_then(|v| v.reference(f)),
            is_promotional: keys.get("purpose").and_then(|v| v.choice(PURPOSES, f)) == Some(true),
            texts: keys.get("text_for").map(|v| texts(v, &networks, f)).unwrap_or_default(),
            networks,
        }
    }

    /// The text for a network, if it has one of its own.
    pub fn text_for(&self, network: Network) -> Option<&Template> {
        self.texts.iter().find(|(own, _)| *own == network).map(|(_, text)| text)
    }

    /// No blocks, and short enough for each network, each field counted as a name of usual length.
    pub(super) fn check_body(&self, body: &Body, at: usize, f: &mut Findings<'_>) {
        if let Some(block) = body.sections.iter().find(|section| !section.selection.is_for_everyone()) {
            let place = Place { line: block.line, column: 1 };
            let fix = "write one text for all readers";
            f.add(codes::BLOCK_NOT_ALLOWED, place, "a social post has no blocks", fix);
        }
        let text = usual_text(body);
        for network in self.networks.iter().filter(|network| self.text_for(**network).is_none()) {
            check_length(*network, &text, At::Offset(at), f);
        }
    }
}

fn texts(found: Found, networks: &[Network], f: &mut Findings<'_>) -> Vec<(Network, Template)> {
    let Some(mut keys) = found.map(f) else { return Vec::new() };
    let mut texts = Vec::new();
    for (name, network) in Network::WORDS {
        let Some(found) = keys.get(name) else { continue };
        let place = found.place();
        if !networks.contains(network) {
            let message = format!("there is a text for {name}, which is not among `networks`");
            f.add(codes::BAD_VALUE, place, message, format!("add {name} to `networks`, or remove the text"));
        }
        if let Some(text) = found.text_template(Scope::Common, f) {
            let parts = text.parts().iter().map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(_) => usual_value(),
            });
            check_length(*network, parts.collect::<String>().trim(), place.into(), f);
            texts.push((*network, text));
        }
    }
    keys.finish(f);
    texts
}

fn check_length(network: Network, text: &str, at: At, f: &mut Findings<'_>) {
    let (length, most) = (network.length(text), network.length_max() - network.link_length());
    let name = network.as_str();
    if let Some(most) =
        network.bytes_max().filter(|most| length <= network.length_max() && text.len() > *most)
    {
        let message = format!("the post has {} bytes, and {name} takes {most}", text.len());
        f.add(codes::POST_TOO_LONG, at, message, "shorten it: one emoji may have 25 bytes");
    } else if length > most {
        let link = if network.link_length() > 0 { " beside the link" } else { "" };
        let message = format!("the post has {length} characters as {name} counts, which takes {most}{link}");
        let fix =
            format!("shorten it, give {name} a text of its own in `text_for`, or take it out of `networks`");
        f.add(codes::POST_TOO_LONG, at, message, fix);
    }
}

/// What a field is filled with, of usual length.
fn usual_value() -> String {
    "x".repeat(16)
}

fn usual_text(body: &Body) -> String {
    let plain = Plain { url: &|_| None, field: &|_| usual_value() };
    // Posts are not wrapped: a line end in the source is a blank, an empty line is one character.
    plain_text(&body.for_everyone(), &plain).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_of_wide_emoji_is_too_long_in_bytes() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let found = |text: &str, network| {
            let mut findings = Findings::new("social/a.md", "");
            check_length(network, text, Place::START.into(), &mut findings);
            findings.finish().len()
        };
        assert_eq!(found(&family.repeat(150), Network::Bluesky), 0);
        assert_eq!(found(&family.repeat(200), Network::Bluesky), 1, "3,600 bytes");
        assert_eq!(found(&family.repeat(10_000), Network::Bluesky), 1, "once, by what is plainest");
    }

    #[test]
    fn each_network_counts_in_its_own_way() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(Network::Bluesky.length(family), 1);
        assert_eq!(Network::Mastodon.length(family), 5);
        assert_eq!(Network::X.length("日本語"), 6);
        assert_eq!(Network::X.length(family), 2);
        assert_eq!(Network::X.length("Größe"), 5);
        assert_eq!(Network::Linkedin.length("日本語"), 3);
    }
}
