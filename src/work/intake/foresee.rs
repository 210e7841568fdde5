//! Who would be offered what was not taken yet.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        cobrand::no_content,
        context::Context,
        handoff::{
            self, Market, Offering, TRIES_MAX,
            conflict::{Foreseen as Weighed, Foresight},
        },
    },
    Due,
};
use crate::{
    domain::{
        content::rules::routing::People,
        kernel::Result,
        lead::{Receiver, clock::Heat},
        partner::{Contact, Partner},
    },
    store::{
        assignments, calls,
        intakes::HOUSE,
        leads::Lead,
        offers::{self, Load},
        partners,
    },
};

/// To whom a lead would be offered, or why to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The row.
    pub no: u64,
    /// The person's address.
    pub email: String,
    /// The partner's slug; empty for nobody, and where several are asked.
    pub partner: String,
    /// To whom: a name, an address, or whoever of several claims it first; empty for nobody, and where it waits.
    pub to: String,
    /// Why it qualifies, and why they get it.
    pub because: String,
}

/// A partner with its people and what each has in hand, those that are foreseen included.
struct AtPartner {
    partner: Partner,
    contacts: Vec<Contact>,
    loads: Vec<Load>,
}

/// To whom the first `most` of these would be offered, one after the other, if they were taken now: the partner by the rule,
/// conflicts with leads that are known or come beside them (the others of `due`, and `beside`), and who is asked.
///
/// # Errors
/// No routing rule yet; those of the store.
pub async fn foresee(ctx: &Context, due: &[Due], beside: &[Lead], most: usize) -> Result<Vec<Foreseen>> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let mut looking = Looking {
        ctx,
        people: rule.people,
        known: HashMap::new(),
        market: Market::load(ctx).await?,
        conflicts: Foresight::default(),
    };
    let first = &due[..most.min(due.len())];
    let whose: HashSet<_> =
        first.iter().map(|due| Foresight::whose(ctx, &due.lead)).collect::<Result<_>>()?;
    // Of all others nothing is said, and nothing that is said hangs on them.
    let mut of_them = Vec::new();
    for lead in due.iter().map(|due| &due.lead).chain(beside) {
        if whose.contains(&Foresight::whose(ctx, lead)?) {
            of_them.push(lead);
        }
    }
    looking.conflicts.look_up(ctx, of_them.iter().copied()).await?;
    let mut at: HashMap<&str, Vec<&str>> = HashMap::new();
    for lead in of_them {
        looking.conflicts.learn(ctx, lead).await?;
        if lead.partner_slug != HOUSE {
            at.entry(&lead.email_key).or_default().push(&lead.partner_slug);
        }
    }
    let mut all = Vec::with_capacity(first.len());
    for due in first {
        let (partner, to, because) = match &due.because {
            None => {
                let owner = due.lead.owner_name.clone().unwrap_or_default();
                (due.lead.partner_slug.clone(), owner, "is in hand, and asks to be called".to_owned())
            }
            Some(because) if due.lead.partner_slug == HOUSE => {
                let beside = at.get(due.lead.email_key.as_str()).map_or(&[][..], Vec::as_slice);
                let (partner, to, why) = looking.house(due, beside).await?;
                (partner, to, format!("{because}. {why}"))
            }
            Some(because) => {
                let (to, why) = looking.partners((&due.lead, due.is_new), true).await?.into_parts();
                (due.lead.partner_slug.clone(), to, format!("{because}. {why}"))
            }
        };
        all.push(Foreseen { no: due.no, email: due.lead.email.clone(), partner, to, because });
    }
    Ok(all)
}

/// What would become of a lead at a partner.
enum At {
    /// Offered to this person, or to the channel manager.
    Offered { to: String, is_managers: bool, why: String },
    /// It waits, and why.
    Waits(String),
}

impl At {
    fn into_parts(self) -> (String, String) {
        match self {
            Self::Offered { to, why, .. } => (to, why),
            Self::Waits(why) => (String::new(), why),
        }
    }
}

/// Partners, people and conflicts as they would be behind those that were looked at.
struct Looking<'c> {
    ctx: &'c Context,
    people: People,
    known: HashMap<String, AtPartner>,
    market: Market,
    conflicts: Foresight,
}

impl Looking<'_> {
    /// What becomes of a partner's lead, which may be new; with `takes` it counts for those behind it.
    async fn partners(&mut self, (lead, is_new): (&Lead, bool), takes: bool) -> Result<At> {
        let note = match self.conflicts.weigh(self.ctx, lead, takes).await? {
            Weighed::Waits(why) => return Ok(At::Waits(why)),
            Weighed::Goes(note) => note,
        };
        let slug = &lead.partner_slug;
        if !self.known.contains_key(slug)
            && let Some(found) = at_partner(self.ctx, slug).await?
        {
            self.known.insert(slug.clone(), found);
        }
        let Some(at) = self.known.get_mut(slug) else {
            return Ok(At::Waits("there is no such partner any more".to_owned()));
        };
        let before = if is_new { Vec::new() } else { offers::of_lead(&self.ctx.db, &lead.id).await? };
        let (partner, heat) = (&at.partner, Heat::Standard);
        let offering = Offering::new(lead, partner, "", "", heat);
        let route = handoff::routed(self.people, &offering, &at.contacts, &before, &at.loads);
        let (to, address, is_managers) = match route.receiver {
            Receiver::Contact(contact) => (contact.name.clone(), contact.email.key(), false),
            Receiver::ChannelManager { email } => (email.to_owned(), email.to_lowercase(), true),
        };
        let why = note.map_or_else(|| route.because.clone(), |note| format!("{}; {note}", route.because));
        if takes {
            count(&mut at.loads, address, self.ctx.now_ms());
        }
        Ok(At::Offered { to, is_managers, why })
    }

    /// What becomes of a lead that no partner brought: partner, to whom, and why.
    async fn house(&mut self, due: &Due, beside: &[&str]) -> Result<(String, String, String)> {
        let nobody = |why: String| (HOUSE.to_owned(), String::new(), why);
        let called = if due.is_new { Vec::new() } else { calls::of_lead(&self.ctx.db, &due.lead.id).await? };
        if called.iter().any(|call| call.answer.is_none()) {
            return Ok(nobody("Several are asked to claim it already.".to_owned()));
        }
        let mut market = self.market.clone();
        let has = "has them as a lead of its own";
        let known = assignments::who_has(&self.ctx.db, &due.lead.email_key, &due.lead.id).await?;
        let known = known.into_iter().chain(beside.iter().map(|slug| (*slug).to_owned()));
        market.pass(known.map(|slug| (slug, has.to_owned())));
        let most = market.called_max(&due.lead.email_key);
        let (mut called, mut waits) = (Vec::new(), None);
        for _ in 0..TRIES_MAX {
            let found = market.assign(&due.lead.email_key, &due.country, &due.vertical);
            let explained = found.explained();
            let Some((slug, name)) = found.chosen.map(|it| (it.slug.to_string(), it.name.clone())) else {
                if called.is_empty() && waits.is_none() {
                    return Ok(nobody(explained));
                }
                break;
            };
            let mut theirs = due.lead.clone();
            theirs.partner_slug.clone_from(&slug);
            match self.partners((&theirs, due.is_new), false).await? {
                At::Offered { is_managers: true, .. } => {
                    market.pass([(slug, "nobody there can take it now".to_owned())]);
                }
                At::Waits(_) => {
                    let others = self.conflicts.partners(self.ctx, &theirs).await?;
                    market.only(&others, "another partner is in touch with them");
                    market.pass([(slug, "another partner is in touch with them".to_owned())]);
                    waits.get_or_insert(theirs);
                }
                At::Offered { .. } if most.is_some_and(|most| called.len() < most) => {
                    called.push(name);
                    if most == Some(called.len()) {
                        break;
                    }
                    market.pass([(slug, "is asked as well".to_owned())]);
                }
                At::Offered { .. } => return self.given((&theirs, due.is_new), &explained).await,
            }
        }
        match waits {
            _ if !called.is_empty() => {
                let to = format!("whoever of {} claims it first", called.join(", "));
                Ok((HOUSE.to_owned(), to, "Several are asked at once.".to_owned()))
            }
            Some(theirs) => self.given((&theirs, due.is_new), "").await,
            None => Ok(nobody("None of the partners has anybody who can take it now.".to_owned())),
        }
    }

    /// It is given to this partner.
    async fn given(
        &mut self,
        (theirs, is_new): (&Lead, bool),
        explained: &str,
    ) -> Result<(String, String, String)> {
        let (to, why) = self.partners((theirs, is_new), true).await?.into_parts();
        self.market.count(&theirs.partner_slug);
        let why = if explained.is_empty() { why } else { format!("{explained} {why}") };
        Ok((theirs.partner_slug.clone(), to, why))
    }
}

async fn at_partner(ctx: &Context, slug: &str) -> Result<Option<AtPartner>> {
    let Some(partner) = partners::partner(&ctx.db, slug).await? else { return Ok(None) };
    let people = partners::contacts_of(&ctx.db, slug).await?;
    let contacts = people.into_iter().map(|stored| stored.contact).collect();
    Ok(Some(AtPartner { partner, contacts, loads: offers::loads(&ctx.db, slug).await? }))
}

/// One more that somebody was asked to take, after all others.
fn count(loads: &mut Vec<Load>, rep_key: String, now_ms: i64) {
    let last_ms = loads.iter().map(|load| load.last_ms).max().unwrap_or(now_ms).max(now_ms) + 1;
    match loads.iter_mut().find(|load| load.rep_key == rep_key) {
        Some(load) => {
            load.live += 1;
            load.last_ms = last_ms;
        }
        None => loads.push(Load { rep_key, live: 1, last_ms }),
    }
}
