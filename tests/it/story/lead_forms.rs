//! Forms from content files: chosen by an asset, or shown in a partner's own site.

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request},
};
use partnercast::{
    store::{answers, leads},
    web,
    work::{person, sync},
};
use tower::ServiceExt as _;

use super::{
    Rig,
    console::{ask, get},
    copied,
};
use crate::harness::both_dbs;

const POST: &str = "/p/northlight/blog/restores-not-backups";
const EMBED: &str = "/p/northlight/forms/audit/embed";
const FORM: &str = r#"version = 3
counts_as = "talk-to-us"
consent = "talk-to-us"

[title]
en = "Ask for an audit"

[button]
en = "Ask for it"

[[field]]
name = "name"
required = true

[[field]]
name = "email"
required = true

[[field]]
name = "company"
required = true

[[field]]
name = "next-audit"
kind = "select"
required = true
label = { en = "When is your next audit?" }
options = [{ value = "q1", label = { en = "First quarter" } }, "later"]

[[field]]
name = "why"
kind = "textarea"
chars_max = 20
label = { en = "Why now?" }
"#;

/// A blog post whose form is one of the folder's own.
async fn with_form(rig: &Rig) {
    let folder = copied();
    std::fs::create_dir_all(folder.path().join("forms")).unwrap();
    std::fs::write(folder.path().join("forms/audit.toml"), FORM).unwrap();
    let path = folder.path().join("blog/restores-not-backups.md");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("kind: blog\n", "kind: blog\nlead_form: audit\n", 1)).unwrap();
    let synced = sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
    assert!(rig.ctx.library().form("audit").is_some(), "{:?}", synced.findings);
}

/// What a browser is told of a page in a frame: policy, the older header, and whether a cookie is set.
async fn headers(rig: &Rig, path: &str) -> (String, Option<String>, bool) {
    let peer = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
    let request =
        Request::builder().uri(path).header("host", "127.0.0.1").extension(peer).body(Body::empty()).unwrap();
    let response = web::router(rig.ctx.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    to_bytes(body, 1 << 22).await.unwrap();
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (text("content-security-policy").unwrap(), text("x-frame-options"), text("set-cookie").is_some())
}

both_dbs! {
    /// A post with a form of the folder's own: shown with its words, refused with every fault, taken with its answers, which stand
    /// on the card, in the export, and are gone once the person is erased.
    async fn answers_to_a_forms_own_fields_are_the_leads(db: Db) {
        let rig = Rig::new(db).await;
        let (_, before) = get(&rig, POST).await;
        assert!(!before.contains("<form"), "a post has none by itself");
        with_form(&rig).await;
        let (status, page) = get(&rig, POST).await;
        assert!(status == 200 && page.contains("Ask for an audit") && page.contains("First quarter"), "{page}");
        assert!(page.contains("maxlength=\"20\"") && page.contains("I ask Northlight MSP to contact me"), "{page}");
        let bad = "name=Zq+Markerson&email=zq%40depot.example&company=Depot&next-audit=never&why=because+of+all+the+tapes&consent=yes";
        let (status, _, page) = ask(&rig, Method::POST, POST, bad).await;
        assert_eq!(status, 422);
        assert!(page.contains("Please choose one of the list") && page.contains("below 20 characters"), "{page}");
        assert!(page.contains("because of all the tapes"), "what was typed stays");
        assert!(leads::recent(&rig.ctx.db, None).await.unwrap().is_empty(), "nothing is stored");
        let good = "name=Zq+Markerson&email=zq%40depot.example&company=Depot&next-audit=q1&why=zqtapes&consent=yes&other=dropped";
        let (status, to, _) = ask(&rig, Method::POST, POST, good).await;
        assert!(status == 303 && to.starts_with("/r/"), "{status} {to}");
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        assert_eq!(lead.stage, "offered", "it counts as asking for a call");
        let all = answers::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
        let said: Vec<(&str, &str, i64)> =
            all.iter().map(|it| (it.label.as_str(), it.value.as_str(), it.version)).collect();
        assert_eq!(said, [("When is your next audit?", "q1", 3), ("Why now?", "zqtapes", 3)]);
        let consents = leads::consents(&rig.ctx.db, &lead.id).await.unwrap();
        assert_eq!((consents.len(), consents[0].text_id.as_str(), consents[0].granted), (1, "talk-to-us", true));
        let (_, card) = get(&rig, &format!("/console/leads/{}", lead.id)).await;
        assert!(card.contains("Why now?") && card.contains("zqtapes"), "{card}");
        let export = person::export(&rig.ctx.db, &lead.email).await.unwrap();
        assert_eq!(export["tables"]["lead_answer"].as_array().map(Vec::len), Some(2), "{export}");
        person::erase(&rig.ctx, &lead.email, "operator").await.unwrap();
        let left = answers::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
        assert!(left.iter().all(|it| it.value == "(erased)"), "{left:?}");
        rig.drain().await;
    }

    /// A translation that says nothing of a form has its original's, and may choose another one.
    async fn a_translation_has_the_form_of_its_original(db: Db) {
        let rig = Rig::new(db).await;
        let folder = copied();
        std::fs::create_dir_all(folder.path().join("forms")).unwrap();
        std::fs::write(folder.path().join("forms/audit.toml"), FORM).unwrap();
        for (file, form) in [("restores-not-backups.md", "audit"), ("restores-not-backups.es.md", "talk-to-us")] {
            let path = folder.path().join("blog").join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let chosen = text.replacen("kind: blog\n", &format!("kind: blog\nlead_form: {form}\n"), 1);
            std::fs::write(&path, chosen).unwrap();
        }
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        for (lang, asks) in [("en", true), ("de", true), ("es", false)] {
            let (status, page) = get(&rig, &format!("{POST}?lang={lang}")).await;
            assert!(status == 200 && page.contains("<form"), "{lang}: {page}");
            assert_eq!(page.contains("next-audit"), asks, "{lang}: {page}");
        }
    }

    /// In a frame of the partner's site: that site alone may show it, no cookie is set, and it takes the form like any other.
    async fn a_form_stands_in_the_partners_own_site(db: Db) {
        let rig = Rig::new(db).await;
        with_form(&rig).await;
        let (policy, older, cookie) = headers(&rig, EMBED).await;
        let only = "frame-ancestors https://northlight.example https://www.northlight.example;";
        assert!(policy.contains(only) && older.is_none() && !cookie, "{policy} {older:?}");
        let (policy, older, _) = headers(&rig, POST).await;
        assert!(policy.contains("frame-ancestors 'none'") && older.as_deref() == Some("DENY"));
        let (_, page) = get(&rig, EMBED).await;
        assert!(page.contains("Ask for an audit") && !page.contains("class=\"top\""), "{page}");
        let (status, _, page) = ask(&rig, Method::POST, EMBED, "name=&email=no&company=").await;
        assert!(status == 422 && page.contains("next-audit"), "{page}");
        let good = "name=Ann&email=ann%40depot.example&company=Depot&next-audit=later&consent=yes";
        let (status, _, page) = ask(&rig, Method::POST, EMBED, good).await;
        assert!(status == 200 && page.contains("href=\"/r/") && page.contains("Northlight MSP"), "{page}");
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        assert_eq!((lead.email.as_str(), lead.stage.as_str()), ("ann@depot.example", "offered"));
        for (path, what) in [("/p/northlight/forms/none/embed", "form"), ("/p/nobody/forms/audit/embed", "partner")] {
            assert_eq!(get(&rig, path).await.0, 404, "{what}");
        }
        // The built-in forms may be embedded as they are.
        assert_eq!(get(&rig, "/p/rheinbogen/forms/talk-to-us/embed").await.0, 200);
        rig.drain().await;
    }
}
