//! The sales desk through its door: who sees what, in which browser.

use axum::http::{Method, StatusCode};

use super::site_tests::{Answer, Site, site};
use crate::{
    domain::kernel::id::OfferId,
    store::{
        leads,
        offers::{self, Offer},
    },
    work::tokens::offer_token,
};

const ASK: &str =
    "name=Ana+Ruiz&email=ana%40clinic.example&company=Harbor+Clinic&consent=yes&message=Please+call";

impl Site {
    /// Asks to talk at Northlight MSP.
    async fn ask_to_talk(&self) {
        let sent = self.post("/p/northlight/talk-to-us", ASK).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    }

    /// The open offer of the only lead.
    async fn open_offer(&self) -> Option<Offer> {
        let lead = leads::recent(&self.ctx.db, None).await.unwrap().remove(0);
        let offers = offers::of_lead(&self.ctx.db, &lead.id).await.unwrap();
        offers.into_iter().find(|offer| offer.answer.is_none())
    }

    fn card(&self, offer: &Offer) -> String {
        format!(
            "/o/{}",
            offer_token(&self.ctx.keys, OfferId::parse(&offer.id).unwrap(), self.ctx.clock.wall_ms())
        )
    }

    /// A browser with this cookie.
    async fn with(&self, method: Method, path: &str, cookie: &str, body: &str) -> Answer {
        self.ask(method, path, &[("cookie", cookie), ("sec-fetch-site", "same-origin")], body).await
    }

    /// Opens the card of an offer and returns the cookie of the desk.
    async fn open_card(&self, offer: &Offer) -> String {
        let opened = self.post(&format!("{}/open", self.card(offer)), "").await;
        assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.body);
        opened.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_channel_manager_opens_answers_and_comes_back() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let first = site.open_offer().await.unwrap();
    let mut reps = Vec::new();
    let offer = loop {
        let offer = site.open_offer().await.unwrap();
        if offer.contact_id.is_none() {
            break offer;
        }
        let cookie = site.open_card(&offer).await;
        let reject = format!("{}/reject", site.card(&offer));
        let answer = site.with(Method::POST, &reject, &cookie, "reason=no_capacity&note=Ana+is+known").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        reps.push((offer.rep_name.clone(), cookie));
    };
    assert!(reps.len() >= 2);

    let path = site.card(&offer);
    let teaser = site.get(&path).await.body;
    assert!(teaser.contains("everybody there who was asked turned it down"), "{teaser}");
    assert!(!teaser.contains("Ana") && !teaser.contains("Harbor"), "it names the person to nobody yet");
    let cookie = site.open_card(&offer).await;
    let card = site.with(Method::GET, &path, &cookie, "").await.body;
    assert!(card.contains("Harbor Clinic") && card.contains("Why it came to you"), "{card}");
    for (name, old) in &reps {
        assert!(teaser.contains(name) && card.contains(name), "{name} turned it down");
        let seen = site.with(Method::GET, &path, old, "").await;
        assert!(!seen.body.contains("Harbor"), "what was turned down is not theirs to see");
        let taken = site.with(Method::POST, &format!("{path}/accept"), old, "").await;
        assert_eq!(taken.status, StatusCode::FORBIDDEN);
        let desk = site.with(Method::GET, "/desk", old, "").await;
        assert!(!desk.body.contains("Harbor") && desk.body.contains(name), "{name}");
    }
    assert!(card.contains("Ana is known"), "with the reason each of them gave");

    let accepted = site.with(Method::POST, &format!("{path}/accept"), &cookie, "").await;
    assert_eq!(accepted.status, StatusCode::SEE_OTHER, "{}", accepted.body);
    let desk = site.with(Method::GET, "/desk", &cookie, "").await.body;
    assert!(desk.contains("Tom Beckett, Brackenfold") && desk.contains("Harbor Clinic"), "{desk}");
    assert!(desk.contains("through Northlight MSP"), "{desk}");
    let lead = format!("/desk/leads/{}/contacted", offer.lead_id);
    assert!(desk.contains(&lead));
    let contacted = site.with(Method::POST, &lead, &reps[0].1, "note=").await;
    assert_eq!(contacted.status, StatusCode::FORBIDDEN, "only the owner");
    let contacted = site.with(Method::POST, &lead, &cookie, "note=call+on+Thursday").await;
    assert_eq!(contacted.status, StatusCode::SEE_OTHER, "{}", contacted.body);
    let gone = site.post(&format!("{}/open", site.card(&first)), "").await;
    assert_eq!(gone.status, StatusCode::CONFLICT, "an old link opens nothing");
}

#[tokio::test]
async fn who_has_left_opens_nothing() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let offer = site.open_offer().await.unwrap();
    let cookie = site.open_card(&offer).await;
    let path = site.card(&offer);
    assert!(site.with(Method::GET, &path, &cookie, "").await.body.contains("Harbor Clinic"));
    site.let_go("northlight").await;
    assert!(!site.with(Method::GET, &path, &cookie, "").await.body.contains("Harbor Clinic"));
    let desk = site.with(Method::GET, "/desk", &cookie, "").await.body;
    assert!(desk.contains("No desk is open in this browser") && !desk.contains("Harbor"), "{desk}");
    for action in ["open", "accept"] {
        let answer = site.with(Method::POST, &format!("{path}/{action}"), &cookie, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{action}");
    }
}

#[tokio::test]
async fn a_desk_is_opened_five_times_an_hour_and_cards_on_it_as_often_as_one_likes() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let offer = site.open_offer().await.unwrap();
    let open = format!("{}/open", site.card(&offer));
    let cookie = site.open_card(&offer).await;
    for _ in 0..10 {
        let again = site.with(Method::POST, &open, &cookie, "").await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "the browser is known");
        assert_eq!(again.header("set-cookie"), "");
    }
    for _ in 0..4 {
        assert_eq!(site.post(&open, "").await.status, StatusCode::SEE_OTHER);
    }
    let sixth = site.post(&open, "").await;
    assert_eq!((sixth.status, sixth.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "720"));
    assert!(sixth.body.contains("try again in 12 min"), "{}", sixth.body);
}

/// Whoever closes a lead is told what became of it and when it comes back, and finds it by its company; a colleague does not.
#[tokio::test]
async fn what_was_closed_is_told_and_found() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let offer = site.open_offer().await.unwrap();
    let cookie = site.open_card(&offer).await;
    site.with(Method::POST, &format!("{}/accept", site.card(&offer)), &cookie, "").await;
    let lead = format!("/desk/leads/{}", offer.lead_id);
    site.with(Method::POST, &format!("{lead}/contacted"), &cookie, "note=").await;
    let day = "2027-03-02";
    let closed = site
        .with(Method::POST, &format!("{lead}/close"), &cookie, &format!("reason=timing&again_on={day}"))
        .await;
    assert_eq!(closed.header("location"), format!("/desk/closed?done={}", offer.lead_id), "{}", closed.body);
    let page = site.with(Method::GET, closed.header("location"), &cookie, "").await.body;
    assert!(page.contains("is closed: not now") && page.contains("2 Mar 2027"), "{page}");
    let found = site.with(Method::GET, "/desk/closed?q=HARBOR", &cookie, "").await.body;
    assert!(found.contains("Harbor Clinic") && found.contains("Not now"), "{found}");
    let none = site.with(Method::GET, "/desk/closed?q=elsewhere", &cookie, "").await.body;
    assert!(!none.contains("Harbor Clinic"), "{none}");
    let stranger = site.get("/desk/closed").await;
    assert_eq!(stranger.status, StatusCode::FORBIDDEN);
}

/// The number to call stands at the top of the card, and what is to be done next changes once the person was reached.
#[tokio::test]
async fn a_card_knows_its_stage() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let offer = site.open_offer().await.unwrap();
    let cookie = site.open_card(&offer).await;
    let card = site.with(Method::GET, &site.card(&offer), &cookie, "").await.body;
    assert!(
        card.contains("Accept the lead within") && card.contains("A first mail, ready to send"),
        "{card}"
    );
    let (reach, steps) = (card.find("mailto:ana").unwrap(), card.find("Next steps").unwrap());
    assert!(reach < steps, "how to reach them comes first");
    site.with(Method::POST, &format!("{}/accept", site.card(&offer)), &cookie, "").await;
    let lead = format!("/desk/leads/{}", offer.lead_id);
    let accepted = site.with(Method::GET, &lead, &cookie, "").await.body;
    assert!(!accepted.contains("Accept the lead within"), "it is accepted");
    site.with(Method::POST, &format!("{lead}/contacted"), &cookie, "note=").await;
    let reached = site.with(Method::GET, &lead, &cookie, "").await.body;
    assert!(
        !reached.contains("I have just tried to reach you")
            && reached.contains("thank you for the conversation"),
        "{reached}"
    );
}

/// The console's list says to whom a lead is offered, and is searched by word, partner and stage.
#[tokio::test]
async fn the_console_finds_leads() {
    let site = site(|_| ()).await;
    site.ask_to_talk().await;
    let offer = site.open_offer().await.unwrap();
    let list = site.get("/console/leads").await.body;
    assert!(list.contains(&format!("offered to {}", offer.rep_name)), "{list}");
    for found in ["?q=HARBOR", "?q=ana%40clinic", "?partner=northlight", "?stage=offered&q=ana"] {
        let page = site.get(&format!("/console/leads{found}")).await.body;
        assert!(page.contains("Harbor Clinic"), "{found}: {page}");
    }
    for none in ["?q=elsewhere", "?q=%25", "?partner=thornbury", "?stage=won", "?from=50"] {
        let page = site.get(&format!("/console/leads{none}")).await.body;
        assert!(!page.contains("Harbor Clinic"), "{none}: {page}");
    }
}

/// Who asked to talk is promised an answer, and neither papers nor a rep who may not be the one; nor are they asked to ask again.
#[tokio::test]
async fn who_asked_to_talk_is_thanked_for_that() {
    let site = site(|_| ()).await;
    let sent = site.post("/p/northlight/talk-to-us", ASK).await;
    let page = site.get(sent.header("location")).await.body;
    assert!(page.contains("Thank you, Ana.") && page.contains("A colleague there will reply"), "{page}");
    let main = page.split("<main").nth(1).unwrap().split("</main>").next().unwrap();
    for wrong in ["inbox", "Luis Ortega", "Book a restore test"] {
        assert!(!main.contains(wrong), "{wrong}: {main}");
    }
}
