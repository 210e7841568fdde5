//! Whether a text fits into a post. What does not is never cut.

use super::facet::{Facet, facets};
use crate::domain::content::kinds::Network;

/// How long a post may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters: graphemes at Bluesky, code points at Mastodon.
    pub characters: usize,
    /// Characters that an address counts for, however long it is; as long as it is without.
    pub per_url: Option<usize>,
}

impl Limits {
    /// Those of a Mastodon server that says nothing about it: Mastodon's own.
    pub const MASTODON: Self = Self { characters: 500, per_url: Some(23) };

    /// The limits that a Mastodon server says it has: `configuration.statuses` of `/api/v2/instance` or `/api/v1/instance`,
    /// as JSON. What it does not say, or what no server means, is as Mastodon's own.
    pub fn of_instance(instance: &serde_json::Value) -> Self {
        let statuses = &instance["configuration"]["statuses"];
        let number = |key: &str, least: u64| {
            let said = statuses[key].as_u64().filter(|said| (least..=10_000_000).contains(said));
            said.and_then(|said| usize::try_from(said).ok())
        };
        Self {
            characters: number("max_characters", 1).unwrap_or(Self::MASTODON.characters),
            per_url: number("characters_reserved_per_url", 0).or(Self::MASTODON.per_url),
        }
    }
}

/// Whether `text` fits into a post at Bluesky, whose link is a card beside it.
///
/// # Errors
/// How long it is and how long it may be.
pub fn bluesky(text: &str) -> Result<(), String> {
    let (length, most) = (Network::Bluesky.length(text), Network::Bluesky.length_max());
    if length > most {
        return Err(format!("the post has {length} characters, and Bluesky takes {most}"));
    }
    if let Some(most) = Network::Bluesky.bytes_max().filter(|most| text.len() > *most) {
        return Err(format!("the post has {} bytes, and Bluesky takes {most}", text.len()));
    }
    Ok(())
}

/// Whether `text` fits into a post at LinkedIn, whose link is a card beside it.
///
/// # Errors
/// How long it is and how long it may be.
pub fn linkedin(text: &str) -> Result<(), String> {
    let (length, most) = (Network::Linkedin.length(text), Network::Linkedin.length_max());
    if length > most {
        return Err(format!("the post has {length} characters, and LinkedIn takes {most}"));
    }
    Ok(())
}

/// Whether `text`, which holds its link, fits into a post at X.
///
/// # Errors
/// How long it is and how long it may be, as X weighs.
pub fn x(text: &str) -> Result<(), String> {
    let (length, most) = (Network::X.length(text), Network::X.length_max());
    if length > most {
        return Err(format!("the post has {length} characters as X counts, and X takes {most}"));
    }
    Ok(())
}

/// How long a Mastodon server says that `text`, which holds its link, is. Code points: servers that count what people see as one
/// character find it shorter.
pub fn mastodon_length(text: &str, limits: Limits) -> usize {
    let whole = text.chars().count();
    let Some(per_url) = limits.per_url else { return whole };
    facets(text).into_iter().fold(whole, |length, (range, facet)| match facet {
        Facet::Link(_) => length - text[range].chars().count() + per_url,
        Facet::Tag(_) => length,
    })
}

/// Whether `text` fits into a post at a Mastodon server.
///
/// # Errors
/// How long it is and how long it may be.
pub fn mastodon(text: &str, limits: Limits) -> Result<(), String> {
    let length = mastodon_length(text, limits);
    if length > limits.characters {
        return Err(format!("the post has {length} characters, and its server takes {}", limits.characters));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::social::Content;

    #[test]
    fn emoji_count_as_people_see_them_and_as_they_are_sent() {
        let family = "👨‍👩‍👧";
        assert!(bluesky(&family.repeat(150)).is_ok());
        let wide = bluesky(&family.repeat(200)).unwrap_err();
        assert!(wide.contains("3600 bytes"), "{wide}");
        let long = bluesky(&family.repeat(10_000)).unwrap_err();
        assert!(long.contains("10000 characters"), "{long}");
        assert!(bluesky(&"a".repeat(300)).is_ok() && bluesky(&"a".repeat(301)).is_err());
    }

    #[test]
    fn x_weighs_letters_and_addresses() {
        let link = format!("https://a.example/{}", "x".repeat(400));
        assert!(x(&format!("{}\n{link}", "ü".repeat(256))).is_ok());
        assert!(x(&format!("{}\n{link}", "日".repeat(128))).is_ok());
        let long = x(&format!("{}\n{link}", "ü".repeat(257))).unwrap_err();
        assert!(long.contains("281 characters") && long.contains("takes 280"), "{long}");
        assert!(x(&format!("{}\n{link}", "日".repeat(129))).is_err());
    }

    #[test]
    fn an_address_counts_for_what_the_server_says() {
        let text = "ü https://a.example/1234567890123456789012345678901234567890";
        assert_eq!(mastodon_length(text, Limits::MASTODON), 2 + 23);
        assert_eq!(mastodon_length(text, Limits { characters: 9, per_url: None }), text.chars().count());
        assert!(mastodon(text, Limits { characters: 25, per_url: Some(23) }).is_ok());
        let long = mastodon(text, Limits { characters: 24, per_url: Some(23) }).unwrap_err();
        assert!(long.contains("25 characters") && long.contains("takes 24"), "{long}");
    }

    #[test]
    fn the_longest_text_that_check_takes_can_be_sent() {
        let text = "a".repeat(Network::Mastodon.length_max() - Network::Mastodon.link_length());
        let content = |text: String| Content {
            text,
            link: "https://partners.example.com/blog/x?pc=0123456789abcdef".to_owned(),
            ..Content::default()
        };
        assert!(mastodon(&content(text.clone()).with_link(), Limits::MASTODON).is_ok());
        assert!(mastodon(&content(text + "a").with_link(), Limits::MASTODON).is_err());
    }

    #[test]
    fn an_instance_says_its_limits_or_has_mastodons() {
        let of = |statuses| Limits::of_instance(&json!({"configuration": {"statuses": statuses}}));
        let snac = of(json!({"max_characters": 100_000, "characters_reserved_per_url": 32}));
        assert_eq!(snac, Limits { characters: 100_000, per_url: Some(32) });
        for odd in [
            json!({}),
            json!({"max_characters": 0}),
            json!({"max_characters": -1}),
            json!({"max_characters": "9"}),
            json!(null),
        ] {
            assert_eq!(of(odd), Limits::MASTODON);
        }
        assert_eq!(Limits::of_instance(&json!([])), Limits::MASTODON);
    }
}
