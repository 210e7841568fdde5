//! What an endpoint's owner is told by mail, for that is another way than the one that fails.

use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{
            EmailAddress, Result,
            clock::{UtcMs, utc},
        },
        webhook::{Health, shown::without_query},
    },
    store::{
        Tx, audit, partners,
        webhooks::{Endpoint, endpoints},
    },
    work::{
        Context,
        notices::{self, Ready, StaffNotice, Words},
    },
};

/// Who acts when nobody does.
const ACTOR: &str = "partnercast";

/// What an endpoint's health asks for: that it is disabled, or that its owner hears how it fares.
pub(super) struct Step {
    disabled_because: Option<&'static str>,
    mails: Vec<Ready>,
}

/// What follows from how an endpoint fares, if anything does. Changes nothing.
///
/// # Errors
/// Those of the store.
pub(super) async fn step(ctx: &Context, id: &str, health: &Health, gone: bool) -> Result<Option<Step>> {
    let now_ms = ctx.now_ms();
    let because = match (gone, health.is_lost()) {
        (true, _) => Some("it answered 410: it wants nothing any more"),
        (_, true) => Some("it failed for 30 days"),
        _ => None,
    };
    if because.is_none() && !health.is_worth_telling(now_ms) {
        return Ok(None);
    }
    let Some(endpoint) = endpoints::endpoint(&ctx.db, id).await? else { return Ok(None) };
    if because.is_none() && endpoint.told_ms.is_some() {
        return Ok(None);
    }
    let since_ms = health.failing_since_ms.unwrap_or(now_ms);
    let to = readers(ctx, &endpoint).await?;
    let mails = to.iter().filter_map(|to| mail(ctx, &endpoint, to, because, since_ms)).collect();
    Ok(Some(Step { disabled_because: because, mails }))
}

impl Step {
    /// Takes it, in the transaction that gives the turn back: an endpoint that is gone must not be asked once more because this
    /// process ended in between.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn take(&self, ctx: &Context, tx: &mut Tx, id: &str) -> Result<()> {
        let now_ms = ctx.now_ms();
        let is_new = match self.disabled_because {
            Some(because) => {
                let moved = endpoints::move_to(tx, id, ("active", "disabled"), because, now_ms).await?;
                if moved {
                    audit::record(tx, now_ms, &*ctx.random, ACTOR, "disable-webhook", id, because).await?;
                }
                moved
            }
            None => endpoints::tell(tx, id, now_ms).await?,
        };
        if is_new {
            for mail in &self.mails {
                mail.clone().enqueue(tx, now_ms).await?;
            }
        }
        Ok(())
    }
}

/// Who is told: the contact; where there is none any more, who looks after the partner, or all channel managers.
async fn readers(ctx: &Context, endpoint: &Endpoint) -> Result<Vec<Staff>> {
    if let Ok(email) = EmailAddress::parse(&endpoint.contact_email) {
        return Ok(vec![staff(&endpoint.contact_name, email)]);
    }
    let partner = partners::partner(&ctx.db, &endpoint.partner_slug).await?;
    let manager = partner.and_then(|partner| EmailAddress::parse(&partner.channel_manager_email).ok());
    if let (Some(email), false) = (manager, endpoint.partner_slug.is_empty()) {
        return Ok(vec![staff("", email)]);
    }
    Ok(managers(ctx))
}

/// The vendor's channel managers.
pub(super) fn managers(ctx: &Context) -> Vec<Staff> {
    let library = ctx.library();
    let managers = library.vendor.iter().flat_map(|vendor| &vendor.channel_managers);
    managers.map(|it| staff(&it.name, it.email.clone())).collect()
}

fn staff(name: &str, email: EmailAddress) -> Staff {
    Staff {
        name: if name.is_empty() { email.to_string() } else { name.to_owned() },
        title: String::new(),
        email,
        may: Vec::new(),
    }
}

/// The mail; none where it cannot be written, which stops nothing else.
fn mail(
    ctx: &Context,
    endpoint: &Endpoint,
    to: &Staff,
    disabled: Option<&str>,
    since_ms: UtcMs,
) -> Option<Ready> {
    let since = utc(since_ms).format("%a %-d %b %Y, %H:%M UTC").to_string();
    let (subject, heading, what) = match disabled {
        Some(because) => (
            format!("The webhook {} is disabled", endpoint.name),
            "A webhook is disabled",
            format!(
                "Nothing is sent there any more: {because}. What happens now waits for a week at most. When it works \
                 again, have it verified, and it goes on with what waits; what was given up can be replayed for 30 days."
            ),
        ),
        None => (
            format!("The webhook {} fails", endpoint.name),
            "A webhook fails",
            format!(
                "It has not answered as it should since {since}. Each message is tried for about three days; in between \
                 the endpoint is left alone and tried with one message at a time. Nothing needs to be done here once it \
                 answers again. After 30 days of failing it is disabled."
            ),
        ),
    };
    let is_contact = to.email.as_str() == endpoint.contact_email;
    // A partner's people have no way into the vendor's console.
    let is_inside = !is_contact || endpoint.partner_slug.is_empty();
    let notice = StaffNotice {
        source: format!(
            "webhook:{}:{}:{since_ms}:{}",
            endpoint.id,
            if disabled.is_some() { "disabled" } else { "failing" },
            to.email
        ),
        sender: None,
        to,
        words: Words {
            subject,
            heading: heading.to_owned(),
            paragraphs: vec![what],
            facts: vec![
                ("Name".to_owned(), endpoint.name.clone()),
                ("Address".to_owned(), without_query(&endpoint.url).to_owned()),
                ("Failures in a row".to_owned(), endpoint.failures.to_string()),
            ],
            button: if is_inside {
                ("See the endpoint".to_owned(), format!("/console/webhooks/{}", endpoint.id))
            } else {
                Default::default()
            },
            why: if is_contact {
                "You are named as the contact of this webhook.".to_owned()
            } else {
                "This webhook has no contact any more; name one.".to_owned()
            },
        },
    };
    notices::compose_for_staff(ctx, &notice)
        .map_err(|error| {
            tracing::error!(
                endpoint = endpoint.id,
                error = error.detail(),
                "the owner of a webhook cannot be told"
            );
        })
        .ok()
}
