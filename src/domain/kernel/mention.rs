//! Where somebody's address stands in a text: as a whole, and never as a part of another's.

/// Whether `text` stands in `cell` as a whole, in whatever case: not within a longer word or address.
pub fn mentions(cell: &str, text: &str) -> bool {
    places(cell, text).next().is_some()
}

/// `cell` with `mark` wherever it [`mentions`] `text`; nothing where it does not.
pub fn without(cell: &str, text: &str, mark: &str) -> Option<String> {
    let (mut left, mut end) = (String::new(), 0);
    for at in places(cell, text) {
        left.push_str(cell.get(end..at)?);
        left.push_str(mark);
        end = at + text.len();
    }
    (end > 0).then(|| left + cell.get(end..).unwrap_or_default())
}

/// Where `text` stands in `cell` as a whole. Only ASCII letters are the same in both cases, so that places stay where they are.
fn places(cell: &str, text: &str) -> impl Iterator<Item = usize> {
    let (low, sought) = (cell.to_ascii_lowercase(), text.to_ascii_lowercase());
    let found: Vec<usize> = low.match_indices(&sought).map(|(at, _)| at).collect();
    found.into_iter().filter(move |at| {
        let (before, behind) = (low.get(..*at), low.get(at + sought.len()..));
        !sought.is_empty() && before.is_some_and(ends_a_word) && behind.is_some_and(begins_anew)
    })
}

/// Whether a new word may begin behind `before`: an escape of JSON or of a URL is no part of an address.
fn ends_a_word(before: &str) -> bool {
    let is_escape = ["\\n", "\\r", "\\t"].iter().any(|escape| before.ends_with(escape));
    let mut last = before.chars().rev();
    let (one, two, three) = (last.next(), last.next(), last.next());
    let is_hex = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
    let is_encoded = three == Some('%') && is_hex(one) && is_hex(two);
    let within = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    is_escape || is_encoded || !one.is_some_and(within)
}

/// Whether a word ends before `behind`.
fn begins_anew(behind: &str) -> bool {
    let mut behind = behind.chars();
    match behind.next() {
        // A full stop behind an address may end the sentence.
        Some('.') => !behind.next().is_some_and(char::is_alphanumeric),
        Some(c) => !(c.is_alphanumeric() || c == '-'),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: &str = "ana@a.example";

    #[test]
    fn somebody_is_not_found_within_others() {
        for there in [
            "ana@a.example",
            "To: <Ana@A.example>",
            "she is ana@a.example.",
            "ana@a.example, and more",
            r#"{"text":"hers:\nana@a.example"}"#,
            "mailto:?to=%20ana@a.example",
        ] {
            assert!(mentions(there, ANA), "{there}");
        }
        for other in ["diana@a.example", "x.ana@a.example", "ana@a.example.com", "ana@a.example-two.org", ""]
        {
            assert!(!mentions(other, ANA), "{other}");
            assert_eq!(without(other, ANA, "-"), None, "{other}");
        }
    }

    #[test]
    fn taken_out_of_a_text_others_stay_whole() {
        let text = "Ana@a.example wrote to diana@a.example, not Ünal; ana@a.example.";
        assert_eq!(without(text, ANA, "(x)").unwrap(), "(x) wrote to diana@a.example, not Ünal; (x).");
    }
}
