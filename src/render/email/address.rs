//! How an address is written in envelope and header.

use std::borrow::Cow;

/// The form of `address` that most servers understand: an internationalised domain as A-labels (RFC 5890 section
/// 2.3.2.1). One whose local part is not ASCII stays as it is, and needs a relay with SMTPUTF8 (RFC 6531).
pub fn on_the_wire(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.rsplit_once('@').filter(|_| !address.is_ascii()) else {
        return Cow::Borrowed(address);
    };
    match idna::domain_to_ascii(domain) {
        Ok(ascii) if local.is_ascii() => Cow::Owned(format!("{local}@{ascii}")),
        _ => Cow::Borrowed(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_ascii_where_the_local_part_is() {
        let cases = [
            ("dana@northlight.example", "dana@northlight.example"),
            ("dana@bücher.example", "dana@xn--bcher-kva.example"),
            ("dana@例え.example", "dana@xn--r8jz45g.example"),
            ("josé@bücher.example", "josé@bücher.example"),
            ("no address", "no address"),
        ];
        for (address, expected) in cases {
            assert_eq!(on_the_wire(address), expected);
        }
    }
}
