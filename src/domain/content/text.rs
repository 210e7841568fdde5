//! Plain text from the tree: the text part of a mail, social posts, feeds.

use super::{
    field::FieldUse,
    tree::{Inline, Node, Target},
};

/// Longest line, in characters (RFC 5322 section 2.1.1 recommends 78 with line end).
pub const WIDTH: usize = 76;

/// How links and fields are written.
pub struct Plain<'p> {
    /// The address to print for a target; nothing: the link's text alone.
    pub url: &'p dyn Fn(&Target) -> Option<String>,
    /// What to print for a field that is not filled yet.
    pub field: &'p dyn Fn(&FieldUse) -> String,
}

/// `nodes` as tidy plain text, blocks parted by a blank line, each line at most [`WIDTH`] characters unless a
/// word (an address) is longer. Ends without a line end.
pub fn plain_text(nodes: &[Node], plain: &Plain<'_>) -> String {
    plain.blocks(nodes, WIDTH).join("\n")
}

/// The same with each paragraph on one line and no line under a heading, so that a changed word changes one line: for
/// comparing.
pub fn unwrapped(nodes: &[Node], plain: &Plain<'_>) -> Vec<String> {
    plain.blocks(nodes, usize::MAX)
}

impl Plain<'_> {
    /// The lines of `nodes`.
    fn blocks(&self, nodes: &[Node], width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for node in nodes {
            let block = self.block(node, width);
            if !block.is_empty() && !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(block);
        }
        lines
    }

    fn block(&self, node: &Node, width: usize) -> Vec<String> {
        match node {
            Node::Heading { level, inlines } => {
                let text = self.line(inlines);
                if width > WIDTH {
                    return vec![text];
                }
                let mark = if *level == 2 { "=" } else { "-" };
                let rule = mark.repeat(text.chars().count().min(width));
                wrap(&text, width).into_iter().chain([rule]).collect()
            }
            Node::Paragraph(inlines) => wrap(&self.line(inlines), width),
            Node::List { ordered_start, items } => self.list(*ordered_start, items, width),
            Node::Quote(inner) => indented(self.blocks(inner, width.saturating_sub(2).max(20)), "> ", "> "),
            Node::Code { text, .. } => {
                text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect()
            }
            Node::Table { head, rows, .. } => self.table(head, rows, width),
            Node::Image { alt, .. } if alt.is_empty() => Vec::new(),
            Node::Image { alt, .. } => wrap(&format!("[{alt}]"), width),
            Node::Rule => vec!["-".repeat(width.min(24))],
        }
    }

    fn list(&self, ordered_start: Option<u64>, items: &[Vec<Node>], width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let loose = items
            .iter()
            .any(|item| item.iter().filter(|node| matches!(node, Node::Paragraph(_))).count() > 1);
        for (at, item) in (0_u64..).zip(items) {
            let mark =
                ordered_start.map_or("- ".to_owned(), |first| format!("{}. ", first.saturating_add(at)));
            let inner = self.blocks(item, width.saturating_sub(mark.len()).max(20));
            if loose && at > 0 {
                lines.push(String::new());
            }
            lines.extend(indented(inner, &mark, &" ".repeat(mark.len())));
        }
        lines
    }

    /// A table as one paragraph a row, "head: cell", which a narrow screen and a screen reader can follow.
    fn table(&self, head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>], width: usize) -> Vec<String> {
        let heads: Vec<String> = head.iter().map(|cell| self.line(cell)).collect();
        let mut lines = Vec::new();
        for row in rows {
            let cells =
                row.iter().map(|cell| self.line(cell)).enumerate().filter(|(_, cell)| !cell.is_empty());
            let mut first = true;
            for (at, cell) in cells {
                let text = match heads.get(at).filter(|head| !head.is_empty()) {
                    Some(head) => format!("{head}: {cell}"),
                    None => cell,
                };
                let mark = if first { "- " } else { "  " };
                first = false;
                lines.extend(indented(wrap(&text, width.saturating_sub(2).max(20)), mark, "  "));
            }
        }
        lines
    }

    fn line(&self, inlines: &[Inline]) -> String {
        let mut text = String::new();
        self.write(inlines, &mut text);
        text
    }

    fn write(&self, inlines: &[Inline], text: &mut String) {
        for inline in inlines {
            match inline {
                Inline::Text(part) | Inline::Code(part) => text.push_str(part),
                Inline::Emphasis(inner) | Inline::Strong(inner) => self.write(inner, text),
                Inline::Field(used) => text.push_str(&(self.field)(used)),
                Inline::SoftBreak => text.push(' '),
                Inline::HardBreak => text.push('\n'),
                Inline::Link { target, inlines } => {
                    let label = self.line(inlines);
                    text.push_str(&label);
                    if let Some(url) = (self.url)(target).filter(|url| !shows(&label, url)) {
                        text.push_str(&format!(" <{url}>"));
                    }
                }
            }
        }
    }
}

/// Whether the label is the address already.
fn shows(label: &str, url: &str) -> bool {
    label == url
        || ["mailto:", "tel:", "https://"].iter().any(|scheme| url.strip_prefix(scheme) == Some(label))
}

/// Breaks at blanks; a line end in `text` stays one.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for hard in text.split('\n') {
        let mut line = String::new();
        let mut length = 0;
        for word in hard.split([' ', '\t']).filter(|word| !word.is_empty()) {
            let word_length = word.chars().count();
            if length > 0 && length + 1 + word_length > width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

fn indented(lines: Vec<String>, first: &str, rest: &str) -> Vec<String> {
    let mark = |(at, line): (usize, String)| {
        let mark = if at == 0 { first } else { rest };
        format!("{mark}{line}").trim_end().to_owned()
    };
    lines.into_iter().enumerate().map(mark).collect()
}
