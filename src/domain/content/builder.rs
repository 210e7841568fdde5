//! From Markdown events to the tree.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Tag};

use super::{
    field::{self, EXAMPLE, Scope},
    finding::{At, Code, Findings, codes},
    image::{IMAGE_FIX, image_path},
    link,
    markdown::Lifted,
    merge::Part,
    safe::{is_bad, is_surely_safe},
    tree::{Alignment, Inline, Node, Target},
};

/// Deepest nesting of containers (quotes, lists, emphasis, links) in the tree.
const DEPTH_MAX: usize = 24;

/// A container that is being filled.
enum Frame {
    /// The root, a quote or a list item.
    Blocks(Block, Vec<Node>),
    List(Option<u64>, Vec<Vec<Node>>),
    Code {
        language: String,
        text: String,
    },
    Html(String),
    Table {
        alignments: Vec<Alignment>,
        head: Vec<Vec<Inline>>,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    Cells {
        is_head: bool,
        cells: Vec<Vec<Inline>>,
    },
    /// `implied` when Markdown did not open the paragraph (tight list items).
    Paragraph {
        inlines: Vec<Inline>,
        images: Vec<Node>,
        start: usize,
        implied: bool,
    },
    Inlines(Around, Vec<Inline>),
    Image {
        src: String,
        alt: Vec<Inline>,
    },
}

enum Block {
    Root,
    Quote,
    Item,
}

/// What stands around inlines.
enum Around {
    Heading(u8),
    Cell,
    Emphasis,
    Strong,
    /// Nothing when the target is refused.
    Link(Option<Target>),
}

/// Builds the tree of one section.
pub(super) struct Builder<'b, 'f, 't> {
    lifted: &'b Lifted<'t>,
    base: usize,
    scope: Scope,
    findings: &'b mut Findings<'f>,
    frames: Vec<Frame>,
    /// How many containers beyond the limit are open.
    too_deep: usize,
}

impl<'b, 'f, 't> Builder<'b, 'f, 't> {
    pub(super) fn new(
        lifted: &'b Lifted<'t>,
        base: usize,
        scope: Scope,
        findings: &'b mut Findings<'f>,
    ) -> Self {
        let frames = vec![Frame::Blocks(Block::Root, Vec::new())];
        Self { lifted, base, scope, findings, frames, too_deep: 0 }
    }

    pub(super) fn finish(mut self) -> Vec<Node> {
        self.close_implied();
        match self.frames.pop() {
            Some(Frame::Blocks(_, nodes)) => nodes,
            _ => Vec::new(),
        }
    }

    fn offset(&self, at: usize) -> usize {
        self.base + self.lifted.source_offset(at)
    }

    fn find(&mut self, code: Code, at: usize, message: impl Into<String>, fix: impl Into<String>) {
        let offset = self.offset(at);
        self.findings.add_at(code, offset, message, fix);
    }

    pub(super) fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        if self.too_deep > 0 {
            match event {
                Event::Start(_) => self.too_deep += 1,
                Event::End(_) => self.too_deep -= 1,
                Event::Text(text) | Event::Code(text) => self.text(&text, range),
                Event::SoftBreak | Event::HardBreak => self.inline(Inline::SoftBreak, range.start),
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text, range),
            Event::Code(code) => {
                let code = self.lifted.restored(&code);
                self.inline(Inline::Code(code), range.start);
            }
            Event::Html(html) => match self.frames.last_mut() {
                Some(Frame::Html(text)) => text.push_str(&html),
                _ => self.text(&html, range),
            },
            Event::InlineHtml(html) => {
                self.raw_html(range.start);
                self.text(&html, range);
            }
            Event::SoftBreak => self.inline(Inline::SoftBreak, range.start),
            Event::HardBreak => self.inline(Inline::HardBreak, range.start),
            Event::Rule => self.block(Node::Rule),
            // Not enabled.
            Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        let at = range.start;
        if matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Link { .. } | Tag::Image { .. }) {
            self.open_paragraph(at);
        } else {
            self.close_implied();
        }
        if self.frames.len() >= DEPTH_MAX {
            self.find(codes::TOO_DEEP, at, "this is nested too deep to be read", "nest less");
            self.too_deep = 1;
            return;
        }
        let frame = match tag {
            Tag::Heading { level, .. } => {
                Frame::Inlines(Around::Heading(self.heading_level(level as u8, at)), Vec::new())
            }
            Tag::BlockQuote(_) => Frame::Blocks(Block::Quote, Vec::new()),
            Tag::Item => Frame::Blocks(Block::Item, Vec::new()),
            Tag::CodeBlock(kind) => Frame::Code { language: self.language(&kind), text: String::new() },
            Tag::HtmlBlock => {
                self.raw_html(at);
                Frame::Html(String::new())
            }
            Tag::List(start) => Frame::List(start, Vec::new()),
            Tag::Table(alignments) => {
                let alignments = alignments.into_iter().map(alignment).collect();
                Frame::Table { alignments, head: Vec::new(), rows: Vec::new() }
            }
            Tag::TableHead => Frame::Cells { is_head: true, cells: Vec::new() },
            Tag::TableRow => Frame::Cells { is_head: false, cells: Vec::new() },
            Tag::TableCell => Frame::Inlines(Around::Cell, Vec::new()),
            Tag::Emphasis => Frame::Inlines(Around::Emphasis, Vec::new()),
            Tag::Strong => Frame::Inlines(Around::Strong, Vec::new()),
            Tag::Link { dest_url, .. } => {
                Frame::Inlines(Around::Link(self.target(&dest_url, at)), Vec::new())
            }
            Tag::Image { dest_url, .. } => {
                let src = self.image_source(&dest_url, at);
                Frame::Image { src, alt: Vec::new() }
            }
            // Paragraphs; of the rest, what is not enabled does not come.
            _ => Frame::Paragraph { inlines: Vec::new(), images: Vec::new(), start: at, implied: false },
        };
        self.frames.push(frame);
    }

    fn end(&mut self) {
        let closes_block = !matches!(
            self.frames.last(),
            Some(Frame::Paragraph { implied: false, .. } | Frame::Inlines(..) | Frame::Image { .. })
        );
        if closes_block {
            self.close_implied();
        }
        match self.frames.pop() {
            Some(Frame::Inlines(around, inlines)) => self.end_inlines(around, inlines),
            Some(Frame::Paragraph { inlines, images, start, .. }) => {
                self.end_paragraph(inlines, images, start);
            }
            Some(Frame::Image { src, alt }) => self.end_image(src, &alt),
            Some(Frame::Blocks(Block::Quote, nodes)) => self.block(Node::Quote(nodes)),
            Some(Frame::Blocks(Block::Item, nodes)) => {
                if let Some(Frame::List(_, items)) = self.frames.last_mut() {
                    items.push(nodes);
                }
            }
            Some(root @ Frame::Blocks(Block::Root, _)) => self.frames.push(root),
            Some(Frame::List(ordered_start, items)) => self.block(Node::List { ordered_start, items }),
            Some(Frame::Code { language, text }) => self.block(Node::Code { language, text }),
            Some(Frame::Html(html)) => {
                let text = self.lifted.restored(html.trim());
                if !text.is_empty() {
                    self.block(Node::Paragraph(vec![Inline::Text(text)]));
                }
            }
            Some(Frame::Table { alignments, head, rows }) => {
                self.block(Node::Table { alignments, head, rows });
            }
            Some(Frame::Cells { is_head, cells }) => {
                if let Some(Frame::Table { head, rows, .. }) = self.frames.last_mut() {
                    if is_head { *head = cells } else { rows.push(cells) }
                }
            }
            None => {}
        }
    }

    fn end_inlines(&mut self, around: Around, inlines: Vec<Inline>) {
        match around {
            Around::Heading(level) => self.block(Node::Heading { level, inlines }),
            Around::Cell => {
                if let Some(Frame::Cells { cells, .. }) = self.frames.last_mut() {
                    cells.push(inlines);
                }
            }
            Around::Emphasis => self.inline(Inline::Emphasis(inlines), 0),
            Around::Strong => self.inline(Inline::Strong(inlines), 0),
            Around::Link(Some(target)) => self.inline(Inline::Link { target, inlines }, 0),
            Around::Link(None) => inlines.into_iter().for_each(|inline| self.inline(inline, 0)),
        }
    }

    fn end_paragraph(&mut self, mut inlines: Vec<Inline>, images: Vec<Node>, start: usize) {
        let blank = |inline: &Inline| match inline {
            Inline::SoftBreak | Inline::HardBreak => true,
            Inline::Text(text) => text.trim().is_empty(),
            _ => false,
        };
        let only_blank = inlines.iter().all(blank);
        if !images.is_empty() && !only_blank {
            self.find(
                codes::IMAGE_IN_TEXT,
                start,
                "an image stands in the middle of text",
                "put it in a paragraph of its own",
            );
        }
        if !only_blank {
            while inlines.last().is_some_and(blank) {
                inlines.pop();
            }
            self.block(Node::Paragraph(inlines));
        }
        images.into_iter().for_each(|image| self.block(image));
    }

    fn end_image(&mut self, src: String, alt: &[Inline]) {
        let alt = plain(alt);
        match self.frames.last_mut() {
            // The finding for a refused source is made already: its text stays.
            Some(Frame::Paragraph { images, .. }) if !src.is_empty() => images.push(Node::Image { src, alt }),
            _ => self.inline(Inline::Text(alt), 0),
        }
    }

    /// Adds a block to the innermost container of blocks.
    fn block(&mut self, node: Node) {
        self.close_implied();
        if let Some(Frame::Blocks(_, nodes)) = self.frames.last_mut() {
            nodes.push(node);
        }
    }

    fn open_paragraph(&mut self, at: usize) {
        if matches!(self.frames.last(), Some(Frame::Blocks(..))) {
            self.frames.push(Frame::Paragraph {
                inlines: Vec::new(),
                images: Vec::new(),
                start: at,
                implied: true,
            });
        }
    }

    fn close_implied(&mut self) {
        if matches!(self.frames.last(), Some(Frame::Paragraph { implied: true, .. }))
            && let Some(Frame::Paragraph { inlines, images, start, .. }) = self.frames.pop()
        {
            self.end_paragraph(inlines, images, start);
        }
    }

    /// Adds an inline to the innermost container of inlines, joining texts.
    fn inline(&mut self, inline: Inline, at: usize) {
        self.open_paragraph(at);
        let inlines = match self.frames.last_mut() {
            Some(Frame::Paragraph { inlines, .. } | Frame::Inlines(_, inlines)) => inlines,
            Some(Frame::Image { alt, .. }) => alt,
            _ => return,
        };
        match (inlines.last_mut(), inline) {
            (_, Inline::Text(text)) if text.is_empty() => {}
            (Some(Inline::Text(last)), Inline::Text(text)) => last.push_str(&text),
            (_, inline) => inlines.push(inline),
        }
    }

    fn text(&mut self, text: &str, range: &Range<usize>) {
        match self.frames.last_mut() {
            Some(Frame::Code { text: code, .. }) => {
                code.push_str(&self.lifted.restored(text));
                return;
            }
            Some(Frame::Html(html)) => {
                html.push_str(text);
                return;
            }
            _ => {}
        }
        if text.contains("{{") && !self.lifted.escaped(range.start) {
            let message = "`{{` does not begin a merge field";
            self.find(codes::MALFORMED_FIELD, range.start, message, EXAMPLE);
        }
        if is_surely_safe(text) {
            self.inline(Inline::Text(text.to_owned()), range.start);
            return;
        }
        let mut run = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_bad(*c)) {
            self.inline(Inline::Text(text[run..at].to_owned()), range.start);
            run = at + c.len_utf8();
            self.slot(c, range.start + at);
        }
        self.inline(Inline::Text(text[run..].to_owned()), range.start);
    }

    /// A character that stands for a field, or one that an entity named and nobody may use.
    fn slot(&mut self, c: char, at: usize) {
        let lifted = self.lifted;
        match lifted.cut(c) {
            Some(cut) => {
                let place = At::Offset(self.offset(at));
                if let Some(used) = field::check(cut.read.clone(), self.scope, place, self.findings) {
                    self.inline(Inline::Field(used), at);
                }
            }
            None => self.find(
                codes::UNSAFE_CHARACTER,
                at,
                format!("the character U+{:04X} is not allowed", u32::from(c)),
                "remove it",
            ),
        }
    }

    fn raw_html(&mut self, at: usize) {
        self.find(
            codes::RAW_HTML,
            at,
            "raw HTML is not allowed and is shown as text",
            "write Markdown, or put it in backquotes to show it",
        );
    }

    fn heading_level(&mut self, level: u8, at: usize) -> u8 {
        if level < 2 {
            self.find(
                codes::TOP_HEADING,
                at,
                "a first-level heading",
                "begin with `##`: the title is the first level",
            );
        }
        level.max(2)
    }

    fn language(&self, kind: &CodeBlockKind<'_>) -> String {
        match kind {
            CodeBlockKind::Indented => String::new(),
            CodeBlockKind::Fenced(info) => {
                self.lifted.restored(info.split_whitespace().next().unwrap_or_default())
            }
        }
    }

    fn target(&mut self, destination: &str, at: usize) -> Option<Target> {
        let place = At::Offset(self.offset(at));
        let mut parts: Vec<Part> = Vec::new();
        let mut text = String::new();
        for c in destination.chars() {
            let Some(cut) = self.lifted.cut(c) else {
                text.push(c);
                continue;
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            // A link that lacks a field would lead elsewhere.
            parts.push(Part::Field(field::check(cut.read.clone(), self.scope, place, self.findings)?));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        match link::target(parts) {
            Ok(target) => {
                link::warn_if_plain(&target, place, self.findings);
                Some(target)
            }
            Err((why, fix)) => {
                self.findings.add(codes::BAD_LINK, place, why, fix);
                None
            }
        }
    }

    /// The image's path, or nothing when it is refused.
    fn image_source(&mut self, destination: &str, at: usize) -> String {
        let source = self.lifted.restored(destination);
        let alone = matches!(self.frames.last(), Some(Frame::Paragraph { .. }));
        if !alone {
            self.find(
                codes::IMAGE_IN_TEXT,
                at,
                "an image stands inside other text",
                "put it in a paragraph of its own",
            );
            return String::new();
        }
        match image_path(&source) {
            Ok(()) => source,
            Err(why) => {
                self.find(codes::BAD_IMAGE, at, why, IMAGE_FIX);
                String::new()
            }
        }
    }
}

fn alignment(alignment: pulldown_cmark::Alignment) -> Alignment {
    match alignment {
        pulldown_cmark::Alignment::None => Alignment::None,
        pulldown_cmark::Alignment::Left => Alignment::Left,
        pulldown_cmark::Alignment::Center => Alignment::Center,
        pulldown_cmark::Alignment::Right => Alignment::Right,
    }
}

/// The text of an image's description: fields give their default.
fn plain(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(part) | Inline::Code(part) => text.push_str(part),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { inlines: inner, .. } => {
                text.push_str(&plain(inner));
            }
            Inline::Field(used) => text.push_str(used.default.as_deref().unwrap_or_default()),
            Inline::SoftBreak | Inline::HardBreak => text.push(' '),
        }
    }
    text
}
