//! Whose machine a request names or comes from: our own list (`scanners.toml`), and the vendor's rules before it.

use std::sync::LazyLock;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::{
    content::rules::{
        EngagementRules,
        engagement::{AgentMark, NetworkMark, Thresholds, kept_network},
    },
    kernel::Network,
};

/// Our own list.
const BUILT_IN: &str = include_str!("scanners.toml");
/// Raised when [`super::judge`] itself judges differently, so that what is stored is judged anew.
const JUDGE_VERSION: u32 = 1;
/// Longest part of a user agent that is looked at, in bytes.
const AGENT_BYTES_MAX: usize = 1_024;

/// What machines are known by: the rules in force.
#[derive(Debug, Clone)]
pub struct Machines {
    rules: EngagementRules,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: Vec<Agent>,
    network: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    contains: String,
    whose: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    cidr: String,
    whose: String,
}

struct Ours {
    agents: Vec<AgentMark>,
    networks: Vec<NetworkMark>,
}

static OURS: LazyLock<Ours> = LazyLock::new(|| {
    let file: File = toml::from_str(BUILT_IN).expect("our own list can be read; a test says so");
    let agents = file.agent.into_iter();
    let agents = agents.map(|it| AgentMark { contains: it.contains, whose: it.whose, machine: true });
    let networks = file.network.into_iter().map(|it| NetworkMark {
        network: kept_network(&it.cidr).expect("our own networks are kept ones; a test says so"),
        whose: it.whose,
        machine: true,
    });
    Ours { agents: agents.collect(), networks: networks.collect() }
});

impl Default for Machines {
    fn default() -> Self {
        Self::new(&EngagementRules::default())
    }
}

impl Machines {
    /// Our own list behind the vendor's `rules`.
    pub fn new(rules: &EngagementRules) -> Self {
        let digest = Sha256::digest(format!("{JUDGE_VERSION}\n{BUILT_IN}\n{rules:?}"));
        let version = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { rules: rules.clone(), version }
    }

    /// 16 hex digits that differ when anything may be judged differently.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How fast is too fast.
    pub fn thresholds(&self) -> Thresholds {
        self.rules.thresholds
    }

    /// Whose scanner a user agent names, where it does.
    pub fn scanner(&self, user_agent: &str) -> Option<&str> {
        let end = user_agent.floor_char_boundary(AGENT_BYTES_MAX.min(user_agent.len()));
        let agent = user_agent[..end].to_lowercase();
        let mut marks = self.rules.agents.iter().chain(&OURS.agents);
        let found = marks.find(|mark| agent.contains(&mark.contains))?;
        found.machine.then_some(found.whose.as_str())
    }

    /// Whose machines are in the network that is kept of an address, where only machines are there.
    pub fn place(&self, network: &str) -> Option<&str> {
        let kept = Network::parse(network).ok()?;
        let mut marks = self.rules.networks.iter().chain(&OURS.networks);
        let found = marks.find(|mark| mark.network.covers(&kept))?;
        found.machine.then_some(found.whose.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_list_can_be_read_and_browsers_are_not_in_it() {
        let machines = Machines::default();
        for agent in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        ] {
            assert_eq!(machines.scanner(agent), None, "{agent}");
        }
        assert_eq!(machines.scanner("Mozilla/5.0 BarracudaCentral"), Some("Barracuda link protection"));
        assert!(OURS.agents.iter().all(|mark| mark.contains == mark.contains.to_lowercase()));
        assert_eq!(machines.scanner(&"é".repeat(10_000)), None, "cut between characters");
    }

    #[test]
    fn a_network_is_found_by_what_is_kept_of_it() {
        let machines = Machines::default();
        assert_eq!(machines.place("40.107.3.0/24"), Some("Microsoft's mail protection"));
        assert_eq!(machines.place("2001:4860:4801::/48"), Some("Google's crawlers"));
        for other in ["203.0.113.0/24", "2001:db8:1::/48", "", "nonsense"] {
            assert_eq!(machines.place(other), None, "{other}");
        }
    }

    #[test]
    fn the_vendor_adds_and_takes_back() {
        let mark = |cidr: &str, machine| NetworkMark {
            network: Network::parse(cidr).unwrap(),
            whose: "ours".into(),
            machine,
        };
        let rules = EngagementRules {
            agents: vec![AgentMark { contains: "curl/".into(), whose: "our people".into(), machine: false }],
            networks: vec![mark("203.0.112.0/20", true), mark("40.107.0.0/16", false)],
            ..EngagementRules::default()
        };
        let machines = Machines::new(&rules);
        assert_eq!(machines.scanner("curl/8.1"), None);
        assert_eq!(machines.scanner("Wget/1.2"), Some("wget"));
        assert_eq!(machines.place("203.0.113.0/24"), Some("ours"));
        assert_eq!(machines.place("40.107.3.0/24"), None);
        assert_ne!(machines.version(), Machines::default().version());
        assert_eq!(machines.version(), Machines::new(&rules).version());
    }
}
