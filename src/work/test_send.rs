//! Test sends: one text of a frozen issue as its readers get it, marked as a test, to somebody at the vendor.

use super::{context::Context, publish, tokens};
use crate::{
    domain::{
        kernel::{EmailAddress, Error, Locale, Result, clock::DAY_MS, id::DeliveryId},
        partner::Roles,
    },
    render::email::{EmailRendition, WireTemplate},
    store::{
        audit, digests,
        outbox::{self, LANE_URGENT, NewDelivery},
        partners,
        renditions::{self, NewLink, NewRendition, View},
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
    let rendition = rendition.ok_or_else(|| Error::not_found("this text of the issue"))?;
    let test = as_test(ctx, &rendition).await?;
    let now_ms = ctx.now_ms();
    let id = DeliveryId::new(now_ms, &*ctx.random);
    let mail = NewDelivery {
        source: format!("test:{id}"),
        id,
        lane: LANE_URGENT,
        lead_id: None,
        contact_id: None,
        partner_slug: rendition.partner_slug,
        recipient_name: name,
        email: email.to_string(),
        rendition_id: test.id.clone(),
        scope: String::new(),
        domain: publish::sender_domain(ctx),
        because: format!("a test that {actor} asked for"),
        due_ms: now_ms,
        expires_ms: now_ms + DAY_MS,
    };
    let mut tx = ctx.db.begin().await?;
    renditions::insert(&mut tx, now_ms, vec![test]).await?;
    outbox::enqueue(&mut tx, now_ms, &mail).await?;
    let detail = format!("{} to {email}", order.rendition_id);
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "test-send", order.issue_id, &detail).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}

/// The text with a mark in its subject and a line that says whose mail it shows. It is of no issue: no reader gets it, and nobody
/// approves it.
async fn as_test(ctx: &Context, of: &View) -> Result<NewRendition> {
    let damaged = |error| Error::internal(format!("rendition {}", of.id)).because(error);
    let rendition: EmailRendition = serde_json::from_str(&of.body).map_err(damaged)?;
    let wire = renditions::wire(&ctx.db, &of.id).await?;
    let wire = wire.ok_or_else(|| Error::not_found("this text of the issue"))?;
    let links = renditions::links(&ctx.db, &of.id).await?.into_iter();
    let partner = partners::partner(&ctx.db, &of.partner_slug).await?;
    let partner = partner.map_or_else(|| of.partner_slug.clone(), |partner| partner.name);
    let locale = ctx.templates.language(&Locale::parse(&of.locale).unwrap_or_else(|_| Locale::en()));
    let strings = ctx.templates.strings(&locale);
    let roles = Roles::parse(&of.roles).unwrap_or_default();
    let line = match roles.is_empty() {
        true => strings.fill("test_line_all", &[("partner", &partner)]),
        false => strings.fill("test_line", &[("partner", &partner), ("roles", &strings.roles(roles))]),
    };
    let mark = strings.get("test_mark");
    let test = rendition.as_test(mark, &line, &locale);
    let encoded = WireTemplate::from_text(&wire.wire)?.with(&test)?.to_text();
    Ok(NewRendition {
        id: tokens::rendition_id(&["test", &of.id, &encoded]),
        issue_id: None,
        arm: "",
        partner_slug: of.partner_slug.clone(),
        roles: of.roles.clone(),
        locale: of.locale.clone(),
        subject: format!("{mark} {}", of.subject),
        sender: wire.sender,
        body: serde_json::to_string(&test).map_err(damaged)?,
        wire: encoded,
        // Numbered as there.
        links: links
            .map(|link| NewLink { target: link.target, label: link.label, asset: link.asset })
            .collect(),
        assets: Vec::new(),
        messages: Vec::new(),
    })
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
