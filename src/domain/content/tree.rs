//! The tree that Markdown becomes: what every rendition walks.

use serde::Serialize;

use super::{field::FieldUse, merge::Part};

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Node {
    /// A heading, level 2 to 6.
    Heading {
        /// 2 to 6.
        level: u8,
        /// Its text.
        inlines: Vec<Inline>,
    },
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list.
    List {
        /// The first number of an ordered list; nothing for bullets.
        ordered_start: Option<u64>,
        /// The blocks of each item.
        items: Vec<Vec<Node>>,
    },
    /// A quotation.
    Quote(Vec<Node>),
    /// A block of code.
    Code {
        /// The word after the fence, or nothing.
        language: String,
        /// The code, each line ended by a line feed.
        text: String,
    },
    /// A table.
    Table {
        /// One per column.
        alignments: Vec<Alignment>,
        /// The head's cells.
        head: Vec<Vec<Inline>>,
        /// The rows' cells, as many as the head has.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// An image, alone in its paragraph.
    Image {
        /// Path under the content folder.
        src: String,
        /// What stands for it where it cannot be seen.
        alt: String,
    },
    /// A line across.
    Rule,
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// As the reader's language has it.
    None,
    /// Left.
    Left,
    /// Centred.
    Center,
    /// Right.
    Right,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Inline {
    /// Literal text.
    Text(String),
    /// Emphasised.
    Emphasis(Vec<Inline>),
    /// Strong.
    Strong(Vec<Inline>),
    /// Code, literal.
    Code(String),
    /// A link.
    Link {
        /// Where to.
        target: Target,
        /// Its text.
        inlines: Vec<Inline>,
    },
    /// A merge field, not filled yet.
    Field(FieldUse),
    /// A line end in the source that means a blank.
    SoftBreak,
    /// A line end that is meant.
    HardBreak,
}

/// Where a link leads. A URL has one of the schemes https, http, mailto, tel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Target {
    /// One of our assets.
    Asset(String),
    /// A finished URL.
    Url(String),
    /// A URL with fields that are not filled yet.
    Template(Vec<Part>),
}

/// Calls `see` with each inline of `nodes`, in reading order, outer ones first.
pub fn each_inline<'n>(nodes: &'n [Node], see: &mut dyn FnMut(&'n Inline)) {
    for node in nodes {
        match node {
            Node::Heading { inlines, .. } | Node::Paragraph(inlines) => inlines_in(inlines, see),
            Node::List { items, .. } => items.iter().for_each(|item| each_inline(item, see)),
            Node::Quote(inner) => each_inline(inner, see),
            Node::Table { head, rows, .. } => {
                head.iter().chain(rows.iter().flatten()).for_each(|cell| inlines_in(cell, see));
            }
            Node::Code { .. } | Node::Image { .. } | Node::Rule => {}
        }
    }
}

fn inlines_in<'n>(inlines: &'n [Inline], see: &mut dyn FnMut(&'n Inline)) {
    for inline in inlines {
        see(inline);
        match inline {
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { inlines: inner, .. } => {
                inlines_in(inner, see);
            }
            _ => {}
        }
    }
}

/// Calls `see` with each block of `nodes`, in reading order, outer ones first.
pub fn each_node<'n>(nodes: &'n [Node], see: &mut dyn FnMut(&'n Node)) {
    for node in nodes {
        see(node);
        match node {
            Node::List { items, .. } => items.iter().for_each(|item| each_node(item, see)),
            Node::Quote(inner) => each_node(inner, see),
            _ => {}
        }
    }
}
