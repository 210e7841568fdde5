//! Inviting a partner's people to connect their own account by their server's sign-in. All there is of an invitation is sealed in its
//! link, and all there is of a visit in the visitor's cookie; stored is that there is an invitation, to whom, and what became of it.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    INVITATIONS_MAX,
    connect::{self, Connected, Order},
    invitations::check,
    secret,
};
use crate::{
    channel::social::mastodon::Mastodon,
    domain::{
        content::kinds::Network,
        kernel::{Error, Result, clock::utc, id::SocialInvitationId, seal::Seal},
        social::{
            Trouble,
            invitation::{Answer, Invitation, LIFETIME_MS, Visit, no_visit},
        },
    },
    store::{
        audit,
        social::{
            accounts,
            invitations::{self, Invited},
        },
    },
    work::Context,
};

/// What the keys of links are made for, and the place they are bound to.
const INVITATION: &str = "social-invitation";
/// Those of cookies.
const VISIT: &str = "social-visit";
/// Longest link's end, cookie and code, in letters; a cookie may have 4,096 (RFC 6265 section 6.1).
const LETTERS_MAX: usize = 4_000;
/// Our pages about it.
pub const PATH: &str = "/connect";

/// Who is invited.
#[derive(Debug, Clone, Default)]
pub struct Invite {
    /// The partner's slug.
    pub partner: String,
    /// The server of the Mastodon API, `https://host` or its name.
    pub server: String,
    /// `auto` or `approve`; left out, `approve`. An account that is known stays as it is.
    pub mode: String,
}

/// Makes us known at the server and returns the link to give to whoever has the account there; it lasts for three days and is good
/// for one account.
///
/// # Errors
/// `Invalid` with every fault, or what the server says; `Unavailable` for one that does not answer as it should; `Conflict` for an
/// invitation too many.
pub async fn invite(ctx: &Context, actor: &str, invite: &Invite) -> Result<String> {
    let order = Order {
        partner: invite.partner.clone(),
        network: Network::Mastodon.as_str().to_owned(),
        server: invite.server.clone(),
        mode: invite.mode.clone(),
        ..Order::default()
    };
    let server = connect::for_sign_in(ctx, &order).await?;
    let id = SocialInvitationId::new(ctx.now_ms(), &*ctx.random).to_string();
    let application = Mastodon::new(&ctx.egress, &server, "", ctx.clock.wall_ms())
        .register(&client_name(ctx), &redirect_uri(ctx, &id))
        .await
        .map_err(|failure| connect::told(&server, &failure))?;
    let now_ms = ctx.now_ms();
    let invitation = Invitation {
        id,
        partner: order.partner,
        server,
        client_id: application.client_id,
        client_secret: application.client_secret,
        mode: order.mode.trim().to_owned(),
        by: actor.to_owned(),
        ends_ms: now_ms + LIFETIME_MS,
    };
    let token = sealed(ctx, INVITATION, &invitation)?;
    let invited = Invited {
        id: invitation.id.clone(),
        partner_slug: invitation.partner.clone(),
        server: invitation.server.clone(),
        made_ms: now_ms,
        made_by: actor.to_owned(),
        ends_ms: invitation.ends_ms,
        used_ms: None,
        withdrawn_ms: None,
    };
    let mut tx = ctx.db.begin().await?;
    if !invitations::add(&mut tx, &invited, INVITATIONS_MAX).await? {
        return Err(Error::conflict(format!(
            "{INVITATIONS_MAX} invitations of this partner may still be followed; withdraw one first"
        )));
    }
    let detail = format!("{}, to an account at {}", invitation.id, invitation.server);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "invite-to-connect", &invitation.partner, &detail)
        .await?;
    tx.commit().await?;
    Ok(format!("{}{PATH}/{token}", ctx.settings.public_url))
}

/// As what we make ourselves known at servers: people read it where they say yes.
pub fn client_name(ctx: &Context) -> String {
    let library = ctx.library();
    let vendor = library.vendor.as_ref().map_or("", |vendor| vendor.name.as_str());
    format!("{vendor} (partnercast)").trim().to_owned()
}

/// Where the server sends back whoever let us in by this invitation.
fn redirect_uri(ctx: &Context, id: &str) -> String {
    format!("{}{PATH}/back/{id}", ctx.settings.public_url)
}

fn sealed(ctx: &Context, purpose: &str, what: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(what).map_err(|error| Error::internal(purpose).because(error))?;
    let sealed = Seal::new(&ctx.keys, purpose)?.seal(purpose, json.as_bytes(), &*ctx.random)?;
    if sealed.len() > LETTERS_MAX {
        return Err(Error::invalid("the server's name for our application is too long for a link"));
    }
    Ok(sealed)
}

fn unsealed<T: DeserializeOwned>(ctx: &Context, purpose: &str, sealed: &str) -> Result<Option<T>> {
    if sealed.len() > LETTERS_MAX {
        return Ok(None);
    }
    let opened = Seal::new(&ctx.keys, purpose)?.open(purpose, sealed);
    Ok(opened.ok().and_then(|json| serde_json::from_slice(&json).ok()))
}

/// What the end of an invitation's link says.
///
/// # Errors
/// `NotFound` for what we did not seal, `Conflict` once its time is over, it was used, or it was withdrawn.
pub async fn invited(ctx: &Context, token: &str) -> Result<Invitation> {
    let invitation: Invitation =
        unsealed(ctx, INVITATION, token)?.ok_or_else(|| Error::not_found("this link"))?;
    check(ctx, &invitation).await?;
    Ok(invitation)
}

/// The visit on which a browser with this cookie goes by `invitation`: the one it is on already, or a new one. Returns it with the
/// cookie to be kept for it, and the server's page on which the account's owner lets us in.
///
/// # Errors
/// Those of sealing it.
pub fn visit(ctx: &Context, invitation: Invitation, cookie: &str) -> Result<(String, String)> {
    let now_ms = ctx.now_ms();
    let known: Option<Visit> = unsealed(ctx, VISIT, cookie)?;
    let visit = match known.filter(|visit| visit.goes_on(&invitation, now_ms)) {
        Some(visit) => visit,
        None => Visit::begin(invitation, now_ms, &*ctx.random),
    };
    let page = visit.page(&redirect_uri(ctx, &visit.invitation.id));
    Ok((sealed(ctx, VISIT, &visit)?, page))
}

/// The visit from which a browser with this cookie came back with `answer`.
///
/// # Errors
/// `Invalid` for an answer to none of this browser's, `Conflict` once the invitation has ended in any way.
pub async fn came_back(ctx: &Context, cookie: &str, answer: Answer<'_>) -> Result<Visit> {
    let visit: Visit = unsealed(ctx, VISIT, cookie)?.ok_or_else(no_visit)?;
    visit.check(answer, ctx.now_ms())?;
    check(ctx, &visit.invitation).await?;
    Ok(visit)
}

/// Connects the account of whoever came back from `visit` with `code`. Where that does not end well the server is told that we do
/// not need its token.
///
/// # Errors
/// As [`connect::connect`]; `Invalid` where the server takes the code no more.
pub async fn accept(ctx: &Context, visit: &Visit, code: &str) -> Result<Connected> {
    let invitation = &visit.invitation;
    if code.is_empty() || code.len() > LETTERS_MAX {
        return Err(Error::invalid("the server sent you back without a code"));
    }
    let client = Mastodon::new(&ctx.egress, &invitation.server, "", ctx.clock.wall_ms());
    let redirect_uri = redirect_uri(ctx, &invitation.id);
    let granted = client.exchange(visit, code, &redirect_uri).await.map_err(|failure| {
        match failure.trouble {
            // It may be used once, within minutes; and a server may have forgotten us.
            Trouble::Denied | Trouble::Refused => {
                Error::invalid(format!("{} does not take its own code ({})", invitation.server, failure.why))
            }
            _ => connect::told(&invitation.server, &failure),
        }
    })?;
    let order = Order {
        partner: invitation.partner.clone(),
        network: Network::Mastodon.as_str().to_owned(),
        server: invitation.server.clone(),
        secret: granted.token,
        mode: invitation.mode.clone(),
        expires: granted
            .lifetime_s
            .and_then(|seconds| seconds.checked_mul(1_000)?.checked_add(ctx.now_ms()))
            .map(|ms| utc(ms).to_rfc3339())
            .unwrap_or_default(),
        invitation: Some(invitation.clone()),
        ..Order::default()
    };
    let actor = format!("the partner’s own people (link of {})", invitation.by);
    let connected = connect::connect(ctx, &actor, &order).await;
    if connected.is_err() {
        give_back(ctx, invitation, &order).await;
    }
    connected
}

/// Tells the server that we do not need the token of `order`, unless an account has that very one: a server may give the same to
/// everybody who says yes for the same account.
async fn give_back(ctx: &Context, invitation: &Invitation, order: &Order) {
    let why = match is_kept(ctx, order).await {
        Ok(true) => return,
        Ok(false) => {
            let client = Mastodon::new(&ctx.egress, &invitation.server, "", ctx.clock.wall_ms());
            match client.revoke(invitation, &order.secret).await {
                Ok(()) => return,
                Err(failure) => failure.why,
            }
        }
        Err(error) => error.detail(),
    };
    tracing::warn!(server = invitation.server, why, "a token that nobody needs may still be good");
}

async fn is_kept(ctx: &Context, order: &Order) -> Result<bool> {
    for account in accounts::list(&ctx.db, Some(&order.partner)).await? {
        let is_there = account.network == order.network && account.server == order.server;
        if is_there && secret::of_account(ctx, &account.id).await?.0 == order.secret {
            return Ok(true);
        }
    }
    Ok(false)
}
