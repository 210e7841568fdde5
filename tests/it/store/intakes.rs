//! Leads in numbers: a statement for many, nobody taken twice, what is due in its order.

use partnercast::{
    domain::kernel::Kind,
    store::{
        events,
        intakes::{
            HOUSE, Intake, NewStep, add_consents, add_steps, due, due_now, forget, forget_before, hold,
            known_among, note, of_lead, open_house, put_off, remember, seen, update,
        },
        leads::{self, NewConsent, add_all},
        partners,
    },
};

use super::{
    events::event,
    leads::{new_lead, scene},
};
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{in_tx, rows},
};

fn intake(lead: &str, due_ms: Option<i64>) -> Intake {
    Intake {
        lead_id: lead.to_owned(),
        country: "DE".to_owned(),
        vertical: "health".to_owned(),
        by_vendor: true,
        asks: true,
        due_ms,
        came_ms: START_MS,
    }
}

both_dbs! {
    /// Many leads, their steps and consents go in at once; an address that a partner has already is refused.
    async fn many_go_in_at_once(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => open_house(tx, START_MS));
        in_tx!(db, tx => open_house(tx, START_MS + 1));
        assert!(partners::partner(&db, HOUSE).await.unwrap().is_none(), "the vendor is no partner");
        assert!(!partners::slugs(&db).await.unwrap().contains(&HOUSE.to_owned()));
        assert!(partners::all_partners(&db).await.unwrap().iter().all(|partner| partner.slug.as_str() != HOUSE));
        assert!(!partners::channel_managers(&db).await.unwrap().contains(&String::new()));

        let many: Vec<leads::Lead> = (0..700)
            .map(|n| leads::Lead {
                partner_slug: HOUSE.to_owned(),
                ..new_lead(&format!("led_m{n:04}"), &format!("p{n}@m.example"))
            })
            .collect();
        assert_eq!(in_tx!(db, tx => add_all(tx, &many)), 700);
        let keys: Vec<(String, String)> =
            rows(&db, "SELECT person_key, account FROM lead WHERE id = 'led_m0007'", vec![]).await;
        assert_eq!(keys, [("p7@m.example".to_owned(), "m.example".to_owned())], "conflicts are found by these");
        let known = in_tx!(db, tx => known_among(tx, "person", &["p7@m.example".into(), "nobody@m.example".into()]));
        assert_eq!(known, ["p7@m.example"]);
        let known = in_tx!(db, tx => known_among(tx, "account", &["m.example".into(), "n.example".into()]));
        assert_eq!(known, ["m.example"], "once, however many there are");
        let steps = many.iter().flat_map(|lead| {
            [1, 2].map(|no| NewStep {
                lead_id: lead.id.clone(),
                no,
                actor: "operator".to_owned(),
                stage: "inquiry".to_owned(),
                what: format!("step {no}"),
            })
        });
        assert_eq!(in_tx!(db, tx => add_steps(tx, START_MS, steps.clone().collect())), 1_400);
        let consent = NewConsent {
            text_id: "vendor-form".to_owned(),
            text_version: 1,
            purpose: "follow_up".to_owned(),
            wording: "May call me.".to_owned(),
            granted: true,
            locale: "en".to_owned(),
        };
        let consents = || many.iter().map(|lead| (lead.id.clone(), START_MS, consent.clone())).collect();
        assert_eq!(in_tx!(db, tx => add_consents(tx, consents())), 700);
        assert_eq!(in_tx!(db, tx => add_consents(tx, consents())), 0, "the same word once");
        assert_eq!(leads::steps(&db, "led_m0699").await.unwrap().len(), 2);

        let mut tx = db.begin().await.unwrap();
        assert_eq!(add_all(&mut tx, &many[..1]).await.unwrap_err().kind(), Kind::Conflict);
    }

    /// Whoever is known is found at every partner, with the number of their last step, and is brought up to date.
    async fn the_known_are_held_and_changed(db: Db) {
        scene(&db).await;
        let mut other = new_lead("led_2", "bea@customer.example");
        other.partner_slug = "thornbury".to_owned();
        in_tx!(db, tx => add_all(tx, &[other]));
        in_tx!(db, tx => leads::add_step(tx, "led_2", START_MS, "Bea", "inquiry", "came"));
        let random = SeededRandom::new(4);
        let of = |lead: &str, at_ms| events::Event {
            lead_id: Some(lead.to_owned()),
            ..event(&random, at_ms, "click", true)
        };
        in_tx!(db, tx => events::insert(tx, vec![of("led_2", 5), of("led_9", 6), of("led_2", 3)]));
        let mut tx = db.begin().await.unwrap();
        let mut held = hold(&mut tx, &["bea@customer.example".to_owned(), "x@y.example".to_owned()]).await.unwrap();
        held.sort_by(|a, b| a.lead.id.cmp(&b.lead.id));
        assert_eq!(held.iter().map(|it| (it.lead.id.as_str(), it.steps)).collect::<Vec<_>>(), [("led_1", 0), ("led_2", 1)]);
        let seen = events::of_leads_in(&mut tx, &["led_1".to_owned(), "led_2".to_owned()]).await.unwrap();
        assert_eq!(seen.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [3, 5]);
        let mut lead = held.remove(1).lead;
        lead.phone = Some("+49 1".to_owned());
        lead.score = 77;
        lead.stage = "won".to_owned();
        assert_eq!(update(&mut tx, &[lead]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let now = leads::lead(&db, "led_2").await.unwrap().unwrap();
        assert_eq!((now.phone.as_deref(), now.score, now.stage.as_str()), (Some("+49 1"), 77, "new"), "its stage stays");
    }

    /// Rows are remembered until they are forgotten: with their lead, or after a time.
    async fn rows_are_remembered(db: Db) {
        scene(&db).await;
        let marks = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let pairs = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "led_1".to_owned())).collect();
        in_tx!(db, tx => remember(tx, pairs(&["a", "b"]), START_MS));
        assert_eq!(in_tx!(db, tx => remember(tx, pairs(&["b", "c"]), START_MS + 5)), 1);
        let mut known = in_tx!(db, tx => seen(tx, marks(&["a", "c", "z"])));
        known.sort();
        assert_eq!(known, ["a", "c"]);
        assert_eq!(in_tx!(db, tx => forget_before(tx, START_MS + 1)), 2);
        in_tx!(db, tx => note(tx, vec![intake("led_1", None)]));
        in_tx!(db, tx => forget(tx, "led_1"));
        assert!(in_tx!(db, tx => seen(tx, marks(&["a", "b", "c"]))).is_empty());
        assert!(of_lead(&db, "led_1").await.unwrap().is_none());
    }

    /// What came with a lead is added to; what is due stays due until it was judged, once.
    async fn what_is_due_comes_in_its_order(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add_all(tx, &[new_lead("led_2", "c@c.example")]));
        in_tx!(db, tx => note(tx, vec![intake("led_1", Some(20)), intake("led_2", Some(10))]));
        let again = Intake { country: String::new(), vertical: "law".to_owned(), asks: false, ..intake("led_1", None) };
        in_tx!(db, tx => note(tx, vec![again]));
        let one = of_lead(&db, "led_1").await.unwrap().unwrap();
        assert_eq!((one.country.as_str(), one.vertical.as_str(), one.asks, one.due_ms), ("DE", "law", true, Some(20)));
        let ids = |rows: Vec<Intake>| rows.into_iter().map(|row| row.lead_id).collect::<Vec<_>>();
        assert_eq!(ids(due(&db, 15, 9).await.unwrap()), ["led_2"]);
        assert_eq!(ids(due(&db, 20, 9).await.unwrap()), ["led_2", "led_1"]);
        assert_eq!(ids(due(&db, 20, 1).await.unwrap()), ["led_2"]);
        assert!(in_tx!(db, tx => put_off(tx, "led_2", Some(10), Some(30))));
        assert!(!in_tx!(db, tx => put_off(tx, "led_2", Some(10), None)), "somebody else was first");
        assert!(in_tx!(db, tx => put_off(tx, "led_2", Some(30), None)));
        assert_eq!(ids(due(&db, 99, 9).await.unwrap()), ["led_1"]);
        // By whatever way a lead is to be judged now, once; what was asked for before and is done is not asked for again.
        in_tx!(db, tx => leads::add(tx, &new_lead("led_new", "new@m.example")));
        for lead in ["led_2", "led_new"] {
            in_tx!(db, tx => due_now(tx, lead, false, START_MS + 5));
            let one = of_lead(&db, lead).await.unwrap().unwrap();
            assert_eq!((one.due_ms, one.asks), (Some(START_MS + 5), false), "{lead}");
        }
        in_tx!(db, tx => due_now(tx, "led_new", true, START_MS + 6));
        in_tx!(db, tx => due_now(tx, "led_new", false, START_MS + 7));
        let one = of_lead(&db, "led_new").await.unwrap().unwrap();
        assert_eq!((one.due_ms, one.asks, one.by_vendor), (Some(START_MS + 7), true, false));
    }
}
