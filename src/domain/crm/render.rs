//! The request that brings a lead into a CRM: made anew or found by our id and brought up to date, however often it is sent.

use serde_json::{Map, Value, json};

use super::{
    Body, Crm, Facts, FieldMap,
    map::{Field, Piece},
};
use crate::domain::{
    kernel::{Error, Result, clock::UtcMs},
    lead::LeadStage,
};

/// A request to a CRM.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The path under the CRM's own host.
    pub path: String,
    /// Headers beside the content type and the token.
    pub headers: Vec<(&'static str, String)>,
    /// The body; nothing where there is none.
    pub body: Option<Value>,
}

/// What one change of one lead is known by: the same whenever it is rendered, and another for the next, also to the same stage.
fn idempotency_key(lead_id: &str, stage: LeadStage, changed_ms: UtcMs) -> String {
    format!("{lead_id}:{stage}:{changed_ms}")
}

/// The request that makes or updates the lead's record. What the lead does not have is left out, so that nothing in the CRM is
/// overwritten by nothing. `personal` says whether whoever gets it may know who the person is.
///
/// # Errors
/// `Invalid` for a stage that the map has nothing for.
pub fn upsert(map: &FieldMap, facts: &Facts, personal: bool) -> Result<Request> {
    let at_stage = map.stages.get(&facts.stage).ok_or_else(|| {
        Error::invalid(format!("the field map has nothing for the stage `{}`", facts.stage))
    })?;
    let mut all: Map<String, Value> =
        map.constants.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let fields = map.fields.iter().filter(|(_, field)| personal || !field.is_personal());
    all.extend(fields.filter_map(|(name, field)| Some((name.clone(), value(field, facts)?))));
    all.extend(at_stage.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(request(map, &facts.lead_id, all, &idempotency_key(&facts.lead_id, facts.stage, facts.changed_ms)))
}

/// The request after the person was erased: the record is deleted where that can be said by our id, else emptied.
pub fn erasure(map: &FieldMap, lead_id: &str) -> Request {
    let key = format!("{lead_id}:erased");
    let personal = map.fields.iter().filter(|(_, field)| field.is_personal());
    match map.crm {
        Crm::Salesforce => Request {
            method: "DELETE",
            path: place(map, lead_id),
            headers: vec![("idempotency-key", key)],
            body: None,
        },
        Crm::Hubspot => {
            request(map, lead_id, personal.map(|(name, _)| (name.clone(), Value::from(""))).collect(), &key)
        }
        Crm::Dynamics => {
            request(map, lead_id, personal.map(|(name, _)| (name.clone(), Value::Null)).collect(), &key)
        }
    }
}

fn value(field: &Field, facts: &Facts) -> Option<Value> {
    match field {
        Field::Of(source) => source.of(facts),
        Field::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(words) => text.push_str(words),
                    Piece::Of(source) => text.push_str(&words(&source.of(facts)?)),
                }
            }
            Some(text.into())
        }
    }
}

/// A value as text.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Where the record is.
fn place(map: &FieldMap, lead_id: &str) -> String {
    let FieldMap { object, external_id, version, .. } = map;
    match map.crm {
        Crm::Salesforce => format!("/services/data/{version}/sobjects/{object}/{external_id}/{lead_id}"),
        Crm::Hubspot => format!("/crm/{version}/objects/{object}/batch/upsert"),
        Crm::Dynamics => format!("/api/data/{version}/{object}({external_id}='{lead_id}')"),
    }
}

fn request(map: &FieldMap, lead_id: &str, fields: Map<String, Value>, key: &str) -> Request {
    let path = place(map, lead_id);
    let mut headers = vec![("idempotency-key", key.to_owned())];
    match map.crm {
        Crm::Salesforce => Request { method: "PATCH", path, headers, body: Some(fields.into()) },
        Crm::Hubspot => {
            // Every property is text there.
            let properties: Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name, words(&value).into())).collect();
            let input = json!({
                "id": lead_id, "idProperty": map.external_id, "objectWriteTraceId": key, "properties": properties,
            });
            Request { method: "POST", path, headers, body: Some(json!({ "inputs": [input] })) }
        }
        Crm::Dynamics => {
            headers.extend([("odata-version", "4.0".to_owned()), ("odata-maxversion", "4.0".to_owned())]);
            Request { method: "PATCH", path, headers, body: Some(fields.into()) }
        }
    }
}

/// The body of the message that carries a request. `message` is our own message of the event, with `type`, `timestamp` and
/// `data`.
///
/// # Errors
/// `Internal` for a message that is no JSON object.
pub fn document(map: &FieldMap, lead_id: &str, message: &str, request: &Request) -> Result<String> {
    if map.body == Body::Request {
        return Ok(call(map, lead_id, request).to_string());
    }
    let mut message: Map<String, Value> = serde_json::from_str(message)
        .map_err(|error| Error::internal("a webhook's payload").because(error))?;
    let headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    let mut told = json!({ "method": request.method, "path": request.path, "headers": headers });
    if let (Some(told), Some(body)) = (told.as_object_mut(), &request.body) {
        told.insert("body".to_owned(), body.clone());
    }
    message.insert("request".to_owned(), told);
    Ok(Value::from(message).to_string())
}

/// The same request as one that is posted to an address that never changes, since an endpoint has one address: Salesforce's
/// composite resource, HubSpot's batch, Dataverse's `UpsertMultiple`.
fn call(map: &FieldMap, lead_id: &str, request: &Request) -> Value {
    let body = request.body.clone();
    match map.crm {
        Crm::Salesforce => {
            let mut one = json!({ "method": request.method, "url": request.path, "referenceId": "lead" });
            if let (Some(one), Some(body)) = (one.as_object_mut(), body) {
                one.insert("body".to_owned(), body);
            }
            json!({ "allOrNone": true, "compositeRequest": [one] })
        }
        Crm::Hubspot => body.unwrap_or_default(),
        Crm::Dynamics => {
            let mut target = Map::new();
            target.insert("@odata.type".to_owned(), format!("Microsoft.Dynamics.CRM.{}", map.entity).into());
            let id = format!("{}({}='{lead_id}')", map.object, map.external_id);
            target.insert("@odata.id".to_owned(), id.into());
            if let Some(Value::Object(fields)) = body {
                target.extend(fields);
            }
            json!({ "Targets": [target] })
        }
    }
}
