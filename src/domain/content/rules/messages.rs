//! messages.toml: the key messages of a vendor, and how often each is told to one person.

use super::{
    super::{
        finding::{Findings, Place, codes},
        keys::{Found, Keys},
    },
    whole,
};
use crate::domain::kernel::Slug;

/// Where it lies.
pub const MESSAGES: &str = "rules/messages.toml";
/// How often a message is told to one person, unless the rules say otherwise.
pub const TOUCHES_MAX: u32 = 7;
/// Most touches that a message may have.
const TOUCHES_LIMIT: u32 = 100;
/// Most messages: nobody can stand for fifty things.
const MESSAGES_MAX: usize = 50;
/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 120;

/// A statement whose touches are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMessage {
    /// What assets name in `key_message`.
    pub slug: Slug,
    /// What it says.
    pub title: String,
    /// How often it is told to one person at most; none for as often as all.
    pub touches_max: Option<u32>,
    /// Where it stands in the file.
    pub place: Place,
}

/// The key messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRules {
    /// How often each is told to one person at most.
    pub touches_max: u32,
    /// Those that are named, in their order; nothing where assets may name any.
    pub messages: Vec<KeyMessage>,
}

impl Default for MessageRules {
    fn default() -> Self {
        Self { touches_max: TOUCHES_MAX, messages: Vec::new() }
    }
}

impl MessageRules {
    /// How often `message` is told to one person at most.
    pub fn touches_max(&self, message: &str) -> u32 {
        self.find(message).and_then(|found| found.touches_max).unwrap_or(self.touches_max)
    }

    /// What `message` says; its slug where nothing is written.
    pub fn title<'t>(&'t self, message: &'t str) -> &'t str {
        self.find(message).map_or(message, |found| &found.title)
    }

    fn find(&self, message: &str) -> Option<&KeyMessage> {
        self.messages.iter().find(|found| found.slug.as_str() == message)
    }

    pub(in crate::domain::content) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Self {
        keys.need("version", f).and_then(|v| v.count(1, f));
        let touches_max = keys.get("touches_max").and_then(|v| whole(v, 1, TOUCHES_LIMIT, f));
        let found = keys.get("message");
        let place = found.as_ref().map(Found::place);
        let found = found.map(|v| v.list(f)).unwrap_or_default();
        if let Some(place) = place.filter(|_| found.len() > MESSAGES_MAX) {
            let message = format!("there are {} messages", found.len());
            f.add(codes::BAD_VALUE, place, message, format!("keep the {MESSAGES_MAX} that matter most"));
        }
        let mut messages: Vec<KeyMessage> = Vec::new();
        for found in found.into_iter().take(MESSAGES_MAX) {
            let place = found.place();
            let Some(message) = key_message(found, f) else { continue };
            if messages.iter().any(|known| known.slug == message.slug) {
                let text = format!("`{}` stands there twice", message.slug);
                f.add(codes::BAD_VALUE, place, text, "remove one of them");
                continue;
            }
            messages.push(message);
        }
        keys.finish(f);
        Self { touches_max: touches_max.unwrap_or(TOUCHES_MAX), messages }
    }
}

fn key_message(found: Found, f: &mut Findings<'_>) -> Option<KeyMessage> {
    let place = found.place();
    let mut keys = found.map(f)?;
    let slug = keys.need("slug", f).and_then(|v| v.slug(f));
    let title = keys.need("title", f).and_then(|v| v.line_of(TITLE_CHARS_MAX, f));
    let touches_max = keys.get("touches_max").and_then(|v| whole(v, 1, TOUCHES_LIMIT, f));
    keys.finish(f);
    Some(KeyMessage { slug: slug?, title: title?, touches_max, place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn read(text: &str) -> (MessageRules, Vec<String>) {
        let file = SourceFile { path: MESSAGES.to_owned(), bytes: text.as_bytes().to_vec() };
        let (library, findings) = Library::build([file]);
        let said = findings.into_iter().filter(|finding| finding.file == MESSAGES);
        (library.rules.messages, said.map(|finding| finding.message).collect())
    }

    #[test]
    fn a_message_has_its_own_cap_or_that_of_all() {
        let (rules, said) = read(
            "version = 1\ntouches_max = 5\n[[message]]\nslug = \"a\"\ntitle = \"A is so\"\ntouches_max = 9\n\
             [[message]]\nslug = \"b\"\ntitle = \"B is so\"\n",
        );
        assert_eq!(said, ["no asset tells `a`", "no asset tells `b`"]);
        assert_eq!(["a", "b", "c"].map(|slug| rules.touches_max(slug)), [9, 5, 5]);
        assert_eq!(["a", "c"].map(|slug| rules.title(slug)), ["A is so", "c"]);
        assert_eq!(MessageRules::default().touches_max("any"), 7);
    }

    #[test]
    fn assets_and_messages_are_matched() {
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let rules = "version = 1\n[[message]]\nslug = \"restores\"\ntitle = \"R\"\n";
        let (_, findings) = Library::build([
            file(MESSAGES, rules),
            file("pages/a.md", "---\nkind: page\ntitle: A\nsummary: A.\nkey_message: restore\n---\nX.\n"),
        ]);
        let said: Vec<String> = findings
            .iter()
            .filter(|finding| finding.code.starts_with("C55"))
            .map(|finding| format!("{} {} {}: {}", finding.code, finding.file, finding.line, finding.fix))
            .collect();
        assert_eq!(
            said,
            [
                "C552 pages/a.md 5: did you mean `restores`?",
                "C553 rules/messages.toml 2: write `key_message: restores` in one that does, or remove it"
            ]
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let (_, said) = read(
            "version = 1\ntouches_max = 0\n[[message]]\nslug = \"a\"\ntitle = \"A\"\n[[message]]\nslug = \"a\"\ntitle = \"B\"\n\
             [[message]]\ntitle = \"C\"\ntouches_max = 1000\n",
        );
        assert_eq!(said.len(), 5, "{said:?}");
    }
}
