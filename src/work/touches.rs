//! The ledger of touches: what of a letter is not told to somebody any more, and noting what was told.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{compose::Mailing, context::Context};
use crate::{
    domain::{
        content::{Reader, asset::Form, rules::MessageRules},
        kernel::Result,
        program::touch::{PLACES, Told, Untold, Withheld, untold},
    },
    store::{
        issues::PART_ROWS,
        touches::{self, Touch},
    },
};

/// What a letter tells, and who was told it before.
pub(super) struct Telling<'a> {
    mailing: Mailing<'a>,
    rules: &'a MessageRules,
    /// The letter's own message, with its form where it says one: a mail's words are read each time.
    own: Option<(&'a str, Option<Form>)>,
    cards: Vec<Card<'a>>,
    /// Fixed issues whose touches are not noted yet.
    pending: Vec<String>,
    told: Mutex<HashMap<String, HashMap<String, Told>>>,
}

/// A card that tells a message, by its place among the letter's pieces.
struct Card<'a> {
    place: usize,
    piece: &'a str,
    message: &'a str,
    form: Option<Form>,
}

/// What of a letter is left out for somebody.
#[derive(Default)]
pub(super) struct Left {
    /// Why they get nothing of it.
    pub(super) all: Option<String>,
    /// Cards; nothing where they get nothing at all.
    pub(super) withheld: Withheld,
}

impl<'a> Telling<'a> {
    /// What bears on the letter `mailing`; none where it tells no key message.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(ctx: &Context, mailing: Mailing<'a>) -> Result<Option<Self>> {
        let library = mailing.library;
        let own = mailing.asset.front.key_message.as_ref();
        let own = own.map(|message| (message.as_str(), mailing.asset.front.form));
        let pieces = mailing.pieces().into_iter().enumerate().take(PLACES);
        let cards: Vec<Card<'a>> = pieces
            .filter_map(|(place, piece)| {
                let front = &library.versions(piece).first()?.front;
                let message = front.key_message.as_ref()?.as_str();
                Some(Card { place, piece, message, form: front.form })
            })
            .collect();
        if own.is_none() && cards.is_empty() {
            return Ok(None);
        }
        let pending = touches::pending_issues(&ctx.db).await?;
        let rules = &library.rules.messages;
        Ok(Some(Self { mailing, rules, own, cards, pending, told: Mutex::default() }))
    }

    /// Looks up what people from one key to another were told, before they are asked about.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, ctx: &Context, from: &str, through: &str) -> Result<()> {
        let mut all = touches::between(&ctx.db, from, through).await?;
        for issue in &self.pending {
            all.extend(touches::pending_between(&ctx.db, issue, from, through).await?);
        }
        all.extend(touches::waiting_between(&ctx.db, from, through).await?);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = sum(all);
        Ok(())
    }

    /// What of the letter is left out for `person`, who reads as `reader`.
    pub(super) fn left(&self, person: &str, reader: &Reader<'_>) -> Left {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.get(person) else { return Left::default() };
        let why = |message: &str, form: Option<Form>| {
            let told = told.get(message).copied().unwrap_or_default();
            untold(told, self.rules.touches_max(message), form)
                .map(|untold: Untold| untold.because(self.rules.title(message)))
        };
        let all = self.own.and_then(|(message, form)| why(message, form));
        let (mut withheld, mut because) = (Withheld::NOTHING, None);
        for card in &self.cards {
            let Some(reason) = why(card.message, card.form) else { continue };
            let found = self.mailing.library.find(card.piece, reader.locale);
            if found.is_some_and(|asset| asset.concerns(reader)) {
                withheld = withheld.and(card.place);
                because.get_or_insert(reason);
            }
        }
        if all.is_some() || withheld == Withheld::NOTHING {
            return Left { all, withheld: Withheld::NOTHING };
        }
        // Nothing else may be in it for them.
        let has_rest = self.mailing.has_content_for(reader, withheld);
        if has_rest { Left { all, withheld } } else { Left { all: because, withheld: Withheld::NOTHING } }
    }
}

/// What each person was told of each message.
fn sum(mut all: Vec<Touch>) -> HashMap<String, HashMap<String, Told>> {
    // A mail may stand among what is noted and among what is not yet.
    all.sort_by(|a, b| {
        (&a.person, &a.key_message, &a.delivery_id).cmp(&(&b.person, &b.key_message, &b.delivery_id))
    });
    all.dedup_by(|a, b| {
        (&a.person, &a.key_message, &a.delivery_id) == (&b.person, &b.key_message, &b.delivery_id)
    });
    all.sort_by_key(|touch| touch.at_ms);
    let mut told: HashMap<String, HashMap<String, Told>> = HashMap::new();
    for touch in all {
        let forms: Vec<Form> = touch.forms.split(' ').filter_map(Form::parse).collect();
        let had = told.entry(touch.person).or_default().entry(touch.key_message).or_default();
        *had = had.and(&forms);
    }
    told
}

/// Notes the touches of issues that have ended, part by part. Any node may; what is noted already stays.
///
/// # Errors
/// Those of the store.
pub(super) async fn note(ctx: &Context) -> Result<()> {
    for issue in touches::ended_issues(&ctx.db).await? {
        let mut after = String::new();
        loop {
            let mut tx = ctx.db.begin().await?;
            let last = touches::note_issue(&mut tx, &issue, &after, PART_ROWS).await?;
            tx.commit().await?;
            let Some(last) = last else { break };
            after = last;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_counts_once_and_the_last_form_is_of_the_latest() {
        let touch = |delivery: &str, at_ms, forms: &str| Touch {
            person: "p".to_owned(),
            key_message: "m".to_owned(),
            delivery_id: delivery.to_owned(),
            at_ms,
            forms: forms.to_owned(),
        };
        let told = sum(vec![touch("b", 20, "read"), touch("a", 10, "read watch"), touch("b", 15, "read")]);
        assert_eq!(told["p"]["m"], Told { times: 2, last: Some(Form::Read) });
    }
}
