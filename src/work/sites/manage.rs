//! What people do with sites: connect one, have posts tried again, disconnect it.

use chrono::NaiveDate;

use super::{
    PURPOSE,
    send::{Door, answer_of},
};
use crate::{
    domain::{
        content::finding::did_you_mean,
        kernel::{EmailAddress, Error, Result, clock::utc, id::SiteId, seal::Seal},
        site::{Mode, answer},
    },
    store::{
        audit, partners, site_posts,
        sites::{self, Site},
    },
    work::Context,
};

/// Sites that a partner may have.
const SITES_MAX: usize = 20;
/// Longest name or password, in characters.
const CHARS_MAX: usize = 200;

/// A site as somebody connects it.
#[derive(Clone, Default)]
pub struct Connect {
    /// The partner's slug.
    pub partner: String,
    /// Where: `https://northlight.example`.
    pub url: String,
    /// As whom.
    pub username: String,
    /// An application password.
    pub password: String,
    /// `draft` or `publish`.
    pub mode: String,
    /// From which day on articles are posted, by their day of publication; today at the partner's where it is empty.
    pub since: String,
    /// Who is told when the site refuses us; whoever looks after the partner where it is empty.
    pub contact_email: String,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connect({} at {}, password redacted)", self.username, self.url)
    }
}

/// Connects a site, once its account was seen to be able to post; one that is known goes on with the new name and password.
///
/// # Errors
/// `Invalid` with every fault; `Unavailable` for a site that does not answer as it should; then nothing changed.
pub async fn connect(ctx: &Context, actor: &str, order: &Connect) -> Result<Site> {
    let (mut site, password, mode) = checked(ctx, actor, order).await?;
    let door = Door::new(ctx, &site.url, (&site.username, &password));
    let answered = door.ask("users/me", "&context=edit&_fields=id,name,capabilities", None).await;
    let answered = answered.map_err(|why| why.why);
    let account = answered.and_then(|answered| answer::account(&answer_of(&answered), mode == Mode::Publish));
    let now_ms = ctx.now_ms();
    if let Err(why) = account {
        // The password was used, whatever came of it.
        let mut tx = ctx.db.begin().await?;
        let detail = format!("{} as {}: {why}", site.url, site.username);
        audit::record(&mut tx, now_ms, &*ctx.random, actor, "try-site", &site.partner_slug, &detail).await?;
        tx.commit().await?;
        return Err(Error::unavailable(format!("{} cannot be connected: {why}", site.url)));
    }
    let known = sites::list(&ctx.db, Some(&site.partner_slug)).await?;
    let count = known.len();
    let known = known.into_iter().find(|known| known.url == site.url);
    if known.is_none() && count >= SITES_MAX {
        return Err(Error::conflict(format!("there are {SITES_MAX} sites already; disconnect one first")));
    }
    if let Some(known) = &known {
        site.id.clone_from(&known.id);
    }
    let sealed = Seal::new(&ctx.keys, PURPOSE)?.seal(&site.id, password.as_bytes(), &*ctx.random)?;
    let mut tx = ctx.db.begin().await?;
    let is_done = match known {
        Some(_) => {
            let is_renewed = sites::renew(&mut tx, &site, &sealed, now_ms).await?;
            site_posts::again(&mut tx, &site.id, None, now_ms).await?;
            is_renewed
        }
        None => sites::add(&mut tx, &site, &sealed).await?,
    };
    if !is_done {
        return Err(Error::conflict("somebody else has changed this site meanwhile; look at it again"));
    }
    let detail = format!("{} of {} as {}, {}", site.url, site.partner_slug, site.username, site.mode);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "connect-site", &site.id, &detail).await?;
    tx.commit().await?;
    Ok(site)
}

async fn checked(ctx: &Context, actor: &str, order: &Connect) -> Result<(Site, String, Mode)> {
    let mut faults = Vec::new();
    let url = order.url.trim().trim_end_matches('/');
    if let Err(error) = ctx.egress.target(url) {
        faults.push(error.public().to_owned());
    } else if url.contains(['?', '#']) {
        faults.push(format!("`{url}`: name the site's first page, without ? and #"));
    }
    let plain =
        |text: &str| (1..=CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let (username, password) = (order.username.trim(), order.password.trim());
    if !plain(username) || username.contains(':') {
        faults.push("name the user that posts, as the site knows it; it has no colon".to_owned());
    }
    if !plain(password) {
        faults.push("an application password is needed; WordPress makes one at Users, Profile".to_owned());
    }
    let mode = Mode::parse(&order.mode);
    if mode.is_none() {
        faults.push(format!("`{}`: posts are made as `draft` or `publish`", order.mode));
    }
    let partner = partners::partner(&ctx.db, &order.partner).await?;
    if partner.is_none() {
        let slugs = partners::slugs(&ctx.db).await?;
        let meant = did_you_mean(&order.partner, slugs.iter().map(String::as_str));
        faults.push(format!("partner {} was not found; {meant}", order.partner));
    }
    let today = partner.as_ref().map(|partner| utc(ctx.now_ms()).with_timezone(&partner.zone).date_naive());
    let since = match order.since.trim() {
        "" => today,
        day => NaiveDate::parse_from_str(day, "%Y-%m-%d").ok(),
    };
    if since.is_none() && partner.is_some() {
        faults.push(format!("`{}`: write a day as 2027-01-12", order.since));
    }
    let contact = match (order.contact_email.trim(), &partner) {
        ("", Some(partner)) => Some(partner.channel_manager_email.clone()),
        (address, _) => match EmailAddress::parse(address) {
            Ok(address) => Some(address.to_string()),
            Err(error) => {
                faults.push(error.public().to_owned());
                None
            }
        },
    };
    let (Some(mode), Some(since), Some(contact_email), true) = (mode, since, contact, faults.is_empty())
    else {
        return Err(Error::invalid(faults.join("; ")));
    };
    let now_ms = ctx.now_ms();
    let site = Site {
        id: SiteId::new(now_ms, &*ctx.random).to_string(),
        partner_slug: order.partner.clone(),
        kind: "wordpress".to_owned(),
        url: url.to_owned(),
        username: username.to_owned(),
        mode: mode.as_str().to_owned(),
        since_day: since.to_string(),
        contact_email,
        state: "active".to_owned(),
        state_ms: now_ms,
        created_ms: now_ms,
        created_by: actor.to_owned(),
        ..Site::default()
    };
    Ok((site, password.to_owned(), mode))
}

async fn load(ctx: &Context, id: &str) -> Result<Site> {
    sites::site(&ctx.db, id)
        .await?
        .ok_or_else(|| Error::not_found_but(format!("site {id}"), "`partnercast site list` shows all"))
}

/// Has what failed or waits tried now: one post, or all; one that was taken away there is made anew when it is named. Returns how
/// many.
///
/// # Errors
/// `NotFound`, also where there is nothing to try; `Conflict` for a site that refuses us.
pub async fn retry(ctx: &Context, actor: &str, id: &str, asset: Option<&str>) -> Result<u64> {
    let site = load(ctx, id).await?;
    if site.state != "active" {
        return Err(Error::conflict(format!("{} ({}): connect it anew first", site.url, site.because)));
    }
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let count = site_posts::again(&mut tx, id, asset, now_ms).await?;
    if count == 0 {
        return Err(Error::not_found("a post that failed or waits"));
    }
    // Whoever asks for it knows that the site takes posts again.
    sites::end_rest(&mut tx, id).await?;
    let detail = asset.map_or_else(|| format!("{count} posts"), str::to_owned);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "retry-site", id, &detail).await?;
    tx.commit().await?;
    Ok(count)
}

/// Disconnects a site and forgets its password. What was posted stays there, and is the partner's from now on.
///
/// # Errors
/// `NotFound`; `Conflict` where somebody else was quicker.
pub async fn disconnect(ctx: &Context, actor: &str, id: &str) -> Result<Site> {
    let site = load(ctx, id).await?;
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    if !sites::move_to(&mut tx, id, (&site.state, "removed"), &format!("{actor} disconnected it"), now_ms)
        .await?
    {
        return Err(Error::conflict("somebody else has changed this site meanwhile; look at it again"));
    }
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "disconnect-site", id, &site.url).await?;
    tx.commit().await?;
    Ok(site)
}
