//! Who gets a lead: one person, and why it was not the others.

use std::cmp::Reverse;

use crate::domain::{
    content::rules::routing::{Order, People},
    kernel::clock::UtcMs,
    partner::{AudienceRole, Contact, Partner},
};

/// Whom a lead is offered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver<'a> {
    /// A person at the partner.
    Contact(&'a Contact),
    /// Nobody at the partner can: the vendor's channel manager for it.
    ChannelManager {
        /// Their address.
        email: &'a str,
    },
}

/// Where a lead goes, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'a> {
    /// Who gets it.
    pub receiver: Receiver<'a>,
    /// Why they do.
    pub because: String,
    /// The partner's other people by name, each with why it was not them.
    pub considered: Vec<(String, String)>,
}

/// What somebody was asked to take so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Leads offered to them now, or theirs.
    pub live: u32,
    /// When they were asked last; 0 for never.
    pub last_ms: UtcMs,
}

/// A lead that looks for a receiver.
pub struct Ask<'f, 'a> {
    /// The partner it came through.
    pub partner: &'a Partner,
    /// People, of whichever partner; order decides among equals.
    pub contacts: &'a [Contact],
    /// Who comes first, and how much one may have in hand.
    pub people: People,
    /// What each was asked to take so far.
    pub load: &'f dyn Fn(&Contact) -> Load,
    /// Why somebody is not asked for this lead, such as that they let it pass before.
    pub passed: &'f dyn Fn(&Contact) -> Option<String>,
    /// The address of who had it before, where they are to have it again.
    pub again: Option<&'f str>,
}

/// Picks the receiver. Pinned: the lead contact, else the first who sells, else the first who decides. In turn: of those
/// who sell, and the lead contact, whoever was asked longest ago, else the first who decides. Where nobody can, the
/// channel manager.
pub fn route<'a>(ask: &Ask<'_, 'a>) -> Route<'a> {
    let partner = ask.partner;
    let people: Vec<&Contact> =
        ask.contacts.iter().filter(|contact| contact.partner == partner.slug).collect();
    let able: Vec<&Contact> =
        people.iter().copied().filter(|contact| ask.why_not(contact).is_none()).collect();
    let chosen = ask.who_had_it(&able).or_else(|| match ask.people.order {
        Order::Pinned => pinned(&able),
        Order::RoundRobin => ask.in_turn(&able),
    });
    let chosen =
        chosen.or_else(|| Some((first(&able, AudienceRole::Executive)?, "is the first executive of")));
    let considered = people
        .iter()
        .filter(|contact| chosen.is_none_or(|(taken, _)| taken.email != contact.email))
        .map(|contact| (contact.name.clone(), ask.why_not(contact).unwrap_or_else(|| comes_after(contact))))
        .collect();
    match chosen {
        Some((contact, role)) => Route {
            receiver: Receiver::Contact(contact),
            because: format!("{} {role} {}", contact.name, partner.name),
            considered,
        },
        None => Route {
            receiver: Receiver::ChannelManager { email: &partner.channel_manager_email },
            because: format!("Nobody at {} can take it, so it comes to the channel manager", partner.name),
            considered,
        },
    }
}

/// The partner's people in their order, each with why the rule would not choose them for this lead; nothing for whom it might.
pub fn fitness<'a>(ask: &Ask<'_, 'a>) -> Vec<(&'a Contact, Option<String>)> {
    let people = ask.contacts.iter().filter(|contact| contact.partner == ask.partner.slug);
    let why_not =
        |contact| ask.why_not(contact).or_else(|| (!may_have_leads(contact)).then(|| NEITHER.to_owned()));
    people.map(|contact| (contact, why_not(contact))).collect()
}

type Chosen<'a> = (&'a Contact, &'static str);

impl<'a> Ask<'_, 'a> {
    fn why_not(&self, contact: &Contact) -> Option<String> {
        let full = self.people.leads_max.filter(|most| (self.load)(contact).live >= *most);
        let full = || full.map(|most| format!("has {most} leads in hand, which is the most"));
        (self.passed)(contact).or_else(full)
    }

    fn who_had_it(&self, able: &[&'a Contact]) -> Option<Chosen<'a>> {
        let again = self.again?;
        let contact =
            able.iter().copied().find(|contact| contact.email.as_str().eq_ignore_ascii_case(again))?;
        Some((contact, "had it before at"))
    }

    fn in_turn(&self, able: &[&'a Contact]) -> Option<Chosen<'a>> {
        let sells = |contact: &&&Contact| contact.lead_contact || contact.roles.contains(AudienceRole::Sales);
        // Of those asked at the same time the first of the list: the last of the greatest.
        let contact =
            able.iter().rev().filter(sells).max_by_key(|contact| Reverse((self.load)(contact).last_ms))?;
        Some((contact, "is next in turn at"))
    }
}

fn pinned<'a>(able: &[&'a Contact]) -> Option<Chosen<'a>> {
    let lead_contact = able.iter().copied().find(|contact| contact.lead_contact);
    let lead_contact = lead_contact.map(|contact| (contact, "receives the leads of"));
    lead_contact.or_else(|| Some((first(able, AudienceRole::Sales)?, "is the first sales person of")))
}

fn first<'a>(able: &[&'a Contact], role: AudienceRole) -> Option<&'a Contact> {
    able.iter().copied().find(|contact| contact.roles.contains(role))
}

/// Why nobody is asked who is not there for that.
const NEITHER: &str = "neither sells nor decides";

fn may_have_leads(contact: &Contact) -> bool {
    contact.lead_contact
        || contact.roles.contains(AudienceRole::Sales)
        || contact.roles.contains(AudienceRole::Executive)
}

fn comes_after(contact: &Contact) -> String {
    if may_have_leads(contact) { "somebody comes before them" } else { NEITHER }.to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::partner::roster::{Roster, RosterFiles};

    fn roster() -> Roster {
        let partners = "slug,name,type,tier,region,city,zone,locale,verticals,parent,channel_manager_email,website\n\
             t,Thornbury,hoster,gold,emea,X,Europe/London,en-GB,,,claire@v.example,https://t.example\n\
             u,Other,hoster,gold,emea,X,Europe/London,en-GB,,,claire@v.example,https://u.example\n";
        let contacts = "partner,name,email,roles,locale,zone,lead_contact\n\
             u,Uma,u@u.example,sales,,,yes\n\
             t,Rhys,r@t.example,technical,,,no\n\
             t,Alison,a@t.example,executive,,,no\n\
             t,Sal,s@t.example,sales,,,no\n\
             t,Dev,d@t.example,sales;technical,,,yes\n";
        let brand = "primary = \"#9a3412\"\naccent = \"#0f5e9c\"\n".to_owned();
        let brands = BTreeMap::from([("t".to_owned(), brand.clone()), ("u".to_owned(), brand)]);
        let (partners, contacts) = (partners.as_bytes(), contacts.as_bytes());
        Roster::parse(RosterFiles { partners, contacts, brands: &brands }).unwrap()
    }

    /// A partner in London with this slug.
    pub fn partner(slug: &str) -> Partner {
        let mut partner = roster().partners.remove(0);
        partner.slug = crate::domain::kernel::Slug::parse(slug).unwrap();
        partner
    }

    fn name<'a>(route: &Route<'a>) -> &'a str {
        match route.receiver {
            Receiver::Contact(contact) => &contact.name,
            Receiver::ChannelManager { email } => email,
        }
    }

    #[test]
    fn the_next_in_line_takes_it_when_somebody_cannot() {
        let roster = roster();
        let mut gone: Vec<&str> = Vec::new();
        let ask = |passed: &dyn Fn(&Contact) -> Option<String>| {
            let load = |_: &Contact| Load::default();
            let found = route(&Ask {
                partner: &roster.partners[0],
                contacts: &roster.contacts,
                people: People::default(),
                load: &load,
                passed,
                again: None,
            });
            (name(&found).to_owned(), found.considered)
        };
        for expected in ["Dev", "Sal", "Alison"] {
            let away = gone.clone();
            let (who, considered) = ask(&|contact| {
                away.contains(&contact.name.as_str()).then(|| "let it pass before".to_owned())
            });
            assert_eq!(who, expected);
            assert_eq!(considered.len(), 3, "everybody of this partner, nobody of another");
            assert!(
                away.iter()
                    .all(|name| considered.contains(&((*name).to_owned(), "let it pass before".to_owned())))
            );
            assert!(considered.contains(&("Rhys".to_owned(), "neither sells nor decides".to_owned())));
            gone.push(expected);
        }
        let (who, considered) = ask(&|_| Some("away".to_owned()));
        assert_eq!((who.as_str(), considered.len()), ("claire@v.example", 4));
    }

    #[test]
    fn who_has_enough_is_not_asked_and_who_was_asked_longest_ago_is_next() {
        let roster = roster();
        let loads = BTreeMap::from([
            ("Dev", Load { live: 2, last_ms: 50 }),
            ("Sal", Load { live: 1, last_ms: 70 }),
            ("Rhys", Load { live: 0, last_ms: 1 }),
        ]);
        let load = |contact: &Contact| loads.get(contact.name.as_str()).copied().unwrap_or_default();
        let nobody = |_: &Contact| None;
        let ask = |order, leads_max, again| {
            route(&Ask {
                partner: &roster.partners[0],
                contacts: &roster.contacts,
                people: People { order, leads_max },
                load: &load,
                passed: &nobody,
                again,
            })
        };
        assert_eq!(name(&ask(Order::Pinned, None, None)), "Dev");
        let found = ask(Order::Pinned, Some(2), None);
        assert_eq!(name(&found), "Sal");
        assert!(
            found
                .considered
                .contains(&("Dev".to_owned(), "has 2 leads in hand, which is the most".to_owned()))
        );
        assert_eq!(name(&ask(Order::Pinned, Some(1), None)), "Alison");
        let found = ask(Order::RoundRobin, None, None);
        assert_eq!((name(&found), found.because.as_str()), ("Dev", "Dev is next in turn at Thornbury"));
        assert_eq!(name(&ask(Order::RoundRobin, Some(2), None)), "Sal");
        assert_eq!(name(&ask(Order::Pinned, None, Some("S@t.example"))), "Sal", "who had it before");
        assert_eq!(name(&ask(Order::Pinned, Some(1), Some("s@t.example"))), "Alison");
    }
}
