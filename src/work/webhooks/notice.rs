//! What an endpoint's owner is told by mail, for that is another way than the one that fails.

use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{
            EmailAddress, Result,
            clock::{UtcMs, utc},
        },
        webhook::Health,
    },
    store::{
        audit,
        webhooks::{Endpoint, endpoints},
    },
    work::{
        Context,
        notices::{self, Ready, StaffNotice, Words},
    },
};

/// Who acts when nobody does.
const ACTOR: &str = "partnercast";

/// Disables an endpoint that is gone or lost, and tells its owner, as of one that has failed for a while.
///
/// # Errors
/// Those of the store.
pub(super) async fn consider(ctx: &Context, id: &str, health: &Health, gone: bool) -> Result<()> {
    let now_ms = ctx.now_ms();
    let because = match (gone, health.is_lost(now_ms)) {
        (true, _) => Some("it answered 410: it wants nothing any more"),
        (_, true) => Some("it failed for 30 days"),
        _ => None,
    };
    if because.is_none() && !health.is_worth_telling(now_ms) {
        return Ok(());
    }
    let Some(endpoint) = endpoints::endpoint(&ctx.db, id).await? else { return Ok(()) };
    if because.is_none() && endpoint.told_ms.is_some() {
        return Ok(());
    }
    let mail = mail(ctx, &endpoint, because, health.failing_since_ms.unwrap_or(now_ms));
    let mut tx = ctx.db.begin().await?;
    let is_new = match because {
        Some(because) => {
            let moved = endpoints::move_to(&mut tx, id, ("active", "disabled"), because, now_ms).await?;
            if moved {
                audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "disable-webhook", id, because).await?;
            }
            moved
        }
        None => endpoints::tell(&mut tx, id, now_ms).await?,
    };
    if let (true, Some(mail)) = (is_new, mail) {
        mail.enqueue(&mut tx, now_ms).await?;
    }
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The mail; none where it cannot be written, which stops nothing else.
fn mail(ctx: &Context, endpoint: &Endpoint, disabled: Option<&str>, since_ms: UtcMs) -> Option<Ready> {
    let name =
        if endpoint.contact_name.is_empty() { &endpoint.contact_email } else { &endpoint.contact_name };
    let email = EmailAddress::parse(&endpoint.contact_email).ok()?;
    let to = Staff { name: name.clone(), title: String::new(), email, may: Vec::new() };
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
    let notice = StaffNotice {
        source: format!(
            "webhook:{}:{}:{since_ms}",
            endpoint.id,
            if disabled.is_some() { "disabled" } else { "failing" }
        ),
        sender: None,
        to: &to,
        words: Words {
            subject,
            heading: heading.to_owned(),
            paragraphs: vec![what],
            facts: vec![
                ("Name".to_owned(), endpoint.name.clone()),
                ("Address".to_owned(), endpoint.url.clone()),
                ("Failures in a row".to_owned(), endpoint.failures.to_string()),
            ],
            button: ("See the endpoint".to_owned(), format!("/console/webhooks/{}", endpoint.id)),
            why: "You are named as the contact of this webhook.".to_owned(),
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
