//! What became of invitations to connect an account, and taking one back.

use crate::{
    domain::{
        kernel::{Error, Result},
        social::invitation::Invitation,
    },
    store::{
        audit,
        social::invitations::{self, Invited},
    },
    work::Context,
};

/// Whether the account may still be connected that `invitation` is for.
///
/// # Errors
/// `Conflict`, with what to do, once its time is over, it was used, or it was withdrawn; `NotFound` where nobody remembers it.
pub(super) async fn check(ctx: &Context, invitation: &Invitation) -> Result<()> {
    invitation.check(ctx.now_ms())?;
    match invitations::find(&ctx.db, &invitation.id).await? {
        None => Err(Error::not_found("this link")),
        Some(Invited { used_ms: Some(_), .. }) => Err(Error::conflict(
            "this link has connected an account already: ask whoever sent it for a new one",
        )),
        Some(Invited { withdrawn_ms: Some(_), .. }) => {
            Err(Error::conflict("this link was withdrawn: ask whoever sent it for a new one"))
        }
        Some(_) => Ok(()),
    }
}

/// Those that may still be followed, of one partner or of all, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn open_invitations(ctx: &Context, partner_slug: Option<&str>) -> Result<Vec<Invited>> {
    invitations::open(&ctx.db, partner_slug, ctx.now_ms()).await
}

/// Withdraws an invitation: its link connects nothing from then on, also for who is on the way.
///
/// # Errors
/// `NotFound`; `Conflict` where it has ended in any way.
pub async fn withdraw(ctx: &Context, actor: &str, id: &str) -> Result<()> {
    let now_ms = ctx.now_ms();
    let invited = invitations::find(&ctx.db, id).await?;
    let invited = invited.ok_or_else(|| {
        Error::not_found_but(
            format!("invitation {id}"),
            "`partnercast social list` shows those that may still be followed",
        )
    })?;
    let mut tx = ctx.db.begin().await?;
    if !invitations::withdraw(&mut tx, id, now_ms).await? {
        return Err(Error::conflict(
            "this invitation has ended already: it connected an account, was withdrawn, or its three days are over",
        ));
    }
    let detail = format!("{id}, to an account at {}", invited.server);
    audit::record(
        &mut tx,
        now_ms,
        &*ctx.random,
        actor,
        "withdraw-invitation",
        &invited.partner_slug,
        &detail,
    )
    .await?;
    tx.commit().await
}
