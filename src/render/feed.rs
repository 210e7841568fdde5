//! Feeds: the same entries as Atom (RFC 4287) and as JSON Feed 1.1 (jsonfeed.org).

use std::fmt::Write as _;

use serde::Serialize;

use super::slots::escape_html;
use crate::domain::kernel::clock::{UtcMs, utc};

/// The media type of Atom (RFC 4287 section 7).
pub const ATOM: &str = "application/atom+xml; charset=utf-8";
/// The media type of JSON Feed (version 1.1, "Suggestions for Publishers").
pub const JSON_FEED: &str = "application/feed+json; charset=utf-8";

/// A feed.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The same for ever, whatever its address is.
    pub id: String,
    /// Its name.
    pub title: String,
    /// A sentence; may be empty.
    pub subtitle: String,
    /// The page that it is about.
    pub home: String,
    /// Its own addresses: Atom, JSON.
    pub own: (String, String),
    /// The language of what is around the entries.
    pub language: String,
    /// Who publishes it: name and site.
    pub author: (String, String),
    /// When an entry last changed.
    pub updated_ms: UtcMs,
    /// The newest first.
    pub entries: Vec<Entry>,
}

/// An entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The same for ever, whatever becomes of the text.
    pub id: String,
    /// Where it leads: a tracked link.
    pub url: String,
    /// Its title.
    pub title: String,
    /// One sentence, plain.
    pub summary: String,
    /// The text as HTML with whole addresses.
    pub html: String,
    /// Its language.
    pub language: String,
    /// When it was published.
    pub published_ms: UtcMs,
    /// When what it says last changed.
    pub updated_ms: UtcMs,
    /// What it is about.
    pub topics: Vec<String>,
    /// An image's whole address.
    pub image: Option<String>,
    /// A document that stands behind no form: its whole address.
    pub document: Option<String>,
}

/// A time as RFC 3339 says it.
fn time(at_ms: UtcMs) -> String {
    utc(at_ms).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Text as XML 1.0 may hold it: its control characters are not allowed even when escaped (section 2.2).
fn xml(text: &str) -> String {
    let allowed: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\n'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect();
    escape_html(&allowed)
}

/// The feed as Atom; the same for the same entries.
pub fn atom(feed: &Feed) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    // Into a string nothing fails.
    let _ =
        writeln!(out, "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">", xml(&feed.language));
    let _ = writeln!(out, "<id>{}</id>\n<title>{}</title>", xml(&feed.id), xml(&feed.title));
    if !feed.subtitle.is_empty() {
        let _ = writeln!(out, "<subtitle>{}</subtitle>", xml(&feed.subtitle));
    }
    let _ = writeln!(out, "<updated>{}</updated>", time(feed.updated_ms));
    let (name, site) = &feed.author;
    let _ = writeln!(out, "<author><name>{}</name><uri>{}</uri></author>", xml(name), xml(site));
    let _ = writeln!(out, "<link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>", xml(&feed.own.0));
    let _ = writeln!(
        out,
        "<link rel=\"alternate\" type=\"application/feed+json\" href=\"{}\"/>\n<link rel=\"alternate\" type=\"text/html\" \
         href=\"{}\"/>",
        xml(&feed.own.1),
        xml(&feed.home)
    );
    let _ = writeln!(out, "<generator>partnercast</generator>");
    feed.entries.iter().for_each(|entry| one(&mut out, entry));
    out.push_str("</feed>\n");
    out
}

fn one(out: &mut String, entry: &Entry) {
    let _ = writeln!(out, "<entry xml:lang=\"{}\">\n<id>{}</id>", xml(&entry.language), xml(&entry.id));
    let _ = writeln!(out, "<title>{}</title>", xml(&entry.title));
    let _ = writeln!(out, "<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>", xml(&entry.url));
    if let Some(document) = &entry.document {
        let _ =
            writeln!(out, "<link rel=\"enclosure\" type=\"application/pdf\" href=\"{}\"/>", xml(document));
    }
    if let Some(image) = &entry.image {
        let _ = writeln!(out, "<link rel=\"enclosure\" type=\"image/png\" href=\"{}\"/>", xml(image));
    }
    let (published, updated) = (time(entry.published_ms), time(entry.updated_ms));
    let _ = writeln!(out, "<published>{published}</published>\n<updated>{updated}</updated>");
    for topic in &entry.topics {
        let _ = writeln!(out, "<category term=\"{}\"/>", xml(topic));
    }
    if !entry.summary.is_empty() {
        let _ = writeln!(out, "<summary>{}</summary>", xml(&entry.summary));
    }
    let _ = writeln!(out, "<content type=\"html\">{}</content>\n</entry>", xml(&entry.html));
}

#[derive(Serialize)]
struct Document<'f> {
    version: &'static str,
    title: &'f str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'f str,
    home_page_url: &'f str,
    feed_url: &'f str,
    language: &'f str,
    authors: [Author<'f>; 1],
    items: Vec<Item<'f>>,
}

#[derive(Serialize)]
struct Author<'f> {
    name: &'f str,
    url: &'f str,
}

#[derive(Serialize)]
struct Item<'f> {
    id: &'f str,
    url: &'f str,
    title: &'f str,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'f str,
    content_html: &'f str,
    language: &'f str,
    date_published: String,
    date_modified: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'f [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'f str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'f>>,
}

#[derive(Serialize)]
struct Attachment<'f> {
    url: &'f str,
    mime_type: &'static str,
}

/// The feed as JSON Feed 1.1; the same for the same entries.
pub fn json(feed: &Feed) -> serde_json::Result<Vec<u8>> {
    let item = |entry: &Entry| -> serde_json::Result<serde_json::Value> {
        let document = entry.document.iter();
        serde_json::to_value(Item {
            id: &entry.id,
            url: &entry.url,
            title: &entry.title,
            summary: &entry.summary,
            content_html: &entry.html,
            language: &entry.language,
            date_published: time(entry.published_ms),
            date_modified: time(entry.updated_ms),
            tags: &entry.topics,
            image: entry.image.as_deref(),
            attachments: document.map(|url| Attachment { url, mime_type: "application/pdf" }).collect(),
        })
    };
    let items = feed.entries.iter().map(item).collect::<serde_json::Result<Vec<_>>>()?;
    let head = Document {
        version: "https://jsonfeed.org/version/1.1",
        title: &feed.title,
        description: &feed.subtitle,
        home_page_url: &feed.home,
        feed_url: &feed.own.1,
        language: &feed.language,
        authors: [Author { name: &feed.author.0, url: &feed.author.1 }],
        items: Vec::new(),
    };
    let mut document = serde_json::to_value(head)?;
    document["items"] = items.into();
    serde_json::to_vec(&document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(title: &str) -> Feed {
        Feed {
            id: "tag:vendor.example,2026:northlight/feed".into(),
            title: "New · Northlight".into(),
            subtitle: String::new(),
            home: "https://cast.example/p/northlight".into(),
            own: ("https://cast.example/f.atom?a=1&b=2".into(), "https://cast.example/f.json".into()),
            language: "en".into(),
            author: ("Northlight & Co".into(), "https://northlight.example".into()),
            updated_ms: 1_800_000_000_000,
            entries: vec![Entry {
                id: "tag:vendor.example,2026:northlight/blog/a".into(),
                url: "https://cast.example/t/x/northlight/blog/a".into(),
                title: title.into(),
                summary: String::new(),
                html: "<p>One &amp; two</p>".into(),
                language: "en".into(),
                published_ms: 1_799_000_000_000,
                updated_ms: 1_800_000_000_000,
                topics: vec!["backup".into()],
                image: None,
                document: Some("https://cast.example/a.pdf".into()),
            }],
        }
    }

    #[test]
    fn words_are_no_markup_and_html_is_escaped_once() {
        let text = atom(&feed("]]></title><b>\u{1}&"));
        assert!(text.contains("<title>]]&gt;&lt;/title&gt;&lt;b&gt;&amp;</title>"), "{text}");
        assert!(
            text.contains("<content type=\"html\">&lt;p&gt;One &amp;amp; two&lt;/p&gt;</content>"),
            "{text}"
        );
        assert!(text.contains("href=\"https://cast.example/f.atom?a=1&amp;b=2\""), "{text}");
        assert!(text.contains("<updated>2027-01-15T08:00:00Z</updated>"), "{text}");
        assert!(!text.contains("<summary>") && !text.contains("<subtitle>"), "what is empty is left out");
    }

    #[test]
    fn json_has_what_version_1_1_requires() {
        let bytes = json(&feed("A")).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["version"], "https://jsonfeed.org/version/1.1");
        assert_eq!(read["items"][0]["id"], "tag:vendor.example,2026:northlight/blog/a");
        assert_eq!(read["items"][0]["content_html"], "<p>One &amp; two</p>");
        assert_eq!(read["items"][0]["attachments"][0]["mime_type"], "application/pdf");
        assert!(read["items"][0].get("summary").is_none() && read.get("description").is_none());
    }
}
