//! Whether the rules name partners, people, newsletters and messages that there are.

use std::collections::HashSet;

use super::{
    super::{
        finding::{Finding, Findings, codes, did_you_mean},
        rules::{calendar::CALENDAR, frequency::FREQUENCY, messages::MESSAGES, routing::ROUTING},
    },
    Check,
};
use crate::domain::kernel::Slug;

impl Check<'_> {
    /// What the rules name and the folder does not have.
    pub(super) fn rules(&self) -> Vec<Finding> {
        [self.calendar(), self.frequency(), self.messages(), self.routing()].concat()
    }

    /// Partners that the calendar rules name and the roster does not have.
    fn calendar(&self) -> Vec<Finding> {
        let mut f = Findings::new(CALENDAR, "");
        self.library.rules.calendar.partners().for_each(|partner| self.partner(partner, &mut f));
        f.finish()
    }

    /// Partners that the routing rule names and the roster does not have, and a sponsor who is nobody at the vendor.
    fn routing(&self) -> Vec<Finding> {
        let mut f = Findings::new(ROUTING, "");
        let Some(rule) = &self.library.rules.routing else { return Vec::new() };
        rule.partners().for_each(|partner| self.partner(partner, &mut f));
        if let (Some((sponsor, place)), Some(vendor)) = (&rule.sponsor, &self.library.vendor) {
            let managers = vendor.channel_managers.iter().map(|manager| &manager.email);
            let known: Vec<&str> = vendor
                .staff
                .iter()
                .map(|staff| &staff.email)
                .chain(managers)
                .map(|email| email.as_str())
                .collect();
            if !known.iter().any(|email| email.eq_ignore_ascii_case(sponsor.as_str())) {
                let message = format!("`escalation.sponsor` is {sponsor}, who is not in vendor.toml");
                f.add(codes::BAD_VALUE, *place, message, did_you_mean(sponsor.as_str(), known));
            }
        }
        f.finish()
    }

    /// Newsletters and sequences that the frequency rules name and that are not there.
    fn frequency(&self) -> Vec<Finding> {
        let mut f = Findings::new(FREQUENCY, "");
        let newsletters = self.library.newsletters().map(|(asset, _)| asset.slug());
        let known: Vec<&str> =
            newsletters.chain(self.library.sequences().map(|(asset, _)| asset.slug())).collect();
        for named in &self.library.rules.frequency.priority {
            let slug = named.as_str();
            if !known.contains(&slug) {
                let message = format!("there is no newsletter and no sequence `{slug}`");
                f.add(codes::BAD_VALUE, named.place, message, did_you_mean(slug, known.iter().copied()));
            }
        }
        f.finish()
    }

    /// Key messages that nothing tells.
    fn messages(&self) -> Vec<Finding> {
        let mut f = Findings::new(MESSAGES, "");
        let told: HashSet<&Slug> =
            self.library.assets.iter().filter_map(|asset| asset.front.key_message.as_ref()).collect();
        for message in &self.library.rules.messages.messages {
            if !told.contains(&message.slug) {
                let text = format!("no asset tells `{}`", message.slug);
                let fix = format!("write `key_message: {}` in one that does, or remove it", message.slug);
                f.add(codes::UNTOLD_MESSAGE, message.place, text, fix);
            }
        }
        f.finish()
    }
}
