//! How long X says that a text is: twitter-text's weights, configuration v3, after composing letters (NFC). A letter of Latin, Greek,
//! Cyrillic, Hebrew or Arabic counts one, others two; an emoji two, of however many code points; an address 23, however long it is.

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// What an address counts (`transformedURLLength`): X puts one of its own in its place.
const URL_WEIGHT: usize = 23;
/// Common top-level domains of more than two letters. X knows all of them; a name under one that stands here not, without
/// `https://` before it, counts by its letters.
const DOMAINS: [&str; 30] = [
    "agency", "app", "biz", "blog", "business", "cloud", "com", "company", "dev", "digital", "edu", "email",
    "gov", "info", "int", "mil", "mobi", "name", "net", "network", "news", "online", "org", "pro", "shop",
    "site", "software", "store", "tech", "xyz",
];

/// The weighted length of a text, with what is an address in it counted as one.
pub fn x_length(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let (mut length, mut at) = (0, 0);
    for (start, end) in addresses(&text) {
        length += plain(&text[at..start]) + URL_WEIGHT;
        at = end;
    }
    length + plain(&text[at..])
}

/// Whether X makes a link of something in a text, which makes a post dearer.
pub fn x_has_link(text: &str) -> bool {
    !addresses(text).is_empty()
}

fn plain(text: &str) -> usize {
    text.graphemes(true).map(weight).sum()
}

fn weight(letter: &str) -> usize {
    if !is_emoji(letter) {
        return letter.chars().map(weight_of).sum();
    }
    // What joins, colours or completes an emoji belongs to it; anything else that clings to it counts by itself.
    let others = letter.chars().filter(|c| {
        let belongs =
            matches!(u32::from(*c), 0x200D | 0xFE0F | 0x20E3 | 0xE_0020..=0xE_007F) || is_pictogram(*c);
        !belongs && !matches!(c, '#' | '*' | '0'..='9' | '©' | '®')
    });
    2 + others.map(weight_of).sum::<usize>()
}

fn weight_of(c: char) -> usize {
    match u32::from(c) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}

fn is_emoji(letter: &str) -> bool {
    // Asked for as text it is none.
    if letter.contains('\u{FE0E}') {
        return false;
    }
    match letter.chars().next() {
        Some('#' | '*' | '0'..='9') => letter.contains('\u{20E3}'),
        Some('©' | '®') => letter.contains('\u{FE0F}'),
        Some(first) => is_pictogram(first),
        None => false,
    }
}

/// Whether a code point begins or continues emoji. Each counts two by itself as well.
fn is_pictogram(c: char) -> bool {
    matches!(u32::from(c),
        0x203C | 0x2049 | 0x2122 | 0x2139 | 0x2194..=0x21AA | 0x231A..=0x23FF | 0x24C2 | 0x25AA..=0x25FE | 0x2600..=0x27BF
        | 0x2934..=0x2935 | 0x2B05..=0x2B55 | 0x3030 | 0x303D | 0x3297 | 0x3299 | 0x1_F000..=0x1_FAFF)
}

/// Where addresses begin and end, in bytes.
fn addresses(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        let inner = word.trim_start_matches(['(', '[', '"', '“', '„', '«', '\'', '‘']);
        let start = start + word.len() - inner.len();
        // In `word:https://…` an address begins within; after a letter or one of `@#$` it does not.
        let scheme = ["https://", "http://"].iter().filter_map(|scheme| inner.find(scheme)).min();
        let begins = scheme.filter(|begins| {
            let before = inner[..*begins].chars().next_back();
            before.is_none_or(|c| !c.is_ascii_alphanumeric() && !"@#$＠＃".contains(c))
        });
        if let Some(begins) = begins {
            let length = ended(&inner[begins..]);
            if inner[begins..begins + length].split_once("://").is_some_and(|(_, rest)| !rest.is_empty()) {
                found.push((start + begins, start + begins + length));
            }
        } else if let Some(length) = bare(inner) {
            found.push((start, start + length));
        }
    }
    found
}

/// The length of an address that begins a word: marks at its end belong to the sentence, a bracket that was opened within does not.
/// What is written behind it without a blank, in a script that addresses do not have, is text (twitter-text, `urlPathSection`).
fn ended(word: &str) -> usize {
    let is_in = |c: char| {
        c.is_ascii_graphic() || matches!(u32::from(c), 0xC0..=0x24F | 0x400..=0x52F | 0x1E00..=0x1EFF)
    };
    let word = &word[..word.find(|c| !is_in(c)).unwrap_or(word.len())];
    let url = word.trim_end_matches(|c: char| ".,;:!?\"'”“’»…)]".contains(c));
    let opened = url.matches('(').count() > url.matches(')').count();
    if opened && word[url.len()..].starts_with(')') { url.len() + 1 } else { url.len() }
}

/// The length of a name without a scheme that X makes a link of: under a known domain, or under a country's with a path or a second
/// name before.
fn bare(word: &str) -> Option<usize> {
    let length = ended(word);
    let end = word[..length].find(['/', '?', '#', ':']).unwrap_or(length);
    let host = &word[..end];
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    let top = labels.last()?.to_ascii_lowercase();
    if labels.len() < 2 || !labels.iter().all(is_label) || !top.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        return None;
    }
    let has_path = word[end..length].starts_with('/');
    let is_link = match top.len() {
        2 => labels.len() > 2 || has_path || matches!(top.as_str(), "co" | "tv"),
        _ => DOMAINS.contains(&top.as_str()),
    };
    // Without a path nothing after the name belongs to it.
    is_link.then_some(if has_path { length } else { end })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_have_weights() {
        for (text, length) in [
            ("", 0),
            ("Normal Text", 11),
            ("Größe", 5),
            ("Gro\u{308}ße", 5),
            ("Привет мир", 10),
            ("שלום", 4),
            ("مرحبا", 5),
            ("日本語", 6),
            ("한국어", 6),
            // The same in parts, as some systems write it.
            ("\u{1112}\u{1161}\u{11ab}", 2),
            ("“quoted” – it’s", 15),
            ("… €", 5),
        ] {
            assert_eq!(x_length(text), length, "{text}");
        }
    }

    #[test]
    fn an_emoji_counts_two_of_however_many_parts() {
        for emoji in ["😀", "👨‍👩‍👧", "👍🏽", "🇳🇴", "1️⃣", "#⃣", "❤️", "☺", "©️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🕵🏽‍♀️", "🧑‍🚀"]
        {
            assert_eq!(x_length(emoji), 2, "{emoji}");
            assert_eq!(x_length(&emoji.repeat(3)), 6, "{emoji}");
        }
        assert_eq!(x_length("© 2027"), 6, "a sign is no emoji");
        assert_eq!(x_length("1 #"), 3);
        assert_eq!(x_length("☺\u{FE0E}"), 4, "asked for as text it has two parts");
    }

    #[test]
    fn an_address_counts_23() {
        let long = format!("https://a.example/{}", "x".repeat(300));
        for (text, length) in [
            ("https://a.example", 23),
            (long.as_str(), 23),
            ("See https://a.example/b.", 4 + 23 + 1),
            ("(https://a.example/x_(y))", 1 + 23 + 1),
            ("two: http://a.no https://b.no", 5 + 23 + 1 + 23),
            ("at acme.com, now", 3 + 23 + 5),
            ("acme.de", 7),
            ("acme.de/x", 23),
            ("www.acme.de", 23),
            ("node.js and e.g. this", 21),
            ("ana@acme.com", 12),
            ("v1.2 3.14", 9),
            ("xhttps://a.example", 18),
            ("https://", 8),
            ("詳細はhttps://a.example/xです。漢字", 6 + 23 + 10),
        ] {
            assert_eq!(x_length(text), length, "{text}");
        }
        assert!(x_has_link("at acme.com") && x_has_link("https://a.example") && !x_has_link("a. b, acme.de"));
    }

    proptest! {
        /// Letters alone count by their weights, and nothing is lost between addresses.
        #[test]
        fn words_add_up(before in "[a-zé日 ]{0,40}", after in "[a-zé日 ]{0,40}") {
            let text = format!("{before} https://a.example/1 {after}");
            prop_assert_eq!(x_length(&text), x_length(&before) + 1 + 23 + 1 + x_length(&after));
        }

        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,200}") {
            prop_assert!(x_length(&text) <= text.chars().count() * 23 + 23);
        }
    }
}
