//! Who hears that a site refuses us, by mail.

use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{EmailAddress, Result},
    },
    store::{partners, sites::Site},
    work::{
        Context,
        notices::{self, Ready, StaffNotice, Words},
    },
};

/// The mails that say so: to the contact, and to whoever looks after the partner.
///
/// # Errors
/// Those of the store.
pub(super) async fn refused(ctx: &Context, site: &Site, why: &str) -> Result<Vec<Ready>> {
    let partner = partners::partner(&ctx.db, &site.partner_slug).await?;
    let manager = partner.map(|partner| partner.channel_manager_email).unwrap_or_default();
    let mut addresses = vec![site.contact_email.clone()];
    if manager != site.contact_email {
        addresses.push(manager);
    }
    let mails = addresses.iter().filter_map(|address| EmailAddress::parse(address).ok());
    Ok(mails.filter_map(|email| mail(ctx, site, email, why)).collect())
}

/// The mail; none where it cannot be written, which stops nothing else.
fn mail(ctx: &Context, site: &Site, email: EmailAddress, why: &str) -> Option<Ready> {
    let to = Staff { name: email.to_string(), title: String::new(), email, may: Vec::new() };
    let notice = StaffNotice {
        source: format!("site:{}:refused:{}:{}", site.id, site.state_ms, to.email),
        sender: None,
        to: &to,
        words: Words {
            subject: format!("{} takes no more posts", site.url),
            heading: "A site takes no more posts".to_owned(),
            paragraphs: vec![
                format!("Nothing is posted there any more: {why}."),
                "What was posted stays as it is, also what is corrected or withdrawn meanwhile. Make a new application \
                 password there (Users, Profile, Application Passwords) and connect the site anew; then it goes on with what \
                 waits."
                    .to_owned(),
            ],
            facts: vec![
                ("Site".to_owned(), site.url.clone()),
                ("User".to_owned(), site.username.clone()),
                ("Partner".to_owned(), site.partner_slug.clone()),
            ],
            button: Default::default(),
            why: "You are named as the contact of this site, or look after the partner.".to_owned(),
        },
    };
    notices::compose_for_staff(ctx, &notice)
        .map_err(|error| {
            tracing::error!(
                site = site.id,
                error = error.detail(),
                "nobody can be told that a site refuses us"
            );
        })
        .ok()
}
