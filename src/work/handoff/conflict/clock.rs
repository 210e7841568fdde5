//! The time that people have to decide a conflict, in the vendor's business hours. At a half and at four fifths of it they are
//! reminded; at its end the sponsor is told, who can decide too; after as long again, or at once where there is no sponsor, the
//! rule `ask_then` decides, so that nobody waits for ever.

use super::{
    super::{
        super::{cobrand::no_content, context::Context},
        reminder,
    },
    decide, looked, mail, rule,
};
use crate::{
    domain::{
        content::rules::routing::{Conflict, ConflictRule},
        kernel::{
            Result,
            clock::{UtcMs, utc},
        },
        lead::{
            SlaKind, WorkingHours,
            clock::{OVERDUE_AT_PERCENT, SPONSOR_AT_PERCENT, SlaClock},
            conflict::{Party, Ruling, ruling},
        },
    },
    store::conflicts::{self, Case, Known, Step},
};

/// Until when people have to decide a case that waits, and when the rule decides in their place; nothing where their time has
/// not begun, or nothing was synced yet.
pub fn until(ctx: &Context, case: &Case) -> Option<(UtcMs, UtcMs)> {
    if case.state != "open" || case.asked_ms == 0 {
        return None;
    }
    let library = ctx.library();
    let routing = library.rules.routing.as_ref()?;
    let working = WorkingHours::at_vendor(routing, &library.rules.calendar, zone(ctx));
    let running = running(&routing.conflict, &working, case.asked_ms);
    let last = if routing.sponsor.is_some() { SPONSOR_AT_PERCENT } else { OVERDUE_AT_PERCENT };
    Some((running.due_ms, running.at_percent_ms(&working, last)))
}

/// When the time ends that people have to decide what they are asked since `asked_ms`; nothing where nothing was synced yet.
pub fn due_ms(ctx: &Context, asked_ms: UtcMs) -> Option<UtcMs> {
    let library = ctx.library();
    let routing = library.rules.routing.as_ref()?;
    let working = WorkingHours::at_vendor(routing, &library.rules.calendar, zone(ctx));
    Some(running(&routing.conflict, &working, asked_ms).due_ms)
}

fn zone(ctx: &Context) -> chrono_tz::Tz {
    ctx.library().vendor_zone()
}

/// The kind says what comes next for a lead's clock; here it is the decision.
fn running(rule: &Conflict, working: &WorkingHours<'_>, asked_ms: UtcMs) -> SlaClock {
    let minutes = rule.ask_hours * 60;
    let due_ms = working.add_minutes(asked_ms, minutes);
    SlaClock { kind: SlaKind::NextStep, started_ms: asked_ms, due_ms, minutes }
}

/// Does what is due about a case that waits for a decision.
///
/// # Errors
/// Those of the store and of composing.
pub(super) async fn turn(ctx: &Context, case: &Case, rows: &[Known], parties: &[Party]) -> Result<()> {
    let now_ms = ctx.now_ms();
    if case.asked_ms == 0 {
        // From before there was a time for it: it begins now.
        let mut tx = ctx.db.begin().await?;
        conflicts::told(&mut tx, case, now_ms, 0).await?;
        return tx.commit().await;
    }
    let library = ctx.library();
    let routing = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let working = WorkingHours::at_vendor(routing, &library.rules.calendar, zone(ctx));
    let running = running(&routing.conflict, &working, case.asked_ms);
    let done = u32::try_from(case.told_percent).unwrap_or(0);
    if done >= SPONSOR_AT_PERCENT {
        // No rule could decide then; it does as soon as one can.
        let now = ruling(&Conflict { rule: routing.conflict.ask_then, ..routing.conflict }, parties);
        let can = matches!(now, Ruling::Goes { .. });
        return if can { fall_back(ctx, case, (rows, parties), done + 1).await } else { Ok(()) };
    }
    let Some(come) = running.turns(&working, done, now_ms).0 else { return Ok(()) };
    let last_ms = running.at_percent_ms(&working, SPONSOR_AT_PERCENT);
    match come.percent {
        ..OVERDUE_AT_PERCENT => remind(ctx, case, parties, come.percent, running.due_ms).await,
        OVERDUE_AT_PERCENT if routing.sponsor.is_some() => go_up(ctx, case, parties, last_ms).await,
        percent => fall_back(ctx, case, (rows, parties), percent).await,
    }
}

fn at(ctx: &Context, ms: UtcMs) -> String {
    utc(ms).with_timezone(&zone(ctx)).format("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// What decides in the end, in words.
fn then(rule: &Conflict) -> &'static str {
    match rule.ask_then {
        ConflictRule::FirstTouch => "whoever was given the name first goes on",
        ConflictRule::LastTouch => "whoever was asked last goes on",
        ConflictRule::FirstInHand | ConflictRule::Ask => "whoever had the lead in hand first goes on",
    }
}

fn step(ctx: &Context, actor: &str, what: String, because: &str, looked: String) -> Step {
    Step {
        at_ms: ctx.now_ms(),
        actor: actor.to_owned(),
        what,
        because: because.to_owned(),
        winner: None,
        looked,
    }
}

async fn remind(ctx: &Context, case: &Case, parties: &[Party], percent: u32, due_ms: UtcMs) -> Result<()> {
    let text = format!(
        "Somebody is known through two of our partners, and waits for a person to decide who goes on. {percent} % of the time \
         for that is used; it ends on {}.",
        at(ctx, due_ms)
    );
    let says = mail::Says { subject: "Still to be decided: who goes on?", text: &text, percent };
    let mails = mail::again(ctx, case, parties, &says).await?;
    let mut tx = ctx.db.begin().await?;
    if !conflicts::told(&mut tx, case, case.asked_ms, i64::from(percent)).await? {
        return Ok(());
    }
    let what = format!("Reminded the channel managers: {percent} % of the time to decide is used.");
    conflicts::add_step(&mut tx, &case.id, &step(ctx, "partnercast", what, "", "[]".to_owned())).await?;
    for mail in mails {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Nobody has decided in time: the sponsor is told, and can.
async fn go_up(ctx: &Context, case: &Case, parties: &[Party], last_ms: UtcMs) -> Result<()> {
    let rule = rule(ctx)?;
    let text = format!(
        "Somebody is known through two of our partners, and the channel managers have not decided in time who goes on. You can \
         decide too. If nobody has by {}, {}.",
        at(ctx, last_ms),
        then(&rule)
    );
    let says =
        mail::Says { subject: "Not decided in time: who goes on?", text: &text, percent: OVERDUE_AT_PERCENT };
    let sponsor = reminder::sponsor(ctx);
    let told = match &sponsor {
        Some(sponsor) => Some(mail::to_one(ctx, case, parties, sponsor, &says).await?),
        None => None,
    };
    let name =
        sponsor.map_or_else(|| "nobody is above them".to_owned(), |sponsor| format!("told {}", sponsor.name));
    let mut tx = ctx.db.begin().await?;
    if !conflicts::told(&mut tx, case, case.asked_ms, i64::from(OVERDUE_AT_PERCENT)).await? {
        return Ok(());
    }
    let what = format!("Nobody has decided in time; {name}.");
    conflicts::add_step(&mut tx, &case.id, &step(ctx, "partnercast", what, "", "[]".to_owned())).await?;
    if let Some(mail) = told {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Nobody has decided at all: the rule for that does, where it can.
async fn fall_back(
    ctx: &Context,
    case: &Case,
    (rows, parties): (&[Known], &[Party]),
    percent: u32,
) -> Result<()> {
    let rule = rule(ctx)?;
    let said = ruling(&Conflict { rule: rule.ask_then, ..rule }, parties);
    let (winner, because) = match &said {
        Ruling::Goes { partner, because } => (Some(partner), *because),
        Ruling::Ask { because } => (None, *because),
        Ruling::Nothing => return Ok(()), // It ends at the next look.
    };
    let text = match winner {
        Some(_) => format!(
            "Nobody decided in time, so the rule did: {because}. Take the case up again if that is wrong."
        ),
        None => format!(
            "Nobody decided in time, and no rule can: {because}. It waits for you: whoever is not in hand is called by nobody."
        ),
    };
    let says = mail::Says { subject: "Who goes on: nobody decided in time", text: &text, percent };
    let mails = mail::again(ctx, case, parties, &says).await?;
    let looked = looked(rows, None)?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    // Told of all there is, whatever becomes of it: it is not decided twice.
    if !conflicts::told(&mut tx, case, case.asked_ms, i64::from(SPONSOR_AT_PERCENT)).await? {
        return Ok(());
    }
    match winner {
        Some(winner) => {
            let because = format!("nobody decided in time, and {because}");
            decide::decided(ctx, &mut tx, case, winner, "rule", &because, looked).await?;
            for party in parties.iter().filter(|party| party.contends()) {
                decide::put_again(ctx, &mut tx, case, party, winner).await?;
            }
        }
        None => {
            let what = "Nobody has decided in time, and no rule can.".to_owned();
            conflicts::add_step(&mut tx, &case.id, &step(ctx, "rule", what, because, looked)).await?;
        }
    }
    for mail in mails {
        mail.enqueue(&mut tx, ctx.now_ms()).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    if winner.is_some() { decide::settle(ctx, &case.id).await } else { Ok(()) }
}
