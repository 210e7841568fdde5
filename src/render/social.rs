//! A post as it is pasted into a network.

use crate::domain::content::{
    text::{Plain, plain_text},
    tree::Node,
};

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

/// Paragraphs on one line each: networks break lines themselves.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n").map(|paragraph| {
        let is_list = paragraph.lines().all(|line| line.starts_with("- ") || line.starts_with("  "));
        if is_list { paragraph.to_owned() } else { paragraph.replace('\n', " ") }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
