//! DMARC records and the tree walk that finds them (RFC 9989, which replaced RFC 7489 and its list of public suffixes).

use super::dkim::{tag, tags};

/// Labels from which the walk jumps (RFC 9989 section 4.10).
const LABELS_MAX: usize = 8;
/// Tags that RFC 9989 took out; receivers ignore them.
const REMOVED: [&str; 3] = ["pct", "rf", "ri"];

/// What receivers shall do with mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    None,
    /// Treat as suspect.
    Quarantine,
    /// Refuse.
    Reject,
}

impl Policy {
    /// The value of `p=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject]
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
    }
}

/// Whether the domain is one below which registrations happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Psd {
    /// `psd=y`
    Yes,
    /// `psd=n`
    No,
    /// Not said.
    Unsaid,
}

/// A DMARC record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcRecord {
    /// `p=`
    pub policy: Policy,
    /// `sp=`, for domains below.
    pub below: Option<Policy>,
    /// `adkim=s`
    pub strict_dkim: bool,
    /// `aspf=s`
    pub strict_spf: bool,
    /// Addresses of `rua=mailto:…`.
    pub reports_to: Vec<String>,
    /// `t=y`: receivers go one step milder.
    pub testing: bool,
    /// `psd=`
    pub psd: Psd,
    /// Removed tags that it still carries.
    pub removed: Vec<&'static str>,
    /// Every tag as it is written, in its order.
    tags: Vec<(String, String)>,
}

impl DmarcRecord {
    /// Whether a TXT record is one at all.
    pub fn is_one(text: &str) -> bool {
        let rest = text.strip_prefix("v=DMARC1").or_else(|| text.strip_prefix("v = DMARC1"));
        rest.is_some_and(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with(';'))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Why receivers take it for none.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !Self::is_one(text) {
            return Err("it does not begin with v=DMARC1".to_owned());
        }
        let tags = tags(text)?;
        let policy_of = |name: &str| -> Result<Option<Policy>, String> {
            tag(&tags, name)
                .map(|text| {
                    Policy::parse(text)
                        .ok_or_else(|| format!("{name}={text} is not none, quarantine or reject"))
                })
                .transpose()
        };
        let is =
            |name: &str, value: &str| tag(&tags, name).is_some_and(|text| text.eq_ignore_ascii_case(value));
        let reports = tag(&tags, "rua").unwrap_or_default().split(',').filter_map(|uri| {
            let uri = uri.trim();
            let address =
                uri.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).map(|_| &uri[7..])?;
            // An old form allowed a size behind an exclamation mark.
            Some(address.split('!').next().unwrap_or(address).to_owned())
        });
        Ok(Self {
            // RFC 9989 section 4.7: without a policy it is `none`.
            policy: policy_of("p")?.unwrap_or(Policy::None),
            below: policy_of("sp")?,
            strict_dkim: is("adkim", "s"),
            strict_spf: is("aspf", "s"),
            reports_to: reports.collect(),
            testing: is("t", "y"),
            psd: if is("psd", "y") {
                Psd::Yes
            } else if is("psd", "n") {
                Psd::No
            } else {
                Psd::Unsaid
            },
            removed: REMOVED.into_iter().filter(|name| tag(&tags, name).is_some()).collect(),
            tags,
        })
    }

    /// The record to publish instead: `changes` sets a tag, or takes it out where there is no value. Removed tags go, and
    /// everything else stays as it is.
    pub fn rewritten(&self, changes: &[(&str, Option<&str>)]) -> String {
        let mut tags: Vec<(&str, &str)> = self
            .tags
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !REMOVED.contains(name))
            .collect();
        for (name, value) in changes {
            let at = tags.iter().position(|(other, _)| other == name);
            match (at, value) {
                (Some(at), Some(value)) => tags[at].1 = value,
                (Some(at), None) => drop(tags.remove(at)),
                (None, Some(value)) => tags.push((name, value)),
                (None, None) => {}
            }
        }
        tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

/// The domains to ask for a record at `_dmarc.`, from `domain` up, at most eight (RFC 9989 section 4.10).
pub fn tree_walk(domain: &str) -> Vec<String> {
    let labels: Vec<&str> = domain.split('.').collect();
    let mut names = vec![domain.to_owned()];
    let first = if labels.len() > LABELS_MAX { labels.len() - (LABELS_MAX - 1) } else { 1 };
    names.extend((first..labels.len()).map(|at| labels[at..].join(".")));
    names
}

/// The organisation's domain over `start`, from the records found on its walk, nearest first (RFC 9989 section
/// 4.10.2).
pub fn organisation(start: &str, found: &[(String, DmarcRecord)]) -> String {
    for (name, record) in found {
        match record.psd {
            Psd::No => return name.clone(),
            Psd::Yes if name != start => {
                let below = start.strip_suffix(name.as_str()).unwrap_or_default().trim_end_matches('.');
                let label = below.rsplit('.').next().unwrap_or_default();
                return format!("{label}.{name}");
            }
            _ => {}
        }
    }
    found.last().map_or_else(|| start.to_owned(), |(name, _)| name.clone())
}

/// Where a first record is best published, as far as a name tells: one label under what looks like a top, such as
/// `example` or `co.uk`.
pub fn organisation_guess(domain: &str) -> String {
    let labels: Vec<&str> = domain.split('.').collect();
    // Below countries' tops, short labels as a rule are tops too. Where they are not, a record a label lower does no harm.
    let looks_like_top = matches!(labels[..], [.., second, top] if top.len() == 2 && second.len() <= 3);
    labels[labels.len().saturating_sub(if looks_like_top { 3 } else { 2 })..].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read() {
        let record = DmarcRecord::parse(
            "v=DMARC1; p=Reject; sp=none; aspf=s; rua=mailto:a@x.example!10m, mailto:b@y.example; pct=50; t=y; psd=n",
        )
        .unwrap();
        assert_eq!((record.policy, record.below, record.psd), (Policy::Reject, Some(Policy::None), Psd::No));
        assert!(record.strict_spf && !record.strict_dkim && record.testing);
        assert_eq!(record.reports_to, ["a@x.example", "b@y.example"]);
        assert_eq!(record.removed, ["pct"]);
        assert_eq!(
            record.rewritten(&[("aspf", None), ("rua", Some("mailto:c@x.example")), ("np", Some("reject"))]),
            "v=DMARC1; p=Reject; sp=none; rua=mailto:c@x.example; t=y; psd=n; np=reject"
        );
        assert!(DmarcRecord::parse("v=DMARC1; p=all").unwrap_err().contains("p=all"));
        assert!(!DmarcRecord::is_one("v=DMARC10; p=none") && !DmarcRecord::is_one("p=none; v=DMARC1"));
    }

    #[test]
    fn the_walk_jumps_over_deep_names() {
        assert_eq!(tree_walk("a.b.example"), ["a.b.example", "b.example", "example"]);
        let deep = tree_walk("a.b.c.d.e.f.g.h.i.example");
        assert_eq!(deep[0], "a.b.c.d.e.f.g.h.i.example");
        assert_eq!(deep[1], "d.e.f.g.h.i.example", "seven labels");
        assert_eq!(deep.len(), 8);
    }

    #[test]
    fn a_guess_never_is_a_countrys_top() {
        for (domain, guess) in [
            ("news.partners.vendor.example", "vendor.example"),
            ("news.vendor.co.uk", "vendor.co.uk"),
            ("vendor.com.au", "vendor.com.au"),
            ("news.vendor.no", "vendor.no"),
            ("vendor.no", "vendor.no"),
            ("example", "example"),
        ] {
            assert_eq!(organisation_guess(domain), guess);
        }
    }

    #[test]
    fn the_organisation_is_where_the_records_say() {
        let at = |name: &str, text: &str| (name.to_owned(), DmarcRecord::parse(text).unwrap());
        let plain = "v=DMARC1; p=none";
        assert_eq!(organisation("a.b.x.example", &[]), "a.b.x.example");
        assert_eq!(
            organisation("a.b.x.example", &[at("b.x.example", plain), at("x.example", plain)]),
            "x.example"
        );
        assert_eq!(
            organisation("a.b.x.example", &[at("b.x.example", "v=DMARC1; psd=n"), at("x.example", plain)]),
            "b.x.example"
        );
        assert_eq!(organisation("a.b.x.example", &[at("example", "v=DMARC1; psd=y")]), "x.example");
        assert_eq!(organisation("example", &[at("example", "v=DMARC1; psd=y")]), "example");
    }
}
