//! What scoring.toml and consent.toml may say.

use super::{
    super::guide::{KeyGuide, may, needed, table},
    scoring::{READ_SECONDS, ScoreEvent},
};

const SCORING: &str = "rules/scoring.toml";
const CONSENT: &str = "rules/consent.toml";

/// The keys of scoring.toml.
const SCORING_KEYS: [KeyGuide; 9] = [
    needed(
        "version",
        "a number from 1",
        "Raised with every change; each score names the version that it was computed by.",
    ),
    needed(
        "half_life_days",
        "days, 1 to 3,650",
        "After so long the points of something that was done are worth half.",
    ),
    needed("mql_score", "points, 1 to 10,000", "Engagement from which a lead is marketing qualified .."),
    needed(
        "mql_fit",
        "`A`, `B`, `C` or `D`",
        ".. if its fit is of this grade at least: A from 8 points, B from 5, C from 2.",
    ),
    may("instant", "a list of events", "What qualifies at once, whatever the score says."),
    may(
        "read_seconds",
        "seconds, 1 to 1,800",
        "How long a page is in view before it counts as read (`page_read`).",
    ),
    needed(
        "[points]",
        "a table of events",
        "What each is worth, up to 10,000 either way; what is not listed is worth nothing.",
    ),
    may(
        "[caps]",
        "a table of events",
        "The most that one kind may give, after decay; what is not listed has no limit.",
    ),
    needed("[fit]", "a table", "Who they are; fit is never added to engagement."),
];

/// The keys of `[fit]`.
const FIT: [KeyGuide; 4] = [
    needed("business_email", "points", "The address is not one of a free mail provider."),
    needed("company_size", "a table, `{ \"50-249\" = 3 }`", "By what was chosen in the form."),
    needed("job_role", "a table, `{ it = 3 }`", "By what was chosen in the form."),
    needed("country_served", "points", "Their country is in the partner's region."),
];

/// The keys of a `[[text]]`.
const TEXT: [KeyGuide; 4] = [
    needed("id", "a short name, `whitepaper`", "The forms ask for `whitepaper`, `webinar` and `talk-to-us`."),
    needed("version", "a number from 1", "Raised with every change: a text that was shown stays as it was."),
    needed("purpose", "one line, `follow_up`", "What is agreed to."),
    needed(
        "en, de, ..",
        "up to 2,000 characters each",
        "The words, by language; `{{ partner.name }}` and `{{ vendor.name }}` are filled in.",
    ),
];

const SCORED: &str = "version = 2
half_life_days = 30
mql_score = 50
mql_fit = \"B\"
instant = [\"talk_to_us\"]
read_seconds = 30

[points]
click = 5
page_read = 3
whitepaper_form = 20
webinar_attended = 25
talk_to_us = 50
unsubscribe = -50

[caps]
click = 20

[fit]
business_email = 2
company_size = { \"1-9\" = 0, \"10-49\" = 2, \"50-249\" = 3 }
job_role = { executive = 3, it = 3 }
country_served = 2
";

const AGREED: &str = "[[text]]
id = \"whitepaper\"
version = 2
purpose = \"follow_up\"
en = \"{{ partner.name }} and {{ vendor.name }} may contact me about this paper. I can withdraw this at any time.\"
";

/// The reference page of scoring.toml in Markdown; `phrase` says what somebody did.
pub fn scoring_reference(phrase: fn(ScoreEvent) -> &'static str) -> String {
    let kinds: Vec<String> =
        ScoreEvent::WORDS.iter().map(|(word, event)| format!("- `{word}`: {}", phrase(*event))).collect();
    format!(
        "# scoring\n\nTOML, in `{SCORING}`: what people's acts and their profile are worth, and when that is enough to hand a \
         lead to sales. Acts of machines are worth nothing. `partnercast what-if FILE` shows what a changed file would have \
         done. Required keys are marked *.\n\n{}\nA page that was in view for less than `read_seconds` \
         ({READ_SECONDS} where it is left out) is a line that counts nothing. What is not named counts nothing, such as `embed_view`. A program that \
         asks for a feed (`feed_read`) is never a person’s act and cannot be named. Events are\n\n{}\n\n`[fit]`:\n\n{}\nAn \
         example:\n\n```toml\n{SCORED}```\n",
        table(&SCORING_KEYS),
        kinds.join("\n"),
        table(&FIT)
    )
}

/// The reference page of consent.toml in Markdown.
pub fn consent_reference() -> String {
    format!(
        "# consent\n\nTOML, in `{CONSENT}`: what people agree to, word for word. Each consent on record names the text and the \
         version that was read. Any number of `[[text]]`; required keys are marked *.\n\n{}\nAn example:\n\n```toml\n{AGREED}```\n",
        table(&TEXT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let findings = Library::build([file]).1.into_iter().filter(|finding| finding.file == path);
        findings.map(|finding| format!("{}; {}", finding.message, finding.fix)).collect()
    }

    /// The words that a refusal of an unknown key names as known.
    fn known(said: &[String]) -> Vec<&str> {
        let told = said.iter().find(|text| text.contains("zzzz")).unwrap();
        let mut known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn the_examples_are_right_and_every_key_is_told() {
        assert_eq!(found(SCORING, SCORED), [] as [String; 0]);
        assert_eq!(found(CONSENT, AGREED), [] as [String; 0]);
        let said = found(SCORING, &format!("zzzzzzzzzzzz = 1\n{SCORED}"));
        let mut guided: Vec<&str> = SCORING_KEYS.iter().map(|it| it.key.trim_matches(['[', ']'])).collect();
        guided.sort_unstable();
        assert_eq!(known(&said), guided);
        let said = found(SCORING, &format!("{SCORED}zzzzzzzzzzzz = 1\n"));
        let mut guided: Vec<&str> = FIT.iter().map(|it| it.key).collect();
        guided.sort_unstable();
        assert_eq!(known(&said), guided);
    }
}
