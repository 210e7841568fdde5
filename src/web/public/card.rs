//! What a page tells programs that show a card of it, and search engines: OpenGraph (ogp.me) and schema.org.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Setting, oembed};
use crate::{
    domain::{
        content::{Asset, AssetKind, Detail},
        kernel::{Locale, Result},
    },
    work::{Context, cobrand::CoBrand},
};

/// A page's card.
#[derive(Debug, Serialize)]
pub struct Card {
    /// The address that stands for all copies of the page.
    pub canonical: String,
    /// `article` or `website`.
    pub kind: &'static str,
    /// Where programs ask how it is embedded.
    pub oembed: String,
    /// An image's whole address.
    pub image: Option<String>,
    /// What stands for the image.
    pub image_alt: String,
    /// The language, as OpenGraph writes it.
    pub locale: String,
    /// schema.org's words in JSON, safe inside a script element.
    pub schema: String,
}

impl Card {
    /// That of an asset's page, with its title and summary.
    ///
    /// # Errors
    /// `Unavailable` before the first sync.
    pub fn of(
        ctx: &Context,
        setting: &Setting,
        asset: &Asset,
        (title, summary): (&str, &str),
        language: &Locale,
    ) -> Result<Self> {
        let voice = setting.voice()?;
        let whole = |path: &str| format!("{}{path}", ctx.settings.public_url);
        let own = whole(&voice.path(&asset.reference));
        let first_elsewhere = match &asset.detail {
            Detail::Blog(blog) => blog.canonical.clone(),
            _ => None,
        };
        let picture = asset.front.image.as_ref();
        let image = picture.and_then(|picture| voice.image(&picture.path)).map(|path| whole(&path));
        let mut schema = json!({
            "@context": "https://schema.org",
            "name": title,
            "headline": title,
            "description": summary,
            "inLanguage": language.as_str(),
            "url": own,
            "publisher": organisation(&setting.partner.name, &setting.partner.website),
        });
        for (key, value) in own_words(asset, &voice, &own) {
            schema[key] = value;
        }
        if let Some(image) = &image {
            schema["image"] = json!(image);
        }
        if let Some(day) = asset.front.publish {
            schema["datePublished"] = json!(day.to_string());
        }
        Ok(Self {
            oembed: oembed::address(ctx, &voice.path(&asset.reference)),
            canonical: first_elsewhere.unwrap_or(own),
            kind: if asset.kind() == AssetKind::Page { "website" } else { "article" },
            image,
            image_alt: picture.map(|picture| picture.alt.clone()).unwrap_or_default(),
            locale: language.as_str().replace('-', "_"),
            // Inside a script element only `<` could end it.
            schema: schema.to_string().replace('<', "\\u003c"),
        })
    }
}

fn organisation(name: &str, url: &str) -> Value {
    json!({ "@type": "Organization", "name": name, "url": url })
}

fn people(names: &[String]) -> Value {
    names.iter().map(|name| json!({ "@type": "Person", "name": name })).collect()
}

/// What schema.org calls the kind, and what it wants to know of it.
fn own_words(asset: &Asset, voice: &CoBrand<'_>, own: &str) -> Vec<(&'static str, Value)> {
    match &asset.detail {
        Detail::Blog(blog) => {
            vec![("@type", json!("BlogPosting")), ("author", people(std::slice::from_ref(&blog.author)))]
        }
        Detail::Whitepaper(paper) => vec![("@type", json!("Report")), ("author", people(&paper.authors))],
        Detail::CaseStudy(study) => vec![("@type", json!("Article")), ("about", json!(study.customer))],
        Detail::Datasheet(sheet) => vec![
            ("@type", json!("TechArticle")),
            ("about", json!({ "@type": "Product", "name": sheet.product, "brand": voice.vendor.name })),
        ],
        Detail::Video(video) => vec![
            ("@type", json!("VideoObject")),
            ("contentUrl", json!(video.url)),
            ("duration", json!(format!("PT{}S", video.duration_seconds))),
            ("uploadDate", json!(asset.front.publish.map(|day| day.to_string()))),
        ],
        Detail::Webinar(webinar) => {
            let names: Vec<String> = webinar.speakers.iter().map(|speaker| speaker.name.clone()).collect();
            vec![
                ("@type", json!("Event")),
                ("startDate", json!(webinar.begins().map(|at| at.to_rfc3339()))),
                ("endDate", json!(webinar.ends().map(|at| at.to_rfc3339()))),
                ("eventAttendanceMode", json!("https://schema.org/OnlineEventAttendanceMode")),
                ("eventStatus", json!("https://schema.org/EventScheduled")),
                ("location", json!({ "@type": "VirtualLocation", "url": own })),
                ("performer", people(&names)),
                ("organizer", organisation(&voice.vendor.name, &voice.vendor.website)),
            ]
        }
        _ => vec![("@type", json!("WebPage"))],
    }
}
