//! One account at a social network: how it fares, its posts, each with its tries, and what may be done.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    signin::Actor,
    social::{PATH, badge, because, mode_label, modes, network_label},
    suppressions::{Choice, Notice},
};
use crate::{
    domain::{
        kernel::{Error, Kind, Result},
        social::{Content, Mode},
    },
    store::social::{
        Account, Post, accounts,
        posts::{self, Attempt},
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Choice as Pick, Fact,
            chart::Badge,
            when::{Moment, span},
            words,
        },
    },
    work::{
        Context,
        social::{self, PostLink},
    },
};

/// Posts of one page.
const PAGE: i64 = 50;

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its address among our pages.
    pub href: String,
    /// As people know it.
    pub handle: String,
    /// `Bluesky`
    pub network: String,
    /// How it stands.
    pub state: Badge,
    /// Why.
    pub because: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// Its partner's page.
    pub partner: (String, String),
    /// What is known.
    pub facts: Vec<Fact>,
    /// Whether we have its password or token.
    pub has_secret: bool,
    /// Whether it is connected.
    pub is_connected: bool,
    /// Modes to choose from, with the present one.
    pub modes: Vec<Pick>,
    /// The present mode's word.
    pub mode: String,
    /// The post that is looked at.
    pub looked: Option<Looked>,
    /// Its latest posts.
    pub posts: Vec<Line>,
    /// Older ones.
    pub more: Option<String>,
    /// States to choose from, by their addresses.
    pub shown: Vec<Choice>,
}

/// A post in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its tries.
    pub href: String,
    /// When it was made.
    pub made: Moment,
    /// The beginning of its text.
    pub text: String,
    /// How it stands.
    pub state: Badge,
    /// When it is tried next, or why it stands so.
    pub next: String,
    /// How often it was tried.
    pub tries: i64,
}

/// A post with its tries.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// `spo_…`
    pub id: String,
    /// Its words.
    pub text: String,
    /// Its link.
    pub link: String,
    /// What stands for its picture; none without one.
    pub picture: Option<Picture>,
    /// Its hash, to which approval is bound.
    pub hash: String,
    /// How it stands.
    pub state: Badge,
    /// Its address at the network.
    pub remote: Option<String>,
    /// Its id there.
    pub remote_id: String,
    /// Who approved it.
    pub approved: Option<String>,
    /// When the partner's own people said that they shared it by hand.
    pub shared: Option<Moment>,
    /// Where it is approved; none where nobody has to.
    pub approve: Option<String>,
    /// Where it is sent again; none where it need not be.
    pub retry: Option<String>,
    /// What the partner's own people see of it.
    pub own: String,
    /// Its tries.
    pub tries: Vec<Try>,
}

/// A picture of ours.
#[derive(Debug, Serialize)]
pub struct Picture {
    /// Its address.
    pub src: String,
    /// What stands for it.
    pub alt: String,
}

/// A try.
#[derive(Debug, Serialize)]
pub struct Try {
    /// When.
    pub at: Moment,
    /// What it came to.
    pub verdict: Badge,
    /// Status and time: `429 after 120 ms`.
    pub answer: String,
    /// What was done, and what was said.
    pub detail: String,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
    state: String,
    before: String,
    post: String,
}

/// `GET /console/social/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done = match asked.done.as_str() {
        "connect" => Some("Connected. What becomes visible from now on makes a post here."),
        "again" => Some("Connected again. It goes on with what waits."),
        "mode" => Some("Changed for what is new; what is there already stays as it is."),
        "approve" => Some("Approved. It is posted in a moment."),
        "retry" => Some("It is sent in a moment."),
        "test" => Some("Its server lets us in."),
        _ => None,
    };
    let notice = done.map(|text| Notice { tone: "good", text: text.to_owned() });
    show(&ctx, &id, &asked, notice).await
}

async fn show(ctx: &Context, id: &str, asked: &Asked, notice: Option<Notice>) -> Answer {
    let account = accounts::account(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this account"))?;
    let (_, zone) = frame::vendor(ctx);
    let href = format!("{PATH}/{id}");
    let state = Some(asked.state.as_str()).filter(|state| !state.is_empty());
    let before = Some(asked.before.as_str()).filter(|before| before.starts_with("spo_"));
    let listed = posts::list(&ctx.db, id, state, before, PAGE).await?;
    let more = (i64::try_from(listed.len()) == Ok(PAGE)).then(|| {
        let last = listed.last().map(|post| post.id.as_str()).unwrap_or_default();
        format!("{href}?state={}&before={last}", state.unwrap_or_default())
    });
    let shown = [
        ("", "All"),
        ("waiting_approval", "To approve"),
        ("due", "Due"),
        ("posted", "Posted"),
        ("failed", "Failed"),
    ];
    let sealed = accounts::sealed(&ctx.db, id).await?;
    let view = View {
        handle: account.handle.clone(),
        network: network_label(&account.network),
        state: badge(&account, ctx.now_ms()),
        because: because(&account, zone, ctx.now_ms()),
        notice,
        partner: (format!("/console/partners/{}", account.partner_slug), account.partner_slug.clone()),
        facts: facts(ctx, &account, zone).await?,
        has_secret: sealed.is_some_and(|(secret, _)| !secret.is_empty()),
        is_connected: account.state != "disconnected",
        modes: modes(),
        mode: account.mode.clone(),
        looked: looked(ctx, &account, &asked.post, &href, zone).await?,
        posts: listed.iter().map(|post| line(&href, post, zone)).collect(),
        more,
        shown: shown
            .into_iter()
            .map(|(word, label)| Choice {
                value: format!("{href}?state={word}#posts"),
                label: label.to_owned(),
                chosen: asked.state == word,
            })
            .collect(),
        href,
    };
    let frame = Frame::new(ctx, Area::Console, format!("{} at {}", view.handle, view.network), PATH);
    respond::page(ctx, "console/social_account", &frame, &view)
}

async fn facts(ctx: &Context, account: &Account, zone: Tz) -> Result<Vec<Fact>> {
    let counts = posts::counts(&ctx.db, &account.id).await?;
    let counts: Vec<String> =
        counts.iter().map(|(state, count)| format!("{count} {}", words(state))).collect();
    let some = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    let ends =
        account.expires_ms.map_or("not known to end".to_owned(), |at_ms| Moment::full(at_ms, zone).text);
    Ok(vec![
        Fact::new("Server", some(&account.server)),
        Fact::new("Known there as", &account.remote_id),
        Fact::new("New posts are", Mode::parse(&account.mode).map_or("", mode_label)),
        Fact::new("Token", ends),
        Fact::new(
            "Last let in",
            account.worked_ms.map_or("–".to_owned(), |at_ms| Moment::full(at_ms, zone).text),
        ),
        Fact::new(
            "Connected",
            format!("{}, by {}", Moment::full(account.connected_ms, zone).text, account.connected_by),
        ),
        Fact::new("Posts", some(&counts.join(", "))),
    ])
}

fn state_badge(post: &Post) -> Badge {
    if post.shared_ms.is_some() {
        return Badge::new("good", "shared by hand");
    }
    if post.is_there {
        return Badge::new("good", "there already");
    }
    let tone = match post.state.as_str() {
        "posted" => "good",
        "failed" => "bad",
        "waiting_approval" => "warn",
        "sending" => "brand",
        _ => "",
    };
    let word = match post.state.as_str() {
        "waiting_approval" => "to approve".to_owned(),
        "kit" => "mailed to be shared".to_owned(),
        state => state.to_owned(),
    };
    Badge::new(tone, word)
}

fn content_of(post: &Post) -> Content {
    serde_json::from_str(&post.content).unwrap_or_default()
}

fn line(href: &str, post: &Post, zone: Tz) -> Line {
    let text: String = content_of(post).text.chars().take(120).collect();
    let next = match post.state.as_str() {
        "due" if post.attempts > 0 => {
            let next = Moment::short(post.due_ms, zone).text;
            if post.because.is_empty() {
                format!("next try {next}")
            } else {
                format!("{}; next try {next}", post.because)
            }
        }
        _ => post.because.clone(),
    };
    Line {
        href: format!("{href}?post={}#post", post.id),
        made: Moment::short(post.made_ms, zone),
        text: if text.is_empty() { post.asset.clone() } else { text },
        state: state_badge(post),
        next,
        tries: post.attempts,
    }
}

async fn looked(ctx: &Context, account: &Account, id: &str, href: &str, zone: Tz) -> Result<Option<Looked>> {
    if id.is_empty() {
        return Ok(None);
    }
    let post = posts::post(&ctx.db, id).await?.filter(|post| post.account_id == account.id);
    let Some(post) = post else { return Ok(None) };
    let content = content_of(&post);
    let tries = posts::attempts(&ctx.db, id).await?.into_iter().map(|it| tried(it, zone)).collect();
    let may_retry = account.state == "active" && post.remote_uri.is_empty() && post.shared_ms.is_none();
    let may_retry = may_retry && matches!(post.state.as_str(), "failed" | "kit" | "withdrawn" | "due");
    Ok(Some(Looked {
        state: state_badge(&post),
        picture: (!content.image.is_empty())
            .then(|| Picture { src: format!("/media/{}.png", content.image), alt: content.alt.clone() }),
        text: content.text,
        link: content.link,
        remote: (!post.remote_url.is_empty()).then(|| post.remote_url.clone()),
        approved: post
            .approved_ms
            .map(|at_ms| format!("{}, {}", post.approved_by, Moment::full(at_ms, zone).text)),
        shared: post.shared_ms.map(|at_ms| Moment::full(at_ms, zone)),
        approve: (post.state == "waiting_approval").then(|| format!("{href}/approve")),
        retry: may_retry.then(|| format!("{href}/retry")),
        own: PostLink::new(&post.id)?.path(&ctx.keys),
        hash: post.hash,
        remote_id: post.remote_uri,
        id: post.id,
        tries,
    }))
}

fn tried(attempt: Attempt, zone: Tz) -> Try {
    let tone = match attempt.verdict.as_str() {
        "posted" | "found" => "good",
        "denied" | "refused" => "bad",
        _ => "warn",
    };
    let took =
        if attempt.took_ms < 1_000 { format!("{} ms", attempt.took_ms) } else { span(attempt.took_ms) };
    Try {
        at: Moment::short(attempt.at_ms, zone),
        verdict: Badge::new(tone, attempt.verdict),
        answer: attempt
            .status
            .map_or_else(|| format!("after {took}"), |status| format!("{status} after {took}")),
        detail: attempt.detail,
    }
}

/// What a form says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    post: String,
    hash: String,
    mode: String,
}

/// `POST /console/social/{id}/{action}`
pub async fn act(
    State(ctx): State<Arc<Context>>,
    Path((id, action)): Path<(String, String)>,
    Actor(actor): Actor,
    Body(sent): Body<Sent>,
) -> Answer {
    let done = match action.as_str() {
        "mode" => social::set_mode(&ctx, &actor, &id, &sent.mode).await,
        // To its end, whoever goes away meanwhile: it may bring tokens that are to be had once.
        "test" => {
            let work = {
                let (ctx, actor, id) = (ctx.clone(), actor.clone(), id.clone());
                async move { social::test(&ctx, &actor, &id).await }
            };
            tokio::spawn(work).await.map_err(|error| Error::internal("a try").because(error))?.map(drop)
        }
        "approve" => social::approve(&ctx, &actor, &sent.post, &sent.hash).await,
        "retry" => social::retry(&ctx, &actor, &sent.post).await,
        "disconnect" => social::disconnect(&ctx, &actor, &id).await,
        _ => return Err(Error::not_found("this action").into()),
    };
    let post = if sent.post.is_empty() { String::new() } else { format!("&post={}#post", sent.post) };
    match done {
        Ok(()) if action == "disconnect" => Ok(respond::see_other(&format!("{PATH}?done=disconnect"))),
        // What is written into the address was typed by nobody but by our own page; an id has no other letters.
        Ok(()) if sent.post.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Ok(respond::see_other(&format!("{PATH}/{id}?done={action}{post}")))
        }
        Ok(()) => Ok(respond::see_other(&format!("{PATH}/{id}?done={action}"))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, &id, &Asked { post: sent.post, ..Asked::default() }, Some(notice)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
impl View {
    /// One with a post that waits, or one that was taken away.
    pub fn sample(is_connected: bool) -> Self {
        let at = || Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo);
        let line = |state: Badge, next: &str| Line {
            href: "#".into(),
            made: at(),
            text: "A green tick means a copy was made. It does not mean you can open it.".into(),
            state,
            next: next.into(),
            tries: 2,
        };
        let attempt = |verdict: Badge, answer: &str, detail: &str| Try {
            at: at(),
            verdict,
            answer: answer.into(),
            detail: detail.into(),
        };
        let looked = Looked {
            id: "spo_0190a5f4c0de7abc8def0123456789ab".into(),
            text: "A green tick means a copy was made.\n\n<b>It does not mean</b> you can open it.".into(),
            link: "https://cast.example/t/abc/northlight/blog/restores-not-backups?post=3kabc".into(),
            picture: Some(Picture { src: "/media/abc.png".into(), alt: "A question".into() }),
            hash: "0".repeat(64),
            state: Badge::new("warn", "to approve"),
            remote: Some("https://bsky.app/profile/did:plc:abc/post/3kabc".into()),
            remote_id: "at://did:plc:abc/app.bsky.feed.post/3kabc".into(),
            approved: Some("Ingrid, Tue 12 Jan, 09:00".into()),
            shared: Some(Moment::full(1_799_744_700_000, chrono_tz::Europe::Oslo)),
            approve: Some("#".into()),
            retry: Some("#".into()),
            own: "/post/abc".into(),
            tries: vec![
                attempt(Badge::new("warn", "uncertain"), "after 10 s", "no answer within 10 s"),
                attempt(Badge::new("good", "found"), "200 after 90 ms", ""),
            ],
        };
        Self {
            href: "/console/social/soc_1".into(),
            handle: "@a-very-long-name-of-an-account@mastodon.northlight.example".into(),
            network: "Mastodon".into(),
            state: Badge::new("bad", "connect again"),
            because: "The access token is invalid".into(),
            notice: Some(Notice { tone: "bad", text: "its text has changed since you looked".into() }),
            partner: ("#".into(), "northlight".into()),
            facts: vec![
                Fact::new("Server", "https://mastodon.northlight.example"),
                Fact::new("Posts", "2 posted"),
            ],
            has_secret: true,
            is_connected,
            modes: modes(),
            mode: "approve".into(),
            looked: is_connected.then_some(looked),
            posts: if is_connected {
                vec![
                    line(Badge::new("warn", "to approve"), ""),
                    line(Badge::new("bad", "failed"), "no try is left"),
                ]
            } else {
                Vec::new()
            },
            more: Some("#".into()),
            shown: vec![Choice { value: "#".into(), label: "All".into(), chosen: true }],
        }
    }
}
