//! The key messages that a mail tells, by its own words and by its cards.

use super::{Guest, Mailing, Readers};
use crate::domain::{
    content::asset::Form,
    kernel::Result,
    program::touch::{FORM_OF_MAIL, forms_met},
};

/// The key messages that a mail with `guests` tells to its readers, each with the forms in which it does, the last met last:
/// `read watch`.
///
/// # Errors
/// As those of the mail's own text.
pub(super) fn messages(
    mailing: &Mailing<'_>,
    readers: Readers<'_>,
    guests: &[Guest<'_>],
) -> Result<Vec<(String, String)>> {
    let inside: Vec<Guest<'_>> = [(*mailing, readers)].iter().chain(guests).copied().collect();
    let words = |forms: Vec<Form>| {
        let words: Vec<&str> = forms.into_iter().map(Form::as_str).collect();
        words.join(" ")
    };
    let told = told_by(&inside)?;
    Ok(told.into_iter().map(|(message, forms)| (message.to_owned(), words(forms))).collect())
}

/// The key messages that a mail tells with these letters in it, each with the forms in which it does, the last met last.
///
/// # Errors
/// As those of the mail's own text.
pub(in crate::work) fn told_by<'a>(inside: &[Guest<'a>]) -> Result<Vec<(&'a str, Vec<Form>)>> {
    let mut told: Vec<(&str, Vec<Form>)> = Vec::new();
    for (mailing, readers) in inside {
        for (message, form) in tellings(mailing, *readers)? {
            match told.iter_mut().find(|(known, _)| *known == message) {
                Some((_, forms)) => forms.extend(form),
                None => told.push((message, form.into_iter().collect())),
            }
        }
    }
    Ok(told.into_iter().map(|(message, forms)| (message, forms_met(forms))).collect())
}

/// What a letter tells in its order, and in which form.
fn tellings<'a>(mailing: &Mailing<'a>, readers: Readers<'_>) -> Result<Vec<(&'a str, Option<Form>)>> {
    let (_, letter, _) = mailing.localised(readers.locale)?;
    let own = mailing.asset.front.key_message.as_ref();
    let own = own.map(|message| (message.as_str(), mailing.asset.front.form.or(Some(FORM_OF_MAIL))));
    let reader = readers.reader();
    let cards = mailing.cards(letter, &reader, readers.withheld);
    let cards = cards.filter_map(|card| Some((card.front.key_message.as_ref()?.as_str(), card.front.form)));
    Ok(own.into_iter().chain(cards).collect())
}
