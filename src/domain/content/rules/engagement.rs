//! engagement.toml: what the vendor knows about machines that we do not, and how fast is too fast for a person.

use super::{
    super::{
        finding::{Findings, codes},
        keys::{Found, Keys},
    },
    whole,
};
use crate::domain::kernel::Network;

/// Where it lies.
pub const ENGAGEMENT: &str = "rules/engagement.toml";
/// Most marks of each sort.
const MARKS_MAX: usize = 500;
/// Least length of a part of a user agent, in characters: shorter ones are in every browser's.
const AGENT_CHARS_MIN: usize = 3;
/// Its most.
const AGENT_CHARS_MAX: usize = 80;
/// Longest words for whose a machine is, in characters.
const WHOSE_CHARS_MAX: usize = 80;
/// Longest span of any threshold, in milliseconds.
const SPAN_MS_MAX: u32 = 600_000;

/// From when on a request is too fast for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Sooner after the next hop accepted the message it is a machine, in milliseconds.
    pub too_soon_ms: u32,
    /// So many different links of one message ..
    pub burst_links: u32,
    /// .. within so long are a machine's, in milliseconds.
    pub burst_ms: u32,
    /// Whoever follows the hidden link did everything around it, so long before and after, in milliseconds.
    pub honeypot_ms: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { too_soon_ms: 5_000, burst_links: 3, burst_ms: 2_000, honeypot_ms: 60_000 }
    }
}

/// A part of a user agent, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentMark {
    /// What it contains.
    pub contains: String,
    /// Whose it is.
    pub whose: String,
    /// Whether a machine has it; `false` takes back what we say of it.
    pub machine: bool,
}

/// A network, at most as narrow as what we keep of addresses: /24 or /48.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkMark {
    /// The network.
    pub network: Network,
    /// Whose it is.
    pub whose: String,
    /// Whether only machines are there; `false` takes back what we say of it.
    pub machine: bool,
}

/// engagement.toml; a folder without one goes by ours alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngagementRules {
    /// How fast is too fast.
    pub thresholds: Thresholds,
    /// Looked at before ours, in their order.
    pub agents: Vec<AgentMark>,
    /// The same for networks.
    pub networks: Vec<NetworkMark>,
}

impl EngagementRules {
    pub(in crate::domain::content) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        keys.need("version", f).and_then(|v| v.count(1, f));
        let ours = Thresholds::default();
        let mut span = |key: &'static str, least: u32, otherwise: u32, f: &mut Findings<'_>| {
            keys.get(key).and_then(|v| whole(v, least, SPAN_MS_MAX, f)).unwrap_or(otherwise)
        };
        let thresholds = Thresholds {
            too_soon_ms: span("too_soon_ms", 0, ours.too_soon_ms, f),
            burst_ms: span("burst_ms", 100, ours.burst_ms, f),
            honeypot_ms: span("honeypot_ms", 1_000, ours.honeypot_ms, f),
            burst_links: keys.get("burst_links").and_then(|v| whole(v, 2, 50, f)).unwrap_or(ours.burst_links),
        };
        let agents = marks(&mut keys, "agent", agent, f);
        let networks = marks(&mut keys, "network", network, f);
        keys.finish(f);
        Self { thresholds, agents, networks }
    }
}

fn marks<T>(
    keys: &mut Keys,
    key: &'static str,
    read: fn(Found, &mut Findings<'_>) -> Option<T>,
    f: &mut Findings<'_>,
) -> Vec<T> {
    let Some(found) = keys.get(key) else { return Vec::new() };
    let place = found.place();
    let found = found.list(f);
    if found.len() > MARKS_MAX {
        let message = format!("there are {} of `{key}`", found.len());
        f.add(codes::BAD_VALUE, place, message, format!("keep the {MARKS_MAX} that are met"));
    }
    found.into_iter().take(MARKS_MAX).filter_map(|v| read(v, f)).collect()
}

fn whose(keys: &mut Keys, f: &mut Findings<'_>) -> (Option<String>, bool) {
    let whose = keys.need("whose", f).and_then(|v| v.line_of(WHOSE_CHARS_MAX, f));
    (whose, keys.get("machine").and_then(|v| v.flag(f)).unwrap_or(true))
}

fn agent(found: Found, f: &mut Findings<'_>) -> Option<AgentMark> {
    let mut keys = found.map(f)?;
    let place = keys.place();
    let contains = keys.need("contains", f).and_then(|v| v.line_of(AGENT_CHARS_MAX, f));
    let (whose, machine) = whose(&mut keys, f);
    keys.finish(f);
    let contains = contains?.to_lowercase();
    if contains.chars().count() < AGENT_CHARS_MIN {
        let fix = format!("write {AGENT_CHARS_MIN} characters or more that no browser sends");
        f.add(codes::BAD_VALUE, place, format!("`{contains}` is in too many user agents"), fix);
        return None;
    }
    Some(AgentMark { contains, whose: whose?, machine })
}

fn network(found: Found, f: &mut Findings<'_>) -> Option<NetworkMark> {
    let mut keys = found.map(f)?;
    let place = keys.place();
    let cidr = keys.need("cidr", f).and_then(|v| v.line(f));
    let (whose, machine) = whose(&mut keys, f);
    keys.finish(f);
    match kept_network(&cidr?) {
        Ok(network) => Some(NetworkMark { network, whose: whose?, machine }),
        Err((message, fix)) => {
            f.add(codes::BAD_VALUE, place, message, fix);
            None
        }
    }
}

/// Reads a network that what we keep of addresses can be found in.
///
/// # Errors
/// What is wrong, and how to mend it.
pub fn kept_network(text: &str) -> Result<Network, (String, String)> {
    let network = Network::parse(text).map_err(|error| {
        (error.public().to_owned(), "write it like 192.0.2.0/24 or 2001:db8::/32".to_owned())
    })?;
    if network.is_whole_within_kept() {
        return Ok(network);
    }
    let message = format!("`{text}` is narrower than what is kept of addresses");
    Err((message, "write a network of /24 or wider, for IPv6 /48 or wider".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn read(text: &str) -> (EngagementRules, Vec<String>) {
        let file = SourceFile { path: ENGAGEMENT.to_owned(), bytes: text.as_bytes().to_vec() };
        let (library, findings) = Library::build([file]);
        let said = findings.into_iter().filter(|finding| finding.file == ENGAGEMENT);
        (
            library.rules.engagement,
            said.map(|finding| format!("{} {}", finding.code, finding.message)).collect(),
        )
    }

    #[test]
    fn thresholds_and_marks_are_read_and_what_is_left_out_is_ours() {
        let (rules, said) = read(
            "version = 1\ntoo_soon_ms = 9000\n[[agent]]\ncontains = \"AcmeScan\"\nwhose = \"Acme\"\n\
             [[network]]\ncidr = \"2001:db8::/32\"\nwhose = \"a lab\"\nmachine = false\n",
        );
        assert_eq!(said, [] as [String; 0]);
        assert_eq!(rules.thresholds, Thresholds { too_soon_ms: 9_000, ..Thresholds::default() });
        assert_eq!((rules.agents[0].contains.as_str(), rules.agents[0].machine), ("acmescan", true));
        assert!(!rules.networks[0].machine);
    }

    #[test]
    fn every_fault_is_named_at_once_and_what_is_right_stands() {
        let (rules, said) = read(
            "version = 1\nburst_links = 1\nburst_ms = 5\nfast = 1\n[[agent]]\ncontains = \"m\"\nwhose = \"x\"\n\
             [[agent]]\nwhose = \"y\"\n[[network]]\ncidr = \"192.0.2.7\"\nwhose = \"z\"\n[[network]]\ncidr = \"10/8\"\nwhose = \"z\"\n\
             [[network]]\ncidr = \"10.0.0.0/8\"\nwhose = \"us\"\n",
        );
        for part in [
            "burst_links",
            "burst_ms",
            "`fast`",
            "too many user agents",
            "contains",
            "narrower",
            "`10/8` is no network",
        ] {
            assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:?}");
        }
        assert_eq!((said.len(), rules.networks.len(), rules.agents.len()), (7, 1, 0), "{said:?}");
        assert_eq!(rules.thresholds, Thresholds::default());
    }
}
