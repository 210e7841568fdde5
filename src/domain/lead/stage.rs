//! The stages of a lead, from first touch to close, and the reasons people give.

use std::fmt;

use crate::domain::kernel::{Error, Result};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $value:ident $word:literal $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vdoc])* $value,)+
        }

        impl $name {
            /// All of them, in their usual order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word in the database and in exports.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }

            /// How it reads on pages and in mail.
            pub fn label(self) -> &'static str {
                match self { $(Self::$value => $label),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a lead stands.
    LeadStage {
        /// Gave contact data by their own act.
        Inquiry "inquiry" "New inquiry",
        /// Gets more content until the rule is met.
        Nurturing "nurturing" "Being nurtured",
        /// Meets the written marketing rule.
        Mql "mql" "Marketing qualified",
        /// Proposed to somebody, with a clock.
        Offered "offered" "Offered",
        /// Turned down before any contact.
        Rejected "rejected" "Turned down",
        /// The clock ran out; it is taken back and offered again.
        Expired "expired" "Taken back",
        /// Accepted: it has one owner, and the follow-up clock runs.
        Sal "sal" "Accepted",
        /// The owner reached the person.
        Contacted "contacted" "Contacted",
        /// Judged after contact not to be a customer now.
        Disqualified "disqualified" "Disqualified",
        /// Back to nurture, with a reason and a date.
        Recycled "recycled" "Back to nurture",
        /// Sales confirms a need, a value and a date.
        Sql "sql" "Sales qualified",
        /// The partner's claim on the deal is registered.
        DealRegistered "deal_registered" "Deal registered",
        /// Bought.
        Won "won" "Won",
        /// Did not buy.
        Lost "lost" "Lost",
    }
}

words! {
    /// What an offer asks of whom it goes to.
    OfferPurpose {
        /// To take the lead and work it.
        Work "work" "To work the lead",
        /// To decide about a lead that was turned down for a reason which no colleague can mend.
        Decide "decide" "To decide about the lead",
        /// To answer somebody who asks again after the lead was closed; nobody is asked whether they take it.
        Answer "answer" "To answer who asks again",
    }
}

words! {
    /// Why a lead is turned down before any contact.
    RejectReason {
        /// Procedural: it should have gone to another person.
        Misrouted "misrouted" "Not mine: a colleague should have it",
        /// Clerical: the data cannot be worked with.
        BadData "bad_data" "The contact data is wrong or incomplete",
        /// Definitional: it does not meet the rule it was passed on by.
        MissesRule "misses_rule" "It does not meet what we agreed to call qualified",
        /// Definitional: the partner knows the person as a customer already.
        ExistingCustomer "existing_customer" "Already our customer; we are in touch",
        /// Definitional: another partner has, or should have, this customer.
        OtherPartner "other_partner" "Not ours: it belongs to another partner",
        /// Procedural: nobody can take it now.
        NoCapacity "no_capacity" "Nobody here can take it in time",
    }
}

words! {
    /// Why a lead is closed or recycled after contact.
    DisqualifyReason {
        /// No answer to several tries.
        Unreachable "unreachable" "Could not be reached",
        /// The contact data is wrong.
        BadData "bad_data" "The contact data is wrong",
        /// Does not need it.
        NoNeed "no_need" "No need",
        /// Has no money for it.
        NoBudget "no_budget" "No budget",
        /// Needs something we do not do.
        NoFit "no_fit" "Not a fit",
        /// Needs it, but later.
        Timing "timing" "Not now",
        /// Chose somebody else's product.
        Competitor "competitor" "Chose a competitor",
        /// A deal with them runs already.
        ExistingDeal "existing_deal" "A deal is under way already",
        /// Another partner or the vendor works with them.
        Conflict "conflict" "Another partner works with them",
    }
}

words! {
    /// How a lead began.
    LeadOrigin {
        /// Filled in a form on content passed through a partner.
        PartnerContent "partner_content" "Form on the partner's co-branded content",
        /// Asked to be contacted.
        HandRaise "hand_raise" "Asked to talk",
        /// Signed up for a webinar.
        Webinar "webinar" "Webinar",
        /// The vendor brought it.
        Vendor "vendor" "Passed on by the vendor",
        /// The partner reported it.
        Partner "partner" "Registered by the partner",
    }
}

impl LeadOrigin {
    /// How a lead began of which a text says how it came: a label, alone or with a colon and more behind it.
    pub fn of_text(text: &str) -> Option<Self> {
        let begins = |label: &str| {
            text.strip_prefix(label).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        Self::ALL.iter().copied().find(|origin| begins(origin.label()))
    }
}

impl OfferPurpose {
    /// Whether somebody is asked to take a lead: that alone says how leads are taken. Of a word that nobody knows it is believed.
    pub fn asks_to_take(word: &str) -> bool {
        Self::parse(word).is_none_or(|purpose| purpose == Self::Work)
    }
}

impl RejectReason {
    /// What is wrong, so that the right place mends it: what is procedural the next person can take; of what is clerical or
    /// definitional the channel manager decides first.
    pub fn class(self) -> RejectClass {
        match self {
            Self::Misrouted | Self::NoCapacity => RejectClass::Procedural,
            Self::BadData => RejectClass::Clerical,
            Self::MissesRule | Self::ExistingCustomer | Self::OtherPartner => RejectClass::Definitional,
        }
    }
}

words! {
    /// What a rejection says about the way leads are passed on.
    RejectClass {
        /// It went to the wrong place.
        Procedural "procedural" "Went to the wrong place",
        /// Its data cannot be worked with.
        Clerical "clerical" "Data that cannot be worked with",
        /// It does not meet the definition.
        Definitional "definitional" "Not what was agreed to be qualified",
    }
}

impl DisqualifyReason {
    /// Whether the person may want it later, so that they go back to nurture; the others stay closed.
    pub fn is_for_now(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoNeed | Self::NoBudget | Self::Timing)
    }
}

impl LeadStage {
    /// The stages it may go to.
    pub fn next(self) -> &'static [Self] {
        use LeadStage as S;
        match self {
            S::Inquiry => &[S::Nurturing, S::Mql, S::Disqualified],
            S::Nurturing => &[S::Mql, S::Disqualified],
            S::Mql => &[S::Offered],
            S::Offered => &[S::Sal, S::Rejected, S::Expired],
            S::Rejected | S::Expired => &[S::Offered, S::Recycled],
            // An accepted lead that nobody contacts in time is taken back too.
            S::Sal => &[S::Contacted, S::Disqualified, S::Expired],
            S::Contacted => &[S::Sql, S::Disqualified],
            S::Disqualified => &[S::Recycled],
            S::Recycled => &[S::Nurturing, S::Mql],
            S::Sql => &[S::DealRegistered, S::Won, S::Lost],
            S::DealRegistered => &[S::Won, S::Lost],
            S::Won | S::Lost => &[],
        }
    }

    /// Checks a step.
    ///
    /// # Errors
    /// A conflict that names both stages, where the step is not allowed.
    pub fn check_step(self, to: Self) -> Result<()> {
        if self.next().contains(&to) {
            return Ok(());
        }
        let (from, to) = (self.label().to_lowercase(), to.label().to_lowercase());
        if from == to {
            return Err(Error::conflict(format!("this lead is \"{from}\" already")));
        }
        Err(Error::conflict(format!("this lead is \"{from}\" now and cannot become \"{to}\"")))
    }

    /// Whether it is over for good.
    pub fn is_terminal(self) -> bool {
        self.next().is_empty()
    }

    /// Whether it has an owner.
    pub fn is_owned(self) -> bool {
        use LeadStage as S;
        matches!(self, S::Sal | S::Contacted | S::Sql | S::DealRegistered)
    }

    /// Whether nobody works it and the person gets content: whoever qualifies now is offered.
    pub fn is_in_nurture(self) -> bool {
        matches!(self, Self::Inquiry | Self::Nurturing | Self::Recycled)
    }

    /// Whether it may be offered to somebody: nobody works it, or it was closed after contact and the person asks again.
    pub fn may_be_offered(self) -> bool {
        self.is_in_nurture() || self == Self::Disqualified
    }

    /// Whether somebody at the partner works it: the vendor's nurture mail to the person waits meanwhile.
    pub fn holds_nurture(self) -> bool {
        use LeadStage as S;
        matches!(self, S::Offered | S::Sal | S::Contacted | S::Sql | S::DealRegistered)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_stage_is_reached_and_every_open_one_can_end() {
        let reach = |from: LeadStage| {
            let mut seen = vec![from];
            let mut at = 0;
            while at < seen.len() {
                for to in seen[at].next() {
                    if !seen.contains(to) {
                        seen.push(*to);
                    }
                }
                at += 1;
            }
            seen
        };
        assert_eq!(reach(LeadStage::Inquiry).len(), LeadStage::ALL.len());
        for stage in LeadStage::ALL {
            assert_eq!(LeadStage::parse(stage.as_str()), Some(*stage));
            assert!(stage.is_terminal() || reach(*stage).contains(&LeadStage::Won), "{stage} is a dead end");
        }
    }

    proptest! {
        #[test]
        fn a_lead_is_owned_before_it_is_won_and_never_leaves_the_end(
            steps in prop::collection::vec(prop::sample::select(LeadStage::ALL), 1..200)
        ) {
            let (mut stage, mut accepted) = (LeadStage::Inquiry, false);
            for to in steps {
                if stage.check_step(to).is_ok() {
                    prop_assert!(!matches!(stage, LeadStage::Won | LeadStage::Lost));
                    stage = to;
                    accepted |= to == LeadStage::Sal;
                }
                prop_assert!(accepted || !matches!(stage, LeadStage::Won | LeadStage::Lost | LeadStage::Contacted));
            }
        }
    }
}
