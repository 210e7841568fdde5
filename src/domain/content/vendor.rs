//! vendor.toml: who publishes.

use std::collections::BTreeMap;

use super::{
    asset::{TITLE_CHARS_MAX, words},
    finding::{Findings, codes},
    image::{IMAGE_FIX, image_path},
    keys::{Found, Keys},
};
use crate::domain::{
    kernel::{EmailAddress, Locale},
    partner::{Region, Typeface, brand::Colour},
};

/// Contrast that text needs on its ground (WCAG 2.2 SC 1.4.3).
const CONTRAST_MIN: f64 = 4.5;

/// The vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vendor {
    /// Name as partners know it.
    pub name: String,
    /// Name in law.
    pub legal_name: String,
    /// Its site, https.
    pub website: String,
    /// Postal address in one line; commercial mail must carry it.
    pub postal_address: String,
    /// Language of files without locale.
    pub default_locale: Locale,
    /// Its own time zone.
    pub zone: chrono_tz::Tz,
    /// Path of its logo under the content folder.
    pub logo: String,
    /// Path of the one for dark grounds, where there is one.
    pub logo_dark: Option<String>,
    /// A few words under the name.
    pub tagline: String,
    /// Colour of header bands.
    pub primary: Colour,
    /// Colour of buttons and links.
    pub accent: Colour,
    /// Its typeface, which partners wear who chose none.
    pub typeface: Option<Typeface>,
    /// From whom mail comes, by name.
    pub senders: BTreeMap<String, Sender>,
    /// Who looks after partners, by region.
    pub channel_managers: Vec<ChannelManager>,
    /// Other people who may be named.
    pub staff: Vec<Staff>,
    /// Words that the vendor does not use, with what to do instead.
    pub avoid: Vec<(String, String)>,
    /// Whether links to others' sites in mails say where they stand (`utm_source` and the like).
    pub utm: bool,
}

impl Vendor {
    /// The channel manager for `region`.
    pub fn channel_manager(&self, region: Region) -> Option<&ChannelManager> {
        self.channel_managers.iter().find(|manager| manager.regions.contains(&region))
    }
}

/// From whom mail comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name shown.
    pub name: String,
    /// The From address.
    pub email: EmailAddress,
    /// Where answers go.
    pub reply_to: EmailAddress,
}

/// Who looks after partners of some regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelManager {
    /// Full name.
    pub name: String,
    /// Address.
    pub email: EmailAddress,
    /// Telephone.
    pub phone: String,
    /// Regions.
    pub regions: Vec<Region>,
    /// Their own time zone, where it is not the vendor's.
    pub zone: Option<chrono_tz::Tz>,
}

/// Somebody at the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Full name.
    pub name: String,
    /// What they do.
    pub title: String,
    /// Address; they sign in to the console by it.
    pub email: EmailAddress,
    /// What they may do there beside what everybody may who signs in.
    pub may: Vec<Duty>,
}

words! {
    /// What only some of the staff may do.
    Duty {
        /// Approve issues.
        Approve "approve",
    }
}

impl Vendor {
    /// The member of staff with this address, in whatever case.
    pub fn member(&self, address: &str) -> Option<&Staff> {
        self.staff.iter().find(|member| member.email.as_str().eq_ignore_ascii_case(address))
    }

    /// The channel manager with this address, in whatever case.
    pub fn manager_at(&self, address: &str) -> Option<&ChannelManager> {
        self.channel_managers.iter().find(|manager| manager.email.as_str().eq_ignore_ascii_case(address))
    }

    /// The zone of whoever of the vendor's people has this address.
    pub fn zone_of(&self, address: &str) -> chrono_tz::Tz {
        self.manager_at(address).and_then(|manager| manager.zone).unwrap_or(self.zone)
    }

    /// Reads the keys of vendor.toml; nothing when a required one is missing or wrong.
    pub(super) fn parse(mut keys: Keys, f: &mut Findings<'_>) -> Option<Self> {
        let mut line = |key, f: &mut Findings<'_>| keys.need(key, f).and_then(|v| v.line(f));
        let name = line("name", f);
        let legal_name = line("legal_name", f);
        let website = keys.need("website", f).and_then(|v| v.https(f));
        let postal_address = keys.need("postal_address", f).and_then(|v| v.line(f));
        let default_locale = keys.need("default_locale", f).and_then(|v| v.locale(f));
        let zone = keys.need("zone", f).and_then(|v| v.zone(f));
        let logo_dark = keys.get("logo_dark").and_then(|v| logo(v, f));
        let logo = keys.need("logo", f).and_then(|v| logo(v, f));
        let tagline = keys.need("tagline", f).and_then(|v| v.line_of(TITLE_CHARS_MAX, f));
        let brand = keys.need("brand", f).and_then(|v| brand(v, f));
        let senders = keys.need("sender", f).and_then(|v| v.map(f)).map(|keys| senders(keys, f));
        let managers = keys.need("channel_manager", f).map(|v| v.list(f)).unwrap_or_default();
        let staff = keys.get("staff").map(|v| v.list(f)).unwrap_or_default();
        let channel_managers = managers.into_iter().filter_map(|v| channel_manager(v, f)).collect();
        let avoid = keys.get("avoid").and_then(|v| v.map(f)).map(|keys| avoid(keys, f)).unwrap_or_default();
        let staff = staff.into_iter().filter_map(|v| person(v, f)).collect();
        let utm = keys.get("utm").and_then(|v| v.flag(f)).unwrap_or(true);
        keys.finish(f);
        let (primary, accent, typeface) = brand?;
        Some(Self {
            name: name?,
            legal_name: legal_name?,
            website: website?,
            postal_address: postal_address?,
            default_locale: default_locale?,
            zone: zone?,
            logo: logo?,
            logo_dark,
            tagline: tagline?,
            primary,
            accent,
            typeface,
            senders: senders?,
            channel_managers,
            staff,
            avoid,
            utm,
        })
    }
}

fn avoid(mut keys: Keys, f: &mut Findings<'_>) -> Vec<(String, String)> {
    let words = keys.rest().into_iter();
    words
        .filter_map(|(word, found)| Some((word, found.line(f)?)))
        .filter(|(word, _)| !word.trim().is_empty())
        .collect()
}

fn logo(found: Found, f: &mut Findings<'_>) -> Option<String> {
    let place = found.place();
    let path = found.line(f)?;
    match image_path(&path) {
        Ok(()) => Some(path),
        Err(why) => {
            f.add(codes::BAD_IMAGE, place, why, IMAGE_FIX);
            None
        }
    }
}

fn brand(found: Found, f: &mut Findings<'_>) -> Option<(Colour, Colour, Option<Typeface>)> {
    let mut keys = found.map(f)?;
    let primary = keys.need("primary", f).and_then(|v| colour(v, f));
    let accent = keys.need("accent", f).and_then(|v| colour(v, f));
    let typeface = keys.get("typeface").and_then(|v| v.choice(Typeface::WORDS, f));
    keys.finish(f);
    Some((primary?, accent?, typeface))
}

/// A colour that carries white text.
fn colour(found: Found, f: &mut Findings<'_>) -> Option<Colour> {
    let (key, place) = (found.key().to_owned(), found.place());
    let colour = found.colour(f)?;
    if colour.contrast(Colour::WHITE) < CONTRAST_MIN {
        let message = format!("white text on `{key}` is hard to read");
        let fix = format!("take a darker colour, such as {}", colour.legible_on_white());
        f.add(codes::LOW_CONTRAST, place, message, fix);
    }
    Some(colour)
}

fn senders(mut keys: Keys, f: &mut Findings<'_>) -> BTreeMap<String, Sender> {
    let mut senders = BTreeMap::new();
    for (name, found) in keys.rest() {
        if let Some(sender) = sender(found, f) {
            senders.insert(name, sender);
        }
    }
    senders
}

fn sender(found: Found, f: &mut Findings<'_>) -> Option<Sender> {
    let mut keys = found.map(f)?;
    let name = keys.need("name", f).and_then(|v| v.line(f));
    let email = keys.need("email", f).and_then(|v| v.email(f));
    let reply_to = keys.need("reply_to", f).and_then(|v| v.email(f));
    keys.finish(f);
    Some(Sender { name: name?, email: email?, reply_to: reply_to? })
}

fn channel_manager(found: Found, f: &mut Findings<'_>) -> Option<ChannelManager> {
    let mut keys = found.map(f)?;
    let name = keys.need("name", f).and_then(|v| v.line(f));
    let email = keys.need("email", f).and_then(|v| v.email(f));
    let phone = keys.need("phone", f).and_then(|v| v.line(f));
    let regions = keys.need("regions", f).map(|v| v.choices(Region::WORDS, f)).unwrap_or_default();
    let zone = keys.get("zone").and_then(|v| v.zone(f));
    keys.finish(f);
    Some(ChannelManager { name: name?, email: email?, phone: phone?, regions, zone })
}

fn person(found: Found, f: &mut Findings<'_>) -> Option<Staff> {
    let mut keys = found.map(f)?;
    let name = keys.need("name", f).and_then(|v| v.line(f));
    let title = keys.need("title", f).and_then(|v| v.line(f));
    let email = keys.need("email", f).and_then(|v| v.email(f));
    let may = keys.get("may").map(|v| v.choices(Duty::WORDS, f)).unwrap_or_default();
    keys.finish(f);
    Some(Staff { name: name?, title: title?, email: email?, may })
}

#[cfg(test)]
mod tests {
    use crate::domain::content::{
        Library,
        tests::{VENDOR, file, folder, ids, one, with},
    };

    #[test]
    fn a_typeface_is_one_of_the_set_for_the_vendor_and_for_partners() {
        let vendor = |word: &str| {
            with("vendor.toml", VENDOR.replace("[brand]", &format!("[brand]\ntypeface = \"{word}\"")))
        };
        assert_eq!(ids(&vendor("literata")), [""; 0]);
        assert_eq!(one(&vendor("literate"), "C106", 11, 12).fix, "did you mean `literata`?");
        let brand = "primary = \"#123456\"\naccent = \"#123456\"\ntypeface = \"Zilla Slab\"\n";
        let finding = one(&with("roster/brands/northlight/brand.toml", brand), "C106", 3, 12);
        assert!(finding.fix.starts_with("did you mean `zilla-slab`?"), "{finding}");
    }

    #[test]
    fn a_logo_for_dark_grounds_lies_beside_the_other_one() {
        let dark = VENDOR.replace("logo =", "logo_dark = \"images/night.png\"\nlogo =");
        assert!(one(&with("vendor.toml", &dark), "C502", 1, 1).message.contains("`images/night.png`"));
        assert_eq!(ids(&with("roster/brands/northlight/logo-dark.png", "png")), [""; 0]);
        let finding = one(&with("roster/brands/northlight/logo_dark.png", "png"), "C504", 1, 1);
        assert_eq!(finding.fix, "did you mean `logo-dark.png`?");
        let mut alone = folder();
        alone.retain(|file| file.path != "roster/brands/northlight/logo.png");
        alone.push(file("roster/brands/northlight/logo-dark.svg", "<svg/>"));
        let finding = one(&Library::build(alone).1, "C509", 1, 1);
        assert!(finding.message.contains("for dark grounds alone, which is not used"), "{finding}");
    }
}
