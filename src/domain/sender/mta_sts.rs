//! What a domain that receives says about TLS: MTA-STS (RFC 8461) and reports on it (RFC 8460).

use super::dkim::{tag, tags};

/// What senders do with a server that is not in the policy, or has no trusted certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They give it no mail.
    Enforce,
    /// They report it.
    Testing,
    /// Nothing.
    Off,
}

impl Mode {
    /// The value of `mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::Off => "none",
        }
    }
}

/// A policy (section 3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What is asked of senders.
    pub mode: Mode,
    /// Names of mail servers, lower case; `*.` stands for one label.
    pub servers: Vec<String>,
}

impl Policy {
    /// Reads the file at `https://mta-sts.<domain>/.well-known/mta-sts.txt`.
    ///
    /// # Errors
    /// Why senders take it for none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let first = |name: &str| fields.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        if first("version") != Some("STSv1") {
            return Err("it has no line `version: STSv1`".to_owned());
        }
        let mode = match first("mode") {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::Off,
            _ => return Err("its mode is not enforce, testing or none".to_owned()),
        };
        if first("max_age").and_then(|seconds| seconds.parse::<u64>().ok()).is_none() {
            return Err("it has no max_age in seconds".to_owned());
        }
        let servers = fields.iter().filter(|(name, _)| *name == "mx");
        let servers: Vec<String> = servers.map(|(_, value)| value.to_ascii_lowercase()).collect();
        if servers.is_empty() && mode != Mode::Off {
            return Err("it names no mx".to_owned());
        }
        Ok(Self { mode, servers })
    }

    /// Whether the policy lets senders use the mail server `host` (section 4.1).
    pub fn covers(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.servers.iter().any(|server| match server.strip_prefix("*.") {
            Some(above) => host.split_once('.').is_some_and(|(_, rest)| rest == above),
            None => *server == host,
        })
    }
}

/// The `id` of the one MTA-STS record among `texts` (section 3.1); none where there is none.
///
/// # Errors
/// Why senders take what is there for none.
pub fn policy_id(texts: &[String]) -> Result<Option<String>, String> {
    let Some(tags) = only(texts, "v=STSv1")? else { return Ok(None) };
    match tag(&tags, "id") {
        Some(id) if (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(Some(id.to_owned()))
        }
        _ => Err("it has no id= of at most 32 letters and digits".to_owned()),
    }
}

/// Where the one TLS-RPT record among `texts` sends reports (RFC 8460 section 3); none where there is none.
///
/// # Errors
/// Why senders take what is there for none.
pub fn reports_to(texts: &[String]) -> Result<Option<String>, String> {
    let Some(tags) = only(texts, "v=TLSRPTv1")? else { return Ok(None) };
    let place = tag(&tags, "rua").filter(|rua| rua.starts_with("mailto:") || rua.starts_with("https:"));
    place.map(|rua| Some(rua.to_owned())).ok_or_else(|| "it has no rua=mailto:… or rua=https:…".to_owned())
}

fn only(texts: &[String], begins: &str) -> Result<Option<Vec<(String, String)>>, String> {
    let is_one =
        |text: &&String| text.strip_prefix(begins).is_some_and(|rest| rest.trim_start().starts_with(';'));
    let found: Vec<&String> = texts.iter().filter(is_one).collect();
    match found[..] {
        [] => Ok(None),
        [one] => tags(one).map(Some),
        _ => Err(format!("there are {} records, so senders use none", found.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str =
        "version: STSv1\r\nmode: enforce\r\nmx: Mail.x.example\r\nmx: *.y.example\r\nmax_age: 604800\r\n";

    #[test]
    fn a_policy_names_servers() {
        let policy = Policy::parse(POLICY).unwrap();
        assert_eq!(policy.mode, Mode::Enforce);
        for host in ["mail.x.example", "MAIL.x.example.", "a.y.example"] {
            assert!(policy.covers(host), "{host}");
        }
        for host in ["x.example", "y.example", "a.b.y.example", "other.x.example"] {
            assert!(!policy.covers(host), "{host}");
        }
        assert!(Policy::parse("version: STSv1\nmode: none\nmax_age: 0").is_ok(), "taken back");
    }

    #[test]
    fn what_senders_cannot_use_is_named() {
        for (from, to, why) in [
            ("version: STSv1", "version: 2", "STSv1"),
            ("mode: enforce", "mode: on", "mode"),
            ("max_age: 604800", "max_age: week", "max_age"),
            ("mx: ", "host: ", "no mx"),
        ] {
            let said = Policy::parse(&POLICY.replace(from, to)).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn records_are_found_among_others() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let id = |list: &[&str]| policy_id(&texts(list));
        assert_eq!(id(&["other", "v=STSv1; id=20270101;"]), Ok(Some("20270101".to_owned())));
        assert_eq!(id(&["v=STSv10; id=1"]), Ok(None));
        assert!(id(&["v=STSv1; id=1", "v=STSv1; id=2"]).unwrap_err().contains("2 records"));
        assert!(id(&["v=STSv1; id=2027-01-01"]).unwrap_err().contains("id="));
        let to = |list: &[&str]| reports_to(&texts(list));
        assert_eq!(to(&["v=TLSRPTv1; rua=mailto:a@x.example"]), Ok(Some("mailto:a@x.example".to_owned())));
        assert_eq!(to(&[]), Ok(None));
        assert!(to(&["v=TLSRPTv1; rua=a@x.example"]).is_err());
    }
}
