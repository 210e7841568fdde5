//! Rosters: partners, contacts and brands from text, checked whole. Every fault is listed; with one fault nothing
//! is taken.

mod brands;
mod rows;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use self::rows::Sheet;
use super::{Contact, Partner, PartnerType, Region, Tier};
use crate::domain::kernel::{EmailAddress, Slug};

pub use words::{Word, nearest};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most rows in a file.
pub const ROWS_MAX: usize = 100_000;
/// Most faults listed; checking stops there, with a line that says so.
pub const FAULTS_MAX: usize = 1_000;

const PARTNERS_FILE: &str = "partners.csv";
const CONTACTS_FILE: &str = "contacts.csv";
/// Those behind `website` may be left out, from the last on.
const PARTNERS_HEADER: [&str; 15] = [
    "slug",
    "name",
    "type",
    "tier",
    "region",
    "city",
    "zone",
    "locale",
    "verticals",
    "parent",
    "channel_manager_email",
    "website",
    "solutions",
    "countries",
    "leads_max",
];
const PARTNERS_COLUMNS_MIN: usize = 12;
const CONTACTS_HEADER: [&str; 7] = ["partner", "name", "email", "roles", "locale", "zone", "lead_contact"];

/// The files of a roster, as bytes or text.
#[derive(Debug, Clone, Copy)]
pub struct RosterFiles<'f> {
    /// `partners.csv`.
    pub partners: &'f [u8],
    /// `contacts.csv`.
    pub contacts: &'f [u8],
    /// `brands/<slug>/brand.toml`, by slug.
    pub brands: &'f BTreeMap<String, String>,
}

/// A checked roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// In the file's order, each with its brand; `brand.logo` is left empty.
    pub partners: Vec<Partner>,
    /// In the file's order; each belongs to one of `partners`.
    pub contacts: Vec<Contact>,
}

/// Something wrong in a roster: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowFault {
    /// The file, such as `contacts.csv` or `brands/ipe/brand.toml`.
    pub file: String,
    /// Line, from 1; 0 where the fault is the whole file's.
    pub line: u64,
    /// Column of the table or key of the file; empty where the fault is the whole line's.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.column.is_empty() {
            write!(f, " ({})", self.column)?;
        }
        write!(f, ": {}; {}", self.message, self.fix)
    }
}

impl Roster {
    /// Reads and checks all files together.
    ///
    /// # Errors
    /// Every fault found, in file order, at most [`FAULTS_MAX`] of them and then one that says that there are more.
    pub fn parse(files: RosterFiles<'_>) -> Result<Self, Vec<RowFault>> {
        let mut faults = Faults::default();
        let (mut brands, brand_faults) = brands::parse(files.brands);
        let partners = partners(files.partners, &mut brands, &mut faults);
        let contacts = contacts(files.contacts, partners.as_deref(), &mut faults);
        // What a file could not say is no fault of the other.
        if let (Some(partners), Some(contacts)) = (&partners, &contacts) {
            one_lead_contact_each(partners, contacts, &mut faults);
        }
        brand_faults.into_iter().for_each(|fault| faults.push(fault));
        for slug in brands.into_keys().filter(|_| partners.is_some()) {
            let file = brands::file(&slug);
            faults.add(
                &file,
                0,
                "",
                format!("there is no partner `{slug}`"),
                "add the partner or remove the folder",
            );
        }
        let partners = partners.into_iter().flatten().filter_map(|row| row.partner).collect();
        let contacts = contacts.into_iter().flatten().map(|(_, contact)| contact).collect();
        faults.none_or_all().map(|()| Self { partners, contacts })
    }
}

/// The faults found so far.
#[derive(Default)]
struct Faults {
    listed: Vec<RowFault>,
    more: bool,
}

impl Faults {
    fn push(&mut self, fault: RowFault) {
        if self.is_full() {
            self.more = true;
        } else {
            self.listed.push(fault);
        }
    }

    /// Nothing more will be listed, so nothing more need be looked for.
    fn is_full(&self) -> bool {
        self.listed.len() >= FAULTS_MAX
    }

    fn add(&mut self, file: &str, line: u64, column: &str, message: String, fix: impl Into<String>) {
        let (file, column, fix) = (file.to_owned(), column.to_owned(), fix.into());
        self.push(RowFault { file, line, column, message, fix });
    }

    fn none_or_all(mut self) -> Result<(), Vec<RowFault>> {
        if self.more {
            self.listed.push(RowFault {
                file: "roster".to_owned(),
                line: 0,
                column: String::new(),
                message: format!("there are more than these {FAULTS_MAX} faults"),
                fix: "mend these first, then check again".to_owned(),
            });
        }
        if self.listed.is_empty() { Ok(()) } else { Err(self.listed) }
    }
}

/// A partner's row. `partner` is missing where the row has faults: its slug is known all the same, so that its
/// contacts are not blamed for it.
struct PartnerRow {
    line: u64,
    slug: Slug,
    partner: Option<Partner>,
}

/// The rows; nothing where the file does not say who the partners are.
fn partners(
    bytes: &[u8],
    brands: &mut BTreeMap<String, Option<super::BrandProfile>>,
    faults: &mut Faults,
) -> Option<Vec<PartnerRow>> {
    let sheet = Sheet::read(PARTNERS_FILE, bytes, (&PARTNERS_HEADER, PARTNERS_COLUMNS_MIN), faults)?;
    let says_who = sheet.has("slug");
    let mut rows: Vec<PartnerRow> = Vec::new();
    let mut lines: HashMap<Slug, u64> = HashMap::new();
    let mut parents = Vec::new();
    for row in sheet.rows {
        if faults.is_full() {
            faults.more = true;
            break;
        }
        let slug = row.checked("slug", faults, Slug::parse);
        let name = row.required_line("name", faults);
        let partner_type = row.word::<PartnerType>("type", faults);
        let tier = row.word::<Tier>("tier", faults);
        let region = row.word::<Region>("region", faults);
        let city = row.required_line("city", faults);
        let zone = row.checked("zone", faults, words::zone);
        let locale = row.checked("locale", faults, words::locale);
        let verticals = row.words("verticals", faults);
        let parent = row.optional("parent", faults, Slug::parse);
        let manager = row.checked("channel_manager_email", faults, EmailAddress::parse);
        let website = row.website(faults);
        let solutions = row.words("solutions", faults);
        let countries = row.countries(faults);
        let leads_max = row.optional("leads_max", faults, words::leads_max);
        let Some(slug) = slug else { continue };
        if let Some(first) = lines.get(&slug) {
            let message = format!("`{slug}` is on line {first} already");
            faults.add(PARTNERS_FILE, row.line, "slug", message, "give each partner a slug of its own");
            continue;
        }
        lines.insert(slug.clone(), row.line);
        if let Some(Some(parent)) = &parent {
            parents.push((row.line, slug.clone(), parent.clone()));
        }
        let brand = brands.remove(slug.as_str()).unwrap_or_else(|| {
            let message = format!("`{slug}` has no brand");
            let fix = format!("add {} with at least `primary` and `accent`", brands::file(slug.as_str()));
            faults.add(PARTNERS_FILE, row.line, "slug", message, fix);
            None
        });
        let partner = (|| {
            Some(Partner {
                slug: slug.clone(),
                name: name?,
                partner_type: partner_type?,
                tier: tier?,
                region: region?,
                city: city?,
                zone: zone?,
                locale: locale?,
                verticals: verticals?,
                solutions: solutions?,
                countries: countries?,
                leads_max: leads_max?,
                parent: parent?,
                channel_manager_email: manager?.as_str().to_owned(),
                website: website?,
                brand: brand?,
            })
        })();
        rows.push(PartnerRow { line: row.line, slug, partner });
    }
    check_parents(&parents, &rows, faults);
    says_who.then_some(rows)
}

/// Two tiers and no more: a parent is a distributor, and has no parent itself.
fn check_parents(parents: &[(u64, Slug, Slug)], rows: &[PartnerRow], faults: &mut Faults) {
    let by_slug: HashMap<&Slug, &PartnerRow> = rows.iter().map(|row| (&row.slug, row)).collect();
    for (line, slug, parent) in parents {
        let Some(row) = by_slug.get(parent) else {
            let message = format!("there is no partner `{parent}`");
            let fix = words::suggestion(parent.as_str(), rows.iter().map(|row| row.slug.as_str()))
                .unwrap_or_else(|| "add its row, or leave the field empty".to_owned());
            faults.add(PARTNERS_FILE, *line, "parent", message, fix);
            continue;
        };
        let is_distributor = |p: &Partner| p.partner_type == PartnerType::Distributor && p.parent.is_none();
        if parent == slug || row.partner.as_ref().is_some_and(|partner| !is_distributor(partner)) {
            let message = format!("`{parent}` cannot be the parent of `{slug}`");
            faults.add(
                PARTNERS_FILE,
                *line,
                "parent",
                message,
                "name a distributor that has no parent itself",
            );
        }
    }
}

/// The good contacts with their lines; nothing where the file does not say who receives whose leads.
fn contacts(
    bytes: &[u8],
    partners: Option<&[PartnerRow]>,
    faults: &mut Faults,
) -> Option<Vec<(u64, Contact)>> {
    let sheet = Sheet::read(CONTACTS_FILE, bytes, (&CONTACTS_HEADER, CONTACTS_HEADER.len()), faults)?;
    let says_who = CONTACTS_HEADER.into_iter().all(|column| sheet.has(column));
    let known: Option<BTreeSet<&str>> =
        partners.map(|rows| rows.iter().map(|row| row.slug.as_str()).collect());
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut rows = Vec::new();
    for row in sheet.rows {
        if faults.is_full() {
            faults.more = true;
            break;
        }
        let partner = row.checked("partner", faults, Slug::parse);
        let name = row.required_line("name", faults);
        let email = row.checked("email", faults, EmailAddress::parse);
        let roles = row.roles(faults);
        let locale = row.optional("locale", faults, words::locale);
        let zone = row.optional("zone", faults, words::zone);
        let lead_contact = row.yes_no("lead_contact", faults);
        if let (Some(slug), Some(known)) = (&partner, &known)
            && !known.contains(slug.as_str())
        {
            let message = format!("there is no partner `{slug}`");
            let fix = words::suggestion(slug.as_str(), known.iter().copied())
                .unwrap_or_else(|| format!("add it to {PARTNERS_FILE} first"));
            faults.add(CONTACTS_FILE, row.line, "partner", message, fix);
        }
        if let Some(email) = &email {
            if let Some(first) = lines.get(&email.key()) {
                let message = format!("`{email}` is on line {first} already");
                faults.add(CONTACTS_FILE, row.line, "email", message, "keep one row for each address");
            } else {
                lines.insert(email.key(), row.line);
            }
        }
        let contact = (|| {
            let (partner, name, email, roles) = (partner?, name?, email?, roles?);
            let (locale, zone, lead_contact) = (locale?, zone?, lead_contact?);
            Some(Contact { partner, name, email, roles, locale, zone, lead_contact })
        })();
        rows.extend(contact.map(|contact| (row.line, contact)));
    }
    says_who.then_some(rows)
}

fn one_lead_contact_each(partners: &[PartnerRow], contacts: &[(u64, Contact)], faults: &mut Faults) {
    let mut leads: HashMap<&Slug, Vec<(u64, &str)>> = HashMap::new();
    for (line, contact) in contacts.iter().filter(|(_, contact)| contact.lead_contact) {
        leads.entry(&contact.partner).or_default().push((*line, contact.email.as_str()));
    }
    for row in partners {
        match leads.get(&row.slug).map_or(&[][..], Vec::as_slice) {
            [_] => {}
            [] => {
                let message = format!("`{}` has no contact who receives its leads", row.slug);
                let fix = format!("write `yes` under lead_contact for one of its people in {CONTACTS_FILE}");
                faults.add(PARTNERS_FILE, row.line, "slug", message, fix);
            }
            [_, again @ ..] => {
                for (line, email) in again {
                    let message = format!("`{email}` is not the first lead contact of `{}`", row.slug);
                    let fix = "exactly one person receives a partner's leads: write `no` for the others";
                    faults.add(CONTACTS_FILE, *line, "lead_contact", message, fix);
                }
            }
        }
    }
}
