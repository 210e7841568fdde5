//! Issues that ride in another one's mail: each as a section of its own, in the host's brand and strings.

use std::{cell::RefCell, collections::HashSet};

use super::{CoBrand, Guest, LinkBook, Mailing, Readers, card, has_zones, no_value, parts as parts_of};
use crate::{
    domain::{content::merge::Template, kernel::Result},
    render::{Strings, email::GuestIssue},
    store::renditions::NewPart,
};

/// The sections of `guests`, in order.
///
/// # Errors
/// As those of the host's own text.
pub(super) fn sections(
    guests: &[Guest<'_>],
    brand: &CoBrand<'_>,
    strings: &Strings,
    book: &RefCell<LinkBook>,
) -> Result<Vec<GuestIssue>> {
    guests.iter().map(|guest| section(guest, brand, strings, book)).collect()
}

fn section(
    (mailing, readers): &Guest<'_>,
    brand: &CoBrand<'_>,
    strings: &Strings,
    book: &RefCell<LinkBook>,
) -> Result<GuestIssue> {
    let (asset, letter, language) = mailing.localised(readers.locale)?;
    let reader = readers.reader();
    has_zones(asset, &reader)?;
    let wrong = |missing: Vec<_>| no_value(readers.partner, &missing);
    let line = |template: &Template| -> Result<String> {
        Ok(book.borrow_mut().slots().parts(&brand.parts(template).map_err(wrong)?))
    };
    let (series, why) = mailing.standing(&language)?;
    let (headline, edition) = match letter.edition {
        Some((theme, date)) => (theme.to_owned(), strings.date(date)),
        None => (line(&asset.front.title)?, String::new()),
    };
    Ok(GuestIssue {
        newsletter: line(&series.front.title)?,
        edition,
        headline,
        text: brand.nodes(&asset.text_for(&reader)).map_err(wrong)?,
        cards: mailing
            .cards(letter, &reader, readers.withheld)
            .map(|feature| card(feature, brand, strings, book))
            .collect::<Result<Vec<_>>>()?,
        why: line(why)?,
        locale: language,
    })
}

/// The files that a mail is made of, as they are now: the host's first, each file once.
///
/// # Errors
/// As those of the host's own text.
pub(super) fn parts(
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
    guests: &[Guest<'_>],
) -> Result<Vec<NewPart>> {
    let mut all = parts_of(mailing, readers)?;
    for (guest, readers) in guests {
        all.extend(parts_of(guest, *readers)?);
    }
    let mut known = HashSet::new();
    all.retain(|part| known.insert(part.path.clone()));
    Ok(all)
}
