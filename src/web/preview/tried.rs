//! The asset shown, tried for every partner: who gets it, who does not, and what goes wrong for whom.

use std::sync::Arc;

use crate::{
    domain::{
        content::{Asset, Finding, Severity},
        kernel::{Error, Result},
    },
    work::{
        Context,
        matrix::{self, Cell},
        preview::Shown,
    },
};

/// With more partners trying takes longer than an author waits; `check --matrix` does it.
const PARTNERS_MAX: usize = 100;

/// What came of it.
#[derive(Debug)]
pub(super) struct Tried {
    /// What went wrong.
    pub findings: Vec<Finding>,
    /// Who gets it, in a sentence.
    pub reach: String,
}

/// Tries the asset `original`; nothing where there is nobody to try it for, or nothing to try.
pub(super) async fn tried(ctx: &Arc<Context>, shown: &Shown, original: &Arc<Asset>) -> Result<Option<Tried>> {
    let (library, partners) = (ctx.library(), shown.partners.clone());
    if partners.is_empty() || library.vendor.is_none() {
        return Ok(None);
    }
    if partners.len() > PARTNERS_MAX {
        let reach =
            format!("There are {} partners: `partnercast check --matrix` tries them all.", partners.len());
        return Ok(Some(Tried { findings: Vec::new(), reach }));
    }
    let (ctx, original) = (ctx.clone(), original.clone());
    let has_errors = shown.findings.iter().any(|finding| finding.severity == Severity::Error);
    let trying = tokio::task::spawn_blocking(move || {
        let (row, findings) = matrix::row(&ctx.templates, &library, &ctx.media(), &partners, &original);
        let slugs: Vec<&str> = partners.iter().map(|partner| partner.slug.as_str()).collect();
        let reach = reach(&slugs, &row.cells);
        let reach = if has_errors { format!("Once the errors are mended: {reach}") } else { reach };
        Tried { findings, reach }
    });
    let tried = trying.await.map_err(|error| Error::internal("trying an asset for all").because(error))?;
    Ok(Some(tried))
}

/// `10 of 12 partners get it. Not for: ipe. Lacking a text for one of its zones: dune-gate.`
fn reach(slugs: &[&str], cells: &[Cell]) -> String {
    let of = |wanted: fn(&Cell) -> bool| -> Vec<&str> {
        slugs.iter().zip(cells).filter(|(_, cell)| wanted(cell)).map(|(slug, _)| *slug).collect()
    };
    let get = of(|cell| matches!(cell, Cell::Rendered(_))).len();
    let mut text = format!("{get} of {} partners get it.", slugs.len());
    for (words, who) in [
        ("Not for", of(|cell| matches!(cell, Cell::NotTheirs))),
        ("Lacking a text for one of its zones", of(|cell| matches!(cell, Cell::Lacking))),
        ("Something is wrong for", of(|cell| matches!(cell, Cell::Faulty))),
    ] {
        if !who.is_empty() {
            text.push_str(&format!(" {words}: {}.", who.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_accounted_for() {
        let cells = [Cell::Rendered(2), Cell::NotTheirs, Cell::Lacking, Cell::Faulty];
        assert_eq!(
            reach(&["a", "b", "c", "d"], &cells),
            "1 of 4 partners get it. Not for: b. Lacking a text for one of its zones: c. Something is wrong for: d."
        );
        assert_eq!(reach(&["a"], &[Cell::Rendered(1)]), "1 of 1 partners get it.");
    }
}
