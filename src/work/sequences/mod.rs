//! Sequences run: who enters, what an edit does to those inside, what is due.
//!
//! Any node may try every step; a row that another moved meanwhile is left alone. A node whose content is a moment behind
//! what is stored leaves a sequence to the others.

mod due;
mod edit;
mod enter;
mod people;
mod rest;
mod seen;

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

use super::{
    cobrand::Media,
    context::Context,
    pulse::{self, Said},
    touches::Telling,
};
use crate::{
    domain::{
        content::{Asset, Library, kinds::Sequence},
        kernel::{
            Error, Result,
            clock::{DAY_MS, UtcMs},
            id::EnrolmentId,
        },
        partner::Partner,
        program::sequence::LeaveReason,
    },
    store::{
        Tx, audit, journeys, partners, pauses,
        renditions::NewRendition,
        sequences::{self, End},
    },
};

pub use enter::Cursors;
pub use rest::{may_resume, pause, resume};
pub use seen::{Effects, Exit, Overview, StepView, Travellers, effects, overview, overviews, travellers};

/// Who might enter, among what may rest.
const ENTERING: &str = "who enters sequences";
/// People of one transaction.
const PART_ROWS: i64 = 50;
/// Transactions of one step, so that no sequence keeps the others waiting long.
const PARTS_MAX: usize = 100;

/// Looks at every sequence each second (faster in a rehearsal) until `shutdown`.
pub async fn run(ctx: Arc<Context>, mut shutdown: watch::Receiver<bool>) {
    let mut said = Said::default();
    while !*shutdown.borrow() {
        said.once(tick(&ctx).await, "sequences");
        tokio::select! {
            () = tokio::time::sleep(pulse::rest(&ctx)) => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Does every step that is due: follow edits, let people in, send.
///
/// # Errors
/// Every fault, of whichever sequence; the others' steps are done.
pub async fn tick(ctx: &Context) -> Result<()> {
    let (library, media) = (ctx.library(), ctx.media());
    if library.vendor.is_none() {
        // Nothing was synced yet.
        return Ok(());
    }
    let stored = sequences::stored(&ctx.db).await?;
    let resting = pauses::all(&ctx.db).await?;
    let now_ms = ctx.now_ms();
    let looks = !ctx.looks.rests(ENTERING, now_ms);
    let mut partners = HashMap::new();
    let mut faults = Vec::new();
    for (slug, hash, stored_ms) in &stored {
        let Some((asset, sequence)) = library.sequence(slug).filter(|(asset, _)| asset.revision == *hash)
        else {
            continue;
        };
        let mut tour = Tour {
            ctx,
            library: &library,
            media: &media,
            asset,
            sequence,
            partners: &mut partners,
            variants: HashMap::new(),
            tellings: HashMap::new(),
        };
        let rests = resting.iter().any(|pause| pause.sequence == *slug);
        let done = tour.step(*stored_ms, looks, rests).await;
        faults.extend(done.err().map(|error| format!("{}: {}", asset.path, error.detail())));
    }
    if looks {
        close_gone(ctx, &stored).await?;
        rest::set_aside(ctx).await?;
        ctx.looks.rest(ENTERING.to_owned(), now_ms, UtcMs::MAX);
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults.join("\n"))) }
}

/// Ends the journeys through sequences that are not stored any more.
async fn close_gone(ctx: &Context, stored: &[(String, String, UtcMs)]) -> Result<()> {
    for sequence in journeys::busy(&ctx.db).await? {
        if stored.iter().any(|(slug, ..)| *slug == sequence) {
            continue;
        }
        let how = end_of(LeaveReason::Gone, "the sequence was removed from the content", ctx.now_ms());
        loop {
            let mut tx = ctx.db.begin().await?;
            let closed = sequences::close(&mut tx, &sequence, &how, PART_ROWS).await?;
            tx.commit().await?;
            if closed == 0 {
                break;
            }
            tracing::info!(sequence, people = closed, "people left a sequence that is gone");
        }
    }
    Ok(())
}

fn end_of(reason: LeaveReason, detail: &str, now_ms: UtcMs) -> End<'_> {
    End { state: "left", reason: reason.as_str(), detail, now_ms }
}

/// One sequence, with what is needed to go on with it.
struct Tour<'a> {
    ctx: &'a Context,
    library: &'a Library,
    media: &'a Media,
    asset: &'a Asset,
    sequence: &'a Sequence,
    partners: &'a mut HashMap<String, Option<Partner>>,
    /// What was rendered already, by step, partner, roles, language and cards left out.
    variants: HashMap<[String; 5], NewRendition>,
    /// What the steps' messages tell.
    tellings: HashMap<String, Option<Telling<'a>>>,
}

impl Tour<'_> {
    /// Goes on; while it `rests`, people enter it and follow edits, and nobody takes a step.
    async fn step(&mut self, stored_ms: UtcMs, looks: bool, rests: bool) -> Result<()> {
        self.follow_edit().await?;
        if looks {
            self.let_in(stored_ms).await?;
        }
        if rests { Ok(()) } else { self.send_due().await }
    }

    async fn partner(&mut self, slug: &str) -> Result<Option<Partner>> {
        if let Some(known) = self.partners.get(slug) {
            return Ok(known.clone());
        }
        let found = partners::partner(&self.ctx.db, slug).await?;
        self.partners.insert(slug.to_owned(), found.clone());
        Ok(found)
    }
}

/// Takes one person out of a sequence. False if they are not inside any more.
///
/// # Errors
/// `NotFound` for somebody who never entered.
pub async fn take_out(ctx: &Context, id: EnrolmentId, actor: &str) -> Result<bool> {
    let found = sequences::enrolment(&ctx.db, &id.to_string()).await?;
    let of = found.ok_or_else(|| Error::not_found("this person in the sequence"))?;
    let now_ms = ctx.now_ms();
    let detail = format!("{actor} took them out");
    let mut tx = ctx.db.begin().await?;
    let ended = sequences::end(&mut tx, &of, &end_of(LeaveReason::TakenOut, &detail, now_ms)).await?;
    if ended {
        audit::record(&mut tx, now_ms, &*ctx.random, actor, "take-out", &of.id, &of.sequence).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

/// Ends what a lead is inside, because somebody at the partner works it from now on.
pub(super) async fn hand_over(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<u64> {
    let how = end_of(LeaveReason::InHand, "the lead was offered to the partner", now_ms);
    sequences::leave(tx, lead_id, None, &how).await
}

/// Takes a lead into those sequences again that it left when it was offered, because nobody works it any more.
pub(super) async fn hand_back(tx: &mut Tx, lead_id: &str, now_ms: UtcMs) -> Result<u64> {
    // Where they go on is found within a minute, by whoever follows edits; until then nothing is due.
    sequences::come_back(tx, lead_id, LeaveReason::InHand.as_str(), now_ms, now_ms + DAY_MS).await
}

/// Ends what a person is inside because they unsubscribed: from `sequence`, or from everything.
pub(super) async fn unsubscribed(
    tx: &mut Tx,
    person: &str,
    sequence: Option<&str>,
    now_ms: UtcMs,
) -> Result<u64> {
    let how = end_of(LeaveReason::Unsubscribed, "they unsubscribed", now_ms);
    sequences::leave(tx, person, sequence, &how).await
}
