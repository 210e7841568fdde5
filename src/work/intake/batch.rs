//! Some rows at a time, as a statement for each thing that they change.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        context::Context,
        forms::WROTE,
        person, scoring,
        tokens::row_mark,
        track::{self, Visitor},
        webhooks,
    },
    Door, Taken, add_to,
    wording::Wordings,
};
use crate::{
    domain::{
        content::asset::{Asset, AssetKind},
        engagement::{EventKind, Reason},
        kernel::{Locale, Result, id::LeadId, text::base_key},
        lead::{LeadOrigin, LeadStage, intake::Intake},
    },
    store::{
        Tx,
        events::{self, Event},
        intakes::{self, HOUSE, NewStep},
        leads::{self, Lead, NewConsent},
    },
};

/// A lead that is to be handed over.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row.
    pub no: u64,
    /// The lead as it is then.
    pub lead: Lead,
    /// Why it qualifies; nothing for one in hand whose person asks to be called.
    pub because: Option<String>,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: String,
    /// Industry, or empty.
    pub vertical: String,
    /// Whether this intake made it.
    pub is_new: bool,
}

/// Rows on their way in.
pub(super) struct Batches<'c> {
    ctx: &'c Context,
    door: Door<'c>,
    wordings: Wordings,
    names_leads: bool,
    pub(super) taken: Taken,
}

/// A lead that rows of a batch made or change.
struct Change {
    lead: Lead,
    is_new: bool,
    steps_before: i64,
    steps: Vec<(String, String)>,
    events: Vec<Event>,
    consents: Vec<(i64, NewConsent)>,
    /// The last of its rows.
    row: Intake,
    asks: bool,
    is_due: bool,
}

impl<'c> Batches<'c> {
    pub(super) fn new(ctx: &'c Context, door: Door<'c>, names_leads: bool) -> Self {
        Self { ctx, door, wordings: Wordings::default(), names_leads, taken: Taken::default() }
    }

    /// Takes these rows.
    pub(super) async fn take(&mut self, tx: &mut Tx, rows: Vec<Intake>) -> Result<()> {
        let rows = self.unseen(tx, rows).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> =
            rows.iter().map(|(row, _)| row.email.base_key()).collect::<HashSet<_>>().into_iter().collect();
        let mut changes: Vec<Change> = Vec::new();
        let mut by_person: HashMap<String, Vec<usize>> = HashMap::new();
        let mut held: HashMap<String, Vec<intakes::Held>> = HashMap::new();
        for one in intakes::hold(tx, &keys).await? {
            held.entry(base_key(&one.lead.email)).or_default().push(one);
        }
        let mut marks = Vec::with_capacity(rows.len());
        for (row, mark) in rows {
            let key = row.email.base_key();
            let begun = by_person.get(&key).and_then(|all| {
                let fits =
                    |at: &&usize| row.partner == HOUSE || changes[**at].lead.partner_slug == row.partner;
                all.iter().find(fits).copied()
            });
            let at = match begun {
                Some(at) => at,
                None => {
                    changes.push(self.begin(tx, held.get(&key).map_or(&[], Vec::as_slice), &row).await?);
                    by_person.entry(key).or_default().push(changes.len() - 1);
                    changes.len() - 1
                }
            };
            if begun.is_none() && changes[at].is_new {
                self.taken.new += 1;
            } else {
                self.taken.known += 1;
            }
            self.taken.without_consent += u64::from(row.consent.is_none());
            if self.names_leads {
                self.taken.leads.push((row.no, changes[at].lead.id.clone()));
            }
            marks.push((mark, changes[at].lead.id.clone()));
            self.add_row(tx, &mut changes[at], row).await?;
        }
        self.judge_all(tx, &mut changes).await?;
        self.store(tx, changes, marks).await
    }

    /// The rows that were not taken before, with their marks, without people who were erased.
    async fn unseen(&mut self, tx: &mut Tx, rows: Vec<Intake>) -> Result<Vec<(Intake, String)>> {
        let marked: Vec<(Intake, String)> =
            rows.into_iter().map(|row| (mark(&row), row)).map(|(m, r)| (r, m)).collect();
        let known = intakes::seen(tx, marked.iter().map(|(_, mark)| mark.clone()).collect()).await?;
        let mut known: HashSet<String> = known.into_iter().collect();
        let keys = marked.iter().map(|(row, _)| row.email.base_key()).collect();
        let erased = person::erased_among(tx, keys).await?;
        let mut unseen = Vec::with_capacity(marked.len());
        for (row, mark) in marked {
            if erased.contains(&row.email.base_key()) {
                self.taken.erased += 1;
            } else if known.insert(mark.clone()) {
                unseen.push((row, mark));
            } else {
                self.taken.unchanged += 1;
            }
        }
        Ok(unseen)
    }

    /// The lead that a row is about: the partner's, or, where no partner is named, whoever has the person already, else the
    /// vendor's own. A new one where there is none.
    async fn begin(&mut self, tx: &mut Tx, held: &[intakes::Held], row: &Intake) -> Result<Change> {
        let now_ms = self.ctx.now_ms();
        // The very address before another tag of it.
        let address = row.email.key();
        let is_same = |it: &intakes::Held| it.lead.email_key == address;
        let found = if row.partner == HOUSE {
            held.iter().max_by_key(|it| {
                (
                    it.lead.partner_slug != HOUSE,
                    !may_be_offered(&it.lead),
                    is_same(it),
                    it.lead.updated_ms,
                    it.lead.id.clone(),
                )
            })
        } else {
            let theirs = held.iter().filter(|it| it.lead.partner_slug == row.partner);
            theirs.max_by_key(|it| (is_same(it), it.lead.updated_ms, it.lead.id.clone()))
        };
        let (mut lead, is_new, steps_before) = match found {
            Some(found) => (found.lead.clone(), false, found.steps),
            None => {
                let partner = self.wordings.partner(tx, &row.partner).await?;
                let theirs = partner.map_or_else(Locale::en, |partner| partner.locale.clone());
                let locale = row.locale.clone().unwrap_or(theirs);
                (blank(self.ctx, row, &locale), true, 0)
            }
        };
        lead.updated_ms = now_ms;
        Ok(Change {
            lead,
            is_new,
            steps_before,
            steps: Vec::new(),
            events: Vec::new(),
            consents: Vec::new(),
            row: row.clone(),
            asks: false,
            is_due: false,
        })
    }

    async fn add_row(&mut self, tx: &mut Tx, change: &mut Change, row: Intake) -> Result<()> {
        add_to(&mut change.lead, &row.profile);
        let lead = &change.lead;
        if change.is_new && change.steps.is_empty() {
            change.steps.push((lead.name.clone(), lead.origin.clone()));
        }
        let (kind, what) = deed(self.ctx, &row);
        let from = if row.source.is_empty() { String::new() } else { format!(" ({})", row.source) };
        change.steps.push((self.door.actor.to_owned(), format!("brought them: {what}{from}")));
        if let Some(message) = &row.message {
            change.steps.push((lead.name.clone(), format!("{WROTE}{message}")));
        }
        if let Some((id, at_ms)) = &row.consent {
            let consent = {
                let said = (id.as_str(), row.locale.as_ref());
                self.wordings.consent(self.ctx, tx, said, &lead.partner_slug).await?
            };
            change.consents.push((*at_ms, consent));
        }
        if let Some(kind) = kind {
            let visitor = Visitor { method: self.door.method.to_owned(), ..Visitor::default() };
            let mut event = track::blank(self.ctx, kind, &visitor);
            // Whoever brings it says that a person did it.
            event.judged(&Reason::Form.into());
            event.at_ms = row.occurred_ms.unwrap_or(event.at_ms);
            event.partner_slug.clone_from(&lead.partner_slug);
            event.asset = (!row.asset.is_empty()).then(|| row.asset.clone());
            event.lead_id = Some(lead.id.clone());
            change.events.push(event);
        }
        change.asks |= row.asks();
        change.row = row;
        Ok(())
    }

    /// Puts all deeds of each lead to the rules.
    async fn judge_all(&mut self, tx: &mut Tx, changes: &mut [Change]) -> Result<()> {
        let ids: Vec<String> =
            changes.iter().filter(|change| !change.is_new).map(|change| change.lead.id.clone()).collect();
        let mut before: HashMap<String, Vec<Event>> = HashMap::new();
        for event in events::of_leads_in(tx, &ids).await? {
            before.entry(event.lead_id.clone().unwrap_or_default()).or_default().push(event);
        }
        for change in changes {
            let seen = before.remove(&change.lead.id).unwrap_or_default();
            let all: Vec<&Event> = seen.iter().chain(&change.events).collect();
            let standing = scoring::judge(self.ctx, &change.lead, &all)?;
            standing.apply(&mut change.lead);
            if let Some((_, what)) = change.steps.last_mut().filter(|(_, what)| !what.starts_with(WROTE)) {
                *what = format!("{what}. {}", standing.because);
            }
            let is_free = may_be_offered(&change.lead);
            let because = standing.qualified_because.filter(|_| is_free);
            // Of those whom nobody may call, none; consents of before are looked at when it is handed over.
            let may_be = !change.is_new || !change.consents.is_empty();
            if may_be && (because.is_some() || (!is_free && change.asks)) {
                self.taken.add_due(Due {
                    no: change.row.no,
                    lead: change.lead.clone(),
                    because,
                    country: change.row.country.clone(),
                    vertical: change.row.vertical.clone(),
                    is_new: change.is_new,
                });
                change.is_due = true;
            } else if may_be && change.is_new && self.taken.beside.len() < super::DUE_MAX {
                self.taken.beside.push(change.lead.clone());
            }
        }
        Ok(())
    }

    async fn store(&self, tx: &mut Tx, changes: Vec<Change>, marks: Vec<(String, String)>) -> Result<()> {
        let now_ms = self.ctx.now_ms();
        let (new, known): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| change.is_new);
        let rows = |of: Vec<&Change>| of.into_iter().map(|change| change.lead.clone()).collect::<Vec<_>>();
        let new = rows(new);
        leads::add_all(tx, &new).await?;
        webhooks::leads_created(tx, &*self.ctx.random, new.iter()).await?;
        intakes::update(tx, &rows(known)).await?;
        let (mut steps, mut consents, mut deeds, mut notes) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            let id = &change.lead.id;
            for (no, (actor, what)) in (change.steps_before + 1..).zip(change.steps) {
                let stage = change.lead.stage.clone();
                steps.push(NewStep { lead_id: id.clone(), no, actor, stage, what });
            }
            consents.extend(change.consents.into_iter().map(|(at_ms, it)| (id.clone(), at_ms, it)));
            deeds.extend(change.events);
            notes.push(intakes::Intake {
                lead_id: id.clone(),
                country: change.row.country,
                vertical: change.row.vertical,
                by_vendor: change.is_new && change.lead.partner_slug == HOUSE,
                asks: change.asks,
                due_ms: change.is_due.then_some(now_ms),
                came_ms: now_ms,
            });
        }
        intakes::add_steps(tx, now_ms, steps).await?;
        intakes::add_consents(tx, consents).await?;
        events::insert(tx, deeds).await?;
        intakes::note(tx, notes).await?;
        intakes::remember(tx, marks, now_ms).await.map(|_| ())
    }
}

/// What makes a row the same as another.
fn mark(row: &Intake) -> String {
    let profile = &row.profile;
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let (consent, consent_ms) = row.consent.clone().unwrap_or_default();
    let occurred = row.occurred_ms.map(|ms| ms.to_string()).unwrap_or_default();
    let (key, phone, role) = (row.email.key(), optional(&profile.phone), optional(&profile.job_role));
    let (size, message) = (optional(&profile.company_size), optional(&row.message));
    let (consent_ms, locale) =
        (consent_ms.to_string(), row.locale.as_ref().map(ToString::to_string).unwrap_or_default());
    let mut parts: Vec<&str> = vec![
        &key,
        &row.partner,
        &profile.name,
        &profile.company,
        &phone,
        &role,
        &size,
        &row.country,
        &row.vertical,
        &row.asset,
        &row.source,
        &consent,
        &consent_ms,
        &message,
        &occurred,
    ];
    // Rows of before there was this column are the same still.
    if !locale.is_empty() {
        parts.push(&locale);
    }
    row_mark(&parts)
}

fn blank(ctx: &Context, row: &Intake, locale: &Locale) -> Lead {
    let now_ms = ctx.now_ms();
    let how = LeadOrigin::Vendor.label();
    Lead {
        id: LeadId::new(now_ms, &*ctx.random).to_string(),
        partner_slug: row.partner.clone(),
        email: row.email.to_string(),
        email_key: row.email.key(),
        name: String::new(),
        company: String::new(),
        phone: None,
        job_role: None,
        company_size: None,
        locale: locale.to_string(),
        stage: LeadStage::Inquiry.as_str().to_owned(),
        score: 0,
        fit: "D".to_owned(),
        because: String::new(),
        asset: row.asset.clone(),
        origin: if row.source.is_empty() { how.to_owned() } else { format!("{how}: {}", row.source) },
        owner_name: None,
        owner_email: None,
        created_ms: now_ms,
        updated_ms: now_ms,
        recycled_ms: None,
        reopen_ms: None,
        closed_reason: String::new(),
        asked_again_ms: None,
    }
}

/// What somebody did, as an event and in words: asked to be called, or what the asset is there for. Without either, nothing
/// is known but who they are.
fn deed(ctx: &Context, row: &Intake) -> (Option<EventKind>, String) {
    let library = ctx.library();
    let asset = library.find(&row.asset, &Locale::en());
    let title = asset.map_or(row.asset.as_str(), |asset| asset.front.title.as_str());
    if row.asks() {
        return (Some(EventKind::TalkToUs), "asked to talk".to_owned());
    }
    match asset.map(Asset::kind) {
        Some(AssetKind::Whitepaper) => {
            (Some(EventKind::WhitepaperForm), format!("asked for the whitepaper “{title}”"))
        }
        Some(AssetKind::Webinar) => (Some(EventKind::WebinarRegistered), format!("registered for “{title}”")),
        Some(_) => (None, format!("came by “{title}”")),
        None => (None, "without a deed".to_owned()),
    }
}

/// Whether its stage lets it be offered; an unknown one is none that anybody works.
fn may_be_offered(lead: &Lead) -> bool {
    LeadStage::parse(&lead.stage).is_none_or(LeadStage::may_be_offered)
}
