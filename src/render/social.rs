//! A post as it is pasted into a network.

use crate::domain::{
    content::{
        text::{Plain, plain_text},
        tree::Node,
    },
    engagement::Placement,
};

/// The Mastodon server that is asked where somebody named none.
pub const MASTODON: &str = "mastodon.social";

/// A post with its link at the end: the text written for its network, if there is one, else the body's.
pub fn post(body: &[Node], own: Option<&str>, url: &str) -> String {
    let text = match own {
        Some(text) => text.trim().to_owned(),
        None => {
            let plain = Plain { url: &|_| None, field: &|_| String::new() };
            unwrapped(&plain_text(body, &plain))
        }
    };
    format!("{text}\n\n{url}\n")
}

/// Where a network lets people post `text` with `link`, as a plain link that needs no script; nothing where it is no network.
/// `server` is the person's own, of Mastodon.
pub fn intent(network: Placement, text: &str, link: &str, server: &str) -> Option<String> {
    let both = || encoded(&format!("{text}\n\n{link}"));
    Some(match network {
        Placement::Linkedin => {
            format!("https://www.linkedin.com/sharing/share-offsite/?url={}", encoded(link))
        }
        Placement::X => {
            format!("https://twitter.com/intent/tweet?text={}&url={}", encoded(text), encoded(link))
        }
        Placement::Facebook => format!("https://www.facebook.com/sharer/sharer.php?u={}", encoded(link)),
        Placement::Mastodon => format!("https://{server}/share?text={}", both()),
        Placement::Bluesky => format!("https://bsky.app/intent/compose?text={}", both()),
        Placement::Feed | Placement::OwnMailer | Placement::Embed => return None,
    })
}

/// A server's name as somebody typed it, if it is one: letters, digits, hyphens and dots, and nothing else.
pub fn server(typed: &str) -> Option<String> {
    let name = typed.trim().trim_start_matches("https://").trim_end_matches('/').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)).then_some(name)
}

/// `text` as a part of a query (RFC 3986 section 2.1).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// Paragraphs on one line each: networks break lines themselves.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n").map(|paragraph| {
        let is_list = paragraph.lines().all(|line| line.starts_with("- ") || line.starts_with("  "));
        if is_list { paragraph.to_owned() } else { paragraph.replace('\n', " ") }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_stays_in_its_place() {
        let of = |network| intent(network, "50 % & more #1\nü", "https://c.example/t/a?lang=de", MASTODON);
        assert_eq!(
            of(Placement::X).unwrap(),
            "https://twitter.com/intent/tweet?text=50%20%25%20%26%20more%20%231%0A%C3%BC&url=https%3A%2F%2Fc.example%2Ft%2Fa%3Flang%3Dde"
        );
        for network in Placement::ALL {
            assert_eq!(of(network).is_some(), network.is_network(), "{network}");
        }
        assert!(of(Placement::Mastodon).unwrap().starts_with("https://mastodon.social/share?text=50%20"));
    }

    #[test]
    fn a_server_is_a_name_and_nothing_else() {
        assert_eq!(server(" https://Fosstodon.org/ ").as_deref(), Some("fosstodon.org"));
        for bad in [
            "",
            "localhost",
            "a.example/x",
            "a.example:1",
            "x@a.example",
            "a..b",
            "javascript:1",
            "é.example",
        ] {
            assert_eq!(server(bad), None, "{bad}");
        }
    }
}
