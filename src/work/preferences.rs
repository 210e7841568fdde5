//! What a reader of newsletters wants: unsubscribe in one click, choose, come back.

use chrono_tz::Tz;

use super::{context::Context, kept, sequences, tokens::MailToken};
use crate::{
    domain::{
        content::Library,
        engagement::{EventKind, Reason},
        kernel::{Error, Locale, Result, clock::UtcMs, text::base_key, token::Purpose},
        partner::{Partner, Roles},
        program::cadence::Cadence,
    },
    store::{
        Tx, audit, calls, consents, deliveries,
        events::{self},
        leads, partners, renditions,
        suppressions::{self, ALL},
    },
    work::track::{self, Visitor},
};

/// What the preference page shows.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// The reader's name.
    pub name: String,
    /// The reader's address, partly hidden: a forwarded mail shows it to others.
    pub email_masked: String,
    /// Their partner.
    pub partner: Partner,
    /// Every newsletter, unless the mail went to a customer of the partner's, and the sequences that they are or were in: slug,
    /// title, description, whether they get it.
    pub newsletters: Vec<Subscription>,
    /// Whether stopping everything also takes back what they agreed to as a customer.
    pub is_customer: bool,
    /// Whether everything is stopped.
    pub all_stopped: bool,
    /// Why they got the mail they came from.
    pub because: Because,
    /// The newsletter or sequence of that mail.
    pub this_newsletter: Option<String>,
    /// The language of that mail.
    pub locale: Locale,
    /// The zone whose clocks they go by, for readers of newsletters.
    pub zone: Option<Tz>,
}

/// Why somebody got a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// A newsletter for people of these roles at the partner.
    Reader(Roles),
    /// A mail to somebody who gave the partner their address.
    Customer,
    /// A mail of its own, which says why in its own language.
    Said(String),
}

/// One newsletter or sequence on the preference page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its slug.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// When it comes; none for a cadence that nobody can read, and for sequences.
    pub cadence: Option<Cadence>,
    /// Whose time that is, where it is not the reader's own.
    pub zone: Option<Tz>,
    /// Whether they get it.
    pub subscribed: bool,
    /// How its last promises to their partner's readers were kept.
    pub kept: kept::Lately,
}

async fn mail_of(ctx: &Context, token: &str) -> Result<deliveries::Sent> {
    let mail = MailToken::verify(&ctx.keys, Purpose::Preferences, token)?;
    deliveries::sent(&ctx.db, mail.delivery).await?.ok_or_else(|| Error::not_found("the mail of this link"))
}

/// What the page shows. Changes nothing.
///
/// # Errors
/// `NotFound` for a token we did not sign.
pub async fn state(ctx: &Context, token: &str) -> Result<Preferences> {
    let mail = mail_of(ctx, token).await?;
    let partner = partners::partner(&ctx.db, &mail.partner_slug).await?;
    let partner = partner.ok_or_else(|| Error::not_found("the partner of this mail"))?;
    let stopped = suppressions::of(&ctx.db, ctx.now_ms(), &mail.recipient_key).await?;
    let is_stopped = |scope: &str| stopped.iter().any(|entry| entry.scope == scope);
    let rendition = renditions::view(&ctx.db, &mail.rendition_id).await?;
    let roles = rendition.as_ref().and_then(|view| Roles::parse(&view.roles).ok());
    let locale = rendition.and_then(|view| Locale::parse(&view.locale).ok()).unwrap_or_else(Locale::en);
    let library = ctx.library();
    let is_newsletter = library.newsletters().any(|(asset, _)| asset.slug() == mail.scope);
    let own = own_sequences(ctx, &library, &mail).await?;
    let is_sequence = own.iter().any(|(slug, _)| *slug == mail.scope);
    let is_customer = is_customers(&mail);
    let contact = partners::contact_at(&ctx.db, &mail.recipient_key).await?;
    let reader = contact.and_then(|stored| stored.contact.zone).unwrap_or(partner.zone);
    let vendor = library.vendor_zone();
    let mut newsletters = Vec::new();
    for (asset, newsletter) in library.newsletters() {
        if is_customer {
            break;
        }
        let record = kept::newsletter(ctx, asset.slug(), Some(partner.slug.as_str())).await?;
        newsletters.push(Subscription {
            subscribed: !is_stopped(asset.slug()) && !is_stopped(ALL),
            slug: asset.slug().to_owned(),
            title: asset.front.title.as_str().to_owned(),
            cadence: Cadence::parse(&newsletter.cadence).ok(),
            zone: Some(newsletter.zone.of(reader, partner.zone, vendor)).filter(|zone| *zone != reader),
            kept: record.lately(),
        });
    }
    newsletters.extend(own.into_iter().map(|(slug, title)| Subscription {
        subscribed: !is_stopped(&slug) && !is_stopped(ALL),
        slug,
        title,
        cadence: None,
        zone: None,
        kept: kept::Lately::default(),
    }));
    Ok(Preferences {
        zone: is_newsletter.then_some(reader),
        name: mail.recipient_name,
        email_masked: masked(&mail.recipient_key),
        partner,
        newsletters,
        all_stopped: is_stopped(ALL),
        is_customer,
        because: match roles.filter(|_| is_newsletter) {
            Some(roles) => Because::Reader(roles),
            // What is stored of a message of a sequence is for those who look after it.
            None if is_customer && is_sequence => Because::Customer,
            None => Because::Said(mail.because),
        },
        this_newsletter: (is_newsletter || is_sequence).then_some(mail.scope),
        locale,
    })
}

/// Whether a mail went to a customer of the partner's, who gets no newsletters: they are for partners' own people.
fn is_customers(mail: &deliveries::Sent) -> bool {
    mail.lead_id.is_some() && mail.contact_id.is_none()
}

/// The sequences that the reader of `mail` is or was in, and that of the mail: slug and title. Others are no business of
/// theirs.
async fn own_sequences(
    ctx: &Context,
    library: &Library,
    mail: &deliveries::Sent,
) -> Result<Vec<(String, String)>> {
    let mut slugs = vec![mail.scope.clone()];
    for person in [&mail.contact_id, &mail.lead_id].into_iter().flatten() {
        let journeys = crate::store::sequences::of_person(&ctx.db, person).await?;
        slugs.extend(journeys.into_iter().map(|journey| journey.sequence));
    }
    slugs.sort();
    slugs.dedup();
    let known = |slug: String| {
        let (asset, _) = library.sequence(&slug)?;
        let title = asset.front.title.as_str().to_owned();
        Some((slug, title))
    };
    Ok(slugs.into_iter().filter_map(known).collect())
}

/// `d…@northlight.example` of `dana.whitlock@northlight.example`.
fn masked(address: &str) -> String {
    match address.split_once('@') {
        Some((local, domain)) => format!("{}…@{domain}", local.chars().next().unwrap_or('…')),
        None => "…".to_owned(),
    }
}

/// Stops the newsletter or sequence of this mail, at once. Doing it again changes nothing (RFC 8058 asks for that), and neither does
/// the token with which `doctor` asks whether the way is open.
///
/// # Errors
/// `NotFound` for a token we did not sign.
pub async fn unsubscribe(ctx: &Context, token: &str, visitor: &Visitor) -> Result<()> {
    if ctx.keys.verify::<8>(Purpose::Doctor, token).is_ok() {
        return Ok(());
    }
    let mail = mail_of(ctx, token).await?;
    if mail.is_test {
        // Whoever tries the link of a test copy wants to go on with their work.
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    stop(ctx, &mut tx, &mail, visitor).await?;
    tx.commit().await
}

/// The same for a mail that is known; whether anything changed.
///
/// # Errors
/// Those of the store.
pub(super) async fn stop(
    ctx: &Context,
    tx: &mut Tx,
    mail: &deliveries::Sent,
    visitor: &Visitor,
) -> Result<bool> {
    let (scope, now_ms) = (scope_of(ctx, mail), ctx.now_ms());
    let changed = suppressions::add(tx, now_ms, &mail.recipient_key, scope, "unsubscribed").await?;
    if changed {
        let mut event = event_of(ctx, EventKind::Unsubscribe, mail, visitor);
        event.lead_id = lead_of(tx, mail).await?.map(|lead| lead.id);
        event.asset = Some(reference_of(ctx, scope));
        events::insert(tx, vec![event]).await?;
        if scope == ALL {
            withdraw(tx, now_ms, mail, ALL).await?;
        }
        end_sequences(tx, now_ms, mail, scope).await?;
        audit::record(tx, now_ms, &*ctx.random, "reader", "unsubscribe", &mail.recipient_key, scope).await?;
    }
    Ok(changed)
}

/// Whether [`stop`] would change anything.
///
/// # Errors
/// Those of the store.
pub(super) async fn would_stop(ctx: &Context, tx: &mut Tx, mail: &deliveries::Sent) -> Result<bool> {
    let wish =
        suppressions::asked_for(ctx.now_ms(), &mail.recipient_key, scope_of(ctx, mail), "unsubscribed");
    suppressions::is_new(tx, &wish).await
}

/// Ends what the reader of `mail` is inside and stopped with `scope`.
async fn end_sequences(tx: &mut Tx, now_ms: UtcMs, mail: &deliveries::Sent, scope: &str) -> Result<()> {
    let sequence = (scope != ALL).then_some(scope);
    let mut people: Vec<String> = [&mail.contact_id, &mail.lead_id].into_iter().flatten().cloned().collect();
    if scope == ALL {
        people.extend(leads::at_person(tx, &mail.recipient_key).await?.into_iter().map(|lead| lead.id));
    }
    for person in &people {
        sequences::unsubscribed(tx, person, sequence, now_ms).await?;
    }
    Ok(())
}

/// What `scope` names, for events.
fn reference_of(ctx: &Context, scope: &str) -> String {
    let folder = if ctx.library().sequence(scope).is_some() { "sequences" } else { "newsletters" };
    format!("{folder}/{scope}")
}

/// What unsubscribing from a mail stops: its newsletter or sequence, or everything where it belongs to none.
fn scope_of<'a>(ctx: &Context, mail: &'a deliveries::Sent) -> &'a str {
    let library = ctx.library();
    let is_newsletter = library.newsletters().any(|(asset, _)| asset.slug() == mail.scope);
    let is_own = is_newsletter || library.sequence(&mail.scope).is_some();
    if is_own { mail.scope.as_str() } else { ALL }
}

/// Sets exactly the `wanted` newsletters and sequences of those on the page; `stop_all` stops everything whatever is wanted.
///
/// # Errors
/// `NotFound` for a token we did not sign, `Invalid` for a newsletter that does not exist.
pub async fn choose(
    ctx: &Context,
    token: &str,
    wanted: &[String],
    stop_all: bool,
    visitor: &Visitor,
) -> Result<()> {
    let mail = mail_of(ctx, token).await?;
    let library = ctx.library();
    let newsletters = library.newsletters().filter(|_| !is_customers(&mail));
    let mut known: Vec<String> = newsletters.map(|(asset, _)| asset.slug().to_owned()).collect();
    known.extend(own_sequences(ctx, &library, &mail).await?.into_iter().map(|(slug, _)| slug));
    if let Some(unknown) = wanted.iter().find(|slug| !known.contains(slug)) {
        return Err(Error::invalid(format!("there is no newsletter `{unknown}`")));
    }
    let (key, now_ms) = (mail.recipient_key.as_str(), ctx.now_ms());
    let mut changes: Vec<(EventKind, String)> = Vec::new();
    let mut tx = ctx.db.begin().await?;
    if stop_all {
        if suppressions::add(&mut tx, now_ms, key, ALL, "unsubscribed").await? {
            withdraw(&mut tx, now_ms, &mail, ALL).await?;
            end_sequences(&mut tx, now_ms, &mail, ALL).await?;
            changes.push((EventKind::Unsubscribe, ALL.to_owned()));
        }
    } else {
        suppressions::remove(&mut tx, key, ALL).await?;
        for slug in known {
            let (kind, changed) = if wanted.contains(&slug) {
                (EventKind::Resubscribe, suppressions::remove(&mut tx, key, &slug).await?)
            } else {
                (
                    EventKind::Unsubscribe,
                    suppressions::add(&mut tx, now_ms, key, &slug, "unsubscribed").await?,
                )
            };
            if changed {
                if kind == EventKind::Unsubscribe {
                    end_sequences(&mut tx, now_ms, &mail, &slug).await?;
                }
                changes.push((kind, slug));
            }
        }
    }
    let lead_id = lead_of(&mut tx, &mail).await?.map(|lead| lead.id);
    for (kind, scope) in changes {
        let mut event = event_of(ctx, kind, &mail, visitor);
        event.lead_id.clone_from(&lead_id);
        event.asset = Some(reference_of(ctx, &scope));
        events::insert(&mut tx, vec![event]).await?;
        audit::record(&mut tx, now_ms, &*ctx.random, "reader", kind.as_str(), key, &scope).await?;
    }
    tx.commit().await
}

/// Whoever stops all mail takes back what they agreed to, with every partner that knows them; who called only the mails of
/// `scope` unwanted, with the partner of this one. Each owner sees it on the card.
pub(super) async fn withdraw(tx: &mut Tx, now_ms: UtcMs, mail: &deliveries::Sent, scope: &str) -> Result<()> {
    let all = leads::at_person(tx, &mail.recipient_key).await?;
    for lead in all.iter().filter(|lead| scope == ALL || mail.lead_id.as_ref() == Some(&lead.id)) {
        consents::withdraw(tx, &lead.id, now_ms).await?;
        calls::close(tx, &lead.id, "withdrawn", now_ms).await?;
        let what = "took back the consent to be contacted";
        leads::add_step(tx, &lead.id, now_ms, &lead.name, &lead.stage, what).await?;
    }
    Ok(())
}

/// The lead that a mail went to; nothing for mail about somebody else.
pub(super) async fn lead_of(tx: &mut Tx, mail: &deliveries::Sent) -> Result<Option<leads::Lead>> {
    let Some(lead_id) = &mail.lead_id else { return Ok(None) };
    Ok(leads::lead_in(tx, lead_id)
        .await?
        .filter(|lead| base_key(&lead.email) == base_key(&mail.recipient_key)))
}

fn event_of(ctx: &Context, kind: EventKind, mail: &deliveries::Sent, visitor: &Visitor) -> events::Event {
    let mut event = track::blank(ctx, kind, visitor);
    event.delivery_id = Some(mail.id.clone());
    event.contact_id.clone_from(&mail.contact_id);
    event.partner_slug.clone_from(&mail.partner_slug);
    event.judged(&Reason::Wish.into());
    event
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_forwarded_mail_does_not_show_the_whole_address() {
        assert_eq!(masked("dana.whitlock@northlight.example"), "d…@northlight.example");
    }
}
