//! The content tree as HTML fragments: for pages (classes, anchors) and for mail (inline styles).

use std::{collections::BTreeMap, fmt::Write as _};

use crate::domain::{
    content::tree::{Alignment, Inline, Node, Target},
    partner::brand::Colour,
};

use super::slots::{SlotTable, escape_html};

/// A blank that survives between two tags: the MJML parser drops white space there.
const BLANK: &str = "&#32;";

/// Where a fragment goes.
#[derive(Debug, Clone, Copy)]
pub enum Profile {
    /// A page of ours, which has a style sheet.
    Page,
    /// A mail: everything that matters is inline, since clients drop style sheets.
    Mail {
        /// Colour of links, legible on white.
        link: Colour,
        /// Whether the language runs from right to left.
        is_rtl: bool,
    },
}

/// What a fragment needs from outside.
pub struct Hooks<'a> {
    /// The address for a link's target, may hold slots; empty leaves the text without a link.
    pub link: &'a mut dyn FnMut(&Target) -> String,
    /// The https address for an image's path under the content folder; nothing shows the alternative text.
    pub image: &'a mut dyn FnMut(&str) -> Option<String>,
    /// Takes up the fields that differ per recipient.
    pub slots: &'a mut SlotTable,
}

/// `nodes` as HTML.
pub fn fragment(nodes: &[Node], profile: Profile, hooks: &mut Hooks<'_>) -> String {
    let mut writer = Writer { profile, hooks, out: String::new(), anchors: BTreeMap::new() };
    writer.nodes(nodes);
    writer.out
}

/// The anchors that [`fragment`] gives the second-level headings of a page, with their texts, for a list of
/// contents.
pub fn headings(nodes: &[Node]) -> Vec<(String, String)> {
    let mut anchors = BTreeMap::new();
    let mut found = Vec::new();
    for node in nodes {
        if let Node::Heading { level, inlines } = node {
            let text = plain(inlines);
            let anchor = anchor(&text, &mut anchors);
            if *level == 2 {
                found.push((anchor, text));
            }
        }
    }
    found
}

/// The words of `inlines`, fields that are not filled by their default.
pub fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(words) | Inline::Code(words) => text.push_str(words),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { inlines: inner, .. } => {
                text.push_str(&plain(inner));
            }
            Inline::Field(used) => text.push_str(used.default.as_deref().unwrap_or_default()),
            Inline::SoftBreak | Inline::HardBreak => text.push(' '),
        }
    }
    text
}

/// A fragment identifier for a heading, unlike those before it. `taken` has for each the number that is tried next after
/// it, so that thousands of equal headings are not counted through each time.
fn anchor(text: &str, taken: &mut BTreeMap<String, usize>) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(8)
        .map(str::to_lowercase)
        .collect();
    let base = if words.is_empty() { "part".to_owned() } else { words.join("-") };
    let mut number = taken.get(&base).copied().unwrap_or(2);
    let mut anchor = base.clone();
    while taken.contains_key(&anchor) {
        anchor = format!("{base}-{number}");
        number += 1;
    }
    taken.insert(anchor.clone(), 2);
    taken.insert(base, number);
    anchor
}

enum Side {
    Left,
    Right,
}

struct Writer<'w, 'h> {
    profile: Profile,
    hooks: &'w mut Hooks<'h>,
    out: String,
    anchors: BTreeMap<String, usize>,
}

impl Writer<'_, '_> {
    /// `style="…"` in mail, nothing on pages.
    fn style(&self, style: &str) -> String {
        match self.profile {
            Profile::Page => String::new(),
            Profile::Mail { .. } => format!(" style=\"{style}\""),
        }
    }

    fn is_mail(&self) -> bool {
        matches!(self.profile, Profile::Mail { .. })
    }

    /// Where lines of a mail begin; clients know no logical sides.
    fn side(&self) -> Side {
        match self.profile {
            Profile::Mail { is_rtl: true, .. } => Side::Right,
            _ => Side::Left,
        }
    }

    fn open(&mut self, tag: &str, style: &str) {
        let style = self.style(style);
        // Writing to a String cannot fail, here and below.
        let _ = write!(self.out, "<{tag}{style}>");
    }

    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|node| self.node(node));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Heading { level, inlines } => self.heading(*level, inlines),
            Node::Paragraph(inlines) => {
                self.open("p", "margin:0 0 16px");
                self.inlines(inlines);
                self.out.push_str("</p>\n");
            }
            Node::List { ordered_start, items } => self.list(*ordered_start, items),
            Node::Quote(inner) => {
                let style = match self.side() {
                    Side::Left => {
                        "margin:0 0 16px;padding:2px 0 2px 16px;border-left:3px solid #c9ced6;color:#4a525c"
                    }
                    Side::Right => {
                        "margin:0 0 16px;padding:2px 16px 2px 0;border-right:3px solid #c9ced6;color:#4a525c"
                    }
                };
                self.open("blockquote", style);
                self.nodes(inner);
                self.out.push_str("</blockquote>\n");
            }
            Node::Code { language, text } => self.code(language, text),
            Node::Table { alignments, head, rows } => self.table(alignments, head, rows),
            Node::Image { src, alt } => self.image(src, alt),
            Node::Rule => {
                self.open("hr /", "margin:24px 0;border:0;border-top:1px solid #dfe3e8");
                self.out.push('\n');
            }
        }
    }

    fn heading(&mut self, level: u8, inlines: &[Inline]) {
        let level = level.clamp(2, 6);
        match self.profile {
            Profile::Page => {
                let anchor = anchor(&plain(inlines), &mut self.anchors);
                let _ = write!(self.out, "<h{level} id=\"{}\">", escape_html(&anchor));
            }
            Profile::Mail { .. } => {
                let size_px = if level == 2 { 21 } else { 17 };
                let _ = write!(
                    self.out,
                    "<h{level} style=\"margin:28px 0 10px;font-size:{size_px}px;line-height:1.3;font-weight:700\">"
                );
            }
        }
        self.inlines(inlines);
        let _ = writeln!(self.out, "</h{level}>");
    }

    fn list(&mut self, ordered_start: Option<u64>, items: &[Vec<Node>]) {
        let tag = if ordered_start.is_some() { "ol" } else { "ul" };
        let style = match self.side() {
            Side::Left => self.style("margin:0 0 16px;padding:0 0 0 24px"),
            Side::Right => self.style("margin:0 0 16px;padding:0 24px 0 0"),
        };
        let start = ordered_start.filter(|start| *start != 1).map(|start| format!(" start=\"{start}\""));
        let _ = writeln!(self.out, "<{tag}{}{style}>", start.unwrap_or_default());
        for item in items {
            self.open("li", "margin:0 0 6px");
            match item.as_slice() {
                [Node::Paragraph(inlines)] => self.inlines(inlines),
                [Node::Paragraph(inlines), rest @ ..] => {
                    self.inlines(inlines);
                    self.nodes(rest);
                }
                nodes => self.nodes(nodes),
            }
            self.out.push_str("</li>\n");
        }
        let _ = writeln!(self.out, "</{tag}>");
    }

    fn code(&mut self, language: &str, text: &str) {
        // Code is read from left to right in every language.
        let style = "margin:0 0 16px;padding:12px 14px;background:#f3f5f7;border-radius:4px;font-family:Consolas,Menlo,\
                     monospace;font-size:13px;line-height:1.5;text-align:left;white-space:pre-wrap;word-break:break-word";
        let style = self.style(style);
        let language = if language.is_empty() {
            String::new()
        } else {
            format!(" class=\"language-{}\"", escape_html(language))
        };
        let _ =
            writeln!(self.out, "<pre dir=\"ltr\"{style}><code{language}>{}</code></pre>", escape_html(text));
    }

    fn image(&mut self, src: &str, alt: &str) {
        let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
        match (self.hooks.image)(src) {
            Some(url) => {
                let style = self
                    .style("display:block;width:100%;max-width:536px;height:auto;border:0;margin:0 0 16px");
                let lazy = if matches!(self.profile, Profile::Page) { " loading=\"lazy\"" } else { "" };
                let _ = writeln!(
                    self.out,
                    "<img src=\"{}\" alt=\"{}\"{lazy}{style} />",
                    escape_html(&url),
                    escape_html(&alt)
                );
            }
            None => {
                self.open("p", "margin:0 0 16px;color:#4a525c");
                let _ = writeln!(self.out, "{}</p>", escape_html(&alt));
            }
        }
    }

    fn table(&mut self, alignments: &[Alignment], head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) {
        if matches!(self.profile, Profile::Page) {
            // A scrollable region must be reachable by keyboard (WCAG 2.2 SC 2.1.1).
            self.out.push_str("<div class=\"table-scroll\" tabindex=\"0\">");
        }
        self.open(
            "table",
            "width:100%;border-collapse:collapse;margin:0 0 18px;font-size:14px;line-height:1.45;word-break:normal;overflow-wrap:break-word",
        );
        self.out.push_str("\n<thead><tr>");
        for (at, cell) in head.iter().enumerate() {
            let style =
                self.cell_style(alignments.get(at), "border-bottom:2px solid #c9ced6;font-weight:700");
            let _ = write!(self.out, "<th scope=\"col\"{style}>");
            self.inlines(cell);
            self.out.push_str("</th>");
        }
        self.out.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.out.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let style =
                    self.cell_style(alignments.get(at), "border-bottom:1px solid #dfe3e8;vertical-align:top");
                let _ = write!(self.out, "<td{style}>");
                self.inlines(cell);
                self.out.push_str("</td>");
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody></table>");
        self.out.push_str(if matches!(self.profile, Profile::Page) { "</div>\n" } else { "\n" });
    }

    fn cell_style(&self, alignment: Option<&Alignment>, mail: &str) -> String {
        let side = match (alignment, self.profile) {
            (Some(Alignment::Right), _) => "right",
            (Some(Alignment::Center), _) => "center",
            (Some(Alignment::Left), _) => "left",
            (Some(Alignment::None) | None, Profile::Page) => "start",
            // Mail clients know left and right only, and centre a head cell without either.
            (_, Profile::Mail { .. }) => match self.side() {
                Side::Left => "left",
                Side::Right => "right",
            },
        };
        match self.profile {
            Profile::Page if side == "start" => String::new(),
            Profile::Page => format!(" class=\"align-{side}\""),
            Profile::Mail { .. } => {
                let padding = match self.side() {
                    Side::Left => "8px 10px 8px 0",
                    Side::Right => "8px 0 8px 10px",
                };
                format!(" style=\"padding:{padding};{mail};text-align:{side}\"")
            }
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) if self.is_mail() && text.trim().is_empty() => self.out.push_str(BLANK),
                Inline::Text(text) => self.out.push_str(&escape_html(text)),
                Inline::Emphasis(inner) => self.wrapped("em", inner),
                Inline::Strong(inner) => self.wrapped("strong", inner),
                Inline::Code(text) => {
                    let style = "font-family:Consolas,Menlo,monospace;font-size:0.9em;background:#f3f5f7;padding:1px 4px;border-radius:3px";
                    let style = self.style(style);
                    let _ = write!(self.out, "<code dir=\"ltr\"{style}>{}</code>", escape_html(text));
                }
                Inline::Link { target, inlines } => self.link(target, inlines),
                Inline::Field(used) => {
                    let text = self.hooks.slots.field(used).unwrap_or_else(|text| escape_html(&text));
                    self.out.push_str(&text);
                }
                Inline::SoftBreak if self.is_mail() => self.out.push_str(BLANK),
                Inline::SoftBreak => self.out.push('\n'),
                Inline::HardBreak => self.out.push_str("<br />\n"),
            }
        }
    }

    fn wrapped(&mut self, tag: &str, inner: &[Inline]) {
        let _ = write!(self.out, "<{tag}>");
        self.inlines(inner);
        let _ = write!(self.out, "</{tag}>");
    }

    fn link(&mut self, target: &Target, inlines: &[Inline]) {
        let url = (self.hooks.link)(target);
        if url.is_empty() {
            return self.inlines(inlines);
        }
        let style = match self.profile {
            Profile::Page => String::new(),
            Profile::Mail { link, .. } => {
                format!(" class=\"link\" style=\"color:{link};text-decoration:underline\"")
            }
        };
        let _ = write!(self.out, "<a href=\"{}\"{style}>", escape_html(&url));
        self.inlines(inlines);
        self.out.push_str("</a>");
    }
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
