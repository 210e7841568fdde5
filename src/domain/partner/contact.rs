//! A person at a partner.

use crate::domain::kernel::{EmailAddress, Locale, Slug};

use super::Roles;

/// A person at a partner who may receive what is sent to partners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The partner they work for.
    pub partner: Slug,
    /// Full name, checked to be one line.
    pub name: String,
    /// Where mail reaches them.
    pub email: EmailAddress,
    /// What they do there.
    pub roles: Roles,
    /// Their own language, where it differs from the partner's.
    pub locale: Option<Locale>,
    /// Their own time zone, where it differs from the partner's.
    pub zone: Option<chrono_tz::Tz>,
    /// Whether leads for the partner are offered to them.
    pub lead_contact: bool,
}

/// The name to greet somebody by: the first word of the full name that is no title.
pub fn first_name(full_name: &str) -> &str {
    full_name.split_whitespace().find(|word| !word.ends_with('.')).unwrap_or(full_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_not_first_names() {
        assert_eq!(first_name("Dr. Ulf Brandt"), "Ulf");
        assert_eq!(first_name("Mei Tran"), "Mei");
        assert_eq!(first_name(""), "");
    }
}
