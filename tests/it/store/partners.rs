//! Partners and contacts.

use partnercast::{
    domain::{
        kernel::{Kind, Locale},
        partner::Tier,
    },
    store::partners::{
        all_partners, channel_managers, contact_at, contact_key, contacts, contacts_between, contacts_of,
        contacts_page, import, partner, partner_in, partners, places, slugs, zones,
    },
};

use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, rows, values},
    outbox::{contact as person, partner as firm},
};

both_dbs! {
    /// Everything about a partner and a person comes back as it was put in.
    async fn import_and_read_back(db: Db) {
        let random = SeededRandom::new(1);
        let mut ana = person("northlight", "Ana@Northlight.example");
        ana.locale = Some(Locale::parse("pt-BR").unwrap());
        ana.zone = Some(chrono_tz::America::Sao_Paulo);
        ana.lead_contact = true;
        in_tx!(db, tx => import(tx, START_MS, &random, &[firm("northlight")], std::slice::from_ref(&ana)));
        assert_eq!(partner(&db, "northlight").await.unwrap().unwrap(), firm("northlight"));
        assert_eq!(partners(&db, "").await.unwrap(), [firm("northlight")]);
        assert!(partner(&db, "none").await.unwrap().is_none());
        assert_eq!(in_tx!(db, tx => partner_in(tx, "northlight")).unwrap(), firm("northlight"));
        let stored = contacts(&db, "").await.unwrap().remove(0);
        assert_eq!(stored.contact, ana);
        let found = contact_at(&db, "ana@northlight.example").await.unwrap().unwrap();
        assert_eq!((found.id, found.contact), (stored.id, ana));
        assert!(contact_at(&db, "bo@northlight.example").await.unwrap().is_none());
    }

    /// Importing again updates; a person keeps the id as long as the address stays, in whatever case it is written.
    async fn import_again_updates_and_keeps_ids(db: Db) {
        let random = SeededRandom::new(2);
        let both = [firm("northlight"), firm("thornbury")];
        let ana = person("northlight", "ana@x.example");
        in_tx!(db, tx => import(tx, START_MS, &random, &both, &[ana]));
        let before = contacts(&db, "").await.unwrap().remove(0).id;
        let mut moved = person("thornbury", "ANA@x.example");
        moved.name = "Ana Other".to_owned();
        let mut raised = firm("northlight");
        raised.tier = Tier::Platinum;
        in_tx!(db, tx => import(tx, START_MS + 1, &random, &[raised], &[moved]));
        let after = contacts(&db, "").await.unwrap();
        assert_eq!(after.len(), 1);
        assert_eq!((after[0].id, after[0].contact.name.as_str()), (before, "Ana Other"));
        assert!(contacts_of(&db, "northlight").await.unwrap().is_empty());
        assert_eq!(contacts_of(&db, "thornbury").await.unwrap().len(), 1);
        assert_eq!(partner(&db, "northlight").await.unwrap().unwrap().tier, Tier::Platinum);
    }

    /// Who is no longer on their partner's list gets nothing more; their partner's zone is no longer asked for.
    async fn import_lets_go_of_who_is_gone(db: Db) {
        let random = SeededRandom::new(3);
        let both = [firm("northlight"), firm("thornbury")];
        let people = [person("northlight", "ana@x.example"), person("thornbury", "bo@x.example")];
        in_tx!(db, tx => import(tx, START_MS, &random, &both, &people));
        let zone = zones(&db).await.unwrap().remove(0);
        let at = |partner: &str| (partner.to_owned(), zone.clone());
        assert_eq!(places(&db).await.unwrap(), [at("northlight"), at("thornbury")]);
        assert_eq!(slugs(&db).await.unwrap(), ["northlight", "thornbury"]);
        let zones_before = zones(&db).await.unwrap();
        assert!(!zones_before.is_empty());
        in_tx!(db, tx => import(tx, START_MS + 1, &random, &[firm("northlight")], &[]));
        assert!(contact_at(&db, "ana@x.example").await.unwrap().is_none());
        assert_eq!(contacts(&db, "").await.unwrap().len(), 1, "the other partner's people stay");
    }

    /// One address twice in one import is refused on both databases, with the address, and nothing is stored.
    async fn import_refuses_an_address_given_twice(db: Db) {
        let random = SeededRandom::new(3);
        let twice = [person("northlight", "ana@x.example"), person("northlight", "Ana@X.example")];
        let mut tx = db.begin().await.unwrap();
        let error = import(&mut tx, START_MS, &random, &[firm("northlight")], &twice).await.unwrap_err();
        drop(tx);
        assert_eq!(error.kind(), Kind::Invalid, "{}", error.detail());
        assert!(error.public().contains("ana@x.example"), "{error}");
        assert!(partners(&db, "").await.unwrap().is_empty());
    }

    /// People who have left are not sent to, and open nothing.
    async fn contacts_are_the_active_ones(db: Db) {
        let random = SeededRandom::new(4);
        let people = [person("northlight", "a@x.example"), person("northlight", "b@x.example")];
        in_tx!(db, tx => import(tx, START_MS, &random, &[firm("northlight")], &people));
        let all = contacts(&db, "").await.unwrap();
        execute(&db, "UPDATE contact SET active = $2 WHERE id = $1", values![all[0].id.to_string(), false]).await;
        assert_eq!(contacts(&db, "").await.unwrap().len(), 1);
        assert_eq!(contacts_of(&db, "northlight").await.unwrap().len(), 1);
        assert!(contact_at(&db, &all[0].contact.email.key()).await.unwrap().is_none());
        assert!(contact_at(&db, &all[1].contact.email.key()).await.unwrap().is_some());
        assert!(contacts(&db, &all[1].id.to_string()).await.unwrap().is_empty(), "the page after the last");
        assert_eq!(contacts_page(&db, "", 1).await.unwrap().len(), 1);
        assert_eq!(contacts_page(&db, &all[0].key, 1).await.unwrap()[0].id, all[1].id);
        let second = contact_key(&db, "", 2).await.unwrap().unwrap();
        let known: Vec<(String,)> = rows(&db, "SELECT id FROM contact ORDER BY id LIMIT 2", vec![]).await;
        assert_eq!(second, known[1].0, "the second, active or not");
        assert!(contact_key(&db, &second, 1_000).await.unwrap().is_none());
        let between = contacts_between(&db, &all[0].key, &all[1].key).await.unwrap();
        assert_eq!(between.iter().map(|it| it.id).collect::<Vec<_>>(), [all[1].id], "one end is in, the other is not");
    }

    /// The channel managers of all partners, each once.
    async fn channel_managers_are_named_once(db: Db) {
        let random = SeededRandom::new(5);
        let mut other = firm("thornbury");
        other.channel_manager_email = "Zoë@vendor.example".to_owned();
        let firms = [firm("northlight"), firm("rheinbogen"), other];
        in_tx!(db, tx => import(tx, START_MS, &random, &firms, &[]));
        let mut expected = vec![firm("northlight").channel_manager_email, "Zoë@vendor.example".to_owned()];
        expected.sort();
        let mut found = channel_managers(&db).await.unwrap();
        found.sort();
        assert_eq!(found, expected);
    }

    /// More partners than a page and than a statement.
    async fn all_partners_goes_beyond_a_page(db: Db) {
        let random = SeededRandom::new(5);
        let firms: Vec<_> = (0..1_200).map(|at| firm(&format!("p{at:05}"))).collect();
        in_tx!(db, tx => import(tx, START_MS, &random, &firms, &[]));
        let all = all_partners(&db).await.unwrap();
        assert_eq!(all.len(), 1_200);
        assert!(all.is_sorted_by_key(|firm| firm.slug.as_str().to_owned()));
        assert_eq!(partners(&db, "p00999").await.unwrap().len(), 200);
    }

    /// A person of a partner that is not there is refused.
    async fn import_wants_the_partner(db: Db) {
        let random = SeededRandom::new(6);
        let mut tx = db.begin().await.unwrap();
        let error = import(&mut tx, START_MS, &random, &[], &[person("none", "a@x.example")]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{}", error.detail());
    }

    /// A value that no longer means anything is our fault: the log names table, column and row, the reader sees none.
    async fn damaged_values_name_their_place(db: Db) {
        let random = SeededRandom::new(7);
        let people = [person("northlight", "a@x.example")];
        in_tx!(db, tx => import(tx, START_MS, &random, &[firm("northlight")], &people));
        let id = contacts(&db, "").await.unwrap()[0].id.to_string();
        let damages: [(&'static str, &'static str, &'static str); 6] = [
            ("UPDATE contact SET roles = 'boss'", "UPDATE contact SET roles = 'sales'", "column roles"),
            ("UPDATE contact SET locale = '?'", "UPDATE contact SET locale = NULL", "column locale"),
            ("UPDATE contact SET zone = 'Mars/X'", "UPDATE contact SET zone = NULL", "column zone"),
            ("UPDATE contact SET email = 'x'", "UPDATE contact SET email = 'a@x.example'", "column email"),
            ("UPDATE partner SET tier = 'tin'", "UPDATE partner SET tier = 'gold'", "column tier"),
            ("UPDATE partner SET parent = '?'", "UPDATE partner SET parent = NULL", "column parent"),
        ];
        for (damage, repair, place) in damages {
            execute(&db, damage, vec![]).await;
            let error = if damage.contains("contact") {
                contacts(&db, "").await.unwrap_err()
            } else {
                partner(&db, "northlight").await.unwrap_err()
            };
            let row = if damage.contains("contact") { id.as_str() } else { "row northlight" };
            assert_eq!(error.kind(), Kind::Internal, "{damage}: {}", error.detail());
            assert!(error.detail().contains(place) && error.detail().contains(row), "{}", error.detail());
            assert!(!error.public().contains("column"), "{error}");
            execute(&db, repair, vec![]).await;
        }
        assert_eq!(contacts(&db, "").await.unwrap().len(), 1);
    }
}
