//! Leads that come as rows, of a file or through the API: all of them or none. A row about somebody who is known adds to
//! their lead as a form does; the same row once more changes nothing. Who qualifies is due to be handed over, which
//! [`super::handoff::tick`] does as it does for a form.

mod batch;
mod foresee;
mod request;
mod wording;

use std::collections::BTreeSet;

use super::{cobrand::no_content, context::Context};
use crate::{
    domain::{
        kernel::{Error, Result, Slug, clock::DAY_MS},
        lead::intake::{self, Fault, Intake, Known, Profile, Row, Sheet},
        partner::{BrandProfile, Partner, PartnerType, Region, Tier},
    },
    store::{
        Tx, audit,
        intakes::{self, HOUSE},
        leads::Lead,
        partners,
    },
};
use batch::Batches;

pub use batch::Due;
pub use foresee::{Foreseen, foresee};
pub(super) use request::check_request_key;
pub use request::{Outcome, request};

/// Rows of one batch.
const BATCH_ROWS: usize = 1_000;
/// Leads to be handed over that are told one by one.
const DUE_MAX: usize = 10_000;
/// How long a row is remembered.
const REMEMBERED_MS: i64 = 2 * 366 * DAY_MS;

/// Adds what was given now to a lead: what a rep works with is added to, never replaced.
pub(super) fn add_to(lead: &mut Lead, given: &Profile) {
    let in_hand =
        !crate::domain::lead::LeadStage::parse(&lead.stage).is_some_and(|stage| stage.is_in_nurture());
    let known = Profile {
        name: std::mem::take(&mut lead.name),
        company: std::mem::take(&mut lead.company),
        phone: lead.phone.take(),
        job_role: lead.job_role.take(),
        company_size: lead.company_size.take(),
    };
    let profile = known.with(given, in_hand);
    lead.name = profile.name;
    lead.company = profile.company;
    lead.phone = profile.phone;
    lead.job_role = profile.job_role;
    lead.company_size = profile.company_size;
}

/// The vendor in the place of the partner of a lead that none has; nothing for any other lead.
pub(super) fn stand_in(ctx: &Context, lead: &Lead) -> Option<Partner> {
    let library = ctx.library();
    let vendor = library.vendor.as_ref().filter(|_| lead.partner_slug == HOUSE)?;
    Some(Partner {
        slug: Slug::parse("the-vendor-itself").ok()?,
        name: vendor.name.clone(),
        partner_type: PartnerType::Distributor,
        tier: Tier::Registered,
        region: Region::Emea,
        city: String::new(),
        zone: vendor.zone,
        locale: vendor.default_locale.clone(),
        verticals: Vec::new(),
        solutions: Vec::new(),
        countries: Vec::new(),
        leads_max: None,
        parent: None,
        channel_manager_email: String::new(),
        website: vendor.website.clone(),
        brand: BrandProfile::plain(vendor.primary, vendor.accent),
    })
}

/// Where rows come from.
#[derive(Debug)]
pub enum Source<'s> {
    /// A file.
    Sheet(Sheet<'s>),
    /// A request.
    Rows(&'s [Row]),
}

impl Source<'_> {
    fn rows(&self) -> Box<dyn Iterator<Item = std::result::Result<Row, Fault>> + Send + '_> {
        match self {
            Self::Sheet(sheet) => Box::new(sheet.rows()),
            Self::Rows(rows) => Box::new(rows.iter().cloned().map(Ok)),
        }
    }

    /// Whether a file as a whole has no such column, which was told with its header.
    fn lacks(&self, column: &str) -> bool {
        matches!(self, Self::Sheet(sheet) if sheet.lacks(column))
    }
}

/// Who brings rows.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// For ledgers and the audit log.
    pub actor: &'a str,
    /// What they come from, for the audit log: the file's name.
    pub subject: &'a str,
    /// How they come, in an event: `import`, `api`.
    pub method: &'static str,
}

/// What rows may refer to now; `only` is the partner whose leads alone may come.
///
/// # Errors
/// No content yet; those of the store.
pub async fn known(ctx: &Context, only: Option<&str>) -> Result<Known> {
    let library = ctx.library();
    if library.rules.scoring.is_none() {
        return Err(no_content());
    }
    let newest: BTreeSet<&str> = library.rules.consent.iter().map(|text| text.id.as_str()).collect();
    let consents = newest.into_iter().filter_map(|id| library.rules.consent(id)).map(|text| {
        let names = |field: crate::domain::content::field::Field| !field.as_str().starts_with("vendor.");
        (text.id.to_string(), text.texts.values().any(|template| template.fields().any(names)))
    });
    let newest: BTreeSet<&str> = library.rules.consent.iter().map(|text| text.id.as_str()).collect();
    let languages = newest.into_iter().filter_map(|id| library.rules.consent(id)).map(|text| {
        (text.id.to_string(), text.texts.keys().map(ToString::to_string).collect::<BTreeSet<_>>())
    });
    let languages = languages.collect();
    Ok(Known {
        languages,
        partners: partners::slugs(&ctx.db).await?.into_iter().collect(),
        consents: consents.collect(),
        assets: library.assets.iter().map(|asset| asset.reference.clone()).collect(),
        only: only.map(str::to_owned),
    })
}

/// Checks all rows, telling each fault. Returns how many rows there are, and how many faults.
pub fn check(ctx: &Context, source: &Source<'_>, known: &Known, told: &mut dyn FnMut(Fault)) -> (u64, u64) {
    let (mut rows, mut faults) = (0, 0);
    let mut tell = |fault| {
        faults += 1;
        told(fault);
    };
    for row in source.rows() {
        rows += 1;
        match row {
            Ok(row) => {
                let found = intake::check(&row, known, ctx.now_ms()).err().into_iter().flatten();
                found.filter(|fault| !source.lacks(&fault.column)).for_each(&mut tell);
            }
            Err(fault) => tell(fault),
        }
    }
    if rows == 0 {
        tell(Fault::whole("there are no rows", "write one below the header"));
    }
    (rows, faults)
}

/// What came of rows.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Rows that made a lead.
    pub new: u64,
    /// Rows that added to a lead that is known.
    pub known: u64,
    /// Rows that were taken before, and changed nothing.
    pub unchanged: u64,
    /// Rows about people who were erased at their request.
    pub erased: u64,
    /// Rows that made or changed a lead, without a consent.
    pub without_consent: u64,
    /// Leads that are to be handed over, at most 10,000 of them.
    pub due: Vec<Due>,
    /// How many more are.
    pub due_more: u64,
    /// Leads of partners that may be called, and are not to be handed over now, at most 10,000 of them.
    pub beside: Vec<Lead>,
    /// The leads, by row; of requests alone.
    pub leads: Vec<(u64, String)>,
}

impl Taken {
    /// Whether nothing was changed.
    pub fn is_nothing(&self) -> bool {
        self.new + self.known == 0
    }

    fn add_due(&mut self, due: Due) {
        if self.due.len() < DUE_MAX {
            self.due.push(due);
        } else {
            self.due_more += 1;
        }
    }
}

/// Takes rows that were checked, in one transaction; with `is_rehearsal` it finds out what would come of it, and changes
/// nothing.
///
/// # Errors
/// `Invalid` for rows with faults; those of the store; then nothing was changed.
pub async fn take(
    ctx: &Context,
    source: &Source<'_>,
    known: &Known,
    door: &Door<'_>,
    is_rehearsal: bool,
) -> Result<Taken> {
    let mut tx = ctx.db.begin().await?;
    let taken = take_in(ctx, &mut tx, source, known, door).await?;
    if !is_rehearsal {
        tx.commit().await?;
    }
    Ok(taken)
}

/// As [`take`], in a transaction that is open.
///
/// # Errors
/// As [`take`].
pub async fn take_in(
    ctx: &Context,
    tx: &mut Tx,
    source: &Source<'_>,
    known: &Known,
    door: &Door<'_>,
) -> Result<Taken> {
    let now_ms = ctx.now_ms();
    intakes::open_house(tx, now_ms).await?;
    let mut batches = Batches::new(ctx, *door, matches!(source, Source::Rows(_)));
    let mut batch: Vec<Intake> = Vec::with_capacity(BATCH_ROWS);
    for row in source.rows() {
        let row = row.map_err(|fault| Error::invalid(fault.to_string()))?;
        let checked = intake::check(&row, known, now_ms);
        batch.push(
            checked.map_err(|faults| {
                Error::invalid(faults.first().map(ToString::to_string).unwrap_or_default())
            })?,
        );
        if batch.len() == BATCH_ROWS {
            batches.take(tx, std::mem::take(&mut batch)).await?;
        }
    }
    batches.take(tx, batch).await?;
    let taken = batches.taken;
    if !taken.is_nothing() {
        intakes::forget_before(tx, now_ms - REMEMBERED_MS).await?;
        let detail = format!("{} new, {} known, {} taken before", taken.new, taken.known, taken.unchanged);
        audit::record(tx, now_ms, &*ctx.random, door.actor, "import-leads", door.subject, &detail).await?;
    }
    Ok(taken)
}
