//! What a brand's typeface is called where it is shown.

use crate::domain::partner::Typeface;

/// Families that mail programs have, nearest to the typeface: mail fetches none.
pub(super) fn mail(typeface: Option<Typeface>) -> &'static str {
    match typeface {
        None | Some(Typeface::Inter) => {
            "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
        }
        Some(Typeface::FiraSans) => "'Trebuchet MS', 'Lucida Grande', 'Segoe UI', Tahoma, sans-serif",
        Some(Typeface::Jost) => "'Century Gothic', Futura, 'Avenir Next', 'Segoe UI', Arial, sans-serif",
        Some(Typeface::Literata) => "Georgia, Cambria, 'Times New Roman', Times, serif",
        Some(Typeface::ZillaSlab) => "Rockwell, 'Rockwell Nova', 'Roboto Slab', Georgia, serif",
    }
}

/// Families of documents: the typeface, and what has the Greek, Cyrillic and Hebrew letters that it lacks. None leaves
/// it to the layouts.
pub(super) fn documents(typeface: Option<Typeface>) -> &'static [&'static str] {
    match typeface {
        None => &[],
        Some(Typeface::Inter) => &["Inter"],
        Some(Typeface::FiraSans) => &["Fira Sans", "Inter"],
        Some(Typeface::Jost) => &["Jost", "Inter"],
        Some(Typeface::Literata) => &["Literata", "Libertinus Serif"],
        Some(Typeface::ZillaSlab) => &["Zilla Slab", "Libertinus Serif"],
    }
}

/// How large running text of documents is set, by the height of small letters: so that a paper reads alike and has as
/// many pages in every typeface.
pub(super) fn text_scale(typeface: Option<Typeface>) -> f64 {
    match typeface {
        None | Some(Typeface::Jost) => 1.0,
        Some(Typeface::FiraSans | Typeface::Inter) => 0.94,
        Some(Typeface::Literata) => 0.93,
        Some(Typeface::ZillaSlab) => 1.02,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_ends_with_a_family_that_everybody_has_and_documents_begin_with_the_typeface() {
        for (_, typeface) in Typeface::WORDS {
            let end = if typeface.has_serifs() { ", serif" } else { ", sans-serif" };
            assert!(mail(Some(*typeface)).ends_with(end), "{typeface:?}");
            assert_eq!(documents(Some(*typeface))[0], typeface.family());
        }
    }
}
