//! The content tree as Markdown (CommonMark 0.31 with GFM tables), for partners who put it into a site of their own.

use crate::domain::content::tree::{Alignment, Inline, Node, Target};

/// What Markdown needs from outside.
pub struct MarkdownHooks<'h> {
    /// The address for a link's target; empty leaves the text without a link.
    pub link: &'h dyn Fn(&Target) -> String,
    /// Where an image lies beside the file; nothing leaves the text that stands for it.
    pub image: &'h dyn Fn(&str) -> Option<String>,
}

/// `nodes` as Markdown, ended by a line end. Text stays text: what would be a mark is escaped.
pub fn markdown(nodes: &[Node], hooks: &MarkdownHooks<'_>) -> String {
    let mut text = hooks.blocks(nodes).join("\n");
    text.push('\n');
    text
}

impl MarkdownHooks<'_> {
    /// The lines of `nodes`, blocks parted by an empty one.
    fn blocks(&self, nodes: &[Node]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let block = self.block(node);
            if block.is_empty() {
                continue;
            }
            if !lines.is_empty() {
                lines.push(String::new());
            }
            // Two lists of one sort in a row would be read as one.
            if let (Node::List { ordered_start: own, .. }, Some(Node::List { ordered_start: before, .. })) =
                (node, at.checked_sub(1).map(|before| &nodes[before]))
                && own.is_some() == before.is_some()
            {
                lines.extend(["<!-- -->".to_owned(), String::new()]);
            }
            lines.extend(block);
        }
        lines
    }

    fn block(&self, node: &Node) -> Vec<String> {
        match node {
            Node::Heading { level, inlines } => {
                vec![format!("{} {}", "#".repeat(usize::from(*level)), self.one_line(inlines))]
            }
            Node::Paragraph(inlines) => self.inlines(inlines).split('\n').map(begun).collect(),
            Node::List { ordered_start, items } => {
                let mut lines = Vec::new();
                for (at, item) in (0_u64..).zip(items) {
                    let mark = match ordered_start {
                        Some(first) => format!("{}. ", first.saturating_add(at)),
                        None => "- ".to_owned(),
                    };
                    let blanks = " ".repeat(mark.len());
                    for (line_at, line) in self.blocks(item).into_iter().enumerate() {
                        let lead = if line_at == 0 { &mark } else { &blanks };
                        lines.push(format!("{lead}{line}").trim_end().to_owned());
                    }
                }
                lines
            }
            Node::Quote(inner) => {
                self.blocks(inner).into_iter().map(|line| format!("> {line}").trim_end().to_owned()).collect()
            }
            Node::Code { language, text } => {
                let longest = text.lines().map(|line| line.bytes().take_while(|b| *b == b'`').count()).max();
                let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
                let lines = text.lines().map(str::to_owned);
                [format!("{fence}{language}")].into_iter().chain(lines).chain([fence]).collect()
            }
            Node::Table { alignments, head, rows } => {
                let row = |cells: &Vec<Vec<Inline>>| {
                    let cells: Vec<String> =
                        cells.iter().map(|cell| self.one_line(cell).replace('|', "\\|")).collect();
                    format!("| {} |", cells.join(" | "))
                };
                let rule: Vec<&str> = alignments
                    .iter()
                    .map(|alignment| match alignment {
                        Alignment::None => "---",
                        Alignment::Left => ":---",
                        Alignment::Center => ":---:",
                        Alignment::Right => "---:",
                    })
                    .collect();
                let rule = format!("| {} |", rule.join(" | "));
                [row(head), rule].into_iter().chain(rows.iter().map(row)).collect()
            }
            Node::Image { src, alt } => {
                let alt = escaped(alt);
                vec![(self.image)(src).map_or_else(|| alt.clone(), |path| format!("![{alt}]({path})"))]
            }
            Node::Rule => vec!["---".to_owned()],
        }
    }

    fn one_line(&self, inlines: &[Inline]) -> String {
        self.inlines(inlines).replace("\\\n", " ").replace('\n', " ")
    }

    fn inlines(&self, inlines: &[Inline]) -> String {
        let mut text = String::new();
        for inline in inlines {
            match inline {
                Inline::Text(literal) => text.push_str(&escaped(literal)),
                Inline::Emphasis(inner) => text.push_str(&format!("*{}*", self.inlines(inner))),
                Inline::Strong(inner) => text.push_str(&format!("**{}**", self.inlines(inner))),
                Inline::Code(code) => {
                    let mark = if code.contains('`') { "``" } else { "`" };
                    let blank = if code.contains('`') { " " } else { "" };
                    text.push_str(&format!("{mark}{blank}{code}{blank}{mark}"));
                }
                Inline::Link { target, inlines } => {
                    let (words, url) = (self.inlines(inlines), (self.link)(target));
                    text.push_str(&if url.is_empty() { words } else { format!("[{words}](<{url}>)") });
                }
                // Filled or left out before; a name in braces would be read as text.
                Inline::Field(_) => {}
                Inline::SoftBreak => text.push('\n'),
                Inline::HardBreak => text.push_str("\\\n"),
            }
        }
        text
    }
}

/// Text without marks: every character that could begin one has a backslash before it (CommonMark section 2.4).
fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '|') {
            clean.push('\\');
        }
        clean.push(c);
    }
    clean
}

/// A line of a paragraph, which must not begin a heading, list, fence or rule.
fn begun(line: &str) -> String {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let is_numbered = (1..=9).contains(&digits) && line[digits..].starts_with(['.', ')']);
    match line.chars().next() {
        Some('#' | '-' | '+' | '=' | ':') => format!("\\{line}"),
        _ if is_numbered => format!("{}\\{}", &line[..digits], &line[digits..]),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::content::{SourceFile, library::Library};

    fn read(markdown: &str) -> Vec<Node> {
        let front = "---\nkind: page\ntitle: T\nsummary: S\n---\n";
        let file =
            SourceFile { path: "pages/x.md".to_owned(), bytes: format!("{front}{markdown}").into_bytes() };
        Library::build(vec![file]).0.assets[0].body.for_everyone()
    }

    fn written(nodes: &[Node]) -> String {
        let link = |target: &Target| match target {
            Target::Url(url) => url.clone(),
            Target::Asset(reference) => format!("asset:{reference}"),
            Target::Template(_) => String::new(),
        };
        markdown(nodes, &MarkdownHooks { link: &link, image: &|path| Some(path.to_owned()) })
    }

    #[test]
    fn a_page_reads_back_as_it_was() {
        let text = "## Head *one*\n\nA **b** `c` [d](<https://e.example/?f=1>) & <g> 1\\*2.\nNext line\\\nhard.\n\n- one\n- two\n\n  more\n\n3. three\n4. four\n\n> said\n\n```sql\nSELECT '`'\n```\n\n| a | b |\n| --- | ---: |\n| x | 1\\|2 |\n\n![alt](images/x.png)\n\n---\n\n2027\\. A year\n";
        let nodes = read(text);
        let again = read(&written(&nodes));
        for (again, node) in again.iter().zip(&nodes) {
            assert_eq!(again, node);
        }
        assert_eq!(again.len(), nodes.len(), "{}", written(&nodes));
    }

    proptest! {
        #[test]
        fn text_never_becomes_a_mark(text in "[a-z #*_`<>\\[\\]()!|~&+.:=0-9-]{1,60}") {
            let text = text.trim().to_owned();
            prop_assume!(!text.is_empty() && !text.contains("  "));
            let nodes = vec![Node::Paragraph(vec![Inline::Text(text)])];
            prop_assert_eq!(read(&written(&nodes)), nodes);
        }
    }
}
