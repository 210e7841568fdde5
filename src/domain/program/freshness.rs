//! What was true when it was written and may not be any more: sources and licences that end.

use chrono::NaiveDate;

use crate::domain::content::{
    Finding, Library,
    evidence::LICENCES,
    finding::{Findings, codes},
};

/// Findings as of `today`, a day of the vendor's calendar.
pub fn findings(library: &Library, today: NaiveDate) -> Vec<Finding> {
    let mut all = Vec::new();
    for asset in &library.assets {
        let mut f = Findings::new(&asset.path, "");
        for one in &asset.front.evidence {
            let Some(until) = one.until.filter(|until| *until < today) else { continue };
            let message = format!("the source of “{}” was good until {until}", one.claim);
            let fix = "find a newer one, and correct what it says; or set `until` anew if it still holds";
            f.add(codes::SOURCE_EXPIRED, one.place, message, fix);
        }
        all.extend(f.finish());
    }
    let mut f = Findings::new(LICENCES, "");
    for (path, licence) in library.licences.iter().flatten() {
        if let Some(until) = licence.until.filter(|until| *until < today) {
            let message = format!("`{path}` might be used until {until} ({})", licence.licence);
            f.add(codes::LICENCE_ENDED, licence.place, message, "replace the image, or renew its licence");
        }
    }
    all.extend(f.finish());
    all
}
