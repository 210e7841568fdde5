//! SPF of the return path (RFC 7208): one record, within its limits, and the relay in it.

use std::{future::Future, net::IpAddr, pin::Pin};

use super::{Finding, Group, Subject};
use crate::{
    channel::dns::{Dns, Kind},
    domain::sender::{
        dkim::txt_strings,
        spf::{LOOKUPS_MAX, Mechanism, SpfRecord, VOID_LOOKUPS_MAX, Verdict, contains, mended},
    },
};

/// Most lookups of a walk; a record over the limit of 10 is faulty anyway.
const WALK_MAX: usize = 30;

/// What an address is compared with.
enum Matcher {
    All,
    Network(IpAddr, u8),
    /// A macro, `exists` or `ptr`: nobody can say beforehand.
    Anything,
}

/// A walk over a record and all it refers to, as the worst case has it.
struct Walk<'a> {
    dns: &'a dyn Dns,
    lookups: usize,
    voids: usize,
    faults: Vec<String>,
    advice: Vec<String>,
    /// Why DNS could not be asked.
    silent: Option<String>,
}

/// From where the relays send to the world.
pub(super) struct Places {
    /// What each is called, and its addresses.
    pub(super) places: Vec<(String, Vec<IpAddr>)>,
    /// The operator says so; else it is taken from where the relays take mail.
    pub(super) is_certain: bool,
}

impl Places {
    /// What stands before a record that is only as good as what is known of the relays.
    pub(super) fn doubt(&self) -> &'static str {
        if self.is_certain {
            ""
        } else if self.places.is_empty() {
            "with your relay's own include:… or ip4:… in place of include:_spf.your-relay.example, "
        } else {
            "unless your relay names other addresses or an include:… for it, "
        }
    }
}

type Matches<'a> = Pin<Box<dyn Future<Output = Vec<(Verdict, Matcher)>> + Send + 'a>>;

/// SPF at `domain`, which is the return path's.
pub(super) async fn check(subject: &Subject, domain: &str) -> Finding {
    let finding = Finding::new(Group::Sender, "spf", domain);
    let relays = places(subject).await;
    let texts = match subject.dns.ask(domain, Kind::Txt).await {
        Ok(texts) => texts,
        Err(why) => return finding.unanswered(&why),
    };
    let records: Vec<&String> = texts.iter().filter(|text| SpfRecord::is_one(text)).collect();
    let record = match records[..] {
        [] => {
            let record = fresh(&relays);
            return finding
                .fail("there is no SPF record", format!("{}{}", relays.doubt(), publish(domain, &record)));
        }
        [one] => one,
        _ => {
            return finding.fail(
                format!(
                    "there are {} SPF records, so receivers use none: {}",
                    records.len(),
                    quoted(&records)
                ),
                format!("remove all but one TXT record that begins with v=spf1 at {domain}."),
            );
        }
    };
    let mut walk = Walk {
        dns: &*subject.dns,
        lookups: 0,
        voids: 0,
        faults: Vec::new(),
        advice: Vec::new(),
        silent: None,
    };
    let matches = walk.record(domain.to_owned(), record.clone()).await;
    if let Some(why) = &walk.silent {
        return finding.unanswered(why);
    }
    judged(finding, domain, record, &walk, &matches, &relays)
}

fn judged(
    finding: Finding,
    domain: &str,
    record: &str,
    walk: &Walk<'_>,
    matches: &[(Verdict, Matcher)],
    relays: &Places,
) -> Finding {
    let mut faults = walk.faults.clone();
    if walk.lookups > LOOKUPS_MAX {
        faults.push(format!("it costs {} lookups and receivers stop at {LOOKUPS_MAX}", walk.lookups));
    }
    if walk.voids > VOID_LOOKUPS_MAX {
        faults.push(format!(
            "{} of its names do not exist and receivers stop at {VOID_LOOKUPS_MAX}",
            walk.voids
        ));
    }
    let end =
        matches.iter().find(|(_, matcher)| matches!(matcher, Matcher::All)).map(|(verdict, _)| *verdict);
    if !faults.is_empty() {
        return finding.fail(
            format!("`{record}`: {}", faults.join("; ")),
            "mend the record: take out includes you no longer use, give networks as ip4: and ip6:, and end with ~all or -all",
        );
    }
    if end == Some(Verdict::Pass) {
        let found = format!("`{record}`: +all lets everybody send in your name");
        return finding.fail(found, publish(domain, &mended(record, &[])));
    }
    if let Some(finding) = left_out(finding.clone(), domain, record, matches, relays) {
        return finding;
    }
    let mut advice = walk.advice.clone();
    if !matches!(end, Some(Verdict::Fail | Verdict::SoftFail)) {
        advice.push("it does not end with ~all or -all, so it says nothing about other senders".to_owned());
    }
    let summary = format!("`{record}`, {} of {LOOKUPS_MAX} lookups", walk.lookups);
    if advice.is_empty() {
        finding.pass(summary)
    } else {
        finding.warn(format!("{summary}: {}", advice.join("; ")), publish(domain, &mended(record, &[])))
    }
}

/// What to say when the record does not let a relay send.
fn left_out(
    finding: Finding,
    domain: &str,
    record: &str,
    matches: &[(Verdict, Matcher)],
    relays: &Places,
) -> Option<Finding> {
    let left_out: Vec<&(String, Vec<IpAddr>)> =
        relays.places.iter().filter(|(_, ips)| !ips.iter().any(|ip| allows(matches, *ip))).collect();
    if left_out.is_empty() {
        return None;
    }
    let names = left_out.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let ips: Vec<IpAddr> = left_out.iter().flat_map(|(_, ips)| ips).copied().collect();
    let publish = publish(domain, &mended(record, &ips));
    Some(if relays.is_certain {
        finding
            .fail(format!("`{record}` does not let {names} send, and your relay sends from there"), publish)
    } else {
        finding.warn(
            format!("`{record}` does not name the relay {names}"),
            format!(
                "if it sends from other addresses than those it takes mail at, write them under [doctor] as relay_addresses \
                 and ask again; else {publish}"
            ),
        )
    })
}

impl Walk<'_> {
    fn record(&mut self, domain: String, text: String) -> Matches<'_> {
        Box::pin(async move {
            let record = match SpfRecord::parse(&text) {
                Ok(record) => record,
                Err(why) => {
                    self.faults.push(format!("at {domain} {why}"));
                    return Vec::new();
                }
            };
            let mut matches = Vec::new();
            for (verdict, mechanism) in record.terms {
                if mechanism.is_lookup() {
                    self.lookups += 1;
                    if self.lookups > WALK_MAX {
                        return matches;
                    }
                }
                match mechanism {
                    Mechanism::All => matches.push((verdict, Matcher::All)),
                    Mechanism::Network(ip, prefix) => matches.push((verdict, Matcher::Network(ip, prefix))),
                    Mechanism::Include(other) => {
                        let inner = self.other(&other, "include").await;
                        let passing = inner.into_iter().filter(|(inner, _)| *inner == Verdict::Pass);
                        matches.extend(passing.map(|(_, matcher)| (verdict, matcher)));
                    }
                    Mechanism::A(other, v4, v6) => {
                        let name = other.unwrap_or_else(|| domain.clone());
                        let found = self.addresses(&name, v4, v6).await;
                        matches.extend(found.into_iter().map(|matcher| (verdict, matcher)));
                    }
                    Mechanism::Mx(other, v4, v6) => {
                        let name = other.unwrap_or_else(|| domain.clone());
                        let servers = self.ask(&name, Kind::Mx).await;
                        self.voids += usize::from(servers.is_empty());
                        for server in servers.iter().filter_map(|server| server.split_once(' ')).take(10) {
                            let found = self.addresses(server.1, v4, v6).await;
                            matches.extend(found.into_iter().map(|matcher| (verdict, matcher)));
                        }
                    }
                    Mechanism::Exists(_) => matches.push((verdict, Matcher::Anything)),
                    Mechanism::Ptr => {
                        self.advice.push("ptr is slow and some receivers pass over it".to_owned());
                        matches.push((verdict, Matcher::Anything));
                    }
                }
            }
            if let Some(other) = record.redirect
                && !matches.iter().any(|(_, matcher)| matches!(matcher, Matcher::All))
            {
                self.lookups += 1;
                matches.extend(self.other(&other, "redirect").await);
            }
            matches
        })
    }

    /// The matches of another domain's record.
    async fn other(&mut self, domain: &str, word: &str) -> Vec<(Verdict, Matcher)> {
        if domain.contains('%') {
            return vec![(Verdict::Pass, Matcher::Anything)];
        }
        let texts = self.ask(domain, Kind::Txt).await;
        self.voids += usize::from(texts.is_empty());
        let mut records = texts.into_iter().filter(|text| SpfRecord::is_one(text));
        match (records.next(), records.next()) {
            (Some(record), None) => self.record(domain.to_owned(), record).await,
            (Some(_), Some(_)) => {
                self.faults.push(format!("{word} of {domain}, which has several SPF records"));
                Vec::new()
            }
            (None, _) => {
                self.faults.push(format!("{word} of {domain}, which has no SPF record"));
                Vec::new()
            }
        }
    }

    async fn addresses(&mut self, name: &str, v4: u8, v6: u8) -> Vec<Matcher> {
        if name.contains('%') {
            return vec![Matcher::Anything];
        }
        let mut found = self.ask(name, Kind::A).await;
        found.extend(self.ask(name, Kind::Aaaa).await);
        self.voids += usize::from(found.is_empty());
        let parsed = found.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        parsed.map(|ip| Matcher::Network(ip, if ip.is_ipv4() { v4 } else { v6 })).collect()
    }

    async fn ask(&mut self, name: &str, kind: Kind) -> Vec<String> {
        match self.dns.ask(name, kind).await {
            Ok(found) => found,
            Err(why) => {
                self.silent = Some(why);
                Vec::new()
            }
        }
    }
}

/// The verdict for `ip` is a pass, as far as can be said.
fn allows(matches: &[(Verdict, Matcher)], ip: IpAddr) -> bool {
    let hit = matches.iter().find(|(_, matcher)| match matcher {
        Matcher::All | Matcher::Anything => true,
        Matcher::Network(base, prefix) => contains(*base, *prefix, ip),
    });
    hit.is_some_and(|(verdict, _)| *verdict == Verdict::Pass)
}

/// From where each relay sends: as the operator says, or else where it takes mail. A relay on this machine sends from
/// wherever this machine does, which is not known.
pub(super) async fn places(subject: &Subject) -> Places {
    if !subject.relay_addresses.is_empty() {
        let places = subject.relay_addresses.iter().map(|ip| (ip.to_string(), vec![*ip])).collect();
        return Places { places, is_certain: true };
    }
    let mut places = Vec::new();
    for relay in &subject.relays {
        let mut ips: Vec<IpAddr> = relay.host.parse().into_iter().collect();
        if ips.is_empty() {
            for kind in [Kind::A, Kind::Aaaa] {
                let answers = subject.dns.ask(&relay.host, kind).await.unwrap_or_default();
                ips.extend(answers.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
            }
        }
        if !ips.is_empty() && !ips.iter().any(IpAddr::is_loopback) {
            places.push((relay.host.clone(), ips));
        }
    }
    Places { places, is_certain: false }
}

/// A first record, which lets the relays send.
pub(super) fn fresh(relays: &Places) -> String {
    let ips: Vec<IpAddr> = relays.places.iter().flat_map(|(_, ips)| ips).copied().collect();
    if ips.is_empty() {
        "v=spf1 include:_spf.your-relay.example ~all".to_owned()
    } else {
        mended("v=spf1", &ips)
    }
}

fn publish(domain: &str, record: &str) -> String {
    format!("publish: {domain}. TXT {}", txt_strings(record))
}

fn quoted(records: &[&String]) -> String {
    records.iter().map(|record| format!("`{record}`")).collect::<Vec<_>>().join(", ")
}
