//! The levers of the command line, as people type them: beside others on PostgreSQL, and what they say on SQLite.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use partnercast::{
    domain::kernel::clock::{DAY_MS, HOUR_MS},
    store::{Db, issues},
    work::publish,
};

use super::{
    Rig,
    rig::{EVE_MS, KEY},
};
use crate::harness::databases::{block_on, execute, number, sqlite_at, with_empty_postgres};

/// The program with a configuration of its own.
pub struct Program {
    config: PathBuf,
    _folder: tempfile::TempDir,
}

impl Program {
    pub fn on(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("partnercast.toml");
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.path().join("keys"), key).unwrap();
        let text = format!(
            "[database]\nurl = \"{url}\"\n[mail]\nrelay = \"catcher\"\n[secrets]\ntoken_keys_file = \"keys\"\n"
        );
        std::fs::write(&config, text).unwrap();
        Self { config, _folder: folder }
    }

    /// Its configuration, for commands that take it behind their own words.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Runs a command with nobody at the terminal; whether it succeeded, and all it said.
    pub fn run(&self, arguments: &str) -> (bool, String) {
        let mut words = arguments.split(' ');
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_partnercast"))
            .arg(words.next().unwrap())
            .args([Path::new("--config"), &self.config])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    /// The same for a command that succeeds.
    pub fn does(&self, arguments: &str) -> String {
        let (done, says) = self.run(arguments);
        assert!(done, "{arguments}: {says}");
        says
    }

    /// The same for one that is refused.
    pub fn refuses(&self, arguments: &str) -> String {
        let (done, says) = self.run(arguments);
        assert!(!done, "{arguments}: {says}");
        says
    }
}

async fn standing(db: &Db) -> (String, String) {
    let issue = issues::recent(db).await.unwrap().remove(0);
    (issue.state, issue.control)
}

#[test]
fn an_issue_is_steered_beside_others() {
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        let program = Program::on(&url);
        assert!(program.refuses("pause fold-forward").contains("was not found; no issue was frozen yet"));
        rig.clock.set(EVE_MS + 3 * DAY_MS);
        publish::tick(&rig.ctx).await.unwrap();
        let asked = program.refuses("release fold-forward/2027-01-12");
        assert!(
            asked.contains("goes to 33 people")
                && asked.contains("its time passed")
                && asked.contains("add --yes"),
            "{asked}"
        );
        assert_eq!(standing(&rig.ctx.db).await.0, "frozen", "asking changes nothing");
        assert!(program.does("release fold-forward/2027-01-12 --yes").contains("is approved"));
        assert!(
            program
                .refuses("release fold-forward --yes")
                .contains("does not wait for approval: it is approved")
        );
        publish::tick(&rig.ctx).await.unwrap();
        assert!(program.does("pause fold-forward").contains("33 ready"));
        assert!(
            program
                .refuses("pause fold-forward")
                .contains("there is nothing to pause: this issue is paused already")
        );
        assert_eq!(rig.drain().await, 2, "paused: only the two who may approve were told that it waited");
        let told = program.does("explain fold-forward luis.ortega@northlight.example");
        assert!(told.contains("the issue is paused"), "{told}");
        assert!(program.does("resume fold-forward").contains("goes on"));
        // The program goes by the machine's clock, which is behind the one of this story.
        rig.may_be_late(rig.clock_ms()).await;
        rig.drain().await;

        assert!(
            program
                .does("retry fold-forward")
                .contains("nothing of fold-forward/2027-01-12 can be sent again")
        );
        assert!(program.does("dead-letters").contains("no message waits for a person"));
        execute(
            &rig.ctx.db,
            "UPDATE delivery SET state = 'failed', live = FALSE, accepted_ms = NULL WHERE partner_slug = 'northlight'",
            vec![],
        )
        .await;
        execute(&rig.ctx.db, "UPDATE attempt SET outcome = 'policy' WHERE delivery_id IN (SELECT id FROM delivery WHERE state = 'failed')", vec![]).await;
        let lines = program.does("dead-letters --json --issue fold-forward --class policy");
        let letters: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(letters.len(), 4);
        assert_eq!(letters[0]["state"], "failed");
        let one = letters[0]["id"].as_str().unwrap();
        assert!(program.refuses(&format!("retry {one}")).contains("1 message to"));
        assert!(program.does(&format!("retry {one} --yes")).contains("wait in the queue"));
        assert!(program.does("retry fold-forward --class soft --yes").contains("nothing of"));
        assert!(
            program.refuses("retry fold-forward --state happy --yes").contains("there are failed, uncertain")
        );
        assert!(
            program
                .does("retry fold-forward --state failed --yes")
                .contains("3 messages of fold-forward/2027-01-12")
        );
        // The program goes by the machine's calendar, the rig by January's.
        execute(
            &rig.ctx.db,
            "UPDATE delivery SET expires_ms = promised_ms + 864000000 WHERE state = 'ready'",
            vec![],
        )
        .await;
        rig.drain().await;
        assert_eq!(rig.mailbox.count().await.unwrap(), 2 + 33 + 4);
        let actors = "SELECT COUNT(*) FROM audit WHERE actor = 'operator (command line)'";
        assert_eq!(
            number(&rig.ctx.db, actors, vec![]).await,
            5,
            "approve, pause, resume, and twice send again"
        );

        february_is_cancelled(&rig, &program).await;
        rig.ctx.db.close().await;
    });
}

async fn february_is_cancelled(rig: &Rig, program: &Program) {
    rig.clock.set(EVE_MS + 28 * DAY_MS + 3 * HOUR_MS);
    publish::tick(&rig.ctx).await.unwrap();
    assert!(program.refuses("cancel fold-forward").contains("will never leave"));
    assert!(program.does("cancel fold-forward -y").contains("is cancelled for good"));
    assert_eq!(standing(&rig.ctx.db).await, ("cancelled".to_owned(), "cancelled".to_owned()));
    assert!(
        program
            .refuses("resume fold-forward")
            .contains("there is nothing to resume: this issue is cancelled already")
    );
}

#[test]
fn on_sqlite_a_running_process_is_named_with_the_page_that_has_the_lever() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.sqlite");
        let program = Program::on(&format!("sqlite:{}", file.display()));
        assert!(program.refuses("pause fold-forward").contains("there is no database"));
        assert!(!file.exists(), "and none was made");
        let rig = Rig::new(sqlite_at(&file).await).await;
        let issue = rig.send_january().await;
        for lever in ["pause fold-forward", "cancel fold-forward --yes"] {
            let says = program.refuses(lever);
            assert!(says.contains(&format!("process {}", std::process::id())), "{says}");
            assert!(says.contains(&format!("http://127.0.0.1:8000/console/issues/{issue}")), "{says}");
        }
        assert!(
            program.does("explain fold-forward luis").contains("decision   in"),
            "reading goes beside it"
        );
        assert!(program.does("dead-letters").contains("no message waits"));
        execute(&rig.ctx.db, "UPDATE delivery SET state = 'expired', live = FALSE, accepted_ms = NULL WHERE partner_slug = 'ipe'", vec![])
            .await;
        let says = program.refuses("retry fold-forward --yes");
        assert!(says.contains(&format!("/console/dead-letters?issue={issue}")), "{says}");
        rig.ctx.db.close().await;
        drop(rig);
        assert!(
            program.does("retry fold-forward --yes").contains("wait in the queue"),
            "nobody else runs now"
        );
    });
}
