//! How offers of leads were answered: how many were taken, and how soon.

/// Of a hundred offers so many should be accepted; fewer mean that the definition or the routing is wrong.
pub const ACCEPTANCE_TARGET_PERCENT: u32 = 90;

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Taken.
    Accepted,
    /// Turned down.
    Rejected,
    /// Nobody answered in time.
    Overdue,
    /// Taken back by the vendor, which says nothing of whoever had it.
    Withdrawn,
}

/// Offers to somebody, or to several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Made.
    pub offered: u32,
    /// Taken.
    pub accepted: u32,
    /// Turned down.
    pub rejected: u32,
    /// Not answered in time.
    pub overdue: u32,
    /// Business minutes until the answer, of those that were answered.
    answered_minutes: Vec<u32>,
}

impl Record {
    /// Counts an offer: how it ended, if it has, and after how many business minutes.
    pub fn add(&mut self, ending: Option<Ending>, minutes: u32) {
        self.offered += 1;
        match ending {
            Some(Ending::Accepted) => self.accepted += 1,
            Some(Ending::Rejected) => self.rejected += 1,
            Some(Ending::Overdue) => self.overdue += 1,
            Some(Ending::Withdrawn) | None => return,
        }
        if ending != Some(Ending::Overdue) {
            self.answered_minutes.push(minutes);
        }
    }

    /// Counts all that another counted.
    pub fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.overdue += other.overdue;
        self.answered_minutes.extend(&other.answered_minutes);
    }

    /// Offers that ended in one of the ways that say something.
    pub fn decided(&self) -> u32 {
        self.accepted + self.rejected + self.overdue
    }

    /// How many of a hundred were taken, rounded down; nothing before one was decided.
    pub fn acceptance_percent(&self) -> Option<u32> {
        (self.accepted * 100).checked_div(self.decided())
    }

    /// Business minutes within which `percent` of those who answered did so, the nearest rank; nothing before an answer.
    pub fn answered_within_minutes(&self, percent: u32) -> Option<u32> {
        let mut minutes = self.answered_minutes.clone();
        minutes.sort_unstable();
        let rank = (minutes.len() * usize::try_from(percent).unwrap_or(100)).div_ceil(100);
        minutes.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_something_is_counted() {
        let mut record = Record::default();
        assert_eq!((record.acceptance_percent(), record.answered_within_minutes(50)), (None, None));
        for minutes in 1..=8 {
            record.add(Some(Ending::Accepted), minutes * 10);
        }
        record.add(Some(Ending::Rejected), 90);
        record.add(Some(Ending::Overdue), 480);
        record.add(Some(Ending::Withdrawn), 5);
        record.add(None, 5);
        assert_eq!((record.offered, record.decided(), record.acceptance_percent()), (12, 10, Some(80)));
        assert_eq!(record.answered_within_minutes(50), Some(50), "of nine answers the fifth");
        assert_eq!(record.answered_within_minutes(90), Some(90));
        let mut all = Record::default();
        all.merge(&record);
        all.merge(&record);
        assert_eq!(
            (all.offered, all.acceptance_percent(), all.answered_within_minutes(90)),
            (24, Some(80), Some(90))
        );
    }
}
