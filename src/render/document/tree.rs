//! The content tree as plain data for the layouts: text stays text, links are addresses, images are numbers.

use serde_json::{Value, json};

use super::{DocumentHooks, IMAGES_MAX, picture::Size, text::breakable};
use crate::{
    domain::content::tree::{Alignment, Inline, Node},
    render::html::plain,
};

/// Longest word in a block of code that fits a line, in characters.
const CODE_CHARS_MAX: usize = 76;
/// Longest cell of a table whose rows are kept on one page, in characters.
const WHOLE_ROW_CHARS_MAX: usize = 600;
/// Longest unit of a figure, in characters: `min`.
const UNIT_CHARS_MAX: usize = 3;

pub(super) struct Writer<'w, 'h> {
    hooks: &'w mut DocumentHooks<'h>,
    /// Path and bytes of the images met, by number.
    pub(super) images: Vec<(String, Vec<u8>)>,
    /// How many blocks there are.
    pub(super) blocks: usize,
    /// Level of the last heading.
    level: u8,
}

impl<'w, 'h> Writer<'w, 'h> {
    pub(super) fn new(hooks: &'w mut DocumentHooks<'h>) -> Self {
        Self { hooks, images: Vec::new(), blocks: 0, level: 0 }
    }

    pub(super) fn nodes(&mut self, nodes: &[Node]) -> Vec<Value> {
        self.blocks += nodes.len();
        let next = nodes.iter().skip(1).map(Some).chain([None]);
        nodes.iter().zip(next).map(|(node, next)| self.node(node, next)).collect()
    }

    fn node(&mut self, node: &Node, next: Option<&Node>) -> Value {
        match node {
            Node::Heading { level, inlines } => {
                // The document's title is its first level, so `##` begins a chapter. A level that is left out would
                // be a hole in the contents (PDF/UA-1, 7.4.2).
                self.level = level.saturating_sub(1).clamp(1, 5).min(self.level + 1);
                json!({"k": "heading", "level": self.level, "v": self.inlines(inlines)})
            }
            Node::Paragraph(inlines) => {
                json!({"k": "par", "v": self.inlines(inlines), "leads": leads_in(inlines, next)})
            }
            Node::List { ordered_start, items } => {
                let tight = items.iter().all(|item| item.len() <= 1);
                let items: Vec<_> = items.iter().map(|item| self.nodes(item)).collect();
                json!({"k": "list", "start": ordered_start, "tight": tight, "items": items})
            }
            Node::Quote(inner) => json!({"k": "quote", "v": self.nodes(inner)}),
            Node::Code { language, text } => {
                let text = text.trim_end_matches('\n');
                let broken = breakable(text, CODE_CHARS_MAX, CODE_CHARS_MAX);
                json!({"k": "code", "lang": language, "raw": broken.as_deref().unwrap_or(text)})
            }
            Node::Table { alignments, head, rows } => self.table(alignments, head, rows),
            Node::Image { src, alt } => self.image(src, alt),
            Node::Rule => json!({"k": "rule"}),
        }
    }

    fn table(&mut self, alignments: &[Alignment], head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> Value {
        let columns = columns(alignments, head, rows);
        let longest = rows.iter().flatten().map(|cell| plain(cell).chars().count()).max().unwrap_or(0);
        let head: Vec<_> = head.iter().map(|cell| self.inlines(cell)).collect();
        let rows: Vec<Vec<_>> =
            rows.iter().map(|row| row.iter().map(|cell| self.inlines(cell)).collect()).collect();
        json!({
            "k": "table", "align": columns.align, "widths": columns.widths, "head": head, "rows": rows,
            "whole": longest <= WHOLE_ROW_CHARS_MAX,
        })
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
            Some(number) => {
                json!({"k": "image", "number": number, "file": format!("image-{number}"), "alt": alt})
            }
            None => json!({"k": "par", "leads": false, "v": [{"k": "em", "v": [{"k": "text", "v": alt}]}]}),
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

/// Gives images their width in points: two pixels each, which prints sharply.
pub(super) fn add_sizes(nodes: &mut [Value], sizes: &[Size]) {
    for node in nodes {
        if node["k"] == "image" {
            let number = node["number"].as_u64().and_then(|number| usize::try_from(number).ok());
            if let Some((width, _)) = number.and_then(|number| sizes.get(number)) {
                node["width"] = json!(f64::from(*width) / 2.0);
            }
        }
        if let Some(inner) = node.get_mut("v").and_then(Value::as_array_mut) {
            add_sizes(inner, sizes);
        }
        if let Some(items) = node.get_mut("items").and_then(Value::as_array_mut) {
            items.iter_mut().filter_map(Value::as_array_mut).for_each(|item| add_sizes(item, sizes));
        }
    }
}

/// Whether a paragraph only makes sense with what follows, and must not be parted from it by a page's end.
fn leads_in(inlines: &[Inline], next: Option<&Node>) -> bool {
    let leads_to = matches!(
        next,
        Some(
            Node::List { .. } | Node::Table { .. } | Node::Code { .. } | Node::Image { .. } | Node::Quote(_)
        )
    );
    let is_title = matches!(inlines, [Inline::Strong(_)]);
    (leads_to && plain(inlines).trim_end().ends_with(':')) || (next.is_some() && is_title)
}

/// How the columns of a table are set.
struct Columns {
    /// Shares of the width.
    widths: Vec<usize>,
    align: Vec<Alignment>,
}

/// Columns with more text get more width, none gets next to nothing; columns of figures stand to the right.
fn columns(alignments: &[Alignment], head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> Columns {
    let mut columns = Columns { widths: Vec::new(), align: Vec::new() };
    for (at, title) in head.iter().enumerate() {
        let cells: Vec<String> =
            rows.iter().map(|row| row.get(at).map(|cell| plain(cell)).unwrap_or_default()).collect();
        let longest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        columns.widths.push(longest.max(plain(title).chars().count()).clamp(10, 48));
        let set = alignments.get(at).copied().unwrap_or(Alignment::None);
        let is_figures = cells.iter().any(|cell| is_figure(cell))
            && cells.iter().all(|cell| is_figure(cell) || is_blank(cell));
        columns.align.push(if set == Alignment::None && is_figures { Alignment::Right } else { set });
    }
    columns
}

fn is_blank(cell: &str) -> bool {
    matches!(cell.trim(), "" | "-" | "–" | "—" | "n/a")
}

/// `1,200`, `75 %`, `€ 3.50`, `1 h 10 min`; not `14 Dec 2026` and not `3 of 5`.
fn is_figure(cell: &str) -> bool {
    let cell = cell.trim().trim_start_matches(['+', '-', '−', '<', '>', '~', '≤', '≥', '€', '$', '£', ' ']);
    let (mut rest, mut pairs) = (cell, 0);
    while !rest.is_empty() {
        let number =
            rest.find(|c: char| !c.is_ascii_digit() && !".,'\u{202f}".contains(c)).unwrap_or(rest.len());
        if number == 0 {
            return false;
        }
        rest = rest[number..].trim_start();
        let unit = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
        let has_unit = (1..=UNIT_CHARS_MAX).contains(&rest[..unit].chars().count());
        pairs += 1;
        if !has_unit {
            return rest.is_empty() && pairs == 1;
        }
        rest = rest[unit..].trim_start();
    }
    pairs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_from_words() {
        for figure in ["7", "1,200", "75 %", "75%", "€ 3.50", "3.50 €", "2 h", "1 h 10 min", "−4", "+12 %"]
        {
            assert!(is_figure(figure), "{figure}");
        }
        for word in ["", "14 Dec 2026", "3 of 5", "passed", "v4", "10 minutes", "4.2 or newer", "2026-01-04"]
        {
            assert!(!is_figure(word), "{word}");
        }
    }

    #[test]
    fn a_line_that_leads_in_is_known() {
        let text = |text: &str| vec![Inline::Text(text.to_owned())];
        let list = Node::List { ordered_start: None, items: Vec::new() };
        assert!(leads_in(&text("Three things:"), Some(&list)));
        assert!(!leads_in(&text("Three things."), Some(&list)));
        assert!(!leads_in(&text("Three things:"), None));
        assert!(leads_in(&[Inline::Strong(text("A title"))], Some(&Node::Rule)));
    }

    #[test]
    fn no_heading_level_is_left_out() {
        let heading = |level| Node::Heading { level, inlines: vec![Inline::Text("x".into())] };
        let mut hooks = DocumentHooks { link: &mut |_| String::new(), image: &mut |_| None };
        let nodes = Writer::new(&mut hooks).nodes(&[heading(3), heading(2), heading(5), heading(3)]);
        let levels: Vec<_> = nodes.iter().map(|node| node["level"].as_u64().unwrap()).collect();
        assert_eq!(levels, [1, 1, 2, 2]);
    }
}
