//! What an issue tries on few before many: its stages, its two subjects, and tests to people of the vendor.

use serde::Serialize;

use crate::{
    domain::program::{
        stage::Stage,
        subject_test::{self, Arm, Clicked, Finding, READERS_MIN},
    },
    store::{audience::StageCount, events::OfSubject},
    web::view::chart::Bar,
    work::{Context, test_send},
};

/// A stage.
#[derive(Debug, Serialize)]
pub struct StageLine {
    /// Which, in words.
    pub label: &'static str,
    /// How far it has come.
    pub bar: Bar,
}

/// Two subjects.
#[derive(Debug, Serialize)]
pub struct Subjects {
    /// Each with its figures.
    pub arms: Vec<SubjectLine>,
    /// What they came to.
    pub says: String,
}

/// A subject.
#[derive(Debug, Serialize)]
pub struct SubjectLine {
    /// `A` or `B`.
    pub arm: String,
    /// The subject.
    pub subject: String,
    /// `130 of 1,000 readers followed a link, 13.0 %`.
    pub says: String,
    /// The same, drawn.
    pub bar: Bar,
}

/// A form for a test.
#[derive(Debug, Serialize)]
pub struct TestForm {
    /// Where it leads.
    pub action: String,
    /// Texts: key and what it is.
    pub texts: Vec<(String, String)>,
    /// People: address and name.
    pub people: Vec<(String, String)>,
}

/// The stages, in their order, also those of nobody; none for an issue without stages.
pub fn stages(counts: &[StageCount]) -> Vec<StageLine> {
    let line = |stage: Stage| {
        let label = match stage {
            Stage::Pilot => "Pilot, as soon as it was approved",
            Stage::First => "First share, at the hour",
            Stage::Rest => "The rest, some minutes later",
        };
        let Some(count) = counts.iter().find(|count| count.stage == stage.as_str()) else {
            return StageLine { label, bar: Bar::single("", "nobody".to_owned(), 0, 0) };
        };
        let left = count.people - count.accepted - count.failed - count.cancelled - count.suppressed;
        let mut parts = vec![("good", "accepted", count.accepted), ("bad", "failed", count.failed)];
        let stopped = [("warn", "cancelled", count.cancelled), ("warn", "suppressed", count.suppressed)];
        parts.extend(stopped.into_iter().filter(|(.., count)| *count > 0));
        parts.push(("", "to come", left));
        StageLine { label, bar: Bar::of(&parts) }
    };
    if counts.is_empty() { Vec::new() } else { Stage::ALL.into_iter().map(line).collect() }
}

/// The two subjects, if it has two.
pub fn subjects(found: &[OfSubject]) -> Option<Subjects> {
    let of = |arm: Arm| {
        let found = found.iter().find(|found| found.arm == arm.as_str())?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        Some((found, Clicked { readers: count(found.readers), people: count(found.people) }))
    };
    let ((a, of_a), (b, of_b)) = (of(Arm::A)?, of(Arm::B)?);
    let says = match subject_test::compare(of_a, of_b) {
        Finding::TooFew => format!("It takes {READERS_MIN} readers of each to say which did better."),
        Finding::NoDifference => "The difference may be chance.".to_owned(),
        Finding::Better(arm) => format!(
            "{} did better: by chance alone the difference would be as large in fewer than one of twenty cases.",
            arm.as_str().to_uppercase()
        ),
    };
    let line = |found: &OfSubject, clicked: Clicked| SubjectLine {
        arm: found.arm.to_uppercase(),
        subject: found.subject.clone(),
        says: format!(
            "{} of {} readers followed a link, {:.1} %",
            clicked.people,
            clicked.readers,
            clicked.percent()
        ),
        bar: Bar::within(&[("brand", "followed a link", found.people)], found.readers),
    };
    Some(Subjects { arms: vec![line(a, of_a), line(b, of_b)], says })
}

/// A form for a test of one of `texts` to somebody at the vendor.
pub fn form(ctx: &Context, issue_id: &str, texts: Vec<(String, String)>) -> Option<TestForm> {
    let people: Vec<(String, String)> =
        test_send::people(ctx).into_iter().map(|(name, email)| (email.to_string(), name)).collect();
    (!texts.is_empty() && !people.is_empty()).then(|| TestForm {
        action: format!("/console/issues/{issue_id}/tests"),
        texts,
        people,
    })
}

#[cfg(test)]
impl Subjects {
    /// One that did better.
    pub fn sample() -> Option<Self> {
        let of = |arm: &str, subject: &str, people| OfSubject {
            arm: arm.into(),
            subject: subject.into(),
            readers: 1_000,
            people,
        };
        subjects(&[of("a", "Restores, not backups", 100), of("b", "When did you last restore?", 130)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_stand_in_their_order_and_subjects_say_what_they_came_to() {
        let of = |stage: &str, cancelled| StageCount {
            stage: stage.into(),
            people: 10,
            accepted: 6,
            failed: 1,
            cancelled,
            suppressed: 0,
        };
        let lines = stages(&[of("rest", 2), of("pilot", 0)]);
        let says: Vec<&str> = lines.iter().map(|line| line.bar.says.as_str()).collect();
        let (pilot, rest) =
            ("6 accepted, 1 failed, 3 to come", "6 accepted, 1 failed, 2 cancelled, 1 to come");
        assert_eq!(says, [pilot, "nobody", rest], "also the stage of nobody");
        assert!(lines[0].label.starts_with("Pilot"));
        assert!(stages(&[]).is_empty(), "an issue without stages");
        let told = Subjects::sample().unwrap();
        assert!(told.says.starts_with("B did better"), "{}", told.says);
        assert_eq!(told.arms[1].says, "130 of 1000 readers followed a link, 13.0 %");
        assert!(subjects(&[]).is_none());
    }
}
