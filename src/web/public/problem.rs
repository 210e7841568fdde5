//! What went wrong on a partner's page, in the partner's look and the reader's language.

use axum::{
    extract::Query,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Head, Setting, Wanted, lost};
use crate::{
    domain::kernel::{Locale, token::Purpose},
    store::{deliveries, leads},
    work::{
        Context,
        tokens::{AccessToken, MailToken},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// `404`
    pub status: u16,
    /// In a few words.
    pub title: String,
    /// What to do.
    pub text: String,
    /// The number in the log.
    pub id: String,
}

/// The page for `uri`, if it belongs to a partner: by its path, or by a token of ours in it. `detail` is said in English.
pub async fn page(ctx: &Context, uri: &Uri, status: StatusCode, detail: &str, id: &str) -> Option<Response> {
    let partner = partner_of(ctx, uri.path()).await?;
    let wanted = Query::<Wanted>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
    let setting = Setting::of(ctx, &partner, wanted.lang.as_deref()).await.ok()?;
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let key = match status {
        StatusCode::NOT_FOUND => "problem_missing",
        StatusCode::TOO_MANY_REQUESTS => "problem_often",
        status if status.is_server_error() => "problem_ours",
        _ => "problem_refused",
    };
    let is_gone = status == StatusCode::GONE;
    let lost = (is_gone || status == StatusCode::NOT_FOUND)
        .then(|| lost::text(&strings, uri.path(), &setting.partner.name))
        .flatten();
    let is_told = lost.is_none() && key == "problem_refused" && is_english(&language);
    let ours = lost.unwrap_or_else(|| strings.get(&format!("{key}_text")).to_owned());
    let view = View {
        status: status.as_u16(),
        title: if is_gone {
            strings.get("withdrawn_title").to_owned()
        } else {
            strings.get(&format!("{key}_title")).to_owned()
        },
        // Only we can say more, and we say it in one language.
        text: if is_told { detail.to_owned() } else { ours },
        id: id.to_owned(),
    };
    let head = Head::new(&view.title, "", &language);
    let page = setting.page(ctx, "public/problem", head, &view).ok()?;
    Some((status, page).into_response())
}

fn is_english(language: &Locale) -> bool {
    language.fallbacks().contains(&"en")
}

/// Whose page the path is. A token that is not ours says nothing.
async fn partner_of(ctx: &Context, path: &str) -> Option<String> {
    let mut parts = path.split('/').skip(1);
    let (kind, key) = (parts.next()?, parts.next()?);
    let purpose = match kind {
        "p" => return Some(key.to_owned()),
        "t" => return parts.next().map(str::to_owned),
        "r" => {
            let access = AccessToken::verify(&ctx.keys, key).ok()?;
            let lead = leads::lead(&ctx.db, &access.lead.to_string()).await.ok()??;
            return Some(lead.partner_slug);
        }
        "c" | "v" => Purpose::Click,
        "u" | "one-click" => Purpose::Preferences,
        _ => return None,
    };
    let mail = MailToken::verify(&ctx.keys, purpose, key).ok()?;
    Some(deliveries::sent(&ctx.db, mail.delivery).await.ok()??.partner_slug)
}

#[cfg(test)]
impl View {
    /// Nothing there.
    pub fn sample() -> Self {
        Self {
            status: 404,
            title: "There is nothing here".into(),
            text: "The link may be incomplete, or what it led to is gone.".into(),
            id: "5b1f0c2d9a77e340".into(),
        }
    }
}
