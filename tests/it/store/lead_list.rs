//! The list of leads.

use partnercast::store::{
    lead_list::{Filter, PAGE, by_stage, page},
    leads::add,
    offers::{self, Answer},
    partners,
};

use super::leads::{new_lead, new_offer};
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx, outbox::partner};

both_dbs! {
    /// Found by name, company or address, by partner and by stage; with whom it is offered to until they answer.
    async fn page_finds_by_word_partner_and_stage(db: Db) {
        let random = SeededRandom::new(1);
        in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("northlight"), partner("thornbury")], &[]));
        for (no, name, of, stage) in [(1, "Bea Okafor", "northlight", "offered"), (2, "Al 100%", "thornbury", "won")] {
            let mut lead = new_lead(&format!("led_{no}"), &format!("p{no}@ol.example"));
            (lead.name, lead.partner_slug, lead.stage) = (name.to_owned(), of.to_owned(), stage.to_owned());
            lead.updated_ms += no;
            in_tx!(db, tx => add(tx, &lead));
        }
        in_tx!(db, tx => add(tx, &new_lead("led_3", "led_3@erased.invalid")));
        let find = async |search: &str, partner: &str, stage: &str| {
            let filter = Filter { search: search.into(), partner: partner.into(), stage: stage.into() };
            let found = page(&db, &filter, 0).await.unwrap();
            let counted: i64 = by_stage(&db, &filter).await.unwrap().iter().map(|(_, count)| count).sum();
            assert_eq!(counted, i64::try_from(found.len()).unwrap());
            found.into_iter().map(|it| it.lead.id).collect::<Vec<_>>()
        };
        assert_eq!(find("", "", "").await, ["led_2", "led_1"]);
        assert_eq!(find(" OKAFOR", "", "").await, ["led_1"]);
        assert_eq!(find("p2@", "", "").await, ["led_2"]);
        assert_eq!(find("%", "", "").await, ["led_2"]);
        assert_eq!(find("gas", "northlight", "").await, ["led_1"]);
        assert_eq!(find("", "", "won").await, ["led_2"]);
        assert!(find("okafor", "thornbury", "").await.is_empty());
        assert_eq!(page(&db, &Filter::default(), 1).await.unwrap().len(), 1);
        in_tx!(db, tx => offers::add(tx, &new_offer("off_1", "con_1", START_MS)));
        let offered = async || page(&db, &Filter::default(), 1).await.unwrap().remove(0).offered_to;
        assert_eq!(offered().await.as_deref(), Some("Rae"));
        let taken = Answer { answer: "accepted", reason: "", because: None };
        in_tx!(db, tx => offers::answer(tx, "off_1", START_MS, taken));
        assert_eq!(offered().await, None);
        assert_eq!(PAGE, 50);
    }
}
