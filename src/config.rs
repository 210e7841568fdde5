//! The configuration: one typed struct, from a TOML file and the environment. Unknown keys are refused, secrets
//! are never shown. The environment is read nowhere else.
//!
//! A variable `PARTNERCAST_<SECTION>__<KEY>` overrides the key of that section in the file, for example
//! `PARTNERCAST_DATABASE__URL`.

mod bounces;
mod dkim;
mod doctor;
mod egress;
mod mail;
mod retention;
mod social;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::Deserialize;

pub use bounces::{Bounces, ImapDone};

use crate::domain::kernel::{Error, Network, Result, token::Keys};

pub use dkim::Dkim;
pub use doctor::Doctor;
pub use egress::Egress;
pub use mail::{Mail, MailRelay, MailWarmUp};
pub use retention::Retention;
pub use social::Social;

/// Prefix of the environment variables that override keys.
const ENV_PREFIX: &str = "PARTNERCAST_";

/// Everything that can be configured; see `partnercast init` for a commented example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What listens.
    #[serde(default)]
    pub server: Server,
    /// Where data is kept.
    pub database: Database,
    /// Where content comes from.
    #[serde(default)]
    pub content: Content,
    /// How mail leaves.
    pub mail: Mail,
    /// How what comes back by mail is taken.
    #[serde(default)]
    pub bounces: Bounces,
    /// Where requests to addresses that others name may go.
    #[serde(default)]
    pub egress: Egress,
    /// How long what people did is kept whole.
    #[serde(default)]
    pub retention: Retention,
    /// How networks are spoken to in which partners have accounts.
    #[serde(default)]
    pub social: Social,
    /// Keys.
    pub secrets: Secrets,
    /// Who may use the console.
    #[serde(default)]
    pub console: Console,
    /// How the log is written.
    #[serde(default)]
    pub log: Log,
    /// Who is asked for names.
    #[serde(default)]
    pub dns: Dns,
    /// What `doctor` is told.
    #[serde(default)]
    pub doctor: Doctor,
    /// A rehearsal, with a calendar of its own.
    pub rehearsal: Option<Rehearsal>,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// The address people reach us at; empty means the one we listen on.
    pub public_url: String,
    /// Seconds for open requests and mails when asked to stop.
    pub grace_s: u64,
    /// Open connections from browsers at most; further ones wait to be accepted.
    pub connections: usize,
    /// Addresses and networks of proxies in front of us, whose `X-Forwarded-For` is believed; nobody else's is.
    pub trusted_proxies: Vec<String>,
    /// Address and port where `/metrics` is served to whoever reaches it; none where nobody measures.
    pub metrics_listen: Option<String>,
    /// Folder whose files replace those of the same name built into the binary.
    pub templates_dir: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            public_url: String::new(),
            grace_s: 30,
            connections: 2_000,
            trusted_proxies: Vec::new(),
            metrics_listen: None,
            templates_dir: None,
        }
    }
}

/// `[database]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:path/to/file` or `postgres://user:password@host:port/name`.
    pub url: String,
    /// Folder for clicks and page views that the database does not take in time; absent: beside the SQLite file or, with
    /// PostgreSQL, `events` beside the configuration. Processes may share it.
    #[serde(default)]
    pub spool_dir: PathBuf,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or("");
        write!(f, "Database({scheme}:…)")
    }
}

/// `[content]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Content {
    /// The content folder; none on nodes that take content from the database.
    pub dir: Option<PathBuf>,
    /// Whether `roster/` in it is imported too; in production partners come by `partnercast import`.
    pub import_roster: bool,
}

/// `[secrets]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// File with the keys that sign links, one a line in hex, newest first.
    pub token_keys_file: PathBuf,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.token_keys_file.display())
    }
}

/// `[console]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// `true` lets everybody in who reaches us over loopback; for demos.
    pub open: bool,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// Such as `info` or `partnercast=debug,warn`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[dns]`: only `partnercast doctor` asks for records.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Address and port of the resolver; the machine's own when absent.
    pub server: Option<std::net::SocketAddr>,
}

/// `[rehearsal]`: a calendar that begins elsewhere and may run faster, to see an issue leave before its day. Only
/// with the catcher, so that no wrong date ever reaches a real mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Where the calendar begins.
    pub start: DateTime<Utc>,
    /// Up to when it runs fast.
    pub until: DateTime<Utc>,
    /// How fast.
    pub speed: i64,
    /// Shows the story page at `/`.
    #[serde(default)]
    pub story: bool,
}

impl Config {
    /// Reads `path` and the environment.
    ///
    /// # Errors
    /// No such file, TOML that cannot be read, unknown or wrong keys (file and environment), settings that do not
    /// go together; says where and how to mend it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::invalid(format!(
                "the configuration {} cannot be read ({error}); `partnercast init` writes one",
                path.display()
            ))
        })?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &environment(), &base)
            .map_err(|error| Error::invalid(format!("{}: {}", path.display(), error.public())))
    }

    /// Reads `text`, overrides keys with `variables`, and resolves relative paths against `base`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, variables: &[(String, String)], base: &Path) -> Result<Self> {
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| Error::invalid(error.to_string().trim().to_owned()))?;
        for (name, value) in variables {
            override_key(&mut table, name, value)?;
        }
        // Through text once more, so that a fault names line and key.
        let merged = if variables.is_empty() { text.to_owned() } else { table.to_string() };
        let mut config: Self = toml::from_str(&merged).map_err(|error| {
            // The file alone is fine: then a variable is to blame.
            let blamed = if !variables.is_empty() && toml::from_str::<Self>(text).is_ok() {
                let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
                format!("with the environment variables {}: ", names.join(", "))
            } else {
                String::new()
            };
            Error::invalid(format!("{blamed}{}", error.to_string().trim()))
        })?;
        config.resolve(base);
        config.check()?;
        Ok(config)
    }

    fn resolve(&mut self, base: &Path) {
        let absolute = |path: &mut PathBuf| *path = base.join(&*path);
        absolute(&mut self.secrets.token_keys_file);
        [
            &mut self.content.dir,
            &mut self.server.templates_dir,
            &mut self.bounces.ca_file,
            &mut self.bounces.maildir,
            &mut self.egress.ca_file,
        ]
        .into_iter()
        .flatten()
        .for_each(absolute);
        self.mail.resolve(base);
        if let Some(file) = self.database.url.strip_prefix("sqlite:") {
            self.database.url = format!("sqlite:{}", base.join(file.trim_start_matches("//")).display());
        }
        let spool = &mut self.database.spool_dir;
        *spool = match self.database.url.strip_prefix("sqlite:") {
            Some(file) if spool.as_os_str().is_empty() => PathBuf::from(format!("{file}.events")),
            None if spool.as_os_str().is_empty() => base.join("events"),
            _ => base.join(&*spool),
        };
    }

    fn check(&self) -> Result<()> {
        let mut faults = Vec::new();
        faults.extend(self.mail.faults());
        if self.server.connections == 0 || self.server.connections > 100_000 {
            faults.push("server.connections must be between 1 and 100000".to_owned());
        }
        if self.server.listen.is_empty() {
            faults.push("server.listen is empty; write 127.0.0.1:8000".to_owned());
        }
        if self.server.metrics_listen.as_deref() == Some("") {
            faults.push("server.metrics_listen is empty; write 127.0.0.1:9464, or leave it out".to_owned());
        }
        if let Err(error) = self.trusted_proxies() {
            faults.push(format!("server.trusted_proxies: {}", error.public()));
        }
        if let Some(rehearsal) = &self.rehearsal {
            if self.mail.relay != "catcher" {
                faults.push(
                    "a [rehearsal] needs mail.relay = \"catcher\", so that no wrong date reaches a real mailbox"
                        .to_owned(),
                );
            }
            if rehearsal.speed < 1 || rehearsal.until < rehearsal.start {
                faults.push(
                    "rehearsal.speed must be at least 1 and rehearsal.until not before start".to_owned(),
                );
            }
        }
        self.bounces.find_faults(self.mail.return_path_domain.as_deref(), &mut faults);
        self.doctor.find_faults(&mut faults);
        self.egress.find_faults(&mut faults);
        self.retention.find_faults(&mut faults);
        self.social.find_faults(&mut faults);
        let url = &self.server.public_url;
        let here = |address: &str| {
            address.contains("127.0.0.1") || address.contains("localhost") || address.contains("[::1]")
        };
        if self.console.open && !(here(&self.server.listen) && (url.is_empty() || here(url))) {
            faults.push(
                "console.open is for this machine alone: listen on 127.0.0.1 and leave server.public_url empty"
                    .to_owned(),
            );
        }
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            faults.push("server.public_url must begin with https:// (or http:// on loopback)".to_owned());
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("; "))) }
    }

    /// The proxies in front of us.
    ///
    /// # Errors
    /// What is no network.
    pub fn trusted_proxies(&self) -> Result<Vec<Network>> {
        self.server.trusted_proxies.iter().map(|proxy| Network::parse(proxy)).collect()
    }

    /// The keys that sign links.
    ///
    /// # Errors
    /// No such file, or no key in it.
    pub fn token_keys(&self) -> Result<Keys> {
        let path = &self.secrets.token_keys_file;
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::invalid(format!(
                "{} cannot be read ({error}); `partnercast init` makes one",
                path.display()
            ))
        })?;
        let secrets = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                decode_hex(line).ok_or_else(|| {
                    Error::invalid(format!(
                        "{}: a line is not hexadecimal; write 64 hex digits a line",
                        path.display()
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Keys::new(&secrets)
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// Our variables, sorted, so that faults come in a steady order.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn environment() -> Vec<(String, String)> {
    let mut ours: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    ours.sort();
    ours
}

/// Sets the key that `name` (`PARTNERCAST_MAIL__RELAY`) stands for.
fn override_key(table: &mut toml::Table, name: &str, value: &str) -> Result<()> {
    let path = name.trim_start_matches(ENV_PREFIX).to_lowercase();
    let Some((section, key)) = path.split_once("__") else {
        return Err(Error::invalid(format!(
            "the environment variable {name} names no key; write {ENV_PREFIX}<SECTION>__<KEY>, such as {ENV_PREFIX}DATABASE__URL"
        )));
    };
    let section = table
        .entry(section)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()))
        .as_table_mut()
        .ok_or_else(|| Error::invalid(format!("{name}: `{section}` is not a section")))?;
    // A value that reads as TOML number, boolean or list is one; everything else is text.
    let typed = value
        .parse::<i64>()
        .map(toml::Value::Integer)
        .or_else(|_| value.parse::<bool>().map(toml::Value::Boolean))
        .ok()
        .or_else(|| value.parse::<toml::Value>().ok().filter(toml::Value::is_array))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    section.insert(key.to_owned(), typed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "[database]\nurl = \"sqlite:data.sqlite\"\n[mail]\nrelay = \"smtp://u:secret@relay.example:587\"\n\
                         [secrets]\ntoken_keys_file = \"keys\"\n";

    #[test]
    fn the_environment_overrides_the_file_and_paths_follow_the_file() {
        let set = |name: &str, value: &str| (format!("PARTNERCAST_{name}"), value.to_owned());
        let proxies = r#"["127.0.0.1", "10.0.0.0/8"]"#;
        let variables = [set("MAIL__CONNECTIONS", "9"), set("SERVER__TRUSTED_PROXIES", proxies)];
        let config = Config::parse(SMALL, &variables, Path::new("/srv")).unwrap();
        assert_eq!(config.trusted_proxies().unwrap().len(), 2);
        assert_eq!(config.mail.connections, 9);
        let empty = [set("SERVER__METRICS_LISTEN", ""), set("SERVER__LISTEN", "")];
        let error = Config::parse(SMALL, &empty, Path::new("/srv")).unwrap_err();
        for key in ["server.listen is empty", "server.metrics_listen is empty"] {
            assert!(error.public().contains(key), "{error}");
        }
        assert_eq!(config.database.url, "sqlite:/srv/data.sqlite");
        assert!(!format!("{config:?}").contains("secret@"), "passwords stay out of logs");
    }

    #[test]
    fn unknown_keys_and_wrong_pairs_are_refused_with_the_reason() {
        let error = Config::parse(&SMALL.replace("relay =", "realy ="), &[], Path::new("")).unwrap_err();
        assert!(error.public().contains("realy"), "{error}");
        let variables = [("PARTNERCAST_MAIL__WINDOWS".to_owned(), "9".to_owned())];
        assert!(Config::parse(SMALL, &variables, Path::new("")).unwrap_err().public().contains("windows"));
        let host = format!("{SMALL}[server]\ntrusted_proxies = [\"proxy.example\"]\n");
        assert!(Config::parse(&host, &[], Path::new("")).unwrap_err().public().contains("proxy.example"));
        let name = [("PARTNERCAST_MAIL__HELLO_NAME".to_owned(), "198.51.100.25".to_owned())];
        let error = Config::parse(SMALL, &name, Path::new("")).unwrap_err();
        assert!(error.public().contains("mail.hello_name") && error.public().contains("`[198."), "{error}");
        let source = format!("{SMALL}[bounces]\nmaildir = \"in\"\nhttp_secret = \"short\"\npoll_s = 0\n");
        let error = Config::parse(&source, &[], Path::new("")).unwrap_err();
        for part in ["return_path_domain", "http_secret", "poll_s"] {
            assert!(error.public().contains(part), "{part}: {error}");
        }
        let list = format!("{SMALL}[doctor]\nblocklists = [\"bl.example.org\", \"https://bl.example\"]\n");
        let error = Config::parse(&list, &[], Path::new("")).unwrap_err();
        assert!(
            error.public().contains("`https://bl.example`") && !error.public().contains("`bl."),
            "{error}"
        );
        let out = format!("{SMALL}[egress]\nallow = [\"crm.example\"]\n");
        assert!(
            Config::parse(&out, &[], Path::new(""))
                .unwrap_err()
                .public()
                .contains("egress.allow: `crm.example`")
        );
        let old =
            Config::parse(&format!("{SMALL}[social]\nlinkedin_version = \"2026-07\"\n"), &[], Path::new(""));
        assert!(old.unwrap_err().public().contains("social.linkedin_version: `2026-07`"));
        let small =
            Config::parse(&format!("{SMALL}[social]\nx_budget_usd_monthly = 0.10\n"), &[], Path::new(""));
        assert!(small.unwrap_err().public().contains("social.x_budget_usd_monthly: $0.10 does not pay"));
        let minus =
            Config::parse(&format!("{SMALL}[social]\nx_budget_usd_monthly = -5\n"), &[], Path::new(""));
        assert!(minus.unwrap_err().public().contains("write 20.00"));
        let set = [("PARTNERCAST_SOCIAL__X_BUDGET_USD_MONTHLY".to_owned(), "20.50".to_owned())];
        let social = Config::parse(SMALL, &set, Path::new("")).unwrap().social;
        assert_eq!(social.x_terms().budget.unwrap().to_string(), "$20.50");
        let plain = format!("{SMALL}[egress]\nhttp = true\n");
        assert!(Config::parse(&plain, &[], Path::new("")).unwrap_err().public().contains("egress.http"));
        let odd = format!(
            "{SMALL}[rehearsal]\nstart = \"2027-01-11T00:00:00Z\"\nuntil = \"2027-01-12T00:00:00Z\"\nspeed = 2\n"
        );
        assert!(Config::parse(&odd, &[], Path::new("")).unwrap_err().public().contains("catcher"));
    }
}
