//! The fields of our forms: what is asked, what is taken, what is said when something is wrong.

use std::borrow::Cow;

use crate::{
    domain::{
        content::form::{FieldKind, FormField, LeadForm, word_in},
        engagement::Placement,
        kernel::{
            EmailAddress, Locale,
            id::DeliveryId,
            text::{is_unsafe, single_line},
        },
        lead::intake::{MESSAGE_CHARS_MAX, Profile},
    },
    work::forms::FormKind,
};

pub use crate::domain::lead::intake::{COMPANY_SIZES, JOB_ROLES};

/// A form as sent; texts as typed, empty where nothing was.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose page.
    pub partner: String,
    /// Which asset's page.
    pub asset: String,
    /// What it counts as.
    pub kind: FormKind,
    /// The form that was filled in, by its name; nothing where we ask only what is missing.
    pub form: Option<String>,
    /// What was filled into fields that the form has of its own, by their names.
    pub answers: Vec<(String, String)>,
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Company.
    pub company: String,
    /// One of [`JOB_ROLES`], or empty.
    pub job_role: String,
    /// One of [`COMPANY_SIZES`], or empty.
    pub company_size: String,
    /// Telephone, or empty.
    pub phone: String,
    /// What they want to talk about, or empty.
    pub message: String,
    /// Whether the box was ticked.
    pub consent: bool,
    /// A field that people do not see; machines fill it.
    pub website: String,
    /// The delivery that led here.
    pub via: Option<DeliveryId>,
    /// Where the link stood that led here, where that was no mail of ours.
    pub placement: Option<Placement>,
    /// The challenge of a proof of work, and the number that was found for it; empty where there is none.
    pub proof: (String, String),
    /// Language of the page.
    pub locale: Locale,
}

/// A fault in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name.
    pub field: Cow<'static, str>,
    /// What is wrong.
    pub what: Wrong,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing was written where something is needed.
    Missing,
    /// Too long, or holds characters that no line may have.
    NoLine,
    /// No address that mail can be sent to.
    NoAddress,
    /// No telephone number.
    NoNumber,
    /// Not one of the list.
    NoChoice,
    /// Nothing was written into a field of the form's own, or one that it needs.
    Needed,
    /// A text of more than so many characters.
    TooLong(usize),
    /// The box is not ticked.
    NoConsent,
    /// A field was filled that people do not see.
    Trap,
}

/// Texts that passed.
pub(super) struct Clean {
    pub(super) email: EmailAddress,
    pub(super) profile: Profile,
    pub(super) message: Option<String>,
    /// Name, what stood over it, and the answer.
    pub(super) answers: Vec<(String, String, String)>,
}

/// Checks every field; all faults at once.
pub(super) fn check(form: &Submission, declared: Option<&LeadForm>) -> Result<Clean, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut fault = |field: &'static str, what| faults.push(FieldFault { field: field.into(), what });
    if !form.website.is_empty() {
        fault("website", Wrong::Trap);
    }
    let mut line = |field, text: &str, needed: bool| match single_line(field, text) {
        Ok(clean) if clean.is_empty() && needed => {
            fault(field, Wrong::Missing);
            String::new()
        }
        Ok(clean) => clean,
        Err(_) => {
            fault(field, Wrong::NoLine);
            String::new()
        }
    };
    let name = line("name", &form.name, true);
    let company = line("company", &form.company, true);
    let phone = line("phone", &form.phone, false);
    let email = EmailAddress::parse(&form.email);
    if email.is_err() {
        fault("email", if form.email.trim().is_empty() { Wrong::Missing } else { Wrong::NoAddress });
    }
    if !phone.chars().all(is_of_number) {
        fault("phone", Wrong::NoNumber);
    }
    let mut chosen = |field, value: &str, known: &[&str]| {
        if !value.is_empty() && !known.contains(&value) {
            fault(field, Wrong::NoChoice);
        }
        (!value.is_empty()).then(|| value.to_owned())
    };
    let job_role = chosen("job_role", &form.job_role, &JOB_ROLES);
    let company_size = chosen("company_size", &form.company_size, &COMPANY_SIZES);
    let message: String = form.message.trim().chars().filter(|c| *c == '\n' || !is_unsafe(*c)).collect();
    if message.chars().count() > MESSAGE_CHARS_MAX {
        fault("message", Wrong::TooLong(MESSAGE_CHARS_MAX));
    }
    let answers = declared.map(|declared| answers(form, declared, &mut faults)).unwrap_or_default();
    if !form.consent {
        faults.push(FieldFault { field: "consent".into(), what: Wrong::NoConsent });
    }
    match email {
        Ok(email) if faults.is_empty() => Ok(Clean {
            email,
            profile: Profile {
                name,
                company,
                phone: (!phone.is_empty()).then_some(phone),
                job_role,
                company_size,
            },
            message: (!message.is_empty()).then_some(message),
            answers,
        }),
        _ => Err(faults),
    }
}

/// What was filled into fields of the form's own, and what is wrong with them and with those that it needs.
fn answers(
    form: &Submission,
    declared: &LeadForm,
    faults: &mut Vec<FieldFault>,
) -> Vec<(String, String, String)> {
    let mut answers = Vec::new();
    for field in &declared.fields {
        let typed = match typed(form, &field.name) {
            Some(known) => known,
            None => {
                form.answers.iter().find(|(name, _)| *name == field.name).map_or("", |(_, it)| it.as_str())
            }
        };
        let lines = field.kind == FieldKind::Textarea;
        let value: String =
            typed.trim().chars().filter(|c| (lines && *c == '\n') || !is_unsafe(*c)).collect();
        if faults.iter().any(|fault| fault.field == field.name.as_str()) {
            continue;
        }
        if let Some(what) = wrong(field, &value) {
            faults.push(FieldFault { field: field.name.clone().into(), what });
        } else if !field.is_known() && !value.is_empty() {
            let label = word_in(&field.label, &form.locale).unwrap_or(&field.name);
            answers.push((field.name.clone(), label.to_owned(), value));
        }
    }
    answers
}

/// What was typed into a field that every lead has.
fn typed<'a>(form: &'a Submission, name: &str) -> Option<&'a str> {
    Some(match name {
        "name" => &form.name,
        "email" => &form.email,
        "company" => &form.company,
        "phone" => &form.phone,
        "job_role" => &form.job_role,
        "company_size" => &form.company_size,
        "message" => &form.message,
        _ => return None,
    })
}

fn wrong(field: &FormField, value: &str) -> Option<Wrong> {
    if value.is_empty() {
        return field.required.then_some(Wrong::Needed);
    }
    let most = usize::try_from(field.chars_max).unwrap_or(usize::MAX);
    if value.chars().count() > most {
        return Some(Wrong::TooLong(most));
    }
    if field.is_known() {
        return None;
    }
    match field.kind {
        FieldKind::Select if !field.options.iter().any(|option| option.value == value) => {
            Some(Wrong::NoChoice)
        }
        FieldKind::Checkbox if value != "yes" => Some(Wrong::NoChoice),
        FieldKind::Email if EmailAddress::parse(value).is_err() => Some(Wrong::NoAddress),
        FieldKind::Tel if !value.chars().all(is_of_number) => Some(Wrong::NoNumber),
        _ => None,
    }
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || "+-()/. ext".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::form::{FormOption, Words, built_in};

    fn form() -> Submission {
        Submission {
            partner: "northlight".into(),
            asset: "whitepapers/proof-of-recovery".into(),
            kind: FormKind::Whitepaper,
            form: None,
            answers: Vec::new(),
            name: "Ada Okafor".into(),
            email: "ada@clinic.example".into(),
            company: "Harbor Clinic".into(),
            job_role: "it".into(),
            company_size: "50-249".into(),
            phone: "+1 555 0100".into(),
            message: String::new(),
            consent: true,
            website: String::new(),
            via: None,
            placement: None,
            proof: (String::new(), String::new()),
            locale: Locale::en(),
        }
    }

    #[test]
    fn all_faults_of_a_form_are_told_at_once() {
        let bad = Submission {
            name: " ".into(),
            email: "ada".into(),
            company: "a\r\nb".into(),
            job_role: "king".into(),
            phone: "call me".into(),
            message: "x".repeat(2_001),
            consent: false,
            website: "http://spam.example".into(),
            ..form()
        };
        let faults = check(&bad, None).err().unwrap();
        let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
        assert_eq!(
            fields,
            ["website", "name", "company", "email", "phone", "job_role", "message", "consent"]
        );
        assert!(check(&form(), None).is_ok());
    }

    #[test]
    fn fields_of_a_forms_own_are_checked_as_it_says() {
        let field = |name: &str, kind, required, options: &[&str], chars_max| FormField {
            name: name.to_owned(),
            kind,
            label: [(Locale::en(), format!("The {name}"))].into(),
            required,
            options: options
                .iter()
                .map(|value| FormOption { value: (*value).to_owned(), label: Words::new() })
                .collect(),
            chars_max,
        };
        let mut declared = built_in("whitepaper").unwrap().clone();
        declared.fields.extend([
            field("audit", FieldKind::Select, true, &["soon", "later"], 200),
            field("why", FieldKind::Textarea, false, &[], 5),
            field("news", FieldKind::Checkbox, true, &[], 200),
            field("phone", FieldKind::Tel, true, &[], 200),
        ]);
        let with = |answers: &[(&str, &str)], phone: &str| {
            let answers =
                answers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            check(&Submission { answers, phone: phone.into(), ..form() }, Some(&declared))
        };
        let clean = with(&[("audit", "soon"), ("news", "yes"), ("else", "dropped")], "+1").ok().unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), format!("The {name}"), value.to_owned());
        assert_eq!(clean.answers, [pair("audit", "soon"), pair("news", "yes")]);
        let faults = with(&[("audit", "never"), ("why", "because")], "").err().unwrap();
        let said: Vec<(&str, Wrong)> = faults.iter().map(|fault| (&*fault.field, fault.what)).collect();
        let expected = [
            ("audit", Wrong::NoChoice),
            ("why", Wrong::TooLong(5)),
            ("news", Wrong::Needed),
            ("phone", Wrong::Needed),
        ];
        assert_eq!(said, expected);
    }
}
