//! A partner's own text: Markdown-lite. Paragraphs, emphasis, bullet lists and links, and nothing else. Whatever else is
//! written is kept as plain text or left out, so that no partner can change what stands around their words.

use super::{
    field::Scope,
    finding::{Findings, codes},
    markdown,
    tree::{Inline, Node, Target},
};
use crate::domain::kernel::text::is_unsafe;

/// Longest text of a zone, in characters.
pub const ZONE_CHARS_MAX: usize = 600;

/// `text` as it may be stored: without characters that may reach no page, lines ended by `\n`, no blanks at their ends
/// and no more than one empty line in a row, at most `chars_max` characters. Doing it twice changes nothing more.
pub fn sanitised(text: &str, chars_max: usize) -> String {
    let lines = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let mut clean = String::with_capacity(lines.len());
    for line in lines.lines() {
        let line: String = line.replace('\t', " ").chars().filter(|c| !is_unsafe(*c)).collect();
        clean.push_str(line.trim_end());
        clean.push('\n');
    }
    while clean.contains("\n\n\n") {
        clean = clean.replace("\n\n\n", "\n\n");
    }
    let whole: String = clean.trim().chars().take(chars_max).collect();
    whole.trim_end().to_owned()
}

/// What `text` says. Never fails: what is not allowed is shown as plain text or left out.
pub fn read(text: &str) -> Vec<Node> {
    reading(text).0
}

/// What is wrong with `text`, a line each; nothing for what is shown as written.
pub fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let length = text.trim().chars().count();
    if length > ZONE_CHARS_MAX {
        faults.push(format!("it has {length} characters; {ZONE_CHARS_MAX} fit"));
    }
    if text.contains(|c| is_unsafe(c) && !matches!(c, '\n' | '\r' | '\t')) {
        faults.push("it holds a control character".to_owned());
    }
    faults.extend(reading(text).1);
    faults
}

fn reading(text: &str) -> (Vec<Node>, Vec<String>) {
    // Fields are the author's: in a partner's text braces are braces.
    let text = sanitised(text, ZONE_CHARS_MAX).replace("{{", "{ {");
    let mut findings = Findings::new("", text.as_str());
    let nodes = markdown::parse(&text, 0, Scope::Common, &mut findings);
    let mut lite = Lite { faults: Vec::new() };
    let nodes = lite.nodes(nodes);
    let ours = [codes::TOP_HEADING.id, codes::BAD_IMAGE.id, codes::NO_IMAGE_ALT.id, codes::IMAGE_IN_TEXT.id];
    let others = findings.finish().into_iter().filter(|finding| !ours.contains(&finding.code));
    lite.faults.extend(others.map(|finding| finding.message));
    lite.faults.dedup();
    (nodes, lite.faults)
}

struct Lite {
    faults: Vec<String>,
}

impl Lite {
    fn refuse(&mut self, what: &str) {
        self.faults.push(format!("{what} not allowed here; paragraphs, bullets, emphasis and links are"));
    }

    fn nodes(&mut self, nodes: Vec<Node>) -> Vec<Node> {
        nodes.into_iter().flat_map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: Node) -> Vec<Node> {
        match node {
            Node::Paragraph(inlines) => vec![Node::Paragraph(self.inlines(inlines))],
            Node::List { ordered_start: None, items } => {
                let items = items.into_iter().map(|item| self.nodes(item)).collect();
                vec![Node::List { ordered_start: None, items }]
            }
            Node::List { items, .. } => {
                self.refuse("numbered lists are");
                let items = items.into_iter().map(|item| self.nodes(item)).collect();
                vec![Node::List { ordered_start: None, items }]
            }
            Node::Heading { inlines, .. } => {
                self.refuse("headings are");
                vec![Node::Paragraph(self.inlines(inlines))]
            }
            Node::Quote(nodes) => {
                self.refuse("quotations are");
                self.nodes(nodes)
            }
            Node::Code { text, .. } => {
                self.refuse("code blocks are");
                vec![Node::Paragraph(vec![Inline::Text(text.trim_end().replace('\n', " "))])]
            }
            Node::Table { .. } => {
                self.refuse("tables are");
                Vec::new()
            }
            Node::Image { .. } => {
                self.refuse("images are");
                Vec::new()
            }
            Node::Rule => {
                self.refuse("lines across are");
                Vec::new()
            }
        }
    }

    fn inlines(&mut self, inlines: Vec<Inline>) -> Vec<Inline> {
        let mut kept = Vec::with_capacity(inlines.len());
        for inline in inlines {
            match inline {
                Inline::Emphasis(inner) => kept.push(Inline::Emphasis(self.inlines(inner))),
                Inline::Strong(inner) => kept.push(Inline::Strong(self.inlines(inner))),
                Inline::Code(text) => kept.push(Inline::Text(text)),
                Inline::Link { target: Target::Url(url), inlines } if !url.starts_with("http://") => {
                    kept.push(Inline::Link { target: Target::Url(url), inlines: self.inlines(inlines) });
                }
                Inline::Link { inlines, .. } => {
                    self.refuse("links other than https, mailto and tel are");
                    kept.extend(self.inlines(inlines));
                }
                Inline::Field(_) => {}
                other => kept.push(other),
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::tree, *};

    /// Whether a tree holds nothing but what a partner may write.
    fn is_lite(nodes: &[Node]) -> bool {
        let mut lite = true;
        tree::each_node(nodes, &mut |node| {
            lite &= matches!(node, Node::Paragraph(_) | Node::List { ordered_start: None, .. });
        });
        tree::each_inline(nodes, &mut |inline| {
            lite &= match inline {
                Inline::Link { target: Target::Url(url), .. } => ["https://", "mailto:", "tel:"]
                    .iter()
                    .any(|scheme| url.to_lowercase().starts_with(scheme)),
                Inline::Link { .. } | Inline::Field(_) | Inline::Code(_) => false,
                _ => true,
            };
        });
        lite
    }

    #[test]
    fn what_a_partner_may_write_is_kept_as_written() {
        let text =
            "We **restore** it with you.\n\n- On *your* hardware\n- [Ask us](https://northlight.example/)\n";
        assert_eq!(faults(text), Vec::<String>::new());
        let nodes = read(text);
        assert_eq!(nodes.len(), 2);
        assert!(is_lite(&nodes));
    }

    #[test]
    fn what_they_may_not_is_named_and_harmless() {
        for (text, fault) in [
            ("## We are best", "headings"),
            ("1. One", "numbered lists"),
            ("> Said", "quotations"),
            ("![x](images/x.png)", "images"),
            ("|a|\n|-|\n|b|", "tables"),
            ("```\ncode\n```", "code blocks"),
            ("[x](http://plain.example)", "links other"),
            ("[x](asset:blog/b)", "links other"),
            ("[x](javascript:alert)", "scheme"),
            ("<script>x</script>", "raw HTML"),
        ] {
            let found = faults(text);
            assert!(found.iter().any(|line| line.contains(fault)), "{text}: {found:?}");
            assert!(is_lite(&read(text)), "{text}");
        }
        assert!(faults(&"x".repeat(601))[0].contains("601 characters"));
        assert_eq!(read("{{ partner.name }}"), read("{ { partner.name }}"), "braces are braces");
    }

    proptest! {
        #[test]
        fn sanitising_twice_is_sanitising_once(text in "\\PC{0,80}|[ \\t\\r\\n\\u{0}\\u{202e}a-z*#`{}]{0,120}", most in 0_usize..60) {
            let once = sanitised(&text, most);
            prop_assert!(sanitised(&once, most) == once);
            prop_assert!(once.chars().count() <= most);
            prop_assert!(is_lite(&read(&text)));
        }
    }
}
