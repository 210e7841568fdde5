//! Characters that may reach no page, found quickly: nearly every text has none.

use crate::domain::kernel::text::is_unsafe;

/// Whether `c` is unsafe in a text of many lines.
pub(super) fn is_bad(c: char) -> bool {
    is_unsafe(c) && !matches!(c, '\n' | '\t')
}

/// Whether `text` surely holds no such character: judged by bytes, so that plain text costs next to nothing. C1
/// controls begin with C2, separators and bidi controls with E2 80 and E2 81, private-use characters with EE and EF.
pub(super) fn is_surely_safe(text: &str) -> bool {
    let suspect =
        |b: u8| (b < 0x20 && b != b'\n' && b != b'\t') || matches!(b, 0x7f | 0xc2 | 0xe2 | 0xee | 0xef);
    // No early end inside a chunk: a loop without one is vectorised.
    text.as_bytes().chunks(256).all(|chunk| !chunk.iter().fold(false, |found, b| found | suspect(*b)))
}

/// The first such character.
pub(super) fn first_bad(text: &str) -> Option<char> {
    if is_surely_safe(text) { None } else { text.chars().find(|c| is_bad(*c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_look_misses_nothing() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_bad(*c)) {
            assert!(!is_surely_safe(&c.to_string()), "U+{:04X}", u32::from(c));
        }
    }
}
