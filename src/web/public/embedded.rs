//! Content in a partner's own site: `/p/{partner}/embed` lists the newest, `/p/{partner}/{folder}/{slug}/embed` is an article or a
//! webinar's card, for a frame; the same with `.html` behind it is a fragment for the page itself. No cookies; only pages of the
//! partner's site may show a frame. Links out of it are tracked and carry the channel `embed`.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    Head, Setting, Wanted,
    card::Card,
    form::Which,
    home::{self, Teaser},
    kind_part::{self, KindPart},
};
use crate::{
    domain::{
        content::{Asset, Detail, kinds::Gate, merge::merge, tree::Target},
        engagement::{EventKind, Placement},
        kernel::{Locale, Result},
    },
    render::{
        html::{self, Hooks, Profile},
        slots::SlotTable,
    },
    web::{error::Problem, headers, respond, respond::Answer, statics, visitor::Asking},
    work::{
        Context,
        cobrand::{CoBrand, no_value},
        embeds::{self, Embedded},
        feeds::free_part,
        placed,
        recall::{self, Leads, Replaced},
        track::{self, OnPage},
    },
};

/// Cards of a list at most: it stands in somebody else's page.
const CARDS_MAX: usize = 12;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The script that tells how high it is.
    pub js: String,
    /// The address that stands for all copies.
    pub canonical: Option<String>,
    /// Language of the content.
    pub lang: String,
    /// Its direction.
    pub dir: &'static str,
    /// Who shows it.
    pub about: String,
    /// Of a list.
    pub cards: Vec<Teaser>,
    /// Of one asset.
    pub article: Option<Article>,
    /// Why there is nothing to see.
    pub notice: Option<Notice>,
    /// The partner's own page.
    pub home: Action,
}

/// One asset.
#[derive(Debug, Serialize)]
pub struct Article {
    /// `Whitepaper`
    pub kind: String,
    /// Who wrote it, or when it was published.
    pub meta: Option<String>,
    /// Its title.
    pub title: String,
    /// Its summary.
    pub summary: String,
    /// What its kind has of its own.
    pub part: KindPart,
    /// HTML; none of a webinar, which is a card.
    pub body: Option<String>,
    /// The page it stands on, with what can be done there.
    pub more: Action,
}

/// A tracked link.
#[derive(Debug, Serialize)]
pub struct Action {
    /// Its text.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

/// In place of content.
#[derive(Debug, Serialize)]
pub struct Notice {
    /// In a few words.
    pub title: String,
    /// What happened.
    pub text: String,
}

/// In a frame, or in the page itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Frame,
    Fragment,
}

impl Mode {
    fn of(uri: &Uri) -> Self {
        if uri.path().ends_with(".html") { Self::Fragment } else { Self::Frame }
    }
}

/// `GET /p/{partner}/embed` and `embed.html`
pub async fn list(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(wanted): Query<Wanted>,
    uri: Uri,
    Asking(visitor): Asking,
) -> Answer {
    let mut setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    setting.replaced = Replaced::load(&ctx.db).await?;
    let language = ctx.templates.language(&setting.locale);
    let seen = track::placed(&ctx, &on_page(&setting, ""), Some(Placement::Embed), &visitor);
    let view = View {
        cards: home::teasers(&ctx, &setting, CARDS_MAX, &|reference| tracked(&ctx, &setting, reference))?,
        ..blank(&ctx, &setting, &language)?
    };
    let title = ctx.templates.strings(&language).get("our_content").to_owned();
    let shown = show(&ctx, &setting, (&title, &language), Mode::of(&uri), &view).await;
    seen.settled(&ctx).await;
    shown
}

/// `GET /p/{partner}/{folder}/{slug}/embed` and `embed.html`
pub async fn asset(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    uri: Uri,
    Asking(visitor): Asking,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let (reference, mode) = (format!("{folder}/{slug}"), Mode::of(&uri));
    match recall::leads(&ctx.db, &setting.library, &reference).await? {
        None | Some(Leads::Itself) => {}
        Some(Leads::To(other)) if is_open(&ctx, &setting, &other) => {
            let ending = if mode == Mode::Fragment { ".html" } else { "" };
            let path = Embedded::Asset(&other).path(setting.partner.slug.as_str());
            let to = format!("{path}{ending}{}", wanted.query());
            return Ok(open_to_all(headers::private(respond::redirect(StatusCode::FOUND, &to)), mode));
        }
        Some(Leads::To(_) | Leads::Nowhere) => return withdrawn(&ctx, &setting, mode).await,
    }
    if !is_open(&ctx, &setting, &reference) {
        return Err(Problem::no_page());
    }
    let asset = setting.asset(&reference)?;
    let language = setting.language(&ctx, asset);
    let seen = track::placed(&ctx, &on_page(&setting, &reference), Some(Placement::Embed), &visitor);
    let article = article(&ctx, &setting, asset, &language)?;
    let title = article.title.clone();
    let card = Card::of(&ctx, &setting, asset, (&title, &article.summary), &language)?;
    let view =
        View { canonical: Some(card.canonical), article: Some(article), ..blank(&ctx, &setting, &language)? };
    let shown = show(&ctx, &setting, (&title, &language), mode, &view).await;
    seen.settled(&ctx).await;
    shown
}

fn is_open(ctx: &Context, setting: &Setting, reference: &str) -> bool {
    setting.asset(reference).is_ok_and(|asset| embeds::is_open(&setting.partner, asset, ctx.now_ms()))
}

fn on_page<'a>(setting: &'a Setting, asset: &'a str) -> OnPage<'a> {
    let partner = setting.partner.slug.as_str();
    OnPage { kind: EventKind::EmbedView, partner, asset, revision: None, via: None, lead: None }
}

/// The tracked address of an asset's page.
fn tracked(ctx: &Context, setting: &Setting, reference: &str) -> String {
    placed::address(ctx, &setting.partner, &setting.locale, reference, (Placement::Embed, false))
}

fn blank(ctx: &Context, setting: &Setting, language: &Locale) -> Result<View> {
    let strings = ctx.templates.strings(language);
    let (partner, base) = (&setting.partner, &ctx.settings.public_url);
    let vendor = &setting.voice()?.vendor.name;
    Ok(View {
        js: statics::address("frame.js"),
        canonical: None,
        lang: language.to_string(),
        dir: language.direction(),
        about: strings.fill("presented_by", &[("partner", &partner.name), ("vendor", vendor)]),
        cards: Vec::new(),
        article: None,
        notice: None,
        home: Action { label: partner.name.clone(), href: format!("{base}/p/{}", partner.slug) },
    })
}

/// "This was withdrawn", at once: what is shown in others' pages is asked for anew each time.
async fn withdrawn(ctx: &Context, setting: &Setting, mode: Mode) -> Answer {
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let vendor = setting.voice()?.vendor.name.clone();
    let names = [("vendor", vendor.as_str()), ("partner", setting.partner.name.as_str())];
    let title = strings.get("withdrawn_title").to_owned();
    let notice = Notice { text: strings.fill("withdrawn_text", &names), title: title.clone() };
    let view = View { notice: Some(notice), ..blank(ctx, setting, &language)? };
    let page = show(ctx, setting, (&title, &language), mode, &view).await?;
    Ok((StatusCode::GONE, page).into_response())
}

fn article(ctx: &Context, setting: &Setting, asset: &Asset, language: &Locale) -> Result<Article> {
    let strings = ctx.templates.strings_for(language, &setting.locale);
    let base = ctx.settings.public_url.as_str();
    let voice = CoBrand::new(&setting.library, &setting.media, &setting.partner, &setting.locale, base)?;
    let partner = [("partner", setting.partner.name.as_str())];
    let mut part = KindPart::of(asset, setting, &strings, &Wanted::default(), ctx.now_ms());
    let is_ahead = part.event.as_ref().is_some_and(|event| event.calendar.is_some());
    // What can be done is done on the page, which the one link leads to.
    let (action, event) = (part.action.take(), part.event.as_mut());
    if let Some(event) = event {
        event.calendar = None;
    }
    part.poster = None;
    let is_gated = matches!(&asset.detail, Detail::Whitepaper(paper) if paper.gate == Gate::Form);
    let nodes = merge(&asset.text_for(&setting.reader()), &|field| voice.value_or_name(field))
        .map_err(|missing| no_value(&setting.partner, &missing))?;
    let free = if is_gated { free_part(&nodes) } else { nodes.len() };
    let mut hooks = Hooks {
        link: &mut |target| match target {
            Target::Asset(reference) => tracked(ctx, setting, reference),
            other => voice.target(other),
        },
        image: &mut |path| voice.image(path),
        slots: &mut SlotTable::default(),
    };
    let is_card = matches!(&asset.detail, Detail::Webinar(_));
    let body = (!is_card).then(|| html::fragment(&nodes[..free], Profile::Page, &mut hooks));
    let label = match (&asset.detail, action) {
        (Detail::Webinar(_), _) if is_ahead && Which::of(&setting.library, asset, ctx.now_ms()).is_some() => {
            strings.get("register").to_owned()
        }
        (_, Some(action)) => action.label,
        _ if free < nodes.len() => strings.get("read_rest").to_owned(),
        _ => strings.fill("embed_open", &partner),
    };
    let summary = asset.front.summary.as_ref().map(|summary| voice.text(summary)).transpose()?;
    Ok(Article {
        kind: strings.get(&format!("kind_{}", asset.kind().as_str())).to_owned(),
        meta: kind_part::meta(asset, &strings),
        title: voice.text(&asset.front.title)?,
        summary: summary.unwrap_or_default(),
        part,
        body,
        more: Action { label, href: tracked(ctx, setting, &asset.reference) },
    })
}

async fn show(
    ctx: &Context,
    setting: &Setting,
    (title, language): (&str, &Locale),
    mode: Mode,
    view: &View,
) -> Result<Response, Problem> {
    let head = Head::new(title, "", language);
    let name = if mode == Mode::Fragment { "public/embedded_part" } else { "public/embedded" };
    let page = headers::unlisted(headers::private(setting.page(ctx, name, head, view)?));
    let page = headers::embedded(page, &embeds::ancestors(ctx, &setting.partner).await?);
    Ok(open_to_all(page, mode))
}

/// A fragment may be read by pages of any site: it is public, and asked for without cookies.
fn open_to_all(mut response: Response, mode: Mode) -> Response {
    if mode == Mode::Fragment {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

#[cfg(test)]
impl View {
    /// A list, an article, or a notice.
    pub fn sample(what: &str) -> Self {
        let action = |label: &str| Action { label: label.into(), href: "https://cast.example/".into() };
        let article = Article {
            kind: "Article".into(),
            meta: Some("By Ingrid Solheim".into()),
            title: "Restores, not backups".into(),
            summary: "What a board should ask.".into(),
            part: KindPart::sample(),
            body: Some("<p>Every month, many boards receive a report.</p>".into()),
            more: action("Read the rest"),
        };
        Self {
            js: "/static/frame.js".into(),
            canonical: (what == "article").then(|| "https://cast.example/p/northlight/blog/a".into()),
            lang: "en".into(),
            dir: "ltr",
            about: "Presented by Northlight MSP with Brackenfold".into(),
            cards: if what == "list" { home::View::sample().assets } else { Vec::new() },
            article: (what == "article").then_some(article),
            notice: (what == "notice").then(|| Notice {
                title: "This is no longer available".into(),
                text: "Brackenfold has withdrawn it.".into(),
            }),
            home: action("Northlight MSP"),
        }
    }
}
