//! The way to a desk without an offer: a link by mail, a button, a cookie.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};

use super::set_cookie;
use crate::{
    domain::kernel::id::{ConflictId, LeadId},
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond::{self, Answer},
        throttle::Throttle,
        visitor::Asking,
    },
    work::{Context, desk, signin},
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Title.
    pub title: String,
    /// What to do.
    pub text: String,
    /// Where the button leads; none where there is nothing more to do here.
    pub action: Option<String>,
}

impl View {
    /// Another link is on its way to somebody.
    pub fn sent(name: &str) -> Self {
        Self {
            title: "Look into your mail".to_owned(),
            text: format!("Another link is on its way to {name}. It opens the desk for seven days."),
            action: None,
        }
    }
}

/// Where to go then.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct To {
    to: String,
}

impl To {
    /// A page of the desk; the list where another is named: anybody may have written the address.
    fn path(&self) -> String {
        let lead = self.to.strip_prefix("/desk/leads/").and_then(|id| LeadId::parse(id).ok());
        match (lead, self.to.as_str()) {
            (Some(lead), _) => format!("/desk/leads/{lead}"),
            (None, to)
                if to.strip_prefix("/desk/conflicts/").is_some_and(|id| ConflictId::parse(id).is_ok()) =>
            {
                to.to_owned()
            }
            (None, "/desk/team") => "/desk/team".to_owned(),
            (None, _) => "/desk".to_owned(),
        }
    }
}

/// `GET /desk/enter/{token}`: changes nothing, whoever asks.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(to): Query<To>,
) -> Answer {
    let rep = desk::of_link(&ctx, &token).await?;
    let view = View {
        title: "Open your desk".to_owned(),
        text: format!("For {}. It stays open in this browser for seven days.", rep.name),
        action: Some(format!("/desk/enter/{token}?to={}", to.path())),
    };
    respond::page(&ctx, "desk/enter", &Frame::new(&ctx, Area::Desk, &view.title, "/desk"), &view)
}

/// `POST /desk/enter/{token}`
pub async fn enter(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(to): Query<To>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
) -> Answer {
    let rep = desk::of_link(&ctx, &token).await?;
    throttle.sign_in(&ctx, &visitor, &rep.key).map_err(Problem::too_often)?;
    let cookie = signin::open_desk(&ctx, &rep.key).await?;
    Ok(([set_cookie(&ctx, "desk", &cookie)], respond::see_other(&to.path())).into_response())
}

/// An address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Address {
    email: String,
}

/// `POST /desk/sign-in`: says the same to everybody.
pub async fn ask(
    State(ctx): State<Arc<Context>>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(typed): Body<Address>,
) -> Answer {
    throttle.sign_in(&ctx, &visitor, &typed.email).map_err(Problem::too_often)?;
    desk::send_link(&ctx, &typed.email).await?;
    let view = View {
        title: "Look into your mail".to_owned(),
        text: "If leads are offered to this address, a link to your desk is on its way. It works for seven days.".to_owned(),
        action: None,
    };
    respond::page(&ctx, "desk/enter", &Frame::new(&ctx, Area::Desk, &view.title, "/desk"), &view)
}

#[cfg(test)]
impl View {
    /// With a button.
    pub fn sample() -> Self {
        Self {
            title: "Open your desk".into(),
            text: "For Tom Beckett. It stays open in this browser for seven days.".into(),
            action: Some("#".into()),
        }
    }
}
