//! DMARC by tree walk (RFC 9989). What must fit the From domain is [`alignment`]'s.

use super::{
    Finding, Group, Subject,
    alignment::{self, From},
};
use crate::{
    channel::dns::{Dns, Kind},
    domain::sender::dmarc::{self, DmarcRecord, Policy, organisation_guess, tree_walk},
};

/// What a walk found: valid records, nearest first, and faults.
pub(super) struct Walk {
    pub(super) found: Vec<(String, DmarcRecord)>,
    faults: Vec<String>,
}

/// Walks up from `domain`.
///
/// # Errors
/// Why DNS could not be asked.
pub(super) async fn walk(dns: &dyn Dns, domain: &str) -> Result<Walk, String> {
    let mut walk = Walk { found: Vec::new(), faults: Vec::new() };
    for name in tree_walk(domain) {
        let texts = dns.ask(&format!("_dmarc.{name}"), Kind::Txt).await?;
        let records: Vec<&String> = texts.iter().filter(|text| DmarcRecord::is_one(text)).collect();
        match records[..] {
            [] if texts.is_empty() => {}
            [] => walk.faults.push(format!("_dmarc.{name} holds no record that begins with v=DMARC1")),
            [one] => match DmarcRecord::parse(one) {
                Ok(record) => walk.found.push((name, record)),
                Err(why) => walk.faults.push(format!("_dmarc.{name}: {why}")),
            },
            _ => walk
                .faults
                .push(format!("_dmarc.{name} holds {} records, so receivers use none", records.len())),
        }
    }
    Ok(walk)
}

/// DMARC and alignment for a From on `domain`.
pub(super) async fn check(subject: &Subject, domain: &str) -> Vec<Finding> {
    let finding = Finding::new(Group::Sender, "dmarc", domain);
    let walk = match walk(&*subject.dns, domain).await {
        Ok(walk) => walk,
        Err(why) => return vec![finding.unanswered(&why)],
    };
    let organisation = dmarc::organisation(domain, &walk.found);
    let own = walk.found.iter().find(|(name, _)| name == domain);
    let applying = own.or_else(|| walk.found.iter().find(|(name, _)| *name == organisation));
    let mut findings = Vec::new();
    match applying {
        None => {
            let why = if walk.faults.is_empty() {
                "there is no DMARC record".to_owned()
            } else {
                walk.faults.join("; ")
            };
            let at = if walk.faults.is_empty() { organisation_guess(domain) } else { domain.to_owned() };
            findings.push(finding.fail(
                why,
                format!(
                    "with an address that takes the reports, publish: _dmarc.{at}. TXT \"v=DMARC1; p=none; \
                     rua=mailto:dmarc-reports@{at}\""
                ),
            ));
        }
        Some((name, record)) => {
            findings.push(policy(finding, &walk, name, record, domain));
            findings.extend(reports(&*subject.dns, name, record).await);
        }
    }
    let from = From { domain, organisation: &organisation, applying };
    findings.extend(alignment::check(subject, &from).await);
    findings
}

fn policy(finding: Finding, walk: &Walk, name: &str, record: &DmarcRecord, domain: &str) -> Finding {
    let below = record.below.filter(|_| name != domain);
    let policy = below.unwrap_or(record.policy);
    let mut advice: Vec<String> = walk.faults.clone();
    if !record.removed.is_empty() {
        advice.push(format!("RFC 9989 took out {}=", record.removed.join("=, ")));
    }
    if record.reports_to.is_empty() {
        advice.push("without rua= nobody tells you what is rejected in your name".to_owned());
    }
    if record.testing {
        advice.push("t=y asks receivers to act one step milder".to_owned());
    }
    let found = format!("_dmarc.{name} applies, policy {}", policy.as_str());
    if advice.is_empty() {
        let more = if policy == Policy::None { "; once reports are clean, move to quarantine" } else { "" };
        finding.pass(format!("{found}{more}"))
    } else {
        finding.warn(format!("{found}: {}", advice.join("; ")), better(name, record, None))
    }
}

/// What to publish instead of `record` at `name`, also without the tag `without`: the same from whichever finding it is
/// taken.
pub(super) fn better(name: &str, record: &DmarcRecord, without: Option<&str>) -> String {
    let rua = format!("mailto:dmarc-reports@{name}");
    let mut changes = vec![("t", None)];
    if record.reports_to.is_empty() {
        changes.push(("rua", Some(rua.as_str())));
    }
    changes.extend(without.map(|tag| (tag, None)));
    format!("publish: _dmarc.{name}. TXT \"{}\"", record.rewritten(&changes))
}

/// Reports to somewhere else need that place's consent (RFC 9990 section 4).
async fn reports(dns: &dyn Dns, name: &str, record: &DmarcRecord) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in &record.reports_to {
        let Some((_, place)) = address.rsplit_once('@') else { continue };
        let place = place.to_lowercase();
        let inside = |inner: &str, outer: &str| {
            inner == outer || inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'))
        };
        if inside(&place, name) || inside(name, &place) {
            continue;
        }
        let consent = format!("{name}._report._dmarc.{place}");
        let finding = Finding::new(Group::Sender, "dmarc-reports", address.clone());
        findings.push(match dns.ask(&consent, Kind::Txt).await {
            Ok(texts) if texts.iter().any(|text| DmarcRecord::is_one(text)) => {
                finding.pass(format!("{place} takes reports about {name}"))
            }
            Ok(_) => finding.warn(
                format!("{place} does not say that it takes reports about {name}, so none are sent"),
                format!("let them publish: {consent}. TXT \"v=DMARC1\"; or use an address under {name}"),
            ),
            Err(why) => finding.unanswered(&why),
        });
    }
    findings
}
