//! The links followed within the last moments, by message: what a burst is found by.

use std::collections::{HashMap, VecDeque};

use crate::domain::{
    engagement::Followed,
    kernel::{clock::UtcMs, id::DeliveryId},
};

/// Messages remembered at most; at 15,000 clicks a second, two seconds of them.
const MESSAGES_MAX: usize = 50_000;
/// Links of one message remembered at most: more than a burst needs.
const LINKS_MAX: usize = 64;

/// Links followed lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    by_message: HashMap<DeliveryId, Vec<Followed>>,
    /// When each message was first followed, in that order.
    order: VecDeque<(UtcMs, DeliveryId)>,
}

impl Recent {
    /// Remembers that a link of `delivery` was followed, and forgets what is older than `keep_ms`.
    pub(super) fn note(&mut self, delivery: DeliveryId, followed: Followed, keep_ms: i64) {
        let links = self.by_message.entry(delivery).or_default();
        if links.is_empty() {
            self.order.push_back((followed.at_ms, delivery));
        }
        if links.len() >= LINKS_MAX {
            links.remove(0);
        }
        let at = links.partition_point(|known| known.at_ms <= followed.at_ms);
        links.insert(at, followed);
        self.forget(followed.at_ms - keep_ms);
    }

    /// The links of `delivery` that were followed lately, in order of time.
    pub(super) fn of(&self, delivery: DeliveryId) -> &[Followed] {
        self.by_message.get(&delivery).map_or(&[], Vec::as_slice)
    }

    fn forget(&mut self, before_ms: UtcMs) {
        while let Some((at_ms, delivery)) = self.order.front().copied() {
            if at_ms >= before_ms && self.order.len() <= MESSAGES_MAX {
                break;
            }
            self.order.pop_front();
            let Some(links) = self.by_message.get_mut(&delivery) else { continue };
            links.retain(|it| it.at_ms >= before_ms);
            match links.first() {
                Some(first) if self.order.len() < MESSAGES_MAX => {
                    self.order.push_back((first.at_ms, delivery));
                }
                _ => drop(self.by_message.remove(&delivery)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    fn followed(at_ms: i64, link_no: i64) -> Followed {
        Followed { at_ms, link_no, honeypot: false }
    }

    #[test]
    fn what_is_old_is_forgotten_and_what_is_late_is_put_in_order() {
        let random = SeededRandom::new(1);
        let (one, other) = (DeliveryId::new(1, &random), DeliveryId::new(2, &random));
        let mut recent = Recent::default();
        for (at_ms, link) in [(0, 1), (1_000, 2), (500, 3)] {
            recent.note(one, followed(at_ms, link), 2_000);
        }
        assert_eq!(recent.of(one).iter().map(|it| it.link_no).collect::<Vec<_>>(), [1, 3, 2]);
        recent.note(other, followed(2_700, 1), 2_000);
        assert_eq!(recent.of(one).iter().map(|it| it.link_no).collect::<Vec<_>>(), [2]);
        recent.note(other, followed(9_000, 2), 2_000);
        assert!(recent.of(one).is_empty());
        assert_eq!((recent.of(other).len(), recent.by_message.len(), recent.order.len()), (1, 1, 1));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let random = SeededRandom::new(2);
        let mut recent = Recent::default();
        let flooded = DeliveryId::new(1, &random);
        for number in 0..1_000 {
            recent.note(flooded, followed(0, number), 2_000);
        }
        assert_eq!(recent.of(flooded).len(), LINKS_MAX);
        for _ in 0..MESSAGES_MAX + 500 {
            recent.note(DeliveryId::new(1, &random), followed(1, 1), 2_000);
        }
        assert!(recent.by_message.len() <= MESSAGES_MAX + 1 && recent.order.len() <= MESSAGES_MAX + 1);
    }
}
