use mail_parser::{MessageParser, MimeHeaders};

use super::*;
use crate::{
    domain::kernel::{EmailAddress, Locale},
    render::{Slot, slots::escape_html},
};

const HOSTILE: [&str; 7] = [
    "Zoë Ångström-Nuñez",
    "\"><script>alert(1)</script>",
    "=?utf-8?q?Bcc:_x@y.example?=",
    "Ann, \"Boss\" <boss@evil.example>",
    "株式会社 星川",
    "a;b\\c=20 .",
    "--=_000000000000000000000000",
];

fn rendition() -> EmailRendition {
    let mut slots = SlotTable::default();
    let first = slots.marker(Slot::FirstName { default: "there".into() });
    let full = slots.marker(Slot::FullName { default: "reader".into() });
    let (base, click) = (slots.marker(Slot::BaseUrl), slots.marker(Slot::ClickToken));
    let long = "x".repeat(300);
    EmailRendition {
        subject: format!("{first}: Prüfe Restores"),
        html: format!(
            "<p>Grüße {first},</p>\n<p>.dot {full}</p>\n<a href=\"{base}/c/{click}/1?q={long}\">read</a>{click}\n"
        ),
        text: format!("Hi {first}\n\n.{full}\nRead: {base}/c/{click}/1?q={long}\n"),
        slots,
    }
}

fn headers() -> MessageHeaders {
    MessageHeaders {
        from_name: "Brackenfold – Partner News".into(),
        from_email: EmailAddress::parse("news@partners.brackenfold.example").unwrap(),
        reply_to: Some(EmailAddress::parse("partners@brackenfold.example").unwrap()),
        list_id: Some("fold-forward.partners.brackenfold.example".into()),
        feedback_id: Some("iss1:fold-forward:newsletter:brackenfold".into()),
        one_click_path: Some("/u/".into()),
        auto_generated: false,
        extra: vec![("X-Issue".into(), "Fold Forward, Jänner".into())],
    }
}

fn recipient(name: &str) -> Recipient<'_> {
    Recipient {
        to_name: name,
        to_email: "dana@northlight.example",
        message_id: "dlv_1@partners.brackenfold.example",
        date_ms: 1_799_740_800_000,
        unsubscribe_mail: Some("unsubscribe+abc234@bounces.brackenfold.example"),
        values: SlotValues {
            first_name: name,
            full_name: name,
            base_url: "https://news.brackenfold.example",
            click_token: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-",
            via_token: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-",
            preferences_token: "prefs_0123456789",
        },
    }
}

fn filled(name: &str) -> Vec<u8> {
    let template = WireTemplate::build(&rendition(), &headers()).unwrap();
    let mut out = Vec::new();
    template.fill(&recipient(name), &mut out).unwrap();
    out
}

#[test]
fn a_test_keeps_the_headers_and_says_what_it_is() {
    let rendition = rendition();
    let wire = WireTemplate::build(&rendition, &headers()).unwrap();
    let test = rendition.as_test("[Test]", "As <A & B> gets it.", &Locale::en());
    let written = |wire: &WireTemplate| {
        let mut bytes = Vec::new();
        WireTemplate::from_text(&wire.to_text()).unwrap().fill(&recipient("Ada"), &mut bytes).unwrap();
        bytes
    };
    let (plain, marked) = (written(&wire), written(&wire.with(&test).unwrap()));
    let (plain, marked) =
        (MessageParser::new().parse(&plain).unwrap(), MessageParser::new().parse(&marked).unwrap());
    assert_eq!(marked.subject().unwrap(), format!("[Test] {}", plain.subject().unwrap()));
    for name in ["From", "To", "Reply-To", "Date", "Message-ID", "List-Unsubscribe", "List-Id", "X-Issue"] {
        assert_eq!(marked.header_raw(name), plain.header_raw(name), "{name}");
    }
    let text = marked.body_text(0).unwrap();
    assert!(text.starts_with("As <A & B> gets it."), "{text}");
    assert!(text.replace("\r\n", "\n").ends_with(&plain.body_text(0).unwrap().replace("\r\n", "\n")));
    assert!(marked.body_html(0).unwrap().contains("As &lt;A &amp; B&gt; gets it.</div>"));
}

#[test]
fn what_comes_out_is_what_was_rendered_with_the_readers_values() {
    for name in HOSTILE {
        let wire = filled(name);
        let message = MessageParser::default().parse(&wire).unwrap();
        let (rendition, values) = (rendition(), recipient(name).values);
        let lines = |text: String| text.replace('\n', "\r\n");
        let expected = |text: &str, escape| rendition.slots.fill(text, &values, escape);
        assert_eq!(message.subject().unwrap(), expected(&rendition.subject, str::to_owned).trim_end());
        assert_eq!(message.body_text(0).unwrap(), lines(expected(&rendition.text, str::to_owned)), "{name}");
        assert_eq!(message.body_html(0).unwrap(), lines(expected(&rendition.html, escape_html)), "{name}");
        let to = message.to().unwrap().first().unwrap();
        assert_eq!(to.name().unwrap(), name);
        assert_eq!(to.address().unwrap(), "dana@northlight.example");
        assert_eq!(message.to().unwrap().iter().count(), 1, "one recipient, whatever the name");
        assert_eq!(message.parts.len(), 3, "the two alternatives and their container");
    }
}

#[test]
fn every_header_a_bulk_mail_must_have_is_there_once() {
    let wire = filled("Dana Whitlock");
    let message = MessageParser::default().parse(&wire).unwrap();
    let raw = |name: &str| {
        let all: Vec<_> = message.headers_raw().filter(|(n, _)| n.eq_ignore_ascii_case(name)).collect();
        assert_eq!(all.len(), 1, "{name}");
        all[0].1.trim().replace("\r\n", "")
    };
    assert_eq!(message.from().unwrap().first().unwrap().name().unwrap(), "Brackenfold – Partner News");
    assert_eq!(raw("To"), "\"Dana Whitlock\" <dana@northlight.example>");
    assert_eq!(raw("Date"), "Tue, 12 Jan 2027 08:00:00 +0000");
    assert_eq!(raw("Message-ID"), "<dlv_1@partners.brackenfold.example>");
    assert_eq!(raw("Reply-To"), "partners@brackenfold.example");
    assert_eq!(
        raw("List-Unsubscribe"),
        "<https://news.brackenfold.example/u/prefs_0123456789>, \
         <mailto:unsubscribe+abc234@bounces.brackenfold.example?subject=unsubscribe>"
    );
    assert_eq!(raw("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!(raw("List-Id"), "<fold-forward.partners.brackenfold.example>");
    assert_eq!(raw("Feedback-ID"), "iss1:fold-forward:newsletter:brackenfold");
    assert_eq!(raw("MIME-Version"), "1.0");
    assert!(message.header("Auto-Submitted").is_none(), "only for notices");
    assert_eq!(message.content_type().unwrap().subtype().unwrap(), "alternative");
}

#[test]
fn without_an_address_for_it_nobody_is_asked_to_unsubscribe_by_mail() {
    let template = WireTemplate::build(&rendition(), &headers()).unwrap();
    let mut out = Vec::new();
    template.fill(&Recipient { unsubscribe_mail: None, ..recipient("Dana") }, &mut out).unwrap();
    let one_way = "List-Unsubscribe: <https://news.brackenfold.example/u/prefs_0123456789>\r\nList-";
    assert!(String::from_utf8(out).unwrap().contains(one_way));
    let hostile = Recipient { unsubscribe_mail: Some("a@b>\r\nBcc: c@d.example"), ..recipient("Dana") };
    assert!(template.fill(&hostile, &mut Vec::new()).is_err());
}

#[test]
fn the_wire_is_ascii_in_short_lines_that_need_no_dot_stuffing() {
    for name in HOSTILE {
        let wire = String::from_utf8(filled(name)).unwrap();
        assert!(wire.is_ascii());
        assert!(!wire.replace("\r\n", "").contains(['\r', '\n']), "no bare CR or LF");
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        assert!(head.lines().all(|line| line.len() <= 200), "{head}");
        for line in body.split("\r\n") {
            assert!(line.len() <= 76, "{} columns: {line}", line.len());
            assert!(!line.starts_with('.'), "{line}");
        }
    }
}

#[test]
fn values_that_could_become_headers_are_refused_and_leave_nothing() {
    let template = WireTemplate::build(&rendition(), &headers()).unwrap();
    let mut out = Vec::new();
    for bad in ["Eve\r\nBcc: x@y.example", "Eve\nX", "Eve\u{0}", "Eve\u{202e}", "Eve\u{e000}0\u{e001}"] {
        let error = template.fill(&recipient(bad), &mut out).unwrap_err();
        assert!(error.public().contains("control character"), "{error}");
        assert!(out.is_empty());
    }
    let good = recipient("Eve");
    let bad_token = SlotValues { preferences_token: "a>\r\nBcc: x@y.example", ..good.values };
    assert!(template.fill(&Recipient { values: bad_token, ..good }, &mut out).is_err());
    assert!(template.fill(&Recipient { message_id: "a> b", ..good }, &mut out).is_err());
    for to_email in [
        "a@b.example>\r\nBcc: c@d.example",
        "jos\u{e9}@x.example>\r\nBcc: c@d.example",
        "\u{e9}@x, y@z.example",
    ] {
        assert!(template.fill(&Recipient { to_email, ..good }, &mut out).is_err(), "{to_email}");
    }
    let hostile = MessageHeaders { list_id: Some("a>\r\nBcc: x@y.example".into()), ..headers() };
    assert!(WireTemplate::build(&rendition(), &hostile).is_err());
    let hostile = MessageHeaders { from_name: "a\r\nBcc: x@y.example".into(), ..headers() };
    assert!(WireTemplate::build(&rendition(), &hostile).is_err());
}

#[test]
fn a_stored_template_fills_as_the_fresh_one_and_the_same_twice() {
    let template = WireTemplate::build(&rendition(), &headers()).unwrap();
    let stored = WireTemplate::from_text(&template.to_text()).unwrap();
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    template.fill(&recipient("Zoë"), &mut fresh).unwrap();
    stored.fill(&recipient("Zoë"), &mut again).unwrap();
    assert_eq!(fresh, again);
    assert_eq!(WireTemplate::build(&rendition(), &headers()).unwrap().to_text(), template.to_text());
    for wrong in ["", "{}", "{}\nx", "{\"subject\":null,\"slots\":[]}\nx\u{e000}h9\u{e001}"] {
        assert!(WireTemplate::from_text(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_reader_without_a_name_gets_the_default_and_a_bare_address() {
    let message = String::from_utf8(filled("")).unwrap();
    assert!(message.contains("\r\nTo: dana@northlight.example\r\n"), "{message}");
    let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
    assert!(parsed.body_text(0).unwrap().starts_with("Hi there\r\n"));
}

#[test]
fn an_address_beyond_ascii_stands_in_the_header_as_it_is() {
    let template = WireTemplate::build(&rendition(), &headers()).unwrap();
    let mut out = Vec::new();
    template
        .fill(&Recipient { to_email: "jos\u{e9}@x.example", ..recipient("Jos\u{e9} =?") }, &mut out)
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\r\nTo: =?utf-8?b?Sm9zw6kgPT8=?=\r\n <jos\u{e9}@x.example>\r\n"), "{text}");
}
