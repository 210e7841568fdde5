//! The do-not-send list, mended by people: entered, lifted, each with a line in the audit.

use crate::{
    domain::{
        kernel::{
            EmailAddress, Error, Random, Result, Slug,
            clock::{DAY_MS, UtcMs},
            text::single_line,
        },
        program::audience::SuppressionReason,
    },
    store::{
        Db, audit,
        suppressions::{self, ALL, Suppression},
    },
};

/// Longest time an entry may have an end in; longer is for good.
const DAYS_MAX: i64 = 3_650;

/// What a person enters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order<'a> {
    /// An address, or `@domain` for a whole domain.
    pub address: &'a str,
    /// A newsletter's slug, or `all`.
    pub scope: &'a str,
    /// Why, for colleagues.
    pub detail: &'a str,
    /// For so many days; for good if none.
    pub days: Option<i64>,
}

/// Puts an address or a domain on the list; whether anything changed. What waits is not sent any more.
///
/// # Errors
/// `Invalid` with every fault; then nothing changed.
pub async fn add(
    db: &Db,
    now_ms: UtcMs,
    random: &dyn Random,
    actor: &str,
    order: &Order<'_>,
) -> Result<bool> {
    let entry = checked(now_ms, order)?;
    let mut tx = db.begin().await?;
    let changed = suppressions::put(&mut tx, &entry).await?;
    if changed {
        let detail = format!("{}: {}", entry.scope, entry.detail);
        audit::record(&mut tx, now_ms, random, actor, "suppress", &entry.email_key, &detail).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

fn checked(now_ms: UtcMs, order: &Order<'_>) -> Result<Suppression> {
    let mut faults = Vec::new();
    let key =
        key_of(order.address).map_err(|error| faults.push(error.public().to_owned())).unwrap_or_default();
    if order.scope != ALL && Slug::parse(order.scope).is_err() {
        faults.push(format!("`{}` is no newsletter; write its slug, or `all`", order.scope));
    }
    let detail = single_line("the reason", order.detail)
        .map_err(|error| faults.push(error.public().to_owned()))
        .unwrap_or_default();
    if order.days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        faults.push(format!("days must be between 1 and {DAYS_MAX}; leave them out for good"));
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults.join("; ")));
    }
    Ok(Suppression {
        email_key: key,
        scope: order.scope.to_owned(),
        reason: SuppressionReason::Manual.as_str().to_owned(),
        source: "person".to_owned(),
        detail,
        created_ms: now_ms,
        expires_ms: order.days.map(|days| now_ms + days * DAY_MS),
    })
}

/// The key of an address or of `@domain`.
fn key_of(text: &str) -> Result<String> {
    let text = text.trim();
    let is_domain = text.starts_with('@');
    let whole = if is_domain { format!("x{text}") } else { text.to_owned() };
    let address = EmailAddress::parse(&whole).map_err(|error| {
        if is_domain { Error::invalid(format!("`{text}` is not @ and a domain name")) } else { error }
    })?;
    Ok(if is_domain { format!("@{}", address.domain()) } else { address.base_key() })
}

/// Whether the reader said it, so that lifting it needs their word.
pub fn is_readers_own(entry: &Suppression) -> bool {
    matches!(entry.source.as_str(), "unsubscribe" | "complaint")
}

/// Takes an entry off the list. One that the reader made needs `they_asked`: only they can take their word back.
///
/// # Errors
/// `NotFound` where there is none, `Conflict` without their word; then nothing changed.
pub async fn lift(
    db: &Db,
    now_ms: UtcMs,
    random: &dyn Random,
    actor: &str,
    address: &str,
    scope: &str,
    they_asked: bool,
) -> Result<Suppression> {
    let key = key_of(address)?;
    let mut tx = db.begin().await?;
    let entry = suppressions::lift(&mut tx, &key, scope)
        .await?
        .ok_or_else(|| Error::not_found(format!("an entry for {key} and `{scope}`")))?;
    if is_readers_own(&entry) && !they_asked {
        return Err(Error::conflict(format!(
            "{key} said so themselves; lift it only if they asked for mail again, and confirm that they did"
        )));
    }
    let asked = if they_asked { ", they asked for it" } else { "" };
    let detail = format!("{scope}, was {}{asked}", entry.reason);
    audit::record(&mut tx, now_ms, random, actor, "lift", &key, &detail).await?;
    tx.commit().await?;
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_at_once_and_keys_are_bases() {
        let order = Order { address: "a b@c", scope: "No Such", detail: "x\u{202e}", days: Some(0) };
        let error = checked(0, &order).unwrap_err();
        for part in ["not an email address", "no newsletter", "U+202E", "days"] {
            assert!(error.public().contains(part), "{part}: {error}");
        }
        assert_eq!(key_of(" Dana+x@North.example ").unwrap(), "dana@north.example");
        assert_eq!(key_of("@North.example").unwrap(), "@north.example");
        assert!(key_of("@").is_err() && key_of("@no").unwrap_err().public().contains("domain name"));
        let fine = Order { address: "a@b.example", scope: ALL, detail: "left", days: Some(2) };
        assert_eq!(checked(5, &fine).unwrap().expires_ms, Some(5 + 2 * DAY_MS));
    }
}
