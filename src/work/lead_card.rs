//! What a rep needs to make the first call: who, why now, what they read, what to do.

use super::{
    cobrand::CoBrand,
    context::Context,
    forms::WROTE,
    handoff::{CALLED_BACK, CALLED_OUT, GIVEN_TO, STAYS, waits_for_answer},
    intake, lead_steps,
    recall::Replaced,
    scoring,
};
use crate::{
    domain::{
        content::{
            asset::Asset,
            field::Field,
            kinds::{Detail, Playbook},
            library::Library,
            merge::{self, Template, Value},
            selection::Reader,
            tree::Node,
        },
        kernel::{Error, Result},
        lead::LeadStage,
        partner::{Contact, Partner, contact::first_name},
    },
    store::{
        answers::{self, Answer},
        assignments,
        conflicts::{self, Case, Party},
        events::{self, Event},
        lead_clocks::{self, SlaClock},
        leads::{self, Lead, Step},
        offers::{self, Offer},
        partners,
    },
};

/// Playbook for leads that no kit has one for.
const DEFAULT_PLAYBOOK: &str = "playbooks/talk-to-us";

/// The evidence card of a lead.
#[derive(Debug, Clone)]
pub struct Card {
    /// Who.
    pub lead: Lead,
    /// Through whom; the vendor stands in where no partner has it.
    pub partner: Partner,
    /// The offers, newest first.
    pub offers: Vec<Offer>,
    /// Score and fit with every line.
    pub standing: scoring::Standing,
    /// What they did.
    pub events: Vec<Event>,
    /// The clocks, oldest first.
    pub clocks: Vec<SlaClock>,
    /// What it was said to be worth, newest first.
    pub amounts: Vec<leads::Amount>,
    /// The partner's people.
    pub people: Vec<Contact>,
    /// What they answered to forms' own fields, newest first.
    pub answers: Vec<Answer>,
    /// The conflict with another partner that it is in, with its part.
    pub conflict: Option<(Case, Party)>,
    /// What happened so far.
    pub steps: Vec<Step>,
    /// What they agreed to.
    pub consents: Vec<leads::Consent>,
    /// What to do next, by where it stands.
    pub next_steps: Vec<String>,
    /// What to say.
    pub talk_track: Vec<Node>,
    /// What customers object, and the answer.
    pub objections: Vec<(String, String)>,
    /// Whether the mail is the playbook's, for before anybody has reached them.
    pub is_first_mail: bool,
    /// Subject of a mail that fits the stage; empty where none does.
    pub mail_subject: String,
    /// Its text.
    pub mail_body: String,
}

/// The card of a lead. Changes nothing.
///
/// # Errors
/// `NotFound` for a lead that is not there.
pub async fn card(ctx: &Context, lead_id: &str) -> Result<Card> {
    let lead = leads::lead(&ctx.db, lead_id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let partner =
        partners::partner(&ctx.db, &lead.partner_slug).await?.or_else(|| intake::stand_in(ctx, &lead));
    let partner = partner.ok_or_else(|| Error::not_found("the partner of this lead"))?;
    let (library, media) = (ctx.library(), ctx.media());
    let standing = scoring::assess(ctx, &lead, None).await?;
    let events = events::of_lead(&ctx.db, lead_id).await?;
    let brand = CoBrand::new(&library, &media, &partner, &partner.locale, &ctx.settings.public_url)?;
    let asset_title = match library.find(&lead.asset, &partner.locale) {
        Some(asset) => brand.text(&asset.front.title)?,
        None => lead.asset.clone(),
    };
    let raised = events.iter().any(|event| event.kind == "talk_to_us");
    let replaced = Replaced::load(&ctx.db).await?;
    let playbook = playbook_for(&library, &replaced, if raised { None } else { Some(&lead.asset) }, &partner);
    let offers = offers::of_lead(&ctx.db, lead_id).await?;
    // Whoever has the lead signs and speaks for themselves: not always the contact that the partner shows to all.
    let theirs = offers.iter().find(|offer| offer.is_live());
    let rep = theirs.map(|offer| (offer.rep_name.clone(), offer.rep_email.clone()));
    let value = |field: Field| match (field, &rep) {
        (Field::PartnerContactName, Some((name, _))) => Value::Text(name.clone()),
        (Field::PartnerContactEmail, Some((_, address))) => Value::Text(address.clone()),
        (Field::LeadFirstName, _) => Value::Text(first_name(&lead.name).to_owned()),
        (Field::LeadCompany, _) => Value::Text(lead.company.clone()),
        (Field::LeadAsset, _) => Value::Text(asset_title.clone()),
        (other, _) => brand.value(other),
    };
    let text =
        |template: &Template| template.merge_text(&value).unwrap_or_else(|_| template.as_str().to_owned());
    let (next_steps, talk_track, objections, mail_subject, mail_body) = match playbook {
        Some((asset, playbook)) => (
            playbook.next_steps.clone(),
            merge::merge(&asset.text_for(&Reader::insider(&partner, &partner.locale)), &value)
                .unwrap_or_default(),
            playbook.objections.iter().map(|o| (o.objection.clone(), o.answer.clone())).collect(),
            text(&playbook.mail_subject),
            text(&playbook.mail_body),
        ),
        None => Default::default(),
    };
    let stage = LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry);
    let waits = waits_for_answer(&lead);
    let is_first_mail = lead_steps::is_before_contact(stage) && !waits;
    let (mail_subject, mail_body) = if is_first_mail {
        (mail_subject, mail_body)
    } else if stage.is_owned() || waits {
        draft(ctx, &lead, &partner, rep.as_ref().map(|(name, _)| name.as_str()))
    } else {
        Default::default()
    };
    let people = partners::contacts_of(&ctx.db, partner.slug.as_str()).await?;
    Ok(Card {
        next_steps: lead_steps::next_steps(stage, waits, &next_steps),
        is_first_mail,
        offers,
        clocks: lead_clocks::of_lead(&ctx.db, lead_id).await?,
        amounts: leads::amounts(&ctx.db, lead_id).await?,
        people: people.into_iter().map(|stored| stored.contact).collect(),
        answers: answers::of_lead(&ctx.db, lead_id).await?,
        conflict: conflicts::of_lead(&ctx.db, lead_id).await?,
        steps: leads::steps(&ctx.db, lead_id).await?,
        consents: leads::consents(&ctx.db, lead_id).await?,
        lead,
        partner,
        standing,
        events,
        talk_track,
        objections,
        mail_subject,
        mail_body,
    })
}

/// A mail to somebody who was spoken with: a frame, for only the rep knows what was said.
fn draft(ctx: &Context, lead: &Lead, partner: &Partner, rep: Option<&str>) -> (String, String) {
    let strings = ctx.templates.strings(&partner.locale);
    let values = [
        ("name", first_name(&lead.name)),
        ("partner", partner.name.as_str()),
        ("rep", rep.unwrap_or(partner.name.as_str())),
    ];
    (strings.fill("draft_subject", &values), strings.fill("draft_body", &values))
}

/// The same as a partner sees it: of a lead that was given to others before, nothing of what they did with it, nor of who else
/// was considered.
///
/// # Errors
/// As [`card`].
pub async fn card_of_partner(ctx: &Context, lead_id: &str) -> Result<Card> {
    let mut card = card(ctx, lead_id).await?;
    let given = assignments::of_lead(&ctx.db, lead_id).await?;
    let Some(last) = given.last() else { return Ok(card) };
    card.offers.retain(|offer| offer.offered_ms >= last.given_ms);
    card.clocks.retain(|clock| clock.started_ms >= last.given_ms);
    let is_given = |step: &Step| step.what.starts_with(GIVEN_TO);
    let first = card.steps.iter().position(is_given).unwrap_or(card.steps.len());
    let latest = card.steps.iter().rposition(is_given).unwrap_or(0);
    let mut at = 0..;
    card.steps.retain(|step| {
        let at = at.next().unwrap_or_default();
        let is_others = step.what.starts_with(STAYS)
            || step.what.starts_with(CALLED_OUT)
            || step.what.starts_with(CALLED_BACK)
            || (step.actor == "partnercast" && at < first);
        // What the person wrote is theirs, whoever had the lead then.
        (at < first && !is_others) || (at > latest && at > first) || step.what.starts_with(WROTE)
    });
    Ok(card)
}

/// The playbook of the kit that the asset belongs to; for a hand-raise, and where there is none, the general one.
fn playbook_for<'a>(
    library: &'a Library,
    replaced: &Replaced,
    asset: Option<&str>,
    partner: &Partner,
) -> Option<(&'a Asset, &'a Playbook)> {
    let of_kit = asset.and_then(|asset| {
        library.assets.iter().find_map(|candidate| match &candidate.detail {
            Detail::Kit(kit) if kit.tactics.iter().any(|tactic| tactic.asset.as_str() == asset) => {
                kit.playbook.as_ref().map(|reference| reference.as_str())
            }
            _ => None,
        })
    });
    let found = library.find(replaced.present(of_kit.unwrap_or(DEFAULT_PLAYBOOK)), &partner.locale)?;
    match &found.detail {
        Detail::Playbook(playbook) => Some((found, playbook)),
        _ => None,
    }
}
