//! The outcome ladder: from what was delivered to what was won, each rung with the one sentence that says what it counts.
//! Read from the top: a rung is worth what reached the one above it. Nobody's opening of a mail is on it.

use super::LeadStage;
use crate::domain::{
    engagement::EventKind,
    kernel::{
        Error, Result,
        clock::{DAY_MS, UtcMs},
    },
};

/// A rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rung {
    /// Leads that bought.
    Won,
    /// Leads whose need, value and date sales confirmed.
    Sql,
    /// Leads that somebody at the partner took.
    Accepted,
    /// Leads that met the written rule.
    Qualified,
    /// People who did something.
    Engaged,
    /// Partners' assets that somebody used.
    Used,
    /// Messages that the next mail server accepted.
    Delivered,
}

/// What a rung counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Messages.
    Messages,
    /// Pairs of a partner and an asset.
    Uses,
    /// People, and leads, who are people.
    People,
}

impl Unit {
    /// What is counted, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Messages => "Messages",
            Self::Uses => "Uses: a partner and an asset",
            Self::People => "People",
        }
    }
}

/// How leads are credited, for people.
pub const CREDIT: &str = "A lead is credited by its first touch, once: to the asset whose form or page brought it, to every kit \
    that has this asset among its tactics, and to the newsletter or sequence whose message led to the first thing that the \
    person did. Days are days in UTC; a lead counts on the day on which its ledger reached the stage for the first time.";

impl Rung {
    /// All, from the top.
    pub const ALL: [Self; 7] =
        [Self::Won, Self::Sql, Self::Accepted, Self::Qualified, Self::Engaged, Self::Used, Self::Delivered];

    /// The word in addresses and exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Sql => "sql",
            Self::Accepted => "accepted",
            Self::Qualified => "qualified",
            Self::Engaged => "engaged",
            Self::Used => "used",
            Self::Delivered => "delivered",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.as_str() == word)
    }

    /// How it reads on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Won => "Won",
            Self::Sql => "Sales qualified",
            Self::Accepted => "Accepted",
            Self::Qualified => "Qualified",
            Self::Engaged => "Engaged people",
            Self::Used => "Used",
            Self::Delivered => "Delivered",
        }
    }

    /// Exactly what it counts.
    pub fn means(self) -> &'static str {
        match self {
            Self::Won => "Leads whose ledger reached “won” in the period, each once.",
            Self::Sql => {
                "Leads whose ledger reached “sales qualified” in the period, each once: sales confirmed a need, a value \
                 and a date."
            }
            Self::Accepted => {
                "Leads whose ledger reached “accepted” in the period, each once: somebody at the partner took them."
            }
            Self::Qualified => {
                "Leads whose ledger reached “marketing qualified” in the period, each once: the written rule was met, or a \
                 channel manager chose to hand them over."
            }
            Self::Engaged => {
                "Different people, a partner’s contact or a lead, who did something in the period that we take for a \
                 person’s act: followed a link, read a page, took a file, filled in a form, signed up. Machines, opens, \
                 bounces, complaints and unsubscribing do not count."
            }
            Self::Used => {
                "Assets at partners: each pair of a partner and an asset with a person’s use in the period, which is a \
                 page read, a file or bundle taken, a form shown in the partner’s site, filled in or a registration, or a post that \
                 somebody there says they made. A followed link or a reply alone is none."
            }
            Self::Delivered => {
                "Messages of newsletters and sequences that the next mail server accepted in the period, each once. \
                 Sign-in links, receipts, offers and test copies do not count; a digest counts for the newsletter whose \
                 mail it is."
            }
        }
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Delivered => Unit::Messages,
            Self::Used => Unit::Uses,
            _ => Unit::People,
        }
    }

    /// The stage that a lead has to reach; none for the rungs below leads.
    pub fn stage(self) -> Option<LeadStage> {
        match self {
            Self::Won => Some(LeadStage::Won),
            Self::Sql => Some(LeadStage::Sql),
            Self::Accepted => Some(LeadStage::Sal),
            Self::Qualified => Some(LeadStage::Mql),
            Self::Engaged | Self::Used | Self::Delivered => None,
        }
    }

    /// The rung below.
    pub fn below(self) -> Option<Self> {
        let at = Self::ALL.iter().position(|rung| *rung == self)?;
        Self::ALL.get(at + 1).copied()
    }
}

/// Whether an event of this kind makes an engaged person.
pub fn is_engagement(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Unsubscribe
            | EventKind::Resubscribe
            | EventKind::Bounce
            | EventKind::Complaint
            | EventKind::FeedRead
    )
}

/// Whether an event of this kind is a use of its asset.
pub fn is_use(kind: EventKind) -> bool {
    is_engagement(kind) && !matches!(kind, EventKind::Click | EventKind::Reply)
}

/// `part` of `whole` in percent with one decimal; none where they count different things or there is no whole.
pub fn share(rung: Rung, part: i64, whole: i64) -> Option<f64> {
    let same = rung.below().is_some_and(|below| below.unit() == rung.unit());
    // Counts are far below 2^52, so nothing is lost.
    (same && whole > 0).then(|| (part as f64 / whole as f64 * 1_000.0).round() / 10.0)
}

/// Whole days from one date to another, both included, as instants: from the first to before the second.
///
/// # Errors
/// No date (`2027-02-09`), or an end before its beginning.
pub fn period(from: Option<&str>, to: Option<&str>) -> Result<(UtcMs, UtcMs)> {
    let day = |name: &str, text: &str| {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|date| date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
            .map_err(|_| Error::invalid(format!("{name}: `{text}` is no date; write it as 2027-02-09")))
    };
    let (from_ms, to_ms) = match (from.map(|text| day("from", text)), to.map(|text| day("to", text))) {
        (Some(Err(one)), Some(Err(two))) => {
            return Err(Error::invalid(format!("{}; {}", one.public(), two.public())));
        }
        (from, to) => (from.transpose()?, to.transpose()?),
    };
    let (from_ms, to_ms) = (from_ms.unwrap_or(0), to_ms.map_or(UtcMs::MAX, |ms| ms.saturating_add(DAY_MS)));
    if to_ms <= from_ms {
        return Err(Error::invalid("the period ends before it begins; exchange `from` and `to`"));
    }
    Ok((from_ms, to_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_read_from_the_top_and_says_what_it_counts() {
        let words: Vec<&str> = Rung::ALL.iter().map(|rung| rung.as_str()).collect();
        assert_eq!(words, ["won", "sql", "accepted", "qualified", "engaged", "used", "delivered"]);
        for rung in Rung::ALL {
            assert_eq!(Rung::parse(rung.as_str()), Some(rung));
            assert!(rung.means().ends_with('.') && !rung.means().contains("  "), "{}", rung.means());
        }
        assert_eq!(Rung::parse("opened"), None);
        assert_eq!((Rung::Won.below(), Rung::Delivered.below()), (Some(Rung::Sql), None));
    }

    #[test]
    fn shares_are_of_the_rung_below_and_of_like_things_alone() {
        assert_eq!(share(Rung::Won, 1, 3), Some(33.3));
        assert_eq!(share(Rung::Qualified, 5, 40), Some(12.5));
        assert_eq!(share(Rung::Engaged, 5, 40), None, "people are no share of assets");
        assert_eq!(share(Rung::Won, 0, 0), None);
    }

    #[test]
    fn a_period_is_whole_days_and_says_all_that_is_wrong() {
        assert_eq!(period(None, None).unwrap(), (0, UtcMs::MAX));
        assert_eq!(period(Some("1970-01-02"), Some("1970-01-02")).unwrap(), (DAY_MS, 2 * DAY_MS));
        let both = period(Some("9.2.2027"), Some("2027-02-30")).unwrap_err();
        assert!(both.public().contains("9.2.2027") && both.public().contains("2027-02-30"), "{both}");
        assert!(period(Some("2027-02-02"), Some("2027-02-01")).is_err());
    }
}
