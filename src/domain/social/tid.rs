//! Record keys of the AT Protocol: a TID is 13 letters, 53 bits of microseconds and 10 bits of a clock's id, and sorts by time
//! (specification "Record Key", section "TID"). Ours is made of a post's id, so that every try has the same one.

use crate::domain::kernel::id::SocialPostId;

/// `base32-sortable`.
const LETTERS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
/// Letters of a TID.
const LENGTH: usize = 13;

/// The TID of a post: the time in its id, with what is random in it as the rest of the time and as the clock's id.
pub fn of_post(id: SocialPostId) -> String {
    let bytes = id.to_bytes();
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().fold(0_u64, |all, byte| (all << 8) | u64::from(*byte))
    };
    let (at_ms, micros, clock) = (number(0, 6), number(8, 12) % 1_000, number(12, 16) % 1_024);
    text((at_ms * 1_000 + micros) & ((1 << 53) - 1), clock)
}

fn text(at_us: u64, clock: u64) -> String {
    let number = (at_us << 10) | clock;
    let letter = |place: usize| {
        let five = usize::try_from((number >> (5 * (LENGTH - 1 - place))) & 31).unwrap_or_default();
        char::from(LETTERS[five])
    };
    (0..LENGTH).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    /// As the specification's syntax has it.
    fn is_tid(text: &str) -> bool {
        text.len() == LENGTH
            && text.bytes().all(|byte| LETTERS.contains(&byte))
            && b"234567abcdefghij".contains(&text.as_bytes()[0])
    }

    #[test]
    fn zero_and_a_known_time_are_written_as_the_specification_has_them() {
        assert_eq!(text(0, 0), "2222222222222");
        // 2023-10-26 in microseconds; the first letters of such a TID in published records are `3kc`.
        assert!(text(1_698_300_000_000_000, 0).starts_with("3kc"), "{}", text(1_698_300_000_000_000, 0));
    }

    proptest! {
        #[test]
        fn one_post_has_one_key_and_later_ones_sort_behind(at_ms in 0..8_000_000_000_000_i64, seed: u64) {
            let random = SeededRandom::new(seed);
            let (one, later) = (SocialPostId::new(at_ms, &random), SocialPostId::new(at_ms + 1, &random));
            prop_assert_eq!(of_post(one), of_post(SocialPostId::parse(&one.to_string()).unwrap()));
            prop_assert!(is_tid(&of_post(one)));
            prop_assert!(of_post(one) < of_post(later));
        }
    }
}
