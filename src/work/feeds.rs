//! Feeds of a partner's content, co-branded and with tracked links: a public one of what its page shows, and one at a secret
//! address for its own people, with kits, playbooks and posts. Nothing is stored for them.

mod kept;

use std::collections::HashMap;

use chrono::{NaiveDate, TimeZone as _};

use super::{
    cobrand::CoBrand,
    context::Context,
    documents, placed,
    recall::{self, Leads, Replaced},
    tokens::FeedToken,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Detail, Library, Node, Reader, kinds::Gate, merge::merge, text::Plain,
            text::plain_text, tree::Target,
        },
        engagement::Placement,
        kernel::{
            Error, Locale, Result, Slug,
            clock::{DAY_MS, UtcMs, utc},
        },
        partner::{AudienceRole, Partner, Roles},
    },
    render::{
        Strings,
        feed::{Entry, Feed},
        html::{self, Hooks, Profile},
        slots::{SlotTable, escape_html},
    },
    store::{partners, recalls, revisions},
};

pub use kept::{Kept, kept};

/// Entries of a feed at most, the newest.
const ENTRIES_MAX: usize = 50;
/// How long an entry says that it was withdrawn, or corrected.
const TOLD_MS: i64 = 30 * DAY_MS;
/// Blocks of a gated whitepaper that everybody may read, at most.
const FREE_BLOCKS_MAX: usize = 10;
/// The year in which names of entries (RFC 4151) were first given; it never changes, or all entries would be new.
const NAMED_SINCE: &str = "2026";

/// What is asked of a feed.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What concerns this role alone; of the feed for the partner's own people.
    pub role: Option<AudienceRole>,
    /// What is about this topic alone.
    pub topic: Option<Slug>,
    /// In this language instead of the partner's.
    pub locale: Option<Locale>,
}

impl Ask {
    /// As the query of an address, and as a part of a feed's name: empty for all.
    pub fn query(&self) -> String {
        let role = self.role.map(|role| format!("role={role}"));
        let topic = self.topic.as_ref().map(|topic| format!("topic={topic}"));
        let lang = self.locale.as_ref().map(|locale| format!("lang={locale}"));
        let all: Vec<String> = [role, topic, lang].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) }
    }
}

/// Path of the feed that anybody may read, to which `.atom` or `.json` is added.
pub fn public_path(partner: &str) -> String {
    format!("/p/{partner}/feed")
}

/// Path of the feed for the partner's own people, to which `.atom` or `.json` is added. Whoever has it may read it; it is
/// made anew by rotating the token keys, as calendars' are.
pub fn inside_path(ctx: &Context, partner: &str) -> String {
    format!("/feeds/{}", FeedToken::new(partner).sign(&ctx.keys))
}

/// The partner whose feed a secret address shows.
///
/// # Errors
/// `NotFound` for a token that we did not sign, or a partner that is gone. Those of the store.
pub async fn opened(ctx: &Context, token: &str) -> Result<Partner> {
    let token = FeedToken::verify(&ctx.keys, token)?;
    let slug = partners::slugs(&ctx.db).await?.into_iter().find(|slug| token.is_partner(slug));
    let partner = match slug {
        Some(slug) => partners::partner(&ctx.db, &slug).await?,
        None => None,
    };
    partner.ok_or_else(|| Error::not_found("this feed"))
}

/// The feed of `partner` as of now.
///
/// # Errors
/// `Unavailable` before the first sync; those of the store.
async fn feed(ctx: &Context, partner: &Partner, ask: &Ask, is_inside: bool) -> Result<Feed> {
    let (library, media) = (ctx.library(), ctx.media());
    let locale = ask.locale.as_ref().unwrap_or(&partner.locale);
    let base = ctx.settings.public_url.as_str();
    let brand = CoBrand::new(&library, &media, partner, locale, base)?;
    let language = ctx.templates.language(locale);
    let mut making = Making {
        ctx,
        library: &library,
        brand,
        strings: ctx.templates.strings(&language),
        ask,
        is_inside,
        changes: HashMap::new(),
        recalled: recalls::list(&ctx.db, None).await?.into_iter().fold(HashMap::new(), |mut all, recall| {
            let at_ms = recall.lifted_ms.unwrap_or(recall.recalled_ms);
            let latest = all.entry(recall.reference).or_insert(at_ms);
            *latest = (*latest).max(at_ms);
            all
        }),
        replaced: Replaced::load(&ctx.db).await?,
    };
    let entries = making.entries().await?;
    let own =
        if is_inside { inside_path(ctx, partner.slug.as_str()) } else { public_path(partner.slug.as_str()) };
    let query = ask.query();
    let home = format!("{base}/p/{}", partner.slug);
    let kind = if is_inside { "inside" } else { "feed" };
    Ok(Feed {
        id: format!("{}/{kind}{query}", making.named()),
        title: making.strings.fill("feed_of", &[("partner", &partner.name)]),
        subtitle: partner.brand.value_proposition_in(locale).unwrap_or_default().to_owned(),
        home,
        own: (format!("{base}{own}.atom{query}"), format!("{base}{own}.json{query}")),
        language: language.to_string(),
        author: (partner.name.clone(), partner.website.clone()),
        updated_ms: entries.iter().map(|entry| entry.updated_ms).max().unwrap_or_default(),
        entries,
    })
}

/// How many blocks of a text that stands behind a form everybody may read: up to the second heading, and not more than a
/// screen or two.
pub fn free_part(nodes: &[Node]) -> usize {
    let is_heading = |node: &Node| matches!(node, Node::Heading { level: 2, .. });
    let second = nodes.iter().enumerate().filter(|(_, node)| is_heading(node)).nth(1).map(|(at, _)| at);
    second.unwrap_or(nodes.len()).min(FREE_BLOCKS_MAX).min(nodes.len())
}

struct Making<'m> {
    ctx: &'m Context,
    library: &'m Library,
    brand: CoBrand<'m>,
    strings: Strings,
    ask: &'m Ask,
    is_inside: bool,
    /// When each file of the folders that were looked into last changed.
    changes: HashMap<String, UtcMs>,
    /// When each asset was last recalled, or a recall of it lifted.
    recalled: HashMap<String, UtcMs>,
    replaced: Replaced,
}

impl Making<'_> {
    /// What names of the partner's entries begin with (RFC 4151): the vendor's domain, not our address, which may move.
    fn named(&self) -> String {
        let site = self.brand.vendor.website.split_once("://").map_or("", |(_, rest)| rest);
        let host = site.split(['/', ':', '?', '#']).next().unwrap_or_default().to_lowercase();
        format!("tag:{host},{NAMED_SINCE}:{}", self.brand.partner.slug)
    }

    fn reader(&self) -> Reader<'_> {
        let (partner, locale) = (self.brand.partner, self.brand.locale);
        let roles = match (self.is_inside, self.ask.role) {
            (false, _) => return Reader::public(partner, locale),
            (true, None) => Roles::ALL,
            (true, Some(role)) => [role].into_iter().collect(),
        };
        Reader { roles: Some(roles), partner, locale }
    }

    /// Midnight at the partner's, on the day from which it may be seen; none where it names none.
    fn published_ms(&self, day: Option<NaiveDate>) -> Option<UtcMs> {
        let midnight = day?.and_hms_opt(0, 0, 0)?;
        let zone = self.brand.partner.zone;
        // Where the clocks skip midnight the day begins an hour later.
        let at = zone.from_local_datetime(&midnight).earliest();
        Some(at.map_or_else(|| midnight.and_utc().timestamp_millis(), |at| at.timestamp_millis()))
    }

    fn is_wanted(&self, asset: &Asset, now_ms: UtcMs) -> bool {
        let kind = asset.kind();
        let is_kind = (kind.is_for_customers() && kind != AssetKind::Page)
            || (self.is_inside && matches!(kind, AssetKind::Kit | AssetKind::Playbook | AssetKind::Social));
        let today = utc(now_ms).with_timezone(&self.brand.partner.zone).date_naive();
        asset.locale.is_none()
            && is_kind
            && asset.front.publish.is_none_or(|day| day <= today)
            && self.ask.topic.as_ref().is_none_or(|topic| asset.front.topics.contains(topic))
            && asset.concerns(&self.reader())
    }

    async fn entries(&mut self) -> Result<Vec<Entry>> {
        let now_ms = self.ctx.now_ms();
        let library = self.library;
        let wanted: Vec<&Asset> = library
            .assets
            .iter()
            .map(|asset| &**asset)
            .filter(|asset| self.is_wanted(asset, now_ms))
            .collect();
        let folders: std::collections::BTreeSet<&str> =
            wanted.iter().map(|asset| asset.kind().folder()).collect();
        for folder in folders {
            let of_folder = revisions::last_changes(&self.ctx.db, &format!("{folder}/")).await?;
            self.changes.extend(of_folder);
        }
        let mut dated: Vec<(UtcMs, UtcMs, &Asset)> =
            wanted.into_iter().map(|asset| (self.first_ms(asset), self.changed_ms(asset), asset)).collect();
        dated.sort_by(|a, b| (b.0, &b.2.reference).cmp(&(a.0, &a.2.reference)));
        let mut entries = Vec::new();
        for (published_ms, updated_ms, asset) in dated {
            if entries.len() >= ENTRIES_MAX {
                break;
            }
            entries.extend(self.entry(asset, (published_ms, updated_ms), now_ms).await?);
        }
        Ok(entries)
    }

    /// When it was first to be seen: the day it names, else its last change.
    fn first_ms(&self, asset: &Asset) -> UtcMs {
        self.published_ms(asset.front.publish).unwrap_or_else(|| self.changed_ms(asset))
    }

    /// When what it says last changed: any language of it, its publication, a recall or the end of one.
    fn changed_ms(&self, asset: &Asset) -> UtcMs {
        let begins = format!("{}.", asset.reference);
        let files = self.changes.iter().filter(|(path, _)| path.starts_with(&begins)).map(|(_, at)| *at);
        let recalled = self.recalled.get(&asset.reference).copied();
        let published = self.published_ms(asset.front.publish);
        files.chain(recalled).chain(published).max().unwrap_or_default()
    }

    /// Its entry; none for what cannot be shown, which breaks no feed.
    async fn entry(
        &self,
        asset: &Asset,
        (published_ms, updated_ms): (UtcMs, UtcMs),
        now_ms: UtcMs,
    ) -> Result<Option<Entry>> {
        let shown = self.library.find(&asset.reference, self.brand.locale).unwrap_or(asset);
        let own = &self.brand.partner.locale;
        let lang = match self.brand.locale {
            locale if locale == own => String::new(),
            locale => format!(";lang={locale}"),
        };
        let blank = Entry {
            id: format!("{}/{}{lang}", self.named(), asset.reference),
            url: self.address(&asset.reference),
            title: String::new(),
            summary: String::new(),
            html: String::new(),
            language: shown
                .locale
                .as_ref()
                .map_or_else(|| self.brand.vendor.default_locale.to_string(), ToString::to_string),
            published_ms,
            updated_ms,
            topics: asset.front.topics.iter().map(ToString::to_string).collect(),
            image: None,
            document: None,
        };
        let recalled_ms = self.recalled.get(&asset.reference).copied();
        let is_told = recalled_ms.is_some_and(|at_ms| now_ms - at_ms < TOLD_MS);
        let leads = match recalled_ms {
            Some(_) => recall::leads(&self.ctx.db, self.library, &asset.reference).await?,
            None => None,
        };
        Ok(match leads {
            None => self.whole(shown, blank, None),
            Some(Leads::Itself) => self.whole(shown, blank, recalled_ms.filter(|_| is_told)),
            Some(to) => is_told.then(|| self.withdrawn(shown, blank, &to)).flatten(),
        })
    }

    fn address(&self, reference: &str) -> String {
        let how = (Placement::Feed, self.is_inside);
        placed::address(self.ctx, self.brand.partner, self.brand.locale, reference, how)
    }

    fn whole(&self, asset: &Asset, blank: Entry, corrected_ms: Option<UtcMs>) -> Option<Entry> {
        let (html, title, summary) = match self.words(asset) {
            Ok(words) => words,
            Err(error) => {
                tracing::warn!(
                    asset = asset.reference,
                    partner = %self.brand.partner.slug,
                    error = error.detail(),
                    "left out of a feed"
                );
                return None;
            }
        };
        let day = |at_ms| utc(at_ms).with_timezone(&self.brand.partner.zone).date_naive();
        let corrected = corrected_ms.map(|at_ms| {
            let date = self.strings.date(day(at_ms));
            format!(
                "<p><strong>{}</strong></p>",
                escape_html(&self.strings.fill("feed_corrected", &[("date", &date)]))
            )
        });
        let document = documents::is_open(asset, self.brand.partner).then(|| {
            format!("{}/p/{}/{}/document.pdf", self.brand.base_url, self.brand.partner.slug, asset.reference)
        });
        Some(Entry {
            title,
            summary,
            html: format!("{}{html}", corrected.unwrap_or_default()),
            image: asset.front.image.as_ref().and_then(|image| self.brand.image(&image.path)),
            document,
            ..blank
        })
    }

    /// HTML, title and summary.
    fn words(&self, asset: &Asset) -> Result<(String, String, String)> {
        let (partner, locale) = (self.brand.partner, self.brand.locale);
        let title = self.brand.text(&asset.front.title)?;
        let summary = asset.front.summary.as_ref().map(|it| self.brand.text(it)).transpose()?;
        // What is for customers says to colleagues what it says to them.
        let public = Reader::public(partner, locale);
        let reader = if asset.kind().is_for_customers() { public } else { self.reader() };
        let nodes = merge(&asset.text_for(&reader), &|field| self.brand.value_or_name(field))
            .map_err(|missing| super::cobrand::no_value(partner, &missing))?;
        let is_gated = matches!(&asset.detail, Detail::Whitepaper(paper) if paper.gate == Gate::Form);
        let free = if is_gated { free_part(&nodes) } else { nodes.len() };
        let mut hooks = Hooks {
            link: &mut |target| match target {
                Target::Asset(reference) => self.address(reference),
                other => self.brand.target(other),
            },
            image: &mut |path| self.brand.image(path),
            slots: &mut SlotTable::default(),
        };
        let mut html = html::fragment(&nodes[..free], Profile::Page, &mut hooks);
        if free < nodes.len() {
            let (url, label) = (self.address(&asset.reference), self.strings.get("read_rest"));
            html.push_str(&format!("<p><a href=\"{}\">{}</a></p>", escape_html(&url), escape_html(label)));
        }
        let summary = summary.unwrap_or_else(|| {
            let plain = Plain { url: &|_| None, field: &|_| String::new() };
            plain_text(&nodes[..free.min(1)], &plain).trim().to_owned()
        });
        Ok((html, title, summary))
    }

    /// "It was withdrawn", under the name that readers' programs know it by, so that it takes the place of what they kept.
    fn withdrawn(&self, asset: &Asset, blank: Entry, leads: &Leads) -> Option<Entry> {
        let title = self.brand.text(&asset.front.title).ok()?;
        let names =
            [("vendor", self.brand.vendor.name.as_str()), ("partner", self.brand.partner.name.as_str())];
        let text = self.strings.fill("withdrawn_text", &names);
        let mut html = format!("<p>{}</p>", escape_html(&text));
        let instead = match leads {
            Leads::To(other) => Some(self.replaced.present(other)),
            _ => None,
        };
        let instead = instead
            .and_then(|other| self.library.find(other, self.brand.locale))
            .filter(|other| other.concerns(&self.reader()));
        if let Some(other) = instead {
            let (url, label) = (self.address(&other.reference), self.brand.text(&other.front.title).ok()?);
            html.push_str(&format!("<p><a href=\"{}\">{}</a></p>", escape_html(&url), escape_html(&label)));
        }
        let title = format!("{}: {title}", self.strings.get("withdrawn_title"));
        Some(Entry { title, summary: text, html, language: self.strings_language(), ..blank })
    }

    fn strings_language(&self) -> String {
        self.ctx.templates.language(self.brand.locale).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_a_query_that_names_the_feed() {
        assert_eq!(Ask::default().query(), "");
        let ask = Ask {
            role: Some(AudienceRole::Sales),
            topic: Some(Slug::parse("backup").unwrap()),
            locale: Some(Locale::parse("de").unwrap()),
        };
        assert_eq!(ask.query(), "?role=sales&topic=backup&lang=de");
    }
}
