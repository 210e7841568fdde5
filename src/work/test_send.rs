//! Test sends: one text of a frozen issue, exactly as its readers get it, to somebody at the vendor.

use super::{context::Context, publish};
use crate::{
    domain::kernel::{EmailAddress, Error, Result, clock::DAY_MS, id::DeliveryId},
    store::{
        audit, digests,
        outbox::{self, LANE_URGENT, NewDelivery},
        renditions::{self, View},
    },
};

/// Which text to whom.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The issue.
    pub issue_id: &'a str,
    /// The text.
    pub rendition_id: &'a str,
    /// The address of somebody of the staff or of a channel manager.
    pub to: &'a str,
}

/// Puts the text into the queue, addressed to somebody at the vendor and to nobody else.
///
/// # Errors
/// `Invalid` for an address that vendor.toml does not name; `NotFound` for a text that is not of this issue.
pub async fn send(ctx: &Context, order: Order<'_>, actor: &str) -> Result<()> {
    let (name, email) = person(ctx, order.to)?;
    let rendition = renditions::view(&ctx.db, order.rendition_id).await?;
    // Also one of an issue in whose mails it rides: that is what its readers get.
    let beside = digests::of_issue(&ctx.db, order.issue_id).await?;
    let hosts = beside.iter().filter(|it| !it.carried).map(|it| it.id.as_str());
    let of: Vec<&str> = hosts.chain([order.issue_id]).collect();
    let rendition = rendition.filter(|view| view.issue_id.as_deref().is_some_and(|id| of.contains(&id)));
    let View { partner_slug, .. } = rendition.ok_or_else(|| Error::not_found("this text of the issue"))?;
    let now_ms = ctx.now_ms();
    let id = DeliveryId::new(now_ms, &*ctx.random);
    let mail = NewDelivery {
        source: format!("test:{id}"),
        id,
        lane: LANE_URGENT,
        lead_id: None,
        contact_id: None,
        partner_slug,
        recipient_name: name,
        email: email.to_string(),
        rendition_id: order.rendition_id.to_owned(),
        scope: String::new(),
        domain: publish::sender_domain(ctx),
        because: format!("a test that {actor} asked for"),
        due_ms: now_ms,
        expires_ms: now_ms + DAY_MS,
    };
    let mut tx = ctx.db.begin().await?;
    outbox::enqueue(&mut tx, now_ms, &mail).await?;
    let detail = format!("{} to {email}", order.rendition_id);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "test-send", order.issue_id, &detail).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// Who may be sent tests: the staff and the channel managers, by name and address.
pub fn people(ctx: &Context) -> Vec<(String, EmailAddress)> {
    let library = ctx.library();
    let Some(vendor) = &library.vendor else { return Vec::new() };
    let staff = vendor.staff.iter().map(|member| (member.name.clone(), member.email.clone()));
    let managers =
        vendor.channel_managers.iter().map(|manager| (manager.name.clone(), manager.email.clone()));
    staff.chain(managers).collect()
}

fn person(ctx: &Context, address: &str) -> Result<(String, EmailAddress)> {
    let people = people(ctx);
    let found = people.iter().find(|(_, email)| email.as_str().eq_ignore_ascii_case(address.trim()));
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> = people.iter().map(|(_, email)| email.as_str()).collect();
        Error::invalid(format!(
            "`{}` is of nobody in vendor.toml, and tests go to nobody else; there is {}",
            address.trim(),
            known.join(", ")
        ))
    })
}
