//! What may go over the wire: addresses without tricks, and bytes whose end nobody can read differently.

use memchr::{memchr, memchr_iter};

/// Longest path in an envelope (RFC 5321 section 4.5.3.1.3 less the angle brackets), in bytes.
const PATH_BYTES_MAX: usize = 254;

/// Whether `address` may stand between angle brackets. An address that could end the command, or begin another
/// one, is refused; whether it exists is for the relay to say.
///
/// # Errors
/// Why not.
pub(super) fn check_path(address: &str) -> Result<(), String> {
    if address.len() > PATH_BYTES_MAX {
        return Err(format!("the address is {} bytes long, more than {PATH_BYTES_MAX}", address.len()));
    }
    if let Some(bad) = address.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
    {
        return Err(format!(
            "the address holds U+{:04X}, which must not stand in an envelope",
            u32::from(bad)
        ));
    }
    match address.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(()),
        _ => Err("the address is not of the form local@domain".to_owned()),
    }
}

/// Appends `bytes` to `out` as RFC 5321 section 4.5.2 wants it: lines beginning with a dot get another, the end is
/// CRLF, dot, CRLF. A message that does not end with CRLF gets one.
///
/// # Errors
/// A bare CR, a bare LF or a NUL, with its position: lenient receivers read those as line ends, and the message
/// as two (SMTP smuggling).
pub(super) fn append_stuffed(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if let Some(at) = memchr(0, bytes) {
        return Err(format!("the message holds a NUL at byte {at}"));
    }
    for at in memchr_iter(b'\r', bytes) {
        if bytes.get(at + 1) != Some(&b'\n') {
            return Err(format!("the message holds a CR without LF at byte {at}"));
        }
    }
    out.reserve(bytes.len() + 8);
    let mut copied = 0;
    if bytes.first() == Some(&b'.') {
        out.push(b'.');
    }
    for at in memchr_iter(b'\n', bytes) {
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(format!("the message holds a LF without CR at byte {at}"));
        }
        if bytes.get(at + 1) == Some(&b'.') {
            out.extend_from_slice(&bytes[copied..=at]);
            out.push(b'.');
            copied = at + 1;
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        append_stuffed(bytes, &mut out).map(|()| out)
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuffed(b".a\r\n..b\r\nc.\r\n.\r\n").unwrap(), b"..a\r\n...b\r\nc.\r\n..\r\n.\r\n");
        assert_eq!(stuffed(b"no end").unwrap(), b"no end\r\n.\r\n");
        assert_eq!(stuffed(b"").unwrap(), b".\r\n");
    }

    #[test]
    fn what_could_smuggle_a_second_message_is_refused() {
        for bad in ["a\n.\nb", "a\n.\r\nb", "a\r.\rb", "a\r\n.\nb", "a\r", "\n", "a\r\r\n", "a\0b"] {
            let mail = format!("Subject: x\r\n\r\n{bad}MAIL FROM:<evil@example.com>\r\n");
            assert!(stuffed(mail.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_cannot_leave_their_brackets() {
        for good in ["a@b", "o'neil+x@example.com", "jürgen@exämple.com"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        let long = format!("{}@b", "a".repeat(300));
        for bad in ["", "a", "@b", "a@", "a@b>\r\nDATA", "a\n@b", "a b@c", "<a@b>", "a@b>", &long] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
