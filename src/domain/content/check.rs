//! What can be checked only when all files are read.

mod forms;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    asset::{Asset, AssetKind, Zone},
    evidence::LICENCES,
    finding::{Code, Finding, Findings, Place, codes, did_you_mean, suggestion},
    keys::Reference,
    kinds::{Detail, Issue, People, Sequence, Webinar},
    library::{Library, ROSTER, VENDOR, partner_fix},
    rules::messages::MESSAGES,
    selection::{Condition, Test},
    style,
    tree::Target,
};
use crate::domain::partner::{AudienceRole, Roles};

/// How many dangling references get a suggestion: each is compared with all that exist.
const SUGGESTIONS_MAX: usize = 100;

/// What the checks need besides the library.
pub(super) struct Whole<'w> {
    /// Every file's path.
    pub(super) paths: HashSet<&'w str>,
    /// The partners' slugs; nothing when the folder has no roster.
    pub(super) partners: Option<&'w BTreeSet<String>>,
    /// Brand files by partner.
    pub(super) brands: &'w BTreeMap<String, String>,
    /// Partners with a logo.
    pub(super) logos: &'w BTreeSet<String>,
}

/// Checks everything that takes more than one file.
pub(super) fn whole(library: &Library, whole: &Whole<'_>) -> Vec<Finding> {
    let originals: HashMap<&str, AssetKind> = library
        .assets
        .iter()
        .filter(|asset| asset.locale.is_none())
        .map(|asset| (asset.reference.as_str(), asset.kind()))
        .collect();
    let mut check = Check { library, whole, originals, suggestions_left: SUGGESTIONS_MAX };
    let mut all = Vec::new();
    for (at, asset) in library.assets.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &*library.assets[before]);
        all.extend(check.asset(asset, before));
    }
    all.extend(style::forms(library));
    all.extend(style::promotion(library));
    all.extend(check.licences());
    all.extend(check.brands());
    all.extend(check.vendor());
    all.extend(check.rules());
    all.extend(check.forms());
    all
}

struct Check<'c> {
    library: &'c Library,
    whole: &'c Whole<'c>,
    originals: HashMap<&'c str, AssetKind>,
    suggestions_left: usize,
}

impl Check<'_> {
    fn asset(&mut self, asset: &Asset, before: Option<&Asset>) -> Vec<Finding> {
        let mut f = Findings::new(&asset.path, asset.source.as_str());
        if before.is_some_and(|b| b.reference == asset.reference && b.locale == asset.locale) {
            let message = format!("`{}` stands in another file too", asset.reference);
            f.add(codes::DUPLICATE_REFERENCE, Place::START, message, "rename or remove one of them");
        }
        self.translation(asset, &mut f);
        zones(asset, &mut f);
        style::asset(asset, self.library.vendor.as_ref(), &mut f);
        self.key_message(asset, &mut f);
        self.lead_form(asset, &mut f);
        for (reference, kinds) in asset.detail.references() {
            self.reference(reference.as_str(), || reference.place, kinds, &mut f);
        }
        for target in asset.body.links() {
            if let Target::Asset(reference) = target {
                let at = || place_of(asset, &format!("asset:{reference}"));
                self.reference(reference, at, &[], &mut f);
            }
        }
        let image = asset.front.image.as_ref().map(|image| image.path.as_str());
        for path in asset.body.images().into_iter().chain(image) {
            self.image(path, || place_of(asset, path), &mut f);
        }
        for partner in asset.detail.partners() {
            self.partner(partner, &mut f);
        }
        self.sender(asset, &mut f);
        match &asset.detail {
            Detail::Sequence(sequence) => self.sequence(asset, sequence, &mut f),
            Detail::Message(_) => self.message(asset, &mut f),
            Detail::Issue(issue) => self.issue(asset, issue, &mut f),
            Detail::Webinar(webinar) => session(asset, webinar, &mut f),
            _ => {}
        }
        f.finish()
    }

    fn translation(&self, asset: &Asset, f: &mut Findings<'_>) {
        let Some(locale) = &asset.locale else { return };
        if !self.originals.contains_key(asset.reference.as_str()) {
            let fix = format!("add {}.md, or rename this file to it", asset.reference);
            f.add(
                codes::NO_ORIGINAL,
                Place::START,
                format!("this translates `{}`, which does not exist", asset.reference),
                fix,
            );
        } else if self.library.vendor.as_ref().is_some_and(|vendor| vendor.default_locale == *locale) {
            let message = format!("`{locale}` is the language of files without locale, and there is one");
            f.add(codes::DUPLICATE_REFERENCE, Place::START, message, "remove one of the two");
        }
    }

    fn reference(&mut self, name: &str, at: impl Fn() -> Place, kinds: &[AssetKind], f: &mut Findings<'_>) {
        match self.originals.get(name) {
            None => {
                let fix = self.reference_fix(name);
                f.add(codes::DANGLING_REFERENCE, at(), format!("there is no asset `{name}`"), fix);
            }
            Some(kind) if !kinds.is_empty() && !kinds.contains(kind) => {
                let wanted = kinds.first().map_or("", |kind| kind.as_str());
                let message = format!("`{name}` is a {}, and a {wanted} is wanted", kind.as_str());
                f.add(codes::WRONG_REFERENCE, at(), message, format!("name a {wanted}"));
            }
            Some(_) => {}
        }
    }

    /// Whether there is still time to compare a name with all that exist.
    fn may_suggest(&mut self) -> bool {
        let left = self.suggestions_left;
        self.suggestions_left = left.saturating_sub(1);
        left > 0
    }

    fn reference_fix(&mut self, name: &str) -> String {
        // The file's name with its ending is the commonest slip.
        let bare = name.trim_end_matches(".md");
        let meant = if self.may_suggest() { suggestion(bare, self.originals.keys().copied()) } else { None };
        match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "add it, or name one that exists, by its path without locale and `.md`".to_owned(),
        }
    }

    fn image(&mut self, path: &str, at: impl Fn() -> Place, f: &mut Findings<'_>) {
        if !self.whole.paths.contains(path) {
            let images =
                self.whole.paths.iter().copied().filter(|p| p.starts_with("images/") && p.ends_with(".png"));
            let meant = if self.suggestions_left > 0 { suggestion(path, images) } else { None };
            self.suggestions_left = self.suggestions_left.saturating_sub(1);
            let fix = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add it, or name one that exists".to_owned(),
            };
            f.add(codes::MISSING_IMAGE, at(), format!("there is no image `{path}`"), fix);
        }
    }

    /// Images that are used and nobody says that they may be, and licences of images that are not there.
    fn licences(&self) -> Vec<Finding> {
        let library = self.library;
        let mut used: BTreeMap<&str, &Asset> = BTreeMap::new();
        for asset in &library.assets {
            let image = asset.front.image.as_ref().map(|image| image.path.as_str());
            for path in asset.body.images().into_iter().chain(image) {
                used.entry(path).or_insert(asset);
            }
        }
        let licences = library.licences.as_ref();
        let mut all = Vec::new();
        if let (None, Some(first)) = (licences, used.keys().find(|path| self.whole.paths.contains(*path))) {
            let message = format!("nothing says that images may be used, such as `{first}`");
            let fix = "add the file, with a table for each image and its `licence`, also for your own work";
            all.extend(single(LICENCES, codes::UNLICENSED_IMAGE, message, fix.to_owned()));
            return all;
        }
        for (path, asset) in &used {
            if self.whole.paths.contains(*path) && licences.is_some_and(|known| !known.contains_key(*path)) {
                let name = path.strip_prefix("images/").unwrap_or(path);
                let mut f = Findings::new(&asset.path, "");
                f.add(
                    codes::UNLICENSED_IMAGE,
                    place_of(asset, path),
                    format!("nothing says that `{path}` may be used"),
                    format!("add [\"{name}\"] with `licence` to {LICENCES}, also for your own work"),
                );
                all.extend(f.finish());
            }
        }
        let logo = library.vendor.as_ref().map(|vendor| vendor.logo.as_str());
        for (path, licence) in licences.into_iter().flatten() {
            // One that is used and not there is told about where it is used.
            let is_told = |path: &str| used.contains_key(path) || logo == Some(path);
            if !self.whole.paths.contains(path.as_str()) && !is_told(path) {
                let mut f = Findings::new(LICENCES, "");
                let fix = "correct the name, or remove the table";
                f.add(codes::MISSING_IMAGE, licence.place, format!("there is no image `{path}`"), fix);
                all.extend(f.finish());
            }
        }
        all
    }

    fn partner(&self, partner: &Reference, f: &mut Findings<'_>) {
        let Some(partners) = self.whole.partners else { return };
        let slug = partner.as_str();
        if !partners.contains(slug) {
            let message = format!("there is no partner `{slug}` in {ROSTER}");
            f.add(codes::UNKNOWN_PARTNER, partner.place, message, partner_fix(slug, partners));
        }
    }

    /// A key message that the rules do not name.
    fn key_message(&self, asset: &Asset, f: &mut Findings<'_>) {
        let known = &self.library.rules.messages.messages;
        let Some(named) = &asset.front.key_message else { return };
        if known.is_empty() || known.iter().any(|message| message.slug == *named) {
            return;
        }
        let message = format!("{MESSAGES} has no message `{named}`");
        let fix = did_you_mean(named.as_str(), known.iter().map(|message| message.slug.as_str()));
        f.add(codes::UNKNOWN_MESSAGE, place_of(asset, "key_message:"), message, fix);
    }

    fn sender(&self, asset: &Asset, f: &mut Findings<'_>) {
        let sender = asset.detail.series().and_then(|series| series.sender);
        let (Some(vendor), Some(sender)) = (&self.library.vendor, sender) else { return };
        if !vendor.senders.contains_key(sender.as_str()) {
            let message = format!("there is no [sender.{}] in {VENDOR}", sender.as_str());
            let fix = did_you_mean(sender.as_str(), vendor.senders.keys().map(String::as_str));
            f.add(codes::UNKNOWN_SENDER, sender.place, message, fix);
        }
    }

    fn issue(&mut self, asset: &Asset, issue: &Issue, f: &mut Findings<'_>) {
        let Some(newsletter) = &issue.newsletter else { return };
        let reference = format!("newsletters/{}", newsletter.as_str());
        self.reference(&reference, || newsletter.place, &[AssetKind::Newsletter], f);
        let expected = format!("{reference}/{}", issue.date.format("%Y-%m-%d"));
        // That a date cannot be read, or is missing, is said once.
        if issue.has_date() && asset.reference != expected {
            let message =
                format!("newsletter and date say `{expected}`, and the file is `{}`", asset.reference);
            f.add(codes::DATE_NOT_NAME, newsletter.place, message, "correct the keys or move the file");
        }
        let series = self.library.versions(&reference).first();
        let Some(Detail::Newsletter(found)) = series.map(|asset| &asset.detail) else {
            return;
        };
        let audience = if found.audience.roles.is_empty() { Roles::ALL } else { found.audience.roles };
        let covered = asset.body.roles_covered();
        let without: Vec<AudienceRole> = audience.iter().filter(|role| !covered.contains(*role)).collect();
        for role in without {
            let message = format!("the issue has no block for {role}, who are in the audience");
            let fix = format!("add a block `::: {role}`, or take the role out of the audience");
            f.add(codes::ROLE_WITHOUT_CONTENT, Place::START, message, fix);
        }
    }

    /// What the whole folder has to say about a sequence; translations say nothing of its course.
    fn sequence(&mut self, asset: &Asset, sequence: &Sequence, f: &mut Findings<'_>) {
        if asset.locale.is_some() {
            return;
        }
        let slug = asset.slug();
        if ["all", "forms"].contains(&slug)
            || self.originals.contains_key(format!("newsletters/{slug}").as_str())
        {
            let message = format!("`{slug}` is something else that readers can stop");
            f.add(
                codes::NAME_TAKEN,
                Place::START,
                message,
                "rename the sequence, and the folder of its messages",
            );
        }
        let purposes: BTreeSet<&str> =
            self.library.rules.consent.iter().map(|text| text.purpose.as_str()).collect();
        if sequence.who == Some(People::Leads)
            && !purposes.is_empty()
            && !purposes.contains(sequence.purpose())
        {
            let place = sequence.consent.as_ref().map_or(Place::START, |consent| consent.place);
            let message =
                format!("no form asks for the consent `{}`, so nobody could enter", sequence.purpose());
            f.add(codes::NO_CONSENT, place, message, did_you_mean(sequence.purpose(), purposes));
        }
        for step in &sequence.steps {
            let message = format!("{}/{}", asset.reference, step.id);
            if !self.originals.contains_key(message.as_str()) {
                let fix = format!("add {message}.md; `partnercast new message {slug}/{}` begins it", step.id);
                f.add(
                    codes::NO_MESSAGE,
                    step.place,
                    format!("nothing is written for the step `{}`", step.id),
                    fix,
                );
            }
        }
        let Some(then) = &sequence.then else { return };
        let next = format!("sequences/{}", then.as_str());
        self.reference(&next, || then.place, &[AssetKind::Sequence], f);
        if let Some((_, other)) = self.library.sequence(then.as_str())
            && other.who.is_some()
            && sequence.who.is_some()
            && other.who != sequence.who
        {
            let message = format!("`{}` is for other people", then.as_str());
            f.add(codes::WRONG_PEOPLE, then.place, message, "go on with a sequence for the same people");
        }
        if let Some(way) = self.way_back(slug, sequence) {
            let message = format!("whoever finishes it comes back to it: {}", way.join(", then "));
            f.add(codes::SEQUENCE_LOOP, then.place, message, "remove `then` from one of them");
        }
    }

    /// The sequences from `slug` back to itself, if they lead there.
    fn way_back<'s>(&'s self, slug: &'s str, from: &'s Sequence) -> Option<Vec<&'s str>> {
        let (mut way, mut at) = (vec![slug], from);
        while let Some(next) = &at.then {
            let next = next.as_str();
            if next == slug {
                way.push(slug);
                return Some(way);
            }
            // One that others lead round in is told about there.
            if way.contains(&next) {
                return None;
            }
            way.push(next);
            at = self.library.sequence(next)?.1;
        }
        None
    }

    fn message(&self, asset: &Asset, f: &mut Findings<'_>) {
        let Some((folder, step)) = asset.reference.rsplit_once('/') else { return };
        let slug = folder.strip_prefix("sequences/").unwrap_or(folder);
        if self.library.sequence(slug).is_some_and(|(_, sequence)| sequence.who == Some(People::Leads)) {
            Self::blocks_for_leads(asset, f);
        }
        if asset.locale.is_some() {
            return;
        }
        let Some((_, sequence)) = self.library.sequence(slug) else {
            let message = format!("there is no sequence `{slug}`");
            f.add(codes::STRAY_MESSAGE, Place::START, message, format!("add {folder}.md, or move the file"));
            return;
        };
        if sequence.step(step).is_none() {
            let message = format!("no step of `{slug}` is called `{step}`");
            let fix = match suggestion(step, sequence.steps.iter().map(|step| step.id.as_str())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("add the step to {folder}.md, or remove the file"),
            };
            f.add(codes::STRAY_MESSAGE, Place::START, message, fix);
        }
    }

    /// Leads do nothing at a partner: a block for a role reaches none of them.
    fn blocks_for_leads(asset: &Asset, f: &mut Findings<'_>) {
        for section in &asset.body.sections {
            let names_role = |condition: &Condition| matches!(condition.test, Test::Role(_));
            if section.selection.conditions.iter().any(names_role) {
                let place = Place { line: section.line.saturating_sub(1).max(1), column: 1 };
                let message = "no lead reads a block for a role at the partner";
                f.add(codes::WRONG_PEOPLE, place, message, "take the role out of its conditions");
            }
        }
    }

    fn brands(&self) -> Vec<Finding> {
        let Some(partners) = self.whole.partners else { return Vec::new() };
        let mut all = Vec::new();
        for partner in partners.iter().filter(|partner| !self.whole.logos.contains(*partner)) {
            // One that cannot be drawn has a finding of its own.
            if self.whole.paths.contains(format!("roster/brands/{partner}/logo.svg").as_str()) {
                continue;
            }
            let path = format!("roster/brands/{partner}/logo.png");
            let dark = ["png", "svg"].map(|ending| format!("roster/brands/{partner}/logo-dark.{ending}"));
            let which = if dark.iter().any(|path| self.whole.paths.contains(path.as_str())) {
                "has a logo for dark grounds alone, which is not used"
            } else {
                "has no logo"
            };
            let message = format!("`{partner}` {which}; its name is set in type instead");
            all.extend(single(&path, codes::NO_LOGO, message, "add the file, or leave it so".to_owned()));
        }
        for (partner, path) in self.whole.brands.iter().filter(|(partner, _)| !partners.contains(*partner)) {
            let message = format!("there is no partner `{partner}` in {ROSTER}");
            all.extend(single(path, codes::UNKNOWN_PARTNER, message, partner_fix(partner, partners)));
        }
        all
    }

    fn vendor(&mut self) -> Vec<Finding> {
        let mut f = Findings::new(VENDOR, "");
        let library = self.library;
        if let Some(vendor) = &library.vendor {
            for logo in [Some(&vendor.logo), vendor.logo_dark.as_ref()].into_iter().flatten() {
                self.image(logo, || Place::START, &mut f);
            }
        }
        f.finish()
    }
}

/// A session whose page nobody finds before it is over; with a recording there is something to see then, too.
fn session(asset: &Asset, webinar: &Webinar, f: &mut Findings<'_>) {
    let Some(publish) = asset.front.publish.filter(|publish| webinar.start.date() < *publish) else { return };
    if webinar.has_start() && webinar.recording.is_none() {
        let message = format!(
            "the session is on {}, and nobody finds its page before {publish}",
            webinar.start.format("%Y-%m-%d")
        );
        let fix = "publish it sooner, correct `start`, or add its `recording`";
        f.add(codes::SEEN_TOO_LATE, place_of(asset, "publish:"), message, fix);
    }
}

/// Zones that stand in the text and are not listed, and the other way round.
fn zones(asset: &Asset, f: &mut Findings<'_>) {
    let blocks = || asset.body.sections.iter().filter_map(|section| Some((section.zone?.zone, section.line)));
    for (zone, line) in blocks().filter(|(zone, _)| !asset.front.zones.contains(zone)) {
        let place = Place { line: line.saturating_sub(1).max(1), column: 1 };
        let fix = format!("add {} to `zones`, so that everybody sees what partners may vary", zone.as_str());
        f.add(codes::ZONE_NOT_LISTED, place, format!("`{}` is not listed", zone.as_str()), fix);
    }
    // The other zones are shown around the text, on every page and in every mail.
    for zone in [Zone::Intro, Zone::LocalExample] {
        if asset.front.zones.contains(&zone) && !blocks().any(|(used, _)| used == zone) {
            let message = format!("`{}` is listed, and the text has no place for it", zone.as_str());
            let fix = format!("add a block `::: zone {}`, or take it out of `zones`", zone.as_str());
            f.add(codes::ZONE_UNUSED, Place::START, message, fix);
        }
    }
}

fn single(path: &str, code: Code, message: String, fix: String) -> Vec<Finding> {
    let mut f = Findings::new(path, "");
    f.add(code, Place::START, message, fix);
    f.finish()
}

/// Where `needle` stands in the asset's file, else its start.
fn place_of(asset: &Asset, needle: &str) -> Place {
    asset.source.find(needle).map_or(Place::START, |at| Place::of(&asset.source, at))
}
