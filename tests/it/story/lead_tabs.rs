//! The same lead in two windows: whoever comes second is told what the first one did, and goes on from there.

use axum::http::StatusCode;
use partnercast::{
    domain::kernel::{clock::MINUTE_MS, id::OfferId},
    store::leads,
    work::{desk, handoff, handoff::By, tokens},
};

use super::{
    Rig,
    lead_give::at_desk,
    lead_work::{LUIS, asks, at, clock, lead, live, takes},
};
use crate::harness::both_dbs;

both_dbs! {
    /// Two sums for one step: the first is kept, and the second window says which, whose and since when, with the form to correct it
    /// and what was typed in it.
    async fn the_second_sum_is_told_of_the_first(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let luis = takes(&rig, &id).await;
        rig.clock.advance(MINUTE_MS);
        handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        let (desk, path) = (at_desk(&rig, LUIS).await, format!("/desk/leads/{id}"));
        let sum = |value: &str| format!("value={value}&currency=EUR&close_date=2027-02-26&note=");
        let (status, _, page) = desk.ask("POST", &format!("{path}/sql"), Some(&sum("2000"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        rig.clock.advance(MINUTE_MS);
        let (status, _, page) = desk.ask("POST", &format!("{path}/sql"), Some(&sum("1000"))).await;
        assert_eq!(status, StatusCode::CONFLICT, "{page}");
        for told in ["“sales qualified” already", "EUR 2,000 is kept", "by Luis Ortega", "09:01 CST", "correct it below"] {
            let told = told.replace(['“', '”'], "&quot;");
            assert!(page.contains(&told), "{told}: {page}");
        }
        let form = page.split(&format!("{path}/correct")).nth(1).unwrap().split("</form>").next().unwrap();
        assert!(form.contains("value=\"1000\"") && form.contains("value=\"2027-02-26\""), "{form}");
        assert_eq!(leads::amounts(&rig.ctx.db, &id).await.unwrap().len(), 1);

        let (status, ..) = desk.ask("POST", &format!("{path}/correct"), Some(&sum("1000"))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is missing");
        let (status, to, _) = desk.ask("POST", &format!("{path}/correct"), Some(&format!("{}heard+wrong", sum("1000")))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let (_, _, page) = desk.get(&to.unwrap()).await;
        assert!(page.contains("Corrected.") && page.contains("EUR 1,000") && page.contains("EUR 2,000"), "{page}");
        assert_eq!(lead(&rig).await.stage, "sql");
        // What cannot follow, because something else did, says what did.
        let (status, _, page) = desk.ask("POST", &format!("{path}/contacted"), Some("note=again")).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("cannot become") && page.contains("confirmed the need"), "{page}");
    }

    /// Accepted in another window, it is theirs in this one too, whichever button is pressed.
    async fn what_was_accepted_in_another_window_is_theirs_in_this_one(db: Db) {
        let rig = Rig::new(db).await;
        let id = asks(&rig, at("2027-01-18T09:00:00-06:00")).await;
        let offer = OfferId::parse(&live(&rig, &id).await.unwrap().id).unwrap();
        handoff::view(&rig.ctx, offer).await.unwrap();
        let (desk, path) = (at_desk(&rig, LUIS).await, format!("/o/{}", tokens::offer_token(&rig.ctx.keys, offer, rig.clock_ms())));
        let card = format!("/desk/leads/{id}?done=accepted");
        for _ in 0..2 {
            let (status, to, page) = desk.ask("POST", &format!("{path}/accept"), Some("")).await;
            assert_eq!((status, to.as_deref()), (StatusCode::SEE_OTHER, Some(card.as_str())), "{page}");
            let (_, _, page) = desk.get(&card).await;
            assert!(page.contains("It is yours. The clock for the first contact runs."), "{page}");
        }
        let before = clock(&rig, &id).await.unwrap();
        let (status, _, page) = desk.ask("POST", &format!("{path}/reject"), Some("reason=misrouted&note=")).await;
        assert_eq!(status, StatusCode::CONFLICT, "{page}");
        assert!(page.contains("you have this lead already") && page.contains("I have contacted Ada"), "{page}");
        assert_eq!(clock(&rig, &id).await.unwrap(), before);

        rig.clock.advance(MINUTE_MS);
        let luis = desk::rep(&rig.ctx, LUIS).await.unwrap().unwrap();
        handoff::contacted(&rig.ctx, &id, By::Rep(&luis), "").await.unwrap();
        let (status, ..) = desk.ask("POST", &format!("{path}/accept"), Some("")).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let (_, _, page) = desk.get(&card).await;
        assert!(page.contains("you have accepted it before"), "{page}");
    }
}
