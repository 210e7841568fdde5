//! A link of ours that leads nowhere, because it is cut, forged or too old: what it was for, what to do now, and whom to ask, in
//! the reader's language and the vendor's name.

use axum::{
    extract::Query,
    http::{HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::Wanted;
use crate::{
    domain::kernel::Locale,
    render::Strings,
    web::{
        frame::{Area, Frame},
        respond,
    },
    work::{Context, publish},
};

/// What is said of a link, by the first part of its path.
const SAID: [(&str, &str); 11] = [
    ("c", "lost_mail"),
    ("t", "lost_mail"),
    ("v", "lost_mail"),
    ("u", "lost_settings"),
    ("one-click", "lost_settings"),
    ("r", "lost_answer"),
    ("o", LEAD),
    ("claim", LEAD),
    ("post", "lost_post"),
    ("feeds", "lost_feed"),
    ("calendars", "lost_feed"),
];
/// The links of people who have a desk.
const LEAD: &str = "lost_lead";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `404`
    pub status: u16,
    /// In a few words.
    pub title: String,
    /// What the link was for, what to do, and whom to ask.
    pub text: String,
    /// The text of the link to the desk, for those who have one.
    pub desk: Option<String>,
    /// The vendor's site.
    pub site: String,
    /// The text of the link to it.
    pub site_label: String,
    /// The number in the log.
    pub id: String,
}

fn key(path: &str) -> Option<&'static str> {
    let first = path.split('/').nth(1)?;
    SAID.iter().find(|(kind, _)| *kind == first).map(|(_, key)| *key)
}

/// What is said of the link at `path` to whoever is to ask `ask`; nothing for the address of a page.
pub fn text(strings: &Strings, path: &str, ask: &str) -> Option<String> {
    key(path).map(|key| strings.fill(key, &[("ask", ask)]))
}

/// The page for `uri`, whoever's it was; `languages` is what the browser says of its reader. Nothing for addresses that are no link
/// of ours, and while there is no content that says who we are.
pub fn page(
    ctx: &Context,
    uri: &Uri,
    languages: Option<&HeaderValue>,
    status: StatusCode,
    id: &str,
) -> Option<Response> {
    let key = key(uri.path()).filter(|_| matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE))?;
    let library = ctx.library();
    let vendor = library.vendor.as_ref()?;
    let wanted = Query::<Wanted>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
    let named = wanted.lang.as_deref().and_then(|lang| Locale::parse(lang).ok());
    let locale = named.or_else(|| spoken(ctx, languages)).unwrap_or_else(|| publish::default_locale(ctx));
    let language = ctx.templates.language(&locale);
    let strings = ctx.templates.strings(&language);
    let title = if status == StatusCode::GONE { "withdrawn_title" } else { "problem_missing_title" };
    let view = View {
        status: status.as_u16(),
        title: strings.get(title).to_owned(),
        text: strings.fill(key, &[("ask", &vendor.name)]),
        desk: (key == LEAD).then(|| strings.get("lost_desk").to_owned()),
        site: vendor.website.clone(),
        site_label: strings.fill("lost_site", &[("vendor", &vendor.name)]),
        id: id.to_owned(),
    };
    let frame = Frame::new(ctx, Area::Public, view.title.clone(), "").in_language(&language);
    let shown =
        respond::html(&ctx.templates, "public/lost", &Shown { frame: &frame, t: &strings, page: &view });
    Some((status, shown.ok()?).into_response())
}

/// What the template is given.
#[derive(Serialize)]
struct Shown<'a> {
    frame: &'a Frame,
    t: &'a Strings,
    page: &'a View,
}

/// The first of the reader's languages that the interface speaks (RFC 9110, section 12.5.4); those that are as dear come in their
/// order.
fn spoken(ctx: &Context, languages: Option<&HeaderValue>) -> Option<Locale> {
    let text = languages?.to_str().ok()?;
    let mut wanted: Vec<(f32, Locale)> = text
        .split(',')
        .filter_map(|one| {
            let (tag, weight) = one.split_once(';').unwrap_or((one, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok())?;
            Some((weight, Locale::parse(tag.trim()).ok()?)).filter(|(weight, _)| *weight > 0.0)
        })
        .collect();
    wanted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    wanted.into_iter().map(|(_, locale)| locale).find(|locale| ctx.templates.language(locale) == *locale)
}

#[cfg(test)]
impl View {
    /// An English one.
    pub fn sample() -> Self {
        Self {
            status: 404,
            title: "There is nothing here".into(),
            text: "The link was for a lead that was offered to you. It is not complete, or it is too old."
                .into(),
            desk: Some("To your leads".into()),
            site: "https://brackenfold.example".into(),
            site_label: "To the site of Brackenfold".into(),
            id: "5b1f0c2d9a77e340".into(),
        }
    }
}
