//! How well somebody matches the people the partner wants to meet: a grade from their profile, apart from interest.

use std::collections::BTreeMap;

use crate::domain::content::rules::{self, FitGrade};

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
pub struct FitResult {
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

/// The grade that points give.
fn grade(points: i32) -> FitGrade {
    match points {
        8.. => FitGrade::A,
        5..=7 => FitGrade::B,
        2..=4 => FitGrade::C,
        _ => FitGrade::D,
    }
}

/// How well somebody matches.
pub fn fit(rule: &rules::Fit, facts: &FitFacts) -> FitResult {
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
    FitResult { grade: grade(points), points, lines }
}
