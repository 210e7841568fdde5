//! Statements and their arguments, written once for both databases.

use crate::domain::kernel::{Error, Result};

/// A statement. Most are one text; the few that differ between the databases are made by [`skip_locked!`].
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A statement with a locking sub-select in its middle: SQLite has one writer and needs no lock, PostgreSQL skips
/// the rows that another node holds. With `no_key:` rows to which others refer just now are not taken for held: whoever
/// inserts such a reference locks the key.
macro_rules! skip_locked {
    (no_key: $before:expr, $after:expr) => {
        $crate::store::sql::Sql {
            sqlite: concat!($before, $after),
            postgres: concat!($before, " FOR NO KEY UPDATE SKIP LOCKED", $after),
        }
    };
    ($before:expr, $after:expr) => {
        $crate::store::sql::Sql {
            sqlite: concat!($before, $after),
            postgres: concat!($before, " FOR UPDATE SKIP LOCKED", $after),
        }
    };
}
pub(crate) use skip_locked;

/// The end of a condition on the outcome of a try: the other side heard of the message (not `Trouble::is_ours`).
macro_rules! not_ours {
    () => {
        "NOT IN ('host', 'our-setup')"
    };
}
pub(crate) use not_ours;

/// The same: it was refused for what was sent, or for who sends it (`Trouble::is_for_all`).
macro_rules! for_all {
    () => {
        "IN ('our-setup', 'policy', 'content', 'protocol')"
    };
}
pub(crate) use for_all;

/// The end of a condition on a row `c` of `consent`: it is a yes that nothing took back, neither a later no to the same text,
/// nor that the person, or whoever reads mail at the address, stopped everything since.
macro_rules! consent_stands {
    () => {
        "c.granted
         AND NOT EXISTS (SELECT 1 FROM consent w WHERE w.lead_id = c.lead_id AND w.text_id = c.text_id
                             AND w.text_version = c.text_version AND w.at_ms > c.at_ms AND NOT w.granted)
         AND NOT EXISTS (SELECT 1 FROM consent_withdrawal w WHERE w.lead_id = c.lead_id AND w.at_ms >= c.at_ms)
         AND NOT EXISTS (SELECT 1 FROM suppression s JOIN lead p ON p.person_key = s.email_key
                         WHERE p.id = c.lead_id AND s.scope = 'all' AND s.reason = 'unsubscribed'
                             AND s.created_ms >= c.at_ms)"
    };
}
pub(crate) use consent_stands;

/// `text` for a LIKE pattern with `ESCAPE '!'`: every letter of it stands for itself.
pub(super) fn like_plain(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// A typed argument; a missing value keeps its type, which PostgreSQL wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Int(Option<i64>),
    /// BOOLEAN.
    Bool(Option<bool>),
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}

impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Bool(Some(value))
    }
}

/// Arguments of a statement, in the order of `$1`, `$2`, ….
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::Arg::from($value)),*] };
}
pub(crate) use args;

/// A value read back that no longer means anything: names table, column and row, so that a person can look.
pub fn stored<T>(table: &str, column: &str, row: &str, value: &str, parsed: Option<T>) -> Result<T> {
    parsed.ok_or_else(|| {
        Error::internal(format!("table {table}, column {column}, row {row}: `{value}` cannot be read"))
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::delivery::Trouble;

    #[test]
    fn conditions_on_outcomes_name_the_words_of_the_domain() {
        for trouble in Trouble::ALL {
            let word = format!("'{}'", trouble.as_str());
            assert_eq!(not_ours!().contains(&word), trouble.is_ours(), "{word}");
            assert_eq!(for_all!().contains(&word), trouble.is_for_all(), "{word}");
        }
    }
}
