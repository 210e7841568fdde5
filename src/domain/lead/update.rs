//! What came of leads, told by a program or in a file: which fields there are, and what each may hold. What is told is checked
//! as a whole, and every fault says where it is and how to mend it.

mod sheet;

use chrono::{DateTime, NaiveDate};

use super::{
    Amount, DisqualifyReason, LeadStage, amount,
    intake::{Fault, quoted},
};
use crate::domain::{
    kernel::{
        clock::{MINUTE_MS, UtcMs},
        id::LeadId,
        text::single_line,
    },
    partner::roster::nearest,
};

pub use sheet::{FILE_BYTES_MAX, ROWS_MAX, rows};

/// How far another clock may be ahead of ours.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// The fields, each with what it holds.
pub const FIELDS: [(&str, &str); 9] = [
    ("lead_id", "the lead, as it was sent and exported: `led_...`; needed"),
    (
        "stage",
        "what came of it: contacted, sql, deal_registered, won, lost, disqualified, or note for a note alone; needed",
    ),
    ("value", "what the deal is worth: digits, and a point before decimals; needed with sql and won"),
    ("currency", "of the value, as its code (ISO 4217), such as EUR; needed with it"),
    ("close_date", "the day on which the deal may be closed, or was: 2027-03-31; needed with sql"),
    (
        "reason",
        "why it was lost or disqualified: unreachable, bad_data, no_need, no_budget, no_fit, timing, competitor, existing_deal or \
         conflict",
    ),
    ("again_on", "the day on which a disqualified lead is taken up again, for a reason that may pass"),
    ("note", "a line for whoever reads the lead's history"),
    (
        "updated_at",
        "when it was changed where it comes from: 2027-01-12T09:30:00Z; what is older than what is known changes nothing",
    ),
];

/// The columns of `export leads`. Those that are no [`FIELDS`] are left alone here, so that an exported file can be told in again.
pub const EXPORTED: [&str; 21] = [
    "lead_id",
    "partner",
    "stage",
    "created_at",
    "updated_at",
    "email",
    "name",
    "company",
    "phone",
    "job_role",
    "company_size",
    "locale",
    "asset",
    "origin",
    "score",
    "fit",
    "owner",
    "reason",
    "value",
    "currency",
    "close_date",
];

/// What may be told of a lead, as it came: a text for each of [`FIELDS`], empty where nothing was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Line of the file, or place in the request, from 1.
    pub no: u64,
    /// In the order of [`FIELDS`].
    pub values: [String; FIELDS.len()],
}

/// The place of a field.
pub fn at(field: &str) -> Option<usize> {
    FIELDS.iter().position(|(name, _)| *name == field)
}

/// `did you mean …?` for a field that there is not, or the list of those that there are.
pub fn field_meant(unknown: &str) -> String {
    let names = || FIELDS.iter().map(|(name, _)| *name);
    nearest(&unknown.to_lowercase(), names()).map_or_else(
        || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    )
}

impl Row {
    /// A row with what `of` says of each field.
    pub fn new(no: u64, of: impl Fn(&'static str) -> String) -> Self {
        Self { no, values: FIELDS.map(|(name, _)| of(name)) }
    }

    /// What stands in a field, without blanks around it.
    pub fn get(&self, field: &str) -> &str {
        at(field).map_or("", |at| self.values[at].trim())
    }
}

/// A step that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The owner reached the person.
    Contacted,
    /// Sales confirms a need, a value and a date.
    Sql(Amount, NaiveDate),
    /// The partner's claim on the deal is registered.
    DealRegistered(Option<(Amount, Option<NaiveDate>)>),
    /// Bought.
    Won(Amount, Option<NaiveDate>),
    /// Did not buy.
    Lost(DisqualifyReason),
    /// Not a customer, or not now; with the day on which it is taken up again.
    Disqualified(DisqualifyReason, Option<NaiveDate>),
    /// A note alone.
    Note,
}

/// The words of the steps, as `stage` has them.
pub const STEPS: [&str; 7] = ["contacted", "sql", "deal_registered", "won", "lost", "disqualified", "note"];

impl Step {
    /// The stage that it leads to; none for a note.
    pub fn stage(self) -> Option<LeadStage> {
        Some(match self {
            Self::Contacted => LeadStage::Contacted,
            Self::Sql(..) => LeadStage::Sql,
            Self::DealRegistered(_) => LeadStage::DealRegistered,
            Self::Won(..) => LeadStage::Won,
            Self::Lost(_) => LeadStage::Lost,
            Self::Disqualified(..) => LeadStage::Disqualified,
            Self::Note => return None,
        })
    }
}

/// A row that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The row.
    pub no: u64,
    /// The lead.
    pub lead_id: String,
    /// What came of it.
    pub step: Step,
    /// A line for its history, or empty.
    pub note: String,
    /// When it was changed where it comes from.
    pub updated_ms: Option<UtcMs>,
}

/// Checks a row as far as that shows without knowing the lead. `now_ms` is now.
///
/// # Errors
/// Every fault.
pub fn check(row: &Row, now_ms: UtcMs) -> Result<Update, Vec<Fault>> {
    let mut checked = Checking { row, faults: Vec::new() };
    let lead_id = checked.lead_id();
    let updated_ms = checked.updated_ms(now_ms);
    let note = checked.note();
    let step = checked.step();
    if checked.faults.is_empty()
        && let (Some(lead_id), Some(step)) = (lead_id, step)
    {
        return Ok(Update { no: row.no, lead_id, step, note, updated_ms });
    }
    Err(checked.faults)
}

struct Checking<'r> {
    row: &'r Row,
    faults: Vec<Fault>,
}

impl Checking<'_> {
    fn fault(&mut self, column: &str, message: impl Into<String>, fix: impl Into<String>) {
        self.faults.push(Fault {
            row: self.row.no,
            column: column.to_owned(),
            value: quoted(self.row.get(column)),
            message: message.into(),
            fix: fix.into(),
        });
    }

    fn is_given(&self, column: &str) -> bool {
        !self.row.get(column).is_empty()
    }

    fn lead_id(&mut self) -> Option<String> {
        let id = LeadId::parse(self.row.get("lead_id")).ok();
        if id.is_none() {
            let message = if self.is_given("lead_id") { "it is no lead's id" } else { "it is empty" };
            self.fault("lead_id", message, "use the id as it was sent or exported, such as led_0190…");
        }
        id.map(|id| id.to_string())
    }

    fn updated_ms(&mut self, now_ms: UtcMs) -> Option<UtcMs> {
        if !self.is_given("updated_at") {
            return None;
        }
        let at =
            DateTime::parse_from_rfc3339(self.row.get("updated_at")).ok().map(|at| at.timestamp_millis());
        match at {
            None => self.fault("updated_at", "it is no time", "write it as 2027-01-12T09:30:00Z"),
            Some(at_ms) if at_ms > now_ms + AHEAD_MS => {
                self.fault("updated_at", "it lies in the future", "set that system's clock right");
            }
            Some(_) => {}
        }
        at
    }

    fn note(&mut self) -> String {
        single_line("the note", self.row.get("note")).unwrap_or_else(|error| {
            self.fault("note", error.public().to_owned(), "shorten it to one line");
            String::new()
        })
    }

    fn step(&mut self) -> Option<Step> {
        let word = self.row.get("stage").to_owned();
        if STEPS.contains(&word.as_str()) {
            return self.step_of(&word);
        }
        let message =
            if word.is_empty() { "it is empty" } else { "it is nothing that can be told of a lead" };
        let meant = nearest(&word.to_lowercase(), STEPS.into_iter());
        let fix = meant.map_or_else(
            || format!("use one of {}", STEPS.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        self.fault("stage", message, fix);
        // What stands beside it is told too: by what was probably meant, else as far as it is wrong with any step.
        match meant {
            Some(meant) => {
                self.step_of(meant);
            }
            None => self.beside_any_step(),
        }
        None
    }

    fn beside_any_step(&mut self) {
        self.amount(false);
        self.day("close_date", false);
        self.day("again_on", false);
        if self.is_given("reason") {
            self.reason();
        }
    }

    fn step_of(&mut self, word: &str) -> Option<Step> {
        self.strays(word);
        match word {
            "contacted" => Some(Step::Contacted),
            "sql" => {
                let (amount, day) = (self.amount(true), self.day("close_date", true));
                Some(Step::Sql(amount?, day?))
            }
            "deal_registered" => {
                let (amount, day) = (self.amount(false), self.day("close_date", false));
                if amount.is_none() && day.is_some() {
                    self.fault(
                        "value",
                        "it is empty, and there is a day",
                        "say what the deal is worth, or leave the day out",
                    );
                }
                Some(Step::DealRegistered(amount.map(|amount| (amount, day))))
            }
            "won" => {
                let (amount, day) = (self.amount(true), self.day("close_date", false));
                Some(Step::Won(amount?, day))
            }
            "lost" => self.reason().map(Step::Lost),
            "disqualified" => {
                let (reason, day) = (self.reason(), self.day("again_on", false));
                if let (Some(reason), Some(_)) = (reason, day)
                    && !reason.is_for_now()
                {
                    self.fault(
                        "again_on",
                        format!("{reason} closes a lead"),
                        "leave it out, or choose a reason that may pass",
                    );
                }
                Some(Step::Disqualified(reason?, day))
            }
            _ => {
                if !self.is_given("note") {
                    self.fault("note", "it is empty", "write a word or two to note");
                }
                Some(Step::Note)
            }
        }
    }

    /// What does not go with the step.
    fn strays(&mut self, word: &str) {
        let money = matches!(word, "sql" | "deal_registered" | "won");
        let closes = matches!(word, "lost" | "disqualified");
        for (column, belongs) in [
            ("value", money),
            ("currency", money),
            ("close_date", money),
            ("reason", closes),
            ("again_on", word == "disqualified"),
        ] {
            if !belongs && self.is_given(column) {
                self.fault(column, format!("it does not go with {word}"), "leave it empty");
            }
        }
    }

    fn amount(&mut self, is_needed: bool) -> Option<Amount> {
        let (value, currency) = (self.row.get("value").to_owned(), self.row.get("currency").to_owned());
        if value.is_empty() && currency.is_empty() && !is_needed {
            return None;
        }
        // A currency that is not known says nothing about the number.
        let code = amount::currency(&currency);
        if let Err((message, fix)) = &code {
            let (message, fix) = if currency.is_empty() {
                ("it is empty", "write its code (ISO 4217), such as EUR")
            } else {
                (message.as_str(), fix.as_str())
            };
            self.fault("currency", message, fix);
        }
        let code = code.is_ok();
        if value.is_empty() {
            self.fault("value", "it is empty", "say what the deal is worth, such as 12500.50");
            return None;
        }
        match Amount::parse(&value, if code { &currency } else { "EUR" }) {
            Ok(amount) => code.then_some(amount),
            Err(error) => {
                self.fault("value", error.public().to_owned(), "write a sum above nothing, such as 12500.50");
                None
            }
        }
    }

    fn day(&mut self, column: &'static str, is_needed: bool) -> Option<NaiveDate> {
        let text = self.row.get(column).to_owned();
        if text.is_empty() {
            if is_needed {
                self.fault(
                    column,
                    "it is empty",
                    "a deal without a day cannot be planned with; write it like 2027-03-31",
                );
            }
            return None;
        }
        let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
        if day.is_none() {
            self.fault(column, "it is no date", "write it like 2027-03-31");
        }
        day
    }

    fn reason(&mut self) -> Option<DisqualifyReason> {
        let word = self.row.get("reason").to_owned();
        let reason = DisqualifyReason::parse(&word);
        if reason.is_none() {
            let words = || DisqualifyReason::ALL.iter().map(|reason| reason.as_str());
            let message = if word.is_empty() { "it is empty" } else { "it is none of the reasons" };
            let fix = nearest(&word.to_lowercase(), words()).map_or_else(
                || format!("use one of {}", words().collect::<Vec<_>>().join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.fault("reason", message, fix);
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "led_0190a5f4c0de7abc8def0123456789ab";
    const NOW_MS: UtcMs = 1_800_000_000_000;

    fn row(pairs: &[(&str, &str)]) -> Row {
        Row::new(3, |field| {
            let given = pairs.iter().find(|(name, _)| *name == field);
            given.map_or(if field == "lead_id" { ID } else { "" }, |(_, value)| value).to_owned()
        })
    }

    fn columns(pairs: &[(&str, &str)]) -> Vec<String> {
        check(&row(pairs), NOW_MS).unwrap_err().into_iter().map(|fault| fault.column).collect()
    }

    #[test]
    fn each_step_is_read_with_what_goes_with_it() {
        let step = |pairs: &[(&str, &str)]| check(&row(pairs), NOW_MS).unwrap().step;
        let euros = Amount::parse("12500.50", "EUR").unwrap();
        let day: NaiveDate = "2027-03-31".parse().unwrap();
        let money = [("value", "12500.50"), ("currency", "eur"), ("close_date", "2027-03-31")];
        let with = |word: &'static str| [&[("stage", word)][..], &money].concat();
        assert_eq!(step(&[("stage", "contacted")]), Step::Contacted);
        assert_eq!(step(&with("sql")), Step::Sql(euros, day));
        assert_eq!(step(&with("won")), Step::Won(euros, Some(day)));
        assert_eq!(step(&with("deal_registered")), Step::DealRegistered(Some((euros, Some(day)))));
        assert_eq!(step(&[("stage", "deal_registered")]), Step::DealRegistered(None));
        assert_eq!(
            step(&[("stage", "lost"), ("reason", "no_budget")]),
            Step::Lost(DisqualifyReason::NoBudget)
        );
        assert_eq!(
            step(&[("stage", "disqualified"), ("reason", "timing"), ("again_on", "2027-03-31")]),
            Step::Disqualified(DisqualifyReason::Timing, Some(day))
        );
        assert_eq!(step(&[("stage", "note"), ("note", "They call back")]), Step::Note);
        let update =
            check(&row(&[("stage", "contacted"), ("updated_at", "2027-01-12T09:30:00+01:00")]), NOW_MS)
                .unwrap();
        assert_eq!(update.updated_ms, Some(1_799_742_600_000));
        assert_eq!((update.no, update.lead_id.as_str()), (3, ID));
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        assert_eq!(
            columns(&[("lead_id", "led_1"), ("stage", "wn"), ("updated_at", "soon")]),
            ["lead_id", "updated_at", "stage", "currency", "value"]
        );
        let beside = [
            ("value", "-5"),
            ("currency", "XXX"),
            ("close_date", "soon"),
            ("reason", "tired"),
            ("again_on", "x"),
        ];
        assert_eq!(
            columns(&[&[("stage", "negotiating")][..], &beside].concat()),
            ["stage", "currency", "value", "close_date", "again_on", "reason"],
            "an unknown stage hides nothing"
        );
        assert_eq!(columns(&[("stage", "negotiating")]), ["stage"], "and nothing is missed for it");
        let meant = check(&row(&[("stage", "wonn")]), NOW_MS).unwrap_err();
        assert_eq!(meant[0].fix, "did you mean `won`?");
        assert_eq!(columns(&[("stage", "sql")]), ["currency", "value", "close_date"]);
        for absurd in ["-5", "1e9", "12,50", "0", "9999999999999", "∞"] {
            assert_eq!(
                columns(&[("stage", "won"), ("value", absurd), ("currency", "EUR")]),
                ["value"],
                "{absurd}"
            );
        }
        assert_eq!(
            columns(&[("stage", "won"), ("value", "-5"), ("currency", "gold")]),
            ["currency", "value"]
        );
        assert_eq!(columns(&[("stage", "won"), ("value", "5.5"), ("currency", "JPY")]), ["value"]);
        assert_eq!(columns(&[("stage", "lost")]), ["reason"]);
        assert_eq!(columns(&[("stage", "lost"), ("reason", "timing"), ("value", "5")]), ["value"]);
        assert_eq!(
            columns(&[("stage", "disqualified"), ("reason", "competitor"), ("again_on", "2027-03-31")]),
            ["again_on"]
        );
        assert_eq!(columns(&[("stage", "note")]), ["note"]);
        assert_eq!(
            columns(&[("stage", "contacted"), ("updated_at", "2099-01-01T00:00:00Z")]),
            ["updated_at"]
        );
        assert_eq!(
            columns(&[("stage", "won"), ("value", "5"), ("currency", "EUR"), ("close_date", "31.3.2027")]),
            ["close_date"]
        );
    }

    proptest! {
        /// Whatever stands in the fields, it passes or is told to be wrong, and what passes can be followed.
        #[test]
        fn any_row_is_read_or_refused(values in proptest::array::uniform9("[a-z0-9:.TZ-]{0,24}|won|sql|lost|note|EUR|timing")) {
            match check(&Row { no: 1, values }, NOW_MS) {
                Ok(update) => prop_assert!(update.step.stage().is_some() || !update.note.is_empty()),
                Err(faults) => prop_assert!(!faults.is_empty() && faults.iter().all(|fault| at(&fault.column).is_some())),
            }
        }
    }
}
