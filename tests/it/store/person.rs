//! What is held of a person.

use partnercast::store::{
    blanks::{
        blank_contact, blank_events, blank_lead, blank_mail, blank_rep, blank_rep_in_texts, forget_keys,
        names_of_rep,
    },
    erased::{erased, remember, salt, salt_in},
    leads::{self, NewConsent},
    offers::{self, Offer},
    person::{consents, fixed, is_erased, known, rows as found, tables},
    scrub::scrub,
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
        let all = tables(&db).await.unwrap();
        let lead = all.iter().find(|table| table.name == "lead").unwrap();
        let theirs = found(&db, lead, &bea, &["bea@customer.example".to_owned()]).await.unwrap();
        assert_eq!(theirs.len(), 3, "a row that only holds the text is told, too");
        let hers: Vec<bool> = theirs.iter().map(|(_, by_key)| *by_key).collect();
        assert!(hers == [true, true, false] && theirs.iter().all(|(row, _)| row.starts_with('{')), "{hers:?}");
        assert_eq!(in_tx!(db, tx => scrub(tx, lead, &bea)), 2);
        let left: Vec<(String,)> = rows(&db, "SELECT email_key FROM lead ORDER BY id", vec![]).await;
        assert_eq!(left[2].0, "rebea@customer.example", "others stay whole");
        assert!(!left[0].0.contains("bea@"), "{left:?}");
    }

    /// What is only a part of another's address stays, wherever it stands; a column of addresses holds whole ones. Names go from
    /// what is theirs alone, and what was fixed for an issue stays as it was approved.
    async fn nobody_else_is_scrubbed(db: Db) {
        let made = Scene::released(&db, "fold-forward", 1).await;
        scene(&db).await;
        for key in ["rebea@customer.example", "o'bea@customer.example", "bea@customer.example"] {
            in_tx!(db, tx => add(tx, START_MS, key, "all", "unsubscribed"));
        }
        let said = "Bea Özil and re-bea@customer.example, to <BEA@customer.example>.";
        for lead in ["led_1", "led_2"] {
            if lead == "led_2" {
                in_tx!(db, tx => leads::add(tx, &leads::Lead { name: "Bea".into(), ..new_lead(lead, "rebea@customer.example") }));
            }
            in_tx!(db, tx => leads::add_step(tx, lead, START_MS, "Dana", "mql", said));
        }
        execute(&db, "UPDATE rendition SET body = $1 WHERE id IN (SELECT rendition_id FROM delivery WHERE id = $2)", values![said, &made.deliveries[0]]).await;
        let mut bea = known(&db, "bea@customer.example").await.unwrap();
        bea.names = vec!["Bea Özil".to_owned()];
        for table in tables(&db).await.unwrap() {
            in_tx!(db, tx => scrub(tx, &table, &bea));
        }
        let keys: Vec<(String,)> = rows(&db, "SELECT email_key FROM suppression ORDER BY email_key", vec![]).await;
        let keys: Vec<&str> = keys.iter().map(|(key,)| key.as_str()).collect();
        assert_eq!(keys, ["(erased)", "o'bea@customer.example", "rebea@customer.example"]);
        let hers = &leads::steps(&db, "led_1").await.unwrap()[0].what;
        assert_eq!(hers, "(erased) and re-bea@customer.example, to <(erased)>.");
        let others = &leads::steps(&db, "led_2").await.unwrap()[0].what;
        assert_eq!(others, "Bea Özil and re-bea@customer.example, to <(erased)>.");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM rendition WHERE body = $1", values![said]).await, 1);
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

    /// The name of a rep goes from what they had, by their key; of others at the partner only out of what is written.
    async fn a_rep_is_taken_off_leads(db: Db) {
        scene(&db).await;
        let random = SeededRandom::new(9);
        let people = [contact("northlight", "luis@northlight.example")];
        in_tx!(db, tx => partnercast::store::partners::import(tx, START_MS, &random, &[partner("northlight")], &people));
        let id: Vec<(String,)> = rows(&db, "SELECT id FROM contact WHERE email_key = 'luis@northlight.example'", vec![]).await;
        let id = &id[0].0;
        let offer = Offer {
            id: "off_1".to_owned(),
            lead_id: "led_1".to_owned(),
            contact_id: Some(id.clone()),
            rep_name: "Luis Ortega".to_owned(),
            rep_email: "luis@northlight.example".to_owned(),
            because: "Luis Ortega is next".to_owned(),
            temperature: "hot".to_owned(),
            offered_ms: START_MS,
            purpose: "work".to_owned(),
            ..Offer::default()
        };
        in_tx!(db, tx => offers::add(tx, &offer));
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS, "Luis Ortega", "sal", "accepted"));
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS, "partnercast", "sal", "reminded Luis Ortega: late"));
        assert_eq!(in_tx!(db, tx => names_of_rep(tx, id)), ["Luis Ortega"]);
        in_tx!(db, tx => blank_rep_in_texts(tx, id, "Luis Ortega"));
        in_tx!(db, tx => blank_rep(tx, id));
        assert!(in_tx!(db, tx => names_of_rep(tx, id)).is_empty());
        let now = offers::offer(&db, "off_1").await.unwrap().unwrap();
        assert_eq!((now.rep_name.as_str(), now.because.as_str()), ("(erased)", "(erased) is next"));
        assert!(is_erased(&now.rep_email), "{now:?}");
        let steps = leads::steps(&db, "led_1").await.unwrap();
        assert!(steps.iter().all(|step| !step.actor.contains("Luis") && !step.what.contains("Luis")), "{steps:?}");
    }

    /// What was fixed for an issue is found with how much of it waits.
    async fn fixed_content_is_found(db: Db) {
        let made = Scene::released(&db, "fold-forward", 2).await;
        execute(&db, "UPDATE rendition SET body = 'Call ana@a.example' WHERE id IN (SELECT rendition_id FROM delivery WHERE id = $1)", values![&made.deliveries[0]]).await;
        let found = fixed(&db, "Ana@A.example").await.unwrap();
        assert!(found.len() == 1 && found[0].waiting >= 1, "{found:?}");
        assert!(found[0].text.contains("Call ana@a.example") && !found[0].issue.is_empty(), "{found:?}");
        assert!(fixed(&db, "nobody@a.example").await.unwrap().is_empty());
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
