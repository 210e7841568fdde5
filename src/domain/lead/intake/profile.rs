//! Who somebody is, as it is known and as it is given anew.

/// Somebody's profile, as they or somebody else gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Telephone.
    pub phone: Option<String>,
    /// One of [`super::JOB_ROLES`].
    pub job_role: Option<String>,
    /// One of [`super::COMPANY_SIZES`].
    pub company_size: Option<String>,
}

impl Profile {
    /// What is known with what was given now: while a rep works with it (`in_hand`), what is there is added to and never
    /// replaced, since anybody can write an address into a form.
    #[must_use]
    pub fn with(self, given: &Self, in_hand: bool) -> Self {
        let either = |known: Option<String>, given: &Option<String>| {
            if in_hand { known.or_else(|| given.clone()) } else { given.clone().or(known) }
        };
        let (name, company) =
            if in_hand { (self.name, self.company) } else { (given.name.clone(), given.company.clone()) };
        Self {
            name,
            company,
            phone: either(self.phone, &given.phone),
            job_role: either(self.job_role, &given.job_role),
            company_size: either(self.company_size, &given.company_size),
        }
    }
}
