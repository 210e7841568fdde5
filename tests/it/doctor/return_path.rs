//! The return path's own domain in DNS: SPF is judged there, it takes mail, and it fits the From.

use partnercast::work::doctor::{Finding, Group, Status, Subject, look_at};

use super::{RETURN_PATH, of, subject, worst, zone::zone};

fn there(edits: &[(&str, &str)]) -> Subject {
    let mut there = subject(zone(edits));
    there.return_path_domain = Some(RETURN_PATH.to_owned());
    there
}

async fn found(subject: &Subject) -> Vec<Finding> {
    look_at(subject, Group::Sender).await
}

#[tokio::test]
async fn spf_is_judged_where_receivers_check_it() {
    let findings = found(&there(&[])).await;
    for finding in &findings {
        let expected = if finding.check == "feedback-loops" { Status::Unknown } else { Status::Pass };
        assert_eq!(finding.status, expected, "{finding:#?}");
    }
    let spf = of(&findings, "spf");
    assert!(spf.len() == 1 && spf[0].subject == RETURN_PATH, "{spf:?}");
    let tls: Vec<&str> = of(&findings, "tls-rpt").iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(tls, [super::DOMAIN, RETURN_PATH], "both take mail");
    // The From's own record does not matter for mail that leaves with another return path.
    let own = ("v=spf1 include:_spf.relay.example a:mail.brackenfold.example ~all", "hello");
    assert_eq!(worst(&found(&there(&[own])).await, "spf").0, Status::Pass);
}

/// An edit of the good zone, the check that must see it, how badly, and words of what is said.
type Bad = (&'static [(&'static str, &'static str)], &'static str, Status, &'static [&'static str]);

const MX: &str = "bounces.partners.brackenfold.example          MX   10 mail";
const SPF: &str = "v=spf1 include:_spf.relay.example -all";
const POLICY: &str = "p=quarantine; rua=mailto:dmarc@brackenfold.example,mailto:all@reports.example";

const BAD: [Bad; 9] = [
    (
        &[(MX, "bounces.partners.brackenfold.example TXT none")],
        "return-path-mx",
        Status::Fail,
        &[
            "bounces are lost",
            "publish: bounces.partners.brackenfold.example. MX 10 mail.brackenfold.example.",
        ],
    ),
    (
        &[(MX, "bounces.partners.brackenfold.example A 203.0.113.9\nx TXT x")],
        "return-path-mx",
        Status::Warn,
        &["bounces go to 203.0.113.9", "MX 10"],
    ),
    (
        &[(
            "bounces.partners.brackenfold.example          MX   10 mail.brackenfold.example",
            "bounces.partners.brackenfold.example MX 0 .",
        )],
        "return-path-mx",
        Status::Fail,
        &["null MX"],
    ),
    (
        &[(MX, "bounces.partners.brackenfold.example SILENT x\nx TXT x")],
        "return-path-mx",
        Status::Unknown,
        &["timed out"],
    ),
    (
        &[(SPF, "hello")],
        "spf",
        Status::Fail,
        &["publish: bounces.partners.brackenfold.example. TXT \"v=spf1 ip4:198.51.100.25 ~all\""],
    ),
    (
        &[(SPF, "v=spf1 mx -all")],
        "spf",
        Status::Warn,
        &[
            "relay_addresses",
            "publish: bounces.partners.brackenfold.example. TXT \"v=spf1 mx ip4:198.51.100.25 -all\"",
        ],
    ),
    (
        &[(POLICY, "p=quarantine; aspf=s; sp=none; rua=mailto:dmarc@brackenfold.example")],
        "alignment",
        Status::Warn,
        &[
            "aspf=s asks for the return path partners.brackenfold.example exactly",
            "publish: _dmarc.brackenfold.example. TXT \"v=DMARC1; p=quarantine; sp=none; rua=mailto:dmarc@brackenfold.example\"",
        ],
    ),
    (
        &[(
            "_dmarc.brackenfold",
            "_dmarc.bounces.partners.brackenfold.example TXT v=DMARC1; p=none; psd=n\n_dmarc.brackenfold",
        )],
        "alignment",
        Status::Warn,
        &[
            "it belongs to bounces.partners.brackenfold.example",
            "under [mail] set return_path_domain = \"bounces.brackenfold.example\"",
        ],
    ),
    (
        &[("_dmarc.brackenfold", "_other.brackenfold")],
        "alignment",
        Status::Unknown,
        &["before there is a DMARC record"],
    ),
];

#[tokio::test]
async fn every_bad_return_path_is_seen_with_its_fix() {
    for (edits, check, status, words) in BAD {
        let (worst, said) = worst(&found(&there(edits)).await, check);
        assert_eq!(worst, status, "{edits:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{edits:?} should say `{word}`: {said}");
        }
    }
}

#[tokio::test]
async fn a_return_path_of_another_organisation_leaves_all_to_dkim() {
    let mut there = there(&[]);
    there.return_path_domain = Some("bounces.relay.example".to_owned());
    let (status, said) = worst(&found(&there).await, "alignment");
    assert_eq!(status, Status::Warn, "{said}");
    for words in [
        "it belongs to bounces.relay.example",
        "all hangs on DKIM",
        "\nbounces.brackenfold.example. TXT \"v=spf1 ip4:198.51.100.25 ~all\"",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // Strict alignment is only kept by the very domain.
    let mut there = self::there(&[(POLICY, "p=none; aspf=s; rua=mailto:a@brackenfold.example")]);
    there.return_path_domain = Some(super::DOMAIN.to_owned());
    assert_eq!(worst(&found(&there).await, "alignment").0, Status::Pass);
}

#[tokio::test]
async fn the_relays_real_addresses_decide_where_they_are_known() {
    let mut there = there(&[]);
    there.relay_addresses = vec!["203.0.113.77".parse().unwrap()];
    let (status, said) = worst(&found(&there).await, "spf");
    assert_eq!(status, Status::Fail, "{said}");
    let record = "publish: bounces.partners.brackenfold.example. TXT \"v=spf1 include:_spf.relay.example ip4:203.0.113.77 -all\"";
    assert!(said.contains(record), "{said}");
    there.relay_addresses = vec!["198.51.100.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    assert_eq!(worst(&found(&there).await, "spf").0, Status::Pass);
}

#[tokio::test]
async fn tls_for_what_comes_back_is_told_and_never_fails() {
    for (record, check, status, words) in [
        (
            "_mta-sts.{} TXT v=STSv1; id=1",
            "mta-sts",
            Status::Warn,
            "mta-sts.bounces.partners.brackenfold.example has no address",
        ),
        ("_mta-sts.{} TXT v=STSv1; id=1\nmta-sts.{} A 127.0.0.1", "mta-sts", Status::Warn, "cannot be read"),
        ("_mta-sts.{} TXT v=STSv1; n=1", "mta-sts", Status::Warn, "TXT \"v=STSv1; id=20270112\""),
        ("_mta-sts.{} SILENT x", "mta-sts", Status::Unknown, "timed out"),
        (
            "_smtp._tls.{} TXT v=TLSRPTv1; rua=mailto:tls@brackenfold.example",
            "tls-rpt",
            Status::Pass,
            "go to mailto:tls@",
        ),
        ("_smtp._tls.{} TXT v=TLSRPTv1; rua=none", "tls-rpt", Status::Warn, "publish: _smtp._tls.bounces"),
    ] {
        let lines = format!("{}\n_spf.relay.example", record.replace("{}", RETURN_PATH));
        let (worst, said) = worst(&found(&there(&[("_spf.relay.example     ", &lines)])).await, check);
        assert!(worst == status && said.contains(words), "{record}: {said}");
    }
}
