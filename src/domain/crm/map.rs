//! `crm/<name>.toml`: a field map, read strictly, with every fault named at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Source, is_standard};
use crate::domain::{
    content::{
        Library,
        finding::{Finding, Findings, Place, codes, did_you_mean},
        keys::{Found, Keys},
        library::{CRM, keys},
    },
    lead::{DisqualifyReason, LeadStage, update},
    webhook::Chat,
};

/// Most fields of a map, of each sort.
const FIELDS_MAX: usize = 200;
/// Longest name of one of their fields, in characters.
const NAME_CHARS_MAX: usize = 120;

/// Whose rules requests go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crm {
    /// Salesforce: REST API, an sObject by external id.
    Salesforce,
    /// HubSpot: CRM v3 objects, batch upsert by a unique property.
    Hubspot,
    /// Dynamics 365: Dataverse Web API, a row by alternate key.
    Dynamics,
}

impl Crm {
    /// Their words.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("salesforce", Self::Salesforce), ("hubspot", Self::Hubspot), ("dynamics", Self::Dynamics)];

    /// The part of the address that names the interface's version, where a map names none.
    pub fn version(self) -> &'static str {
        match self {
            Self::Salesforce => "v62.0",
            Self::Hubspot => "v3",
            Self::Dynamics => "v9.2",
        }
    }
}

/// What the body of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Our message with the request in it: for an integration platform, which makes it.
    Envelope,
    /// The CRM's own document, for its own address.
    Request,
}

impl Body {
    const WORDS: &'static [(&'static str, Self)] =
        &[("envelope", Self::Envelope), ("request", Self::Request)];
}

/// A part of what goes into one of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// Of the lead.
    Of(Source),
}

/// What goes into one of their fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A field of ours, as it is.
    Of(Source),
    /// A text with fields of ours in it; left out where one of them is.
    Text(Vec<Piece>),
}

impl Field {
    /// Whether it says who somebody is.
    pub fn is_personal(&self) -> bool {
        match self {
            Self::Of(source) => source.is_personal(),
            Self::Text(pieces) => {
                pieces.iter().any(|piece| matches!(piece, Piece::Of(source) if source.is_personal()))
            }
        }
    }
}

/// How what comes back is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Back {
    /// Their field for each of ours (`update::FIELDS`); a field of ours that is not named comes under its own name.
    pub fields: BTreeMap<String, String>,
    /// Our step for each of their words.
    pub stages: BTreeMap<String, String>,
    /// Our reason for each of their words.
    pub reasons: BTreeMap<String, String>,
}

/// A field map.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldMap {
    /// Whose.
    pub crm: Crm,
    /// Their object: `Lead`, `contacts`, `leads`.
    pub object: String,
    /// Dynamics: the table's logical name, `lead`.
    pub entity: String,
    /// Their field that holds our lead's id and finds the record again.
    pub external_id: String,
    /// The interface's version in the address.
    pub version: String,
    /// What is sent.
    pub body: Body,
    /// What goes into their fields.
    pub fields: BTreeMap<String, Field>,
    /// What always stands in them.
    pub constants: BTreeMap<String, Value>,
    /// What stands in them at each stage.
    pub stages: BTreeMap<LeadStage, BTreeMap<String, Value>>,
    /// What comes back.
    pub back: Back,
}

/// What is wrong with the field maps of a content folder.
pub fn findings(library: &Library) -> Vec<Finding> {
    let all = library.field_maps.iter().map(|(name, text)| {
        let path = format!("{CRM}/{name}.toml");
        let mut f = Findings::new(&path, text.as_str());
        if is_standard(name) || Chat::parse(name).is_some() {
            let message = format!("an endpoint's format `{name}` is something else already");
            f.add(codes::STRAY_FILE, Place::START, message, "give the file another name");
        }
        let _ = parse(text, &mut f);
        f.finish()
    });
    all.flatten().collect()
}

/// The field map of this name; nothing where there is none, or one with faults.
pub fn map_of(library: &Library, name: &str) -> Option<FieldMap> {
    let mut f = Findings::new("", "");
    let map = parse(library.field_maps.get(name)?, &mut f)?;
    f.finish().is_empty().then_some(map)
}

/// Reads a map. What is wrong becomes findings.
pub(super) fn parse(text: &str, f: &mut Findings<'_>) -> Option<FieldMap> {
    let mut root = keys(text, f)?;
    let crm = root.need("crm", f).and_then(|v| v.choice(Crm::WORDS, f));
    let object = root.need("object", f).and_then(|v| name(v, f));
    let entity = match (crm, root.get("entity")) {
        (Some(Crm::Dynamics), None) => {
            f.add(
                codes::MISSING_KEY,
                root.place(),
                "`entity` is missing",
                "add the table's logical name, such as `lead`",
            );
            None
        }
        (_, found) => Some(found.and_then(|v| name(v, f)).unwrap_or_default()),
    };
    let external_id = root.need("external_id", f).and_then(|v| name(v, f));
    let version = root.get("api_version").and_then(|v| version(v, f));
    let body = root.get("body").and_then(|v| v.choice(Body::WORDS, f));
    let fields = root.need("fields", f).and_then(|v| v.map(f)).map(|keys| fields(keys, f));
    let constants = root.get("constants").and_then(|v| v.map(f)).map(|keys| constants(keys, f));
    let stages = root.need("stages", f).and_then(|v| v.map(f)).map(|keys| stages(keys, f));
    let back = root.get("back").and_then(|v| v.map(f)).map(|keys| back(keys, f));
    root.finish(f);
    let map = FieldMap {
        crm: crm?,
        object: object?,
        entity: entity?,
        external_id: external_id?,
        version: version.unwrap_or_else(|| crm.map_or("", Crm::version).to_owned()),
        body: body.unwrap_or(Body::Envelope),
        fields: fields?,
        constants: constants.unwrap_or_default(),
        stages: stages?,
        back: back.unwrap_or_default(),
    };
    own_key(&map, f);
    Some(map)
}

/// The external id stands in the address alone: a CRM refuses it among the fields.
fn own_key(map: &FieldMap, f: &mut Findings<'_>) {
    let sets = map.fields.contains_key(&map.external_id)
        || map.constants.contains_key(&map.external_id)
        || map.stages.values().any(|set| set.contains_key(&map.external_id));
    if sets {
        let at = f.text().rfind(&map.external_id).unwrap_or(0);
        let message = format!("`{}` is the external id, which is always the lead's id", map.external_id);
        f.add_at(codes::CRM_KEY, at, message, "remove it here");
    }
}

/// Letters, digits, `_`, `.` and `@`, as names of objects and fields are written; OData annotations too.
fn is_name(word: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
}

fn name(found: Found, f: &mut Findings<'_>) -> Option<String> {
    let (key, place) = (found.key().to_owned(), found.place());
    let word = found.line_of(NAME_CHARS_MAX, f)?;
    // They stand in addresses.
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Some(word);
    }
    f.add(
        codes::CRM_FIELD,
        place,
        format!("`{key}` cannot be `{word}`"),
        "write its API name: letters, digits and `_`",
    );
    None
}

fn version(found: Found, f: &mut Findings<'_>) -> Option<String> {
    let place = found.place();
    let word = found.line_of(10, f)?;
    let is_version = word.strip_prefix('v').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    if !is_version {
        f.add(codes::BAD_VALUE, place, format!("`{word}` is no version"), "write it like v62.0");
    }
    is_version.then_some(word)
}

/// The entries of a table whose keys are their fields.
fn theirs(mut keys: Keys, f: &mut Findings<'_>) -> Vec<(String, Found)> {
    let place = keys.place();
    let mut all = keys.rest();
    if all.len() > FIELDS_MAX {
        f.add(
            codes::TOO_LARGE,
            place,
            format!("there are {} fields", all.len()),
            format!("keep {FIELDS_MAX} at most"),
        );
        all.truncate(FIELDS_MAX);
    }
    all.retain(|(name, found)| {
        let is_good = is_name(name);
        if !is_good {
            let fix = "write the field's API name: letters, digits, `_`, `.`, `@`";
            f.add(codes::CRM_FIELD, found.place(), format!("`{name}` is no field's name"), fix);
        }
        is_good
    });
    all
}

fn fields(keys: Keys, f: &mut Findings<'_>) -> BTreeMap<String, Field> {
    let all = theirs(keys, f).into_iter();
    all.filter_map(|(name, found)| Some((name, field(found, f)?))).collect()
}

fn source(word: &str, place: Place, f: &mut Findings<'_>) -> Option<Source> {
    let source = Source::parse(word);
    if source.is_none() {
        let fix = did_you_mean(word, Source::ALL.iter().map(|source| source.as_str()));
        f.add(codes::CRM_FIELD, place, format!("there is no field `{word}` of ours"), fix);
    }
    source
}

/// `email`, or a text with fields in braces: `/transactioncurrencies(isocurrencycode='{currency}')`.
fn field(found: Found, f: &mut Findings<'_>) -> Option<Field> {
    let place = found.place();
    let text = found.line(f)?;
    if !text.contains(['{', '}']) {
        return source(&text, place, f).map(Field::Of);
    }
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((word, after)) = behind.split_once('}') else {
            f.add(
                codes::CRM_FIELD,
                place,
                format!("`{text}` opens a brace and does not close it"),
                "write {field}",
            );
            return None;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Of(source(word, place, f)?));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Some(Field::Text(pieces))
}

fn constants(keys: Keys, f: &mut Findings<'_>) -> BTreeMap<String, Value> {
    let all = theirs(keys, f).into_iter();
    all.filter_map(|(name, found)| Some((name, found.json(f)?))).collect()
}

/// A table for each stage; all of them, since every step is told.
fn stages(mut keys: Keys, f: &mut Findings<'_>) -> BTreeMap<LeadStage, BTreeMap<String, Value>> {
    let place = keys.place();
    let words = || LeadStage::ALL.iter().map(|stage| stage.as_str());
    let mut all = BTreeMap::new();
    for (word, found) in keys.rest() {
        let Some(stage) = LeadStage::parse(&word) else {
            let message = format!("there is no stage `{word}`");
            f.add(codes::CRM_STAGE, found.place(), message, did_you_mean(&word, words()));
            continue;
        };
        let set = found.map(f).map(|keys| constants(keys, f));
        all.insert(stage, set.unwrap_or_default());
    }
    for stage in LeadStage::ALL.iter().filter(|stage| !all.contains_key(stage)) {
        let fix = format!("add [stages.{stage}] with what stands in their fields then");
        f.add(codes::CRM_STAGE, place, format!("there is nothing for the stage `{stage}`"), fix);
    }
    all
}

/// The words that `key` of `[back]` translates, each into one of `ours`.
fn words(
    keys: &mut Keys,
    key: &'static str,
    ours: &[&'static str],
    f: &mut Findings<'_>,
) -> BTreeMap<String, String> {
    let Some(mut table) = keys.get(key).and_then(|v| v.map(f)) else { return BTreeMap::new() };
    let mut all = BTreeMap::new();
    for (theirs, found) in table.rest() {
        let place = found.place();
        let Some(word) = found.line(f) else { continue };
        if ours.contains(&word.as_str()) {
            all.insert(theirs, word);
        } else {
            let message = format!("`{theirs}` leads to `{word}`, which is none of our words");
            f.add(codes::CRM_BACK, place, message, did_you_mean(&word, ours.iter().copied()));
        }
    }
    all
}

fn back(mut keys: Keys, f: &mut Findings<'_>) -> Back {
    let reasons: Vec<&str> = DisqualifyReason::ALL.iter().map(|reason| reason.as_str()).collect();
    let stages = words(&mut keys, "stages", &update::STEPS, f);
    let reasons = words(&mut keys, "reasons", &reasons, f);
    let mut back = Back { stages, reasons, ..Back::default() };
    let mut seen = BTreeSet::new();
    for (field, _) in update::FIELDS {
        let Some(found) = keys.get(field) else { continue };
        let place = found.place();
        let Some(name) = found.line_of(NAME_CHARS_MAX, f) else { continue };
        if !is_name(&name) || !seen.insert(name.clone()) {
            let message = format!("`{name}` is no field's name, or is read twice");
            f.add(codes::CRM_FIELD, place, message, "write the API name of a field of theirs, each once");
            continue;
        }
        back.fields.insert(field.to_owned(), name);
    }
    keys.finish(f);
    back
}
