//! How well somebody matches the people the partner wants to meet: a grade from their profile, apart from interest.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Points of the profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRule {
    /// For an address at a domain of one's own.
    pub business_email: i32,
    /// By size, as the form offers it.
    pub company_size: BTreeMap<String, i32>,
    /// By job role, as the form offers it.
    pub job_role: BTreeMap<String, i32>,
    /// For a country the partner serves.
    pub country_served: i32,
}

/// How well somebody matches; A is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum FitGrade {
    /// 8 points or more.
    A,
    /// 5 to 7.
    B,
    /// 2 to 4.
    C,
    /// Less.
    D,
}

/// What is known of somebody's profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FitFacts {
    /// Whether the address is at a domain of the company's own.
    pub email_domain_is_business: bool,
    /// As chosen in the form.
    pub company_size: Option<String>,
    /// As chosen in the form.
    pub job_role: Option<String>,
    /// Whether the partner serves their country.
    pub country_served: bool,
}

/// A fit grade, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The grade.
    pub grade: FitGrade,
    /// Sum of the lines.
    pub points: i32,
    /// What was looked at, and what it gave.
    pub lines: Vec<FitLine>,
}

/// One line of a fit grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitLine {
    /// What was looked at.
    pub label: String,
    /// What it gave.
    pub points: i32,
}

impl FitGrade {
    /// The letter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }

    /// Reads the letter.
    pub fn parse(letter: &str) -> Option<Self> {
        [Self::A, Self::B, Self::C, Self::D].into_iter().find(|grade| grade.as_str() == letter)
    }

    fn of(points: i32) -> Self {
        match points {
            8.. => Self::A,
            5..=7 => Self::B,
            2..=4 => Self::C,
            _ => Self::D,
        }
    }
}

/// How well somebody matches.
pub fn fit(rule: &FitRule, facts: &FitFacts) -> Fit {
    let given = |yes: bool, points: i32| if yes { points } else { 0 };
    let chosen = |table: &BTreeMap<String, i32>, what: &str, value: Option<&String>| match value {
        None => FitLine { label: format!("{what} not given"), points: 0 },
        Some(value) => match table.get(value) {
            Some(points) => FitLine { label: format!("{what}: {value}"), points: *points },
            None => FitLine { label: format!("{what}: {value} (not in the rule)"), points: 0 },
        },
    };
    let email = if facts.email_domain_is_business { "business address" } else { "free-mail address" };
    let country = if facts.country_served { "country served" } else { "country not served or not given" };
    let lines = vec![
        FitLine {
            label: email.to_owned(),
            points: given(facts.email_domain_is_business, rule.business_email),
        },
        chosen(&rule.company_size, "company size", facts.company_size.as_ref()),
        chosen(&rule.job_role, "job role", facts.job_role.as_ref()),
        FitLine { label: country.to_owned(), points: given(facts.country_served, rule.country_served) },
    ];
    let points = lines.iter().map(|line| line.points).sum();
    Fit { grade: FitGrade::of(points), points, lines }
}
