//! Credit of amounts against rows put there by hand.

use partnercast::{
    domain::kernel::id::EventId,
    store::{
        Db,
        credits::{Bare, By, Filter, Line, acts, add, attached, bare, deals, has, of_lead, sums},
        events::{Event, insert},
        leads::{self, Amount, add_amount},
        partners,
    },
};

use super::leads::new_lead;
use crate::harness::{START_MS, SeededRandom, both_dbs, databases::in_tx, outbox::partner};

const DAY_MS: i64 = 86_400_000;
const WON: Filter = Filter { from_ms: 0, before_ms: i64::MAX, won: true, assets: None };

fn amount(at_ms: i64, stage: &str, minor_units: i64, currency: &str) -> Amount {
    Amount {
        at_ms,
        actor: "Rae".to_owned(),
        stage: stage.to_owned(),
        minor_units,
        currency: currency.to_owned(),
        close_date: None,
    }
}

fn line(of: (&str, i64), no: i64, partner: &str, asset: &str, scope: &str, minor_units: i64) -> Line {
    Line {
        lead_id: of.0.to_owned(),
        amount_no: of.1,
        no,
        event_id: Some(format!("evt_{no}")),
        at_ms: START_MS + no,
        kind: "page_view".to_owned(),
        partner_slug: partner.to_owned(),
        asset: asset.to_owned(),
        scope: scope.to_owned(),
        channel: String::new(),
        is_primary: no == 1,
        minor_units,
        rule: "v1 first_touch linear".to_owned(),
    }
}

fn act(random: &SeededRandom, lead: Option<&str>, at_ms: i64, kind: &str) -> Event {
    Event {
        id: EventId::new(at_ms, random).to_string(),
        kind: kind.to_owned(),
        at_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: lead.map(str::to_owned),
        partner_slug: "northlight".to_owned(),
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        asset: Some("blog/first".to_owned()),
        link_no: None,
        method: "GET".to_owned(),
        agent: "Mozilla/5.0".to_owned(),
        network: "192.0.2.0/24".to_owned(),
        prefetch: false,
        honeypot: false,
        human: true,
        reason: String::new(),
        verdict: "a person's pace".to_owned(),
    }
}

/// Two won leads, one of them in another currency, one that is open, and one that was lost.
async fn scene(db: &Db) {
    let random = SeededRandom::new(1);
    in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("northlight"), partner("vale")], &[]));
    for (no, stage) in ["won", "won", "sql", "lost"].into_iter().enumerate() {
        let mut lead = new_lead(&format!("led_{}", no + 1), &format!("bea{no}@oil.example"));
        stage.clone_into(&mut lead.stage);
        in_tx!(db, tx => leads::add(tx, &lead));
    }
    assert_eq!(in_tx!(db, tx => add_amount(tx, "led_1", &amount(START_MS, "sql", 500, "EUR"))), 1);
    assert_eq!(in_tx!(db, tx => add_amount(tx, "led_1", &amount(START_MS + 9, "won", 1_000, "EUR"))), 2);
    in_tx!(db, tx => add_amount(tx, "led_2", &amount(START_MS + DAY_MS, "won", 70, "USD")));
    in_tx!(db, tx => add_amount(tx, "led_3", &amount(START_MS + 9, "sql", 300, "EUR")));
    in_tx!(db, tx => add_amount(tx, "led_4", &amount(START_MS + 9, "sql", 900, "EUR")));
}

both_dbs! {
    /// Sums count a deal once for each group, by its last amount; what nothing led to has a line of its own.
    async fn sums_deals_and_attached(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &[
            line(("led_1", 1), 1, "vale", "blog/old", "", 500),
            line(("led_1", 2), 1, "northlight", "blog/first", "weekly", 400),
            Line { channel: "linkedin".into(), ..line(("led_1", 2), 2, "northlight", "blog/second", "", 300) },
            line(("led_1", 2), 3, "vale", "blog/first", "weekly", 300),
            Line { event_id: None, kind: String::new(), ..line(("led_2", 1), 1, "", "", "", 70) },
            line(("led_3", 1), 1, "vale", "blog/first", "", 300),
        ]));
        let told = async |filter: &Filter, by| {
            let sums = sums(&db, filter, by).await.unwrap();
            let told = sums.into_iter().map(|sum| {
                let counts = [sum.sourced, sum.sourced_units, sum.influenced, sum.influenced_units, sum.share_units];
                (format!("{} {}", sum.name, sum.currency), counts)
            });
            told.collect::<Vec<_>>()
        };
        let nothing = (" USD".to_owned(), [1, 70, 0, 0, 70]);
        assert_eq!(
            told(&WON, By::Partner).await,
            [nothing.clone(), ("northlight EUR".into(), [1, 1_000, 0, 0, 700]), ("vale EUR".into(), [0, 0, 1, 1_000, 300])]
        );
        assert_eq!(
            told(&WON, By::Asset).await[1..],
            [("blog/first EUR".into(), [1, 1_000, 0, 0, 700]), ("blog/second EUR".into(), [0, 0, 1, 1_000, 300])]
        );
        assert_eq!(told(&WON, By::Newsletter).await[2], ("weekly EUR".into(), [1, 1_000, 0, 0, 700]));
        // No event is left, and none is asked for: where links stood is written with the credit.
        assert_eq!(
            told(&WON, By::Channel).await[1..],
            [("linkedin EUR".into(), [0, 0, 1, 1_000, 300]), ("mail EUR".into(), [1, 1_000, 0, 0, 700])]
        );
        let of_kit = Filter { assets: Some(vec!["blog/second".into(), "blog/third".into()]), ..WON };
        assert_eq!(told(&of_kit, By::Together).await, [(" EUR".into(), [0, 0, 1, 1_000, 300])]);
        let open = Filter { won: false, ..WON };
        assert_eq!(told(&open, By::Partner).await, [("vale EUR".into(), [1, 300, 0, 0, 300])]);
        let later = Filter { from_ms: START_MS + DAY_MS, ..WON };
        assert_eq!(told(&later, By::Partner).await, [nothing]);

        assert_eq!(attached(&db, &WON).await.unwrap(), [("northlight".into(), "USD".into(), 1, 70)]);
        assert_eq!(attached(&db, &open).await.unwrap(), [("northlight".into(), "EUR".into(), 1, 300)]);

        let ids = async |filter: &Filter, of, after, limit| {
            let found = deals(&db, filter, of, after, limit).await.unwrap();
            found.into_iter().map(|it| (it.lead_id, it.is_primary, it.share_units, it.touches)).collect::<Vec<_>>()
        };
        let all = ids(&WON, (By::Partner, None), (i64::MIN, ""), 9).await;
        assert_eq!(all, [("led_1".into(), true, 1_000, 3), ("led_2".into(), true, 70, 0)]);
        assert_eq!(ids(&WON, (By::Partner, None), (START_MS + 9, "led_1"), 9).await, all[1..]);
        assert_eq!(ids(&WON, (By::Partner, None), (i64::MIN, ""), 1).await, all[..1]);
        assert_eq!(ids(&WON, (By::Partner, Some("vale")), (0, ""), 9).await, [("led_1".into(), false, 300, 1)]);
        assert_eq!(ids(&WON, (By::Asset, Some("")), (0, ""), 9).await, all[1..]);
        assert_eq!(ids(&WON, (By::Newsletter, Some("weekly")), (0, ""), 9).await, [("led_1".into(), true, 700, 2)]);
        assert_eq!(ids(&WON, (By::Channel, Some("linkedin")), (0, ""), 9).await, [("led_1".into(), false, 300, 1)]);
        assert_eq!(ids(&of_kit, (By::Together, None), (0, ""), 9).await, [("led_1".into(), false, 300, 1)]);
    }

    /// Credit is written once, and read by amount, newest first; what has none is found.
    async fn add_has_of_lead_and_bare(db: Db) {
        scene(&db).await;
        let without = |lead: &str, no, at_ms, minor_units| Bare { lead_id: lead.into(), no, at_ms, minor_units };
        assert_eq!(bare(&db, 9).await.unwrap().len(), 5);
        assert_eq!(bare(&db, 1).await.unwrap(), [without("led_1", 1, START_MS, 500)]);
        let (first, second) = (line(("led_1", 1), 1, "vale", "", "", 500), line(("led_1", 2), 1, "vale", "", "", 1_000));
        in_tx!(db, tx => add(tx, std::slice::from_ref(&first)));
        assert!(in_tx!(db, tx => has(tx, "led_1", 1)));
        assert!(!in_tx!(db, tx => has(tx, "led_1", 2)));
        in_tx!(db, tx => add(tx, std::slice::from_ref(&second)));
        assert_eq!(bare(&db, 1).await.unwrap(), [without("led_2", 1, START_MS + DAY_MS, 70)]);
        assert_eq!(of_lead(&db, "led_1").await.unwrap(), [second, first.clone()]);
        let mut tx = db.begin().await.unwrap();
        assert!(add(&mut tx, &[first]).await.is_err(), "never a second time");
    }

    /// What may be credited is what people did, as whichever partner's lead, in the window, once a day and kind.
    async fn acts_of_the_same_person(db: Db) {
        scene(&db).await;
        let random = SeededRandom::new(3);
        let mut same = new_lead("led_9", "bea0@oil.example");
        same.partner_slug = "vale".to_owned();
        in_tx!(db, tx => leads::add(tx, &same));
        let day = |no: i64| no * DAY_MS;
        let mut machine = act(&random, Some("led_1"), day(3), "click");
        machine.human = false;
        let posted = Event { channel: "linkedin".to_owned(), ..act(&random, Some("led_1"), day(1), "page_view") };
        let events = vec![
            posted,
            act(&random, Some("led_1"), day(1) + 5, "page_view"),
            act(&random, Some("led_1"), day(1) + 6, "download"),
            act(&random, Some("led_9"), day(2), "page_view"),
            act(&random, Some("led_2"), day(2), "page_view"),
            act(&random, None, day(2), "page_view"),
            act(&random, Some("led_1"), day(4), "unsubscribe"),
            act(&random, Some("led_1"), day(9), "page_view"),
            machine,
        ];
        in_tx!(db, tx => insert(tx, events));
        let found = in_tx!(db, tx => acts(tx, "led_1", day(1), day(8)));
        let found: Vec<_> = found.iter().map(|act| (act.at_ms, act.kind.as_str(), act.channel.as_str())).collect();
        assert_eq!(
            found,
            [(day(1), "page_view", "linkedin"), (day(1) + 6, "download", ""), (day(2), "page_view", "")]
        );
        let none = in_tx!(db, tx => acts(tx, "led_1", day(5), day(8)));
        assert!(none.is_empty());
    }
}
