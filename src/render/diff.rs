//! What differs between two texts: by lines, and by words within changed ones.

use std::time::Duration;

use serde::Serialize;
use similar::{Algorithm, ChangeTag, InlineChangeMode, InlineChangeOptions, TextDiff};

/// Longest search for the shortest difference; beyond it a longer one is taken.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most unchanged lines shown around a change.
pub const CONTEXT_MAX: usize = 1_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It stands in both texts.
    Same,
    /// It stands in the earlier text alone.
    Removed,
    /// It stands in the later text alone.
    Added,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its text, without line end.
    pub text: String,
    /// Whether this very piece makes the difference to the line's counterpart.
    pub changed: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What became of it.
    pub change: Change,
    /// Its text, in pieces.
    pub pieces: Vec<Piece>,
}

/// Lines that follow each other, with what stands around the changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// The number of its first line in the earlier text, from 1.
    pub before_line: usize,
    /// The same in the later text.
    pub after_line: usize,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// The difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Lines that came.
    pub added: usize,
    /// Lines that went.
    pub removed: usize,
    /// In order; none where the texts are the same.
    pub hunks: Vec<Hunk>,
}

/// Compares two texts, with `context` unchanged lines around each change.
pub fn diff(before: &str, after: &str, context: usize) -> Diff {
    let lines = lines(before, after);
    let mut words = InlineChangeOptions::new();
    words.mode(InlineChangeMode::Words);
    let hunks = lines.grouped_ops(context.min(CONTEXT_MAX)).into_iter().map(|ops| Hunk {
        before_line: ops.first().map_or(1, |op| op.old_range().start + 1),
        after_line: ops.first().map_or(1, |op| op.new_range().start + 1),
        lines: ops
            .iter()
            .flat_map(|op| lines.iter_inline_changes_with_options(op, words))
            .map(|line| Line {
                change: change(line.tag()),
                pieces: line
                    .iter_strings_lossy()
                    .filter_map(|(changed, text)| piece(changed, &text))
                    .collect(),
            })
            .collect(),
    });
    let (added, removed) = counted(&lines);
    Diff { added, removed, hunks: hunks.collect() }
}

/// Lines that came, and lines that went.
pub fn size(before: &str, after: &str) -> (usize, usize) {
    counted(&lines(before, after))
}

fn lines<'t>(before: &'t str, after: &'t str) -> TextDiff<'t, 't, str> {
    TextDiff::configure().algorithm(Algorithm::Patience).timeout(PATIENCE).diff_lines(before, after)
}

fn counted(lines: &TextDiff<'_, '_, str>) -> (usize, usize) {
    let of = |tag: ChangeTag| lines.iter_all_changes().filter(|line| line.tag() == tag).count();
    (of(ChangeTag::Insert), of(ChangeTag::Delete))
}

fn change(tag: ChangeTag) -> Change {
    match tag {
        ChangeTag::Equal => Change::Same,
        ChangeTag::Delete => Change::Removed,
        ChangeTag::Insert => Change::Added,
    }
}

fn piece(changed: bool, text: &str) -> Option<Piece> {
    let text = text.trim_end_matches(['\n', '\r']);
    (!text.is_empty()).then(|| Piece { text: text.to_owned(), changed })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(diff: &Diff) -> Vec<String> {
        let line = |line: &Line| {
            let mark = match line.change {
                Change::Same => ' ',
                Change::Removed => '-',
                Change::Added => '+',
            };
            let pieces: String = line
                .pieces
                .iter()
                .map(|piece| if piece.changed { format!("[{}]", piece.text) } else { piece.text.clone() })
                .collect();
            format!("{mark}{pieces}")
        };
        diff.hunks.iter().flat_map(|hunk| &hunk.lines).map(line).collect()
    }

    #[test]
    fn a_changed_word_is_named_within_its_line() {
        let before = "one\n\nIt costs 200 euros a month.\n\nlast\n";
        let diff = diff(before, &before.replace("200", "250"), 1);
        assert_eq!(
            shown(&diff),
            [" ", "-It costs [200] euros a month.", "+It costs [250] euros a month.", " "]
        );
        assert_eq!((diff.added, diff.removed, diff.hunks[0].before_line), (1, 1, 2));
    }

    #[test]
    fn the_same_text_has_no_difference() {
        assert!(diff("a\nb\n", "a\nb\n", 3).hunks.is_empty());
        assert_eq!(size("", "a\nb"), (2, 0));
    }

    #[test]
    fn far_changes_are_apart() {
        let before: String = (0..50).map(|no| format!("line {no}\n")).collect();
        let diff = diff(&before, &before.replace("line 3\n", "").replace("line 40\n", "line forty\n"), 2);
        assert_eq!(diff.hunks.len(), 2);
        assert_eq!((diff.hunks[1].before_line, diff.hunks[1].after_line), (39, 38));
    }

    proptest! {
        #[test]
        fn with_all_context_both_texts_can_be_read_back(before in "([a-c ]{0,6}\n){0,12}", after in "([a-c ]{0,6}\n){0,12}") {
            let diff = diff(&before, &after, CONTEXT_MAX);
            let of = |without: Change| -> String {
                let lines = diff.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.change != without);
                lines.map(|line| line.pieces.iter().map(|piece| piece.text.as_str()).collect::<String>() + "\n").collect()
            };
            if before != after {
                prop_assert_eq!(of(Change::Added), before);
                prop_assert_eq!(of(Change::Removed), after);
            }
        }
    }
}
