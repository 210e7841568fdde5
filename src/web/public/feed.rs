//! Feeds of a partner's content: one for anybody, and one for its own people at an address that nobody can guess.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use serde::Deserialize;

use crate::{
    domain::{
        kernel::{Error, Locale, Slug},
        partner::{AudienceRole, Partner},
    },
    render::feed::{self, ATOM, JSON_FEED},
    store::partners,
    web::{
        error::Problem,
        headers,
        respond::{self, Answer, Kept},
        visitor::Asking,
    },
    work::{
        Context,
        feeds::{self, Ask},
        track::{self, Visitor},
    },
};

/// How long a feed need not be asked for again, in seconds.
const KEPT_S: u32 = 900;

/// What the address of a feed may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    role: Option<String>,
    topic: Option<String>,
    lang: Option<String>,
}

impl Wanted {
    /// What it asks; a word that means nothing is no feed, or a reader would show something else than it says.
    fn ask(&self, partner: &Partner) -> Result<Ask, Problem> {
        let missing = |_| Error::not_found("this feed");
        let role = match &self.role {
            Some(word) => Some(AudienceRole::parse(word).ok_or_else(|| Error::not_found("this feed"))?),
            None => None,
        };
        let locale = self.lang.as_deref().map(Locale::parse).transpose().map_err(missing)?;
        Ok(Ask {
            role,
            topic: self.topic.as_deref().map(Slug::parse).transpose().map_err(missing)?,
            locale: locale.filter(|locale| *locale != partner.locale),
        })
    }
}

/// In which form a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Atom,
    Json,
}

impl Form {
    /// That of a path's ending.
    fn of(path: &str) -> Result<Self, Problem> {
        match path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("atom") => Ok(Self::Atom),
            Some("json") => Ok(Self::Json),
            _ => Err(Problem::no_page()),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Atom => "atom",
            Self::Json => "json",
        }
    }
}

/// `GET /p/{partner}/feed.atom` and `feed.json`: for anybody.
pub async fn public(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    uri: Uri,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    asked: HeaderMap,
) -> Answer {
    let form = Form::of(uri.path())?;
    let partner = partners::partner(&ctx.db, &partner).await?.ok_or_else(Problem::no_page)?;
    show(&ctx, &partner, &wanted, (form, false), (&visitor, &asked)).await
}

/// `GET /feeds/{token}.atom` and `.json`: for the partner's own people.
pub async fn inside(
    State(ctx): State<Arc<Context>>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    asked: HeaderMap,
) -> Answer {
    let form = Form::of(&name)?;
    let token = name.split_once('.').map_or(name.as_str(), |(token, _)| token);
    let partner = feeds::opened(&ctx, token).await?;
    show(&ctx, &partner, &wanted, (form, true), (&visitor, &asked)).await.map(headers::unlisted)
}

async fn show(
    ctx: &Context,
    partner: &Partner,
    wanted: &Wanted,
    (form, is_inside): (Form, bool),
    (visitor, asked): (&Visitor, &HeaderMap),
) -> Result<Response, Problem> {
    let mut ask = wanted.ask(partner)?;
    // The public reads nothing that is written for a role.
    ask.role = ask.role.filter(|_| is_inside);
    let made = feeds::kept(ctx, partner, &ask, is_inside).await?;
    let name = format!("{}{}{}", if is_inside { "inside." } else { "" }, form.as_str(), ask.query());
    let read = track::feed_read(ctx, partner.slug.as_str(), &name, visitor);
    let kept = Kept { changed_ms: made.updated_ms, seconds: KEPT_S };
    let (media_type, bytes) = match form {
        Form::Atom => (ATOM, feed::atom(&made).into_bytes()),
        Form::Json => {
            let bytes =
                feed::json(&made).map_err(|error| Error::internal("a feed as JSON").because(error))?;
            (JSON_FEED, bytes)
        }
    };
    read.settled(ctx).await;
    Ok(respond::revalidated(ctx, asked, media_type, bytes, kept))
}
