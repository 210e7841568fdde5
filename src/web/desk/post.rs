//! `/post/{token}`: one post in a partner's account, for the partner's own people, by the signed link in a mail to them: what it
//! says, how it stands, a button to approve it, or the way to share it by hand.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        content::kinds::Network,
        engagement::Placement,
        kernel::{Error, Kind},
        social::{Content, PostState},
    },
    render::social::{self as intents, MASTODON},
    store::social::{Account, Post, accounts},
    web::{
        error::Problem,
        frame::{Area, Frame},
        headers,
        respond::{self, Answer},
        throttle::Throttle,
        visitor::Asking,
    },
    work::{
        Context, share,
        social::{self, opened},
    },
};

/// Who approves, or shares by hand, by a link.
const ACTOR: &str = "the partner’s marketing contact (link)";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What it is.
    pub title: String,
    /// How it stands, and what follows.
    pub text: String,
    /// What was just done, or what was wrong.
    pub notice: Option<(&'static str, String)>,
    /// Its words.
    pub words: String,
    /// Its link.
    pub link: String,
    /// The picture that goes with it.
    pub picture: Option<(String, String)>,
    /// Where it is approved, and the hash of what is.
    pub approve: Option<(String, String)>,
    /// Where the network takes it, and the network's name; where a person is to share it.
    pub share: Option<(String, &'static str)>,
    /// Where "I shared it" goes; none where nobody has to, or somebody did.
    pub told: Option<String>,
    /// Where it is.
    pub remote: Option<String>,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
}

/// `GET /post/{token}`: changes nothing, whoever asks.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done = match asked.done.as_str() {
        "approved" => Some("Approved. It is posted in a moment."),
        "shared" => Some("Noted. Thank you for sharing it."),
        _ => None,
    };
    let done = done.map(|text| ("good", text.to_owned()));
    show(&ctx, &token, done).await
}

async fn show(ctx: &Context, token: &str, notice: Option<(&'static str, String)>) -> Answer {
    let post = opened(ctx, token).await?;
    let account = accounts::account(&ctx.db, &post.account_id).await?;
    let account = account.ok_or_else(|| Error::not_found("this link"))?;
    let mut view = view(&account, &post, token);
    view.notice = notice;
    let frame = Frame::new(ctx, Area::Desk, &view.title, "/post");
    Ok(headers::unlisted(respond::page(ctx, "desk/post", &frame, &view)?))
}

fn view(account: &Account, post: &Post, token: &str) -> View {
    let content: Content = serde_json::from_str(&post.content).unwrap_or_default();
    let placement = Network::parse(&account.network).map_or(Placement::Mastodon, share::placement);
    let (network, handle) = (placement.label(), &account.handle);
    let state = PostState::parse(&post.state).unwrap_or(PostState::Withdrawn);
    let text = match state {
        _ if post.shared_ms.is_some() => "It is noted that you shared it. What its link brings is counted for you.".to_owned(),
        PostState::WaitingApproval => format!("It is posted in your account {handle} once you approve it."),
        PostState::Due | PostState::Sending => format!("It is posted in your account {handle} as soon as the network takes it."),
        PostState::Posted => format!("It is posted in your account {handle}."),
        PostState::Failed => {
            format!("It could not be posted in your account {handle}: {}. Please share it yourself.", post.because.trim_end_matches('.'))
        }
        PostState::Kit => "Copy the words and the link, or let the network open with them. What the link brings is counted for you.".to_owned(),
        PostState::Withdrawn if post.is_there => {
            format!("Your account {handle} has it already: {}.", post.because.trim_end_matches('.'))
        }
        PostState::Withdrawn => format!("It is not to be posted any more: {}.", post.because.trim_end_matches('.')),
    };
    let is_persons = matches!(state, PostState::Failed | PostState::Kit) && !content.text.is_empty();
    // A person's own server takes it, where we know which one that is.
    let server = intents::server(&account.server).unwrap_or_else(|| MASTODON.to_owned());
    let intent = intents::intent(placement, &content.text, &content.link, &server);
    View {
        title: format!("A post for {network}"),
        text,
        notice: None,
        picture: (!content.image.is_empty())
            .then(|| (format!("/media/{}.png", content.image), content.alt.clone())),
        words: content.text,
        link: content.link,
        approve: (state == PostState::WaitingApproval)
            .then(|| (format!("/post/{token}/approve"), post.hash.clone())),
        told: (is_persons && post.shared_ms.is_none()).then(|| format!("/post/{token}/shared")),
        share: intent.filter(|_| is_persons).map(|intent| (intent, network)),
        remote: (!post.remote_url.is_empty()).then(|| post.remote_url.clone()),
    }
}

/// What approving sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    hash: String,
}

/// `POST /post/{token}/approve`
pub async fn approve(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Body(sent): Body<Sent>,
) -> Answer {
    let post = opened(&ctx, &token).await?;
    match social::approve(&ctx, ACTOR, &post.id, &sent.hash).await {
        Ok(()) => Ok(respond::see_other(&format!("/post/{token}?done=approved"))),
        Err(error) if error.kind() == Kind::Conflict => {
            show(&ctx, &token, Some(("bad", error.public().to_owned()))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /post/{token}/shared`: "I shared it".
pub async fn shared(
    State(ctx): State<Arc<Context>>,
    Extension(throttle): Extension<Arc<Throttle>>,
    Asking(visitor): Asking,
    Path(token): Path<String>,
) -> Answer {
    throttle.stay(&ctx, &visitor).map_err(Problem::too_often)?;
    let post = opened(&ctx, &token).await?;
    match social::share(&ctx, ACTOR, &post.id, &visitor).await {
        Ok(()) => Ok(respond::see_other(&format!("/post/{token}?done=shared"))),
        Err(error) if error.kind() == Kind::Conflict => {
            show(&ctx, &token, Some(("bad", error.public().to_owned()))).await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
impl View {
    /// One that waits for approval, or one to be shared by hand.
    pub fn sample(waits: bool) -> Self {
        Self {
            title: "A post for Bluesky".into(),
            text: "It is posted in your account northlight.example once you approve it.".into(),
            notice: waits.then(|| ("bad", "its text has changed since you looked; look at it again".into())),
            words: "A green tick means a copy was made.\n\n<b>It does not mean</b> you can open it.".into(),
            link: "https://cast.example/t/abc/northlight/blog/restores-not-backups?post=3kabc".into(),
            picture: Some(("/media/abc.png".into(), "A question".into())),
            approve: waits.then(|| ("/post/abc/approve".into(), "0".repeat(64))),
            told: (!waits).then(|| "/post/abc/shared".into()),
            share: (!waits).then(|| ("https://bsky.app/intent/compose?text=a".into(), "Bluesky")),
            remote: (!waits).then(|| "https://bsky.app/profile/a/post/b".into()),
        }
    }
}
