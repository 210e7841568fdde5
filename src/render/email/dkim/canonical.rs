//! The relaxed canonical forms of headers and bodies (RFC 6376 sections 3.4.2 and 3.4.4), and a message taken apart
//! into its header fields and its body.

/// One header field: name and raw value, without the colon and the last line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The header fields in their order, and the body behind the empty line.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let mut fields = Vec::with_capacity(20);
    let mut rest = message;
    while !rest.is_empty() {
        if let Some(body) = rest.strip_prefix(b"\r\n") {
            return (fields, body);
        }
        let end = end_of_field(rest);
        let (field, tail) = rest.split_at(end);
        let field = field.strip_suffix(b"\r\n").unwrap_or(field);
        if let Some(colon) = memchr::memchr(b':', field) {
            fields.push(Field { name: field[..colon].trim_ascii_end(), value: &field[colon + 1..] });
        }
        rest = tail;
    }
    (fields, &[])
}

/// Behind the first line end that no continuation follows.
fn end_of_field(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes)
        .find(|at| !matches!(bytes.get(at + 1), Some(b' ' | b'\t')))
        .map_or(bytes.len(), |at| at + 1)
}

/// Appends `name:value` in relaxed form, without a line end.
pub(super) fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = out.len();
    let mut gap = false;
    for &byte in value {
        match byte {
            b' ' | b'\t' => gap = true,
            // Unfolding: the whitespace of the continuation stays.
            b'\r' | b'\n' => {}
            _ => {
                if std::mem::take(&mut gap) && out.len() > start {
                    out.push(b' ');
                }
                out.push(byte);
            }
        }
    }
}

/// `body` in relaxed form.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let start = out.len();
        let mut gap = false;
        for &byte in line {
            if byte == b' ' || byte == b'\t' {
                gap = true;
                continue;
            }
            if out.len() == start {
                // Now it is known that the empty lines before are not the last.
                for _ in 0..std::mem::take(&mut empty_lines) {
                    out.extend_from_slice(b"\r\n");
                }
            }
            if std::mem::take(&mut gap) {
                out.push(b' ');
            }
            out.push(byte);
        }
        if out.len() == start {
            empty_lines += 1;
        } else {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_comes_out_as_printed() {
        // RFC 6376 section 3.4.5.
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, rest) = split(message);
        let mut out = Vec::new();
        for field in &fields {
            header(field.name, field.value, &mut out);
            out.extend_from_slice(b"\r\n");
        }
        assert_eq!(out, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(body(rest), b" C\r\nD E\r\n");
    }

    #[test]
    fn bodies_at_the_edges() {
        assert_eq!(body(b""), b"");
        assert_eq!(body(b"\r\n\r\n"), b"", "empty lines alone are an empty body");
        assert_eq!(body(b" \t\r\n"), b"", "a line of spaces is an empty line");
        assert_eq!(body(b"a"), b"a\r\n", "the last line gets its end");
        assert_eq!(body(b"\r\n\r\na\r\n\r\nb \r\n\r\n"), b"\r\n\r\na\r\n\r\nb\r\n");
        assert_eq!(body("ø  æ\t\r\n".as_bytes()), "ø æ\r\n".as_bytes());
    }

    #[test]
    fn a_message_without_body_or_headers_is_taken_apart_too() {
        assert_eq!(split(b"A: b\r\n").0.len(), 1);
        assert_eq!(split(b"\r\nbody").1, b"body");
        assert_eq!(split(b""), (vec![], &b""[..]));
        let (fields, body) = split(b"Subject: a\r\n b\r\n\tc\r\nX: y\r\n\r\nhi");
        assert_eq!(fields[0].value, b" a\r\n b\r\n\tc");
        assert_eq!((fields.len(), body), (2, &b"hi"[..]));
    }
}
