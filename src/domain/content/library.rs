//! The library: a folder of content, read and checked as a whole.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem,
    sync::Arc,
};

use chrono_tz::Tz;

use super::{
    asset::{Asset, AssetKind, FileName, revision},
    check::{self, Whole},
    document,
    evidence::{self, Licence},
    finding::{Finding, Findings, Place, codes, did_you_mean},
    form::{self, FORMS, LeadForm},
    keys::Keys,
    kinds::{Detail, Issue, Newsletter, Sequence},
    roster_files,
    rules::{
        self, AttributionRule, CalendarRules, EngagementRules, FrequencyRules, MessageRules, Routing, Rules,
        Scoring, calendar::Stretch, ics,
    },
    style,
    vendor::Vendor,
};
use crate::domain::{
    kernel::{Locale, Slug},
    partner::roster,
};

/// Largest file, in bytes, but for a roster's tables and for calendars.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most files in a folder.
pub const FILES_MAX: usize = 20_000;

/// The most bytes that the file at `path` of a content folder may have.
pub fn bytes_max(path: &str) -> usize {
    match path.rsplit_once('.') {
        Some((rest, "csv")) if rest.starts_with("roster/") => roster::FILE_BYTES_MAX,
        Some((_, "ics")) => ics::BYTES_MAX,
        _ => FILE_BYTES_MAX,
    }
}

/// A file as it comes from a disk or an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path under the content folder, with `/`.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A folder of content.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Library {
    /// vendor.toml; nothing when it is missing or wrong.
    pub vendor: Option<Vendor>,
    /// The rules.
    pub rules: Rules,
    /// What images may be used for, by path; nothing for a folder that does not say.
    pub licences: Option<BTreeMap<String, Licence>>,
    /// The forms of the folder, by name; [`Library::form`] knows the built-in ones too.
    pub forms: BTreeMap<String, LeadForm>,
    /// Field maps of CRMs as they are written, by name; `domain/crm` reads them.
    pub field_maps: BTreeMap<String, String>,
    /// By reference, each original before its translations.
    pub assets: Vec<Arc<Asset>>,
}

/// What was made of each file the last time, so that only files that changed are parsed again.
#[derive(Debug, Default)]
pub struct Memo {
    parsed: HashMap<String, Parsed>,
}

/// An asset, and what is wrong with it by itself.
#[derive(Debug)]
struct Parsed {
    asset: Arc<Asset>,
    findings: Vec<Finding>,
}

impl Library {
    /// Reads and checks `files`. Time grows with their total size alone.
    pub fn build(files: impl AsRef<[SourceFile]>) -> (Self, Vec<Finding>) {
        Self::build_again(files, &mut Memo::default())
    }

    /// As [`Library::build`], but assets of files that are as they were the last time are taken from `memo`, which
    /// afterwards knows `files`.
    pub fn build_again(files: impl AsRef<[SourceFile]>, memo: &mut Memo) -> (Self, Vec<Finding>) {
        let mut files: Vec<&SourceFile> = files.as_ref().iter().collect();
        let mut all = Vec::new();
        if files.len() > FILES_MAX {
            let mut findings = Findings::new("", "");
            let message = format!("there are {} files, and only the first {FILES_MAX} are read", files.len());
            findings.add(codes::TOO_LARGE, Place::START, message, "move some to another content folder");
            all.extend(findings.finish());
        }
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        files.truncate(FILES_MAX);
        let mut reading = Reading { known: mem::take(&mut memo.parsed), ..Reading::default() };
        for file in files.iter().copied() {
            let mut findings = Findings::new(&file.path, "");
            let bytes_max = bytes_max(&file.path);
            if file.bytes.len() > bytes_max {
                let message = format!("the file has more than {bytes_max} bytes");
                findings.add(codes::TOO_LARGE, Place::START, message, "split it, or make it smaller");
                all.extend(findings.finish());
                continue;
            }
            all.extend(reading.read(file));
        }
        if !files.iter().any(|file| file.path == VENDOR) {
            let mut findings = Findings::new(VENDOR, "");
            let fix = "add it at the top of the content folder";
            findings.add(codes::NO_VENDOR, Place::START, "there is no vendor.toml", fix);
            all.extend(findings.finish());
        }
        let Reading { mut library, partners, brands, logos, calendars, parsed, known: _ } = reading;
        all.extend(library.rules.calendar.take(&calendars));
        memo.parsed = parsed;
        library.assets.sort_by(|a, b| (&a.reference, &a.locale).cmp(&(&b.reference, &b.locale)));
        let paths = files.iter().map(|file| file.path.as_str()).collect();
        let whole = Whole { paths, partners: partners.as_ref(), brands: &brands, logos: &logos };
        all.extend(check::whole(&library, &whole));
        all.sort_unstable();
        (library, all)
    }

    /// The asset in the reader's language, else the untranslated one.
    pub fn find(&self, reference: &str, locale: &Locale) -> Option<&Asset> {
        let versions = self.versions(reference);
        let of = |tag: &str| versions.iter().find(|a| a.locale.as_ref().is_some_and(|l| l.as_str() == tag));
        // A reader of the vendor's own language is served by the original.
        let default = self.vendor.as_ref().map(|vendor| vendor.default_locale.as_str());
        let original = || versions.iter().find(|asset| asset.locale.is_none());
        locale
            .fallbacks()
            .into_iter()
            .find_map(|tag| of(tag).or_else(|| if Some(tag) == default { original() } else { None }))
            .or_else(original)
            .or_else(|| versions.first())
            .map(|asset| &**asset)
    }

    /// The form of this name: the folder's, else the one that is built in.
    pub fn form(&self, slug: &str) -> Option<&LeadForm> {
        self.forms.get(slug).or_else(|| form::built_in(slug))
    }

    /// The form that an asset chooses; a translation that says nothing goes by its original.
    pub fn lead_form<'l>(&'l self, asset: &'l Asset) -> Option<&'l Slug> {
        let original = || self.versions(&asset.reference).iter().find(|other| other.locale.is_none());
        asset.front.lead_form.as_ref().or_else(|| original()?.front.lead_form.as_ref())
    }

    /// The original and its translations.
    pub fn versions(&self, reference: &str) -> &[Arc<Asset>] {
        let from = self.assets.partition_point(|asset| asset.reference.as_str() < reference);
        let count = self.assets[from..].partition_point(|asset| asset.reference == reference);
        &self.assets[from..from + count]
    }

    /// The untranslated assets of a kind.
    pub fn by_kind(&self, kind: AssetKind) -> impl Iterator<Item = &Asset> {
        let assets = self.assets.iter().map(|asset| &**asset);
        assets.filter(move |asset| asset.kind() == kind && asset.locale.is_none())
    }

    /// The vendor's zone; UTC before there is a vendor.
    pub fn vendor_zone(&self) -> Tz {
        self.vendor.as_ref().map_or(Tz::UTC, |vendor| vendor.zone)
    }

    /// The newsletters.
    pub fn newsletters(&self) -> impl Iterator<Item = (&Asset, &Newsletter)> {
        self.by_kind(AssetKind::Newsletter).filter_map(|asset| match &asset.detail {
            Detail::Newsletter(newsletter) => Some((asset, newsletter)),
            _ => None,
        })
    }

    /// The sequences.
    pub fn sequences(&self) -> impl Iterator<Item = (&Asset, &Sequence)> {
        self.by_kind(AssetKind::Sequence).filter_map(|asset| match &asset.detail {
            Detail::Sequence(sequence) => Some((asset, sequence)),
            _ => None,
        })
    }

    /// The sequence with this slug.
    pub fn sequence(&self, slug: &str) -> Option<(&Asset, &Sequence)> {
        self.sequences().find(|(asset, _)| asset.slug() == slug)
    }

    /// The issues of the newsletter with this slug, by date.
    pub fn issues_of(&self, newsletter: &str) -> Vec<(&Asset, &Issue)> {
        let mut issues: Vec<(&Asset, &Issue)> = self
            .by_kind(AssetKind::Issue)
            .filter_map(|asset| match &asset.detail {
                Detail::Issue(issue) => Some((asset, issue)),
                _ => None,
            })
            .filter(|(_, issue)| issue.newsletter.as_ref().is_some_and(|n| n.as_str() == newsletter))
            .collect();
        issues.sort_by_key(|(_, issue)| issue.date);
        issues
    }
}

/// The folder of CRMs' field maps.
pub const CRM: &str = "crm";
/// The file that every folder must have.
pub(super) const VENDOR: &str = "vendor.toml";
/// The file whose first column names the partners.
const PARTNERS: &str = "roster/partners.csv";

/// The files that a partner's folder under `roster/brands` may hold.
const BRAND_FILES: [&str; 5] = ["brand.toml", "logo.png", "logo.svg", "logo-dark.png", "logo-dark.svg"];

/// What a file is, by its path.
enum Role {
    Vendor,
    Scoring,
    Routing,
    Consent,
    CalendarRules,
    Frequency,
    Messages,
    Engagement,
    Attribution,
    /// iCalendar.
    Calendar,
    Licences,
    Form(String),
    FieldMap(String),
    Asset(AssetKind, FileName),
    Partners,
    Brand(String),
    Logo(String),
    /// Known, and not read here.
    Other,
    /// Has no place; says why, and what to do.
    Stray(String, String),
}

fn role(path: &str) -> Role {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.starts_with('.')) {
        // Hidden files are other programs'.
        return Role::Other;
    }
    match parts.as_slice() {
        ["vendor.toml"] => Role::Vendor,
        ["rules", "scoring.toml"] => Role::Scoring,
        ["rules", "routing.toml"] => Role::Routing,
        ["rules", "consent.toml"] => Role::Consent,
        ["rules", "calendar.toml"] => Role::CalendarRules,
        ["rules", "frequency.toml"] => Role::Frequency,
        ["rules", "messages.toml"] => Role::Messages,
        ["rules", "engagement.toml"] => Role::Engagement,
        ["rules", "attribution.toml"] => Role::Attribution,
        [FORMS, name] => named(name, "form", Role::Form),
        [CRM, name] => named(name, "field map", Role::FieldMap),
        ["rules", name] if name.ends_with(".ics") => Role::Calendar,
        ["roster", "partners.csv"] => Role::Partners,
        ["images", "licences.toml"] => Role::Licences,
        ["roster", "contacts.csv"]
        | ["images", ..]
        | ["roster", "brands", _, "logo.svg" | "logo-dark.svg" | "logo-dark.png"] => Role::Other,
        ["roster", "brands", partner, "brand.toml"] => Role::Brand((*partner).to_owned()),
        ["roster", "brands", partner, "logo.png"] => Role::Logo((*partner).to_owned()),
        ["roster", "brands", _, name] => {
            let fix = did_you_mean(name, BRAND_FILES);
            Role::Stray(format!("`{name}` has no meaning among a partner's brand"), fix)
        }
        ["newsletters", newsletter, issue] => {
            asset(AssetKind::Issue, &format!("newsletters/{newsletter}"), issue)
        }
        ["sequences", sequence, message] => {
            asset(AssetKind::Message, &format!("sequences/{sequence}"), message)
        }
        [folder, name] => {
            let kind = AssetKind::WORDS.iter().map(|(_, kind)| *kind).find(|kind| {
                kind.folder() == *folder && !matches!(kind, AssetKind::Issue | AssetKind::Message)
            });
            match kind {
                Some(kind) => asset(kind, folder, name),
                None => stray(path, folder),
            }
        }
        [folder, ..] => stray(path, folder),
        [] => Role::Other,
    }
}

/// A file whose name without `.toml` is what it is known by.
fn named(name: &str, what: &str, role: fn(String) -> Role) -> Role {
    match name.strip_suffix(".toml").filter(|slug| Slug::parse(slug).is_ok()) {
        Some(slug) => role(slug.to_owned()),
        None => Role::Stray(format!("`{name}` is no {what}"), "name it `<slug>.toml`".to_owned()),
    }
}

fn stray(path: &str, folder: &str) -> Role {
    let folders = AssetKind::WORDS.iter().map(|(_, kind)| kind.folder());
    let known = folders.chain(["images", "rules", "roster", FORMS, CRM]);
    let fix = match super::finding::suggestion(folder, known) {
        Some(meant) if meant != folder => format!("did you mean the folder `{meant}`?"),
        _ => "move it to a folder of the content format, or out of the content folder".to_owned(),
    };
    Role::Stray(format!("`{path}` has no place in a content folder"), fix)
}

fn asset(kind: AssetKind, folder: &str, name: &str) -> Role {
    let fix = || "name it `<slug>.md`, or `<slug>.<locale>.md` for a translation".to_owned();
    let Some(stem) = name.strip_suffix(".md") else {
        return Role::Stray(format!("`{name}` is not a Markdown file"), fix());
    };
    let (slug, locale) = match stem.split_once('.') {
        Some((slug, locale)) => (slug, Some(Locale::parse(locale))),
        None => (stem, None),
    };
    let folder_ok = folder.split('/').all(|part| Slug::parse(part).is_ok());
    match (Slug::parse(slug), locale.transpose()) {
        (Ok(_), Ok(locale)) if folder_ok => {
            Role::Asset(kind, FileName { reference: format!("{folder}/{slug}"), locale })
        }
        (_, Err(error)) => Role::Stray(error.public().to_owned(), fix()),
        _ => Role::Stray(format!("`{name}` is not a slug and `.md`"), fix()),
    }
}

#[derive(Default)]
struct Reading {
    library: Library,
    /// The partners' slugs, when there is a roster.
    partners: Option<BTreeSet<String>>,
    /// Brand files by partner.
    brands: BTreeMap<String, String>,
    /// Partners with a logo.
    logos: BTreeSet<String>,
    /// The days that calendars name, by path.
    calendars: BTreeMap<String, Vec<Stretch>>,
    /// What was parsed the last time, by path.
    known: HashMap<String, Parsed>,
    /// The same of this time.
    parsed: HashMap<String, Parsed>,
}

impl Reading {
    fn read(&mut self, file: &SourceFile) -> Vec<Finding> {
        let role = role(&file.path);
        if let Role::Asset(kind, name) = role {
            let is_same = |known: &Parsed| known.asset.revision == revision(&file.path, &file.bytes);
            let parsed = self.known.remove(&file.path).filter(is_same).unwrap_or_else(|| {
                let (asset, mut findings) = Asset::parse(name, kind, &file.path, &file.bytes);
                let mut f = Findings::new(&file.path, asset.source.as_str());
                style::alone(&asset, &mut f);
                findings.extend(f.finish());
                Parsed { asset: Arc::new(asset), findings }
            });
            let findings = parsed.findings.clone();
            self.library.assets.push(parsed.asset.clone());
            self.parsed.insert(file.path.clone(), parsed);
            return findings;
        }
        let text = match role {
            Role::Other | Role::Logo(_) => "".into(),
            _ => String::from_utf8_lossy(&file.bytes),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        let mut f = Findings::new(&file.path, text.as_str());
        match role {
            Role::Vendor => {
                self.library.vendor = keys(&text, &mut f).and_then(|keys| Vendor::parse(keys, &mut f));
            }
            Role::Scoring => {
                self.library.rules.scoring =
                    keys(&text, &mut f).and_then(|keys| Scoring::parse(keys, &mut f));
            }
            Role::Routing => {
                self.library.rules.routing =
                    keys(&text, &mut f).and_then(|keys| Routing::parse(keys, &mut f));
            }
            Role::Consent => {
                self.library.rules.consent =
                    keys(&text, &mut f).map(|keys| rules::consent(keys, &mut f)).unwrap_or_default();
            }
            Role::CalendarRules => {
                let rules = keys(&text, &mut f).map(|keys| CalendarRules::parse(keys, &mut f));
                self.library.rules.calendar = rules.unwrap_or_default();
            }
            Role::Frequency => {
                let rules = keys(&text, &mut f).map(|keys| FrequencyRules::parse(keys, &mut f));
                self.library.rules.frequency = rules.unwrap_or_default();
            }
            Role::Messages => {
                let rules = keys(&text, &mut f).map(|keys| MessageRules::parse(keys, &mut f));
                self.library.rules.messages = rules.unwrap_or_default();
            }
            Role::Engagement => {
                let rules = keys(&text, &mut f).map(|keys| EngagementRules::parse(keys, &mut f));
                self.library.rules.engagement = rules.unwrap_or_default();
            }
            Role::Attribution => {
                let rule = keys(&text, &mut f).map(|keys| AttributionRule::parse(keys, &mut f));
                self.library.rules.attribution = rule.unwrap_or_default();
            }
            Role::Calendar => {
                if std::str::from_utf8(&file.bytes).is_err() {
                    let fix = "export it anew, as UTF-8";
                    f.add(codes::NOT_UTF8, Place::START, "the calendar is not UTF-8 text", fix);
                }
                self.calendars.insert(file.path.clone(), ics::days(&text, &mut f));
            }
            Role::Licences => {
                let licences = keys(&text, &mut f).map(|keys| evidence::licences(keys, &mut f));
                self.library.licences = Some(licences.unwrap_or_default());
            }
            Role::Form(slug) => {
                let form = keys(&text, &mut f).and_then(|keys| LeadForm::parse(&slug, keys, &mut f));
                self.library.forms.extend(form.map(|form| (slug, form)));
            }
            Role::FieldMap(slug) => {
                self.library.field_maps.insert(slug, text.clone());
            }
            Role::Partners => self.partners = Some(roster_files::slugs(&text)),
            Role::Brand(partner) => {
                roster_files::brand(&text, &mut f);
                self.brands.insert(partner, file.path.clone());
            }
            Role::Logo(partner) => {
                self.logos.insert(partner);
            }
            Role::Stray(message, fix) => f.add(codes::STRAY_FILE, Place::START, message, fix),
            Role::Asset(..) | Role::Other => {}
        }
        f.finish()
    }
}

/// The keys of a TOML document; what keeps it from being read becomes findings.
pub fn keys(text: &str, findings: &mut Findings<'_>) -> Option<Keys> {
    match document::toml(text) {
        Ok(root) => Some(Keys::root(root, findings)),
        Err(faults) => {
            for fault in faults {
                findings.add(codes::BAD_SYNTAX, fault.place, fault.message, "mend the TOML");
            }
            None
        }
    }
}

/// A suggestion among partners.
pub(super) fn partner_fix(word: &str, partners: &BTreeSet<String>) -> String {
    did_you_mean(word, partners.iter().map(String::as_str))
}

/// Where the roster is, for messages.
pub(super) const ROSTER: &str = PARTNERS;
