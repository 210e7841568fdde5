//! Front matter: finding it between its fences.

use super::{
    document::{self, Placed, Value},
    finding::{Findings, Place, codes},
    keys::Keys,
};

/// A file cut in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<'t> {
    /// The YAML, which begins on line 2.
    pub yaml: &'t str,
    /// Where the Markdown begins, in bytes.
    pub body_at: usize,
}

/// Cuts `text` (line ends `\n`) at its `---` fences.
///
/// # Errors
/// What is missing.
pub fn split(text: &str) -> Result<Split<'_>, &'static str> {
    let open = text.split_inclusive('\n').next().unwrap_or_default();
    if open.trim_end() != "---" {
        return Err("the file does not begin with `---`");
    }
    let mut at = open.len();
    for line in text[open.len()..].split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.trim_end() == "---" {
            return Ok(Split { yaml: &text[open.len()..start], body_at: at });
        }
    }
    Err("the front matter is not closed with `---`")
}

/// Reads the YAML of a file into keys, their places counted in the whole file.
pub fn keys(yaml: &str, findings: &mut Findings<'_>) -> Option<Keys> {
    match document::yaml(yaml) {
        Ok(mut root) => {
            shift(&mut root);
            Some(Keys::root(root, findings))
        }
        Err(fault) => {
            let place = Place { line: fault.place.line + 1, column: fault.place.column };
            let fix = "mend the YAML; put text that holds `:`, `#`, `{` or `[` in quotes, and use no anchors";
            findings.add(codes::BAD_SYNTAX, place, fault.message, fix);
            None
        }
    }
}

/// Moves every place one line down, past the opening fence.
fn shift(placed: &mut Placed) {
    placed.place.line += 1;
    match &mut placed.value {
        Value::List(items) => items.iter_mut().for_each(shift),
        Value::Map(entries) => {
            for entry in entries {
                entry.place.line += 1;
                shift(&mut entry.value);
            }
        }
        _ => {}
    }
}
