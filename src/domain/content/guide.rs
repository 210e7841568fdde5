//! What authors may write: the keys of each kind, with what they mean, and an example to begin with.

mod letters;

use chrono::NaiveDate;

use self::letters::{CADENCES, ISSUE, MESSAGE, NEWSLETTER, SEQUENCE};
use super::asset::AssetKind;

/// A key of the front matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct KeyGuide {
    /// What is written before the colon.
    pub key: &'static str,
    /// What is written after it.
    pub wants: &'static str,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it says.
    pub meaning: &'static str,
}

pub(super) const fn needed(key: &'static str, wants: &'static str, meaning: &'static str) -> KeyGuide {
    KeyGuide { key, wants, is_required: true, meaning }
}

pub(super) const fn may(key: &'static str, wants: &'static str, meaning: &'static str) -> KeyGuide {
    KeyGuide { key, wants, is_required: false, meaning }
}

/// What all kinds have; whether `summary` and `publish` must be there depends on the kind.
const COMMON: &[KeyGuide] = &[
    needed("kind", "the kind's word", "What the file is; it must fit the folder."),
    needed("title", "one line, fields allowed, up to 160 characters", "The title."),
    may("summary", "one line, fields allowed, up to 240 characters", "A sentence that a partner can paste."),
    may("roles", "a list of roles", "Who reads it; left out: everyone."),
    may("for", "conditions, as in a block", "Whose partners have it: `tier gold+ and not region apac`."),
    may("topics", "a list of slugs", "What it is about."),
    may("outcome", "one line", "The business result; wanted where executives read."),
    may("publish", "a date", "The day from which it may be seen."),
    may("key_message", "a slug", "The message whose repetition is counted."),
    may("form", "read, watch or do", "How people take it in."),
    may(
        "lead_form",
        "the name of a form",
        "The form that customers fill in for it (`guide forms`); left out: that of its original, or of its kind.",
    ),
    may("image", "a path under images/", "Its image, PNG."),
    may("image_alt", "one line", "What stands for the image; wanted with it."),
    may("zones", "a list of zones", "What a partner may vary; all else is locked."),
    may(
        "evidence",
        "a list of claim, source, until",
        "Sources of its figures, shown below the text: a web address (https) or words. A claim with a figure is for that figure, one without for all. After the day `until` somebody looks again.",
    ),
];

const WHITEPAPER: &[KeyGuide] = &[
    needed("authors", "a list of names", "Who wrote it."),
    may("co_author", "a partner's slug", "The partner who helped; shown on the cover."),
    needed("gate", "form or open", "How a reader gets it."),
    may("cover_line", "one line", "A line for the cover."),
];

const BLOG: &[KeyGuide] = &[
    needed("author", "a name", "Who wrote it."),
    may("partner", "a partner's slug", "Whose guest post it is."),
    may("canonical", "an https address", "Where it stands first; what search engines are told to show."),
];

const WEBINAR: &[KeyGuide] = &[
    needed("start", "such as 2027-01-21T16:00", "Local date and time, one that the clocks of `zone` show."),
    needed("zone", "an IANA zone", "The zone of `start`."),
    needed("duration_minutes", "minutes, 1 to 1440", "How long it lasts."),
    needed("speakers", "a list of name, title, partner", "Who speaks."),
    may("co_host", "a partner's slug", "The partner who holds it with the vendor."),
    may("registration", "an https address", "Where to sign up, when it is not our own form."),
    may("recording", "an https address", "Where it is watched afterwards."),
];

const SOCIAL: &[KeyGuide] = &[
    needed("networks", "a list of linkedin, x, bluesky, mastodon", "Where it may be posted."),
    needed("link", "an asset", "What it leads to."),
    may("text_for", "network: text", "A text for one network, in place of the body."),
    may("purpose", "help or promote", "Whether it helps its readers or promotes; left out: help."),
];

const PLAYBOOK: &[KeyGuide] = &[
    needed("next_steps", "three lines", "What to do next."),
    needed("objections", "a list of objection, answer", "What customers say."),
    needed("mail_subject", "one line, fields allowed", "Subject of the first mail to the lead."),
    needed("mail_body", "text, fields allowed", "Its text."),
];

const CASE_STUDY: &[KeyGuide] = &[
    needed("customer", "one line", "Who; a description where they stay unnamed."),
    needed("industry", "one line", "Their industry."),
    needed("results", "a list of figure, meaning", "What was reached, most telling first."),
    may("quote", "text, name, title", "What they say."),
];

const DATASHEET: &[KeyGuide] = &[
    needed("product", "one line", "The product."),
    may("version", "text in quotes", "The version that it describes."),
    needed("specifications", "a list of name, value", "Its properties."),
];

const VIDEO: &[KeyGuide] = &[
    needed("url", "an https address", "Where it is watched."),
    needed("duration_seconds", "seconds", "How long it is."),
    may("captions", "one line", "Languages of the captions."),
];

const KIT: &[KeyGuide] = &[
    needed("theme", "one line", "What it is about."),
    needed("start", "a date", "First day."),
    needed("end", "a date", "Last day."),
    needed("tactics", "a list of asset, use, day, form", "What to use when; each stands alone too."),
    needed("checklist", "a list of lines", "What to have ready."),
    needed("playbook", "a playbook", "For following up."),
];

/// What a partner's brand.toml may say.
pub const BRAND: &[KeyGuide] = &[
    needed("primary", "a colour, #rrggbb", "The band; text on it is chosen for contrast."),
    needed("accent", "a colour, #rrggbb", "Buttons and links; made legible where it would not be."),
    may(
        "typeface",
        "fira-sans, inter, jost, literata or zilla-slab",
        "Of documents and pages; left out: the vendor's, else system fonts on pages, Inter and Libertinus in documents. \
         Mail fetches no fonts, and names families near to it.",
    ),
    may("value_proposition", "one line, up to 160 characters", "What they promise."),
    may("value_proposition_by_locale", "a table, text by language", "The same in other languages."),
    may("proof", "one line", "Why to believe them."),
    may("proof_by_locale", "a table, text by language", "The same in other languages."),
    may("call_to_action", "one line, up to 40 characters", "Text of their button."),
    may("call_to_action_by_locale", "a table, text by language", "The same in other languages."),
    may("zones", "a table, text by zone", "Their own words for the zones of assets."),
    may("zones_by_locale", "a table of tables, by language and zone", "The same in other languages."),
    may("zones_by_asset", "a table of tables, by asset and zone", "The same for single assets."),
    may("phone", "one line", "Telephone for customers."),
    may("contact_name", "a name", "Person for customers."),
    may("contact_email", "an address", "Address for customers."),
    may("logo_alt", "one line", "What a screen reader says for the logo; left out: their name."),
];

const BRAND_FILES: &str = "\nBeside it lie their logos, each as PNG, or as SVG of plain shapes that is drawn as one: `logo` for \
    white grounds, and `logo-dark` for dark ones (mail and pages of readers who like it dark). Without `logo-dark` the logo \
    stands on a white plate there; without `logo` the name is set in type.\n";

/// The keys that files of `kind` have besides those of all kinds.
pub fn own_keys(kind: AssetKind) -> &'static [KeyGuide] {
    match kind {
        AssetKind::Newsletter => NEWSLETTER,
        AssetKind::Issue => ISSUE,
        AssetKind::Sequence => SEQUENCE,
        AssetKind::Message => MESSAGE,
        AssetKind::Whitepaper => WHITEPAPER,
        AssetKind::Blog => BLOG,
        AssetKind::Webinar => WEBINAR,
        AssetKind::Social => SOCIAL,
        AssetKind::Page => &[],
        AssetKind::Playbook => PLAYBOOK,
        AssetKind::CaseStudy => CASE_STUDY,
        AssetKind::Datasheet => DATASHEET,
        AssetKind::Video => VIDEO,
        AssetKind::Kit => KIT,
    }
}

/// All keys that files of `kind` may have.
pub fn keys(kind: AssetKind) -> Vec<KeyGuide> {
    COMMON.iter().chain(own_keys(kind)).copied().collect()
}

/// The forms of a cadence that files of `kind` may name, each with what it means; none but for newsletters.
///
/// Times are HH:MM on the 24-hour clock, in the newsletter's `zone`.
pub fn cadences(kind: AssetKind) -> &'static [(&'static str, &'static str)] {
    if kind == AssetKind::Newsletter { CADENCES } else { &[] }
}

/// What the text below the front matter is.
pub fn body(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Newsletter => "What readers are told about the newsletter; it may be left out.",
        AssetKind::Issue => "The letter: blocks for the roles, and what everyone reads.",
        AssetKind::Sequence => "What stands below every message of it; it may be left out.",
        AssetKind::Message => "The letter; its title is the headline.",
        AssetKind::Whitepaper => "The paper; up to its second section it is read before the form.",
        AssetKind::Blog | AssetKind::Page => "The text of the page.",
        AssetKind::Webinar => "What the session is about, and for whom.",
        AssetKind::Social => "The post, for every network that has no `text_for` of its own.",
        AssetKind::Playbook => "What a sales rep reads before calling.",
        AssetKind::CaseStudy => "The story.",
        AssetKind::Datasheet => "What the product does; its figures stand in `specifications`.",
        AssetKind::Video => "The transcript. Its poster is the `image`.",
        AssetKind::Kit => "What the theme is about; it may be left out.",
    }
}

/// A whole file to begin with.
pub fn example(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Newsletter => include_str!("examples/newsletter.md"),
        AssetKind::Issue => include_str!("examples/issue.md"),
        AssetKind::Sequence => include_str!("examples/sequence.md"),
        AssetKind::Message => include_str!("examples/message.md"),
        AssetKind::Whitepaper => include_str!("examples/whitepaper.md"),
        AssetKind::Blog => include_str!("examples/blog.md"),
        AssetKind::Webinar => include_str!("examples/webinar.md"),
        AssetKind::Social => include_str!("examples/social.md"),
        AssetKind::Page => include_str!("examples/page.md"),
        AssetKind::Playbook => include_str!("examples/playbook.md"),
        AssetKind::CaseStudy => include_str!("examples/case-study.md"),
        AssetKind::Datasheet => include_str!("examples/datasheet.md"),
        AssetKind::Video => include_str!("examples/video.md"),
        AssetKind::Kit => include_str!("examples/kit.md"),
    }
}

/// The first file of an issue: the example without what it names elsewhere.
pub fn issue_example(newsletter: &str, title: &str, date: NaiveDate) -> String {
    let mut text = String::new();
    let mut lines = example(AssetKind::Issue).split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        match line.split_once(':').map(|(key, _)| key) {
            Some("title") => text.push_str(&format!("title: {:?}\n", format!("{title}, {date}"))),
            Some("newsletter") => text.push_str(&format!("newsletter: {newsletter}\n")),
            Some("date") => text.push_str(&format!("date: {date}\n")),
            Some("features") => while lines.next_if(|item| item.starts_with(' ')).is_some() {},
            _ => text.push_str(line),
        }
    }
    text
}

/// The first file of a sequence's message: the example without what it names elsewhere.
pub fn message_example() -> String {
    let mut text = String::new();
    let mut lines = example(AssetKind::Message).split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("features:") {
            while lines.next_if(|item| item.starts_with(' ')).is_some() {}
        } else {
            text.push_str(line);
        }
    }
    text
}

/// Where files of `kind` lie under the content folder.
fn place(kind: AssetKind) -> String {
    match kind {
        AssetKind::Issue | AssetKind::Message => {
            let series = if kind == AssetKind::Issue { "newsletter" } else { "sequence" };
            format!("{}/<{series}>", kind.folder())
        }
        _ => kind.folder().to_owned(),
    }
}

/// The reference page of `kind` in Markdown.
pub fn reference(kind: AssetKind) -> String {
    let mut page =
        format!("# {}\n\nFiles in `{}/`. Required keys are marked *.\n\n", kind.as_str(), place(kind));
    page.push_str(&table(&keys(kind)));
    if !cadences(kind).is_empty() {
        page.push_str(
            "\nForms of a cadence; the time is on the 24-hour clock, and the zone is in `zone`:\n\n",
        );
        page.push_str("| Cadence | When it is |\n|---|---|\n");
        for (form, meaning) in cadences(kind) {
            page.push_str(&format!("| `{form}` | {meaning} |\n"));
        }
    }
    page.push_str(&format!("\nThe text below: {}\n", body(kind)));
    page.push_str("\nAn example:\n\n````markdown\n");
    page.push_str(example(kind));
    page.push_str("````\n");
    page
}

/// The reference page of a partner's brand in Markdown.
pub fn brand_reference() -> String {
    let table = table(BRAND);
    format!(
        "# brand\n\nTOML, in `roster/brands/<partner>/brand.toml`. Required keys are marked *.\n\n{table}{BRAND_FILES}"
    )
}

pub(super) fn table(keys: &[KeyGuide]) -> String {
    let mut table = "| Key | Write | Meaning |\n|---|---|---|\n".to_owned();
    for KeyGuide { key, wants, is_required, meaning } in keys {
        let mark = if *is_required { "*" } else { "" };
        table.push_str(&format!("| `{key}`{mark} | {wants} | {meaning} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{
        content::{Library, SourceFile, asset::known_keys, tests::VENDOR},
        partner::{BrandProfile, Typeface},
    };

    fn path(kind: AssetKind) -> &'static str {
        match kind {
            AssetKind::Newsletter => "newsletters/restore-notes.md",
            AssetKind::Issue => "newsletters/restore-notes/2027-02-09.md",
            AssetKind::Sequence => "sequences/first-steps.md",
            AssetKind::Message => "sequences/first-steps/hello.md",
            AssetKind::Whitepaper => "whitepapers/one-question.md",
            AssetKind::Blog => "blog/one-question.md",
            AssetKind::Webinar => "webinars/one-restore-live.md",
            AssetKind::Social => "social/one-question.md",
            AssetKind::Page => "pages/talk.md",
            AssetKind::Playbook => "playbooks/calling.md",
            AssetKind::CaseStudy => "case-studies/clinic.md",
            AssetKind::Datasheet => "datasheets/product.md",
            AssetKind::Video => "videos/one-restore.md",
            AssetKind::Kit => "kits/one-question.md",
        }
    }

    #[test]
    fn every_example_is_right() {
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let mut files: Vec<SourceFile> =
            AssetKind::WORDS.iter().map(|(_, kind)| file(path(*kind), example(*kind))).collect();
        files.extend([
            file("vendor.toml", VENDOR),
            file("images/logo.png", ""),
            file("images/poster.png", ""),
            file("images/licences.toml", "[\"poster.png\"]\nlicence = \"own work\"\n"),
        ]);
        assert_eq!(Library::build(files).1, []);
    }

    #[test]
    fn the_guide_tells_of_every_key_and_no_other() {
        for (word, kind) in AssetKind::WORDS {
            let told: BTreeSet<&str> = keys(*kind).iter().map(|guide| guide.key).collect();
            assert_eq!(told, known_keys(*kind), "{word}");
        }
    }

    #[test]
    fn the_guide_tells_of_every_key_of_a_brand_and_every_typeface() {
        let told: BTreeSet<&str> = BRAND.iter().map(|guide| guide.key).collect();
        let refused = toml::from_str::<BrandProfile>("no_such_key = 1").unwrap_err().message().to_owned();
        let list = refused.split_once("expected one of ").unwrap().1;
        let known: BTreeSet<&str> = list.split(", ").map(|key| key.trim_matches('`')).collect();
        let by_hand = known.into_iter().filter(|key| !["logo", "logo_dark"].contains(key));
        assert_eq!(told, by_hand.collect());
        let page = brand_reference();
        for (word, _) in Typeface::WORDS {
            assert!(page.contains(word), "{word}");
        }
        let example: String = BRAND
            .iter()
            .filter(|guide| guide.is_required)
            .fold(String::new(), |text, guide| text + &format!("{} = \"#123456\"\n", guide.key));
        toml::from_str::<BrandProfile>(&example).unwrap();
    }

    #[test]
    fn what_the_guide_calls_required_is_missed() {
        for (word, kind) in AssetKind::WORDS {
            for guide in own_keys(*kind).iter().filter(|guide| guide.is_required) {
                let example = example(*kind);
                let start = example
                    .find(&format!("\n{}:", guide.key))
                    .unwrap_or_else(|| panic!("{word}: {}", guide.key));
                let rest = &example[start + 1..];
                let end = rest.find('\n').map_or(rest.len(), |first| {
                    let lines = rest[first + 1..].split_inclusive('\n');
                    first
                        + 1
                        + lines.take_while(|line| line.starts_with([' ', '\n'])).map(str::len).sum::<usize>()
                });
                let text = format!("{}{}", &example[..=start], &rest[end..]);
                let file = SourceFile { path: path(*kind).to_owned(), bytes: text.into_bytes() };
                let found = Library::build(vec![file]).1;
                let is_it =
                    |f: &crate::domain::content::Finding| f.code == "C104" && f.message.contains(guide.key);
                assert!(found.iter().any(is_it), "{word}: {}: {found:#?}", guide.key);
            }
        }
    }
}
