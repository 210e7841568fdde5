//! `/oembed` (oembed.com 1.0): what programs such as WordPress put in place of a pasted address of a partner's page. WordPress
//! keeps a quotation and a frame of it and nothing else, so it is these two.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Setting, home};
use crate::{
    domain::{
        content::merge::percent_encoded,
        engagement::Placement,
        kernel::{Error, Kind, Result},
    },
    render::slots::escape_html,
    web::{error::Problem, respond::Answer},
    work::{
        Context,
        cobrand::page_path,
        embeds::{self, Embedded},
        forms::TALK_TO_US,
        placed,
        recall::{self, Leads},
    },
};

/// Width where the asker names none, in CSS pixels.
const WIDTH: u32 = 600;
/// How long an answer may be kept, in seconds. What the frame shows is asked for anew each time whatever is kept.
const CACHE_AGE_S: u32 = 3_600;
/// Pages that are one person's.
const PERSONAL: [&str; 8] = ["/r/", "/o/", "/c/", "/u/", "/v/", "/claim/", "/desk", "/console"];

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    url: String,
    format: String,
    maxwidth: Option<u32>,
    maxheight: Option<u32>,
}

/// The address that answers for the page at `path`, to which `&format=` is added.
pub fn address(ctx: &Context, path: &str) -> String {
    let base = &ctx.settings.public_url;
    format!("{base}/oembed?url={}", percent_encoded(&format!("{base}{path}")))
}

/// `GET /oembed`
pub async fn answer(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let is_xml = match asked.format.as_str() {
        "" | "json" => false,
        "xml" => true,
        _ => return Ok(refusal(StatusCode::NOT_IMPLEMENTED, "format is json or xml")),
    };
    let Some(path) = path_of(&ctx.settings.public_url, &asked.url) else {
        return Ok(refusal(StatusCode::NOT_FOUND, "url names no page of ours"));
    };
    if PERSONAL.iter().any(|begins| path.starts_with(begins)) {
        return Ok(refusal(StatusCode::UNAUTHORIZED, "that page is one person's"));
    }
    let said = match said(&ctx, &path, &asked).await {
        Ok(said) => said,
        Err(problem) => {
            let error = problem.into_error();
            return match error.kind() {
                Kind::NotFound => {
                    Ok(refusal(StatusCode::NOT_FOUND, "there is no such page, or nothing of it to embed"))
                }
                _ => Err(error.into()),
            };
        }
    };
    let (media_type, body) = if is_xml {
        ("text/xml; charset=utf-8", xml(&said))
    } else {
        ("application/json; charset=utf-8", Value::Object(said).to_string())
    };
    Ok(public((StatusCode::OK, [(header::CONTENT_TYPE, media_type)], body).into_response()))
}

/// Path of an address of ours, without query and fragment.
fn path_of(base: &str, url: &str) -> Option<String> {
    let rest = url.trim().strip_prefix(base)?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    (path.starts_with('/') && path.len() < 500).then(|| path.trim_end_matches('/').to_owned())
}

/// What may be embedded of the page at `path`: partner, reference (empty for the list).
fn named(path: &str) -> Option<(&str, String)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        ["p", partner] => Some((partner, String::new())),
        ["p", partner, "talk-to-us"] => Some((partner, TALK_TO_US.to_owned())),
        ["p", partner, folder, slug] => Some((partner, format!("{folder}/{slug}"))),
        // Of a tracked link, whatever it was signed for: the frame tracks for itself.
        ["t", _, partner, folder, slug] => Some((partner, format!("{folder}/{slug}"))),
        _ => None,
    }
}

async fn said(ctx: &Context, path: &str, asked: &Asked) -> Result<Map<String, Value>, Problem> {
    let missing = || Problem::from(Error::not_found("this page"));
    let (partner, mut reference) = named(path).ok_or_else(missing)?;
    let lang = asked.url.split_once('?').and_then(|(_, query)| {
        let query = query.split('#').next().unwrap_or_default();
        query.split('&').find_map(|pair| pair.strip_prefix("lang="))
    });
    let setting = Setting::of(ctx, partner, lang).await?;
    match recall::leads(&ctx.db, &setting.library, &reference).await? {
        None | Some(Leads::Itself) => {}
        Some(Leads::To(other)) => reference = other,
        Some(Leads::Nowhere) => return Err(missing()),
    }
    let strings = ctx.templates.strings(&ctx.templates.language(&setting.locale));
    let slug = setting.partner.slug.as_str();
    let (what, title, link) = match reference.as_str() {
        "" => (Embedded::List, strings.get("our_content").to_owned(), page_path(slug, "")),
        TALK_TO_US => {
            (Embedded::Form("talk-to-us"), strings.get("talk_to_us").to_owned(), page_path(slug, TALK_TO_US))
        }
        reference => {
            let asset = setting.asset(reference)?;
            if !home::is_public(asset.kind()) || !embeds::is_open(&setting.partner, asset, ctx.now_ms()) {
                return Err(missing());
            }
            let title = setting.voice()?.text(&asset.front.title)?;
            (Embedded::Asset(reference), title, page_path(slug, reference))
        }
    };
    let base = ctx.settings.public_url.as_str();
    let link = match what {
        Embedded::Asset(reference) => {
            placed::address(ctx, &setting.partner, &setting.locale, reference, (Placement::Embed, false))
        }
        Embedded::List | Embedded::Form(_) => format!("{base}{}", link.trim_end_matches('/')),
    };
    let lang = if setting.locale == setting.partner.locale {
        String::new()
    } else {
        format!("?lang={}", setting.locale)
    };
    let source = format!("{base}{}{lang}", what.path(slug));
    let vendor = setting.voice()?.vendor.name.clone();
    Ok(rich(&title, (&setting.partner.name, &vendor), (base, slug), (&link, &source), room(what, asked)))
}

/// Width and height, within what the asker allows.
fn room(what: Embedded<'_>, asked: &Asked) -> (u32, u32) {
    let within = |wanted: u32, most: Option<u32>| {
        most.filter(|most| *most > 0).map_or(wanted, |most| wanted.min(most))
    };
    (within(WIDTH, asked.maxwidth), within(what.height(), asked.maxheight))
}

fn rich(
    title: &str,
    (partner, vendor): (&str, &str),
    (base, slug): (&str, &str),
    (link, source): (&str, &str),
    (width, height): (u32, u32),
) -> Map<String, Value> {
    let html = format!(
        "<blockquote><a href=\"{link}\">{title}</a></blockquote>\
         <iframe src=\"{source}\" width=\"{width}\" height=\"{height}\" title=\"{title}\" frameborder=\"0\"></iframe>",
        link = escape_html(link),
        source = escape_html(source),
        title = escape_html(title),
    );
    let pairs = [
        ("version", json!("1.0")),
        ("type", json!("rich")),
        ("title", json!(title)),
        ("author_name", json!(partner)),
        ("author_url", json!(format!("{base}/p/{slug}"))),
        ("provider_name", json!(vendor)),
        ("provider_url", json!(base)),
        ("cache_age", json!(CACHE_AGE_S)),
        ("html", json!(html)),
        ("width", json!(width)),
        ("height", json!(height)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn xml(said: &Map<String, Value>) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n<oembed>\n");
    for (key, value) in said {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        xml.push_str(&format!("<{key}>{}</{key}>\n", escape_html(&text)));
    }
    xml.push_str("</oembed>\n");
    xml
}

fn refusal(status: StatusCode, why: &'static str) -> Response {
    public((status, why).into_response())
}

/// It holds nothing of anybody, and pages of any site may ask.
fn public(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_ours_are_pages() {
        let base = "https://cast.example";
        let path = |url: &str| path_of(base, url);
        assert_eq!(path("https://cast.example/p/ipe/?lang=de#x").as_deref(), Some("/p/ipe"));
        for other in ["https://cast.example.evil.example/p/ipe", "http://cast.example/p/ipe", "", "/p/ipe"] {
            assert_eq!(path(other), None, "{other}");
        }
        assert_eq!(named("/p/ipe/blog/a"), Some(("ipe", "blog/a".to_owned())));
        assert_eq!(named("/t/abc/ipe/blog/a"), Some(("ipe", "blog/a".to_owned())));
        assert_eq!(named("/p/ipe"), Some(("ipe", String::new())));
        assert_eq!((named("/"), named("/p/ipe/blog"), named("/x/ipe/blog/a")), (None, None, None));
    }

    #[test]
    fn what_is_said_fits_and_is_no_code() {
        let asked = Asked { maxwidth: Some(320), maxheight: Some(0), ..Asked::default() };
        assert_eq!(room(Embedded::Form("x"), &asked), (320, 720));
        assert_eq!(room(Embedded::List, &Asked { maxheight: Some(200), ..Asked::default() }), (600, 200));
        let said = rich(
            "A \"<b>\" & c",
            ("Ipê", "B"),
            ("https://cast.example", "ipe"),
            ("https://l", "https://s"),
            (1, 2),
        );
        let html = said["html"].as_str().unwrap();
        assert!(html.contains("title=\"A &quot;&lt;b&gt;&quot; &amp; c\""), "{html}");
        let xml = xml(&said);
        assert!(xml.contains("<html>&lt;blockquote&gt;") && xml.contains("<width>1</width>"), "{xml}");
        assert!(roxmltree::Document::parse(&xml).is_ok());
    }
}
