//! Who has which revision.

use partnercast::store::{
    Db,
    events::{self, Event},
    holders::{Holder, counts, files_unrecorded, issues, of_wrong_texts, page, place, takers, unrecorded},
};

use super::leads::scene;
use crate::harness::{
    START_MS, both_dbs,
    databases::{execute, in_tx, values},
    outbox::{Scene, address, key},
};

const CARD: &str = "blog/a.md";

/// All deliveries but the first `left` are accepted.
async fn accepted(db: &Db, issue: &str, left: i64) {
    let accept = "UPDATE delivery SET state = 'accepted', live = FALSE, accepted_ms = $2
         WHERE source = $1 AND id NOT IN (SELECT id FROM delivery WHERE source = $1 ORDER BY recipient_key LIMIT $3)";
    execute(db, accept, values![issue, START_MS + 5, left]).await;
}

fn event(no: i64, kind: &str, delivery: Option<&str>, human: bool) -> Event {
    Event {
        id: format!("evt_{no}"),
        kind: kind.to_owned(),
        at_ms: START_MS + no,
        delivery_id: delivery.map(str::to_owned),
        contact_id: None,
        lead_id: None,
        partner_slug: "northlight".to_owned(),
        asset: Some("blog/a".to_owned()),
        revision: Some("a1".to_owned()),
        channel: String::new(),
        stayed_ms: None,
        link_no: None,
        method: "GET".to_owned(),
        agent: String::new(),
        network: String::new(),
        prefetch: false,
        honeypot: false,
        human,
        reason: String::new(),
        verdict: String::new(),
    }
}

async fn all(db: &Db, issue: &str, hash: Option<&str>, partner: Option<&str>) -> Vec<Holder> {
    let (mut all, mut at): (Vec<Holder>, _) = (Vec::new(), (String::new(), String::new()));
    loop {
        let next = page(db, issue, (CARD, hash, "blog/a"), partner, (&at.0, &at.1)).await.unwrap();
        let Some(last) = next.last() else { return all };
        at = (last.recipient_key.clone(), last.delivery_id.clone());
        all.extend(next);
    }
}

both_dbs! {
    /// Who was sent it is found page by page; what is only on its way is not.
    async fn page_goes_through_all_that_were_accepted(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 450).await;
        accepted(&db, &scene.issue, 3).await;
        let people = all(&db, &scene.issue, None, None).await;
        let keys: Vec<&str> = people.iter().map(|it| it.recipient_key.as_str()).collect();
        assert_eq!((keys.len(), keys[0], keys.is_sorted()), (447, key(3).as_str(), true));
        let one = &people[0];
        assert_eq!((one.hash.as_str(), one.part.as_str(), one.accepted_ms), ("a1", "card", START_MS + 5));
        assert_eq!((one.clicked_ms, one.downloaded_ms, one.email.as_str()), (None, None, address(3).as_str()));
        assert_eq!(all(&db, &scene.issue, Some("a1"), Some("northlight")).await.len(), 447);
        assert!(all(&db, &scene.issue, Some("a2"), None).await.is_empty());
        assert!(all(&db, &scene.issue, None, Some("rheinbogen")).await.is_empty());
        let at = place(&db, &people[0].delivery_id).await.unwrap();
        assert_eq!(at, Some((scene.issue.clone(), key(3))));
        assert_eq!(place(&db, "dlv_none").await.unwrap(), None);
    }

    /// What people did counts, what machines did and what was about something else does not.
    async fn page_says_what_people_did(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 2).await;
        accepted(&db, &scene.issue, 0).await;
        let [first, second] = [0, 1].map(|at| Some(scene.deliveries[at].as_str()));
        let mut other = event(1, "click", first, true);
        other.asset = Some("blog/other".to_owned());
        let batch = vec![
            other, event(2, "click", first, false), event(4, "click", first, true), event(3, "click", first, true),
            event(5, "download", second, true),
        ];
        in_tx!(db, tx => events::insert(tx, batch));
        let people = all(&db, &scene.issue, None, None).await;
        let done: Vec<_> = people.iter().map(|it| (it.clicked_ms, it.downloaded_ms)).collect();
        assert_eq!(done, [(Some(START_MS + 3), None), (None, Some(START_MS + 5))]);
    }

    /// A person who was sent the same text twice counts once.
    async fn counts_are_of_people(db: Db) {
        let first = Scene::released(&db, "fold-forward", 4).await;
        let second = Scene::released(&db, "second", 3).await;
        for scene in [&first, &second] {
            accepted(&db, &scene.issue, 1).await;
        }
        assert_eq!(counts(&db, CARD).await.unwrap(), [("a1".to_owned(), 3)]);
        assert!(counts(&db, "blog/none.md").await.unwrap().is_empty());
        let held = issues(&db, CARD, Some("a1")).await.unwrap();
        let names: Vec<&str> = held.iter().map(|it| it.newsletter.as_str()).collect();
        assert_eq!(names, ["fold-forward", "second"]);
        assert!(issues(&db, CARD, Some("a2")).await.unwrap().is_empty());
        assert_eq!(unrecorded(&db).await.unwrap(), 0);
        execute(&db, "DELETE FROM rendition_asset WHERE rendition_id IN (SELECT id FROM rendition WHERE issue_id = $1)", values![&second.issue]).await;
        assert_eq!(unrecorded(&db).await.unwrap(), 1);
    }

    /// A text is right that was the head of its path at the instant or later, in each language by itself; who has a wrong one
    /// in two languages or two mails counts once.
    async fn of_wrong_texts_counts_by_what_was_right_when(db: Db) {
        let scene = Scene::released(&db, "fold-forward", 4).await;
        accepted(&db, &scene.issue, 1).await;
        let german = "INSERT INTO rendition_asset (rendition_id, path, hash, part) SELECT id, 'blog/a.de.md', 'd1', 'card' FROM rendition";
        execute(&db, german, vec![]).await;
        let history = "INSERT INTO content_history (path, no, hash, is_text, since_ms) VALUES ($1, $2, $3, TRUE, $4)";
        for (path, no, hash, since_ms) in [(CARD, 1, "a1", 10), (CARD, 2, "a2", 20), ("blog/a.de.md", 1, "d1", 10)] {
            execute(&db, history, values![path, no, hash, since_ms]).await;
        }
        let wrong = async |since| of_wrong_texts(&db, "blog/a", since).await.unwrap();
        assert_eq!((wrong(Some(20)).await, wrong(Some(15)).await, wrong(None).await), (3, 0, 3));
        assert_eq!(of_wrong_texts(&db, "blog/_", None).await.unwrap(), 0);
        for (path, no, hash, since_ms) in [(CARD, 3, "a1", 30), ("blog/a.de.md", 2, "d2", 30)] {
            execute(&db, history, values![path, no, hash, since_ms]).await;
        }
        assert_eq!((wrong(Some(20)).await, wrong(Some(30)).await), (0, 3), "the first text came back; the German is wrong");
    }

    /// Leads who took a file that was made of a text, oldest first.
    async fn takers_are_leads(db: Db) {
        let history = "INSERT INTO content_history (path, no, hash, is_text, since_ms) VALUES ($1, 1, $2, TRUE, 10)";
        execute(&db, history, values![CARD, "a1"]).await;
        execute(&db, history, values!["blog/a.de.md", "d1"]).await;
        let lead = scene(&db).await;
        let mut taken: Vec<Event> = (1..=3).map(|no| event(no, "download", None, no != 2)).collect();
        taken.push(event(4, "page_view", None, true));
        taken.iter_mut().for_each(|event| event.lead_id = Some(lead.id.clone()));
        let mut german = event(5, "download", None, true);
        (german.lead_id, german.revision) = (Some(lead.id.clone()), Some("d1".to_owned()));
        taken.push(german);
        in_tx!(db, tx => events::insert(tx, taken));
        let found = takers(&db, (CARD, None), None, (0, "")).await.unwrap();
        assert_eq!(found.iter().map(|it| it.at_ms - START_MS).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((found[0].email.as_str(), found[0].lead_id.as_str()), (lead.email.as_str(), lead.id.as_str()));
        assert!(found.iter().all(|it| it.hash == "a1"));
        let mut early = vec![event(6, "download", None, true), event(7, "download", None, false)];
        early.iter_mut().for_each(|event| event.revision = None);
        in_tx!(db, tx => events::insert(tx, early));
        assert_eq!((files_unrecorded(&db, "blog/a").await.unwrap(), files_unrecorded(&db, "blog/b").await.unwrap()), (1, 0));
        assert_eq!(takers(&db, ("blog/a.de.md", Some("d1")), None, (0, "")).await.unwrap().len(), 1);
        assert!(takers(&db, (CARD, Some("d1")), None, (0, "")).await.unwrap().is_empty());
        let rest = takers(&db, (CARD, Some("a1")), Some(&lead.partner_slug), (found[0].at_ms, &found[0].id)).await.unwrap();
        assert_eq!(rest, found[1..]);
        assert!(takers(&db, (CARD, None), Some("none"), (0, "")).await.unwrap().is_empty());
    }
}
