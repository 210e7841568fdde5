//! Digests: what is due together for one person may come as one mail.
//!
//! Newsletters that allow it stand in an order: by the priority of `rules/frequency.toml`, then by name. The first that a
//! person gets is their *host*. The others are *guests* of its mail if its hour is at most so many hours before their own
//! as they allow, and never after it: so nothing comes late by being merged.

use std::cmp::Ordering;

use crate::domain::{
    content::{
        kinds::{Issue, Newsletter},
        rules::FrequencyRules,
    },
    kernel::clock::{HOUR_MS, UtcMs},
};

/// Most guests of one mail.
pub const GUESTS_MAX: usize = 4;
/// Most issues that are fixed together: a host with its guests, and what may ride with these where there is no host.
pub const TOGETHER_MAX: usize = 8;

/// How many hours before its own an issue may come, if it may be merged at all. With stages or two subjects it may not:
/// they divide its readers, and a mail that is one for several issues cannot be divided for one.
pub fn allowed_hours(newsletter: &Newsletter, issue: &Issue) -> Option<u32> {
    newsletter.digest_hours.filter(|_| newsletter.staged.is_none() && issue.subject_b.is_none())
}

/// Which of two newsletters comes first.
pub fn order(rules: &FrequencyRules, a: &str, b: &str) -> Ordering {
    (rules.rank(a), a).cmp(&(rules.rank(b), b))
}

/// Whether an issue that is due at `guest_ms`, and may come so many `hours` sooner, may ride in a mail that is due at
/// `host_ms`.
pub fn may_ride(host_ms: UtcMs, guest_ms: UtcMs, hours: u32) -> bool {
    (0..=i64::from(hours) * HOUR_MS).contains(&(guest_ms - host_ms))
}

/// The mails of one person, of issues taken in their order.
#[derive(Debug, Clone, Default)]
pub struct Mails(Vec<Mail>);

#[derive(Debug, Clone)]
struct Mail {
    issue: usize,
    due_ms: UtcMs,
    /// The newsletters of the issues in it.
    inside: Vec<usize>,
    open: bool,
}

impl Mails {
    /// The issue in whose mail one of `newsletter` may ride that is due at `due_ms` and allows `hours`: the first that fits, has
    /// room, and has none of the same newsletter in it.
    pub fn host_for(&self, newsletter: usize, due_ms: UtcMs, hours: Option<u32>) -> Option<usize> {
        let hours = hours?;
        let has_room =
            |mail: &&Mail| mail.open && mail.inside.len() <= GUESTS_MAX && !mail.inside.contains(&newsletter);
        let mut fitting = self.0.iter().filter(has_room).filter(|mail| may_ride(mail.due_ms, due_ms, hours));
        fitting.next().map(|mail| mail.issue)
    }

    /// Notes that `issue` of `newsletter` comes as a mail of its own at `due_ms`; it may carry others if it is `open`.
    pub fn own(&mut self, (issue, newsletter): (usize, usize), due_ms: UtcMs, open: bool) {
        self.0.push(Mail { issue, due_ms, inside: vec![newsletter], open });
    }

    /// Notes that one of `newsletter` rides in the mail of `host`.
    pub fn ride(&mut self, newsletter: usize, host: usize) {
        if let Some(mail) = self.0.iter_mut().find(|mail| mail.issue == host) {
            mail.inside.push(newsletter);
        }
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which of somebody's issues are mails of their own: for issues in their order, each with the number of its newsletter, its
/// hour, and what it allows.
pub fn own_mails(issues: &[(usize, UtcMs, Option<u32>)]) -> Vec<bool> {
    let mut mails = Mails::default();
    let mut own = Vec::with_capacity(issues.len());
    for (number, (newsletter, due_ms, hours)) in issues.iter().enumerate() {
        let host = mails.host_for(*newsletter, *due_ms, *hours);
        match host {
            Some(host) => mails.ride(*newsletter, host),
            None => mails.own((number, *newsletter), *due_ms, hours.is_some()),
        }
        own.push(host.is_none());
    }
    own
}

/// The parts into which issues fall that share mails, as numbers below `count`, smallest first; `rides` are pairs of host
/// and guest. What shares no mail is in no part.
pub fn parts(count: usize, rides: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut part_of: Vec<usize> = (0..count).collect();
    for (host, guest) in rides {
        let (Some(a), Some(b)) = (part_of.get(*host).copied(), part_of.get(*guest).copied()) else {
            continue;
        };
        part_of.iter_mut().filter(|part| **part == a || **part == b).for_each(|part| *part = a.min(b));
    }
    (0..count)
        .map(|part| (0..count).filter(|issue| part_of[*issue] == part).collect::<Vec<_>>())
        .filter(|part| part.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::kinds::Staged;

    const H: i64 = HOUR_MS;

    #[test]
    fn a_guest_comes_sooner_but_never_later_than_promised() {
        assert!(may_ride(9 * H, 9 * H, 0), "the same instant");
        assert!(!may_ride(9 * H, 9 * H + 1, 0) && !may_ride(9 * H + 1, 9 * H, 24));
        assert!(may_ride(9 * H, 11 * H, 2) && !may_ride(9 * H, 11 * H + 1, 2));
    }

    /// Of as many newsletters.
    fn own(issues: &[(UtcMs, Option<u32>)]) -> Vec<bool> {
        let all = issues.iter().enumerate().map(|(number, (due_ms, hours))| (number, *due_ms, *hours));
        own_mails(&all.collect::<Vec<_>>())
    }

    #[test]
    fn the_first_that_fits_is_the_host_and_has_room_for_four() {
        assert_eq!(own(&[(9 * H, Some(0)), (9 * H, Some(0)), (9 * H, None)]), [true, false, true]);
        assert_eq!(own(&[(9 * H, None), (9 * H, Some(0))]), [true, true], "both must allow it");
        assert_eq!(own(&[(10 * H, Some(2)), (9 * H, Some(2))]), [true, true], "nobody waits for another");
        // The third does not fit the first, and the second is a guest: so it is alone.
        assert_eq!(own(&[(9 * H, Some(4)), (12 * H, Some(4)), (14 * H, Some(4))]), [true, false, true]);
        assert_eq!(own(&[(12 * H, Some(1)), (9 * H, Some(1)), (10 * H, Some(1))]), [true, true, false]);
        let six = own(&[(0, Some(0)); 6]);
        assert_eq!(six, [true, false, false, false, false, true], "the sixth comes alone");
    }

    #[test]
    fn a_newsletter_shares_no_mail_with_itself() {
        let day = 24 * H;
        assert_eq!(own_mails(&[(0, 9 * H, Some(24)), (0, 9 * H + day, Some(24))]), [true, true]);
        let daily = [
            (0, 9 * H, Some(24)),
            (0, 9 * H + day, Some(24)),
            (1, 9 * H, Some(24)),
            (1, 9 * H + day, Some(24)),
        ];
        assert_eq!(own_mails(&daily), [true, true, false, false], "each rides in the mail of its day");
    }

    #[test]
    fn what_shares_mails_hangs_together() {
        assert_eq!(parts(4, &[]), [] as [Vec<usize>; 0]);
        assert_eq!(parts(5, &[(0, 1), (3, 4)]), [vec![0, 1], vec![3, 4]]);
        assert_eq!(parts(5, &[(3, 4), (1, 3), (1, 2)]), [vec![1, 2, 3, 4]]);
    }

    #[test]
    fn stages_and_two_subjects_are_not_merged() {
        let mut newsletter = Newsletter { digest_hours: Some(3), ..Newsletter::default() };
        let mut issue = Issue::default();
        assert_eq!(allowed_hours(&newsletter, &issue), Some(3));
        issue.subject_b = Some(issue.subject.clone());
        assert_eq!(allowed_hours(&newsletter, &issue), None);
        issue.subject_b = None;
        newsletter.staged = Some(Staged { pilot: Vec::new(), share: 10, wait_minutes: 5 });
        assert_eq!(allowed_hours(&newsletter, &issue), None);
    }
}
