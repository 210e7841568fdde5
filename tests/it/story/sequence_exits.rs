//! What ends a sequence by its own rules: only what somebody did, or did not do with a message that they had.

use std::{fs, path::Path};

use partnercast::work::sequences;

use super::{
    Rig,
    rig::copied,
    sequences::{NIA, at, had, hire, journey, ms},
};
use crate::harness::both_dbs;

/// The demo's content, where whoever followed no link in the second message of the welcome gets no third one.
fn patient(dir: &Path) {
    copied(dir);
    let path = dir.join("sequences/welcome.md");
    let text = fs::read_to_string(&path).unwrap();
    let rule = "exit:\n  - asked-to-talk\n";
    assert!(text.contains(rule));
    fs::write(&path, text.replace(rule, &format!("{rule}  - not_clicked: one-restore\n"))).unwrap();
}

both_dbs! {
    /// Who follows no link in a message leaves when the next one is due, and not before they had it.
    async fn silence_ends_a_sequence_behind_the_message(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        patient(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        assert_eq!(at(&rig, ms("2027-02-02T09:00:00+01:00")).await, 1, "the first message");
        assert_eq!(at(&rig, ms("2027-02-08T09:00:00+01:00")).await, 1, "the one that is asked about");
        assert_eq!(journey(&rig.ctx.db, "welcome").await.state, "inside");
        assert_eq!(at(&rig, ms("2027-02-15T09:00:00+01:00")).await, 0);
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.state.as_str(), nia.reason.as_str()), ("left", "rule"));
        assert_eq!(nia.detail, "they followed no link in the message of `one-restore`");
        assert_eq!(had(&rig.ctx.db, &nia).await, ["hello sent", "one-restore sent"]);
    }

    /// A message that the relay did not take is no reason to leave.
    async fn what_did_not_arrive_is_not_judged(db: Db) {
        let rig = Rig::new(db).await;
        let dir = tempfile::tempdir().unwrap();
        patient(dir.path());
        rig.clock.set(ms("2027-02-01T12:00:00+01:00"));
        hire(&rig, dir.path(), NIA).await;
        at(&rig, ms("2027-02-01T12:01:00+01:00")).await;
        at(&rig, ms("2027-02-02T09:00:00+01:00")).await;
        rig.clock.set(ms("2027-02-08T09:00:00+01:00"));
        sequences::tick(&rig.ctx).await.unwrap();
        at(&rig, ms("2027-02-15T09:00:00+01:00")).await;
        let nia = journey(&rig.ctx.db, "welcome").await;
        assert_eq!((nia.state.as_str(), nia.reason.as_str()), ("finished", ""));
        assert!(rig.mail_to(NIA).await.subject.starts_with("Everything here carries"));
    }
}
