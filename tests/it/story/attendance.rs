//! Who was at a webinar, by the list of the webinar tool: checked whole, noted once, scored.

use axum::http::StatusCode;
use partnercast::{
    domain::kernel::{
        Kind,
        clock::{DAY_MS, HOUR_MS},
    },
    store::leads,
    work::{attendance, scoring, sync},
};

use super::{
    Rig,
    console::get,
    rig::copied,
    scanners::{BROWSER, Guest, filled},
};
use crate::harness::{
    both_dbs,
    databases::{number, rows},
};

const WEBINAR: &str = "webinars/live-restore-in-20-minutes";
const LIST: &str = "Email,Attended,Time in Session (minutes)\nNora.Quist@lakeside.example,Yes,20\nnora.quist@lakeside.example,Yes,11\n\
    dana.whitlock@northlight.example,Yes,45\nwho@stranger.example,Yes,45\nbo@lakeside.example,No,--\n";

both_dbs! {
    /// A lead who registered and a partner's own person are noted once, whoever is not known is named, and the lead's score has a
    /// line for it.
    async fn who_was_there_is_noted_once_and_scored(db: Db) {
        let rig = Rig::new(db).await;
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let page = format!("/p/thornbury/{WEBINAR}");
        person.get(&page).await;
        rig.clock.advance(HOUR_MS);
        let (status, ..) = person.ask("POST", &page, Some(&filled("nora.quist@lakeside.example"))).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let early = attendance::matched(&rig.ctx, WEBINAR, LIST.as_bytes()).await.unwrap_err();
        assert!(early.kind() == Kind::Invalid && early.public().contains("nobody can have been there yet"), "{early}");
        rig.clock.advance(12 * DAY_MS);
        let matched = async || attendance::matched(&rig.ctx, WEBINAR, LIST.as_bytes()).await.unwrap();
        let found = matched().await;
        assert_eq!((found.leads, found.contacts, found.known, found.absent, found.strangers), (1, 1, 0, 1, 1));
        assert_eq!(found.named, ["who@stranger.example"]);
        let noted = "SELECT COUNT(*) FROM engagement_event WHERE kind = 'webinar_attended' AND human AND reason = 'listed'";
        assert_eq!(number(&rig.ctx.db, noted, vec![]).await, 0, "looking changes nothing");
        assert_eq!(attendance::import(&rig.ctx, "operator", found).await.unwrap(), 2);
        let again = matched().await;
        assert_eq!((again.leads, again.known), (1, 2));
        assert_eq!(attendance::import(&rig.ctx, "operator", again).await.unwrap(), 0);
        assert_eq!(number(&rig.ctx.db, noted, vec![]).await, 2);
        let stays: Vec<(i64,)> = rows(&rig.ctx.db, "SELECT stayed_ms FROM engagement_event WHERE kind = 'webinar_attended' ORDER BY 1", vec![]).await;
        assert_eq!(stays, [(31 * 60_000,), (45 * 60_000,)]);
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let standing = scoring::assess(&rig.ctx, &lead, None).await.unwrap();
        let line = standing.score.lines.iter().find(|line| line.label.starts_with("attended")).unwrap();
        assert_eq!((line.label.as_str(), line.raw), ("attended a webinar for 31 min: Live restore in 20 minutes", 25));
        let (_, card) = get(&rig, &format!("/console/leads/{}", lead.id)).await;
        assert!(card.contains("attended a webinar for 31 min"), "{card}");
    }

    /// A list with faults is refused with all of them; so is one of a webinar that there is not.
    async fn a_list_with_faults_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        rig.clock.advance(20 * DAY_MS);
        let list = "email,attended\nnora\ndana.whitlock@northlight.example,maybe\ndana.whitlock@northlight.example,yes\n";
        let error = attendance::matched(&rig.ctx, WEBINAR, list.as_bytes()).await.unwrap_err();
        assert_eq!(error.public().lines().count(), 2, "{error}");
        assert!(error.public().contains("line 2: `nora`") && error.public().contains("line 3: `maybe`"), "{error}");
        let none = attendance::matched(&rig.ctx, "webinars/live-restore-in-30-minutes", LIST.as_bytes()).await.unwrap_err();
        assert!(none.kind() == Kind::NotFound && none.public().contains(WEBINAR), "{none}");
    }

    /// The recording is reached by way of the page, from when the webinar began; who goes there is counted, machines apart, and
    /// the address holds no target.
    async fn whoever_goes_to_the_recording_is_counted(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        let file = dir.path().join(format!("{WEBINAR}.md"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("duration_minutes:", "recording: https://video.example/42\nduration_minutes:", 1)).unwrap();
        sync::sync(&rig.ctx, dir.path(), false).await.unwrap();
        let person = Guest::new(&rig, &[("user-agent", BROWSER)]);
        let page = format!("/p/thornbury/{WEBINAR}");
        let recording = format!("{page}/recording");
        assert_eq!(person.get(&recording).await.0, StatusCode::NOT_FOUND, "nobody has spoken yet");
        rig.clock.advance(12 * DAY_MS);
        let (_, _, html) = person.get(&page).await;
        assert!(html.contains(&format!("href=\"{recording}\"")) && !html.contains("video.example"), "{html}");
        let (status, to, _) = person.get(&format!("{recording}?to=https://evil.example")).await;
        assert_eq!((status, to.as_deref()), (StatusCode::FOUND, Some("https://video.example/42")));
        Guest::new(&rig, &[("user-agent", BROWSER), ("sec-purpose", "prefetch")]).get(&recording).await;
        let went: Vec<(bool, String)> = rows(&rig.ctx.db,
            "SELECT human, reason FROM engagement_event WHERE kind = 'webinar_replay' AND asset = 'webinars/live-restore-in-20-minutes' ORDER BY reason", vec![]).await;
        assert_eq!(went, [(true, "person".to_owned()), (false, "prefetch".to_owned())]);
        assert_eq!(person.get("/p/thornbury/whitepapers/proof-of-recovery/recording").await.0, StatusCode::NOT_FOUND);
    }
}
