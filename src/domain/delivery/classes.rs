//! What a refusal means: rules from a data file, the operator's before ours, the first that matches.

use serde::Deserialize;

use super::{Outcome, Reply, Stage, Trouble};
use crate::domain::kernel::{Error, Result};

/// Our own rules.
const BUILT_IN: &str = include_str!("classes.toml");

/// The rules in force. Cheap to look through: some thirty rules, a few comparisons each.
#[derive(Debug, Clone)]
pub struct Classes(Vec<Rule>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// One rule; an empty list matches everything.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    class: Trouble,
    /// For people.
    #[serde(default)]
    about: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    statuses: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    stages: Vec<Stage>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    first_try: bool,
}

impl Default for Classes {
    fn default() -> Self {
        Self::with("").expect("the built-in rules can be read; a test says so")
    }
}

impl Classes {
    /// The rules of `operators` (TOML, may be empty) before our own.
    ///
    /// # Errors
    /// `Invalid` with every rule that cannot be read or can never match.
    pub fn with(operators: &str) -> Result<Self> {
        let mut rules = Vec::new();
        for text in [operators, BUILT_IN] {
            let file: File =
                toml::from_str(text).map_err(|error| Error::invalid(error.to_string().trim().to_owned()))?;
            rules.extend(file.rule);
        }
        let faults: Vec<String> =
            rules.iter().enumerate().flat_map(|(at, rule)| rule.faults(at + 1)).collect();
        if faults.is_empty() { Ok(Self(rules)) } else { Err(Error::invalid(faults.join("; "))) }
    }

    /// The class of `reply` at `stage` to a message for somebody at `domain`; `try_no` is 1 for the first try.
    pub fn classify(&self, stage: Stage, reply: &Reply, domain: &str, try_no: u32) -> Trouble {
        let text = reply.text.to_lowercase();
        let found = self.0.iter().find(|rule| rule.matches(stage, reply, &text, domain, try_no));
        found.map_or(Trouble::Protocol, |rule| rule.class)
    }

    /// `outcome` with its class by these rules: where the other side gave a reply, that decides.
    pub fn judge(&self, outcome: Outcome, domain: &str, try_no: u32) -> Outcome {
        match outcome {
            Outcome::Refused { stage, trouble, reply: Some(reply), detail }
                if trouble != Trouble::Content =>
            {
                let trouble =
                    if reply.code >= 400 { self.classify(stage, &reply, domain, try_no) } else { trouble };
                Outcome::Refused { stage, trouble, reply: Some(reply), detail }
            }
            other => other,
        }
    }
}

impl Rule {
    fn matches(&self, stage: Stage, reply: &Reply, text: &str, domain: &str, try_no: u32) -> bool {
        let status =
            reply.enhanced.as_deref().and_then(|status| status.split_once('.')).map_or("", |(_, rest)| rest);
        (!self.first_try || try_no <= 1)
            && among(&self.codes, |code| code_matches(code, reply.code))
            && among(&self.statuses, |wanted| status_matches(wanted, status))
            && among(&self.stages, |wanted| *wanted == stage)
            && among(&self.domains, |wanted| wanted.eq_ignore_ascii_case(domain))
            && among(&self.text, |wanted| text.contains(&wanted.to_lowercase()))
    }

    fn faults(&self, number: usize) -> Vec<String> {
        let about = if self.about.is_empty() { String::new() } else { format!(" ({})", self.about) };
        let fault = |what: String| format!("rule {number}{about}: {what}");
        let mut faults = Vec::new();
        for code in &self.codes {
            let is_class = matches!(code.as_str(), "4xx" | "5xx");
            if !is_class && !code.parse::<u16>().is_ok_and(|code| (400..600).contains(&code)) {
                faults.push(fault(format!("`{code}` is no refusal; write 400 to 599, `4xx` or `5xx`")));
            }
        }
        for status in self.statuses.iter().filter(|status| !status.is_empty()) {
            let parts: Vec<&str> = status.split('.').collect();
            let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if !(parts.len() == 2 && number(parts[0]) && (number(parts[1]) || parts[1] == "*")) {
                faults.push(fault(format!(
                    "`{status}` is no status; write `7.26` or `7.*`, without the class"
                )));
            }
        }
        faults
    }
}

fn among<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

fn code_matches(wanted: &str, code: u16) -> bool {
    match wanted {
        "4xx" => (400..500).contains(&code),
        "5xx" => (500..600).contains(&code),
        exact => exact.parse() == Ok(code),
    }
}

fn status_matches(wanted: &str, status: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(subject) => status.starts_with(subject),
        None => status == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_at(domain: &str, try_no: u32, stage: Stage, code: u16, enhanced: &str, text: &str) -> Trouble {
        let enhanced = (!enhanced.is_empty()).then(|| enhanced.to_owned());
        Classes::default().classify(stage, &Reply { code, enhanced, text: text.to_owned() }, domain, try_no)
    }

    #[test]
    fn replies_fall_into_their_classes() {
        let class = |stage, code, enhanced, text| class_at("example.com", 2, stage, code, enhanced, text);
        assert_eq!(class(Stage::Recipient, 550, "5.1.1", "no such user"), Trouble::BadAddress);
        assert_eq!(class(Stage::Recipient, 550, "", "unknown"), Trouble::BadAddress);
        assert_eq!(class(Stage::FinalDot, 550, "", "unknown"), Trouble::Policy);
        assert_eq!(class(Stage::Recipient, 450, "4.7.1", "greylisted"), Trouble::Soft);
        assert_eq!(class(Stage::Recipient, 451, "4.7.28", ""), Trouble::Throttle);
        assert_eq!(class(Stage::Hello, 535, "5.7.8", "bad password"), Trouble::OurSetup);
        assert_eq!(class(Stage::FinalDot, 550, "5.7.26", "unauthenticated"), Trouble::OurSetup);
        assert_eq!(class(Stage::FinalDot, 554, "5.7.1", "blocked"), Trouble::Policy);
        assert_eq!(class(Stage::FinalDot, 552, "5.3.4", "too big"), Trouble::Content);
        assert_eq!(class(Stage::Recipient, 552, "5.2.2", "full"), Trouble::Soft);
        assert_eq!(class(Stage::Greeting, 554, "", "go away"), Trouble::Host);
        assert_eq!(class(Stage::Mail, 503, "5.5.1", "bad sequence"), Trouble::Protocol);
        assert_eq!(class(Stage::Mail, 421, "", "closing"), Trouble::Host);
        assert_eq!(class(Stage::Mail, 452, "", "Too many connections"), Trouble::Throttle);
    }

    #[test]
    fn a_greylist_is_one_at_the_first_try_only() {
        for (try_no, class) in [(1, Trouble::Greylist), (2, Trouble::Soft)] {
            let seen = class_at("example.com", try_no, Stage::Recipient, 450, "4.7.1", "please come back");
            assert_eq!(seen, class, "try {try_no}");
        }
    }

    #[test]
    fn providers_have_ways_of_their_own_and_the_operator_comes_first() {
        let text = "[TSS04] Messages temporarily deferred";
        assert_eq!(class_at("yahoo.com", 1, Stage::Mail, 421, "", text), Trouble::Throttle);
        assert_eq!(class_at("gmail.com", 1, Stage::Recipient, 552, "5.2.2", ""), Trouble::Soft);
        let own = "[[rule]]\nclass = \"bad-address\"\ndomains = [\"Example.com\"]\ncodes = [\"450\"]\n";
        let reply = Reply { code: 450, enhanced: None, text: String::new() };
        let classes = Classes::with(own).unwrap();
        assert_eq!(classes.classify(Stage::Recipient, &reply, "example.com", 1), Trouble::BadAddress);
        assert_eq!(classes.classify(Stage::Recipient, &reply, "example.org", 1), Trouble::Soft);
    }

    #[test]
    fn a_wrong_rule_is_named_with_what_to_write() {
        let error = Classes::with(
            "[[rule]]\nclass = \"soft\"\nabout = \"mine\"\ncodes = [\"250\"]\nstatuses = [\"5.1.1\"]\n",
        );
        let text = error.unwrap_err().public().to_owned();
        assert!(text.contains("mine") && text.contains("`250`") && text.contains("`5.1.1`"), "{text}");
        assert!(Classes::with("[[rule]]\nclass = \"sotf\"\n").unwrap_err().public().contains("sotf"));
    }
}
