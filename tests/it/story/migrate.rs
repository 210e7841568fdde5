//! A whole installation moves from SQLite to PostgreSQL, by the command that people type.

use std::{
    path::Path,
    process::{Command, Output},
};

use partnercast::{
    domain::kernel::{
        Locale,
        clock::{DAY_MS, HOUR_MS},
    },
    store::{Db, issues, lock::ProcessLock},
    work::{
        explain,
        forms::{self, FormKind, Submission},
        lookup,
        track::Visitor,
    },
};

use super::{Rig, rig::EVE_MS};
use crate::harness::databases::{execute, number, sqlite_at, values, with_empty_postgres};

fn ada() -> Submission {
    Submission {
        partner: "northlight".into(),
        asset: "whitepapers/proof-of-recovery".into(),
        kind: FormKind::Whitepaper,
        form: None,
        answers: Vec::new(),
        name: "Ada Okafor".into(),
        email: "ada.okafor@harborclinic.example".into(),
        company: "Harbor \\ Clinic \"Group\"".into(),
        job_role: "it".into(),
        company_size: "50-249".into(),
        phone: String::new(),
        message: String::new(),
        consent: true,
        website: String::new(),
        via: None,
        placement: None,
        proof: (String::new(), String::new()),
        locale: Locale::en(),
    }
}

fn migrate(config: &Path, url: &str) -> (bool, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_partnercast"))
        .args(["migrate-to", "--config"])
        .arg(config)
        .arg(url)
        .output()
        .unwrap();
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

async fn explained(db: &Db) -> String {
    let issue = lookup::issue(db, "fold-forward").await.unwrap();
    let person = lookup::contact(db, "luis.ortega@northlight.example").await.unwrap();
    let told = explain::explain(db, EVE_MS + DAY_MS, &issue, "Luis", person).await.unwrap();
    serde_json::to_string(&told).unwrap()
}

#[test]
fn an_installation_moves_whole_and_goes_on_there() {
    with_empty_postgres(|url| async move {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("partnercast.sqlite");
        let config = folder.path().join("partnercast.toml");
        std::fs::write(
            &config,
            "[database]\nurl = \"sqlite:partnercast.sqlite\"\n[mail]\nrelay = \"catcher\"\n[secrets]\ntoken_keys_file = \"keys\"\n",
        )
        .unwrap();
        let (done, says) = migrate(&config, &url);
        assert!(!done && says.contains("there is no database"), "{says}");

        let rig = Rig::new(sqlite_at(&file).await).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let visitor = Visitor {
            method: "POST".into(),
            agent: "Mozilla/5.0 Firefox/140.0".into(),
            ..Visitor::default()
        };
        forms::submit(&rig.ctx, ada(), &visitor).await.unwrap();
        let before = explained(&rig.ctx.db).await;
        let (done, says) = migrate(&config, &url);
        assert!(!done && says.contains("already works on"), "while another process has the file: {says}");
        rig.ctx.db.close().await;
        drop(rig);

        let bytes = std::fs::read(&file).unwrap();
        let held = ProcessLock::take(&file).unwrap();
        assert!(!migrate(&config, &url).0, "the lock alone is enough");
        drop(held);
        let (done, says) = migrate(&config, &url);
        assert!(done, "{says}");
        assert!(says.contains("delivery") && says.contains("same on both sides"), "{says}");
        assert!(
            says.contains("partnercast.toml:2: instead of `url = \"sqlite:partnercast.sqlite\"`"),
            "{says}"
        );
        assert!(std::fs::read(&file).unwrap() == bytes, "the source is not touched");

        let db = Db::open(&url).await.unwrap();
        assert_eq!(explained(&db).await, before);
        assert_eq!(
            number(&db, "SELECT COUNT(*) FROM lead WHERE company = $1", values![ada().company]).await,
            1
        );
        let (done, says) = migrate(&config, &url);
        assert!(!done && says.contains("is not empty") && says.contains("delivery (3"), "{says}");

        let (rig, changed) = Rig::over(db).await;
        assert_eq!(changed, 0, "the content is there");
        rig.release_by(EVE_MS + 29 * DAY_MS).await;
        rig.drain().await;
        assert_eq!(
            issues::recent(&rig.ctx.db).await.unwrap().len(),
            2,
            "the February issue leaves from there"
        );
        rig.assert_nothing_left().await;
        execute(&rig.ctx.db, "DROP TABLE _sqlx_migrations", vec![]).await;
        rig.ctx.db.close().await;
        let (done, says) = migrate(&config, &url);
        assert!(!done && says.contains("tables of another program"), "{says}");
        let (done, says) = migrate(&config, "mysql://x");
        assert!(!done && says.contains("postgres://user"), "{says}");
    });
}
