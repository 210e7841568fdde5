//! Our fields: what a lead has that a CRM may be given.

use chrono::SecondsFormat;
use serde_json::Value;

use crate::domain::{
    kernel::clock::{UtcMs, utc},
    lead::{Amount, LeadStage},
};

/// What is known of a lead when it is told; what is empty or nothing is left out of what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The lead, for ever the same.
    pub lead_id: String,
    /// Slug of the partner that has it; empty while it is the vendor's.
    pub partner: String,
    /// Its name.
    pub partner_name: String,
    /// The stage that is told.
    pub stage: LeadStage,
    /// Since when the lead is known.
    pub created_ms: UtcMs,
    /// When it reached the stage.
    pub changed_ms: UtcMs,
    /// Address.
    pub email: String,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Telephone.
    pub phone: String,
    /// Job role.
    pub job_role: String,
    /// Company size.
    pub company_size: String,
    /// Two letters.
    pub country: String,
    /// Industry.
    pub vertical: String,
    /// Language.
    pub locale: String,
    /// The asset that brought them.
    pub asset: String,
    /// How they came, in words.
    pub origin: String,
    /// Engagement points.
    pub score: i64,
    /// Fit grade.
    pub fit: String,
    /// Who has it.
    pub owner_name: String,
    /// Their address.
    pub owner_email: String,
    /// Why it was closed, in a word.
    pub reason: String,
    /// What it is worth.
    pub amount: Option<Amount>,
    /// The day on which the deal may be closed, or was.
    pub close_date: String,
    /// Whether the person agrees to be contacted.
    pub agrees: bool,
    /// When they said so last.
    pub consent_ms: Option<UtcMs>,
    /// To which text, with its version.
    pub consent_text: String,
}

macro_rules! sources {
    ($($name:ident $word:literal $personal:literal $says:literal;)+) => {
        /// A field of ours.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Source {
            $(#[doc = $says] $name,)+
        }

        impl Source {
            /// All of them, as the guide lists them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in a map.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it is.
            pub fn says(self) -> &'static str {
                match self { $(Self::$name => $says),+ }
            }

            /// Whether it says who somebody is.
            pub fn is_personal(self) -> bool {
                match self { $(Self::$name => $personal),+ }
            }
        }
    };
}

sources! {
    LeadId "lead_id" false "The lead's id, for ever the same.";
    Partner "partner" false "Slug of the partner that has it.";
    PartnerName "partner_name" false "The partner's name.";
    Stage "stage" false "The stage's word: `sal`, `contacted`, `won`.";
    StageLabel "stage_label" false "The stage in words: `Sales qualified`.";
    ChangedAt "changed_at" false "When it reached the stage, UTC.";
    CreatedAt "created_at" false "Since when the lead is known, UTC.";
    Email "email" true "The person's address.";
    Name "name" true "Their full name.";
    FirstName "first_name" true "All of the name but its last word.";
    LastName "last_name" true "The last word of the name.";
    Company "company" true "Their company.";
    Phone "phone" true "Telephone.";
    JobRole "job_role" true "executive, it, operations or other.";
    CompanySize "company_size" false "1-9, 10-49, 50-249, 250-999 or 1000+.";
    Country "country" false "Two letters (ISO 3166-1).";
    Vertical "vertical" false "Industry.";
    Locale "locale" false "Language of the form they filled in.";
    Asset "asset" false "Reference of what brought them.";
    Origin "origin" true "How they came, in words.";
    Score "score" false "Engagement points, a number.";
    Fit "fit" false "Fit grade, A to D.";
    OwnerName "owner_name" true "Who has the lead.";
    OwnerEmail "owner_email" true "Their address.";
    Reason "reason" false "Why it was disqualified or lost, in a word: `no_budget`.";
    Value "value" false "What the deal is worth, a number.";
    Currency "currency" false "Of the value (ISO 4217).";
    CloseDate "close_date" false "The day on which the deal may be closed, or was: 2027-03-31.";
    Consent "consent" false "Whether the person agrees to be contacted, true or false.";
    NoConsent "no_consent" false "The opposite, for fields such as `do not mail`.";
    ConsentAt "consent_at" false "When they said so last, UTC.";
    ConsentText "consent_text" false "To which text, with its version: `talk-to-us v2`.";
}

impl Source {
    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|source| source.as_str() == word)
    }

    /// What a lead has there, or nothing.
    pub fn of(self, facts: &Facts) -> Option<Value> {
        let words = |text: &str| (!text.is_empty()).then(|| Value::from(text));
        let time = |at_ms: UtcMs| Value::from(utc(at_ms).to_rfc3339_opts(SecondsFormat::Secs, true));
        match self {
            Self::LeadId => words(&facts.lead_id),
            Self::Partner => words(&facts.partner),
            Self::PartnerName => words(&facts.partner_name),
            Self::Stage => words(facts.stage.as_str()),
            Self::StageLabel => words(facts.stage.label()),
            Self::ChangedAt => Some(time(facts.changed_ms)),
            Self::CreatedAt => Some(time(facts.created_ms)),
            Self::Email => words(&facts.email),
            Self::Name => words(&facts.name),
            Self::FirstName => words(split(&facts.name).0),
            Self::LastName => words(split(&facts.name).1),
            Self::Company => words(&facts.company),
            Self::Phone => words(&facts.phone),
            Self::JobRole => words(&facts.job_role),
            Self::CompanySize => words(&facts.company_size),
            Self::Country => words(&facts.country),
            Self::Vertical => words(&facts.vertical),
            Self::Locale => words(&facts.locale),
            Self::Asset => words(&facts.asset),
            Self::Origin => words(&facts.origin),
            Self::Score => Some(facts.score.into()),
            Self::Fit => words(&facts.fit),
            Self::OwnerName => words(&facts.owner_name),
            Self::OwnerEmail => words(&facts.owner_email),
            Self::Reason => words(&facts.reason),
            // A sum has fourteen digits at most, which a JSON number holds exactly.
            Self::Value => facts.amount.and_then(|amount| serde_json::from_str(&amount.number()).ok()),
            Self::Currency => facts.amount.map(|amount| amount.currency.code().into()),
            Self::CloseDate => words(&facts.close_date),
            Self::Consent => Some(facts.agrees.into()),
            Self::NoConsent => Some((!facts.agrees).into()),
            Self::ConsentAt => facts.consent_ms.map(time),
            Self::ConsentText => words(&facts.consent_text),
        }
    }
}

/// All of a name but its last word, and that.
fn split(name: &str) -> (&str, &str) {
    let name = name.trim();
    name.rsplit_once(char::is_whitespace).map_or(("", name), |(first, last)| (first.trim_end(), last))
}
