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
    let own = external_id.as_deref();
    let fields = root.need("fields", f).and_then(|v| v.map(f)).map(|keys| fields(keys, own, f));
    let constants = root.get("constants").and_then(|v| v.map(f)).map(|keys| constants(keys, own, f));
    let stages = root.need("stages", f).and_then(|v| v.map(f)).map(|keys| stages(keys, own, f));
    let back = root.get("back").and_then(|v| v.map(f)).map(|keys| back(keys, f));
    root.finish(f);
    Some(FieldMap {
        crm: crm?,
        object: object?,
        entity: entity?,
        version: version.unwrap_or_else(|| crm.map_or("", Crm::version).to_owned()),
        external_id: external_id?,
        body: body.unwrap_or(Body::Envelope),
        fields: fields?,
        constants: constants.unwrap_or_default(),
        stages: stages?,
        back: back.unwrap_or_default(),
    })
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

/// The entries of a table whose keys are their fields. `own` is the one that holds the lead's id: it stands in the address alone, for
/// a CRM refuses it among the fields.
fn theirs(mut keys: Keys, own: Option<&str>, f: &mut Findings<'_>) -> Vec<(String, Found)> {
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
            let message = format!("`{}` cannot be a field of the CRM", found.key());
            f.add(codes::CRM_FIELD, found.place(), message, fix);
        } else if own == Some(name.as_str()) {
            let message =
                format!("`{}` is the `external_id`, which holds the lead's id and nothing else", found.key());
            f.add(codes::CRM_KEY, found.place(), message, "remove this line");
        }
        is_good
    });
    all
}

fn fields(keys: Keys, own: Option<&str>, f: &mut Findings<'_>) -> BTreeMap<String, Field> {
    let all = theirs(keys, own, f).into_iter();
    all.filter_map(|(name, found)| Some((name, field(found, f)?))).collect()
}

/// The field of a lead that `word` names, for the key `key` of the file.
fn source(word: &str, key: &str, place: Place, f: &mut Findings<'_>) -> Option<Source> {
    let source = Source::parse(word);
    if source.is_none() {
        let meant = did_you_mean(word, Source::ALL.iter().map(|source| source.as_str()));
        let message = format!("`{key}` takes `{word}`, which no lead has");
        f.add(
            codes::CRM_FIELD,
            place,
            message,
            format!("{meant} (`partnercast guide crm` lists what a lead has)"),
        );
    }
    source
}

/// `email`, or a text with fields in braces: `/transactioncurrencies(isocurrencycode='{currency}')`.
fn field(found: Found, f: &mut Findings<'_>) -> Option<Field> {
    let (place, key) = (found.place(), found.key().to_owned());
    let text = found.line(f)?;
    if !text.contains(['{', '}']) {
        return source(&text, &key, place, f).map(Field::Of);
    }
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((word, after)) = behind.split_once('}') else {
            f.add(
                codes::CRM_FIELD,
                place,
                format!("`{key}`: `{text}` opens a brace and does not close it"),
                "write what a lead has in braces, such as {email}",
            );
            return None;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Of(source(word, &key, place, f)?));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Some(Field::Text(pieces))
}

fn constants(keys: Keys, own: Option<&str>, f: &mut Findings<'_>) -> BTreeMap<String, Value> {
    let all = theirs(keys, own, f).into_iter();
    all.filter_map(|(name, found)| Some((name, found.json(f)?))).collect()
}

/// A table for each stage; all of them, since every step is told.
fn stages(
    mut keys: Keys,
    own: Option<&str>,
    f: &mut Findings<'_>,
) -> BTreeMap<LeadStage, BTreeMap<String, Value>> {
    let place = keys.place();
    let words = || LeadStage::ALL.iter().map(|stage| stage.as_str());
    let mut all = BTreeMap::new();
    for (word, found) in keys.rest() {
        let Some(stage) = LeadStage::parse(&word) else {
            let message = format!("`[{}]`: no lead is ever at the stage `{word}`", found.key());
            f.add(codes::CRM_STAGE, found.place(), message, did_you_mean(&word, words()));
            continue;
        };
        let set = found.map(f).map(|keys| constants(keys, own, f));
        all.insert(stage, set.unwrap_or_default());
    }
    for stage in LeadStage::ALL.iter().filter(|stage| !all.contains_key(stage)) {
        let message = format!("the table `[stages.{stage}]` is missing ({})", stage.label());
        let fix = format!(
            "add `[stages.{stage}]`, and below it what stands in the CRM's fields then; nothing, where they stay as they are"
        );
        f.add(codes::CRM_STAGE, place, message, fix);
    }
    all
}

/// The words that `key` of `[back]` translates, each into one of `ours`.
fn words(
    keys: &mut Keys,
    key: &'static str,
    (ours, are): (&[&'static str], &str),
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
            let message = format!("`[back.{key}]` reads `{theirs}` as `{word}`, which is no {are}");
            f.add(codes::CRM_BACK, place, message, did_you_mean(&word, ours.iter().copied()));
        }
    }
    all
}

fn back(mut keys: Keys, f: &mut Findings<'_>) -> Back {
    let reasons: Vec<&str> = DisqualifyReason::ALL.iter().map(|reason| reason.as_str()).collect();
    let stages = words(&mut keys, "stages", (&update::STEPS, "step that can be told of a lead"), f);
    let reasons = words(&mut keys, "reasons", (&reasons, "reason for closing one"), f);
    let mut back = Back { stages, reasons, ..Back::default() };
    let mut seen = BTreeSet::new();
    for (field, _) in update::FIELDS {
        let Some(found) = keys.get(field) else { continue };
        let place = found.place();
        let Some(name) = found.line_of(NAME_CHARS_MAX, f) else { continue };
        let (message, fix) = if !is_name(&name) {
            let fix = "write the field's API name: letters, digits, `_`, `.`, `@`";
            (format!("`back.{field}`: `{name}` cannot be a field of the CRM"), fix)
        } else if !seen.insert(name.clone()) {
            (
                format!("`back.{field}`: another key of `[back]` reads `{name}` already"),
                "name each field once",
            )
        } else {
            back.fields.insert(field.to_owned(), name);
            continue;
        };
        f.add(codes::CRM_FIELD, place, message, fix);
    }
    keys.finish(f);
    back
}
