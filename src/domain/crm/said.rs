//! What comes back: fields and words of a CRM, as our own.

use serde_json::{Map, Value};

use super::FieldMap;
use crate::domain::{
    content::finding::did_you_mean,
    kernel::clock::UtcMs,
    lead::{
        intake::{Fault, quoted},
        update::{FIELDS, Row, Update, at, check, field_meant},
    },
};

/// Reads and checks `data` with a field map, or in our own words without one. Fields that the map does not read are left alone,
/// for a CRM sends what it has; without a map they are faults. `now_ms` is now.
///
/// # Errors
/// Every fault.
pub fn update(
    map: Option<&FieldMap>,
    data: &Map<String, Value>,
    now_ms: UtcMs,
) -> Result<Update, Vec<Fault>> {
    let (row, mut faults) = row(map, data);
    let found = match check(&row, now_ms) {
        Ok(update) if faults.is_empty() => return Ok(update),
        Ok(_) => Vec::new(),
        Err(found) => found,
    };
    // What could not be read is not empty.
    let is_new = |fault: &Fault| !faults.iter().any(|known| known.column == fault.column);
    let found: Vec<Fault> = found.into_iter().filter(is_new).collect();
    faults.extend(found);
    if let Some(map) = map {
        faults.iter_mut().for_each(|fault| in_their_words(map, fault));
    }
    Err(faults)
}

/// A fault as whoever sent it knows the field: by the CRM's own name.
pub fn in_their_words(map: &FieldMap, fault: &mut Fault) {
    if let Some(theirs) = map.back.fields.get(&fault.column) {
        theirs.clone_into(&mut fault.column);
    }
}

/// The row of `data`, with every field that is no single value, and every word that the map does not know.
pub(super) fn row(map: Option<&FieldMap>, data: &Map<String, Value>) -> (Row, Vec<Fault>) {
    let mut faults = Vec::new();
    let fault = |column: &str, value: String, message: &str, fix: String| Fault {
        row: 1,
        column: column.to_owned(),
        value,
        message: message.to_owned(),
        fix,
    };
    let mut row = Row { no: 1, ..Row::default() };
    for ((field, _), into) in FIELDS.iter().zip(&mut row.values) {
        let key = map.and_then(|map| map.back.fields.get(*field)).map_or(*field, String::as_str);
        let text = match data.get(key) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(other) => {
                let fix = "send a text or a number".to_owned();
                faults.push(fault(field, quoted(&other.to_string()), "it is no single value", fix));
                continue;
            }
        };
        let Some(map) = map else {
            *into = text;
            continue;
        };
        let known = match *field {
            "stage" => &map.back.stages,
            "reason" => &map.back.reasons,
            // CRMs write a day with midnight behind it.
            "close_date" | "again_on" => {
                *into = text.split_once('T').map_or(text.as_str(), |(day, _)| day).to_owned();
                continue;
            }
            _ => {
                *into = text;
                continue;
            }
        };
        // A map without words of its own is for a field that holds ours.
        if known.is_empty() {
            *into = text;
        } else if let Some(ours) = known.get(&text) {
            ours.clone_into(into);
        } else if !text.is_empty() {
            let fix = did_you_mean(&text, known.keys().map(String::as_str));
            let message = format!("the endpoint's field map does not read this word in [back.{field}s]");
            faults.push(fault(field, quoted(&text), &message, fix));
        }
    }
    if map.is_none() {
        for unknown in data.keys().filter(|key| at(key).is_none()) {
            faults.push(fault(
                &quoted(unknown),
                String::new(),
                "there is no such field",
                field_meant(unknown),
            ));
        }
    }
    (row, faults)
}
