//! Finding the issue or the person that somebody named; what is unclear is explained, not guessed.

use crate::{
    domain::{
        kernel::{Error, Result},
        program::reference::IssueReference,
    },
    store::{
        Db,
        contacts::{self, Known, MATCHES_MAX},
        issues::{self, Issue},
        promises,
    },
};

/// Issues named in an error at most.
const SHOWN_MAX: usize = 5;

/// The issue that `text` names: an id, `newsletter/date`, a newsletter (its latest issue), or a date.
///
/// # Errors
/// `Invalid` for a text that names none, `NotFound` with what there is, `Conflict` where several fit.
pub async fn issue(db: &Db, text: &str) -> Result<Issue> {
    let reference = IssueReference::parse(text)?;
    let mut found = match &reference {
        IssueReference::Id(id) => issues::named(db, Some(id), None, None).await?,
        IssueReference::Dated { newsletter, date } => {
            issues::named(db, None, Some(newsletter), Some(date)).await?
        }
        IssueReference::Latest(newsletter) => issues::named(db, None, Some(newsletter), None).await?,
        IssueReference::On(date) => issues::named(db, None, None, Some(date)).await?,
    };
    if found.is_empty() {
        return Err(Error::not_found_but(format!("issue {text}"), instead(db, &reference).await?));
    }
    if found.len() > 1 && matches!(reference, IssueReference::On(_)) {
        return Err(Error::conflict(format!(
            "several issues are promised for {text}: write which one ({})",
            names(&found)
        )));
    }
    Ok(found.remove(0))
}

/// Why there is no such issue, where that is known, or which there are.
async fn instead(db: &Db, reference: &IssueReference) -> Result<String> {
    if let IssueReference::Dated { newsletter, date } = reference
        && let Some(promised) = promises::without_issue(db, newsletter, date).await?
    {
        let because = promised.because.unwrap_or_else(|| "nothing was frozen for it yet".to_owned());
        return Ok(format!(
            "it was promised for {}, and nobody was chosen: {because}",
            promised.nominal_local
        ));
    }
    Ok(names(&issues::recent(db).await?))
}

fn names(issues: &[Issue]) -> String {
    if issues.is_empty() {
        return "no issue was frozen yet; that happens some time before its first promised hour".to_owned();
    }
    let names: Vec<String> = issues
        .iter()
        .take(SHOWN_MAX)
        .map(|issue| format!("{}/{}", issue.newsletter, issue.nominal_date))
        .collect();
    let more = if issues.len() > SHOWN_MAX { ", …" } else { "" };
    format!("there is {}{more}", names.join(", "))
}

/// The person that `text` names: an id, an address, or a part of name or address that fits one person alone. None
/// where nobody fits.
///
/// # Errors
/// `Conflict` where several fit, with their addresses.
pub async fn contact(db: &Db, text: &str) -> Result<Option<Known>> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(
            "write whom to explain: an address, an id (con_…), or a part of the name",
        ));
    }
    if let Some(known) = contacts::named(db, text).await?.into_iter().next() {
        return Ok(Some(known));
    }
    if text.contains('@') || text.starts_with("con_") {
        return Ok(None);
    }
    let mut found = contacts::matching(db, text).await?;
    if found.len() > 1 {
        let mut list: Vec<String> = found
            .iter()
            .take(MATCHES_MAX - 1)
            .map(|known| format!("{} <{}>", known.name, known.email))
            .collect();
        if found.len() == MATCHES_MAX {
            list.push("and more".to_owned());
        }
        return Err(Error::conflict(format!(
            "`{text}` fits several people: write the address of one ({})",
            list.join(", ")
        )));
    }
    Ok(found.pop())
}
