//! What became of leads.

use partnercast::store::{
    Db,
    closings::{Closed, Filter, PAGE, count, list, reasons, say_why},
    leads::{add, add_step, steps, update},
    offers::{self, Answer},
    partners,
};

use super::leads::{new_lead, new_offer};
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx, outbox::partner};

const TAKEN: Answer<'_> = Answer { answer: "accepted", reason: "", because: None };

async fn with_partners(db: &Db) {
    let random = SeededRandom::new(1);
    in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("northlight"), partner("thornbury")], &[]));
}

fn of_rae(search: &str) -> Filter {
    Filter { rep_key: "rae@northlight.example".to_owned(), search: search.to_owned(), ..Filter::default() }
}

fn ids(all: &[Closed]) -> Vec<&str> {
    all.iter().map(|it| it.lead.id.as_str()).collect()
}

both_dbs! {
    /// Whoever had a lead last finds it when it was closed, by name, company or address, and so does who looks after the
    /// partner; who had it before finds nothing.
    async fn list_finds_what_was_closed_by_whoever_had_it_last(db: Db) {
        with_partners(&db).await;
        for (no, name) in [(1, "Bea Okafor"), (2, "100% Ulf")] {
            let (id, first, last) = (format!("led_{no}"), format!("off_{no}a"), format!("off_{no}b"));
            let mut lead = new_lead(&id, &format!("p{no}@ol.example"));
            name.clone_into(&mut lead.name);
            in_tx!(db, tx => add(tx, &lead));
            for (offer, address) in [(&first, "ulf@northlight.example"), (&last, "Rae@Northlight.example")] {
                let mut made = new_offer(offer, "con_1", START_MS + no);
                (made.lead_id, made.rep_email) = (id.clone(), address.to_owned());
                made.offered_ms += i64::from(offer == &last);
                in_tx!(db, tx => offers::add(tx, &made));
                in_tx!(db, tx => offers::answer(tx, offer, START_MS + 9, TAKEN));
                in_tx!(db, tx => offers::end(tx, offer, START_MS + 10 + no, ("", "Lost")));
            }
            assert!(list(&db, &of_rae(""), 0).await.unwrap().len() < usize::try_from(no).unwrap(), "not closed yet");
            let known = lead.stage.clone();
            "lost".clone_into(&mut lead.stage);
            in_tx!(db, tx => update(tx, &lead, START_MS, &known));
        }
        assert_eq!(ids(&list(&db, &of_rae(""), 0).await.unwrap()), ["led_2", "led_1"]);
        assert_eq!(list(&db, &of_rae(""), 0).await.unwrap()[0].closed_ms, START_MS + 12);
        assert_eq!(ids(&list(&db, &of_rae(""), 1).await.unwrap()), ["led_1"]);
        for (search, found) in [(" OKAFOR ", 1), ("gas", 2), ("p2@", 1), ("100%", 1), ("%", 1), ("_", 0), ("nobody", 0)] {
            assert_eq!(count(&db, &of_rae(search)).await.unwrap(), found, "{search}");
        }
        let ulf = Filter { rep_key: "ulf@northlight.example".to_owned(), ..Filter::default() };
        assert!(list(&db, &ulf, 0).await.unwrap().is_empty());
        let manager = Filter { partners: vec!["thornbury".into(), "northlight".into()], ..Filter::default() };
        assert_eq!(count(&db, &manager).await.unwrap(), 2);
        let north = Filter { partners: vec!["north".into()], ..Filter::default() };
        assert_eq!(count(&db, &north).await.unwrap(), 0, "the beginning of a slug is no slug");
        let one = Filter { id: "led_1".to_owned(), ..of_rae("") };
        assert_eq!(ids(&list(&db, &one, 0).await.unwrap()), ["led_1"]);
        assert_eq!(PAGE, 50);
    }

    /// Why a lead was closed stands with its step, and counts when the lead has come back since.
    async fn reasons_are_counted_from_what_happened(db: Db) {
        with_partners(&db).await;
        in_tx!(db, tx => add(tx, &new_lead("led_1", "bea@ol.example")));
        for (at_ms, stage, reason) in [(0, "disqualified", "timing"), (1, "recycled", ""), (2, "disqualified", "timing"), (3, "lost", "no_budget")] {
            in_tx!(db, tx => add_step(tx, "led_1", START_MS + at_ms, "Rae", stage, "said"));
            if !reason.is_empty() {
                in_tx!(db, tx => say_why(tx, "led_1", reason));
            }
        }
        assert_eq!(steps(&db, "led_1").await.unwrap().len(), 4);
        let both = [("no_budget".to_owned(), 1), ("timing".to_owned(), 2)];
        assert_eq!(reasons(&db, "northlight", START_MS - 1).await.unwrap(), both);
        assert_eq!(reasons(&db, "northlight", START_MS).await.unwrap()[1].1, 1);
        assert!(reasons(&db, "northlight", START_MS + 3).await.unwrap().is_empty());
        assert!(reasons(&db, "thornbury", 0).await.unwrap().is_empty());
    }
}
