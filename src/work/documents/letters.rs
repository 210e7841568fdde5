//! Texts with letters that the typefaces of documents lack.

use super::may_have_pdf;
use crate::{
    domain::content::{
        Finding, Library,
        finding::{Findings, Place, codes},
    },
    render::document,
};

/// Findings on assets of which there is no PDF for that.
pub fn findings(library: &Library) -> Vec<Finding> {
    let with_documents = library.assets.iter().filter(|asset| may_have_pdf(asset));
    with_documents
        .filter_map(|asset| {
            let letter = document::unset_letter(&asset.source)?;
            let mut f = Findings::new(&asset.path, "");
            let message = format!("no font of a PDF has the letter `{letter}` (U+{:04X})", u32::from(letter));
            let fix = "write it with other letters, or leave it so: the page offers no PDF then";
            f.add(codes::NO_FONT, Place::START, message, fix);
            Some(f.finish())
        })
        .flatten()
        .collect()
}

#[cfg(all(test, feature = "pdf"))]
mod tests {
    use super::*;
    use crate::{
        domain::content::{SourceFile, tests::VENDOR},
        work::documents::has_pdf,
    };

    #[test]
    fn a_paper_with_letters_that_no_font_has_is_told_and_offers_no_pdf() {
        let paper = |word: &str| {
            format!(
                "---\nkind: whitepaper\ntitle: A\nsummary: S\nroles: [sales]\nauthors: [A B]\ngate: none\n---\n{word}\n"
            )
        };
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
        let files = [
            file("vendor.toml", VENDOR.to_owned()),
            file("whitepapers/a.md", paper("Zürich Ελλάδα Москва")),
            file("whitepapers/a.ar.md", paper("استعادة")),
            file("whitepapers/a.ko.md", paper("복구")),
            file("whitepapers/a.ja.md", paper("復旧 リストア")),
        ];
        let library = Library::build(files).0;
        let said: Vec<String> = findings(&library).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            said[0].starts_with("whitepapers/a.ko.md:1:1 warning C519") && said[0].contains("U+BCF5"),
            "{said:?}"
        );
        let offered: Vec<bool> =
            library.versions("whitepapers/a").iter().map(|asset| has_pdf(asset)).collect();
        assert_eq!(offered.iter().filter(|offered| **offered).count(), 3);
    }
}
