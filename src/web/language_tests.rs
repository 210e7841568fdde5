//! Pages in the reader's language and the partner's look, also when something went wrong.

use axum::http::{Method, StatusCode};

use super::site_tests::{Site, site};
use crate::{
    domain::kernel::{
        id::{DeliveryId, LeadId},
        token::Purpose,
    },
    store::{deliveries, issues, leads},
    work::tokens::{AccessToken, MailToken},
};

impl Site {
    /// The January mail of somebody at a partner.
    async fn mail_at(&self, partner: &str) -> MailToken {
        let issue = issues::recent(&self.ctx.db).await.unwrap().remove(0);
        let lines = deliveries::of_issue(&self.ctx.db, &issue.id, 0).await.unwrap();
        let line = lines.iter().find(|line| line.partner_slug == partner).unwrap();
        MailToken::new(DeliveryId::parse(&line.id).unwrap(), &line.rendition_id).unwrap()
    }
}

#[tokio::test]
async fn the_preference_page_speaks_one_language() {
    let site = site(|_| ()).await;
    let token = |mail: MailToken| mail.sign(&site.ctx.keys, Purpose::Preferences);
    let german = site.get(&format!("/u/{}", token(site.mail_at("rheinbogen").await))).await.body;
    assert!(german.contains("weil Sie bei Rheinbogen Systemhaus arbeiten. Ihr Bereich dort:"), "{german}");
    assert!(german.contains("am zweiten Dienstag im Monat um 09:00 Uhr"), "{german}");
    for inside in ["they are:", "gold", "si,", "Tuesday"] {
        assert!(!german.contains(inside), "{inside} is a word of ours");
    }
    let spanish = site.get(&format!("/u/{}", token(site.mail_at("solaria").await))).await.body;
    assert!(spanish.contains("porque trabaja en Solaria"), "{spanish}");
}

#[tokio::test]
async fn direction_follows_the_words_that_are_shown() {
    let site = site(|_| ()).await;
    let home = site.get("/p/dune-gate").await.body;
    assert!(home.contains("<html lang=\"ar-AE\" dir=\"rtl\""), "Arabic words around it");
    assert!(home.contains("lang=\"ar-AE\" dir=\"rtl\">نوفّر"), "{home}");
    assert!(home.contains("<h2 lang=\"en\" dir=\"ltr\">"), "what is not translated keeps its direction");
    assert!(home.contains("<h2 lang=\"ar\" dir=\"rtl\">"), "{home}");
    assert!(home.contains("5 يناير 2027"), "{home}");
    // Nobody wrote Klingon words, so there are English ones around an Arabic partner's promise.
    let klingon = site.get("/p/dune-gate?lang=tlh").await.body;
    assert!(klingon.contains("<html lang=\"en\" dir=\"ltr\""), "{klingon}");
    let token = site.mail_at("dune-gate").await.sign(&site.ctx.keys, Purpose::Preferences);
    let preferences = site.get(&format!("/u/{token}")).await.body;
    assert!(preferences.contains("<html lang=\"ar-AE\" dir=\"rtl\""), "{preferences}");
    assert!(preferences.contains("الثلاثاء الثاني من كل شهر الساعة 9:00 ص"), "{preferences}");
    let german = site.get("/p/rheinbogen").await.body;
    assert!(german.contains("<html lang=\"de-DE\" dir=\"ltr\""), "{german}");
    assert!(
        german.contains("<h2 lang=\"de\" dir=\"ltr\">") && german.contains("<h2 lang=\"en\" dir=\"ltr\">")
    );
}

#[tokio::test]
async fn what_goes_wrong_on_a_partners_page_wears_the_partners_look() {
    let site = site(|_| ()).await;
    let mail = site.mail_at("rheinbogen").await;
    let (click, preferences) =
        (mail.sign(&site.ctx.keys, Purpose::Click), mail.sign(&site.ctx.keys, Purpose::Preferences));
    let german = ["/p/rheinbogen/blog/none".to_owned(), format!("/c/{click}/99")];
    for path in german {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("Hier ist nichts") && answer.body.contains("Rheinbogen"), "{path}");
        assert!(answer.body.contains("nennen Sie diese Nummer: <code>"), "{path}");
        assert!(!answer.body.contains("partnercast</a>"), "{path}");
    }
    let refused = site.ask(Method::POST, &format!("/u/{preferences}"), &[], "do=stop").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("Das ging nicht") && refused.body.contains("/p/rheinbogen/brand.css"));

    let asked = "name=Ana+Ruiz&email=ana%40clinic.example&company=Harbor&consent=yes";
    site.post("/p/northlight/talk-to-us", asked).await;
    let lead = leads::recent(&site.ctx.db, None).await.unwrap().remove(0);
    let other = AccessToken::new(LeadId::parse(&lead.id).unwrap(), "blog/none").sign(&site.ctx.keys);
    let gone = site.get(&format!("/r/{other}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(
        gone.body.contains("Northlight MSP") && gone.body.contains("There is nothing here"),
        "{}",
        gone.body
    );
    let unknown = site.get("/p/nobody").await;
    assert!(unknown.body.contains("partnercast</a>"), "nobody's page is ours");
    let spanish = site.get("/p/northlight/blog/none?lang=es").await.body;
    assert!(spanish.contains("Aquí no hay nada"), "{spanish}");
}

/// A cut, forged or old link says what it was for, what to do and whom to ask, in the reader's language.
#[tokio::test]
async fn a_link_that_leads_nowhere_says_what_it_was_for() {
    let site = site(|_| ()).await;
    for (path, says) in [
        ("/c/cut/1", "Der Link stammt aus einer E-Mail"),
        ("/v/cut", "Der Link stammt aus einer E-Mail"),
        ("/t/cut/nobody/blog/x", "Der Link stammt aus einer E-Mail"),
        ("/u/cut", "Der Link war für Ihre Einstellungen"),
        ("/one-click/cut", "Der Link war für Ihre Einstellungen"),
        ("/r/cut", "was Sie mit einem Formular angefordert haben"),
        ("/o/cut", "Der Link war für einen Lead"),
        ("/claim/cut", "Der Link war für einen Lead"),
        ("/post/cut", "Der Link war für einen Beitrag"),
        ("/feeds/cut.atom", "Dies war die Adresse eines Feeds"),
        ("/calendars/cut", "Dies war die Adresse eines Feeds"),
    ] {
        let asks = [("accept-language", "tlh, de-CH;q=0.9, en;q=0.8")];
        let answer = site.ask(Method::GET, path, &asks, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains(says), "{path}: {}", answer.body);
        assert!(
            answer.body.contains("https://brackenfold.example") && answer.body.contains("Brackenfold"),
            "{path}"
        );
        assert!(answer.body.contains("<html lang=\"de-CH\" dir=\"ltr\""), "{path}: {}", answer.body);
        for inside in ["partnercast</a>", "If you write", "There is nothing"] {
            assert!(!answer.body.contains(inside), "{path}: {inside}");
        }
        let has_desk = answer.body.contains("href=\"/desk\"");
        assert_eq!(has_desk, ["/o/cut", "/claim/cut"].contains(&path), "{path}");
    }
    let japanese = site.get("/u/cut?lang=ja").await.body;
    assert!(japanese.contains("配信停止の設定用です"), "{japanese}");
    let unknown = site.ask(Method::GET, "/u/cut", &[("accept-language", "tlh")], "").await.body;
    assert!(unknown.contains("The link was for your settings"), "{unknown}");
    // Whose it was is known where the rest of the address is whole.
    let click = site.mail_at("rheinbogen").await.sign(&site.ctx.keys, Purpose::Click);
    let theirs = site.get(&format!("/c/{click}/99")).await.body;
    assert!(theirs.contains("fragen Sie Rheinbogen Systemhaus"), "{theirs}");
    let spread = site.get("/t/cut/rheinbogen/blog/x").await.body;
    assert!(spread.contains("fragen Sie Rheinbogen Systemhaus"), "{spread}");
}

#[tokio::test]
async fn faults_of_a_form_are_told_in_the_page_s_language() {
    let site = site(|_| ()).await;
    for (path, wanted) in [
        ("/p/dune-gate/talk-to-us", ["يُرجى كتابة اسمك.", "لا يمكن إرسال بريد إلى هذا العنوان.", "موافقتك"]),
        (
            "/p/hoshikawa/talk-to-us",
            ["お名前をご記入ください。", "このアドレスにはメールを送れません。", "同意がない場合"],
        ),
        (
            "/p/northlight/talk-to-us",
            ["Please give your name.", "Mail cannot be sent", "Without your consent"],
        ),
    ] {
        let answer = site.post(path, "name=&company=x&email=nobody").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        for text in wanted {
            assert!(answer.body.contains(text), "{path}: {text}: {}", answer.body);
        }
    }
}
