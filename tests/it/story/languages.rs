//! One issue in the languages of its readers: words, dates, direction, and names that run the other way.

use axum::http::Method;
use partnercast::work::handoff;

use super::{Rig, console::ask, intake::import};
use crate::harness::both_dbs;

both_dbs! {
    /// Words, dates and direction of the mail are Arabic; a name in Latin letters keeps to itself, in every part.
    async fn an_arabic_reader_reads_from_the_right(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let mail = rig.mail_to("layla.nasser@dune-gate.example").await;
        let (html, text) = (mail.html.unwrap(), mail.text.unwrap());
        assert!(html.contains("<html lang=\"ar\" dir=\"rtl\""), "{html}");
        assert!(!html.contains("direction:ltr"), "every column runs from the right");
        assert!(html.contains("text-align:right") && html.contains("padding:0 24px 0 0"), "lists are indented there");
        for part in [&html, &text] {
            let isolated = |value: &str| {
                part.contains(&format!("\u{2068}{value}\u{2069}"))
                    || part.contains(&format!("&#x2068;{value}&#x2069;"))
            };
            assert!(isolated("Layla") && isolated("Dune Gate Distribution"), "{part}");
            for wanted in ["12 يناير 2027", "لشركاء البيع لديك", "غرينتش", "إلغاء الاشتراك", "شريكة"] {
                assert!(part.contains(wanted), "{wanted}: {part}");
            }
            assert!(!part.contains("You get Fold Forward"), "the standing text is Arabic too");
        }
        assert_eq!(mail.subject, "الاستعادة لا النسخ: دورك في يناير");
        let subject = mail.headers.iter().find(|(name, _)| name == "Subject").map(|(_, value)| value).unwrap();
        assert!(subject.is_ascii() && subject.to_lowercase().contains("=?utf-8?"), "encoded (RFC 2047): {subject}");
        assert!(html.contains("lang=\"en\" dir=\"ltr\""), "a feature that is not translated keeps its direction");

        let english = rig.mail_to("omar.siddiqui@dune-gate.example").await.html.unwrap();
        assert!(english.contains("<html lang=\"en\" dir=\"ltr\"") && english.contains("Find a trained reseller"));
    }

    /// Japanese words and dates, and the partner's own promise, proof and button in Japanese.
    async fn a_japanese_reader_reads_japanese(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let mail = rig.mail_to("takumi.mori@hoshikawa.example").await;
        let (html, text) = (mail.html.unwrap(), mail.text.unwrap());
        assert!(html.contains("<html lang=\"ja\" dir=\"ltr\""), "{html}");
        for part in [&html, &text] {
            let wanted = ["Takumi様", "2027年1月12日", "2027年1月22日金曜日 1:00 JST", "工場の診断を申し込む", "配信を停止する"];
            for wanted in wanted {
                assert!(part.contains(wanted), "{wanted}: {part}");
            }
        }
        assert_eq!(mail.subject, "バックアップよりリストア：1月のご案内");
    }

    /// A mail about a lead is in its reader's language, every sentence of it, whether they filled in a form or were passed on.
    async fn a_mail_about_a_lead_speaks_one_language(db: Db) {
        let rig = Rig::new(db).await;
        let asked = "name=Ren+Abe&email=ren%40kojo.example&company=Kojo&message=%E8%A6%8B%E7%A9%8D&consent=yes";
        let (status, ..) = ask(&rig, Method::POST, "/p/hoshikawa/talk-to-us", asked).await;
        assert_eq!(status, 303);
        rig.drain().await;
        let form = rig.mail_to("yuki.hoshino@hoshikawa.example").await;
        assert!(form.text.as_ref().unwrap().contains("面談のご希望がありました"), "{form:?}");
        let row = "aoi@kojo2.example,Aoi Ono,Kojo Two,,it,50-249,JP,manufacturing,hoshikawa,,,talk-to-us,2027-01-10,,\n";
        rig.clock.advance(60_000);
        import(&rig, row, false).await.unwrap();
        handoff::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let told = rig.mail_to("yuki.hoshino@hoshikawa.example").await;
        assert!(told.text.as_ref().unwrap().contains("Brackenfold\u{2069}からのご紹介") || told.text.as_ref().unwrap().contains("Brackenfoldからのご紹介"), "{told:?}");
        assert!(told.text.as_ref().unwrap().contains("電話のご希望がある"), "{told:?}");
        for mail in [form, told] {
            let text = format!("{}\n{}", mail.subject, mail.text.unwrap());
            for english in ["They ", "Passed on", "which", " is ", "asked", "score"] {
                assert!(!text.contains(english), "{english}: {text}");
            }
        }
    }

    /// The same English issue is dated as each reader is used to.
    async fn english_is_dated_as_the_reader_does(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        for (address, date) in [
            ("mei.tran@northlight.example", "January 12, 2027"),
            ("rhys.morgan@thornbury.example", "12 January 2027"),
            ("camille.roche@atelier-nuage.example", "12 January 2027"),
        ] {
            let mail = rig.mail_to(address).await;
            assert!(mail.text.unwrap().contains(date), "{address}: {date}");
        }
    }
}
