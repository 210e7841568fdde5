//! Inviting a partner's people to connect their own account by their server's sign-in. Nothing is stored before that is done: all
//! there is of an invitation is sealed in its link.

use super::connect::{self, Connected, Order};
use crate::{
    channel::social::mastodon::Mastodon,
    domain::{
        content::kinds::Network,
        kernel::{Error, Result, seal::Seal},
        social::{
            Trouble,
            invitation::{Invitation, LIFETIME_MS, verifier},
        },
    },
    store::audit,
    work::Context,
};

/// What the keys are made for, and the place they are bound to.
const PURPOSE: &str = "social-invitation";
/// Longest link's end and longest code, in letters.
const TOKEN_LETTERS_MAX: usize = 4_000;
/// Our page to which a server sends back whoever let us in.
pub const PATH: &str = "/connect";

/// Who is invited.
#[derive(Debug, Clone, Default)]
pub struct Invite {
    /// The partner's slug.
    pub partner: String,
    /// The server of the Mastodon API, `https://host` or its name.
    pub server: String,
    /// `auto` or `approve`; left out, a new account is `approve` and one that is known stays as it is.
    pub mode: String,
}

/// Makes us known at the server and returns the link to give to whoever has the account there; it lasts for three days.
///
/// # Errors
/// `Invalid` with every fault, or what the server says; `Unavailable` for one that does not answer as it should.
pub async fn invite(ctx: &Context, actor: &str, invite: &Invite) -> Result<String> {
    let order = Order {
        partner: invite.partner.clone(),
        network: Network::Mastodon.as_str().to_owned(),
        server: invite.server.clone(),
        mode: invite.mode.clone(),
        ..Order::default()
    };
    let server = connect::for_sign_in(ctx, &order).await?;
    let application = Mastodon::new(&ctx.egress, &server, "", ctx.clock.wall_ms())
        .register(&redirect_uri(ctx))
        .await
        .map_err(|failure| connect::told(&server, &failure))?;
    let now_ms = ctx.now_ms();
    let invitation = Invitation {
        partner: order.partner,
        server,
        client_id: application.client_id,
        client_secret: application.client_secret,
        verifier: verifier(&*ctx.random),
        mode: order.mode.trim().to_owned(),
        by: actor.to_owned(),
        ends_ms: now_ms + LIFETIME_MS,
    };
    let json = serde_json::to_string(&invitation)
        .map_err(|error| Error::internal("an invitation").because(error))?;
    let token = Seal::new(&ctx.keys, PURPOSE)?.seal(PURPOSE, json.as_bytes(), &*ctx.random)?;
    let mut tx = ctx.db.begin().await?;
    let detail = format!("to an account at {}", invitation.server);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "invite-to-connect", &invitation.partner, &detail)
        .await?;
    tx.commit().await?;
    Ok(format!("{}{PATH}/{token}", ctx.settings.public_url))
}

/// Where servers send back whoever let us in.
fn redirect_uri(ctx: &Context) -> String {
    format!("{}{PATH}", ctx.settings.public_url)
}

/// What the end of an invitation's link says.
///
/// # Errors
/// `NotFound` for what we did not seal, `Conflict` once its time is over.
pub fn invited(ctx: &Context, token: &str) -> Result<Invitation> {
    let wrong = || Error::not_found("this link");
    if token.len() > TOKEN_LETTERS_MAX {
        return Err(wrong());
    }
    let json = Seal::new(&ctx.keys, PURPOSE)?.open(PURPOSE, token).map_err(|_| wrong())?;
    let invitation: Invitation = serde_json::from_slice(&json).map_err(|_| wrong())?;
    invitation.check(ctx.now_ms())?;
    Ok(invitation)
}

/// The server's page on which the account's owner lets us in.
///
/// # Errors
/// As [`invited`].
pub fn sign_in_page(ctx: &Context, token: &str) -> Result<String> {
    Ok(invited(ctx, token)?.page(&redirect_uri(ctx), token))
}

/// Connects the account of whoever was sent back with `code`.
///
/// # Errors
/// As [`invited`] and [`connect::connect`]; `Invalid` where the server takes the code no more.
pub async fn accept(ctx: &Context, token: &str, code: &str) -> Result<Connected> {
    let invitation = invited(ctx, token)?;
    if code.is_empty() || code.len() > TOKEN_LETTERS_MAX {
        return Err(Error::invalid("the server sent you back without a code: follow the link again"));
    }
    let client = Mastodon::new(&ctx.egress, &invitation.server, "", ctx.clock.wall_ms());
    let secret = client.exchange(&invitation, code, &redirect_uri(ctx)).await.map_err(|failure| {
        match failure.trouble {
            // It may be used once, within minutes.
            Trouble::Denied | Trouble::Refused => Error::invalid(format!(
                "{} does not take the code any more ({}): follow the link again",
                invitation.server, failure.why
            )),
            _ => connect::told(&invitation.server, &failure),
        }
    })?;
    let order = Order {
        partner: invitation.partner.clone(),
        network: Network::Mastodon.as_str().to_owned(),
        server: invitation.server.clone(),
        secret,
        mode: invitation.mode.clone(),
        ..Order::default()
    };
    let actor = format!("the partner’s own people (link of {})", invitation.by);
    connect::connect(ctx, &actor, &order).await
}
