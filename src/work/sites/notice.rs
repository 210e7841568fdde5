//! Who hears by mail that a site refuses us, or that a post was given up.

use crate::{
    domain::{content::vendor::Staff, kernel::EmailAddress},
    store::{partners, site_posts::Post, sites::Site},
    work::{
        Context,
        notices::{self, Ready, StaffNotice, Words},
    },
};

/// The mails that say so: to the contact, and to whoever looks after the partner.
pub(super) async fn refused(ctx: &Context, site: &Site, why: &str) -> Vec<Ready> {
    let words = Said {
        source: format!("refused:{}", site.state_ms),
        subject: format!("{} takes no more posts", site.url),
        heading: "A site takes no more posts",
        paragraphs: vec![
            format!("Nothing is posted there any more: {why}."),
            "What was posted stays as it is, also what is corrected or withdrawn meanwhile. Make a new application password there \
             (Users, Profile, Application Passwords) and connect the site anew; then it goes on with what waits."
                .to_owned(),
        ],
    };
    tell(ctx, site, &words).await
}

/// The mails that say that one post, or its withdrawal, was given up.
pub(super) async fn failed(ctx: &Context, site: &Site, post: &Post, why: &str) -> Vec<Ready> {
    let (what, follows) = if post.wanted.is_empty() {
        ("could not be withdrawn", "It was recalled: please take it away there by hand, at once.")
    } else {
        (
            "could not be posted",
            "What stands there stays as it is. `Try now` on the site’s page tries it again.",
        )
    };
    let words = Said {
        source: format!("failed:{}:{}", post.asset, post.token),
        subject: format!("{} {what} at {}", post.asset, site.url),
        heading: "A post on a site was given up",
        paragraphs: vec![format!("{} {what}: {why}.", post.asset), follows.to_owned()],
    };
    tell(ctx, site, &words).await
}

/// The mails that say that what was withdrawn stands there still.
pub(super) async fn late(ctx: &Context, site: &Site, post: &Post, why: &str) -> Vec<Ready> {
    tell(ctx, site, &still_there(site, post, why)).await
}

/// The mails that say that a fault of our own keeps a post, or its withdrawal: to whoever looks after the partner, who has no part
/// in it.
pub(super) async fn withheld(ctx: &Context, site: &Site, post: &Post, why: &str) -> Vec<Ready> {
    let words = if post.wanted.is_empty() {
        still_there(site, post, why)
    } else {
        Said {
            source: format!("withheld:{}:{}", post.asset, post.wanted_ms),
            subject: format!("{} is not posted at {} yet", post.asset, site.url),
            heading: "A post on a site waits by no fault of the site",
            paragraphs: vec![
                format!("{} could not be posted: {why}.", post.asset),
                "The site was asked for nothing. It is tried every five minutes until this is mended here."
                    .to_owned(),
            ],
        }
    };
    by_mail(ctx, site, &[manager(ctx, site).await], &words)
}

fn still_there(site: &Site, post: &Post, why: &str) -> Said {
    Said {
        source: format!("late:{}:{}", post.asset, post.wanted_ms),
        subject: format!("{} still stands at {}", post.asset, site.url),
        heading: "A post that was withdrawn still stands on a site",
        paragraphs: vec![
            format!("{} has been waiting for an hour or more to be taken away there, and could not be: {why}.", post.asset),
            "It is tried again and again for three days. Whoever can open the site can take it away by hand at once.".to_owned(),
        ],
    }
}

/// What a mail says.
struct Said {
    /// What it is about, so that it is sent once.
    source: String,
    subject: String,
    heading: &'static str,
    paragraphs: Vec<String>,
}

async fn tell(ctx: &Context, site: &Site, said: &Said) -> Vec<Ready> {
    let manager = manager(ctx, site).await;
    let mut addresses = vec![site.contact_email.clone()];
    if manager != site.contact_email {
        addresses.push(manager);
    }
    by_mail(ctx, site, &addresses, said)
}

/// Who looks after the partner; of one that nobody knows any more, whoever is named first for the vendor.
async fn manager(ctx: &Context, site: &Site) -> String {
    // A row that cannot be read keeps nobody from hearing of it.
    let partner = partners::partner(&ctx.db, &site.partner_slug).await.ok().flatten();
    let library = ctx.library();
    let first = library.vendor.iter().flat_map(|vendor| &vendor.channel_managers).next();
    match (partner, first) {
        (Some(partner), _) => partner.channel_manager_email,
        (None, Some(first)) => first.email.to_string(),
        (None, None) => String::new(),
    }
}

fn by_mail(ctx: &Context, site: &Site, addresses: &[String], said: &Said) -> Vec<Ready> {
    let addresses = addresses.iter().filter_map(|address| EmailAddress::parse(address).ok());
    addresses.filter_map(|email| mail(ctx, site, email, said)).collect()
}

/// The mail; none where it cannot be written, which stops nothing else.
fn mail(ctx: &Context, site: &Site, email: EmailAddress, said: &Said) -> Option<Ready> {
    let to = Staff { name: email.to_string(), title: String::new(), email, may: Vec::new() };
    let notice = StaffNotice {
        source: format!("site:{}:{}:{}", site.id, said.source, to.email),
        sender: None,
        to: &to,
        words: Words {
            subject: said.subject.clone(),
            heading: said.heading.to_owned(),
            paragraphs: said.paragraphs.clone(),
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
            tracing::error!(site = site.id, error = error.detail(), "nobody can be told of a site's fault");
        })
        .ok()
}
