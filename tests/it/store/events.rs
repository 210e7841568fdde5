//! Engagement events.

use partnercast::{
    domain::{engagement::Reason, kernel::id::EventId},
    store::events::{
        Event, Spoiled, by_channel, clicks_of_issue, insert, is_stored, known, machine_clicks_of_issue,
        of_delivery, of_lead, of_lead_in, of_recent_leads, of_subjects, page_view, recent, spoil, trap,
        was_done,
    },
    store::leads::{self, Lead},
};

use super::leads::{new_lead, scene};
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, number, values},
    outbox::Scene,
};

pub fn event(random: &SeededRandom, at_ms: i64, kind: &str, human: bool) -> Event {
    Event {
        id: EventId::new(at_ms, random).to_string(),
        kind: kind.to_owned(),
        at_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: Some("led_1".to_owned()),
        partner_slug: "northlight".to_owned(),
        revision: None,
        channel: String::new(),
        stayed_ms: None,
        asset: Some("first-24-hours".to_owned()),
        link_no: Some(3),
        method: "GET".to_owned(),
        agent: "Mozilla/5.0 (Wëb)".to_owned(),
        network: "192.0.2.0/24".to_owned(),
        prefetch: false,
        honeypot: false,
        human,
        reason: if human { "person" } else { "burst" }.to_owned(),
        verdict: "a person's pace".to_owned(),
    }
}

both_dbs! {
    /// A page's view is taken for a machine's by its key, whoever it was; nothing else is.
    async fn trap_takes_a_view_for_a_machines(db: Db) {
        let random = SeededRandom::new(5);
        let (view, click) = (event(&random, START_MS, "page_view", true), event(&random, START_MS, "click", true));
        let placed = Event { channel: "feed".to_owned(), ..event(&random, START_MS, "page_view", true) };
        in_tx!(db, tx => insert(tx, vec![view.clone(), click.clone(), placed.clone()]));
        assert_eq!(page_view(&db, &placed.id).await.unwrap().unwrap(), placed, "where the link stood is kept");
        let mut tx = db.begin().await.unwrap();
        assert_eq!(trap(&mut tx, &view.id, &Reason::Honeypot.into()).await.unwrap(), 1);
        assert_eq!(trap(&mut tx, &click.id, &Reason::Honeypot.into()).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let now = page_view(&db, &view.id).await.unwrap().unwrap();
        assert_eq!((now.human, now.honeypot, now.reason.as_str()), (false, true, "honeypot"));
        let told = by_channel(&db, "northlight", START_MS).await.unwrap();
        let told: Vec<_> = told.iter().map(|it| (it.channel.as_str(), it.kind.as_str(), it.human, it.machine)).collect();
        assert_eq!(told, [("feed", "page_view", 1, 0)], "what a mail led to is no place of theirs");
        assert!(by_channel(&db, "northlight", START_MS + 1).await.unwrap().is_empty());
    }

    /// A stay grows, within a batch and after it, and never shrinks; other events stay as they were. A page view is found by its
    /// key, and nothing else is.
    async fn a_stay_grows_and_nothing_else_changes(db: Db) {
        let random = SeededRandom::new(1);
        let view = event(&random, START_MS, "page_view", true);
        let stay = |stayed_ms: i64| Event { id: "evt_stay".to_owned(), stayed_ms: Some(stayed_ms), ..event(&SeededRandom::new(2), START_MS, "page_read", true) };
        in_tx!(db, tx => insert(tx, vec![stay(3_000), view.clone(), stay(9_000), stay(5_000)]));
        let kept = async || number(&db, "SELECT stayed_ms FROM engagement_event WHERE id = 'evt_stay'", vec![]).await;
        assert_eq!(kept().await, 9_000);
        in_tx!(db, tx => insert(tx, vec![stay(8_000), Event { agent: "other".to_owned(), ..view.clone() }]));
        assert_eq!(kept().await, 9_000);
        in_tx!(db, tx => insert(tx, vec![stay(10_000)]));
        assert_eq!(kept().await, 10_000);
        assert_eq!(page_view(&db, &view.id).await.unwrap().unwrap(), view);
        assert!(is_stored(&db, "evt_stay").await.unwrap() && !is_stored(&db, "evt_none").await.unwrap());
        assert!(page_view(&db, "evt_stay").await.unwrap().is_none() && page_view(&db, "evt_none").await.unwrap().is_none());
    }

    /// Every column comes back, and a batch that is stored again (the answer was lost) adds nothing.
    async fn insert_is_idempotent(db: Db) {
        let random = SeededRandom::new(3);
        let batch = vec![event(&random, START_MS + 1, "click", true), event(&random, START_MS, "page", false)];
        // Twice in one batch as well: what is spooled in need may be there twice.
        for _ in 0..2 {
            in_tx!(db, tx => insert(tx, [batch.clone(), batch.clone()].concat()));
        }
        let stored = of_lead(&db, "led_1").await.unwrap();
        let times: Vec<_> = stored.iter().map(|event| event.at_ms).collect();
        assert_eq!(times, [START_MS, START_MS + 1], "oldest first");
        assert_eq!(format!("{:?}", stored[1]), format!("{:?}", batch[0]));
        assert_eq!(recent(&db).await.unwrap()[0].at_ms, START_MS + 1, "newest first");
        assert!(of_lead(&db, "led_2").await.unwrap().is_empty());
        let click = ("led_1", "click", "first-24-hours");
        assert!(was_done(&db, click, START_MS + 1).await.unwrap() && !was_done(&db, click, START_MS + 2).await.unwrap());
        assert!(!was_done(&db, ("led_1", "click", "other"), START_MS).await.unwrap());
    }

    /// A batch larger than one statement, and the limits of the lists.
    async fn insert_over_500_rows(db: Db) {
        let random = SeededRandom::new(4);
        let batch: Vec<_> = (0..1_234).map(|at| event(&random, START_MS + at, "click", true)).collect();
        in_tx!(db, tx => insert(tx, batch));
        assert_eq!(of_lead(&db, "led_1").await.unwrap().len(), 1_000);
        assert_eq!(recent(&db).await.unwrap().len(), 200);
        in_tx!(db, tx => insert(tx, vec![]));
    }

    /// The events of a list's leads in one go, of one partner or of all; those of nobody stay out.
    async fn of_recent_leads_gathers_them(db: Db) {
        let random = SeededRandom::new(6);
        scene(&db).await;
        let elsewhere = Lead { partner_slug: "thornbury".to_owned(), ..new_lead("led_2", "bo@customer.example") };
        in_tx!(db, tx => leads::add(tx, &elsewhere));
        let of = |at: i64, lead: Option<&str>| Event {
            lead_id: lead.map(str::to_owned),
            ..event(&random, START_MS + at, "click", true)
        };
        let batch = vec![of(3, Some("led_1")), of(1, Some("led_2")), of(2, Some("led_1")), of(0, None)];
        in_tx!(db, tx => insert(tx, batch));
        let times = |events: Vec<Event>| events.iter().map(|event| event.at_ms - START_MS).collect::<Vec<_>>();
        assert_eq!(times(of_recent_leads(&db, None).await.unwrap()), [1, 2, 3]);
        assert_eq!(times(of_recent_leads(&db, Some("northlight")).await.unwrap()), [2, 3]);
        assert!(of_recent_leads(&db, Some("none")).await.unwrap().is_empty());
        let many = (0..1_100).map(|at| of(10 + at, Some("led_1"))).collect();
        in_tx!(db, tx => insert(tx, many));
        let newest = times(of_recent_leads(&db, Some("northlight")).await.unwrap());
        assert_eq!((newest.len(), newest.first(), newest.last()), (1_000, Some(&110), Some(&1_109)), "of each the newest");
    }

    /// Inside a transaction its own events are seen, outside not yet.
    async fn of_lead_in_sees_what_the_transaction_wrote(db: Db) {
        let random = SeededRandom::new(5);
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, vec![event(&random, START_MS, "form", true)]).await.unwrap();
        assert_eq!(of_lead_in(&mut tx, "led_1").await.unwrap().len(), 1);
        assert!(of_lead(&db, "led_1").await.unwrap().is_empty());
        drop(tx);
        assert!(of_lead(&db, "led_1").await.unwrap().is_empty(), "a dropped transaction changes nothing");
    }

    /// People and machines are counted apart, a person who clicks twice is one person, other issues do not count.
    async fn clicks_of_issue_counts_people_and_machines(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        let click = |at: usize, human: bool| Event {
            delivery_id: Some(scene.deliveries[at].clone()),
            contact_id: Some(scene.contacts[at].clone()),
            ..event(&scene.random, START_MS, "click", human)
        };
        let page = Event { kind: "page".to_owned(), ..click(2, true) };
        let batch = vec![click(0, true), click(0, true), click(1, true), click(1, false), page];
        in_tx!(db, tx => insert(tx, batch));
        let clicks = clicks_of_issue(&db, &scene.issue).await.unwrap();
        assert_eq!((clicks.human, clicks.machine, clicks.people), (3, 1, 2));
        let none = clicks_of_issue(&db, "iss_none").await.unwrap();
        assert_eq!((none.human, none.machine, none.people), (0, 0, 0));
    }

    /// A span takes back what people were thought to have done with its message, and no more: not what was before, not
    /// forms, not other mails'.
    async fn spoil_takes_back_its_own_span(db: Db) {
        let random = SeededRandom::new(6);
        let of = |delivery: &str, at_ms: i64, kind: &str| Event {
            delivery_id: Some(delivery.to_owned()),
            ..event(&random, START_MS + at_ms, kind, true)
        };
        let batch = vec![of("dlv_1", 0, "click"), of("dlv_1", 10, "click"), of("dlv_1", 11, "page_view"), of("dlv_1", 12, "talk_to_us"), of("dlv_1", 20, "click"), of("dlv_2", 11, "click")];
        in_tx!(db, tx => insert(tx, batch));
        let span = |delivery: &str| Spoiled {
            delivery_id: delivery.to_owned(),
            since_ms: START_MS + 10,
            until_ms: START_MS + 19,
            verdict: Reason::NearHoneypot.into(),
        };
        assert_eq!(in_tx!(db, tx => spoil(tx, vec![span("dlv_1"), span("dlv_3")])), 2);
        assert_eq!(in_tx!(db, tx => spoil(tx, vec![span("dlv_1")])), 0, "said once");
        let machine: Vec<_> = of_lead(&db, "led_1").await.unwrap().into_iter().filter(|event| !event.human).collect();
        assert_eq!(machine.len(), 2);
        assert!(machine.iter().all(|event| event.reason == "near-honeypot" && event.verdict.contains("no person can see")));
        let told: Vec<i64> = of_delivery(&db, "dlv_1").await.unwrap().iter().map(|event| event.at_ms - START_MS).collect();
        assert_eq!(told, [0, 10, 11, 12, 20], "what came of one mail, oldest first");
    }

    /// Which events are stored already.
    async fn known_names_what_is_stored(db: Db) {
        let random = SeededRandom::new(8);
        let stored = event(&random, START_MS, "click", true);
        in_tx!(db, tx => insert(tx, vec![stored.clone()]));
        let found = in_tx!(db, tx => known(tx, vec![stored.id.clone(), "evt_other".to_owned()]));
        assert_eq!(found, [(stored.id,)]);
    }

    /// Machines' clicks by how they were known, the most first; people's and other issues' are not among them.
    async fn machine_clicks_of_issue_counts_by_reason(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let click = |reason: &str| Event {
            delivery_id: Some(scene.deliveries[0].clone()),
            reason: reason.to_owned(),
            ..event(&scene.random, START_MS, "click", reason == "person")
        };
        let batch = vec![click("person"), click("too-soon"), click("burst"), click("burst")];
        in_tx!(db, tx => insert(tx, batch));
        let counted = machine_clicks_of_issue(&db, &scene.issue).await.unwrap();
        assert_eq!(counted, [("burst".to_owned(), 2), ("too-soon".to_owned(), 1)]);
        assert!(machine_clicks_of_issue(&db, "iss_none").await.unwrap().is_empty());
    }

    /// What each of two subjects came to, people alone; an issue with one subject has nothing to compare.
    async fn of_subjects_counts_people_by_subject(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        assert!(of_subjects(&db, &scene.issue).await.unwrap().is_empty());
        execute(&db, "UPDATE rendition SET arm = 'b'", vec![]).await;
        execute(&db, "UPDATE delivery SET state = 'accepted', live = FALSE, accepted_ms = 1 WHERE id = $1", values![&scene.deliveries[0]]).await;
        let random = SeededRandom::new(5);
        let click = |no: i64, human| Event {
            delivery_id: Some(scene.deliveries[0].clone()), lead_id: None, ..event(&random, START_MS + no, "click", human)
        };
        in_tx!(db, tx => insert(tx, vec![click(1, false)]));
        let of = async || { let found = of_subjects(&db, &scene.issue).await.unwrap().remove(0); (found.arm, found.readers, found.people) };
        assert_eq!(of().await, ("b".to_owned(), 1, 0));
        in_tx!(db, tx => insert(tx, vec![click(2, true), click(3, true)]));
        assert_eq!(of().await, ("b".to_owned(), 1, 1), "one person, however often");
    }
}
