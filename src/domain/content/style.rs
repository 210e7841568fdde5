//! How content reads: what does not stop it, and what somebody should look at.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    asset::{Asset, AssetKind, Form},
    evidence::statistic,
    finding::{Finding, Findings, Place, codes},
    kinds::Detail,
    library::Library,
    merge::Part,
    selection::Selection,
    tree::{self, Inline, Node},
    vendor::Vendor,
};
use crate::domain::partner::AudienceRole;

/// What mail programs on telephones show of a subject, in characters.
pub const SUBJECT_CHARS_SHOWN: usize = 60;
/// A usual pace, in words a minute, and in characters of scripts without blanks between words.
const WORDS_PER_MINUTE: usize = 220;
const DENSE_CHARS_PER_MINUTE: usize = 500;
/// Posts of which one may promote.
const POSTS_PER_PROMOTION: usize = 5;
/// A usual length of what a field is filled with, in characters.
const FIELD_CHARS: usize = 10;

/// Findings on one asset that no other file has a part in.
pub(super) fn alone(asset: &Asset, f: &mut Findings<'_>) {
    headings(asset, f);
    figures(asset, f);
    length(asset, f);
}

/// Findings on one asset, whose findings so far are `f`.
pub(super) fn asset(asset: &Asset, vendor: Option<&Vendor>, f: &mut Findings<'_>) {
    if let Some(letter) = asset.detail.letter() {
        let length = |part: &Part| match part {
            Part::Text(text) => text.chars().count(),
            Part::Field(_) => FIELD_CHARS,
        };
        let chars: usize = letter.subject.parts().iter().map(length).sum();
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

/// A share that nobody vouches for: no `evidence`, and no link beside it. Tables and code show the author's own sums.
fn figures(asset: &Asset, f: &mut Findings<'_>) {
    // A claim without a figure is about the whole text.
    let claims = || asset.front.evidence.iter().map(|evidence| evidence.claim.as_str());
    if claims().any(|claim| statistic(claim).is_none()) {
        return;
    }
    let mut found: Vec<String> = Vec::new();
    for section in &asset.body.sections {
        tree::each_node(&section.nodes, &mut |node| {
            let (Node::Paragraph(inlines) | Node::Heading { inlines, .. }) = node else { return };
            if inlines.iter().any(|inline| matches!(inline, Inline::Link { .. })) {
                return;
            }
            let text = bare(inlines);
            if text.is_ascii() && !text.bytes().any(|byte| byte == b'%' || byte.is_ascii_digit()) {
                return;
            }
            let mut rest = text.as_str();
            while let Some(share) = statistic(rest) {
                if !found.iter().any(|known| known == share) && !claims().any(|claim| claim.contains(share)) {
                    found.push(share.to_owned());
                }
                rest = rest.split_once(share).map_or("", |(_, after)| after);
            }
        });
    }
    for share in found {
        let body_at = asset.source.find("\n---\n").unwrap_or(0);
        let at = asset.source[body_at..].find(&share).map_or(0, |at| body_at + at);
        let fix = "say under `evidence` who found it, also where you worked it out yourselves, or link to it beside";
        f.add_at(codes::NO_SOURCE, at, format!("`{share}` has no source"), fix);
    }
}

/// The text of a line, without its fields.
fn bare(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(words) => text.push_str(words),
            Inline::Emphasis(inner) | Inline::Strong(inner) | Inline::Link { inlines: inner, .. } => {
                text.push_str(&bare(inner));
            }
            Inline::SoftBreak | Inline::HardBreak => text.push(' '),
            Inline::Code(_) | Inline::Field(_) => text.push('\u{fffc}'),
        }
    }
    text
}

/// Whether a reader gets to the end: what one of them reads, at a usual pace.
fn length(asset: &Asset, f: &mut Findings<'_>) {
    let Some(most) = minutes_max(asset.kind()) else { return };
    let sections: Vec<(&Selection, u32)> = asset
        .body
        .sections
        .iter()
        .map(|section| (&section.selection, reading_seconds(&section.nodes)))
        .collect();
    let one_reads = |role: AudienceRole| {
        let theirs =
            |selection: &Selection| selection.is_for_everyone() || selection.possible_roles().contains(role);
        sections.iter().filter(|(selection, _)| theirs(selection)).map(|(_, seconds)| seconds).sum::<u32>()
    };
    let longest = AudienceRole::ALL.iter().map(|role| one_reads(*role)).max().unwrap_or(0);
    let minutes = longest.div_ceil(60);
    if minutes > most {
        let kind = asset.kind().as_str();
        let message = format!("it takes one reader about {minutes} minutes, and people give a {kind} {most}");
        let fix = "shorten it, give each role its own part, or link to the rest";
        f.add(codes::LONG_READ, place_of(asset, "title:"), message, fix);
    }
}

/// How long people read a piece of this kind, in minutes.
fn minutes_max(kind: AssetKind) -> Option<u32> {
    match kind {
        AssetKind::Issue => Some(5),
        AssetKind::Message => Some(3),
        AssetKind::Playbook => Some(6),
        AssetKind::Datasheet => Some(6),
        AssetKind::CaseStudy => Some(8),
        AssetKind::Blog => Some(12),
        AssetKind::Whitepaper => Some(30),
        _ => None,
    }
}

/// How long one reads `nodes`, in seconds.
pub fn reading_seconds(nodes: &[Node]) -> u32 {
    let (mut words, mut dense) = (0, 0);
    tree::each_inline(nodes, &mut |inline| {
        let (Inline::Text(text) | Inline::Code(text)) = inline else { return };
        if text.is_ascii() {
            words += text.split_ascii_whitespace().count();
            return;
        }
        for word in text.split_whitespace() {
            let chars = word.chars().filter(is_dense).count();
            dense += chars;
            words += usize::from(chars == 0);
        }
    });
    u32::try_from(words * 60 / WORDS_PER_MINUTE + dense * 60 / DENSE_CHARS_PER_MINUTE).unwrap_or(u32::MAX)
}

/// Whether it is of a script without blanks between words, whose length is counted by character.
fn is_dense(c: &char) -> bool {
    matches!(u32::from(*c), 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0x0e00..=0x0e7f)
}

/// Posts that promote drive readers away: of five, one may.
pub(super) fn promotion(library: &Library) -> Vec<Finding> {
    let posts: Vec<(&Asset, bool)> = library
        .by_kind(AssetKind::Social)
        .filter_map(|asset| match &asset.detail {
            Detail::Social(post) => Some((asset, post.is_promotional)),
            _ => None,
        })
        .collect();
    let promoting = posts.iter().filter(|(_, promotes)| *promotes).count();
    let Some((last, _)) =
        posts.iter().filter(|(_, promotes)| *promotes).max_by_key(|(asset, _)| asset.front.publish)
    else {
        return Vec::new();
    };
    if promoting * POSTS_PER_PROMOTION <= posts.len() {
        return Vec::new();
    }
    let mut f = Findings::new(&last.path, "");
    let message = format!(
        "{promoting} of {} posts promote, and one in {POSTS_PER_PROMOTION} is what people bear",
        posts.len()
    );
    f.add(
        codes::PROMOTIONAL_SHARE,
        place_of(last, "purpose:"),
        message,
        "write more that helps, or promote less",
    );
    f.finish()
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
