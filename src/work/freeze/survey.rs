//! Looking at everybody before anything is stored: what they need is rendered, and every fault is found.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use sha2::{Digest as _, Sha256};

use super::{count_promise, too_few};
use crate::{
    domain::{
        kernel::{Error, Result, clock::UtcMs, id::IssueId},
        program::{ExclusionReason, stage::Stage, subject_test::Arm},
    },
    store::{partners::StoredContact, promises::NewPromise, renditions},
    work::{
        audience::{Audience, VariantKey, Verdict, key_of},
        compose::{self, Readers},
        context::Context,
        together::{Given, MailKey, Together, contents, mail_key},
        tokens::sha256_hex,
    },
};

/// What a look at everybody found.
pub(super) struct Survey {
    pub(super) ids: Vec<String>,
    pub(super) variants: BTreeMap<MailKey, renditions::NewRendition>,
    pub(super) issues: Vec<Found>,
    /// How many people get the second issue in a mail of the first.
    pub(super) rides: BTreeMap<(usize, usize), i64>,
    /// Issues that are right by themselves and too much in one mail: the first the mail's own, the second its guest.
    crowded: BTreeSet<(usize, usize)>,
}

/// What it found of one issue.
#[derive(Default)]
pub(super) struct Found {
    pub(super) promises: BTreeMap<String, NewPromise>,
    /// What would have been promised to those of the newsletter's partners who were left out, and how many were why.
    unpromised: BTreeMap<String, NewPromise>,
    reasons: BTreeMap<&'static str, usize>,
    pub(super) recipients: usize,
    pub(super) arms: [usize; 2],
    pub(super) left_out: usize,
    pub(super) faults: BTreeSet<String>,
    pub(super) digest: Sha256,
    own: Own,
    /// Whether the lot chose somebody for the first share; and who would be next: by hour, number and key.
    has_share: bool,
    next_of_share: Option<(UtcMs, u8, String)>,
}

/// An issue's own letter, as it would be by itself: whatever comes in one mail with it, this is the same.
#[derive(Default)]
struct Own {
    texts: BTreeMap<VariantKey, String>,
    readers: Sha256,
}

impl Survey {
    /// Looks at everybody.
    pub(super) async fn of(ctx: &Context, together: &Together<'_>) -> Result<Self> {
        let all = || 0..together.len();
        let ids = all().map(|_| IssueId::new(ctx.now_ms(), &*ctx.random).to_string()).collect();
        let issues = all().map(|_| Found::default()).collect();
        let mut survey =
            Self { ids, variants: BTreeMap::new(), issues, rides: BTreeMap::new(), crowded: BTreeSet::new() };
        let mut after = String::new();
        while let Some(page) = together.page(ctx, &mut after).await? {
            for stored in &page {
                survey.take(ctx, together, stored);
            }
        }
        for (number, found) in survey.issues.iter_mut().enumerate() {
            found.faults.extend(too_few(together.plan(number), found.arms));
        }
        Ok(survey)
    }

    /// Takes note of one contact. A fault in one variant stops the issue as a whole: better nobody yet than half the
    /// list.
    fn take(&mut self, ctx: &Context, together: &Together<'_>, stored: &StoredContact) {
        let Some(given) = together.decide(stored) else { return };
        for (number, (found, it)) in self.issues.iter_mut().zip(&given).enumerate() {
            note(&mut found.digest, together, stored, &given, number);
            count_promise(&mut found.promises, &it.verdict);
            let Some(readers) = it.verdict.readers else {
                found.left_out += 1;
                found.leave_out(&it.verdict);
                continue;
            };
            found.recipients += 1;
            found.arms[usize::from(readers.arm == Arm::B)] += 1;
            if together.may_share(number) {
                found.own.readers.update(format!("{} {}\n", stored.key, gets(&it.verdict, readers)));
            }
            if let Some(host) = it.host {
                *self.rides.entry((host, number)).or_default() += 1;
            } else {
                found.share(together.audience(number), stored, &it.verdict);
            }
        }
        for host in 0..given.len() {
            let inside = contents(&given, host);
            if inside.is_empty() {
                continue;
            }
            if let Entry::Vacant(place) = self.variants.entry(mail_key(&inside)) {
                match render(ctx, together, &inside, &self.ids[host]) {
                    Ok(variant) => {
                        let variant = place.insert(variant);
                        for (number, readers) in inside.iter().filter(|(it, _)| together.may_share(*it)) {
                            let own = &mut self.issues[*number].own;
                            own.take(
                                ctx,
                                together,
                                (*number, *readers),
                                (inside.len() == 1).then_some(&*variant),
                            );
                        }
                    }
                    Err(error) => self.blame(ctx, together, &inside, &error),
                }
            }
        }
    }

    /// Finds out whose fault it was that a mail could not be made.
    fn blame(
        &mut self,
        ctx: &Context,
        together: &Together<'_>,
        inside: &[(usize, Readers<'_>)],
        error: &Error,
    ) {
        let mut found = false;
        for (number, readers) in inside {
            if let Err(error) = render(ctx, together, &[(*number, *readers)], "alone") {
                self.issues[*number].faults.insert(error.detail());
                found = true;
            }
        }
        match inside {
            _ if found => {}
            [(host, _), guests @ ..] if !guests.is_empty() => {
                // Each is right by itself, so it is too much together.
                self.crowded.extend(guests.iter().map(|(guest, _)| (*host, *guest)));
            }
            alone => alone.iter().for_each(|(number, _)| {
                self.issues[*number].faults.insert(error.detail());
            }),
        }
    }

    /// The issues that cannot be fixed together with `this`, by number: those with a fault, and of those that are too much in
    /// one mail the guest, or the other one where `this` is the guest. `this` is among them if it has a fault.
    pub(super) fn faulty(&self, this: Option<usize>) -> BTreeSet<usize> {
        let all = self.issues.iter().enumerate();
        let faulty = all.filter(|(_, found)| !found.faults.is_empty()).map(|(number, _)| number);
        let crowded = &self.crowded;
        let too_much = crowded.iter().map(|(host, guest)| if this == Some(*guest) { *host } else { *guest });
        faulty.chain(too_much).collect()
    }
}

impl Own {
    /// Takes note of what `readers` get of an issue, which is `alone` where it comes by itself.
    fn take(
        &mut self,
        ctx: &Context,
        together: &Together<'_>,
        (number, readers): (usize, Readers<'_>),
        alone: Option<&renditions::NewRendition>,
    ) {
        let Entry::Vacant(place) = self.texts.entry(key_of(&readers)) else { return };
        let wire = match alone {
            Some(variant) => sha256_hex(variant.wire.as_bytes()),
            // What cannot be by itself is the same as nothing.
            None => render(ctx, together, &[(number, readers)], "alone")
                .map_or_else(|_| String::new(), |variant| sha256_hex(variant.wire.as_bytes())),
        };
        place.insert(wire);
    }
}

impl Found {
    /// The hash of its own letter: every text as it would be by itself, and who gets which for when. None where it can share no
    /// mail.
    pub(super) fn own_letter(&mut self) -> Option<String> {
        let Own { texts, readers } = std::mem::take(&mut self.own);
        let mut hashed: Vec<String> =
            texts.iter().map(|(readers, text)| format!("{readers:?} {text}")).collect();
        hashed.push(sha256_hex(&readers.finalize()));
        (!texts.is_empty()).then(|| sha256_hex(hashed.join("\n").as_bytes()))
    }

    /// Takes note of whether somebody is of the first share, or could be.
    fn share(&mut self, audience: &Audience<'_>, stored: &StoredContact, verdict: &Verdict<'_>) {
        let stage = audience.stage(&stored.contact, &verdict.promise, UtcMs::MIN);
        match stage.map(|(stage, _)| stage) {
            Some(Stage::First) => self.has_share = true,
            Some(Stage::Rest) => {
                let (due_ms, draw) = (verdict.promise.due_ms, audience.draw(&stored.contact));
                let place = (due_ms, draw, stored.key.as_str());
                let known =
                    self.next_of_share.as_ref().map(|(due_ms, draw, key)| (*due_ms, *draw, key.as_str()));
                if known.is_none_or(|known| place < known) {
                    self.next_of_share = Some((due_ms, draw, stored.key.clone()));
                }
            }
            Some(Stage::Pilot) | None => {}
        }
    }

    /// The contact who is the first share all alone, where the lot chose nobody of few: else everybody would be reached at once.
    pub(super) fn alone_in_share(&self) -> Option<String> {
        self.next_of_share.as_ref().filter(|_| !self.has_share).map(|(.., contact)| contact.clone())
    }

    /// Takes note of somebody who was left out, and to whom nothing was promised.
    fn leave_out(&mut self, verdict: &Verdict<'_>) {
        use ExclusionReason::{Region, Tier, Type};
        // Whose partner the newsletter is not for had nothing to be left out of.
        let reason = verdict.reason.filter(|reason| !matches!(reason, Tier | Type | Region));
        let Some(reason) = reason.filter(|_| !verdict.is_promised()) else { return };
        *self.reasons.entry(reason.as_str()).or_default() += 1;
        if !self.unpromised.contains_key(&verdict.promise.id) {
            self.unpromised.insert(verdict.promise.id.clone(), (*verdict.promise).clone());
        }
    }

    /// What the ledger gets. An issue that everybody was left out of is promised to nobody, and the ledger says why, or its
    /// date would be missing there.
    pub(super) fn ledger(&mut self) -> Vec<NewPromise> {
        let mut promises = std::mem::take(&mut self.promises);
        if promises.values().all(|promise| promise.skipped || promise.eligible == 0) {
            let reasons: Vec<String> =
                self.reasons.iter().map(|(reason, people)| format!("{reason} {people}")).collect();
            let because = format!("nobody was left to send it to ({})", reasons.join(", "));
            for (id, promise) in std::mem::take(&mut self.unpromised) {
                let to_nobody = promises.entry(id).or_insert(NewPromise { eligible: 0, ..promise });
                to_nobody.because.get_or_insert_with(|| because.clone());
            }
        }
        promises.into_values().collect()
    }
}

/// Renders a mail, as [`contents`] says: the issues in it, the host first, whose id is `issue_id`.
pub(in crate::work) fn render(
    ctx: &Context,
    together: &Together<'_>,
    inside: &[(usize, Readers<'_>)],
    issue_id: &str,
) -> Result<renditions::NewRendition> {
    let Some(((host, readers), guests)) = inside.split_first() else {
        return Err(Error::internal("a mail of nothing"));
    };
    let guests: Vec<_> =
        guests.iter().map(|(number, readers)| (together.plan(*number).mailing(), *readers)).collect();
    compose::digest(&ctx.templates, together.plan(*host), *readers, &guests, issue_id)
}

/// Adds to the digest that approval of an issue is bound to: who, when, what they get, and with what.
pub(super) fn note(
    digest: &mut Sha256,
    together: &Together<'_>,
    stored: &StoredContact,
    given: &[Given<'_>],
    number: usize,
) {
    let it = &given[number];
    digest.update(&stored.key);
    if let Some(readers) = it.verdict.readers {
        digest.update(format!(" {}", gets(&it.verdict, readers)));
        let beside = given.iter().enumerate().filter(|(other, that)| {
            it.host == Some(*other) || (that.host == Some(number) && that.verdict.readers.is_some())
        });
        for (other, _) in beside {
            digest.update(format!(" {}", together.plan(other).asset.reference));
        }
    }
    digest.update("\n");
}

/// What somebody gets, and when.
fn gets(verdict: &Verdict<'_>, readers: Readers<'_>) -> String {
    let (partner, roles, locale, arm, withheld) = key_of(&readers);
    let NewPromise { reader_zone, due_ms, .. } = &*verdict.promise;
    format!("{partner} {roles} {locale} {} {withheld} {reader_zone} {due_ms}", arm.as_str())
}
