//! Leads that a program sends: one or up to a hundred as JSON, taken once however often they are sent.

use serde_json::Value;

use super::{
    super::{api_keys::LEADS_WRITE, context::Context, tokens::sha256_hex},
    Door, Source, Taken, check, known, take_in,
};
use crate::{
    domain::{
        kernel::{Error, Kind, Result, clock::DAY_MS},
        lead::intake::{Fault, Row, at, column_meant, quoted},
    },
    store::api_keys::{self, Answer, ApiKey},
};

/// Most leads of one request.
pub const LEADS_MAX: usize = 100;
/// Longest `Idempotency-Key`, in characters.
const REQUEST_KEY_CHARS_MAX: usize = 255;
/// How long an answer is kept.
const KEPT_MS: i64 = 7 * DAY_MS;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, now or before; the answer is JSON.
    Taken(String),
    /// Nothing was taken: every fault, each with its lead's place in the request, from 1.
    Faults(Vec<Fault>),
}

/// Takes the leads of a request. With a `request_key` (`Idempotency-Key`) the same request gets the same answer for a week,
/// and is taken once.
///
/// # Errors
/// `Denied` for a key of another purpose or partner; `Invalid` for what is no JSON, too many leads, or a `request_key` that was
/// sent with something else before; those of the store.
pub async fn request(ctx: &Context, key: &ApiKey, request_key: Option<&str>, body: &[u8]) -> Result<Outcome> {
    if key.purpose != LEADS_WRITE {
        return Err(Error::denied(format!("this key is for {}, not for {LEADS_WRITE}", key.purpose)));
    }
    request_key.map_or(Ok(()), check_request_key)?;
    let hash = sha256_hex(body);
    if let Some(answer) = before(ctx, key, request_key, &hash).await? {
        return Ok(Outcome::Taken(answer));
    }
    match once(ctx, key, request_key, &hash, body).await {
        // The same request, answered meanwhile elsewhere.
        Err(error) if error.kind() == Kind::Conflict => match before(ctx, key, request_key, &hash).await? {
            Some(answer) => Ok(Outcome::Taken(answer)),
            // Or one of its people became known meanwhile: the second time finds them.
            None => once(ctx, key, request_key, &hash, body).await.map_err(|_| error),
        },
        done => done,
    }
}

/// Whether `text` can be an `Idempotency-Key`.
///
/// # Errors
/// `Invalid`, saying what one is.
pub(in crate::work) fn check_request_key(text: &str) -> Result<()> {
    if text.is_empty() || text.len() > REQUEST_KEY_CHARS_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Error::invalid("Idempotency-Key has to be 1 to 255 visible ASCII characters"));
    }
    Ok(())
}

async fn before(
    ctx: &Context,
    key: &ApiKey,
    request_key: Option<&str>,
    hash: &str,
) -> Result<Option<String>> {
    let Some(request_key) = request_key else { return Ok(None) };
    match api_keys::answered(&ctx.db, &key.id, request_key).await? {
        Some(answer) if answer.body_hash == hash => Ok(Some(answer.answer)),
        Some(_) => Err(Error::invalid(
            "this Idempotency-Key was sent with something else before; use a new one for each request",
        )),
        None => Ok(None),
    }
}

async fn once(
    ctx: &Context,
    key: &ApiKey,
    request_key: Option<&str>,
    hash: &str,
    body: &[u8],
) -> Result<Outcome> {
    let (rows, mut faults) = rows(body)?;
    let only = key.partner_slug.as_deref();
    let partner = at("partner").unwrap_or_default();
    let is_others = |row: &Row| only.is_some_and(|only| !["", only].contains(&row.values[partner].trim()));
    if rows.iter().any(is_others) {
        return Err(Error::denied("this key is bound to one partner, and may send no other's leads"));
    }
    let known = known(ctx, only).await?;
    let source = Source::Rows(&rows);
    check(ctx, &source, &known, &mut |fault| faults.push(fault));
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.row);
        return Ok(Outcome::Faults(faults));
    }
    let actor = format!("API key {}", key.name);
    let door = Door { actor: &actor, subject: &key.id, method: "api" };
    let now_ms = ctx.now_ms();
    let mut tx = ctx.db.begin().await?;
    let taken = take_in(ctx, &mut tx, &source, &known, &door).await?;
    let answer = json(&taken);
    if let Some(request_key) = request_key {
        let kept = Answer { body_hash: hash.to_owned(), answer: answer.clone() };
        api_keys::answer(&mut tx, &key.id, request_key, &kept, now_ms, now_ms - KEPT_MS).await?;
    }
    tx.commit().await?;
    Ok(Outcome::Taken(answer))
}

/// `{"new":1,"known":0,"unchanged":0,"leads":[{"row":1,"id":"led_…"}]}`. People who were erased count as unchanged: that they
/// were is nobody's business.
fn json(taken: &Taken) -> String {
    let leads: Vec<Value> =
        taken.leads.iter().map(|(row, id)| serde_json::json!({ "row": row, "id": id })).collect();
    serde_json::json!({
        "new": taken.new, "known": taken.known, "unchanged": taken.unchanged + taken.erased, "leads": leads,
    })
    .to_string()
}

/// The rows of a body, an object or a list of them, with what is wrong with their shape.
fn rows(body: &[u8]) -> Result<(Vec<Row>, Vec<Fault>)> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("the body is no JSON: {error}")).because(error))?;
    let all = match value {
        Value::Array(all) => all,
        one => vec![one],
    };
    if all.is_empty() || all.len() > LEADS_MAX {
        return Err(Error::invalid(format!("send 1 to {LEADS_MAX} leads at a time, and not {}", all.len())));
    }
    let (mut rows, mut faults) = (Vec::with_capacity(all.len()), Vec::new());
    for (no, one) in (1..).zip(all) {
        let mut row = Row::empty(no);
        let mut fault = |column: &str, value: String, message: &str, fix: String| {
            let (column, message) = (column.to_owned(), message.to_owned());
            faults.push(Fault { row: no, column, value, message, fix });
        };
        let Value::Object(fields) = one else {
            let fix = "send each lead as {\"email\": …, \"name\": …, \"company\": …}".to_owned();
            fault("", quoted(&one.to_string()), "it is no object", fix);
            rows.push(row);
            continue;
        };
        for (name, value) in fields {
            match (at(&name), value) {
                (Some(at), Value::String(text)) => row.values[at] = text,
                (Some(_), Value::Null) => {}
                (Some(_), other) => {
                    fault(
                        &name,
                        quoted(&other.to_string()),
                        "it is no text",
                        "write it in quotes".to_owned(),
                    );
                }
                (None, _) => {
                    fault(&quoted(&name), String::new(), "there is no such field", column_meant(&name));
                }
            }
        }
        rows.push(row);
    }
    Ok((rows, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_are_read_and_every_slip_of_shape_is_told() {
        let (one, none) = rows(br#"{"email": "a@b.example", "phone": null}"#).unwrap();
        assert_eq!((one.len(), none.len(), one[0].values[0].as_str()), (1, 0, "a@b.example"));
        let (all, faults) = rows(br#"[{"e_mail": "x"}, 5, {"name": 7}]"#).unwrap();
        assert_eq!(all.len(), 3);
        let told: Vec<_> =
            faults.iter().map(|it| (it.row, it.column.as_str(), it.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (1, "e_mail", "there is no such field"),
                (2, "", "it is no object"),
                (3, "name", "it is no text")
            ]
        );
        assert_eq!(faults[0].fix, "did you mean `email`?");
        assert!(rows(b"[]").is_err() && rows(b"{").is_err());
        let many = format!("[{}]", vec!["{}"; LEADS_MAX + 1].join(","));
        assert!(rows(many.as_bytes()).unwrap_err().public().contains("1 to 100"));
    }
}
