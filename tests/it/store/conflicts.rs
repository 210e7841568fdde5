//! Conflicts of partners: cases, their leads, and what happened in them.

use partnercast::{
    domain::kernel::Kind,
    store::{
        Db,
        conflicts::{
            Case, Held, Party, Step, add, add_step, ask_anew, blank_reasons, case, case_in, forget, free,
            held_of, known, known_in, list, live, live_in, of_lead, of_rep, parties, parties_in, put_party,
            steps, take_turns, to_look_at, told, unmet, update,
        },
        decisions::decisions,
        leads::{self, NewConsent},
        offers, recalls,
    },
};

use super::{
    events::event,
    leads::{new_lead, new_offer, scene},
};
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx};

fn new_case(id: &str, state: &str, winner: Option<&str>) -> Case {
    Case {
        id: id.to_owned(),
        scope: "person".to_owned(),
        subject: "bea@customer.example".to_owned(),
        state: state.to_owned(),
        version: 1,
        opened_ms: START_MS,
        changed_ms: START_MS,
        winner: winner.map(str::to_owned),
        settled: winner.is_some(),
        asked_ms: if winner.is_none() { START_MS } else { 0 },
        told_percent: 0,
    }
}

fn party(lead: &str, partner: &str, held: bool) -> Party {
    Party {
        case_id: "cnf_1".to_owned(),
        lead_id: lead.to_owned(),
        partner_slug: partner.to_owned(),
        joined_ms: START_MS,
        asks: if held { "hot" } else { "" }.to_owned(),
        held,
    }
}

/// Bea, known through two partners, by two spellings of her address.
async fn two(db: &Db) {
    scene(db).await;
    let mut other = new_lead("led_2", "bea+news@customer.example");
    other.partner_slug = "thornbury".to_owned();
    other.created_ms += 5;
    in_tx!(db, tx => leads::add(tx, &other));
}

async fn offered(db: &Db, lead: &str, id: &str) {
    let mut offer = new_offer(id, "con_1", START_MS + 7);
    offer.lead_id = lead.to_owned();
    in_tx!(db, tx => offers::add(tx, &offer));
}

both_dbs! {
    /// Of two who wait for each other PostgreSQL ends one: that is no outage, and done again it goes through.
    async fn who_was_in_each_others_way_may_do_it_again(db: Db) {
        if !db.is_shared() {
            return;
        }
        let (mut one, mut other) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        take_turns(&mut one).await.unwrap();
        recalls::take_turns(&mut other).await.unwrap();
        let (first, second) = tokio::join!(
            async {
                let done = recalls::take_turns(&mut one).await;
                drop(one);
                done
            },
            async {
                let done = take_turns(&mut other).await;
                drop(other);
                done
            }
        );
        let faults: Vec<_> = [first, second].into_iter().filter_map(Result::err).collect();
        assert_eq!(faults.iter().map(|error| error.kind()).collect::<Vec<_>>(), [Kind::Conflict], "{faults:?}");
    }

    /// Who is at an address, whatever its tag, and who at a company's domain; what is known of each of their leads.
    async fn a_person_is_known_by_their_leads(db: Db) {
        two(&db).await;
        let rows = known(&db, "person", "bea@customer.example", 0).await.unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.lead_id.as_str()).collect();
        assert_eq!(ids, ["led_1", "led_2"], "the tag is no other person");
        assert!(rows.iter().all(|row| row.since_ms.is_none() && !row.agrees && !row.has_people && row.last_ms.is_none()));
        assert_eq!(known(&db, "account", "customer.example", 0).await.unwrap().len(), 2);
        assert!(known(&db, "account", "gmail.com", 0).await.unwrap().is_empty());
        let mut public = new_lead("led_3", "bea@gmail.com");
        public.email_key = "bea@gmail.com".to_owned();
        in_tx!(db, tx => leads::add(tx, &public));
        assert!(known(&db, "account", "gmail.com", 0).await.unwrap().is_empty(), "no company has that domain");

        offered(&db, "led_2", "off_1").await;
        let yes = NewConsent {
            text_id: "whitepaper".to_owned(),
            text_version: 1,
            purpose: "call".to_owned(),
            wording: "yes".to_owned(),
            granted: true,
            locale: "en".to_owned(),
        };
        in_tx!(db, tx => leads::add_consent(tx, "led_1", START_MS, &yes));
        let click = event(&SeededRandom::new(3), START_MS + 30, "click", true);
        in_tx!(db, tx => partnercast::store::events::insert(tx, vec![click]));
        let mut tx = db.begin().await.unwrap();
        let rows = known_in(&mut tx, "person", "bea@customer.example", 0).await.unwrap();
        assert_eq!((rows[0].agrees, rows[0].last_ms), (true, Some(START_MS + 30)));
        assert_eq!(rows[1].since_ms, Some(START_MS + 7));
        tx.commit().await.unwrap();
        in_tx!(db, tx => partnercast::store::consents::withdraw(tx, "led_1", START_MS + 1));
        assert!(!known(&db, "person", "bea@customer.example", 0).await.unwrap()[0].agrees);

        // A deal that was won is in hand for as long as is asked for.
        in_tx!(db, tx => leads::add_step(tx, "led_1", START_MS + 90, "Rae", "won", "won the deal"));
        let mut won = leads::lead(&db, "led_1").await.unwrap().unwrap();
        won.stage = "won".to_owned();
        in_tx!(db, tx => leads::update(tx, &won, won.updated_ms, "new"));
        assert_eq!(known(&db, "person", "bea@customer.example", START_MS).await.unwrap()[0].since_ms, Some(START_MS + 90));
        assert_eq!(known(&db, "person", "bea@customer.example", START_MS + 90).await.unwrap()[0].since_ms, None);
    }

    /// Whoever must decide is told once at each share of their time, which changes nothing for who looks at the case; once it is
    /// asked anew, their time begins again.
    async fn those_who_decide_are_told_once(db: Db) {
        two(&db).await;
        let first = new_case("cnf_1", "open", None);
        in_tx!(db, tx => add(tx, &first));
        assert!(in_tx!(db, tx => told(tx, &first, first.asked_ms, 50)));
        assert!(!in_tx!(db, tx => told(tx, &first, first.asked_ms, 50)), "another node did");
        let now = case(&db, "cnf_1").await.unwrap().unwrap();
        assert_eq!((now.told_percent, now.version), (50, first.version));
        assert!(in_tx!(db, tx => update(tx, &first, START_MS + 1)), "what somebody looks at is what it was");
        assert!(!in_tx!(db, tx => told(tx, &now, now.asked_ms, 80)), "it has changed since");
        let all = decisions(&db, 0, 9).await.unwrap();
        assert_eq!(all.iter().map(|it| (it.asked_ms, it.told_percent, it.decided_ms)).collect::<Vec<_>>(), [(START_MS, 50, None)]);
        in_tx!(db, tx => ask_anew(tx, "cnf_1", START_MS + 9));
        assert!(decisions(&db, START_MS + 9, 9).await.unwrap().is_empty());
        let now = case(&db, "cnf_1").await.unwrap().unwrap();
        assert_eq!((now.asked_ms, now.told_percent), (START_MS + 9, 0));
    }

    /// A case is found by whom it is about and by its leads, is one of its kind while it is not over, and changes only for who
    /// saw its latest version.
    async fn a_case_is_one_and_changes_for_who_saw_it(db: Db) {
        two(&db).await;
        let first = new_case("cnf_1", "open", None);
        let mut tx = db.begin().await.unwrap();
        take_turns(&mut tx).await.unwrap();
        add(&mut tx, &first).await.unwrap();
        put_party(&mut tx, &party("led_1", "northlight", false)).await.unwrap();
        put_party(&mut tx, &party("led_2", "thornbury", true)).await.unwrap();
        assert_eq!(live_in(&mut tx, "person", "bea@customer.example").await.unwrap(), Some(first.clone()));
        assert_eq!(parties_in(&mut tx, "cnf_1").await.unwrap().len(), 2);
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let again = add(&mut tx, &new_case("cnf_2", "open", None)).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict);
        drop(tx);
        assert_eq!(live(&db, "person", "bea@customer.example").await.unwrap(), Some(first.clone()));
        assert_eq!(live(&db, "account", "bea@customer.example").await.unwrap(), None);
        let (found, part) = of_lead(&db, "led_2").await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), part.held), ("cnf_1", true));

        let decided = Case { state: "decided".to_owned(), winner: Some("northlight".to_owned()), ..first.clone() };
        let mut tx = db.begin().await.unwrap();
        assert!(update(&mut tx, &decided, START_MS + 5).await.unwrap());
        assert!(!update(&mut tx, &decided, START_MS + 6).await.unwrap(), "nobody decides what they have not seen");
        let now = case_in(&mut tx, "cnf_1").await.unwrap().unwrap();
        assert_eq!((now.version, now.changed_ms, now.state.as_str()), (2, START_MS + 5, "decided"));
        tx.commit().await.unwrap();
        assert_eq!(case(&db, "cnf_1").await.unwrap(), Some(now.clone()));
        let held = Held {
            lead_id: "led_2".to_owned(),
            joined_ms: START_MS,
            asset: "first-24-hours".to_owned(),
            state: "decided".to_owned(),
            asks: "hot".to_owned(),
        };
        assert_eq!(held_of(&db, "thornbury").await.unwrap(), [held]);
        assert!(held_of(&db, "northlight").await.unwrap().is_empty());

        let over = Case { state: "over".to_owned(), ..now };
        let mut tx = db.begin().await.unwrap();
        assert!(update(&mut tx, &over, START_MS + 9).await.unwrap());
        assert_eq!(free(&mut tx, "cnf_1").await.unwrap(), 1);
        add(&mut tx, &new_case("cnf_2", "open", None)).await.unwrap();
        tx.commit().await.unwrap();
        let ids: Vec<String> = list(&db).await.unwrap().into_iter().map(|case| case.id).collect();
        assert_eq!(ids, ["cnf_2", "cnf_1"], "what waits comes first");
        assert!(of_lead(&db, "led_2").await.unwrap().is_none() && !parties(&db, "cnf_1").await.unwrap()[1].held);
    }

    /// What happened is numbered, and never changed.
    async fn steps_are_added(db: Db) {
        two(&db).await;
        in_tx!(db, tx => add(tx, &new_case("cnf_1", "open", None)));
        let step = |what: &str| Step {
            at_ms: START_MS,
            actor: "rule".to_owned(),
            what: what.to_owned(),
            because: "so".to_owned(),
            winner: None,
            looked: "[]".to_owned(),
        };
        in_tx!(db, tx => add_step(tx, "cnf_1", &step("one")));
        in_tx!(db, tx => add_step(tx, "cnf_1", &step("two")));
        assert_eq!(steps(&db, "cnf_1").await.unwrap(), [step("one"), step("two")]);
        in_tx!(db, tx => blank_reasons(tx, "cnf_1"));
        let reasons: Vec<String> = steps(&db, "cnf_1").await.unwrap().into_iter().map(|step| step.because).collect();
        assert_eq!(reasons, ["(erased)", "(erased)"], "but for somebody who is erased");
    }

    /// What is looked at again: what waits, what is not done, what went to nobody; and leads that two have at once.
    async fn what_is_to_be_looked_at_is_found(db: Db) {
        two(&db).await;
        assert!(unmet(&db, "person").await.unwrap().is_empty());
        offered(&db, "led_1", "off_1").await;
        offered(&db, "led_2", "off_2").await;
        assert_eq!(unmet(&db, "person").await.unwrap(), ["bea@customer.example"]);
        assert_eq!(unmet(&db, "account").await.unwrap(), ["customer.example"]);
        in_tx!(db, tx => add(tx, &new_case("cnf_1", "decided", Some("northlight"))));
        in_tx!(db, tx => put_party(tx, &party("led_1", "northlight", false)));
        in_tx!(db, tx => put_party(tx, &party("led_2", "thornbury", true)));
        assert!(unmet(&db, "person").await.unwrap().is_empty(), "it has its case");
        assert!(to_look_at(&db, 0, "").await.unwrap().is_empty(), "somebody goes on");
        let both = of_rep(&db, "rae@northlight.example").await.unwrap();
        assert_eq!(both, [("led_1".to_owned(), "decided".to_owned()), ("led_2".to_owned(), "decided".to_owned())]);
        let back = offers::Answer { answer: "recalled", reason: "", because: None };
        in_tx!(db, tx => offers::answer(tx, "off_1", START_MS + 9, back));
        assert_eq!(to_look_at(&db, 0, "").await.unwrap().len(), 1);
        assert!(to_look_at(&db, 0, "cnf_1").await.unwrap().is_empty());

        // Whoever is erased leaves nothing to decide.
        in_tx!(db, tx => forget(tx, "led_2", START_MS + 10));
        assert_eq!(case(&db, "cnf_1").await.unwrap().unwrap().state, "over");
        assert!(held_of(&db, "thornbury").await.unwrap().is_empty());
    }
}
