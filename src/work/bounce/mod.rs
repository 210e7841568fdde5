//! What came back by mail: read, matched by its signature, and in one transaction recorded with what follows.
//!
//! Everything is recorded, also what is not signed, too old or no report at all; only what is rightly signed changes
//! anything. Nothing here ever answers a mail, so that no two machines can talk to each other for ever (RFC 3834).

pub mod collect;
mod effect;

use super::{
    context::Context,
    handoff,
    tokens::{MailToken, sha256_hex},
};
use crate::{
    channel::mailbox::{Parsed, ReturnedMail, parse},
    domain::{
        delivery::{
            report::{Bounce, NO_REPORT, REPLY, Report},
            return_path::{self, Addressed},
        },
        kernel::{
            Result,
            clock::DAY_MS,
            id::{DeliveryId, ReportId},
            token::{Keys, Purpose},
        },
    },
    store::{
        Tx, deliveries,
        reports::{self, MailReport, Target},
    },
};

/// A message that came back, as its source hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// `imap`, `maildir`, `lmtp`, `http` or `file`.
    pub source: &'static str,
    /// Whom it was handed over for, where the source knows.
    pub envelope_to: Option<&'a str>,
    /// The message, at most `mailbox::MESSAGE_BYTES_MAX`.
    pub raw: &'a [u8],
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The record.
    pub report: MailReport,
    /// Whether it was there before; then nothing changed.
    pub is_repeat: bool,
}

/// Records a message that came back and does what follows. When this returns, it is committed, and the source may
/// forget the message. The same message again changes nothing.
///
/// # Errors
/// Those of the store; then nothing changed, and the source must keep the message.
pub async fn take(ctx: &Context, incoming: &Incoming<'_>) -> Result<Taken> {
    let (tx, taken) = judge(ctx, incoming, false).await?;
    if taken.is_repeat {
        return Ok(taken);
    }
    tx.commit().await?;
    let report = &taken.report;
    if report.class == REPLY
        && let Some(delivery) = &report.delivery_id
        && let Some(sent) = deliveries::sent(&ctx.db, DeliveryId::parse(delivery)?).await?
        && let Some(lead) = &sent.lead_id
    {
        handoff::told_later(ctx, lead).await?;
    }
    tracing::info!(
        id = report.id,
        source = report.source,
        kind = report.kind,
        class = report.class,
        delivery = report.delivery_id,
        changed = report.changed,
        "a message came back"
    );
    Ok(taken)
}

/// What [`take`] would do. Only reads, so it works on a database that is only looked at.
///
/// # Errors
/// Those of the store.
pub async fn rehearse(ctx: &Context, incoming: &Incoming<'_>) -> Result<Taken> {
    judge(ctx, incoming, true).await.map(|(_, taken)| taken)
}

/// How far back refusals at the door are looked for.
const REFUSED_WITHIN_MS: i64 = 2 * DAY_MS;

/// Records what the next mail server refused for its address at the door, with what follows: it is the same word as a
/// bounce, only sooner, and nobody can forge it. Returns how many there were.
///
/// # Errors
/// Those of the store; then the rest is done the next time.
pub async fn take_refusals(ctx: &Context) -> Result<usize> {
    let refusals = reports::refusals(&ctx.db, ctx.now_ms() - REFUSED_WITHIN_MS).await?;
    for refusal in &refusals {
        let id = DeliveryId::parse(&refusal.delivery_id)?;
        let (target, sent) = (reports::target(&ctx.db, id).await?, deliveries::sent(&ctx.db, id).await?);
        let (Some(target), Some(sent)) = (target, sent) else { continue };
        let report = Report::Bounce(Bounce {
            // Their class was judged there and then; these words make it come out the same here.
            diagnostic: format!("{} (in reply to RCPT TO command)", refusal.reply),
            final_recipient: Some(target.email.clone()),
            ..Bounce::default()
        });
        let incoming = Incoming { source: "relay", envelope_to: None, raw: refusal.reply.as_bytes() };
        let parsed = Parsed {
            report: report.clone(),
            recipients: Vec::new(),
            returned: ReturnedMail::default(),
            subject: "Refused at the door".to_owned(),
            writer: None,
            excerpt: refusal.reply.clone(),
        };
        let mut record = record(ctx, &incoming, &parsed);
        record.message_hash = sha256_hex(format!("refused {id}").as_bytes());
        let matched = Matched { report, id, target, sent, is_rehearsal: false };
        let mut tx = ctx.db.begin().await?;
        fill(ctx, &mut tx, &mut record, &matched).await?;
        if reports::insert(&mut tx, &record).await? {
            tx.commit().await?;
        }
    }
    Ok(refusals.len())
}

/// The open transaction with everything done in it; in a rehearsal nothing, only looked at.
async fn judge(ctx: &Context, incoming: &Incoming<'_>, is_rehearsal: bool) -> Result<(Tx, Taken)> {
    let parsed = parse(incoming.raw, incoming.envelope_to);
    let matched = matched(ctx, &parsed, is_rehearsal).await?;
    let mut record = record(ctx, incoming, &parsed);
    describe(&mut record, &parsed.report);
    let mut tx = ctx.db.begin().await?;
    if reports::is_known(&mut tx, &record.message_hash).await? {
        record.effect = "this message was recorded before".to_owned();
        return Ok((tx, Taken { report: record, is_repeat: true }));
    }
    match &matched {
        Err(why) => record.effect = format!("put aside: {why}"),
        Ok(matched) => fill(ctx, &mut tx, &mut record, matched).await?,
    }
    // Another node may have been faster with a copy of the same message: then all of this is dropped.
    let is_repeat = !is_rehearsal && !reports::insert(&mut tx, &record).await?;
    Ok((tx, Taken { report: record, is_repeat }))
}

/// Does what follows from a report, and completes its record.
async fn fill(ctx: &Context, tx: &mut Tx, record: &mut MailReport, matched: &Matched) -> Result<()> {
    record.delivery_id = Some(matched.target.id.clone());
    record.base_key.clone_from(&matched.target.base_key);
    describe(record, &matched.report);
    let effect = effect::apply(ctx, tx, matched).await?;
    (record.changed, record.effect) = (effect.changed, effect.words);
    Ok(())
}

/// A report whose signature fits, and the mail it is about.
struct Matched {
    report: Report,
    id: DeliveryId,
    target: Target,
    /// The same mail, as the preferences know it.
    sent: deliveries::Sent,
    /// Whether what follows is only told.
    is_rehearsal: bool,
}

/// Finds the delivery, or says why there is none.
async fn matched(
    ctx: &Context,
    parsed: &Parsed,
    is_rehearsal: bool,
) -> Result<Result<Matched, &'static str>> {
    let (report, id, by_address) = match signed(&ctx.keys, parsed) {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let (target, sent) = (reports::target(&ctx.db, id).await?, deliveries::sent(&ctx.db, id).await?);
    let (Some(target), Some(sent)) = (target, sent) else {
        return Ok(Err("it is about a mail that is no longer kept"));
    };
    if return_path::is_too_old(target.created_ms, ctx.now_ms()) && report != Report::Unsubscribe {
        return Ok(Err("it is about a mail of more than sixty days ago"));
    }
    let names_another = parsed
        .returned
        .message_id
        .as_deref()
        .is_some_and(|message_id| !message_id.eq_ignore_ascii_case(&target.message_id));
    if !by_address && names_another {
        return Ok(Err("the mail that it returns has another Message-ID than its signature"));
    }
    // Whoever else writes to that address is nobody whom we know.
    let is_theirs = parsed.writer.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(&target.email));
    let report = match report {
        Report::Other { why: NO_REPORT } if by_address && is_theirs => Report::Reply,
        report => report,
    };
    Ok(Ok(Matched { report, id, target, sent, is_rehearsal }))
}

/// The delivery that a signature names: first that of an address the message came to, then that in the mail it returns.
/// Tells also whether it was the first. Without one, the message is put aside and nothing follows.
pub(super) fn signed(
    keys: &Keys,
    parsed: &Parsed,
) -> std::result::Result<(Report, DeliveryId, bool), &'static str> {
    let is_report = matches!(parsed.report, Report::Bounce(_) | Report::Complaint { .. });
    for address in &parsed.recipients {
        match return_path::read(keys, address) {
            Some(Addressed::Report(id)) => return Ok((parsed.report.clone(), id, true)),
            // Whatever it says: nobody writes there for another reason. Reports alone are about something else.
            Some(Addressed::Unsubscribe(id)) if !is_report => return Ok((Report::Unsubscribe, id, true)),
            _ => {}
        }
    }
    let returned = &parsed.returned;
    if let Some(Addressed::Report(id)) =
        returned.return_path.as_deref().and_then(|address| return_path::read(keys, address))
    {
        return Ok((parsed.report.clone(), id, false));
    }
    // Providers that send complaints seldom return the envelope. Who holds the key to unsubscribe may complain too.
    if let Report::Complaint { .. } = parsed.report
        && let Some(id) = unsubscribe_key(keys, returned)
    {
        return Ok((parsed.report.clone(), id, false));
    }
    Err(if parsed.recipients.is_empty() && returned.return_path.is_none() {
        "nothing in it is signed by us"
    } else {
        "its signature does not fit: it may be forged"
    })
}

/// The delivery whose `List-Unsubscribe` a mail carries.
fn unsubscribe_key(keys: &Keys, returned: &ReturnedMail) -> Option<DeliveryId> {
    returned.unsubscribe.iter().find_map(|way| match way.strip_prefix("mailto:") {
        Some(mail) => match return_path::read(keys, mail.split('?').next()?)? {
            Addressed::Unsubscribe(id) => Some(id),
            Addressed::Report(_) => None,
        },
        None => {
            let token = way.rsplit('/').next()?;
            MailToken::verify(keys, Purpose::Preferences, token).ok().map(|mail| mail.delivery)
        }
    })
}

/// The record, as far as it does not depend on what follows.
fn record(ctx: &Context, incoming: &Incoming<'_>, parsed: &Parsed) -> MailReport {
    let now_ms = ctx.now_ms();
    MailReport {
        id: ReportId::new(now_ms, &*ctx.random).to_string(),
        at_ms: now_ms,
        source: incoming.source.to_owned(),
        message_hash: sha256_hex(incoming.raw),
        kind: String::new(),
        class: String::new(),
        action: String::new(),
        delivery_id: None,
        base_key: String::new(),
        status: String::new(),
        diagnostic: String::new(),
        final_recipient: String::new(),
        subject: parsed.subject.clone(),
        changed: false,
        effect: String::new(),
        excerpt: parsed.excerpt.clone(),
    }
}

/// Fills in what the report says.
fn describe(record: &mut MailReport, report: &Report) {
    record.kind = report.kind().to_owned();
    record.class = report.class().to_owned();
    record.action = report.action().to_owned();
    if let Report::Bounce(bounce) = report {
        record.status = bounce.status.clone().unwrap_or_default();
        record.diagnostic.clone_from(&bounce.diagnostic);
        record.final_recipient = bounce.final_recipient.clone().unwrap_or_default();
    }
}
