//! Which events an endpoint wants: types, groups (`lead.*`), or all (`*`).

use std::{collections::BTreeSet, fmt};

use super::EventKind;
use crate::domain::{
    content::finding::did_you_mean,
    kernel::{Error, Result},
};

/// Everything that endpoints may choose.
pub const ALL: &str = "*";
/// Most entries of one endpoint.
const ENTRIES_MAX: usize = 50;

/// What an endpoint wants, at least one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters(BTreeSet<String>);

impl Filters {
    /// Reads entries such as `lead.*` and `issue.released`; none means all.
    ///
    /// # Errors
    /// `Invalid` with every entry that names nothing, and what was meant.
    pub fn parse<'t>(entries: impl IntoIterator<Item = &'t str>) -> Result<Self> {
        let mut all: BTreeSet<String> =
            entries.into_iter().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let known = entries_known();
        let faults: Vec<String> = all
            .iter()
            .filter(|entry| !known.contains(entry.as_str()))
            .take(ENTRIES_MAX)
            .map(|entry| {
                format!("`{entry}` is no event: {}", did_you_mean(entry, known.iter().map(String::as_str)))
            })
            .collect();
        if !faults.is_empty() {
            return Err(Error::invalid(faults.join("; ")));
        }
        if all.is_empty() {
            all.insert(ALL.to_owned());
        }
        Ok(Self(all))
    }

    /// The entries, sorted.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether an event of `kind` is wanted.
    pub fn wants(&self, kind: EventKind) -> bool {
        kind.is_chosen() && matching(kind).iter().any(|entry| self.0.contains(entry.as_str()))
    }
}

impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.entries().collect::<Vec<_>>().join(" "))
    }
}

/// The three entries by which an event of `kind` is wanted.
pub fn matching(kind: EventKind) -> [String; 3] {
    [ALL.to_owned(), format!("{}.*", kind.group()), kind.as_str().to_owned()]
}

/// Every entry that means something.
fn entries_known() -> BTreeSet<String> {
    EventKind::ALL.iter().filter(|kind| kind.is_chosen()).flat_map(|kind| matching(*kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_groups_and_all_are_chosen_and_typing_errors_are_all_told() {
        let filters = Filters::parse(["lead.*", " issue.released"]).unwrap();
        assert!(filters.wants(EventKind::LeadWon) && filters.wants(EventKind::IssueReleased));
        assert!(!filters.wants(EventKind::AssetRecalled));
        assert_eq!(filters.to_string(), "issue.released lead.*");
        let all = Filters::parse([]).unwrap();
        for kind in EventKind::ALL {
            assert_eq!(all.wants(*kind), kind.is_chosen(), "{kind:?}");
        }
        let error = Filters::parse(["lead.one", "isue.released", "lead.*"]).unwrap_err();
        assert!(
            error.public().contains("`lead.won`") && error.public().contains("`issue.released`"),
            "{error}"
        );
        assert!(Filters::parse(["endpoint.test"]).is_err(), "that is not chosen");
    }
}
