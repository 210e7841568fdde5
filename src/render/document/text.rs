//! Texts made fit for a page: no word wider than a line, running heads of one line.

use serde_json::Value;

/// Longest word that fits a line in every size of type we set, in characters.
const WORD_CHARS_MAX: usize = 24;
/// Where longer words may break, in characters.
const BREAK_CHARS: usize = 12;
/// Keys whose texts are addresses and names, and not for reading.
const NOT_WORDS: [&str; 3] = ["url", "file", "raw"];
/// From here on scripts break between any two characters.
const CJK: char = '\u{2e80}';

/// Lets every long word in `data` break, wherever it stands.
pub(super) fn let_long_words_break(data: &mut Value) {
    match data {
        Value::String(text) => {
            if let Some(broken) = breakable(text, WORD_CHARS_MAX, BREAK_CHARS) {
                *text = broken;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(let_long_words_break),
        Value::Object(map) => {
            let words = map.iter_mut().filter(|(key, _)| !NOT_WORDS.contains(&key.as_str()));
            words.for_each(|(_, value)| let_long_words_break(value));
        }
        _ => {}
    }
}

/// `text` with a break of no width in every word of more than `max` characters, each `every` of them; nothing where
/// there is no such word.
pub(super) fn breakable(text: &str, max: usize, every: usize) -> Option<String> {
    if text.len() <= max {
        return None;
    }
    let is_long = |word: &str| word.len() > max && word.chars().filter(|c| *c < CJK).count() > max;
    if !text.split_whitespace().any(is_long) {
        return None;
    }
    let mut broken = String::with_capacity(text.len() + text.len() / 8);
    for piece in text.split_inclusive(char::is_whitespace) {
        if !is_long(piece.trim_end()) {
            broken.push_str(piece);
            continue;
        }
        let mut since = 0;
        for c in piece.chars() {
            if since >= every && !c.is_whitespace() {
                broken.push('\u{200b}');
                since = 0;
            }
            broken.push(c);
            // Addresses read best when broken after their own marks.
            since = if "/?&@-_.".contains(c) && since > every / 2 { every } else { since + 1 };
        }
    }
    Some(broken)
}

/// `text` in at most `chars_max` characters, with a sign that it goes on.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_no_line_holds_are_broken() {
        assert_eq!(breakable("a line of ordinary words, as long as it likes", 24, 12), None);
        let long = "x".repeat(30);
        let broken = breakable(&format!("a {long} b"), 24, 12).unwrap();
        assert_eq!(broken, format!("a {x}\u{200b}{x}\u{200b}{} b", "x".repeat(6), x = "x".repeat(12)));
        let url = breakable("https://example.com/a/long/path", 24, 12).unwrap();
        assert_eq!(url.replace('\u{200b}', ""), "https://example.com/a/long/path");
        assert!(url.contains("example.\u{200b}com/"), "{url}");
        assert_eq!(breakable(&"日".repeat(60), 24, 12), None, "these break anywhere");
    }

    #[test]
    fn addresses_are_left_alone() {
        let word = "x".repeat(40);
        let mut data = serde_json::json!({"url": word, "v": [{"v": word}], "raw": word});
        let_long_words_break(&mut data);
        assert_eq!((data["url"].as_str(), data["raw"].as_str()), (Some(word.as_str()), Some(word.as_str())));
        assert_ne!(data["v"][0]["v"].as_str(), Some(word.as_str()));
    }

    #[test]
    fn a_running_head_says_that_it_goes_on() {
        assert_eq!(shortened("short", 10), "short");
        assert_eq!(shortened("one two three", 8), "one two…");
    }
}
