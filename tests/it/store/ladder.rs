//! The outcome ladder: each rung against rows put there by hand.

use partnercast::{
    domain::{
        engagement::EventKind,
        kernel::id::EventId,
        lead::ladder::{is_engagement, is_use},
    },
    store::{
        events::{Event, insert},
        ladder::{
            After, By, Filter, delivered, delivered_rows, engaged, engaged_rows, reached, reached_rows, used,
            used_rows,
        },
        leads,
    },
};

use super::leads::new_lead;
use crate::harness::{
    START_MS, SeededRandom, both_dbs,
    databases::{execute, in_tx, values},
    outbox::Scene,
};

const ALL: Filter = Filter { from_ms: 0, before_ms: i64::MAX, partner: None, scope: None, assets: None };

fn event(random: &SeededRandom, at_ms: i64, kind: &str) -> Event {
    Event {
        id: EventId::new(at_ms, random).to_string(),
        kind: kind.to_owned(),
        at_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: None,
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

fn of(assets: &[&str]) -> Filter {
    Filter { assets: Some(assets.iter().map(|asset| (*asset).to_owned()).collect()), ..ALL }
}

/// The one number of an answer.
async fn one(counts: impl Future<Output = partnercast::domain::kernel::Result<Vec<(String, i64)>>>) -> i64 {
    counts.await.unwrap().iter().map(|(_, count)| count).sum()
}

fn pairs(counts: &[(&str, i64)]) -> Vec<(String, i64)> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

both_dbs! {
    /// Messages count once they are accepted, whose newsletter they are of, and with what was in them.
    async fn delivered_counts_what_was_accepted(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 3).await;
        for (at, id) in scene.deliveries.iter().take(2).enumerate() {
            let sql = "UPDATE delivery SET state = 'accepted', live = FALSE, accepted_ms = $2 WHERE id = $1";
            execute(&db, sql, values![id, START_MS + at as i64]).await;
        }
        assert_eq!(one(delivered(&db, &ALL, By::Nothing)).await, 2);
        assert_eq!(delivered(&db, &ALL, By::Partner).await.unwrap(), pairs(&[("northlight", 2)]));
        assert_eq!(delivered(&db, &ALL, By::Newsletter).await.unwrap(), pairs(&[("fold-forward", 2)]));
        assert_eq!(delivered(&db, &ALL, By::Asset).await.unwrap(), pairs(&[("first-24-hours", 2)]));
        assert_eq!(one(delivered(&db, &of(&["first-24-hours", "other"]), By::Nothing)).await, 2);
        assert_eq!(one(delivered(&db, &of(&["first-24"]), By::Nothing)).await, 0, "a part of a name is no name");
        assert_eq!(one(delivered(&db, &Filter { before_ms: START_MS + 1, ..ALL }, By::Nothing)).await, 1);
        assert_eq!(one(delivered(&db, &Filter { scope: Some("x".into()), ..ALL }, By::Nothing)).await, 0);
        let first = delivered_rows(&db, &ALL, &After::default(), 1).await.unwrap();
        let after = After { at_ms: first[0].at_ms, key: first[0].key.clone(), asset: String::new() };
        let second = delivered_rows(&db, &ALL, &after, 5).await.unwrap();
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_eq!([&first[0].key, &second[0].key], [&scene.deliveries[0], &scene.deliveries[1]]);
        assert!(second[0].contact_id.is_some() && second[0].issue_id.as_deref() == Some(scene.issue.as_str()));
        // What only one person waits for is no part of a campaign.
        execute(&db, "UPDATE delivery SET lane = 0 WHERE accepted_ms IS NOT NULL", vec![]).await;
        assert_eq!(one(delivered(&db, &ALL, By::Nothing)).await, 0);
    }

    /// People are counted once, whatever they did; which kinds count is what the domain says, and what turns out to be a
    /// machine's act counts no more.
    async fn engaged_and_used_count_people_and_uses(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        let random = SeededRandom::new(5);
        let ana = |at: i64, kind: &str| Event {
            delivery_id: Some(scene.deliveries[0].clone()),
            contact_id: Some(scene.contacts[0].clone()),
            ..event(&random, START_MS + at, kind)
        };
        for kind in EventKind::ALL {
            let rest = Filter { from_ms: START_MS, ..ALL };
            in_tx!(db, tx => insert(tx, vec![ana(1, kind.as_str())]));
            assert_eq!(one(engaged(&db, &rest, By::Nothing)).await == 1, is_engagement(kind), "{kind}");
            assert_eq!(one(used(&db, &rest, By::Nothing)).await == 1, is_use(kind), "{kind}");
            execute(&db, "DELETE FROM engagement_event", vec![]).await;
        }
        in_tx!(db, tx => leads::add(tx, &new_lead("led_1", "bea@customer.example")));
        let bea = |at: i64, kind: &str, asset: &str| Event {
            lead_id: Some("led_1".to_owned()),
            asset: Some(asset.to_owned()),
            ..event(&random, START_MS + at, kind)
        };
        let nobody = Event { contact_id: None, ..event(&random, START_MS + 9, "page_view") };
        let machine = Event { human: false, ..bea(10, "page_view", "blog/other") };
        in_tx!(db, tx => insert(tx, vec![
            ana(1, "click"), ana(2, "click"), bea(3, "page_view", "blog/first"), bea(4, "download", "blog/second"), nobody, machine
        ]));
        assert_eq!(one(engaged(&db, &ALL, By::Nothing)).await, 2, "who cannot be told apart is nobody");
        assert_eq!(engaged(&db, &ALL, By::Partner).await.unwrap(), pairs(&[("northlight", 2)]));
        assert_eq!(engaged(&db, &ALL, By::Newsletter).await.unwrap(), pairs(&[("", 1), ("fold-forward", 1)]));
        assert_eq!(engaged(&db, &ALL, By::Asset).await.unwrap(), pairs(&[("blog/first", 2), ("blog/second", 1)]));
        assert_eq!(one(used(&db, &ALL, By::Nothing)).await, 2);
        assert_eq!(used(&db, &ALL, By::Asset).await.unwrap(), pairs(&[("blog/first", 1), ("blog/second", 1)]));
        assert_eq!(used(&db, &ALL, By::Partner).await.unwrap(), pairs(&[("northlight", 2)]));
        assert_eq!(used(&db, &ALL, By::Newsletter).await.unwrap(), pairs(&[("", 2)]));
        let people = engaged_rows(&db, &ALL, &After::default(), 10).await.unwrap();
        let seen: Vec<_> = people.iter().map(|row| (row.name.as_str(), row.times, row.stage.as_str())).collect();
        assert_eq!(seen, [("Ana O'Brien-Müller", 2, ""), ("Bea Özil", 2, "new")]);
        let behind = After { key: people[0].key.clone(), ..After::default() };
        assert_eq!(engaged_rows(&db, &ALL, &behind, 10).await.unwrap().len(), 1);
        let uses = used_rows(&db, &ALL, &After::default(), 1).await.unwrap();
        assert_eq!((uses[0].asset.as_str(), uses[0].times), ("blog/first", 2));
        let behind = After { at_ms: 0, key: uses[0].key.clone(), asset: uses[0].asset.clone() };
        assert_eq!(used_rows(&db, &ALL, &behind, 5).await.unwrap()[0].asset, "blog/second");
        execute(&db, "UPDATE engagement_event SET human = FALSE WHERE delivery_id = $1", values![&scene.deliveries[0]]).await;
        assert_eq!(one(engaged(&db, &ALL, By::Nothing)).await, 1, "judged again, counted again");
    }

    /// A lead counts once, on the day it reached the stage first, for its first asset and the newsletter of its first act.
    async fn reached_counts_each_lead_once(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 1).await;
        let random = SeededRandom::new(6);
        for (id, email) in [("led_1", "bea@customer.example"), ("led_2", "dan@customer.example")] {
            in_tx!(db, tx => leads::add(tx, &new_lead(id, email)));
        }
        let act = |at: i64, delivery: Option<String>, human: bool| Event {
            lead_id: Some("led_1".to_owned()),
            delivery_id: delivery,
            human,
            ..event(&random, START_MS + at, "page_view")
        };
        let delivery = scene.deliveries[0].clone();
        in_tx!(db, tx => insert(tx, vec![act(0, None, false), act(1, Some(delivery), true), act(2, None, true)]));
        for (lead, stage, at) in [("led_1", "mql", 10), ("led_1", "recycled", 20), ("led_1", "mql", 30), ("led_2", "mql", 40), ("led_1", "won", 50)] {
            in_tx!(db, tx => leads::add_step(tx, lead, START_MS + at, "x", stage, "went on"));
        }
        assert_eq!(one(reached(&db, &ALL, "mql", By::Nothing)).await, 2);
        assert_eq!(one(reached(&db, &Filter { from_ms: START_MS + 25, ..ALL }, "mql", By::Nothing)).await, 1);
        assert_eq!(reached(&db, &ALL, "mql", By::Newsletter).await.unwrap(), pairs(&[("", 1), ("fold-forward", 1)]));
        assert_eq!(reached(&db, &ALL, "mql", By::Partner).await.unwrap(), pairs(&[("northlight", 2)]));
        assert_eq!(reached(&db, &ALL, "won", By::Asset).await.unwrap(), pairs(&[("first-24-hours", 1)]));
        assert_eq!(one(reached(&db, &of(&["first-24-hours"]), "won", By::Nothing)).await, 1);
        assert_eq!(one(reached(&db, &Filter { partner: Some("thornbury".into()), ..ALL }, "won", By::Nothing)).await, 0);
        let rows = reached_rows(&db, &ALL, "mql", &After::default(), 1).await.unwrap();
        assert_eq!((rows[0].key.as_str(), rows[0].scope.as_str(), rows[0].at_ms), ("led_1", "fold-forward", START_MS + 10));
        let behind = After { at_ms: rows[0].at_ms, key: rows[0].key.clone(), asset: String::new() };
        assert_eq!(reached_rows(&db, &ALL, "mql", &behind, 5).await.unwrap()[0].key, "led_2");
    }
}
