//! How people name an issue: by its id, by newsletter and date, by newsletter alone, or by date alone.

use chrono::NaiveDate;

use crate::domain::kernel::{Error, Result, Slug, id::IssueId};

/// An issue as somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueReference {
    /// `iss_…`
    Id(String),
    /// `newsletter/2027-01-12`
    Dated {
        /// The newsletter's slug.
        newsletter: String,
        /// The promised date.
        date: String,
    },
    /// `newsletter`: its latest issue.
    Latest(String),
    /// `2027-01-12`: the issue of that date, if there is one alone.
    On(String),
}

impl IssueReference {
    /// Reads what somebody typed.
    ///
    /// # Errors
    /// `Invalid`, with the forms that are understood.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_date = |text: &str| text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
        let unclear = || {
            Error::invalid(format!(
                "`{text}` names no issue; write its id (iss_…), newsletter/2027-01-12, or the newsletter alone for its \
                 latest issue"
            ))
        };
        if IssueId::parse(text).is_ok() {
            return Ok(Self::Id(text.to_owned()));
        }
        match text.split_once('/') {
            Some((newsletter, date)) if is_date(date) && Slug::parse(newsletter).is_ok() => {
                Ok(Self::Dated { newsletter: newsletter.to_owned(), date: date.to_owned() })
            }
            Some(_) => Err(unclear()),
            None if is_date(text) => Ok(Self::On(text.to_owned())),
            None if Slug::parse(text).is_ok() => Ok(Self::Latest(text.to_owned())),
            None => Err(unclear()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_named_in_four_ways() {
        let id = "iss_01890a5d3f7c7cc0a1b2c3d4e5f60718";
        assert_eq!(IssueReference::parse(id).unwrap(), IssueReference::Id(id.to_owned()));
        let dated =
            IssueReference::Dated { newsletter: "fold-forward".to_owned(), date: "2027-01-12".to_owned() };
        assert_eq!(IssueReference::parse(" fold-forward/2027-01-12 ").unwrap(), dated);
        assert_eq!(
            IssueReference::parse("fold-forward").unwrap(),
            IssueReference::Latest("fold-forward".into())
        );
        assert_eq!(IssueReference::parse("2027-01-12").unwrap(), IssueReference::On("2027-01-12".into()));
        for wrong in
            ["", "iss_1", "Fold Forward", "fold-forward/12.1.2027", "fold-forward/2027-13-01", "a/b/c"]
        {
            let error = IssueReference::parse(wrong).unwrap_err();
            assert!(error.public().contains("newsletter/2027-01-12"), "{wrong}: {error}");
        }
    }
}
