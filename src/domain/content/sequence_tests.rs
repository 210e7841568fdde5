//! Findings on sequences, through one folder that is right but for one fault.

use super::{
    AssetKind, Detail, Finding, Library, SourceFile,
    kinds::{Condition, ExitRule, People, Sequence},
    tests::{file, folder, ids, one},
};

const HEAD: &str = "---\nkind: sequence\ntitle: S\nwho: leads\nenter: [inquiry, recycled]\nsender: newsletter\n\
    why: You asked {{ partner.name }} for a paper.\nsteps:\n  - {id: paper, after: 2 days, at: \"08:30\"}\n  \
    - {id: video, after: 1 week, if: {not_clicked: paper}}\n";
const MESSAGE: &str = "---\nkind: message\ntitle: M\nsubject: S\npreheader: P\nfeatures: [blog/b]\n---\n\
    Hello {{ contact.first_name | default: \"there\" }}.\n";

/// A right folder with the sequence `s` of this head, and its two messages.
fn files(head: &str) -> Vec<SourceFile> {
    let mut files = folder();
    files.extend([
        file("sequences/s.md", format!("{head}---\n")),
        file("sequences/s/paper.md", MESSAGE),
        file("sequences/s/video.md", MESSAGE),
    ]);
    files
}

fn found(head: &str) -> Vec<Finding> {
    Library::build(files(head)).1
}

/// The findings with one more file.
fn and(head: &str, path: &str, text: &str) -> Vec<Finding> {
    let mut files = files(head);
    files.push(file(path, text));
    Library::build(files).1
}

fn read(head: &str) -> Sequence {
    let (library, findings) = Library::build(files(head));
    assert_eq!(findings, []);
    library.sequence("s").unwrap().1.clone()
}

#[test]
fn a_sequence_is_read_with_its_steps_and_conditions() {
    let sequence = read(&format!(
        "{HEAD}came_through: {{kinds: [whitepaper, webinar], topics: [recovery]}}\nexit:\n  - asked-to-talk\n  - clicked: \
         video\n  - took: blog/b\n"
    ));
    assert_eq!(sequence.who, Some(People::Leads));
    assert_eq!(
        sequence.stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>(),
        ["inquiry", "recycled"]
    );
    assert_eq!(sequence.came_through.kinds, [AssetKind::Whitepaper, AssetKind::Webinar]);
    let steps: Vec<String> = sequence
        .steps
        .iter()
        .map(|step| format!("{} {} {}", step.id, step.after_days, step.at.format("%H:%M")))
        .collect();
    assert_eq!(steps, ["paper 2 08:30", "video 7 09:00"]);
    assert!(
        matches!(&sequence.steps[1].condition, Some(Condition::NotClicked(step)) if step.as_str() == "paper")
    );
    assert!(matches!(sequence.exit[..], [ExitRule::AskedToTalk, ExitRule::When(_), ExitRule::When(_)]));
    let (library, _) = Library::build(files(HEAD));
    let message = &library.versions("sequences/s/paper")[0];
    assert!(matches!(&message.detail, Detail::Message(message) if message.features.len() == 1));
}

#[test]
fn faults_of_steps() {
    let of = |from: &str, to: &str| found(&HEAD.replace(from, to));
    one(&of("not_clicked: paper", "not_clicked: papr"), "C540", 10, 50);
    assert!(of("not_clicked: paper", "clicked: papr")[0].fix.contains("did you mean `paper`?"));
    assert_eq!(ids(&of("not_clicked: paper", "clicked: video")), ["C541"]);
    assert_eq!(ids(&of("at: \"08:30\"", "if: {clicked: video}")), ["C541"]);
    assert_eq!(ids(&of("id: video", "id: paper")), ["C542", "C544"]);
    for delay in ["367 days", "1 month", "a week", "-1 days", "100 weeks"] {
        assert_eq!(ids(&of("2 days", delay)), ["C545"], "{delay}");
    }
    assert_eq!(ids(&of("{not_clicked: paper}", "{not_clicked: paper, took: blog/b}")), ["C106"]);
    assert_eq!(ids(&of("{not_clicked: paper}", "{took: blog/x}")), ["C501"]);
    let head = HEAD.split("steps:").next().unwrap();
    assert_eq!(ids(&found(&format!("{head}steps: []\n"))), ["C547", "C544", "C544"]);
    let many: String = (0..51).map(|no| format!("  - {{id: s{no}, after: 0 days}}\n")).collect();
    let many = found(&format!("{head}steps:\n{many}"));
    assert_eq!(many.iter().filter(|finding| finding.code == "C548").count(), 1);
}

#[test]
fn an_exit_asks_about_a_step_that_something_follows() {
    let exit = |step: &str| found(&format!("{HEAD}exit:\n  - not_clicked: {step}\n"));
    assert_eq!(exit("paper"), []);
    assert!(one(&exit("video"), "C541", 12, 18).message.contains("the last step"));
}

#[test]
fn faults_between_files() {
    let without: Vec<SourceFile> =
        files(HEAD).into_iter().filter(|file| file.path != "sequences/s/video.md").collect();
    let finding = one(&Library::build(without).1, "C543", 10, 5);
    assert!(finding.fix.contains("new message s/video"), "{finding}");
    let stray = and(HEAD, "sequences/s/vidoe.md", MESSAGE);
    assert!(one(&stray, "C544", 1, 1).fix.contains("did you mean `video`?"));
    one(&and(HEAD, "sequences/t/video.md", MESSAGE), "C544", 1, 1);
    assert_eq!(ids(&found(&HEAD.replace("sender: newsletter", "sender: news"))), ["C506"]);
    let texts = "[[text]]\nid = \"w\"\nversion = 1\npurpose = \"calls\"\nen = \"Yes.\"\n";
    one(&and(HEAD, "rules/consent.toml", texts), "C551", 1, 1);
    assert_eq!(and(&format!("{HEAD}consent: calls\n"), "rules/consent.toml", texts), []);
    let newsletter = format!("{}---\n", HEAD);
    assert!(ids(&and(HEAD, "sequences/n.md", &newsletter)).contains(&"C550"));
    assert!(ids(&and(HEAD, "sequences/all.md", &newsletter)).contains(&"C550"));
}

#[test]
fn sequences_that_lead_round_are_refused() {
    let then = |next: &str| format!("{HEAD}then: {next}\n");
    one(&found(&then("s")), "C546", 11, 7);
    assert_eq!(ids(&found(&then("t"))), ["C501"]);
    let two = |first: &str, second: &str| {
        let mut files = files(first);
        files.extend([
            file("sequences/t.md", format!("{second}---\n")),
            file("sequences/t/paper.md", MESSAGE),
            file("sequences/t/video.md", MESSAGE),
        ]);
        Library::build(files).1
    };
    assert_eq!(two(&then("t"), HEAD), []);
    let round = two(&then("t"), &then("s"));
    assert_eq!(ids(&round), ["C546", "C546"]);
    assert!(round[0].message.ends_with("s, then t, then s"), "{}", round[0]);
    assert_eq!(ids(&two(&then("t"), &then("t"))), ["C546"], "it leads there, and is not on the way round");
    let contacts = HEAD.replace("leads", "contacts").replace("[inquiry, recycled]", "new");
    assert_eq!(two(&contacts, &contacts), []);
    assert_eq!(ids(&two(&format!("{contacts}then: t\n"), HEAD)), ["C549"]);
}

#[test]
fn what_does_not_go_with_the_people() {
    let contacts = HEAD.replace("leads", "contacts");
    assert_eq!(ids(&found(&contacts)), ["C549"], "contacts have no stages");
    assert_eq!(ids(&found(&HEAD.replace("[inquiry, recycled]", "new"))), ["C549"]);
    assert_eq!(ids(&found(&format!("{HEAD}audience: {{roles: [sales]}}\n"))), ["C549"]);
    assert_eq!(found(&format!("{HEAD}audience: {{tiers: [gold]}}\n")), []);
    let contacts = contacts.replace("[inquiry, recycled]", "new");
    assert_eq!(found(&format!("{contacts}audience: {{roles: [sales]}}\n")), []);
    assert_eq!(ids(&found(&format!("{contacts}came_through: {{kinds: [webinar]}}\n"))), ["C549"]);
    assert_eq!(ids(&found(&HEAD.replace("recycled", "won"))), ["C106"]);
    let mut files = files(HEAD);
    files.retain(|file| file.path != "sequences/s/video.md");
    files.push(file("sequences/s/video.md", format!("{MESSAGE}\n::: sales and tier gold+\nSell.\n:::\n")));
    one(&Library::build(files).1, "C549", 10, 1);
}
