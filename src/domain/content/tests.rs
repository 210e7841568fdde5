//! Each finding once, through one folder that is right but for one fault.

use super::{
    Field, Finding, Inline, Library, Node, Reader, SourceFile, Target, Value,
    finding::{Severity, codes},
    merge,
    text::{Plain, plain_text},
};
use crate::domain::{
    kernel::{Locale, Slug},
    partner::{AudienceRole, Partner, PartnerType, Region, Roles, Tier},
};

pub(crate) const VENDOR: &str = r##"
name = "Brackenfold"
legal_name = "Brackenfold AS"
website = "https://brackenfold.example"
postal_address = "Bregnebakken 12, Oslo"
default_locale = "en"
zone = "Europe/Oslo"
logo = "images/logo.png"
tagline = "Seen to restore."
[brand]
primary = "#1f4d3a"
accent = "#a8501a"
[sender.newsletter]
name = "News"
email = "news@brackenfold.example"
reply_to = "partners@brackenfold.example"
[[channel_manager]]
name = "Tom Beckett"
email = "tom@brackenfold.example"
phone = "+1 555 0100"
regions = ["americas", "emea", "apac"]
"##;
const PARTNERS: &str = "slug,name\nnorthlight,Northlight MSP\n";
const NEWSLETTER: &str = "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\nzone: partner\n\
    audience:\n  roles: [sales]\nsender: newsletter\napproval: automatic\nwhy: You are at {{ partner.name }}.\n---\nText.\n";
const ISSUE: &str = "---\nkind: issue\ntitle: I\nnewsletter: n\ndate: 2027-01-12\nsubject: S\npreheader: P\n\
    theme: T\nfeatures: [blog/b]\n---\nHello {{ contact.first_name | default: \"there\" }}.\n::: sales\nSell.\n:::\n";
pub(crate) const BLOG: &str =
    "---\nkind: blog\ntitle: B\nsummary: S\nroles: [sales]\npublish: 2027-01-06\nauthor: Priya\n---\n";

pub(super) fn file(path: &str, text: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_ref().to_vec() }
}

/// A folder without fault.
pub(super) fn folder() -> Vec<SourceFile> {
    vec![
        file("vendor.toml", VENDOR),
        file("images/logo.png", "png"),
        file("images/licences.toml", "[\"logo.png\"]\nlicence = \"own work\"\n"),
        file("roster/partners.csv", PARTNERS),
        file("roster/brands/northlight/logo.png", "png"),
        file("newsletters/n.md", NEWSLETTER),
        file("newsletters/n/2027-01-12.md", ISSUE),
        file("blog/b.md", format!("{BLOG}Text.\n")),
    ]
}

/// A platinum MSP of the Americas that serves hospitals and sells Fold Proof.
pub(crate) fn northlight() -> Partner {
    Partner {
        slug: Slug::parse("northlight").unwrap(),
        name: "Northlight MSP".to_owned(),
        partner_type: PartnerType::Msp,
        tier: Tier::Platinum,
        region: Region::Americas,
        city: "Minneapolis".to_owned(),
        zone: chrono_tz::America::Chicago,
        locale: Locale::parse("en-US").unwrap(),
        verticals: vec!["health".to_owned()],
        solutions: vec!["fold-proof".to_owned()],
        countries: Vec::new(),
        leads_max: None,
        parent: None,
        channel_manager_email: "tom@brackenfold.example".to_owned(),
        website: "https://northlight.example".to_owned(),
        brand: serde_json::from_str(r##"{"primary": "#123456", "accent": "#0a7d4b"}"##).unwrap(),
    }
}

fn check(files: Vec<SourceFile>) -> Vec<Finding> {
    Library::build(files).1
}

/// The findings with one more file, or another in place of one.
pub(super) fn with(path: &str, text: impl AsRef<[u8]>) -> Vec<Finding> {
    let mut files = folder();
    files.retain(|file| file.path != path);
    files.push(file(path, text));
    check(files)
}

pub(super) fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code).collect()
}

#[track_caller]
pub(super) fn one(findings: &[Finding], code: &str, line: u32, column: u32) -> Finding {
    let [finding] = findings else { panic!("one finding is wanted: {findings:#?}") };
    assert_eq!((finding.code, finding.line, finding.column), (code, line, column), "{finding}");
    finding.clone()
}

/// The findings of a blog post with this body, whose first line is line 9.
fn body(markdown: &str) -> Vec<Finding> {
    with("blog/x.md", format!("{BLOG}{markdown}\n"))
}

fn nodes(markdown: &str) -> Vec<Node> {
    let (library, _) = Library::build(vec![file("blog/x.md", format!("{BLOG}{markdown}\n"))]);
    library.assets[0].body.for_everyone()
}

#[test]
fn a_right_folder_has_no_findings() {
    assert_eq!(check(folder()), []);
}

#[test]
fn files_that_are_no_text_with_front_matter() {
    let text = format!("{BLOG}Text.");
    one(&with("blog/x.md", [text.as_bytes(), b"\xff"].concat()), "C100", 9, 6);
    one(&with("blog/x.md", "Text."), "C101", 1, 1);
    one(&with("blog/x.md", "---\nkind: blog\n"), "C101", 1, 1);
    assert_eq!(with("pages/p.md", "---\nkind: page\ntitle: [P\n---\nText")[0].code, "C102");
    assert_eq!(with("pages/p.md", "---\nkind: &a page\ntitle: *a\n---\nText")[0].code, "C102");
    one(&with("blog/x.md", format!("\u{feff}{text}")), "C111", 1, 1);
    assert_eq!(with("blog/x.md", text.replace('\n', "\r\n")), []);
}

#[test]
fn all_faults_of_the_keys_at_once() {
    let text =
        "---\nkind: page\nsumary: S\ntitle: 12\ntitle: T\nroles: [sales, boss]\npublish: soon\n---\nText\n";
    let findings = with("pages/p.md", text);
    assert_eq!(ids(&findings), ["C104", "C103", "C105", "C107", "C106", "C109"]);
    assert_eq!(findings[1].fix, "did you mean `summary`?");
    assert_eq!((findings[4].line, findings[4].column), (6, 16));
    assert_eq!(findings[2].fix, "put it in quotes");
}

#[test]
fn faults_of_single_keys() {
    let blog = |change: (&str, &str)| with("blog/x.md", format!("{}Text.", BLOG.replace(change.0, change.1)));
    one(&blog(("summary: S", &format!("summary: {}", "x".repeat(241)))), "C108", 4, 10);
    one(&blog(("title: B", "title: \"a\\u202eb\"")), "C110", 3, 8);
    one(&blog(("kind: blog", "kind: page")), "C112", 2, 7);
    one(&blog(("roles: [sales]", "roles: [executive]")), "C113", 2, 1);
    one(&blog(("roles: [sales]\n", "")), "C113", 2, 1);
    one(&blog(("author", "image: images/logo.png\nauthor")), "C114", 7, 8);
    assert_eq!(ids(&blog(("author", "image: ../logo.png\nimage_alt: x\nauthor"))), ["C204"]);
}

#[test]
fn faults_of_the_markdown() {
    one(&body("a <b>c"), "C201", 9, 3);
    one(&body("<div>\nx\n</div>"), "C201", 9, 1);
    one(&body("a ![x](images/logo.png) b"), "C203", 9, 1);
    one(&body("![x](images/../x.png)"), "C204", 9, 1);
    one(&body("![x](images/x.svg)"), "C204", 9, 1);
    one(&body("# Top"), "C205", 9, 1);
    assert_eq!(body(&">".repeat(5_000))[0].code, "C206");
    one(&body("[x](http://a.example)"), "C207", 9, 1);
    one(&body(""), "C208", 9, 1);
    one(&body("x\u{e000}y"), "C110", 9, 2);
    one(&body("x&#xe000;y"), "C110", 9, 2);
}

#[test]
fn links_that_could_run_something_lose_their_target() {
    for target in [
        "javascript:alert(1)",
        "&#106;avascript:alert(1)",
        "java&#9;script:alert(1)",
        "java&Tab;script:alert(1)",
        "java&NewLine;script:alert(1)",
        "&#1;javascript:alert(1)",
        "<java\tscript:alert(1)>",
        "data:text/html,x",
        "//evil.example",
        "page.html",
        "{{ partner.phone | default: \"x\" }}",
        "https://{{ partner.name }}.example",
        "asset:blog/{{ partner.city }}",
    ] {
        let text = format!("See [this]({target}).");
        assert!(ids(&body(&text)).contains(&"C202"), "{target}: {:?}", body(&text));
        let tree = nodes(&text);
        assert_eq!(tree, [Node::Paragraph(vec![Inline::Text("See this.".to_owned())])], "{target}");
    }
}

#[test]
fn faults_of_role_blocks() {
    let finding = one(&body("a\n::: sale, technical\nb\n:::"), "C301", 10, 5);
    assert_eq!(finding.fix, "did you mean `sales`?");
    one(&body("a\n::: sales\nb"), "C302", 10, 1);
    one(&body("a\n:::"), "C303", 10, 1);
    let finding = one(&body("::: sales and tier gld\na\n:::"), "C306", 9, 20);
    assert_eq!(finding.fix, "did you mean `gold`?");
    let finding = one(&body("::: gold\na\n:::"), "C301", 9, 5);
    assert_eq!(finding.fix, "name what it is: `tier gold`; conditions are joined by `and`");
    one(&body("::: region\na\n:::"), "C306", 9, 11);
    let zoned = |fence: &str| {
        with(
            "blog/x.md",
            format!("{}{fence}\nOurs.\n:::\n", BLOG.replace("author", "zones: [partner.intro]\nauthor")),
        )
    };
    assert_eq!(zoned("::: zone partner.intro, optional and region americas"), []);
    let findings = zoned("::: zone partner.intr");
    assert_eq!(ids(&findings), ["C310", "C308"]);
    assert_eq!(
        (findings[1].line, findings[1].column, findings[1].fix.as_str()),
        (10, 10, "did you mean `partner.intro`?")
    );
    assert_eq!(ids(&body("::: zone partner.intro\na\n:::")), ["C309"]);
    one(&with("blog/x.md", format!("{}x", BLOG.replace("author", "for: tier gld\nauthor"))), "C306", 7, 6);
    one(&body("::: sales\na\n::: technical\nb\n:::"), "C304", 11, 1);
    assert_eq!(body("```\n::: sale\n```\n\n~~~~\n:::\n~~~\n:::\n~~~~"), [], "fences in code are text");
}

const SOCIAL: &str = "---\nkind: social\ntitle: S\nsummary: S\npublish: 2027-01-06\nnetworks: [x, linkedin]\nlink: blog/b\n---\n";

fn social(markdown: &str) -> Vec<Finding> {
    with("social/s.md", format!("{SOCIAL}{markdown}\n"))
}

#[test]
fn faults_of_social_posts() {
    assert_eq!(social(&"x".repeat(256)), []);
    let finding = one(&social(&"x".repeat(257)), "C209", 9, 1);
    assert!(finding.message.ends_with("which takes 256 beside the link"), "{finding}");
    let own = |text: &str| {
        with(
            "social/s.md",
            SOCIAL.replace("link:", &format!("text_for:\n  x: {text}\nlink:")) + &"x".repeat(300),
        )
    };
    assert_eq!(own("Short, by {{ partner.name }}."), []);
    one(&own(&"y".repeat(257)), "C209", 8, 6);
    let elsewhere = SOCIAL.replace("link:", "text_for: { bluesky: Hi }\nlink:");
    one(&with("social/s.md", elsewhere + "x"), "C106", 7, 22);
    assert_eq!(ids(&social("::: sales\nx\n:::")), ["C305"]);
}

#[test]
fn what_somebody_should_look_at() {
    let finding = one(&body("## A\n\n#### B"), "C210", 11, 1);
    assert_eq!((finding.severity, finding.fix.as_str()), (Severity::Warning, "write `###`"));
    let long = ISSUE.replace("subject: S", &format!("subject: {}", "x".repeat(61)));
    one(&with("newsletters/n/2027-01-12.md", long), "C211", 6, 1);
    let mut files = folder();
    files.retain(|file| file.path != "vendor.toml");
    files.push(file(
        "vendor.toml",
        format!("{VENDOR}[avoid]\n\"Seamless\" = \"say which steps are left out\"\n"),
    ));
    files.push(file("blog/x.md", format!("{BLOG}Not seamlessly, but seamless.\n")));
    let finding = one(&check(files), "C516", 9, 21);
    assert_eq!(finding.fix, "say which steps are left out");
    let carried = |form: &str| BLOG.replace("author", &format!("key_message: k\nform: {form}\nauthor"));
    let mut files = folder();
    files.extend(
        ["read", "watch"].map(|form| file(&format!("blog/{form}.md"), format!("{}x", carried(form)))),
    );
    let finding = one(&check(files.clone()), "C515", 7, 1);
    assert_eq!(finding.message, "nothing carries `k` to people who would do it");
    files.push(file("blog/do.md", format!("{}x", carried("do"))));
    assert_eq!(check(files), []);
}

#[test]
fn faults_of_merge_fields() {
    let finding = one(&body("a {{ partner.nam }} b"), "C401", 9, 3);
    assert_eq!(finding.fix, "did you mean `partner.name`?");
    one(&body("a\n{{ contact.name }}"), "C402", 10, 1);
    one(&body("{{ partner.proof }}"), "C403", 9, 1);
    one(&body("{{ partner.name b"), "C404", 9, 1);
    one(&body("{{ partner.name | upper }}"), "C404", 9, 1);
    one(&body("[x](https://a.example/?q={{ lead.company }})"), "C402", 9, 1);
    assert_eq!(body("`{{ any }}`\n\n```\n{{ thing }}\n```\n"), [], "code is literal");
    one(&with("newsletters/n.md", NEWSLETTER.replace("partner.name", "partner.nam")), "C401", 10, 6);
    let author = format!("{}Text.", BLOG.replace("Priya", "\"{{ partner.name }}\""));
    one(&with("blog/x.md", author), "C402", 7, 9);
}

#[test]
fn what_takes_more_than_one_file() {
    let finding = one(&body("[x](asset:blog/bb)"), "C501", 9, 5);
    assert_eq!(finding.fix, "did you mean `blog/b`?");
    one(&with("newsletters/n/2027-01-12.md", ISSUE.replace("blog/b", "blog/c")), "C501", 9, 12);
    let finding = one(&body("![x](images/logos.png)"), "C502", 9, 6);
    assert_eq!(finding.fix, "did you mean `images/logo.png`?");
    let mut twice = folder();
    twice.push(file("blog/b.md", format!("{BLOG}Text.\n")));
    one(&check(twice), "C503", 1, 1);
    one(&with("blog/b.en.md", format!("{BLOG}Text.\n")), "C503", 1, 1);
    one(&with("blogs/b.md", "x"), "C504", 1, 1);
    one(&with("blog/B b.md", "x"), "C504", 1, 1);
    one(&with("blog/b.DE.md", "x"), "C504", 1, 1);
    one(&with("blog/c.de.md", format!("{BLOG}Text.\n")), "C505", 1, 1);
    one(&with("newsletters/n.md", NEWSLETTER.replace("sender: newsletter", "sender: leads")), "C506", 8, 9);
    one(&with("newsletters/n.md", NEWSLETTER.replace("[sales]", "[sales, technical]")), "C507", 1, 1);
    one(
        &with("blog/x.md", format!("{}x", BLOG.replace("author", "partner: nordlight\nauthor"))),
        "C508",
        7,
        10,
    );
    one(&with("newsletters/n/2027-01-12.md", ISSUE.replace("2027-01-12", "2027-01-13")), "C513", 4, 13);
}

#[test]
fn the_folder_as_a_whole() {
    let without = |path: &str| check(folder().into_iter().filter(|file| file.path != path).collect());
    assert_eq!(one(&without("roster/brands/northlight/logo.png"), "C509", 1, 1).severity, Severity::Warning);
    assert_eq!(ids(&without("vendor.toml")), ["C512"]);
    one(&without("images/logo.png"), "C502", 1, 1);
    one(&with("blog/x.md", vec![b'x'; 1024 * 1024 + 1]), "C510", 1, 1);
    one(&with("vendor.toml", VENDOR.replace("#1f4d3a", "#ffee00")), "C514", 11, 11);
    assert_eq!(ids(&with("vendor.toml", VENDOR.replace("zone", "zones"))), ["C104", "C103"]);
}

#[test]
fn every_code_has_a_test() {
    let others = [
        include_str!("evidence_tests.rs"),
        include_str!("kinds_tests.rs"),
        include_str!("rules/calendar_tests.rs"),
        include_str!("rules/frequency.rs"),
        include_str!("rules/messages.rs"),
        include_str!("sequence_tests.rs"),
    ];
    let here = include_str!("tests.rs").to_owned()
        + &others.concat()
        + include_str!("../crm/tests.rs")
        + include_str!("../program/lint_tests.rs");
    // Tested elsewhere: in program/reach.rs, program/translations.rs and work/matrix.rs (partners), work/documents.rs (fonts),
    // work/faint_logos.rs (pixels), program/repeats.rs (mails), program/trials.rs (a roster), finding.rs.
    let untested: Vec<&str> = codes::CODES.iter().map(|c| c.id).filter(|id| !here.contains(*id)).collect();
    let elsewhere = [
        codes::UNSERVED,
        codes::ZONE_MISSING,
        codes::NO_VALUE,
        codes::UNREAD_LANGUAGE,
        codes::UNWRITTEN_LANGUAGE,
        codes::NO_FONT,
        codes::MAIL_TOO_LARGE,
        codes::NAME_TOO_WIDE,
        codes::NOT_RENDERED,
        codes::FAINT_LOGO,
        codes::SAME_FORM,
        codes::COPIED_KEY,
        codes::UNKNOWN_PILOT,
        codes::FEW_READERS,
        codes::MORE_FINDINGS,
    ];
    assert_eq!(untested, elsewhere.map(|code| code.id));
}

#[test]
fn rules_are_read_and_their_faults_named() {
    let scoring = "version = 1\nhalf_life_days = 30\nmql_score = 50\nmql_fit = \"E\"\n[points]\nclik = 5\n[fit]\n\
        business_email = 2\ncompany_size = { \"1-9\" = 0 }\njob_role = { it = 3 }\ncountry_served = 2\n";
    assert_eq!(ids(&with("rules/scoring.toml", scoring)), ["C106", "C103"]);
    let routing = "version = 1\n[business_hours]\ndays = [\"mon\"]\nstart = \"09:00\"\nend = \"08:00\"\n[clock.hot]\n\
        accept_minutes = 0\nfirst_contact_minutes = 240\nnext_step_minutes = 2400\n";
    assert_eq!(ids(&with("rules/routing.toml", routing)), ["C106", "C104", "C106"]);
    let consent = "[[text]]\nid = \"w\"\nversion = 1\npurpose = \"follow_up\"\nde = \"{{ partner.name }}\"\nxx1 = \"y\"\n";
    assert_eq!(ids(&with("rules/consent.toml", consent)), ["C104", "C103"]);
    let zones = "primary = \"#123456\"\naccent = \"#0a7d4b\"\n[zones]\nintro = \"## Us\"\nintor = \"x\"\n";
    let findings = with("roster/brands/northlight/brand.toml", zones);
    assert_eq!(findings.iter().map(|f| (f.code, f.line)).collect::<Vec<_>>(), [("C311", 4), ("C311", 5)]);
    assert_eq!(findings[1].fix, "did you mean `intro`?");
    one(
        &with("roster/brands/northlight/brand.toml", "primary = \"red\"\naccent = \"#000000\""),
        "C106",
        1,
        11,
    );
}

#[test]
fn readers_get_their_blocks_and_the_public_none() {
    let text = format!("{BLOG}All.\n::: sales\nSell.\n:::\n::: technical, development\nRun.\n:::\nEnd.\n");
    let (library, _) = Library::build(vec![file("blog/x.md", text)]);
    let body = &library.assets[0].body;
    let partner = northlight();
    let locale = Locale::en();
    let count = |roles: &str| {
        let roles = Some(Roles::parse(roles).unwrap());
        body.for_reader("blog/x", &Reader { roles, partner: &partner, locale: &locale }).len()
    };
    assert_eq!((count(""), count("sales"), count("development;sales")), (2, 3, 4));
    assert_eq!(body.for_reader("blog/x", &Reader::public(&partner, &locale)).len(), 2);
    assert_eq!(body.for_reader("blog/x", &Reader::insider(&partner, &locale)).len(), 4);
    assert!(!body.roles_covered().contains(AudienceRole::Executive));
    assert_eq!(body.sections.iter().map(|section| section.line).collect::<Vec<_>>(), [9, 11, 14, 16]);
}

#[test]
fn the_reader_s_language_comes_before_the_original() {
    let mut files = folder();
    files.push(file("blog/b.de.md", format!("{BLOG}Deutsch.\n")));
    let (library, findings) = Library::build(files);
    assert_eq!(findings, []);
    let found = |locale: &str| library.find("blog/b", &Locale::parse(locale).unwrap()).unwrap().path.as_str();
    assert_eq!((found("de-AT"), found("en-US"), found("fr")), ("blog/b.de.md", "blog/b.md", "blog/b.md"));
    assert!(library.find("blog/zz", &Locale::en()).is_none());
    assert_eq!(library.issues_of("n").len(), 1);
}

fn value_of(text: &'static str) -> impl Fn(Field) -> Value {
    move |field| match field {
        Field::PartnerName | Field::PartnerWebsite => Value::Text(text.to_owned()),
        Field::ContactName => Value::Recipient,
        _ => Value::Empty,
    }
}

#[test]
fn merged_values_are_literal() {
    let tree =
        nodes("**{{ partner.name }}** and [{{ partner.name }}](https://a.example/?q={{ partner.name }}&x=1)");
    for hostile in ["[x](javascript:1)", "{{ partner.name }}", "<b>**a**", "a|b\u{e000}"] {
        let merged = merge(&tree, &value_of(hostile)).unwrap();
        let clean = hostile.replace('\u{e000}', "");
        let Node::Paragraph(inlines) = &merged[0] else { panic!() };
        assert_eq!(inlines[0], Inline::Strong(vec![Inline::Text(clean.clone())]));
        let Inline::Link { target: Target::Url(url), inlines } = &inlines[2] else { panic!("{inlines:?}") };
        assert_eq!(inlines[..], [Inline::Text(clean)]);
        assert!(
            url.ends_with("&x=1") && !url.contains(['<', '{', '(', ':', ' ', '|'])
                || url.matches(':').count() == 1
        );
    }
}

#[test]
fn a_whole_address_may_begin_a_link_if_it_is_harmless() {
    let tree = nodes("[site]({{ partner.website }}/x)");
    let link = |address| merge(&tree, &value_of(address)).unwrap();
    let url = Target::Url("https://n.example/x".to_owned());
    let text = Inline::Text("site".to_owned());
    assert_eq!(
        link("https://n.example"),
        [Node::Paragraph(vec![Inline::Link { target: url, inlines: vec![text.clone()] }])]
    );
    assert_eq!(link("javascript:alert(1)"), [Node::Paragraph(vec![text.clone()])]);
    assert_eq!(link("https://a@evil.example"), [Node::Paragraph(vec![text])]);
}

#[test]
fn defaults_missing_values_and_recipients() {
    let tree = nodes(
        "{{ partner.proof | default: \"Ask | us *now*\" }}\n\n| a | b |\n|---|---|\n| {{ partner.proof | default: \"x | y\" }} | z |",
    );
    let merged = merge(&tree, &|_| Value::Empty).unwrap();
    assert_eq!(merged[0], Node::Paragraph(vec![Inline::Text("Ask | us *now*".to_owned())]));
    let Node::Table { rows, .. } = &merged[1] else { panic!() };
    assert_eq!(rows[0][0], [Inline::Text("x | y".to_owned())]);
    let missing =
        merge(&nodes("{{ partner.city }} {{ partner.city }} {{ partner.name }}"), &|_| Value::Empty)
            .unwrap_err();
    assert_eq!(missing.iter().map(|m| m.field).collect::<Vec<_>>(), [Field::PartnerName, Field::PartnerCity]);
    let (library, _) = Library::build(vec![file(
        "newsletters/n.md",
        NEWSLETTER.replace("Text.", "Dear {{ contact.name }},"),
    )]);
    let merged = merge(&library.assets[0].body.for_everyone(), &value_of("N")).unwrap();
    let Node::Paragraph(inlines) = &merged[0] else { panic!() };
    assert!(matches!(&inlines[1], Inline::Field(used) if used.field == Field::ContactName));
}

#[test]
fn plain_text_is_tidy() {
    let tree = nodes(
        "## Head\n\nSome **bold** text with [a link](https://a.example/x) and `code` that is long enough to wrap somewhere.\n\n\
         1. One\n2. Two\n   - Inner\n\n> Quote\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n```\ncode  here\n```",
    );
    let url = |target: &Target| if let Target::Url(url) = target { Some(url.clone()) } else { None };
    let text = plain_text(&tree, &Plain { url: &url, field: &|_| String::new() });
    assert_eq!(
        text,
        "Head\n====\n\nSome bold text with a link <https://a.example/x> and code that is long\nenough to wrap somewhere.\n\n\
         1. One\n2. Two\n\n   - Inner\n\n> Quote\n\n- A: 1\n  B: 2\n\n    code  here"
    );
}
