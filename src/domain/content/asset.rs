//! An asset: one file of content, read.

use std::borrow::Cow;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::{
    body::Body,
    evidence::{self, Evidence},
    field::Scope,
    finding::{Finding, Findings, Place, codes},
    front_matter,
    image::{IMAGE_FIX, image_path},
    keys::Keys,
    kinds::Detail,
    merge::Template,
    safe::{first_bad, is_bad},
    selection::{Reader, Selection},
    tree::Node,
};
use crate::domain::{
    kernel::{Locale, Slug},
    partner::{AudienceRole, Roles},
};

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 160;
/// Longest summary, in characters.
pub const SUMMARY_CHARS_MAX: usize = 240;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them with the word that authors write.
            pub const WORDS: &[(&'static str, Self)] = &[$(($word, Self::$variant)),*];

            /// The word that authors write.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Reads the word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
            }
        }
    };
}
pub(super) use words;

words! {
    /// What an asset is.
    AssetKind {
        /// A series of mails with a cadence.
        Newsletter "newsletter",
        /// One edition of it.
        Issue "issue",
        /// Messages that follow each other at each reader's own pace.
        Sequence "sequence",
        /// A message of a sequence.
        Message "message",
        /// A paper for the partner's customer.
        Whitepaper "whitepaper",
        /// A blog post.
        Blog "blog",
        /// A session at a time.
        Webinar "webinar",
        /// A post for social networks.
        Social "social",
        /// A standing page.
        Page "page",
        /// A sales rep's guide, internal to partners.
        Playbook "playbook",
        /// How a customer fared.
        CaseStudy "case-study",
        /// A product in one or two pages.
        Datasheet "datasheet",
        /// A video.
        Video "video",
        /// A campaign made of other assets.
        Kit "kit",
    }
}

impl AssetKind {
    /// The folder it lives in.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Newsletter | Self::Issue => "newsletters",
            Self::Sequence | Self::Message => "sequences",
            Self::Whitepaper => "whitepapers",
            Self::Blog => "blog",
            Self::Webinar => "webinars",
            Self::Social => "social",
            Self::Page => "pages",
            Self::Playbook => "playbooks",
            Self::CaseStudy => "case-studies",
            Self::Datasheet => "datasheets",
            Self::Video => "videos",
            Self::Kit => "kits",
        }
    }
}

impl AssetKind {
    /// Whether it is mail, or a series of mails: it has no page of its own.
    pub fn is_mail(self) -> bool {
        matches!(self, Self::Newsletter | Self::Issue | Self::Sequence | Self::Message)
    }

    /// Whether partners pass it on to their customers; the rest is for their own people.
    pub fn is_for_customers(self) -> bool {
        matches!(
            self,
            Self::Whitepaper
                | Self::Blog
                | Self::Webinar
                | Self::CaseStudy
                | Self::Datasheet
                | Self::Video
                | Self::Page
        )
    }
}

words! {
    /// How people take it in.
    Form {
        /// By reading.
        Read "read",
        /// By watching.
        Watch "watch",
        /// By doing.
        Do "do",
    }
}

words! {
    /// A part of an asset that a partner may vary.
    Zone {
        /// What the partner promises.
        ValueProposition "partner.value_proposition",
        /// Why to believe it.
        Proof "partner.proof",
        /// The button's text.
        CallToAction "partner.call_to_action",
        /// Name, address and number for customers.
        Contact "partner.contact",
        /// A few words before the text.
        Intro "partner.intro",
        /// A case from near by.
        LocalExample "partner.local_example",
    }
}

/// An image and the text that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Path under the content folder.
    pub path: String,
    /// What stands for it.
    pub alt: String,
}

/// What assets of all kinds say about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// The title; merge fields allowed.
    pub title: Template,
    /// One sentence that a partner can paste; merge fields allowed. Mails and their series may have none.
    pub summary: Option<Template>,
    /// Who reads it; empty: everyone.
    pub roles: Roles,
    /// Whose partners have it, and who of them reads it, beside `roles`.
    pub selection: Selection,
    /// What it is about.
    pub topics: Vec<Slug>,
    /// The business result.
    pub outcome: Option<String>,
    /// The day from which it may be seen.
    pub publish: Option<NaiveDate>,
    /// The message whose repetition is counted.
    pub key_message: Option<Slug>,
    /// How people take it in.
    pub form: Option<Form>,
    /// The form that customers fill in for it, where it is not that of its kind.
    pub lead_form: Option<Slug>,
    /// Its image.
    pub image: Option<Picture>,
    /// What a partner may vary.
    pub zones: Vec<Zone>,
    /// The sources of what it claims.
    pub evidence: Vec<Evidence>,
}

/// An asset in one language. Where its file has error findings it holds blanks, so that everything can be
/// checked in one go; such a library is not to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Path without locale and `.md`: `whitepapers/proof-of-recovery`.
    pub reference: String,
    /// The translation's language; nothing for the original.
    pub locale: Option<Locale>,
    /// Path of the file under the content folder.
    pub path: String,
    /// What all kinds have.
    pub front: Common,
    /// What its kind has.
    pub detail: Detail,
    /// What it says.
    pub body: Body,
    /// SHA-256 of path and text, 64 hexadecimal digits: what the history of the file goes by.
    pub revision: String,
    /// The file's text, line ends `\n`, without characters that may reach no page.
    pub source: String,
}

impl Asset {
    /// What a reader sees of its text, and below it the sources of what it claims. Posts have no room for those.
    pub fn text_for(&self, reader: &Reader<'_>) -> Vec<Node> {
        let mut nodes = self.body.for_reader(&self.reference, reader);
        if self.kind() != AssetKind::Social {
            nodes.extend(evidence::nodes(&self.front.evidence));
        }
        nodes
    }

    /// Whether it concerns a reader, and their partner has filled the zones that it wants of them. The public has what its partner has: `roles` decide whom an asset is shown to, not
    /// who may open it.
    pub fn concerns(&self, reader: &Reader<'_>) -> bool {
        reader.roles.is_none_or(|roles| self.front.roles.concern(roles))
            && self.front.selection.concerns(reader)
            && self.body.missing_zones(&self.reference, reader).is_empty()
    }

    /// What it is.
    pub fn kind(&self) -> AssetKind {
        self.detail.kind()
    }

    /// The last part of the reference.
    pub fn slug(&self) -> &str {
        self.reference.rsplit('/').next().unwrap_or_default()
    }

    /// Reads a file whose place says that it is a `kind`.
    pub fn parse(name: FileName, kind: AssetKind, path: &str, bytes: &[u8]) -> (Self, Vec<Finding>) {
        let (text, first) = clean(path, bytes);
        let mut findings = Findings::new(path, text.as_str());
        for (code, place, message, fix) in first {
            findings.add(code, place, message, fix);
        }
        let split = front_matter::split(&text);
        let split_ok = split.is_ok();
        let (mut keys, body_at) = match split {
            Ok(split) => (front_matter::keys(split.yaml, &mut findings), split.body_at),
            Err(why) => {
                let fix = "begin the file with a line `---`, the keys, and another line `---`";
                findings.add(codes::NO_FRONT_MATTER, Place::START, why, fix);
                (None, text.len())
            }
        };
        let (front, detail) = match &mut keys {
            Some(keys) => {
                check_kind(keys, kind, &mut findings);
                let common = common(keys, kind, &mut findings);
                keys.common_until_here();
                (common, Detail::parse(kind, keys, &mut findings))
            }
            None => (Common::default(), Detail::blank(kind)),
        };
        if let Some(keys) = keys {
            keys.finish(&mut findings);
        }
        let body = Body::parse(&text[body_at..], body_at, Scope::from(kind), &mut findings);
        if split_ok {
            detail.check_body(&body, body_at, &mut findings);
        }
        let findings = findings.finish();
        let revision = revision(path, bytes);
        let FileName { reference, locale } = name;
        (
            Self { reference, locale, path: path.to_owned(), front, detail, body, revision, source: text },
            findings,
        )
    }
}

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Path without locale and `.md`.
    pub reference: String,
    /// The translation's language.
    pub locale: Option<Locale>,
}

/// The hash of a text file. The path is a part of it: two files of the same text are two revisions.
pub fn revision(path: &str, bytes: &[u8]) -> String {
    let mut digest = Sha256::new_with_prefix(path.as_bytes());
    digest.update([0]);
    digest.update(bytes);
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

type Early = (super::finding::Code, Place, String, &'static str);

/// The file as text: UTF-8, line ends `\n`, without byte order mark and unsafe characters.
fn clean(_path: &str, bytes: &[u8]) -> (String, Vec<Early>) {
    let mut found: Vec<Early> = Vec::new();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let place = Place::of(&text, error.valid_up_to());
            found.push((codes::NOT_UTF8, place, "the file is not UTF-8".to_owned(), "save it as UTF-8"));
            text
        }
    };
    let mut text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            let message = "the file begins with a byte order mark".to_owned();
            found.push((codes::BYTE_ORDER_MARK, Place::START, message, "save it without one"));
            rest.to_owned()
        }
        None => text.into_owned(),
    };
    if text.contains('\r') {
        text = text.replace("\r\n", "\n");
    }
    if first_bad(&text).is_some() {
        for (at, c) in text.char_indices().filter(|(_, c)| is_bad(*c)).take(20) {
            let message = format!("the character U+{:04X} is not allowed", u32::from(c));
            found.push((codes::UNSAFE_CHARACTER, Place::of(&text, at), message, "remove it"));
        }
        text.retain(|c| !is_bad(c));
    }
    (text, found)
}

/// Every key that a file of `kind` may have.
#[cfg(test)]
pub(super) fn known_keys(kind: AssetKind) -> std::collections::BTreeSet<&'static str> {
    let mut findings = Findings::new("", "");
    let mut keys = Keys::none();
    check_kind(&mut keys, kind, &mut findings);
    common(&mut keys, kind, &mut findings);
    Detail::parse(kind, &mut keys, &mut findings);
    keys.known()
}

fn check_kind(keys: &mut Keys, expected: AssetKind, findings: &mut Findings<'_>) {
    let Some(found) = keys.need("kind", findings) else { return };
    let place = found.place();
    let Some(kind) = found.choice(AssetKind::WORDS, findings) else { return };
    if kind != expected {
        let message = format!("a {} stands where a {} is expected", kind.as_str(), expected.as_str());
        let fix = format!("write `kind: {}`, or move the file to `{}/`", expected.as_str(), kind.folder());
        findings.add(codes::WRONG_KIND, place, message, fix);
    }
}

fn common(keys: &mut Keys, kind: AssetKind, f: &mut Findings<'_>) -> Common {
    use AssetKind::{Blog, CaseStudy, Datasheet, Kit, Social, Video, Webinar, Whitepaper};
    let scope = Scope::from(kind);
    let title = keys.need("title", f).and_then(|v| v.template(TITLE_CHARS_MAX, scope, f)).unwrap_or_default();
    let summary = if kind.is_mail() { keys.get("summary") } else { keys.need("summary", f) };
    let summary = summary.and_then(|v| v.template(SUMMARY_CHARS_MAX, scope, f));
    let roles = keys.get("roles").map(|v| v.roles(f)).unwrap_or_default();
    let topics = keys.get("topics").map(|v| v.list(f)).unwrap_or_default();
    let topics = topics.into_iter().filter_map(|v| v.slug(f)).collect();
    let outcome = keys.get("outcome").and_then(|v| v.line(f));
    let executives_read = roles.is_empty() || roles.contains(AudienceRole::Executive);
    if outcome.is_none() && executives_read && matches!(kind, Whitepaper | Blog | Webinar | CaseStudy | Kit) {
        let message = "executives read this, and `outcome` is missing";
        f.add(codes::NO_OUTCOME, keys.place(), message, "add `outcome` with the business result in one line");
    }
    let publish = if matches!(kind, Whitepaper | Blog | Webinar | Social | CaseStudy | Datasheet | Video) {
        keys.need("publish", f)
    } else {
        keys.get("publish")
    };
    let image = picture(keys, f);
    if image.is_none() && kind == Video {
        let fix = "add `image`, shown before the video plays, and `image_alt`";
        f.add(codes::MISSING_KEY, keys.place(), "a video wants a poster", fix);
    }
    let evidence = keys.get("evidence").map(|v| v.list(f)).unwrap_or_default();
    Common {
        title,
        summary,
        roles,
        selection: keys.get("for").and_then(|v| v.selection(f)).unwrap_or_default(),
        topics,
        outcome,
        publish: publish.and_then(|v| v.date(f)),
        key_message: keys.get("key_message").and_then(|v| v.slug(f)),
        form: keys.get("form").and_then(|v| v.choice(Form::WORDS, f)),
        lead_form: keys.get("lead_form").and_then(|v| v.slug(f)),
        image,
        zones: keys.get("zones").map(|v| v.choices(Zone::WORDS, f)).unwrap_or_default(),
        evidence: evidence.into_iter().filter_map(|v| Evidence::parse(v, f)).collect(),
    }
}

fn picture(keys: &mut Keys, f: &mut Findings<'_>) -> Option<Picture> {
    let image = keys.get("image");
    let alt = keys.get("image_alt").and_then(|v| v.line_of(400, f));
    let image = image?;
    let place = image.place();
    let path = image.line(f)?;
    if let Err(why) = image_path(&path) {
        f.add(codes::BAD_IMAGE, place, why, IMAGE_FIX);
        return None;
    }
    if alt.is_none() {
        let fix = "add `image_alt`: what a person who cannot see it should know";
        f.add(codes::NO_IMAGE_ALT, place, "`image` stands without `image_alt`", fix);
    }
    Some(Picture { path, alt: alt.unwrap_or_default() })
}
