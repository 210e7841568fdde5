//! What must hold for any text.

use proptest::prelude::*;

use super::{
    Inline, Library, Node, Reader, Target, Value,
    finding::{Place, Places},
    merge,
    tests::{BLOG, file, northlight},
    text::{Plain, plain_text},
};
use crate::domain::kernel::Locale;

/// Every inline of the tree that came from an arbitrary text.
fn no_harm(nodes: &[Node]) {
    super::tree::each_inline(nodes, &mut |inline| match inline {
        Inline::Link { target: Target::Url(url), .. } => {
            let scheme = url.split(':').next().unwrap_or_default().to_lowercase();
            assert!(["https", "http", "mailto", "tel"].contains(&scheme.as_str()), "{url}");
        }
        Inline::Text(text) | Inline::Code(text) => {
            assert!(
                !text.contains(|c| crate::domain::kernel::text::is_unsafe(c) && c != '\t' && c != '\n'),
                "{text:?}"
            );
        }
        _ => {}
    });
}

proptest! {
    #[test]
    fn places_counted_once_are_the_same(text in "[aé👩\n]{0,300}", offset in 0_usize..1_000) {
        let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        prop_assert_eq!(Places::new(&text).of(offset), Place::of(&text, offset));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for source in [text.clone(), format!("{BLOG}{text}"), format!("---\n{text}\n---\n{text}")] {
            let (library, _) = Library::build(vec![file("blog/x.md", &source), file("vendor.toml", &text)]);
            no_harm(&library.assets[0].body.for_reader("blog/x", &Reader::insider(&northlight(), &Locale::en())));
        }
        Library::build(vec![file("blog/x.md", &bytes), file("rules/consent.toml", &bytes)]);
        Library::build(vec![file("rules/calendar.toml", &text), file("rules/x.ics", &bytes)]);
    }

    #[test]
    fn calendar_soup_is_read_without_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "BEGIN:VCALENDAR\r\n", "END:VCALENDAR\r\n", "BEGIN:VEVENT\r\n", "END:VEVENT\n", "BEGIN:VALARM\n", "END:VALARM\n",
                "DTSTART;VALUE=DATE:20280229\n", "DTSTART:21001231\n", "DTEND:20280301\n", "DTEND:99991231T000000Z\n", "DURATION:P1000W\n",
                "DURATION:\u{e9}\n", "DURATION:P\n", "RRULE:FREQ=YEARLY\n", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-29,30\n",
                "RRULE:FREQ=YEARLY;BYDAY=-53MO;COUNT=3\n", "RRULE:FREQ=YEARLY;UNTIL=00010101\n", "RDATE:20270101,x\n", "EXDATE:20280229\n",
                "RECURRENCE-ID:20280229\n", "UID:1\n", "STATUS:CANCELLED\n", "SUMMARY:a\\,b\u{202e}\n", " ", "\t", "\r", ";X=\"", ":", "\n", "\u{feff}",
            ]),
            0..60,
        )
    ) {
        let rules = "version = 1\n[[blackout]]\nname = \"H\"\ncalendar = \"rules/h.ics\"\n";
        for text in [pieces.concat(), format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}END:VEVENT\nEND:VCALENDAR\n", pieces.concat())] {
            let (library, findings) = Library::build(vec![file("rules/calendar.toml", rules), file("rules/h.ics", &text)]);
            let days = &library.rules.calendar.blackouts[0].days;
            prop_assert!(days.iter().all(|days| days.first <= days.last));
            prop_assert!(days.windows(2).all(|pair| pair[0].last < pair[1].first));
            let lines = u32::try_from(text.lines().count()).unwrap() + 1;
            let in_file = |f: &&super::Finding| f.file == "rules/h.ics";
            prop_assert!(findings.iter().filter(in_file).all(|f| f.line >= 1 && f.line <= lines));
        }
    }

    #[test]
    fn markdown_soup_is_read_without_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{{ partner.name }}", "{{ partner.proof | default: \"a|b\" }}", "\\", "|", "---|---", "\n", "\n\n",
                "::: sales\n", ":::\n", "```\n", "> ", "- ", "1. ", "![a](images/x.png)", "[x](", ")", "](java\tscript:1)",
                "**", "_", "<b>", "&#xe000;", "&#9;", "\u{e001}", "`", "# ", "text ", "é", "    ", "\r\n", "\"", "[a]: javascript:x\n",
            ]),
            0..60,
        )
    ) {
        let text = format!("{BLOG}{}", pieces.concat());
        let (library, findings) = Library::build(vec![file("blog/x.md", &text)]);
        let nodes = library.assets[0].body.for_reader("blog/x", &Reader::insider(&northlight(), &Locale::en()));
        no_harm(&nodes);
        let lines = u32::try_from(text.lines().count()).unwrap() + 1;
        prop_assert!(findings.iter().all(|f| f.line >= 1 && f.line <= lines && f.column >= 1));
        let _ = merge(&nodes, &|_| Value::Text("[x](javascript:1)".to_owned())).map(|merged| no_harm(&merged));
        plain_text(&nodes, &Plain { url: &|_| None, field: &|_| String::new() });
    }
}
