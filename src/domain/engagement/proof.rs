//! Proof of work for forms (as Hashcash, hashcash.org): whoever sends a form shows that a program of theirs has searched for a
//! number, which costs a person's browser a moment and whoever sends thousands a day of computing. Without a script the same
//! form is taken some time after its page was opened, which costs a person half a minute and a flood as much.

use sha2::{Digest, Sha256};

use crate::domain::kernel::clock::{MINUTE_MS, UtcMs};

/// How long a challenge is good for.
pub const OPEN_MS: i64 = 120 * MINUTE_MS;
/// How long a form without proof waits from the opening of its page.
pub const WAIT_MS: i64 = 30_000;
/// Most digits of the number that is found.
const NUMBER_CHARS_MAX: usize = 16;

/// What a form was given to solve. Its text is the signed token, so that nobody makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// When the page was opened.
    pub made_ms: UtcMs,
    /// Zero bits that are asked for.
    pub bits: u32,
}

/// What a sent form's proof is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The number fits.
    Solved,
    /// There is none, but the page was opened long enough ago.
    Waited,
    /// There is none that fits, and the page was opened a moment ago.
    TooSoon,
    /// The page was opened too long ago, or in the future: a new challenge is needed.
    Stale,
}

impl Proof {
    /// Whether the form is taken.
    pub fn is_enough(self) -> bool {
        matches!(self, Self::Solved | Self::Waited)
    }
}

/// Judges `number`, as it was sent with the challenge whose text is `token`.
pub fn judge(challenge: Challenge, token: &str, number: &str, now_ms: UtcMs) -> Proof {
    let age_ms = now_ms - challenge.made_ms;
    if !(0..=OPEN_MS).contains(&age_ms) {
        Proof::Stale
    } else if is_solved(token, number, challenge.bits) {
        Proof::Solved
    } else if age_ms >= WAIT_MS {
        Proof::Waited
    } else {
        Proof::TooSoon
    }
}

/// Whether SHA-256 of `token:number` begins with `bits` zero bits.
fn is_solved(token: &str, number: &str, bits: u32) -> bool {
    let is_number = !number.is_empty()
        && number.len() <= NUMBER_CHARS_MAX
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && zero_bits(&Sha256::digest(format!("{token}:{number}"))) >= bits
}

fn zero_bits(digest: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in digest {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS_MIN: u32 = 8;
    const MADE_MS: UtcMs = 1_800_000_000_000;

    fn solved(token: &str, bits: u32) -> String {
        (0..u64::MAX).map(|number| number.to_string()).find(|number| is_solved(token, number, bits)).unwrap()
    }

    #[test]
    fn a_proof_fits_one_challenge_until_it_is_stale() {
        let challenge = Challenge { made_ms: MADE_MS, bits: BITS_MIN };
        let number = solved("abc", BITS_MIN);
        let at = |token, number: &str, after_ms| judge(challenge, token, number, MADE_MS + after_ms);
        assert_eq!(at("abc", &number, 0), Proof::Solved);
        assert_eq!(at("abc", &number, OPEN_MS), Proof::Solved);
        assert_eq!(at("abc", &number, OPEN_MS + 1), Proof::Stale);
        assert_eq!(at("abc", &number, -1), Proof::Stale);
        for bad in ["", "x", "-1", "0x1", "99999999999999999"] {
            assert_eq!(at("abc", bad, 1), Proof::TooSoon, "{bad}");
        }
        assert_eq!(at("abc", "", WAIT_MS - 1), Proof::TooSoon);
        assert_eq!(at("abc", "", WAIT_MS), Proof::Waited);
        let others = (0..40).filter(|one| is_solved(&format!("t{one}"), &number, BITS_MIN)).count();
        assert!(others < 4, "a number for one challenge seldom fits another");
    }

    #[test]
    fn zero_bits_are_counted_over_bytes() {
        assert_eq!([zero_bits(&[0x80]), zero_bits(&[0, 0x01]), zero_bits(&[0, 0])], [0, 15, 16]);
    }
}
