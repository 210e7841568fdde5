//! By the machine's own clock: a newsletter due in two minutes, two processes on PostgreSQL, killed and started around the
//! instant. The promise is kept.

use std::{fs, time::Duration};

use chrono::{DateTime, Utc};
use partnercast::{
    domain::kernel::clock::{Clock as _, MINUTE_MS, SystemClock},
    store::Db,
};

use super::{
    Rig,
    processes::{Serve, accepted, assert_promise, until},
    rig::copied,
};
use crate::harness::{
    databases::{number, rows, values, with_empty_postgres},
    environment,
};

#[test]
fn a_newsletter_due_in_two_minutes_is_kept_through_kills() {
    if !environment::has_time() {
        return;
    }
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        let due_ms = (SystemClock.now_ms() / MINUTE_MS + 3) * MINUTE_MS;
        let due = DateTime::<Utc>::from_timestamp_millis(due_ms).unwrap();
        let (date, time) = (due.format("%Y-%m-%d").to_string(), due.format("%H:%M").to_string());
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        copied(&content);
        fs::create_dir(content.join("newsletters/soon")).unwrap();
        fs::write(
            content.join("newsletters/soon.md"),
            format!(
                "---\nkind: newsletter\ntitle: Soon\ncadence: daily at {time}\nzone: UTC\nsender: newsletter\n\
                 freeze_minutes: 1\non_time_minutes: 4\napproval: automatic\nwhy: \"You are a contact.\"\n---\nSoon.\n"
            ),
        )
        .unwrap();
        fs::write(
            content.join(format!("newsletters/soon/{date}.md")),
            format!(
                "---\nkind: issue\ntitle: Soon\nnewsletter: soon\ndate: {date}\nsubject: Soon\npreheader: p\ntheme: t\n\
                 ---\nHello.\n"
            ),
        )
        .unwrap();
        // The demo's rules would move some readers' hour on some days of the week.
        for name in ["calendar.toml", "norway.ics", "frequency.toml"] {
            fs::remove_file(content.join("rules").join(name)).unwrap();
        }
        let more = format!("[content]\ndir = \"{}\"\n", content.display());
        let start = |name: &str| Serve::start_with(folder.path(), name, &url, rig.relay(), &more, |_| ());
        let at = |ms: i64| async move {
            until("its moment", Duration::from_secs(240), || async { SystemClock.now_ms() >= ms }).await;
        };
        let (a, b) = (start("a"), start("b"));
        at(due_ms - MINUTE_MS / 2).await;
        assert_eq!(
            number(&rig.ctx.db, "SELECT COUNT(*) FROM issue WHERE newsletter = 'soon'", vec![]).await,
            1
        );
        at(due_ms - 3_000).await;
        a.kill();
        let a = start("a-again");
        at(due_ms + 150).await;
        b.kill();
        let mut b = start("b-again");
        until("everybody has it", Duration::from_secs(220), || async { accepted(&rig.ctx.db).await == 33 })
            .await;
        let early = "SELECT COUNT(*) FROM delivery WHERE accepted_ms < promised_ms OR promised_ms <> $1";
        assert_eq!(number(&rig.ctx.db, early, values![due_ms]).await, 0);
        let counted =
            "SELECT COUNT(*) FROM promise WHERE newsletter = 'soon' AND closed AND on_time = eligible";
        let all = "SELECT COUNT(*) FROM promise WHERE newsletter = 'soon'";
        let promises = number(&rig.ctx.db, all, vec![]).await;
        assert_eq!(promises, 12, "to each partner");
        until("the promise is counted", Duration::from_secs(400), || async {
            number(&rig.ctx.db, counted, vec![]).await == promises
        })
        .await;
        b.assert_runs();
        assert_promise(&rig.mailbox, &rig.ctx.db, 33, 2).await;
        let issues: Vec<(String, i64)> =
            rows(&rig.ctx.db, "SELECT newsletter, COUNT(*) FROM issue GROUP BY newsletter", vec![]).await;
        assert_eq!(issues, [("soon".to_owned(), 1)]);
        drop((a, b));
        rig.ctx.db.close().await;
    });
}
