//! Where a link may lead: https, http, mailto, tel, or one of our assets.
//!
//! A browser drops tabs and line ends inside a URL and blanks around it before it reads the scheme (WHATWG URL,
//! "basic URL parser"), so a target that holds any of them is refused, not mended.

use super::{
    field::FieldUse,
    finding::{At, Findings, codes},
    merge::Part,
    tree::Target,
};

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_000;

/// Why a target is refused: the message and the fix.
type Refusal = (&'static str, &'static str);

/// Reads a link's destination, whose fields are cut out already.
///
/// # Errors
/// What is wrong and how to mend it.
pub fn target(parts: Vec<Part>) -> Result<Target, Refusal> {
    let has_fields = parts.iter().any(|part| matches!(part, Part::Field(_)));
    match parts.first() {
        None => Err(("the link has no target", "write it after the text, in parentheses")),
        Some(Part::Field(FieldUse { field, .. })) if field.is_address() => Ok(Target::Template(parts)),
        Some(Part::Field(_)) => Err((
            "a link cannot begin with this field",
            "begin it with https://, mailto: or tel:, or with partner.website or vendor.website",
        )),
        Some(Part::Text(head)) => {
            if let Some(reference) = head.strip_prefix("asset:") {
                return if has_fields {
                    Err(("a reference to an asset cannot hold fields", "name the asset"))
                } else {
                    reference_target(reference)
                };
            }
            let rest_ok = parts.iter().all(|part| !matches!(part, Part::Text(text) if bad_characters(text)));
            if !rest_ok {
                return Err((
                    "the link's target holds a blank or a control character",
                    "write it as %20, or remove it",
                ));
            }
            check_head(head, has_fields)?;
            Ok(if has_fields { Target::Template(parts) } else { Target::Url(head.clone()) })
        }
    }
}

fn reference_target(reference: &str) -> Result<Target, Refusal> {
    let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '/');
    if !reference.is_empty() && reference.chars().all(ok) {
        Ok(Target::Asset(reference.to_owned()))
    } else {
        Err((
            "this is not a reference to an asset",
            "write the file's path without locale and `.md`, such as asset:blog/restores-not-backups",
        ))
    }
}

fn bad_characters(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '"' | '<' | '>' | '`'))
}

/// Checks the literal beginning of a URL; with fields after it, the host must be complete.
fn check_head(head: &str, has_fields: bool) -> Result<(), Refusal> {
    const SCHEMES: Refusal =
        ("the link's scheme is not allowed", "use https://, mailto:, tel:, or asset: for one of our own");
    if head.len() > URL_BYTES_MAX {
        return Err(("the link's target is longer than 2,000 bytes", "shorten it"));
    }
    let Some((scheme, rest)) = head.split_once(':') else {
        return Err((
            "the link's target has no scheme",
            "write asset: before one of our own, https:// before another's",
        ));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => {
            let after = rest.strip_prefix("//").ok_or(SCHEMES)?;
            let host_end = after.find(['/', '?', '#']);
            let host = &after[..host_end.unwrap_or(after.len())];
            if host.is_empty() || host.contains(['@', '%']) {
                return Err((
                    "the link's host cannot be read",
                    "write https://host/path, without a user name",
                ));
            }
            if has_fields && host_end.is_none() {
                return Err((
                    "a field stands in the link's host",
                    "fields may stand in the path and after it only",
                ));
            }
            Ok(())
        }
        "mailto" | "tel" if has_fields || !rest.is_empty() => Ok(()),
        _ => Err(SCHEMES),
    }
}

/// Warns of a link without encryption.
pub fn warn_if_plain(target: &Target, at: At, findings: &mut Findings<'_>) {
    let head = match target {
        Target::Url(url) => url.as_str(),
        Target::Template(parts) => match parts.first() {
            Some(Part::Text(head)) => head.as_str(),
            _ => return,
        },
        Target::Asset(_) => return,
    };
    if head.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:")) {
        findings.add(codes::PLAIN_HTTP, at, format!("`{head}` is not encrypted"), "use https://");
    }
}

/// The target made of merged parts; nothing when a value made it one that is not allowed.
pub fn merged(parts: Vec<Part>) -> Option<Target> {
    let Some(Part::Text(head)) = parts.first() else {
        return None;
    };
    let has_fields = parts.len() > 1;
    let safe = parts.iter().all(|part| !matches!(part, Part::Text(text) if bad_characters(text)));
    if !safe || check_head(head, has_fields).is_err() {
        return None;
    }
    Some(if has_fields { Target::Template(parts) } else { Target::Url(head.clone()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Target, Refusal> {
        target(vec![Part::Text(text.to_owned())])
    }

    #[test]
    fn only_harmless_schemes_pass() {
        for good in ["https://a.example/x?y#z", "HTTPS://a.example", "mailto:a@b.example", "tel:+4712345678"]
        {
            assert_eq!(url(good), Ok(Target::Url(good.to_owned())));
        }
        assert_eq!(url("asset:blog/x"), Ok(Target::Asset("blog/x".to_owned())));
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            " javascript:alert(1)",
            "\u{1}javascript:x",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "//evil.example",
            "/path",
            "#part",
            "",
            "https:",
            "https:/a.example",
            "https://",
            "https://user@evil.example/",
            "https:\\\\evil.example",
            "asset:../x",
            "asset:",
            "ht\ntps://a.example",
        ] {
            assert!(url(bad).is_err(), "{bad:?}");
        }
    }
}
