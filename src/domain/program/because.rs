//! Why somebody gets an issue, or does not.

use std::{borrow::Cow, fmt};

use super::audience::{region_name, roles_in_words};
use crate::domain::partner::{Contact, Partner};

/// A reason that they and the marketer understand; put into words where somebody reads them, since most of a hundred
/// thousand people are only counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Because<'a> {
    facts: Option<Facts<'a>>,
    /// What follows the facts, or stands for itself.
    said: Cow<'a, str>,
}

/// What a rule says, and whom it is said of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Facts<'a> {
    rule: &'a str,
    contact: &'a Contact,
    partner: &'a Partner,
}

impl<'a> Because<'a> {
    /// A sentence.
    pub fn said(sentence: impl Into<Cow<'a, str>>) -> Self {
        Self { facts: None, said: sentence.into() }
    }

    /// What a rule says, and what of the person bears on it.
    pub fn by_rule(rule: &'a str, contact: &'a Contact, partner: &'a Partner) -> Self {
        Self { facts: Some(Facts { rule, contact, partner }), said: Cow::Borrowed("") }
    }

    /// The same, and `more`.
    #[must_use]
    pub fn and(mut self, more: impl Into<Cow<'a, str>>) -> Self {
        self.said += more.into();
        self
    }

    /// Adds `more`.
    pub fn add(&mut self, more: String) {
        self.said += Cow::Owned(more);
    }

    /// Without what the person is, so that all who are left out by one rule have the same.
    pub fn impersonal(&self) -> Cow<'_, str> {
        match &self.facts {
            Some(facts) => format!("{}{}", facts.rule, self.said).into(),
            None => Cow::Borrowed(&self.said),
        }
    }
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Facts { rule, contact, partner }) = &self.facts {
            let (roles, region) = (roles_in_words(contact.roles), region_name(partner.region));
            write!(f, "{rule}; they are: {roles}, {}, {}, {region}", partner.name, partner.tier.as_str())?;
        }
        f.write_str(&self.said)
    }
}
