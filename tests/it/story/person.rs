//! Somebody asks what is held of them, and then that it be gone; and what grows old goes by itself.

use partnercast::{
    domain::{
        kernel::{
            Kind,
            clock::{DAY_MS, HOUR_MS},
            id::OfferId,
        },
        partner::{Contact, Roles},
    },
    store::{Db, leads, partners, person as held, suppressions},
    work::{
        forms::{self, FormKind, Submission},
        handoff,
        ladder::{self, Asked},
        person, retention, track,
    },
};
use tokio::sync::watch;

use super::{
    Rig,
    hand_off::{ada, follow, person as visitor},
};
use crate::harness::{both_dbs, databases::values};

const PAPER: &str = "whitepapers/proof-of-recovery";
/// What only this person's data holds.
const MARKERS: [&str; 4] =
    ["zq-marker@harborclinic.example", "Zqname Markerson", "+49 30 7654321", "zqwrote about her server room"];

fn marked(kind: FormKind, asset: &str) -> Submission {
    Submission {
        name: MARKERS[1].into(),
        email: "ZQ-Marker@HarborClinic.example".into(),
        phone: MARKERS[2].into(),
        message: MARKERS[3].into(),
        ..ada(kind, asset)
    }
}

/// The tables in which a marker stands, in whatever case: all of the schema, whatever they are for.
async fn standing(db: &Db) -> Vec<String> {
    let mut found = Vec::new();
    for table in held::tables(db).await.unwrap() {
        let texts: Vec<String> = MARKERS.iter().map(|marker| (*marker).to_owned()).collect();
        let rows = held::rows(db, &table, &held::Known::default(), &texts).await.unwrap();
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|(row, _)| MARKERS.iter().any(|m| row.to_lowercase().contains(&m.to_lowercase())))
            .collect();
        if !rows.is_empty() {
            found.push(format!("{}: {rows:?}", table.name));
        }
    }
    found
}

both_dbs! {
    /// Erased while an offer is open: the ledger is consistent, the rep knows without a word about the person, no table and no
    /// roster knows them, and what was counted still is.
    async fn erased_in_mid_offer(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (_, target) = follow(&rig, "luis.ortega@northlight.example", PAPER).await;
        let via = track::via(&rig.ctx, target.split("via=").nth(1).unwrap());
        forms::submit(&rig.ctx, Submission { via, ..marked(FormKind::Whitepaper, PAPER) }, &visitor()).await.unwrap();
        forms::submit(&rig.ctx, marked(FormKind::TalkToUs, forms::TALK_TO_US), &visitor()).await.unwrap();
        rig.drain().await;
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        assert_eq!(lead.stage, "offered");
        let all = person::export(&rig.ctx.db, MARKERS[0]).await.unwrap();
        for table in ["lead", "lead_step", "consent", "engagement_event", "offer", "delivery"] {
            assert!(all["tables"][table].as_array().is_some_and(|rows| !rows.is_empty()), "{table}: {all}");
        }
        let text = all.to_string();
        assert!(MARKERS.iter().all(|marker| text.to_lowercase().contains(&marker.to_lowercase())), "{text}");
        assert!(!text.contains("id_hash"), "nobody gets keys of sessions");
        let before: Vec<i64> = counts(&rig).await;
        rig.clock.advance(HOUR_MS);

        let done = person::erase(&rig.ctx, MARKERS[0], "tests").await.unwrap();
        assert_eq!((done.recalled, done.left.as_slice()), (1, [].as_slice()), "{done:?}");
        assert_eq!(standing(&rig.ctx.db).await, Vec::<String>::new());
        assert_eq!(counts(&rig).await, before, "what was counted still is");
        assert!(leads::recent(&rig.ctx.db, None).await.unwrap().is_empty(), "nobody is nurtured");
        let lead = leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap();
        assert_eq!(lead.stage, "recycled");
        let offer = partnercast::store::offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
        assert!(offer.answer.as_deref() == Some("recalled") && offer.answer_reason.is_some());
        assert!(partnercast::store::lead_clocks::of_lead(&rig.ctx.db, &lead.id).await.unwrap().iter().all(|clock| clock.stopped_ms.is_some()));
        let late = handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap_err();
        assert_eq!(late.kind(), Kind::Conflict);
        let consents = leads::consents(&rig.ctx.db, &lead.id).await.unwrap();
        assert!(!consents.is_empty() && !consents[0].granted && consents.iter().any(|consent| consent.granted));
        rig.drain().await;
        let told = rig.mail_to(&offer.rep_email).await;
        let text = told.text.unwrap();
        assert!(text.contains("erase") && MARKERS.iter().all(|marker| !text.contains(marker)), "{text}");
        rig.assert_nothing_left().await;

        // The next roster lists them: they are left out.
        let again = Contact {
            partner: partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap().slug,
            name: MARKERS[1].into(),
            email: partnercast::domain::kernel::EmailAddress::parse("zq-marker+new@harborclinic.example").unwrap(),
            roles: Roles::parse("sales").unwrap(),
            locale: None,
            zone: None,
            lead_contact: false,
        };
        let mut tx = rig.ctx.db.begin().await.unwrap();
        assert!(person::without_erased(&mut tx, vec![again]).await.unwrap().is_empty());
        drop(tx);
        assert_eq!(person::find(&rig.ctx.db, MARKERS[0]).await.unwrap_err().kind(), Kind::NotFound);
    }

    /// A name that is a word of ours, and a telephone of a whole office: one person goes, nobody else and nothing else changes.
    async fn erasing_one_leaves_all_others(db: Db) {
        let rig = Rig::new(db).await;
        let other = Submission { phone: MARKERS[2].into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
        forms::submit(&rig.ctx, other, &visitor()).await.unwrap();
        let before = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        assert_eq!(before.stage, "offered");
        rig.clock.advance(HOUR_MS);
        let named = Submission { name: "Offered".into(), ..marked(FormKind::Whitepaper, PAPER) };
        forms::submit(&rig.ctx, named, &visitor()).await.unwrap();
        let gone = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        person::erase(&rig.ctx, MARKERS[0], "tests").await.unwrap();
        let left = leads::recent(&rig.ctx.db, None).await.unwrap();
        assert_eq!((left.len(), &left[0].stage, &left[0].phone), (1, &before.stage, &before.phone));
        let offer = partnercast::store::offers::of_lead(&rig.ctx.db, &before.id).await.unwrap().remove(0);
        handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        let steps = leads::steps(&rig.ctx.db, &gone.id).await.unwrap();
        assert!(steps.iter().all(|step| step.actor != "Offered"), "{steps:?}");
    }

    /// Whoever has a longer address keeps their entry on the do-not-send list, also where it stands nowhere else; and whoever has
    /// the same telephone number, or only the rep, is nobody's business.
    async fn what_is_others_is_neither_changed_nor_handed_out(db: Db) {
        let rig = Rig::new(db).await;
        let other = Submission { phone: MARKERS[2].into(), ..ada(FormKind::TalkToUs, forms::TALK_TO_US) };
        forms::submit(&rig.ctx, other.clone(), &visitor()).await.unwrap();
        forms::submit(&rig.ctx, marked(FormKind::Whitepaper, PAPER), &visitor()).await.unwrap();
        let longer = format!("di{}", MARKERS[0]);
        let mut tx = rig.ctx.db.begin().await.unwrap();
        suppressions::add(&mut tx, rig.ctx.now_ms(), &longer, suppressions::ALL, "unsubscribed").await.unwrap();
        tx.commit().await.unwrap();

        let all = person::export(&rig.ctx.db, MARKERS[0]).await.unwrap();
        assert_eq!(all["tables"]["lead"].as_array().unwrap().len(), 1, "{all}");
        assert!(!all.to_string().contains(&other.email) && !all.to_string().contains(&longer), "{all}");
        assert_eq!(all["cut"], serde_json::json!([]));
        let lead = leads::by_address(&rig.ctx.db, &other.email.to_lowercase(), "northlight").await.unwrap().unwrap();
        let offer = partnercast::store::offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
        handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        let reps = person::export(&rig.ctx.db, &offer.rep_email).await.unwrap();
        let owned = &reps["tables"]["lead"][0];
        assert!(owned["owner_email"] == offer.rep_email && owned["phone"].is_null() && owned["name"].is_null(), "{owned}");

        person::erase(&rig.ctx, MARKERS[0], "tests").await.unwrap();
        let stopped = suppressions::of(&rig.ctx.db, rig.ctx.now_ms(), &longer).await.unwrap();
        assert_eq!(stopped.len(), 1, "she gets mail again: {stopped:?}");
    }

    /// After thirteen months agents and networks are gone and machines' acts with them; the ladder counts as before.
    async fn old_events_are_reduced_and_still_counted(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        for _ in 0..3 {
            follow(&rig, "luis.ortega@northlight.example", PAPER).await;
            rig.clock.advance(HOUR_MS);
        }
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &visitor()).await.unwrap();
        rig.drain().await;
        let before = counts(&rig).await;
        let (_stop, stopped) = watch::channel(false);
        assert_eq!(retention::tick(&rig.ctx, 13, &stopped).await.unwrap(), retention::Done::default());
        rig.clock.advance(400 * DAY_MS);
        let done = retention::tick(&rig.ctx, 13, &stopped).await.unwrap();
        assert!(done.reduced >= 2 && done.discarded >= 1, "{done:?}");
        let raw: Vec<(i64,)> = rig
            .ctx
            .db
            .all("SELECT COUNT(*) FROM engagement_event WHERE agent <> '' OR network <> '' OR NOT human", values![])
            .await
            .unwrap();
        assert_eq!(raw[0].0, 0);
        assert_eq!(counts(&rig).await, before);
        assert_eq!(retention::tick(&rig.ctx, 13, &stopped).await.unwrap(), retention::Done::default());
    }
}

async fn counts(rig: &Rig) -> Vec<i64> {
    let steps = ladder::ladder(&rig.ctx, &Asked::default()).await.unwrap();
    steps.iter().map(|step| step.count).collect()
}

/// Nothing of a person is left in any byte of the database's files.
#[test]
fn nothing_is_left_in_the_files_of_sqlite() {
    crate::harness::databases::block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let rig = Rig::new(crate::harness::databases::sqlite_at(&path).await).await;
        forms::submit(&rig.ctx, marked(FormKind::TalkToUs, forms::TALK_TO_US), &visitor()).await.unwrap();
        rig.drain().await;
        person::erase(&rig.ctx, MARKERS[0], "tests").await.unwrap();
        let mut looked = 0;
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap().path();
            let bytes = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).to_lowercase();
            for marker in MARKERS {
                assert!(!bytes.contains(&marker.to_lowercase()), "{marker} in {}", file.display());
            }
            looked += 1;
        }
        assert!(looked >= 2, "the file and its log");
        rig.drain().await;
        rig.ctx.db.close().await;
    });
}
