//! Leads that come as rows, of a file or through the API: which columns there are, and what each may hold. A row is
//! checked as a whole, and every fault is told with where it is and how to mend it.

mod profile;
mod sheet;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, NaiveDate};

use crate::domain::{
    kernel::{
        EmailAddress, Error, Locale,
        clock::UtcMs,
        text::{is_unsafe, single_line},
    },
    partner::{country, roster::nearest},
};

pub use profile::Profile;
pub(super) use sheet::fault as slipped;
pub use sheet::{FILE_BYTES_MAX, ROWS_MAX, Sheet};

/// What people choose their company's size from; the words of `rules/scoring.toml`.
pub const COMPANY_SIZES: [&str; 5] = ["1-9", "10-49", "50-249", "250-999", "1000+"];
/// What people choose their role from; the words of `rules/scoring.toml`.
pub const JOB_ROLES: [&str; 4] = ["executive", "it", "operations", "other"];
/// Longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 2_000;
/// Characters of a value that a fault quotes.
const QUOTED_CHARS_MAX: usize = 40;
/// 2000-01-01: nothing that is told to us happened before.
const FIRST_MS: UtcMs = 946_684_800_000;

/// The columns of a file and the fields of the API, each with what it holds.
pub const COLUMNS: [(&str, &str); 16] = [
    ("email", "the person's address; needed"),
    ("name", "their full name; needed"),
    ("company", "their company; needed"),
    ("phone", "telephone"),
    ("job_role", "executive, it, operations or other"),
    ("company_size", "1-9, 10-49, 50-249, 250-999 or 1000+"),
    ("country", "two letters (ISO 3166-1), such as DE"),
    ("vertical", "industry, in the words of the partners' `verticals`"),
    (
        "partner",
        "slug of the partner whose lead it is; empty: the vendor's, which routing.toml [partners] gives to one",
    ),
    ("asset", "reference of what brought them, such as whitepapers/first-24-hours"),
    ("source", "how they came, in words: `Trade fair Hanover, stand 12`"),
    (
        "consent",
        "which text of rules/consent.toml they agreed to, such as whitepaper; empty: none, and nobody calls them",
    ),
    ("consent_at", "when they agreed, 2027-01-12T09:30:00+01:00 or 2027-01-12 (UTC); needed with consent"),
    ("message", "what they wrote; whoever wrote, or agreed to talk-to-us, asks to be called"),
    ("occurred_at", "when they did it; left out: when they agreed, else now"),
    (
        "locale",
        "the language in which they read what they agreed to, such as de or pt-BR; empty: the partner's, or English",
    ),
];

/// A row as it came: its number, and a text for each of [`COLUMNS`], empty where nothing was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line of the file, or place in the request, from 1.
    pub no: u64,
    /// In the order of [`COLUMNS`].
    pub values: [String; COLUMNS.len()],
}

impl Row {
    /// A row without any value.
    pub fn empty(no: u64) -> Self {
        Self { no, values: Default::default() }
    }

    fn get(&self, column: &str) -> &str {
        at(column).map_or("", |at| self.values[at].as_str())
    }
}

/// The place of a column.
pub fn at(column: &str) -> Option<usize> {
    COLUMNS.iter().position(|(name, _)| *name == column)
}

/// `did you mean ...?` for a column that there is not, or the list of those that there are.
pub fn column_meant(unknown: &str) -> String {
    let names = || COLUMNS.iter().map(|(name, _)| *name);
    nearest(&unknown.to_lowercase(), names()).map_or_else(
        || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    )
}

/// The columns in Markdown, for `guide leads`.
pub fn reference() -> String {
    let mut text = "# Leads (`partnercast import leads FILE.csv`, `POST /api/leads`)\n\n\
        A header with these columns in any order, then a row a lead; the API takes the same names as fields. All rows are \
        taken, or, with one fault, none. A row about somebody who is known (by address and partner) adds to their lead as a \
        form does; the same row once more changes nothing. Nobody is handed over without a consent.\n\n\
        | Column | What it holds |\n|---|---|\n"
        .to_owned();
    for (name, what) in COLUMNS {
        text.push_str(&format!("| `{name}` | {what} |\n"));
    }
    text
}

/// What a row refers to.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Slugs of partners.
    pub partners: BTreeSet<String>,
    /// Texts of consent.toml in their newest version, and whether each names the partner.
    pub consents: BTreeMap<String, bool>,
    /// The languages (`de`, `pt-BR`) in which each of these texts can be read.
    pub languages: BTreeMap<String, BTreeSet<String>>,
    /// References of assets.
    pub assets: BTreeSet<String>,
    /// The only partner that may be named, and that is meant where none is; of a key that is bound to one.
    pub only: Option<String>,
}

/// A row that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// The row.
    pub no: u64,
    /// Address.
    pub email: EmailAddress,
    /// Who they are.
    pub profile: Profile,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: String,
    /// Industry in lower case, or empty.
    pub vertical: String,
    /// Whose lead; the vendor's where empty.
    pub partner: String,
    /// What brought them, or empty.
    pub asset: String,
    /// How they came, in words, or empty.
    pub source: String,
    /// Which text they agreed to, and when.
    pub consent: Option<(String, UtcMs)>,
    /// In which language they read it, where that was said.
    pub locale: Option<Locale>,
    /// What they wrote.
    pub message: Option<String>,
    /// When they did it; nothing where nobody said.
    pub occurred_ms: Option<UtcMs>,
}

impl Intake {
    /// Whether they ask to be called: they agreed to that very text, or wrote something.
    pub fn asks(&self) -> bool {
        self.message.is_some() || self.consent.as_ref().is_some_and(|(text, _)| text == "talk-to-us")
    }
}

/// Something wrong in a row: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The row's number; 0 where the fault is the whole file's.
    pub row: u64,
    /// The column; empty where the fault is the whole row's.
    pub column: String,
    /// What stands there, shortened.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.row > 0 {
            write!(f, "row {}", self.row)?;
            if !self.column.is_empty() {
                write!(f, ", {}", self.column)?;
            }
            if !self.value.is_empty() {
                write!(f, " `{}`", self.value)?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}; {}", self.message, self.fix)
    }
}

impl Fault {
    /// A fault of the whole file.
    pub fn whole(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { row: 0, column: String::new(), value: String::new(), message: message.into(), fix: fix.into() }
    }
}

/// A value as a fault quotes it: one line, shortened.
pub fn quoted(value: &str) -> String {
    let mut quoted: String =
        value.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).take(QUOTED_CHARS_MAX).collect();
    if value.chars().nth(QUOTED_CHARS_MAX).is_some() {
        quoted.push('…');
    }
    quoted
}

/// Checks a row; all its faults at once.
///
/// # Errors
/// Every fault.
pub fn check(row: &Row, known: &Known, now_ms: UtcMs) -> Result<Intake, Vec<Fault>> {
    let mut reading = Reading { row, faults: Vec::new() };
    let email = reading.email();
    let name = reading.line("name", true);
    let company = reading.line("company", true);
    let phone = reading.phone();
    let job_role = reading.choice("job_role", &JOB_ROLES);
    let company_size = reading.choice("company_size", &COMPANY_SIZES);
    let country = reading.country();
    let vertical = reading.line("vertical", false).to_lowercase();
    let partner = reading.partner(known);
    let asset = reading.asset(known);
    let source = reading.line("source", false);
    let consent = reading.consent(known, &partner, now_ms);
    let locale = reading.locale(known);
    let message = reading.message();
    let occurred_ms = reading.time("occurred_at", now_ms);
    match email {
        Some(email) if reading.faults.is_empty() => Ok(Intake {
            no: row.no,
            email,
            profile: Profile { name, company, phone, job_role, company_size },
            country,
            vertical,
            partner,
            asset,
            source,
            occurred_ms: occurred_ms.or(consent.as_ref().map(|(_, at_ms)| *at_ms)),
            consent,
            locale,
            message,
        }),
        _ => Err(reading.faults),
    }
}

/// A row while it is checked.
struct Reading<'r> {
    row: &'r Row,
    faults: Vec<Fault>,
}

impl Reading<'_> {
    fn fault(&mut self, column: &str, message: impl Into<String>, fix: impl Into<String>) {
        let value = quoted(self.row.get(column));
        self.faults.push(Fault {
            row: self.row.no,
            column: column.to_owned(),
            value,
            message: message.into(),
            fix: fix.into(),
        });
    }

    /// The kernel's errors read "what; fix".
    fn error(&mut self, column: &str, error: &Error) {
        let text = error.public();
        let (message, fix) = text.rsplit_once("; ").unwrap_or((text, "correct it"));
        self.fault(column, message, fix);
    }

    fn email(&mut self) -> Option<EmailAddress> {
        let text = self.row.get("email").trim();
        if text.is_empty() {
            self.fault("email", "it is empty", "every row needs an address");
            return None;
        }
        match EmailAddress::parse(text) {
            Ok(email) => Some(email),
            Err(error) => {
                // The value is told beside it.
                let why =
                    error.public().rsplit_once(": ").map_or("it is no address", |(_, why)| why).to_owned();
                self.fault(
                    "email",
                    format!("it is no email address: {why}"),
                    "write it as name@company.example",
                );
                None
            }
        }
    }

    fn line(&mut self, column: &str, needed: bool) -> String {
        match single_line("it", self.row.get(column)) {
            Ok(line) if line.is_empty() && needed => {
                self.fault(column, "it is empty", "every row needs it");
                line
            }
            Ok(line) => line,
            Err(error) => {
                self.error(column, &error);
                String::new()
            }
        }
    }

    fn phone(&mut self) -> Option<String> {
        let phone = self.line("phone", false);
        if !phone.chars().all(|c| c.is_ascii_digit() || "+-()/. ext".contains(c)) {
            self.fault("phone", "it is no telephone number", "use digits, spaces and + - ( ) / .");
        }
        (!phone.is_empty()).then_some(phone)
    }

    fn choice(&mut self, column: &str, known: &[&str]) -> Option<String> {
        let value = self.row.get(column).trim().to_owned();
        if !value.is_empty() && !known.contains(&value.as_str()) {
            let meant = nearest(&value.to_lowercase(), known.iter().copied());
            let fix = meant.map_or_else(
                || format!("use one of {}", known.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault(column, "it is none of the list", fix);
        }
        (!value.is_empty()).then_some(value)
    }

    fn country(&mut self) -> String {
        let value = self.row.get("country").trim().to_uppercase();
        if value.is_empty() {
            return value;
        }
        match country(&value) {
            Ok(code) => code.to_owned(),
            Err(fix) => {
                self.fault("country", "it is no country's code", fix);
                String::new()
            }
        }
    }

    fn partner(&mut self, known: &Known) -> String {
        let value = self.row.get("partner").trim().to_owned();
        match &known.only {
            Some(only) if value.is_empty() || value == *only => return only.clone(),
            // Whose it is, is decided by the door; here nothing is said about who else there is.
            Some(_) => return value,
            None => {}
        }
        if !value.is_empty() && !known.partners.contains(&value) {
            let meant = nearest(&value.to_lowercase(), known.partners.iter().map(String::as_str));
            let fix = meant.map_or_else(
                || "use the slug of a partner of the roster, or leave it empty".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault("partner", "there is no such partner", fix);
        }
        value
    }

    fn asset(&mut self, known: &Known) -> String {
        let value = self.row.get("asset").trim().to_owned();
        if !value.is_empty() && !known.assets.contains(&value) {
            let meant = nearest(&value.to_lowercase(), known.assets.iter().map(String::as_str));
            let fix = meant.map_or_else(
                || "use a reference of the content folder, such as whitepapers/<name>".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault("asset", "there is no such asset", fix);
        }
        value
    }

    fn consent(&mut self, known: &Known, partner: &str, now_ms: UtcMs) -> Option<(String, UtcMs)> {
        let value = self.row.get("consent").trim().to_owned();
        let at_ms = self.time("consent_at", now_ms);
        if value.is_empty() {
            if !self.row.get("consent_at").is_empty() {
                self.fault(
                    "consent_at",
                    "it says when, and not to what",
                    "name the text in `consent`, or leave both empty",
                );
            }
            return None;
        }
        match known.consents.get(&value) {
            None => {
                let meant = nearest(&value.to_lowercase(), known.consents.keys().map(String::as_str));
                let fix = meant.map_or_else(
                    || {
                        format!(
                            "use one of {}",
                            known.consents.keys().cloned().collect::<Vec<_>>().join(", ")
                        )
                    },
                    |meant| format!("did you mean `{meant}`?"),
                );
                self.fault("consent", "rules/consent.toml has no such text", fix);
            }
            Some(true) if partner.is_empty() => self.fault(
                "consent",
                "this text names the partner, and the row has none",
                "name the partner whose page they were on, or a text that names none",
            ),
            Some(_) => {}
        }
        if self.row.get("consent_at").is_empty() {
            self.fault(
                "consent_at",
                "it is empty",
                "say when they agreed, such as 2027-01-12T09:30:00+01:00",
            );
        }
        Some((value, at_ms?))
    }

    /// A language in which the text that the row names can be read: words that nobody saw are no consent.
    fn locale(&mut self, known: &Known) -> Option<Locale> {
        let value = self.row.get("locale").trim().to_owned();
        if value.is_empty() {
            return None;
        }
        let locale = match Locale::parse(&value) {
            Ok(locale) => locale,
            Err(error) => {
                self.error("locale", &error);
                return None;
            }
        };
        let text = self.row.get("consent").trim();
        let there = known.languages.get(text)?;
        if !locale.fallbacks().iter().any(|tag| there.contains(*tag)) {
            let all: Vec<&str> = there.iter().map(String::as_str).collect();
            self.fault(
                "locale",
                "rules/consent.toml does not have that text in this language, so nobody read it so",
                format!("use one of {}, or leave it empty", all.join(", ")),
            );
        }
        Some(locale)
    }

    fn message(&mut self) -> Option<String> {
        let text = self.row.get("message").replace("\r\n", "\n");
        let text: String = text.trim().chars().filter(|c| *c == '\n' || !is_unsafe(*c)).collect();
        if text.chars().count() > MESSAGE_CHARS_MAX {
            self.fault("message", format!("it is longer than {MESSAGE_CHARS_MAX} characters"), "shorten it");
        }
        (!text.is_empty()).then_some(text)
    }

    fn time(&mut self, column: &str, now_ms: UtcMs) -> Option<UtcMs> {
        let text = self.row.get(column).trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let Some(at_ms) = instant(&text) else {
            let fix = "write it as 2027-01-12T09:30:00+01:00, or the day alone (UTC)";
            self.fault(column, "it is no time", fix);
            return None;
        };
        if at_ms > now_ms {
            self.fault(column, "it lies in the future", "write when it happened");
            return None;
        }
        if at_ms < FIRST_MS {
            self.fault(column, "it lies before the year 2000", "write when it happened");
            return None;
        }
        Some(at_ms)
    }
}

/// A moment (RFC 3339), or the beginning of a day in UTC.
fn instant(text: &str) -> Option<UtcMs> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.timestamp_millis());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}
