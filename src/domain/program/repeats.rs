//! Checks of mails that follow each other and tell the same in the same form.

use super::{lint::finding, touch::FORM_OF_MAIL};
use crate::domain::content::{
    asset::Asset,
    finding::{Finding, codes},
    library::Library,
};

/// Findings on mails that say in which form they tell their key message, when the mail before them told it in the same:
/// whoever had that one does not get them.
pub fn repeated_forms(library: &Library) -> Vec<Finding> {
    let issues = library.newsletters().map(|(asset, _)| {
        let issues = library.issues_of(asset.slug());
        issues.into_iter().map(|(issue, _)| issue).collect::<Vec<_>>()
    });
    let messages = library.sequences().map(|(asset, sequence)| {
        let steps = sequence.steps.iter().map(|step| format!("{}/{}", asset.reference, step.id));
        steps.filter_map(|step| library.versions(&step).first().map(|message| &**message)).collect()
    });
    issues
        .chain(messages)
        .flat_map(|mails| {
            let repeats =
                mails.windows(2).filter_map(|two| repeats(two[0], two[1]).then_some((two[0], two[1])));
            repeats
                .flat_map(|(before, mail)| {
                    let message = format!(
                        "{} tells the same message in the same form, so its readers do not get this",
                        before.path
                    );
                    let fix = "leave out `form`, or tell it in another form here";
                    finding(mail, codes::SAME_FORM, "form", &message, fix)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What else the mail before told it in changes nothing: all its forms were met last.
fn repeats(before: &Asset, mail: &Asset) -> bool {
    let (Some(message), Some(form)) = (&mail.front.key_message, mail.front.form) else { return false };
    before.front.key_message.as_ref() == Some(message) && before.front.form.unwrap_or(FORM_OF_MAIL) == form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::SourceFile;

    #[test]
    fn a_mail_in_the_form_of_the_one_before_is_told_of() {
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), bytes: text.into_bytes() };
        let told = |first: &str, second: &str| {
            let issue = |date: &str, keys: &str| {
                file(
                    &format!("newsletters/n/{date}.md"),
                    format!("---\nkind: issue\nnewsletter: n\ndate: {date}\n{keys}---\nX.\n"),
                )
            };
            let head =
                "---\nkind: newsletter\ntitle: N\ncadence: second Tuesday at 09:00\n---\nText.\n".to_owned();
            let video = "---\nkind: video\ntitle: V\nkey_message: k\nform: watch\n---\nX.\n".to_owned();
            let files = [
                file("newsletters/n.md", head),
                file("videos/v.md", video),
                issue("2027-01-12", first),
                issue("2027-02-09", second),
            ];
            let findings = repeated_forms(&Library::build(files).0);
            findings
                .iter()
                .map(|found| format!("{} {} {}", found.code, found.file, found.line))
                .collect::<Vec<_>>()
        };
        let (k, read) = ("key_message: k\n", "key_message: k\nform: read\n");
        assert_eq!(told(k, read), ["C554 newsletters/n/2027-02-09.md 6"]);
        let none = [] as [String; 0];
        assert_eq!(told(k, k), none, "a mail's own words may be read each time");
        assert_eq!(told("key_message: k\nform: watch\n", read), none);
        let both = "key_message: k\nfeatures: [videos/v]\n";
        assert_eq!(
            told(both, read),
            ["C554 newsletters/n/2027-02-09.md 6"],
            "they read it and watched it last"
        );
        assert_eq!(told("key_message: other\n", read), none);
    }
}
