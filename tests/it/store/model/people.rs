//! What people do to the queue while it works.

use partnercast::{
    domain::delivery::DeliveryState::{Cancelled, Dead, Expired, Failed, Ready, Uncertain},
    store::{issues, outbox, suppressions},
};

use super::{Model, READERS};
use crate::harness::{
    databases::in_tx,
    outbox::{LIFETIME_MS, key, word},
};

impl Model {
    pub(super) async fn steer(&mut self, issue: usize) -> String {
        let wanted = ["paused", "running", "running", "cancelled"][self.pick(4)];
        let known = &mut self.issues[issue];
        let expected = known.control != "cancelled" && known.control != wanted;
        let changed = in_tx!(self.db, tx => issues::control(tx, &known.scene.issue, wanted));
        assert_eq!(changed, expected);
        if expected {
            known.control = wanted;
            if wanted == "cancelled" {
                for id in &known.scene.deliveries {
                    if let Some(row) = self.rows.get_mut(id).filter(|row| row.state == Ready) {
                        row.state = Cancelled;
                    }
                }
            }
        }
        format!("issue {issue} is asked to be {wanted}")
    }

    pub(super) async fn suppress(&mut self) -> String {
        let reader = self.pick(READERS);
        if self.pick(2) == 0 {
            in_tx!(self.db, tx => suppressions::add(tx, self.now_ms, &key(reader), suppressions::ALL, "asked to"));
            self.suppressed.insert(reader);
            format!("reader {reader} unsubscribes")
        } else {
            in_tx!(self.db, tx => suppressions::remove(tx, &key(reader), suppressions::ALL));
            self.suppressed.remove(&reader);
            format!("reader {reader} subscribes")
        }
    }

    pub(super) async fn send_again(&mut self) -> String {
        let ids: Vec<_> = self.rows.keys().cloned().collect();
        let Some(id) = ids.get(self.pick(ids.len().max(1))) else { return "nothing was sent yet".to_owned() };
        let (back, now_ms) = (self.back(id), self.now_ms);
        let done = in_tx!(self.db, tx => outbox::send_again(tx, id, &word(now_ms, LIFETIME_MS)));
        let row = self.rows.get_mut(id).unwrap();
        let expected = back == Ready && matches!(row.state, Uncertain | Failed | Expired | Dead);
        assert_eq!(done, expected);
        if expected {
            (row.state, row.due_ms, row.expires_ms) = (Ready, now_ms, now_ms + LIFETIME_MS);
            (row.crashes, row.token) = (0, row.token + 1);
        }
        format!("a person has {id} sent again: {done}")
    }
}
