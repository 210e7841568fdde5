//! Every asset for every partner of the roster and every role: what each would get, and what goes wrong on the way.
//! A rehearsal of freezing and of bundles, before anything is published; it reads no disk and stores nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    cobrand::{CoBrand, Media, no_content},
    compose::{self, Mailing, Readers},
};
use crate::{
    domain::{
        content::{
            Asset, Detail, Finding, Library, Missing, Reader,
            finding::{Code, Findings, Place, codes, listed},
            kinds::{Letter, People, Sequence, Social},
            merge,
            style::SUBJECT_CHARS_SHOWN,
            text::{Plain, plain_text},
        },
        kernel::Result,
        partner::{AudienceRole, Partner, Roles},
        program::{AudienceRule, subject_test::Arm, touch::Withheld},
    },
    render::{Templates, email::HTML_BYTES_WARN},
};

/// Longest word of a name that fits a phone beside nothing else, in characters people see.
const NAME_WORD_MAX: usize = 22;

/// What a partner gets of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// It is not for them.
    NotTheirs,
    /// They cannot have it yet: a zone that it wants of them has no text.
    Lacking,
    /// So many variants were rendered, for different roles.
    Rendered(usize),
    /// It cannot be rendered for them.
    Faulty,
}

/// An asset and what each partner gets of it, in the order of [`Matrix::partners`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The asset.
    pub reference: String,
    /// A cell a partner.
    pub cells: Vec<Cell>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The partners' slugs, as the roster orders them.
    pub partners: Vec<String>,
    /// By reference.
    pub rows: Vec<Row>,
    /// What went wrong, by file.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Puts every asset of `library` together for every one of `partners`, whose images are `media`, and renders each issue
/// and message for every role.
///
/// # Errors
/// There is no vendor.toml.
pub fn matrix(
    templates: &Templates,
    library: &Library,
    media: &Media,
    partners: &[Partner],
) -> Result<Matrix> {
    library.vendor.as_ref().ok_or_else(no_content)?;
    let mut all = Matrix {
        partners: partners.iter().map(|partner| partner.slug.to_string()).collect(),
        rows: Vec::new(),
        findings: partners.iter().filter_map(wide_name).collect(),
    };
    let originals = library.assets.iter().filter(|asset| asset.locale.is_none());
    for original in originals.filter(|asset| asset.detail.series().is_none()) {
        let (row, findings) = row(templates, library, media, partners, original);
        all.findings.extend(findings);
        all.rows.push(row);
    }
    all.findings.sort();
    Ok(all)
}

/// The row of the asset `original`, and what went wrong with it.
pub fn row(
    templates: &Templates,
    library: &Library,
    media: &Media,
    partners: &[Partner],
    original: &Asset,
) -> (Row, Vec<Finding>) {
    let mut tried = Tried { templates, library, media, faults: BTreeMap::new() };
    let cells = partners.iter().map(|partner| tried.cell(original, partner)).collect();
    (Row { reference: original.reference.clone(), cells }, tried.findings(library))
}

/// A name whose longest word is wider than a phone.
fn wide_name(partner: &Partner) -> Option<Finding> {
    let widest = partner.name.split_whitespace().max_by_key(|word| word.graphemes(true).count())?;
    if widest.graphemes(true).count() <= NAME_WORD_MAX {
        return None;
    }
    let mut f = Findings::new("roster/partners.csv", "");
    f.add(
        codes::NAME_TOO_WIDE,
        Place::START,
        format!("`{widest}` in the name of {} is wider than a phone's page", partner.slug),
        "write the short form of the name that they use themselves, or a soft hyphen where it may break",
    );
    f.finish().pop()
}

/// What went wrong with an asset: path, the words that stand at the place, code, message, fix; and for whom.
type Faults = BTreeMap<(String, String, &'static str, String, &'static str), BTreeSet<String>>;

/// One asset, tried for everybody.
struct Tried<'t> {
    templates: &'t Templates,
    library: &'t Library,
    media: &'t Media,
    faults: Faults,
}

impl Tried<'_> {
    fn fault(
        &mut self,
        (asset, at): (&Asset, &str),
        code: Code,
        message: String,
        fix: &'static str,
        partner: &Partner,
    ) {
        let key = (asset.path.clone(), at.to_owned(), code.id, message, fix);
        self.faults.entry(key).or_default().insert(partner.slug.to_string());
    }

    fn cell(&mut self, original: &Asset, partner: &Partner) -> Cell {
        let (library, media, locale) = (self.library, self.media, &partner.locale);
        let asset = library.find(&original.reference, locale).unwrap_or(original);
        let reader = Reader::insider(partner, locale);
        if !asset.front.selection.concerns(&reader) {
            return Cell::NotTheirs;
        }
        if !asset.body.missing_zones(&asset.reference, &reader).is_empty() {
            return Cell::Lacking;
        }
        let Ok(brand) = CoBrand::new(library, media, partner, locale, "https://partners.example") else {
            return Cell::Faulty;
        };
        let missing = self.missing(asset, &brand, &reader);
        if !missing.is_empty() {
            for one in missing {
                let fix = "add a default, or the value to their brand profiles";
                self.fault((asset, one.field.as_str()), codes::NO_VALUE, one.to_string(), fix, partner);
            }
            return Cell::Faulty;
        }
        match &asset.detail {
            Detail::Issue(_) | Detail::Message(_) => self.letter(original, asset, partner),
            Detail::Social(post) => self.posts(asset, post, &brand, &reader),
            // Its texts are put together above; there is nothing else that could go wrong with a page.
            _ => Cell::Rendered(1),
        }
    }

    /// Every field in texts of this partner's that has neither value nor default.
    fn missing(&self, asset: &Asset, brand: &CoBrand<'_>, reader: &Reader<'_>) -> BTreeSet<Missing> {
        let mut missing = BTreeSet::new();
        let mut lines = vec![&asset.front.title];
        lines.extend(&asset.front.summary);
        if let Some(letter) = asset.detail.letter() {
            lines.extend([letter.subject, letter.preheader]);
        }
        for line in lines {
            missing.extend(line.merge(&|field| brand.value_or_name(field)).err().unwrap_or_default());
        }
        let body = merge(&asset.text_for(reader), &|field| brand.value_or_name(field));
        missing.extend(body.err().unwrap_or_default());
        missing
    }

    /// The mail for each role in the audience; leads have none.
    fn letter(&mut self, original: &Asset, asset: &Asset, partner: &Partner) -> Cell {
        let Some(mailing) = Mailing::of(self.library, self.media, original) else { return Cell::Faulty };
        let Some(letter) = asset.detail.letter() else { return Cell::Faulty };
        let rule = rule_of(mailing.series);
        if !rule.admits(partner) {
            return Cell::NotTheirs;
        }
        let mut rendered = 0;
        for roles in readers_of(mailing.series, &rule) {
            let reader = Reader { roles, partner, locale: &partner.locale };
            if !mailing.has_content_for(&reader, Withheld::NOTHING) {
                continue;
            }
            let arms: &[Arm] = if letter.subject_b.is_some() { &[Arm::A, Arm::B] } else { &[Arm::A] };
            let largest = arms.iter().try_fold(0, |largest, arm| {
                let readers = Readers {
                    partner,
                    roles,
                    locale: &partner.locale,
                    arm: *arm,
                    withheld: Withheld::NOTHING,
                };
                compose::mail(self.templates, &mailing, readers).map(|(mail, _)| mail.html.len().max(largest))
            });
            match largest {
                Ok(bytes) => {
                    rendered += 1;
                    self.size(asset, bytes, partner);
                }
                Err(error) => {
                    let fix = "mend what it says; it would not be sent as it is";
                    self.fault(
                        (asset, "subject:"),
                        codes::NOT_RENDERED,
                        error.public().to_owned(),
                        fix,
                        partner,
                    );
                    return Cell::Faulty;
                }
            }
        }
        self.subject(asset, letter, partner);
        if rendered == 0 { Cell::NotTheirs } else { Cell::Rendered(rendered) }
    }

    fn size(&mut self, asset: &Asset, bytes: usize, partner: &Partner) {
        if bytes > HTML_BYTES_WARN {
            let message =
                format!("the mail has more than {} kB, and is shown cut off", HTML_BYTES_WARN / 1_000);
            let fix = "shorten its blocks, or feature less";
            self.fault((asset, "subject:"), codes::MAIL_TOO_LARGE, message, fix, partner);
        }
    }

    /// A subject that is short enough for most may outgrow its place with a long name.
    fn subject(&mut self, asset: &Asset, letter: Letter<'_>, partner: &Partner) {
        let Ok(brand) = CoBrand::new(self.library, self.media, partner, &partner.locale, "") else { return };
        let Ok(subject) = letter.subject.merge_text(&|field| brand.value(field)) else { return };
        let chars = subject.chars().count();
        if letter.subject.fields().next().is_some() && chars > SUBJECT_CHARS_SHOWN {
            let message = format!(
                "with their names the subject is longer than the {SUBJECT_CHARS_SHOWN} characters that telephones show"
            );
            let fix = "say first what matters, and put the name last or leave it out";
            self.fault((asset, "subject:"), codes::LONG_SUBJECT, message, fix, partner);
        }
    }

    fn posts(&mut self, asset: &Asset, post: &Social, brand: &CoBrand<'_>, reader: &Reader<'_>) -> Cell {
        let nodes = merge(&asset.text_for(reader), &|field| brand.value_or_name(field)).unwrap_or_default();
        let body = plain_text(&nodes, &Plain { url: &|_| None, field: &|_| String::new() });
        let mut fits = true;
        for network in &post.networks {
            let own = post.text_for(*network).and_then(|text| brand.text(text).ok());
            let length = network.length(own.as_deref().unwrap_or(&body).trim());
            if length > network.length_max() - network.link_length() {
                fits = false;
                let message = format!("with their names the post is longer than {} takes", network.as_str());
                let fix = "shorten it, or give the network a text of its own in `text_for`";
                self.fault((asset, network.as_str()), codes::POST_TOO_LONG, message, fix, brand.partner);
            }
        }
        if fits { Cell::Rendered(post.networks.len()) } else { Cell::Faulty }
    }

    /// A finding a fault, with everybody it happened to.
    fn findings(self, library: &Library) -> Vec<Finding> {
        let mut all = Vec::new();
        for ((path, at, id, message, fix), slugs) in self.faults {
            let Some(code) = codes::CODES.iter().find(|code| code.id == id) else { continue };
            let asset = library.assets.iter().find(|asset| asset.path == path);
            let source = asset.map_or("", |asset| asset.source.as_str());
            let mut f = Findings::new(&path, source);
            let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
            f.add_at(*code, source.find(&at).unwrap_or(0), format!("for {}: {message}", listed(&slugs)), fix);
            all.extend(f.finish());
        }
        all
    }
}

/// Whom a series is for.
fn rule_of(series: &Asset) -> AudienceRule {
    match &series.detail {
        Detail::Newsletter(newsletter) => AudienceRule::from(&newsletter.audience),
        Detail::Sequence(sequence) => AudienceRule::from(&sequence.audience),
        _ => AudienceRule::default(),
    }
}

/// One reader of each role that `rule` names, or the one lead for whom a sequence is.
fn readers_of(series: &Asset, rule: &AudienceRule) -> Vec<Option<Roles>> {
    if matches!(&series.detail, Detail::Sequence(Sequence { who: Some(People::Leads), .. })) {
        return vec![None];
    }
    let roles = AudienceRole::ALL.into_iter();
    let admitted = roles.filter(|role| rule.roles.is_empty() || rule.roles.contains(*role));
    admitted.map(|role| Some([role].into_iter().collect())).collect()
}

#[cfg(test)]
#[path = "matrix_tests.rs"]
mod tests;
