use super::*;
use crate::{
    domain::{
        content::tree::{Alignment, Inline},
        partner::brand::Colour,
    },
    render::Button,
};

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(40, 10, image::Rgb([10, 80, 60]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn input(hostile: &str) -> DocumentInput {
    let text = |words: &str| vec![Inline::Text(words.to_owned())];
    let body = vec![
        Node::Heading { level: 2, inlines: text(hostile) },
        Node::Paragraph(vec![
            Inline::Text(hostile.to_owned()),
            Inline::Strong(vec![Inline::Emphasis(text("both"))]),
            Inline::Code(hostile.to_owned()),
            Inline::HardBreak,
            Inline::Link { target: Target::Url("https://x.example".into()), inlines: text(hostile) },
        ]),
        Node::List { ordered_start: Some(3), items: vec![vec![Node::Paragraph(text(hostile))]] },
        Node::List {
            ordered_start: None,
            items: vec![vec![
                Node::Paragraph(text("outer")),
                Node::List { ordered_start: None, items: vec![vec![Node::Paragraph(text("inner"))]] },
            ]],
        },
        Node::Quote(vec![Node::Paragraph(text(hostile))]),
        Node::Code { language: "rust".into(), text: format!("{hostile}\n") },
        Node::Table {
            alignments: vec![Alignment::None, Alignment::Right],
            head: vec![text(hostile), text("b")],
            rows: vec![vec![text("1"), text(hostile)]],
        },
        Node::Image { src: "images/there.png".into(), alt: hostile.to_owned() },
        Node::Image { src: "images/missing.png".into(), alt: hostile.to_owned() },
        Node::Rule,
    ];
    DocumentInput {
        locale: Locale::parse("de-AT").unwrap(),
        kind_label: "Whitepaper".into(),
        title: format!("Title {hostile}"),
        summary: hostile.to_owned(),
        cover_line: Some(hostile.to_owned()),
        authors: vec!["Priya Raman".into(), hostile.to_owned()],
        published: "5 January 2027".into(),
        year: 2027,
        body,
        partner: PartnerBrand {
            name: format!("*KG* {hostile}"),
            primary: Colour::INK,
            accent: Colour::INK,
            logo_url: None,
            logo_alt: String::new(),
            value_proposition: Some(hostile.to_owned()),
            proof: None,
            call_to_action: Some(Button { label: hostile.to_owned(), url: "https://x.example".into() }),
            contact_name: None,
            contact_email: Some("a@b.example".into()),
            phone: None,
            website: Some("https://b.example".into()),
        },
        partner_logo: Some(png()),
        vendor: VendorBrand {
            name: "Brackenfold".into(),
            legal_name: "Brackenfold AS".into(),
            postal_address: "Oslo".into(),
            logo_url: None,
            website: "https://brackenfold.example".into(),
            tagline: None,
        },
        vendor_logo: None,
    }
}

fn render(input: &DocumentInput) -> Result<Vec<u8>> {
    let templates = Templates::load(None).unwrap();
    let mut link = |target: &Target| match target {
        Target::Url(url) => url.clone(),
        _ => String::new(),
    };
    let mut image = |path: &str| (path == "images/there.png").then(png);
    render_pdf(&templates, input, &mut DocumentHooks { link: &mut link, image: &mut image })
}

const HOSTILE: &str =
    "#panic(\"x\") #read(\"/etc/passwd\") $x$ @ref *b* _e_ // c /* d */ <label> \\ ` ] } #include \"a\"";

#[test]
fn text_that_looks_like_code_is_text() {
    let pdf = render(&input(HOSTILE)).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.len() > 10_000);
    let has = |needle: &[u8]| pdf.windows(needle.len()).any(|window| window == needle);
    assert!(has(b"/StructTreeRoot"), "tagged, for screen readers");
    assert!(has(b"https://x.example"), "links are live");
    assert!(!has(b"root:x:"), "nothing was read from the disk");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(render(&input("a")).unwrap(), render(&input("a")).unwrap());
}

#[test]
fn arabic_and_japanese_are_set_and_what_no_font_has_is_refused() {
    for (locale, title) in [("ar", "إثبات الاستعادة"), ("ja", "復旧の証明")] {
        let mut input = input(title);
        input.locale = Locale::parse(locale).unwrap();
        let pdf = render(&input).unwrap();
        let font = if locale == "ar" { &b"NotoSansArabic"[..] } else { b"NotoSansCJKjp" };
        assert!(
            pdf.windows(font.len()).any(|window| window == font),
            "{locale}: its letters come from our font"
        );
    }
    let refusal = render(&input("복구")).map(|_| ()).unwrap_err();
    assert!(refusal.public().contains("no font of ours has the letter `복` (U+BCF5)"), "{refusal}");
}

#[test]
fn a_broken_logo_is_named() {
    let refusal = |logo: &[u8]| {
        let input = DocumentInput { partner_logo: Some(logo.to_vec()), ..input("a") };
        render(&input).unwrap_err().public().to_owned()
    };
    assert!(refusal(b"<svg xmlns='x'/>").contains("the partner's logo is neither PNG nor JPEG"));
    assert!(refusal(&png()[..60]).contains("the partner's logo is a damaged PNG"));
    assert!(refusal(&vec![0; IMAGE_BYTES_MAX + 1]).contains("larger than 4 MB"));
}

#[test]
fn a_layout_that_is_wrong_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("document")).unwrap();
    std::fs::write(folder.path().join("document/whitepaper.typ"), "one\n\n#read(\"/etc/passwd\")\n").unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    let mut hooks = DocumentHooks { link: &mut |_| String::new(), image: &mut |_| None };
    let error = render_pdf(&templates, &input("a"), &mut hooks).unwrap_err();
    assert!(error.detail().contains("whitepaper.typ, line 3"), "{}", error.detail());
    assert!(!error.public().contains("passwd"));
}
