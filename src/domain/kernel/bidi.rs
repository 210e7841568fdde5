//! Text that runs both ways: values of one direction inside sentences of the other (UAX #9).
//!
//! A value is put between a first-strong isolate and its end, so that its own letters decide its direction and it
//! disturbs nothing around it. These two work in HTML, plain text, subjects and PDF alike.

/// Opens an isolate whose first letter decides its direction.
pub const ISOLATE: char = '\u{2068}';
/// Ends it.
pub const END: char = '\u{2069}';

/// Stands for a letter from left to right; CLDR puts it before `+4` in the zones of Arabic times.
const LEFT_MARK: char = '\u{200e}';

/// Whether `text` holds a letter of a script that is written from right to left: Hebrew, Arabic, Syriac, Thaana,
/// N'Ko, and the forms of presentation.
pub fn has_rtl(text: &str) -> bool {
    // Bytes first: most text holds nothing from U+0590 on, and this runs for every piece of every variant.
    text.bytes().any(|byte| byte >= 0xd6)
        && text
            .chars()
            .any(|c| matches!(c, '\u{0591}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'))
}

/// `value` for a text that runs from right to left (`in_rtl`) or from left to right: between isolates where it
/// could run the other way.
pub fn isolated(value: String, in_rtl: bool) -> String {
    let is_rtl = has_rtl(&value);
    let runs_on = |c: char| c == LEFT_MARK || (c.is_alphabetic() && !has_rtl(c.encode_utf8(&mut [0; 4])));
    // Telephone numbers and the like have no letters, and would be turned around too.
    let disturbs =
        if in_rtl { !value.trim().is_empty() && (!is_rtl || value.contains(runs_on)) } else { is_rtl };
    if disturbs { format!("{ISOLATE}{value}{END}") } else { value }
}

/// Marks of direction that reach no further than what they stand around or beside, and that our own texts and CLDR's
/// hold. What people type is freed of them before.
pub fn is_own_mark(c: char) -> bool {
    matches!(c, ISOLATE | END | LEFT_MARK | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_isolated_where_directions_meet() {
        assert!(has_rtl("في Dubai") && has_rtl("שלום") && !has_rtl("Zürich 東京 “—”"));
        assert_eq!(isolated("Dune Gate".into(), true), "\u{2068}Dune Gate\u{2069}");
        assert_eq!(isolated("+971 4 000 0142".into(), true), "\u{2068}+971 4 000 0142\u{2069}");
        assert_eq!(isolated("الثلاثاء 12".into(), true), "الثلاثاء 12");
        assert_eq!(
            isolated("غرينتش\u{200e}+4".into(), true),
            "\u{2068}غرينتش\u{200e}+4\u{2069}",
            "or +4 joins what follows"
        );
        assert_eq!(isolated("في Dubai".into(), true), "\u{2068}في Dubai\u{2069}");
        assert_eq!(isolated("Dune Gate".into(), false), "Dune Gate");
        assert_eq!(isolated("بوابة".into(), false), "\u{2068}بوابة\u{2069}");
        assert_eq!(isolated(String::new(), true), "");
    }
}
