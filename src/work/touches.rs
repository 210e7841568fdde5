//! The ledger of touches: what of a letter is not told to somebody any more, and noting what was told.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use super::{compose::Mailing, context::Context, people::People, publish::LIFETIME_MS};
use crate::{
    domain::{
        content::{Reader, asset::Form, rules::MessageRules},
        kernel::{Result, clock::UtcMs},
        program::touch::{PLACES, Told, Untold, Withheld, untold},
    },
    store::{
        issues::PART_ROWS,
        touches::{self, Ended, Touch},
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

/// What somebody is told by mails that are fixed at the same time.
#[derive(Default)]
pub(super) struct ToldBeside<'d> {
    /// By other mails than the one in which it comes: when each leaves, which message, in which forms.
    pub(super) told: Vec<(UtcMs, &'d str, Vec<Form>)>,
    /// The assets of which that mail has cards already.
    pub(super) shown: Vec<&'d str>,
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
        let pending = touches::pending_issues(&ctx.db, ctx.now_ms() - LIFETIME_MS).await?;
        let rules = &library.rules.messages;
        Ok(Some(Self { mailing, rules, own, cards, pending, told: Mutex::default() }))
    }

    /// Looks up what `people` were told, before they are asked about.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn turn_to(&self, people: &People<'_>) -> Result<()> {
        let messages = self.messages();
        let mut all = people.told(&messages).await?.to_vec();
        let ours = |touch: &&Touch| messages.contains(&touch.key_message.as_str());
        for issue in &self.pending {
            all.extend(people.pending(issue).await?.iter().filter(ours).cloned());
        }
        all.extend(people.waiting().await?.iter().filter(ours).cloned());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = sum(all);
        Ok(())
    }

    /// The messages that it tells, each once.
    fn messages(&self) -> Vec<&'a str> {
        let all =
            self.own.iter().map(|(message, _)| *message).chain(self.cards.iter().map(|card| card.message));
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What of the letter is left out for `person`, who reads as `reader` and is told other things `beside`.
    pub(super) fn left(&self, person: &str, reader: &Reader<'_>, beside: &ToldBeside<'_>) -> Left {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.get(person);
        if told.is_none() && beside.told.is_empty() {
            return Left::default();
        }
        let why = |message: &str, form: Option<Form>| {
            let mut had = told.and_then(|told| told.get(message)).copied().unwrap_or_default();
            for (at_ms, _, forms) in beside.told.iter().filter(|(_, told, _)| *told == message) {
                had = had.and(*at_ms, forms);
            }
            untold(had, self.rules.touches_max(message), form)
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

/// What is `withheld` of a letter with the cards that the mail has already in which it comes; the same where it would have
/// nothing else for `reader`.
pub(super) fn without_shown(
    mailing: &Mailing<'_>,
    reader: &Reader<'_>,
    withheld: Withheld,
    shown: &[&str],
) -> Withheld {
    let again = mailing.pieces().into_iter().enumerate().filter(|(_, piece)| shown.contains(piece));
    let without = again.fold(withheld, |withheld, (place, _)| withheld.and(place));
    if without == withheld || !mailing.has_content_for(reader, without) { withheld } else { without }
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
    let mut told: HashMap<String, HashMap<String, Told>> = HashMap::new();
    for touch in all {
        let forms: Vec<Form> = touch.forms.split(' ').filter_map(Form::parse).collect();
        let had = told.entry(touch.person).or_default().entry(touch.key_message).or_default();
        *had = had.and(touch.at_ms, &forms);
    }
    told
}

/// How much is noted at one look.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Readers in a part, which is one transaction.
    pub rows: i64,
    /// Parts.
    pub count: usize,
}

/// What publishing notes at one look: a second's work or two, since whatever is due waits for it.
pub(super) const A_LOOK: Parts = Parts { rows: PART_ROWS, count: 5 };

/// How far this node has come with the issue that it notes.
#[derive(Debug, Default)]
pub struct Noting(Mutex<Option<(Ended, String)>>);

impl Noting {
    /// The last of the readers of `ended` who were taken; empty before the first.
    fn after(&self, ended: &Ended) -> String {
        let noting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noting.as_ref().filter(|(issue, _)| issue == ended).map_or_else(String::new, |(_, last)| last.clone())
    }

    fn keep(&self, noting: Option<(Ended, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = noting;
    }
}

/// Notes the touches of issues that have ended, so many parts at most; the next look goes on behind the last. Any node may;
/// what is noted already stays.
///
/// # Errors
/// Those of the store.
pub async fn note(ctx: &Context, parts: Parts) -> Result<()> {
    let mut left = parts.count;
    for ended in touches::ended_issues(&ctx.db).await? {
        let mut after = ctx.noting.after(&ended);
        loop {
            if left == 0 {
                ctx.noting.keep(Some((ended, after)));
                return Ok(());
            }
            left -= 1;
            let mut tx = ctx.db.begin().await?;
            let last = touches::note_issue(&mut tx, &ended.id, &after, parts.rows).await?;
            tx.commit().await?;
            let Some(last) = last else { break };
            after = last;
        }
    }
    ctx.noting.keep(None);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_counts_once_and_the_last_forms_are_of_the_latest() {
        let touch = |delivery: &str, at_ms, forms: &str| Touch {
            person: "p".to_owned(),
            key_message: "m".to_owned(),
            delivery_id: delivery.to_owned(),
            at_ms,
            forms: forms.to_owned(),
        };
        let told = sum(vec![touch("b", 20, "read"), touch("a", 10, "read watch"), touch("b", 15, "read")]);
        let last = [Form::Read].into_iter().collect();
        assert_eq!(told["p"]["m"], Told { times: 2, last, last_ms: Some(20) });
    }
}
