//! Forms that customers fill in: `forms/<slug>.toml`. What is asked, what is agreed to, what it counts as.
//!
//! ```toml
//! version = 1
//! counts_as = "whitepaper"        # or "webinar", "talk-to-us": the event, and how the lead is said to have come
//! consent = "whitepaper"          # a text of rules/consent.toml
//! unlocks = "whitepapers/proof-of-recovery"   # what an embedded form opens
//!
//! [title]                         # left out: the words of what it counts as
//! en = "Read the whole paper"
//!
//! [[field]]
//! name = "email"
//! required = true
//!
//! [[field]]
//! name = "next-audit"             # a field of one's own: stored with the lead
//! kind = "select"
//! label = { en = "When is your next audit?" }
//! options = [{ value = "q1", label = { en = "First quarter" } }]
//! ```

use std::{collections::BTreeMap, sync::OnceLock};

use super::{
    asset::words,
    document,
    finding::{Findings, Place, codes, did_you_mean},
    guide::{KeyGuide, may, needed, table},
    keys::{Found, Keys, Reference},
};
use crate::domain::kernel::{Locale, Slug};

/// The folder.
pub const FORMS: &str = "forms";
/// Most fields of a form.
const FIELDS_MAX: usize = 20;
/// Most options of a field.
const OPTIONS_MAX: usize = 50;
/// Longest text that somebody may type into one field, in characters.
const CHARS_MAX: u32 = 2_000;
/// Zero bits of a proof of work unless the form says otherwise: some 65,000 tries, a second or two.
pub const PROOF_BITS: u32 = 16;
/// The fewest and the most that a form may ask for: more would keep old telephones busy for minutes.
const PROOF_RANGE: std::ops::RangeInclusive<i64> = 8..=22;
/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 160;

words! {
    /// What a form that was sent counts as.
    CountsAs {
        /// Asking for something to read.
        Whitepaper "whitepaper",
        /// Registering for a session.
        Webinar "webinar",
        /// Asking for a call.
        TalkToUs "talk-to-us",
    }
}

words! {
    /// How a field is filled in.
    FieldKind {
        /// A line.
        Text "text",
        /// An address.
        Email "email",
        /// A telephone number.
        Tel "tel",
        /// One of a list.
        Select "select",
        /// Some lines.
        Textarea "textarea",
        /// A box that is ticked or not.
        Checkbox "checkbox",
    }
}

/// A text by language.
pub type Words = BTreeMap<Locale, String>;

/// The text in the reader's language; else English, else the first.
pub fn word_in<'a>(words: &'a Words, locale: &Locale) -> Option<&'a str> {
    let of = |tag: &str| words.iter().find(|(key, _)| key.as_str() == tag);
    let found = locale.fallbacks().into_iter().find_map(of).or_else(|| of("en"));
    found.or_else(|| words.iter().next()).map(|(_, text)| text.as_str())
}

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadForm {
    /// Its name, by its file.
    pub slug: String,
    /// Raised with every change.
    pub version: u32,
    /// What it counts as.
    pub counts_as: CountsAs,
    /// What people agree to, and where that is said.
    pub consent: (Slug, Place),
    /// What an embedded form opens.
    pub unlocks: Option<Reference>,
    /// Over it; empty for the usual words.
    pub title: Words,
    /// Below the title.
    pub text: Words,
    /// On the button.
    pub button: Words,
    /// Zero bits of the proof of work that it asks for; none where it asks for none.
    pub proof_bits: Option<u32>,
    /// In order.
    pub fields: Vec<FormField>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// Its name, by which it is sent and stored.
    pub name: String,
    /// How it is filled in.
    pub kind: FieldKind,
    /// What stands over it; empty for the usual words of a known field.
    pub label: Words,
    /// Whether it must be filled in.
    pub required: bool,
    /// What is chosen from.
    pub options: Vec<FormOption>,
    /// Most characters.
    pub chars_max: u32,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormOption {
    /// What is sent and stored.
    pub value: String,
    /// What is shown; empty for the value.
    pub label: Words,
}

/// Fields that a lead has by itself, with how they are filled in and whether every form must have them.
const KNOWN: [(&str, FieldKind, bool); 7] = [
    ("name", FieldKind::Text, true),
    ("email", FieldKind::Email, true),
    ("company", FieldKind::Text, true),
    ("phone", FieldKind::Tel, false),
    ("job_role", FieldKind::Select, false),
    ("company_size", FieldKind::Select, false),
    ("message", FieldKind::Textarea, false),
];
/// Names that the form itself sends.
const TAKEN: [&str; 4] = ["consent", "website", "proof_token", "proof_number"];

impl FormField {
    /// Whether the lead has it by itself; the others are stored as answers.
    pub fn is_known(&self) -> bool {
        KNOWN.iter().any(|(name, ..)| *name == self.name)
    }
}

impl LeadForm {
    /// Reads the keys of `forms/<slug>.toml`.
    pub(super) fn parse(slug: &str, mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let version = keys.need("version", f).and_then(|v| v.count(1, f));
        let counts_as = keys.need("counts_as", f).and_then(|v| v.choice(CountsAs::WORDS, f));
        let consent = keys.need("consent", f).and_then(|v| {
            let place = v.place();
            v.slug(f).map(|slug| (slug, place))
        });
        let unlocks = keys.get("unlocks").and_then(|v| v.reference(f));
        let title = keys.get("title").map(|v| words_of(v, f)).unwrap_or_default();
        let text = keys.get("text").map(|v| words_of(v, f)).unwrap_or_default();
        let button = keys.get("button").map(|v| words_of(v, f)).unwrap_or_default();
        let asks_proof = keys.get("proof_of_work").and_then(|v| v.flag(f)).unwrap_or(false);
        let bits =
            keys.get("proof_bits").and_then(|v| v.int(PROOF_RANGE, f)).and_then(|it| u32::try_from(it).ok());
        let place = keys.place();
        let found = keys.need("field", f).map(|v| v.list(f)).unwrap_or_default();
        keys.finish(f);
        if found.len() > FIELDS_MAX {
            let message = format!("there are {} fields", found.len());
            f.add(codes::BAD_VALUE, place, message, format!("ask for {FIELDS_MAX} at most"));
        }
        let mut fields: Vec<FormField> = Vec::new();
        for found in found.into_iter().take(FIELDS_MAX) {
            let place = found.place();
            let Some(field) = field(found, f) else { continue };
            if fields.iter().any(|other| other.name == field.name) {
                let message = format!("the field `{}` stands twice", field.name);
                f.add(codes::DUPLICATE_KEY, place, message, "remove one of them, or name it otherwise");
            }
            fields.push(field);
        }
        for (name, _, needed) in KNOWN {
            if needed && !fields.iter().any(|field| field.name == name && field.required) {
                let fix = format!("add `[[field]]` with `name = \"{name}\"` and `required = true`");
                f.add(codes::MISSING_KEY, place, format!("a form without the required field `{name}`"), fix);
            }
        }
        let (version, counts_as, consent) = (version?, counts_as?, consent?);
        Some(Self {
            slug: slug.to_owned(),
            version,
            counts_as,
            consent,
            unlocks,
            title,
            text,
            button,
            proof_bits: asks_proof.then(|| bits.unwrap_or(PROOF_BITS)),
            fields,
        })
    }
}

fn words_of(found: Found, f: &mut Findings<'_>) -> Words {
    let place = found.place();
    let key = found.key().to_owned();
    let Some(mut keys) = found.map(f) else { return Words::new() };
    let mut words = Words::new();
    for (name, found) in keys.rest() {
        match Locale::parse(&name) {
            Ok(locale) => {
                words.extend(found.line_of(LABEL_CHARS_MAX, f).map(|line| (locale, line)));
            }
            Err(_) => {
                let message = format!("`{key}.{name}` names no language");
                f.add(codes::UNKNOWN_KEY, found.place(), message, "use a locale such as `en` or `de`");
            }
        }
    }
    if !words.keys().any(|locale| locale.as_str() == "en") {
        f.add(
            codes::MISSING_KEY,
            place,
            format!("`{key}` without `en`"),
            "add `en`, the language of last resort",
        );
    }
    words
}

fn field(found: Found, f: &mut Findings<'_>) -> Option<FormField> {
    let mut keys = found.map(f)?;
    let place = keys.place();
    let name = keys.need("name", f).and_then(|v| {
        let place = v.place();
        v.line_of(60, f).map(|name| (name, place))
    });
    let said = keys.get("kind");
    let is_said = said.is_some();
    let kind = said.and_then(|v| {
        let place = v.place();
        v.choice(FieldKind::WORDS, f).map(|kind| (kind, place))
    });
    let is_misspelt = is_said && kind.is_none();
    let label = keys.get("label").map(|v| words_of(v, f));
    let required = keys.get("required").and_then(|v| v.flag(f)).unwrap_or(false);
    let options = keys.get("options").map(|v| (v.place(), v.list(f)));
    let chars_max = keys.get("chars_max").and_then(|v| v.int(1..=i64::from(CHARS_MAX), f));
    keys.finish(f);
    let (name, name_place) = name?;
    let shape = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(shape) || TAKEN.contains(&name.as_str()) {
        let fix = "use small letters, digits, `-` and `_`, but for `consent`, `website`, `proof_token` and `proof_number`";
        f.add(codes::BAD_VALUE, name_place, format!("`{name}` cannot name a field"), fix);
        return None;
    }
    let known = KNOWN.iter().find(|(known, ..)| *known == name);
    if let (Some((_, is, _)), Some((kind, place))) = (known, kind)
        && kind != *is
    {
        let message = format!("`{name}` is filled in as `{}`", is.as_str());
        f.add(codes::BAD_VALUE, place, message, "leave `kind` out, or name the field otherwise");
    }
    let kind = known.map(|(_, kind, _)| *kind).or(kind.map(|(kind, _)| kind)).unwrap_or(FieldKind::Text);
    if known.is_none() && label.is_none() {
        let fix = did_you_mean(&name, KNOWN.iter().map(|(name, ..)| *name));
        let fix = format!("add `label = {{ en = \"…\" }}`; or {fix}");
        f.add(codes::MISSING_KEY, place, format!("the field `{name}` has no label"), fix);
    }
    let wants_options = kind == FieldKind::Select && known.is_none();
    let (options_place, options) = options.unwrap_or((place, Vec::new()));
    if wants_options == options.is_empty() && !is_misspelt {
        let (message, fix) = if wants_options {
            (format!("`{name}` has nothing to choose from"), "add `options`")
        } else {
            (format!("`{name}` is no list of the form's own"), "remove `options`")
        };
        f.add(codes::BAD_VALUE, options_place, message, fix);
    }
    if options.len() > OPTIONS_MAX {
        let message = format!("`{name}` has {} options", options.len());
        f.add(codes::BAD_VALUE, options_place, message, format!("offer {OPTIONS_MAX} at most"));
    }
    let options = options.into_iter().take(OPTIONS_MAX).filter_map(|v| option(v, f)).collect();
    let usual = if kind == FieldKind::Textarea { CHARS_MAX } else { 200 };
    let chars_max = chars_max.and_then(|most| u32::try_from(most).ok()).unwrap_or(usual);
    Some(FormField { name, kind, label: label.unwrap_or_default(), required, options, chars_max })
}

fn option(found: Found, f: &mut Findings<'_>) -> Option<FormOption> {
    if found.word().is_some() {
        return found.line_of(80, f).map(|value| FormOption { value, label: Words::new() });
    }
    let mut keys = found.map(f)?;
    let value = keys.need("value", f).and_then(|v| v.line_of(80, f));
    let label = keys.get("label").map(|v| words_of(v, f)).unwrap_or_default();
    keys.finish(f);
    Some(FormOption { value: value?, label })
}

/// The forms that every folder has, unless it has files of these names: what the program comes with.
const BUILT_IN: [(&str, &str); 3] = [
    ("whitepaper", include_str!("forms/whitepaper.toml")),
    ("webinar", include_str!("forms/webinar.toml")),
    ("talk-to-us", include_str!("forms/talk-to-us.toml")),
];

/// The built-in form of this name.
pub fn built_in(slug: &str) -> Option<&'static LeadForm> {
    static FORMS: OnceLock<Vec<LeadForm>> = OnceLock::new();
    let all = FORMS.get_or_init(|| {
        let read = |(slug, text): &(&str, &str)| {
            let mut f = Findings::new("", *text);
            let root = document::toml(text).ok()?;
            LeadForm::parse(slug, Keys::root(root, &mut f), &mut f)
        };
        BUILT_IN.iter().filter_map(read).collect()
    });
    all.iter().find(|form| form.slug == slug)
}

/// The names of the built-in forms.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(slug, _)| *slug)
}

const KEYS: [KeyGuide; 10] = [
    needed("version", "a number", "Raised with every change."),
    needed(
        "counts_as",
        "whitepaper, webinar, talk-to-us",
        "What a form that was sent counts as: the event that is scored, and how the lead is said to have come.",
    ),
    needed(
        "consent",
        "the id of a text of rules/consent.toml",
        "What people agree to, with the partner's name.",
    ),
    may("unlocks", "a reference", "What the form opens where it is embedded in a partner's own site."),
    may("title", "a table by locale", "What stands over it; left out: the usual words."),
    may("text", "a table by locale", "What stands below the title."),
    may("button", "a table by locale", "What stands on the button."),
    may(
        "proof_of_work",
        "true or false",
        "Whether the browser has to search for a number first, which a flood cannot afford. Without JavaScript the form is \
         taken half a minute after its page was opened, and says so.",
    ),
    may(
        "proof_bits",
        "a number, 8 to 22",
        "How long it searches: one more takes twice as long; left out: 16.",
    ),
    needed(
        "field",
        "tables `[[field]]`, 20 at most",
        "What is asked; `name`, `email` and `company` are required in each.",
    ),
];

const FIELD_KEYS: [KeyGuide; 6] = [
    needed(
        "name",
        "small letters, digits, `-`, `_`",
        "name, email, company, phone, job_role, company_size and message are the lead's own; others are stored as answers.",
    ),
    may(
        "kind",
        "text, email, tel, select, textarea, checkbox",
        "How it is filled in; of the lead's own fields known already.",
    ),
    may("label", "a table by locale", "What stands over it; needed for fields of one's own."),
    may("required", "true or false", "Whether it must be filled in, or ticked."),
    may("options", "a list of values, or of tables `value`, `label`", "What a select offers, 50 at most."),
    may("chars_max", "a number, 1 to 2,000", "The most characters."),
];

const EXAMPLE: &str = "version = 1
counts_as = \"whitepaper\"
consent = \"whitepaper\"

[title]
en = \"Get the checklist\"
de = \"Checkliste anfordern\"

[button]
en = \"Send it to me\"

[[field]]
name = \"name\"
required = true

[[field]]
name = \"email\"
required = true

[[field]]
name = \"company\"
required = true

[[field]]
name = \"next-audit\"
kind = \"select\"
label = { en = \"When is your next audit?\" }
options = [\"this quarter\", \"this year\", \"later\"]
";

/// The reference page of forms in Markdown.
pub fn reference() -> String {
    format!(
        "# forms\n\nTOML, in `{FORMS}/<slug>.toml`: a form that customers fill in. An asset chooses it with `lead_form: <slug>` in \
         its front matter. `whitepaper`, `webinar` and `talk-to-us` are there without a file; a file of that name takes their \
         place. Answers to fields of one's own stand on the lead's card and in exports, and go when the person is erased. A partner \
         may show a form in a page of their own: `<iframe src=\"https://…/p/<partner>/forms/<slug>/embed\">`, on the domain of \
         their website in the roster alone. Required keys are marked *.\n\n{}\nOf a `[[field]]`:\n\n{}\nAn \
         example:\n\n```toml\n{EXAMPLE}```\n",
        table(&KEYS),
        table(&FIELD_KEYS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, library::SourceFile};

    fn found(text: &str) -> Vec<(&'static str, u32, String)> {
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let consent = "[[text]]\nid = \"whitepaper\"\nversion = 1\npurpose = \"follow_up\"\nen = \"yes\"\n";
        let files = vec![file("forms/audit.toml", text), file("rules/consent.toml", consent)];
        let (_, findings) = Library::build(files);
        let ours = findings.into_iter().filter(|finding| finding.file == "forms/audit.toml");
        ours.map(|f| (f.code, f.line, format!("{}; {}", f.message, f.fix))).collect()
    }

    #[test]
    fn the_built_in_forms_and_the_example_are_right_and_every_key_is_told() {
        for name in built_in_names() {
            let form = built_in(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (form.slug.as_str(), form.counts_as.as_str(), form.consent.0.as_str()),
                (name, name, name)
            );
        }
        assert_eq!(found(EXAMPLE), []);
        for (key, guides) in [("zzzzzzzzzzzz = 1\n", &KEYS[..]), ("", &FIELD_KEYS[..])] {
            let text = if key.is_empty() {
                EXAMPLE.replace("kind = \"select\"", "kind = \"select\"\nzzzzzzzzzzzz = 1")
            } else {
                format!("{key}{EXAMPLE}")
            };
            let said = found(&text);
            assert!(said.len() == 1 && guides.iter().all(|guide| said[0].2.contains(guide.key)), "{said:?}");
        }
    }

    #[test]
    fn each_fault_has_its_line_and_fix() {
        let one = |from: &str, to: &str, code, line, says: &str| {
            assert!(EXAMPLE.contains(from), "{from}");
            let said = found(&EXAMPLE.replacen(from, to, 1));
            assert_eq!(said.len(), 1, "{to}: {said:?}");
            assert_eq!((said[0].0, said[0].1), (code, line), "{said:?}");
            assert!(said[0].2.contains(says), "{said:?}");
        };
        one("\"whitepaper\"\nconsent", "\"paper\"\nconsent", "C106", 2, "`whitepaper`");
        one("consent = \"whitepaper\"", "consent = \"whitepapers\"", "C106", 3, "did you mean `whitepaper`?");
        one("de =", "deutsch1 =", "C103", 7, "names no language");
        one("name = \"next-audit\"", "name = \"Next Audit\"", "C106", 25, "cannot name a field");
        one("name = \"next-audit\"", "name = \"website\"", "C106", 25, "cannot name a field");
        one("kind = \"select\"", "kind = \"selects\"", "C106", 26, "did you mean `select`?");
        one("label = { en = \"When is your next audit?\" }\n", "", "C104", 24, "has no label");
        one(
            "options = [\"this quarter\", \"this year\", \"later\"]",
            "",
            "C106",
            24,
            "nothing to choose from",
        );
        one(
            "[[field]]\nname = \"company\"\nrequired = true\n",
            "",
            "C104",
            1,
            "without the required field `company`",
        );
    }
}
