//! Quoted-printable (RFC 2045 section 6.7), written in pieces: literals once, values between them later.

/// Columns of an encoded line before the `=` of a soft break; 76 with it.
const COLUMNS_MAX: usize = 75;

/// Where an encoded stretch leaves the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    /// Bytes up to the first line break, or all of them.
    pub(super) first_line: usize,
    /// Column after the last byte, if there was a line break.
    pub(super) last_column: Option<usize>,
}

impl Literal {
    pub(super) fn measure(bytes: &[u8]) -> Self {
        let line_break = |window: &[u8]| window == b"\r\n";
        match bytes.windows(2).position(line_break) {
            None => Self { first_line: bytes.len(), last_column: None },
            Some(first_line) => {
                let last = bytes.windows(2).rposition(line_break).unwrap_or(first_line);
                Self { first_line, last_column: Some(bytes.len() - last - 2) }
            }
        }
    }
}

/// Bytes that stand for themselves wherever they stand, except that a dot must not open a line.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 33;
    while byte <= 126 {
        plain[byte] = byte != b'=' as usize;
        byte += 1;
    }
    plain
};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes one stretch from `column` on; returns the column it ends in. `\n` and `\r\n` become hard breaks. A dot
/// never opens a line (as `=2E` it needs no stuffing on the way), and no space ends one.
pub(super) fn encode(mut bytes: &[u8], mut column: usize, out: &mut Vec<u8>) -> usize {
    while let Some((&byte, rest)) = bytes.split_first() {
        let opens_with_dot = byte == b'.' && column == 0;
        if PLAIN[usize::from(byte)] && !opens_with_dot {
            if column == COLUMNS_MAX {
                column = soft_break(out);
                continue;
            }
            // The hot path: a run of plain bytes, as far as the line has room.
            let room = &bytes[..bytes.len().min(COLUMNS_MAX - column)];
            let run = room.iter().position(|byte| !PLAIN[usize::from(*byte)]).unwrap_or(room.len());
            out.extend_from_slice(&bytes[..run]);
            column += run;
            bytes = &bytes[run..];
            continue;
        }
        bytes = rest;
        let at_end = matches!(rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]);
        match byte {
            b'\r' => {}
            b'\n' => {
                out.extend_from_slice(b"\r\n");
                column = 0;
            }
            b' ' | b'\t' if !at_end => {
                column = if column < COLUMNS_MAX { column } else { soft_break(out) };
                out.push(byte);
                column += 1;
            }
            _ => {
                column = if column + 3 <= COLUMNS_MAX { column } else { soft_break(out) };
                out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                column += 3;
            }
        }
    }
    column
}

fn soft_break(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(b"=\r\n");
    0
}

/// Appends an encoded literal at `column`, after a soft break if its first line would not fit any more.
pub(super) fn append(literal: &[u8], shape: Literal, column: usize, out: &mut Vec<u8>) -> usize {
    let mut column = column;
    // A first line that is broken may fill the line; one that is not must leave room for a soft break after it.
    let most = if shape.last_column.is_some() { COLUMNS_MAX + 1 } else { COLUMNS_MAX };
    if column > 0 && column + shape.first_line > most {
        out.extend_from_slice(b"=\r\n");
        column = 0;
    }
    out.extend_from_slice(literal);
    shape.last_column.unwrap_or(column + shape.first_line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        encode(text.as_bytes(), 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_rules_of_rfc_2045() {
        assert_eq!(encoded("a=b é"), "a=3Db =C3=A9");
        assert_eq!(encoded("space \nend "), "space=20\r\nend=20");
        assert_eq!(encoded(".\n.x"), "=2E\r\n=2Ex");
        assert_eq!(encoded("a\r\nb\nc"), "a\r\nb\r\nc");
        assert_eq!(Literal::measure(b"ab\r\ncd\r\nefg"), Literal { first_line: 2, last_column: Some(3) });
    }

    #[test]
    fn a_literal_that_ends_in_the_last_column_leaves_room_for_a_soft_break() {
        for length in 30..=46 {
            let (mut out, literal) = (Vec::new(), "x".repeat(length));
            let column = append(literal.as_bytes(), Literal::measure(literal.as_bytes()), 38, &mut out);
            encode(b"value", column, &mut out);
            let text = String::from_utf8(out).unwrap();
            let first = text.split("\r\n").next().unwrap_or_default();
            assert!(first.len() + if first.starts_with('=') { 0 } else { 38 } <= 76, "{length}: {text}");
        }
    }

    proptest! {
        /// Cut anywhere, filled with anything: no line is too long and the decoded text is the joined text.
        #[test]
        fn pieces_join_to_what_was_written(parts in prop::collection::vec("[ -~\u{e0}-\u{ff}\n]{0,120}", 1..8)) {
            let mut out = Vec::new();
            let mut column = 0;
            for (at, part) in parts.iter().enumerate() {
                if at % 2 == 0 {
                    let mut literal = Vec::new();
                    encode(part.as_bytes(), 0, &mut literal);
                    column = append(&literal, Literal::measure(&literal), column, &mut out);
                } else {
                    column = encode(part.as_bytes(), column, &mut out);
                }
            }
            let text = String::from_utf8(out).unwrap();
            for line in text.split("\r\n") {
                prop_assert!(line.len() <= 76 && !line.starts_with('.') && !line.ends_with(' '), "{line:?}");
            }
            let message = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{text}");
            let parsed = mail_parser::MessageParser::default().parse(message.as_bytes()).unwrap();
            let body = parsed.body_text(0).unwrap_or_default();
            prop_assert_eq!(body.replace("\r\n", "\n"), parts.concat());
        }
    }
}
