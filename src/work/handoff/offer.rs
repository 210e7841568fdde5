//! An offer: to whom, until when, and the mail that says so.

use super::{
    super::{
        cobrand::no_content,
        context::Context,
        notices::{self, Notice, Words},
        sequences,
        tokens::offer_token,
    },
    advance, clock_of, decision, stage_of, wording,
};
use crate::{
    domain::{
        content::rules::routing::People,
        kernel::{Error, Result, clock::utc, id::OfferId},
        lead::{
            LeadStage, OfferPurpose, SlaKind, StopReason,
            clock::Heat,
            route::{self, Ask, Load, Receiver},
        },
        partner::{Contact, Partner},
    },
    store::{
        Tx, audit, lead_clocks,
        leads::Lead,
        offers::{self, Offer},
        partners::{self, StoredContact},
    },
};

/// A lead that is to be offered.
#[derive(Debug, Clone, Copy)]
pub struct Offering<'a> {
    /// The lead.
    pub lead: &'a Lead,
    /// The partner it came through.
    pub partner: &'a Partner,
    /// The title of what brought it.
    pub asset_title: &'a str,
    /// Why it is qualified.
    pub because: &'a str,
    /// How urgent it is.
    pub heat: Heat,
    /// Who lets it pass right now, by address, and how that reads.
    pub passing: Option<(&'a str, &'a str)>,
    /// Who had it before and is to have it again, by address.
    pub again: Option<&'a str>,
}

impl<'a> Offering<'a> {
    /// An offer of a lead that nobody lets pass, and that goes to whoever comes next.
    pub fn new(
        lead: &'a Lead,
        partner: &'a Partner,
        asset_title: &'a str,
        because: &'a str,
        heat: Heat,
    ) -> Self {
        Self { lead, partner, asset_title, because, heat, passing: None, again: None }
    }
}

/// An offer ready to be stored with everything that belongs to it.
pub struct HandOff {
    pub(super) offer: Offer,
    pub(super) clock: lead_clocks::SlaClock,
    because: String,
    /// Who says that it qualifies: the rule, or whoever gave it to somebody.
    qualified_by: String,
    pub(super) routed: String,
    mail: Option<notices::Ready>,
}

/// Routes a qualified lead and composes the offer. Stores nothing. Whoever let the lead pass since it last went back to
/// nurture is not asked again.
///
/// # Errors
/// No routing rule yet, or those of the store.
pub async fn prepare(ctx: &Context, of: &Offering<'_>) -> Result<HandOff> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let known = Known::load(ctx, of).await?;
    let route = routed(rule.people, of, &known.contacts, &known.before, &known.loads);
    compose(ctx, of, &known.people, route)
}

/// What is known of a partner's people when the rule is asked about a lead.
struct Known {
    people: Vec<StoredContact>,
    contacts: Vec<Contact>,
    before: Vec<Offer>,
    loads: Vec<offers::Load>,
}

impl Known {
    async fn load(ctx: &Context, of: &Offering<'_>) -> Result<Self> {
        let slug = of.partner.slug.as_str();
        let people = partners::contacts_of(&ctx.db, slug).await?;
        let contacts = people.iter().map(|stored| stored.contact.clone()).collect();
        let before = offers::of_lead(&ctx.db, &of.lead.id).await?;
        let loads = offers::loads(&ctx.db, slug).await?;
        Ok(Self { people, contacts, before, loads })
    }
}

/// Whom a lead goes to, of a partner's `contacts`, by what it was offered `before` and what each has in hand.
pub(in super::super) fn routed<'p>(
    rule: People,
    of: &Offering<'p>,
    contacts: &'p [Contact],
    before: &[Offer],
    loads: &[offers::Load],
) -> route::Route<'p> {
    asked(rule, of, contacts, (before, loads), route::route)
}

/// The partner's people in their order, each with why the rule would not choose them for this lead; nothing for whom it might.
///
/// # Errors
/// As [`prepare`].
pub(super) async fn fitness(ctx: &Context, of: &Offering<'_>) -> Result<Vec<(Contact, Option<String>)>> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let known = Known::load(ctx, of).await?;
    Ok(asked(rule.people, of, &known.contacts, (&known.before, &known.loads), |ask| {
        route::fitness(ask).into_iter().map(|(contact, why_not)| (contact.clone(), why_not)).collect()
    }))
}

/// Asks the rule about a lead and a partner's `contacts`.
fn asked<'p, R>(
    rule: People,
    of: &Offering<'p>,
    contacts: &'p [Contact],
    (before, loads): (&[Offer], &[offers::Load]),
    answer: impl FnOnce(&Ask<'_, 'p>) -> R,
) -> R {
    let passed = passed(before, of);
    let load = |contact: &Contact| {
        let load = loads.iter().find(|load| load.rep_key == contact.email.key());
        load.map_or(Load::default(), |load| Load {
            live: u32::try_from(load.live).unwrap_or(u32::MAX),
            last_ms: load.last_ms,
        })
    };
    let why_not = |contact: &Contact| {
        passed.iter().find(|(key, _)| *key == contact.email.key()).map(|(_, why)| (*why).to_owned())
    };
    answer(&Ask {
        partner: of.partner,
        contacts,
        people: rule,
        load: &load,
        passed: &why_not,
        again: of.again,
    })
}

/// As [`prepare`], to the person at `to` whom `chooser` chose.
///
/// # Errors
/// As [`prepare`], and `Invalid` for nobody of the partner's and the vendor's.
pub(super) async fn prepare_to(ctx: &Context, of: &Offering<'_>, to: &str, chooser: &str) -> Result<HandOff> {
    let people = partners::contacts_of(&ctx.db, of.partner.slug.as_str()).await?;
    let contact = people.iter().find(|stored| stored.contact.email.as_str().eq_ignore_ascii_case(to));
    let receiver = match contact {
        Some(stored) => Receiver::Contact(&stored.contact),
        None if of.partner.channel_manager_email.eq_ignore_ascii_case(to) => {
            Receiver::ChannelManager { email: &of.partner.channel_manager_email }
        }
        None => return Err(nobody(to)),
    };
    let route = route::Route { receiver, because: String::new(), considered: Vec::new() };
    let mut hand_off = compose(ctx, of, &people, route)?;
    let name = hand_off.offer.rep_name.as_str();
    let because =
        if name == chooser { format!("{chooser} took it") } else { format!("{chooser} gave it to {name}") };
    hand_off.offer.because.clone_from(&because);
    Ok(HandOff { qualified_by: chooser.to_owned(), routed: because, ..hand_off })
}

fn compose(
    ctx: &Context,
    of: &Offering<'_>,
    people: &[StoredContact],
    route: route::Route<'_>,
) -> Result<HandOff> {
    let partner = of.partner;
    let now_ms = ctx.now_ms();
    let id = OfferId::new(now_ms, &*ctx.random);
    let (offer, zone) = offer_to(ctx, of, people, &route, id);
    let clock = clock_of(ctx, &offer, partner, zone, SlaKind::Accept, now_ms)?;
    let mail = offer_mail(ctx, of, &offer, id, clock.due_ms, zone)?;
    let considered: Vec<String> =
        route.considered.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let routed = if considered.is_empty() {
        route.because
    } else {
        format!("{}. Considered: {}.", route.because, considered.join("; "))
    };
    Ok(HandOff {
        offer,
        clock,
        because: of.because.to_owned(),
        qualified_by: "partnercast".to_owned(),
        routed,
        mail: Some(mail),
    })
}

/// Who is not asked, by lower-cased address, with the reason.
fn passed<'a>(offers: &[Offer], of: &Offering<'a>) -> Vec<(String, &'a str)> {
    let since_ms = of.lead.recycled_ms.unwrap_or(i64::MIN);
    let before = offers.iter().filter(|offer| offer.offered_ms > since_ms).filter_map(|offer| {
        let why = match offer.answer.as_deref() {
            // They did nothing wrong: another partner went on for a while.
            Some("recalled") if StopReason::of(&offer.reason) == StopReason::Conflict => return None,
            Some("accepted") if StopReason::of(&offer.reason) == StopReason::Conflict => return None,
            Some("rejected") => "turned this lead down before",
            Some("recalled") if StopReason::of(&offer.reason) == StopReason::Overdue => {
                "did not answer in time before"
            }
            Some("recalled") => "had it taken back before",
            Some("accepted") if offer.ended_ms.is_some() => "had this lead before",
            _ => return None,
        };
        Some((offer.rep_email.to_lowercase(), why))
    });
    before.chain(of.passing.map(|(address, why)| (address.to_lowercase(), why))).collect()
}

fn offer_to(
    ctx: &Context,
    of: &Offering<'_>,
    people: &[StoredContact],
    route: &route::Route<'_>,
    id: OfferId,
) -> (Offer, chrono_tz::Tz) {
    let library = ctx.library();
    let (rep_name, rep_email, contact_id, zone) = match route.receiver {
        Receiver::Contact(contact) => {
            let stored = people.iter().find(|stored| stored.contact.email == contact.email);
            let zone = contact.zone.unwrap_or(of.partner.zone);
            (contact.name.clone(), contact.email.to_string(), stored.map(|it| it.id.to_string()), zone)
        }
        Receiver::ChannelManager { email } => {
            let vendor = library.vendor.as_ref();
            let manager = vendor.and_then(|vendor| vendor.manager_at(email));
            let zone = vendor.map_or(of.partner.zone, |vendor| vendor.zone_of(email));
            (manager.map_or_else(|| email.to_owned(), |it| it.name.clone()), email.to_owned(), None, zone)
        }
    };
    let offer = Offer {
        id: id.to_string(),
        lead_id: of.lead.id.clone(),
        contact_id,
        rep_name,
        rep_email,
        because: route.because.clone(),
        temperature: of.heat.as_str().to_owned(),
        offered_ms: ctx.now_ms(),
        purpose: OfferPurpose::Work.as_str().to_owned(),
        ..Offer::default()
    };
    (offer, zone)
}

/// Longest title in the words that tell leads apart.
const TITLE_CHARS_MAX: usize = 40;

/// What a lead is called before its card is opened: the last four letters of its key. It says nothing about the person.
pub fn code(lead_id: &str) -> String {
    let from = lead_id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    lead_id.get(from..).unwrap_or_default().to_uppercase()
}

/// What tells offers apart, without a word about the person: what they read, the score and grade, and the lead's code.
pub fn mark(lead: &Lead, asset_title: &str) -> String {
    let title = if asset_title.chars().count() > TITLE_CHARS_MAX {
        format!("{}…", asset_title.chars().take(TITLE_CHARS_MAX).collect::<String>().trim_end())
    } else {
        asset_title.to_owned()
    };
    format!("{title} · {}/{} · {}", lead.score, lead.fit, code(&lead.id))
}

/// The mail to the rep: what it is about and by when to answer, without personal data; the card is behind the link.
fn offer_mail(
    ctx: &Context,
    of: &Offering<'_>,
    offer: &Offer,
    offer_id: OfferId,
    due_ms: i64,
    zone: chrono_tz::Tz,
) -> Result<notices::Ready> {
    let (lead, partner) = (of.lead, of.partner);
    let is_managers = offer.contact_id.is_none();
    let locale = &wording::language(ctx, partner, is_managers);
    let strings = ctx.templates.strings(locale);
    let due = strings.date_time(&utc(due_ms).with_timezone(&zone));
    let hot = of.heat == Heat::Hot;
    let is_told = wording::is_passed_on(lead);
    let vendor = wording::vendor(ctx);
    let values = [
        ("partner", partner.name.as_str()),
        ("vendor", vendor.as_str()),
        ("due", due.as_str()),
        ("asset", of.asset_title),
        ("name", crate::domain::partner::contact::first_name(&offer.rep_name)),
    ];
    let mut facts = vec![
        (strings.get("offer_fact_due").to_owned(), due.clone()),
        (strings.get("offer_fact_asset").to_owned(), of.asset_title.to_owned()),
        (strings.get("offer_fact_score").to_owned(), format!("{} / {}", lead.score, lead.fit)),
    ];
    let why = wording::why(ctx, &strings, locale, of);
    facts.extend(why.map(|why| (strings.get("offer_fact_why").to_owned(), why)));
    if let Some(size) = &lead.company_size {
        facts.push((strings.get("offer_fact_size").to_owned(), size.clone()));
    }
    let paragraphs = [if is_told { "offer_text_told" } else { "offer_text" }]
        .into_iter()
        .chain(is_managers.then_some("offer_text_manager"))
        .chain(["offer_text_privacy"])
        .map(|text| strings.fill(text, &values))
        .collect();
    let subject = match (hot, is_told) {
        (true, true) => "offer_subject_told",
        (true, false) => "offer_subject_hot",
        (false, _) => "offer_subject",
    };
    let token = offer_token(&ctx.keys, offer_id, ctx.clock.wall_ms());
    let notice = Notice {
        source: format!("offer:{}", offer.id),
        lead_id: lead.id.clone(),
        to_name: offer.rep_name.clone(),
        to_email: offer.rep_email.clone(),
        partner,
        locale,
        sender: "leads",
        words: Words {
            subject: format!("{} ({})", strings.fill(subject, &values), mark(lead, of.asset_title)),
            heading: strings.fill(if hot { "offer_heading_hot" } else { "offer_heading" }, &values),
            paragraphs,
            facts,
            button: (strings.get("offer_button").to_owned(), format!("/o/{token}")),
            why: strings.fill(if is_managers { "offer_why_manager" } else { "offer_why" }, &values),
        },
        stop: None,
        tracks: false,
    };
    notices::compose(ctx, &notice)
}

impl HandOff {
    /// Stores the offer, its clock, its mail and the lead's steps; the lead is then `offered`.
    ///
    /// # Errors
    /// `Conflict` if another offer is open: a lead has one owner at a time. Those of the store.
    pub async fn store(self, ctx: &Context, tx: &mut Tx, lead: &mut Lead) -> Result<()> {
        lead.because.clone_from(&self.because);
        lead.reopen_ms = None;
        lead.closed_reason.clear();
        if stage_of(lead)? == LeadStage::Disqualified {
            advance(ctx, tx, lead, LeadStage::Recycled, "partnercast", "Asked again after it was closed.")
                .await?;
        }
        advance(ctx, tx, lead, LeadStage::Mql, &self.qualified_by, &self.because).await?;
        self.store_again(ctx, tx, lead).await
    }

    /// As [`HandOff::store`], for a lead that is qualified already.
    pub(super) async fn store_again(self, ctx: &Context, tx: &mut Tx, lead: &mut Lead) -> Result<()> {
        let what = if decision::is_to_decide(&self.offer) {
            self.routed.clone()
        } else {
            format!("Offered to {}. {}", self.offer.rep_name, self.routed)
        };
        advance(ctx, tx, lead, LeadStage::Offered, "partnercast", &what).await?;
        offers::add(tx, &self.offer).await?;
        sequences::hand_over(tx, &lead.id, ctx.now_ms()).await?;
        lead_clocks::start(tx, &self.clock).await?;
        if let Some(mail) = self.mail {
            mail.enqueue(tx, ctx.now_ms()).await?;
        }
        tracing::info!(lead = lead.id, offer = self.offer.id, "lead offered");
        audit::record(tx, ctx.now_ms(), &*ctx.random, "partnercast", "offer", &lead.id, &self.offer.rep_name)
            .await
    }

    /// The same for somebody who knows of it already.
    pub(super) fn without_mail(mut self) -> Self {
        self.mail = None;
        self
    }

    /// The same with another mail.
    pub(super) fn with_mail(mut self, mail: notices::Ready) -> Self {
        self.mail = Some(mail);
        self
    }

    /// Whether it goes to the channel manager, because nobody at the partner can take it.
    pub(super) fn is_managers(&self) -> bool {
        self.offer.contact_id.is_none()
    }

    /// Whether it goes to `address`.
    pub(super) fn is_to(&self, address: &str) -> bool {
        self.offer.rep_email.eq_ignore_ascii_case(address)
    }
}

/// Why an offer to an address that is nobody's any more cannot be made.
pub(super) fn nobody(address: &str) -> Error {
    Error::invalid(format!(
        "nobody at {address} can receive leads: choose one of the partner's people or its channel manager"
    ))
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_code_is_the_end_of_the_key() {
        assert_eq!(code("led_01hzy7k3q"), "7K3Q");
        assert_eq!(code("abc"), "ABC");
        assert_eq!(code(""), "");
    }
}
