//! Two subjects for one issue: half of the readers get each, at the promised hour, and people's clicks say which did
//! better. Nobody waits for the result, so a cadence is kept; the next issue is what is learnt for.

/// Fewer readers of each subject tell nothing: a share of clicks that rises from 10 to 15 of a hundred is then found in
/// fewer than six cases of ten.
pub const READERS_MIN: usize = 500;
/// From this on a difference counts: by chance alone it is as large in one of twenty cases (two-sided).
const Z_MIN: f64 = 1.96;

/// Which subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arm {
    /// The issue's own, or the only one.
    #[default]
    A,
    /// The other one.
    B,
}

impl Arm {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Which one a reader gets. `draw` is theirs alone and the same whenever it is asked for, 0 to 99.
    pub fn of(draw: u8) -> Self {
        if draw.is_multiple_of(2) { Self::A } else { Self::B }
    }
}

/// Readers of one subject, and how many people of them followed a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clicked {
    /// To whom the next hop accepted it.
    pub readers: u64,
    /// People who followed a link of it.
    pub people: u64,
}

impl Clicked {
    /// Of a hundred readers, how many people followed a link.
    pub fn percent(self) -> f64 {
        if self.readers == 0 { 0.0 } else { self.people as f64 / self.readers as f64 * 100.0 }
    }
}

/// What two subjects came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Too few readers have it to say anything.
    TooFew,
    /// The difference may be chance.
    NoDifference,
    /// This one did better.
    Better(Arm),
}

/// Compares two subjects by the two-proportion z-test with pooled variance.
pub fn compare(a: Clicked, b: Clicked) -> Finding {
    let least = READERS_MIN as u64;
    if a.readers < least || b.readers < least {
        return Finding::TooFew;
    }
    let (na, nb) = (a.readers as f64, b.readers as f64);
    let pooled = (a.people + b.people) as f64 / (na + nb);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / na + 1.0 / nb)).sqrt();
    if deviation == 0.0 {
        return Finding::NoDifference;
    }
    let z = (a.people as f64 / na - b.people as f64 / nb) / deviation;
    match z {
        z if z >= Z_MIN => Finding::Better(Arm::A),
        z if z <= -Z_MIN => Finding::Better(Arm::B),
        _ => Finding::NoDifference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_when_chance_seldom_makes_it() {
        let of = |readers, people| Clicked { readers, people };
        assert_eq!(compare(of(499, 400), of(5_000, 1)), Finding::TooFew);
        assert_eq!(compare(of(1_000, 0), of(1_000, 0)), Finding::NoDifference);
        // 10 and 12 of a hundred: z = 1.43.
        assert_eq!(compare(of(1_000, 100), of(1_000, 120)), Finding::NoDifference);
        // 10 and 13 of a hundred: z = 2.10.
        assert_eq!(compare(of(1_000, 100), of(1_000, 130)), Finding::Better(Arm::B));
        assert_eq!(compare(of(1_000, 130), of(1_000, 100)), Finding::Better(Arm::A));
        assert_eq!(of(1_000, 130).percent(), 13.0);
    }

    #[test]
    fn half_get_each() {
        let (a, b): (Vec<u8>, Vec<u8>) = (0..100).partition(|draw| Arm::of(*draw) == Arm::A);
        assert_eq!((a.len(), b.len()), (50, 50));
    }
}
