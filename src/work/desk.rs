//! Who has a desk: the people whom leads are offered to, known by their address. Most are contacts of a partner; the
//! vendor's channel managers are not, and get what nobody at the partner takes; nor is the sponsor, who looks after all.

use chrono_tz::Tz;

use super::{
    context::Context,
    notices::{self, StaffNotice, Words},
    tokens::DeskToken,
};
use crate::{
    domain::{
        content::vendor::Staff,
        kernel::{EmailAddress, Error, Result, clock::DAY_MS},
        partner::Partner,
    },
    store::{audit, partners},
};

/// Somebody with a desk.
#[derive(Debug, Clone)]
pub struct Rep {
    /// The lower-cased address.
    pub key: String,
    /// Full name.
    pub name: String,
    /// The partner they work for, or the vendor.
    pub company: String,
    /// The zone of the times they read.
    pub zone: Tz,
    /// What they look after beside leads of their own.
    pub manages: Manages,
}

/// Whose leads somebody looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manages {
    /// Their own alone.
    Nobody,
    /// Those of the partners whose channel manager they are.
    Theirs,
    /// Those of all partners, as the sponsor.
    All,
}

impl Rep {
    /// Whether they look after the leads of `partner`.
    pub fn looks_after(&self, partner: &Partner) -> bool {
        match self.manages {
            Manages::Nobody => false,
            Manages::Theirs => self.is_at(&partner.channel_manager_email),
            Manages::All => true,
        }
    }

    /// Whether `address` is theirs.
    pub fn is_at(&self, address: &str) -> bool {
        address.to_lowercase() == self.key
    }
}

/// The rep at `address`. Nobody who is neither an active contact nor a channel manager has a desk, so that an open
/// session ends with the job.
///
/// # Errors
/// Those of the store.
pub async fn rep(ctx: &Context, address: &str) -> Result<Option<Rep>> {
    let key = address.to_lowercase();
    if let Some(stored) = partners::contact_at(&ctx.db, &key).await? {
        let partner = partners::partner(&ctx.db, stored.contact.partner.as_str()).await?;
        let zone = stored.contact.zone.or(partner.as_ref().map(|partner| partner.zone));
        return Ok(Some(Rep {
            key,
            name: stored.contact.name,
            company: partner.map(|partner| partner.name).unwrap_or_default(),
            zone: zone.unwrap_or(Tz::UTC),
            manages: Manages::Nobody,
        }));
    }
    let library = ctx.library();
    let vendor = library.vendor.as_ref();
    let listed = vendor.and_then(|vendor| vendor.manager_at(&key)).map(|manager| manager.name.clone());
    let sponsor = library.rules.routing.as_ref().and_then(|rule| rule.sponsor.as_ref());
    let is_sponsor = sponsor.is_some_and(|(email, _)| email.key() == key);
    let member = vendor.filter(|_| is_sponsor).and_then(|vendor| vendor.member(&key));
    let name = match listed.or_else(|| member.map(|member| member.name.clone())) {
        Some(name) => Some(name),
        // A partner may have a manager of its own, whom vendor.toml does not list.
        None => partners::channel_managers(&ctx.db).await?.into_iter().find(|it| it.to_lowercase() == key),
    };
    Ok(name.map(|name| Rep {
        manages: if is_sponsor { Manages::All } else { Manages::Theirs },
        zone: vendor.map_or(Tz::UTC, |vendor| vendor.zone_of(&key)),
        company: vendor.map(|vendor| vendor.name.clone()).unwrap_or_default(),
        key,
        name,
    }))
}

/// How long a link opens a desk, or the card of an offer.
pub const LINK_MS: i64 = 7 * DAY_MS;

/// The rep whose desk a link opens. Changes nothing.
///
/// # Errors
/// `NotFound` for a link that is not ours, too old, or of somebody who has no desk any more; else those of the store.
pub async fn of_link(ctx: &Context, token: &str) -> Result<Rep> {
    let link = DeskToken::verify(&ctx.keys, token)?;
    let gone = || Error::not_found("this link (it opens your desk for seven days; ask for another)");
    if ctx.clock.wall_ms() - link.made_ms > LINK_MS {
        return Err(gone());
    }
    let address = match link.contact() {
        Some(contact) => {
            partners::contact(&ctx.db, &contact.to_string()).await?.map(|it| it.contact.email.to_string())
        }
        None => vendors_people(ctx).await?.into_iter().find(|address| link.is_for(address)),
    };
    rep(ctx, &address.ok_or_else(gone)?).await?.ok_or_else(gone)
}

/// The addresses of those at the vendor who have a desk.
async fn vendors_people(ctx: &Context) -> Result<Vec<String>> {
    let library = ctx.library();
    let managers = library.vendor.iter().flat_map(|vendor| &vendor.channel_managers);
    let sponsor =
        library.rules.routing.iter().filter_map(|rule| rule.sponsor.as_ref()).map(|(email, _)| email);
    let mut people: Vec<String> =
        managers.map(|it| &it.email).chain(sponsor).map(ToString::to_string).collect();
    people.extend(partners::channel_managers(&ctx.db).await?);
    Ok(people)
}

/// Mails a link to the desk of whoever has this address. Whoever asks learns nothing: an address of nobody's is answered
/// alike.
///
/// # Errors
/// Those of the store, and of content without a sender.
pub async fn send_link(ctx: &Context, address: &str) -> Result<()> {
    let Ok(email) = EmailAddress::parse(address.trim()) else { return Ok(()) };
    let Some(rep) = rep(ctx, email.as_str()).await? else { return Ok(()) };
    let made_ms = ctx.clock.wall_ms();
    let contact = partners::contact_at(&ctx.db, &rep.key).await?;
    let link = match contact {
        Some(stored) => DeskToken::of_contact(stored.id, made_ms),
        None => DeskToken::of_address(&rep.key, made_ms),
    };
    let to = Staff { name: rep.name.clone(), title: String::new(), email, may: Vec::new() };
    let mail = notices::compose_for_staff(
        ctx,
        &StaffNotice {
            source: format!("desk:{}:{made_ms}", rep.key),
            sender: Some("leads"),
            to: &to,
            words: Words {
                subject: "Your link to your leads".to_owned(),
                heading: "Open your desk".to_owned(),
                paragraphs: vec![
                    "You asked for this link.".to_owned(),
                    "It opens your leads in the browser where you press the button, for seven days. Do not pass it on. If \
                     you did not ask, leave it: nothing happens."
                        .to_owned(),
                ],
                facts: Vec::new(),
                button: ("Open my desk".to_owned(), format!("/desk/enter/{}", link.sign(&ctx.keys))),
                why: "Leads are offered to you, or you look after those of partners.".to_owned(),
            },
        },
    )?;
    let mut tx = ctx.db.begin().await?;
    mail.enqueue(&mut tx, ctx.now_ms()).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, &rep.key, "sign-in-link", "desk", "").await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    Ok(())
}
