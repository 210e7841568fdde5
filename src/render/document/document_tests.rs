use std::collections::BTreeSet;

use chrono::NaiveDate;
use typst::layout::{Frame, FrameItem};
use typst_layout::PagedDocument;

use super::*;
use crate::{
    domain::{
        content::tree::{Alignment, Inline},
        partner::brand::Colour,
    },
    render::Button,
};

/// Looks like code wherever code could be.
const HOSTILE: &str =
    "#panic(\"x\") #read(\"/etc/passwd\") $x$ @ref *b* _e_ // c /* d */ <label> \\ ` ] } #include \"a\"";

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    ::image::RgbImage::from_pixel(40, 10, ::image::Rgb([10, 80, 60]))
        .write_to(&mut bytes, ::image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn text(words: &str) -> Vec<Inline> {
    vec![Inline::Text(words.to_owned())]
}

/// One of every block, each with `words` in it.
fn body(words: &str) -> Vec<Node> {
    vec![
        Node::Heading { level: 2, inlines: text(words) },
        Node::Paragraph(vec![
            Inline::Text(words.to_owned()),
            Inline::Strong(vec![Inline::Emphasis(text("both"))]),
            Inline::Code(words.to_owned()),
            Inline::HardBreak,
            Inline::Link { target: Target::Url("https://x.example".into()), inlines: text(words) },
        ]),
        Node::List { ordered_start: Some(3), items: vec![vec![Node::Paragraph(text(words))]] },
        Node::List {
            ordered_start: None,
            items: vec![vec![
                Node::Paragraph(text("outer")),
                Node::List { ordered_start: None, items: vec![vec![Node::Paragraph(text("inner"))]] },
            ]],
        },
        Node::Quote(vec![Node::Paragraph(text(words))]),
        Node::Code { language: "rust".into(), text: format!("{words}\n") },
        Node::Table {
            alignments: vec![Alignment::None, Alignment::Right],
            head: vec![text(words), text("b")],
            rows: vec![vec![text("1"), text(words)]],
        },
        Node::Image { src: "images/there.png".into(), alt: words.to_owned() },
        Node::Image { src: "images/missing.png".into(), alt: words.to_owned() },
        Node::Rule,
    ]
}

/// A document with `words` in every field.
fn input(words: &str, own: Own) -> DocumentInput {
    DocumentInput {
        locale: Locale::parse("de-AT").unwrap(),
        reader_locale: Locale::parse("de-AT").unwrap(),
        title: format!("Title {words}"),
        summary: words.to_owned(),
        keywords: vec![words.to_owned()],
        published: NaiveDate::from_ymd_opt(2027, 1, 5),
        body: body(words),
        partner: PartnerBrand {
            name: format!("*KG* {words}"),
            primary: Colour::INK,
            accent: Colour::INK,
            logo_url: None,
            logo_dark_url: None,
            typeface: None,
            logo_alt: String::new(),
            value_proposition: Some(words.to_owned()),
            proof: Some(words.to_owned()),
            call_to_action: Some(Button { label: words.to_owned(), url: "https://x.example".into() }),
            contact_name: Some(words.to_owned()),
            contact_email: Some("a@b.example".into()),
            phone: Some(words.to_owned()),
            website: Some("https://b.example".into()),
        },
        partner_logo: None,
        vendor: VendorBrand {
            name: format!("Brackenfold {words}"),
            legal_name: words.to_owned(),
            postal_address: words.to_owned(),
            logo_url: None,
            logo_dark_url: None,
            typeface: None,
            website: "https://brackenfold.example".into(),
            tagline: Some(words.to_owned()),
        },
        vendor_logo: Some(png()),
        own,
    }
}

fn whitepaper(words: &str) -> DocumentInput {
    let own = Whitepaper {
        cover_line: Some(words.to_owned()),
        authors: vec!["Priya Raman".into(), words.to_owned()],
        co_author: Some(words.to_owned()),
    };
    input(words, Own::Whitepaper(own))
}

fn datasheet(words: &str, rows: usize) -> DocumentInput {
    let row = Specification { name: words.to_owned(), value: words.to_owned() };
    let own = Datasheet {
        product: words.to_owned(),
        version: Some(words.to_owned()),
        specifications: vec![row; rows],
    };
    input(words, Own::Datasheet(own))
}

fn kit(words: &str) -> DocumentInput {
    let tactic = |day| Tactic {
        day,
        kind_label: words.to_owned(),
        title: words.to_owned(),
        url: Some("https://x.example".into()),
        use_line: words.to_owned(),
    };
    let own = Kit {
        theme: words.to_owned(),
        outcome: Some(words.to_owned()),
        start: NaiveDate::from_ymd_opt(2027, 1, 12).unwrap(),
        end: NaiveDate::from_ymd_opt(2027, 2, 5).unwrap(),
        tactics: vec![tactic(7), tactic(-3)],
        checklist: vec![words.to_owned(); 3],
        manager: Some(Manager {
            name: words.to_owned(),
            email: "m@v.example".into(),
            phone: words.to_owned(),
        }),
    };
    input(words, Own::Kit(own))
}

fn every_kind(words: &str) -> [DocumentInput; 3] {
    [whitepaper(words), datasheet(words, 3), kit(words)]
}

fn prepared(input: &DocumentInput, templates: &Templates) -> Result<Prepared> {
    let mut link = |target: &Target| match target {
        Target::Url(url) => url.clone(),
        _ => String::new(),
    };
    let mut image = |path: &str| (path == "images/there.png").then(png);
    prepare(templates, input, &mut DocumentHooks { link: &mut link, image: &mut image })
}

fn render(input: &DocumentInput) -> Result<Vec<u8>> {
    let templates = Templates::load(None).unwrap();
    prepared(input, &templates)?.pdf(&templates)
}

/// The pages as set, before they become a PDF.
fn pages(input: &DocumentInput) -> PagedDocument {
    let templates = Templates::load(None).unwrap();
    let Prepared { layout, files, .. } = prepared(input, &templates).unwrap();
    world::pages(&world::Shelf::new(templates.layouts(), &layout, files)).unwrap()
}

/// Everything set on the pages, in order, and the places (page, left, right, bottom in points) of each piece.
fn pieces(document: &PagedDocument) -> Vec<(String, [f64; 4])> {
    fn walk(frame: &Frame, at: (f64, f64), page: f64, found: &mut Vec<(String, [f64; 4])>) {
        for (place, item) in frame.items() {
            let (x, y) = (at.0 + place.x.to_pt(), at.1 + place.y.to_pt());
            match item {
                FrameItem::Group(group) => walk(&group.frame, (x, y), page, found),
                FrameItem::Text(item) => {
                    found.push((item.text.to_string(), [page, x, x + item.width().to_pt(), y]));
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    for (number, page) in (1_u32..).zip(document.pages()) {
        walk(&page.frame, (0.0, 0.0), f64::from(number), &mut found);
    }
    found
}

fn words_of(document: &PagedDocument) -> String {
    let pieces: Vec<String> = pieces(document).into_iter().map(|(text, _)| text).collect();
    pieces.concat().replace(['\u{200b}', '\u{ad}'], "")
}

fn has(pdf: &[u8], needle: &[u8]) -> bool {
    pdf.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn text_that_looks_like_code_is_text() {
    for input in every_kind(HOSTILE) {
        let pdf = render(&input).unwrap();
        let kind = input.own.name();
        assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() > 10_000, "{kind}");
        assert!(has(&pdf, b"/StructTreeRoot"), "{kind}: tagged, for screen readers");
        assert!(has(&pdf, b"<pdfuaid:part>1</pdfuaid:part>"), "{kind} claims PDF/UA-1");
        assert!(has(&pdf, b"https://x.example"), "{kind}: links are live");
        assert!(!has(&pdf, b"root:x:"), "{kind}: nothing was read from the disk");
        let words = words_of(&pages(&input)).replace(' ', "");
        assert!(
            words.contains("#read(\"/etc/passwd\")") || words.contains("#read(„/etc/passwd"),
            "{kind}: {words}"
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_another_another() {
    for (one, other) in every_kind("a").iter().zip(every_kind("b")) {
        // Each time with templates, data and a World of its own, and other documents in between.
        let first = render(one).unwrap();
        assert_ne!(first, render(&other).unwrap());
        comemo::evict(0);
        assert!(first == render(one).unwrap(), "{}", one.own.name());
    }
}

#[test]
fn the_key_tells_all_that_a_document_depends_on() {
    let templates = Templates::load(None).unwrap();
    let key =
        |input: &DocumentInput, templates: &Templates| prepared(input, templates).unwrap().key(templates);
    let plain = key(&whitepaper("a"), &templates);
    assert_eq!(plain, key(&whitepaper("a"), &templates));
    let changes: [fn(&mut DocumentInput); 8] = [
        |input| input.title.push('!'),
        |input| input.body.truncate(4),
        |input| input.partner.primary = Colour::WHITE,
        |input| input.partner.phone = None,
        |input| input.partner_logo = Some(png()),
        |input| input.vendor_logo = None,
        |input| input.locale = Locale::parse("en").unwrap(),
        |input| input.own = Own::Whitepaper(Whitepaper::default()),
    ];
    let mut keys = BTreeSet::from([plain]);
    for change in changes {
        let mut input = whitepaper("a");
        change(&mut input);
        keys.insert(key(&input, &templates));
    }
    let folder = with_layout("common.typ", "#let x = 1\n");
    let changed = Templates::load(Some(folder.path())).unwrap();
    keys.insert(key(&whitepaper("a"), &changed));
    assert_eq!(keys.len(), 10, "each change makes a new key");
}

/// However long a name is, it stands on the page and in its own place.
#[test]
fn long_names_stay_where_they_belong() {
    let spaced = "Überlandgesellschaft ".repeat(10);
    for words in ["W".repeat(200), "a-very/long.address".repeat(11), spaced] {
        for input in every_kind(&words) {
            let set = pages(&input);
            let width = set.pages()[0].frame.width().to_pt();
            for (text, [page, left, right, bottom]) in pieces(&set) {
                let inside = left >= 28.0 && right <= width - 28.0 && bottom <= 842.0;
                assert!(inside, "{}, page {page}: {text:?} stands at {left}..{right}", input.own.name());
            }
        }
    }
}

/// Lines of running heads and feet never run into each other.
#[test]
fn heads_and_feet_hold_long_names() {
    let set = pages(&whitepaper(&"Wattenmeerverband ".repeat(11)));
    let top: Vec<[f64; 4]> =
        pieces(&set).into_iter().map(|(_, at)| at).filter(|at| at[0] == 3.0 && at[3] < 80.0).collect();
    assert!(top.len() >= 2, "title and name");
    for one in &top {
        for other in top.iter().filter(|other| (other[3] - one[3]).abs() < 6.0 && other[1] > one[1]) {
            assert!(one[2] <= other[1] + 0.1, "{one:?} runs into {other:?}");
        }
    }
}

#[test]
fn a_datasheet_has_one_page_or_as_many_as_it_needs() {
    let mut short = datasheet("A short line", 6);
    short.body.truncate(2);
    let set = pages(&short);
    assert_eq!(set.pages().len(), 1);
    assert!(!words_of(&set).contains("Seite 1"), "one page is not numbered");
    let mut long = datasheet("A property with a value that takes some room", 40);
    let sentence = "A sentence about the product that says nothing new. ".repeat(9);
    long.body = (0..8).map(|_| Node::Paragraph(text(&sentence))).collect();
    let set = pages(&long);
    assert_eq!(set.pages().len(), 3);
    assert!(words_of(&set).contains("Seite 2 von 3"));
    assert!(has(&render(&long).unwrap(), b"<pdfuaid:part>1</pdfuaid:part>"));
}

#[test]
fn a_kit_is_told_in_the_order_of_its_days() {
    let set = pages(&kit("Something to do"));
    let words = words_of(&set);
    let (before, after) = (words.find("9. Jänner").unwrap(), words.find("19. Jänner").unwrap());
    assert!(before < after && words.contains("−3"), "{words}");
    assert_eq!(set.pages().len(), 1);
}

/// A sign that our fonts lack is no reason to have no document; a letter is.
#[test]
fn a_text_we_have_no_signs_for_still_makes_a_tagged_document() {
    let pdf = render(&whitepaper("done \u{1f389}")).unwrap();
    assert!(has(&pdf, b"/StructTreeRoot") && !has(&pdf, b"pdfuaid"));
}

#[test]
fn a_promise_we_have_no_letters_for_is_left_out() {
    let mut input = whitepaper("a");
    input.partner.value_proposition = Some("매달 복구를 시험합니다".into());
    input.partner.proof = Some("Proven.".into());
    let set = pages(&input);
    let words = words_of(&set);
    assert!(words.contains("Proven.") && !words.contains("복구"), "{words}");
    assert!(has(&render(&input).unwrap(), b"pdfuaid"), "and the rest is accessible");
}

#[test]
fn typefaces_on_disk_are_used_and_told_by_the_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("document/fonts")).unwrap();
    let inter = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/document/fonts/Inter-Bold.otf");
    std::fs::copy(inter, folder.path().join("document/fonts/Another.otf")).unwrap();
    let (ours, theirs) = (Templates::load(None).unwrap(), Templates::load(Some(folder.path())).unwrap());
    assert_eq!(theirs.layouts().fonts().fonts.len(), ours.layouts().fonts().fonts.len() + 1);
    let key = |templates: &Templates| prepared(&whitepaper("a"), templates).unwrap().key(templates);
    assert_ne!(key(&ours), key(&theirs));
}

#[test]
fn arabic_and_japanese_are_set_and_what_no_font_has_is_refused() {
    for (locale, title) in [("ar", "إثبات الاستعادة"), ("ja", "復旧の証明")] {
        let input = DocumentInput { locale: Locale::parse(locale).unwrap(), ..whitepaper(title) };
        let pdf = render(&input).unwrap();
        let font = if locale == "ar" { &b"NotoSansArabic"[..] } else { b"NotoSansCJKjp" };
        assert!(
            pdf.windows(font.len()).any(|window| window == font),
            "{locale}: its letters come from our font"
        );
    }
    let refusal = render(&DocumentInput { title: "복구".into(), ..whitepaper("a") }).map(|_| ()).unwrap_err();
    assert!(refusal.public().contains("no font of ours has the letter `복` (U+BCF5)"), "{refusal}");
}

#[test]
fn a_broken_logo_is_named() {
    let refusal = |logo: &[u8]| {
        let input = DocumentInput { partner_logo: Some(logo.to_vec()), ..whitepaper("a") };
        render(&input).unwrap_err().public().to_owned()
    };
    assert!(refusal(b"<svg xmlns='x'/>").contains("the partner's logo is no PNG; convert it"));
    assert!(
        refusal(&png()[..20]).contains("the partner's logo is a damaged PNG"),
        "{}",
        refusal(&png()[..20])
    );
    // Head and size are right, the pixels are not: found when it is set.
    let cut = &png()[..60];
    assert!(refusal(cut).contains("the partner's logo is a damaged PNG"), "{}", refusal(cut));
    assert!(refusal(&vec![0; (4 << 20) + 1]).contains("larger than 4 MB"));
    let mut wide = png();
    wide[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    let crc = crc32(&wide[12..29]);
    wide[29..33].copy_from_slice(&crc.to_be_bytes());
    assert!(refusal(&wide).contains("30000 x 10 pixels"), "{}", refusal(&wide));
}

/// That of PNG's chunks, bit by bit (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn with_layout(name: &str, source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("document")).unwrap();
    std::fs::write(folder.path().join("document").join(name), source).unwrap();
    folder
}

#[test]
fn a_layout_that_is_wrong_is_refused_with_its_line() {
    let faults = [
        ("whitepaper.typ", "one\n\n#read(\"/etc/passwd\")\n"),
        ("common.typ", "\n\n#let x = read(\"/x\")\n"),
    ];
    for (name, source) in faults {
        let folder = with_layout(name, source);
        let templates = Templates::load(Some(folder.path())).unwrap();
        let error = prepared(&whitepaper("a"), &templates).unwrap().pdf(&templates).unwrap_err();
        assert!(error.detail().contains(&format!("{name}, line 3")), "{}", error.detail());
        assert!(!error.public().contains("passwd"));
    }
}
