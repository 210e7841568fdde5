//! Content in a partner's own site: what frames and fragments show, who may show them, the loader, oEmbed, a recall.

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use partnercast::{
    domain::kernel::clock::HOUR_MS,
    store::partners,
    web,
    work::{embeds, recall, sync, track},
};

use tower::ServiceExt as _;

use super::{
    Rig, copied,
    scanners::{BROWSER, Guest},
};
use crate::harness::{
    both_dbs,
    databases::{rows, values},
};

const ARTICLE: &str = "blog/restores-not-backups";

/// Asks as a browser does, and returns the answer with its headers.
async fn ask(rig: &Rig, path: &str) -> (StatusCode, HeaderMap, String) {
    let peer = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 50_000)));
    let request = Request::builder().uri(path).header("user-agent", BROWSER).extension(peer);
    let asking = web::router(rig.ctx.clone()).oneshot(request.body(Body::empty()).unwrap());
    let writing = async {
        loop {
            track::write_batch(&rig.ctx).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let response = tokio::select! { response = asking => response, () = writing => unreachable!() };
    let (parts, body) = response.unwrap().into_parts();
    track::write_batch(&rig.ctx).await.unwrap();
    let body = to_bytes(body, 1 << 22).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// Asset and channel of all looks at embeds.
async fn views(rig: &Rig) -> Vec<(Option<String>, String)> {
    let sql = "SELECT asset, channel FROM engagement_event WHERE kind = $1 ORDER BY at_ms, id";
    rows(&rig.ctx.db, sql, values!["embed_view"]).await
}

both_dbs! {
    /// A frame is for the partner's site alone and is one view; links out of it are tracked, and what follows says how it came.
    async fn a_frame_shows_what_the_page_shows_and_counts_once(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.advance(24 * HOUR_MS);
        let (status, headers, html) = ask(&rig, &format!("/p/northlight/{ARTICLE}/embed")).await;
        assert_eq!(status, StatusCode::OK);
        let policy = header(&headers, "content-security-policy");
        assert!(policy.contains("frame-ancestors https://northlight.example https://www.northlight.example;"), "{policy}");
        assert_eq!(header(&headers, "x-frame-options"), "");
        assert_eq!(header(&headers, "cache-control"), "no-store", "a recall holds at once");
        assert_eq!(header(&headers, "x-robots-tag"), "noindex");
        assert!(html.contains("rel=\"canonical\" href=\"http://partnercast.test/p/northlight/blog/restores-not-backups\""), "{html}");
        assert_eq!(views(&rig).await, [(Some(ARTICLE.to_owned()), "embed".to_owned())]);
        rig.clock.advance(1_000);
        let (_, _, list) = ask(&rig, "/p/northlight/embed").await;
        assert_eq!(views(&rig).await[1], (None, "embed".to_owned()));
        assert!(list.contains("http://partnercast.test/t/") && !list.contains("/kits/"), "{list}");
        let link = html.split("http://partnercast.test").find(|rest| rest.starts_with("/t/")).unwrap();
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let (status, to, _) = person.get(link.split('"').next().unwrap()).await;
        assert_eq!(status, StatusCode::FOUND);
        assert!(to.unwrap().contains("utm_medium=referral&utm_campaign=embed"));
        for missing in ["/p/northlight/kits/proof-of-recovery/embed", "/p/northlight/blog/none/embed", "/p/nobody/embed", "/p/northlight/blog/pricing-proof-not-storage/embed"] {
            assert_eq!(ask(&rig, missing).await.0, StatusCode::NOT_FOUND, "{missing}");
        }
    }

    /// For the page itself it is a part that any site may read, without script, style or form.
    async fn a_fragment_is_public_and_is_no_code(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.advance(24 * HOUR_MS);
        let (status, headers, html) = ask(&rig, &format!("/p/northlight/{ARTICLE}/embed.html")).await;
        assert_eq!((status, header(&headers, "access-control-allow-origin")), (StatusCode::OK, "*"));
        assert!(html.starts_with("<article") && headers.get("set-cookie").is_none(), "{html}");
        for code in ["<script", "<style", "<form", "<link", "<iframe", " onclick=", " onerror="] {
            assert!(!html.contains(code), "{code} in {html}");
        }
        assert!(!html.contains("href=\"/") && !html.contains("src=\"/"), "addresses are whole: {html}");
        let (_, headers, _) = ask(&rig, &format!("/p/northlight/{ARTICLE}/embed")).await;
        assert_eq!(header(&headers, "access-control-allow-origin"), "", "a frame is not read by others");
    }

    async fn the_loader_is_pinned_by_its_hash(db: Db) {
        let rig = Rig::new(db).await;
        let fixed = embeds::loader().path();
        let (status, headers, script) = ask(&rig, &fixed).await;
        assert_eq!((status, script.as_str()), (StatusCode::OK, embeds::loader().script.as_str()));
        assert!(header(&headers, "cache-control").contains("immutable"));
        assert_eq!(header(&headers, "access-control-allow-origin"), "*", "`integrity` needs it");
        let (_, headers, floating) = ask(&rig, embeds::FLOATING).await;
        assert_eq!((floating, header(&headers, "access-control-allow-origin")), (script, "*"));
        assert!(header(&headers, "cache-control").contains("max-age=3600"));
        assert_eq!(ask(&rig, "/embed/v1.000000000000.js").await.0, StatusCode::NOT_FOUND);
        let partner = partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap();
        let kit = embeds::kit(&rig.ctx, &partner, Some(ARTICLE)).await.unwrap();
        assert!(kit.fixed.contains(&fixed) && kit.fixed.contains(&embeds::loader().integrity), "{}", kit.fixed);
        assert_eq!(kit.places.len(), 1);
        assert!(kit.page.contains(&kit.fixed) && kit.page.contains("data-partnercast=\"northlight\""), "{}", kit.page);
        assert!(embeds::kit(&rig.ctx, &partner, Some("kits/proof-of-recovery")).await.is_err(), "its page does not show it");
    }

    /// What leads elsewhere shows that; what is withdrawn says so; oEmbed has nothing of it.
    async fn a_recall_holds_with_the_next_look(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.advance(24 * HOUR_MS);
        let about = |path: &str| format!("/oembed?url=http%3A%2F%2Fpartnercast.test%2Fp%2Fnorthlight%2F{}", path.replace('/', "%2F"));
        let (status, _, said) = ask(&rig, &about(ARTICLE)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(said.contains("/blog/restores-not-backups/embed"), "{said}");
        let paper = "whitepapers/proof-of-recovery";
        let order = recall::Order { reference: ARTICLE, to: Some(paper), because: "a wrong number" };
        recall::recall(&rig.ctx.db, &rig.ctx.library(), (rig.clock_ms(), &*rig.ctx.random), "Rosa", &order).await.unwrap();
        let (status, headers, _) = ask(&rig, &format!("/p/northlight/{ARTICLE}/embed.html?lang=de")).await;
        assert_eq!(status, StatusCode::FOUND);
        assert_eq!(header(&headers, "location"), format!("/p/northlight/{paper}/embed.html?lang=de"));
        assert_eq!(header(&headers, "access-control-allow-origin"), "*");
        let (_, _, said) = ask(&rig, &about(ARTICLE)).await;
        assert!(said.contains("/whitepapers/proof-of-recovery/embed"), "{said}");
        assert!(!ask(&rig, "/p/northlight/embed").await.2.contains("Restores, not backups"));

        let folder = copied();
        let file = folder.path().join("blog/taken-back.md");
        let text = "---\nkind: blog\ntitle: Four hours\nsummary: How long.\nroles: [sales]\npublish: 2027-01-05\nauthor: Priya Raman\n---\nIt takes 4 hours.\n";
        std::fs::write(&file, text).unwrap();
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        assert!(ask(&rig, "/p/northlight/blog/taken-back/embed").await.2.contains("4 hours"));
        std::fs::remove_file(&file).unwrap();
        sync::sync(&rig.ctx, folder.path(), true).await.unwrap();
        let order = recall::Order { reference: "blog/taken-back", to: None, because: "a wrong number" };
        recall::recall(&rig.ctx.db, &rig.ctx.library(), (rig.clock_ms(), &*rig.ctx.random), "Rosa", &order).await.unwrap();
        let (status, headers, html) = ask(&rig, "/p/northlight/blog/taken-back/embed").await;
        assert_eq!(status, StatusCode::GONE);
        assert!(html.contains("This is no longer available") && !html.contains("4 hours"), "{html}");
        assert!(header(&headers, "content-security-policy").contains("https://northlight.example"), "a frame may say so");
        assert_eq!(ask(&rig, &about("blog/taken-back")).await.0, StatusCode::NOT_FOUND);
    }
}
