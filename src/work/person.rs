//! What is held of a person: handed out, and taken away at their request.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    context::Context,
    notices::{self, Notice, Words},
    tokens::sha256_hex,
    webhooks,
};
use crate::{
    domain::{
        kernel::{EmailAddress, Error, Random, Result, clock::UtcMs},
        lead::{LeadStage, StopReason},
        partner::{Contact, contact::first_name},
        program::sequence::LeaveReason,
    },
    store::{
        Db, Tx, answers, audit, calls, conflicts, erased, intakes, lead_clocks, leads,
        offers::{self, Offer},
        partners,
        person::{self, Known, Table},
        scrub::{self, Where},
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

/// Everything that is held of somebody, by table: `{"address", "tables": {"lead": [{…}]}}`. Changes nothing.
///
/// # Errors
/// As [`find`].
pub async fn export(db: &Db, address: &str) -> Result<Value> {
    let known = find(db, address).await?;
    let texts: Vec<String> =
        known.spellings().into_iter().chain(known.contacts.clone()).chain(known.leads.clone()).collect();
    let mut tables = Map::new();
    for table in person::tables(db).await? {
        // Whoever holds the key of a session is let in.
        if table.name == "session" {
            continue;
        }
        let rows = theirs(db, &table, &known, &texts).await?;
        if !rows.is_empty() {
            tables.insert(table.name, Value::Array(rows));
        }
    }
    Ok(serde_json::json!({ "address": known.base_key, "tables": tables }))
}

/// The rows of a table that are about somebody, without those in which their address is a part of another's.
async fn theirs(db: &Db, table: &Table, known: &Known, texts: &[String]) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for (row, surely) in person::rows(db, table, known, texts).await? {
        let row: Value =
            serde_json::from_str(&row).map_err(|error| Error::internal("JSON").because(error))?;
        let cells = || row.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
        if surely || cells().any(|cell| texts.iter().any(|text| mentions(cell, text))) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Whether `text` stands in `cell` as a whole: not within a longer word or address.
fn mentions(cell: &str, text: &str) -> bool {
    let (cell, text) = (cell.to_lowercase(), text.to_lowercase());
    let within = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    cell.match_indices(&text).any(|(at, _)| {
        let before = cell[..at].chars().next_back();
        let mut behind = cell[at + text.len()..].chars();
        let is_longer = match behind.next() {
            // A full stop behind an address may end the sentence.
            Some('.') => behind.next().is_some_and(char::is_alphanumeric),
            Some(c) => c.is_alphanumeric() || c == '-',
            None => false,
        };
        !before.is_some_and(within) && !is_longer
    })
}

/// In which tables something of somebody is found: name and rows. Changes nothing.
///
/// # Errors
/// As [`find`].
pub async fn held(db: &Db, known: &Known) -> Result<Vec<(String, usize)>> {
    let mut held = Vec::new();
    for table in person::tables(db).await? {
        let rows = theirs(db, &table, known, &known.spellings()).await?.len();
        if rows > 0 {
            held.push((table.name, rows));
        }
    }
    Ok(held)
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Tables in which something was held, with how many rows.
    pub held: Vec<(String, usize)>,
    /// Tables in which something still is, which a person has to look at.
    pub left: Vec<(String, usize)>,
    /// Offers that were taken back.
    pub recalled: usize,
}

/// Takes everything of somebody away. Rows that count something stay, without the person; a salted hash of the address stays, so
/// that no roster brings them back. What is recorded of it names nobody.
///
/// # Errors
/// As [`find`]; those of the store, then nothing was changed.
pub async fn erase(ctx: &Context, address: &str, actor: &str) -> Result<Erased> {
    let known = find(&ctx.db, address).await?;
    let before = held(&ctx.db, &known).await?;
    let mut live: Vec<Offer> = Vec::new();
    let mut notes = Vec::new();
    for lead in &known.leads {
        for offer in offers::of_lead(&ctx.db, lead).await?.into_iter().filter(Offer::is_live) {
            notes.extend(note(ctx, lead, &offer).await?);
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
    let mut spellings = Vec::new();
    for spelling in known.spellings() {
        let longer = person::longer(&ctx.db, &spelling).await?;
        spellings.push((spelling, longer));
    }
    let mut tx = ctx.db.begin().await?;
    conflicts::take_turns(&mut tx).await?;
    let mut recalled = 0;
    for offer in live.iter().filter(|offer| offer.answer.is_none()) {
        let how =
            offers::Answer { answer: "recalled", reason: StopReason::Withdrawn.as_str(), because: Some(WHY) };
        recalled += usize::from(offers::answer(&mut tx, &offer.id, now_ms, how).await?);
    }
    // Before the notes to reps, which are about the same leads.
    person::blank_mail(&mut tx, &known.base_key, &known.leads).await?;
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
        person::blank_events(&mut tx, Some(contact), None).await?;
        person::blank_contact(&mut tx, contact, now_ms).await?;
    }
    // Before its address is replaced by a mark, which no mail can go to.
    endpoints::forget_contact(&mut tx, &known.addresses).await?;
    for address in &known.addresses {
        person::forget_keys(&mut tx, &address.to_lowercase()).await?;
    }
    person::forget_keys(&mut tx, &known.base_key).await?;
    for table in &tables {
        for (spelling, longer) in &spellings {
            let is_address = *spelling == known.base_key || known.addresses.contains(spelling);
            let place = if is_address { Where::Anywhere } else { Where::Theirs(&known) };
            scrub::scrub(&mut tx, table, spelling, longer, place).await?;
        }
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
    Ok(Erased { held: before, left: held(&ctx.db, &known).await?, recalled })
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
    lead_clocks::stop(tx, id, now_ms, StopReason::Withdrawn.as_str()).await?;
    conflicts::forget(tx, id, now_ms).await?;
    answers::blank(tx, id).await?;
    leads::withdraw_consents(tx, id, now_ms).await?;
    sequences::leave(tx, id, None, &gone(now_ms)).await?;
    let mut stage = LeadStage::parse(&lead.stage).unwrap_or(LeadStage::Inquiry);
    let mut steps = Vec::new();
    for to in way_out(stage) {
        stage.check_step(*to)?;
        stage = *to;
        steps.push(stage);
    }
    if let Some(offer) = held.filter(|_| !stage.is_owned()) {
        offers::end(tx, &offer.id, now_ms, ("", WHY)).await?;
    }
    calls::close(tx, id, "withdrawn", now_ms).await?;
    intakes::forget(tx, id).await?;
    person::blank_events(tx, None, Some(id)).await?;
    person::blank_lead(tx, id, stage.as_str(), now_ms).await?;
    for stage in steps {
        leads::add_step(tx, id, now_ms, "partnercast", stage.as_str(), WHY).await?;
    }
    webhooks::lead_erased(tx, random, &lead, now_ms).await
}

/// The steps from a stage to one in which nobody works the lead; a registered deal stays the partner's.
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

/// Tells who has, or was offered, a lead that it is gone; without a word about the person.
async fn note(ctx: &Context, lead: &str, offer: &Offer) -> Result<Option<notices::Ready>> {
    let Some(lead) = leads::lead(&ctx.db, lead).await? else { return Ok(None) };
    let Some(partner) = partners::partner(&ctx.db, &lead.partner_slug).await? else { return Ok(None) };
    let strings = ctx.templates.strings(&partner.locale);
    let values = [("partner", partner.name.as_str()), ("name", first_name(&offer.rep_name))];
    let notice = Notice {
        source: format!("erased:{}", offer.id),
        lead_id: lead.id.clone(),
        to_name: offer.rep_name.clone(),
        to_email: offer.rep_email.clone(),
        partner: &partner,
        locale: &partner.locale,
        sender: "leads",
        words: Words {
            subject: strings.fill("erased_subject", &values),
            heading: strings.fill("erased_subject", &values),
            paragraphs: vec![strings.fill("erased_text", &values)],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_not_found_within_others() {
        let ana = "ana@a.example";
        for there in
            ["ana@a.example", "To: <Ana@A.example>", "she is ana@a.example.", "ana@a.example, and more"]
        {
            assert!(mentions(there, ana), "{there}");
        }
        for other in ["diana@a.example", "x.ana@a.example", "ana@a.example.com", "ana@a.example-two.org", ""]
        {
            assert!(!mentions(other, ana), "{other}");
        }
    }
}
