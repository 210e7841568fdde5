//! Blocklists: asked only when told to, and believed only when they are seen to work.

use partnercast::{
    channel::smtp::{Relay, RelayTls},
    work::doctor::{Finding, Group, Status, Subject, look_at},
};

use super::{subject, worst, zone::Zone};

const LIST: &str = "bl.example";

fn there(zone: &str, lists: &[&str]) -> Subject {
    let mut there = subject(Zone::parse(zone));
    // Nobody listens there: only DNS is of interest.
    there.relays = vec![Relay::new("127.0.0.1", 1, RelayTls::None)];
    there.relay_addresses = vec!["198.51.100.25".parse().unwrap()];
    there.blocklists = Some(lists.iter().map(|list| (*list).to_owned()).collect());
    there
}

async fn found(subject: &Subject) -> Vec<Finding> {
    look_at(subject, Group::Relay).await
}

#[tokio::test]
async fn a_list_is_believed_only_when_it_knows_its_own_test_entry() {
    let works = "2.0.0.127.bl.example A 127.0.0.2\n";
    for (zone, status, words) in [
        (works.to_owned(), Status::Pass, "does not list 198.51.100.25"),
        (
            format!(
                "{works}25.100.51.198.bl.example A 127.0.0.4\n25.100.51.198.bl.example TXT see https://bl.example/why"
            ),
            Status::Warn,
            "lists 198.51.100.25 (127.0.0.4 see https://bl.example/why)",
        ),
        (String::new(), Status::Unknown, "does not know its own test entry"),
        (
            "2.0.0.127.bl.example A 127.255.255.254".to_owned(),
            Status::Unknown,
            "refuses to answer this resolver",
        ),
        (format!("{works}1.0.0.127.bl.example A 127.0.0.2"), Status::Unknown, "lists everything"),
        ("2.0.0.127.bl.example A 203.0.113.1".to_owned(), Status::Unknown, "refuses"),
        (format!("{works}25.100.51.198.bl.example A 127.255.255.255"), Status::Unknown, "refuses"),
        ("2.0.0.127.bl.example SILENT x".to_owned(), Status::Unknown, "timed out"),
    ] {
        let (worst, said) = worst(&found(&there(&zone, &[LIST])).await, "blocklists");
        assert!(worst == status && said.contains(words), "{zone}: {said}");
    }
}

#[tokio::test]
async fn nothing_is_asked_unbidden_or_about_nobody() {
    let mut there = there("", &[LIST]);
    there.blocklists = None;
    assert!(found(&there).await.iter().all(|finding| finding.check != "blocklists"));
    there.blocklists = Some(Vec::new());
    let (status, said) = worst(&found(&there).await, "blocklists");
    assert!(status == Status::Unknown && said.contains("under [doctor] name lists"), "{said}");
    there.blocklists = Some(vec![LIST.to_owned()]);
    for private in [vec![], vec!["10.0.0.7".parse().unwrap()]] {
        there.relay_addresses = private;
        let (status, said) = worst(&found(&there).await, "blocklists");
        assert!(status == Status::Unknown && said.contains("relay_addresses = ["), "{said}");
    }
    there.relays.clear();
    assert_eq!(worst(&found(&there).await, "blocklists").0, Status::Unknown, "the catcher");
}
