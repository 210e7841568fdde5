//! The mail to the channel managers of a conflict that a person is to decide.

use std::collections::BTreeMap;

use super::super::super::{
    context::Context,
    notices::{self, Ready, StaffNotice, Words},
    tokens::DeskToken,
};
use crate::{domain::kernel::Result, store::partners, work::handoff::reminder};

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
    let mut managers = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for slug in partners {
        let Some(partner) = partners::partner(&ctx.db, slug).await? else { continue };
        if let Some(manager) = reminder::manager(ctx, &partner) {
            managers.insert(manager.email.key(), manager);
        }
        if !names.contains(&partner.name) {
            names.push(partner.name);
        }
    }
    let mail = |to: &crate::domain::content::vendor::Staff| {
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
    managers.values().map(mail).collect()
}
