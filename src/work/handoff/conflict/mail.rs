//! The mail to the channel managers of a conflict that a person is to decide.

use std::collections::BTreeMap;

use super::super::super::{
    context::Context,
    notices::{self, Ready, StaffNotice, Words},
    tokens::DeskToken,
};
use crate::{
    domain::{content::vendor::Staff, kernel::Result, lead::conflict::Party},
    store::{conflicts::Case, partners},
    work::handoff::reminder,
};

/// What a mail about a case that waits, or was not decided in time, says.
pub(super) struct Says<'a> {
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    /// At which share of the time.
    pub(super) percent: u32,
}

/// The channel managers of these partners, each once, and the partners' names.
async fn managers<'a>(
    ctx: &Context,
    slugs: impl Iterator<Item = &'a str>,
) -> Result<(Vec<Staff>, Vec<String>)> {
    let mut managers = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for slug in slugs {
        let Some(partner) = partners::partner(&ctx.db, slug).await? else { continue };
        if let Some(manager) = reminder::manager(ctx, &partner) {
            managers.insert(manager.email.key(), manager);
        }
        if !names.contains(&partner.name) {
            names.push(partner.name);
        }
    }
    Ok((managers.into_values().collect(), names))
}

/// One mail a channel manager of a case about its time.
///
/// # Errors
/// Those of the store and of composing.
pub(super) async fn again(
    ctx: &Context,
    case: &Case,
    parties: &[Party],
    says: &Says<'_>,
) -> Result<Vec<Ready>> {
    let (managers, names) = managers(ctx, parties.iter().map(|party| party.partner.as_str())).await?;
    managers.iter().map(|to| timed(ctx, case, to, &names, says)).collect()
}

/// The same to one person.
///
/// # Errors
/// As [`again`].
pub(super) async fn to_one(
    ctx: &Context,
    case: &Case,
    parties: &[Party],
    to: &Staff,
    says: &Says<'_>,
) -> Result<Ready> {
    let (_, names) = managers(ctx, parties.iter().map(|party| party.partner.as_str())).await?;
    timed(ctx, case, to, &names, says)
}

fn timed(ctx: &Context, case: &Case, to: &Staff, names: &[String], says: &Says<'_>) -> Result<Ready> {
    let token = DeskToken::of_address(to.email.as_str(), ctx.clock.wall_ms()).sign(&ctx.keys);
    notices::compose_for_staff(
        ctx,
        &StaffNotice {
            source: format!("conflict-time:{}:{}:{}", case.id, case.asked_ms, says.percent),
            sender: Some("leads"),
            to,
            words: Words {
                subject: says.subject.to_owned(),
                heading: "Who goes on?".to_owned(),
                paragraphs: vec![says.text.to_owned()],
                facts: vec![("Partners".to_owned(), names.join(", "))],
                button: (
                    "Look at both leads".to_owned(),
                    format!("/desk/enter/{token}?to=/desk/conflicts/{}", case.id),
                ),
                why: "You look after one of these partners, or after those who do, for the vendor."
                    .to_owned(),
            },
        },
    )
}

/// One mail a channel manager of these partners, about the case at this version. It names nobody: what it is about is behind
/// its link.
///
/// # Errors
/// Those of the store and of composing.
pub(super) async fn to_managers<'a>(
    ctx: &Context,
    case_id: &str,
    version: i64,
    partners: impl Iterator<Item = &'a str>,
    because: &str,
) -> Result<Vec<Ready>> {
    let (managers, names) = managers(ctx, partners).await?;
    let mail = |to: &Staff| {
        let token = DeskToken::of_address(to.email.as_str(), ctx.clock.wall_ms()).sign(&ctx.keys);
        notices::compose_for_staff(
            ctx,
            &StaffNotice {
                source: format!("conflict:{case_id}:{version}"),
                sender: Some("leads"),
                to,
                words: Words {
                    subject: "Two partners, one contact: who goes on?".to_owned(),
                    heading: "Who goes on?".to_owned(),
                    paragraphs: vec![
                        format!(
                            "Somebody is known through two of our partners, and a person decides who goes on: {because}."
                        ),
                        "Until then nobody is offered the second lead, and the contact gets no second call. Neither partner \
                         learns who the other one is."
                            .to_owned(),
                    ],
                    facts: vec![("Partners".to_owned(), names.join(", "))],
                    button: (
                        "Look at both leads and decide".to_owned(),
                        format!("/desk/enter/{token}?to=/desk/conflicts/{case_id}"),
                    ),
                    why: "You look after one of these partners for the vendor.".to_owned(),
                },
            },
        )
    };
    managers.iter().map(mail).collect()
}
