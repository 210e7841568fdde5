//! A partner's people connect their account by signing in at its server: nobody hands over a token.

use axum::http::Method;
use partnercast::{
    domain::{kernel::clock::DAY_MS, social::invitation::LIFETIME_MS},
    store::social::accounts,
    work::social::{self, Invite},
};

use super::{
    Rig,
    console::{ask, get},
    networks::{Does, Networks},
    receiver::open,
};
use crate::harness::{
    both_dbs,
    databases::{number, values},
};

fn invite(networks: &Networks, mode: &str) -> Invite {
    Invite { partner: "northlight".to_owned(), server: networks.url(), mode: mode.to_owned() }
}

/// The path of a link of ours.
fn path(link: &str) -> &str {
    link.strip_prefix("http://partnercast.test").unwrap()
}

/// What the parameter `name` of the sign-in on a page is.
fn parameter(page: &str, name: &str) -> String {
    let at = page.find("/oauth/authorize?").unwrap();
    let address = page[at..].split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let found =
        address.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    found.unwrap_or_else(|| panic!("no {name} in {address}"))
}

both_dbs! {
    /// The link leads to the server's sign-in; who comes back presses one button, and the account is connected with a token that
    /// nobody saw. The code is good once, and so is what was stored before that: nothing.
    async fn who_signs_in_at_their_server_is_connected(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let link = social::invite(&ctx, "ana", &invite(&networks, "auto")).await.unwrap();
        assert_eq!(networks.inner.lock().unwrap().redirect_uri, "http://partnercast.test/connect");
        assert!(!link.contains("hush"));
        let (status, page) = get(&rig, path(&link)).await;
        assert!(status == 200 && page.contains("Northlight MSP") && page.contains("by themselves"), "{page}");
        assert!(!page.contains("hush"), "secrets stay with us");
        let (state, challenge) = (parameter(&page, "state"), parameter(&page, "code_challenge"));
        assert_eq!(state, path(&link).strip_prefix("/connect/").unwrap());
        networks.inner.lock().unwrap().code = Some(("c0de".to_owned(), challenge));
        let (status, back) = get(&rig, &format!("/connect?code=c0de&state={state}")).await;
        assert!(status == 200 && back.contains("Connect the account"), "{back}");
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty(), "looking changes nothing");
        social::accept(&ctx, &state, "c0de").await.unwrap();
        let (_, done) = get(&rig, &format!("/connect/{state}?done=connected")).await;
        assert!(done.contains("Connected.") && !done.contains("/oauth/authorize"), "{done}");
        let account = accounts::list(&ctx.db, None).await.unwrap().remove(0);
        let host = networks.url().replace("http://", "");
        assert_eq!((account.handle.as_str(), account.mode.as_str()), (format!("@northlight@{host}").as_str(), "auto"));
        assert_eq!((account.partner_slug.as_str(), account.connected_by.as_str()), ("northlight", "the partner’s own people (link of ana)"));
        social::test(&ctx, "ana", &account.id).await.unwrap();
        let audited = "SELECT COUNT(*) FROM audit WHERE action = $1 AND subject = $2";
        assert_eq!(number(&ctx.db, audited, values!["invite-to-connect", "northlight"]).await, 1);
        // Pressed twice: the code is used, which is said, and the account stays.
        let again = social::accept(&ctx, &state, "c0de").await.unwrap_err();
        assert!(again.public().contains("The code is used, or too old") && again.public().contains("follow the link again"), "{again}");
        assert_eq!(accounts::list(&ctx.db, None).await.unwrap().len(), 1);
    }

    /// Who says no, comes too late, or bends the link connects nothing and is told what to do; so is whoever invites to a server
    /// that is none.
    async fn what_goes_wrong_is_said_and_connects_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = open(&rig).await;
        let networks = Networks::new().await;
        let odd = Invite { partner: "nortlight".to_owned(), server: String::new(), mode: "share_kit".to_owned() };
        let faults = social::invite(&ctx, "ana", &odd).await.unwrap_err();
        for part in ["nortlight", "on which server", "share_kit nobody has to sign in"] {
            assert!(faults.public().contains(part), "{part}: {faults}");
        }
        for (says, why) in [
            (Does::Says(200, "<h1>Welcome</h1>"), "does not answer as it should"),
            (Does::Says(200, "{}"), "is it a server of the Mastodon API?"),
            (Does::Says(422, r#"{"error": "Redirect URI must be an absolute URI."}"#), "must be an absolute URI"),
        ] {
            networks.does(says);
            let refused = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap_err();
            assert!(refused.public().contains(why), "{why}: {}", refused.public());
        }
        let link = social::invite(&ctx, "ana", &invite(&networks, "")).await.unwrap();
        let state = path(&link).strip_prefix("/connect/").unwrap().to_owned();
        let denied = format!("/connect?error=access_denied&error_description=The+owner+%3Cb%3Esaid+no&state={state}");
        let (_, page) = get(&rig, &denied).await;
        assert!(page.contains("Nothing was connected") && page.contains("&lt;b&gt;said no") && page.contains("/oauth/authorize"), "{page}");
        let bent = format!("{}A", &state[..state.len() - 1]);
        let bent = if bent == state { format!("{}B", &state[..state.len() - 1]) } else { bent };
        for wrong in [format!("/connect/{bent}"), format!("/connect?code=c&state={bent}"), "/connect".to_owned(), format!("/connect/{}", "a".repeat(5_000))] {
            assert_eq!(get(&rig, &wrong).await.0, 404, "{wrong}");
        }
        let (status, _, page) = ask(&rig, Method::POST, "/connect", &format!("code=&state={state}")).await;
        assert!(status == 200 && page.contains("without a code"), "{page}");
        rig.clock.advance(LIFETIME_MS - 1);
        assert_eq!(get(&rig, path(&link)).await.0, 200);
        rig.clock.advance(DAY_MS);
        let (status, over) = get(&rig, path(&link)).await;
        assert!(status == 409 && over.contains("This link has ended"), "{status} {over}");
        assert!(accounts::list(&ctx.db, None).await.unwrap().is_empty());
    }
}
