//! Findings: what is wrong with the content, where, and how to mend it.
//!
//! Parsing content never fails; it returns findings. The terminal, CI and the editor all show these.

use std::{borrow::Cow, fmt};

use serde::Serialize;

/// Most findings one file may give; the last one says that there are more.
pub const FINDINGS_PER_FILE_MAX: usize = 100;

/// Most names in a finding about several.
const NAMES_MAX: usize = 3;
/// How many of the words that would do are listed in a fix.
const LISTED_MAX: usize = 20;

/// Whether a finding stops a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The content cannot be used as it stands.
    Error,
    /// It can, but somebody should look.
    Warning,
}

impl Severity {
    /// The word used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A sort of finding. The number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `C` and three digits.
    pub id: &'static str,
    /// Whether it stops a sync.
    pub severity: Severity,
    /// What it says, for the list in the documentation.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $severity:ident $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Code = Code { id: $id, severity: Severity::$severity, meaning: $meaning };)*
        /// Every code, in order.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

/// The codes.
pub mod codes {
    use super::{Code, Severity};

    codes! {
        NOT_UTF8 "C100" Error "The file is not UTF-8 text.";
        NO_FRONT_MATTER "C101" Error "The file does not begin with front matter, or the front matter is not closed.";
        BAD_SYNTAX "C102" Error "The YAML or TOML cannot be read.";
        UNKNOWN_KEY "C103" Error "A key that this kind of file does not have.";
        MISSING_KEY "C104" Error "A required key is missing.";
        WRONG_TYPE "C105" Error "A value is of the wrong type.";
        BAD_VALUE "C106" Error "A value is not one of those allowed.";
        DUPLICATE_KEY "C107" Error "A key stands twice.";
        TOO_LONG "C108" Error "A text is longer than its place allows.";
        BAD_DATE "C109" Error "A date or time cannot be read.";
        UNSAFE_CHARACTER "C110" Error "A control, direction or private-use character; it was dropped.";
        BYTE_ORDER_MARK "C111" Warning "The file begins with a byte order mark.";
        WRONG_KIND "C112" Error "The kind does not fit the folder.";
        NO_OUTCOME "C113" Error "Executives read it, and it does not say what they get from it.";
        NO_IMAGE_ALT "C114" Error "An image without a text that stands for it.";
        RAW_HTML "C201" Error "Raw HTML in Markdown; it is shown as text.";
        BAD_LINK "C202" Error "A link whose target is not allowed; only its text is kept.";
        IMAGE_IN_TEXT "C203" Error "An image in the middle of text; images stand alone.";
        BAD_IMAGE "C204" Error "An image path that leaves the content folder, a format that mail cannot show, or a file that is no such image.";
        TOP_HEADING "C205" Error "A first-level heading; the title is the only one.";
        TOO_DEEP "C206" Error "Markdown nested too deep; the inner part is shown as plain text.";
        PLAIN_HTTP "C207" Warning "A link without encryption.";
        EMPTY_BODY "C208" Error "There is no text below the front matter.";
        POST_TOO_LONG "C209" Error "A social post longer than one of its networks allows.";
        HEADING_ORDER "C210" Warning "A heading more than one level below the one before it.";
        LONG_SUBJECT "C211" Warning "A subject that mail programs cut off.";
        UNKNOWN_ROLE "C301" Error "A role block for a role that does not exist.";
        BLOCK_NOT_CLOSED "C302" Error "A block that is not closed.";
        STRAY_FENCE "C303" Error "A closing fence without a block.";
        NESTED_BLOCK "C304" Error "A block inside another.";
        BLOCK_NOT_ALLOWED "C305" Error "Blocks in a kind that has none.";
        BAD_SELECTION "C306" Error "A condition that cannot be read; what it guards is shown to nobody.";
        UNSERVED "C307" Warning "A condition that no partner of the roster meets.";
        BAD_ZONE "C308" Error "A zone block that cannot be read.";
        ZONE_NOT_LISTED "C309" Error "A zone that the asset does not list among its `zones`.";
        ZONE_UNUSED "C310" Warning "A zone that is listed and stands nowhere in the asset.";
        ZONE_TEXT "C311" Error "A partner's text for a zone that cannot be used as written.";
        ZONE_MISSING "C312" Warning "A partner without the text that an asset wants of them; they cannot have it yet.";
        UNKNOWN_FIELD "C401" Error "A merge field that does not exist.";
        FIELD_NOT_HERE "C402" Error "A merge field that is not filled in this kind or place.";
        NO_DEFAULT "C403" Warning "A merge field that may be empty has no default.";
        MALFORMED_FIELD "C404" Error "A merge field that cannot be read.";
        NO_VALUE "C405" Error "A merge field that has neither a default nor a value for some partner.";
        DANGLING_REFERENCE "C501" Error "A reference to an asset that does not exist.";
        MISSING_IMAGE "C502" Error "An image that does not exist.";
        DUPLICATE_REFERENCE "C503" Error "Two files with one reference and locale.";
        STRAY_FILE "C504" Error "A file outside the known folders, or with a name that has no meaning there.";
        NO_ORIGINAL "C505" Error "A translation without its original.";
        UNKNOWN_SENDER "C506" Error "A newsletter's sender that vendor.toml does not have.";
        ROLE_WITHOUT_CONTENT "C507" Warning "A role in the newsletter's audience for which the issue has no block.";
        UNKNOWN_PARTNER "C508" Error "A partner that the roster does not have.";
        NO_LOGO "C509" Warning "A partner without a logo; its name is set in type instead.";
        TOO_LARGE "C510" Error "A file or a folder beyond the limits.";
        WRONG_REFERENCE "C511" Error "A reference to an asset of a kind that does not fit.";
        NO_VENDOR "C512" Error "There is no vendor.toml.";
        DATE_NOT_NAME "C513" Error "An issue's date or newsletter differs from its file's place.";
        LOW_CONTRAST "C514" Warning "A colour that is hard to read.";
        FEW_FORMS "C515" Warning "A key message that people cannot read, watch and do.";
        AVOIDED_WORD "C516" Warning "A word that vendor.toml asks to avoid.";
        UNREAD_LANGUAGE "C517" Warning "A translation into a language that nobody on the roster reads.";
        UNWRITTEN_LANGUAGE "C518" Warning "A language of the roster in which nothing is written.";
        NO_FONT "C519" Warning "A whitepaper with letters that the fonts of PDFs lack.";
        MAIL_TOO_LARGE "C520" Warning "A mail so long that a large provider shows it cut off.";
        NAME_TOO_WIDE "C521" Warning "A partner's name with a word wider than a phone.";
        NOT_RENDERED "C522" Error "An asset that cannot be rendered for some partner.";
        UNLICENSED_IMAGE "C523" Warning "An image without a stated licence.";
        NO_SOURCE "C524" Warning "A statistic without a source.";
        SOURCE_EXPIRED "C525" Warning "A source on which nobody may rely any more.";
        PROMOTIONAL_SHARE "C526" Warning "More than a fifth of the posts promote.";
        LONG_READ "C527" Warning "A text that takes its readers longer than they have.";
        FAINT_LOGO "C528" Warning "A logo that is hard to see on the ground it stands on.";
        LICENCE_ENDED "C529" Warning "An image whose licence has ended.";
        MISSING_CALENDAR "C530" Error "A blackout's calendar that does not exist.";
        BAD_CALENDAR "C531" Error "A calendar file that cannot be read, or without an all-day event.";
        EVENT_NOT_READ "C532" Warning "An event that may be a holiday and is not read as it is meant.";
        UNUSED_CALENDAR "C533" Warning "A calendar file that no blackout names.";
        ALWAYS_QUIET "C534" Error "Quiet windows that leave no hour of a week.";
        ALWAYS_BLOCKED "C535" Warning "A newsletter whose every date the calendar rules swallow.";
        NEVER_ON_TIME "C536" Warning "A send window that never holds the hour that the cadence promises.";
        NOT_MERGED "C537" Warning "An issue that is never merged with others, although its newsletter allows it.";
        UNKNOWN_STEP "C540" Error "A condition on a step that the sequence does not have.";
        LATER_STEP "C541" Error "A condition on a step that is not sent before.";
        DUPLICATE_STEP "C542" Error "Two steps of one name.";
        NO_MESSAGE "C543" Error "A step without the message that it sends.";
        STRAY_MESSAGE "C544" Error "A message that no step sends.";
        BAD_DELAY "C545" Error "A delay that cannot be read, or is longer than a year.";
        SEQUENCE_LOOP "C546" Error "Sequences that lead to each other without end.";
        NO_STEPS "C547" Error "A sequence without steps.";
        TOO_MANY_STEPS "C548" Error "A sequence of more steps than are read.";
        WRONG_PEOPLE "C549" Error "Something in a sequence that does not go with the people it is for.";
        NAME_TAKEN "C550" Error "A sequence whose name stands for something else that readers can stop.";
        NO_CONSENT "C551" Error "A sequence for leads whose consent no form asks for.";
        UNKNOWN_MESSAGE "C552" Error "A key message that messages.toml does not name.";
        UNTOLD_MESSAGE "C553" Warning "A key message that no asset tells.";
        SAME_FORM "C554" Warning "Two issues in a row that tell a message in the same form.";
        COPIED_KEY "C555" Warning "A key of a translation that says something else than the original, which counts.";
        UNKNOWN_PILOT "C556" Warning "A pilot reader that the roster does not have.";
        FEW_READERS "C557" Warning "Two subjects for fewer readers than tell them apart.";
        NEVER_LEAVES "C558" Error "A newsletter of which no promised date at all leaves.";
        MOSTLY_SKIPPED "C559" Warning "A newsletter most of whose dates quiet windows or its send window skip.";
        MISLEADING "C560" Warning "A value that means something else than it seems to say.";
        WITHOUT_EFFECT "C561" Warning "A rule that another one makes void.";
        SEEN_TOO_LATE "C562" Warning "A session that is over before its page may be seen.";
        SHORT_PILOT "C563" Warning "A pilot that leaves so shortly before the hour that the others wait beyond it.";
        CRM_FIELD "C570" Error "A field map that names a field of ours that there is not, or one of theirs that cannot be.";
        CRM_STAGE "C571" Error "A stage of leads that a field map has no words for, or one that there is not.";
        CRM_BACK "C572" Error "A word of a CRM that a field map leads to no step or reason of ours.";
        CRM_KEY "C573" Error "A field map that sets the external id by itself; the lead's id belongs there.";
        MORE_FINDINGS "C900" Error "A file with more findings than are listed.";
    }
}

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `C` and three digits; see [`codes`].
    pub code: &'static str,
    /// Whether it stops a sync.
    pub severity: Severity,
    /// Path of the file under the content folder, with `/`.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, file, line, column, message, fix } = self;
        write!(f, "{file}:{line}:{column} {} {code} {message} (fix: {fix})", severity.as_str())
    }
}

/// By file, then by place, then by code: the order in which people work through them.
impl Ord for Finding {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |f: &Self| (f.line, f.column, f.code, f.severity);
        self.file
            .cmp(&other.file)
            .then_with(|| key(self).cmp(&key(other)))
            .then_with(|| self.message.cmp(&other.message))
            .then_with(|| self.fix.cmp(&other.fix))
    }
}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A place in a file: line and column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// Where byte `offset` of `text` is. Reads `text` up to there, so it is for findings only.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines = before.iter().filter(|b| **b == b'\n').count();
        // Continuation bytes do not count: a character is counted at its first byte.
        let column = before[line_start..].iter().filter(|b| (**b & 0xc0) != 0x80).count();
        let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Self { line: number(lines), column: number(column) }
    }
}

/// As [`Place::of`], for many places of one text: what is counted once is not counted again, so that a file of a
/// hundred thousand keys is read in time.
pub struct Places<'t> {
    text: &'t [u8],
    /// Where each line begins.
    lines: Vec<usize>,
    /// How many characters begin before each step.
    chars: Vec<usize>,
}

/// Bytes between two counts of characters.
const STEP: usize = 64;

impl<'t> Places<'t> {
    /// Looks through `text` once.
    pub fn new(text: &'t str) -> Self {
        let text = text.as_bytes();
        let breaks = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        let mut chars = vec![0];
        for step in text.chunks(STEP) {
            chars.push(chars.last().copied().unwrap_or(0) + chars_in(step));
        }
        Self { text, lines, chars }
    }

    /// The place of the byte at `offset`.
    pub fn of(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(self.chars_before(offset) - self.chars_before(start) + 1) }
    }

    fn chars_before(&self, offset: usize) -> usize {
        let step = offset / STEP;
        self.chars[step] + chars_in(&self.text[step * STEP..offset])
    }
}

/// How many characters begin in `bytes`; continuation bytes do not count.
fn chars_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

/// Where a finding is, as its finder knows it. An offset becomes a place only if the finding is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A known place.
    Place(Place),
    /// A byte of the file's text.
    Offset(usize),
}

impl At {
    /// So many bytes further on the same line, where that is known.
    #[must_use]
    pub fn after(self, bytes: usize) -> Self {
        match self {
            Self::Offset(offset) => Self::Offset(offset + bytes),
            Self::Place(_) => self,
        }
    }
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self::Place(place)
    }
}

/// Collects the findings of one file.
#[derive(Debug)]
pub struct Findings<'a> {
    file: &'a str,
    text: Cow<'a, str>,
    list: Vec<Finding>,
    left_out: usize,
}

impl<'a> Findings<'a> {
    /// For `file`, whose offsets are into `text`.
    pub fn new(file: &'a str, text: impl Into<Cow<'a, str>>) -> Self {
        Self { file, text: text.into(), list: Vec::new(), left_out: 0 }
    }

    /// The text that offsets are into.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds one.
    pub fn add(&mut self, code: Code, at: impl Into<At>, message: impl Into<String>, fix: impl Into<String>) {
        if self.list.len() >= FINDINGS_PER_FILE_MAX {
            // Counting lines costs time; what is not listed needs no place.
            self.left_out += 1;
            return;
        }
        let place = match at.into() {
            At::Place(place) => place,
            At::Offset(offset) => Place::of(&self.text, offset),
        };
        self.list.push(Finding {
            code: code.id,
            severity: code.severity,
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            message: message.into(),
            fix: fix.into(),
        });
    }

    /// Adds one at byte `offset` of the text.
    pub fn add_at(&mut self, code: Code, offset: usize, message: impl Into<String>, fix: impl Into<String>) {
        self.add(code, At::Offset(offset), message, fix);
    }

    /// Everything found.
    pub fn finish(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            self.list.truncate(FINDINGS_PER_FILE_MAX - 1);
            let last = self.list.iter().map(|f| f.line).max().unwrap_or(1);
            self.add(
                codes::MORE_FINDINGS,
                Place { line: last, column: 1 },
                format!("{} more findings in this file are not listed", left_out + 1),
                "mend those listed and check again",
            );
        }
        self.list
    }
}

/// `a, b, c and 9 more`
pub fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The one of `known` that `word` was probably meant to be.
pub fn suggestion<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// How to mend a word that is not among `known`: the likely one, else the list.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match suggestion(word, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let mut known = known.into_iter();
            let all: Vec<String> = known.by_ref().take(LISTED_MAX).map(|word| format!("`{word}`")).collect();
            let more = if known.next().is_some() { ", ..." } else { "" };
            format!("use one of {}{more}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_counted_from_the_first_byte() {
        let lines: String =
            (0..40).map(|line| format!("{}\u{e9}\u{5fa9} x\n", "a".repeat(line * 3))).collect();
        for text in ["", "\n", "a", lines.as_str()] {
            let places = Places::new(text);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                assert_eq!(places.of(at), Place::of(text, at), "{at}");
            }
        }
    }

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(codes::CODES.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_finding_reads_like_a_compiler_message() {
        let mut findings = Findings::new("blog/x.md", "ab\nc\u{e9}d");
        findings.add_at(codes::RAW_HTML, 6, "no", "mend");
        let list = findings.finish();
        assert_eq!(list[0].to_string(), "blog/x.md:2:3 error C201 no (fix: mend)");
    }

    #[test]
    fn a_flood_is_cut_and_says_so() {
        let mut findings = Findings::new("x", "");
        (0..250).for_each(|_| findings.add_at(codes::RAW_HTML, 0, "no", "mend"));
        let list = findings.finish();
        assert_eq!(list.len(), FINDINGS_PER_FILE_MAX);
        assert_eq!(list[99].code, "C900");
        assert!(list[99].message.starts_with("151 more"));
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        assert_eq!(suggestion("sumary", ["summary", "title"]), Some("summary"));
        assert_eq!(suggestion("zzz", ["summary", "title"]), None);
    }
}
