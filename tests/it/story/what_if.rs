//! What another rule would have done.

use partnercast::{
    domain::{
        kernel::{Kind, clock::MINUTE_MS},
        lead::what_if::Change,
    },
    work::{
        forms::{self, FormKind},
        what_if::{self, Told},
    },
};

use super::{
    Rig, content,
    hand_off::{ada, person},
};
use crate::harness::both_dbs;

/// The demo's rule with `(from, to)` replaced.
fn rule(changes: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(content().join("rules/scoring.toml")).unwrap();
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

both_dbs! {
    /// Somebody who asked to talk qualified at once; under a rule that wants points alone they would not have. Nothing changes.
    async fn a_rule_without_shortcuts_loses_who_only_asked(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        rig.drain().await;
        let told = async |text: String, since: Option<i64>| {
            let (rule, _) = what_if::rule("new.toml", text.into_bytes()).unwrap();
            let mut seen: Vec<Told> = Vec::new();
            let totals = what_if::replay(&rig.ctx, &rule, since, |told| { seen.push(told); Ok(()) }).await.unwrap();
            (totals, seen)
        };
        let (same, none) = told(rule(&[]), None).await;
        assert_eq!((same.changes.get(&Change::Kept), none.len()), (Some(&1), 0), "{same:?}");
        let (totals, seen) = told(rule(&[("[\"talk_to_us\"]", "[]"), ("talk_to_us = 50", "talk_to_us = 10")]), None).await;
        assert_eq!((totals.was.qualified, totals.would.qualified), (1, 0));
        assert!(seen[0].replayed.change == Change::Lost && seen[0].replayed.because.contains("10 of 50"), "{seen:?}");
        let (later, _) = told(rule(&[]), Some(rig.clock_ms())).await;
        assert!(later.changes.is_empty(), "all of it was before");
    }
}

#[test]
fn a_bad_rule_names_every_fault_with_its_line_and_one_that_qualifies_nobody_is_refused() {
    let bad = rule(&[("mql_score = 50", "mql_score = \"many\""), ("click = 5", "clik = 5")]);
    let error = what_if::rule("new.toml", bad.into_bytes()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let lines: Vec<&str> = error.public().lines().collect();
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.starts_with("new.toml:")), "{error}");
    assert!(error.public().contains("clik"), "{error}");
    let never = rule(&[
        ("[\"talk_to_us\"]", "[]"),
        ("mql_fit = \"B\"", "mql_fit = \"A\""),
        ("country_served = 2", "country_served = 0"),
        ("business_email = 2", "business_email = 0"),
    ]);
    let error = what_if::rule("new.toml", never.into_bytes()).unwrap_err();
    assert!(error.public().contains("nobody can qualify"), "{error}");
    assert!(what_if::rule("new.toml", vec![0xff]).is_err());
}
