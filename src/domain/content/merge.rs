//! Filling merge fields. A merged value is literal text: never Markdown, never a field again.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    field::{self, Field, FieldUse, Scope},
    finding::{Findings, Place},
    link,
    tree::{Inline, Node, Target, each_node},
};
use crate::domain::kernel::{bidi, text::is_unsafe};

/// A piece of a text with fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A field.
    Field(FieldUse),
}

/// What a field is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// This text. Blank text counts as [`Value::Empty`].
    Text(String),
    /// Nothing: the default, or else it is missing.
    Empty,
    /// Known per recipient only: the field stays in place.
    Recipient,
}

/// A field without value and without default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Which.
    pub field: Field,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{{ {} }}}} has no value and no default", self.field.as_str())
    }
}

/// Plain text with fields: a title, a subject, a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

impl Template {
    /// Reads `text`, which stands at `place`. Fields that cannot be filled in `scope` become findings and are
    /// dropped from the text.
    pub fn parse(text: &str, scope: Scope, place: Place, findings: &mut Findings<'_>) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            push_text(&mut parts, &rest[..at]);
            let (length, read) = field::read(&rest[at..]);
            if let Some(used) = field::check(read, scope, place.into(), findings) {
                parts.push(Part::Field(used));
            }
            rest = &rest[at + length..];
        }
        push_text(&mut parts, rest);
        Self { source: text.to_owned(), parts }
    }

    /// Text without fields.
    pub fn literal(text: impl Into<String>) -> Self {
        let source = text.into();
        let parts = if source.is_empty() { Vec::new() } else { vec![Part::Text(source.clone())] };
        Self { source, parts }
    }

    /// As the author wrote it.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The pieces.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The fields in it.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(used) => Some(used.field),
            Part::Text(_) => None,
        })
    }

    /// Fills the fields; those known per recipient only stay.
    ///
    /// # Errors
    /// Every field without value and without default, once each.
    pub fn merge(&self, value_of: &dyn Fn(Field) -> Value) -> Result<Vec<Part>, Vec<Missing>> {
        let in_rtl = bidi::has_rtl(&self.source);
        let mut merge = Merge { value_of, missing: Vec::new(), in_rtl };
        let parts = merge.parts(&self.parts, &|value| bidi::isolated(value, in_rtl));
        merge.done(parts)
    }

    /// Fills all fields.
    ///
    /// # Errors
    /// Every field without value and without default; those known per recipient only count as such unless
    /// they have a default.
    pub fn merge_text(&self, value_of: &dyn Fn(Field) -> Value) -> Result<String, Vec<Missing>> {
        let known = |field: Field| match value_of(field) {
            Value::Recipient => Value::Empty,
            value => value,
        };
        let parts = self.merge(&known)?;
        Ok(parts
            .into_iter()
            .map(|part| if let Part::Text(text) = part { text } else { String::new() })
            .collect())
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Fills the fields of `nodes`; those known per recipient only stay as [`Inline::Field`].
///
/// # Errors
/// Every field without value and without default, once each.
pub fn merge(nodes: &[Node], value_of: &dyn Fn(Field) -> Value) -> Result<Vec<Node>, Vec<Missing>> {
    let mut merge = Merge { value_of, missing: Vec::new(), in_rtl: runs_from_right(nodes) };
    let merged = merge.nodes(nodes);
    merge.done(merged)
}

struct Merge<'v> {
    value_of: &'v dyn Fn(Field) -> Value,
    missing: Vec<Missing>,
    /// Whether the text around the values runs from right to left; they are isolated where directions meet.
    in_rtl: bool,
}

/// Whether any words of `nodes` do.
fn runs_from_right(nodes: &[Node]) -> bool {
    fn inlines(all: &[Inline]) -> bool {
        all.iter().any(|inline| match inline {
            Inline::Text(text) => bidi::has_rtl(text),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { inlines: inner, .. } => {
                inlines(inner)
            }
            Inline::Field(used) => used.default.as_deref().is_some_and(bidi::has_rtl),
            Inline::Code(_) | Inline::SoftBreak | Inline::HardBreak => false,
        })
    }
    let mut found = false;
    each_node(nodes, &mut |node| {
        found = found
            || match node {
                Node::Heading { inlines: all, .. } | Node::Paragraph(all) => inlines(all),
                Node::Table { head, rows, .. } => {
                    head.iter().chain(rows.iter().flatten()).any(|cell| inlines(cell))
                }
                _ => false,
            };
    });
    found
}

impl Merge<'_> {
    fn done<T>(mut self, merged: T) -> Result<T, Vec<Missing>> {
        if self.missing.is_empty() {
            return Ok(merged);
        }
        self.missing.sort_unstable();
        self.missing.dedup();
        Err(self.missing)
    }

    /// The text for a use, or nothing when it is known per recipient only.
    fn text(&mut self, used: &FieldUse) -> Option<String> {
        let value = match (self.value_of)(used.field) {
            Value::Recipient => return None,
            Value::Text(text) if !text.trim().is_empty() => text,
            Value::Text(_) | Value::Empty => used.default.clone().unwrap_or_else(|| {
                self.missing.push(Missing { field: used.field });
                String::new()
            }),
        };
        // Private-use characters mark recipient slots in renditions: a value must not be able to forge one.
        let clean = if value.contains(is_unsafe) {
            value
                .chars()
                .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
                .filter(|c| !is_unsafe(*c))
                .collect()
        } else {
            value
        };
        Some(clean)
    }

    fn parts(&mut self, parts: &[Part], encode: &dyn Fn(String) -> String) -> Vec<Part> {
        let mut merged = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Text(text) => push_text(&mut merged, text),
                Part::Field(used) => match self.text(used) {
                    Some(value) => push_text(&mut merged, &encode(value)),
                    None if self.in_rtl => {
                        push_text(&mut merged, &bidi::ISOLATE.to_string());
                        merged.push(Part::Field(used.clone()));
                        push_text(&mut merged, &bidi::END.to_string());
                    }
                    None => merged.push(Part::Field(used.clone())),
                },
            }
        }
        merged
    }

    fn nodes(&mut self, nodes: &[Node]) -> Vec<Node> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &Node) -> Node {
        match node {
            Node::Heading { level, inlines } => {
                Node::Heading { level: *level, inlines: self.inlines(inlines) }
            }
            Node::Paragraph(inlines) => Node::Paragraph(self.inlines(inlines)),
            Node::List { ordered_start, items } => Node::List {
                ordered_start: *ordered_start,
                items: items.iter().map(|item| self.nodes(item)).collect(),
            },
            Node::Quote(inner) => Node::Quote(self.nodes(inner)),
            Node::Table { alignments, head, rows } => Node::Table {
                alignments: alignments.clone(),
                head: head.iter().map(|cell| self.inlines(cell)).collect(),
                rows: rows.iter().map(|row| row.iter().map(|cell| self.inlines(cell)).collect()).collect(),
            },
            Node::Code { .. } | Node::Image { .. } | Node::Rule => node.clone(),
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) -> Vec<Inline> {
        let mut merged: Vec<Inline> = Vec::with_capacity(inlines.len());
        for inline in inlines {
            match inline {
                Inline::Field(used) => match self.text(used) {
                    Some(value) => {
                        push_inline(&mut merged, Inline::Text(bidi::isolated(value, self.in_rtl)));
                    }
                    // A reader's name is not known yet, and may run either way.
                    None if self.in_rtl => {
                        push_inline(&mut merged, Inline::Text(bidi::ISOLATE.into()));
                        merged.push(inline.clone());
                        push_inline(&mut merged, Inline::Text(bidi::END.into()));
                    }
                    None => merged.push(inline.clone()),
                },
                Inline::Emphasis(inner) => merged.push(Inline::Emphasis(self.inlines(inner))),
                Inline::Strong(inner) => merged.push(Inline::Strong(self.inlines(inner))),
                Inline::Link { target, inlines } => {
                    let inlines = self.inlines(inlines);
                    match self.target(target) {
                        Some(target) => merged.push(Inline::Link { target, inlines }),
                        None => inlines.into_iter().for_each(|inline| push_inline(&mut merged, inline)),
                    }
                }
                other => push_inline(&mut merged, other.clone()),
            }
        }
        merged
    }

    /// The merged target, or nothing when a value made it one that is not allowed.
    fn target(&mut self, target: &Target) -> Option<Target> {
        let Target::Template(parts) = target else {
            return Some(target.clone());
        };
        let (head, tail) = match parts.split_first() {
            Some((Part::Field(first), tail)) if first.field.is_address() => {
                (self.text(first).unwrap_or_default(), tail)
            }
            _ => (String::new(), parts.as_slice()),
        };
        let mut merged = Vec::new();
        push_text(&mut merged, &head);
        // An address has no direction.
        let in_rtl = std::mem::take(&mut self.in_rtl);
        let parts = self.parts(tail, &|value| percent_encoded(&value));
        self.in_rtl = in_rtl;
        for part in parts {
            match part {
                Part::Text(text) => push_text(&mut merged, &text),
                Part::Field(_) => merged.push(part),
            }
        }
        link::merged(merged)
    }
}

fn push_inline(inlines: &mut Vec<Inline>, inline: Inline) {
    match (inlines.last_mut(), inline) {
        (_, Inline::Text(text)) if text.is_empty() => {}
        (Some(Inline::Text(last)), Inline::Text(text)) => last.push_str(&text),
        (_, inline) => inlines.push(inline),
    }
}

/// A text as authored, with its merge fields shown as an ellipsis.
pub fn authored(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        shown.push_str(before);
        shown.push('…');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    shown + rest
}

/// Everything but unreserved characters, `@` and `+` as `%XX` (RFC 3986 section 2.1). The two are kept because
/// addresses and numbers need them, and neither can leave the place where a field may stand.
pub fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
