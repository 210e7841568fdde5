//! What stands in a pane: the rendition itself, without script and with nobody's token.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, Query, State},
    http::header,
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Asked, channel, eyes};
use crate::{
    domain::{
        content::kinds::Network,
        kernel::{Error, Result},
    },
    render::slots::escape_url_part,
    web::{
        error::Problem,
        frame::{Area, Frame},
        headers::{framed, framed_mail},
        public::{self, Setting, Wanted},
        respond::{self, Answer},
        view::counted,
    },
    work::{
        Context,
        cobrand::TALK_TO_US,
        preview::{Channel, Eyes, Preview, Rendition, theirs},
        recall::Replaced,
    },
};

/// Styles that mails hold for readers who like it dark.
const DARK: &str = "(prefers-color-scheme: dark)";

/// `GET /p/{partner}/{folder}/{slug}`: a link inside a pane, which stays in it.
pub async fn follow(
    Path((partner, reference)): Path<(String, String)>,
    Query(asked): Query<Followed>,
) -> Response {
    let (reference, channel) = match reference.strip_suffix("/document.pdf") {
        Some(asset) => (asset.to_owned(), Channel::Document.as_str().to_owned()),
        None if reference == "talk-to-us" => (TALK_TO_US.to_owned(), String::new()),
        // Nobody is counted here.
        None => (reference.strip_suffix("/recording").unwrap_or(&reference).to_owned(), String::new()),
    };
    let eyes = Asked { partner, lang: asked.lang, channel, ..Asked::default() };
    let path: Vec<String> = reference.split('/').map(escape_url_part).collect();
    respond::see_other(&format!("/frames/{}{}", path.join("/"), eyes.query()))
}

/// `GET /p/{partner}`: the partner's list of what there is, inside a pane.
pub async fn home(ctx: State<Arc<Context>>, partner: Path<String>, wanted: Query<Wanted>) -> Answer {
    public::home::page(ctx, partner, wanted).await.map(framed)
}

/// What a link inside a pane says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Followed {
    lang: String,
}

/// Text in a pane.
#[derive(Debug, Serialize)]
pub struct TextView {
    /// As it is.
    pub text: String,
    /// `212 characters, 34 words`
    pub says: String,
    /// Which way it runs.
    pub dir: &'static str,
    /// Its language.
    pub lang: String,
    /// Whether it is shown dark.
    pub dark: bool,
    /// Whether it says what is wrong instead.
    pub is_fault: bool,
}

/// `GET /frames/{reference}`: what cannot be rendered says why, in the pane.
pub async fn show(
    State(ctx): State<Arc<Context>>,
    Extension(preview): Extension<Arc<Preview>>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    match rendered(&ctx, &preview, &reference, &asked).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let text = error.public().to_owned();
            text_page(&ctx, &TextView { text, is_fault: true, ..TextView::new(&asked, None) })
        }
    }
}

async fn rendered(ctx: &Context, preview: &Preview, reference: &str, asked: &Asked) -> Result<Response> {
    let library = ctx.library();
    let asset = library.versions(reference).first();
    let asset = asset.ok_or_else(|| Error::not_found(reference))?;
    let pane = asked.panes()[0];
    let (eyes, channel) = (eyes(preview, asset, pane).await?, channel(asset, pane)?);
    if channel == Channel::Page {
        theirs(library.find(reference, &eyes.locale).unwrap_or(asset), &eyes)?;
        let setting = Setting {
            replaced: Replaced::default(),
            partner: eyes.partner.clone(),
            locale: eyes.locale.clone(),
            library: ctx.library(),
            media: ctx.media(),
            is_dark: !asked.dark.is_empty(),
            stay: None,
            trap: None,
            share: false,
        };
        let page = public::asset::show(ctx, &setting, reference, &Wanted::default(), None).await;
        return page.map(framed).map_err(Problem::into_error);
    }
    match preview.rendition(reference, &channel, &eyes).await? {
        Rendition::Mail(mail) => {
            let html = if asked.dark.is_empty() { mail.html } else { mail.html.replace(DARK, "all") };
            Ok(framed_mail(Html(html).into_response()))
        }
        Rendition::Text(text) => {
            let says = as_counted(&channel, &text);
            text_page(ctx, &TextView { text, says, ..TextView::new(asked, Some(&eyes)) })
        }
        .map_err(Problem::into_error),
        Rendition::Document(bytes) => {
            Ok(framed(([(header::CONTENT_TYPE, "application/pdf")], bytes).into_response()))
        }
    }
}

impl TextView {
    fn new(asked: &Asked, eyes: Option<&Eyes>) -> Self {
        Self {
            text: String::new(),
            says: String::new(),
            dir: eyes.map_or("ltr", |eyes| eyes.locale.direction()),
            lang: eyes.map_or_else(|| "en".to_owned(), |eyes| eyes.locale.to_string()),
            dark: !asked.dark.is_empty(),
            is_fault: false,
        }
    }
}

/// How long a text is: a post as its network counts, which is how `check` does.
fn as_counted(channel: &Channel, text: &str) -> String {
    let network = match channel {
        Channel::Post(network) => Network::parse(network),
        _ => None,
    };
    let Some(network) = network else {
        let (characters, words) = (text.trim_end().chars().count(), text.split_whitespace().count());
        return format!(
            "{}, {}",
            counted(characters, "character", "characters"),
            counted(words, "word", "words")
        );
    };
    // The link stands at the end, after a line of its own.
    let body = text.trim_end().rsplit_once("\n\n").map_or(text, |(body, _)| body).trim();
    let (length, most) = (network.length(body), network.length_max() - network.link_length());
    let beside = if network.link_length() > 0 { ", beside the link" } else { "" };
    format!("{length} of {most} characters as {} counts{beside}", network.as_str())
}

fn text_page(ctx: &Context, view: &TextView) -> Answer {
    respond::page(ctx, "preview/text", &Frame::new(ctx, Area::Preview, "Text", "/"), view).map(framed)
}

#[cfg(test)]
impl TextView {
    /// A short post.
    pub fn sample() -> Self {
        Self {
            text: "A backup is a task. A restore is a result.".into(),
            says: "42 characters, 10 words".into(),
            dir: "ltr",
            lang: "en".into(),
            dark: true,
            is_fault: false,
        }
    }
}
