//! DKIM: the records of all selectors against the private keys, and a sample that is signed and checked.

use std::collections::HashMap;

use super::{Finding, Group, Subject, days_until, sample};
use crate::{
    channel::dns::Kind,
    domain::{
        kernel::{clock::DAY_MS, clock::utc},
        sender::dkim::{DkimRecord, KeyType, txt_strings},
    },
    render::email::dkim::{DkimKey, verify},
};

/// A record must stand this long before its key signs: receivers remember for a day that there was none.
const BEFORE_MS: i64 = 2 * DAY_MS;

/// Entries of the configuration that cannot sign.
pub(super) fn faults(subject: &Subject) -> Vec<Finding> {
    let finding = |fault: &String| {
        Finding::new(Group::Sender, "dkim-key", "[[mail.dkim]]")
            .fail(fault.clone(), "mend the entry; `serve` does not start with it")
    };
    subject.dkim_faults.iter().map(finding).collect()
}

/// Signing for a From on `domain`.
pub(super) async fn check(subject: &Subject, domain: &str) -> Vec<Finding> {
    if subject.signer.is_empty() {
        if !subject.dkim_faults.is_empty() {
            return Vec::new();
        }
        return vec![Finding::new(Group::Sender, "dkim", domain).unknown(
            "partnercast does not sign, so the relay has to",
            format!(
                "let the relay sign with d={domain} and see a mail of `doctor --send-test` for its DKIM-Signature; or \
                 list keys under [[mail.dkim]]"
            ),
        )];
    }
    let active = subject.signer.active(domain, subject.now_ms);
    let mut findings = Vec::new();
    let mut published = HashMap::new();
    let above = |key: &&DkimKey| {
        domain == key.domain
            || domain.strip_suffix(key.domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    for key in subject.signer.keys().iter().filter(above) {
        let signs = active.iter().any(|other| other.selector == key.selector && other.domain == key.domain);
        let (finding, record) = key_record(subject, key, signs).await;
        findings.push(finding);
        if let Some(record) = record {
            published.insert((key.selector.clone(), key.domain.clone()), record);
        }
    }
    findings.push(kinds(domain, &active));
    if !active.is_empty() {
        findings.push(self_test(subject, domain, &published));
    }
    findings
}

fn kinds(domain: &str, active: &[&DkimKey]) -> Finding {
    let finding = Finding::new(Group::Sender, "dkim-keys", domain);
    let list: Vec<String> = active
        .iter()
        .map(|key| format!("{} ({} {} bits)", key.selector, key.key.key_type().as_str(), key.key.bits()))
        .collect();
    if active.is_empty() {
        finding.fail(
            "no key signs for this domain now",
            format!("list a key with domain = \"{domain}\" under [[mail.dkim]], or make its `from` earlier"),
        )
    } else if active.iter().all(|key| key.key.key_type() == KeyType::Ed25519) {
        finding.fail(
            format!("only {} signs, and big mailbox providers do not check Ed25519", list.join(", ")),
            "add an RSA key: `openssl genrsa -out dkim.pem 2048`",
        )
    } else {
        finding.pass(format!("{} signs", list.join(" and ")))
    }
}

/// The published half of one key. Also gives the record to check signatures with, if there is one.
async fn key_record(subject: &Subject, key: &DkimKey, signs: bool) -> (Finding, Option<DkimRecord>) {
    let name = key.record_name();
    let finding = Finding::new(Group::Sender, "dkim", name.clone());
    let publish = format!("publish: {name}. TXT {}", txt_strings(&key.key.record()));
    let texts = match subject.dns.ask(&name, Kind::Txt).await {
        Ok(texts) => texts,
        // The self-test can still go by the key itself.
        Err(why) => return (finding.unanswered(&why), DkimRecord::parse(&key.key.record()).ok()),
    };
    let from_ms = key.from_ms.unwrap_or(i64::MIN);
    let when = if signs {
        "it signs now".to_owned()
    } else if from_ms > subject.now_ms {
        format!("it signs from {}", utc(from_ms).format("%Y-%m-%d %H:%M UTC"))
    } else {
        "it does not sign any more".to_owned()
    };
    let text = match &texts[..] {
        [text] => text,
        [] if signs => return (finding.fail(format!("there is no record, and {when}"), publish), None),
        [] if from_ms > subject.now_ms => {
            let found = format!("there is no record yet, and {when}");
            let soon = from_ms - subject.now_ms < BEFORE_MS;
            return (if soon { finding.fail(found, publish) } else { finding.warn(found, publish) }, None);
        }
        [] => return (finding.pass(format!("there is no record any more, and {when}")), None),
        several => {
            let found =
                format!("there are {} TXT records, so receivers may take the wrong one", several.len());
            return (finding.fail(found, format!("keep only one; {publish}")), None);
        }
    };
    let record = match DkimRecord::parse(text) {
        Ok(record) => record,
        Err(why) => return (finding.fail(format!("receivers cannot use the record: {why}"), publish), None),
    };
    let wrong = if record.key.is_empty() {
        Some("the record says that the key was withdrawn (empty p=)")
    } else if !key.key.matches(&record) {
        Some("the record holds another key than the key file, so every signature fails")
    } else if record.refuses_sha256 || record.refuses_email {
        Some("its h= or s= rules our signatures out")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return (finding.fail(format!("{wrong}; {when}"), publish), None);
    }
    let finding = if record.testing {
        finding.warn("t=y says that this is only a test, so receivers may pass over the signature", publish)
    } else {
        finding.pass(format!("the record matches the key file, {} bits; {when}", key.key.bits()))
    };
    (finding, Some(record))
}

/// A sample is signed and checked with the records that DNS has.
fn self_test(subject: &Subject, domain: &str, published: &HashMap<(String, String), DkimRecord>) -> Finding {
    let finding = Finding::new(Group::Sender, "dkim-self-test", domain);
    let senders = subject.senders();
    let sender = senders.iter().find(|(_, sender)| sender.email.domain() == domain);
    let signed = sender.ok_or_else(|| "no sender has this domain".to_owned()).and_then(|(_, sender)| {
        sample::message(subject, sender, sender.email.as_str()).map_err(|e| e.detail())
    });
    let message = match signed {
        Ok(message) => message,
        Err(why) => {
            return finding
                .fail(format!("a sample cannot be signed: {why}"), "this is a fault of partnercast");
        }
    };
    let checked = verify(&message, |selector, domain| {
        published.get(&(selector.to_owned(), domain.to_owned())).cloned()
    });
    let covers = |name: &str| checked.iter().all(|one| one.signed.iter().any(|signed| signed == name));
    let broken: Vec<String> = checked
        .iter()
        .filter_map(|one| one.result.as_ref().err().map(|why| format!("{}: {why}", one.selector)))
        .collect();
    if !broken.is_empty() {
        finding.fail(
            format!("a receiver would find a signature bad: {}", broken.join("; ")),
            "publish the records above, then ask again",
        )
    } else if covers("list-unsubscribe") && covers("list-unsubscribe-post") {
        finding.pass(format!("{} of a sample hold, one-click headers included", plural(checked.len())))
    } else {
        finding.fail("the one-click headers are not signed", "this is a fault of partnercast")
    }
}

fn plural(signatures: usize) -> String {
    format!("{signatures} signature{}", if signatures == 1 { "" } else { "s" })
}

/// How old a key file may become before it is told about, in days.
pub(super) const KEY_DAYS_MAX: i64 = 365;

/// Whether a file changed at `changed_ms` is older than a key should be.
pub(super) fn is_old(changed_ms: i64, now_ms: i64) -> bool {
    days_until(now_ms, changed_ms) > KEY_DAYS_MAX
}
