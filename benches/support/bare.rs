//! The bare typst crate: a text written out as Typst source, set and exported with nothing of ours.

use partnercast::domain::content::tree::{Inline, Node};
use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

/// Library and fonts, loaded once.
pub struct Bare {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    id: FileId,
}

impl Bare {
    /// With the fonts of Typst and our Inter.
    pub fn new() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/document/fonts");
        let ours = std::fs::read_dir(folder).expect("our fonts").flatten().map(|file| file.path());
        let ours = ours.filter(|path| path.extension().is_some_and(|extension| extension == "otf"));
        let ours: Vec<Bytes> = ours.map(|path| Bytes::new(std::fs::read(path).expect("a font"))).collect();
        let bundled = typst_assets::fonts().map(Bytes::new);
        let fonts: Vec<Font> = ours.into_iter().chain(bundled).flat_map(Font::iter).collect();
        let path = VirtualPath::new("bare.typ").expect("a plain name");
        Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            id: FileId::new(RootedPath::new(VirtualRoot::Project, path)),
        }
    }

    /// Sets and exports `source`, and drops what was cached for others.
    pub fn pdf(&self, source: &str) -> Vec<u8> {
        let one = One { bare: self, source: Source::new(self.id, source.to_owned()) };
        let document = typst::compile::<PagedDocument>(&one).output.expect("the source is right");
        let pdf = typst_pdf::pdf(&document, &PdfOptions::default()).expect("it is exported");
        // The texts differ by one line only; what is kept would be all the rest.
        comemo::evict(0);
        pdf
    }
}

struct One<'b> {
    bare: &'b Bare,
    source: Source,
}

impl World for One<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.bare.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.bare.book
    }

    fn main(&self) -> FileId {
        self.source.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.source.id() { Ok(self.source.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, _: FileId) -> FileResult<Bytes> {
        Err(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.bare.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// The text as Typst source: the same paragraphs, lists, tables and page size, nothing else.
pub fn source(first: &str, nodes: &[Node]) -> String {
    let mut source = "#set page(paper: \"a4\", margin: (x: 26mm, top: 31mm, bottom: 29mm))\n\
        #set text(font: \"Libertinus Serif\", size: 11pt, lang: \"en\", hyphenate: true)\n\
        #set par(leading: 0.7em, spacing: 1.15em, justify: true)\n\
        #show heading: set text(font: \"Inter\")\n#show table: set text(font: \"Inter\", size: 9pt)\n"
        .to_owned();
    source.push_str(&format!("#par({})\n", quoted(first)));
    nodes.iter().for_each(|node| source.push_str(&format!("#{{{}}}\n", block(node))));
    source
}

/// A string of Typst. What JSON escapes with `\u` does not occur in the demo's content.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

fn blocks(nodes: &[Node]) -> String {
    let blocks: Vec<String> = nodes.iter().map(block).collect();
    format!("{{{}}}", blocks.join(";"))
}

fn block(node: &Node) -> String {
    let items = |items: &[Vec<Node>]| items.iter().map(|item| blocks(item)).collect::<Vec<_>>().join(",");
    match node {
        Node::Heading { level, inlines } => {
            format!("heading(level: {}, {})", level.saturating_sub(1).max(1), line(inlines))
        }
        Node::Paragraph(inlines) => format!("par({})", line(inlines)),
        Node::List { ordered_start: None, items: list } => format!("list({})", items(list)),
        Node::List { ordered_start: Some(start), items: list } => {
            format!("enum(start: {start}, {})", items(list))
        }
        Node::Quote(inner) => format!("quote(block: true, {})", blocks(inner)),
        Node::Code { text, .. } => format!("raw({}, block: true)", quoted(text)),
        Node::Table { head, rows, .. } => {
            let cells = head.iter().chain(rows.iter().flatten()).map(|cell| line(cell));
            format!("table(columns: (1fr,) * {}, {})", head.len(), cells.collect::<Vec<_>>().join(","))
        }
        Node::Image { alt, .. } => format!("par({})", quoted(alt)),
        Node::Rule => "line(length: 100%)".to_owned(),
    }
}

fn line(inlines: &[Inline]) -> String {
    let parts: Vec<String> = inlines
        .iter()
        .map(|inline| match inline {
            Inline::Text(text) => quoted(text),
            Inline::Emphasis(inner) => format!("emph({})", line(inner)),
            Inline::Strong(inner) => format!("strong({})", line(inner)),
            Inline::Code(text) => format!("raw({})", quoted(text)),
            Inline::Link { inlines, .. } => format!("link(\"https://example.com\", {})", line(inlines)),
            Inline::Field(_) | Inline::SoftBreak => "[ ]".to_owned(),
            Inline::HardBreak => "linebreak()".to_owned(),
        })
        .collect();
    format!("[#({})]", if parts.is_empty() { "[]".to_owned() } else { parts.join("+") })
}
