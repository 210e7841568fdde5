//! Cases that are looked at again: not settled yet, without a reason any more, or whose winner has nothing in hand.

use super::{
    super::{
        super::{context::Context, sequences},
        add_step, lead_in,
    },
    Begun, clock, decide, is_settled, looked, mail, open, parties, rule, won_since_ms,
};
use crate::{
    domain::{
        kernel::{Error, Result, id::ConflictId},
        lead::{
            clock::Heat,
            conflict::{Ruling, ruling},
        },
    },
    store::{
        conflicts::{self, Case, Party as Part, Step},
        intakes, leads,
    },
};

/// What may rest.
const CASES: &str = "conflicts of partners";
/// The least time between two looks.
const REST_MS: i64 = 15_000;
/// Pages of one look.
const PAGES_MAX: usize = 50;

/// Settles what is not settled, decides by a rule that was changed, ends what has no reason any more and takes up again who
/// waited, and finds leads that two partners have in hand at once. Returns the faults.
///
/// # Errors
/// Those of the store.
pub(in super::super) async fn tick(ctx: &Context) -> Result<Vec<String>> {
    let now_ms = ctx.now_ms();
    if ctx.looks.rests(CASES, now_ms) {
        return Ok(Vec::new());
    }
    let since_ms = won_since_ms(&rule(ctx)?, now_ms);
    let (mut faults, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let page = conflicts::to_look_at(&ctx.db, since_ms, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for case in &page {
            faults.extend(
                look(ctx, case).await.err().map(|error: Error| format!("{}: {}", case.id, error.detail())),
            );
        }
    }
    faults.extend(find(ctx).await?);
    ctx.looks.rest(CASES.to_owned(), now_ms, now_ms + REST_MS);
    Ok(faults)
}

async fn look(ctx: &Context, case: &Case) -> Result<()> {
    match case.state.as_str() {
        "open" => judge_again(ctx, case).await,
        "decided" if !case.settled => decide::settle(ctx, &case.id).await,
        _ => end(ctx, case, "the lead of the partner that went on has come to its end").await,
    }
}

/// An open case: the rule may have been changed, or nobody may be in anybody's way any more.
async fn judge_again(ctx: &Context, case: &Case) -> Result<()> {
    let rule = rule(ctx)?;
    let rows =
        conflicts::known(&ctx.db, &case.scope, &case.subject, won_since_ms(&rule, ctx.now_ms())).await?;
    let parties = parties(&rows)?;
    match ruling(&rule, &parties) {
        Ruling::Ask { .. } => clock::turn(ctx, case, &rows, &parties).await,
        Ruling::Nothing => end(ctx, case, "no two partners are in each other's way any more").await,
        // Somebody took it up again to decide otherwise than the rule.
        Ruling::Goes { .. } if was_taken_up(ctx, case).await? => {
            clock::turn(ctx, case, &rows, &parties).await
        }
        Ruling::Goes { partner, because } => {
            let mut tx = ctx.db.begin().await?;
            conflicts::take_turns(&mut tx).await?;
            decide::decided(ctx, &mut tx, case, &partner, "rule", because, looked(&rows, None)?).await?;
            for party in parties.iter().filter(|party| party.contends()) {
                decide::put_again(ctx, &mut tx, case, party, &partner).await?;
            }
            tx.commit().await?;
            decide::settle(ctx, &case.id).await
        }
    }
}

async fn was_taken_up(ctx: &Context, case: &Case) -> Result<bool> {
    Ok(conflicts::steps(&ctx.db, &case.id).await?.iter().any(|step| step.what.starts_with("Taken up again")))
}

/// Ends a case, lets go of the leads that waited, and hands over who is to be called still.
async fn end(ctx: &Context, case: &Case, because: &str) -> Result<()> {
    let now_ms = ctx.now_ms();
    let waiting: Vec<Part> =
        conflicts::parties(&ctx.db, &case.id).await?.into_iter().filter(|part| part.held).collect();
    let since_ms = won_since_ms(&rule(ctx)?, now_ms);
    let rows = conflicts::known(&ctx.db, &case.scope, &case.subject, since_ms).await?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    let over = Case { state: "over".to_owned(), settled: true, ..case.clone() };
    if !conflicts::update(&mut tx, &over, now_ms).await? {
        return Ok(()); // It has changed: it is looked at again.
    }
    conflicts::free(&mut tx, &case.id).await?;
    let step = Step {
        at_ms: now_ms,
        actor: "partnercast".to_owned(),
        what: "Over: whoever waited is free again.".to_owned(),
        because: because.to_owned(),
        winner: None,
        looked: looked(&rows, None)?,
    };
    conflicts::add_step(&mut tx, &case.id, &step).await?;
    for part in &waiting {
        let lead = lead_in(&mut tx, &part.lead_id).await?;
        sequences::hand_back(&mut tx, &lead.id, now_ms).await?;
        add_step(ctx, &mut tx, &lead, "partnercast", "Waits no more: nobody else is in touch with them now.")
            .await?;
        if !part.asks.is_empty() {
            let is_hot = Heat::parse(&part.asks) == Some(Heat::Hot);
            intakes::due_now(&mut tx, &part.lead_id, is_hot, now_ms).await?;
        }
    }
    tx.commit().await
}

/// Leads that two partners have in hand at once, from before there was this rule, or handed over in the same moment.
async fn find(ctx: &Context) -> Result<Vec<String>> {
    let rule = rule(ctx)?;
    let scope = rule.scope.as_str();
    let mut faults = Vec::new();
    for subject in conflicts::unmet(&ctx.db, scope).await? {
        faults.extend(
            begin(ctx, scope, &subject)
                .await
                .err()
                .map(|error: Error| format!("{scope}: {}", error.detail())),
        );
    }
    Ok(faults)
}

async fn begin(ctx: &Context, scope: &'static str, subject: &str) -> Result<()> {
    let rule = rule(ctx)?;
    let rows = conflicts::known(&ctx.db, scope, subject, won_since_ms(&rule, ctx.now_ms())).await?;
    let parties = parties(&rows)?;
    let ruling = ruling(&rule, &parties);
    let Some(first) = rows.first().filter(|_| ruling != Ruling::Nothing) else { return Ok(()) };
    let Some(lead) = leads::lead(&ctx.db, &first.lead_id).await? else { return Ok(()) };
    let id = ConflictId::new(ctx.now_ms(), &*ctx.random);
    let mails = match &ruling {
        Ruling::Ask { because } => {
            let slugs = parties.iter().map(|party| party.partner.as_str());
            mail::to_managers(ctx, &id.to_string(), 1, slugs, because).await?
        }
        _ => Vec::new(),
    };
    let settled = matches!(&ruling, Ruling::Goes { partner, .. } if is_settled(&parties, partner));
    let is_asked = matches!(ruling, Ruling::Ask { .. });
    let begun = Begun { id, scope, subject, lead: &lead, asks: None, ruling };
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    let case_id = open(ctx, &mut tx, &begun, &parties, settled, looked(&rows, None)?).await?;
    for mail in mails {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    if is_asked { Ok(()) } else { decide::settle(ctx, &case_id).await }
}
