use super::*;
use crate::domain::{
    content::tree::{Inline, Node},
    partner::{Typeface, brand::Colour},
};
use crate::render::{Button, PartnerBrand, Slot, Templates, VendorBrand};

fn colour(text: &str) -> Colour {
    Colour::try_from(text.to_owned()).unwrap()
}

fn partner(name: &str) -> PartnerBrand {
    PartnerBrand {
        name: name.to_owned(),
        primary: colour("#ffe14d"),
        accent: colour("#0f766e"),
        logo_url: Some("https://news.example/logo/northlight.png?a=1&b=2".into()),
        logo_dark_url: None,
        typeface: None,
        logo_alt: format!("{name} \\ logo ❤\u{fe0f}"),
        value_proposition: Some("We restore <one> system every month.".into()),
        proof: Some("412 test restores.".into()),
        call_to_action: Some(Button {
            label: "Book \"now\"".into(),
            url: "https://x.example/?a=1&b=2".into(),
        }),
        contact_name: Some("Luis Ortega".into()),
        contact_email: Some("luis@northlight.example".into()),
        phone: None,
        website: None,
    }
}

fn vendor() -> VendorBrand {
    VendorBrand {
        name: "Brackenfold".into(),
        legal_name: "Brackenfold AS".into(),
        postal_address: "Bregnebakken 12, 0199 Oslo, Norway".into(),
        logo_url: None,
        logo_dark_url: None,
        typeface: None,
        website: "https://brackenfold.example".into(),
        tagline: None,
    }
}

fn input(partner_name: &str, locale: &str) -> EmailInput {
    let mut slots = SlotTable::default();
    let first = slots.marker(Slot::FirstName { default: "there".into() });
    let (base, prefs) = (slots.marker(Slot::BaseUrl), slots.marker(Slot::PreferencesToken));
    let click = slots.marker(Slot::ClickToken);
    let paragraph = Node::Paragraph(vec![
        Inline::Strong(vec![Inline::Text("bold".into())]),
        Inline::Text(" ".into()),
        Inline::Emphasis(vec![Inline::Text("soft".into())]),
        Inline::SoftBreak,
        Inline::Code("\\u{e000}0\\u{e001} &#xE000;0&#xE001;".into()),
    ]);
    let code = Node::Code { language: String::new(), text: "if x {\n    y  z\n}\n".into() };
    EmailInput {
        locale: Locale::parse(locale).unwrap(),
        subject: format!("{first}, <your> part & more"),
        preheader: format!("For {first}"),
        newsletter: "Fold Forward".into(),
        edition: "12 January 2027".into(),
        headline: "Restores, not <backups>".into(),
        sections: vec![vec![paragraph, code]],
        cards: vec![FeatureCard {
            lang: "en".into(),
            dir: "ltr",
            kind_label: "Whitepaper".into(),
            title: "Proof \"of\" Recovery".into(),
            summary: "Six questions.".into(),
            detail: None,
            url: format!("{base}/c/{click}/1"),
            call_to_action: "Read the whitepaper".into(),
            image: Some(CardImage { url: format!("{base}/i/1.png"), alt: "Cover".into() }),
        }],
        guests: Vec::new(),
        standing: vec![Node::Paragraph(vec![Inline::Text("Standing text.".into())])],
        partner: partner(partner_name),
        vendor: vendor(),
        why: "You get this because you asked.".into(),
        hidden_link: format!("{base}/c/{click}/9"),
        links: FooterLinks {
            unsubscribe: format!("{base}/u/{prefs}"),
            preferences: format!("{base}/p/{prefs}"),
            view: format!("{base}/v/{click}"),
        },
        slots,
    }
}

fn rendered(input: &EmailInput) -> EmailRendition {
    let templates = Templates::load(None).unwrap();
    newsletter(&templates, input, &mut |_| String::new(), &mut |_| None).unwrap()
}

const VALUES: SlotValues<'_> = SlotValues {
    first_name: "Zoë & <Co>",
    full_name: "",
    base_url: "https://news.example",
    click_token: "CLICK",
    via_token: "CLICK",
    preferences_token: "PREFS",
};

#[test]
fn slots_stand_where_they_belong_and_are_filled() {
    let rendition = rendered(&input("Northlight", "en"));
    let (subject, html, text) = rendition.filled(&VALUES);
    assert_eq!(subject, "Zoë & <Co>, <your> part & more");
    assert!(html.contains("href=\"https://news.example/c/CLICK/1\""), "in an attribute of MJML");
    assert!(html.contains("src=\"https://news.example/i/1.png\""), "in an image");
    assert!(html.contains("href=\"https://news.example/u/PREFS\""));
    assert!(html.contains("For Zoë &amp; &lt;Co&gt;"), "in the preheader");
    assert!(text.contains("https://news.example/u/PREFS"));
    for part in [&html, &text] {
        assert!(!part.contains(['\u{e000}', '\u{e001}']));
    }
    assert!(!html.contains("\\u{e000}0\\u{e001}Zoë"));
}

#[test]
fn nothing_an_author_types_becomes_a_slot_or_a_tag() {
    let rendition = rendered(&input("North\"><script>alert(1)</script>", "en"));
    let (_, html, text) = rendition.filled(&VALUES);
    assert!(!html.contains("<script"), "a partner's name");
    assert!(html.contains("&#x5C;u{e000}0&#x5C;u{e001} &amp;#xE000;0&amp;#xE001;"), "{html}");
    assert!(text.contains("\\u{e000}0\\u{e001} &#xE000;0&#xE001;"), "{text}");
    assert!(html.contains("Restores, not &lt;backups&gt;"));
    assert!(html.contains("https://x.example/?a=1&amp;b=2"), "an address is escaped once");
}

#[test]
fn mjml_leaves_spaces_and_attributes_as_written() {
    let html = rendered(&input("Northlight", "en")).html;
    assert!(html.contains("<strong>bold</strong>&#32;<em>soft</em>&#32;<code"), "{html}");
    assert!(html.contains("if x {\n    y  z\n}"), "code keeps its lines");
    assert!(html.contains("Northlight &#x5C; logo ❤&#xFE0F;"), "{html}");
    assert!(!html.contains("\\\\") && !html.contains("\\u{fe0f}"));
}

#[test]
fn what_the_law_and_mailbox_providers_want_is_there() {
    let rendition = rendered(&input("Northlight", "en"));
    for part in [&rendition.html, &rendition.text] {
        for wanted in
            ["You get this because you asked.", "Unsubscribe", "Brackenfold AS", "0199 Oslo", "Northlight"]
        {
            assert!(part.contains(wanted), "{wanted}");
        }
    }
    let html = &rendition.html;
    assert!(html.contains("<html lang=\"en\" dir=\"ltr\""));
    assert!(html.contains("name=\"color-scheme\""));
    assert!(!html.contains("fonts.googleapis"), "nothing is fetched but images");
    let images = html.matches("<img ").count();
    assert_eq!(images, html.matches("alt=\"").count(), "every image has a text");
    assert!(html.len() < HTML_BYTES_WARN && rendition.size_warning().is_none());
    assert!(html.contains("color:#1b1f24"), "dark text on a yellow band");
}

#[test]
fn a_partner_without_logo_is_set_in_type_and_arabic_runs_from_the_right() {
    let mut input = input("Dune Gate", "ar");
    input.partner.logo_url = None;
    let html = rendered(&input).html;
    assert!(html.contains("dir=\"rtl\"") && html.contains("text-align:right"));
    assert!(html.contains(">Dune Gate</div>"), "{html}");
    assert!(!html.contains("direction:ltr"), "columns run as the page does: {html}");
    assert!(!html.contains("letter-spacing"), "joined letters are not moved apart");
    assert!(html.contains("<pre dir=\"ltr\""), "code is read from the left");
}

/// How many images there are of each address.
fn images_of(html: &str, url: &str) -> usize {
    html.matches(&format!("src=\"{url}\"")).count()
}

#[test]
fn a_logo_for_dark_grounds_hides_until_it_is_dark() {
    let (light, dark) = ("https://news.example/n.png", "https://news.example/n-dark.png");
    let with = |change: fn(&mut EmailInput)| {
        let mut input = input("Northlight", "en");
        input.partner.logo_url = Some("https://news.example/n.png".into());
        input.vendor.logo_url = Some("https://news.example/v.png".into());
        change(&mut input);
        rendered(&input).html
    };
    let plain = with(|_| ());
    assert!(!plain.contains("class=\"on-dark\"") && !plain.contains("data-ogsc"));
    assert!(plain.contains(".logos > table { background-color: #ffffff"), "both stand on white, as ever");

    let both = with(|input| {
        input.partner.logo_dark_url = Some("https://news.example/n-dark.png".into());
        input.vendor.logo_dark_url = Some("https://news.example/v-dark.png".into());
    });
    assert_eq!([images_of(&both, light), images_of(&both, dark)], [1, 1]);
    let hidden = |html: &str| html.matches("style=\"display:none;mso-hide:all").count();
    assert_eq!(hidden(&both) - hidden(&plain), 2, "also where styles are taken away");
    assert!(both.contains("[data-ogsc] .on-dark") && both.contains("#1f2429"));
    assert!(both.len() < plain.len() + 3_000, "{} {}", both.len(), plain.len());
    assert_eq!(both.matches("<img ").count(), both.matches("alt=\"").count());

    let alone = with(|input| input.partner.logo_dark_url = Some("https://news.example/n-dark.png".into()));
    assert!(alone.contains("logo-end plate\""), "{alone}");
    assert_eq!(images_of(&alone, "https://news.example/v.png"), 1);
    let other = with(|input| input.vendor.logo_dark_url = Some("https://news.example/v-dark.png".into()));
    assert!(!other.contains("v-dark.png"), "beside a logo for white alone the strip stays white");
}

#[test]
fn mail_names_families_that_are_there_and_fetches_none() {
    let families = |typeface| {
        let mut input = input("Northlight", "en");
        input.partner.typeface = typeface;
        let html = rendered(&input).html;
        assert!(!html.contains("@font-face") && !html.contains("@import"));
        html
    };
    assert!(families(Some(Typeface::Literata)).contains("font-family:Georgia, Cambria, 'Times New Roman'"));
    assert!(families(Some(Typeface::ZillaSlab)).contains("font-family:Rockwell"));
    assert!(families(None).contains("'Segoe UI', Roboto, Helvetica"));
}

#[test]
fn tables_lists_and_quotes_begin_on_the_side_where_lines_do() {
    let cell = |text: &str| vec![Inline::Text(text.to_owned())];
    let paragraph = || vec![Node::Paragraph(cell("x"))];
    let blocks = vec![
        Node::Table {
            alignments: Vec::new(), head: vec![cell("النظام")], rows: vec![vec![cell("خادم")]]
        },
        Node::List { ordered_start: None, items: vec![paragraph()] },
        Node::Quote(paragraph()),
    ];
    let html = |locale: &str| {
        let mut input = input("Dune Gate", locale);
        input.sections = vec![blocks.clone()];
        rendered(&input).html
    };
    let (arabic, english) = (html("ar"), html("en"));
    for (side, html, padding, list, quote) in [
        ("right", &arabic, "8px 0 8px 10px", "0 24px 0 0", "border-right:3px"),
        ("left", &english, "8px 10px 8px 0", "0 0 0 24px", "border-left:3px"),
    ] {
        let cells: Vec<&str> =
            html.split("<td").chain(html.split("<th")).filter(|tag| tag.contains(padding)).collect();
        assert!(cells.len() >= 2, "{side}: {html}");
        assert!(html.contains(&format!("text-align:{side}\">خادم</td>")), "{side}: {html}");
        assert!(html.contains(&format!("margin:0 0 16px;padding:{list}")) && html.contains(quote), "{side}");
    }
}

#[test]
fn a_notice_says_what_happened_and_what_to_do() {
    let templates = Templates::load(None).unwrap();
    let mut notice_input = NoticeInput {
        locale: Locale::parse("de").unwrap(),
        subject: "A lead for you".into(),
        preheader: String::new(),
        heading: "A lead: Mara <Feld>".into(),
        body: vec![Node::Paragraph(vec![Inline::Text("She asked to talk.".into())])],
        facts: vec![Fact { label: "Company".into(), value: "Kessler & Sons".into() }],
        button: Some(Button { label: "Answer".into(), url: "https://news.example/o/1?a=1&b=2".into() }),
        after: Vec::new(),
        partner: Some(partner("Northlight")),
        vendor: vendor(),
        vendor_colours: (Colour::INK, Colour::INK),
        why: String::new(),
        links: Vec::new(),
        is_partners_own: false,
        slots: SlotTable::default(),
    };
    let render =
        |input: &NoticeInput| notice(&templates, input, &mut |_| String::new(), &mut |_| None).unwrap();
    let co_branded = render(&notice_input);
    assert!(co_branded.html.contains("Kessler &amp; Sons") && co_branded.html.contains("Mara &lt;Feld&gt;"));
    assert!(co_branded.html.contains("Gesendet von Brackenfold gemeinsam mit Northlight."));
    assert!(co_branded.text.contains("Company: Kessler & Sons"));
    assert!(co_branded.text.contains("Answer:\nhttps://news.example/o/1?a=1&b=2"));
    notice_input.is_partners_own = true;
    let own = render(&notice_input).html;
    assert!(
        own.contains("Präsentiert von Northlight mit Brackenfold") && !own.contains(&vendor().postal_address)
    );
    notice_input.is_partners_own = false;
    notice_input.partner = None;
    let of_vendor = render(&notice_input);
    assert!(!of_vendor.html.contains("Northlight") && of_vendor.html.contains("Brackenfold AS"));
}

#[test]
fn a_guest_has_a_section_in_its_own_language_and_direction() {
    let mut host = input("Northlight", "ar");
    let cards = std::mem::take(&mut input("Northlight", "en").cards);
    host.guests = vec![GuestIssue {
        locale: Locale::parse("de").unwrap(),
        newsletter: "Technik <Brief>".into(),
        edition: "12. Januar 2027".into(),
        headline: "Zurück ohne Umweg".into(),
        text: vec![Node::Paragraph(vec![Inline::Text("Ein Wort.".into())])],
        cards,
        why: "Sie erhalten den Technikbrief.".into(),
    }];
    let (_, html, text) = rendered(&host).filled(&VALUES);
    assert!(
        html.contains("<h2 lang=\"de\" dir=\"ltr\"") && html.contains("<div lang=\"de\" dir=\"ltr\">"),
        "{html}"
    );
    assert!(html.contains("Technik &lt;Brief&gt;") && html.contains("وفي هذه الرسالة"));
    assert_eq!(html.matches("<h1 ").count(), 1);
    assert_eq!(html.matches("Proof &quot;of&quot; Recovery</a></h3>").count(), 2, "its card as the host's");
    let at = |words: &str| text.find(words).unwrap();
    assert!(at("Six questions.") < at("Technik <Brief> | 12. Januar 2027\n====="));
    assert!(
        at("Zurück ohne Umweg\n") < at("Ein Wort.") && at("Ein Wort.") < at("Sie erhalten den Technikbrief.")
    );
    assert!(at("Sie erhalten den Technikbrief.") < at("You get this because you asked."));
}
