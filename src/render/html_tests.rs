use proptest::prelude::*;

use super::*;
use crate::domain::content::{Field, FieldUse, Library, SourceFile, Value, merge};

fn render(nodes: &[Node], profile: Profile) -> String {
    let mut slots = SlotTable::default();
    let mut link = |target: &Target| match target {
        Target::Asset(reference) => format!("https://p.example/{reference}?a=1&b=2"),
        Target::Url(url) => url.clone(),
        Target::Template(_) => String::new(),
    };
    let mut image = |src: &str| (src == "images/a.png").then(|| "https://p.example/a.png".to_owned());
    fragment(nodes, profile, &mut Hooks { link: &mut link, image: &mut image, slots: &mut slots })
}

fn text(words: &str) -> Vec<Inline> {
    vec![Inline::Text(words.to_owned())]
}

const MAIL: Profile = Profile::Mail { link: Colour::INK, is_rtl: false };

#[test]
fn whatever_is_written_is_text() {
    let hostile = "<script>alert(\"1\")</script> & 'x'";
    let nodes = [
        Node::Paragraph(vec![
            Inline::Strong(text(hostile)),
            Inline::Code(hostile.into()),
            Inline::Link { target: Target::Url("https://x.example/\"><b>".into()), inlines: text(hostile) },
        ]),
        Node::Heading { level: 2, inlines: text(hostile) },
        Node::Code { language: "\"><i>".into(), text: hostile.into() },
        Node::Image { src: "images/a.png".into(), alt: "\" onerror=\"x\nand more".into() },
        Node::Table {
            alignments: vec![Alignment::Right],
            head: vec![text(hostile)],
            rows: vec![vec![text(hostile)]],
        },
    ];
    for profile in [Profile::Page, MAIL] {
        let html = render(&nodes, profile);
        for tag in ["<script", "<i>", "<b>", "onerror=\"x"] {
            assert!(!html.contains(tag), "{tag} in {html}");
        }
        assert!(html.contains("alt=\"&quot; onerror=&quot;x and more\""), "{html}");
    }
}

#[test]
fn links_go_through_the_mapper_and_an_empty_one_leaves_the_text() {
    let link = |target| Node::Paragraph(vec![Inline::Link { target, inlines: text("go") }]);
    let page = render(&[link(Target::Asset("blog/x".into()))], Profile::Page);
    assert_eq!(page, "<p><a href=\"https://p.example/blog/x?a=1&amp;b=2\">go</a></p>\n");
    assert_eq!(render(&[link(Target::Template(Vec::new()))], Profile::Page), "<p>go</p>\n");
    let mail = render(&[link(Target::Asset("blog/x".into()))], MAIL);
    assert!(mail.contains("style=\"color:#1b1f24"), "{mail}");
}

#[test]
fn readers_fields_become_slots_and_others_their_default() {
    let field = |field, default: &str| Inline::Field(FieldUse { field, default: Some(default.to_owned()) });
    let nodes =
        [Node::Paragraph(vec![field(Field::ContactFirstName, "there"), field(Field::PartnerProof, "<ask>")])];
    assert_eq!(render(&nodes, Profile::Page), "<p>\u{e000}0\u{e001}&lt;ask&gt;</p>\n");
}

#[test]
fn lists_tables_and_headings_keep_their_meaning() {
    let nodes = [
        Node::Heading { level: 2, inlines: text("What we test") },
        Node::Heading { level: 3, inlines: text("What we test") },
        Node::List { ordered_start: Some(3), items: vec![vec![Node::Paragraph(text("three"))]] },
        Node::Table {
            alignments: vec![Alignment::None, Alignment::Right],
            head: vec![text("a"), text("b")],
            rows: vec![vec![text("1"), text("2")]],
        },
    ];
    let html = render(&nodes, Profile::Page);
    assert!(html.contains("<h2 id=\"what-we-test\">What we test</h2>"), "{html}");
    assert!(html.contains("<h3 id=\"what-we-test-2\">"), "{html}");
    assert!(html.contains("<ol start=\"3\">\n<li>three</li>"), "{html}");
    assert!(
        html.contains("<th scope=\"col\">a</th><th scope=\"col\" class=\"align-right\">b</th>"),
        "{html}"
    );
    assert_eq!(headings(&nodes), [("what-we-test".to_owned(), "What we test".to_owned())]);
}

#[test]
fn equal_headings_have_anchors_of_their_own_in_time() {
    let heading = |words: &str| Node::Heading { level: 2, inlines: text(words) };
    let few = ["A", "A 2", "A", "A", "A 2"].map(heading);
    let ids = [" id=\"a\"", " id=\"a-2\"", " id=\"a-3\"", " id=\"a-4\"", " id=\"a-2-2\""];
    let page = render(&few, Profile::Page);
    assert!(ids.iter().all(|id| page.contains(id)), "{page}");
    let began = std::time::Instant::now();
    render(&vec![heading("A"); 60_000], Profile::Page);
    // Minutes, if each is compared with all before it.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

proptest! {
    /// Whatever a partner is called, the page and the mail have the same elements and attributes.
    #[test]
    fn no_merge_value_ever_becomes_markup(value in "\\PC{0,40}|[<>\"'&\\[\\]()*_`{}|\\\\#:/a-z\n]{0,60}|(<b>|\\[x\\]\\(javascript:1\\)|\\{\\{ partner.name \\}\\}){1,3}") {
        let source = "---\nkind: blog\ntitle: B\nsummary: S\nroles: [sales]\npublish: 2027-01-06\nauthor: P\n---\n\
            Ask **{{ partner.name }}** or [{{ partner.name }}](https://a.example).\n\n## {{ partner.name }}\n\n\
            | a |\n|---|\n| {{ partner.name }} |\n\n- {{ partner.name }}\n";
        let file = SourceFile { path: "blog/b.md".to_owned(), bytes: source.as_bytes().to_vec() };
        let (library, _) = Library::build([file]);
        let nodes = library.assets[0].body.for_everyone();
        for profile in [Profile::Page, MAIL] {
            let marks = |value: &str| {
                let merged = merge(&nodes, &|_| Value::Text(value.to_owned())).ok()?;
                let html = render(&merged, profile);
                // A heading's anchor is made of its words.
                let tags = html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
                Some(tags.map(|tag| tag.split(" id=").next().unwrap_or_default().to_owned()).collect::<Vec<_>>())
            };
            let found = marks(&value);
            // A blank value is none, and is told as missing.
            prop_assume!(found.is_some());
            prop_assert_eq!(found, marks("x"), "{:?}", value);
        }
    }
}
