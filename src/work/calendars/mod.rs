//! Calendars that people subscribe to: a newsletter's dates for a partner's readers, all that comes from a partner, or a
//! newsletter's dates for the vendor's own people. Nothing is stored for them, and looking at one changes nothing.

mod changes;
mod dates;
mod gone;
pub mod month;
mod readers;
mod sessions;

use chrono_tz::{TZ_VARIANTS, Tz};

use self::{
    dates::{Ask, Window},
    gone::Gone,
    readers::Readers,
};
pub use self::{
    dates::{Date, State},
    sessions::{cancelled, entry, session},
};
use super::{context::Context, kept, promised::Letter, tokens::CalendarToken};
use crate::{
    domain::{
        content::{Asset, Library, kinds::Newsletter},
        kernel::{
            Locale, Result,
            clock::{DAY_MS, UtcMs},
        },
        partner::Partner,
        program::{AudienceRule, Cadence},
    },
    render::calendar::Entry,
    store::partners,
};

/// How far back a calendar goes.
const BACK_MS: i64 = 60 * DAY_MS;
/// How far ahead.
const AHEAD_MS: i64 = 400 * DAY_MS;
/// Dates ahead of each newsletter at most.
const AHEAD_MAX: usize = 60;

/// A calendar.
pub struct Calendar {
    /// The partner whose readers it is for; none for the vendor's own people.
    pub partner: Option<Partner>,
    /// The readers' zone, or the vendor's.
    pub zone: Tz,
    /// Its language.
    pub locale: Locale,
    /// Whether it is about one newsletter and nothing else.
    pub is_one: bool,
    /// The newsletters, in their order.
    pub newsletters: Vec<Series>,
    /// The webinars.
    pub sessions: Vec<Entry>,
}

/// A newsletter in a calendar.
pub struct Series {
    /// Its slug.
    pub slug: String,
    /// Its title as authored.
    pub title: String,
    /// When it comes; none for a cadence that nobody can read.
    pub cadence: Option<Cadence>,
    /// Whose time that is, where it is neither the calendar's nor each reader's own.
    pub zone: Option<Tz>,
    /// How its last promises to these readers were kept.
    pub kept: kept::Lately,
    /// Its dates, in order of time.
    pub dates: Vec<Date>,
}

/// What a link leads to.
pub enum Opened {
    /// A calendar.
    Calendar(Box<Calendar>),
    /// What it showed is no longer there; the partner whose readers it was for may be.
    Gone(Option<Box<Partner>>),
}

/// The link of a calendar of `newsletter`, or of all that `partner` has for its readers in `zone`: its path, to which
/// `.ics` or `.json` may be added.
pub fn path(ctx: &Context, newsletter: Option<&str>, partner: Option<(&str, Tz)>) -> String {
    let partner = partner.map(|(slug, zone)| (slug, zone.name()));
    format!("/calendars/{}", CalendarToken::new(newsletter, partner).sign(&ctx.keys))
}

/// The slugs and titles of the newsletters that readers of `partner` may get, in their order.
pub fn newsletters_of<'a>(
    library: &'a Library,
    partner: &Partner,
) -> impl Iterator<Item = (&'a Asset, &'a Newsletter)> {
    library.newsletters().filter(move |(_, newsletter)| is_for(newsletter, partner))
}

/// Whether readers of `partner` may get it.
fn is_for(newsletter: &Newsletter, partner: &Partner) -> bool {
    AudienceRule::from(&newsletter.audience).admits(partner)
}

/// What the token of a link shows now.
///
/// # Errors
/// `NotFound` for a token that we did not sign. Those of the store.
pub async fn open(ctx: &Context, token: &str) -> Result<Opened> {
    let token = CalendarToken::verify(&ctx.keys, token)?;
    let library = ctx.library();
    let partner = if token.names_partner() {
        let slug = partners::slugs(&ctx.db).await?.into_iter().find(|slug| token.is_partner(slug));
        let partner = match slug {
            Some(slug) => partners::partner(&ctx.db, &slug).await?,
            None => None,
        };
        let Some(partner) = partner else { return Ok(Opened::Gone(None)) };
        Some(partner)
    } else {
        None
    };
    let since_ms = ctx.now_ms() - BACK_MS;
    let gone = Gone::load(&ctx.db, &library, since_ms).await?;
    let there = library.newsletters().map(|(asset, newsletter)| (&*library, asset, newsletter, None));
    let left = gone
        .newsletters()
        .map(|(asset, newsletter, left_ms)| (gone.library(), asset, newsletter, Some(left_ms)));
    let wanted = there.chain(left).filter(|(_, asset, newsletter, _)| {
        let is_named = !token.names_newsletter() || token.is_newsletter(asset.slug());
        is_named && partner.as_ref().is_none_or(|partner| is_for(newsletter, partner))
    });
    let letters: Vec<(Letter<'_>, Option<UtcMs>)> = wanted
        .map(|(library, asset, newsletter, left_ms)| (Letter { library, asset, newsletter }, left_ms))
        .collect();
    if token.names_newsletter() && letters.is_empty() {
        return Ok(Opened::Gone(partner.map(Box::new)));
    }
    let vendor = library.vendor.as_ref();
    let zone = match &partner {
        Some(partner) => zone_of(&token).unwrap_or(partner.zone),
        None => library.vendor_zone(),
    };
    let readers = match &partner {
        Some(partner) => Readers::in_zone(partner, zone),
        None => Readers::all(&ctx.db, None).await?,
    };
    let own = || vendor.map_or_else(Locale::en, |vendor| vendor.default_locale.clone());
    let locale = partner.as_ref().map_or_else(own, |partner| partner.locale.clone());
    let sessions = match &partner {
        Some(partner) if !token.names_newsletter() => {
            sessions::all(ctx, &library, partner, &locale, since_ms).await?
        }
        _ => Vec::new(),
    };
    let newsletters = all_series(ctx, &letters, &readers, &locale, partner.as_ref(), zone).await?;
    let is_one = token.names_newsletter();
    Ok(Opened::Calendar(Box::new(Calendar { partner, zone, locale, is_one, newsletters, sessions })))
}

/// Each of `letters`, with when it left the content where it has.
async fn all_series(
    ctx: &Context,
    letters: &[(Letter<'_>, Option<UtcMs>)],
    readers: &Readers,
    locale: &Locale,
    partner: Option<&Partner>,
    zone: Tz,
) -> Result<Vec<Series>> {
    let vendor = ctx.library().vendor_zone();
    let rules_ms = changes::of_rules(&ctx.db, partner.is_none()).await?;
    let now_ms = ctx.now_ms();
    let window = Window { from_ms: now_ms - BACK_MS, until_ms: now_ms + AHEAD_MS, ahead_max: AHEAD_MAX };
    let mut all = Vec::new();
    for &(letter, left_ms) in letters {
        let Letter { library, asset, newsletter } = letter;
        let dates = dates::dates(ctx, &Ask { letter, left_ms, readers, locale, rules_ms, window }).await?;
        let record =
            kept::newsletter(ctx, asset.slug(), partner.map(|partner| partner.slug.as_str())).await?;
        all.push(Series {
            slug: asset.slug().to_owned(),
            title: title_in(library, asset, locale),
            cadence: Cadence::parse(&newsletter.cadence).ok(),
            zone: Some(newsletter.zone.of(zone, partner.map_or(zone, |partner| partner.zone), vendor))
                .filter(|of| *of != zone),
            kept: record.lately(),
            dates,
        });
    }
    Ok(all)
}

/// The title as authored, in the language `locale` where it is translated.
fn title_in(library: &Library, asset: &Asset, locale: &Locale) -> String {
    library.find(&asset.reference, locale).unwrap_or(asset).front.title.as_str().to_owned()
}

/// The zone that a token names; none where none has that name any more.
fn zone_of(token: &CalendarToken) -> Option<Tz> {
    TZ_VARIANTS.iter().copied().find(|zone| token.is_zone(zone.name()))
}

/// When the calendar last changed, as far as is known.
pub fn changed_ms(calendar: &Calendar) -> UtcMs {
    let dates = calendar.newsletters.iter().flat_map(|series| &series.dates).map(|date| date.changed_ms);
    let sessions = calendar.sessions.iter().map(|entry| entry.changed.timestamp_millis());
    dates.chain(sessions).max().unwrap_or_default()
}
