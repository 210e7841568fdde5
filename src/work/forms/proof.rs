//! The proof of work that a form may ask for: a signed challenge for one form of one partner, good once.

use super::{Refused, Submission};
use crate::{
    domain::{
        content::form::LeadForm,
        engagement::proof::{Challenge, Proof, judge},
        kernel::{
            Error, Result,
            clock::UtcMs,
            token::{Keys, Purpose},
        },
    },
    store::{Tx, sessions},
    work::{
        context::Context,
        tokens::{sha256_hex, short_key},
    },
};

/// Bytes of a challenge: when, how hard, for which form, and what makes it one of its own.
const BYTES: usize = 8 + 1 + 8 + 7;

/// A challenge as a page gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its text, signed.
    pub token: String,
    /// Zero bits that are asked for.
    pub bits: u32,
}

fn whose(partner: &str, form: &str) -> [u8; 8] {
    short_key("form", &format!("{partner}/{form}"))
}

fn read(keys: &Keys, token: &str, partner: &str, form: &str) -> Option<Challenge> {
    let payload: [u8; BYTES] = keys.verify(Purpose::Proof, token).ok()?;
    if payload[9..17] != whose(partner, form) {
        return None;
    }
    let made_ms = i64::from_be_bytes(payload[..8].try_into().ok()?);
    Some(Challenge { made_ms, bits: u32::from(payload[8]) })
}

/// The challenge for a form of `partner`; none where it asks for none. One that was given, is still good and has not been used
/// stays, so that whoever has waited need not wait again.
///
/// # Errors
/// Those of the store.
pub async fn challenge(ctx: &Context, partner: &str, form: &LeadForm, before: &str) -> Result<Option<Given>> {
    let Some(bits) = form.proof_bits else { return Ok(None) };
    let now_ms = ctx.now_ms();
    if let Some(challenge) = read(&ctx.keys, before, partner, &form.slug)
        && challenge.bits == bits
        && judge(challenge, before, "", now_ms) != Proof::Stale
        && !sessions::is_used(&ctx.db, &mark(before)).await?
    {
        return Ok(Some(Given { token: before.to_owned(), bits }));
    }
    let mut payload = [0; BYTES];
    payload[..8].copy_from_slice(&now_ms.to_be_bytes());
    payload[8] = u8::try_from(bits).unwrap_or(u8::MAX);
    payload[9..17].copy_from_slice(&whose(partner, &form.slug));
    ctx.random.fill(&mut payload[17..]);
    Ok(Some(Given { token: ctx.keys.sign(Purpose::Proof, &payload), bits }))
}

/// How a used challenge is remembered.
fn mark(token: &str) -> String {
    sha256_hex(format!("proof\n{token}").as_bytes())
}

/// What is to be used up for the form; nothing where it asks for no proof, or where somebody known presses the button twice.
///
/// # Errors
/// `Unproven`; those of the store.
pub(super) async fn check(
    ctx: &Context,
    declared: Option<&LeadForm>,
    form: &Submission,
    is_known: bool,
) -> Result<Option<String>, Refused> {
    let Some(declared) = declared.filter(|declared| declared.proof_bits.is_some()) else { return Ok(None) };
    let (token, number) = &form.proof;
    let challenge = read(&ctx.keys, token, &form.partner, &declared.slug).ok_or(Refused::Unproven)?;
    if !judge(challenge, token, number, ctx.now_ms()).is_enough() {
        return Err(Refused::Unproven);
    }
    let mark = mark(token);
    match sessions::is_used(&ctx.db, &mark).await? {
        false => Ok(Some(mark)),
        true if is_known => Ok(None),
        true => Err(Refused::Unproven),
    }
}

/// Uses a challenge up, in the transaction of what it was given for.
///
/// # Errors
/// `Conflict` where somebody else was faster; then nothing may be stored.
pub(super) async fn use_up(tx: &mut Tx, mark: Option<String>, now_ms: UtcMs) -> Result<()> {
    match mark {
        Some(mark) if !sessions::use_up(tx, &mark, now_ms).await? => {
            Err(Error::conflict("this form was sent a moment ago"))
        }
        _ => Ok(()),
    }
}
