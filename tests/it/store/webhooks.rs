//! Webhooks: who is told what, whose turn it is, and what is kept of it.

use partnercast::{
    domain::webhook::{EventKind, Scope, filter::matching},
    store::{
        Db,
        webhooks::{
            Endpoint, endpoints, housekeeping,
            messages::{self, NewEvent, Range},
            secrets,
            turns::{self, Standing, Started, Tried, Turn},
        },
    },
};

use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, number},
};

fn endpoint(id: &str, partner: &str) -> Endpoint {
    Endpoint {
        id: id.to_owned(),
        partner_slug: partner.to_owned(),
        name: "CRM".to_owned(),
        url: format!("https://{id}.example/in"),
        contact_name: "Ada".to_owned(),
        contact_email: "ada@example.com".to_owned(),
        state: "active".to_owned(),
        because: String::new(),
        state_ms: 1,
        ordered: false,
        per_second: 0,
        concurrency: 4,
        created_ms: 1,
        created_by: "operator".to_owned(),
        ..Endpoint::default()
    }
}

/// Adds an endpoint of that state that wants `entries`.
pub(super) async fn known(db: &Db, id: &str, partner: &str, state: &str, entries: &[&str]) {
    let endpoint = Endpoint { state: state.to_owned(), ..endpoint(id, partner) };
    assert!(in_tx!(db, tx => endpoints::add(tx, &endpoint, entries)));
}

/// Tells an event and says for how many endpoints it was stored.
pub(super) async fn told(db: &Db, id: &str, kind: EventKind, scope: Scope, now_ms: i64) -> u64 {
    let entries = matching(kind);
    let event = NewEvent {
        id,
        kind: kind.as_str(),
        entries: &entries,
        at_ms: now_ms,
        subject: "led_1",
        payload: "{}",
    };
    in_tx!(db, tx => messages::tell(tx, &event, &scope))
}

pub(super) async fn taken(db: &Db, now_ms: i64) -> Vec<Turn> {
    let mut turns = in_tx!(db, tx => turns::take(tx, now_ms, 10));
    turns.sort_by(|one, other| one.id.cmp(&other.id));
    turns
}

pub(super) fn tried(
    message: &Started,
    verdict: &'static str,
    state: &'static str,
    due_ms: Option<i64>,
) -> Tried {
    Tried {
        event_id: message.event_id.clone(),
        attempt: message.attempts,
        at_ms: 50,
        took_ms: 7,
        verdict,
        status: Some(200),
        detail: String::new(),
        body: "“ok”".to_owned(),
        state,
        because: "",
        due_ms,
        ended_ms: due_ms.is_none().then_some(60),
        counts: true,
    }
}

const WELL: Standing =
    Standing { failures: 0, failing_since_ms: None, failed_ms: None, rest_ms: 0, throttled_ms: 0 };

both_dbs! {
    /// An endpoint is known by owner and address; removed, its place is free again.
    async fn endpoints_are_added_moved_and_listed(db: Db) {
        known(&db, "whe_1", "northlight", "pending", &["lead.*", "asset.recalled"]).await;
        known(&db, "whe_2", "", "active", &["*"]).await;
        let again = Endpoint { id: "whe_3".to_owned(), ..endpoint("whe_1", "northlight") };
        assert!(!in_tx!(db, tx => endpoints::add(tx, &again, &["*"])), "there is one at this address");
        assert_eq!(endpoints::entries(&db, "whe_1").await.unwrap(), ["asset.recalled", "lead.*"]);
        let ids = |all: Vec<Endpoint>| all.into_iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(ids(endpoints::list(&db, None).await.unwrap()), ["whe_2", "whe_1"]);
        assert_eq!(ids(endpoints::list(&db, Some("northlight")).await.unwrap()), ["whe_1"]);
        assert_eq!(in_tx!(db, tx => endpoints::count(tx, "northlight")), 1);
        assert!(in_tx!(db, tx => endpoints::move_to(tx, "whe_1", ("pending", "active"), "verified", 9)));
        assert!(!in_tx!(db, tx => endpoints::move_to(tx, "whe_1", ("pending", "active"), "verified", 9)));
        let now = endpoints::endpoint(&db, "whe_1").await.unwrap().unwrap();
        assert_eq!((now.state.as_str(), now.because.as_str(), now.state_ms), ("active", "verified", 9));
        assert!(in_tx!(db, tx => endpoints::move_to(tx, "whe_1", ("active", "removed"), "gone", 10)));
        assert!(endpoints::endpoint(&db, "whe_1").await.unwrap().is_none());
        assert!(in_tx!(db, tx => endpoints::add(tx, &again, &["*"])));
        assert_eq!(housekeeping::removed(&db).await.unwrap(), ["whe_1"]);
        assert!(in_tx!(db, tx => housekeeping::clear(tx, "whe_1")));
        assert!(housekeeping::removed(&db).await.unwrap().is_empty());
    }

    /// Secrets sign until they retire; a later word does not make one last longer.
    async fn secrets_retire(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        in_tx!(db, tx => secrets::keep(tx, "whe_1", "a", 1));
        assert_eq!(in_tx!(db, tx => secrets::retire(tx, "whe_1", &[1], 100)), 1);
        in_tx!(db, tx => secrets::keep(tx, "whe_1", "b", 2));
        assert_eq!(in_tx!(db, tx => secrets::retire(tx, "whe_1", &[1], 200)), 0);
        let sealed = |now_ms| {
            let db = db.clone();
            async move {
                let rows = secrets::in_use(&db, "whe_1", now_ms).await.unwrap();
                rows.into_iter().map(|it| it.sealed).collect::<Vec<_>>()
            }
        };
        assert_eq!(sealed(99).await, ["b", "a"]);
        assert_eq!(sealed(100).await, ["b"]);
        assert_eq!(in_tx!(db, tx => secrets::forget_retired(tx, 100)), 1);
    }

    /// The vendor is told of everything, a partner of its own and of what is everybody's, and nobody of what they do not want.
    async fn events_go_to_whom_they_concern(db: Db) {
        assert_eq!(told(&db, "whm_0", EventKind::LeadWon, Scope::Everybody, 1).await, 0);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM webhook_event", Vec::new()).await, 0, "nobody wants it");
        known(&db, "whe_v", "", "active", &["*"]).await;
        known(&db, "whe_a", "a", "paused", &["lead.*"]).await;
        known(&db, "whe_b", "b", "disabled", &["asset.recalled", "lead.won"]).await;
        known(&db, "whe_p", "a", "pending", &["*"]).await;
        assert_eq!(told(&db, "whm_1", EventKind::LeadWon, Scope::of("a"), 1).await, 2);
        assert_eq!(told(&db, "whm_2", EventKind::LeadLost, Scope::of("b"), 2).await, 1);
        assert_eq!(told(&db, "whm_3", EventKind::LeadWon, Scope::Everybody, 3).await, 3);
        assert_eq!(told(&db, "whm_4", EventKind::AssetRecalled, Scope::Vendor, 4).await, 1);
        assert_eq!(told(&db, "whm_5", EventKind::AssetRecalled, Scope::PartnerOnly("b".to_owned()), 5).await, 1);
        let of = |id: &'static str| {
            let db = db.clone();
            async move {
                let all = messages::list(&db, id, None, None, 10).await.unwrap();
                all.into_iter().map(|it| it.event_id).collect::<Vec<_>>()
            }
        };
        assert_eq!(of("whe_v").await, ["whm_4", "whm_3", "whm_2", "whm_1"]);
        assert_eq!(of("whe_a").await, ["whm_3", "whm_1"]);
        assert_eq!(of("whe_b").await, ["whm_5", "whm_3"]);
        assert!(of("whe_p").await.is_empty());
        assert!(in_tx!(db, tx => messages::is_wanted(tx, &matching(EventKind::IssueReleased))));
        let promised = in_tx!(db, tx => messages::partners_promised(tx, &matching(EventKind::LeadWon), "iss_1"));
        assert!(promised.is_empty(), "no issue is promised to them");
        let entries = matching(EventKind::EndpointTest);
        let test = NewEvent { id: "whm_6", kind: "endpoint.test", entries: &entries, at_ms: 6, subject: "", payload: "{\"t\":1}" };
        in_tx!(db, tx => messages::tell_one(tx, &test, "whe_v", 6));
        assert_eq!(messages::payload(&db, "whe_v", "whm_6").await.unwrap().as_deref(), Some("{\"t\":1}"));
        assert!(messages::payload(&db, "whe_a", "whm_6").await.unwrap().is_none(), "that is another's");
    }

    /// A turn is held by one process; what it left behind goes again under the next one, and its late results change nothing.
    async fn turns_are_held_taken_over_and_fenced(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        known(&db, "whe_2", "a", "paused", &["*"]).await;
        assert!(!turns::any_due(&db, 10).await.unwrap());
        for (id, at_ms) in [("whm_1", 1), ("whm_2", 2), ("whm_3", 3)] {
            assert_eq!(told(&db, id, EventKind::AssetPublished, Scope::Everybody, at_ms).await, 2);
        }
        assert!(turns::any_due(&db, 10).await.unwrap());
        let first = taken(&db, 10).await.remove(0);
        assert_eq!((first.id.as_str(), first.token), ("whe_1", 1));
        assert!(taken(&db, 10).await.is_empty(), "one is held, the other rests");
        let begun = in_tx!(db, tx => turns::start(tx, &first, 10, 2));
        assert_eq!(begun.iter().map(|it| (it.event_id.as_str(), it.tries)).collect::<Vec<_>>(), [("whm_1", 1), ("whm_2", 1)]);
        let done = [tried(&begun[0], "delivered", "delivered", None)];
        assert_eq!(in_tx!(db, tx => turns::settle(tx, &first, &done)), 1);
        // The process is gone; who sees its turn held for too long frees it.
        assert_eq!(turns::held(&db).await.unwrap(), [("whe_1".to_owned(), 1)]);
        assert!(!in_tx!(db, tx => turns::free(tx, "whe_1", 7)), "that is another turn");
        assert!(in_tx!(db, tx => turns::free(tx, "whe_1", 1)));
        let second = taken(&db, 60_010).await.remove(0);
        assert_eq!(in_tx!(db, tx => turns::take_over(tx, &second, 60_010, 10)), 1);
        assert!(in_tx!(db, tx => turns::start(tx, &first, 60_010, 2)).is_empty(), "the first has lost its turn");
        let late = [tried(&begun[1], "delivered", "delivered", None)];
        assert_eq!(in_tx!(db, tx => turns::settle(tx, &first, &late)), 0);
        assert!(!in_tx!(db, tx => turns::give_back(tx, &first, WELL, 60_011)));
        let again = in_tx!(db, tx => turns::start(tx, &second, 60_010, 5));
        let ids: Vec<(&str, i64)> = again.iter().map(|it| (it.event_id.as_str(), it.attempts)).collect();
        assert_eq!(ids, [("whm_2", 2), ("whm_3", 1)], "the same id, another try");
        let results = [tried(&again[0], "failed", "waiting", Some(70_000)), tried(&again[1], "delivered", "delivered", None)];
        assert_eq!(in_tx!(db, tx => turns::settle(tx, &second, &results)), 2);
        let ill = Standing { failures: 1, failing_since_ms: Some(60_010), failed_ms: Some(60_010), rest_ms: 65_000, throttled_ms: 0 };
        assert!(in_tx!(db, tx => turns::give_back(tx, &second, ill, 60_020)));
        assert!(taken(&db, 64_000).await.is_empty(), "it rests, and nothing is due");
        assert!(in_tx!(db, tx => endpoints::tell(tx, "whe_1", 61_000)));
        assert!(!in_tx!(db, tx => endpoints::tell(tx, "whe_1", 62_000)), "told once");
        let tries = messages::attempts(&db, "whe_1", "whm_2").await.unwrap();
        assert_eq!(tries.iter().map(|it| it.verdict.as_str()).collect::<Vec<_>>(), ["uncertain", "failed"]);
        assert_eq!(messages::counts(&db, "whe_1").await.unwrap(), [("delivered".to_owned(), 2), ("waiting".to_owned(), 1)]);
        let third = taken(&db, 70_000).await.remove(0);
        assert_eq!((third.failures, third.failing_since_ms), (1, Some(60_010)));
        assert_eq!(in_tx!(db, tx => turns::free_all(tx)), 1);
        assert_eq!(taken(&db, 70_000).await.len(), 1);
        // What has ended processes too often is given up.
        in_tx!(db, tx => turns::free_all(tx));
        let fourth = taken(&db, 140_000).await.remove(0);
        in_tx!(db, tx => turns::start(tx, &fourth, 140_000, 1));
        in_tx!(db, tx => turns::free_all(tx));
        let fifth = taken(&db, 210_000).await.remove(0);
        assert_eq!(in_tx!(db, tx => turns::take_over(tx, &fifth, 210_000, 3)), 1);
        assert_eq!(messages::list(&db, "whe_1", Some("failed"), None, 9).await.unwrap()[0].because, "no try is left");
    }

    /// Of an ordered endpoint the oldest message is on its way, or waits, and the others wait for it.
    async fn an_ordered_endpoint_gets_one_after_the_other(db: Db) {
        let ordered = Endpoint { ordered: true, ..endpoint("whe_1", "") };
        assert!(in_tx!(db, tx => endpoints::add(tx, &ordered, &["*"])));
        for (id, at_ms) in [("whm_1", 1), ("whm_2", 2)] {
            told(&db, id, EventKind::LeadWon, Scope::Vendor, at_ms).await;
        }
        let turn = taken(&db, 10).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 10, 4));
        assert_eq!(begun.len(), 1);
        assert!(in_tx!(db, tx => turns::start(tx, &turn, 10, 4)).is_empty(), "that one is on its way");
        let again = [tried(&begun[0], "failed", "waiting", Some(100))];
        in_tx!(db, tx => turns::settle(tx, &turn, &again));
        assert!(in_tx!(db, tx => turns::start(tx, &turn, 99, 4)).is_empty());
        // Its turn is not due either, although the other message is: whoever took it could do nothing, again and again.
        assert!(in_tx!(db, tx => turns::give_back(tx, &turn, WELL, 50)));
        assert!(!turns::any_due(&db, 99).await.unwrap() && taken(&db, 99).await.is_empty());
        assert!(turns::any_due(&db, 100).await.unwrap());
        let turn = taken(&db, 100).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 100, 4));
        assert_eq!((begun[0].event_id.as_str(), begun[0].tries), ("whm_1", 2));
        in_tx!(db, tx => turns::settle(tx, &turn, &[tried(&begun[0], "delivered", "delivered", None)]));
        assert_eq!(in_tx!(db, tx => turns::start(tx, &turn, 100, 4))[0].event_id, "whm_2");
    }

    /// Nothing waits for ever or without limit, what is old is forgotten, and what ended can be sent again.
    async fn the_ledger_has_bounds_and_can_be_replayed(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        for (id, at_ms) in [("whm_1", 1), ("whm_2", 2), ("whm_3", 3), ("whm_4", 4)] {
            told(&db, id, EventKind::LeadWon, Scope::Vendor, at_ms).await;
        }
        told(&db, "whm_0", EventKind::LeadErased, Scope::Vendor, 2).await;
        assert_eq!(housekeeping::crowded(&db, 4).await.unwrap(), ["whe_1"]);
        assert!(housekeeping::crowded(&db, 5).await.unwrap().is_empty());
        assert!(housekeeping::is_needed(&db, 2, 0, 0).await.unwrap() && !housekeeping::is_needed(&db, 1, 0, 0).await.unwrap());
        assert_eq!(in_tx!(db, tx => housekeeping::give_up(tx, 2, 10)), 1);
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 2, 10)), 1, "the next oldest, and no erasure");
        execute(&db, "DELETE FROM webhook_message WHERE event_id = 'whm_0'", Vec::new()).await;
        let turn = taken(&db, 10).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 10, 1));
        in_tx!(db, tx => turns::settle(tx, &turn, &[tried(&begun[0], "delivered", "delivered", None)]));
        let states = |all: Vec<messages::Message>| all.into_iter().map(|it| it.state).collect::<Vec<_>>();
        let now = states(messages::list(&db, "whe_1", None, None, 9).await.unwrap());
        assert_eq!(now, ["waiting", "delivered", "failed", "failed"]);
        assert_eq!(messages::list(&db, "whe_1", None, Some("whm_3"), 1).await.unwrap()[0].event_id, "whm_2");
        let failed = Range { from: "whm_2", until: "whm_9", only_failed: true };
        assert_eq!(in_tx!(db, tx => messages::replay(tx, "whe_1", failed, 20)), ["whm_2"]);
        let all = Range { from: "whm_1", until: "whm_4", only_failed: false };
        let mut replayed = in_tx!(db, tx => messages::replay(tx, "whe_1", all, 20));
        replayed.sort();
        assert_eq!(replayed, ["whm_1", "whm_3"]);
        assert_eq!(in_tx!(db, tx => housekeeping::trim(tx, "whe_1", 0, 20)), 1, "none that somebody had sent again");
        in_tx!(db, tx => messages::replay(tx, "whe_1", Range { from: "whm_4", until: "whm_9", only_failed: true }, 20));
        let waits = [0, 50, 50, 50, 50, 50, 50, 50, 50, 50];
        assert!(housekeeping::late(&db, 99, 20, &waits).await.unwrap().is_empty());
        assert_eq!(housekeeping::late(&db, 99, 5, &waits).await.unwrap(), ["whe_1"]);
        assert_eq!(in_tx!(db, tx => housekeeping::hurry(tx, "whe_1", 99, 5, &waits)), 4, "due at 20, which no plan says");
        assert!(housekeeping::late(&db, 99, 5, &waits).await.unwrap().is_empty());
        assert_eq!(in_tx!(db, tx => housekeeping::give_up(tx, 30, 40)), 4);
        assert_eq!(in_tx!(db, tx => housekeeping::forget(tx, 40)), 0);
        assert_eq!(in_tx!(db, tx => housekeeping::forget(tx, 41)), 4);
        execute(&db, "DELETE FROM webhook_event WHERE id = 'whm_0'", Vec::new()).await;
        for table in ["SELECT COUNT(*) FROM webhook_event", "SELECT COUNT(*) FROM webhook_attempt"] {
            assert_eq!(number(&db, table, Vec::new()).await, 0, "{table}");
        }
        told(&db, "whm_5", EventKind::LeadWon, Scope::Vendor, 50).await;
        assert!(in_tx!(db, tx => endpoints::move_to(tx, "whe_1", ("active", "removed"), "", 51)));
        assert!(housekeeping::removed(&db).await.unwrap().is_empty(), "its turn is held yet");
        in_tx!(db, tx => turns::free_all(tx));
        assert_eq!(housekeeping::removed(&db).await.unwrap(), ["whe_1"]);
        assert!(!in_tx!(db, tx => housekeeping::clear(tx, "whe_1")), "messages first");
        assert!(in_tx!(db, tx => housekeeping::clear(tx, "whe_1")));
    }

    /// What somebody had go on begins anew, whatever a turn found that began before; a rate and a rest last beyond the turn.
    async fn going_on_is_not_undone_by_a_turn_that_began_before(db: Db) {
        known(&db, "whe_1", "", "active", &["*"]).await;
        told(&db, "whm_1", EventKind::LeadWon, Scope::Vendor, 1).await;
        let turn = taken(&db, 10).await.remove(0);
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 10, 1));
        in_tx!(db, tx => turns::settle(tx, &turn, &[Tried { counts: false, ..tried(&begun[0], "withheld", "waiting", Some(900)) }]));
        assert!(in_tx!(db, tx => endpoints::move_to(tx, "whe_1", ("active", "active"), "go on", 20)));
        let ill = Standing { failures: 9, failing_since_ms: Some(5), rest_ms: 800, throttled_ms: 900, ..WELL };
        assert!(!in_tx!(db, tx => turns::give_back(tx, &turn, ill, 21)));
        let turn = taken(&db, 30).await.remove(0);
        assert_eq!((turn.failures, turn.rest_ms), (0, 0), "and what waited is due");
        in_tx!(db, tx => turns::pay(tx, &turn, 5_000_000));
        let begun = in_tx!(db, tx => turns::start(tx, &turn, 30, 1));
        assert_eq!((begun[0].tries, begun[0].attempts), (1, 2), "a try that was our own fault counts not");
        let again = [tried(&begun[0], "throttled", "waiting", Some(40))];
        in_tx!(db, tx => turns::settle(tx, &turn, &again));
        assert!(in_tx!(db, tx => turns::give_back(tx, &turn, Standing { throttled_ms: 900, ..WELL }, 41)));
        assert!(!turns::any_due(&db, 899).await.unwrap());
        assert_eq!(endpoints::endpoint(&db, "whe_1").await.unwrap().unwrap().rest_ms, 900);
        execute(&db, "UPDATE webhook_endpoint SET per_second = 2", Vec::new()).await;
        assert!(!turns::any_due(&db, 4_499).await.unwrap() && turns::any_due(&db, 4_500).await.unwrap(), "its rate is used");
    }

    /// Many events are told as one is, each to its own; what endpoints answered of a lead, and whom to tell, is forgotten.
    async fn many_are_told_at_once_and_people_are_forgotten(db: Db) {
        known(&db, "whe_v", "", "active", &["*"]).await;
        known(&db, "whe_a", "a", "active", &["lead.*"]).await;
        let entries = [matching(EventKind::LeadWon), matching(EventKind::AssetRecalled)];
        let event = |id, kind: EventKind, entries, subject| NewEvent { id, kind: kind.as_str(), entries, at_ms: 1, subject, payload: "{}" };
        let (ours, theirs, nobodys) = (Scope::Vendor, Scope::of("a"), Scope::PartnerOnly("b".to_owned()));
        let all = [
            (event("whm_1", EventKind::LeadWon, &entries[0], "led_1"), &theirs),
            (event("whm_2", EventKind::LeadWon, &entries[0], "led_2"), &ours),
            (event("whm_3", EventKind::AssetRecalled, &entries[1], ""), &nobodys),
        ];
        assert_eq!(in_tx!(db, tx => messages::tell_all(tx, &all)), 3);
        assert_eq!(number(&db, "SELECT COUNT(*) FROM webhook_event", Vec::new()).await, 2, "what nobody wants is not kept");
        assert_eq!(in_tx!(db, tx => messages::tell_all(tx, &[])), 0);
        for turn in taken(&db, 10).await {
            let begun = in_tx!(db, tx => turns::start(tx, &turn, 10, 9));
            let done: Vec<Tried> = begun.iter().map(|it| tried(it, "delivered", "delivered", None)).collect();
            in_tx!(db, tx => turns::settle(tx, &turn, &done));
        }
        assert_eq!(in_tx!(db, tx => messages::forget_answers(tx, "led_1")), 2);
        let left = number(&db, "SELECT COUNT(*) FROM webhook_attempt WHERE body <> ''", Vec::new()).await;
        assert_eq!(left, 1, "that of another lead");
        let gone = vec!["ada@example.com".to_owned()];
        assert_eq!(in_tx!(db, tx => endpoints::forget_contact(tx, &gone)), 2);
        let blank = endpoints::endpoint(&db, "whe_v").await.unwrap().unwrap();
        assert!(blank.contact_email.is_empty() && blank.contact_name.is_empty());
        in_tx!(db, tx => secrets::keep(tx, "whe_v", "old1.x", 1));
        let old = secrets::sealed_otherwise(&db, "new2").await.unwrap();
        assert_eq!((old.len(), old[0].0.as_str()), (1, "whe_v"));
        assert!(in_tx!(db, tx => secrets::replace(tx, "whe_v", &old[0].1, "new2.x")));
        assert!(!in_tx!(db, tx => secrets::replace(tx, "whe_v", &old[0].1, "new2.y")), "somebody else did");
        assert!(secrets::sealed_otherwise(&db, "new2").await.unwrap().is_empty());
    }
}
