//! When a certificate ends. Whether it is trusted is rustls' business; this only reads one date of it.

use chrono::NaiveDateTime;

use crate::domain::kernel::clock::UtcMs;

/// `notAfter` of an X.509 certificate in DER (RFC 5280 section 4.1.2.5); `None` when it cannot be read.
pub fn not_after_ms(der: &[u8]) -> Option<UtcMs> {
    let (_, certificate, _) = value(der)?;
    let (_, tbs, _) = value(certificate)?;
    let mut rest = tbs;
    // The version is there or not; then serial number, signature algorithm and issuer come before the validity.
    let (tag, _, after) = value(rest)?;
    if tag == 0xa0 {
        rest = after;
    }
    for _ in 0..3 {
        rest = value(rest)?.2;
    }
    let (_, validity, _) = value(rest)?;
    let (_, _, after) = value(validity)?;
    let (tag, text, _) = value(after)?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        // UTCTime: two digits of the year, 50 being 1950.
        0x17 => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    Some(NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?.and_utc().timestamp_millis())
}

/// Tag, content and what follows of a DER value (X.690 section 8.1).
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, expected) in [(2031, 1_924_992_000_000), (2061, 2_871_763_200_000)] {
            let mut params = rcgen::CertificateParams::new(vec!["mail.example".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(not_after_ms(certificate.der()), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bad in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", b"hello world"] {
            assert_eq!(not_after_ms(bad), None);
        }
    }
}
