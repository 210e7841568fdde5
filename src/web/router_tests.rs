//! The router's manners, in process: headers on every answer, who may change something, what is not there.

use axum::http::{Method, StatusCode};

use super::site_tests::{EVE_MS, site};
use crate::{
    domain::{
        delivery::return_path::return_path,
        kernel::{clock::DAY_MS, token::Purpose},
    },
    store::issues,
    work::{
        tokens::{MailToken, sha256_hex},
        track,
    },
};

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect() {
    let site = site(|_| ()).await;
    let paths = [
        "/",
        "/inbox",
        "/console",
        "/console/content",
        "/p/northlight",
        "/p/northlight/talk-to-us",
        "/p/northlight/whitepapers/proof-of-recovery",
        "/static/partnercast.css",
        "/static/fonts/literata-italic.woff2",
        "/healthz",
        "/no/such/page",
        "/o/forged",
        "/u/forged",
        "/c/forged/0",
        "/r/forged",
        "/v/forged",
        "/media/forged.png",
        "/desk",
    ];
    for path in paths {
        let answer = site.get(path).await;
        assert!(answer.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(!answer.header("referrer-policy").is_empty(), "{path}");
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{path}");
        assert!(answer.headers.get("set-cookie").is_none(), "{path} sets no cookie");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_kindly_with_an_id_and_without_internals() {
    let site = site(|_| ()).await;
    for path in [
        "/no/such/page",
        "/p/nobody",
        "/p/northlight/blog/none",
        "/p/northlight/playbooks/proof-of-recovery",
        "/p/northlight/newsletters/fold-forward",
        "/c/forged/0",
        "/u/forged",
        "/o/forged",
        "/r/forged",
        "/v/forged",
        "/media/forged.png",
        "/console/leads/led_none",
        "/console/issues/none",
        "/inbox/none",
        "/static/none.css",
        "/static/fonts/none.woff2",
        "/static/fonts/LICENSE.txt",
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("give this number: <code>"), "{path}");
    }
    let json = site.ask(Method::GET, "/no/such/page", &[("accept", "application/json")], "").await;
    assert_eq!(json.header("content-type"), "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["instance"].as_str().unwrap().len(), 16);
    let wrong_method = site.post("/console", "").await;
    assert_eq!(wrong_method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong_method.header("allow").contains("GET"));
}

#[tokio::test]
async fn only_our_own_pages_change_anything_and_mail_servers_unsubscribe() {
    let site = site(|_| ()).await;
    let (mail, _) = site.mail().await;
    let token = mail.sign(&site.ctx.keys, Purpose::Preferences);
    let page = format!("/u/{token}");
    let refused: [&[(&str, &str)]; 5] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ];
    for headers in refused {
        for path in [
            page.as_str(),
            "/p/northlight/talk-to-us",
            "/console/sign-out",
            "/o/x/accept",
            "/console/issues/x/cancel",
        ] {
            let answer = site.ask(Method::POST, path, headers, "do=stop").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
    }
    let subscribed = |body: &str| body.contains("name=\"newsletter\" value=\"fold-forward\" checked");
    for method in [Method::GET, Method::HEAD] {
        for path in [page.clone(), format!("{page}/one-click"), format!("/one-click/{token}")] {
            assert_eq!(
                site.ask(method.clone(), &path, &[("sec-purpose", "prefetch")], "").await.status,
                StatusCode::OK
            );
        }
    }
    assert!(subscribed(&site.get(&page).await.body), "looking changes nothing");
    let asked = format!("/one-click/{}", site.ctx.keys.sign(Purpose::Doctor, &[0; 8]));
    assert_eq!(
        site.ask(Method::POST, &asked, &[], "List-Unsubscribe=One-Click").await.status,
        StatusCode::OK
    );
    assert_eq!(site.get(&asked).await.status, StatusCode::NOT_FOUND, "it stands for nobody");
    assert!(subscribed(&site.get(&page).await.body), "`doctor` unsubscribes nobody");
    for path in [format!("/one-click/{token}"), format!("{page}/one-click"), format!("/one-click/{token}")] {
        let answer = site.ask(Method::POST, &path, &[("origin", "null")], "List-Unsubscribe=One-Click").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: always, and again");
        assert!(answer.headers.get("set-cookie").is_none() && answer.headers.get("location").is_none());
    }
    assert!(!subscribed(&site.get(&page).await.body));
    let undone = site
        .ask(Method::POST, &page, &[("origin", "https://cast.example")], "do=choose&newsletter=fold-forward")
        .await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER);
    assert!(subscribed(&site.get(&page).await.body));
}

#[tokio::test]
async fn a_click_leads_on_at_once_and_tells_nobody() {
    let site = site(|_| ()).await;
    let writer = tokio::spawn({
        let (ctx, (_keep, stop)) = (site.ctx.clone(), tokio::sync::watch::channel(false));
        async move {
            let _keep = _keep;
            track::run(ctx, stop).await;
        }
    });
    let (mail, no) = site.mail().await;
    let path = format!("/c/{}/{no}", mail.sign(&site.ctx.keys, Purpose::Click));
    for method in [Method::GET, Method::HEAD] {
        let answer =
            site.ask(method.clone(), &path, &[("user-agent", "Mozilla/5.0 Firefox/140.0")], "").await;
        assert_eq!(answer.status, StatusCode::FOUND, "{method}");
        assert!(answer.header("location").contains("/whitepapers/"), "{}", answer.header("location"));
        assert!(answer.header("location").contains("via="), "the page knows which mail led there");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty() && answer.headers.get("set-cookie").is_none());
    }
    let evil = site.get(&format!("{path}?u=https://evil.example")).await;
    assert!(!evil.header("location").contains("evil"), "the target comes from the stored link alone");
    let seen = crate::store::events::recent(&site.ctx.db).await.unwrap();
    assert!(seen.iter().any(|event| event.method == "HEAD" && !event.human), "HEAD is a machine's");
    writer.abort();
}

#[tokio::test]
async fn mails_are_shown_in_a_sandbox() {
    let site = site(|_| ()).await;
    let (mail, _) = site.mail().await;
    let paths = [
        format!("/v/{}", mail.sign(&site.ctx.keys, Purpose::Click)),
        format!("/console/renditions/{}/html", mail.rendition_id()),
    ];
    for path in paths {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox ") && policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("allow-same-origin"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
    }
}

#[tokio::test]
async fn kits_and_playbooks_open_for_partners_who_come_from_their_mail() {
    let site = site(|_| ()).await;
    let (mail, _) = site.mail().await;
    let issue = issues::recent(&site.ctx.db).await.unwrap().remove(0);
    let line = crate::store::deliveries::of_issue(&site.ctx.db, &issue.id, 0).await.unwrap().remove(0);
    let via = mail.sign(&site.ctx.keys, Purpose::Via);
    let path = |partner: &str| format!("/p/{partner}/playbooks/proof-of-recovery?via={via}");
    let own = site.get(&path(&line.partner_slug)).await;
    assert_eq!(own.status, StatusCode::OK);
    assert!(own.body.contains("If they say"));
    let other = if line.partner_slug == "northlight" { "thornbury" } else { "northlight" };
    assert_eq!(site.get(&path(other)).await.status, StatusCode::NOT_FOUND, "not for another partner");
}

#[tokio::test]
async fn a_form_with_faults_comes_back_with_what_was_typed() {
    let site = site(|_| ()).await;
    let path = "/p/northlight/whitepapers/proof-of-recovery";
    let answer = site.post(path, "name=Ana+%3CRuiz%3E&email=ana%40&company=&job_role=it").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("value=\"Ana &lt;Ruiz&gt;\""), "kept, and escaped");
    assert!(answer.body.contains("<option value=\"it\" selected>"));
    for field in ["email", "company", "consent"] {
        assert!(answer.body.contains(&format!("href=\"#f-{field}\"")), "the list leads to {field}");
        assert!(answer.body.contains(&format!("id=\"e-{field}\"")), "the fault stands at {field}");
    }
    let good = "name=Ana+Ruiz&email=ana%40clinic.example&company=Harbor&consent=yes";
    let taken = site.post(path, good).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER);
    let thanks = site.get(taken.header("location")).await;
    assert_eq!(thanks.status, StatusCode::OK);
    assert!(thanks.body.contains("Thank you, Ana.") && thanks.header("cache-control") == "no-store");
    let large = format!("message={}", "x".repeat(70_000));
    assert_eq!(site.post(path, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn readiness_ends_before_the_process_does() {
    let site = site(|_| ()).await;
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(site.get("/readyz").await.status, StatusCode::OK);
    site.readiness.stopping();
    assert_eq!(site.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_console_page_and_live_part_is_served() {
    let site = site(|_| ()).await;
    let issue = issues::recent(&site.ctx.db).await.unwrap().remove(0);
    let issue = format!("/console/issues/{}", issue.id);
    let paths = [
        "/console",
        "/console/leads",
        "/console/partners",
        "/console/partners/dune-gate",
        "/console/content",
        "/console/content/newsletters/fold-forward/2027-01-12?partner=solaria&role=sales",
        issue.as_str(),
        "/console/sign-in",
        "/inbox",
        "/p/dune-gate",
        "/p/solaria?lang=es",
    ];
    for path in paths {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
    }
    for path in ["/story.json", "/console/live.json", &format!("{issue}/live.json")] {
        let answer = site.get(path).await;
        let live: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(live["now_ms"], EVE_MS + DAY_MS, "{path}");
        assert!(live["fragments"]["clock"].as_str().unwrap().contains("Jan 2027"), "{path}");
    }
}

#[tokio::test]
async fn content_is_looked_at_with_the_eyes_of_somebody_who_has_it() {
    let site = site(|_| ()).await;
    let letter =
        site.get("/console/content/newsletters/fold-forward/2027-01-12?partner=dune-gate&role=sales").await;
    let greeting = "مرحبًا \u{2068}(contact first name)\u{2069}،";
    assert!(letter.body.contains(greeting), "no marker of a slot is shown: {}", letter.body);
    assert!(
        letter.body.contains("لشركاء البيع لديك") && !letter.body.contains("لشركاء الفئتين"),
        "{}",
        letter.body
    );
    let study = site.get("/console/content/case-studies/wexley-college").await;
    assert_eq!(study.status, StatusCode::OK);
    assert!(study.body.contains("in the voice of Thornbury Hosting"), "they serve schools: {}", study.body);
    assert!(study.body.contains("/console/bundles/thornbury/case-studies/wexley-college"));
    let other = site.get("/console/content/case-studies/wexley-college?partner=northlight").await;
    assert!(
        other.body.contains("Northlight MSP does not have it") && !other.body.contains("/console/bundles/")
    );
    let page = site.get("/p/northlight/datasheets/fold-proof").await;
    let schema = page.body.split("application/ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    assert_eq!(schema["@type"], "TechArticle");
    assert!(page.body.contains("<link rel=\"canonical\" href="));
    let archive = site.get("/console/bundles/northlight/datasheets/fold-proof").await;
    assert_eq!((archive.status, archive.header("content-type")), (StatusCode::OK, "application/zip"));
    let elsewhere = site.get("/p/atelier-nuage/case-studies/wexley-college").await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn documents_are_served_to_those_who_see_the_asset() {
    let site = site(|_| ()).await;
    let sheet = "/p/northlight/datasheets/fold-proof";
    let paper = "/p/northlight/whitepapers/proof-of-recovery";
    let shown = site.get(sheet).await.body.contains("/p/northlight/datasheets/fold-proof/document.pdf");
    assert_eq!(shown, cfg!(feature = "pdf"), "the button is there where documents are");
    assert!(!site.get(paper).await.body.contains("document.pdf"), "a gated paper has a form");
    let console = site.get("/console/content/kits/proof-of-recovery?partner=northlight").await.body;
    assert_eq!(
        console.contains("/console/documents/northlight/kits/proof-of-recovery"),
        cfg!(feature = "pdf")
    );

    let open = site.get(&format!("{sheet}/document.pdf")).await;
    if cfg!(feature = "pdf") {
        assert_eq!((open.status, open.header("content-type")), (StatusCode::OK, "application/pdf"));
        assert!(open.header("content-disposition").contains("fold-proof-northlight.pdf"));
        for asset in ["kits/proof-of-recovery", "whitepapers/proof-of-recovery", "datasheets/fold-proof"] {
            let pdf = site.get(&format!("/console/documents/northlight/{asset}")).await;
            assert_eq!(
                (pdf.status, pdf.header("content-type")),
                (StatusCode::OK, "application/pdf"),
                "{asset}"
            );
        }
    } else {
        assert_eq!(open.status, StatusCode::NOT_FOUND);
    }
    for shut in [
        format!("{paper}/document.pdf"),
        "/p/northlight/kits/proof-of-recovery/document.pdf".into(),
        "/p/northlight/blog/restores-not-backups/document.pdf".into(),
        "/p/solaria/datasheets/fold-proof/document.pdf".into(),
        "/p/northlight/datasheets/no-such/document.pdf".into(),
        "/console/documents/northlight/blog/restores-not-backups".into(),
    ] {
        assert_eq!(site.get(&shut).await.status, StatusCode::NOT_FOUND, "{shut}");
    }
}

#[tokio::test]
async fn reports_come_in_with_the_secret_alone() {
    let secret = "0123456789abcdef01234567";
    let shut = site(|_| ()).await;
    let bearer = format!("Bearer {secret}");
    let given = [("authorization", bearer.as_str()), ("content-type", "message/rfc822")];
    assert_eq!(
        shut.ask(Method::POST, "/in/mail", &given, "Subject: x\n\n").await.status,
        StatusCode::NOT_FOUND
    );

    let site = site(|settings| {
        settings.bounces.domain = Some("bounces.brackenfold.example".to_owned());
        settings.bounces.http_secret_hash = Some(sha256_hex(secret.as_bytes()));
    })
    .await;
    for wrong in [&[][..], &[("authorization", "Bearer x")], &[("authorization", secret)]] {
        assert_eq!(
            site.ask(Method::POST, "/in/mail", wrong, "Subject: x\n\n").await.status,
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(site.ask(Method::POST, "/in/mail", &given, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.get("/in/mail").await.status, StatusCode::METHOD_NOT_ALLOWED);
    let taken = site.ask(Method::POST, "/in/mail", &given, "Subject: hello\n\nnothing\n").await;
    assert_eq!(taken.status, StatusCode::OK);
    assert!(taken.body.contains(" other\nput aside: nothing in it is signed by us"), "{}", taken.body);
    // Longer than a form may be, shorter than a message may be.
    let long = format!("Subject: long\n\n{}", "x".repeat(900 * 1024));
    assert_eq!(site.ask(Method::POST, "/in/mail", &given, &long).await.status, StatusCode::OK);
    let longer = format!("Subject: longer\n\n{}", "x".repeat(1024 * 1024));
    assert_eq!(
        site.ask(Method::POST, "/in/mail", &given, &longer).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let to = MailToken::verify(
        &site.ctx.keys,
        Purpose::Click,
        &site.mail().await.0.sign(&site.ctx.keys, Purpose::Click),
    );
    let path = return_path(&site.ctx.keys, to.unwrap().delivery, "bounces.brackenfold.example");
    let away = "Subject: away\nAuto-Submitted: auto-replied\n\n";
    let address = format!("/in/mail?to={}", path.replace('+', "%2B"));
    let taken = site.ask(Method::POST, &address, &given, away).await;
    assert!(taken.body.contains(" auto-reply\na machine answered"), "{}", taken.body);
}

#[tokio::test]
async fn the_do_not_send_list_is_mended_by_posts_and_readers_own_words_need_theirs() {
    let site = site(|_| ()).await;
    let page = "/console/suppressions";
    assert!(site.get(page).await.body.contains("mail.return_path_domain is not set"));
    let wrong = site.post(&format!("{page}/add"), "address=a+b%40c&scope=all&days=x").await;
    assert!(
        wrong.body.contains("is no number of days") && wrong.body.contains("a b@c"),
        "what was typed is kept"
    );
    let add = |address: &'static str| async {
        let body = format!(
            "address={}&scope=all&because=left&days=",
            address.replace('@', "%40").replace('+', "%2B")
        );
        site.post(&format!("{page}/add"), &body).await.header("location").to_owned()
    };
    assert!(add("Dana+x@North.example").await.ends_with("done=added"));
    assert!(add("dana@north.example").await.ends_with("done=same"));
    let shown = site.get(&format!("{page}?q=DANA&reason=manual")).await.body;
    assert!(shown.contains("dana@north.example") && shown.contains("for good"));
    assert!(!site.get(&format!("{page}?q=nobody")).await.body.contains("dana@north.example"));

    let mut tx = site.ctx.db.begin().await.unwrap();
    crate::store::suppressions::add(&mut tx, EVE_MS, "kim@north.example", "all", "unsubscribed")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let site = &site;
    let lift = |address: &str, asked: &str| {
        let body = format!("address={}&scope=all{asked}", address.replace('@', "%40"));
        async move { site.post(&format!("{page}/lift"), &body).await }
    };
    assert!(lift("kim@north.example", "").await.body.contains("said so themselves"));
    assert!(lift("kim@north.example", "&they_asked=yes").await.header("location").ends_with("done=lifted"));
    assert!(lift("dana@north.example", "").await.header("location").ends_with("done=lifted"));
    assert!(lift("dana@north.example", "").await.body.contains("was not found"));
    assert!(
        !site.get(&format!("{page}?done=%3Cscript%3E")).await.body.contains("&lt;script"),
        "words of ours alone"
    );
    let elsewhere = site
        .ask(Method::POST, &format!("{page}/add"), &[("sec-fetch-site", "cross-site")], "address=x")
        .await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
}
