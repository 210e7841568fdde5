//! What a partner's customers read and watch: whitepapers, blog posts, webinars, social posts.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use super::super::{
    asset::words,
    body::Body,
    finding::{Findings, Place, codes},
    keys::{Found, Keys, Reference},
    text::{Plain, plain_text},
};

words! {
    /// How a reader gets a whitepaper.
    Gate {
        /// By a form, which makes a lead.
        Form "form",
        /// Freely.
        Open "open",
    }
}

words! {
    /// A social network.
    Network {
        /// LinkedIn.
        Linkedin "linkedin",
        /// X.
        X "x",
        /// Bluesky.
        Bluesky "bluesky",
        /// Mastodon.
        Mastodon "mastodon",
    }
}

impl Network {
    /// Longest post, in characters, without the link.
    pub fn chars_max(self) -> usize {
        match self {
            Self::Linkedin => 3_000,
            Self::X => 280,
            Self::Bluesky => 300,
            Self::Mastodon => 500,
        }
    }
}

/// A paper for the partner's customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitepaper {
    /// Who wrote it.
    pub authors: Vec<String>,
    /// The partner who helped.
    pub co_author: Option<Reference>,
    /// How a reader gets it.
    pub gate: Gate,
    /// A line for the cover.
    pub cover_line: Option<String>,
}

impl Default for Whitepaper {
    fn default() -> Self {
        Self { authors: Vec::new(), co_author: None, gate: Gate::Form, cover_line: None }
    }
}

impl Whitepaper {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            authors: keys.need("authors", f).map(|v| v.lines(f)).unwrap_or_default(),
            co_author: keys.get("co_author").and_then(|v| v.reference(f)),
            gate: keys.need("gate", f).and_then(|v| v.choice(Gate::WORDS, f)).unwrap_or(Gate::Form),
            cover_line: keys.get("cover_line").and_then(|v| v.line(f)),
        }
    }
}

/// A blog post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blog {
    /// Who wrote it.
    pub author: String,
    /// The partner whose guest post it is.
    pub partner: Option<Reference>,
}

impl Blog {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            author: keys.need("author", f).and_then(|v| v.line(f)).unwrap_or_default(),
            partner: keys.get("partner").and_then(|v| v.reference(f)),
        }
    }
}

/// Somebody who speaks in a webinar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Full name.
    pub name: String,
    /// What they do.
    pub title: String,
    /// The partner they work for.
    pub partner: Option<Reference>,
}

/// A session at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webinar {
    /// Local date and time in `zone`.
    pub start: NaiveDateTime,
    /// The zone of `start`.
    pub zone: chrono_tz::Tz,
    /// How long it lasts.
    pub duration_minutes: u32,
    /// Who speaks.
    pub speakers: Vec<Speaker>,
    /// The partner who holds it with the vendor.
    pub co_host: Option<Reference>,
}

impl Default for Webinar {
    fn default() -> Self {
        Self {
            start: NaiveDate::default().and_time(NaiveTime::MIN),
            zone: chrono_tz::Tz::UTC,
            duration_minutes: 0,
            speakers: Vec::new(),
            co_host: None,
        }
    }
}

impl Webinar {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        let blank = Self::default();
        let speakers = keys.need("speakers", f).map(|v| v.list(f)).unwrap_or_default();
        Self {
            start: keys.need("start", f).and_then(|v| v.date_time(f)).unwrap_or(blank.start),
            zone: keys.need("zone", f).and_then(|v| v.zone(f)).unwrap_or(blank.zone),
            duration_minutes: keys
                .need("duration_minutes", f)
                .and_then(|v| v.count(1, f))
                .unwrap_or_default(),
            speakers: speakers.into_iter().filter_map(|v| speaker(v, f)).collect(),
            co_host: keys.get("co_host").and_then(|v| v.reference(f)),
        }
    }
}

fn speaker(found: Found, f: &mut Findings<'_>) -> Option<Speaker> {
    let mut keys = found.map(f)?;
    let speaker = Speaker {
        name: keys.need("name", f).and_then(|v| v.line(f)).unwrap_or_default(),
        title: keys.need("title", f).and_then(|v| v.line(f)).unwrap_or_default(),
        partner: keys.get("partner").and_then(|v| v.reference(f)),
    };
    keys.finish(f);
    Some(speaker)
}

/// A post for social networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Social {
    /// Where it may be posted.
    pub networks: Vec<Network>,
    /// What it leads to.
    pub link: Option<Reference>,
}

impl Social {
    pub(super) fn parse(keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        Self {
            networks: keys.need("networks", f).map(|v| v.choices(Network::WORDS, f)).unwrap_or_default(),
            link: keys.need("link", f).and_then(|v| v.reference(f)),
        }
    }

    /// No role blocks, and short enough for each network, each field counted as a name of usual length.
    pub(super) fn check_body(&self, body: &Body, at: usize, f: &mut Findings<'_>) {
        if let Some(block) = body.sections.iter().find(|section| !section.selection.is_for_everyone()) {
            let place = Place { line: block.line, column: 1 };
            let fix = "write one text for all readers";
            f.add(codes::BLOCK_NOT_ALLOWED, place, "a social post has no blocks", fix);
        }
        let length = post_chars(body);
        for network in self.networks.iter().filter(|network| length > network.chars_max()) {
            let (name, most) = (network.as_str(), network.chars_max());
            let message = format!("the post has {length} characters, and {name} takes {most}");
            f.add_at(
                codes::POST_TOO_LONG,
                at,
                message,
                format!("shorten it, or take {name} out of `networks`"),
            );
        }
    }
}

/// A usual length of what fields are filled with, in characters.
const FIELD_CHARS: usize = 16;

fn post_chars(body: &Body) -> usize {
    let usual = "x".repeat(FIELD_CHARS);
    let plain = Plain { url: &|_| None, field: &|_| usual.clone() };
    // Posts are not wrapped: a line end in the source is a blank, an empty line is one character.
    plain_text(&body.for_everyone(), &plain).trim().chars().count()
}
