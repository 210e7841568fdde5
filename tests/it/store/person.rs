//! What is held of a person.

use partnercast::store::{
    erased::{erased, remember, salt, salt_in},
    leads::{self, NewConsent},
    person::{
        blank_contact, blank_events, blank_lead, blank_mail, consents, forget_keys, is_erased, known, longer,
        rows as found, tables,
    },
    scrub::{Where, scrub},
    suppressions::{add, of},
};

use super::leads::{new_lead, scene};
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, rows, values},
    outbox::{Scene, address, contact, partner},
};

both_dbs! {
    /// Somebody is known by their address with any tag, as contact and as lead; their name is theirs while nobody else has it.
    async fn known_by_address(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => leads::add(tx, &leads::Lead { partner_slug: "thornbury".into(), ..new_lead("led_2", "BEA+x@customer.example") }));
        in_tx!(db, tx => leads::add(tx, &leads::Lead { name: "Bea Özil-Kaya".into(), ..new_lead("led_3", "rebea@customer.example") }));
        let bea = known(&db, "Bea@customer.example").await.unwrap();
        assert_eq!(bea.leads, ["led_1", "led_2"]);
        assert!(bea.names.is_empty(), "another's name begins like hers: {bea:?}");
        assert!(bea.addresses.iter().any(|one| one == "Bea@Customer.example") && bea.contacts.is_empty());
        assert!(known(&db, "nobody@customer.example").await.unwrap().is_nobody());
        assert_eq!(longer(&db, "bea@customer.example").await.unwrap(), ["rebea@customer.example"]);
        let all = tables(&db).await.unwrap();
        let lead = all.iter().find(|table| table.name == "lead").unwrap();
        let theirs = found(&db, lead, &bea, &["bea@customer.example".to_owned()]).await.unwrap();
        assert_eq!(theirs.len(), 3, "without its tag the second is hers; a row that only holds the text is told, too");
        assert!(theirs.iter().all(|(row, surely)| row.starts_with('{') && !surely));
        for spelling in bea.spellings() {
            let others = longer(&db, &spelling).await.unwrap();
            in_tx!(db, tx => scrub(tx, lead, &spelling, &others, Where::Anywhere));
        }
        let left: Vec<(String,)> = rows(&db, "SELECT email_key FROM lead ORDER BY id", vec![]).await;
        assert_eq!(left[2].0, "rebea@customer.example", "others stay whole");
        assert!(!left[0].0.contains("bea@"), "{left:?}");
    }

    /// Rows are emptied and stay; what waits does not leave.
    async fn blank_keeps_rows(db: Db) {
        let made = Scene::released(&db, "fold-forward", 2).await;
        let key = address(0).to_lowercase();
        in_tx!(db, tx => add(tx, START_MS, &key, "all", "unsubscribed"));
        let (who, id) = (&made.contacts[0], &made.deliveries[0]);
        in_tx!(db, tx => blank_events(tx, Some(who), None));
        in_tx!(db, tx => blank_mail(tx, &key, &[]));
        in_tx!(db, tx => blank_contact(tx, who, START_MS));
        in_tx!(db, tx => forget_keys(tx, &key));
        let mail: Vec<(String, String, String)> =
            rows(&db, "SELECT state, email, recipient_name FROM delivery WHERE id = $1", values![id]).await;
        assert_eq!((mail[0].0.as_str(), mail[0].2.as_str()), ("cancelled", "(erased)"));
        assert!(is_erased(&mail[0].1) && !is_erased("erased.invalid@clinic.example"), "{mail:?}");
        assert!(of(&db, START_MS, &key).await.unwrap().is_empty());
        assert_eq!(number(&db, "SELECT COUNT(*) FROM delivery WHERE state = 'ready'", vec![]).await, 1);
        assert!(known(&db, &key).await.unwrap().is_nobody());
    }

    /// A lead keeps its stage and the times of its steps; its consents are told for every partner.
    async fn blank_lead_keeps_the_ledger(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS, "Bea Özil", "mql", "wrote: call me"));
        let consent = NewConsent {
            text_id: "contact".into(), text_version: 3, purpose: "a call".into(), wording: "Yes".into(), locale: "en".to_owned(), granted: true,
        };
        in_tx!(db, tx => leads::add_consent(tx, "led_1", START_MS, &consent));
        let told = consents(&db, "bea@customer.example").await.unwrap();
        assert_eq!((told[0].partner_slug.as_str(), told[0].purpose.as_str(), told[0].text_version), ("northlight", "a call", 3));
        in_tx!(db, tx => blank_lead(tx, "led_1", "recycled", START_MS + 1));
        let steps = leads::steps(&db, "led_1").await.unwrap();
        assert_eq!((steps[0].what.as_str(), steps[0].stage.as_str(), steps[0].at_ms), ("(erased)", "mql", START_MS));
        let lead = leads::lead(&db, "led_1").await.unwrap().unwrap();
        assert_eq!((lead.name.as_str(), lead.stage.as_str(), lead.asset.as_str()), ("(erased)", "recycled", "first-24-hours"));
        assert!(consents(&db, "bea@customer.example").await.unwrap().is_empty());
    }

    /// A hash is remembered once, and known again.
    async fn erased_addresses_are_known_again(db: Db) {
        assert_eq!(salt(&db).await.unwrap(), None);
        in_tx!(db, tx => remember(tx, "h1", "s", START_MS));
        in_tx!(db, tx => remember(tx, "h1", "other", START_MS + 1));
        assert_eq!(salt(&db).await.unwrap().as_deref(), Some("s"));
        assert_eq!(in_tx!(db, tx => salt_in(tx)).as_deref(), Some("s"));
        assert_eq!(in_tx!(db, tx => erased(tx, vec!["h1".into(), "h2".into()])), ["h1"]);
    }

    /// Writing the database anew changes nothing in it.
    async fn scour_keeps_everything(db: Db) {
        let random = SeededRandom::new(9);
        let people = [contact("northlight", "ana@northlight.example")];
        in_tx!(db, tx => partnercast::store::partners::import(tx, START_MS, &random, &[partner("northlight")], &people));
        execute(&db, "DELETE FROM session", vec![]).await;
        db.scour().await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM contact", vec![]).await, 1);
    }
}
