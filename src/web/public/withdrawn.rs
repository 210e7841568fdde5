//! Where links to a recalled asset lead: to another one, or to a page that says that it was withdrawn; and the page that
//! says nothing.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Head, Setting, Wanted};
use crate::{
    web::{error::Problem, respond},
    work::{
        Context,
        cobrand::page_path,
        recall::{self, Leads},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// In a few words.
    pub title: String,
    /// What happened, and whom to ask.
    pub text: String,
}

/// What to answer instead of the page of a recalled asset; nothing where that page is right.
///
/// # Errors
/// Those of the store, or a template that does not fit.
pub async fn instead(
    ctx: &Context,
    setting: &Setting,
    reference: &str,
    wanted: &Wanted,
) -> Result<Option<Response>, Problem> {
    match recall::leads(&ctx.db, &setting.library, reference).await? {
        None | Some(Leads::Itself) => Ok(None),
        // Not for good: a recall can be lifted. The query keeps the language, and the mail that led here.
        Some(Leads::To(other)) if setting.asset(&other).is_ok() => {
            let path = page_path(setting.partner.slug.as_str(), &other);
            let to = format!("{path}{}", wanted.query());
            Ok(Some(respond::redirect(StatusCode::FOUND, &to)))
        }
        // A partner that does not have the other one has nothing to show either.
        Some(Leads::To(_) | Leads::Nowhere) => gone(ctx, setting).map(Some),
    }
}

/// "This was withdrawn", with the partner's people to ask.
///
/// # Errors
/// A template that does not fit.
pub fn gone(ctx: &Context, setting: &Setting) -> Result<Response, Problem> {
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let vendor = setting.voice()?.vendor.name.clone();
    let names = [("vendor", vendor.as_str()), ("partner", setting.partner.name.as_str())];
    let view = View {
        title: strings.get("withdrawn_title").to_owned(),
        text: strings.fill("withdrawn_text", &names),
    };
    let head = Head::new(&view.title, "", &language);
    let page = setting.page(ctx, "public/withdrawn", head, &view)?;
    Ok((StatusCode::GONE, page).into_response())
}

/// "There is nothing here", where that is the right answer.
///
/// # Errors
/// A template that does not fit.
pub fn nothing(ctx: &Context, setting: &Setting) -> Result<Response, Problem> {
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let view = View {
        title: strings.get("problem_missing_title").to_owned(),
        text: strings.get("problem_missing_text").to_owned(),
    };
    let head = Head::new(&view.title, "", &language);
    setting.page(ctx, "public/withdrawn", head, &view)
}

#[cfg(test)]
impl View {
    /// An English one.
    pub fn sample() -> Self {
        Self {
            title: "This is no longer available".into(),
            text: "Brackenfold has withdrawn it. If you need it, or have questions about it, ask Northlight MSP.".into(),
        }
    }
}
