//! Checks of newsletters whose files say something else than they seem to.

use super::{Cadence, lint::finding};
use crate::domain::content::{
    asset::Asset,
    finding::{Finding, codes},
    kinds::{Approval, Newsletter},
    library::Library,
};

/// Findings on steps of a crontab line that count past its end, and on people who are told of approvals that nobody gives.
pub fn findings(library: &Library) -> Vec<Finding> {
    let newsletters = library.newsletters();
    newsletters
        .flat_map(|(asset, newsletter)| [cadence(asset, newsletter), escalation(asset, newsletter)].concat())
        .collect()
}

fn cadence(asset: &Asset, newsletter: &Newsletter) -> Vec<Finding> {
    let Ok(cadence) = Cadence::parse(&newsletter.cadence) else { return Vec::new() };
    let Some(why) = Cadence::long_step(&newsletter.cadence) else { return Vec::new() };
    let message = format!("{why}: it is promised {}", cadence.describe());
    let canonical = cadence.to_string();
    let meant =
        if canonical == newsletter.cadence { "name the days" } else { &format!("write `{canonical}`") };
    let fix = format!(
        "{meant} if that is meant; what does not go by months is written as `every 6 weeks from 2027-01-06 at 09:00`"
    );
    finding(asset, codes::MISLEADING, "cadence", &message, &fix)
}

fn escalation(asset: &Asset, newsletter: &Newsletter) -> Vec<Finding> {
    let Some(address) =
        newsletter.escalate_to.as_ref().filter(|_| newsletter.approval == Approval::Automatic)
    else {
        return Vec::new();
    };
    let message = format!(
        "issues leave without anybody's approval, so {address} is told of those alone that something holds back"
    );
    finding(
        asset,
        codes::MISLEADING,
        "escalate_to",
        &message,
        "write `approval: required`, or take it as it is",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::SourceFile;

    fn said(keys: &str) -> Vec<String> {
        let text = format!("---\nkind: newsletter\ntitle: N\n{keys}---\nText.\n");
        let file = SourceFile { path: "newsletters/n.md".to_owned(), bytes: text.into_bytes() };
        let found = findings(&Library::build([file]).0);
        found.iter().map(|it| format!("{} {}: {} ({})", it.code, it.line, it.message, it.fix)).collect()
    }

    #[test]
    fn a_step_past_the_end_says_what_it_means() {
        let told = said("cadence: 0 9 */40 * *\n");
        assert_eq!(
            told,
            [
                "C560 4: `*/40` is day 1 alone, since a step begins anew every month: it is promised on day 1 of each month \
              at 09:00 (write `monthly on day 1 at 09:00` if that is meant; what does not go by months is written as \
              `every 6 weeks from 2027-01-06 at 09:00`)"
            ]
        );
        assert!(said("cadence: 0 9 1-5/9 * *\n")[0].contains("`1-5/9` is day 1 alone"));
        assert!(
            said("cadence: 0 9 2 Mar-Oct/12 *\n")[0]
                .contains("is month 3 alone, since a step begins anew every year")
        );
        for right in [
            "0 9 */30 * *",
            "0 9 1-5/4 * *",
            "0 9 2 */6 *",
            "0 9 1,15 * *",
            "second Tuesday at 09:00",
            "0 9 */x * *",
        ] {
            assert_eq!(said(&format!("cadence: {right}\n")), [] as [String; 0], "{right}");
        }
    }

    #[test]
    fn who_is_told_of_approvals_that_nobody_gives() {
        let keys = "cadence: daily at 09:00\nescalate_to: tom@brackenfold.example\napproval: ";
        let told = said(&format!("{keys}automatic\n"));
        assert!(told[0].starts_with("C560 5: issues leave without anybody's approval, so tom@"), "{told:?}");
        assert_eq!(said(&format!("{keys}required\n")), [] as [String; 0]);
    }
}
