//! The fields of our forms: what is asked, what is taken, what is said when something is wrong.

use crate::{
    domain::kernel::{
        EmailAddress, Locale,
        id::DeliveryId,
        text::{is_unsafe, single_line},
    },
    work::forms::FormKind,
};

/// What people choose their company's size from; the words of `rules/scoring.toml`.
pub const COMPANY_SIZES: [&str; 5] = ["1-9", "10-49", "50-249", "250-999", "1000+"];
/// What people choose their role from; the words of `rules/scoring.toml`.
pub const JOB_ROLES: [&str; 4] = ["executive", "it", "operations", "other"];
/// Longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 2_000;
/// A form as sent; texts as typed, empty where nothing was.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose page.
    pub partner: String,
    /// Which asset's page.
    pub asset: String,
    /// Which form.
    pub kind: FormKind,
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
    /// Language of the page.
    pub locale: Locale,
}

/// A fault in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's name.
    pub field: &'static str,
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
    /// A message of more than so many characters.
    TooLong(usize),
    /// The box is not ticked.
    NoConsent,
    /// A field was filled that people do not see.
    Trap,
}

/// Texts that passed.
pub(super) struct Clean {
    pub(super) name: String,
    pub(super) email: EmailAddress,
    pub(super) company: String,
    pub(super) phone: Option<String>,
    pub(super) job_role: Option<String>,
    pub(super) company_size: Option<String>,
    pub(super) message: Option<String>,
}

/// Checks every field; all faults at once.
pub(super) fn check(form: &Submission) -> Result<Clean, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut fault = |field, what| faults.push(FieldFault { field, what });
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
    let phone_chars = |c: char| c.is_ascii_digit() || "+-()/. ext".contains(c);
    if !phone.chars().all(phone_chars) {
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
    if !form.consent {
        fault("consent", Wrong::NoConsent);
    }
    match email {
        Ok(email) if faults.is_empty() => Ok(Clean {
            name,
            email,
            company,
            phone: (!phone.is_empty()).then_some(phone),
            job_role,
            company_size,
            message: (!message.is_empty()).then_some(message),
        }),
        _ => Err(faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Submission {
        Submission {
            partner: "northlight".into(),
            asset: "whitepapers/proof-of-recovery".into(),
            kind: FormKind::Whitepaper,
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
        let fields: Vec<&str> = check(&bad).err().unwrap().iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            ["website", "name", "company", "email", "phone", "job_role", "message", "consent"]
        );
        assert!(check(&form()).is_ok());
    }
}
