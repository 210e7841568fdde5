//! frequency.toml: how many messages one person gets at most, and which newsletters and sequences come first.

use std::{collections::BTreeSet, fmt};

use super::{
    super::{
        finding::{Findings, Place, codes},
        keys::{Found, Keys, Reference},
    },
    whole,
};

/// Where it lies.
pub const FREQUENCY: &str = "rules/frequency.toml";
/// Most limits.
const LIMITS_MAX: usize = 10;
/// Longest span of a limit, in days.
const DAYS_MAX: u32 = 366;

/// At most so many messages to one person in any so many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrequencyLimit {
    /// Messages; 1 to 1,000.
    pub messages: u32,
    /// Days; 1 to 366.
    pub days: u32,
}

/// `2 messages in 7 days`
impl fmt::Display for FrequencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |count: u32, one: &'static str, many: &'static str| if count == 1 { one } else { many };
        let (messages, days) = (self.messages, self.days);
        let message_word = word(messages, "message", "messages");
        write!(f, "{messages} {message_word} in {days} {}", word(days, "day", "days"))
    }
}

/// The budget of each person over all newsletters and sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrequencyRules {
    /// All of them hold.
    pub limits: Vec<FrequencyLimit>,
    /// Newsletters and sequences that others leave room for, the first before the second.
    pub priority: Vec<Reference>,
}

impl FrequencyRules {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// The place of a newsletter or sequence: 0 is first, those that are not named come last, all alike.
    pub fn rank(&self, slug: &str) -> usize {
        self.priority.iter().position(|named| named.as_str() == slug).unwrap_or(self.priority.len())
    }

    /// The longest span that is looked at, in days.
    pub fn days(&self) -> u32 {
        self.limits.iter().map(|limit| limit.days).max().unwrap_or_default()
    }

    pub(in crate::domain::content) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        keys.need("version", f).and_then(|v| v.count(1, f));
        let found = keys.need("limit", f);
        let place = found.as_ref().map(Found::place);
        let found = found.map(|v| v.list(f)).unwrap_or_default();
        if let Some(place) = place.filter(|_| found.len() > LIMITS_MAX) {
            let message = format!("there are {} limits", found.len());
            f.add(codes::BAD_VALUE, place, message, format!("keep the {LIMITS_MAX} that matter"));
        }
        let limits = found.into_iter().take(LIMITS_MAX);
        let limits: Vec<(Place, FrequencyLimit)> =
            limits.filter_map(|v| Some((v.place(), limit(v, f)?))).collect();
        swallowed(&limits, f);
        let limits = limits.into_iter().map(|(_, limit)| limit).collect();
        let priority = keys.get("priority").map(|v| v.list(f)).unwrap_or_default();
        let priority: Vec<Reference> = priority.into_iter().filter_map(|v| v.reference(f)).collect();
        let mut seen = BTreeSet::new();
        for again in priority.iter().filter(|named| !seen.insert(named.as_str())) {
            let message = format!("`{}` stands twice, and its first place counts", again.as_str());
            f.add(codes::WITHOUT_EFFECT, again.place, message, "remove one of them");
        }
        keys.finish(f);
        Self { limits, priority }
    }
}

/// Limits that others keep already: whoever keeps one of those cannot break them.
fn swallowed(limits: &[(Place, FrequencyLimit)], f: &mut Findings<'_>) {
    for (at, (place, limit)) in limits.iter().enumerate() {
        let by = limits.iter().enumerate().find(|(other_at, (_, other))| {
            // So many spans of the other hold any span of this one.
            let spans = limit.days.div_ceil(other.days.max(1));
            let keeps = u64::from(other.messages) * u64::from(spans) <= u64::from(limit.messages);
            // Of two that are the same the second does nothing.
            keeps && *other_at != at && (other != limit || *other_at < at)
        });
        if let Some((_, (_, by))) = by {
            let message = format!("{limit} is never reached: {by} is less");
            f.add(codes::WITHOUT_EFFECT, *place, message, "remove it, or allow less in it");
        }
    }
}

fn limit(found: Found, f: &mut Findings<'_>) -> Option<FrequencyLimit> {
    let mut keys = found.map(f)?;
    let messages = keys.need("messages", f).and_then(|v| whole(v, 1, 1_000, f));
    let days = keys.need("days", f).and_then(|v| whole(v, 1, DAYS_MAX, f));
    keys.finish(f);
    Some(FrequencyLimit { messages: messages?, days: days? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn read(text: &str) -> (FrequencyRules, Vec<String>) {
        let file = SourceFile { path: FREQUENCY.to_owned(), bytes: text.as_bytes().to_vec() };
        let (library, findings) = Library::build([file]);
        let said = findings.into_iter().filter(|finding| finding.file == FREQUENCY);
        (library.rules.frequency, said.map(|finding| finding.message).collect())
    }

    #[test]
    fn limits_and_priorities_are_read() {
        let (rules, said) =
            read("version = 1\n[[limit]]\nmessages = 2\ndays = 7\n[[limit]]\nmessages = 5\ndays = 30\n");
        assert_eq!(said, [] as [String; 0]);
        assert_eq!((rules.limits.len(), rules.days(), rules.rank("any")), (2, 30, 0));
        let (_, said) = read("version = 1\n[[limit]]\nmessages = 0\ndays = 400\n");
        assert_eq!(said.len(), 2, "{said:?}");
        let limits = |limits: &[(u32, u32)]| {
            let of =
                |(messages, days): &(u32, u32)| format!("[[limit]]\nmessages = {messages}\ndays = {days}\n");
            read(&format!("version = 1\n{}", limits.iter().map(of).collect::<String>())).1
        };
        assert_eq!(limits(&[(2, 7), (5, 30)]), [] as [String; 0]);
        assert_eq!(
            limits(&[(5, 1), (2, 30)]),
            ["5 messages in 1 day is never reached: 2 messages in 30 days is less"]
        );
        assert_eq!(
            limits(&[(20, 7), (2, 1)]),
            ["20 messages in 7 days is never reached: 2 messages in 1 day is less"]
        );
        assert_eq!(limits(&[(13, 7), (2, 1)]), [] as [String; 0], "one less than seven days allow");
        assert_eq!(limits(&[(1, 7), (1, 7)]).len(), 1, "the second");
        let twice = Library::build([SourceFile {
            path: FREQUENCY.to_owned(),
            bytes: b"version = 1\npriority = [\"a\", \"a\"]\n[[limit]]\nmessages = 1\ndays = 1\n".to_vec(),
        }]);
        assert_eq!(twice.1.iter().filter(|finding| finding.code == "C561").count(), 1);
        let (_, said) = read("version = 1\npriority = [\"nothing\"]\n[[limit]]\nmessages = 1\ndays = 1\n");
        assert!(said[0].contains("no newsletter and no sequence `nothing`"), "{said:?}");
    }
}
