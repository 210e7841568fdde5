//! What a kit has of its own.

use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::data::Link;
use crate::render::Strings;

/// A campaign on a page, for the partner's own people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// What it is about, in a few words.
    pub theme: String,
    /// The business result.
    pub outcome: Option<String>,
    /// First day.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// What to use when, in any order.
    pub tactics: Vec<Tactic>,
    /// What to have ready.
    pub checklist: Vec<String>,
    /// Whom at the vendor to ask.
    pub manager: Option<Manager>,
}

/// One use of an asset in a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tactic {
    /// Days from the kit's start; negative: before it.
    pub day: i32,
    /// `Article` in the reader's language.
    pub kind_label: String,
    /// The asset's title.
    pub title: String,
    /// Its page, where customers may open one; https.
    pub url: Option<String>,
    /// What to do with it.
    pub use_line: String,
}

/// Somebody at the vendor who answers questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Telephone.
    pub phone: String,
}

#[derive(Serialize)]
pub(super) struct Data<'a> {
    prepared_for: String,
    theme_label: &'a str,
    theme: &'a str,
    when_label: &'a str,
    when: String,
    outcome_label: &'a str,
    outcome: Option<&'a str>,
    day_label: &'a str,
    what_label: &'a str,
    use_label: &'a str,
    tactics_title: &'a str,
    tactics: Vec<Row<'a>>,
    checklist_title: &'a str,
    checklist: &'a [String],
    questions: &'a str,
    manager: Option<ManagerData<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    day: String,
    date: String,
    kind_label: &'a str,
    title: &'a str,
    url: Option<&'a str>,
    use_line: &'a str,
}

#[derive(Serialize)]
struct ManagerData<'a> {
    name: &'a str,
    email: Link<'a>,
    phone: Link<'a>,
}

impl Kit {
    pub(super) fn data<'a>(&'a self, strings: &'a Strings, partner: &str) -> Data<'a> {
        let mut tactics: Vec<&Tactic> = self.tactics.iter().collect();
        // Those of the same day keep the author's order.
        tactics.sort_by_key(|tactic| tactic.day);
        let (from, to) = (strings.date(self.start), strings.date(self.end));
        Data {
            prepared_for: strings.fill("prepared_for", &[("partner", partner)]),
            theme_label: strings.get("kit_theme"),
            theme: &self.theme,
            when_label: strings.get("kit_when"),
            when: format!("{from} – {to}"),
            outcome_label: strings.get("outcome"),
            outcome: self.outcome.as_deref(),
            day_label: strings.get("kit_day"),
            what_label: strings.get("kit_what"),
            use_label: strings.get("kit_use"),
            tactics_title: strings.get("kit_plan"),
            tactics: tactics.into_iter().map(|tactic| self.row(tactic, strings)).collect(),
            checklist_title: strings.get("kit_checklist"),
            checklist: &self.checklist,
            questions: strings.get("kit_questions"),
            manager: self.manager.as_ref().map(|manager| ManagerData {
                name: &manager.name,
                email: Link::email(&manager.email),
                phone: Link::phone(&manager.phone),
            }),
        }
    }

    fn row<'a>(&self, tactic: &'a Tactic, strings: &Strings) -> Row<'a> {
        let days = Days::new(tactic.day.unsigned_abs().into());
        let date = if tactic.day < 0 {
            self.start.checked_sub_days(days)
        } else {
            self.start.checked_add_days(days)
        };
        Row {
            // A minus sign, as wide as a figure, and no hyphen.
            day: tactic.day.to_string().replace('-', "\u{2212}"),
            date: date.map(|date| strings.short_date(date)).unwrap_or_default(),
            kind_label: &tactic.kind_label,
            title: &tactic.title,
            url: tactic.url.as_deref(),
            use_line: &tactic.use_line,
        }
    }
}
