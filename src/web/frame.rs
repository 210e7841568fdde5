//! What stands around every page: title, language, navigation, the clock.

use chrono_tz::Tz;
use serde::Serialize;

use super::{statics, view::when::Moment};
use crate::{
    domain::kernel::{Locale, clock::UtcMs},
    work::Context,
};

/// Where a page belongs; decides the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The demo's story and inbox.
    Demo,
    /// Marketers and channel managers.
    Console,
    /// Sales reps.
    Desk,
    /// Partners' customers and mail readers.
    Public,
    /// Whoever writes content.
    Preview,
}

/// What every template finds under `frame`.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// What search engines show.
    pub description: String,
    /// The language.
    pub lang: String,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    /// The style sheet's address.
    pub css: String,
    /// The script's address.
    pub js: String,
    /// The address of the area's own script.
    pub more_js: Option<String>,
    /// Class of the body.
    pub area: &'static str,
    /// Where the mark leads.
    pub home: &'static str,
    /// Navigation.
    pub nav: Vec<NavItem>,
    /// What is behind "More".
    pub more: Vec<NavItem>,
    /// The calendar's time, for running clocks.
    pub now_ms: UtcMs,
    /// The same for people, in the vendor's zone.
    pub now: Moment,
    /// Whether it is the demo's calendar.
    pub demo: bool,
    /// The vendor's name.
    pub vendor: String,
    /// Whether the page is the vendor's towards others, and says so instead of naming the program.
    pub is_vendors: bool,
    /// Who is signed in to the console.
    pub who: Option<String>,
    /// Where live parts come from.
    pub poll: Option<String>,
    /// How often.
    pub every_ms: u32,
    /// Where the page tells how long it was in view.
    pub stay: Option<String>,
    /// A link that no person sees: whoever follows it is a machine.
    pub trap: Option<String>,
}

/// An entry of the navigation.
#[derive(Debug, Clone, Serialize)]
pub struct NavItem {
    /// Its text.
    pub label: &'static str,
    /// Where it leads.
    pub href: &'static str,
    /// Whether it is this page's.
    pub current: bool,
}

const CONSOLE: [(&str, &str); 7] = [
    ("Overview", "/console"),
    ("Promises", "/console/promises"),
    ("Content", "/console/content"),
    ("Partners", "/console/partners"),
    ("Leads", "/console/leads"),
    ("Ladder", "/console/ladder"),
    ("Dead letters", "/console/dead-letters"),
];

/// Pages of the console that are looked at now and then.
const CONSOLE_MORE: [(&str, &str); 7] = [
    ("Conflicts", "/console/conflicts"),
    ("Sequences", "/console/sequences"),
    ("Messages", "/console/messages"),
    ("Do not send", "/console/suppressions"),
    ("Webhooks", "/console/webhooks"),
    ("Social", "/console/social"),
    ("Sites", "/console/sites"),
];

impl Frame {
    /// A frame for `path` in `area`.
    pub fn new(ctx: &Context, area: Area, title: impl Into<String>, path: &str) -> Self {
        let now_ms = ctx.now_ms();
        let (vendor, zone) = vendor(ctx);
        let mut nav = Vec::new();
        if ctx.settings.demo && area != Area::Public {
            nav.extend([("Story", "/"), ("Caught mail", "/inbox")]);
        }
        match area {
            Area::Console => nav.extend(CONSOLE),
            Area::Demo => nav.extend([("Console", "/console"), ("Sales desk", "/desk")]),
            Area::Desk => nav.push(("Your leads", "/desk")),
            Area::Preview => nav.extend([("All content", "/"), ("Reference", "/reference")]),
            Area::Public => {}
        }
        let more: &[(&'static str, &'static str)] = if area == Area::Console { &CONSOLE_MORE } else { &[] };
        // The longest entry that leads here is the current one.
        let here = nav
            .iter()
            .chain(more)
            .map(|(_, href)| *href)
            .filter(|href| path == *href || path.starts_with(&format!("{href}/")))
            .max_by_key(|href| href.len());
        let item = |(label, href): (&'static str, &'static str)| NavItem {
            label,
            href,
            current: here == Some(href),
        };
        // Where one is stands with the others.
        let (shown, more): (Vec<_>, Vec<_>) = more.iter().copied().map(item).partition(|item| item.current);
        let nav = nav.into_iter().map(item).chain(shown).collect();
        Self {
            title: title.into(),
            description: String::new(),
            lang: "en".to_owned(),
            dir: "ltr",
            css: statics::address("partnercast.css"),
            js: statics::address("partnercast.js"),
            more_js: (area == Area::Preview).then(|| statics::address("preview.js")),
            area: match area {
                Area::Public => "public",
                Area::Demo | Area::Console | Area::Desk | Area::Preview => "app",
            },
            home: if ctx.settings.demo || area == Area::Preview { "/" } else { "/console" },
            nav,
            more,
            now_ms,
            now: Moment::full(now_ms, zone),
            demo: ctx.settings.demo,
            vendor,
            is_vendors: false,
            who: WHO.try_with(Clone::clone).ok().flatten(),
            poll: None,
            every_ms: 2_000,
            stay: None,
            trap: None,
        }
    }

    /// In the reader's language.
    #[must_use]
    pub fn in_language(mut self, locale: &Locale) -> Self {
        self.lang = locale.as_str().to_owned();
        self.dir = locale.direction();
        self
    }

    /// In the vendor's name, for people who need not know the program.
    #[must_use]
    pub fn of_vendor(mut self) -> Self {
        self.is_vendors = true;
        self
    }

    /// With live parts from `path`, asked for every `every_ms`.
    #[must_use]
    pub fn live(mut self, path: impl Into<String>, every_ms: u32) -> Self {
        self.poll = Some(path.into());
        self.every_ms = every_ms;
        self
    }
}

tokio::task_local! {
    /// Who asked for the page that is being made. Every page of the console says it, and none of them needs it otherwise: so
    /// the door, which knows it, lays it here.
    static WHO: Option<String>;
}

/// Makes a page that says who is signed in.
pub async fn seen_by<T>(who: Option<String>, page: impl Future<Output = T>) -> T {
    WHO.scope(who, page).await
}

/// The vendor's name and zone; UTC while there is no content.
pub fn vendor(ctx: &Context) -> (String, Tz) {
    ctx.library()
        .vendor
        .as_ref()
        .map_or_else(|| ("The vendor".to_owned(), Tz::UTC), |vendor| (vendor.name.clone(), vendor.zone))
}

#[cfg(test)]
impl Frame {
    /// As the demo shows it.
    pub fn sample(area: Area, title: &str) -> Self {
        let nav: &[(&str, &str)] = match area {
            Area::Console => &[
                ("Story", "/"),
                ("Caught mail", "/inbox"),
                CONSOLE[0],
                CONSOLE[1],
                CONSOLE[2],
                CONSOLE[3],
                CONSOLE[4],
            ],
            Area::Demo => {
                &[("Story", "/"), ("Caught mail", "/inbox"), ("Console", "/console"), ("Sales desk", "/desk")]
            }
            Area::Desk => &[("Your leads", "/desk")],
            Area::Preview => &[("All content", "/"), ("Reference", "/reference")],
            Area::Public => &[],
        };
        Self {
            title: title.to_owned(),
            description: "What boards should ask".into(),
            lang: "en".into(),
            dir: "ltr",
            css: "/static/partnercast.css".into(),
            js: "/static/partnercast.js".into(),
            more_js: (area == Area::Preview).then(|| "/static/preview.js".into()),
            area: if area == Area::Public { "public" } else { "app" },
            home: "/",
            nav: nav
                .iter()
                .enumerate()
                .map(|(at, (label, href))| NavItem { label, href, current: at == 0 })
                .collect(),
            more: match area {
                Area::Console => {
                    CONSOLE_MORE.map(|(label, href)| NavItem { label, href, current: false }).to_vec()
                }
                _ => Vec::new(),
            },
            now_ms: 1_799_744_700_000,
            now: Moment::full(1_799_744_700_000, chrono_tz::Europe::Oslo),
            demo: true,
            vendor: "Brackenfold".into(),
            is_vendors: false,
            who: (area == Area::Console).then(|| "Nina Berg".to_owned()),
            poll: None,
            every_ms: 2_000,
            stay: None,
            trap: None,
        }
    }
}
