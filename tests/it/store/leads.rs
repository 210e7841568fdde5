//! Leads, their steps, amounts and consents.

use partnercast::{
    domain::kernel::Kind,
    store::{
        Db,
        leads::{
            Amount, Lead, NewConsent, add, add_amount, add_consent, add_step, amounts, at_address, at_person,
            by_address, consents, in_hand, lead, lead_in, of_rep, recent, steps, update,
        },
        nurture::to_reopen,
        offers::{self, Answer, Offer},
        partners,
    },
};

use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx, outbox::partner};

pub fn new_lead(id: &str, email: &str) -> Lead {
    Lead {
        id: id.to_owned(),
        partner_slug: "northlight".to_owned(),
        email: email.to_owned(),
        email_key: email.to_lowercase(),
        name: "Bea Özil".to_owned(),
        company: "Öl & Gas GmbH".to_owned(),
        phone: None,
        job_role: Some("IT lead".to_owned()),
        company_size: Some("50-249".to_owned()),
        locale: "de".to_owned(),
        stage: "new".to_owned(),
        score: 12,
        fit: "B".to_owned(),
        because: "asked for the whitepaper".to_owned(),
        asset: "first-24-hours".to_owned(),
        origin: "newsletter".to_owned(),
        owner_name: None,
        owner_email: None,
        created_ms: START_MS,
        updated_ms: START_MS,
        recycled_ms: None,
        reopen_ms: None,
        closed_reason: String::new(),
        asked_again_ms: None,
    }
}

pub fn new_offer(id: &str, rep: &str, offered_ms: i64) -> Offer {
    Offer {
        id: id.to_owned(),
        lead_id: "led_1".to_owned(),
        contact_id: Some(rep.to_owned()),
        rep_name: "Rae".to_owned(),
        rep_email: "rae@northlight.example".to_owned(),
        purpose: "work".to_owned(),
        because: "next in turn".to_owned(),
        temperature: "hot".to_owned(),
        offered_ms,
        ..Offer::default()
    }
}

/// The partner and the lead `led_1`.
pub async fn scene(db: &Db) -> Lead {
    let random = SeededRandom::new(1);
    in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("northlight"), partner("thornbury")], &[]));
    let one = new_lead("led_1", "Bea@Customer.example");
    in_tx!(db, tx => add(tx, &one));
    one
}

both_dbs! {
    /// A lead comes back as it was put in, by id and by address, inside and outside a transaction.
    async fn add_and_read_back(db: Db) {
        let one = format!("{:?}", scene(&db).await);
        assert_eq!(format!("{:?}", lead(&db, "led_1").await.unwrap().unwrap()), one);
        let found = by_address(&db, "bea@customer.example", "northlight").await.unwrap();
        assert_eq!(format!("{:?}", found.unwrap()), one);
        assert!(by_address(&db, "bea@customer.example", "thornbury").await.unwrap().is_none());
        let tagged = by_address(&db, "Bea+paper@customer.example", "northlight").await.unwrap();
        assert_eq!(format!("{:?}", tagged.unwrap()), one, "a tag makes nobody else");
        let mut tx = db.begin().await.unwrap();
        assert_eq!(format!("{:?}", lead_in(&mut tx, "led_1").await.unwrap().unwrap()), one);
        assert!(lead_in(&mut tx, "led_2").await.unwrap().is_none());
    }

    /// Updating changes what moves and keeps where the lead came from.
    async fn update_moves_what_moves(db: Db) {
        let mut one = scene(&db).await;
        one.stage = "qualified".to_owned();
        one.score = 64;
        one.owner_name = Some("Rae".to_owned());
        one.owner_email = Some("rae@northlight.example".to_owned());
        one.updated_ms += 5;
        let first_asset = std::mem::replace(&mut one.asset, "another".to_owned());
        in_tx!(db, tx => update(tx, &one, START_MS, "new"));
        let stored = lead(&db, "led_1").await.unwrap().unwrap();
        assert_eq!((stored.stage.as_str(), stored.score, stored.updated_ms), ("qualified", 64, START_MS + 5));
        assert_eq!(stored.owner_email.as_deref(), Some("rae@northlight.example"));
        assert_eq!(stored.asset, first_asset, "the asset that brought them stays");
        let mut tx = db.begin().await.unwrap();
        let late = update(&mut tx, &one, START_MS, "new").await.unwrap_err();
        assert_eq!(late.kind(), Kind::Conflict, "what was read is no longer what is there");
    }

    /// The same address at the same partner is one lead; at another partner it is another.
    async fn add_keeps_one_lead_an_address(db: Db) {
        scene(&db).await;
        let mut tx = db.begin().await.unwrap();
        let error = add(&mut tx, &new_lead("led_2", "bea@customer.example")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
        drop(tx);
        let mut elsewhere = new_lead("led_2", "bea@customer.example");
        elsewhere.partner_slug = "thornbury".to_owned();
        elsewhere.updated_ms += 1;
        in_tx!(db, tx => add(tx, &elsewhere));
        let ids = |leads: Vec<Lead>| leads.into_iter().map(|lead| lead.id).collect::<Vec<_>>();
        assert_eq!(ids(recent(&db, None).await.unwrap()), ["led_2", "led_1"]);
        assert_eq!(ids(recent(&db, Some("northlight")).await.unwrap()), ["led_1"]);
        assert!(recent(&db, Some("none")).await.unwrap().is_empty());
        let both = [("led_1", "northlight"), ("led_2", "thornbury")].map(|(id, slug)| (id.to_owned(), slug.to_owned()));
        assert_eq!(at_address(&db, "bea+fair@customer.example").await.unwrap(), both);
        assert!(at_address(&db, "nobody@customer.example").await.unwrap().is_empty());
        let mut tx = db.begin().await.unwrap();
        assert_eq!(ids(at_person(&mut tx, "bea@customer.example").await.unwrap()), ["led_1", "led_2"]);
        assert_eq!(ids(at_person(&mut tx, "Bea+paper@customer.example").await.unwrap()), ["led_1", "led_2"], "a tag makes nobody else");
        assert!(at_person(&mut tx, "nobody@customer.example").await.unwrap().is_empty());
    }

    /// Steps are numbered from one without gaps, a lead at a time.
    async fn add_step_numbers_them(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &new_lead("led_2", "other@customer.example")));
        for (lead, what) in [("led_1", "came"), ("led_2", "came"), ("led_1", "was offered")] {
            in_tx!(db, tx => add_step(tx, lead, START_MS, "scoring", "new", what));
        }
        let all: Vec<_> = steps(&db, "led_1").await.unwrap();
        let seen: Vec<_> = all.iter().map(|s| (s.no, s.actor.as_str(), s.stage.as_str(), s.what.as_str())).collect();
        assert_eq!(seen, [(1, "scoring", "new", "came"), (2, "scoring", "new", "was offered")], "{}", all[0].at_ms);
        assert_eq!(steps(&db, "led_2").await.unwrap()[0].no, 1);
    }

    /// Two processes that add a step to the same lead at the same time both succeed.
    async fn add_step_at_the_same_time(db: Db) {
        scene(&db).await;
        let add = |db: Db, what: usize| async move {
            for at in 0..10 {
                in_tx!(db, tx => add_step(tx, "led_1", START_MS, "x", "new", &format!("{what}.{at}")));
            }
        };
        let adding: Vec<_> = (0..4).map(|what| tokio::spawn(add(db.clone(), what))).collect();
        for done in adding {
            done.await.unwrap();
        }
        let numbers: Vec<i64> = steps(&db, "led_1").await.unwrap().iter().map(|step| step.no).collect();
        assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    }

    /// A consent is kept in the words the person saw; the same form sent twice is one consent.
    async fn add_consent_keeps_the_wording(db: Db) {
        scene(&db).await;
        let consent = NewConsent {
            text_id: "contact".to_owned(),
            text_version: 3,
            purpose: "a call".to_owned(),
            wording: "Ja, „northlight“ darf anrufen.".to_owned(),
            granted: true,
            locale: "en".to_owned(),
        };
        for at in [0, 0, 10] {
            in_tx!(db, tx => add_consent(tx, "led_1", START_MS + at, &consent));
        }
        let withdrawn = NewConsent { granted: false, ..consent.clone() };
        in_tx!(db, tx => add_consent(tx, "led_1", START_MS + 20, &withdrawn));
        assert!(in_tx!(db, tx => partnercast::store::consents::withdraw(tx, "led_1", START_MS + 90)) > 0);
        let taken_back = consents(&db, "led_1").await.unwrap();
        assert!(!taken_back[0].granted && taken_back[0].at_ms == START_MS + 90, "the newest word is no");
        let all: Vec<_> = taken_back.into_iter().filter(|consent| consent.at_ms < START_MS + 90).collect();
        let seen: Vec<_> = all.iter().map(|c| (c.at_ms - START_MS, c.granted)).collect();
        assert_eq!(seen, [(20, false), (10, true), (0, true)], "newest first");
        assert_eq!((all[0].text_id.as_str(), all[0].text_version), ("contact", 3));
        assert_eq!(all[0].wording, consent.wording);
    }

    /// A rep sees what is open to them or theirs, by their address in whatever case, and no longer what they rejected or
    /// what was taken from them; a channel manager, who is no contact, does as well.
    async fn of_rep_forgets_what_is_not_theirs(db: Db) {
        scene(&db).await;
        let (rae, manager) = ("rae@northlight.example", "zoë.ek@vendor.example");
        let offer = |id: &str, contact: Option<&str>, address: &str, at: i64| Offer {
            contact_id: contact.map(str::to_owned),
            rep_email: address.to_owned(),
            ..new_offer(id, "con_1", START_MS + at)
        };
        let taken = Answer { answer: "accepted", reason: "", because: None };
        in_tx!(db, tx => offers::add(tx, &offer("off_1", Some("con_1"), "Rae@Northlight.example", 0)));
        assert_eq!(of_rep(&db, rae).await.unwrap().len(), 1);
        assert!(of_rep(&db, manager).await.unwrap().is_empty());
        let no = Answer { answer: "rejected", reason: "misrouted", because: Some("not mine") };
        in_tx!(db, tx => offers::answer(tx, "off_1", START_MS, no));
        assert!(of_rep(&db, rae).await.unwrap().is_empty());
        in_tx!(db, tx => offers::add(tx, &offer("off_2", None, "ZOË.Ek@vendor.example", 1)));
        in_tx!(db, tx => offers::answer(tx, "off_2", START_MS + 2, taken));
        assert_eq!(of_rep(&db, manager).await.unwrap()[0].id, "led_1");
        let with = in_hand(&db, Some("northlight")).await.unwrap();
        assert_eq!((with[0].lead.id.as_str(), with[0].rep_name.as_str()), ("led_1", "Rae"));
        assert!(with[0].is_managers() && with[0].answer.as_deref() == Some("accepted"), "{with:?}");
        assert!(in_hand(&db, Some("thornbury")).await.unwrap().is_empty());
        assert_eq!(in_hand(&db, None).await.unwrap().len(), 1);
        in_tx!(db, tx => offers::end(tx, "off_2", START_MS + 3, ("", "given away")));
        assert!(of_rep(&db, manager).await.unwrap().is_empty());
        assert!(in_hand(&db, Some("northlight")).await.unwrap().is_empty());
    }

    /// What a lead is worth is added to, never changed, and read newest first.
    async fn add_amount_keeps_what_was_said(db: Db) {
        scene(&db).await;
        let amount = |minor_units, stage: &str| Amount {
            at_ms: START_MS,
            actor: "Rae".to_owned(),
            stage: stage.to_owned(),
            minor_units,
            currency: "EUR".to_owned(),
            close_date: (stage == "won").then(|| "2027-03-31".to_owned()),
        };
        in_tx!(db, tx => add_amount(tx, "led_1", &amount(90_000_000_000_000, "sql")));
        in_tx!(db, tx => add_amount(tx, "led_1", &amount(800_000, "won")));
        assert_eq!(amounts(&db, "led_1").await.unwrap(), [amount(800_000, "won"), amount(90_000_000_000_000, "sql")]);
        assert!(amounts(&db, "led_2").await.unwrap().is_empty());
    }

    /// A lead is found again on the day on which it is to be taken up.
    async fn to_reopen_finds_what_is_due(db: Db) {
        let mut one = scene(&db).await;
        assert!(to_reopen(&db, i64::MAX, 9).await.unwrap().is_empty());
        (one.reopen_ms, one.recycled_ms, one.closed_reason) = (Some(START_MS + 9), Some(START_MS), "timing".to_owned());
        in_tx!(db, tx => update(tx, &one, START_MS, "new"));
        assert!(to_reopen(&db, START_MS + 8, 9).await.unwrap().is_empty());
        let due = to_reopen(&db, START_MS + 9, 9).await.unwrap();
        assert_eq!((due.len(), due[0].recycled_ms, due[0].closed_reason.as_str()), (1, Some(START_MS), "timing"));
    }
}
