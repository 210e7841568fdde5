use super::*;
use crate::{
    domain::content::SourceFile,
    work::{folder, sync},
};

/// The demo's content with `edits` (path, from, to).
fn tried(edits: &[(&str, &str, &str)]) -> Matrix {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let mut files: Vec<SourceFile> = folder::read_now(&dir).unwrap();
    for (path, from, to) in edits {
        let file = files.iter_mut().find(|file| file.path == *path).unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert!(text.contains(from), "{path} holds {from}");
        file.bytes = text.replace(from, to).into_bytes();
    }
    let read = sync::read(&files);
    let media = sync::paths_of_images(&files);
    matrix(&Templates::load(None).unwrap(), &read.library, &media, &read.partners).unwrap()
}

fn cell(matrix: &Matrix, reference: &str, partner: &str) -> Cell {
    let at = matrix.partners.iter().position(|slug| slug == partner).unwrap();
    matrix.rows.iter().find(|row| row.reference == reference).unwrap().cells[at]
}

fn said(matrix: &Matrix) -> Vec<String> {
    matrix.findings.iter().map(ToString::to_string).collect()
}

const ISSUE: &str = "newsletters/fold-forward/2027-01-12";

#[test]
fn the_demos_content_is_right_for_everybody() {
    let matrix = tried(&[]);
    assert_eq!(said(&matrix), Vec::<String>::new());
    assert_eq!(matrix.partners.len(), 12);
    assert_eq!(cell(&matrix, ISSUE, "northlight"), Cell::Rendered(5));
    assert_eq!(cell(&matrix, "datasheets/fold-proof", "wattlebird"), Cell::NotTheirs);
    assert_eq!(cell(&matrix, "datasheets/fold-proof", "northlight"), Cell::Rendered(1));
    assert!(matrix.rows.iter().all(|row| row.reference != "newsletters/fold-forward"), "seen in its issues");
    assert!(matrix.rows.iter().all(|row| row.cells.iter().all(|cell| *cell != Cell::Faulty)));
}

#[test]
fn what_goes_wrong_for_somebody_is_found_with_their_names() {
    let path = format!("{ISSUE}.md");
    let long = "{{ partner.name }}: restores, not backups, in January";
    let matrix = tried(&[
        (&path, "Restores, not backups: your part in January", long),
        ("roster/partners.csv", "Fjellvakt Drift", "Donaudampfschifffahrtsgesellschaft"),
        ("social/backup-green-tick.md", "\n---\n", &format!("\n---\n{}", "{{ partner.name }} ".repeat(11))),
    ]);
    let lines = said(&matrix);
    let one = |words: &str| {
        let found: Vec<&String> = lines.iter().filter(|line| line.contains(words)).collect();
        assert_eq!(found.len(), 1, "{words}: {lines:?}");
        found[0].clone()
    };
    assert!(
        one("2027-01-12.md:6:1 warning C211")
            .contains("for fjellvakt: with their names the subject is longer than the 60")
    );
    assert!(one("C521").contains("in the name of fjellvakt"));
    let posts: Vec<&String> = lines.iter().filter(|line| line.contains("C209")).collect();
    assert!(
        posts
            .iter()
            .any(|line| line
                .contains("for fjellvakt: with their names the post is longer than mastodon takes")),
        "{lines:?}"
    );
    assert_eq!(cell(&matrix, "social/backup-green-tick", "fjellvakt"), Cell::Faulty);
}

#[test]
fn a_mail_that_is_cut_off_and_a_missing_value_are_found() {
    let path = format!("{ISSUE}.md");
    let article = "blog/what-your-auditor-will-ask";
    let matrix = tried(&[
        (&path, "\n---\n", &format!("\n---\n{}\n\n", "A long story about restores. ".repeat(4_000))),
        ("roster/brands/northlight/brand.toml", "phone =", "# phone ="),
        (&format!("{article}.md"), "\n---\n", "\n---\nRing {{ partner.phone }}.\n\n"),
    ]);
    let lines = said(&matrix);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("C520") && line.contains("more: the mail has more than 100 kB")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains("C405 for northlight: {{ partner.phone }} has no value")
            && !line.contains(":1:1 ")),
        "{lines:?}"
    );
    assert_eq!(
        (cell(&matrix, article, "northlight"), cell(&matrix, article, "ipe")),
        (Cell::Faulty, Cell::Rendered(1))
    );
}
