//! What is held of a person: handed out, and taken away at their request.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    context::Context,
    handoff,
    notices::{self, Notice, Words},
    tokens::sha256_hex,
    webhooks,
};
use crate::{
    domain::{
        kernel::{EmailAddress, Error, Random, Result, clock::UtcMs, mention},
        lead::{LeadStage, StopReason},
        partner::{Contact, contact::first_name},
        program::sequence::LeaveReason,
    },
    store::{
        Db, Tx, answers, audit, blanks, calls, conflicts, consents, erased, intakes, lead_clocks, leads,
        offers::{self, Offer},
        partners,
        person::{self, Known, Table},
        scrub,
        sequences::{self, End},
        suppressions::{self, ALL, Suppression},
        webhooks::endpoints,
    },
};

/// What the ledger says of a lead that was taken back.
const WHY: &str = "taken back: the person asked to be erased";

/// Somebody at `address`.
///
/// # Errors
/// `Invalid` for no address, `NotFound` where nothing is held.
pub async fn find(db: &Db, address: &str) -> Result<Known> {
    let address = EmailAddress::parse(address.trim())?;
    let known = person::known(db, address.as_str()).await?;
    if known.is_nobody() {
        return Err(Error::not_found("a person with this address"));
    }
    Ok(known)
}

/// Everything that is held of somebody, by table: `{"address", "tables": {"lead": [{…}]}, "cut": []}`. `cut` names the tables
/// that hold more rows than are handed out. Changes nothing.
///
/// # Errors
/// As [`find`].
pub async fn export(db: &Db, address: &str) -> Result<Value> {
    let known = find(db, address).await?;
    // Others have the same names and telephone numbers: rows that are somebody's own come by their keys.
    let texts: Vec<String> =
        known.own().into_iter().chain(known.contacts.clone()).chain(known.leads.clone()).collect();
    let (mut tables, mut cut) = (Map::new(), Vec::new());
    for table in person::tables(db).await? {
        // Whoever holds the key of a session is let in.
        if table.name == "session" {
            continue;
        }
        let found = found(db, &table, &known, &texts).await?;
        if found.len() > person::ROWS_MAX {
            cut.push(Value::String(table.name.clone()));
        }
        let found = found.into_iter().take(person::ROWS_MAX);
        let theirs = found.filter(|(row, by_key)| *by_key || texts.iter().any(|text| says(row, text)));
        let rows: Vec<Value> =
            theirs.map(|(row, by_key)| told(&table, row, by_key, &texts)).map(Value::Object).collect();
        if !rows.is_empty() {
            tables.insert(table.name, Value::Array(rows));
        }
    }
    Ok(serde_json::json!({ "address": known.base_key, "tables": tables, "cut": cut }))
}

/// A row as it is handed out: of somebody else's lead only what names them.
fn told(table: &Table, row: Map<String, Value>, by_key: bool, texts: &[String]) -> Map<String, Value> {
    if by_key || table.name != "lead" {
        return row;
    }
    let names_them = |cell: &Value| {
        cell.as_str().is_some_and(|cell| texts.iter().any(|text| mention::mentions(cell, text)))
    };
    row.into_iter().filter(|(column, cell)| column == "id" || names_them(cell)).collect()
}

/// The rows of a table that may be about somebody, and whether each is theirs by its key.
async fn found(
    db: &Db,
    table: &Table,
    known: &Known,
    texts: &[String],
) -> Result<Vec<(Map<String, Value>, bool)>> {
    let mut rows = Vec::new();
    for (row, by_key) in person::rows(db, table, known, texts).await? {
        let row = serde_json::from_str(&row).map_err(|error| Error::internal("JSON").because(error))?;
        rows.push((row, by_key));
    }
    Ok(rows)
}

fn cells(row: &Map<String, Value>) -> impl Iterator<Item = &str> {
    row.values().filter_map(Value::as_str)
}

/// Whether `text` stands in a row as a whole.
fn says(row: &Map<String, Value>, text: &str) -> bool {
    cells(row).any(|cell| mention::mentions(cell, text))
}

/// In which tables something of somebody is found: name and rows. Their addresses anywhere but in what was fixed for an issue
/// ([`fixed`]), their names and telephone numbers in rows that are theirs. Changes nothing.
///
/// # Errors
/// As [`find`].
pub async fn held(db: &Db, known: &Known) -> Result<Vec<(String, usize)>> {
    let (own, words) = (known.own(), known.words());
    let issues = |row: &Map<String, Value>| row.get("issue_id").is_some_and(Value::is_string);
    let mut held = Vec::new();
    for table in person::tables(db).await? {
        // Links of renditions are fixed with them.
        if table.name == "link" {
            continue;
        }
        let is_fixed = |row: &Map<String, Value>| table.name == "rendition" && issues(row);
        let is_theirs = |(row, by_key): &(Map<String, Value>, bool)| {
            let holds_word = || words.iter().any(|word| cells(row).any(|cell| cell.contains(word.as_str())));
            !is_fixed(row) && (own.iter().any(|address| says(row, address)) || *by_key && holds_word())
        };
        let rows = found(db, &table, known, &own).await?.iter().filter(|row| is_theirs(row)).count();
        if rows > 0 {
            held.push((table.name, rows));
        }
    }
    Ok(held)
}

/// What was fixed for an issue and names somebody. A released issue never changes, so that it is what people approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The issue: its newsletter and the day that it is for.
    pub issue: String,
    /// How many of its renditions.
    pub renditions: usize,
    /// How many messages of them have not left.
    pub waiting: i64,
}

/// The issues whose fixed content names somebody, which erasing leaves. Changes nothing.
///
/// # Errors
/// Those of the store.
pub async fn fixed(db: &Db, known: &Known) -> Result<Vec<Fixed>> {
    let mut found: BTreeMap<String, person::Fixed> = BTreeMap::new();
    for address in known.own() {
        let rows = person::fixed(db, &address).await?.into_iter();
        let theirs = rows.filter(|row| mention::mentions(&row.text, &address));
        found.extend(theirs.map(|row| (row.rendition_id.clone(), row)));
    }
    let mut all: BTreeMap<String, Fixed> = BTreeMap::new();
    for row in found.into_values() {
        let issue = row.issue.clone();
        let one = all.entry(row.issue).or_insert(Fixed { issue, renditions: 0, waiting: 0 });
        one.renditions += 1;
        one.waiting += row.waiting;
    }
    Ok(all.into_values().collect())
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Tables in which something was held, with how many rows.
    pub held: Vec<(String, usize)>,
    /// Tables in which something still is, which a person has to look at.
    pub left: Vec<(String, usize)>,
    /// What was fixed for issues and names them.
    pub fixed: Vec<Fixed>,
    /// Offers that were taken back.
    pub recalled: usize,
    /// Leads of others that they had, or were offered, and somebody else has now.
    pub passed_on: usize,
}

/// Takes everything of somebody away. Rows that count something stay, without the person; a salted hash of the address stays, so
/// that no roster brings them back. What is recorded of it names nobody.
///
/// # Errors
/// As [`find`]; those of the store, then nothing was changed but that leads which they had are somebody else's.
pub async fn erase(ctx: &Context, address: &str, actor: &str) -> Result<Erased> {
    let known = find(&ctx.db, address).await?;
    let before = held(&ctx.db, &known).await?;
    let passed_on = pass_on(ctx, &known).await?;
    let mut live: Vec<Offer> = Vec::new();
    let mut notes = Vec::new();
    for lead in &known.leads {
        for offer in offers::of_lead(&ctx.db, lead).await?.into_iter().filter(Offer::is_live) {
            // Nobody writes to them any more, also where they were offered themselves.
            if !known.own().iter().any(|address| address.eq_ignore_ascii_case(&offer.rep_email)) {
                notes.extend(note(ctx, lead, &offer).await?);
            }
            live.push(offer);
        }
    }
    let mut cases = Vec::new();
    for lead in &known.leads {
        cases.extend(conflicts::of_lead(&ctx.db, lead).await?.map(|(case, _)| case.id));
    }
    cases.sort();
    cases.dedup();
    let salt = match erased::salt(&ctx.db).await? {
        Some(salt) => salt,
        None => fresh_salt(&*ctx.random),
    };
    let now_ms = ctx.now_ms();
    let tables = person::tables(&ctx.db).await?;
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    let mut recalled = 0;
    for offer in live.iter().filter(|offer| offer.answer.is_none()) {
        let how =
            offers::Answer { answer: "recalled", reason: StopReason::Withdrawn.as_str(), because: Some(WHY) };
        recalled += usize::from(offers::answer(&mut tx, &offer.id, now_ms, how).await?);
    }
    // Before the notes to reps, which are about the same leads.
    blanks::blank_mail(&mut tx, &known.base_key, &known.leads).await?;
    for lead in &known.leads {
        let held = offers::live_in(&mut tx, lead).await?;
        if held.as_ref().is_some_and(|offer| !live.iter().any(|known| known.id == offer.id)) {
            return Err(Error::conflict(
                "a lead of theirs was just given to somebody; nothing was changed, ask again",
            ));
        }
        end_lead(&mut tx, &*ctx.random, lead, held.as_ref(), now_ms).await?;
        webhooks::forget(ctx, &mut tx, lead).await?;
    }
    for case in &cases {
        conflicts::blank_reasons(&mut tx, case).await?;
        conflicts::add_step(&mut tx, case, &erased_step(now_ms)).await?;
    }
    for contact in &known.contacts {
        sequences::leave(&mut tx, contact, None, &gone(now_ms)).await?;
        blank_contact(&mut tx, &known, contact, now_ms).await?;
    }
    // Before its address is replaced by a mark, which no mail can go to.
    endpoints::forget_contact(&mut tx, &known.addresses).await?;
    for address in &known.addresses {
        blanks::forget_keys(&mut tx, &address.to_lowercase()).await?;
    }
    blanks::forget_keys(&mut tx, &known.base_key).await?;
    for table in &tables {
        scrub::scrub(&mut tx, table, &known).await?;
    }
    erased::remember(&mut tx, &hash(&salt, &known.base_key), &salt, now_ms).await?;
    suppressions::put(&mut tx, &nowhere(now_ms)).await?;
    for note in notes {
        note.enqueue(&mut tx, now_ms).await?;
    }
    let detail = format!(
        "{} contacts, {} leads, {recalled} offers taken back",
        known.contacts.len(),
        known.leads.len()
    );
    audit::record(&mut tx, now_ms, &*ctx.random, actor, "erase", "person", &detail).await?;
    tx.commit().await?;
    ctx.wake.deliver.notify_one();
    ctx.db.scour().await?;
    let (left, fixed) = (held(&ctx.db, &known).await?, fixed(&ctx.db, &known).await?);
    Ok(Erased { held: before, left, fixed, recalled, passed_on })
}

/// The leads of others that somebody has, or was offered, go on before their name goes; returns how many.
async fn pass_on(ctx: &Context, known: &Known) -> Result<usize> {
    let mut passed_on = 0;
    if !known.contacts.is_empty() {
        let keys: BTreeSet<String> = known.own().iter().map(|address| address.to_lowercase()).collect();
        for key in keys {
            passed_on += handoff::leave(ctx, &key, &known.leads).await?;
        }
    }
    Ok(passed_on)
}

/// Empties a contact, and takes their name off the leads that they had.
async fn blank_contact(tx: &mut Tx, known: &Known, contact: &str, now_ms: UtcMs) -> Result<()> {
    for address in known.own() {
        if offers::live_of_rep_in(tx, &address.to_lowercase()).await? > 0 {
            return Err(Error::conflict(
                "they were offered a lead in this moment; only what they had was passed on, ask again",
            ));
        }
    }
    for name in blanks::names_of_rep(tx, contact).await? {
        if known.names.contains(&name) {
            blanks::blank_rep_in_texts(tx, contact, &name).await?;
        }
    }
    blanks::blank_rep(tx, contact).await?;
    blanks::blank_events(tx, Some(contact), None).await?;
    blanks::blank_contact(tx, contact, now_ms).await?;
    Ok(())
}

/// Nothing may leave to an address that stands where somebody's stood.
fn nowhere(now_ms: UtcMs) -> Suppression {
    Suppression {
        email_key: format!("@{}", person::NOWHERE),
        scope: ALL.to_owned(),
        reason: "manual".to_owned(),
        source: "person".to_owned(),
        detail: "people who were erased".to_owned(),
        created_ms: now_ms,
        expires_ms: None,
    }
}

fn erased_step(now_ms: UtcMs) -> conflicts::Step {
    conflicts::Step {
        at_ms: now_ms,
        actor: "partnercast".to_owned(),
        what: "A person of this conflict asked to be erased.".to_owned(),
        because: String::new(),
        winner: None,
        looked: "[]".to_owned(),
    }
}

fn gone(now_ms: UtcMs) -> End<'static> {
    let detail = "erased at their request";
    End { state: "left", reason: LeaveReason::TakenOut.as_str(), detail, now_ms }
}

/// Ends what runs for a lead, with the steps that its stage allows, and empties it.
async fn end_lead(
    tx: &mut Tx,
    random: &dyn Random,
    id: &str,
    held: Option<&Offer>,
    now_ms: UtcMs,
) -> Result<()> {
    let Some(lead) = leads::lead_in(tx, id).await? else { return Ok(()) };
    conflicts::forget(tx, id, now_ms).await?;
    answers::blank(tx, id).await?;
    consents::withdraw(tx, id, now_ms).await?;
    sequences::leave(tx, id, None, &gone(now_ms)).await?;
    let mut stage = LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry);
    let mut steps = Vec::new();
    for to in way_out(stage) {
        stage.check_step(*to)?;
        stage = *to;
        steps.push(stage);
    }
    // A deal stays its owner's, with its clock: neither names the person.
    if !stage.is_owned() {
        lead_clocks::stop(tx, id, now_ms, StopReason::Withdrawn.as_str()).await?;
        if let Some(offer) = held {
            offers::end(tx, &offer.id, now_ms, ("", WHY)).await?;
        }
    }
    calls::close(tx, id, "withdrawn", now_ms).await?;
    intakes::forget(tx, id).await?;
    blanks::blank_events(tx, None, Some(id)).await?;
    blanks::blank_lead(tx, id, stage.as_str(), now_ms).await?;
    for stage in steps {
        leads::add_step(tx, id, now_ms, "partnercast", stage.as_str(), WHY).await?;
    }
    webhooks::lead_erased(tx, random, &lead, now_ms).await
}

/// The steps from a stage to one in which nobody works the lead; a deal stays the partner's.
fn way_out(stage: LeadStage) -> &'static [LeadStage] {
    use LeadStage as S;
    match stage {
        S::Inquiry | S::Nurturing | S::Sal | S::Contacted => &[S::Disqualified],
        S::Mql => &[S::Offered, S::Expired, S::Recycled],
        S::Offered => &[S::Expired, S::Recycled],
        S::Rejected | S::Expired => &[S::Recycled],
        _ => &[],
    }
}

/// Tells who has, or was offered, a lead that it is gone, or that a deal stays theirs without the person; without a word about
/// them.
async fn note(ctx: &Context, lead: &str, offer: &Offer) -> Result<Option<notices::Ready>> {
    let Some(lead) = leads::lead(&ctx.db, lead).await? else { return Ok(None) };
    let Some(partner) = partners::partner(&ctx.db, &lead.partner_slug).await? else { return Ok(None) };
    let strings = ctx.templates.strings(&partner.locale);
    let values = [("partner", partner.name.as_str()), ("name", first_name(&offer.rep_name))];
    let stays =
        LeadStage::parse(&lead.stage).is_some_and(|stage| stage.is_owned() && way_out(stage).is_empty());
    let (subject, text) =
        if stays { ("erased_deal_subject", "erased_deal_text") } else { ("erased_subject", "erased_text") };
    let notice = Notice {
        source: format!("erased:{}", offer.id),
        lead_id: lead.id.clone(),
        to_name: offer.rep_name.clone(),
        to_email: offer.rep_email.clone(),
        partner: &partner,
        locale: &partner.locale,
        sender: "leads",
        words: Words {
            subject: strings.fill(subject, &values),
            heading: strings.fill(subject, &values),
            paragraphs: vec![strings.fill(text, &values)],
            facts: Vec::new(),
            button: (strings.get("erased_button").to_owned(), "/desk".to_owned()),
            why: strings.fill("offer_why", &values),
        },
        stop: None,
        tracks: false,
    };
    notices::compose(ctx, &notice).map(Some)
}

fn fresh_salt(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    sha256_hex(&bytes)
}

fn hash(salt: &str, base_key: &str) -> String {
    sha256_hex(format!("{salt}:{base_key}").as_bytes())
}

/// The people of a roster without those who were erased.
///
/// # Errors
/// Those of the store.
pub async fn without_erased(tx: &mut Tx, people: Vec<Contact>) -> Result<Vec<Contact>> {
    let keys = people.iter().map(|contact| contact.email.base_key()).collect();
    let known = erased_among(tx, keys).await?;
    let (out, people): (Vec<Contact>, Vec<Contact>) =
        people.into_iter().partition(|contact| known.contains(&contact.email.base_key()));
    if !out.is_empty() {
        tracing::warn!(people = out.len(), "the roster lists people who were erased; they are left out");
    }
    Ok(people)
}

/// Those of these addresses (without tags, lower case) whose owners were erased.
///
/// # Errors
/// Those of the store.
pub async fn erased_among(tx: &mut Tx, base_keys: Vec<String>) -> Result<BTreeSet<String>> {
    let Some(salt) = erased::salt_in(tx).await? else { return Ok(BTreeSet::new()) };
    let hashes: Vec<String> = base_keys.iter().map(|key| hash(&salt, key)).collect();
    let known: BTreeSet<String> = erased::erased(tx, hashes.clone()).await?.into_iter().collect();
    Ok(base_keys
        .into_iter()
        .zip(hashes)
        .filter(|(_, hash)| known.contains(hash))
        .map(|(key, _)| key)
        .collect())
}
