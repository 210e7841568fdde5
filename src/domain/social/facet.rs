//! Links and tags within a text, by UTF-8 bytes (lexicon `app.bsky.richtext.facet`: byteStart inclusive, byteEnd exclusive).

use std::ops::Range;

/// Facets of one text at most.
const FACETS_MAX: usize = 100;
/// Longest tag, in bytes of UTF-8 and in graphemes, of which no letter has less than a byte (`facet#tag`: 640 and 64).
const TAG_BYTES_MAX: usize = 64;

/// What a part of a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facet {
    /// An address; the text as it stands is one.
    Link(String),
    /// A tag, without its sign.
    Tag(String),
}

/// The links and tags of `text`, in its order.
pub fn facets(text: &str) -> Vec<(Range<usize>, Facet)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        // An opening bracket or quotation mark belongs to the sentence.
        let inner = word.trim_start_matches(['(', '[', '"', '“', '„', '«', '\'', '‘']);
        let start = start + word.len() - inner.len();
        let facet = if inner.starts_with("https://") || inner.starts_with("http://") {
            link(inner)
        } else {
            inner.strip_prefix('#').and_then(tag)
        };
        if let Some((length, facet)) = facet {
            found.push((start..start + length, facet));
        }
        if found.len() == FACETS_MAX {
            break;
        }
    }
    found
}

fn link(word: &str) -> Option<(usize, Facet)> {
    let ends = |c: char| ".,;:!?\"'”“’»…)]".contains(c);
    let mut url = word.trim_end_matches(ends);
    // A bracket that was opened inside belongs to the address.
    if url.matches('(').count() > url.matches(')').count() && word[url.len()..].starts_with(')') {
        url = &word[..=url.len()];
    }
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    (!host.is_empty()).then(|| (url.len(), Facet::Link(url.to_owned())))
}

fn tag(word: &str) -> Option<(usize, Facet)> {
    let end = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
    let tag = &word[..end];
    let is_number = tag.chars().all(|c| c.is_ascii_digit());
    (!is_number && tag.len() <= TAG_BYTES_MAX).then(|| (tag.len() + 1, Facet::Tag(tag.to_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_are_bytes_and_not_letters() {
        let text = "Größe 👩‍👩‍👧: (https://a.example/x_(y)), #Sicherung und #1!";
        let found = facets(text);
        let parts: Vec<&str> = found.iter().map(|(range, _)| &text[range.clone()]).collect();
        assert_eq!(parts, ["https://a.example/x_(y)", "#Sicherung"]);
        assert_eq!(found[1].1, Facet::Tag("Sicherung".to_owned()));
        assert!(found[0].0.start > 20, "the family alone has 18 bytes: {found:?}");
        assert!(facets("no https:// here, nor # there").is_empty());
    }

    proptest! {
        #[test]
        fn every_facet_is_a_part_of_the_text(text in "(?s).{0,80}(https://[a-z]{1,9}[.)]{0,2})?.{0,20}") {
            let mut last = 0;
            for (range, facet) in facets(&text) {
                prop_assert!(range.start >= last && range.end > range.start);
                last = range.end;
                let part = text.get(range).unwrap();
                match facet {
                    Facet::Link(url) => prop_assert_eq!(part, url),
                    Facet::Tag(tag) => prop_assert_eq!(part, format!("#{tag}")),
                }
            }
        }
    }
}
