//! Markdown to the owned tree (CommonMark 0.31 and GFM tables). Never fails: what cannot be kept is a finding.
//!
//! Merge fields are cut out of the text before Markdown sees it and stand in it as one private-use character
//! each, so a default may hold any character, also in a table or in a link's target. Authors cannot type these
//! characters: they were dropped from the source, and an entity that names one is dropped here.

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser};

use super::{
    builder::Builder,
    field::{self, FieldFault, FieldUse, Scope},
    finding::Findings,
    tree::Node,
};
use crate::domain::kernel::text::is_unsafe;

/// Most merge fields in one section.
const FIELDS_MAX: usize = 1_000;
/// The first private-use character; the n-th field stands as this plus n.
const FIRST_SLOT: u32 = 0xe000;

/// Reads `text`, which begins at byte `base` of the file that `findings` are about.
pub fn parse(text: &str, base: usize, scope: Scope, findings: &mut Findings<'_>) -> Vec<Node> {
    let lifted = Lifted::new(text);
    let mut builder = Builder::new(&lifted, base, scope, findings);
    for (event, range) in Parser::new_ext(&lifted.text, Options::ENABLE_TABLES).into_offset_iter() {
        builder.event(event, &range);
    }
    builder.finish()
}

/// A text whose fields are cut out.
pub(super) struct Lifted<'t> {
    text: Cow<'t, str>,
    fields: Vec<Cut<'t>>,
}

pub(super) struct Cut<'t> {
    /// What stood there.
    raw: &'t str,
    pub(super) read: Result<FieldUse, FieldFault>,
    /// How many bytes the text before it, and it, have become shorter.
    shrunk: usize,
    /// Where it stands in the shortened text.
    at: usize,
}

impl<'t> Lifted<'t> {
    fn new(source: &'t str) -> Self {
        let mut text = String::new();
        let mut fields: Vec<Cut<'t>> = Vec::new();
        let mut kept = 0;
        let mut from = 0;
        while let Some(at) = source[from..].find("{{").map(|at| at + from) {
            let (length, read) = field::read(&source[at..]);
            let slot = slot_of(fields.len());
            from = at + length;
            if source[..at].ends_with('\\') || length == 2 {
                continue;
            }
            let Some(slot) = slot else { break };
            text.push_str(&source[kept..at]);
            let place = text.len();
            text.push(slot);
            let shrunk = fields.last().map_or(0, |last| last.shrunk) + length - slot.len_utf8().min(length);
            fields.push(Cut { raw: &source[at..from], read, shrunk, at: place });
            kept = from;
        }
        if fields.is_empty() {
            return Self { text: Cow::Borrowed(source), fields };
        }
        text.push_str(&source[kept..]);
        Self { text: Cow::Owned(text), fields }
    }

    /// Where byte `at` of the shortened text was in the source.
    pub(super) fn source_offset(&self, at: usize) -> usize {
        let before = self.fields.partition_point(|cut| cut.at < at);
        at + before.checked_sub(1).map_or(0, |last| self.fields[last].shrunk)
    }

    /// Whether the `{{` at byte `at` of the shortened text is meant as it stands.
    pub(super) fn escaped(&self, at: usize) -> bool {
        self.text[..at].ends_with('\\')
    }

    /// The field that `c` stands for.
    pub(super) fn cut(&self, c: char) -> Option<&Cut<'t>> {
        let index = u32::from(c).checked_sub(FIRST_SLOT)?;
        self.fields.get(usize::try_from(index).ok()?)
    }

    /// `text` with the fields as the author wrote them, for code.
    pub(super) fn restored(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len());
        for c in text.chars() {
            match self.cut(c) {
                Some(cut) => restored.push_str(cut.raw),
                None if is_unsafe(c) && !matches!(c, '\n' | '\t') => {}
                None => restored.push(c),
            }
        }
        restored
    }
}

fn slot_of(index: usize) -> Option<char> {
    if index >= FIELDS_MAX {
        return None;
    }
    u32::try_from(index).ok().and_then(|index| char::from_u32(FIRST_SLOT + index))
}
