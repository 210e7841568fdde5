//! Forms: values are kept, each fault stands at its field and in a list that leads to it.

use serde::Serialize;

use crate::{
    render::Strings,
    web::throttle::Wait,
    work::forms::{FieldFault, Wrong},
};

/// A form as a page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Form {
    /// Over it.
    pub title: String,
    /// Below the title.
    pub text: Option<String>,
    /// Where it goes.
    pub action: String,
    /// Its button.
    pub button: String,
    /// The fields in order.
    pub fields: Vec<Field>,
    /// What the person agrees to.
    pub consent: String,
    /// Whether the box is ticked.
    pub consented: bool,
    /// What is wrong with the consent.
    pub consent_fault: Option<String>,
    /// All that is wrong.
    pub faults: Vec<Fault>,
    /// Why it could not be taken although nothing is wrong with it.
    pub notice: Option<String>,
    /// The work that it asks for.
    pub proof: Option<Work>,
}

/// A proof of work that the page's script finds.
#[derive(Debug, Clone, Serialize)]
pub struct Work {
    /// The challenge.
    pub token: String,
    /// Zero bits that are asked for.
    pub bits: u32,
    /// Address of the script.
    pub js: String,
}

/// Why a form was not taken.
#[derive(Debug)]
pub enum Amiss {
    /// What to mend.
    Faults(Vec<FieldFault>),
    /// Nothing is wrong with it, but it came as fast as from a mail scanner.
    Rushed,
    /// Nothing is wrong with it, but it asks for a proof of work that is not there.
    Unproven,
    /// Nothing is wrong with it, but there were too many.
    Wait(Wait),
}

/// What is wrong with a field.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// The field's name.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Fault {
    /// In the reader's language.
    fn of(fault: &FieldFault, strings: &Strings) -> Self {
        let key = match fault.what {
            Wrong::Missing => &format!("fault_{}", fault.field),
            Wrong::Needed => "fault_needed",
            Wrong::TooLong(_) if fault.field != "message" => "fault_long",
            Wrong::NoLine => "fault_line",
            Wrong::NoAddress => "fault_address",
            Wrong::NoNumber => "fault_number",
            Wrong::NoChoice => "fault_choice",
            Wrong::TooLong(_) => "fault_message",
            Wrong::NoConsent => "fault_consent",
            Wrong::Trap => "fault_trap",
        };
        let characters = match fault.what {
            Wrong::TooLong(most) => u64::try_from(most).unwrap_or_default(),
            _ => 0,
        };
        let message = strings.fill(key, &[("characters", &strings.number(characters))]);
        Self { field: fault.field.to_string(), message }
    }
}

/// A field.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What stands over it.
    pub label: String,
    /// `text`, `email`, `tel`, `select`, `textarea` or `checkbox`.
    pub kind: &'static str,
    /// What was typed.
    pub value: String,
    /// For browsers that fill in forms (WCAG 2.2 SC 1.3.5).
    pub autocomplete: &'static str,
    /// The most characters.
    pub chars_max: u32,
    /// Whether it must be filled in.
    pub required: bool,
    /// Such as `optional`.
    pub hint: Option<String>,
    /// What is wrong.
    pub fault: Option<String>,
    /// For `select`.
    pub options: Vec<Choice>,
}

/// A choice of a select.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
}

impl Field {
    /// A field for one line of text.
    pub fn new(name: &str, kind: &'static str, label: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            value: value.to_owned(),
            autocomplete: "",
            chars_max: if kind == "textarea" { 2_000 } else { 200 },
            required: false,
            hint: None,
            fault: None,
            options: Vec::new(),
        }
    }

    /// Must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Need not be filled in, and says so.
    #[must_use]
    pub fn optional(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// Tells browsers what belongs here.
    #[must_use]
    pub fn autocomplete(mut self, token: &'static str) -> Self {
        self.autocomplete = token;
        self
    }

    /// Gives a select its choices.
    #[must_use]
    pub fn choices<'a>(mut self, choices: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.options = choices
            .into_iter()
            .map(|(value, label)| Choice { value: value.to_owned(), label: label.to_owned() })
            .collect();
        self
    }
}

impl Form {
    /// Puts each fault at its field and into the list.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        for fault in &faults {
            if fault.field == "consent" {
                self.consent_fault = Some(fault.message.clone());
            }
            if let Some(field) = self.fields.iter_mut().find(|field| field.name == fault.field) {
                field.fault = Some(fault.message.clone());
            }
        }
        self.faults = faults;
        self
    }

    /// Says why it was not taken; what was typed stays.
    #[must_use]
    pub fn with(mut self, amiss: Option<Amiss>, strings: &Strings) -> Self {
        match amiss {
            None => self,
            Some(Amiss::Faults(faults)) => {
                self.with_faults(faults.iter().map(|fault| Fault::of(fault, strings)).collect())
            }
            Some(Amiss::Rushed) => {
                self.notice = Some(strings.get("form_rushed").to_owned());
                self
            }
            Some(Amiss::Unproven) => {
                self.notice = Some(strings.get("form_proof").to_owned());
                self
            }
            Some(Amiss::Wait(wait)) => {
                self.notice = Some(strings.count("form_wait", ("minutes", wait.minutes()), &[]));
                self
            }
        }
    }
}
