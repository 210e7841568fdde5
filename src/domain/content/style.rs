//! How content reads: what does not stop it, and what somebody should look at.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asset::{Asset, Form},
    finding::{Finding, Findings, Place, codes},
    kinds::Detail,
    library::Library,
    merge::Part,
    tree::Node,
    vendor::Vendor,
};

/// What mail programs on telephones show of a subject, in characters.
pub const SUBJECT_CHARS_SHOWN: usize = 60;
/// A usual length of what a field is filled with, in characters.
const FIELD_CHARS: usize = 10;

/// Findings on one asset, whose findings so far are `f`.
pub(super) fn asset(asset: &Asset, vendor: Option<&Vendor>, f: &mut Findings<'_>) {
    headings(asset, f);
    if let Detail::Issue(issue) = &asset.detail {
        let length = |part: &Part| match part {
            Part::Text(text) => text.chars().count(),
            Part::Field(_) => FIELD_CHARS,
        };
        let chars: usize = issue.subject.parts().iter().map(length).sum();
        if chars > SUBJECT_CHARS_SHOWN {
            let message = format!(
                "the subject has about {chars} characters, and telephones show {SUBJECT_CHARS_SHOWN}"
            );
            f.add(
                codes::LONG_SUBJECT,
                place_of(asset, "subject:"),
                message,
                "say first what matters, and less",
            );
        }
    }
    if let Some(vendor) = vendor {
        avoided(asset, vendor, f);
    }
}

/// Screen readers jump from heading to heading: a level left out sounds like a part that is missing.
fn headings(asset: &Asset, f: &mut Findings<'_>) {
    let mut before = 1;
    for section in &asset.body.sections {
        for node in &section.nodes {
            let Node::Heading { level, .. } = node else { continue };
            if *level > before + 1 {
                let (found, wanted) = ("#".repeat(usize::from(*level)), "#".repeat(usize::from(before) + 1));
                let at = place_of(asset, &format!("{found} "));
                f.add(
                    codes::HEADING_ORDER,
                    at,
                    format!("`{found}` follows a higher heading directly"),
                    format!("write `{wanted}`"),
                );
            }
            before = *level;
        }
    }
}

fn avoided(asset: &Asset, vendor: &Vendor, f: &mut Findings<'_>) {
    if vendor.avoid.is_empty() {
        return;
    }
    // ASCII alone, which keeps every place where it is.
    let text = asset.source.to_ascii_lowercase();
    for (word, instead) in &vendor.avoid {
        if let Some(at) = place_of_word(&text, &word.to_ascii_lowercase()) {
            f.add_at(codes::AVOIDED_WORD, at, format!("`{word}` is a word to avoid"), instead.clone());
        }
    }
}

/// Where `word` stands in `text` and not within another word.
fn place_of_word(text: &str, word: &str) -> Option<usize> {
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let mut found = text.match_indices(word).map(|(at, _)| at);
    found.find(|at| ends(text[..*at].chars().next_back()) && ends(text[at + word.len()..].chars().next()))
}

/// Key messages that people meet in fewer than all three forms: they learn by reading, by watching and by doing.
pub(super) fn forms(library: &Library) -> Vec<Finding> {
    let mut messages: BTreeMap<&str, (&Asset, BTreeSet<&str>)> = BTreeMap::new();
    for asset in library.assets.iter().filter(|asset| asset.locale.is_none()) {
        let Some(message) = &asset.front.key_message else { continue };
        let entry = messages.entry(message.as_str()).or_insert_with(|| (asset, BTreeSet::new()));
        entry.1.extend(asset.front.form.map(Form::as_str));
    }
    let mut all = Vec::new();
    for (message, (first, forms)) in messages {
        let missing: Vec<&str> =
            Form::WORDS.iter().map(|(word, _)| *word).filter(|word| !forms.contains(word)).collect();
        // A single asset is a beginning, not yet a message that is carried.
        if missing.is_empty() || forms.len() < 2 {
            continue;
        }
        let mut f = Findings::new(&first.path, "");
        let text = format!("nothing carries `{message}` to people who would {} it", missing.join(" or "));
        let fix =
            format!("add an asset with `form: {}` and this `key_message`", missing.join("` or `form: "));
        f.add(codes::FEW_FORMS, place_of(first, "key_message:"), text, fix);
        all.extend(f.finish());
    }
    all
}

/// The line that begins with `start`, else the file's first.
fn place_of(asset: &Asset, start: &str) -> Place {
    let line = asset.source.lines().position(|line| line.starts_with(start)).unwrap_or(0);
    Place { line: u32::try_from(line + 1).unwrap_or(u32::MAX), column: 1 }
}
