//! A file of content, changed as people, editors and attackers change files: by lines, by values, by words that mean
//! something to one of its readers, by bytes.

use partnercast::domain::{content::SourceFile, kernel::Random as _};

use crate::harness::SeededRandom;

/// Largest result; what is larger than a file may be is refused by its size alone.
const BYTES_MAX: usize = 1_200_000;

/// Words that mean something to YAML, TOML, Markdown, CSV, SVG, a mail, a page, a calendar, or to whoever reads numbers.
const WORDS: &[&str] = &[
    "---\n",
    "&a [*a, *a]",
    "*a",
    "<<: *a",
    "!!binary x",
    "!!python/object:x {}",
    "? - [",
    "|+9\n",
    ">-\n  ",
    "%YAML 1.1\n",
    "- - - - - -",
    "{a: {b: {c: ",
    "key: [",
    "\t- x",
    "'",
    "\"",
    "\"\"\"",
    "[[x]]\n",
    "[a.b.c]\n",
    "= 1e999",
    "= 0x",
    "= nan\n",
    "[[blackout]]\n",
    "[[quiet]]\nname = \"Q\"\nfrom = \"Sun 23:59\"\nto = \"Sun 23:58\"\n",
    "0001-01-01",
    "9999-12-31",
    "BEGIN:VEVENT\r\n",
    "END:VEVENT\r\n",
    "BEGIN:VCALENDAR\r\n",
    "RRULE:FREQ=YEARLY;BYDAY=-1MO;BYMONTHDAY=31;INTERVAL=99\r\n",
    "DTSTART;VALUE=DATE:99991231\r\n",
    "DTEND;VALUE=DATE:00010101\r\n",
    ";X=\"",
    "::: sales\n",
    ":::\n",
    ":::",
    "::: not health\n",
    "::: for everybody, locale ar-SA\n",
    "{{",
    "}}",
    "{{ partner.name }}",
    "{{ contact.first_name | default: \"<b>\" }}",
    "{{ lead.company }}",
    "{{ partner.proof | default: \"a|b\" }}",
    "{% for x in y %}",
    "{{ '{{' }}",
    "{#",
    "\u{feff}",
    "\0",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{e000}0\u{e001}",
    "\u{200d}",
    "\u{ad}",
    "e\u{301}\u{301}\u{301}",
    "👩‍👩‍👧‍👦",
    "ﷺ",
    "\u{1f1e6}",
    "\u{10ffff}",
    "\r",
    "\r\n",
    "\u{2028}",
    "\u{85}",
    "9223372036854775808",
    "-1",
    "1e308",
    "NaN",
    "0x7fffffff",
    "99999999999999999999999999",
    "9999-99-99",
    "0000-00-00",
    "-262144-01-01",
    "262143-12-31",
    "2027-02-30",
    "2027-01-12T25:61:61Z",
    "24:00",
    "monthly on day 31 at 23:59",
    "0 0 31 2 *",
    "* * * * * *",
    "every 0 days",
    "second Tuesday at 02:30",
    "Pacific/Apia",
    "Etc/GMT+99",
    "xx-XX",
    "i-klingon",
    "ar-SA",
    "ja",
    "en-US-u-ca-islamic",
    "zz",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x]( JaVa\tScript:alert(1) )",
    "![a](../../etc/passwd)",
    "![](images/x.svg)",
    "[a]: javascript:alert(1)\n",
    "<javascript:alert(1)>",
    "[x](data:text/html,x)",
    "](//evil.example)",
    "</mj-text><mj-raw>",
    "<!--",
    "]]>",
    "<mj-include path=\"/etc/passwd\"/>",
    "#import \"/etc/passwd\"",
    "#eval(\"1\")",
    "$ x $",
    "\\u{0}",
    "|",
    "|---|\n",
    "| a | b |\n|---|---|\n| c |\n",
    "> ",
    "1. ",
    "99999999999. x\n",
    "* ",
    "```\n",
    "~~~\n",
    "    ",
    "***\n",
    "# ",
    "###### x\n",
    "===\n",
    "\\",
    "&#0;",
    "&#x110000;",
    "&nbsp;",
    "~~",
    "**",
    "_",
    "`",
    "[^1]",
    "[ ] ",
    "=HYPERLINK(1)",
    ",",
    ";",
    "\"a\"\"b\"",
    "name,name\n",
    "a@b@c",
    "x@[127.0.0.1]",
    "@.",
    "mailto:a@b\nBcc: c@d",
    "#fff",
    "#12345g",
    "rgb(0,0,0)",
    "https://a.example/%00",
    "https://[::1",
    "https://xn--a.example",
    "http://x/../..",
    "BEGIN:VCALENDAR\n",
    "<!DOCTYPE svg [<!ENTITY a \"&b;&b;\"><!ENTITY b \"c\">]>",
    "<image href=\"file:///etc/passwd\"/>",
    "<use href=\"#a\"/>",
    "url(#a)",
    "1e30",
    "M0 0h1e9v-1e9z",
];

/// Paths at which the changed file may lie instead of its own.
const PATHS: &[&str] = &[
    "blog/restores-not-backups.zz.md",
    "blog/restores-not-backups.xx-XX.md",
    "blog/RESTORES.md",
    "blog/../vendor.toml",
    "blog/a b.md",
    "/blog/x.md",
    "newsletters/fold-forward/9999-99-99.md",
    "newsletters/fold-forward/2027-01-12.ja.md",
    "newsletters/a/b/c/d.md",
    "blog/.hidden.md",
    "blog/x.md.md",
    "pages/restores-not-backups.md",
    "roster/brands/../logo.png",
    "roster/brands/dune-gate/logo.svg",
    "images/\u{202e}gnp.md",
    "blog//x.md",
    "",
    "x",
    "rules/scoring.toml",
    "rules/calendar.toml",
    "rules/norway.ics",
    "rules/.ics",
    "vendor.toml",
    "roster/partners.csv",
    "roster/brands/northlight/brand.toml",
    "social/x.md",
    "kits/x.ar.md",
];

/// A repeatable source of choices.
pub struct Dice(SeededRandom);

impl Dice {
    pub fn new(number: u64) -> Self {
        Self(SeededRandom::new(number))
    }

    /// Less than `end`; 0 of nothing.
    pub fn below(&self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// True once in `of` times.
    pub fn once_in(&self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Somewhere in `0..=len`, and somewhere behind it but near.
    fn span(&self, len: usize) -> (usize, usize) {
        let from = self.below(len + 1);
        (from, (from + self.below(if self.once_in(4) { len + 1 } else { 40 })).min(len))
    }
}

/// Changes one of `files`, sometimes also where it lies; which, and from what.
pub fn one_file(dice: &Dice, files: &mut Vec<SourceFile>) -> usize {
    let at = dice.below(files.len());
    let other = dice.one(files).bytes.clone();
    for _ in 0..=dice.below(5) {
        let bytes = std::mem::take(&mut files[at].bytes);
        files[at].bytes = changed(dice, bytes, &other);
        files[at].bytes.truncate(BYTES_MAX);
    }
    if !dice.once_in(12) {
        return at;
    }
    // No two files have one path.
    let moved = SourceFile { path: (*dice.one(PATHS)).to_owned(), bytes: files.swap_remove(at).bytes };
    files.retain(|file| file.path != moved.path);
    files.push(moved);
    files.len() - 1
}

fn changed(dice: &Dice, bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    match dice.below(12) {
        0..6 => by_lines(dice, &bytes, other),
        6..9 => {
            let at = dice.below(bytes.len() + 1);
            spliced(&bytes, (at, at), dice.one(WORDS).as_bytes())
        }
        9 => {
            // The same many times over: nesting, long lines, many of something.
            let at = dice.below(bytes.len() + 1);
            let times = *dice.one(&[3, 30, 300, 3_000, 60_000]);
            spliced(&bytes, (at, at), dice.one(WORDS).repeat(times).as_bytes())
        }
        10 => {
            let span = dice.span(bytes.len());
            let from = dice.span(other.len());
            spliced(&bytes, span, &other[from.0..from.1])
        }
        _ => {
            let mut bytes = bytes;
            for _ in 0..=dice.below(8) {
                let at = dice.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.below(256).to_le_bytes()[0];
                }
            }
            bytes
        }
    }
}

fn spliced(bytes: &[u8], (from, to): (usize, usize), piece: &[u8]) -> Vec<u8> {
    [&bytes[..from], piece, &bytes[to..]].concat()
}

fn by_lines(dice: &Dice, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // Front matter is short and decides most.
    let near = |len: usize| if dice.once_in(2) { dice.below(len.min(20)) } else { dice.below(len) };
    let at = near(lines.len());
    let own;
    match dice.below(7) {
        0 => drop(lines.drain(at..(at + 1 + dice.below(4)).min(lines.len()))),
        1 => {
            let copies =
                lines.get(at).copied().into_iter().cycle().take(*dice.one(&[1, 2, 200])).collect::<Vec<_>>();
            lines.splice(at..at, copies);
        }
        2 => {
            let to = near(lines.len());
            if to < lines.len() {
                lines.swap(at, to);
            }
        }
        3 => {
            let theirs: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
            let from = near(theirs.len());
            lines.splice(at..at, theirs.iter().skip(from).take(1 + dice.below(6)).copied());
        }
        4 => lines.truncate(at),
        5 => lines.insert(at, b"  "),
        // Another value for a key.
        _ => {
            let Some(line) = lines.get(at) else { return bytes.to_vec() };
            let key =
                line.iter().position(|byte| matches!(byte, b':' | b'=' | b',')).map_or(0, |place| place + 1);
            own = [&line[..key], b" ", dice.one(WORDS).as_bytes(), b"\n"].concat();
            lines[at] = &own;
        }
    }
    lines.concat()
}
