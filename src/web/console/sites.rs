//! Partners' own sites that articles are posted to: the list, the form that connects one, and what stands on each.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{signin::Actor, suppressions::Notice};
use crate::{
    domain::kernel::{Error, Kind},
    store::{
        partners,
        site_posts::{self, Post},
        sites::{self, Site},
    },
    web::{
        error::Problem,
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{Choice, Fact, chart::Badge, counted, when::Moment},
    },
    work::{
        Context,
        sites::{self as work, Connect},
    },
};

/// Where it is.
const PATH: &str = "/console/sites";

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `2 sites`
    pub text: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// The sites.
    pub lines: Vec<Line>,
    /// Whose it may be.
    pub partners: Vec<Choice>,
    /// What was typed, without the password.
    pub typed: Typed,
}

/// A site in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// Where.
    pub url: String,
    /// Whose.
    pub partner: String,
    /// As drafts, or public.
    pub mode: &'static str,
    /// How it stands.
    pub state: Badge,
    /// Why.
    pub because: String,
}

/// The form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    partner: String,
    url: String,
    username: String,
    #[serde(skip_serializing)]
    password: String,
    mode: String,
    since: String,
    contact_email: String,
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Typed({} at {}, password redacted)", self.username, self.url)
    }
}

/// One site.
#[derive(Debug, Serialize)]
pub struct View {
    /// Its address among our pages.
    pub href: String,
    /// Where.
    pub url: String,
    /// How it stands.
    pub state: Badge,
    /// Why.
    pub because: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// What is known.
    pub facts: Vec<Fact>,
    /// Its posts, the last changed first.
    pub posts: Vec<PostLine>,
}

/// A post.
#[derive(Debug, Serialize)]
pub struct PostLine {
    /// The asset.
    pub asset: String,
    /// How it stands.
    pub state: Badge,
    /// Why, and when it is tried next.
    pub because: String,
    /// The site's own id.
    pub remote: String,
    /// Its address there.
    pub link: Option<String>,
    /// When that was last recorded.
    pub at: Moment,
    /// Whether it may be tried again.
    pub again: bool,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
}

/// What is tried again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Again {
    asset: String,
}

/// `GET /console/sites`
pub async fn list(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let done = (asked.done == "disconnect").then(|| Notice {
        tone: "good",
        text: "Forgotten, with its password. What was posted stays there, and is the partner’s.".to_owned(),
    });
    show_list(&ctx, Typed::default(), done).await
}

async fn show_list(ctx: &Context, typed: Typed, notice: Option<Notice>) -> Answer {
    let all = partners::all_partners(&ctx.db).await?;
    let name = |slug: &str| {
        let partner = all.iter().find(|partner| partner.slug.as_str() == slug);
        partner.map_or_else(|| slug.to_owned(), |partner| partner.name.clone())
    };
    let sites = sites::list(&ctx.db, None).await?;
    let lines: Vec<Line> = sites
        .into_iter()
        .map(|site| Line {
            href: format!("{PATH}/{}", site.id),
            partner: name(&site.partner_slug),
            mode: mode(&site),
            state: badge(&site),
            url: site.url,
            because: site.because,
        })
        .collect();
    let view = ListView {
        text: counted(lines.len(), "site", "sites"),
        notice,
        lines,
        partners: all.iter().map(|partner| Choice::new(partner.slug.as_str(), &partner.name)).collect(),
        typed,
    };
    respond::page(ctx, "console/sites", &Frame::new(ctx, Area::Console, "Sites", PATH), &view)
}

fn mode(site: &Site) -> &'static str {
    if site.mode == "publish" { "public at once" } else { "as drafts" }
}

fn badge(site: &Site) -> Badge {
    match site.state.as_str() {
        "active" => Badge::new("good", "connected"),
        _ => Badge::new("bad", "refuses us"),
    }
}

/// `POST /console/sites`
pub async fn connect(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Body(typed): Body<Typed>,
) -> Answer {
    let order = Connect {
        partner: typed.partner.clone(),
        url: typed.url.clone(),
        username: typed.username.clone(),
        password: typed.password.clone(),
        mode: typed.mode.clone(),
        since: typed.since.clone(),
        contact_email: typed.contact_email.clone(),
    };
    match work::connect(&ctx, &actor, &order).await {
        Ok(site) => Ok(respond::see_other(&format!("{PATH}/{}?done=connect", site.id))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show_list(&ctx, typed, Some(notice)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /console/sites/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let done = match asked.done.as_str() {
        "connect" => Some("Connected: its account may post. What is due is posted now."),
        "retry" => Some("It is tried now."),
        _ => None,
    };
    show(&ctx, &id, done.map(|text| Notice { tone: "good", text: text.to_owned() })).await
}

async fn show(ctx: &Context, id: &str, notice: Option<Notice>) -> Answer {
    let site = sites::site(&ctx.db, id).await?.ok_or_else(|| Error::not_found("this site"))?;
    let (_, zone) = frame::vendor(ctx);
    let line = |post: Post| PostLine {
        state: post_badge(&post.state),
        because: match (post.state.as_str(), post.because.as_str()) {
            ("waiting", because) if !because.is_empty() && site.state == "active" => {
                format!("{because}; again {}", Moment::short(post.due_ms, zone).text)
            }
            (_, because) => because.to_owned(),
        },
        remote: post.remote_id.map(|id| id.to_string()).unwrap_or_default(),
        link: Some(post.remote_url).filter(|url| !url.is_empty()),
        at: Moment::short(post.changed_ms, zone),
        again: matches!(post.state.as_str(), "waiting" | "failed" | "gone") && site.state == "active",
        asset: post.asset,
    };
    let posts: Vec<PostLine> = site_posts::of_site(&ctx.db, id).await?.into_iter().map(line).collect();
    let view = View {
        href: format!("{PATH}/{id}"),
        url: site.url.clone(),
        state: badge(&site),
        because: site.because.clone(),
        notice,
        facts: vec![
            Fact::new("Of", site.partner_slug.clone()),
            Fact::new("User", site.username.clone()),
            Fact::new("Posts", mode(&site)),
            Fact::new("What is published from", site.since_day.clone()),
            Fact::new("Contact", site.contact_email.clone()),
            Fact::new(
                "Connected",
                format!("{} by {}", Moment::full(site.created_ms, zone).text, site.created_by),
            ),
        ],
        posts,
    };
    let frame = Frame::new(ctx, Area::Console, format!("Site: {}", site.url), PATH);
    respond::page(ctx, "console/site", &frame, &view)
}

fn post_badge(state: &str) -> Badge {
    match state {
        "placed" => Badge::new("good", "stands there"),
        "withdrawn" => Badge::new("", "withdrawn"),
        "waiting" => Badge::new("warn", "waits"),
        "sending" => Badge::new("warn", "on its way"),
        "gone" => Badge::new("", "taken away there"),
        _ => Badge::new("bad", "failed"),
    }
}

/// `POST /console/sites/{id}/{action}`
pub async fn act(
    State(ctx): State<Arc<Context>>,
    Path((id, action)): Path<(String, String)>,
    Actor(actor): Actor,
    Body(again): Body<Again>,
) -> Answer {
    let asset = Some(again.asset.as_str()).filter(|asset| !asset.is_empty());
    let done = match action.as_str() {
        "retry" => work::retry(&ctx, &actor, &id, asset).await.map(|_| format!("{PATH}/{id}?done=retry")),
        "disconnect" => work::disconnect(&ctx, &actor, &id).await.map(|_| format!("{PATH}?done=disconnect")),
        _ => return Err(Problem::no_page()),
    };
    match done {
        Ok(to) => Ok(respond::see_other(&to)),
        Err(error) if error.kind() == Kind::Conflict => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, &id, Some(notice)).await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
impl ListView {
    /// One that works and one that refuses us, or nothing.
    pub fn sample(some: bool) -> Self {
        let line = |url: &str, state: Badge, because: &str| Line {
            href: "#".into(),
            url: url.into(),
            partner: "Northlight MSP".into(),
            mode: "as drafts",
            state,
            because: because.into(),
        };
        let lines = vec![
            line("https://northlight.example", Badge::new("good", "connected"), ""),
            line(
                "https://blog.northlight.example",
                Badge::new("bad", "refuses us"),
                "it refuses the name or the password (it answers 401: Sorry, you are not allowed to do that.)",
            ),
        ];
        Self {
            text: if some { "2 sites" } else { "0 sites" }.into(),
            notice: (!some).then(|| Notice { tone: "bad", text: "It cannot be connected.".into() }),
            lines: if some { lines } else { Vec::new() },
            partners: vec![Choice::new("northlight", "Northlight MSP")],
            typed: Typed::default(),
        }
    }
}

#[cfg(test)]
impl View {
    /// With posts, or none yet.
    pub fn sample(some: bool) -> Self {
        let post = |asset: &str, state: &str, because: &str| PostLine {
            asset: asset.into(),
            state: post_badge(state),
            because: because.into(),
            remote: "17".into(),
            link: Some("https://northlight.example/?p=17".into()),
            at: Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo),
            again: state != "placed",
        };
        Self {
            href: "/console/sites/sit_1".into(),
            url: "https://northlight.example".into(),
            state: Badge::new("good", "connected"),
            because: String::new(),
            notice: None,
            facts: vec![Fact::new("Of", "northlight"), Fact::new("Posts", "as drafts")],
            posts: if some {
                vec![
                    post("blog/restores-not-backups", "placed", ""),
                    post("blog/ransomware-first-hour", "waiting", "it answers 503; again Tue 12 Jan, 08:05"),
                    post("blog/pricing-proof-not-storage", "gone", "it was taken away there"),
                ]
            } else {
                Vec::new()
            },
        }
    }
}
