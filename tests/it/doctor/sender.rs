//! The senders' DNS: a good zone, and each way in which one can be bad.

use partnercast::{
    domain::kernel::clock::DAY_MS,
    render::email::dkim::Signer,
    work::doctor::{Finding, Group, Status, Subject, look_at},
};

use super::{DOMAIN, key, keys, subject, worst, zone::zone};
use crate::harness::START_MS;

async fn found(subject: &Subject) -> Vec<Finding> {
    look_at(subject, Group::Sender).await
}

#[tokio::test]
async fn a_good_zone_passes_everything() {
    let findings = found(&subject(zone(&[]))).await;
    for finding in &findings {
        let expected = if finding.check == "feedback-loops" { Status::Unknown } else { Status::Pass };
        assert_eq!(finding.status, expected, "{finding:#?}");
    }
    for check in [
        "mail-servers",
        "spf",
        "dkim",
        "dkim-keys",
        "dkim-self-test",
        "dmarc",
        "dmarc-reports",
        "alignment",
        "links",
    ] {
        worst(&findings, check);
    }
    let spf = worst(&findings, "spf").1;
    assert!(spf.contains("2 of 10 lookups"), "{spf}");
}

/// An edit of the good zone, the check that must see it, how badly, and words of what is said.
type Bad = (&'static [(&'static str, &'static str)], &'static str, Status, &'static [&'static str]);

const SPF: &str = "v=spf1 include:_spf.relay.example a:mail.brackenfold.example ~all";
const DMARC: &str = "v=DMARC1; p=quarantine; rua=mailto:dmarc@brackenfold.example,mailto:all@reports.example";

const BAD: [Bad; 29] = [
    (
        &[("MX   10 mail", "TXT  no mail")],
        "mail-servers",
        Status::Fail,
        &["neither MX nor an address", "publish: partners"],
    ),
    (&[("MX   10 mail.brackenfold.example", "MX   0 .")], "mail-servers", Status::Fail, &["null MX"]),
    (&[(SPF, "hello")], "spf", Status::Fail, &["no SPF record", "\"v=spf1 ip4:198.51.100.25 ~all\""]),
    (&[("other=record", "v=spf1 -all")], "spf", Status::Fail, &["2 SPF records"]),
    (
        &[("a:mail.brackenfold.example ~all", "+all")],
        "spf",
        Status::Fail,
        &["+all", "publish: partners.brackenfold.example. TXT \"v=spf1 include:_spf.relay.example ~all\""],
    ),
    (&[("a:mail.brackenfold.example ~all", "ipv4:1.2.3.4 ~all")], "spf", Status::Fail, &["`ipv4:1.2.3.4`"]),
    (
        &[("a:mail.brackenfold.example ~all", "a:mail.brackenfold.example")],
        "spf",
        Status::Warn,
        &["does not end"],
    ),
    (&[("a:mail.brackenfold.example ~all", "ptr ~all")], "spf", Status::Warn, &["ptr"]),
    (&[("include:_spf.relay.example ", "")], "spf", Status::Warn, &["does not name the relay relay.example"]),
    (
        &[("ip4:198.51.100.0/24 ip6", "ip4:198.51.100.0/28 ip6")],
        "spf",
        Status::Warn,
        &["does not name the relay"],
    ),
    (
        &[("include:_spf.relay.example ", "include:gone.example ")],
        "spf",
        Status::Fail,
        &["gone.example, which has no SPF"],
    ),
    (
        &[("a:mail.brackenfold.example ~all", "a:x1.example a:x2.example mx:x3.example ~all")],
        "spf",
        Status::Fail,
        &["3 of its names"],
    ),
    (
        &[("v=spf1 ip4:198.51.100.0/24", "v=spf1 include:_spf.relay.example ip4:198.51.100.0/24")],
        "spf",
        Status::Fail,
        &["lookups and receivers stop at 10"],
    ),
    (
        &[("r1._domainkey", "r0._domainkey")],
        "dkim",
        Status::Fail,
        &[
            "no record, and it signs now",
            "publish: r1._domainkey.partners.brackenfold.example. TXT \"v=DKIM1; k=rsa; p=",
            "\" \"",
        ],
    ),
    (&[("k=rsa; p=", "k=rsa; p=; n=")], "dkim", Status::Fail, &["withdrawn"]),
    (
        &[("k=rsa; p=MI", "k=rsa; p=MJ")],
        "dkim",
        Status::Fail,
        &["another key than the key file", "publish: r1._domainkey"],
    ),
    (&[("k=rsa; p=MI", "k=rsa; p=*MI")], "dkim", Status::Fail, &["not base64"]),
    (&[("v=DKIM1; k=ed25519;", "v=DKIM1; t=y; k=ed25519;")], "dkim", Status::Warn, &["t=y"]),
    (&[("v=DKIM1; k=rsa;", "v=DKIM1; h=sha1; k=rsa;")], "dkim", Status::Fail, &["h= or s="]),
    (
        &[("k=rsa; p=MI", "k=rsa; p=MJ")],
        "dkim-self-test",
        Status::Fail,
        &["a receiver would find a signature bad: r1"],
    ),
    (
        &[("_dmarc.brackenfold", "_other.brackenfold")],
        "dmarc",
        Status::Fail,
        &["no DMARC record", "publish: _dmarc.brackenfold.example. TXT \"v=DMARC1; p=none; rua="],
    ),
    (
        &[(DMARC, "v=DMARC1; p=quarantine; pct=50; adkim=r")],
        "dmarc",
        Status::Warn,
        &[
            "took out pct=",
            "without rua=",
            "publish: _dmarc.brackenfold.example. TXT \"v=DMARC1; p=quarantine; adkim=r; \
             rua=mailto:dmarc-reports@brackenfold.example\"",
        ],
    ),
    (&[(DMARC, "v=DMARC1; p=maybe")], "dmarc", Status::Fail, &["p=maybe"]),
    (
        &[("_report._dmarc", "_other._dmarc")],
        "dmarc-reports",
        Status::Warn,
        &["publish: brackenfold.example._report._dmarc.reports.example. TXT \"v=DMARC1\"", "let them"],
    ),
    (
        &[("news.brackenfold.example                      A ", "new.brackenfold.example A ")],
        "links",
        Status::Fail,
        &["no address in DNS", "publish: news.brackenfold.example. A"],
    ),
    (
        &[("_dmarc.brackenfold", "_other.brackenfold")],
        "links",
        Status::Unknown,
        &["before there is a DMARC record"],
    ),
    (&[("MX   10 mail", "SILENT mail")], "mail-servers", Status::Unknown, &["timed out", "[dns]"]),
    (&[("MX   10 mail", "SILENT mail")], "spf", Status::Unknown, &["timed out"]),
    (
        &[(
            "r1._domainkey.partners.brackenfold.example    TXT",
            "r1._domainkey.partners.brackenfold.example SILENT x\nr9 TXT",
        )],
        "dkim",
        Status::Unknown,
        &["timed out"],
    ),
];

#[tokio::test]
async fn every_bad_zone_is_seen_with_its_fix() {
    for (edits, check, status, words) in BAD {
        let findings = found(&subject(zone(edits))).await;
        let (worst, said) = worst(&findings, check);
        assert_eq!(worst, status, "{edits:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{edits:?} should say `{word}`: {said}");
        }
    }
}

#[tokio::test]
async fn strict_alignment_and_foreign_links_are_seen() {
    let mut there = subject(zone(&[("p=quarantine", "p=quarantine; adkim=s")]));
    assert_eq!(worst(&found(&there).await, "alignment").0, Status::Pass, "d= is the domain itself");
    let pem = include_bytes!("../../keys/rsa-2048.pem");
    let above = partnercast::render::email::dkim::SigningKey::from_pem(pem).unwrap();
    let above =
        partnercast::render::email::dkim::DkimKey::new("brackenfold.example", "r1", None, above).unwrap();
    there.signer = Signer::new(vec![above]).unwrap();
    let (status, said) = worst(&found(&there).await, "alignment");
    assert!(status == Status::Fail && said.contains("adkim=s"), "{said}");
    there.public_url = "https://brackenfold.herokuapp.com".to_owned();
    let (status, said) = worst(&found(&there).await, "links");
    assert!(status == Status::Warn && said.contains("strangers' links lead to herokuapp.com too"), "{said}");
    there.public_url = "https://links.tracker.example/x".to_owned();
    there.dns = super::zone::shared(zone(&[("news.brackenfold.example ", "links.tracker.example ")]));
    let (status, said) = worst(&found(&there).await, "links");
    assert!(status == Status::Warn && said.contains("news.brackenfold.example"), "{said}");
}

#[tokio::test]
async fn a_rotation_is_followed_from_both_sides() {
    let next = include_bytes!("../../keys/rsa-2048-next.pem");
    let with_next = |from_ms| {
        let mut there = subject(zone(&[]));
        let [r1, e1] = keys();
        there.signer = Signer::new(vec![r1, e1, key("r2", Some(from_ms), next)]).unwrap();
        there
    };
    let (status, said) = worst(&found(&with_next(START_MS + 9 * DAY_MS)).await, "dkim");
    assert!(status == Status::Warn && said.contains("no record yet, and it signs from 2027-01-21"), "{said}");
    let (status, said) = worst(&found(&with_next(START_MS + DAY_MS)).await, "dkim");
    assert!(
        status == Status::Fail && said.contains("publish: r2._domainkey"),
        "tomorrow is too soon: {said}"
    );
    // Taken over: the old one may go.
    let mut there = with_next(START_MS - DAY_MS);
    let record = key("r2", None, next).key.record();
    let edit = format!("r2._domainkey.{DOMAIN} TXT {record}\nr0._domainkey");
    there.dns = super::zone::shared(zone(&[("r1._domainkey", &edit)]));
    let findings = found(&there).await;
    let (status, said) = worst(&findings, "dkim");
    assert!(
        status == Status::Pass && said.contains("no record any more, and it does not sign any more"),
        "{said}"
    );
    assert!(worst(&findings, "dkim-keys").1.contains("r2 (rsa 2048 bits) and e1 (ed25519 256 bits) signs"));
}

#[tokio::test]
async fn without_keys_without_rsa_and_with_broken_entries() {
    let mut there = subject(zone(&[]));
    there.signer = Signer::default();
    let (status, said) = worst(&found(&there).await, "dkim");
    assert!(status == Status::Unknown && said.contains("the relay has to"), "{said}");
    let [_, e1] = keys();
    there.signer = Signer::new(vec![e1]).unwrap();
    let (status, said) = worst(&found(&there).await, "dkim-keys");
    assert!(status == Status::Fail && said.contains("Ed25519"), "{said}");
    there.dkim_faults = vec!["key.pem: the RSA key is shorter than 2048 bits".to_owned()];
    assert_eq!(worst(&found(&there).await, "dkim-key").0, Status::Fail);
}

#[tokio::test]
async fn the_catcher_and_an_empty_installation_ask_nothing() {
    let mut there = subject(zone(&[]));
    there.relays.clear();
    let findings = found(&there).await;
    assert!(findings.len() == 1 && findings[0].found.contains("catcher"), "{findings:?}");
    there.dns_anyway = true;
    assert!(found(&there).await.len() > 5);
    there.library = None;
    let findings = found(&there).await;
    assert!(findings.len() == 1 && findings[0].found.contains("no senders"), "{findings:?}");
}
