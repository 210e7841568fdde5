//! Who gets a lead: one person, and why it was not the others.

use crate::domain::partner::{AudienceRole, Contact, Partner};

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

/// Picks the receiver: the partner's lead contact, else its first sales person, else its first executive, else the
/// channel manager. `contacts` may hold other partners' people; order decides among equals. `can_take` says whether
/// somebody may be asked at all: mail reaches them, and they have not let this lead pass before.
pub fn route<'a>(
    partner: &'a Partner,
    contacts: &'a [Contact],
    can_take: &dyn Fn(&Contact) -> Result<(), String>,
) -> Route<'a> {
    let people: Vec<&Contact> = contacts.iter().filter(|contact| contact.partner == partner.slug).collect();
    let able: Vec<&Contact> = people.iter().copied().filter(|contact| can_take(contact).is_ok()).collect();
    let with = |role| able.iter().copied().find(|contact| contact.roles.contains(role));
    let chosen = able
        .iter()
        .copied()
        .find(|contact| contact.lead_contact)
        .map(|contact| (contact, "receives the leads of"))
        .or_else(|| with(AudienceRole::Sales).map(|contact| (contact, "is the first sales person of")))
        .or_else(|| with(AudienceRole::Executive).map(|contact| (contact, "is the first executive of")));
    let considered = people
        .iter()
        .filter(|contact| chosen.is_none_or(|(taken, _)| taken.email != contact.email))
        .map(|contact| (contact.name.clone(), why_not(contact, can_take(contact))))
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

fn why_not(contact: &Contact, can_take: Result<(), String>) -> String {
    let sells =
        contact.roles.contains(AudienceRole::Sales) || contact.roles.contains(AudienceRole::Executive);
    match can_take {
        Err(why) => why,
        Ok(()) if sells => "somebody comes before them".to_owned(),
        Ok(()) => "neither sells nor decides".to_owned(),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_next_in_line_takes_it_when_somebody_cannot() {
        let roster = roster();
        let mut gone: Vec<&str> = Vec::new();
        for expected in ["Dev", "Sal", "Alison"] {
            let away = gone.clone();
            let can = |c: &Contact| {
                if away.contains(&c.name.as_str()) { Err("let it pass before".to_owned()) } else { Ok(()) }
            };
            let found = route(&roster.partners[0], &roster.contacts, &can);
            let Receiver::Contact(contact) = found.receiver else { panic!("{}", found.because) };
            assert_eq!(contact.name, expected);
            assert_eq!(found.considered.len(), 3, "everybody of this partner, nobody of another");
            assert!(away.iter().all(|name| {
                found.considered.contains(&((*name).to_owned(), "let it pass before".to_owned()))
            }));
            assert!(found.considered.contains(&("Rhys".to_owned(), "neither sells nor decides".to_owned())));
            gone.push(expected);
        }
        let none = route(&roster.partners[0], &roster.contacts, &|_| Err("away".to_owned()));
        assert_eq!(none.receiver, Receiver::ChannelManager { email: "claire@v.example" });
        assert_eq!(none.considered.len(), 4);
    }
}
