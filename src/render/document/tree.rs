//! The content tree as plain data for the layout: text stays text, links are addresses, images are numbers.

use serde_json::{Value, json};

use crate::{
    domain::content::tree::{Inline, Node},
    render::html::plain,
};

use super::{DocumentHooks, IMAGES_MAX};

pub(super) struct Writer<'w, 'h> {
    pub(super) hooks: &'w mut DocumentHooks<'h>,
    /// Path and bytes of the images met, by number.
    pub(super) images: &'w mut Vec<(String, Vec<u8>)>,
    pub(super) blocks: &'w mut usize,
}

impl Writer<'_, '_> {
    pub(super) fn nodes(&mut self, nodes: &[Node]) -> Vec<Value> {
        *self.blocks += nodes.len();
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &Node) -> Value {
        match node {
            // The document's title is its first level, so `##` begins a chapter.
            Node::Heading { level, inlines } => {
                json!({"k": "heading", "level": level.saturating_sub(1).clamp(1, 5), "v": self.inlines(inlines)})
            }
            Node::Paragraph(inlines) => json!({"k": "par", "v": self.inlines(inlines)}),
            Node::List { ordered_start, items } => {
                let items: Vec<_> = items.iter().map(|item| self.nodes(item)).collect();
                json!({"k": "list", "start": ordered_start, "items": items})
            }
            Node::Quote(inner) => json!({"k": "quote", "v": self.nodes(inner)}),
            Node::Code { language, text } => {
                json!({"k": "code", "lang": language, "v": text.trim_end_matches('\n')})
            }
            Node::Table { alignments, head, rows } => {
                let widths = widths(head, rows);
                let head: Vec<_> = head.iter().map(|cell| self.inlines(cell)).collect();
                let rows: Vec<Vec<_>> =
                    rows.iter().map(|row| row.iter().map(|cell| self.inlines(cell)).collect()).collect();
                json!({"k": "table", "align": alignments, "widths": widths, "head": head, "rows": rows})
            }
            Node::Image { src, alt } => self.image(src, alt),
            Node::Rule => json!({"k": "rule"}),
        }
    }

    fn image(&mut self, src: &str, alt: &str) -> Value {
        let known = self.images.iter().position(|(path, _)| path == src);
        let number = known.or_else(|| {
            let has_room = self.images.len() < IMAGES_MAX;
            let bytes = has_room.then(|| (self.hooks.image)(src)).flatten()?;
            self.images.push((src.to_owned(), bytes));
            Some(self.images.len() - 1)
        });
        match number {
            Some(number) => json!({"k": "image", "file": format!("image-{number}"), "alt": alt}),
            None => json!({"k": "par", "v": [{"k": "em", "v": [{"k": "text", "v": alt}]}]}),
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) -> Vec<Value> {
        inlines.iter().map(|inline| self.inline(inline)).collect()
    }

    fn inline(&mut self, inline: &Inline) -> Value {
        match inline {
            Inline::Text(text) => json!({"k": "text", "v": text}),
            Inline::Emphasis(inner) => json!({"k": "em", "v": self.inlines(inner)}),
            Inline::Strong(inner) => json!({"k": "strong", "v": self.inlines(inner)}),
            Inline::Code(text) => json!({"k": "code", "v": text}),
            Inline::Link { target, inlines } => {
                let url = (self.hooks.link)(target);
                json!({"k": "link", "url": url, "v": self.inlines(inlines)})
            }
            Inline::Field(_) => json!({"k": "text", "v": plain(std::slice::from_ref(inline))}),
            Inline::SoftBreak => json!({"k": "text", "v": " "}),
            Inline::HardBreak => json!({"k": "break"}),
        }
    }
}

/// Shares of the width: columns with more text get more, none gets next to nothing.
fn widths(head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> Vec<usize> {
    let length = |cell: Option<&Vec<Inline>>| cell.map_or(0, |cell| plain(cell).chars().count());
    (0..head.len())
        .map(|column| {
            let longest = rows.iter().map(|row| length(row.get(column))).max().unwrap_or(0);
            longest.max(length(head.get(column))).clamp(10, 48)
        })
        .collect()
}
