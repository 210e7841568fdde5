//! The git commit at which content was synced: what its object says, within limits.

use serde::Serialize;

use super::safe::is_bad;
use crate::domain::kernel::clock::UtcMs;

/// Longest subject kept, in characters.
const SUBJECT_CHARS_MAX: usize = 200;
/// Digits by which people name a commit.
const SHORT_DIGITS: usize = 10;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.
    pub id: String,
    /// The first paragraph of its message as one line, where its object could be read.
    pub subject: Option<String>,
    /// When its author wrote it, likewise.
    pub authored_ms: Option<UtcMs>,
}

impl Commit {
    /// A commit of which the id alone is known; nothing for a text that is no id.
    pub fn of_id(text: &str) -> Option<Self> {
        let id = text.trim();
        let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_id.then(|| Self { id: id.to_ascii_lowercase(), subject: None, authored_ms: None })
    }

    /// The same with what `object` says: the commit as git keeps it, or its beginning.
    #[must_use]
    pub fn with_object(mut self, object: &str) -> Self {
        let (head, message) = object.split_once("\n\n").unwrap_or((object, ""));
        self.authored_ms = head.lines().find_map(|line| author_ms(line.strip_prefix("author ")?));
        let paragraph = message.trim_start_matches('\n').split("\n\n").next().unwrap_or_default();
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let subject: String =
            words.join(" ").chars().filter(|c| !is_bad(*c)).take(SUBJECT_CHARS_MAX).collect();
        self.subject = Some(subject).filter(|subject| !subject.is_empty());
        self
    }

    /// The id as people write it.
    pub fn short(&self) -> &str {
        short(&self.id)
    }
}

/// The first digits of a commit's id.
pub fn short(id: &str) -> &str {
    id.get(..SHORT_DIGITS).unwrap_or(id)
}

/// `Ana <ana@x.example> 1799744700 +0100`: seconds since 1970, and a zone that changes nothing.
fn author_ms(line: &str) -> Option<UtcMs> {
    let seconds = line.rsplit_once('>')?.1.split_whitespace().next()?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn ids_are_hexadecimal_and_have_a_length() {
        assert_eq!(Commit::of_id(&format!("{ID}\n")).unwrap().short(), "0123456789");
        assert!(Commit::of_id(&ID[1..]).is_none() && Commit::of_id(&ID.replace('0', "g")).is_none());
        assert_eq!(short("abc"), "abc");
    }

    #[test]
    fn an_object_gives_subject_and_date_and_anything_else_gives_nothing() {
        let object = "tree x\nauthor A <a> b <a@x.example> 1799744700 +0100\ncommitter C <c@x.example> 5 +0000\n\nSay what\nit costs\u{202e}\n\nMore.\n";
        let commit = Commit::of_id(ID).unwrap().with_object(object);
        assert_eq!(commit.subject.as_deref(), Some("Say what it costs"));
        assert_eq!(commit.authored_ms, Some(1_799_744_700_000));
        for odd in ["", "author", "author x> y", "tree x\n\n", "author a <b> 99999999999999999999 +0"] {
            let commit = Commit::of_id(ID).unwrap().with_object(odd);
            assert_eq!((commit.subject, commit.authored_ms), (None, None), "{odd}");
        }
        let long = format!("tree x\n\n{}", "w ".repeat(1_000));
        assert_eq!(Commit::of_id(ID).unwrap().with_object(&long).subject.unwrap().chars().count(), 200);
    }
}
