//! Offers of leads, and assignments.

use partnercast::{
    domain::kernel::Kind,
    store::offers::{
        Answer, Offer, add, answer, end, heat, live_in, live_of_rep, live_of_rep_in, loads, of_lead, offer,
        since, view,
    },
};

use super::leads::{new_offer, scene};
use crate::harness::{START_MS, both_dbs, databases::in_tx};

const TAKEN: Answer<'_> = Answer { answer: "accepted", reason: "", because: None };
const NO: Answer<'_> = Answer { answer: "rejected", reason: "misrouted", because: Some("Not ours") };

both_dbs! {
    /// A lead has one offer that is open or holds; when that is over the next may be made.
    async fn add_allows_one_live_offer(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &new_offer("off_1", "con_1", START_MS)));
        let refused = async || {
            let mut tx = db.begin().await.unwrap();
            let error = add(&mut tx, &new_offer("off_2", "con_2", START_MS + 1)).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Conflict, "{}", error.detail());
        };
        refused().await;
        assert!(in_tx!(db, tx => answer(tx, "off_1", START_MS + 2, NO)));
        in_tx!(db, tx => add(tx, &new_offer("off_2", "con_2", START_MS + 3)));
        assert!(in_tx!(db, tx => answer(tx, "off_2", START_MS + 4, TAKEN)));
        let mut tx = db.begin().await.unwrap();
        let error = add(&mut tx, &new_offer("off_3", "con_3", START_MS + 5)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "an accepted one holds: {}", error.detail());
        drop(tx);
        assert!(in_tx!(db, tx => end(tx, "off_2", START_MS + 6, ("conflict", "taken back"))));
        assert!(!in_tx!(db, tx => end(tx, "off_2", START_MS + 7, ("", "again"))));
        in_tx!(db, tx => add(tx, &new_offer("off_3", "con_3", START_MS + 8)));
        let all: Vec<_> = of_lead(&db, "led_1").await.unwrap();
        let seen: Vec<_> = all.iter().map(|it| (it.id.as_str(), it.is_live(), it.ended_because.as_deref())).collect();
        assert_eq!(seen, [("off_3", true, None), ("off_2", false, Some("taken back")), ("off_1", false, None)]);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(live_in(&mut tx, "led_1").await.unwrap().unwrap().id, "off_3");
        assert!(live_in(&mut tx, "led_2").await.unwrap().is_none());
    }

    /// Viewing and answering count once, also when the link is opened again or pressed twice.
    async fn view_and_answer_once(db: Db) {
        scene(&db).await;
        let made = Offer { given_because: Some("on leave".to_owned()), ..new_offer("off_1", "con_1", START_MS) };
        in_tx!(db, tx => add(tx, &made));
        assert_eq!(offer(&db, "off_1").await.unwrap().unwrap(), made);
        in_tx!(db, tx => heat(tx, "off_1"));
        assert_eq!(offer(&db, "off_1").await.unwrap().unwrap().temperature, "hot");
        assert!(in_tx!(db, tx => view(tx, "off_1", START_MS + 1)));
        assert!(!in_tx!(db, tx => view(tx, "off_1", START_MS + 2)));
        assert!(in_tx!(db, tx => answer(tx, "off_1", START_MS + 3, TAKEN)));
        assert!(!in_tx!(db, tx => answer(tx, "off_1", START_MS + 4, NO)));
        let answered = offer(&db, "off_1").await.unwrap().unwrap();
        assert_eq!((answered.viewed_ms, answered.answered_ms), (Some(START_MS + 1), Some(START_MS + 3)));
        assert_eq!((answered.answer.as_deref(), answered.answer_reason), (Some("accepted"), None));
        assert!(offer(&db, "off_9").await.unwrap().is_none());
    }

    /// Nobody saw the card of an offer that was taken back before it was opened.
    async fn answer_recalled_is_not_viewed(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &new_offer("off_1", "con_1", START_MS)));
        let back = Answer { answer: "recalled", reason: "overdue", because: Some("no answer in time") };
        assert!(in_tx!(db, tx => answer(tx, "off_1", START_MS + 3, back)));
        let answered = offer(&db, "off_1").await.unwrap().unwrap();
        assert_eq!((answered.viewed_ms, answered.reason.as_str()), (None, "overdue"));
    }

    /// An answer nobody offered is refused.
    async fn answer_wants_a_known_answer(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &new_offer("off_1", "con_1", START_MS)));
        let mut tx = db.begin().await.unwrap();
        let perhaps = Answer { answer: "perhaps", ..TAKEN };
        let error = answer(&mut tx, "off_1", START_MS, perhaps).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{}", error.detail());
    }

    /// What somebody has in hand, and when they were asked last, over all leads of the partner.
    async fn loads_count_what_is_live(db: Db) {
        scene(&db).await;
        in_tx!(db, tx => add(tx, &new_offer("off_1", "con_1", START_MS)));
        let seen = async || {
            let all = loads(&db, "northlight").await.unwrap();
            for load in &all {
                let live = in_tx!(db, tx => live_of_rep_in(tx, &load.rep_key));
                assert_eq!(live, load.live, "the same inside a transaction");
            }
            all.into_iter().map(|load| (load.rep_key, load.live, load.last_ms - START_MS)).collect::<Vec<_>>()
        };
        assert_eq!(seen().await, [("rae@northlight.example".to_owned(), 1, 0)]);
        in_tx!(db, tx => answer(tx, "off_1", START_MS, NO));
        let other = Offer { rep_email: "Sam@northlight.example".to_owned(), ..new_offer("off_2", "con_2", START_MS + 5) };
        in_tx!(db, tx => add(tx, &other));
        in_tx!(db, tx => answer(tx, "off_2", START_MS + 6, TAKEN));
        let expected = [("rae@northlight.example".to_owned(), 0, 0), ("sam@northlight.example".to_owned(), 1, 5)];
        assert_eq!(seen().await, expected);
        assert!(loads(&db, "thornbury").await.unwrap().is_empty());
        let live = live_of_rep(&db, "sam@northlight.example").await.unwrap();
        assert_eq!((live.len(), live[0].id.as_str()), (1, "off_2"));
        assert!(live_of_rep(&db, "rae@northlight.example").await.unwrap().is_empty());
        let made = async |partner, since_ms| since(&db, partner, since_ms, 9).await.unwrap().len();
        assert_eq!(made(Some("northlight"), START_MS - 1).await, 2);
        assert_eq!((made(Some("northlight"), START_MS).await, made(Some("thornbury"), 0).await, made(None, 0).await), (1, 0, 2));
    }
}
